/* Executor `block-stm`: the algorithm as its authors publish it. Gelashvili et al., "Block-STM:
 * Scaling Blockchain Execution by Turning Ordering Curse to a Performance Blessing" (PPoPP 2023,
 * arXiv 2203.06871), section 3, algorithms 4 and 5. It is here to be compared with; what this
 * project makes of the idea is `ladder`.
 *
 * Two counters, execution_idx and validation_idx, stand for ordered sets of tasks: each task takes
 * the next index of the counter that is behind, validation first, and whoever makes a lower
 * transaction ready or in need of validation pulls the counter back to it. A reader of an estimate
 * becomes a dependent of its writer: its execution is given up, and starts from its start, as the
 * next incarnation, when the writer has finished. An aborted incarnation's writes become estimates,
 * everything above is validated, and the worker that aborted executes the next incarnation itself.
 * A re-execution that writes to no new location has only itself validated.
 *
 * Where it differs, because it sits behind another interface:
 *   - a worker gets one task of one transaction at a time. In the paper two validations of one
 *     incarnation may overlap; here the one under way is followed by another (word flag AGAIN);
 *   - the task that algorithm 5 returns to its caller is kept for that worker's next call of next;
 *   - the paper's next_task gives up after one index that holds nothing, and its workers poll; here
 *     next goes on to the next index, so a worker only sleeps when both counters are at the end;
 *   - transactions commit one by one as the prefix of executed and validated ones grows, as in the
 *     authors' later code, not all at the end; so the block is over when the last one is committed,
 *     and nobody counts active tasks. Their code numbers waves to know whether a validation is
 *     recent enough; here the ladder looks again at what changed since;
 *   - a transaction that reads what depends on everything before it (the beneficiary's balance)
 *     waits until all that is committed. The paper has no such location.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/mvmemory.h"
#include "evm/parallel/scheduler.h"
#include "evm/parallel/spin.h"

enum status {
    READY,      /* to be executed */
    EXECUTING,  /* EXECUTE handed out */
    ABORTING,   /* its estimates are being written, or it waits for another transaction */
    EXECUTED,   /* published; the statuses from here on are those of finished transactions */
    VALIDATING, /* VALIDATE handed out */
    COMMITTING, /* COMMIT handed out */
    COMMITTED,
};

enum {
    VALIDATED = 1u << 4, /* EXECUTED: this incarnation was found valid once */
    AGAIN = 1u << 5,     /* VALIDATING: validation_idx has passed meanwhile */
};

struct stm_tx {
    _Atomic uint64_t word; /* status:4 flags:4 unused:24 incarnation:32 */
    atomic_uchar lock;     /* of `dependents` */
    atomic_uchar turn;     /* waits until everything before it is committed */
    uint32_t dependents;   /* first transaction that waits for this one, or EVM_NO_TX */
    uint32_t next;         /* next in the list this one waits in */
} __attribute__((aligned(32)));

struct stm_worker {
    struct evm_task kept; /* IDLE: none */
} __attribute__((aligned(64)));

struct stm {
    struct evm_sched_env env;
    struct stm_tx *txs;
    struct stm_worker *workers;
    uint32_t capacity, worker_capacity;
    _Atomic uint32_t execution_idx, validation_idx;
    _Atomic uint32_t head; /* lowest that is not committed */
    atomic_bool ended;
};

/* ---- words ----------------------------------------------------------------------------------- */

static uint64_t word(enum status status, unsigned flags, uint32_t incarnation)
{
    return (uint64_t)status | flags | (uint64_t)incarnation << 32;
}

static enum status status_of(uint64_t w)
{
    return (enum status)(w & 15);
}

static uint32_t incarnation_of(uint64_t w)
{
    return (uint32_t)(w >> 32);
}

/* Owner only: nobody else changes a word of this status. */
static void set(struct stm *s, uint32_t i, enum status status, unsigned flags, uint32_t incarnation)
{
    atomic_store(&s->txs[i].word, word(status, flags, incarnation));
}

/* ---- life ------------------------------------------------------------------------------------ */

