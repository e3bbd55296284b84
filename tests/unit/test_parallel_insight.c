/* The oracle, the hottest keys and their names, on sets made by hand. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/parallel/access_internal.h"
#include "evm/parallel/insight.h"

enum { TXS = 6 };

struct block {
    struct evm_access_sets sets;
    struct evm_tx txs[TXS];
    const struct evm_tx *list[TXS];
    struct evm_addr beneficiary;
    struct evm_oracle_input in;
    uint32_t next;
};

static struct evm_addr address(uint8_t n)
{
    struct evm_addr a = {{0}};
    memset(a.b, n, sizeof a.b);
    return a;
}

static void begin(struct block *b)
{
    memset(b, 0, sizeof *b);
    assert_int_equal(evm_access_sets_begin(&b->sets, TXS), EVM_OK);
    b->sets.gas_used = calloc(TXS, sizeof *b->sets.gas_used);
    b->beneficiary = address(0xcb);
    for (int i = 0; i < TXS; i++) {
        b->list[i] = &b->txs[i];
        b->txs[i].sender = address((uint8_t)(0x10 + i));
    }
    b->in = (struct evm_oracle_input){&b->sets, b->list, &b->beneficiary};
}

static void row(struct block *b, uint8_t account, int kind, unsigned key, unsigned how,
                uint32_t from)
{
    struct evm_access *a = evm_access_sets_add(&b->sets);
    assert_non_null(a);
    a->addr = address(account);
    a->kind = (uint8_t)kind;
    a->key.w[0] = key;
    a->how = (uint8_t)how;
    a->from = from;
}

static void end_tx(struct block *b, uint64_t gas)
{
    b->sets.gas_used[b->next] = gas;
    evm_access_sets_end_tx(&b->sets, b->next++);
}

/* 0 writes slot 7 of A; 1 reads that, writes slot 8; 2 is alone; 3 reads slot 8; 4 reads slot 7 and
 * the balance that 2 changed, and is the next transaction of 2's sender; 5 only adds and compares.
 */
static void make(struct block *b)
{
    const uint8_t a = 0xa0, x = 0xb0;
    const unsigned r = EVM_ACCESS_READ, w = EVM_ACCESS_WRITE, d = EVM_ACCESS_DELTA,
                   p = EVM_ACCESS_PREDICATE;
    begin(b);
    b->txs[4].sender = b->txs[2].sender;
    row(b, a, EVM_MV_SLOT, 7, r | w, EVM_NO_TX);
    row(b, 0xcb, EVM_MV_BALANCE, 0, w, EVM_NO_TX); /* the beneficiary: nobody's dependency */
    end_tx(b, 30000);
    row(b, a, EVM_MV_SLOT, 7, r, 0);
    row(b, a, EVM_MV_SLOT, 8, w, EVM_NO_TX);
    row(b, 0xcb, EVM_MV_BALANCE, 0, r, 0);
    end_tx(b, 50000);
    row(b, x, EVM_MV_BALANCE, 0, d, EVM_NO_TX);
    row(b, 0x12, EVM_MV_NONCE, 0, r | w, EVM_NO_TX);
    end_tx(b, 21000);
    row(b, a, EVM_MV_SLOT, 8, r, 1);
    end_tx(b, 40000);
    row(b, a, EVM_MV_SLOT, 7, r, 0);
    row(b, x, EVM_MV_BALANCE, 0, r, 2);
    row(b, 0x12, EVM_MV_NONCE, 0, r | w, 2);
    end_tx(b, 60000);
    row(b, x, EVM_MV_BALANCE, 0, p | d, 2);
    end_tx(b, 21000);
}

static void drop(struct block *b)
{
    evm_access_sets_fini(&b->sets);
}

