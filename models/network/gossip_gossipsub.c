/* Dissemination by libp2p's gossipsub: `gossipsub`, version 1.1 (libp2p specs, pubsub/gossipsub,
 * gossipsub-v1.0.md and -v1.1.md) with the parameters of Ethereum's consensus layer
 * (consensus-specs phase0/p2p-interface.md, "The gossip domain"); IDONTWANT of gossipsub-v1.2.md as
 * an option.
 *
 * Kept: one topic; a mesh of D peers, kept between D_low and D_high at each heartbeat by GRAFT and
 * PRUNE with a backoff; bodies eagerly over the mesh; IHAVE for the last heartbeats' messages to
 * D_lazy peers outside it, or a share of them; IWANT, answered from the message cache; flood
 * publishing; GRAFT of a peer whose mesh is full is answered by PRUNE.
 * Left out: scores of peers, peer exchange, fanout (every node subscribes), opportunistic grafting,
 * and what it takes to build the first mesh, which stands when the run begins.
 *
 * Hearts beat only where there is something to do: a message of the last `history_gossip`
 * heartbeats to tell of, or too few peers in the mesh. A peer that crashes leaves the meshes of its
 * neighbours at once, as its connections close; they look for another at their next heartbeat.
 *
 * Sixteen-odd bytes a node and two for each of its links. A message takes two bytes a node until
 * all have it; a node keeps 16 bytes for each message of the last `history_gossip` heartbeats. */
#include "models/network/gossipsub_internal.h"
#include "models/network/internal.h"
#include "sim/base/mem.h"

static void gossipsub_check(const void *cfg, struct field_report *report)
{
    const struct gossip_gossipsub *c = cfg;
    if (c->degree_low > c->degree)
        field_complain(report, "degree_low", "must not be above degree");
    if (c->degree_high < c->degree)
        field_complain(report, "degree_high", "must not be below degree");
    if (c->history_gossip > c->history_length)
        field_complain(report, "history_gossip", "must not be above history_length");
    if (c->prune_backoff / c->heartbeat >= BACKOFF_MAX - 1)
        field_complain(report, "prune_backoff", "must be less than %d heartbeats", BACKOFF_MAX - 1);
}
FIELD_DEFINE(gossip_gossipsub, GOSSIP_GOSSIPSUB_FIELDS,
             "A mesh that gets messages whole at once, and ids of what is new for the others.",
             gossipsub_check);

/* What hangs on a message. */
struct item {
    uint32_t left;  /* nodes that lack it */
    uint32_t begun; /* heartbeat, counted from 0 at the start of the run, in which it was made */
    uint8_t *got;   /* by node: heartbeats from begun plus 1, to 255; 0: lacks it. NULL: all have */
    uint8_t *asked; /* likewise: when it asked */
    uint16_t *next; /* by node: place of the next mesh peer to send to; only with idontwant */
    uint8_t *unwanted; /* a bit a link; only with idontwant */
};

static void fail(struct sub_state *s)
{
    s->broken = true;
    s->env->host->fail(s->env);
}

/* ---- items ---- */

static void item_fini(void *route)
{
    struct item *it = route;
    if (!it)
        return;
    mem_free(it->got);
    mem_free(it->asked);
    mem_free(it->next);
    mem_free(it->unwanted);
}

static uint32_t now_beat(const struct sub_state *s)
{
    return (uint32_t)(s->env->host->now(s->env) / s->cfg->heartbeat);
}

static bool is_large(const struct sub_state *s, const struct message *m)
{
    return s->cfg->idontwant && m->size > s->cfg->idontwant_above;
}

static struct item *item_of(struct sub_state *s, struct message *m)
{
    struct item *it = m->route;
    if (it)
        return it;
    it = m->route = mem_zalloc(1, sizeof *it);
    if (!it) {
        fail(s);
        return NULL;
    }
    m->route_fini = item_fini;
    uint32_t count = s->env->count, links = s->nodes[count].first;
    *it = (struct item){.left = count, .begun = now_beat(s)};
    it->got = mem_zalloc(count, 1);
    it->asked = mem_zalloc(count, 1);
    if (is_large(s, m)) {
        it->next = mem_zalloc(count, sizeof *it->next);
        it->unwanted = mem_zalloc(links / 8 + 1, 1);
    }
    if (it->got && it->asked && (!is_large(s, m) || (it->next && it->unwanted)))
        return it;
    it->left = 0; /* as if all had it, until the run ends */
    mem_free(it->got);
    it->got = NULL;
    fail(s);
    return NULL;
}

/* Heartbeats since the item was made, as a mark in a byte. */
static uint8_t mark_of(const struct sub_state *s, const struct item *it)
{
    uint32_t since = now_beat(s) - it->begun + 1;
    return since < 255 ? (uint8_t)since : 255;
}

