/* 256-bit arithmetic against GMP's limb functions: two million cases of numbers that make quotient
 * estimates fail (limbs of all ones, powers of two, multiples of the divisor and their neighbours,
 * dividends that begin as the divisor does). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <gmp.h>

#include "evm/core/u256.h"

#ifdef WEFT_DEBUG
#define ROUNDS 20000
#else
#define ROUNDS 250000
#endif

static uint64_t seed = 0x5eed;

static uint64_t rnd(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t limb(void)
{
    uint64_t r = rnd();
    switch (r % 16) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return (uint64_t)1 << 63;
    case 3: return ((uint64_t)1 << 63) - 1;
    case 4: return (uint64_t)1 << (r >> 8) % 64;
    case 5: return UINT64_MAX - (r >> 8) % 4;
    case 6: return (r >> 8) % 4;
    default: return rnd();
    }
}

/* Of one to four limbs, or zero. */
static struct evm_u256 number(void)
{
    struct evm_u256 a = {{limb(), limb(), limb(), limb()}};
    for (uint64_t n = rnd() % 8; n < 4; n++)
        a.w[n] = 0;
    return a;
}

/* A number that has to do with d: a multiple of it or beside one, or one that begins as d does. */
static struct evm_u256 near(const struct evm_u256 *d)
{
    struct evm_u256 a = number();
    switch (rnd() % 4) {
    case 0:
        evm_u256_mul(&a, &a, d);
        evm_u256_add_u64(&a, &a, rnd() % 3);
        break;
    case 1:
        a = *d;
        evm_u256_sub_u64(&a, &a, rnd() % 3);
        break;
    case 2:
        a.w[3] = d->w[3];
        if (rnd() % 2)
            a.w[2] = d->w[2];
        break;
    default: break;
    }
    return a;
}

static size_t limbs(const struct evm_u256 *a)
{
    size_t n = 4;
    while (n > 0 && a->w[n - 1] == 0)
        n--;
    return n;
}

static void expect(const char *what, const uint64_t want[4], const struct evm_u256 *got,
                   const struct evm_u256 *a, const struct evm_u256 *b, const struct evm_u256 *m)
{
    char t[5][70];
    struct evm_u256 w;
    memcpy(w.w, want, sizeof w.w);
    if (evm_u256_eq(&w, got))
        return;
    const struct evm_u256 *all[5] = {a, b, m, got, &w};
    for (int i = 0; i < 5; i++)
        evm_u256_format(t[i], all[i]);
    fail_msg("%s(%s, %s; %s) gives %s, should be %s", what, t[0], t[1], t[2], t[3], t[4]);
}

/* wide mod m, or 0. */
static void reduce(uint64_t out[4], const uint64_t *wide, size_t n, const struct evm_u256 *m)
{
    mp_limb_t q[9], r[4] = {0};
    size_t size = limbs(m);
    if (size)
        mpn_tdiv_qr(q, r, 0, wide, (mp_size_t)n, m->w, (mp_size_t)size);
    memcpy(out, r, sizeof r);
}

static void division(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct evm_u256 b = number(), a = near(&b), r;
        mp_limb_t q[4] = {0}, rest[4] = {0};
        size_t n = limbs(&b);
        if (n)
            mpn_tdiv_qr(q, rest, 0, a.w, 4, b.w, (mp_size_t)n);
        evm_u256_div(&r, &a, &b);
        expect("div", q, &r, &a, &b, &b);
        evm_u256_mod(&r, &a, &b);
        expect("mod", rest, &r, &a, &b, &b);
        r = a;
        evm_u256_div(&r, &r, &b);
        expect("div over a", q, &r, &a, &b, &b);
        r = b;
        evm_u256_mod(&r, &a, &r);
        expect("mod over b", rest, &r, &a, &b, &b);
    }
}

static void modular(void **state)
{
    (void)state;
    struct evm_u256 m = {{0}}, r;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        /* The same modulus a few times in a row, so that it is remembered; and then another. */
        if (i % 5 == 0)
            m = number();
        struct evm_u256 a = near(&m), b = near(&m);
        uint64_t wide[8], want[4];
        mpn_mul_n(wide, a.w, b.w, 4);
        reduce(want, wide, 8, &m);
        evm_u256_mulmod(&r, &a, &b, &m);
        expect("mulmod", want, &r, &a, &b, &m);
        r = m;
        evm_u256_mulmod(&r, &a, &b, &r);
        expect("mulmod over m", want, &r, &a, &b, &m);
        r = b;
        evm_u256_mulmod(&r, &a, &r, &m);
        expect("mulmod over b", want, &r, &a, &b, &m);
        wide[4] = mpn_add_n(wide, a.w, b.w, 4);
        reduce(want, wide, 5, &m);
        evm_u256_addmod(&r, &a, &b, &m);
        expect("addmod", want, &r, &a, &b, &m);
    }
}

