/* evm/parallel/touched.h - what a run accessed, kept from its end to its commit, for the block's
 * access list (EIP-7928). Internal to evm/parallel. */
#ifndef EVM_PARALLEL_TOUCHED_H
#define EVM_PARALLEL_TOUCHED_H

#include "evm/block/bal.h"
#include "evm/state/journal.h"

/* An account or, if is_slot, a slot of it. */
struct evm_touch {
    struct evm_addr addr;
    bool is_slot;
    struct evm_u256 key;
};

/* Zeroed is empty; clear keeps the memory, fini gives it back. */
struct evm_touched {
    struct evm_touch *items;
    uint32_t count, capacity;
    bool failed; /* memory was out */
};
void evm_touched_clear(struct evm_touched *t);
void evm_touched_fini(struct evm_touched *t);

/* For evm_journal_each_access; self is a struct evm_touched. */
void evm_touched_visit(void *self, const struct evm_jaccount *acc, const struct evm_jslot *slot);

void evm_touched_put(const struct evm_touched *t, struct evm_bal_builder *bal);

#endif
