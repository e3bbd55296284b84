/* What the transactions of blocks met at, and what their conflicts allow. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report_internal.h"

enum {
    EDGES_MOST = 4000, /* of a block on the page; then evenly chosen */
    KEYS_MOST = 15,    /* of the whole run */
    ROWS_MOST = 1000,  /* blocks of a replay */
};

enum err_code insight_load(struct insight_tables *t, const struct run *run, struct err *err)
{
    struct h5in *in = run->in;
    const struct {
        const char *table, *column;
        const double **to;
    } columns[] = {
        {"conflicts", "layer", &t->key_layer},     {"conflicts", "height", &t->key_height},
        {"conflicts", "conflicts", &t->conflicts}, {"conflicts", "readers", &t->readers},
        {"conflicts", "writers", &t->writers},     {"conflicts", "gas", &t->gas},
        {"dependencies", "layer", &t->edge_layer}, {"dependencies", "height", &t->edge_height},
        {"dependencies", "reader", &t->reader},    {"dependencies", "writer", &t->writer},
        {"dependencies", "key", &t->edge_key},     {"speedups", "layer", &t->point_layer},
        {"speedups", "height", &t->point_height},  {"speedups", "cores", &t->cores},
        {"speedups", "makespan", &t->makespan},    {"speedups", "oracle", &t->oracle},
    };
    *t = (struct insight_tables){.keys = h5in_rows(in, "conflicts"),
                                 .edges = h5in_rows(in, "dependencies"),
                                 .points = h5in_rows(in, "speedups")};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        *columns[i].to = h5in_column(in, columns[i].table, columns[i].column);
    t->name.bytes = h5in_texts(in, "conflicts", "name", &t->name.size);
    return h5in_error(in, err);
}

/* ---- one block ---- */

