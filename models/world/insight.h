/* models/world/insight.h - what is recorded of a block's conflicts: its hottest keys, and for
 * blocks whose schedule is kept the graph and the oracle's makespans. Made on a worker's thread
 * from the sets of an execution, written by the engine's thread (rows.c). */
#ifndef MODELS_WORLD_INSIGHT_H
#define MODELS_WORLD_INSIGHT_H

#include "evm/parallel/executor.h"
#include "evm/parallel/insight.h"

enum {
    INSIGHT_KEYS = 8,   /* of a block at most */
    INSIGHT_POINTS = 8, /* numbers of cores: 1, 2, 4, ... 64 and the block's own */
};

struct insight_key {
    char name[96];
    uint32_t conflicts, readers, writers;
    uint64_t gas;
};

struct insight_edge {
    uint32_t reader, writer;
    int32_t key; /* among keys, or -1 */
};

/* Zeroed is empty. */
struct insight {
    struct insight_key keys[INSIGHT_KEYS];
    uint32_t key_count, edge_count, point_count;
    struct insight_edge *edges;
    uint32_t cores[INSIGHT_POINTS];   /* ascending */
    int64_t oracle[INSIGHT_POINTS];   /* ns */
    int64_t makespan[INSIGHT_POINTS]; /* ns; -1 where it was not simulated */
};

/* Fills *out from a result with sets, of an execution on so many cores. deep: edges and points too.
 * EVM_ERR_MEMORY; insight_fini in any case. */
enum evm_status insight_make(struct insight *out, const struct evm_block_result *result,
                             const struct evm_tx *const *txs, const struct evm_addr *beneficiary,
                             uint32_t cores, bool deep);
void insight_fini(struct insight *i);

#endif
