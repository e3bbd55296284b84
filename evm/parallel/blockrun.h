/* evm/parallel/blockrun.h - one block under execution: what drivers do when they carry out a task.
 * Internal to evm/parallel.
 *
 * Between the driver (when and where) and the executor (what next) stands this module: it runs
 * transaction bodies over the multi-version memory, keeps what each incarnation read and wrote,
 * and holds the commit ladder (ladder.c), the only place where anything becomes final.
 *
 * Threads: functions on different transactions may run at once; the executor guarantees that a
 * transaction has one task at a time and that commits come one at a time and in order. */
#ifndef EVM_PARALLEL_BLOCKRUN_H
#define EVM_PARALLEL_BLOCKRUN_H

#include <stdatomic.h>

#include "evm/parallel/executor.h"
#include "evm/parallel/mvmemory.h"
#include "evm/parallel/scheduler.h"
#include "evm/parallel/touched.h"

/* How far a body got with a result that was kept from before the block (aheadbody.h). */
struct evm_body_ahead {
    bool skipped;      /* it has run nothing: what was kept is compared, or was taken over */
    uint32_t compared; /* kept reads */
    const struct evm_precomputed *taken; /* what it took over; NULL: nothing, or not yet */
};

/* What is executed: real transactions (txbody.c), or a test's. The functions mirror
 * evm/block/txrun.h. */
struct evm_body_ops {
    void *(*create)(void *self); /* NULL when memory is out */
    void (*destroy)(void *body);
    void (*begin)(void *self, void *body, uint32_t tx, struct evm_view view);
    enum evm_step (*step)(void *body, struct evm_meter *meter, uint64_t budget);
    const struct evm_tx_outcome *(*outcome)(void *body);
    /* NULL, or makes the receipt of transaction tx from its outcome. */
    enum evm_status (*receipt)(void *self, uint32_t tx, const struct evm_tx_outcome *outcome,
                               struct evm_receipt *out);
    /* NULL, or as evm_txrun_balance_bound, after the end. */
    bool (*balance_bound)(void *body, const struct evm_addr *addr, struct evm_u256 *bound);
    /* NULL, or as evm_txrun_each_access, after the end. */
    void (*each_access)(const void *body,
                        void (*visit)(void *self, const struct evm_jaccount *acc,
                                      const struct evm_jslot *slot),
                        void *self);
    /* NULL: nothing is kept from before the block. */
    void (*ahead)(const void *body, struct evm_body_ahead *out);
    /* NULL, or as evm_txrun_progress, _save and _restore, for up to EVM_RUN_SAVES states. */
    uint64_t (*progress)(const void *body);
    size_t (*save)(void *body, uint32_t k);
    size_t (*restore)(void *body, uint32_t k);
};
enum { EVM_RUN_SAVES = EVM_TXRUN_SAVES };

/* What the ladder has to know of a block. */
struct evm_block_rules {
    uint32_t tx_count;
    struct evm_addr beneficiary;
    bool clears_empty;  /* EIP-161 */
    uint64_t gas_limit; /* of the block */
    uint64_t blob_gas_limit;
    const uint64_t *tx_gas_limits; /* tx_count; NULL: no transaction has one */
    enum evm_invalid_policy policy;
    enum evm_status (*committed)(void *self, uint32_t tx, const struct evm_changes *changes);
    void *committed_self;
};

enum evm_run_stop {
    EVM_RUN_DONE,
    EVM_RUN_READ,    /* timed runs: a read wants to happen; grant it when its time has come */
    EVM_RUN_BLOCKED, /* run->blocker */
    EVM_RUN_GUARDED, /* a good place to save; evm_run_step does so and goes on */
    EVM_RUN_FAILED,  /* memory is out; the block is given up */
};

/* A state that a run may go back to. */
struct evm_run_save {
    uint32_t reads; /* in the log */
    uint32_t slot;  /* the body's number for it */
    uint64_t gas;   /* used until then */
    uint64_t read_stamp;
    bool took_turn, guessed;
    struct evm_meter meter;
    struct evm_mv_cost cost;
    int64_t waited;
    uint32_t hashed;
};

