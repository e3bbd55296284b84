/* sim/engine/event.h - one event: 32 bytes, in a strict total order.
 *
 * Events are ordered by (time, class, source, per-source sequence). The last three are packed in
 * one 64-bit word, class highest, so two comparisons decide and no two events are ever equal:
 * ties never fall to chance, to an address or to the order of insertion of unrelated sources. */
#ifndef SIM_ENGINE_EVENT_H
#define SIM_ENGINE_EVENT_H

#include "sim/base/units.h"

#include <stdbool.h>
#include <stdint.h>

/* What happens first among events of one instant. Gaps are free for models. */
enum sim_class {
    SIM_CLASS_FAULT = 0,     /* crash, recover, partition: in force before anything else */
    SIM_CLASS_NETWORK = 4,   /* messages arrive */
    SIM_CLASS_EXECUTION = 6, /* a block's execution ends */
    SIM_CLASS_TIMER = 8,     /* timeouts lose against what arrives in time */
    SIM_CLASS_WORKLOAD = 10, /* new transactions */
    SIM_CLASS_RECORD = 15,   /* samples see the whole instant */
};

#define SIM_SOURCES_MAX  (1U << 24)
#define SIM_TARGETS_MAX  (1U << 24)
#define SIM_HANDLERS_MAX 255U

#define SIM_SEQUENCE_BITS 36

/* An event as its handler sees it. arg is the model's own: an index, or a pointer through
 * sim_arg_pointer. node belongs to the queue. */
struct sim_event {
    sim_time time;
    uint64_t order; /* class:4 | source:24 | sequence:36 */
    uint64_t arg;
    uint32_t target : 24;
    uint32_t handler : 8;
    uint32_t node;
};

static inline uint32_t sim_event_class(const struct sim_event *ev)
{
    return (uint32_t)(ev->order >> 60);
}

static inline uint32_t sim_event_source(const struct sim_event *ev)
{
    return (uint32_t)(ev->order >> SIM_SEQUENCE_BITS) & (SIM_SOURCES_MAX - 1);
}

static inline uint64_t sim_event_sequence(const struct sim_event *ev)
{
    return ev->order & ((UINT64_C(1) << SIM_SEQUENCE_BITS) - 1);
}

/* Whether a comes before b. */
static inline bool sim_event_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time < b->time || (a->time == b->time && a->order < b->order);
}

/* Pointers travel in arg; what they point to must outlive the event. */
static inline uint64_t sim_arg(void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

static inline void *sim_arg_pointer(const struct sim_event *ev)
{
    return (void *)(uintptr_t)ev->arg;
}

#endif
