/* layers: payments that stay in the sender's layer or leave it, as a dial says.
 *
 * Homes are those of the first state. The share of payments between two layers is exact under
 * policies that move no account; under others it drifts, which is what such a run is there to show.
 * Other layers are chosen by the users they hold. */
#include "models/workload/groups.h"
#include "sim/base/check.h"

#define PAIRS_LAYERS_FIELDS(F, S)                                                                  \
    F(S, FRACTION, cross, "30%", "0%", "100%",                                                     \
      "Payments to another layer, exactly so as long as no account moves.")
FIELD_DECLARE(pairs_layers_cfg, PAIRS_LAYERS_FIELDS);
FIELD_DEFINE(pairs_layers_cfg, PAIRS_LAYERS_FIELDS, "Settings of layers.", NULL);

struct by_layer {
    const struct pairs_layers_cfg *cfg;
    struct pairs_env env;
    struct groups groups; /* one a layer, one for accounts of all layers */
    struct skew senders;
};

static enum err_code init(void *state, const void *cfg, const struct pairs_env *env,
                          struct err *err)
{
    struct by_layer *p = state;
    struct sim_stream shuffle;
    p->cfg = cfg;
    p->env = *env;
    if (!env->workload->home)
        return err_set(err, ERR_INPUT,
                       "pairs: layers needs accounts that have a home: set routing.policy");
    sim_stream_init(&shuffle, env->workload->seed, (uint32_t)env->workload->instance,
                    sim_purpose("workload.favourites"));
    enum err_code code = skew_init(&p->senders, &env->senders, env->count, &shuffle, err);
    if (code == ERR_OK)
        code = groups_init(&p->groups, (uint32_t)env->workload->layers + 1, env->count, err);
    return code;
}

/* Sorts users by home, in a shuffled order within each layer. */
static enum err_code start(void *state)
{
    struct by_layer *p = state;
    struct groups *g = &p->groups;
    const struct workload_env *env = p->env.workload;
    struct sim_stream shuffle;
    for (uint32_t i = 0; i < g->users; i++) {
        layer_id home = env->home(env, &p->env.addrs[i]);
        g->group_of[i] = home < env->layers ? home : env->layers;
        g->first[g->group_of[i] + 1]++;
    }
    for (uint32_t i = 0; i < g->count; i++)
        g->first[i + 1] += g->first[i];
    for (uint32_t i = g->users; i-- > 0;)
        g->member[--g->first[g->group_of[i] + 1]] = i;
    /* That moved each group's end to its start: group i starts at first[i + 1] now. */
    for (uint32_t i = 0; i < g->count; i++)
        g->first[i] = g->first[i + 1];
    g->first[g->count] = g->users;
    sim_stream_init(&shuffle, env->seed, (uint32_t)env->instance, sim_purpose("workload.members"));
    for (uint32_t i = 0; i < g->count; i++)
        sim_stream_shuffle(&shuffle, g->member + g->first[i], groups_size(g, i));
    return groups_rank(g, &(struct field_skew){0}, &p->env.recipients, NULL);
}

static struct pick sender(void *state, sim_time at, struct sim_stream *rng)
{
    const struct by_layer *p = state;
    (void)at;
    uint32_t user = skew_pick(&p->senders, rng);
    return (struct pick){user, p->groups.group_of[user]};
}

static struct pick recipient(void *state, struct pick from, struct sim_stream *rng)
{
    const struct by_layer *p = state;
    return groups_recipient(&p->groups, from, 1 - p->cfg->cross, rng);
}

static void fini(void *state)
{
    struct by_layer *p = state;
    groups_fini(&p->groups);
    skew_fini(&p->senders);
}

const struct pairs_ops pairs_layers = {
    .model = {"layers", "Payments leave the sender's layer in a given share of cases.",
              &pairs_layers_cfg_table},
    .state_size = sizeof(struct by_layer),
    .by_layer = true,
    .init = init,
    .start = start,
    .sender = sender,
    .recipient = recipient,
    .fini = fini,
};
