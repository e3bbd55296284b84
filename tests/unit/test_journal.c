/* The journal against a model that copies the whole state at every snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/state/journal.h"

enum { ADDRS = 7, KEYS = 5, CODES = 3, SNAPSHOTS = 12, LOGS = 64 };

/* ---- the model ------------------------------------------------------------------------------- */

/* What the view answers from. */
struct world_account {
    bool exists;
    uint64_t nonce;
    struct evm_u256 balance, slot[KEYS];
    unsigned code;
};

struct model_account {
    uint64_t nonce;
    struct evm_u256 balance, current[KEYS], original[KEYS], transient[KEYS];
    unsigned code;
    bool warm, touched, created, destructed, warm_slot[KEYS];
};

struct model {
    struct model_account acc[ADDRS];
    int64_t refund;
    uint32_t log_count;
    uint64_t log_tag[LOGS];
};

struct fixture {
    struct evm_codes *codes;
    const struct evm_code *code[CODES];
    struct evm_addr addr[ADDRS]; /* ascending, as are the keys; the first is precompile 3 */
    struct evm_u256 key[KEYS];
    struct world_account world[ADDRS];
    struct model now;
    struct evm_journal *j;
    const struct evm_rules *rules;
    uint64_t seed, noise;
    unsigned asked[ADDRS];
    bool asked_slot[ADDRS][KEYS], pending;
};

static uint64_t mix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t random64(struct fixture *f)
{
    return mix(&f->seed);
}

static bool chance(struct fixture *f, unsigned percent)
{
    return random64(f) % 100 < percent;
}

static struct evm_u256 random_word(struct fixture *f)
{
    struct evm_u256 v = {{random64(f), random64(f), random64(f), random64(f)}};
    evm_u256_shr(&v, &v, (unsigned)(2 + random64(f) % 254));
    return v;
}

static unsigned index_of(const struct fixture *f, const struct evm_addr *addr)
{
    unsigned i = 0;
    while (i < ADDRS && !evm_addr_eq(addr, &f->addr[i]))
        i++;
    assert_true(i < ADDRS);
    return i;
}

/* Answers PENDING now and then, and nothing twice. */
static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    struct fixture *f = self;
    unsigned i = index_of(f, addr);
    const struct world_account *w = &f->world[i];
    memset(out, 0xee, sizeof *out);
    if (f->pending && mix(&f->noise) % 3 == 0)
        return EVM_READ_PENDING;
    assert_int_equal(f->asked[i] & need, 0);
    f->asked[i] |= need;
    if (need & EVM_NEED_BALANCE)
        out->balance = w->balance;
    if (need & EVM_NEED_NONCE)
        out->nonce = w->nonce;
    if (need & EVM_NEED_CODE)
        out->code_hash = f->code[w->code]->hash;
    out->exists = false;
    if (need & EVM_NEED_EXISTS)
        out->exists = w->exists;
    out->has_storage = false;
    for (unsigned k = 0; k < KEYS && (need & EVM_NEED_STORAGE); k++)
        out->has_storage = out->has_storage || !evm_u256_is_zero(&w->slot[k]);
    return EVM_READ_OK;
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    struct fixture *f = self;
    unsigned i = index_of(f, addr), k = 0;
    while (!evm_u256_eq(key, &f->key[k]))
        k++;
    if (f->pending && mix(&f->noise) % 3 == 0)
        return EVM_READ_PENDING;
    assert_false(f->asked_slot[i][k]);
    f->asked_slot[i][k] = true;
    *out = f->world[i].slot[k];
    return EVM_READ_OK;
}

static void view_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    (void)self;
    *out = (struct evm_hash){{(uint8_t)number, 7}};
}

static const struct evm_view_ops view_ops = {view_account, view_slot, view_block_hash};

