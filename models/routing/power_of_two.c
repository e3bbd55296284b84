/* power-of-two: an account of the first state goes to the less filled of two layers drawn by
 * chance; every epoch, accounts of layers with too much load, the hottest first, go each to the
 * less loaded of two drawn, where that makes the load less uneven.
 *
 * Mitzenmacher: The power of two choices in randomized load balancing, IEEE TPDS 12 (2001),
 * section 1: two draws do nearly as well as looking at all layers. Here both are drawn without
 * putting back, and the loads are as old as the reports, so that a crowd does not run after the one
 * layer that was idle a while ago. */
#include "models/routing/evening.h"

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    return route_evening_init(state, cfg, env, route_capacity_blocks, err);
}

/* Two layers, different where there are two. */
static void draw(const struct route_env *env, layer_id *a, layer_id *b)
{
    layer_id k = env->layer_count;
    *a = (layer_id)sim_stream_below(env->rng, k);
    *b = k > 1 ? (layer_id)sim_stream_below(env->rng, k - 1u) : *a;
    if (k > 1 && *b >= *a)
        (*b)++;
}

static layer_id place(void *state, account_id account, const struct evm_addr *addr, bool contract)
{
    struct route_evening *e = state;
    layer_id a, b;
    (void)account, (void)addr, (void)contract;
    draw(e->loads.env, &a, &b);
    return route_filling_better(&e->filling, a < b ? a : b, a < b ? b : a);
}

/* The less loaded of two drawn, if the account's load leaves it below where `from` is now. */
static layer_id better_of_two(const struct route_evening *e, layer_id from, double load)
{
    const double *capacity = e->filling.capacity, *demand = e->loads.demand;
    layer_id a, b;
    draw(e->loads.env, &a, &b);
    double x = (demand[a] + load) / capacity[a], y = (demand[b] + load) / capacity[b];
    layer_id to = y < x || (!(x < y) && b < a) ? b : a;
    bool helps = to != from && (demand[to] + load) / capacity[to] < demand[from] / capacity[from];
    return helps ? to : LAYER_NONE;
}

static uint32_t epoch(void *state, sim_time now, struct route_move *out, uint32_t room)
{
    struct route_evening *e = state;
    struct route_loads *l = &e->loads;
    const double *capacity = e->filling.capacity;
    uint32_t count = 0;
    (void)now;
    if (!route_loads_fold(l))
        return 0;
    route_loads_begin(l, capacity);
    for (layer_id from = 0; from < l->env->layer_count; from++)
        for (uint32_t i = l->first[from]; i < l->first[from + 1] && count < room; i++) {
            if (route_loads_relative(l, capacity, from) <= 1 + e->tolerance)
                break;
            layer_id to = better_of_two(e, from, l->hot[i].load);
            if (to != LAYER_NONE)
                out[count++] = route_loads_move(l, i, from, to);
        }
    route_loads_end(l, capacity);
    return count;
}

const struct router_ops router_power_of_two = {
    .model = {"power-of-two", "To the better of two layers drawn by chance.",
              &route_evening_cfg_table},
    .state_size = sizeof(struct route_evening),
    .init = init,
    .place = place,
    .observe = route_evening_observe,
    .epoch = epoch,
    .reason = route_evening_reason,
    .fini = route_evening_fini,
};
