/* LinUCB: the paper's formulas on a case by hand; the best arm is found where it depends on the
 * context; regret grows ever more slowly; what is believed beforehand; ties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "models/routing/linucb.h"
#include "sim/engine/random.h"

enum { ARMS = 4, DIMS = 3 };

static void near(double a, double b, double by)
{
    if (!(fabs(a - b) <= by))
        fail_msg("%.12g is not %.12g", a, b);
}

/* One arm, two dimensions: A = I + (1,2)(1,2)' = [2 2; 2 5], A^-1 = [5 -2; -2 2] / 6. */
static void test_by_hand(void **state)
{
    (void)state;
    struct linucb l;
    const double seen[] = {1, 2}, x[] = {3, 1}, prior[] = {0.5, -1};
    assert_int_equal(linucb_init(&l, 1, 2, 0.25, NULL), ERR_OK);
    near(linucb_worth(&l, 0, x), 0.25 * sqrt(10), 1e-12);
    linucb_learn(&l, 0, seen, 6); /* b = (6, 12), theta = (1, 2) */
    near(linucb_expect(&l, 0, x), 5, 1e-12);
    near(linucb_worth(&l, 0, x), 5 + 0.25 * sqrt(35.0 / 6), 1e-12);
    assert_int_equal(l.pulls[0], 1);
    linucb_fini(&l);
    linucb_fini(&l);
    assert_int_equal(linucb_init(&l, 1, 2, 0.25, prior), ERR_OK);
    near(linucb_expect(&l, 0, x), 0.5, 1e-12);
    linucb_learn(&l, 0, seen, 6); /* b = (6.5, 11) */
    near(linucb_expect(&l, 0, x), (3 * (5 * 6.5 - 22) + (-13 + 22)) / 6, 1e-12);
    linucb_fini(&l);
}

static const double theta[ARMS][DIMS] = {
    {0.3, 0.5, 0.0}, {0.3, 0.0, 0.5}, {0.6, -0.2, -0.2}, {0.5, 0.1, 0.1}};

static double mean(uint32_t arm, const double *x)
{
    double sum = 0;
    for (int i = 0; i < DIMS; i++)
        sum += theta[arm][i] * x[i];
    return sum;
}

/* Regret of rounds up to `first`, and of as many after; the share of best pulls in the latter. */
static double play(uint64_t seed, double alpha, int first, double *after)
{
    struct linucb l;
    struct sim_stream rng;
    double x[ARMS * DIMS], regret = 0, best_pulls = 0;
    *after = 0;
    sim_stream_init(&rng, seed, 0, sim_purpose("test.linucb"));
    assert_int_equal(linucb_init(&l, ARMS, DIMS, alpha, NULL), ERR_OK);
    for (int t = 0; t < 2 * first; t++) {
        double best = -1;
        for (int i = 0; i < DIMS; i++)
            x[i] = i ? sim_stream_double(&rng) : 1;
        for (uint32_t a = 0; a < ARMS; a++) {
            for (int i = 0; i < DIMS; i++)
                x[a * DIMS + (uint32_t)i] = x[i];
            best = fmax(best, mean(a, x));
        }
        uint32_t arm = linucb_choose(&l, x);
        double lost = best - mean(arm, x);
        *(t < first ? &regret : after) += lost;
        best_pulls += t >= first && lost < 0.05;
        linucb_learn(&l, arm, x, mean(arm, x) + 0.2 * (sim_stream_double(&rng) - 0.5));
    }
    for (uint32_t a = 0; a < ARMS; a++)
        assert_true(l.pulls[a] > 0);
    if (best_pulls / first < 0.9)
        fail_msg("%.3f of the later pulls are of the best arm", best_pulls / first);
    linucb_fini(&l);
    return regret;
}

static void test_best_arm(void **state)
{
    (void)state;
    double first = 0, second = 0, after;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        first += play(seed, 1, 1000, &after);
        second += after;
    }
    /* Regret of a random player grows by 0.2 a round; LinUCB's as the square root of rounds. */
    assert_true(first / 10 < 0.1 * 0.2 * 1000);
    if (second > (sqrt(2) - 1) * 1.1 * first)
        fail_msg("regret %.2f, then %.2f more", first / 10, second / 10);
}

static void test_ties(void **state)
{
    (void)state;
    struct linucb l;
    const double x[] = {1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0};
    assert_int_equal(linucb_init(&l, ARMS, DIMS, 1, NULL), ERR_OK);
    assert_int_equal(linucb_choose(&l, x), 0);
    linucb_learn(&l, 0, x, 0);
    assert_int_equal(linucb_choose(&l, x), 1); /* what is not known counts for more */
    linucb_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_best_arm),
        cmocka_unit_test(test_ties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
