/* Snowman: polls of k validators drawn by weight (with replacement: what a validator answers counts
 * as often as it was drawn), and fetching of blocks that others speak of. */
#include "models/consensus/snowman.h"
#include "sim/base/mem.h"

#include <string.h>

static void release_query(struct message *m)
{
    block_unref(((struct snow_query *)m->payload)->block);
}

static void release_chits(struct message *m)
{
    struct snow_chits *c = (struct snow_chits *)m->payload;
    block_unref(c->preferred);
    block_unref(c->accepted);
}

static void release_get(struct message *m)
{
    block_unref(((struct snow_get *)m->payload)->block);
}

static struct message *query(uint32_t poll, struct block *b, bool push)
{
    struct message *m = message_create(push ? CHANNEL_BLOCK : CHANNEL_CONSENSUS,
                                       push ? MSG_PUSH : MSG_QUERY, sizeof(struct snow_query));
    if (!m)
        return NULL;
    *(struct snow_query *)m->payload = (struct snow_query){poll, b ? block_ref(b) : NULL};
    m->release = release_query;
    m->size = QUERY_BYTES;
    if (push)
        message_set_block(m, b);
    return m;
}

/* ---- who is asked ---- */

static uint32_t draw(struct snowman *s)
{
    const struct validators *v = s->env->validators;
    uint64_t point = sim_stream_below(env_random(s->env), v->total);
    uint32_t low = 0, high = v->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (v->upto[middle] <= point)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The polls' memory, at the first one. */
static bool prepare(struct snowman *s)
{
    if (s->polls)
        return true;
    size_t k = s->cfg->k, polls = s->cfg->concurrent_polls;
    size_t each = sizeof(struct snow_poll) + k * (sizeof(struct snow_vote) + 2 * sizeof(uint32_t));
    s->polls = mem_zalloc(polls, each);
    if (!s->polls)
        return false;
    struct snow_vote *votes = (struct snow_vote *)(s->polls + polls);
    uint32_t *numbers = (uint32_t *)(votes + polls * k);
    for (size_t i = 0; i < polls; i++) {
        s->polls[i].votes = votes + i * k;
        s->polls[i].validators = numbers + 2 * i * k;
        s->polls[i].counts = numbers + (2 * i + 1) * k;
    }
    return true;
}

static struct snow_poll *poll_of(const struct snowman *s, uint32_t id)
{
    for (uint64_t i = 0; s->polls && i < s->cfg->concurrent_polls; i++)
        if (s->polls[i].id == id)
            return &s->polls[i];
    return NULL;
}

static void close_poll(struct snow_poll *p)
{
    for (uint32_t i = 0; i < p->vote_count; i++)
        block_unref(p->votes[i].block);
    p->id = p->asked = p->vote_count = p->open = 0;
}

uint32_t snow_polls_open(const struct snowman *s)
{
    uint32_t open = 0;
    for (uint64_t i = 0; s->polls && i < s->cfg->concurrent_polls; i++)
        open += s->polls[i].id != 0;
    return open;
}

void snow_polls_drop(struct snowman *s)
{
    for (uint64_t i = 0; s->polls && i < s->cfg->concurrent_polls; i++)
        close_poll(&s->polls[i]);
}

static void add_vote(struct snow_poll *p, struct block *b, uint32_t count)
{
    for (uint32_t i = 0; i < p->vote_count; i++)
        if (p->votes[i].block == b) {
            p->votes[i].count += count;
            return;
        }
    p->votes[p->vote_count++] = (struct snow_vote){block_ref(b), count};
}

static void choose(struct snowman *s, struct snow_poll *p)
{
    for (uint64_t i = 0; i < s->cfg->k; i++) {
        uint32_t who = draw(s), at = 0;
        while (at < p->asked && p->validators[at] != who)
            at++;
        if (at == p->asked) {
            p->validators[p->asked] = who;
            p->counts[p->asked++] = 0;
        }
        p->counts[at]++;
        p->open++;
    }
}

void snow_poll(struct snowman *s, struct block *b, bool push)
{
    struct snow_poll *p = prepare(s) ? poll_of(s, 0) : NULL;
    if (!p)
        return;
    if (++s->poll_id == 0)
        s->poll_id = 1;
    p->id = s->poll_id;
    choose(s, p);
    struct message *m = query(p->id, b, push);
    for (uint32_t i = 0; m && i < p->asked; i++) {
        if (p->validators[i] != s->env->me) {
            env_send(s->env, s->env->validators->nodes[p->validators[i]], message_ref(m));
            continue;
        }
        add_vote(p, s->tip, p->counts[i]); /* it asks itself */
        p->open -= p->counts[i];
        p->counts[i] = 0;
    }
    message_unref(m);
    env_timer(s->env, s->cfg->query_timeout, TIMER_POLL, p->id);
}

void snow_curious(struct snowman *s)
{
    uint32_t who = draw(s);
    struct message *m = who == s->env->me ? NULL : query(0, NULL, false);
    if (m)
        env_send(s->env, s->env->validators->nodes[who], m);
}

/* ---- answers ---- */

/* Whether the votes that are still to come can change nothing: enough agree on one tip, or too few
 * are left for anything. */
static bool is_over(const struct snowman *s, const struct snow_poll *p)
{
    uint32_t most = 0, cast = 0;
    for (uint32_t i = 0; i < p->vote_count; i++) {
        cast += p->votes[i].count;
        if (snow_counts_for(s, p->votes[i].block) && p->votes[i].count > most)
            most = p->votes[i].count;
    }
    return p->open == 0 || most >= s->cfg->alpha_confidence ||
           cast + p->open < s->cfg->alpha_preference;
}

static void finish(struct snowman *s, struct snow_poll *p)
{
    snow_count(s, p->votes, p->vote_count);
    close_poll(p);
}

bool snow_answer(struct snowman *s, uint32_t poll, node_id from, struct block *preferred)
{
    struct snow_poll *p = poll ? poll_of(s, poll) : NULL;
    uint32_t at = 0;
    while (p && at < p->asked && s->env->validators->nodes[p->validators[at]] != from)
        at++;
    if (!p || at == p->asked || !p->counts[at])
        return false;
    add_vote(p, preferred, p->counts[at]);
    p->open -= p->counts[at];
    p->counts[at] = 0;
    if (!is_over(s, p))
        return false;
    finish(s, p);
    return true;
}

bool snow_expire(struct snowman *s, uint32_t poll)
{
    struct snow_poll *p = poll ? poll_of(s, poll) : NULL;
    if (!p)
        return false;
    finish(s, p);
    return true;
}

void snow_answer_query(struct snowman *s, node_id to, uint32_t poll)
{
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_CHITS, sizeof(struct snow_chits));
    if (!m)
        return;
    *(struct snow_chits *)m->payload =
        (struct snow_chits){poll, block_ref(s->tip), block_ref(s->accepted)};
    m->release = release_chits;
    m->size = CHITS_BYTES;
    env_send(s->env, to, m);
}

