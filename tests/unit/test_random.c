/* Streams and distributions: the generator's published vectors, moments, independence of keys. */
#include "sim/engine/dist.h"
#include "sim/engine/random_gsl.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Known answers of the Random123 distribution (kat_vectors, philox4x32 10). */
static void philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        sim_philox(out, cases[i].counter, cases[i].key);
        assert_memory_equal(out, cases[i].want, sizeof out);
    }
}

static void streams_are_keyed(void **state)
{
    (void)state;
    struct sim_stream a, b;
    uint32_t jitter = sim_purpose("network.jitter"), loss = sim_purpose("network.loss");
    assert_int_not_equal(jitter, loss);
    sim_stream_init(&a, UINT64_C(0x0123456789abcdef), 77, jitter);
    /* Draws interleaved with another stream's are the same as alone. */
    uint64_t alone[100];
    for (int i = 0; i < 100; i++)
        alone[i] = sim_stream_u64(&a);
    sim_stream_init(&a, UINT64_C(0x0123456789abcdef), 77, jitter);
    sim_stream_init(&b, UINT64_C(0x0123456789abcdef), 77, loss);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sim_stream_u64(&a), alone[i]);
        assert_int_not_equal(sim_stream_u64(&b), alone[i]);
    }
    /* Each part of the key matters, the upper half of the seed too. */
    const struct {
        uint64_t seed;
        uint32_t entity, purpose;
    } others[] = {{UINT64_C(0x1123456789abcdef), 77, jitter},
                  {UINT64_C(0x0123456789abcdee), 77, jitter},
                  {UINT64_C(0x0123456789abcdef), 78, jitter},
                  {UINT64_C(0x0123456789abcdef), 77, jitter ^ 1}};
    for (int i = 0; i < 4; i++) {
        sim_stream_init(&b, others[i].seed, others[i].entity, others[i].purpose);
        assert_int_not_equal(sim_stream_u64(&b), alone[0]);
    }
}

static void uniform_draws(void **state)
{
    (void)state;
    struct sim_stream s;
    sim_stream_init(&s, 1234567, 8, 9);
    double sum = 0;
    size_t hits[7] = {0};
    for (int i = 0; i < 70000; i++) {
        double u = sim_stream_double(&s), v = sim_stream_positive(&s);
        assert_true(u >= 0 && u < 1 && v > 0 && v < 1);
        sum += u;
        hits[sim_stream_below(&s, 7)]++;
    }
    assert_true(fabs(sum / 70000 - 0.5) < 5 * 0.2887 / sqrt(70000));
    double chi2 = 0;
    for (int k = 0; k < 7; k++)
        chi2 += ((double)hits[k] - 10000) * ((double)hits[k] - 10000) / 10000;
    assert_true(gsl_cdf_chisq_Q(chi2, 6) > 1e-4);
    assert_int_equal(sim_stream_below(&s, 1), 0);
    uint32_t cards[1000];
    for (uint32_t i = 0; i < 1000; i++)
        cards[i] = i;
    sim_stream_shuffle(&s, cards, 1000);
    uint32_t seen[1000] = {0}, moved = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        seen[cards[i]]++;
        moved += cards[i] != i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > 980);
}

/* GSL's own interface over a stream, unmoved by GSL's environment variables. */
static void gsl_view(void **state)
{
    (void)state;
    setenv("GSL_RNG_SEED", "4242", 1);
    setenv("GSL_RNG_TYPE", "taus", 1);
    gsl_rng *r = gsl_rng_alloc(sim_rng_type);
    assert_non_null(r);
    gsl_rng_set(r, 99);
    struct sim_stream s;
    sim_stream_init(&s, 99, 0, 0);
    gsl_rng view = sim_stream_gsl(&s);
    for (int i = 0; i < 1000; i++)
        assert_true(gsl_ran_gaussian(r, 3.5) == gsl_ran_gaussian(&view, 3.5));
    assert_int_equal(gsl_rng_max(r), UINT32_MAX);
    struct sim_stream before = s;
    assert_int_equal(gsl_rng_get(&view), sim_stream_u32(&before));
    gsl_rng_free(r);
}

struct moment_case {
    const char *name;
    struct sim_dist_param p[4];
    unsigned count;
    double mean, sd;
};

static void moments(void **state)
{
    (void)state;
    static const struct moment_case cases[] = {
        {"constant", {{41.5, false}}, 1, 41.5, 0},
        {"uniform", {{-3, false}, {9, false}}, 2, 3, 12 / 3.4641016},
        {"normal", {{250, false}, {50, false}}, 2, 250, 50},
        {"lognormal", {{1.5, false}, {0.5, false}}, 2, 1.5, 0.5},
        {"exponential", {{7, false}}, 1, 7, 7},
        {"pareto", {{4, false}, {5, false}}, 2, 5, 1.2909944},
        {"weibull", {{2, false}, {2, false}}, 2, 1.7724539, 0.9265027},
        {"gamma", {{6, false}, {3, false}}, 2, 6, 3.4641016},
        {"generalised-pareto", {{1, false}, {2, false}, {0.2, false}}, 3, 3.5, 3.2274861},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct sim_dist d;
        struct err err = {0};
        enum { DRAWS = 200000 };
        assert_int_equal(sim_dist_make(&d, cases[c].name, cases[c].p, cases[c].count, &err), 0);
        struct sim_stream s;
        sim_stream_init(&s, 2024, (uint32_t)c, sim_purpose("test.moments"));
        double sum = 0, squares = 0;
        for (int i = 0; i < DRAWS; i++) {
            double x = sim_dist_sample(&d, &s);
            sum += x;
            squares += (x - cases[c].mean) * (x - cases[c].mean);
        }
        double sd = sqrt(squares / DRAWS);
        assert_true(fabs(sum / DRAWS - cases[c].mean) <= 5 * cases[c].sd / sqrt(DRAWS));
        assert_true(fabs(sd - cases[c].sd) <= 0.05 * cases[c].sd);
        assert_true(fabs(sim_dist_mean(&d) - cases[c].mean) <= 1e-6 * cases[c].mean);
    }
}

