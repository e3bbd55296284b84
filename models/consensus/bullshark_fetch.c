/* Bullshark: how a node comes by what it missed. It says what it holds of each round, and hears
 * what it lacks: from one node, drawn at random, if some vertex has waited for its past; from
 * everybody, what each made itself, if nothing goes on (Narwhal pulls certificates from those who
 * vouched for their children; arXiv 2105.11827, on the synchroniser). */
#include "models/consensus/bullshark.h"
#include "sim/base/mem.h"

#include <string.h>

enum {
    ROUNDS_MAX = 1024,    /* that holdings tell of */
    ANSWER_MAX = 4 << 20, /* bytes of an answer, at most */
    HEIGHTS_BEHIND = 8,   /* committed blocks behind others: then they are fetched instead */
};

/* The signature is the author's, made when it was first sent. */
struct message *bs_copy(const struct message *m, struct bullshark *t, uint32_t author)
{
    struct message *copy = message_create((enum channel)m->channel, m->type, m->payload_size);
    if (!copy)
        return NULL;
    memcpy(copy->payload, m->payload, m->payload_size);
    copy->origin = t->env->validators->nodes[author];
    copy->size = m->size;
    copy->signature_kind = m->signature_kind;
    copy->verifies = m->verifies;
    copy->keys = m->keys;
    if (m->block) {
        copy->size -= m->block->size;
        message_set_block(copy, m->block);
    }
    return copy;
}

static struct message *holdings(struct bullshark *t, bool all, bool reply)
{
    uint64_t first = t->first, last = bs_last(t);
    uint64_t count = !reply && last >= first ? last - first + 1 : 0;
    if (count > ROUNDS_MAX)
        count = ROUNDS_MAX;
    struct message *m =
        message_create(CHANNEL_CONSENSUS, MSG_HOLDINGS,
                       sizeof(struct bs_holdings) + count * t->words * sizeof(uint64_t));
    if (!m)
        return NULL;
    struct bs_holdings *h = (struct bs_holdings *)m->payload;
    *h = (struct bs_holdings){.height = t->final->height,
                              .round = t->round,
                              .first = first,
                              .count = (uint32_t)count,
                              .all = all,
                              .reply = reply};
    for (uint64_t i = 0; i < count; i++) {
        const struct bs_round *r = bs_find(t, first + i);
        for (uint32_t v = 0; r && v < t->n; v++)
            if (r->slots[v].vertex && r->slots[v].certificate)
                bs_add(h->bits + i * t->words, v);
    }
    m->size = HOLDINGS_BYTES + (uint32_t)(count * ((t->n + 7) / 8));
    m->signs = m->verifies = 1;
    return m;
}

void bs_ask(struct bullshark *t, node_id to)
{
    struct message *m = holdings(t, to != NODE_NONE, false);
    if (!m)
        return;
    if (to == NODE_NONE)
        env_broadcast(t->env, m);
    else
        env_send(t->env, to, m);
}

void bs_hear_height(struct bullshark *t, node_id from, uint64_t height)
{
    if (height > t->height_heard) {
        t->height_heard = height;
        t->height_from = from;
    }
    if (height > t->final->height + HEIGHTS_BEHIND)
        env_behind(t->env, from, height);
}

/* False when memory is out. */
static bool give(struct bullshark *t, node_id to, const struct message *m, uint32_t author,
                 uint64_t *bytes)
{
    struct message *copy = bs_copy(m, t, author);
    if (!copy)
        return false;
    *bytes += copy->size;
    env_send(t->env, to, copy);
    return true;
}

static void answer_round(struct bullshark *t, node_id to, const struct bs_holdings *h,
                         uint64_t round, uint64_t *bytes)
{
    const struct bs_round *r = bs_find(t, round);
    uint64_t at = round - h->first;
    for (uint32_t v = 0; r && v < t->n && *bytes < ANSWER_MAX; v++) {
        const struct bs_slot *s = &r->slots[v];
        bool theirs = at < h->count && bs_has(h->bits + at * t->words, v);
        if (theirs || !s->vertex || (!h->all && v != t->env->me))
            continue;
        if (!s->accepted && v != t->env->me)
            continue;
        if (!give(t, to, s->vertex, v, bytes) ||
            (s->certificate && !give(t, to, s->certificate, v, bytes)))
            return;
    }
}

void bs_on_holdings(struct bullshark *t, node_id from, const struct message *m)
{
    const struct bs_holdings *h = (const struct bs_holdings *)m->payload;
    uint64_t bytes = 0, last = bs_last(t);
    bs_hear_height(t, from, h->height);
    if (h->reply) {
        /* Others have forgotten what this node would need: their blocks are what is left. */
        if (h->height > t->final->height && h->first > t->first)
            env_behind(t->env, from, h->height);
        return;
    }
    if (h->first < t->first) {
        struct message *far = holdings(t, false, true);
        if (far) {
            ((struct bs_holdings *)far->payload)->first = t->first;
            env_send(t->env, from, far);
        }
    }
    for (uint64_t round = h->first > t->first ? h->first : t->first;
         round <= last && bytes < ANSWER_MAX; round++)
        answer_round(t, from, h, round, &bytes);
}

/* Whether some slot has lacked something for long enough to ask. */
static bool overdue(const struct bullshark *t, sim_time now, bool *waiting)
{
    *waiting = !t->marked;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct bs_round *r = t->rounds[i];
        for (uint32_t v = 0; r && r->waiting && v < t->n; v++) {
            const struct bs_slot *s = &r->slots[v];
            bool lacks = !s->accepted && (s->certificate || (s->vertex && !s->acked));
            if (!lacks || v == t->env->me)
                continue;
            *waiting = true;
            if (now - s->since >= t->cfg->fetch_delay)
                return true;
        }
    }
    return !t->marked;
}

void bs_on_fetch(struct bullshark *t)
{
    bool waiting;
    t->fetching = false;
    if (overdue(t, env_now(t->env), &waiting)) {
        uint32_t me = t->env->me, others = t->n - (me != VALIDATOR_NONE);
        if (others) {
            uint32_t peer = (uint32_t)sim_stream_below(env_random(t->env), others);
            bs_ask(t, t->env->validators->nodes[peer + (me != VALIDATOR_NONE && peer >= me)]);
        }
    }
    if (waiting)
        bs_arm_fetch(t);
}

void bs_arm_fetch(struct bullshark *t)
{
    if (t->fetching)
        return;
    t->fetching = true;
    env_timer(t->env, t->cfg->fetch_delay, TIMER_FETCH, 0);
}
