#include "models/network/edges.h"

#include "sim/base/mem.h"

#include <stdlib.h>

enum err_code edges_init(struct edges *e, uint32_t count, struct err *err)
{
    *e = (struct edges){.count = count};
    map_init(&e->known);
    e->degree = mem_zalloc(count, sizeof *e->degree);
    if (!e->degree)
        return err_set(err, ERR_MEMORY, "no memory for a graph of %u nodes", count);
    return ERR_OK;
}

void edges_fini(struct edges *e)
{
    map_fini(&e->known);
    mem_free(e->ends);
    mem_free(e->degree);
    *e = (struct edges){0};
}

static uint64_t key_of(uint32_t a, uint32_t b)
{
    return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

bool edges_has(const struct edges *e, uint32_t a, uint32_t b)
{
    return map_get(&e->known, key_of(a, b), NULL);
}

bool edges_add(struct edges *e, uint32_t a, uint32_t b)
{
    if (e->failed || a == b || edges_has(e, a, b))
        return false;
    if (e->len == e->room) {
        size_t room = e->room ? 2 * e->room : 1024;
        uint32_t *more = mem_resize(e->ends, room, 2 * sizeof *more);
        if (!more) {
            e->failed = true;
            return false;
        }
        e->ends = more;
        e->room = room;
    }
    if (map_put(&e->known, key_of(a, b), 1) != ERR_OK) {
        e->failed = true;
        return false;
    }
    e->ends[2 * e->len] = a;
    e->ends[2 * e->len++ + 1] = b;
    e->degree[a]++;
    e->degree[b]++;
    return true;
}

/* ---- parts: union by size, paths halved ---- */

static uint32_t root_of(uint32_t *up, uint32_t n)
{
    while (up[n] != n)
        n = up[n] = up[up[n]];
    return n;
}

/* up[n]: towards the root of n's part; size[root]: its nodes. */
static bool find_parts(struct edges *e, uint32_t **up_out, uint32_t **size_out)
{
    uint32_t *up = *up_out = mem_alloc(e->count, sizeof *up);
    uint32_t *size = *size_out = mem_alloc(e->count, sizeof *size);
    if (!up || !size) {
        e->failed = true;
        return false;
    }
    for (uint32_t n = 0; n < e->count; n++) {
        up[n] = n;
        size[n] = 1;
    }
    for (size_t i = 0; i < e->len; i++) {
        uint32_t a = root_of(up, e->ends[2 * i]), b = root_of(up, e->ends[2 * i + 1]);
        if (a == b)
            continue;
        uint32_t big = size[a] >= size[b] ? a : b, small = big == a ? b : a;
        up[small] = big;
        size[big] += size[small];
    }
    return true;
}

/* A random node of the part of `root`, which has `size` nodes; count nodes in all. */
static uint32_t pick(uint32_t *up, uint32_t count, uint32_t root, uint32_t size,
                     struct sim_stream *rng)
{
    uint64_t left = sim_stream_below(rng, size);
    for (uint32_t n = 0; n < count; n++)
        if (root_of(up, n) == root && left-- == 0)
            return n;
    return root;
}

uint32_t edges_join(struct edges *e, struct sim_stream *rng)
{
    uint32_t *up = NULL, *size = NULL, joined = 0, largest = 0;
    if (e->count > 1 && !e->failed && find_parts(e, &up, &size)) {
        for (uint32_t n = 0; n < e->count; n++)
            if (up[n] == n && (up[largest] != largest || size[n] > size[largest]))
                largest = n;
        /* Random nodes of the whole are mostly of the largest part, which grows. */
        for (uint32_t n = 0; n < e->count && !e->failed; n++) {
            if (up[n] != n || n == largest)
                continue;
            uint32_t from = size[n] == 1 ? n : pick(up, e->count, n, size[n], rng);
            uint32_t to;
            do
                to = (uint32_t)sim_stream_below(rng, e->count);
            while (root_of(up, to) != largest);
            joined += edges_add(e, from, to);
            up[n] = largest;
        }
    }
    mem_free(up);
    mem_free(size);
    return joined;
}

uint32_t edges_unreachable(struct edges *e, uint32_t *which)
{
    uint32_t *up = NULL, *size = NULL, away = 0;
    if (e->count > 1 && find_parts(e, &up, &size)) {
        away = e->count - size[root_of(up, 0)];
        for (uint32_t n = e->count; n-- > 1;)
            if (root_of(up, n) != root_of(up, 0))
                *which = n;
    }
    mem_free(up);
    mem_free(size);
    return away;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

enum err_code edges_graph(const struct edges *e, struct topology_graph *out, struct err *err)
{
    uint32_t *at = NULL;
    if (!e->failed && e->len <= UINT32_MAX / 2) {
        out->first = mem_alloc((size_t)e->count + 1, sizeof *out->first);
        out->neighbours = mem_alloc(2 * e->len, sizeof *out->neighbours);
        at = mem_alloc(e->count, sizeof *at);
    }
    if (!out->first || !out->neighbours || !at) {
        mem_free(out->first);
        mem_free(out->neighbours);
        mem_free(at);
        *out = (struct topology_graph){0};
        return err_set(err, ERR_MEMORY, "no memory for a graph of %u nodes", e->count);
    }
    out->first[0] = 0;
    for (uint32_t n = 0; n < e->count; n++) {
        at[n] = out->first[n];
        out->first[n + 1] = out->first[n] + e->degree[n];
    }
    for (size_t i = 0; i < e->len; i++) {
        uint32_t a = e->ends[2 * i], b = e->ends[2 * i + 1];
        out->neighbours[at[a]++] = b;
        out->neighbours[at[b]++] = a;
    }
    for (uint32_t n = 0; n < e->count; n++)
        qsort(out->neighbours + out->first[n], e->degree[n], sizeof *out->neighbours, ascending);
    mem_free(at);
    return ERR_OK;
}
