/* evm/parallel/senders.h - what is known beforehand of senders with several transactions in a
 * block. Internal to evm/parallel. */
#ifndef EVM_PARALLEL_SENDERS_H
#define EVM_PARALLEL_SENDERS_H

#include "evm/parallel/scheduler.h"

/* Scratch, kept from block to block. Zeroed memory is a valid object. */
struct evm_senders {
    uint32_t *last; /* hash table: a sender's last transaction + 1; 0: free */
    uint32_t capacity;
};
void evm_senders_fini(struct evm_senders *s);

/* For each transaction whose sender comes again later: its nonce is predicted
 * (params->predict_nonces) or expected, so that whoever reads it goes on or waits, and without
 * params->deltas its balance is expected. Nonces of accounts that an EIP-7702 authorization of the
 * block names are never predicted: delegated code may move them. Needs env->txs. O(transactions).
 * EVM_ERR_MEMORY. */
enum evm_status evm_senders_foresee(struct evm_senders *s, const struct evm_sched_env *env);

#endif
