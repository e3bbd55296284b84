/* Quorum: the signers of a commit or a certificate are validators, each counted once, and have the
 * weight that the protocol promises (traits.quorum). A commit that names no signers was taken over
 * from a peer and is not looked at. */
#include "models/judges/judge.h"
#include "sim/base/mem.h"

#include <stdio.h>

FIELD_DECLARE_EMPTY(judge_quorum);
FIELD_DEFINE_EMPTY(judge_quorum, "Signers have the weight of a quorum.");

struct quorum {
    struct judge_env *env;
    uint32_t *seen; /* by validator: the look at which it was last counted */
    uint32_t look;
};

static enum err_code init(void *state, const void *cfg, struct judge_env *env, struct err *err)
{
    struct quorum *s = state;
    (void)cfg;
    (void)err;
    s->env = env;
    return ERR_OK;
}

static bool enough(const struct judge_env *env, uint64_t weight)
{
    return env->traits.quorum == QUORUM_MAJORITY ? weight > env->validators->total / 2
                                                 : validators_quorum(env->validators, weight);
}

static void look(struct quorum *s, node_id node, const char *what, const struct block *b,
                 uint64_t round, const uint32_t *signers, uint32_t count)
{
    const struct validators *all = s->env->validators;
    uint64_t weight = 0, twice = 0, strangers = 0;
    if (s->env->traits.quorum == QUORUM_NONE)
        return;
    if (!s->seen && !(s->seen = mem_zalloc(all->count, sizeof *s->seen)))
        return; /* without memory the run ends elsewhere */
    s->look++;
    for (uint32_t i = 0; i < count; i++) {
        if (signers[i] >= all->count) {
            strangers++;
        } else if (s->seen[signers[i]] == s->look) {
            twice++;
        } else {
            s->seen[signers[i]] = s->look;
            weight += all->weights[signers[i]];
        }
    }
    if (enough(s->env, weight) && !twice && !strangers)
        return;
    char text[200], odd[64] = "";
    if (twice || strangers)
        snprintf(odd, sizeof odd, "; %llu signers named twice, %llu that are no validators",
                 (unsigned long long)twice, (unsigned long long)strangers);
    snprintf(
        text, sizeof text,
        "node %u: %s of round %llu signed by the weight %llu of %llu, more than %s is needed%s",
        node, what, (unsigned long long)judge_round(round, b), (unsigned long long)weight,
        (unsigned long long)all->total,
        s->env->traits.quorum == QUORUM_MAJORITY ? "half" : "two thirds", odd);
    struct judge_violation v = {
        .node = node, .height = b ? b->height : 0, .round = judge_round(round, b), .text = text};
    s->env->host->violation(s->env, &v);
}

static void commit(void *state, const struct judge_commit *c)
{
    struct quorum *s = state;
    if (c->signers)
        look(s, c->node, "commit", c->block, c->block->round, c->signers, c->signer_count);
}

static void certificate(void *state, const struct judge_certificate *c)
{
    struct quorum *s = state;
    look(s, c->node, c->what, c->block, c->round, c->signers, c->signer_count);
}

static void fini(void *state)
{
    struct quorum *s = state;
    mem_free(s->seen);
}

const struct judge_ops judge_quorum_model = {
    .model = {"quorum", "Commits and certificates are signed by a quorum.", &judge_quorum_table},
    .state_size = sizeof(struct quorum),
    .init = init,
    .commit = commit,
    .certificate = certificate,
    .fini = fini,
};
