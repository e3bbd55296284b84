/* Executor `ladder`: after Gelashvili et al., "Block-STM: Scaling Blockchain Execution by Turning
 * Ordering Curse to a Performance Blessing" (PPoPP 2023).
 *
 * Transactions run speculatively, lowest first, over the multi-version memory; validations are done
 * before executions, both from ordered sets (the paper's abstract E and V, here sets of bits, where
 * its algorithms 4 and 5 approximate them by counters). An invalid incarnation's writes become
 * estimates; who reads one waits for that transaction. In addition:
 *   - rolling commit: the ladder takes transaction i as soon as it is executed and i-1 committed;
 *   - whoever may have read a value that changed, or that an invalid incarnation wrote, is
 *     validated at once; who only ran while something was published, once all lower ones have
 *     executed (before, everything would be validated several times over);
 *   - the nonces of a sender with several transactions are predicted, so its later ones need not
 *     wait; where they cannot be, its writes are expected and the later ones wait at that read;
 *   - speculation runs at most `window` ahead of the ladder, which adapts to the aborts; at 1, one
 *     worker executes the head of the block in stretches, without versions, and the rest sleeps,
 *     so a serial chain costs about one core.
 *
 * A transaction's word holds status, incarnation and, parked, the one it waits for; every change of
 * a word that others may change too is a compare-and-swap on all of it, so a wake-up from an old
 * dependency or an earlier incarnation finds another word and does nothing. */
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/mvmemory.h"
#include "evm/parallel/pick.h"
#include "evm/parallel/scheduler.h"
#include "evm/parallel/senders.h"
#include "evm/parallel/spin.h"
#include "evm/parallel/txset.h"

enum status {
    READY,      /* in the set `ready` */
    RUNNING,    /* EXECUTE or RESUME handed out */
    PARKED,     /* waits for word.on */
    EXECUTED,   /* published */
    VALIDATING, /* VALIDATE handed out */
    COMMITTING, /* COMMIT handed out */
    COMMITTED,
};

/* While the window is 1, one worker takes the transactions at the head one after another, and the
 * rest sleeps, until few of them read what those shortly before wrote. */
enum mode {
    SPECULATING,
    ALONE,
    LEAVING, /* the stretch that is open is to be closed first */
};

struct stm_tx {
    _Atomic uint64_t word; /* status:4 kept:4 incarnation:24 on:32 */
    atomic_uchar once;     /* has executed at least once */
    atomic_uchar lock;     /* of `waiters` */
    uint32_t waiters;      /* first transaction parked on this one, or EVM_NO_TX */
    uint32_t next;         /* next in the list this one is parked in */
} __attribute__((aligned(32)));

struct stm {
    struct evm_sched_env env;
    struct stm_tx *txs;
    uint32_t capacity;
    struct evm_pick_queue ready;
    struct evm_txset check;  /* they may have read what changed */
    struct evm_txset later;  /* somebody published while they ran: once all below have executed */
    _Atomic uint32_t head;   /* lowest that is not committed */
    _Atomic uint32_t prefix; /* all below have executed once */
    _Atomic uint32_t front;  /* all at or above have never been started */
    atomic_bool ended;
    /* Window control: an epoch is 32 commits. */
    _Atomic uint32_t window, pressure; /* pressure: aborts since the last epoch */
    _Atomic uint32_t mode;             /* enum mode */
    /* While not SPECULATING: commits since the last look, the longest chain then and now. */
    uint32_t alone, depth_then, depth;
    struct evm_senders senders; /* begin() */
};

enum {
    EPOCH = 32,
    COMMITS = 32, /* transactions at most that are committed at once */
    STRETCH = 64, /* transactions at most that are taken at once */
};

/* ---- words ----------------------------------------------------------------------------------- */

static uint64_t word(enum status status, bool kept, uint32_t incarnation, uint32_t on)
{
    return (uint64_t)status | (uint64_t)kept << 4 | (uint64_t)(incarnation & 0xffffff) << 8 |
           (uint64_t)on << 32;
}

static enum status status_of(uint64_t w)
{
    return (enum status)(w & 15);
}

static uint32_t incarnation_of(uint64_t w)
{
    return (uint32_t)(w >> 8) & 0xffffff;
}

static bool kept_of(uint64_t w)
{
    return (w >> 4 & 1) != 0;
}

