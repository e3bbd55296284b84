#include "sim/engine/engine.h"

#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

struct handler {
    sim_handler_fn *fn;
    void *self;
    const char *name;
};

struct sim {
    struct sim_queue *queue;
    sim_time now;
    uint64_t events;
    uint64_t *sequence; /* next number of each source */
    uint32_t source_count;
    uint32_t handler_count;
    bool running, stop;
    enum err_code failure;
    uint64_t seed;
    struct handler handlers[SIM_HANDLERS_MAX];
};

enum err_code sim_create(struct sim **out, uint64_t seed)
{
    struct sim *sim = mem_zalloc(1, sizeof *sim);
    if (!sim)
        return ERR_MEMORY;
    if (sim_queue_create(&sim->queue) != ERR_OK) {
        mem_free(sim);
        return ERR_MEMORY;
    }
    sim->seed = seed;
    *out = sim;
    return ERR_OK;
}

void sim_destroy(struct sim *sim)
{
    if (!sim)
        return;
    sim_queue_destroy(sim->queue);
    mem_free(sim->sequence);
    mem_free(sim);
}

enum err_code sim_add_handler(struct sim *sim, sim_handler_id *out, const char *name,
                              sim_handler_fn *fn, void *self)
{
    CHECK(fn && name, "sim_add_handler: no function or no name");
    if (sim->handler_count == SIM_HANDLERS_MAX)
        return ERR_LIMIT;
    *out = sim->handler_count++;
    sim->handlers[*out] = (struct handler){.fn = fn, .self = self, .name = name};
    return ERR_OK;
}

/* Makes room for the sequence number of one more source. */
static bool add_source(struct sim *sim, uint32_t source)
{
    uint32_t count = sim->source_count * 2 > source + 1 ? sim->source_count * 2 : source + 1;
    uint64_t *sequence = mem_alloc_lines(count, sizeof *sequence);
    if (!sequence)
        return false;
    if (sim->sequence)
        memcpy(sequence, sim->sequence, sim->source_count * sizeof *sequence);
    mem_free(sim->sequence);
    for (uint32_t i = sim->source_count; i < count; i++)
        sequence[i] = 1; /* never 0: an order of 0 names no event */
    sim->sequence = sequence;
    sim->source_count = count;
    return true;
}

static enum err_code out_of_memory(struct sim *sim, struct sim_timer *timer)
{
    if (timer)
        *timer = (struct sim_timer){0};
    sim_fail(sim, ERR_MEMORY);
    return ERR_MEMORY;
}

enum err_code sim_schedule_timer(struct sim *sim, struct sim_timer *timer, sim_time at,
                                 uint32_t class, uint32_t source, sim_handler_id handler,
                                 uint32_t target, uint64_t arg)
{
    CHECK(at >= sim->now, "event scheduled at %lld ns when it is %lld ns", (long long)at,
          (long long)sim->now);
    CHECK((class < 16) & (source < SIM_SOURCES_MAX) & (target < SIM_TARGETS_MAX) &
              (handler < sim->handler_count),
          "class %u, source %u, target %u, handler %u out of range", class, source, target,
          handler);
    if (source >= sim->source_count && !add_source(sim, source))
        return out_of_memory(sim, timer);
    uint64_t sequence = sim->sequence[source];
    CHECK(sequence >> SIM_SEQUENCE_BITS == 0, "source %u has caused 2^36 events", source);
    uint64_t order = (uint64_t) class << 60 | (uint64_t)source << SIM_SEQUENCE_BITS | sequence;
    if (sim_queue_add(sim->queue, at, order, arg, handler << 24 | target, timer) != ERR_OK)
        return out_of_memory(sim, timer);
    sim->sequence[source] = sequence + 1;
    return ERR_OK;
}

enum err_code sim_schedule(struct sim *sim, sim_time at, uint32_t class, uint32_t source,
                           sim_handler_id handler, uint32_t target, uint64_t arg)
{
    return sim_schedule_timer(sim, NULL, at, class, source, handler, target, arg);
}

bool sim_cancel(struct sim *sim, struct sim_timer *timer)
{
    return sim_queue_cancel(sim->queue, timer);
}

bool sim_timer_pending(const struct sim *sim, const struct sim_timer *timer)
{
    return sim_queue_pending(sim->queue, timer);
}

enum err_code sim_run(struct sim *sim, sim_time until)
{
    CHECK(!sim->running, "sim_run called from a handler");
    struct sim_event ev;
    sim->running = true;
    sim->stop = sim->failure != ERR_OK;
    while (!sim->stop && sim_queue_pop(sim->queue, &ev, until)) {
        const struct handler *h = &sim->handlers[ev.handler];
        sim->now = ev.time;
        sim->events++;
        h->fn(sim, h->self, &ev);
    }
    sim->running = false;
    if (!sim->stop && until != SIM_TIME_NEVER && until > sim->now)
        sim->now = until;
    return sim->failure;
}

void sim_drain(struct sim *sim, void (*drop)(void *self, const struct sim_event *ev), void *self)
{
    struct sim_event ev;
    CHECK(!sim->running, "sim_drain called from a handler");
    while (sim_queue_pop(sim->queue, &ev, SIM_TIME_NEVER))
        drop(self, &ev);
}

void sim_stop(struct sim *sim)
{
    sim->stop = true;
}

void sim_fail(struct sim *sim, enum err_code code)
{
    if (sim->failure == ERR_OK)
        sim->failure = code;
    sim->stop = true;
}

bool sim_stopped(const struct sim *sim)
{
    return sim->stop;
}

sim_time sim_now(const struct sim *sim)
{
    return sim->now;
}

uint64_t sim_seed(const struct sim *sim)
{
    return sim->seed;
}

sim_time sim_next_time(const struct sim *sim)
{
    return sim_queue_next_time(sim->queue);
}

uint64_t sim_events(const struct sim *sim)
{
    return sim->events;
}

size_t sim_pending(const struct sim *sim)
{
    return sim_queue_len(sim->queue);
}

size_t sim_bytes(const struct sim *sim)
{
    return sizeof *sim + sim->source_count * sizeof *sim->sequence + sim_queue_bytes(sim->queue);
}
