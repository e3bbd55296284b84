/* Headers, fees that follow from the parent, chains, receipts, blooms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/block/block.h"
#include "evm/block/system.h"
#include "evm/core/keccak.h"
#include "evm/core/u256.h"

static void hex(const char *text, uint8_t *out)
{
    for (size_t i = 0; text[2 * i]; i++) {
        unsigned v;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &v), 1);
        out[i] = (uint8_t)v;
    }
}

/* Values from the formulas of the EIPs in exact integers, computed apart from this program. */
static void base_fees(void **state)
{
    (void)state;
    static const struct {
        const char *base;
        uint64_t used, limit;
        const char *next;
    } rows[] = {
        {"1000000000", 15000000, 30000000, "1000000000"},
        {"1000000000", 30000000, 30000000, "1125000000"},
        {"1000000000", 0, 30000000, "875000000"},
        {"7", 29999999, 30000001, "8"},
        {"123456789012345678901234567890", 29000001, 30000000, "137860082092592583209259258320"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct evm_u256 base, next, expected;
        assert_true(evm_u256_parse(&base, rows[i].base));
        assert_true(evm_u256_parse(&expected, rows[i].next));
        evm_next_base_fee(&base, rows[i].used, rows[i].limit, &next);
        assert_memory_equal(&next, &expected, sizeof next);
    }
}

static void blob_fees(void **state)
{
    (void)state;
    static const struct {
        uint64_t excess, fraction;
        const char *fee;
    } rows[] = {
        {0, 3338477, "1"},
        {2314057, 3338477, "1"},
        {2314058, 3338477, "2"},
        {10485760, 3338477, "23"},
        {148099578, 3338477, "18446739238971471609"},
        {148099579, 3338477, "18446744762204311910"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct evm_u256 fee, expected;
        assert_true(evm_u256_parse(&expected, rows[i].fee));
        evm_blob_base_fee(rows[i].excess, rows[i].fraction, &fee);
        assert_memory_equal(&fee, &expected, sizeof fee);
    }
    struct evm_u256 fee, all;
    memset(&all, 0xff, sizeof all);
    evm_blob_base_fee(UINT64_MAX, 3338477, &fee);
    assert_memory_equal(&fee, &all, sizeof fee);
}

static void excess_blob_gas(void **state)
{
    (void)state;
    const struct evm_chain_config *cancun = evm_chain_find("cancun");
    struct evm_header h = {.number = 5, .excess_blob_gas = 0, .blob_gas_used = 3 * 131072};
    assert_int_equal(evm_next_excess_blob_gas(cancun, &h, 9), 0);
    h.blob_gas_used = 6 * 131072;
    assert_int_equal(evm_next_excess_blob_gas(cancun, &h, 9), 3 * 131072);
    h.excess_blob_gas = 2 * 131072;
    h.blob_gas_used = 0;
    assert_int_equal(evm_next_excess_blob_gas(cancun, &h, 9), 0);
    /* EIP-7918: blobs are far cheaper than execution, so the excess does not fall. */
    h.excess_blob_gas = 20 * 131072;
    h.base_fee = evm_u256_of(50000000000);
    h.blob_gas_used = 6 * 131072;
    assert_int_equal(evm_next_excess_blob_gas(evm_chain_find("prague"), &h, 9), 20 * 131072);
    assert_int_equal(evm_next_excess_blob_gas(evm_chain_find("osaka"), &h, 9),
                     20 * 131072 + 6 * 131072 * 3 / 9);
}

static void forks(void **state)
{
    (void)state;
    const struct evm_chain_config *c = evm_chain_find("mainnet");
    static const struct {
        uint64_t number, time;
        enum evm_fork fork;
    } rows[] = {
        {0, 0, EVM_FRONTIER},
        {1149999, 0, EVM_FRONTIER},
        {1150000, 0, EVM_HOMESTEAD},
        {7280000, 0, EVM_PETERSBURG},
        {12964999, 1600000000, EVM_BERLIN},
        {12965000, 1600000000, EVM_LONDON},
        {17034869, 1681338443, EVM_PARIS},
        {17034870, 1681338455, EVM_SHANGHAI},
        {19426587, 1710338135, EVM_CANCUN},
        {22431084, 1746612311, EVM_PRAGUE},
        {23935694, 1764798551, EVM_OSAKA},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(evm_chain_fork(c, rows[i].number, rows[i].time), rows[i].fork);
    assert_int_equal(evm_chain_blobs(c, 23935694, 1764798551).max, 9);
    assert_int_equal(evm_chain_blobs(c, 23975778, 1765290071).max, 15);
    assert_int_equal(evm_chain_blobs(c, 24200000, 1767747671).target, 14);
    assert_int_equal(evm_chain_blobs(c, 12965000, 1600000000).max, 0);
    assert_null(evm_chain_find("no such chain"));
    for (size_t i = 0; evm_chain_at(i); i++)
        assert_ptr_equal(evm_chain_find(evm_chain_at(i)->name), evm_chain_at(i));
}

/* The first block of Ethereum's main network after the genesis block, and its known hash. */
static void header_hash(void **state)
{
    (void)state;
    struct evm_header h = {.difficulty = evm_u256_of(0x3ff800000),
                           .number = 1,
                           .gas_limit = 0x1388,
                           .timestamp = 0x55ba4224};
    uint8_t extra[25];
    struct evm_hash expected, found;
    hex("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3", h.parent_hash.b);
    hex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347", h.uncles_hash.b);
    hex("05a56e2d52c817161883f50c441c3228cfe54d9f", h.coinbase.b);
    hex("d67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3", h.state_root.b);
    h.transactions_root = h.receipts_root = evm_empty_trie_root;
    hex("476574682f76312e302e302f6c696e75782f676f312e342e32", extra);
    h.extra = (struct evm_bytes){extra, 25};
    hex("969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59", h.mix_hash.b);
    hex("539bd4979fef1ec4", h.nonce);
    hex("88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6", expected.b);
    assert_int_equal(evm_header_hash(&h, &found), EVM_OK);
    assert_memory_equal(&found, &expected, 32);
    /* The size of a block is the length of its encoding; this one's is known to be 537 bytes. */
    struct evm_block block = {.header = h};
    struct evm_buf b = {0};
    evm_block_encode(&b, &block);
    assert_int_equal(evm_block_size(&block), b.size);
    assert_int_equal(b.size, 537);
    evm_buf_fini(&b);
}

/* The three bits that the Yellow Paper's rule gives for no bytes at all, followed by hand on
 * keccak256(""). */
static void blooms(void **state)
{
    (void)state;
    struct evm_bloom a = {{0}}, b = {{0}};
    struct evm_bloom_batch one = {0};
    evm_bloom_batch_add(&one, &a, NULL, 0);
    evm_bloom_batch_flush(&one);
    /* keccak256("") starts c5d2 4601 86f7: bits 0x5d2, 0x601, 0x6f7. */
    static const unsigned bits[3] = {0x5d2, 0x601, 0x6f7};
    for (int i = 0; i < 3; i++)
        b.b[255 - bits[i] / 8] |= (uint8_t)(1u << (bits[i] % 8));
    assert_memory_equal(&a, &b, sizeof a);
    struct evm_bloom both = {{0x80}};
    evm_bloom_or(&both, &a);
    assert_int_equal(both.b[0], 0x80 | a.b[0]);
}

/* Receipts of many logs, some alike: each filter has the three bits of each of its items, picked
 * here by the rule from a hash of its own. */
static void bloom_batches(void **state)
{
    (void)state;
    enum { N = 40, LOGS = 3 };
    struct evm_log logs[N][LOGS];
    struct evm_receipt r[N] = {{0}};
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t k = 0; k < LOGS; k++) {
            struct evm_log *l = &logs[i][k];
            *l = (struct evm_log){.topic_count = (i + k) % 5};
            memset(l->addr.b, (int)(i % 3), sizeof l->addr.b);
            for (uint32_t t = 0; t < 4; t++) {
                memset(&l->topics[t], (int)(t * 40 + i % 7 * k), 32);
                l->topics[t].b[20] = (uint8_t)(t == 2 ? i : 0);
            }
        }
        const struct evm_tx tx = {0};
        const struct evm_tx_outcome o = {.logs = logs[i], .log_count = i % (LOGS + 1)};
        assert_int_equal(evm_receipt_make(&r[i], i, &tx, &o, 0), EVM_OK);
    }
    evm_receipts_filter(r, N);
    struct evm_bloom all = {{0}}, sum;
    for (uint32_t i = 0; i < N; i++) {
        struct evm_bloom want = {{0}};
        for (uint32_t k = 0; k < r[i].log_count; k++)
            for (uint32_t t = 0; t <= logs[i][k].topic_count; t++) {
                struct evm_hash h;
                struct evm_bytes item = {t ? logs[i][k].topics[t - 1].b : logs[i][k].addr.b,
                                         t ? 32 : 20};
                evm_keccak256(&h, item);
                for (int b = 0; b < 6; b += 2) {
                    unsigned bit = (h.b[b] % 8u) * 256 + h.b[b + 1];
                    want.b[255 - bit / 8] |= (uint8_t)(1u << bit % 8);
                }
            }
        assert_int_equal(r[i].bloom != NULL, r[i].log_count > 0);
        if (r[i].bloom)
            assert_memory_equal(r[i].bloom, &want, sizeof want);
        evm_bloom_or(&all, &want);
    }
    evm_receipts_bloom(r, N, &sum);
    assert_memory_equal(&sum, &all, sizeof all);
    for (uint32_t i = 0; i < N; i++)
        evm_receipt_fini(&r[i]);
}

/* 200 plain transfers. The
 * root must not change with what is not part of a receipt, and must with what is. */
static void receipt_roots(void **state)
{
    (void)state;
    enum { N = 200 };
    struct evm_receipt *r = calloc(N, sizeof *r);
    struct evm_hash empty, root, again;
    assert_int_equal(evm_receipts_root(NULL, 0, &empty), EVM_OK);
    assert_memory_equal(&empty, &evm_empty_trie_root, 32);
    for (uint32_t i = 0; i < N; i++)
        r[i] = (struct evm_receipt){.success = true, .cumulative_gas = 21000ull * (i + 1)};
    /* One transfer: the root in the header of every block that holds just one (Byzantium on). */
    uint8_t known[32];
    hex("056b23fbba480696b65fe5a59b8f2148a1299103c4f57df839233af2cf4ca2d2", known);
    assert_int_equal(evm_receipts_root(r, 1, &root), EVM_OK);
    assert_memory_equal(&root, known, 32);
    assert_int_equal(evm_receipts_root(r, N, &root), EVM_OK);
    r[130].gas_used = 5; /* not in the encoding */
    assert_int_equal(evm_receipts_root(r, N, &again), EVM_OK);
    assert_memory_equal(&root, &again, 32);
    r[130].type = EVM_TX_DYNAMIC_FEE;
    assert_int_equal(evm_receipts_root(r, N, &again), EVM_OK);
    assert_memory_not_equal(&root, &again, 32);
    free(r);
}

/* Money of the protocol: rewards, uncles, withdrawals, and empty accounts on both sides of EIP-161.
 */
static void credits(void **state)
{
    (void)state;
    struct evm_codes *codes = evm_codes_create();
    struct evm_system *sys = evm_system_create(codes);
    struct evm_state *s = evm_state_create(codes);
    struct evm_account acc;
    const struct evm_addr a = {{1, 2, 3}}, b = {{4, 5, 6}}, c = {{7, 8, 9}};
    const struct evm_u256 nothing = evm_u256_of(0);
    assert_int_equal(evm_credit(s, evm_rules_of(EVM_CANCUN), &a, &nothing), EVM_OK);
    evm_state_account(s, &a, &acc);
    assert_false(acc.exists);
    assert_int_equal(evm_credit(s, evm_rules_of(EVM_HOMESTEAD), &a, &nothing), EVM_OK);
    evm_state_account(s, &a, &acc);
    assert_true(acc.exists);
    assert_int_equal(evm_credit(s, evm_rules_of(EVM_CANCUN), &a, &nothing), EVM_OK);
    evm_state_account(s, &a, &acc);
    assert_false(acc.exists);

    struct evm_requests requests = {0};
    enum evm_block_fault fault;
    struct evm_header uncle = {.number = 98, .coinbase = c};
    struct evm_block block = {
        .header = {.number = 100, .coinbase = b}, .uncles = &uncle, .uncle_count = 1};
    assert_int_equal(evm_block_close(sys, evm_chain_find("byzantium"), &block, NULL, NULL, 0, s,
                                     &requests, &fault),
                     EVM_OK);
    evm_state_account(s, &b, &acc); /* 3 ether and a 32nd of it */
    assert_int_equal(acc.balance.w[0], 3000000000000000000u + 93750000000000000u);
    evm_state_account(s, &c, &acc); /* two blocks late: six eighths */
    assert_int_equal(acc.balance.w[0], 2250000000000000000u);

    struct evm_withdrawal w[2] = {{1, 2, 0, a}, {2, 3, 17, c}};
    block = (struct evm_block){.header = {.number = 101, .coinbase = b},
                               .has_withdrawals = true,
                               .withdrawals = w,
                               .withdrawal_count = 2};
    assert_int_equal(evm_block_close(sys, evm_chain_find("shanghai"), &block, NULL, NULL, 0, s,
                                     &requests, &fault),
                     EVM_OK);
    evm_state_account(s, &a, &acc);
    assert_false(acc.exists);
    evm_state_account(s, &c, &acc);
    assert_int_equal(acc.balance.w[0], 2250000000000000000u + 17000000000u);
    evm_state_unref(s);
    evm_system_destroy(sys);
    evm_codes_destroy(codes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_fees),       cmocka_unit_test(blob_fees),
        cmocka_unit_test(excess_blob_gas), cmocka_unit_test(forks),
        cmocka_unit_test(header_hash),     cmocka_unit_test(blooms),
        cmocka_unit_test(bloom_batches),   cmocka_unit_test(receipt_roots),
        cmocka_unit_test(credits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
