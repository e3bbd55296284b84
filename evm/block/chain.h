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

/* From a block on the difficulty bomb looks that many blocks back, where that changed without a
 * fork of the EVM: the glaciers (EIP-2384, 4345, 5133). */
struct evm_bomb_delay {
    uint64_t from, blocks;
};

struct evm_chain_config {
    const char *name, *doc;
    uint64_t chain_id;
    const struct evm_fork_at *forks; /* ascending */
    size_t fork_count;
    const struct evm_blob_schedule *blobs; /* ascending; empty: the fork's own */
    size_t blob_count;
    const struct evm_bomb_delay *bombs; /* ascending; beside rules->bomb_delay, the larger counts */
    size_t bomb_count;
    struct evm_addr deposit_contract; /* EIP-6110 */
    uint64_t dao_block;               /* with the irregular change of EIP-779; 0: there was none */
    bool system_contracts; /* the contracts of EIP-7002 and 7251 stand there: without them a block
                              is invalid */
};

/* NULL for an unknown name; row i, or NULL past the end. Shipped: "mainnet", the test networks
 * "sepolia", "holesky" and "hoodi", and for every fork a chain that has had it since its first
 * block
 * ("cancun", "prague", ...; chain id 1). */
const struct evm_chain_config *evm_chain_find(const char *name);
const struct evm_chain_config *evm_chain_at(size_t i);

/* A chain by the name of a fork, for tests: "Cancun", "ArrowGlacier", "BPO2", or one that passes
 * from one fork to another, "BerlinToLondonAt5", "CancunToPragueAtTime15k", "HomesteadToDaoAt5".
 * made->config points into *made, which must stay where it is. False for an unknown name. */
struct evm_chain_made {
    struct evm_chain_config config;
    struct evm_fork_at forks[2];
    struct evm_blob_schedule blobs[2];
    struct evm_bomb_delay bombs[2];
};
bool evm_chain_make(const char *name, uint64_t chain_id, struct evm_chain_made *made);

enum evm_fork evm_chain_fork(const struct evm_chain_config *chain, uint64_t number,
                             uint64_t timestamp);

/* Target, maximum and update fraction in force; all 0 before EIP-4844. */
struct evm_blob_schedule evm_chain_blobs(const struct evm_chain_config *chain, uint64_t number,
                                         uint64_t timestamp);

/* Blocks that the difficulty bomb of this block looks back. */
uint64_t evm_chain_bomb_delay(const struct evm_chain_config *chain, uint64_t number,
                              uint64_t timestamp);

#endif