static bool is_finished(uint64_t w)
{
    return status_of(w) >= EXECUTED;
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
    evm_pick_fini(&s->ready);
    evm_txset_fini(&s->check);
    evm_txset_fini(&s->later);
    evm_senders_fini(&s->senders);
    free(s->txs);
    free(s);
}

static enum evm_status begin(void *state, const struct evm_sched_env *env)
{
    struct stm *s = state;
    uint32_t n = env->tx_count;
    s->env = *env;
    if (n > s->capacity) {
        free(s->txs);
        s->capacity = 0;
        s->txs = evm_malloc_aligned(_Alignof(struct stm_tx), n * sizeof *s->txs);
        if (!s->txs)
            return EVM_ERR_MEMORY;
        s->capacity = n;
    }
    if (!evm_txset_begin(&s->check, n) || !evm_txset_begin(&s->later, n))
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++) {
        struct stm_tx *t = &s->txs[i];
        atomic_init(&t->word, word(READY, false, 0, 0));
        atomic_init(&t->once, 0);
        atomic_init(&t->lock, 0);
        t->waiters = t->next = EVM_NO_TX;
    }
    enum evm_status st = evm_pick_begin(&s->ready, &s->env);
    if (st != EVM_OK)
        return st;
    atomic_store(&s->head, 0);
    atomic_store(&s->prefix, 0);
    atomic_store(&s->front, 0);
    atomic_store(&s->ended, false);
    atomic_store(&s->pressure, 0);
    atomic_store(&s->mode, SPECULATING);
    s->alone = s->depth_then = s->depth = 0;
    uint32_t window = env->params->window ? env->params->window : 8 * env->workers;
    atomic_store(&s->window, !env->params->window && window < 64 ? 64 : window);
    return env->txs && env->workers > 1 ? evm_senders_foresee(&s->senders, &s->env) : EVM_OK;
}

/* ---- next ------------------------------------------------------------------------------------ */

/* Claims transaction i if its word has that status; *w is the word before. */
static bool claim(struct stm *s, uint32_t i, enum status from, enum status to, uint64_t *w)
{
    *w = atomic_load(&s->txs[i].word);
    while (status_of(*w) == from)
        if (atomic_compare_exchange_weak(&s->txs[i].word, w,
                                         word(to, kept_of(*w), incarnation_of(*w), 0)))
            return true;
    return false;
}

/* Claims it for a stretch, whatever it waits for. */
static bool claim_any(struct stm *s, uint32_t i)
{
    uint64_t w = atomic_load(&s->txs[i].word);
    while (status_of(w) == READY || status_of(w) == PARKED || status_of(w) == EXECUTED)
        if (atomic_compare_exchange_weak(&s->txs[i].word, &w,
                                         word(COMMITTING, false, incarnation_of(w), 0)))
            return true;
    return false;
}

static void raise(_Atomic uint32_t *x, uint32_t to)
{
    uint32_t now = atomic_load(x);
    while (now < to && !atomic_compare_exchange_weak(x, &now, to))
        ;
}

/* Takes i and those behind it that nobody has a task on. */
static uint32_t claim_stretch(struct stm *s, uint32_t i)
{
    uint32_t n = s->env.tx_count - i, count = 0;
    while (count < n && count < STRETCH && claim_any(s, i + count))
        count++;
    return count;
}

/* The head, if it is executed, and those behind it that are. */
static uint32_t claim_commits(struct stm *s, uint32_t head)
{
    uint32_t n = s->env.tx_count - head, count = 0;
    uint64_t w;
    while (count < n && count < COMMITS && claim(s, head + count, EXECUTED, COMMITTING, &w))
        count++;
    return count;
}

/* The head's next task while nobody else works. */
static struct evm_task next_alone(struct stm *s, uint32_t head, enum mode mode)
{
    uint64_t w;
    if (s->env.stretches) {
        uint32_t count = claim_stretch(s, head);
        if (count == 0)
            return (struct evm_task){.kind = EVM_TASK_IDLE};
        return (struct evm_task){mode == LEAVING ? EVM_TASK_STRETCH_END : EVM_TASK_STRETCH, head,
                                 count};
    }
    if (claim(s, head, EXECUTED, COMMITTING, &w))
        return (struct evm_task){EVM_TASK_COMMIT, head, incarnation_of(w)};
    if (claim(s, head, READY, RUNNING, &w))
        return (struct evm_task){kept_of(w) ? EVM_TASK_RESUME : EVM_TASK_ALONE, head,
                                 incarnation_of(w)};
    return (struct evm_task){.kind = EVM_TASK_IDLE};
}

