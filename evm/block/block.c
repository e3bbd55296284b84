#include "evm/block/block.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"
#include "evm/state/trie.h"

void evm_header_encode(struct evm_buf *b, const struct evm_header *h)
{
    size_t list = evm_rlp_open(b);
    evm_rlp_put_hash(b, &h->parent_hash);
    evm_rlp_put_hash(b, &h->uncles_hash);
    evm_rlp_put_addr(b, &h->coinbase);
    evm_rlp_put_hash(b, &h->state_root);
    evm_rlp_put_hash(b, &h->transactions_root);
    evm_rlp_put_hash(b, &h->receipts_root);
    evm_rlp_put_string(b, (struct evm_bytes){h->bloom.b, sizeof h->bloom.b});
    evm_rlp_put_u256(b, &h->difficulty);
    evm_rlp_put_u64(b, h->number);
    evm_rlp_put_u64(b, h->gas_limit);
    evm_rlp_put_u64(b, h->gas_used);
    evm_rlp_put_u64(b, h->timestamp);
    evm_rlp_put_string(b, h->extra);
    evm_rlp_put_hash(b, &h->mix_hash);
    evm_rlp_put_string(b, (struct evm_bytes){h->nonce, sizeof h->nonce});
    if (h->has_base_fee)
        evm_rlp_put_u256(b, &h->base_fee);
    if (h->has_withdrawals_root)
        evm_rlp_put_hash(b, &h->withdrawals_root);
    if (h->has_blob_gas) {
        evm_rlp_put_u64(b, h->blob_gas_used);
        evm_rlp_put_u64(b, h->excess_blob_gas);
        evm_rlp_put_hash(b, &h->parent_beacon_root);
    }
    if (h->has_requests_hash)
        evm_rlp_put_hash(b, &h->requests_hash);
    if (h->has_access_list_hash)
        evm_rlp_put_hash(b, &h->access_list_hash);
    evm_rlp_close(b, list);
}

static void put_withdrawal(struct evm_buf *b, const struct evm_withdrawal *w)
{
    size_t list = evm_rlp_open(b);
    evm_rlp_put_u64(b, w->index);
    evm_rlp_put_u64(b, w->validator);
    evm_rlp_put_addr(b, &w->addr);
    evm_rlp_put_u64(b, w->amount);
    evm_rlp_close(b, list);
}

/* What comes after the transactions. */
static void put_tail(struct evm_buf *b, const struct evm_block *block)
{
    size_t uncles = evm_rlp_open(b);
    for (uint32_t i = 0; i < block->uncle_count; i++)
        evm_header_encode(b, &block->uncles[i]);
    evm_rlp_close(b, uncles);
    if (!block->has_withdrawals)
        return;
    size_t withdrawals = evm_rlp_open(b);
    for (uint32_t i = 0; i < block->withdrawal_count; i++)
        put_withdrawal(b, &block->withdrawals[i]);
    evm_rlp_close(b, withdrawals);
}

void evm_block_encode(struct evm_buf *b, const struct evm_block *block)
{
    size_t list = evm_rlp_open(b);
    evm_header_encode(b, &block->header);
    size_t txs = evm_rlp_open(b);
    for (uint32_t i = 0; i < block->tx_count; i++) {
        /* A typed transaction travels as a string that holds its envelope, a legacy one as it is.
         */
        const struct evm_tx *tx = block->txs[i];
        if (tx->type == EVM_TX_LEGACY)
            evm_buf_append(b, tx->raw);
        else
            evm_rlp_put_string(b, tx->raw);
    }
    evm_rlp_close(b, txs);
    put_tail(b, block);
    evm_rlp_close(b, list);
}

size_t evm_block_size(const struct evm_block *block)
{
    struct evm_buf b = {0};
    evm_header_encode(&b, &block->header);
    put_tail(&b, block);
    size_t txs = 0, rest = b.size;
    evm_buf_fini(&b);
    for (uint32_t i = 0; i < block->tx_count; i++) {
        const struct evm_tx *tx = block->txs[i];
        txs += tx->raw.size + (tx->type == EVM_TX_LEGACY ? 0 : evm_rlp_prefix_size(tx->raw.size));
    }
    txs += evm_rlp_prefix_size(txs);
    return rest + txs + evm_rlp_prefix_size(rest + txs);
}

enum evm_status evm_header_hash(const struct evm_header *h, struct evm_hash *out)
{
    struct evm_buf b = {0};
    evm_header_encode(&b, h);
    evm_keccak256(out, evm_buf_bytes(&b));
    enum evm_status status = b.failed ? EVM_ERR_MEMORY : EVM_OK;
    evm_buf_fini(&b);
    return status;
}

