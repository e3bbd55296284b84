/* The parts of analysis that need no file: thinning, quantiles, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report_internal.h"

static void thin_keeps_extremes_and_mean(void **state)
{
    (void)state;
    enum { COUNT = 10007 };
    static double values[COUNT];
    struct thin t;
    size_t step;
    double sum = 0, back = 0;
    uint32_t x = 12345;
    for (size_t i = 0; i < COUNT; i++) {
        x = x * 1664525u + 1013904223u;
        values[i] = (double)(x >> 8);
        sum += values[i];
    }
    values[5003] = -7;
    values[7777] = 1e9;
    assert_int_equal(thin_make(&t, &step, values, COUNT, 1, 300, NULL), ERR_OK);
    assert_true(t.count <= 300 && t.count > 150);
    assert_int_equal(t.count, (COUNT + step - 1) / step);
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < t.count; i++) {
        size_t covered = (i + 1) * step <= COUNT ? step : COUNT - i * step;
        assert_true(t.low[i] <= t.mid[i] && t.mid[i] <= t.high[i]);
        back += t.mid[i] * (double)covered;
        low = fmin(low, t.low[i]);
        high = fmax(high, t.high[i]);
    }
    sum = 0;
    for (size_t i = 0; i < COUNT; i++)
        sum += values[i];
    assert_true(low == -7 && high == 1e9);
    assert_true(fabs(back - sum) < 1e-6 * sum);
    thin_fini(&t);
}

static void thin_averages_windows_first(void **state)
{
    (void)state;
    static const double comb[] = {0, 0, 30, 0, 0, 60, 0, 0, 90, 0, 0};
    struct thin t;
    size_t step;
    assert_int_equal(thin_make(&t, &step, comb, 9, 3, 100, NULL), ERR_OK);
    assert_int_equal(t.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(t.low[i] == 10.0 * (double)(i + 1) && t.high[i] == t.low[i] &&
                    t.mid[i] == t.low[i]);
    thin_fini(&t);
    assert_int_equal(thin_make(&t, &step, comb, 9, 3, 1, NULL), ERR_OK);
    assert_true(t.count == 1 && t.low[0] == 10 && t.mid[0] == 20 && t.high[0] == 30);
    thin_fini(&t);
}

static void thin_leaves_gaps(void **state)
{
    (void)state;
    const double values[] = {NAN, NAN, 4, NAN, NAN, NAN};
    struct thin t;
    size_t step;
    assert_int_equal(thin_make(&t, &step, values, 6, 1, 3, NULL), ERR_OK);
    assert_true(t.count == 3 && isnan(t.mid[0]) && t.mid[1] == 4 && t.low[1] == 4 &&
                isnan(t.high[2]));
    thin_fini(&t);
    assert_int_equal(thin_make(&t, &step, values, 0, 1, 3, NULL), ERR_OK);
    assert_int_equal(t.count, 0);
    thin_fini(&t);
}

static void json_is_safe_in_a_script(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    struct json j = {.out = open_memstream(&text, &size)};
    json_open(&j, NULL, '{');
    json_text(&j, "a\"b", "</script>&\\\n\t\x01 \xc3\xa9 \xe2\x82 \xff\xf0\x9f\x8c\x8d");
    json_number(&j, "n", -1234567890123.0);
    json_number(&j, "x", 0.1 + 0.2);
    json_number(&j, "none", NAN);
    json_number(&j, "inf", -INFINITY);
    json_open(&j, "l", '[');
    json_bool(&j, NULL, true);
    json_open(&j, NULL, '{');
    json_close(&j, '}');
    json_close(&j, ']');
    json_close(&j, '}');
    fclose(j.out);
    assert_string_equal(
        text, "{\"a\\u0022b\":\"\\u003c/script\\u003e\\u0026\\u005c\\u000a\\u0009\\u0001 \xc3\xa9 "
              "\\ufffd\\ufffd \\ufffd\xf0\x9f\x8c\x8d\",\"n\":-1234567890123,\"x\":0.3,"
              "\"none\":null,\"inf\":null,\"l\":[true,{}]}");
    free(text);
}

static void quantiles(void **state)
{
    (void)state;
    static const double sorted[] = {1, 2, 4, 8, 16};
    assert_true(isnan(summary_quantile(sorted, 0, 0.5)));
    assert_true(summary_quantile(sorted, 1, 0.99) == 1);
    assert_true(summary_quantile(sorted, 5, 0.5) == 4 && summary_quantile(sorted, 5, 1) == 16);
    assert_true(fabs(summary_quantile(sorted, 5, 0.9) - 12.8) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thin_keeps_extremes_and_mean),
        cmocka_unit_test(thin_averages_windows_first),
        cmocka_unit_test(thin_leaves_gaps),
        cmocka_unit_test(json_is_safe_in_a_script),
        cmocka_unit_test(quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
