/* two-phase-commit: every party locks its accounts, one after the other in ascending order of
 * layers, so that no two crossings wait for one another; when all are held it runs, and the outcome
 * frees them. (Gray & Lamport, "Consensus on Transaction Commit", TODS 2006, section 3: here every
 * participant and the coordinator are a layer, whose log is its chain.) The coordinator is the
 * layer of the sender; it locks its own accounts too, in its turn, unless it is the last: then
 * running takes them at once. Where a crossing holds for longer than `timeout` without getting
 * further, it lets go and tries again later; a coordinator that halts keeps what it holds, as the
 * protocol does. */
#include "models/crosslayer/tries.h"

#define TWO_PHASE_COMMIT_FIELDS(F, S) CROSS_TRIES_FIELDS(F, S, "30s", "10", "500ms")
FIELD_DECLARE(two_phase_commit_cfg, TWO_PHASE_COMMIT_FIELDS);
FIELD_DEFINE(two_phase_commit_cfg, TWO_PHASE_COMMIT_FIELDS, "Settings of two-phase-commit.", NULL);

struct two_phase_commit {
    struct cross_tries tries;
    struct cross_env *env;
};

static enum err_code init(void *state, const void *cfg, struct cross_env *env, struct err *err)
{
    struct two_phase_commit *t = state;
    const struct two_phase_commit_cfg *c = cfg;
    (void)err;
    t->tries = CROSS_TRIES(c);
    t->env = env;
    return ERR_OK;
}

/* The next party to ask; note: its place. The coordinator's own accounts need no lock where it is
 * the last: nobody waits for what it then holds. */
static void go_on(struct two_phase_commit *t, struct crossing *c)
{
    const struct cross_host *host = t->env->host;
    while (c->note < c->party_count) {
        struct crossing_party *p = &c->parties[c->note];
        if (p->layer != c->at || c->note + 1 < c->party_count) {
            host->ask(t->env, c, p, true, false);
            return;
        }
        c->note++;
    }
    host->run(t->env, c, false);
}

static void start(void *state, struct crossing *c)
{
    struct two_phase_commit *t = state;
    if (cross_try(t->env, c, &t->tries))
        go_on(t, c);
}

static void held(void *state, struct crossing *c, struct crossing_party *p)
{
    struct two_phase_commit *t = state;
    (void)p;
    cross_further(t->env, c, &t->tries);
    c->note++;
    go_on(t, c);
}

static void refused(void *state, struct crossing *c, struct crossing_party *p, const char *why)
{
    struct two_phase_commit *t = state;
    (void)p;
    (void)why;
    cross_again(t->env, c, &t->tries);
}

static void late(void *state, struct crossing *c)
{
    struct two_phase_commit *t = state;
    cross_again(t->env, c, &t->tries);
}

const struct crosslayer_ops crosslayer_two_phase_commit = {
    .model = {"two-phase-commit", "All parties lock in order, then it runs, then they are free.",
              &two_phase_commit_cfg_table},
    .state_size = sizeof(struct two_phase_commit),
    .init = init,
    .start = start,
    .held = held,
    .refused = refused,
    .late = late,
};
