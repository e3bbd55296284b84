/* Silent leaders: a node that follows the protocol in all but one thing: what carries a block of
 * its own, it does not send, however often. It votes, answers and passes on. Another's block that
 * it proposes again (Tendermint's validValue) it does send. */
#include "models/faults/select.h"

#define FAULT_SILENT_LEADER_FIELDS(F, S)                                                           \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)
FIELD_DECLARE(fault_silent_leader, FAULT_SILENT_LEADER_FIELDS);
FIELD_DEFINE(fault_silent_leader, FAULT_SILENT_LEADER_FIELDS, "Nodes keep their blocks.", NULL);

struct silent_leader {
    struct fault_strike strike; /* first */
};

static const struct fault_strike_ops strike = {
    .name = "silent-leader", .fixed = true, .watch = true};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct silent_leader *s = state;
    const struct fault_silent_leader *c = cfg;
    enum err_code e =
        fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), FAULT_WHEN(c), err);
    for (uint32_t i = 0; e == ERR_OK && i < s->strike.count; i++)
        env->host->byzantine(env, s->strike.nodes[i]);
    return e;
}

static void filter(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict)
{
    struct silent_leader *s = state;
    (void)to;
    verdict->drop = fault_struck(&s->strike, from) && m->block && m->block->proposer == from;
}

const struct fault_ops fault_silent_leader_model = {
    .model = {"silent-leader", "Leaders propose nothing: their own blocks never leave them.",
              &fault_silent_leader_table},
    .state_size = sizeof(struct silent_leader),
    .init = init,
    .fire = fault_strike_on_fire,
    .filter = filter,
    .fini = fault_strike_on_fini,
};
