#include "models/routing/kway.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 64 };

/* ---- coarsening ---- */

struct matching {
    const struct kway_graph *g;
    double max_load;
    uint32_t *mate; /* by vertex; UINT32_MAX: none yet */
};

static bool may_join(const struct matching *m, uint32_t v, uint32_t u)
{
    return v != u && m->mate[u] == UINT32_MAX && m->g->load[v] + m->g->load[u] <= m->max_load;
}

static void join(struct matching *m, uint32_t v, uint32_t u)
{
    m->mate[v] = u;
    m->mate[u] = v;
}

enum { DEGREES = 64 };

static uint32_t bucket_of(const struct kway_graph *g, uint32_t v)
{
    uint32_t degree = g->first[v + 1] - g->first[v];
    return degree < DEGREES ? degree : DEGREES - 1;
}

/* Vertices shuffled, then those of few neighbours first: hubs find somebody anyway. */
static bool visiting_order(const struct kway_graph *g, struct sim_stream *rng, struct arena *a,
                           uint32_t *order)
{
    uint32_t start[DEGREES + 1] = {0}, *shuffled = arena_alloc(a, g->count * sizeof *shuffled);
    if (!shuffled)
        return false;
    for (uint32_t v = 0; v < g->count; v++) {
        shuffled[v] = v;
        start[bucket_of(g, v) + 1]++;
    }
    for (int d = 0; d < DEGREES; d++)
        start[d + 1] += start[d];
    sim_stream_shuffle(rng, shuffled, g->count);
    for (uint32_t i = 0; i < g->count; i++)
        order[start[bucket_of(g, shuffled[i])]++] = shuffled[i];
    return true;
}

static void match_edges(struct matching *m, const uint32_t *order)
{
    const struct kway_graph *g = m->g;
    for (uint32_t n = 0; n < g->count; n++) {
        uint32_t v = order[n], best = UINT32_MAX;
        double heaviest = 0;
        if (m->mate[v] != UINT32_MAX)
            continue;
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
            if (g->weight[i] > heaviest && may_join(m, v, g->other[i])) {
                heaviest = g->weight[i];
                best = g->other[i];
            }
        if (best != UINT32_MAX)
            join(m, v, best);
    }
}

/* What is left over: two with the same nearest neighbour, and two without any (in the last place
 * of `waiting`, which has one more than there are vertices). */
static void match_leftovers(struct matching *m, const uint32_t *order, uint32_t *waiting)
{
    const struct kway_graph *g = m->g;
    memset(waiting, 0xff, ((size_t)g->count + 1) * sizeof *waiting);
    for (uint32_t n = 0; n < g->count; n++) {
        uint32_t v = order[n], hub = g->count;
        double heaviest = 0;
        if (m->mate[v] != UINT32_MAX)
            continue;
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
            if (g->weight[i] > heaviest) {
                heaviest = g->weight[i];
                hub = g->other[i];
            }
        if (waiting[hub] != UINT32_MAX && may_join(m, v, waiting[hub])) {
            join(m, v, waiting[hub]);
            waiting[hub] = UINT32_MAX;
        } else
            waiting[hub] = v;
    }
}

/* Adds v's edges to the row that is being written, those to one coarse vertex as one. */
static uint32_t merge_row(const struct kway_graph *g, const uint32_t *coarser, uint32_t v,
                          uint32_t self, uint32_t start, uint32_t end, uint32_t *place,
                          uint32_t *other, double *weight)
{
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
        uint32_t u = coarser[g->other[i]];
        if (u == self)
            continue;
        if (place[u] < start || place[u] >= end || other[place[u]] != u) {
            place[u] = end;
            other[end] = u;
            weight[end++] = 0;
        }
        weight[place[u]] += g->weight[i];
    }
    return end;
}

