/* Many runs in processes of their own: a protocol that stops the program, or never returns, costs
 * one run. Work is shared through a counter, results through memory. */
#include "sim/cli/conform.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MAX = 256 };

static void *shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

struct conform_outcome *conform_pool_memory(size_t count)
{
    return shared((count ? count : 1) * sizeof(struct conform_outcome));
}

struct crew {
    const struct conform_subject *subject;
    const struct conform_item *items;
    struct conform_outcome *outcomes;
    size_t count;
    struct board {
        atomic_size_t next;
        size_t at[JOBS_MAX]; /* what each worker does; count: nothing */
    } * board;
    pid_t pids[JOBS_MAX];
    uint32_t jobs;
};

static void work(const struct crew *c, uint32_t me)
{
    for (;;) {
        size_t i = atomic_fetch_add(&c->board->next, 1);
        if (i >= c->count)
            break;
        c->board->at[me] = i;
        c->outcomes[i].state = CONFORM_RUNNING;
        alarm(CONFORM_SECONDS_MAX);
        conform_judge(c->subject, &c->items[i], &c->outcomes[i]);
        alarm(0);
        c->board->at[me] = c->count;
    }
    _exit(0);
}

static bool hire(struct crew *c, uint32_t me)
{
    c->board->at[me] = c->count;
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        work(c, me);
    }
    c->pids[me] = pid;
    return pid > 0;
}

/* A worker is gone. Its work is called off, and another one takes its place. */
static bool replace(struct crew *c, pid_t pid, int status, uint32_t *left)
{
    for (uint32_t k = 0; k < c->jobs; k++) {
        if (c->pids[k] != pid)
            continue;
        c->pids[k] = 0;
        size_t i = c->board->at[k];
        if (i < c->count) {
            struct conform_outcome *o = &c->outcomes[i];
            o->state = CONFORM_DIED;
            o->signal = WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM ? WTERMSIG(status) : 0;
            return hire(c, k);
        }
        --*left;
    }
    return true;
}

static size_t finished(const struct crew *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++)
        n += c->outcomes[i].state > CONFORM_RUNNING;
    return n;
}

enum err_code conform_pool(const struct conform_subject *s, const struct conform_item *items,
                           struct conform_outcome *outcomes, size_t count, uint32_t jobs,
                           void (*progress)(size_t done, size_t count), struct err *err)
{
    struct crew *c = calloc(1, sizeof *c);
    struct board *board = shared(sizeof *board);
    uint32_t left = 0;
    if (!c || !board) {
        free(c);
        return err_set(err, ERR_MEMORY, "out of memory");
    }
    *c = (struct crew){
        .subject = s, .items = items, .outcomes = outcomes, .count = count, .board = board};
    c->jobs = jobs < JOBS_MAX ? jobs : JOBS_MAX;
    bool ok = true;
    for (uint32_t k = 0; k < c->jobs && ok; k++, left++)
        ok = hire(c, k);
    while (left > 0 && ok) {
        int status;
        pid_t pid = waitpid(-1, &status, progress ? WNOHANG : 0);
        if (pid > 0)
            ok = replace(c, pid, status, &left);
        else if (pid == 0)
            usleep(20000);
        else if (errno != EINTR)
            break;
        if (progress)
            progress(finished(c), count);
    }
    int why = errno;
    for (uint32_t k = 0; k < c->jobs && !ok; k++)
        if (c->pids[k] > 0)
            kill(c->pids[k], SIGTERM);
    munmap(board, sizeof *board);
    free(c);
    return ok ? ERR_OK : err_set(err, ERR_IO, "cannot start a process: %s", strerror(why));
}
