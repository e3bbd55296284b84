/* Lines over time and the heat map of the nodes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report_internal.h"

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory left to make the report");
}

static double mean_of(const double *values, size_t count)
{
    double sum = 0, seen = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            seen++;
        }
    return seen > 0 ? sum / seen : NAN;
}

enum err_code thin_make(struct thin *t, size_t *step, const double *values, size_t count,
                        size_t window, size_t most, struct err *err)
{
    size_t windows = (count + window - 1) / window;
    size_t together = windows > most ? (windows + most - 1) / most : 1;
    memset(t, 0, sizeof *t);
    *step = window * together;
    t->count = (windows + together - 1) / together;
    t->mid = malloc((t->count + 1) * sizeof *t->mid);
    t->low = malloc((t->count + 1) * sizeof *t->low);
    t->high = malloc((t->count + 1) * sizeof *t->high);
    if (!t->mid || !t->low || !t->high) {
        thin_fini(t);
        return no_memory(err);
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t first = i * *step, last = first + *step < count ? first + *step : count;
        t->mid[i] = mean_of(values + first, last - first);
        t->low[i] = t->high[i] = NAN;
        for (size_t k = first; k < last; k += window) {
            double v = mean_of(values + k, last - k < window ? last - k : window);
            t->low[i] = fmin(t->low[i], v);
            t->high[i] = fmax(t->high[i], v);
        }
    }
    return ERR_OK;
}

void thin_fini(struct thin *t)
{
    free(t->mid);
    free(t->low);
    free(t->high);
    memset(t, 0, sizeof *t);
}

static void list(struct json *j, const char *key, const double *values, size_t count, double scale)
{
    json_open(j, key, '[');
    for (size_t i = 0; i < count; i++)
        json_number(j, NULL, values[i] * scale);
    json_close(j, ']');
}

/* {"m": means, "l": least, "h": greatest}; the last two only where they say something. */
static enum err_code line(struct json *j, const char *key, const double *values, size_t count,
                          size_t window, struct err *err)
{
    struct thin t;
    size_t step;
    enum err_code code = thin_make(&t, &step, values, count, window, REPORT_POINTS, err);
    if (code != ERR_OK)
        return code;
    json_open(j, key, '{');
    list(j, "m", t.mid, t.count, 1);
    if (step > window) {
        list(j, "l", t.low, t.count, 1);
        list(j, "h", t.high, t.count, 1);
    }
    json_close(j, '}');
    thin_fini(&t);
    return ERR_OK;
}

/* Sum over all layers (-1), or the values of one. */
static void of_layer(double *to, const double *from, size_t samples, size_t layers, int layer)
{
    for (size_t i = 0; i < samples; i++) {
        const double *row = from + i * layers;
        to[i] = layer >= 0 ? row[layer] : NAN;
        for (size_t k = 0; layer < 0 && k < layers; k++)
            to[i] = isnan(to[i]) ? row[k] : isnan(row[k]) ? to[i] : to[i] + row[k];
    }
}

/* Mean over the nodes of a layer, or over all nodes (-1). */
static void of_nodes(double *to, const double *from, const struct run *run, int layer)
{
    size_t nodes = run->series.nodes;
    for (size_t i = 0; i < run->series.samples; i++) {
        double sum = 0, seen = 0;
        for (size_t n = 0; n < nodes; n++) {
            bool mine = layer < 0 || (n < run->nodes.count && run->nodes.layer[n] == layer);
            if (mine && !isnan(from[i * nodes + n])) {
                sum += from[i * nodes + n];
                seen++;
            }
        }
        to[i] = seen > 0 ? sum / seen : NAN;
    }
}

/* Blocks come in beats: rates are averaged over the longest block interval, or they would be combs.
 */
size_t report_window(const struct run *run)
{
    double longest = 0;
    for (size_t i = 0; i < run->layers.count; i++)
        longest = fmax(longest, run->layers.block_interval[i] / 1e9);
    double samples = run->interval > 0 ? nearbyint(longest / run->interval) : 1;
    return samples > 1 && samples < (double)run->series.samples / 8 ? (size_t)samples : 1;
}

/* Samples that make whole windows: half a window at the end would look like a fall. */
static size_t whole(const struct run *run, size_t window)
{
    size_t samples = run->series.samples;
    return samples >= window ? samples - samples % window : samples;
}

