/* oracle: told the future, it places accounts for each epoch before that comes.
 *
 * The first state is placed for the whole future at once, thinned to so many transactions, in which
 * moves cost nothing; accounts that no transaction uses go by hash. From then on each epoch() plans
 * for what arrives until the next. Its orders travel like everybody's, so it too is late by them.
 */
#include "models/routing/oracle.h"
#include "models/routing/moves.h"
#include "sim/base/mem.h"

#include <stdio.h>
#include <string.h>

#define APART 0.02 /* regret's: decides only between placements about as fast */

enum err_code oracle_init(struct oracle *o, const struct cost_rules *rules, layer_id layers,
                          const struct route_layer *of, unsigned levels, uint32_t horizon)
{
    *o = (struct oracle){
        .moving = (double)rules->moving / horizon, .levels = levels, .apart = APART};
    search_builder_init(&o->builder);
    o->capacity = mem_alloc(layers, sizeof *o->capacity);
    if (!o->capacity || cost_meter_init(&o->meter, rules, layers, of)) {
        oracle_fini(o);
        return ERR_MEMORY;
    }
    return ERR_OK;
}

void oracle_fini(struct oracle *o)
{
    cost_meter_fini(&o->meter);
    search_builder_fini(&o->builder);
    mem_free(o->capacity);
    mem_free(o->homes);
    *o = (struct oracle){0};
}

/* Against the shortest time there could be, the slowest layer is at 1 or above, where the eighth
 * power leaves balance the say. */
static enum err_code set_capacity(struct oracle *o, const struct cost_batch *batch,
                                  uint32_t accounts)
{
    double time = 0;
    enum err_code e = cost_bound(&o->meter, batch, accounts, &time);
    for (layer_id l = 0; l < o->meter.layers && !e; l++)
        o->capacity[l] = o->meter.capacity[l] * (time > 0 ? time : 1);
    return e;
}

enum err_code oracle_plan(struct oracle *o, const struct cost_batch *batch, uint32_t accounts,
                          double moving, layer_id *home)
{
    struct search_builder *b = &o->builder;
    enum err_code e = search_builder_reset(b, accounts);
    for (uint32_t i = 0; i < batch->count && !e; i++) {
        const struct route_future *tx = &batch->txs[i];
        e = search_builder_add(b, batch->accounts + tx->first, tx->count, (double)tx->gas, home);
    }
    if (!e)
        e = set_capacity(o, batch, accounts);
    if (e || !b->nodes.len)
        return e;
    struct search_problem p = {.layers = o->meter.layers,
                               .capacity = o->capacity,
                               .crossing = o->meter.factor,
                               .apart = o->apart};
    search_builder_get(b, moving, 0, &p);
    layer_id *homes = mem_resize(o->homes, p.node_count, sizeof *homes);
    if (!homes)
        return ERR_MEMORY;
    o->homes = homes;
    for (uint32_t n = 0; n < p.node_count; n++)
        homes[n] = p.shares[n].layer;
    e = search_run(&p, o->levels, homes);
    for (uint32_t n = 0; n < p.node_count && !e; n++)
        home[*(account_id *)vec_at(&b->accounts, n)] = homes[n];
    return e;
}

/* ---- regret ---- */

enum err_code regret_init(struct regret *r, const struct cost_rules *rules, layer_id layers,
                          const struct route_layer *of)
{
    *r = (struct regret){0};
    return oracle_init(&r->oracle, rules, layers, of, 2, 4);
}

void regret_fini(struct regret *r)
{
    oracle_fini(&r->oracle);
    mem_free(r->home);
    *r = (struct regret){0};
}

static enum err_code regret_known(struct regret *r, uint32_t accounts, const layer_id *home)
{
    if (accounts <= r->known)
        return ERR_OK;
    layer_id *grown = mem_resize(r->home, accounts, sizeof *grown);
    if (!grown)
        return ERR_MEMORY;
    memcpy(grown + r->known, home + r->known, (accounts - r->known) * sizeof *grown);
    r->home = grown;
    r->known = accounts;
    return ERR_OK;
}

enum err_code regret_start(struct regret *r, const struct cost_batch *batch, uint32_t accounts,
                           const layer_id *home)
{
    enum err_code e = regret_known(r, accounts, home);
    return e ? e : oracle_plan(&r->oracle, batch, accounts, 0, r->home);
}

enum err_code regret_add(struct regret *r, const struct cost_batch *batch, uint32_t accounts,
                         const layer_id *home, struct regret_window *out)
{
    struct oracle *o = &r->oracle;
    *out = (struct regret_window){0};
    enum err_code e = regret_known(r, accounts, home);
    if (e || !batch->count)
        return e;
    e = oracle_plan(o, batch, accounts, o->moving, r->home);
    if (!e)
        e = cost_bound(&o->meter, batch, accounts, &out->bound);
    if (e)
        return e;
    cost_measure(&o->meter, batch, r->home, &out->oracle);
    cost_measure(&o->meter, batch, home, &out->policy);
    double best = out->oracle.time < out->policy.time ? out->oracle.time : out->policy.time;
    out->regret = best > 0 ? (out->policy.time - best) / best : 0;
    return ERR_OK;
}

/* ---- the policy ---- */

#define ROUTER_ORACLE_FIELDS(F, S)                                                                 \
    F(S, STRUCT(cost_rules), cost, "", NULL, NULL, "What it minimises.")                           \
    F(S, COUNT, horizon, "16", "1", "1k",                                                          \
      "Epochs over which a move has to pay: each bears this part of what it costs.")               \
    F(S, REAL, apart, "50", "0", "1000",                                                           \
      "What it counts if all gas crosses or moves; the slowest layer counts 1 at the bound.")      \
    F(S, COUNT, clusters, "2", "0", "4", "Sizes of clusters of accounts that are moved as one.")   \
    F(S, COUNT, placing, "50k", "100", "1M",                                                       \
      "Transactions, spread evenly over the future, that the first state is placed for.")
