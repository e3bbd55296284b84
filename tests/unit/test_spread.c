/* Dissemination: everybody exactly once, and what travels against closed forms. */
#include "tests/unit/spread_rig.h"

#define LINKS                                                                                      \
    "latency: {kind: constant, delay: 20ms}\n"                                                     \
    "link: {up: 100Mbit/s, down: 100Mbit/s}\n"

enum { NODES = 300, DEGREE = 6, SIZE = 50000, TOLD = 61 };

static struct rig *spread(const char *blocks, uint64_t seed)
{
    char yaml[1024];
    snprintf(yaml, sizeof yaml, LINKS "topology: {kind: random-regular, degree: 6}\nblocks: %s\n",
             blocks);
    struct rig *r = rig_make(yaml, NODES, seed);
    rig_publish(r, 17, CHANNEL_BLOCK, SIZE);
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 17, 1);
    return r;
}

/* Each node sends to all its neighbours but the one it has it from, and the maker. */
static void push(void **state)
{
    (void)state;
    struct rig *r = spread("push", 1);
    struct traffic t = rig_traffic(r);
    /* n (d - 1) + 1, less what would go back to the maker from those that got it elsewhere. */
    assert_in_range(t.messages, NODES * (DEGREE - 1) + 1 - DEGREE, NODES * (DEGREE - 1) + 1);
    assert_int_equal(t.bytes, t.messages * SIZE);
    rig_free(r);
}

static void direct(void **state)
{
    (void)state;
    struct rig *r = spread("direct", 1);
    assert_int_equal(rig_traffic(r).messages, NODES - 1);
    rig_free(r);
    r = rig_make(LINKS "blocks: {kind: direct, to: validators}\n", NODES, 1);
    r->validators = 40;
    rig_publish(r, 3, CHANNEL_BLOCK, SIZE);
    rig_run(r, SIM_TIME_NEVER);
    for (node_id n = 0; n < NODES; n++)
        assert_int_equal(r->times[n], n < 40 && n != 3);
    assert_int_equal(rig_traffic(r).messages, 39);
    rig_free(r);
}

/* ---- direct, by hash ---- */

enum { LISTED = 40, TX_SIZE = 1100 }; /* transactions of a block, and their bytes */

static struct tx listed_tx = {.refs = 1, .size = TX_SIZE};

static struct message *block_to_list(node_id origin)
{
    static struct tx *txs[LISTED];
    struct block *b = mem_zalloc(1, sizeof *b);
    struct message *m = message_create(CHANNEL_BLOCK, 0, 0);
    assert_true(b && m);
    b->refs = 1;
    b->size = SIZE;
    b->txs = txs;
    b->tx_count = LISTED;
    for (int i = 0; i < LISTED; i++)
        txs[i] = &listed_tx;
    message_set_block(m, b);
    block_unref(b);
    m->origin = origin;
    return m;
}

/* The array is the test's, so the block may not free it. */
static void listed_done(struct message *m)
{
    m->block->txs = NULL;
    m->block->tx_count = 0;
    message_unref(m);
}

enum {
    LIST = SIZE - LISTED * TX_SIZE + LISTED * 32,
    QUESTION = 61 + LISTED / 8,
    FRAME = 24 + 32 + 3
};

static struct rig *by_hash(const char *more, node_id nodes)
{
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             "latency: {kind: constant, delay: 20ms}\n"
             "blocks: {kind: direct, transactions: hashes%s}\n%s",
             strstr(more, "timeout") ? ", timeout: 150ms" : "",
             strstr(more, "link") ? strstr(more, "link") : "link: {up: 8Mbit/s, down: 8Mbit/s}\n");
    return rig_make(yaml, nodes, 7);
}

/* A header and a hash for each transaction, where pools hold all; where some do not, a question and
 * what is missing; without a block, or with a hash larger than transactions are, all of it. */
