/* The curve precompiles: shared vectors, algebra that must hold for any inputs, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "evm/core/bn254.h"
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
    for (size_t i = 0; i < n; i++)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bn254_vectors),  cmocka_unit_test(bls12_vectors),
        cmocka_unit_test(kzg_vectors),    cmocka_unit_test(bn254_group),
        cmocka_unit_test(bn254_bilinear), cmocka_unit_test(bn254_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
