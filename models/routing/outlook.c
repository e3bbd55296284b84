#include "models/routing/outlook.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FAINT    0.01  /* pairs whose mean is below this part of a transaction are forgotten */
#define FEW      8.0   /* transactions that are added on both sides: outlook_expect() */
#define FORGET   0.8   /* of what pairs have come true, an epoch keeps this */
#define UNSURE   20.0  /* transactions that count half true before there are any */
#define MANY     50000 /* pairs, from which on one size of clusters must do */
#define FADE     0.5   /* likewise of what groups have, which get better while pairs come in */
#define TOGETHER 20.0  /* what crossings count while groups are drawn */
#define MOST_ASK 16.0  /* times what was committed, an epoch's demand at most */

struct fresh {
    struct route_edge edge;
    double gas; /* scaled to what the layer used */
    layer_id layer;
};

enum err_code outlook_init(struct outlook *o, const struct route_env *env,
                           const struct cost_rules *rules, double memory, uint32_t most)
{
    layer_id k = env->layer_count;
    *o = (struct outlook){.env = env, .rules = *rules, .memory = memory, .most = most};
    vec_init(&o->fresh, sizeof(struct fresh));
    vec_init(&o->pairs, sizeof(struct outlook_pair));
    vec_init(&o->merged, sizeof(struct outlook_pair));
    search_builder_init(&o->builder);
    o->layers = mem_zalloc(k, sizeof *o->layers);
    o->open = mem_zalloc(k, sizeof *o->open);
    if (!o->layers || !o->open) {
        outlook_fini(o);
        return ERR_MEMORY;
    }
    for (layer_id l = 0; l < k; l++)
        o->layers[l].capacity =
            cost_capacity(rules, &env->layers[l]) * (double)env->epoch / (double)SIM_SEC;
    return ERR_OK;
}

void outlook_fini(struct outlook *o)
{
    vec_fini(&o->fresh);
    vec_fini(&o->pairs);
    vec_fini(&o->merged);
    search_builder_fini(&o->builder);
    mem_free(o->now);
    mem_free(o->mean);
    mem_free(o->home);
    mem_free(o->alone);
    mem_free(o->groups);
    mem_free(o->sent);
    mem_free(o->layers);
    mem_free(o->open);
    mem_free(o->found);
    *o = (struct outlook){0};
}

void outlook_observe(struct outlook *o, const struct route_report *r)
{
    struct outlook_layer *l = &o->open[r->layer];
    double seconds = (double)(r->to - r->from) / (double)SIM_SEC, listed = 0;
    double grown = (double)r->pending - (l->heard ? l->pending : o->layers[r->layer].pending);
    if (seconds <= 0)
        return;
    l->heard = true;
    l->covered += seconds;
    l->to = r->to;
    l->gas += (double)r->gas_used;
    l->capacity += (double)r->gas_room;
    l->txs += r->txs;
    l->crossings += r->crossings;
    l->pending = r->pending;
    l->growth += grown;
    l->busy += r->busy * seconds;
    l->conflicts += r->conflicts * r->txs;
    l->latency += r->latency_s * r->txs;
    for (uint32_t i = 0; i < r->edge_count; i++)
        listed += (double)r->edges[i].gas;
    for (uint32_t i = 0; i < r->edge_count; i++) {
        const struct route_edge *e = &r->edges[i];
        double gas = (double)e->gas / listed * (double)r->gas_used;
        struct fresh f = {*e, gas, r->layer};
        if (listed > 0 && vec_push(&o->fresh, &f)) {
            o->env->fail(o->env);
            return;
        }
    }
}

/* ---- the end of an epoch ---- */

