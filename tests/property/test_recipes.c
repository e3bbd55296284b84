/* The generated blocks: they are what they are said to be, and every executor gives serial's result
 * on each, under both drivers and on any number of cores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/u256.h"
#include "evm/parallel/compare.h"
#include "models/workload/recipes_internal.h"

/* Sanitizers make a transaction 10 to 50 times slower. */
#if defined(WEFT_DEBUG)
enum { TXS = 60, SEEDS = 1 };
#else
enum { TXS = 400, SEEDS = 2 };
#endif

struct fixture {
    struct evm_codes *codes;
    struct evm_exec_pool *pool;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->codes = evm_codes_create();
    f->pool = evm_exec_pool_create();
    return f->codes && f->pool ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    evm_exec_pool_destroy(f->pool);
    evm_codes_destroy(f->codes);
    free(f);
    return 0;
}

static void make(struct fixture *f, const struct recipe *r, const struct recipe_params *p,
                 struct recipe_block *out)
{
    struct err err = {0};
    if (recipe_make(r, p, f->codes, out, &err) != ERR_OK)
        fail_msg("%s: %s", recipe_name(r), err.text);
}

static void run(struct fixture *f, const struct recipe_block *b,
                const struct evm_executor_ops *executor, enum evm_driver driver, uint32_t cores,
                uint64_t seed, struct evm_block_result *out)
{
    struct evm_err err = {0};
    const struct evm_exec_config config = {.executor = executor,
                                           .driver = driver,
                                           .cores = cores,
                                           .seed = seed,
                                           .profile = evm_profile_find("validator-2025"),
                                           .pool = f->pool};
    const struct evm_block_input in = recipe_input(b);
    if (evm_execute(&config, &in, out, &err) != EVM_OK)
        fail_msg("%s: %s", evm_executor_name(executor), err.text);
}

static void run_serially(struct fixture *f, const struct recipe_block *b,
                         struct evm_block_result *out)
{
    run(f, b, evm_executor_find("serial"), EVM_DRIVER_THREADS, 1, 1, out);
    assert_int_equal(out->invalid, EVM_TX_VALID);
    assert_int_equal(out->receipt_count, b->tx_count);
    for (uint32_t i = 0; i < out->receipt_count; i++)
        assert_true(out->receipts[i].success);
}

/* ---- they are what they are said to be ---- */

static void test_all_succeed(void **state)
{
    const struct recipe *r;
    uint32_t seen = 0;
    for (size_t i = 0; (r = recipe_at(i)); i++, seen++)
        for (uint64_t seed = 1; seed <= 5; seed++)
            for (uint32_t txs = 1; txs <= 2 * TXS; txs = 2 * txs + 1) {
                struct recipe_params p = recipe_params_default();
                struct recipe_block b;
                struct evm_block_result serial;
                p.txs = txs;
                p.seed = seed;
                make(*state, r, &p, &b);
                assert_int_equal(b.tx_count, txs);
                run_serially(*state, &b, &serial);
                evm_block_result_fini(&serial);
                recipe_block_fini(&b);
            }
    assert_true(seen == 19);
    assert_ptr_equal(recipe_find("hybrid"), recipe_find("hybrid"));
    assert_null(recipe_find("hybird"));
}

static void same_block(const char *name, const struct recipe_block *a, const struct recipe_block *b,
                       bool same)
{
    struct evm_hash x, y;
    bool equal = a->tx_count == b->tx_count;
    assert_int_equal(evm_state_root(a->pre, &x), EVM_OK);
    assert_int_equal(evm_state_root(b->pre, &y), EVM_OK);
    equal = equal && evm_hash_eq(&x, &y);
    for (uint32_t i = 0; i < a->tx_count && equal; i++) {
        const struct evm_tx *s = a->list[i], *t = b->list[i];
        equal = evm_addr_eq(&s->sender, &t->sender) && evm_addr_eq(&s->to, &t->to) &&
                s->nonce == t->nonce && s->gas_limit == t->gas_limit &&
                evm_u256_eq(&s->value, &t->value) && s->input.size == t->input.size &&
                (!s->input.size || memcmp(s->input.data, t->input.data, s->input.size) == 0);
    }
    if (equal != same)
        fail_msg("%s: blocks of %s seeds are %s", name, same ? "equal" : "different",
                 equal ? "equal" : "different");
}

