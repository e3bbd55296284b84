/* Topologies: what each is known for, determinism, files good and bad. */
#include "models/network/network.h"
#include "sim/base/mem.h"
#include "sim/scenario/scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct scenario *parse(const char *topology, struct net_cfg *cfg)
{
    static const struct scenario_spec *spec;
    static struct scenario_spec own;
    static const struct field_registry *registries[16];
    char text[512];
    struct scenario_problems problems = {0};
    struct scenario *s = NULL;
    if (!spec) {
        size_t n = 0;
        while (net_registry_at(n) && n < 16) {
            registries[n] = net_registry_at(n);
            n++;
        }
        own = (struct scenario_spec){
            .root = &net_cfg_table, .registries = registries, .registry_count = n};
        spec = &own;
    }
    snprintf(text, sizeof text, "topology: %s\n", topology);
    if (scenario_parse(&s, spec, "test", text, strlen(text), NULL, 0, &problems) != ERR_OK)
        fail_msg("%s", problems.text);
    memcpy(cfg, scenario_root(s), sizeof *cfg);
    return s;
}

/* Three regions: a half of the nodes, a quarter, a quarter. */
static const char *region_of(void *self, uint32_t n)
{
    (void)self;
    return n % 2 ? "here" : n % 4 ? "there" : "far";
}

static enum err_code build(const char *topology, uint32_t count, uint64_t seed,
                           struct topology_graph *g, struct err *err)
{
    struct net_cfg cfg;
    struct scenario *s = parse(topology, &cfg);
    struct sim_stream rng;
    sim_stream_init(&rng, seed, 0, sim_purpose("test"));
    const struct topology_ops *ops = (const struct topology_ops *)cfg.topology.model;
    *g = (struct topology_graph){0};
    enum err_code code = ops->build(cfg.topology.cfg, count, &rng, region_of, NULL, g, err);
    scenario_destroy(s);
    return code;
}

static struct topology_graph good(const char *topology, uint32_t count, uint64_t seed)
{
    struct topology_graph g;
    struct err err = {0};
    if (build(topology, count, seed, &g, &err) != ERR_OK)
        fail_msg("%s: %s", topology, err.text);
    return g;
}

static void drop(struct topology_graph *g)
{
    mem_free(g->first);
    mem_free(g->neighbours);
}

static uint32_t degree(const struct topology_graph *g, uint32_t n)
{
    return g->first[n + 1] - g->first[n];
}

static bool linked(const struct topology_graph *g, uint32_t a, uint32_t b)
{
    for (uint32_t i = g->first[a]; i < g->first[a + 1]; i++)
        if (g->neighbours[i] == b)
            return true;
    return false;
}

/* Simple, ascending, both ways, connected. */
static void check_graph(const char *what, const struct topology_graph *g, uint32_t count)
{
    uint8_t *seen = calloc(count, 1);
    uint32_t *queue = calloc(count, sizeof *queue);
    uint32_t head = 0, tail = 0;
    assert_non_null(seen);
    assert_non_null(queue);
    for (uint32_t n = 0; n < count; n++)
        for (uint32_t i = g->first[n]; i < g->first[n + 1]; i++) {
            uint32_t other = g->neighbours[i];
            assert_true(other < count && other != n);
            assert_true(i == g->first[n] || g->neighbours[i - 1] < other);
            assert_true(linked(g, other, n));
        }
    queue[tail++] = 0;
    seen[0] = 1;
    while (head < tail) {
        uint32_t n = queue[head++];
        for (uint32_t i = g->first[n]; i < g->first[n + 1]; i++)
            if (!seen[g->neighbours[i]]) {
                seen[g->neighbours[i]] = 1;
                queue[tail++] = g->neighbours[i];
            }
    }
    if (tail != count)
        fail_msg("%s: %u of %u nodes connected", what, tail, count);
    free(seen);
    free(queue);
}

static double mean_degree(const struct topology_graph *g, uint32_t count)
{
    return (double)g->first[count] / count;
}

