/* The results file: rows of every table, samples of every series. */
#include "models/world/internal.h"

#include "sim/base/check.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROW_PATIENCE (30 * SIM_SEC) /* at least this long a block's row waits for who lacks it */

enum { SNAPSHOT_SAMPLES = 10 }; /* between two updates of /nodes and /layers */

unsigned rows_phase(const struct world *w, sim_time at)
{
    return at < w->cfg->warm_up ? RECORD_PHASE_WARM_UP
           : at < w->load_end   ? RECORD_PHASE_MEASURE
                                : RECORD_PHASE_DRAIN;
}

static void text_set(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}
#define TEXT(field, text) text_set(field, sizeof(field), text)

static uint64_t wei_u64(const struct evm_u256 *x)
{
    return x->w[1] | x->w[2] | x->w[3] ? UINT64_MAX : x->w[0];
}

/* ---- rows ---- */

bool rows_recorded(const struct world *w, const struct tx *tx)
{
    uint64_t head;
    if (w->cfg->record.transactions == WORLD_RECORD_ALL)
        return true;
    memcpy(&head, tx->evm.hash.b, sizeof head);
    return w->cfg->record.transactions == WORLD_RECORD_SAMPLED && head % w->cfg->record.one_in == 0;
}

void rows_transaction(struct world *w, struct tx *tx, unsigned status, const struct block *b)
{
    if (!rows_recorded(w, tx))
        return;
    struct record_transactions_row row = {
        .layer = tx->layer,
        .status = (uint8_t)status,
        .phase = (uint8_t)rows_phase(w, tx->emitted),
        .sender = tx->sender,
        .recipient = tx->recipient,
        .entry_node = tx->entry,
        .submitted = tx->emitted,
        .pooled = tx->pooled,
        .included = tx->included,
        .committed = tx->committed,
        .latency = tx->committed == RECORD_NEVER ? RECORD_NEVER : tx->committed - tx->emitted,
        .height = b ? (int64_t)tx->height : -1,
        .position = tx->position,
        .gas_used = tx->gas_used,
        .executions = b ? tx->executions : 0,
        .crosses = tx->crosses,
    };
    memcpy(row.hash, tx->evm.hash.b, sizeof row.hash);
    TEXT(row.kind, sources_name(w, tx->workload));
    if (b) {
        double base = wei_double(&b->fees.base_fee);
        double room = wei_double(&tx->evm.max_fee) - base;
        double tip = fmax(0, fmin(room, wei_double(&tx->evm.max_priority_fee)));
        row.tip = (uint64_t)tip;
        row.fee = (base + tip) * (double)tx->gas_used;
    }
    record_append(w->record, RECORD_T_transactions, &row, NULL);
}

static double utilisation(const struct execution_timing *t, uint32_t cores)
{
    return t->makespan_ns > 0 ? (double)t->busy_ns / ((double)t->makespan_ns * cores) : 0;
}

/* A block that was rejected has fewer executions than transactions. */
static uint64_t reexecutions(const struct execution_timing *t, uint32_t txs)
{
    uint64_t ended = t->executions + t->ahead_hits;
    return ended > txs ? ended - txs : 0;
}

