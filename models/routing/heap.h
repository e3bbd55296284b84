/* models/routing/heap.h - a heap of vertices: the highest gain on top, ties to the lowest vertex.
 * Its arrays are the caller's, one place for each vertex in each. */
#ifndef MODELS_ROUTING_HEAP_H
#define MODELS_ROUTING_HEAP_H

#include <stdint.h>

struct route_heap {
    uint32_t *items; /* items[0]: on top */
    uint32_t *place; /* by vertex: where in items; UINT32_MAX: not in it */
    uint32_t len;
    const double *gain; /* by vertex; the caller's to change, see route_heap_set() */
};

void route_heap_init(struct route_heap *h, uint32_t *items, uint32_t *place, uint32_t vertices,
                     const double *gain);

/* Adds v, or puts it where it belongs after its gain has changed. O(log len). */
void route_heap_set(struct route_heap *h, uint32_t v);

/* Takes v out, which must be in it. O(log len). */
void route_heap_remove(struct route_heap *h, uint32_t v);

void route_heap_clear(struct route_heap *h);

#endif