static void close_layer(struct outlook *o, layer_id i)
{
    struct outlook_layer *open = &o->open[i], *l = &o->layers[i];
    double epoch = (double)o->env->epoch / (double)SIM_SEC;
    double cores = cost_capacity(&o->rules, &o->env->layers[i]) * epoch;
    double times = open->heard ? epoch / open->covered : 0;
    if (!open->heard) {
        l->heard = false;
        return;
    }
    *l = *open;
    l->times = times;
    l->capacity = open->capacity > 0 ? fmin(open->capacity * times, cores) : cores;
    l->gas *= times;
    l->txs *= times;
    l->crossings *= times;
    l->growth *= times;
    l->busy /= open->covered;
    l->conflicts = open->txs > 0 ? open->conflicts / open->txs : 0;
    l->latency = open->txs > 0 ? open->latency / open->txs : 0;
    *open = (struct outlook_layer){0};
}

static int by_pair(const void *x, const void *y)
{
    const struct fresh *f = x, *g = y;
    if (f->edge.a != g->edge.a)
        return f->edge.a < g->edge.a ? -1 : 1;
    if (f->edge.b != g->edge.b)
        return f->edge.b < g->edge.b ? -1 : 1;
    return (int)f->layer - (int)g->layer; /* sums are the same whatever qsort does with equals */
}

static void add_fresh(struct outlook *o, struct outlook_pair *p, const struct fresh *f)
{
    double gas = f->gas * o->layers[f->layer].times * o->asked, part = 1 - o->memory;
    double sent = (double)f->edge.sent_a + f->edge.sent_b, a = 0, b = 0;
    if (f->edge.a == f->edge.b)
        a = gas;
    else if (sent > 0) {
        a = gas * f->edge.sent_a / sent;
        b = gas * f->edge.sent_b / sent;
    }
    p->now += gas;
    p->now_a += a;
    p->now_b += b;
    p->mean += part * gas;
    p->by_a += part * a;
    p->by_b += part * b;
}

static int age(const struct outlook_pair *p)
{
    return p->epochs > 4 ? 3 : p->epochs > 2 ? 2 : p->epochs > 1 ? 1 : 0;
}

double outlook_trust(const struct outlook *o, const struct outlook_pair *p)
{
    double unsure = UNSURE * o->tx_gas, due = o->due[age(p)] + unsure;
    double again = due > 0 ? fmin(1, (o->came[age(p)] + unsure / 2) / due) : 0;
    return fmax(again, outlook_trust_groups(o));
}

double outlook_trust_groups(const struct outlook *o)
{
    return o->group_due > 0 ? fmin(fmax(o->group_came / o->group_due, 0), 1) : 0;
}

double outlook_settled(const struct outlook *o)
{
    return o->new_gas > 0 ? fmin(fmax(o->settled / o->new_gas, 0), 1) : 0;
}

/* Both lists by (a, b): the old pairs fade, the fresh ones come in, faint ones go. */
static enum err_code merge(struct outlook *o, double faint)
{
    const struct fresh *f = o->fresh.data, *end = f + o->fresh.len;
    const struct outlook_pair *old = o->pairs.data, *last = old + o->pairs.len;
    o->merged.len = 0;
    for (int i = 0; i < OUTLOOK_AGES; i++) {
        o->came[i] *= FORGET;
        o->due[i] *= FORGET;
    }
    while (f < end || old < last) {
        bool take =
            f == end ||
            (old < last && (old->a < f->edge.a || (old->a == f->edge.a && old->b <= f->edge.b)));
        struct outlook_pair p = {.a = take ? old->a : f->edge.a, .b = take ? old->b : f->edge.b};
        double due = take ? old->mean / o->weight : 0;
        if (take) {
            p.epochs = old->epochs;
            p.mean = old->mean * o->memory;
            p.by_a = old->by_a * o->memory;
            p.by_b = old->by_b * o->memory;
            old++;
        }
        for (; f < end && f->edge.a == p.a && f->edge.b == p.b; f++)
            add_fresh(o, &p, f);
        if (take) {
            o->came[age(&p)] += p.now;
            o->due[age(&p)] += due;
        }
        p.epochs += p.now > 0;
        if (p.mean < faint)
            continue;
        enum err_code e = vec_push(&o->merged, &p);
        if (e)
            return e;
    }
    struct vec swap = o->pairs;
    o->pairs = o->merged;
    o->merged = swap;
    return ERR_OK;
}

