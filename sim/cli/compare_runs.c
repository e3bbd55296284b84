/* weft compare: its runs, each in a process of its own, as many at a time as there are threads. A
 * run that stops the program, or that the host kills for its memory, costs that variant alone. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/world/figures.h"
#include "sim/cli/compare.h"

/* What a run leaves behind, in memory that parent and child share. */
struct outcome {
    bool finished, unsafe;
    enum world_limit limit;
    uint32_t idle_layers, enough_layers;
    bool calls_only;
    char error[sizeof((struct err *)0)->text];
    double values[];
};

struct worker {
    pid_t pid; /* 0: idle */
    size_t variant;
    uint64_t run;
    struct outcome *outcome;
};

struct crew {
    struct compare *c;
    struct worker *workers;
    uint32_t count, busy;
    uint32_t threads; /* of each run */
    size_t next;      /* variant that has runs to begin */
    size_t told;      /* variants that done() has been called for, or that failed */
    uint64_t finished, total;
    void (*done)(const struct compare *c, const struct compare_variant *v);
};

/* ---- in the child ---- */

static void carry_out(const struct crew *k, const struct compare_variant *v, uint64_t run,
                      struct outcome *out)
{
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    struct world *w = NULL;
    struct world_summary summary;
    struct err err = {0};
    const struct world_options options = {.threads = k->threads};
    const char *sets[COMPARE_SETS + COMPARE_VARIES + 1];
    char seed[32];
    size_t count = v->set_count;
    memcpy(sets, v->sets, count * sizeof *sets);
    snprintf(seed, sizeof seed, "seed=%llu", (unsigned long long)(v->seed + run));
    if (run)
        sets[count++] = seed;
    enum err_code code = scenario_load(&s, &world_spec, v->file->path, sets, count, &problems);
    if (code == ERR_OK)
        code = world_create(&w, s, &options, &err);
    if (code == ERR_OK)
        code = world_run(w, &err);
    if (code != ERR_OK) {
        const char *why = err.text[0] ? err.text : problems.text ? problems.text : "no memory left";
        snprintf(out->error, sizeof out->error, "%.*s", (int)strcspn(why, "\n"), why);
        return;
    }
    world_summarise(w, &summary);
    for (size_t f = 0; f < k->c->figures; f++)
        out->values[f] = figure_value(f, &summary);
    out->limit = summary.limit;
    out->idle_layers = summary.idle_layers;
    out->enough_layers = summary.enough_layers;
    out->calls_only =
        summary.partition.calls && summary.partition.calls == summary.partition.carried;
    out->unsafe = summary.safety_violations > 0;
    out->finished = true;
}

/* ---- in the parent ---- */

/* The next variant with a run to begin, or the number of variants. */
static size_t next_variant(struct crew *k)
{
    for (; k->next < k->c->variant_count; k->next++) {
        const struct compare_variant *v = &k->c->variants[k->next];
        if (!v->failed && v->begun < v->file->runs)
            break;
    }
    return k->next;
}

