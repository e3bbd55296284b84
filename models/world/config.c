#include "models/world/config.h"

#include "evm/core/fork.h"
#include "models/consensus/consensus.h"
#include "models/crosslayer/crosslayer.h"
#include "models/execution/execution.h"
#include "models/faults/faults.h"
#include "models/fees/fees.h"
#include "models/judges/judge.h"
#include "models/mempool/mempool.h"
#include "models/routing/routing.h"
#include "models/workload/pairs.h"
#include "models/workload/wallets.h"
#include "models/workload/workload.h"
#include "models/world/figures.h"
#include "models/world/layers.h"
#include "models/world/plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

FIELD_ENUM_DEFINE(world_signatures, WORLD_SIGNATURES);
FIELD_ENUM_DEFINE(world_recorded, WORLD_RECORDED);
FIELD_ENUM_DEFINE(world_order, WORLD_ORDER);
FIELD_ENUM_DEFINE(world_bound, WORLD_BOUND);
FIELD_ENUM_DEFINE(world_layer_kind, WORLD_LAYER_KIND);
FIELD_ENUM_DEFINE(world_verify, WORLD_VERIFY);
FIELD_ENUM_DEFINE(world_heirs, WORLD_HEIRS);

bool world_weight(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno && value > 0 &&
           value <= WORLD_WEIGHT_MAX;
}

/* Blocks are executed once they are final; a header needs the root of one that is. */
static void check_coupling(const struct world_layer *layer, const struct execution_cfg *execution,
                           struct field_report *report)
{
    const struct consensus_ops *consensus = (const struct consensus_ops *)layer->consensus.model;
    if (consensus->traits.batches && !execution_follows(execution->coupling))
        field_complain(report, "execution",
                       "%s orders transactions before anybody can execute them: it needs "
                       "coupling: execute-after-order or execute-on-proposal, with which there can "
                       "be no routing.policy",
                       consensus->model.name);
    if (!execution_follows(execution->coupling) || !consensus->depth)
        return;
    uint64_t voters = layer->validators ? layer->validators : layer->nodes;
    uint64_t depth = consensus->depth(layer->consensus.cfg, voters);
    if (execution->root_delay <= depth)
        field_complain(report, "execution",
                       "%s makes a block final when %llu stand on it, so %s needs "
                       "root_delay: %llu or more, not %llu",
                       consensus->model.name, (unsigned long long)depth,
                       execution_coupling_names.names[execution->coupling],
                       (unsigned long long)depth + 1, (unsigned long long)execution->root_delay);
}

static void check_hardware(const struct world_layer *layer, const struct execution_cfg *execution,
                           struct field_report *report)
{
    const struct execution_hardware *items = execution->hardware.items;
    uint64_t nodes = 0;
    for (size_t i = 0; i < execution->hardware.count; i++)
        nodes += items[i].nodes;
    if (nodes > layer->nodes)
        field_complain(report, "execution", "hardware is for %llu nodes, but there are %llu",
                       (unsigned long long)nodes, (unsigned long long)layer->nodes);
}

static void check_first_weights(const struct world_layer *layer, struct field_report *report)
{
    uint64_t voters = layer->validators ? layer->validators : layer->nodes, weight;
    if (layer->first_weights.count > voters)
        field_complain(report, "first_weights", "%zu weights for %llu validators",
                       layer->first_weights.count, (unsigned long long)voters);
    for (size_t i = 0; i < layer->first_weights.count; i++)
        if (!world_weight(layer->first_weights.items[i], &weight))
            field_complain(report, "first_weights", "'%s' is no whole number from 1 to 10^12",
                           layer->first_weights.items[i]);
}

static void check_layer(const void *cfg, struct field_report *report)
{
    const struct world_layer *layer = cfg;
    check_first_weights(layer, report);
    if (layer->validators > layer->nodes)
        field_complain(report, "validators", "%llu of %llu nodes cannot vote",
                       (unsigned long long)layer->validators, (unsigned long long)layer->nodes);
    const struct execution_ops *ops = (const struct execution_ops *)layer->execution.model;
    const struct execution_cfg *execution = ops->common(layer->execution.cfg);
    check_coupling(layer, execution, report);
    check_hardware(layer, execution, report);
}

