/* Tendermint: Buchman, Kwon, Milosevic, "The latest gossip on BFT consensus", arXiv 1807.04938.
 * The numbers in comments are the lines of its algorithm 1.
 *
 * Rounds at a height: a proposer by rotation, prevote, precommit; locking (lockedValue) and the
 * value to propose again (validValue); time-outs that grow with the round; decision on precommits
 * of more than two thirds of the weight. Honest nodes never sign twice for one step.
 *
 * What a node asks for when it misses messages: tendermint_status.c. */
#include "models/consensus/tendermint.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

FIELD_DEFINE(tendermint_cfg, TM_FIELDS, "Tendermint's time-outs.", NULL);

static const struct evm_hash nil;

/* ---- what is said ---- */

static void send_vote(struct tendermint *t, enum vote_kind kind, const struct evm_hash *hash)
{
    struct consensus_env *env = t->env;
    if (env->me == VALIDATOR_NONE)
        return;
    struct round *r = tm_round_get(t, t->round);
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_VOTE, sizeof(struct vote_payload));
    if (!r || !m) {
        message_unref(m);
        return;
    }
    struct vote_payload *vote = (struct vote_payload *)m->payload;
    vote->height = t->height;
    vote->round = t->round;
    vote->hash = *hash;
    vote->validator = env->me;
    vote->kind = (uint8_t)kind;
    m->size = VOTE_BYTES;
    m->signs = 1;
    m->verifies = 1;
    tm_count_vote(t, r, vote);
    env_broadcast(env, m);
}

struct message *tm_proposal_message(struct tendermint *t, uint64_t number, struct block *b,
                                    int64_t valid_round)
{
    struct message *m =
        message_create(CHANNEL_BLOCK, MSG_PROPOSAL, sizeof(struct proposal_payload));
    if (!m)
        return NULL;
    struct proposal_payload *p = (struct proposal_payload *)m->payload;
    p->height = t->height;
    p->round = number;
    p->valid_round = valid_round;
    m->size = PROPOSAL_BYTES;
    message_set_block(m, b);
    m->signs = 1;
    m->verifies = 1;
    return m;
}

/* ---- the algorithm ---- */

static void rules(struct tendermint *t);
static void replay_early(struct tendermint *t);

static sim_time timeout(sim_time first, sim_time delta, uint64_t round)
{
    return first + delta * (sim_time)(round < 100000 ? round : 100000);
}

/* height in the low bits, so that a timer of a past height is told apart */
static uint64_t timer_value(const struct tendermint *t)
{
    return (t->height & 0xffffffff) | (t->round & 0xffff) << 32;
}

static void set_proposal(struct tendermint *t, struct round *r, struct block *b,
                         int64_t valid_round, enum judged judged)
{
    (void)t;
    if (r->block)
        return;
    r->block = block_ref(b);
    r->valid_round = valid_round;
    r->judged = judged;
}

/* A whole first round in which nothing is heard in time. */
static sim_time patience(const void *cfg, uint64_t validators)
{
    const struct tendermint_cfg *c = cfg;
    (void)validators;
    return c->block_interval + c->propose_timeout + c->prevote_timeout + c->precommit_timeout;
}

/* 15-20: proposes validValue again, or asks for a new block. */
static void propose(struct tendermint *t)
{
    struct consensus_env *env = t->env;
    if (t->valid) {
        struct round *r = tm_round_get(t, t->round);
        struct message *m = tm_proposal_message(t, t->round, t->valid, t->valid_round);
        if (!r || !m) {
            message_unref(m);
            return;
        }
        set_proposal(t, r, t->valid, t->valid_round, JUDGED_VALID);
        tm_hear(t, r, env->me);
        env_broadcast(env, m);
        return;
    }
    t->building = true;
    struct build_request request = {
        .parent = t->decided, .round = t->round, .difficulty = 1, .tag = timer_value(t)};
    env_build(env, &request);
}

/* 11-21 */
static void start_round(struct tendermint *t, uint64_t round)
{
    struct consensus_env *env = t->env;
    if (round > 0)
        env_note(env, "round", t->height, round);
    t->round = round;
    t->step = STEP_PROPOSE;
    t->building = false;
    if (env->me != VALIDATOR_NONE && tm_proposer_of(t, round) == env->me)
        propose(t);
    env_timer(env, timeout(t->cfg->propose_timeout, t->cfg->propose_delta, round), TIMER_PROPOSE,
              timer_value(t));
    rules(t);
}