static void put_keys(struct json *j, const struct insight_tables *t, double layer, double height)
{
    json_open(j, "keys", '[');
    for (size_t i = 0; i < t->keys; i++) {
        if (t->key_layer[i] != layer || t->key_height[i] != height)
            continue;
        json_open(j, NULL, '{');
        json_text(j, "name", run_text(&t->name, i));
        json_number(j, "conflicts", t->conflicts[i]);
        json_number(j, "readers", t->readers[i]);
        json_number(j, "writers", t->writers[i]);
        json_number(j, "gas", t->gas[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
}

/* Three numbers an edge: reader, writer, key. */
static void put_edges(struct json *j, const struct insight_tables *t, double layer, double height)
{
    size_t count = 0, seen = 0, step;
    for (size_t i = 0; i < t->edges; i++)
        count += t->edge_layer[i] == layer && t->edge_height[i] == height;
    step = count / EDGES_MOST + 1;
    json_number(j, "edge_count", (double)count);
    json_open(j, "edges", '[');
    for (size_t i = 0; i < t->edges; i++) {
        if (t->edge_layer[i] != layer || t->edge_height[i] != height || seen++ % step)
            continue;
        json_number(j, NULL, t->reader[i]);
        json_number(j, NULL, t->writer[i]);
        json_number(j, NULL, t->edge_key[i]);
    }
    json_close(j, ']');
}

static int by_cores(const void *a, const void *b)
{
    const double *x = *(const double *const *)a, *y = *(const double *const *)b;
    return (*x > *y) - (*x < *y);
}

/* Three numbers a point: cores, makespan (null where it was not simulated), oracle. */
static enum err_code put_points(struct json *j, const struct insight_tables *t, double layer,
                                double height, struct err *err)
{
    const double **order = malloc((t->points + 1) * sizeof *order); /* places in t->cores */
    size_t count = 0;
    if (!order)
        return err_set(err, ERR_MEMORY, "no memory left to make the report");
    for (size_t i = 0; i < t->points; i++)
        if (t->point_layer[i] == layer && t->point_height[i] == height)
            order[count++] = &t->cores[i];
    qsort(order, count, sizeof *order, by_cores);
    json_open(j, "points", '[');
    for (size_t i = 0; i < count; i++) {
        size_t k = (size_t)(order[i] - t->cores);
        json_number(j, NULL, t->cores[k]);
        json_number(j, NULL, t->makespan[k] < 0 ? NAN : t->makespan[k]);
        json_number(j, NULL, t->oracle[k]);
    }
    json_close(j, ']');
    free(order);
    return ERR_OK;
}

enum err_code insight_block(struct json *j, const struct insight_tables *t, double layer,
                            double height, struct err *err)
{
    put_keys(j, t, layer, height);
    put_edges(j, t, layer, height);
    return put_points(j, t, layer, height, err);
}

/* ---- the whole run ---- */

struct named {
    const char *name;
    double conflicts, gas, blocks;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int by_conflicts(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    if (x->conflicts != y->conflicts)
        return x->conflicts > y->conflicts ? -1 : 1;
    return by_name(a, b);
}

/* The keys that were among a block's hottest, summed over blocks. */
static enum err_code put_hottest(struct json *j, const struct insight_tables *t, struct err *err)
{
    struct named *list = malloc((t->keys + 1) * sizeof *list);
    size_t count = 0;
    if (!list)
        return err_set(err, ERR_MEMORY, "no memory left to make the report");
    for (size_t i = 0; i < t->keys; i++)
        list[i] = (struct named){run_text(&t->name, i), t->conflicts[i], t->gas[i], 1};
    qsort(list, t->keys, sizeof *list, by_name);
    for (size_t i = 0; i < t->keys; i++) {
        if (count == 0 || strcmp(list[count - 1].name, list[i].name) != 0) {
            list[count++] = list[i];
            continue;
        }
        list[count - 1].conflicts += list[i].conflicts;
        list[count - 1].gas += list[i].gas;
        list[count - 1].blocks++;
    }
    qsort(list, count, sizeof *list, by_conflicts);
    json_open(j, "hottest", '[');
    for (size_t i = 0; i < count && i < KEYS_MOST; i++) {
        json_open(j, NULL, '{');
        json_text(j, "name", list[i].name);
        json_number(j, "conflicts", list[i].conflicts);
        json_number(j, "gas", list[i].gas);
        json_number(j, "blocks", list[i].blocks);
        json_close(j, '}');
    }
    json_close(j, ']');
    free(list);
    return ERR_OK;
}

/* The blocks of a replay, one by one: a run has too many of them. */
static void put_replayed(struct json *j, const struct run *run)
{
    const struct run_blocks *b = &run->blocks;
    json_open(j, "replayed", '[');
    for (size_t i = 0; i < b->count && i < ROWS_MOST; i++) {
        json_open(j, NULL, '{');
        json_number(j, "height", b->height[i]);
        json_number(j, "txs", b->txs[i]);
        json_number(j, "gas", b->gas_used[i]);
        json_number(j, "cores", b->cores[i]);
        json_number(j, "makespan", b->makespan[i]);
        json_number(j, "serial", b->serial[i]);
        json_number(j, "oracle", b->oracle[i]);
        json_number(j, "critical", b->critical_path[i]);
        json_number(j, "busy", b->busy[i]);
        json_number(j, "executions", b->executions[i]);
        json_number(j, "again", b->reexecutions[i]);
        json_number(j, "aborts", b->aborts[i]);
        json_number(j, "wasted", b->wasted_gas[i]);
        json_close(j, '}');
    }
    json_close(j, ']');
}

enum err_code report_insight(struct json *j, const struct run *run, struct err *err)
{
    struct insight_tables t;
    enum err_code code = insight_load(&t, run, err);
    if (code == ERR_OK)
        code = put_hottest(j, &t, err);
    if (!strcmp(h5in_text(run->in, "kind"), "replay"))
        put_replayed(j, run);
    return code;
}