/* ---- blocks that others speak of ---- */

void snow_want(struct snowman *s, node_id from, struct block *b)
{
    sim_time now = env_now(s->env);
    struct snow_wanted *place = &s->wanted[0];
    for (uint32_t i = 0; i < WANTED; i++) {
        struct snow_wanted *w = &s->wanted[i];
        if (w->block == b && now - w->asked < s->cfg->query_timeout)
            return;
        if (w->block == b || (place->block != b && (!w->block || w->asked < place->asked)))
            place = w;
    }
    struct message *m = message_create(CHANNEL_CONSENSUS, MSG_GET, sizeof(struct snow_get));
    if (!m)
        return;
    block_hold(&place->block, b);
    place->asked = now;
    ((struct snow_get *)m->payload)->block = block_ref(b);
    m->release = release_get;
    m->size = GET_BYTES;
    env_send(s->env, from, m);
}

void snow_give(struct snowman *s, node_id to, struct block *b)
{
    struct message *m = env_has(s->env, b) ? message_create(CHANNEL_BLOCK, MSG_PUT, 0) : NULL;
    if (!m)
        return;
    message_set_block(m, b);
    env_send(s->env, to, m);
}

void snow_poll_fini(struct snowman *s)
{
    snow_polls_drop(s);
    mem_free(s->polls);
    for (uint32_t i = 0; i < WANTED; i++)
        block_unref(s->wanted[i].block);
}
