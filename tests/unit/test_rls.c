/* Recursive least squares: a linear model recovered; the batch solution by normal equations; a
 * model that changes is followed; directions that nothing excites stay bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_linalg.h>
#include <math.h>

#include "models/routing/rls.h"
#include "sim/engine/random.h"

enum { DIMS = 5 };
static const double truth[DIMS] = {0.7, -2.5, 13.25, 0.01, -0.3};

static void near(double a, double b, double by)
{
    if (!(fabs(a - b) <= by))
        fail_msg("%.12g is not %.12g", a, b);
}

static double sample(struct sim_stream *rng, double *x, const double *weights, double noise)
{
    double y = noise * (sim_stream_double(rng) - 0.5);
    for (int i = 0; i < DIMS; i++) {
        x[i] = i ? 2 * sim_stream_double(rng) - 1 : 1;
        y += weights[i] * x[i];
    }
    return y;
}

static void test_recovers(void **state)
{
    (void)state;
    struct rls r;
    struct sim_stream rng;
    double x[DIMS];
    sim_stream_init(&rng, 1, 0, sim_purpose("test.rls"));
    assert_int_equal(rls_init(&r, DIMS, 1, 1e9), ERR_OK);
    for (int n = 0; n < 40; n++) {
        double y = sample(&rng, x, truth, 0);
        if (n > DIMS)
            near(rls_predict(&r, x), y, 1e-5);
        rls_learn(&r, x, y);
    }
    for (int i = 0; i < DIMS; i++)
        near(r.weights[i], truth[i], 1e-6);
    assert_int_equal(r.seen, 40);
    rls_fini(&r);
    rls_fini(&r);
}

/* (sum f^(n-i) x x' + f^n / spread) w = sum f^(n-i) x y. */
static void test_batch(void **state)
{
    (void)state;
    enum { N = 30 };
    const double forget = 0.93, spread = 50;
    struct rls r;
    struct sim_stream rng;
    double x[DIMS], m[DIMS * DIMS] = {0}, v[DIMS] = {0}, w[DIMS];
    sim_stream_init(&rng, 2, 0, sim_purpose("test.rls"));
    assert_int_equal(rls_init(&r, DIMS, forget, spread), ERR_OK);
    for (int n = 0; n < N; n++) {
        double y = sample(&rng, x, truth, 4), part = pow(forget, N - 1 - n);
        rls_learn(&r, x, y);
        for (int i = 0; i < DIMS; i++) {
            v[i] += part * x[i] * y;
            for (int j = 0; j < DIMS; j++)
                m[i * DIMS + j] += part * x[i] * x[j];
        }
    }
    for (int i = 0; i < DIMS; i++)
        m[i * DIMS + i] += pow(forget, N) / spread;
    gsl_matrix_view mv = gsl_matrix_view_array(m, DIMS, DIMS);
    gsl_vector_view vv = gsl_vector_view_array(v, DIMS), wv = gsl_vector_view_array(w, DIMS);
    assert_int_equal(gsl_linalg_cholesky_decomp1(&mv.matrix), 0);
    assert_int_equal(gsl_linalg_cholesky_solve(&mv.matrix, &vv.vector, &wv.vector), 0);
    for (int i = 0; i < DIMS; i++)
        near(r.weights[i], w[i], 1e-8);
    rls_fini(&r);
}

static void test_follows(void **state)
{
    (void)state;
    struct rls forgets, never;
    struct sim_stream rng;
    double x[DIMS], other[DIMS] = {-0.7, 2.5, 1, 3, 0}, off = 0, stuck = 0;
    sim_stream_init(&rng, 3, 0, sim_purpose("test.rls"));
    assert_int_equal(rls_init(&forgets, DIMS, 0.95, 1e3), ERR_OK);
    assert_int_equal(rls_init(&never, DIMS, 1, 1e3), ERR_OK);
    for (int n = 0; n < 400; n++) {
        double y = sample(&rng, x, n < 300 ? truth : other, 0.1);
        if (n >= 350) {
            off += fabs(rls_predict(&forgets, x) - y);
            stuck += fabs(rls_predict(&never, x) - y);
        }
        rls_learn(&forgets, x, y);
        rls_learn(&never, x, y);
    }
    assert_true(off / 50 < 0.7 && stuck > 5 * off);
    rls_fini(&forgets);
    rls_fini(&never);
}

static void test_bounded(void **state)
{
    (void)state;
    struct rls r;
    const double x[DIMS] = {1, 0.5, 0, 0, 0};
    assert_int_equal(rls_init(&r, DIMS, 0.9, 100), ERR_OK);
    for (int n = 0; n < 20000; n++)
        rls_learn(&r, x, 3);
    near(rls_predict(&r, x), 3, 1e-6);
    for (int i = 0; i < DIMS; i++)
        assert_true(r.inverse[i * DIMS + i] <= 1.000001e5 && r.inverse[i * DIMS + i] >= 0);
    near(r.weights[4], 0, 0);
    rls_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovers),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_follows),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
