/* Timing faults: nodes whose messages take longer, each by a time drawn anew, on top of what wire
 * and links take. Messages may overtake each other on the way. */
#include "models/faults/messages.h"

#define FAULT_DELAY_FIELDS(F, S)                                                                   \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)                                                                         \
    FAULT_MESSAGE_FIELDS(F, S)                                                                     \
    F(S, DIST(DURATION), adds, NULL, "0s", NULL, "Added to each message: normal(500ms, 20%).")
FIELD_DECLARE(fault_delay, FAULT_DELAY_FIELDS);

FIELD_DEFINE(fault_delay, FAULT_DELAY_FIELDS, "Nodes' messages are late.", NULL);

struct delay {
    struct fault_strike strike; /* first */
    const struct fault_delay *cfg;
};

static void begin(void *self, node_id node)
{
    struct delay *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_IMPAIRED, true);
}

static void end(void *self, node_id node)
{
    struct delay *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_IMPAIRED, false);
}

static const struct fault_strike_ops strike = {
    .name = "delay", .watch = true, .begin = begin, .end = end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct delay *s = state;
    const struct fault_delay *c = s->cfg = cfg;
    return fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), FAULT_WHEN(c), err);
}

static void filter(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict)
{
    struct delay *s = state;
    if (fault_means(&s->strike, s->cfg->way, s->cfg->sort, from, to, m))
        verdict->delay = fault_time(&s->cfg->adds, s->strike.env->rng);
}

const struct fault_ops fault_delay_model = {
    .model = {"delay", "Messages of nodes take longer.", &fault_delay_table},
    .state_size = sizeof(struct delay),
    .init = init,
    .fire = fault_strike_on_fire,
    .filter = filter,
    .fini = fault_strike_on_fini,
};
