/* Several layers: the load of each over time, and of a partitioned network its epochs, who moved
 * where, what layers told one another, and what came of audits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report_internal.h"

enum { MATRIX_MOST = 48, EPOCHS_MOST = 400, REASONS_MOST = 200 };

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory left to make the report");
}

static void numbers(struct json *j, const char *key, const double *values, size_t count, double by)
{
    json_open(j, key, '[');
    for (size_t i = 0; i < count; i++)
        json_number(j, NULL, values[i] * by);
    json_close(j, ']');
}

/* ---- load by layer ---- */

struct rank {
    double load;
    size_t layer;
};

static int busiest_first(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->load != y->load)
        return x->load > y->load ? -1 : 1;
    return (x->layer > y->layer) - (x->layer < y->layer);
}

static int by_layer(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    return (x->layer > y->layer) - (x->layer < y->layer);
}

/* Of more layers than there are rows, those with most and with least gas; by number. */
static size_t choose(struct rank *ranks, const struct run *run)
{
    size_t count = run->layers.count, half = REPORT_HEAT_ROWS / 2;
    for (size_t i = 0; i < count; i++)
        ranks[i] = (struct rank){run->layers.gas_used[i], i};
    if (count <= REPORT_HEAT_ROWS)
        return count;
    qsort(ranks, count, sizeof *ranks, busiest_first);
    memmove(ranks + half, ranks + count - half, half * sizeof *ranks);
    qsort(ranks, REPORT_HEAT_ROWS, sizeof *ranks, by_layer);
    return REPORT_HEAT_ROWS;
}

/* A row a layer; window: samples that go together at least. */
static enum err_code heat(struct json *j, const char *key, const struct run *run,
                          const struct rank *rows, size_t count, const double *values,
                          size_t window, double by, struct err *err)
{
    size_t samples = run->series.samples, layers = run->series.layers, step;
    double *scratch = malloc((samples + 1) * sizeof *scratch);
    enum err_code code = scratch ? ERR_OK : no_memory(err);
    json_open(j, key, '[');
    for (size_t r = 0; r < count && code == ERR_OK; r++) {
        struct thin t;
        for (size_t i = 0; i < samples; i++)
            scratch[i] = values[i * layers + rows[r].layer];
        code = thin_make(&t, &step, scratch, samples, window, REPORT_HEAT_COLUMNS, err);
        if (code != ERR_OK)
            break;
        numbers(j, NULL, t.mid, t.count, by);
        thin_fini(&t);
    }
    json_close(j, ']');
    free(scratch);
    return code;
}

static enum err_code loads(struct json *j, const struct run *run, struct err *err)
{
    size_t window = report_window(run), samples, width, wide;
    const double *gas = h5in_series(run->in, "gas", &samples, &width);
    const double *fee = h5in_series(run->in, "base_fee", &samples, &wide);
    struct rank *ranks = malloc((run->layers.count + 1) * sizeof *ranks);
    enum err_code code = h5in_error(run->in, err);
    if (!ranks)
        return no_memory(err);
    if (code != ERR_OK || samples != run->series.samples || width != run->series.layers ||
        wide != width || width != run->layers.count || !samples) {
        free(ranks);
        return code;
    }
    size_t count = choose(ranks, run);
    json_open(j, "load", '{');
    json_open(j, "rows", '[');
    for (size_t i = 0; i < count; i++)
        json_number(j, NULL, (double)ranks[i].layer);
    json_close(j, ']');
    const struct {
        const char *key;
        const double *values;
        size_t window;
        double by;
    } heats[] = {{"gas", gas, window, 1e-6},
                 {"achieved", run->series.achieved, window, 1},
                 {"pending", run->series.pending, 1, 1},
                 {"fee", fee, 1, 1e-9}};
    for (size_t i = 0; i < sizeof heats / sizeof heats[0] && code == ERR_OK; i++)
        code = heat(j, heats[i].key, run, ranks, count, heats[i].values, heats[i].window,
                    heats[i].by, err);
    json_close(j, '}');
    free(ranks);
    return code;
}

/* ---- epochs ---- */

