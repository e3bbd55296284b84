/* models/network/topology_igraph.h - what other topology models borrow of igraph. */
#ifndef MODELS_NETWORK_TOPOLOGY_IGRAPH_H
#define MODELS_NETWORK_TOPOLOGY_IGRAPH_H

#include "models/network/edges.h"

/* Adds the edges of a GraphML file, whose nodes count in the order of the file; directions, loops
 * and repetitions go. ERR_IO, ERR_INPUT (not GraphML; not e->count nodes), ERR_MEMORY. */
enum err_code topology_read_graphml(struct edges *e, const char *path, struct err *err);

#endif
