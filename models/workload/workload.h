/* models/workload/workload.h - users: which transactions appear, when, at which node.
 *
 * One state an entry of the scenario's workload list. A model puts its accounts and contracts into
 * the genesis state, then yields its transactions one after another, unsigned, in order of time.
 * The world signs them on host threads ahead of their time, numbers them and hands each to its
 * entry node. */
#ifndef MODELS_WORKLOAD_WORKLOAD_H
#define MODELS_WORKLOAD_WORKLOAD_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

/* ---- building the world's first state ---- */

struct genesis;

/* Adds wei to an account (made if absent). */
enum err_code genesis_fund(struct genesis *g, const struct evm_addr *addr,
                           const struct evm_u256 *wei, struct err *err);
/* Sets a nonce, a storage slot, or code directly (recorded pre-states). */
enum err_code genesis_nonce(struct genesis *g, const struct evm_addr *addr, uint64_t nonce,
                            struct err *err);
enum err_code genesis_store(struct genesis *g, const struct evm_addr *addr,
                            const struct evm_u256 *key, const struct evm_u256 *value,
                            struct err *err);
enum err_code genesis_code(struct genesis *g, const struct evm_addr *addr, struct evm_bytes code,
                           struct err *err);
/* Runs initcode (constructor arguments appended) in the real EVM as `deployer`, with no fee, and
 * gives the contract's address. ERR_INPUT if it reverts. */
enum err_code genesis_deploy(struct genesis *g, const struct evm_addr *deployer,
                             struct evm_bytes initcode, struct evm_addr *out, struct err *err);
/* Calls a contract likewise, with up to 1 Ggas; ERR_INPUT if it reverts. */
enum err_code genesis_call(struct genesis *g, const struct evm_addr *from,
                           const struct evm_addr *to, struct evm_bytes input, struct err *err);
/* The fork's rules and chain id that transactions must carry. */
uint64_t genesis_chain_id(const struct genesis *g);

/* ---- transactions ---- */

/* What a model fills for one transaction. `tx` starts zeroed but for its chain id; leave signature,
 * hash, raw and sender alone. `input` is copied. Where tx.raw is set the transaction is complete
 * already (recorded): it is decoded from it and everything else in tx is ignored. */
struct workload_tx {
    sim_time at;          /* not before the one yielded before */
    uint8_t secret[32];   /* of the sender */
    struct evm_addr from; /* its address */
    uint32_t sender;      /* the model's own number of the account, given back by observe() */
    uint32_t recipient;   /* likewise, of who is paid; UINT32_MAX where it makes no sense */
    node_id entry;        /* the node it is given to, or NODE_NONE: one of the layer at random */
    bool everywhere;      /* its user gives it to every node of the layer; nobody passes it on */
    double bids;     /* so many times what the layer's fees ask of it beyond the base fee is put
                        on top of the tip, as far as max_fee allows */
    sim_time wished; /* wished() has counted it already, then; else -1 */
    struct evm_tx tx;
    uint8_t input[1024]; /* room for calldata; point tx.input here (or at memory that lasts
                            until the next call) */
};

/* Rows that every workload's table starts with; the world finds them by name. */
#define WORKLOAD_COMMON_FIELDS(F, S)                                                               \
    F(S, STRING, name, "", NULL, NULL, "What results call it; empty is its kind.")                 \
    F(S, STRING, layer, "", NULL, NULL, "The layer it is aimed at; empty is the first.")           \
    F(S, DURATION, start, "0s", "0s", NULL, "No transaction before this.")                         \
    F(S, DURATION, stop, "never", "0s", "never", "None at or after it; at most `duration`.")

struct workload_env {
    layer_id layer; /* the layer it is aimed at; LAYER_NONE where a router decides */
    uint64_t chain_id;
    sim_time start;         /* no transaction before this */
    sim_time end;           /* none at or after it */
    uint64_t instance;      /* number of this entry: keys account secrets apart */
    uint64_t seed;          /* of the run */
    struct sim_stream *rng; /* this entry's own stream */
    /* Of a partitioned network: its layers, and where an account is at home now (LAYER_ALL: every
     * layer holds a piece), from the first next() on. NULL where no account has a home. */
    layer_id layers;
    layer_id (*home)(const struct workload_env *env, const struct evm_addr *addr);
    /* The base fee that a wallet sees now: the last block that node 0 of the layer has. Reactive
     * models only. */
    void (*base_fee)(const struct workload_env *env, struct evm_u256 *out);
    /* For closed loops, below. Validators of the layer; one of its nodes in a region (from next()
     * on; NODE_NONE: there is none, and the run ends with an error); mean delay of the wire between
     * two nodes. */
    uint32_t replicas;
    node_id (*place)(const struct workload_env *env, const char *region);
    sim_time (*delay)(const struct workload_env *env, node_id from, node_id to);
    /* Calls woken() at a moment, not before now. */
    void (*wake)(const struct workload_env *env, sim_time at);
    /* A request that was sent at `sent` is answered now: that is its latency. */
    void (*answered)(const struct workload_env *env, sim_time sent);
    void (*fail)(const struct workload_env *env); /* memory is out */

    /* For wallets. react(), from init() only: this entry is reactive, and its next() may return
     * false after a wake(): "none now"; it is asked again at that moment. */
    void (*react)(const struct workload_env *env);
    sim_time (*now)(const struct workload_env *env);
    /* The tip a gas at this quantile of the transactions in the last 20 blocks that the first node
     * of the layer has (LAYER_NONE: the one it is aimed at), 0 where there are none; returns the
     * share of those blocks that had no room for one more. */
    double (*tips)(const struct workload_env *env, layer_id layer, double quantile,
                   struct evm_u256 *out);
    /* A transaction of the account is wanted but held back: it counts as offered from now on, and
     * is not counted again when it comes with `wished` set; or is wanted no more: dropped. */
    void (*wished)(const struct workload_env *env, const struct evm_addr *from);
    void (*gave_up)(const struct workload_env *env, const struct evm_addr *from, sim_time wished);
    /* The base fee of a layer's next block, as its first node knows it. */
    void (*layer_fee)(const struct workload_env *env, layer_id layer, struct evm_u256 *out);
    /* Of a partitioned network, else NULL: asks that the account move; false if it cannot now. */
    bool (*move)(const struct workload_env *env, const struct evm_addr *addr, layer_id to);
    void *world;
};

struct workload_ops {
    struct field_model model;
    size_t state_size; /* bytes an entry, zeroed before init */
    /* true: next() is asked at the time of the transaction before, so it may depend on observe()
     * and base_fee(). false: the world may ask far ahead, and signs ahead. */
    bool reactive;
    /* A closed loop: next() returning false means "none now"; it is asked again after woken(), and
     * gives what is due at that very moment. Latency is what the model says by answered(). Needs
     * reactive, woken, executed. */
    bool closed;
    enum err_code (*init)(void *state, const void *cfg, const struct workload_env *env,
                          struct err *err);
    enum err_code (*genesis)(void *state, struct genesis *g, struct err *err);
    /* False when there will be no more. */
    bool (*next)(void *state, struct workload_tx *out);
    /* What became of one of its transactions: committed or dropped. May be NULL. */
    void (*observe)(void *state, const struct tx *tx);
    /* A validator of the layer has executed a block that is final there: once a block and node. May
     * be NULL. */
    void (*executed)(void *state, const struct block *b, node_id replica, sim_time now);
    void (*woken)(void *state, sim_time now); /* may be NULL where it only reacts */
    void (*fini)(void *state);
};

extern const struct field_registry workload_registry;

#endif
