/* The network: closed forms of one and several transfers, gossip, topologies, matrices, crashes. */
#include "models/network/matrices.h"
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

/* Slow, so that transmission times are seen: 8 Mbit/s is a byte a microsecond. */
#define PLAIN                                                                                      \
    "latency: {kind: constant, delay: 50ms}\n"                                                     \
    "link: {up: 8Mbit/s, down: 16Mbit/s}\n"                                                        \
    "topology: {kind: random-regular, degree: 4}\n"

enum { NODES = 300 };

struct arrival {
    sim_time at;
    node_id to, from;
    uint8_t type;
};

struct rig {
    struct scenario *scenario;
    struct net_cfg cfg;
    struct sim *sim;
    struct net *net;
    struct arrival log[4096];
    size_t len;
    unsigned times[NODES]; /* deliveries by node */
    sim_time when[NODES];
    bool down[NODES];
    node_id refuses;
};

static bool deliver(void *self, node_id to, node_id from, struct message *m)
{
    struct rig *r = self;
    assert_false(r->down[to]);
    if (r->len < sizeof r->log / sizeof r->log[0])
        r->log[r->len++] = (struct arrival){sim_now(r->sim), to, from, m->type};
    r->times[to]++;
    r->when[to] = sim_now(r->sim);
    return to != r->refuses;
}

static bool up(void *self, node_id node)
{
    struct rig *r = self;
    return !r->down[node];
}

static void read_cfg(struct rig *r, const char *text, const char *set)
{
    static const struct field_registry *registries[8];
    size_t count = 0;
    while (net_registry_at(count)) {
        registries[count] = net_registry_at(count);
        count++;
    }
    const struct scenario_spec spec = {&net_cfg_table, registries, count, NULL};
    struct scenario_problems problems = {0};
    memset(r, 0, sizeof *r);
    r->refuses = NODE_NONE;
    if (scenario_parse(&r->scenario, &spec, "test", text, strlen(text), &set, set ? 1 : 0,
                       &problems) != ERR_OK)
        fail_msg("%s", problems.text);
    memcpy(&r->cfg, scenario_root(r->scenario), sizeof r->cfg);
}

static struct net_host host_of(struct rig *r)
{
    return (struct net_host){.self = r, .deliver = deliver, .up = up};
}

/* Allocated, for it is large. Nodes make one group. */
static struct rig *rig_make(const char *text, const char *set, node_id nodes, uint64_t seed,
                            const struct topology_ops *topology)
{
    struct rig *r = malloc(sizeof *r);
    const node_id first[] = {0, nodes};
    struct err err = {0};
    assert_non_null(r);
    assert_true(nodes <= NODES);
    read_cfg(r, text, set);
    if (topology)
        r->cfg.topology.model = &topology->model;
    const struct net_host host = host_of(r);
    assert_int_equal(sim_create(&r->sim, seed), ERR_OK);
    if (net_create(&r->net, &r->cfg, r->sim, 1, first, &host, &err) != ERR_OK)
        fail_msg("%s", err.text);
    return r;
}

static void rig_free(struct rig *r)
{
    net_destroy(r->net);
    sim_destroy(r->sim);
    scenario_destroy(r->scenario);
    free(r);
}

static struct message *body(enum channel channel, uint8_t type, uint32_t size)
{
    struct message *m = message_create(channel, type, 0);
    assert_non_null(m);
    m->size = size;
    m->origin = 0;
    return m;
}

static void run(struct rig *r)
{
    assert_int_equal(sim_run(r->sim, SIM_TIME_NEVER), ERR_OK);
}

struct crash_at {
    struct rig *r;
    node_id node;
};

static void crash_now(struct sim *sim, void *self, const struct sim_event *ev)
{
    const struct crash_at *c = self;
    (void)sim, (void)ev;
    net_crash(c->r->net, c->node);
}

/* A message of 1 s leaves within 1 s, its first byte comes after 50 ms: nodes that go down for no
 * time at all, so that only what was under way is lost. */
