/* Exponential smoothing against closed forms and against the formulas of its source, computed
 * anew; seasons that are found and those that are not; which accounts are followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "models/routing/series.h"
#include "sim/engine/random.h"

static const struct holt_winters_rules rules = {0.4, 0.3, 0.2, 1};

static void near(double a, double b, double by)
{
    if (!(fabs(a - b) <= by))
        fail_msg("%.12g is not %.12g", a, b);
}

static void test_line(void **state)
{
    (void)state;
    struct holt_winters h;
    assert_int_equal(holt_winters_init(&h, &rules, 0), ERR_OK);
    near(holt_winters_forecast(&h, 1), 0, 0);
    for (int t = 0; t < 50; t++) {
        holt_winters_add(&h, 12.5 + 3.25 * t);
        assert_int_equal(holt_winters_warm(&h), t >= 3);
        for (int k = 1; k <= 5 && t >= 3; k++)
            near(holt_winters_forecast(&h, (uint32_t)k), 12.5 + 3.25 * (t + k), 1e-9);
    }
    holt_winters_fini(&h);
    holt_winters_fini(&h);
}

static void test_season(void **state)
{
    (void)state;
    for (uint32_t m = 2; m <= 24; m++) {
        struct holt_winters h;
        struct sim_stream rng;
        double pattern[24], mean = 0;
        sim_stream_init(&rng, m, 0, sim_purpose("test.season"));
        for (uint32_t i = 0; i < m; i++)
            mean += (pattern[i] = 100 * sim_stream_double(&rng)) / m;
        assert_int_equal(holt_winters_init(&h, &rules, m), ERR_OK);
        for (uint32_t t = 0; t < 5 * m; t++) {
            holt_winters_add(&h, 7 + 0.5 * t + pattern[t % m] - mean);
            for (uint32_t k = 1; k <= 2 * m && holt_winters_warm(&h); k++)
                near(holt_winters_forecast(&h, k), 7 + 0.5 * (t + k) + pattern[(t + k) % m] - mean,
                     1e-8);
        }
        holt_winters_fini(&h);
    }
}

/* The recursions as the book has them, on noise: l, b and s_t kept for all times. */
static void test_formulas(void **state)
{
    (void)state;
    enum { M = 6, N = 60 };
    static double y[N], l[N], b[N], s[N];
    const struct holt_winters_rules r = {0.35, 0.15, 0.25, 0.9};
    struct sim_stream rng;
    struct holt_winters h;
    double one = 0, two = 0;
    sim_stream_init(&rng, 3, 0, sim_purpose("test.noise"));
    assert_int_equal(holt_winters_init(&h, &r, M), ERR_OK);
    for (int t = 0; t < N; t++) {
        y[t] = 50 + 10 * sin(t) + 20 * sim_stream_double(&rng);
        holt_winters_add(&h, y[t]);
        one += t < M ? y[t] / M : 0;
        two += t >= M && t < 2 * M ? y[t] / M : 0;
    }
    int at = 2 * M - 1;
    b[at] = (two - one) / M;
    l[at] = two + b[at] * (M - 1) / 2.0;
    for (int i = 0; i < M; i++) {
        double x = one + b[at] * (i - (M - 1) / 2.0);
        s[M + i] = (y[i] - x + y[M + i] - (x + b[at] * M)) / 2;
    }
    for (int t = 2 * M; t < N; t++) {
        l[t] = r.alpha * (y[t] - s[t - M]) + (1 - r.alpha) * (l[t - 1] + r.phi * b[t - 1]);
        b[t] = r.beta * (l[t] - l[t - 1]) + (1 - r.beta) * r.phi * b[t - 1];
        s[t] = r.gamma * (y[t] - l[t - 1] - r.phi * b[t - 1]) + (1 - r.gamma) * s[t - M];
    }
    double damped = 0, phi = 1;
    for (int k = 1; k <= 2 * M; k++) {
        damped += phi *= r.phi;
        near(holt_winters_forecast(&h, (uint32_t)k),
             l[N - 1] + damped * b[N - 1] + s[N - 1 + k - M * ((k - 1) / M + 1)], 1e-9);
    }
    holt_winters_fini(&h);
}

