/* Versions of the world against a naive model: fork trees, wipes, deletions, flatten, roots. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/state/state.h"
#include "evm/state/trie.h"

enum { ADDRS = 20, KEYS = 12, CODES = 4, VERSIONS = 40 };

/* ---- the model ------------------------------------------------------------------------------- */

struct model_account {
    bool exists;
    uint64_t nonce;
    struct evm_u256 balance, slot[KEYS];
    unsigned code;
};

struct model {
    struct model_account acc[ADDRS];
};

struct fixture {
    struct evm_codes *codes;
    const struct evm_code *code[CODES]; /* the first is the empty one */
    struct evm_addr addr[ADDRS];        /* ascending, as are the keys */
    struct evm_u256 key[KEYS];
    uint64_t seed;
};

static uint64_t random64(struct fixture *f)
{
    uint64_t z = (f->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool chance(struct fixture *f, unsigned percent)
{
    return random64(f) % 100 < percent;
}

static struct evm_u256 random_word(struct fixture *f)
{
    struct evm_u256 v = {{random64(f), random64(f), random64(f), random64(f)}};
    evm_u256_shr(&v, &v, (unsigned)(random64(f) % 256));
    return v;
}

static void fixture_init(struct fixture *f, uint64_t seed)
{
    f->seed = seed;
    f->codes = evm_codes_create();
    assert_non_null(f->codes);
    f->code[0] = evm_code_empty();
    for (unsigned i = 1; i < CODES; i++) {
        uint8_t bytes[40];
        memset(bytes, (int)(0x5b + i), sizeof bytes);
        f->code[i] = evm_codes_add(f->codes, (struct evm_bytes){bytes, 10 * i});
        assert_non_null(f->code[i]);
    }
    for (unsigned i = 0; i < ADDRS; i++) {
        for (unsigned b = 0; b < 20; b++)
            f->addr[i].b[b] = (uint8_t)random64(f);
        f->addr[i].b[0] = (uint8_t)(i * 12);
    }
    /* Small numbers as Solidity's variables have, and hashes as its mappings have. */
    for (unsigned i = 0; i < KEYS; i++) {
        f->key[i] = i < KEYS / 2 ? evm_u256_of(i) : random_word(f);
        if (i >= KEYS / 2)
            f->key[i].w[3] = (uint64_t)i << 59 | 12345;
    }
}

static void fixture_fini(struct fixture *f)
{
    evm_codes_destroy(f->codes);
}

/* One random change of account i: into the model, and as the change a journal would make of it. */
static void change_account(struct fixture *f, struct model_account *m, unsigned i,
                           struct evm_changes *c)
{
    struct evm_account_change ch = {.addr = f->addr[i], .first_slot = c->slot_count};
    bool wipe = chance(f, 8), delete = m->exists && chance(f, 12);
    if (delete) {
        *m = (struct model_account){0};
        ch.wrote = EVM_WROTE_DELETED | EVM_WROTE_WIPE;
        c->accounts[c->account_count++] = ch;
        return;
    }
    if (wipe) {
        memset(m->slot, 0, sizeof m->slot);
        ch.wrote |= EVM_WROTE_WIPE;
    }
    if (!m->exists)
        ch.wrote |= EVM_WROTE_CREATED;
    m->exists = true;
    if (chance(f, 60)) {
        ch.balance = m->balance = random_word(f);
        ch.wrote |= EVM_WROTE_BALANCE;
    }
    if (chance(f, 40)) {
        ch.nonce = m->nonce = random64(f) >> random64(f) % 64;
        ch.wrote |= EVM_WROTE_NONCE;
    }
    if (chance(f, 15)) {
        m->code = (unsigned)(random64(f) % CODES);
        ch.code = f->code[m->code];
        ch.wrote |= EVM_WROTE_CODE;
    }
    for (unsigned k = 0; k < KEYS && chance(f, 95); k++) {
        if (!chance(f, 25))
            continue;
        m->slot[k] = chance(f, 30) ? (struct evm_u256){{0}} : random_word(f);
        c->slots[c->slot_count++] = (struct evm_slot_change){f->key[k], m->slot[k]};
        ch.slot_count++;
    }
    c->accounts[c->account_count++] = ch;
}

static void change(struct fixture *f, struct model *m, struct evm_changes *c)
{
    unsigned percent = chance(f, 10) ? 90 : 15;
    evm_changes_clear(c);
    assert_int_equal(evm_changes_reserve(c, ADDRS, ADDRS * KEYS), EVM_OK);
    for (unsigned i = 0; i < ADDRS; i++)
        if (chance(f, percent))
            change_account(f, &m->acc[i], i, c);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool has_storage(const struct model_account *m)
{
    for (unsigned k = 0; k < KEYS; k++)
        if (!evm_u256_is_zero(&m->slot[k]))
            return true;
    return false;
}

static void check_reads(struct fixture *f, const struct evm_state *s, const struct model *m)
{
    for (unsigned i = 0; i < ADDRS; i++) {
        struct evm_account a;
        const struct model_account *w = &m->acc[i];
        evm_state_account(s, &f->addr[i], &a);
        assert_int_equal(a.exists, w->exists);
        assert_true(evm_u256_eq(&a.balance, &w->balance));
        assert_true(a.nonce == w->nonce);
        assert_memory_equal(a.code_hash.b, f->code[w->code]->hash.b, 32);
        assert_int_equal(a.has_storage, has_storage(w));
        for (unsigned k = 0; k < KEYS; k++) {
            struct evm_u256 v;
            evm_state_slot(s, &f->addr[i], &f->key[k], &v);
            assert_true(evm_u256_eq(&v, &w->slot[k]));
        }
    }
}

static size_t put_int(uint8_t *p, const struct evm_u256 *x)
{
    uint8_t be[32];
    size_t skip = 0;
    evm_u256_store_be(be, x);
    while (skip < 32 && be[skip] == 0)
        skip++;
    if (skip == 31 && be[31] < 0x80) {
        *p = be[31];
        return 1;
    }
    *p = (uint8_t)(0x80 + 32 - skip);
    memcpy(p + 1, be + skip, 32 - skip);
    return 33 - skip;
}

static void storage_root(struct fixture *f, const struct model_account *m, struct evm_hash *out)
{
    struct evm_trie_pair pairs[KEYS];
    struct evm_hash hashed[KEYS];
    uint8_t value[KEYS][33], key[32];
    size_t n = 0;
    for (unsigned k = 0; k < KEYS; k++) {
        if (evm_u256_is_zero(&m->slot[k]))
            continue;
        evm_u256_store_be(key, &f->key[k]);
        evm_keccak256(&hashed[k], (struct evm_bytes){key, 32});
        pairs[n++] =
            (struct evm_trie_pair){{hashed[k].b, 32}, {value[k], put_int(value[k], &m->slot[k])}};
    }
    assert_int_equal(evm_trie_root_of_pairs(pairs, n, out), EVM_OK);
}

static void model_root(struct fixture *f, const struct model *m, struct evm_hash *out)
{
    struct evm_trie_pair pairs[ADDRS];
    struct evm_hash hashed[ADDRS], storage;
    uint8_t value[ADDRS][120];
    size_t n = 0;
    for (unsigned i = 0; i < ADDRS; i++) {
        const struct model_account *a = &m->acc[i];
        if (!a->exists)
            continue;
        struct evm_u256 nonce = evm_u256_of(a->nonce);
        uint8_t *p = value[i] + 2;
        p += put_int(p, &nonce);
        p += put_int(p, &a->balance);
        storage_root(f, a, &storage);
        *p++ = 0xa0;
        memcpy(p, storage.b, 32);
        p[32] = 0xa0;
        memcpy(p + 33, f->code[a->code]->hash.b, 32);
        p += 65;
        value[i][0] = 0xf8;
        value[i][1] = (uint8_t)(p - value[i] - 2);
        evm_keccak256(&hashed[i], (struct evm_bytes){f->addr[i].b, 20});
        pairs[n++] = (struct evm_trie_pair){{hashed[i].b, 32}, {value[i], (size_t)(p - value[i])}};
    }
    assert_int_equal(evm_trie_root_of_pairs(pairs, n, out), EVM_OK);
}

static void check_root(struct fixture *f, struct evm_state *s, const struct model *m)
{
    struct evm_hash got, want;
    assert_int_equal(evm_state_root(s, &got), EVM_OK);
    model_root(f, m, &want);
    assert_memory_equal(got.b, want.b, 32);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* An unsealed version takes several changes, is read in between, and is sealed. */
static struct evm_state *grow(struct fixture *f, struct evm_state *parent, struct model *m)
{
    struct evm_changes c;
    struct evm_state *s = parent ? evm_state_fork(parent) : evm_state_create(f->codes);
    assert_non_null(s);
    evm_changes_init(&c);
    for (unsigned n = (unsigned)(random64(f) % 4); n > 0; n--) {
        change(f, m, &c);
        assert_int_equal(evm_state_apply(s, &c), EVM_OK);
        check_reads(f, s, m);
    }
    evm_changes_fini(&c);
    evm_state_seal(s);
    return s;
}

/* A tree of versions, dropped in random order; every one right while it lives. */
static void fork_trees(void **unused)
{
    (void)unused;
    static struct model model[VERSIONS];
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct fixture f;
        struct evm_state *s[VERSIONS] = {0};
        fixture_init(&f, seed);
        memset(model, 0, sizeof model);
        s[0] = grow(&f, NULL, &model[0]);
        for (unsigned v = 1; v < VERSIONS; v++) {
            unsigned from = chance(&f, 60) ? v - 1 : (unsigned)(random64(&f) % v);
            while (!s[from])
                from++;
            model[v] = model[from];
            s[v] = grow(&f, s[from], &model[v]);
            if (chance(&f, 40))
                check_root(&f, s[v], &model[v]);
            unsigned drop = (unsigned)(random64(&f) % v);
            if (chance(&f, 30)) {
                evm_state_unref(s[drop]);
                s[drop] = NULL;
            }
        }
        for (unsigned v = 0; v < VERSIONS; v++) {
            if (!s[v])
                continue;
            check_reads(&f, s[v], &model[v]);
            check_root(&f, s[v], &model[v]);
        }
        for (unsigned v = 0; v < VERSIONS; v++)
            evm_state_unref(s[v]);
        fixture_fini(&f);
    }
}

/* A long chain whose tail is flattened now and then, with forks above the flattened version, and
 * roots computed for some versions only. */
static void flatten_chains(void **unused)
{
    (void)unused;
    static struct model m[8];
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fixture f;
        fixture_init(&f, seed * 977);
        memset(m, 0, sizeof m);
        struct evm_state *tip = grow(&f, NULL, &m[0]);
        unsigned root_percent = (unsigned)(seed % 4) * 33;
        for (int round = 0; round < 12; round++) {
            struct evm_state *s[8] = {tip};
            unsigned n = 1 + (unsigned)(random64(&f) % 7);
            for (unsigned v = 1; v < n; v++) {
                m[v] = m[v - 1];
                s[v] = grow(&f, s[v - 1], &m[v]);
                if (chance(&f, root_percent))
                    check_root(&f, s[v], &m[v]);
            }
            /* Finalise version k: drop the handles below it, keep those above. */
            unsigned k = (unsigned)(random64(&f) % n);
            for (unsigned v = 0; v < k; v++)
                evm_state_unref(s[v]);
            assert_int_equal(evm_state_flatten(s[k]), EVM_OK);
            for (unsigned v = k; v < n; v++)
                check_reads(&f, s[v], &m[v]);
            if (chance(&f, 50))
                for (unsigned v = n; v-- > k;)
                    check_root(&f, s[v], &m[v]);
            for (unsigned v = k; v + 1 < n; v++)
                evm_state_unref(s[v]);
            tip = s[n - 1];
            m[0] = m[n - 1];
        }
        check_root(&f, tip, &m[0]);
        assert_int_equal(evm_state_flatten(tip), EVM_OK);
        check_reads(&f, tip, &m[0]);
        check_root(&f, tip, &m[0]);
        evm_state_unref(tip);
        fixture_fini(&f);
    }
}

/* The bytes of a base do not grow for ever when the same slots change again and again. */
static void flatten_keeps_size(void **unused)
{
    (void)unused;
    struct fixture f;
    static struct model m;
    struct evm_hash h;
    size_t early = 0;
    fixture_init(&f, 4);
    memset(&m, 0, sizeof m);
    struct evm_state *tip = grow(&f, NULL, &m);
    for (int round = 0; round < 600; round++) {
        struct evm_state *next = grow(&f, tip, &m);
        if (round % 3)
            assert_int_equal(evm_state_root(next, &h), EVM_OK);
        evm_state_unref(tip);
        tip = next;
        assert_int_equal(evm_state_flatten(tip), EVM_OK);
        if (round == 100)
            early = evm_state_bytes(tip);
    }
    check_reads(&f, tip, &m);
    check_root(&f, tip, &m);
    assert_true(evm_state_bytes(tip) < 2 * early);
    evm_state_unref(tip);
    fixture_fini(&f);
}

struct dump {
    struct fixture *f;
    const struct model *m;
    unsigned next_account, next_key, accounts, slots;
};

static void dump_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct dump *d = self;
    for (d->next_key = 0; !d->m->acc[d->next_account].exists; d->next_account++)
        assert_true(d->next_account < ADDRS);
    assert_memory_equal(addr->b, d->f->addr[d->next_account].b, 20);
    assert_true(acc->nonce == d->m->acc[d->next_account].nonce);
    d->next_account++;
    d->accounts++;
}

static void dump_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                      const struct evm_u256 *value)
{
    struct dump *d = self;
    const struct model_account *a = &d->m->acc[d->next_account - 1];
    assert_memory_equal(addr->b, d->f->addr[d->next_account - 1].b, 20);
    while (evm_u256_is_zero(&a->slot[d->next_key]))
        d->next_key++;
    assert_true(d->next_key < KEYS);
    assert_true(evm_u256_eq(key, &d->f->key[d->next_key]));
    assert_true(evm_u256_eq(value, &a->slot[d->next_key]));
    d->next_key++;
    d->slots++;
}

