/* communities: users in groups of Zipf's sizes who mostly pay their own kind.
 *
 * The structure of a stochastic block model with few large and many small blocks, one probability
 * inside and one outside (Holland, Laskey and Leinhardt, Social Networks 5, 1983), and degrees of
 * Zipf's law within a block where `senders` and `recipients` say so (Karrer and Newman, Physical
 * Review E 83, 2011). Left out: different affinities of single pairs of communities, triangles, and
 * users who are in several communities. */
#include "models/workload/groups.h"
#include "models/workload/hot.h"

#include <math.h>

#define PAIRS_COMMUNITIES_FIELDS(F, S)                                                             \
    F(S, COUNT, count, "16", "1", "1M", "Communities.")                                            \
    F(S, SKEW, sizes, "zipf(1)", NULL, NULL, "How users spread over them; two in each at least.")  \
    F(S, FRACTION, inside, "90%", "0%", "100%", "Payments to the sender's own community.")         \
    F(S, RATE, drift, "0/s", "0/s", "1M/s",                                                        \
      "Users who move to another community, where they take the place of one who leaves it.")      \
    F(S, STRUCT(workload_hot), hot, "", NULL, NULL, "Communities that send most, in turns.")
FIELD_DECLARE(pairs_communities_cfg, PAIRS_COMMUNITIES_FIELDS);
FIELD_DEFINE(pairs_communities_cfg, PAIRS_COMMUNITIES_FIELDS, "Settings of communities.", NULL);

struct communities {
    const struct pairs_communities_cfg *cfg;
    struct groups groups;
    struct hot hot;
    struct sim_stream rng_drift;
    sim_time start;
    uint64_t swaps;
};

/* Two users each, the rest by shares; what rounding leaves goes to the largest, one each. */
static void set_sizes(struct groups *g, double exponent)
{
    double all = 0;
    uint32_t rest = g->users - 2 * g->count, given = 0;
    for (uint32_t i = 0; i < g->count; i++)
        all += pow((double)i + 1, -exponent);
    for (uint32_t i = 0; i < g->count; i++) {
        uint32_t more = (uint32_t)(rest * (pow((double)i + 1, -exponent) / all));
        more = more > rest - given ? rest - given : more;
        given += more;
        g->first[i + 1] = 2 + more; /* a size still */
    }
    for (uint32_t i = 0; given < rest; i = (i + 1) % g->count, given++)
        g->first[i + 1]++;
    for (uint32_t i = 0; i < g->count; i++) {
        g->first[i + 1] += g->first[i];
        for (uint32_t at = g->first[i]; at < g->first[i + 1]; at++)
            g->group_of[g->member[at]] = i;
    }
}

static enum err_code init(void *state, const void *cfg, const struct pairs_env *env,
                          struct err *err)
{
    struct communities *c = state;
    struct sim_stream shuffle;
    uint32_t entity = (uint32_t)env->workload->instance;
    c->cfg = cfg;
    c->start = env->workload->start;
    if (env->count / 2 < c->cfg->count)
        return err_set(err, ERR_INPUT, "%u accounts are not two for each of %llu communities",
                       env->count, (unsigned long long)c->cfg->count);
    enum err_code code = groups_init(&c->groups, (uint32_t)c->cfg->count, env->count, err);
    if (code != ERR_OK)
        return code;
    sim_stream_init(&shuffle, env->workload->seed, entity, sim_purpose("workload.members"));
    sim_stream_init(&c->rng_drift, env->workload->seed, entity, sim_purpose("workload.drift"));
    for (uint32_t i = 0; i < env->count; i++)
        c->groups.member[i] = i;
    sim_stream_shuffle(&shuffle, c->groups.member, env->count);
    set_sizes(&c->groups, c->cfg->sizes.exponent);
    code = groups_rank(&c->groups, &env->senders, &env->recipients, err);
    if (code == ERR_OK)
        code = hot_init(&c->hot, &c->cfg->hot, c->groups.count, env->workload, err);
    return code;
}

static void drift(struct communities *c, sim_time at)
{
    double due = (double)(at - c->start) / 1e9 * c->cfg->drift / 2; /* a swap moves two */
    if (c->groups.count < 2)
        return;
    for (; (double)c->swaps + 1 <= due; c->swaps++)
        groups_swap(&c->groups, &c->rng_drift);
}

static struct pick sender(void *state, sim_time at, struct sim_stream *rng)
{
    struct communities *c = state;
    uint32_t group;
    drift(c, at);
    if (!hot_pick(&c->hot, at, rng, &group))
        group = groups_any(&c->groups, UINT32_MAX, rng);
    return groups_sender(&c->groups, group, rng);
}

static struct pick recipient(void *state, struct pick from, struct sim_stream *rng)
{
    const struct communities *c = state;
    return groups_recipient(&c->groups, from, c->cfg->inside, rng);
}

static void fini(void *state)
{
    struct communities *c = state;
    groups_fini(&c->groups);
    hot_fini(&c->hot);
}

const struct pairs_ops pairs_communities = {
    .model = {"communities", "Users in groups who mostly pay one another; some may be hot.",
              &pairs_communities_cfg_table},
    .state_size = sizeof(struct communities),
    .init = init,
    .sender = sender,
    .recipient = recipient,
    .fini = fini,
};
