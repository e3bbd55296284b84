/* sim/engine/queue.h - pending events, in a strict total order.
 *
 * Owns its memory; copies events in and out, keeps no pointer of the caller's. Two runs that push
 * and cancel the same events pop the same sequence, whatever the structure does inside (order:
 * sim/engine/event.h). One thread owns a queue. How it works and why: docs/engine.md. */
#ifndef SIM_ENGINE_QUEUE_H
#define SIM_ENGINE_QUEUE_H

#include "sim/base/err.h"
#include "sim/engine/event.h"

#include <stddef.h>

/* Names one pushed event until it pops or is cancelled; afterwards it names nothing, even when its
 * memory serves another event. Zeroed names nothing. Copies are equal. */
struct sim_timer {
    uint64_t order;
    uint32_t node;
};

struct sim_queue;

/* sim_queue_create makes an empty queue whose clock stands at 0; ERR_MEMORY. */
enum err_code sim_queue_create(struct sim_queue **out);

/* sim_queue_destroy accepts NULL. */
void sim_queue_destroy(struct sim_queue *q);

/* sim_queue_push adds *ev; its node field is ignored. Needs ev->time >= the time of the last pop
 * (checked) and an order that is not 0 and that no other pending event has. timer may be NULL;
 * otherwise it names the event for sim_queue_cancel. ERR_MEMORY changes nothing. Amortised O(1). */
enum err_code sim_queue_push(struct sim_queue *q, const struct sim_event *ev,
                             struct sim_timer *timer);

/* sim_queue_add is sim_queue_push with the fields by value, the engine's own way in: who holds the
 * handler in its upper 8 bits and the target in the lower 24. */
enum err_code sim_queue_add(struct sim_queue *q, sim_time time, uint64_t order, uint64_t arg,
                            uint32_t who, struct sim_timer *timer);

/* sim_queue_pop takes the first event whose time is at most until into *out. Returns false, and
 * leaves *out alone, when there is none. Never fails for lack of memory. Amortised O(1) for
 * schedules whose density changes slowly, O(log n) at worst. */
bool sim_queue_pop(struct sim_queue *q, struct sim_event *out, sim_time until);

/* sim_queue_cancel removes the event that *timer names and zeroes *timer. Returns false when it
 * names none (popped or cancelled already). O(1) amortised; never fires afterwards. */
bool sim_queue_cancel(struct sim_queue *q, struct sim_timer *timer);

/* sim_queue_pending tells whether *timer names an event that is still to pop. O(1). */
bool sim_queue_pending(const struct sim_queue *q, const struct sim_timer *timer);

/* sim_queue_next_time is the time of the next pop, SIM_TIME_NEVER when empty. */
sim_time sim_queue_next_time(struct sim_queue *q);

/* Events pending, cancelled ones not counted; bytes of memory held. */
size_t sim_queue_len(const struct sim_queue *q);
size_t sim_queue_bytes(const struct sim_queue *q);

#endif
