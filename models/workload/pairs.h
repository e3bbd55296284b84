/* models/workload/pairs.h - who pays whom: one .c file a model behind this vtable.
 *
 * Every user is in a group, which a model gives a meaning: a community, a layer. A workload may let
 * a group have contracts of its own (models/workload/targets.h). One state a workload entry. */
#ifndef MODELS_WORKLOAD_PAIRS_H
#define MODELS_WORKLOAD_PAIRS_H

#include "models/workload/workload.h"

struct pairs_env {
    uint32_t count;               /* users, from 0 */
    const struct evm_addr *addrs; /* theirs */
    struct field_skew senders, recipients;
    const struct workload_env *workload;
};

struct pick {
    uint32_t user;
    uint32_t group;
};

struct pairs_ops {
    struct field_model model;
    size_t state_size; /* zeroed before init */
    bool by_layer;     /* groups are layers, by number; the last one those of all layers */
    enum err_code (*init)(void *state, const void *cfg, const struct pairs_env *env,
                          struct err *err);
    /* Before the first pick, when homes are known. ERR_MEMORY. May be NULL. */
    enum err_code (*start)(void *state);
    /* Who sends the transaction of time `at`, not before the last one's; draws from rng. */
    struct pick (*sender)(void *state, sim_time at, struct sim_stream *rng);
    /* Whom that user pays: somebody else where there is somebody else. */
    struct pick (*recipient)(void *state, struct pick sender, struct sim_stream *rng);
    void (*fini)(void *state); /* accepts what init left when it failed */
};

extern const struct field_registry pairs_registry;

#endif
