#include "models/routing/linucb.h"
#include "sim/base/mem.h"

#include <gsl/gsl_blas.h>
#include <math.h>
#include <string.h>

enum err_code linucb_init(struct linucb *l, uint32_t arms, uint32_t dims, double alpha,
                          const double *prior)
{
    size_t square = (size_t)dims * dims;
    *l = (struct linucb){.arms = arms,
                         .dims = dims,
                         .alpha = alpha,
                         .inverse = mem_zalloc(arms * square, sizeof *l->inverse),
                         .b = mem_zalloc((size_t)arms * dims, sizeof *l->b),
                         .part = mem_zalloc(dims, sizeof *l->part),
                         .pulls = mem_zalloc(arms, sizeof *l->pulls)};
    if (!l->inverse || !l->b || !l->part || !l->pulls) {
        linucb_fini(l);
        return ERR_MEMORY;
    }
    for (uint32_t a = 0; a < arms; a++) {
        for (uint32_t i = 0; i < dims; i++)
            l->inverse[a * square + (size_t)i * dims + i] = 1;
        if (prior)
            memcpy(l->b + (size_t)a * dims, prior, dims * sizeof *prior);
    }
    return ERR_OK;
}

void linucb_fini(struct linucb *l)
{
    mem_free(l->inverse);
    mem_free(l->b);
    mem_free(l->part);
    mem_free(l->pulls);
    *l = (struct linucb){0};
}

/* A^-1 x goes to l->part; returns x' A^-1 x. A^-1 is symmetric, its lower half is kept. */
static double apply(const struct linucb *l, uint32_t arm, const double *x)
{
    size_t d = l->dims;
    double with = 0;
    gsl_matrix_view p = gsl_matrix_view_array(l->inverse + arm * d * d, d, d);
    gsl_vector_const_view v = gsl_vector_const_view_array(x, d);
    gsl_vector_view out = gsl_vector_view_array(l->part, d);
    gsl_blas_dsymv(CblasLower, 1, &p.matrix, &v.vector, 0, &out.vector);
    gsl_blas_ddot(&v.vector, &out.vector, &with);
    return with;
}

double linucb_expect(const struct linucb *l, uint32_t arm, const double *x)
{
    double sum = 0;
    apply(l, arm, x); /* theta'x = b' A^-1 x */
    for (uint32_t i = 0; i < l->dims; i++)
        sum += l->b[(size_t)arm * l->dims + i] * l->part[i];
    return sum;
}

double linucb_worth(const struct linucb *l, uint32_t arm, const double *x)
{
    return linucb_expect(l, arm, x) + l->alpha * sqrt(fmax(apply(l, arm, x), 0));
}

uint32_t linucb_choose(const struct linucb *l, const double *contexts)
{
    uint32_t best = 0;
    double most = -INFINITY;
    for (uint32_t a = 0; a < l->arms; a++) {
        double worth = linucb_worth(l, a, contexts + (size_t)a * l->dims);
        if (worth <= most)
            continue;
        most = worth;
        best = a;
    }
    return best;
}

void linucb_learn(struct linucb *l, uint32_t arm, const double *x, double reward)
{
    size_t d = l->dims;
    double with = apply(l, arm, x);
    gsl_matrix_view p = gsl_matrix_view_array(l->inverse + arm * d * d, d, d);
    gsl_vector_view u = gsl_vector_view_array(l->part, d);
    gsl_blas_dsyr(CblasLower, -1 / (1 + with), &u.vector, &p.matrix);
    for (uint32_t i = 0; i < l->dims; i++)
        l->b[arm * d + i] += reward * x[i];
    l->pulls[arm]++;
}
