/* evm/parallel/profile.h - what work costs on one kind of machine: the table the virtual driver
 * charges from. Data, not code: rows are measured by calibration or shipped with their source; the
 * unit is nanoseconds. */
#ifndef EVM_PARALLEL_PROFILE_H
#define EVM_PARALLEL_PROFILE_H

#include "evm/core/vm.h"

/* Times in nanoseconds, as double so that sub-nanosecond opcode costs add up; a slice's total is
 * rounded to int64. */
struct evm_profile {
    const char *name, *doc;
    double op[EVM_COST_CLASS_COUNT]; /* per unit of evm_meter.count */
    double tx_base;                  /* set-up and finish of one execution, signature apart */
    double read_account, read_slot;  /* one read from the state that is in memory */
    double read_versions;            /* one look-up in the multi-version memory */
    double write;                    /* one published location */
    double validate_entry;           /* one read-set entry checked */
    double sched_step;               /* one task handed out and taken back */
    double commit_tx;                /* the ladder's serial work for one transaction */
    double contended_line; /* added per access of a line another core wrote a moment ago */
    double signature;      /* one sender recovery */
    double hash_dirty;     /* state root, per dirty slot or account */
};

/* The shipped profiles by name, NULL if unknown; row i or NULL past the end. */
const struct evm_profile *evm_profile_find(const char *name);
const struct evm_profile *evm_profile_at(size_t i);

/* Nanoseconds of what the meter counted. */
double evm_profile_cost(const struct evm_profile *p, const struct evm_meter *m);

#endif
