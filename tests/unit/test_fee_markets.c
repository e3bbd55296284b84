/* Fee markets of several layers, recipients and resources, against closed forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/u256.h"
#include "models/fees/common.h"
#include "sim/base/mem.h"

extern const struct fees_ops fees_eip1559, fees_global, fees_local, fees_multidimensional;

#define GWEI UINT64_C(1000000000)

/* The first rows of all tables, and those of each, as the scenario reader would fill them. */
struct common_cfg {
    uint64_t gas_limit, elasticity, denominator;
    struct field_wei initial, least;
};
struct global_cfg {
    struct common_cfg common;
    double smoothing, pull;
};
struct local_cfg {
    struct common_cfg common;
    double share;
    struct field_wei first;
    uint64_t recipients;
};
struct multi_cfg {
    struct common_cfg common;
    uint64_t storage_target;
    struct field_wei storage_fee;
    uint64_t cross_target;
    struct field_wei cross_fee, least;
    uint64_t recipients;
};

enum { TXS = 4000 };

/* A chain of one layer: the block that is being filled and what it charges. */
struct market {
    const struct fees_ops *ops;
    _Alignas(16) unsigned char state[512];
    struct block block;
    struct block_fees fees;
    struct tx *txs[TXS];
    struct fees_use uses[TXS];
};

static struct market *market_make(const struct fees_ops *ops, const void *cfg, size_t size)
{
    struct market *m = calloc(1, sizeof *m);
    struct fees_parent none = {0};
    assert_non_null(m);
    m->ops = ops;
    assert_int_equal(size, ops->model.table->size);
    assert_true(ops->state_size <= sizeof m->state);
    assert_int_equal(ops->init(m->state, cfg, NULL), ERR_OK);
    ops->next(m->state, &none, &m->fees);
    m->block.txs = m->txs;
    return m;
}

static void market_free(struct market *m)
{
    fee_table_unref(m->fees.table);
    free(m);
}

/* The block is done: gas_used of its transactions' uses, or `gas` where it has none. */
static void market_step(struct market *m, uint64_t gas, bool told)
{
    struct block_fees old = m->fees;
    for (uint32_t i = 0; i < m->block.tx_count; i++)
        gas += told ? m->uses[i].gas : m->txs[i]->evm.gas_limit;
    struct fees_parent p = {
        .block = &m->block, .fees = &old, .gas_used = gas, .uses = told ? m->uses : NULL};
    m->ops->next(m->state, &p, &m->fees);
    assert_false(m->fees.failed);
    fee_table_unref(old.table);
    m->block.tx_count = 0;
}

static uint64_t base_fee(const struct market *m)
{
    return m->fees.base_fee.w[0];
}

/* xorshift64* */
static uint64_t draw(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * UINT64_C(2685821657736338717);
}

/* ---- global ---- */

enum { LAYERS = 5 };

static const struct global_cfg at_once = {
    {20000000, 2, 8, {{30 * GWEI}}, {{7}}}, .smoothing = 1, .pull = 0.1};

/* Every layer's note sums up what the others used. */
static void state_notes(struct market *const *layers, const uint64_t *used)
{
    for (int i = 0; i < LAYERS; i++) {
        struct fees_note note = {0};
        for (int j = 0; j < LAYERS; j++)
            if (j != i) {
                note.gas_used += used[j];
                note.gas_target += layers[j]->fees.gas_target;
                evm_u256_add(&note.base_fee, &note.base_fee, &layers[j]->fees.base_fee);
            }
        struct evm_u256 count = evm_u256_of(LAYERS - 1);
        evm_u256_div(&note.base_fee, &note.base_fee, &count);
        layers[i]->block.note = note;
    }
}

/* Blocks of all layers at once, and notes without delay: one chain whose blocks hold all their gas,
 * to the wei. */
