/* Delegated proof of stake: settings and state, for dpos.c and for tests that look inside. */
#ifndef MODELS_CONSENSUS_DPOS_H
#define MODELS_CONSENSUS_DPOS_H

#include "models/consensus/consensus.h"

#define DPOS_FIELDS(F, S)                                                                          \
    F(S, DURATION, block_interval, "3s", "1ms", "1h", "Length of a slot: one block.")              \
    F(S, COUNT, delegates, "21", "1", "1k", "Who produce: the candidates with most votes.")        \
    F(S, COUNT, repeat, "1", "1", "1k", "Slots in a row of a delegate (EOSIO: 12).")               \
    F(S, COUNT, approvals, "30", "1", "1k", "Candidates that each stakeholder votes for.")         \
    F(S, FRACTION, drift, "0%", "0%", "99%",                                                       \
      "Between elections each stake moves within this of its weight.")                             \
    F(S, COUNT, election_rounds, "1", "1", "1M", "Rounds from one election to the next.")
FIELD_DECLARE(dpos_cfg, DPOS_FIELDS);

/* What a block carries beside transactions: EOSIO's `confirmed`, and what follows from the chain up
 * to it, which is worked out once and shared. */
struct dpos_seal {
    uint64_t base;         /* its producer vouches for heights above this one, on this branch */
    uint64_t proposed;     /* the highest that two thirds of the delegates vouch for */
    uint64_t irreversible; /* the highest that two thirds built on when it was proposed */
};

struct dpos {
    struct consensus_env *env;
    const struct dpos_cfg *cfg;
    struct block *head, *final; /* references */
    struct block *made;         /* the last one that this node produced: a reference, or NULL */
    uint64_t base;              /* of it */
    uint64_t final_height;
    uint64_t election, round; /* what `delegates` is for */
    uint32_t *delegates;      /* `count` by votes, then `count` in the round's order; or NULL */
    uint32_t count;
};

static inline uint32_t dpos_delegate_count(const struct dpos_cfg *cfg, uint32_t validators)
{
    return cfg->delegates < validators ? (uint32_t)cfg->delegates : validators;
}

uint64_t dpos_round_slots(const struct dpos_cfg *cfg, uint32_t validators);

/* The delegates of an election into out (room for dpos_delegate_count), most votes first; how many,
 * 0 when memory is out. A function of its arguments. O(validators * approvals). */
uint32_t dpos_elect(const struct dpos_cfg *cfg, const struct validators *v, uint64_t seed,
                    uint64_t election, uint32_t *out);

#endif
