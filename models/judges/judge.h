/* models/judges/judge.h - independent observers: what must hold whatever the protocol.
 *
 * A judge sees what honest nodes do and claim in public (commits, certificates with their signers,
 * what executing a committed block gave) and no protocol's state. Nodes under a Byzantine fault are
 * not heard: what they claim is worth nothing. A judge keeps no more than the recent past and sends
 * nothing: runs with and without it are the same but for its rows in /violations.
 *
 * One state a judge and group of nodes that agree on one chain. To add one: a file beside these, a
 * row in registry.c, its name in the default of `judges` in models/world/config.h. */
#ifndef MODELS_JUDGES_JUDGE_H
#define MODELS_JUDGES_JUDGE_H

#include "models/consensus/consensus.h"

/* Node n takes block b, and with it all its ancestors, as final. */
struct judge_commit {
    node_id node;
    struct block *block;
    struct block *before;    /* what it last took as final; genesis at first */
    const uint32_t *signers; /* validator numbers whose votes prove it, or NULL */
    uint32_t signer_count;
};

/* Node n holds a certificate. */
struct judge_certificate {
    node_id node;
    const char *what;          /* its kind */
    uint64_t round;            /* no two of one kind and round should be for different blocks */
    const struct block *block; /* NULL: for none */
    const uint32_t *signers;
    uint32_t signer_count;
};

/* The round as its protocol counts it: one whose rounds begin anew at each height passes
 * height << 16 | round. */
static inline uint64_t judge_round(uint64_t round, const struct block *b)
{
    uint64_t height = round >> 16;
    return height && b && b->height == height ? round & 0xffff : round;
}

struct judge_violation {
    bool liveness; /* it got nowhere; else safety: it went wrong */
    node_id node;  /* where it shows, or NODE_NONE */
    uint64_t height, round;
    const char *text; /* the story, for a reader; below 200 bytes */
};

struct judge_env;
struct judge_host {
    sim_time (*now)(struct judge_env *env);
    bool (*honest)(struct judge_env *env, node_id node);
    /* Whether the chain should grow: the network keeps its bounds, and no more weight is down,
     * impaired or Byzantine than the protocol tolerates. *since: when that began, as far as was
     * looked. */
    bool (*calm)(struct judge_env *env, sim_time *since);
    void (*violation)(struct judge_env *env, const struct judge_violation *v);
};

struct judge_env {
    const struct judge_host *host;
    void *world;
    uint32_t seat; /* the world's */
    const struct validators *validators;
    struct consensus_traits traits;
    sim_time timeout; /* the protocol's unit of patience */
};

struct judge_ops {
    struct field_model model;
    size_t state_size; /* zeroed before init */
    enum err_code (*init)(void *state, const void *cfg, struct judge_env *env, struct err *err);
    /* Each may be NULL. */
    void (*commit)(void *state, const struct judge_commit *c);
    void (*certificate)(void *state, const struct judge_certificate *c);
    /* A committed block, in order of height, has been executed; its header states the roots and the
     * gas that execution gave, or does not. */
    void (*executed)(void *state, const struct block *b, bool holds);
    void (*tick)(void *state); /* now and then: each record.interval */
    void (*fini)(void *state);
};

extern const struct field_registry judges_registry;

#endif
