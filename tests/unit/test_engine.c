/* The loop: order, timers, limits, errors, the same run twice. */
#include "sim/base/mem.h"
#include "sim/engine/engine.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct log {
    struct sim_event ev[64];
    size_t len;
};

static void record(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct log *log = self;
    assert_int_equal(sim_now(sim), ev->time);
    if (log->len < 64)
        log->ev[log->len++] = *ev;
}

static void ties_follow_class_source_sequence(void **state)
{
    (void)state;
    struct sim *sim;
    struct log log = {.len = 0};
    sim_handler_id h;
    assert_int_equal(sim_create(&sim, 7), ERR_OK);
    assert_int_equal(sim_add_handler(sim, &h, "record", record, &log), ERR_OK);
    /* class, source, arg: pushed in an order that must not matter */
    static const uint32_t rows[][3] = {
        {8, 3, 6}, {4, 900, 4}, {4, 2, 1}, {4, 2, 2}, {15, 0, 8},
        {8, 3, 7}, {0, 77, 0},  {4, 5, 3}, {8, 1, 5},
    };
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(sim_schedule(sim, 5 * SIM_MS, rows[i][0], rows[i][1], h, 1, rows[i][2]),
                         ERR_OK);
    assert_int_equal(sim_schedule(sim, 4 * SIM_MS, 15, 0, h, 2, 99), ERR_OK);
    assert_int_equal(sim_next_time(sim), 4 * SIM_MS);
    assert_int_equal(sim_run(sim, 5 * SIM_MS), ERR_OK);
    assert_int_equal(log.len, 10);
    assert_int_equal(log.ev[0].arg, 99);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(log.ev[i + 1].arg, i);
    assert_int_equal(sim_event_class(&log.ev[1]), 0);
    assert_int_equal(sim_event_source(&log.ev[1]), 77);
    assert_int_equal(sim_event_sequence(&log.ev[3]), 2);
    assert_int_equal(sim_events(sim), 10);
    sim_destroy(sim);
}

struct clock {
    sim_handler_id tick, late;
    struct sim_timer timer, stale;
    int ticks, fired;
};

static void tick(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct clock *c = self;
    c->ticks++;
    if (c->ticks == 3) {
        c->stale = c->timer;
        assert_true(sim_timer_pending(sim, &c->timer));
        assert_true(sim_cancel(sim, &c->timer));
        assert_false(sim_timer_pending(sim, &c->stale));
        /* The new timer takes the memory of the old; the old name must not reach it. */
        assert_int_equal(
            sim_schedule_timer(sim, &c->timer, ev->time + 5 * SIM_SEC, 8, 1, c->late, 1, 0),
            ERR_OK);
        assert_false(sim_cancel(sim, &c->stale));
        assert_true(sim_timer_pending(sim, &c->timer));
    }
    if (c->ticks == 6)
        sim_stop(sim);
    sim_schedule(sim, ev->time + SIM_SEC, 8, ev->target, ev->handler, ev->target, 0);
}

static void late(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct clock *c = self;
    (void)sim;
    assert_int_equal(ev->time, 7 * SIM_SEC);
    c->fired++;
}

static void timers_and_stop(void **state)
{
    (void)state;
    struct sim *sim;
    struct clock c = {0};
    assert_int_equal(sim_create(&sim, 7), ERR_OK);
    assert_int_equal(sim_add_handler(sim, &c.tick, "tick", tick, &c), ERR_OK);
    assert_int_equal(sim_add_handler(sim, &c.late, "late", late, &c), ERR_OK);
    assert_int_equal(sim_schedule(sim, 0, 8, 1, c.tick, 1, 0), ERR_OK);
    assert_int_equal(sim_schedule_timer(sim, &c.timer, 4 * SIM_SEC, 8, 1, c.late, 1, 0), ERR_OK);
    assert_int_equal(sim_run(sim, SIM_TIME_NEVER), ERR_OK);
    assert_true(sim_stopped(sim));
    assert_int_equal(c.ticks, 6);
    assert_int_equal(sim_now(sim), 5 * SIM_SEC);
    assert_int_equal(sim_run(sim, 6 * SIM_SEC + 1), ERR_OK);
    assert_false(sim_stopped(sim));
    assert_int_equal(c.fired, 0);
    assert_int_equal(sim_now(sim), 6 * SIM_SEC + 1);
    assert_int_equal(sim_run(sim, 7 * SIM_SEC), ERR_OK);
    assert_int_equal(c.fired, 1);
    assert_false(sim_cancel(sim, &c.timer));
    assert_int_equal(sim_pending(sim), 1);
    sim_destroy(sim);
}

