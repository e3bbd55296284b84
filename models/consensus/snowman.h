/* models/consensus/snowman.h - the parts of Snowman; only its own files include it. */
#ifndef MODELS_CONSENSUS_SNOWMAN_H
#define MODELS_CONSENSUS_SNOWMAN_H

#include "models/consensus/consensus.h"
#include "sim/base/vec.h"

#define SNOWMAN_FIELDS(F, S)                                                                       \
    F(S, COUNT, k, "20", "1", "1000", "Validators that a poll asks, drawn by weight.")             \
    F(S, COUNT, alpha_preference, "15", "1", "1000",                                               \
      "Votes of a poll that change what a node prefers; more than half of k.")                     \
    F(S, COUNT, alpha_confidence, "15", "1", "1000",                                               \
      "Votes of a poll that add to its confidence; alpha_preference to k.")                        \
    F(S, COUNT, beta, "20", "1", "10k", "Such polls in a row that decide.")                        \
    F(S, COUNT, concurrent_polls, "4", "1", "1000",                                                \
      "Polls under way at a time while something is undecided; at most beta.")                     \
    F(S, COUNT, processing, "10", "1", "10k", "Undecided blocks at which a node builds no more.")  \
    F(S, DURATION, query_timeout, "2s", "1ms", "1h", "Who has not answered by then has no vote.")  \
    F(S, DURATION, block_interval, "2s", "0s", "1h", "Least time between a block and its child.")  \
    F(S, DURATION, proposer_window, "5s", "0s", "1h",                                              \
      "Each of the drawn proposers may begin so much after the one before it (Snowman++).")        \
    F(S, COUNT, proposer_windows, "6", "0", "1000",                                                \
      "Proposers drawn for a height; after their windows anybody may propose.")                    \
    F(S, DURATION, frontier, "2s", "1ms", "1h", "An idle node asks one other what is accepted.")
FIELD_DECLARE(snowman_cfg, SNOWMAN_FIELDS);

enum snow_message { MSG_QUERY = 1, MSG_PUSH, MSG_CHITS, MSG_GET, MSG_PUT };
enum snow_timer { TIMER_POLL = 1, TIMER_BUILD, TIMER_FRONTIER };

/* Bytes on the wire. Query: chain 32, poll 4, deadline 8, block 32, height 8. Chits: chain, poll,
 * preferred, preferred at that height, accepted, its height. Get: chain, request, deadline, block.
 * None is signed: connections are. */
enum { QUERY_BYTES = 84, CHITS_BYTES = 140, GET_BYTES = 76 };

struct snow_query {
    uint32_t poll;       /* 0: only out of curiosity */
    struct block *block; /* a reference: what it is about; NULL: nothing */
};
struct snow_chits {
    uint32_t poll;
    struct block *preferred, *accepted; /* references */
};
struct snow_get {
    struct block *block; /* a reference */
};

/* A valid block that is not decided yet. */
struct snow_block {
    struct block *block; /* a reference */
    uint32_t votes;      /* of the poll that is being counted, its descendants' included */
    uint32_t confidence; /* polls in a row for it */
    uint32_t order;      /* of its coming */
};

/* Blocks on one parent whose hashes begin alike up to `bit`: which of its values. */
struct snow_choice {
    const struct block *parent; /* compared only */
    struct evm_hash prefix;     /* bits 0 .. bit - 1 count */
    uint32_t bit;
    uint32_t confidence;
    bool value; /* preferred; for good, if decided */
};

struct snow_vote {
    struct block *block; /* a reference */
    uint32_t count;
};
struct snow_poll {
    uint32_t id; /* 0: none */
    uint32_t asked, vote_count;
    uint32_t open;                 /* draws without an answer */
    struct snow_vote *votes;       /* room for k */
    uint32_t *validators, *counts; /* who was asked, and how often drawn; 0: answered */
};

enum { WANTED = 16 };
struct snow_wanted {
    struct block *block; /* a reference */
    sim_time asked;
};

struct snowman {
    struct consensus_env *env;
    const struct snowman_cfg *cfg;
    struct block *accepted, *tip; /* references; tip: preferred, without children that are */
    struct snow_block *blocks;    /* undecided */
    uint32_t block_count, block_room, order;
    struct snow_choice *choices;
    uint32_t choice_count, choice_room;
    struct vec pending;      /* struct block *: references; being judged, or their parent is */
    struct snow_poll *polls; /* concurrent_polls of them; NULL before the first */
    uint32_t poll_id;
    struct snow_wanted wanted[WANTED];
    struct block *built_on; /* a reference: this node's last block stands on it */
    struct sim_timer build;
};

/* ---- undecided blocks (snowman_choice.c) ---- */

struct snow_block *snow_find(const struct snowman *s, const struct block *b);
/* Adds a block whose parent is accepted or undecided. False when memory is out. */
bool snow_add(struct snowman *s, struct block *b);
/* Counts a poll: votes for undecided blocks, each with how often it was drawn. */
void snow_count(struct snowman *s, const struct snow_vote *votes, uint32_t count);
/* The child of accepted that is decided, or NULL; what it has beaten is thrown out. */
struct block *snow_decided(struct snowman *s);
/* b is accepted: it and all that does not stand on it go. */
void snow_accept(struct snowman *s, struct block *b);
/* The preferred block that nothing preferred stands on. */
struct block *snow_preferred(const struct snowman *s);
/* The undecided block that a vote for b counts for: b, or its nearest ancestor; NULL: none. */
struct snow_block *snow_counts_for(const struct snowman *s, struct block *b);
void snow_choice_fini(struct snowman *s);

/* ---- polls (snowman_poll.c) ---- */

/* Asks k validators; push: with the block itself. */
void snow_poll(struct snowman *s, struct block *b, bool push);
/* Returns whether the poll is over; then *votes (of *count) is what it brought, until the next. */
bool snow_answer(struct snowman *s, uint32_t poll, node_id from, struct block *preferred);
/* After TIMER_POLL. */
bool snow_expire(struct snowman *s, uint32_t poll);
uint32_t snow_polls_open(const struct snowman *s);
void snow_polls_drop(struct snowman *s); /* all of them */
void snow_curious(struct snowman *s);    /* asks one node what it has accepted */
void snow_want(struct snowman *s, node_id from, struct block *b);
void snow_answer_query(struct snowman *s, node_id to, uint32_t poll);
void snow_give(struct snowman *s, node_id to, struct block *b);
void snow_poll_fini(struct snowman *s);

#endif