static void each_in_order(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture f;
        static struct model m;
        memset(&m, 0, sizeof m);
        fixture_init(&f, seed);
        struct evm_state *s = grow(&f, NULL, &m);
        for (int v = 0; v < 6; v++) {
            struct evm_state *next = grow(&f, s, &m);
            evm_state_unref(s);
            s = next;
        }
        struct dump d = {.f = &f, .m = &m};
        unsigned accounts = 0, slots = 0;
        for (unsigned i = 0; i < ADDRS; i++) {
            accounts += m.acc[i].exists;
            for (unsigned k = 0; k < KEYS; k++)
                slots += !evm_u256_is_zero(&m.acc[i].slot[k]);
        }
        assert_int_equal(evm_state_each(s, dump_account, dump_slot, &d), EVM_OK);
        assert_int_equal(d.accounts, accounts);
        assert_int_equal(d.slots, slots);
        evm_state_unref(s);
        fixture_fini(&f);
    }
}

/* The view answers with the version's values, and block hashes from the list. */
static void view_reads(void **unused)
{
    (void)unused;
    struct fixture f;
    static struct model m;
    fixture_init(&f, 9);
    struct evm_state *s = grow(&f, NULL, &m);
    const uint64_t numbers[] = {100, 102};
    const struct evm_hash hashes[] = {{{1, 2, 3}}, {{4, 5, 6}}};
    const struct evm_block_hashes known = {numbers, hashes, 2};
    struct evm_state_view sv = {s, &known};
    struct evm_view view = evm_state_view(&sv);
    for (unsigned i = 0; i < ADDRS; i++) {
        struct evm_account a;
        struct evm_u256 v;
        assert_int_equal(view.ops->account(view.self, &f.addr[i], EVM_NEED_ALL, &a), EVM_READ_OK);
        assert_true(evm_u256_eq(&a.balance, &m.acc[i].balance));
        assert_int_equal(view.ops->slot(view.self, &f.addr[i], &f.key[3], &v), EVM_READ_OK);
        assert_true(evm_u256_eq(&v, &m.acc[i].slot[3]));
    }
    struct evm_hash h, zero = {{0}};
    view.ops->block_hash(view.self, 102, &h);
    assert_memory_equal(h.b, hashes[1].b, 32);
    view.ops->block_hash(view.self, 101, &h);
    assert_memory_equal(h.b, zero.b, 32);
    evm_state_unref(s);
    fixture_fini(&f);
}

