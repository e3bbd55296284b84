/* The page of a replay: a results file with what the blocks gave, and the report's page made from
 * it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/report.h"
#include "sim/cli/cli.h"
#include "sim/cli/replay.h"
#include "sim/record/record.h"

enum { POINTS = 7 };
static const uint32_t points[POINTS] = {1, 2, 4, 8, 16, 32, 64};

struct replay_page {
    char *page, *results;
    struct record *record;
    struct record_layers_row layer;
    struct record_nodes_row node;
    sim_time now; /* blocks stand one after the other */
};

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "out of memory");
}

enum err_code replay_page_open(struct replay_page **out, const char *page,
                               const struct evm_exec_config *config, struct err *err)
{
    const struct record_info info = {
        .scenario_name = "Recorded blocks",
        .program_version = WEFT_VERSION,
        .cost_profile = config->profile->name,
        .transactions = "none",
        .seed = config->seed,
        .interval = SIM_SEC,
        .layers = 1,
        .nodes = 1,
    };
    struct replay_page *p = calloc(1, sizeof *p);
    if (!p)
        return no_memory(err);
    *out = p;
    size_t size = strlen(page) + 40;
    p->page = strdup(page);
    p->results = malloc(size);
    if (!p->page || !p->results)
        return no_memory(err);
    snprintf(p->results, size, "%s.%ld.h5", page, (long)getpid());
    p->layer = (struct record_layers_row){.name = "replay", .nodes = 1};
    snprintf(p->layer.executor, sizeof p->layer.executor, "%s",
             evm_executor_name(config->executor));
    p->node = (struct record_nodes_row){.name = "replay", .cores = config->cores};
    snprintf(p->node.profile, sizeof p->node.profile, "%s", config->profile->name);
    enum err_code code = record_create(&p->record, err);
    if (code == ERR_OK)
        code = record_start(p->record, p->results, &info, NULL, err);
    if (code == ERR_OK)
        code = record_set_text(p->record, "kind", "replay", err);
    return code;
}

/* ---- rows ---- */

static void put_block(struct replay_page *p, const struct replay_case *c)
{
    const struct evm_block_result *r = c->result;
    const struct evm_header *h = &c->recorded->block.header;
    struct record_blocks_row row = {
        .height = h->number,
        .status = RECORD_BLOCK_STATUS_CANONICAL,
        .phase = RECORD_PHASE_MEASURE,
        .proposed = p->now,
        .first_received = RECORD_NEVER,
        .median_received = RECORD_NEVER,
        .most_received = RECORD_NEVER,
        .last_received = RECORD_NEVER,
        .executed = p->now + r->makespan_ns,
        .committed = p->now + r->makespan_ns,
        .receivers = 1,
        .txs = c->recorded->block.tx_count,
        .gas_used = r->gas_used,
        .gas_limit = h->gas_limit,
        .bytes = c->recorded->size,
        .cores = c->config->cores,
        .makespan = r->makespan_ns,
        .busy = r->busy_ns,
        .serial = r->serial_ns,
        .ladder = r->ladder_ns,
        .critical_path = r->critical_path_ns,
        .oracle = r->oracle_ns,
        .utilisation = r->makespan_ns > 0
                           ? (double)r->busy_ns / (double)r->makespan_ns / (double)c->config->cores
                           : 0,
        .executions = r->executions,
        .reexecutions = r->executions + r->ahead_hits - c->recorded->block.tx_count,
        .aborts = r->aborts,
        .wasted_gas = r->wasted_gas,
        .ahead_hits = r->ahead_hits,
        .ahead_misses = r->ahead_misses,
        .ahead = r->ahead_ns,
    };
    memcpy(row.hash, c->recorded->hash.b, sizeof row.hash);
    memcpy(row.parent, h->parent_hash.b, sizeof row.parent);
    memcpy(row.state_root, h->state_root.b, sizeof row.state_root);
    memcpy(row.receipts_root, c->compared.receipts_root.b, sizeof row.receipts_root);
    record_append(p->record, RECORD_T_blocks, &row, NULL);
    p->now += r->makespan_ns;
    p->layer.blocks++;
    p->layer.txs_committed += row.txs;
    p->layer.gas_used += row.gas_used;
    p->layer.executions += row.executions;
    p->layer.aborts += row.aborts;
}

