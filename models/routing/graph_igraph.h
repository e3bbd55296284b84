/* models/routing/graph_igraph.h - communities of a graph of accounts, by the igraph library. */
#ifndef MODELS_ROUTING_GRAPH_IGRAPH_H
#define MODELS_ROUTING_GRAPH_IGRAPH_H

#include "models/routing/graph.h"

/* The Leiden algorithm (Traag, Waltman, van Eck: From Louvain to Leiden: guaranteeing
 * well-connected communities, Scientific Reports 9, 5233, 2019) for modularity with `resolution`:
 * fills community[v], numbered from 0 by their lowest vertex, and *count. Draws from rng; the same
 * draws give the same communities. A vertex without edges is a community of its own. ERR_MEMORY. */
enum err_code route_leiden(const struct route_graph *g, double resolution, uint32_t iterations,
                           struct sim_stream *rng, uint32_t *community, uint32_t *count);

#endif
