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
#include "models/network/gossip_pull.h"
#include "models/network/internal.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#include <string.h>

/* An RPC of protobuf over yamux and noise: 30 bytes of frames; control, topic and ihave tags with a
 * topic such as /eth2/4a26c58b/beacon_block/ssz_snappy: 46; an id of 20 bytes with its tag: 22. */
#define GOSSIP_GOSSIPSUB_FIELDS(F, S)                                                              \
    F(S, COUNT, degree, "8", "1", "1000", "D: peers in a node's mesh after it was mended.")        \
    F(S, COUNT, degree_low, "6", "0", "1000", "D_low: with fewer, a node grafts.")                 \
    F(S, COUNT, degree_high, "12", "1", "1000", "D_high: with more, a node prunes.")               \
    F(S, COUNT, degree_lazy, "6", "0", "1000",                                                     \
      "D_lazy: peers outside the mesh that a heartbeat tells what is new.")                        \
    F(S, FRACTION, gossip_factor, "25%", "0%", "100%",                                             \
      "Share of the peers outside the mesh that are told, where that is more than D_lazy.")        \
    F(S, DURATION, heartbeat, "700ms", "1ms", "1h", "From one heartbeat to the next.")             \
    F(S, COUNT, history_gossip, "3", "1", "100",                                                   \
      "mcache_gossip: a message is told of for so many heartbeats.")                               \
    F(S, COUNT, history_length, "6", "1", "100",                                                   \
      "mcache_len: it can be asked for as long as that.")                                          \
    F(S, DURATION, prune_backoff, "60s", "0s", "1h", "Who was pruned is not grafted before.")      \
    F(S, DURATION, ask_again, "3s", "1ms", "1h",                                                   \
      "After that without an answer, a message is asked of another peer that tells of it.")        \
    F(S, BOOL, flood_publish, "false", NULL, NULL,                                                 \
      "Its maker sends a message to all its peers, not only to its mesh.")                         \
    F(S, BOOL, idontwant, "false", NULL, NULL,                                                     \
      "Version 1.2: who has a large message tells its mesh, and copies that have not left are "    \
      "not "                                                                                       \
      "sent.")                                                                                     \
    F(S, SIZE, idontwant_above, "1KB", "0B", "1GB", "What is large.")                              \
    F(S, SIZE, envelope, "76B", "0B", "64KB", "Bytes around a message: frames and topic.")         \
    F(S, SIZE, control, "76B", "1B", "64KB", "Bytes of a control message without its ids.")        \
    F(S, SIZE, id, "22B", "1B", "64KB", "Bytes of a message id.")
FIELD_DECLARE(gossip_gossipsub, GOSSIP_GOSSIPSUB_FIELDS);

static void gossipsub_check(const void *cfg, struct field_report *report)
{
    const struct gossip_gossipsub *c = cfg;
    if (c->degree_low > c->degree)
        field_complain(report, "degree_low", "must not be above degree");
    if (c->degree_high < c->degree)
        field_complain(report, "degree_high", "must not be below degree");
    if (c->history_gossip > c->history_length)
        field_complain(report, "history_gossip", "must not be above history_length");
}
FIELD_DEFINE(gossip_gossipsub, GOSSIP_GOSSIPSUB_FIELDS,
             "A mesh that gets messages whole at once, and ids of what is new for the others.",
             gossipsub_check);

enum { SUB_BODY, SUB_IHAVE, SUB_IWANT, SUB_GRAFT, SUB_PRUNE, SUB_IDONTWANT };

/* A link's word at one of its ends: in the mesh, and until which heartbeat it is not to be. */
enum { LINK_MESH = 0x8000, LINK_BACKOFF = 0x7fff, NOTHING = UINT32_MAX };

struct sub_node {
    uint32_t first;  /* of its links */
    uint32_t recent; /* newest of what it heard lately, in `recents`; NOTHING: none */
    uint32_t phase;  /* its heart beats at phase, phase + heartbeat, ...; microseconds */
    uint16_t mesh;   /* links in the mesh */
    bool awake;      /* the next heartbeat is due */
};

struct recent {
    struct message *m; /* a reference */
    uint32_t next;     /* older one, or free one */
    uint32_t beat;     /* in which it came */
};

struct sub_state {
    struct gossip_env *env;
    const struct gossip_gossipsub *cfg;
    struct sub_node *nodes; /* count + 1: the last one ends the links */
    uint16_t *links;
    struct vec recents; /* struct recent */
    uint32_t free;      /* of recents */
    struct message *graft, *prune;
    bool broken; /* memory ran out */
};

/* What hangs on a message. */
struct item {
    uint32_t left;  /* nodes that lack it */
    uint32_t begun; /* heartbeat, counted from 0 at the start of the run, in which it was made */
    uint8_t *got;   /* by node: heartbeats from begun plus 1, to 255; 0: lacks it. NULL: all have */
    uint8_t *asked; /* likewise: when it asked */
    uint16_t *next; /* by node: place of the next mesh peer to send to; only with idontwant */
    uint8_t *unwanted; /* a bit a link; only with idontwant */
};