static bool merge(const struct kway_level *level, const uint32_t *mate, uint32_t count,
                  struct arena *a, struct kway_graph *out)
{
    const struct kway_graph *g = &level->graph;
    size_t ends = g->first[g->count];
    uint32_t *first = arena_alloc(a, ((size_t)count + 1) * sizeof *first);
    uint32_t *other = arena_alloc(a, ends * sizeof *other);
    uint32_t *place = arena_alloc(a, count * sizeof *place);
    double *weight = arena_alloc(a, ends * sizeof *weight);
    double *load = arena_alloc(a, count * sizeof *load);
    uint32_t c = 0, end = 0;
    if (!first || !other || !place || !weight || !load)
        return false;
    memset(place, 0xff, count * sizeof *place);
    for (uint32_t v = 0; v < g->count; v++) {
        uint32_t u = mate[v], start = end;
        if (u != UINT32_MAX && u < v)
            continue;
        first[c] = start;
        load[c] = g->load[v];
        end = merge_row(g, level->coarser, v, c, start, end, place, other, weight);
        if (u != UINT32_MAX) {
            load[c] += g->load[u];
            end = merge_row(g, level->coarser, u, c, start, end, place, other, weight);
        }
        c++;
    }
    first[count] = end;
    *out = (struct kway_graph){count, first, other, weight, load};
    return true;
}

bool kway_coarsen(struct kway_level *level, double max_load, struct sim_stream *rng,
                  struct arena *a, struct kway_graph *out)
{
    const struct kway_graph *g = &level->graph;
    struct matching m = {g, max_load, arena_alloc(a, g->count * sizeof *m.mate)};
    uint32_t *order = arena_alloc(a, g->count * sizeof *order);
    uint32_t *waiting = arena_alloc(a, ((size_t)g->count + 1) * sizeof *waiting);
    uint32_t count = 0;
    level->coarser = arena_alloc(a, g->count * sizeof *level->coarser);
    if (!m.mate || !order || !waiting || !level->coarser || !visiting_order(g, rng, a, order))
        return false;
    memset(m.mate, 0xff, g->count * sizeof *m.mate);
    match_edges(&m, order);
    match_leftovers(&m, order, waiting);
    for (uint32_t v = 0; v < g->count; v++)
        if (m.mate[v] == UINT32_MAX || m.mate[v] > v)
            level->coarser[v] = count++;
        else
            level->coarser[v] = level->coarser[m.mate[v]];
    return merge(level, m.mate, count, a, out);
}

/* ---- refinement of all parts at once ---- */

struct refining {
    const struct kway_graph *g;
    const struct kway_rules *rules;
    layer_id *part;
    double *caps, *loads; /* by part */
    double *edges;        /* by part: of the vertex at hand; zero between two vertices */
    layer_id *near;
};

static uint32_t look_around(struct refining *r, uint32_t v)
{
    uint32_t count = 0;
    for (uint32_t i = r->g->first[v]; i < r->g->first[v + 1]; i++) {
        layer_id p = r->part[r->g->other[i]];
        if (!(r->edges[p] > 0))
            r->near[count++] = p;
        r->edges[p] += r->g->weight[i];
    }
    return count;
}

static double filled(const struct refining *r, layer_id p, double more)
{
    return (r->loads[p] + more) / r->caps[p];
}

static layer_id emptiest(const struct refining *r)
{
    layer_id best = 0;
    for (layer_id p = 1; p < r->rules->parts; p++)
        if (filled(r, p, 0) < filled(r, best, 0))
            best = p;
    return best;
}

/* Whether v goes to p rather than to `best`, or stay in `from`: more of its edges, then the emptier
 * part, then the lower one; only where there is room. Out of a part beyond its bound any other with
 * room will do. */
static bool better(const struct refining *r, uint32_t v, layer_id from, layer_id p, layer_id best)
{
    double load = r->g->load[v];
    bool over = r->loads[from] > r->caps[from] && load > 0;
    if (p == from ||
        (load > 0 && filled(r, p, load) > 1 && !(over && filled(r, p, load) < filled(r, from, 0))))
        return false;
    if (best == from) {
        if (over || r->edges[p] > r->edges[from])
            return true;
        return !(r->edges[p] < r->edges[from]) && load > 0 &&
               filled(r, p, load) < filled(r, from, 0);
    }
    if (r->edges[p] > r->edges[best] || r->edges[p] < r->edges[best])
        return r->edges[p] > r->edges[best];
    double x = filled(r, p, load), y = filled(r, best, load);
    return x < y || (!(x > y) && p < best);
}

