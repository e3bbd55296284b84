/* Wallets, in front of a node that says what the test wants it to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/u256.h"
#include "models/workload/wallets.h"

#define GWEI UINT64_C(1000000000)

enum { SENDERS = 4, LAYERS = 3 };

struct rig {
    struct workload_env env;
    struct wallets wallets;
    struct evm_addr addrs[SENDERS];
    sim_time now, wake;
    bool reacts;
    uint64_t base, tip, layer_fee[LAYERS];
    double full, quantile;
    layer_id home[SENDERS], moved_to;
    uint32_t moves, wished, gave_up;
    bool refuses;
    /* wishes: one a second, of senders in turn */
    uint32_t drawn, all;
    uint64_t tip_drawn, max_fee;
};

static struct rig *rig_of(const struct workload_env *env)
{
    return env->world;
}

static void react(const struct workload_env *env)
{
    rig_of(env)->reacts = true;
}

static sim_time now(const struct workload_env *env)
{
    return rig_of(env)->now;
}

static void base_fee(const struct workload_env *env, struct evm_u256 *out)
{
    *out = evm_u256_of(rig_of(env)->base);
}

static double tips(const struct workload_env *env, layer_id layer, double quantile,
                   struct evm_u256 *out)
{
    (void)layer;
    rig_of(env)->quantile = quantile;
    *out = evm_u256_of(rig_of(env)->tip);
    return rig_of(env)->full;
}

static void wake(const struct workload_env *env, sim_time at)
{
    assert_true(at > rig_of(env)->now);
    rig_of(env)->wake = at;
}

static void wished(const struct workload_env *env, const struct evm_addr *from)
{
    (void)from;
    rig_of(env)->wished++;
}

static void gave_up(const struct workload_env *env, const struct evm_addr *from, sim_time since)
{
    (void)from;
    assert_true(since <= rig_of(env)->now);
    rig_of(env)->gave_up++;
}

static layer_id home(const struct workload_env *env, const struct evm_addr *addr)
{
    return rig_of(env)->home[addr->b[0]];
}

static void layer_fee(const struct workload_env *env, layer_id layer, struct evm_u256 *out)
{
    assert_true(layer < LAYERS);
    *out = evm_u256_of(rig_of(env)->layer_fee[layer]);
}

static bool move(const struct workload_env *env, const struct evm_addr *addr, layer_id to)
{
    struct rig *r = rig_of(env);
    r->moves++;
    if (r->refuses)
        return false;
    r->home[addr->b[0]] = r->moved_to = to;
    return true;
}

static bool wish(void *self, struct wish *out)
{
    struct rig *r = self;
    if (r->drawn == r->all)
        return false;
    *out = (struct wish){.at = (sim_time)r->drawn * SIM_SEC,
                         .sender = r->drawn % SENDERS,
                         .tip = evm_u256_of(r->tip_drawn),
                         .max_fee = evm_u256_of(r->max_fee)};
    r->drawn++;
    return true;
}

static void rig_init(struct rig *r, enum workload_wallet kind, bool partitioned)
{
    struct wallets_settings cfg = {.wallet = kind,
                                   .bid_percentile = 0.6,
                                   .bid_raise = 0.1,
                                   .patience = 5 * SIM_SEC,
                                   .look_again = SIM_SEC / 2,
                                   .move_threshold = 0.2,
                                   .move_after = 10 * SIM_SEC};
    *r = (struct rig){.wake = -1, .all = 1000, .tip_drawn = GWEI, .max_fee = 100 * GWEI};
    r->env = (struct workload_env){.end = 10000 * SIM_SEC,
                                   .base_fee = base_fee,
                                   .wake = wake,
                                   .react = react,
                                   .now = now,
                                   .tips = tips,
                                   .wished = wished,
                                   .gave_up = gave_up,
                                   .world = r};
    if (partitioned) {
        r->env.home = home;
        r->env.layer_fee = layer_fee;
        r->env.move = move;
        r->env.layers = LAYERS;
    }
    for (uint8_t i = 0; i < SENDERS; i++)
        r->addrs[i].b[0] = i;
    assert_int_equal(wallets_init(&r->wallets, &cfg, &r->env, r->addrs, SENDERS, NULL), ERR_OK);
}

