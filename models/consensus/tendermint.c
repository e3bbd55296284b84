/* Tendermint: Buchman, Kwon, Milosevic, "The latest gossip on BFT consensus", arXiv 1807.04938.
 * The numbers in comments are the lines of its algorithm 1.
 *
 * Rounds at a height: a proposer by rotation, prevote, precommit; locking (lockedValue) and the
 * value to propose again (validValue); time-outs that grow with the round; decision on precommits
 * of more than two thirds of the weight. Honest nodes never sign twice for one step.
 *
 * The paper assumes gossip: what one correct node received, every correct node receives in the end.
 * Links may lose a message when its sender or receiver goes down, so a node that comes back, or is
 * at one height for `resend`, tells the others where it stands and which votes it holds; they
 * answer with what it lacks of that height, their own votes and others' (each with its signature),
 * or by being ahead, upon which it fetches the blocks. One that is offered an earlier round's value
 * and lacks the prevotes behind it asks the proposer at once. */
#include "models/consensus/consensus.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

#define TM_FIELDS(F, S)                                                                            \
    F(S, DURATION, block_interval, "1s", "0s", "1h",                                               \
      "A height starts this long after the block before it was proposed, at the earliest.")        \
    F(S, DURATION, propose_timeout, "3s", "1ms", "1h", "Wait for a proposal, in round 0.")         \
    F(S, DURATION, propose_delta, "500ms", "0s", "1h", "Added for each further round.")            \
    F(S, DURATION, prevote_timeout, "1s", "1ms", "1h", "Wait for more prevotes, in round 0.")      \
    F(S, DURATION, prevote_delta, "500ms", "0s", "1h", "Added for each further round.")            \
    F(S, DURATION, precommit_timeout, "1s", "1ms", "1h", "Wait for more precommits, in round 0.")  \
    F(S, DURATION, precommit_delta, "500ms", "0s", "1h", "Added for each further round.")          \
    F(S, DURATION, resend, "5s", "10ms", "1h", "A node that is at one height for this long asks.")
FIELD_DECLARE(tendermint_cfg, TM_FIELDS);
FIELD_DEFINE(tendermint_cfg, TM_FIELDS, "Tendermint's time-outs.", NULL);

enum step { STEP_NEW_HEIGHT, STEP_PROPOSE, STEP_PREVOTE, STEP_PRECOMMIT };
enum vote_kind { PREVOTE, PRECOMMIT, VOTE_KINDS };
enum message_type { MSG_PROPOSAL = 1, MSG_VOTE, MSG_STATUS };
enum timer_kind { TIMER_HEIGHT = 1, TIMER_PROPOSE, TIMER_PREVOTE, TIMER_PRECOMMIT, TIMER_RESEND };

/* Bytes on the wire: height and round 8 each, kind 1, hash 32, validator 4, signature 65. */
enum { VOTE_BYTES = 118, PROPOSAL_BYTES = 93, STATUS_BYTES = 85 };
enum { EARLY_MAX = 4096 }; /* messages of later heights that a node keeps */

struct proposal_payload {
    uint64_t height, round;
    int64_t valid_round;
};
struct vote_payload {
    uint64_t height, round;
    struct evm_hash hash; /* zero: nil */
    uint32_t validator;
    uint8_t kind;
};
/* bits: for each of the rounds from 0 on a byte, not 0 if its proposal is there, and a bit a
 * validator for its prevote, and then for its precommit. */
struct status_payload {
    uint64_t height, round;
    uint32_t rounds;
    uint32_t turn;   /* how often this was asked: others' votes come from other nodes each time */
    bool everything; /* asked of one node alone */
    uint8_t bits[];
};
enum { STATUS_ROUNDS = 256 };
/* About so many nodes answer a status with one and the same vote of another. */
enum { RELAYS = 8 };