static void block_row(struct world *w, const struct layer *l, const struct block *b)
{
    const struct block_track *t = b->track;
    const struct node *n = &w->nodes[b->proposer];
    struct record_blocks_row row = {
        .layer = l->id,
        .height = b->height,
        .status = t->status,
        .phase = (uint8_t)rows_phase(w, b->created),
        .proposer = b->proposer,
        .view = b->round,
        .proposed = b->created,
        .first_received = t->first_received,
        .median_received = t->median_received,
        .most_received = t->most_received,
        .nearly_received = t->nearly_received,
        .speculative = t->speculated,
        .last_received = t->last_received,
        .executed = t->median_executed,
        .committed = t->committed,
        .receivers = t->got,
        .txs = b->tx_count,
        .reverted = (uint32_t)t->reverted,
        .gas_used = t->settled ? t->gas_used : b->header_gas_used,
        .gas_limit = b->fees.gas_limit,
        .base_fee = wei_u64(&b->fees.base_fee),
        .surcharge = fees_top_surcharge(&b->fees),
        .storage_fee = b->fees.table ? wei_u64(&b->fees.table->price[FEE_STORAGE]) : 0,
        .cross_fee = b->fees.table ? wei_u64(&b->fees.table->price[FEE_CROSS]) : 0,
        .tip_low = t->tips[0],
        .tip_median = t->tips[1],
        .tip_high = t->tips[2],
        .fees = t->fees,
        .burnt = t->burnt,
        .bytes = b->size,
        .uncles = b->uncle_count,
        .cores = l->classes[n->class].cores,
        .makespan = t->timing.makespan_ns,
        .busy = t->timing.busy_ns,
        .serial = t->timing.serial_ns,
        .ladder = t->timing.ladder_ns,
        .critical_path = t->timing.critical_path_ns,
        .oracle = t->timing.oracle_ns,
        .utilisation = utilisation(&t->timing, l->classes[n->class].cores),
        .executions = t->timing.executions,
        .reexecutions = reexecutions(&t->timing, b->tx_count),
        .aborts = t->timing.aborts,
        .wasted_gas = t->timing.wasted_gas,
        .ahead_hits = t->timing.ahead_hits,
        .ahead_misses = t->timing.ahead_misses,
        .ahead = t->timing.ahead_ns,
    };
    memcpy(row.hash, b->hash.b, sizeof row.hash);
    memcpy(row.parent, b->parent_hash.b, sizeof row.parent);
    memcpy(row.state_root, b->state_root.b, sizeof row.state_root);
    memcpy(row.receipts_root, b->receipts_root.b, sizeof row.receipts_root);
    record_append(w->record, RECORD_T_blocks, &row, NULL);
}

/* Those of a block stand behind its row, so that a file that was cut names no block it lacks. */
static void transaction_rows(struct world *w, const struct block *b)
{
    for (uint32_t i = 0; i < b->tx_count; i++) {
        struct tx *tx = b->txs[i];
        if (!tx->row_due || tx->height != b->height || tx->layer != b->layer)
            continue;
        tx->row_due = false;
        rows_transaction(w, tx,
                         tx->skipped  ? RECORD_TX_STATUS_INVALID
                         : tx->failed ? RECORD_TX_STATUS_REVERTED
                                      : RECORD_TX_STATUS_SUCCEEDED,
                         b);
    }
}

/* Whether nothing more will be learnt of the block, or has been waited for long enough. */
static bool row_ready(const struct world *w, const struct layer *l, const struct block *b)
{
    const struct block_track *t = b->track;
    bool canonical = t->status == RECORD_BLOCK_STATUS_CANONICAL;
    if (!t->fate_known || (canonical && !t->settled))
        return false;
    const struct chain *c = l->chain;
    if (t->got == c->count && (!canonical || t->executed == l->count))
        return true;
    sim_time slow =
        c->consensus->timeout ? c->consensus->timeout(c->consensus_cfg, c->validators.count) : 0;
    return sim_now(w->sim) - b->created > (slow > ROW_PATIENCE ? slow : ROW_PATIENCE);
}

static void tally_time(struct world *w, struct vec *v, sim_time from, sim_time at)
{
    double seconds = (double)(at - from) / 1e9;
    if (at != RECORD_NEVER && vec_push(v, &seconds) != ERR_OK)
        world_out_of_memory(w);
}

/* How a block of the measured part spread, and whether it won. */
static void tally_spread(struct world *w, const struct layer *l, const struct block *b)
{
    const struct block_track *t = b->track;
    struct tally *sum = &w->tally;
    if (b->created < w->cfg->warm_up || b->created >= w->load_end)
        return;
    sum->lost += t->status == RECORD_BLOCK_STATUS_STALE;
    if (t->status != RECORD_BLOCK_STATUS_CANONICAL)
        return;
    sum->won++;
    sum->uncles += b->uncle_count;
    tally_time(w, &sum->speculative, b->created, t->speculated);
    tally_time(w, &sum->final[0], b->created, t->committed);
    tally_time(w, &sum->final[1], b->created, t->final_quorum);
    tally_time(w, &sum->final[2], b->created, t->final_last);
    if (l->count == 1)
        return;
    tally_time(w, &sum->half, b->created, t->median_received);
    tally_time(w, &sum->most, b->created, t->most_received);
    if (t->most_received != RECORD_NEVER) /* of blocks for which there is the figure before */
        tally_time(w, &sum->all, b->created, t->last_spread);
    tally_time(w, &sum->after_first[0], t->first_received, t->median_received);
    tally_time(w, &sum->after_first[1], t->first_received, t->nearly_received);
}

