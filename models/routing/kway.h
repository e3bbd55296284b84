/* models/routing/kway.h - a graph cut into parts of given loads, so that few edges are cut.
 *
 * Multilevel: vertices are matched and merged until few are left (coarsening), these are cut in
 * two again and again (initial partition), and the cut is made better at each level on the way
 * back (refinement).
 *
 * Karypis, Kumar: A fast and high quality multilevel scheme for partitioning irregular graphs, SIAM
 * J. Sci. Comput. 20 (1998): heavy-edge matching (section 3.1), graph growing (3.2),
 * Fiduccia-Mattheyses refinement (3.3). Karypis, Kumar: Multilevel k-way partitioning scheme for
 * irregular graphs, J. Parallel Distrib. Comput. 48 (1998): k parts at once on the way back, by
 * greedy refinement (section 3.3). */
#ifndef MODELS_ROUTING_KWAY_H
#define MODELS_ROUTING_KWAY_H

#include <stdbool.h>

#include "models/world/types.h"
#include "sim/base/mem.h"
#include "sim/engine/random.h"

/* Rows of neighbours: those of v are other[first[v]] up to other[first[v + 1]], each edge in both
 * its ends' rows, none of a vertex to itself. */
struct kway_graph {
    uint32_t count;
    const uint32_t *first, *other;
    const double *weight; /* of edges, above 0 */
    const double *load;   /* of vertices, 0 or more */
};

struct kway_rules {
    layer_id parts;
    const double *share; /* of all load, by part; positive, sums to 1 */
    double imbalance;    /* a part may have this above its share */
    uint32_t tries;      /* initial cuts in two that are tried each time, 1 or more */
    uint32_t passes;     /* of refinement at each level at most */
};

/* Fills part[v]. Bounds on loads are kept where vertices are light enough for it; a vertex heavier
 * than a bound stays alone with what has no load. Draws from rng; the same draws give the same
 * parts. False: memory is out. O(edges log vertices), mostly. */
bool kway_partition(const struct kway_graph *g, const struct kway_rules *rules,
                    struct sim_stream *rng, layer_id *part);

/* ---- its stages, for kway*.c and tests ---- */

/* A level: its graph, and where the finer one's vertices went in it. */
struct kway_level {
    struct kway_graph graph;
    uint32_t *coarser; /* by vertex: its vertex of the next level; NULL on the coarsest */
};

/* Matches each vertex with the unmatched neighbour of its heaviest edge, those of few neighbours
 * first, then what is left over by the neighbour that two share (LaSalle et al.: Improving graph
 * partitioning for modern graphs and architectures, IA3 2015: graphs with hubs do not shrink by
 * edges alone), and merges the pairs; none above max_load. Fills level->coarser and *out from the
 * arena. False: memory is out. */
bool kway_coarsen(struct kway_level *level, double max_load, struct sim_stream *rng,
                  struct arena *a, struct kway_graph *out);

/* Cuts g into parts by cutting in two again and again. False: memory is out. */
bool kway_initial(const struct kway_graph *g, const struct kway_rules *rules,
                  struct sim_stream *rng, struct arena *a, layer_id *part);

/* Moves vertices one by one to the part with most of their edges while bounds allow, and out of
 * parts beyond their bounds whatever it costs. False: memory is out. */
bool kway_refine(const struct kway_graph *g, const struct kway_rules *rules, struct sim_stream *rng,
                 struct arena *a, layer_id *part);

#endif
