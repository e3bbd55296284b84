/* clpa: the graph of the epoch's transactions (an edge for each pair of a transaction's accounts)
 * is drawn anew every epoch; starting from where accounts are, each takes on the label of the layer
 * whose score is best, over and over.
 *
 * Li et al.: Achieving scalability and load balance across blockchain shards for state sharding,
 * SRDS 2022, section IV. Score, parameters, the start (last 8 hexadecimal digits modulo k) and that
 * a layer's last account stays are BlockEmulator's. Accounts go by number ascending, and a tie
 * keeps the account where it is, or goes to the lowest layer (there: the order of a hash table). Of
 * the paper's protocol this is the partitioning alone: how accounts move and stay locked is the
 * world's. */
#include "models/routing/clpa.h"

#include "models/routing/graphed.h"
#include "sim/base/mem.h"

#include <math.h>

FIELD_DEFINE(router_clpa_cfg, ROUTER_CLPA_FIELDS, "Settings of clpa.", NULL);

double clpa_score(double edges, double degree, double penalty, double load, double least)
{
    return edges / degree * (1 - penalty * load / (least > 1 ? least : 1));
}

struct clpa {
    const struct route_graph *g;
    const struct router_clpa_cfg *cfg;
    layer_id layers;
    layer_id *label;
    double *load;       /* by layer: edges with an end there */
    double least;       /* of these */
    double *edges;      /* by layer: of the vertex at hand; zero between two vertices */
    layer_id *near;     /* the layers where it has some */
    uint32_t *vertices; /* by layer */
    uint32_t *moves;    /* by vertex */
};

static double least_load(const struct clpa *c)
{
    double least = c->load[0];
    for (layer_id l = 1; l < c->layers; l++)
        least = fmin(least, c->load[l]);
    return least;
}

static void count_loads(struct clpa *c)
{
    const struct route_graph *g = c->g;
    for (uint32_t v = 0; v < g->count; v++) {
        layer_id at = c->label[v];
        c->vertices[at]++;
        c->load[at] += g->alone[v];
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
            /* Of an edge within a layer, both ends come by. */
            c->load[at] += c->label[g->other[i]] == at ? g->weight[i] / 2 : g->weight[i];
    }
    c->least = least_load(c);
}

/* Layers among v's neighbours, in `near`, and its edges there; returns how many layers. */
static uint32_t look_around(struct clpa *c, uint32_t v, double *degree)
{
    const struct route_graph *g = c->g;
    uint32_t count = 0;
    *degree = 0;
    for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
        layer_id l = c->label[g->other[i]];
        if (!(c->edges[l] > 0))
            c->near[count++] = l;
        c->edges[l] += g->weight[i];
        *degree += g->weight[i];
    }
    return count;
}

static layer_id best_of(const struct clpa *c, uint32_t count, layer_id now, double degree)
{
    double best = -INFINITY;
    layer_id at = now;
    for (uint32_t i = 0; i < count; i++) {
        layer_id l = c->near[i];
        double score = clpa_score(c->edges[l], degree, c->cfg->penalty, c->load[l], c->least);
        bool tie = !(score > best) && !(score < best);
        if (score > best || (tie && (l == now || (at != now && l < at)))) {
            best = score;
            at = l;
        }
    }
    return at;
}

/* v leaves `from`: an edge stays counted once at a layer that has one of its ends or both. */
static void relabel(struct clpa *c, uint32_t v, layer_id from, layer_id to, double degree)
{
    bool grown = !(c->load[to] > c->least);
    c->load[from] -= degree - c->edges[from] + c->g->alone[v];
    c->load[to] += degree - c->edges[to] + c->g->alone[v];
    c->least = grown ? least_load(c) : fmin(c->least, c->load[from]);
    c->vertices[from]--;
    c->vertices[to]++;
    c->label[v] = to;
    c->moves[v]++;
}

static bool iterate(struct clpa *c)
{
    bool changed = false;
    for (uint32_t v = 0; v < c->g->count; v++) {
        double degree;
        if (c->moves[v] >= c->cfg->account_moves || c->g->first[v] == c->g->first[v + 1])
            continue;
        uint32_t count = look_around(c, v, &degree);
        layer_id from = c->label[v], to = best_of(c, count, from, degree);
        if (to != from && c->vertices[from] > 1) {
            relabel(c, v, from, to, degree);
            changed = true;
        }
        for (uint32_t i = 0; i < count; i++)
            c->edges[c->near[i]] = 0;
    }
    return changed;
}

bool clpa_partition(const struct route_graph *g, const struct router_clpa_cfg *cfg, layer_id *label)
{
    layer_id k = g->env->layer_count;
    struct clpa c = {.g = g,
                     .cfg = cfg,
                     .layers = k,
                     .label = label,
                     .load = mem_zalloc(k, sizeof *c.load),
                     .edges = mem_zalloc(k, sizeof *c.edges),
                     .near = mem_alloc(k, sizeof *c.near),
                     .vertices = mem_zalloc(k, sizeof *c.vertices),
                     .moves = mem_zalloc(g->count, sizeof *c.moves)};
    bool done = c.load && c.edges && c.near && c.vertices && c.moves;
    if (done) {
        count_loads(&c);
        for (uint64_t i = 0; i < cfg->iterations && iterate(&c); i++)
            ;
    }
    mem_free(c.load);
    mem_free(c.edges);
    mem_free(c.near);
    mem_free(c.vertices);
    mem_free(c.moves);
    return done;
}

/* ---- the policy ---- */

struct clpa_router {
    struct route_graphed shared;
    const struct router_clpa_cfg *cfg;
};

static bool partition(void *state, layer_id *target)
{
    struct clpa_router *s = state;
    return clpa_partition(&s->shared.graph, s->cfg, target);
}

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct clpa_router *s = state;
    (void)err;
    s->cfg = cfg;
    const struct route_proof_rules rules = {.memory = 0, .density = 0, .proof = s->cfg->proof};
    route_graphed_init(&s->shared, env, &rules, partition);
    return ERR_OK;
}

const struct router_ops router_clpa = {
    .model = {"clpa",
              "Constrained label propagation over the epoch's graph of accounts used together.",
              &router_clpa_cfg_table},
    .state_size = sizeof(struct clpa_router),
    .init = init,
    .place = route_graphed_place,
    .observe = route_graphed_observe,
    .epoch = route_graphed_epoch,
    .reason = route_graphed_reason,
    .fini = route_graphed_fini,
};
