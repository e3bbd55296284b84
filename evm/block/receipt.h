/* evm/block/receipt.h - receipts, their bloom filter and their root (Yellow Paper 4.3.1; EIP-658,
 * EIP-2718). */
#ifndef EVM_BLOCK_RECEIPT_H
#define EVM_BLOCK_RECEIPT_H

#include "evm/block/bloom.h"
#include "evm/block/tx.h"
#include "evm/block/txrun.h"
#include "evm/core/buf.h"
#include "evm/core/error.h"

struct evm_receipt {
    uint32_t tx_index;
    enum evm_tx_type type;
    bool success;
    bool has_state_root; /* before Byzantium the receipt holds the intermediate root instead of the
                            status */
    struct evm_hash state_root;
    uint64_t gas_used, cumulative_gas;
    struct evm_addr created;
    struct evm_bloom *bloom; /* NULL without logs; empty until evm_receipts_filter */
    struct evm_log *logs;    /* owned, with bloom and data in one block */
    uint32_t log_count;
    void *storage;
};

/* Copies what the outcome borrows. cumulative_gas is gas_before + the outcome's; the bloom filter
 * stays empty: evm_receipts_filter fills those of many receipts for much less. */
enum evm_status evm_receipt_make(struct evm_receipt *out, uint32_t tx_index,
                                 const struct evm_tx *tx, const struct evm_tx_outcome *outcome,
                                 uint64_t gas_before);
void evm_receipt_fini(struct evm_receipt *r);

/* Fills in the filters of the receipts. Any number of threads may do so, each for its own. */
void evm_receipts_filter(struct evm_receipt *receipts, size_t count);
/* The filter in a block's header: all receipts together. */
void evm_receipts_bloom(const struct evm_receipt *receipts, size_t count, struct evm_bloom *out);

/* Appends the EIP-2718 encoding (type byte and all); the list of logs alone. */
void evm_receipt_encode(struct evm_buf *b, const struct evm_receipt *r);
void evm_logs_encode(struct evm_buf *b, const struct evm_log *logs, uint32_t count);

/* Root of the trie of encoded receipts, keyed by rlp(index). */
enum evm_status evm_receipts_root(const struct evm_receipt *receipts, size_t count,
                                  struct evm_hash *out);
/* The same for raw transactions. */
enum evm_status evm_transactions_root(const struct evm_tx *const *txs, size_t count,
                                      struct evm_hash *out);

#endif
