/* What audits rest on, without a world: chances of committees, and sizes of witnesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/world/audit.h"
#include "models/world/witness.h"
#include "sim/engine/random.h"

static void near(double is, double should, double within, const char *what)
{
    if (!(fabs(is - should) <= within))
        fail_msg("%s: %.12g, not %.12g", what, is, should);
}

/* ---- committees ---- */

static int ones(uint32_t x)
{
    int count = 0;
    for (; x; x &= x - 1)
        count++;
    return count;
}

/* Every committee of every small network: those that have a member which speaks. */
static void test_chance(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 10; n++)
        for (uint32_t bad = 0; bad <= n; bad++)
            for (uint32_t m = 0; m <= n; m++) {
                uint64_t all = 0, speak = 0;
                uint32_t silent = (1u << bad) - 1;
                for (uint32_t set = 0; set < 1u << n; set++) {
                    bool counts = ones(set) == (int)m;
                    all += counts;
                    speak += counts && (set & ~silent);
                }
                near(audit_chance(n, bad, m), (double)speak / (double)all, 1e-12, "chance");
            }
    /* 700 * ... * 696 over 1000 * ... * 996 */
    near(audit_chance(1000, 700, 5), 1 - 165680980516800.0 / 990034950024000.0, 1e-12, "large");
}

/* One member fewer and cheating pays; none is enough where samples are too few. */
static void test_enough(void **state)
{
    (void)state;
    const struct {
        uint64_t n, bad;
        double sample, gain, loss;
    } cases[] = {{14, 4, 1, 1, 32},      {14, 4, 1, 70, 32},  {97, 60, 0.5, 11, 13},
                 {300, 299, 0.9, 5, 3},  {20, 19, 1, 1e6, 1}, {50, 10, 0.3, 1, 3},
                 {31, 7, 0.25, 9.99, 30}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t n = cases[i].n, bad = cases[i].bad;
        double gain = cases[i].gain, loss = cases[i].loss;
        uint64_t m = audit_committee(n, bad, cases[i].sample, gain, loss);
        assert_true(m > 0 && m <= n);
        double p = cases[i].sample * audit_chance(n, bad, m);
        double less = cases[i].sample * audit_chance(n, bad, m - 1);
        assert_true((1 - p) * gain <= p * loss * (1 + 1e-9));
        assert_true((1 - less) * gain > less * loss);
    }
    assert_int_equal(audit_committee(14, 4, 0.3, 50, 32), 0);
    assert_int_equal(audit_committee(14, 14, 1, 1, 32), 0);
    assert_int_equal(audit_committee(14, 4, 1, 0, 32), 1);
}

/* ---- witnesses ---- */

enum { KEYS_MOST = 4096, NIBBLES = 16 };

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Hashes in the proof of the marked ones (lowest bit) among sorted keys that begin alike. */
static double count_hashes(const uint64_t *keys, size_t count, int depth)
{
    double sum = 0;
    if (count < 2 || depth == NIBBLES)
        return 0;
    for (size_t i = 0, end; i < count; i = end) {
        unsigned nibble = (unsigned)(keys[i] >> (60 - 4 * depth)) & 15;
        bool proven = false;
        for (end = i; end < count && ((keys[end] >> (60 - 4 * depth)) & 15) == nibble; end++)
            proven = proven || (keys[end] & 1);
        /* A node with one child is an extension: no sibling there. */
        sum += proven ? count_hashes(keys + i, end - i, depth + 1) : 1;
    }
    return sum;
}

