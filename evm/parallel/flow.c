#include "evm/parallel/flow.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/mvmemory.h"
#include "evm/parallel/spin.h"

enum { EPOCH = 32 }; /* commits after which the window is looked at */

/* ---- words ----------------------------------------------------------------------------------- */

static uint64_t word(enum evm_flow_status status, bool kept, uint32_t incarnation, uint32_t on)
{
    return (uint64_t)status | (uint64_t)kept << 4 | (uint64_t)(incarnation & 0xffffff) << 8 |
           (uint64_t)on << 32;
}

static enum evm_flow_status status_of(uint64_t w)
{
    return (enum evm_flow_status)(w & 15);
}

static uint32_t incarnation_of(uint64_t w)
{
    return (uint32_t)(w >> 8) & 0xffffff;
}

static bool kept_of(uint64_t w)
{
    return (w >> 4 & 1) != 0;
}

/* Owner only. */
static void set(struct evm_flow *f, uint32_t i, enum evm_flow_status status, bool kept,
                uint32_t incarnation, uint32_t on)
{
    atomic_store(&f->txs[i].word, word(status, kept, incarnation, on));
}

/* Claims transaction i if its word has that status; *w is the word before. */
static bool claim(struct evm_flow *f, uint32_t i, enum evm_flow_status from,
                  enum evm_flow_status to, uint64_t *w)
{
    *w = atomic_load(&f->txs[i].word);
    while (status_of(*w) == from)
        if (atomic_compare_exchange_weak(&f->txs[i].word, w,
                                         word(to, kept_of(*w), incarnation_of(*w), 0)))
            return true;
    return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

void evm_flow_fini(struct evm_flow *f)
{
    evm_txset_fini(&f->ready);
    evm_txset_fini(&f->check);
    free(f->txs);
    free(f->rank);
    free(f->order);
    *f = (struct evm_flow){0};
}

static bool reserve(struct evm_flow *f, uint32_t n)
{
    if (n <= f->capacity)
        return true;
    free(f->txs);
    free(f->rank);
    free(f->order);
    f->capacity = 0;
    f->txs = evm_malloc_aligned(_Alignof(struct evm_flow_tx), n * sizeof *f->txs);
    f->rank = evm_calloc(n, sizeof *f->rank);
    f->order = evm_calloc(n, sizeof *f->order);
    if (!f->txs || !f->rank || !f->order)
        return false;
    f->capacity = n;
    return true;
}

enum evm_status evm_flow_begin(struct evm_flow *f, const struct evm_sched_env *env,
                               evm_flow_executed *executed, void *self)
{
    uint32_t n = env->tx_count;
    f->env = *env;
    f->executed = executed;
    f->self = self;
    if (!reserve(f, n) || !evm_txset_begin(&f->ready, n) || !evm_txset_begin(&f->check, n))
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++) {
        struct evm_flow_tx *t = &f->txs[i];
        atomic_init(&t->word, word(EVM_FLOW_HELD, false, 0, 0));
        atomic_init(&t->once, 0);
        atomic_init(&t->lock, 0);
        t->waiters = t->next = EVM_NO_TX;
        f->rank[i] = f->order[i] = i;
    }
    atomic_store(&f->head, 0);
    atomic_store(&f->prefix, 0);
    atomic_store(&f->front, 0);
    atomic_store(&f->ended, false);
    atomic_store(&f->aborts, 0);
    uint32_t window = 8 * env->workers < 64 ? 64 : 8 * env->workers;
    atomic_store(&f->window, env->params->window ? env->params->window : window);
    f->eager = f->windowed = false;
    return EVM_OK;
}

/* Sorts order[from, to): heap sort, because it needs no memory and no global for the weights. */
static bool goes_after(const uint64_t *weight, uint32_t a, uint32_t b)
{
    return weight[a] != weight[b] ? weight[a] < weight[b] : a > b;
}

static void sift(uint32_t *v, uint32_t at, uint32_t n, const uint64_t *weight)
{
    uint32_t item = v[at], child;
    while ((child = 2 * at + 1) < n) {
        if (child + 1 < n && goes_after(weight, v[child + 1], v[child]))
            child++;
        if (!goes_after(weight, v[child], item))
            break;
        v[at] = v[child];
        at = child;
    }
    v[at] = item;
}

void evm_flow_rank(struct evm_flow *f, const uint64_t *weight, uint32_t chunk)
{
    uint32_t n = f->env.tx_count;
    for (uint32_t from = 0, count; from < n; from += count) {
        uint32_t *v = f->order + from;
        count = chunk && n - from > chunk ? chunk : n - from;
        for (uint32_t i = count / 2; i-- > 0;)
            sift(v, i, count, weight);
        for (uint32_t last = count; last-- > 1;) {
            uint32_t top = v[0];
            v[0] = v[last];
            v[last] = top;
            sift(v, 0, last, weight);
        }
    }
    for (uint32_t i = 0; i < n; i++)
        f->rank[f->order[i]] = i;
}

