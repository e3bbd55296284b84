/* Selfish mining: Eyal and Sirer, "Majority is not Enough", Financial Cryptography 2014, algorithm
 * 1. When to publish a private chain depends on the protocol's own view of chains, so the protocol
 * does it (consensus_ops.misbehave "selfish-mining"); one that knows nothing of it is an error. */
#include "models/consensus/consensus.h"
#include "models/faults/select.h"

#define FAULT_SELFISH_MINING_FIELDS(F, S)                                                          \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)
FIELD_DECLARE(fault_selfish_mining, FAULT_SELFISH_MINING_FIELDS);
FIELD_DEFINE(fault_selfish_mining, FAULT_SELFISH_MINING_FIELDS, "Miners keep a private chain.",
             NULL);

static const char how[] = "selfish-mining";

struct selfish_mining {
    struct fault_strike strike; /* first */
};

static void begin(void *self, node_id node)
{
    struct selfish_mining *s = self;
    s->strike.env->host->misbehave(s->strike.env, node, how, true);
}

static void end(void *self, node_id node)
{
    struct selfish_mining *s = self;
    s->strike.env->host->misbehave(s->strike.env, node, how, false);
}

static const struct fault_strike_ops strike = {
    .name = how, .fixed = true, .begin = begin, .end = end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct selfish_mining *s = state;
    const struct fault_selfish_mining *c = cfg;
    enum err_code e =
        fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), FAULT_WHEN(c), err);
    for (uint32_t i = 0; e == ERR_OK && i < s->strike.count; i++) {
        node_id node = s->strike.nodes[i];
        env->host->byzantine(env, node);
        if (!env->host->misbehave(env, node, how, false))
            e = err_set(err, ERR_INPUT, "kind: %s has no selfish miners",
                        env->host->protocol(env, node)->model.name);
    }
    return e;
}

const struct fault_ops fault_selfish_mining_model = {
    .model = {"selfish-mining", "Miners keep their blocks to themselves until it pays not to.",
              &fault_selfish_mining_table},
    .state_size = sizeof(struct selfish_mining),
    .init = init,
    .fire = fault_strike_on_fire,
    .fini = fault_strike_on_fini,
};