static void test_global_is_one_chain(void **state)
{
    struct common_cfg sum = {LAYERS * 20000000, 2, 8, {{30 * GWEI}}, {{7}}};
    struct market *layers[LAYERS], *one = market_make(&fees_eip1559, &sum, sizeof sum);
    uint64_t x = 4711, used[LAYERS];
    (void)state;
    for (int i = 0; i < LAYERS; i++)
        layers[i] = market_make(&fees_global, &at_once, sizeof at_once);
    for (int h = 0; h < 300; h++) {
        uint64_t all = 0;
        for (int i = 0; i < LAYERS; i++)
            all += used[i] = draw(&x) % (h % 60 < 30 ? 20000001 : 14000000);
        state_notes(layers, used);
        for (int i = 0; i < LAYERS; i++)
            market_step(layers[i], used[i], false);
        market_step(one, all, false);
        for (int i = 0; i < LAYERS; i++)
            assert_int_equal(base_fee(layers[i]), base_fee(one));
    }
    for (int i = 0; i < LAYERS; i++)
        market_free(layers[i]);
    market_free(one);
}

/* Full where all others are empty: its own base fee falls like theirs, 1 - 1/8 * (1 - 2/5). */
static void test_global_follows_the_mean(void **state)
{
    struct market *layers[LAYERS];
    uint64_t used[LAYERS] = {20000000};
    (void)state;
    for (int i = 0; i < LAYERS; i++)
        layers[i] = market_make(&fees_global, &at_once, sizeof at_once);
    for (int h = 1; h <= 20; h++) {
        state_notes(layers, used);
        for (int i = 0; i < LAYERS; i++)
            market_step(layers[i], used[i], false);
        double expected = 30e9 * pow(1 - (1 - 2.0 / LAYERS) / 8, h);
        assert_true(fabs((double)base_fee(layers[0]) / expected - 1) < 1e-6);
        assert_int_equal(base_fee(layers[0]), base_fee(layers[1]));
    }
    for (int i = 0; i < LAYERS; i++)
        market_free(layers[i]);
}

/* Two layers whose fees were made to differ, at their targets: the distance shrinks by 2 * pull a
 * block, and without a note nothing moves. */
static void test_global_draws_together(void **state)
{
    struct market *a = market_make(&fees_global, &at_once, sizeof at_once);
    struct market *b = market_make(&fees_global, &at_once, sizeof at_once);
    (void)state;
    market_step(a, 10000000, false);
    assert_int_equal(base_fee(a), 30 * GWEI);
    a->fees.base_fee = evm_u256_of(50 * GWEI);
    for (int h = 1; h <= 20; h++) {
        a->block.note = (struct fees_note){10000000, 10000000, b->fees.base_fee};
        b->block.note = (struct fees_note){10000000, 10000000, a->fees.base_fee};
        market_step(a, 10000000, false);
        market_step(b, 10000000, false);
        double distance = (double)base_fee(a) - (double)base_fee(b);
        assert_true(fabs(distance - 20e9 * pow(0.8, h)) < 100);
    }
    market_free(a);
    market_free(b);
}

static void test_global_smooths(void **state)
{
    struct global_cfg cfg = at_once;
    (void)state;
    cfg.smoothing = 0.25;
    struct market *m = market_make(&fees_global, &cfg, sizeof cfg);
    for (int h = 1; h <= 30; h++) {
        market_step(m, 20000000, false);
        double expected = 20e6 - 10e6 * pow(0.75, h);
        assert_true(fabs((double)m->fees.gas_smoothed - expected) < 10);
    }
    market_free(m);
}

/* ---- local ---- */

static const struct local_cfg quarter = {
    {30000000, 2, 8, {{0}}, {{0}}}, .share = 0.25, .first = {{GWEI / 10}}, .recipients = 1000};

static struct evm_addr address(uint32_t i)
{
    struct evm_addr a = {{0x5a, 0, 0, 0, 1}};
    memcpy(a.b + 16, &i, sizeof i);
    return a;
}

static struct tx *tx_to(uint32_t recipient, uint64_t gas, uint64_t tip)
{
    struct tx *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->evm.to = address(recipient);
    t->evm.gas_limit = gas;
    t->evm.max_fee = evm_u256_of(1000 * GWEI);
    t->evm.max_priority_fee = evm_u256_of(tip);
    return t;
}

