#include "sim/base/map.h"

#include "sim/base/mem.h"

#include <string.h>

/* used tells a cell that holds a key from an empty one; deletion shifts back, so no tombstones. */
struct map_cell {
    uint64_t key;
    uint64_t value;
    uint32_t used;
};

/* Finaliser of SplitMix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_fini(struct map *m)
{
    mem_free(m->cells);
    *m = (struct map){0};
}

static struct map_cell *find(const struct map *m, uint64_t key)
{
    size_t i = mix(key) & m->mask;
    while (m->cells[i].used && m->cells[i].key != key)
        i = (i + 1) & m->mask;
    return &m->cells[i];
}

static enum err_code grow(struct map *m)
{
    size_t size = m->cells ? (m->mask + 1) * 2 : 16;
    struct map bigger = {.cells = mem_zalloc(size, sizeof *m->cells), .mask = size - 1};
    if (!bigger.cells)
        return ERR_MEMORY;
    for (size_t i = 0; m->cells && i <= m->mask; i++)
        if (m->cells[i].used)
            *find(&bigger, m->cells[i].key) = m->cells[i];
    bigger.len = m->len;
    mem_free(m->cells);
    *m = bigger;
    return ERR_OK;
}

enum err_code map_put(struct map *m, uint64_t key, uint64_t value)
{
    if (!m->cells || (m->len + 1) * 4 > (m->mask + 1) * 3) {
        /* A full table may still hold the key; only a new one needs room. */
        if (m->cells && find(m, key)->used) {
            find(m, key)->value = value;
            return ERR_OK;
        }
        if (grow(m) != ERR_OK)
            return ERR_MEMORY;
    }
    struct map_cell *c = find(m, key);
    m->len += !c->used;
    *c = (struct map_cell){.key = key, .value = value, .used = 1};
    return ERR_OK;
}

bool map_get(const struct map *m, uint64_t key, uint64_t *value)
{
    if (!m->cells)
        return false;
    const struct map_cell *c = find(m, key);
    if (!c->used)
        return false;
    if (value)
        *value = c->value;
    return true;
}

bool map_del(struct map *m, uint64_t key)
{
    if (!m->cells)
        return false;
    struct map_cell *c = find(m, key);
    if (!c->used)
        return false;
    /* Close the gap: a later cell of the same run moves back when its home is not behind the gap.
     */
    size_t gap = (size_t)(c - m->cells);
    for (size_t i = (gap + 1) & m->mask; m->cells[i].used; i = (i + 1) & m->mask) {
        size_t home = mix(m->cells[i].key) & m->mask;
        if (((i - home) & m->mask) >= ((i - gap) & m->mask)) {
            m->cells[gap] = m->cells[i];
            gap = i;
        }
    }
    m->cells[gap].used = 0;
    m->len--;
    return true;
}

void map_clear(struct map *m)
{
    if (m->cells)
        memset(m->cells, 0, (m->mask + 1) * sizeof *m->cells);
    m->len = 0;
}

size_t map_bytes(const struct map *m)
{
    return m->cells ? (m->mask + 1) * sizeof *m->cells : 0;
}
