/* The threads driver: workers on the host's cores, started by OpenMP. All they share is behind the
 * executor, the memory and the ladder; here is only who sleeps when there is nothing to do. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "evm/core/alloc.h"
#include "evm/core/keccak_cache.h"
#include "evm/core/keccak_hints.h"
#include "evm/parallel/blockrun.h"
#include "evm/parallel/stretch.h"

#ifndef __SANITIZE_THREAD__
#include <omp.h>
#endif

enum { SPINS = 2000 }; /* about 50 us of looking before sleeping */

struct team {
    struct evm_blockrun *b;
    struct evm_schedule *schedules; /* one a worker; NULL: none kept */
    int64_t start;
    _Atomic uint32_t epoch; /* grows whenever there may be work for another worker */
    _Atomic uint32_t sleepers;
    pthread_mutex_t lock;
    pthread_cond_t work;
};

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- sleeping: a sleeper looks at the epoch under the lock, a waker changes it before it looks
 * for sleepers, so one of the two sees the other -------------------------------------------------
 */

static void nudge(struct team *t, bool all)
{
    atomic_fetch_add(&t->epoch, 1);
    if (atomic_load(&t->sleepers) == 0)
        return;
    pthread_mutex_lock(&t->lock);
    if (all)
        pthread_cond_broadcast(&t->work);
    else
        pthread_cond_signal(&t->work);
    pthread_mutex_unlock(&t->lock);
}

static void wait_for_work(struct team *t, uint32_t seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&t->epoch, memory_order_relaxed) != seen)
            return;
        __builtin_ia32_pause();
    }
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->sleepers, 1);
    while (atomic_load(&t->epoch) == seen)
        pthread_cond_wait(&t->work, &t->lock);
    atomic_fetch_sub(&t->sleepers, 1);
    pthread_mutex_unlock(&t->lock);
}

/* ---- work ------------------------------------------------------------------------------------ */

static void execute(struct evm_blockrun *b, uint32_t worker, struct evm_task task,
                    struct evm_task_result *result, struct evm_mv_cost *cost)
{
    struct evm_run *run = evm_run_start(b, task, worker, false, result, cost);
    if (!run)
        return;
    switch (evm_run_step(run)) {
    case EVM_RUN_DONE: evm_run_finish(run, result); return;
    case EVM_RUN_BLOCKED: evm_run_park(run, result); return;
    default: evm_run_drop(run); result->what = EVM_RAN_ENDED;
    }
}

static void carry_out(struct team *t, uint32_t worker, struct evm_task task, struct evm_wake *wake)
{
    struct evm_blockrun *b = t->b;
    struct evm_task_result result;
    struct evm_mv_cost cost = {0};
    int64_t start = t->schedules ? now() - t->start : 0;
    switch (task.kind) {
    case EVM_TASK_EXECUTE:
    case EVM_TASK_ALONE:
    case EVM_TASK_RESUME: execute(b, worker, task, &result, &cost); break;
    case EVM_TASK_STRETCH:
    case EVM_TASK_STRETCH_END: evm_stretch_run(b, task, worker, &result); break;
    case EVM_TASK_VALIDATE: evm_run_validate(b, task, worker, &result, &cost); break;
    default: evm_ladder_carry_out(b, task, worker, &result, &cost); break;
    }
    if (t->schedules &&
        !evm_schedule_put(&t->schedules[worker], worker, task, start, now() - t->start))
        evm_blockrun_fail(b, EVM_ERR_MEMORY);
    b->ops->done(b->sched, worker, task, &result, wake);
}

/* Who was woken and found work wakes another one; so one nudge a done() is enough, however much it
 * made available. */
static void work(struct team *t, uint32_t worker)
{
    struct evm_blockrun *b = t->b;
    bool woken = false;
    int64_t idle = 0, began = now();
    struct evm_mv_cost cost = {0};
    evm_keccak_cache_use(!b->caches.no_keccak);
    evm_prefetch(b, worker, b->workers, &cost, NULL);
    while (!evm_blockrun_failed(b)) {
        uint32_t seen = atomic_load(&t->epoch);
        struct evm_task task = b->ops->next(b->sched, worker);
        if (task.kind == EVM_TASK_DONE)
            break;
        if (task.kind == EVM_TASK_IDLE) {
            int64_t from = now();
            wait_for_work(t, seen);
            idle += now() - from;
            woken = true;
            continue;
        }
        if (woken)
            nudge(t, false);
        woken = false;
        struct evm_wake wake = {0};
        carry_out(t, worker, task, &wake);
        if (wake.count > 1 || wake.all)
            nudge(t, wake.all);
    }
    nudge(t, true);
    evm_keccak_hints_run(NULL);
    evm_keccak_cache_use(true);
    b->counts[worker].busy_ns = now() - began - idle;
}

/* ---- starting -------------------------------------------------------------------------------- */

#ifdef __SANITIZE_THREAD__
/* libgomp is not instrumented, so ThreadSanitizer would not see the start and the end of its
 * threads. */
struct member {
    struct team *team;
    uint32_t worker;
};

static void *member_main(void *arg)
{
    struct member *m = arg;
    work(m->team, m->worker);
    return NULL;
}

static void start(struct team *t)
{
    pthread_t threads[64];
    struct member members[64];
    uint32_t n = t->b->workers < 64 ? t->b->workers : 64, started = 1;
    for (uint32_t i = 0; i < n; i++)
        members[i] = (struct member){t, i};
    while (started < n &&
           pthread_create(&threads[started], NULL, member_main, &members[started]) == 0)
        started++;
    work(t, 0);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(threads[i], NULL);
}
#else
static void start(struct team *t)
{
    if (t->b->workers == 1) {
        work(t, 0);
        return;
    }
#pragma omp parallel num_threads((int)t->b->workers)
    work(t, (uint32_t)omp_get_thread_num());
}
#endif

/* ---- the end --------------------------------------------------------------------------------- */

static bool merge(struct evm_schedule *into, const struct evm_schedule *parts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        into->count += parts[i].count;
    if (into->count == 0)
        return true;
    into->slices = evm_malloc(into->count * sizeof *into->slices);
    if (!into->slices)
        return false;
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++)
        if (parts[i].count) {
            memcpy(into->slices + at, parts[i].slices, parts[i].count * sizeof *into->slices);
            at += parts[i].count;
        }
    return true;
}

enum evm_status evm_drive_threads(struct evm_blockrun *b, struct evm_schedule *keep)
{
    struct team t = {.b = b, .start = now()};
    if (keep->on) {
        t.schedules = evm_calloc(b->workers, sizeof *t.schedules);
        if (!t.schedules)
            return EVM_ERR_MEMORY;
        for (uint32_t i = 0; i < b->workers; i++)
            t.schedules[i].on = true;
    }
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.work, NULL);
    start(&t);
    pthread_cond_destroy(&t.work);
    pthread_mutex_destroy(&t.lock);
    b->result->makespan_ns = now() - t.start;
    enum evm_status st = EVM_OK;
    if (t.schedules) {
        if (!merge(keep, t.schedules, b->workers)) {
            keep->count = 0;
            st = EVM_ERR_MEMORY;
        }
        for (uint32_t i = 0; i < b->workers; i++)
            free(t.schedules[i].slices);
        free(t.schedules);
    }
    return st;
}