static void fixture_init(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    f->seed = f->noise = seed;
    f->codes = evm_codes_create();
    assert_non_null(f->codes);
    f->code[0] = evm_code_empty();
    for (unsigned i = 1; i < CODES; i++)
        f->code[i] = evm_codes_add(f->codes, (struct evm_bytes){(const uint8_t *)"[[[[", i});
    f->j = evm_journal_create(f->codes);
    assert_non_null(f->j);
    f->addr[0].b[19] = 3;
    for (unsigned i = 1; i < ADDRS; i++) {
        for (unsigned b = 0; b < 20; b++)
            f->addr[i].b[b] = (uint8_t)random64(f);
        f->addr[i].b[0] = (uint8_t)(i * 30);
    }
    for (unsigned k = 0; k < KEYS; k++) {
        f->key[k] = k < 2 ? evm_u256_of(k) : random_word(f);
        if (k >= 2)
            f->key[k].w[3] = (uint64_t)k << 58 | 77;
    }
}

static void fixture_fini(struct fixture *f)
{
    evm_journal_destroy(f->j);
    evm_codes_destroy(f->codes);
}

/* A fresh world and a transaction over it. */
static void begin(struct fixture *f, enum evm_fork fork)
{
    f->rules = evm_rules_of(fork);
    memset(&f->now, 0, sizeof f->now);
    memset(f->asked, 0, sizeof f->asked);
    memset(f->asked_slot, 0, sizeof f->asked_slot);
    for (unsigned i = 0; i < ADDRS; i++) {
        struct world_account *w = &f->world[i];
        memset(w, 0, sizeof *w);
        w->exists = chance(f, 70);
        for (unsigned k = 0; w->exists && k < KEYS; k++)
            if (chance(f, i % 2 ? 40 : 0))
                w->slot[k] = random_word(f);
        if (w->exists && chance(f, 60))
            w->balance = random_word(f);
        if (w->exists && chance(f, 40))
            w->nonce = random64(f) >> 20;
        if (w->exists && chance(f, 30))
            w->code = (unsigned)(random64(f) % CODES);
        struct model_account *m = &f->now.acc[i];
        m->nonce = w->nonce;
        m->balance = w->balance;
        m->code = w->code;
        memcpy(m->current, w->slot, sizeof w->slot);
        memcpy(m->original, w->slot, sizeof w->slot);
        m->warm = i == 0 && f->rules->access_lists;
    }
    evm_journal_begin(f->j, f->rules, (struct evm_view){&view_ops, f});
}

/* ---- operations on both sides ---------------------------------------------------------------- */

static bool is_empty(struct evm_journal *j, struct evm_jaccount *acc)
{
    bool empty = false;
    assert_int_equal(evm_journal_empty(j, acc, &empty), EVM_READ_OK);
    return empty;
}

static struct evm_jaccount *account(struct fixture *f, unsigned i, unsigned need)
{
    struct evm_jaccount *a = NULL;
    while (evm_journal_account(f->j, &f->addr[i], need, &a) != EVM_READ_OK)
        assert_null(a);
    return a;
}

static struct evm_jslot *slot(struct fixture *f, struct evm_jaccount *a, unsigned k, bool load)
{
    struct evm_jslot *s = NULL;
    while (evm_journal_slot(f->j, a, &f->key[k], load, &s) != EVM_READ_OK)
        assert_null(s);
    return s;
}

static bool model_empty(const struct model_account *m)
{
    return m->nonce == 0 && m->code == 0 && evm_u256_is_zero(&m->balance);
}

static void op_balance(struct fixture *f, unsigned i)
{
    struct model_account *m = &f->now.acc[i];
    struct evm_jaccount *a = account(f, i, EVM_NEED_BALANCE);
    struct evm_u256 amount = chance(f, 20) ? (struct evm_u256){{0}} : random_word(f);
    if (chance(f, 10))
        amount = m->balance;
    bool enough = !evm_u256_lt(&m->balance, &amount);
    switch (random64(f) % 3) {
    case 0:
        evm_journal_add_balance(f->j, a, &amount);
        evm_u256_add(&m->balance, &m->balance, &amount);
        m->touched = true;
        break;
    case 1:
        assert_int_equal(evm_journal_sub_balance(f->j, a, &amount), enough);
        if (enough)
            evm_u256_sub(&m->balance, &m->balance, &amount);
        m->touched |= enough;
        break;
    default: assert_int_equal(evm_journal_balance_reaches(f->j, a, &amount), enough); break;
    }
}