/* Votes of one kind in one round, by value. An honest run has at most two: a block and nil. */
struct candidate {
    struct evm_hash hash;
    uint64_t weight;
};
enum { CANDIDATES = 8 };
struct tally {
    struct candidate candidates[CANDIDATES];
    uint32_t count;
    uint64_t weight; /* of everyone who voted */
    uint8_t *voted;  /* by validator: candidate + 1, 0 for none */
};

enum judged { JUDGED_NOT, JUDGED_ASKED, JUDGED_VALID, JUDGED_INVALID };

struct round {
    struct block *block; /* the proposal: a reference, or NULL */
    int64_t valid_round;
    enum judged judged;
    struct tally votes[VOTE_KINDS];
    uint64_t seen;                              /* weight of those heard from in this round */
    uint8_t *heard;                             /* by validator */
    bool prevote_timer, precommit_timer, polka; /* "for the first time" */
    bool asked;                                 /* for the prevotes behind its valid_round */
    uint8_t memory[];                           /* 3 bytes a validator */
};

struct tendermint {
    struct consensus_env *env;
    const struct tendermint_cfg *cfg;
    struct block *decided; /* the block of height - 1: a reference */
    uint64_t height, round;
    enum step step;
    struct block *locked, *valid; /* references, or NULL */
    int64_t locked_round, valid_round;
    struct round **rounds; /* by round number; NULL where nothing was heard */
    uint32_t round_count;
    struct message **early; /* of later heights: references */
    uint32_t early_count;
    bool building;
    sim_time since; /* when this height began, or is to begin */
    uint32_t asks;  /* statuses sent */
};

static const struct evm_hash nil;

/* ---- what was heard ---- */

static void round_free(struct round *r)
{
    if (!r)
        return;
    block_unref(r->block);
    mem_free(r);
}

/* NULL when memory is out, or for a round beyond reason. */
static struct round *round_get(struct tendermint *t, uint64_t number)
{
    if (number >= t->round_count) {
        if (number > 100000)
            return NULL;
        uint32_t count = (uint32_t)number + 4;
        struct round **rounds = mem_resize(t->rounds, count, sizeof *rounds);
        if (!rounds)
            return NULL;
        memset(rounds + t->round_count, 0, (count - t->round_count) * sizeof(struct round *));
        t->rounds = rounds;
        t->round_count = count;
    }
    if (!t->rounds[number]) {
        uint32_t n = t->env->validators->count;
        struct round *r = mem_zalloc(1, sizeof *r + (size_t)n * 3);
        if (!r)
            return NULL;
        r->votes[PREVOTE].voted = r->memory;
        r->votes[PRECOMMIT].voted = r->memory + n;
        r->heard = r->memory + (size_t)n * 2;
        t->rounds[number] = r;
    }
    return t->rounds[number];
}

static struct round *round_find(const struct tendermint *t, int64_t number)
{
    return number >= 0 && (uint64_t)number < t->round_count ? t->rounds[number] : NULL;
}

static uint64_t tally_of(const struct tally *v, const struct evm_hash *hash)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (evm_hash_eq(&v->candidates[i].hash, hash))
            return v->candidates[i].weight;
    return 0;
}

static void hear(const struct tendermint *t, struct round *r, uint32_t validator)
{
    if (r->heard[validator])
        return;
    r->heard[validator] = 1;
    r->seen += t->env->validators->weights[validator];
}

/* The first vote of a validator counts, a second one is ignored. */
static void count_vote(const struct tendermint *t, struct round *r, const struct vote_payload *vote)
{
    struct tally *v = &r->votes[vote->kind];
    if (v->voted[vote->validator])
        return;
    uint32_t i = 0;
    while (i < v->count && !evm_hash_eq(&v->candidates[i].hash, &vote->hash))
        i++;
    if (i == CANDIDATES)
        return;
    if (i == v->count)
        v->candidates[v->count++] = (struct candidate){.hash = vote->hash};
    uint64_t weight = t->env->validators->weights[vote->validator];
    v->voted[vote->validator] = (uint8_t)(i + 1);
    v->candidates[i].weight += weight;
    v->weight += weight;
    hear(t, r, vote->validator);
}

