/* 256-bit arithmetic against GMP, over random numbers of every width and over boundary values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <gmp.h>

#include "evm/core/u256.h"

static uint64_t seed = 0x5eed;

static uint64_t rnd(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Words that sit on the edges of limbs and signs, and random ones of any width; also runs of ones,
 * which drive the corrections of the division. */
static struct evm_u256 pick(void)
{
    struct evm_u256 a = {{rnd(), rnd(), rnd(), rnd()}}, one = evm_u256_of(1);
    switch (rnd() % 8) {
    case 0: a = evm_u256_of(rnd() % 4); break;
    case 1:
        evm_u256_shl(&a, &one, (unsigned)(rnd() % 256));
        if (rnd() % 2)
            evm_u256_sub(&a, &a, &one);
        break;
    case 2:
        for (int i = 0; i < 4; i++)
            a.w[i] = rnd() % 3 == 0 ? 0 : rnd() % 2 ? UINT64_MAX : (uint64_t)1 << 63;
        break;
    case 3: evm_u256_shl(&a, &a, (unsigned)(rnd() % 256)); break;
    default: evm_u256_shr(&a, &a, (unsigned)(rnd() % 256)); break;
    }
    return a;
}

static void to_mpz(mpz_t z, const struct evm_u256 *a)
{
    mpz_import(z, 4, -1, 8, 0, 0, a->w);
}

static void to_signed(mpz_t z, const struct evm_u256 *a)
{
    to_mpz(z, a);
    if (mpz_tstbit(z, 255)) {
        mpz_t top;
        mpz_init(top);
        mpz_setbit(top, 256);
        mpz_sub(z, z, top);
        mpz_clear(top);
    }
}

/* z modulo 2^256 equals *got? */
static void expect(const char *what, mpz_t z, const struct evm_u256 *got, const struct evm_u256 *a,
                   const struct evm_u256 *b)
{
    struct evm_u256 want = {{0}};
    mpz_t r;
    mpz_init(r);
    mpz_fdiv_r_2exp(r, z, 256);
    mpz_export(want.w, NULL, -1, 8, 0, 0, r);
    mpz_clear(r);
    if (!evm_u256_eq(&want, got)) {
        char ta[70], tb[70], tg[70], tw[70];
        evm_u256_format(ta, a);
        evm_u256_format(tb, b);
        evm_u256_format(tg, got);
        evm_u256_format(tw, &want);
        fail_msg("%s(%s, %s) gives %s, should be %s", what, ta, tb, tg, tw);
    }
}

static void arithmetic(void **state)
{
    (void)state;
    mpz_t x, y, m, z;
    mpz_inits(x, y, m, z, NULL);
    for (int i = 0; i < 60000; i++) {
        struct evm_u256 a = pick(), b = pick(), c = pick(), r;
        if (i % 16 == 0)
            b = a;
        to_mpz(x, &a);
        to_mpz(y, &b);
        to_mpz(m, &c);
        mpz_add(z, x, y);
        assert_int_equal(evm_u256_add(&r, &a, &b), mpz_sizeinbase(z, 2) > 256);
        expect("add", z, &r, &a, &b);
        mpz_sub(z, x, y);
        assert_int_equal(evm_u256_sub(&r, &a, &b), mpz_sgn(z) < 0);
        expect("sub", z, &r, &a, &b);
        int order = mpz_cmp(x, y);
        assert_int_equal(evm_u256_cmp(&a, &b), order < 0 ? -1 : order > 0);
        mpz_mul(z, x, y);
        evm_u256_mul(&r, &a, &b);
        expect("mul", z, &r, &a, &b);
        assert_int_equal(evm_u256_mul_overflow(&r, &a, &b), mpz_sizeinbase(z, 2) > 256);
        expect("mul_overflow", z, &r, &a, &b);
        bool by_zero = mpz_sgn(y) == 0;
        mpz_set_ui(z, 0);
        if (!by_zero)
            mpz_fdiv_q(z, x, y);
        evm_u256_div(&r, &a, &b);
        expect("div", z, &r, &a, &b);
        if (!by_zero)
            mpz_fdiv_r(z, x, y);
        evm_u256_mod(&r, &a, &b);
        expect("mod", z, &r, &a, &b);
        bool no_modulus = mpz_sgn(m) == 0;
        mpz_add(z, x, y);
        if (no_modulus)
            mpz_set_ui(z, 0);
        else
            mpz_fdiv_r(z, z, m);
        evm_u256_addmod(&r, &a, &b, &c);
        expect("addmod", z, &r, &a, &b);
        mpz_mul(z, x, y);
        if (no_modulus)
            mpz_set_ui(z, 0);
        else
            mpz_fdiv_r(z, z, m);
        evm_u256_mulmod(&r, &a, &b, &c);
        expect("mulmod", z, &r, &a, &b);
        /* In place, over either operand and over the modulus. */
        r = a;
        evm_u256_mulmod(&r, &r, &b, &c);
        expect("mulmod over a", z, &r, &a, &b);
        r = c;
        evm_u256_mulmod(&r, &a, &b, &r);
        expect("mulmod over m", z, &r, &a, &b);
    }
    mpz_clears(x, y, m, z, NULL);
}

