/* evm/io/statetest.h - the shared state tests of ethereum/tests and execution-spec-tests.
 *
 * A file holds named tests: a pre-state, a block environment, a transaction with several data, gas
 * limits and values, and for each fork the root of the post-state and the hash of the logs for some
 * of the combinations. An invalid transaction leaves the state as it was, but for the touch of the
 * beneficiary (before EIP-161 it comes to exist), as the tests' own tools do it. */
#ifndef EVM_IO_STATETEST_H
#define EVM_IO_STATETEST_H

#include "evm/core/error.h"
#include "evm/core/fork.h"
#include "evm/core/types.h"

enum evm_statetest_reason {
    EVM_STATETEST_PASSED,
    EVM_STATETEST_SKIPPED,            /* a fork that this program does not know */
    EVM_STATETEST_MALFORMED,          /* the fixture could not be understood */
    EVM_STATETEST_EXCEPTION_EXPECTED, /* the transaction should have been invalid */
    EVM_STATETEST_LOGS,               /* logs mismatch */
    EVM_STATETEST_ROOT,               /* state root mismatch */
    EVM_STATETEST_REASON_COUNT
};
const char *evm_statetest_reason_name(enum evm_statetest_reason r); /* "root mismatch" */

/* One case: valid during the callback. */
struct evm_statetest_case {
    const char *test, *fork;
    size_t index; /* in the fork's list */
    uint64_t data, gas, value;
    enum evm_statetest_reason reason;
    char detail[192]; /* what was found and what was expected; empty for a pass */
};

/* Runs every case of the file (those of one fork only, if only_fork is not NULL), in the file's
 * order. An error means that the file could not be read; cases reported before it stand. Different
 * files may run in different threads. */
enum evm_status evm_statetest_file(const char *path, const char *only_fork,
                                   void (*report)(void *self, const struct evm_statetest_case *c),
                                   void *self, struct evm_err *err);

#endif
