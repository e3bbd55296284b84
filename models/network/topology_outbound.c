/* Topologies that grow from the links which nodes open themselves: `outbound`, with degree laws as
 * data, and `region-aware`. */
#include "models/network/edges.h"
#include "sim/base/mem.h"

#include <math.h>
#include <string.h>

/* ---- outbound ---- */

/* Rows E(S, ENUMERATOR, "spelling", "One sentence.") */
#define DEGREE_LAWS(E, S)                                                                          \
    E(S, DEGREES_DRAWN, "drawn", "As `links` says.")                                               \
    E(S, DEGREES_BITCOIN, "bitcoin-2015",                                                          \
      "1 to 20, as Miller et al. measured Bitcoin in 2015; SimBlock's table.")                     \
    E(S, DEGREES_LITECOIN, "litecoin", "1 to 20; SimBlock's table for Litecoin.")                  \
    E(S, DEGREES_DOGECOIN, "dogecoin", "8 for every node, as SimBlock has Dogecoin.")              \
    E(S, DEGREES_GERVAIS, "gervais",                                                               \
      "Of all links of a node, whoever opened them: the least is 1 to 118 as Gervais et al. "      \
      "(2016) "                                                                                    \
      "draw it, and up to 6 more are accepted.")
FIELD_ENUM_DECLARE(degree_law, DEGREE_LAWS);
FIELD_ENUM_DEFINE(degree_law, DEGREE_LAWS);

#define TOPOLOGY_HUBS_FIELDS(F, S)                                                                 \
    F(S, COUNT, count, "0", "0", "1M", "The first so many nodes, say mining pools.")               \
    F(S, DIST(COUNT), links, "uniform(700, 801)", "1", "1M",                                       \
      "Links that one of them opens; as many as there are nodes where that is less.")
FIELD_DECLARE(topology_hubs, TOPOLOGY_HUBS_FIELDS);
FIELD_DEFINE(topology_hubs, TOPOLOGY_HUBS_FIELDS,
             "Nodes with many links; all of them are linked to one another.", NULL);

#define TOPOLOGY_OUTBOUND_FIELDS(F, S)                                                             \
    F(S, ENUM(degree_law), degrees, "bitcoin-2015", NULL, NULL,                                    \
      "How many links each node opens, to random others.")                                         \
    F(S, DIST(COUNT), links, "8", "0", "1M", "That number, where `degrees` is drawn.")             \
    F(S, BOOL, total, "false", NULL, NULL,                                                         \
      "Links opened by others count too: a node opens only what it still lacks.")                  \
    F(S, STRUCT(topology_hubs), hubs, "", NULL, NULL, "Nodes with many links.")
FIELD_DECLARE(topology_outbound, TOPOLOGY_OUTBOUND_FIELDS);
FIELD_DEFINE(
    topology_outbound, TOPOLOGY_OUTBOUND_FIELDS,
    "Every node opens so many links to random others and accepts all that come; parts left "
    "apart are linked to the largest one, each by one more link.",
    NULL);

/* Share of nodes with at most 1, 2, ... links: simblock/settings/NetworkConfiguration.java. */
static const double bitcoin_upto[] = {.025, .05, .075, .1,  .2,  .3,  .4,  .5,  .6,   .7,
                                      .8,   .85, .9,   .95, .97, .97, .98, .99, .995, 1};
static const double litecoin_upto[] = {.01, .02, .04, .07, .09, .14, .2,  .28, .39, .5,
                                       .6,  .69, .76, .81, .85, .87, .89, .92, .93, 1};

static uint32_t from_table(const double *upto, double u)
{
    uint32_t i = 0;
    while (u >= upto[i])
        i++;
    return i + 1;
}

/* bitcoin-topology-helper.cc: intervals 1-5-10-15-20-30-125, of which it takes 0, 1, ... off, with
 * shares of 10, 40, 30, 13, 6, 1 %; uniform within one, rounded down. Who draws in the k-th
 * interval accepts k links more. */
