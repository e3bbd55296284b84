/* Where nodes stand, what the wire between them takes, and how that varies: matrices against their
 * sources, shares against counts, every family of jitter against its closed form. */
#include "models/network/matrices.h"
#include "models/network/place.h"
#include "tests/unit/net_rig.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- matrices ---- */

static void matrices_are_whole(void **state)
{
    (void)state;
    const struct {
        enum net_matrix_kind kind;
        uint32_t count;
        bool symmetric;
    } rows[] = {{NET_AWS_2025, 33, false}, {NET_SIX_2019, 6, true}, {NET_SIX_2015, 6, true},
                {NET_GERVAIS, 6, true},    {NET_EIGHT, 8, false},   {NET_CITIES, 21, false},
                {NET_RIPE, 157, true}};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        const struct net_matrix *m = net_matrix(rows[k].kind);
        assert_int_equal(m->count, rows[k].count);
        for (uint32_t i = 0; i < m->count; i++) {
            assert_int_equal(net_region_index(m->regions, m->count, m->regions[i]), i);
            for (uint32_t j = 0; j < m->count; j++) {
                double there = net_matrix_ms(m, i, j), back = net_matrix_ms(m, j, i);
                assert_true(there < 800 && (there > 0 || (i == j && rows[k].kind == NET_CITIES)));
                assert_true(!rows[k].symmetric || there == back);
                /* The others were measured both ways; a ninth of a second is the most they differ
                 */
                assert_true(fabs(there - back) < 110);
            }
        }
    }
}

static double one_way(enum net_matrix_kind kind, const char *from, const char *to)
{
    const struct net_matrix *m = net_matrix(kind);
    uint32_t a = net_region_index(m->regions, m->count, from);
    uint32_t b = net_region_index(m->regions, m->count, to);
    assert_true(a != UINT32_MAX && b != UINT32_MAX);
    return net_matrix_ms(m, a, b);
}

/* Cells as the sources print them. */
static void cells(void **state)
{
    (void)state;
    assert_true(one_way(NET_SIX_2015, "south-america", "asia-pacific") == 347);
    assert_true(one_way(NET_SIX_2019, "japan", "asia-pacific") == 58);
    assert_true(one_way(NET_GERVAIS, "australia", "australia") == 21.72);
    assert_true(one_way(NET_EIGHT, "south-america", "south-africa") == 195);
    assert_true(one_way(NET_EIGHT, "south-africa", "south-america") == 190);
    assert_true(one_way(NET_AWS_2025, "af-south-1", "ap-east-2") == 256.11 / 2);
    assert_true(one_way(NET_CITIES, "london", "frankfurt") == 14.52 / 2);
    assert_true(one_way(NET_CITIES, "frankfurt", "london") == 15.07 / 2);
    assert_true(one_way(NET_RIPE, "DE", "US") == 113.6 / 2);
    assert_true(one_way(NET_RIPE, "ZA", "AU") == 397.9 / 2);
    assert_true(one_way(NET_RIPE, "KR", "US") == 51.4 / 2);
    /* Measured 22.6: light needs 109.2 from Andorra to Singapore and back. */
    assert_true(one_way(NET_RIPE, "AD", "SG") == 109.2 / 2);
    const struct net_matrix *aws = net_matrix(NET_AWS_2025);
    assert_true(fabs(net_matrix_sd_ms(aws, 0, 0) - (11.91 - 4.46) / 2) < 1e-12);
    const struct net_matrix *ripe = net_matrix(NET_RIPE);
    uint32_t fi = net_region_index(ripe->regions, ripe->count, "FI");
    assert_true(net_matrix_sd_ms(ripe, fi, fi) == 11.5 / 2);
    assert_true(net_matrix_sd_ms(net_matrix(NET_SIX_2019), 1, 2) < 0);
}

