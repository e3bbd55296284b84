/* leiden: every epoch, communities of the graph of accounts used together are found and packed onto
 * layers, the largest load first, each to the layer with room that has most of its accounts now.
 *
 * Communities by Traag, Waltman, van Eck: From Louvain to Leiden, Scientific Reports 9, 5233
 * (2019), as igraph has it, for modularity (Newman, Girvan, Phys. Rev. E 69, 026113, 2004) with a
 * resolution. One with more load than fits is taken apart by a resolution of twice that, again and
 * again. Packing is by decreasing load, as Graham's longest processing time first (SIAM J. Appl.
 * Math. 17, 1969), with names kept so that few accounts move. Pairs of communities that are used
 * together get no closer by it: see metis for that. */
#include "models/routing/graph_igraph.h"
#include "models/routing/graphed.h"
#include "sim/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define ROUTER_LEIDEN_FIELDS(F, S)                                                                 \
    F(S, FRACTION, memory, "50%", "0%", "99%", "What the graph keeps of older epochs.")            \
    ROUTE_PROOF_FIELDS(F, S, "8")                                                                  \
    F(S, REAL, resolution, "1", "0.01", "1000",                                                    \
      "Above 1, communities are smaller than those of greatest modularity; below, larger.")        \
    F(S, COUNT, iterations, "4", "1", "1k", "Rounds of the Leiden algorithm.")                     \
    F(S, FRACTION, imbalance, "10%", "0%", "1000%",                                                \
      "Load that a layer may have above its share, which is by processing power.")                 \
    F(S, REAL, saving, "0.25", "0", "1000",                                                        \
      "Transactions of the graph's pairs that a new packing must bring together for each account " \
      "that it moves.")
FIELD_DECLARE(router_leiden_cfg, ROUTER_LEIDEN_FIELDS);
FIELD_DEFINE(router_leiden_cfg, ROUTER_LEIDEN_FIELDS, "Settings of leiden.", NULL);

struct group {
    double load;
    uint32_t first, count; /* its vertices, in members */
};

struct leiden {
    struct route_graphed shared;
    const struct router_leiden_cfg *cfg;
    double *caps, *loads; /* by layer */
    uint32_t *common;     /* by layer: vertices of the community at hand; 0 between two */
};

/* ---- communities that fit ---- */

/* Vertices by community, and each one's load. groups has room for all vertices. */
static void list_members(const struct route_graph *g, const uint32_t *community, uint32_t count,
                         struct group *groups, uint32_t *members)
{
    for (uint32_t c = 0; c < count; c++)
        groups[c] = (struct group){0};
    for (uint32_t v = 0; v < g->count; v++) {
        groups[community[v]].load += g->load[v];
        groups[community[v]].count++;
    }
    for (uint32_t c = 1; c < count; c++)
        groups[c].first = groups[c - 1].first + groups[c - 1].count;
    for (uint32_t c = 0; c < count; c++)
        groups[c].count = 0;
    for (uint32_t v = 0; v < g->count; v++) {
        struct group *own = &groups[community[v]];
        members[own->first + own->count++] = v;
    }
}

static bool too_large(const struct group *group, double most)
{
    return group->load > most && group->count > 1;
}

static int by_label(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* Takes communities with more load than `most` apart, as `finer` does. False: memory is out. */
static bool split(const struct route_graph *g, const struct group *groups, double most,
                  const uint32_t *finer, uint32_t *community, uint32_t *count)
{
    uint64_t *labels = mem_alloc(g->count, sizeof *labels);
    uint32_t len = 0;
    if (!labels)
        return false;
    for (uint32_t v = 0; v < g->count; v++)
        if (too_large(&groups[community[v]], most))
            labels[len++] = (uint64_t)community[v] << 32 | finer[v];
    if (len)
        qsort(labels, len, sizeof *labels, by_label);
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < len; i++)
        if (!kinds || labels[kinds - 1] != labels[i])
            labels[kinds++] = labels[i];
    for (uint32_t v = 0; v < g->count && kinds; v++)
        if (too_large(&groups[community[v]], most)) {
            uint64_t key = (uint64_t)community[v] << 32 | finer[v];
            const uint64_t *at = bsearch(&key, labels, kinds, sizeof key, by_label);
            community[v] = *count + (uint32_t)(at - labels);
        }
    *count += kinds;
    mem_free(labels);
    return true;
}

/* Numbers that no vertex has any more go. */
static void close_gaps(const struct route_graph *g, uint32_t *community, uint32_t *count,
                       uint32_t *name)
{
    memset(name, 0xff, *count * sizeof *name);
    *count = 0;
    for (uint32_t v = 0; v < g->count; v++) {
        uint32_t *n = &name[community[v]];
        if (*n == UINT32_MAX)
            *n = (*count)++;
        community[v] = *n;
    }
}