static void direct_by_hash(void **state)
{
    (void)state;
    struct rig *r = by_hash("", 50);
    r->knowing = 30;
    r->lacks = 3 * TX_SIZE;
    struct message *m = block_to_list(3);
    net_publish(r->net, 0, 3, message_ref(m));
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 3, 1);
    struct traffic t = rig_traffic(r);
    assert_int_equal(t.messages, 49 + 2 * 20);
    assert_int_equal(t.bytes, 49 * LIST + 20 * (QUESTION + FRAME + 3 * TX_SIZE));
    /* A byte is a microsecond at either end: 20 ms of wire once, or three times. */
    assert_int_equal(r->when[0], 20 * SIM_MS + LIST * SIM_US);
    assert_true(r->when[29] < 20 * SIM_MS + 30 * LIST * SIM_US);
    for (node_id n = 30; n < 50; n++)
        assert_true(r->when[n] >=
                    60 * SIM_MS + (n * LIST + QUESTION + FRAME + 3 * TX_SIZE) * SIM_US);
    assert_int_equal(net_listed(r->net, 0), 32);
    listed_done(m);
    rig_publish(r, 3, CHANNEL_BLOCK, 5000);
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 3, 2);
    assert_int_equal(rig_traffic(r).bytes, t.bytes + 49 * 5000);
    rig_free(r);
    r = rig_make(LINKS "blocks: direct\n", 50, 1);
    assert_int_equal(net_listed(r->net, 0), 0);
    m = block_to_list(3);
    r->lacks = TX_SIZE;
    net_publish(r->net, 0, 3, message_ref(m));
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 3, 1);
    assert_int_equal(rig_traffic(r).bytes, 49 * SIZE);
    listed_done(m);
    rig_free(r);
}

/* An answer that takes longer than the time-out comes again, and counts once. */
static void direct_asked_again(void **state)
{
    (void)state;
    struct rig *r = by_hash("timeout, link: {up: 800kbit/s, down: 8Mbit/s}\n", 2);
    r->lacks = 20000; /* 200 ms */
    struct message *m = block_to_list(0);
    net_publish(r->net, 0, 0, message_ref(m));
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 0, 1);
    assert_int_equal(rig_traffic(r).bytes, LIST + 2 * (QUESTION + FRAME + 20000));
    listed_done(m);
    rig_free(r);
}

/* A maker that is gone is asked three times. One that comes back answers. A receiver that was down
 * when the answer came asks again. */
static void direct_crashes(void **state)
{
    (void)state;
    for (int back = 0; back < 2; back++) {
        struct rig *r = by_hash("timeout", 3);
        r->lacks = TX_SIZE;
        r->knowing = 2; /* 2 lacks it */
        rig_turn(r, 0, 40 * SIM_MS, false);
        if (back)
            rig_turn(r, 0, 200 * SIM_MS, true);
        struct message *m = block_to_list(0);
        net_publish(r->net, 0, 0, message_ref(m));
        rig_run(r, SIM_TIME_NEVER);
        assert_int_equal(r->times[1], 1);
        assert_int_equal(r->times[2], back);
        struct net_node_stats s;
        net_stats(r->net, 2, &s);
        assert_int_equal(s.messages_out, back ? 2 : 3);
        listed_done(m);
        rig_free(r);
    }
    struct rig *r = by_hash("timeout", 2);
    r->lacks = TX_SIZE;
    rig_turn(r, 1, 60 * SIM_MS, false);
    rig_turn(r, 1, 100 * SIM_MS, true);
    struct message *m = block_to_list(0);
    net_publish(r->net, 0, 0, message_ref(m));
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 0, 1);
    listed_done(m);
    rig_free(r);
}