/* Forgets the height and waits for its successor's time. What is heard before then is kept. */
static void new_height(struct tendermint *t, struct block *decided)
{
    struct consensus_env *env = t->env;
    for (uint32_t i = 0; i < t->round_count; i++)
        tm_round_free(t->rounds[i]);
    mem_free(t->rounds);
    t->rounds = NULL;
    t->round_count = 0;
    block_unref(t->locked);
    block_unref(t->valid);
    t->locked = t->valid = NULL;
    t->locked_round = t->valid_round = -1;
    struct block *old = t->decided;
    t->decided = block_ref(decided);
    block_unref(old);
    t->height = decided->height + 1;
    t->round = 0;
    t->step = STEP_NEW_HEIGHT;
    t->building = false;
    sim_time due = decided->created + t->cfg->block_interval;
    sim_time delay = due > env_now(env) ? due - env_now(env) : 0;
    t->since = env_now(env) + delay;
    env_timer(env, delay, TIMER_HEIGHT, timer_value(t));
    replay_early(t);
}

/* Validators whose votes in v are for one value; free them. NULL without memory. */
static uint32_t *signers_of(const struct tendermint *t, const struct tally *v,
                            const struct evm_hash *hash, uint32_t *count)
{
    uint32_t n = t->env->validators->count;
    uint32_t *signers = mem_alloc(n, sizeof *signers);
    *count = 0;
    for (uint32_t i = 0; signers && i < n; i++)
        if (tm_voted_for(v, i, hash))
            signers[(*count)++] = i;
    return signers;
}

/* Tells judges of two thirds of the votes of a round: b, or NULL for nil. Rounds count from 0 at
 * each height; together they are one number, as in the row of a new round. */
static void certify(struct tendermint *t, uint64_t round, enum vote_kind kind,
                    const struct tally *v, const struct block *b)
{
    uint32_t count;
    uint32_t *signers = signers_of(t, v, b ? &b->hash : &nil, &count);
    if (signers)
        env_certify(t->env, kind == PREVOTE ? "prevote" : "precommit", b,
                    t->height << 16 | (round & 0xffff), signers, count);
    mem_free(signers);
}

static void decide(struct tendermint *t, struct round *r, uint64_t round)
{
    uint32_t count;
    struct tally *v = &r->votes[PRECOMMIT];
    uint32_t *signers = signers_of(t, v, &r->block->hash, &count);
    struct block *b = block_ref(r->block);
    certify(t, round, PRECOMMIT, v, b);
    env_commit(t->env, b, signers, count);
    mem_free(signers);
    new_height(t, b);
    block_unref(b);
}

static void prevote(struct tendermint *t, const struct evm_hash *hash)
{
    t->step = STEP_PREVOTE;
    send_vote(t, PREVOTE, hash);
}

static void precommit(struct tendermint *t, const struct evm_hash *hash)
{
    t->step = STEP_PRECOMMIT;
    send_vote(t, PRECOMMIT, hash);
}

/* valid(v): known, or asked for. */
static enum judged judge(struct tendermint *t, struct round *r)
{
    if (r->judged == JUDGED_NOT) {
        r->judged = JUDGED_ASKED;
        env_check(t->env, r->block, 0);
    }
    return r->judged;
}

/* 22-33: the first vote on this round's proposal, once it has been judged. */
static bool rule_prevote(struct tendermint *t, struct round *r)
{
    if (t->step != STEP_PROPOSE || !r->block)
        return false;
    int64_t vr = r->valid_round;
    bool free_to_vote = t->locked_round == -1 || t->locked == r->block;
    if (vr >= 0) {
        struct round *earlier = tm_round_find(t, vr);
        if ((uint64_t)vr >= t->round)
            return false;
        if (!earlier || !validators_quorum(t->env->validators, tm_tally_of(&earlier->votes[PREVOTE],
                                                                           &r->block->hash))) {
            uint32_t proposer = tm_proposer_of(t, t->round);
            if (!r->asked && proposer != t->env->me)
                tm_send_status(t, t->env->validators->nodes[proposer], &r->block->hash,
                               (uint64_t)vr);
            r->asked = true;
            return false;
        }
        free_to_vote = t->locked_round <= vr || t->locked == r->block;
    }
    if (judge(t, r) == JUDGED_ASKED)
        return false;
    prevote(t, r->judged == JUDGED_VALID && free_to_vote ? &r->block->hash : &nil);
    return true;
}

