/* models/network/network.h - how messages get from node to node.
 *
 * Five concerns, each a vtable with its registry, put together by one module (net.c) that the world
 * talks to:
 *   latency    how long the wire takes from one node to another
 *   jitter     how single messages vary around that
 *   link       what a node's access link does: rates, queues, loss, jitter
 *   topology   who is whose neighbour
 *   gossip     how one message reaches a whole group over the neighbours
 *
 * Point-to-point messages (net_send) use latency and links only; net_publish adds topology and
 * gossip. A message is one shared object, however many nodes it goes to; what a link carries is
 * counted in its real size. */
#ifndef MODELS_NETWORK_NETWORK_H
#define MODELS_NETWORK_NETWORK_H

#include "models/world/types.h"
#include "models/world/watch.h"
#include "sim/base/err.h"
#include "sim/engine/engine.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

/* ---- latency ---- */

struct latency_env {
    uint64_t seed;
    node_id node_count;
    struct sim_stream *rng; /* for placing nodes */
};

struct latency_ops {
    struct field_model model;
    size_t state_size; /* one state, zeroed before init */
    /* Places every node (regions, cities, coordinates). */
    enum err_code (*init)(void *state, const void *cfg, const struct latency_env *env,
                          struct err *err);
    /* One-way time of the wire, without jitter; of a model that draws it, its mean. Pure. */
    sim_time (*between)(const void *state, node_id from, node_id to);
    /* The time of one message, where it is drawn; NULL: always between(). rng: of the sender. */
    sim_time (*draw)(const void *state, node_id from, node_id to, struct sim_stream *rng);
    /* Standard deviation of the one-way time as the source measured it; below 0 where it has none.
     * NULL: none for any pair. Pure. */
    sim_time (*spread)(const void *state, node_id from, node_id to);
    const char *(*region)(const void *state,
                          node_id node); /* "us-east-1", "" where there is none */
    void (*fini)(void *state);
};
extern const struct field_registry latency_registry;

/* ---- jitter ---- */

struct jitter_env {
    uint64_t seed;
    bool spread; /* the latency model knows it */
};

struct jitter_ops {
    struct field_model model;
    size_t state_size; /* zeroed before init */
    enum err_code (*init)(void *state, const void *cfg, const struct jitter_env *env,
                          struct err *err);
    /* Wire time of one message where the latency model says `mean` and (below 0: it cannot)
     * `spread`. From 0 to an hour. rng: of the sender; left alone by draws that belong to a pair.
     */
    sim_time (*draw)(const void *state, node_id from, node_id to, sim_time mean, sim_time spread,
                     struct sim_stream *rng);
    /* Whether every pair of nodes keeps its draw, which is then its latency for all purposes. */
    bool (*by_pair)(const void *state);
};
extern const struct field_registry jitter_registry;

/* ---- link ---- */

/* A message on its way out of a node. */
struct link_departure {
    bool lost;      /* for good: nothing arrives */
    sim_time first; /* its first byte is at the receiver's access link */
    sim_time last;  /* its last byte could be there, the receiver's own link being free */
    sim_time sent;  /* its last byte leaves the sender */
};

struct link_env {
    uint64_t seed;
    node_id node_count;
    const char *(*region)(void *self, node_id node); /* "" where the latency model has none */
    void *self;
};

/* Or'ed into the type of a gossip model's message that carries neither block nor transaction: it
 * announces one, or asks for one. Links may treat it apart; the type comes back without it. */
enum { LINK_CONTROL = 0x80 };

/* Both ends of a message are separate moments, since the receiver's queue is in order of arrival
 * there: send() when it is handed to the sender's link, receive() when its first byte has come over
 * the wire. */
struct link_ops {
    struct field_model model;
    size_t state_size; /* one state for all nodes, zeroed before init */
    enum err_code (*init)(void *state, const void *cfg, const struct link_env *env,
                          struct err *err);
    /* Queues `size` bytes on from's uplink at `now`, towards to over a wire of `latency`. control:
     * they hold neither a block nor a transaction. */
    void (*send)(void *state, node_id from, node_id to, uint32_t size, bool control, sim_time now,
                 sim_time latency, struct link_departure *out);
    /* Queues them on to's downlink at `now` = first; returns when the whole message is there, never
     * before `last`. NULL: always `last`, which is `first`. */
    sim_time (*receive)(void *state, node_id to, uint32_t size, sim_time now, sim_time last);
    /* The node's queues, both ways, are lost. */
    void (*crash)(void *state, node_id node, sim_time now);
    /* Bits a second; time within which the link was busy since the start. */
    void (*rates)(const void *state, node_id node, uint64_t *up, uint64_t *down);
    void (*busy)(const void *state, node_id node, sim_time *up, sim_time *down);
    void (*fini)(void *state);
};
extern const struct field_registry link_registry, class_registry; /* the latter: of nodes */

/* ---- topology ---- */

