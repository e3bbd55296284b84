/* The fee-ordered pool: order, gaps, replacement, eviction, expiry, chain movements, and a long run
 * of random operations against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/u256.h"
#include "models/mempool/fee_ordered.h"
#include "sim/base/mem.h"

extern const struct mempool_ops mempool_fee_ordered;

enum { SENDERS = 40, DROPS = 64 };

struct fixture {
    struct mempool_env env;
    struct pool_cfg cfg;
    struct fee_pool pool;
    sim_time now;
    uint64_t nonce[SENDERS];
    struct evm_u256 balance[SENDERS];
    struct tx *drops[DROPS];
    enum pool_verdict why[DROPS];
    uint32_t drop_count, next_id;
};

static const struct mempool_ops *const ops = &mempool_fee_ordered;

static uint32_t number_of(const struct evm_addr *a)
{
    return a->b[19];
}

static sim_time host_now(struct mempool_env *env)
{
    return ((struct fixture *)env->world)->now;
}

static void host_account(struct mempool_env *env, const struct evm_addr *addr, uint64_t *nonce,
                         struct evm_u256 *balance)
{
    struct fixture *f = env->world;
    *nonce = f->nonce[number_of(addr)];
    *balance = f->balance[number_of(addr)];
}

static void host_joined(struct mempool_env *env, struct tx *tx)
{
    (void)env;
    tx->pools++;
}

static void host_left(struct mempool_env *env, struct tx *tx, enum pool_verdict why)
{
    struct fixture *f = env->world;
    assert_true(tx->pools > 0);
    tx->pools--;
    if (why == POOL_INCLUDED || why == POOL_CRASHED)
        return;
    f->drops[f->drop_count % DROPS] = tx;
    f->why[f->drop_count++ % DROPS] = why;
}

static const struct mempool_host host = {host_now,  host_account, host_joined,
                                         host_left, NULL,         NULL};

static void fixture_init(struct fixture *f, uint64_t capacity)
{
    *f = (struct fixture){.env = {&host, f, 0},
                          .cfg = {.capacity = capacity,
                                  .capacity_bytes = 1 << 30,
                                  .per_sender = 5,
                                  .max_gap = 8,
                                  .replacement = 0.1,
                                  .lifetime = 60 * SIM_SEC}};
    for (int i = 0; i < SENDERS; i++)
        f->balance[i] = (struct evm_u256){{0, 0, 1, 0}};
    assert_int_equal(ops->init(&f->pool, &f->cfg, &f->env, NULL), ERR_OK);
}

static struct tx *make(struct fixture *f, uint32_t sender, uint64_t nonce, uint64_t tip,
                       uint64_t max_fee)
{
    struct tx *t = mem_zalloc(1, sizeof *t);
    assert_non_null(t);
    t->refs = 1;
    t->id = f->next_id++;
    t->size = 110;
    t->evm.sender.b[19] = (uint8_t)sender;
    t->evm.nonce = nonce;
    t->evm.gas_limit = 21000;
    t->evm.max_fee = evm_u256_of(max_fee);
    t->evm.max_priority_fee = evm_u256_of(tip);
    memcpy(t->evm.hash.b, &t->id, sizeof t->id);
    t->evm.hash.b[31] = 1;
    return t;
}

/* Offers a new transaction; the pool's reference is the only one that stays. */
static enum pool_verdict offer(struct fixture *f, uint32_t sender, uint64_t nonce, uint64_t tip,
                               uint64_t max_fee)
{
    struct tx *t = make(f, sender, nonce, tip, max_fee);
    enum pool_verdict v = ops->add(&f->pool, t, false);
    tx_unref(t);
    return v;
}

static uint32_t pick(struct fixture *f, uint64_t base_fee, uint64_t gas, struct tx **out,
                     const struct block *parent)
{
    struct block_fees fees = {.base_fee = evm_u256_of(base_fee)};
    struct pool_request request = {
        .fees = &fees, .gas = gas, .bytes = 1 << 30, .count = 64, .parent = parent};
    return ops->pick(&f->pool, &request, out);
}

