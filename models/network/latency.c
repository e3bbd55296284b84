/* Latency models: how long the wire takes, jitter and queues apart. */
#include "models/network/matrices.h"
#include "models/network/network.h"
#include "models/network/place.h"
#include "sim/base/mem.h"

#include <math.h>
#include <string.h>

/* ---- regions: a measured matrix, nodes placed by shares ---- */

#define LATENCY_REGIONS_FIELDS(F, S)                                                               \
    F(S, ENUM(net_matrix_kind), matrix, "aws-2025", NULL, NULL, "Which measurements.")             \
    F(S, PATH, file, "", NULL, NULL,                                                               \
      "matrix file: CSV; a line of region names, then a line for each: milliseconds, round trip.") \
    F(S, ENUM(net_shares_kind), shares, "source", NULL, NULL, "How nodes spread over regions.")    \
    F(S, WEIGHTS, nodes, "{}", NULL, NULL, "Share of the nodes in each region, instead.")          \
    F(S, STRINGS, first, "", NULL, NULL, "Regions of nodes 0, 1, ...; shares hold for the rest.")  \
    F(S, DURATION, least, "0ms", "0ms", "1h", "No wire is shorter, one way.")                      \
    F(S, REAL, scale, "1", "0", "1000", "Multiplies every delay.")
FIELD_DECLARE(latency_regions, LATENCY_REGIONS_FIELDS);

static void check_regions(const void *cfg, struct field_report *report)
{
    const struct latency_regions *c = cfg;
    const struct net_matrix *m = net_matrix(c->matrix), *six = net_matrix(NET_SIX_2019);
    const char *whose = net_matrix_kind_names.names[c->matrix];
    if ((c->matrix == NET_FILE) != (c->file[0] != '\0'))
        field_complain(report, "file", "goes with `matrix: file`, and that with it");
    if (c->nodes.count && c->shares != NET_SHARES_SOURCE)
        field_complain(report, "nodes", "says it already; leave out one of shares and nodes");
    if (net_shares(c->shares) && (!m || m->regions != six->regions))
        field_complain(
            report, "shares",
            "%s is by SimBlock's six regions, which %s has not; write the shares as nodes",
            net_shares_kind_names.names[c->shares], whose);
    for (size_t i = 0; m && i < c->nodes.count; i++)
        net_check_region(m->regions, m->count, c->nodes.names[i], whose, "nodes", report);
    for (size_t i = 0; m && i < c->first.count; i++)
        net_check_region(m->regions, m->count, c->first.items[i], whose, "first", report);
}
FIELD_DEFINE(latency_regions, LATENCY_REGIONS_FIELDS,
             "Nodes stand in regions; the wire between two takes half the measured round trip.",
             check_regions);

struct regions_state {
    const struct net_matrix *matrix;
    struct net_matrix *own; /* read from a file, or NULL */
    uint32_t *place;        /* by node */
    sim_time *between;      /* count x count */
    double scale;
};

static enum err_code regions_init(void *state, const void *cfg, const struct latency_env *env,
                                  struct err *err)
{
    struct regions_state *s = state;
    const struct latency_regions *c = cfg;
    if (c->matrix == NET_FILE) {
        enum err_code e = net_matrix_read(&s->own, c->file, err);
        if (e)
            return e;
    }
    const struct net_matrix *m = s->matrix = s->own ? s->own : net_matrix(c->matrix);
    uint32_t count = m->count;
    s->scale = c->scale;
    s->place = mem_alloc(env->node_count, sizeof *s->place);
    s->between = mem_alloc((size_t)count * count, sizeof *s->between);
    if (!s->place || !s->between)
        return err_set(err, ERR_MEMORY, "no memory for the regions of %u nodes", env->node_count);
    for (uint32_t from = 0; from < count; from++)
        for (uint32_t to = 0; to < count; to++) {
            sim_time t = net_wire_time(net_matrix_ms(m, from, to) * c->scale * (double)SIM_MS);
            s->between[from * count + to] = t > c->least ? t : c->least;
        }
    const struct net_places places = {
        .regions = m->regions,
        .count = count,
        .share = c->shares == NET_SHARES_SOURCE ? m->share : net_shares(c->shares),
        .nodes = &c->nodes,
        .first = &c->first,
    };
    return net_place_nodes(s->place, env->node_count, &places, "latency", env->rng, err);
}

static sim_time regions_between(const void *state, node_id from, node_id to)
{
    const struct regions_state *s = state;
    return s->between[s->place[from] * s->matrix->count + s->place[to]];
}

static sim_time regions_spread(const void *state, node_id from, node_id to)
{
    const struct regions_state *s = state;
    double sd = net_matrix_sd_ms(s->matrix, s->place[from], s->place[to]);
    return sd < 0 ? -1 : net_wire_time(sd * s->scale * (double)SIM_MS);
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
    mem_free(s->own);
}

const struct latency_ops latency_regions_model = {
    .model = {"regions", "Measured delays between regions of the world.", &latency_regions_table},
    .state_size = sizeof(struct regions_state),
    .init = regions_init,
    .between = regions_between,
    .spread = regions_spread,
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

/* ---- drawn ---- */

#define LATENCY_DRAWN_FIELDS(F, S)                                                                 \
    F(S, DIST(DURATION), delay, "normal(250ms, 50ms)", "0ms", "1h",                                \
      "One way; drawn again, or 0, where it would be below 0.")                                    \
    F(S, BOOL, by_pair, "false", NULL, NULL,                                                       \
      "Drawn once for two nodes, both ways, instead of for every message.")
FIELD_DECLARE(latency_drawn, LATENCY_DRAWN_FIELDS);
FIELD_DEFINE(latency_drawn, LATENCY_DRAWN_FIELDS, "A delay out of a distribution, for all alike.",
             NULL);

struct drawn_state {
    struct sim_dist delay; /* its table, if any, is the setting's */
    sim_time mean;
    uint64_t seed;
    bool by_pair;
};

static enum err_code drawn_init(void *state, const void *cfg, const struct latency_env *env,
                                struct err *err)
{
    struct drawn_state *s = state;
    const struct latency_drawn *c = cfg;
    (void)err;
    *s = (struct drawn_state){c->delay, 0, env->seed, c->by_pair};
    s->mean = net_wire_time(sim_dist_mean(&s->delay));
    if (s->delay.kind == SIM_DIST_NORMAL && s->delay.count == 2)
        s->delay.count = 3; /* low = 0 */
    return ERR_OK;
}

static sim_time drawn_draw(const void *state, node_id from, node_id to, struct sim_stream *rng)
{
    const struct drawn_state *s = state;
    struct sim_stream pair;
    if (s->by_pair) {
        pair = net_pair_stream(s->seed, from, to);
        rng = &pair;
    }
    return net_wire_time(sim_dist_sample(&s->delay, rng));
}

static sim_time drawn_between(const void *state, node_id from, node_id to)
{
    const struct drawn_state *s = state;
    return s->by_pair ? drawn_draw(state, from, to, NULL) : s->mean;
}

const struct latency_ops latency_drawn_model = {
    .model = {"drawn", "A delay out of a distribution, for every message or every pair.",
              &latency_drawn_table},
    .state_size = sizeof(struct drawn_state),
    .init = drawn_init,
    .between = drawn_between,
    .draw = drawn_draw,
    .region = constant_region,
    .fini = constant_fini,
};
