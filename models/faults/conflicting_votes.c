/* Conflicting votes: nodes that live twice (twins.h), but propose one block to everyone; only what
 * carries no block differs from side to side. So that it does, the second life is deaf to others'
 * blocks while the fault lasts: where the first votes for a block, the second votes for none, or
 * says that its wait is over, or votes for a block of its own that nobody sees.
 *
 * Unlike equivocation it leaves no second proposal to be seen, and cannot make two sides commit
 * different blocks; it costs rounds, and shows whether a protocol counts a voter twice. */
#include "models/faults/twins.h"

FIELD_DECLARE(fault_conflicting_votes, FAULT_TWINS_FIELDS);
FIELD_DEFINE(fault_conflicting_votes, FAULT_TWINS_FIELDS, "Nodes vote twice.", NULL);

static const struct fault_strike_ops strike = {.name = "conflicting-votes",
                                               .fixed = true,
                                               .watch = true,
                                               .begin = fault_twins_begin,
                                               .end = fault_twins_end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct fault_twins *t = state;
    const struct fault_conflicting_votes *c = cfg;
    return fault_twins_init(t, &strike, env, FAULT_WHO(c), FAULT_WHEN(c), c->side, c->resplit, err);
}

static void filter(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict)
{
    const struct fault_twins *t = state;
    if (fault_twins_speak(t, from, to, m))
        verdict->drop = m->instance != (m->block ? 0 : t->hear[to]);
}

static bool hears(void *state, node_id node, uint8_t instance, const struct message *m)
{
    const struct fault_twins *t = state;
    return !instance || !m->block || !fault_struck(&t->strike, node);
}

const struct fault_ops fault_conflicting_votes_model = {
    .model = {"conflicting-votes", "Nodes vote for one thing here, for another there.",
              &fault_conflicting_votes_table},
    .state_size = sizeof(struct fault_twins),
    .init = init,
    .fire = fault_twins_fire,
    .filter = filter,
    .hears = hears,
    .fini = fault_twins_fini,
};
