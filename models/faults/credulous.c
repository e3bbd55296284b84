/* Credulous voters: nodes to which every block is valid, whatever its transactions and roots. They
 * execute it as others do, and look at nothing. Alone they do no harm; with a block of a wrong root
 * about (invalid-root), a quorum of them commits it. The verifier's dilemma: Luu, Teutsch,
 * Kulkarni, Saxena, "Demystifying Incentives in the Consensus Computer", CCS 2015, section 2.3
 * (they save the time of execution, which is not modelled here). */
#include "models/faults/select.h"

#define FAULT_CREDULOUS_FIELDS(F, S)                                                               \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)                                                                         \
    F(S, BOOL, honest, "false", NULL, NULL,                                                        \
      "Judges look at what they commit, as at honest nodes that are merely lazy.")
FIELD_DECLARE(fault_credulous, FAULT_CREDULOUS_FIELDS);
FIELD_DEFINE(fault_credulous, FAULT_CREDULOUS_FIELDS, "Nodes vote for anything.", NULL);

struct credulous {
    struct fault_strike strike; /* first */
};

static void begin(void *self, node_id node)
{
    struct credulous *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_CREDULOUS, true);
}

static void end(void *self, node_id node)
{
    struct credulous *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_CREDULOUS, false);
}

static const struct fault_strike_ops strike = {
    .name = "credulous", .fixed = true, .begin = begin, .end = end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct credulous *s = state;
    const struct fault_credulous *c = cfg;
    enum err_code e =
        fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), FAULT_WHEN(c), err);
    for (uint32_t i = 0; e == ERR_OK && !c->honest && i < s->strike.count; i++)
        env->host->byzantine(env, s->strike.nodes[i]);
    return e;
}

const struct fault_ops fault_credulous_model = {
    .model = {"credulous", "Nodes vote for whatever they are offered.", &fault_credulous_table},
    .state_size = sizeof(struct credulous),
    .init = init,
    .fire = fault_strike_on_fire,
    .fini = fault_strike_on_fini,
};
