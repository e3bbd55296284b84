/* models/workload/hot.h - groups that are hot for a while, in turns. */
#ifndef MODELS_WORKLOAD_HOT_H
#define MODELS_WORKLOAD_HOT_H

#include "models/workload/workload.h"

#define HOT_ORDER(E, S)                                                                            \
    E(S, HOT_CYCLE, "cycle",                                                                       \
      "The next ones in a row that starts over: the past tells the future.")                       \
    E(S, HOT_RANDOM, "random", "Drawn anew, from those that are not hot if there are enough.")
FIELD_ENUM_DECLARE(hot_order, HOT_ORDER);

#define WORKLOAD_HOT_FIELDS(F, S)                                                                  \
    F(S, COUNT, count, "0", "0", "1M", "Hot at a time; 0: none is, and the rest says nothing.")    \
    F(S, FRACTION, share, "50%", "0%", "100%",                                                     \
      "Of all transactions, those of the hot ones; the others are spread over all, hot or not.")   \
    F(S, DURATION, period, "30s", "1ms", "never", "How long the same ones are hot.")               \
    F(S, FRACTION, overlap, "0%", "0%", "100%",                                                    \
      "The last part of a period, in which the load passes evenly on to the next ones.")           \
    F(S, COUNT, among, "0", "0", "1M", "So many take turns; 0: all.")                              \
    F(S, ENUM(hot_order), order, "cycle", NULL, NULL, "Who is next.")
FIELD_DECLARE(workload_hot, WORKLOAD_HOT_FIELDS);

/* The hot ones now and next. Zeroed is none. */
struct hot {
    const struct workload_hot *cfg;
    sim_time start;
    uint64_t step; /* periods that are over */
    uint32_t count, among;
    uint32_t *turns; /* those that take turns; in random order the first ones are hot */
    uint32_t *now, *next;
    struct sim_stream rng;
};

/* Of groups 0 .. groups - 1, in an order of (seed, instance). ERR_INPUT where more are to be hot
 * than there are; ERR_MEMORY. cfg stays the caller's. */
enum err_code hot_init(struct hot *h, const struct workload_hot *cfg, uint32_t groups,
                       const struct workload_env *env, struct err *err);
void hot_fini(struct hot *h); /* accepts zeroed */
/* Whether the transaction of time `at`, not before the last one's, is one of the hot; then of
 * which. */
bool hot_pick(struct hot *h, sim_time at, struct sim_stream *rng, uint32_t *group);

#endif