/* One transaction in flight, parked, or finished and kept because it may have to go back. */
struct evm_run {
    struct evm_blockrun *block;
    void *body;
    uint32_t tx, incarnation, core;
    uint32_t blocker;
    uint32_t parts; /* times it was started or resumed */
    uint8_t stop;   /* why the view said PENDING: enum evm_run_stop */
    bool timed, granted;
    bool took_turn;         /* it read what depends on everything before it */
    bool alone;             /* nobody else is at work */
    bool guessed;           /* it took the beneficiary's balance for what it was before the block */
    struct evm_location at; /* timed: what the read that waits wants */
    struct evm_meter meter;
    struct evm_mv_cost cost;
    bool unguarded; /* the read that waits was guarded already */
    bool finished;
    uint64_t spent;  /* finished: its gas, 0 if it did not come to its end */
    bool returned;   /* this part began at a saved state */
    uint32_t uneven; /* returns in a row to a state in which a balance had another value */
    uint32_t save_count;
    struct evm_run_save saves[EVM_RUN_SAVES]; /* by progress */
    int64_t waited;                           /* virtual driver: for the device */
    uint32_t hashed; /* virtual driver, returned: the run's newest hash in the memo */
    struct evm_run *next_free;
};

/* What is kept of a transaction from its first execution to the end of the block. */
struct evm_tx_record {
    struct evm_mv_log log;
    struct evm_changes changes;
    struct evm_touched touched;    /* b->bal: what it accessed */
    struct evm_tx_outcome outcome; /* pointers into the run cleared */
    struct evm_receipt receipt;
    bool has_receipt, published, took_turn;
    bool skipped;         /* its last run took over what was kept from before the block */
    uint32_t alone_depth; /* 0: it did not run alone (EVM_TASK_ALONE); else its chain of readers */
    bool wants_turn;      /* it looks at the beneficiary's balance */
    bool has_bound;       /* the beneficiary's balance must be `bound` at least */
    struct evm_u256 bound;
    uint32_t incarnation;
    uint64_t read_stamp;   /* the reads are good against every change up to here */
    uint64_t change_stamp; /* of its last publication that changed anything */
    struct evm_run *run;   /* parked, or finished with states to go back to */
    int64_t cost_ns;  /* virtual driver: of the last incarnation, reads of the state apart ... */
    int64_t total_ns; /* ... and with them */
    int64_t path_ns;  /* longest chain that ends here */
};

struct evm_worker_count {
    uint64_t executions, aborts, validations, wasted_gas, returns, returned_gas;
    int64_t busy_ns;
    struct evm_run *spare; /* threads: the run it gave back last */
} __attribute__((aligned(64)));

/* The ladder: what is final so far. Touched by COMMIT tasks and, at its turn, by a reader of the
 * beneficiary. */
struct evm_ladder {
    struct evm_mv_apart beneficiary;
    uint64_t max_change; /* of all committed transactions */
    uint64_t gas_used, blob_gas_used;
    struct evm_u256 fees, burnt;
    bool overflow; /* a sum of wei passed 2^256: EVM_ERR_INPUT */
    uint32_t receipt_count;
    int64_t longest_path;
    struct evm_changes scratch; /* for `committed` */
};

/* How an executor came to a stop before the block's end; the virtual driver can tell. */
enum evm_stall {
    EVM_STALL_NONE,
    EVM_STALL_NO_WORK,   /* every core waits for another */
    EVM_STALL_NO_COMMIT, /* tasks without end, and none of them a commit */
};

/* A stretch (stretch.h). `in` NULL: there are none (bodies that are not transactions; somebody
 * wants to know of single ones). */
struct evm_stretch {
    struct evm_direct *direct;
    const struct evm_block_input *in;
    struct evm_codes *codes;
    bool hashes_ahead, open;
    uint32_t next; /* open: the transaction after the last one executed */
    struct evm_changes changes, scratch;
};