static void crash_under_way(void **state)
{
    (void)state;
    static const struct {
        node_id node;
        sim_time at;
        bool arrives;
    } cases[] = {
        {0, 500 * SIM_MS, false},  /* half of it was still to leave */
        {0, 998 * SIM_MS, false},  /* and the last bytes */
        {0, 1010 * SIM_MS, true},  /* all had left */
        {1, 20 * SIM_MS, true},    /* the receiver is back before the first byte */
        {1, 500 * SIM_MS, false},  /* it lost the first half */
        {1, 1049 * SIM_MS, false}, /* or nearly all */
        {1, 1060 * SIM_MS, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = rig_make(PLAIN, "link.up=8Mbit/s", 2, 1, NULL);
        struct crash_at crash = {r, cases[i].node};
        sim_handler_id handler;
        assert_int_equal(sim_add_handler(r->sim, &handler, "crash", crash_now, &crash), ERR_OK);
        net_send(r->net, 0, 1, body(CHANNEL_SYNC, 9, 1000000));
        sim_schedule(r->sim, cases[i].at, SIM_CLASS_FAULT, 0, handler, 0, 0);
        run(r);
        if (r->len != cases[i].arrives)
            fail_msg("case %zu: %zu messages arrive", i, (size_t)r->len);
        rig_free(r);
    }
}

static void one_transfer(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        uint32_t size;
        sim_time want;
    } cases[] = {
        {"link.up=8Mbit/s", 1000000, 1050 * SIM_MS}, /* the uplink is the narrow end */
        {"link.up=32Mbit/s", 1000000, 550 * SIM_MS}, /* the downlink is: 16 Mbit/s */
        {"link.up=7Mbit/s", 1, 50 * SIM_MS + 1143},  /* 8 / 7 us, rounded up */
        {"link.up=1kbit/s", 4000000000, 32000000050 * SIM_MS},
        {"latency.delay=0ns", 3, 3000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = rig_make(PLAIN, cases[i].set, 2, 1, NULL);
        net_send(r->net, 0, 1, body(CHANNEL_SYNC, 9, cases[i].size));
        run(r);
        assert_int_equal(r->len, 1);
        assert_int_equal(r->log[0].at, cases[i].want);
        assert_int_equal(r->log[0].from, 0);
        assert_int_equal(r->log[0].type, 9);
        struct net_node_stats out, in;
        net_stats(r->net, 0, &out);
        net_stats(r->net, 1, &in);
        assert_int_equal(out.bytes_out, cases[i].size);
        assert_int_equal(in.bytes_in, cases[i].size);
        assert_int_equal(in.messages_in, 1);
        assert_true(out.up_busy > 0 && in.down_busy > 0 && in.up_busy == 0);
        rig_free(r);
    }
}

static void queues_at_both_ends(void **state)
{
    (void)state;
    /* One sender: 1 s, then half a second of upload each, one after the other. */
    struct rig *r = rig_make(PLAIN, NULL, 3, 1, NULL);
    net_send(r->net, 0, 1, body(CHANNEL_SYNC, 1, 1000000));
    net_send(r->net, 0, 2, body(CHANNEL_SYNC, 2, 500000));
    run(r);
    assert_int_equal(r->log[0].at, 1050 * SIM_MS);
    assert_int_equal(r->log[1].at, 1550 * SIM_MS);
    assert_int_equal(r->log[1].type, 2);
    rig_free(r);
    /* Two senders to one: the receiver's link takes 500 ms for each, in order of arrival; the
     * first is done when its sender is, the second 1 s of downloads after the first byte. */
    r = rig_make(PLAIN, "link.up=16Mbit/s", 3, 1, NULL);
    net_send(r->net, 2, 0, body(CHANNEL_SYNC, 2, 1000000));
    net_send(r->net, 1, 0, body(CHANNEL_SYNC, 1, 1000000));
    run(r);
    assert_int_equal(r->log[0].at, 550 * SIM_MS);
    assert_int_equal(r->log[1].at, 1050 * SIM_MS);
    assert_int_equal(r->log[0].from, 1); /* same instant: the lower source first */
    rig_free(r);
}

/* 0 - 1 - 2 - ... */
static enum err_code line_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                const char *(*region)(void *, uint32_t), void *self,
                                struct topology_graph *out, struct err *err)
{
    (void)cfg, (void)rng, (void)region, (void)self;
    uint32_t at = 0;
    out->first = mem_alloc((size_t)count + 1, sizeof *out->first);
    out->neighbours = mem_alloc(2 * (size_t)count, sizeof *out->neighbours);
    if (!out->first || !out->neighbours)
        return err_set(err, ERR_MEMORY, "line");
    for (uint32_t n = 0; n < count; n++) {
        out->first[n] = at;
        if (n > 0)
            out->neighbours[at++] = n - 1;
        if (n + 1 < count)
            out->neighbours[at++] = n + 1;
    }
    out->first[count] = at;
    return ERR_OK;
}
static const struct topology_ops line = {.model = {"line", "A line.", NULL}, .build = line_build};

