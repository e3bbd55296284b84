/* models/network/edges.h - a simple undirected graph while a topology model draws it.
 * Owns its lists; one thread. Zeroed means empty and may be given to edges_fini. */
#ifndef MODELS_NETWORK_EDGES_H
#define MODELS_NETWORK_EDGES_H

#include "models/network/network.h"
#include "sim/base/map.h"

struct edges {
    uint32_t count;   /* nodes */
    uint32_t *ends;   /* two an edge, in the order of adding */
    size_t len, room; /* edges */
    uint32_t *degree; /* by node */
    struct map known;
    bool failed; /* memory ran out: nothing was added since */
};

/* For `count` nodes. ERR_MEMORY. */
enum err_code edges_init(struct edges *e, uint32_t count, struct err *err);
void edges_fini(struct edges *e);

bool edges_has(const struct edges *e, uint32_t a, uint32_t b);
/* Links a and b (below count). False, and nothing changed: a loop, an edge that is there already,
 * or no memory (then `failed` stays set). Amortised O(1). */
bool edges_add(struct edges *e, uint32_t a, uint32_t b);

/* Links every part of the graph to its largest one by one edge between random nodes of the two, so
 * that it is connected. Returns how many edges that took; 0 for a graph that was. O(n + edges). */
uint32_t edges_join(struct edges *e, struct sim_stream *rng);

/* Nodes that a walk from node 0 cannot reach; one of them in *which. O(n + edges). */
uint32_t edges_unreachable(struct edges *e, uint32_t *which);

/* The graph as net.c wants it. ERR_MEMORY, also for what failed before. */
enum err_code edges_graph(const struct edges *e, struct topology_graph *out, struct err *err);

#endif
