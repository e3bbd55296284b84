/* Access links against closed forms: bits and queues, one upload at a time, classes of nodes,
 * rates by region, loss with retransmission, slow start. */
#include "models/network/link_internal.h"
#include "models/network/matrices.h"
#include "models/network/place.h"
#include "tests/unit/net_rig.h"

#include <math.h>

static void send(struct world *w, node_id from, node_id to, uint32_t size, enum channel channel)
{
    struct message *m = message_create(channel, 0, 0);
    assert_non_null(m);
    m->size = size;
    net_send(w->net, from, to, m);
}

/* Runs to the end; the deliveries of `w`, in milliseconds, are those. */
static void arrive(struct world *w, uint32_t count, const double *ms)
{
    assert_int_equal(sim_run(w->sim, 3600 * SIM_SEC), ERR_OK);
    assert_int_equal(w->count, count);
    for (uint32_t i = 0; i < count; i++)
        if (llround(ms[i] * (double)SIM_MS) != w->log[i].at)
            fail_msg("delivery %u to %u at %g ms, not %g", i, w->log[i].to,
                     (double)w->log[i].at / (double)SIM_MS, ms[i]);
}

/* ---- bytes ---- */

/* 3,000 bytes and 24 of the message are three packets of up to 1,400; each carries 40 more. */
static void headers(void **state)
{
    (void)state;
    struct world w;
    make(&w,
         "latency: {kind: constant, delay: 10ms}\n"
         "link: {up: 8Mbit/s, down: 4Mbit/s, packet: 1400B, header: 40B, overhead: 24B}\n",
         3, 1);
    send(&w, 0, 1, 3000, CHANNEL_BLOCK);
    send(&w, 0, 2, 1376, CHANNEL_BLOCK); /* just one packet */
    const double bytes = 3144, second = 1440;
    arrive(&w, 2, (double[]){10 + bytes / 1000 + second / 500, 10 + bytes / 500});
    struct net_node_stats s;
    net_stats(w.net, 0, &s);
    assert_int_equal(s.up_busy, (sim_time)(bytes + second) * SIM_US);
    unmake(&w);
}

/* What holds no block takes 7 ms more; what holds one holds the sender for 3 ms first. */
static void control_and_processing(void **state)
{
    (void)state;
    struct world w;
    make(&w,
         "latency: {kind: constant, delay: 10ms}\n"
         "link: {up: 8Mbit/s, down: 8Gbit/s, control: 7ms, processing: 3ms}\n",
         3, 1);
    send(&w, 0, 1, 1000, CHANNEL_BLOCK);
    send(&w, 0, 1, 2000, CHANNEL_TX);
    send(&w, 0, 1, 1000, CHANNEL_CONSENSUS);
    arrive(&w, 3, (double[]){3 + 1 + 10, 4 + 3 + 2 + 10, 9 + 1 + 10 + 7});
    unmake(&w);
}

/* ---- serial ---- */

/* SimBlock: uploads one after the other, each at the lesser rate; what is no block passes by. */
static void one_upload_at_a_time(void **state)
{
    (void)state;
    struct world w;
    make(&w,
         "latency: {kind: constant, delay: 30ms}\n"
         "link: {kind: serial, classes: [{kind: own, up: 8Mbit/s, down: 80Mbit/s, share: 100%}, "
         "{kind: own, up: 80Mbit/s, down: 4Mbit/s, chosen: [1]}]}\n",
         4, 1);
    send(&w, 0, 1, 5000, CHANNEL_BLOCK);      /* 2 + 5000 / 500 = 12 ms */
    send(&w, 0, 2, 4000, CHANNEL_BLOCK);      /* 2 + 4000 / 1000 = 6 ms, once that is there */
    send(&w, 0, 3, 10000, CHANNEL_CONSENSUS); /* 30 + 10 ms */
    send(&w, 3, 1, 5000, CHANNEL_BLOCK);      /* no queue at the receiver: 12 ms as well */
    arrive(&w, 4, (double[]){40, 42, 42, 78});
    assert_int_equal(w.log[0].to, 3);
    assert_int_equal(w.log[3].to, 2);
    struct net_node_stats s;
    net_stats(w.net, 0, &s);
    assert_int_equal(s.up_busy, 18 * SIM_MS);
    unmake(&w);
}

/* What a gossip model announces and asks for is control, what it hands over is not. */
static void announced(void **state)
{
    (void)state;
    struct world w;
    make(&w,
         "latency: {kind: constant, delay: 30ms}\nlink: {kind: serial, up: 8Mbit/s}\n"
         "topology: full-mesh\nblocks: inv\n",
         2, 1);
    struct message *m = message_create(CHANNEL_BLOCK, 0, 0);
    assert_non_null(m);
    m->size = 1000;
    net_publish(w.net, 0, 0, m);
    arrive(&w, 1, (double[]){40 + 40 + 30 + 2 + 1});
    unmake(&w);
}

