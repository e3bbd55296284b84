/* What the curves stand on: inverses in both prime fields, and products with scalars against
 * doubling and adding through the addition precompiles, at the edges of how scalars are split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "evm/core/bls12.h"
#include "evm/core/bls12_internal.h"
#include "evm/core/bn254.h"

#undef TF
#undef TF_LIMBS
#undef TF_NEG_INV
#undef TF_TWIST_D
#define TF(name)   bn_##name
#define TF_LIMBS   4
#define TF_NEG_INV BN_NEG_INV
#include "evm/core/tower_types_template.h"

#include "evm/core/bn254_constants.h"

#include "evm/core/tower_template.h"

static inline void bn_mul_xi(struct bn_fp2 *out, const struct bn_fp2 *a)
{
    (void)out, (void)a;
    fail_msg("the tower is not part of this test");
}

#ifdef WEFT_DEBUG
enum { ROUNDS = 500, SCALARS = 10 };
#else
enum { ROUNDS = 40000, SCALARS = 60 };
#endif

static uint64_t seed = 0x5eed;

static uint64_t rnd(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A number below p of any width: runs of ones and zeros, a few bits, neighbours of 0 and p. */
static void residue(uint64_t *w, const uint64_t *p, size_t n)
{
    size_t used = rnd() % (n + 1);
    for (size_t i = 0; i < n; i++) {
        uint64_t r = rnd();
        w[i] = r % 4 == 0 ? 0 : r % 4 == 1 ? UINT64_MAX : r % 4 == 2 ? 1ull << r / 4 % 64 : rnd();
        if (i >= used)
            w[i] = 0;
    }
    if (rnd() % 4 == 0) {
        memcpy(w, p, n * sizeof *w);
        w[0] -= 1 + rnd() % 8;
    }
    w[n - 1] %= p[n - 1];
}

static void inverses(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct bn_fp a, b;
        struct bls_fp c, d;
        residue(a.w, bn_modulus.w, 4);
        bn_fp_inv(&b, &a);
        bn_fp_mul(&b, &b, &a);
        assert_true(bn_fp_is_zero(&a) ? bn_fp_is_zero(&b) : bn_fp_eq(&b, &bn_one));
        residue(c.w, bls_modulus.w, 6);
        bls_fp_inv(&d, &c);
        bls_fp_mul(&d, &d, &c);
        assert_true(bls_fp_is_zero(&c) ? bls_fp_is_zero(&d) : bls_fp_eq(&d, &bls_one));
        d = c;
        bls_fp_inv(&d, &d); /* in place, and back */
        bls_fp_inv(&d, &d);
        assert_true(bls_fp_eq(&d, &c));
    }
}

/* Scalars where the digits of the split carry, are zero or all ones. */
static struct evm_u256 scalar(unsigned i, const struct evm_u256 *order)
{
    const struct evm_u256 x2 = {{0x0000000100000000u, 0xac45a4010001a402u, 0, 0}};
    struct evm_u256 k = {{rnd(), rnd(), rnd(), rnd()}}, one = evm_u256_of(1);
    switch (i) {
    case 0: return evm_u256_of(0);
    case 1: return one;
    case 2: return *order;
    case 3: evm_u256_sub(&k, order, &one); return k;
    case 4: evm_u256_add(&k, order, &one); return k;
    case 5: return (struct evm_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    case 6: return evm_u256_of(BLS_X);
    case 7: return evm_u256_of(BLS_X - 1);
    case 8: return x2;
    case 9: evm_u256_mul(&k, &x2, &x2); return k;
    default: evm_u256_shr(&k, &k, (unsigned)(rnd() % 256)); return k;
    }
}

/* Doubling and adding with a byte-level addition: `size` bytes a point. */
static void slow(uint8_t *out, const uint8_t *p, const struct evm_u256 *k, size_t size,
                 bool (*add)(const uint8_t *, uint8_t *))
{
    uint8_t both[512], sum[256] = {0};
    for (unsigned i = evm_u256_bits(k); i-- > 0;) {
        memcpy(both, sum, size);
        memcpy(both + size, sum, size);
        assert_true(add(both, sum));
        if (k->w[i / 64] >> (i % 64) & 1) {
            memcpy(both, sum, size);
            memcpy(both + size, p, size);
            assert_true(add(both, sum));
        }
    }
    memcpy(out, sum, size);
}

static bool bn_add(const uint8_t *in, uint8_t *out)
{
    return evm_bn254_add(in, out);
}

static bool g1_add(const uint8_t *in, uint8_t *out)
{
    return evm_bls12_g1_add(in, out);
}

static bool g2_add(const uint8_t *in, uint8_t *out)
{
    return evm_bls12_g2_add(in, out);
}

static void scalars(void **state)
{
    (void)state;
    uint8_t u[128] = {[50] = 7, [63] = 1, [120] = 9}, want[256], got[256];
    uint8_t bn[96] = {[31] = 1, [63] = 2}, g1[160], g2[288];
    assert_true(evm_bls12_map_fp_to_g1(u, g1));
    assert_true(evm_bls12_map_fp2_to_g2(u, g2));
    for (unsigned i = 0; i < SCALARS; i++) {
        struct evm_u256 k = scalar(i, &bn_order);
        evm_u256_store_be(bn + 64, &k);
        slow(want, bn, &k, 64, bn_add);
        assert_true(evm_bn254_mul(bn, got));
        assert_memory_equal(got, want, 64);
        k = scalar(i, &bls_order);
        evm_u256_store_be(g1 + 128, &k);
        evm_u256_store_be(g2 + 256, &k);
        slow(want, g1, &k, 128, g1_add);
        assert_true(evm_bls12_g1_msm(g1, 1, got));
        assert_memory_equal(got, want, 128);
        slow(want, g2, &k, 256, g2_add);
        assert_true(evm_bls12_g2_msm(g2, 1, got));
        assert_memory_equal(got, want, 256);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(inverses), cmocka_unit_test(scalars)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