/* ---- next ------------------------------------------------------------------------------------ */

static void raise(_Atomic uint32_t *x, uint32_t to)
{
    uint32_t now = atomic_load(x);
    while (now < to && !atomic_compare_exchange_weak(x, &now, to))
        ;
}

static bool start(struct evm_flow *f, uint32_t tx, struct evm_task *out)
{
    uint64_t w;
    if (!claim(f, tx, EVM_FLOW_READY, EVM_FLOW_RUNNING, &w))
        return false;
    raise(&f->front, tx + 1);
    *out =
        (struct evm_task){kept_of(w) ? EVM_TASK_RESUME : EVM_TASK_EXECUTE, tx, incarnation_of(w)};
    return true;
}

static bool urgent(struct evm_flow *f, struct evm_task *out)
{
    uint32_t n = f->env.tx_count, head = atomic_load(&f->head), i;
    uint64_t w;
    if (atomic_load(&f->ended) || head == n) {
        *out = (struct evm_task){.kind = EVM_TASK_DONE};
        return true;
    }
    if (claim(f, head, EVM_FLOW_EXECUTED, EVM_FLOW_COMMITTING, &w)) {
        *out = (struct evm_task){EVM_TASK_COMMIT, head, incarnation_of(w)};
        return true;
    }
    if (start(f, head, out))
        return true;
    while ((i = evm_txset_take(&f->check, atomic_load(&f->prefix))) != EVM_NO_TX) {
        if (i <= head || !claim(f, i, EVM_FLOW_EXECUTED, EVM_FLOW_VALIDATING, &w))
            continue; /* the head's check is the ladder's */
        *out = (struct evm_task){EVM_TASK_VALIDATE, i, incarnation_of(w)};
        return true;
    }
    return false;
}

static uint32_t limit_of(const struct evm_flow *f)
{
    uint32_t n = f->env.tx_count, head = atomic_load(&f->head);
    uint32_t window = f->windowed ? atomic_load(&f->window) : n;
    return n - head < window ? n : head + window;
}

static bool ready(struct evm_flow *f, struct evm_task *out)
{
    uint32_t rank, limit = limit_of(f);
    while ((rank = evm_txset_take(&f->ready, limit)) != EVM_NO_TX)
        if (start(f, f->order[rank], out))
            return true;
    return false;
}

void evm_flow_next(struct evm_flow *f, struct evm_task *out)
{
    if (!urgent(f, out) && !ready(f, out))
        *out = (struct evm_task){.kind = EVM_TASK_IDLE};
}

/* ---- done ------------------------------------------------------------------------------------ */

static void offer(struct evm_flow *f, uint32_t i, struct evm_wake *out)
{
    evm_txset_put(&f->ready, f->rank[i]);
    out->count++;
}

static void make_ready(struct evm_flow *f, uint32_t i, bool kept, uint32_t incarnation,
                       struct evm_wake *out)
{
    set(f, i, EVM_FLOW_READY, kept, incarnation, 0);
    offer(f, i, out);
}

void evm_flow_release(struct evm_flow *f, uint32_t tx, struct evm_wake *out)
{
    make_ready(f, tx, false, 0, out);
}

/* Wakes i if it is still parked on `on`. */
static void wake(struct evm_flow *f, uint32_t i, uint32_t on, struct evm_wake *out)
{
    uint64_t w = atomic_load(&f->txs[i].word);
    if (status_of(w) != EVM_FLOW_PARKED || (uint32_t)(w >> 32) != on)
        return;
    if (atomic_compare_exchange_strong(&f->txs[i].word, &w,
                                       word(EVM_FLOW_READY, kept_of(w), incarnation_of(w), 0)))
        offer(f, i, out);
}

/* False if `on` has finished already: then there is nothing to wait for. The check and the entry
 * into the list are one step under the lock that wake_waiters takes after the word has changed. */
static bool park(struct evm_flow *f, struct evm_task task, uint32_t on, bool kept)
{
    struct evm_flow_tx *t = &f->txs[on];
    evm_spin_lock(f->env.threaded, &t->lock);
    bool wait = status_of(atomic_load(&t->word)) < EVM_FLOW_EXECUTED;
    if (wait) {
        f->txs[task.tx].next = t->waiters;
        t->waiters = task.tx;
        set(f, task.tx, EVM_FLOW_PARKED, kept, task.incarnation, on);
    }
    evm_spin_unlock(f->env.threaded, &t->lock);
    return wait;
}

