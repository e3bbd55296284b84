/* models/routing/search_internal.h - one level of a search: a problem, a placement, its work. */
#ifndef MODELS_ROUTING_SEARCH_INTERNAL_H
#define MODELS_ROUTING_SEARCH_INTERNAL_H

#include "models/routing/search.h"

/* Owned arrays, but for p's. */
struct search_level {
    const struct search_problem *p;
    layer_id *home;  /* by node */
    double *work;    /* by layer */
    double *weight;  /* by layer: its share of capacity */
    double gas;      /* of all nets */
    double apart;    /* gas that crosses, and that of moves */
    uint32_t *of;    /* nets of nodes, by node: */
    uint32_t *first; /* of[first[node]] .. of[first[node + 1]] */
    uint32_t *order; /* nodes by gas descending, number ascending */
    double *load;    /* by node: gas of its nets, each divided by its pins */
    double *arrive;  /* by layer, scratch: what a move there adds to it ... */
    double *joins;   /* ... and takes from what crosses */
    layer_id *near;  /* layers in which the two differ from 0, or may */
    layer_id near_count;
    layer_id idle;  /* the least used for its capacity */
    uint32_t *seen; /* by layer, scratch */
    uint32_t token;
    bool *locked; /* by node, scratch */
};

/* The level of p: its nets by node, its nodes in order. ERR_MEMORY leaves nothing to release. */
enum err_code search_level_init(struct search_level *s, const struct search_problem *p);
void search_level_fini(struct search_level *s);

/* Places every node, and counts work anew. */
void search_level_place(struct search_level *s, const layer_id *home);
double search_level_value(const struct search_level *s);

/* Moves while one pays; then the uphill steps. */
void search_level_improve(struct search_level *s);

/* Places nodes from nothing, heaviest first, each where that costs least so far. */
void search_level_fill(struct search_level *s);

/* A coarser problem: nodes are clusters of s->p's nodes that share gas, none with more than `cap`
 * of load unless it was one node. */
struct search_clusters {
    struct search_problem p; /* its arrays are the vectors' and arrays below */
    uint32_t *cluster_of;    /* by node of the finer problem */
    struct search_node *nodes;
    struct search_share *shares;
    struct search_net *nets;
    uint32_t *pins;
};
enum err_code search_clusters_init(struct search_clusters *c, const struct search_level *s,
                                   double cap);
void search_clusters_fini(struct search_clusters *c);

#endif