/* One order for all: nobody executes another layer's blocks, so votes are about the order alone. */
static void check_ordering(const struct world_cfg *world, struct field_report *report)
{
    const struct world_layer *layers = world->layers.items;
    if (world->ordering != WORLD_ORDER_GLOBAL)
        return;
    for (size_t i = 0; i < world->layers.count; i++) {
        const struct execution_ops *ops = (const struct execution_ops *)layers[i].execution.model;
        if (!execution_follows(ops->common(layers[i].execution.cfg)->coupling))
            field_complain(report, "ordering",
                           "global, but layers[%zu] executes before it votes; it needs coupling: "
                           "execute-after-order or execute-on-proposal",
                           i);
        if (layers[i].consensus.model != layers[0].consensus.model)
            field_complain(report, "ordering",
                           "global, so every layer has the first one's consensus, %s, not %s",
                           layers[0].consensus.model->name, layers[i].consensus.model->name);
    }
    const struct consensus_ops *consensus = (const struct consensus_ops *)layers[0].consensus.model;
    if (consensus->traits.steady && world_layer_total(world) > 1)
        field_complain(report, "ordering",
                       "global, but %s's leader stays, and a block holds transactions of its "
                       "proposer's layer: those of the others would wait for ever; take a protocol "
                       "whose leaders rotate, or per-layer",
                       consensus->model.name);
    if (consensus->traits.batches && world_layer_total(world) > 1)
        field_complain(report, "ordering", "%s makes blocks of all validators' batches: per-layer",
                       consensus->model.name);
}

/* A layer's block is executed on what other layers' blocks did to it, so nobody can build on one
 * whose execution is not known. */
static void check_partition(const struct world_cfg *world, struct field_report *report)
{
    const struct world_layer *layers = world->layers.items;
    for (size_t i = 0; i < world->layers.count; i++) {
        const struct consensus_ops *consensus =
            (const struct consensus_ops *)layers[i].consensus.model;
        const struct execution_ops *ops = (const struct execution_ops *)layers[i].execution.model;
        if (consensus->traits.batches)
            field_complain(report, "routing",
                           "layers[%zu] orders transactions before anybody can execute them (%s); "
                           "accounts over layers need another consensus",
                           i, consensus->model.name);
        else if (execution_follows(ops->common(layers[i].execution.cfg)->coupling))
            field_complain(report, "routing",
                           "layers[%zu] executes blocks after they are ordered; accounts over "
                           "layers need coupling: execute-before-vote or propose-with-list",
                           i);
    }
}

/* Of crosslayer.h: what calls a contract needs a protocol that takes it. */
static void check_crosslayer(const struct world_cfg *world, struct field_report *report)
{
    const struct crosslayer_ops *calls =
        (const struct crosslayer_ops *)world->crosslayer_calls.model;
    if (calls->plain_only)
        field_complain(report, "crosslayer_calls",
                       "%s takes plain payments only; try two-phase-commit", calls->model.name);
}

/* Settings that a run takes, and that then do nothing. */
static void note_routing(const struct world_cfg *world, struct field_report *report)
{
    const struct world_routing *routing = &world->routing;
    const struct router_ops *policy = (const struct router_ops *)routing->policy.model;
    if (world_layer_total(world) == 1)
        field_note(report, "routing", "there is one layer, which holds all accounts");
    if (!policy->epoch || world_layer_total(world) == 1)
        return;
    if (routing->epoch >= world->duration)
        field_note(report, "routing",
                   "the load ends before the first epoch does, so no account moves as %s would",
                   policy->model.name);
    if (routing->report_interval > routing->epoch)
        field_note(report, "routing",
                   "epochs are shorter than report_interval: %s decides in some "
                   "of them on what it knew before",
                   policy->model.name);
    if (!routing->moves)
        field_note(report, "routing", "moves is 0, so accounts stay where %s first puts them",
                   policy->model.name);
}

static const void *setting_of(const struct field_choice *choice, const char *name)
{
    const struct field_table *table = choice->model->table;
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return (const char *)choice->cfg + table->rows[i].offset;
    return NULL;
}

/* Layers that no workload is aimed at; a name that none has is refused elsewhere. */
static uint32_t without_workload(const struct world_cfg *world, uint32_t total)
{
    uint32_t idle = 0;
    for (uint32_t l = 0; l < total; l++) {
        char name[WORLD_LAYER_NAME];
        bool aimed = false;
        world_layer_name(world, l, name, sizeof name);
        for (size_t i = 0; i < world->workload.count && !aimed; i++) {
            const char *const *layer = setting_of(&world->workload.items[i], "layer");
            aimed = layer && ((*layer)[0] ? strcmp(*layer, name) == 0 : l == 0);
        }
        idle += !aimed;
    }
    return idle;
}

/* Of layers that have nothing to do with one another. */
static void note_apart(const struct world_cfg *world, struct field_report *report)
{
    uint32_t total = world_layer_total(world), idle = without_workload(world, total);
    if (idle && world->workload.count && total > 1 && total <= WORLD_LAYERS_MAX)
        field_note(report, "workload",
                   "%u of %u layers get no transactions: without routing.policy each workload goes "
                   "to the layer that its `layer` names, or to the first",
                   idle, total);
    const struct crosslayer_ops *protocol = (const struct crosslayer_ops *)world->crosslayer.model;
    if (strcmp(protocol->model.name, "two-phase-commit") != 0)
        field_note(report, "crosslayer", "nothing crosses layers without routing.policy");
    for (size_t i = 0; i < world->workload.count; i++) {
        const enum workload_wallet *wallet = setting_of(&world->workload.items[i], "wallet");
        if (wallet && *wallet == WORKLOAD_WALLET_MOVE)
            field_note(report, "workload", "wallet: move has nowhere to go without routing.policy");
    }
}

