/* The few vertices that coarsening leaves, cut into parts: in two again and again, each half by
 * growing a region and refining its edge (Karypis, Kumar, SIAM J. Sci. Comput. 20 (1998), sections
 * 3.2 and 3.3; Fiduccia, Mattheyses: A linear-time heuristic for improving network partitions, DAC
 * 1982, with a heap in place of buckets, for gains are no whole numbers). */
#include "models/routing/heap.h"
#include "models/routing/kway.h"

#include <string.h>

/* ---- a cut in two ---- */

struct halves {
    const struct kway_graph *g;
    double aim[2], cap[2]; /* load of each side: what it should have, what it may have */
    double load[2], cut;
    uint8_t *side, *best;
    double *gain;              /* what the cut loses if the vertex changes sides */
    struct route_heap heap[2]; /* those that may leave each side */
    bool *locked;
    uint32_t *moved; /* vertices in the order in which they changed sides */
};

static bool halves_init(struct halves *h, const struct kway_graph *g, double share,
                        double imbalance, struct arena *a)
{
    double all = 0;
    size_t n = g->count;
    *h = (struct halves){.g = g,
                         .side = arena_alloc(a, n),
                         .best = arena_alloc(a, n),
                         .gain = arena_alloc(a, n * sizeof *h->gain),
                         .locked = arena_alloc(a, n * sizeof *h->locked),
                         .moved = arena_alloc(a, n * sizeof *h->moved)};
    if (!h->side || !h->best || !h->gain || !h->locked || !h->moved)
        return false;
    for (uint32_t v = 0; v < g->count; v++)
        all += g->load[v];
    h->aim[0] = all * share;
    h->aim[1] = all - h->aim[0];
    h->cap[0] = h->aim[0] * (1 + imbalance);
    h->cap[1] = h->aim[1] * (1 + imbalance);
    for (int s = 0; s < 2; s++) {
        uint32_t *items = arena_alloc(a, n * sizeof *items);
        uint32_t *place = arena_alloc(a, n * sizeof *place);
        if (!items || !place)
            return false;
        route_heap_init(&h->heap[s], items, place, g->count, h->gain);
    }
    return true;
}

/* Loads, cut and gains from scratch. */
static void measure(struct halves *h)
{
    const struct kway_graph *g = h->g;
    h->load[0] = h->load[1] = h->cut = 0;
    for (uint32_t v = 0; v < g->count; v++) {
        h->load[h->side[v]] += g->load[v];
        h->gain[v] = 0;
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
            bool across = h->side[g->other[i]] != h->side[v];
            h->gain[v] += across ? g->weight[i] : -g->weight[i];
            h->cut += across ? g->weight[i] / 2 : 0;
        }
    }
}

static void change_side(struct halves *h, uint32_t v, bool queue)
{
    const struct kway_graph *g = h->g;
    uint8_t from = h->side[v], to = !from;
    h->cut -= h->gain[v];
    h->gain[v] = -h->gain[v];
    h->load[from] -= g->load[v];
    h->load[to] += g->load[v];
    h->side[v] = to;
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
        uint32_t u = g->other[i];
        h->gain[u] += h->side[u] == to ? -2 * g->weight[i] : 2 * g->weight[i];
        if (queue && !h->locked[u])
            route_heap_set(&h->heap[h->side[u]], u);
    }
}

/* How far loads are beyond what they may be. */
static double excess(const struct halves *h)
{
    double x = 0;
    for (int s = 0; s < 2; s++)
        x += h->load[s] > h->cap[s] ? h->load[s] - h->cap[s] : 0;
    return x;
}

/* Side 0 grows from a vertex drawn by chance, by the neighbour that cuts least; where a component
 * ends before the side is full, from another one. */
static void grow(struct halves *h, struct sim_stream *rng)
{
    const struct kway_graph *g = h->g;
    struct route_heap *edge = &h->heap[1];
    memset(h->side, 1, g->count);
    memset(h->locked, 0, g->count * sizeof *h->locked);
    route_heap_clear(edge);
    measure(h);
    uint32_t next = (uint32_t)sim_stream_below(rng, g->count);
    for (uint32_t taken = 0; taken < g->count; taken++) {
        uint32_t v = edge->len ? edge->items[0] : next;
        while (!edge->len && h->side[v] == 0)
            v = next = (next + 1) % g->count;
        double more = h->load[0] + g->load[v];
        if (h->load[0] >= h->aim[0] ||
            (more > h->aim[0] && more - h->aim[0] > h->aim[0] - h->load[0]))
            break;
        if (edge->len)
            route_heap_remove(edge, v);
        change_side(h, v, false);
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
            if (h->side[g->other[i]] == 1)
                route_heap_set(edge, g->other[i]);
    }
    route_heap_clear(edge);
}

/* The side that a vertex leaves next: one that has too much, else the one whose best gains more and
 * has room elsewhere; 2: none may. */