/* What was not measured between two countries is the shortest way over pairs that were. */
static void filled_in(void **state)
{
    (void)state;
    const struct net_matrix *m = net_matrix(NET_RIPE);
    uint32_t filled = 0;
    for (uint32_t i = 0, at = 0; i < m->count; i++)
        for (uint32_t j = 0; j <= i; j++, at++) {
            if (m->tenths[at] > 0)
                continue;
            filled++;
            double best = INFINITY;
            for (uint32_t k = 0; k < m->count && i != j; k++)
                if (k != i && k != j) {
                    double sum = net_matrix_ms(m, i, k) + net_matrix_ms(m, k, j);
                    best = sum < best ? sum : best;
                }
            if (i == j)
                assert_int_equal(m->tenths[at], -61); /* the median country */
            else                                      /* three numbers were rounded */
                assert_true(net_matrix_ms(m, i, j) <= best + 0.08);
        }
    assert_int_equal(filled, 5870);
}

static void by_distance(void **state)
{
    (void)state;
    struct world w;
    make(&w, "latency: {kind: distance, first: [new-york, london, sydney, london]}\n", 4, 1);
    assert_string_equal(net_region(w.net, 2), "sydney");
    assert_int_equal(net_latency(w.net, 1, 3), 2431 * SIM_US); /* half of the base */
    /* 3,461 miles */
    assert_true(llabs(net_latency(w.net, 0, 1) - 40500 * SIM_US) < 100 * SIM_US);
    assert_int_equal(net_latency(w.net, 0, 2), net_latency(w.net, 2, 0));
    unmake(&w);
}

/* ---- places ---- */

static void chains(void **state)
{
    (void)state;
    const struct {
        const char *shares;
        double share[6];
    } rows[] = {
        {"bitcoin-2015", {0.3869, 0.5159, 0.0113, 0.0574, 0.0119, 0.0166}},
        {"bitcoin-2019", {0.3316, 0.4998, 0.009, 0.1177, 0.0224, 0.0195}},
        {"litecoin", {0.3661, 0.4791, 0.0149, 0.1022, 0.0238, 0.0139}},
        {"dogecoin", {0.3924, 0.4879, 0.0212, 0.0697, 0.0106, 0.0182}},
        {"ethereum-2019", {0.476, 0.222, 0, 0.297, 0.005, 0}},
        {"equal", {1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6}},
    };
    enum { COUNT = 10000 };
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        char yaml[256];
        struct world w;
        snprintf(yaml, sizeof yaml,
                 "latency: {kind: regions, matrix: gervais-2015, shares: %s, first: [japan, "
                 "japan, australia]}\n",
                 rows[k].shares);
        make(&w, yaml, COUNT, k);
        const struct net_matrix *m = net_matrix(NET_GERVAIS);
        uint32_t have[6] = {0};
        assert_string_equal(net_region(w.net, 0), "japan");
        assert_string_equal(net_region(w.net, 1), "japan");
        assert_string_equal(net_region(w.net, 2), "australia");
        for (node_id n = 3; n < COUNT; n++)
            have[net_region_index(m->regions, 6, net_region(w.net, n))]++;
        for (uint32_t r = 0; r < 6; r++)
            assert_true(fabs(have[r] - rows[k].share[r] * (COUNT - 3)) <= 1);
        unmake(&w);
    }
}

/* ---- jitter ---- */

struct jitter_rig {
    struct world w;
    const struct jitter_ops *ops;
    _Alignas(16) unsigned char state[256];
};

static void jitter_make(struct jitter_rig *r, const char *jitter)
{
    char yaml[256];
    struct err err = {0};
    snprintf(yaml, sizeof yaml, "jitter: %s\n", jitter);
    make(&r->w, yaml, 2, 7);
    const struct net_cfg *cfg = scenario_root(r->w.scenario);
    const struct jitter_env env = {7, true};
    r->ops = (const struct jitter_ops *)cfg->jitter.model;
    assert_true(r->ops->state_size <= sizeof r->state);
    memset(r->state, 0, sizeof r->state);
    assert_int_equal(r->ops->init(r->state, cfg->jitter.cfg, &env, &err), ERR_OK);
}

