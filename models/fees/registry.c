/* Every fee market: one row. */
#include "evm/core/u256.h"
#include "models/fees/common.h"

extern const struct fees_ops fees_eip1559, fees_fixed;

static const struct field_model *const entries[] = {
    &fees_eip1559.model,
    &fees_fixed.model,
};

const struct field_registry fees_registry = {"fees", "What blocks charge and how much they hold.",
                                             entries, sizeof entries / sizeof entries[0]};

bool fees_tip(const void *state, const struct block_fees *fees, const struct evm_tx *tx,
              struct evm_u256 *out)
{
    (void)state;
    if (evm_u256_sub(out, &tx->max_fee, &fees->base_fee))
        return false;
    if (evm_u256_lt(&tx->max_priority_fee, out))
        *out = tx->max_priority_fee;
    return true;
}
