#include "models/routing/graphed.h"

#include "models/routing/heap.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void route_graphed_init(struct route_graphed *s, const struct route_env *env,
                        const struct route_proof_rules *rules,
                        bool (*partition)(void *state, layer_id *target))
{
    route_graph_init(&s->graph, env);
    s->rules = *rules;
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
    route_proof_fini(&s->proof);
}

/* ---- an epoch ---- */

/* Moves picked one by one, that of most gain first: how many more of its pairs' transactions would
 * be local, those moved before it where they are to be. */
struct picking {
    const struct route_graph *g;
    const layer_id *target;
    double *gain;
    double *loads, *caps; /* by layer */
    uint32_t *deferred;   /* vertices that would be too much for their layer as things are */
    uint32_t deferred_count;
    struct route_heap heap;
};

enum { TURNS = 4 };
static const double in_transit = 0.1; /* load above its share that a layer takes meanwhile */

static bool picking_allocate(struct picking *p, uint32_t count, layer_id layers)
{
    uint32_t *items = mem_alloc(count, sizeof *items);
    uint32_t *place = mem_alloc(count, sizeof *place);
    p->gain = mem_zalloc(count, sizeof *p->gain);
    p->deferred = mem_alloc(count, sizeof *p->deferred);
    p->loads = mem_alloc(layers, sizeof *p->loads);
    p->caps = mem_alloc(layers, sizeof *p->caps);
    p->heap = (struct route_heap){.items = items, .place = place};
    if (!items || !place || !p->gain || !p->deferred || !p->loads || !p->caps)
        return false;
    route_heap_init(&p->heap, items, place, count, p->gain);
    return true;
}

static bool picking_init(struct picking *p, const struct route_graph *g, const layer_id *target)
{
    *p = (struct picking){.g = g, .target = target};
    if (!picking_allocate(p, g->count, g->env->layer_count))
        return false;
    route_caps(g, in_transit, p->caps);
    route_loads_of(g, g->home, p->loads);
    for (uint32_t v = 0; v < g->count; v++) {
        if (target[v] == g->home[v])
            continue;
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
            layer_id other = g->home[g->other[i]];
            p->gain[v] += other == target[v] ? g->weight[i] : 0;
            p->gain[v] -= other == g->home[v] ? g->weight[i] : 0;
        }
        route_heap_set(&p->heap, v);
    }
    return true;
}

static void picking_fini(struct picking *p)
{
    mem_free(p->gain);
    mem_free(p->deferred);
    mem_free(p->loads);
    mem_free(p->caps);
    mem_free(p->heap.items);
    mem_free(p->heap.place);
}

static bool has_room(const struct picking *p, uint32_t v)
{
    layer_id from = p->g->home[v], to = p->target[v];
    double then = p->loads[to] + p->g->load[v];
    return then <= p->caps[to] || then * p->caps[from] <= p->loads[from] * p->caps[to];
}

/* v goes: its neighbours gain by following it, and lose by going where it was. */
static void pick(struct picking *p, uint32_t v)
{
    const struct route_graph *g = p->g;
    layer_id from = g->home[v], to = p->target[v];
    p->loads[from] -= g->load[v];
    p->loads[to] += g->load[v];
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
        uint32_t u = g->other[i];
        double w = g->weight[i];
        p->gain[u] += (p->target[u] == to) * w - (p->target[u] == from) * w;
        p->gain[u] += (g->home[u] == from) * w - (g->home[u] == to) * w;
        if (p->heap.place[u] != UINT32_MAX)
            route_heap_set(&p->heap, u);
    }
}

/* The next one to move; UINT32_MAX: none. Those for whom there is no room wait until others have
 * left, and go in the end all the same. */