static int ascending(const void *a, const void *b)
{
    sim_time x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

enum { DRAWS = 100000 };
static sim_time draws[DRAWS];

/* Draws around 100 ms (spread 30 ms), sorted; returns their mean in ms. */
static double draw_all(const char *jitter)
{
    struct jitter_rig r;
    struct sim_stream rng;
    double sum = 0;
    jitter_make(&r, jitter);
    sim_stream_init(&rng, 20261127, 3, sim_purpose("test.jitter"));
    for (int i = 0; i < DRAWS; i++) {
        draws[i] = r.ops->draw(r.state, 0, 1, 100 * SIM_MS, 30 * SIM_MS, &rng);
        sum += (double)draws[i] / (double)SIM_MS;
    }
    qsort(draws, DRAWS, sizeof draws[0], ascending);
    unmake(&r.w);
    return sum / DRAWS;
}

static double quantile(double p)
{
    return (double)draws[(size_t)(p * DRAWS)] / (double)SIM_MS;
}

static void near_to(double value, double target, double within)
{
    if (!(fabs(value - target) <= within))
        fail_msg("%g is not within %g of %g", value, within, target);
}

static void pareto_near(double mean, double scale, double shape, double coarse)
{
    near_to(mean, scale * shape / (shape - 1), 0.15);
    near_to(quantile(0), scale, 0.01 + coarse);
    for (double p = 0.1; p < 0.96; p += 0.1)
        near_to(quantile(p), scale * pow(1 - p, -1 / shape), 0.2 + coarse);
    near_to(quantile(0.99), scale * pow(0.01, -1 / shape), 1 + coarse);
}

/* The families of SimBlock, Gervais and JABS: scale U^(-1/shape), with the wire's mean. */
static void pareto_families(void **state)
{
    (void)state;
    pareto_near(draw_all("simblock"), 95, 20, 0.5);
    for (int i = 0; i < DRAWS; i++)
        assert_int_equal(draws[i] % SIM_MS, 0);
    pareto_near(draw_all("{kind: gervais, each: message}"), 95, 20, 0);
    pareto_near(draw_all("{kind: gervais, each: message, divider: 20ms}"), 80, 5, 0);
    pareto_near(draw_all("pareto"), 80, 5, 0);
    pareto_near(draw_all("{kind: pareto, shape: 9}"), 100 * 8.0 / 9, 9, 0);
}

static void other_families(void **state)
{
    (void)state;
    static const double at[] = {0.1, 0.25, 0.5, 0.75, 0.9, 0.99};
    static const double z[] = {-1.281552, -0.674490, 0, 0.674490, 1.281552, 2.326348};
    near_to(draw_all("{kind: lognormal, sd: 30%}"), 100, 0.4);
    double s = sqrt(log1p(0.09));
    for (int i = 0; i < 6; i++)
        near_to(quantile(at[i]), 100 * exp(z[i] * s - s * s / 2), i == 5 ? 2.5 : 0.6);
    near_to(draw_all("measured"), 100, 0.4); /* cut at 3.3 standard deviations */
    for (int i = 0; i < 6; i++)
        near_to(quantile(at[i]), 100 + 30 * z[i], i == 5 ? 1.2 : 0.6);
    near_to(draw_all("{kind: around, by: exponential(8ms)}"), 108, 0.2);
    near_to(quantile(0.5), 100 + 8 * log(2), 0.15);
    /* (RTT + draw) / 2: the k-th percentile of the source's distribution, k from 0 to 99. */
    draw_all("generalised-pareto");
    near_to(quantile(0), 100 - 0.15, 1e-6);
    for (int k = 5; k < 100; k += 10)
        near_to(quantile(k / 100.0 + 0.005),
                100 + (-0.3 + 0.35 / 1.4 * (pow(1 - k / 100.0, -1.4) - 1)) / 2, 0.03);
    near_to((double)draws[DRAWS - 1] / (double)SIM_MS, 100 - 0.15 + 0.125 * (pow(0.01, -1.4) - 1),
            1e-6);
}

/* Wires that a family has no distribution for keep their mean. */
static void short_wires(void **state)
{
    (void)state;
    struct jitter_rig r;
    struct sim_stream rng;
    sim_stream_init(&rng, 1, 1, 1);
    jitter_make(&r, "simblock");
    assert_int_equal(r.ops->draw(r.state, 0, 1, 4500 * SIM_US, -1, &rng), 4500 * SIM_US);
    unmake(&r.w);
    jitter_make(&r, "{kind: gervais, divider: 30ms, each: message}");
    assert_int_equal(r.ops->draw(r.state, 0, 1, 30 * SIM_MS, -1, &rng), 30 * SIM_MS);
    assert_int_not_equal(r.ops->draw(r.state, 0, 1, 31 * SIM_MS, -1, &rng), 31 * SIM_MS);
    unmake(&r.w);
}

/* A pair keeps its draw, both ways, and leaves the sender's stream alone. */
static void drawn_by_pair(void **state)
{
    (void)state;
    struct jitter_rig r;
    struct sim_stream rng, before;
    sim_time seen[40];
    size_t count = 0;
    sim_stream_init(&rng, 1, 1, 1);
    before = rng;
    jitter_make(&r, "gervais");
    for (node_id a = 0; a < 8; a++)
        for (node_id b = a + 1; b < 8; b++) {
            sim_time t = r.ops->draw(r.state, a, b, 100 * SIM_MS, -1, &rng);
            assert_int_equal(r.ops->draw(r.state, b, a, 100 * SIM_MS, -1, &rng), t);
            for (size_t i = 0; i < count; i++)
                assert_int_not_equal(seen[i], t);
            seen[count++] = t;
        }
    assert_memory_equal(&rng, &before, sizeof rng);
    unmake(&r.w);
}

/* What messages over the network meet: a draw each, or the pair's, which net_latency knows too; the
 * same again with the same seed. */
static void messages(void **state)
{
    (void)state;
    const char *const rows[] = {"jitter: {kind: lognormal, sd: 10%}\n", "jitter: gervais\n",
                                "jitter: {kind: around, by: constant(5ms)}\n"};
    for (int k = 0; k < 3; k++) {
        sim_time seen[2][8];
        for (int run = 0; run < 2; run++) {
            char yaml[256];
            struct world w;
            snprintf(yaml, sizeof yaml,
                     "latency: {kind: constant, delay: 40ms}\n"
                     "link: {up: 1000Gbit/s, down: 1000Gbit/s}\n%s",
                     rows[k]);
            make(&w, yaml, 9, 5);
            for (node_id n = 0; n < 8; n++) {
                struct message *m = message_create(CHANNEL_CONSENSUS, 0, 0);
                m->size = 1000; /* 8 ns at both ends */
                net_send(w.net, 8, n, m);
                assert_int_equal(sim_run(w.sim, (n + 1) * SIM_SEC), ERR_OK);
                assert_int_equal(w.count, n + 1);
                seen[run][n] = w.log[n].at - n * SIM_SEC - 8;
                if (k == 1)
                    assert_int_equal(seen[run][n], net_latency(w.net, n, 8));
                else
                    assert_int_equal(net_latency(w.net, n, 8), 40 * SIM_MS);
                if (k == 2)
                    assert_int_equal(seen[run][n], 45 * SIM_MS);
                else if (n)
                    assert_int_not_equal(seen[run][n], seen[run][n - 1]);
            }
            unmake(&w);
        }
        assert_memory_equal(seen[0], seen[1], sizeof seen[0]);
    }
}

/* A normal delay that is cut at 0 has mean m + s f(m/s) / F(m/s). */
static void drawn_delays(void **state)
{
    (void)state;
    const struct {
        const char *delay;
        double mean, sd;
    } rows[] = {{"normal(250ms, 50ms)", 250, 50},
                {"normal(10ms, 20ms)", 10 + 20 * 0.352065 / 0.691462, 12.9}};
    for (int k = 0; k < 2; k++) {
        char yaml[256];
        struct world w;
        enum { MESSAGES = 4000 };
        double sum = 0, squares = 0;
        snprintf(yaml, sizeof yaml,
                 "latency: {kind: drawn, delay: '%s'}\nlink: {up: 1000Gbit/s, down: 1000Gbit/s}\n",
                 rows[k].delay);
        make(&w, yaml, 2, 5);
        for (int i = 0; i < MESSAGES; i++) {
            struct message *m = message_create(CHANNEL_CONSENSUS, 0, 0);
            m->size = 1;
            net_send(w.net, 0, 1, m);
        }
        assert_int_equal(sim_run(w.sim, 10 * SIM_SEC), ERR_OK);
        assert_int_equal(w.count, MESSAGES);
        for (int i = 0; i < MESSAGES; i++) {
            double ms = (double)w.log[i].at / (double)SIM_MS;
            sum += ms;
            squares += ms * ms;
        }
        double mean = sum / MESSAGES;
        near_to(mean, rows[k].mean, 4 * rows[k].sd / sqrt(MESSAGES));
        if (k == 0)
            near_to(sqrt(squares / MESSAGES - mean * mean), 50, 2);
        unmake(&w);
    }
    struct world w;
    make(&w, "latency: {kind: drawn, delay: 'uniform(10ms, 90ms)', by_pair: true}\n", 9, 5);
    for (node_id a = 0; a < 9; a++)
        for (node_id b = 0; b < a; b++) {
            assert_int_equal(net_latency(w.net, a, b), net_latency(w.net, b, a));
            assert_true(net_latency(w.net, a, b) >= 10 * SIM_MS);
            if (b != 4)
                assert_int_not_equal(net_latency(w.net, a, b), net_latency(w.net, a, 8 - b));
        }
    unmake(&w);
}

/* ---- a matrix of one's own, and what is wrong with others ---- */

static char csv_path[] = "/tmp/weft-matrix-XXXXXX";

static void put(const char *text)
{
    FILE *f = fopen(csv_path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static void own_matrix(void **state)
{
    (void)state;
    char yaml[256];
    struct world w;
    put("# ms\nfrom,here, \"far away\" ,moon\r\nmoon,2600.5,2601,0\n\nhere,1,80.5,\nfar "
        "away,,2,\n");
    snprintf(yaml, sizeof yaml,
             "latency: {matrix: file, file: %s, nodes: {moon: 1%%, here: 99%%}, first: [far away, "
             "moon, here]}\n",
             csv_path);
    make(&w, yaml, 5, 1);
    assert_string_equal(net_region(w.net, 0), "far away");
    assert_int_equal(net_latency(w.net, 0, 1), 1300500 * SIM_US);
    assert_int_equal(net_latency(w.net, 2, 1), 1300250 * SIM_US);
    assert_int_equal(net_latency(w.net, 0, 2), 40250 * SIM_US);
    assert_int_equal(net_latency(w.net, 0, 0), 1 * SIM_MS);
    unmake(&w);
}

static void refused(const char *yaml, const char *text)
{
    struct world w;
    char why[1024];
    make_or_fail(&w, yaml, 4, 1, why);
    if (!strstr(why, text))
        fail_msg("%s says: %s\nnot: %s", yaml, why, text);
    unmake(&w);
}

static void bad_files(void **state)
{
    (void)state;
    const struct {
        const char *csv, *text;
    } rows[] = {
        {"", ": is empty"},
        {"from\n", ":1: names no region"},
        {"from,a,,b\n", ":1: the name of region 2 is empty"},
        {"from,a,a\n", ":1: a stands twice"},
        {"from,a,b\na,1,2\n\nc,1,2\n", ":4: c is no region of the first line"},
        {"from,east,west\nesat,1,2\n",
         ":2: esat is no region of the first line; did you mean east"},
        {"from,a,b\na,1,2\na,1,2\n", ":3: a has a line already"},
        {"from,a,b\na,1,2,3\n", ":2: more than 2 times"},
        {"from,a,b\na,1\n", ":2: 1 times for 2 regions"},
        {"from,a,b\na,1,2ms\n", ":2: a to b: `2ms` is no time; write milliseconds"},
        {"from,a,b\na,1,-2\n", ":2: a to b: `-2` is no time"},
        {"from,a,b\na,1,nan\n", ":2: a to b: `nan` is no time"},
        {"from,a,b\na,1,2\n", ":2: b has no line"},
        {"from,a,b\na,1,\nb,,2\n", ":3: no time from a to b, nor back"},
    };
    char yaml[256];
    snprintf(yaml, sizeof yaml, "latency: {matrix: file, file: %s}\n", csv_path);
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        put(rows[k].csv);
        refused(yaml, rows[k].text);
    }
    char wide[4096] = "from";
    for (size_t at = 4; at < 4 + 257 * 5;)
        at += (size_t)snprintf(wide + at, sizeof wide - at, ",r%03zu", (at - 4) / 5);
    put(wide);
    refused(yaml, ":1: more than 256 regions");
    put("from,a,b\na,1,2\nb,3,4\n");
    snprintf(yaml, sizeof yaml, "latency: {matrix: file, file: %s, nodes: {aa: 1}}\n", csv_path);
    refused(yaml, "latency: aa is no region");
    remove(csv_path);
    struct net_matrix *m;
    struct err err = {0};
    assert_int_equal(net_matrix_read(&m, csv_path, &err), ERR_IO);
    assert_non_null(strstr(err.text, ": No such file or directory"));
}

static void bad_settings(void **state)
{
    (void)state;
    refused("latency: {matrix: six-regions-2019, first: [europa]}\n",
            "latency.first: europa is no region of six-regions-2019; did you mean europe");
    refused("latency: {matrix: six-regions-2019, nodes: {eu: 1}}\n",
            "latency.nodes: eu is no region of six-regions-2019");
    refused("latency: {shares: litecoin}\n",
            "latency.shares: litecoin is by SimBlock's six regions, which aws-2025 has not");
    refused("latency: {matrix: six-regions-2019, shares: litecoin, nodes: {europe: 1}}\n",
            "leave out one of shares and nodes");
    refused("latency: {matrix: file}\n", "latency.file: goes with `matrix: file`");
    refused("latency: {file: /dev/null}\n", "latency.file: goes with `matrix: file`");
    refused("latency: {matrix: eight-regions, first: [europe, europe, europe, europe, europe]}\n",
            "latency: first says where 5 nodes stand, there are 4");
    refused("latency: {kind: distance, nodes: {londn: 1}}\n", "did you mean london");
    refused("latency: {matrix: six-regions-2019}\njitter: measured\n",
            "jitter: measured needs a latency whose source says how it varies");
    refused("jitter: {kind: pareto, shape: 1}\n", "jitter.shape");
}

int main(void)
{
    int fd = mkstemp(csv_path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_are_whole),
        cmocka_unit_test(cells),
        cmocka_unit_test(filled_in),
        cmocka_unit_test(by_distance),
        cmocka_unit_test(chains),
        cmocka_unit_test(pareto_families),
        cmocka_unit_test(other_families),
        cmocka_unit_test(short_wires),
        cmocka_unit_test(drawn_by_pair),
        cmocka_unit_test(drawn_delays),
        cmocka_unit_test(messages),
        cmocka_unit_test(own_matrix),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(bad_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
