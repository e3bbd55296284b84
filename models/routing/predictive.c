/* predictive: moves load before it arrives.
 *
 * Each epoch: of the hottest accounts, forecasts (series.h: Holt-Winters beside the last value, the
 * better of them an account) of what they will use by the end of the epoch that begins, over the
 * time for which reports are late; of all pairs of accounts used together, what follows from that
 * (outlook.h); then the placement search (search.h) from where accounts are, so that the expected
 * loads are even, accounts used together stay together, and a move pays within some epochs. The
 * first state goes by hash. Moves are those of the whole plan, heaviest first.
 *
 * Left out: how sure a forecast is (a plan trusts them all alike), and moves planned over several
 * epochs ahead. */
#include "models/routing/moves.h"
#include "models/routing/outlook.h"
#include "models/routing/series.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROUTER_PREDICTIVE_FIELDS(F, S)                                                             \
    F(S, COUNT, accounts, "256", "1", "100k", "Hottest accounts that are forecast.")               \
    F(S, REAL, level, "0.5", "0.01", "1", "Weight of the last epoch in a load's level: alpha.")    \
    F(S, REAL, trend, "0.3", "0", "1", "Weight of the last change in its trend: beta*.")           \
    F(S, REAL, seasonal, "0.2", "0", "1", "Weight of the last epoch in its season: gamma.")        \
    F(S, REAL, damping, "0.9", "0.1", "1", "What an epoch leaves of a trend: phi.")                \
    F(S, COUNT, season, "0", "0", "48",                                                            \
      "Epochs after which loads repeat; 0: found where there is one; 1: none.")                    \
    F(S, FRACTION, memory, "80%", "0%", "99%",                                                     \
      "What an epoch leaves of the weight of who is used together.")                               \
    F(S, COUNT, pairs, "200k", "100", "10M", "Pairs of accounts that are remembered.")             \
    F(S, REAL, apart, "3", "0", "1000",                                                            \
      "What it counts if all gas crosses; a layer at its capacity, alone, counts its share.")      \
    F(S, COUNT, horizon, "128", "1", "1k", "Epochs over which a move has to pay.")                 \
    F(S, FRACTION, stall, "0%", "0%", "100%",                                                      \
      "Of an epoch, how long an account that moves is locked.")                                    \
    F(S, STRUCT(cost_rules), cost, "", NULL, NULL, "What it minimises.")
FIELD_DECLARE(router_predictive_cfg, ROUTER_PREDICTIVE_FIELDS);
FIELD_DEFINE(router_predictive_cfg, ROUTER_PREDICTIVE_FIELDS, "Settings of predictive.", NULL);

struct predictive {
    const struct router_predictive_cfg *cfg;
    const struct route_env *env;
    struct outlook outlook;
    struct series_set series;
    double *expected;  /* by account: gas, or -1 */
    uint32_t accounts; /* in it */
    double *gas;       /* by layer: what was predicted last */
    bool predicted;
    /* For reason(). */
    uint32_t moves;
    account_id riser; /* the hot account that is to gain most */
    double rise;
    enum series_method method;
    double before, after, apart; /* the fullest layer; what crosses */
};

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct predictive *s = state;
    const struct router_predictive_cfg *c = cfg;
    const struct holt_winters_rules rules = {c->level, c->trend, c->seasonal, c->damping};
    s->cfg = c;
    s->env = env;
    s->gas = mem_zalloc(env->layer_count, sizeof *s->gas);
    if (!s->gas || outlook_init(&s->outlook, env, &c->cost, c->memory, (uint32_t)c->pairs) ||
        series_init(&s->series, &rules, (uint32_t)c->accounts, (uint32_t)c->season))
        return err_set(err, ERR_MEMORY, "routing: predictive: out of memory");
    return ERR_OK;
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    const struct predictive *s = state;
    (void)account;
    (void)contract;
    return route_by_hash(addr, s->env->layer_count);
}

