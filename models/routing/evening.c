#include "models/routing/evening.h"

FIELD_DEFINE(route_evening_cfg, ROUTE_EVENING_FIELDS,
             "How far loads are evened out, and what they are taken from.", NULL);

enum err_code route_evening_init(struct route_evening *e, const struct route_evening_cfg *cfg,
                                 const struct route_env *env,
                                 void (*of)(const struct route_env *, double *), struct err *err)
{
    e->tolerance = cfg->tolerance;
    enum err_code code = route_filling_init(&e->filling, env, of, err);
    return code ? code : route_loads_init(&e->loads, env, cfg->memory, err);
}

layer_id route_evening_place(void *state, account_id account, const struct evm_addr *addr,
                             bool contract)
{
    struct route_evening *e = state;
    (void)account, (void)addr, (void)contract;
    return route_filling_next(&e->filling);
}

void route_evening_observe(void *state, const struct route_report *report)
{
    struct route_evening *e = state;
    route_loads_observe(&e->loads, report);
}

uint32_t route_evening_epoch(void *state, sim_time now, struct route_move *out, uint32_t room)
{
    struct route_evening *e = state;
    (void)now;
    if (!route_loads_fold(&e->loads))
        return 0;
    return route_loads_even(&e->loads, e->filling.capacity, e->tolerance, out, room);
}

void route_evening_reason(const void *state, char *out, size_t size)
{
    const struct route_evening *e = state;
    route_loads_reason(&e->loads, out, size);
}

void route_evening_fini(void *state)
{
    struct route_evening *e = state;
    route_filling_fini(&e->filling);
    route_loads_fini(&e->loads);
}