static int descending(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a < *b) - (*a > *b);
}

/* Keeps the strongest `most` pairs; of equally strong ones at the edge, none. */
static enum err_code thin(struct outlook *o)
{
    struct outlook_pair *pairs = o->pairs.data;
    size_t kept = 0, count = o->pairs.len;
    if (count <= o->most)
        return ERR_OK;
    double *means = mem_alloc(count, sizeof *means);
    if (!means)
        return ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        means[i] = pairs[i].mean;
    qsort(means, count, sizeof *means, descending);
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].mean > means[o->most])
            pairs[kept++] = pairs[i];
    }
    o->pairs.len = kept;
    mem_free(means);
    return ERR_OK;
}

/* What accounts sent in this epoch, against their means before it. */
static void compare_senders(struct outlook *o)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    memset(o->alone, 0, o->known * sizeof *o->alone);
    for (size_t i = 0; i < o->pairs.len; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        o->alone[p->a] += p->now_a;
        o->alone[p->b] += p->now_b;
    }
    for (account_id a = 0; a < o->known; a++) {
        if (o->sent[a] <= 0)
            continue;
        n++;
        x += o->sent[a];
        y += o->alone[a];
        xx += o->sent[a] * o->sent[a];
        xy += o->sent[a] * o->alone[a];
    }
    o->same *= FORGET;
    o->spread *= FORGET;
    if (n < 2)
        return;
    o->same += xy - x * y / n;
    o->spread += xx - x * x / n;
}

double outlook_trust_senders(const struct outlook *o)
{
    return o->spread > 0 ? fmin(fmax(o->same / o->spread, 0), 1) : 0;
}

/* Gas of the last epoch's pairs, those never seen before or all, by a placement: all of it, what
 * was within a layer, and what would have been by chance with accounts' gas by layer as it was.
 * Pairs count whose two accounts it has. ends: room for a number a layer. */
static void weigh_within(const struct outlook *o, const layer_id *where, uint32_t known, bool fresh,
                         double *ends, double *all, double *within, double *chance)
{
    layer_id k = o->env->layer_count;
    *all = *within = *chance = 0;
    memset(ends, 0, k * sizeof *ends);
    for (size_t i = 0; i < o->pairs.len; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        if (p->a == p->b || p->now <= 0 || (fresh && p->epochs > 1) || p->b >= known ||
            where[p->a] >= k || where[p->b] >= k)
            continue;
        *all += p->now;
        *within += where[p->a] == where[p->b] ? p->now : 0;
        ends[where[p->a]] += p->now / 2;
        ends[where[p->b]] += p->now / 2;
    }
    for (layer_id l = 0; l<k && * all> 0; l++)
        *chance += ends[l] / *all * ends[l];
}

/* Puts the groups drawn an epoch ago, and homes as they were then, to this epoch's pairs. */
static enum err_code judge_groups(struct outlook *o)
{
    double *ends = mem_alloc(o->env->layer_count, sizeof *ends), all, within, chance;
    if (!ends)
        return ERR_MEMORY;
    weigh_within(o, o->groups, o->grouped, false, ends, &all, &within, &chance);
    o->group_came = o->group_came * FADE + within - chance;
    o->group_due = o->group_due * FADE + o->promised * all - chance;
    weigh_within(o, o->home, o->known, true, ends, &all, &within, &chance);
    o->settled = o->settled * FORGET + within - chance;
    o->new_gas = o->new_gas * FORGET + all - chance;
    mem_free(ends);
    return ERR_OK;
}

