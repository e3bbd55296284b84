/* Fee markets against the closed form of EIP-1559 and against the EVM's own rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evm/block/block.h"
#include "evm/core/u256.h"
#include "models/fees/fees.h"

extern const struct fees_ops fees_eip1559, fees_fixed;

/* The first rows of the table of eip1559, filled as the scenario reader would. */
struct market {
    struct {
        uint64_t gas_limit, elasticity, denominator;
        struct field_wei initial, least;
    } cfg;
    _Alignas(16) unsigned char state[256];
    struct block block;
    struct block_fees fees;
};

static void market_init(struct market *m, uint64_t limit, uint64_t elasticity, uint64_t denominator,
                        uint64_t initial, uint64_t least)
{
    *m = (struct market){.cfg = {limit, elasticity, denominator, {{initial}}, {{least}}}};
    assert_int_equal(sizeof m->cfg, fees_eip1559.model.table->size);
    assert_true(fees_eip1559.state_size <= sizeof m->state);
    assert_int_equal(fees_eip1559.init(m->state, &m->cfg, NULL), ERR_OK);
    struct fees_parent none = {0};
    fees_eip1559.next(m->state, &none, &m->fees);
}

static uint64_t market_step(struct market *m, uint64_t used)
{
    struct block_fees parent = m->fees;
    struct fees_parent p = {.block = &m->block, .fees = &parent, .gas_used = used};
    fees_eip1559.next(m->state, &p, &m->fees);
    return m->fees.base_fee.w[0];
}

static void test_genesis_and_fixed_point(void **state)
{
    struct market m;
    (void)state;
    market_init(&m, 30000000, 2, 8, 1234567891, 7);
    assert_int_equal(m.fees.base_fee.w[0], 1234567891);
    assert_int_equal(m.fees.gas_limit, 30000000);
    assert_int_equal(m.fees.gas_target, 15000000);
    for (int i = 0; i < 10; i++)
        assert_int_equal(market_step(&m, 15000000), 1234567891);
}

/* Values computed by hand from the EIP's text. */
static void test_single_steps(void **state)
{
    static const struct {
        uint64_t base, used, limit, expected;
    } cases[] = {
        {1000000000, 20000000, 20000000, 1125000000},
        {1000000000, 0, 20000000, 875000000},
        {1000000000, 9000000, 20000000, 987500000},
        {1072671875, 0, 20000000, 938587891},
        {7, 20000000, 20000000, 8},
        {7, 0, 20000000, 7},
        {1049238967, 10000000, 20000000, 1049238967},
        {100, 10000001, 20000000, 101},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct market m;
        market_init(&m, cases[i].limit, 2, 8, cases[i].base, 0);
        assert_int_equal(market_step(&m, cases[i].used), cases[i].expected);
    }
}

/* A step in load: k full blocks multiply the base fee by (9/8)^k, k empty ones by (7/8)^k. */
static void test_closed_form(void **state)
{
    struct market m;
    (void)state;
    market_init(&m, 30000000, 2, 8, 1000000000, 0);
    for (int k = 1; k <= 60; k++) {
        double expected = 1e9 * pow(9.0 / 8, k);
        double got = (double)market_step(&m, 30000000);
        assert_true(fabs(got / expected - 1) < 1e-7);
    }
    double top = (double)m.fees.base_fee.w[0];
    for (int k = 1; k <= 60; k++) {
        double expected = top * pow(7.0 / 8, k);
        double got = (double)market_step(&m, 0);
        assert_true(fabs(got / expected - 1) < 1e-6);
    }
    market_init(&m, 90000000, 3, 50, 1000000000,
                0); /* elasticity 3: a full block is 2 targets up */
    for (int k = 1; k <= 40; k++) {
        double got = (double)market_step(&m, 90000000);
        assert_true(fabs(got / (1e9 * pow(1 + 2.0 / 50, k)) - 1) < 1e-6);
    }
}

static void test_agrees_with_the_evm(void **state)
{
    uint64_t x = 88172645463325252u;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct market m;
        struct evm_u256 base, expected;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        base = evm_u256_of(x >> (x % 50));
        uint64_t limit = 1000000 + x % 60000000, used = (x >> 7) % (limit + 1);
        market_init(&m, limit, 2, 8, base.w[0], 0);
        market_step(&m, used);
        evm_next_base_fee(&base, used, limit, &expected);
        assert_true(evm_u256_eq(&m.fees.base_fee, &expected));
    }
}

static void test_floor(void **state)
{
    struct market m;
    (void)state;
    market_init(&m, 30000000, 2, 8, 1000, 900);
    assert_int_equal(market_step(&m, 0), 900);
    assert_int_equal(market_step(&m, 0), 900);
    assert_int_equal(market_step(&m, 30000000), 1012);
    market_init(&m, 30000000, 2, 1, 1000, 0); /* an empty block takes all of it */
    assert_int_equal(market_step(&m, 0), 0);
    assert_int_equal(market_step(&m, 30000000), 1);
}

static void test_fixed(void **state)
{
    struct {
        uint64_t gas_limit;
        struct field_wei base_fee;
    } cfg = {5000000, {{42}}};
    _Alignas(16) unsigned char s[128];
    struct block_fees fees;
    struct block b = {0};
    (void)state;
    assert_int_equal(sizeof cfg, fees_fixed.model.table->size);
    assert_int_equal(fees_fixed.init(s, &cfg, NULL), ERR_OK);
    struct fees_parent p = {.block = &b, .fees = &fees, .gas_used = 5000000};
    fees_fixed.next(s, &p, &fees);
    fees_fixed.next(s, &p, &fees);
    assert_int_equal(fees.base_fee.w[0], 42);
    assert_int_equal(fees.gas_target, 5000000);
}

static void test_tip(void **state)
{
    struct block_fees fees = {.base_fee = {{1000}}};
    struct tx tx = {.evm = {.max_fee = {{1700}}, .max_priority_fee = {{300}}}};
    struct evm_u256 tip;
    (void)state;
    assert_true(fees_eip1559.tip(NULL, &fees, &tx, &tip));
    assert_int_equal(tip.w[0], 300);
    tx.evm.max_priority_fee.w[0] = 900;
    assert_true(fees_eip1559.tip(NULL, &fees, &tx, &tip));
    assert_int_equal(tip.w[0], 700);
    tx.evm.max_fee.w[0] = 1000;
    assert_true(fees_eip1559.tip(NULL, &fees, &tx, &tip));
    assert_int_equal(tip.w[0], 0);
    tx.evm.max_fee.w[0] = 999;
    assert_false(fees_eip1559.tip(NULL, &fees, &tx, &tip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genesis_and_fixed_point),
        cmocka_unit_test(test_single_steps),
        cmocka_unit_test(test_closed_form),
        cmocka_unit_test(test_agrees_with_the_evm),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_tip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
