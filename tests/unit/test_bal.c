/* Block access lists (EIP-7928): bytes worked out by hand, what is refused, what the builder keeps
 * of what happened, and how two lists are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "evm/block/bal.h"
#include "evm/core/u256.h"
#include "evm/state/state.h"

static struct evm_addr addr_of(uint8_t b)
{
    struct evm_addr a;
    memset(a.b, b, sizeof a.b);
    return a;
}

static void from_hex(struct evm_buf *out, const char *hex)
{
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        char byte[3] = {hex[0], hex[1], 0};
        uint8_t *to = evm_buf_extend(out, 1);
        *to = (uint8_t)strtoul(byte, NULL, 16);
        hex++;
    }
}

/* ---- bytes ----------------------------------------------------------------------------------- */

#define A11  "94 1111111111111111111111111111111111111111"
#define A22  "94 2222222222222222222222222222222222222222"
#define REST "c0 c0 c0 c0 c0" /* nothing changed, nothing read */

static void test_bytes(void **state)
{
    (void)state;
    static const char *const full = "f8 3d f8 3b " A11
                                    /* [[1, [[1, 5]]], [0x100, [[2, 0]]]] */
                                    " ce c5 01 c3 c2 01 05 c7 82 01 00 c3 c2 02 80"
                                    /* [2] */
                                    " c1 02"
                                    /* [[1, 100], [300, 1000]] */
                                    " ca c2 01 64 c6 82 01 2c 82 03 e8"
                                    /* [[1, 7]] */
                                    " c3 c2 01 07"
                                    /* [[1, 0x6001]] */
                                    " c5 c4 01 82 60 01";
    struct evm_buf want = {0}, got = {0};
    struct evm_bal bal;
    struct evm_err err = {0};
    from_hex(&want, full);
    assert_int_equal(want.size, 2 + 0x3d);
    if (evm_bal_decode(&bal, evm_buf_bytes(&want), &err) != EVM_OK)
        fail_msg("%s", err.text);
    assert_int_equal(bal.account_count, 1);
    assert_int_equal(evm_bal_items(&bal), 4);
    assert_int_equal(evm_bal_last_index(&bal), 300);
    const struct evm_addr a11 = addr_of(0x11), a12 = addr_of(0x12);
    const struct evm_bal_account *a = evm_bal_find(&bal, &a11);
    assert_ptr_equal(a, &bal.accounts[0]);
    assert_null(evm_bal_find(&bal, &a12));
    assert_int_equal(a->slot_count, 2);
    assert_int_equal(bal.slots[1].key.w[0], 0x100);
    assert_int_equal(bal.values[bal.slots[1].first].index, 2);
    assert_true(evm_u256_is_zero(&bal.values[bal.slots[1].first].value));
    assert_int_equal(a->balance_count, 2);
    assert_int_equal(bal.values[a->first_balance + 1].value.w[0], 1000);
    assert_int_equal(bal.values[a->first_nonce].value.w[0], 7);
    assert_memory_equal(bal.bytes.data + bal.codes[a->first_code].first, "\x60\x01", 2);
    evm_bal_encode(&got, &bal);
    assert_int_equal(got.size, want.size);
    assert_memory_equal(got.data, want.data, want.size);
    evm_bal_fini(&bal);
    evm_buf_fini(&want);
    evm_buf_fini(&got);
}

