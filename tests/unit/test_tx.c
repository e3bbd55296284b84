#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evm/block/tx.h"
#include "evm/core/u256.h"

static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void random_bytes(uint64_t *seed, void *out, size_t size)
{
    uint8_t *b = out;
    for (size_t i = 0; i < size; i++)
        b[i] = (uint8_t)mix(seed);
}

/* A number of a random width, so that every length of encoding occurs, 0 included. */
static struct evm_u256 random_number(uint64_t *seed)
{
    struct evm_u256 v;
    random_bytes(seed, &v, sizeof v);
    evm_u256_shr(&v, &v, (unsigned)(mix(seed) % 256));
    if (mix(seed) % 8 == 0)
        v = evm_u256_of(0);
    return v;
}

static uint64_t random_u64(uint64_t *seed)
{
    return mix(seed) % 9 == 0 ? 0 : mix(seed) >> (mix(seed) % 64);
}

#define MANY 5
struct material {
    struct evm_u256 keys[MANY][MANY];
    struct evm_access_entry entries[MANY];
    struct evm_hash blobs[MANY];
    struct evm_authorization auths[MANY];
    uint8_t input[400], secret[32];
};

static void random_tx(uint64_t *seed, struct material *m, struct evm_tx *tx)
{
    random_bytes(seed, m, sizeof m->keys);
    random_bytes(seed, m->blobs, sizeof m->blobs);
    random_bytes(seed, m->input, sizeof m->input);
    random_bytes(seed, m->secret, sizeof m->secret);
    *tx = (struct evm_tx){.type = (enum evm_tx_type)(mix(seed) % 5),
                          .nonce = random_u64(seed),
                          .gas_limit = random_u64(seed),
                          .max_fee = random_number(seed),
                          .value = random_number(seed),
                          .chain_id = random_u64(seed) >> 1,
                          .input = {m->input, mix(seed) % sizeof m->input}};
    tx->has_chain_id = tx->type != EVM_TX_LEGACY || mix(seed) % 2;
    if (!tx->has_chain_id)
        tx->chain_id = 0;
    tx->max_priority_fee = tx->type >= EVM_TX_DYNAMIC_FEE ? random_number(seed) : tx->max_fee;
    tx->is_create = mix(seed) % 4 == 0;
    if (!tx->is_create)
        random_bytes(seed, &tx->to, sizeof tx->to);
    if (tx->type >= EVM_TX_ACCESS_LIST) {
        tx->access_list = m->entries;
        tx->access_count = mix(seed) % (MANY + 1);
        for (size_t i = 0; i < tx->access_count; i++) {
            random_bytes(seed, &m->entries[i].addr, 20);
            m->entries[i].keys = m->keys[i];
            m->entries[i].key_count = mix(seed) % (MANY + 1);
        }
    }
    if (tx->type == EVM_TX_BLOB) {
        tx->max_blob_fee = random_number(seed);
        tx->blob_hashes = m->blobs;
        tx->blob_count = mix(seed) % (MANY + 1);
    }
    if (tx->type == EVM_TX_SET_CODE) {
        tx->authorizations = m->auths;
        tx->authorization_count = mix(seed) % (MANY + 1);
        for (size_t i = 0; i < tx->authorization_count; i++) {
            uint8_t secret[32];
            random_bytes(seed, secret, sizeof secret);
            m->auths[i] = (struct evm_authorization){.chain_id = random_number(seed),
                                                     .nonce = random_u64(seed)};
            random_bytes(seed, &m->auths[i].addr, 20);
            assert_true(evm_authorization_sign(&m->auths[i], secret));
        }
    }
}

static void assert_u256(const struct evm_u256 *a, const struct evm_u256 *b)
{
    assert_memory_equal(a, b, sizeof *a);
}

static void assert_same(const struct evm_tx *a, const struct evm_tx *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->has_chain_id, b->has_chain_id);
    assert_int_equal(a->chain_id, b->chain_id);
    assert_int_equal(a->nonce, b->nonce);
    assert_int_equal(a->gas_limit, b->gas_limit);
    assert_u256(&a->max_fee, &b->max_fee);
    assert_u256(&a->max_priority_fee, &b->max_priority_fee);
    assert_u256(&a->max_blob_fee, &b->max_blob_fee);
    assert_u256(&a->value, &b->value);
    assert_int_equal(a->is_create, b->is_create);
    assert_memory_equal(&a->to, &b->to, 20);
    assert_int_equal(a->input.size, b->input.size);
    if (a->input.size)
        assert_memory_equal(a->input.data, b->input.data, a->input.size);
    assert_int_equal(a->access_count, b->access_count);
    for (size_t i = 0; i < a->access_count; i++) {
        assert_memory_equal(&a->access_list[i].addr, &b->access_list[i].addr, 20);
        assert_int_equal(a->access_list[i].key_count, b->access_list[i].key_count);
        for (size_t k = 0; k < a->access_list[i].key_count; k++)
            assert_u256(&a->access_list[i].keys[k], &b->access_list[i].keys[k]);
    }
    assert_int_equal(a->blob_count, b->blob_count);
    if (a->blob_count)
        assert_memory_equal(a->blob_hashes, b->blob_hashes, a->blob_count * 32);
    assert_int_equal(a->authorization_count, b->authorization_count);
    for (size_t i = 0; i < a->authorization_count; i++) {
        assert_u256(&a->authorizations[i].chain_id, &b->authorizations[i].chain_id);
        assert_memory_equal(&a->authorizations[i].addr, &b->authorizations[i].addr, 20);
        assert_int_equal(a->authorizations[i].nonce, b->authorizations[i].nonce);
        assert_memory_equal(&a->authorizations[i].authority, &b->authorizations[i].authority, 20);
        assert_int_equal(b->authorizations[i].authority_valid, true);
    }
}

