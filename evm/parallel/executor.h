/* evm/parallel/executor.h - executing the transactions of one block, in parallel, with the result
 * of serial order.
 *
 * Three parts that meet in this file:
 *   - an executor (a scheduler): a passive, non-blocking state machine that says what to do next
 * (serial, block-stm, ...);
 *   - a driver that runs its tasks: OpenMP threads on the host, or N simulated cores in virtual
 * time;
 *   - the multi-version memory and the commit ladder, which make the result independent of both.
 *
 * Whatever the executor, driver, number of cores and seed: changes, receipts, gas and logs are
 * those of serial order. With the virtual driver, makespan, aborts and the schedule depend on
 * (input, executor, cores, seed, profile) alone. */
#ifndef EVM_PARALLEL_EXECUTOR_H
#define EVM_PARALLEL_EXECUTOR_H

#include "evm/block/bal.h"
#include "evm/block/receipt.h"
#include "evm/block/requests.h"
#include "evm/block/txrun.h"
#include "evm/parallel/access.h"
#include "evm/parallel/params.h"
#include "evm/parallel/precompute.h"
#include "evm/parallel/profile.h"
#include "evm/state/state.h"

/* ---- what to execute ---- */

enum evm_invalid_policy {
    EVM_INVALID_REJECTS_BLOCK, /* the first invalid transaction ends the block: result->invalid says
                                  which and why */
    EVM_INVALID_IS_SKIPPED,    /* it has no effect and no receipt (execute-after-order chains) */
};

struct evm_block_input {
    const struct evm_rules *rules;
    const struct evm_block_env *env;
    const struct evm_tx *const *txs; /* senders recovered; borrowed */
    uint32_t tx_count;
    const struct evm_state *pre; /* sealed or not; only read */
    const struct evm_block_hashes *hashes;
    enum evm_invalid_policy invalid_policy;
    uint64_t gas_taken; /* of env->gas_limit, by what is no transaction */

    /* NULL, or called by the ladder for each transaction that took effect, in order, one call at a
     * time, from any worker: what it alone changed, its fee included. For intermediate state roots
     * (receipts before Byzantium) and traces. Anything but EVM_OK ends the execution with that
     * error. */
    enum evm_status (*committed)(void *self, uint32_t tx_index, const struct evm_changes *changes);
    void *committed_self;

    /* Known beforehand; borrowed, each may be NULL. */
    const struct evm_access_sets *sets; /* of exactly these transactions */
    const struct evm_history *history;  /* of the blocks before */
    /* Results from before the block, one a transaction, each of exactly that one or NULL. */
    const struct evm_precomputed *const *ahead;

    /* NULL, or gets what each transaction accessed and changed, at its index + 1: for whoever makes
     * the access list of a block of which these transactions are a part. Not with keep_bal. */
    struct evm_bal_builder *bal;
};

/* ---- how ------------------------------------------------------------------------------------- */

enum evm_driver { EVM_DRIVER_THREADS, EVM_DRIVER_VIRTUAL };

struct evm_executor_ops; /* evm/parallel/scheduler.h; evm_executor_find gives one by name */

/* Memory that stays between blocks: transaction runs, multi-version memory, tables. Any number of
 * evm_execute calls may use one pool at once; each takes a set of its own and gives it back. A pool
 * remembers contract codes: the code stores of its blocks must live as long as the pool does. */
struct evm_exec_pool;
struct evm_exec_pool *evm_exec_pool_create(void);       /* NULL when memory is out */
void evm_exec_pool_destroy(struct evm_exec_pool *pool); /* nobody may be using it; accepts NULL */

/* A disturbed schedule, for finding orders of events that give another result (weft explore). What
 * the times of such a run mean is nothing; its result must be serial order's. The same settings
 * give the same schedule. Virtual driver only. */
enum { EVM_CHAOS_DEPTH = 16 };
struct evm_exec_chaos {
    uint64_t seed;
    bool by_priority; /* the cores have places in a row, drawn by the seed, and of those that have
                         something to do the first in the row does it, whatever the clocks say; else
                         the clocks decide */
    uint32_t depth;   /* at so many steps (at most EVM_CHAOS_DEPTH) the core at work goes to the end
                         of the row, or, where clocks decide, stands still for up to 64 jitters */
    uint64_t horizon; /* they are drawn from the steps 1 to horizon */
    int64_t jitter;   /* each step takes up to that many nanoseconds more */
    uint64_t step;    /* out: the steps so far; may be read by `committed` */
};

/* Switches of what is kept and fetched beforehand; zeroed is how a node runs. Both drivers obey;
 * none changes a result. */
struct evm_exec_caches {
    bool prefetch;  /* the locations of input->sets, or else those that are declared (senders,
                       recipients, EIP-2930 lists), are read before the first transaction runs: by
                       all cores at once, each a share; on a simulated device, requested at time 0
                       in the block's order. Nothing happens under executor serial with threads,
                       which has one core and its state in memory */
    bool no_keccak; /* no hash is remembered, nor made beforehand */
    bool no_code;   /* contracts run untranslated */
};

