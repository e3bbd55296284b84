/* models/workload/targets.h - contracts that users call, and which one a transaction calls. */
#ifndef MODELS_WORKLOAD_TARGETS_H
#define MODELS_WORKLOAD_TARGETS_H

#include "models/workload/skew.h"
#include "models/workload/users.h"

#define TARGETS_BY(E, S)                                                                           \
    E(S, TARGETS_BY_SKEW, "skew", "By their own skew, whoever is paid.")                           \
    E(S, TARGETS_BY_GROUP, "group",                                                                \
      "One of the recipient's group, as `pairs` has them: its community's own, or one whose home " \
      "is its layer.")
FIELD_ENUM_DECLARE(targets_by, TARGETS_BY);

/* Contract i belongs to group i modulo their number; where groups are layers, to its home. */
struct targets {
    struct evm_addr *addrs;
    uint32_t count;
    enum targets_by by;
    struct skew skew;
    struct sim_stream rng;
    const struct workload_env *env;
    bool by_layer, started;
    uint32_t *first, *item; /* by layer: those of layer i are item[first[i]] .. */
};

/* Zeroed before. ERR_MEMORY; the caller then calls targets_fini. */
enum err_code targets_init(struct targets *t, uint32_t count, const struct field_skew *skew,
                           enum targets_by by, const struct users *users,
                           const struct workload_env *env, struct err *err);
void targets_fini(struct targets *t); /* accepts zeroed */

/* Deploys `initcode` once more as `deployer`, as contract i. */
enum err_code targets_deploy(struct targets *t, uint32_t i, struct genesis *g,
                             const struct evm_addr *deployer, struct evm_bytes initcode,
                             struct err *err);

/* The contract for a payment to that group. Where no contract's home is that layer: by skew. O(1),
 * with a skew O(log count); the first one by layer asks for all homes. */
const struct evm_addr *targets_pick(struct targets *t, uint32_t group);

#endif
