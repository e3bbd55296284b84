/* The network models against closed forms: transfer times, queues, line topologies, shares. */
#include "models/network/place.h"
#include "tests/unit/net_rig.h"

static struct message *bytes(uint32_t size, enum channel channel)
{
    struct message *m = message_create(channel, 0, 0);
    assert_non_null(m);
    m->size = size;
    m->origin = 0;
    return m;
}

#define PLAIN                                                                                      \
    "latency: {kind: constant, delay: 70ms}\nlink: {kind: access, up: 8Mbit/s, down: 40Mbit/s}\n"

/* One message: the slower of both rates, plus the wire. Two at once: the second waits for the
 * first's last bit to leave. */
static void one_link(void **state)
{
    (void)state;
    struct world w;
    make(&w, PLAIN, 3, 1);
    net_send(w.net, 0, 1, bytes(1000, CHANNEL_CONSENSUS));
    net_send(w.net, 0, 2, bytes(3000, CHANNEL_CONSENSUS));
    assert_int_equal(sim_run(w.sim, SIM_SEC), ERR_OK);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.log[0].at, 70 * SIM_MS + 1 * SIM_MS);
    assert_int_equal(w.log[1].at, 70 * SIM_MS + 1 * SIM_MS + 3 * SIM_MS);
    struct net_node_stats s;
    net_stats(w.net, 0, &s);
    assert_int_equal(s.bytes_out, 4000);
    assert_int_equal(s.up_busy, 4 * SIM_MS);
    assert_int_equal(s.messages_out, 2);
    net_send(w.net, 1, 2, bytes(700, CHANNEL_BLOCK));
    net_send(w.net, 1, 1, bytes(900, CHANNEL_BLOCK)); /* to itself: over no link */
    const struct net_traffic votes = net_traffic(w.net, CHANNEL_CONSENSUS);
    const struct net_traffic blocks = net_traffic(w.net, CHANNEL_BLOCK);
    assert_int_equal(votes.messages, 2);
    assert_int_equal(votes.bytes, 4000);
    assert_int_equal(blocks.messages, 1);
    assert_int_equal(blocks.bytes, 700);
    assert_int_equal(net_traffic(w.net, CHANNEL_TX).messages, 0);
    unmake(&w);
}

/* Five senders, one receiver: its downlink is the queue. */
static void shared_downlink(void **state)
{
    (void)state;
    struct world w;
    make(&w, "latency: {kind: constant, delay: 10ms}\nlink: {up: 1000Mbit/s, down: 8Mbit/s}\n", 6,
         1);
    for (node_id n = 1; n < 6; n++)
        net_send(w.net, n, 0, bytes(10000, CHANNEL_CONSENSUS));
    assert_int_equal(sim_run(w.sim, SIM_SEC), ERR_OK);
    assert_int_equal(w.count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(w.log[i].from, i + 1);
        assert_int_equal(w.log[i].at, 10 * SIM_MS + (i + 1) * 10 * SIM_MS);
    }
    unmake(&w);
}

/* A message that is sent earlier over a long wire does not hold up one that arrives before it. */
static void order_of_arrival(void **state)
{
    (void)state;
    struct world w;
    make(&w,
         "latency: {kind: regions, matrix: six-regions-2019, nodes: {europe: 50%, australia: "
         "50%}}\nlink: {up: 8Mbit/s, down: 8Mbit/s}\n",
         4, 3);
    node_id europe[2], australia[2];
    uint32_t e = 0, a = 0;
    for (node_id n = 0; n < 4; n++)
        if (!strcmp(net_region(w.net, n), "europe"))
            europe[e++] = n;
        else
            australia[a++] = n;
    assert_int_equal(e, 2);
    net_send(w.net, australia[0], europe[0], bytes(1000, CHANNEL_CONSENSUS));
    net_send(w.net, europe[1], europe[0], bytes(1000, CHANNEL_CONSENSUS));
    assert_int_equal(sim_run(w.sim, SIM_SEC), ERR_OK);
    assert_int_equal(w.log[0].at, 12 * SIM_MS);  /* 11 ms and 1 ms of bits */
    assert_int_equal(w.log[1].at, 295 * SIM_MS); /* 294 ms and 1 ms */
    unmake(&w);
}

/* Everybody hears it exactly once; a node that is down does not. */
static void gossip(const char *kind)
{
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             PLAIN "topology: {kind: random-regular, degree: 3}\nblocks: %s\nvotes: direct\n",
             kind);
    struct world w;
    make(&w, yaml, NODES, 20261123);
    w.down[17] = true;
    struct message *m = bytes(5000, CHANNEL_BLOCK);
    m->origin = 5;
    net_publish(w.net, 0, 5, m);
    assert_int_equal(sim_run(w.sim, 60 * SIM_SEC), ERR_OK);
    uint32_t times[NODES] = {0};
    for (uint32_t i = 0; i < w.count; i++)
        times[w.log[i].to]++;
    for (node_id n = 0; n < NODES; n++)
        assert_int_equal(times[n], n != 5 && n != 17);
    unmake(&w);
}

static void gossip_reaches_all(void **state)
{
    (void)state;
    gossip("push");
    gossip("inv");
    gossip("direct");
}