static bool next(struct rig *r, struct wish *out)
{
    return wallets_next(&r->wallets, wish, r, out);
}

/* Only who looks at fees is asked at the moment itself. */
static void test_reacts(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, WORKLOAD_WALLET_FIXED, false);
    assert_false(r.reacts);
    wallets_fini(&r.wallets);
    rig_init(&r, WORKLOAD_WALLET_BID, false);
    assert_true(r.reacts);
    wallets_fini(&r.wallets);
}

/* Where half the blocks are full: what others paid and a tenth more, but never more than max_fee
 * leaves beyond the base fee, nor less than the drawn tip; else the drawn tip. */
static void test_bid(void **state)
{
    static const struct {
        double full;
        uint64_t base, others, expected; /* tenths of a gwei */
    } cases[] = {
        {0.49, 100, 500, 10}, {0.5, 100, 500, 550}, {1, 100, 5, 10},
        {1, 900, 500, 100},   {1, 1000, 500, 10},   {1, 1001, 500, 10},
    };
    struct rig r;
    struct wish w;
    (void)state;
    rig_init(&r, WORKLOAD_WALLET_BID, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        r.now = (sim_time)i * SIM_SEC;
        r.full = cases[i].full;
        r.base = cases[i].base * GWEI / 10;
        r.tip = cases[i].others * GWEI / 10;
        assert_true(next(&r, &w));
        assert_int_equal(w.tip.w[0], cases[i].expected * GWEI / 10);
        assert_int_equal(w.max_fee.w[0], 100 * GWEI);
        assert_false(w.waited);
        assert_true(r.quantile > 0.59 && r.quantile < 0.61);
        assert_false(next(&r, &w));
        assert_int_equal(r.wake, r.now + SIM_SEC);
    }
    wallets_fini(&r.wallets);
}

/* Moves on to the moment that it asked for; what is sent on the way. */
static uint32_t run_to(struct rig *r, sim_time to, uint64_t *sum_of_waits)
{
    struct wish w;
    uint32_t sent = 0;
    for (;;) {
        while (next(r, &w)) {
            if (r->base > w.max_fee.w[0])
                fail_msg("sent at a base fee of %llu, at most %llu was to be paid",
                         (unsigned long long)r->base, (unsigned long long)w.max_fee.w[0]);
            *sum_of_waits += (uint64_t)(r->now - w.at);
            sent++;
        }
        if (r->wake > to || r->wake <= r->now)
            return sent;
        r->now = r->wake;
    }
}

/* While the base fee is too high nothing is sent; what waits is sent when it falls, oldest first;
 * what has waited too long never is. Every wish is sent, waits or was given up. */
static void test_wait(void **state)
{
    struct rig r;
    uint64_t waits = 0;
    (void)state;
    rig_init(&r, WORKLOAD_WALLET_WAIT, false);
    r.base = 100 * GWEI; /* as much as they pay at most */
    assert_int_equal(run_to(&r, 9 * SIM_SEC, &waits), 10);
    assert_int_equal(waits, 0);
    assert_int_equal(r.wished, 0);
    r.base++;
    assert_int_equal(run_to(&r, 13 * SIM_SEC, &waits), 0); /* those of seconds 10 to 13 wait */
    assert_int_equal(r.wished, 4);
    r.base--;
    assert_int_equal(run_to(&r, 13 * SIM_SEC + SIM_SEC / 2, &waits), 4);
    assert_int_equal(waits, (350 + 250 + 150 + 50) * (SIM_SEC / 100));
    r.base = 200 * GWEI;
    waits = 0;
    assert_int_equal(run_to(&r, 33 * SIM_SEC, &waits), 0); /* those of seconds 14 to 33 */
    assert_int_equal(r.wished, 24);
    assert_int_equal(r.gave_up, 24 - 4 - 5); /* the last five: a patience of five seconds */
    r.base = GWEI;
    assert_int_equal(run_to(&r, 33 * SIM_SEC + SIM_SEC / 2, &waits), 5);
    assert_int_equal(run_to(&r, 2000 * SIM_SEC, &waits), 1000 - 34);
    assert_int_equal(r.gave_up, 15);
    struct wish w;
    r.now += SIM_SEC;
    assert_false(next(&r, &w));
    assert_true(r.wake < r.now); /* it does not ask again: there are no more */
    wallets_fini(&r.wallets);
}

