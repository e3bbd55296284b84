/* Crash faults: nodes stop and, where the scenario says so, come back. A node that crashes again
 * before it is back stays down until the last of its recoveries is due. */
#include "models/faults/select.h"

#define FAULT_CRASH_FIELDS(F, S)                                                                   \
    FAULT_WHEN_FIELDS(F, S, "never")                                                               \
    FAULT_WHO_FIELDS(F, S)                                                                         \
    F(S, DIST(DURATION), recover_after, "0s", "0s", NULL,                                          \
      "Time until they come back, drawn for each occurrence: exponential(30s); 0s: they do not.")
FIELD_DECLARE(fault_crash, FAULT_CRASH_FIELDS);

static struct fault_when when_of(const struct fault_crash *c)
{
    return (struct fault_when){c->at, c->rate, c->no_more, &c->recover_after};
}

FIELD_DEFINE(fault_crash, FAULT_CRASH_FIELDS, "Nodes crash and may recover.", NULL);

struct crash {
    struct fault_strike strike; /* first */
};

static void begin(void *self, node_id node)
{
    struct crash *s = self;
    s->strike.env->host->crash(s->strike.env, node);
}

static void end(void *self, node_id node)
{
    struct crash *s = self;
    s->strike.env->host->recover(s->strike.env, node);
}

static const struct fault_strike_ops strike = {
    .name = "crash", .quiet = true, .begin = begin, .end = end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct crash *s = state;
    const struct fault_crash *c = cfg;
    return fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), when_of(c), err);
}

const struct fault_ops fault_crash_model = {
    .model = {"crash", "Nodes stop and may come back.", &fault_crash_table},
    .state_size = sizeof(struct crash),
    .init = init,
    .fire = fault_strike_on_fire,
    .fini = fault_strike_on_fini,
};
