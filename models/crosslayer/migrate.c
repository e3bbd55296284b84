/* migrate: the accounts of other layers come to the sender's, and stay; there it runs like any
 * transaction of that layer. Parties are asked one after the other in ascending order, as
 * two-phase-commit asks them, so that no two crossings wait for one another: an account that has
 * come is locked where it is now, and the sender's own accounts are locked in their turn. A whole
 * account moves, with all its storage; what is used again at its new home costs nothing any more,
 * and what two layers use by turns moves each time.
 *
 * The idea is that of data that follows its users in databases over several sites (Lin et al.,
 * "Towards a Non-2PC Transaction Management in Distributed Database Systems", SIGMOD 2016, sections
 * 3 and 4: LEAP, which takes ownership of every record that a transaction touches). There a lock
 * manager at the record's site hands it over; here the old and the new home each do it in a block,
 * and no directory is asked on the way: desks know where accounts are. */
#include "models/crosslayer/tries.h"

#define MIGRATE_FIELDS(F, S) CROSS_TRIES_FIELDS(F, S, "30s", "10", "500ms")
FIELD_DECLARE(migrate_cfg, MIGRATE_FIELDS);
FIELD_DEFINE(migrate_cfg, MIGRATE_FIELDS, "Settings of migrate.", NULL);

struct migrate {
    struct cross_tries tries;
    struct cross_env *env;
};

static enum err_code init(void *state, const void *cfg, struct cross_env *env, struct err *err)
{
    struct migrate *m = state;
    const struct migrate_cfg *c = cfg;
    (void)err;
    m->tries = CROSS_TRIES(c);
    m->env = env;
    return ERR_OK;
}

/* The next party; note: its place. */
static void go_on(struct migrate *m, struct crossing *c)
{
    const struct cross_host *host = m->env->host;
    struct crossing_party *p = c->note < c->party_count ? &c->parties[c->note] : NULL;
    bool last = c->note + 1 == c->party_count;
    if (p && p->layer != c->at)
        host->bring(m->env, c, p);
    else if (p && !last) /* taken at once where nobody is to be waited for any more */
        host->ask(m->env, c, p, true, false);
    else
        host->run(m->env, c, false);
}

static void start(void *state, struct crossing *c)
{
    struct migrate *m = state;
    if (cross_try(m->env, c, &m->tries))
        go_on(m, c);
}

static void held(void *state, struct crossing *c, struct crossing_party *p)
{
    struct migrate *m = state;
    (void)p;
    cross_further(m->env, c, &m->tries);
    c->note++;
    go_on(m, c);
}

static void refused(void *state, struct crossing *c, struct crossing_party *p, const char *why)
{
    struct migrate *m = state;
    (void)p;
    (void)why;
    cross_again(m->env, c, &m->tries);
}

static void late(void *state, struct crossing *c)
{
    struct migrate *m = state;
    cross_again(m->env, c, &m->tries);
}

const struct crosslayer_ops crosslayer_migrate = {
    .model = {"migrate", "The accounts come to the sender's layer, and stay there.",
              &migrate_cfg_table},
    .state_size = sizeof(struct migrate),
    .moves = true,
    .init = init,
    .start = start,
    .held = held,
    .refused = refused,
    .late = late,
};
