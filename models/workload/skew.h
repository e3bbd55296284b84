/* models/workload/skew.h - who is picked: uniformly, or by Zipf's law over a shuffled order. */
#ifndef MODELS_WORKLOAD_SKEW_H
#define MODELS_WORKLOAD_SKEW_H

#include "sim/base/err.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

/* Zeroed is empty. With an exponent: 12 bytes an item. */
struct skew {
    uint32_t count;
    double *sums;   /* sums[k]: share of ranks 0..k; NULL when uniform */
    uint32_t *item; /* item of rank k */
};

/* rng shuffles the ranks, so that two skews over the same accounts have different favourites.
 * ERR_MEMORY. */
enum err_code skew_init(struct skew *s, const struct field_skew *cfg, uint32_t count,
                        struct sim_stream *rng, struct err *err);
void skew_fini(struct skew *s);
uint32_t skew_pick(const struct skew *s, struct sim_stream *rng); /* O(log count) */
/* A rank below `within` (1 .. count) by the same law cut off there: one table serves sets of all
 * sizes. O(log within). */
uint32_t skew_rank(const struct skew *s, uint32_t within, struct sim_stream *rng);
/* The share of the draws that item of rank k (from 0) gets. */
double skew_share(const struct skew *s, uint32_t rank);

#endif
