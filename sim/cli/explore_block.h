/* sim/cli/explore_block.h - a block whose schedules `weft explore` looks through, and the files
 * that keep what it found. */
#ifndef SIM_CLI_EXPLORE_BLOCK_H
#define SIM_CLI_EXPLORE_BLOCK_H

#include "evm/io/recorded.h"
#include "evm/parallel/explore.h"
#include "models/workload/recipes.h"

/* One block and what serial execution made of the part of it that was asked for last. Zeroed is
 * empty; fini gives everything back. */
struct explore_block {
    const char *name; /* borrowed: a path, or recipe:NAME:TRANSACTIONS:SEED */
    struct evm_codes *codes;
    struct evm_exec_pool *pool;
    struct evm_recorded recorded; /* one of the two */
    struct recipe_block recipe;
    struct evm_state *pre; /* after the system's calls before the transactions */
    struct evm_block_env env;
    struct evm_block_input input; /* the whole block; what is invalid is passed over */
    const struct evm_exec_params *params;

    const struct evm_tx **part; /* input.tx_count */
    uint32_t *items;            /* those of the serial result */
    uint32_t item_count;
    bool has_serial;
    struct evm_block_result serial;
    struct evm_changes *told; /* what each of them changed; filled when a difference is looked at */
    uint64_t aborts, runs;    /* of all schedules so far */
};

/* Reads the file or makes the recipe's block. EVM_ERR_INPUT, EVM_ERR_MEMORY, EVM_ERR_IO; *err names
 * the block. */
enum evm_status explore_block_load(struct explore_block *b, const char *name, struct evm_err *err);
void explore_block_fini(struct explore_block *b);

/* The block as what evm/parallel/explore.h asks. */
struct evm_explore_subject explore_block_subject(struct explore_block *b);

/* A finding kept as a file (JSON): the block by its name, the transactions that are left of it, and
 * the schedule. The lists and texts are owned. */
struct explore_case {
    char *block, *executor;
    uint32_t *items;
    uint32_t count, cores, depth;
    uint64_t seed;
    char **params;
    uint32_t param_count;
};
enum evm_status explore_case_write(const char *path, const struct explore_case *c,
                                   struct evm_err *err);
/* *is_case is false, and nothing else is done, if the file is something else. */
enum evm_status explore_case_read(const char *path, struct explore_case *c, bool *is_case,
                                  struct evm_err *err);
void explore_case_fini(struct explore_case *c);

#endif
