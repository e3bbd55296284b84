/* Executor `partitioned`: the state is divided among cores, the baseline one meets first. After
 * Kallman et al., "H-Store: A High-Performance, Distributed Main Memory Transaction Processing
 * System" (VLDB 2008): what touches one partition runs there, serially and without locks; what
 * touches several is the expensive case.
 *
 * Accounts are hashed over evm_exec_params.partitions partitions, partition p belongs to worker
 * p % workers. A transaction whose sender and recipient are in one partition (a creation: whose
 * sender is) runs on that partition's core, in block order there. The others run last, one after
 * another at the head of the ladder, once every partition has nothing left. What a transaction
 * touches beyond sender and recipient is not known beforehand; where that made a result wrong, the
 * ladder finds it and the transaction runs again at the head, as does one that waits for its turn.
 *
 * Bodies that are not transactions (env->txs is NULL) are dealt out by their number. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/scheduler.h"

enum status {
    LOCAL,   /* in the list of its partition's worker */
    CROSS,   /* to run at the head when the lists are done */
    TO_HEAD, /* to run at the head */
    RUNNING, /* handed out */
    EXECUTED,
    COMMITTED,
};

enum { NOBODY = UINT32_MAX };

struct part_tx {
    _Atomic uint8_t status;
    uint32_t incarnation; /* of the owner of a task; the status is stored after it */
    uint32_t list;        /* whose list; NOBODY: a cross-partition transaction */
};

/* One worker's transactions, in block order. Whoever has claimed it works it off. */
struct part_list {
    atomic_bool claimed;
    uint32_t first, end; /* of s->order; first moves */
} __attribute__((aligned(64)));

struct part_worker {
    uint32_t list; /* the one it works off, or NOBODY */
    bool came;
} __attribute__((aligned(64)));

struct part {
    struct evm_sched_env env;
    struct part_tx *txs;
    uint32_t *order; /* the lists, one after another */
    struct part_list *lists;
    struct part_worker *workers;
    uint32_t capacity, worker_capacity;
    _Atomic uint32_t head, local_left;
    _Atomic uint32_t unclaimed; /* lists that nobody has claimed */
    atomic_bool ended;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void *create(void)
{
    return evm_calloc(1, sizeof(struct part));
}

static void destroy(void *state)
{
    struct part *s = state;
    if (!s)
        return;
    free(s->txs);
    free(s->order);
    free(s->lists);
    free(s->workers);
    free(s);
}

static bool reserve(struct part *s, uint32_t txs, uint32_t workers)
{
    if (txs > s->capacity) {
        free(s->txs);
        free(s->order);
        s->capacity = 0;
        s->txs = evm_malloc(txs * sizeof *s->txs);
        s->order = evm_malloc(txs * sizeof *s->order);
        if (!s->txs || !s->order)
            return false;
        s->capacity = txs;
    }
    if (workers > s->worker_capacity) {
        free(s->lists);
        free(s->workers);
        s->worker_capacity = 0;
        s->lists = evm_malloc_aligned(_Alignof(struct part_list), workers * sizeof *s->lists);
        s->workers = evm_malloc_aligned(_Alignof(struct part_worker), workers * sizeof *s->workers);
        if (!s->lists || !s->workers)
            return false;
        s->worker_capacity = workers;
    }
    return true;
}

/* Made addresses differ in a few bits, so these are spread well (splitmix64's finalizer). */
static uint32_t partition_of(const struct evm_addr *a, uint32_t partitions)
{
    uint64_t x, y;
    uint32_t z;
    memcpy(&x, a->b, 8);
    memcpy(&y, a->b + 8, 8);
    memcpy(&z, a->b + 16, 4);
    x ^= (y ^ (uint64_t)z << 16) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ x >> 31) % partitions);
}

/* The partition of all that the transaction is known to touch, or NOBODY. */
static uint32_t home_of(const struct evm_sched_env *env, uint32_t i, uint32_t partitions)
{
    if (!env->txs)
        return i % partitions;
    const struct evm_tx *tx = env->txs[i];
    uint32_t home = partition_of(&tx->sender, partitions);
    return tx->is_create || partition_of(&tx->to, partitions) == home ? home : NOBODY;
}

/* Counting sort by worker, which keeps the block's order. */
static void deal(struct part *s)
{
    uint32_t n = s->env.tx_count, workers = s->env.workers, at = 0;
    for (uint32_t i = 0; i < n; i++)
        if (s->txs[i].list != NOBODY)
            s->lists[s->txs[i].list].end++;
    for (uint32_t w = 0; w < workers; w++) {
        s->lists[w].first = at;
        at += s->lists[w].end;
        s->lists[w].end = s->lists[w].first;
    }
    for (uint32_t i = 0; i < n; i++)
        if (s->txs[i].list != NOBODY)
            s->order[s->lists[s->txs[i].list].end++] = i;
    atomic_store(&s->local_left, at);
}

