/* sim/cli/statetest_blocks.h - state tests made into blocks of several transactions: every
 * executor, driver and number of cores against serial order. */
#ifndef SIM_CLI_STATETEST_BLOCKS_H
#define SIM_CLI_STATETEST_BLOCKS_H

#include "evm/block/tx.h"
#include "evm/io/statetest.h"
#include "sim/cli/text.h"

enum { STATETEST_BLOCK = 48 }; /* most transactions of one block */

/* Of one file. Zeroed, then `seeds` and `path` set. fini gives back what an error left. */
struct statetest_blocks {
    const char *path;
    uint64_t seeds; /* of the virtual driver */
    struct evm_tx txs[STATETEST_BLOCK];
    uint32_t count;
    uint64_t blocks, transactions, effective, runs, aborts, mismatches, left_out;
    struct cli_text lines; /* a line a mismatch */
};

/* Takes the case's transaction; with the last one of a fork executes the block. The cases of a test
 * and fork, repeated up to at least six transactions; each from a sender of its own, a copy of the
 * test's, but for the first two, which are the test's sender's. Left out are transactions with
 * a gas limit above 100 million, and blocks that use more than 10 million. */
enum evm_status statetest_blocks_add(struct statetest_blocks *b,
                                     const struct evm_statetest_offer *o);
void statetest_blocks_fini(struct statetest_blocks *b);

#endif
