/* models/network/gossip_pull.h - who has an item and who asked for it, for models in which nodes
 * tell before they send; and the sizes of blocks sent in short.
 *
 * Four bytes a node while an item spreads, none once every node has it (or refused it): the item
 * hangs on the message's route and goes with it. Those who tell while a node waits for an answer
 * are kept in mind, two at most, in case it does not come. */
#ifndef MODELS_NETWORK_GOSSIP_PULL_H
#define MODELS_NETWORK_GOSSIP_PULL_H

#include "models/network/network.h"

struct pull;

enum pull_phase { PULL_UNKNOWN, PULL_ASKED, PULL_REFUSED, PULL_HAS };

/* The item of m, made when there is none. NULL when memory is out: the run has been failed. */
struct pull *pull_of(struct gossip_env *env, struct message *m);

enum pull_phase pull_phase(const struct pull *p, const struct gossip_env *env, node_id node);

/* `from` told `at` of the item. True: at is to ask it now, and counts as waiting. */
bool pull_heard(struct pull *p, struct gossip_env *env, node_id at, node_id from);

/* The answer did not come, or is not what was asked for: whom to ask next, and the node counts as
 * waiting for it. NODE_NONE: nobody, and the next one to tell will be asked; or the node does not
 * wait at all. */
node_id pull_late(struct pull *p, struct gossip_env *env, node_id node);

/* The node has the item (`refused`: its owner did not want it). False: it had it already. */
bool pull_got(struct pull *p, const struct gossip_env *env, node_id node);
void pull_refused(struct pull *p, const struct gossip_env *env, node_id node);

/* Place of peer among node's neighbours; UINT32_MAX when it is none. O(log neighbours). */
uint32_t gossip_position(struct gossip_env *env, node_id node, node_id peer);

/* Links m as `type` of `size` bytes to all neighbours of node but `except`. */
void gossip_tell(struct gossip_env *env, node_id node, node_id except, struct message *m,
                 uint8_t type, uint32_t size);

/* Bytes of m with `id` bytes in place of each of its block's transactions and `fixed` more; at most
 * m's own, which it is without a block. */
uint32_t gossip_short_size(const struct message *m, uint32_t id, uint32_t fixed);

/* Bytes that carry what the node lacks of m's block, in BIP 152's frame; m's own where no pool is
 * known. */
uint32_t gossip_missing_size(struct gossip_env *env, node_id node, const struct message *m);

#endif
