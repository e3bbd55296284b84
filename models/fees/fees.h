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
    const struct fees_use *uses;   /* one for each of block->txs, of its receipts; NULL: not known,
                                      as where execution follows ordering, or not asked for */
};

struct fees_ops {
    struct field_model model;
    size_t state_size; /* bytes a layer, zeroed before init */
    bool tables;       /* it makes tables: it is told `uses`, and pools ask for its tips */
    bool reports;      /* layers tell each other of their blocks; blocks carry notes of it */
    enum err_code (*init)(void *state, const void *cfg, struct err *err);
    /* out->table: one reference for the caller, or NULL; where memory was out, out->failed. */
    void (*next)(const void *state, const struct fees_parent *parent, struct block_fees *out);
    /* The tip a gas that the proposer of a block with these fees gets from tx; false if tx cannot
     * pay them. Orders pools and fills blocks. */
    bool (*tip)(const void *state, const struct block_fees *fees, const struct tx *tx,
                struct evm_u256 *out);
    /* Of that tip, what a block with these fees asks of tx at least; NULL: nothing. */
    void (*owed)(const void *state, const struct block_fees *fees, const struct tx *tx,
                 struct evm_u256 *out);
    /* What a block has room for beside gas and bytes on the wire. room() begins an account of it
     * for a block with these fees, whose builder tries transactions with gas limits of `gas` in
     * all; NULL when memory is out. fits() says whether tx still goes in, and then counts it in.
     * Either all three or none. */
    void *(*room)(const void *state, const struct block_fees *fees, uint64_t gas);
    bool (*fits)(void *room, const struct tx *tx);
    void (*room_free)(void *room);
    void (*fini)(void *state);
};

extern const struct field_registry fees_registry;

#endif
