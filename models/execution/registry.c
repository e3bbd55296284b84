/* The executors as scenarios name them: one row each, its name being evm_executor_find's. */
#include "models/execution/execution.h"

#include <stdio.h>

FIELD_ENUM_DEFINE(execution_coupling, EXECUTION_COUPLING);
FIELD_ENUM_DEFINE(execution_root, EXECUTION_ROOT);

static void check_profile(struct field_report *report, const char *name)
{
    char names[256] = "";
    size_t used = 0;
    if (evm_profile_find(name))
        return;
    for (size_t i = 0; evm_profile_at(i) && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                 evm_profile_at(i)->name);
    field_complain(report, "profile", "no cost profile is called '%s'; there are %s", name, names);
}

static void check_hardware(const void *cfg, struct field_report *report)
{
    const struct execution_hardware *hardware = cfg;
    if (hardware->profile[0])
        check_profile(report, hardware->profile);
}

static void check_execution(const void *cfg, struct field_report *report)
{
    const struct execution_cfg *execution = cfg;
    check_profile(report, execution->profile);
}

FIELD_DEFINE(execution_hardware, EXECUTION_HARDWARE_FIELDS, "Nodes on other hardware.",
             check_hardware);
FIELD_DEFINE(execution_cfg, EXECUTION_FIELDS, "Cores, what they cost, and when they execute.",
             check_execution);

static const struct execution_cfg *plain(const void *cfg)
{
    return cfg;
}

static const struct execution_ops serial = {
    .model = {"serial", "One transaction after another, on one core.", &execution_cfg_table},
    .common = plain,
};
static const struct execution_ops block_stm = {
    .model = {"block-stm",
              "Optimistic and parallel, with the result of serial order (arXiv 2203.06871).",
              &execution_cfg_table},
    .common = plain,
};

static const struct field_model *const entries[] = {&block_stm.model, &serial.model};

const struct field_registry execution_registry = {"execution", "How a node executes a block.",
                                                  entries, sizeof entries / sizeof entries[0]};
