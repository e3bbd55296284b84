/* evm/parallel/aheadbody.h - real transactions, some of which were executed ahead, as what the
 * drivers execute. Internal to evm/parallel.
 *
 * In front of txbody.h: a body whose transaction has a kept result (precompute.h) first reads what
 * that read, in the same order, through the same view and so with the same waits, locks and entries
 * in the log. If everything holds, it is at its end, with the kept outcome, without having run
 * code. Otherwise it begins as usual; a run is deterministic, so it asks for the same locations up
 * to the one that differs, and gets from the body what was just read. */
#ifndef EVM_PARALLEL_AHEADBODY_H
#define EVM_PARALLEL_AHEADBODY_H

#include "evm/parallel/blockrun.h"
#include "evm/parallel/precompute.h"
#include "evm/parallel/txbody.h"

/* The self of evm_aheadbody_ops; its first member is that of evm_txbody_ops. Borrowed. */
struct evm_aheadbody {
    struct evm_txbody inner;
    const struct evm_precomputed *const *ahead;
    bool *taken; /* by transaction: its last run took the kept result over */
};
extern const struct evm_body_ops evm_aheadbody_ops;

#endif
