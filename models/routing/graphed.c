#include "models/routing/graphed.h"

#include "sim/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void route_graphed_init(struct route_graphed *s, const struct route_env *env, double memory,
                        bool (*partition)(void *state, layer_id *target))
{
    route_graph_init(&s->graph, env);
    s->memory = memory;
    s->partition = partition;
}

layer_id route_graphed_place(void *state, account_id account, const struct evm_addr *addr,
                             bool contract)
{
    const struct route_graphed *s = state;
    (void)account, (void)contract;
    return route_by_hash(addr, s->graph.env->layer_count);
}

void route_graphed_observe(void *state, const struct route_report *report)
{
    struct route_graphed *s = state;
    route_graph_observe(&s->graph, report);
}

void route_graphed_fini(void *state)
{
    struct route_graphed *s = state;
    route_graph_fini(&s->graph);
}

/* ---- an epoch ---- */

struct wish {
    double degree;
    uint32_t vertex;
};

static int by_degree(const void *x, const void *y)
{
    const struct wish *a = x, *b = y;
    if (a->degree > b->degree || a->degree < b->degree)
        return a->degree > b->degree ? -1 : 1;
    return (a->vertex > b->vertex) - (a->vertex < b->vertex);
}

/* Who should move; where there is no room for all, those used most go first. */
static uint32_t list_moves(struct route_graphed *s, const layer_id *target, struct wish *wishes,
                           struct route_move *out, uint32_t room)
{
    const struct route_graph *g = &s->graph;
    uint32_t count = 0;
    for (uint32_t v = 0; v < g->count; v++)
        if (target[v] != g->home[v])
            wishes[count++] = (struct wish){route_graph_degree(g, v), v};
    s->wanted = count;
    if (count > room) {
        qsort(wishes, count, sizeof *wishes, by_degree);
        count = room;
    }
    for (uint32_t i = 0; i < count; i++)
        out[i] = (struct route_move){g->account[wishes[i].vertex], target[wishes[i].vertex]};
    s->moves = count;
    return count;
}

uint32_t route_graphed_epoch(void *state, sim_time now, struct route_move *out, uint32_t room)
{
    struct route_graphed *s = state;
    struct route_graph *g = &s->graph;
    uint32_t count = 0;
    (void)now;
    s->wanted = s->moves = 0;
    s->before = s->after = 0;
    if (!route_graph_build(g))
        return 0;
    layer_id *target = mem_alloc(g->count, sizeof *target);
    struct wish *wishes = mem_alloc(g->count, sizeof *wishes);
    if (target && wishes) {
        memcpy(target, g->home, g->count * sizeof *target);
        s->before = route_graph_cut(g, g->home);
        if (g->count && !s->partition(state, target))
            g->env->fail(g->env);
        else
            count = list_moves(s, target, wishes, out, room);
        s->after = route_graph_cut(g, target);
    } else
        g->env->fail(g->env);
    mem_free(target);
    mem_free(wishes);
    route_graph_age(g, s->memory);
    return count;
}

void route_graphed_reason(const void *state, char *out, size_t size)
{
    const struct route_graphed *s = state;
    snprintf(out, size,
             "%.1f %% of the pairs used together were apart; %u accounts of %u should move, which "
             "leaves %.1f %%; room for %u of them",
             100 * s->before, s->wanted, s->graph.count, 100 * s->after, s->moves);
}

/* ---- bounds ---- */

static double power(const struct route_env *env, layer_id l)
{
    return env->layers[l].speed > 0 ? env->layers[l].speed : 1;
}

void route_shares(const struct route_env *env, double *out)
{
    double all = 0;
    for (layer_id l = 0; l < env->layer_count; l++)
        all += power(env, l);
    for (layer_id l = 0; l < env->layer_count; l++)
        out[l] = power(env, l) / all;
}

void route_caps(const struct route_graph *g, double imbalance, double *caps)
{
    double load = 0;
    for (uint32_t v = 0; v < g->count; v++)
        load += g->load[v];
    route_shares(g->env, caps);
    for (layer_id l = 0; l < g->env->layer_count; l++)
        caps[l] *= (1 + imbalance) * load;
}

void route_loads_of(const struct route_graph *g, const layer_id *at, double *out)
{
    for (layer_id l = 0; l < g->env->layer_count; l++)
        out[l] = 0;
    for (uint32_t v = 0; v < g->count; v++)
        out[at[v]] += g->load[v];
}