enum evm_status evm_withdrawals_root(const struct evm_withdrawal *w, size_t count,
                                     struct evm_hash *out)
{
    struct evm_buf b = {0};
    enum evm_status status = EVM_ERR_MEMORY;
    struct evm_bytes *items = evm_calloc(count ? count : 1, sizeof *items);
    for (size_t i = 0; items && i < count; i++) {
        size_t start = b.size;
        put_withdrawal(&b, &w[i]);
        items[i].size = b.size - start;
    }
    if (items && !b.failed) {
        for (size_t i = 0, at = 0; i < count; at += items[i++].size)
            items[i].data = b.data + at;
        status = evm_trie_root_of_list(items, count, out);
    }
    evm_buf_fini(&b);
    free(items);
    return status;
}

void evm_block_env_of(const struct evm_chain_config *chain, const struct evm_header *h,
                      struct evm_block_env *out)
{
    *out = (struct evm_block_env){.number = h->number,
                                  .timestamp = h->timestamp,
                                  .gas_limit = h->gas_limit,
                                  .chain_id = chain->chain_id,
                                  .coinbase = h->coinbase,
                                  .base_fee = h->base_fee,
                                  .difficulty = h->difficulty,
                                  .prev_randao = h->mix_hash,
                                  .excess_blob_gas = h->excess_blob_gas,
                                  .parent_beacon_root = h->parent_beacon_root};
    struct evm_blob_schedule blobs = evm_chain_blobs(chain, h->number, h->timestamp);
    out->blob_gas_limit = blobs.max * EVM_GAS_PER_BLOB;
    if (blobs.fraction)
        evm_blob_base_fee(h->excess_blob_gas, blobs.fraction, &out->blob_base_fee);
}

/* ---- fees ------------------------------------------------------------------------------------ */

void evm_next_base_fee(const struct evm_u256 *base_fee, uint64_t gas_used, uint64_t gas_limit,
                       struct evm_u256 *out)
{
    uint64_t target = gas_limit / 2;
    bool up = gas_used > target;
    struct evm_u256 delta = evm_u256_of(up ? gas_used - target : target - gas_used);
    struct evm_u256 divisor = evm_u256_of(target ? target : 1), eight = evm_u256_of(8);
    const struct evm_u256 one = evm_u256_of(1);
    evm_u256_mul(&delta, &delta, base_fee);
    evm_u256_div(&delta, &delta, &divisor);
    evm_u256_div(&delta, &delta, &eight);
    if (up && evm_u256_is_zero(&delta))
        delta = one; /* so that it can leave 0 */
    if (up)
        evm_u256_add(out, base_fee, &delta);
    else
        evm_u256_sub(out, base_fee, &delta);
}

void evm_blob_base_fee(uint64_t excess_blob_gas, uint64_t fraction, struct evm_u256 *out)
{
    /* fake_exponential(1, excess, fraction) of EIP-4844: a Taylor series over integers. */
    const struct evm_u256 numerator = evm_u256_of(excess_blob_gas);
    struct evm_u256 sum = evm_u256_of(0), term = evm_u256_of(fraction), divisor;
    for (uint64_t i = 1; !evm_u256_is_zero(&term); i++) {
        struct evm_u256 step = evm_u256_of(i), f = evm_u256_of(fraction);
        bool over = evm_u256_add(&sum, &sum, &term);
        over |= evm_u256_mul_overflow(&term, &term, &numerator);
        if (over) {
            memset(out, 0xff, sizeof *out);
            return;
        }
        evm_u256_mul(&divisor, &f, &step);
        evm_u256_div(&term, &term, &divisor);
    }
    divisor = evm_u256_of(fraction);
    evm_u256_div(out, &sum, &divisor);
}

uint64_t evm_next_excess_blob_gas(const struct evm_chain_config *chain,
                                  const struct evm_header *parent, uint64_t timestamp)
{
    struct evm_blob_schedule blobs = evm_chain_blobs(chain, parent->number + 1, timestamp);
    const struct evm_rules *rules =
        evm_rules_of(evm_chain_fork(chain, parent->number + 1, timestamp));
    uint64_t target = blobs.target * EVM_GAS_PER_BLOB;
    uint64_t total = parent->excess_blob_gas + parent->blob_gas_used;
    if (total < target || blobs.max == 0)
        return 0;
    if (rules->blob_reserve_price) {
        /* EIP-7918: while executing is dearer than blobs (BLOB_BASE_COST 2^13 gas against a blob),
         * the excess does not fall. */
        struct evm_u256 fee, execution = evm_u256_of(8192), blob_gas;
        evm_blob_base_fee(parent->excess_blob_gas, blobs.fraction, &fee);
        blob_gas = evm_u256_of(EVM_GAS_PER_BLOB);
        evm_u256_mul(&execution, &execution, &parent->base_fee);
        if (!evm_u256_mul_overflow(&fee, &fee, &blob_gas) && evm_u256_lt(&fee, &execution))
            return parent->excess_blob_gas +
                   parent->blob_gas_used * (blobs.max - blobs.target) / blobs.max;
    }
    return total - target;
}
