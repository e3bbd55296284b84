/* Dissemination by announcement: `inv`, as Bitcoin's inv/getdata does it, and `push-announce`, as
 * Ethereum does it since eth/65 (EIP-2464) and in eth/68 (devp2p, "Block Propagation", "Transaction
 * Exchange"): a node sends the body at once to the square root of its peers and tells the others.
 * Who lacks an item asks the first to tell; when an answer does not come in time, the next one
 * that told is asked.
 *
 * Left out: announcements that wait to be sent together (Bitcoin's trickling), and the time between
 * the check of a header and that of the whole block. */
#include "models/network/gossip_pull.h"

#include <math.h>

/* Bitcoin: 24 bytes of message header, a count, 36 of an inventory vector. */
#define GOSSIP_INV_FIELDS(F, S)                                                                    \
    F(S, SIZE, announcement, "61B", "1B", "64KB", "Bytes that tell of one item.")                  \
    F(S, SIZE, request, "61B", "1B", "64KB", "Bytes that ask for one item.")                       \
    F(S, DURATION, timeout, "2s", "1ms", "1h", "Wait for an answer before another is asked.")      \
    F(S, BOOL, unasked, "false", NULL, NULL,                                                       \
      "Who makes an item sends it whole to its neighbours; they tell of it.")
FIELD_DECLARE(gossip_inv, GOSSIP_INV_FIELDS);
FIELD_DEFINE(gossip_inv, GOSSIP_INV_FIELDS,
             "A node tells its neighbours what it has; who lacks it asks for it.", NULL);

enum { INV_ANNOUNCE, INV_REQUEST, INV_BODY };

struct inv_state {
    struct gossip_env *env;
    uint32_t announcement, request;
    sim_time timeout, wait;
    bool push;    /* whole to some */
    bool unasked; /* whole to all, by its maker */
};

static enum err_code inv_init(void *state, const void *cfg, struct gossip_env *env, struct err *err)
{
    const struct gossip_inv *c = cfg;
    (void)err;
    *(struct inv_state *)state = (struct inv_state){.env = env,
                                                    .announcement = (uint32_t)c->announcement,
                                                    .request = (uint32_t)c->request,
                                                    .timeout = c->timeout,
                                                    .unasked = c->unasked};
    return ERR_OK;
}

static void ask(const struct inv_state *s, node_id node, node_id whom, struct message *m)
{
    s->env->host->link(s->env, node, whom, message_ref(m), INV_REQUEST | LINK_CONTROL, s->request);
    s->env->host->timer(s->env, node, s->timeout, m);
}

/* Whole to ceil(sqrt(peers)) of the neighbours, each equally likely, and news to the others. */
static void push_to_some(const struct inv_state *s, node_id node, node_id except, struct message *m)
{
    const node_id *all;
    uint32_t left = s->env->host->neighbours(s->env, node, &all);
    uint32_t whole = (uint32_t)ceil(sqrt(left));
    for (uint32_t i = 0; left > 0; i++, left--) {
        bool chosen = sim_stream_below(s->env->host->random(s->env, node), left) < whole;
        whole -= chosen;
        if (all[i] == except)
            continue;
        s->env->host->link(s->env, node, all[i], message_ref(m),
                           chosen ? INV_BODY : INV_ANNOUNCE | LINK_CONTROL,
                           chosen ? m->size : s->announcement);
    }
}

static void spread(const struct inv_state *s, node_id node, node_id except, struct message *m)
{
    if (s->push)
        push_to_some(s, node, except, m);
    else
        gossip_tell(s->env, node, except, m, INV_ANNOUNCE | LINK_CONTROL, s->announcement);
}

static void inv_publish(void *state, node_id origin, struct message *m)
{
    struct inv_state *s = state;
    struct pull *p = pull_of(s->env, m);
    if (!p)
        return;
    pull_got(p, s->env, origin);
    if (s->unasked)
        gossip_tell(s->env, origin, NODE_NONE, m, INV_BODY, m->size);
    else
        spread(s, origin, NODE_NONE, m);
}