/* The closed form against tries of random keys. */
static void test_hashes(void **state)
{
    (void)state;
    static const struct {
        size_t n, k;
    } cases[] = {{2, 1}, {17, 1}, {300, 7}, {1000, 1}, {1000, 150}, {4096, 60}, {4096, 2000}};
    struct sim_stream rng;
    sim_stream_init(&rng, 20261127, 0, sim_purpose("test.witness"));
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        enum { ROUNDS = 60 };
        static uint64_t keys[KEYS_MOST];
        double sum = 0, squares = 0;
        for (int round = 0; round < ROUNDS; round++) {
            for (size_t i = 0; i < cases[c].n; i++)
                keys[i] = (sim_stream_u64(&rng) & ~UINT64_C(1)) | (i < cases[c].k);
            qsort(keys, cases[c].n, sizeof keys[0], by_key);
            double hashes = count_hashes(keys, cases[c].n, 0);
            sum += hashes;
            squares += hashes * hashes;
        }
        double mean = sum / ROUNDS, error = sqrt((squares / ROUNDS - mean * mean) / ROUNDS);
        near(witness_hashes((double)cases[c].n, (double)cases[c].k), mean, 4 * error + 0.02,
             "hashes");
    }
    near(witness_hashes(1000, 1000), 0, 0, "all of them");
    near(witness_hashes(0, 0), 0, 0, "nothing");
    /* One of 16^d keys: about 15 hashes a level. */
    near(witness_hashes(16777216, 1), 6 * 15, 12, "one of many");
}

static struct evm_addr address(uint8_t tag)
{
    struct evm_addr a = {{0}};
    a.b[3] = tag;
    a.b[19] = (uint8_t)(tag * 7);
    return a;
}

/* Each location counts once, whoever of the block touched it; code where it was read. */
static void test_items(void **state)
{
    (void)state;
    uint8_t program[337] = {0x5b};
    struct evm_codes *codes = evm_codes_create();
    struct evm_state *pre = evm_state_create(codes);
    const struct evm_code *code = evm_codes_add(codes, (struct evm_bytes){program, sizeof program});
    struct evm_account_change contract = {
        .addr = address(9), .wrote = EVM_WROTE_CODE, .code = code};
    struct evm_changes changes = {.accounts = &contract, .account_count = 1};
    assert_int_equal(evm_state_apply(pre, &changes), EVM_OK);
    evm_state_seal(pre);
    struct evm_access list[] = {
        {.addr = address(5), .kind = EVM_MV_BALANCE, .how = EVM_ACCESS_PREDICATE},
        {.addr = address(5), .kind = EVM_MV_NONCE, .how = EVM_ACCESS_READ | EVM_ACCESS_WRITE},
        {.addr = address(9), .kind = EVM_MV_CODE, .how = EVM_ACCESS_READ},
        {.addr = address(9), .kind = EVM_MV_SLOT, .how = EVM_ACCESS_READ, .key = {{77, 1}}},
        {.addr = address(9), .kind = EVM_MV_SLOT, .how = EVM_ACCESS_WRITE, .key = {{78}}},
        /* another transaction */
        {.addr = address(4), .kind = EVM_MV_BALANCE, .how = EVM_ACCESS_DELTA},
        {.addr = address(9), .kind = EVM_MV_CODE, .how = EVM_ACCESS_READ},
        {.addr = address(9), .kind = EVM_MV_SLOT, .how = EVM_ACCESS_READ, .key = {{78}}},
    };
    uint32_t first[] = {0, 5, 8};
    struct evm_access_sets sets = {.list = list, .first = first, .tx_count = 2, .count = 8};
    struct witness is;
    struct witness_state of = {.accounts = 5000, .slots = 300, .code = true};
    assert_int_equal(witness_make(&is, &of, &sets, pre, 0), EVM_OK);
    assert_int_equal(is.accounts, 4); /* with the beneficiary */
    assert_int_equal(is.slots, 2);
    assert_int_equal(is.contracts, 1);
    assert_int_equal(is.code_bytes, sizeof program);
    double hashes = witness_hashes(5000, 4) + witness_hashes(300, 2);
    near(is.hashes, hashes, 1e-9, "hashes");
    assert_int_equal(is.bytes, 4 * WITNESS_ACCOUNT + 2 * WITNESS_SLOT + sizeof program +
                                   (uint64_t)(hashes * WITNESS_HASH));
    of = (struct witness_state){.slots = 300};
    assert_int_equal(witness_make(&is, &of, &sets, pre, 3), EVM_OK);
    assert_int_equal(is.bytes, 7 * WITNESS_ACCOUNT + 2 * WITNESS_SLOT);
    evm_state_unref(pre);
    evm_codes_destroy(codes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chance),
        cmocka_unit_test(test_enough),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
