#include "analysis/summary.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double summary_quantile(const double *sorted, size_t count, double q)
{
    return count ? gsl_stats_quantile_from_sorted_data(sorted, 1, count, q) : NAN;
}

double *summary_latencies(const struct run *run, const char *kind, int layer, int crosses,
                          size_t *count)
{
    const struct run_txs *t = &run->txs;
    double *values = malloc((t->count + 1) * sizeof *values);
    size_t n = 0;
    for (size_t i = 0; values && i < t->count; i++) {
        bool done = t->status[i] == run->labels.succeeded || t->status[i] == run->labels.reverted;
        if (done && t->phase[i] == run->labels.measure && t->latency[i] >= 0 &&
            (!kind || !strcmp(kind, run_text(&t->kind, i))) &&
            (layer < 0 || t->layer[i] == layer) &&
            (crosses < 0 || (t->crosses && t->crosses[i] == crosses)))
            values[n++] = t->latency[i] / 1e9;
    }
    if (values)
        gsl_sort(values, 1, n);
    *count = n;
    return values;
}

/* A block counts if it is on the final chain and of the measured part. */
static bool counts(const struct run *run, size_t i)
{
    return run->blocks.status[i] == run->labels.canonical &&
           run->blocks.phase[i] == run->labels.measure;
}

static double sum_columns(const double *row, size_t width)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += isnan(row[i]) ? 0 : row[i];
    return sum;
}

static void rates(struct summary *s, const struct run *run)
{
    const struct run_series *r = &run->series;
    double offered = 0, achieved = 0;
    size_t measured = 0;
    for (size_t i = 0; i < r->samples; i++) {
        if (r->phase[i] != run->labels.measure)
            continue;
        offered += sum_columns(r->offered + i * r->layers, r->layers);
        achieved += sum_columns(r->achieved + i * r->layers, r->layers);
        measured++;
    }
    s->measured = (double)measured * run->interval;
    s->offered = measured ? offered / (double)measured : NAN;
    s->achieved = measured ? achieved / (double)measured : NAN;
}

static void uses(struct summary *s, const struct run *run)
{
    const struct run_series *r = &run->series;
    s->pressure.cores = s->pressure.uplink = s->pressure.downlink = NAN;
    double busy = 0, nodes = 0;
    for (size_t n = 0; n < r->nodes; n++) {
        double up = 0, down = 0, cores = 0, seen = 0;
        for (size_t i = 0; i < r->samples; i++) {
            size_t at = i * r->nodes + n;
            if (r->phase[i] != run->labels.measure || isnan(r->utilisation[at]))
                continue;
            up += r->uplink[at];
            down += r->downlink[at];
            cores += r->utilisation[at];
            seen++;
        }
        if (seen == 0)
            continue;
        s->pressure.uplink = fmax(s->pressure.uplink, up / seen);
        s->pressure.downlink = fmax(s->pressure.downlink, down / seen);
        busy += cores / seen;
        nodes++;
    }
    if (nodes > 0)
        s->pressure.cores = busy / nodes;
}

static void totals(struct summary *s, const struct run *run)
{
    const struct run_layers *l = &run->layers;
    for (size_t i = 0; i < l->count; i++) {
        s->offered_txs += l->txs_offered[i];
        s->committed_txs += l->txs_committed[i];
        s->reverted_txs += l->txs_reverted[i];
        s->pending_txs += l->txs_pending[i];
        s->dropped_txs += l->txs_dropped[i];
        s->stale_blocks += l->stale_blocks[i];
        s->view_changes += l->view_changes[i];
        s->all_blocks += l->blocks[i];
    }
    s->asked_interval = l->count ? l->block_interval[0] / 1e9 : NAN;
}