/* Threads that read, fork from and root the same sealed versions at once, each in its own order. */
enum { SHARED = 12, THREADS = 4 };
struct shared {
    struct fixture *f;
    struct evm_state *s[SHARED];
    struct model m[SHARED];
    struct evm_hash want[SHARED];
    const struct evm_changes *change;
};
struct worker {
    struct shared *shared;
    unsigned first, wrong;
};

static void *work(void *self)
{
    struct worker *w = self;
    struct shared *sh = w->shared;
    for (unsigned n = 0; n < 3 * SHARED; n++) {
        unsigned v = (w->first + 5 * n) % SHARED;
        struct evm_hash got;
        struct evm_account a;
        struct evm_u256 x;
        struct evm_state *child = evm_state_fork(sh->s[v]);
        if (!child || evm_state_apply(child, sh->change) != EVM_OK)
            w->wrong++;
        evm_state_account(sh->s[v], &sh->f->addr[n % ADDRS], &a);
        w->wrong += a.exists != sh->m[v].acc[n % ADDRS].exists;
        evm_state_slot(sh->s[v], &sh->f->addr[n % ADDRS], &sh->f->key[n % KEYS], &x);
        w->wrong += !evm_u256_eq(&x, &sh->m[v].acc[n % ADDRS].slot[n % KEYS]);
        w->wrong += evm_state_root(sh->s[v], &got) != EVM_OK ||
                    memcmp(got.b, sh->want[v].b, sizeof got.b) != 0;
        evm_state_seal(child);
        w->wrong += evm_state_root(child, &got) != EVM_OK;
        evm_state_unref(child);
    }
    return NULL;
}

