/* models/faults/faults.h - what goes wrong: crashes, lost and late messages, partitions, lies.
 *
 * One state an entry of the scenario's faults list. A model schedules its own moments and acts on
 * nodes through its env; one that bends messages sets `filter`, which sees every message of the
 * nodes it asked for, once a receiver, before the links do. Models compose in the list's order. */
#ifndef MODELS_FAULTS_FAULTS_H
#define MODELS_FAULTS_FAULTS_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

struct consensus_ops;
struct fault_env;

/* What a node does wrong inside, where no message could show it to a filter. */
enum fault_lapse {
    LAPSE_WRONG_ROOT, /* the blocks it builds state a root that their execution does not give */
    LAPSE_CREDULOUS,  /* checks nothing: every block is valid to it */
    LAPSE_CENSORS,    /* leaves out of its blocks what refuses() of some model names */
    LAPSE_IMPAIRED,   /* cannot be counted on: judges of progress take it for crashed */
    LAPSE_COUNT
};

struct fault_host {
    sim_time (*now)(struct fault_env *env);
    void (*at)(struct fault_env *env, sim_time when, uint32_t kind, uint64_t value);
    /* A crashed node hears, sends and computes nothing; its timers and pool are gone, what
     * consensus wrote down and the blocks it has stay. Crashing a crashed node, recovering a live
     * one: no effect. After recovery it fetches what it missed. Each makes a row of /faults. */
    void (*crash)(struct fault_env *env, node_id node);
    void (*recover)(struct fault_env *env, node_id node);
    bool (*up)(struct fault_env *env, node_id node);
    /* Puts what the node sends and is sent through filter() from now on, or no longer; counted, so
     * each `on` needs its own `off`. */
    void (*watch)(struct fault_env *env, node_id node, bool on);
    /* Gives the node a second life, from init alone: the honest protocol once more, under the same
     * identity, from time 0 on; messages and blocks that it makes carry instance 1. Marks the node
     * Byzantine. ERR_INPUT as of the protocol's init. A node that has one keeps it. */
    enum err_code (*twin)(struct fault_env *env, node_id node, struct err *err);
    /* What the second life says leaves the node from now on, or no longer; counted, like watch. */
    void (*voice)(struct fault_env *env, node_id node, bool on);
    /* Marks the node Byzantine, from init alone: judges believe nothing that it claims, and its
     * commits make nothing committed. */
    void (*byzantine)(struct fault_env *env, node_id node);
    /* The node's protocol. */
    const struct consensus_ops *(*protocol)(struct fault_env *env, node_id node);
    /* consensus_ops.misbehave of the node; false: its protocol knows nothing of that name. */
    bool (*misbehave)(struct fault_env *env, node_id node, const char *how, bool on);
    /* The node lapses from now on, or no longer; counted, like watch. */
    void (*lapse)(struct fault_env *env, node_id node, enum fault_lapse what, bool on);
    /* The network keeps no bound from now on, or does again: judges of progress wait for that;
     * counted, like watch. */
    void (*unsettle)(struct fault_env *env, bool on);
    /* The two can reach each other again: node asks for what the other's pool holds. */
    void (*reconnect)(struct fault_env *env, node_id node, node_id peer);
    /* A row of /faults for what the model did by itself. `what` is a literal, "recover" for the end
     * of something; node NODE_NONE: none in particular. */
    void (*note)(struct fault_env *env, const char *what, node_id node, const char *detail);
};

struct fault_env {
    const struct fault_host *host;
    void *world;
    uint32_t index; /* of this entry */
    struct sim_stream *rng;
    sim_time end; /* of the run; 0 where it is not known */
    /* The network's shape. */
    node_id node_count;
    layer_id layer_count;
    const node_id *layer_first; /* layer l has nodes layer_first[l] .. layer_first[l + 1] - 1 */
    /* Region names by node are the network's: NULL where it has none. */
    const char *(*region)(const struct fault_env *env, node_id node);
    bool (*validator)(const struct fault_env *env, node_id node);
    /* Number of a layer by name, LAYER_NONE if there is none. */
    layer_id (*layer)(const struct fault_env *env, const char *name);
};

struct fault_verdict {
    bool drop;
    sim_time delay;          /* added before the link */
    struct message *replace; /* sent instead; the filter's reference is taken over. NULL: as is */
};

struct fault_ops {
    struct field_model model;
    size_t state_size; /* bytes an entry, zeroed before init */
    enum err_code (*init)(void *state, const void *cfg, struct fault_env *env, struct err *err);
    /* What at() asked for. */
    void (*fire)(void *state, uint32_t kind, uint64_t value);
    /* One message about to enter the link from `from` to `to`, of which one at least is watched, by
     * this model or another: the model looks whether it means them. m->origin made it, `from` may
     * pass it on; every channel, announcements too. *verdict starts as "pass". NULL: none. */
    void (*filter)(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict);
    /* Of a node with two lives: whether one of them hears m, which reached the node. NULL: both. */
    bool (*hears)(void *state, node_id node, uint8_t instance, const struct message *m);
    /* Whether a node that LAPSE_CENSORS leaves tx out of its blocks. NULL: never. */
    bool (*refuses)(void *state, node_id node, const struct tx *tx);
    void (*fini)(void *state);
};

extern const struct field_registry faults_registry;

#endif
