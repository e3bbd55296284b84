/* models/routing/search.h - finds homes for accounts: the local search behind oracle, predictive
 * and learned.
 *
 * The problem is a hypergraph: accounts are nodes, what uses accounts together is a net with gas.
 * Work of a layer is that of models/routing/cost.h, and gas for each account that leaves it or
 * comes. What is minimised is
 *
 *     sum over layers of c (work / (capacity window))^8  +  apart * (gas that crosses or moves) /
 * gas
 *
 * with c the layer's share of all capacity. The eighth power stands for the slowest layer (a norm
 * that nears the maximum, yet tells two placements with the same slowest layer apart); against a
 * window in which layers are little used it is near nothing, so that there only what crosses
 * counts, and where they are overrun only balance does.
 *
 * Moves of single accounts as long as one pays (as label propagation does), then steps that may go
 * uphill off the slowest layer, each node once, taken back to the best prefix: the passes of
 * Fiduccia and Mattheyses (DAC 1982), over the slowest layer's nodes only and without their
 * buckets. Both are tried on clusters first (heavy-edge clustering as of hMETIS, Karypis et al.,
 * TVLSI 1999, section 4: nodes join the neighbour they share most gas with, up to a size), since an
 * account and its followers only pay when they move together; then on the accounts themselves.
 * A local optimum, no more. Draws nothing; ties go to the lowest number. */
#ifndef MODELS_ROUTING_SEARCH_H
#define MODELS_ROUTING_SEARCH_H

#include "models/routing/routing.h"
#include "sim/base/vec.h"

struct search_net {
    uint32_t first, count; /* of pins */
    double gas;
};

/* Where accounts of a node are at the start, and what moving them costs: of an account itself one
 * entry. */
struct search_share {
    layer_id layer;
    double moving; /* gas */
};

struct search_node {
    uint32_t first, count; /* of shares, each layer once */
    double moving;         /* their sum */
};

/* All arrays are borrowed, numbers of nodes dense. A pin stands once in its net. */
struct search_problem {
    layer_id layers;
    const double *capacity; /* gas of the window, by layer */
    const double *base;     /* gas that is there whatever is done, by layer; NULL: none */
    double crossing, apart;
    uint32_t node_count, net_count;
    const struct search_node *nodes;
    const struct search_share *shares;
    const struct search_net *nets;
    const uint32_t *pins;
};

/* Minimises from `home`, which is the start's to be kept where nothing pays, and fills it. Tries
 * clusters of `levels` sizes (0: none), each from the start and from nothing. ERR_MEMORY leaves
 * home as it was. Some 20 * (levels + 1) visits of all pins. */
enum err_code search_run(const struct search_problem *p, unsigned levels, layer_id *home);

/* What is minimised, of one placement; NAN when memory is out. */
double search_value(const struct search_problem *p, const layer_id *home);

/* ---- a problem put together from accounts ---- */

struct search_builder {
    struct vec nodes, shares, nets, pins, accounts; /* accounts: account_id by node */
    uint32_t *node_of;                              /* by account, ACCOUNT_NONE for none */
    uint32_t known;                                 /* accounts that it has room for */
};

void search_builder_init(struct search_builder *b);
void search_builder_fini(struct search_builder *b);

/* Forgets all nets; numbers below `accounts` may be added from now on. ERR_MEMORY. O(nodes). */
enum err_code search_builder_reset(struct search_builder *b, uint32_t accounts);

/* Accounts used together, named twice or not; those at LAYER_ALL are left out. home: by account.
 * ERR_MEMORY. */
enum err_code search_builder_add(struct search_builder *b, const account_id *accounts,
                                 uint32_t count, double gas, const layer_id *home);

/* The node of an account, or ACCOUNT_NONE. */
uint32_t search_builder_node(const struct search_builder *b, account_id account);

/* Points p's arrays at what was added; they are valid until the next add. What a move costs: `each`
 * an account, and `stall` of the gas of its nets, which wait meanwhile. O(pins). */
void search_builder_get(struct search_builder *b, double each, double stall,
                        struct search_problem *p);

#endif
