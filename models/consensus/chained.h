/* models/consensus/chained.h - what chained protocols of the HotStuff family have in common: a
 * block a view, the certificate for its parent inside its proposal, votes to the leader of the next
 * view, a pacemaker. hotstuff.c and hotstuff2.c add when to vote, what to lock on, when to commit.
 *
 * A block is proposed in one view alone and always on the block that its proposal's certificate is
 * for, so a certificate's view is its block's round, and a chain of certificates is one of blocks:
 * parents tell all. The empty nodes that the HotStuff paper puts in for views without a block are
 * gaps in the rounds here.
 *
 * Leaders: the views v with one v / leader_views have one leader, in turn. A time-out gives up the
 * rest of a leader's views.
 *
 * Pacemaker (the papers leave it open). A node goes to the next view when it sees a certificate.
 * Whoever waits for a view's proposal too long signs that it wants the first view of the next
 * leader, with the highest certificate that it knows. A quorum of these is a certificate of
 * time-outs, which the leader's proposal carries, so that everybody may follow. linear: they go to
 * that leader alone (n - 1 messages), and whoever sent one, or has voted (HotStuff's algorithm 4),
 * is in the new view; from the third failed view in a row on they go to everybody, and whoever
 * hears a third of the weight ask for a later view asks too (as in Bracha's broadcast): that is how
 * nodes which are views apart meet again. quadratic: they always go to everybody, a node stays in
 * its view until it has the certificate (Jolteon: Gelashvili et al., FC'22, section 3). Waits grow
 * by `backoff` with every view that fails in a row.
 *
 * With nothing to order leaders do not run at the network's speed: an empty block is only proposed
 * at once where blocks with transactions need it to become final, else after `idle`.
 *
 * Left out: the check of certificates inside time-outs and statuses, which their receiver knows
 * from a proposal but for at most the newest one. */
#ifndef MODELS_CONSENSUS_CHAINED_H
#define MODELS_CONSENSUS_CHAINED_H

#include "models/consensus/votes.h"

#define CHAINED_CERTIFICATES(E, S)                                                                 \
    E(S, CHAINED_ECDSA, "ecdsa",                                                                   \
      "A list of signatures, each checked: n - f of them (libhotstuff).")                          \
    E(S, CHAINED_BLS, "bls", "One aggregate signature, checked against n - f added keys.")
FIELD_ENUM_DECLARE(chained_certificates, CHAINED_CERTIFICATES);

#define CHAINED_PACEMAKER(E, S)                                                                    \
    E(S, CHAINED_LINEAR, "linear", "Time-outs go to the next leader, who proves them.")            \
    E(S, CHAINED_QUADRATIC, "quadratic", "Time-outs go to everybody.")
FIELD_ENUM_DECLARE(chained_pacemaker, CHAINED_PACEMAKER);

#define CHAINED_FIELDS(F, S, VIEWS)                                                                \
    F(S, DURATION, block_interval, "0s", "0s", "1h",                                               \
      "A block comes this long after its parent, at the earliest; 0: as fast as votes do.")        \
    F(S, DURATION, idle, "500ms", "0s", "1h",                                                      \
      "With nothing to order, a leader waits this long for a transaction.")                        \
    F(S, DURATION, view_timeout, "1s", "1ms", "1h",                                                \
      "Wait for a view's certificate; block_interval and idle come on top.")                       \
    F(S, REAL, backoff, "2", "1", "10", "The wait grows by this with each view failed in a row.")  \
    F(S, DURATION, longest_timeout, "1min", "1ms", "24h", "But no further than this.")             \
    F(S, COUNT, leader_views, VIEWS, "1", "1G",                                                    \
      "Views for which one leader stays: 1 rotates with each, many is a stable leader.")           \
    F(S, ENUM(chained_pacemaker), pacemaker, "linear", NULL, NULL, "Who hears of time-outs.")      \
    F(S, ENUM(chained_certificates), certificates, "ecdsa", NULL, NULL, "What proves a quorum.")   \
    F(S, DURATION, resend, "5s", "10ms", "1h",                                                     \
      "A node that sees no new certificate for this long asks the others where they are.")

struct chained_settings {
    CHAINED_FIELDS(FIELD_MEMBER, chained_settings, 0)
};
/* These rows out of a bigger config struct that holds them. */
#define CHAINED_SETTING(C, kind, id, ...) .id = (C)->id,
#define CHAINED_SETTINGS(cfg)             ((struct chained_settings){CHAINED_FIELDS(CHAINED_SETTING, cfg, 0)})

