/* evm/parallel/precompute.h - transactions executed before their block is there: what each read,
 * wrote and logged, to be taken over by the block's execution where the reads still hold.
 *
 * A node that has a transaction in its pool may run it ahead, on the state that it knows and in the
 * block that it expects. When the block comes, only what was read is compared; if all of it is
 * still so, the kept writes are published without running code. After Chen et al., "Forerunner:
 * Constraint-based Speculative Transaction Execution for Ethereum" (SOSP 2021), whose perfect
 * matches these are; of its constraints there is one here: a balance that was not looked at, but
 * had to suffice, holds wherever it suffices. Its partial matches (a program for the part that
 * depends on what differs) are not built.
 *
 * The reads of a result that is taken over are validated by the commit ladder like any other's.
 * What the block's fields had to do with it is judged once, by evm_precomputed_fits. */
#ifndef EVM_PARALLEL_PRECOMPUTE_H
#define EVM_PARALLEL_PRECOMPUTE_H

#include "evm/block/txrun.h"
#include "evm/parallel/profile.h"
#include "evm/state/state.h"

/* One transaction's. Immutable: any number of executions may use it at once. Its codes are those of
 * the state it was made on, whose code store must live as long. */
struct evm_precomputed;

/* All borrowed until the call returns. */
struct evm_precompute_input {
    const struct evm_rules *rules;
    const struct evm_block_env *env; /* the block as it is expected */
    const struct evm_state *pre;     /* sealed */
    const struct evm_block_hashes *hashes;
    bool metered; /* counts what it does: for the virtual driver, whose serial_ns and oracle would
                     otherwise take it for free */
};

/* Executes *tx alone on in->pre with *run (made with evm_state_codes(pre); reusable), as if the
 * sender's transactions before it had used up their nonces and changed nothing else. *out: the
 * result, the caller's to destroy, or NULL if the transaction could not be in that block there.
 * EVM_ERR_MEMORY. */
enum evm_status evm_precompute(const struct evm_precomputed **out, struct evm_txrun *run,
                               const struct evm_precompute_input *in, const struct evm_tx *tx);
void evm_precomputed_destroy(const struct evm_precomputed *p); /* accepts NULL */

/* Could the block's fields have made a difference to it? The rules, the chain and the base fee
 * (which is in the price) must be equal in any case, the blob base fee if the transaction pays one.
 * What else must be is what the code that it ran could look at: every opcode that is in it counts,
 * whether it was reached or not; code that makes code, or a creation, could look at everything. The
 * beneficiary may differ if neither the old nor the new one was accessed (EIP-3651 makes it cheap
 * to touch). Hashes of ancestors are compared where the result is taken over. */
bool evm_precomputed_fits(const struct evm_precomputed *p, const struct evm_rules *rules,
                          const struct evm_block_env *env);

/* What making it took on one core, in the profile's nanoseconds, each read a first one. Metered. */
double evm_precomputed_cost(const struct evm_precomputed *p, const struct evm_profile *profile);

/* The transactions of a block, each on the same state, in any order. Zeroed is empty. */
struct evm_ahead {
    const struct evm_precomputed **txs; /* tx_count; NULL where there is none */
    uint32_t tx_count, kept;
};
/* *out as garbage; empty after an error (EVM_ERR_MEMORY). */
enum evm_status evm_precompute_all(struct evm_ahead *out, const struct evm_precompute_input *in,
                                   const struct evm_tx *const *txs, uint32_t tx_count);
void evm_ahead_fini(struct evm_ahead *a);

#endif