static uint32_t held(const struct fixture *f)
{
    uint32_t count;
    uint64_t bytes;
    ops->size(&f->pool, &count, &bytes);
    assert_int_equal(bytes, 110 * (uint64_t)count);
    return count;
}

static void test_order_and_gaps(void **state)
{
    struct fixture f;
    struct tx *out[64];
    (void)state;
    fixture_init(&f, 100);
    f.nonce[2] = 7;
    assert_int_equal(offer(&f, 1, 0, 30, 1000), POOL_ADDED);
    assert_int_equal(offer(&f, 1, 1, 90, 1000), POOL_ADDED);
    assert_int_equal(offer(&f, 2, 8, 99, 1000), POOL_ADDED); /* 7 is missing */
    assert_int_equal(offer(&f, 3, 0, 50, 1000), POOL_ADDED);
    assert_int_equal(offer(&f, 4, 0, 500, 120), POOL_ADDED); /* fee cap leaves 20 of the tip */
    assert_int_equal(offer(&f, 5, 0, 50, 1000), POOL_ADDED); /* like 3, but later */
    assert_int_equal(offer(&f, 6, 0, 50, 99), POOL_ADDED);   /* cannot pay the base fee */
    assert_int_equal(offer(&f, 2, 6, 99, 1000), POOL_NONCE_TOO_LOW);
    assert_int_equal(offer(&f, 2, 16, 99, 1000), POOL_NONCE_GAP);
    assert_int_equal(held(&f), 7);
    static const uint32_t senders[] = {3, 5, 1, 1, 4};
    assert_int_equal(pick(&f, 100, 1000000, out, NULL), 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(number_of(&out[i]->evm.sender), senders[i]);
    assert_int_equal(out[2]->evm.nonce, 0);
    assert_int_equal(out[3]->evm.nonce, 1);
    assert_int_equal(offer(&f, 2, 7, 10, 1000), POOL_ADDED); /* closes the gap */
    assert_int_equal(pick(&f, 100, 1000000, out, NULL), 7);
    assert_int_equal(out[5]->evm.nonce, 7);
    assert_int_equal(out[6]->evm.nonce, 8);
    assert_int_equal(pick(&f, 100, 50000, out, NULL), 2); /* room for two */
    assert_int_equal(held(&f), 8);                        /* picking keeps */
    ops->fini(&f.pool);
    assert_int_equal(f.drop_count, 0);
}

static void test_replacement(void **state)
{
    struct fixture f;
    struct tx *out[64];
    (void)state;
    fixture_init(&f, 100);
    assert_int_equal(offer(&f, 1, 0, 101, 1001), POOL_ADDED);
    assert_int_equal(offer(&f, 1, 0, 111, 1200), POOL_REPLACEMENT_UNDERPRICED); /* 111.1 needed */
    assert_int_equal(offer(&f, 1, 0, 112, 1101), POOL_REPLACEMENT_UNDERPRICED); /* 1101.1 */
    assert_int_equal(offer(&f, 1, 0, 112, 1102), POOL_REPLACED);
    assert_int_equal(f.drop_count, 1);
    assert_int_equal(f.why[0], POOL_REPLACED);
    assert_int_equal(held(&f), 1);
    assert_int_equal(pick(&f, 0, 1000000, out, NULL), 1);
    assert_int_equal(out[0]->evm.max_priority_fee.w[0], 112);
    assert_int_equal(ops->add(&f.pool, out[0], false), POOL_KNOWN);
    struct tx *rival = make(&f, 1, 0, 101, 1001), *later = make(&f, 1, 1, 101, 1001),
              *other = make(&f, 2, 0, 101, 1001);
    assert_true(ops->has(&f.pool, out[0]));
    assert_false(ops->has(&f.pool, rival) || ops->has(&f.pool, later) || ops->has(&f.pool, other));
    tx_unref(rival);
    tx_unref(later);
    tx_unref(other);
    ops->fini(&f.pool);
}

static void test_limits(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, 100);
    for (uint64_t n = 0; n < 5; n++)
        assert_int_equal(offer(&f, 1, n, 10, 100), POOL_ADDED);
    assert_int_equal(offer(&f, 1, 5, 10, 100), POOL_SENDER_LIMIT);
    f.balance[2] = evm_u256_of(21000 * 100 * 2 + 1);
    assert_int_equal(offer(&f, 2, 0, 10, 100), POOL_ADDED);
    assert_int_equal(offer(&f, 2, 1, 10, 100), POOL_ADDED);
    assert_int_equal(offer(&f, 2, 2, 10, 100), POOL_FUNDS); /* for all three together */
    f.cfg.min_tip.w[0] = 11;
    assert_int_equal(offer(&f, 3, 0, 10, 100), POOL_UNDERPRICED);
    struct tx *own = make(&f, 3, 0, 10, 100);
    assert_int_equal(ops->add(&f.pool, own, true), POOL_ADDED);
    tx_unref(own);
    ops->fini(&f.pool);
}

