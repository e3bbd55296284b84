/* Messages on their way, and gossip models' alarms: from the sender's link over the wire into the
 * receiver's, what crashes cut off, what is lost. */
#include "models/network/net_internal.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

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
enum { WIRE_SHIFT = 18, WIRE_MAX = 0xffff, TYPE_MAX = 0xf };

enum { FLIGHTS = 1024 }; /* in one chunk */
struct flight_chunk {
    struct flight_chunk *next;
    _Alignas(64) struct flight flights[FLIGHTS];
};

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
    if (f->m->tx && f->size >= f->m->size && net->host.expect)
        net->host.expect(net->host.self, f->to, f->m);
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

sim_time net_spread(const struct net *net, node_id from, node_id to)
{
    return net->latency->spread ? net->latency->spread(net->latency_state, from, to) : -1;
}

sim_time net_wire_draw(const struct net *net, node_id from, node_id to, struct sim_stream *rng)
{
    const struct latency_ops *latency = net->latency;
    if (!net->wires)
        return latency->between(net->latency_state, from, to);
    sim_time mean = latency->draw ? latency->draw(net->latency_state, from, to, rng)
                                  : latency->between(net->latency_state, from, to);
    if (!net->jitter)
        return mean;
    return net->jitter->draw(net->jitter_state, from, to, mean, net_spread(net, from, to), rng);
}

/* Neither a block nor a transaction nor mail travels: an announcement, a request, a vote. */
static bool is_control(const struct message *m, uint8_t type)
{
    return type & LINK_CONTROL || (m->channel != CHANNEL_BLOCK && m->channel != CHANNEL_TX &&
                                   m->channel != CHANNEL_LAYER && !m->block && !m->tx);
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

static void count_sent(struct net *net, node_id from, const struct message *m, uint8_t type,
                       uint32_t size)
{
    struct net_traffic *t = &net->traffic[type & LINK_CONTROL ? CHANNEL_CONTROL : m->channel];
    net->nodes[from].messages_out++;
    net->nodes[from].bytes_out += size;
    t->messages++;
    t->bytes += size;
}

/* A message that will change nothing where it goes, over links that hold nothing up at its end:
 * sent and counted, but no event. Takes over the reference on m. */
static void pass_over(struct net *net, node_id from, node_id to, struct message *m, uint8_t type,
                      uint32_t size, sim_time delay)
{
    struct link_departure d;
    sim_time latency = net_wire_draw(net, from, to, net->wires ? &net->wires[from] : NULL) + delay;
    net->link->send(net->link_state, from, to, size, is_control(m, type), sim_now(net->sim),
                    latency, &d);
    struct net_node *a = &net->nodes[from], *b = &net->nodes[to];
    count_sent(net, from, m, type, size);
    a->messages_lost += d.lost;
    b->messages_in += !d.lost;
    b->bytes_in += d.lost ? 0 : size;
    message_unref(m);
}

void net_transmit(struct net *net, struct net_gossip *gossip, node_id from, node_id to,
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
    f->gossip = gossip_number(net, gossip) & NET_GOSSIPS_MAX;
    f->type = (unsigned)type & TYPE_MAX;
    f->size = size;
    if (from == to) {
        f->to_crashes = f->from_crashes;
        if (sim_schedule(net->sim, now, SIM_CLASS_NETWORK, from, net->arrive, to, sim_arg(f)))
            flight_drop(net, f);
        return;
    }
    struct link_departure d;
    sim_time latency = net_wire_draw(net, from, to, net->wires ? &net->wires[from] : NULL) + delay;
    net->link->send(net->link_state, from, to, size, control, now, latency, &d);
    count_sent(net, from, m, kind, size);
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

void net_alarm(struct net *net, struct net_gossip *gossip, node_id node, sim_time delay,
               struct message *m)
{
    struct flight *f = flight_make(net, m ? message_ref(m) : NULL, node, node);
    if (!f)
        return;
    f->gossip = gossip_number(net, gossip) & NET_GOSSIPS_MAX;
    if (sim_schedule(net->sim, sim_now(net->sim) + delay, SIM_CLASS_TIMER, node, net->alarm, node,
                     sim_arg(f)))
        flight_drop(net, f);
}

enum err_code net_flights_init(struct net *net, struct err *err)
{
    if (sim_add_handler(net->sim, &net->first_byte, "network.first-byte", on_first_byte, net) ||
        sim_add_handler(net->sim, &net->arrive, "network.arrive", on_arrive, net) ||
        sim_add_handler(net->sim, &net->alarm, "network.alarm", on_alarm, net))
        return err_set(err, ERR_LIMIT, "too many event handlers");
    return ERR_OK;
}

void net_flights_fini(struct net *net)
{
    while (net->chunks) {
        struct flight_chunk *c = net->chunks;
        net->chunks = c->next;
        for (int i = 0; i < FLIGHTS; i++)
            message_unref(c->flights[i].m);
        mem_free(c);
    }
    mem_free(net->free);
}
