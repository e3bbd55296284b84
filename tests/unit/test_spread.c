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
    static const char *const kinds[] = {"push",    "inv",       "push-announce",
                                        "compact", "gossipsub", "direct"};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(push),
        cmocka_unit_test(direct),
        cmocka_unit_test(many_in_a_mesh),
        cmocka_unit_test(inv),
        cmocka_unit_test(push_announce),
        cmocka_unit_test(compact_drawn),
        cmocka_unit_test(compact_from_pools),
        cmocka_unit_test(everybody_once),
        cmocka_unit_test(crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