/* Neighbours of all nodes in one array: those of node n (numbered within the group) are
 * neighbours[first[n]] .. neighbours[first[n + 1] - 1], ascending. Undirected: each edge stands
 * twice. With `everyone` all nodes are linked to all others, and the arrays stay NULL. */
struct topology_graph {
    bool everyone;
    uint32_t *first; /* count + 1 entries; made by the model with mem_alloc, freed by net.c */
    uint32_t *neighbours;
};

struct topology_ops {
    struct field_model model;
    /* Builds a connected graph over `count` nodes of one group. region(self, n) may guide it. */
    enum err_code (*build)(const void *cfg, uint32_t count, struct sim_stream *rng,
                           const char *(*region)(void *self, uint32_t n), void *self,
                           struct topology_graph *out, struct err *err);
};
extern const struct field_registry topology_registry;

/* ---- gossip ---- */

struct gossip_env;
struct gossip_host {
    sim_time (*now)(struct gossip_env *env);
    /* Neighbours of a node of this group, by global number: as net_neighbours gives them. */
    uint32_t (*neighbours)(struct gossip_env *env, node_id node, const node_id **out);
    /* Puts a message on the link; takes over the reference. `type` (0 to 15, LINK_CONTROL or'ed in
     * where it is the announcement of m or a request) comes back with link(). */
    void (*link)(struct gossip_env *env, node_id from, node_id to, struct message *m, uint8_t type,
                 uint32_t size);
    /* As link(), for a message that changes nothing at `to`, whenever it comes there: it occupies
     * links and counts, but where they hold nothing up at their end (and nobody looks on) it makes
     * no event, and counts as received at once. */
    void (*moot)(struct gossip_env *env, node_id from, node_id to, struct message *m, uint8_t type,
                 uint32_t size);
    /* m has reached the node whole, for the first time: hand it to its owner. False: the owner
     * refused it (a transaction that the pool threw out): do not pass it on. */
    bool (*deliver)(struct gossip_env *env, node_id at, node_id from, struct message *m);
    /* As net_host. */
    void (*expect)(struct gossip_env *env, node_id node, const struct message *m);
    /* One-way time of the wire, for models that draw arrival times instead of sending. */
    sim_time (*latency)(struct gossip_env *env, node_id from, node_id to);
    /* Calls timer(state, node, m) after `delay`; holds a reference on m, which may be NULL, until
     * then. */
    void (*timer)(struct gossip_env *env, node_id node, sim_time delay, struct message *m);
    /* Memory is out: the run ends with ERR_MEMORY. */
    void (*fail)(struct gossip_env *env);
    bool (*up)(struct gossip_env *env, node_id node);
    struct sim_stream *(*random)(struct gossip_env *env, node_id node);
    /* Wire time of one message, jitter included, drawn from rng. */
    sim_time (*wire)(struct gossip_env *env, node_id from, node_id to, struct sim_stream *rng);
    /* Bits a second that the node's link sends and receives. */
    void (*rates)(struct gossip_env *env, node_id node, uint64_t *up, uint64_t *down);
    /* As net_host: a validator's weight, 0 for other nodes; bytes that the node lacks of m's block,
     * UINT32_MAX where nobody knows. */
    uint64_t (*weight)(struct gossip_env *env, node_id node);
    uint32_t (*missing)(struct gossip_env *env, node_id node, const struct message *m);
};
struct gossip_env {
    const struct gossip_host *host;
    void *net;
    node_id first, count; /* the group's nodes are first .. first + count - 1 */
};

struct gossip_ops {
    struct field_model model;
    size_t
        state_size; /* one state a group and channel; a node's part is the model's to keep small */
    enum err_code (*init)(void *state, const void *cfg, struct gossip_env *env, struct err *err);
    /* m (borrowed) starts at origin, which has it. m->route is the model's, NULL at first: who has
     * it, who asked for it; memory from mem_alloc. What arrives may be another message than was
     * sent (a fault's), with no route yet. */
    void (*publish)(void *state, node_id origin, struct message *m);
    /* What link() sent arrived at `at`. */
    void (*link)(void *state, node_id at, node_id from, struct message *m, uint8_t type);
    /* What timer() asked for; also while the node is down, when what it sends goes nowhere. May be
     * NULL in a model that asks for none. */
    void (*timer)(void *state, node_id node, struct message *m);
    /* The node just went down; is up again. May be NULL. */
    void (*crash)(void *state, node_id node);
    void (*recover)(void *state, node_id node);
    /* Bytes that stand for each transaction of a block on its way; 0: its own. May be NULL: 0. */
    uint32_t (*listed)(const void *state);
    void (*fini)(void *state);
};
extern const struct field_registry gossip_registry;

/* ---- the network of a run ---- */

