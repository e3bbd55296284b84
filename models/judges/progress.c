/* Progress: while the network keeps its bounds and no more than the tolerated weight is faulty, a
 * block becomes final within `patience` of the protocol's time-outs: of liveness under partial
 * synchrony (Dwork, Lynch, Stockmeyer, JACM 1988) what a finite run can show. It is told of once
 * for each time without progress, and is no violation of safety. */
#include "models/judges/judge.h"

#include <stdio.h>

#define JUDGE_PROGRESS_FIELDS(F, S)                                                                \
    F(S, COUNT, patience, "10", "1", "1M",                                                         \
      "Time-outs of the protocol without a final block that are too many.")
FIELD_DECLARE(judge_progress, JUDGE_PROGRESS_FIELDS);
FIELD_DEFINE(judge_progress, JUDGE_PROGRESS_FIELDS, "Blocks become final.", NULL);

struct progress {
    struct judge_env *env;
    const struct judge_progress *cfg;
    uint64_t height; /* highest final anywhere */
    sim_time since;  /* when that was */
    bool told;
};

static enum err_code init(void *state, const void *cfg, struct judge_env *env, struct err *err)
{
    struct progress *s = state;
    (void)err;
    s->env = env;
    s->cfg = cfg;
    return ERR_OK;
}

static void commit(void *state, const struct judge_commit *c)
{
    struct progress *s = state;
    if (c->block->height <= s->height)
        return;
    s->height = c->block->height;
    s->since = s->env->host->now(s->env);
    s->told = false;
}

static void tick(void *state)
{
    struct progress *s = state;
    sim_time calm, now = s->env->host->now(s->env);
    if (s->told || !s->env->host->calm(s->env, &calm))
        return;
    sim_time since = calm > s->since ? calm : s->since;
    double allowed = (double)s->cfg->patience * (double)s->env->timeout;
    if ((double)(now - since) <= allowed)
        return;
    s->told = true;
    char text[200];
    snprintf(
        text, sizeof text,
        "no block beyond height %llu became final in %.1f s in which nothing stood in the way: "
        "more than %llu time-outs of %.3f s",
        (unsigned long long)s->height, (double)(now - since) / 1e9,
        (unsigned long long)s->cfg->patience, (double)s->env->timeout / 1e9);
    struct judge_violation v = {
        .liveness = true, .node = NODE_NONE, .height = s->height, .text = text};
    s->env->host->violation(s->env, &v);
}

const struct judge_ops judge_progress_model = {
    .model = {"progress", "A block becomes final within so many time-outs, once things are stable.",
              &judge_progress_table},
    .state_size = sizeof(struct progress),
    .init = init,
    .commit = commit,
    .tick = tick,
};
