/* Who pays whom: the list, and the model without any structure. */
#include "models/workload/pairs.h"

#include "models/workload/skew.h"

/* independent: the one drawn by `senders`, the other by `recipients`. */
FIELD_DECLARE_EMPTY(pairs_independent_cfg);
FIELD_DEFINE_EMPTY(pairs_independent_cfg, "Settings of independent.");

struct independent {
    struct skew senders, recipients;
};

static enum err_code init(void *state, const void *cfg, const struct pairs_env *env,
                          struct err *err)
{
    struct independent *p = state;
    struct sim_stream shuffle;
    (void)cfg;
    sim_stream_init(&shuffle, env->workload->seed, (uint32_t)env->workload->instance,
                    sim_purpose("workload.favourites"));
    enum err_code code = skew_init(&p->senders, &env->senders, env->count, &shuffle, err);
    if (code == ERR_OK)
        code = skew_init(&p->recipients, &env->recipients, env->count, &shuffle, err);
    return code;
}

static struct pick sender(void *state, sim_time at, struct sim_stream *rng)
{
    const struct independent *p = state;
    (void)at;
    return (struct pick){skew_pick(&p->senders, rng), 0};
}

static struct pick recipient(void *state, struct pick from, struct sim_stream *rng)
{
    const struct independent *p = state;
    uint32_t i = skew_pick(&p->recipients, rng);
    return (struct pick){i == from.user ? (i + 1) % p->recipients.count : i, 0};
}

static void fini(void *state)
{
    struct independent *p = state;
    skew_fini(&p->senders);
    skew_fini(&p->recipients);
}

static const struct pairs_ops pairs_independent = {
    .model = {"independent", "Sender and recipient know nothing of one another.",
              &pairs_independent_cfg_table},
    .state_size = sizeof(struct independent),
    .init = init,
    .sender = sender,
    .recipient = recipient,
    .fini = fini,
};

extern const struct pairs_ops pairs_communities, pairs_layers;

static const struct field_model *const entries[] = {
    &pairs_independent.model,
    &pairs_communities.model,
    &pairs_layers.model,
};

const struct field_registry pairs_registry = {"pairs", "Who pays whom.", entries,
                                              sizeof entries / sizeof entries[0]};
