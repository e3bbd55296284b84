/* models/routing/moves.h - the orders that a placement found by search.h amounts to. */
#ifndef MODELS_ROUTING_MOVES_H
#define MODELS_ROUTING_MOVES_H

#include "models/routing/search.h"

/* Fills out with the builder's accounts whose home (by node) is not where they started, those with
 * most gas first, equal ones by number; at most room. Returns how many; 0 when memory is out, as
 * when nothing moves. O(pins + nodes log nodes). */
uint32_t moves_pick(const struct search_builder *b, const layer_id *home, struct route_move *out,
                    uint32_t room);

#endif
