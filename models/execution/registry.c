/* The executors as scenarios name them, and the settings that all of them have. */
#include "models/execution/execution.h"

#include <string.h>

FIELD_ENUM_DEFINE(execution_coupling, EXECUTION_COUPLING);
FIELD_ENUM_DEFINE(execution_root, EXECUTION_ROOT);
FIELD_ENUM_DEFINE(execution_storage_kind, EXECUTION_STORAGE);

static void check_profile(struct field_report *report, const char *name)
{
    struct evm_profile profile;
    struct evm_err err = {0};
    if (evm_profile_load(&profile, name, &err) != EVM_OK)
        field_complain(report, "profile", "%s", err.text);
}

bool execution_profile(struct evm_profile *out, const struct execution_cfg *cfg, const char *name,
                       double by, struct evm_err *err)
{
    const struct execution_storage *s = &cfg->storage;
    if (evm_profile_load(out, name && name[0] ? name : cfg->profile, err) != EVM_OK)
        return false;
    evm_profile_scale(out, by);
    if (s->kind == EXECUTION_STORAGE_PROFILE)
        return true;
    out->device_latency = s->kind == EXECUTION_STORAGE_NVME ? (double)s->latency : 0;
    out->device_depth = (double)s->depth;
    out->cached = s->cached;
    return true;
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
FIELD_DEFINE(execution_storage, EXECUTION_STORAGE_FIELDS, "Where the state before a block is.",
             NULL);
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