static void along_a_line(void **state)
{
    (void)state;
    enum { LENGTH = 12, SIZE = 250000 };
    const sim_time wire = 50 * SIM_MS, whole = SIZE * 1000, told = 61 * 1000;
    struct rig *r = rig_make(PLAIN "blocks: push\n", NULL, LENGTH, 1, &line);
    net_publish(r->net, 0, 0, body(CHANNEL_BLOCK, 0, SIZE));
    run(r);
    for (node_id n = 1; n < LENGTH; n++) {
        assert_int_equal(r->times[n], 1);
        assert_int_equal(r->when[n], n * (wire + whole));
    }
    assert_int_equal(r->times[0], 0);
    rig_free(r);
    /* Told, asked, sent: three wires a hop. */
    r = rig_make(PLAIN "blocks: inv\n", NULL, LENGTH, 1, &line);
    net_publish(r->net, 0, 0, body(CHANNEL_BLOCK, 0, SIZE));
    run(r);
    for (node_id n = 1; n < LENGTH; n++) {
        assert_int_equal(r->times[n], 1);
        assert_int_equal(r->when[n], n * (3 * wire + 2 * told + whole));
    }
    rig_free(r);
}

/* Everybody exactly once, by every model, with loss and jitter. */
static void everybody_once(void **state)
{
    (void)state;
    static const char *const sets[] = {"blocks={kind: push}", "blocks={kind: inv}",
                                       "blocks={kind: direct}"};
    for (size_t i = 0; i < 3; i++) {
        struct rig *r = rig_make("latency: {kind: regions, matrix: aws-2025}\n"
                                 "link: {jitter: lognormal(1ms, 30%), loss: 1%}\n"
                                 "topology: {kind: random-regular, degree: 6}\n",
                                 sets[i], NODES, 77, NULL);
        net_publish(r->net, 0, 0, body(CHANNEL_BLOCK, 0, 40000));
        run(r);
        assert_int_equal(r->times[0], 0);
        uint64_t sent = 0;
        for (node_id n = 1; n < NODES; n++)
            assert_int_equal(r->times[n], 1);
        for (node_id n = 0; n < NODES; n++) {
            struct net_node_stats s;
            net_stats(r->net, n, &s);
            sent += s.bytes_out;
            assert_int_equal(s.messages_lost, 0);
        }
        /* Only announcements let the body travel once to each. */
        uint64_t once = (uint64_t)(NODES - 1) * 40000;
        assert_true(i == 0 ? sent > 4 * once : sent >= once && sent < once + once / 10);
        rig_free(r);
    }
}

static void refused_is_not_passed_on(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct rig *r = rig_make(
            PLAIN, k ? "transactions={kind: inv}" : "transactions={kind: push}", 10, 1, &line);
        r->refuses = 4;
        net_publish(r->net, 0, 0, body(CHANNEL_TX, 0, 200));
        run(r);
        for (node_id n = 1; n < 10; n++)
            assert_int_equal(r->times[n], n <= 4);
        rig_free(r);
    }
}

