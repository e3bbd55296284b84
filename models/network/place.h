/* models/network/place.h - which node stands in which region; what wires share. */
#ifndef MODELS_NETWORK_PLACE_H
#define MODELS_NETWORK_PLACE_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/base/units.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

#include <stdint.h>

/* Gives each of `count` nodes one of `regions` places so that every region gets its share to
 * within one node (largest remainders, earlier regions first on ties), in an order drawn from rng:
 * small networks too have the mix that the scenario asked for. shares sum to 1. */
void net_place(uint32_t *place, uint32_t count, const double *shares, uint32_t regions,
               struct sim_stream *rng);

/* Which regions there are, and what a scenario says of who stands where. */
struct net_places {
    const char *const *regions; /* up to 256 names */
    uint32_t count;
    const double *share;               /* by region, any sum; NULL: equal shares */
    const struct field_weights *nodes; /* instead of `share` where it has any */
    const struct field_strings *first; /* where nodes 0, 1, ... stand; the rest by shares */
};

/* Places `nodes` nodes so. `name` of the model opens the texts of errors: ERR_INPUT for a region
 * that there is not, or more of `first` than nodes; ERR_MEMORY. */
enum err_code net_place_nodes(uint32_t *place, uint32_t nodes, const struct net_places *p,
                              const char *name, struct sim_stream *rng, struct err *err);

/* Index of a region, or UINT32_MAX. */
uint32_t net_region_index(const char *const *regions, uint32_t count, const char *name);
/* Complains at `field` of a name that is no region of `whose`. */
void net_check_region(const char *const *regions, uint32_t count, const char *name,
                      const char *whose, const char *field, struct field_report *report);

/* The stream of a pair of nodes, whichever sends: from its start, so every call draws the same. */
struct sim_stream net_pair_stream(uint64_t seed, node_id a, node_id b);

/* Nanoseconds as a time from 0 to an hour, to the nearest; what is not a number is an hour. Heavy
 * tails end there. */
sim_time net_wire_time(double ns);

#endif