static void test_same_seed_same_block(void **state)
{
    static const char *const fixed[] = {"raw",           "raw-distinct",     "swap",
                                        "swap-clusters", "beneficiary-last", "chain-erc20",
                                        "chain-swap",    "half-chain"};
    const struct recipe *r;
    for (size_t i = 0; (r = recipe_at(i)); i++) {
        struct recipe_params p = recipe_params_default();
        struct recipe_block a, b;
        bool draws = true;
        for (size_t k = 0; k < sizeof fixed / sizeof fixed[0]; k++)
            draws = draws && strcmp(recipe_name(r), fixed[k]) != 0;
        p.txs = 2000;
        make(*state, r, &p, &a);
        make(*state, r, &p, &b);
        same_block(recipe_name(r), &a, &b, true);
        recipe_block_fini(&b);
        p.seed = 2;
        make(*state, r, &p, &b);
        same_block(recipe_name(r), &a, &b, !draws);
        recipe_block_fini(&b);
        recipe_block_fini(&a);
    }
}

static void test_gas_target(void **state)
{
    const struct recipe *r;
    for (size_t i = 0; (r = recipe_at(i)); i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct recipe_params p = recipe_params_default();
            struct recipe_block b;
            struct evm_block_result serial;
            p.txs = 0;
            p.gas = 100000000; /* mainnet-like: a transaction may use 621,000 */
            p.seed = seed;
            make(*state, r, &p, &b);
            run_serially(*state, &b, &serial);
            if (serial.gas_used < p.gas / 100 * 99 || serial.gas_used > p.gas / 100 * 101)
                fail_msg("%s: %llu gas in %u transactions, asked for %llu", recipe_name(r),
                         (unsigned long long)serial.gas_used, b.tx_count,
                         (unsigned long long)p.gas);
            evm_block_result_fini(&serial);
            recipe_block_fini(&b);
        }
}

/* The shares of gas that grevm gives. */
static void test_hybrid_shares(void **state)
{
    struct recipe_params p = recipe_params_default();
    struct recipe_block b;
    struct evm_block_result serial;
    double gas[3] = {0};
    p.txs = 20000;
    make(*state, recipe_find("hybrid"), &p, &b);
    run_serially(*state, &b, &serial);
    for (uint32_t i = 0; i < b.tx_count; i++)
        gas[b.txs[i].input.size == 0    ? 0
            : b.txs[i].input.size == 68 ? 1
                                        : 2] +=
            (double)serial.receipts[i].gas_used / (double)serial.gas_used;
    assert_true(gas[0] > 0.58 && gas[0] < 0.62);
    assert_true(gas[1] > 0.18 && gas[1] < 0.22);
    assert_true(gas[2] > 0.18 && gas[2] < 0.22);
    evm_block_result_fini(&serial);
    recipe_block_fini(&b);
}

static double mean_gas(struct fixture *f, const char *name)
{
    struct recipe_params p = recipe_params_default();
    struct recipe_block b;
    struct evm_block_result serial;
    make(f, recipe_find(name), &p, &b);
    run_serially(f, &b, &serial);
    double mean = (double)serial.gas_used / b.tx_count;
    evm_block_result_fini(&serial);
    recipe_block_fini(&b);
    return mean;
}

