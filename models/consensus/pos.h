/* Gasper, the parts of pos.c: what its files share. Sections are those of ethereum/consensus-specs
 * (fork-choice.md of Phase 0; beacon-chain.md, validator.md, p2p-interface.md up to Electra). */
#ifndef MODELS_CONSENSUS_POS_H
#define MODELS_CONSENSUS_POS_H

#include "models/consensus/consensus.h"

#define POS_FIELDS(F, S)                                                                           \
    F(S, DURATION, block_interval, "12s", "10ms", "1h", "Length of a slot.")                       \
    F(S, COUNT, slots_per_epoch, "32", "2", "1k",                                                  \
      "Slots of an epoch; each validator attests once.")                                           \
    F(S, FRACTION, attest_at, "33.33%", "0%", "100%",                                              \
      "Attesters wait for the slot's block up to here in the slot.")                               \
    F(S, FRACTION, aggregate_at, "66.67%", "0%", "100%", "Aggregators publish here in the slot.")  \
    F(S, COUNT, committees, "64", "1", "1k", "Committees of a slot, at most.")                     \
    F(S, COUNT, committee_size, "128", "1", "16M", "Fewer, if members would be fewer than this.")  \
    F(S, COUNT, aggregators, "16", "1", "1k", "Aggregators of a committee.")                       \
    F(S, COUNT, block_attestations, "8", "1", "1k", "Aggregates a block holds, a committee.")      \
    F(S, FRACTION, proposer_boost, "40%", "0%", "100%",                                            \
      "Weight of a timely block in its slot, as a share of a slot's validators.")                  \
    F(S, BOOL, proposer_reorg, "false", NULL, NULL,                                                \
      "Proposers leave out a late block that few attested to.")                                    \
    F(S, FRACTION, reorg_head, "20%", "0%", "1000%", "It is one below this weight, and ...")       \
    F(S, FRACTION, reorg_parent, "160%", "0%", "1000%", "... its parent above this one.")
FIELD_DECLARE(pos_cfg, POS_FIELDS);

enum pos_message { POS_BLOCK = 1, POS_ATTESTATION, POS_AGGREGATE };

/* A block of an epoch's start (or the last one before it), as votes and states name it: nothing in
 * a block refers to another, so that finality can let old ones go. */
struct pos_checkpoint {
    uint64_t epoch, height;
    struct evm_hash root;
};

/* AttestationData. Without padding: compared and hashed as bytes. */
struct pos_data {
    uint64_t slot, committee; /* committee: within the slot */
    uint64_t head_height;
    struct evm_hash head;
    struct pos_checkpoint source, target;
};

/* One validator's vote: position is its place in the committee. */
struct pos_attestation {
    struct pos_data data;
    uint32_t position;
};

/* Votes of one committee for the same data: members[i] voted if bit i of pos_bits() is set. */
struct pos_aggregate {
    struct pos_data data;
    uint32_t size, count; /* of the committee; of those who voted */
    uint32_t members[];
};

