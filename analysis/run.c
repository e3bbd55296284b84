#include "analysis/run.h"

#include <math.h>
#include <string.h>

#define TEXTS(part, table, name)                                                                   \
    run->part.name.bytes = h5in_texts(run->in, table, #name, &run->part.name.size)
#define COLUMN(part, table, name) run->part.name = h5in_column(run->in, table, #name)

static void load_blocks(struct run *run)
{
    run->blocks.count = h5in_rows(run->in, "blocks");
    COLUMN(blocks, "blocks", layer);
    COLUMN(blocks, "blocks", height);
    COLUMN(blocks, "blocks", status);
    COLUMN(blocks, "blocks", phase);
    COLUMN(blocks, "blocks", proposer);
    COLUMN(blocks, "blocks", proposed);
    COLUMN(blocks, "blocks", committed);
    COLUMN(blocks, "blocks", median_received);
    COLUMN(blocks, "blocks", executed);
    COLUMN(blocks, "blocks", txs);
    COLUMN(blocks, "blocks", gas_used);
    COLUMN(blocks, "blocks", gas_limit);
    COLUMN(blocks, "blocks", base_fee);
    COLUMN(blocks, "blocks", tip_low);
    COLUMN(blocks, "blocks", tip_median);
    COLUMN(blocks, "blocks", tip_high);
    COLUMN(blocks, "blocks", bytes);
    COLUMN(blocks, "blocks", cores);
    COLUMN(blocks, "blocks", makespan);
    COLUMN(blocks, "blocks", serial);
    COLUMN(blocks, "blocks", busy);
    COLUMN(blocks, "blocks", critical_path);
    COLUMN(blocks, "blocks", oracle);
    COLUMN(blocks, "blocks", executions);
    COLUMN(blocks, "blocks", reexecutions);
    COLUMN(blocks, "blocks", aborts);
    COLUMN(blocks, "blocks", wasted_gas);
}

static void load_txs(struct run *run)
{
    run->txs.count = h5in_rows(run->in, "transactions");
    TEXTS(txs, "transactions", kind);
    COLUMN(txs, "transactions", layer);
    COLUMN(txs, "transactions", status);
    COLUMN(txs, "transactions", phase);
    COLUMN(txs, "transactions", latency);
    COLUMN(txs, "transactions", fee);
    COLUMN(txs, "transactions", tip);
    COLUMN(txs, "transactions", gas_used);
    if (h5in_has(run->in, "transactions", "crosses"))
        COLUMN(txs, "transactions", crosses);
}

static void load_nodes(struct run *run)
{
    run->nodes.count = h5in_rows(run->in, "nodes");
    TEXTS(nodes, "nodes", name);
    TEXTS(nodes, "nodes", region);
    COLUMN(nodes, "nodes", layer);
    COLUMN(nodes, "nodes", cores);
    COLUMN(nodes, "nodes", uplink);
    COLUMN(nodes, "nodes", downlink);
    COLUMN(nodes, "nodes", proposed);
    COLUMN(nodes, "nodes", accepted);
    COLUMN(nodes, "nodes", busy);
    COLUMN(nodes, "nodes", crashed_time);
    COLUMN(nodes, "nodes", bytes_in);
    COLUMN(nodes, "nodes", bytes_out);
}

static void load_layers(struct run *run)
{
    run->layers.count = h5in_rows(run->in, "layers");
    TEXTS(layers, "layers", name);
    TEXTS(layers, "layers", kind);
    TEXTS(layers, "layers", consensus);
    TEXTS(layers, "layers", executor);
    TEXTS(layers, "layers", coupling);
    TEXTS(layers, "layers", fees);
    TEXTS(layers, "layers", mempool);
    COLUMN(layers, "layers", nodes);
    COLUMN(layers, "layers", block_interval);
    COLUMN(layers, "layers", gas_limit);
    COLUMN(layers, "layers", blocks);
    COLUMN(layers, "layers", stale_blocks);
    COLUMN(layers, "layers", view_changes);
    COLUMN(layers, "layers", txs_offered);
    COLUMN(layers, "layers", txs_committed);
    COLUMN(layers, "layers", txs_reverted);
    COLUMN(layers, "layers", txs_dropped);
    COLUMN(layers, "layers", txs_pending);
    COLUMN(layers, "layers", gas_used);
    COLUMN(layers, "layers", fees_paid);
    COLUMN(layers, "layers", fees_burnt);
    COLUMN(layers, "layers", executions);
    COLUMN(layers, "layers", aborts);
}

/* All series have as many samples as there are times, and one value for each entity. */
static bool load_series(struct run *run)
{
    struct run_series *s = &run->series;
    const struct {
        const char *name;
        const double **to;
        size_t *width;
    } rows[] = {{"offered", &s->offered, &s->layers},        {"achieved", &s->achieved, &s->layers},
                {"pending", &s->pending, &s->layers},        {"nodes_up", &s->nodes_up, &s->layers},
                {"utilisation", &s->utilisation, &s->nodes}, {"uplink", &s->uplink, &s->nodes},
                {"downlink", &s->downlink, &s->nodes}};
    size_t samples, width;
    s->time = h5in_series(run->in, "time", &s->samples, &width);
    s->phase = h5in_series(run->in, "phase", &samples, &width);
    bool same = samples == s->samples;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        *rows[i].to = h5in_series(run->in, rows[i].name, &samples, &width);
        if (*rows[i].width == 0)
            *rows[i].width = width;
        same = same && samples == s->samples && width == *rows[i].width;
    }
    return same;
}

