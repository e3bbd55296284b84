/* The queue against a naive sorted reference: same pops, whatever is pushed and cancelled. */
#include "sim/base/mem.h"
#include "sim/engine/queue.h"
#include "sim/engine/queue_internal.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The reference: an unsorted array, searched for its least element at each pop. */
struct naive {
    struct sim_event ev[4096];
    size_t len;
};

static size_t naive_first(const struct naive *n)
{
    size_t best = 0;
    for (size_t i = 1; i < n->len; i++)
        if (sim_event_before(&n->ev[i], &n->ev[best]))
            best = i;
    return best;
}

enum shape { SPREAD, TIED, FAR, SHORT_AND_LONG, SHAPES };

/* A time at or after now. */
static sim_time draw_time(struct sim_stream *s, enum shape shape, sim_time now)
{
    uint64_t u = sim_stream_u64(s);
    switch (shape) {
    case SPREAD: return now + (sim_time)(u % 1000003);
    case TIED: return now + (sim_time)(u % 3) * 1000;
    case FAR: return now + (sim_time)(u >> (3 + u % 60)); /* up to half of all time */
    default: return now + (sim_time)(u % 16 ? u % 97 : u % 100000000007);
    }
}

static struct sim_event draw_event(struct sim_stream *s, enum shape shape, sim_time now,
                                   uint64_t *sequence)
{
    sim_time time = draw_time(s, shape, now);
    if (time < now || time > INT64_MAX / 2)
        time = now;
    uint64_t class = sim_stream_below(s, 3), source = sim_stream_below(s, 50);
    return (struct sim_event){
        .time = time,
        .order = class << 60 | source << SIM_SEQUENCE_BITS | ++*sequence,
        .arg = sim_stream_u64(s),
        .target = sim_stream_u32(s) & 0xffffff,
        .handler = (unsigned char)(sim_stream_u32(s) % 255),
    };
}

static void assert_same(const struct sim_event *got, const struct sim_event *want)
{
    assert_int_equal(got->time, want->time);
    assert_int_equal(got->order, want->order);
    assert_int_equal(got->arg, want->arg);
    assert_int_equal(got->target, want->target);
    assert_int_equal(got->handler, want->handler);
}

static void pop_both(struct sim_queue *q, struct naive *n, sim_time until, sim_time *now)
{
    struct sim_event ev;
    size_t i = naive_first(n);
    bool want = n->len > 0 && n->ev[i].time <= until;
    assert_int_equal(sim_queue_pop(q, &ev, until), want);
    if (!want)
        return;
    assert_same(&ev, &n->ev[i]);
    *now = ev.time;
    n->ev[i] = n->ev[--n->len];
}

static void run_against_naive(enum shape shape, uint64_t seed, size_t ops, size_t most)
{
    struct sim_queue *q;
    static struct naive n;
    struct sim_stream s;
    sim_time now = 0;
    uint64_t sequence = 0;
    struct sim_timer timers[64] = {{0}};
    n.len = 0;
    sim_stream_init(&s, seed, shape, sim_purpose("test.queue"));
    assert_int_equal(sim_queue_create(&q), ERR_OK);
    for (size_t op = 0; op < ops; op++) {
        /* Grow and shrink in turn, so that every resize happens both ways. */
        uint32_t choice = sim_stream_u32(&s) % 16, growing = op / (2 * most) % 2 == 0;
        if (n.len < most && choice < (growing ? 9U : 6U)) {
            struct sim_event ev = draw_event(&s, shape, now, &sequence);
            bool timed = sim_stream_u32(&s) % 4 == 0;
            uint32_t k = sim_stream_u32(&s) % 64;
            assert_int_equal(sim_queue_push(q, &ev, timed ? &timers[k] : NULL), ERR_OK);
            n.ev[n.len++] = ev;
            if (timed)
                assert_true(sim_queue_pending(q, &timers[k]));
        } else if (choice == 15) {
            uint32_t k = sim_stream_u32(&s) % 64;
            uint64_t order = timers[k].order;
            size_t i = 0;
            while (i < n.len && n.ev[i].order != order)
                i++;
            assert_int_equal(sim_queue_pending(q, &timers[k]), order && i < n.len);
            assert_int_equal(sim_queue_cancel(q, &timers[k]), order && i < n.len);
            if (order && i < n.len)
                n.ev[i] = n.ev[--n.len];
        } else if (choice == 14 && op % 5 == 0) {
            sim_time want = n.len ? n.ev[naive_first(&n)].time : SIM_TIME_NEVER;
            assert_int_equal(sim_queue_next_time(q), want);
        } else {
            pop_both(q, &n, choice == 13 ? now + (sim_time)(choice * 100) : INT64_MAX, &now);
        }
        assert_int_equal(sim_queue_len(q), n.len);
    }
    while (n.len > 0)
        pop_both(q, &n, INT64_MAX, &now);
    struct sim_event none;
    assert_false(sim_queue_pop(q, &none, INT64_MAX));
    sim_queue_destroy(q);
}

