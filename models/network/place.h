/* models/network/place.h - which node stands in which region. */
#ifndef MODELS_NETWORK_PLACE_H
#define MODELS_NETWORK_PLACE_H

#include "sim/engine/random.h"

#include <stdint.h>

/* Gives each of `count` nodes one of `regions` places so that every region gets its share to
 * within one node (largest remainders, earlier regions first on ties), in an order drawn from rng:
 * small networks too have the mix that the scenario asked for. shares sum to 1. */
void net_place(uint32_t *place, uint32_t count, const double *shares, uint32_t regions,
               struct sim_stream *rng);

#endif
