#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/base/nearest.h"

static void distances(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("statetest", "statetest"), 0);
    assert_int_equal(nearest_distance("StateTest", "statetest"), 0);
    assert_int_equal(nearest_distance("statetset", "statetest"), 1); /* a swap is one edit */
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(nearest_distance("", "abcd"), 4);
    assert_int_equal(nearest_distance("abcd", ""), 4);
    char big[80];
    for (size_t i = 0; i < 79; i++)
        big[i] = 'x';
    big[79] = 0;
    assert_true(nearest_distance(big, "x") == SIZE_MAX);
}

static void names(void **state)
{
    (void)state;
    const char *const valid[] = {"tendermint", "poa", NULL, "block-stm", "serial", "cereal"};
    assert_string_equal(nearest_name("tendermnit", valid, 6), "tendermint");
    assert_string_equal(nearest_name("blockstm", valid, 6), "block-stm");
    assert_string_equal(nearest_name("serail", valid, 6), "serial");
    assert_string_equal(nearest_name("ceral", valid, 6), "cereal");
    assert_null(nearest_name("pow-ghost-uncle", valid, 6));
    assert_null(nearest_name("x", valid, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(distances), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
