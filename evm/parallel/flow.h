/* evm/parallel/flow.h - what executors over the multi-version memory have in common: the states of
 * the transactions, parking, the ladder's order, validation, and the window.
 *
 * An executor built on it decides when each transaction may run for the first time, and in which
 * order free workers take those that may (ranks); the rest of the contract of scheduler.h is kept
 * here.
 *
 * A transaction's word holds status, incarnation and, parked, the one it waits for; a word that
 * others may change too is changed by a compare-and-swap on all of it, so a wake-up from an old
 * dependency or an earlier incarnation finds another word and does nothing. Numbers in the sets are
 * offers: who takes one claims its word, and an offer whose word has changed is dropped. */
#ifndef EVM_PARALLEL_FLOW_H
#define EVM_PARALLEL_FLOW_H

#include <stdatomic.h>

#include "evm/parallel/scheduler.h"
#include "evm/parallel/txset.h"

enum evm_flow_status {
    EVM_FLOW_HELD,       /* may not run yet: evm_flow_release */
    EVM_FLOW_READY,      /* offered */
    EVM_FLOW_RUNNING,    /* EXECUTE or RESUME handed out */
    EVM_FLOW_PARKED,     /* waits for another transaction, or its turn */
    EVM_FLOW_EXECUTED,   /* published */
    EVM_FLOW_VALIDATING, /* VALIDATE handed out */
    EVM_FLOW_COMMITTING, /* COMMIT handed out */
    EVM_FLOW_COMMITTED,
};

struct evm_flow_tx {
    _Atomic uint64_t word; /* status:4 kept:4 incarnation:24 on:32 */
    atomic_uchar once;     /* has executed at least once */
    atomic_uchar lock;     /* of `waiters` */
    uint32_t waiters;      /* first transaction parked on this one, or EVM_NO_TX */
    uint32_t next;         /* next in the list this one is parked in */
} __attribute__((aligned(32)));

/* Transaction tx has executed for the first time; may release others. */
typedef void evm_flow_executed(void *self, uint32_t tx, struct evm_wake *out);

/* Zeroed memory is valid; fini gives the memory back. Members are the module's own, but for those
 * that say otherwise. */
struct evm_flow {
    struct evm_sched_env env; /* read */
    evm_flow_executed *executed;
    void *self;
    struct evm_flow_tx *txs;
    uint32_t *rank, *order; /* read; written before the first release: order[rank[i]] == i; a free
                               worker takes the lowest rank */
    uint32_t capacity;
    struct evm_txset ready;  /* ranks */
    struct evm_txset check;  /* transactions to validate */
    _Atomic uint32_t head;   /* read: lowest that is not committed */
    _Atomic uint32_t prefix; /* all below have executed once */
    _Atomic uint32_t front;  /* all at or above have never been started */
    atomic_bool ended;
    bool eager;    /* set after begin(): first executions make others validate, too */
    bool windowed; /* set after begin(): runs at most `window` ahead of the ladder (in ranks) */
    _Atomic uint32_t window, aborts;
};

/* A block whose transactions are all HELD, ranked in their order, not eager, without a window. */
enum evm_status evm_flow_begin(struct evm_flow *f, const struct evm_sched_env *env,
                               evm_flow_executed *executed, void *self);
void evm_flow_fini(struct evm_flow *f);

/* Ranks so that a higher weight comes first within each `chunk` transactions (0: the whole block),
 * equal ones in the order of the block. In begin() only. O(n log n). */
void evm_flow_rank(struct evm_flow *f, const uint64_t *weight, uint32_t chunk);

/* A HELD transaction may run. */
void evm_flow_release(struct evm_flow *f, uint32_t tx, struct evm_wake *out);

/* next(): the block's end, the ladder, the head of the block if it is READY, validations, then the
 * lowest rank that is READY and in the window. */
void evm_flow_next(struct evm_flow *f, struct evm_task *out);
void evm_flow_done(struct evm_flow *f, struct evm_task task, const struct evm_task_result *result,
                   struct evm_wake *out);

#endif