static void expect_on(const struct evm_oracle *o, uint32_t tx, const char *want)
{
    char got[64] = "";
    for (uint32_t j = 0; j < o->tx_count; j++)
        for (uint32_t k = o->first[tx]; k < o->first[tx + 1]; k++)
            if (o->on[k] == j)
                snprintf(got + strlen(got), sizeof got - strlen(got), "%s%u", *got ? " " : "", j);
    if (strcmp(got, want))
        fail_msg("transaction %u depends on '%s', expected '%s'", tx, got, want);
}

static void expect(const struct block *b, enum evm_oracle_model model, const char *const want[TXS])
{
    struct evm_oracle o;
    assert_int_equal(evm_oracle_init(&o, &b->in, model), EVM_OK);
    for (uint32_t i = 0; i < TXS; i++)
        expect_on(&o, i, want[i]);
    evm_oracle_fini(&o);
}

static void models_make_the_dependencies_they_say(void **state)
{
    struct block b;
    (void)state;
    make(&b);
    expect(&b, EVM_ORACLE_FIELD_NONCE, (const char *[]){"", "0", "", "1", "0 2", ""});
    /* Without the read of the balance only the sender's order is left of 4 on 2. */
    for (uint32_t k = b.sets.first[4]; k < b.sets.first[5]; k++)
        if (b.sets.list[k].kind == EVM_MV_BALANCE)
            b.sets.list[k].how = EVM_ACCESS_PREDICATE;
    expect(&b, EVM_ORACLE_FIELD_NONCE, (const char *[]){"", "0", "", "1", "0", ""});
    expect(&b, EVM_ORACLE_FIELD, (const char *[]){"", "0", "", "1", "0 2", ""});
    /* 5 reads what 4 left of its sender's account only if it touches it: X was written by 2 alone.
     */
    expect(&b, EVM_ORACLE_ACCOUNT, (const char *[]){"", "0", "", "1", "0 2", "2"});
    /* 2 and 5 are plain transfers: 5 reads nothing, 4 sums up what 2 did. */
    expect(&b, EVM_ORACLE_ACCOUNT_LAZY, (const char *[]){"", "0", "", "1", "0 2", ""});
    drop(&b);
}

/* A reader of an account waits for every lazy update since it was last written as a whole. */
static void lazy_updates_are_summed_by_their_reader(void **state)
{
    struct block b;
    (void)state;
    begin(&b);
    for (uint32_t i = 0; i < TXS; i++) {
        bool plain = i == 1 || i == 2 || i == 4;
        row(&b, 0xee, EVM_MV_BALANCE, 0,
            EVM_ACCESS_DELTA | (plain ? 0 : EVM_ACCESS_READ | EVM_ACCESS_WRITE), EVM_NO_TX);
        end_tx(&b, plain ? 21000 : 90000);
    }
    expect(&b, EVM_ORACLE_ACCOUNT_LAZY, (const char *[]){"", "", "", "0 1 2", "", "3 4"});
    expect(&b, EVM_ORACLE_ACCOUNT, (const char *[]){"", "0", "1", "2", "3", "4"});
    drop(&b);
}

static void makespans_are_those_of_an_in_order_list(void **state)
{
    struct block b;
    struct evm_oracle o;
    int64_t got;
    const int64_t weights[TXS] = {3, 5, 2, 4, 6, 2};
    /* 1 core: 22. 2 cores: 0 at 0-3, 1 waits for it until 3-8, 2 takes the other core (free at 3)
     * 3-5, 3 needs 1: 8-12 on the core free at 5, 4 at 8-14, 5 at 12-14. */
    const int64_t want[] = {0, 22, 14, 12, 12, 12, 12};
    (void)state;
    make(&b);
    assert_int_equal(evm_oracle_init(&o, &b.in, EVM_ORACLE_FIELD_NONCE), EVM_OK);
    for (uint32_t cores = 1; cores <= TXS; cores++) {
        assert_int_equal(evm_oracle_makespan(&o, weights, cores, &got), EVM_OK);
        if (got != want[cores])
            fail_msg("%u cores: %lld, expected %lld", cores, (long long)got,
                     (long long)want[cores]);
    }
    assert_int_equal(evm_oracle_chain(&o, weights, &got), EVM_OK);
    assert_int_equal(got, 3 + 5 + 4);
    assert_int_equal(evm_oracle_chain(&o, NULL, &got), EVM_OK);
    assert_int_equal(got, 3);
    evm_oracle_fini(&o);
    drop(&b);
}

