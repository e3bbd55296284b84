#include "sim/engine/queue.h"

#include "sim/base/check.h"
#include "sim/base/mem.h"
#include "sim/engine/queue_internal.h"

#include <stdlib.h>
#include <string.h>

/* docs/engine.md has the measurements that chose this structure. By time, from now on:
 *
 *   run    one bucket's events, sorted, contiguous
 *   late   a 4-ary heap of what was pushed below the end of the run's bucket
 *   near   a ring of buckets of 2^shift ns each: every event from bucket `cur` to `limit`
 *   far    levels of 16 buckets; one of level 0 spans a quarter of the ring, one of level i + 1
 *          the whole of level i. `limit` moves by quarters; the far bucket below it is then spread
 *          over near.
 *
 * A push appends to a bucket: a few hundred write streams, so nearly always in cache. A pop reads
 * on in the run. Buckets hold about as many events as the ring has buckets, the square root of
 * what is pending, and sorting one stays in the first-level cache. The width follows the number
 * of events popped for each bucket taken: when that is off, all events are spread anew.
 *
 * `cur` and `limit` count buckets since time 0. */

enum {
    FAR_BITS = 4,
    FAR_BUCKETS = 1 << FAR_BITS,
    FAR_LEVELS = 16,
    SHIFT_MAX = 40,
    BITS_MAX = 13,
    SAMPLES = 256,
#ifdef WEFT_TINY
    BITS_MIN = 2,
    ROOM_MIN = 8,
    TUNE_MIN = 16,
#else
    BITS_MIN = 5,
    ROOM_MIN = 256,
    TUNE_MIN = 1024,
#endif
};

/* A pending cancellable event, found through event.node and sim_timer.node. */
struct slot {
    uint64_t order; /* of the event; 0 when free */
    uint32_t next;  /* free slots */
};

struct near {
    struct bucket *bucket; /* 2^bits */
    uint64_t map[1U << (BITS_MAX - 6)];
    unsigned bits, shift;
    uint64_t cur, limit;
    size_t len;
};

struct far_level {
    struct bucket bucket[FAR_BUCKETS];
    uint32_t map;
};

struct sim_queue {
    sim_time now;  /* time of the last pop */
    size_t live;   /* pending */
    size_t stored; /* pending and cancelled */
    size_t room;   /* stored may reach this without more blocks */

    struct sim_event *run;
    size_t run_next, run_len, run_cap;
    struct bucket rest; /* of the run's bucket, when it did not fit */
    struct sim_event *late;
    size_t late_len, late_cap;

    struct sim_event *blocks;
    uint32_t *prev; /* of each block: the one before it in its bucket, or the next free one */
    uint32_t free_block;
    size_t block_count;

    struct slot *slots;
    uint32_t free_slot, slot_count; /* slot 0 is never used */

    /* since the last look at the width: pops, buckets taken, pushes to far, moves from far */
    size_t pops, taken, pushes_far, moves;
    struct near near;
    struct far_level far[FAR_LEVELS];
};

/* -- blocks ------------------------------------------------------------------------------------ */

/* How many blocks store n events, however they fall: full ones, and one begun in each bucket. */
static size_t blocks_for(size_t n, unsigned bits)
{
    size_t buckets = ((size_t)1 << bits) + FAR_BUCKETS * FAR_LEVELS;
    return n / BLOCK_EVENTS + (n < buckets ? n : buckets) + 2;
}

static bool blocks_grow(struct sim_queue *q, size_t count)
{
    if (count <= q->block_count)
        return true;
    if (count > UINT32_MAX / 2)
        return false;
    struct sim_event *blocks = mem_alloc_lines(count, BLOCK_EVENTS * sizeof *blocks);
    uint32_t *prev = blocks ? mem_resize(q->prev, count, sizeof *prev) : NULL;
    if (!prev) {
        mem_free(blocks);
        return false;
    }
    if (q->blocks)
        memcpy(blocks, q->blocks, q->block_count * BLOCK_EVENTS * sizeof *blocks);
    mem_free(q->blocks);
    q->blocks = blocks;
    q->prev = prev;
    for (size_t b = count; b-- > q->block_count;) {
        q->prev[b] = q->free_block;
        q->free_block = (uint32_t)b;
    }
    q->block_count = count;
    return true;
}

