/* models/routing/filling.h - which layer has the fewest accounts for its capacity: policies that
 * place accounts in turn.
 *
 * Zeroed means empty; one thread owns it. */
#ifndef MODELS_ROUTING_FILLING_H
#define MODELS_ROUTING_FILLING_H

#include "models/routing/routing.h"

/* What a layer can take: gas a second by its blocks' limit, of all layers or, where the interval of
 * one is not known, their gas limits alone; and its processing power. Fills out[layer_count] with
 * positive numbers; only their proportion means something. */
void route_capacity_blocks(const struct route_env *env, double *out);
void route_capacity_power(const struct route_env *env, double *out);

struct route_filling {
    layer_id layers;
    double *capacity; /* by layer */
    uint64_t *count;  /* accounts placed so far, by layer */
    layer_id *heap;   /* the layer that is filled least, with one more, on top */
};

/* Takes the capacities of `of` (one of the two above). ERR_MEMORY leaves it empty. */
enum err_code route_filling_init(struct route_filling *f, const struct route_env *env,
                                 void (*of)(const struct route_env *, double *), struct err *err);
void route_filling_fini(struct route_filling *f);

/* The layer that one more account fills least, ties to the lowest; counts it. O(log layers).
 * Not to be mixed with route_filling_better() on one filling, which leaves the heap alone. */
layer_id route_filling_next(struct route_filling *f);

/* Of two layers, the one that one more account fills less, ties to the lower; counts it. */
layer_id route_filling_better(struct route_filling *f, layer_id a, layer_id b);

#endif
