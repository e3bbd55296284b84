/* evm/parallel/precompute_internal.h - what a kept result is, for those who make and use it. */
#ifndef EVM_PARALLEL_PRECOMPUTE_INTERNAL_H
#define EVM_PARALLEL_PRECOMPUTE_INTERNAL_H

#include "evm/block/receipt.h"
#include "evm/parallel/precompute.h"
#include "evm/parallel/touched.h"

/* Parts of the block that code can look at. */
enum evm_sees {
    EVM_SEES_NUMBER = 1u << 0, /* also by BLOCKHASH */
    EVM_SEES_TIME = 1u << 1,
    EVM_SEES_BENEFICIARY = 1u << 2,
    EVM_SEES_RANDOM = 1u << 3, /* the difficulty, or what stands in its place */
    EVM_SEES_GAS_LIMIT = 1u << 4,
    EVM_SEES_BLOB_FEE = 1u << 5,
    EVM_SEES_ALL = (1u << 6) - 1
};

/* A read of the view, in the order in which they came. */
struct evm_kept_read {
    struct evm_addr addr;
    unsigned need; /* of an account; 0: a slot */
    bool bounded;  /* the balance need only reach account.balance */
    struct evm_account account;
    struct evm_u256 key, value;
};

struct evm_kept_hash {
    uint64_t number;
    struct evm_hash hash;
};

struct evm_precomputed {
    const struct evm_rules *rules;
    struct evm_block_env env;
    unsigned sees; /* enum evm_sees */
    struct evm_kept_read *reads;
    uint32_t read_count, read_capacity;
    struct evm_kept_hash *hashes; /* of ancestors */
    uint32_t hash_count, hash_capacity;
    struct evm_changes changes;    /* balances of which a bound was enough as differences */
    struct evm_tx_outcome outcome; /* without what it borrows */
    struct evm_receipt receipt;    /* the logs */
    struct evm_touched touched;
    struct evm_meter meter;
    uint64_t *keccak_tags;             /* metered: hashes of mappings' keys, in order; then ... */
    uint32_t keccak_count, code_count; /* ... basic blocks that it ran (keccak_memo.h) */
};

/* Reads still give what they gave? */
bool evm_kept_read_holds(const struct evm_kept_read *r, const struct evm_account *account,
                         const struct evm_u256 *value);

#endif
