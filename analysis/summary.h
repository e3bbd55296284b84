/* analysis/summary.h - the figures of a run that a person asks for first, over its measured part.
 */
#ifndef ANALYSIS_SUMMARY_H
#define ANALYSIS_SUMMARY_H

#include "analysis/run.h"

/* Shares of a limit that were in use: 1 is all of it. NaN where nothing was measured. */
struct summary_pressure {
    double blocks;    /* gas used of the gas limit, canonical blocks */
    double execution; /* time to execute a block, of the time between blocks; the fullest layer's */
    double cores;     /* core time spent executing, mean over nodes that were up */
    double uplink, downlink; /* of the fullest node, mean over time */
};

/* Rates are per second of measured time, times in seconds, prices in wei. NaN: nothing to say. */
struct summary {
    double measured; /* seconds */
    double offered, achieved;
    double offered_txs, committed_txs, reverted_txs, pending_txs, dropped_txs;
    double latency_50, latency_90, latency_99;
    double base_fee, base_fee_low, base_fee_high, tip, fee; /* medians; fee is per transaction */
    double full_blocks;                                     /* share of blocks at 95 % or more */
    double abort_share, speed_up, executions, aborts;
    double blocks, block_interval, asked_interval; /* final blocks of the measured part */
    double all_blocks, stale_blocks, view_changes; /* of the whole run, as the *_txs above */
    struct summary_pressure pressure;
};

/* ERR_MEMORY. */
enum err_code summary_make(struct summary *s, const struct run *run, struct err *err);

/* Quantile q of `count` ascending values; NaN if there are none. */
double summary_quantile(const double *sorted, size_t count, double q);

/* Latencies in seconds, ascending, of what was submitted in the measured part and committed; `kind`
 * and `layer` narrow it down (NULL, -1: all). *count of them, to be freed; NULL only if memory is
 * out. */
double *summary_latencies(const struct run *run, const char *kind, int layer, int crosses,
                          size_t *count);

#endif