/* Share of pairs of neighbours that are neighbours themselves, mean over nodes with two or more. */
static double clustering(const struct topology_graph *g, uint32_t count)
{
    double sum = 0;
    uint32_t nodes = 0;
    for (uint32_t n = 0; n < count; n++) {
        uint32_t d = degree(g, n), closed = 0;
        const uint32_t *near = g->neighbours + g->first[n];
        if (d < 2)
            continue;
        for (uint32_t i = 0; i < d; i++)
            for (uint32_t j = 0; j < i; j++)
                closed += linked(g, near[i], near[j]);
        sum += closed / (d * (d - 1) / 2.0);
        nodes++;
    }
    return sum / nodes;
}

static void all_are_graphs(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        "{kind: random-regular, degree: 5}",
        "{kind: erdos-renyi, degree: 6}",
        "{kind: erdos-renyi, degree: 0.5}", /* many parts */
        "{kind: erdos-renyi, degree: 0}",
        "{kind: watts-strogatz, degree: 4, rewired: 20%}",
        "{kind: watts-strogatz, degree: 2, rewired: 100%}",
        "{kind: barabasi-albert, links: 3}",
        "{kind: barabasi-albert, links: 1, power: 0}",
        "{kind: region-aware, links: 3}",
        "{kind: region-aware, links: 2, near: 100%}", /* a part each */
        "outbound",
        "{kind: outbound, degrees: litecoin}",
        "{kind: outbound, degrees: dogecoin}",
        "{kind: outbound, degrees: gervais, hubs: {count: 3, links: 40}}",
        "{kind: outbound, degrees: drawn, links: 1}",
        "{kind: outbound, degrees: drawn, links: 500}",
        "{kind: outbound, degrees: drawn, links: 0, hubs: {count: 900}}",
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (uint32_t count = 1; count < 400; count = count * 3 + 1) {
            struct topology_graph g = good(kinds[i], count, 7), again = good(kinds[i], count, 7);
            struct topology_graph other = good(kinds[i], count, 8);
            assert_int_equal(g.everyone, again.everyone);
            if (!g.everyone) {
                check_graph(kinds[i], &g, count);
                assert_memory_equal(g.first, again.first, (count + 1) * sizeof *g.first);
                assert_memory_equal(g.neighbours, again.neighbours,
                                    g.first[count] * sizeof *g.neighbours);
                bool same =
                    g.first[count] == other.first[count] &&
                    !memcmp(g.neighbours, other.neighbours, g.first[count] * sizeof *g.neighbours);
                if (count > 100 && same && g.first[count] < count * (count - 1))
                    fail_msg("%s: another seed, the same graph", kinds[i]);
            }
            drop(&g);
            drop(&again);
            drop(&other);
        }
}

/* Mean degree as asked for; variance that of a binomial. */
static void erdos_renyi(void **state)
{
    (void)state;
    enum { COUNT = 4000 };
    struct topology_graph g = good("{kind: erdos-renyi, degree: 12}", COUNT, 3);
    double mean = mean_degree(&g, COUNT), square = 0;
    for (uint32_t n = 0; n < COUNT; n++)
        square += (degree(&g, n) - mean) * (degree(&g, n) - mean);
    /* Edges are binomial: their number has a standard deviation of 0.0775 in the mean degree. */
    assert_true(fabs(mean - 12) < 5 * 0.0775);
    assert_true(square / COUNT > 11 && square / COUNT < 13);
    assert_true(clustering(&g, COUNT) < 0.01);
    drop(&g);
}

/* The ring's clustering is 3 (k - 2) / (4 (k - 1)) (Watts, Strogatz 1998; Barrat, Weigt 2000), and
 * falls about as (1 - p)^3. */