static bool has(const struct sub_state *s, const struct item *it, node_id node)
{
    return !it->got || it->got[node - s->env->first];
}

/* Whether the node can still answer for it. What all have is not looked up any more. */
static bool in_cache(const struct sub_state *s, const struct item *it, node_id node)
{
    uint8_t got = it->got ? it->got[node - s->env->first] : 0;
    return got && mark_of(s, it) - got < (int)s->cfg->history_length;
}

static void note_got(struct sub_state *s, struct item *it, node_id node)
{
    it->got[node - s->env->first] = mark_of(s, it);
    if (--it->left > 0)
        return;
    mem_free(it->got);
    mem_free(it->asked);
    it->got = it->asked = NULL;
}

/* ---- what came lately ---- */

static void remember(struct sub_state *s, node_id node, struct message *m)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    uint32_t place = s->free;
    struct recent r = {message_ref(m), n->recent, sub_beat(s, node)};
    if (place != NOTHING) {
        struct recent *at = vec_at(&s->recents, place);
        s->free = at->next;
        *at = r;
    } else {
        place = (uint32_t)s->recents.len;
        if (vec_push(&s->recents, &r) != ERR_OK) {
            message_unref(m);
            fail(s);
            return;
        }
    }
    n->recent = place;
    sub_wake(s, node);
}

/* Lets go of those that are told of no more: the list is newest first. */
static void forget(struct sub_state *s, node_id node)
{
    uint32_t *at = &s->nodes[node - s->env->first].recent, beat = sub_beat(s, node);
    while (*at != NOTHING) {
        struct recent *r = vec_at(&s->recents, *at);
        if (beat - r->beat <= s->cfg->history_gossip) {
            at = &r->next;
            continue;
        }
        uint32_t place = *at;
        *at = r->next;
        message_unref(r->m);
        *r = (struct recent){.next = s->free};
        s->free = place;
    }
}

/* ---- lists of ids: IHAVE and IWANT ---- */

static void ids_release(struct message *list)
{
    struct message **all = (struct message **)(void *)list->payload;
    for (uint32_t i = 0; i < list->payload_size / sizeof *all; i++)
        message_unref(all[i]);
}

static struct message *ids_create(struct sub_state *s, node_id origin, uint32_t count)
{
    struct message *list = message_create(CHANNEL_CONTROL, 0, count * sizeof(struct message *));
    if (!list) {
        fail(s);
        return NULL;
    }
    list->origin = origin;
    list->release = ids_release;
    return list;
}

static uint32_t ids_count(const struct message *list)
{
    return list->release == ids_release ? list->payload_size / (uint32_t)sizeof(struct message *)
                                        : 0;
}

static struct message *id_at(const struct message *list, uint32_t i)
{
    return ((struct message *const *)(const void *)list->payload)[i];
}

static void tell_some(struct sub_state *s, node_id node)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    uint32_t ids = 0, chosen[SUB_CHOICE_MAX];
    for (uint32_t at = n->recent; at != NOTHING; ids++)
        at = ((struct recent *)vec_at(&s->recents, at))->next;
    uint32_t outside = n[1].first - n->first - n->mesh;
    double share = s->cfg->gossip_factor * outside;
    uint32_t want =
        share > (double)s->cfg->degree_lazy ? (uint32_t)share : (uint32_t)s->cfg->degree_lazy;
    uint32_t got = ids ? sub_choose(s, node, false, true,
                                    want < SUB_CHOICE_MAX ? want : SUB_CHOICE_MAX, chosen)
                       : 0;
    struct message *list = got ? ids_create(s, node, ids) : NULL;
    if (!list)
        return;
    struct message **all = (struct message **)(void *)list->payload;
    for (uint32_t at = n->recent, i = 0; at != NOTHING; i++) {
        const struct recent *r = vec_at(&s->recents, at);
        all[i] = message_ref(r->m);
        at = r->next;
    }
    const node_id *peers;
    s->env->host->neighbours(s->env, node, &peers);
    for (uint32_t i = 0; i < got; i++)
        sub_control(s, node, peers[chosen[i]], list, SUB_IHAVE, ids);
    message_unref(list);
}

/* Whether the node is to ask for m: it lacks it, and has not asked lately. */
static bool wants(struct sub_state *s, node_id node, struct message *m)
{
    struct item *it = item_of(s, m);
    if (!it || has(s, it, node))
        return false;
    uint8_t *asked = &it->asked[node - s->env->first], mark = mark_of(s, it);
    if (*asked && (sim_time)(mark - *asked) * s->cfg->heartbeat < s->cfg->ask_again)
        return false;
    *asked = mark;
    return true;
}