/* ---- who has which link ---- */

static void classes(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct world w;
    make(&w,
         "latency: {kind: constant, delay: 50ms}\n"
         "link: {classes: [{kind: home, share: 70%}, {kind: attester, share: 30%, up: 30Mbit/s}, "
         "{kind: bad, chosen: [7, 10-19], loss: 0%}]}\n",
         COUNT, 4);
    uint32_t home = 0, attester = 0;
    for (node_id n = 0; n < COUNT; n++) {
        struct net_node_stats s;
        net_stats(w.net, n, &s);
        bool chosen = n == 7 || (n >= 10 && n <= 19);
        if (chosen)
            assert_true(s.up_rate == 2000000 && s.down_rate == 2000000);
        else if (s.up_rate == 30000000)
            attester += s.down_rate == 50000000;
        else
            home += s.up_rate == 50000000 && s.down_rate == 50000000;
    }
    assert_int_equal(home + attester, COUNT - 11);
    assert_true(fabs(home - 0.7 * (COUNT - 11)) <= 1);
    /* Both ends add their latency; the slower link sets the pace. */
    send(&w, 7, 12, 2500, CHANNEL_CONSENSUS);
    arrive(&w, 1, (double[]){500 + 50 + 500 + 10});
    unmake(&w);
}

static void rates_by_region(void **state)
{
    (void)state;
    const struct {
        const char *rates;
        uint64_t up[3], down[3]; /* north-america, japan, australia; kbit/s */
    } rows[] = {{"simblock-2015", {4700, 3400, 5200}, {25000, 17500, 14000}},
                {"simblock-2019", {19200, 10200, 11300}, {52000, 22800, 29900}},
                {"gervais-2016", {6740, 1700, 6100}, {41680, 6900, 16000}}};
    for (int k = 0; k < 3; k++) {
        char yaml[256];
        struct world w;
        snprintf(yaml, sizeof yaml,
                 "latency: {matrix: six-regions-2019, first: [north-america, japan, australia]}\n"
                 "link: {rates: %s}\n",
                 rows[k].rates);
        make(&w, yaml, 40, 1);
        for (node_id n = 0; n < 3; n++) {
            struct net_node_stats s;
            net_stats(w.net, n, &s);
            assert_int_equal(s.up_rate, rows[k].up[n] * 1000);
            assert_int_equal(s.down_rate, rows[k].down[n] * 1000);
        }
        unmake(&w);
    }
}

/* Two nodes of a class among others of a table. */
static void a_class_among_regions(void **state)
{
    (void)state;
    struct world w;
    make(&w,
         "latency: {matrix: six-regions-2019, nodes: {europe: 1}}\n"
         "link: {rates: simblock-2019, classes: [{kind: own, up: 99Mbit/s, down: 98Mbit/s, "
         "chosen: [1, 3]}]}\n",
         5, 1);
    for (node_id n = 0; n < 5; n++) {
        struct net_node_stats s;
        net_stats(w.net, n, &s);
        assert_int_equal(s.up_rate, n % 2 ? 99000000 : 20700000);
        assert_int_equal(s.down_rate, n % 2 ? 98000000 : 40000000);
    }
    unmake(&w);
}

/* Europe's histogram: shares of three bins each way within four standard errors, up and down drawn
 * apart. */
static void rates_from_histograms(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    const struct {
        uint64_t rate;
        double share;
    } down[] = {{600000, 0.1055}, {15600000, 0.194}, {499600000, 0.0025}},
      up[] = {{200000, 0.075}, {6400000, 0.189}, {99900000, 0.0155}};
    struct world w;
    uint32_t ups[3] = {0}, downs[3] = {0}, both = 0;
    make(&w, "latency: {matrix: six-regions-2019, nodes: {europe: 1}}\nlink: {rates: jabs}\n",
         COUNT, 11);
    for (node_id n = 0; n < COUNT; n++) {
        struct net_node_stats s;
        net_stats(w.net, n, &s);
        for (int i = 0; i < 3; i++) {
            ups[i] += s.up_rate == up[i].rate;
            downs[i] += s.down_rate == down[i].rate;
        }
        both += s.up_rate == up[1].rate && s.down_rate == down[1].rate;
    }
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(ups[i] - COUNT * up[i].share) < 4 * sqrt(COUNT * up[i].share));
        assert_true(fabs(downs[i] - COUNT * down[i].share) < 4 * sqrt(COUNT * down[i].share));
    }
    double expected = COUNT * up[1].share * down[1].share;
    assert_true(fabs(both - expected) < 4 * sqrt(expected));
    unmake(&w);
}