static void op_account(struct fixture *f, unsigned i)
{
    struct model_account *m = &f->now.acc[i];
    struct evm_jaccount *a;
    switch (random64(f) % 6) {
    case 0:
        a = account(f, i, EVM_NEED_NONCE);
        m->nonce = random64(f) >> 30;
        evm_journal_set_nonce(f->j, a, m->nonce);
        m->touched = true;
        break;
    case 1:
        a = account(f, i, EVM_NEED_CODE);
        m->code = (unsigned)(random64(f) % CODES);
        evm_journal_set_code(f->j, a, f->code[m->code]);
        m->touched = true;
        break;
    case 2:
        evm_journal_touch(f->j, account(f, i, 0));
        m->touched = true;
        break;
    case 3:
        assert_int_equal(evm_journal_warm_account(f->j, account(f, i, 0)), !m->warm);
        m->warm = true;
        break;
    case 4:
        a = account(f, i, EVM_NEED_BALANCE | EVM_NEED_NONCE | EVM_NEED_CODE);
        assert_int_equal(is_empty(f->j, a), model_empty(m));
        break;
    default:
        a = account(f, i, (unsigned)(random64(f) & EVM_NEED_ALL));
        assert_memory_equal(a->addr.b, f->addr[i].b, 20);
        break;
    }
}

static void op_life(struct fixture *f, unsigned i)
{
    struct model_account *m = &f->now.acc[i];
    unsigned need = EVM_NEED_NONCE | EVM_NEED_CODE | (chance(f, 50) ? EVM_NEED_STORAGE : 0);
    if (chance(f, 30)) {
        assert_int_equal(evm_journal_mark_destructed(f->j, account(f, i, 0)), !m->destructed);
        m->destructed = m->touched = true;
        return;
    }
    struct evm_jaccount *a = account(f, i, need);
    if (m->nonce != 0 || m->code != 0)
        return;
    evm_journal_create_contract(f->j, a);
    m->created = m->touched = true;
    m->nonce = f->rules->state_clearing;
    memset(m->current, 0, sizeof m->current);
    memset(m->original, 0, sizeof m->original);
}

static void op_slot(struct fixture *f, unsigned i)
{
    struct model_account *m = &f->now.acc[i];
    struct evm_jaccount *a = account(f, i, 0);
    unsigned k = (unsigned)(random64(f) % KEYS);
    struct evm_jslot *s;
    struct evm_u256 v = chance(f, 30) ? m->original[k] : random_word(f), got;
    switch (random64(f) % 5) {
    case 0:
    case 1:
        s = slot(f, a, k, true);
        evm_journal_set_slot(f->j, a, s, &v);
        m->current[k] = v;
        m->touched = true;
        break;
    case 2:
        s = slot(f, a, k, true);
        assert_true(evm_u256_eq(&s->original, &m->original[k]));
        break;
    case 3:
        assert_int_equal(evm_journal_warm_slot(f->j, a, slot(f, a, k, false)), !m->warm_slot[k]);
        m->warm_slot[k] = true;
        break;
    default:
        evm_journal_transient_set(f->j, a, &f->key[k], &v);
        evm_journal_transient_get(f->j, a, &f->key[k], &got);
        assert_true(evm_u256_eq(&got, &v));
        m->transient[k] = v;
        break;
    }
}

static void op_log(struct fixture *f, unsigned i)
{
    static uint8_t data[40000];
    struct evm_hash topics[4];
    int64_t delta = (int64_t)(random64(f) % 50000) - 20000;
    evm_journal_add_refund(f->j, delta);
    f->now.refund += delta;
    if (f->now.log_count == LOGS)
        return;
    uint64_t tag = random64(f);
    size_t size = chance(f, 5) ? sizeof data : (size_t)(random64(f) % 200);
    memset(topics, (int)(tag & 255), sizeof topics);
    memset(data, (int)(tag & 255), size);
    evm_journal_log(f->j, &f->addr[i], (uint32_t)(tag % 5), topics, (struct evm_bytes){data, size});
    f->now.log_tag[f->now.log_count++] = tag;
}

