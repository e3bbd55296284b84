/* Executor `occ`: optimistic concurrency control in rounds, validated in block order. Kung and
 * Robinson, "On Optimistic Methods for Concurrency Control" (ACM TODS 1981), for read, validate,
 * write; Saraph and Herlihy, "An Empirical Study of Speculative Concurrency in Ethereum Smart
 * Contracts" (2019, arXiv 1901.01376), for running a whole block at once and what conflicted again,
 * theirs after one round one by one.
 *
 * A round: every transaction of its list runs against what is committed; the ladder commits from
 * the head for as long as transactions are valid; those above are validated in parallel against
 * what is committed now; whatever failed is the list of the next round. The lowest of a list always
 * commits in its round. After evm_exec_params.rounds rounds the rest runs one by one at the head,
 * where what is still valid from earlier rounds commits as it is.
 *
 * Between the phases everybody waits for the last one, as in the papers. The state is behind one
 * lock, held for a few instructions, and once a phase for a look at the whole block. */
#include <stdatomic.h>
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/scheduler.h"
#include "evm/parallel/spin.h"

enum phase {
    PHASE_RUN,    /* the list is executed */
    PHASE_COMMIT, /* the ladder advances; one task at a time */
    PHASE_CHECK,  /* the list is validated */
};

enum status {
    TO_RUN,   /* in this round's or the next round's list */
    WAITING,  /* for its turn */
    EXECUTED, /* valid for all that is known */
    COMMITTED,
};

struct occ_tx {
    uint32_t incarnation;
    uint8_t status;
};

struct occ {
    struct evm_sched_env env;
    struct occ_tx *txs;
    uint32_t *list; /* of RUN and CHECK: ascending */
    uint32_t capacity, count;
    uint32_t taken, left; /* of the list: handed out; not done */
    uint32_t head, rounds;
    uint8_t phase;
    bool out; /* PHASE_COMMIT: its task is handed out */
    bool ended;
    atomic_uchar lock;
};

static void *create(void)
{
    return evm_calloc(1, sizeof(struct occ));
}

static void destroy(void *state)
{
    struct occ *s = state;
    if (!s)
        return;
    free(s->txs);
    free(s->list);
    free(s);
}

/* ---- phases ---------------------------------------------------------------------------------- */

static void list_those(struct occ *s, enum status status)
{
    s->count = 0;
    for (uint32_t i = s->head; i < s->env.tx_count; i++)
        if (s->txs[i].status == status)
            s->list[s->count++] = i;
    s->taken = 0;
    s->left = s->count;
}

/* When the rounds are used up: only the ladder is left. How many tasks there are now. */
static uint32_t start_round(struct occ *s)
{
    s->phase = PHASE_COMMIT;
    if (s->rounds == s->env.params->rounds)
        return 1;
    s->rounds++;
    list_those(s, TO_RUN);
    if (s->count == 0)
        return 1;
    s->phase = PHASE_RUN;
    return s->count;
}

/* The ladder has stopped. */
static uint32_t start_check(struct occ *s)
{
    if (s->rounds == s->env.params->rounds)
        return 1; /* no round to select for: it runs at the head */
    list_those(s, EXECUTED);
    if (s->count == 0)
        return start_round(s);
    s->phase = PHASE_CHECK;
    return s->count;
}

static enum evm_status begin(void *state, const struct evm_sched_env *env)
{
    struct occ *s = state;
    uint32_t n = env->tx_count;
    if (n > s->capacity) {
        free(s->txs);
        free(s->list);
        s->capacity = 0;
        s->txs = evm_malloc(n * sizeof *s->txs);
        s->list = evm_malloc(n * sizeof *s->list);
        if (!s->txs || !s->list)
            return EVM_ERR_MEMORY;
        s->capacity = n;
    }
    s->env = *env;
    for (uint32_t i = 0; i < n; i++)
        s->txs[i] = (struct occ_tx){.status = TO_RUN};
    s->head = s->rounds = 0;
    s->out = s->ended = false;
    atomic_store(&s->lock, 0);
    start_round(s);
    return EVM_OK;
}

