/* learned: learns in the run which way to place accounts pays, and what layers will have to do.
 *
 * Each epoch four plans are drawn up: balance the loads that are forecast (as predictive does),
 * balance the present ones, keep together what is used together, stay. A LinUCB bandit (linucb.h)
 * picks one by what is known of each: how full the fullest layer and how much crosses by the
 * forecast, what its moves cost, the latency to expect; and of the epoch before, how much of what
 * was asked for was not committed, and how much crossed. What came of a plan is told by the reports
 * of windows that began after it: the reward is the transactions committed for those asked for (by
 * what pools grew), times the root of the least latency seen lately over theirs. Until rewards are
 * in, it goes by a belief in which fuller, more crossings, more moves are worse, one observation's
 * worth.
 *
 * Two models of recursive least squares (rls.h), fed by every layer alike, predict a layer's gas
 * and its latency in the coming epoch from what is planned for it and from its last report: load
 * and its trend, what waits, conflicts, latency, share of crossings.
 *
 * The reward is of the next epoch alone: what a move is worth later is left to the plans, which
 * count on some epochs. The first state goes by hash. */
#include "models/routing/linucb.h"
#include "models/routing/moves.h"
#include "models/routing/outlook.h"
#include "models/routing/rls.h"
#include "models/routing/series.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROUTER_LEARNED_FIELDS(F, S)                                                                \
    F(S, REAL, explore, "0.03", "0", "10", "How much of what is not known yet counts: alpha.")     \
    F(S, FRACTION, forget, "2%", "0%", "50%",                                                      \
      "Weight that samples of loads and latencies lose by each new one.")                          \
    F(S, COUNT, accounts, "256", "1", "100k", "Hottest accounts that are forecast.")               \
    F(S, FRACTION, memory, "80%", "0%", "99%",                                                     \
      "What an epoch leaves of the weight of who is used together.")                               \
    F(S, COUNT, pairs, "200k", "100", "10M", "Pairs of accounts that are remembered.")             \
    F(S, REAL, apart, "3", "0", "1000",                                                            \
      "What it counts if all gas crosses; a layer at its capacity, alone, counts its share.")      \
    F(S, REAL, together, "20", "0", "1000", "Likewise where accounts are kept together.")          \
    F(S, COUNT, horizon, "128", "1", "1k", "Epochs over which a move has to pay.")                 \
    F(S, FRACTION, stall, "0%", "0%", "100%",                                                      \
      "Of an epoch, how long an account that moves is locked.")                                    \
    F(S, STRUCT(cost_rules), cost, "", NULL, NULL, "What it minimises.")
FIELD_DECLARE(router_learned_cfg, ROUTER_LEARNED_FIELDS);
FIELD_DEFINE(router_learned_cfg, ROUTER_LEARNED_FIELDS, "Settings of learned.", NULL);

enum plan_kind { PLAN_FORECAST, PLAN_PRESENT, PLAN_TOGETHER, PLAN_STAY, PLANS };
static const char *const plan_names[] = {
    "evened out the loads to come",
    "evened out present loads",
    "put together what is used together",
    "left all where it is",
};

/* Of a plan: 1; fullest layer; share that crosses; cost of moves; latency to expect. Of the epoch
 * before: share that was not served, share that crossed. */
enum { CONTEXT = 7 };
static const double belief[CONTEXT] = {1, -0.4, -0.4, -0.4, 0, -0.5, 0};

/* Of a layer: 1; planned gas; planned work; gas, its change; what waits; conflicts; latency; share
 * of crossings. Gas for capacity, time in epochs. */
enum { FEATURES = 9, PLANNED = 1 };

struct decision {
    bool open;
    sim_time at;
    uint32_t plan;
    double x[CONTEXT];
    double txs, latency, grown; /* of reports of windows after it; latency: summed */
};
enum { OPEN = 4 };