static enum err_code know(struct outlook *o)
{
    uint32_t count = o->env->accounts(o->env), room = o->known;
    if (count > room) {
        room = count + count / 4;
        double *now = mem_resize(o->now, room, sizeof *now);
        o->now = now ? now : o->now;
        double *mean = mem_resize(o->mean, room, sizeof *mean);
        o->mean = mean ? mean : o->mean;
        double *sent = mem_resize(o->sent, room, sizeof *sent);
        o->sent = sent ? sent : o->sent;
        double *alone = mem_resize(o->alone, room, sizeof *alone);
        o->alone = alone ? alone : o->alone;
        layer_id *home = mem_resize(o->home, room, sizeof *home);
        o->home = home ? home : o->home;
        if (!now || !mean || !sent || !alone || !home)
            return ERR_MEMORY;
        for (uint32_t a = o->known; a < room; a++) {
            sent[a] = 0;
            home[a] = LAYER_NONE;
        }
        o->known = room;
    }
    compare_senders(o);
    if (judge_groups(o))
        return ERR_MEMORY;
    for (uint32_t a = 0; a < o->known; a++) {
        o->now[a] = o->mean[a] = o->sent[a] = 0;
        o->home[a] = a < count ? o->env->home(o->env, a) : LAYER_ALL;
    }
    for (size_t i = 0; i < o->pairs.len; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        o->now[p->a] += p->now;
        o->mean[p->a] += p->mean / o->weight;
        o->sent[p->a] += p->by_a / o->weight;
        if (p->a == p->b)
            continue;
        o->sent[p->b] += p->by_b / o->weight;
        o->now[p->b] += p->now;
        o->mean[p->b] += p->mean / o->weight;
    }
    o->users = 0;
    for (uint32_t a = 0; a < o->known; a++)
        o->users += o->mean[a] > 0;
    return ERR_OK;
}

/* The groups of pairs as they are, on layers; sets o->promised. */
static enum err_code draw_groups(struct outlook *o)
{
    layer_id k = o->env->layer_count;
    double *capacity = mem_alloc(k, sizeof *capacity), all = 0, within = 0;
    layer_id *groups = mem_resize(o->groups, o->known, sizeof *groups), *found = NULL;
    o->groups = groups ? groups : o->groups;
    enum err_code e = capacity && groups ? search_builder_reset(&o->builder, o->known) : ERR_MEMORY;
    for (size_t i = 0; i < o->pairs.len && !e; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        e = search_builder_add(&o->builder, (account_id[]){p->a, p->b}, 2, p->mean, o->home);
    }
    if (!e && !(found = mem_alloc(o->builder.nodes.len, sizeof *found)))
        e = ERR_MEMORY;
    if (!e) {
        struct search_problem p = {
            .layers = k, .capacity = capacity, .crossing = o->rules.crossing, .apart = TOGETHER};
        for (layer_id l = 0; l < k; l++)
            capacity[l] = o->layers[l].capacity;
        for (uint32_t n = 0; n < o->builder.nodes.len; n++)
            found[n] = ((struct search_share *)vec_at(&o->builder.shares, n))->layer;
        search_builder_get(&o->builder, 0, 0, &p);
        e = search_run(&p, 1, found);
    }
    for (account_id a = 0; a < o->known && !e; a++) {
        uint32_t node = search_builder_node(&o->builder, a);
        groups[a] = node == ACCOUNT_NONE ? LAYER_NONE : found[node];
    }
    o->grouped = e ? 0 : o->known;
    for (size_t i = 0; i < o->pairs.len && !e; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        if (p->a == p->b || groups[p->a] == LAYER_NONE || groups[p->b] == LAYER_NONE)
            continue;
        all += p->mean;
        within += groups[p->a] == groups[p->b] ? p->mean : 0;
    }
    o->promised = all > 0 ? within / all : 0;
    mem_free(found);
    mem_free(capacity);
    return e;
}

