/* An adversary that schedules the network until it stabilises: Dwork, Lynch, Stockmeyer, "Consensus
 * in the presence of partial synchrony", JACM 1988, section 2.3, with the eventual bound known.
 * From `at` until `until` (GST) every message between nodes is held for a time drawn from nothing
 * to `bound`, whatever it is, so that messages overtake each other; none is lost, and what is held
 * at GST goes on at most `delta` later. The order is the seed's: another seed is another adversary.
 *
 * Left out: an adversary that reads messages and picks those that hurt most. */
#include "models/faults/select.h"

#define FAULT_ASYNCHRONY_FIELDS(F, S)                                                              \
    F(S, DURATION, at, "0s", "0s", NULL, "When it begins.")                                        \
    F(S, DURATION, until, NULL, "1ns", "never", "When the network stabilises (GST).")              \
    F(S, DURATION, bound, "2s", "1ns", "24h", "No message is held longer before that.")            \
    F(S, DURATION, delta, "0s", "0s", "1h",                                                        \
      "What is held when the network stabilises is let go within this time.")
FIELD_DECLARE(fault_asynchrony, FAULT_ASYNCHRONY_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fault_asynchrony *c = cfg;
    if (c->until <= c->at)
        field_complain(report, "until", "must be later than at");
}

FIELD_DEFINE(fault_asynchrony, FAULT_ASYNCHRONY_FIELDS, "An adversary orders messages until GST.",
             check);

enum { BEGIN, END };

struct asynchrony {
    struct fault_env *env;
    const struct fault_asynchrony *cfg;
    bool on;
};

static enum err_code init(void *state, const void *cfg, struct fault_env *env, struct err *err)
{
    struct asynchrony *s = state;
    (void)err;
    s->env = env;
    s->cfg = cfg;
    env->host->at(env, s->cfg->at, BEGIN, 0);
    if (s->cfg->until != SIM_TIME_NEVER)
        env->host->at(env, s->cfg->until, END, 0);
    return ERR_OK;
}

static void fire(void *state, uint32_t kind, uint64_t value)
{
    struct asynchrony *s = state;
    struct fault_env *env = s->env;
    (void)value;
    s->on = kind == BEGIN;
    for (node_id n = 0; n < env->node_count; n++)
        env->host->watch(env, n, s->on);
    env->host->unsettle(env, s->on);
    env->host->note(env, s->on ? "asynchrony" : "recover", NODE_NONE,
                    s->on ? "messages are held and reordered"
                          : "asynchrony ends: the network is stable (GST)");
}

static void filter(void *state, node_id from, node_id to, const struct message *m,
                   struct fault_verdict *verdict)
{
    struct asynchrony *s = state;
    (void)from;
    (void)to;
    (void)m;
    if (!s->on)
        return;
    sim_time most = s->cfg->bound, left = s->cfg->until - s->env->host->now(s->env);
    if (s->cfg->until != SIM_TIME_NEVER && left + s->cfg->delta < most)
        most = left + s->cfg->delta;
    verdict->delay = (sim_time)sim_stream_below(s->env->rng, (uint64_t)most + 1);
}

const struct fault_ops fault_asynchrony_model = {
    .model = {"asynchrony", "Every message is held and reordered until the network stabilises.",
              &fault_asynchrony_table},
    .state_size = sizeof(struct asynchrony),
    .init = init,
    .fire = fire,
    .filter = filter,
};