static void op(struct fixture *f)
{
    unsigned i = (unsigned)(random64(f) % ADDRS), what = (unsigned)(random64(f) % 10);
    if (what < 3)
        op_balance(f, i);
    else if (what < 5)
        op_account(f, i);
    else if (what < 8)
        op_slot(f, i);
    else if (what < 9)
        op_log(f, i);
    else
        op_life(f, i);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void check_account(struct fixture *f, unsigned i)
{
    const struct model_account *m = &f->now.acc[i];
    struct evm_jaccount *a = account(f, i, chance(f, 30) ? EVM_NEED_ALL & ~8u : 0);
    if (a->loaded & EVM_NEED_BALANCE)
        assert_true(evm_u256_eq(&a->balance, &m->balance));
    if (a->loaded & EVM_NEED_NONCE)
        assert_true(a->nonce == m->nonce);
    if (a->loaded & EVM_NEED_CODE)
        assert_ptr_equal(a->code, f->code[m->code]);
    assert_int_equal(a->warm, m->warm);
    assert_int_equal(a->touched, m->touched);
    assert_int_equal(a->created, m->created);
    assert_int_equal(a->destructed, m->destructed);
    for (unsigned k = 0; k < KEYS; k++) {
        struct evm_u256 v;
        struct evm_jslot *s = slot(f, a, k, chance(f, 20));
        assert_int_equal(s->warm, m->warm_slot[k]);
        if (s->loaded) {
            assert_true(evm_u256_eq(&s->current, &m->current[k]));
            assert_true(evm_u256_eq(&s->original, &m->original[k]));
        }
        evm_journal_transient_get(f->j, a, &f->key[k], &v);
        assert_true(evm_u256_eq(&v, &m->transient[k]));
    }
}

static void check(struct fixture *f)
{
    for (unsigned i = 0; i < ADDRS; i++)
        check_account(f, i);
    assert_true(evm_journal_refund(f->j) == f->now.refund);
    assert_int_equal(evm_journal_log_count(f->j), f->now.log_count);
    const struct evm_log *logs = evm_journal_logs(f->j);
    for (uint32_t n = 0; n < f->now.log_count; n++) {
        uint64_t tag = f->now.log_tag[n];
        assert_int_equal(logs[n].topic_count, tag % 5);
        for (unsigned t = 0; t < tag % 5; t++)
            assert_int_equal(logs[n].topics[t].b[31], tag & 255);
        if (logs[n].data.size)
            assert_int_equal(logs[n].data.data[logs[n].data.size - 1], tag & 255);
    }
}

/* The changes carry the world before to the world after, and say nothing that is not new. */
static void check_changes(struct fixture *f, const struct evm_changes *c)
{
    static struct world_account after[ADDRS];
    memcpy(after, f->world, sizeof after);
    uint32_t slots = 0;
    for (uint32_t n = 0; n < c->account_count; n++) {
        const struct evm_account_change *ch = &c->accounts[n];
        struct world_account *w = &after[index_of(f, &ch->addr)];
        if (n > 0)
            assert_true(memcmp(c->accounts[n - 1].addr.b, ch->addr.b, 20) < 0);
        assert_true(ch->wrote != 0 || ch->slot_count != 0);
        assert_int_equal(ch->first_slot, slots);
        slots += ch->slot_count;
        if (ch->wrote & EVM_WROTE_DELETED) {
            assert_true(w->exists && (ch->wrote & EVM_WROTE_WIPE) && ch->slot_count == 0);
            memset(w, 0, sizeof *w);
            continue;
        }
        if (ch->wrote & EVM_WROTE_CREATED)
            assert_false(w->exists);
        w->exists = true;
        if (ch->wrote & EVM_WROTE_WIPE)
            memset(w->slot, 0, sizeof w->slot);
        if (ch->wrote & EVM_WROTE_BALANCE) {
            assert_false(evm_u256_eq(&w->balance, &ch->balance));
            w->balance = ch->balance;
        }
        if (ch->wrote & EVM_WROTE_NONCE) {
            assert_false(w->nonce == ch->nonce);
            w->nonce = ch->nonce;
        }
        if (ch->wrote & EVM_WROTE_CODE) {
            unsigned k = 0;
            while (f->code[k] != ch->code)
                k++;
            assert_int_not_equal(w->code, k);
            w->code = k;
        }
        for (uint32_t s = 0; s < ch->slot_count; s++) {
            const struct evm_slot_change *sc = &c->slots[ch->first_slot + s];
            unsigned k = 0;
            if (s > 0)
                assert_true(evm_u256_lt(&sc[-1].key, &sc->key));
            while (!evm_u256_eq(&sc->key, &f->key[k]))
                k++;
            assert_false(evm_u256_eq(&w->slot[k], &sc->value));
            w->slot[k] = sc->value;
        }
    }
    assert_int_equal(slots, c->slot_count);
    for (unsigned i = 0; i < ADDRS; i++) {
        const struct model_account *m = &f->now.acc[i];
        const struct world_account *w = &after[i];
        bool clears = f->rules->state_clearing && m->touched && model_empty(m);
        if (m->destructed || clears) {
            assert_false(w->exists);
            continue;
        }
        assert_int_equal(w->exists, f->world[i].exists || m->touched);
        assert_true(evm_u256_eq(&w->balance, &m->balance));
        assert_true(w->nonce == m->nonce);
        assert_int_equal(w->code, m->code);
        assert_memory_equal(w->slot, m->current, sizeof w->slot);
    }
}

struct reads {
    struct fixture *f;
    unsigned accounts, slots;
};

static void count_read(void *self, const struct evm_jaccount *a, const struct evm_jslot *s)
{
    struct reads *r = self;
    unsigned i = index_of(r->f, &a->addr), k = 0;
    if (!s) {
        assert_int_equal(a->loaded, r->f->asked[i]);
        r->accounts++;
        return;
    }
    while (!evm_u256_eq(&s->key, &r->f->key[k]))
        k++;
    assert_true(r->f->asked_slot[i][k]);
    assert_true(evm_u256_eq(&s->original, &r->f->world[i].slot[k]));
    r->slots++;
}

static void check_reads(struct fixture *f)
{
    struct reads r = {.f = f};
    unsigned accounts = 0, slots = 0;
    evm_journal_each_read(f->j, count_read, &r);
    for (unsigned i = 0; i < ADDRS; i++) {
        accounts += f->asked[i] != 0;
        for (unsigned k = 0; k < KEYS; k++)
            slots += f->asked_slot[i][k];
    }
    assert_int_equal(r.accounts, accounts);
    assert_int_equal(r.slots, slots);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* EIP-161 and the one account whose touch outlives a revert. */
static void revert_model(struct fixture *f, const struct model *to)
{
    bool ripemd = f->now.acc[0].touched && f->rules->state_clearing;
    f->now = *to;
    f->now.acc[0].touched |= ripemd;
}

static void transaction(struct fixture *f, struct evm_changes *c)
{
    static struct model saved[SNAPSHOTS];
    evm_snapshot snap[SNAPSHOTS];
    unsigned depth = 0;
    for (unsigned n = (unsigned)(random64(f) % 150); n > 0; n--) {
        uint64_t what = random64(f) % 100;
        if (what < 12 && depth < SNAPSHOTS) {
            saved[depth] = f->now;
            snap[depth++] = evm_journal_snapshot(f->j);
        } else if (what < 20 && depth > 0) {
            depth -= 1 + (unsigned)(random64(f) % depth);
            evm_journal_revert(f->j, snap[depth]);
            revert_model(f, &saved[depth]);
            check(f);
        } else if (what < 24 && depth > 0) {
            depth--; /* the frame succeeded */
        } else {
            op(f);
        }
    }
    if (chance(f, 50))
        check(f);
    while (evm_journal_settle(f->j) != EVM_READ_OK)
        continue;
    assert_int_equal(evm_journal_finish(f->j, c), EVM_OK);
}

static void random_transactions(void **unused)
{
    (void)unused;
    static struct fixture f;
    static const enum evm_fork forks[] = {EVM_CANCUN, EVM_FRONTIER, EVM_BYZANTIUM};
    struct evm_changes c;
    evm_changes_init(&c);
    fixture_init(&f, 20261);
    for (unsigned n = 0; n < 4000; n++) {
        begin(&f, forks[n % 3]);
        f.pending = n % 2;
        transaction(&f, &c);
        assert_false(evm_journal_failed(f.j));
        check_changes(&f, &c);
        check_reads(&f);
    }
    fixture_fini(&f);
    evm_changes_fini(&c);
}

/* Many entries: tables and pools grow, entries do not move, the next transaction sees none. */
static enum evm_read zero_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    (void)self, (void)addr, (void)need;
    *out = (struct evm_account){.code_hash = evm_code_empty()->hash};
    return EVM_READ_OK;
}

static enum evm_read key_as_value(void *self, const struct evm_addr *addr,
                                  const struct evm_u256 *key, struct evm_u256 *out)
{
    (void)self, (void)addr;
    *out = *key;
    return EVM_READ_OK;
}

static void many_entries(void **unused)
{
    (void)unused;
    enum { N = 20000 };
    static const struct evm_view_ops ops = {zero_account, key_as_value, view_block_hash};
    static struct evm_jslot *s[N];
    struct evm_changes c;
    struct evm_codes *codes = evm_codes_create();
    struct evm_journal *j = evm_journal_create(codes);
    evm_changes_init(&c);
    for (int round = 0; round < 3; round++) {
        struct evm_jaccount *a[50];
        evm_journal_begin(j, evm_rules_of(EVM_CANCUN), (struct evm_view){&ops, NULL});
        for (unsigned i = 0; i < 50; i++) {
            struct evm_addr addr = {{(uint8_t)(50 - i), 9, [19] = (uint8_t)i}};
            evm_journal_account(j, &addr, EVM_NEED_ALL, &a[i]);
            evm_journal_set_nonce(j, a[i], 1 + i);
        }
        for (unsigned i = 0; i < N; i++) {
            struct evm_u256 key = {{N - i, 0, i % 3, 0}}, v = {{i, 0, 0, 1}};
            evm_journal_slot(j, a[i % 50], &key, true, &s[i]);
            assert_false(s[i]->warm);
            evm_journal_warm_slot(j, a[i % 50], s[i]);
            evm_journal_set_slot(j, a[i % 50], s[i], &v);
        }
        for (unsigned i = 0; i < N; i++) {
            struct evm_u256 key = {{N - i, 0, i % 3, 0}};
            struct evm_jslot *again;
            evm_journal_slot(j, a[i % 50], &key, true, &again);
            assert_ptr_equal(again, s[i]);
            assert_true(s[i]->current.w[0] == i && evm_u256_eq(&s[i]->original, &key));
        }
        assert_int_equal(evm_journal_finish(j, &c), EVM_OK);
        assert_int_equal(c.account_count, 50);
        assert_int_equal(c.slot_count, N);
        for (uint32_t n = 1; n < 50; n++)
            assert_true(c.accounts[n - 1].addr.b[0] < c.accounts[n].addr.b[0]);
        for (uint32_t n = 1; n < N / 50; n++)
            assert_true(evm_u256_lt(&c.slots[n - 1].key, &c.slots[n].key));
    }
    evm_changes_fini(&c);
    evm_journal_destroy(j);
    evm_codes_destroy(codes);
}

/* What a run learnt about a balance. Replayed over another starting balance it goes the same way
 * exactly if the value was never observed and the new one reaches what was needed. */
static bool balance_run(struct evm_journal *j, struct fixture *f, const struct evm_u256 *start,
                        uint64_t script, uint64_t *answers, struct evm_jaccount *out)
{
    struct evm_jaccount *a;
    memset(f->asked, 0, sizeof f->asked);
    f->world[1] = (struct world_account){.exists = true, .balance = *start};
    evm_journal_begin(j, f->rules, (struct evm_view){&view_ops, f});
    evm_journal_account(j, &f->addr[1], EVM_NEED_BALANCE | EVM_NEED_NONCE | EVM_NEED_CODE, &a);
    *answers = 1;
    for (unsigned n = (unsigned)(mix(&script) % 12) + 1; n > 0; n--) {
        struct evm_u256 amount = evm_u256_of(mix(&script) >> (20 + mix(&script) % 30));
        bool yes = true;
        switch (mix(&script) % 4) {
        case 0: evm_journal_add_balance(j, a, &amount); break;
        case 1: yes = evm_journal_sub_balance(j, a, &amount); break;
        case 2: yes = evm_journal_balance_reaches(j, a, &amount); break;
        default: yes = is_empty(j, a); break;
        }
        *answers = *answers << 1 | yes;
    }
    *out = *a;
    return a->balance_observed;
}

static void balance_requirements(void **unused)
{
    (void)unused;
    static struct fixture f;
    unsigned unobserved = 0, tight = 0;
    fixture_init(&f, 5);
    f.rules = evm_rules_of(EVM_CANCUN);
    for (uint64_t script = 1; script <= 3000; script++) {
        struct evm_jaccount first, again;
        uint64_t want, got;
        struct evm_u256 start = evm_u256_of(random64(&f) >> (10 + random64(&f) % 20));
        if (balance_run(f.j, &f, &start, script, &want, &first))
            continue;
        assert_false(evm_u256_lt(&start, &first.balance_needed));
        unobserved++;
        for (unsigned n = 0; n < 4; n++) {
            struct evm_u256 more = evm_u256_of(n ? random64(&f) >> (random64(&f) % 60) : 0), other;
            evm_u256_add(&other, &first.balance_needed, &more);
            balance_run(f.j, &f, &other, script, &got, &again);
            assert_true(got == want);
            assert_true(evm_u256_eq(&again.balance_needed, &first.balance_needed));
        }
        if (evm_u256_is_zero(&first.balance_needed))
            continue;
        struct evm_u256 one = evm_u256_of(1), less;
        evm_u256_sub(&less, &first.balance_needed, &one);
        balance_run(f.j, &f, &less, script, &got, &again);
        assert_true(got != want);
        tight++;
    }
    assert_true(unobserved > 500 && tight > 200);
    fixture_fini(&f);
}

/* A gain below 2^254 by somebody who has less than three quarters of 2^256 cannot wrap, so nobody
 * looked at the balance; a larger one did, and who has more has no bound. */
static void gain_of_the_rich(void **unused)
{
    (void)unused;
    static struct fixture f;
    const struct evm_u256 most = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, (3ull << 62) - 1}};
    const struct evm_u256 rich = {{0, 0, 0, 3ull << 62}}, seven = evm_u256_of(7);
    const struct evm_u256 much = {{0, 0, 0, 1ull << 62}};
    const struct evm_u256 less = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, (1ull << 62) - 1}};
    const struct {
        struct evm_u256 start, gain;
        bool observed, bound;
    } cases[] = {{most, seven, false, true},  {most, less, false, true},
                 {seven, less, false, true},  {seven, much, true, false},
                 {rich, seven, false, false}, {rich, much, true, false}};
    fixture_init(&f, 7);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evm_u256 bound;
        begin(&f, EVM_CANCUN);
        f.world[3] = (struct world_account){.exists = true, .balance = cases[i].start};
        struct evm_jaccount *a = account(&f, 3, EVM_NEED_BALANCE);
        evm_journal_add_balance(f.j, a, &cases[i].gain);
        assert_int_equal(a->balance_observed, cases[i].observed);
        assert_int_equal(evm_jaccount_balance_bound(a, &bound), cases[i].bound);
        assert_true(evm_u256_is_zero(&bound));
    }
    fixture_fini(&f);
}

