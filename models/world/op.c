#include "models/world/op.h"

#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

/* ---- made ---- */

enum {
    HEAD_BYTES = 16,    /* kind, crossing, layer */
    ADDRESS_BYTES = 20, /* of a list */
    ACCOUNT_BYTES = 92, /* address, balance, nonce, code hash */
    SLOT_BYTES = 64,
};

const char *op_kind_name(enum op_kind kind)
{
    static const char *const names[OP_KINDS] = {
        [OP_LOCK] = "lock",         [OP_RELEASE] = "release",   [OP_APPLY] = "apply",
        [OP_EXECUTE] = "execute",   [OP_EXPORT] = "export",     [OP_IMPORT] = "import",
        [OP_CREDIT] = "credit",     [OP_SHARE] = "share",       [NOTE_HELD] = "held",
        [NOTE_REFUSED] = "refused", [NOTE_LOOK] = "look",       [NOTE_SEEN] = "seen",
        [NOTE_SENT] = "sent",       [OP_RETIRE] = "retire",     [OP_ADOPT] = "adopt",
        [OP_INHERIT] = "inherit",   [NOTE_RETIRED] = "retired", [NOTE_WANT] = "want",
    };
    return names[kind];
}

static void release(struct mail_item *item)
{
    struct op *op = op_of(item);
    mem_free(op->accounts);
    evm_changes_fini(&op->values);
    for (uint32_t i = 0; i < op->tx_count; i++)
        tx_unref(op->txs[i]);
    mem_free(op->txs);
    op_unref(op->cancels);
    op_unref(op->origin);
    addr_table_unref(op->moved);
}

struct op *op_create(enum op_kind kind, layer_id from, layer_id to, uint64_t crossing)
{
    struct op *op = mem_zalloc(1, sizeof *op);
    if (!op)
        return NULL;
    op->item = (struct mail_item){.refs = 1, .from = from, .to = to, .release = release};
    op->kind = (uint8_t)kind;
    op->crossing = crossing;
    op->other = LAYER_NONE;
    op->since = -1;
    evm_changes_init(&op->values);
    return op;
}

uint32_t op_values_bytes(const struct evm_changes *values)
{
    return values->account_count * ACCOUNT_BYTES + values->slot_count * SLOT_BYTES;
}

