/* evm/block/chain.h - the rules of a chain: which fork is active when, and its constants.
 * Const data, one row a chain, shared by all threads. Sources: EIP-2124 and the meta EIPs of each
 * fork (606, 607, 608, 609, 779, 1013, 1679, 1716, 7569, 7600, 7607), EIP-7892. */
#ifndef EVM_BLOCK_CHAIN_H
#define EVM_BLOCK_CHAIN_H

#include "evm/core/fork.h"

/* A fork is active from a block number on, or (from Shanghai on, on chains that had a past) from a
 * block time on. */
struct evm_fork_at {
    enum evm_fork fork;
    bool by_time;
    uint64_t at;
};

/* Blob parameters from a time on, where they change without a fork (EIP-7892). */
struct evm_blob_schedule {
    uint64_t from_time;
    uint32_t target, max;
    uint64_t fraction;
};

struct evm_chain_config {
    const char *name, *doc;
    uint64_t chain_id;
    const struct evm_fork_at *forks; /* ascending */
    size_t fork_count;
    const struct evm_blob_schedule *blobs; /* ascending; empty: the fork's own */
    size_t blob_count;
    struct evm_addr deposit_contract; /* EIP-6110 */
};

/* NULL for an unknown name; row i, or NULL past the end. Shipped: "mainnet" and, for every fork,
 * a chain that has had it since its first block ("cancun", "prague", ...; chain id 1). */
const struct evm_chain_config *evm_chain_find(const char *name);
const struct evm_chain_config *evm_chain_at(size_t i);

enum evm_fork evm_chain_fork(const struct evm_chain_config *chain, uint64_t number,
                             uint64_t timestamp);

/* Target, maximum and update fraction in force; all 0 before EIP-4844. */
struct evm_blob_schedule evm_chain_blobs(const struct evm_chain_config *chain, uint64_t number,
                                         uint64_t timestamp);

#endif
