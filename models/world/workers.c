#include "models/world/workers.h"

#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <pthread.h>

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t queued, done;
    struct job *first, *last;
    bool stop;
    uint32_t count;
    pthread_t threads[];
};

/* Both need the lock. */
static void unlink_job(struct workers *w, struct job *job)
{
    *(job->previous ? &job->previous->next : &w->first) = job->next;
    *(job->next ? &job->next->previous : &w->last) = job->previous;
    job->next = job->previous = NULL;
}

static void run_job(struct workers *w, struct job *job)
{
    unlink_job(w, job);
    job->state = JOB_RUNNING;
    pthread_mutex_unlock(&w->lock);
    job->run(job);
    pthread_mutex_lock(&w->lock);
    job->state = JOB_DONE;
    pthread_cond_broadcast(&w->done);
}

static void *work(void *argument)
{
    struct workers *w = argument;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (w->first)
            run_job(w, w->first);
        else
            pthread_cond_wait(&w->queued, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

enum err_code workers_create(struct workers **out, uint32_t threads, struct err *err)
{
    *out = NULL;
    struct workers *w = mem_zalloc(1, sizeof *w + threads * sizeof(pthread_t));
    if (!w)
        return err_set(err, ERR_MEMORY, "no memory for %u host threads", threads);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->queued, NULL);
    pthread_cond_init(&w->done, NULL);
    for (; w->count < threads; w->count++)
        if (pthread_create(&w->threads[w->count], NULL, work, w) != 0) {
            uint32_t got = w->count;
            workers_destroy(w);
            return err_set(err, ERR_LIMIT, "the system gives no more than %u of %u threads", got,
                           threads);
        }
    *out = w;
    return ERR_OK;
}

void workers_destroy(struct workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->queued);
    pthread_mutex_unlock(&w->lock);
    for (uint32_t i = 0; i < w->count; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->done);
    pthread_cond_destroy(&w->queued);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

void workers_submit(struct workers *w, struct job *job)
{
    pthread_mutex_lock(&w->lock);
    CHECK(job->state == JOB_NEW, "a job in state %d is submitted again", (int)job->state);
    job->state = JOB_QUEUED;
    job->next = NULL;
    job->previous = w->last;
    *(w->last ? &w->last->next : &w->first) = job;
    w->last = job;
    pthread_cond_signal(&w->queued);
    pthread_mutex_unlock(&w->lock);
}

void workers_wait(struct workers *w, struct job *job)
{
    pthread_mutex_lock(&w->lock);
    CHECK(job->state != JOB_NEW, "waiting for a job that nobody submitted");
    while (job->state != JOB_DONE) {
        if (job->state == JOB_QUEUED)
            run_job(w, job);
        else
            pthread_cond_wait(&w->done, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

void workers_help(struct workers *w, struct job *job)
{
    pthread_mutex_lock(&w->lock);
    CHECK(job->state != JOB_NEW, "waiting for a job that nobody submitted");
    while (job->state != JOB_DONE) {
        if (job->state == JOB_QUEUED)
            run_job(w, job);
        else if (w->first)
            run_job(w, w->first);
        else
            pthread_cond_wait(&w->done, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

void workers_cancel(struct workers *w, struct job *job)
{
    pthread_mutex_lock(&w->lock);
    if (job->state == JOB_QUEUED) {
        unlink_job(w, job);
        job->state = JOB_NEW;
    }
    while (job->state == JOB_RUNNING)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

bool workers_done(struct workers *w, const struct job *job)
{
    pthread_mutex_lock(&w->lock);
    bool done = job->state == JOB_DONE;
    pthread_mutex_unlock(&w->lock);
    return done;
}