/* gossip by channel; consensus is direct (each message to each node) where it is none */
#define NET_FIELDS(F, S)                                                                           \
    F(S, MODEL(latency), latency, "regions", NULL, NULL, "Where nodes stand and how far apart.")   \
    F(S, MODEL(jitter), jitter, "none", NULL, NULL, "How messages vary around that.")              \
    F(S, MODEL(link), link, "access", NULL, NULL, "Every node's access link.")                     \
    F(S, MODEL(topology), topology, "random-regular", NULL, NULL, "Who is whose neighbour.")       \
    F(S, MODEL(gossip), blocks, "push", NULL, NULL, "How proposals and blocks spread.")            \
    F(S, MODEL(gossip), transactions, "inv", NULL, NULL, "How transactions spread.")               \
    F(S, MODEL(gossip), votes, "direct", NULL, NULL, "How votes and other consensus messages go.")
FIELD_DECLARE(net_cfg, NET_FIELDS);

/* What the network needs of whoever owns the nodes. */
struct net_host {
    void *self;
    /* m is at node `to` (borrowed). Its return value goes to gossip: pass it on or not. */
    bool (*deliver)(void *self, node_id to, node_id from, struct message *m);
    bool (*up)(void *self, node_id node);
    /* A node is about to put m on its link to `to`. False: drop it. It may add to *delay, or put
     * another message (a reference for the network) in *replace. */
    bool (*filter)(void *self, node_id from, node_id to, const struct message *m, sim_time *delay,
                   struct message **replace);
    /* Weight of the node as a validator, 0 for one that is none. NULL: every node weighs 1. */
    uint64_t (*weight)(void *self, node_id node);
    /* Bytes of those transactions of m's block that the node's pool does not hold. NULL: there are
     * no pools. */
    uint32_t (*missing)(void *self, node_id node, const struct message *m);
    /* m's transaction is about to be delivered to the node: time to fetch into the host's caches
     * what that needs. Changes nothing. May be NULL. */
    void (*expect)(void *self, node_id node, const struct message *m);
    const struct world_watch *watch; /* who looks on, or NULL */
};

struct net;

/* Groups (layers) are runs of nodes: group g has group_first[g] .. group_first[g + 1] - 1. cfg,
 * sim, group_first are borrowed for the network's life. Errors name the setting. */
enum err_code net_create(struct net **out, const struct net_cfg *cfg, struct sim *sim,
                         uint32_t group_count, const node_id *group_first,
                         const struct net_host *host, struct err *err);
/* Only where its nodes are: for net_region and net_latency, and net_destroy. Cheap. */
enum err_code net_create_places(struct net **out, const struct net_cfg *cfg, struct sim *sim,
                                node_id node_count, struct err *err);
/* Whether every group has its graph, which is drawn and let go of. ERR_INPUT, ERR_IO, ERR_MEMORY.
 */
enum err_code net_check_topology(struct net *net, uint32_t group_count, const node_id *group_first,
                                 struct err *err);
/* A node went down just now: what had not left its link whole, or was not in whole, never arrives.
 */
void net_crash(struct net *net, node_id node);
void net_recover(struct net *net, node_id node); /* it is up again */
void net_destroy(struct net *net);               /* accepts NULL; drops what is in flight */

/* Sends m from one node to another over latency and links. Takes over one reference. A node that is
 * down sends nothing; one that is down on arrival receives nothing. To itself: delivered at once.
 */
void net_send(struct net *net, node_id from, node_id to, struct message *m);

/* Spreads m from origin to every other node of the group by the gossip of m->channel (block,
 * transaction, or votes for the rest). Takes over one reference; each node gets it at most once. */
void net_publish(struct net *net, uint32_t group, node_id origin, struct message *m);

/* Bytes that stand for each transaction in the group's blocks, which list what nodes have from
 * elsewhere; 0 where blocks hold the transactions themselves. */
uint32_t net_listed(const struct net *net, uint32_t group);

const char *net_region(const struct net *net, node_id node);
/* One way, without what is drawn for single messages. */
sim_time net_latency(const struct net *net, node_id from, node_id to);
/* Borrowed; ascending, in a full mesh round from the node's own number on, so that a group's lists
 * are one array of twice its nodes. */
uint32_t net_neighbours(const struct net *net, node_id node, const node_id **out);

/* Totals of a node since the start. */
struct net_node_stats {
    uint64_t messages_in, messages_out, messages_lost;
    uint64_t bytes_in, bytes_out;
    uint64_t up_rate, down_rate; /* bit/s */
    sim_time up_busy, down_busy;
};
void net_stats(const struct net *net, node_id node, struct net_node_stats *out);

/* What all nodes put on links for one channel since the start; what announces or asks for a block
 * or transaction counts as CHANNEL_CONTROL, whatever it is about. */
struct net_traffic {
    uint64_t messages, bytes;
};
struct net_traffic net_traffic(const struct net *net, enum channel channel);

/* Every registry of this concern, for the scenario's spec: NULL past the end. */
const struct field_registry *net_registry_at(size_t i);

#endif