/* Of many epochs every so-manieth: lines keep their shape, reasons stand for others. */
static enum err_code epochs(struct json *j, const struct run *run, struct err *err)
{
    static const char *const columns[] = {"time",    "txs",       "crossings", "moves",
                                          "arrived", "load_mean", "load_most", "load_least",
                                          "busiest", "imbalance", "error",     "regret"};
    struct h5in *in = run->in;
    struct run_texts reason;
    size_t count = h5in_rows(in, "routing"), step = (count + EPOCHS_MOST - 1) / EPOCHS_MOST;
    step = step ? step : 1;
    json_open(j, "epochs", '{');
    json_number(j, "of", (double)count);
    for (size_t c = 0; count && c < sizeof columns / sizeof columns[0]; c++) {
        const double *values = h5in_column(in, "routing", columns[c]);
        json_open(j, columns[c], '[');
        for (size_t i = 0; values && i < count; i += step)
            json_number(j, NULL, c ? values[i] : values[i] / 1e9);
        json_close(j, ']');
    }
    reason.bytes = count ? h5in_texts(in, "routing", "reason", &reason.size) : NULL;
    json_open(j, "reason", '[');
    for (size_t i = 0, put = 0; reason.bytes && i < count && put < REASONS_MOST; i += step, put++)
        json_text(j, NULL, run_text(&reason, i));
    json_close(j, ']');
    struct run_texts policy = {0};
    policy.bytes = count ? h5in_texts(in, "routing", "policy", &policy.size) : NULL;
    json_text(j, "policy", policy.bytes ? run_text(&policy, 0) : "");
    json_close(j, '}');
    return h5in_error(in, err);
}

/* ---- from layer to layer ---- */

/* Sums over pairs of different layers; of many layers, some together make a row. */
struct matrix {
    size_t size, together; /* rows; layers in one */
    double *cells;
};

static bool matrix_make(struct matrix *m, size_t layers)
{
    m->together = (layers + MATRIX_MOST - 1) / MATRIX_MOST;
    m->size = (layers + m->together - 1) / m->together;
    m->cells = calloc(m->size * m->size, sizeof *m->cells);
    return m->cells != NULL;
}

static void matrix_add(struct matrix *m, double from, double to, double weight)
{
    size_t a = (size_t)from / m->together, b = (size_t)to / m->together;
    if (from >= 0 && to >= 0 && from != to && a < m->size && b < m->size)
        m->cells[a * m->size + b] += weight;
}

static enum err_code put_pairs(struct json *j, const char *key, const struct run *run,
                               const char *table, const char *weight, bool came, struct err *err)
{
    struct h5in *in = run->in;
    struct matrix m;
    size_t rows = h5in_rows(in, table);
    const double *from = rows ? h5in_column(in, table, "from") : NULL;
    const double *to = rows ? h5in_column(in, table, "to") : NULL;
    const double *by = rows && weight ? h5in_column(in, table, weight) : NULL;
    const double *arrived = rows && came ? h5in_column(in, table, "came") : NULL;
    enum err_code code = h5in_error(in, err);
    if (code != ERR_OK)
        return code;
    if (!matrix_make(&m, run->layers.count))
        return no_memory(err);
    for (size_t i = 0; i < rows; i++)
        if (!arrived || arrived[i] >= 0)
            matrix_add(&m, from[i], to[i], by ? by[i] : 1);
    numbers(j, key, m.cells, m.size * m.size, 1);
    free(m.cells);
    return ERR_OK;
}

static enum err_code pairs(struct json *j, const struct run *run, struct err *err)
{
    const struct {
        const char *key, *table, *weight;
        bool came;
    } all[] = {{"moves", "moves", NULL, true},
               {"items", "interlayer", "posted", false},
               {"messages", "interlayer", "messages", false},
               {"bytes", "interlayer", "bytes", false}};
    size_t layers = run->layers.count, together = (layers + MATRIX_MOST - 1) / MATRIX_MOST;
    enum err_code code = ERR_OK;
    json_open(j, "pairs", '{');
    json_number(j, "together", (double)together);
    for (size_t i = 0; i < sizeof all / sizeof all[0] && code == ERR_OK; i++)
        if (h5in_has(run->in, all[i].table, NULL))
            code = put_pairs(j, all[i].key, run, all[i].table, all[i].weight, all[i].came, err);
    json_close(j, '}');
    return code;
}

/* ---- totals ---- */

static void totals(struct json *j, const struct run *run)
{
    static const char *const columns[] = {"crossings", "moves_in", "moves_out", "locked_time",
                                          "base_fee"};
    json_open(j, "totals", '{');
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
        if (h5in_has(run->in, "layers", columns[c])) {
            const double *values = h5in_column(run->in, "layers", columns[c]);
            if (values)
                numbers(j, columns[c], values, run->layers.count, 1);
        }
    json_close(j, '}');
}

