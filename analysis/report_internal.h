/* analysis/report_internal.h - the parts of the report. */
#ifndef ANALYSIS_REPORT_INTERNAL_H
#define ANALYSIS_REPORT_INTERNAL_H

#include "analysis/json.h"
#include "analysis/run.h"
#include "analysis/summary.h"

/* How much goes on the page at most. */
enum {
    REPORT_POINTS = 800, /* of a line */
    REPORT_LAYERS = 12,  /* with lines of their own */
    REPORT_HEAT_ROWS = 64,
    REPORT_HEAT_COLUMNS = 240,
    REPORT_GANTT_BLOCKS = 12,
    REPORT_MARKS = 400
};

/* Stretches of a row of values: mean, least and greatest of each. NaN where nothing was measured.
 */
struct thin {
    size_t count;
    double *mid, *low, *high;
};

/* First averages `window` values at a time (1: as they are), then puts so many of those together
 * that at most `most` stretches remain. *step is how many values one stretch covers. ERR_MEMORY. */
enum err_code thin_make(struct thin *t, size_t *step, const double *values, size_t count,
                        size_t window, size_t most, struct err *err);
void thin_fini(struct thin *t);

/* Columns of /conflicts, /dependencies and /speedups; they belong to the reader. */
struct insight_tables {
    size_t keys, edges, points;
    struct run_texts name;
    const double *key_layer, *key_height, *conflicts, *readers, *writers, *gas;
    const double *edge_layer, *edge_height, *reader, *writer, *edge_key;
    const double *point_layer, *point_height, *cores, *makespan, *oracle;
};
enum err_code insight_load(struct insight_tables *t, const struct run *run, struct err *err);
/* The keys "keys", "edges", "edge_count" and "points" of the block's object, which is open. */
enum err_code insight_block(struct json *j, const struct insight_tables *t, double layer,
                            double height, struct err *err);

/* The page's data, each one key of the object that is open in j. */
enum err_code report_series(struct json *j, const struct run *run, struct err *err);
enum err_code report_blocks(struct json *j, const struct run *run, struct err *err);
enum err_code report_latency(struct json *j, const struct run *run, struct err *err);
enum err_code report_insight(struct json *j, const struct run *run, struct err *err);
enum err_code report_gantt(struct json *j, const struct run *run, struct err *err);
enum err_code report_messages(struct json *j, const struct run *run, struct err *err);
enum err_code report_layers(struct json *j, const struct run *run, struct err *err);
/* Samples over which rates are averaged: blocks come in beats. */
size_t report_window(const struct run *run);
void report_marks(struct json *j, const struct run *run);

#endif
