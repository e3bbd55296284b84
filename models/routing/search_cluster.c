/* Clusters of accounts used together, and the search over them and back to accounts. */
#include "models/routing/search_internal.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- who joins whom ---- */

struct joining {
    const struct search_level *s;
    uint32_t *cluster;  /* by node */
    double *load;       /* by cluster */
    double *shared;     /* by cluster, scratch: gas shared with the node at hand */
    uint32_t *touched;  /* clusters with some */
    uint32_t *loneness; /* by cluster: nodes */
};

static void join(struct joining *j, uint32_t node, double cap)
{
    const struct search_level *s = j->s;
    uint32_t count = 0, own = j->cluster[node], best = own;
    double most = 0;
    for (uint32_t i = s->first[node]; i < s->first[node + 1]; i++) {
        const struct search_net *net = &s->p->nets[s->of[i]];
        for (uint32_t k = 0; k < net->count; k++) {
            uint32_t c = j->cluster[s->p->pins[net->first + k]];
            if (c == own)
                continue;
            if (j->shared[c] == 0)
                j->touched[count++] = c;
            j->shared[c] += net->gas / (net->count - 1);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t c = j->touched[i];
        bool fits = j->load[c] + s->load[node] <= cap;
        if (fits && (j->shared[c] > most || (j->shared[c] == most && most > 0 && c < best))) {
            most = j->shared[c];
            best = c;
        }
        j->shared[c] = 0;
    }
    if (best == own)
        return;
    j->load[best] += s->load[node];
    j->load[own] = 0;
    j->loneness[best]++;
    j->cluster[node] = best;
}

/* Fills j->cluster with dense numbers, by first node; returns how many. Light nodes join first. */
static uint32_t join_all(struct joining *j, double cap)
{
    uint32_t n = j->s->p->node_count, clusters = 0;
    for (uint32_t i = 0; i < n; i++) {
        j->cluster[i] = i;
        j->load[i] = j->s->load[i];
        j->shared[i] = 0;
        j->loneness[i] = 1;
    }
    for (uint32_t i = n; i; i--) {
        uint32_t node = j->s->order[i - 1];
        if (j->cluster[node] == node && j->loneness[node] == 1)
            join(j, node, cap);
    }
    for (uint32_t i = 0; i < n; i++)
        j->touched[i] = ACCOUNT_NONE;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t *number = &j->touched[j->cluster[i]];
        if (*number == ACCOUNT_NONE)
            *number = clusters++;
        j->cluster[i] = *number;
    }
    return clusters;
}

/* ---- the coarser problem ---- */

struct member {
    uint32_t cluster;
    struct search_share share;
};

static int by_cluster(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return (int)x->share.layer - (int)y->share.layer;
}

/* Shares of clusters: those of their nodes, layer by layer. */
static enum err_code gather_shares(struct search_clusters *c, const struct search_problem *p)
{
    uint32_t count = 0, kept = 0;
    for (uint32_t n = 0; n < p->node_count; n++)
        count += p->nodes[n].count;
    struct member *all = mem_alloc(count, sizeof *all);
    c->shares = mem_alloc(count, sizeof *c->shares);
    if (!all || !c->shares) {
        mem_free(all);
        return ERR_MEMORY;
    }
    count = 0;
    for (uint32_t n = 0; n < p->node_count; n++) {
        for (uint32_t i = 0; i < p->nodes[n].count; i++)
            all[count++] = (struct member){c->cluster_of[n], p->shares[p->nodes[n].first + i]};
    }
    qsort(all, count, sizeof *all, by_cluster);
    for (uint32_t i = 0; i < count; i++) {
        struct search_node *node = &c->nodes[all[i].cluster];
        if (!node->count)
            node->first = kept;
        node->moving += all[i].share.moving;
        if (node->count && c->shares[kept - 1].layer == all[i].share.layer) {
            c->shares[kept - 1].moving += all[i].share.moving;
            continue;
        }
        node->count++;
        c->shares[kept++] = all[i].share;
    }
    mem_free(all);
    return ERR_OK;
}

static void gather_nets(struct search_clusters *c, const struct search_problem *p)
{
    uint32_t pins = 0;
    for (uint32_t i = 0; i < p->net_count; i++) {
        struct search_net *net = &c->nets[i];
        *net = (struct search_net){pins, 0, p->nets[i].gas};
        for (uint32_t k = 0; k < p->nets[i].count; k++) {
            uint32_t pin = c->cluster_of[p->pins[p->nets[i].first + k]], same = 0;
            while (same < net->count && c->pins[net->first + same] != pin)
                same++;
            if (same < net->count)
                continue;
            c->pins[pins++] = pin;
            net->count++;
        }
    }
}