/* Time between final blocks of a layer and share of it that executing one takes. */
static void pace(struct summary *s, const struct run *run, size_t layer)
{
    double first = NAN, last = NAN, makespan = 0, count = 0;
    for (size_t i = 0; i < run->blocks.count; i++) {
        if (!counts(run, i) || run->blocks.layer[i] != (double)layer)
            continue;
        first = fmin(first, run->blocks.proposed[i]);
        last = fmax(last, run->blocks.proposed[i]);
        makespan += run->blocks.makespan[i];
        count++;
    }
    if (count < 2 || last <= first)
        return;
    double interval = (last - first) / (count - 1);
    s->pressure.execution = fmax(s->pressure.execution, makespan / count / interval);
    s->block_interval = fmax(s->block_interval, interval / 1e9);
}

static enum err_code blocks(struct summary *s, const struct run *run, struct err *err)
{
    const struct run_blocks *b = &run->blocks;
    double used = 0, limit = 0, full = 0, serial = 0, makespan = 0;
    size_t n = 0;
    double *fees = malloc((b->count + 1) * sizeof *fees),
           *tips = malloc((b->count + 1) * sizeof *tips);
    if (!fees || !tips) {
        free(fees);
        free(tips);
        return err_set(err, ERR_MEMORY, "no memory left to sum up the run");
    }
    for (size_t i = 0; i < b->count; i++) {
        if (!counts(run, i))
            continue;
        s->blocks++;
        used += b->gas_used[i];
        limit += b->gas_limit[i];
        full += b->gas_used[i] >= 0.95 * b->gas_limit[i];
        serial += b->serial[i];
        makespan += b->makespan[i];
        s->executions += b->executions[i];
        s->aborts += b->aborts[i];
        fees[n] = b->base_fee[i];
        tips[n++] = b->tip_median[i];
    }
    gsl_sort(fees, 1, n);
    gsl_sort(tips, 1, n);
    s->base_fee = summary_quantile(fees, n, 0.5);
    s->base_fee_low = summary_quantile(fees, n, 0);
    s->base_fee_high = summary_quantile(fees, n, 1);
    s->tip = summary_quantile(tips, n, 0.5);
    s->pressure.blocks = limit > 0 ? used / limit : NAN;
    s->full_blocks = n ? full / (double)n : NAN;
    s->abort_share = s->executions > 0 ? s->aborts / s->executions : NAN;
    s->speed_up = makespan > 0 ? serial / makespan : NAN;
    free(fees);
    free(tips);
    s->pressure.execution = s->block_interval = NAN;
    for (size_t i = 0; i < run->layers.count; i++)
        pace(s, run, i);
    return ERR_OK;
}

static enum err_code transactions(struct summary *s, const struct run *run, struct err *err)
{
    const struct run_txs *t = &run->txs;
    size_t count = 0, n = 0;
    double *latencies = summary_latencies(run, NULL, -1, -1, &count);
    double *fees = malloc((t->count + 1) * sizeof *fees);
    double *tips = malloc((t->count + 1) * sizeof *tips);
    if (!latencies || !fees || !tips) {
        free(latencies);
        free(fees);
        free(tips);
        return err_set(err, ERR_MEMORY, "no memory left to sum up the run");
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->phase[i] == run->labels.measure && t->latency[i] >= 0) {
            fees[n] = t->fee[i];
            tips[n++] = t->tip[i];
        }
    gsl_sort(fees, 1, n);
    gsl_sort(tips, 1, n);
    s->fee = summary_quantile(fees, n, 0.5);
    if (n > 0) /* else the median of the blocks' medians stays */
        s->tip = summary_quantile(tips, n, 0.5);
    s->latency_50 = summary_quantile(latencies, count, 0.5);
    s->latency_90 = summary_quantile(latencies, count, 0.9);
    s->latency_99 = summary_quantile(latencies, count, 0.99);
    free(latencies);
    free(fees);
    free(tips);
    return ERR_OK;
}

enum err_code summary_make(struct summary *s, const struct run *run, struct err *err)
{
    memset(s, 0, sizeof *s);
    rates(s, run);
    uses(s, run);
    totals(s, run);
    enum err_code code = blocks(s, run, err);
    if (code == ERR_OK)
        code = transactions(s, run, err);
    return code;
}
