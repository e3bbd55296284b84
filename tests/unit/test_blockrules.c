/* What holds around a block's transactions: difficulty, the rules of headers and bodies, the DAO
 * fork, requests, chains by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/block/system.h"
#include "evm/block/validate.h"
#include "evm/core/keccak.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"

static struct evm_hash hash_of(const char *text)
{
    struct evm_hash h = {{0}};
    for (size_t i = 0; i < sizeof h.b; i++) {
        unsigned v;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &v), 1);
        h.b[i] = (uint8_t)v;
    }
    return h;
}

/* ---- difficulty ------------------------------------------------------------------------------ */

static void difficulties(void **state)
{
    (void)state;
    static const struct {
        const char *chain;
        uint64_t number;
        const char *parent;
        uint64_t seconds;
        bool uncles;
        const char *expected;
    } rows[] = {
        /* The first blocks of the main network. */
        {"Frontier", 1, "17179869184", 1438269988, false, "17171480576"},
        {"Frontier", 2, "17171480576", 29, false, "17163096064"},
        /* The formulas in exact integers, computed apart from this program. */
        {"Frontier", 10, "131072", 5000, false, "131072"},
        {"Frontier", 500000, "10000000000000", 12, false, "10004882812508"},
        {"Homestead", 1199999, "30000000000000", 57, false, "29941406250512"},
        {"Homestead", 2400001, "30000000000000", 2000, false, "28549808881804"},
        {"Byzantium", 4400000, "3000000000000000", 8, true, "3002929687504096"},
        {"Byzantium", 7200001, "3000000000000000", 27, false, "2998169824127776"},
        {"Constantinople", 7400000, "3000000000000000", 13, true, "3001464847944304"},
        {"London", 13500000, "9000000000000000", 30, false, "8991279656976736"},
        {"GrayGlacier", 15400000, "12000000000000000", 14, true, "12006134252906944"},
        /* From the difficulty tests of ethereum/tests: heights of difficultyEIP2384_random_to20M,
         * numbers 0, 101 and 117 of difficultyArrowGlacierMinus1. */
        {"Berlin", 10005684, "0x5baea941bf49eb92", 10, true, "0x5bba1f16e781d5cf"},
        {"Berlin", 10219102, "0x1012714f7c7f3679", 16, false, "0x1012714f7c7f3a79"},
        {"Berlin", 10499399, "0x7b20443d0d4a1b13", 2, false, "0x7b2fa84594ebd456"},
        {"Berlin", 1044428, "0x1d5e86adfcd489b5", 13, false, "0x1d5e86adfcd489b5"},
        {"ArrowGlacier", 0xa344df, "0x223a2d17232652", 1, false, "0x223e745cc60ab6"},
        {"ArrowGlacier", 0xaae5ff, "0x223a2d17232652", 1, true, "0x2242bba268ef1e"},
        {"ArrowGlacier", 0xaae5ff, "0x223a2d17232652", 0x49, true, "0x2220817551cbfe"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct evm_chain_made made;
        struct evm_u256 expected, got;
        struct evm_header parent = {
            .number = rows[i].number - 1, .timestamp = 1000, .uncles_hash = evm_no_uncles_hash};
        parent.uncles_hash.b[0] ^= rows[i].uncles;
        assert_true(evm_u256_parse(&parent.difficulty, rows[i].parent));
        assert_true(evm_u256_parse(&expected, rows[i].expected));
        assert_true(evm_chain_make(rows[i].chain, 1, &made));
        evm_next_difficulty(&made.config, &parent, 1000 + rows[i].seconds, &got);
        if (!evm_u256_eq(&got, &expected))
            fail_msg("row %zu: %s", i, rows[i].chain);
    }
}

static void chains_by_name(void **state)
{
    (void)state;
    struct evm_chain_made m;
    assert_true(evm_chain_make("BerlinToLondonAt5", 7, &m));
    assert_int_equal(m.config.chain_id, 7);
    assert_int_equal(evm_chain_fork(&m.config, 4, 99), EVM_BERLIN);
    assert_int_equal(evm_chain_fork(&m.config, 5, 0), EVM_LONDON);
    assert_true(evm_chain_make("CancunToPragueAtTime15k", 1, &m));
    assert_int_equal(evm_chain_fork(&m.config, 1000000, 14999), EVM_CANCUN);
    assert_int_equal(evm_chain_fork(&m.config, 0, 15000), EVM_PRAGUE);
    assert_true(evm_chain_make("BPO1ToBPO2AtTime15k", 1, &m));
    assert_int_equal(evm_chain_blobs(&m.config, 1, 14999).max, 15);
    assert_int_equal(evm_chain_blobs(&m.config, 1, 15000).max, 21);
    assert_true(evm_chain_make("HomesteadToDaoAt5", 1, &m));
    assert_int_equal(m.config.dao_block, 5);
    assert_true(evm_chain_make("ByzantiumToConstantinopleFixAt5", 1, &m));
    assert_int_equal(evm_chain_fork(&m.config, 5, 0), EVM_PETERSBURG);
    assert_int_equal(evm_chain_bomb_delay(&m.config, 4, 0), 3000000);
    assert_true(evm_chain_make("MuirGlacier", 1, &m));
    assert_int_equal(evm_chain_bomb_delay(&m.config, 0, 0), 9000000);
    assert_int_equal(evm_chain_bomb_delay(evm_chain_find("mainnet"), 13773000, 0), 10700000);
    static const char *const unknown[] = {"",
                                          "To",
                                          "Berlin5",
                                          "BerlinToLondon",
                                          "BerlinToLondonAt",
                                          "BerlinToLondonAtTime",
                                          "BerlinToMoonAt5",
                                          "BerlinToLondonAt5x"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_false(evm_chain_make(unknown[i], 1, &m));
}

/* ---- headers --------------------------------------------------------------------------------- */

/* Two blocks of Cancun, the second of which keeps every rule. */
static void make_pair(struct evm_header *parent, struct evm_header *h)
{
    *parent = (struct evm_header){.number = 20000000,
                                  .timestamp = 1720000000,
                                  .gas_limit = 30000000,
                                  .gas_used = 30000000,
                                  .uncles_hash = evm_no_uncles_hash,
                                  .has_base_fee = true,
                                  .base_fee = evm_u256_of(1000000000),
                                  .has_withdrawals_root = true,
                                  .has_blob_gas = true,
                                  .blob_gas_used = 6 * 131072,
                                  .excess_blob_gas = 131072};
    *h = *parent;
    h->number++;
    h->timestamp += 12;
    h->gas_used = 0;
    h->gas_limit += 30000000 / 1024 - 1;
    h->base_fee = evm_u256_of(1125000000);
    h->excess_blob_gas = 4 * 131072;
    h->blob_gas_used = 131072;
    h->parent_hash.b[3] = 9;
}

static void headers(void **state)
{
    (void)state;
    const struct evm_chain_config *c = evm_chain_find("mainnet");
    struct evm_header parent, good, h;
    uint8_t extra[33] = {0};
    make_pair(&parent, &good);
    const struct evm_hash hash = good.parent_hash;
#define CHILD(change, fault)                                                                       \
    h = good;                                                                                      \
    change;                                                                                        \
    assert_string_equal(evm_block_fault_name(evm_check_child(c, &parent, &hash, &h)),              \
                        evm_block_fault_name(fault))
    CHILD((void)0, EVM_BLOCK_FINE);
    CHILD(h.has_requests_hash = true, EVM_BLOCK_FIELDS);
    CHILD(h.has_base_fee = false, EVM_BLOCK_FIELDS);
    CHILD((h.extra = (struct evm_bytes){extra, 33}), EVM_BLOCK_EXTRA_SIZE);
    CHILD((h.extra = (struct evm_bytes){extra, 32}), EVM_BLOCK_FINE);
    CHILD(h.gas_limit = 4999, EVM_BLOCK_GAS_LIMIT_LOW);
    CHILD(h.gas_limit = 1ull << 63, EVM_BLOCK_GAS_LIMIT_HIGH);
    CHILD(h.gas_used = h.gas_limit + 1, EVM_BLOCK_GAS_ABOVE_LIMIT);
    CHILD(h.blob_gas_used = 1, EVM_BLOCK_BLOB_GAS);
    CHILD(h.blob_gas_used = 7 * 131072, EVM_BLOCK_BLOB_GAS);
    CHILD(h.difficulty = evm_u256_of(1), EVM_BLOCK_NOT_STAKED);
    CHILD(h.nonce[7] = 1, EVM_BLOCK_NOT_STAKED);
    CHILD(h.uncles_hash.b[0] = 0, EVM_BLOCK_NOT_STAKED);
    CHILD(h.parent_hash.b[0] = 1, EVM_BLOCK_PARENT_HASH);
    CHILD(h.number++, EVM_BLOCK_NUMBER);
    CHILD(h.timestamp = parent.timestamp, EVM_BLOCK_TIMESTAMP);
    CHILD(h.gas_limit++, EVM_BLOCK_GAS_LIMIT_STEP);
    CHILD(h.gas_limit = 30000000 - 30000000 / 1024, EVM_BLOCK_GAS_LIMIT_STEP);
    CHILD(h.base_fee = evm_u256_of(1000000000), EVM_BLOCK_BASE_FEE);
    CHILD(h.excess_blob_gas = 131072, EVM_BLOCK_EXCESS_BLOB_GAS);
#undef CHILD
}

/* Passages of the main network. Blocks 0, 1 and 12,965,000 and the base fee after it are as
 * published; block 12,964,999 is made to fit. */
static void mainnet_headers(void **state)
{
    (void)state;
    const struct evm_chain_config *c = evm_chain_find("mainnet");
    struct evm_hash none = {{0}};
    struct evm_header genesis = {.difficulty = evm_u256_of(17179869184),
                                 .gas_limit = 5000,
                                 .uncles_hash = evm_no_uncles_hash};
    struct evm_header one = {.number = 1,
                             .difficulty = evm_u256_of(17171480576),
                             .timestamp = 1438269988,
                             .gas_limit = 5000,
                             .uncles_hash = evm_no_uncles_hash};
    assert_int_equal(evm_check_child(c, &genesis, &none, &one), EVM_BLOCK_FINE);
    one.difficulty = evm_u256_of(17171480577);
    assert_int_equal(evm_check_child(c, &genesis, &none, &one), EVM_BLOCK_DIFFICULTY);

    struct evm_u256 fee = evm_u256_of(1000000000);
    evm_next_base_fee(&fee, 30025257, 30029122, &fee); /* of block 12,965,000 */
    assert_int_equal(fee.w[0], 1124967822);
    struct evm_header berlin = {.number = 12964999,
                                .difficulty = evm_u256_of(7742494561645080),
                                .timestamp = 1628166812,
                                .gas_limit = 15029237,
                                .uncles_hash = evm_no_uncles_hash};
    struct evm_header london = {.number = 12965000,
                                .timestamp = 1628166822,
                                .gas_limit = 30029122,
                                .gas_used = 30025257,
                                .has_base_fee = true,
                                .base_fee = evm_u256_of(1000000000),
                                .uncles_hash = evm_no_uncles_hash};
    evm_next_difficulty(c, &berlin, london.timestamp, &london.difficulty);
    assert_int_equal(evm_check_child(c, &berlin, &none, &london), EVM_BLOCK_FINE);
    london.base_fee = evm_u256_of(999999999);
    assert_int_equal(evm_check_child(c, &berlin, &none, &london), EVM_BLOCK_BASE_FEE);
    london.base_fee = evm_u256_of(1000000000);
    london.gas_limit = 15029122; /* the limit doubles there */
    london.gas_used = 0;
    assert_int_equal(evm_check_child(c, &berlin, &none, &london), EVM_BLOCK_GAS_LIMIT_STEP);

    struct evm_header dao = {.number = 1920000, .gas_limit = 5000};
    assert_int_equal(evm_check_header(c, &dao), EVM_BLOCK_DAO_EXTRA);
    dao.extra = (struct evm_bytes){(const uint8_t *)"dao-hard-fork", 13};
    assert_int_equal(evm_check_header(c, &dao), EVM_BLOCK_FINE);
    dao = (struct evm_header){.number = 1920010, .gas_limit = 5000};
    assert_int_equal(evm_check_header(c, &dao), EVM_BLOCK_FINE);
}

static void put_uncles_hash(struct evm_block *b)
{
    struct evm_buf rlp = {0};
    size_t list = evm_rlp_open(&rlp);
    for (uint32_t i = 0; i < b->uncle_count; i++)
        evm_header_encode(&rlp, &b->uncles[i]);
    evm_rlp_close(&rlp, list);
    evm_keccak256(&b->header.uncles_hash, evm_buf_bytes(&rlp));
    evm_buf_fini(&rlp);
}

static void bodies(void **state)
{
    (void)state;
    const struct evm_chain_config *c = evm_chain_find("byzantium");
    const struct evm_hash empty =
        hash_of("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    struct evm_header uncles[3] = {{.number = 94}, {.number = 99}, {.number = 98}};
    struct evm_block b = {
        .header = {.number = 100, .transactions_root = empty, .uncles_hash = evm_no_uncles_hash}};
    enum evm_block_fault fault;
#define BODY(expected)                                                                             \
    assert_int_equal(evm_check_body(c, &b, &fault), EVM_OK);                                       \
    assert_string_equal(evm_block_fault_name(fault), evm_block_fault_name(expected))
    BODY(EVM_BLOCK_FINE);
    b.uncles = uncles;
    b.uncle_count = 1;
    BODY(EVM_BLOCK_UNCLES_HASH);
    b.header.transactions_root.b[0] ^= 1;
    BODY(EVM_BLOCK_TRANSACTIONS_ROOT);
    b.header.transactions_root = empty;
    put_uncles_hash(&b);
    BODY(EVM_BLOCK_FINE);
    uncles[0].number = 93;
    put_uncles_hash(&b);
    BODY(EVM_BLOCK_UNCLES);
    b.uncles = uncles + 1;
    b.uncle_count = 2;
    put_uncles_hash(&b);
    BODY(EVM_BLOCK_FINE);
    uncles[2].number = 100;
    put_uncles_hash(&b);
    BODY(EVM_BLOCK_UNCLES);
    uncles[0].number = uncles[2].number = 99;
    b.uncles = uncles;
    b.uncle_count = 3;
    put_uncles_hash(&b);
    BODY(EVM_BLOCK_UNCLES);
    b.uncle_count = 0;
    put_uncles_hash(&b);
    b.has_withdrawals = true;
    BODY(EVM_BLOCK_WITHDRAWALS_ROOT);
#undef BODY
}

/* ---- the DAO --------------------------------------------------------------------------------- */

static void put_balance(struct evm_state *s, const struct evm_addr *addr, uint64_t wei)
{
    struct evm_u256 v = evm_u256_of(wei);
    assert_int_equal(evm_credit(s, evm_rules_of(EVM_HOMESTEAD), addr, &v), EVM_OK);
}

static void count_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    (void)addr;
    (void)acc;
    ++*(size_t *)self;
}

static void dao(void **state)
{
    (void)state;
    struct evm_chain_made made;
    struct evm_addr a, first, last, refund, other = {{0x77}};
    size_t n = 0;
    while (evm_dao_account(n, &a)) {
        first = n == 0 ? a : first;
        last = a;
        n++;
    }
    assert_int_equal(n, 116);
    evm_dao_refund(&refund);
    assert_int_equal(first.b[0], 0xd4);
    assert_int_equal(last.b[19], 0x7a);
    struct evm_codes *codes = evm_codes_create();
    struct evm_system *sys = evm_system_create(codes);
    struct evm_state *s = evm_state_create(codes);
    for (size_t i = 0; evm_dao_account(i, &a); i++)
        if (i != 5)
            put_balance(s, &a, 1000 + i);
    put_balance(s, &other, 5);
    put_balance(s, &refund, 3);
    assert_true(evm_chain_make("HomesteadToDaoAt5", 1, &made));
    struct evm_block block = {.header = {.number = 4}};
    struct evm_account acc;
    assert_int_equal(evm_block_open(sys, &made.config, &block, NULL, s), EVM_OK);
    evm_state_account(s, &refund, &acc);
    assert_int_equal(acc.balance.w[0], 3);
    block.header.number = 5;
    assert_int_equal(evm_block_open(sys, &made.config, &block, NULL, s), EVM_OK);
    evm_state_account(s, &refund, &acc);
    assert_int_equal(acc.balance.w[0], 3 + 116 * 1000 + 116 * 115 / 2 - 1005);
    evm_state_account(s, &other, &acc);
    assert_int_equal(acc.balance.w[0], 5);
    for (size_t i = 0; evm_dao_account(i, &a); i++) {
        evm_state_account(s, &a, &acc);
        assert_true(evm_u256_is_zero(&acc.balance) && acc.exists);
    }
    size_t accounts = 0;
    assert_int_equal(evm_state_each(s, count_account, NULL, &accounts), EVM_OK);
    assert_int_equal(accounts, 118);
    evm_state_unref(s);
    evm_system_destroy(sys);
    evm_codes_destroy(codes);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* A deposit event's data: the ABI encoding of five strings. Their bytes count up. */
static void make_deposit(uint8_t data[576])
{
    static const uint16_t offsets[] = {160, 256, 320, 384, 512}, sizes[] = {48, 32, 8, 96, 8};
    uint8_t next = 0;
    memset(data, 0, 576);
    for (int i = 0; i < 5; i++) {
        data[32 * i + 30] = (uint8_t)(offsets[i] >> 8);
        data[32 * i + 31] = (uint8_t)offsets[i];
        data[offsets[i] + 31] = (uint8_t)sizes[i];
        for (int k = 0; k < sizes[i]; k++)
            data[offsets[i] + 32 + k] = next++;
    }
}

static void deposits(void **state)
{
    (void)state;
    const struct evm_addr contract = evm_chain_find("mainnet")->deposit_contract;
    uint8_t data[576];
    struct evm_requests r = {0};
    struct evm_log log = {
        .addr = contract,
        .topic_count = 1,
        .topics = {hash_of("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5")},
        .data = {data, sizeof data}};
    make_deposit(data);
    struct evm_log logs[3] = {log, log, log};
    logs[0].topics[0].b[0] ^= 1; /* another event */
    logs[2].addr.b[0] ^= 1;      /* another contract */
    assert_true(evm_requests_add_deposits(&r, &contract, logs, 3));
    assert_int_equal(r.of[EVM_REQUEST_DEPOSIT].size, 192);
    for (int i = 0; i < 192; i++)
        assert_int_equal(r.of[EVM_REQUEST_DEPOSIT].data[i], i);
    evm_requests_fini(&r);
    static const size_t lengths[] = {31, 63, 159, 160 + 31, 256 + 31, 512 + 31, 160};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        make_deposit(data);
        data[lengths[i]] ^= 1;
        assert_false(evm_requests_add_deposits(&r, &contract, &log, 1));
    }
    make_deposit(data);
    log.data.size--;
    assert_false(evm_requests_add_deposits(&r, &contract, &log, 1));
    evm_requests_fini(&r);
}

/* sha256 of sha256s, computed apart from this program. */
static void requests_hash(void **state)
{
    (void)state;
    uint8_t deposit[192], withdrawal[76], consolidation[116];
    struct evm_requests r = {0};
    struct evm_hash got, expected;
    for (int i = 0; i < 192; i++)
        deposit[i] = (uint8_t)i;
    memset(withdrawal, 7, sizeof withdrawal);
    memset(consolidation, 9, sizeof consolidation);
    expected = hash_of("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(evm_requests_hash(&r, &got), EVM_OK);
    assert_memory_equal(&got, &expected, sizeof got);
    evm_buf_append(&r.of[EVM_REQUEST_WITHDRAWAL], (struct evm_bytes){withdrawal, 76});
    expected = hash_of("379c5d9d4a1491de782aab3a6ba82a95c518c20673810ddafb213796cb5fd3ae");
    assert_int_equal(evm_requests_hash(&r, &got), EVM_OK);
    assert_memory_equal(&got, &expected, sizeof got);
    evm_buf_append(&r.of[EVM_REQUEST_DEPOSIT], (struct evm_bytes){deposit, 192});
    evm_buf_append(&r.of[EVM_REQUEST_CONSOLIDATION], (struct evm_bytes){consolidation, 116});
    expected = hash_of("fda2b1e6b6a698dc4359abb25a4252fb718e11cb072abc01c8486fdd2e23d3b7");
    assert_int_equal(evm_requests_hash(&r, &got), EVM_OK);
    assert_memory_equal(&got, &expected, sizeof got);
    evm_requests_fini(&r);
}

static void put_code(struct evm_state *s, struct evm_addr addr, const uint8_t *code, size_t size)
{
    struct evm_account_change change = {
        .addr = addr,
        .wrote = EVM_WROTE_CREATED | EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE,
        .nonce = 1,
        .code = evm_codes_add(evm_state_codes(s), (struct evm_bytes){code, size})};
    struct evm_changes c = {.accounts = &change, .account_count = 1, .account_capacity = 1};
    assert_int_equal(evm_state_apply(s, &c), EVM_OK);
}

/* Contracts of ours at the addresses of EIP-7002 and EIP-7251: what they return is the request, if
 * the chain wants them there. */
static void system_contracts(void **state)
{
    (void)state;
    static const struct evm_addr withdrawals = {{0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e,
                                                 0xb5, 0x5e, 0x80, 0xd1, 0x9a, 0xd8, 0x35,
                                                 0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}};
    static const struct evm_addr consolidations = {{0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48,
                                                    0x86, 0x42, 0xfb, 0x57, 0x9f, 0x8b, 0x00,
                                                    0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}};
    /* Returns 76 bytes that start with the caller, and counts its calls in slot 0. */
    static const uint8_t good[] = {0x60, 1,    0x60, 0, 0x54, 0x01, 0x60, 0,    0x55, 0x33, 0x60,
                                   0x60, 0x1b, 0x60, 0, 0x52, 0x60, 0x4c, 0x60, 0,    0xf3};
    static const uint8_t silent[] = {0x00}, broken[] = {0xfe};
    const struct evm_chain_config *lax = evm_chain_find("prague");
    struct evm_chain_config strict = *lax;
    strict.system_contracts = true;
    struct evm_codes *codes = evm_codes_create();
    struct evm_system *sys = evm_system_create(codes);
    struct evm_state *s = evm_state_create(codes);
    struct evm_block block = {.header = {.number = 9, .has_requests_hash = true}};
    struct evm_requests r = {0};
    enum evm_block_fault fault;
    struct evm_u256 zero = evm_u256_of(0), calls;
#define COLLECT(chain, expected)                                                                   \
    assert_int_equal(evm_collect_requests(sys, chain, &block, NULL, NULL, 0, s, &r, &fault),       \
                     EVM_OK);                                                                      \
    assert_string_equal(evm_block_fault_name(fault), evm_block_fault_name(expected))
    COLLECT(lax, EVM_BLOCK_FINE);
    COLLECT(&strict, EVM_BLOCK_NO_CONTRACT);
    put_code(s, withdrawals, good, sizeof good);
    COLLECT(&strict, EVM_BLOCK_NO_CONTRACT);
    evm_requests_fini(&r);
    put_code(s, consolidations, silent, sizeof silent);
    COLLECT(&strict, EVM_BLOCK_FINE);
    assert_int_equal(r.of[EVM_REQUEST_WITHDRAWAL].size, 76);
    assert_int_equal(r.of[EVM_REQUEST_WITHDRAWAL].data[0], 0xff);
    assert_int_equal(r.of[EVM_REQUEST_WITHDRAWAL].data[19], 0xfe);
    assert_int_equal(r.of[EVM_REQUEST_CONSOLIDATION].size, 0);
    evm_state_slot(s, &withdrawals, &zero, &calls);
    assert_int_equal(calls.w[0], 2);
    put_code(s, consolidations, broken, sizeof broken);
    COLLECT(lax, EVM_BLOCK_CONTRACT_FAILED);
    COLLECT(evm_chain_find("cancun"), EVM_BLOCK_FINE);
#undef COLLECT
    evm_requests_fini(&r);
    evm_state_unref(s);
    evm_system_destroy(sys);
    evm_codes_destroy(codes);
}

/* EIP-7934: eight MiB are too much from Osaka on. */
static void size_limit(void **state)
{
    (void)state;
    const struct evm_hash empty =
        hash_of("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    uint8_t *raw = calloc(1, 8388608);
    assert_non_null(raw);
    const struct evm_tx tx = {.raw = {raw, 8388608}}, *list = &tx;
    struct evm_block b = {.header = {.has_withdrawals_root = true,
                                     .withdrawals_root = empty,
                                     .uncles_hash = evm_no_uncles_hash},
                          .txs = &list,
                          .tx_count = 1,
                          .has_withdrawals = true};
    enum evm_block_fault fault;
    assert_int_equal(evm_transactions_root(b.txs, 1, &b.header.transactions_root), EVM_OK);
    assert_int_equal(evm_check_body(evm_chain_find("prague"), &b, &fault), EVM_OK);
    assert_int_equal(fault, EVM_BLOCK_FINE);
    assert_int_equal(evm_check_body(evm_chain_find("osaka"), &b, &fault), EVM_OK);
    assert_int_equal(fault, EVM_BLOCK_SIZE);
    free(raw);
}

static void outcomes(void **state)
{
    (void)state;
    const struct evm_chain_config *c = evm_chain_find("prague");
    struct evm_requests none = {0};
    struct evm_hash root = {{1, 2, 3}};
    struct evm_header good = {
        .has_blob_gas = true,
        .has_requests_hash = true,
        .requests_hash =
            hash_of("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        .receipts_root =
            hash_of("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"),
        .state_root = root};
    struct evm_header h;
    enum evm_block_fault fault;
#define OUTCOME(change, expected)                                                                  \
    h = good;                                                                                      \
    change;                                                                                        \
    assert_int_equal(evm_check_outcome(c, &h, NULL, 0, 0, &none, &root, &fault), EVM_OK);          \
    assert_string_equal(evm_block_fault_name(fault), evm_block_fault_name(expected))
    OUTCOME((void)0, EVM_BLOCK_FINE);
    OUTCOME(h.gas_used = 1, EVM_BLOCK_GAS_USED);
    OUTCOME(h.blob_gas_used = 131072, EVM_BLOCK_BLOB_GAS_USED);
    OUTCOME(h.receipts_root.b[9] ^= 1, EVM_BLOCK_RECEIPTS_ROOT);
    OUTCOME(h.bloom.b[200] = 4, EVM_BLOCK_BLOOM);
    OUTCOME(h.requests_hash.b[0] ^= 1, EVM_BLOCK_REQUESTS_HASH);
    OUTCOME(h.state_root.b[0] ^= 1, EVM_BLOCK_STATE_ROOT);
#undef OUTCOME
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(difficulties),     cmocka_unit_test(chains_by_name),
        cmocka_unit_test(headers),          cmocka_unit_test(mainnet_headers),
        cmocka_unit_test(bodies),           cmocka_unit_test(dao),
        cmocka_unit_test(deposits),         cmocka_unit_test(requests_hash),
        cmocka_unit_test(system_contracts), cmocka_unit_test(outcomes),
        cmocka_unit_test(size_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
