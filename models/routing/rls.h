/* models/routing/rls.h - recursive least squares: a linear model that follows what it sees.
 *
 * After n samples (x_i, y_i) the weights minimise
 *     sum of forget^(n - i) (y_i - w'x_i)^2  +  forget^n |w|^2 / spread
 * (Haykin, Adaptive Filter Theory, 4th ed., section 9.3). With forget below 1 directions that no
 * sample excites lose certainty without end: a weight's variance is kept from growing past 1,000
 * times `spread`. Weights may be set before the first sample: w above is then what they differ by
 * from that. */
#ifndef MODELS_ROUTING_RLS_H
#define MODELS_ROUTING_RLS_H

#include "sim/base/err.h"

#include <stdint.h>

struct rls {
    uint32_t dims;
    double forget; /* in (0, 1] */
    double spread; /* of weights, beforehand */
    double *weights;
    double *inverse; /* dims x dims: inverse of the weighted sum of x x' */
    double *gain;    /* scratch */
    uint64_t seen;
};

/* Weights start at 0. ERR_MEMORY; fini accepts a zeroed one. */
enum err_code rls_init(struct rls *r, uint32_t dims, double forget, double spread);
void rls_fini(struct rls *r);

double rls_predict(const struct rls *r, const double *x);
void rls_learn(struct rls *r, const double *x, double y); /* O(dims^2) */

#endif
