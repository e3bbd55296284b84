/* Latency models: how long the wire takes, jitter and queues apart. */
#include "models/network/matrices.h"
#include "models/network/network.h"
#include "models/network/place.h"
#include "sim/base/mem.h"
#include "sim/base/nearest.h"

#include <math.h>
#include <string.h>

/* ---- regions: a measured matrix, nodes placed by shares ---- */

#define LATENCY_REGIONS_FIELDS(F, S)                                                               \
    F(S, ENUM(net_matrix_kind), matrix, "aws-2025", NULL, NULL, "Which measurements.")             \
    F(S, WEIGHTS, nodes, "{}", NULL, NULL,                                                         \
      "Share of the nodes in each region; empty: as the matrix's source has them, else equal.")    \
    F(S, REAL, scale, "1", "0", "1000", "Multiplies every delay.")
FIELD_DECLARE(latency_regions, LATENCY_REGIONS_FIELDS);

static uint32_t region_of(const struct net_matrix *m, const char *name)
{
    for (uint32_t r = 0; r < m->count; r++)
        if (!strcmp(m->regions[r], name))
            return r;
    return UINT32_MAX;
}

static void check_regions(const void *cfg, struct field_report *report)
{
    const struct latency_regions *c = cfg;
    const struct net_matrix *m = net_matrix(c->matrix);
    for (size_t i = 0; i < c->nodes.count; i++) {
        const char *name = c->nodes.names[i];
        if (region_of(m, name) != UINT32_MAX)
            continue;
        const char *near = nearest_name(name, m->regions, m->count);
        field_complain(report, "nodes", "%s is no region of %s%s%s", name,
                       net_matrix_kind_names.names[c->matrix], near ? "; did you mean " : "",
                       near ? near : "");
    }
}
FIELD_DEFINE(latency_regions, LATENCY_REGIONS_FIELDS,
             "Nodes stand in regions; the wire between two takes half the measured round trip.",
             check_regions);

struct regions_state {
    const struct net_matrix *matrix;
    uint32_t *place;   /* by node */
    sim_time *between; /* count x count */
};

/* Shares by region of the matrix: the scenario's, the source's, or equal ones. */
static void region_shares(const struct latency_regions *cfg, const struct net_matrix *m,
                          double *shares)
{
    for (uint32_t r = 0; r < m->count; r++)
        shares[r] = cfg->nodes.count ? 0 : m->share ? m->share[r] : 1.0 / m->count;
    for (size_t i = 0; i < cfg->nodes.count; i++)
        shares[region_of(m, cfg->nodes.names[i])] += cfg->nodes.shares[i];
}

static enum err_code regions_init(void *state, const void *cfg, const struct latency_env *env,
                                  struct err *err)
{
    struct regions_state *s = state;
    const struct latency_regions *c = cfg;
    const struct net_matrix *m = s->matrix = net_matrix(c->matrix);
    double *shares = mem_alloc(m->count, sizeof *shares);
    s->place = mem_alloc(env->node_count, sizeof *s->place);
    s->between = mem_alloc((size_t)m->count * m->count, sizeof *s->between);
    if (!shares || !s->place || !s->between) {
        mem_free(shares);
        return err_set(err, ERR_MEMORY, "no memory for the regions of %u nodes", env->node_count);
    }
    region_shares(c, m, shares);
    net_place(s->place, env->node_count, shares, m->count, env->rng);
    for (uint32_t i = 0; i < m->count * m->count; i++)
        s->between[i] = llround(m->ms[i] * m->one_way * c->scale * (double)SIM_MS);
    mem_free(shares);
    return ERR_OK;
}

static sim_time regions_between(const void *state, node_id from, node_id to)
{
    const struct regions_state *s = state;
    return s->between[s->place[from] * s->matrix->count + s->place[to]];
}

static const char *regions_region(const void *state, node_id node)
{
    const struct regions_state *s = state;
    return s->matrix->regions[s->place[node]];
}

static void regions_fini(void *state)
{
    struct regions_state *s = state;
    mem_free(s->place);
    mem_free(s->between);
}

const struct latency_ops latency_regions_model = {
    .model = {"regions", "Measured delays between regions of the world.", &latency_regions_table},
    .state_size = sizeof(struct regions_state),
    .init = regions_init,
    .between = regions_between,
    .region = regions_region,
    .fini = regions_fini,
};

/* ---- constant ---- */

#define LATENCY_CONSTANT_FIELDS(F, S)                                                              \
    F(S, DURATION, delay, "50ms", "0ns", "1h", "One way, between any two nodes.")
FIELD_DECLARE(latency_constant, LATENCY_CONSTANT_FIELDS);
FIELD_DEFINE(latency_constant, LATENCY_CONSTANT_FIELDS, "The same delay between any two nodes.",
             NULL);

static enum err_code constant_init(void *state, const void *cfg, const struct latency_env *env,
                                   struct err *err)
{
    (void)env, (void)err;
    *(sim_time *)state = ((const struct latency_constant *)cfg)->delay;
    return ERR_OK;
}

static sim_time constant_between(const void *state, node_id from, node_id to)
{
    (void)from, (void)to;
    return *(const sim_time *)state;
}

static const char *constant_region(const void *state, node_id node)
{
    (void)state, (void)node;
    return "";
}

static void constant_fini(void *state)
{
    (void)state;
}

const struct latency_ops latency_constant_model = {
    .model = {"constant", "The same delay between any two nodes.", &latency_constant_table},
    .state_size = sizeof(sim_time),
    .init = constant_init,
    .between = constant_between,
    .region = constant_region,
    .fini = constant_fini,
};