/* Code travels where an account moves; elsewhere its hash stands for it. */
void op_sized(struct op *op)
{
    size_t size = HEAD_BYTES + (size_t)op->account_count * ADDRESS_BYTES +
                  (size_t)op->values.account_count * ACCOUNT_BYTES +
                  (size_t)op->values.slot_count * SLOT_BYTES;
    for (uint32_t i = 0; op->kind == OP_IMPORT && i < op->values.account_count; i++)
        if (op->values.accounts[i].wrote & EVM_WROTE_CODE)
            size += op->values.accounts[i].code->size;
    for (uint32_t i = 0; op->kind == NOTE_SENT && i < op->tx_count; i++)
        size += op->txs[i]->size;
    size += op->has_payer ? ADDRESS_BYTES : 0;
    size += op->moved ? (size_t)addr_table_count(op->moved) * (ADDRESS_BYTES + 2) : 0;
    op->item.size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

/* ---- what it comes to ---- */

static enum op_outcome try_hold(struct holdings_draft *d, const struct op *op)
{
    for (uint32_t i = 0; i < op->account_count; i++) {
        if (holdings_home(&d->now, &op->accounts[i]) != d->now.layer)
            return OP_REFUSED_GONE;
        uint64_t holder = holdings_lock(&d->now, &op->accounts[i]);
        if (holder && holder != op->crossing)
            return OP_REFUSED_LOCKED;
    }
    for (uint32_t i = 0; i < op->account_count; i++)
        if (op->kind == OP_LOCK)
            holdings_take(d, &op->accounts[i], op->crossing);
        else
            holdings_move(d, &op->accounts[i], op->kind == OP_SHARE ? LAYER_ALL : op->other);
    return OP_DONE;
}

static enum op_outcome try_import(struct holdings_draft *d, const struct op *op)
{
    for (uint32_t i = 0; i < op->values.account_count; i++) {
        holdings_move(d, &op->values.accounts[i].addr, d->now.layer);
        if (op->crossing)
            holdings_take(d, &op->values.accounts[i].addr, op->crossing);
    }
    return OP_DONE;
}

static enum op_outcome try_credit(struct holdings_draft *d, const struct op *op)
{
    for (uint32_t i = 0; i < op->values.account_count; i++) {
        if (!holdings_has(&d->now, &op->values.accounts[i].addr))
            return OP_REFUSED_GONE;
        if (holdings_lock(&d->now, &op->values.accounts[i].addr))
            return OP_REFUSED_LOCKED;
    }
    return OP_DONE;
}

/* A share: who does not hold it learns that it has a piece now; who does shares it first. */
static enum op_outcome try_share(struct holdings_draft *d, const struct op *op)
{
    layer_id here = d->now.layer;
    for (uint32_t i = 0; i < op->account_count; i++)
        if (op->other == here && holdings_home(&d->now, &op->accounts[i]) != here)
            return OP_REFUSED_GONE;
        else if (holdings_lock(&d->now, &op->accounts[i]))
            return OP_REFUSED_LOCKED;
    for (uint32_t i = 0; i < op->account_count; i++)
        holdings_move(d, &op->accounts[i], LAYER_ALL);
    return OP_DONE;
}

enum op_outcome op_try(struct holdings_draft *d, const struct op *op)
{
    switch ((enum op_kind)op->kind) {
    case OP_LOCK:
    case OP_EXPORT: return try_hold(d, op);
    case OP_SHARE: return try_share(d, op);
    case OP_IMPORT: return try_import(d, op);
    case OP_INHERIT: holdings_inherit(d, op->moved, op->heard); return OP_DONE;
    case OP_CREDIT: return try_credit(d, op);
    case OP_RELEASE:
    case OP_APPLY: holdings_free(d, op->crossing); return OP_DONE;
    default: break;
    }
    return OP_DONE;
}

/* ---- in a block ---- */

uint64_t ops_gas(struct op *const *ops, uint32_t count)
{
    uint64_t gas = 0;
    for (uint32_t i = 0; i < count; i++)
        gas += ops[i]->gas;
    return gas;
}

static bool is_there(const struct evm_state *s, const struct evm_changes *want)
{
    for (uint32_t i = 0; i < want->account_count; i++) {
        const struct evm_account_change *a = &want->accounts[i];
        struct evm_account have;
        evm_state_account(s, &a->addr, &have);
        if (a->wrote & EVM_WROTE_DELETED
                ? have.exists
                : !evm_u256_eq(&have.balance, &a->balance) || have.nonce != a->nonce)
            return false;
        for (uint32_t k = 0; k < a->slot_count; k++) {
            const struct evm_slot_change *slot = &want->slots[a->first_slot + k];
            struct evm_u256 now;
            evm_state_slot(s, &a->addr, &slot->key, &now);
            if (!evm_u256_eq(&now, &slot->value))
                return false;
        }
    }
    return true;
}

struct gathering {
    struct evm_changes *out;
    enum evm_status status;
};

static void gather_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                        const struct evm_u256 *value)
{
    struct gathering *g = self;
    (void)addr;
    if (g->status == EVM_OK)
        g->status = evm_changes_reserve(g->out, 0, 1);
    if (g->status != EVM_OK)
        return;
    g->out->slots[g->out->slot_count++] = (struct evm_slot_change){*key, *value};
    g->out->accounts[g->out->account_count - 1].slot_count++;
}

/* The whole account as *s has it, appended to out. */
static enum evm_status gather(const struct evm_state *s, const struct evm_addr *addr,
                              struct evm_changes *out)
{
    struct evm_account have;
    enum evm_status st = evm_changes_reserve(out, 1, 0);
    if (st != EVM_OK)
        return st;
    evm_state_account(s, addr, &have);
    out->accounts[out->account_count++] = (struct evm_account_change){
        .addr = *addr,
        .wrote =
            have.exists ? EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE : EVM_WROTE_DELETED,
        .balance = have.balance,
        .nonce = have.nonce,
        .code = have.exists ? evm_codes_find(evm_state_codes(s), &have.code_hash) : NULL,
        .first_slot = out->slot_count};
    struct gathering g = {out, EVM_OK};
    if (have.has_storage)
        st = evm_state_slots(s, addr, gather_slot, &g);
    return st == EVM_OK ? g.status : st;
}

/* Leaves code behind: it is readable everywhere. */
enum evm_status op_leave(struct evm_state *s, const struct evm_changes *gone)
{
    struct evm_changes c;
    evm_changes_init(&c);
    enum evm_status st = evm_changes_reserve(&c, gone->account_count, 0);
    for (uint32_t i = 0; st == EVM_OK && i < gone->account_count; i++) {
        const struct evm_account_change *a = &gone->accounts[i];
        bool code = a->code && a->code->size > 0;
        c.accounts[c.account_count++] = (struct evm_account_change){
            .addr = a->addr,
            .wrote = code ? EVM_WROTE_BALANCE | EVM_WROTE_WIPE : EVM_WROTE_DELETED};
    }
    if (st == EVM_OK)
        st = evm_state_apply(s, &c);
    evm_changes_fini(&c);
    return st;
}