static enum evm_status begin(void *state, const struct evm_sched_env *env)
{
    struct part *s = state;
    uint32_t n = env->tx_count, partitions = env->params->partitions;
    if (!reserve(s, n, env->workers))
        return EVM_ERR_MEMORY;
    s->env = *env;
    if (partitions == 0)
        partitions = env->workers;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t home = home_of(env, i, partitions);
        s->txs[i].incarnation = 0;
        s->txs[i].list = home == NOBODY ? NOBODY : home % env->workers;
        atomic_init(&s->txs[i].status, home == NOBODY ? CROSS : LOCAL);
    }
    for (uint32_t w = 0; w < env->workers; w++) {
        s->workers[w] = (struct part_worker){.list = NOBODY};
        atomic_init(&s->lists[w].claimed, false);
        s->lists[w].first = s->lists[w].end = 0;
    }
    deal(s);
    atomic_store(&s->head, 0);
    atomic_store(&s->unclaimed, env->workers);
    atomic_store(&s->ended, false);
    return EVM_OK;
}

/* ---- next ------------------------------------------------------------------------------------ */

static bool claim(struct part *s, uint32_t i, enum status from)
{
    uint8_t expected = (uint8_t)from;
    return atomic_compare_exchange_strong(&s->txs[i].status, &expected, RUNNING);
}

static bool claim_list(struct part *s, struct part_worker *w, uint32_t list)
{
    if (atomic_exchange(&s->lists[list].claimed, true))
        return false;
    atomic_fetch_sub(&s->unclaimed, 1);
    w->list = list;
    return true;
}

/* A worker works off its own partitions. Host threads may be fewer than was said, so one that has
 * nothing left takes over the list of one that has not come yet. */
static bool find_list(struct part *s, uint32_t worker)
{
    struct part_worker *w = &s->workers[worker];
    bool came = w->came;
    w->came = true;
    if (!came && claim_list(s, w, worker))
        return true;
    if (!s->env.threaded)
        return false;
    for (uint32_t k = 0; k < s->env.workers && atomic_load(&s->unclaimed) > 0; k++)
        if (claim_list(s, w, k))
            return true;
    return false;
}

/* At the head: commits and what has to run there. */
static bool at_head(struct part *s, uint32_t head, struct evm_task *out)
{
    uint8_t kind = EVM_TASK_EXECUTE;
    if (claim(s, head, EXECUTED))
        kind = EVM_TASK_COMMIT;
    else if (!claim(s, head, TO_HEAD) &&
             (atomic_load(&s->local_left) > 0 || !claim(s, head, CROSS)))
        return false;
    *out = (struct evm_task){kind, head, s->txs[head].incarnation};
    return true;
}

static struct evm_task next(void *state, uint32_t worker)
{
    struct part *s = state;
    struct part_worker *w = &s->workers[worker];
    uint32_t head = atomic_load(&s->head);
    struct evm_task task;
    if (atomic_load(&s->ended) || head == s->env.tx_count)
        return (struct evm_task){.kind = EVM_TASK_DONE};
    if (at_head(s, head, &task))
        return task;
    while (w->list != NOBODY || find_list(s, worker)) {
        struct part_list *l = &s->lists[w->list];
        if (l->first < l->end) {
            uint32_t i = s->order[l->first++];
            atomic_store(&s->txs[i].status, RUNNING);
            return (struct evm_task){EVM_TASK_EXECUTE, i, 0};
        }
        w->list = NOBODY;
    }
    return (struct evm_task){.kind = EVM_TASK_IDLE};
}

/* ---- done ------------------------------------------------------------------------------------ */

/* It may be the head's turn to be committed or run. */
static void settle(struct part *s, struct evm_task task, enum status status, bool local,
                   struct evm_wake *out)
{
    atomic_store(&s->txs[task.tx].status, (uint8_t)status);
    out->count = 1 + (atomic_load(&s->head) == task.tx);
    if (local && atomic_fetch_sub(&s->local_left, 1) == 1)
        out->count++; /* the first that crosses partitions */
}

static void on_committed(struct part *s, struct evm_task task, struct evm_wake *out)
{
    uint32_t head = task.tx + 1;
    atomic_store(&s->txs[task.tx].status, COMMITTED);
    atomic_store(&s->head, head);
    out->count = head == s->env.tx_count ? s->env.workers : 2;
}

static void done(void *state, uint32_t worker, struct evm_task task,
                 const struct evm_task_result *result, struct evm_wake *out)
{
    struct part *s = state;
    struct part_tx *t = &s->txs[task.tx];
    bool local = t->list != NOBODY;
    (void)worker;
    switch (result->what) {
    case EVM_RAN_FINISHED:
    case EVM_RAN_BLOCKED:
        EVM_CHECK(result->what == EVM_RAN_FINISHED || result->blocker == EVM_TURN,
                  "transaction %u waits for %u, but nothing here makes estimates", task.tx,
                  result->blocker);
        t->list = NOBODY; /* from now on everything happens at the head */
        settle(s, task, result->what == EVM_RAN_FINISHED ? EXECUTED : TO_HEAD, local, out);
        break;
    case EVM_RAN_INVALID:
        t->incarnation++;
        settle(s, task, TO_HEAD, false, out);
        break;
    case EVM_RAN_COMMITTED: on_committed(s, task, out); break;
    case EVM_RAN_ENDED:
        atomic_store(&s->ended, true);
        out->count = s->env.workers;
        break;
    default: EVM_CHECK(0, "unknown result %u", result->what);
    }
}

const struct evm_executor_ops evm_executor_partitioned = {
    .name = "partitioned",
    .doc = "Accounts divided among cores; what crosses partitions runs last, one by one (Kallman "
           "et al. 2008).",
    .visibility = EVM_VISIBLE_FINISHED,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .next = next,
    .done = done,
};