static void inv_link(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    struct inv_state *s = state;
    struct pull *p = pull_of(s->env, m);
    if (!p)
        return;
    switch (type) {
    case INV_ANNOUNCE:
        if (!pull_heard(p, s->env, at, from))
            break;
        if (s->wait == 0) {
            ask(s, at, from, m);
        } else {
            /* As if nobody had been asked and this one were the next: when the time is up. */
            pull_heard(p, s->env, at, from);
            s->env->host->timer(s->env, at, s->wait, m);
        }
        break;
    case INV_REQUEST:
        if (pull_phase(p, s->env, at) == PULL_HAS)
            s->env->host->link(s->env, at, from, message_ref(m), INV_BODY, m->size);
        break;
    default:
        if (!pull_got(p, s->env, at))
            break;
        if (s->env->host->deliver(s->env, at, from, m))
            spread(s, at, from, m);
        else
            pull_refused(p, s->env, at);
    }
}

/* The answer did not come: the next one is asked, or the item is open again for whoever tells. */
static void inv_timer(void *state, node_id node, struct message *m)
{
    struct inv_state *s = state;
    struct pull *p = pull_of(s->env, m);
    node_id next = p ? pull_late(p, s->env, node) : NODE_NONE;
    if (next != NODE_NONE)
        ask(s, node, next, m);
}

static void inv_fini(void *state)
{
    (void)state;
}

const struct gossip_ops gossip_inv_model = {
    .model = {"inv", "Announce to neighbours; who lacks it asks for it.", &gossip_inv_table},
    .state_size = sizeof(struct inv_state),
    .init = inv_init,
    .publish = inv_publish,
    .link = inv_link,
    .timer = inv_timer,
    .fini = inv_fini,
};

/* ---- push-announce ---- */

/* RLPx: 32 bytes of frame header, the message in blocks of 16, 16 of MAC.
 * NewPooledTransactionHashes of one takes about 42 bytes of RLP (kind, size, hash), a request with
 * its id 44. */
#define GOSSIP_PUSH_ANNOUNCE_FIELDS(F, S)                                                          \
    F(S, SIZE, announcement, "96B", "1B", "64KB", "Bytes that tell of one item.")                  \
    F(S, SIZE, request, "96B", "1B", "64KB", "Bytes that ask for one item.")                       \
    F(S, DURATION, wait, "500ms", "0s", "1h",                                                      \
      "An item that was told of is asked for after that, if nobody has pushed it; go-ethereum's.") \
    F(S, DURATION, timeout, "5s", "1ms", "1h", "Wait for an answer before another is asked.")
FIELD_DECLARE(gossip_push_announce, GOSSIP_PUSH_ANNOUNCE_FIELDS);
FIELD_DEFINE(
    gossip_push_announce, GOSSIP_PUSH_ANNOUNCE_FIELDS,
    "Whole to the square root of the peers, chosen anew each time; the others are told and "
    "ask for it if they lack it.",
    NULL);

static enum err_code push_announce_init(void *state, const void *cfg, struct gossip_env *env,
                                        struct err *err)
{
    const struct gossip_push_announce *c = cfg;
    (void)err;
    *(struct inv_state *)state = (struct inv_state){.env = env,
                                                    .announcement = (uint32_t)c->announcement,
                                                    .request = (uint32_t)c->request,
                                                    .timeout = c->timeout,
                                                    .wait = c->wait,
                                                    .push = true};
    return ERR_OK;
}

const struct gossip_ops gossip_push_announce_model = {
    .model = {"push-announce",
              "Whole to the square root of the peers, news to the others (eth/68).",
              &gossip_push_announce_table},
    .state_size = sizeof(struct inv_state),
    .init = push_announce_init,
    .publish = inv_publish,
    .link = inv_link,
    .timer = inv_timer,
    .fini = inv_fini,
};
