/* models/world/workers.h - host threads that run jobs in the order they were submitted.
 *
 * A job's result may not depend on when or where it runs. wait() brings a job to its end: it runs a
 * job that nobody has begun itself, so with no thread at all everything happens inline, at the
 * first wait. A job may wait for jobs submitted before it, never for later ones. */
#ifndef MODELS_WORLD_WORKERS_H
#define MODELS_WORLD_WORKERS_H

#include "sim/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct workers;

enum job_state { JOB_NEW, JOB_QUEUED, JOB_RUNNING, JOB_DONE };

/* Embedded in what it works on; zeroed before submit. */
struct job {
    void (*run)(struct job *job);
    struct job *next, *previous;
    enum job_state state; /* guarded by the pool's lock */
};

/* threads may be 0. ERR_MEMORY, or ERR_LIMIT when the system gives no thread. */
enum err_code workers_create(struct workers **out, uint32_t threads, struct err *err);
/* Every job must be done or never begun; jobs still queued are dropped. Accepts NULL. */
void workers_destroy(struct workers *w);

void workers_submit(struct workers *w, struct job *job);
/* Returns when the job is done; what it wrote is visible. */
void workers_wait(struct workers *w, struct job *job);
/* The same, but while another thread is at it, jobs that nobody has begun are carried out: some of
 * them may be long. Not from within a job, which those may be waiting for. */
void workers_help(struct workers *w, struct job *job);
/* Takes a queued job back, or waits for a running one: afterwards it does not run. */
void workers_cancel(struct workers *w, struct job *job);
/* Whether it is done, without waiting. Never let a result depend on it. */
bool workers_done(struct workers *w, const struct job *job);

#endif