/* Packets that are lost once in five, and messages given up after two rounds. */
static void direct_losses(void **state)
{
    (void)state;
    struct rig *r = by_hash("timeout, link: {up: 1Gbit/s, down: 1Gbit/s, loss: 20%, attempts: 2, "
                            "retransmit: 10ms}\n",
                            200);
    r->lacks = TX_SIZE;
    struct message *m = block_to_list(9);
    net_publish(r->net, 0, 9, message_ref(m));
    rig_run(r, SIM_TIME_NEVER);
    unsigned got = 0, lists = 0;
    for (node_id n = 0; n < 200; n++) {
        struct net_node_stats s;
        net_stats(r->net, n, &s);
        assert_true(r->times[n] <= 1 && (n == 9 || s.messages_out <= 3));
        got += r->times[n];
        lists += n != 9 && s.messages_out > 0;
    }
    assert_true(lists < 199 && lists > 150); /* some lists were lost, of five packets each */
    /* A question and its answer are one packet each: both come with a chance of 0.92, and three
     * tries fail once in 2,100. */
    assert_true(got >= lists - 2 && got <= lists);
    listed_done(m);
    rig_free(r);
}

/* ---- others ---- */

/* A full mesh of many nodes takes no list of pairs. */
static void many_in_a_mesh(void **state)
{
    (void)state;
    struct rig *r = rig_make(LINKS "topology: full-mesh\nblocks: direct\n", 20000, 1);
    rig_publish(r, 3, CHANNEL_BLOCK, 100);
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 3, 1);
    const node_id *near;
    assert_int_equal(net_neighbours(r->net, 19999, &near), 19999);
    assert_int_equal(near[0], 0);
    assert_int_equal(near[19998], 19998);
    rig_free(r);
}

/* Announcements over both ends of every link but the one each node heard it from first; a request
 * and a body a node. */
static void inv(void **state)
{
    (void)state;
    struct rig *r = spread("inv", 1);
    struct traffic t = rig_traffic(r);
    uint64_t told = NODES * DEGREE - (NODES - 1), once = NODES - 1;
    assert_int_equal(t.messages, told + 2 * once);
    assert_int_equal(t.bytes, (told + once) * TOLD + once * SIZE);
    rig_free(r);
}

/* The square root of six is three, rounded up; the other three are told. */
static void push_announce(void **state)
{
    (void)state;
    struct rig *r = spread("push-announce", 4);
    struct traffic t = rig_traffic(r);
    uint64_t bodies = (t.bytes - 96 * t.messages) / (SIZE - 96);
    assert_int_equal(t.bytes, bodies * SIZE + (t.messages - bodies) * 96);
    /* Of a node's three, one in six is who it has it from. */
    double want = NODES * 3 * 5 / 6.0;
    assert_true(bodies > want * 0.95 && bodies < want * 1.05 + NODES / 3.0);
    rig_free(r);
}

static void compact_drawn(void **state)
{
    (void)state;
    uint64_t told = NODES * DEGREE - (NODES - 1), once = NODES - 1;
    /* Never fails: as inv with another body. */
    struct rig *r = spread("{kind: compact, usage: 100%, compact: 2KB, failure_stable: 0%, "
                           "failure_churning: 0%}",
                           2);
    struct traffic t = rig_traffic(r);
    assert_int_equal(t.bytes, (told + once) * TOLD + once * 2000);
    rig_free(r);
    /* Always fails: another request, and a tenth of the block. */
    r = spread("{kind: compact, usage: 100%, compact: 2KB, churning: 100%, failure_churning: 100%, "
               "missing_churning: 10%}",
               2);
    t = rig_traffic(r);
    assert_int_equal(t.bytes, (told + 2 * once) * TOLD + once * (2000 + SIZE / 10 + 1));
    rig_free(r);
    /* Nobody can: inv. */
    r = spread("{kind: compact, usage: 0%}", 2);
    assert_int_equal(rig_traffic(r).bytes, (told + once) * TOLD + once * SIZE);
    rig_free(r);
    /* SimBlock's shares: of 299 receptions 93 % are compact, of those a quarter fails. */
    uint64_t missing = 0, failed = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        r = spread("compact", seed);
        t = rig_traffic(r);
        failed += (t.messages - told - 2 * once) / 2;
        missing += t.bytes - t.messages * TOLD;
        rig_free(r);
    }
    double tries = 10.0 * (double)once * 0.964 * 0.964, want = 0.976 * 0.27 + 0.024 * 0.13;
    assert_true(fabs((double)failed / tries / want - 1) < 0.1);
    assert_true(missing < 10 * once * SIZE / 2);
}

