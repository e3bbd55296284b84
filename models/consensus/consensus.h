/* models/consensus/consensus.h - a consensus protocol: one .c file behind this vtable.
 *
 * A protocol is a state machine, one state a node. It sees the world through its env alone: it is
 * told of messages, timers, built and checked blocks, and answers by sending, setting timers,
 * asking for a block, adopting a head, committing. It never sees another node's state, the engine
 * or the host's clock, so the same file runs with 4 nodes and with 100,000, honest or with a
 * Byzantine twin.
 *
 *     void *state is `state_size` zeroed bytes, aligned to 16; name its type on the function's
 *     first line; keep it small (an idle node costs 1 KB at most, all models together).
 *
 * Everything happens at a virtual instant: a handler takes no simulated time by itself. Work takes
 * time where it is declared: signatures by the counts in struct message, building and checking by
 * the execution model. Handlers run in a fixed total order; the same scenario and seed give the
 * same calls.
 *
 * To add one: copy poa.c (fork choice) or tendermint.c (votes), add a row in registry.c. */
#ifndef MODELS_CONSENSUS_CONSENSUS_H
#define MODELS_CONSENSUS_CONSENSUS_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/engine/queue.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

/* ---- who takes part ---- */

/* The validators of one layer, the same table at every node. Index i is a validator's number in
 * votes; nodes that are not in the table follow without a vote. */
struct validators {
    const node_id *nodes;    /* ascending */
    const uint64_t *weights; /* at least 1 each */
    const uint64_t *upto;    /* upto[i]: sum of weights[0..i] */
    uint32_t count;
    uint64_t total; /* sum of weights, below 2^62 */
    bool equal;     /* all weights are 1 */
};

#define VALIDATOR_NONE UINT32_MAX

/* The validator number of a node, VALIDATOR_NONE if it has none. O(log n). */
uint32_t validators_index(const struct validators *v, node_id node);

/* Whose turn number `turn` is: each validator `weight` times in any `total` turns that follow one
 * another, spread evenly; plain round-robin with equal weights. O(log n). */
uint32_t validators_turn(const struct validators *v, uint64_t turn);

/* Whether a weight is more than two thirds, or more than a third, of the total. */
bool validators_quorum(const struct validators *v, uint64_t weight);
bool validators_third(const struct validators *v, uint64_t weight);

/* ---- what a protocol may do ---- */

/* Asks for a block to propose. What is left 0 is filled by the world. */
struct build_request {
    struct block *parent; /* borrowed */
    uint64_t round;       /* goes into the header */
    uint64_t difficulty;  /* 1 unless the protocol has a fork choice by weight */
    uint64_t tag;         /* comes back with built() */
    bool empty;           /* no transactions, whatever the pool holds */
    /* Stale blocks whose headers the block carries; borrowed until env_build returns. They count in
     * its size and hash, not in its state. */
    struct block *const *uncles;
    uint32_t uncle_count;
    struct block_seal *seal; /* goes into the block; borrowed until env_build returns */
    /* A batch: transactions that some env_order() will put into a block; execute-after-order only.
     * parent says on what head the pool is to be asked, and is not the batch's parent. `taken` are
     * batches whose transactions are spoken for. With shares > 0 only senders whose number (a hash
     * of the address) is `share` modulo `shares` are taken, so that validators that build at one
     * time do not take the same. gas: sum of gas limits, 0 for a block's. */
    bool batch;
    struct block *const *taken;
    uint32_t taken_count;
    uint32_t share, shares;
    uint64_t gas;
};

enum { BUILD_UNCLES_MAX = 2 };

struct consensus_env;

/* The world's side; protocols call the inline functions below. */
struct consensus_host {
    sim_time (*now)(struct consensus_env *env);
    void (*send)(struct consensus_env *env, node_id to, struct message *m);
    void (*broadcast)(struct consensus_env *env, struct message *m);
    struct sim_timer (*timer)(struct consensus_env *env, sim_time delay, uint32_t kind,
                              uint64_t value);
    void (*cancel)(struct consensus_env *env, struct sim_timer *timer);
    void (*build)(struct consensus_env *env, const struct build_request *request);
    void (*check)(struct consensus_env *env, struct block *b, uint64_t tag);
    void (*await)(struct consensus_env *env);
    bool (*has)(struct consensus_env *env, const struct block *b);
    void (*adopt)(struct consensus_env *env, struct block *b);
    void (*commit)(struct consensus_env *env, struct block *b, const uint32_t *signers,
                   uint32_t signer_count);
    void (*speculate)(struct consensus_env *env, struct block *b);
    void (*certify)(struct consensus_env *env, const char *what, const struct block *b,
                    uint64_t round, const uint32_t *signers, uint32_t signer_count);
    struct block *(*order)(struct consensus_env *env, struct block *parent,
                           struct block *const *batches, uint32_t count, uint64_t round,
                           node_id proposer);
    void (*behind)(struct consensus_env *env, node_id from, uint64_t height);
    struct sim_stream *(*random)(struct consensus_env *env);
    void (*note)(struct consensus_env *env, const char *what, uint64_t height, uint64_t round);
};