void rows_blocks(struct world *w, struct chain *c, bool last)
{
    struct block **all = c->open.data;
    size_t kept = 0;
    for (size_t i = 0; i < c->open.len; i++) {
        struct block *b = all[i];
        struct block_track *t = b->track;
        struct layer *l = &w->layers[b->layer];
        if (!t->written && (last || row_ready(w, l, b))) {
            block_row(w, l, b);
            tally_spread(w, l, b);
            if (t->status == RECORD_BLOCK_STATUS_CANONICAL)
                transaction_rows(w, b);
            t->written = true;
        }
        /* A lost block stays until it cannot be executed any more, so that its state is found. */
        bool done = t->written && (t->status == RECORD_BLOCK_STATUS_CANONICAL ||
                                   b->height <= l->flattened->height);
        if (done && !last)
            block_unref(b);
        else
            all[kept++] = b;
    }
    c->open.len = kept;
}

void rows_schedule(struct world *w, const struct block *b, const struct execution_result *r)
{
    struct record_schedule_row row = {.layer = b->layer, .height = b->height, .node = b->proposer};
    memcpy(row.block, b->hash.b, sizeof row.block);
    for (size_t i = 0; i < r->slice_count; i++) {
        const struct evm_slice *s = &r->slices[i];
        row.core = s->core;
        row.tx = s->tx;
        row.incarnation = s->incarnation;
        row.kind = s->kind;
        row.aborted = s->aborted;
        row.start = s->start;
        row.end = s->end;
        record_append(w->record, RECORD_T_schedule, &row, NULL);
    }
}

/* The hottest keys of any block; graph and oracle of those whose schedule is kept. */
void rows_insight(struct world *w, const struct block *b, const struct execution_result *r,
                  bool deep)
{
    const struct insight *in = &r->insight;
    struct record_conflicts_row row = {.layer = b->layer, .height = b->height};
    struct record_dependencies_row edge = {.layer = b->layer, .height = b->height};
    struct record_speedups_row point = {.layer = b->layer, .height = b->height};
    memcpy(row.block, b->hash.b, sizeof row.block);
    memcpy(edge.block, b->hash.b, sizeof edge.block);
    memcpy(point.block, b->hash.b, sizeof point.block);
    for (uint32_t i = 0; i < in->key_count; i++) {
        row.rank = i;
        TEXT(row.name, in->keys[i].name);
        row.conflicts = in->keys[i].conflicts;
        row.readers = in->keys[i].readers;
        row.writers = in->keys[i].writers;
        row.gas = in->keys[i].gas;
        record_append(w->record, RECORD_T_conflicts, &row, NULL);
    }
    for (uint32_t i = 0; deep && i < in->edge_count; i++) {
        edge.reader = in->edges[i].reader;
        edge.writer = in->edges[i].writer;
        edge.key = in->edges[i].key;
        record_append(w->record, RECORD_T_dependencies, &edge, NULL);
    }
    for (uint32_t i = 0; deep && i < in->point_count; i++) {
        point.cores = in->cores[i];
        point.makespan = in->makespan[i];
        point.oracle = in->oracle[i];
        record_append(w->record, RECORD_T_speedups, &point, NULL);
    }
}

void rows_event(struct world *w, unsigned level, const char *kind, int64_t node, int64_t layer,
                const char *format, ...)
{
    struct record_events_row row = {.time = sim_now(w->sim),
                                    .level = (uint8_t)level,
                                    .node = (int32_t)node,
                                    .layer = (int32_t)layer};
    va_list args;
    TEXT(row.kind, kind);
    va_start(args, format);
    vsnprintf(row.detail, sizeof row.detail, format, args);
    va_end(args);
    const struct world_watch *watch = w->options.watch;
    if (watch && watch->event)
        watch->event(watch->self, row.time, level, kind, node, row.detail);
    record_append(w->record, RECORD_T_events, &row, NULL);
}

