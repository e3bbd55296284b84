/* analysis/interval.h - mean and confidence interval of a figure over independent runs. */
#ifndef ANALYSIS_INTERVAL_H
#define ANALYSIS_INTERVAL_H

#include <stddef.h>

struct interval {
    size_t count; /* values that are numbers */
    double mean;  /* NAN where there is none */
    double sd;    /* of one run: with count - 1 degrees of freedom; NAN below two */
    double half;  /* the mean's 95 % interval is mean - half to mean + half; NAN below two */
};

/* Of those of the values that are finite: a run that cannot tell a figure does not count. The
 * interval is Student's, two-sided, for runs that are independent and a figure that is about
 * normal. Two passes, in the order of the values. */
struct interval interval_of(const double *values, size_t count);

#endif