enum err_code search_clusters_init(struct search_clusters *c, const struct search_level *s,
                                   double cap)
{
    const struct search_problem *p = s->p;
    uint32_t n = p->node_count, pins = s->first[n];
    *c = (struct search_clusters){.p = *p,
                                  .cluster_of = mem_alloc(n, sizeof *c->cluster_of),
                                  .nets = mem_alloc(p->net_count, sizeof *c->nets),
                                  .pins = mem_alloc(pins, sizeof *c->pins)};
    struct joining j = {s,
                        c->cluster_of,
                        mem_alloc(n, sizeof *j.load),
                        mem_alloc(n, sizeof *j.shared),
                        mem_alloc(n, sizeof *j.touched),
                        mem_alloc(n, sizeof *j.loneness)};
    enum err_code e = ERR_MEMORY;
    if (c->cluster_of && c->nets && c->pins && j.load && j.shared && j.touched && j.loneness) {
        c->p.node_count = join_all(&j, cap);
        c->nodes = mem_zalloc(c->p.node_count, sizeof *c->nodes);
        e = c->nodes ? gather_shares(c, p) : ERR_MEMORY;
    }
    mem_free(j.load);
    mem_free(j.shared);
    mem_free(j.touched);
    mem_free(j.loneness);
    if (e) {
        search_clusters_fini(c);
        return e;
    }
    gather_nets(c, p);
    c->p.nodes = c->nodes;
    c->p.shares = c->shares;
    c->p.nets = c->nets;
    c->p.pins = c->pins;
    return ERR_OK;
}

void search_clusters_fini(struct search_clusters *c)
{
    mem_free(c->cluster_of);
    mem_free(c->nodes);
    mem_free(c->shares);
    mem_free(c->nets);
    mem_free(c->pins);
    *c = (struct search_clusters){0};
}

/* ---- down to clusters and up again ---- */

/* A cluster starts where most of its load is: the lowest of equals. */
static enum err_code home_of_clusters(const struct search_clusters *c, const struct search_level *s,
                                      layer_id *home)
{
    uint32_t n = c->p.node_count, fine = s->p->node_count;
    double *vote = mem_zalloc(n, sizeof *vote);
    if (!vote)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        home[i] = LAYER_NONE;
    /* Boyer and Moore's majority vote, by load, heaviest first: one pass, no table by layer. Where
     * no layer has the majority it still gives one of the heavy ones. */
    for (uint32_t i = 0; i < fine; i++) {
        uint32_t node = s->order[i], at = c->cluster_of[node];
        if (home[at] == LAYER_NONE || home[at] == s->home[node]) {
            home[at] = s->home[node];
            vote[at] += s->load[node];
        } else if (vote[at] >= s->load[node]) {
            vote[at] -= s->load[node];
        } else {
            home[at] = s->home[node];
            vote[at] = s->load[node] - vote[at];
        }
    }
    mem_free(vote);
    return ERR_OK;
}

/* Improves `home` of p's nodes; afresh: places the coarsest clusters from nothing first. */
static enum err_code cycle(const struct search_problem *p, double cap, bool afresh, layer_id *home)
{
    struct search_level s;
    struct search_clusters c = {0};
    layer_id *coarse = NULL;
    enum err_code e = search_level_init(&s, p);
    if (e)
        return e;
    search_level_place(&s, home);
    if (cap > 0)
        e = search_clusters_init(&c, &s, cap);
    if (!e && cap > 0 && c.p.node_count < p->node_count - p->node_count / 10) {
        coarse = mem_alloc(c.p.node_count, sizeof *coarse);
        e = coarse ? home_of_clusters(&c, &s, coarse) : ERR_MEMORY;
        if (!e)
            e = cycle(&c.p, cap, afresh, coarse);
        for (uint32_t i = 0; i < p->node_count && !e; i++)
            s.home[i] = coarse[c.cluster_of[i]];
        if (!e)
            search_level_place(&s, s.home);
    } else if (!e && afresh) {
        search_level_fill(&s);
    }
    if (!e) {
        search_level_improve(&s);
        memcpy(home, s.home, p->node_count * sizeof *home);
    }
    mem_free(coarse);
    search_clusters_fini(&c);
    search_level_fini(&s);
    return e;
}

double search_value(const struct search_problem *p, const layer_id *home)
{
    struct search_level s;
    if (search_level_init(&s, p))
        return NAN;
    search_level_place(&s, home);
    double value = search_level_value(&s);
    search_level_fini(&s);
    return value;
}

enum err_code search_run(const struct search_problem *p, unsigned levels, layer_id *home)
{
    if (!p->node_count || p->layers < 2)
        return ERR_OK;
    layer_id *best = mem_alloc(p->node_count, sizeof *best);
    layer_id *tried = mem_alloc(p->node_count, sizeof *tried);
    double least = search_value(p, home), gas = 0;
    enum err_code e = best && tried && !isnan(least) ? ERR_OK : ERR_MEMORY;
    for (uint32_t i = 0; i < p->net_count; i++)
        gas += p->nets[i].gas;
    if (!e)
        memcpy(best, home, p->node_count * sizeof *best);
    for (unsigned try = 0; try <= 2 * levels && !e; try++) {
        unsigned level = (try + 1) / 2; /* 0; 1, 1; 2, 2; ...: a quarter of the size each */
        double cap = level ? gas / p->layers / ldexp(1, 2 * (int)level - 1) : 0;
        memcpy(tried, home, p->node_count * sizeof *tried);
        e = cycle(p, cap, level && try % 2 == 0, tried);
        double value = e ? NAN : search_value(p, tried);
        if (!e && isnan(value))
            e = ERR_MEMORY;
        if (!e && value < least) {
            least = value;
            memcpy(best, tried, p->node_count * sizeof *best);
        }
    }
    if (!e)
        memcpy(home, best, p->node_count * sizeof *home);
    mem_free(best);
    mem_free(tried);
    return e;
}