bool outlook_fold(struct outlook *o, sim_time now)
{
    double txs = 0, gas = 0, age = 0, grown = 0;
    uint32_t heard = 0;
    for (layer_id l = 0; l < o->env->layer_count; l++) {
        if (!o->open[l].heard)
            continue;
        heard++;
        txs += o->open[l].txs;
        grown += o->open[l].growth;
        gas += o->open[l].gas;
        age += (double)(now - o->open[l].to) / (double)o->env->epoch;
    }
    if (!heard)
        return true;
    o->age = age / heard;
    /* Of all layers together: what waits goes along with accounts that move, so that the pool of
     * one alone also grows by what another one's loses. */
    o->asked = txs > 0 ? fmin(fmax((txs + grown) / txs, 1 / MOST_ASK), MOST_ASK) : 1;
    if (txs > 0)
        o->tx_gas = gas / txs;
    if (o->fresh.len)
        qsort(o->fresh.data, o->fresh.len, sizeof(struct fresh), by_pair);
    for (layer_id l = 0; l < o->env->layer_count; l++)
        close_layer(o, l);
    bool tested = o->grouped > 0;
    enum err_code e = merge(o, FAINT * (1 - o->memory) * o->tx_gas);
    o->weight = o->weight * o->memory + 1 - o->memory;
    o->fresh.len = 0;
    e = e ? e : thin(o);
    e = e ? e : know(o);
    e = e ? e : draw_groups(o);
    o->thin = !tested && txs < 2 * o->users;
    if (e)
        o->env->fail(o->env);
    return !e;
}

/* ---- what to expect ---- */

void outlook_expect(struct outlook *o, const double *gas)
{
    double few = FEW * o->tx_gas;
    for (size_t i = 0; i < o->pairs.len; i++) {
        struct outlook_pair *p = vec_at(&o->pairs, i);
        account_id heavy = o->mean[p->b] > o->mean[p->a] ? p->b : p->a;
        double use = gas && gas[heavy] >= 0 ? gas[heavy] : o->now[heavy];
        p->expect = p->mean / o->weight * (use + few) / (o->mean[heavy] + few);
    }
}

void outlook_stay(struct outlook *o)
{
    for (uint32_t n = 0; n < o->builder.nodes.len; n++)
        o->found[n] = ((struct search_share *)vec_at(&o->builder.shares, n))->layer;
}

/* *open: gas that recipients cost who are anywhere. */
static enum err_code build(struct outlook *o, double *open)
{
    enum err_code e = search_builder_reset(&o->builder, o->known);
    memset(o->alone, 0, o->known * sizeof *o->alone);
    for (size_t i = 0; i < o->pairs.len && !e; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        account_id who[] = {p->a, p->b};
        double sure = outlook_trust(o, p), rest = (1 - sure) * p->expect / p->mean;
        if (p->a == p->b) /* nobody else to meet again */
            sure = 1;
        else {
            o->alone[p->a] += rest * p->by_a;
            o->alone[p->b] += rest * p->by_b;
            *open += rest * (p->by_a + p->by_b);
        }
        e = search_builder_add(&o->builder, who, 2, sure * p->expect, o->home);
    }
    double sum = 0, trust = outlook_trust_senders(o);
    uint32_t senders = 0;
    for (account_id a = 0; a < o->known; a++) {
        sum += o->alone[a];
        senders += o->alone[a] > 0;
    }
    for (account_id a = 0; a < o->known && !e; a++) {
        if (o->alone[a] <= 0)
            continue;
        o->alone[a] = trust * o->alone[a] + (1 - trust) * sum / senders;
        if (o->alone[a] > 0)
            e = search_builder_add(&o->builder, &a, 1, o->alone[a], o->home);
    }
    if (e)
        return e;
    uint32_t nodes = (uint32_t)o->builder.nodes.len;
    layer_id *found = mem_resize(o->found, nodes, sizeof *found);
    if (!found)
        return ERR_MEMORY;
    o->found = found;
    outlook_stay(o);
    return ERR_OK;
}

/* For the gas that an account's pairs promise, what it is used for besides that is local where it
 * is and would not be elsewhere. */
