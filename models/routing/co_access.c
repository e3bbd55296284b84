/* co-access: keeps a graph of accounts used together, in which older epochs count less and less;
 * every epoch, an account whose edges lead mostly to another layer goes there, where that saves
 * enough of its crossings and the layer's load stays in bounds.
 *
 * Incremental: it starts from where accounts are and moves few, unlike leiden and metis, which draw
 * all anew. The moves are those of label propagation (Raghavan, Albert, Kumara: Near linear time
 * algorithm to detect community structures in large-scale networks, Phys. Rev. E 76, 036106, 2007)
 * under a bound on loads (as Ugander, Backstrom: Balanced label propagation for partitioning
 * massive graphs, WSDM 2013, has one, there by a linear program over all moves at once). */
#include "models/routing/graphed.h"
#include "models/routing/pull.h"

#define ROUTER_CO_ACCESS_FIELDS(F, S)                                                              \
    F(S, FRACTION, memory, "70%", "0%", "99%", "What the graph keeps of older epochs.")            \
    ROUTE_PROOF_FIELDS(F, S, "0")                                                                  \
    F(S, FRACTION, threshold, "10%", "0%", "100%",                                                 \
      "Of an account's transactions that cross, a move has to save more than this.")               \
    F(S, FRACTION, imbalance, "10%", "0%", "1000%",                                                \
      "Load that a layer may have above its share, which is by processing power.")                 \
    F(S, COUNT, rounds, "4", "1", "100", "Rounds over all accounts in one epoch at most.")
FIELD_DECLARE(router_co_access_cfg, ROUTER_CO_ACCESS_FIELDS);
FIELD_DEFINE(router_co_access_cfg, ROUTER_CO_ACCESS_FIELDS, "Settings of co-access.", NULL);

struct co_access {
    struct route_graphed shared;
    struct pull_rules rules;
};

static bool partition(void *state, layer_id *target)
{
    struct co_access *s = state;
    return pull_together(&s->shared.graph, &s->rules, target);
}

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct co_access *s = state;
    const struct router_co_access_cfg *c = cfg;
    (void)err;
    const struct route_proof_rules rules = {
        .memory = c->memory, .density = c->density, .proof = c->proof};
    route_graphed_init(&s->shared, env, &rules, partition);
    s->rules = (struct pull_rules){
        .threshold = c->threshold, .imbalance = c->imbalance, .rounds = (uint32_t)c->rounds};
    return ERR_OK;
}

const struct router_ops router_co_access = {
    .model = {"co-access", "To the layer with most of what an account is used together with.",
              &router_co_access_cfg_table},
    .state_size = sizeof(struct co_access),
    .init = init,
    .place = route_graphed_place,
    .observe = route_graphed_observe,
    .epoch = route_graphed_epoch,
    .reason = route_graphed_reason,
    .fini = route_graphed_fini,
};
