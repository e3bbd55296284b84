/* The precompiles against vectors of their own and against the shared ones, good and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/core/precompile.h"
#include "evm/core/u256.h"
#include "evm/io/json.h"

static const struct evm_precompile *find(enum evm_fork fork, unsigned address)
{
    struct evm_addr a = {{[18] = (uint8_t)(address >> 8), [19] = (uint8_t)address}};
    return evm_precompile_find(evm_rules_of(fork), &a);
}

/* The whole of a file, or NULL. */
static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*size + 1);
    if (text && fread(text, 1, *size, f) != *size) {
        free(text);
        text = NULL;
    }
    fclose(f);
    return text;
}

/* Hex digits without 0x into malloc'd bytes. */
static struct evm_bytes unhex(const char *text)
{
    size_t n = strlen(text) / 2;
    uint8_t *b = malloc(n + 1);
    assert_non_null(b);
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0};
        b[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return (struct evm_bytes){b, n};
}

static void check_case(const struct evm_precompile *p, enum evm_fork fork, struct evm_jval v)
{
    const char *name = evm_json_string(evm_json_get(v, "Name"));
    const char *expected = evm_json_string(evm_json_get(v, "Expected"));
    struct evm_bytes in = unhex(evm_json_string(evm_json_get(v, "Input")));
    struct evm_buf out = {0};
    uint64_t gas;
    if (evm_json_u64(evm_json_get(v, "Gas"), &gas) && p->gas(evm_rules_of(fork), in) != gas)
        fail_msg("%s: gas %lu, should be %lu", name, (unsigned long)p->gas(evm_rules_of(fork), in),
                 (unsigned long)gas);
    bool ok = p->run(evm_rules_of(fork), in, &out);
    if (ok != (expected != NULL))
        fail_msg("%s: accepted %d", name, ok);
    if (expected) {
        struct evm_bytes want = unhex(expected);
        if (out.size != want.size || (want.size && memcmp(out.data, want.data, want.size) != 0))
            fail_msg("%s: wrong output of %zu bytes", name, out.size);
        free((void *)(uintptr_t)want.data);
    }
    free((void *)(uintptr_t)in.data);
    evm_buf_fini(&out);
}

static void check_file(const char *file, enum evm_fork fork, unsigned address)
{
    const char *root = getenv("WEFT_FIXTURES");
    char path[512];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/conformance/precompiles/%s", root ? root : "../shared", file);
    char *text = read_file(path, &size);
    if (!text) {
        printf("skip %s: no such file\n", path);
        skip();
    }
    struct evm_json *doc;
    struct evm_err err = {0};
    const struct evm_precompile *p = find(fork, address);
    assert_non_null(p);
    assert_int_equal(evm_json_parse(&doc, text, size, file, &err), EVM_OK);
    size_t n = evm_json_count(evm_json_root(doc));
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        check_case(p, fork, evm_json_at(evm_json_root(doc), i));
    evm_json_destroy(doc);
    free(text);
}

static void shared_ecrecover(void **state)
{
    (void)state;
    check_file("ecRecover.json", EVM_FRONTIER, 1);
}

static void shared_modexp_198(void **state)
{
    (void)state;
    check_file("modexp.json", EVM_BYZANTIUM, 5);
}

static void shared_modexp_2565(void **state)
{
    (void)state;
    check_file("modexp_eip2565.json", EVM_BERLIN, 5);
}

static void shared_modexp_7883(void **state)
{
    (void)state;
    check_file("modexp_eip7883.json", EVM_OSAKA, 5);
}

static void shared_blake2f(void **state)
{
    (void)state;
    check_file("blake2F.json", EVM_ISTANBUL, 9);
}

static void shared_blake2f_refused(void **state)
{
    (void)state;
    check_file("fail-blake2f.json", EVM_ISTANBUL, 9);
}

static void shared_p256(void **state)
{
    (void)state;
    check_file("p256Verify.json", EVM_OSAKA, 0x100);
}

