/* The network of a run: latency, links, topology and gossip put together. */
#include "models/network/internal.h"
#include "models/network/net_internal.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

FIELD_DEFINE(net_cfg, NET_FIELDS, "Links between the nodes.", NULL);

/* ---- what gossip models see ---- */

static sim_time gossip_now(struct gossip_env *env)
{
    return sim_now(((struct net *)env->net)->sim);
}

static uint32_t gossip_neighbours(struct gossip_env *env, node_id node, const node_id **out)
{
    return net_neighbours(env->net, node, out);
}

static void gossip_link(struct gossip_env *env, node_id from, node_id to, struct message *m,
                        uint8_t type, uint32_t size)
{
    net_transmit(env->net, (struct net_gossip *)env, from, to, m, type, size, false);
}

static void gossip_moot(struct gossip_env *env, node_id from, node_id to, struct message *m,
                        uint8_t type, uint32_t size)
{
    net_transmit(env->net, (struct net_gossip *)env, from, to, m, type, size, true);
}

static bool gossip_deliver(struct gossip_env *env, node_id at, node_id from, struct message *m)
{
    struct net *net = env->net;
    return net->host.deliver(net->host.self, at, from, m);
}

static void gossip_expect(struct gossip_env *env, node_id node, const struct message *m)
{
    struct net *net = env->net;
    if (m->tx && net->host.expect)
        net->host.expect(net->host.self, node, m);
}

static sim_time gossip_latency(struct gossip_env *env, node_id from, node_id to)
{
    return net_latency(env->net, from, to);
}

static void gossip_timer(struct gossip_env *env, node_id node, sim_time delay, struct message *m)
{
    net_alarm(env->net, (struct net_gossip *)env, node, delay, m);
}

static void gossip_fail(struct gossip_env *env)
{
    sim_fail(((struct net *)env->net)->sim, ERR_MEMORY);
}

static bool gossip_up(struct gossip_env *env, node_id node)
{
    struct net *net = env->net;
    return net->host.up(net->host.self, node);
}

static struct sim_stream *gossip_random(struct gossip_env *env, node_id node)
{
    struct net *net = env->net;
    if (!net->streams) {
        net->streams = mem_alloc(net->node_count, sizeof *net->streams);
        if (!net->streams) {
            sim_fail(net->sim, ERR_MEMORY);
            sim_stream_init(&net->spare, sim_seed(net->sim), node, sim_purpose("network.gossip"));
            return &net->spare;
        }
        for (node_id n = 0; n < net->node_count; n++)
            sim_stream_init(&net->streams[n], sim_seed(net->sim), n, sim_purpose("network.gossip"));
    }
    return &net->streams[node];
}

static sim_time gossip_wire(struct gossip_env *env, node_id from, node_id to,
                            struct sim_stream *rng)
{
    return net_wire_draw(env->net, from, to, rng);
}

static void gossip_rates(struct gossip_env *env, node_id node, uint64_t *up, uint64_t *down)
{
    struct net *net = env->net;
    net->link->rates(net->link_state, node, up, down);
}

static uint64_t gossip_weight(struct gossip_env *env, node_id node)
{
    struct net *net = env->net;
    return net->host.weight ? net->host.weight(net->host.self, node) : 1;
}

static uint32_t gossip_missing(struct gossip_env *env, node_id node, const struct message *m)
{
    struct net *net = env->net;
    return net->host.missing && m->block ? net->host.missing(net->host.self, node, m) : UINT32_MAX;
}

static const struct gossip_host gossip_side = {
    .now = gossip_now,
    .neighbours = gossip_neighbours,
    .link = gossip_link,
    .moot = gossip_moot,
    .deliver = gossip_deliver,
    .expect = gossip_expect,
    .latency = gossip_latency,
    .timer = gossip_timer,
    .fail = gossip_fail,
    .up = gossip_up,
    .random = gossip_random,
    .wire = gossip_wire,
    .rates = gossip_rates,
    .weight = gossip_weight,
    .missing = gossip_missing,
};

/* ---- making ---- */