static uint32_t take_check(struct stm *s)
{
    uint32_t i = evm_txset_take(&s->check, s->env.tx_count);
    return i != EVM_NO_TX ? i : evm_txset_take(&s->later, atomic_load(&s->prefix));
}

static struct evm_task next(void *state, uint32_t worker)
{
    struct stm *s = state;
    uint32_t n = s->env.tx_count, head = atomic_load(&s->head), i;
    uint64_t w;
    if (atomic_load(&s->ended) || head == n)
        return (struct evm_task){.kind = EVM_TASK_DONE};
    enum mode mode = atomic_load(&s->mode);
    if (mode != SPECULATING)
        return next_alone(s, head, mode);
    if ((i = claim_commits(s, head)) > 0)
        return (struct evm_task){EVM_TASK_COMMITS, head, i};
    while ((i = take_check(s)) != EVM_NO_TX)
        if (i > head && claim(s, i, EXECUTED, VALIDATING, &w)) /* the head's is the ladder's */
            return (struct evm_task){EVM_TASK_VALIDATE, i, incarnation_of(w)};
    uint32_t window = atomic_load(&s->window);
    uint32_t limit = n - head < window ? n : head + window;
    while ((i = evm_pick_take(&s->ready, worker, limit)) != EVM_NO_TX) {
        if (!claim(s, i, READY, RUNNING, &w))
            continue;
        raise(&s->front, i + 1);
        return (struct evm_task){kept_of(w) ? EVM_TASK_RESUME : EVM_TASK_EXECUTE, i,
                                 incarnation_of(w)};
    }
    return (struct evm_task){.kind = EVM_TASK_IDLE};
}

/* ---- done ------------------------------------------------------------------------------------ */

/* Owner only. */
static void set(struct stm *s, uint32_t i, enum status status, bool kept, uint32_t incarnation,
                uint32_t on)
{
    atomic_store(&s->txs[i].word, word(status, kept, incarnation, on));
}

static void make_ready(struct stm *s, uint32_t i, bool kept, uint32_t incarnation,
                       struct evm_wake *out)
{
    set(s, i, READY, kept, incarnation, 0);
    evm_pick_put(&s->ready, i);
    out->count++;
}

/* Wakes i if it is still parked on `on`. */
static void wake(struct stm *s, uint32_t i, uint32_t on, struct evm_wake *out)
{
    uint64_t w = atomic_load(&s->txs[i].word);
    if (status_of(w) != PARKED || (uint32_t)(w >> 32) != on)
        return;
    if (atomic_compare_exchange_strong(&s->txs[i].word, &w,
                                       word(READY, kept_of(w), incarnation_of(w), 0))) {
        evm_pick_put(&s->ready, i);
        out->count++;
    }
}

/* False if `on` has finished already: then there is nothing to wait for. The check and the entry
 * into the list are one step under the lock that finish() takes after it changed the word. */
static bool park(struct stm *s, struct evm_task task, uint32_t on, bool kept)
{
    struct stm_tx *t = &s->txs[on];
    evm_spin_lock(s->env.threaded, &t->lock);
    bool wait = !is_finished(atomic_load(&t->word));
    if (wait) {
        s->txs[task.tx].next = t->waiters;
        t->waiters = task.tx;
        set(s, task.tx, PARKED, kept, task.incarnation, on);
    }
    evm_spin_unlock(s->env.threaded, &t->lock);
    return wait;
}

static void on_blocked(struct stm *s, struct evm_task task, const struct evm_task_result *r,
                       struct evm_wake *out)
{
    uint32_t i = task.tx;
    if (r->blocker != EVM_TURN) {
        EVM_CHECK(r->blocker < i, "transaction %u waits for %u", i, r->blocker);
        if (!park(s, task, r->blocker, r->kept))
            make_ready(s, i, r->kept, task.incarnation, out);
        return;
    }
    set(s, i, PARKED, r->kept, task.incarnation, EVM_TURN);
    if (atomic_load(&s->head) == i) /* its turn came before it was parked */
        wake(s, i, EVM_TURN, out);
}

static void wake_waiters(struct stm *s, uint32_t i, struct evm_wake *out)
{
    struct stm_tx *t = &s->txs[i];
    evm_spin_lock(s->env.threaded, &t->lock);
    uint32_t w = t->waiters;
    t->waiters = EVM_NO_TX;
    evm_spin_unlock(s->env.threaded, &t->lock);
    while (w != EVM_NO_TX) {
        uint32_t following = s->txs[w].next; /* it may be parked elsewhere once it is awake */
        wake(s, w, i, out);
        w = following;
    }
}