struct learned {
    const struct router_learned_cfg *cfg;
    const struct route_env *env;
    struct outlook outlook;
    struct series_set series;
    struct linucb bandit;
    struct rls load, latency;
    double *expected; /* by account */
    uint32_t accounts;
    layer_id *plans;           /* by plan, by node: homes */
    double *features, *before; /* by layer; of the last epoch's plan */
    double *gas;               /* by layer: what was predicted last */
    double *scratch;           /* by layer: gas, work */
    double *last;              /* by layer: gas an epoch ago */
    struct decision decisions[OPEN];
    uint32_t decided;
    bool predicted;
    double least;    /* latency seen lately, seconds; 0: none yet */
    double *pending; /* by layer: at its last report */
    /* For reason(). */
    uint32_t plan, moves;
    double worth, stay, full, apart;
};

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct learned *s = state;
    const struct router_learned_cfg *c = cfg;
    const struct holt_winters_rules rules = {0.5, 0.3, 0.2, 0.9};
    size_t k = env->layer_count;
    s->cfg = c;
    s->env = env;
    s->features = mem_zalloc(k * FEATURES, sizeof *s->features);
    s->before = mem_zalloc(k * FEATURES, sizeof *s->before);
    s->gas = mem_zalloc(k, sizeof *s->gas);
    s->scratch = mem_zalloc(2 * k, sizeof *s->scratch);
    s->last = mem_zalloc(k, sizeof *s->last);
    s->pending = mem_zalloc(k, sizeof *s->pending);
    if (!s->features || !s->before || !s->gas || !s->scratch || !s->last || !s->pending ||
        outlook_init(&s->outlook, env, &c->cost, c->memory, (uint32_t)c->pairs) ||
        series_init(&s->series, &rules, (uint32_t)c->accounts, 0) ||
        linucb_init(&s->bandit, PLANS, CONTEXT, c->explore, belief) ||
        rls_init(&s->load, FEATURES, 1 - c->forget, 1) ||
        rls_init(&s->latency, FEATURES, 1 - c->forget, 1))
        return err_set(err, ERR_MEMORY, "routing: learned: out of memory");
    s->load.weights[PLANNED] = 1;
    return ERR_OK;
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    const struct learned *s = state;
    (void)account;
    (void)contract;
    return route_by_hash(addr, s->env->layer_count);
}

static void observe(void *state, const struct route_report *r)
{
    struct learned *s = state;
    double grown = r->pending - s->pending[r->layer];
    s->pending[r->layer] = r->pending;
    for (int i = 0; i < OPEN; i++) {
        struct decision *d = &s->decisions[i];
        if (!d->open || r->from < d->at || r->from >= d->at + s->env->epoch)
            continue;
        d->txs += r->txs;
        d->latency += r->latency_s * r->txs;
        d->grown += grown;
    }
    outlook_observe(&s->outlook, r);
}

/* ---- what came of it ---- */

#define FADE 1.02 /* an epoch: the least latency is not for ever */

/* Committed for what was asked for; more than 1 where more is worked off than comes. */
static double served(double txs, double grown)
{
    return txs > 0 ? txs / fmax(txs + grown, txs / 1.5) : 0;
}

static void learn_plans(struct learned *s, sim_time now)
{
    for (uint32_t i = s->decided > OPEN ? s->decided - OPEN : 0; i < s->decided; i++) {
        struct decision *d = &s->decisions[i % OPEN];
        if (!d->open || now < d->at + s->env->epoch)
            continue;
        if (d->txs <= 0 && now < d->at + (OPEN - 1) * s->env->epoch)
            continue; /* reports may still come */
        d->open = false;
        if (d->txs <= 0)
            continue;
        double seconds = fmax(d->latency / d->txs, 1e-3);
        s->least = s->least > 0 ? fmin(s->least * FADE, seconds) : seconds;
        linucb_learn(&s->bandit, d->plan, d->x,
                     served(d->txs, d->grown) * sqrt(s->least / seconds));
    }
}

static void learn_layers(struct learned *s)
{
    double epoch = (double)s->env->epoch / (double)SIM_SEC;
    for (layer_id l = 0; l < s->env->layer_count; l++) {
        const struct outlook_layer *is = &s->outlook.layers[l];
        const double *x = s->before + (size_t)l * FEATURES;
        if (!is->heard || !s->predicted)
            continue;
        rls_learn(&s->load, x, is->gas / is->capacity);
        if (is->txs > 0)
            rls_learn(&s->latency, x, is->latency / epoch);
    }
}

/* ---- what to expect ---- */

