/* metis: every epoch, the graph of accounts used together is cut into as many parts as there are
 * layers, each with its share of the load, so that few pairs are apart; a part goes to the layer
 * with which it has most accounts in common.
 *
 * After the programs of Karypis and Kumar (see kway.h for the papers and sections): multilevel
 * k-way partitioning. Left out: their adaptive repartitioning, which starts from where vertices are
 * (here names of parts are chosen to keep accounts in place, and nothing moves for less than a
 * threshold), and k-way refinement that climbs hills. */
#include "models/routing/graphed.h"
#include "models/routing/kway.h"

#include <string.h>

#define ROUTER_METIS_FIELDS(F, S)                                                                  \
    F(S, FRACTION, memory, "50%", "0%", "99%", "What the graph keeps of older epochs.")            \
    F(S, FRACTION, imbalance, "5%", "0%", "1000%",                                                 \
      "Load that a layer may have above its share, which is by processing power.")                 \
    F(S, FRACTION, threshold, "2%", "0%", "100%",                                                  \
      "Of all pairs, those that new parts must bring together for anything to move, unless loads " \
      "are beyond their bounds.")                                                                  \
    F(S, COUNT, tries, "4", "1", "1k", "Initial cuts of which the best is taken.")                 \
    F(S, COUNT, passes, "10", "1", "1k", "Passes of refinement at each level at most.")
FIELD_DECLARE(router_metis_cfg, ROUTER_METIS_FIELDS);
FIELD_DEFINE(router_metis_cfg, ROUTER_METIS_FIELDS, "Settings of metis.", NULL);

struct metis {
    struct route_graphed shared;
    const struct router_metis_cfg *cfg;
    double *share, *caps; /* by layer */
};

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
    route_caps(g, s->cfg->imbalance, s->caps);
    if (!kway_partition(&graph, &rules, g->env->rng, target) || !route_relabel(g, target) ||
        !route_stay(g, s->caps, target))
        return false;
    if (!route_worth(g, target, s->cfg->threshold, s->caps))
        memcpy(target, g->home, g->count * sizeof *target);
    return true;
}

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct metis *s = state;
    layer_id k = env->layer_count;
    s->cfg = cfg;
    route_graphed_init(&s->shared, env, s->cfg->memory, partition);
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