static void watts_strogatz(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    double ring = 3 * 8.0 / (4 * 9), last = 1;
    static const char *const kinds[] = {"{kind: watts-strogatz, degree: 10, rewired: 0%}",
                                        "{kind: watts-strogatz, degree: 10, rewired: 10%}",
                                        "{kind: watts-strogatz, degree: 10, rewired: 30%}",
                                        "{kind: watts-strogatz, degree: 10, rewired: 100%}"};
    static const double rewired[] = {0, .1, .3, 1};
    for (int i = 0; i < 4; i++) {
        struct topology_graph g = good(kinds[i], COUNT, 5);
        double c = clustering(&g, COUNT), kept = 1 - rewired[i];
        assert_true(c < last);
        assert_true(fabs(c - ring * kept * kept * kept) < 0.05);
        assert_true(fabs(mean_degree(&g, COUNT) - 10) < 0.01);
        last = c;
        drop(&g);
    }
}

/* A tail that falls as k^-3: P(degree >= k) = m (m + 1) / (k (k + 1)) (Bollobas et al. 2001; exact
 * form Krapivsky, Redner 2001), and hubs of about m sqrt(n). */
static void barabasi_albert(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct topology_graph g = good("{kind: barabasi-albert, links: 4}", COUNT, 11);
    uint32_t most = 0, beyond[2] = {0};
    for (uint32_t n = 0; n < COUNT; n++) {
        most = degree(&g, n) > most ? degree(&g, n) : most;
        beyond[0] += degree(&g, n) >= 16;
        beyond[1] += degree(&g, n) >= 64;
    }
    assert_true(fabs(mean_degree(&g, COUNT) - 8) < 0.05);
    assert_true(fabs(beyond[0] / (COUNT * 20.0 / (16 * 17)) - 1) < 0.1);
    assert_true(fabs(beyond[1] / (COUNT * 20.0 / (64 * 65)) - 1) < 0.35);
    assert_in_range(most, 250, 2500);
    drop(&g);
}

/* Sums of what nodes open: SimBlock's mean for Bitcoin is the table's. */
static void outbound_laws(void **state)
{
    (void)state;
    enum { COUNT = 6000 };
    static const double upto[] = {.025, .05, .075, .1,  .2,  .3,  .4,  .5,  .6,   .7,
                                  .8,   .85, .9,   .95, .97, .97, .98, .99, .995, 1};
    double mean = 0;
    for (int i = 0; i < 20; i++)
        mean += 1 - (i ? upto[i - 1] : 0);
    struct topology_graph g = good("{kind: outbound, degrees: bitcoin-2015}", COUNT, 2);
    assert_true(fabs(mean_degree(&g, COUNT) / 2 - mean) < 0.01);
    drop(&g);
    g = good("{kind: outbound, degrees: dogecoin}", COUNT, 2);
    assert_int_equal(g.first[COUNT], 2 * 8 * COUNT);
    uint32_t most = 0;
    for (uint32_t n = 0; n < COUNT; n++) {
        assert_true(degree(&g, n) >= 8);
        most = degree(&g, n) > most ? degree(&g, n) : most;
    }
    assert_in_range(most, 20, 60); /* 8 + a Poisson of 8 */
    drop(&g);
    g = good("{kind: outbound, degrees: drawn, links: 3, total: true}", COUNT, 2);
    uint32_t least = 3;
    for (uint32_t n = 0; n < COUNT; n++)
        least = degree(&g, n) < least ? degree(&g, n) : least;
    assert_int_equal(least, 3);
    assert_true(mean_degree(&g, COUNT) < 5);
    drop(&g);
}

/* Gervais et al.: 1 % of nodes with more than 25 links, half with 8 or fewer; pools with 700-800.
 */
static void gervais(void **state)
{
    (void)state;
    enum { COUNT = 6000, POOLS = 16 };
    struct topology_graph g =
        good("{kind: outbound, degrees: gervais, hubs: {count: 16}}", COUNT, 4);
    uint32_t few = 0, many = 0;
    for (uint32_t n = 0; n < POOLS; n++) {
        assert_in_range(degree(&g, n), 700, 815);
        for (uint32_t i = 0; i < n; i++)
            assert_true(linked(&g, n, i));
    }
    for (uint32_t n = POOLS; n < COUNT; n++) {
        few += degree(&g, n) < 12;
        many += degree(&g, n) > 31;
        assert_true(degree(&g, n) <= 118 + 6);
    }
    assert_true(few > COUNT * 0.45 && few < COUNT * 0.85);
    assert_true(many > COUNT * 0.005 && many < COUNT * 0.02);
    drop(&g);
}

