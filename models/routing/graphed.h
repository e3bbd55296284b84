/* models/routing/graphed.h - what policies by graph share: the graph, an epoch's frame, bounds on
 * loads, names of parts.
 *
 * A policy's state starts with a struct route_graphed; its vtable takes the functions below and its
 * own init and partition. */
#ifndef MODELS_ROUTING_GRAPHED_H
#define MODELS_ROUTING_GRAPHED_H

#include "models/routing/graph.h"

struct route_graphed {
    struct route_graph graph;
    double memory; /* share that the graph keeps of older epochs */
    /* Says where vertices should be: target[v] is v's home as it is called. False: memory is out
     * (after env->fail, or without). */
    bool (*partition)(void *state, layer_id *target);
    /* The last epoch, for reason(). */
    uint32_t wanted, moves; /* accounts that should move, and those there was room for */
    double before, after;   /* share of the pairs that cross, had all moved */
};

void route_graphed_init(struct route_graphed *s, const struct route_env *env, double memory,
                        bool (*partition)(void *state, layer_id *target));
layer_id route_graphed_place(void *state, account_id account, const struct evm_addr *addr,
                             bool contract); /* by hash */
void route_graphed_observe(void *state, const struct route_report *report);
uint32_t route_graphed_epoch(void *state, sim_time now, struct route_move *out, uint32_t room);
void route_graphed_reason(const void *state, char *out, size_t size);
void route_graphed_fini(void *state);

/* ---- for partition() ---- */

/* Each layer's share of the load: its processing power over that of all. Fills out[layer_count]. */
void route_shares(const struct route_env *env, double *out);

/* The load that each layer may have: its share, by processing power, of all vertices' load, and
 * `imbalance` more. Fills caps[layer_count]. */
void route_caps(const struct route_graph *g, double imbalance, double *caps);

/* Load by layer, each vertex v at at[v]. Fills out[layer_count]. */
void route_loads_of(const struct route_graph *g, const layer_id *at, double *out);

/* Gives parts (0 .. layer_count - 1, by vertex) the numbers of layers: a part and a layer that have
 * most vertices in common get together first, ties to the lowest; only layers of the processing
 * power that the part was made for, that of the layer of its number. In place. False: memory is
 * out. O(vertices log vertices). */
bool route_relabel(const struct route_graph *g, layer_id *part);

/* Leaves vertices at home where being elsewhere brings them no nearer to what they are used with:
 * one by one, while loads stay below caps. In place. False: memory is out. O(edges). */
bool route_stay(const struct route_graph *g, const double *caps, layer_id *target);

/* Whether target is worth more than `instead` (both by vertex): against that one, it brings
 * together `saving` pairs' transactions at least for each account more that it moves from home; or
 * that one goes beyond a bound on loads by a twentieth, and target does not, or by less. False also
 * when memory is out. */
bool route_worth(const struct route_graph *g, const layer_id *target, const layer_id *instead,
                 double saving, const double *caps);

#endif
