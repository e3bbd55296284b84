#include "analysis/interval.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

struct interval interval_of(const double *values, size_t count)
{
    struct interval out = {0, NAN, NAN, NAN};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            sum += values[i];
            out.count++;
        }
    if (!out.count)
        return out;
    double n = (double)out.count;
    out.mean = sum / n;
    if (out.count < 2)
        return out;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            squares += (values[i] - out.mean) * (values[i] - out.mean);
    out.sd = sqrt(squares / (n - 1));
    out.half = gsl_cdf_tdist_Pinv(0.975, n - 1) * out.sd / sqrt(n);
    return out;
}
