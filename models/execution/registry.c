/* The executors as scenarios name them, and the settings that all of them have. */
#include "models/execution/execution.h"

#include <stdio.h>
#include <string.h>

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

static const struct field_model *const entries[] = {
    &execution_ladder.model,      &execution_block_stm.model, &execution_occ.model,
    &execution_access_list.model, &execution_locks.model,     &execution_hybrid.model,
    &execution_partitioned.model, &execution_serial.model,
};

const struct field_registry execution_registry = {"execution", "How a node executes a block.",
                                                  entries, sizeof entries / sizeof entries[0]};

const struct execution_ops *execution_find(const char *name)
{
    for (size_t i = 0; i < execution_registry.count; i++)
        if (strcmp(entries[i]->name, name) == 0)
            return (const struct execution_ops *)entries[i]; /* its first member */
    return NULL;
}

/* The table of the executor's own rows alone is a tail of the table that a scenario reads. */
enum err_code execution_params(const struct execution_ops *ops, const char *const *texts,
                               size_t count, struct evm_exec_params *out,
                               struct scenario_problems *problems)
{
    const struct field_table *all = ops->model.table;
    const size_t common = execution_cfg_table.count;
    const struct field_table own = {.name = all->name,
                                    .doc = all->doc,
                                    .rows = all->rows + common,
                                    .count = all->count - common,
                                    .size = all->size};
    const struct scenario_spec spec = {.root = &own};
    struct scenario *s = NULL;
    enum err_code code =
        scenario_parse(&s, &spec, ops->model.name, "{}", 2, texts, count, problems);
    *out = evm_exec_params_default();
    if (code == ERR_OK)
        ops->params(scenario_root(s), out);
    scenario_destroy(s);
    return code;
}
