/* Topology models: who is whose neighbour within a group. */
#include "models/network/network.h"
#include "sim/base/mem.h"

#include <stdlib.h>
#include <string.h>

static enum err_code graph_alloc(struct topology_graph *g, uint32_t count, size_t ends,
                                 struct err *err)
{
    g->first = mem_alloc((size_t)count + 1, sizeof *g->first);
    g->neighbours = mem_alloc(ends, sizeof *g->neighbours);
    if (g->first && g->neighbours)
        return ERR_OK;
    mem_free(g->first);
    mem_free(g->neighbours);
    *g = (struct topology_graph){0};
    return err_set(err, ERR_MEMORY, "no memory for a graph of %u nodes", count);
}

/* ---- full-mesh ---- */

FIELD_DECLARE_EMPTY(topology_full);
FIELD_DEFINE_EMPTY(topology_full, "Everybody is everybody's neighbour.");

static enum err_code full_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                const char *(*region)(void *, uint32_t), void *self,
                                struct topology_graph *out, struct err *err)
{
    (void)cfg, (void)count, (void)rng, (void)region, (void)self, (void)err;
    out->everyone = true;
    return ERR_OK;
}

const struct topology_ops topology_full_model = {
    .model = {"full-mesh", "Everybody is everybody's neighbour.", &topology_full_table},
    .build = full_build,
};

/* ---- random-regular ----
 *
 * Of our own, and not igraph's: igraph_k_regular_game may return a graph in parts, refuses an odd
 * degree with an odd number of nodes, and draws no uniform graph. */

#define TOPOLOGY_REGULAR_FIELDS(F, S)                                                              \
    F(S, COUNT, degree, "4", "2", "10000",                                                         \
      "Neighbours of each node; a layer with no more nodes than one and this is a full mesh.")
FIELD_DECLARE(topology_regular, TOPOLOGY_REGULAR_FIELDS);
FIELD_DEFINE(topology_regular, TOPOLOGY_REGULAR_FIELDS,
             "A random connected graph in which every node has the same number of neighbours.",
             NULL);

/* A simple graph under change: `degree` slots a node, of which used[n] hold neighbours. */
struct rewiring {
    uint32_t count, degree;
    uint32_t *used;
    uint32_t *slots; /* count x (degree + 1) */
};

static uint32_t *slots_of(const struct rewiring *w, uint32_t n)
{
    return w->slots + (size_t)n * (w->degree + 1);
}

static bool linked(const struct rewiring *w, uint32_t a, uint32_t b)
{
    const uint32_t *s = slots_of(w, a);
    for (uint32_t i = 0; i < w->used[a]; i++)
        if (s[i] == b)
            return true;
    return false;
}

static void add_link(struct rewiring *w, uint32_t a, uint32_t b)
{
    slots_of(w, a)[w->used[a]++] = b;
    slots_of(w, b)[w->used[b]++] = a;
}

static void replace(struct rewiring *w, uint32_t n, uint32_t old, uint32_t new)
{
    uint32_t *s = slots_of(w, n);
    while (*s != old)
        s++;
    *s = new;
}

/* A ring lattice: every node linked to the degree / 2 next ones; an odd degree adds the node
 * opposite (with an odd number of nodes too, one node gets a link more, for the sum must be even).
 */
static void lattice(struct rewiring *w)
{
    for (uint32_t n = 0; n < w->count; n++)
        for (uint32_t hop = 1; hop <= w->degree / 2; hop++)
            if (!linked(w, n, (n + hop) % w->count))
                add_link(w, n, (n + hop) % w->count);
    if (w->degree % 2) {
        uint32_t half = w->count / 2;
        for (uint32_t n = 0; n < half; n++)
            add_link(w, n, n + half);
        if (w->count % 2)
            add_link(w, w->count - 1, w->degree / 2);
    }
}

/* Double edge swaps a-b, c-d => a-d, c-b keep every degree and, in number, forget the lattice
 * (Milo, Kashtan, Itzkovitz, Newman, Alon: "On the uniform generation of random graphs with
 * prescribed degree sequences", 2003). */
static void rewire(struct rewiring *w, struct sim_stream *rng)
{
    uint64_t swaps = 10ull * w->count * w->degree / 2;
    for (uint64_t i = 0; i < swaps; i++) {
        uint32_t a = (uint32_t)sim_stream_below(rng, w->count);
        uint32_t c = (uint32_t)sim_stream_below(rng, w->count);
        uint32_t b = slots_of(w, a)[sim_stream_below(rng, w->used[a])];
        uint32_t d = slots_of(w, c)[sim_stream_below(rng, w->used[c])];
        if (a == c || a == d || b == c || b == d || linked(w, a, d) || linked(w, c, b))
            continue;
        replace(w, a, b, d);
        replace(w, d, c, a);
        replace(w, c, d, b);
        replace(w, b, a, c);
    }
}

/* Whether everybody is reachable from node 0; queue has room for count nodes. */
static bool connected(const struct rewiring *w, uint32_t *queue, uint8_t *seen)
{
    memset(seen, 0, w->count);
    uint32_t head = 0, tail = 0;
    queue[tail++] = 0;
    seen[0] = 1;
    while (head < tail) {
        uint32_t n = queue[head++];
        for (uint32_t i = 0; i < w->used[n]; i++) {
            uint32_t other = slots_of(w, n)[i];
            if (!seen[other]) {
                seen[other] = 1;
                queue[tail++] = other;
            }
        }
    }
    return tail == w->count;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static enum err_code regular_copy(const struct rewiring *w, struct topology_graph *out,
                                  struct err *err)
{
    size_t ends = 0;
    for (uint32_t n = 0; n < w->count; n++)
        ends += w->used[n];
    enum err_code e = graph_alloc(out, w->count, ends, err);
    if (e)
        return e;
    uint32_t at = 0;
    for (uint32_t n = 0; n < w->count; n++) {
        out->first[n] = at;
        memcpy(out->neighbours + at, slots_of(w, n), w->used[n] * sizeof *out->neighbours);
        qsort(out->neighbours + at, w->used[n], sizeof *out->neighbours, ascending);
        at += w->used[n];
    }
    out->first[w->count] = at;
    return ERR_OK;
}

static enum err_code regular_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                   const char *(*region)(void *, uint32_t), void *self,
                                   struct topology_graph *out, struct err *err)
{
    const struct topology_regular *c = cfg;
    if (count <= c->degree + 1)
        return full_build(NULL, count, rng, region, self, out, err);
    struct rewiring w = {.count = count, .degree = (uint32_t)c->degree};
    w.used = mem_zalloc(count, sizeof *w.used);
    w.slots = mem_alloc((size_t)count * (w.degree + 1), sizeof *w.slots);
    uint32_t *queue = mem_alloc(count, sizeof *queue);
    uint8_t *seen = mem_alloc(count, 1);
    enum err_code e = ERR_OK;
    if (!w.used || !w.slots || !queue || !seen) {
        e = err_set(err, ERR_MEMORY, "no memory for a graph of %u nodes", count);
        goto out;
    }
    lattice(&w);
    /* Random regular graphs of degree 3 and more are connected with high probability; two rounds
     * are rare, a ring (degree 2) may take many. */
    do
        rewire(&w, rng);
    while (!connected(&w, queue, seen));
    e = regular_copy(&w, out, err);
out:
    mem_free(w.used);
    mem_free(w.slots);
    mem_free(queue);
    mem_free(seen);
    return e;
}

const struct topology_ops topology_regular_model = {
    .model = {"random-regular", "Random links, as many at every node, connected.",
              &topology_regular_table},
    .build = regular_build,
};