static uint32_t from_gervais(double u, uint32_t *slack)
{
    static const double bounds[] = {1, 4, 8, 12, 16, 25, 119};
    static const double upto[] = {0, .10, .50, .80, .93, .99, 1};
    uint32_t k = 1;
    while (u >= upto[k])
        k++;
    *slack = k;
    return (uint32_t)(bounds[k - 1] +
                      (u - upto[k - 1]) / (upto[k] - upto[k - 1]) * (bounds[k] - bounds[k - 1]));
}

/* What a node seeks, and what it accepts at most. */
struct appetite {
    uint32_t seeks, accepts;
};

static uint32_t drawn(const struct sim_dist *d, uint32_t count, struct sim_stream *rng)
{
    double x = floor(sim_dist_sample(d, rng));
    return x < 1 ? 0 : x >= count ? count - 1 : (uint32_t)x;
}

/* Tables are dealt out, not drawn: their shares hold in small networks too. */
static void appetites(const struct topology_outbound *c, struct appetite *a, uint32_t *order,
                      uint32_t count, struct sim_stream *rng)
{
    for (uint32_t n = 0; n < count; n++)
        order[n] = n;
    sim_stream_shuffle(rng, order, count);
    for (uint32_t n = 0; n < count; n++) {
        double u = (order[n] + 0.5) / count;
        uint32_t slack = 0, seeks = 8;
        switch (c->degrees) {
        case DEGREES_BITCOIN: seeks = from_table(bitcoin_upto, u); break;
        case DEGREES_LITECOIN: seeks = from_table(litecoin_upto, u); break;
        case DEGREES_GERVAIS: seeks = from_gervais(u, &slack); break;
        case DEGREES_DRAWN: seeks = drawn(&c->links, count, rng); break;
        case DEGREES_DOGECOIN: break;
        }
        a[n] = (struct appetite){seeks, slack ? seeks + slack : UINT32_MAX};
        if (n < c->hubs.count)
            a[n] = (struct appetite){drawn(&c->hubs.links, count, rng), UINT32_MAX};
    }
}

/* Opens links of n to random others until it has `want` of those that count, or finds no more. */
static void open_links(struct edges *e, uint32_t n, uint32_t want, uint32_t have,
                       const struct appetite *a, struct sim_stream *rng)
{
    /* Almost every try succeeds, unless n is linked to nearly all. */
    uint64_t tries = 20ull * want + 100;
    while (have < want && tries--) {
        uint32_t other = (uint32_t)sim_stream_below(rng, e->count);
        if (e->degree[other] < a[other].accepts && edges_add(e, n, other))
            have++;
    }
}

static void grow(struct edges *e, const struct topology_outbound *c, const struct appetite *a,
                 struct sim_stream *rng)
{
    uint32_t hubs = c->hubs.count < e->count ? (uint32_t)c->hubs.count : e->count;
    bool total = c->total || c->degrees == DEGREES_GERVAIS;
    for (uint32_t i = 0; i < hubs; i++)
        for (uint32_t j = 0; j < i; j++)
            edges_add(e, i, j);
    for (uint32_t n = 0; n < e->count; n++)
        open_links(e, n, a[n].seeks, total || n < hubs ? e->degree[n] : 0, a, rng);
}

static enum err_code outbound_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                    const char *(*region)(void *, uint32_t), void *self,
                                    struct topology_graph *out, struct err *err)
{
    struct edges e;
    (void)region, (void)self;
    enum err_code code = edges_init(&e, count, err);
    struct appetite *a = mem_alloc(count, sizeof *a);
    uint32_t *order = mem_alloc(count, sizeof *order);
    if (!code && (!a || !order))
        code = err_set(err, ERR_MEMORY, "no memory for a graph of %u nodes", count);
    if (!code) {
        appetites(cfg, a, order, count, rng);
        grow(&e, cfg, a, rng);
        edges_join(&e, rng);
        code = edges_graph(&e, out, err);
    }
    mem_free(a);
    mem_free(order);
    edges_fini(&e);
    return code;
}

