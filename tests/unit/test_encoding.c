/* Keccak-256 and RLP: vectors of their own, properties, and the shared RLP suite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/core/keccak.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"
#include "evm/io/json.h"

static uint64_t seed = 77;

static uint64_t rnd(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static struct evm_bytes text(const char *s)
{
    return (struct evm_bytes){(const uint8_t *)s, strlen(s)};
}

/* ---- Keccak ---------------------------------------------------------------------------------- */

static void keccak_known(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"transfer(address,uint256)",
         "a9059cbb2ab09eb219583f4a59a5d0623ade346d962bcd4e46b11da047c9049b"},
        {"Transfer(address,address,uint256)",
         "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evm_hash got, want;
        evm_keccak256(&got, text(cases[i].in));
        assert_true(evm_hex_fixed(cases[i].out, want.b, sizeof want.b));
        assert_memory_equal(got.b, want.b, sizeof want.b);
    }
}

/* However the input is cut up, and at every length around the block size. */
static void keccak_pieces(void **state)
{
    (void)state;
    uint8_t data[700];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rnd();
    for (size_t n = 0; n < sizeof data; n++) {
        struct evm_hash whole, pieces;
        struct evm_keccak k;
        evm_keccak256(&whole, (struct evm_bytes){data, n});
        evm_keccak_init(&k);
        for (size_t at = 0; at < n;) {
            size_t step = 1 + (size_t)(rnd() % 300);
            if (step > n - at)
                step = n - at;
            evm_keccak_update(&k, (struct evm_bytes){data + at, step});
            at += step;
        }
        evm_keccak_final(&k, &pieces);
        assert_memory_equal(whole.b, pieces.b, sizeof whole.b);
    }
}

/* ---- RLP ------------------------------------------------------------------------------------- */

