/* The network of a run: latency, links, topology and gossip put together. */
#include "models/network/internal.h"
#include "models/network/network.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

FIELD_DEFINE(net_cfg, NET_FIELDS, "Links between the nodes.", NULL);

enum net_channel { NET_BLOCKS, NET_TRANSACTIONS, NET_VOTES, NET_CHANNELS };

/* One group's dissemination of one kind of message. */
struct net_gossip {
    struct gossip_env env; /* first: the gossip host casts back */
    const struct gossip_ops *ops;
    void *state;
};

/* A message on its way from one node to another, or (timer) a gossip model's alarm: 32 bytes, two a
 * cache line, for a busy network touches one at every event. Free ones have no message. */
struct flight {
    struct message *m; /* a reference */
    sim_time last;
    uint32_t from : 24;
    uint32_t from_crashes : 8; /* the sender's when it was sent */
    uint32_t to : 24;
    uint32_t to_crashes : 8; /* the receiver's when the first byte came */
    uint32_t size;
    uint32_t gossip : 12; /* of net->gossips, plus one; 0: point to point */
    uint32_t type : 4;
    uint32_t wire : 16; /* from the last byte's leaving to `last`, in units of 2^WIRE_SHIFT ns */
};
_Static_assert(sizeof(struct flight) == 32, "two flights a cache line");
enum { WIRE_SHIFT = 18, WIRE_MAX = 0xffff, GOSSIPS_MAX = 0xfff, TYPE_MAX = 0xf };

/* What every message touches of a node: half a cache line, for large networks wait for these more
 * than for anything else. A run of 2^32 messages at one node would take days. */
struct net_node {
    uint64_t bytes_in, bytes_out;
    uint32_t messages_in, messages_out, messages_lost;
    uint8_t crashes; /* modulo 256 */
};
_Static_assert(sizeof(struct net_node) == 32, "two nodes a cache line");

enum { FLIGHTS = 1024 }; /* in one chunk */
struct flight_chunk {
    struct flight_chunk *next;
    _Alignas(64) struct flight flights[FLIGHTS];
};

struct net {
    const struct net_cfg *cfg;
    struct sim *sim;
    struct net_host host;
    node_id node_count;
    uint32_t group_count;
    const struct latency_ops *latency;
    const struct jitter_ops *jitter; /* NULL: none */
    const struct link_ops *link;
    void *latency_state, *jitter_state, *link_state;
    struct sim_stream *wires;   /* by sender; NULL where wires take what the latency model says */
    struct net_gossip *gossips; /* group_count x NET_CHANNELS */
    uint32_t *first, *degree;   /* neighbours of node n: degree[n] from neighbours[first[n]] on */
    node_id *neighbours;
    size_t neighbour_count;     /* entries of that array */
    struct sim_stream *streams; /* of gossip models, by node; made when one asks */
    struct sim_stream spare;    /* until the run ends, when there is no memory for them */
    struct net_node *nodes;
    sim_time *crashed; /* by node, when last; NULL until one does */
    struct flight_chunk *chunks;
    struct flight **free; /* those not in use, last in, first out */
    size_t free_count, flight_count;
    sim_handler_id first_byte, arrive, alarm;
};

/* ---- flights ---- */

static bool flights_grow(struct net *net)
{
    struct flight **more = mem_resize(net->free, net->flight_count + FLIGHTS, sizeof *more);
    if (!more)
        return false;
    net->free = more;
    struct flight_chunk *c = mem_alloc_lines(1, sizeof *c);
    if (!c)
        return false;
    memset(c, 0, sizeof *c);
    c->next = net->chunks;
    net->chunks = c;
    net->flight_count += FLIGHTS;
    for (int i = FLIGHTS - 1; i >= 0; i--)
        net->free[net->free_count++] = &c->flights[i];
    return true;
}

static struct flight *flight_make(struct net *net, struct message *m, node_id from, node_id to)
{
    if (!net->free_count && !flights_grow(net)) {
        message_unref(m);
        sim_fail(net->sim, ERR_MEMORY);
        return NULL;
    }
    struct flight *f = net->free[--net->free_count];
    *f = (struct flight){.m = m, .from = from & 0xffffff, .to = to & 0xffffff};
    if (net->crashed)
        f->from_crashes = net->nodes[from].crashes;
    return f;
}

static void flight_drop(struct net *net, struct flight *f)
{
    message_unref(f->m);
    f->m = NULL;
    net->free[net->free_count++] = f;
}

static struct net_gossip *gossip_of(struct net *net, const struct flight *f)
{
    return f->gossip ? &net->gossips[f->gossip - 1] : NULL;
}

static uint32_t gossip_number(const struct net *net, const struct net_gossip *g)
{
    return g ? (uint32_t)(g - net->gossips) + 1 : 0;
}

/* Whether its sender went down before the last byte had left. Of several crashes since, the first
 * one counts, which is no longer known: then it is taken for lost. */