void rows_violation(struct world *w, const struct world_finding *f, uint64_t height, uint64_t round)
{
    struct record_violations_row row = {
        .time = f->time,
        .kind = f->liveness ? RECORD_VIOLATION_LIVENESS : RECORD_VIOLATION_SAFETY,
        .layer = f->layer,
        .node = (int32_t)f->node,
        .height = height,
        .round = round,
        .seed = w->cfg->seed,
    };
    TEXT(row.judge, f->judge);
    TEXT(row.text, f->text);
    record_append(w->record, RECORD_T_violations, &row, NULL);
    rows_event(w, f->liveness ? RECORD_EVENT_LEVEL_WARNING : RECORD_EVENT_LEVEL_SAFETY, f->judge,
               f->node, f->layer, "%s", f->text);
}

/* The entry of a row of /faults: of its kind, or, of an end, of the kind that its detail names (a
 * node that comes back names none). NULL: one kind too many. */
static struct world_fault *struck_by(struct world *w, const char *kind, bool end,
                                     const char *detail)
{
    for (uint32_t i = 0; i < w->struck_kinds; i++) {
        const char *name = w->struck[i].kind;
        if (strcmp(name, kind) == 0 ||
            (end && (strstr(detail, name) || (!*detail && !strcmp(name, "crash")))))
            return &w->struck[i];
    }
    if (end || w->struck_kinds == WORLD_FAULTS)
        return NULL;
    struct world_fault *f = &w->struck[w->struck_kinds++];
    *f = (struct world_fault){.kind = kind, .first = sim_now(w->sim)};
    return f;
}

static void count_fault(struct world *w, const char *kind, int64_t node, const char *detail)
{
    bool end = strcmp(kind, "recover") == 0;
    struct world_fault *f = struck_by(w, kind, end, detail);
    if (!f)
        return;
    f->begins += !end;
    f->ends += end;
    if (end)
        f->last = sim_now(w->sim);
    if (node < 0 || end)
        return;
    for (uint32_t i = 0; i < f->node_count; i++)
        if (f->nodes[i] == (node_id)node)
            return;
    f->more = f->node_count == sizeof f->nodes / sizeof f->nodes[0];
    if (!f->more)
        f->nodes[f->node_count++] = (node_id)node;
}

void rows_fault(struct world *w, const char *kind, int64_t node, const char *detail)
{
    struct record_faults_row row = {.time = sim_now(w->sim), .node = (int32_t)node, .layer = -1};
    if (node >= 0)
        row.layer = w->nodes[node].layer;
    TEXT(row.kind, kind);
    TEXT(row.detail, detail);
    count_fault(w, kind, node, detail);
    const struct world_watch *watch = w->options.watch;
    if (watch && watch->event)
        watch->event(watch->self, row.time, RECORD_EVENT_LEVEL_COUNT, kind, node, detail);
    record_append(w->record, RECORD_T_faults, &row, NULL);
}

static void node_row(struct world *w, node_id id)
{
    const struct node *n = &w->nodes[id];
    const struct hardware_class *class = &w->layers[n->layer].classes[n->class];
    struct net_node_stats net;
    const node_id *neighbours;
    net_stats(w->net, id, &net);
    struct record_nodes_row row = {
        .id = id,
        .layer = n->layer,
        .cores = class->cores,
        .degree = net_neighbours(w->net, id, &neighbours),
        .uplink = (double)net.up_rate,
        .downlink = (double)net.down_rate,
        .height = n->final->height,
        .behind = chain_behind(w, id),
        .proposed = n->proposed,
        .accepted = n->accepted,
        .executed = n->executed_blocks,
        .busy = cores_busy(w, id),
        .execution_time = n->execution_time,
        .crashed_time = n->crashed_time + (n->up ? 0 : sim_now(w->sim) - n->down_since),
        .messages_in = net.messages_in,
        .messages_out = net.messages_out,
        .bytes_in = net.bytes_in,
        .bytes_out = net.bytes_out,
        .messages_lost = net.messages_lost,
        .signature_time = post_signature_time(w, id),
        .shed = n->shed,
    };
    snprintf(row.name, sizeof row.name, "%.20s-%u", w->layers[n->layer].name,
             id - w->layers[n->layer].first);
    TEXT(row.region, net_region(w->net, id));
    TEXT(row.profile, class->profile->name);
    record_put(w->record, RECORD_T_nodes, id, &row, NULL);
}

