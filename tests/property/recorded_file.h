/* A block as a real node would export it (evm/io/recorded.h), written by a test: transactions of
 * users with keys of their own, and the accounts that they find. */
#ifndef TESTS_PROPERTY_RECORDED_FILE_H
#define TESTS_PROPERTY_RECORDED_FILE_H

#include "evm/block/block.h"
#include "evm/core/u256.h"
#include "tests/property/world_fixture.h"

enum { RECORDED_TXS = 400, RECORDED_USERS = 32, RECORDED_ACCOUNTS = 64, RECORDED_CHAIN = 31337 };

struct recorded_file {
    struct evm_tx txs[RECORDED_TXS];
    uint32_t tx_count;
    uint64_t nonces[RECORDED_USERS];
    struct recorded_account {
        struct evm_addr addr;
        const char *balance, *code; /* hexadecimal */
        unsigned nonce;
    } accounts[RECORDED_ACCOUNTS];
    uint32_t account_count;
    bool shanghai; /* else Cancun */
};

static inline void recorded_account(struct recorded_file *f, struct evm_addr addr,
                                    const char *balance, const char *code)
{
    assert_true(f->account_count < RECORDED_ACCOUNTS);
    f->accounts[f->account_count++] =
        (struct recorded_account){addr, balance, code, *code ? 1u : 0u};
}

static inline void recorded_sign(struct evm_tx *tx, unsigned user)
{
    uint8_t secret[32] = {0x4c, 0x19, [30] = 0x7e, [31] = (uint8_t)(user + 1)};
    struct evm_err err = {0};
    if (evm_tx_sign(tx, secret, &err) != EVM_OK)
        fail_msg("%s", err.text);
}

static inline struct evm_addr recorded_user(unsigned user)
{
    struct evm_tx tx = {.type = EVM_TX_DYNAMIC_FEE, .has_chain_id = true, .chain_id = 1};
    recorded_sign(&tx, user);
    struct evm_addr addr = tx.sender;
    evm_tx_fini(&tx);
    return addr;
}

static inline void recorded_tx(struct recorded_file *f, unsigned user, struct evm_addr to,
                               uint64_t value, struct evm_bytes input, uint64_t gas)
{
    assert_true(f->tx_count < RECORDED_TXS && user < RECORDED_USERS);
    struct evm_tx *tx = &f->txs[f->tx_count++];
    *tx = (struct evm_tx){.type = EVM_TX_DYNAMIC_FEE,
                          .has_chain_id = true,
                          .chain_id = RECORDED_CHAIN,
                          .nonce = f->nonces[user]++,
                          .gas_limit = gas,
                          .max_fee = evm_u256_of(100000000000),
                          .max_priority_fee = evm_u256_of(1000000000),
                          .value = evm_u256_of(value),
                          .to = to,
                          .input = input};
    recorded_sign(tx, user);
}

/* ---- JSON ---- */

static inline void recorded_hex(FILE *out, const char *name, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    fprintf(out, "\"%s\":\"0x", name);
    for (size_t i = 0; i < size; i++)
        fprintf(out, "%02x", b[i]);
    fprintf(out, "\",");
}

static inline void recorded_number(FILE *out, const char *name, struct evm_u256 v)
{
    int top = 3;
    while (top > 0 && !v.w[top])
        top--;
    fprintf(out, "\"%s\":\"0x%llx", name, (unsigned long long)v.w[top]);
    while (top-- > 0)
        fprintf(out, "%016llx", (unsigned long long)v.w[top]);
    fprintf(out, "\",");
}

static inline void recorded_put_tx(FILE *out, const struct evm_tx *tx)
{
    fprintf(out, "{\"type\":\"0x2\",\"accessList\":[],");
    recorded_number(out, "chainId", evm_u256_of(tx->chain_id));
    recorded_number(out, "nonce", evm_u256_of(tx->nonce));
    recorded_number(out, "gas", evm_u256_of(tx->gas_limit));
    recorded_number(out, "maxFeePerGas", tx->max_fee);
    recorded_number(out, "maxPriorityFeePerGas", tx->max_priority_fee);
    recorded_number(out, "value", tx->value);
    recorded_number(out, "yParity", tx->y_parity);
    recorded_number(out, "r", tx->r);
    recorded_number(out, "s", tx->s);
    recorded_hex(out, "to", tx->to.b, 20);
    recorded_hex(out, "input", tx->input.data, tx->input.size);
    recorded_hex(out, "from", tx->sender.b, 20);
    recorded_hex(out, "hash", tx->hash.b, 32);
    fprintf(out, "\"size\":0}");
}

