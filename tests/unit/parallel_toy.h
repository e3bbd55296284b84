/* tests/unit/parallel_toy.h - a world of five accounts with four slots each, and transactions that
 * are short lists of operations on it: run through the parallel machinery (struct toy_run is the
 * body), or by a plain loop (toy_reference) that shares no code with it. */
#ifndef TESTS_UNIT_PARALLEL_TOY_H
#define TESTS_UNIT_PARALLEL_TOY_H

#include <stdlib.h>

#include "evm/core/u256.h"
#include "evm/parallel/blockrun.h"

enum { TOY_ACCOUNTS = 5, TOY_SLOTS = 4, TOY_OPS = 6, TOY_BENEFICIARY = 0 };

struct toy_account {
    bool exists,
        stored; /* stored: of the world before the block only; later it follows from the slots */
    uint64_t balance, nonce, slots[TOY_SLOTS];
};
struct toy_world {
    struct toy_account accounts[TOY_ACCOUNTS];
};

enum toy_op {
    TOY_NOP,
    TOY_LOAD,     /* acc += slot */
    TOY_STORE,    /* slot = f(acc), unread */
    TOY_UPDATE,   /* slot = f(slot, acc) */
    TOY_CLEAR,    /* slot = 0 */
    TOY_TRANSFER, /* some balance to account `key`, if there is enough */
    TOY_BALANCE,  /* acc += balance */
    TOY_NONCE,    /* acc += nonce++ */
    TOY_EXISTS,   /* acc += exists */
    TOY_STORED,   /* acc += has storage */
    TOY_WIPE,     /* all slots 0, nonce++ */
    TOY_INVALID,  /* the transaction is invalid if acc is odd */
    TOY_DELETE,   /* the account goes at the end of the transaction */
    TOY_OP_COUNT
};
struct toy_instr {
    uint8_t op, account, key, value;
    uint16_t work; /* cost before it */
};
struct toy_tx {
    struct toy_instr code[TOY_OPS];
    uint32_t count;
    uint64_t gas_limit, gas, fee;
};
struct toy_block {
    struct toy_world before;
    struct toy_tx *txs;
    uint32_t tx_count;
    uint64_t gas_limit;
    enum evm_invalid_policy policy;
};

/* ---- drawing --------------------------------------------------------------------------------- */

