/* evm/io/trace.h - EIP-3155 traces: one JSON object a line for each opcode, one for the summary.
 *
 *     struct evm_trace t;
 *     evm_trace_init(&t, file, 0);
 *     evm_txrun_trace(run, &t.tracer);  ... run ...  evm_txrun_trace(run, NULL);
 *     evm_trace_summary(&t, &summary);
 *     bool fine = evm_trace_fini(&t);
 *
 * A line holds pc, op, gas, gasCost, memSize, stack, returnData, depth, refund and opName, all as
 * they were before the opcode except gasCost, which is what it cost in all (struct evm_tracer says
 * what that means for calls and failures), and error, there only if the opcode failed. Gas and
 * stack words are hexadecimal strings without leading zeros, the rest decimal numbers, data
 * hexadecimal. REVERT is no failure of the opcode. No clock is read: "time" is never there. */
#ifndef EVM_IO_TRACE_H
#define EVM_IO_TRACE_H

#include <stdio.h>

#include "evm/core/buf.h"
#include "evm/core/vm.h"

enum evm_trace_flags {
    EVM_TRACE_MEMORY = 1u << 0,         /* "memory" in each line */
    EVM_TRACE_NO_STACK = 1u << 1,       /* no "stack": shorter files */
    EVM_TRACE_NO_RETURN_DATA = 1u << 2, /* no "returnData" */
};

/* Read-only for the user but `tracer`, which is to be given to the run. Stays where it is while the
 * run holds it. */
struct evm_trace {
    struct evm_tracer tracer;
    FILE *out; /* borrowed */
    unsigned flags;
    struct evm_buf head, tail; /* of the line whose price is not known yet */
    bool failed;
};

void evm_trace_init(struct evm_trace *t, FILE *out, unsigned flags);
/* Frees what it holds, flushes `out`, does not close it. False if a line was lost. */
bool evm_trace_fini(struct evm_trace *t);

/* The last line. A pointer that is NULL leaves its part away. */
struct evm_trace_summary {
    bool pass; /* the transaction was valid and did not revert or halt */
    struct evm_bytes output;
    uint64_t gas_used;
    const char *error; /* in words */
    const struct evm_hash *state_root;
    const char *fork;
};
void evm_trace_summary(struct evm_trace *t, const struct evm_trace_summary *s);

#endif
