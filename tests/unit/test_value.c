/* Values with units: what every unit means, what is refused and with which words, exactness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/value.h"

struct whole_case {
    enum field_type type;
    const char *text;
    uint64_t value;
    const char *canonical;
};

static const struct whole_case wholes[] = {
    {FIELD_DURATION, "17ns", 17, "17ns"},
    {FIELD_DURATION, "2.5us", 2500, "2500ns"},
    {FIELD_DURATION, "250ms", 250000000, "250ms"},
    {FIELD_DURATION, "1500ms", 1500000000, "1500ms"},
    {FIELD_DURATION, "3s", 3000000000, "3s"},
    {FIELD_DURATION, "90s", 90000000000, "90s"},
    {FIELD_DURATION, "1.5min", 90000000000, "90s"},
    {FIELD_DURATION, "12h", 43200000000000, "12h"},
    {FIELD_DURATION, "36h", 129600000000000, "36h"},
    {FIELD_DURATION, "2d", 172800000000000, "2d"},
    {FIELD_DURATION, "0s", 0, "0ms"},
    {FIELD_DURATION, "1e3 ms", 1000000000, "1s"},
    {FIELD_BANDWIDTH, "100Mbit/s", 100000000, "100Mbit/s"},
    {FIELD_BANDWIDTH, "1.544Mbit/s", 1544000, "1544kbit/s"},
    {FIELD_BANDWIDTH, "7bit/s", 7, "7bit/s"},
    {FIELD_BANDWIDTH, "33kbit/s", 33000, "33kbit/s"},
    {FIELD_BANDWIDTH, "10Gbit/s", 10000000000, "10Gbit/s"},
    {FIELD_BANDWIDTH, "1Tbit/s", 1000000000000, "1Tbit/s"},
    {FIELD_BANDWIDTH, "3B/s", 24, "24bit/s"},
    {FIELD_BANDWIDTH, "3kB/s", 24000, "24kbit/s"},
    {FIELD_BANDWIDTH, "3KB/s", 24000, "24kbit/s"},
    {FIELD_BANDWIDTH, "3MB/s", 24000000, "24Mbit/s"},
    {FIELD_BANDWIDTH, "3GB/s", 24000000000, "24Gbit/s"},
    {FIELD_SIZE, "100KB", 100000, "100KB"},
    {FIELD_SIZE, "100kB", 100000, "100KB"},
    {FIELD_SIZE, "64KiB", 65536, "64KiB"},
    {FIELD_SIZE, "1.5KiB", 1536, "1536B"},
    {FIELD_SIZE, "7B", 7, "7B"},
    {FIELD_SIZE, "2MB", 2000000, "2MB"},
    {FIELD_SIZE, "2GB", 2000000000, "2GB"},
    {FIELD_SIZE, "2TB", 2000000000000, "2TB"},
    {FIELD_SIZE, "3MiB", 3145728, "3MiB"},
    {FIELD_SIZE, "3GiB", 3221225472, "3GiB"},
    {FIELD_SIZE, "3TiB", 3298534883328, "3TiB"},
    {FIELD_GAS, "30Mgas", 30000000, "30Mgas"},
    {FIELD_GAS, "21000gas", 21000, "21kgas"},
    {FIELD_GAS, "1.234567Mgas", 1234567, "1234567gas"},
    {FIELD_GAS, "2Ggas", 2000000000, "2Ggas"},
    {FIELD_COUNT, "8", 8, "8"},
    {FIELD_COUNT, "50k", 50000, "50000"},
    {FIELD_COUNT, "1.5M", 1500000, "1500000"},
    {FIELD_COUNT, "2G", 2000000000, "2000000000"},
    {FIELD_COUNT, "18446744073709551614", 18446744073709551614u, "18446744073709551614"},
    {FIELD_WEI, "1wei", 1, "1wei"},
    {FIELD_WEI, "1.5gwei", 1500000000, "1500Mwei"},
    {FIELD_WEI, "7kwei", 7000, "7kwei"},
    {FIELD_WEI, "7Mwei", 7000000, "7Mwei"},
    {FIELD_WEI, "2ether", 2000000000000000000, "2ether"},
};

static void test_every_unit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
        const struct whole_case *c = &wholes[i];
        char why[VALUE_WHY] = "", text[VALUE_TEXT];
        struct value v, again;
        if (!value_scan(c->type, false, c->text, &v, why))
            fail_msg("%s: %s", c->text, why);
        if (v.big.w[0] != c->value)
            fail_msg("%s: got %llu", c->text, (unsigned long long)v.big.w[0]);
        value_print(c->type, &v, text);
        assert_string_equal(text, c->canonical);
        assert_true(value_scan(c->type, false, text, &again, why));
        assert_int_equal(value_compare(c->type, &v, &again), 0);
    }
}

static void test_reals(void **state)
{
    static const struct {
        enum field_type type;
        const char *text;
        double value;
        const char *canonical;
    } cases[] = {
        {FIELD_FRACTION, "5%", 0.05, "5%"},     {FIELD_FRACTION, "0.01%", 0.0001, "0.01%"},
        {FIELD_FRACTION, "0.25", 0.25, "25%"},  {FIELD_RATE, "2000/s", 2000, "2k/s"},
        {FIELD_RATE, "2.5k/s", 2500, "2500/s"}, {FIELD_RATE, "1M/s", 1e6, "1M/s"},
        {FIELD_RATE, "6/min", 0.1, "0.1/s"},    {FIELD_RATE, "18/h", 0.005, "18/h"},
        {FIELD_RATE, "432/d", 0.005, "18/h"},   {FIELD_REAL, "-2.75e-3", -0.00275, "-0.00275"},
        {FIELD_REAL, ".5", 0.5, "0.5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[VALUE_WHY] = "", text[VALUE_TEXT];
        struct value v;
        if (!value_scan(cases[i].type, false, cases[i].text, &v, why))
            fail_msg("%s: %s", cases[i].text, why);
        assert_true(v.real == cases[i].value);
        value_print(cases[i].type, &v, text);
        assert_string_equal(text, cases[i].canonical);
    }
}

/* 256 bits, exactly: the largest balance, and one more. */
static void test_wei_is_exact(void **state)
{
    (void)state;
    char why[VALUE_WHY], text[VALUE_TEXT];
    struct value v;
    assert_true(value_scan(FIELD_WEI, false, "120000000.000000000000000001ether", &v, why));
    /* 120000000 * 10^18 + 1 = 0x6342fd08f00f6378000001 */
    assert_int_equal(v.big.w[0], 0x08f00f6378000001);
    assert_int_equal(v.big.w[1], 0x6342fd);
    value_print(FIELD_WEI, &v, text);
    assert_string_equal(text, "120000000000000000000000001wei");
    assert_true(value_scan(FIELD_WEI, false,
                           "1157920892373161954235709850086879078532699846656405640394575840079131"
                           "29639935wei",
                           &v, why) == false); /* 2^256 - 1 is kept for "too large" */
    assert_true(value_scan(FIELD_WEI, false,
                           "6277101735386680763835789423207666416102355444464034512895wei", &v,
                           why)); /* 2^192 - 1 */
    assert_int_equal(v.big.w[2], UINT64_MAX);
    assert_int_equal(v.big.w[3], 0);
}

