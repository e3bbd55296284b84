/* models/routing/routing.h - where accounts live: one .c file a policy behind this vtable.
 *
 * In a partitioned network every account has a home, the layer that holds it; a transaction is
 * executed by its sender's home, and crosses layers where it touches accounts of others. A policy
 * says where the accounts of the first state go, and from time to time which ones move. One state a
 * run.
 *
 * A policy sits at the first layer. It knows what env says from the start, and of the rest what
 * reports bring it: each layer sends one every routing.report_interval, as a real message between
 * layers, so what observe() tells is old when it comes, and nothing else is ever told. (Only a
 * policy with `foresees` may ask for the workload's future; it is the bound to compare with.) What
 * epoch() decides is sent out as messages too, and accounts are locked while they move.
 *
 * Accounts are numbered from 0 in the order in which the run meets them: dense, so that a policy
 * keeps arrays. Everything is called by one thread, in the run's order; draw from env->rng only,
 * and let no result hang on addresses of memory. Errors: a function that runs out of memory calls
 * env->fail and returns. */
#ifndef MODELS_ROUTING_ROUTING_H
#define MODELS_ROUTING_ROUTING_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

typedef uint32_t account_id;
#define ACCOUNT_NONE UINT32_MAX

/* What everybody knows of a layer from the start. */
struct route_layer {
    node_id nodes;
    uint32_t cores;  /* of its own hardware, not of its `hardware` list; 1 of a sequential layer */
    double speed;    /* cores over the profile's slowdown: processing power, in cores */
    bool sequential; /* one transaction after the other */
    uint64_t gas_limit;
    sim_time interval; /* between blocks, as its consensus asks for; 0: unknown */
};

/* Accounts that transactions of a window used together: a < b, or a == b for one used alone. */
struct route_edge {
    account_id a, b;
    uint32_t weight; /* transactions */
    uint32_t sent_a; /* of them, those that a sent: its home is where they were executed */
    uint32_t sent_b; /* those that b sent; 0 where a == b */
    uint64_t gas;    /* that they used, all told */
};

/* What a layer says of one window of its own time: committed transactions only. */
struct route_report {
    layer_id layer;
    sim_time from, to;              /* the window */
    sim_time arrived;               /* now */
    uint32_t txs;                   /* committed */
    uint32_t crossings;             /* of them, those that touched other layers */
    uint32_t pending;               /* in the fullest pool at the end of the window */
    uint64_t gas_used, gas_room;    /* of its blocks, and their limits */
    double busy;                    /* share of its busiest node's time that executes blocks */
    double conflicts;               /* re-executions a transaction */
    double latency_s;               /* mean of what was committed; 0: nothing was */
    double base_fee_gwei;           /* of its last block */
    const struct route_edge *edges; /* borrowed; by (a, b) ascending */
    uint32_t edge_count;
};

/* One transaction of the future, for policies that foresee. */
struct route_future {
    sim_time at;
    uint32_t first, count; /* a run of env's future_accounts: the sender first */
    uint64_t gas;
};

struct route_env {
    layer_id layer_count;
    const struct route_layer *layers;
    uint64_t seed;
    struct sim_stream *rng;
    sim_time epoch; /* between two calls of epoch() */
    /* Mean one-way time of the wire between nodes of two layers; 0 of one with itself. */
    sim_time (*delay)(const struct route_env *env, layer_id a, layer_id b);
    /* The account's home now, as orders and reports that came back tell; LAYER_ALL. */
    layer_id (*home)(const struct route_env *env, account_id account);
    /* Accounts known so far: numbers below it are valid. */
    uint32_t (*accounts)(const struct route_env *env);
    void (*address)(const struct route_env *env, account_id account, struct evm_addr *out);
    /* Where it foresees: what all workloads will offer, by time; else NULL. */
    const struct route_future *future;
    const account_id *future_accounts;
    uint32_t future_count;
    void (*fail)(const struct route_env *env); /* memory is out */
    void *world;
};

/* Home of an account that every layer holds a piece of: a broker's. */
#define LAYER_ALL ((layer_id)(LAYER_NONE - 1))

struct route_move {
    account_id account;
    layer_id to; /* or LAYER_ALL */
};

struct router_ops {
    struct field_model model;
    size_t state_size; /* zeroed before init */
    bool foresees;     /* it is told the future */
    enum err_code (*init)(void *state, const void *cfg, const struct route_env *env,
                          struct err *err);
    /* Home of an account of the first state; once for each, by number ascending, before the run.
     * contract: it has code. */
    layer_id (*place)(void *state, account_id account, const struct evm_addr *addr, bool contract);
    /* A report has come. May be NULL. */
    void (*observe)(void *state, const struct route_report *report);
    /* Accounts that are to move now, at most `room`: fills out, each account once, returns how
     * many. Every routing.epoch. NULL: none ever moves. */
    uint32_t (*epoch)(void *state, sim_time now, struct route_move *out, uint32_t room);
    /* What it predicted for the window that has just ended, in gas of each layer, if it predicts:
     * compared with what came. False: it does not, or not yet. May be NULL. */
    bool (*predicted)(const void *state, double *gas_by_layer);
    /* One line for the report page, of why it decided as it did in the last epoch: "moved 12
     * accounts from layer 3, whose load rises by 40 %". May be NULL. */
    void (*reason)(const void *state, char *out, size_t size);
    void (*fini)(void *state);
};

extern const struct field_registry router_registry;

/* The layer that takes an address where nothing else is said, of `layers`: the last 8 hexadecimal
 * digits of the address, modulo their number. Pure. */
layer_id route_by_hash(const struct evm_addr *addr, layer_id layers);

#endif