FIELD_DECLARE(router_oracle_cfg, ROUTER_ORACLE_FIELDS);
FIELD_DEFINE(router_oracle_cfg, ROUTER_ORACLE_FIELDS, "Settings of oracle.", NULL);

struct router_oracle {
    const struct route_env *env;
    struct oracle oracle;
    layer_id *home; /* as planned, by account */
    uint32_t known;
    uint32_t next; /* of the future: the first that has not been planned for */
    struct cost before, after;
    double bound;
    uint32_t moved;
};

/* Accounts that the future names, and those known. */
static uint32_t accounts_named(const struct route_env *env)
{
    uint32_t most = env->accounts(env);
    for (uint32_t i = 0; i < env->future_count; i++) {
        const struct route_future *tx = &env->future[i];
        for (uint32_t k = 0; k < tx->count; k++) {
            account_id a = env->future_accounts[tx->first + k];
            if (a >= most)
                most = a + 1;
        }
    }
    return most;
}

static enum err_code place_all(struct router_oracle *r, uint32_t placing)
{
    const struct route_env *env = r->env;
    uint32_t step = env->future_count / placing + 1, count = 0;
    struct route_future *thin = mem_alloc(env->future_count / step + 1, sizeof *thin);
    if (!thin)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < env->future_count; i += step)
        thin[count++] = env->future[i];
    struct cost_batch batch = {thin, count, env->future_accounts};
    enum err_code e = oracle_plan(&r->oracle, &batch, r->known, 0, r->home);
    mem_free(thin);
    return e;
}

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    struct router_oracle *r = state;
    const struct router_oracle_cfg *c = cfg;
    r->env = env;
    r->known = accounts_named(env);
    r->home = mem_zalloc(r->known, sizeof *r->home);
    enum err_code e = r->home ? oracle_init(&r->oracle, &c->cost, env->layer_count, env->layers,
                                            (unsigned)c->clusters, (uint32_t)c->horizon)
                              : ERR_MEMORY;
    r->oracle.apart = c->apart;
    for (uint32_t a = 0; a < r->known && !e; a++) {
        bool everywhere = a < env->accounts(env) && env->home(env, a) == LAYER_ALL;
        r->home[a] = (layer_id)(everywhere ? LAYER_ALL : a % env->layer_count);
    }
    if (!e)
        e = place_all(r, (uint32_t)c->placing);
    return e ? err_set(err, e, "routing: oracle: out of memory") : ERR_OK;
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    const struct router_oracle *r = state;
    (void)contract;
    if (search_builder_node(&r->oracle.builder, account) != ACCOUNT_NONE)
        return r->home[account];
    return route_by_hash(addr, r->env->layer_count);
}

/* Homes as they are; of accounts not met yet, wherever they will be: they hold nothing back. */
static enum err_code take_homes(struct router_oracle *r)
{
    const struct route_env *env = r->env;
    uint32_t met = env->accounts(env);
    if (met > r->known) {
        layer_id *grown = mem_resize(r->home, met, sizeof *grown);
        if (!grown)
            return ERR_MEMORY;
        r->home = grown;
        r->known = met;
    }
    for (uint32_t a = 0; a < r->known; a++)
        r->home[a] = a < met ? env->home(env, a) : LAYER_ALL;
    return ERR_OK;
}

static uint32_t epoch(void *state, sim_time now, struct route_move *out, uint32_t room)
{
    struct router_oracle *r = state;
    const struct route_env *env = r->env;
    while (r->next < env->future_count && env->future[r->next].at < now)
        r->next++;
    struct cost_batch batch = {env->future + r->next, 0, env->future_accounts};
    while (r->next + batch.count < env->future_count &&
           env->future[r->next + batch.count].at < now + env->epoch)
        batch.count++;
    r->moved = 0;
    enum err_code e = take_homes(r);
    if (!e)
        cost_measure(&r->oracle.meter, &batch, r->home, &r->before);
    if (!e)
        e = oracle_plan(&r->oracle, &batch, r->known, r->oracle.moving, r->home);
    if (!e)
        e = cost_bound(&r->oracle.meter, &batch, r->known, &r->bound);
    if (e) {
        env->fail(env);
        return 0;
    }
    cost_measure(&r->oracle.meter, &batch, r->home, &r->after);
    r->moved = moves_pick(&r->oracle.builder, r->oracle.homes, out, room);
    return r->moved;
}

static bool predicted(const void *state, double *gas_by_layer)
{
    const struct router_oracle *r = state;
    memcpy(gas_by_layer, r->oracle.meter.work, r->env->layer_count * sizeof *gas_by_layer);
    return r->after.gas > 0;
}

static void reason(const void *state, char *out, size_t size)
{
    const struct router_oracle *r = state;
    snprintf(out, size,
             "knows what comes: moved %u accounts; the slowest layer takes %.3f s for it instead "
             "of %.3f s, none beats %.3f s",
             r->moved, r->after.time, r->before.time, r->bound);
}

static void fini(void *state)
{
    struct router_oracle *r = state;
    oracle_fini(&r->oracle);
    mem_free(r->home);
}

const struct router_ops router_oracle = {
    .model = {"oracle",
              "Told the future, the best placement found for each epoch; to compare with.",
              &router_oracle_cfg_table},
    .state_size = sizeof(struct router_oracle),
    .foresees = true,
    .init = init,
    .place = place,
    .epoch = epoch,
    .predicted = predicted,
    .reason = reason,
    .fini = fini,
};
