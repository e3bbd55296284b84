/* sim/cli/timing.h - the host's clock and what is made of several measurements; for benchmarks. */
#ifndef SIM_CLI_TIMING_H
#define SIM_CLI_TIMING_H

#include <stddef.h>

/* Nanoseconds from some fixed moment; of the processor's time that this thread has had, which on a
 * machine that does other work is what a computation on one core costs. */
double cli_now(void);
double cli_cpu_now(void);

struct cli_times {
    double best, median;
};
/* Sorts the n > 0 measurements. */
struct cli_times cli_times_of(double *ns, size_t n);

#endif
