/* models/network/place.h - which node stands in which region; what wires share. */
#ifndef MODELS_NETWORK_PLACE_H
#define MODELS_NETWORK_PLACE_H

#include "models/world/types.h"
#include "sim/base/units.h"
#include "sim/engine/random.h"

#include <stdint.h>

/* Gives each of `count` nodes one of `regions` places so that every region gets its share to
 * within one node (largest remainders, earlier regions first on ties), in an order drawn from rng:
 * small networks too have the mix that the scenario asked for. shares sum to 1. */
void net_place(uint32_t *place, uint32_t count, const double *shares, uint32_t regions,
               struct sim_stream *rng);

/* The stream of a pair of nodes, whichever sends: from its start, so every call draws the same. */
struct sim_stream net_pair_stream(uint64_t seed, node_id a, node_id b);

/* Nanoseconds as a time from 0 to an hour, to the nearest; what is not a number is an hour. Heavy
 * tails end there. */
sim_time net_wire_time(double ns);

#endif