static void heard_ihave(struct sub_state *s, node_id at, node_id from, const struct message *told)
{
    uint32_t count = ids_count(told), wanted = 0;
    struct message *list = NULL, **all = NULL;
    for (uint32_t i = 0; i < count && !s->broken; i++) {
        if (!wants(s, at, id_at(told, i)))
            continue;
        if (!list && !(list = ids_create(s, at, count - i)))
            return;
        all = (struct message **)(void *)list->payload;
        all[wanted++] = message_ref(id_at(told, i));
    }
    if (list)
        sub_control(s, at, from, list, SUB_IWANT, wanted);
    message_unref(list);
}

static void send_body(struct sub_state *s, node_id from, node_id to, struct message *m)
{
    s->env->host->link(s->env, from, to, message_ref(m), SUB_BODY,
                       m->size + (uint32_t)s->cfg->envelope);
}

static void heard_iwant(struct sub_state *s, node_id at, node_id from, const struct message *list)
{
    for (uint32_t i = 0; i < ids_count(list); i++) {
        struct message *m = id_at(list, i);
        struct item *it = m ? item_of(s, m) : NULL;
        if (it && in_cache(s, it, at))
            send_body(s, at, from, m);
    }
}

/* ---- bodies ---- */

static bool unwanted(const struct item *it, uint32_t link)
{
    return it->unwanted && (it->unwanted[link / 8] >> link % 8 & 1);
}

static void mark_unwanted(struct sub_state *s, struct item *it, node_id at, node_id from)
{
    uint16_t *link = it->unwanted ? sub_link(s, at, from) : NULL;
    if (link)
        it->unwanted[(link - s->links) / 8] |= (uint8_t)(1 << (link - s->links) % 8);
}

/* Large messages with IDONTWANT: one copy at a time, the next when the node's link has sent the one
 * before, unless its receiver has said by then that it has the message. */
static void send_next(struct sub_state *s, node_id node, struct message *m)
{
    struct item *it = item_of(s, m);
    if (!it || !it->next)
        return;
    const struct sub_node *n = &s->nodes[node - s->env->first];
    uint16_t *next = &it->next[node - s->env->first];
    const node_id *peers;
    uint32_t count = s->env->host->neighbours(s->env, node, &peers);
    uint64_t up, down;
    while (*next < count && *next < UINT16_MAX) {
        uint32_t i = (*next)++;
        if (!(s->links[n->first + i] & LINK_MESH) || unwanted(it, n->first + i))
            continue;
        send_body(s, node, peers[i], m);
        s->env->host->rates(s->env, node, &up, &down);
        double takes = 8.0 * (m->size + (double)s->cfg->envelope) / (double)(up ? up : 1);
        s->env->host->timer(s->env, node, (sim_time)(takes * (double)SIM_SEC), m);
        return;
    }
}

