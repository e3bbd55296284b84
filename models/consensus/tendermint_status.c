/* Tendermint: making up for messages that were lost.
 *
 * The paper assumes gossip: what one correct node received, every correct node receives in the end.
 * Links may lose a message when its sender or receiver goes down, so a node that comes back, or is
 * at one height for `resend`, tells the others where it stands and which votes it holds; they
 * answer with what it lacks of that height, their own votes and others' (each with its signature),
 * or by being ahead, upon which it fetches the blocks. One that is offered an earlier round's value
 * and lacks the prevotes behind it asks the proposer at once. */
#include "models/consensus/tendermint.h"

/* About so many nodes answer a status with one and the same vote of another. */
enum { RELAYS = 8 };
enum { STATUS_ROUNDS = 256 }; /* at most, in one status */

/* Bytes of a status for one round. */
static size_t status_stride(const struct tendermint *t)
{
    return 1 + (((size_t)t->env->validators->count + 7) / 8) * VOTE_KINDS;
}

static void put_status(const struct tendermint *t, struct status_payload *s,
                       const struct evm_hash *value, uint64_t of)
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
                if (r->votes[kind].voted[v] && (!value || kind != PREVOTE || i != of ||
                                                tm_voted_for(&r->votes[kind], v, value)))
                    out[v / 8] |= (uint8_t)(1 << v % 8);
    }
}

void tm_send_status(struct tendermint *t, node_id to, const struct evm_hash *value, uint64_t of)
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
    put_status(t, s, value, of);
    m->size = STATUS_BYTES + (uint32_t)bits;
    m->signs = 1;
    m->verifies = 1;
    if (to == NODE_NONE)
        env_broadcast(t->env, m);
    else
        env_send(t->env, to, m);
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
                        uint32_t validator, const struct evm_hash *hash)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_VOTE, sizeof(struct vote_payload));
    if (!m)
        return false;
    struct vote_payload *vote = (struct vote_payload *)m->payload;
    *vote = (struct vote_payload){.height = t->height, .round = round, .validator = validator};
    vote->hash = *hash;
    vote->kind = (uint8_t)kind;
    m->origin = t->env->validators->nodes[validator];
    m->size = VOTE_BYTES; /* signed when it was first sent */
    m->verifies = 1;
    env_send(t->env, to, m);
    return true;
}

/* All of a validator's votes of one kind in one round. */
static bool answer_votes(struct tendermint *t, node_id to, uint32_t round, unsigned kind,
                         uint32_t validator)
{
    const struct tally *v = &t->rounds[round]->votes[kind];
    for (uint32_t i = 0; i < v->count; i++)
        if (v->voted[validator] >> i & 1 &&
            !answer_vote(t, to, round, kind, validator, &v->candidates[i].hash))
            return false;
    return true;
}

/* Says to the sender of a status what it lacks of its height. */
static void answer_status(struct tendermint *t, node_id to, const struct status_payload *s)
{
    for (uint32_t i = 0; i < t->round_count; i++) {
        struct round *r = t->rounds[i];
        uint32_t proposer = tm_proposer_of(t, i);
        if (r && r->block && lacks_proposal(t, s, i) && passes_on(t, s, proposer)) {
            struct message *m = tm_proposal_message(t, i, r->block, r->valid_round);
            if (!m)
                return;
            m->origin = t->env->validators->nodes[proposer];
            m->signs = 0;
            env_send(t->env, to, m);
        }
        for (unsigned kind = 0; r && kind < VOTE_KINDS; kind++)
            for (uint32_t v = 0; v < t->env->validators->count; v++)
                if (lacks_vote(t, s, i, kind, v) && passes_on(t, s, v) &&
                    !answer_votes(t, to, i, kind, v))
                    return;
    }
}

/* Whether the sender of a status holds something of this height that this node lacks. */
static bool holds_more(const struct tendermint *t, const struct status_payload *s)
{
    for (uint32_t i = 0; i < s->rounds; i++) {
        const struct round *r = tm_round_find(t, i);
        if (!lacks_proposal(t, s, i) && (!r || !r->block))
            return true;
        for (unsigned kind = 0; kind < VOTE_KINDS; kind++)
            for (uint32_t v = 0; v < t->env->validators->count; v++)
                if (!lacks_vote(t, s, i, kind, v) && (!r || !r->votes[kind].voted[v]))
                    return true;
    }
    return false;
}

void tm_on_status(struct tendermint *t, const struct message *m)
{
    const struct status_payload *s = (const struct status_payload *)m->payload;
    if (s->height == t->height && t->step != STEP_NEW_HEIGHT) {
        answer_status(t, m->origin, s);
        if (!s->everything && holds_more(t, s))
            tm_send_status(t, m->origin, NULL, 0);
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
