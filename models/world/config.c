#include "models/world/config.h"

#include "evm/core/fork.h"
#include "models/consensus/consensus.h"
#include "models/execution/execution.h"
#include "models/faults/faults.h"
#include "models/fees/fees.h"
#include "models/mempool/mempool.h"
#include "models/workload/workload.h"

#include <string.h>

FIELD_ENUM_DEFINE(world_signatures, WORLD_SIGNATURES);
FIELD_ENUM_DEFINE(world_recorded, WORLD_RECORDED);

static void check_layer(const void *cfg, struct field_report *report)
{
    const struct world_layer *layer = cfg;
    if (layer->validators > layer->nodes)
        field_complain(report, "validators", "%llu of %llu nodes cannot vote",
                       (unsigned long long)layer->validators, (unsigned long long)layer->nodes);
}

static void check_world(const void *cfg, struct field_report *report)
{
    const struct world_cfg *world = cfg;
    const struct world_layer *layers = world->layers.items;
    enum evm_fork fork;
    uint64_t nodes = 0;
    if (world->warm_up >= world->duration)
        field_complain(report, "warm_up", "must be shorter than duration");
    if (!evm_fork_from_name(world->fork, &fork) || fork < EVM_LONDON)
        field_complain(report, "fork", "'%s' is no fork from London on; try Cancun", world->fork);
    for (size_t i = 0; i < world->layers.count; i++) {
        nodes += layers[i].nodes;
        for (size_t j = 0; j < i; j++)
            if (layers[i].name[0] && strcmp(layers[i].name, layers[j].name) == 0)
                field_complain(report, "layers", "two are called '%s'", layers[i].name);
    }
    if (nodes >= SIM_SOURCES_MAX - 65536)
        field_complain(report, "layers", "%llu nodes are more than 16 million in all",
                       (unsigned long long)nodes);
}

FIELD_DEFINE(world_layer, WORLD_LAYER_FIELDS, "One execution layer: its nodes and its models.",
             check_layer);
FIELD_DEFINE(world_record, WORLD_RECORD_FIELDS, "What the results file holds.", NULL);
FIELD_DEFINE(world_expect, WORLD_EXPECT_FIELDS, "What is expected of the run.", NULL);
FIELD_DEFINE(world_cfg, WORLD_FIELDS, "A scenario.", check_world);

static const struct field_registry *const registries[] = {
    &consensus_registry, &execution_registry, &fees_registry,    &mempool_registry,
    &workload_registry,  &faults_registry,    &latency_registry, &link_registry,
    &topology_registry,  &gossip_registry,
};

const struct scenario_spec world_spec = {&world_cfg_table, registries,
                                         sizeof registries / sizeof registries[0]};