struct evm_blockrun {
    struct evm_stretch stretch;
    struct evm_block_rules rules;
    const struct evm_body_ops *body_ops;
    void *body_self;
    struct evm_view base;
    const struct evm_executor_ops *ops;
    void *sched;
    struct evm_mv *mv;
    uint32_t workers;
    unsigned traits; /* enum evm_trait */
    bool threaded, timed, keep_sets;
    struct evm_exec_caches caches;
    const struct evm_access_sets *prefetch; /* NULL: nothing */
    struct evm_bal_builder *bal;            /* NULL: no access list is wanted */

    struct evm_tx_record *records;
    uint32_t record_capacity;
    struct evm_worker_count *counts;
    uint32_t count_capacity;
    struct evm_ladder ladder;
    struct evm_u256 payee_before; /* the beneficiary's balance before the block */
    struct evm_block_result *result;

    uint32_t alone_since;      /* the first transaction of those that run alone now */
    _Atomic uint32_t boundary; /* everything below is committed */
    _Atomic int error;         /* enum evm_status */
    enum evm_stall stalled;
    struct evm_exec_chaos *chaos; /* virtual driver: NULL: none */

    atomic_uchar runs_lock;
    struct evm_run **runs; /* all of them */
    uint32_t run_count, run_capacity, parked, parked_max;
    uint32_t kept, kept_max; /* finished ones */
    struct evm_run *free_runs;
};

/* Zeroed memory is a valid object with nothing in it. fini gives everything back. */
void evm_blockrun_fini(struct evm_blockrun *b);
/* Throws away the bodies: the next block has others. */
void evm_blockrun_forget_bodies(struct evm_blockrun *b);

/* A block to be executed. All borrowed until the end. */
struct evm_blockrun_setup {
    const struct evm_block_rules *rules;
    const struct evm_body_ops *body_ops;
    void *body_self;
    struct evm_view base;
    uint32_t workers;
    bool threaded; /* several host threads */
    bool timed;    /* virtual driver */
    bool keep_sets;
    struct evm_bal_builder *bal; /* NULL, or gets what each transaction accessed and changed, at
                                    its index + 1 */
    uint64_t seed;
    const struct evm_exec_params *params;
    struct evm_direct *direct;          /* for stretches; NULL: none */
    const struct evm_block_input *in;   /* with direct */
    struct evm_codes *codes;            /* with direct */
    const struct evm_tx *const *txs;    /* NULL: bodies that are not transactions */
    const struct evm_access_sets *sets; /* NULL: not known */
    const struct evm_history *history;  /* NULL: none */
    struct evm_exec_chaos *chaos;       /* NULL: none */
    struct evm_exec_caches caches;
    const struct evm_access_sets *prefetch; /* to be read beforehand; NULL: nothing */
};

/* Sets up a block; b->mv, b->ops and b->sched are in place. The receipts and stats of *result are
 * allocated here. */
enum evm_status evm_blockrun_begin(struct evm_blockrun *b, const struct evm_blockrun_setup *setup,
                                   struct evm_block_result *result);
/* After the driver: fills *result, parks nothing any more. */
enum evm_status evm_blockrun_end(struct evm_blockrun *b);

static inline bool evm_blockrun_failed(const struct evm_blockrun *b)
{
    return atomic_load_explicit(&b->error, memory_order_relaxed) != EVM_OK;
}
void evm_blockrun_fail(struct evm_blockrun *b, enum evm_status why);
/* Fails with EVM_ERR_LIMIT. One thread. */
void evm_blockrun_stall(struct evm_blockrun *b, enum evm_stall how);

/* EXECUTE and RESUME. The run to step, or NULL: memory is out, or (result->what == EVM_RAN_STALE)
 * there is nothing to resume. `checked` counts the locations looked at to find that out. */
struct evm_run *evm_run_start(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                              bool timed, struct evm_task_result *result,
                              struct evm_mv_cost *checked);