static bool cut_off(struct net *net, const struct flight *f)
{
    if (!net->crashed)
        return false;
    uint8_t since = (uint8_t)(net->nodes[f->from].crashes - f->from_crashes);
    if (since == 0 ||
        (since == 1 && net->crashed[f->from] >= f->last - ((sim_time)f->wire << WIRE_SHIFT)))
        return false;
    net->nodes[f->from].messages_lost++;
    return true;
}

/* It is at its receiver, or never will be. */
static void tell_ended(struct net *net, const struct flight *f, bool arrived)
{
    const struct watch_flight w = {.id = f,
                                   .now = sim_now(net->sim),
                                   .from = f->from,
                                   .to = f->to,
                                   .message = f->m,
                                   .size = f->size};
    net->host.watch->ended(net->host.watch->self, &w, arrived);
}

static void land(struct net *net, struct flight *f)
{
    bool arrived = net->host.up(net->host.self, f->to) &&
                   (!net->crashed || f->to_crashes == net->nodes[f->to].crashes) &&
                   !cut_off(net, f);
    if (net->host.watch && net->host.watch->ended)
        tell_ended(net, f, arrived);
    if (arrived) {
        net->nodes[f->to].messages_in++;
        net->nodes[f->to].bytes_in += f->size;
        struct net_gossip *g = gossip_of(net, f);
        if (g)
            g->ops->link(g->state, f->to, f->from, f->m, f->type);
        else
            net->host.deliver(net->host.self, f->to, f->from, f->m);
    }
    flight_drop(net, f);
}

static void on_arrive(struct sim *sim, void *self, const struct sim_event *ev)
{
    (void)sim;
    land(self, sim_arg_pointer(ev));
}

/* The first byte is at the receiver's link: its queue decides when the whole is in. */
static void on_first_byte(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct net *net = self;
    struct flight *f = sim_arg_pointer(ev);
    __builtin_prefetch(&net->nodes[f->to], 1);
    if (!net->host.up(net->host.self, f->to) || cut_off(net, f)) {
        if (net->host.watch && net->host.watch->ended)
            tell_ended(net, f, false);
        flight_drop(net, f);
        return;
    }
    if (net->crashed)
        f->to_crashes = net->nodes[f->to].crashes;
    sim_time whole = f->last;
    if (net->link->receive)
        whole = net->link->receive(net->link_state, f->to, f->size, sim_now(sim), f->last);
    if (whole <= sim_now(sim))
        land(net, f);
    else if (sim_schedule(sim, whole, SIM_CLASS_NETWORK, f->to, net->arrive, f->to, sim_arg(f)))
        flight_drop(net, f);
}

static void on_alarm(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct net *net = self;
    struct flight *f = sim_arg_pointer(ev);
    (void)sim;
    struct net_gossip *g = gossip_of(net, f);
    /* A node that is down too: what the model sends for it goes nowhere, what it notes counts. */
    g->ops->timer(g->state, f->to, f->m);
    flight_drop(net, f);
}

static sim_time spread_of(const struct net *net, node_id from, node_id to)
{
    return net->latency->spread ? net->latency->spread(net->latency_state, from, to) : -1;
}

static sim_time wire_time(const struct net *net, node_id from, node_id to, struct sim_stream *rng)
{
    const struct latency_ops *latency = net->latency;
    if (!net->wires)
        return latency->between(net->latency_state, from, to);
    sim_time mean = latency->draw ? latency->draw(net->latency_state, from, to, rng)
                                  : latency->between(net->latency_state, from, to);
    if (!net->jitter)
        return mean;
    return net->jitter->draw(net->jitter_state, from, to, mean, spread_of(net, from, to), rng);
}

/* Neither a block nor a transaction travels: an announcement, a request, a vote. */
static bool is_control(const struct message *m, uint8_t type)
{
    return type & LINK_CONTROL ||
           (m->channel != CHANNEL_BLOCK && m->channel != CHANNEL_TX && !m->block && !m->tx);
}

static void tell_sent(struct net *net, const struct flight *f, node_id from, node_id to,
                      const struct message *m, uint8_t type, uint32_t size, bool lost)
{
    const struct world_watch *watch = net->host.watch;
    const struct watch_flight w = {f,    sim_now(net->sim),          from, to, m,
                                   size, (type & LINK_CONTROL) != 0, lost};
    if (watch->sent)
        watch->sent(watch->self, &w);
}

/* A message that will change nothing where it goes, over links that hold nothing up at its end:
 * sent and counted, but no event. Takes over the reference on m. */
static void pass_over(struct net *net, node_id from, node_id to, struct message *m, uint8_t type,
                      uint32_t size, sim_time delay)
{
    struct link_departure d;
    sim_time latency = wire_time(net, from, to, net->wires ? &net->wires[from] : NULL) + delay;
    net->link->send(net->link_state, from, to, size, is_control(m, type), sim_now(net->sim),
                    latency, &d);
    struct net_node *a = &net->nodes[from], *b = &net->nodes[to];
    a->messages_out++;
    a->bytes_out += size;
    a->messages_lost += d.lost;
    b->messages_in += !d.lost;
    b->bytes_in += d.lost ? 0 : size;
    message_unref(m);
}

