/* evm/block/fault.h - why a block is invalid, apart from its transactions: each rule has its own
 * name. A simulated outcome, not an error. */
#ifndef EVM_BLOCK_FAULT_H
#define EVM_BLOCK_FAULT_H

enum evm_block_fault {
    EVM_BLOCK_FINE = 0,

    /* What a header says by itself. */
    EVM_BLOCK_FIELDS,         /* one of a fork that is not active, or lacks one of a fork that is */
    EVM_BLOCK_EXTRA_SIZE,     /* more than 32 bytes */
    EVM_BLOCK_DAO_EXTRA,      /* EIP-779: ten blocks say "dao-hard-fork" */
    EVM_BLOCK_GAS_LIMIT_LOW,  /* below 5000 */
    EVM_BLOCK_GAS_LIMIT_HIGH, /* 2^63 and more */
    EVM_BLOCK_GAS_ABOVE_LIMIT,
    EVM_BLOCK_BLOB_GAS,   /* not a whole number of blobs, or more than may be */
    EVM_BLOCK_NOT_STAKED, /* EIP-3675: difficulty, nonce or uncles from Paris on */

    /* What it must be after its parent. */
    EVM_BLOCK_PARENT_HASH,
    EVM_BLOCK_NUMBER,
    EVM_BLOCK_TIMESTAMP,
    EVM_BLOCK_GAS_LIMIT_STEP, /* moves by a 1024th of the parent's and more */
    EVM_BLOCK_DIFFICULTY,
    EVM_BLOCK_BASE_FEE,        /* EIP-1559 */
    EVM_BLOCK_EXCESS_BLOB_GAS, /* EIP-4844, 7691, 7918 */

    /* What it must be with its body. */
    EVM_BLOCK_SIZE, /* EIP-7934 */
    EVM_BLOCK_TRANSACTIONS_ROOT,
    EVM_BLOCK_WITHDRAWALS_ROOT,
    EVM_BLOCK_UNCLES_HASH,
    EVM_BLOCK_UNCLES, /* more than two, or one that is not of the last six generations */

    /* What comes of executing it. */
    EVM_BLOCK_DEPOSIT_LAYOUT,  /* EIP-6110: a deposit event that is not laid out as it must be */
    EVM_BLOCK_NO_CONTRACT,     /* EIP-7002, 7251: nothing stands at the contract's address */
    EVM_BLOCK_CONTRACT_FAILED, /* EIP-7002, 7251: the call of the system did not succeed */
    EVM_BLOCK_GAS_USED,
    EVM_BLOCK_BLOB_GAS_USED,
    EVM_BLOCK_RECEIPTS_ROOT,
    EVM_BLOCK_BLOOM,
    EVM_BLOCK_REQUESTS_HASH,
    EVM_BLOCK_STATE_ROOT,
    EVM_BLOCK_FAULT_COUNT
};

const char *evm_block_fault_name(enum evm_block_fault fault); /* "malformed deposit event" */

#endif