static void signed_arithmetic(void **state)
{
    (void)state;
    mpz_t x, y, z;
    mpz_inits(x, y, z, NULL);
    for (int i = 0; i < 20000; i++) {
        struct evm_u256 a = pick(), b = pick(), r;
        if (i == 0) {
            a = (struct evm_u256){{0, 0, 0, (uint64_t)1 << 63}};
            b = (struct evm_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
        }
        to_signed(x, &a);
        to_signed(y, &b);
        assert_int_equal(evm_u256_slt(&a, &b), mpz_cmp(x, y) < 0);
        mpz_set_ui(z, 0);
        if (mpz_sgn(y))
            mpz_tdiv_q(z, x, y);
        evm_u256_sdiv(&r, &a, &b);
        expect("sdiv", z, &r, &a, &b);
        if (mpz_sgn(y))
            mpz_tdiv_r(z, x, y);
        evm_u256_smod(&r, &a, &b);
        expect("smod", z, &r, &a, &b);
        unsigned n = (unsigned)(rnd() % 256);
        mpz_fdiv_q_2exp(z, x, n);
        evm_u256_sar(&r, &a, n);
        expect("sar", z, &r, &a, &b);
        to_mpz(x, &a);
        mpz_fdiv_q_2exp(z, x, n);
        evm_u256_shr(&r, &a, n);
        expect("shr", z, &r, &a, &b);
        mpz_mul_2exp(z, x, n);
        evm_u256_shl(&r, &a, n);
        expect("shl", z, &r, &a, &b);
    }
    mpz_clears(x, y, z, NULL);
}

static void powers(void **state)
{
    (void)state;
    mpz_t x, y, m, z;
    mpz_inits(x, y, m, z, NULL);
    mpz_setbit(m, 256);
    for (int i = 0; i < 3000; i++) {
        struct evm_u256 a = pick(), e = pick(), r;
        if (i % 4 == 0)
            a = evm_u256_of(2);
        to_mpz(x, &a);
        to_mpz(y, &e);
        mpz_powm(z, x, y, m);
        evm_u256_exp(&r, &a, &e);
        expect("exp", z, &r, &a, &e);
    }
    mpz_clears(x, y, m, z, NULL);
}

static void bytes_and_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct evm_u256 a = pick(), r, position;
        uint8_t b[32];
        char text[70];
        evm_u256_store_be(b, &a);
        evm_u256_load_be(&r, b);
        assert_true(evm_u256_eq(&a, &r));
        unsigned bits = 0;
        for (unsigned k = 0; k < 32; k++) {
            assert_int_equal(evm_u256_byte(&a, k), b[k]);
            for (unsigned t = 0; t < 8; t++)
                if (b[31 - k] >> t & 1)
                    bits = 8 * k + t + 1;
        }
        assert_int_equal(evm_u256_bits(&a), bits);
        evm_u256_format(text, &a);
        assert_true(evm_u256_parse(&r, text));
        assert_true(evm_u256_eq(&a, &r));
        unsigned k = (unsigned)(rnd() % 40);
        position = evm_u256_of(k);
        evm_u256_signextend(&r, &position, &a);
        for (unsigned j = 0; j < 32; j++) {
            uint8_t want = k < 31 && j > k ? (b[31 - k] & 0x80 ? 0xff : 0) : b[31 - j];
            assert_int_equal(evm_u256_byte(&r, 31 - j), want);
        }
    }
}

static void text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0x",
        "12g",
        "0x1z",
        "-1",
        " 1",
        "0x10000000000000000000000000000000000000000000000000000000000000000",
        "115792089237316195423570985008687907853269984665640564039457584007913129639936"};
    struct evm_u256 r;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(evm_u256_parse(&r, bad[i]));
    assert_true(evm_u256_parse(
        &r, "115792089237316195423570985008687907853269984665640564039457584007913129639935"));
    assert_true((r.w[0] & r.w[1] & r.w[2] & r.w[3]) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic), cmocka_unit_test(signed_arithmetic),
        cmocka_unit_test(powers),     cmocka_unit_test(bytes_and_bits),
        cmocka_unit_test(text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
