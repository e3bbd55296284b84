/* models/network/gossipsub_internal.h - what the two halves of gossipsub share: the model
 * (gossip_gossipsub.c) and the mesh (gossipsub_mesh.c). */
#ifndef MODELS_NETWORK_GOSSIPSUB_INTERNAL_H
#define MODELS_NETWORK_GOSSIPSUB_INTERNAL_H

#include "models/network/gossip_pull.h"
#include "sim/base/vec.h"

/* An RPC of protobuf over yamux and noise: 30 bytes of frames; control, topic and ihave tags with a
 * topic such as /eth2/4a26c58b/beacon_block/ssz_snappy: 46; an id of 20 bytes with its tag: 22. */
#define GOSSIP_GOSSIPSUB_FIELDS(F, S)                                                              \
    F(S, COUNT, degree, "8", "1", "1000", "D: peers in a node's mesh after it was mended.")        \
    F(S, COUNT, degree_low, "6", "0", "1000", "D_low: with fewer, a node grafts.")                 \
    F(S, COUNT, degree_high, "12", "1", "1000", "D_high: with more, a node prunes.")               \
    F(S, COUNT, degree_lazy, "6", "0", "1000",                                                     \
      "D_lazy: peers outside the mesh that a heartbeat tells what is new.")                        \
    F(S, FRACTION, gossip_factor, "25%", "0%", "100%",                                             \
      "Share of the peers outside the mesh that are told, where that is more than D_lazy.")        \
    F(S, DURATION, heartbeat, "700ms", "1ms", "1h", "From one heartbeat to the next.")             \
    F(S, COUNT, history_gossip, "3", "1", "100",                                                   \
      "mcache_gossip: a message is told of for so many heartbeats.")                               \
    F(S, COUNT, history_length, "6", "1", "100",                                                   \
      "mcache_len: it can be asked for as long as that.")                                          \
    F(S, DURATION, prune_backoff, "60s", "0s", "1h", "Who was pruned is not grafted before.")      \
    F(S, DURATION, ask_again, "3s", "1ms", "1h",                                                   \
      "After that without an answer, a message is asked of another peer that tells of it.")        \
    F(S, BOOL, flood_publish, "false", NULL, NULL,                                                 \
      "Its maker sends a message to all its peers, not only to its mesh.")                         \
    F(S, BOOL, idontwant, "false", NULL, NULL,                                                     \
      "Version 1.2: who has a large message tells its mesh, and copies that have not left are "    \
      "not "                                                                                       \
      "sent.")                                                                                     \
    F(S, SIZE, idontwant_above, "1KB", "0B", "1GB", "What is large.")                              \
    F(S, SIZE, envelope, "76B", "0B", "64KB", "Bytes around a message: frames and topic.")         \
    F(S, SIZE, control, "76B", "1B", "64KB", "Bytes of a control message without its ids.")        \
    F(S, SIZE, id, "22B", "1B", "64KB", "Bytes of a message id.")
FIELD_DECLARE(gossip_gossipsub, GOSSIP_GOSSIPSUB_FIELDS);

enum { SUB_BODY, SUB_IHAVE, SUB_IWANT, SUB_GRAFT, SUB_PRUNE, SUB_IDONTWANT };

/* A link's word at one of its ends: in the mesh, and until which heartbeat it is not to be. */
enum { LINK_MESH = 0x8000, LINK_BACKOFF = 0x7fff, BACKOFF_MAX = 0x4000, NOTHING = UINT32_MAX };

struct sub_node {
    uint32_t first;  /* of its links */
    uint32_t recent; /* newest of what it heard lately, in `recents`; NOTHING: none */
    uint32_t phase;  /* its heart beats at phase, phase + heartbeat, ...; microseconds */
    uint16_t mesh;   /* links in the mesh */
    bool awake;      /* the next heartbeat is due */
};

struct recent {
    struct message *m; /* a reference */
    uint32_t next;     /* older one, or free one */
    uint32_t beat;     /* in which it came */
};

struct sub_state {
    struct gossip_env *env;
    const struct gossip_gossipsub *cfg;
    struct sub_node *nodes; /* count + 1: the last one ends the links */
    uint16_t *links;
    struct vec recents; /* struct recent */
    uint32_t free;      /* of recents */
    struct message *graft, *prune;
    bool broken; /* memory ran out */
};

/* Heartbeats of the node that are over. */
uint32_t sub_beat(const struct sub_state *s, node_id node);
/* Its heart beats next time, if it was at rest. */
void sub_wake(struct sub_state *s, node_id node);

/* The node's end of the link to peer; NULL when they are no neighbours. */
uint16_t *sub_link(struct sub_state *s, node_id node, node_id peer);

/* Sends a control message with so many ids. */
void sub_control(struct sub_state *s, node_id from, node_id to, struct message *m, uint8_t type,
                 uint32_t ids);

/* Places of up to `want` of the node's links to peers that are up, each equally likely: of those in
 * the mesh, or of those outside it (which back off, too, if asked). Returns how many. */
uint32_t sub_choose(struct sub_state *s, node_id node, bool mesh, bool even_backing_off,
                    uint32_t want, uint32_t *out);
enum { SUB_CHOICE_MAX = 1000 }; /* of want */

/* A heartbeat's GRAFT or PRUNE, if there are too few or too many peers in the mesh. */
void sub_mend(struct sub_state *s, node_id node);
void sub_heard_graft(struct sub_state *s, node_id at, node_id from);
void sub_heard_prune(struct sub_state *s, node_id at, node_id from);

/* The mesh that heartbeats come to: in random order, each node grafts peers with room until it has
 * D, or none is left. order: the nodes' numbers within the group. */
void sub_first_mesh(struct sub_state *s, uint32_t *order, struct sim_stream *rng);
/* The node's connections close: it is in no mesh, and wakes neighbours that lack peers now. */
void sub_leave_meshes(struct sub_state *s, node_id node);

#endif