/* ---- what is said ---- */

static void send_vote(struct tendermint *t, enum vote_kind kind, const struct evm_hash *hash)
{
    struct consensus_env *env = t->env;
    if (env->me == VALIDATOR_NONE)
        return;
    struct round *r = round_get(t, t->round);
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
    count_vote(t, r, vote);
    env_broadcast(env, m);
}

static struct message *proposal_message(struct tendermint *t, uint64_t number, struct block *b,
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

/* Bytes of a status for one round. */
static size_t status_stride(const struct tendermint *t)
{
    return 1 + (((size_t)t->env->validators->count + 7) / 8) * VOTE_KINDS;
}

static void put_status(const struct tendermint *t, struct status_payload *s)
{
    size_t stride = status_stride(t);
    for (uint32_t i = 0; i < s->rounds; i++) {
        const struct round *r = t->rounds[i];
        uint8_t *out = s->bits + i * stride;
        if (!r)
            continue;
        *out++ = r->block != NULL;
        for (unsigned kind = 0; kind < VOTE_KINDS; kind++, out += (stride - 1) / VOTE_KINDS)
            for (uint32_t v = 0; v < t->env->validators->count; v++)
                if (r->votes[kind].voted[v])
                    out[v / 8] |= (uint8_t)(1 << v % 8);
    }
}

/* Where this node stands, to everyone or (asking for all that it lacks) to one node. */
static void send_status(struct tendermint *t, node_id to)
{
    uint32_t rounds = t->round_count < STATUS_ROUNDS ? t->round_count : STATUS_ROUNDS;
    size_t bits = rounds * status_stride(t);
    struct message *m =
        message_create(CHANNEL_CONSENSUS, MSG_STATUS, sizeof(struct status_payload) + bits);
    if (!m)
        return;
    struct status_payload *s = (struct status_payload *)m->payload;
    s->height = t->height;
    s->round = t->round;
    s->rounds = rounds;
    s->turn = t->asks++;
    s->everything = to != NODE_NONE;
    put_status(t, s);
    m->size = STATUS_BYTES + (uint32_t)bits;
    m->signs = 1;
    m->verifies = 1;
    if (to == NODE_NONE)
        env_broadcast(t->env, m);
    else
        env_send(t->env, to, m);
}

/* ---- the algorithm ---- */

static void rules(struct tendermint *t);
static void replay_early(struct tendermint *t);

static uint32_t proposer_of(const struct tendermint *t, uint64_t round)
{
    return validators_turn(t->env->validators, t->height + round);
}

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

/* 15-20: proposes validValue again, or asks for a new block. */
static void propose(struct tendermint *t)
{
    struct consensus_env *env = t->env;
    if (t->valid) {
        struct round *r = round_get(t, t->round);
        struct message *m = proposal_message(t, t->round, t->valid, t->valid_round);
        if (!r || !m) {
            message_unref(m);
            return;
        }
        set_proposal(t, r, t->valid, t->valid_round, JUDGED_VALID);
        hear(t, r, env->me);
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
    if (env->me != VALIDATOR_NONE && proposer_of(t, round) == env->me)
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
        round_free(t->rounds[i]);
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

static void decide(struct tendermint *t, struct round *r)
{
    uint32_t count = 0, n = t->env->validators->count;
    struct tally *v = &r->votes[PRECOMMIT];
    uint32_t *signers = mem_alloc(n, sizeof *signers);
    for (uint32_t i = 0; signers && i < n; i++)
        if (v->voted[i] && evm_hash_eq(&v->candidates[v->voted[i] - 1].hash, &r->block->hash))
            signers[count++] = i;
    struct block *b = block_ref(r->block);
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
        struct round *earlier = round_find(t, vr);
        if ((uint64_t)vr >= t->round)
            return false;
        if (!earlier || !validators_quorum(t->env->validators,
                                           tally_of(&earlier->votes[PREVOTE], &r->block->hash))) {
            uint32_t proposer = proposer_of(t, t->round);
            if (!r->asked && proposer != t->env->me)
                send_status(t, t->env->validators->nodes[proposer]);
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
        validators_quorum(all, tally_of(v, &r->block->hash)) && judge(t, r) == JUDGED_VALID) {
        r->polka = true;
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
    if (t->step == STEP_PREVOTE && validators_quorum(all, tally_of(v, &nil))) {
        precommit(t, &nil);
        return true;
    }
    return false;
}

/* 47-54: precommits of any round decide. */
static bool rule_decide(struct tendermint *t)
{
    const struct validators *all = t->env->validators;
    struct round *now = round_find(t, (int64_t)t->round);
    if (now && !now->precommit_timer && validators_quorum(all, now->votes[PRECOMMIT].weight)) {
        now->precommit_timer = true;
        env_timer(t->env, timeout(t->cfg->precommit_timeout, t->cfg->precommit_delta, t->round),
                  TIMER_PRECOMMIT, timer_value(t));
    }
    for (uint32_t i = 0; i < t->round_count; i++) {
        struct round *r = t->rounds[i];
        if (!r || !r->block ||
            !validators_quorum(all, tally_of(&r->votes[PRECOMMIT], &r->block->hash)))
            continue;
        if (judge(t, r) == JUDGED_VALID) {
            decide(t, r);
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
        struct round *r = round_find(t, (int64_t)t->round);
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
    uint32_t proposer = proposer_of(t, p->round);
    if (t->env->validators->nodes[proposer] != m->origin || !m->block ||
        m->block->height != t->height || m->block->parent != t->decided ||
        p->valid_round >= (int64_t)p->round)
        return;
    struct round *r = round_get(t, p->round);
    if (!r)
        return;
    hear(t, r, proposer);
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
    struct round *r = round_get(t, vote->round);
    if (r)
        count_vote(t, r, vote);
}

/* Whether the sender of a status lacks a vote of that round. */
static bool lacks_vote(const struct tendermint *t, const struct status_payload *s, uint32_t round,
                       unsigned kind, uint32_t validator)
{
    size_t stride = status_stride(t), each = (stride - 1) / VOTE_KINDS;
    return round >= s->rounds ||
           !(s->bits[round * stride + 1 + kind * each + validator / 8] >> validator % 8 & 1);
}

static bool lacks_proposal(const struct tendermint *t, const struct status_payload *s,
                           uint32_t round)
{
    return round >= s->rounds || !s->bits[round * status_stride(t)];
}

/* What this node signed it says again; what others signed, it and a few more pass on. */
static bool passes_on(const struct tendermint *t, const struct status_payload *s,
                      uint32_t validator)
{
    uint32_t apart = t->env->validators->count / RELAYS;
    return validator == t->env->me || s->everything || apart < 2 ||
           ((uint64_t)validator + t->env->node + s->turn) % apart == 0;
}

static bool answer_vote(struct tendermint *t, node_id to, uint32_t round, unsigned kind,
                        uint32_t validator)
{
    const struct tally *v = &t->rounds[round]->votes[kind];
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_VOTE, sizeof(struct vote_payload));
    if (!m)
        return false;
    struct vote_payload *vote = (struct vote_payload *)m->payload;
    *vote = (struct vote_payload){.height = t->height, .round = round, .validator = validator};
    vote->hash = v->candidates[v->voted[validator] - 1].hash;
    vote->kind = (uint8_t)kind;
    m->origin = t->env->validators->nodes[validator];
    m->size = VOTE_BYTES; /* signed when it was first sent */
    m->verifies = 1;
    env_send(t->env, to, m);
    return true;
}

/* Says to the sender of a status what it lacks of its height. */
static void answer_status(struct tendermint *t, node_id to, const struct status_payload *s)
{
    for (uint32_t i = 0; i < t->round_count; i++) {
        struct round *r = t->rounds[i];
        uint32_t proposer = proposer_of(t, i);
        if (r && r->block && lacks_proposal(t, s, i) && passes_on(t, s, proposer)) {
            struct message *m = proposal_message(t, i, r->block, r->valid_round);
            if (!m)
                return;
            m->origin = t->env->validators->nodes[proposer];
            m->signs = 0;
            env_send(t->env, to, m);
        }
        for (unsigned kind = 0; r && kind < VOTE_KINDS; kind++)
            for (uint32_t v = 0; v < t->env->validators->count; v++)
                if (r->votes[kind].voted[v] && lacks_vote(t, s, i, kind, v) && passes_on(t, s, v) &&
                    !answer_vote(t, to, i, kind, v))
                    return;
    }
}

/* Whether the sender of a status holds something of this height that this node lacks. */
static bool holds_more(const struct tendermint *t, const struct status_payload *s)
{
    for (uint32_t i = 0; i < s->rounds; i++) {
        const struct round *r = round_find(t, i);
        if (!lacks_proposal(t, s, i) && (!r || !r->block))
            return true;
        for (unsigned kind = 0; kind < VOTE_KINDS; kind++)
            for (uint32_t v = 0; v < t->env->validators->count; v++)
                if (!lacks_vote(t, s, i, kind, v) && (!r || !r->votes[kind].voted[v]))
                    return true;
    }
    return false;
}

static void on_status(struct tendermint *t, const struct message *m)
{
    const struct status_payload *s = (const struct status_payload *)m->payload;
    if (s->height == t->height && t->step != STEP_NEW_HEIGHT) {
        answer_status(t, m->origin, s);
        if (!s->everything && holds_more(t, s))
            send_status(t, m->origin);
    } else if (s->height < t->height) {
        /* Tell it, so that it fetches what it lacks. */
        struct message *answer =
            message_create(CHANNEL_CONSENSUS, MSG_STATUS, sizeof(struct status_payload));
        if (!answer)
            return;
        *(struct status_payload *)answer->payload =
            (struct status_payload){.height = t->height, .round = t->round};
        answer->size = STATUS_BYTES;
        answer->signs = answer->verifies = 1;
        env_send(t->env, m->origin, answer);
    }
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
            on_status(t, m);
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
        send_status(t, NODE_NONE);
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
    struct round *r = round_get(t, t->round);
    struct message *m = proposal_message(t, t->round, b, -1);
    if (!r || !m) {
        message_unref(m);
        return;
    }
    set_proposal(t, r, b, -1, JUDGED_VALID);
    hear(t, r, t->env->me);
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
    send_status(t, NODE_NONE);
    env_timer(env, t->cfg->resend, TIMER_RESEND, 0);
    if (t->step == STEP_NEW_HEIGHT)
        env_timer(env, 0, TIMER_HEIGHT, timer_value(t));
    else if (t->step == STEP_PROPOSE)
        env_timer(env, timeout(t->cfg->propose_timeout, t->cfg->propose_delta, t->round),
                  TIMER_PROPOSE, timer_value(t));
    /* The time-outs that had been set once for this round are set again. */
    struct round *r = round_find(t, (int64_t)t->round);
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
        round_free(t->rounds[i]);
    mem_free(t->rounds);
    for (uint32_t i = 0; i < t->early_count; i++)
        message_unref(t->early[i]);
    mem_free(t->early);
    block_unref(t->locked);
    block_unref(t->valid);
    block_unref(t->decided);
    memset(t, 0, sizeof *t);
}

const struct consensus_ops consensus_tendermint = {
    .model = {"tendermint", "Propose, prevote, precommit with locking; final at two thirds.",
              &tendermint_cfg_table},
    .state_size = sizeof(struct tendermint),
    .traits = {.final = true, .fault_share = 3, .crash_share = 3},
    .init = init,
    .start = start,
    .message = message,
    .timer = timer,
    .built = built,
    .checked = checked,
    .block = fetched,
    .recovered = recovered,
    .fini = fini,
};