/* Those that are still waiting at the end are not sent, and not given up. */
static void test_wait_end(void **state)
{
    struct rig r;
    uint64_t waits = 0;
    struct wish w;
    (void)state;
    rig_init(&r, WORKLOAD_WALLET_WAIT, false);
    r.env.end = 6 * SIM_SEC;
    r.wallets.cfg.patience = SIM_TIME_NEVER;
    r.base = 101 * GWEI;
    assert_int_equal(run_to(&r, 6 * SIM_SEC - 1, &waits), 0);
    r.base = 1;
    r.now = 6 * SIM_SEC;
    assert_false(next(&r, &w));
    assert_int_equal(r.wished, 6);
    assert_int_equal(r.gave_up, 0);
    wallets_fini(&r.wallets);
}

/* Another layer must be cheaper by a fifth, at each transaction for ten seconds. */
static void test_move(void **state)
{
    struct rig r;
    uint64_t waits = 0;
    (void)state;
    rig_init(&r, WORKLOAD_WALLET_MOVE, true);
    r.layer_fee[0] = 100;
    r.layer_fee[1] = 90;
    r.layer_fee[2] = 81;
    run_to(&r, 30 * SIM_SEC, &waits);
    assert_int_equal(r.moves, 0);
    r.layer_fee[2] = 80; /* senders look every 4 s, from 31 s (sender 3) to 34 s on */
    run_to(&r, 42 * SIM_SEC, &waits);
    assert_int_equal(r.moves, 0);
    run_to(&r, 43 * SIM_SEC, &waits);
    assert_int_equal(r.moves, 1); /* sender 3, at its fourth look */
    assert_int_equal(r.home[3], 2);
    r.layer_fee[2] = 85; /* one look at a smaller difference, and the time begins anew */
    run_to(&r, 47 * SIM_SEC, &waits);
    r.layer_fee[2] = 80;
    r.refuses = true;
    run_to(&r, 59 * SIM_SEC, &waits);
    assert_int_equal(r.moves, 1);
    run_to(&r, 63 * SIM_SEC, &waits); /* refused, they ask with each transaction */
    assert_int_equal(r.moves, 4);
    r.base = 1;
    r.home[0] = r.home[1] = r.home[2] = UINT16_MAX - 1; /* at home everywhere */
    run_to(&r, 100 * SIM_SEC, &waits);
    assert_int_equal(r.moves, 4);
    wallets_fini(&r.wallets);
}

/* Not partitioned: nothing to move. */
static void test_move_nowhere(void **state)
{
    struct rig r;
    uint64_t waits = 0;
    (void)state;
    rig_init(&r, WORKLOAD_WALLET_MOVE, false);
    assert_int_equal(run_to(&r, 99 * SIM_SEC, &waits), 100);
    assert_int_equal(r.moves, 0);
    wallets_fini(&r.wallets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reacts), cmocka_unit_test(test_bid),
        cmocka_unit_test(test_wait),   cmocka_unit_test(test_wait_end),
        cmocka_unit_test(test_move),   cmocka_unit_test(test_move_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
