/* sim/cli/bench_parallel.h - what `weft bench parallel` is asked for. */
#ifndef SIM_CLI_BENCH_PARALLEL_H
#define SIM_CLI_BENCH_PARALLEL_H

#include "models/workload/recipes.h"
#include "sim/cli/cli.h"
#include "sim/cli/machine.h"

enum { BENCH_MOST = 64 }; /* items of one list */

struct bench_options {
    struct cli_list recipes, executors, params, cores;
    const char *driver, *gas;
    struct cli_machine machine;
    uint64_t txs, accounts, hot, seed, repeat;
    bool json, list;
};

/* An executor with its settings. */
struct contestant {
    const struct evm_executor_ops *ops;
    struct evm_exec_params params;
};

/* What is measured: every recipe by every contestant (serial is the first) on all numbers of cores
 * of each driver; a driver that is not wanted has none. */
struct bench_choice {
    const struct recipe *recipes[BENCH_MOST];
    size_t recipe_count;
    struct contestant contestants[BENCH_MOST];
    size_t contestant_count;
    uint32_t cores[2][BENCH_MOST]; /* by enum evm_driver */
    size_t core_count[2];
    struct recipe_params params;
};

/* Reads the options into *out (zeroed). Returns -1 to go on; else the status, and what is wrong has
 * been said. */
int bench_choose(struct bench_choice *out, const struct cli_command *self,
                 const struct bench_options *o);

#endif
