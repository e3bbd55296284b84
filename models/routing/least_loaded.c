/* least-loaded: an account of the first state goes to the layer with the fewest so far, for the gas
 * that its blocks hold; every epoch, hot accounts go from the most to the least loaded layer until
 * no layer's demand (gas used and waiting, for what its blocks hold) is far above the mean.
 *
 * List scheduling, Graham: Bounds on multiprocessing timing anomalies, SIAM J. Appl. Math. 17
 * (1969), section 2, for the placement. Which accounts are used together plays no part: even loads
 * are bought with crossings. */
#include "models/routing/evening.h"

static enum err_code init(void *state, const void *cfg, const struct route_env *env,
                          struct err *err)
{
    return route_evening_init(state, cfg, env, route_capacity_blocks, err);
}

const struct router_ops router_least_loaded = {
    .model = {"least-loaded",
              "To the layer with the fewest accounts; hot ones leave the layer loaded most.",
              &route_evening_cfg_table},
    .state_size = sizeof(struct route_evening),
    .init = init,
    .place = route_evening_place,
    .observe = route_evening_observe,
    .epoch = route_evening_epoch,
    .reason = route_evening_reason,
    .fini = route_evening_fini,
};
