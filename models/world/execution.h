/* models/world/execution.h - blocks executed once, shared by every node.
 *
 * An execution is the result of running a block's transactions on the state after another execution
 * (its pre-state): roots, receipts, gas, and one schedule a hardware class. It is computed by the
 * real EVM on host threads, starts when somebody asks for it, and the engine waits for it only when
 * a simulated instant needs its figures. With one host thread it runs inline at that moment. What
 * comes out depends on (pre-state, block, class, profile, seed) alone.
 *
 * The engine's thread owns everything; a worker touches one execution while it runs. */
#ifndef MODELS_WORLD_EXECUTION_H
#define MODELS_WORLD_EXECUTION_H

#include "evm/parallel/executor.h"
#include "models/world/types.h"
#include "sim/base/err.h"

/* One kind of node hardware: nodes of a class take the same time for the same block. */
struct hardware_class {
    const struct evm_executor_ops *executor;
    uint32_t cores;
    const struct evm_profile *profile;
};

/* What one class needs for it. */
struct execution_timing {
    int64_t duration_ns; /* makespan, state root included */
    int64_t makespan_ns, busy_ns, serial_ns, critical_path_ns, root_ns;
    uint64_t executions, aborts, validations, wasted_gas;
};

/* Valid after execution_wait. */
struct execution_result {
    enum evm_status status; /* EVM_ERR_MEMORY stops the run */
    bool valid;             /* false: some transaction cannot be in the block */
    enum evm_tx_invalid invalid;
    uint32_t invalid_tx;
    struct evm_receipt *receipts; /* of those that took effect, in order */
    uint32_t receipt_count;
    struct evm_tx_stat *stats; /* one a transaction, of class 0 */
    uint64_t gas_used;
    struct evm_u256 fees, burnt;
    struct evm_hash state_root, receipts_root;
    struct evm_bloom bloom;
    struct evm_state *state;  /* sealed version after the block; a reference */
    struct evm_slice *slices; /* class 0, if the service keeps schedules */
    size_t slice_count;
};

struct execution_service;
struct execution;

#endif