/* EIP-7928: keccak256(0xc0). */
static void test_empty(void **state)
{
    (void)state;
    struct evm_bal bal = {0};
    struct evm_buf bytes = {0}, want = {0};
    struct evm_hash hash;
    evm_bal_encode(&bytes, &bal);
    assert_int_equal(bytes.size, 1);
    assert_int_equal(bytes.data[0], 0xc0);
    assert_int_equal(evm_bal_hash(&bal, &hash), EVM_OK);
    from_hex(&want, "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
    assert_memory_equal(hash.b, want.data, 32);
    assert_int_equal(evm_bal_decode(&bal, evm_buf_bytes(&bytes), NULL), EVM_OK);
    assert_int_equal(evm_bal_items(&bal), 0);
    evm_buf_fini(&bytes);
    evm_buf_fini(&want);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *says;
    } cases[] = {
        {"", "one RLP list"},
        {"80", "one RLP list"},
        {"c0 c0", "one RLP list"},
        {"c1 80", "account 0: it is no list"},
        {"d5 d4 93 11111111111111111111111111111111111111", "address of 20 bytes"},
        {"da d9" A11 "c0 c0 c0 c0", "account 0: its code changes are no list"},
        {"dc db" A11 REST "c0", "more than six parts"},
        /* twice the same, and descending */
        {"f6 da" A11 REST "da" A11 REST, "account 1: the addresses are not in ascending order"},
        {"f6 da" A22 REST "da" A11 REST, "account 1: the addresses are not in ascending order"},
        /* slots: no changes, twice, wrapped byte, both changed and read */
        {"de dd" A11 "c3 c2 01 c0 c0 c0 c0 c0", "a changed slot has no changes"},
        {"e7 e6" A11 "cc c5 01 c3 c2 01 05 c5 01 c3 c2 01 05 c0 c0 c0 c0",
         "changed slots are not in ascending order"},
        {"e2 e1" A11 "c6 c5 01 c3 c2 01 05 c1 01 c0 c0 c0", "among the changed and the read"},
        {"dd dc" A11 "c0 c2 02 02 c0 c0 c0", "storage reads are not in ascending order"},
        {"de dd" A11 "c0 c3 02 81 01 c0 c0 c0", "a storage read is no slot"},
        /* indices */
        {"e1 e0" A11 "c0 c0 c6 c2 02 01 c2 02 03 c0 c0", "no ascending list of [index, balance]"},
        {"e3 e2" A11 "c0 c0 c8 c7 85 01 00 00 00 00 01 c0 c0", "[index, balance]"},
        {"df de" A11 "c0 c0 c4 c3 00 02 03 c0 c0", "[index, balance]"},
        /* a nonce of 65 bits */
        {"e7 e6" A11 "c0 c0 c0 cc cb 01 89 01 00 00 00 00 00 00 00 00 c0", "[index, nonce]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evm_buf raw = {0};
        struct evm_bal bal;
        struct evm_err err = {0};
        from_hex(&raw, cases[i].hex);
        enum evm_status st = evm_bal_decode(&bal, evm_buf_bytes(&raw), &err);
        if (st != EVM_ERR_INPUT || !strstr(err.text, cases[i].says))
            fail_msg("%s: status %d, '%s' instead of '%s'", cases[i].hex, st, err.text,
                     cases[i].says);
        assert_int_equal(bal.account_count, 0);
        evm_buf_fini(&raw);
    }
}

/* Whatever is cut off a good list, or any of its bytes changed, never crashes; what is accepted
 * encodes to the same bytes. */
static void test_damaged(void **state)
{
    (void)state;
    struct evm_buf good = {0};
    from_hex(&good, "f8 3d f8 3b " A11 " ce c5 01 c3 c2 01 05 c7 82 01 00 c3 c2 02 80 c1 02"
                    " ca c2 01 64 c6 82 01 2c 82 03 e8 c3 c2 01 07 c5 c4 01 82 60 01");
    for (size_t i = 0; i < good.size; i++)
        for (unsigned flip = 0; flip < 256; flip++) {
            uint8_t bytes[128];
            struct evm_bal bal;
            size_t size = flip ? good.size : i;
            memcpy(bytes, good.data, good.size);
            bytes[i] ^= (uint8_t)flip;
            if (evm_bal_decode(&bal, (struct evm_bytes){bytes, size}, NULL) == EVM_OK) {
                struct evm_buf again = {0};
                evm_bal_encode(&again, &bal);
                assert_int_equal(again.size, size);
                assert_memory_equal(again.data, bytes, size);
                evm_buf_fini(&again);
            }
            evm_bal_fini(&bal);
        }
    evm_buf_fini(&good);
}

/* ---- the builder ----------------------------------------------------------------------------- */

struct world {
    struct evm_codes *codes;
    struct evm_state *state;
    struct evm_state_view view;
};

/* 0x11...: 1000 wei, nonce 3, slots 1 = 10 and 2 = 20. */
static void world_begin(struct world *w)
{
    struct evm_slot_change slots[] = {{evm_u256_of(1), evm_u256_of(10)},
                                      {evm_u256_of(2), evm_u256_of(20)}};
    struct evm_account_change a = {.addr = addr_of(0x11),
                                   .wrote = EVM_WROTE_CREATED | EVM_WROTE_BALANCE |
                                            EVM_WROTE_NONCE | EVM_WROTE_CODE,
                                   .balance = evm_u256_of(1000),
                                   .nonce = 3,
                                   .code = evm_code_empty(),
                                   .slot_count = 2};
    struct evm_changes c = {.accounts = &a, .slots = slots, .account_count = 1, .slot_count = 2};
    w->codes = evm_codes_create();
    w->state = evm_state_create(w->codes);
    assert_int_equal(evm_state_apply(w->state, &c), EVM_OK);
    w->view = (struct evm_state_view){w->state, NULL};
}

static void world_end(struct world *w)
{
    evm_state_unref(w->state);
    evm_codes_destroy(w->codes);
}

static void put_one(struct evm_bal_builder *b, uint32_t index, uint8_t addr, unsigned wrote,
                    uint64_t balance, uint64_t nonce, uint64_t key, uint64_t value)
{
    struct evm_slot_change slot = {evm_u256_of(key), evm_u256_of(value)};
    struct evm_account_change a = {.addr = addr_of(addr),
                                   .wrote = wrote,
                                   .balance = evm_u256_of(balance),
                                   .nonce = nonce,
                                   .code = evm_code_empty(),
                                   .slot_count = key ? 1 : 0};
    struct evm_changes c = {
        .accounts = &a, .slots = &slot, .account_count = 1, .slot_count = a.slot_count};
    evm_bal_put_changes(b, index, &c);
}

static void expect_hex(const struct evm_bal *bal, const char *hex)
{
    struct evm_buf want = {0}, got = {0};
    struct evm_bal wanted;
    struct evm_err err = {0};
    from_hex(&want, hex);
    evm_bal_encode(&got, bal);
    assert_int_equal(evm_bal_decode(&wanted, evm_buf_bytes(&want), &err), EVM_OK);
    if (!evm_bal_same(bal, &wanted, &err))
        fail_msg("%s", err.text);
    assert_int_equal(got.size, want.size);
    assert_memory_equal(got.data, want.data, want.size);
    evm_bal_fini(&wanted);
    evm_buf_fini(&want);
    evm_buf_fini(&got);
}

/* Everything in the wrong order of addresses and keys; values that are put back; a second value at
 * the same index; a slot read at one index and changed at another. */
static void test_builder(void **state)
{
    (void)state;
    struct world w;
    struct evm_bal_builder b = {0};
    struct evm_bal bal;
    const struct evm_addr a11 = addr_of(0x11), a33 = addr_of(0x33);
    const struct evm_u256 one = evm_u256_of(1), two = evm_u256_of(2), nine = evm_u256_of(9);
    const unsigned all = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE;
    world_begin(&w);
    evm_bal_put_account(&b, &a33);
    put_one(&b, 1, 0x22, EVM_WROTE_CREATED | all, 0, 0, 0, 0); /* created with nothing in it */
    put_one(&b, 1, 0x11, EVM_WROTE_BALANCE, 900, 0, 1, 11);
    evm_bal_put_read(&b, &a11, &nine);
    evm_bal_put_read(&b, &a11, &two);
    evm_bal_put_read(&b, &a11, &one);
    put_one(&b, 2, 0x11, EVM_WROTE_NONCE, 0, 3, 2, 20); /* as it was */
    put_one(&b, 2, 0x11, EVM_WROTE_BALANCE, 900, 0, 1, 10);
    put_one(&b, 3, 0x11, EVM_WROTE_BALANCE | EVM_WROTE_NONCE, 1000, 4, 1, 12);
    put_one(&b, 3, 0x11, EVM_WROTE_BALANCE, 1001, 0, 1, 10); /* 3 again: the latter counts */
    assert_int_equal(evm_bal_finish(&b, evm_state_view(&w.view), &bal), EVM_OK);
    /* 0x11: slot 1: 1 -> 11, 2 -> 10. Reads 2, 9. Balance: 1 -> 900, 3 -> 1001. Nonce: 3 -> 4. */
    expect_hex(&bal, "f8 69 f2" A11 "c9 c8 01 c6 c2 01 0b c2 02 0a c2 02 09"
                     "ca c4 01 82 03 84 c4 03 82 03 e9 c3 c2 03 04 c0"
                     "da" A22 REST "da 94 3333333333333333333333333333333333333333" REST);
    evm_bal_fini(&bal);
    evm_bal_reset(&b);
    assert_int_equal(evm_bal_finish(&b, evm_state_view(&w.view), &bal), EVM_OK);
    assert_int_equal(bal.account_count, 0);
    evm_bal_builder_fini(&b);
    world_end(&w);
}

/* An account goes, with its storage, and comes back: before EIP-6780. */
static void test_wiped(void **state)
{
    (void)state;
    struct world w;
    struct evm_bal_builder b = {0};
    struct evm_bal bal;
    const struct evm_addr a11 = addr_of(0x11);
    const struct evm_u256 two = evm_u256_of(2), nine = evm_u256_of(9);
    world_begin(&w);
    put_one(&b, 1, 0x11, 0, 0, 0, 5, 50);
    evm_bal_put_read(&b, &a11, &two);
    evm_bal_put_read(&b, &a11, &nine); /* 0 before and after */
    put_one(&b, 2, 0x11, EVM_WROTE_DELETED | EVM_WROTE_WIPE, 0, 0, 0, 0);
    put_one(&b, 4, 0x11, EVM_WROTE_CREATED | EVM_WROTE_WIPE | EVM_WROTE_NONCE, 0, 1, 5, 51);
    assert_int_equal(evm_bal_finish(&b, evm_state_view(&w.view), &bal), EVM_OK);
    /* Slot 2: 2 -> 0. Slot 5: 1 -> 50, 2 -> 0, 4 -> 51. Read 9. Balance 2 -> 0, nonce 2 -> 0,
     * 4 -> 1. */
    expect_hex(&bal, "f7 f6" A11 "d2 c5 02 c3 c2 02 80 cb 05 c9 c2 01 32 c2 02 80 c2 04 33 c1 09"
                     "c3 c2 02 80 c6 c2 02 80 c2 04 01 c0");
    evm_bal_fini(&bal);
    evm_bal_builder_fini(&b);
    world_end(&w);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void test_differences(void **state)
{
    (void)state;
    static const struct {
        const char *got, *want, *says;
    } cases[] = {
        {"db da" A11 REST, "c0", "1111 was accessed but is not in the list"},
        {"c0", "db da" A11 REST, "1111 is in the list but was not accessed"},
        {"dd dc" A11 "c0 c2 02 03 c0 c0 c0", "dc db" A11 "c0 c1 03 c0 c0 c0",
         "slot 0x2 was read, which the list lacks"},
        {"dc db" A11 "c0 c1 03 c0 c0 c0", "dd dc" A11 "c0 c2 02 03 c0 c0 c0",
         "slot 0x2 was not read, as the list says"},
        {"e1 e0" A11 "c6 c5 01 c3 c2 01 05 c0 c0 c0 c0", "db da" A11 REST,
         "slot 0x1 changed, which the list lacks"},
        {"e1 e0" A11 "c6 c5 01 c3 c2 01 05 c0 c0 c0 c0",
         "e1 e0" A11 "c6 c5 01 c3 c2 01 06 c0 c0 c0 c0",
         "slot 0x1 at index 1 became 0x5, the list has 0x6"},
        {"de dd" A11 "c0 c0 c3 c2 01 05 c0 c0", "de dd" A11 "c0 c0 c3 c2 02 05 c0 c0",
         "balance became 0x5 at index 1, which the list lacks"},
        {"db da" A11 REST, "de dd" A11 "c0 c0 c0 c3 c2 02 07 c0",
         "nonce did not change at index 2, the list has 0x7"},
        {"df de" A11 "c0 c0 c0 c0 c4 c3 01 81 ff", "df de" A11 "c0 c0 c0 c0 c4 c3 01 81 fe",
         "code of 1 bytes at index 1, the list has 1 others"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evm_buf got = {0}, want = {0};
        struct evm_bal a, b;
        struct evm_err err = {0};
        from_hex(&got, cases[i].got);
        from_hex(&want, cases[i].want);
        if (evm_bal_decode(&a, evm_buf_bytes(&got), &err) != EVM_OK ||
            evm_bal_decode(&b, evm_buf_bytes(&want), &err) != EVM_OK)
            fail_msg("case %zu: %s", i, err.text);
        assert_true(evm_bal_same(&a, &a, NULL));
        assert_true(evm_bal_same(&b, &b, NULL));
        assert_false(evm_bal_same(&a, &b, &err));
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' instead of '%s'", err.text, cases[i].says);
        evm_bal_fini(&a);
        evm_bal_fini(&b);
        evm_buf_fini(&got);
        evm_buf_fini(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),       cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_builder),     cmocka_unit_test(test_wiped),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
