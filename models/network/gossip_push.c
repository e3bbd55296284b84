/* Dissemination without questions: `push`, where who hears it first-hand passes it on whole. */
#include "models/network/network.h"
#include "sim/base/mem.h"

FIELD_DECLARE_EMPTY(gossip_push);
FIELD_DEFINE_EMPTY(gossip_push,
                   "Whoever gets a message for the first time sends it on to all neighbours.");

static enum err_code push_init(void *state, const void *cfg, struct gossip_env *env,
                               struct err *err)
{
    (void)cfg, (void)err;
    *(struct gossip_env **)state = env;
    return ERR_OK;
}

/* m->route: one byte a node of the group, non-zero once it has the message. NULL when memory is
 * out: the run has been failed. */
static uint8_t *push_route(struct gossip_env *env, struct message *m)
{
    if (!m->route && !(m->route = mem_zalloc(env->count, 1)))
        env->host->fail(env);
    return m->route;
}

static void push_on(struct gossip_env *env, node_id node, node_id except, struct message *m)
{
    const uint8_t *has = m->route;
    const node_id *neighbours;
    uint32_t count = env->host->neighbours(env, node, &neighbours);
    for (uint32_t i = 0; i < count; i++)
        if (neighbours[i] != except && !(neighbours[i] == m->origin && has[m->origin - env->first]))
            env->host->link(env, node, neighbours[i], message_ref(m), 0, m->size);
}

static void push_publish(void *state, node_id origin, struct message *m)
{
    struct gossip_env *env = *(struct gossip_env **)state;
    uint8_t *has = push_route(env, m);
    if (!has)
        return;
    has[origin - env->first] = 1;
    push_on(env, origin, NODE_NONE, m);
}

static void push_link(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    struct gossip_env *env = *(struct gossip_env **)state;
    (void)type;
    uint8_t *has = push_route(env, m);
    if (!has || has[at - env->first])
        return;
    has[at - env->first] = 1;
    if (env->host->deliver(env, at, from, m))
        push_on(env, at, from, m);
}

static void nothing_to_fini(void *state)
{
    (void)state;
}

const struct gossip_ops gossip_push_model = {
    .model = {"push", "Whoever gets a message first-hand sends it on whole.", &gossip_push_table},
    .state_size = sizeof(struct gossip_env *),
    .init = push_init,
    .publish = push_publish,
    .link = push_link,
    .fini = nothing_to_fini,
};
