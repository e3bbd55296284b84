/* The curve precompiles: shared vectors, algebra that must hold for any inputs, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/core/bls12.h"
#include "evm/core/bn254.h"
#include "evm/core/kzg.h"
#include "evm/core/precompile.h"
#include "evm/core/u256.h"
#include "evm/io/json.h"

/* ---- shared vectors -------------------------------------------------------------------------- */

static const struct evm_precompile *row_at(unsigned address, const struct evm_rules *rules)
{
    struct evm_addr a = {{[18] = (uint8_t)(address >> 8), [19] = (uint8_t)address}};
    return evm_precompile_find(rules, &a);
}

/* The fixtures' hex has no 0x in front. */
static uint8_t *bytes_of(struct evm_jval v, size_t *size)
{
    const char *text = evm_json_string(v);
    assert_non_null(text);
    *size = strlen(text) / 2;
    uint8_t *p = malloc(*size + 1);
    assert_non_null(p);
    assert_true(evm_hex_fixed(text, p, *size));
    return p;
}

static void check_case(const struct evm_precompile *row, const struct evm_rules *rules,
                       struct evm_jval v)
{
    size_t size, want_size = 0;
    uint8_t *in = bytes_of(evm_json_get(v, "Input"), &size), *want = NULL;
    bool good = evm_json_present(evm_json_get(v, "Expected"));
    struct evm_buf out = {0};
    uint64_t gas;
    if (good)
        want = bytes_of(evm_json_get(v, "Expected"), &want_size);
    bool ok = row->run(rules, (struct evm_bytes){in, size}, &out);
    if (ok != good || (good && (out.size != want_size || memcmp(out.data, want, want_size) != 0)))
        print_message("case %s\n", evm_json_string(evm_json_get(v, "Name")));
    assert_int_equal(ok, good);
    if (good) {
        assert_int_equal(out.size, want_size);
        assert_memory_equal(out.data, want, want_size);
        if (evm_json_u64(evm_json_get(v, "Gas"), &gas))
            assert_true(row->gas(rules, (struct evm_bytes){in, size}) == gas);
    }
    evm_buf_fini(&out);
    free(in);
    free(want);
}

/* Sanitizers make the arithmetic some twenty times slower: those builds take a part of the cases.
 */
#ifdef WEFT_DEBUG
enum { FULL = 0 };
#else
enum { FULL = 1 };
#endif

/* Returns how many cases there were; 0 if the file is absent. */
static size_t check_file(const char *file, unsigned address, enum evm_fork fork)
{
    const struct evm_rules *rules = evm_rules_of(fork);
    const char *base = getenv("WEFT_FIXTURES");
    char path[512];
    snprintf(path, sizeof path, "%s/conformance/precompiles/%s.json", base ? base : "../shared",
             file);
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    size_t room = (size_t)1 << 23;
    char *text = malloc(room);
    assert_non_null(text);
    size_t size = fread(text, 1, room, f);
    fclose(f);
    struct evm_json *doc;
    assert_int_equal(evm_json_parse(&doc, text, size, file, NULL), EVM_OK);
    const struct evm_precompile *row = row_at(address, rules);
    assert_non_null(row);
    size_t n = evm_json_count(evm_json_root(doc));
    for (size_t i = 0; i < n; i += FULL || i < 8 ? 1 : 16)
        check_case(row, rules, evm_json_at(evm_json_root(doc), i));
    evm_json_destroy(doc);
    free(text);
    return n;
}

static void bn254_vectors(void **unused)
{
    (void)unused;
    size_t n = check_file("bn256Add", 6, EVM_CANCUN);
    if (n == 0) {
        print_message("the shared precompile vectors are absent\n");
        skip();
    }
    n += check_file("bn256ScalarMul", 7, EVM_CANCUN);
    n += check_file("bn256Pairing", 8, EVM_CANCUN);
    assert_true(n >= 49);
}