static void rlp_round_trips(void **state)
{
    (void)state;
    static uint8_t data[70000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rnd();
    for (int round = 0; round < 2000; round++) {
        struct evm_buf b = {0};
        struct evm_u256 x = {{rnd(), rnd(), rnd(), rnd()}}, y;
        evm_u256_shr(&x, &x, (unsigned)(rnd() % 256));
        uint64_t n = rnd() >> (rnd() % 64), m;
        size_t size = (size_t)(rnd() % (round % 100 ? 130 : sizeof data));
        size_t outer = evm_rlp_open(&b);
        evm_rlp_put_u256(&b, &x);
        size_t inner = evm_rlp_open(&b);
        evm_rlp_put_u64(&b, n);
        evm_rlp_put_string(&b, (struct evm_bytes){data, size});
        evm_rlp_close(&b, inner);
        evm_rlp_close(&b, outer);
        assert_false(b.failed);
        assert_true(evm_rlp_valid(evm_buf_bytes(&b)));
        struct evm_bytes in = evm_buf_bytes(&b), fields, nested, s;
        assert_true(evm_rlp_next_list(&in, &fields));
        assert_int_equal(in.size, 0);
        assert_true(evm_rlp_next_u256(&fields, &y));
        assert_true(evm_u256_eq(&x, &y));
        assert_true(evm_rlp_next_list(&fields, &nested));
        assert_int_equal(fields.size, 0);
        assert_true(evm_rlp_next_u64(&nested, &m));
        assert_true(m == n);
        assert_true(evm_rlp_next_string(&nested, &s));
        assert_int_equal(s.size, size);
        if (size)
            assert_memory_equal(s.data, data, size);
        assert_int_equal(nested.size, 0);
        /* Cut short anywhere, it is refused. */
        struct evm_bytes cut = {b.data, (size_t)(rnd() % b.size)};
        assert_false(evm_rlp_valid(cut));
        evm_buf_fini(&b);
    }
}

static void rlp_refuses(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[12];
        size_t size;
    } cases[] = {
        {{0x81, 0x7f}, 2},             /* a byte that needs no prefix */
        {{0xb8, 0x01, 0x00}, 3},       /* a long form for a short string */
        {{0xb9, 0x00, 0x38}, 3},       /* a length with a leading zero */
        {{0x83, 0x01, 0x02}, 3},       /* shorter than it says */
        {{0xc2, 0x83, 0x01, 0x02}, 4}, /* an item longer than its list */
        {{0xf8, 0x01, 0x01}, 3},
        {{0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9},
        {{0x01, 0x02}, 2}, /* two items */
        {{0}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_false(evm_rlp_valid((struct evm_bytes){cases[i].bytes, cases[i].size}));
    static const uint8_t padded[] = {0x82, 0x00, 0x01}, nine[] = {0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    uint64_t x;
    struct evm_bytes in = {padded, sizeof padded};
    assert_false(evm_rlp_next_u64(&in, &x));
    assert_int_equal(in.size, sizeof padded);
    in = (struct evm_bytes){nine, sizeof nine};
    assert_false(evm_rlp_next_u64(&in, &x));
    struct evm_u256 wide;
    assert_true(evm_rlp_next_u256(&in, &wide));
    assert_int_equal(wide.w[1], 1);
}

/* A list in a list in a list, as deep as the input is long, costs no stack. */
static void rlp_depth(void **state)
{
    (void)state;
    struct evm_buf b = {0};
    for (int i = 0; i < 2000; i++)
        evm_rlp_close(&b, 0);
    assert_true(evm_rlp_valid(evm_buf_bytes(&b)));
    b.data[b.size - 1] = 0xc1;
    assert_false(evm_rlp_valid(evm_buf_bytes(&b)));
    evm_buf_fini(&b);
}

/* The value of a shared case: a string, a number (or "#decimal"), or a list of those. */
static void encode(struct evm_buf *b, struct evm_jval v)
{
    const char *s = evm_json_string(v);
    struct evm_u256 number;
    if (evm_json_is_array(v)) {
        size_t open = evm_rlp_open(b);
        for (size_t i = 0; i < evm_json_count(v); i++)
            encode(b, evm_json_at(v, i));
        evm_rlp_close(b, open);
    } else if (s && s[0] == '#') {
        assert_true(evm_u256_parse(&number, s + 1));
        evm_rlp_put_u256(b, &number);
    } else if (s) {
        evm_rlp_put_string(b, text(s));
    } else {
        assert_true(evm_json_u256(v, &number));
        evm_rlp_put_u256(b, &number);
    }
}

static void shared(const char *file, bool valid)
{
    const char *root = getenv("WEFT_FIXTURES");
    char path[512];
    struct evm_json *doc;
    struct evm_err err = {0};
    snprintf(path, sizeof path, "%s/conformance/rlp-tests/%s", root ? root : "../shared", file);
    FILE *f = fopen(path, "rb");
    if (!f) {
        printf("skip %s: no such file\n", path);
        skip();
        return;
    }
    static char json[1 << 20];
    size_t size = fread(json, 1, sizeof json - 1, f);
    json[size] = 0;
    fclose(f);
    /* The reader refuses NUL in strings; the one case that has it is only decoded below. */
    char *nul = strstr(json, "\\u0000");
    if (nul)
        nul[5] = '1';
    assert_int_equal(evm_json_parse(&doc, json, size, file, &err), EVM_OK);
    void *iter = NULL;
    const char *name;
    struct evm_jval v;
    while (evm_json_next(evm_json_root(doc), &iter, &name, &v)) {
        struct evm_bytes out;
        assert_true(evm_json_bytes(doc, evm_json_get(v, "out"), &out));
        if (evm_rlp_valid(out) != valid)
            fail_msg("%s: valid should be %d", name, valid);
        /* One has a NUL, one is 2^256: read above, not written here; "VALID" names no content. */
        const char *in = evm_json_string(evm_json_get(v, "in"));
        if (!valid || (in && strcmp(in, "VALID") == 0) || strcmp(name, "bytestring00") == 0 ||
            strcmp(name, "bigint") == 0)
            continue;
        struct evm_buf b = {0};
        encode(&b, evm_json_get(v, "in"));
        if (b.size != out.size || memcmp(b.data, out.data, out.size) != 0)
            fail_msg("%s: encoded otherwise", name);
        evm_buf_fini(&b);
    }
    evm_json_destroy(doc);
}

static void shared_valid(void **state)
{
    (void)state;
    shared("rlptest.json", true);
}

static void shared_random(void **state)
{
    (void)state;
    shared("RandomRLPTests/example.json", true);
}

static void shared_invalid(void **state)
{
    (void)state;
    shared("invalidRLPTest.json", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keccak_known),    cmocka_unit_test(keccak_pieces),
        cmocka_unit_test(rlp_round_trips), cmocka_unit_test(rlp_refuses),
        cmocka_unit_test(rlp_depth),       cmocka_unit_test(shared_valid),
        cmocka_unit_test(shared_invalid),  cmocka_unit_test(shared_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
