/* tests/unit/spread_rig.h - a network of its own for tests of dissemination: deliveries a node, the
 * last one's time, bytes and messages sent. Included once by each of them. */
#ifndef TESTS_UNIT_SPREAD_RIG_H
#define TESTS_UNIT_SPREAD_RIG_H

#include "models/network/internal.h"
#include "models/network/network.h"
#include "sim/base/mem.h"
#include "sim/scenario/scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct scenario *scenario;
    struct sim *sim;
    struct net *net;
    node_id nodes;
    unsigned *times; /* deliveries by node */
    sim_time *when;  /* of the last one */
    bool *down;
    node_id refuses;
    uint32_t validators; /* nodes 0 .. weigh 1 each; 0: all */
    uint32_t lacks;      /* bytes of a block that no pool holds ... */
    node_id knowing;     /* ... but those of the nodes below this one */
    sim_handler_id switch_node;
};

static bool rig_deliver(void *self, node_id to, node_id from, struct message *m)
{
    struct rig *r = self;
    (void)from, (void)m;
    assert_false(r->down[to]);
    r->times[to]++;
    r->when[to] = sim_now(r->sim);
    return to != r->refuses;
}

static bool rig_up(void *self, node_id node)
{
    return !((struct rig *)self)->down[node];
}

static uint64_t rig_weight(void *self, node_id node)
{
    const struct rig *r = self;
    return !r->validators || node < r->validators;
}

static uint32_t rig_missing(void *self, node_id node, const struct message *m)
{
    const struct rig *r = self;
    (void)m;
    return node < r->knowing ? 0 : r->lacks;
}

static void rig_switch(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct rig *r = self;
    (void)sim;
    r->down[ev->target] = ev->arg == 0;
    (ev->arg ? net_recover : net_crash)(r->net, ev->target);
}

/* At `at`, the node goes down or comes back. */
static inline void rig_turn(struct rig *r, node_id node, sim_time at, bool is_up)
{
    assert_int_equal(sim_schedule(r->sim, at, SIM_CLASS_FAULT, node, r->switch_node, node, is_up),
                     ERR_OK);
}

static struct rig *rig_make(const char *yaml, node_id nodes, uint64_t seed)
{
    static const struct field_registry *registries[16];
    static struct scenario_spec spec;
    struct rig *r = calloc(1, sizeof *r);
    const node_id first[] = {0, nodes};
    struct scenario_problems problems = {0};
    struct err err = {0};
    assert_non_null(r);
    for (spec.registry_count = 0; net_registry_at(spec.registry_count); spec.registry_count++)
        registries[spec.registry_count] = net_registry_at(spec.registry_count);
    spec.root = &net_cfg_table;
    spec.registries = registries;
    if (scenario_parse(&r->scenario, &spec, "test", yaml, strlen(yaml), NULL, 0, &problems))
        fail_msg("%s", problems.text);
    r->nodes = nodes;
    r->refuses = NODE_NONE;
    r->times = calloc(nodes, sizeof *r->times);
    r->when = calloc(nodes, sizeof *r->when);
    r->down = calloc(nodes, sizeof *r->down);
    assert_true(r->times && r->when && r->down);
    const struct net_host host = {.self = r,
                                  .deliver = rig_deliver,
                                  .up = rig_up,
                                  .weight = rig_weight,
                                  .missing = rig_missing};
    assert_int_equal(sim_create(&r->sim, seed), ERR_OK);
    assert_int_equal(sim_add_handler(r->sim, &r->switch_node, "switch", rig_switch, r), ERR_OK);
    if (net_create(&r->net, scenario_root(r->scenario), r->sim, 1, first, &host, &err))
        fail_msg("%s", err.text);
    return r;
}

static void rig_free(struct rig *r)
{
    net_destroy(r->net);
    sim_destroy(r->sim);
    scenario_destroy(r->scenario);
    free(r->times);
    free(r->when);
    free(r->down);
    free(r);
}

static void rig_publish(struct rig *r, node_id origin, enum channel channel, uint32_t size)
{
    struct message *m = message_create(channel, 0, 0);
    assert_non_null(m);
    m->size = size;
    m->origin = origin;
    net_publish(r->net, 0, origin, m);
}

static void rig_run(struct rig *r, sim_time until)
{
    assert_int_equal(sim_run(r->sim, until), ERR_OK);
}

struct traffic {
    uint64_t messages, bytes, received, most_up, most_down;
};

static inline struct traffic rig_traffic(const struct rig *r)
{
    struct traffic t = {0};
    for (node_id n = 0; n < r->nodes; n++) {
        struct net_node_stats s;
        net_stats(r->net, n, &s);
        t.messages += s.messages_out;
        t.received += s.messages_in;
        t.bytes += s.bytes_out;
        t.most_up = s.bytes_out > t.most_up ? s.bytes_out : t.most_up;
        t.most_down = s.bytes_in > t.most_down ? s.bytes_in : t.most_down;
    }
    return t;
}

/* Everybody but the origin got it `times` times; nodes that are down now are not looked at. */
static inline void rig_everybody(const struct rig *r, node_id origin, unsigned times)
{
    for (node_id n = 0; n < r->nodes; n++)
        if (n != origin && !r->down[n] && r->times[n] != times)
            fail_msg("node %u got it %u times, not %u", n, r->times[n], times);
    assert_int_equal(r->times[origin], 0);
}

#endif