/* What the pools lack is what travels: without a block's transactions, all of it or nothing. */
static void compact_from_pools(void **state)
{
    (void)state;
    struct block *b = mem_zalloc(1, sizeof *b);
    assert_non_null(b);
    b->refs = 1;
    b->size = SIZE;
    for (uint32_t lacks = 0; lacks <= 700; lacks += 700) {
        struct rig *r =
            rig_make(LINKS "topology: {kind: random-regular, degree: 6}\n"
                           "blocks: {kind: compact, reconstruction: pool, usage: 100%}\n",
                     NODES, 1);
        struct message *m = message_create(CHANNEL_BLOCK, 0, 0);
        assert_non_null(m);
        message_set_block(m, b);
        r->lacks = lacks;
        m->origin = 0;
        net_publish(r->net, 0, 0, m);
        rig_run(r, SIM_TIME_NEVER);
        rig_everybody(r, 0, 1);
        uint64_t told = NODES * DEGREE - (NODES - 1), once = NODES - 1;
        /* No transactions: a compact block is as large as the block, and no larger. */
        assert_int_equal(rig_traffic(r).bytes,
                         (told + once) * TOLD + once * SIZE +
                             (lacks ? once * (TOLD + 24 + 32 + 3 + lacks) : 0));
        rig_free(r);
    }
    block_unref(b);
}

/* With loss, jitter, queues and any topology: everybody, once. */
static void everybody_once(void **state)
{
    (void)state;
    static const char *const kinds[] = {"push",      "inv",    "push-announce", "compact",
                                        "gossipsub", "direct", "coded-tree",    "arrivals"};
    static const char *const graphs[] = {"outbound", "{kind: barabasi-albert, links: 3}",
                                         "{kind: erdos-renyi, degree: 7}", "full-mesh"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t g = 0; g < sizeof graphs / sizeof graphs[0]; g++) {
            char yaml[512];
            snprintf(yaml, sizeof yaml,
                     "latency: {kind: regions, matrix: six-regions-2019}\njitter: simblock\n"
                     "link: {up: 20Mbit/s, down: 40Mbit/s, loss: 1%%}\n"
                     "topology: %s\nblocks: %s\ntransactions: %s\n",
                     graphs[g], kinds[k], kinds[k]);
            struct rig *r = rig_make(yaml, 120, 5);
            rig_publish(r, 1, CHANNEL_BLOCK, SIZE);
            rig_publish(r, 1, CHANNEL_TX, 250);
            rig_run(r, SIM_TIME_NEVER);
            for (node_id n = 0; n < 120; n++)
                if (r->times[n] != (n == 1 ? 0 : 2))
                    fail_msg("%s over %s: node %u got %u", kinds[k], graphs[g], n, r->times[n]);
            rig_free(r);
        }
}

/* Nodes that crash while it spreads do not keep it from those that stay up and connected. */
static void crashes(void **state)
{
    (void)state;
    static const char *const kinds[] = {"push", "{kind: inv, timeout: 300ms}",
                                        "{kind: push-announce, timeout: 300ms}",
                                        "{kind: compact, timeout: 300ms}", "gossipsub"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            char yaml[512];
            snprintf(yaml, sizeof yaml,
                     LINKS "topology: {kind: random-regular, degree: 16}\nblocks: %s\n", kinds[k]);
            struct rig *r = rig_make(yaml, NODES, seed);
            rig_publish(r, 1, CHANNEL_BLOCK, SIZE);
            for (node_id n = 0; n < 60; n++)
                rig_turn(r, 5 * n, (10 + 2 * n) * SIM_MS, false);
            rig_run(r, SIM_TIME_NEVER);
            unsigned missed = 0;
            for (node_id n = 0; n < NODES; n++) {
                assert_true(r->times[n] <= 1);
                missed += n != 1 && n % 5 && !r->times[n];
            }
            if (missed)
                fail_msg("%s, seed %d: %u nodes miss it", kinds[k], (int)seed, missed);
            rig_free(r);
        }
}

