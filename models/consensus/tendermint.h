/* models/consensus/tendermint.h - the parts of Tendermint; its own files and tests include it. */
#ifndef MODELS_CONSENSUS_TENDERMINT_H
#define MODELS_CONSENSUS_TENDERMINT_H

#include "models/consensus/consensus.h"

#define TM_FIELDS(F, S)                                                                            \
    F(S, DURATION, block_interval, "1s", "0s", "1h",                                               \
      "A height starts this long after the block before it was proposed, at the earliest.")        \
    F(S, DURATION, propose_timeout, "3s", "1ms", "1h", "Wait for a proposal, in round 0.")         \
    F(S, DURATION, propose_delta, "500ms", "0s", "1h", "Added for each further round.")            \
    F(S, DURATION, prevote_timeout, "1s", "1ms", "1h", "Wait for more prevotes, in round 0.")      \
    F(S, DURATION, prevote_delta, "500ms", "0s", "1h", "Added for each further round.")            \
    F(S, DURATION, precommit_timeout, "1s", "1ms", "1h", "Wait for more precommits, in round 0.")  \
    F(S, DURATION, precommit_delta, "500ms", "0s", "1h", "Added for each further round.")          \
    F(S, DURATION, resend, "5s", "10ms", "1h", "A node that is at one height for this long asks.")
FIELD_DECLARE(tendermint_cfg, TM_FIELDS);
enum step { STEP_NEW_HEIGHT, STEP_PROPOSE, STEP_PREVOTE, STEP_PRECOMMIT };
enum vote_kind { PREVOTE, PRECOMMIT, VOTE_KINDS };
enum message_type { MSG_PROPOSAL = 1, MSG_VOTE, MSG_STATUS };
enum timer_kind { TIMER_HEIGHT = 1, TIMER_PROPOSE, TIMER_PREVOTE, TIMER_PRECOMMIT, TIMER_RESEND };

/* Bytes on the wire: height and round 8 each, kind 1, hash 32, validator 4, signature 65. */
enum { VOTE_BYTES = 118, PROPOSAL_BYTES = 93, STATUS_BYTES = 85 };
enum { EARLY_MAX = 4096 }; /* messages of later heights that a node keeps */

struct proposal_payload {
    uint64_t height, round;
    int64_t valid_round;
};
struct vote_payload {
    uint64_t height, round;
    struct evm_hash hash; /* zero: nil */
    uint32_t validator;
    uint8_t kind;
};
/* bits: for each of the rounds from 0 on a byte, not 0 if its proposal is there, and a bit a
 * validator for its prevote, and then for its precommit. */
struct status_payload {
    uint64_t height, round;
    uint32_t rounds;
    uint32_t turn;   /* how often this was asked: others' votes come from other nodes each time */
    bool everything; /* asked of one node alone */
    uint8_t bits[];
};

/* Votes of one kind in one round, by value. An honest run has at most two: a block and nil. One who
 * votes for several values counts for each, as in the paper, whose rules count messages of one
 * value from different processes: with the first vote alone, two sides that heard different votes
 * of a Byzantine process could not convince each other of a value that has its two thirds. */
struct candidate {
    struct evm_hash hash;
    uint64_t weight;
};
enum { CANDIDATES = 8 };
struct tally {
    struct candidate candidates[CANDIDATES];
    uint32_t count;
    uint64_t weight; /* of everyone who voted */
    uint8_t *voted;  /* by validator: a bit a candidate that it voted for */
};

enum judged { JUDGED_NOT, JUDGED_ASKED, JUDGED_VALID, JUDGED_INVALID };

struct round {
    struct block *block; /* the proposal: a reference, or NULL */
    int64_t valid_round;
    enum judged judged;
    struct tally votes[VOTE_KINDS];
    uint64_t seen;                              /* weight of those heard from in this round */
    uint8_t *heard;                             /* by validator */
    bool prevote_timer, precommit_timer, polka; /* "for the first time" */
    bool asked;                                 /* for the prevotes behind its valid_round */
    uint8_t memory[];                           /* 3 bytes a validator */
};

struct tendermint {
    struct consensus_env *env;
    const struct tendermint_cfg *cfg;
    struct block *decided; /* the block of height - 1: a reference */
    uint64_t height, round;
    enum step step;
    struct block *locked, *valid; /* references, or NULL */
    int64_t locked_round, valid_round;
    struct round **rounds; /* by round number; NULL where nothing was heard */
    uint32_t round_count;
    struct message **early; /* of later heights: references */
    uint32_t early_count;
    bool building;
    sim_time since; /* when this height began, or is to begin */
    uint32_t asks;  /* statuses sent */
};

/* ---- rounds and votes (tendermint_votes.c) ---- */

void tm_round_free(struct round *r); /* accepts NULL */
/* NULL when memory is out, or for a round beyond reason. */
struct round *tm_round_get(struct tendermint *t, uint64_t number);
struct round *tm_round_find(const struct tendermint *t, int64_t number); /* NULL: nothing heard */
uint32_t tm_proposer_of(const struct tendermint *t, uint64_t round);
/* Weight of the votes for one value. */
uint64_t tm_tally_of(const struct tally *v, const struct evm_hash *hash);
bool tm_voted_for(const struct tally *v, uint32_t validator, const struct evm_hash *hash);
void tm_hear(const struct tendermint *t, struct round *r, uint32_t validator);
/* Each validator counts once for a value. */
void tm_count_vote(const struct tendermint *t, struct round *r, const struct vote_payload *vote);

/* ---- statuses (tendermint_status.c) ---- */

/* Where this node stands, to everyone (NODE_NONE) or, asking for all that it lacks, to one node:
 * with `value` (or NULL) also for the prevotes of round `of` for it by those who are known for
 * another prevote only. */
void tm_send_status(struct tendermint *t, node_id to, const struct evm_hash *value, uint64_t of);
/* One of this height or an earlier one. */
void tm_on_status(struct tendermint *t, const struct message *m);

/* ---- the algorithm (tendermint.c) ---- */

/* NULL when memory is out. valid_round: -1 for a new value. */
struct message *tm_proposal_message(struct tendermint *t, uint64_t number, struct block *b,
                                    int64_t valid_round);

#endif