static void executed_once(struct stm *s, uint32_t i, struct evm_wake *out)
{
    if (atomic_exchange(&s->txs[i].once, 1))
        return;
    uint32_t p = atomic_load(&s->prefix);
    while (p < s->env.tx_count && atomic_load(&s->txs[p].once)) {
        if (!atomic_compare_exchange_weak(&s->prefix, &p, p + 1))
            continue;
        p++;
        out->count++;
    }
}

/* The executed transactions above i that may have read what changed are to be validated. */
static void check_above(struct stm *s, uint32_t i, uint64_t readers, struct evm_wake *out)
{
    uint32_t front = atomic_load(&s->front);
    if (i + 1 >= front || readers == 0)
        return;
    evm_txset_put_range(&s->check, i + 1, front, readers);
    out->count += front - i;
}

static void on_finished(struct stm *s, struct evm_task task, const struct evm_task_result *r,
                        struct evm_wake *out)
{
    if (task.kind == EVM_TASK_ALONE && r->depth > s->depth) /* its worker's, while it runs */
        s->depth = r->depth;
    set(s, task.tx, EXECUTED, false, task.incarnation, 0);
    out->count++; /* its commit or validation */
    executed_once(s, task.tx, out);
    wake_waiters(s, task.tx, out);
    if (r->overtaken)
        evm_txset_put(&s->later, task.tx);
    if (r->changed)
        check_above(s, task.tx, r->readers, out);
}

static void on_invalid(struct stm *s, struct evm_task task, struct evm_wake *out)
{
    check_above(s, task.tx, evm_mv_estimate(s->env.mv, task.tx, task.incarnation), out);
    atomic_fetch_add(&s->pressure, 1);
    make_ready(s, task.tx, false, task.incarnation + 1, out);
}

/* Farther ahead there are no cores to fill, only more to look at when something changes. */
static uint32_t widest(const struct stm *s)
{
    uint32_t most = 16 * s->env.workers;
    return most < 256 ? 256 : most;
}

/* Speculation goes on where chains are shorter than half the block that they run through. */
static void look_around(struct stm *s, uint32_t committed, uint32_t depth)
{
    s->alone += committed;
    s->depth = depth > s->depth ? depth : s->depth;
    if (s->alone < EPOCH)
        return;
    if ((s->depth - s->depth_then) * 2 < s->alone) {
        atomic_store(&s->mode, s->env.stretches ? LEAVING : SPECULATING);
        atomic_store(&s->window, 4 * s->env.workers);
    }
    s->alone = 0;
    s->depth_then = s->depth;
}

/* Additive increase is too slow for blocks of some thousand transactions, so it grows by half; a
 * chain is to be recognized soon, so much pressure divides it by four. */
static void adapt_window(struct stm *s)
{
    if (s->env.params->window)
        return;
    uint32_t pressure = atomic_exchange(&s->pressure, 0);
    uint32_t window = atomic_load(&s->window), most = widest(s);
    /* Two workers cannot abort as often as many: one of them executes at the head. */
    uint32_t much = s->env.workers == 2 ? EPOCH / 2 : EPOCH;
    if (pressure >= much)
        window = window < 4 ? 1 : window / 4;
    else if (2 * pressure >= much)
        window = window < 2 ? 1 : window / 2;
    else if (window < most)
        window = window + window / 2 + 1 < most ? window + window / 2 + 1 : most;
    atomic_store(&s->window, window);
    if (window == 1 && s->env.workers > 1) {
        s->alone = s->depth_then = s->depth = 0;
        atomic_store(&s->mode, ALONE);
    }
}

/* `count` transactions from task.tx on are committed; the head stands still until all are said to
 * be. */
