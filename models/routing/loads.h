/* models/routing/loads.h - what layers and accounts have to execute, as reports tell it.
 *
 * Of each layer: gas a second that its blocks used, and what waits in its pools. Of each account:
 * gas a second of the transactions it sent, for those are executed at its home; where a report
 * tells no senders, half of each pair's. Older epochs count less by `memory` each. All of it is as
 * old as the reports. Layers that have not reported yet have no load.
 *
 * Zeroed means empty; one thread owns it; it keeps env. */
#ifndef MODELS_ROUTING_LOADS_H
#define MODELS_ROUTING_LOADS_H

#include "models/routing/routing.h"

struct route_hot {
    account_id account;
    double load;
};

struct route_loads {
    const struct route_env *env;
    double memory;     /* share that an older epoch keeps */
    double *rate;      /* by layer: gas a second */
    double *waiting;   /* by layer: gas in its pool at its last report */
    double *demand;    /* by layer: both as gas a second, since the last fold */
    double *gas;       /* by layer, since the last fold */
    sim_time *covered; /* by layer: time that these reports tell of */
    double *account;   /* by account: gas a second */
    double *fresh;     /* by account: gas since the last fold */
    uint32_t accounts; /* in both */
    uint32_t *first;   /* hot accounts of layer l: hot[first[l]] up to hot[first[l + 1]] */
    struct route_hot *hot;
    bool *moved; /* by place in hot */
    /* What the last round did, for reason(). */
    uint32_t moves;
    layer_id worst; /* the most loaded of all before */
    double before;  /* its load for its capacity, over the mean's */
    double after;   /* the highest after it */
};

/* Who caused the gas of a report's pairs: whoever sent, or half each where the report tells no
 * senders. A transaction of m accounts stands in m - 1 of its sender's pairs, so the whole is
 * scaled down to what the layer executed. */
struct route_split {
    bool senders;
    double scale;
};
struct route_split route_split_of(const struct route_report *report);
void route_split_edge(const struct route_split *split, const struct route_edge *e, double *a,
                      double *b);

/* ERR_MEMORY leaves it empty. */
enum err_code route_loads_init(struct route_loads *l, const struct route_env *env, double memory,
                               struct err *err);
void route_loads_fini(struct route_loads *l);

/* Adds a report. O(edges). env->fail when memory is out. */
void route_loads_observe(struct route_loads *l, const struct route_report *report);

/* Ends an epoch: what was added counts from now on, and accounts are sorted by home and by load
 * (descending, then by number). False, after env->fail, when memory is out.
 * O(accounts log accounts). */
bool route_loads_fold(struct route_loads *l);

/* Load for capacity, over the mean of all; 0 where none has any. */
double route_loads_relative(const struct route_loads *l, const double *capacity, layer_id layer);

/* Moves hot[i], of layer `from`, to layer `to`: what both have to do is as if it had gone. */
struct route_move route_loads_move(struct route_loads *l, uint32_t i, layer_id from, layer_id to);

/* Evens loads out: from the layer most loaded for its capacity to the least loaded one, the
 * heaviest account that does not turn the two around; again, while a layer's load is above
 * 1 + tolerance of the mean and a move makes it less. At most `room` moves; returns how many.
 * After a fold. O(moves x layers). */
uint32_t route_loads_even(struct route_loads *l, const double *capacity, double tolerance,
                          struct route_move *out, uint32_t room);

/* reason() of those that even out. */
void route_loads_reason(const struct route_loads *l, char *out, size_t size);

/* Where to start and end a round: remembers the worst layer, and how bad it is after. */
void route_loads_begin(struct route_loads *l, const double *capacity);
void route_loads_end(struct route_loads *l, const double *capacity);

#endif