static void products(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct evm_u256 a = number(), b = number(), r;
        uint64_t wide[8];
        mpn_mul_n(wide, a.w, b.w, 4);
        evm_u256_mul(&r, &a, &b);
        expect("mul", wide, &r, &a, &b, &b);
        bool over = evm_u256_mul_overflow(&r, &a, &b);
        expect("mul_overflow", wide, &r, &a, &b, &b);
        assert_int_equal(over, (wide[4] | wide[5] | wide[6] | wide[7]) != 0);
        r = b;
        evm_u256_mul(&r, &r, &a);
        expect("mul over a", wide, &r, &a, &b, &b);
    }
}

/* The forms with a 64-bit operand say what the full ones say. */
static void by_64_bits(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct evm_u256 b = evm_u256_of(limb()), a = near(&b), r, want;
        unsigned n = (unsigned)(rnd() % 64);
        uint64_t k = b.w[0];
        evm_u256_add(&want, &a, &b);
        evm_u256_add_u64(&r, &a, k);
        expect("add_u64", want.w, &r, &a, &b, &b);
        evm_u256_sub(&want, &a, &b);
        evm_u256_sub_u64(&r, &a, k);
        expect("sub_u64", want.w, &r, &a, &b, &b);
        evm_u256_mul(&want, &a, &b);
        evm_u256_mul_u64(&r, &a, k);
        expect("mul_u64", want.w, &r, &a, &b, &b);
        mp_limb_t q[4] = {0}, rest[4] = {0};
        if (k)
            rest[0] = mpn_divrem_1(q, 0, a.w, 4, k);
        evm_u256_div_u64(&r, &a, k);
        expect("div_u64", q, &r, &a, &b, &b);
        r = evm_u256_of(evm_u256_mod_u64(&a, k));
        expect("mod_u64", rest, &r, &a, &b, &b);
        evm_u256_shl(&want, &a, n);
        evm_u256_shl_small(&r, &a, n);
        expect("shl_small", want.w, &r, &a, &b, &b);
        evm_u256_shr(&want, &a, n);
        evm_u256_shr_small(&r, &a, n);
        expect("shr_small", want.w, &r, &a, &b, &b);
        evm_u256_and_u64(&r, &a, k);
        want = evm_u256_of(a.w[0] & k);
        expect("and_u64", want.w, &r, &a, &b, &b);
        int order = mpn_cmp(a.w, b.w, 4);
        assert_int_equal(evm_u256_eq_u64(&a, k), order == 0);
        assert_int_equal(evm_u256_lt_u64(&a, k), order < 0);
        assert_int_equal(evm_u256_gt_u64(&a, k), order > 0);
        if (rnd() % 4 == 0)
            a = evm_u256_of(k + rnd() % 3 - 1);
        order = mpn_cmp(a.w, b.w, 4);
        assert_int_equal(evm_u256_lt_u64(&a, k), order < 0);
        assert_int_equal(evm_u256_gt_u64(&a, k), order > 0);
    }
}

/* Each byte position, and bases and exponents of all widths, against repeated multiplication. */
static void signs_and_powers(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS / 50; i++) {
        struct evm_u256 a = number(), r, want;
        for (unsigned at = 0; at < 34; at++) {
            struct evm_u256 index = evm_u256_of(at);
            want = a;
            if (at < 31) {
                evm_u256_shl(&want, &a, 248 - 8 * at);
                evm_u256_sar(&want, &want, 248 - 8 * at);
            }
            evm_u256_signextend(&r, &index, &a);
            expect("signextend", want.w, &r, &a, &index, &index);
        }
        struct evm_u256 e = rnd() % 2 ? number() : evm_u256_of(rnd() % 300), power = a;
        want = evm_u256_of(1);
        for (unsigned bit = 0; bit < 256; bit++) {
            if (e.w[bit / 64] >> (bit % 64) & 1)
                evm_u256_mul(&want, &want, &power);
            evm_u256_mul(&power, &power, &power);
        }
        evm_u256_exp(&r, &a, &e);
        expect("exp", want.w, &r, &a, &e, &e);
        r = e;
        evm_u256_exp(&r, &a, &r);
        expect("exp over e", want.w, &r, &a, &e, &e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(division),         cmocka_unit_test(modular),
        cmocka_unit_test(products),         cmocka_unit_test(by_64_bits),
        cmocka_unit_test(signs_and_powers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