static enum err_code group(struct json *j, const struct run *run, int layer, size_t window,
                           double *scratch, struct err *err)
{
    const struct run_series *s = &run->series;
    const struct {
        const char *key;
        const double *values;
        bool nodes;
        size_t window;
    } lines[] = {{"offered", s->offered, false, window}, {"achieved", s->achieved, false, window},
                 {"pending", s->pending, false, 1},      {"cores", s->utilisation, true, window},
                 {"uplink", s->uplink, true, window},    {"downlink", s->downlink, true, window}};
    enum err_code code = ERR_OK;
    json_open(j, NULL, '{');
    json_number(j, "layer", layer);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && code == ERR_OK; i++) {
        if (lines[i].nodes)
            of_nodes(scratch, lines[i].values, run, layer);
        else
            of_layer(scratch, lines[i].values, s->samples, s->layers, layer);
        code = line(j, lines[i].key, scratch, whole(run, lines[i].window), lines[i].window, err);
    }
    json_close(j, '}');
    return code;
}

/* The time at the end of each stretch of `window` samples, thinned as the lines are. */
static void times(struct json *j, const char *key, const struct run *run, size_t window)
{
    size_t count = whole(run, window), windows = (count + window - 1) / window;
    size_t step =
        window * (windows > REPORT_POINTS ? (windows + REPORT_POINTS - 1) / REPORT_POINTS : 1);
    json_open(j, key, '[');
    for (size_t i = 0; i < count; i += step)
        json_number(j, NULL, run->series.time[i + step < count ? i + step - 1 : count - 1] / 1e9);
    json_close(j, ']');
}

/* Percents, a row for each of some nodes, evenly chosen. */
static enum err_code heat(struct json *j, const char *key, const struct run *run,
                          const double *values, double *scratch, struct err *err)
{
    const struct run_series *s = &run->series;
    size_t rows = s->nodes < REPORT_HEAT_ROWS ? s->nodes : REPORT_HEAT_ROWS, step;
    json_open(j, key, '[');
    for (size_t r = 0; r < rows; r++) {
        struct thin t;
        size_t node = r * s->nodes / rows;
        for (size_t i = 0; i < s->samples; i++)
            scratch[i] = values[i * s->nodes + node];
        enum err_code code = thin_make(&t, &step, scratch, s->samples, 1, REPORT_HEAT_COLUMNS, err);
        if (code != ERR_OK)
            return code;
        json_open(j, NULL, '[');
        for (size_t i = 0; i < t.count; i++)
            json_number(j, NULL, nearbyint(1000 * t.mid[i]) / 10);
        json_close(j, ']');
        thin_fini(&t);
    }
    json_close(j, ']');
    return ERR_OK;
}

static enum err_code heats(struct json *j, const struct run *run, double *scratch, struct err *err)
{
    const struct run_series *s = &run->series;
    size_t rows = s->nodes < REPORT_HEAT_ROWS ? s->nodes : REPORT_HEAT_ROWS;
    json_open(j, "heat", '{');
    json_open(j, "nodes", '[');
    for (size_t r = 0; r < rows; r++)
        json_number(j, NULL, (double)(r * s->nodes / rows));
    json_close(j, ']');
    json_number(j, "of", (double)s->nodes);
    enum err_code code = heat(j, "cores", run, s->utilisation, scratch, err);
    if (code == ERR_OK)
        code = heat(j, "uplink", run, s->uplink, scratch, err);
    if (code == ERR_OK)
        code = heat(j, "downlink", run, s->downlink, scratch, err);
    json_close(j, '}');
    return code;
}

enum err_code report_series(struct json *j, const struct run *run, struct err *err)
{
    size_t window = report_window(run);
    double *scratch = malloc((run->series.samples + 1) * sizeof *scratch);
    if (!scratch)
        return no_memory(err);
    enum err_code code = ERR_OK;
    json_open(j, "series", '{');
    json_number(j, "window", (double)window * run->interval);
    if (run->series.samples > 0) {
        times(j, "t", run, window);
        times(j, "t1", run, 1);
        json_open(j, "groups", '[');
        int layers = (int)run->series.layers;
        layers = layers == 1 ? 0 : layers > REPORT_LAYERS ? REPORT_LAYERS : layers;
        for (int layer = -1; layer < layers && code == ERR_OK; layer++)
            code = group(j, run, layer, window, scratch, err);
        json_close(j, ']');
        if (code == ERR_OK)
            code = heats(j, run, scratch, err);
    }
    json_close(j, '}');
    free(scratch);
    return code;
}
