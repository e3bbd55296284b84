/* Mean and confidence interval, against values worked out by hand and by the table of Student's t.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "analysis/interval.h"

static void near(double value, double want)
{
    if (!(fabs(value - want) <= 1e-9 * fabs(want)))
        fail_msg("%.17g, not %.17g", value, want);
}

static void test_known(void **state)
{
    /* 2 4 4 4 5 5 7 9: mean 5, squares sum to 32; t(0.975; 7) = 2.364624251592784 */
    const double eight[] = {2, 4, 4, 4, 5, 5, 7, 9};
    struct interval x = interval_of(eight, 8);
    (void)state;
    assert_int_equal(x.count, 8);
    near(x.mean, 5);
    near(x.sd, sqrt(32.0 / 7));
    near(x.half, 2.364624251592784 * sqrt(32.0 / 7 / 8));
    /* two values: t(0.975; 1) = tan(0.475 pi) */
    const double two[] = {-3, 11};
    x = interval_of(two, 2);
    near(x.mean, 4);
    near(x.half, tan(0.475 * acos(-1.0)) * 7);
}

static void test_what_cannot_be_told(void **state)
{
    const double some[] = {NAN, 6, INFINITY, 8, NAN};
    struct interval x = interval_of(some, 5);
    (void)state;
    assert_int_equal(x.count, 2);
    near(x.mean, 7);
    near(x.sd, sqrt(2));
    x = interval_of(some, 2);
    assert_int_equal(x.count, 1);
    near(x.mean, 6);
    assert_true(isnan(x.sd) && isnan(x.half));
    x = interval_of(some, 1);
    assert_int_equal(x.count, 0);
    assert_true(isnan(x.mean) && isnan(x.half));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_what_cannot_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
