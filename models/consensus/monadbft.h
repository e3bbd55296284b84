/* models/consensus/monadbft.h - the parts of MonadBFT; its own files and tests include it. */
#ifndef MODELS_CONSENSUS_MONADBFT_H
#define MODELS_CONSENSUS_MONADBFT_H

#include "models/consensus/consensus.h"

#define MB_FIELDS(F, S)                                                                            \
    F(S, DURATION, block_interval, "400ms", "0s", "1h",                                            \
      "Least time between a block and its child; 0 is as fast as messages go.")                    \
    F(S, DURATION, view_timeout, "600ms", "1ms", "1h",                                             \
      "Wait for a view's proposal and votes, beyond block_interval.")                              \
    F(S, DURATION, timeout_delta, "250ms", "0s", "1h", "Added for each failed view in a row.")     \
    F(S, BOOL, backup_qc, "true", NULL, NULL,                                                      \
      "A leader collects the votes on its own proposal too, and tells all what they prove.")       \
    F(S, BOOL, reproposals, "true", NULL, NULL,                                                    \
      "False leaves out all that resists tail-forking, as in HotStuff: to see what it does.")
FIELD_DECLARE(monadbft_cfg, MB_FIELDS);

enum mb_message {
    MSG_PROPOSAL = 1,
    MSG_VOTE,
    MSG_TIMEOUT,
    MSG_ADVANCE,        /* a certificate alone */
    MSG_RECOVER,        /* a leader asks for the block that it has to propose again */
    MSG_BLOCK,          /* here it is */
    MSG_NO_ENDORSEMENT, /* the sender never voted for it */
};
enum mb_timer { TIMER_VIEW = 1, TIMER_PROPOSE };

/* Votes of a quorum for a block in a view: that of its first proposal, or a later one. */
struct mb_qc {
    uint32_t refs;
    uint64_t view;
    struct block *block; /* a reference */
    uint32_t count;
    uint32_t signers[]; /* ascending */
};

/* Timeouts of a quorum in a view, with the highest of what they had seen: a certificate, or a tip,
 * a block that its sender voted for and that nobody knows to be certified. */
struct mb_tc {
    uint32_t refs;
    uint64_t view;
    struct mb_qc *high_qc; /* a reference */
    struct block *tip;     /* a reference; NULL: high_qc is as high */
    uint32_t count;
    uint32_t signers[];
};

/* A quorum that never voted for the tip of a timeout certificate. */
struct mb_nec {
    uint32_t refs;
    uint64_t view, qc_view; /* of the proposal that it allows; of the tip's parent */
    uint32_t count;
    uint32_t signers[];
};

/* Goes into a block: the certificate of its parent. Genesis has none, and view 0. */
struct mb_seal {
    uint64_t view;
    uint32_t count;
    uint32_t signers[];
};

struct mb_proposal {
    uint64_t view;
    struct mb_tc *tc; /* references, or NULL */
    struct mb_nec *nec;
};
struct mb_vote {
    uint64_t view;
    struct block *block; /* a reference */
    uint32_t voter;
};
struct mb_timeout {
    uint64_t view;
    uint32_t voter;
    struct block *tip;     /* references, or NULL: what it last voted for, if above high_qc ... */
    struct mb_qc *high_qc; /* ... */
    struct mb_tc *tc;      /* how it came to this view, if not by high_qc */
    bool vote;             /* the timeout is a vote for the tip in this view too */
};
struct mb_advance {
    struct mb_qc *qc; /* references, or NULL */
    struct mb_tc *tc;
};
struct mb_recover {
    uint64_t view;
    struct mb_tc *tc; /* a reference */
};
struct mb_no_endorsement {
    uint64_t view, qc_view;
    uint32_t voter;
};

/* Votes on one block in one view. */
struct mb_tally {
    uint64_t view;
    struct block *block; /* a reference */
    uint64_t weight;
    uint64_t *voters; /* a bit a validator */
};
enum { TALLIES = 8 };

struct monadbft {
    struct consensus_env *env;
    const struct monadbft_cfg *cfg;
    uint32_t n, words;
    uint64_t view;           /* the current one */
    uint64_t voted;          /* highest view in which this node voted or gave up */
    uint64_t proposed;       /* highest view in which it proposed */
    uint64_t building;       /* highest in which it asked for a block */
    uint64_t failures;       /* views in a row without a certificate of votes */
    bool timed_out;          /* in this view */
    struct block *final;     /* last committed: a reference */
    struct block *tip;       /* last block voted for: a reference, or NULL */
    struct mb_qc *high;      /* references */
    struct mb_tc *tc;        /* of the view before, or NULL */
    struct block *candidate; /* being judged, in the current view: a reference, or NULL */
    struct block *asked;     /* being judged for a leader that asks for it: likewise */
    struct block *refused;   /* last one judged invalid: a reference, or NULL */
    struct mb_tally tallies[TALLIES];
    struct message **timeouts; /* of this view, one a validator: references; NULL: none came */
    uint64_t timeout_weight;
    uint64_t *no_endorsers; /* bits: in this view; NULL: not asked */
    uint64_t no_endorser_weight;
    struct sim_timer timer;
};

static inline bool mb_has(const uint64_t *set, uint32_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

/* ---- what certificates do (monadbft.c) ---- */

/* A certificate, heard from a node or made here: may commit, may lead to a later view. Returns
 * whether it is the highest so far. */
bool mb_learn_qc(struct monadbft *t, node_id from, struct mb_qc *qc);
void mb_learn_tc(struct monadbft *t, node_id from, struct mb_tc *tc);

/* ---- views that fail (monadbft_timeouts.c) ---- */

/* No more votes in this view; tells everyone. */
void mb_give_up(struct monadbft *t);
void mb_on_timeout(struct monadbft *t, node_id from, const struct message *m);

/* ---- certificates and messages (monadbft_certs.c) ---- */

uint64_t mb_parent_view(const struct block *b); /* of the certificate that b carries; 0: genesis */
struct mb_qc *mb_qc_new(const struct monadbft *t, uint64_t view, struct block *b,
                        const uint64_t *voters);
/* The certificate that b carries for its parent. NULL when memory is out. */
struct mb_qc *mb_qc_of_parent(struct block *b);
struct mb_qc *mb_qc_ref(struct mb_qc *qc);
void mb_qc_unref(struct mb_qc *qc); /* these accept NULL */
struct mb_tc *mb_tc_ref(struct mb_tc *tc);
void mb_tc_unref(struct mb_tc *tc);
void mb_nec_unref(struct mb_nec *nec);
/* From the timeouts of the current view. */
struct mb_tc *mb_tc_new(const struct monadbft *t, struct mb_qc *high, struct block *tip);
struct mb_nec *mb_nec_new(const struct monadbft *t, uint64_t qc_view);
struct block_seal *mb_seal_new(const struct monadbft *t, const struct mb_qc *qc);

struct message *mb_proposal(const struct monadbft *t, struct block *b, struct mb_tc *tc,
                            struct mb_nec *nec); /* takes over nec's reference */
struct message *mb_vote(const struct monadbft *t, uint64_t view, struct block *b);
struct message *mb_timeout(const struct monadbft *t);
struct message *mb_advance(const struct monadbft *t, struct mb_qc *qc, struct mb_tc *tc);
struct message *mb_recover(const struct monadbft *t);
struct message *mb_block(struct block *b);
struct message *mb_no_endorsement(const struct monadbft *t, uint64_t qc_view);

#endif