static void clipping_and_around(void **state)
{
    (void)state;
    struct err err = {0};
    struct sim_dist d;
    struct sim_stream s;
    sim_stream_init(&s, 6, 0, 0);
    const struct sim_dist_param normal[] = {{10, 0}, {8, 0}, {5, 0}, {12, 0}};
    assert_int_equal(sim_dist_make(&d, "normal", normal, 4, &err), ERR_OK);
    for (int i = 0; i < 20000; i++) {
        double x = sim_dist_sample(&d, &s);
        assert_true(x >= 5 && x <= 12);
    }
    /* A window that chance never meets ends at its edge instead of hanging. */
    const struct sim_dist_param lost[] = {{0, 0}, {1, 0}, {50, 0}, {51, 0}};
    assert_int_equal(sim_dist_make(&d, "normal", lost, 4, &err), ERR_OK);
    assert_true(sim_dist_sample(&d, &s) == 50);

    const struct sim_dist_param jitter[] = {{0, 0}, {0.05, true}};
    assert_int_equal(sim_dist_make(&d, "lognormal", jitter, 2, &err), ERR_OK);
    assert_true(sim_dist_relative(&d));
    double sum = 0, squares = 0;
    for (int i = 0; i < 100000; i++) {
        double x = sim_dist_around(&d, 80e6, &s);
        sum += x;
        squares += (x - 80e6) * (x - 80e6);
    }
    assert_true(fabs(sum / 1e5 - 80e6) < 5 * 4e6 / sqrt(1e5));
    assert_true(fabs(sqrt(squares / 1e5) - 4e6) < 0.05 * 4e6);
    const struct sim_dist_param down[] = {{-5, 0}};
    assert_int_equal(sim_dist_make(&d, "constant", down, 1, &err), ERR_OK);
    assert_true(sim_dist_around(&d, 3, &s) == 0);
    assert_true(sim_dist_around(&d, 30, &s) == 25);
}

static void empirical(void **state)
{
    (void)state;
    struct err err = {0};
    struct sim_dist d;
    struct sim_stream s;
    sim_stream_init(&s, 6, 0, 0);
    const double values[] = {31, -4, 7.5, 7.5};
    assert_int_equal(sim_dist_make_empirical(&d, values, 4, &err), ERR_OK);
    size_t low = 0, mid = 0, high = 0;
    for (int i = 0; i < 40000; i++) {
        double x = sim_dist_sample(&d, &s);
        low += x == -4;
        mid += x == 7.5;
        high += x == 31;
    }
    assert_int_equal(low + mid + high, 40000);
    assert_true(fabs((double)mid - 20000) < 500 && fabs((double)low - 10000) < 435);
    sim_dist_fini(&d);
    sim_dist_fini(&d);

    char path[] = "/tmp/weft-dist-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char text[] = "# ms\n12.5\n\n 3 # least\n1e2\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    assert_int_equal(sim_dist_read_empirical(&d, path, 1e6, &err), ERR_OK);
    assert_int_equal(d.table_len, 3);
    assert_true(d.table[0] == 3e6 && d.table[1] == 12.5e6 && d.table[2] == 1e8);
    sim_dist_fini(&d);
    assert_int_equal(write(fd, "oops\n", 5), 5);
    close(fd);
    assert_int_equal(sim_dist_read_empirical(&d, path, 1, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, ":6: not a number: oops"));
    remove(path);
    assert_int_equal(sim_dist_read_empirical(&d, path, 1, &err), ERR_IO);
}

static void bad_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct sim_dist_param p[4];
        unsigned count;
        const char *says;
    } cases[] = {
        {"lognorml", {{1, 0}}, 1, "lognormal"},
        {"uniform", {{2, 0}, {1, 0}}, 2, "above high"},
        {"normal", {{2, 0}}, 1, "2 to 4"},
        {"normal", {{2, 0}, {-1, 0}}, 2, "sd must not be negative"},
        {"exponential", {{-2, 0}}, 1, "negative"},
        {"pareto", {{1, 0}, {0, 0}}, 2, "shape must be above 0"},
        {"pareto", {{1, 0}, {0.5, true}}, 2, "not a percentage"},
        {"gamma", {{1, 0}, {(double)NAN, 0}}, 2, "not a number"},
        {"constant", {{1, 0}, {2, 0}}, 2, "takes 1 parameters, 2 given"},
        {"empirical", {{1, 0}}, 1, "needs a file or a list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct sim_dist d;
        assert_int_equal(sim_dist_make(&d, cases[i].name, cases[i].p, cases[i].count, &err),
                         ERR_INPUT);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: '%s' lacks '%s'", cases[i].name, err.text, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(streams_are_keyed),
        cmocka_unit_test(uniform_draws),
        cmocka_unit_test(gsl_view),
        cmocka_unit_test(moments),
        cmocka_unit_test(clipping_and_around),
        cmocka_unit_test(empirical),
        cmocka_unit_test(bad_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
