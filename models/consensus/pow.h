/* models/consensus/pow.h - the parts of proof of work; only its own files include it. */
#ifndef MODELS_CONSENSUS_POW_H
#define MODELS_CONSENSUS_POW_H

#include "models/consensus/consensus.h"
#include "sim/base/vec.h"

/* Rows M(S, ENUMERATOR, "spelling", "One sentence.") */
#define POW_CHOICES(M, S)                                                                          \
    M(S, POW_LONGEST, "longest", "The chain with the most work.")                                  \
    M(S, POW_GHOST, "ghost", "From the start on, the child whose subtree has the most work.")
FIELD_ENUM_DECLARE(pow_choice, POW_CHOICES);

#define POW_RULES(M, S)                                                                            \
    M(S, POW_FIXED, "fixed", "Always the same.")                                                   \
    M(S, POW_BITCOIN, "bitcoin", "Every `retarget` blocks, by what they took, at most fourfold.")  \
    M(S, POW_ETHEREUM, "ethereum", "Every block, by a 2048th for each step it took (Homestead).")
FIELD_ENUM_DECLARE(pow_rule, POW_RULES);

#define POW_FIELDS(F, S)                                                                           \
    F(S, DURATION, block_interval, "10min", "1ms", "24h",                                          \
      "Mean time between two blocks, of all miners at their first strength.")                      \
    F(S, ENUM(pow_choice), fork_choice, "longest", NULL, NULL, "Which branch a node follows.")     \
    F(S, FRACTION, tie_switch, "0%", "0%", "100%",                                                 \
      "Chance that a node leaves its branch for one that came later and is no heavier.")           \
    F(S, COUNT, confirmations, "6", "1", "10k", "Blocks that must stand on a final one.")          \
    F(S, COUNT, uncles, "0", "0", "2", "Stale blocks of the last six heights that a block names.") \
    F(S, ENUM(pow_rule), difficulty, "fixed", NULL, NULL, "How it follows the miners' strength.")  \
    F(S, COUNT, retarget, "2016", "2", "1M", "difficulty: bitcoin moves it every so many blocks.") \
    F(S, BOOL, empty, "false", NULL, NULL, "Blocks without transactions, whatever pools hold.")
FIELD_DECLARE(pow_cfg, POW_FIELDS);

/* Work that all miners together do in one interval at the start. */
#define POW_INITIAL UINT64_C(0x100000000)

/* What a selfish miner keeps (pow_selfish.c). */
struct pow_selfish {
    struct block *public; /* a reference: the best block that everybody may have */
    struct vec withheld;  /* struct block *: references, ascending, up to the head */
    bool racing;          /* its last block is out and another of that height is too */
};

/* One a node. */
struct pow {
    struct consensus_env *env;
    const struct pow_cfg *cfg;
    struct block *head;    /* a reference: what it mines on */
    struct sim_timer race; /* its next chance of a block */
    uint64_t floor;        /* difficulty at which `race` was drawn */
    sim_time period_began; /* when the first block of the head's period of `retarget` was made */
    struct vec *side;      /* struct block *: references, in order of arrival: recent blocks that
                            * are not on the head's chain. NULL before the first */
    struct pow_selfish *selfish; /* NULL: honest */
    uint32_t owed;               /* blocks found while one was being built */
    bool building;
};

/* ---- pow_difficulty.c ---- */

/* Of a block over `parent` made at `at`. O(retarget) where a period ends on another branch than
 * the head's. */
uint64_t pow_difficulty(const struct pow *p, struct block *parent, sim_time at);
/* The least it can be as long as the head stays. */
uint64_t pow_difficulty_least(const struct pow *p);
/* The head changed, from `old`. */
void pow_difficulty_moved(struct pow *p, const struct block *old);

/* ---- pow_tree.c ---- */

/* Whether b is the head or below it. */
bool pow_on_chain(const struct pow *p, struct block *b);
/* b is new at this node, and is not the head's child. Keeps it in mind. */
void pow_side_add(struct pow *p, struct block *b);
/* The head moved from `old` to p->head: what is beside it changes places. */
void pow_side_moved(struct pow *p, struct block *old);
/* Where the fork choice leads now that b is there: the head, if it stays. */
struct block *pow_choose(struct pow *p, struct block *b);
/* Uncles that a block over the head may name, oldest first; at most cfg->uncles. */
uint32_t pow_uncles(const struct pow *p, struct block **out);
bool pow_uncles_fit(const struct pow *p, struct block *b);
void pow_side_fini(struct pow *p);

/* ---- pow_selfish.c ---- */

bool pow_selfish_switch(struct pow *p, bool on);
void pow_selfish_found(struct pow *p, struct block *b); /* its own block is built */
/* A block of others is there and valid. */
void pow_selfish_heard(struct pow *p, struct block *b);
void pow_selfish_fini(struct pow *p);

/* ---- pow.c ---- */

void pow_publish(struct pow *p, struct block *b);
void pow_adopt(struct pow *p, struct block *b); /* b becomes the head */
void pow_confirm(struct pow *p, struct block *top);

#endif
