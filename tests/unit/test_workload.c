/* Workloads: keys, arrivals and skews against their laws, and whole payments through the real EVM.
 * Seeds are fixed, so a statistic is either right for good or wrong for good; the bounds are those
 * of a chance of 1 in 1000. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/block/txrun.h"
#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/io/recorded.h"
#include "evm/state/state.h"
#include "models/workload/artifacts.h"
#include "models/workload/skew.h"
#include "models/workload/users.h"
#include "models/world/internal.h"
#include "sim/base/mem.h"
#include "tests/unit/workload_stage.h"

extern const struct workload_ops workload_erc20, workload_transfer;

/* --- keys ------------------------------------------------------------------------------------- */

static void test_accounts(void **state)
{
    struct accounts a, b, c;
    struct evm_addr addr, fresh[2];
    uint8_t secret[32];
    (void)state;
    assert_int_equal(accounts_init(&a, 77, 0, "users", 600, NULL), ERR_OK);
    assert_int_equal(accounts_init(&b, 77, 1, "users", 3, NULL), ERR_OK);
    assert_int_equal(accounts_init(&c, 77, 0, "users", 3, NULL), ERR_OK);
    for (uint32_t i = 0; i < 600; i += 37) {
        accounts_secret(&a, i, secret);
        assert_true(evm_address_of_secret(secret, &addr));
        assert_memory_equal(addr.b, a.addrs[i].b, 20);
    }
    assert_memory_not_equal(a.addrs[0].b, b.addrs[0].b, 20);
    assert_memory_equal(a.addrs, c.addrs, 60);
    accounts_fresh(&a, &fresh[0]);
    accounts_fresh(&a, &fresh[1]);
    assert_memory_not_equal(fresh[0].b, fresh[1].b, 20);
    accounts_fini(&a);
    accounts_fini(&b);
    accounts_fini(&c);
}

/* --- skews ------------------------------------------------------------------------------------ */

/* Chi-square of `draws` picks against the shares that the law gives. */
static double chi_square(const struct skew *s, struct sim_stream *rng, uint32_t draws)
{
    uint32_t *seen = calloc(s->count, sizeof *seen);
    double sum = 0, shares = 0;
    assert_non_null(seen);
    for (uint32_t i = 0; i < draws; i++)
        seen[skew_pick(s, rng)]++;
    for (uint32_t rank = 0; rank < s->count; rank++) {
        double expected = skew_share(s, rank) * draws;
        double off = seen[s->item ? s->item[rank] : rank] - expected;
        sum += off * off / expected;
        shares += skew_share(s, rank);
    }
    assert_true(fabs(shares - 1) < 1e-12);
    free(seen);
    return sum;
}

static void test_skews(void **state)
{
    static const double exponents[] = {0, 0.7, 1, 1.5};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct skew s;
        struct sim_stream rng;
        struct field_skew cfg = {exponents[i]};
        sim_stream_init(&rng, 4711, (uint32_t)i, 1);
        assert_int_equal(skew_init(&s, &cfg, 50, &rng, NULL), ERR_OK);
        /* The law itself: share(1) / share(k) = k^s. */
        assert_true(fabs(skew_share(&s, 0) / skew_share(&s, 9) - pow(10, exponents[i])) < 1e-9);
        double chi = chi_square(&s, &rng, 200000); /* 49 degrees of freedom */
        if (chi > 85.35 || chi < 23.98)
            fail_msg("exponent %g: chi-square %g", exponents[i], chi);
        skew_fini(&s);
    }
}

/* --- arrivals --------------------------------------------------------------------------------- */

