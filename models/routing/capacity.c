/* capacity: accounts of the first state in proportion to the layers' processing power (cores over
 * the slowdown of their profile); every epoch, loads are evened out by it, so that a layer of
 * twice the power executes twice the gas. As least-loaded otherwise: that one goes by what blocks
 * hold, this one by what cores can do. */
#include "models/routing/evening.h"

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    return route_evening_init(state, cfg, env, route_capacity_power, err);
}

const struct router_ops router_capacity = {
    .model = {"capacity", "In proportion to processing power, and loads evened out by it.",
              &route_evening_cfg_table},
    .state_size = sizeof(struct route_evening),
    .init = init,
    .place = route_evening_place,
    .observe = route_evening_observe,
    .epoch = route_evening_epoch,
    .reason = route_evening_reason,
    .fini = route_evening_fini,
};