struct walk {
    struct sim_stream stream;
    sim_handler_id h;
    uint64_t digest;
    uint64_t left;
};

static void step(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct walk *w = self;
    w->digest = (w->digest ^ (uint64_t)ev->time ^ ev->order) * UINT64_C(0x100000001b3);
    for (uint64_t i = sim_stream_below(&w->stream, 3); i > 0 && w->left > 0; i--, w->left--)
        sim_schedule(sim, ev->time + (sim_time)sim_stream_below(&w->stream, 4) * 1000, 4,
                     ev->target, w->h, (uint32_t)sim_stream_below(&w->stream, 1000), 0);
}

/* In one go, or in slices of any length: the same run. */
static uint64_t walk(sim_time slice)
{
    struct sim *sim;
    struct walk w = {.left = 20000};
    assert_int_equal(sim_create(&sim, 1), ERR_OK);
    sim_stream_init(&w.stream, sim_seed(sim), 0, sim_purpose("test.walk"));
    assert_int_equal(sim_add_handler(sim, &w.h, "step", step, &w), ERR_OK);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(sim_schedule(sim, i, 4, i, w.h, i, 0), ERR_OK);
    while (sim_next_time(sim) != SIM_TIME_NEVER)
        assert_int_equal(sim_run(sim, slice ? sim_now(sim) + slice : SIM_TIME_NEVER), ERR_OK);
    assert_true(sim_events(sim) > 5000);
    sim_destroy(sim);
    return w.digest;
}

static void same_run_in_slices(void **state)
{
    (void)state;
    uint64_t want = walk(0);
    assert_int_equal(walk(0), want);
    assert_int_equal(walk(1), want);
    assert_int_equal(walk(777), want);
    assert_int_equal(walk(123456), want);
}

static void give_up(struct sim *sim, void *self, const struct sim_event *ev)
{
    (void)self;
    (void)ev;
    sim_fail(sim, ERR_LIMIT);
    sim_fail(sim, ERR_IO);
}

static void failure_is_kept(void **state)
{
    (void)state;
    struct sim *sim;
    sim_handler_id h;
    assert_int_equal(sim_create(&sim, 1), ERR_OK);
    assert_int_equal(sim_add_handler(sim, &h, "give up", give_up, NULL), ERR_OK);
    for (uint32_t i = 1; i < SIM_HANDLERS_MAX; i++) {
        sim_handler_id other;
        assert_int_equal(sim_add_handler(sim, &other, "other", give_up, NULL), ERR_OK);
        assert_int_equal(other, i);
    }
    sim_handler_id none;
    assert_int_equal(sim_add_handler(sim, &none, "one too many", give_up, NULL), ERR_LIMIT);
    assert_int_equal(sim_schedule(sim, 3, 0, SIM_SOURCES_MAX - 1, h, SIM_TARGETS_MAX - 1, 0),
                     ERR_OK);
    assert_int_equal(sim_run(sim, 100), ERR_LIMIT);
    assert_int_equal(sim_now(sim), 3);
    assert_int_equal(sim_run(sim, 100), ERR_LIMIT);
    sim_destroy(sim);
}

static void flood(struct sim *sim, void *self, const struct sim_event *ev)
{
    sim_handler_id *h = self;
    for (int i = 0; i < 1000; i++)
        sim_schedule(sim, ev->time + 10 + i, 4, ev->target, *h, ev->target, 0);
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    if (!mem_fail_supported())
        skip();
    for (long limit = 0; limit < 60; limit++) {
        struct sim *sim = NULL;
        sim_handler_id h;
        mem_fail_after(limit);
        if (sim_create(&sim, 1) == ERR_OK) {
            assert_int_equal(sim_add_handler(sim, &h, "flood", flood, &h), ERR_OK);
            enum err_code first = sim_schedule(sim, 0, 4, 3, h, 3, 0);
            assert_true(first == ERR_OK || first == ERR_MEMORY);
            assert_int_equal(sim_run(sim, SIM_TIME_NEVER), ERR_MEMORY);
        }
        mem_fail_never();
        sim_destroy(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_follow_class_source_sequence),
        cmocka_unit_test(timers_and_stop),
        cmocka_unit_test(same_run_in_slices),
        cmocka_unit_test(failure_is_kept),
        cmocka_unit_test(no_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