static void *create(void)
{
    return evm_calloc(1, sizeof(struct stm));
}

static void destroy(void *state)
{
    struct stm *s = state;
    if (!s)
        return;
    free(s->txs);
    free(s->workers);
    free(s);
}

static bool reserve(struct stm *s, uint32_t txs, uint32_t workers)
{
    if (txs > s->capacity) {
        free(s->txs);
        s->capacity = 0;
        s->txs = evm_malloc_aligned(_Alignof(struct stm_tx), txs * sizeof *s->txs);
        if (!s->txs)
            return false;
        s->capacity = txs;
    }
    if (workers > s->worker_capacity) {
        free(s->workers);
        s->worker_capacity = 0;
        s->workers = evm_malloc_aligned(_Alignof(struct stm_worker), workers * sizeof *s->workers);
        if (!s->workers)
            return false;
        s->worker_capacity = workers;
    }
    return true;
}

static enum evm_status begin(void *state, const struct evm_sched_env *env)
{
    struct stm *s = state;
    if (!reserve(s, env->tx_count, env->workers))
        return EVM_ERR_MEMORY;
    s->env = *env;
    for (uint32_t i = 0; i < env->tx_count; i++) {
        struct stm_tx *t = &s->txs[i];
        atomic_init(&t->word, word(READY, 0, 0));
        atomic_init(&t->lock, 0);
        atomic_init(&t->turn, 0);
        t->dependents = t->next = EVM_NO_TX;
    }
    for (uint32_t i = 0; i < env->workers; i++)
        s->workers[i].kept = (struct evm_task){.kind = EVM_TASK_IDLE};
    atomic_store(&s->execution_idx, 0);
    atomic_store(&s->validation_idx, 0);
    atomic_store(&s->head, 0);
    atomic_store(&s->ended, false);
    return EVM_OK;
}

/* ---- counters -------------------------------------------------------------------------------- */

/* Pulls the counter back to `to`. How far that was, up to the end of the block. */
static uint32_t decrease(_Atomic uint32_t *counter, uint32_t to, uint32_t n)
{
    uint32_t now = atomic_load(counter);
    while (now > to)
        if (atomic_compare_exchange_weak(counter, &now, to))
            return (now < n ? now : n) - to;
    return 0;
}

/* Claims transaction i for `to` if it has status `from` and at least those flags. */
static bool claim(struct stm *s, uint32_t i, enum status from, unsigned flags, enum status to,
                  uint32_t *incarnation)
{
    uint64_t w = atomic_load(&s->txs[i].word);
    while (status_of(w) == from && (w & flags) == flags) {
        *incarnation = incarnation_of(w);
        if (atomic_compare_exchange_weak(&s->txs[i].word, &w, word(to, 0, *incarnation)))
            return true;
    }
    return false;
}

/* For the validation counter: claims what is executed; what is being validated is to be looked at
 * once more. What runs has itself validated when it has finished. */
static bool claim_validation(struct stm *s, uint32_t i, uint32_t *incarnation)
{
    uint64_t w = atomic_load(&s->txs[i].word);
    while (status_of(w) == EXECUTED || status_of(w) == VALIDATING) {
        bool mine = status_of(w) == EXECUTED;
        *incarnation = incarnation_of(w);
        uint64_t to = word(VALIDATING, mine ? 0 : AGAIN, *incarnation);
        if (atomic_compare_exchange_weak(&s->txs[i].word, &w, to))
            return mine;
    }
    return false;
}

/* ---- next ------------------------------------------------------------------------------------ */

/* Algorithm 4, next_task, without end: each round takes an index, so it ends unless others pull the
 * counters back, which they do by getting ahead. */
