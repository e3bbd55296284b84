/* models/world/sources_internal.h - what the files of the workloads' sources share. */
#ifndef MODELS_WORLD_SOURCES_INTERNAL_H
#define MODELS_WORLD_SOURCES_INTERNAL_H

#include "models/world/internal.h"

struct batch; /* sources.c */

/* Tips in the last blocks of a layer, as of one head. */
struct tips {
    struct evm_hash head;
    double full;    /* share of the blocks */
    struct vec all; /* uint64_t, ascending */
};

struct source {
    const struct workload_ops *ops;
    void *state;
    char name[24];
    layer_id layer;
    bool unplaced; /* the scenario names none */
    struct workload_env env;
    struct sim_stream rng;
    struct workload_tx *scratch;
    struct batch *first, *last;
    uint32_t batches;
    bool reactive;  /* as ops->reactive, or because it asked for that */
    uint32_t wakes; /* under way */
    struct tips tips;
    bool exhausted;
    sim_time latest; /* of the last transaction asked for */
};

/* What entry `index` sees of the world, but for start and end; s->layer and s->rng are there. */
struct workload_env sources_env(struct world *w, struct source *s, size_t index);
/* What a node of its sender's layer says that the fees ask beyond the base fee goes on top of the
 * tip, out->bids times. */
void sources_add_owed(struct world *w, const struct source *s, struct workload_tx *out);

#endif