static void test_refusals(void **state)
{
    static const struct {
        enum field_type type;
        const char *text, *why;
    } cases[] = {
        {FIELD_DURATION, "250",
         "`250` has no unit; write one of ns, us, ms, s, min, h, d, as in 250ms"},
        {FIELD_DURATION, "soon",
         "`soon` is not a duration; write a number with one of ns, us, ms, s, min, h, d, as in "
         "250ms"},
        {FIELD_DURATION, "5mins",
         "`mins` is not a unit of a duration; valid: ns, us, ms, s, min, h, d; did you mean min?"},
        {FIELD_DURATION, "5Ms",
         "`Ms` is not a unit of a duration; valid: ns, us, ms, s, min, h, d; did you mean ms?"},
        {FIELD_DURATION, "0.5ns", "`0.5ns` is finer than 1ns"},
        {FIELD_DURATION, "300000h", NULL},
        {FIELD_DURATION, "3000000h", "`3000000h` is too large for a duration"},
        {FIELD_DURATION, "-3s", "`-3s` is negative; a duration is 0 or more"},
        {FIELD_DURATION, "never", "`never` is not possible here; write a duration, as in 250ms"},
        {FIELD_DURATION, "1e999999s",
         "`1e999999s` is not a duration; write a number with one of ns, us, ms, s, min, h, d, as "
         "in 250ms"},
        {FIELD_RATE, "-5/s", "`-5/s` is negative; a rate is 0 or more"},
        {FIELD_RATE, "100",
         "`100` has no unit; write one of /s, k/s, M/s, /min, /h, /d, as in 2000/s"},
        {FIELD_RATE, "1e308M/s", "`1e308M/s` is too large for a rate"},
        {FIELD_BANDWIDTH, "100Mbit",
         "`Mbit` is not a unit of a bandwidth; valid: bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s, B/s, "
         "kB/s, KB/s, MB/s, GB/s; did you mean Mbit/s?"},
        {FIELD_GAS, "30M", "`M` is not a unit of a gas amount; valid: gas, kgas, Mgas, Ggas"},
        {FIELD_WEI, "1.5Gwei",
         "`Gwei` is not a unit of a wei amount; valid: wei, kwei, Mwei, gwei, ether; did you mean "
         "gwei?"},
        {FIELD_WEI, "0.0000000000000000001ether",
         "`0.0000000000000000001ether` is finer than 1wei"},
        {FIELD_COUNT, "2.5", "`2.5` is not a whole number"},
        {FIELD_COUNT, "8 nodes", "`nodes` is not a unit of a count; valid: k, M, G"},
        {FIELD_COUNT, "99999999999999999999", "`99999999999999999999` is too large for a count"},
        {FIELD_COUNT, "0x10", "`x10` is not a unit of a count; valid: k, M, G"},
        {FIELD_INT, "3%", "`3%` is not a whole number; write a number without a unit, as in -3"},
        {FIELD_REAL, "nan", "`nan` is not a number; write a number, as in 0.5"},
        {FIELD_REAL, "inf", "`inf` is not a number; write a number, as in 0.5"},
        {FIELD_BOOL, "yes", "`yes` is neither true nor false"},
        {FIELD_FRACTION, "five",
         "`five` is not a fraction; write a number, perhaps with %, as in 5%"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[VALUE_WHY] = "";
        struct value v;
        bool ok = value_scan(cases[i].type, false, cases[i].text, &v, why);
        if (!cases[i].why) {
            assert_true(ok);
            continue;
        }
        assert_string_equal(why, cases[i].why);
        assert_false(ok);
    }
}

static void test_unbounded(void **state)
{
    (void)state;
    char why[VALUE_WHY], text[VALUE_TEXT];
    struct value v;
    assert_true(value_scan(FIELD_DURATION, true, "never", &v, why));
    assert_int_equal((int64_t)v.big.w[0], SIM_TIME_NEVER);
    value_print(FIELD_DURATION, &v, text);
    assert_string_equal(text, "never");
    assert_true(value_scan(FIELD_GAS, true, "unlimited", &v, why));
    assert_int_equal(v.big.w[0], UINT64_MAX);
    value_print(FIELD_GAS, &v, text);
    assert_string_equal(text, "unlimited");
}

/* Whatever is printed reads back as the same bits. */
static void test_print_reads_back(void **state)
{
    static const enum field_type types[] = {FIELD_FRACTION, FIELD_RATE, FIELD_REAL,
                                            FIELD_DURATION, FIELD_SIZE, FIELD_WEI};
    uint64_t x = 0x9e3779b97f4a7c15;
    (void)state;
    for (int round = 0; round < 3000; round++) {
        char why[VALUE_WHY], text[VALUE_TEXT];
        enum field_type type = types[round % 6];
        struct value v = {0}, back;
        double real;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        v.real = (double)(x >> 11) / (double)(1ull << (x & 63));
        v.big.w[0] = type == FIELD_DURATION ? x >> (1 + x % 60) : x >> (x % 60);
        v.big.w[1] = type == FIELD_WEI ? x * 31 : 0;
        value_print(type, &v, text);
        if (!value_scan(type, true, text, &back, why))
            fail_msg("%s: %s", text, why);
        assert_int_equal(value_compare(type, &v, &back), 0);
        value_print_real(type, v.real, text);
        assert_true(value_scan_real(type, text, &real, why));
        assert_true(real == v.real);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_unit),   cmocka_unit_test(test_reals),
        cmocka_unit_test(test_wei_is_exact), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unbounded),    cmocka_unit_test(test_print_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
