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
#include "models/world/insight.h"
#include "models/world/op.h"
#include "models/world/types.h"
#include "models/world/witness.h"
#include "models/world/workers.h"
#include "sim/base/err.h"

/* One kind of node hardware: nodes of a class take the same time for the same block. */
struct hardware_class {
    const struct evm_executor_ops *executor;
    const struct evm_exec_params *params; /* its settings; borrowed */
    uint32_t cores;
    const struct evm_profile *profile;
};

/* What one class needs for it. */
struct execution_timing {
    int64_t duration_ns; /* makespan, state root included */
    int64_t makespan_ns, busy_ns, serial_ns, critical_path_ns, oracle_ns, root_ns;
    int64_t ladder_ns; /* of busy_ns: the commit ladder, one transaction after the other */
    uint64_t executions, aborts, validations, wasted_gas;
    uint32_t ahead_hits, ahead_misses; /* of struct evm_block_result */
    int64_t ahead_ns;
    /* Of a node that got the block's access list with it; with config.lists. */
    int64_t listed_duration_ns, listed_busy_ns;
};

/* Valid after execution_wait. */
struct execution_result {
    enum evm_status status; /* EVM_ERR_MEMORY stops the run */
    bool valid;             /* false: some transaction cannot be in the block, or may not touch what
                               it touched */
    enum evm_tx_invalid invalid;
    uint32_t invalid_tx;
    struct evm_receipt *receipts; /* of those that took effect, in order */
    uint32_t receipt_count;
    struct evm_tx_stat *stats; /* one a transaction, of class 0 */
    uint64_t *storage;         /* likewise, with config.storage: as in struct fees_use */
    uint64_t gas_used;
    struct evm_u256 fees, burnt;
    struct evm_hash state_root, receipts_root;
    struct evm_hash list_hash; /* with config.lists: the access list's hash and its bytes as RLP */
    uint32_t list_size;
    struct evm_bloom bloom;
    struct evm_state *state;  /* sealed version after the block; a reference */
    struct evm_slice *slices; /* class 0, if asked for */
    size_t slice_count;
    struct insight insight; /* class 0; edges and points with the slices */
    /* Of a partitioned network. */
    struct ops_result ops;   /* states let go; until execution_trim, but for `after` */
    uint8_t *guarded;        /* enum guard_verdict, a transaction; NULL: all are fine */
    struct evm_changes away; /* what accounts of other layers became; until execution_trim */
    uint32_t change_bytes;   /* of what the layer keeps of its changes, as it would be sent */
    struct witness witness;  /* with config.witness */
};

struct execution_service;
struct execution;

enum { EXECUTION_CLASSES_MAX = 64 };

struct execution_config {
    const struct evm_rules *rules;
    struct evm_codes *codes;
    struct evm_exec_caches caches;
    bool real_root; /* false: state_root is a digest of the block's changes */
    /* Every node had executed each transaction by itself (evm_precompute) before the block came:
     * while it waited in the pool, on the state that the block's parent was executed on (genesis:
     * that state itself), in the block as its header says, as if that had been foreseen. What of it
     * holds is taken over. The work before the block is charged to nobody's cores; timing.ahead_ns
     * tells it. */
    bool precompute;
    bool lists;   /* blocks carry access lists (EIP-7928) */
    bool storage; /* fees want to know what transactions write */
    uint64_t seed;
    const struct hardware_class *classes; /* at least one; class 0 gives the result */
    bool partitioned;     /* blocks have ops, and transactions touch what the layer holds */
    uint32_t class_count; /* at most EXECUTION_CLASSES_MAX */
    /* Of the classes the last ones: of nodes that come to a block unprepared, since they do not
     * follow its layer. For them there is neither `precompute` nor what executors learn from the
     * blocks before. */
    uint32_t guests;
    const struct witness_state *witness; /* NULL: results have none */
};

/* One a layer. Borrows the workers and the classes. */
enum err_code execution_service_create(struct execution_service **out, struct workers *workers,
                                       const struct execution_config *config, struct err *err);
/* Every execution must have been dropped. Accepts NULL. */
void execution_service_destroy(struct execution_service *s);

/* The execution that stands for the genesis state (takes over the references): done from the start,
 * with the state's root. held: NULL where the network is not partitioned. NULL when memory is out,
 * with the references still the caller's. */
struct execution *execution_genesis(struct execution_service *s, struct evm_state *state,
                                    struct holdings *held);

/* What a block is for whoever executes it. */
struct execution_input {
    const struct evm_block_env *env;
    struct tx *const *txs;
    uint32_t tx_count;
    struct op *const *ops;
    uint32_t op_count;
    const struct evm_block_hashes *hashes;
    enum evm_invalid_policy policy;
    bool keep_schedule;
};

/* Starts executing it over `parent`. env and hashes are copied, txs and ops borrowed until the
 * execution is done or dropped. NULL when memory is out, or when the parent's state has been let
 * go. */
struct execution *execution_start(struct execution_service *s, struct execution *parent,
                                  const struct execution_input *in);

struct execution *execution_ref(struct execution *e);
/* Accepts NULL. Waits for host threads that still work on it. */
void execution_unref(struct execution *e);

/* Waits if need be. Borrowed until the last reference goes (slices and insight: until
 * execution_trim). */
const struct execution_result *execution_wait(struct execution *e);
const struct execution_timing *execution_wait_timing(struct execution *e, uint32_t class);

/* Waits until nothing of the service executes: host threads look at nothing more. Accepts NULL. */
void execution_rest(struct execution_service *s);

/* What the layer holds after it; borrowed. Waits if need be. NULL: not partitioned, or the block is
 * invalid. */
struct holdings *execution_holdings(struct execution *e);

/* From 1, in the order of their making; each stands for one state. */
uint64_t execution_number(const struct execution *e);

/* Lets go of the state version, or of receipts, statistics and slices. Waits first. */
void execution_drop_state(struct execution *e);
void execution_trim(struct execution *e);

/* Folds the state of `e` into the base: reads get fast again. Executions of other branches and of
 * ancestors should have dropped their states; while one holds on to its own (a block that only its
 * maker knows), nothing is folded, and a later call does it. Waits until nothing executes. */
enum evm_status execution_flatten(struct execution *e);

#endif
