/* The mesh of gossipsub: heartbeats, links, GRAFT and PRUNE (gossipsub-v1.0.md, "Mesh maintenance";
 * backoff: gossipsub-v1.1.md, "Prune Backoff and Peer Exchange"). */
#include "models/network/gossipsub_internal.h"

/* ---- time ---- */

uint32_t sub_beat(const struct sub_state *s, node_id node)
{
    const struct sub_node *n = &s->nodes[node - s->env->first];
    sim_time at = s->env->host->now(s->env) - (sim_time)n->phase * 1000;
    return at < 0 ? 0 : (uint32_t)(at / s->cfg->heartbeat) + 1;
}

void sub_wake(struct sub_state *s, node_id node)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    if (n->awake)
        return;
    n->awake = true;
    sim_time next = (sim_time)n->phase * 1000 + (sim_time)sub_beat(s, node) * s->cfg->heartbeat;
    s->env->host->timer(s->env, node, next - s->env->host->now(s->env), NULL);
}

/* ---- links ---- */

uint16_t *sub_link(struct sub_state *s, node_id node, node_id peer)
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
    uint32_t until = sub_beat(s, node) + (uint32_t)(s->cfg->prune_backoff / s->cfg->heartbeat) + 1;
    *link = (uint16_t)((*link & LINK_MESH) | (until & LINK_BACKOFF));
    if (!(*link & LINK_BACKOFF))
        *link |= 1;
}

static bool backs_off(struct sub_state *s, node_id node, uint16_t *link)
{
    uint16_t until = *link & LINK_BACKOFF;
    if (!until)
        return false;
    if (((until - sub_beat(s, node)) & LINK_BACKOFF) < BACKOFF_MAX &&
        until != (sub_beat(s, node) & LINK_BACKOFF))
        return true;
    *link &= LINK_MESH;
    return false;
}

void sub_control(struct sub_state *s, node_id from, node_id to, struct message *m, uint8_t type,
                 uint32_t ids)
{
    uint64_t size = s->cfg->control + ids * s->cfg->id;
    s->env->host->link(s->env, from, to, message_ref(m), type | LINK_CONTROL, (uint32_t)size);
}

uint32_t sub_choose(struct sub_state *s, node_id node, bool mesh, bool even_backing_off,
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

/* ---- mesh ---- */

static void graft(struct sub_state *s, node_id node)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    uint32_t chosen[SUB_CHOICE_MAX];
    const node_id *peers;
    s->env->host->neighbours(s->env, node, &peers);
    uint32_t got = sub_choose(s, node, false, false, (uint32_t)s->cfg->degree - n->mesh, chosen);
    for (uint32_t i = 0; i < got; i++) {
        set_mesh(s, node, &s->links[n->first + chosen[i]], true);
        sub_control(s, node, peers[chosen[i]], s->graft, SUB_GRAFT, 0);
    }
}

static void prune(struct sub_state *s, node_id node)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    uint32_t chosen[SUB_CHOICE_MAX], surplus = n->mesh - (uint32_t)s->cfg->degree;
    const node_id *peers;
    s->env->host->neighbours(s->env, node, &peers);
    uint32_t got = sub_choose(s, node, true, true,
                              surplus < SUB_CHOICE_MAX ? surplus : SUB_CHOICE_MAX, chosen);
    for (uint32_t i = 0; i < got; i++) {
        uint16_t *link = &s->links[n->first + chosen[i]];
        set_mesh(s, node, link, false);
        back_off(s, node, link);
        sub_control(s, node, peers[chosen[i]], s->prune, SUB_PRUNE, 0);
    }
}

void sub_heard_graft(struct sub_state *s, node_id at, node_id from)
{
    uint16_t *link = sub_link(s, at, from);
    if (!link)
        return;
    bool full = s->nodes[at - s->env->first].mesh >= s->cfg->degree_high;
    if (*link & LINK_MESH)
        return;
    if (full || backs_off(s, at, link)) {
        back_off(s, at, link);
        sub_control(s, at, from, s->prune, SUB_PRUNE, 0);
    } else {
        set_mesh(s, at, link, true);
    }
}

void sub_heard_prune(struct sub_state *s, node_id at, node_id from)
{
    uint16_t *link = sub_link(s, at, from);
    if (!link)
        return;
    set_mesh(s, at, link, false);
    back_off(s, at, link);
    if (s->nodes[at - s->env->first].mesh < s->cfg->degree_low)
        sub_wake(s, at);
}

void sub_mend(struct sub_state *s, node_id node)
{
    const struct sub_node *n = &s->nodes[node - s->env->first];
    if (n->mesh < s->cfg->degree_low)
        graft(s, node);
    else if (n->mesh > s->cfg->degree_high)
        prune(s, node);
}

void sub_first_mesh(struct sub_state *s, uint32_t *order, struct sim_stream *rng)
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
                set_mesh(s, peers[place], sub_link(s, peers[place], node), true);
            }
    }
}

void sub_leave_meshes(struct sub_state *s, node_id node)
{
    struct sub_node *n = &s->nodes[node - s->env->first];
    const node_id *peers;
    uint32_t count = s->env->host->neighbours(s->env, node, &peers);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t *there = sub_link(s, peers[i], node);
        set_mesh(s, node, &s->links[n->first + i], false);
        if (!there || !(*there & LINK_MESH))
            continue;
        set_mesh(s, peers[i], there, false);
        if (s->nodes[peers[i] - s->env->first].mesh < s->cfg->degree_low)
            sub_wake(s, peers[i]);
    }
}
