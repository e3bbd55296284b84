#include "models/routing/graph_igraph.h"

#include "models/network/igraph_loan.h"
#include "sim/base/mem.h"

#include <string.h>

/* What one call holds; init'ed members are those below `made`. */
struct call {
    igraph_t graph;
    igraph_vector_int_t ends, membership;
    igraph_vector_t weights, strengths;
    int made;
};

static void fini(struct call *c)
{
    if (c->made > 4)
        igraph_destroy(&c->graph);
    if (c->made > 3)
        igraph_vector_int_destroy(&c->membership);
    if (c->made > 2)
        igraph_vector_destroy(&c->strengths);
    if (c->made > 1)
        igraph_vector_destroy(&c->weights);
    if (c->made > 0)
        igraph_vector_int_destroy(&c->ends);
}

/* Each edge once, from its lower vertex. Sets *all to the weight of all. */
static bool init(struct call *c, const struct route_graph *g, double *all)
{
    igraph_integer_t edges = g->first[g->count] / 2, at = 0;
    c->made = 0;
    if (igraph_vector_int_init(&c->ends, 2 * edges))
        return false;
    c->made++;
    if (igraph_vector_init(&c->weights, edges))
        return false;
    c->made++;
    if (igraph_vector_init(&c->strengths, g->count))
        return false;
    c->made++;
    if (igraph_vector_int_init(&c->membership, 0))
        return false;
    c->made++;
    *all = 0;
    for (uint32_t v = 0; v < g->count; v++) {
        VECTOR(c->strengths)[v] = route_graph_degree(g, v);
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
            if (g->other[i] < v)
                continue;
            VECTOR(c->ends)[2 * at] = v;
            VECTOR(c->ends)[2 * at + 1] = g->other[i];
            VECTOR(c->weights)[at++] = g->weight[i];
            *all += g->weight[i];
        }
    }
    if (igraph_create(&c->graph, &c->ends, g->count, false))
        return false;
    c->made++;
    return true;
}

/* Numbers communities by their lowest vertex. */
static bool renumber(const struct call *c, uint32_t vertices, uint32_t *community, uint32_t *count)
{
    uint32_t *name = mem_alloc(vertices, sizeof *name);
    if (!name)
        return false;
    memset(name, 0xff, vertices * sizeof *name);
    *count = 0;
    for (uint32_t v = 0; v < vertices; v++) {
        igraph_integer_t m = VECTOR(c->membership)[v];
        if (name[m] == UINT32_MAX)
            name[m] = (*count)++;
        community[v] = name[m];
    }
    mem_free(name);
    return true;
}

enum err_code route_leiden(const struct route_graph *g, double resolution, uint32_t iterations,
                           struct sim_stream *rng, uint32_t *community, uint32_t *count)
{
    static const double randomness = 0.01; /* of the refinement, as Traag et al. have it */
    struct igraph_loan loan;
    struct call c;
    double all;
    igraph_loan_begin(&loan, rng);
    bool done = init(&c, g, &all);
    if (done && all > 0)
        /* Modularity: a pair of vertices is expected to share k_i k_j / 2m edges. */
        done = !igraph_community_leiden(&c.graph, &c.weights, &c.strengths, resolution / (2 * all),
                                        randomness, false, (igraph_integer_t)iterations,
                                        &c.membership, NULL, NULL);
    if (done && all > 0)
        done = renumber(&c, g->count, community, count);
    else if (done)
        for (*count = 0; *count < g->count; (*count)++)
            community[*count] = *count;
    fini(&c);
    igraph_loan_end(&loan);
    return done ? ERR_OK : ERR_MEMORY;
}
