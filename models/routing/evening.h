/* models/routing/evening.h - what policies that even loads out share: settings and state. */
#ifndef MODELS_ROUTING_EVENING_H
#define MODELS_ROUTING_EVENING_H

#include "models/routing/filling.h"
#include "models/routing/loads.h"

#define ROUTE_EVENING_FIELDS(F, S)                                                                 \
    F(S, FRACTION, tolerance, "10%", "0%", "1000%",                                                \
      "Loads are even where no layer has more than this above the mean, for its capacity.")        \
    F(S, FRACTION, memory, "50%", "0%", "99%",                                                     \
      "What older epochs count in a load: 0% knows the last one only.")
FIELD_DECLARE(route_evening_cfg, ROUTE_EVENING_FIELDS);

struct route_evening {
    struct route_filling filling;
    struct route_loads loads;
    double tolerance;
};

/* Functions of a vtable whose state starts with a struct route_evening, but for init's `of`: the
 * capacities it goes by. */
enum err_code route_evening_init(struct route_evening *e, const struct route_evening_cfg *cfg,
                                 const struct route_env *env,
                                 void (*of)(const struct route_env *, double *), struct err *err);
layer_id route_evening_place(void *state, account_id account, const struct evm_addr *addr,
                             bool contract);
void route_evening_observe(void *state, const struct route_report *report);
uint32_t route_evening_epoch(void *state, sim_time now, struct route_move *out, uint32_t room);
void route_evening_reason(const void *state, char *out, size_t size);
void route_evening_fini(void *state);

#endif
