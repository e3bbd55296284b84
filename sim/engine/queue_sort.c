#include "sim/engine/queue_internal.h"

#include <stdbool.h>
#include <string.h>

enum { SMALL = 24, GROUPS_MAX = 1024 };

static void insertion_sort(struct sim_event *ev, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        if (!sim_event_before(&ev[i], &ev[i - 1]))
            continue;
        struct sim_event moving = ev[i];
        size_t k = i;
        do {
            ev[k] = ev[k - 1];
            k--;
        } while (k > 0 && sim_event_before(&moving, &ev[k - 1]));
        ev[k] = moving;
    }
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event t = *a;
    *a = *b;
    *b = t;
}

static void heap_sort(struct sim_event *ev, size_t len)
{
    for (size_t n = len / 2 + len; n-- > 0;) {
        /* First half of the count-down builds a max-heap, the rest takes its root to the end. */
        size_t size = len, i = n - len;
        if (n < len) {
            if (n == 0)
                return;
            swap(&ev[0], &ev[n]);
            size = n;
            i = 0;
        }
        for (size_t c = 2 * i + 1; c < size; c = 2 * i + 1) {
            if (c + 1 < size && sim_event_before(&ev[c], &ev[c + 1]))
                c++;
            if (!sim_event_before(&ev[i], &ev[c]))
                break;
            swap(&ev[i], &ev[c]);
            i = c;
        }
    }
}

/* Moves the median of first, middle and last to the front and splits around it; returns its final
 * place. */
static size_t partition(struct sim_event *ev, size_t len)
{
    size_t mid = len / 2, last = len - 1;
    if (sim_event_before(&ev[mid], &ev[0]))
        swap(&ev[mid], &ev[0]);
    if (sim_event_before(&ev[last], &ev[mid]))
        swap(&ev[last], &ev[mid]);
    if (sim_event_before(&ev[mid], &ev[0]))
        swap(&ev[mid], &ev[0]);
    swap(&ev[0], &ev[mid]);
    size_t i = 0, k = len;
    for (;;) {
        do
            i++;
        while (i < len && sim_event_before(&ev[i], &ev[0]));
        do
            k--;
        while (sim_event_before(&ev[0], &ev[k]));
        if (i >= k)
            break;
        swap(&ev[i], &ev[k]);
    }
    swap(&ev[0], &ev[k]);
    return k;
}

static void quick_sort(struct sim_event *ev, size_t len, unsigned depth)
{
    while (len > SMALL) {
        if (depth-- == 0) {
            heap_sort(ev, len);
            return;
        }
        size_t k = partition(ev, len);
        /* Recurse into the smaller side: the stack stays logarithmic. */
        if (k < len - k - 1) {
            quick_sort(ev, k, depth);
            ev += k + 1;
            len -= k + 1;
        } else {
            quick_sort(ev + k + 1, len - k - 1, depth);
            len = k;
        }
    }
    insertion_sort(ev, len);
}

void sim_events_sort(struct sim_event *ev, size_t len)
{
    size_t i = 1;
    while (i < len && sim_event_before(&ev[i - 1], &ev[i]))
        i++;
    if (i < len)
        quick_sort(ev, len, 2 * (64U - (unsigned)__builtin_clzll(len)));
}

/* Copies the bucket in the order of the pushes. */
static void bucket_copy(struct sim_event *out, const struct bucket *b,
                        const struct sim_event *blocks, const uint32_t *prev)
{
    uint32_t end = b->count;
    for (uint32_t block = b->tail; end > 0; block = prev[block]) {
        uint32_t begin = (end - 1) & ~(BLOCK_EVENTS - 1);
        memcpy(out + begin, blocks + (size_t)block * BLOCK_EVENTS, (end - begin) * sizeof *out);
        end = begin;
    }
}

/* One counting pass by the leading bits of time within the bucket, then what is left is nearly in
 * order; a group that stays large (ties, clusters) is sorted by itself. */
