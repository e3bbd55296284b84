/* models/world/plugin.h - a model outside the tree: one .c file, built into a shared object.
 *
 *     // mine.c
 *     #include "models/world/plugin.h"
 *     static const struct consensus_ops mine = {.model = {"mine", "One sentence.", &mine_table},
 * ...}; WEFT_PLUGIN(consensus, mine);
 *
 *     gcc -std=gnu17 -shared -fPIC $(pkg-config --cflags weft) mine.c -o mine.so
 *
 * and in a scenario `consensus: {plugin: ./mine.so, ...}`. A plug-in calls what the headers of
 * models/ and sim/ declare: the program exports it. It is refused when it was built against headers
 * of another shape, when it calls what the program lacks, and when its name is taken. */
#ifndef MODELS_WORLD_PLUGIN_H
#define MODELS_WORLD_PLUGIN_H

#include "models/consensus/consensus.h"
#include "models/crosslayer/crosslayer.h"
#include "models/faults/faults.h"
#include "models/fees/fees.h"
#include "models/mempool/mempool.h"
#include "models/network/network.h"
#include "models/routing/routing.h"
#include "models/workload/workload.h"
#include "sim/scenario/scenario.h"

/* Raised when a contract changes its meaning but not the size of any struct. */
#define WEFT_PLUGIN_VERSION UINT64_C(1)

/* The shape of everything that a model and the program hand to one another, as one number. */
#define WEFT_MIX(h, x) ((h)*UINT64_C(1099511628211) ^ sizeof(x))
#define WEFT_PLUGIN_FIELDS                                                                         \
    WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_PLUGIN_VERSION, struct field), struct field_table),   \
                      struct field_model),                                                         \
             struct sim_dist)
#define WEFT_PLUGIN_NOUNS                                                                          \
    WEFT_MIX(                                                                                      \
        WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_PLUGIN_FIELDS, struct tx), struct block), struct message), \
        struct sim_stream)
#define WEFT_PLUGIN_CONSENSUS                                                                      \
    WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_PLUGIN_NOUNS, struct consensus_ops),         \
                                        struct consensus_host),                                    \
                               struct consensus_env),                                              \
                      struct validators),                                                          \
             struct build_request)
#define WEFT_PLUGIN_NETWORK                                                                        \
    WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_PLUGIN_CONSENSUS, struct latency_ops),       \
                                        struct link_ops),                                          \
                               struct topology_ops),                                               \
                      struct gossip_ops),                                                          \
             struct gossip_host)
#define WEFT_PLUGIN_LAYERS                                                                         \
    WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_PLUGIN_NETWORK, struct router_ops),          \
                                        struct route_env),                                         \
                               struct route_report),                                               \
                      struct crosslayer_ops),                                                      \
             struct cross_host)
#define WEFT_PLUGIN_SHAPE                                                                          \
    WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_MIX(WEFT_PLUGIN_LAYERS, struct fault_ops),            \
                                        struct fault_host),                                        \
                               struct fees_ops),                                                   \
                      struct mempool_ops),                                                         \
             struct workload_ops)

/* What a shared object exports as `weft_plugin`. The first two members never change. */
struct weft_plugin {
    char magic[16]; /* "weft plug-in" */
    uint64_t shape; /* WEFT_PLUGIN_SHAPE as the plug-in's compiler saw it */
    const char *kind;
    const struct field_model *model;
};

/* ops: the object's vtable; concern: the kind of its registry ("weft models" lists them). */
#define WEFT_PLUGIN(concern, ops)                                                                  \
    extern const struct weft_plugin weft_plugin;                                                   \
    const struct weft_plugin weft_plugin = {"weft plug-in", WEFT_PLUGIN_SHAPE, #concern,           \
                                            &(ops).model}

/* For the program: opens shared objects. */
extern const struct scenario_loader plugin_loader;

#endif
