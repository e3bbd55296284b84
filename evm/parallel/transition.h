/* evm/parallel/transition.h - one block from the parent's state to its own.
 * The barriers of evm/block/system.h around evm_execute. */
#ifndef EVM_PARALLEL_TRANSITION_H
#define EVM_PARALLEL_TRANSITION_H

#include "evm/block/system.h"
#include "evm/parallel/executor.h"

struct evm_transition_input {
    const struct evm_chain_config *chain;
    const struct evm_block *block; /* senders recovered; roots, bloom and gas used are not read */
    struct evm_state *parent;      /* sealed; a reference is taken by the result's version */
    const struct evm_block_hashes *hashes;
    enum evm_invalid_policy invalid_policy;
    const struct evm_history *history;  /* of the blocks before, borrowed; or NULL */
    const struct evm_access_sets *sets; /* of its transactions, if known; borrowed; or NULL */
    const struct evm_precomputed *const *ahead; /* as of evm_block_input; or NULL */
};

/* Executes the block. *post becomes a new sealed version over the parent, the caller's to unref;
 * NULL after an error or if the block was rejected (result->invalid or result->fault says why).
 * *result is initialised by the call and owned by the caller (evm_block_result_fini, also after an
 * error); its changes are those of the transactions alone. */
enum evm_status evm_block_transition(const struct evm_exec_config *config,
                                     const struct evm_transition_input *in,
                                     struct evm_block_result *result, struct evm_state **post,
                                     struct evm_err *err);

#endif
