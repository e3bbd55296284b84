/* models/routing/series.h - loads of the hottest accounts over epochs, each forecast by whatever
 * would have forecast it best.
 *
 * Three methods run side by side for every account: its last value, Holt-Winters without a season
 * (a damped trend), and with one. Each has the mean square of its own last errors, and all accounts
 * together have them too; the method whose sum of both shares is least is the account's. So a trend
 * is followed where trends have gone on, and not where loads jump about.
 *
 * Where no length of a season is given, it is looked for: the lag at which the loads of all kept
 * accounts correlate with themselves most (the pooled autocorrelation of Box and Jenkins, Time
 * Series Analysis, section 2.1), if that is above a half, two seasons or more have been seen, and
 * half the lag does not do about as well. Found or lost, the past is replayed with it.
 *
 * Which accounts are kept: those with the greatest means; a new one takes the place of the weakest
 * that is no longer among them, and starts with no past. Deterministic; one thread. */
#ifndef MODELS_ROUTING_SERIES_H
#define MODELS_ROUTING_SERIES_H

#include "models/routing/holt_winters.h"
#include "models/routing/routing.h"

enum { SERIES_PAST = 96 }; /* epochs remembered */

enum series_method { SERIES_LAST, SERIES_TREND, SERIES_SEASON, SERIES_METHODS };

struct series {
    account_id account;      /* ACCOUNT_NONE: free */
    float past[SERIES_PAST]; /* value i of all at i % SERIES_PAST */
    uint32_t seen;
    struct holt_winters by[SERIES_METHODS]; /* of SERIES_LAST: unused */
    double guess[SERIES_METHODS];           /* for the next value */
    double error[SERIES_METHODS];           /* mean square, older ones less */
    double mean;
};

struct series_set {
    struct holt_winters_rules rules;
    uint32_t room, given; /* series; length of the season, 0: looked for, 1: none */
    uint32_t season;      /* in use; 0: none */
    struct series *series;
    uint32_t *slot; /* by account: series, or ACCOUNT_NONE */
    uint32_t known;
    double error[SERIES_METHODS]; /* of all, in parts of the loads' squares */
    uint32_t epochs;
};

/* ERR_MEMORY; fini accepts a zeroed one. */
enum err_code series_init(struct series_set *s, const struct holt_winters_rules *rules,
                          uint32_t room, uint32_t season);
void series_fini(struct series_set *s);

/* An epoch's values: of each of `accounts` accounts its load now and its mean. ERR_MEMORY.
 * O(accounts + room * (SERIES_PAST + log)). */
enum err_code series_add(struct series_set *s, const double *now, const double *mean,
                         uint32_t accounts);

/* The series of an account, or NULL. */
const struct series *series_of(const struct series_set *s, account_id account);

/* Its load `steps` epochs after the last one, not below 0; between whole steps in proportion. */
double series_forecast(const struct series_set *s, const struct series *series, double steps);
/* Of all accounts, -1 for those that are not followed. */
void series_forecasts(const struct series_set *s, double steps, uint32_t accounts, double *out);
enum series_method series_best(const struct series_set *s, const struct series *series);

#endif
