/* models/faults/twins.h - nodes that live twice, and which node hears which life: what equivocation
 * and conflicting votes share.
 *
 * After Bano, Sonnino, Chursin, Perelman, Li, Ching, Malkhi, "Twins: BFT Systems Made Robust",
 * OPODIS 2021, sections 3 and 4: two instances of the unchanged, honest protocol under one identity
 * and key, with the network split between them, say all that an equivocating, double voting or
 * forgetful node says. Twins of several nodes act in concert: the first lives hear each other, and
 * so do the second ones. Left out: lists of partitions and leaders that are gone through one by
 * one; here the seed draws who hears whom. */
#ifndef MODELS_FAULTS_TWINS_H
#define MODELS_FAULTS_TWINS_H

#include "models/faults/select.h"

#define FAULT_TWINS_FIELDS(F, S)                                                                   \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)                                                                         \
    F(S, FRACTION, side, "50%", "0%", "100%",                                                      \
      "Share of the other validators, and of other nodes, that hear the first life.")              \
    F(S, DURATION, resplit, "0s", "0s", "24h",                                                     \
      "The sides are drawn anew each time this has passed; 0s: once.")

struct fault_twins {
    struct fault_strike strike; /* first */
    double side;
    sim_time resplit;
    bool drawing;  /* a moment to draw anew is due */
    uint8_t *hear; /* by node: the life that it hears */
    uint32_t *order;
};

/* Gives each chosen node a second life and draws the sides. */
enum err_code fault_twins_init(struct fault_twins *t, const struct fault_strike_ops *ops,
                               struct fault_env *env, struct fault_who who, struct fault_when when,
                               double side, sim_time resplit, struct err *err);
/* begin and end of the strike: the second life is heard, is not. self: the struct. */
void fault_twins_begin(void *self, node_id node);
void fault_twins_end(void *self, node_id node);
void fault_twins_fire(void *state, uint32_t kind, uint64_t value);
void fault_twins_fini(void *state);

/* Whether m is something that a struck node itself says, in its protocol, to a node that has a
 * side.
 */
static inline bool fault_twins_speak(const struct fault_twins *t, node_id from, node_id to,
                                     const struct message *m)
{
    return fault_struck(&t->strike, from) && !fault_struck(&t->strike, to) && m->origin == from &&
           m->channel != CHANNEL_TX && m->channel != CHANNEL_SYNC;
}

#endif