struct evm_exec_config {
    const struct evm_executor_ops *executor;
    enum evm_driver driver;
    uint32_t cores;                       /* threads, or simulated cores: 1..1024 */
    uint64_t seed;                        /* virtual driver: breaks ties between cores */
    const struct evm_profile *profile;    /* virtual driver: what things cost */
    const struct evm_exec_params *params; /* NULL: the defaults */
    struct evm_exec_caches caches;
    struct evm_exec_chaos *chaos; /* NULL: none */
    bool keep_schedule;           /* fill result->slices */
    bool keep_sets;               /* fill result->sets */
    bool keep_bal;                /* fill result->bal */
    struct evm_exec_pool *pool;   /* NULL: memory is taken and given back by the call */
};

/* ---- what came out ---- */

/* One stretch of work on one core; the Gantt chart's bars. */
enum evm_slice_kind { EVM_SLICE_EXECUTE, EVM_SLICE_VALIDATE, EVM_SLICE_COMMIT, EVM_SLICE_WAIT };
struct evm_slice {
    uint32_t core, tx, incarnation;
    uint8_t kind;       /* enum evm_slice_kind */
    bool aborted;       /* the work was thrown away afterwards */
    int64_t start, end; /* ns from the start of the block */
};

/* What is known of each transaction beside its receipt. */
struct evm_tx_stat {
    uint32_t incarnations; /* executions, 1 without conflict */
    enum evm_tx_invalid invalid;
    int64_t cost_ns;   /* virtual driver: of the final incarnation */
    int64_t commit_ns; /* virtual driver: when it committed */
};

struct evm_block_result {
    enum evm_tx_invalid invalid;  /* block rejected: why, and ... */
    uint32_t invalid_tx;          /* ... because of which transaction */
    struct evm_changes changes;   /* of the whole block, fees included */
    struct evm_receipt *receipts; /* one for each transaction that took effect, in order */
    uint32_t receipt_count;
    uint64_t gas_used, blob_gas_used;
    struct evm_u256 fees, burnt;
    struct evm_tx_stat *stats; /* tx_count of them */
    struct evm_slice *slices;  /* by start time, if asked for */
    size_t slice_count;
    int64_t makespan_ns;      /* virtual driver: simulated; threads driver: measured */
    int64_t busy_ns;          /* sum over cores */
    int64_t serial_ns;        /* virtual driver: the same work on one core, over one version of the
                                 state, each read of the device waited for */
    int64_t critical_path_ns; /* virtual driver: longest chain of transactions of which each reads
                                 what the one before wrote, in the final read and write sets, each
                                 counted whole: the oracle's bound on any number of cores (only who
                                 overlaps a reader's start with its writer can pass it) */
    int64_t oracle_ns;        /* virtual driver, with sets: makespan of a scheduler that knows them
                                 beforehand, on as many cores (oracle.h) */
    int64_t filter_ns;     /* virtual driver: hashing for the receipts' filters, by all cores after
                              the last commit; not in makespan */
    uint64_t device_reads; /* virtual driver: reads of the storage device, and what ... */
    int64_t device_ns;     /* ... cores waited for them, in sum */
    int64_t ladder_ns;     /* virtual driver: the commit ladder's share, which is serial */
    uint64_t executions, aborts, validations;
    uint64_t wasted_gas; /* of executions thrown away, without what ... */
    uint64_t kept_gas;   /* ... the next ones did not have to repeat because they ... */
    uint64_t returns;    /* ... began at a saved state (partial re-execution) */
    /* Of the transactions with a result from before the block: those that it stands for in the
     * end, which are no executions, and those that were executed nevertheless. The oracle, the
     * longest chain and serial_ns count them all as if executed. */
    uint32_t ahead_hits, ahead_misses;
    int64_t ahead_ns; /* virtual driver: what all those results took beforehand on one core, charged
                         to nobody here */
    struct evm_bal bal; /* block access list (EIP-7928), if asked for: of evm_execute's transactions
                           alone, of evm_block_transition with what the system does around them */
    struct evm_access_sets sets; /* what each transaction read and wrote in the end, if asked for;
                                    one that had no effect wrote nothing */

    /* From evm_block_transition alone: what its barriers gave. */
    struct evm_requests requests;
    enum evm_block_fault
        fault; /* not FINE: the block is invalid, although its transactions are not */
};

/* Executes. *out is initialised by the call and owned by the caller (evm_block_result_fini, also
 * after an error). Errors: EVM_ERR_MEMORY, EVM_ERR_INPUT for impossible settings and for balances
 * whose sum with the fees passes 2^256, what `committed` returned; an invalid block is not an
 * error: it has no changes, receipts, gas or fees. EVM_ERR_LIMIT where the virtual driver sees that
 * an executor will never end (a fault of the executor's). Re-entrant: several blocks may execute at
 * once on different host threads. The threads driver starts up to `cores` OpenMP threads (inside a
 * parallel region OpenMP gives it one). */
enum evm_status evm_execute(const struct evm_exec_config *config, const struct evm_block_input *in,
                            struct evm_block_result *out, struct evm_err *err);
void evm_block_result_fini(struct evm_block_result *r);

/* ---- the registry ---- */

/* NULL for an unknown name. */
const struct evm_executor_ops *evm_executor_find(const char *name);
/* Row i, or NULL past the end: for listings. */
const struct evm_executor_ops *evm_executor_at(size_t i);
const char *evm_executor_name(const struct evm_executor_ops *ops);
const char *evm_executor_doc(const struct evm_executor_ops *ops);

#endif
