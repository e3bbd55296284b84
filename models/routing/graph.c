#include "models/routing/graph.h"

#include "models/routing/loads.h"
#include "sim/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const double forgotten = 0.05; /* transactions */

void route_graph_init(struct route_graph *g, const struct route_env *env)
{
    *g = (struct route_graph){.env = env};
    vec_init(&g->pairs, sizeof(struct route_pair));
    map_init(&g->index);
}

static void drop_layout(struct route_graph *g)
{
    mem_free(g->account);
    mem_free(g->home);
    mem_free(g->load);
    mem_free(g->alone);
    mem_free(g->first);
    mem_free(g->other);
    mem_free(g->weight);
    mem_free(g->gas);
    mem_free(g->vertex);
    g->account = g->first = g->other = g->vertex = NULL;
    g->load = g->alone = g->weight = g->gas = NULL;
    g->home = NULL;
    g->count = 0;
}

void route_graph_fini(struct route_graph *g)
{
    drop_layout(g);
    vec_fini(&g->pairs);
    map_fini(&g->index);
    *g = (struct route_graph){0};
}

static uint64_t key_of(account_id a, account_id b)
{
    return (uint64_t)a << 32 | b;
}

static struct route_pair *find(struct route_graph *g, account_id a, account_id b)
{
    uint64_t at;
    if (map_get(&g->index, key_of(a, b), &at))
        return vec_at(&g->pairs, at);
    struct route_pair pair = {.a = a, .b = b};
    at = g->pairs.len;
    if (vec_push(&g->pairs, &pair) || map_put(&g->index, key_of(a, b), at)) {
        g->env->fail(g->env);
        return NULL;
    }
    return vec_at(&g->pairs, at);
}

void route_graph_observe(struct route_graph *g, const struct route_report *report)
{
    struct route_split split = route_split_of(report);
    for (uint32_t i = 0; i < report->edge_count; i++) {
        const struct route_edge *e = &report->edges[i];
        struct route_pair *pair = find(g, e->a, e->b);
        double a, b;
        if (!pair)
            return;
        route_split_edge(&split, e, &a, &b);
        pair->weight += e->weight;
        pair->fresh += e->weight;
        pair->gas += (double)e->gas;
        pair->gas_a += a;
        pair->gas_b += b;
    }
}

static int by_accounts(const void *x, const void *y)
{
    const struct route_pair *a = x, *b = y;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return (a->b > b->b) - (a->b < b->b);
}

/* Pairs by accounts ascending, and the index after them. */
static void sort_pairs(struct route_graph *g)
{
    struct route_pair *p = g->pairs.data;
    map_clear(&g->index);
    if (!g->pairs.len)
        return;
    qsort(p, g->pairs.len, sizeof *p, by_accounts);
    for (size_t i = 0; i < g->pairs.len; i++)
        if (map_put(&g->index, key_of(p[i].a, p[i].b), i))
            g->env->fail(g->env);
}

void route_graph_age(struct route_graph *g, double keep, double loads)
{
    struct route_pair *p = g->pairs.data;
    size_t left = 0;
    for (size_t i = 0; i < g->pairs.len; i++) {
        struct route_pair pair = p[i];
        pair.weight *= keep;
        pair.fresh = 0;
        pair.gas *= keep;
        pair.gas_a *= loads;
        pair.gas_b *= loads;
        if (pair.weight >= forgotten)
            p[left++] = pair;
    }
    g->pairs.len = left;
    sort_pairs(g);
}

/* ---- laying out ---- */

/* Numbers the vertices of all pairs by account ascending; their number. */
static uint32_t number_vertices(struct route_graph *g, uint32_t accounts)
{
    const struct route_pair *p = g->pairs.data;
    uint32_t count = 0;
    memset(g->vertex, 0xff, accounts * sizeof *g->vertex);
    for (size_t i = 0; i < g->pairs.len; i++)
        g->vertex[p[i].a] = g->vertex[p[i].b] = 0;
    for (account_id i = 0; i < accounts; i++)
        if (g->vertex[i] != UINT32_MAX) {
            bool held = g->env->home(g->env, i) < g->env->layer_count;
            g->vertex[i] = held ? count++ : UINT32_MAX;
        }
    return count;
}

