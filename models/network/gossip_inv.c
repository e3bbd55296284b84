/* Dissemination by announcement: `inv`, as Bitcoin's inv/getdata and Ethereum's announced
 * transactions (EIP-2464) do it. A node tells its neighbours what it has; who lacks it asks the
 * first to tell; the body travels once over each chosen link. When an answer does not come in time,
 * the next one that told is asked. */
#include "models/network/network.h"
#include "sim/base/mem.h"

#define GOSSIP_INV_FIELDS(F, S)                                                                    \
    F(S, SIZE, announcement, "61B", "1B", "64KB", "Bytes that tell of one item.")                  \
    F(S, SIZE, request, "61B", "1B", "64KB", "Bytes that ask for one item.")                       \
    F(S, DURATION, timeout, "2s", "1ms", "1h", "Wait for an answer before another is asked.")
FIELD_DECLARE(gossip_inv, GOSSIP_INV_FIELDS);
FIELD_DEFINE(gossip_inv, GOSSIP_INV_FIELDS,
             "A node tells its neighbours what it has; who lacks it asks for it.", NULL);

enum { INV_ANNOUNCE, INV_REQUEST, INV_BODY };

enum inv_phase { INV_UNKNOWN, INV_ASKED, INV_REFUSED, INV_HAS };

/* What one node knows of one item. Later announcers wait in case the first fails; beyond a few, the
 * rest are forgotten. */
enum { INV_SPARES = 3 };
struct inv_peer {
    uint8_t phase; /* enum inv_phase */
    uint8_t spare_count;
    node_id asked;
    node_id spares[INV_SPARES]; /* first come, first asked */
};

struct inv_state {
    struct gossip_env *env;
    const struct gossip_inv *cfg;
};

static enum err_code inv_init(void *state, const void *cfg, struct gossip_env *env, struct err *err)
{
    (void)err;
    *(struct inv_state *)state = (struct inv_state){env, cfg};
    return ERR_OK;
}

static struct inv_peer *peer_of(const struct inv_state *s, struct message *m, node_id node)
{
    return (struct inv_peer *)m->route + (node - s->env->first);
}

static void announce(const struct inv_state *s, node_id node, node_id except, struct message *m)
{
    const node_id *neighbours;
    uint32_t count = s->env->host->neighbours(s->env, node, &neighbours);
    for (uint32_t i = 0; i < count; i++)
        if (neighbours[i] != except)
            s->env->host->link(s->env, node, neighbours[i], message_ref(m),
                               INV_ANNOUNCE | LINK_CONTROL, (uint32_t)s->cfg->announcement);
}

static void ask(const struct inv_state *s, node_id node, node_id whom, struct message *m)
{
    struct inv_peer *p = peer_of(s, m, node);
    p->phase = INV_ASKED;
    p->asked = whom;
    s->env->host->link(s->env, node, whom, message_ref(m), INV_REQUEST | LINK_CONTROL,
                       (uint32_t)s->cfg->request);
    s->env->host->timer(s->env, node, s->cfg->timeout, m);
}

static void inv_publish(void *state, node_id origin, struct message *m)
{
    struct inv_state *s = state;
    if (!m->route)
        m->route = mem_zalloc(s->env->count, sizeof(struct inv_peer));
    if (!m->route) {
        s->env->host->fail(s->env);
        return;
    }
    peer_of(s, m, origin)->phase = INV_HAS;
    announce(s, origin, NODE_NONE, m);
}

static void heard(const struct inv_state *s, node_id at, node_id from, struct message *m)
{
    struct inv_peer *p = peer_of(s, m, at);
    if (p->phase == INV_UNKNOWN)
        ask(s, at, from, m);
    else if (p->phase == INV_ASKED && p->spare_count < INV_SPARES)
        p->spares[p->spare_count++] = from;
}

static void inv_link(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    struct inv_state *s = state;
    struct inv_peer *p = peer_of(s, m, at);
    switch (type) {
    case INV_ANNOUNCE: heard(s, at, from, m); break;
    case INV_REQUEST:
        if (p->phase == INV_HAS)
            s->env->host->link(s->env, at, from, message_ref(m), INV_BODY, m->size);
        break;
    default:
        if (p->phase == INV_HAS || p->phase == INV_REFUSED)
            break;
        p->phase = INV_HAS;
        if (s->env->host->deliver(s->env, at, from, m))
            announce(s, at, from, m);
        else
            p->phase = INV_REFUSED;
    }
}

/* The answer did not come: the next one is asked, or the item is open again for whoever tells. */
static void inv_timer(void *state, node_id node, struct message *m)
{
    struct inv_state *s = state;
    struct inv_peer *p = peer_of(s, m, node);
    if (p->phase != INV_ASKED)
        return;
    if (!p->spare_count) {
        p->phase = INV_UNKNOWN;
        return;
    }
    node_id next = p->spares[0];
    p->spare_count--;
    for (uint32_t i = 0; i < p->spare_count; i++)
        p->spares[i] = p->spares[i + 1];
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
