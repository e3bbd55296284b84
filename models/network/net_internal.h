/* models/network/net_internal.h - a network's state, and messages on their way, for net.c and
 * net_flights.c alone. One thread owns it. */
#ifndef MODELS_NETWORK_NET_INTERNAL_H
#define MODELS_NETWORK_NET_INTERNAL_H

#include "models/network/network.h"

enum net_channel { NET_BLOCKS, NET_TRANSACTIONS, NET_VOTES, NET_CHANNELS };
enum { NET_GOSSIPS_MAX = 0xfff }; /* a flight has 12 bits for whose it is */

/* One group's dissemination of one kind of message. */
struct net_gossip {
    struct gossip_env env; /* first: the gossip host casts back */
    const struct gossip_ops *ops;
    void *state;
};

/* What every message touches of a node: half a cache line, for large networks wait for these more
 * than for anything else. A run of 2^32 messages at one node would take days. */
struct net_node {
    uint64_t bytes_in, bytes_out;
    uint32_t messages_in, messages_out, messages_lost;
    uint8_t crashes; /* modulo 256 */
};
_Static_assert(sizeof(struct net_node) == 32, "two nodes a cache line");

struct net {
    const struct net_cfg *cfg;
    struct sim *sim;
    struct net_host host;
    node_id node_count;
    uint32_t group_count;
    const struct latency_ops *latency;
    const struct jitter_ops *jitter; /* NULL: none */
    const struct link_ops *link;
    void *latency_state, *jitter_state, *link_state;
    struct sim_stream *wires;   /* by sender; NULL where wires take what the latency model says */
    struct net_gossip *gossips; /* group_count x NET_CHANNELS */
    uint32_t *first, *degree;   /* neighbours of node n: degree[n] from neighbours[first[n]] on */
    node_id *neighbours;
    size_t neighbour_count;     /* entries of that array */
    struct sim_stream *streams; /* of gossip models, by node; made when one asks */
    struct sim_stream spare;    /* until the run ends, when there is no memory for them */
    struct net_node *nodes;
    struct net_traffic traffic[CHANNEL_COUNT];
    sim_time *crashed; /* by node, when last; NULL until one does */
    struct flight_chunk *chunks;
    struct flight **free; /* those not in use, last in, first out */
    size_t free_count, flight_count;
    sim_handler_id first_byte, arrive, alarm;
};

/* Adds the events of flights to net->sim. ERR_LIMIT: too many handlers. */
enum err_code net_flights_init(struct net *net, struct err *err);

/* Frees all flights and lets go of what they carry. Accepts a zeroed net. */
void net_flights_fini(struct net *net);

/* Sends m: by the faults' filter, the wire and both access links, then to the gossip model's `link`
 * or, with gossip NULL, to the host. Takes over the reference on m. moot: it will change nothing
 * where it goes; over links without a queue at the receiver it is only counted then. O(1), and an
 * event or two. */
void net_transmit(struct net *net, struct net_gossip *gossip, node_id from, node_id to,
                  struct message *m, uint8_t type, uint32_t size, bool moot);

/* Calls the gossip model's `timer` for node after delay, with m (a reference of its own; may be
 * NULL). */
void net_alarm(struct net *net, struct net_gossip *gossip, node_id node, sim_time delay,
               struct message *m);

/* What a wire takes from one node to another now, drawn from rng where it varies. */
sim_time net_wire_draw(const struct net *net, node_id from, node_id to, struct sim_stream *rng);

/* Measured standard deviation of a wire; -1: not known. */
sim_time net_spread(const struct net *net, node_id from, node_id to);

#endif