static void test_poisson(void **state)
{
    enum { WINDOWS = 4000, MOST = 24 };
    struct arrivals a;
    static uint32_t windows[WINDOWS], counts[MOST + 1];
    double mean = 8, chi = 0, p = exp(-mean), gaps = 0, squares = 0;
    sim_time at, last = 5 * SIM_SEC;
    uint32_t n = 0;
    (void)state;
    struct arrivals_settings cfg = {.rate = 800, .arrivals = WORKLOAD_POISSON};
    arrivals_init(&a, &cfg, last, last + WINDOWS * 10 * SIM_MS, 99, 3);
    while (arrivals_next(&a, &at)) {
        assert_true(at >= last && at < a.end);
        windows[(at - a.start) / (10 * SIM_MS)]++;
        double gap = (double)(at - last) / 1e9;
        gaps += gap;
        squares += gap * gap;
        last = at;
        n++;
    }
    /* 32,000 expected, standard deviation 179. */
    assert_in_range(n, 32000 - 589, 32000 + 589);
    assert_true(fabs(gaps / n * 800 - 1) < 3.3 / sqrt(n));
    /* E[gap^2] = 2 / rate^2, with a variance of 20 / rate^4. */
    assert_true(fabs(squares / n * 800 * 800 / 2 - 1) < 3.3 * sqrt(5.0 / n));
    for (int i = 0; i < WINDOWS; i++)
        counts[windows[i] > MOST ? MOST : windows[i]]++;
    /* Counts a window follow e^-8 8^k / k!; cells 0..2 and 15.. are taken together. */
    double low = 0, high = 0, low_seen = 0, high_seen = 0;
    for (int k = 0; k <= MOST; k++, p *= mean / k) {
        double expected = p * WINDOWS;
        if (k <= 2) {
            low += expected;
            low_seen += counts[k];
        } else if (k >= 15) {
            high += expected;
            high_seen += counts[k];
        } else
            chi += (counts[k] - expected) * (counts[k] - expected) / expected;
    }
    chi +=
        (low_seen - low) * (low_seen - low) / low + (high_seen - high) * (high_seen - high) / high;
    if (chi > 34.53) /* 13 degrees of freedom */
        fail_msg("chi-square %g", chi);
}

static void test_constant(void **state)
{
    struct arrivals a;
    sim_time at;
    uint64_t n = 0;
    (void)state;
    struct arrivals_settings cfg = {.rate = 700, .arrivals = WORKLOAD_CONSTANT};
    arrivals_init(&a, &cfg, SIM_SEC, 101 * SIM_SEC, 99, 3);
    for (; arrivals_next(&a, &at); n++) {
        long double exact = 1e9L + (long double)n * 1e9L / 700;
        assert_true(fabsl((long double)at - exact) < 1.5L); /* no drift in 70,000 gaps */
    }
    assert_int_equal(n, 70000);
    cfg.rate = 0;
    arrivals_init(&a, &cfg, 0, SIM_SEC, 99, 3);
    assert_false(arrivals_next(&a, &at));
}

/* --- whole payments --------------------------------------------------------------------------- */

static struct evm_u256 balance_of(const struct stage *s, const struct evm_addr *addr)
{
    struct evm_account acc;
    evm_state_account(s->world, addr, &acc);
    return acc.balance;
}

static struct evm_u256 tokens_of(const struct stage *s, const struct evm_addr *token,
                                 const struct evm_addr *addr)
{
    uint8_t words[64] = {0};
    struct evm_hash h;
    struct evm_u256 key, out;
    memcpy(words + 12, addr->b, 20);
    words[63] = TOKEN_SLOT_BALANCES;
    evm_keccak256(&h, (struct evm_bytes){words, 64});
    evm_u256_load_be(&key, h.b);
    evm_state_slot(s->world, token, &key, &out);
    return out;
}