static enum err_code make_latency(struct net *net, struct err *err)
{
    struct sim_stream rng;
    sim_stream_init(&rng, sim_seed(net->sim), 0, sim_purpose("network.place"));
    const struct latency_env env = {sim_seed(net->sim), net->node_count, &rng};
    net->latency = (const struct latency_ops *)net->cfg->latency.model;
    net->latency_state = mem_zalloc(1, net->latency->state_size);
    if (!net->latency_state)
        return err_set(err, ERR_MEMORY, "no memory for the latency model");
    return net->latency->init(net->latency_state, net->cfg->latency.cfg, &env, err);
}

static enum err_code make_jitter(struct net *net, struct err *err)
{
    bool spread = net->latency->spread && net->latency->spread(net->latency_state, 0, 0) >= 0;
    const struct jitter_env env = {sim_seed(net->sim), spread};
    net->jitter = (const struct jitter_ops *)net->cfg->jitter.model;
    if (net->jitter) {
        net->jitter_state = mem_zalloc(1, net->jitter->state_size);
        if (!net->jitter_state)
            return err_set(err, ERR_MEMORY, "no memory for the jitter model");
        enum err_code e = net->jitter->init(net->jitter_state, net->cfg->jitter.cfg, &env, err);
        if (e)
            return e;
    }
    if (!net->jitter && !net->latency->draw)
        return ERR_OK;
    net->wires = mem_alloc(net->node_count, sizeof *net->wires);
    if (!net->wires)
        return err_set(err, ERR_MEMORY, "no memory for the wires of %u nodes", net->node_count);
    for (node_id n = 0; n < net->node_count; n++)
        sim_stream_init(&net->wires[n], sim_seed(net->sim), n, sim_purpose("network.wire"));
    return ERR_OK;
}

static const char *node_region(void *self, node_id node)
{
    return net_region(self, node);
}

static enum err_code make_link(struct net *net, struct err *err)
{
    const struct link_env env = {sim_seed(net->sim), net->node_count, node_region, net};
    net->link = (const struct link_ops *)net->cfg->link.model;
    net->link_state = mem_zalloc(1, net->link->state_size);
    if (!net->link_state)
        return err_set(err, ERR_MEMORY, "no memory for the link model");
    return net->link->init(net->link_state, net->cfg->link.cfg, &env, err);
}

struct group_regions {
    struct net *net;
    node_id first;
};

static const char *group_region(void *self, uint32_t n)
{
    const struct group_regions *g = self;
    return net_region(g->net, g->first + n);
}

/* A group's graph; its arrays are the caller's to free. */
static enum err_code draw_graph(struct net *net, uint32_t group, node_id first, node_id count,
                                struct topology_graph *out, struct err *err)
{
    const struct topology_ops *ops = (const struct topology_ops *)net->cfg->topology.model;
    struct group_regions regions = {net, first};
    struct sim_stream rng;
    sim_stream_init(&rng, sim_seed(net->sim), group, sim_purpose("network.topology"));
    *out = (struct topology_graph){0};
    return ops->build(net->cfg->topology.cfg, count, &rng, group_region, &regions, out, err);
}

/* One graph a group, appended with global numbers. */
static enum err_code make_graph(struct net *net, uint32_t group, node_id first, node_id count,
                                struct err *err)
{
    struct topology_graph graph;
    enum err_code e = draw_graph(net, group, first, count, &graph, err);
    if (e)
        return e;
    bool everyone = graph.everyone || graph.first[count] == (uint64_t)count * (count - 1);
    size_t have = net->neighbour_count, more = everyone ? 2 * (size_t)count : graph.first[count];
    node_id *all = mem_resize(net->neighbours, have + more, sizeof *all);
    if (all)
        net->neighbours = all;
    if (all && have + more <= UINT32_MAX) {
        net->neighbour_count = have + more;
        for (size_t i = 0; i < more; i++)
            all[have + i] = first + (everyone ? (node_id)(i % count) : graph.neighbours[i]);
        for (node_id n = 0; n < count; n++) {
            net->first[first + n] = (uint32_t)have + (everyone ? n + 1 : graph.first[n]);
            net->degree[first + n] = everyone ? count - 1 : graph.first[n + 1] - graph.first[n];
        }
    }
    mem_free(graph.first);
    mem_free(graph.neighbours);
    return all && have + more <= UINT32_MAX
               ? ERR_OK
               : err_set(err, ERR_MEMORY, "no memory for a graph of %u nodes", count);
}