/* sign, decode what travels, recover: the same transaction and sender; every type and width. */
static void round_trip(void **state)
{
    (void)state;
    uint64_t seed = 2026;
    static struct material m;
    for (int i = 0; i < 400; i++) {
        struct evm_tx original, tx, back;
        struct evm_err err = {0};
        struct evm_addr sender;
        random_tx(&seed, &m, &original);
        tx = original;
        assert_true(evm_address_of_secret(m.secret, &sender));
        assert_int_equal(evm_tx_sign(&tx, m.secret, &err), EVM_OK);
        assert_same(&original, &tx);
        assert_memory_equal(&tx.sender, &sender, 20);
        assert_int_equal(evm_tx_decode(&back, tx.raw, &err), EVM_OK);
        assert_false(back.has_sender);
        assert_int_equal(evm_tx_recover(&back, true, &err), EVM_OK);
        assert_same(&original, &back);
        assert_memory_equal(&back.sender, &sender, 20);
        assert_memory_equal(&back.hash, &tx.hash, 32);

        /* Encoding what was decoded gives the same bytes. */
        assert_int_equal(evm_tx_encode(&back, &err), EVM_OK);
        assert_int_equal(back.raw.size, tx.raw.size);
        assert_memory_equal(back.raw.data, tx.raw.data, tx.raw.size);
        assert_true(back.has_sender);
        evm_tx_fini(&tx);
        evm_tx_fini(&back);
    }
}

/* The short way of encoding leaves what decoding would. */
static void plain(void **state)
{
    static const size_t sizes[] = {0, 1, 55, 56, 200, 1023, 1024, 1025};
    static uint8_t input[1025];
    uint64_t seed = 31;
    struct evm_err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (uint8_t)mix(&seed);
    for (size_t i = 0; i < 3 * sizeof sizes / sizeof sizes[0]; i++) {
        struct evm_tx tx = {.type = EVM_TX_DYNAMIC_FEE, .chain_id = mix(&seed)}, back, unhashed;
        tx.nonce = mix(&seed) >> i;
        tx.gas_limit = mix(&seed);
        tx.max_fee = tx.value = tx.r = evm_u256_of(mix(&seed));
        tx.s.w[3] = i % 3 ? mix(&seed) : 0;
        tx.y_parity = evm_u256_of(i & 1);
        tx.max_blob_fee = evm_u256_of(7);
        tx.is_create = i % 3 == 2;
        tx.to.b[i % 20] = (uint8_t)mix(&seed);
        tx.input = (struct evm_bytes){input, sizes[i / 3]};
        unhashed = tx;
        assert_int_equal(evm_tx_encode(&tx, &err), EVM_OK);
        assert_int_equal(evm_tx_encode_unhashed(&unhashed, &err), EVM_OK);
        assert_memory_equal(unhashed.raw.data, tx.raw.data, tx.raw.size);
        assert_int_equal(evm_tx_decode(&back, tx.raw, &err), EVM_OK);
        assert_same(&back, &tx);
        assert_true(tx.has_chain_id && evm_u256_is_zero(&tx.max_blob_fee));
        assert_memory_equal(&tx.hash, &back.hash, 32);
        assert_true(evm_u256_eq(&tx.r, &back.r) && evm_u256_eq(&tx.s, &back.s));
        /* Its own input, also when it is encoded again. */
        assert_true(!tx.input.size || (tx.input.data > tx.raw.data &&
                                       tx.input.data + tx.input.size < tx.raw.data + tx.raw.size));
        assert_int_equal(evm_tx_encode(&tx, &err), EVM_OK);
        assert_same(&back, &tx);
        evm_tx_fini(&tx);
        evm_tx_fini(&back);
        evm_tx_fini(&unhashed);
    }
}

/* Cut short, or with a byte after the end, it never decodes; with a byte changed it decodes to
 * something that encodes to just those bytes, or not at all. */
