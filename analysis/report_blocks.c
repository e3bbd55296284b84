/* Fees, fill and execution of the blocks; latency; what went wrong and when. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report_internal.h"

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory left to make the report");
}

struct column {
    const char *key;
    const double *values, *over; /* over: divided by this one, unless NULL */
    const double *only;          /* NULL, or: blocks where this is 0 say nothing */
    double scale;
    char take; /* of a stretch of blocks: 'm' the mean, 'l' the least, 'h' the greatest */
};

static void column(struct json *j, const struct column *c, const size_t *rows, size_t count,
                   size_t step)
{
    json_open(j, c->key, '[');
    for (size_t i = 0; i < count; i += step) {
        double sum = 0, seen = 0, low = NAN, high = NAN;
        size_t last = i + step < count ? i + step : count;
        for (size_t k = i; k < last; k++) {
            if (c->only && c->only[rows[k]] == 0)
                continue;
            seen++;
            double v = c->values[rows[k]] * c->scale / (c->over ? c->over[rows[k]] : 1);
            sum += v;
            low = fmin(low, v);
            high = fmax(high, v);
        }
        double mean = seen > 0 ? sum / seen : NAN;
        json_number(j, NULL, c->take == 'l' ? low : c->take == 'h' ? high : mean);
    }
    json_close(j, ']');
}

/* The final blocks of a layer. */
static enum err_code layer_blocks(struct json *j, const struct run *run, size_t layer,
                                  struct err *err)
{
    const struct run_blocks *b = &run->blocks;
    const struct column columns[] = {{"t", b->proposed, NULL, NULL, 1e-9, 'm'},
                                     {"height", b->height, NULL, NULL, 1, 'l'},
                                     {"txs", b->txs, NULL, NULL, 1, 'm'},
                                     {"fill", b->gas_used, b->gas_limit, NULL, 100, 'm'},
                                     {"fill_low", b->gas_used, b->gas_limit, NULL, 100, 'l'},
                                     {"fill_high", b->gas_used, b->gas_limit, NULL, 100, 'h'},
                                     {"base", b->base_fee, NULL, NULL, 1e-9, 'm'},
                                     {"base_low", b->base_fee, NULL, NULL, 1e-9, 'l'},
                                     {"base_high", b->base_fee, NULL, NULL, 1e-9, 'h'},
                                     {"tip", b->tip_median, NULL, b->txs, 1e-9, 'm'},
                                     {"tip_low", b->tip_low, NULL, b->txs, 1e-9, 'l'},
                                     {"tip_high", b->tip_high, NULL, b->txs, 1e-9, 'h'},
                                     {"makespan", b->makespan, NULL, NULL, 1e-6, 'm'},
                                     {"makespan_low", b->makespan, NULL, NULL, 1e-6, 'l'},
                                     {"makespan_high", b->makespan, NULL, NULL, 1e-6, 'h'},
                                     {"serial", b->serial, NULL, NULL, 1e-6, 'm'},
                                     {"oracle", b->oracle, NULL, NULL, 1e-6, 'm'},
                                     {"critical", b->critical_path, NULL, NULL, 1e-6, 'm'},
                                     {"aborts", b->aborts, NULL, NULL, 1, 'm'}};
    size_t count = 0, *rows = malloc((b->count + 1) * sizeof *rows);
    if (!rows)
        return no_memory(err);
    for (size_t i = 0; i < b->count; i++)
        if (b->layer[i] == (double)layer && b->status[i] == run->labels.canonical)
            rows[count++] = i;
    size_t step = count > REPORT_POINTS ? (count + REPORT_POINTS - 1) / REPORT_POINTS : 1;
    json_open(j, NULL, '{');
    json_number(j, "layer", (double)layer);
    json_number(j, "step", (double)step);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        column(j, &columns[i], rows, count, step);
    json_close(j, '}');
    free(rows);
    return ERR_OK;
}

enum err_code report_blocks(struct json *j, const struct run *run, struct err *err)
{
    enum err_code code = ERR_OK;
    size_t layers = run->series.layers > run->layers.count ? run->series.layers : run->layers.count;
    json_open(j, "blocks", '[');
    for (size_t i = 0; i < layers && i < REPORT_LAYERS && code == ERR_OK; i++)
        code = layer_blocks(j, run, i, err);
    json_close(j, ']');
    return code;
}

/* ---- latency ---- */

