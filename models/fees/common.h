/* models/fees/common.h - what fee markets with a base fee and a tip share. */
#ifndef MODELS_FEES_COMMON_H
#define MODELS_FEES_COMMON_H

#include "models/fees/fees.h"

/* The two types have one layout, least significant limb first. */
static inline struct evm_u256 fees_wei(const struct field_wei *w)
{
    return (struct evm_u256){{w->w[0], w->w[1], w->w[2], w->w[3]}};
}

/* min(max priority fee, max fee - base fee): the fees_ops.tip of EIP-1559 transactions. */
bool fees_tip(const void *state, const struct block_fees *fees, const struct evm_tx *tx,
              struct evm_u256 *out);

#endif