/* 34-46 */
static bool rule_precommit(struct tendermint *t, struct round *r)
{
    const struct validators *all = t->env->validators;
    struct tally *v = &r->votes[PREVOTE];
    if (t->step == STEP_PREVOTE && !r->prevote_timer && validators_quorum(all, v->weight)) {
        r->prevote_timer = true;
        env_timer(t->env, timeout(t->cfg->prevote_timeout, t->cfg->prevote_delta, t->round),
                  TIMER_PREVOTE, timer_value(t));
    }
    if (t->step >= STEP_PREVOTE && !r->polka && r->block &&
        validators_quorum(all, tm_tally_of(v, &r->block->hash)) && judge(t, r) == JUDGED_VALID) {
        r->polka = true;
        certify(t, t->round, PREVOTE, v, r->block);
        struct block *valid = t->valid;
        t->valid = block_ref(r->block);
        block_unref(valid);
        t->valid_round = (int64_t)t->round;
        if (t->step == STEP_PREVOTE) {
            struct block *locked = t->locked;
            t->locked = block_ref(r->block);
            block_unref(locked);
            t->locked_round = (int64_t)t->round;
            precommit(t, &r->block->hash);
            return true;
        }
    }
    if (t->step == STEP_PREVOTE && validators_quorum(all, tm_tally_of(v, &nil))) {
        certify(t, t->round, PREVOTE, v, NULL);
        precommit(t, &nil);
        return true;
    }
    return false;
}

/* 47-54: precommits of any round decide. */
static bool rule_decide(struct tendermint *t)
{
    const struct validators *all = t->env->validators;
    struct round *now = tm_round_find(t, (int64_t)t->round);
    if (now && !now->precommit_timer && validators_quorum(all, now->votes[PRECOMMIT].weight)) {
        now->precommit_timer = true;
        env_timer(t->env, timeout(t->cfg->precommit_timeout, t->cfg->precommit_delta, t->round),
                  TIMER_PRECOMMIT, timer_value(t));
    }
    for (uint32_t i = 0; i < t->round_count; i++) {
        struct round *r = t->rounds[i];
        if (!r || !r->block ||
            !validators_quorum(all, tm_tally_of(&r->votes[PRECOMMIT], &r->block->hash)))
            continue;
        if (judge(t, r) == JUDGED_VALID) {
            decide(t, r, i);
            return true;
        }
    }
    return false;
}

/* 55-56: a third of the weight is in a later round. */
static bool rule_skip(struct tendermint *t)
{
    for (uint64_t i = t->round_count; i-- > t->round + 1;)
        if (t->rounds[i] && validators_third(t->env->validators, t->rounds[i]->seen)) {
            start_round(t, i);
            return true;
        }
    return false;
}

/* Applies the rules until none has anything to say. */
static void rules(struct tendermint *t)
{
    for (;;) {
        if (t->step == STEP_NEW_HEIGHT || rule_decide(t))
            return;
        struct round *r = tm_round_find(t, (int64_t)t->round);
        if (r && (rule_prevote(t, r) || rule_precommit(t, r)))
            continue;
        rule_skip(t);
        return;
    }
}

/* ---- messages ---- */

static void on_proposal(struct tendermint *t, const struct message *m)
{
    const struct proposal_payload *p = (const struct proposal_payload *)m->payload;
    uint32_t proposer = tm_proposer_of(t, p->round);
    if (t->env->validators->nodes[proposer] != m->origin || !m->block ||
        m->block->height != t->height || m->block->parent != t->decided ||
        p->valid_round >= (int64_t)p->round)
        return;
    struct round *r = tm_round_get(t, p->round);
    if (!r)
        return;
    tm_hear(t, r, proposer);
    set_proposal(t, r, m->block, p->valid_round, JUDGED_NOT);
    /* A block judged in an earlier round need not be judged again. */
    for (uint32_t i = 0; i < t->round_count; i++)
        if (t->rounds[i] && t->rounds[i]->block == r->block && t->rounds[i]->judged > r->judged)
            r->judged = t->rounds[i]->judged;
}

static void on_vote(struct tendermint *t, const struct message *m)
{
    const struct vote_payload *vote = (const struct vote_payload *)m->payload;
    if (vote->validator >= t->env->validators->count || vote->kind >= VOTE_KINDS ||
        t->env->validators->nodes[vote->validator] != m->origin)
        return;
    struct round *r = tm_round_get(t, vote->round);
    if (r)
        tm_count_vote(t, r, vote);
}