static void on_blocked(struct evm_flow *f, struct evm_task task, const struct evm_task_result *r,
                       struct evm_wake *out)
{
    uint32_t i = task.tx;
    if (r->blocker != EVM_TURN) {
        EVM_CHECK(r->blocker < i, "transaction %u waits for %u", i, r->blocker);
        if (!park(f, task, r->blocker, r->kept))
            make_ready(f, i, r->kept, task.incarnation, out);
        return;
    }
    set(f, i, EVM_FLOW_PARKED, r->kept, task.incarnation, EVM_TURN);
    if (atomic_load(&f->head) == i) /* its turn came before it was parked */
        wake(f, i, EVM_TURN, out);
}

static void wake_waiters(struct evm_flow *f, uint32_t i, struct evm_wake *out)
{
    struct evm_flow_tx *t = &f->txs[i];
    evm_spin_lock(f->env.threaded, &t->lock);
    uint32_t w = t->waiters;
    t->waiters = EVM_NO_TX;
    evm_spin_unlock(f->env.threaded, &t->lock);
    while (w != EVM_NO_TX) {
        uint32_t following = f->txs[w].next; /* it may be parked elsewhere once it is awake */
        wake(f, w, i, out);
        w = following;
    }
}

static void executed_once(struct evm_flow *f, uint32_t i, struct evm_wake *out)
{
    if (atomic_exchange(&f->txs[i].once, 1))
        return;
    f->executed(f->self, i, out);
    uint32_t p = atomic_load(&f->prefix);
    while (p < f->env.tx_count && atomic_load(&f->txs[p].once)) {
        if (!atomic_compare_exchange_weak(&f->prefix, &p, p + 1))
            continue;
        p++;
        out->count++;
    }
}

/* The executed transactions above i that may have read what changed are to be validated. */
static void check_above(struct evm_flow *f, uint32_t i, uint64_t readers, struct evm_wake *out)
{
    uint32_t front = atomic_load(&f->front);
    if (i + 1 >= front || readers == 0)
        return;
    evm_txset_put_range(&f->check, i + 1, front, readers);
    if (i + 1 < atomic_load(&f->prefix))
        out->count += front - i;
}

static void on_finished(struct evm_flow *f, struct evm_task task, const struct evm_task_result *r,
                        struct evm_wake *out)
{
    bool tells = f->eager || task.incarnation > 0;
    set(f, task.tx, EVM_FLOW_EXECUTED, false, task.incarnation, 0);
    out->count++; /* its commit or validation */
    executed_once(f, task.tx, out);
    wake_waiters(f, task.tx, out);
    if (r->overtaken && tells)
        evm_txset_put(&f->check, task.tx);
    if (r->changed && tells)
        check_above(f, task.tx, r->readers, out);
}

static void on_invalid(struct evm_flow *f, struct evm_task task, struct evm_wake *out)
{
    evm_mv_estimate(f->env.mv, task.tx, task.incarnation);
    atomic_fetch_add(&f->aborts, 1);
    make_ready(f, task.tx, false, task.incarnation + 1, out);
}

/* Halved when a quarter of the executions were thrown away; grows by half otherwise. */
static void adapt_window(struct evm_flow *f)
{
    uint32_t aborts = atomic_exchange(&f->aborts, 0);
    uint32_t window = atomic_load(&f->window);
    if (f->env.params->window)
        window = f->env.params->window;
    else if (aborts * 4 > EPOCH + aborts)
        window = window / 2 ? window / 2 : 1;
    else if (window < f->env.tx_count)
        window += window / 2 + 1;
    atomic_store(&f->window, window);
}

static void on_committed(struct evm_flow *f, struct evm_task task, const struct evm_task_result *r,
                         struct evm_wake *out)
{
    uint32_t head = task.tx + 1;
    set(f, task.tx, EVM_FLOW_COMMITTED, false, task.incarnation, 0);
    bool all = head == f->env.tx_count, adapts = head % EPOCH == 0;
    if (adapts)
        adapt_window(f);
    atomic_store(&f->head, head);
    out->count += all || adapts ? f->env.workers : 2; /* next commit; the window moves */
    if (!all)
        wake(f, head, EVM_TURN, out);
    if (r->changed)
        check_above(f, task.tx, r->readers, out);
}

void evm_flow_done(struct evm_flow *f, struct evm_task task, const struct evm_task_result *result,
                   struct evm_wake *out)
{
    out->count = 0;
    switch (result->what) {
    case EVM_RAN_FINISHED: on_finished(f, task, result, out); break;
    case EVM_RAN_BLOCKED: on_blocked(f, task, result, out); break;
    case EVM_RAN_STALE:
    case EVM_RAN_INVALID: on_invalid(f, task, out); break;
    case EVM_RAN_VALID:
        set(f, task.tx, EVM_FLOW_EXECUTED, false, task.incarnation, 0);
        out->count = 1;
        break;
    case EVM_RAN_COMMITTED: on_committed(f, task, result, out); break;
    case EVM_RAN_ENDED:
        atomic_store(&f->ended, true);
        out->count = f->env.workers;
        break;
    default: EVM_CHECK(0, "unknown result %u", result->what);
    }
}