/* The bin that ends at 0.4 Mbit/s begins at 0.2: 0.2 / ln 2; the first begins at 0.1. */
static void rates_within_bins(void **state)
{
    (void)state;
    struct world w;
    uint32_t first = 0, second = 0;
    make(&w,
         "latency: {matrix: gervais-2015, nodes: {south-america: 1}}\n"
         "link: {rates: gervais-drawn}\n",
         2000, 3);
    for (node_id n = 0; n < 2000; n++) {
        struct net_node_stats s;
        net_stats(w.net, n, &s);
        first += s.up_rate == 144270;
        second += s.up_rate == 288539;
    }
    assert_true(fabs(first - 2000 * 0.219) < 4 * sqrt(2000 * 0.219));
    assert_true(fabs(second - 2000 * 0.1735) < 4 * sqrt(2000 * 0.1735));
    unmake(&w);
}

/* ---- loss ---- */

/* One packet over a wire of loss p: delivered after k waits with chance (1 - p) p^k, never with
 * p^attempts. p is of the wire and both ends. */
static void retransmission(void **state)
{
    (void)state;
    enum { MESSAGES = 4000, ATTEMPTS = 4 };
    struct world w;
    make(&w,
         "latency: {kind: constant, delay: 10ms}\n"
         "link: {loss: 10%, attempts: 4, retransmit: 300ms, classes: [{kind: own, share: 100%, "
         "loss: 20%, up: 1000Gbit/s, down: 1000Gbit/s}]}\n",
         2, 9);
    const double kept = 0.9 * 0.8 * 0.8, p = 1 - kept;
    for (int i = 0; i < MESSAGES; i++)
        send(&w, 0, 1, 1000, CHANNEL_BLOCK);
    assert_int_equal(sim_run(w.sim, 60 * SIM_SEC), ERR_OK);
    uint32_t waits[ATTEMPTS + 1] = {0};
    for (uint32_t i = 0; i < w.count; i++) {
        sim_time k = (w.log[i].at - 10 * SIM_MS) / (300 * SIM_MS);
        assert_true(k < ATTEMPTS);
        waits[k]++;
    }
    for (int k = 0; k < ATTEMPTS; k++) {
        double share = kept * pow(p, k);
        assert_true(fabs(waits[k] - MESSAGES * share) < 4 * sqrt(MESSAGES * share));
    }
    struct net_node_stats s;
    net_stats(w.net, 0, &s);
    assert_int_equal(s.messages_lost, MESSAGES - w.count);
    assert_true(fabs(MESSAGES - w.count - MESSAGES * pow(p, ATTEMPTS)) <
                4 * sqrt(MESSAGES * pow(p, ATTEMPTS)));
    /* Lost packets hold the uplink again, whole: p + p^2 + ... + p^attempts of them a message. */
    double sent = (double)s.up_busy / 8; /* 1,000 bytes take 8 ns, a whole packet 12 */
    double again = MESSAGES * (p - pow(p, ATTEMPTS + 1)) / kept;
    assert_true(fabs(sent - MESSAGES - again * 1.5) < 0.05 * MESSAGES);
    unmake(&w);
}

/* ---- slow start ---- */

/* Ten packets of 1,000 bytes, then twice as many each round trip of 100 ms. */
#define SLOW(up, down)                                                                             \
    "latency: {kind: constant, delay: 50ms}\nlink: {up: " up ", down: " down                       \
    ", packet: 1000B, window: 10}\n"

static double one_message(const char *yaml, uint32_t size)
{
    struct world w;
    make(&w, yaml, 2, 1);
    send(&w, 0, 1, size, CHANNEL_BLOCK);
    assert_int_equal(sim_run(w.sim, 60 * SIM_SEC), ERR_OK);
    assert_int_equal(w.count, 1);
    double ms = (double)w.log[0].at / (double)SIM_MS;
    unmake(&w);
    return ms;
}

static void slow_start(void **state)
{
    (void)state;
    const struct {
        double kilobytes, rounds, left; /* of the last round */
    } rows[] = {{1, 0, 1},  {10, 0, 10}, {10.5, 1, 0.5}, {30, 1, 20},
                {31, 2, 1}, {70, 2, 40}, {150, 3, 80},   {630, 5, 320}};
    /* 80 kB a ms: no window of these fills a round trip */
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        double ms =
            one_message(SLOW("640Mbit/s", "640Mbit/s"), (uint32_t)(rows[k].kilobytes * 1e3));
        assert_true(fabs(ms - (50 + 100 * rows[k].rounds + rows[k].left / 80)) < 1e-5);
    }
    /* 0.1 kB a ms: the first window takes all of a round trip, and nothing ever waits */
    assert_true(fabs(one_message(SLOW("800kbit/s", "8Mbit/s"), 70000) - (50 + 700)) < 1e-5);
    /* 0.4 kB a ms: 10 and 20 kB leave waits of 75 and 50 ms; 40 kB fill the third round */
    assert_true(fabs(one_message(SLOW("3200kbit/s", "1Gbit/s"), 500000) - (50 + 200 + 470 / 0.4)) <
                1e-5);
    /* The receiver's rate, where that is less; its queue takes bits no faster. */
    assert_true(fabs(one_message(SLOW("1Gbit/s", "3200kbit/s"), 500000) - (50 + 200 + 470 / 0.4)) <
                1e-5);
}

