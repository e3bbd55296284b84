/* nearest: the network's conditions decide. Contracts of the first state go to the layer that is
 * best connected, with the least mean delay to all others (weighed by their processing power, for
 * so many transactions come from there); other accounts by hash. Every epoch, an account goes to
 * the layer from which what it is used together with is nearest: where the sum over its pairs of
 * gas times the delay between the two layers is least, under a bound on loads.
 *
 * The one-median of a network, with weights (Hakimi: Optimum locations of switching centers and
 * the absolute centers and medians of a graph, Operations Research 12, 1964), for each account by
 * itself, over and over. Delays are those of the wires, known from the start: queues are not. */
#include "models/routing/graphed.h"
#include "models/routing/pull.h"
#include "sim/base/mem.h"

#define ROUTER_NEAREST_FIELDS(F, S)                                                                \
    F(S, FRACTION, memory, "70%", "0%", "99%", "What the graph keeps of older epochs.")            \
    F(S, FRACTION, threshold, "10%", "0%", "100%",                                                 \
      "Of an account's gas times delay, a move has to save more than this.")                       \
    F(S, FRACTION, imbalance, "20%", "0%", "1000%",                                                \
      "Load that a layer may have above its share, which is by processing power.")                 \
    F(S, COUNT, rounds, "4", "1", "100", "Rounds over all accounts in one epoch at most.")
FIELD_DECLARE(router_nearest_cfg, ROUTER_NEAREST_FIELDS);
FIELD_DEFINE(router_nearest_cfg, ROUTER_NEAREST_FIELDS, "Settings of nearest.", NULL);

struct nearest {
    struct route_graphed shared;
    struct pull_rules rules;
    double *delays; /* seconds, [a * layers + b] */
    layer_id centre;
};

static bool partition(void *state, layer_id *target)
{
    struct nearest *s = state;
    return pull_together(&s->shared.graph, &s->rules, target);
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    struct nearest *s = state;
    return contract ? s->centre : route_graphed_place(state, account, addr, contract);
}

static layer_id find_centre(const struct route_env *env, const double *delays)
{
    layer_id best = 0;
    double least = -1;
    for (layer_id a = 0; a < env->layer_count; a++) {
        double sum = 0;
        for (layer_id b = 0; b < env->layer_count; b++)
            sum += delays[(size_t)a * env->layer_count + b] * env->layers[b].speed;
        if (least < 0 || sum < least) {
            least = sum;
            best = a;
        }
    }
    return best;
}

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct nearest *s = state;
    const struct router_nearest_cfg *c = cfg;
    size_t k = env->layer_count;
    const struct route_proof_rules rules = {.memory = c->memory, .density = 0, .proof = false};
    route_graphed_init(&s->shared, env, &rules, partition);
    s->delays = mem_alloc(k * k, sizeof *s->delays);
    if (!s->delays)
        return err_set(err, ERR_MEMORY, "out of memory for delays of %zu layers", k);
    for (layer_id a = 0; a < k; a++)
        for (layer_id b = 0; b < k; b++)
            s->delays[a * k + b] = a == b ? 0 : (double)env->delay(env, a, b) / (double)SIM_SEC;
    s->rules = (struct pull_rules){.threshold = c->threshold,
                                   .imbalance = c->imbalance,
                                   .rounds = (uint32_t)c->rounds,
                                   .by_gas = true,
                                   .cost = s->delays};
    s->centre = find_centre(env, s->delays);
    return ERR_OK;
}

static void fini(void *state)
{
    struct nearest *s = state;
    route_graphed_fini(&s->shared);
    mem_free(s->delays);
}

const struct router_ops router_nearest = {
    .model = {"nearest", "Where the network brings what an account is used with soonest.",
              &router_nearest_cfg_table},
    .state_size = sizeof(struct nearest),
    .init = init,
    .place = place,
    .observe = route_graphed_observe,
    .epoch = route_graphed_epoch,
    .reason = route_graphed_reason,
    .fini = fini,
};
