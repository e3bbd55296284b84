/* models/routing/graphed.h - what policies by graph share: the graph, an epoch's frame, bounds on
 * loads, names of parts.
 *
 * A policy's state starts with a struct route_graphed; its vtable takes the functions below and its
 * own init and partition.
 *
 * A plan always looks good by the pairs it was drawn from: with few transactions an account, chance
 * alone makes groups. So each plan is kept, whether it was carried out or not, and put to the pairs
 * reported in the next epoch, beside the homes accounts had when it was drawn. */
#ifndef MODELS_ROUTING_GRAPHED_H
#define MODELS_ROUTING_GRAPHED_H

#include "models/routing/graph.h"

#define ROUTE_PROOF_FIELDS(F, S, DENSITY)                                                          \
    F(S, REAL, density, DENSITY, "0", "1000",                                                      \
      "Transactions an account: with fewer, the graph keeps more of older epochs than memory "     \
      "says, up to 98 %. 0: never.")                                                               \
    F(S, BOOL, proof, "true", NULL, NULL,                                                          \
      "Put each plan to the pairs of the next epoch, and move nothing while plans do not come "    \
      "true there.")

struct route_proof_rules {
    double memory; /* share that the graph keeps of older epochs, and loads do in any case */
    double
        density; /* transactions an account, below which it keeps more; 0: as many as there are */
    bool proof;  /* plans that do not come true are not carried out */
};

/* What became of plans. Shares are of the transactions of pairs, those told apart by account. */
struct route_proof {
    layer_id *plan, *was; /* by account: where the last plan had it, and its home then */
    uint32_t known;       /* in both */
    /* Transactions that plans brought together and apart, of accounts that they knew; the balance
     * over all accounts, and its variance by account. Older ones fade. */
    double better, worse, gain, spread;
    double weight;       /* of an epoch's transactions in these, likewise */
    double fresh;        /* transactions of pairs in the last epoch */
    double chance;       /* share apart if accounts were anywhere */
    double promised;     /* share apart by the last plan, as it was drawn */
    double came, stayed; /* share apart in the epoch after: had all moved, had none */
    bool judged;         /* the three above are known */
    bool thin;           /* few transactions an account */
    const char *held;    /* why nothing moved; NULL: it did */
};

struct route_graphed {
    struct route_graph graph;
    struct route_proof_rules rules;
    /* Says where vertices should be: target[v] is v's home as it is called. False: memory is out
     * (after env->fail, or without). */
    bool (*partition)(void *state, layer_id *target);
    /* The last epoch, for reason(). */
    uint32_t wanted, moves; /* accounts that should move, and those there was room for */
    double before, after;   /* share of the pairs that cross, had all moved */
    struct route_proof proof;
};

void route_graphed_init(struct route_graphed *s, const struct route_env *env,
                        const struct route_proof_rules *rules,
                        bool (*partition)(void *state, layer_id *target));
layer_id route_graphed_place(void *state, account_id account, const struct evm_addr *addr,
                             bool contract); /* by hash */
void route_graphed_observe(void *state, const struct route_report *report);
uint32_t route_graphed_epoch(void *state, sim_time now, struct route_move *out, uint32_t room);
void route_graphed_reason(const void *state, char *out, size_t size);
void route_graphed_fini(void *state);

/* ---- what plans are worth: models/routing/proof.c ---- */

void route_proof_fini(struct route_proof *p);

/* Puts the last plan to the pairs reported since. g is laid out. O(pairs). */
void route_proof_judge(struct route_proof *p, const struct route_graph *g);

/* Whether a plan should be carried out: those before it brought more together than apart of what
 * they knew, by more than chance, and enough for what it moves, and did no harm to others.
 * Where that is not known yet, or less than chance: only where accounts are placed little better
 * than anywhere, so that there is nothing to lose, where plans are not known to fail. Always where
 * an epoch brings some transactions an account. before, promise: of all pairs of the graph, the
 * share apart now and the share that the plan brings together. Sets p->held. */
bool route_proof_holds(struct route_proof *p, double before, double promise, uint32_t moves);

/* Keeps a plan, to be judged; target by vertex, `promised` what it leaves apart. env->fail when
 * memory is out. O(accounts). */
void route_proof_keep(struct route_proof *p, const struct route_graph *g, const layer_id *target,
                      double promised);

/* ---- for partition() ---- */

/* Each layer's share of the load: its processing power over that of all. Fills out[layer_count]. */
void route_shares(const struct route_env *env, double *out);

/* The load that each layer may have: its share, by processing power, of all vertices' load, and
 * `imbalance` more. Fills caps[layer_count]. */
void route_caps(const struct route_graph *g, double imbalance, double *caps);

/* Load by layer, each vertex v at at[v]. Fills out[layer_count]. */
void route_loads_of(const struct route_graph *g, const layer_id *at, double *out);

/* Gives parts (0 .. layer_count - 1, by vertex) the numbers of layers: a part and a layer that have
 * most vertices in common get together first, ties to the lowest; only layers of the processing
 * power that the part was made for, that of the layer of its number. In place. False: memory is
 * out. O(vertices log vertices). */
bool route_relabel(const struct route_graph *g, layer_id *part);

/* Leaves vertices at home where being elsewhere brings them no nearer to what they are used with:
 * one by one, while loads stay below caps. In place. False: memory is out. O(edges). */
bool route_stay(const struct route_graph *g, const double *caps, layer_id *target);

/* Whether target is worth more than `instead` (both by vertex): against that one, it brings
 * together `saving` pairs' transactions at least for each account more that it moves from home; or
 * that one goes beyond a bound on loads by a twentieth, and target does not, or by less. False also
 * when memory is out. */
bool route_worth(const struct route_graph *g, const layer_id *target, const layer_id *instead,
                 double saving, const double *caps);

#endif