/* Communities of at most `most` load, but for single vertices. scratch: room for 2 x vertices. */
static bool find_communities(struct leiden *s, double most, uint32_t *community, uint32_t *count,
                             struct group *groups, uint32_t *members, uint32_t *scratch)
{
    enum { FINER = 4, FACTOR = 4 };
    const struct route_graph *g = &s->shared.graph;
    double resolution = s->cfg->resolution;
    uint32_t iterations = (uint32_t)s->cfg->iterations;
    if (route_leiden(g, resolution, iterations, g->env->rng, community, count))
        return false;
    for (int i = 0; i <= FINER; i++) {
        bool fit = true;
        uint32_t finer_count;
        list_members(g, community, *count, groups, members);
        for (uint32_t c = 0; c < *count; c++)
            fit = fit && !too_large(&groups[c], most);
        if (fit)
            break;
        resolution *= FACTOR;
        if (i == FINER) /* no way but one by one */
            for (uint32_t v = 0; v < g->count; v++)
                scratch[v] = v;
        else if (route_leiden(g, resolution, 1, g->env->rng, scratch, &finer_count))
            return false;
        if (!split(g, groups, most, scratch, community, count))
            return false;
        close_gaps(g, community, count, scratch);
    }
    list_members(g, community, *count, groups, members);
    return true;
}

/* ---- packing ---- */

static int by_load(const void *x, const void *y)
{
    const struct group *a = x, *b = y;
    if (a->load > b->load || a->load < b->load)
        return a->load > b->load ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

/* Where a group goes: of the layers with room, that of most of its vertices; else the emptiest. */
static layer_id choose(struct leiden *s, const struct group *group, const uint32_t *members)
{
    const struct route_graph *g = &s->shared.graph;
    layer_id best = LAYER_NONE, emptiest = 0;
    for (uint32_t i = 0; i < group->count; i++)
        s->common[g->home[members[group->first + i]]]++;
    for (uint32_t i = 0; i < group->count; i++) {
        layer_id l = g->home[members[group->first + i]];
        if (group->load > 0 && s->loads[l] + group->load > s->caps[l])
            continue;
        if (best == LAYER_NONE || s->common[l] > s->common[best] ||
            (l < best && s->common[l] == s->common[best]))
            best = l;
    }
    for (uint32_t i = 0; i < group->count; i++)
        s->common[g->home[members[group->first + i]]] = 0;
    if (best != LAYER_NONE)
        return best;
    for (layer_id l = 1; l < g->env->layer_count; l++)
        if (s->loads[l] * s->caps[emptiest] < s->loads[emptiest] * s->caps[l])
            emptiest = l;
    return emptiest;
}

static void pack(struct leiden *s, struct group *groups, uint32_t count, const uint32_t *members,
                 layer_id *target)
{
    for (layer_id l = 0; l < s->shared.graph.env->layer_count; l++)
        s->loads[l] = 0;
    qsort(groups, count, sizeof *groups, by_load);
    for (uint32_t c = 0; c < count; c++) {
        layer_id l = choose(s, &groups[c], members);
        s->loads[l] += groups[c].load;
        for (uint32_t i = 0; i < groups[c].count; i++)
            target[members[groups[c].first + i]] = l;
    }
}

static bool partition(void *state, layer_id *target)
{
    struct leiden *s = state;
    const struct route_graph *g = &s->shared.graph;
    uint32_t *community = mem_alloc(g->count, sizeof *community), count;
    uint32_t *members = mem_alloc(g->count, sizeof *members);
    uint32_t *scratch = mem_alloc(g->count, 2 * sizeof *scratch);
    struct group *groups = mem_alloc(g->count, 2 * sizeof *groups);
    bool done = community && members && scratch && groups;
    double most = 0;
    route_caps(g, s->cfg->imbalance, s->caps);
    for (layer_id l = 0; l < g->env->layer_count; l++)
        most = s->caps[l] > most ? s->caps[l] : most;
    /* Half of what fits into a layer: packing has to have a choice. */
    done = done && find_communities(s, most / 2, community, &count, groups, members, scratch);
    if (done) {
        pack(s, groups, count, members, target);
        if (!route_worth(g, target, g->home, s->cfg->saving, s->caps))
            memcpy(target, g->home, g->count * sizeof *target);
    }
    mem_free(community);
    mem_free(members);
    mem_free(scratch);
    mem_free(groups);
    return done;
}

/* ---- the policy ---- */

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct leiden *s = state;
    size_t k = env->layer_count;
    s->cfg = cfg;
    const struct route_proof_rules rules = {
        .memory = s->cfg->memory, .density = s->cfg->density, .proof = s->cfg->proof};
    route_graphed_init(&s->shared, env, &rules, partition);
    s->caps = mem_alloc(k, sizeof *s->caps);
    s->loads = mem_alloc(k, sizeof *s->loads);
    s->common = mem_zalloc(k, sizeof *s->common);
    if (!s->caps || !s->loads || !s->common)
        return err_set(err, ERR_MEMORY, "out of memory for %zu layers", k);
    return ERR_OK;
}

static void fini(void *state)
{
    struct leiden *s = state;
    route_graphed_fini(&s->shared);
    mem_free(s->caps);
    mem_free(s->loads);
    mem_free(s->common);
}

const struct router_ops router_leiden = {
    .model = {"leiden", "Communities of accounts used together, packed onto layers.",
              &router_leiden_cfg_table},
    .state_size = sizeof(struct leiden),
    .init = init,
    .place = route_graphed_place,
    .observe = route_graphed_observe,
    .epoch = route_graphed_epoch,
    .reason = route_graphed_reason,
    .fini = fini,
};
