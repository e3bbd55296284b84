/* models/workload/arrivals.h - when transactions come: a mean rate, waves and crowds on it.
 *
 * The load at time t of the run is
 *     rate (1 + amplitude sin(2 pi (t / period + phase)) + sum over crowds of (factor - 1) h(t)),
 * h rising from 0 to 1 within `rise` from `at` on, 1 for `length`, falling to 0 within `fall`.
 * Arrivals of a unit process (exponential or equal gaps) are carried over by the inverse of the
 * load's integral, so a Poisson process has exactly that intensity (Cinlar, Introduction to
 * Stochastic Processes, 1975, section 4.7), and equal gaps hold an equal share of the load. Without
 * wave and crowds the gaps are drawn directly. */
#ifndef MODELS_WORKLOAD_ARRIVALS_H
#define MODELS_WORKLOAD_ARRIVALS_H

#include "sim/base/units.h"
#include "sim/engine/random.h"
#include "sim/scenario/field.h"

#define WORKLOAD_ARRIVALS(E, S)                                                                    \
    E(S, WORKLOAD_POISSON, "poisson", "Independent users: exponential gaps.")                      \
    E(S, WORKLOAD_CONSTANT, "constant", "Equal gaps.")
FIELD_ENUM_DECLARE(workload_arrivals, WORKLOAD_ARRIVALS);

#define WORKLOAD_WAVE_FIELDS(F, S)                                                                 \
    F(S, FRACTION, amplitude, "0%", "0%", "100%",                                                  \
      "How far the load rises above `rate` and falls below it; 0% is no wave.")                    \
    F(S, DURATION, period, "24h", "1ms", NULL, "From one crest to the next.")                      \
    F(S, FRACTION, phase, "0%", "0%", "100%",                                                      \
      "Share of the period that is over when the run begins: 0% is `rate`, rising, 25% the "       \
      "crest.")
FIELD_DECLARE(workload_wave, WORKLOAD_WAVE_FIELDS);

#define WORKLOAD_CROWD_FIELDS(F, S)                                                                \
    F(S, DURATION, at, NULL, "0s", NULL, "When it begins to come.")                                \
    F(S, DURATION, rise, "1s", "0s", "24h", "How long the load rises, evenly.")                    \
    F(S, DURATION, length, "10s", "0s", NULL, "How long it stays.")                                \
    F(S, DURATION, fall, "1s", "0s", "24h", "How long the load falls, evenly.")                    \
    F(S, REAL, factor, "10", "1", "1000000", "The load while it stays, in multiples of `rate`.")
FIELD_DECLARE(workload_crowd, WORKLOAD_CROWD_FIELDS);

/* Rows of every workload that has a rate. */
#define WORKLOAD_ARRIVAL_FIELDS(F, S)                                                              \
    F(S, RATE, rate, "100/s", "0/s", "100M/s",                                                     \
      "Transactions offered, all together; their mean where waves pass over it.")                  \
    F(S, ENUM(workload_arrivals), arrivals, "poisson", NULL, NULL, "When they come.")              \
    F(S, STRUCT(workload_wave), wave, "", NULL, NULL, "A load that comes and goes, as by day.")    \
    F(S, LIST(workload_crowd), crowds, "", "0", "64", "Flash crowds, each on top of the rest.")

struct arrivals_settings {
    WORKLOAD_ARRIVAL_FIELDS(FIELD_MEMBER, arrivals_settings)
};
/* The rows of a bigger config struct that holds them, and of WORKLOAD_USER_FIELDS likewise. */
#define ARRIVALS_SETTING(C, kind, id, ...) .id = (C)->id,
#define ARRIVALS_SETTINGS(cfg)                                                                     \
    ((struct arrivals_settings){WORKLOAD_ARRIVAL_FIELDS(ARRIVALS_SETTING, cfg)})

/* Plain data; holds the settings' list by reference. */
struct arrivals {
    struct arrivals_settings cfg;
    bool shaped; /* by a wave or crowds */
    sim_time start, end, last;
    uint64_t count;
    double work;            /* shaped: the unit process, in seconds of load at `rate` */
    double at_start, whole; /* shaped: the integral at start, and from there to the end */
    struct sim_stream rng;
};

/* Arrivals in [start, end), drawn from the stream (seed, instance, "workload.arrivals"). */
void arrivals_init(struct arrivals *a, const struct arrivals_settings *cfg, sim_time start,
                   sim_time end, uint64_t seed, uint64_t instance);
bool arrivals_next(struct arrivals *a, sim_time *out); /* false: none before the end */

/* The expected number of arrivals in [from, to), within start and end: the closed form. */
double arrivals_expected(const struct arrivals *a, sim_time from, sim_time to);

#endif
