/* Remembered hashes against fresh ones, while inputs come again, push each other out and differ in
 * one bit or in nothing but their length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <pthread.h>

#include "evm/core/keccak.h"
#include "evm/core/keccak_cache.h"

static uint64_t rnd(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Number of inputs, out of more than the cache holds, whose hash is not what it should be. */
static size_t wrong(uint64_t seed, size_t rounds)
{
    static const size_t sizes[] = {20, 32, 64, 0, 1, 19, 21, 31, 33, 63, 65, 135, 136};
    size_t bad = 0;
    for (size_t i = 0; i < rounds; i++) {
        uint8_t in[160] = {0};
        /* Keys as contracts make them: a small number, a few bytes of it at either end. */
        uint64_t which = rnd(&seed) % (4 * EVM_KECCAK_CACHE_ENTRIES);
        size_t size = sizes[rnd(&seed) % 8 < 7 ? rnd(&seed) % 3 : rnd(&seed) % 13];
        memcpy(in + (which % 3) * 12, &which, 2);
        in[size ? size - 1 : 0] ^= (uint8_t)(which % 5);
        struct evm_hash got, want;
        evm_keccak256_cached(&got, (struct evm_bytes){in, size});
        evm_keccak256(&want, (struct evm_bytes){in, size});
        bad += memcmp(got.b, want.b, sizeof want.b) != 0;
    }
    return bad;
}

static void same_as_fresh(void **state)
{
    (void)state;
    assert_int_equal(wrong(0x5eed, 60000), 0);
}

static void every_bit_counts(void **state)
{
    (void)state;
    static const size_t sizes[] = {20, 32, 64};
    for (size_t s = 0; s < 3; s++) {
        for (size_t bit = 0; bit < 8 * sizes[s]; bit++) {
            uint8_t in[64] = {0};
            struct evm_hash zero, got, want;
            evm_keccak256_cached(&zero, (struct evm_bytes){in, sizes[s]});
            in[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            evm_keccak256_cached(&got, (struct evm_bytes){in, sizes[s]});
            evm_keccak256(&want, (struct evm_bytes){in, sizes[s]});
            assert_memory_equal(got.b, want.b, 32);
            assert_memory_not_equal(got.b, zero.b, 32);
        }
    }
}

static void *in_thread(void *arg)
{
    size_t *bad = arg;
    *bad = wrong(*bad, 20000);
    return NULL;
}

static void threads_apart(void **state)
{
    (void)state;
    pthread_t thread[4];
    size_t bad[4];
    for (size_t i = 0; i < 4; i++) {
        bad[i] = 77 + i; /* the seed, then the answer */
        assert_int_equal(pthread_create(&thread[i], NULL, in_thread, &bad[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(bad[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_fresh),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(threads_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