/* Crossings by what became of them; ns that those that ran took in each step, mean. */
static enum err_code crossings(struct json *j, const struct run *run, struct err *err)
{
    static const char *const outcomes[] = {"done", "dropped", "local", "open"};
    static const char *const times[] = {"opened", "started", "ready", "proposed", "done"};
    enum { OUTCOMES = 4, TIMES = 5 };
    struct h5in *in = run->in;
    size_t rows = h5in_rows(in, "crossings");
    const double *outcome = rows ? h5in_column(in, "crossings", "outcome") : NULL, *at[TIMES];
    const double *tries = rows ? h5in_column(in, "crossings", "tries") : NULL;
    double count[OUTCOMES] = {0}, step[TIMES] = {0}, tried = 0;
    for (size_t t = 0; t < TIMES; t++)
        at[t] = rows ? h5in_column(in, "crossings", times[t]) : NULL;
    enum err_code code = h5in_error(in, err);
    if (code != ERR_OK || !rows)
        return code;
    for (int o = 0; o < OUTCOMES; o++) {
        int label = h5in_label(in, "crossings", "outcome", outcomes[o]);
        for (size_t i = 0; i < rows; i++) {
            count[o] += outcome[i] == label;
            if (o || outcome[i] != label)
                continue;
            tried += tries[i];
            for (size_t t = 1; t < TIMES; t++)
                step[t] += at[t][i] - at[t - 1][i];
        }
    }
    struct run_texts protocol = {0};
    protocol.bytes = h5in_texts(in, "crossings", "protocol", &protocol.size);
    json_open(j, "crossed", '{');
    json_text(j, "protocol", run_text(&protocol, 0));
    for (int o = 0; o < OUTCOMES; o++)
        json_number(j, outcomes[o], count[o]);
    json_number(j, "tries", tried / count[0]);
    json_open(j, "steps", '[');
    for (size_t t = 1; t < TIMES; t++)
        json_number(j, NULL, step[t] / count[0] / 1e9);
    json_close(j, ']');
    json_close(j, '}');
    return h5in_error(in, err);
}

static enum err_code audits(struct json *j, const struct run *run, struct err *err)
{
    static const char *const outcomes[] = {"sound", "proven", "stands", "open"};
    struct h5in *in = run->in;
    size_t rows = h5in_rows(in, "audits");
    const double *outcome = rows ? h5in_column(in, "audits", "outcome") : NULL;
    const double *executed = rows ? h5in_column(in, "audits", "executed") : NULL;
    const double *core = rows ? h5in_column(in, "audits", "core_time") : NULL;
    const double *committed = rows ? h5in_column(in, "audits", "committed") : NULL;
    const double *proven = rows ? h5in_column(in, "audits", "proven") : NULL;
    const double *slashed = rows ? h5in_column(in, "audits", "slashed") : NULL;
    enum err_code code = h5in_error(in, err);
    if (code != ERR_OK)
        return code;
    json_open(j, "audits", '[');
    for (size_t o = 0; rows && o < sizeof outcomes / sizeof outcomes[0]; o++) {
        int label = h5in_label(in, "audits", "outcome", outcomes[o]);
        double count = 0, members = 0, cores = 0, stake = 0, delay = 0, proofs = 0;
        for (size_t i = 0; i < rows; i++) {
            if (outcome[i] != label)
                continue;
            count++;
            members += executed[i];
            cores += core[i] / 1e9;
            stake += slashed[i] / 1e9;
            proofs += proven[i] >= 0;
            delay += proven[i] >= 0 ? (proven[i] - committed[i]) / 1e9 : 0;
        }
        if (count == 0)
            continue;
        json_open(j, NULL, '{');
        json_text(j, "outcome", outcomes[o]);
        json_number(j, "blocks", count);
        json_number(j, "executed", members);
        json_number(j, "core", cores);
        json_number(j, "slashed", stake);
        json_number(j, "delay", delay / proofs);
        json_close(j, '}');
    }
    json_close(j, ']');
    return h5in_error(in, err);
}

enum err_code report_layers(struct json *j, const struct run *run, struct err *err)
{
    if (run->layers.count < 2)
        return ERR_OK;
    json_open(j, "several", '{');
    enum err_code code = loads(j, run, err);
    if (code == ERR_OK && h5in_has(run->in, "routing", NULL)) {
        totals(j, run);
        code = epochs(j, run, err);
    }
    if (code == ERR_OK && h5in_has(run->in, "crossings", NULL))
        code = crossings(j, run, err);
    if (code == ERR_OK)
        code = pairs(j, run, err);
    if (code == ERR_OK && h5in_has(run->in, "audits", NULL))
        code = audits(j, run, err);
    json_close(j, '}');
    return code;
}