static void put_slices(struct replay_page *p, const struct replay_case *c)
{
    struct record_schedule_row row = {.height = c->recorded->block.header.number};
    memcpy(row.block, c->recorded->hash.b, sizeof row.block);
    for (size_t i = 0; i < c->result->slice_count; i++) {
        const struct evm_slice *s = &c->result->slices[i];
        row.core = s->core;
        row.tx = s->tx;
        row.incarnation = s->incarnation;
        row.kind = s->kind;
        row.aborted = s->aborted;
        row.start = s->start;
        row.end = s->end;
        record_append(p->record, RECORD_T_schedule, &row, NULL);
    }
}

static enum evm_status put_conflicts(struct replay_page *p, const struct replay_case *c,
                                     uint32_t top)
{
    const struct evm_oracle_input in = replay_known(c);
    struct evm_hot_key keys[REPLAY_TOP];
    struct evm_conflict *edges = NULL;
    uint32_t count = 0, edge_count = 0;
    enum evm_status st = evm_insight_hottest(&in, keys, top, &count);
    if (st == EVM_OK)
        st = evm_insight_graph(&in, &edges, &edge_count);
    struct record_conflicts_row row = {.height = c->recorded->block.header.number};
    memcpy(row.block, c->recorded->hash.b, sizeof row.block);
    for (uint32_t i = 0; st == EVM_OK && i < count; i++) {
        char name[EVM_INSIGHT_NAME];
        evm_insight_key_name(&in, &keys[i], name);
        snprintf(row.name, sizeof row.name, "%.95s", name);
        row.rank = i;
        row.conflicts = keys[i].conflicts;
        row.readers = keys[i].readers;
        row.writers = keys[i].writers;
        row.gas = keys[i].gas;
        record_append(p->record, RECORD_T_conflicts, &row, NULL);
    }
    struct record_dependencies_row edge = {.height = row.height};
    memcpy(edge.block, row.block, sizeof edge.block);
    for (uint32_t i = 0; i < edge_count; i++) {
        uint32_t place = evm_insight_place(keys, count, edges[i].at);
        edge.reader = edges[i].reader;
        edge.writer = edges[i].writer;
        edge.key = place == EVM_NO_TX ? -1 : (int32_t)place;
        record_append(p->record, RECORD_T_dependencies, &edge, NULL);
    }
    free(edges);
    return st;
}

/* The oracle at the usual numbers of cores, and at those that were simulated. */
static enum evm_status put_speedups(struct replay_page *p, const struct replay_case *c,
                                    const uint32_t *cores, const int64_t *makespans, uint32_t count)
{
    const struct evm_oracle_input in = replay_known(c);
    struct record_speedups_row row = {.height = c->recorded->block.header.number};
    enum evm_status st = EVM_OK;
    memcpy(row.block, c->recorded->hash.b, sizeof row.block);
    for (uint32_t i = 0; st == EVM_OK && i < POINTS + count; i++) {
        bool simulated = false;
        for (uint32_t k = 0; i < POINTS && k < count; k++)
            simulated = simulated || cores[k] == points[i];
        if (simulated)
            continue; /* its own row comes later */
        row.cores = i < POINTS ? points[i] : cores[i - POINTS];
        row.makespan = i < POINTS ? RECORD_NEVER : makespans[i - POINTS];
        st = evm_oracle_block(&in, c->result->serial_ns, row.cores, &row.oracle);
        record_append(p->record, RECORD_T_speedups, &row, NULL);
    }
    return st;
}

enum err_code replay_page_add(struct replay_page *p, const struct replay_case *c, uint32_t top,
                              const uint32_t *cores, const int64_t *makespans, uint32_t count,
                              struct err *err)
{
    put_block(p, c);
    put_slices(p, c);
    if (put_conflicts(p, c, top) != EVM_OK || put_speedups(p, c, cores, makespans, count) != EVM_OK)
        return no_memory(err);
    return record_flush(p->record, err); /* what went wrong before is told here */
}

/* ---- the page ---- */

static enum err_code finish(struct replay_page *p, struct err *err)
{
    record_put(p->record, RECORD_T_layers, 0, &p->layer, NULL);
    record_put(p->record, RECORD_T_nodes, 0, &p->node, NULL);
    enum err_code code = record_finish(p->record, NULL, p->now, "", err);
    return code == ERR_OK ? report_write(p->results, p->page, NULL, err) : code;
}

enum err_code replay_page_close(struct replay_page *p, bool write, struct err *err)
{
    if (!p)
        return ERR_OK;
    enum err_code code = write ? finish(p, err) : ERR_OK;
    record_destroy(p->record);
    if (p->results)
        unlink(p->results);
    free(p->results);
    free(p->page);
    free(p);
    return code;
}