static void damaged(void **state)
{
    (void)state;
    uint64_t seed = 77;
    static struct material m;
    for (int i = 0; i < 40; i++) {
        struct evm_tx tx, back;
        struct evm_err err = {0};
        random_tx(&seed, &m, &tx);
        assert_int_equal(evm_tx_sign(&tx, m.secret, &err), EVM_OK);
        uint8_t *copy = malloc(tx.raw.size + 1);
        memcpy(copy, tx.raw.data, tx.raw.size);
        copy[tx.raw.size] = 0x80;
        for (size_t cut = 0; cut < tx.raw.size; cut += 1 + cut / 16)
            assert_int_equal(evm_tx_decode(&back, (struct evm_bytes){copy, cut}, &err),
                             EVM_ERR_INPUT);
        assert_int_equal(evm_tx_decode(&back, (struct evm_bytes){copy, tx.raw.size + 1}, &err),
                         EVM_ERR_INPUT);
        for (int k = 0; k < 60; k++) {
            size_t at = mix(&seed) % tx.raw.size;
            uint8_t before = copy[at];
            copy[at] = (uint8_t)mix(&seed);
            struct evm_bytes raw = {copy, tx.raw.size};
            if (evm_tx_decode(&back, raw, &err) == EVM_OK &&
                evm_u256_clamp64(&back.y_parity) <= 1) {
                assert_int_equal(evm_tx_encode(&back, &err), EVM_OK);
                assert_int_equal(back.raw.size, raw.size);
                assert_memory_equal(back.raw.data, raw.data, raw.size);
            }
            evm_tx_fini(&back);
            copy[at] = before;
        }
        free(copy);
        evm_tx_fini(&tx);
    }
}

static uint8_t nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t from_hex(const char *text, uint8_t *out)
{
    size_t n = strlen(text) / 2;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    return n;
}

/* The example of EIP-155: nonce 9, 20 gwei, 21000 gas, 1 ether to 0x3535..., secret 0x4646.... */
static void example_of_eip_155(void **state)
{
    (void)state;
    uint8_t secret[32], expected[200];
    memset(secret, 0x46, sizeof secret);
    size_t size =
        from_hex("f86c098504a817c800825208943535353535353535353535353535353535353535880de0"
                 "b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590"
                 "620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a"
                 "3b6d83",
                 expected);
    struct evm_tx tx = {.type = EVM_TX_LEGACY,
                        .has_chain_id = true,
                        .chain_id = 1,
                        .nonce = 9,
                        .gas_limit = 21000,
                        .max_fee = {{20000000000u}},
                        .max_priority_fee = {{20000000000u}},
                        .value = {{1000000000000000000u}}};
    memset(&tx.to, 0x35, sizeof tx.to);
    assert_int_equal(evm_tx_sign(&tx, secret, NULL), EVM_OK);
    assert_int_equal(tx.raw.size, size);
    assert_memory_equal(tx.raw.data, expected, size);
    struct evm_hash digest, known;
    from_hex("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53", known.b);
    evm_tx_signing_hash(&tx, &digest);
    assert_memory_equal(&digest, &known, 32);
    evm_tx_fini(&tx);
}

/* EIP-2: a high s recovers only where the fork allows it. The mirrored signature (n - s, other
 * parity) recovers to the same sender. */
static void high_s(void **state)
{
    (void)state;
    uint64_t seed = 5;
    static struct material m;
    struct evm_tx tx;
    struct evm_err err = {0};
    do
        random_tx(&seed, &m, &tx);
    while (tx.type != EVM_TX_LEGACY);
    assert_int_equal(evm_tx_sign(&tx, m.secret, &err), EVM_OK);
    struct evm_u256 n = {
        {0xbfd25e8cd0364141u, 0xbaaedce6af48a03bu, 0xfffffffffffffffeu, 0xffffffffffffffffu}};
    struct evm_addr sender = tx.sender;
    evm_u256_sub(&tx.s, &n, &tx.s);
    tx.y_parity.w[0] ^= 1;
    assert_int_equal(evm_tx_encode(&tx, &err), EVM_OK);
    assert_int_equal(evm_tx_recover(&tx, true, &err), EVM_ERR_INPUT);
    assert_false(tx.has_sender);
    assert_int_equal(evm_tx_recover(&tx, false, &err), EVM_OK);
    assert_memory_equal(&tx.sender, &sender, 20);
    evm_tx_fini(&tx);
}

/* Addresses of contracts made by 0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0, a published example.
 */
static void create_addresses(void **state)
{
    (void)state;
    static const char *const known[] = {
        "cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d", "343c43a37d37dff08ae8c4a11544c718abb4fcf8",
        "f778b86fa74e846c4f0a1fbd1335fe81c00a0c91", "fffd933a0bc612844eaf0c6fe3e5b8e9b6c1d19c"};
    struct evm_addr sender, made, expected;
    from_hex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0", sender.b);
    for (uint64_t nonce = 0; nonce < 4; nonce++) {
        evm_create_address(&sender, nonce, &made);
        from_hex(known[nonce], expected.b);
        assert_memory_equal(&made, &expected, 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(plain),
        cmocka_unit_test(damaged),    cmocka_unit_test(example_of_eip_155),
        cmocka_unit_test(high_s),     cmocka_unit_test(create_addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
