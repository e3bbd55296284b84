/* Predicted keys of mappings: hashed before they are asked for once two calls have made them, right
 * whatever else was learned or guessed, and within tables that do not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/keccak_cache.h"
#include "evm/core/keccak_hints.h"

/* A call f(a, b) and what points into it. */
struct sample {
    struct evm_addr to, caller;
    uint8_t input[4 + 2 * 32];
    struct evm_keccak_call call;
};

static uint64_t next_person = 1;

static void new_person(uint8_t *out)
{
    uint64_t n = next_person++ * 0x9e3779b97f4a7c15u;
    memcpy(out, &n, sizeof n);
}

static void make(struct sample *s, uint8_t contract, uint8_t function)
{
    *s = (struct sample){.to.b[19] = contract, .input[3] = function};
    new_person(s->caller.b);
    new_person(s->input + 4 + 12);
    new_person(s->input + 36 + 12);
    s->call = (struct evm_keccak_call){&s->to, &s->caller, {s->input, sizeof s->input}};
}

static void key_of_word(uint8_t key[64], const uint8_t word[32], uint8_t slot)
{
    memset(key, 0, 64);
    memcpy(key, word, 32);
    key[63] = slot;
}

static void key_of_caller(uint8_t key[64], const struct sample *s, uint8_t slot)
{
    uint8_t word[32] = {0};
    memcpy(word + 12, s->caller.b, 20);
    key_of_word(key, word, slot);
}

/* As the opcode does; whether the hash is the true one. */
static bool right(const uint8_t key[64])
{
    struct evm_hash got, want;
    evm_keccak256_cached(&got, (struct evm_bytes){key, 64});
    evm_keccak256(&want, (struct evm_bytes){key, 64});
    return memcmp(got.b, want.b, sizeof want.b) == 0;
}

/* The call hashes keys of its caller and its second argument under this slot. */
static void run(const struct sample *s, uint8_t slot)
{
    uint8_t key[64];
    evm_keccak_hints_run(&s->call);
    key_of_caller(key, s, slot);
    assert_true(right(key));
    key_of_word(key, s->input + 36, slot);
    assert_true(right(key));
    evm_keccak_hints_run(NULL);
}

/* How many of the call's two keys are remembered once it was announced. */
static int predicted(const struct sample *s, uint8_t slot)
{
    uint8_t key[64];
    evm_keccak_hints_expect(&s->call);
    evm_keccak_hints_hash();
    key_of_caller(key, s, slot);
    int n = evm_keccak_cache_has(key);
    key_of_word(key, s->input + 36, slot);
    return n + evm_keccak_cache_has(key);
}

static void learned_from_two(void **state)
{
    (void)state;
    struct sample s;
    for (int i = 0; i < 12; i++) {
        make(&s, 1, 1);
        assert_int_equal(predicted(&s, 3), i < 2 ? 0 : 2);
        run(&s, 3);
    }
    make(&s, 1, 2); /* another function, another contract: nothing is known */
    assert_int_equal(predicted(&s, 3), 0);
    make(&s, 2, 1);
    assert_int_equal(predicted(&s, 3), 0);
}

static void only_while_running(void **state)
{
    (void)state;
    struct sample s;
    for (int i = 0; i < 5; i++) {
        uint8_t key[64];
        make(&s, 3, 1);
        assert_int_equal(predicted(&s, 4), 0);
        evm_keccak_hints_run(&s.call);
        evm_keccak_hints_run(NULL);
        key_of_caller(key, &s, 4);
        assert_true(right(key));
    }
}

static void short_input(void **state)
{
    (void)state;
    struct sample s;
    uint8_t key[64];
    for (size_t size = 0; size <= sizeof s.input; size++) {
        for (int i = 0; i < 4; i++) {
            make(&s, 4, 1);
            s.call.input.size = size;
            /* Of two keys, that of the argument can be guessed only where the input has it, and a
             * lone one is not worth hashing. */
            int n = predicted(&s, 5);
            assert_true(size == sizeof s.input ? n == 0 || n == 2 : n == 0);
            run(&s, 5);
        }
    }
    key_of_caller(key, &s, 5);
    assert_true(evm_keccak_cache_has(key));
}

/* Nested mappings: the second word is another hash each time and is never taken for a slot. */
static void constants_only(void **state)
{
    (void)state;
    struct sample s;
    for (int i = 0; i < 18; i++) {
        uint8_t key[64];
        make(&s, 5, 1);
        assert_int_equal(predicted(&s, 6), i < 2 ? 0 : 2);
        evm_keccak_hints_run(&s.call);
        key_of_caller(key, &s, 0);
        new_person(key + 32);
        assert_true(right(key));
        run(&s, 6);
    }
}

static void forgotten(void **state)
{
    (void)state;
    struct sample s;
    for (int i = 0; i < 3; i++) {
        make(&s, 6, 1);
        run(&s, 7);
    }
    /* Now and then two keys want the same place of the cache: one failure is not the end. */
    int calls = 0, none = 0;
    for (; none < 2 && calls < 2 * EVM_KECCAK_HINT_LIFE; calls++) {
        make(&s, 6, 1);
        none = predicted(&s, 7) == 2 ? 0 : none + 1;
    }
    assert_int_equal(calls, EVM_KECCAK_HINT_LIFE + 2);
}

/* More contracts than rows, more kinds of keys than a row has, announcements in bunches, the cache
 * overwritten, and no memory to be had: every hash is right. */
static void always_right(void **state)
{
    (void)state;
    static struct sample s[40];
#ifdef WEFT_TINY
    evm_alloc_fail_after(0);
#endif
    for (uint32_t round = 0; round < 300; round++) {
        for (uint32_t i = 0; i < 40; i++) {
            make(&s[i], (uint8_t)(i * round % 200), (uint8_t)(round % 3));
            if (round % 5 == 0 && i > 0)
                s[i].caller = s[0].caller;
            evm_keccak_hints_expect(&s[i].call);
        }
        evm_keccak_hints_hash();
        for (uint32_t i = 0; i < 40; i++)
            for (uint8_t slot = 0; slot < 6; slot++)
                run(&s[i], slot);
    }
#ifdef WEFT_TINY
    evm_alloc_fail_after(-1);
#endif
}

/* Every number of keys at once, some of them twice and some known. */
static void fill(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 40; n++) {
        uint8_t keys[40][64] = {{0}};
        size_t there = 0;
        for (size_t i = 0; i < n; i++) {
            new_person(keys[i]);
            if (i % 7 == 6)
                memcpy(keys[i], keys[i - 1], 64);
        }
        evm_keccak_cache_fill(keys[0], n);
        for (size_t i = 0; i < n; i++)
            there += evm_keccak_cache_has(keys[i]);
        assert_true(n == 1 ? there == 0 : there * 10 >= n * 7);
        for (size_t i = 0; i < n; i++)
            assert_true(right(keys[i]));
        evm_keccak_cache_fill(keys[0], n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learned_from_two),
        cmocka_unit_test(only_while_running),
        cmocka_unit_test(short_input),
        cmocka_unit_test(constants_only),
        cmocka_unit_test(forgotten),
        cmocka_unit_test(always_right),
        cmocka_unit_test(fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