sim_time rows_interval(const struct layer *l)
{
    const struct field_table *table = l->chain->consensus->model.table;
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, "block_interval") == 0)
            return *(const sim_time *)((const char *)l->chain->consensus_cfg +
                                       table->rows[i].offset);
    return 0;
}

static void layer_row(struct world *w, const struct layer *l)
{
    const struct book_layer none = {0}, *book = w->book ? &w->book->layers[l->id] : &none;
    const struct committed *top = vec_at(&l->chain->committed, l->chain->committed.len - 1);
    struct record_layers_row row = {
        .id = l->id,
        .nodes = l->count,
        .block_interval = rows_interval(l),
        .gas_limit = l->genesis->fees.gas_limit,
        .blocks = l->blocks,
        .stale_blocks = l->stale,
        .view_changes = l->chain->rounds,
        .txs_offered = l->offered,
        .txs_committed = l->committed_txs,
        .txs_reverted = l->reverted,
        .txs_dropped = l->dropped,
        .txs_pending = w->book ? book->open : l->offered - l->committed_txs - l->dropped,
        .gas_used = l->gas_used,
        .fees_paid = l->fees_paid,
        .fees_burnt = l->fees_burnt,
        .executions = l->executions,
        .aborts = l->aborts,
        .crossings = book->crossings,
        .moves_in = book->moves_in,
        .moves_out = book->moves_out,
        .locked_time = book->locked,
        .base_fee = wei_u64(&chain_latest(l, top->block)->fees.base_fee),
    };
    TEXT(row.name, l->name);
    TEXT(row.kind, world_layer_kind_names.names[l->cfg->kind]);
    TEXT(row.consensus, l->chain->consensus->model.name);
    TEXT(row.executor, l->execution->model.name);
    TEXT(row.coupling, execution_coupling_names.names[l->execution_cfg->coupling]);
    TEXT(row.fees, l->cfg->fees.model->name);
    TEXT(row.mempool, l->mempool->model.name);
    record_put(w->record, RECORD_T_layers, l->id, &row, NULL);
}

static void snapshots(struct world *w)
{
    if (w->book)
        book_count_open(w);
    for (layer_id i = 0; i < w->layer_count; i++)
        layer_row(w, &w->layers[i]);
    for (node_id i = 0; i < w->node_count; i++)
        node_row(w, i);
}

/* ---- series ---- */

static void sample_layer(struct world *w, struct layer *l, double seconds)
{
    const struct committed *top = vec_at(&l->chain->committed, l->chain->committed.len - 1);
    uint32_t pending = 0, up = 0;
    for (node_id i = l->first; i < l->first + l->count; i++) {
        uint32_t count = 0;
        uint64_t bytes = 0;
        l->mempool->size(mempool_state(l, i), &count, &bytes);
        pending = count > pending ? count : pending;
        up += w->nodes[i].up;
    }
    record_value(w->record, RECORD_S_OFFERED, l->id, (double)l->sample_offered / seconds);
    record_value(w->record, RECORD_S_ACHIEVED, l->id, (double)l->sample_committed / seconds);
    record_value(w->record, RECORD_S_GAS, l->id, (double)l->sample_gas / seconds);
    record_value(w->record, RECORD_S_PENDING, l->id, pending);
    record_value(w->record, RECORD_S_BASE_FEE, l->id,
                 wei_double(&chain_latest(l, top->block)->fees.base_fee));
    record_value(w->record, RECORD_S_HEIGHT, l->id, (double)(l->chain->committed.len - 1));
    record_value(w->record, RECORD_S_NODES_UP, l->id, up);
    l->sample_offered = l->sample_committed = l->sample_gas = 0;
}

static double share(sim_time part, double whole)
{
    double x = (double)part / whole;
    return x > 1 ? 1 : x;
}