static void test_gas_of_kinds(void **state)
{
    assert_true(mean_gas(*state, "raw") == RECIPE_RAW_GAS);
    assert_true(fabs(mean_gas(*state, "erc20-distinct") / RECIPE_TOKEN_GAS - 1) < 0.003);
    assert_true(fabs(mean_gas(*state, "swap") / RECIPE_SWAP_GAS - 1) < 0.003);
}

/* Which of the first 1,000 people; UINT32_MAX for nobody of them. */
static uint32_t person_of(const struct evm_addr *addr)
{
    static uint16_t by_bytes[1 << 16]; /* 1 + the last one whose address begins so */
    static bool made;
    static uint16_t before[1000]; /* the one before him that begins alike, likewise */
    for (uint32_t i = 0; !made && i < 1000; i++) {
        struct evm_addr a = recipe_person(i);
        before[i] = by_bytes[a.b[0] << 8 | a.b[1]];
        by_bytes[a.b[0] << 8 | a.b[1]] = (uint16_t)(i + 1);
    }
    made = true;
    for (uint16_t i = by_bytes[addr->b[0] << 8 | addr->b[1]]; i; i = before[i - 1]) {
        struct evm_addr a = recipe_person(i - 1u);
        if (evm_addr_eq(&a, addr))
            return i - 1u;
    }
    return UINT32_MAX;
}

/* P(a transaction touches one of the last tenth) = 1 - (1 - h)^2. */
static void test_hot_share(void **state)
{
    static const uint32_t percents[] = {0, 10, 30};
    static const double expected[] = {0.19, 0.19, 0.51};
    for (int k = 0; k < 3; k++) {
        struct recipe_params p = recipe_params_default();
        struct recipe_block b;
        uint32_t touched = 0;
        p.txs = 20000;
        p.accounts = 1000;
        p.hot = percents[k];
        make(*state, recipe_find("raw-hot"), &p, &b);
        for (uint32_t i = 0; i < b.tx_count; i++) {
            uint32_t from = person_of(&b.txs[i].sender), to = person_of(&b.txs[i].to);
            assert_true(from < 1000 && to < 1000);
            touched += from >= 900 || to >= 900;
        }
        assert_true(touched > b.tx_count * (expected[k] - 0.02));
        assert_true(touched < b.tx_count * (expected[k] + 0.02));
        recipe_block_fini(&b);
    }
}

static int ascending(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

/* Quantiles of gas of the Cancun era, and a giant in one seed of five. */
static void test_mainnet_gas(void **state)
{
    int giants = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct recipe_params p = recipe_params_default();
        struct recipe_block b;
        struct evm_block_result serial;
        static uint64_t gas[4000];
        p.txs = 4000;
        p.seed = seed;
        make(*state, recipe_find("mainnet-like"), &p, &b);
        run_serially(*state, &b, &serial);
        for (uint32_t i = 0; i < 4000; i++)
            gas[i] = serial.receipts[i].gas_used;
        qsort(gas, 4000, sizeof gas[0], ascending);
        assert_true(gas[1400] == 21000 && gas[1800] > 21000);
        assert_true(gas[3580] < 174000 && gas[3640] > 154000);
        assert_true(gas[3960] > 490000 && gas[3960] < 600000);
        giants += gas[3999] > serial.gas_used / 20;
        assert_true(gas[3999] < serial.gas_used / 100 * 26);
        evm_block_result_fini(&serial);
        recipe_block_fini(&b);
    }
    assert_int_equal(giants, 1);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    struct recipe_params p = recipe_params_default();
    struct recipe_block b;
    struct err err = {0};
    p.txs = 0;
    assert_int_equal(recipe_make(recipe_at(0), &p, f->codes, &b, &err), ERR_INPUT);
    p.txs = 20000000;
    assert_int_equal(recipe_make(recipe_at(0), &p, f->codes, &b, &err), ERR_INPUT);
    p.txs = 5;
    p.hot = 101;
    assert_int_equal(recipe_make(recipe_at(0), &p, f->codes, &b, &err), ERR_INPUT);
    recipe_block_fini(&b);
}