static enum err_code make_gossips(struct net *net, uint32_t group, node_id first, node_id count,
                                  struct err *err)
{
    const struct field_choice *choices[NET_CHANNELS] = {&net->cfg->blocks, &net->cfg->transactions,
                                                        &net->cfg->votes};
    for (uint32_t c = 0; c < NET_CHANNELS; c++) {
        struct net_gossip *g = &net->gossips[group * NET_CHANNELS + c];
        g->env = (struct gossip_env){&gossip_side, net, first, count};
        g->ops = (const struct gossip_ops *)choices[c]->model;
        g->state = mem_zalloc(1, g->ops->state_size);
        if (!g->state)
            return err_set(err, ERR_MEMORY, "no memory for dissemination");
        enum err_code e = g->ops->init(g->state, choices[c]->cfg, &g->env, err);
        if (e)
            return e;
    }
    return ERR_OK;
}

enum err_code net_create(struct net **out, const struct net_cfg *cfg, struct sim *sim,
                         uint32_t group_count, const node_id *group_first,
                         const struct net_host *host, struct err *err)
{
    struct net *net = *out = mem_zalloc(1, sizeof *net);
    if (!net)
        return err_set(err, ERR_MEMORY, "no memory for the network");
    net->cfg = cfg;
    net->sim = sim;
    net->host = *host;
    net->group_count = group_count;
    net->node_count = group_first[group_count];
    net->gossips = mem_zalloc((size_t)group_count * NET_CHANNELS, sizeof *net->gossips);
    net->first = mem_zalloc(net->node_count, sizeof *net->first);
    net->degree = mem_zalloc(net->node_count, sizeof *net->degree);
    net->nodes = mem_alloc_lines(net->node_count, sizeof *net->nodes);
    if (net->nodes)
        memset(net->nodes, 0, net->node_count * sizeof *net->nodes);
    CHECK(net->node_count <= 1 << 24 && group_count <= NET_GOSSIPS_MAX / NET_CHANNELS,
          "a network of %u nodes in %u groups", net->node_count, group_count);
    enum err_code e = net->gossips && net->first && net->degree && net->nodes
                          ? net_flights_init(net, err)
                          : err_set(err, ERR_MEMORY, "no memory for %u nodes", net->node_count);
    if (!e)
        e = make_latency(net, err);
    if (!e)
        e = make_jitter(net, err);
    if (!e)
        e = make_link(net, err);
    for (uint32_t g = 0; !e && g < group_count; g++) {
        node_id first = group_first[g], count = group_first[g + 1] - first;
        e = make_graph(net, g, first, count, err);
        if (!e)
            e = make_gossips(net, g, first, count, err);
    }
    if (e) {
        net_destroy(net);
        *out = NULL;
    }
    return e;
}

enum err_code net_create_places(struct net **out, const struct net_cfg *cfg, struct sim *sim,
                                node_id node_count, struct err *err)
{
    struct net *net = *out = mem_zalloc(1, sizeof *net);
    if (!net)
        return err_set(err, ERR_MEMORY, "no memory for the network");
    net->cfg = cfg;
    net->sim = sim;
    net->node_count = node_count;
    enum err_code e = make_latency(net, err);
    if (e) {
        net_destroy(net);
        *out = NULL;
    }
    return e;
}

enum err_code net_check_topology(struct net *net, uint32_t group_count, const node_id *group_first,
                                 struct err *err)
{
    enum err_code e = ERR_OK;
    for (uint32_t g = 0; !e && g < group_count; g++) {
        struct topology_graph graph;
        e = draw_graph(net, g, group_first[g], group_first[g + 1] - group_first[g], &graph, err);
        mem_free(graph.first);
        mem_free(graph.neighbours);
    }
    return e;
}

