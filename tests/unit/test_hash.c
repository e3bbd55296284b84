/* Places in tables: a contract chooses its keys, so no word of a key may take the others away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/core/hash.h"

#define KEYS 4096

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Equal ones among KEYS random 32-bit numbers: 0.002 on average. */
static size_t equal_ones(uint32_t *h)
{
    size_t equal = 0;
    qsort(h, KEYS, sizeof *h, by_value);
    for (size_t i = 1; i < KEYS; i++)
        equal += h[i] == h[i - 1];
    return equal;
}

/* Every constant that is in the function or was, as the value of every other word. */
static const uint64_t words[] = {0,
                                 1,
                                 UINT64_MAX,
                                 0x9e3779b97f4a7c15u,
                                 0xd1b54a32d192ed03u,
                                 0x8cb92ba72f3d8dd7u,
                                 0xaef17502108ef2d9u,
                                 0x8ebc6af09c88c6e3u,
                                 0x1d8e4e27c47d124fu,
                                 0x589965cc75374cc3u};

static void slots_keep_apart(void **unused)
{
    (void)unused;
    static uint32_t h[KEYS];
    for (size_t c = 0; c < sizeof words / sizeof words[0]; c++)
        for (unsigned free_word = 0; free_word < 4; free_word++) {
            struct evm_u256 key = {{words[c], words[c], words[c], words[c]}};
            for (uint32_t i = 0; i < KEYS; i++) {
                key.w[free_word] = i;
                h[i] = (uint32_t)evm_hash_slot(7, &key);
            }
            assert_true(equal_ones(h) <= 3);
        }
}

static void addresses_keep_apart(void **unused)
{
    (void)unused;
    static uint32_t h[KEYS];
    for (size_t c = 0; c < sizeof words / sizeof words[0]; c++)
        for (size_t at = 0; at <= 16; at += 8) {
            struct evm_addr a;
            memcpy(a.b, &words[c], 8);
            memcpy(a.b + 8, &words[c], 8);
            memcpy(a.b + 16, &words[c], 4);
            for (uint32_t i = 0; i < KEYS; i++) {
                memcpy(a.b + at, &i, 4);
                h[i] = (uint32_t)evm_hash_addr(&a);
            }
            assert_true(equal_ones(h) <= 3);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_keep_apart),
        cmocka_unit_test(addresses_keep_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