static void test_transfers(void **state)
{
    struct stage s;
    struct workload_tx w;
    (void)state;
    stage_init(&s,
               "workload: [{kind: transfer, accounts: 20, value: uniform(1gwei, 9gwei), "
               "balance: 5ether, tip: 2gwei, max_fee: 50gwei, new_recipients: 25%}]",
               7, 0, 1337);
    int fresh = 0;
    for (int i = 0; i < 200; i++) {
        assert_true(stage_next(&s, &w));
        struct evm_u256 before = balance_of(&s, &w.tx.to), after, paid;
        assert_memory_not_equal(w.tx.to.b, w.from.b, 20);
        const struct evm_tx_outcome *o = stage_run(&s, &w.tx);
        assert_true(o->success);
        assert_int_equal(o->gas_used, 21000);
        after = balance_of(&s, &w.tx.to);
        evm_u256_sub(&paid, &after, &before);
        assert_true(evm_u256_eq(&paid, &w.tx.value));
        assert_in_range(paid.w[0], 1000000000, 9000000000);
        fresh += w.recipient == UINT32_MAX;
        evm_tx_fini(&w.tx);
    }
    assert_in_range(fresh, 50 - 20, 50 + 20); /* standard deviation 6.1 */
    stage_fini(&s);
}

static void test_tokens(void **state)
{
    struct stage s;
    struct workload_tx w;
    (void)state;
    stage_init(&s,
               "workload: [{kind: erc20, accounts: 30, recipients: zipf(1.2), amount: "
               "uniform(10, 500), token_balance: 100k, tokens: 2}]",
               7, 5, 1337);
    struct evm_addr tokens[2] = {{{0}}};
    int used[2] = {0, 0};
    for (int i = 0; i < 150; i++) {
        assert_true(stage_next(&s, &w));
        struct evm_addr to;
        int t = evm_addr_eq(&w.tx.to, &tokens[0]) || used[0] == 0 ? 0 : 1;
        tokens[t] = w.tx.to;
        used[t]++;
        memcpy(to.b, w.tx.input.data + 16, 20);
        struct evm_u256 mine = tokens_of(&s, &w.tx.to, &w.from);
        struct evm_u256 theirs = tokens_of(&s, &w.tx.to, &to), amount;
        evm_u256_load_be(&amount, w.tx.input.data + 36);
        const struct evm_tx_outcome *o = stage_run(&s, &w.tx);
        assert_true(o->success);
        assert_int_equal(o->log_count, 1);
        assert_true(o->gas_used > 30000 && o->gas_used < 60000);
        assert_in_range(amount.w[0], 10, 500);
        assert_int_equal(tokens_of(&s, &w.tx.to, &w.from).w[0], mine.w[0] - amount.w[0]);
        assert_int_equal(tokens_of(&s, &w.tx.to, &to).w[0], theirs.w[0] + amount.w[0]);
        evm_tx_fini(&w.tx);
    }
    assert_true(used[0] > 40 && used[1] > 40);
    /* Nothing was made or lost: the supply is what the accounts hold. */
    struct accounts users;
    assert_int_equal(accounts_init(&users, 7, 5, "users", 30, NULL), ERR_OK);
    for (int t = 0; t < 2; t++) {
        struct evm_u256 slot = evm_u256_of(TOKEN_SLOT_TOTAL_SUPPLY), supply;
        uint64_t sum = 0;
        evm_state_slot(s.world, &tokens[t], &slot, &supply);
        for (int i = 0; i < 30; i++)
            sum += tokens_of(&s, &tokens[t], &users.addrs[i]).w[0];
        assert_int_equal(supply.w[0], 30 * 100000);
        assert_int_equal(sum, supply.w[0]);
    }
    accounts_fini(&users);
    stage_fini(&s);
}

/* Our own recorded blocks, 15 of them: sent again in order over the state put together from their
 * pre-states, in their blocks' surroundings, they use the gas that the node's headers say. */
