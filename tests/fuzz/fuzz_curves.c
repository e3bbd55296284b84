/* The laws that points obey, on points made from the input: sums commute and associate, multiples
 * are repeated sums, multiples add, the order of the group annihilates, pairings are bilinear, and
 * a commitment to a constant opens to it and to nothing else. */
#include <gmp.h>

#include "evm/core/bls12.h"
#include "evm/core/bn254.h"
#include "evm/core/kzg.h"
#include "evm/core/u256.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/natives.h"

const struct fuzz_plan fuzz_plan = {.runs = 250, .max_size = 300};

static void unhex(uint8_t *out, const char *hex)
{
    for (size_t i = 0; hex[2 * i]; i++) {
        unsigned byte = 0;
        for (int k = 0; k < 2; k++) {
            char c = hex[2 * i + (size_t)k];
            byte = byte * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        out[i] = (uint8_t)byte;
    }
}

/* A number for multiples: any size, with the edges. */
static void scalar(struct fuzz_in *in, uint8_t out[32])
{
    uint8_t k = fuzz_u8(in);
    memset(out, k == 0xff ? 0xff : 0, 32);
    if (k != 0xff)
        fuzz_fill(in, out + 32 - k % 33u, k % 33u);
}

static void add_words(uint8_t out[32], const uint8_t a[32], const uint8_t b[32], bool *carry)
{
    struct evm_u256 x, y;
    evm_u256_load_be(&x, a);
    evm_u256_load_be(&y, b);
    *carry = evm_u256_add(&x, &x, &y);
    evm_u256_store_be(out, &x);
}

/* out = modulus - y, unless y is 0. */
static void negate(uint8_t *out, const uint8_t *y, size_t n, const char *modulus)
{
    mpz_t a, m;
    mpz_init(a);
    mpz_init_set_str(m, modulus, 16);
    mpz_import(a, n, 1, 1, 1, 0, y);
    if (mpz_sgn(a))
        mpz_sub(a, m, a);
    memset(out, 0, n);
    if (mpz_sgn(a))
        mpz_export(out + n - (mpz_sizeinbase(a, 2) + 7) / 8, NULL, 1, 1, 1, 0, a);
    mpz_clears(a, m, (mpz_ptr)NULL);
}

/* a * b modulo the order. */
static void multiply(uint8_t out[32], const uint8_t a[32], const uint8_t b[32], const char *order)
{
    mpz_t x, y, m;
    mpz_inits(x, y, (mpz_ptr)NULL);
    mpz_init_set_str(m, order, 16);
    mpz_import(x, 32, 1, 1, 1, 0, a);
    mpz_import(y, 32, 1, 1, 1, 0, b);
    mpz_mul(x, x, y);
    mpz_mod(x, x, m);
    memset(out, 0, 32);
    if (mpz_sgn(x))
        mpz_export(out + 32 - (mpz_sizeinbase(x, 2) + 7) / 8, NULL, 1, 1, 1, 0, x);
    mpz_clears(x, y, m, (mpz_ptr)NULL);
}

/* ---- groups: bn254, and the two of BLS12-381
 * ------------------------------------------------------ */

/* One of the groups, through its precompiles: multiplication takes a point and a number. */
struct group {
    unsigned add, mul;
    size_t size; /* of a point */
    const char *order;
};

#define BN_ORDER   "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001"
#define BN_MODULUS "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47"
#define BLS_ORDER  "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"
#define BLS_MODULUS                                                                                \
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffff" \
    "a"                                                                                            \
    "aab"

static const struct group bn = {6, 7, 64, BN_ORDER};
static const struct group g1 = {0x0b, 0x0c, 128, BLS_ORDER};
static const struct group g2 = {0x0d, 0x0e, 256, BLS_ORDER};

#define POINT 256

static void add(const struct group *g, uint8_t *out, const uint8_t *p, const uint8_t *q)
{
    uint8_t in[2 * POINT];
    memcpy(in, p, g->size);
    memcpy(in + g->size, q, g->size);
    native_must(g->add, in, 2 * g->size, out, g->size);
}

static void mul(const struct group *g, uint8_t *out, const uint8_t *p, const uint8_t n[32])
{
    uint8_t in[POINT + 32];
    memcpy(in, p, g->size);
    memcpy(in + g->size, n, 32);
    native_must(g->mul, in, g->size + 32, out, g->size);
}

static void laws(const struct group *g, const uint8_t *base, struct fuzz_in *in)
{
    uint8_t a[32], b[32], sum[32], order[32], p[POINT], q[POINT], r[POINT], x[POINT], y[POINT];
    uint8_t none[POINT] = {0};
    bool carry;
    unsigned times = fuzz_u8(in) % 12;
    scalar(in, a);
    scalar(in, b);
    mul(g, p, base, a);
    mul(g, q, base, b);
    add(g, x, p, q);
    add(g, y, q, p);
    native_same(x, y, g->size, "p + q = q + p");
    add_words(sum, a, b, &carry);
    if (!carry) {
        mul(g, r, base, sum);
        native_same(x, r, g->size, "a g + b g = (a + b) g");
    }
    add(g, x, x, base);
    add(g, r, q, base);
    add(g, y, p, r);
    native_same(x, y, g->size, "(p + q) + g = p + (q + g)");
    add(g, x, p, none);
    native_same(x, p, g->size, "p + 0 = p");
    unhex(order, g->order);
    mul(g, x, p, order);
    native_same(x, none, g->size, "order p = 0");
    memset(x, 0, sizeof x);
    for (unsigned i = 0; i < times; i++)
        add(g, x, x, p);
    memset(sum, 0, sizeof sum);
    sum[31] = (uint8_t)times;
    mul(g, y, p, sum);
    native_same(x, y, g->size, "n p = p + ... + p");
    multiply(sum, a, b, g->order);
    mul(g, x, p, b);
    mul(g, y, base, sum);
    native_same(x, y, g->size, "b (a g) = (a b) g");
}

/* Sums of several terms at once against one after the other. */
static void many_terms(const struct group *g, const uint8_t *base, struct fuzz_in *in)
{
    uint8_t terms[9 * (POINT + 32)], sum[POINT] = {0}, one[POINT], got[POINT], n[32];
    unsigned count = 1 + fuzz_u8(in) % 9u;
    size_t step = g->size + 32;
    for (unsigned i = 0; i < count; i++) {
        scalar(in, n);
        mul(g, terms + i * step, base, n);
        scalar(in, terms + i * step + g->size);
        mul(g, one, terms + i * step, terms + i * step + g->size);
        add(g, sum, sum, one);
    }
    native_must(g->mul, terms, count * step, got, g->size);
    native_same(got, sum, g->size, "a sum of multiples, term by term");
}

/* ---- pairings
 * ------------------------------------------------------------------------------------- */

static bool is_one(unsigned pairing, const uint8_t *in, size_t size)
{
    uint8_t word[32];
    native_must(pairing, in, size, word, 32);
    return word[31];
}

/* e(a P, Q) e(b P, Q) e(-(a + b) P, Q) = 1; and with another last factor only if that is the same.
 */
static void bn_pairing(struct fuzz_in *in)
{
    uint8_t gen[64] = {[31] = 1, [63] = 2}, in3[3 * 192], second[128], a[32], b[32], x[64], y[64];
    unhex(second, "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                  "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
                  "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
                  "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa");
    scalar(in, a);
    scalar(in, b);
    mul(&bn, x, gen, a);
    mul(&bn, y, gen, b);
    memcpy(in3, x, 64);
    memcpy(in3 + 192, y, 64);
    add(&bn, x, x, y);
    memcpy(in3 + 384, x, 64);
    negate(in3 + 384 + 32, x + 32, 32, BN_MODULUS);
    for (int i = 0; i < 3; i++)
        memcpy(in3 + 192 * i + 64, second, 128);
    EVM_CHECK(is_one(8, in3, sizeof in3), "bn254: e(a) e(b) e(-a-b) is not 1 (%d)", a[31]);
    add(&bn, x, x, gen);
    memcpy(in3 + 384, x, 64);
    negate(in3 + 384 + 32, x + 32, 32, BN_MODULUS);
    EVM_CHECK(!is_one(8, in3, sizeof in3), "bn254: e(a) e(b) e(-a-b-1) is 1 (%d)", a[31]);
}

/* e(a P, b Q) = e(P, a b Q) = e(a b P, Q). */
static void bls_pairing(const uint8_t *p, const uint8_t *q, struct fuzz_in *in)
{
    uint8_t pairs[2 * 384], a[32], b[32], ab[32], t[POINT];
    scalar(in, a);
    scalar(in, b);
    multiply(ab, a, b, BLS_ORDER);
    mul(&g1, pairs, p, a);
    mul(&g2, pairs + 128, q, b);
    mul(&g1, t, p, ab);
    memcpy(pairs + 384, t, 128);
    negate(pairs + 384 + 64, t + 64, 64, BLS_MODULUS);
    memcpy(pairs + 512, q, 256);
    EVM_CHECK(is_one(0x0f, pairs, sizeof pairs), "e(a P, b Q) is not e(ab P, Q) (%d)", a[31]);
    memcpy(pairs + 384, p, 128);
    negate(pairs + 384 + 64, p + 64, 64, BLS_MODULUS);
    mul(&g2, pairs + 512, q, ab);
    EVM_CHECK(is_one(0x0f, pairs, sizeof pairs), "e(a P, b Q) is not e(P, ab Q) (%d)", a[31]);
    add(&g2, pairs + 512, pairs + 512, q);
    EVM_CHECK(!is_one(0x0f, pairs, sizeof pairs), "e(a P, b Q) is e(P, (ab + 1) Q) (%d)", a[31]);
}

/* A field element below the modulus, 64 bytes. */
static void element(struct fuzz_in *in, uint8_t out[64])
{
    memset(out, 0, 64);
    fuzz_fill(in, out + 16, 48);
    out[16] &= 0x0f;
}

/* ---- commitments
 * ---------------------------------------------------------------------------------- */

/* The polynomial that is c everywhere: commitment c G, proof the point at infinity. */
static void constant_opens(struct fuzz_in *in)
{
    uint8_t g[128], p[128], c[32], z[32], commitment[48], proof[48] = {0xc0}, minus[64];
    unhex(g,
          "0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f"
          "171bac586c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1"
          "a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1");
    scalar(in, c);
    scalar(in, z);
    c[0] &= 0x3f; /* below the order */
    z[0] &= 0x3f;
    mul(&g1, p, g, c);
    memcpy(commitment, p + 16, 48);
    negate(minus, p + 64, 64, BLS_MODULUS);
    commitment[0] |= memcmp(p + 64, minus, 64) > 0 ? 0xa0 : 0x80;
    static const uint8_t none[128];
    if (memcmp(p, none, 128) == 0)
        memcpy(commitment, proof, 48);
    EVM_CHECK(evm_kzg_verify(commitment, z, c, proof), "a constant does not open (%d)", c[31]);
    c[31] ^= 1;
    EVM_CHECK(!evm_kzg_verify(commitment, z, c, proof), "a constant opens to another (%d)", c[31]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t gen[64] = {[31] = 1, [63] = 2};
    struct fuzz_in in = {data, size};
    uint8_t what = fuzz_u8(&in) % 8, u[128], p[128], q[256];
    element(&in, u);
    element(&in, u + 64);
    if (what >= 3) { /* the maps give points of the groups */
        native_must(0x10, u, 64, p, 128);
        native_must(0x11, u, 128, q, 256);
    }
    switch (what) {
    case 0: laws(&bn, gen, &in); break;
    case 1: bn_pairing(&in); break;
    case 2: constant_opens(&in); break;
    case 3: laws(&g1, p, &in); break;
    case 4: laws(&g2, q, &in); break;
    case 5: many_terms(&g1, p, &in); break;
    case 6: many_terms(&g2, q, &in); break;
    default: bls_pairing(p, q, &in);
    }
    return 0;
}