/* ---- time ---- */

static uint32_t beat_of(const struct sub_state *s, node_id node)
{
    const struct sub_node *n = &s->nodes[node - s->env->first];
    sim_time at = s->env->host->now(s->env) - (sim_time)n->phase * 1000;
    return at < 0 ? 0 : (uint32_t)(at / s->cfg->heartbeat) + 1;
}

static void wake(struct sub_state *s, node_id node)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    if (n->awake)
        return;
    n->awake = true;
    sim_time next = (sim_time)n->phase * 1000 + (sim_time)beat_of(s, node) * s->cfg->heartbeat;
    s->env->host->timer(s->env, node, next - s->env->host->now(s->env), NULL);
}

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

/* ---- links and mesh ---- */

static uint16_t *link_of(struct sub_state *s, node_id node, node_id peer)
{
    uint32_t place = gossip_position(s->env, node, peer);
    return place == UINT32_MAX ? NULL : &s->links[s->nodes[node - s->env->first].first + place];
}

static void set_mesh(struct sub_state *s, node_id node, uint16_t *link, bool in)
{
    if (((*link & LINK_MESH) != 0) == in)
        return;
    *link ^= LINK_MESH;
    uint16_t *mesh = &s->nodes[node - s->env->first].mesh;
    *mesh = (uint16_t)(in ? *mesh + 1 : *mesh - 1);
}

/* Heartbeats pass a node's phase one by one; the backoff is kept modulo 2^15 of them. */
static void back_off(struct sub_state *s, node_id node, uint16_t *link)
{
    uint32_t until = beat_of(s, node) + (uint32_t)(s->cfg->prune_backoff / s->cfg->heartbeat) + 1;
    *link = (uint16_t)((*link & LINK_MESH) | (until & LINK_BACKOFF));
    if (!(*link & LINK_BACKOFF))
        *link |= 1;
}

static bool backs_off(struct sub_state *s, node_id node, uint16_t *link)
{
    uint16_t until = *link & LINK_BACKOFF;
    if (!until)
        return false;
    if (((until - beat_of(s, node)) & LINK_BACKOFF) < LINK_MESH / 2 &&
        until != (beat_of(s, node) & LINK_BACKOFF))
        return true;
    *link &= LINK_MESH;
    return false;
}

static void control(struct sub_state *s, node_id from, node_id to, struct message *m, uint8_t type,
                    uint32_t ids)
{
    uint64_t size = s->cfg->control + ids * s->cfg->id;
    s->env->host->link(s->env, from, to, message_ref(m), type | LINK_CONTROL, (uint32_t)size);
}

/* Up to `want` links of the node that may be grafted (`mesh` false) or are in the mesh: each is
 * equally likely, their places go to `out`. */
static uint32_t choose(struct sub_state *s, node_id node, bool mesh, bool even_backing_off,
                       uint32_t want, uint32_t *out)
{
    const struct sub_node *n = &s->nodes[node - s->env->first];
    uint32_t count = n[1].first - n->first, seen = 0, have = 0;
    const node_id *peers;
    s->env->host->neighbours(s->env, node, &peers);
    struct sim_stream *rng = s->env->host->random(s->env, node);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t *link = &s->links[n->first + i];
        if (((*link & LINK_MESH) != 0) != mesh || !s->env->host->up(s->env, peers[i]) ||
            (!mesh && !even_backing_off && backs_off(s, node, link)))
            continue;
        /* A reservoir: the k-th candidate takes a place with chance want / k. */
        seen++;
        if (have < want) {
            out[have++] = i;
            continue;
        }
        uint64_t at = sim_stream_below(rng, seen);
        if (at < want)
            out[at] = i;
    }
    return have;
}

enum { CHOICE_MAX = 1000 };

static void graft(struct sub_state *s, node_id node)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    uint32_t chosen[CHOICE_MAX];
    const node_id *peers;
    s->env->host->neighbours(s->env, node, &peers);
    uint32_t got = choose(s, node, false, false, (uint32_t)s->cfg->degree - n->mesh, chosen);
    for (uint32_t i = 0; i < got; i++) {
        set_mesh(s, node, &s->links[n->first + chosen[i]], true);
        control(s, node, peers[chosen[i]], s->graft, SUB_GRAFT, 0);
    }
}

static void prune(struct sub_state *s, node_id node)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    uint32_t chosen[CHOICE_MAX], surplus = n->mesh - (uint32_t)s->cfg->degree;
    const node_id *peers;
    s->env->host->neighbours(s->env, node, &peers);
    uint32_t got = choose(s, node, true, true, surplus < CHOICE_MAX ? surplus : CHOICE_MAX, chosen);
    for (uint32_t i = 0; i < got; i++) {
        uint16_t *link = &s->links[n->first + chosen[i]];
        set_mesh(s, node, link, false);
        back_off(s, node, link);
        control(s, node, peers[chosen[i]], s->prune, SUB_PRUNE, 0);
    }
}

