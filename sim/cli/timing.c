#include "sim/cli/timing.h"

#include <stdlib.h>
#include <time.h>

static double read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double cli_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double cli_cpu_now(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

struct cli_times cli_times_of(double *ns, size_t n)
{
    qsort(ns, n, sizeof *ns, ascending);
    return (struct cli_times){ns[0], ns[n / 2]};
}
