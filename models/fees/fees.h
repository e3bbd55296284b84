/* models/fees/fees.h - a fee market: what the next block charges, given its parent.
 *
 * One state a layer. Every node computes the same fees from the same parent, so next() must depend
 * on its arguments and the settings alone (the state holds settings made ready, not history). */
#ifndef MODELS_FEES_FEES_H
#define MODELS_FEES_FEES_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/scenario/field.h"

/* The parent as a fee market sees it. */
struct fees_parent {
    const struct block *block;     /* NULL: asks for the genesis block's fees */
    const struct block_fees *fees; /* what it charged */
    uint64_t gas_used;             /* what its header states; the sum of the gas limits where
                                      execution follows ordering */
};

struct fees_ops {
    struct field_model model;
    size_t state_size; /* bytes a layer, zeroed before init */
    enum err_code (*init)(void *state, const void *cfg, struct err *err);
    void (*next)(const void *state, const struct fees_parent *parent, struct block_fees *out);
    /* The tip a gas that the proposer of a block with these fees gets from tx; false if tx cannot
     * pay them. Orders pools and fills blocks. */
    bool (*tip)(const void *state, const struct block_fees *fees, const struct evm_tx *tx,
                struct evm_u256 *out);
    void (*fini)(void *state);
};

extern const struct field_registry fees_registry;

#endif
