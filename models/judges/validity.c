/* Validity: a committed block states the roots and the gas that executing it gave (under delayed
 * roots: those of the ancestor whose results it carries). */
#include "models/judges/judge.h"

#include <stdio.h>

FIELD_DECLARE_EMPTY(judge_validity);
FIELD_DEFINE_EMPTY(judge_validity, "Committed blocks tell the truth about their execution.");

struct validity {
    struct judge_env *env;
};

static enum err_code init(void *state, const void *cfg, struct judge_env *env, struct err *err)
{
    struct validity *s = state;
    (void)cfg;
    (void)err;
    s->env = env;
    return ERR_OK;
}

static void executed(void *state, const struct block *b, bool holds)
{
    struct validity *s = state;
    if (holds)
        return;
    char text[200];
    snprintf(
        text, sizeof text,
        "block %llu of node %u is committed and states results that its execution did not give",
        (unsigned long long)b->height, b->proposer);
    struct judge_violation v = {
        .node = b->proposer, .height = b->height, .round = b->round, .text = text};
    s->env->host->violation(s->env, &v);
}

const struct judge_ops judge_validity_model = {
    .model = {"validity", "No committed block states results that its execution did not give.",
              &judge_validity_table},
    .state_size = sizeof(struct validity),
    .init = init,
    .executed = executed,
};