/* Fills the block as a proposer does: of those that can pay, whatever fits. */
static void offer(struct market *m, struct tx *const *txs, uint32_t count)
{
    struct evm_u256 tip;
    void *room = m->ops->room(m->state, &m->fees, m->fees.gas_limit);
    uint64_t gas = 0;
    assert_non_null(room);
    for (uint32_t i = 0; i < count; i++) {
        if (!m->ops->tip(m->state, &m->fees, txs[i], &tip) ||
            gas + txs[i]->evm.gas_limit > m->fees.gas_limit || !m->ops->fits(room, txs[i]))
            continue;
        gas += txs[i]->evm.gas_limit;
        m->txs[m->block.tx_count++] = txs[i];
    }
    m->ops->room_free(room);
}

static uint64_t gas_of(const struct market *m, uint32_t recipient)
{
    struct evm_addr to = address(recipient);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < m->block.tx_count; i++)
        if (evm_addr_eq(&m->txs[i]->evm.to, &to))
            sum += m->txs[i]->evm.gas_limit;
    return sum;
}

static uint64_t surcharge_of(const struct market *m, uint32_t recipient)
{
    struct evm_addr to = address(recipient);
    const struct fee_entry *e = fee_table_find(m->fees.table, &to);
    return e ? e->surcharge.w[0] : 0;
}

/* Tips of 1 to 1,000 tenths of a gwei for a hot recipient, 50,000 gas each, in no order: its 3.75 M
 * gas are the demand of 75 of them, those who pay 92.6 gwei or more. Everybody else pays
 * nothing and gets in. */
static void test_local_converges(void **state)
{
    enum { HOT = 1000, IDLE = 100, ALL = HOT + IDLE };
    struct market *m = market_make(&fees_local, &quarter, sizeof quarter);
    struct tx *txs[ALL];
    uint64_t sum = 0;
    (void)state;
    for (uint32_t i = 0; i < ALL; i++)
        txs[i] =
            i < HOT ? tx_to(7, 50000, (i * 377 % HOT + 1) * GWEI / 10) : tx_to(100 + i, 50000, 0);
    for (int h = 0; h < 400; h++) {
        uint64_t before = surcharge_of(m, 7);
        offer(m, txs, ALL);
        assert_true(gas_of(m, 7) <= 30000000 / 4);
        for (uint32_t i = HOT; i < ALL; i++) {
            assert_int_equal(gas_of(m, 100 + i), 50000);
            assert_int_equal(surcharge_of(m, 100 + i), 0);
        }
        sum += h >= 200 ? gas_of(m, 7) : 0;
        market_step(m, 0, false);
        uint64_t after = surcharge_of(m, 7);
        if (before)
            assert_true(after <= before + before / 8 && after >= before - before / 8 - 1);
        if (h >= 200)
            assert_true(after > 80 * GWEI && after <= 100 * GWEI);
    }
    double mean = (double)sum / 200;
    if (fabs(mean / 3750000 - 1) > 0.1)
        fail_msg("the hot recipient uses %.0f gas a block, its part of the target is 3750000",
                 mean);
    for (uint32_t i = 0; i < ALL; i++)
        free(txs[i]);
    market_free(m);
}

/* Without load a surcharge falls by 1/8 a block, and is gone below the first; at its target it
 * stands still. */
static void test_local_decays(void **state)
{
    struct market *m = market_make(&fees_local, &quarter, sizeof quarter);
    struct tx *full = tx_to(3, 7500000, 500 * GWEI), *half = tx_to(3, 3750000, 500 * GWEI);
    (void)state;
    for (int h = 0; h < 40; h++) {
        m->txs[0] = full;
        m->block.tx_count = 1;
        market_step(m, 0, false);
        double expected = (double)GWEI / 10 * pow(9.0 / 8, h);
        assert_true(fabs((double)surcharge_of(m, 3) / expected - 1) < 1e-6);
    }
    uint64_t top = surcharge_of(m, 3);
    m->txs[0] = half;
    m->block.tx_count = 1;
    market_step(m, 0, false);
    assert_int_equal(surcharge_of(m, 3), top);
    int blocks = 0;
    for (; surcharge_of(m, 3); blocks++) {
        double expected = (double)top * pow(7.0 / 8, blocks);
        assert_true(fabs((double)surcharge_of(m, 3) / expected - 1) < 1e-6);
        market_step(m, 0, false);
    }
    assert_int_equal(blocks, (int)ceil(39 * log(9.0 / 8) / log(8.0 / 7)));
    assert_null(m->fees.table);
    free(full);
    free(half);
    market_free(m);
}

