/* Every workload: one row. */
#include "models/workload/workload.h"

extern const struct workload_ops workload_clients, workload_counter, workload_erc20,
    workload_recorded, workload_transfer;

static const struct field_model *const entries[] = {
    &workload_transfer.model, &workload_erc20.model,    &workload_counter.model,
    &workload_clients.model,  &workload_recorded.model,
};

const struct field_registry workload_registry = {"workload", "Who sends which transactions, when.",
                                                 entries, sizeof entries / sizeof entries[0]};