static void wake(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct rig *r = self;
    (void)sim;
    r->down[ev->target] = ev->arg != 0;
}

static void crashed_nodes_hear_nothing(void **state)
{
    (void)state;
    struct rig *r = rig_make(PLAIN "blocks: push\n", NULL, 8, 1, &line);
    sim_handler_id h;
    assert_int_equal(sim_add_handler(r->sim, &h, "wake", wake, r), ERR_OK);
    /* Node 3 goes down while the message is on the wire to it, 5 ms before its last byte. */
    sim_time last = 3 * (50 * SIM_MS + 100 * SIM_MS);
    sim_schedule(r->sim, last - 5 * SIM_MS, SIM_CLASS_FAULT, 3, h, 3, 1);
    net_publish(r->net, 0, 0, body(CHANNEL_BLOCK, 0, 100000));
    run(r);
    for (node_id n = 1; n < 8; n++)
        assert_int_equal(r->times[n], n < 3);
    /* Nor does one that is down send. */
    net_send(r->net, 3, 4, body(CHANNEL_SYNC, 0, 10));
    net_publish(r->net, 0, 3, body(CHANNEL_BLOCK, 0, 10));
    run(r);
    assert_int_equal(r->times[4], 0);
    rig_free(r);
}

/* 1 tells 0's triangle: 1 and 2 both know; 1 falls silent after it told. */
static void asks_another_when_no_answer_comes(void **state)
{
    (void)state;
    struct rig *r = rig_make("latency: {kind: constant, delay: 50ms}\n"
                             "link: {up: 8Mbit/s, down: 8Mbit/s}\ntopology: full-mesh\n"
                             "blocks: {kind: inv, timeout: 700ms}\n",
                             NULL, 3, 1, NULL);
    sim_handler_id h;
    assert_int_equal(sim_add_handler(r->sim, &h, "wake", wake, r), ERR_OK);
    struct message *m = body(CHANNEL_BLOCK, 0, 1000);
    m->origin = 1;
    /* The announcement arrives at 50.061 ms at 2 and a little later at 0, whose request is lost on
     * a node that is down by then; 2's request comes first and is answered. */
    net_publish(r->net, 0, 1, m);
    sim_schedule(r->sim, 100 * SIM_MS + 150 * SIM_US, SIM_CLASS_FAULT, 1, h, 1, 1);
    run(r);
    assert_int_equal(r->times[0], 1);
    assert_int_equal(r->times[2], 1);
    /* 2 had the body at about 151 ms and told 0, which kept that in mind until its time was up. */
    sim_time asked = 50 * SIM_MS + 2 * 61 * SIM_US;
    assert_in_range(r->when[0], asked + 700 * SIM_MS + 101 * SIM_MS,
                    asked + 700 * SIM_MS + 102 * SIM_MS);
    rig_free(r);
}

static void loss_costs_rounds(void **state)
{
    (void)state;
    /* Ten packets, one try: whole with probability 0.9^10. */
    struct rig *r = rig_make(PLAIN, "link={up: 100Gbit/s, down: 100Gbit/s, loss: 10%, attempts: 1}",
                             2, 5, NULL);
    enum { TRIES = 3000 };
    for (int i = 0; i < TRIES; i++)
        net_send(r->net, 0, 1, body(CHANNEL_SYNC, 0, 14600));
    run(r);
    double p = pow(0.9, 10), sd = sqrt(p * (1 - p) * TRIES);
    assert_true(fabs(r->times[1] - p * TRIES) < 5 * sd);
    struct net_node_stats s;
    net_stats(r->net, 0, &s);
    assert_int_equal(s.messages_lost + r->times[1], TRIES);
    rig_free(r);
    /* With enough tries all arrive, later by whole waits of 200 ms. */
    r = rig_make(PLAIN, "link={up: 100Gbit/s, down: 100Gbit/s, loss: 10%, attempts: 30}", 2, 5,
                 NULL);
    for (int i = 0; i < TRIES; i++)
        net_send(r->net, 0, 1, body(CHANNEL_SYNC, 0, 14600));
    run(r);
    assert_int_equal(r->times[1], TRIES);
    size_t late = 0;
    for (size_t i = 0; i < r->len; i++)
        late += r->log[i].at > 600 * SIM_MS;
    /* Two rounds or fewer suffice with probability (1 - 0.1^3)^10; a few take 600 ms more. */
    assert_in_range(late, 1, 100);
    rig_free(r);
}