static void same_as_naive(void **state)
{
    (void)state;
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        run_against_naive(shape, 17, 40000, 60);
        run_against_naive(shape, 99, 12000, 1500);
    }
}

/* Tens of thousands: pops must ascend strictly and lose nothing. */
static void large_and_ascending(void **state)
{
    (void)state;
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct sim_queue *q;
        struct sim_stream s;
        uint64_t sequence = 0, pushed = 0, popped = 0, mixed = 0;
        struct sim_event ev, last = {0};
        sim_stream_init(&s, 5, shape, 1);
        assert_int_equal(sim_queue_create(&q), ERR_OK);
        for (int i = 0; i < 30000; i++, pushed++) {
            ev = draw_event(&s, shape, 0, &sequence);
            assert_int_equal(sim_queue_push(q, &ev, NULL), ERR_OK);
            mixed ^= ev.order;
        }
        while (sim_queue_pop(q, &ev, INT64_MAX)) {
            if (popped++)
                assert_true(sim_event_before(&last, &ev));
            last = ev;
            mixed ^= ev.order;
            if (pushed < 90000) {
                ev = draw_event(&s, shape, last.time, &sequence);
                /* After the one just popped, or it would have come first. */
                ev.order |= ~UINT64_C(0) << SIM_SEQUENCE_BITS;
                assert_int_equal(sim_queue_push(q, &ev, NULL), ERR_OK);
                pushed++;
                mixed ^= ev.order;
            }
        }
        assert_int_equal(popped, pushed);
        assert_int_equal(mixed, 0);
        sim_queue_destroy(q);
    }
}

/* A crowd at one instant, ahead of which the queue has already looked. */
static void crowd_after_peek(void **state)
{
    (void)state;
    struct sim_queue *q;
    assert_int_equal(sim_queue_create(&q), ERR_OK);
    struct sim_event ev = {.time = 12 * SIM_SEC, .order = 7};
    assert_int_equal(sim_queue_push(q, &ev, NULL), ERR_OK);
    assert_int_equal(sim_queue_next_time(q), 12 * SIM_SEC);
    for (uint64_t i = 0; i < 20000; i++) {
        ev = (struct sim_event){.time = SIM_SEC + (sim_time)(i * 7919 % 20000), .order = 100 + i};
        assert_int_equal(sim_queue_push(q, &ev, NULL), ERR_OK);
    }
    for (sim_time i = 0; i < 20000; i++) {
        assert_true(sim_queue_pop(q, &ev, 11 * SIM_SEC));
        assert_int_equal(ev.time, SIM_SEC + i);
    }
    assert_false(sim_queue_pop(q, &ev, 12 * SIM_SEC - 1));
    assert_true(sim_queue_pop(q, &ev, 12 * SIM_SEC));
    assert_int_equal(ev.order, 7);
    sim_queue_destroy(q);
}

