#include "models/routing/loads.h"

#include "sim/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err_code route_loads_init(struct route_loads *l, const struct route_env *env, double memory,
                               struct err *err)
{
    size_t k = env->layer_count;
    *l = (struct route_loads){.env = env,
                              .memory = memory,
                              .rate = mem_zalloc(k, sizeof *l->rate),
                              .waiting = mem_zalloc(k, sizeof *l->waiting),
                              .demand = mem_zalloc(k, sizeof *l->demand),
                              .gas = mem_zalloc(k, sizeof *l->gas),
                              .covered = mem_zalloc(k, sizeof *l->covered),
                              .first = mem_zalloc(k + 1, sizeof *l->first)};
    if (l->rate && l->waiting && l->demand && l->gas && l->covered && l->first)
        return ERR_OK;
    route_loads_fini(l);
    return err_set(err, ERR_MEMORY, "out of memory for the loads of %zu layers", k);
}

void route_loads_fini(struct route_loads *l)
{
    mem_free(l->rate);
    mem_free(l->waiting);
    mem_free(l->demand);
    mem_free(l->gas);
    mem_free(l->covered);
    mem_free(l->account);
    mem_free(l->fresh);
    mem_free(l->first);
    mem_free(l->hot);
    mem_free(l->moved);
    *l = (struct route_loads){0};
}

/* ---- what reports tell ---- */

/* Makes room for all accounts known; accounts only grow. */
static bool grow(struct route_loads *l)
{
    uint32_t count = l->env->accounts(l->env);
    if (count <= l->accounts)
        return true;
    size_t room = (size_t)count + count / 4;
    double *account = mem_resize(l->account, room, sizeof *account);
    if (account)
        l->account = account;
    double *fresh = mem_resize(l->fresh, room, sizeof *fresh);
    if (fresh)
        l->fresh = fresh;
    struct route_hot *hot = mem_resize(l->hot, room, sizeof *hot);
    if (hot)
        l->hot = hot;
    bool *moved = mem_resize(l->moved, room, sizeof *moved);
    if (moved)
        l->moved = moved;
    if (!account || !fresh || !hot || !moved) {
        l->env->fail(l->env);
        return false;
    }
    for (size_t i = l->accounts; i < room; i++)
        account[i] = fresh[i] = 0;
    l->accounts = (uint32_t)room;
    return true;
}

/* What of an edge's gas a and b caused. */
static void shares(const struct route_edge *e, bool senders, double *a, double *b)
{
    double gas = (double)e->gas, weight = (double)e->weight;
    *a = *b = 0;
    if (e->a == e->b)
        *a = gas;
    else if (!senders)
        *a = *b = gas / 2;
    else if (weight > 0) {
        *a = gas * (double)e->sent_a / weight;
        *b = gas * (double)e->sent_b / weight;
    }
}

struct route_split route_split_of(const struct route_report *r)
{
    struct route_split split = {.senders = false, .scale = 1};
    double all = 0, a, b;
    for (uint32_t i = 0; i < r->edge_count && !split.senders; i++)
        split.senders = r->edges[i].sent_a || r->edges[i].sent_b;
    for (uint32_t i = 0; i < r->edge_count; i++) {
        shares(&r->edges[i], split.senders, &a, &b);
        all += a + b;
    }
    if (all > (double)r->gas_used)
        split.scale = (double)r->gas_used / all;
    return split;
}

void route_split_edge(const struct route_split *split, const struct route_edge *e, double *a,
                      double *b)
{
    shares(e, split->senders, a, b);
    *a *= split->scale;
    *b *= split->scale;
}

void route_loads_observe(struct route_loads *l, const struct route_report *r)
{
    if (!grow(l) || r->layer >= l->env->layer_count)
        return;
    l->gas[r->layer] += (double)r->gas_used;
    l->covered[r->layer] += r->to - r->from;
    if (r->txs)
        l->waiting[r->layer] = (double)r->pending * (double)r->gas_used / r->txs;
    else if (!r->pending)
        l->waiting[r->layer] = 0;
    struct route_split split = route_split_of(r);
    for (uint32_t i = 0; i < r->edge_count; i++) {
        double a, b;
        route_split_edge(&split, &r->edges[i], &a, &b);
        l->fresh[r->edges[i].a] += a;
        l->fresh[r->edges[i].b] += b;
    }
}

static int by_load(const void *x, const void *y)
{
    const struct route_hot *a = x, *b = y;
    if (a->load > b->load || a->load < b->load)
        return a->load > b->load ? -1 : 1;
    return (a->account > b->account) - (a->account < b->account);
}

/* Accounts with load, by home, the hottest first. */
static void sort_hot(struct route_loads *l)
{
    const struct route_env *env = l->env;
    layer_id k = env->layer_count, home;
    uint32_t known = env->accounts(env);
    memset(l->first, 0, ((size_t)k + 1) * sizeof *l->first);
    for (account_id i = 0; i < known; i++)
        if (l->account[i] > 0 && (home = env->home(env, i)) < k)
            l->first[home + 1]++;
    for (layer_id h = 0; h < k; h++)
        l->first[h + 1] += l->first[h];
    for (account_id i = 0; i < known; i++)
        if (l->account[i] > 0 && (home = env->home(env, i)) < k)
            l->hot[l->first[home]++] = (struct route_hot){i, l->account[i]};
    for (layer_id h = k; h > 0; h--)
        l->first[h] = l->first[h - 1];
    l->first[0] = 0;
    for (layer_id h = 0; h < k; h++)
        if (l->first[h + 1] > l->first[h])
            qsort(l->hot + l->first[h], l->first[h + 1] - l->first[h], sizeof *l->hot, by_load);
    if (l->first[k])
        memset(l->moved, 0, l->first[k] * sizeof *l->moved);
}