/* While a connection waits for its window, others use the uplink. */
static void slow_start_leaves_room(void **state)
{
    (void)state;
    struct world w;
    make(&w, SLOW("80Mbit/s", "80Mbit/s"), 3, 1);
    send(&w, 0, 1, 30000, CHANNEL_BLOCK);
    send(&w, 0, 2, 5000, CHANNEL_BLOCK);
    arrive(&w, 2, (double[]){50 + 3.5, 50 + 100 + 2});
    assert_int_equal(w.log[0].to, 2);
    unmake(&w);
    /* One upload at a time waits too, and 2 ms before each. */
    make(&w,
         "latency: {kind: constant, delay: 50ms}\nlink: {kind: serial, up: 80Mbit/s, down: "
         "80Mbit/s, packet: 1000B, window: 10}\n",
         3, 1);
    send(&w, 0, 1, 30000, CHANNEL_BLOCK);
    send(&w, 0, 2, 5000, CHANNEL_BLOCK);
    arrive(&w, 2, (double[]){50 + 2 + 100 + 2, 154 + 2.5 + 50});
    unmake(&w);
}

/* ---- transmission ---- */

/* ceil(bits / rate), the quick way and the wide one. */
static void transmission(void **state)
{
    (void)state;
    struct sim_stream rng;
    sim_stream_init(&rng, 3, 0, sim_purpose("test.transmission"));
    for (int i = 0; i < 10000; i++) {
        uint64_t size = sim_stream_u64(&rng) >> (31 + sim_stream_below(&rng, 33));
        uint64_t rate = 1000 + (sim_stream_u64(&rng) >> (1 + sim_stream_below(&rng, 60)));
        sim_time t = link_transmission(size, rate);
        assert_int_equal(t, link_transmission_wide(size, rate));
        double exact = (double)size * 8e9 / (double)rate;
        assert_true((double)t >= exact * (1 - 1e-12) && (double)t <= exact * (1 + 1e-12) + 1);
    }
    assert_int_equal(link_transmission(UINT32_MAX, 1000), INT64_C(34359738360000000));
}

/* ---- what is refused ---- */

static void refused(const char *yaml, const char *text)
{
    struct world w;
    char why[1024];
    make_or_fail(&w, yaml, 4, 1, why);
    if (!strstr(why, text))
        fail_msg("%s says: %s\nnot: %s", yaml, why, text);
    unmake(&w);
}

static void bad_settings(void **state)
{
    (void)state;
    refused("link: {classes: [{kind: home, share: 70%}, {kind: bad, share: 20%}]}\n",
            "link.classes: have shares of 90% together; make it 100%");
    refused("link: {kind: serial, rates: jabs, classes: [{kind: home, share: 100%}]}\n",
            "link.rates: are those of all nodes that no class has chosen");
    refused("link: {rates: jabs}\n",
            "link.rates: jabs is by the six regions of SimBlock, of which ");
    refused("latency: constant\nlink: {rates: simblock-2019}\n", "(no region) is none");
    refused("link: {classes: [{kind: own, share: 100%, up: 1Mbit/s}]}\n", "down");
    refused("link: {classes: [{kind: homely, share: 100%}]}\n", "home");
    refused("link: {classes: [{kind: home, share: 100%, chosen: [x]}]}\n", "'x' is no node");
    refused("link: {classes: [{kind: home, share: 100%, chosen: [2-4]}]}\n", "the last is 3");
    refused("link: {classes: [{kind: home, share: 100%, chosen: [1, 0-2]}]}\n",
            "node 1 stands twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(control_and_processing),
        cmocka_unit_test(one_upload_at_a_time),
        cmocka_unit_test(announced),
        cmocka_unit_test(classes),
        cmocka_unit_test(rates_by_region),
        cmocka_unit_test(a_class_among_regions),
        cmocka_unit_test(rates_from_histograms),
        cmocka_unit_test(rates_within_bins),
        cmocka_unit_test(retransmission),
        cmocka_unit_test(slow_start),
        cmocka_unit_test(slow_start_leaves_room),
        cmocka_unit_test(transmission),
        cmocka_unit_test(bad_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
