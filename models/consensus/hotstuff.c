/* Chained HotStuff: Yin, Malkhi, Reiter, Golan Gueta, Abraham, "HotStuff: BFT consensus with
 * linearity and responsiveness", PODC 2019, algorithms 4 and 5.
 *
 * One generic phase, pipelined: the certificate for a block is the prepare certificate of it, the
 * pre-commit certificate of its parent and the commit certificate of its grandparent. Kept of
 * algorithm 5 (event-driven): a node votes in a view once, for a block that extends the one it is
 * locked on or whose certificate is of a later view (safeNode); it locks on the parent of a
 * certified block; three certified blocks of consecutive views make the first of them final; votes
 * go to the leader of the next view, who proposes on the certificate at once (responsiveness).
 * After a time-out the leader proposes over the highest certificate of a quorum of new-views.
 *
 * With a new leader every view (leader_views: 1) a commit needs four honest leaders in a row, which
 * four validators of which one is down never have; four views each need one. That is the default.
 *
 * What it shares with other chained protocols, pacemaker included: chained.h. Signatures: a list of
 * ECDSA ones as libhotstuff has, or aggregated BLS ones in place of the paper's threshold ones. */
#include "models/consensus/chained.h"

#define HOTSTUFF_FIELDS(F, S) CHAINED_FIELDS(F, S, "4")
FIELD_DECLARE(hotstuff_cfg, HOTSTUFF_FIELDS);
FIELD_DEFINE(hotstuff_cfg, HOTSTUFF_FIELDS, "Chained HotStuff.", NULL);

static bool safe(const struct chained *c, const struct block *b)
{
    return b->parent->round > c->lock->round ||
           block_ancestor(b->parent, c->lock->height) == c->lock;
}

static const struct chained_rules rules = {.links = 3, .lock_below = 1, .safe = safe};

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    const struct hotstuff_cfg *h = cfg;
    struct chained_settings settings = CHAINED_SETTINGS(h);
    return chained_init(state, &rules, &settings, env, err);
}

/* A block is final at the leader when two stand on it, and at the others with the third, which
 * brings the certificate. */
static uint64_t depth(const void *cfg, uint64_t validators)
{
    (void)cfg, (void)validators;
    return 3;
}

static sim_time timeout(const void *cfg, uint64_t validators)
{
    const struct hotstuff_cfg *h = cfg;
    struct chained_settings settings = CHAINED_SETTINGS(h);
    (void)validators;
    return chained_timeout(&settings);
}

const struct consensus_ops consensus_hotstuff = {
    .model = {"hotstuff", "Chained HotStuff: linear, final with three certificates in a row.",
              &hotstuff_cfg_table},
    .state_size = sizeof(struct chained),
    .traits = {.final = true,
               .follows = true,
               .quorum = QUORUM_TWO_THIRDS,
               .fault_share = 3,
               .crash_share = 3},
    .depth = depth,
    .timeout = timeout,
    .init = init,
    .start = chained_start,
    .message = chained_message,
    .timer = chained_timer,
    .built = chained_built,
    .checked = chained_checked,
    .block = chained_block,
    .awake = chained_awake,
    .recovered = chained_recovered,
    .fini = chained_fini,
    .message_name = chained_message_name,
    .describe = chained_describe,
};