static int leaving(const struct halves *h)
{
    int best = 2;
    for (int s = 0; s < 2; s++) {
        if (!h->heap[s].len)
            continue;
        uint32_t v = h->heap[s].items[0];
        if (h->load[s] > h->cap[s])
            return s;
        if (h->load[!s] + h->g->load[v] > h->cap[!s] && h->g->load[v] > 0)
            continue;
        if (best == 2 || h->gain[v] > h->gain[h->heap[best].items[0]])
            best = s;
    }
    return best;
}

/* One pass: vertices change sides once each, best first, losses too; back to the best moment. */
static bool pass(struct halves *h)
{
    enum { PATIENCE = 100 };
    double cut = h->cut, over = excess(h);
    uint32_t count = 0, kept = 0;
    int s;
    memset(h->locked, 0, h->g->count * sizeof *h->locked);
    for (uint32_t v = 0; v < h->g->count; v++)
        route_heap_set(&h->heap[h->side[v]], v);
    while (count - kept < PATIENCE && (s = leaving(h)) != 2) {
        uint32_t v = h->heap[s].items[0];
        route_heap_remove(&h->heap[s], v);
        h->locked[v] = true;
        change_side(h, v, true);
        h->moved[count++] = v;
        double x = excess(h);
        if (x < over || (!(x > over) && h->cut < cut - 1e-9)) {
            cut = h->cut;
            over = x;
            kept = count;
        }
    }
    while (count > kept)
        change_side(h, h->moved[--count], false);
    route_heap_clear(&h->heap[0]);
    route_heap_clear(&h->heap[1]);
    return kept > 0;
}

static void bisect(struct halves *h, const struct kway_rules *rules, struct sim_stream *rng)
{
    double cut = 0, over = 0;
    for (uint32_t t = 0; t < rules->tries; t++) {
        grow(h, rng);
        for (uint32_t i = 0; i < rules->passes && pass(h); i++)
            ;
        double x = excess(h);
        if (t == 0 || x < over || (!(x > over) && h->cut < cut)) {
            cut = h->cut;
            over = x;
            memcpy(h->best, h->side, h->g->count);
        }
    }
}

/* ---- again and again ---- */

/* The vertices of side `s`, as a graph of their own; which ones, in *names. */
static bool extract(const struct kway_graph *g, const uint8_t *side, uint8_t s, struct arena *a,
                    struct kway_graph *out, uint32_t **names)
{
    uint32_t count = 0, end = 0;
    uint32_t *number = arena_alloc(a, g->count * sizeof *number);
    for (uint32_t v = 0; v < g->count && number; v++)
        number[v] = side[v] == s ? count++ : UINT32_MAX;
    uint32_t *first = arena_alloc(a, ((size_t)count + 1) * sizeof *first);
    uint32_t *other = arena_alloc(a, g->first[g->count] * sizeof *other);
    double *weight = arena_alloc(a, g->first[g->count] * sizeof *weight);
    double *load = arena_alloc(a, count * sizeof *load);
    *names = arena_alloc(a, count * sizeof **names);
    if (!number || !first || !other || !weight || !load || !*names)
        return false;
    for (uint32_t v = 0, n = 0; v < g->count; v++) {
        if (side[v] != s)
            continue;
        first[n] = end;
        load[n] = g->load[v];
        (*names)[n++] = v;
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
            if (side[g->other[i]] == s) {
                other[end] = number[g->other[i]];
                weight[end++] = g->weight[i];
            }
    }
    first[count] = end;
    *out = (struct kway_graph){count, first, other, weight, load};
    return true;
}

/* Cuts g into the parts from `low` up to `high`. Recurses as deep as their logarithm. */
static bool cut(const struct kway_graph *g, const struct kway_rules *rules, layer_id low,
                layer_id high, struct sim_stream *rng, struct arena *a, layer_id *part)
{
    layer_id middle = (layer_id)(low + (high - low) / 2);
    double left = 0, all = 0;
    struct halves h;
    if (high - low == 1 || !g->count) {
        for (uint32_t v = 0; v < g->count; v++)
            part[v] = low;
        return true;
    }
    for (layer_id p = low; p < high; p++) {
        left += p < middle ? rules->share[p] : 0;
        all += rules->share[p];
    }
    /* Halves closer to their aims than parts must be: what they lack adds up. */
    if (!halves_init(&h, g, left / all, rules->imbalance / 2, a))
        return false;
    bisect(&h, rules, rng);
    for (uint8_t s = 0; s < 2; s++) {
        struct kway_graph half;
        uint32_t *names;
        if (!extract(g, h.best, s, a, &half, &names))
            return false;
        layer_id *inner = arena_alloc(a, half.count * sizeof *inner);
        if (!inner || !cut(&half, rules, s ? middle : low, s ? high : middle, rng, a, inner))
            return false;
        for (uint32_t v = 0; v < half.count; v++)
            part[names[v]] = inner[v];
    }
    return true;
}

bool kway_initial(const struct kway_graph *g, const struct kway_rules *rules,
                  struct sim_stream *rng, struct arena *a, layer_id *part)
{
    return cut(g, rules, 0, rules->parts, rng, a, part);
}