/* Makes room for a quarter more events. */
static bool room_grow(struct sim_queue *q)
{
    size_t room = q->stored + q->stored / 4 + ROOM_MIN;
    if (!blocks_grow(q, blocks_for(room, q->near.bits)))
        return false;
    q->room = room;
    return true;
}

/* Where the next event of a bucket goes. Cannot fail: room counts the worst case. */
static inline struct sim_event *bucket_next(struct sim_queue *q, struct bucket *b)
{
    uint32_t i = b->count++ % BLOCK_EVENTS;
    if (i == 0) {
        uint32_t block = q->free_block;
        q->free_block = q->prev[block];
        q->prev[block] = b->tail;
        b->tail = block;
    }
    return &q->blocks[(size_t)b->tail * BLOCK_EVENTS + i];
}

/* Takes the last block's events into out[BLOCK_EVENTS]; returns how many, 0 when b is empty. */
static uint32_t bucket_take(struct sim_queue *q, struct bucket *b, struct sim_event *out)
{
    if (b->count == 0)
        return 0;
    uint32_t len = (b->count - 1) % BLOCK_EVENTS + 1, block = b->tail;
    memcpy(out, &q->blocks[(size_t)block * BLOCK_EVENTS], len * sizeof *out);
    b->tail = q->prev[block];
    b->count -= len;
    q->prev[block] = q->free_block;
    q->free_block = block;
    return len;
}

static void bucket_free(struct sim_queue *q, struct bucket *b)
{
    for (uint32_t left = (b->count + BLOCK_EVENTS - 1) / BLOCK_EVENTS; left > 0; left--) {
        uint32_t block = b->tail;
        b->tail = q->prev[block];
        q->prev[block] = q->free_block;
        q->free_block = block;
    }
    b->count = 0;
}

/* -- near and far ------------------------------------------------------------------------------ */

static inline struct sim_event *near_next(struct sim_queue *q, sim_time time)
{
    struct near *near = &q->near;
    size_t i = ((uint64_t)time >> near->shift) & ((UINT64_C(1) << near->bits) - 1);
    near->map[i / 64] |= UINT64_C(1) << (i % 64);
    near->len++;
    return bucket_next(q, &near->bucket[i]);
}

/* The first far bucket of level 0 that is not spread yet. */
static inline uint64_t far_base(const struct sim_queue *q)
{
    return q->near.limit >> (q->near.bits - 2);
}

static struct sim_event *far_next(struct sim_queue *q, sim_time time)
{
    uint64_t place = (uint64_t)time >> (q->near.shift + q->near.bits - 2);
    uint64_t differ = place ^ far_base(q);
    /* The level is that of the highest group of bits in which place and base differ: the base
     * enters the place's bucket there before it reaches the place. */
    unsigned level = differ ? (63U - (unsigned)__builtin_clzll(differ)) / FAR_BITS : 0;
    unsigned i = (unsigned)(place >> (level * FAR_BITS)) % FAR_BUCKETS;
    q->far[level].map |= UINT32_C(1) << i;
    return bucket_next(q, &q->far[level].bucket[i]);
}

static struct bucket far_take(struct sim_queue *q, unsigned level, unsigned i)
{
    struct bucket b = q->far[level].bucket[i];
    q->far[level].bucket[i].count = 0;
    q->far[level].map &= ~(UINT32_C(1) << i);
    return b;
}

/* After the base moved: spreads the far buckets that it has entered, highest level first. */
static void far_cascade(struct sim_queue *q, unsigned top)
{
    struct sim_event ev[BLOCK_EVENTS];
    for (unsigned level = top; level > 0; level--) {
        unsigned i = (unsigned)(far_base(q) >> (level * FAR_BITS)) % FAR_BUCKETS;
        struct bucket b = far_take(q, level, i);
        q->moves += b.count;
        for (uint32_t len; (len = bucket_take(q, &b, ev)) > 0;)
            for (uint32_t k = 0; k < len; k++)
                *far_next(q, ev[k].time) = ev[k];
    }
}

