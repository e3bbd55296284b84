/* models/network/internal.h - a look inside, for white-box tests. */
#ifndef MODELS_NETWORK_INTERNAL_H
#define MODELS_NETWORK_INTERNAL_H

#include "models/network/network.h"

/* The state of a group's dissemination of what travels on `channel`. */
void *net_gossip_state(struct net *net, uint32_t group, enum channel channel);

/* Of a gossipsub state: peers in the node's mesh; whether its heart beats now; bytes that the model
 * holds for all nodes, messages apart. */
uint32_t gossipsub_mesh(const void *state, node_id node);
bool gossipsub_awake(const void *state, node_id node);
size_t gossipsub_bytes(const void *state);

#endif
