/* models/routing/graph.h - who is used together with whom, gathered from reports.
 *
 * An undirected weighted graph whose vertices are accounts. It grows with each report, may forget
 * by and by, and is laid out for algorithms (compressed rows, neighbours ascending) by
 * route_graph_build(). The same reports give the same layout. An account that every layer holds
 * (LAYER_ALL) is no vertex: being used with it ties nobody to a layer.
 *
 * Zeroed means empty; one thread owns it; it keeps env. What build() lays out stays valid until
 * the next call of any function but those that take a const graph. */
#ifndef MODELS_ROUTING_GRAPH_H
#define MODELS_ROUTING_GRAPH_H

#include "models/routing/routing.h"
#include "sim/base/map.h"
#include "sim/base/vec.h"

/* A pair as it has been reported so far; a == b: used alone. */
struct route_pair {
    account_id a, b;
    double weight;       /* transactions */
    double fresh;        /* of them, since it was aged last */
    double gas;          /* that they used */
    double gas_a, gas_b; /* what of the layers' gas they caused as senders */
};

struct route_graph {
    const struct route_env *env;
    struct vec pairs; /* struct route_pair */
    struct map index; /* a << 32 | b: place in pairs */
    /* Laid out: vertices by account ascending. */
    uint32_t count;
    account_id *account;
    layer_id *home;  /* below layer_count */
    double *load;    /* gas it caused as a sender */
    double *alone;   /* transactions that tie it to no other vertex */
    uint32_t *first; /* neighbours of v: first[v] up to first[v + 1] */
    uint32_t *other; /* which vertices, ascending */
    double *weight;  /* transactions */
    double *gas;
    uint32_t *vertex; /* by account: its vertex, or UINT32_MAX */
};

void route_graph_init(struct route_graph *g, const struct route_env *env);
void route_graph_fini(struct route_graph *g);

/* Adds a report's pairs. O(edges). env->fail when memory is out. */
void route_graph_observe(struct route_graph *g, const struct route_report *report);

/* Transactions and gas that were seen so far count `keep` (0 to 1) of what they did, and what
 * senders caused `loads` of it; pairs of less than a twentieth of a transaction are forgotten.
 * O(pairs log pairs). env->fail when memory is out. */
void route_graph_age(struct route_graph *g, double keep, double loads);

/* Lays it out, with homes as they are now. False, after env->fail, when memory is out.
 * O(pairs log pairs + accounts). */
bool route_graph_build(struct route_graph *g);

/* Sum of its edges' weights, `alone` left out. O(neighbours). */
double route_graph_degree(const struct route_graph *g, uint32_t v);

/* Share of the pairs' transactions whose two accounts are at different layers, each vertex v at
 * at[v]; 0 where there are no pairs. O(edges). */
double route_graph_cut(const struct route_graph *g, const layer_id *at);

#endif