bool route_loads_fold(struct route_loads *l)
{
    layer_id k = l->env->layer_count, heard = 0;
    double seconds = 0, epoch = (double)l->env->epoch / (double)SIM_SEC;
    if (!grow(l))
        return false;
    for (layer_id h = 0; h < k; h++) {
        if (l->covered[h] > 0) {
            double s = (double)l->covered[h] / (double)SIM_SEC, now = l->gas[h] / s;
            bool first = !(l->rate[h] > 0);
            l->rate[h] = first ? now : l->memory * l->rate[h] + (1 - l->memory) * now;
            seconds += s;
            heard++;
        }
        l->gas[h] = 0;
        l->covered[h] = 0;
        l->demand[h] = l->rate[h] + (epoch > 0 ? l->waiting[h] / epoch : 0);
    }
    if (heard)
        for (uint32_t i = 0; i < l->accounts; i++) {
            double now = l->fresh[i] / (seconds / heard);
            bool first = !(l->account[i] > 0);
            l->account[i] = first ? now : l->memory * l->account[i] + (1 - l->memory) * now;
            l->fresh[i] = 0;
        }
    sort_hot(l);
    return true;
}

/* ---- evening out ---- */

double route_loads_relative(const struct route_loads *l, const double *capacity, layer_id layer)
{
    double load = 0, all = 0;
    for (layer_id h = 0; h < l->env->layer_count; h++) {
        load += l->demand[h];
        all += capacity[h];
    }
    return load > 0 ? l->demand[layer] / capacity[layer] / (load / all) : 0;
}

struct route_move route_loads_move(struct route_loads *l, uint32_t i, layer_id from, layer_id to)
{
    double load = l->hot[i].load;
    l->moved[i] = true;
    l->demand[from] -= load;
    l->demand[to] += load;
    /* Reports of the next epoch tell of it; until then the old ones would send it again. */
    l->rate[from] = l->rate[from] > load ? l->rate[from] - load : 0;
    l->rate[to] += load;
    l->moves++;
    return (struct route_move){l->hot[i].account, to};
}

static layer_id extreme(const struct route_loads *l, const double *capacity, bool most,
                        const bool *stuck)
{
    layer_id best = LAYER_NONE;
    for (layer_id h = 0; h < l->env->layer_count; h++) {
        if (stuck && stuck[h])
            continue;
        double x = l->demand[h] / capacity[h];
        double y = best == LAYER_NONE ? 0 : l->demand[best] / capacity[best];
        if (best == LAYER_NONE || (most ? x > y : x < y))
            best = h;
    }
    return best;
}

/* Of layer `from`: the heaviest account of at most `wanted`, else the lightest one that leaves
 * `to` below where `from` is now; UINT32_MAX: neither. */
static uint32_t pick(const struct route_loads *l, const double *capacity, layer_id from,
                     layer_id to, double wanted)
{
    uint32_t low = l->first[from], end = l->first[from + 1], high = end;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (l->hot[mid].load > wanted)
            low = mid + 1;
        else
            high = mid;
    }
    uint32_t heavier = low;
    for (; low < end; low++)
        if (!l->moved[low])
            return low;
    while (heavier-- > l->first[from])
        if (!l->moved[heavier])
            return (l->demand[to] + l->hot[heavier].load) / capacity[to] <
                           l->demand[from] / capacity[from]
                       ? heavier
                       : UINT32_MAX;
    return UINT32_MAX;
}

void route_loads_begin(struct route_loads *l, const double *capacity)
{
    l->moves = 0;
    l->worst = extreme(l, capacity, true, NULL);
    l->before = route_loads_relative(l, capacity, l->worst);
}

void route_loads_end(struct route_loads *l, const double *capacity)
{
    l->after = route_loads_relative(l, capacity, extreme(l, capacity, true, NULL));
}

uint32_t route_loads_even(struct route_loads *l, const double *capacity, double tolerance,
                          struct route_move *out, uint32_t room)
{
    uint32_t count = 0;
    bool *stuck = mem_zalloc(l->env->layer_count, sizeof *stuck);
    if (!stuck) {
        l->env->fail(l->env);
        return 0;
    }
    route_loads_begin(l, capacity);
    while (count < room) {
        layer_id from = extreme(l, capacity, true, stuck), to = extreme(l, capacity, false, NULL);
        if (from == LAYER_NONE || from == to ||
            route_loads_relative(l, capacity, from) <= 1 + tolerance)
            break;
        double wanted = (l->demand[from] * capacity[to] - l->demand[to] * capacity[from]) /
                        (capacity[from] + capacity[to]);
        uint32_t i = pick(l, capacity, from, to, wanted);
        if (i == UINT32_MAX)
            stuck[from] = true;
        else
            out[count++] = route_loads_move(l, i, from, to);
    }
    route_loads_end(l, capacity);
    mem_free(stuck);
    return count;
}

void route_loads_reason(const struct route_loads *l, char *out, size_t size)
{
    if (l->moves)
        snprintf(out, size,
                 "moved %u accounts: layer %u had %.2f of the mean load for its capacity, the most "
                 "loaded now has %.2f",
                 l->moves, l->worst, l->before, l->after);
    else
        snprintf(out, size,
                 "moved none: no layer has more than %.2f of the mean load, or no move "
                 "helps",
                 l->before);
}