static void bls12_vectors(void **unused)
{
    (void)unused;
    static const struct {
        const char *good, *bad;
        unsigned address;
    } files[] = {
        {"blsG1Add", "fail-blsG1Add", 0x0b},
        {"blsG1Mul", "fail-blsG1Mul", 0x0c},
        {"blsG1MultiExp", "fail-blsG1MultiExp", 0x0c},
        {"blsG2Add", "fail-blsG2Add", 0x0d},
        {"blsG2Mul", "fail-blsG2Mul", 0x0e},
        {"blsG2MultiExp", "fail-blsG2MultiExp", 0x0e},
        {"blsPairing", "fail-blsPairing", 0x0f},
        {"blsMapG1", "fail-blsMapG1", 0x10},
        {"blsMapG2", "fail-blsMapG2", 0x11},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t good = check_file(files[i].good, files[i].address, EVM_PRAGUE);
        size_t bad = check_file(files[i].bad, files[i].address, EVM_PRAGUE);
        if (good == 0) {
            print_message("the shared precompile vectors are absent\n");
            skip();
        }
        assert_true(good >= 5 && bad >= 3);
    }
}

static void kzg_vectors(void **unused)
{
    (void)unused;
    if (check_file("pointEvaluation", 0x0a, EVM_CANCUN) == 0) {
        print_message("the shared precompile vectors are absent\n");
        skip();
    }
}

/* ---- bn254 ----------------------------------------------------------------------------------- */

static const char bn_g2_hex[] = "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                                "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
                                "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
                                "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
static const char bn_order_hex[] =
    "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
static const char bn_modulus_hex[] =
    "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";

static const char bn_not_in_g2_hex[] =
    "0000000000000000000000000000000000000000000000000000000000000001"
    "0000000000000000000000000000000000000000000000000000000000000002"
    "2b76c179599bb92a963dac85546a005a777f7c13f6a7b75d5918b6b5808f5fde"
    "101f7278419308b95099eca02dcee0c5381f4d26d1d62313f057167f064101ce";

