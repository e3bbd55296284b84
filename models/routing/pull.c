#include "models/routing/pull.h"

#include "models/routing/graphed.h"
#include "sim/base/mem.h"

#include <stdlib.h>

struct candidate {
    double gain;
    uint32_t vertex;
};

struct pull {
    const struct route_graph *g;
    const struct pull_rules *rules;
    layer_id layers;
    layer_id *target;
    double *caps, *loads;       /* by layer */
    double *edges;              /* by layer: of the vertex at hand; zero between two vertices */
    layer_id *near;             /* the layers where it has some */
    struct candidate *in_order; /* room for all vertices */
};

static uint32_t look_around(struct pull *p, uint32_t v)
{
    const struct route_graph *g = p->g;
    const double *weight = p->rules->by_gas ? g->gas : g->weight;
    uint32_t count = 0;
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
        layer_id l = p->target[g->other[i]];
        if (!(weight[i] > 0))
            continue;
        if (!(p->edges[l] > 0))
            p->near[count++] = l;
        p->edges[l] += weight[i];
    }
    return count;
}

/* What v's edges cost from layer `at`. */
static double cost_at(const struct pull *p, uint32_t near, layer_id at)
{
    double sum = 0;
    for (uint32_t i = 0; i < near; i++) {
        layer_id l = p->near[i];
        if (l != at)
            sum += p->edges[l] * (p->rules->cost ? p->rules->cost[(size_t)at * p->layers + l] : 1);
    }
    return sum;
}

static bool fits(const struct pull *p, uint32_t v, layer_id from, layer_id to)
{
    double load = p->g->load[v];
    if (!(load > 0) || p->loads[to] + load <= p->caps[to])
        return true;
    return p->loads[from] > p->caps[from] &&
           (p->loads[to] + load) * p->caps[from] < p->loads[from] * p->caps[to];
}

/* Where v should go, and what that saves; its own layer where no move saves enough. */
static layer_id best_of(struct pull *p, uint32_t v, double *gain)
{
    uint32_t near = look_around(p, v), options = p->rules->cost ? p->layers : near;
    layer_id from = p->target[v], to = from;
    double now = cost_at(p, near, from), least = now;
    *gain = 0;
    for (uint32_t i = 0; i < options && now > 0; i++) {
        layer_id l = p->rules->cost ? (layer_id)i : p->near[i];
        double cost = cost_at(p, near, l);
        bool tie = !(cost < least) && !(cost > least);
        if (l != from && (cost < least || (tie && to != from && l < to)) && fits(p, v, from, l)) {
            least = cost;
            to = l;
        }
    }
    for (uint32_t i = 0; i < near; i++)
        p->edges[p->near[i]] = 0;
    *gain = now - least;
    return *gain > p->rules->threshold * now ? to : from;
}

static int by_gain(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->gain > b->gain || a->gain < b->gain)
        return a->gain > b->gain ? -1 : 1;
    return (a->vertex > b->vertex) - (a->vertex < b->vertex);
}

static bool one_round(struct pull *p)
{
    uint32_t count = 0;
    double gain;
    bool moved = false;
    for (uint32_t v = 0; v < p->g->count; v++)
        if (best_of(p, v, &gain) != p->target[v])
            p->in_order[count++] = (struct candidate){gain, v};
    if (count)
        qsort(p->in_order, count, sizeof *p->in_order, by_gain);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t v = p->in_order[i].vertex;
        layer_id from = p->target[v], to = best_of(p, v, &gain);
        if (to == from)
            continue;
        p->loads[from] -= p->g->load[v];
        p->loads[to] += p->g->load[v];
        p->target[v] = to;
        moved = true;
    }
    return moved;
}

bool pull_together(const struct route_graph *g, const struct pull_rules *rules, layer_id *target)
{
    layer_id k = g->env->layer_count;
    struct pull p = {.g = g,
                     .rules = rules,
                     .layers = k,
                     .target = target,
                     .caps = mem_alloc(k, sizeof *p.caps),
                     .loads = mem_alloc(k, sizeof *p.loads),
                     .edges = mem_zalloc(k, sizeof *p.edges),
                     .near = mem_alloc(k, sizeof *p.near),
                     .in_order = mem_alloc(g->count, sizeof *p.in_order)};
    bool done = p.caps && p.loads && p.edges && p.near && p.in_order;
    if (done) {
        route_caps(g, rules->imbalance, p.caps);
        route_loads_of(g, target, p.loads);
        for (uint32_t i = 0; i < rules->rounds && one_round(&p); i++)
            ;
    }
    mem_free(p.caps);
    mem_free(p.loads);
    mem_free(p.edges);
    mem_free(p.near);
    mem_free(p.in_order);
    return done;
}