/* ---- next ------------------------------------------------------------------------------------ */

static struct evm_task next_locked(struct occ *s)
{
    if (s->ended || s->head == s->env.tx_count)
        return (struct evm_task){.kind = EVM_TASK_DONE};
    if (s->phase == PHASE_COMMIT) {
        const struct occ_tx *t = &s->txs[s->head];
        if (s->out)
            return (struct evm_task){.kind = EVM_TASK_IDLE};
        s->out = true;
        return (struct evm_task){t->status == EXECUTED ? EVM_TASK_COMMIT : EVM_TASK_EXECUTE,
                                 s->head, t->incarnation};
    }
    if (s->taken == s->count)
        return (struct evm_task){.kind = EVM_TASK_IDLE};
    uint32_t i = s->list[s->taken++];
    return (struct evm_task){s->phase == PHASE_RUN ? EVM_TASK_EXECUTE : EVM_TASK_VALIDATE, i,
                             s->txs[i].incarnation};
}

static struct evm_task next(void *state, uint32_t worker)
{
    struct occ *s = state;
    (void)worker;
    evm_spin_lock(s->env.threaded, &s->lock);
    struct evm_task task = next_locked(s);
    evm_spin_unlock(s->env.threaded, &s->lock);
    return task;
}

/* ---- done ------------------------------------------------------------------------------------ */

/* A task of the list of RUN or CHECK. */
static uint32_t listed_done(struct occ *s, struct occ_tx *t, uint8_t what)
{
    switch (what) {
    case EVM_RAN_FINISHED:
    case EVM_RAN_VALID: t->status = EXECUTED; break;
    case EVM_RAN_BLOCKED: t->status = WAITING; break;
    default: t->status = TO_RUN; t->incarnation++;
    }
    if (--s->left > 0)
        return 0;
    if (s->phase == PHASE_CHECK)
        return start_round(s);
    s->phase = PHASE_COMMIT;
    return 1;
}

/* A task at the head: its execution, or its commit. */
static uint32_t head_done(struct occ *s, struct occ_tx *t, uint8_t what)
{
    s->out = false;
    switch (what) {
    case EVM_RAN_FINISHED: t->status = EXECUTED; return 1;
    case EVM_RAN_COMMITTED:
        t->status = COMMITTED;
        return ++s->head == s->env.tx_count ? s->env.workers : 1;
    default:
        EVM_CHECK(what == EVM_RAN_INVALID, "at the head a task ended with %u", what);
        t->status = TO_RUN;
        t->incarnation++;
        return start_check(s);
    }
}

static void done(void *state, uint32_t worker, struct evm_task task,
                 const struct evm_task_result *result, struct evm_wake *out)
{
    struct occ *s = state;
    struct occ_tx *t = &s->txs[task.tx];
    (void)worker;
    EVM_CHECK(result->what != EVM_RAN_BLOCKED || result->blocker == EVM_TURN,
              "transaction %u waits for %u, but nothing is visible before it is committed", task.tx,
              result->blocker);
    evm_spin_lock(s->env.threaded, &s->lock);
    if (result->what == EVM_RAN_ENDED) {
        s->ended = true;
        out->count = s->env.workers;
    } else {
        out->count = s->phase == PHASE_COMMIT ? head_done(s, t, result->what)
                                              : listed_done(s, t, result->what);
    }
    evm_spin_unlock(s->env.threaded, &s->lock);
}

const struct evm_executor_ops evm_executor_occ = {
    .name = "occ",
    .doc = "Optimistic rounds over what is committed (Kung and Robinson 1981; Saraph and Herlihy "
           "2019).",
    .visibility = EVM_VISIBLE_COMMITTED,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .next = next,
    .done = done,
};