static bool visit(struct refining *r, uint32_t v)
{
    layer_id from = r->part[v], to = from;
    bool over = r->loads[from] > r->caps[from] && r->g->load[v] > 0;
    uint32_t near = look_around(r, v);
    for (uint32_t i = 0; i < near; i++)
        if (better(r, v, from, r->near[i], to))
            to = r->near[i];
    if (over && to == from) {
        layer_id p = emptiest(r);
        if (better(r, v, from, p, to))
            to = p;
    }
    for (uint32_t i = 0; i < near; i++)
        r->edges[r->near[i]] = 0;
    if (to == from)
        return false;
    r->loads[from] -= r->g->load[v];
    r->loads[to] += r->g->load[v];
    r->part[v] = to;
    return true;
}

static bool refining_init(struct refining *r, const struct kway_graph *g,
                          const struct kway_rules *rules, struct arena *a, layer_id *part)
{
    size_t k = rules->parts;
    double all = 0;
    *r = (struct refining){g,
                           rules,
                           part,
                           arena_alloc(a, k * sizeof(double)),
                           arena_alloc(a, k * sizeof(double)),
                           arena_alloc(a, k * sizeof(double)),
                           arena_alloc(a, k * sizeof(layer_id))};
    if (!r->caps || !r->loads || !r->edges || !r->near)
        return false;
    for (size_t p = 0; p < k; p++)
        r->loads[p] = r->edges[p] = 0;
    for (uint32_t v = 0; v < g->count; v++) {
        r->loads[part[v]] += g->load[v];
        all += g->load[v];
    }
    for (size_t p = 0; p < k; p++) /* above 0 also where there is no load at all */
        r->caps[p] = fmax((1 + rules->imbalance) * all * rules->share[p], 1e-9);
    return true;
}

bool kway_refine(const struct kway_graph *g, const struct kway_rules *rules, struct sim_stream *rng,
                 struct arena *a, layer_id *part)
{
    struct refining r;
    uint32_t *order = arena_alloc(a, g->count * sizeof *order);
    if (!order || !refining_init(&r, g, rules, a, part))
        return false;
    for (uint32_t v = 0; v < g->count; v++)
        order[v] = v;
    for (uint32_t pass = 0; pass < rules->passes; pass++) {
        bool moved = false;
        sim_stream_shuffle(rng, order, g->count);
        for (uint32_t i = 0; i < g->count; i++)
            moved = visit(&r, order[i]) || moved;
        if (!moved)
            break;
    }
    return true;
}

/* ---- all of it ---- */

bool kway_partition(const struct kway_graph *g, const struct kway_rules *rules,
                    struct sim_stream *rng, layer_id *part)
{
    struct kway_level levels[LEVELS] = {{.graph = *g}};
    struct arena a;
    uint32_t top = 0, enough = 20u * rules->parts > 100 ? 20u * rules->parts : 100;
    double all = 0;
    bool done = false;
    arena_init(&a, 1 << 20);
    for (uint32_t v = 0; v < g->count; v++)
        all += g->load[v];
    while (top + 1 < LEVELS && levels[top].graph.count > enough) {
        struct kway_graph *coarse = &levels[top + 1].graph;
        if (!kway_coarsen(&levels[top], 1.5 * all / enough, rng, &a, coarse))
            goto out;
        if (coarse->count > levels[top].graph.count - levels[top].graph.count / 20)
            break;
        top++;
    }
    layer_id *at = arena_alloc(&a, (size_t)levels[top].graph.count * sizeof *at);
    if (!at || !kway_initial(&levels[top].graph, rules, rng, &a, at))
        goto out;
    for (uint32_t l = top;; l--) {
        if (!kway_refine(&levels[l].graph, rules, rng, &a, at))
            goto out;
        if (l == 0)
            break;
        const struct kway_level *fine = &levels[l - 1];
        layer_id *down = arena_alloc(&a, fine->graph.count * sizeof *down);
        if (!down)
            goto out;
        for (uint32_t v = 0; v < fine->graph.count; v++)
            down[v] = at[fine->coarser[v]];
        at = down;
    }
    memcpy(part, at, g->count * sizeof *part);
    done = true;
out:
    arena_fini(&a);
    return done;
}