static void a_block_is_scaled_to_its_serial_time(void **state)
{
    struct block b;
    struct evm_access_sets none = {0};
    int64_t got;
    const int64_t costs[TXS] = {3, 5, 2, 4, 6, 2};
    (void)state;
    make(&b);
    b.sets.cost_ns = calloc(TXS, sizeof *b.sets.cost_ns);
    memcpy(b.sets.cost_ns, costs, sizeof costs);
    assert_int_equal(evm_oracle_block(&b.in, 22000, 1, &got), EVM_OK);
    assert_int_equal(got, 22000);
    assert_int_equal(evm_oracle_block(&b.in, 22000, 2, &got), EVM_OK);
    assert_int_equal(got, 14000);
    /* Without costs the gas counts: 222,000 in all, 30 + 50 + 40 the longest chain. */
    free(b.sets.cost_ns);
    b.sets.cost_ns = NULL;
    assert_int_equal(evm_oracle_block(&b.in, 222000, 64, &got), EVM_OK);
    assert_int_equal(got, 120000);
    drop(&b);
    b.in.sets = &none;
    assert_int_equal(evm_oracle_block(&b.in, 22000, 2, &got), EVM_OK);
    assert_int_equal(got, 0);
}

static void hottest_keys_come_first(void **state)
{
    struct block b;
    struct evm_hot_key keys[8];
    struct evm_conflict *graph;
    uint32_t count;
    (void)state;
    make(&b);
    assert_int_equal(evm_insight_hottest(&b.in, keys, 8, &count), EVM_OK);
    assert_int_equal(count, 3);
    assert_int_equal(keys[0].key.w[0], 7); /* two conflicts */
    assert_int_equal(keys[0].conflicts, 2);
    assert_int_equal(keys[0].readers, 3);
    assert_int_equal(keys[0].writers, 1);
    assert_int_equal(keys[0].gas, 50000 + 60000);
    assert_int_equal(keys[1].kind, EVM_MV_BALANCE); /* one, of more gas ... */
    assert_int_equal(keys[1].gas, 60000);
    assert_int_equal(keys[1].readers, 2);
    assert_int_equal(keys[1].writers, 2);
    assert_int_equal(keys[2].key.w[0], 8); /* ... than this one */
    assert_int_equal(keys[2].gas, 40000);
    assert_int_equal(evm_insight_hottest(&b.in, keys, 2, &count), EVM_OK);
    assert_int_equal(count, 2);
    assert_int_equal(evm_insight_graph(&b.in, &graph, &count), EVM_OK);
    assert_int_equal(count, 4);
    assert_int_equal(graph[0].reader, 1);
    assert_int_equal(graph[0].writer, 0);
    assert_int_equal(graph[3].reader, 4);
    assert_int_equal(evm_insight_place(keys, 2, graph[0].at), 0);
    assert_int_equal(evm_insight_place(keys, 2, graph[1].at), EVM_NO_TX); /* slot 8, the third */
    free(graph);
    drop(&b);
}

/* ---- names ---- */

/* EIP-55: a letter is a capital where the digit of keccak256 of the small letters is 8 or more. */
static void known_addresses_have_their_checksums(void **state)
{
    const char *address, *name;
    int balances;
    size_t i = 0;
    (void)state;
    for (; evm_insight_known(i, &address, &name, &balances); i++) {
        char small[41];
        struct evm_hash h;
        assert_int_equal(strlen(address), 42);
        for (int k = 0; k < 41; k++)
            small[k] = (char)tolower((unsigned char)address[2 + k]);
        evm_keccak256(&h, (struct evm_bytes){(const uint8_t *)small, 40});
        for (int k = 0; k < 40; k++) {
            bool high = (h.b[k / 2] >> (k % 2 ? 0 : 4) & 15) >= 8;
            char want = high ? (char)toupper((unsigned char)small[k]) : small[k];
            if (address[2 + k] != want)
                fail_msg("%s (%s): digit %d should be %c", address, name, k, want);
        }
    }
    assert_true(i > 10);
}

