/* evm/parallel/scheduler.h - what an executor is: a passive state machine that says what to do
 * next.
 *
 * An executor never runs a transaction, never waits and never looks at a clock. A driver asks it
 * for tasks (next), carries each one out (on a host thread, or on a simulated core in virtual time)
 * and reports how it went (done). Parking, threads, time and costs are the driver's.
 *
 * The result of a block does not depend on the executor: it lives in the commit ladder, which takes
 * transactions strictly in order, checks what each one read against the then final versions, and
 * sends it back if anything differs. Whatever an executor believes about conflicts is a hint; all
 * it must guarantee is the order of commits and progress:
 *
 *   1. A task owns its transaction: until done() is called for it, no other task on the same
 *      transaction is handed out.
 *   2. Tasks of one transaction: EXECUTE (or ALONE), then (BLOCKED, RESUME)* until FINISHED;
 * VALIDATE and COMMIT only after FINISHED; after INVALID or STALE an EXECUTE with a higher
 * incarnation. What was not kept when it was BLOCKED may also be an EXECUTE again, of the same
 * incarnation or a higher.
 *   3. COMMIT is handed out for transaction 0, 1, 2, ... one at a time, each once COMMITTED.
 *   4. When the lowest transaction that is not committed can run, some call of next() hands it out.
 *      At that point it cannot block: it reads committed versions only.
 *   5. next() and done() may be called from all workers at once if env->threaded; no call blocks,
 *      spins on another worker's progress, or allocates.
 *
 * Sources: Gelashvili et al., "Block-STM" (PPoPP 2023), section 3, for the collaborative scheduler.
 */
#ifndef EVM_PARALLEL_SCHEDULER_H
#define EVM_PARALLEL_SCHEDULER_H

#include "evm/block/tx.h"
#include "evm/core/error.h"
#include "evm/parallel/params.h"

enum {
    EVM_NO_TX = UINT32_MAX,    /* no transaction */
    EVM_TURN = UINT32_MAX - 1, /* "when everything before me is committed" */
};

enum evm_task_kind {
    EVM_TASK_IDLE,     /* nothing now; ask again after somebody's done() reported work */
    EVM_TASK_DONE,     /* nothing ever again: the block is over */
    EVM_TASK_EXECUTE,  /* run the transaction from its start */
    EVM_TASK_RESUME,   /* go on where it was blocked (from its start, if its run was not kept) */
    EVM_TASK_VALIDATE, /* do its reads still give what they gave? */
    EVM_TASK_COMMIT,   /* the ladder's turn: final check, then it counts */
    EVM_TASK_COMMITS,  /* the same of `incarnation` transactions from tx on, until one is INVALID */
    EVM_TASK_ALONE,    /* EXECUTE at the head, with nobody else at work: needs no versions */
    /* Execute and commit, from tx on, `incarnation` transactions at the head one after another,
     * with nobody else at work on them; only if env->stretches. The stretch stays open (what it
     * wrote is nobody's to read, and no COMMIT may follow) until one is handed out with _END. */
    EVM_TASK_STRETCH,
    EVM_TASK_STRETCH_END,
};

struct evm_task {
    uint8_t kind; /* enum evm_task_kind */
    uint32_t tx, incarnation;
};

/* How a task ended. */
enum evm_ran {
    EVM_RAN_FINISHED,  /* EXECUTE, RESUME: its writes are published */
    EVM_RAN_BLOCKED,   /* EXECUTE, RESUME: it needs what `blocker` has not finished (or its turn) */
    EVM_RAN_STALE,     /* RESUME: what it read before is no longer so; nothing was published */
    EVM_RAN_VALID,     /* VALIDATE */
    EVM_RAN_INVALID,   /* VALIDATE, COMMIT: a read would give another value now */
    EVM_RAN_COMMITTED, /* COMMIT: taken, or skipped as an invalid transaction */
    EVM_RAN_ENDED,     /* COMMIT: the block is rejected; or an allocation failed anywhere */
};