static inline size_t pos_bit_bytes(uint32_t size)
{
    return ((size_t)size + 7) / 8;
}
static inline uint8_t *pos_bits(const struct pos_aggregate *a)
{
    return (uint8_t *)(uintptr_t)(a->members + a->size);
}
static inline bool pos_bit(const uint8_t *bits, uint32_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

/* ---- committees and proposers (pos_shuffle.c): the same for all, from the seed and the epoch ----
 */

struct pos_committees {
    uint64_t seed, spe; /* slots an epoch */
    uint32_t validators, per_slot;
};

struct pos_committees pos_committees_of(const struct pos_cfg *cfg, const struct validators *v,
                                        uint64_t seed);
/* Members of committee c of a slot: positions first .. first + size - 1 of the epoch's shuffle. */
void pos_committee(const struct pos_committees *c, uint64_t slot, uint32_t index, uint32_t *first,
                   uint32_t *size);
/* The validator at a position of the epoch's shuffle, and its inverse. O(90). */
uint32_t pos_shuffled(const struct pos_committees *c, uint64_t epoch, uint32_t position);
uint32_t pos_position(const struct pos_committees *c, uint64_t epoch, uint32_t validator);
/* Where a validator attests in an epoch. */
void pos_duty(const struct pos_committees *c, uint64_t epoch, uint32_t validator, uint64_t *slot,
              uint32_t *index, uint32_t *position);
/* Drawn by weight, anew each slot. O(log n). */
uint32_t pos_proposer(const struct validators *v, uint64_t seed, uint64_t slot);

/* ---- what a chain says (pos_ffg.c): justification and finality, a function of its blocks ---- */

/* Sets of validators, a bit each. */
enum pos_set {
    POS_PREVIOUS,         /* voted for the boundary of the previous epoch, in blocks up to here */
    POS_CURRENT,          /* ... of this epoch */
    POS_JUSTIFIED,        /* whose votes justified `justified` */
    POS_FINALIZED,        /* the supermajority link that finalised `finalized` */
    POS_PULLED_JUSTIFIED, /* likewise of the pulled-up ones */
    POS_PULLED_FINALIZED,
    POS_SETS
};

/* The part of a beacon state that finality needs, after a block. Genesis: all zero but roots. */
struct pos_state {
    uint64_t slot;
    uint64_t weight[2]; /* of POS_PREVIOUS, POS_CURRENT */
    struct pos_checkpoint previous_justified, justified, finalized;
    struct pos_checkpoint boundary[2]; /* of the previous and of this epoch */
    /* As if the epoch ended after this block (compute_pulled_up_tip). */
    struct pos_checkpoint pulled_justified, pulled_finalized;
    uint8_t bits;       /* justification_bits, bit 0 the latest epoch */
    bool boundary_self; /* the block itself is its epoch's boundary */
};

/* What a block carries: its state and the votes that its proposer put in. */
struct pos_vote {
    struct pos_data data;
    uint32_t first, count; /* in the voters */
};
struct pos_seal {
    struct pos_state state;
    uint32_t words; /* of a set */
    uint32_t votes, voters;
    uint64_t data[]; /* POS_SETS sets, votes, voters */
};

const struct pos_seal *pos_seal_of(const struct block *b); /* NULL for genesis */
const uint64_t *pos_set_of(const struct pos_seal *s, enum pos_set which);
const struct pos_vote *pos_votes_of(const struct pos_seal *s);
const uint32_t *pos_voters_of(const struct pos_seal *s, const struct pos_vote *vote);

/* The state after b, boundary included. */
void pos_state_of(const struct block *b, uint64_t spe, struct pos_state *out);

/* A state that its maker fills: sets has POS_SETS sets of `words`. */
struct pos_draft {
    struct pos_state state;
    const struct validators *validators;
    uint64_t spe;
    uint32_t words;
    uint64_t *sets;
};
/* The state after parent, taken on to `slot` (process_slots). False when memory is out. */
bool pos_draft_begin(struct pos_draft *d, const struct validators *v, uint64_t spe,
                     const struct block *parent, uint64_t slot);
/* The set that votes for this data would join if the next block held them; NULL: none. */
uint64_t *pos_draft_set(struct pos_draft *d, const struct pos_data *data);
void pos_draft_vote(struct pos_draft *d, uint64_t *set, uint32_t validator);
void pos_draft_pull_up(struct pos_draft *d);
void pos_draft_end(struct pos_draft *d);

/* ---- one node's view ---- */

/* A block of the fork choice. Parents come before children. */
struct pos_entry {
    struct block *block;      /* a reference */
    uint64_t weight, subtree; /* of latest messages for it; with its descendants, boost included */
    uint64_t justified, pulled; /* epochs that its state has justified */
    uint32_t parent, best;      /* of entry 0: itself. best: child to follow, UINT32_MAX for none */
    bool timely, viable, inner;
};

struct pos_latest {
    uint32_t entry, epoch; /* each plus 1; 0: none */
};

/* Aggregates of one data that a node heard. */
struct pos_pending {
    struct message *largest; /* a reference */
    uint8_t *seen;           /* everyone heard of; NULL: those of `largest` */
    bool deferred;           /* they do not count in the fork choice yet */
};

/* Single attestations for one data that an aggregator heard. */
struct pos_gather {
    struct pos_data data;
    uint32_t count;
    uint8_t *bits;
};
enum { POS_GATHER_MAX = 8 };

struct pos {
    struct consensus_env *env;
    const struct pos_cfg *cfg;
    struct block *head;        /* a reference */
    struct pos_entry *tree;    /* NULL until the first block */
    struct pos_latest *latest; /* likewise */
    struct pos_pending *pool;
    struct pos_gather *gather; /* POS_GATHER_MAX of them, or NULL */
    uint32_t tree_count, tree_room, pool_count, pool_room, gather_count;
    uint32_t deferred; /* entries of the pool */
    struct pos_checkpoint justified, finalized;
    struct block *pulled_justified,
        *pulled_finalized;     /* by the seals of these: references or NULL */
    uint64_t epoch;            /* the store has been taken on to it */
    const struct block *boost; /* in the tree: timely in boost_slot */
    uint64_t boost_slot;
    uint64_t duty_slot; /* this epoch's */
    uint32_t duty_committee, duty_position;
    bool attested;
    struct pos_data said; /* what this node attested to */
};

static inline uint64_t pos_slot_now(const struct pos *p)
{
    return (uint64_t)(env_now(p->env) / p->cfg->block_interval);
}
static inline struct pos_committees pos_committees(const struct pos *p)
{
    return pos_committees_of(p->cfg, p->env->validators, p->env->seed);
}

/* Fork choice (pos_choice.c). */
uint32_t pos_find(const struct pos *p, const struct evm_hash *root); /* UINT32_MAX: not there */
/* Takes the store on to the present slot: pulled-up checkpoints of past epochs hold, deferred votes
 * count. Before anything that looks at it. */
void pos_tick(struct pos *p);
/* b was judged valid, or comes proven from a peer. False when it does not fit or memory is out. */
bool pos_import(struct pos *p, struct block *b);
/* get_head: entry number, UINT32_MAX before the first block. Leaves subtree weights. */
uint32_t pos_choose(struct pos *p);
/* Follows the chosen head. */
void pos_follow(struct pos *p);
/* get_proposer_head: what a block of the next slot stands on. */
struct block *pos_proposer_head(struct pos *p);
uint64_t pos_committee_weight(const struct pos *p);
void pos_choice_fini(struct pos *p);
/* Forgets what is not below the block at this height of its chain. Commits stay with the caller. */
void pos_prune(struct pos *p, const struct block *final);

/* Votes (pos_votes.c). */
void pos_hear(struct pos *p, node_id from, const struct message *m);
void pos_apply_deferred(struct pos *p, uint64_t slot);
void pos_count_vote(struct pos *p, uint32_t validator, uint64_t epoch, uint32_t entry);
/* Votes of a block count at once. */
void pos_count_block(struct pos *p, const struct block *b);
/* What a block of `slot` on `parent` carries; NULL when memory is out. */
struct block_seal *pos_pack(struct pos *p, const struct block *parent, uint64_t slot);
void pos_forget_old(struct pos *p, uint64_t epoch);
void pos_gather_one(struct pos *p, const struct pos_data *data, uint32_t position);
struct message *pos_aggregate_message(struct pos *p);
void pos_gather_clear(struct pos *p);
void pos_votes_fini(struct pos *p);

#endif
