/* evm/parallel/explore.h - looking for schedules that give another result than serial order.
 *
 * A seed names a schedule of the virtual driver (struct evm_exec_chaos); whoever explores says how
 * a part of his block is executed and compared (struct evm_explore_subject), and gets: the same
 * schedule again for the same seed, and for one that fails the smallest part of the block that
 * still does. Nothing is shared between calls but what the subject keeps. */
#ifndef EVM_PARALLEL_EXPLORE_H
#define EVM_PARALLEL_EXPLORE_H

#include "evm/parallel/executor.h"
#include "evm/parallel/scheduler.h"

/* One schedule of one block. */
struct evm_explore_at {
    const struct evm_executor_ops *executor;
    uint32_t cores;
    uint64_t seed;
    uint32_t depth; /* points of change, at most EVM_CHAOS_DEPTH */
};

enum evm_explored {
    EVM_EXPLORED_SAME,
    EVM_EXPLORED_DIFFERS, /* from serial order */
    EVM_EXPLORED_STALLED, /* it never ends */
};

struct evm_explored_run {
    enum evm_explored verdict;
    char text[200]; /* not SAME: what differs, in words */
    uint32_t tx;    /* the first one that committed something else, or EVM_NO_TX */
    uint64_t step;  /* and when that was; or the last step */
};

struct evm_explore_subject {
    void *self;
    /* Executes the transactions items[0..count) of the block, in that order, under the schedule and
     * in serial order, and compares. An error is for what is neither a result nor a stall. */
    enum evm_status (*run)(void *self, const struct evm_explore_at *at,
                           struct evm_exec_chaos *chaos, const uint32_t *items, uint32_t count,
                           struct evm_explored_run *out);
};

/* What schedule a seed stands for: two of three seeds have priorities (PCT: Burckhardt et al.,
 * ASPLOS 2010), one keeps to the clocks, with costs that jitter by up to 0.02 to 20 us a step. */
struct evm_exec_chaos evm_explore_schedule(const struct evm_explore_at *at, uint64_t horizon);

/* *horizon: the steps that the undisturbed schedule takes, the same for all seeds. */
enum evm_status evm_explore_horizon(const struct evm_explore_subject *subject,
                                    const struct evm_explore_at *at, const uint32_t *items,
                                    uint32_t count, uint64_t *horizon);

/* Cuts items[0..*count) down to a part in which no single transaction can be missed: the part still
 * fails under one of some seeds from at->seed on, which becomes at->seed. *out is that run's. The
 * list must fail at first under at->seed. */
enum evm_status evm_explore_shrink(const struct evm_explore_subject *subject,
                                   struct evm_explore_at *at, uint32_t *items, uint32_t *count,
                                   struct evm_explored_run *out);

/* Leaves in items[0..*count) a part of them, in order, for which `fails` still holds though it
 * holds no longer if any single one is taken out. `fails` must hold for all at first (it is not
 * asked) and must not depend on what was asked before. At most about count^2 questions, count log
 * count if the fault needs few. EVM_ERR_MEMORY leaves a part that fails. Source: Zeller and
 * Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE 28(2), 2002), algorithm
 * ddmin. */
enum evm_status evm_shrink(uint32_t *items, uint32_t *count,
                           bool (*fails)(void *self, const uint32_t *items, uint32_t count),
                           void *self);

#endif