static void sample_node(struct world *w, node_id id, double span)
{
    const struct node *n = &w->nodes[id];
    struct net_node_stats net;
    net_stats(w->net, id, &net);
    int64_t busy = cores_busy(w, id);
    double cores = w->layers[n->layer].classes[n->class].cores;
    record_value(w->record, RECORD_S_UTILISATION, id,
                 share(busy - w->sample_busy[id], span * cores));
    record_value(w->record, RECORD_S_UPLINK, id, share(net.up_busy - w->sample_up[id], span));
    record_value(w->record, RECORD_S_DOWNLINK, id, share(net.down_busy - w->sample_down[id], span));
    record_value(w->record, RECORD_S_BYTES_OUT, id,
                 (double)(net.bytes_out - w->sample_out[id]) / span * 1e9);
    w->sample_busy[id] = busy;
    w->sample_up[id] = net.up_busy;
    w->sample_down[id] = net.down_busy;
    w->sample_out[id] = net.bytes_out;
}

static void sample(struct world *w)
{
    sim_time now = sim_now(w->sim), span = now - w->sampled;
    if (span <= 0)
        return;
    w->sampled = now;
    record_sample(w->record, now, rows_phase(w, now - 1), NULL);
    for (layer_id i = 0; i < w->layer_count; i++)
        sample_layer(w, &w->layers[i], (double)span / 1e9);
    for (layer_id i = 0; i < w->chain_count; i++)
        rows_blocks(w, &w->chains[i], false);
    court_tick(w);
    for (node_id i = 0; i < w->node_count; i++)
        sample_node(w, i, (double)span);
}

void rows_on_sample(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    sample(w);
    if (ev->arg % SNAPSHOT_SAMPLES == 0)
        snapshots(w);
    if (w->options.progress)
        w->options.progress(w->options.progress_self, sim_now(sim), w->end,
                            w->layers[0].committed_txs, w->chains[0].committed.len - 1);
    if (w->options.stop && *w->options.stop) {
        w->stopped = true;
        sim_stop(sim);
        return;
    }
    sim_time next = ev->time + w->cfg->record.interval;
    if (ev->time < w->end)
        world_schedule(w, next < w->end ? next : w->end, SIM_CLASS_RECORD,
                       world_source(w, SOURCE_RECORD), EVENT_SAMPLE, 0, ev->arg + 1);
}

/* ---- begin and end ---- */

/* What a digest stands for besides the scenario and the program: a line a plug-in. */
static enum err_code record_plugins(struct world *w, struct err *err)
{
    const struct scenario_plugins *p = scenario_plugins(w->scenario);
    size_t room = 1, used = 0;
    for (size_t i = 0; i < p->count; i++)
        room += strlen(p->items[i].model->name) + PATH_MAX + 96;
    char *text = mem_zalloc(room, 1), real[PATH_MAX];
    if (!text)
        return err_set(err, ERR_MEMORY, "no memory for the names of plug-ins");
    for (size_t i = 0; i < p->count; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s keccak256:%s %s", i ? "\n" : "",
                                 p->items[i].model->name, p->items[i].hash,
                                 realpath(p->items[i].path, real) ? real : p->items[i].path);
    enum err_code code = p->count ? record_set_text(w->record, "plugins", text, err) : ERR_OK;
    mem_free(text);
    return code;
}

