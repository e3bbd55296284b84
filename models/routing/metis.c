/* metis: every epoch, the graph of accounts used together is cut into as many parts as there are
 * layers, each with its share of the load, so that few pairs are apart; a part goes to the layer
 * with which it has most accounts in common. Where that does not save enough for what it moves, the
 * placement there is gets refined instead, which moves little.
 *
 * After the programs of Karypis and Kumar (see kway.h for the papers and sections): multilevel
 * k-way partitioning; the choice between parts drawn anew, with names that keep vertices in place,
 * and old ones made better is that of Schloegel, Karypis, Kumar: A unified algorithm for
 * load-balancing adaptive scientific simulations, SC 2000, without its diffusion of loads over all
 * levels. Left out: k-way refinement that climbs hills. */
#include "models/routing/graphed.h"
#include "models/routing/kway.h"

#include <string.h>

#define ROUTER_METIS_FIELDS(F, S)                                                                  \
    F(S, FRACTION, memory, "50%", "0%", "99%", "What the graph keeps of older epochs.")            \
    ROUTE_PROOF_FIELDS(F, S, "8")                                                                  \
    F(S, FRACTION, imbalance, "5%", "0%", "1000%",                                                 \
      "Load that a layer may have above its share, which is by processing power.")                 \
    F(S, REAL, saving, "0.25", "0", "1000",                                                        \
      "Transactions of the graph's pairs that parts drawn anew must bring together for each "      \
      "account that they move, against the present ones refined.")                                 \
    F(S, COUNT, tries, "4", "1", "1k", "Initial cuts of which the best is taken.")                 \
    F(S, COUNT, passes, "10", "1", "1k", "Passes of refinement at each level at most.")
FIELD_DECLARE(router_metis_cfg, ROUTER_METIS_FIELDS);
FIELD_DEFINE(router_metis_cfg, ROUTER_METIS_FIELDS, "Settings of metis.", NULL);

struct metis {
    struct route_graphed shared;
    const struct router_metis_cfg *cfg;
    double *share, *caps; /* by layer */
};

/* Where vertices are, made better. */
static bool refine(const struct kway_graph *graph, const struct kway_rules *rules,
                   struct sim_stream *rng, layer_id *part)
{
    struct arena a;
    arena_init(&a, 0);
    bool done = kway_refine(graph, rules, rng, &a, part);
    arena_fini(&a);
    return done;
}

static bool partition(void *state, layer_id *target)
{
    struct metis *s = state;
    const struct route_graph *g = &s->shared.graph;
    const struct kway_graph graph = {g->count, g->first, g->other, g->weight, g->load};
    const struct kway_rules rules = {.parts = g->env->layer_count,
                                     .share = s->share,
                                     .imbalance = s->cfg->imbalance,
                                     .tries = (uint32_t)s->cfg->tries,
                                     .passes = (uint32_t)s->cfg->passes};
    layer_id *anew = mem_alloc(g->count, sizeof *anew);
    route_caps(g, s->cfg->imbalance, s->caps);
    bool done = anew && kway_partition(&graph, &rules, g->env->rng, anew) &&
                route_relabel(g, anew) && route_stay(g, s->caps, anew) &&
                refine(&graph, &rules, g->env->rng, target) && route_stay(g, s->caps, target);
    if (done && route_worth(g, anew, target, s->cfg->saving, s->caps))
        memcpy(target, anew, g->count * sizeof *target);
    mem_free(anew);
    return done;
}

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct metis *s = state;
    layer_id k = env->layer_count;
    s->cfg = cfg;
    const struct route_proof_rules rules = {
        .memory = s->cfg->memory, .density = s->cfg->density, .proof = s->cfg->proof};
    route_graphed_init(&s->shared, env, &rules, partition);
    s->share = mem_alloc(k, sizeof *s->share);
    s->caps = mem_alloc(k, sizeof *s->caps);
    if (!s->share || !s->caps)
        return err_set(err, ERR_MEMORY, "out of memory for %u parts", k);
    route_shares(env, s->share);
    return ERR_OK;
}

static void fini(void *state)
{
    struct metis *s = state;
    route_graphed_fini(&s->shared);
    mem_free(s->share);
    mem_free(s->caps);
}

const struct router_ops router_metis = {
    .model = {"metis", "The graph of accounts used together, cut by a multilevel partitioner.",
              &router_metis_cfg_table},
    .state_size = sizeof(struct metis),
    .init = init,
    .place = route_graphed_place,
    .observe = route_graphed_observe,
    .epoch = route_graphed_epoch,
    .reason = route_graphed_reason,
    .fini = fini,
};
