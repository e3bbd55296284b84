/* tests/unit/net_rig.h - a network of its own, whose deliveries are logged. For tests of links and
 * latencies, each of which includes it once. */
#ifndef TESTS_UNIT_NET_RIG_H
#define TESTS_UNIT_NET_RIG_H

#include "models/network/network.h"
#include "sim/base/mem.h"
#include "sim/scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NODES = 64, LOG = 4096 };

struct world {
    struct sim *sim;
    struct net *net;
    struct scenario *scenario;
    bool down[NODES];
    bool refuse;
    struct {
        sim_time at;
        node_id to, from;
        struct message *m; /* to compare, not to use */
    } log[LOG];
    uint32_t count;
};

static bool deliver(void *self, node_id to, node_id from, struct message *m)
{
    struct world *w = self;
    assert_true(w->count < LOG);
    assert_false(to < NODES && w->down[to]);
    w->log[w->count].at = sim_now(w->sim);
    w->log[w->count].to = to;
    w->log[w->count].from = from;
    w->log[w->count++].m = m;
    return !w->refuse;
}

static bool up(void *self, node_id node)
{
    return node >= NODES || !((struct world *)self)->down[node];
}

/* The scenario of a network; its problems or the error of its making as text, "" where it is. */
static void make_or_fail(struct world *w, const char *yaml, node_id nodes, uint64_t seed,
                         char why[1024])
{
    static const struct field_registry *registries[8];
    size_t n = 0;
    while (net_registry_at(n)) {
        registries[n] = net_registry_at(n);
        n++;
    }
    const struct scenario_spec spec = {&net_cfg_table, registries, n, NULL};
    struct scenario_problems problems = {0};
    struct err err = {0};
    *w = (struct world){0};
    why[0] = '\0';
    if (scenario_parse(&w->scenario, &spec, "test.yaml", yaml, strlen(yaml), NULL, 0, &problems)) {
        snprintf(why, 1024, "%s", problems.text ? problems.text : "no memory");
        scenario_problems_fini(&problems);
        return;
    }
    assert_int_equal(sim_create(&w->sim, seed), ERR_OK);
    const node_id first[2] = {0, nodes};
    const struct net_host host = {.self = w, .deliver = deliver, .up = up};
    if (net_create(&w->net, scenario_root(w->scenario), w->sim, 1, first, &host, &err))
        snprintf(why, 1024, "%s", err.text);
}

static void make(struct world *w, const char *yaml, node_id nodes, uint64_t seed)
{
    char why[1024];
    make_or_fail(w, yaml, nodes, seed, why);
    if (why[0])
        fail_msg("%s", why);
}

static void unmake(struct world *w)
{
    net_destroy(w->net);
    sim_destroy(w->sim);
    scenario_destroy(w->scenario);
}

#endif