/* One a node. Protocols read the public fields and pass the pointer on. */
struct consensus_env {
    const struct consensus_host *host;
    void *world;
    node_id node;     /* this node */
    uint32_t me;      /* its validator number, or VALIDATOR_NONE */
    layer_id layer;   /* the first of those whose blocks it orders */
    uint64_t seed;    /* of the run: for draws that all nodes must see alike */
    uint8_t instance; /* the world's: 0, or 1 in the second life of a node that equivocates */
    const struct validators *validators;
    struct block *genesis;
};

static inline sim_time env_now(struct consensus_env *env)
{
    return env->host->now(env);
}

/* Sends m to one node, or to every other node of the layer by the dissemination that the scenario
 * chose for m's channel (the sender does not hear its own message). Takes over the caller's
 * reference. The signatures that m->signs declares are computed first, on the node's cores; once,
 * if one message is sent to several nodes (take a reference for each). */
static inline void env_send(struct consensus_env *env, node_id to, struct message *m)
{
    env->host->send(env, to, m);
}
static inline void env_broadcast(struct consensus_env *env, struct message *m)
{
    env->host->broadcast(env, m);
}

/* A call of timer(state, kind, value) after `delay` (>= 0); kind below 256, value below 2^48. A
 * crash drops a node's timers. */
static inline struct sim_timer env_timer(struct consensus_env *env, sim_time delay, uint32_t kind,
                                         uint64_t value)
{
    return env->host->timer(env, delay, kind, value);
}
/* Zeroes *timer. No effect on one that fired, was cancelled, or is zero. */
static inline void env_cancel(struct consensus_env *env, struct sim_timer *timer)
{
    env->host->cancel(env, timer);
}

/* Builds a block over request->parent from this node's pool, executes it first where the coupling
 * says so, and calls built(). A later call, or a crash, makes an unfinished one forgotten. */
static inline void env_build(struct consensus_env *env, const struct build_request *request)
{
    env->host->build(env, request);
}

/* Asks to be told of the next transaction that comes to this node's pool, by one awake(): for a
 * leader that has nothing to propose. A crash forgets it. */
static inline void env_await(struct consensus_env *env)
{
    env->host->await(env);
}

/* Judges a block before a vote: header against its parent, transactions, and, where the coupling
 * says so, execution and roots. Calls checked(). The node must have the block and its ancestors;
 * it waits for an ancestor that is still being executed. */
static inline void env_check(struct consensus_env *env, struct block *b, uint64_t tag)
{
    env->host->check(env, b, tag);
}

/* Whether this node holds b and all its ancestors. */
static inline bool env_has(struct consensus_env *env, const struct block *b)
{
    return env->host->has(env, b);
}

/* b becomes the head of this node's chain: its pool drops what the new branch holds and takes back
 * what only the old one held. For protocols with a fork choice; commit() adopts by itself. */
static inline void env_adopt(struct consensus_env *env, struct block *b)
{
    env->host->adopt(env, b);
}

/* b and all its ancestors are final at this node. signers: the validator numbers whose votes prove
 * it, each once, or NULL where the protocol has no certificate or the node took the block over from
 * a peer; judges look at them. Heights must not fall; committing another block at a committed
 * height is recorded as a violation of safety, and the first stays. */
static inline void env_commit(struct consensus_env *env, struct block *b, const uint32_t *signers,
                              uint32_t signer_count)
{
    env->host->commit(env, b, signers, signer_count);
}

/* b and its ancestors will be final at this node unless somebody is caught lying: users may take
 * them as done. The node executes b now, where execution follows ordering. The first time anywhere
 * goes into /blocks. b need not become final. */
static inline void env_speculate(struct consensus_env *env, struct block *b)
{
    env->host->speculate(env, b);
}

/* This node formed, or first saw, a certificate for b (NULL: for none, as for a timeout) of
 * `round`: for judges alone, no cost in simulated time. `what` is a literal that names the kind
 * ("prepare", "commit"): two certificates of one kind and round for different blocks, or one
 * without the quorum that traits.quorum says, are a violation. Rounds that begin anew at each
 * height go in with the height: height << 16 | round. */
static inline void env_certify(struct consensus_env *env, const char *what, const struct block *b,
                               uint64_t round, const uint32_t *signers, uint32_t signer_count)
{
    env->host->certify(env, what, b, round, signers, signer_count);
}

