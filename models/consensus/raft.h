/* Raft's settings and state, for raft.c and for tests that look inside. */
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

#endif