static uint64_t height_of(const struct message *m)
{
    switch (m->type) {
    case MSG_PROPOSAL: return ((const struct proposal_payload *)m->payload)->height;
    case MSG_VOTE: return ((const struct vote_payload *)m->payload)->height;
    default: return ((const struct status_payload *)m->payload)->height;
    }
}

static void keep_early(struct tendermint *t, struct message *m)
{
    if (t->early_count == EARLY_MAX)
        return;
    if (!(t->early_count & (t->early_count - 1))) { /* room doubles at powers of two */
        size_t room = t->early_count ? (size_t)t->early_count * 2 : 1;
        struct message **early = mem_resize(t->early, room, sizeof *early);
        if (!early)
            return;
        t->early = early;
    }
    t->early[t->early_count++] = message_ref(m);
}

/* Keeps a message of a later height until this node gets there. One that is further ahead than the
 * next height means that blocks were missed. */
static void on_early(struct tendermint *t, node_id from, const struct message *m)
{
    /* const is dropped to count a reference; the message itself is not changed */
    keep_early(t, (struct message *)(uintptr_t)m);
    if (height_of(m) > t->height + 1)
        env_behind(t->env, from, height_of(m) - 1);
}

static void hear_message(struct tendermint *t, const struct message *m)
{
    if (m->type == MSG_PROPOSAL)
        on_proposal(t, m);
    else if (m->type == MSG_VOTE)
        on_vote(t, m);
}

static void replay_early(struct tendermint *t)
{
    struct message **early = t->early;
    uint32_t count = t->early_count;
    t->early = NULL;
    t->early_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (height_of(early[i]) == t->height)
            hear_message(t, early[i]);
        else if (height_of(early[i]) > t->height)
            keep_early(t, early[i]);
        message_unref(early[i]);
    }
    mem_free(early);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct tendermint *t = state;
    uint64_t height = height_of(m);
    if (m->type == MSG_STATUS) {
        if (height > t->height)
            env_behind(t->env, from, height - 1);
        else
            tm_on_status(t, m);
        return;
    }
    if (height < t->height)
        return;
    if (height > t->height || t->step == STEP_NEW_HEIGHT) {
        if (height == t->height)
            hear_message(t, m);
        else
            on_early(t, from, m);
        return;
    }
    hear_message(t, m);
    rules(t);
}

/* ---- the other calls ---- */

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct tendermint *t = state;
    (void)err;
    t->env = env;
    t->cfg = cfg;
    t->decided = block_ref(env->genesis);
    t->height = 1;
    t->locked_round = t->valid_round = -1;
    return ERR_OK;
}

static void start(void *state)
{
    struct tendermint *t = state;
    struct block *genesis = block_ref(t->decided);
    new_height(t, genesis);
    block_unref(genesis);
    env_timer(t->env, t->cfg->resend, TIMER_RESEND, 0);
}

static void on_resend(struct tendermint *t)
{
    if (env_now(t->env) - t->since >= t->cfg->resend)
        tm_send_status(t, NODE_NONE, NULL, 0);
    env_timer(t->env, t->cfg->resend, TIMER_RESEND, 0);
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct tendermint *t = state;
    if (kind == TIMER_RESEND) {
        on_resend(t);
        return;
    }
    if (value != timer_value(t))
        return;
    if (kind == TIMER_HEIGHT && t->step == STEP_NEW_HEIGHT) {
        start_round(t, 0);
        return;
    }
    if (kind == TIMER_PROPOSE && t->step == STEP_PROPOSE) /* 57-60 */
        prevote(t, &nil);
    else if (kind == TIMER_PREVOTE && t->step == STEP_PREVOTE) /* 61-64 */
        precommit(t, &nil);
    else if (kind == TIMER_PRECOMMIT && t->step != STEP_NEW_HEIGHT) { /* 65-67 */
        start_round(t, t->round + 1);
        return;
    }
    rules(t);
}