/* The block over `parent` that holds the transactions of batches[0 .. count - 1] in that order,
 * each once, without those that the chain up to parent holds, as far as the gas limit goes. Each
 * sender's nonces go on from the chain's without gaps; who offers less than the base fee is left
 * out. What is left out stays in the pools. Equal arguments give the same block at every node; the
 * node then has it. For protocols that agree on an order of batches (traits.batches): commit() it
 * next. Borrowed from the world: take a reference to keep it. NULL when memory is out.
 * O(transactions) the first time. */
static inline struct block *env_order(struct consensus_env *env, struct block *parent,
                                      struct block *const *batches, uint32_t count, uint64_t round,
                                      node_id proposer)
{
    return env->host->order(env, parent, batches, count, round, proposer);
}

/* This node misses blocks up to `height` that node `from` seems to have: fetches them, with their
 * ancestors, over the links; each arrives through block(). Calls while a fetch runs are merged. */
static inline void env_behind(struct consensus_env *env, node_id from, uint64_t height)
{
    env->host->behind(env, from, height);
}

/* This node's own stream for this protocol. */
static inline struct sim_stream *env_random(struct consensus_env *env)
{
    return env->host->random(env);
}

/* A row of the events table: "round-timeout", "view-change". `what` is a literal. */
static inline void env_note(struct consensus_env *env, const char *what, uint64_t height,
                            uint64_t round)
{
    env->host->note(env, what, height, round);
}

/* ---- what a protocol is ---- */

/* How much voting weight makes a certificate. */
enum consensus_quorum {
    QUORUM_NONE,       /* it has no certificates */
    QUORUM_MAJORITY,   /* more than half */
    QUORUM_TWO_THIRDS, /* more than two thirds */
};

/* What it promises, for judges and reports. */
struct consensus_traits {
    bool final;   /* a commit is never taken back */
    bool follows; /* takes from a fetch what is not final yet, as a fork choice does */
    bool batches; /* orders batches (env_order): needs execute-after-order */
    bool steady;  /* one leader proposes until it fails */
    enum consensus_quorum quorum;
    unsigned fault_share; /* tolerates fewer than 1/fault_share Byzantine weight; 0: crash faults */
    unsigned crash_share; /* keeps going with fewer than 1/crash_share crashed */
};

struct consensus_ops {
    struct field_model model; /* name, one sentence, its scenario section */
    size_t state_size;        /* bytes a node */
    struct consensus_traits traits;
    /* Blocks that stand on one when it becomes final; NULL: none need. */
    uint64_t (*depth)(const void *cfg, uint64_t validators);
    /* How long a node without news waits before it gives up on a leader, a view, a slot: the unit
     * in which judges of progress count. NULL: it never does (they take 10 s). */
    sim_time (*timeout)(const void *cfg, uint64_t validators);

    /* cfg is model.table's struct, env lives as long as the state; both borrowed. Called for every
     * node before time 0. ERR_INPUT for settings that cannot work with these validators. */
    enum err_code (*init)(void *state, const void *cfg, struct consensus_env *env, struct err *err);
    /* Time 0. */
    void (*start)(void *state);
    /* A consensus message (m->block, if any, is held by this node, its ancestors too). Signatures
     * have been checked: m->origin signed it. `from` handed it over. */
    void (*message)(void *state, node_id from, const struct message *m);
    void (*timer)(void *state, uint32_t kind, uint64_t value);
    /* The block that build() asked for; borrowed (take a reference to keep it). */
    void (*built)(void *state, struct block *b, uint64_t tag);
    void (*checked)(void *state, struct block *b, bool valid, uint64_t tag);
    /* Whether this node passes on a block that just came to it, checked or not. NULL: always. */
    bool (*relay)(const void *state, const struct block *b);
    /* A block arrived by catch-up, ancestors first, executed where the coupling says so.
     * committed: the peer holds it as final and proves it; adopt it as such. */
    void (*block)(void *state, struct block *b, node_id from, bool committed);
    /* What env_await() asked for. May be NULL in a protocol that never asks. */
    void (*awake)(void *state);
    /* Delayed execution: this node has executed committed block b. May be NULL. */
    void (*executed)(void *state, struct block *b);
    /* The node is up again after a crash: its state is as the crash left it (a real node wrote it
     * down before it spoke), its timers are gone. */
    void (*recovered)(void *state);
    /* Behaves as `how` says ("selfish-mining") from now on, or no longer: deviations that need the
     * protocol's own state; those that do not are fault models' alone. False: it knows none of that
     * name. May be NULL. */
    bool (*misbehave)(void *state, const char *how, bool on);
    void (*fini)(void *state); /* drops references; also after a failed init */

    /* For readers of a trace: what its messages of a type are called ("vote"), and what one says
     * ("height 3, round 0, nil", cut to size). Pure; NULL where nobody wrote them. */
    const char *(*message_name)(uint8_t type);
    void (*describe)(const struct message *m, char *out, size_t size);
};

extern const struct field_registry consensus_registry;

#endif
