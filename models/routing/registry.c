#include "models/routing/routing.h"

/* clang-format off */
extern const struct router_ops
    router_hash,
    router_range,
    router_round_robin,
    router_least_loaded,
    router_power_of_two,
    router_capacity,
    router_oracle,
    router_clpa;

static const struct field_model *const entries[] = {
    &router_hash.model,
    &router_range.model,
    &router_round_robin.model,
    &router_least_loaded.model,
    &router_power_of_two.model,
    &router_capacity.model,
    &router_oracle.model,
    &router_clpa.model,
};
/* clang-format on */

const struct field_registry router_registry = {"routing", "Which layer holds an account.", entries,
                                               sizeof entries / sizeof entries[0]};