/* A value transfer asks for nothing but balances and the sender's nonce; a call with no value to an
 * address of which nothing is known asks what it takes to see that it is not an empty account. */
static void settle_reads_little(void **unused)
{
    (void)unused;
    static struct fixture f;
    struct evm_changes c;
    struct evm_u256 five = evm_u256_of(5);
    evm_changes_init(&c);
    fixture_init(&f, 6);
    begin(&f, EVM_CANCUN);
    f.world[2].balance = evm_u256_of(1000);
    f.world[3] = (struct world_account){0};
    f.world[4] = (struct world_account){.exists = true, .nonce = 8};
    f.world[5] = (struct world_account){.exists = true};
    struct evm_jaccount *from = account(&f, 2, EVM_NEED_BALANCE | EVM_NEED_NONCE);
    struct evm_jaccount *to = account(&f, 3, EVM_NEED_BALANCE);
    evm_journal_set_nonce(f.j, from, from->nonce + 1);
    assert_true(evm_journal_sub_balance(f.j, from, &five));
    evm_journal_add_balance(f.j, to, &five);
    struct evm_jaccount *called = account(&f, 4, EVM_NEED_CODE);
    evm_journal_touch(f.j, called);
    evm_journal_touch(f.j, account(&f, 5, 0));
    assert_int_equal(evm_journal_finish(f.j, &c), EVM_OK);
    assert_int_equal(f.asked[2], EVM_NEED_BALANCE | EVM_NEED_NONCE);
    assert_int_equal(f.asked[3], EVM_NEED_BALANCE);
    assert_int_equal(f.asked[4], EVM_NEED_CODE | EVM_NEED_BALANCE | EVM_NEED_NONCE);
    assert_int_equal(f.asked[5], EVM_NEED_ALL & ~EVM_NEED_STORAGE);
    assert_false(to->balance_observed || from->balance_observed || called->balance_observed);
    assert_true(evm_u256_is_zero(&to->balance_needed));
    assert_true(evm_u256_eq(&from->balance_needed, &five));
    assert_int_equal(c.account_count, 3);
    assert_int_equal(c.accounts[2].wrote, EVM_WROTE_DELETED | EVM_WROTE_WIPE);
    fixture_fini(&f);
    evm_changes_fini(&c);
}

