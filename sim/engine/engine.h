/* sim/engine/engine.h - virtual time: events, handlers, timers, the loop.
 *
 * A model registers handlers once, then schedules events for them. The loop pops events in their
 * total order (sim/engine/event.h), moves the clock and calls the handler. One thread owns a
 * struct sim; many may exist side by side. No wall clock, no chance: the same calls give the same
 * run.
 *
 * Lack of memory never aborts. sim_schedule reports ERR_MEMORY and the engine remembers it: the
 * loop ends after the running handler and sim_run returns the error. A handler may therefore
 * ignore the result of sim_schedule; it must only not count on the event. */
#ifndef SIM_ENGINE_ENGINE_H
#define SIM_ENGINE_ENGINE_H

#include "sim/base/err.h"
#include "sim/engine/event.h"
#include "sim/engine/queue.h"

#include <stddef.h>

struct sim;

/* Called with the clock at ev->time. self is what sim_add_handler was given. *ev is a copy that
 * lives until the handler returns. */
typedef void sim_handler_fn(struct sim *sim, void *self, const struct sim_event *ev);

typedef uint32_t sim_handler_id;

/* sim_create makes an engine at time 0. seed is what streams are keyed by (sim_seed). ERR_MEMORY.
 */
enum err_code sim_create(struct sim **out, uint64_t seed);

/* sim_destroy accepts NULL. Pending events are dropped; what their args point to is the models'. */
void sim_destroy(struct sim *sim);

/* sim_add_handler registers fn under a name used in messages and profiles (borrowed for the life
 * of the engine). ERR_LIMIT after SIM_HANDLERS_MAX of them. */
enum err_code sim_add_handler(struct sim *sim, sim_handler_id *out, const char *name,
                              sim_handler_fn *fn, void *self);

/* sim_schedule adds an event. Needs at >= sim_now (checked: scheduling in the past is our own
 * fault), class below 16, source and target below 2^24, a registered handler (all checked).
 * source is the entity that causes the event, usually the node whose handler runs: its sequence
 * orders this event among its others of the same instant and class. ERR_MEMORY changes nothing. */
enum err_code sim_schedule(struct sim *sim, sim_time at, uint32_t class, uint32_t source,
                           sim_handler_id handler, uint32_t target, uint64_t arg);

/* sim_schedule_timer does the same and names the event for sim_cancel. On failure *timer is
 * zeroed. Any timer that *timer named before is forgotten, not cancelled. */
enum err_code sim_schedule_timer(struct sim *sim, struct sim_timer *timer, sim_time at,
                                 uint32_t class, uint32_t source, sim_handler_id handler,
                                 uint32_t target, uint64_t arg);

/* sim_cancel removes the event and zeroes *timer; false when it has fired or was cancelled. A
 * cancelled event never fires. O(1) amortised. */
bool sim_cancel(struct sim *sim, struct sim_timer *timer);

/* sim_timer_pending tells whether the event is still to come. */
bool sim_timer_pending(const struct sim *sim, const struct sim_timer *timer);

/* sim_run handles every event with time <= until, in order, then stands at until (or, for
 * SIM_TIME_NEVER, at the last event). Returns ERR_OK when nothing up to until is left or when
 * sim_stop was called; ERR_MEMORY or what sim_fail was given otherwise. May be called again to go
 * on. Must not be called from a handler (checked). */
enum err_code sim_run(struct sim *sim, sim_time until);

/* sim_drain takes every pending event off in order and gives it to drop instead of its handler, so
 * that whoever owns what args point to can let it go. The clock stays. Not from a handler. */
void sim_drain(struct sim *sim, void (*drop)(void *self, const struct sim_event *ev), void *self);

/* sim_stop ends sim_run after the handler that runs now; the clock stays where it is. */
void sim_stop(struct sim *sim);

/* sim_fail stops likewise and makes sim_run return code; the first failure wins. */
void sim_fail(struct sim *sim, enum err_code code);

/* Whether the last sim_run ended through sim_stop or sim_fail. */
bool sim_stopped(const struct sim *sim);

sim_time sim_now(const struct sim *sim);
uint64_t sim_seed(const struct sim *sim);

/* sim_next_time is when the next event comes, SIM_TIME_NEVER when none is pending. */
sim_time sim_next_time(const struct sim *sim);

/* Events handled so far, events pending, bytes of memory held. */
uint64_t sim_events(const struct sim *sim);
size_t sim_pending(const struct sim *sim);
size_t sim_bytes(const struct sim *sim);

#endif
