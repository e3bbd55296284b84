/* Every fault model: one row. */
#include "models/faults/faults.h"

extern const struct fault_ops fault_crash_model;

static const struct field_model *const entries[] = {
    &fault_crash_model.model,
};

const struct field_registry faults_registry = {"faults", "What goes wrong.", entries,
                                               sizeof entries / sizeof entries[0]};