/* ---- series ---- */

enum { ACCOUNTS = 40 };

static void run(struct series_set *s, uint32_t room, int epochs, double wave, double noise)
{
    struct sim_stream rng;
    double now[ACCOUNTS], mean[ACCOUNTS];
    sim_stream_init(&rng, 9, 0, sim_purpose("test.loads"));
    const struct holt_winters_rules r = {0.5, 0.1, 0.2, 0.9};
    assert_int_equal(series_init(s, &r, room, 0), ERR_OK);
    for (int t = 0; t < epochs; t++) {
        for (int a = 0; a < ACCOUNTS; a++) {
            mean[a] = 100 - a;
            now[a] = mean[a] * (1 + wave * sin(2 * acos(-1) * (t + 3 * a) / 12.0) +
                                noise * (sim_stream_double(&rng) - 0.5));
        }
        assert_int_equal(series_add(s, now, mean, ACCOUNTS), ERR_OK);
    }
}

static void test_season_found(void **state)
{
    (void)state;
    struct series_set s;
    run(&s, 30, 40, 0.8, 0.3);
    assert_int_equal(s.season, 12);
    assert_null(series_of(&s, 30)); /* room for 30: the heaviest */
    for (account_id a = 0; a < 30; a++) {
        const struct series *x = series_of(&s, a);
        assert_non_null(x);
        assert_int_equal(x->account, a);
        assert_int_equal(series_best(&s, x), SERIES_SEASON);
        double truth = (100 - a) * (1 + 0.8 * sin(2 * acos(-1) * (40 + 3 * a) / 12.0));
        near(series_forecast(&s, x, 1), truth, 0.35 * (100 - a));
    }
    series_fini(&s);
}

static void test_no_season(void **state)
{
    (void)state;
    struct series_set s;
    run(&s, 30, 70, 0, 1);
    assert_int_equal(s.season, 0);
    series_fini(&s);
    series_fini(&s);
}

/* What rises steadily is followed; between steps in proportion; never below nothing. */
static void test_trend(void **state)
{
    (void)state;
    struct series_set s;
    double now[2], mean[2] = {10, 5};
    const struct holt_winters_rules r = {0.5, 0.3, 0.2, 1};
    assert_int_equal(series_init(&s, &r, 4, 1), ERR_OK);
    for (int t = 0; t < 20; t++) {
        now[0] = 100 + 10 * t;
        now[1] = 200 - 10 * t;
        assert_int_equal(series_add(&s, now, mean, 2), ERR_OK);
    }
    assert_int_equal(series_best(&s, series_of(&s, 0)), SERIES_TREND);
    near(series_forecast(&s, series_of(&s, 0), 1), 300, 1e-6);
    near(series_forecast(&s, series_of(&s, 0), 1.5), 305, 1e-6);
    near(series_forecast(&s, series_of(&s, 1), 3), 0, 0);
    series_fini(&s);
}

/* A newcomer takes the weakest one's place. */
static void test_places(void **state)
{
    (void)state;
    struct series_set s;
    double now[4] = {4, 3, 2, 1}, mean[4] = {4, 3, 2, 1};
    assert_int_equal(series_init(&s, &rules, 2, 1), ERR_OK);
    assert_int_equal(series_add(&s, now, mean, 4), ERR_OK);
    assert_true(series_of(&s, 0) && series_of(&s, 1) && !series_of(&s, 2) && !series_of(&s, 9));
    mean[3] = 3.5;
    assert_int_equal(series_add(&s, now, mean, 4), ERR_OK);
    assert_true(series_of(&s, 0) && series_of(&s, 3) && !series_of(&s, 1));
    assert_int_equal(series_of(&s, 0)->seen, 2);
    assert_int_equal(series_of(&s, 3)->seen, 1);
    series_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),      cmocka_unit_test(test_season),
        cmocka_unit_test(test_formulas),  cmocka_unit_test(test_season_found),
        cmocka_unit_test(test_no_season), cmocka_unit_test(test_trend),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