static void test_eviction(void **state)
{
    struct fixture f;
    struct tx *out[64];
    (void)state;
    fixture_init(&f, 4);
    assert_int_equal(offer(&f, 1, 0, 10, 1000), POOL_ADDED); /* cheap, but 1's next hangs on it */
    assert_int_equal(offer(&f, 1, 1, 80, 1000), POOL_ADDED);
    assert_int_equal(offer(&f, 2, 0, 30, 1000), POOL_ADDED);
    assert_int_equal(offer(&f, 3, 0, 40, 1000), POOL_ADDED);
    assert_int_equal(offer(&f, 4, 0, 30, 1000), POOL_FULL); /* equal: the later one loses */
    assert_int_equal(f.drop_count, 0);
    assert_int_equal(offer(&f, 4, 0, 31, 1000), POOL_ADDED);
    assert_int_equal(f.drop_count, 1);
    assert_int_equal(f.why[0], POOL_FULL);
    assert_int_equal(offer(&f, 5, 0, 90, 1000), POOL_ADDED); /* 4 goes */
    assert_int_equal(offer(&f, 6, 0, 90, 1000), POOL_ADDED); /* 3 goes */
    assert_int_equal(offer(&f, 7, 0, 85, 1000), POOL_ADDED); /* 1's last goes */
    assert_int_equal(offer(&f, 8, 0, 11, 1000), POOL_ADDED); /* 1's first */
    assert_int_equal(f.drop_count, 5);
    assert_int_equal(held(&f), 4);
    assert_int_equal(pick(&f, 0, 1000000, out, NULL), 4);
    static const uint32_t senders[] = {5, 6, 7, 8};
    for (int i = 0; i < 4; i++)
        assert_int_equal(number_of(&out[i]->evm.sender), senders[i]);
    ops->fini(&f.pool);
}

static void test_expiry(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, 100);
    offer(&f, 1, 0, 10, 100);
    f.now = 30 * SIM_SEC;
    offer(&f, 2, 0, 10, 100);
    f.now = 59 * SIM_SEC;
    ops->expire(&f.pool);
    assert_int_equal(held(&f), 2);
    f.now = 60 * SIM_SEC;
    ops->expire(&f.pool);
    assert_int_equal(held(&f), 1);
    assert_int_equal(f.why[0], POOL_EXPIRED);
    f.now = 90 * SIM_SEC;
    ops->expire(&f.pool);
    assert_int_equal(held(&f), 0);
    assert_int_equal(f.pool.sender_count, 0);
    ops->fini(&f.pool);
}