static struct evm_task by_counters(struct stm *s)
{
    uint32_t n = s->env.tx_count, incarnation;
    for (;;) {
        uint32_t execution = atomic_load(&s->execution_idx);
        uint32_t validation = atomic_load(&s->validation_idx);
        if (validation < execution && validation < n) {
            uint32_t i = atomic_fetch_add(&s->validation_idx, 1);
            if (i < n && claim_validation(s, i, &incarnation))
                return (struct evm_task){EVM_TASK_VALIDATE, i, incarnation};
        } else if (execution < n) {
            uint32_t i = atomic_fetch_add(&s->execution_idx, 1);
            if (i < n && claim(s, i, READY, 0, EXECUTING, &incarnation))
                return (struct evm_task){EVM_TASK_EXECUTE, i, incarnation};
        } else {
            return (struct evm_task){.kind = EVM_TASK_IDLE};
        }
    }
}

static struct evm_task next(void *state, uint32_t worker)
{
    struct stm *s = state;
    uint32_t head = atomic_load(&s->head), incarnation;
    if (atomic_load(&s->ended) || head == s->env.tx_count)
        return (struct evm_task){.kind = EVM_TASK_DONE};
    struct evm_task kept = s->workers[worker].kept;
    if (kept.kind != EVM_TASK_IDLE) { /* first: what is done next may leave another one */
        s->workers[worker].kept.kind = EVM_TASK_IDLE;
        return kept;
    }
    if (claim(s, head, EXECUTED, VALIDATED, COMMITTING, &incarnation))
        return (struct evm_task){EVM_TASK_COMMIT, head, incarnation};
    return by_counters(s);
}

/* ---- done ------------------------------------------------------------------------------------ */

static void keep(struct stm *s, uint32_t worker, enum evm_task_kind kind, uint32_t tx,
                 uint32_t incarnation, struct evm_wake *out)
{
    s->workers[worker].kept = (struct evm_task){(uint8_t)kind, tx, incarnation};
    out->count++;
}

static void validate_from(struct stm *s, uint32_t i, struct evm_wake *out)
{
    out->count += decrease(&s->validation_idx, i, s->env.tx_count);
}

/* A transaction that waited starts again. */
static void make_ready(struct stm *s, uint32_t i, struct evm_wake *out)
{
    set(s, i, READY, 0, incarnation_of(atomic_load(&s->txs[i].word)) + 1);
    decrease(&s->execution_idx, i, s->env.tx_count);
    out->count++;
}

/* False if the blocker has finished already. The check and the entry into the list are one step
 * under the lock that resume_dependents() takes after the blocker's word has changed. */
static bool add_dependency(struct stm *s, struct evm_task task, uint32_t blocker)
{
    struct stm_tx *t = &s->txs[blocker];
    evm_spin_lock(s->env.threaded, &t->lock);
    bool waits = status_of(atomic_load(&t->word)) < EXECUTED;
    if (waits) {
        set(s, task.tx, ABORTING, 0, task.incarnation);
        s->txs[task.tx].next = t->dependents;
        t->dependents = task.tx;
    }
    evm_spin_unlock(s->env.threaded, &t->lock);
    return waits;
}

/* The flag is set before the head is looked at here, and looked at after the head has moved in
 * on_committed: one of the two sees the other, and the exchange lets one of them act. */
static void wake_at_turn(struct stm *s, uint32_t i, struct evm_wake *out)
{
    if (atomic_exchange(&s->txs[i].turn, 0))
        make_ready(s, i, out);
}

static void on_blocked(struct stm *s, uint32_t worker, struct evm_task task, uint32_t blocker,
                       struct evm_wake *out)
{
    uint32_t i = task.tx;
    if (blocker == EVM_TURN) {
        set(s, i, ABORTING, 0, task.incarnation);
        atomic_store(&s->txs[i].turn, 1);
        if (atomic_load(&s->head) == i)
            wake_at_turn(s, i, out);
        return;
    }
    EVM_CHECK(blocker < i, "transaction %u waits for %u", i, blocker);
    if (!add_dependency(s, task, blocker)) /* the same incarnation runs again at once */
        keep(s, worker, EVM_TASK_EXECUTE, i, task.incarnation, out);
}

