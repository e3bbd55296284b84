/* Waves and crowds: the closed form of expected counts against sums of the load, arrivals against
 * the closed form. Bounds are those of a chance of 1 in 1000, seeds are fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "models/workload/arrivals.h"

static struct workload_crowd crowds[] = {
    {.at = 7 * SIM_SEC,
     .rise = 2 * SIM_SEC,
     .length = 3 * SIM_SEC,
     .fall = 5 * SIM_SEC,
     .factor = 4},
    {.at = 40 * SIM_SEC, .rise = 0, .length = 2 * SIM_SEC, .fall = 0, .factor = 11.5},
    {.at = 55 * SIM_SEC, .rise = SIM_SEC, .length = 0, .fall = SIM_SEC / 2, .factor = 3},
};

static struct arrivals_settings settings(double rate, enum workload_arrivals kind, double amplitude,
                                         size_t crowd_count)
{
    return (struct arrivals_settings){
        .rate = rate,
        .arrivals = kind,
        .wave = {.amplitude = amplitude, .period = 20 * SIM_SEC, .phase = 0.3},
        .crowds = {crowds, crowd_count}};
}

/* The load in multiples of the rate, written down a second time. */
static double load(const struct arrivals_settings *cfg, double t)
{
    double sum = 1 + cfg->wave.amplitude * sin(2 * M_PI * (t / 20 + 0.3));
    for (size_t i = 0; i < cfg->crowds.count; i++) {
        const struct workload_crowd *c = &crowds[i];
        double in = (t - (double)c->at / 1e9) / ((double)c->rise / 1e9 + 1e-12);
        double out = ((double)(c->at + c->rise + c->length + c->fall) / 1e9 - t) /
                     ((double)c->fall / 1e9 + 1e-12);
        sum += (c->factor - 1) * fmax(0, fmin(1, fmin(in, out)));
    }
    return sum;
}

static void test_closed_form(void **state)
{
    struct arrivals_settings cfg = settings(130, WORKLOAD_POISSON, 0.8, 3);
    struct arrivals a;
    (void)state;
    arrivals_init(&a, &cfg, 3 * SIM_SEC, 63 * SIM_SEC, 1, 0);
    for (int i = 0; i < 40; i++) {
        sim_time from = 3 * SIM_SEC + i * 1300 * SIM_MS, to = from + (i % 7 + 1) * 1111 * SIM_MS;
        double sum = 0, step = (double)(to - from) / 1e9 / 40000;
        for (int k = 0; k < 40000; k++)
            sum += load(&cfg, (double)from / 1e9 + (k + 0.5) * step) * step * 130;
        assert_true(fabs(arrivals_expected(&a, from, to) - sum) < 0.1);
    }
    assert_true(arrivals_expected(&a, 0, 3 * SIM_SEC) == 0);
    /* Whole periods of a wave are worth their mean. */
    cfg = settings(130, WORKLOAD_POISSON, 0.8, 0);
    arrivals_init(&a, &cfg, 3 * SIM_SEC, 63 * SIM_SEC, 1, 0);
    assert_true(fabs(arrivals_expected(&a, 3 * SIM_SEC, 63 * SIM_SEC) - 130 * 60) < 1e-6);
    /* A crowd brings factor - 1 times its length and half its slopes. */
    cfg = settings(10, WORKLOAD_POISSON, 0, 1);
    arrivals_init(&a, &cfg, 0, 60 * SIM_SEC, 1, 0);
    assert_true(fabs(arrivals_expected(&a, 0, 60 * SIM_SEC) - 10 * (60 + 3 * 6.5)) < 1e-9);
}

/* Counts in windows of 500 ms, chi-square over all of them; gaps in units of the expected count are
 * exponential. */
static void test_poisson_shape(void **state)
{
    enum { WINDOWS = 120 };
    uint32_t seen[WINDOWS] = {0}, n = 0;
    struct arrivals_settings cfg = settings(400, WORKLOAD_POISSON, 0.9, 3);
    struct arrivals a;
    sim_time at, last = 3 * SIM_SEC;
    double chi = 0, gaps = 0, squares = 0;
    (void)state;
    arrivals_init(&a, &cfg, last, 63 * SIM_SEC, 5, 2);
    while (arrivals_next(&a, &at)) {
        assert_true(at >= last && at < a.end);
        double gap = arrivals_expected(&a, last, at);
        gaps += gap;
        squares += gap * gap;
        seen[(at - a.start) / (500 * SIM_MS)]++;
        last = at;
        n++;
    }
    for (int i = 0; i < WINDOWS; i++) {
        sim_time from = a.start + i * 500 * SIM_MS;
        double expected = arrivals_expected(&a, from, from + 500 * SIM_MS);
        assert_true(expected > 1);
        chi += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    if (chi > 173.6 || chi < 77.8) /* 120 degrees of freedom */
        fail_msg("chi-square %g", chi);
    assert_true(fabs(gaps / n - 1) < 3.3 / sqrt(n));
    assert_true(fabs(squares / n / 2 - 1) < 3.3 * sqrt(5.0 / n));
}

/* Equal gaps, in units of the expected count: arrival n comes when n are due. */
static void test_constant_shape(void **state)
{
    struct arrivals_settings cfg = settings(700, WORKLOAD_CONSTANT, 1, 3);
    struct arrivals a;
    sim_time at;
    uint32_t n = 0;
    (void)state;
    arrivals_init(&a, &cfg, 3 * SIM_SEC, 63 * SIM_SEC, 5, 2);
    for (; arrivals_next(&a, &at); n++)
        assert_true(fabs(arrivals_expected(&a, a.start, at) - n) < 1e-4);
    assert_true(n >= arrivals_expected(&a, a.start, a.end) - 1e-4);
    assert_true(n <= arrivals_expected(&a, a.start, a.end) + 1);
}

/* A day of a network: times stay exact in hours, and a day's load is the mean. */
static void test_day(void **state)
{
    struct arrivals_settings cfg = {.rate = 0.5,
                                    .arrivals = WORKLOAD_CONSTANT,
                                    .wave = {.amplitude = 0.9, .period = 24 * 3600 * SIM_SEC}};
    struct arrivals a;
    sim_time at;
    uint32_t n = 0, morning = 0;
    (void)state;
    arrivals_init(&a, &cfg, 0, 48 * 3600 * SIM_SEC, 5, 2);
    for (; arrivals_next(&a, &at); n++) {
        assert_true(fabs(arrivals_expected(&a, 0, at) - n) < 1e-4);
        morning += at % (24 * 3600 * SIM_SEC) < 12 * 3600 * SIM_SEC;
    }
    assert_in_range(n, 86399, 86401);
    /* The half with the crest: 1/2 + amplitude / pi. */
    assert_true(fabs(morning / 86400.0 - (0.5 + 0.9 / M_PI)) < 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_form),
        cmocka_unit_test(test_poisson_shape),
        cmocka_unit_test(test_constant_shape),
        cmocka_unit_test(test_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
