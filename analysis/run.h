/* analysis/run.h - what the report needs of one run, in memory. Times are seconds of virtual time;
 * arrays belong to the reader. */
#ifndef ANALYSIS_RUN_H
#define ANALYSIS_RUN_H

#include "analysis/h5in.h"

/* What a value of the file's labels means, looked up by the labels' texts. */
struct run_labels {
    int measure, warm_up, drain;
    int canonical, stale;
    int succeeded, reverted;
};

/* A column of text; row i is run_text(&column, i). */
struct run_texts {
    const char *bytes;
    size_t size;
};

struct run_blocks {
    size_t count;
    const double *layer, *height, *status, *phase, *proposer, *proposed, *committed,
        *median_received;
    const double *executed, *txs, *gas_used, *gas_limit, *base_fee, *tip_low, *tip_median,
        *tip_high;
    const double *bytes, *cores, *makespan, *serial, *busy, *critical_path, *oracle;
    const double *executions, *reexecutions, *aborts, *wasted_gas;
};

struct run_txs {
    size_t count;
    struct run_texts kind;
    const double *layer, *status, *phase, *latency, *fee, *tip, *gas_used;
    const double *crosses; /* NULL in files of before there was such a column */
};

struct run_nodes {
    size_t count;
    struct run_texts name, region;
    const double *layer, *cores, *uplink, *downlink, *proposed, *accepted, *busy, *crashed_time;
    const double *bytes_in, *bytes_out;
};

struct run_layers {
    size_t count;
    struct run_texts name, kind, consensus, executor, coupling, fees, mempool;
    const double *nodes, *block_interval, *gas_limit, *blocks, *stale_blocks, *view_changes;
    const double *txs_offered, *txs_committed, *txs_reverted, *txs_dropped, *txs_pending, *gas_used;
    const double *fees_paid, *fees_burnt, *executions, *aborts;
};

struct run_series {
    size_t samples, layers, nodes;
    const double *time, *phase;
    const double *offered, *achieved, *pending, *nodes_up; /* samples x layers */
    const double *utilisation, *uplink, *downlink;         /* samples x nodes */
};

struct run_marks { /* faults and events alike */
    size_t count;
    struct run_texts kind, detail;
    const double *time, *node, *layer, *level; /* level: events only */
};

struct run {
    struct h5in *in;
    struct run_labels labels;
    struct run_blocks blocks;
    struct run_txs txs;
    struct run_nodes nodes;
    struct run_layers layers;
    struct run_series series;
    struct run_marks faults, events;
    double interval, warm_up_end, load_end, end; /* end: of the run, or of what was flushed of it */
    bool completed;
};

/* Reads the file. Errors as h5in_open. After success the caller owes run_close. */
enum err_code run_open(struct run *run, const char *path, struct err *err);
void run_close(struct run *run);

static inline const char *run_text(const struct run_texts *texts, size_t i)
{
    return texts->bytes ? texts->bytes + i * texts->size : "";
}

#endif
