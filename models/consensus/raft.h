/* Raft's settings and state, for raft.c, raft_elections.c and tests that look inside. */
#ifndef MODELS_CONSENSUS_RAFT_H
#define MODELS_CONSENSUS_RAFT_H

#include "models/consensus/consensus.h"

#define RAFT_FIELDS(F, S)                                                                          \
    F(S, DURATION, block_interval, "500ms", "1ms", "1h",                                           \
      "Least time between a block and its child.")                                                 \
    F(S, DURATION, election_timeout, "1s", "1ms", "1h",                                            \
      "Without news for this to twice this, drawn anew, a node runs for leader.")                  \
    F(S, DURATION, heartbeat, "250ms", "1ms", "1h", "Time between a leader's signs of life.")      \
    F(S, COUNT, depth, "4", "1", "1k", "Blocks that a leader may have under way.")                 \
    F(S, BOOL, pre_vote, "false", NULL, NULL,                                                      \
      "Ask first whether one could win, so that a returning node does not unseat a leader.")
FIELD_DECLARE(raft_cfg, RAFT_FIELDS);

enum raft_message { RAFT_APPEND = 1, RAFT_ACK, RAFT_REQUEST, RAFT_VOTE };
enum raft_timer { RAFT_TIMER_ELECTION = 1, RAFT_TIMER_BEAT, RAFT_TIMER_BLOCK };
enum raft_role { ROLE_FOLLOWER, ROLE_PRE_CANDIDATE, ROLE_CANDIDATE, ROLE_LEADER };

/* What a leader knows of another log. */
struct raft_follower {
    uint64_t match, next; /* matchIndex, nextIndex */
    uint64_t before;      /* match at the last heartbeat */
    bool answered;        /* since then */
};

struct raft {
    struct consensus_env *env;
    const struct raft_cfg *cfg;
    struct block *tip, *committed; /* the log's last entry; references */
    uint64_t term;
    uint64_t matched; /* a follower's: agrees with this term's leader up to here */
    uint64_t told;    /* the highest commit index that a leader named */
    uint32_t voted_for, leader;
    uint8_t role; /* enum raft_role */
    bool building;
    sim_time deadline; /* of the time-out */
    sim_time heard;    /* from a leader */
    struct sim_timer block;
    uint8_t *votes; /* a candidate's, by validator */
    uint64_t vote_weight;
    struct raft_follower *followers; /* a leader's, by validator */
};

/* ---- raft.c ---- */

bool raft_majority(const struct raft *r, uint64_t weight);
/* To one node, or to all with NODE_NONE, its payload as `bytes` on the wire. Takes over the
 * reference on m, which may be NULL: memory was out. */
void raft_send(struct raft *r, node_id to, struct message *m, uint32_t bytes);
/* A candidate whose votes are a majority leads its term. */
void raft_lead(struct raft *r);

/* ---- raft_elections.c ---- */

/* A follower gives the leader another time-out, drawn from [T, 2T). */
void raft_wait_again(struct raft *r);
/* A follower from now on: drops what a candidate or a leader holds. */
void raft_stop_leading(struct raft *r);
/* Rules for all servers: a later term makes everybody a follower of it. */
void raft_follow(struct raft *r, uint64_t term);
void raft_on_request(struct raft *r, const struct message *m);
void raft_on_vote(struct raft *r, const struct message *m);
/* The election's timer runs on: it looks whether the deadline, which moves, has passed. */
void raft_on_election(struct raft *r);
/* A request for votes, or a vote, in words. */
void raft_describe_election(const struct message *m, char *out, size_t size);

#endif
