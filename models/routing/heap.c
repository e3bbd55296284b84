#include "models/routing/heap.h"

#include <stdbool.h>
#include <string.h>

void route_heap_init(struct route_heap *h, uint32_t *items, uint32_t *place, uint32_t vertices,
                     const double *gain)
{
    *h = (struct route_heap){items, place, 0, gain};
    memset(place, 0xff, vertices * sizeof *place);
}

static bool above(const struct route_heap *h, uint32_t v, uint32_t u)
{
    return h->gain[v] > h->gain[u] || (!(h->gain[v] < h->gain[u]) && v < u);
}

static void put(struct route_heap *h, uint32_t at, uint32_t v)
{
    h->items[at] = v;
    h->place[v] = at;
}

/* Vertex v, which is to stand near place `at`, goes where it belongs. */
static void settle(struct route_heap *h, uint32_t at, uint32_t v)
{
    while (at > 0 && above(h, v, h->items[(at - 1) / 2])) {
        put(h, at, h->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= h->len)
            break;
        if (child + 1 < h->len && above(h, h->items[child + 1], h->items[child]))
            child++;
        if (!above(h, h->items[child], v))
            break;
        put(h, at, h->items[child]);
        at = child;
    }
    put(h, at, v);
}

void route_heap_set(struct route_heap *h, uint32_t v)
{
    settle(h, h->place[v] == UINT32_MAX ? h->len++ : h->place[v], v);
}

void route_heap_remove(struct route_heap *h, uint32_t v)
{
    uint32_t at = h->place[v], last = h->items[--h->len];
    h->place[v] = UINT32_MAX;
    if (last != v)
        settle(h, at, last);
}

void route_heap_clear(struct route_heap *h)
{
    while (h->len)
        h->place[h->items[--h->len]] = UINT32_MAX;
}
