/* learned: hot spots that move, against all that never move anything and against the oracle; what
 * it says, and that it predicts; layers that never report; the same run twice. */
#include "tests/unit/routing_sim.h"

static const char *const fixed[] = {"{kind: hash}", "{kind: round-robin}"};

static struct sim_setup moving(enum sim_shape shape, uint64_t seed)
{
    return (struct sim_setup){.shape = shape,
                              .layers = 4,
                              .groups = 16,
                              .followers = 20,
                              .load = 0.5,
                              .inside = 0.9,
                              .epochs = 18,
                              .seed = seed};
}

static void test_moving_hot_spots(void **state)
{
    (void)state;
    for (int shape = SIM_CYCLE; shape <= SIM_RANDOM; shape++) {
        struct sim_setup setup = moving((enum sim_shape)shape, 5 + (uint64_t)shape);
        struct sim_result l, oracle, other;
        sim_run(&setup, "{kind: learned}", 5, &l);
        sim_run(&setup, "{kind: oracle}", 5, &oracle);
        assert_true(oracle.cost <= l.cost && oracle.latency <= l.latency);
        for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
            sim_run(&setup, fixed[i], 5, &other);
            if (l.latency > other.latency * 0.6 || l.done < other.done || l.regret > other.regret)
                fail_msg("%s: %.2f s, regret %.2f; %s %.2f s, regret %.2f", sim_shape_names[shape],
                         l.latency, l.regret, fixed[i], other.latency, other.regret);
        }
        assert_true(l.error < 0.5);
    }
}

static void test_pairs(void **state)
{
    (void)state;
    struct sim_setup setup = moving(SIM_PAIRS, 3);
    struct sim_result l, hash;
    sim_run(&setup, "{kind: learned}", 5, &l);
    sim_run(&setup, "{kind: hash}", 5, &hash);
    assert_true(l.latency < 1.2 * hash.latency);
    assert_true(l.error < 0.25);
}

static void test_says_why(void **state)
{
    (void)state;
    struct routing_rig r;
    double guess[3];
    char why[400];
    rig_open(&r, "{kind: learned}", 3, 5);
    r.env.epoch = SIM_SEC;
    rig_accounts(&r, 63, false);
    assert_false(r.ops->predicted(r.state, guess));
    assert_int_equal(rig_epoch(&r, 100), 0); /* nothing is known */
    for (uint32_t t = 0; t < 12; t++) {
        for (uint32_t i = 0; i < 600; i++)
            rig_send(&r, (account_id[]){3 + i % 60, i % 3}, 2, 25000);
        rig_report(&r);
        rig_epoch(&r, 5); /* at most */
    }
    assert_true(r.ops->predicted(r.state, guess));
    assert_true(fabs(guess[0] + guess[1] + guess[2] - 15e6) < 1e6);
    r.ops->reason(r.state, why, sizeof why);
    assert_non_null(strstr(why, "expected to be worth"));
    rig_close(&r);
}

static void test_twice(void **state)
{
    (void)state;
    struct sim_setup setup = moving(SIM_RANDOM, 4);
    struct sim_result a, b;
    setup.epochs = 15;
    sim_run(&setup, "{kind: learned}", 100, &a);
    sim_run(&setup, "{kind: learned}", 100, &b);
    assert_true(a.latency == b.latency && a.moves == b.moves && a.error == b.error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moving_hot_spots),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_says_why),
        cmocka_unit_test(test_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
