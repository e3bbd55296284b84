/* Invalid state roots: blocks of these nodes state a root that their execution does not give (under
 * delayed roots: that of the ancestor whose root is due). Everything else about them is in order.
 * Honest nodes that execute, or know the ancestor's root, vote against them. A protocol that orders
 * batches derives the blocks at every node: there is no root to lie about. */
#include "models/consensus/consensus.h"
#include "models/faults/select.h"

#define FAULT_INVALID_ROOT_FIELDS(F, S)                                                            \
    FAULT_WHEN_FIELDS(F, S, "0s")                                                                  \
    FAULT_LASTS_FIELDS(F, S)                                                                       \
    FAULT_WHO_FIELDS(F, S)
FIELD_DECLARE(fault_invalid_root, FAULT_INVALID_ROOT_FIELDS);
FIELD_DEFINE(fault_invalid_root, FAULT_INVALID_ROOT_FIELDS, "Nodes state wrong roots.", NULL);

struct invalid_root {
    struct fault_strike strike; /* first */
};

static void begin(void *self, node_id node)
{
    struct invalid_root *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_WRONG_ROOT, true);
}

static void end(void *self, node_id node)
{
    struct invalid_root *s = self;
    s->strike.env->host->lapse(s->strike.env, node, LAPSE_WRONG_ROOT, false);
}

static const struct fault_strike_ops strike = {
    .name = "invalid-root", .fixed = true, .begin = begin, .end = end};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct invalid_root *s = state;
    const struct fault_invalid_root *c = cfg;
    enum err_code e =
        fault_strike_init(&s->strike, &strike, s, env, FAULT_WHO(c), FAULT_WHEN(c), err);
    for (uint32_t i = 0; e == ERR_OK && i < s->strike.count; i++) {
        const struct consensus_ops *protocol = env->host->protocol(env, s->strike.nodes[i]);
        if (protocol->traits.batches)
            e = err_set(err, ERR_INPUT, "%s orders batches: its blocks have no root to lie about",
                        protocol->model.name);
        env->host->byzantine(env, s->strike.nodes[i]);
    }
    return e;
}

const struct fault_ops fault_invalid_root_model = {
    .model = {"invalid-root", "Blocks of nodes state a root that their execution does not give.",
              &fault_invalid_root_table},
    .state_size = sizeof(struct invalid_root),
    .init = init,
    .fire = fault_strike_on_fire,
    .fini = fault_strike_on_fini,
};
