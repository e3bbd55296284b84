/* models/consensus/pbft.h - the parts of PBFT; its own files and tests include it. */
#ifndef MODELS_CONSENSUS_PBFT_H
#define MODELS_CONSENSUS_PBFT_H

#include "models/consensus/votes.h"

#define PBFT_AUTHENTICATION(E, S)                                                                  \
    E(S, PBFT_SIGNATURES, "signatures", "Every message is signed (ECDSA).")                        \
    E(S, PBFT_MACS, "macs", "Vectors of MACs, 8 bytes a receiver; view changes alone are signed.")
FIELD_ENUM_DECLARE(pbft_authentication, PBFT_AUTHENTICATION);

#define PBFT_FIELDS(F, S)                                                                          \
    F(S, DURATION, block_interval, "1s", "0s", "1h",                                               \
      "A block comes this long after its parent, at the earliest.")                                \
    F(S, DURATION, idle, "500ms", "0s", "1h",                                                      \
      "With nothing to order, the primary waits this long for a transaction.")                     \
    F(S, COUNT, depth, "1", "1", "64",                                                             \
      "Blocks under way at a time: with more than 1, one may stand on a parent not committed "     \
      "yet.")                                                                                      \
    F(S, DURATION, view_timeout, "2s", "1ms", "1h",                                                \
      "Wait for the next commit, or for a new view; block_interval and idle come on top.")         \
    F(S, REAL, backoff, "2", "1", "10", "The wait grows by this with each view failed in a row.")  \
    F(S, DURATION, longest_timeout, "1min", "1ms", "24h", "But no further than this.")             \
    F(S, COUNT, checkpoint, "16", "1", "10k", "A checkpoint every so many blocks.")                \
    F(S, COUNT, window, "32", "1", "10k",                                                          \
      "Blocks above the last stable checkpoint that are taken: the high watermark.")               \
    F(S, ENUM(pbft_authentication), authentication, "signatures", NULL, NULL,                      \
      "What messages carry.")                                                                      \
    F(S, DURATION, resend, "5s", "10ms", "1h",                                                     \
      "A node that commits nothing for this long asks the others where they are.")
FIELD_DECLARE(pbft_cfg, PBFT_FIELDS);

enum {
    PBFT_PREPREPARE = 1,
    PBFT_PREPARE,
    PBFT_COMMIT,
    PBFT_CHECKPOINT,
    PBFT_CHANGE,
    PBFT_NEW_VIEW,
    PBFT_STATUS
};
enum { PBFT_TIMER_VIEW = 1, PBFT_TIMER_PROPOSE, PBFT_TIMER_RESEND };
#define PBFT_VIEW_MASK ((UINT64_C(1) << 48) - 1)

struct pbft_preprepare {
    uint64_t view;
};
struct pbft_vote { /* prepare, commit; checkpoint, with view PBFT_NO_VIEW */
    uint64_t view, height;
    struct evm_hash hash;
    uint32_t validator;
};
#define PBFT_NO_VIEW UINT64_MAX
struct pbft_change {
    uint64_t view; /* the one that its maker wants */
    uint64_t stable;
    uint32_t validator;
    uint32_t count;
    struct cert *prepared[]; /* above stable, ascending; references */
};
struct pbft_new_view {
    uint64_t view;
    uint32_t count;
    struct message *changes[]; /* a quorum of view-changes: references */
};
struct pbft_status {
    uint64_t view, height; /* of the last commit */
    struct cert *proof;    /* of an answer: of that commit, or NULL */
    uint32_t validator;
    bool changing, answer;
};

enum pbft_judged { PBFT_NOT_JUDGED, PBFT_ASKED, PBFT_VALID, PBFT_INVALID };

/* One sequence number: a block's height. */
struct slot {
    struct block *block; /* pre-prepared in `view`: a reference, or NULL */
    uint64_t view;
    struct cert *prepared; /* of the highest view in which it was, or NULL */
    struct cert *final;    /* of commits, or NULL */
    uint8_t judged;        /* enum pbft_judged */
    bool said_prepare, said_commit;
};

struct pbft {
    struct consensus_env *env;
    const struct pbft_cfg *cfg;
    uint64_t view;           /* or, while changing, the one that it goes to */
    uint64_t failures;       /* views in a row without a commit */
    struct cert *proof;      /* of the last commit; NULL where it was taken over from a peer */
    struct block *committed; /* a reference */
    struct block *stable;    /* of the last stable checkpoint: a reference */
    struct block *top;       /* what the primary proposed last in this view: a ref, or NULL */
    struct slot **slots;     /* heights stable + 1 on; NULL where nothing was heard */
    struct votes votes;
    struct message **early; /* pre-prepares of later views, or of later heights */
    uint32_t early_count;
    struct message **changes; /* by validator: the last view-change: references */
    struct message *new_view; /* of this view: a reference, or NULL */
    struct sim_timer view_timer, propose_timer;
    sim_time idle_until, progress;
    bool changing, building, waiting, awake;
};

/* ---- pbft.c ---- */

uint32_t pbft_primary(const struct pbft *p, uint64_t view);
/* NULL outside of the watermarks, or when memory is out. */
struct slot *pbft_slot(struct pbft *p, uint64_t height);
struct slot *pbft_find(const struct pbft *p, uint64_t height); /* NULL: nothing heard */
/* b is pre-prepared in this node's view; the primary's word counts as its prepare. */
void pbft_accept(struct pbft *p, struct slot *s, struct block *b);
void pbft_propose(struct pbft *p);
/* b, over what this node has committed, is final. proof: NULL where a peer says so. */
void pbft_set_committed(struct pbft *p, struct block *b, struct cert *proof);
/* What may follow from new commits or new blocks. */
void pbft_go_on(struct pbft *p);
void pbft_replay_early(struct pbft *p);
void pbft_restart_timer(struct pbft *p);
void pbft_send(struct pbft *p, node_id to, struct message *m);
/* A checkpoint at or below what is committed that others prove: the log below it goes. */
void pbft_take_stable(struct pbft *p, uint64_t height);
/* This node's checkpoint, once more. */
void pbft_repeat_checkpoint(struct pbft *p, node_id to);
/* What this node said of a slot in this view once more, to one node. */
void pbft_repeat(struct pbft *p, node_id to, const struct slot *s);

/* ---- pbft_views.c ---- */

void pbft_start_change(struct pbft *p, uint64_t view);
/* Sends the new-view if this node is to, and can. */
void pbft_try_new_view(struct pbft *p);
void pbft_view_over(struct pbft *p);
void pbft_on_change(struct pbft *p, node_id from, struct message *m);
void pbft_on_new_view(struct pbft *p, struct message *m);
void pbft_on_status(struct pbft *p, node_id from, const struct message *m);
void pbft_send_status(struct pbft *p, node_id to, bool answer);
void pbft_forget_views(struct pbft *p); /* drops what view changes hold */

#endif
