#include "models/routing/routing.h"

/* clang-format off */
extern const struct router_ops
    router_hash,
    router_range,
    router_round_robin,
    router_least_loaded,
    router_power_of_two,
    router_capacity,
    router_nearest,
    router_co_access,
    router_clpa,
    router_leiden,
    router_metis,
    router_broker,
    router_predictive,
    router_learned,
    router_oracle;

static const struct field_model *const entries[] = {
    &router_hash.model,
    &router_range.model,
    &router_round_robin.model,
    &router_least_loaded.model,
    &router_power_of_two.model,
    &router_capacity.model,
    &router_nearest.model,
    &router_co_access.model,
    &router_clpa.model,
    &router_leiden.model,
    &router_metis.model,
    &router_broker.model,
    &router_predictive.model,
    &router_learned.model,
    &router_oracle.model,
};
/* clang-format on */

const struct field_registry router_registry = {"routing", "Which layer holds an account.", entries,
                                               sizeof entries / sizeof entries[0]};
