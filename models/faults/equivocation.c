/* Equivocation: nodes that live twice (twins.h), each life heard by its own side. As leaders they
 * propose two blocks, one to each side; as voters they vote on each side for what that side saw.
 * With fewer than a third of the weight this must not break a protocol's safety; with more, two
 * sides that each hold a quorum commit different blocks. */
#include "models/faults/twins.h"

FIELD_DECLARE(fault_equivocation, FAULT_TWINS_FIELDS);
FIELD_DEFINE(fault_equivocation, FAULT_TWINS_FIELDS, "Nodes say one thing here, another there.",
             NULL);

static const struct fault_strike_ops strike = {.name = "equivocation",
                                               .fixed = true,
                                               .watch = true,
                                               .begin = fault_twins_begin,
                                               .end = fault_twins_end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct fault_twins *t = state;
    const struct fault_equivocation *c = cfg;
    return fault_twins_init(t, &strike, env, FAULT_WHO(c), FAULT_WHEN(c), c->side, c->resplit, err);
}

static void filter(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict)
{
    const struct fault_twins *t = state;
    verdict->drop = fault_twins_speak(t, from, to, m) && m->instance != t->hear[to];
}

const struct fault_ops fault_equivocation_model = {
    .model = {"equivocation", "Nodes live twice: each side of the network hears another life.",
              &fault_equivocation_table},
    .state_size = sizeof(struct fault_twins),
    .init = init,
    .fire = fault_twins_fire,
    .filter = filter,
    .fini = fault_twins_fini,
};