/* Keeps three to four quarters of the ring open ahead of cur. */
static void near_extend(struct sim_queue *q)
{
    struct sim_event ev[BLOCK_EVENTS];
    uint64_t quarter = UINT64_C(1) << (q->near.bits - 2);
    while (q->near.limit - q->near.cur <= 3 * quarter) {
        struct bucket b = far_take(q, 0, (unsigned)far_base(q) % FAR_BUCKETS);
        q->near.limit += quarter;
        for (uint32_t len; (len = bucket_take(q, &b, ev)) > 0;)
            for (uint32_t k = 0; k < len; k++)
                *near_next(q, ev[k].time) = ev[k];
        unsigned top = 0;
        while (top + 1 < FAR_LEVELS && far_base(q) % (UINT64_C(1) << ((top + 1) * FAR_BITS)) == 0)
            top++;
        far_cascade(q, top);
    }
}

/* With near empty: moves to the first far bucket that holds any, unless it begins after until. */
static bool far_jump(struct sim_queue *q, sim_time until)
{
    unsigned quarter_bits = q->near.bits - 2;
    for (;;) {
        unsigned level = 0;
        while (level < FAR_LEVELS && !q->far[level].map)
            level++;
        if (level == FAR_LEVELS)
            return false;
        /* Within a level no bucket lies behind the base, so its lowest bit comes first. */
        unsigned up = level * FAR_BITS;
        uint64_t base = far_base(q) >> up;
        base = (base & ~(uint64_t)(FAR_BUCKETS - 1)) | (unsigned)__builtin_ctz(q->far[level].map);
        base <<= up;
        if (base << (quarter_bits + q->near.shift) > (uint64_t)until)
            return false;
        q->near.limit = q->near.cur = base << quarter_bits;
        if (level == 0)
            break;
        far_cascade(q, level);
    }
    near_extend(q);
    return true;
}

/* -- width and number of buckets --------------------------------------------------------------- */

static bool is_cancelled(const struct sim_queue *q, const struct sim_event *ev)
{
    return ev->node != 0 && q->slots[ev->node].order != ev->order;
}

static void place_all(struct sim_queue *q, const struct sim_event *ev, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_cancelled(q, &ev[i]))
            q->stored--;
        else if ((uint64_t)ev[i].time >> q->near.shift < q->near.limit)
            *near_next(q, ev[i].time) = ev[i];
        else
            *far_next(q, ev[i].time) = ev[i];
    }
}

static void place_bucket(struct sim_queue *q, struct bucket *b)
{
    struct sim_event ev[BLOCK_EVENTS];
    for (uint32_t len; (len = bucket_take(q, b, ev)) > 0;)
        place_all(q, ev, len);
}

/* Buckets for n events: two to four times the square root. */
static unsigned bits_for(size_t n)
{
    unsigned log = n < 2 ? 0 : 63U - (unsigned)__builtin_clzll(n), bits = (log + 1) / 2 + 2;
    return bits < BITS_MIN ? BITS_MIN : bits > BITS_MAX ? BITS_MAX : bits;
}

/* Events a bucket should hold where they are densest. */
static size_t bucket_target(size_t n, unsigned bits)
{
    size_t target = 4 * n >> bits;
    return target < 16 ? 16 : target;
}

struct sample {
    sim_time time[SAMPLES];
    size_t len, step, until_next;
};

static void sample_bucket(const struct sim_queue *q, struct sample *s, const struct bucket *b)
{
    uint32_t left = b->count;
    for (uint32_t block = b->tail; left > 0; block = q->prev[block]) {
        uint32_t len = (left - 1) % BLOCK_EVENTS + 1;
        left -= len;
        if (s->until_next >= len) {
            s->until_next -= len;
        } else if (s->len < SAMPLES) {
            s->time[s->len++] = q->blocks[(size_t)block * BLOCK_EVENTS + s->until_next].time;
            s->until_next += s->step - len;
        }
    }
}