const struct topology_ops topology_outbound_model = {
    .model = {"outbound", "Every node opens some links to random others and accepts what comes.",
              &topology_outbound_table},
    .build = outbound_build,
};

/* ---- region-aware ---- */

#define TOPOLOGY_NEAR_FIELDS(F, S)                                                                 \
    F(S, COUNT, links, "4", "1", "10000",                                                          \
      "Links that each node opens; it has about twice as many neighbours.")                        \
    F(S, FRACTION, near, "75%", "0%", "100%",                                                      \
      "Chance that a link goes to a node of the same region; the others go anywhere.")
FIELD_DECLARE(topology_near, TOPOLOGY_NEAR_FIELDS);
FIELD_DEFINE(topology_near, TOPOLOGY_NEAR_FIELDS,
             "Every node opens so many links, most of them within its region; parts left apart are "
             "linked to the largest one, each by one more link.",
             NULL);

/* Nodes by region: those of region r are nodes[first[r]] .. nodes[first[r + 1] - 1]. */
struct by_region {
    uint32_t *nodes, *place, *first;
    uint32_t regions;
};

/* Regions are few: found by comparing with those met before. */
static enum err_code sort_by_region(struct by_region *b, uint32_t count,
                                    const char *(*region)(void *, uint32_t), void *self,
                                    struct err *err)
{
    const char **names = mem_alloc(count, sizeof *names);
    b->nodes = mem_alloc(count, sizeof *b->nodes);
    b->place = mem_alloc(count, sizeof *b->place);
    b->first = mem_zalloc((size_t)count + 2, sizeof *b->first);
    if (names && b->nodes && b->place && b->first) {
        for (uint32_t n = 0; n < count; n++) {
            const char *name = region(self, n);
            uint32_t r = 0;
            while (r < b->regions && strcmp(names[r], name) != 0)
                r++;
            if (r == b->regions)
                names[b->regions++] = name;
            b->place[n] = r;
            b->first[r + 2]++;
        }
        for (uint32_t r = 2; r < b->regions + 2; r++)
            b->first[r] += b->first[r - 1];
        for (uint32_t n = 0; n < count; n++)
            b->nodes[b->first[b->place[n] + 1]++] = n;
    }
    mem_free(names);
    return names && b->nodes && b->place && b->first
               ? ERR_OK
               : err_set(err, ERR_MEMORY, "no memory for a graph of %u nodes", count);
}

static void open_near(struct edges *e, const struct topology_near *c, const struct by_region *b,
                      uint32_t n, struct sim_stream *rng)
{
    uint32_t r = b->place[n], mates = b->first[r + 1] - b->first[r];
    for (uint64_t opened = 0, tries = 20 * c->links + 100; opened < c->links && tries; tries--) {
        bool near = sim_stream_double(rng) < c->near;
        uint32_t other = near ? b->nodes[b->first[r] + sim_stream_below(rng, mates)]
                              : (uint32_t)sim_stream_below(rng, e->count);
        opened += edges_add(e, n, other);
    }
}

static enum err_code near_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                const char *(*region)(void *, uint32_t), void *self,
                                struct topology_graph *out, struct err *err)
{
    struct edges e;
    struct by_region b = {0};
    enum err_code code = edges_init(&e, count, err);
    if (!code)
        code = sort_by_region(&b, count, region, self, err);
    for (uint32_t n = 0; !code && n < count; n++)
        open_near(&e, cfg, &b, n, rng);
    if (!code) {
        edges_join(&e, rng);
        code = edges_graph(&e, out, err);
    }
    mem_free(b.nodes);
    mem_free(b.place);
    mem_free(b.first);
    edges_fini(&e);
    return code;
}

const struct topology_ops topology_near_model = {
    .model = {"region-aware", "Random links, most of them within a node's region.",
              &topology_near_table},
    .build = near_build,
};
