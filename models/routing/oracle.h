/* models/routing/oracle.h - the best placement found for transactions that are known beforehand,
 * and how far a policy's is from it.
 *
 * Best found, not best: the problem is NP-hard (balanced partitioning of a hypergraph), and what
 * searches is models/routing/search.h, in clusters of several sizes, from the present placement and
 * from nothing. The lower bound of cost.h goes with every figure, so that a reader sees how much
 * the search can have left. One window at a time: it makes a move
 * that pays if so many windows are alike. */
#ifndef MODELS_ROUTING_ORACLE_H
#define MODELS_ROUTING_ORACLE_H

#include "models/routing/cost.h"
#include "models/routing/search.h"

struct oracle {
    struct cost_meter meter;
    struct search_builder builder;
    double *capacity; /* scratch, by layer: gas of the shortest time a window could take */
    layer_id *homes;  /* scratch, by node */
    double moving;    /* gas of a move that one window bears */
    double apart;     /* as in search.h; little unless set after oracle_init() */
    unsigned levels;  /* sizes of clusters */
};

/* horizon: windows over which a move has to pay, each bears that part of rules->moving.
 * ERR_MEMORY. oracle_fini accepts a zeroed one. */
enum err_code oracle_init(struct oracle *o, const struct cost_rules *rules, layer_id layers,
                          const struct route_layer *of, unsigned levels, uint32_t horizon);
void oracle_fini(struct oracle *o);

/* Improves home, by account, for a batch: where it is at the start is where moves are counted
 * from, `moving` gas each (0: they cost nothing). Accounts at LAYER_ALL stay, those beyond
 * `accounts` must not be in the batch. ERR_MEMORY leaves home as it was. */
enum err_code oracle_plan(struct oracle *o, const struct cost_batch *batch, uint32_t accounts,
                          double moving, layer_id *home);

/* ---- regret ---- */

/* An oracle that plays the same windows beside a policy, with a placement of its own. */
struct regret {
    struct oracle oracle;
    layer_id *home; /* the oracle's own, by account */
    uint32_t known;
};

struct regret_window {
    struct cost policy, oracle; /* moves apart */
    double bound;               /* seconds that no placement beats */
    double regret;              /* (policy's time - best) / best; best: of the two; 0 of none */
};

enum err_code regret_init(struct regret *r, const struct cost_rules *rules, layer_id layers,
                          const struct route_layer *of);
void regret_fini(struct regret *r);

/* Before the first window, where the whole run is known: the oracle starts from a placement found
 * for all of it, in which moves cost nothing; `home` is of accounts that nothing uses. Without it,
 * it starts where the policy does. ERR_MEMORY. */
enum err_code regret_start(struct regret *r, const struct cost_batch *batch, uint32_t accounts,
                           const layer_id *home);

/* What the window that these transactions arrived in cost under `home`, the policy's placement in
 * it, and under the oracle's, which starts from its own of the window before and pays for its moves
 * in what it minimises. ERR_MEMORY. */
enum err_code regret_add(struct regret *r, const struct cost_batch *batch, uint32_t accounts,
                         const layer_id *home, struct regret_window *out);

#endif
