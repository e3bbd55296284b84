/* models/routing/pull.h - accounts that go, one by one, where what they are used with is.
 *
 * Local search: each account looks at what its edges cost from where it is and from elsewhere, and
 * goes where they cost less by enough, as long as loads stay in bounds. */
#ifndef MODELS_ROUTING_PULL_H
#define MODELS_ROUTING_PULL_H

#include "models/routing/graph.h"

struct pull_rules {
    double threshold; /* share of its edges' cost that a move has to save */
    double imbalance; /* layers may have this above their share of the load */
    uint32_t rounds;  /* over all accounts at most; an early end where nothing moves */
    bool by_gas;      /* edges count by gas, else by transactions */
    /* Cost of a unit of an edge between two layers, [a * layer_count + b], 0 on the diagonal; NULL:
     * 1. With it, any layer may be the best; else only one where neighbours are. */
    const double *cost;
};

/* target: where vertices should be, in their homes at first. An account goes only where the
 * layer's load stays within its bound or, from a layer beyond its own, below the load of that one
 * for its power. In each round those that gain most by what was known at its start go first, ties
 * by number; each looks again when its turn comes. False: memory is out.
 * O(rounds x (edges + accounts log accounts)), with cost O(rounds x accounts x layers x layers
 * among an account's neighbours). */
bool pull_together(const struct route_graph *g, const struct pull_rules *rules, layer_id *target);

#endif