static uint64_t next_random(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void bn_multiple(uint8_t out[64], const struct evm_u256 *e)
{
    uint8_t in[96] = {[31] = 1, [63] = 2};
    evm_u256_store_be(in + 64, e);
    assert_true(evm_bn254_mul(in, out));
}

/* aG + bG = (a + b)G, for large random a and b; and with the order added. */
static void bn254_group(void **unused)
{
    (void)unused;
    uint64_t x = 11;
    uint8_t order[32];
    struct evm_u256 r;
    assert_true(evm_hex_fixed(bn_order_hex, order, 32));
    evm_u256_load_be(&r, order);
    for (int i = 0; i < 20; i++) {
        struct evm_u256 a = {
            {next_random(&x), next_random(&x), next_random(&x), next_random(&x) >> 4}};
        struct evm_u256 b = {{next_random(&x), next_random(&x), 0, next_random(&x) >> 4}}, c;
        uint8_t in[128], sum[64], want[64];
        if (i % 4 == 0)
            b = a; /* doubling */
        if (i % 4 == 1)
            evm_u256_sub(&b, &r, &a); /* -a: the sum is infinity */
        evm_u256_add(&c, &a, &b);
        bn_multiple(in, &a);
        bn_multiple(in + 64, &b);
        bn_multiple(want, &c);
        assert_true(evm_bn254_add(in, sum));
        assert_memory_equal(sum, want, 64);
        evm_u256_add(&c, &c, &r);
        bn_multiple(want, &c);
        assert_memory_equal(sum, want, 64);
    }
}

/* e(aG, H) e(bG, H) e(-(a + b)G, H) = 1, and no longer when one scalar is off by one. */
static void bn254_bilinear(void **unused)
{
    (void)unused;
    enum { PAIRS = 11 }; /* more than one batch */
    uint8_t in[PAIRS * 192], order[32];
    struct evm_u256 r, sum = {{0}}, one = {{1}};
    uint64_t x = 12;
    bool is_one;
    assert_true(evm_hex_fixed(bn_order_hex, order, 32));
    evm_u256_load_be(&r, order);
    for (unsigned i = 0; i < PAIRS; i++) {
        struct evm_u256 a = {{next_random(&x), next_random(&x), next_random(&x), 0}};
        if (i == 4)
            a = r; /* infinity */
        else
            evm_u256_add(&sum, &sum, &a);
        if (i == PAIRS - 1)
            evm_u256_add(&a, &a, &r), evm_u256_sub(&a, &a, &sum);
        bn_multiple(in + 192 * i, &a);
        assert_true(evm_hex_fixed(bn_g2_hex, in + 192 * i + 64, 128));
    }
    /* The last one is r + a - sum = -(sum of the others). */
    assert_true(evm_bn254_pairing(in, PAIRS, &is_one));
    assert_true(is_one);
    bn_multiple(in, &one);
    assert_true(evm_bn254_pairing(in, PAIRS, &is_one));
    assert_false(is_one);
    assert_true(evm_bn254_pairing(in, 0, &is_one));
    assert_true(is_one);
}

static void bn254_refusals(void **unused)
{
    (void)unused;
    uint8_t in[192] = {[31] = 1, [63] = 2}, out[64], p[32];
    bool one;
    assert_true(evm_hex_fixed(bn_g2_hex, in + 64, 128));
    assert_true(evm_bn254_pairing(in, 1, &one));
    assert_false(one);
    in[63] = 3; /* not on the curve */
    assert_false(evm_bn254_pairing(in, 1, &one));
    assert_false(evm_bn254_mul(in, out));
    in[63] = 2;
    in[191] ^= 1; /* not on the twist */
    assert_false(evm_bn254_pairing(in, 1, &one));
    /* (1 + p, 2) is congruent to a point, but not in range. */
    assert_true(evm_hex_fixed(bn_modulus_hex, p, 32));
    p[31]++;
    memset(in, 0, sizeof in);
    memcpy(in, p, 32);
    in[63] = 2;
    assert_false(evm_bn254_add(in, out));
    /* On the twist (x = 2 + u), outside the subgroup; paired with infinity it is refused too. */
    assert_true(evm_hex_fixed(bn_not_in_g2_hex, in + 64, 128));
    memset(in, 0, 64);
    assert_false(evm_bn254_pairing(in, 1, &one));
}

/* ---- BLS12-381 ------------------------------------------------------------------------------- */

/* Generators and order, in the encodings of EIP-2537. */
static const char bls_g1_hex[] = "00000000000000000000000000000000"
                                 "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586"
                                 "c55e83ff97a1aeffb3af00adb22c6bb"
                                 "00000000000000000000000000000000"
                                 "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd"
                                 "03cc744a2888ae40caa232946c5e7e1";
static const char bls_g2_hex[] = "00000000000000000000000000000000"
                                 "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770"
                                 "bac0326a805bbefd48056c8c121bdb8"
                                 "00000000000000000000000000000000"
                                 "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f50493"
                                 "34cf11213945d57e5ac7d055d042b7e"
                                 "00000000000000000000000000000000"
                                 "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c9"
                                 "23ac9cc3baca289e193548608b82801"
                                 "00000000000000000000000000000000"
                                 "0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3"
                                 "f370d275cec1da1aaa9075ff05f79be";
static const char bls_order_hex[] =
    "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";
/* On the curves, outside the subgroups: x = 4, and x = 1 + u (found by search). */
static const char bls_not_in_g1_y_hex[] = "0a989badd40d6212b33cffc3f3763e9bc760f988c9926b26da9dd85e"
                                          "928483446346b8ed00e1de5d5ea93e354abe706c";
static const char bls_not_in_g2_y_hex[] = "17faa6201231304f270b858dad9462089f2a5b83388e4b10773abc1e"
                                          "ef6d193b9fce4e8ea2d9d28e3c3a315aa7de14ca"
                                          "00cc12449be6ac4e7f367e7242250427c4fb4c39325d3164ad397c18"
                                          "37a90f0ea1a534757df374dd6569345eb41ed76e";

static void hex(const char *text, uint8_t *out, size_t size)
{
    assert_true(evm_hex_fixed(text, out, size));
}

static void random_bytes(uint64_t *x, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)next_random(x);
}