static void on_committed(struct stm *s, struct evm_task task, const struct evm_task_result *r,
                         uint32_t count, struct evm_wake *out)
{
    uint32_t head = task.tx + count;
    for (uint32_t i = task.tx; i < head; i++)
        set(s, i, COMMITTED, false, incarnation_of(atomic_load(&s->txs[i].word)), 0);
    bool all = head == s->env.tx_count,
         adapts = head / EPOCH != task.tx / EPOCH || atomic_load(&s->pressure) >= 2 * EPOCH;
    enum mode mode = atomic_load(&s->mode);
    if (mode != SPECULATING)
        look_around(s, count, 0);
    else if (adapts)
        adapt_window(s);
    adapts |= mode != atomic_load(&s->mode);
    atomic_store(&s->head, head);
    out->count += all || adapts ? s->env.workers : 2; /* next commit; the window moves */
    if (!all)
        wake(s, head, EVM_TURN, out);
    if (r->changed)
        check_above(s, task.tx, r->readers, out);
}

/* After the committed ones comes one that is invalid, and those behind it wait again. */
static void on_commits_invalid(struct stm *s, struct evm_task task, const struct evm_task_result *r,
                               struct evm_wake *out)
{
    uint32_t at = task.tx + r->commits, end = task.tx + task.incarnation;
    for (uint32_t i = at + 1; i < end; i++)
        set(s, i, EXECUTED, false, incarnation_of(atomic_load(&s->txs[i].word)), 0);
    uint64_t w = atomic_load(&s->txs[at].word);
    if (r->commits)
        on_committed(s, task, r, r->commits, out);
    on_invalid(s, (struct evm_task){EVM_TASK_COMMIT, at, incarnation_of(w)}, out);
}

/* Transactions task.tx to task.tx + task.incarnation are committed. */
static void on_stretch(struct stm *s, struct evm_task task, const struct evm_task_result *r,
                       struct evm_wake *out)
{
    uint32_t head = task.tx + task.incarnation;
    for (uint32_t i = task.tx; i < head; i++)
        set(s, i, COMMITTED, false, incarnation_of(atomic_load(&s->txs[i].word)), 0);
    raise(&s->front, head);
    for (uint32_t i = task.tx; i < head; i++) {
        executed_once(s, i, out);
        wake_waiters(s, i, out);
    }
    bool closed = task.kind == EVM_TASK_STRETCH_END;
    if (closed)
        atomic_store(&s->mode, SPECULATING);
    else
        look_around(s, task.incarnation, r->depth);
    atomic_store(&s->head, head);
    bool all = head == s->env.tx_count;
    out->count = closed || all ? s->env.workers : 1;
    if (!all)
        wake(s, head, EVM_TURN, out);
    if (closed && !all)
        check_above(s, head - 1, UINT64_MAX, out);
}

static void done(void *state, uint32_t worker, struct evm_task task,
                 const struct evm_task_result *result, struct evm_wake *out)
{
    struct stm *s = state;
    (void)worker;
    *out = (struct evm_wake){0};
    switch (result->what) {
    case EVM_RAN_FINISHED: on_finished(s, task, result, out); break;
    case EVM_RAN_BLOCKED: on_blocked(s, task, result, out); break;
    case EVM_RAN_STALE:
    case EVM_RAN_INVALID:
        if (task.kind == EVM_TASK_COMMITS)
            on_commits_invalid(s, task, result, out);
        else
            on_invalid(s, task, out);
        break;
    case EVM_RAN_VALID:
        set(s, task.tx, EXECUTED, false, task.incarnation, 0);
        out->count = 1;
        break;
    case EVM_RAN_COMMITTED:
        if (task.kind == EVM_TASK_COMMIT)
            on_committed(s, task, result, 1, out);
        else if (task.kind == EVM_TASK_COMMITS)
            on_committed(s, task, result, result->commits, out);
        else
            on_stretch(s, task, result, out);
        break;
    case EVM_RAN_ENDED:
        atomic_store(&s->ended, true);
        out->count = s->env.workers;
        break;
    default: EVM_CHECK(0, "unknown result %u", result->what);
    }
    /* Whoever works alone goes on, and nobody else could. */
    if (result->what != EVM_RAN_ENDED && atomic_load(&s->mode) != SPECULATING &&
        atomic_load(&s->head) != s->env.tx_count)
        out->count = 1;
    /* What became available need not be for the worker that made it so. */
    out->all = out->count > 0 && evm_pick_is_choosy(&s->ready);
}

const struct evm_executor_ops evm_executor_ladder = {
    .name = "ladder",
    .doc = "Optimistic multi-version execution with dependency estimates (Gelashvili et al. 2023).",
    .visibility = EVM_VISIBLE_FINISHED,
    .traits = EVM_TRAIT_PARKS | EVM_TRAIT_DELTAS | EVM_TRAIT_PARTIAL,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .next = next,
    .done = done,
};