static void distribute(struct sim_event *out, const struct bucket *b,
                       const struct sim_event *blocks, const uint32_t *prev, unsigned shift)
{
    uint32_t begin_of[GROUPS_MAX], largest = 0, sum = 0;
    unsigned bits = 31U - (unsigned)__builtin_clz(b->count);
    bits = bits > 10 ? 10 : bits;
    bits = bits > shift ? shift : bits;
    unsigned down = shift - bits;
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    memset(begin_of, 0, sizeof *begin_of << bits);
    uint32_t left = b->count, len = (left - 1) % BLOCK_EVENTS + 1;
    for (uint32_t block = b->tail; left > 0; block = prev[block], len = BLOCK_EVENTS) {
        const struct sim_event *ev = blocks + (size_t)block * BLOCK_EVENTS;
        for (uint32_t i = 0; i < len; i++)
            begin_of[((uint64_t)ev[i].time >> down) & mask]++;
        left -= len;
    }
    for (uint64_t g = 0; g <= mask; g++) {
        uint32_t count = begin_of[g];
        begin_of[g] = sum;
        sum += count;
        largest = count > largest ? count : largest;
    }
    left = b->count;
    len = (left - 1) % BLOCK_EVENTS + 1;
    for (uint32_t block = b->tail; left > 0; block = prev[block], len = BLOCK_EVENTS) {
        const struct sim_event *ev = blocks + (size_t)block * BLOCK_EVENTS;
        for (uint32_t i = 0; i < len; i++)
            out[begin_of[((uint64_t)ev[i].time >> down) & mask]++] = ev[i];
        left -= len;
    }
    if (largest <= SMALL)
        return;
    /* begin_of now holds the ends. */
    for (uint64_t g = 0, begin = 0; g <= mask; begin = begin_of[g++])
        if (begin_of[g] - begin > SMALL)
            sim_events_sort(out + begin, begin_of[g] - begin);
}

/* Whether the last few pushed came in order; by chance one in 5,000 does. */
static bool tail_in_order(const struct bucket *b, const struct sim_event *blocks)
{
    const struct sim_event *ev = blocks + (size_t)b->tail * BLOCK_EVENTS;
    uint32_t len = (b->count - 1) % BLOCK_EVENTS + 1, i = 1;
    while (i < len && sim_event_before(&ev[i - 1], &ev[i]))
        i++;
    return i == len;
}

void sim_bucket_sort(struct sim_event *out, const struct bucket *b, const struct sim_event *blocks,
                     const uint32_t *prev, unsigned shift)
{
    if (b->count <= SMALL) {
        bucket_copy(out, b, blocks, prev);
    } else if (shift == 0 || tail_in_order(b, blocks)) {
        /* All of one instant, or pushed in order: a check may be all that is left to do. */
        bucket_copy(out, b, blocks, prev);
        sim_events_sort(out, b->count);
        return;
    } else {
        distribute(out, b, blocks, prev, shift);
    }
    insertion_sort(out, b->count);
}

void sim_heap_push(struct sim_event *heap, size_t len)
{
    const struct sim_event ev = heap[len];
    size_t i = len;
    for (; i > 0 && sim_event_before(&ev, &heap[(i - 1) / 4]); i = (i - 1) / 4)
        heap[i] = heap[(i - 1) / 4];
    if (i < len)
        heap[i] = ev;
}

void sim_heap_pop(struct sim_event *heap, size_t len)
{
    const struct sim_event last = heap[--len];
    size_t i = 0;
    for (size_t child = 1; child < len; child = 4 * i + 1) {
        size_t end = child + 4 < len ? child + 4 : len, best = child;
        for (size_t c = child + 1; c < end; c++)
            if (sim_event_before(&heap[c], &heap[best]))
                best = c;
        if (!sim_event_before(&heap[best], &last))
            break;
        heap[i] = heap[best];
        i = best;
    }
    heap[i] = last;
}