static bool allocate(struct route_graph *g, uint32_t count, size_t ends)
{
    g->account = mem_alloc(count, sizeof *g->account);
    g->home = mem_alloc(count, sizeof *g->home);
    g->load = mem_zalloc(count, sizeof *g->load);
    g->alone = mem_zalloc(count, sizeof *g->alone);
    g->first = mem_zalloc((size_t)count + 1, sizeof *g->first);
    g->other = mem_alloc(ends, sizeof *g->other);
    g->weight = mem_alloc(ends, sizeof *g->weight);
    g->gas = mem_alloc(ends, sizeof *g->gas);
    return g->account && g->home && g->load && g->alone && g->first && g->other && g->weight &&
           g->gas;
}

static void add_end(struct route_graph *g, uint32_t v, uint32_t u, const struct route_pair *pair)
{
    uint32_t at = g->first[v]++;
    g->other[at] = u;
    g->weight[at] = pair->weight;
    g->gas[at] = pair->gas;
}

/* Pairs come by accounts ascending, so every vertex meets its neighbours ascending: first the lower
 * ones, each of whom is the pair's first, then the higher ones. */
static void lay_out(struct route_graph *g)
{
    const struct route_pair *p = g->pairs.data;
    for (size_t i = 0; i < g->pairs.len; i++) {
        uint32_t a = g->vertex[p[i].a], b = g->vertex[p[i].b];
        if (a != UINT32_MAX)
            g->load[a] += p[i].gas_a;
        if (b != UINT32_MAX)
            g->load[b] += p[i].gas_b;
        if (a != UINT32_MAX && b != UINT32_MAX && a != b) {
            g->first[a + 1]++;
            g->first[b + 1]++;
        } else if (a != UINT32_MAX || b != UINT32_MAX)
            g->alone[a != UINT32_MAX ? a : b] += p[i].weight;
    }
    for (uint32_t v = 0; v < g->count; v++)
        g->first[v + 1] += g->first[v];
    for (size_t i = 0; i < g->pairs.len; i++) {
        uint32_t a = g->vertex[p[i].a], b = g->vertex[p[i].b];
        if (a != UINT32_MAX && b != UINT32_MAX && a != b) {
            add_end(g, a, b, &p[i]);
            add_end(g, b, a, &p[i]);
        }
    }
    for (uint32_t v = g->count; v > 0; v--)
        g->first[v] = g->first[v - 1];
    g->first[0] = 0;
}

bool route_graph_build(struct route_graph *g)
{
    uint32_t accounts = g->env->accounts(g->env);
    drop_layout(g);
    sort_pairs(g);
    g->vertex = mem_alloc(accounts, sizeof *g->vertex);
    if (!g->vertex) {
        g->env->fail(g->env);
        return false;
    }
    uint32_t count = number_vertices(g, accounts);
    if (!allocate(g, count, 2 * g->pairs.len)) {
        drop_layout(g);
        g->env->fail(g->env);
        return false;
    }
    g->count = count;
    for (account_id i = 0; i < accounts; i++)
        if (g->vertex[i] != UINT32_MAX) {
            g->account[g->vertex[i]] = i;
            g->home[g->vertex[i]] = g->env->home(g->env, i);
        }
    lay_out(g);
    return true;
}

double route_graph_degree(const struct route_graph *g, uint32_t v)
{
    double sum = 0;
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
        sum += g->weight[i];
    return sum;
}

double route_graph_cut(const struct route_graph *g, const layer_id *at)
{
    double all = 0, cut = 0;
    for (uint32_t v = 0; v < g->count; v++)
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
            all += g->weight[i];
            if (at[v] != at[g->other[i]])
                cut += g->weight[i];
        }
    return all > 0 ? cut / all : 0;
}