static void load_marks(struct run *run, struct run_marks *m, const char *table, bool levels)
{
    m->count = h5in_rows(run->in, table);
    m->kind.bytes = h5in_texts(run->in, table, "kind", &m->kind.size);
    m->detail.bytes = h5in_texts(run->in, table, "detail", &m->detail.size);
    m->time = h5in_column(run->in, table, "time");
    m->node = h5in_column(run->in, table, "node");
    m->layer = h5in_column(run->in, table, "layer");
    if (levels)
        m->level = h5in_column(run->in, table, "level");
}

static void load_labels(struct run *run)
{
    struct run_labels *l = &run->labels;
    l->warm_up = h5in_label(run->in, "blocks", "phase", "warm-up");
    l->measure = h5in_label(run->in, "blocks", "phase", "measure");
    l->drain = h5in_label(run->in, "blocks", "phase", "drain");
    l->canonical = h5in_label(run->in, "blocks", "status", "canonical");
    l->stale = h5in_label(run->in, "blocks", "status", "stale");
    l->succeeded = h5in_label(run->in, "transactions", "status", "succeeded");
    l->reverted = h5in_label(run->in, "transactions", "status", "reverted");
}

/* Of a run that was cut, as far as its samples or blocks go. */
static double last_time(const struct run *run)
{
    double end = h5in_number(run->in, "end_time");
    if (run->completed && end > 0)
        return end / 1e9;
    end = run->series.samples ? run->series.time[run->series.samples - 1] : 0;
    for (size_t i = 0; i < run->blocks.count; i++)
        end = fmax(end, run->blocks.proposed[i]);
    return end / 1e9;
}

enum err_code run_open(struct run *run, const char *path, struct err *err)
{
    memset(run, 0, sizeof *run);
    enum err_code code = h5in_open(&run->in, path, err);
    if (code != ERR_OK)
        return code;
    load_blocks(run);
    load_txs(run);
    load_nodes(run);
    load_layers(run);
    bool same = load_series(run);
    load_marks(run, &run->faults, "faults", false);
    load_marks(run, &run->events, "events", true);
    load_labels(run);
    code = h5in_error(run->in, err);
    if (code == ERR_OK && !same)
        code = err_set(err, ERR_INPUT, "'%s': its series differ in length", path);
    if (code != ERR_OK) {
        run_close(run);
        return code;
    }
    run->completed = h5in_number(run->in, "completed") > 0;
    run->interval = h5in_number(run->in, "interval") / 1e9;
    run->warm_up_end = h5in_number(run->in, "warm_up_end") / 1e9;
    run->load_end = h5in_number(run->in, "load_end") / 1e9;
    run->end = last_time(run);
    return ERR_OK;
}

void run_close(struct run *run)
{
    h5in_close(run->in);
    run->in = NULL;
}
