/* sim/engine/queue_internal.h - parts of the queue that its own files share. */
#ifndef SIM_ENGINE_QUEUE_INTERNAL_H
#define SIM_ENGINE_QUEUE_INTERNAL_H

#include "sim/engine/event.h"

#include <stddef.h>

/* Events of one stretch of time, in no order, in blocks that link back from the tail. Every block
 * but the tail is full. */
struct bucket {
    uint32_t tail;
    uint32_t count;
};

#define BLOCK_EVENTS 8U /* 256 bytes */

/* sim_events_sort sorts in place: O(n) when sorted already, O(n log n) at worst. */
void sim_events_sort(struct sim_event *ev, size_t len);

/* sim_bucket_sort copies a bucket's events into out, sorted. blocks and prev are the queue's block
 * store. The events lie within 2^shift ns of each other, aligned. O(n) when spread evenly. */
void sim_bucket_sort(struct sim_event *out, const struct bucket *b, const struct sim_event *blocks,
                     const uint32_t *prev, unsigned shift);

/* A 4-ary heap in an array: push takes in heap[len], pop takes out heap[0]. */
void sim_heap_push(struct sim_event *heap, size_t len);
void sim_heap_pop(struct sim_event *heap, size_t len);

#endif
