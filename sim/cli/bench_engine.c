/* weft bench engine: the hold model, a plain heap against the engine. */
#include "sim/base/mem.h"
#include "sim/cli/cli.h"
#include "sim/engine/engine.h"
#include "sim/engine/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    INCREMENTS = 4096,
    ENTITIES = 1024, /* targets and sources; each has pending / ENTITIES events on the way */
    REPEATS = 3,
};
static const double mean_ns = 100e6;

enum shape { EXPONENTIAL, UNIFORM, BIMODAL, CONSTANT, TIED, SHAPES };
static const char *const shape_names[SHAPES] = {"exponential", "uniform", "bimodal", "constant",
                                                "tied"};
static const size_t sizes[] = {1000, 65536, 1000000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

struct load {
    enum shape shape;
    size_t pending, ops;
    uint32_t increment[INCREMENTS];
};

struct figures {
    double heap, engine; /* hold operations a second, best of REPEATS */
    double bytes;        /* engine memory an event */
};

static void load_init(struct load *l, enum shape shape, size_t pending)
{
    struct sim_stream s;
    sim_stream_init(&s, 1, (uint32_t)shape, sim_purpose("bench.increments"));
    l->shape = shape;
    l->pending = pending;
    l->ops = pending > 1000000 ? 2 * pending : 2000000;
    for (int i = 0; i < INCREMENTS; i++) {
        double u = sim_stream_positive(&s), v = sim_stream_positive(&s), x = mean_ns;
        if (shape == EXPONENTIAL)
            x = -mean_ns * log(u);
        else if (shape == UNIFORM)
            x = 2 * mean_ns * u;
        else if (shape == BIMODAL) /* nine short for each one 91 times as long */
            x = (v < 0.9 ? -0.1 : -9.1) * mean_ns * log(u);
        l->increment[i] = x < UINT32_MAX ? (uint32_t)x : UINT32_MAX;
    }
}

static sim_time first_time(const struct load *l, struct sim_stream *s)
{
    if (l->shape == TIED)
        return 0;
    if (l->shape == CONSTANT)
        return (sim_time)sim_stream_below(s, (uint64_t)mean_ns);
    return l->increment[sim_stream_below(s, INCREMENTS)];
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The yardstick: a 4-ary implicit heap of whole events, pushed and popped in line, with one
 * counter for ties: no dispatch, no timers, no sources. */
struct heap {
    struct sim_event *ev;
    size_t len;
};

static inline void heap_push(struct heap *h, const struct sim_event *ev)
{
    size_t i = h->len++;
    for (; i > 0 && sim_event_before(ev, &h->ev[(i - 1) / 4]); i = (i - 1) / 4)
        h->ev[i] = h->ev[(i - 1) / 4];
    h->ev[i] = *ev;
}

static inline struct sim_event heap_pop(struct heap *h)
{
    struct sim_event top = h->ev[0], last = h->ev[--h->len];
    size_t i = 0;
    for (size_t child = 1; child < h->len; child = 4 * i + 1) {
        size_t end = child + 4 < h->len ? child + 4 : h->len, best = child;
        for (size_t c = child + 1; c < end; c++)
            if (sim_event_before(&h->ev[c], &h->ev[best]))
                best = c;
        if (!sim_event_before(&h->ev[best], &last))
            break;
        h->ev[i] = h->ev[best];
        i = best;
    }
    h->ev[i] = last;
    return top;
}

static void heap_hold(const struct load *l, struct heap *h, uint64_t *order, size_t ops)
{
    for (size_t i = 0; i < ops; i++) {
        struct sim_event ev = heap_pop(h);
        ev.time += l->increment[*order % INCREMENTS];
        ev.order = ++*order;
        heap_push(h, &ev);
    }
}

static bool heap_rate(const struct load *l, double *best)
{
    struct heap h = {.ev = mem_alloc_lines(l->pending + 1, sizeof *h.ev)};
    if (!h.ev)
        return false;
    struct sim_stream s;
    uint64_t order = 0;
    sim_stream_init(&s, 2, 0, sim_purpose("bench.start"));
    for (size_t i = 0; i < l->pending; i++) {
        struct sim_event ev = {.time = first_time(l, &s), .order = i + 1};
        heap_push(&h, &ev);
    }
    order = l->pending;
    heap_hold(l, &h, &order, l->ops);
    double begin = seconds();
    heap_hold(l, &h, &order, l->ops);
    double rate = (double)l->ops / (seconds() - begin);
    *best = rate > *best ? rate : *best;
    mem_free(h.ev);
    return true;
}

struct hold {
    const struct load *load;
    sim_handler_id handler;
    size_t left;
    uint32_t next;
};

static void hold(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct hold *h = self;
    if (--h->left == 0)
        sim_stop(sim);
    sim_time at = ev->time + h->load->increment[h->next++ % INCREMENTS];
    sim_schedule(sim, at, SIM_CLASS_NETWORK, ev->target, h->handler, ev->target, ev->arg);
}

static bool engine_rate(const struct load *l, struct figures *f)
{
    struct sim *sim;
    struct hold h = {.load = l, .left = l->ops};
    if (sim_create(&sim, 1) != ERR_OK)
        return false;
    enum err_code code = sim_add_handler(sim, &h.handler, "hold", hold, &h);
    struct sim_stream s;
    sim_stream_init(&s, 2, 0, sim_purpose("bench.start"));
    for (size_t i = 0; i < l->pending && code == ERR_OK; i++)
        code = sim_schedule(sim, first_time(l, &s), SIM_CLASS_NETWORK, (uint32_t)i % ENTITIES,
                            h.handler, (uint32_t)i % ENTITIES, i);
    if (code == ERR_OK)
        code = sim_run(sim, SIM_TIME_NEVER);
    h.left = l->ops;
    double begin = seconds();
    if (code == ERR_OK)
        code = sim_run(sim, SIM_TIME_NEVER);
    double rate = (double)l->ops / (seconds() - begin);
    f->engine = rate > f->engine ? rate : f->engine;
    f->bytes = (double)sim_bytes(sim) / (double)l->pending;
    sim_destroy(sim);
    return code == ERR_OK;
}

static void print_row(const struct load *l, const struct figures *f, bool json, bool is_first)
{
    if (json)
        printf("%s\n  {\"increments\": \"%s\", \"pending\": %zu, \"heap_per_s\": %.0f, "
               "\"engine_per_s\": %.0f, \"ratio\": %.3f, \"bytes_per_event\": %.1f}",
               is_first ? "[" : ",", shape_names[l->shape], l->pending, f->heap, f->engine,
               f->engine / f->heap, f->bytes);
    else
        printf("%-12s %9zu %10.2f M/s %10.2f M/s %7.2f %10.1f\n", shape_names[l->shape], l->pending,
               f->heap / 1e6, f->engine / 1e6, f->engine / f->heap, f->bytes);
    fflush(stdout);
}

static int run_all(const struct cli_command *self, bool json, struct load *l)
{
    if (!json)
        printf("%-12s %9s %14s %14s %7s %10s\n", "increments", "pending", "plain heap", "engine",
               "ratio", "B/event");
    for (int shape = 0; shape < SHAPES; shape++) {
        for (int k = 0; k < SIZES; k++) {
            struct figures f = {0};
            load_init(l, (enum shape)shape, sizes[k]);
            for (int r = 0; r < REPEATS; r++)
                if (!heap_rate(l, &f.heap) || !engine_rate(l, &f))
                    return cli_complain(self, "out of memory at %zu pending events", sizes[k]);
            print_row(l, &f, json, shape == 0 && k == 0);
        }
    }
    if (json)
        printf("\n]\n");
    return cli_finish(self, CLI_DONE);
}

struct options {
    bool json;
};

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options options = {0};
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, &options, &operands);
    if (status >= 0)
        return status;
    struct load *l = mem_alloc(1, sizeof *l);
    if (!l)
        return cli_complain(self, "out of memory");
    status = run_all(self, options.json, l);
    mem_free(l);
    return status;
}

static const struct cli_option option_rows[] = {
    {"json", 0, CLI_FLAG, offsetof(struct options, json), NULL, "one JSON array on stdout", 0, 0,
     NULL},
};

const struct cli_command cli_bench_engine = {
    .name = "bench engine",
    .operands = "",
    .summary = "event rates of the engine beside a plain heap's",
    .details =
        "The hold model: a fixed number of pending events; each that fires schedules one more, an\n"
        "increment later. The plain heap is a 4-ary implicit heap in a bare loop; the engine runs\n"
        "through its real dispatch, with timers, sources and checks. CPU time of one core, the "
        "best\n"
        "of three alternating runs. Increments have a mean of 100 ms; `bimodal` draws nine short\n"
        "ones for each one 91 times as long; in `tied` all pending events share one instant.",
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};