static double unseen(const struct outlook *o)
{
    double sure = 0, rest = 0;
    for (size_t i = 0; i < o->pairs.len; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        double trust = outlook_trust(o, p);
        if (p->a == p->b)
            continue;
        sure += trust * p->expect;
        rest += (1 - trust) * p->expect;
    }
    return sure > 0 ? fmin(rest / sure, 1000) * outlook_settled(o) : 0;
}

bool outlook_search(struct outlook *o, const struct outlook_aims *aims)
{
    layer_id k = o->env->layer_count;
    double *capacity = mem_alloc(2 * (size_t)k, sizeof *capacity), open = 0;
    enum err_code e = capacity ? build(o, &open) : ERR_MEMORY;
    if (!e && !o->thin) {
        open *= o->rules.crossing * (k - 1) / k / k;
        for (layer_id l = 0; l < k; l++) {
            capacity[l] = o->layers[l].capacity;
            capacity[k + l] = open;
        }
        struct search_problem p = {.layers = k,
                                   .capacity = capacity,
                                   .base = capacity + k,
                                   .crossing = o->rules.crossing,
                                   .apart = aims->apart};
        search_builder_get(&o->builder, aims->moving, aims->stall + unseen(o), &p);
        e = search_run(&p, p.net_count > MANY ? 1 : aims->levels, o->found);
    }
    mem_free(capacity);
    if (e)
        o->env->fail(o->env);
    return !e;
}

static layer_id home_of(const struct outlook *o, bool found, account_id a)
{
    uint32_t node = found ? search_builder_node(&o->builder, a) : ACCOUNT_NONE;
    return node == ACCOUNT_NONE ? o->home[a] : o->found[node];
}

void outlook_gas(const struct outlook *o, bool found, double *gas)
{
    double all = 0, told = 0;
    memset(gas, 0, o->env->layer_count * sizeof *gas);
    for (size_t i = 0; i < o->pairs.len; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        layer_id a = home_of(o, found, p->a), b = home_of(o, found, p->b);
        double each = p->expect / p->mean; /* of what means tell of senders */
        all += p->expect;
        if (a != LAYER_ALL)
            gas[a] += each * p->by_a;
        if (b != LAYER_ALL)
            gas[b] += each * p->by_b;
    }
    for (layer_id l = 0; l < o->env->layer_count; l++)
        told += gas[l];
    for (layer_id l = 0; l < o->env->layer_count && told > 0; l++)
        gas[l] *= all / told;
}

void outlook_rate(const struct outlook *o, bool found, double *work, double *fullest, double *apart)
{
    layer_id k = o->env->layer_count;
    double *of = work ? work : mem_alloc(k, sizeof *of), all = 0;
    double elsewhere = (1 - outlook_settled(o)) * (k - 1) / k; /* of what nobody can tell */
    *fullest = *apart = 0;
    if (!of) {
        o->env->fail(o->env);
        return;
    }
    memset(of, 0, k * sizeof *of);
    for (size_t i = 0; i < o->pairs.len; i++) {
        const struct outlook_pair *p = vec_at(&o->pairs, i);
        layer_id a = home_of(o, found, p->a), b = home_of(o, found, p->b);
        bool cross = a != b && a != LAYER_ALL && b != LAYER_ALL;
        double part = p->expect * (cross ? o->rules.crossing : 1);
        double sure = p->a == p->b || a == LAYER_ALL || b == LAYER_ALL ? 1 : outlook_trust(o, p);
        all += p->expect;
        *apart += p->expect * (sure * cross + (1 - sure) * elsewhere);
        if (a != LAYER_ALL)
            of[a] += part;
        if (b != LAYER_ALL && (cross || a == LAYER_ALL))
            of[b] += part;
    }
    for (layer_id l = 0; l < k; l++)
        *fullest = fmax(*fullest, of[l] / o->layers[l].capacity);
    *apart = all > 0 ? *apart / all : 0;
    if (!work)
        mem_free(of);
}
