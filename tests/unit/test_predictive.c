/* predictive: what it makes of a load that grows, of hot spots that move (against all that never
 * move anything, and the oracle), of pairs that never meet again; the same run twice. */
#include "tests/unit/routing_sim.h"

static const char *const fixed[] = {"{kind: hash}", "{kind: range}", "{kind: round-robin}",
                                    "{kind: capacity}"};

static struct sim_setup moving(uint64_t seed)
{
    return (struct sim_setup){.shape = SIM_CYCLE,
                              .layers = 4,
                              .groups = 16,
                              .followers = 20,
                              .load = 0.5,
                              .inside = 0.9,
                              .epochs = 24,
                              .seed = seed};
}

static void test_moving_hot_spots(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct sim_setup setup = moving(seed);
        struct sim_result p, oracle, other;
        sim_run(&setup, "{kind: predictive}", 5, &p);
        sim_run(&setup, "{kind: oracle}", 5, &oracle);
        if (oracle.cost > p.cost || oracle.latency > p.latency || oracle.regret > 0.05 ||
            oracle.cost > 1.2 * oracle.bound)
            fail_msg("oracle %.3f s, predictive %.3f s", oracle.cost, p.cost);
        for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
            sim_run(&setup, fixed[i], 5, &other);
            if (p.latency > other.latency / 2 || p.done < other.done ||
                p.regret > other.regret * 0.7)
                fail_msg("seed %d: %.2f s, regret %.2f; %s %.2f s, regret %.2f", (int)seed,
                         p.latency, p.regret, fixed[i], other.latency, other.regret);
            assert_true(oracle.cost <= other.cost);
        }
        assert_true(p.error < 0.5);
    }
}

/* Where nobody meets twice there is nothing to gather, and little to gain from moves. */
static void test_pairs(void **state)
{
    (void)state;
    struct sim_setup setup = moving(3);
    struct sim_result p, hash;
    setup.shape = SIM_PAIRS;
    sim_run(&setup, "{kind: predictive}", 5, &p);
    sim_run(&setup, "{kind: hash}", 5, &hash);
    assert_true(p.latency < 1.2 * hash.latency);
    assert_true(p.moves < 24 * 336 / 12);
    assert_true(p.error < 0.25);
}

/* Two contracts on their own layers; the load of one grows by the same amount each epoch. What is
 * predicted is the next epoch's, not the last one's, and both accounts of a pair move together. */
static void test_growth(void **state)
{
    (void)state;
    struct routing_rig r;
    double guess[2], gas[2], last = 0, off = 0, lag = 0;
    char why[300];
    rig_open(&r, "{kind: predictive, season: 1, damping: 1}", 2, 5);
    r.env.epoch = SIM_SEC;
    rig_accounts(&r, 42, false);
    for (uint32_t t = 0; t < 24; t++) {
        for (uint32_t i = 0; i < 40 + 15 * t; i++)
            rig_send(&r, (account_id[]){2 + i % 20, 0}, 2, 25000);
        for (uint32_t i = 0; i < 100; i++)
            rig_send(&r, (account_id[]){22 + i % 20, 1}, 2, 25000);
        rig_gas(&r, gas);
        if (t > 8) { /* all groups are together by then, and the trend is known */
            assert_true(r.ops->predicted(r.state, guess));
            assert_true(rig_report(&r) < 0.02);
            off += fabs(guess[0] + guess[1] - gas[0] - gas[1]);
            lag += fabs(last - gas[0] - gas[1]);
        } else
            rig_report(&r);
        last = gas[0] + gas[1];
        rig_epoch(&r, 100);
    }
    if (off > lag / 4)
        fail_msg("off by %.0f, the last epoch by %.0f", off, lag);
    r.ops->reason(r.state, why, sizeof why);
    if (!strstr(why, "rises by 0.4 Mgas by its trend"))
        fail_msg("%s", why);
    rig_close(&r);
}

static void test_twice(void **state)
{
    (void)state;
    struct sim_setup setup = moving(4);
    struct sim_result a, b;
    setup.epochs = 15;
    sim_run(&setup, "{kind: predictive}", 100, &a);
    sim_run(&setup, "{kind: predictive}", 100, &b);
    assert_true(a.latency == b.latency && a.moves == b.moves && a.error == b.error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moving_hot_spots),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
