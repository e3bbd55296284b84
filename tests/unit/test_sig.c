#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evm/core/sig.h"

static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void random_bytes(uint64_t *state, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)mix(state);
}

static void round_trip(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 50; i++) {
        uint8_t secret[32], r[32], s[32], r2[32], s2[32], key[64], found[64];
        struct evm_hash digest;
        int id, id2;
        random_bytes(&seed, secret, 32);
        random_bytes(&seed, digest.b, 32);
        assert_true(evm_sig_public_key(secret, key));
        assert_true(evm_sig_sign(&digest, secret, r, s, &id));
        assert_true(evm_sig_sign(&digest, secret, r2, s2, &id2));
        assert_memory_equal(r, r2, 32); /* RFC 6979: no chance involved */
        assert_memory_equal(s, s2, 32);
        assert_false(evm_sig_high_s(s));
        assert_true(evm_sig_recover(&digest, r, s, id, found));
        assert_memory_equal(key, found, 64);
        digest.b[i % 32] ^= 0x10; /* another message: another key, or none */
        if (evm_sig_recover(&digest, r, s, id, found))
            assert_memory_not_equal(key, found, 64);
    }
}

static void refused(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                      0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                      0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
    uint64_t seed = 7;
    uint8_t secret[32], r[32], s[32], key[64], zero[32] = {0};
    struct evm_hash digest;
    int id;
    random_bytes(&seed, secret, 32);
    random_bytes(&seed, digest.b, 32);
    assert_true(evm_sig_sign(&digest, secret, r, s, &id));
    assert_false(evm_sig_recover(&digest, zero, s, id, key));
    assert_false(evm_sig_recover(&digest, r, zero, id, key));
    assert_false(evm_sig_recover(&digest, order, s, id, key));
    assert_false(evm_sig_recover(&digest, r, order, id, key));
    assert_false(evm_sig_recover(&digest, r, s, 4, key));
    assert_false(evm_sig_recover(&digest, r, s, -1, key));
    assert_false(evm_sig_sign(&digest, zero, r, s, &id));
    assert_false(evm_sig_sign(&digest, order, r, s, &id));
    assert_false(evm_sig_public_key(zero, key));
    assert_false(evm_sig_public_key(order, key));
}

static void half_of_the_order(void **state)
{
    (void)state;
    uint8_t s[32] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4,
                     0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};
    assert_false(evm_sig_high_s(s));
    s[31]++;
    assert_true(evm_sig_high_s(s));
}

/* A row of keys by addition is the row by multiplication. */
static void next_key(void **state)
{
    (void)state;
    uint64_t seed = 99;
    uint8_t secret[32], key[64], expected[64];
    random_bytes(&seed, secret, 32);
    secret[31] = 0xf0; /* sixteen steps carry into the next byte */
    assert_true(evm_sig_public_key(secret, key));
    for (int i = 0; i < 40; i++) {
        for (int k = 31; ++secret[k] == 0; k--)
            ;
        assert_true(evm_sig_next_public_key(key));
        assert_true(evm_sig_public_key(secret, expected));
        assert_memory_equal(key, expected, 64);
    }
    uint8_t bad[64] = {1};
    assert_false(evm_sig_next_public_key(bad));
    uint8_t last[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                        0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
                        0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x40};
    assert_true(evm_sig_public_key(last, key)); /* order - 1: its successor is no key */
    assert_false(evm_sig_next_public_key(key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(refused),
                                       cmocka_unit_test(half_of_the_order),
                                       cmocka_unit_test(next_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