enum err_code rows_open(struct world *w, struct err *err)
{
    const struct world_layer *first = w->cfg->layers.items;
    const struct execution_ops *executor = (const struct execution_ops *)first->execution.model;
    const struct execution_cfg *execution = executor->common(first->execution.cfg);
    char transactions[32];
    if (w->cfg->record.transactions == WORLD_RECORD_SAMPLED)
        snprintf(transactions, sizeof transactions, "sampled 1/%llu",
                 (unsigned long long)w->cfg->record.one_in);
    else
        TEXT(transactions, world_recorded_names.names[w->cfg->record.transactions]);
    struct record_info info = {
        .scenario_name = w->cfg->name,
        .scenario = scenario_source(w->scenario),
        .scenario_resolved = scenario_resolved(w->scenario),
        .program_version = w->options.program_version,
        .cost_profile = execution->profile,
        .host = w->options.host,
        .start = w->options.start,
        .transactions = transactions,
        .seed = w->cfg->seed,
        .interval = w->cfg->record.interval,
        .warm_up_end = w->cfg->warm_up,
        .load_end = w->load_end,
        .layers = w->layer_count,
        .nodes = w->node_count,
    };
    struct record_policy policy = {.host_ms = (uint32_t)(w->cfg->record.flush / SIM_MS)};
    enum err_code code = record_create(&w->record, err);
    if (code == ERR_OK && w->trace)
        code = record_add_table(w->record, &w->messages_table,
                                &record_optional_tables[RECORD_O_messages], err);
    if (code == ERR_OK && world_has_mail(w))
        code = record_add_table(w->record, &w->interlayer_table,
                                &record_optional_tables[RECORD_O_interlayer], err);
    if (code == ERR_OK && w->cfg->routing.policy.model)
        code = book_create(w, err);
    if (code == ERR_OK && w->cfg->validation.committee)
        code = record_add_table(w->record, &w->audits_table,
                                &record_optional_tables[RECORD_O_audits], err);
    if (code == ERR_OK)
        code = record_start(w->record, w->options.out, &info, &policy, err);
    if (code == ERR_OK)
        code = record_set_text(w->record, "state_root",
                               execution_root_names.names[execution->state_root], err);
    if (code == ERR_OK)
        code = record_set_text(w->record, "execution_driver", "virtual", err);
    return code == ERR_OK ? record_plugins(w, err) : code;
}

void rows_start(struct world *w)
{
    snapshots(w);
}

static void open_transactions(struct world *w)
{
    for (struct tx *tx = w->open_txs; tx; tx = tx->next)
        rows_transaction(w, tx, RECORD_TX_STATUS_PENDING, NULL);
}

/* What limited the run, for everybody who reads the file: the report page says the same. */
static enum err_code verdict(struct world *w, struct err *err)
{
    struct world_summary summary;
    world_summarise(w, &summary);
    enum err_code code = record_set_text(w->record, "limit", world_limit_name(summary.limit), err);
    if (code == ERR_OK && summary.warning[0])
        code = record_set_text(w->record, "warning", summary.warning, err);
    return code == ERR_OK ? record_set_text(w->record, "verdict", summary.limit_text, err) : code;
}

static enum err_code message_rows(struct world *w, struct err *err)
{
    for (size_t i = 0; i < trace_count(w->trace); i++) {
        const struct trace_entry *e = trace_at(w->trace, i);
        struct record_messages_row row = {
            .sent = e->sent,
            .arrived = e->arrived,
            .from = e->from == NODE_NONE ? -1 : (int32_t)e->from,
            .to = e->to == NODE_NONE ? -1 : (int32_t)e->to,
            .bytes = e->bytes,
        };
        TEXT(row.kind, e->kind);
        TEXT(row.says, e->says);
        record_append(w->record, w->messages_table, &row, NULL);
    }
    if (trace_failed(w->trace))
        return err_set(err, ERR_MEMORY, "no memory for a trace of messages");
    enum err_code code =
        record_set_number(w->record, "messages_traced", (double)trace_count(w->trace), err);
    return code == ERR_OK ? record_set_number(w->record, "messages_left_out",
                                              (double)trace_left_out(w->trace), err)
                          : code;
}

enum err_code rows_finish(struct world *w, struct err *err)
{
    char end[32];
    time_t now = time(NULL);
    struct tm utc;
    sample(w);
    pools_settle_fallen(w, true);
    for (layer_id i = 0; i < w->chain_count; i++)
        rows_blocks(w, &w->chains[i], true);
    open_transactions(w);
    if (w->book)
        book_finish(w);
    audits_finish(w);
    snapshots(w);
    strftime(end, sizeof end, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    mail_rows(w);
    enum err_code code = w->trace ? message_rows(w, err) : ERR_OK;
    if (code == ERR_OK)
        code = verdict(w, err);
    if (code != ERR_OK || w->stopped)
        return code == ERR_OK ? record_flush(w->record, err) : code;
    return record_finish(w->record, w->digest, sim_now(w->sim), end, err);
}