/* Of more recipients than a block may hold the dearest stay, and of equals the lower addresses. */
static void test_local_is_bounded(void **state)
{
    struct local_cfg cfg = quarter;
    struct tx *txs[20];
    (void)state;
    cfg.recipients = 6;
    cfg.share = 0.01;
    struct market *m = market_make(&fees_local, &cfg, sizeof cfg);
    for (uint32_t i = 0; i < 20; i++)
        txs[i] = tx_to(19 - i, 200000, 0);
    for (int h = 0; h < 3; h++) { /* four of them, twice; then all twenty */
        memcpy(m->txs, txs, sizeof txs);
        m->block.tx_count = h < 2 ? 4 : 20;
        market_step(m, 0, false);
    }
    assert_int_equal(m->fees.table->count, 6);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(surcharge_of(m, i) > 0, i >= 16 || i < 2);
    assert_true(surcharge_of(m, 17) > surcharge_of(m, 0));
    for (uint32_t i = 0; i < 20; i++)
        free(txs[i]);
    market_free(m);
}

/* Who cannot pay the surcharge beyond the base fee stays out. */
static void test_local_tip(void **state)
{
    struct market *m = market_make(&fees_local, &quarter, sizeof quarter);
    struct tx *hot = tx_to(3, 7500000, GWEI / 10), *poor = tx_to(3, 21000, GWEI / 10 - 1),
              *other = tx_to(4, 21000, 0);
    struct evm_u256 tip;
    (void)state;
    m->txs[0] = hot;
    m->block.tx_count = 1;
    market_step(m, 0, false);
    assert_int_equal(surcharge_of(m, 3), GWEI / 10);
    assert_true(m->ops->tip(m->state, &m->fees, hot, &tip));
    assert_int_equal(tip.w[0], GWEI / 10);
    assert_false(m->ops->tip(m->state, &m->fees, poor, &tip));
    assert_true(m->ops->tip(m->state, &m->fees, other, &tip));
    m->fees.base_fee = evm_u256_of(1000 * GWEI - 5); /* the cap leaves 5 wei beyond it */
    assert_false(m->ops->tip(m->state, &m->fees, hot, &tip));
    poor->evm.is_create = true; /* a creation has no recipient */
    assert_true(m->ops->tip(m->state, &m->fees, poor, &tip));
    free(hot);
    free(poor);
    free(other);
    market_free(m);
}

/* ---- multidimensional ---- */

static const struct multi_cfg three = {{30000000, 2, 8, {{20 * GWEI}}, {{7}}},
                                       32000,
                                       {{100 * GWEI}},
                                       64000,
                                       {{50 * GWEI}},
                                       {{GWEI}},
                                       100};

static uint64_t price(const struct market *m, enum fee_bytes d)
{
    return m->fees.table->price[d].w[0];
}

/* One transaction that uses so much of each. */
static void use(struct market *m, struct tx *tx, uint64_t gas, uint64_t storage, uint64_t cross)
{
    m->txs[0] = tx;
    m->uses[0] = (struct fees_use){gas, storage};
    tx->cross_bytes = (uint32_t)cross;
    m->block.tx_count = 1;
    market_step(m, 0, true);
}

/* Each of the three at its target stands still while the others move by the rule of EIP-1559. */
static void test_multi_targets(void **state)
{
    static const struct {
        double gas, storage, cross; /* of the target */
    } cases[] = {{1, 1, 1},    {2, 1, 1},       {1, 2, 1},   {1, 1, 2},  {0, 1, 2},
                 {1, 0.25, 1}, {1.5, 0.5, 0.0}, {1, 900, 1}, {1, 1, 777}};
    struct tx *tx = tx_to(1, 15000000, GWEI);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct market *m = market_make(&fees_multidimensional, &three, sizeof three);
        double storage = fmin(cases[i].storage, 2), cross = fmin(cases[i].cross, 2);
        for (int h = 1; h <= 10; h++) {
            use(m, tx, (uint64_t)(15e6 * cases[i].gas), (uint64_t)(32e3 * cases[i].storage),
                (uint64_t)(64e3 * cases[i].cross));
            double expected[3] = {20e9 * pow(1 + (cases[i].gas - 1) / 8, h),
                                  100e9 * pow(1 + (storage - 1) / 8, h),
                                  50e9 * pow(1 + (cross - 1) / 8, h)};
            assert_true(fabs((double)base_fee(m) / expected[0] - 1) < 1e-8);
            assert_true(fabs((double)price(m, FEE_STORAGE) / expected[1] - 1) < 1e-8);
            assert_true(fabs((double)price(m, FEE_CROSS) / expected[2] - 1) < 1e-8);
        }
        market_free(m);
    }
    free(tx);
}