static enum evm_status take_out(struct evm_state *s, const struct op *op, struct evm_changes *out)
{
    enum evm_status st = EVM_OK;
    for (uint32_t i = 0; st == EVM_OK && i < op->account_count; i++)
        st = gather(s, &op->accounts[i], out);
    return st == EVM_OK ? op_leave(s, out) : st;
}

static enum evm_status add_up(struct evm_state *s, const struct evm_changes *amounts)
{
    struct evm_changes c;
    evm_changes_init(&c);
    enum evm_status st = evm_changes_copy(&c, amounts);
    for (uint32_t i = 0; st == EVM_OK && i < c.account_count; i++) {
        struct evm_account have;
        evm_state_account(s, &c.accounts[i].addr, &have);
        c.accounts[i].wrote = EVM_WROTE_BALANCE;
        evm_u256_add(&c.accounts[i].balance, &c.accounts[i].balance, &have.balance);
    }
    if (st == EVM_OK)
        st = evm_state_apply(s, &c);
    evm_changes_fini(&c);
    return st;
}

enum evm_status op_bring_in(struct evm_state *s, const struct evm_changes *values)
{
    struct evm_changes c;
    evm_changes_init(&c);
    enum evm_status st = evm_changes_copy(&c, values);
    for (uint32_t i = 0; st == EVM_OK && i < c.account_count; i++) {
        struct evm_account_change *a = &c.accounts[i];
        struct evm_account have;
        evm_state_account(s, &a->addr, &have);
        if (evm_u256_is_zero(&have.balance))
            continue;
        if (a->wrote & EVM_WROTE_DELETED)
            *a = (struct evm_account_change){
                .addr = a->addr, .wrote = EVM_WROTE_BALANCE, .first_slot = a->first_slot};
        evm_u256_add(&a->balance, &a->balance, &have.balance);
    }
    if (st == EVM_OK)
        st = evm_state_apply(s, &c);
    evm_changes_fini(&c);
    return st;
}

/* The payer gives the sum of `amounts`; *paid: it had so much. */
static enum evm_status charge(struct evm_state *s, const struct evm_addr *payer,
                              const struct evm_changes *amounts, bool *paid)
{
    struct evm_changes c;
    struct evm_account have;
    evm_state_account(s, payer, &have);
    *paid = true;
    for (uint32_t i = 0; i < amounts->account_count && *paid; i++)
        *paid = !evm_u256_sub(&have.balance, &have.balance, &amounts->accounts[i].balance);
    if (!*paid)
        return EVM_OK;
    evm_changes_init(&c);
    enum evm_status st = evm_changes_reserve(&c, 1, 0);
    if (st == EVM_OK) {
        c.accounts[c.account_count++] = (struct evm_account_change){
            .addr = *payer, .wrote = EVM_WROTE_BALANCE, .balance = have.balance};
        st = evm_state_apply(s, &c);
    }
    evm_changes_fini(&c);
    return st;
}

static enum evm_status credit(struct evm_state *s, const struct op *op, uint8_t *outcome)
{
    bool paid = true;
    enum evm_status st = op->has_payer ? charge(s, &op->payer, &op->values, &paid) : EVM_OK;
    if (!paid)
        *outcome = op->kept ? OP_DONE_SHORT : OP_REFUSED_SHORT;
    return st == EVM_OK && *outcome != OP_REFUSED_SHORT ? add_up(s, &op->values) : st;
}

static enum evm_status take_effect(struct evm_state *s, const struct op *op, struct ops_result *r,
                                   uint32_t i)
{
    r->written += op->account_count + op->values.account_count + op->values.slot_count;
    r->bytes += op_values_bytes(&op->values);
    switch ((enum op_kind)op->kind) {
    case OP_APPLY: return evm_state_apply(s, &op->values);
    case OP_IMPORT: return op_bring_in(s, &op->values);
    case OP_CREDIT: return credit(s, op, &r->outcomes[i]);
    case OP_EXPORT: return take_out(s, op, &r->out[i]);
    default: return EVM_OK;
    }
}