static void near_ones(void **state)
{
    (void)state;
    enum { COUNT = 4000 };
    struct topology_graph g = good("{kind: region-aware, links: 4, near: 70%}", COUNT, 9);
    uint32_t same = 0;
    for (uint32_t n = 0; n < COUNT; n++)
        for (uint32_t i = g.first[n]; i < g.first[n + 1]; i++)
            same += !strcmp(region_of(NULL, n), region_of(NULL, g.neighbours[i]));
    /* 70 %, and of the others the share of one's own region: (1/2)^2 + 2 (1/4)^2 on average. */
    double want = 0.7 + 0.3 * (0.25 + 0.125);
    assert_true(fabs((double)same / g.first[COUNT] - want) < 0.02);
    assert_true(fabs(mean_degree(&g, COUNT) - 8) < 0.01);
    drop(&g);
}

/* ---- files ---- */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *complaint; /* NULL: good */
    } cases[] = {
        {"a.edges", "# a path\n0 1\n1,2\n\n 2 , 3  # the last\n", NULL},
        {"a.edges", "0 1\n1 0\n1 1\n1 2\n2 3\n", NULL},
        {"a.edges", "0 1\n1 2\n2 4\n", ":3: 4 is no node of a layer with 4 nodes (0 to 3)"},
        {"a.edges", "0 1\n1\n", ":2: two node numbers"},
        {"a.edges", "0 1\n1 2 3\n", ":2: more than two"},
        {"a.edges", "0 1\n\none two\n", ":3: two node numbers"},
        {"a.edges", "0 -1\n", ":1: two node numbers"},
        {"a.edges", "0 99999999999999999999999\n", ":1: 99999999999999999999999 is no node"},
        {"a.edges", "0 1\n2 3\n", "2 of 4 nodes, node 2 among them, cannot be reached"},
        {"a.edges", "", "3 of 4 nodes, node 1 among them"},
        {"a.graphml",
         "<?xml version=\"1.0\"?><graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">"
         "<graph edgedefault=\"directed\"><node id=\"w\"/><node id=\"x\"/><node id=\"y\"/>"
         "<node id=\"z\"/><edge source=\"w\" target=\"x\"/><edge source=\"x\" target=\"y\"/>"
         "<edge source=\"y\" target=\"z\"/></graph></graphml>",
         NULL},
        {"a.graphml",
         "<?xml version=\"1.0\"?><graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">"
         "<graph edgedefault=\"undirected\"><node id=\"w\"/><node id=\"x\"/>"
         "<edge source=\"w\" target=\"x\"/></graph></graphml>",
         "has 2 nodes, the layer has 4"},
        {"a.graphml", "0 1\n1 2\n2 3\n", "a.graphml: "},
    };
    char dir[] = "/tmp/weft-topology-XXXXXX", path[64], topology[128];
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct topology_graph g;
        struct err err = {0};
        snprintf(path, sizeof path, "%s/%s", dir, cases[i].name);
        snprintf(topology, sizeof topology, "{kind: file, path: %s}", path);
        write_file(path, cases[i].text);
        enum err_code code = build(topology, 4, 1, &g, &err);
        if (!cases[i].complaint) {
            if (code != ERR_OK)
                fail_msg("case %zu: %s", i, err.text);
            check_graph(path, &g, 4);
            assert_int_equal(g.first[4], 6); /* a path of four */
            assert_int_equal(g.neighbours[g.first[3]], 2);
        } else {
            assert_int_equal(code, ERR_INPUT);
            if (!strstr(err.text, cases[i].complaint))
                fail_msg("case %zu says: %s", i, err.text);
        }
        drop(&g);
        unlink(path);
    }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_graphs), cmocka_unit_test(erdos_renyi),
        cmocka_unit_test(watts_strogatz), cmocka_unit_test(barabasi_albert),
        cmocka_unit_test(outbound_laws),  cmocka_unit_test(gervais),
        cmocka_unit_test(near_ones),      cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