static void heard_graft(struct sub_state *s, node_id at, node_id from)
{
    uint16_t *link = link_of(s, at, from);
    if (!link)
        return;
    bool full = s->nodes[at - s->env->first].mesh >= s->cfg->degree_high;
    if (*link & LINK_MESH)
        return;
    if (full || backs_off(s, at, link)) {
        back_off(s, at, link);
        control(s, at, from, s->prune, SUB_PRUNE, 0);
    } else {
        set_mesh(s, at, link, true);
    }
}

static void heard_prune(struct sub_state *s, node_id at, node_id from)
{
    uint16_t *link = link_of(s, at, from);
    if (!link)
        return;
    set_mesh(s, at, link, false);
    back_off(s, at, link);
    if (s->nodes[at - s->env->first].mesh < s->cfg->degree_low)
        wake(s, at);
}

/* ---- what came lately ---- */

static void remember(struct sub_state *s, node_id node, struct message *m)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    uint32_t place = s->free;
    struct recent r = {message_ref(m), n->recent, beat_of(s, node)};
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
    wake(s, node);
}

/* Lets go of those that are told of no more: the list is newest first. */
static void forget(struct sub_state *s, node_id node)
{
    uint32_t *at = &s->nodes[node - s->env->first].recent, beat = beat_of(s, node);
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
    uint32_t ids = 0, chosen[CHOICE_MAX];
    for (uint32_t at = n->recent; at != NOTHING; ids++)
        at = ((struct recent *)vec_at(&s->recents, at))->next;
    uint32_t outside = n[1].first - n->first - n->mesh;
    double share = s->cfg->gossip_factor * outside;
    uint32_t want =
        share > (double)s->cfg->degree_lazy ? (uint32_t)share : (uint32_t)s->cfg->degree_lazy;
    uint32_t got =
        ids ? choose(s, node, false, true, want < CHOICE_MAX ? want : CHOICE_MAX, chosen) : 0;
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
        control(s, node, peers[chosen[i]], list, SUB_IHAVE, ids);
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
        control(s, at, from, list, SUB_IWANT, wanted);
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
    uint16_t *link = it->unwanted ? link_of(s, at, from) : NULL;
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
            control(s, node, peers[i], m, SUB_IDONTWANT, 1);
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

/* The mesh that heartbeats come to: in random order, each node grafts peers with room until it has
 * D, or none is left. */
static void first_mesh(struct sub_state *s, uint32_t *order, struct sim_stream *rng)
{
    sim_stream_shuffle(rng, order, s->env->count);
    for (uint32_t k = 0; k < s->env->count; k++) {
        node_id node = s->env->first + order[k];
        struct sub_node *n = &s->nodes[order[k]];
        const node_id *peers;
        uint32_t count = s->env->host->neighbours(s->env, node, &peers);
        uint32_t start = count ? (uint32_t)sim_stream_below(rng, count) : 0;
        /* Neighbours in order from a random one on: ones with fewer than D first. */
        for (uint32_t pass = 0; pass < 2; pass++)
            for (uint32_t i = 0; i < count; i++) {
                uint32_t place = (start + i) % count;
                uint16_t *link = &s->links[n->first + place];
                uint64_t room = pass ? s->cfg->degree_high : s->cfg->degree;
                uint64_t enough = pass ? s->cfg->degree_low : s->cfg->degree;
                if (n->mesh >= enough)
                    break;
                if (*link & LINK_MESH || s->nodes[peers[place] - s->env->first].mesh >= room)
                    continue;
                set_mesh(s, node, link, true);
                set_mesh(s, peers[place], link_of(s, peers[place], node), true);
            }
    }
}

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
    first_mesh(s, order, rng);
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

static void sub_link(void *state, node_id at, node_id from, struct message *m, uint8_t type)
{
    struct sub_state *s = state;
    if (s->broken)
        return;
    switch (type) {
    case SUB_BODY: heard_body(s, at, from, m); break;
    case SUB_IHAVE: heard_ihave(s, at, from, m); break;
    case SUB_IWANT: heard_iwant(s, at, from, m); break;
    case SUB_GRAFT: heard_graft(s, at, from); break;
    case SUB_PRUNE: heard_prune(s, at, from); break;
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
    if (n->mesh < s->cfg->degree_low)
        graft(s, node);
    else if (n->mesh > s->cfg->degree_high)
        prune(s, node);
    forget(s, node);
    tell_some(s, node);
    if (n->recent != NOTHING)
        wake(s, node);
}

/* Its connections close: both ends forget the mesh. What it kept in memory is lost. */
static void sub_crash(void *state, node_id node)
{
    struct sub_state *s = state;
    struct sub_node *n = &s->nodes[node - s->env->first];
    const node_id *peers;
    uint32_t count = s->env->host->neighbours(s->env, node, &peers);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t *there = link_of(s, peers[i], node);
        set_mesh(s, node, &s->links[n->first + i], false);
        if (!there || !(*there & LINK_MESH))
            continue;
        set_mesh(s, peers[i], there, false);
        if (s->nodes[peers[i] - s->env->first].mesh < s->cfg->degree_low)
            wake(s, peers[i]);
    }
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
    wake(state, node);
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
    .link = sub_link,
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