/* ---- coded-tree ---- */

/* A chunk is sent once to each node but its maker: n - 1 messages, whatever the tree. */
static void coded_counts(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        unsigned chunks, messages;
    } cases[] = {
        {"payload: 1KB, redundancy: 2", 100, 100},
        {"payload: 1KB, redundancy: 2, relays: in-turn", 100, 100},
        {"payload: 1KB, redundancy: 2.5, fanout: 7", 125, 125},
        {"payload: 1KB, redundancy: 1, fanout: 1", 50, 50}, /* a chain */
        {"payload: 7KB, redundancy: 1.5, surplus: 5%", 12, 12},
        {"payload: 100B, redundancy: 6, bundle: 20", 3000, 299}, /* a relay each */
        {"payload: 100B, redundancy: 6, bundle: 4, relays: in-turn", 3000, 750},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml, LINKS "blocks: {kind: coded-tree, %s}\n", cases[i].set);
        struct rig *r = rig_make(yaml, NODES, 3);
        rig_publish(r, 17, CHANNEL_BLOCK, SIZE);
        rig_run(r, SIM_TIME_NEVER);
        rig_everybody(r, 17, 1);
        struct traffic t = rig_traffic(r);
        uint32_t payload = i == 4 ? 7000 : i > 4 ? 100 : 1000;
        assert_int_equal(t.messages, cases[i].messages * (NODES - 1));
        assert_int_equal(t.bytes, (uint64_t)cases[i].chunks * (NODES - 1) * (payload + 232));
        rig_free(r);
    }
}

/* Two hops where every relay sends at once, and each carries about as much as the maker. */
static void coded_times(void **state)
{
    (void)state;
    struct rig *r = rig_make("latency: {kind: constant, delay: 50ms}\n"
                             "link: {up: 100Mbit/s, down: 1Gbit/s}\n"
                             "blocks: {kind: coded-tree, redundancy: 3}\n",
                             100, 1);
    rig_publish(r, 50, CHANNEL_BLOCK, 2000000);
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 50, 1);
    /* 1,613 chunks of 1,472 bytes needed, 4,839 sent: the maker's link needs 570 ms for all, a
     * third of it for as many as are needed; as long again on the relays' links, which work while
     * the maker sends. */
    for (node_id n = 0; n < 100; n++)
        if (n != 50)
            assert_in_range(r->when[n], 100 * SIM_MS + 190 * SIM_MS, 100 * SIM_MS + 640 * SIM_MS);
    struct traffic t = rig_traffic(r);
    assert_true(t.most_up < 1.1 * 4839 * 1472);
    rig_free(r);
}

/* Relays that are down take their chunks with them: redundancy r stands 1 - 1/r of them. */
static void coded_crashes(void **state)
{
    (void)state;
    for (node_id down = 60; down <= 72; down += 12) {
        struct rig *r =
            rig_make(LINKS "blocks: {kind: coded-tree, payload: 100B, redundancy: 3}\n", 101, 1);
        for (node_id n = 1; n <= down; n++)
            r->down[n] = true;
        rig_publish(r, 0, CHANNEL_BLOCK, SIZE);
        rig_run(r, SIM_TIME_NEVER);
        for (node_id n = down + 1; n <= 100; n++)
            assert_int_equal(r->times[n], down < 67);
        rig_free(r);
    }
}

/* Only who weighs something relays, by weight; validators alone may be the audience. */
static void coded_by_weight(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml, LINKS "blocks: {kind: coded-tree, to: %s}\n",
                 all ? "everyone" : "validators");
        struct rig *r = rig_make(yaml, 200, 1);
        r->validators = 20;
        rig_publish(r, 100, CHANNEL_BLOCK, SIZE);
        rig_run(r, SIM_TIME_NEVER);
        for (node_id n = 0; n < 200; n++) {
            struct net_node_stats s;
            net_stats(r->net, n, &s);
            assert_int_equal(r->times[n], (all || n < 20) && n != 100);
            assert_int_equal(s.messages_out > 0, n < 20 || n == 100);
            /* 123 chunks over 20 relays: six or seven each. */
            if (n < 20)
                assert_in_range(s.messages_out, 6 * (all ? 198 : 19), 7 * (all ? 198 : 19));
        }
        rig_free(r);
    }
}

