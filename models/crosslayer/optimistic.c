/* optimistic: what the transaction needs of other layers is read there without a lock; then all
 * parties are asked at once to lock it, if it is still what was read; where all do, it runs. A
 * party that finds something changed, or locked by another, refuses at once, and the crossing
 * begins again after a while. Nobody waits for anybody, so there is no deadlock; under contention
 * there is repetition instead.
 *
 * Kung & Robinson, "On Optimistic Methods for Concurrency Control", TODS 1981: a read phase
 * (section 3.1), and validation of what was read against what was committed meanwhile (section 4).
 * Validation and write phase are one critical section there; here locks from a party's validation
 * until the outcome stand for it, as usual where there are several sites. Of its own layer nothing
 * is validated, for there it runs on what is there at that moment; its accounts are locked
 * meanwhile all the same, so that two crossings never wait for one another's. */
#include "models/crosslayer/tries.h"

#define OPTIMISTIC_FIELDS(F, S) CROSS_TRIES_FIELDS(F, S, "30s", "50", "200ms")
FIELD_DECLARE(optimistic_cfg, OPTIMISTIC_FIELDS);
FIELD_DEFINE(optimistic_cfg, OPTIMISTIC_FIELDS, "Settings of optimistic.", NULL);

struct optimistic {
    struct cross_tries tries;
    struct cross_env *env;
};

static enum err_code init(void *state, const void *cfg, struct cross_env *env, struct err *err)
{
    struct optimistic *o = state;
    const struct optimistic_cfg *c = cfg;
    (void)err;
    o->tries = CROSS_TRIES(c);
    o->env = env;
    return ERR_OK;
}

/* note: answers that are awaited. */
static void start(void *state, struct crossing *c)
{
    struct optimistic *o = state;
    if (!cross_try(o->env, c, &o->tries))
        return;
    for (uint32_t i = 0; i < c->party_count; i++)
        c->note += c->parties[i].layer != c->at;
    for (uint32_t i = 0; i < c->party_count; i++)
        if (c->parties[i].layer != c->at)
            o->env->host->look(o->env, c, &c->parties[i]);
}

static void read_all(struct optimistic *o, struct crossing *c)
{
    c->note = c->party_count;
    for (uint32_t i = 0; i < c->party_count; i++)
        o->env->host->ask(o->env, c, &c->parties[i], false, c->parties[i].layer != c->at);
}

static void read(void *state, struct crossing *c, struct crossing_party *p)
{
    (void)p;
    if (--c->note == 0)
        read_all(state, c);
}

static void held(void *state, struct crossing *c, struct crossing_party *p)
{
    struct optimistic *o = state;
    (void)p;
    cross_further(o->env, c, &o->tries);
    if (--c->note == 0)
        o->env->host->run(o->env, c, false);
}

static void refused(void *state, struct crossing *c, struct crossing_party *p, const char *why)
{
    struct optimistic *o = state;
    (void)p;
    (void)why;
    cross_again(o->env, c, &o->tries);
}

static void late(void *state, struct crossing *c)
{
    struct optimistic *o = state;
    cross_again(o->env, c, &o->tries);
}

const struct crosslayer_ops crosslayer_optimistic = {
    .model = {"optimistic",
              "Read without locks, validated and locked at once, repeated if changed.",
              &optimistic_cfg_table},
    .state_size = sizeof(struct optimistic),
    .init = init,
    .start = start,
    .held = held,
    .refused = refused,
    .read = read,
    .late = late,
};
