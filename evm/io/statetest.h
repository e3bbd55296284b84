/* evm/io/statetest.h - the shared state tests of ethereum/tests and execution-spec-tests.
 *
 * A file holds named tests: a pre-state, a block environment, a transaction with several data, gas
 * limits and values, and for each fork the root of the post-state and the hash of the logs for some
 * of the combinations, with the name of the exception where the transaction is to be invalid. An
 * invalid transaction leaves the state as it was, but for the touch of the
 * beneficiary (before EIP-161 it comes to exist), as the tests' own tools do it. */
#ifndef EVM_IO_STATETEST_H
#define EVM_IO_STATETEST_H

#include <stdio.h>

#include "evm/core/error.h"
#include "evm/core/fork.h"
#include "evm/core/types.h"

struct evm_block_env;
struct evm_state;
struct evm_tx;

enum evm_statetest_reason {
    EVM_STATETEST_PASSED,
    EVM_STATETEST_SKIPPED,            /* a fork that this program does not know */
    EVM_STATETEST_MALFORMED,          /* the fixture could not be understood */
    EVM_STATETEST_EXCEPTION_EXPECTED, /* the transaction should have been invalid */
    EVM_STATETEST_EXCEPTION_WRONG,    /* it is invalid, but not for a reason that was named */
    EVM_STATETEST_EXCEPTION_UNKNOWN,  /* a name that evm/io/exceptions.c has no row for */
    EVM_STATETEST_EXCEPTION_FOUND,    /* it is invalid, and no reason was named */
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
    char detail[256]; /* what was found and what was expected; empty for a pass */

    /* What came out of it; only if it was executed. */
    bool executed;
    struct evm_hash state_root, logs_hash;
    uint64_t gas_used;
    char error[160]; /* why the transaction is invalid, or how it halted; empty for neither */
};

/* A case's transaction, with the state and the block that all cases of the test and fork share. */
struct evm_statetest_offer {
    const struct evm_statetest_case *c;
    const struct evm_rules *rules;
    const struct evm_block_env *env;
    struct evm_state *pre; /* sealed; its code store lives until the file is done */
    struct evm_tx *tx;     /* NULL: those were all of that fork */
};

/* Which cases run, by what rules, and with what traces. Zeroed means all, by their own, none. */
struct evm_statetest_options {
    const char *const *forks; /* any name of the forks that are wanted; none: all */
    size_t fork_count;
    const char *test; /* only tests whose name holds this text */
    bool has_index;   /* only the case at this place in its fork's list */
    size_t index;
    bool has_data, has_gas, has_value; /* only cases with these */
    uint64_t data, gas, value;
    /* The fixtures' fork name `label` means these rules instead. */
    const struct evm_statetest_alias {
        const char *label;
        const struct evm_rules *rules;
    } * aliases;
    size_t alias_count;
    /* Where the EIP-3155 trace of a case goes; NULL for no trace of it. The file is handed back
     * when the case is done, with lost = true if not all of it could be written. */
    FILE *(*trace_open)(void *self, const struct evm_statetest_case *c);
    void (*trace_close)(void *self, FILE *f, bool lost);
    unsigned trace_flags; /* enum evm_trace_flags */
    /* NULL, or the cases are not run, but offered here, for who makes something else of their
     * transactions. He may take *tx over (and leave it zeroed); what it points to lives until the
     * call without one. Anything but EVM_OK ends the file with EVM_ERR_MEMORY. */
    enum evm_status (*offer)(void *self, const struct evm_statetest_offer *o);
};

/* Runs the cases of the file in the file's order; options may be NULL, everything is borrowed, and
 * the callbacks get `self`. An error means that the file could not be read; cases reported before
 * it stand. A test that cannot be understood is a malformed case and the others go on. Different
 * files may run in different threads. */
enum evm_status evm_statetest_file(const char *path, const struct evm_statetest_options *options,
                                   void (*report)(void *self, const struct evm_statetest_case *c),
                                   void *self, struct evm_err *err);

#endif