/* Blocks join and leave; the account of an unexecuted block still says the old nonce. */
static void test_chain(void **state)
{
    struct fixture f;
    struct tx *out[64], *txs[3];
    (void)state;
    fixture_init(&f, 100);
    for (uint32_t i = 0; i < 3; i++) {
        txs[i] = make(&f, 1, i, 10, 100);
        assert_int_equal(ops->add(&f.pool, txs[i], false), POOL_ADDED);
    }
    struct block_fees fees = {.base_fee = evm_u256_of(1)};
    struct block one = {.refs = 1, .height = 1, .txs = txs, .tx_count = 1};
    struct block two = {.refs = 1, .height = 2, .txs = txs + 1, .tx_count = 1, .parent = &one};
    one.hash.b[0] = 1;
    assert_int_equal(pick(&f, 1, 1000000, out, &two), 1); /* both blocks are on their way */
    assert_int_equal(out[0]->evm.nonce, 2);
    ops->included(&f.pool, &one, &fees);
    assert_int_equal(held(&f), 2);
    assert_int_equal(pick(&f, 1, 1000000, out, &one), 2);
    assert_int_equal(out[0]->evm.nonce, 1);
    ops->included(&f.pool, &two, &fees);
    assert_int_equal(pick(&f, 1, 1000000, out, &two), 1);
    ops->reverted(&f.pool, &two);
    assert_int_equal(pick(&f, 1, 1000000, out, &one), 2);
    assert_int_equal(out[0]->evm.nonce, 1);
    /* A block with another transaction of the same nonce: ours can never be included. */
    struct tx *rival = make(&f, 1, 1, 50, 100);
    struct block other = {.refs = 1, .height = 2, .txs = &rival, .tx_count = 1, .parent = &one};
    ops->included(&f.pool, &other, &fees);
    assert_int_equal(f.drop_count, 1);
    assert_int_equal(f.why[0], POOL_NONCE_TOO_LOW);
    assert_ptr_equal(f.drops[0], txs[1]);
    struct block last = {.refs = 1, .height = 3, .txs = txs + 2, .tx_count = 1, .parent = &other};
    ops->included(&f.pool, &last, &fees);
    assert_int_equal(held(&f), 0);
    assert_int_equal(offer(&f, 1, 2, 10, 100), POOL_NONCE_TOO_LOW); /* remembered ... */
    assert_int_equal(f.pool.sender_count, 1);
    f.nonce[1] = 3; /* ... until it is executed */
    ops->expire(&f.pool);
    assert_int_equal(f.pool.sender_count, 0);
    assert_int_equal(txs[0]->refs, 1);
    for (int i = 0; i < 3; i++)
        tx_unref(txs[i]);
    tx_unref(rival);
    ops->fini(&f.pool);
}

/* What a lost block gives back counts against the capacity, by number and by bytes. */
static void test_reverted_into_full(void **state)
{
    struct fixture f;
    struct tx *txs[3];
    (void)state;
    for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
        fixture_init(&f, by_bytes ? 100 : 4);
        if (by_bytes)
            f.cfg.capacity_bytes = 4 * 110;
        for (uint32_t i = 0; i < 3; i++) {
            txs[i] = make(&f, i, 0, 10 + i, 100);
            assert_int_equal(ops->add(&f.pool, txs[i], false), POOL_ADDED);
        }
        struct block_fees fees = {.base_fee = evm_u256_of(1)};
        struct block b = {.refs = 1, .height = 1, .txs = txs, .tx_count = 3};
        ops->included(&f.pool, &b, &fees);
        assert_int_equal(txs[0]->pools, 0);
        for (uint32_t i = 3; i < 6; i++)
            assert_int_equal(offer(&f, i, 0, 50, 100), POOL_ADDED);
        ops->reverted(&f.pool, &b);
        assert_int_equal(held(&f), 4);
        assert_int_equal(f.drop_count, 2);
        assert_ptr_equal(f.drops[0], txs[0]);
        assert_ptr_equal(f.drops[1], txs[1]);
        assert_int_equal(f.why[0], POOL_FULL);
        assert_int_equal(txs[2]->pools, 1);
        ops->clear(&f.pool);
        assert_int_equal(held(&f), 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(txs[i]->pools, 0);
            assert_int_equal(txs[i]->refs, 1);
            tx_unref(txs[i]);
        }
        ops->fini(&f.pool);
    }
}

