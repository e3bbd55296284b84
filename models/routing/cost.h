/* models/routing/cost.h - what a placement of accounts costs for a batch of transactions.
 *
 * A transaction whose accounts all live on one layer costs that layer its gas. One that crosses
 * costs every layer that holds one of its accounts its gas times `crossing`: at 1, the default, a
 * crossing between two layers takes room for two, which is where relay's half of the capacity under
 * nothing but crossings comes from. (TxAllo, Zhang, Pan, Yu, ICDE 2023, section IV, charges the
 * participants alike, by a factor of its own called eta.) An account that is everywhere (LAYER_ALL)
 * makes no crossing. A layer's time is its work over its capacity, and the cost of the placement
 * the time of the slowest layer: what a batch takes when every layer starts at once and queues are
 * empty. Latency of the protocol that carries crossings over, conflicts and order are left out.
 *
 * The regret of a placement is (its time - the best time) / the best time, see regret.h.
 * Functions of their arguments; nothing is drawn. A million transactions of three accounts take
 * some 10 ms. */
#ifndef MODELS_ROUTING_COST_H
#define MODELS_ROUTING_COST_H

#include "models/routing/routing.h"

#define COST_RULES_FIELDS(F, S)                                                                    \
    F(S, REAL, crossing, "1", "0", "100",                                                          \
      "Work that a transaction makes on each layer it touches when it touches several, in its "    \
      "gas.")                                                                                      \
    F(S, GAS, moving, "50kgas", "0gas", "1Ggas",                                                   \
      "Work that moving an account makes where it leaves and where it goes.")                      \
    F(S, GAS, core_rate, "100Mgas", "1gas", "1000Ggas",                                            \
      "Gas that a core executes in a second: a layer can do no more than its blocks hold, nor "    \
      "than this times its cores.")
FIELD_DECLARE(cost_rules, COST_RULES_FIELDS);

/* Gas a second of a layer: its gas limit over its interval where that is known, but no more than
 * its cores execute. Above 0. */
double cost_capacity(const struct cost_rules *rules, const struct route_layer *layer);

/* Transactions to be placed: the borrowed form in which the future stands in route_env. Accounts
 * named twice by one transaction count once. */
struct cost_batch {
    const struct route_future *txs;
    uint32_t count;
    const account_id *accounts;
};

struct cost {
    double time;       /* seconds of the slowest layer */
    layer_id slowest;  /* the lowest of them */
    double work;       /* gas that all layers have to do */
    double gas;        /* of the transactions */
    double crossings;  /* share of the transactions that touch several layers; 0 of none */
    uint32_t crossing; /* how many they are */
};

/* What is needed to measure: capacities, and room for a sum a layer. */
struct cost_meter {
    layer_id layers;
    double factor;    /* crossing */
    double *capacity; /* gas a second, by layer */
    double *work;     /* gas of the batch measured last, by layer */
    uint32_t *seen;   /* by layer: the transaction that touched it last, from 1 */
};

/* ERR_MEMORY. cost_meter_fini accepts a zeroed one. */
enum err_code cost_meter_init(struct cost_meter *m, const struct cost_rules *rules, layer_id layers,
                              const struct route_layer *of);
void cost_meter_fini(struct cost_meter *m);

/* The cost of a batch where `home` gives each account's layer or LAYER_ALL; leaves m->work by
 * layer. A transaction whose accounts are all everywhere is its first account's number modulo
 * layers'. O(accounts of the batch + layers). */
void cost_measure(struct cost_meter *m, const struct cost_batch *batch, const layer_id *home,
                  struct cost *out);

/* A time that no placement with one home for every account beats: all gas (twice the factor of it,
 * if that is less) over all capacities, or the hottest account's gas (times the factor, if less)
 * over the greatest capacity. accounts: a number above all in the batch. ERR_MEMORY.
 * O(accounts + batch). */
enum err_code cost_bound(const struct cost_meter *m, const struct cost_batch *batch,
                         uint32_t accounts, double *time);

#endif