struct evm_task_result {
    uint8_t what;     /* enum evm_ran */
    bool changed;     /* others may now read other values than before: validate the higher ones */
    bool added;       /* FINISHED: its incarnation before did not write to all of these locations */
    uint64_t readers; /* changed: bit i % 64 is set if transaction i may have read such a value */
    bool overtaken;   /* FINISHED: somebody published while it ran, so its reads may be old */
    uint32_t commits; /* COMMITS: how many were committed, before the INVALID one if there is one */
    uint32_t depth; /* ALONE, STRETCH: the longest chain of transactions, each reading what the one
                       before wrote, since nobody else works, or that ends here */
    bool kept;      /* BLOCKED: RESUME goes on at the read that waits */
    uint32_t blocker; /* BLOCKED: a lower transaction, or EVM_TURN. INVALID, STALE: whose write made
                         the difference, EVM_NO_TX if it is not known */
    uint32_t reads;   /* FINISHED: locations read and ... */
    uint32_t writes;  /* ... written */
    uint64_t gas_used; /* FINISHED */
};

/* What done() tells the driver. */
struct evm_wake {
    uint32_t count; /* how many tasks may have become available, the one that the reporting worker
                       takes next included; too many costs time, too few may stall the block */
    bool all;       /* not every worker can take every task: all idle ones ask */
};

struct evm_mv;
struct evm_addr;
struct evm_u256;
struct evm_access_sets;
struct evm_history;

/* A location, for executors that decide at each access. */
struct evm_location {
    uint8_t kind; /* enum evm_mv_kind */
    const struct evm_addr *addr;
    const struct evm_u256 *key; /* slots only, else NULL */
};

/* What an executor may know of the block. Borrowed until the next begin(). */
struct evm_sched_env {
    uint32_t tx_count;
    uint32_t workers; /* ids 0..workers-1 will call; fewer may really come */
    bool threaded;    /* calls come from several host threads */
    bool stretches;   /* EVM_TASK_STRETCH can be carried out */
    uint64_t seed;
    const struct evm_tx *const *txs; /* for hints: senders, recipients, access lists; may be NULL */
    struct evm_mv *mv;               /* prefill expected writes, turn writes into estimates */
    const struct evm_exec_params *params; /* never NULL */
    const struct evm_access_sets *sets;   /* what the transactions are known to touch; or NULL */
    const struct evm_history *history;    /* what recent blocks met at; or NULL */
};

/* When a transaction's writes can be read by higher ones. */
enum evm_visibility {
    EVM_VISIBLE_FINISHED,  /* as soon as its run has finished (multi-version executors) */
    EVM_VISIBLE_COMMITTED, /* once it is committed (snapshot executors: optimistic, locks) */
};

/* How the multi-version memory works for an executor. */
enum evm_trait {
    EVM_TRAIT_DELTAS = 1u << 0,     /* balances that nobody looked at change by differences, and are
                                       validated by the amount they had to reach */
    EVM_TRAIT_BY_VERSION = 1u << 1, /* validation compares versions; without it, values */
    EVM_TRAIT_PARKS = 1u << 2,      /* a blocked run is kept and goes on at the read that waits;
                                       without it, it starts again */
    EVM_TRAIT_PARTIAL = 1u << 3, /* an invalid run goes back to the last snapshot before the first
                                    read that changed, where there is one */
    EVM_TRAIT_NEEDS_SETS = 1u << 4, /* env->sets is given: what evm_exec_params.sets says */
    EVM_TRAIT_LEARNS = 1u << 5,     /* wants env->history */
};

/* One executor. The state is the executor's own, kept and reused from block to block by the caller;
 * one block at a time. */
struct evm_executor_ops {
    const char *name, *doc;         /* "block-stm", one sentence */
    uint32_t max_workers;           /* more than these would only idle; 0: any number */
    enum evm_visibility visibility; /* the multi-version memory follows it */
    unsigned traits;                /* enum evm_trait */
    void *(*create)(void);          /* NULL when memory is out */
    void (*destroy)(void *state);   /* accepts NULL */
    /* Starts a block. The only call that may allocate. */
    enum evm_status (*begin)(void *state, const struct evm_sched_env *env);
    struct evm_task (*next)(void *state, uint32_t worker);
    void (*done)(void *state, uint32_t worker, struct evm_task task,
                 const struct evm_task_result *result, struct evm_wake *out);
    /* NULL, or asked before each read of transaction tx: false makes it wait for *blocker (a lower
     * transaction that has not finished, or EVM_TURN). For executors with locks. */
    bool (*admit)(void *state, uint32_t tx, const struct evm_location *at, uint32_t *blocker);
};

/* The rows of the registry. */
extern const struct evm_executor_ops evm_executor_serial, evm_executor_ladder,
    evm_executor_block_stm, evm_executor_occ, evm_executor_access_list, evm_executor_locks,
    evm_executor_hybrid, evm_executor_partitioned;

#endif