struct chained;

/* What a protocol adds. */
struct chained_rules {
    unsigned links; /* certified blocks of consecutive views that make the first of them final */
    /* How far below a newly certified block the one is that a node locks on. */
    unsigned lock_below;
    /* Whether b, proposed in its round over its parent, may be voted for. */
    bool (*safe)(const struct chained *c, const struct block *b);
    /* The least time that a leader waits for further time-outs, once it has a quorum of them and
     * not the certificate of the view before. */
    sim_time gather;
};

struct chained {
    struct consensus_env *env;
    const struct chained_rules *rules;
    struct chained_settings cfg;
    uint64_t view, voted, proposed; /* now; highest voted and proposed in */
    uint64_t asked;                 /* highest view whose start this node asked for */
    uint64_t failures;              /* views in a row that timed out */
    struct cert *high,
        *ahead;         /* highest certificate; a higher one whose block is missing, or NULL */
    struct cert *entry; /* the time-outs that began this view, or NULL */
    struct cert *base;  /* what the block under construction stands on, or NULL */
    struct block *lock, *committed; /* references */
    struct block *proposal;         /* last one heard: a reference, or NULL */
    struct votes votes;
    uint64_t *wants; /* by validator: highest view asked for; NULL until somebody did */
    struct sim_timer view_timer, propose_timer;
    sim_time entry_at;   /* when `entry` was complete */
    sim_time idle_until; /* of this view; 0: no block tried yet */
    sim_time progress;   /* when `high` grew last */
    bool entry_full;     /* everybody's time-outs are here */
    bool building, waiting, awake;
    bool together; /* as far as is known, a quorum is in this view or was */
};

/* ---- for the protocols ---- */

/* Settings are copied. ERR_MEMORY. */
enum err_code chained_init(struct chained *c, const struct chained_rules *rules,
                           const struct chained_settings *cfg, struct consensus_env *env,
                           struct err *err);
void chained_start(void *state);
void chained_message(void *state, node_id from, const struct message *m);
void chained_timer(void *state, uint32_t kind, uint64_t value);
void chained_built(void *state, struct block *b, uint64_t tag);
void chained_checked(void *state, struct block *b, bool valid, uint64_t tag);
void chained_block(void *state, struct block *b, node_id from, bool committed);
void chained_awake(void *state);
void chained_recovered(void *state);
void chained_fini(void *state);
const char *chained_message_name(uint8_t type);
void chained_describe(const struct message *m, char *out, size_t size);

/* The validator that leads a view. */
uint32_t chained_leader(const struct chained *c, uint64_t view);
/* How long a node waits in one view, the first time. */
sim_time chained_timeout(const struct chained_settings *cfg);

/* ---- between chained.c and chained_views.c, and for tests ---- */

enum { CHAINED_PROPOSAL = 1, CHAINED_VOTE, CHAINED_TIMEOUT, CHAINED_STATUS };
struct chained_proposal {
    uint64_t view;
    struct cert *justify; /* of the block's parent: a reference */
    struct cert *entry;   /* the time-outs before it; NULL where justify is of the view before */
};
struct chained_vote {
    uint64_t view;
    struct evm_hash hash;
    uint32_t validator;
};
enum { CHAINED_TIMER_VIEW = 1, CHAINED_TIMER_PROPOSE, CHAINED_TIMER_RESEND };

/* Views fit a timer's value. */
#define CHAINED_VIEW_MASK ((UINT64_C(1) << 48) - 1)

/* certificate c came from `from`: raises `high`, locks, commits, goes to the view after it. */
void chained_learn(struct chained *c, struct cert *cert, node_id from);
/* Builds and proposes if it is this node's turn, and time. */
void chained_propose(struct chained *c);
/* Goes to a later view, after so many failed ones in a row. */
void chained_enter(struct chained *c, uint64_t view, uint64_t failures);
/* A certificate of time-outs that somebody else made. */
void chained_learn_entry(struct chained *c, struct cert *entry);
/* The pacemaker's messages and timer. */
void chained_on_timeout(struct chained *c, node_id from, const struct message *m);
void chained_on_status(struct chained *c, node_id from, const struct message *m);
void chained_view_over(struct chained *c);
void chained_send_status(struct chained *c, node_id to, bool answer);
/* What a time-out or a status says, for a trace. */
void chained_describe_report(const struct message *m, char *out, size_t size);
/* Counts and sizes of what certificates cost a message. */
void chained_charge(const struct chained *c, struct message *m, const struct cert *cert);

#endif