static void forward(struct sub_state *s, struct item *it, node_id node, node_id except,
                    struct message *m, bool to_all)
{
    const struct sub_node *n = &s->nodes[node - s->env->first];
    const node_id *peers;
    uint32_t count = s->env->host->neighbours(s->env, node, &peers);
    if (it->next && !to_all) {
        send_next(s, node, m);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        if (peers[i] != except && (to_all || s->links[n->first + i] & LINK_MESH))
            send_body(s, node, peers[i], m);
}

static void tell_unwanted(struct sub_state *s, node_id node, node_id except, struct message *m)
{
    const struct sub_node *n = &s->nodes[node - s->env->first];
    const node_id *peers;
    uint32_t count = s->env->host->neighbours(s->env, node, &peers);
    for (uint32_t i = 0; i < count; i++)
        if (peers[i] != except && s->links[n->first + i] & LINK_MESH)
            sub_control(s, node, peers[i], m, SUB_IDONTWANT, 1);
}

static void heard_body(struct sub_state *s, node_id at, node_id from, struct message *m)
{
    struct item *it = item_of(s, m);
    if (!it)
        return;
    mark_unwanted(s, it, at, from);
    if (has(s, it, at))
        return;
    bool large = it->next != NULL;
    note_got(s, it, at);
    if (large)
        tell_unwanted(s, at, from, m);
    if (!s->env->host->deliver(s->env, at, from, m))
        return;
    remember(s, at, m);
    forward(s, it, at, from, m, false);
}

/* ---- the model ---- */

static enum err_code sub_init(void *state, const void *cfg, struct gossip_env *env, struct err *err)
{
    struct sub_state *s = state;
    *s = (struct sub_state){.env = env, .cfg = cfg, .free = NOTHING};
    vec_init(&s->recents, sizeof(struct recent));
    struct sim_stream *rng = env->host->random(env, env->first);
    s->nodes = mem_zalloc((size_t)env->count + 1, sizeof *s->nodes);
    s->graft = message_create(CHANNEL_CONTROL, SUB_GRAFT, 0);
    s->prune = message_create(CHANNEL_CONTROL, SUB_PRUNE, 0);
    uint32_t *order = mem_alloc(env->count, sizeof *order);
    if (!s->nodes || !s->graft || !s->prune || !order)
        goto no_memory;
    uint32_t links = 0;
    for (uint32_t n = 0; n <= env->count; n++) {
        const node_id *peers;
        s->nodes[n].first = links;
        if (n == env->count)
            break;
        links += env->host->neighbours(env, env->first + n, &peers);
        s->nodes[n].recent = NOTHING;
        s->nodes[n].phase =
            (uint32_t)sim_stream_below(rng, (uint64_t)(s->cfg->heartbeat / SIM_US) + 1);
        order[n] = n;
    }
    s->links = mem_zalloc(links, sizeof *s->links);
    if (!s->links)
        goto no_memory;
    sub_first_mesh(s, order, rng);
    mem_free(order);
    return ERR_OK;
no_memory:
    mem_free(order);
    return err_set(err, ERR_MEMORY, "no memory for the meshes of %u nodes", env->count);
}

static void sub_publish(void *state, node_id origin, struct message *m)
{
    struct sub_state *s = state;
    struct item *it = item_of(s, m);
    if (!it || s->broken)
        return;
    if (!has(s, it, origin))
        note_got(s, it, origin);
    remember(s, origin, m);
    forward(s, it, origin, NODE_NONE, m, s->cfg->flood_publish);
}

static void sub_arrived(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    struct sub_state *s = state;
    if (s->broken)
        return;
    switch (type) {
    case SUB_BODY: heard_body(s, at, from, m); break;
    case SUB_IHAVE: heard_ihave(s, at, from, m); break;
    case SUB_IWANT: heard_iwant(s, at, from, m); break;
    case SUB_GRAFT: sub_heard_graft(s, at, from); break;
    case SUB_PRUNE: sub_heard_prune(s, at, from); break;
    default:
        if (item_of(s, m))
            mark_unwanted(s, m->route, at, from);
    }
}

static void sub_timer(void *state, node_id node, struct message *m)
{
    struct sub_state *s = state;
    struct sub_node *n = &s->nodes[node - s->env->first];
    if (s->broken)
        return;
    if (m) {
        send_next(s, node, m);
        return;
    }
    n->awake = false;
    if (!s->env->host->up(s->env, node))
        return; /* sub_recover sets it going again */
    sub_mend(s, node);
    forget(s, node);
    tell_some(s, node);
    if (n->recent != NOTHING)
        sub_wake(s, node);
}

/* What it kept in memory is lost. */
static void sub_crash(void *state, node_id node)
{
    struct sub_state *s = state;
    struct sub_node *n = &s->nodes[node - s->env->first];
    sub_leave_meshes(s, node);
    while (n->recent != NOTHING) {
        struct recent *r = vec_at(&s->recents, n->recent);
        uint32_t place = n->recent;
        n->recent = r->next;
        message_unref(r->m);
        *r = (struct recent){.next = s->free};
        s->free = place;
    }
}

static void sub_recover(void *state, node_id node)
{
    sub_wake(state, node);
}

static void sub_fini(void *state)
{
    struct sub_state *s = state;
    for (size_t i = 0; i < s->recents.len; i++)
        message_unref(((struct recent *)vec_at(&s->recents, i))->m);
    vec_fini(&s->recents);
    message_unref(s->graft);
    message_unref(s->prune);
    mem_free(s->nodes);
    mem_free(s->links);
}

const struct gossip_ops gossip_gossipsub_model = {
    .model = {"gossipsub", "A mesh for messages, ids for the others (libp2p, Ethereum).",
              &gossip_gossipsub_table},
    .state_size = sizeof(struct sub_state),
    .init = sub_init,
    .publish = sub_publish,
    .link = sub_arrived,
    .timer = sub_timer,
    .crash = sub_crash,
    .recover = sub_recover,
    .fini = sub_fini,
};

/* ---- for white-box tests ---- */

uint32_t gossipsub_mesh(const void *state, node_id node)
{
    const struct sub_state *s = state;
    return s->nodes[node - s->env->first].mesh;
}

bool gossipsub_awake(const void *state, node_id node)
{
    const struct sub_state *s = state;
    return s->nodes[node - s->env->first].awake;
}

size_t gossipsub_bytes(const void *state)
{
    const struct sub_state *s = state;
    return (s->env->count + 1) * sizeof *s->nodes +
           s->nodes[s->env->count].first * sizeof *s->links +
           s->recents.cap * sizeof(struct recent);
}