static enum evm_status append(struct evm_changes *to, const struct evm_changes *from,
                              const struct evm_account_change *a)
{
    enum evm_status st = evm_changes_reserve(to, 1, a->slot_count);
    if (st != EVM_OK)
        return st;
    to->accounts[to->account_count] = *a;
    to->accounts[to->account_count++].first_slot = to->slot_count;
    for (uint32_t i = 0; i < a->slot_count; i++)
        to->slots[to->slot_count++] = from->slots[a->first_slot + i];
    return EVM_OK;
}

bool ops_bring(struct op *const *ops, uint32_t count, const struct evm_addr *addr)
{
    for (uint32_t i = 0; i < count; i++)
        if (ops[i]->kind == OP_EXECUTE && !ops[i]->blind &&
            evm_changes_find(&ops[i]->values, addr, NULL))
            return true;
    return false;
}

/* An account that has come to live here since the op was made is its own self; one that stands for
 * itself as an empty one, of a blind op, is what another of the `count` ops brings of it. */
static enum evm_status lend_values(struct ops_result *r, struct op *const *ops, uint32_t op,
                                   uint32_t count)
{
    const struct evm_changes *values = &ops[op]->values;
    struct evm_changes others;
    evm_changes_init(&others);
    enum evm_status st = EVM_OK;
    for (uint32_t i = 0; st == EVM_OK && i < values->account_count; i++)
        if (!holdings_has(r->during, &values->accounts[i].addr) &&
            !ops_bring(ops, count, &values->accounts[i].addr))
            st = append(&others, values, &values->accounts[i]);
    if (st == EVM_OK)
        st = evm_state_apply(r->lent, &others);
    evm_changes_fini(&others);
    return st;
}

/* The state that the block's transactions run on, where it is not the base itself. */
static enum evm_status lend(struct ops_result *r, struct op *const *ops, uint32_t count)
{
    bool any = false;
    for (uint32_t i = 0; i < count; i++)
        any |= ops[i]->kind == OP_EXECUTE && ops[i]->values.account_count > 0;
    if (!any) {
        r->lent = evm_state_ref(r->base);
        return EVM_OK;
    }
    r->lent = evm_state_fork(r->base);
    enum evm_status st = r->lent ? EVM_OK : EVM_ERR_MEMORY;
    for (uint32_t i = 0; st == EVM_OK && i < count; i++)
        if (ops[i]->kind == OP_EXECUTE)
            st = lend_values(r, ops, i, ops[i]->blind ? count : 0);
    if (st == EVM_OK)
        evm_state_seal(r->lent);
    return st;
}

enum evm_status ops_apply(struct ops_result *out, struct op *const *ops, uint32_t count,
                          struct evm_state *before, struct holdings *held)
{
    *out = (struct ops_result){.count = count, .gas = ops_gas(ops, count)};
    if (count == 0) {
        out->during = holdings_ref(held);
        out->after = holdings_ref(held);
        out->base = evm_state_ref(before);
        out->lent = evm_state_ref(before);
        return EVM_OK;
    }
    struct holdings_draft draft;
    out->outcomes = mem_zalloc(count, 1);
    out->out = mem_zalloc(count, sizeof *out->out);
    out->base = evm_state_fork(before);
    if (!out->outcomes || !out->out || !out->base)
        return EVM_ERR_MEMORY;
    holdings_begin(&draft, held);
    enum evm_status st = EVM_OK;
    for (uint32_t i = 0; st == EVM_OK && i < count; i++) {
        if (op_is_last(ops[i]))
            continue;
        bool stale = ops[i]->checks && !is_there(out->base, &ops[i]->values);
        out->outcomes[i] = stale ? OP_REFUSED_CHANGED : (uint8_t)op_try(&draft, ops[i]);
        if (out->outcomes[i] == OP_DONE)
            st = take_effect(out->base, ops[i], out, i);
    }
    if (st != EVM_OK) {
        holdings_drop(&draft);
        return st;
    }
    evm_state_seal(out->base);
    out->during = holdings_end(&draft, held);
    if (!out->during)
        return EVM_ERR_MEMORY;
    holdings_begin(&draft, out->during);
    for (uint32_t i = 0; i < count; i++)
        if (ops[i]->kind == OP_EXECUTE)
            holdings_free(&draft, ops[i]->crossing);
    for (uint32_t i = 0; i < count; i++)
        if (op_is_last(ops[i]))
            out->outcomes[i] = (uint8_t)op_try(&draft, ops[i]);
    out->after = holdings_end(&draft, out->during);
    return out->after ? lend(out, ops, count) : EVM_ERR_MEMORY;
}