static void concurrent_roots(void **unused)
{
    (void)unused;
    static struct shared sh;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct fixture f;
        struct evm_changes c;
        static struct model scratch;
        pthread_t thread[THREADS];
        struct worker w[THREADS];
        fixture_init(&f, seed * 31);
        memset(&sh, 0, sizeof sh);
        sh.f = &f;
        sh.s[0] = grow(&f, NULL, &sh.m[0]);
        for (unsigned v = 1; v < SHARED; v++) {
            unsigned from = v < 4 ? v - 1 : (unsigned)(random64(&f) % v);
            sh.m[v] = sh.m[from];
            sh.s[v] = grow(&f, sh.s[from], &sh.m[v]);
        }
        for (unsigned v = 0; v < SHARED; v++)
            model_root(&f, &sh.m[v], &sh.want[v]);
        evm_changes_init(&c);
        scratch = sh.m[0];
        change(&f, &scratch, &c);
        sh.change = &c;
        for (unsigned t = 0; t < THREADS; t++) {
            w[t] = (struct worker){&sh, t * 3, 0};
            assert_int_equal(pthread_create(&thread[t], NULL, work, &w[t]), 0);
        }
        for (unsigned t = 0; t < THREADS; t++) {
            pthread_join(thread[t], NULL);
            assert_int_equal(w[t].wrong, 0);
        }
        for (unsigned v = 0; v < SHARED; v++)
            evm_state_unref(sh.s[v]);
        evm_changes_fini(&c);
        fixture_fini(&f);
    }
}