bool route_stay(const struct route_graph *g, const double *caps, layer_id *target)
{
    enum { ROUNDS = 3 };
    double *loads = mem_alloc(g->env->layer_count, sizeof *loads);
    if (!loads)
        return false;
    route_loads_of(g, target, loads);
    for (int round = 0; round < ROUNDS; round++)
        for (uint32_t v = 0; v < g->count; v++) {
            layer_id home = g->home[v], to = target[v];
            double gain = 0, load = g->load[v];
            if (to == home || (load > 0 && loads[home] + load > caps[home]))
                continue;
            for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
                gain += target[g->other[i]] == to ? g->weight[i] : 0;
                gain -= target[g->other[i]] == home ? g->weight[i] : 0;
            }
            if (gain > 0)
                continue;
            loads[to] -= load;
            loads[home] += load;
            target[v] = home;
        }
    mem_free(loads);
    return true;
}

/* The fullest layer's load over its bound; -1: memory is out. */
static double fullest(const struct route_graph *g, const layer_id *at, const double *caps)
{
    double *loads = mem_alloc(g->env->layer_count, sizeof *loads), worst = 0;
    if (!loads) {
        g->env->fail(g->env);
        return -1;
    }
    route_loads_of(g, at, loads);
    for (layer_id l = 0; l < g->env->layer_count; l++)
        if (loads[l] > worst * caps[l])
            worst = loads[l] / caps[l];
    mem_free(loads);
    return worst;
}

bool route_worth(const struct route_graph *g, const layer_id *target, const layer_id *instead,
                 double saving, const double *caps)
{
    double gain = 0, moves = 0;
    for (uint32_t v = 0; v < g->count; v++) {
        moves += target[v] != g->home[v];
        moves -= instead[v] != g->home[v];
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
            uint32_t u = g->other[i];
            gain += instead[v] != instead[u] ? g->weight[i] / 2 : 0;
            gain -= target[v] != target[u] ? g->weight[i] / 2 : 0;
        }
    }
    double now = fullest(g, instead, caps), then = fullest(g, target, caps);
    if (now < 0 || then < 0)
        return false;
    /* Bounds hold to within the error of adding loads up. */
    return (now > 1 + 1e-9 && then < now) || (gain > 0 && gain >= saving * moves);
}

/* ---- names ---- */

struct common {
    uint32_t count;
    layer_id part, layer;
};

static int by_names(const void *x, const void *y)
{
    const struct common *a = x, *b = y;
    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    return (a->layer > b->layer) - (a->layer < b->layer);
}

static int by_count(const void *x, const void *y)
{
    const struct common *a = x, *b = y;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return by_names(x, y);
}

/* How many vertices each part has in common with each layer, most first; returns how many do. */
static uint32_t list_common(const struct route_graph *g, const layer_id *part, struct common *c)
{
    uint32_t count = 0;
    for (uint32_t v = 0; v < g->count; v++)
        c[v] = (struct common){1, part[v], g->home[v]};
    qsort(c, g->count, sizeof *c, by_names);
    for (uint32_t i = 0; i < g->count; i++)
        if (count && !by_names(&c[count - 1], &c[i]))
            c[count - 1].count++;
        else
            c[count++] = c[i];
    qsort(c, count, sizeof *c, by_count);
    return count;
}

static bool alike(const struct route_env *env, layer_id a, layer_id b)
{
    return !(power(env, a) < power(env, b)) && !(power(env, b) < power(env, a));
}

bool route_relabel(const struct route_graph *g, layer_id *part)
{
    const struct route_env *env = g->env;
    layer_id k = env->layer_count;
    struct common *c = mem_alloc(g->count, sizeof *c);
    layer_id *name = mem_alloc(k, sizeof *name);
    bool *taken = mem_zalloc(k, sizeof *taken);
    bool done = c && name && taken;
    if (done && g->count) {
        uint32_t count = list_common(g, part, c);
        for (layer_id p = 0; p < k; p++)
            name[p] = LAYER_NONE;
        for (uint32_t i = 0; i < count; i++)
            if (name[c[i].part] == LAYER_NONE && !taken[c[i].layer] &&
                alike(env, c[i].part, c[i].layer)) {
                name[c[i].part] = c[i].layer;
                taken[c[i].layer] = true;
            }
        for (layer_id p = 0; p < k; p++)
            for (layer_id l = 0; l < k && name[p] == LAYER_NONE; l++)
                if (!taken[l] && alike(env, p, l)) {
                    name[p] = l;
                    taken[l] = true;
                }
        for (uint32_t v = 0; v < g->count; v++)
            part[v] = name[part[v]];
    }
    mem_free(c);
    mem_free(name);
    mem_free(taken);
    return done;
}