static void resume_dependents(struct stm *s, uint32_t i, struct evm_wake *out)
{
    struct stm_tx *t = &s->txs[i];
    evm_spin_lock(s->env.threaded, &t->lock);
    uint32_t w = t->dependents;
    t->dependents = EVM_NO_TX;
    evm_spin_unlock(s->env.threaded, &t->lock);
    while (w != EVM_NO_TX) {
        uint32_t following = s->txs[w].next; /* it may wait elsewhere once it is ready */
        make_ready(s, w, out);
        w = following;
    }
}

/* Algorithm 5, finish_execution. */
static void on_finished(struct stm *s, uint32_t worker, struct evm_task task, bool new_location,
                        struct evm_wake *out)
{
    uint32_t i = task.tx, incarnation;
    set(s, i, EXECUTED, 0, task.incarnation);
    resume_dependents(s, i, out);
    if (atomic_load(&s->validation_idx) <= i)
        out->count++; /* the counter comes by */
    else if (new_location)
        validate_from(s, i, out);
    else if (claim_validation(s, i, &incarnation))
        keep(s, worker, EVM_TASK_VALIDATE, i, incarnation, out);
}

/* Algorithm 5, try_validation_abort and finish_validation. */
static void on_invalid(struct stm *s, uint32_t worker, struct evm_task task, struct evm_wake *out)
{
    uint32_t i = task.tx, incarnation;
    set(s, i, ABORTING, 0, task.incarnation);
    evm_mv_estimate(s->env.mv, i, task.incarnation);
    set(s, i, READY, 0, task.incarnation + 1);
    validate_from(s, i + 1, out);
    if (atomic_load(&s->execution_idx) <= i)
        out->count++; /* the counter comes by */
    else if (claim(s, i, READY, 0, EXECUTING, &incarnation))
        keep(s, worker, EVM_TASK_EXECUTE, i, incarnation, out);
}

static void on_valid(struct stm *s, uint32_t worker, struct evm_task task, struct evm_wake *out)
{
    uint64_t w = word(VALIDATING, 0, task.incarnation);
    out->count++; /* its commit */
    if (atomic_compare_exchange_strong(&s->txs[task.tx].word, &w,
                                       word(EXECUTED, VALIDATED, task.incarnation)))
        return;
    set(s, task.tx, VALIDATING, 0, task.incarnation);
    keep(s, worker, EVM_TASK_VALIDATE, task.tx, task.incarnation, out);
}

static void on_committed(struct stm *s, struct evm_task task, struct evm_wake *out)
{
    uint32_t head = task.tx + 1;
    bool all = head == s->env.tx_count;
    set(s, task.tx, COMMITTED, 0, task.incarnation);
    atomic_store(&s->head, head);
    out->count += all ? s->env.workers : 1;
    if (!all)
        wake_at_turn(s, head, out);
}

static void done(void *state, uint32_t worker, struct evm_task task,
                 const struct evm_task_result *result, struct evm_wake *out)
{
    struct stm *s = state;
    out->count = 0;
    switch (result->what) {
    case EVM_RAN_FINISHED: on_finished(s, worker, task, result->added, out); break;
    case EVM_RAN_BLOCKED: on_blocked(s, worker, task, result->blocker, out); break;
    case EVM_RAN_VALID: on_valid(s, worker, task, out); break;
    case EVM_RAN_INVALID: on_invalid(s, worker, task, out); break;
    case EVM_RAN_COMMITTED:
        on_committed(s, task, out);
        if (result->changed) /* it was invalid by itself: what it had written is gone */
            validate_from(s, task.tx + 1, out);
        break;
    case EVM_RAN_ENDED:
        atomic_store(&s->ended, true);
        out->count = s->env.workers;
        break;
    default: EVM_CHECK(0, "unknown result %u", result->what);
    }
}

const struct evm_executor_ops evm_executor_block_stm = {
    .name = "block-stm",
    .doc = "Block-STM as published (Gelashvili et al. 2023): two counters, estimates, waves of "
           "validation.",
    .visibility = EVM_VISIBLE_FINISHED,
    .traits = EVM_TRAIT_BY_VERSION,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .next = next,
    .done = done,
};
