/* models/routing/holt_winters.h - exponential smoothing of a series with a trend and a season.
 *
 * Holt (1957; reprinted Int. J. Forecasting 20, 2004) and Winters (Management Science 6, 1960),
 * additive; formulas and starting values as in Hyndman and Athanasopoulos, Forecasting: Principles
 * and Practice, 3rd ed., sections 8.2 to 8.4, the trend damped as of Gardner and McKenzie (1985)
 * by phi. Left out: the multiplicative season, and fitting of the weights (settings give them).
 *
 * Starting values are those of a warm-up: without a season the line of least squares through the
 * first 4 values, with one of m the mean of either of the first two seasons and what the first two
 * leave on average. Until then the last value is the forecast. So a line, and with a season a line
 * plus any pattern that repeats, are forecast without error after the warm-up, phi being 1. */
#ifndef MODELS_ROUTING_HOLT_WINTERS_H
#define MODELS_ROUTING_HOLT_WINTERS_H

#include "sim/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct holt_winters_rules {
    double alpha, beta, gamma; /* weights of what is new: level, trend (beta*), season */
    double phi;                /* 1: the trend goes on for ever */
};

struct holt_winters {
    struct holt_winters_rules rules;
    uint32_t season; /* 0 or 1: none */
    uint32_t seen;
    double level, trend, last;
    double *seasonal; /* of value i at i % season */
    double *first;    /* warm-up: 4 values, or 2 seasons */
};

/* ERR_MEMORY; fini accepts a zeroed one. */
enum err_code holt_winters_init(struct holt_winters *h, const struct holt_winters_rules *rules,
                                uint32_t season);
void holt_winters_fini(struct holt_winters *h);

/* The next value. O(1), O(season) at the end of the warm-up. */
void holt_winters_add(struct holt_winters *h, double value);
bool holt_winters_warm(const struct holt_winters *h);

/* What comes `steps` (1 or more) values after the last; 0 before the first. O(steps). */
double holt_winters_forecast(const struct holt_winters *h, uint32_t steps);

#endif