/* --- random operations against a plain model -------------------------------------------------- */

struct list {
    struct tx *items[4096];
    uint32_t count;
};

static void collect(void *self, struct tx *tx)
{
    struct list *l = self;
    l->items[l->count++] = tx;
}

static void check_whole(struct fixture *f)
{
    static struct list all;
    struct tx *out[64];
    uint64_t next[SENDERS];
    all.count = 0;
    ops->each(&f->pool, collect, &all);
    assert_int_equal(all.count, held(f));
    assert_true(all.count <= f->cfg.capacity);
    for (uint32_t i = 0; i < all.count; i++)
        for (uint32_t k = i + 1; k < all.count; k++) /* one a sender and nonce */
            assert_false(evm_addr_eq(&all.items[i]->evm.sender, &all.items[k]->evm.sender) &&
                         all.items[i]->evm.nonce == all.items[k]->evm.nonce);
    memcpy(next, f->nonce, sizeof next);
    uint32_t n = pick(f, 50, 63 * 21000, out, NULL);
    uint64_t least = UINT64_MAX; /* of all that went before */
    for (uint32_t i = 0; i < n; i++) {
        const struct evm_tx *t = &out[i]->evm;
        assert_int_equal(t->nonce, next[number_of(&t->sender)]++);
        assert_true(t->max_fee.w[0] >= 50);
        uint64_t tip = t->max_fee.w[0] - 50 < t->max_priority_fee.w[0] ? t->max_fee.w[0] - 50
                                                                       : t->max_priority_fee.w[0];
        if (t->nonce == f->nonce[number_of(&t->sender)]) /* it could have gone first */
            assert_true(tip <= least);
        least = tip < least ? tip : least;
    }
    /* Nothing that could go is left out while there is room. */
    for (uint32_t i = 0; i < all.count && n < 63; i++) {
        const struct evm_tx *t = &all.items[i]->evm;
        assert_false(t->nonce == next[number_of(&t->sender)] && t->max_fee.w[0] >= 50);
    }
}

static void test_random(void **state)
{
    static struct fixture f;
    uint64_t x = 0x2545f4914f6cdd1d;
    struct tx *out[64];
    (void)state;
    fixture_init(&f, 60);
    for (int round = 0; round < 6000; round++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint32_t sender = (uint32_t)(x >> 8) % SENDERS;
        if (x % 64 == 0) {
            uint32_t n = pick(&f, 50, (x >> 20) % 10 * 21000, out, NULL);
            struct tx *kept[64];
            for (uint32_t i = 0; i < n; i++) {
                kept[i] = tx_ref(out[i]);
                f.nonce[number_of(&out[i]->evm.sender)]++;
            }
            struct block b = {.height = (uint64_t)round, .txs = kept, .tx_count = n};
            struct block_fees fees = {.base_fee = evm_u256_of(50 + x % 7)};
            ops->included(&f.pool, &b, &fees);
            for (uint32_t i = 0; i < n; i++)
                tx_unref(kept[i]);
        } else if (x % 64 == 1) {
            f.now += 10 * SIM_SEC;
            ops->expire(&f.pool);
        } else
            offer(&f, sender, f.nonce[sender] + (x >> 16) % 4, (x >> 24) % 200, (x >> 34) % 400);
        if (round % 8 == 0)
            check_whole(&f);
    }
    assert_true(f.drop_count > 1000);
    ops->clear(&f.pool);
    assert_int_equal(held(&f), 0);
    ops->fini(&f.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_gaps),
        cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_reverted_into_full),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
