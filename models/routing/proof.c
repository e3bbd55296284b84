/* What plans of graph policies promised, and what came true (graphed.h): a holdout by time. */
#include "models/routing/graphed.h"
#include "sim/base/mem.h"

#include <math.h>

#define FADE   0.5 /* what an epoch leaves of the evidence */
#define THIN   2.0 /* transactions of pairs an account and epoch, from which on plans are trusted */
#define EPOCHS 20.0 /* over which a plan has to pay ... */
#define SAVING 0.25 /* ... by as many transactions brought together for each account it moves */

#define FEW 30.0 /* transactions, below which nothing is proved */
#define LOSE                                                                                       \
    0.25 /* of what crosses by chance: a placement better by that has something to lose            \
          */

void route_proof_fini(struct route_proof *p)
{
    mem_free(p->plan);
    mem_free(p->was);
    *p = (struct route_proof){0};
}

static layer_id at(const struct route_proof *p, const layer_id *where, const struct route_graph *g,
                   account_id a)
{
    if (a < p->known && where[a] != LAYER_NONE)
        return where[a];
    return g->home[g->vertex[a]];
}

static bool told_of(const struct route_proof *p, account_id a)
{
    return a < p->known && p->plan[a] != LAYER_NONE;
}

/* Adds what the plan made better or worse of x to its accounts that it moved, half to each of two:
 * what hangs on one account comes or fails together. */
static void share_out(const struct route_proof *p, const struct route_graph *g,
                      const struct route_pair *x, double gain, double *net)
{
    bool a = told_of(p, x->a) && p->plan[x->a] != p->was[x->a];
    bool b = told_of(p, x->b) && p->plan[x->b] != p->was[x->b];
    if (a)
        net[g->vertex[x->a]] += b ? gain / 2 : gain;
    if (b)
        net[g->vertex[x->b]] += a ? gain / 2 : gain;
}

static void judge(struct route_proof *p, const struct route_graph *g, double *net)
{
    const struct route_pair *pairs = g->pairs.data;
    double all = 0, planned = 0, stayed = 0, better = 0, worse = 0, spread = 0;
    for (size_t i = 0; i < g->pairs.len; i++) {
        const struct route_pair *x = &pairs[i];
        if (x->a == x->b || g->vertex[x->a] == UINT32_MAX || g->vertex[x->b] == UINT32_MAX)
            continue;
        bool apart = at(p, p->plan, g, x->a) != at(p, p->plan, g, x->b);
        bool was = at(p, p->was, g, x->a) != at(p, p->was, g, x->b);
        bool known = told_of(p, x->a) && told_of(p, x->b);
        all += x->fresh;
        planned += apart ? x->fresh : 0;
        stayed += was ? x->fresh : 0;
        better += known && was && !apart ? x->fresh : 0;
        worse += known && apart && !was ? x->fresh : 0;
        if (apart != was)
            share_out(p, g, x, was ? x->fresh : -x->fresh, net);
    }
    for (uint32_t v = 0; v < g->count; v++)
        spread += net[v] * net[v];
    p->chance = 1 - 1.0 / g->env->layer_count;
    p->fresh = all;
    p->thin = all < THIN * g->count;
    p->judged = p->known > 0 && all > 0;
    if (!p->judged)
        return;
    p->came = planned / all;
    p->stayed = stayed / all;
    p->better = p->better * FADE + better;
    p->worse = p->worse * FADE + worse;
    p->gain = p->gain * FADE + stayed - planned;
    p->spread = p->spread * FADE * FADE + spread;
    p->weight = p->weight * FADE + 1;
}

void route_proof_judge(struct route_proof *p, const struct route_graph *g)
{
    double *net = mem_zalloc(g->count, sizeof *net);
    if (net)
        judge(p, g, net);
    else
        g->env->fail(g->env);
    mem_free(net);
}

bool route_proof_holds(struct route_proof *p, double before, double promise, uint32_t moves)
{
    double gain = p->better - p->worse, told = p->better + p->worse;
    bool lose = before < p->chance * (1 - LOSE);
    p->held = NULL;
    if (!p->thin)
        return true;
    if (gain > sqrt(told)) {
        if (fmin(gain / p->weight, promise * p->fresh) * EPOCHS < SAVING * moves)
            p->held = "it does not pay";
        else if (p->gain < -2 * sqrt(p->spread))
            p->held = "plans did harm";
    } else if (told < FEW && lose)
        p->held = "too little is known to trust it untested";
    else if (told >= FEW && (lose || gain <= 0))
        p->held = "plans did not come true";
    return !p->held;
}

void route_proof_keep(struct route_proof *p, const struct route_graph *g, const layer_id *target,
                      double promised)
{
    uint32_t accounts = g->env->accounts(g->env);
    layer_id *plan = mem_resize(p->plan, accounts, sizeof *plan);
    p->plan = plan ? plan : p->plan;
    layer_id *was = mem_resize(p->was, accounts, sizeof *was);
    p->was = was ? was : p->was;
    if (!plan || !was) {
        g->env->fail(g->env);
        return;
    }
    for (account_id a = 0; a < accounts; a++)
        p->plan[a] = p->was[a] = LAYER_NONE;
    for (uint32_t v = 0; v < g->count; v++) {
        p->plan[g->account[v]] = target[v];
        p->was[g->account[v]] = g->home[v];
    }
    p->known = accounts;
    p->promised = promised;
}