static inline void recorded_put_header(FILE *out, const struct evm_header *h)
{
    struct evm_hash hash;
    assert_int_equal(evm_header_hash(h, &hash), EVM_OK);
    recorded_hex(out, "hash", hash.b, 32);
    recorded_hex(out, "parentHash", h->parent_hash.b, 32);
    recorded_hex(out, "sha3Uncles", h->uncles_hash.b, 32);
    recorded_hex(out, "miner", h->coinbase.b, 20);
    recorded_hex(out, "stateRoot", h->state_root.b, 32);
    recorded_hex(out, "transactionsRoot", h->transactions_root.b, 32);
    recorded_hex(out, "receiptsRoot", h->receipts_root.b, 32);
    recorded_hex(out, "logsBloom", h->bloom.b, sizeof h->bloom.b);
    recorded_number(out, "difficulty", h->difficulty);
    recorded_number(out, "number", evm_u256_of(h->number));
    recorded_number(out, "gasLimit", evm_u256_of(h->gas_limit));
    recorded_number(out, "gasUsed", evm_u256_of(h->gas_used));
    recorded_number(out, "timestamp", evm_u256_of(h->timestamp));
    recorded_hex(out, "extraData", NULL, 0);
    recorded_hex(out, "mixHash", h->mix_hash.b, 32);
    recorded_hex(out, "nonce", h->nonce, 8);
    recorded_number(out, "baseFeePerGas", h->base_fee);
    recorded_hex(out, "withdrawalsRoot", h->withdrawals_root.b, 32);
    if (!h->has_blob_gas)
        return;
    recorded_number(out, "blobGasUsed", evm_u256_of(h->blob_gas_used));
    recorded_number(out, "excessBlobGas", evm_u256_of(h->excess_blob_gas));
    recorded_hex(out, "parentBeaconBlockRoot", h->parent_beacon_root.b, 32);
}

/* Gives the transactions back. */
static inline void recorded_write(struct recorded_file *f, const char *path)
{
    const struct evm_tx *txs[RECORDED_TXS];
    struct evm_header h = {.number = 1,
                           .gas_limit = 1000000000,
                           .timestamp = 1750000000,
                           .coinbase = {{0xc0, 0x1b, [19] = 0x5e}},
                           .has_base_fee = true,
                           .base_fee = evm_u256_of(1000000000),
                           .has_withdrawals_root = true,
                           .has_blob_gas = !f->shanghai};
    for (uint32_t i = 0; i < f->tx_count; i++)
        txs[i] = &f->txs[i];
    assert_int_equal(evm_transactions_root(txs, f->tx_count, &h.transactions_root), EVM_OK);
    assert_int_equal(evm_withdrawals_root(NULL, 0, &h.withdrawals_root), EVM_OK);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "{\"block\":{");
    recorded_put_header(out, &h);
    fprintf(out, "\"uncles\":[],\"transactions\":[");
    for (uint32_t i = 0; i < f->tx_count; i++) {
        fprintf(out, i ? ",\n" : "\n");
        recorded_put_tx(out, &f->txs[i]);
        evm_tx_fini(&f->txs[i]);
    }
    fprintf(out, "]},\n\"prestate\":{");
    for (uint32_t i = 0; i < f->account_count; i++) {
        const struct recorded_account *a = &f->accounts[i];
        fprintf(out, "%s\n\"0x", i ? "," : "");
        for (int k = 0; k < 20; k++)
            fprintf(out, "%02x", a->addr.b[k]);
        fprintf(out, "\":{\"balance\":\"0x%s\",\"nonce\":%u,\"code\":\"0x%s\",\"storage\":{}}",
                a->balance, a->nonce, a->code);
    }
    fprintf(out, "}}\n");
    assert_int_equal(fclose(out), 0);
    f->tx_count = 0;
}

#endif