#ifdef WEFT_TINY
/* Whichever allocation fails, the transaction ends with EVM_ERR_MEMORY, and the next one is well.
 */
static void out_of_memory(void **unused)
{
    (void)unused;
    static const struct evm_view_ops ops = {zero_account, key_as_value, view_block_hash};
    struct evm_codes *codes = evm_codes_create();
    struct evm_changes c;
    unsigned failures = 0;
    for (int64_t k = 0, done = 0; !done; k++) {
        evm_alloc_fail_after(k);
        struct evm_journal *j = evm_journal_create(codes);
        if (!j)
            continue;
        evm_changes_init(&c);
        evm_journal_begin(j, evm_rules_of(EVM_CANCUN), (struct evm_view){&ops, NULL});
        for (unsigned i = 0; i < 300; i++) {
            struct evm_addr addr = {{(uint8_t)i, (uint8_t)(i >> 8), 1}};
            struct evm_u256 key = {{i, i}};
            struct evm_hash topic = {{1}};
            struct evm_jaccount *a;
            struct evm_jslot *s;
            evm_journal_account(j, &addr, EVM_NEED_ALL, &a);
            evm_journal_create_contract(j, a);
            evm_journal_slot(j, a, &key, true, &s);
            evm_journal_set_slot(j, a, s, &a->before.balance);
            evm_journal_add_balance(j, a, &key);
            evm_journal_transient_set(j, a, &key, &key);
            evm_journal_log(j, &addr, 1, &topic, (struct evm_bytes){addr.b, 20});
        }
        enum evm_status st = evm_journal_finish(j, &c);
        assert_true(st == EVM_OK || st == EVM_ERR_MEMORY);
        failures += st != EVM_OK;
        done = st == EVM_OK;
        evm_alloc_fail_after(-1);
        evm_journal_begin(j, evm_rules_of(EVM_CANCUN), (struct evm_view){&ops, NULL});
        assert_false(evm_journal_failed(j));
        assert_int_equal(evm_journal_finish(j, &c), EVM_OK);
        assert_int_equal(c.account_count, 0);
        evm_changes_fini(&c);
        evm_journal_destroy(j);
    }
    assert_true(failures > 20);
    evm_codes_destroy(codes);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_transactions),  cmocka_unit_test(many_entries),
        cmocka_unit_test(balance_requirements), cmocka_unit_test(gain_of_the_rich),
        cmocka_unit_test(settle_reads_little),
#ifdef WEFT_TINY
        cmocka_unit_test(out_of_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