static enum err_code forecast(struct learned *s)
{
    struct outlook *o = &s->outlook;
    enum err_code e = series_add(&s->series, o->now, o->mean, o->known);
    if (e)
        return e;
    if (o->known > s->accounts) {
        double *grown = mem_resize(s->expected, o->known, sizeof *grown);
        if (!grown)
            return ERR_MEMORY;
        s->expected = grown;
        s->accounts = o->known;
    }
    series_forecasts(&s->series, 1 + o->age, o->known, s->expected);
    return ERR_OK;
}

/* Fills s->features for o->found, and s->scratch with its gas and work. */
static void describe(struct learned *s, double *full, double *apart)
{
    const struct outlook *o = &s->outlook;
    layer_id k = s->env->layer_count;
    double epoch = (double)s->env->epoch / (double)SIM_SEC;
    double *gas = s->scratch, *work = s->scratch + k;
    outlook_gas(o, true, gas);
    outlook_rate(o, true, work, full, apart);
    for (layer_id l = 0; l < k; l++) {
        const struct outlook_layer *is = &o->layers[l];
        double *x = s->features + (size_t)l * FEATURES;
        x[0] = 1;
        x[PLANNED] = gas[l] / is->capacity;
        x[2] = work[l] / is->capacity;
        x[3] = is->gas / is->capacity;
        x[4] = (is->gas - s->last[l]) / is->capacity;
        x[5] = fmin(is->pending * o->tx_gas / is->capacity, 4);
        x[6] = fmin(is->conflicts, 4);
        x[7] = fmin(is->latency / epoch, 4);
        x[8] = is->txs > 0 ? is->crossings / is->txs : 0;
    }
}

/* Latency to expect of what s->features describes, in epochs: layers by their gas. */
static double latency(const struct learned *s)
{
    double sum = 0, all = 0;
    for (layer_id l = 0; l < s->env->layer_count; l++) {
        double gas = s->scratch[l];
        sum += gas * rls_predict(&s->latency, s->features + (size_t)l * FEATURES);
        all += gas;
    }
    return all > 0 ? fmin(fmax(sum / all, 0), 4) : 0;
}

static uint32_t count_moves(const struct outlook *o)
{
    uint32_t moves = 0;
    for (uint32_t n = 0; n < o->builder.nodes.len; n++)
        moves += o->found[n] != ((struct search_share *)vec_at(&o->builder.shares, n))->layer;
    return moves;
}

static void weigh(struct learned *s, double *x)
{
    const struct outlook *o = &s->outlook;
    double capacity = 0, grown = 0, txs = 0, crossed = 0;
    for (layer_id l = 0; l < s->env->layer_count; l++) {
        capacity += o->layers[l].capacity;
        grown += o->layers[l].growth;
        txs += o->layers[l].txs;
        crossed += o->layers[l].crossings;
    }
    x[0] = 1;
    describe(s, &x[1], &x[2]);
    x[1] = fmin(x[1], 3);
    x[3] = fmin(count_moves(o) * (double)s->cfg->cost.moving / capacity, 1);
    x[4] = latency(s);
    x[5] = 1 - fmin(served(txs, grown), 1);
    x[6] = txs > 0 ? crossed / txs : 0;
}

/* ---- plans ---- */

static bool draw_up(struct learned *s, double *contexts)
{
    struct outlook *o = &s->outlook;
    struct outlook_aims aims = {.apart = s->cfg->apart,
                                .moving = (double)s->cfg->cost.moving / (double)s->cfg->horizon,
                                .stall = s->cfg->stall / (double)s->cfg->horizon,
                                .levels = 2};
    size_t nodes = 0;
    for (uint32_t plan = 0; plan < PLANS; plan++) {
        outlook_expect(o, plan == PLAN_PRESENT ? NULL : s->expected);
        aims.apart = plan == PLAN_TOGETHER ? s->cfg->together : s->cfg->apart;
        if (plan == PLAN_STAY)
            outlook_stay(o);
        else if (!outlook_search(o, &aims))
            return false;
        if (!plan) {
            nodes = o->builder.nodes.len;
            layer_id *grown = mem_resize(s->plans, PLANS * nodes, sizeof *grown);
            if (!grown) {
                s->env->fail(s->env);
                return false;
            }
            s->plans = grown;
        }
        outlook_expect(o, s->expected); /* all are measured by the same */
        weigh(s, contexts + (size_t)plan * CONTEXT);
        memcpy(s->plans + plan * nodes, o->found, nodes * sizeof *s->plans);
    }
    return true;
}