static inline uint64_t toy_draw(uint64_t *rng)
{
    uint64_t x = *rng += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static inline void toy_draw_world(struct toy_world *w, uint64_t *rng)
{
    *w = (struct toy_world){0};
    for (int a = 0; a < TOY_ACCOUNTS; a++) {
        struct toy_account *acc = &w->accounts[a];
        uint64_t r = toy_draw(rng);
        if (r % 4 == 0)
            continue;
        acc->exists = true;
        acc->balance = r >> 40;
        acc->nonce = r >> 8 & 7;
        for (int k = 0; k < TOY_SLOTS && r >> 16 & 3; k++) {
            acc->slots[k] = toy_draw(rng) >> 20 & (toy_draw(rng) & 1 ? UINT64_MAX : 0);
            acc->stored |= acc->slots[k] != 0;
        }
    }
}

/* hot: share, in 256, of accesses that go to slot 1 of account 1. */
static inline void toy_draw_tx(struct toy_tx *tx, uint64_t *rng, unsigned hot)
{
    *tx = (struct toy_tx){.count = 1 + (uint32_t)(toy_draw(rng) % TOY_OPS)};
    tx->gas_limit = 1000 + toy_draw(rng) % 1000;
    tx->gas = tx->gas_limit - toy_draw(rng) % 500;
    tx->fee = toy_draw(rng) % 4 ? toy_draw(rng) % 1000 : 0;
    for (uint32_t i = 0; i < tx->count; i++) {
        uint64_t r = toy_draw(rng);
        struct toy_instr *c = &tx->code[i];
        c->op = (uint8_t)(r % (TOY_OP_COUNT + 6));
        if (c->op >= TOY_OP_COUNT)
            c->op = r & 256 ? TOY_UPDATE : TOY_TRANSFER;
        if (c->op == TOY_DELETE && (i + 1 < tx->count || (r >> 50 & 3)))
            c->op = TOY_LOAD;
        c->account = (uint8_t)((r >> 16) % TOY_ACCOUNTS);
        c->key = (uint8_t)((r >> 24) % TOY_SLOTS);
        c->value = (uint8_t)(r >> 32);
        c->work = (uint16_t)(r >> 40 & 2047);
        if ((r >> 52 & 255) < hot) {
            c->account = 1;
            c->key = 1;
        }
    }
}

/* ---- the plain loop -------------------------------------------------------------------------- */

static inline bool toy_has_storage(const struct toy_account *a)
{
    return a->stored || a->slots[0] || a->slots[1] || a->slots[2] || a->slots[3];
}

/* EXISTS and STORED tell what was so at the start of the transaction. */
static inline void toy_step_plain(struct toy_world *w, const struct toy_world *start,
                                  const struct toy_instr *c, uint64_t *acc, bool *invalid)
{
    struct toy_account *a = &w->accounts[c->account];
    struct toy_account *to = &w->accounts[c->key];
    uint64_t amount = 1 + c->value;
    switch (c->op) {
    case TOY_LOAD: *acc += a->slots[c->key]; return;
    case TOY_STORE: a->slots[c->key] = *acc * 5 + c->value + 1; return;
    case TOY_UPDATE: a->slots[c->key] = a->slots[c->key] * 3 + *acc + c->value; return;
    case TOY_CLEAR: a->slots[c->key] = 0; return;
    case TOY_TRANSFER:
        if (a == to || a->balance < amount)
            return;
        a->balance -= amount;
        to->balance += amount;
        return;
    case TOY_BALANCE: *acc += a->balance; return;
    case TOY_NONCE: *acc += a->nonce++; return;
    case TOY_EXISTS: *acc += start->accounts[c->account].exists; return;
    case TOY_STORED: *acc += toy_has_storage(&start->accounts[c->account]); return;
    case TOY_WIPE:
        memset(a->slots, 0, sizeof a->slots);
        a->nonce++;
        return;
    case TOY_INVALID: *invalid = *acc & 1; return;
    case TOY_DELETE: *a = (struct toy_account){0}; return;
    default: return;
    }
}

/* Existence and storage follow the difference that a transaction makes, not its operations. */
static inline void toy_settle_plain(struct toy_account *a, const struct toy_account *was,
                                    bool wiped)
{
    bool differs = a->balance != was->balance || a->nonce != was->nonce;
    for (int k = 0; k < TOY_SLOTS; k++)
        differs |= a->slots[k] != was->slots[k];
    a->exists = was->exists || differs;
    a->stored = was->stored && !wiped;
}

/* False if it is invalid. */
static inline bool toy_tx_plain(struct toy_world *w, const struct toy_tx *tx)
{
    const struct toy_world start = *w;
    uint64_t acc = 0;
    bool invalid = false, wiped[TOY_ACCOUNTS] = {0}, deleted[TOY_ACCOUNTS] = {0};
    for (uint32_t i = 0; i < tx->count && !invalid; i++) {
        toy_step_plain(w, &start, &tx->code[i], &acc, &invalid);
        wiped[tx->code[i].account] |= tx->code[i].op == TOY_WIPE;
        deleted[tx->code[i].account] |= tx->code[i].op == TOY_DELETE;
    }
    if (invalid) {
        *w = start;
        return false;
    }
    for (int a = 0; a < TOY_ACCOUNTS; a++)
        if (!deleted[a])
            toy_settle_plain(&w->accounts[a], &start.accounts[a], wiped[a]);
    if (deleted[TOY_BENEFICIARY])
        return true;
    w->accounts[TOY_BENEFICIARY].balance += tx->fee;
    w->accounts[TOY_BENEFICIARY].exists = true;
    return true;
}

static inline bool toy_reference(const struct toy_block *b, struct toy_world *w, uint64_t *gas,
                                 enum evm_tx_invalid *why, uint32_t *which)
{
    *w = b->before;
    *gas = 0;
    *why = EVM_TX_VALID;
    for (uint32_t i = 0; i < b->tx_count; i++) {
        struct toy_world trial = *w;
        bool valid = toy_tx_plain(&trial, &b->txs[i]);
        bool fits = b->txs[i].gas_limit <= b->gas_limit - *gas;
        if (valid && fits) {
            *w = trial;
            *gas += b->txs[i].gas;
        } else if (b->policy == EVM_INVALID_REJECTS_BLOCK) {
            *why = valid ? EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK : EVM_TX_NONCE_TOO_LOW;
            *which = i;
            return false;
        }
    }
    return true;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static inline struct evm_addr toy_addr(unsigned a)
{
    struct evm_addr addr = {{0xab, (uint8_t)(0x50 - a), 7}};
    addr.b[19] = (uint8_t)a;
    return addr;
}

static inline unsigned toy_account_of(const struct evm_addr *a)
{
    return a->b[19];
}

static inline struct evm_u256 toy_key(unsigned k)
{
    return (struct evm_u256){{k, 0, 0, k & 1 ? 0x7777000011110000u : 0}};
}

/* ---- the base view --------------------------------------------------------------------------- */

static inline enum evm_read toy_view_account(void *self, const struct evm_addr *addr, unsigned need,
                                             struct evm_account *out)
{
    const struct toy_account *a = &((struct toy_world *)self)->accounts[toy_account_of(addr)];
    (void)need;
    *out = (struct evm_account){.balance = evm_u256_of(a->balance),
                                .nonce = a->nonce,
                                .code_hash = evm_code_empty()->hash,
                                .exists = a->exists,
                                .has_storage = a->stored};
    return EVM_READ_OK;
}

static inline enum evm_read toy_view_slot(void *self, const struct evm_addr *addr,
                                          const struct evm_u256 *key, struct evm_u256 *out)
{
    const struct toy_world *w = self;
    *out = evm_u256_of(w->accounts[toy_account_of(addr)].slots[key->w[0]]);
    return EVM_READ_OK;
}

static inline void toy_view_hash(void *self, uint64_t number, struct evm_hash *out)
{
    (void)self;
    memset(out, (int)number, sizeof *out);
}

static const struct evm_view_ops toy_view_ops = {toy_view_account, toy_view_slot, toy_view_hash};

/* ---- the body: a journal in miniature -------------------------------------------------------- */

struct toy_local {
    unsigned loaded; /* enum evm_need */
    bool slot_loaded[TOY_SLOTS], wiped, deleted, stored_known;
    bool observed;   /* its balance */
    uint64_t needed; /* else: what the balance at the start had to reach */
    struct toy_account now, was;
};
struct toy_run {
    const struct toy_tx *tx;
    struct evm_view view;
    uint32_t pc;
    uint64_t acc;
    bool invalid, charged;
    struct toy_local accounts[TOY_ACCOUNTS];
    struct evm_changes changes;
    struct evm_tx_outcome outcome;
    struct toy_run *saved; /* EVM_RUN_SAVES */
};

static inline void *toy_create(void *self)
{
    struct toy_run *r = calloc(1, sizeof *r);
    (void)self;
    if (r)
        evm_changes_init(&r->changes);
    if (r)
        r->saved = calloc(EVM_RUN_SAVES, sizeof *r->saved);
    return r;
}

static inline void toy_destroy(void *body)
{
    struct toy_run *r = body;
    evm_changes_fini(&r->changes);
    free(r->saved);
    free(r);
}

static inline void toy_begin(void *self, void *body, uint32_t tx, struct evm_view view)
{
    const struct toy_block *b = self;
    struct toy_run *r = body;
    struct evm_changes keep = r->changes;
    *r = (struct toy_run){.tx = &b->txs[tx], .view = view, .changes = keep, .saved = r->saved};
}

/* Enough for a state at every instruction but the first. */
static inline uint64_t toy_progress(const void *body)
{
    return ((const struct toy_run *)body)->pc * (uint64_t)100000;
}

static inline size_t toy_save(void *body, uint32_t k)
{
    struct toy_run *r = body;
    r->saved[k] = *r;
    return sizeof *r;
}

static inline size_t toy_restore(void *body, uint32_t k)
{
    struct toy_run *r = body;
    const struct evm_changes keep = r->changes; /* they are made at the end */
    *r = r->saved[k];
    r->changes = keep;
    return sizeof *r;
}

/* Loads fields; false: pending. */
static inline bool toy_need(struct toy_run *r, unsigned a, unsigned need)
{
    struct toy_local *l = &r->accounts[a];
    struct evm_account got;
    struct evm_addr addr = toy_addr(a);
    need &= ~l->loaded;
    if (!need)
        return true;
    if (r->view.ops->account(r->view.self, &addr, need, &got) == EVM_READ_PENDING)
        return false;
    l->loaded |= need;
    if (need & EVM_NEED_BALANCE)
        l->now.balance = l->was.balance = got.balance.w[0];
    /* A speculative sum may be below zero: nothing to compute with in 64 bits. */
    if ((need & EVM_NEED_BALANCE) && got.balance.w[3])
        l->observed = true;
    if (need & EVM_NEED_NONCE)
        l->now.nonce = l->was.nonce = got.nonce;
    if (need & EVM_NEED_EXISTS)
        l->now.exists = l->was.exists = got.exists;
    if (need & EVM_NEED_STORAGE)
        l->now.stored = l->was.stored = got.has_storage;
    return true;
}

static inline bool toy_need_slot(struct toy_run *r, unsigned a, unsigned k)
{
    struct toy_local *l = &r->accounts[a];
    struct evm_addr addr = toy_addr(a);
    struct evm_u256 key = toy_key(k), value;
    if (l->slot_loaded[k])
        return true;
    if (r->view.ops->slot(r->view.self, &addr, &key, &value) == EVM_READ_PENDING)
        return false;
    l->slot_loaded[k] = true;
    l->was.slots[k] = value.w[0];
    if (!l->wiped)
        l->now.slots[k] = value.w[0];
    return true;
}

/* What an instruction reads, all of it before it does anything. Everything that is written has been
 * read, as in the real journal; EXISTS and STORED only where they are asked for. */
static inline bool toy_load(struct toy_run *r, const struct toy_instr *c)
{
    const unsigned fields = EVM_NEED_BALANCE | EVM_NEED_NONCE;
    switch (c->op) {
    case TOY_LOAD:
    case TOY_STORE:
    case TOY_UPDATE:
    case TOY_CLEAR: return toy_need_slot(r, c->account, c->key);
    case TOY_TRANSFER:
        return toy_need(r, c->account, EVM_NEED_BALANCE) && toy_need(r, c->key, EVM_NEED_BALANCE);
    case TOY_BALANCE: return toy_need(r, c->account, EVM_NEED_BALANCE);
    case TOY_NONCE:
    case TOY_WIPE: return toy_need(r, c->account, EVM_NEED_NONCE);
    case TOY_EXISTS: return toy_need(r, c->account, EVM_NEED_EXISTS);
    case TOY_STORED: return toy_need(r, c->account, EVM_NEED_STORAGE);
    case TOY_DELETE: return toy_need(r, c->account, fields | EVM_NEED_CODE | EVM_NEED_EXISTS);
    default: return true;
    }
}

/* What the instruction finds out about a balance. */
static inline void toy_note_balance(struct toy_run *r, const struct toy_instr *c)
{
    struct toy_local *l = &r->accounts[c->account];
    uint64_t amount = 1 + (uint64_t)c->value, spent = l->was.balance - l->now.balance;
    if (c->op == TOY_BALANCE || c->op == TOY_DELETE)
        l->observed = true;
    if (c->op != TOY_TRANSFER || c->account == c->key)
        return;
    if (l->now.balance < amount)
        l->observed = true;
    else if ((int64_t)(spent + amount) > (int64_t)l->needed)
        l->needed = spent + amount;
}

static inline void toy_do(struct toy_run *r, const struct toy_instr *c)
{
    struct toy_world w, start;
    struct toy_local *l = &r->accounts[c->account];
    for (int a = 0; a < TOY_ACCOUNTS; a++) {
        w.accounts[a] = r->accounts[a].now;
        start.accounts[a] = r->accounts[a].was;
    }
    toy_note_balance(r, c);
    toy_step_plain(&w, &start, c, &r->acc, &r->invalid);
    for (int a = 0; a < TOY_ACCOUNTS; a++)
        r->accounts[a].now = w.accounts[a];
    l->wiped |= c->op == TOY_WIPE;
    l->deleted |= c->op == TOY_DELETE;
}

static inline enum evm_status toy_put_account(struct toy_run *r, unsigned a)
{
    const struct toy_local *l = &r->accounts[a];
    struct evm_account_change c = {.addr = toy_addr(a), .first_slot = r->changes.slot_count};
    if (evm_changes_reserve(&r->changes, 1, TOY_SLOTS) != EVM_OK)
        return EVM_ERR_MEMORY;
    if (l->deleted) {
        if (l->was.exists)
            c.wrote = EVM_WROTE_DELETED | EVM_WROTE_WIPE;
    } else {
        c.balance = evm_u256_of(l->now.balance);
        c.nonce = l->now.nonce;
        c.wrote |= l->loaded & EVM_NEED_BALANCE && l->now.balance != l->was.balance
                       ? EVM_WROTE_BALANCE
                       : 0u;
        c.wrote |=
            l->loaded & EVM_NEED_NONCE && l->now.nonce != l->was.nonce ? EVM_WROTE_NONCE : 0u;
        c.wrote |= l->wiped ? EVM_WROTE_WIPE : 0u;
        for (unsigned i = 0; i < TOY_SLOTS; i++) { /* ascending keys: 0, 2, 1, 3 */
            unsigned k = (i & 1) * 2 + (i >> 1);
            if (!l->slot_loaded[k])
                continue;
            if (l->wiped ? l->now.slots[k] != 0 : l->now.slots[k] != l->was.slots[k])
                r->changes.slots[r->changes.slot_count++] =
                    (struct evm_slot_change){toy_key(k), evm_u256_of(l->now.slots[k])};
        }
        c.slot_count = r->changes.slot_count - c.first_slot;
    }
    if (c.wrote || c.slot_count)
        r->changes.accounts[r->changes.account_count++] = c;
    return EVM_OK;
}

static inline enum evm_step toy_end(struct toy_run *r)
{
    struct evm_tx_outcome *o = &r->outcome;
    evm_changes_clear(&r->changes);
    *o = (struct evm_tx_outcome){.changes = &r->changes, .success = true};
    if (r->invalid) {
        o->invalid = EVM_TX_NONCE_TOO_LOW;
        return EVM_STEP_DONE;
    }
    for (unsigned a = TOY_ACCOUNTS; a-- > 0 && o->error == EVM_OK;) /* ascending addresses */
        o->error = toy_put_account(r, a);
    o->gas_used = r->tx->gas;
    o->pays_beneficiary = !r->accounts[TOY_BENEFICIARY].deleted;
    o->fee = evm_u256_of(o->pays_beneficiary ? r->tx->fee : 0);
    return EVM_STEP_DONE;
}

static inline enum evm_step toy_step(void *body, struct evm_meter *meter, uint64_t budget)
{
    struct toy_run *r = body;
    (void)budget;
    for (; r->pc < r->tx->count && !r->invalid; r->pc++, r->charged = false) {
        const struct toy_instr *c = &r->tx->code[r->pc];
        if (meter && !r->charged)
            meter->count[EVM_COST_CHEAP] += c->work;
        r->charged = true;
        if (!toy_load(r, c))
            return EVM_STEP_READ;
        toy_do(r, c);
    }
    return toy_end(r);
}

static inline const struct evm_tx_outcome *toy_outcome(void *body)
{
    return &((struct toy_run *)body)->outcome;
}

/* Balances below 2^40 never wrap. */
static inline bool toy_balance_bound(void *body, const struct evm_addr *addr,
                                     struct evm_u256 *bound)
{
    const struct toy_local *l = &((struct toy_run *)body)->accounts[toy_account_of(addr)];
    *bound = evm_u256_of(l->needed);
    return !l->observed;
}

static const struct evm_body_ops toy_body_ops = {
    .create = toy_create,
    .destroy = toy_destroy,
    .begin = toy_begin,
    .step = toy_step,
    .outcome = toy_outcome,
    .balance_bound = toy_balance_bound,
    .progress = toy_progress,
    .save = toy_save,
    .restore = toy_restore,
};

/* ---- running --------------------------------------------------------------------------------- */

struct toy_setup {
    const struct evm_executor_ops *executor;
    enum evm_driver driver;
    uint32_t cores;
    uint64_t seed;
    bool keep_schedule;
};

/* What few tests want otherwise; NULL: none, or the toy's own. */
struct toy_extras {
    struct evm_exec_chaos *chaos;
    const struct evm_body_ops *body;
    const struct evm_exec_params *params;
    enum evm_status (*committed)(void *self, uint32_t tx, const struct evm_changes *changes);
    void *committed_self;
};

/* Memory kept from call to call; zeroed at first. */
struct toy_kept {
    struct evm_blockrun run;
    struct evm_mv *mv;
    const struct evm_executor_ops *ops;
    void *sched;
    uint64_t *gas_limits;
};

static inline void toy_fini(struct toy_kept *k)
{
    evm_blockrun_fini(&k->run);
    evm_mv_destroy(k->mv);
    if (k->ops)
        k->ops->destroy(k->sched);
    free(k->gas_limits);
    *k = (struct toy_kept){0};
}

static inline bool toy_prepare(struct toy_kept *k, const struct toy_setup *s,
                               const struct toy_block *b)
{
    if (k->ops != s->executor) {
        if (k->ops)
            k->ops->destroy(k->sched);
        k->ops = NULL;
        if (!(k->sched = s->executor->create()))
            return false;
        k->ops = s->executor;
    }
    if (!k->mv && !(k->mv = evm_mv_create()))
        return false;
    uint64_t *limits = realloc(k->gas_limits, (b->tx_count + 1) * sizeof *limits);
    if (!limits)
        return false;
    k->gas_limits = limits;
    for (uint32_t i = 0; i < b->tx_count; i++)
        limits[i] = b->txs[i].gas_limit;
    k->run.mv = k->mv;
    k->run.ops = k->ops;
    k->run.sched = k->sched;
    return true;
}

static inline enum evm_status toy_execute_with(struct toy_kept *k, const struct toy_setup *s,
                                               const struct toy_extras *extras,
                                               const struct toy_block *b,
                                               struct evm_block_result *out)
{
    struct toy_world base = b->before;
    struct evm_block_rules rules = {.tx_count = b->tx_count,
                                    .beneficiary = toy_addr(TOY_BENEFICIARY),
                                    .gas_limit = b->gas_limit,
                                    .policy = b->policy,
                                    .committed = extras->committed,
                                    .committed_self = extras->committed_self};
    struct evm_schedule keep = {.on = s->keep_schedule};
    uint32_t workers = s->executor->max_workers == 1 ? 1 : s->cores;
    bool timed = s->driver == EVM_DRIVER_VIRTUAL;
    *out = (struct evm_block_result){0};
    evm_changes_init(&out->changes);
    if (!toy_prepare(k, s, b))
        return EVM_ERR_MEMORY;
    rules.tx_gas_limits = k->gas_limits;
    const struct evm_exec_params params = evm_exec_params_default();
    const struct evm_blockrun_setup setup = {
        .rules = &rules,
        .body_ops = extras->body ? extras->body : &toy_body_ops,
        .chaos = extras->chaos,
        .body_self = (void *)b,
        .base = {&toy_view_ops, &base},
        .workers = workers,
        .threaded = !timed && workers > 1,
        .timed = timed,
        .seed = s->seed,
        .params = extras->params ? extras->params : &params,
    };
    enum evm_status st = evm_blockrun_begin(&k->run, &setup, out);
    if (st != EVM_OK)
        return st;
    st = timed ? evm_drive_virtual(&k->run, evm_profile_at(0), workers, s->seed, &keep)
               : evm_drive_threads(&k->run, &keep);
    if (st != EVM_OK)
        evm_blockrun_fail(&k->run, st);
    out->slices = keep.slices;
    out->slice_count = keep.count;
    return evm_blockrun_end(&k->run);
}

static inline enum evm_status toy_execute(struct toy_kept *k, const struct toy_setup *s,
                                          const struct toy_block *b, struct evm_block_result *out)
{
    const struct toy_extras none = {0};
    return toy_execute_with(k, s, &none, b, out);
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* What the changes make of the world before; false if their order or a bit is wrong. */
static inline bool toy_apply(const struct toy_world *before, const struct evm_changes *c,
                             struct toy_world *out)
{
    *out = *before;
    for (uint32_t i = 0; i < c->account_count; i++) {
        const struct evm_account_change *ch = &c->accounts[i];
        struct toy_account *a = &out->accounts[toy_account_of(&ch->addr)];
        if (i && memcmp(c->accounts[i - 1].addr.b, ch->addr.b, sizeof ch->addr.b) >= 0)
            return false;
        if (((ch->wrote & EVM_WROTE_CREATED) != 0) !=
            (!a->exists && !(ch->wrote & EVM_WROTE_DELETED)))
            return false;
        if (ch->wrote & EVM_WROTE_DELETED) {
            *a = (struct toy_account){0};
            continue;
        }
        a->exists = true;
        if (ch->wrote & EVM_WROTE_WIPE)
            memset(a->slots, 0, sizeof a->slots);
        if (ch->wrote & EVM_WROTE_BALANCE)
            a->balance = ch->balance.w[0];
        if (ch->wrote & EVM_WROTE_NONCE)
            a->nonce = ch->nonce;
        for (uint32_t k = 0; k < ch->slot_count; k++) {
            const struct evm_slot_change *s = &c->slots[ch->first_slot + k];
            if (k && evm_u256_cmp(&s[-1].key, &s->key) >= 0)
                return false;
            a->slots[s->key.w[0]] = s->value.w[0];
        }
    }
    return true;
}

static inline bool toy_same(const struct toy_world *x, const struct toy_world *y)
{
    for (int i = 0; i < TOY_ACCOUNTS; i++) {
        const struct toy_account *a = &x->accounts[i], *b = &y->accounts[i];
        if (a->exists != b->exists || a->balance != b->balance || a->nonce != b->nonce ||
            memcmp(a->slots, b->slots, sizeof a->slots) != 0)
            return false;
    }
    return true;
}

#endif