/* A tip a gas times the gas is no less than bytes times their price: what was seen of the
 * transaction, else what its recipient's needed, else two slots for a call. */
static void test_multi_tip(void **state)
{
    struct market *m = market_make(&fees_multidimensional, &three, sizeof three);
    struct tx *call = tx_to(9, 64000, 0), *pay = tx_to(9, 21000, 0);
    const uint8_t data[100] = {1};
    struct evm_u256 tip;
    (void)state;
    call->evm.input = (struct evm_bytes){data, sizeof data};
    assert_true(m->ops->tip(m->state, &m->fees, pay, &tip)); /* no byte, nothing to pay */
    call->evm.max_priority_fee = evm_u256_of(200 * 1000000); /* 128 B * 100 gwei / 64,000 gas */
    assert_true(m->ops->tip(m->state, &m->fees, call, &tip));
    call->evm.max_priority_fee = evm_u256_of(200 * 1000000 - 1);
    assert_false(m->ops->tip(m->state, &m->fees, call, &tip));
    call->seen = (struct fees_use){50000, 64};
    assert_true(m->ops->tip(m->state, &m->fees, call, &tip)); /* 128,000,000 wei a gas */
    call->cross_bytes = 256;                                  /* another 256,000,000 */
    assert_false(m->ops->tip(m->state, &m->fees, call, &tip));
    call->evm.max_priority_fee = evm_u256_of(384000000);
    assert_true(m->ops->tip(m->state, &m->fees, call, &tip));
    call->cross_bytes = 0;
    call->seen = (struct fees_use){0};
    use(m, pay, 15000000, 32000, 64000); /* its recipient needs 32,000 B in 15 Mgas */
    assert_int_equal(price(m, FEE_STORAGE), 100 * GWEI);
    call->evm.max_priority_fee = evm_u256_of(213333334);
    assert_true(m->ops->tip(m->state, &m->fees, call, &tip));
    call->evm.max_priority_fee = evm_u256_of(210000000); /* 136 B * 100 gwei / 64,000 is 212.5 M */
    assert_false(m->ops->tip(m->state, &m->fees, call, &tip));
    free(call);
    free(pay);
    market_free(m);
}

/* Limits hold for what is known beforehand, each by itself. */
static void test_multi_room(void **state)
{
    struct market *m = market_make(&fees_multidimensional, &three, sizeof three);
    struct tx *tx = tx_to(9, 100000, 900 * GWEI);
    uint32_t taken = 0;
    (void)state;
    tx->seen = (struct fees_use){100000, 6400};
    void *room = m->ops->room(m->state, &m->fees, m->fees.gas_limit);
    while (m->ops->fits(room, tx))
        taken++;
    assert_int_equal(taken, 10); /* 64,000 B over 6,400 */
    tx->seen.storage = 0;
    tx->cross_bytes = 50000;
    for (taken = 0; m->ops->fits(room, tx); taken++)
        ;
    assert_int_equal(taken, 2);
    m->ops->room_free(room);
    free(tx);
    market_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_global_is_one_chain),
        cmocka_unit_test(test_global_follows_the_mean),
        cmocka_unit_test(test_global_draws_together),
        cmocka_unit_test(test_global_smooths),
        cmocka_unit_test(test_local_converges),
        cmocka_unit_test(test_local_decays),
        cmocka_unit_test(test_local_is_bounded),
        cmocka_unit_test(test_local_tip),
        cmocka_unit_test(test_multi_targets),
        cmocka_unit_test(test_multi_tip),
        cmocka_unit_test(test_multi_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
