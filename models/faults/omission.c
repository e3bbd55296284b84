/* Omission faults (Hadzilacos and Toueg, "A modular approach to fault-tolerant broadcasts and
 * related problems", 1994, section 2): a node that follows the protocol, but loses a share of what
 * it sends, receives, or both, each message by chance. A message lost on its way to a gossip
 * neighbour may still reach it through another. */
#include "models/faults/messages.h"

#define FAULT_OMISSION_FIELDS(F, S)                                                                \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)                                                                         \
    FAULT_MESSAGE_FIELDS(F, S)                                                                     \
    F(S, FRACTION, drop, "100%", "0%", "100%", "Share of these messages that is lost.")
FIELD_DECLARE(fault_omission, FAULT_OMISSION_FIELDS);

FIELD_DEFINE(fault_omission, FAULT_OMISSION_FIELDS, "Nodes lose messages.", NULL);

struct omission {
    struct fault_strike strike; /* first */
    const struct fault_omission *cfg;
};

static void begin(void *self, node_id node)
{
    struct omission *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_IMPAIRED, true);
}

static void end(void *self, node_id node)
{
    struct omission *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_IMPAIRED, false);
}

static const struct fault_strike_ops strike = {
    .name = "omission", .watch = true, .begin = begin, .end = end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct omission *s = state;
    const struct fault_omission *c = s->cfg = cfg;
    return fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), FAULT_WHEN(c), err);
}

static void filter(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict)
{
    struct omission *s = state;
    if (fault_means(&s->strike, s->cfg->way, s->cfg->sort, from, to, m))
        verdict->drop = sim_stream_double(s->strike.env->rng) < s->cfg->drop;
}

const struct fault_ops fault_omission_model = {
    .model = {"omission", "Nodes lose a share of what they send or are sent.",
              &fault_omission_table},
    .state_size = sizeof(struct omission),
    .init = init,
    .fire = fault_strike_on_fire,
    .filter = filter,
    .fini = fault_strike_on_fini,
};
