/* The schedule of some blocks, for the chart of the simulated cores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report_internal.h"

enum {
    FINEST = 4000 /* slices of one core are told apart down to this part of the block's time */
};

/* Rows of /schedule that belong to one block. */
struct group {
    size_t first, count;
    double layer, height, node;
};

struct slices {
    const double *core, *tx, *incarnation, *kind, *aborted, *start, *end;
};

/* Neighbouring rows of one block and node. */
static struct group *find_groups(const struct run *run, size_t *count, struct err *err)
{
    size_t rows = h5in_rows(run->in, "schedule"), room = 0;
    const double *layer = h5in_column(run->in, "schedule", "layer");
    const double *height = h5in_column(run->in, "schedule", "height");
    const double *node = h5in_column(run->in, "schedule", "node");
    struct group *groups = NULL;
    *count = 0;
    if (h5in_error(run->in, err) != ERR_OK)
        return NULL;
    for (size_t i = 0; i < rows; i++) {
        struct group *last = *count ? &groups[*count - 1] : NULL;
        if (last && last->layer == layer[i] && last->height == height[i] && last->node == node[i]) {
            last->count++;
            continue;
        }
        if (*count == room) {
            room = room ? 2 * room : 64;
            struct group *grown = realloc(groups, room * sizeof *groups);
            if (!grown) {
                free(groups);
                err_set(err, ERR_MEMORY, "no memory left to make the report");
                return NULL;
            }
            groups = grown;
        }
        groups[(*count)++] = (struct group){i, 1, layer[i], height[i], node[i]};
    }
    return groups ? groups : calloc(1, sizeof *groups);
}

/* The block's row, or (size_t)-1. */
static size_t block_of(const struct run *run, const struct group *g)
{
    const struct run_blocks *b = &run->blocks;
    for (size_t i = 0; i < b->count; i++)
        if (b->layer[i] == g->layer && b->height[i] == g->height &&
            b->status[i] != run->labels.stale)
            return i;
    return (size_t)-1;
}

static bool load(const struct run *run, const struct group *g, struct slices *s)
{
    const struct {
        const char *name;
        const double **to;
    } columns[] = {{"core", &s->core}, {"tx", &s->tx},           {"incarnation", &s->incarnation},
                   {"kind", &s->kind}, {"aborted", &s->aborted}, {"start", &s->start},
                   {"end", &s->end}};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (!(*columns[i].to =
                  h5in_column_part(run->in, "schedule", columns[i].name, g->first, g->count)))
            return false;
    return true;
}

struct place {
    double core, start;
    size_t index;
};

static int by_core_and_start(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->core != y->core)
        return x->core < y->core ? -1 : 1;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Seven numbers a slice: core, transaction, incarnation, kind, aborted, start, length. Neighbours
 * of one kind that are too short to be told apart become one, of transaction -1. */
static void put_slices(struct json *j, const struct slices *s, const struct place *order,
                       size_t count, double span)
{
    json_open(j, "slices", '[');
    for (size_t i = 0; i < count;) {
        size_t a = order[i++].index;
        double end = s->end[a], tx = s->tx[a];
        while (i < count && end - s->start[a] < span / FINEST) {
            size_t b = order[i].index;
            if (s->core[b] != s->core[a] || s->kind[b] != s->kind[a] ||
                s->aborted[b] != s->aborted[a] || s->start[b] - end > span / FINEST)
                break;
            end = s->end[b];
            tx = -1;
            i++;
        }
        const double values[] = {s->core[a],    tx,          s->incarnation[a], s->kind[a],
                                 s->aborted[a], s->start[a], end - s->start[a]};
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++)
            json_number(j, NULL, values[k]);
    }
    json_close(j, ']');
}

static void put_figures(struct json *j, const struct run_blocks *b, size_t block)
{
    json_number(j, "txs", b->txs[block]);
    json_number(j, "makespan", b->makespan[block]);
    json_number(j, "serial", b->serial[block]);
    json_number(j, "oracle", b->oracle[block]);
    json_number(j, "critical", b->critical_path[block]);
    json_number(j, "busy", b->busy[block]);
    json_number(j, "gas", b->gas_used[block]);
    json_number(j, "wasted", b->wasted_gas[block]);
    json_number(j, "aborts", b->aborts[block]);
    json_number(j, "executions", b->executions[block]);
}

static enum err_code put_group(struct json *j, const struct run *run,
                               const struct insight_tables *insight, const struct group *g,
                               struct err *err)
{
    struct slices s;
    const struct run_blocks *b = &run->blocks;
    size_t block = block_of(run, g);
    double span = 0, cores = 0;
    if (!load(run, g, &s)) {
        enum err_code code = h5in_error(run->in, err);
        return code != ERR_OK ? code : err_set(err, ERR_IO, "the schedule cannot be read");
    }
    struct place *order = malloc(g->count * sizeof *order);
    if (!order)
        return err_set(err, ERR_MEMORY, "no memory left to make the report");
    for (size_t i = 0; i < g->count; i++) {
        order[i] = (struct place){s.core[i], s.start[i], i};
        span = fmax(span, s.end[i]);
        cores = fmax(cores, s.core[i] + 1);
    }
    qsort(order, g->count, sizeof *order, by_core_and_start);
    json_open(j, NULL, '{');
    json_number(j, "layer", g->layer);
    json_number(j, "height", g->height);
    json_number(j, "node", g->node);
    json_number(j, "cores", block == (size_t)-1 ? cores : fmax(cores, b->cores[block]));
    json_number(j, "span", span);
    if (block != (size_t)-1)
        put_figures(j, b, block);
    put_slices(j, &s, order, g->count, span);
    free(order);
    enum err_code code = insight_block(j, insight, g->layer, g->height, err);
    json_close(j, '}');
    return code;
}

/* The block with the most aborts first of all, then some evenly over the run; in order of time. */
static void choose(const struct run *run, const struct group *groups, size_t count, bool *chosen)
{
    size_t worst = 0;
    double most = -1;
    for (size_t i = 0; i < count; i++) {
        size_t block = block_of(run, &groups[i]);
        if (block != (size_t)-1 && run->blocks.aborts[block] > most) {
            most = run->blocks.aborts[block];
            worst = i;
        }
    }
    for (size_t k = 0; count > 0 && k < REPORT_GANTT_BLOCKS - 1; k++)
        chosen[k * count / (REPORT_GANTT_BLOCKS - 1)] = true;
    if (count > 0)
        chosen[worst] = true;
}

enum err_code report_gantt(struct json *j, const struct run *run, struct err *err)
{
    size_t count;
    struct insight_tables insight;
    enum err_code code = insight_load(&insight, run, err);
    if (code != ERR_OK)
        return code;
    struct group *groups = find_groups(run, &count, err);
    bool *chosen = groups ? calloc(count + 1, sizeof *chosen) : NULL;
    if (!groups || !chosen) {
        free(groups);
        code = h5in_error(run->in, err);
        return code != ERR_OK ? code
                              : err_set(err, ERR_MEMORY, "no memory left to make the report");
    }
    choose(run, groups, count, chosen);
    json_number(j, "gantt_of", (double)count);
    json_open(j, "gantt", '[');
    for (size_t i = 0; i < count && code == ERR_OK; i++)
        if (chosen[i])
            code = put_group(j, run, &insight, &groups[i], err);
    json_close(j, ']');
    free(groups);
    free(chosen);
    return code;
}