/* On a ring, push passes on hop by hop: each hop costs the bits and the wire; inv three wires. */
static void ring_times(void **state)
{
    (void)state;
    struct world w;
    make(&w, PLAIN "topology: {kind: random-regular, degree: 2}\nblocks: push\n", 9, 4);
    net_publish(w.net, 0, 0, bytes(1000, CHANNEL_BLOCK));
    assert_int_equal(sim_run(w.sim, 60 * SIM_SEC), ERR_OK);
    assert_int_equal(w.count, 8);
    /* The maker's second neighbour gets it 1 ms later; further on each node sends once. */
    for (uint32_t i = 0; i < 8; i += 2) {
        assert_int_equal(w.log[i].at, (i / 2 + 1) * 71 * SIM_MS);
        assert_int_equal(w.log[i + 1].at, (i / 2 + 1) * 71 * SIM_MS + SIM_MS);
    }
    unmake(&w);
}

/* The one that was asked goes down before it answers: after the timeout another is asked. */
static void inv_asks_another(void **state)
{
    (void)state;
    struct world w;
    make(&w, PLAIN "topology: full-mesh\nblocks: {kind: inv, timeout: 1s}\n", 3, 9);
    struct message *m = message_ref(bytes(100000, CHANNEL_BLOCK));
    net_publish(w.net, 0, 0, m);
    assert_int_equal(sim_run(w.sim, 150 * SIM_MS), ERR_OK); /* told, both have asked node 0 */
    assert_int_equal(w.count, 0);
    assert_int_equal(sim_run(w.sim, 320 * SIM_MS), ERR_OK); /* node 1 has it; 2's is under way */
    assert_int_equal(w.count, 1);
    assert_int_equal(w.log[0].to, 1);
    w.down[2] = true; /* misses the body of node 0 */
    assert_int_equal(sim_run(w.sim, 500 * SIM_MS), ERR_OK);
    w.down[2] = false;
    w.down[0] = true;
    assert_int_equal(sim_run(w.sim, 10 * SIM_SEC), ERR_OK);
    message_unref(m);
    assert_int_equal(w.count, 1); /* node 1's announcement came while node 2 was down */
    unmake(&w);
}

/* Shares hold to within one node, whatever the seed; the seed decides which. */
static void places(void **state)
{
    (void)state;
    const double shares[3] = {0.4, 0.4, 0.2};
    for (uint64_t seed = 1; seed < 50; seed++)
        for (uint32_t count = 1; count < 30; count++) {
            uint32_t place[30], have[3] = {0};
            struct sim_stream rng;
            sim_stream_init(&rng, seed, 0, sim_purpose("test"));
            net_place(place, count, shares, 3, &rng);
            for (uint32_t i = 0; i < count; i++)
                have[place[i]]++;
            for (uint32_t r = 0; r < 3; r++)
                assert_true(have[r] >= (uint32_t)(shares[r] * count) &&
                            have[r] <= (uint32_t)(shares[r] * count) + 1);
        }
}

/* Simple, symmetric, connected, and of the degree asked for. */
static void regular_graphs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++)
        for (uint32_t degree = 3; degree < 6; degree++) {
            char yaml[256];
            snprintf(yaml, sizeof yaml, PLAIN "topology: {kind: random-regular, degree: %u}\n",
                     degree);
            struct world w;
            node_id nodes = 20 + (node_id)(seed % 3);
            make(&w, yaml, nodes, seed);
            uint32_t surplus = 0;
            for (node_id n = 0; n < nodes; n++) {
                const node_id *to;
                uint32_t count = net_neighbours(w.net, n, &to);
                surplus += count - degree;
                for (uint32_t i = 0; i < count; i++) {
                    assert_true(to[i] != n && (!i || to[i - 1] < to[i]));
                    const node_id *back;
                    uint32_t there = net_neighbours(w.net, to[i], &back), found = 0;
                    for (uint32_t k = 0; k < there; k++)
                        found += back[k] == n;
                    assert_int_equal(found, 1);
                }
            }
            assert_int_equal(surplus, degree % 2 && nodes % 2);
            unmake(&w);
        }
}

/* With a loss of p a packet, the share of messages that need no second round is (1-p)^packets. */
static void losses(void **state)
{
    (void)state;
    struct world w;
    make(&w,
         "latency: {kind: constant, delay: 10ms}\nlink: {up: 1Gbit/s, down: 1Gbit/s, loss: 10%, "
         "packet: 1000B}\n",
         2, 77);
    for (uint32_t i = 0; i < 2000; i++) {
        net_send(w.net, 0, 1, bytes(5000, CHANNEL_CONSENSUS));
        assert_int_equal(sim_run(w.sim, (i + 1) * SIM_SEC), ERR_OK);
    }
    uint32_t prompt = 0;
    for (uint32_t i = 0; i < w.count; i++)
        prompt += w.log[i].at % SIM_SEC < 100 * SIM_MS;
    /* 0.9^5 = 0.59049; five standard deviations of 2,000 trials are 0.055 */
    assert_true(prompt > 2000 * 0.535 && prompt < 2000 * 0.645);
    assert_true(w.count > 1990);
    unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_link),         cmocka_unit_test(shared_downlink),
        cmocka_unit_test(order_of_arrival), cmocka_unit_test(gossip_reaches_all),
        cmocka_unit_test(ring_times),       cmocka_unit_test(inv_asks_another),
        cmocka_unit_test(places),           cmocka_unit_test(regular_graphs),
        cmocka_unit_test(losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
