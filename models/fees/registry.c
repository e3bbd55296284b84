/* Every fee market: one row. */
#include "models/fees/fees.h"

extern const struct fees_ops fees_eip1559, fees_fixed, fees_global, fees_local,
    fees_multidimensional;

static const struct field_model *const entries[] = {
    &fees_eip1559.model,          &fees_fixed.model, &fees_global.model, &fees_local.model,
    &fees_multidimensional.model,
};

const struct field_registry fees_registry = {"fees", "What blocks charge and how much they hold.",
                                             entries, sizeof entries / sizeof entries[0]};