#ifdef WEFT_TINY
/* Every place an allocation can fail: apply spoils only its own version, root and flatten change
 * nothing and succeed when asked again. */
static void out_of_memory(void **unused)
{
    (void)unused;
    struct fixture f;
    static struct model m, next;
    struct evm_changes c;
    struct evm_hash h;
    fixture_init(&f, 31);
    evm_changes_init(&c);
    struct evm_state *base = grow(&f, NULL, &m);
    for (int round = 0; round < 20; round++) {
        struct evm_state *s = NULL;
        next = m;
        change(&f, &next, &c);
        enum evm_status st = EVM_ERR_MEMORY;
        for (int64_t k = 0; st != EVM_OK; k++) {
            evm_alloc_fail_after(k);
            s = evm_state_fork(base);
            st = s ? evm_state_apply(s, &c) : EVM_ERR_MEMORY;
            evm_alloc_fail_after(-1);
            if (st != EVM_OK)
                evm_state_unref(s);
            check_reads(&f, base, &m);
        }
        evm_state_seal(s);
        m = next;
        st = round % 3 == 2 ? EVM_OK : EVM_ERR_MEMORY;
        for (int64_t k = 0; st != EVM_OK; k++) {
            evm_alloc_fail_after(k);
            st = evm_state_root(s, &h);
            evm_alloc_fail_after(-1);
        }
        evm_state_unref(base);
        st = EVM_ERR_MEMORY;
        for (int64_t k = 0; st != EVM_OK; k++) {
            check_reads(&f, s, &m);
            evm_alloc_fail_after(k);
            st = evm_state_flatten(s);
            evm_alloc_fail_after(-1);
        }
        check_reads(&f, s, &m);
        if (round % 3 == 0)
            check_root(&f, s, &m);
        base = s;
    }
    check_root(&f, base, &m);
    evm_state_unref(base);
    evm_changes_fini(&c);
    fixture_fini(&f);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork_trees),    cmocka_unit_test(flatten_chains),
        cmocka_unit_test(each_in_order), cmocka_unit_test(flatten_keeps_size),
        cmocka_unit_test(view_reads),    cmocka_unit_test(concurrent_roots),
#ifdef WEFT_TINY
        cmocka_unit_test(out_of_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