/* ---- arrivals ---- */

struct spread_times {
    double *ms;
    size_t count;
};

static struct rig *watched;
static sim_time published;

static bool note_delay(void *self, node_id to, node_id from, struct message *m)
{
    struct spread_times *t = self;
    sim_time made;
    (void)to, (void)from;
    memcpy(&made, m->payload, sizeof made);
    t->ms[t->count++] = (double)(sim_now(watched->sim) - made) / (double)SIM_MS;
    return true;
}

static bool always_up(void *self, node_id node)
{
    (void)self, (void)node;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { ITEMS = 150, SPREAD_NODES = 400 };

static void publish_next(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct rig *r = self;
    struct message *m = message_create(CHANNEL_TX, 0, sizeof(sim_time));
    assert_non_null(m);
    memcpy(m->payload, &ev->time, sizeof ev->time);
    m->size = 200;
    m->origin = (node_id)(ev->arg * 37 % SPREAD_NODES);
    net_publish(r->net, 0, m->origin, m);
    if (ev->arg + 1 < ITEMS)
        sim_schedule(sim, ev->time + published, SIM_CLASS_WORKLOAD, 0, r->switch_node, 0,
                     ev->arg + 1);
}

/* Percentiles (10, 50, 90, 99) of when items come, one each `gap`. */
static void delays(const char *gossip, const char *up, sim_time gap, double out[4])
{
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             "latency: {kind: regions, matrix: six-regions-2019}\njitter: simblock\n"
             "link: {up: %s, down: %s}\ntopology: {kind: random-regular, degree: 8}\n"
             "transactions: %s\n",
             up, up, gossip);
    struct rig *r = rig_make(yaml, SPREAD_NODES, 9);
    struct spread_times t = {calloc(ITEMS * SPREAD_NODES, sizeof *t.ms), 0};
    const node_id first[] = {0, SPREAD_NODES};
    const struct net_host host = {.self = &t, .deliver = note_delay, .up = always_up};
    struct err err = {0};
    assert_non_null(t.ms);
    net_destroy(r->net);
    sim_destroy(r->sim);
    assert_int_equal(sim_create(&r->sim, 9), ERR_OK);
    assert_int_equal(sim_add_handler(r->sim, &r->switch_node, "next", publish_next, r), ERR_OK);
    assert_int_equal(net_create(&r->net, scenario_root(r->scenario), r->sim, 1, first, &host, &err),
                     ERR_OK);
    watched = r;
    published = gap;
    sim_schedule(r->sim, 0, SIM_CLASS_WORKLOAD, 0, r->switch_node, 0, 0);
    rig_run(r, SIM_TIME_NEVER);
    assert_int_equal(t.count, ITEMS * (SPREAD_NODES - 1));
    qsort(t.ms, t.count, sizeof *t.ms, by_value);
    static const double at[] = {.1, .5, .9, .99};
    for (int i = 0; i < 4; i++)
        out[i] = t.ms[(size_t)(at[i] * (double)t.count)];
    free(t.ms);
    rig_free(r);
}

/* Percentiles agree to within 3 % while links are idle, and part when they queue. */
static void arrivals_agree(void **state)
{
    (void)state;
    static const char *const kinds[2][2] = {{"inv", "arrivals"},
                                            {"push", "{kind: arrivals, asks: false}"}};
    double full[4], drawn[4];
    for (int k = 0; k < 2; k++) {
        delays(kinds[k][0], "20Mbit/s", SIM_SEC, full);
        delays(kinds[k][1], "20Mbit/s", SIM_SEC, drawn);
        for (int i = 0; i < 4; i++)
            if (fabs(drawn[i] / full[i] - 1) > 0.03)
                fail_msg("%s, percentile %d: %.1f ms, drawn %.1f ms", kinds[k][0], i, full[i],
                         drawn[i]);
    }
    delays("push", "100kbit/s", 20 * SIM_MS, full);
    delays("{kind: arrivals, asks: false}", "100kbit/s", 20 * SIM_MS, drawn);
    assert_true(full[1] > 1.5 * drawn[1]);
}