static void test_recorded(void **state)
{
    struct stage s;
    uint64_t n = 0, failed = 0;
    (void)state;
    stage_init(&s, "workload: [{kind: recorded, source: scenarios/recorded}]", 7, 0, 31337);
    for (int number = 1; number <= 15; number++) {
        struct evm_recorded recorded;
        struct evm_block_env env;
        char path[64];
        uint64_t gas = 0;
        snprintf(path, sizeof path, "scenarios/recorded/%d.json.gz", number);
        assert_int_equal(evm_recorded_load(path, s.codes, &recorded, NULL), EVM_OK);
        evm_block_env_of(&recorded.chain, &recorded.block.header, &env);
        for (uint32_t i = 0; i < recorded.block.tx_count; i++, n++) {
            struct workload_tx w = {0};
            struct evm_tx tx;
            assert_true(s.ops->next(s.state, &w));
            assert_int_equal(evm_tx_decode(&tx, w.tx.raw, NULL), EVM_OK);
            assert_int_equal(evm_tx_recover(&tx, true, NULL), EVM_OK);
            assert_memory_equal(tx.sender.b, w.from.b, 20);
            const struct evm_tx_outcome *o = stage_run_in(&s, &tx, &env);
            gas += o->gas_used;
            failed += !o->success;
            evm_tx_fini(&tx);
        }
        assert_int_equal(gas, recorded.block.header.gas_used);
        evm_recorded_fini(&recorded);
    }
    struct workload_tx w;
    assert_false(s.ops->next(s.state, &w));
    assert_int_equal(n, 915);
    assert_in_range(failed, 1, 100); /* the recorder made some revert */
    stage_fini(&s);
}

/* The same seed and entry give the same transactions, another of either gives others; and the
 * distribution of tips moves no arrival. */
static void test_determinism(void **state)
{
    static const char plain[] = "workload: [{kind: erc20, accounts: 10}]";
    static const char tips[] =
        "workload: [{kind: erc20, accounts: 10, tip: lognormal(2gwei, 1gwei)}]";
    struct stage a, b, c, d, e;
    struct workload_tx w[5];
    int same_time = 0;
    (void)state;
    stage_init(&a, plain, 1, 0, 1337);
    stage_init(&b, plain, 1, 0, 1337);
    stage_init(&c, plain, 2, 0, 1337);
    stage_init(&d, plain, 1, 1, 1337);
    stage_init(&e, tips, 1, 0, 1337);
    for (int i = 0; i < 20; i++) {
        assert_true(stage_next(&a, &w[0]) && stage_next(&b, &w[1]) && stage_next(&c, &w[2]) &&
                    stage_next(&d, &w[3]) && stage_next(&e, &w[4]));
        assert_memory_equal(w[0].tx.hash.b, w[1].tx.hash.b, 32);
        assert_int_equal(w[0].at, w[1].at);
        assert_int_equal(w[0].at, w[4].at);
        assert_memory_equal(w[0].from.b, w[4].from.b, 20);
        assert_memory_not_equal(w[0].tx.hash.b, w[4].tx.hash.b, 32);
        same_time += w[0].at == w[2].at || w[0].at == w[3].at;
        for (int k = 0; k < 5; k++)
            evm_tx_fini(&w[k].tx);
    }
    assert_int_equal(same_time, 0);
    stage_fini(&a);
    stage_fini(&b);
    stage_fini(&c);
    stage_fini(&d);
    stage_fini(&e);
}

static void test_big_draws(void **state)
{
    struct sim_stream rng;
    struct sim_dist d;
    (void)state;
    sim_stream_init(&rng, 1, 1, 1);
    struct sim_dist_param p = {.value = 3e24};
    assert_int_equal(sim_dist_make(&d, "constant", &p, 1, NULL), ERR_OK);
    struct evm_u256 v = users_draw(&d, &rng);
    assert_true((double)v.w[1] * 18446744073709551616.0 + (double)v.w[0] == 3e24);
    p.value = 12345678901.75;
    assert_int_equal(sim_dist_make(&d, "constant", &p, 1, NULL), ERR_OK);
    assert_int_equal(users_draw(&d, &rng).w[0], 12345678901);
    p.value = 1e300;
    assert_int_equal(sim_dist_make(&d, "constant", &p, 1, NULL), ERR_OK);
    assert_int_equal(users_draw(&d, &rng).w[3], UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts),  cmocka_unit_test(test_skews),
        cmocka_unit_test(test_poisson),   cmocka_unit_test(test_constant),
        cmocka_unit_test(test_transfers), cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_recorded),  cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_big_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
