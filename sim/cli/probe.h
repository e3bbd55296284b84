/* sim/cli/probe.h - blocks made to measure one thing, for weft calibrate.
 *
 * A probe is a block: so many calls of one contract, whose code repeats a piece of straight-line
 * code. What it does is counted by the virtual driver itself: executed under a profile in which one
 * value is 1 and all others are 0, its time is how often that value is charged. So a value is what
 * is left of the measured time (of a probe less another one's) when all that is known is taken off,
 * divided by how often it occurs. */
#ifndef SIM_CLI_PROBE_H
#define SIM_CLI_PROBE_H

#include "evm/parallel/executor.h"
#include "evm/state/state.h"

enum { PROBE_TXS_MAX = 4096, PROBE_FIELDS_MAX = 96 };

/* A block. */
struct probe {
    const char *code; /* hexadecimal, repeated `copies` times over the stack [word 0, word 1]; or
                         "-": `copies` pieces far from one another */
    unsigned copies;
    unsigned txs;                            /* the same call */
    bool distinct;                           /* each from a sender of its own, else all from one */
    const struct evm_executor_ops *executor; /* on one thread */
    unsigned variants; /* contracts whose codes differ and do the same, called in turn; 0: one */
};

struct probe_bench {
    struct evm_codes *codes;
    struct evm_exec_pool *pool;
    double noise;  /* the worst seen: how much longer the median took than the best */
    double budget; /* nanoseconds for the repetitions of one probe */
};

struct probe_bench *probe_bench_create(void); /* NULL when memory is out */
void probe_bench_destroy(struct probe_bench *b);

/* The value of *field by which `more` takes longer than `less` (which may be NULL), all others
 * being *known's. False when memory is out, or if the field is not charged more often. */
bool probe_solve(struct probe_bench *b, const struct evm_profile *known, const char *field,
                 const struct probe *more, const struct probe *less, double *value);
/* Nanoseconds of the block, the best of its repetitions; below 0 when memory is out. */
double probe_time(struct probe_bench *b, const struct probe *p, bool translated);

#endif