static uint32_t next_move(struct picking *p, int *turn)
{
    for (;;) {
        while (p->heap.len) {
            uint32_t v = p->heap.items[0];
            route_heap_remove(&p->heap, v);
            if (*turn == TURNS || has_room(p, v))
                return v;
            p->deferred[p->deferred_count++] = v;
        }
        if (!p->deferred_count || *turn == TURNS)
            return UINT32_MAX;
        ++*turn;
        while (p->deferred_count)
            route_heap_set(&p->heap, p->deferred[--p->deferred_count]);
    }
}

/* Who should move; where there is no room for all, those first that bring most together. */
static uint32_t list_moves(struct route_graphed *s, const layer_id *target, struct route_move *out,
                           uint32_t room)
{
    const struct route_graph *g = &s->graph;
    struct picking p;
    int turn = 0;
    if (!picking_init(&p, g, target))
        g->env->fail(g->env);
    else {
        s->wanted = p.heap.len;
        while (s->moves < room) {
            uint32_t v = next_move(&p, &turn);
            if (v == UINT32_MAX)
                break;
            pick(&p, v);
            out[s->moves++] = (struct route_move){g->account[v], target[v]};
        }
    }
    picking_fini(&p);
    return s->moves;
}

/* What the graph keeps: as much more than its memory as it takes to know `density` transactions an
 * account, when each epoch brings as many as the last. */
static double keep_of(const struct route_graphed *s)
{
    static const double most = 0.98;
    double enough = s->rules.density * s->graph.count, memory = s->rules.memory;
    if (!(s->proof.fresh > 0) || s->proof.fresh >= enough)
        return memory;
    return fmax(memory, fmin(1 - s->proof.fresh / enough, most));
}

uint32_t route_graphed_epoch(void *state, sim_time now, struct route_move *out, uint32_t room)
{
    struct route_graphed *s = state;
    struct route_graph *g = &s->graph;
    uint32_t count = 0;
    (void)now;
    s->wanted = s->moves = 0;
    s->proof.held = NULL;
    s->before = s->after = 0;
    if (!route_graph_build(g))
        return 0;
    route_proof_judge(&s->proof, g);
    layer_id *target = mem_alloc(g->count, sizeof *target);
    if (!target) {
        g->env->fail(g->env);
        return 0;
    }
    memcpy(target, g->home, g->count * sizeof *target);
    s->before = route_graph_cut(g, g->home);
    if (g->count && !s->partition(state, target))
        g->env->fail(g->env);
    else {
        s->after = route_graph_cut(g, target);
        count = list_moves(s, target, out, room);
        if (s->rules.proof &&
            !route_proof_holds(&s->proof, s->before, s->before - s->after, s->wanted))
            count = s->moves = 0;
        route_proof_keep(&s->proof, g, target, s->after);
    }
    mem_free(target);
    route_graph_age(g, keep_of(s), s->rules.memory);
    return count;
}

void route_graphed_reason(const void *state, char *out, size_t size)
{
    const struct route_graphed *s = state;
    const struct route_proof *p = &s->proof;
    char last[100] = "", now[100];
    if (p->judged)
        snprintf(last, sizeof last,
                 "last plan promised %.0f %% apart, %.0f %% came (unmoved %.0f %%); ",
                 100 * p->promised, 100 * p->came, 100 * p->stayed);
    if (!s->wanted)
        snprintf(now, sizeof now, "none to move");
    else if (p->held)
        snprintf(now, sizeof now, "%u to move, held off: %s", s->wanted, p->held);
    else if (s->moves < s->wanted)
        snprintf(now, sizeof now, "%u to move, room for %u", s->wanted, s->moves);
    else
        snprintf(now, sizeof now, "%u move", s->moves);
    snprintf(out, size, "%sby its own data, this one leaves %.0f %% for %.0f %%; %s", last,
             100 * s->after, 100 * s->before, now);
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
    /* All anew for the sake of a bound just missed would cost more than it brings. */
    static const double slack = 0.05;
    return (now > 1 + slack && then < now) || (gain > 0 && gain >= saving * moves);
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