static uint64_t digest(uint64_t seed, uint64_t *links)
{
    struct rig *r = rig_make("latency: {kind: regions, matrix: six-regions-2019}\n"
                             "link: {jitter: exponential(2ms), loss: 0.5%}\n"
                             "topology: {kind: random-regular, degree: 5}\nblocks: inv\n",
                             NULL, 200, seed, NULL);
    uint64_t d = 1469598103934665603u;
    for (int i = 0; i < 10; i++)
        net_publish(r->net, 0, (node_id)(17 * i), body(CHANNEL_BLOCK, (uint8_t)i, 30000));
    run(r);
    for (size_t i = 0; i < r->len; i++)
        d = (d ^ (uint64_t)r->log[i].at ^ (uint64_t)r->log[i].to << 40) * 1099511628211u;
    *links = 0;
    for (node_id n = 0; n < 200; n++) {
        const node_id *near;
        for (uint32_t k = net_neighbours(r->net, n, &near); k-- > 0;)
            *links = (*links ^ near[k]) * 1099511628211u;
    }
    assert_int_equal(r->len, 10 * 199);
    rig_free(r);
    return d;
}

static void same_seed_same_run(void **state)
{
    (void)state;
    uint64_t links[3];
    uint64_t a = digest(9, &links[0]), b = digest(9, &links[1]), c = digest(10, &links[2]);
    assert_int_equal(a, b);
    assert_int_equal(links[0], links[1]);
    assert_int_not_equal(a, c);
    assert_int_not_equal(links[0], links[2]);
}

static void check_graph(struct rig *r, node_id nodes, uint32_t least, uint32_t most)
{
    uint8_t seen[NODES] = {0};
    node_id queue[NODES];
    uint32_t head = 0, tail = 0;
    for (node_id n = 0; n < nodes; n++) {
        const node_id *near, *back;
        uint32_t count = net_neighbours(r->net, n, &near);
        assert_in_range(count, least, most);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(near[i] < nodes && near[i] != n);
            /* simple, ascending; in a full mesh round from n on */
            node_id from = least == nodes - 1 ? n : 0;
            assert_true(i == 0 ||
                        (near[i - 1] + nodes - from) % nodes < (near[i] + nodes - from) % nodes);
            uint32_t there = net_neighbours(r->net, near[i], &back), k = 0;
            while (k < there && back[k] != n)
                k++;
            assert_true(k < there); /* both ways */
        }
    }
    queue[tail++] = 0;
    seen[0] = 1;
    while (head < tail) {
        const node_id *near;
        uint32_t count = net_neighbours(r->net, queue[head++], &near);
        for (uint32_t i = 0; i < count; i++)
            if (!seen[near[i]]++)
                queue[tail++] = near[i];
    }
    assert_int_equal(tail, nodes);
}

static void graphs(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        node_id nodes;
        uint32_t least, most;
    } cases[] = {
        {"topology.degree=4", 300, 4, 4},    {"topology.degree=2", 60, 2, 2},
        {"topology.degree=3", 300, 3, 3},    {"topology.degree=3", 299, 3, 4},
        {"topology.degree=7", 9, 7, 8},      {"topology.degree=8", 8, 7, 7},
        {"topology.degree=40", 120, 40, 40}, {"topology={kind: full-mesh}", 40, 39, 39},
        {"topology.degree=4", 2, 1, 1},      {"topology.degree=4", 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct rig *r = rig_make(PLAIN, cases[i].set, cases[i].nodes, seed, NULL);
            check_graph(r, cases[i].nodes, cases[i].least, cases[i].most);
            rig_free(r);
        }
}