void net_destroy(struct net *net)
{
    if (!net)
        return;
    net_flights_fini(net);
    for (uint32_t i = 0; net->gossips && i < net->group_count * NET_CHANNELS; i++)
        if (net->gossips[i].state) {
            net->gossips[i].ops->fini(net->gossips[i].state);
            mem_free(net->gossips[i].state);
        }
    if (net->link_state)
        net->link->fini(net->link_state);
    if (net->latency_state)
        net->latency->fini(net->latency_state);
    mem_free(net->link_state);
    mem_free(net->latency_state);
    mem_free(net->jitter_state);
    mem_free(net->wires);
    mem_free(net->gossips);
    mem_free(net->first);
    mem_free(net->degree);
    mem_free(net->neighbours);
    mem_free(net->streams);
    mem_free(net->nodes);
    mem_free(net->crashed);
    mem_free(net);
}

/* ---- using ---- */

void net_send(struct net *net, node_id from, node_id to, struct message *m)
{
    net_transmit(net, NULL, from, to, m, 0, m->size, false);
}

static struct net_gossip *gossip_for(const struct net *net, uint32_t group, enum channel channel)
{
    enum net_channel c = channel == CHANNEL_BLOCK ? NET_BLOCKS
                         : channel == CHANNEL_TX  ? NET_TRANSACTIONS
                                                  : NET_VOTES;
    return &net->gossips[group * NET_CHANNELS + c];
}

void net_publish(struct net *net, uint32_t group, node_id origin, struct message *m)
{
    struct net_gossip *g = gossip_for(net, group, (enum channel)m->channel);
    if (net->host.up(net->host.self, origin))
        g->ops->publish(g->state, origin, m);
    message_unref(m);
}

void *net_gossip_state(struct net *net, uint32_t group, enum channel channel)
{
    return gossip_for(net, group, channel)->state;
}

uint32_t net_listed(const struct net *net, uint32_t group)
{
    const struct net_gossip *g = gossip_for(net, group, CHANNEL_BLOCK);
    return g->ops->listed ? g->ops->listed(g->state) : 0;
}

static void tell_gossips(struct net *net, node_id node, bool is_up)
{
    for (uint32_t i = 0; i < net->group_count * NET_CHANNELS; i++) {
        struct net_gossip *g = &net->gossips[i];
        void (*tell)(void *, node_id) = is_up ? g->ops->recover : g->ops->crash;
        if (tell && node >= g->env.first && node < g->env.first + g->env.count)
            tell(g->state, node);
    }
}

void net_crash(struct net *net, node_id node)
{
    sim_time now = sim_now(net->sim);
    if (!net->crashed && !(net->crashed = mem_zalloc(net->node_count, sizeof *net->crashed))) {
        sim_fail(net->sim, ERR_MEMORY);
        return;
    }
    net->nodes[node].crashes++;
    net->crashed[node] = now;
    net->link->crash(net->link_state, node, now);
    tell_gossips(net, node, false);
}

void net_recover(struct net *net, node_id node)
{
    tell_gossips(net, node, true);
}

const char *net_region(const struct net *net, node_id node)
{
    return net->latency->region(net->latency_state, node);
}

sim_time net_latency(const struct net *net, node_id from, node_id to)
{
    sim_time mean = net->latency->between(net->latency_state, from, to);
    if (!net->jitter || !net->jitter->by_pair(net->jitter_state))
        return mean;
    return net->jitter->draw(net->jitter_state, from, to, mean, net_spread(net, from, to), NULL);
}

uint32_t net_neighbours(const struct net *net, node_id node, const node_id **out)
{
    *out = net->neighbours + net->first[node];
    return net->degree[node];
}

struct net_traffic net_traffic(const struct net *net, enum channel channel)
{
    return net->traffic[channel];
}

void net_stats(const struct net *net, node_id node, struct net_node_stats *out)
{
    const struct net_node *n = &net->nodes[node];
    *out = (struct net_node_stats){.messages_in = n->messages_in,
                                   .messages_out = n->messages_out,
                                   .messages_lost = n->messages_lost,
                                   .bytes_in = n->bytes_in,
                                   .bytes_out = n->bytes_out};
    net->link->rates(net->link_state, node, &out->up_rate, &out->down_rate);
    net->link->busy(net->link_state, node, &out->up_busy, &out->down_busy);
}