/* Fractions closer together towards the tail, where the interest is. */
static enum err_code curve(struct json *j, const struct run *run, const char *name,
                           const char *kind, int layer, int crosses, struct err *err)
{
    size_t count;
    double *values = summary_latencies(run, kind, layer, crosses, &count);
    if (!values)
        return no_memory(err);
    if (count > 0) {
        json_open(j, NULL, '{');
        json_text(j, "name", name);
        json_number(j, "count", (double)count);
        json_open(j, "x", '[');
        for (int i = 0; i <= 200; i++)
            json_number(j, NULL, summary_quantile(values, count, i / 200.0));
        json_close(j, ']');
        json_open(j, "tail", '['); /* 99.1 % ... 99.9 % */
        for (int i = 1; i <= 9; i++)
            json_number(j, NULL, summary_quantile(values, count, 0.99 + i / 1000.0));
        json_close(j, ']');
        json_close(j, '}');
    }
    free(values);
    return ERR_OK;
}

enum { MOST_KINDS = 5 };

enum err_code report_latency(struct json *j, const struct run *run, struct err *err)
{
    const char *kinds[MOST_KINDS];
    size_t count = 0;
    json_open(j, "latency", '[');
    enum err_code code = curve(j, run, "all transactions", NULL, -1, -1, err);
    for (size_t i = 0; i < run->txs.count && count < MOST_KINDS; i++) {
        const char *kind = run_text(&run->txs.kind, i);
        size_t k = 0;
        while (k < count && strcmp(kinds[k], kind) != 0)
            k++;
        if (k == count)
            kinds[count++] = kind;
    }
    for (size_t k = 0; count > 1 && k < count && code == ERR_OK; k++)
        code = curve(j, run, kinds[k], kinds[k], -1, -1, err);
    bool partitioned = h5in_has(run->in, "crossings", NULL);
    if (partitioned && code == ERR_OK)
        code = curve(j, run, "within a layer", NULL, -1, 0, err);
    if (partitioned && code == ERR_OK)
        code = curve(j, run, "across layers", NULL, -1, 1, err);
    for (size_t l = 0;
         !partitioned && run->layers.count > 1 && l < run->layers.count && l < 4 && code == ERR_OK;
         l++)
        code = curve(j, run, run_text(&run->layers.name, l), NULL, (int)l, -1, err);
    json_close(j, ']');
    return code;
}

/* ---- failures and forks ---- */

static bool is_recovery(const struct run_marks *m, size_t i)
{
    return !strcmp(run_text(&m->kind, i), "recover");
}

/* What began and when the same node's trouble ended, if it did. */
static void faults(struct json *j, const struct run *run)
{
    const struct run_marks *m = &run->faults;
    json_open(j, "faults", '[');
    for (size_t i = 0; i < m->count && i < REPORT_MARKS; i++) {
        if (is_recovery(m, i))
            continue;
        double end = NAN;
        for (size_t k = i + 1; k < m->count && isnan(end); k++)
            if (is_recovery(m, k) && m->node[k] == m->node[i] && m->layer[k] == m->layer[i])
                end = m->time[k] / 1e9;
        json_open(j, NULL, '{');
        json_number(j, "t", m->time[i] / 1e9);
        json_number(j, "end", end);
        json_text(j, "kind", run_text(&m->kind, i));
        json_number(j, "node", m->node[i]);
        json_text(j, "detail", run_text(&m->detail, i));
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void stale_blocks(struct json *j, const struct run *run)
{
    const struct run_blocks *b = &run->blocks;
    size_t shown = 0;
    json_open(j, "stale", '[');
    for (size_t i = 0; i < b->count && shown < REPORT_MARKS; i++) {
        if (b->status[i] != run->labels.stale)
            continue;
        json_open(j, NULL, '{');
        json_number(j, "t", b->proposed[i] / 1e9);
        json_number(j, "layer", b->layer[i]);
        json_number(j, "height", b->height[i]);
        json_number(j, "node", b->proposer[i]);
        json_close(j, '}');
        shown++;
    }
    json_close(j, ']');
}

void report_marks(struct json *j, const struct run *run)
{
    const struct run_marks *m = &run->events;
    faults(j, run);
    stale_blocks(j, run);
    json_number(j, "event_count", (double)m->count);
    json_open(j, "events", '[');
    for (size_t i = 0; i < m->count && i < REPORT_MARKS; i++) {
        json_open(j, NULL, '{');
        json_number(j, "t", m->time[i] / 1e9);
        json_number(j, "level", m->level[i]);
        json_text(j, "kind", run_text(&m->kind, i));
        json_number(j, "node", m->node[i]);
        json_number(j, "layer", m->layer[i]);
        json_text(j, "detail", run_text(&m->detail, i));
        json_close(j, '}');
    }
    json_close(j, ']');
}
