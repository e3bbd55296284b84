/* models/routing/clpa.h - constrained label propagation over a graph of accounts.
 *
 * Li et al.: Achieving scalability and load balance across blockchain shards for state sharding,
 * SRDS 2022, section IV; its parameters and details as BlockEmulator has them. */
#ifndef MODELS_ROUTING_CLPA_H
#define MODELS_ROUTING_CLPA_H

#include "models/routing/graph.h"

#define ROUTER_CLPA_FIELDS(F, S)                                                                   \
    F(S, REAL, penalty, "0.5", "0", "100",                                                         \
      "What a layer's load, for that of the layer with the least, takes off its score.")           \
    F(S, COUNT, iterations, "100", "1", "100k", "Rounds over all accounts at most.")               \
    F(S, COUNT, account_moves, "50", "1", "100k",                                                  \
      "Times that an account changes its label in one epoch at most.")                             \
    F(S, BOOL, proof, "false", NULL, NULL,                                                         \
      "Put each plan to the pairs of the next epoch, and move nothing while plans do not come "    \
      "true there. The published rule does not.")
FIELD_DECLARE(router_clpa_cfg, ROUTER_CLPA_FIELDS);

/* How well a layer suits an account: the share of the account's edges that lead there, less the
 * more the layer has: (edges / degree) x (1 - penalty x load / least). A load is the number of
 * edges with an end at the layer; `least` counts as 1 where it is less, so that a layer without
 * edges does not make all others' scores endless. */
double clpa_score(double edges, double degree, double penalty, double load, double least);

/* label[v]: in, the layer of v; out, the one it should have. False: memory is out.
 * O(iterations x edges x labels among an account's neighbours); ends early when nothing changes. */
bool clpa_partition(const struct route_graph *g, const struct router_clpa_cfg *cfg,
                    layer_id *label);

#endif