/* A sum of products by buckets is the sum of the products one by one, for every bucket width. */
static void bls12_sums(void **unused)
{
    (void)unused;
    static const size_t counts[] = {1, 2, 3, 9, 33, 97, 301};
    enum { MOST = 301 };
    static uint8_t in1[MOST * 160], in2[MOST * 288];
    uint8_t sum1[256] = {0}, sum2[512] = {0}, got1[128], got2[256];
    uint64_t x = 77;
    size_t done = 0;
    for (size_t c = 0; c < (FULL ? sizeof counts / sizeof *counts : 4); c++) {
        size_t n = counts[c];
        for (; done < n; done++) {
            uint8_t *t1 = in1 + done * 160, *t2 = in2 + done * 288;
            uint8_t point1[160], point2[288];
            /* Points are multiples of the generator; some terms repeat, some are infinity or 0. */
            hex(bls_g1_hex, point1, 128);
            hex(bls_g2_hex, point2, 256);
            random_bytes(&x, point1 + 128, 32);
            random_bytes(&x, point2 + 256, 32);
            assert_true(evm_bls12_g1_msm(point1, 1, t1));
            assert_true(evm_bls12_g2_msm(point2, 1, t2));
            if (done % 7 == 3) {
                memcpy(t1, t1 - 160, 128);
                memcpy(t2, t2 - 288, 256);
            }
            if (done % 11 == 5) {
                memset(t1, 0, 128);
                memset(t2, 0, 256);
            }
            random_bytes(&x, t1 + 128, 32);
            random_bytes(&x, t2 + 256, 32);
            if (done % 13 == 6) {
                memset(t1 + 128, 0, 32);
                memset(t2 + 256, 0, 32);
            }
            assert_true(evm_bls12_g1_msm(t1, 1, sum1 + 128));
            assert_true(evm_bls12_g1_add(sum1, sum1));
            assert_true(evm_bls12_g2_msm(t2, 1, sum2 + 256));
            assert_true(evm_bls12_g2_add(sum2, sum2));
        }
        assert_true(evm_bls12_g1_msm(in1, n, got1));
        assert_memory_equal(got1, sum1, 128);
        assert_true(evm_bls12_g2_msm(in2, n, got2));
        assert_memory_equal(got2, sum2, 256);
    }
}

/* e(aG, bH) e(-abG, H) = 1, with the multiples on either side; off by one it is not. */
static void bls12_bilinear(void **unused)
{
    (void)unused;
    uint8_t in[2 * 384], p[160], q[288], order[32];
    struct evm_u256 r;
    uint64_t x = 5;
    bool one;
    hex(bls_order_hex, order, 32);
    evm_u256_load_be(&r, order);
    for (int i = 0; i < 4; i++) {
        uint64_t a = next_random(&x) >> 1, b = next_random(&x);
        struct evm_u256 ab = {{0}}, wide_a = evm_u256_of(a), wide_b = evm_u256_of(b);
        evm_u256_mul(&ab, &wide_a, &wide_b);
        evm_u256_sub(&ab, &r, &ab);
        hex(bls_g1_hex, p, 128);
        hex(bls_g2_hex, q, 256);
        evm_u256_store_be(p + 128, &wide_a);
        evm_u256_store_be(q + 256, &wide_b);
        assert_true(evm_bls12_g1_msm(p, 1, in));
        assert_true(evm_bls12_g2_msm(q, 1, in + 128));
        evm_u256_store_be(p + 128, &ab);
        assert_true(evm_bls12_g1_msm(p, 1, in + 384));
        memcpy(in + 384 + 128, q, 256);
        assert_true(evm_bls12_pairing(in, 2, &one));
        assert_true(one);
        memcpy(in + 384, p, 128);
        assert_true(evm_bls12_pairing(in, 2, &one));
        assert_false(one);
    }
}

/* Any field element maps into the subgroup, also those where the map's formulas divide by zero. */
static void bls12_maps(void **unused)
{
    (void)unused;
    uint8_t u1[64] = {0}, u2[128] = {0}, p[160], q[288], out[256], zero[256] = {0};
    uint64_t x = 99;
    hex(bls_order_hex, p + 128, 32);
    hex(bls_order_hex, q + 256, 32);
    for (int i = 0; i < 12; i++) {
        assert_true(evm_bls12_map_fp_to_g1(u1, p));
        assert_true(evm_bls12_map_fp2_to_g2(u2, q));
        assert_memory_not_equal(p, zero, 128);
        assert_memory_not_equal(q, zero, 256);
        assert_true(evm_bls12_g1_msm(p, 1, out)); /* accepts only the subgroup */
        assert_memory_equal(out, zero, 128);
        assert_true(evm_bls12_g2_msm(q, 1, out));
        assert_memory_equal(out, zero, 256);
        random_bytes(&x, u1 + 17, 47);
        random_bytes(&x, u2 + 17, 47);
        random_bytes(&x, u2 + 64 + 17, 47);
        if (i % 3 == 1)
            memset(u2 + (i % 2) * 64, 0, 64); /* real, imaginary */
    }
    memset(u1 + 16, 0xff, 48); /* not below p */
    assert_false(evm_bls12_map_fp_to_g1(u1, p));
    u2[0] = 1; /* padding */
    assert_false(evm_bls12_map_fp2_to_g2(u2, q));
}