static void observe(void *state, const struct route_report *report)
{
    struct predictive *s = state;
    outlook_observe(&s->outlook, report);
}

/* Forecasts of hot accounts go to s->expected. */
static enum err_code forecast(struct predictive *s)
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
    s->riser = ACCOUNT_NONE;
    s->rise = 0;
    for (account_id a = 0; a < o->known; a++) {
        const struct series *x = series_of(&s->series, a);
        if (!x || s->expected[a] - o->now[a] <= s->rise)
            continue;
        s->riser = a;
        s->rise = s->expected[a] - o->now[a];
        s->method = series_best(&s->series, x);
    }
    return ERR_OK;
}

static uint32_t epoch(void *state, sim_time now, struct route_move *out, uint32_t room)
{
    struct predictive *s = state;
    struct outlook *o = &s->outlook;
    const struct outlook_aims aims = {.apart = s->cfg->apart,
                                      .moving =
                                          (double)s->cfg->cost.moving / (double)s->cfg->horizon,
                                      .stall = s->cfg->stall / (double)s->cfg->horizon,
                                      .levels = 2};
    double apart_before;
    s->moves = 0;
    if (!outlook_fold(o, now) || !o->pairs.len)
        return 0;
    if (forecast(s)) {
        s->env->fail(s->env);
        return 0;
    }
    outlook_expect(o, s->expected);
    outlook_rate(o, false, NULL, &s->before, &apart_before);
    if (!outlook_search(o, &aims))
        return 0;
    outlook_rate(o, true, NULL, &s->after, &s->apart);
    outlook_gas(o, true, s->gas);
    s->predicted = true;
    s->moves = moves_pick(&o->builder, o->found, out, room);
    return s->moves;
}

static bool predicted(const void *state, double *gas_by_layer)
{
    const struct predictive *s = state;
    memcpy(gas_by_layer, s->gas, s->env->layer_count * sizeof *gas_by_layer);
    return s->predicted;
}

static void reason(const void *state, char *out, size_t size)
{
    static const char *const how[] = {"at once", "by its trend", "by its season"};
    const struct predictive *s = state;
    int at = snprintf(out, size, "%u accounts move%s: ", s->moves, s->outlook.thin ? " yet" : "");
    if (at >= 0 && (size_t)at < size)
        at += snprintf(out + at, size - (size_t)at,
                       "the fullest layer is to use %.0f %% of its capacity", 100 * s->after);
    if (s->moves && at >= 0 && (size_t)at < size)
        at += snprintf(out + at, size - (size_t)at, " (unmoved %.0f %%)", 100 * s->before);
    if (at >= 0 && (size_t)at < size)
        at += snprintf(out + at, size - (size_t)at,
                       ", %.0f %% of gas to cross; groups held %.0f %% of what they promised",
                       100 * s->apart, 100 * outlook_trust_groups(&s->outlook));
    static const double much = 100e3; /* gas */
    if (at < 0 || (size_t)at >= size || s->riser == ACCOUNT_NONE || s->rise < much)
        return;
    struct evm_addr addr;
    s->env->address(s->env, s->riser, &addr);
    snprintf(out + at, size - (size_t)at, "; account 0x%02x%02x%02x%02x.. rises by %.1f Mgas %s",
             addr.b[0], addr.b[1], addr.b[2], addr.b[3], s->rise / 1e6, how[s->method]);
}

static void fini(void *state)
{
    struct predictive *s = state;
    outlook_fini(&s->outlook);
    series_fini(&s->series);
    mem_free(s->expected);
    mem_free(s->gas);
}

const struct router_ops router_predictive = {
    .model = {"predictive",
              "Forecasts the load of hot accounts by Holt-Winters, and moves it before it arrives.",
              &router_predictive_cfg_table},
    .state_size = sizeof(struct predictive),
    .init = init,
    .place = place,
    .observe = observe,
    .epoch = epoch,
    .predicted = predicted,
    .reason = reason,
    .fini = fini,
};