enum evm_run_stop evm_run_step(struct evm_run *run);
static inline struct evm_body_ahead evm_run_ahead(const struct evm_run *run)
{
    struct evm_body_ahead out = {0};
    if (run->block->body_ops->ahead)
        run->block->body_ops->ahead(run->body, &out);
    return out;
}
/* After DONE: publishes and gives the run back. */
void evm_run_finish(struct evm_run *run, struct evm_task_result *result);
/* After BLOCKED: keeps the run for RESUME, or gives it back if too many are kept. */
void evm_run_park(struct evm_run *run, struct evm_task_result *result);
/* Gives it back, after FAILED. */
void evm_run_drop(struct evm_run *run);

/* ---- going back (goback.c): EVM_TRAIT_PARTIAL ----
 * A run saves its state before reads at which a conflict is likely. When it turns out invalid it
 * goes on from the last state that had read nothing but what still holds, instead of beginning
 * again. */

/* Before a read: may it be guarded? */
bool evm_run_may_save(const struct evm_run *run);
/* At a guarded read: saves the state, if enough was done since the last one. */
void evm_run_save(struct evm_run *run);
/* Puts an invalid run back where its reads still hold. False if there is no such state: it must
 * begin again. */
bool evm_run_go_back(struct evm_run *run, uint32_t core, struct evm_mv_cost *checked);

/* After DONE, by finish: changes of balances that the run did not look at become differences
 * (EVM_WROTE_DELTA) and its reads of them bounds. False if it looked at the beneficiary's balance,
 * which was a guess: it must wait for its turn (balances.c). */
bool evm_run_settle_balances(struct evm_run *run);
/* After the last commit: what each transaction read and wrote (keepsets.c). *out is garbage before.
 * EVM_ERR_MEMORY. */
enum evm_status evm_blockrun_keep_sets(const struct evm_blockrun *b, struct evm_access_sets *out);

/* Gives back the run that is kept of a transaction. */
void evm_run_forget(struct evm_blockrun *b, uint32_t tx);

void evm_run_validate(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                      struct evm_task_result *result, struct evm_mv_cost *cost);
/* May transaction tx, with that outcome, be in the block after all that *l counts? */
enum evm_tx_invalid evm_ladder_judge(const struct evm_ladder *l,
                                     const struct evm_block_rules *rules, uint32_t tx,
                                     const struct evm_tx_outcome *outcome);
/* Counts its gas and its fees. EVM_ERR_INPUT, and l->overflow is set, if a sum of wei passes
 * 2^256. */
enum evm_status evm_ladder_add(struct evm_ladder *l, const struct evm_tx_outcome *outcome);
void evm_ladder_commit(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                       struct evm_task_result *result, struct evm_mv_cost *cost);

/* Reads the locations of the k-th, (k + n)-th, ... transaction of b->prefetch; worker k of n does
 * so before its first task. visit may be NULL; key is NULL for an account. prefetch.c. */
struct evm_prefetch_visit {
    void (*at)(void *self, const struct evm_addr *addr, const struct evm_u256 *key);
    void *self;
};
void evm_prefetch(struct evm_blockrun *b, uint32_t k, uint32_t n, struct evm_mv_cost *cost,
                  const struct evm_prefetch_visit *visit);

/* EVM_TASK_COMMIT and _COMMITS. */
void evm_ladder_carry_out(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                          struct evm_task_result *result, struct evm_mv_cost *cost);

/* The drivers: carry out tasks until the executor says DONE. */
struct evm_schedule;
enum evm_status evm_drive_threads(struct evm_blockrun *b, struct evm_schedule *keep);
enum evm_status evm_drive_virtual(struct evm_blockrun *b, const struct evm_profile *profile,
                                  uint32_t cores, uint64_t seed, struct evm_schedule *keep);

/* Kept bars of the Gantt chart; growing, owned. Zeroed is empty. */
struct evm_schedule {
    struct evm_slice *slices;
    size_t count, capacity;
    bool on;
};
bool evm_schedule_put(struct evm_schedule *s, uint32_t core, struct evm_task task, int64_t start,
                      int64_t end);

#endif