static void regions_and_shares(void **state)
{
    (void)state;
    struct rig *r = rig_make("latency: {kind: regions, matrix: aws-2025, nodes: {us-east-1: 40%, "
                             "eu-central-1: 40%, ap-northeast-1: 20%}}\n",
                             NULL, 10, 3, NULL);
    unsigned us = 0, eu = 0, ap = 0;
    node_id a = 0, e = 0;
    for (node_id n = 0; n < 10; n++) {
        const char *name = net_region(r->net, n);
        us += !strcmp(name, "us-east-1");
        eu += !strcmp(name, "eu-central-1");
        ap += !strcmp(name, "ap-northeast-1");
        a = strcmp(name, "ap-northeast-1") ? a : n;
        e = strcmp(name, "eu-central-1") ? e : n;
    }
    assert_int_equal(us, 4);
    assert_int_equal(eu, 4);
    assert_int_equal(ap, 2);
    /* Half the round trip of 227.6 ms, to the decimals of the source. */
    assert_true(llabs(net_latency(r->net, a, e) - 113800 * SIM_US) < 100 * SIM_US);
    rig_free(r);
}

/* The shipped matrices against the collected ones, cell by cell. */
static void matrices_as_collected(void **state)
{
    (void)state;
    const char *root = getenv("WEFT_FIXTURES");
    const struct net_matrix *m = net_matrix(NET_AWS_2025);
    static const char *const files[] = {"aws_rtt_p50_ms.csv", "aws_rtt_p90_ms.csv"};
    const double *const cells[] = {m->ms, m->p90_ms};
    assert_int_equal(m->count, 33);
    for (int k = 0; k < 2; k++) {
        char path[512], text[2048];
        snprintf(path, sizeof path, "%s/data/network/%s", root ? root : "../shared", files[k]);
        FILE *f = fopen(path, "r");
        if (!f) {
            print_message("%s is not here\n", path);
            skip();
        }
        assert_non_null(fgets(text, sizeof text, f));
        for (uint32_t row = 0; row < m->count; row++) {
            assert_non_null(fgets(text, sizeof text, f));
            char *at = strchr(text, ',');
            assert_non_null(at);
            assert_true(strncmp(text, m->regions[row], (size_t)(at - text)) == 0);
            for (uint32_t column = 0; column < m->count; column++)
                assert_true(fabs(strtod(at + 1, &at) - cells[k][row * m->count + column]) < 1e-9);
        }
        fclose(f);
    }
}

static void no_memory(void **state)
{
    (void)state;
    if (!mem_fail_supported())
        skip();
    for (long limit = 0; limit < 60; limit++) {
        struct rig *r = malloc(sizeof *r);
        const node_id first[] = {0, 30, 50};
        struct err err = {0};
        read_cfg(r, PLAIN "blocks: inv\n", NULL);
        const struct net_host host = host_of(r);
        struct message *m = body(CHANNEL_BLOCK, 0, 1000);
        mem_fail_after(limit);
        enum err_code code = sim_create(&r->sim, 1);
        if (code == ERR_OK)
            code = net_create(&r->net, &r->cfg, r->sim, 2, first, &host, &err);
        if (code == ERR_OK) {
            net_publish(r->net, 0, 5, message_ref(m));
            code = sim_run(r->sim, SIM_TIME_NEVER);
        }
        assert_true(code == ERR_OK || code == ERR_MEMORY);
        mem_fail_never();
        message_unref(m);
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_transfer),
        cmocka_unit_test(crash_under_way),
        cmocka_unit_test(queues_at_both_ends),
        cmocka_unit_test(along_a_line),
        cmocka_unit_test(everybody_once),
        cmocka_unit_test(refused_is_not_passed_on),
        cmocka_unit_test(crashed_nodes_hear_nothing),
        cmocka_unit_test(asks_another_when_no_answer_comes),
        cmocka_unit_test(loss_costs_rounds),
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(graphs),
        cmocka_unit_test(regions_and_shares),
        cmocka_unit_test(matrices_as_collected),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