void ops_result_fini(struct ops_result *r)
{
    for (uint32_t i = 0; r->out && i < r->count; i++)
        evm_changes_fini(&r->out[i]);
    mem_free(r->out);
    mem_free(r->outcomes);
    holdings_unref(r->during);
    holdings_unref(r->after);
    evm_state_unref(r->base);
    evm_state_unref(r->lent);
    *r = (struct ops_result){0};
}

/* ---- the guard ---- */

static bool slot_brought(const struct evm_changes *c, const struct evm_account_change *a,
                         const struct evm_u256 *key)
{
    uint32_t lo = 0, hi = a->slot_count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = evm_u256_cmp(&c->slots[a->first_slot + mid].key, key);
        if (order == 0)
            return true;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

/* Whether the op brings what the access wants, of an account of another layer. */
static bool brought(const struct op *op, const struct evm_access *access)
{
    const struct evm_account_change *a =
        op ? evm_changes_find(&op->values, &access->addr, NULL) : NULL;
    return a && (access->kind != EVM_MV_SLOT || slot_brought(&op->values, a, &access->key));
}

/* Reading code alone: every layer has it. */
static bool only_code(const struct evm_access *access, const struct evm_state *lent)
{
    struct evm_account have;
    const struct evm_code *code;
    if (access->kind != EVM_MV_CODE || (access->how & (EVM_ACCESS_WRITE | EVM_ACCESS_DELTA)))
        return false;
    evm_state_account(lent, &access->addr, &have);
    code = have.exists ? evm_codes_find(evm_state_codes(lent), &have.code_hash) : NULL;
    return code && code->size > 0 && !code->is_delegation;
}

static enum guard_verdict judge(const struct ops_result *r, bool copies, const struct op *op,
                                const struct evm_addr *coinbase, const struct evm_access *list,
                                uint32_t count)
{
    enum guard_verdict verdict = GUARD_FINE;
    bool here = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct evm_access *a = &list[i];
        if (evm_addr_eq(&a->addr, coinbase))
            continue;
        if (i == 0 || !evm_addr_eq(&a->addr, &list[i - 1].addr)) {
            here = holdings_has(r->during, &a->addr);
            uint64_t holder = here ? holdings_lock(r->during, &a->addr) : 0;
            if (holder && (!op || holder != op->crossing))
                verdict = GUARD_LOCKED;
        }
        if (!here && !brought(op, a) && !(copies && only_code(a, r->lent)))
            return GUARD_FOREIGN;
    }
    return verdict;
}

bool ops_guard(const struct ops_result *r, bool copies, struct op *const *ops, uint32_t op_count,
               const struct evm_tx *const *txs, uint32_t tx_count, const struct evm_addr *coinbase,
               const struct evm_access_sets *sets, uint8_t *verdicts)
{
    uint32_t op = 0, in = 0;
    bool any = false;
    for (uint32_t i = 0; i < tx_count; i++) {
        /* Transactions of crossings stand first, in the order of their ops. */
        while (op < op_count && (ops[op]->kind != OP_EXECUTE || in == ops[op]->tx_count)) {
            op++;
            in = 0;
        }
        const struct op *mine = NULL;
        if (op < op_count && txs[i] == &ops[op]->txs[in]->evm) {
            mine = ops[op];
            in++;
        }
        uint32_t first = sets->first[i];
        verdicts[i] = (uint8_t)judge(r, copies, mine, coinbase, sets->list + first,
                                     sets->first[i + 1] - first);
        any |= verdicts[i] != GUARD_FINE;
    }
    return any;
}

/* ---- what stays and what goes ---- */

enum evm_status ops_split(const struct ops_result *r, const struct evm_addr *coinbase,
                          const struct evm_changes *all, struct evm_changes *here,
                          struct evm_changes *away)
{
    enum evm_status st = EVM_OK;
    for (uint32_t i = 0; st == EVM_OK && i < all->account_count; i++) {
        const struct evm_account_change *a = &all->accounts[i];
        bool stays = evm_addr_eq(&a->addr, coinbase) || holdings_has(r->during, &a->addr);
        st = append(stays ? here : away, all, a);
    }
    return st;
}

void ops_root(struct op *const *ops, uint32_t count, struct evm_hash *out)
{
    struct evm_keccak k;
    evm_keccak_init(&k);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t words[4] = {ops[i]->kind, ops[i]->crossing, ops[i]->serial, ops[i]->item.size};
        evm_keccak_update(&k, (struct evm_bytes){(const uint8_t *)words, sizeof words});
    }
    evm_keccak_final(&k, out);
}
