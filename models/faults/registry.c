/* Every fault model: one row. */
#include "models/faults/faults.h"

extern const struct fault_ops fault_crash_model, fault_omission_model, fault_delay_model,
    fault_partition_model, fault_asynchrony_model, fault_silent_leader_model, fault_withheld_model,
    fault_equivocation_model, fault_conflicting_votes_model, fault_invalid_root_model,
    fault_credulous_model, fault_censorship_model, fault_selfish_mining_model;

static const struct field_model *const entries[] = {
    &fault_crash_model.model,
    &fault_omission_model.model,
    &fault_delay_model.model,
    &fault_partition_model.model,
    &fault_asynchrony_model.model,
    &fault_silent_leader_model.model,
    &fault_withheld_model.model,
    &fault_equivocation_model.model,
    &fault_conflicting_votes_model.model,
    &fault_invalid_root_model.model,
    &fault_credulous_model.model,
    &fault_censorship_model.model,
    &fault_selfish_mining_model.model,
};

const struct field_registry faults_registry = {"faults", "What goes wrong.", entries,
                                               sizeof entries / sizeof entries[0]};