static void built(void *state, struct block *b, uint64_t tag)
{
    struct tendermint *t = state;
    if (!t->building || tag != timer_value(t) || b->parent != t->decided)
        return;
    t->building = false;
    struct round *r = tm_round_get(t, t->round);
    struct message *m = tm_proposal_message(t, t->round, b, -1);
    if (!r || !m) {
        message_unref(m);
        return;
    }
    set_proposal(t, r, b, -1, JUDGED_VALID);
    tm_hear(t, r, t->env->me);
    env_broadcast(t->env, m);
    rules(t);
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct tendermint *t = state;
    (void)tag;
    bool ours = false;
    for (uint32_t i = 0; i < t->round_count; i++)
        if (t->rounds[i] && t->rounds[i]->block == b) {
            t->rounds[i]->judged = valid ? JUDGED_VALID : JUDGED_INVALID;
            ours = true;
        }
    if (ours)
        rules(t);
}

/* Catch-up: a decided block with its proof, of the height this node works on. */
static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct tendermint *t = state;
    (void)from;
    if (!committed || b->height != t->height || b->parent != t->decided)
        return;
    env_commit(t->env, b, NULL, 0);
    new_height(t, b);
}

static void recovered(void *state)
{
    struct tendermint *t = state;
    struct consensus_env *env = t->env;
    tm_send_status(t, NODE_NONE, NULL, 0);
    env_timer(env, t->cfg->resend, TIMER_RESEND, 0);
    if (t->step == STEP_NEW_HEIGHT)
        env_timer(env, 0, TIMER_HEIGHT, timer_value(t));
    else if (t->step == STEP_PROPOSE)
        env_timer(env, timeout(t->cfg->propose_timeout, t->cfg->propose_delta, t->round),
                  TIMER_PROPOSE, timer_value(t));
    /* The time-outs that had been set once for this round are set again. */
    struct round *r = tm_round_find(t, (int64_t)t->round);
    if (r)
        r->prevote_timer = r->precommit_timer = false;
    for (uint32_t i = 0; i < t->round_count; i++)
        if (t->rounds[i] && t->rounds[i]->judged == JUDGED_ASKED)
            t->rounds[i]->judged = JUDGED_NOT;
    t->building = false;
    rules(t);
}

static void fini(void *state)
{
    struct tendermint *t = state;
    for (uint32_t i = 0; i < t->round_count; i++)
        tm_round_free(t->rounds[i]);
    mem_free(t->rounds);
    for (uint32_t i = 0; i < t->early_count; i++)
        message_unref(t->early[i]);
    mem_free(t->early);
    block_unref(t->locked);
    block_unref(t->valid);
    block_unref(t->decided);
    memset(t, 0, sizeof *t);
}

static const char *message_name(uint8_t type)
{
    return type == MSG_PROPOSAL ? "proposal" : type == MSG_VOTE ? "vote" : "status";
}

static void describe(const struct message *m, char *out, size_t size)
{
    const struct proposal_payload *p = (const struct proposal_payload *)m->payload;
    const struct vote_payload *v = (const struct vote_payload *)m->payload;
    const struct status_payload *s = (const struct status_payload *)m->payload;
    switch (m->type) {
    case MSG_PROPOSAL:
        snprintf(out, size, "height %" PRIu64 ", round %" PRIu64 ", valid round %" PRId64,
                 p->height, p->round, p->valid_round);
        break;
    case MSG_VOTE:
        snprintf(out, size, "height %" PRIu64 ", round %" PRIu64 ", %s %02x%02x%02x%02x", v->height,
                 v->round, v->kind == PREVOTE ? "prevote" : "precommit", v->hash.b[0], v->hash.b[1],
                 v->hash.b[2], v->hash.b[3]);
        if (evm_hash_eq(&v->hash, &nil))
            snprintf(out, size, "height %" PRIu64 ", round %" PRIu64 ", %s nil", v->height,
                     v->round, v->kind == PREVOTE ? "prevote" : "precommit");
        break;
    default: snprintf(out, size, "height %" PRIu64 ", round %" PRIu64, s->height, s->round); break;
    }
}

const struct consensus_ops consensus_tendermint = {
    .model = {"tendermint", "Propose, prevote, precommit with locking; final at two thirds.",
              &tendermint_cfg_table},
    .state_size = sizeof(struct tendermint),
    .traits = {.final = true, .quorum = QUORUM_TWO_THIRDS, .fault_share = 3, .crash_share = 3},
    .timeout = patience,
    .init = init,
    .start = start,
    .message = message,
    .timer = timer,
    .built = built,
    .checked = checked,
    .block = fetched,
    .recovered = recovered,
    .fini = fini,
    .message_name = message_name,
    .describe = describe,
};
