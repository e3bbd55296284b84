/* models/routing/linucb.h - a contextual bandit with linear rewards.
 *
 * LinUCB of Li, Chu, Langford and Schapire, A Contextual-Bandit Approach to Personalized News
 * Article Recommendation (WWW 2010), algorithm 1: disjoint models. Each arm a keeps
 * A = I + sum of x x' and b = theta_0 + sum of reward x, believes in theta = A^-1 b, and is worth
 * theta'x + alpha sqrt(x' A^-1 x): what it is expected to bring, and what it may bring. The arm
 * worth most is pulled; of equal ones the lowest. theta_0, the belief before anything was seen, is
 * 0 in the paper; it weighs as much as the ridge does. A^-1 is kept by the formula of Sherman and
 * Morrison. */
#ifndef MODELS_ROUTING_LINUCB_H
#define MODELS_ROUTING_LINUCB_H

#include "sim/base/err.h"

#include <stdint.h>

struct linucb {
    uint32_t arms, dims;
    double alpha;
    double *inverse; /* by arm: dims x dims */
    double *b;       /* by arm: dims */
    double *part;    /* scratch */
    uint32_t *pulls; /* by arm: rewards learned */
};

/* prior: theta_0 of every arm, or NULL. ERR_MEMORY; fini accepts a zeroed one. */
enum err_code linucb_init(struct linucb *l, uint32_t arms, uint32_t dims, double alpha,
                          const double *prior);
void linucb_fini(struct linucb *l);

/* What the arm is expected to bring where its context is x; and at most, by alpha. O(dims^2). */
double linucb_expect(const struct linucb *l, uint32_t arm, const double *x);
double linucb_worth(const struct linucb *l, uint32_t arm, const double *x);

/* The arm to pull: contexts holds one of dims for each. */
uint32_t linucb_choose(const struct linucb *l, const double *contexts);

void linucb_learn(struct linucb *l, uint32_t arm, const double *x, double reward);

#endif
