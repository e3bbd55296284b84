#include "models/routing/rls.h"
#include "sim/base/mem.h"

#include <gsl/gsl_blas.h>
#include <math.h>

#define MOST_UNSURE 1e3 /* times the uncertainty of the start */

enum err_code rls_init(struct rls *r, uint32_t dims, double forget, double spread)
{
    *r = (struct rls){.dims = dims,
                      .forget = forget,
                      .spread = spread,
                      .weights = mem_zalloc(dims, sizeof *r->weights),
                      .inverse = mem_zalloc((size_t)dims * dims, sizeof *r->inverse),
                      .gain = mem_zalloc(dims, sizeof *r->gain)};
    if (!r->weights || !r->inverse || !r->gain) {
        rls_fini(r);
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < dims; i++)
        r->inverse[(size_t)i * dims + i] = spread;
    return ERR_OK;
}

void rls_fini(struct rls *r)
{
    mem_free(r->weights);
    mem_free(r->inverse);
    mem_free(r->gain);
    *r = (struct rls){0};
}

double rls_predict(const struct rls *r, const double *x)
{
    double sum = 0;
    for (uint32_t i = 0; i < r->dims; i++)
        sum += r->weights[i] * x[i];
    return sum;
}

void rls_learn(struct rls *r, const double *x, double y)
{
    gsl_matrix_view p = gsl_matrix_view_array(r->inverse, r->dims, r->dims);
    gsl_vector_view k = gsl_vector_view_array(r->gain, r->dims);
    gsl_vector_view w = gsl_vector_view_array(r->weights, r->dims);
    gsl_vector_const_view v = gsl_vector_const_view_array(x, r->dims);
    double off = y - rls_predict(r, x), with = 0;
    gsl_blas_dsymv(CblasLower, 1, &p.matrix, &v.vector, 0, &k.vector); /* P x */
    gsl_blas_ddot(&v.vector, &k.vector, &with);
    double scale = 1 / (r->forget + with);
    gsl_blas_daxpy(off * scale, &k.vector, &w.vector);
    gsl_blas_dsyr(CblasLower, -scale, &k.vector, &p.matrix);
    gsl_matrix_scale(&p.matrix, 1 / r->forget);
    for (uint32_t i = 0; i < r->dims; i++) { /* D P D with a diagonal D: as definite as before */
        double at = gsl_matrix_get(&p.matrix, i, i), most = MOST_UNSURE * r->spread;
        for (uint32_t j = 0; j < r->dims && at > most; j++) {
            size_t row = i > j ? i : j, col = i > j ? j : i;
            double by = i == j ? most / at : sqrt(most / at);
            gsl_matrix_set(&p.matrix, row, col, gsl_matrix_get(&p.matrix, row, col) * by);
        }
    }
    r->seen++;
}
