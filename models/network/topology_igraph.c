/* Topologies of the igraph library: `erdos-renyi`, `watts-strogatz`, `barabasi-albert`, and its
 * reader of GraphML. */
#include "models/network/topology_igraph.h"
#include "models/network/igraph_loan.h"
#include "sim/base/file.h"

#include <errno.h>
#include <igraph/igraph.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void take_edges(struct edges *e, const igraph_t *graph)
{
    igraph_integer_t from, to, count = igraph_ecount(graph);
    for (igraph_integer_t i = 0; i < count; i++)
        if (igraph_edge(graph, i, &from, &to) == IGRAPH_SUCCESS)
            edges_add(e, (uint32_t)from, (uint32_t)to);
}

/* Calls one of igraph's generators, and links what it left apart. */
static enum err_code generate(igraph_error_t (*make)(igraph_t *, uint32_t, const void *),
                              const void *cfg, uint32_t count, struct sim_stream *rng,
                              struct topology_graph *out, struct err *err)
{
    struct edges e;
    struct igraph_loan b;
    igraph_t graph;
    enum err_code code = edges_init(&e, count, err);
    igraph_loan_begin(&b, rng);
    if (!code) {
        igraph_error_t failed = make(&graph, count, cfg);
        if (failed)
            code = err_set(err, failed == IGRAPH_ENOMEM ? ERR_MEMORY : ERR_INPUT, "igraph: %s",
                           igraph_loan_said());
        else {
            take_edges(&e, &graph);
            igraph_destroy(&graph);
        }
    }
    igraph_loan_end(&b);
    if (!code) {
        edges_join(&e, rng);
        code = edges_graph(&e, out, err);
    }
    edges_fini(&e);
    return code;
}

/* ---- erdos-renyi ---- */

#define TOPOLOGY_RANDOM_FIELDS(F, S)                                                               \
    F(S, REAL, degree, "8", "0", "10000",                                                          \
      "Mean number of neighbours; the chance of each link is this over the number of other "       \
      "nodes.")
FIELD_DECLARE(topology_random, TOPOLOGY_RANDOM_FIELDS);
FIELD_DEFINE(topology_random, TOPOLOGY_RANDOM_FIELDS,
             "Every two nodes are linked with the same chance; parts left apart are linked to the "
             "largest one, each by one more link.",
             NULL);

static igraph_error_t random_make(igraph_t *graph, uint32_t count, const void *cfg)
{
    double chance = ((const struct topology_random *)cfg)->degree / (count > 1 ? count - 1.0 : 1);
    return igraph_erdos_renyi_game_gnp(graph, count, chance < 1 ? chance : 1, false, false);
}

static enum err_code random_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                  const char *(*region)(void *, uint32_t), void *self,
                                  struct topology_graph *out, struct err *err)
{
    (void)region, (void)self;
    return generate(random_make, cfg, count, rng, out, err);
}

const struct topology_ops topology_random_model = {
    .model = {"erdos-renyi", "Every two nodes are linked with the same chance.",
              &topology_random_table},
    .build = random_build,
};

/* ---- watts-strogatz ---- */

#define TOPOLOGY_SMALL_WORLD_FIELDS(F, S)                                                          \
    F(S, COUNT, degree, "8", "2", "10000",                                                         \
      "Neighbours on the ring, half of them on each side; even. A layer with no more nodes than "  \
      "one and this is a full mesh.")                                                              \
    F(S, FRACTION, rewired, "10%", "0%", "100%", "Links that lead to a random node instead.")
FIELD_DECLARE(topology_small_world, TOPOLOGY_SMALL_WORLD_FIELDS);

static void small_world_check(const void *cfg, struct field_report *report)
{
    if (((const struct topology_small_world *)cfg)->degree % 2)
        field_complain(report, "degree", "must be even: half the neighbours stand on each side");
}
FIELD_DEFINE(topology_small_world, TOPOLOGY_SMALL_WORLD_FIELDS,
             "A ring whose nodes know their nearest ones, with some links rewired at random.",
             small_world_check);

static igraph_error_t small_world_make(igraph_t *graph, uint32_t count, const void *cfg)
{
    const struct topology_small_world *c = cfg;
    double each = 1 - sqrt(1 - c->rewired); /* igraph moves both ends of a link, each by chance */
    return igraph_watts_strogatz_game(graph, 1, count, (igraph_integer_t)c->degree / 2, each, false,
                                      false);
}

static enum err_code small_world_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                       const char *(*region)(void *, uint32_t), void *self,
                                       struct topology_graph *out, struct err *err)
{
    const struct topology_small_world *c = cfg;
    (void)region, (void)self;
    if (count <= c->degree + 1) {
        out->everyone = true;
        return ERR_OK;
    }
    return generate(small_world_make, cfg, count, rng, out, err);
}

const struct topology_ops topology_small_world_model = {
    .model = {"watts-strogatz", "A ring with some links rewired at random.",
              &topology_small_world_table},
    .build = small_world_build,
};

/* ---- barabasi-albert ---- */

#define TOPOLOGY_PREFERENTIAL_FIELDS(F, S)                                                         \
    F(S, COUNT, links, "4", "1", "10000", "Links that each node opens as it joins.")               \
    F(S, REAL, power, "1", "0", "10",                                                              \
      "They go to a node with a chance that grows as its degree to this power.")
FIELD_DECLARE(topology_preferential, TOPOLOGY_PREFERENTIAL_FIELDS);
FIELD_DEFINE(topology_preferential, TOPOLOGY_PREFERENTIAL_FIELDS,
             "Nodes join one by one, node 0 first, and link to those that have many links.", NULL);

static igraph_error_t preferential_make(igraph_t *graph, uint32_t count, const void *cfg)
{
    const struct topology_preferential *c = cfg;
    return igraph_barabasi_game(graph, count, c->power, (igraph_integer_t)c->links, NULL, true, 1,
                                false, IGRAPH_BARABASI_PSUMTREE, NULL);
}

static enum err_code preferential_build(const void *cfg, uint32_t count, struct sim_stream *rng,
                                        const char *(*region)(void *, uint32_t), void *self,
                                        struct topology_graph *out, struct err *err)
{
    (void)region, (void)self;
    return generate(preferential_make, cfg, count, rng, out, err);
}

const struct topology_ops topology_preferential_model = {
    .model = {"barabasi-albert", "Who has many links gets more: a few hubs, many with few links.",
              &topology_preferential_table},
    .build = preferential_build,
};

/* ---- GraphML ---- */

enum err_code topology_read_graphml(struct edges *e, const char *path, struct err *err)
{
    struct igraph_loan b;
    igraph_t graph;
    FILE *f = file_open(path, UINT64_C(1) << 30, err);
    if (!f)
        return err->code;
    igraph_loan_begin(&b, NULL);
    enum err_code code = ERR_OK;
    igraph_error_t failed = igraph_read_graph_graphml(&graph, f, 0);
    fclose(f);
    if (failed)
        code = err_set(err, failed == IGRAPH_ENOMEM ? ERR_MEMORY : ERR_INPUT, "%s: %s", path,
                       igraph_loan_said());
    else {
        if (igraph_vcount(&graph) != e->count)
            code = err_set(err, ERR_INPUT, "%s has %lld nodes, the layer has %u", path,
                           (long long)igraph_vcount(&graph), e->count);
        else
            take_edges(e, &graph);
        igraph_destroy(&graph);
    }
    igraph_loan_end(&b);
    return code;
}