/* ---- every executor, driver and number of cores ---- */

static void agrees(struct fixture *f, const struct recipe *r, const struct recipe_block *b,
                   const struct evm_executor_ops *executor, uint64_t seed,
                   const struct evm_block_result *serial)
{
    static const uint32_t cores[] = {1, 2, 3, 8, 64};
    for (int driver = EVM_DRIVER_THREADS; driver <= EVM_DRIVER_VIRTUAL; driver++)
        for (size_t c = 0; c < sizeof cores / sizeof cores[0]; c++) {
            struct evm_block_result other;
            struct evm_err err = {0};
            run(f, b, executor, driver, cores[c], seed, &other);
            if (evm_block_result_compare(serial, &other, &err) != EVM_OK)
                fail_msg("%s, seed %llu, %s, %s, %u cores: %s", recipe_name(r),
                         (unsigned long long)seed, evm_executor_name(executor),
                         driver == EVM_DRIVER_THREADS ? "threads" : "virtual", cores[c], err.text);
            assert_true(other.executions >= b->tx_count);
            evm_block_result_fini(&other);
        }
}

static void test_equal_to_serial(void **state)
{
    const struct recipe *r;
    const struct evm_executor_ops *executor;
    for (size_t i = 0; (r = recipe_at(i)); i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct recipe_params p = recipe_params_default();
            struct recipe_block b;
            struct evm_block_result serial;
            p.txs = TXS;
            p.seed = seed;
            make(*state, r, &p, &b);
            run_serially(*state, &b, &serial);
            for (size_t e = 0; (executor = evm_executor_at(e)); e++)
                agrees(*state, r, &b, executor, seed, &serial);
            evm_block_result_fini(&serial);
            recipe_block_fini(&b);
        }
}

/* The comparison sees every kind of difference. */
static void test_compare_sees(void **state)
{
    struct recipe_params p = recipe_params_default();
    struct recipe_block b;
    struct evm_block_result one, two;
    p.txs = 40;
    make(*state, recipe_find("erc20"), &p, &b);
    run_serially(*state, &b, &one);
#define SEES(change)                                                                               \
    do {                                                                                           \
        struct evm_err err = {0};                                                                  \
        run_serially(*state, &b, &two);                                                            \
        assert_int_equal(evm_block_result_compare(&one, &two, &err), EVM_OK);                      \
        change;                                                                                    \
        assert_int_equal(evm_block_result_compare(&one, &two, &err), EVM_ERR_INPUT);               \
        evm_block_result_fini(&two);                                                               \
    } while (0)
    SEES(two.invalid = EVM_TX_NONCE_TOO_LOW);
    SEES(two.gas_used++);
    SEES(two.blob_gas_used++);
    SEES(two.fees.w[3]++);
    SEES(two.burnt.w[0]++);
    SEES(two.receipts[39].gas_used--);
    SEES(two.receipts[7].cumulative_gas--);
    SEES(two.receipts[3].logs[0].topics[2].b[31] ^= 1);
    SEES(two.receipts[3].bloom->b[31] ^= 1);
    SEES(two.receipts[0].success = false);
    SEES(two.changes.accounts[5].balance.w[2] ^= 1);
    SEES(two.changes.accounts[5].nonce ^= 1);
    SEES(two.changes.accounts[5].wrote ^= EVM_WROTE_CREATED);
    SEES(two.changes.account_count--);
    evm_block_result_fini(&one);
    recipe_block_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_succeed),  cmocka_unit_test(test_same_seed_same_block),
        cmocka_unit_test(test_gas_target),   cmocka_unit_test(test_hybrid_shares),
        cmocka_unit_test(test_hot_share),    cmocka_unit_test(test_mainnet_gas),
        cmocka_unit_test(test_gas_of_kinds), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_compare_sees), cmocka_unit_test(test_equal_to_serial),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