static int compare_times(const void *a, const void *b)
{
    sim_time x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* The width that suits the sixteenth of the events that comes first, from a sample. */
static unsigned guess_shift(const struct sim_queue *q, unsigned bits)
{
    struct sample s = {.step = q->stored / (SAMPLES / 2) + BLOCK_EVENTS};
    for (size_t i = 0; i < (size_t)1 << q->near.bits; i++)
        sample_bucket(q, &s, &q->near.bucket[i]);
    for (unsigned level = 0; level < FAR_LEVELS; level++)
        for (unsigned i = 0; i < FAR_BUCKETS; i++)
            sample_bucket(q, &s, &q->far[level].bucket[i]);
    sample_bucket(q, &s, &q->rest);
    for (size_t i = 0; i < q->late_len && s.len < SAMPLES; i += s.step)
        s.time[s.len++] = q->late[i].time;
    for (size_t i = q->run_next; i < q->run_len && s.len < SAMPLES; i += s.step)
        s.time[s.len++] = q->run[i].time;
    if (s.len == 0)
        return q->near.shift;
    qsort(s.time, s.len, sizeof s.time[0], compare_times);
    size_t rank = s.len / 16 + 1;
    double ahead = (double)(s.time[rank - 1] - q->now) + 1;
    double each = ahead / ((double)rank / (double)s.len * (double)q->stored);
    double width = each * (double)bucket_target(q->stored, bits);
    unsigned shift = 0;
    while (shift < SHIFT_MAX && (double)(UINT64_C(1) << shift) * 1.41 < width)
        shift++;
    return shift;
}

/* Spreads every pending event over 2^bits buckets of 2^shift ns and drops the cancelled ones.
 * Without memory all stays as it is, and goes on serving, slower. */
static bool spread(struct sim_queue *q, unsigned bits, unsigned shift)
{
    size_t buckets = (size_t)1 << bits, count = blocks_for(q->room, bits);
    /* Each new bucket may begin a block before the old ones have given one back. */
    size_t both = blocks_for(q->stored, q->near.bits) + buckets + FAR_BUCKETS * FAR_LEVELS;
    struct bucket *bucket = mem_zalloc(buckets, sizeof *bucket);
    if (!bucket || !blocks_grow(q, count > both ? count : both)) {
        mem_free(bucket);
        return false;
    }
    struct near old = q->near;
    struct far_level old_far[FAR_LEVELS];
    memcpy(old_far, q->far, sizeof old_far);
    memset(q->far, 0, sizeof q->far);
    uint64_t quarter = UINT64_C(1) << (bits - 2);
    q->near = (struct near){.bucket = bucket, .bits = bits, .shift = shift};
    q->near.cur = (uint64_t)q->now >> shift;
    q->near.limit = (q->near.cur + 4 * quarter) & ~(quarter - 1);
    for (size_t i = 0; i < (size_t)1 << old.bits; i++)
        place_bucket(q, &old.bucket[i]);
    for (unsigned level = 0; level < FAR_LEVELS; level++)
        for (unsigned i = 0; i < FAR_BUCKETS; i++)
            place_bucket(q, &old_far[level].bucket[i]);
    place_bucket(q, &q->rest);
    place_all(q, q->run + q->run_next, q->run_len - q->run_next);
    place_all(q, q->late, q->late_len);
    q->run_next = q->run_len = q->late_len = 0;
    mem_free(old.bucket);
    q->pops = q->taken = q->pushes_far = q->moves = 0;
    return true;
}

/* Looks at what the buckets taken lately held and corrects their width. */
static void tune(struct sim_queue *q)
{
    size_t held = q->pops / (q->taken ? q->taken : 1),
           target = bucket_target(q->live, q->near.bits);
    int shift = (int)q->near.shift;
    if (q->moves > 2 * q->pops) {
        shift += 4; /* most of what is pushed lies many rings ahead */
    } else if (held > 3 * target) {
        for (; held > target + target / 2; held /= 2)
            shift--;
    } else if (3 * held < target && (held < 4 || 2 * q->pushes_far > q->pops)) {
        for (held = held ? held : 1; 3 * held < 2 * target && shift < (int)q->near.shift + 4;)
            held *= 2, shift++;
    }
    shift = shift < 0 ? 0 : shift > SHIFT_MAX ? SHIFT_MAX : shift;
    unsigned bits = bits_for(4 * q->live) < q->near.bits ? bits_for(q->live) : q->near.bits;
    if (bits != q->near.bits)
        spread(q, bits, guess_shift(q, bits));
    else if ((unsigned)shift != q->near.shift)
        spread(q, bits, (unsigned)shift);
    q->pops = q->taken = q->pushes_far = q->moves = 0;
    if (q->run_cap > 64 * target) { /* a crowd once went through it */
        struct sim_event *run = mem_alloc_lines(4 * target, sizeof *run);
        if (run) {
            mem_free(q->run);
            q->run = run;
            q->run_cap = 4 * target;
        }
    }
}

/* -- run --------------------------------------------------------------------------------------- */

/* Without memory for the whole of `rest`: moves its first run_cap events to the run, by a
 * max-first selection over as many passes as it takes. Slow and certain. */
static void run_select(struct sim_queue *q)
{
    struct bucket from = q->rest, left = {0};
    struct sim_event ev[BLOCK_EVENTS];
    size_t len = 0;
    for (uint32_t n; (n = bucket_take(q, &from, ev)) > 0;) {
        for (uint32_t k = 0; k < n; k++) {
            struct sim_event moving = ev[k];
            /* The run is kept sorted; what falls off its end goes back. */
            if (len == q->run_cap && sim_event_before(&q->run[len - 1], &moving)) {
                *bucket_next(q, &left) = moving;
                continue;
            }
            if (len == q->run_cap)
                *bucket_next(q, &left) = q->run[--len];
            size_t i = len++;
            for (; i > 0 && sim_event_before(&moving, &q->run[i - 1]); i--)
                q->run[i] = q->run[i - 1];
            q->run[i] = moving;
        }
    }
    q->rest = left;
    q->run_next = 0;
    q->run_len = len;
}

static void run_fill(struct sim_queue *q, struct bucket b)
{
    if (b.count > q->run_cap) {
        size_t cap = b.count + b.count / 4;
        struct sim_event *run = mem_alloc_lines(cap, sizeof *run);
        if (!run) {
            q->rest = b;
            run_select(q);
            return;
        }
        mem_free(q->run);
        q->run = run;
        q->run_cap = cap;
    }
    sim_bucket_sort(q->run, &b, q->blocks, q->prev, q->near.shift);
    q->run_next = 0;
    q->run_len = b.count;
    bucket_free(q, &b);
}

/* With run and late empty: moves what comes next into the run. False when nothing begins by
 * until. */
static bool refill(struct sim_queue *q, sim_time until)
{
    struct near *near = &q->near;
    if (q->rest.count > 0) {
        run_select(q);
        return true;
    }
    if (q->pops > TUNE_MIN + q->live / 2)
        tune(q);
    near_extend(q);
    if (near->len == 0 && !far_jump(q, until))
        return false;
    uint64_t mask = (UINT64_C(1) << near->bits) - 1;
    uint64_t end = ((uint64_t)until >> near->shift) + 1;
    end = end < near->limit ? end : near->limit;
    while (near->cur < end) {
        uint64_t i = near->cur & mask, word = near->map[i / 64] >> (i % 64);
        if (!word) {
            /* A ring smaller than a word wraps within it. */
            uint64_t step = 64 - i % 64;
            near->cur += step < mask + 1 - i ? step : mask + 1 - i;
            continue;
        }
        near->cur += (unsigned)__builtin_ctzll(word);
        if (near->cur >= end)
            break;
        i = near->cur++ & mask;
        near->map[i / 64] &= ~(UINT64_C(1) << (i % 64));
        struct bucket b = near->bucket[i];
        near->bucket[i].count = 0;
        near->len -= b.count;
        run_fill(q, b);
        q->taken++;
        /* A crowd at one instant is no reason for narrower buckets. */
        if (q->run_len > 1 && q->run[0].time == q->run[q->run_len - 1].time)
            q->taken += q->run_len / bucket_target(q->live, near->bits);
        return true;
    }
    near->cur = end;
    return false;
}

/* -- the interface ----------------------------------------------------------------------------- */

enum err_code sim_queue_create(struct sim_queue **out)
{
    struct sim_queue *q = mem_zalloc(1, sizeof *q);
    if (!q)
        return ERR_MEMORY;
    q->run_cap = 4 * BLOCK_EVENTS; /* never none: run_select needs some */
    q->run = mem_alloc_lines(q->run_cap, sizeof *q->run);
    q->near.bits = BITS_MIN;
    q->near.shift = 20;
    q->near.limit = UINT64_C(1) << BITS_MIN;
    q->near.bucket = mem_zalloc((size_t)1 << BITS_MIN, sizeof *q->near.bucket);
    if (!q->run || !q->near.bucket || !blocks_grow(q, 1) || !room_grow(q)) {
        sim_queue_destroy(q);
        return ERR_MEMORY;
    }
    *out = q;
    return ERR_OK;
}

void sim_queue_destroy(struct sim_queue *q)
{
    if (!q)
        return;
    mem_free(q->run);
    mem_free(q->late);
    mem_free(q->blocks);
    mem_free(q->prev);
    mem_free(q->slots);
    mem_free(q->near.bucket);
    mem_free(q);
}

/* Makes sure that a free slot exists. */
static bool slot_reserve(struct sim_queue *q)
{
    if (q->free_slot != 0)
        return true;
    uint32_t count = q->slot_count + q->slot_count / 2 + 8;
    struct slot *slots = count > q->slot_count ? mem_resize(q->slots, count, sizeof *slots) : NULL;
    if (!slots)
        return false;
    for (uint32_t i = count; i-- > q->slot_count && i > 0;) {
        slots[i] = (struct slot){.next = q->free_slot};
        q->free_slot = i;
    }
    q->slots = slots;
    q->slot_count = count;
    return true;
}

static void slot_free(struct sim_queue *q, uint32_t i)
{
    q->slots[i] = (struct slot){.next = q->free_slot};
    q->free_slot = i;
}

static bool late_reserve(struct sim_queue *q)
{
    /* A crowd there means that the buckets are too wide, or that cur ran far ahead. */
    if (q->late_len > 64 + q->live / 8)
        spread(q, q->near.bits, guess_shift(q, q->near.bits));
    if (q->late_len < q->late_cap)
        return true;
    size_t cap = q->late_cap + q->late_cap / 2 + 8;
    struct sim_event *late = mem_resize(q->late, cap, sizeof *late);
    if (!late)
        return false;
    q->late = late;
    q->late_cap = cap;
    return true;
}

enum err_code sim_queue_add(struct sim_queue *q, sim_time time, uint64_t order, uint64_t arg,
                            uint32_t who, struct sim_timer *timer)
{
    CHECK(time >= q->now, "event at %lld pushed when the time is %lld", (long long)time,
          (long long)q->now);
    DCHECK(order != 0, "event of order 0");
    if (q->stored >= q->room && !room_grow(q))
        return ERR_MEMORY;
    if ((uint64_t)time >> q->near.shift < q->near.cur && !late_reserve(q))
        return ERR_MEMORY;
    uint32_t node = 0;
    if (timer) {
        if (!slot_reserve(q))
            return ERR_MEMORY;
        node = q->free_slot;
        q->free_slot = q->slots[node].next;
        q->slots[node].order = order;
        *timer = (struct sim_timer){.order = order, .node = node};
    }
    /* late_reserve may have moved the boundaries */
    uint64_t place = (uint64_t)time >> q->near.shift;
    bool late = place < q->near.cur;
    struct sim_event *ev = late                    ? &q->late[q->late_len]
                           : place < q->near.limit ? near_next(q, time)
                                                   : far_next(q, time);
    /* Stored field by field from registers: an event built elsewhere in halves and copied as a
     * whole would stall on store forwarding, at twice the cost of everything else here. */
    ev->time = time;
    ev->order = order;
    ev->arg = arg;
    ev->target = who & (SIM_TARGETS_MAX - 1);
    ev->handler = (unsigned char)(who >> 24);
    ev->node = node;
    if (late)
        sim_heap_push(q->late, q->late_len++);
    q->pushes_far += place >= q->near.limit;
    q->live++;
    q->stored++;
    if (q->live >> 2 * (q->near.bits - 1) && bits_for(q->live) > q->near.bits)
        spread(q, bits_for(q->live), guess_shift(q, bits_for(q->live)));
    return ERR_OK;
}

enum err_code sim_queue_push(struct sim_queue *q, const struct sim_event *ev,
                             struct sim_timer *timer)
{
    uint32_t who = (uint32_t)ev->handler << 24 | ev->target;
    return sim_queue_add(q, ev->time, ev->order, ev->arg, who, timer);
}

/* Brings the first event that is not cancelled to the head of run or late; NULL when none begins
 * by until. */
static const struct sim_event *first(struct sim_queue *q, sim_time until, bool *from_late)
{
    for (;;) {
        const struct sim_event *ev;
        if (q->run_next == q->run_len) {
            /* What is left of the run's bucket is no later than late can be. */
            if ((q->late_len == 0 || q->rest.count > 0) && !refill(q, until))
                return NULL;
        }
        *from_late = q->late_len > 0 && (q->run_next == q->run_len ||
                                         sim_event_before(&q->late[0], &q->run[q->run_next]));
        ev = *from_late ? &q->late[0] : &q->run[q->run_next];
        if (__builtin_expect(ev->node == 0, 1) || !is_cancelled(q, ev))
            return ev;
        q->stored--;
        if (*from_late)
            sim_heap_pop(q->late, q->late_len--);
        else
            q->run_next++;
    }
}

bool sim_queue_pop(struct sim_queue *q, struct sim_event *out, sim_time until)
{
    bool from_late;
    const struct sim_event *ev = first(q, until, &from_late);
    if (!ev || ev->time > until)
        return false;
    *out = *ev;
    if (from_late) {
        sim_heap_pop(q->late, q->late_len--);
    } else {
        q->run_next++;
        /* Where arg points to what the event is about, that will be needed soon. */
        if (q->run_len - q->run_next > 3 && q->run[q->run_next + 3].arg >> 20)
            __builtin_prefetch((const void *)(uintptr_t)q->run[q->run_next + 3].arg, 1);
    }
    if (out->node != 0)
        slot_free(q, out->node);
    q->now = out->time;
    q->live--;
    q->stored--;
    q->pops++;
    return true;
}

bool sim_queue_pending(const struct sim_queue *q, const struct sim_timer *timer)
{
    return timer->order != 0 && timer->node < q->slot_count &&
           q->slots[timer->node].order == timer->order;
}

bool sim_queue_cancel(struct sim_queue *q, struct sim_timer *timer)
{
    bool found = sim_queue_pending(q, timer);
    if (found) {
        /* The event stays where it is and finds its slot taken from it. */
        slot_free(q, timer->node);
        q->live--;
        /* Far timers that are always cancelled must not pile up until their time comes. */
        if (q->stored - q->live > q->live + TUNE_MIN)
            spread(q, q->near.bits, q->near.shift);
    }
    *timer = (struct sim_timer){0};
    return found;
}

sim_time sim_queue_next_time(struct sim_queue *q)
{
    bool from_late;
    const struct sim_event *ev = first(q, INT64_MAX, &from_late);
    return ev ? ev->time : SIM_TIME_NEVER;
}

size_t sim_queue_len(const struct sim_queue *q)
{
    return q->live;
}

size_t sim_queue_bytes(const struct sim_queue *q)
{
    return sizeof *q + q->block_count * (BLOCK_EVENTS * sizeof *q->blocks + sizeof *q->prev) +
           (q->run_cap + q->late_cap) * sizeof *q->run + q->slot_count * sizeof *q->slots +
           (sizeof *q->near.bucket << q->near.bits);
}