/* Digests of "abc" from FIPS 180-4 and from the RIPEMD-160 paper, behind their prices. */
static void digests(void **state)
{
    (void)state;
    static const struct {
        unsigned address;
        uint64_t gas;
        const char *digest;
    } cases[] = {
        {2, 72, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {3, 720, "0000000000000000000000008eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
        {4, 18, "616263"},
    };
    struct evm_bytes in = {(const uint8_t *)"abc", 3};
    for (size_t i = 0; i < 3; i++) {
        const struct evm_precompile *p = find(EVM_FRONTIER, cases[i].address);
        struct evm_bytes want = unhex(cases[i].digest);
        struct evm_buf out = {0};
        assert_int_equal(p->gas(evm_rules_of(EVM_FRONTIER), in), cases[i].gas);
        assert_true(p->run(evm_rules_of(EVM_FRONTIER), in, &out));
        assert_false(out.failed);
        assert_int_equal(out.size, want.size);
        assert_memory_equal(out.data, want.data, want.size);
        free((void *)(uintptr_t)want.data);
        evm_buf_fini(&out);
    }
}

static void which_fork_has_which(void **state)
{
    (void)state;
    assert_null(find(EVM_SPURIOUS_DRAGON, 5));
    assert_non_null(find(EVM_BYZANTIUM, 5));
    assert_null(find(EVM_PETERSBURG, 9));
    assert_non_null(find(EVM_ISTANBUL, 9));
    assert_null(find(EVM_PRAGUE, 0x100));
    assert_null(find(EVM_OSAKA, 0));
    assert_null(find(EVM_OSAKA, 0x101));
    struct evm_addr far = {{[0] = 1, [19] = 1}};
    assert_null(evm_precompile_find(evm_rules_of(EVM_OSAKA), &far));
}

/* EIP-7823: operands over 1024 bytes are refused at any gas; before it they are only dear. */
static void modexp_bounds(void **state)
{
    (void)state;
    uint8_t in[96] = {0};
    in[30] = 4; /* base length 1025 */
    in[31] = 1;
    struct evm_bytes b = {in, sizeof in};
    assert_true(find(EVM_OSAKA, 5)->gas(evm_rules_of(EVM_OSAKA), b) == UINT64_MAX);
    assert_true(find(EVM_PRAGUE, 5)->gas(evm_rules_of(EVM_PRAGUE), b) < 100000);
    memset(in, 0xff, 32);
    assert_true(find(EVM_PRAGUE, 5)->gas(evm_rules_of(EVM_PRAGUE), b) == UINT64_MAX);
    /* Nothing to compute costs the floor, however long the exponent says it is. */
    memset(in, 0, 32);
    memset(in + 32, 0xff, 32);
    assert_int_equal(find(EVM_PRAGUE, 5)->gas(evm_rules_of(EVM_PRAGUE), b), 200);
    assert_int_equal(find(EVM_BYZANTIUM, 5)->gas(evm_rules_of(EVM_BYZANTIUM), b), 0);
    struct evm_buf out = {0};
    assert_true(find(EVM_PRAGUE, 5)->run(evm_rules_of(EVM_PRAGUE), b, &out));
    assert_int_equal(out.size, 0);
    evm_buf_fini(&out);
}

/* A rule set of no chain: EIP-2537's nine addresses of April 2024 over Cancun's rules. */
static void draft_of_2537(void **state)
{
    (void)state;
    const struct evm_rules *draft = evm_rules_from_name("prague 2537 draft");
    enum evm_fork fork;
    assert_non_null(draft);
    assert_int_equal(draft->fork, EVM_CANCUN);
    assert_false(evm_fork_from_name("Prague-2537-draft", &fork)); /* no fork: in no schedule */
    struct evm_addr a = {{[19] = 0x11}}, last = {{[19] = 0x13}}, behind = {{[19] = 0x14}};
    uint8_t input[384 * 2] = {0};
    assert_int_equal(evm_precompile_find(draft, &a)->gas(draft, (struct evm_bytes){input, 768}),
                     65000 + 2 * 43000);
    assert_string_equal(evm_precompile_find(draft, &last)->name, "BLS12_MAP_FP2_TO_G2");
    assert_null(evm_precompile_find(draft, &behind));
    assert_string_equal(find(EVM_PRAGUE, 0x11)->name, "BLS12_MAP_FP2_TO_G2");
    assert_null(find(EVM_PRAGUE, 0x12));
    assert_null(find(EVM_CANCUN, 0x0b));
    assert_ptr_equal(evm_rules_from_name("Merge"), evm_rules_of(EVM_PARIS));
    assert_null(evm_rules_from_name("Atlantis"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_ecrecover),     cmocka_unit_test(shared_modexp_198),
        cmocka_unit_test(shared_modexp_2565),   cmocka_unit_test(shared_modexp_7883),
        cmocka_unit_test(shared_blake2f),       cmocka_unit_test(shared_blake2f_refused),
        cmocka_unit_test(shared_p256),          cmocka_unit_test(digests),
        cmocka_unit_test(which_fork_has_which), cmocka_unit_test(modexp_bounds),
        cmocka_unit_test(draft_of_2537),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