/* Sums take points outside the subgroups; products and pairings do not. */
static void bls12_refusals(void **unused)
{
    (void)unused;
    uint8_t in1[256] = {[63] = 4}, in2[512] = {[63] = 1, [127] = 1}, out[256], pair[384], y[96];
    bool one;
    hex(bls_not_in_g1_y_hex, in1 + 80, 48);
    hex(bls_not_in_g2_y_hex, y, 96);
    memcpy(in2 + 144, y, 48);
    memcpy(in2 + 208, y + 48, 48);
    assert_true(evm_bls12_g1_add(in1, out));
    assert_true(evm_bls12_g2_add(in2, out));
    assert_memory_equal(out, in2, 256);
    assert_false(evm_bls12_g1_msm(in1, 1, out));
    assert_false(evm_bls12_g2_msm(in2, 1, out));
    memset(pair, 0, 128); /* infinity on the other side does not excuse it */
    memcpy(pair + 128, in2, 256);
    assert_false(evm_bls12_pairing(pair, 1, &one));
    memcpy(pair, in1, 128);
    memset(pair + 128, 0, 256);
    assert_false(evm_bls12_pairing(pair, 1, &one));
    in1[127] ^= 1; /* off the curve */
    assert_false(evm_bls12_g1_add(in1, out));
    in2[255] ^= 1;
    assert_false(evm_bls12_g2_add(in2, out));
}

/* ---- KZG ------------------------------------------------------------------------------------- */

/* Polynomials whose commitments are known: constants c (commitment cG, proof infinity), and X (the
 * setup's own point tau G, proof G). */
static void kzg_proofs(void **unused)
{
    (void)unused;
    static const char g_hex[] = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
                                "6c55e83ff97a1aeffb3af00adb22c6bb";
    static const char tau_g_hex[] =
        "ad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42"
        "d25926fc0c97b336e9f0fb35e5a04c81";
    uint8_t g[48], tau_g[48], infinity[48] = {0xc0}, z[32], y[32] = {[31] = 1}, order[32];
    uint64_t x = 3;
    hex(g_hex, g, 48);
    hex(tau_g_hex, tau_g, 48);
    hex(bls_order_hex, order, 32);
    for (int i = 0; i < 4; i++) {
        random_bytes(&x, z, 32);
        z[0] &= 0x3f;
        assert_true(evm_kzg_verify(g, z, y, infinity));
        assert_true(evm_kzg_verify(tau_g, z, z, g));
        assert_false(evm_kzg_verify(tau_g, z, y, g));
        assert_false(evm_kzg_verify(g, z, z, infinity));
        assert_false(evm_kzg_verify(tau_g, z, z, infinity));
        g[0] ^= 0x20; /* -G */
        assert_false(evm_kzg_verify(tau_g, z, z, g));
        g[0] ^= 0x20;
    }
    assert_false(evm_kzg_verify(g, order, y, infinity)); /* z not below the order */
    g[0] &= 0x7f;                                        /* not marked compressed */
    assert_false(evm_kzg_verify(g, z, y, infinity));
    infinity[47] = 1;
    assert_false(evm_kzg_verify(tau_g, z, z, infinity));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bn254_vectors),  cmocka_unit_test(bls12_vectors),
        cmocka_unit_test(kzg_vectors),    cmocka_unit_test(bn254_group),
        cmocka_unit_test(bn254_bilinear), cmocka_unit_test(bn254_refusals),
        cmocka_unit_test(bls12_sums),     cmocka_unit_test(bls12_bilinear),
        cmocka_unit_test(bls12_maps),     cmocka_unit_test(bls12_refusals),
        cmocka_unit_test(kzg_proofs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