/* Timers that are always cancelled must not pile up. */
static void cancelled_do_not_pile_up(void **state)
{
    (void)state;
    struct sim_queue *q;
    assert_int_equal(sim_queue_create(&q), ERR_OK);
    size_t bytes = 0;
    for (uint64_t i = 1; i <= 200000; i++) {
        struct sim_event ev = {.time = SIM_SEC * 10000 + (sim_time)i, .order = i};
        struct sim_timer t, copy;
        assert_int_equal(sim_queue_push(q, &ev, &t), ERR_OK);
        copy = t;
        assert_true(sim_queue_cancel(q, &t));
        assert_false(sim_queue_cancel(q, &t));
        assert_false(sim_queue_cancel(q, &copy));
        if (i == 20000)
            bytes = sim_queue_bytes(q);
    }
    assert_true(sim_queue_bytes(q) <= bytes);
    assert_int_equal(sim_queue_len(q), 0);
    assert_int_equal(sim_queue_next_time(q), SIM_TIME_NEVER);
    sim_queue_destroy(q);
}

static void memory_per_event(void **state)
{
    (void)state;
    if (mem_fail_supported())
        skip(); /* the tiny build has other sizes */
    struct sim_queue *q;
    struct sim_stream s;
    sim_stream_init(&s, 3, 0, 0);
    assert_int_equal(sim_queue_create(&q), ERR_OK);
    for (uint64_t i = 1; i <= 65536; i++) {
        struct sim_event ev = {.time = (sim_time)sim_stream_below(&s, SIM_SEC), .order = i};
        assert_int_equal(sim_queue_push(q, &ev, NULL), ERR_OK);
    }
    assert_in_range(sim_queue_bytes(q), 32 * 65536, 64 * 65536);
    sim_queue_destroy(q);
}

/* Every allocation fails in turn: pushes report it, nothing is lost, pops go on. */
static void memory_failures(void **state)
{
    (void)state;
    if (!mem_fail_supported())
        skip();
    for (long limit = 0; limit < 120; limit++) {
        struct sim_queue *q = NULL;
        static struct naive n;
        struct sim_stream s;
        uint64_t sequence = 0;
        sim_time now = 0;
        n.len = 0;
        sim_stream_init(&s, (uint64_t)limit, 0, 2);
        mem_fail_after(limit);
        if (sim_queue_create(&q) != ERR_OK) {
            mem_fail_never();
            assert_null(q);
            continue;
        }
        for (int i = 0; i < 1500; i++) {
            struct sim_event ev = draw_event(&s, i % SHAPES, now, &sequence);
            struct sim_timer t;
            if (sim_queue_push(q, &ev, i % 3 ? NULL : &t) == ERR_OK)
                n.ev[n.len++] = ev;
            if (i % 4 == 3)
                pop_both(q, &n, INT64_MAX, &now);
        }
        while (n.len > 0)
            pop_both(q, &n, INT64_MAX, &now);
        mem_fail_never();
        sim_queue_destroy(q);
    }
}

static int compare_events(const void *a, const void *b)
{
    struct sim_event x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return sim_event_before(&y, &x) - sim_event_before(&x, &y);
}

static void sort_against_qsort(void **state)
{
    (void)state;
    static struct sim_event got[5000], want[5000];
    struct sim_stream s;
    sim_stream_init(&s, 11, 0, 3);
    for (int round = 0; round < 60; round++) {
        size_t len = sim_stream_below(&s, 5000) + 1;
        uint64_t range = round % 3 == 0 ? 1 : round % 3 == 1 ? 10 : UINT64_C(1) << 40;
        for (size_t i = 0; i < len; i++) {
            got[i] = (struct sim_event){.time = (sim_time)sim_stream_below(&s, range),
                                        .order = round % 2 ? i + 1 : sim_stream_u64(&s)};
            /* organ pipe, the classic bad case of a median of three */
            if (round % 5 == 4)
                got[i].time = (sim_time)(i < len / 2 ? i : len - i);
        }
        memcpy(want, got, sizeof got);
        qsort(want, len, sizeof *want, compare_events);
        sim_events_sort(got, len);
        for (size_t i = 0; i < len; i++)
            assert_same(&got[i], &want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_naive),      cmocka_unit_test(large_and_ascending),
        cmocka_unit_test(crowd_after_peek),   cmocka_unit_test(cancelled_do_not_pile_up),
        cmocka_unit_test(memory_per_event),   cmocka_unit_test(memory_failures),
        cmocka_unit_test(sort_against_qsort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