static void check_routing(const struct world_cfg *world, struct field_report *report)
{
    if (!world->routing.policy.model) {
        if (world->verify != WORLD_VERIFY_NONE)
            field_complain(report, "verify", "there is nothing to verify without routing.policy");
        note_apart(world, report);
        return;
    }
    if (world->ordering != WORLD_ORDER_PER_LAYER)
        field_complain(report, "ordering", "with routing.policy, each layer orders its own blocks");
    check_partition(world, report);
    check_crosslayer(world, report);
    note_routing(world, report);
}

/* A committee needs so many nodes that are none of the layer's. */
static void check_committee(const struct world_cfg *world, struct field_report *report)
{
    const struct world_layer *layers = world->layers.items;
    uint64_t all = world_layer_nodes(world);
    for (size_t i = 0; i < world->layers.count; i++)
        if (world->validation.committee > all - layers[i].nodes)
            field_complain(report, "validation",
                           "committee is %llu, but other layers than layers[%zu] have %llu nodes",
                           (unsigned long long)world->validation.committee, i,
                           (unsigned long long)(all - layers[i].nodes));
}

/* Of two layers, neither can know whether the other stands still or is cut off. */
static void check_takeover(const struct world_cfg *world, struct field_report *report)
{
    if (world->takeover.after == SIM_TIME_NEVER)
        return;
    if (!world->routing.policy.model)
        field_complain(report, "takeover", "there is nothing to take over without routing.policy");
    if (world_layer_total(world) < 3)
        field_complain(report, "takeover", "needs three layers, so that two can judge the third");
    if (strcmp(world->interlayer.shape.model->name, "mesh") != 0)
        field_complain(report, "takeover",
                       "needs interlayer.shape: mesh, as mail must not go by way of a layer that "
                       "stands still");
    if (world->validation.committee)
        field_complain(report, "takeover", "does not go with validation.committee yet");
}

static void check_world(const void *cfg, struct field_report *report)
{
    const struct world_cfg *world = cfg;
    check_ordering(world, report);
    check_routing(world, report);
    check_takeover(world, report);
    check_committee(world, report);
    enum evm_fork fork;
    if (world->warm_up >= world->duration)
        field_complain(report, "warm_up", "must be shorter than duration");
    if (!evm_fork_from_name(world->fork, &fork) || fork < EVM_LONDON)
        field_complain(report, "fork", "'%s' is no fork from London on; try Cancun", world->fork);
    world_layers_check(world, report);
}

FIELD_DEFINE(world_layer, WORLD_LAYER_FIELDS, "One execution layer: its nodes and its models.",
             check_layer);
FIELD_DEFINE(world_routing, WORLD_ROUTING_FIELDS, "Which layer holds which account.", NULL);
FIELD_DEFINE(world_takeover, WORLD_TAKEOVER_FIELDS, "What becomes of a layer that stands still.",
             NULL);
FIELD_DEFINE(world_trace, WORLD_TRACE_FIELDS, "Which messages the results file holds.", NULL);
FIELD_DEFINE(world_record, WORLD_RECORD_FIELDS, "What the results file holds.", NULL);
static void check_figure(const void *cfg, struct field_report *report)
{
    const struct world_figure *e = cfg;
    char hint[512];
    if (figure_find(e->figure) != SIZE_MAX)
        return;
    figure_hint(e->figure, hint, sizeof hint);
    field_complain(report, "figure", "no figure is called %s%s", e->figure, hint);
}
FIELD_DEFINE(world_figure, WORLD_FIGURE_FIELDS, "A figure and its target.", check_figure);
static void check_sweep(const void *cfg, struct field_report *report)
{
    const struct world_sweep *sweep = cfg;
    for (size_t i = 0; i < sweep->vary.count; i++) {
        const char *text = sweep->vary.items[i], *equals = strchr(text, '=');
        if (!equals || equals == text || !equals[1])
            field_complain(report, "vary", "'%s' is not PATH=A,B,...", text);
    }
}
FIELD_DEFINE(world_sweep, WORLD_SWEEP_FIELDS, "What weft compare runs of a scenario.", check_sweep);
FIELD_DEFINE(world_expect, WORLD_EXPECT_FIELDS, "What is expected of the run.", NULL);
FIELD_DEFINE(world_cfg, WORLD_FIELDS, "A scenario.", check_world);

static const struct field_registry *const registries[] = {
    &consensus_registry, &execution_registry, &fees_registry,       &mempool_registry,
    &workload_registry,  &faults_registry,    &judges_registry,     &latency_registry,
    &link_registry,      &jitter_registry,    &class_registry,      &topology_registry,
    &gossip_registry,    &router_registry,    &crosslayer_registry, &interlayer_registry,
    &pairs_registry,
};

const struct scenario_spec world_spec = {&world_cfg_table, registries,
                                         sizeof registries / sizeof registries[0], &plugin_loader};
