/* Finality: what an honest node took as final stays so: its next commit stands on it. Where
 * finality is a matter of depth (traits.final false) the same shows a chain reorganised more deeply
 * than its users were told to expect. */
#include "models/judges/judge.h"

#include <stdio.h>

FIELD_DECLARE_EMPTY(judge_finality);
FIELD_DEFINE_EMPTY(judge_finality, "What is final stays final.");

struct finality {
    struct judge_env *env;
};

static enum err_code init(void *state, const void *cfg, struct judge_env *env, struct err *err)
{
    struct finality *s = state;
    (void)cfg;
    (void)err;
    s->env = env;
    return ERR_OK;
}

static void commit(void *state, const struct judge_commit *c)
{
    struct finality *s = state;
    bool back = c->block->height <= c->before->height;
    /* NULL: so old that it was let go of; nothing is known against it. */
    const struct block *there = back ? block_ancestor(c->before, c->block->height)
                                     : block_ancestor(c->block, c->before->height);
    if (!there || there == (back ? c->block : c->before))
        return;
    char text[200];
    uint64_t height = back ? c->block->height : c->before->height;
    snprintf(text, sizeof text, "node %u %s, final there, at height %llu or below", c->node,
             s->env->traits.final ? "commits a block beside the chain" : "reorganises the chain",
             (unsigned long long)height);
    struct judge_violation v = {
        .node = c->node, .height = height, .round = c->block->round, .text = text};
    s->env->host->violation(s->env, &v);
}

const struct judge_ops judge_finality_model = {
    .model = {"finality", "No honest node takes back what it took as final.",
              &judge_finality_table},
    .state_size = sizeof(struct finality),
    .init = init,
    .commit = commit,
};