static void decide(struct learned *s, sim_time now, const double *contexts)
{
    struct outlook *o = &s->outlook;
    size_t nodes = o->builder.nodes.len;
    s->plan = linucb_choose(&s->bandit, contexts);
    const double *x = contexts + (size_t)s->plan * CONTEXT;
    struct decision *d = &s->decisions[s->decided++ % OPEN];
    *d = (struct decision){.open = true, .at = now, .plan = s->plan};
    memcpy(d->x, x, sizeof d->x);
    s->worth = linucb_expect(&s->bandit, s->plan, x);
    s->stay = linucb_expect(&s->bandit, PLAN_STAY, contexts + PLAN_STAY * CONTEXT);
    memcpy(o->found, s->plans + s->plan * nodes, nodes * sizeof *o->found);
    describe(s, &s->full, &s->apart);
    for (layer_id l = 0; l < s->env->layer_count; l++) {
        const double *f = s->features + (size_t)l * FEATURES;
        s->gas[l] = fmax(rls_predict(&s->load, f), 0) * o->layers[l].capacity;
        s->last[l] = o->layers[l].gas;
    }
    memcpy(s->before, s->features, s->env->layer_count * FEATURES * sizeof *s->before);
    s->predicted = true;
}

static uint32_t epoch(void *state, sim_time now, struct route_move *out, uint32_t room)
{
    struct learned *s = state;
    struct outlook *o = &s->outlook;
    double contexts[PLANS * CONTEXT];
    s->moves = 0;
    learn_plans(s, now);
    if (!outlook_fold(o, now) || !o->pairs.len)
        return 0;
    learn_layers(s);
    if (forecast(s)) {
        s->env->fail(s->env);
        return 0;
    }
    if (!draw_up(s, contexts))
        return 0;
    decide(s, now, contexts);
    s->moves = moves_pick(&o->builder, o->found, out, room);
    return s->moves;
}

static bool predicted(const void *state, double *gas_by_layer)
{
    const struct learned *s = state;
    memcpy(gas_by_layer, s->gas, s->env->layer_count * sizeof *gas_by_layer);
    return s->predicted;
}

static void reason(const void *state, char *out, size_t size)
{
    const struct learned *s = state;
    if (!s->decided) {
        snprintf(out, size, "no reports yet");
        return;
    }
    int at =
        s->moves
            ? snprintf(out, size, "%s, %u accounts move: expected to be worth %.2f, staying %.2f",
                       plan_names[s->plan], s->moves, s->worth, s->stay)
        : s->plan == PLAN_STAY
            ? snprintf(out, size, "%s: expected to be worth %.2f", plan_names[s->plan], s->stay)
            : snprintf(out, size, "nothing to move, had it %s: expected to be worth %.2f",
                       plan_names[s->plan], s->worth);
    if (at >= 0 && (size_t)at < size)
        snprintf(out + at, size - (size_t)at,
                 "; the fullest layer is to use %.0f %% of its capacity, %.0f %% of gas to cross",
                 100 * s->full, 100 * s->apart);
}

static void fini(void *state)
{
    struct learned *s = state;
    outlook_fini(&s->outlook);
    series_fini(&s->series);
    linucb_fini(&s->bandit);
    rls_fini(&s->load);
    rls_fini(&s->latency);
    mem_free(s->expected);
    mem_free(s->plans);
    mem_free(s->features);
    mem_free(s->before);
    mem_free(s->gas);
    mem_free(s->scratch);
    mem_free(s->last);
    mem_free(s->pending);
}

const struct router_ops router_learned = {
    .model = {"learned",
              "Learns in the run which way of placing pays: a bandit over plans, and regression.",
              &router_learned_cfg_table},
    .state_size = sizeof(struct learned),
    .init = init,
    .place = place,
    .observe = observe,
    .epoch = epoch,
    .predicted = predicted,
    .reason = reason,
    .fini = fini,
};