/* Takes over the reference on m. */
static void transmit(struct net *net, struct net_gossip *gossip, node_id from, node_id to,
                     struct message *m, uint8_t type, uint32_t size, bool moot)
{
    sim_time delay = 0, now = sim_now(net->sim);
    struct message *instead = NULL;
    bool up = net->host.up(net->host.self, from);
    if (!up || (net->host.filter && from != to &&
                !net->host.filter(net->host.self, from, to, m, &delay, &instead))) {
        if (up && net->host.watch)
            tell_sent(net, NULL, from, to, m, type, size, true);
        message_unref(m);
        return;
    }
    if (instead) {
        message_unref(m);
        m = instead;
    }
    if (moot && !instead && !net->link->receive && !net->host.watch) {
        pass_over(net, from, to, m, type, size, delay);
        return;
    }
    struct flight *f = flight_make(net, m, from, to);
    if (!f)
        return;
    bool control = is_control(m, type);
    uint8_t kind = type;
    type &= (uint8_t)~LINK_CONTROL;
    CHECK(type <= TYPE_MAX, "a gossip message of type %u", type);
    f->gossip = gossip_number(net, gossip) & GOSSIPS_MAX;
    f->type = (unsigned)type & TYPE_MAX;
    f->size = size;
    if (from == to) {
        f->to_crashes = f->from_crashes;
        if (sim_schedule(net->sim, now, SIM_CLASS_NETWORK, from, net->arrive, to, sim_arg(f)))
            flight_drop(net, f);
        return;
    }
    struct link_departure d;
    sim_time latency = wire_time(net, from, to, net->wires ? &net->wires[from] : NULL) + delay;
    net->link->send(net->link_state, from, to, size, control, now, latency, &d);
    net->nodes[from].messages_out++;
    net->nodes[from].bytes_out += size;
    f->last = d.last;
    sim_time wire = (d.last - d.sent) >> WIRE_SHIFT;
    f->wire = wire < WIRE_MAX ? (uint16_t)wire : WIRE_MAX;
    if (d.lost)
        net->nodes[from].messages_lost++;
    if (net->host.watch)
        tell_sent(net, f, from, to, m, kind, size, d.lost);
    if (d.lost ||
        sim_schedule(net->sim, d.first, SIM_CLASS_NETWORK, from, net->first_byte, to, sim_arg(f)))
        flight_drop(net, f);
}

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
    transmit(env->net, (struct net_gossip *)env, from, to, m, type, size, false);
}

static void gossip_moot(struct gossip_env *env, node_id from, node_id to, struct message *m,
                        uint8_t type, uint32_t size)
{
    transmit(env->net, (struct net_gossip *)env, from, to, m, type, size, true);
}

static bool gossip_deliver(struct gossip_env *env, node_id at, node_id from, struct message *m)
{
    struct net *net = env->net;
    return net->host.deliver(net->host.self, at, from, m);
}

static sim_time gossip_latency(struct gossip_env *env, node_id from, node_id to)
{
    return net_latency(env->net, from, to);
}

static void gossip_timer(struct gossip_env *env, node_id node, sim_time delay, struct message *m)
{
    struct net *net = env->net;
    struct flight *f = flight_make(net, m ? message_ref(m) : NULL, node, node);
    if (!f)
        return;
    f->gossip = gossip_number(net, (struct net_gossip *)env) & GOSSIPS_MAX;
    if (sim_schedule(net->sim, sim_now(net->sim) + delay, SIM_CLASS_TIMER, node, net->alarm, node,
                     sim_arg(f)))
        flight_drop(net, f);
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
    return wire_time(env->net, from, to, rng);
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

static enum err_code make_handlers(struct net *net, struct err *err)
{
    if (sim_add_handler(net->sim, &net->first_byte, "network.first-byte", on_first_byte, net) ||
        sim_add_handler(net->sim, &net->arrive, "network.arrive", on_arrive, net) ||
        sim_add_handler(net->sim, &net->alarm, "network.alarm", on_alarm, net))
        return err_set(err, ERR_LIMIT, "too many event handlers");
    return ERR_OK;
}

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
    CHECK(net->node_count <= 1 << 24 && group_count <= GOSSIPS_MAX / NET_CHANNELS,
          "a network of %u nodes in %u groups", net->node_count, group_count);
    enum err_code e = net->gossips && net->first && net->degree && net->nodes
                          ? make_handlers(net, err)
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
    while (net->chunks) {
        struct flight_chunk *c = net->chunks;
        net->chunks = c->next;
        for (int i = 0; i < FLIGHTS; i++)
            message_unref(c->flights[i].m);
        mem_free(c);
    }
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
    mem_free(net->free);
    mem_free(net);
}

/* ---- using ---- */

void net_send(struct net *net, node_id from, node_id to, struct message *m)
{
    transmit(net, NULL, from, to, m, 0, m->size, false);
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
    return net->jitter->draw(net->jitter_state, from, to, mean, spread_of(net, from, to), NULL);
}

uint32_t net_neighbours(const struct net *net, node_id node, const node_id **out)
{
    *out = net->neighbours + net->first[node];
    return net->degree[node];
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