static void name_is(const struct block *b, const struct evm_hot_key *key, const char *want)
{
    char name[EVM_INSIGHT_NAME];
    evm_insight_key_name(&b->in, key, name);
    assert_string_equal(name, want);
}

static void keys_have_names(void **state)
{
    static const uint8_t weth[20] = {0xc0, 0x2a, 0xaa, 0x39, 0xb2, 0x23, 0xfe, 0x8d, 0x0a, 0x0e,
                                     0x5c, 0x4f, 0x27, 0xea, 0xd9, 0x08, 0x3c, 0x75, 0x6c, 0xc2};
    struct block b;
    struct evm_hot_key key = {.addr = address(0xa0), .kind = EVM_MV_SLOT};
    uint8_t preimage[64] = {0}, input[68] = {0xa9, 0x05, 0x9c, 0xbb};
    const struct evm_addr owner = address(0x5e);
    struct evm_hash h;
    (void)state;
    make(&b);
    key.key.w[0] = 7;
    name_is(&b, &key, "0xa0a0a0..a0a0.slot 7");
    key.kind = EVM_MV_NONCE;
    name_is(&b, &key, "0xa0a0a0..a0a0.nonce");
    key.kind = EVM_MV_BALANCE;
    memset(&key.addr, 0, sizeof key.addr);
    key.addr.b[19] = 4;
    name_is(&b, &key, "precompile 0x04.balance");
    /* An owner that only the input names, in the mapping at slot 3. */
    memcpy(preimage + 12, owner.b, sizeof owner.b);
    preimage[63] = 3;
    evm_keccak256(&h, (struct evm_bytes){preimage, sizeof preimage});
    key.kind = EVM_MV_SLOT;
    memcpy(key.addr.b, weth, sizeof weth);
    evm_u256_load_be(&key.key, h.b);
    memcpy(input + 16, owner.b, sizeof owner.b);
    b.txs[4].input = (struct evm_bytes){input, sizeof input};
    struct evm_access *a = &b.sets.list[b.sets.first[4]];
    a->addr = key.addr;
    a->kind = EVM_MV_SLOT;
    a->key = key.key;
    key.first_tx = 4;
    name_is(&b, &key, "WETH.balances[0x5e5e5e..5e5e]");
    a->addr = key.addr = address(0xa1);
    name_is(&b, &key, "0xa1a1a1..a1a1.map 3[0x5e5e5e..5e5e]");
    b.txs[4].to = key.addr; /* it was a transfer of this token: then it is a balance */
    name_is(&b, &key, "0xa1a1a1..a1a1.balances[0x5e5e5e..5e5e]");
    input[0] = 0x09; /* and now it is not */
    name_is(&b, &key, "0xa1a1a1..a1a1.map 3[0x5e5e5e..5e5e]");
    b.txs[4].input.size = 3;
    char want[64];
    snprintf(want, sizeof want, "0xa1a1a1..a1a1.slot 0x%02x%02x%02x%02x..%02x%02x", h.b[0], h.b[1],
             h.b[2], h.b[3], h.b[30], h.b[31]);
    name_is(&b, &key, want);
    drop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_make_the_dependencies_they_say),
        cmocka_unit_test(lazy_updates_are_summed_by_their_reader),
        cmocka_unit_test(makespans_are_those_of_an_in_order_list),
        cmocka_unit_test(a_block_is_scaled_to_its_serial_time),
        cmocka_unit_test(hottest_keys_come_first),
        cmocka_unit_test(known_addresses_have_their_checksums),
        cmocka_unit_test(keys_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
