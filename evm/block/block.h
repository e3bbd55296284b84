/* evm/block/block.h - headers and whole blocks: encoding, hashes, fees that follow from the parent.
 * Sources: Yellow Paper 4.3; EIP-1559, 4399, 4788, 4844, 4895, 7685, 7918. */
#ifndef EVM_BLOCK_BLOCK_H
#define EVM_BLOCK_BLOCK_H

#include "evm/block/chain.h"
#include "evm/block/receipt.h"
#include "evm/block/tx.h"
#include "evm/core/buf.h"
#include "evm/core/vm.h"

struct evm_header {
    struct evm_hash parent_hash, uncles_hash, state_root, transactions_root, receipts_root;
    struct evm_addr coinbase;
    struct evm_bloom bloom;
    struct evm_u256 difficulty;
    uint64_t number, gas_limit, gas_used, timestamp;
    struct evm_bytes extra;
    struct evm_hash mix_hash; /* prev_randao from Paris on */
    uint8_t nonce[8];
    /* Fields that came later; each needs all before it. */
    bool has_base_fee;
    struct evm_u256 base_fee;
    bool has_withdrawals_root;
    struct evm_hash withdrawals_root;
    bool has_blob_gas; /* the two blob fields and the beacon root came together */
    uint64_t blob_gas_used, excess_blob_gas;
    struct evm_hash parent_beacon_root;
    bool has_requests_hash, has_access_list_hash; /* EIP-7685, EIP-7928 */
    struct evm_hash requests_hash, access_list_hash;
};

struct evm_withdrawal {
    uint64_t index, validator, amount; /* gwei */
    struct evm_addr addr;
};

/* Everything is borrowed. */
struct evm_block {
    struct evm_header header;
    const struct evm_tx *const *txs;
    uint32_t tx_count;
    const struct evm_header *uncles;
    uint32_t uncle_count;
    bool has_withdrawals;
    const struct evm_withdrawal *withdrawals;
    uint32_t withdrawal_count;
};

/* Appends the RLP of a header or of the whole block; the block's is what travels. */
void evm_header_encode(struct evm_buf *b, const struct evm_header *h);
void evm_block_encode(struct evm_buf *b, const struct evm_block *block);
/* Length of that encoding, without making it. O(number of transactions). */
size_t evm_block_size(const struct evm_block *block);

enum evm_status evm_header_hash(const struct evm_header *h, struct evm_hash *out);
enum evm_status evm_withdrawals_root(const struct evm_withdrawal *w, size_t count,
                                     struct evm_hash *out);

/* The block as the opcodes see it. */
void evm_block_env_of(const struct evm_chain_config *chain, const struct evm_header *h,
                      struct evm_block_env *out);

/* ---- fees ------------------------------------------------------------------------------------ */

/* Base fee of the child of a block, EIP-1559: moves by at most an eighth of itself towards a target
 * of gas_limit / 2. */
void evm_next_base_fee(const struct evm_u256 *base_fee, uint64_t gas_used, uint64_t gas_limit,
                       struct evm_u256 *out);

/* Wei per blob gas for an excess: the integer approximation of e^(excess / fraction) of EIP-4844.
 * Saturates at 2^256 - 1. */
void evm_blob_base_fee(uint64_t excess_blob_gas, uint64_t fraction, struct evm_u256 *out);

/* excess_blob_gas of the child that comes at `timestamp`. */
uint64_t evm_next_excess_blob_gas(const struct evm_chain_config *chain,
                                  const struct evm_header *parent, uint64_t timestamp);

/* ---- proof of work --------------------------------------------------------------------------- */

extern const struct evm_hash evm_no_uncles_hash; /* uncles_hash of a block that has none */
/* Of block->uncles. EVM_ERR_MEMORY. */
enum evm_status evm_uncles_hash(const struct evm_block *block, struct evm_hash *out);

/* Difficulty of the child of a block that comes at `timestamp`, after the parent's. Of the parent:
 * number, timestamp, difficulty and uncles_hash. */
void evm_next_difficulty(const struct evm_chain_config *chain, const struct evm_header *parent,
                         uint64_t timestamp, struct evm_u256 *out);

#endif
