/* evm/parallel/txbody.h - real transactions as what the drivers execute. Internal to evm/parallel.
 */
#ifndef EVM_PARALLEL_TXBODY_H
#define EVM_PARALLEL_TXBODY_H

#include "evm/parallel/blockrun.h"

/* The self of evm_txbody_ops. Borrowed. */
struct evm_txbody {
    const struct evm_block_input *in;
    struct evm_codes *codes;
    bool plain;        /* code is not translated */
    bool hashes_ahead; /* as evm_txbody_hash_ahead says */
    uint32_t workers;  /* threads that run bodies */
    uint32_t hashed;   /* one worker: up to where keys are hashed; 0 at first */
};
extern const struct evm_body_ops evm_txbody_ops;

/* Hashes the keys of mappings that transactions first to first + n - 1 are likely to need and this
 * thread does not remember (evm/core/keccak_hints.h). */
void evm_txbody_hash_ahead(const struct evm_block_input *in, uint32_t first, uint32_t n);
/* What this thread hashes from now on belongs to that transaction, which must stay until
 * evm_keccak_hints_run says otherwise. */
void evm_txbody_hash_for(const struct evm_block_input *in, uint32_t tx);

#endif