/* Bounded memory draws anew, and gives the same kind of times. */
static void arrivals_in_little_memory(void **state)
{
    (void)state;
    double much[4], little[4];
    delays("arrivals", "20Mbit/s", 100 * SIM_MS, much);
    delays("{kind: arrivals, courses: 1000, memory: 1MB}", "20Mbit/s", 100 * SIM_MS, little);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(much[i] / little[i] - 1) < 0.03);
    struct rig *r = rig_make(LINKS "transactions: arrivals\n", 50, 1);
    r->down[7] = true; /* misses it; and nothing is sent */
    rig_publish(r, 0, CHANNEL_TX, 100);
    rig_publish(r, 7, CHANNEL_TX, 100);
    rig_run(r, SIM_TIME_NEVER);
    rig_everybody(r, 0, 1);
    assert_int_equal(r->times[7], 0);
    assert_int_equal(rig_traffic(r).messages, 0);
    rig_free(r);
}

/* Wherever memory ends, the run ends with that error and nothing leaks. */
static void no_memory(void **state)
{
    (void)state;
    static const char *const kinds[] = {"push",
                                        "inv",
                                        "push-announce",
                                        "compact",
                                        "direct",
                                        "gossipsub",
                                        "coded-tree",
                                        "arrivals",
                                        "{kind: gossipsub, idontwant: true, idontwant_above: 0B}",
                                        "{kind: direct, transactions: hashes}"};
    static const char *const graphs[] = {"outbound", "{kind: barabasi-albert, links: 3}",
                                         "region-aware", "full-mesh"};
    if (!mem_fail_supported())
        skip();
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (long limit = 0; limit < 120; limit++) {
            char yaml[512];
            snprintf(yaml, sizeof yaml, LINKS "topology: %s\nblocks: %s\n",
                     graphs[(k + (size_t)limit) % 4], kinds[k]);
            struct rig *r = rig_make(yaml, 40, 1);
            const node_id first[] = {0, 40};
            const struct net_host host = {.self = r, .deliver = rig_deliver, .up = rig_up};
            struct err err = {0};
            struct message *m = block_to_list(5); /* no host here knows of pools: all is missing */
            net_destroy(r->net);
            sim_destroy(r->sim);
            r->net = NULL;
            r->sim = NULL;
            mem_fail_after(limit);
            enum err_code code = sim_create(&r->sim, 1);
            if (code == ERR_OK)
                code =
                    net_create(&r->net, scenario_root(r->scenario), r->sim, 1, first, &host, &err);
            if (code == ERR_OK) {
                net_publish(r->net, 0, 5, message_ref(m));
                code = sim_run(r->sim, SIM_TIME_NEVER);
            }
            assert_true(code == ERR_OK || code == ERR_MEMORY);
            mem_fail_never();
            rig_free(r);
            listed_done(m);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(push),
        cmocka_unit_test(direct),
        cmocka_unit_test(direct_by_hash),
        cmocka_unit_test(direct_asked_again),
        cmocka_unit_test(direct_crashes),
        cmocka_unit_test(direct_losses),
        cmocka_unit_test(many_in_a_mesh),
        cmocka_unit_test(inv),
        cmocka_unit_test(push_announce),
        cmocka_unit_test(compact_drawn),
        cmocka_unit_test(compact_from_pools),
        cmocka_unit_test(everybody_once),
        cmocka_unit_test(crashes),
        cmocka_unit_test(coded_counts),
        cmocka_unit_test(coded_times),
        cmocka_unit_test(coded_crashes),
        cmocka_unit_test(coded_by_weight),
        cmocka_unit_test(arrivals_agree),
        cmocka_unit_test(arrivals_in_little_memory),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