/* -1, or a status. */
static int begin_run(struct crew *k, struct worker *w)
{
    struct compare_variant *v = &k->c->variants[k->next];
    size_t room = v->file->runs * k->c->figures;
    if (!v->values && !(v->values = malloc(room * sizeof *v->values)))
        return cli_complain(k->c->self, "no memory left");
    w->variant = k->next;
    w->run = v->begun++;
    w->outcome->finished = w->outcome->unsafe = false;
    w->outcome->error[0] = 0;
    fflush(stdout);
    fflush(stderr);
    pid_t parent = getpid();
    w->pid = fork();
    if (w->pid == 0) {
        /* Nobody would hear of the run any more. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            carry_out(k, v, w->run, w->outcome);
        _exit(0);
    }
    if (w->pid < 0) {
        w->pid = 0;
        return cli_complain(k->c->self, "cannot start a process: %s", strerror(errno));
    }
    k->busy++;
    return -1;
}

/* All runs of the variant are in. */
static void sum_up(const struct compare *c, struct compare_variant *v)
{
    size_t offered = figure_find("offered"), committed = figure_find("committed");
    uint64_t runs = v->file->runs;
    double *shares = malloc(runs * sizeof *shares);
    v->figures = calloc(c->figures, sizeof *v->figures);
    for (size_t f = 0; v->figures && f < c->figures; f++)
        v->figures[f] = interval_of(v->values + f * runs, runs);
    for (uint64_t i = 0; shares && i < runs; i++) {
        double of = v->values[offered * runs + i];
        shares[i] = of > 0 ? v->values[committed * runs + i] / of : NAN;
    }
    if (shares)
        v->share = interval_of(shares, runs);
    v->failed = !shares || !v->figures;
    free(shares);
    if (!c->options->json) {
        free(v->values);
        v->values = NULL;
    }
}

/* A run that failed takes its variant with it: told once. */
static void fail(struct crew *k, struct compare_variant *v, const struct outcome *out, int status)
{
    if (v->failed)
        return;
    v->failed = true;
    if (out->error[0])
        k->c->status = cli_complain(k->c->self, "%s: %s", v->name, out->error);
    else if (WIFSIGNALED(status))
        k->c->status = cli_complain(k->c->self, "%s: its process was stopped by signal %d: %s",
                                    v->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        k->c->status = cli_complain(k->c->self, "%s: its process ended early", v->name);
}

static void end_run(struct crew *k, struct worker *w, int status)
{
    struct compare_variant *v = &k->c->variants[w->variant];
    const struct outcome *out = w->outcome;
    w->pid = 0;
    k->busy--;
    k->finished++;
    if (!out->finished) {
        fail(k, v, out, status);
        return;
    }
    for (size_t f = 0; f < k->c->figures; f++)
        v->values[f * v->file->runs + w->run] = out->values[f];
    if (w->run == 0) {
        v->limit = out->limit;
        v->idle_layers = out->idle_layers;
        v->enough_layers = out->enough_layers;
        v->calls_only = out->calls_only;
    }
    v->unsafe |= out->unsafe;
    if (out->unsafe && !v->expects_unsafe && k->c->status == CLI_DONE)
        k->c->status = CLI_UNSAFE;
    if (++v->done == v->file->runs && !v->failed)
        sum_up(k->c, v);
}

static void progress(const struct crew *k)
{
    if (isatty(STDERR_FILENO) && k->finished < k->total)
        fprintf(stderr, "\r%llu of %llu runs", (unsigned long long)k->finished,
                (unsigned long long)k->total);
}

/* Rows come out in the order of the variants. */
static void tell(struct crew *k)
{
    for (; k->told < k->c->variant_count; k->told++) {
        struct compare_variant *v = &k->c->variants[k->told];
        if (!v->failed && !v->figures)
            break;
        if (!v->failed && isatty(STDERR_FILENO))
            fprintf(stderr, "\r\033[K");
        if (!v->failed)
            k->done(k->c, v);
    }
}

static int all_runs(struct crew *k)
{
    int status = -1;
    tell(k);
    while (k->told < k->c->variant_count || k->busy > 0) {
        for (uint32_t i = 0; i < k->count && status < 0; i++)
            if (!k->workers[i].pid && next_variant(k) < k->c->variant_count)
                status = begin_run(k, &k->workers[i]);
        if (!k->busy)
            break;
        int how;
        pid_t pid = waitpid(-1, &how, 0);
        if (pid < 0 && errno != EINTR)
            return cli_complain(k->c->self, "cannot wait for a process: %s", strerror(errno));
        for (uint32_t i = 0; i < k->count && pid > 0; i++)
            if (k->workers[i].pid == pid)
                end_run(k, &k->workers[i], how);
        tell(k);
        progress(k);
    }
    return status;
}

int compare_run(struct compare *c,
                void (*done)(const struct compare *c, const struct compare_variant *v))
{
    struct crew k = {.c = c, .done = done};
    uint64_t threads = c->options->threads;
    for (size_t i = 0; i < c->variant_count; i++)
        k.total += c->variants[i].failed ? 0 : c->variants[i].file->runs;
    k.count = (uint32_t)(k.total < threads ? k.total : threads);
    k.threads = k.count ? (uint32_t)(threads / k.count) : 1;
    size_t size = sizeof(struct outcome) + c->figures * sizeof(double);
    size = (size + 63) & ~(size_t)63;
    k.workers = calloc(k.count ? k.count : 1, sizeof *k.workers);
    unsigned char *memory = mmap(NULL, (k.count ? k.count : 1) * size, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!k.workers || memory == MAP_FAILED) {
        free(k.workers);
        return cli_complain(c->self, "no memory left");
    }
    for (uint32_t i = 0; i < k.count; i++)
        k.workers[i].outcome = (struct outcome *)(void *)(memory + i * size);
    int status = all_runs(&k);
    munmap(memory, (k.count ? k.count : 1) * size);
    free(k.workers);
    return status;
}
