/* Sums and tables by recipient. What comes out hangs on addresses alone, never on places in the
 * hash table or in memory. */
#include "models/fees/common.h"
#include "sim/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- sums ---- */

static uint32_t place_of(const struct evm_addr *addr)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < sizeof addr->b; i++)
        h = (h ^ addr->b[i]) * 16777619u;
    return h ^ h >> 15;
}

static struct fee_sum *cell(const struct fee_sums *s, const struct evm_addr *addr)
{
    uint32_t i = place_of(addr) & (s->room - 1);
    while (s->cells[i].used && !evm_addr_eq(&s->cells[i].addr, addr))
        i = (i + 1) & (s->room - 1);
    return &s->cells[i];
}

static bool grow(struct fee_sums *s)
{
    struct fee_sums more = {.count = s->count, .room = s->room ? 2 * s->room : 64};
    more.cells = mem_zalloc(more.room, sizeof *more.cells);
    if (!more.cells) {
        s->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < s->room; i++)
        if (s->cells[i].used)
            *cell(&more, &s->cells[i].addr) = s->cells[i];
    mem_free(s->cells);
    *s = more;
    return true;
}

struct fee_sum *fee_sums_at(struct fee_sums *s, const struct evm_addr *addr)
{
    if (4 * s->count >= 3 * s->room && !grow(s))
        return NULL;
    struct fee_sum *c = cell(s, addr);
    if (!c->used) {
        *c = (struct fee_sum){.addr = *addr, .used = true};
        s->count++;
    }
    return c;
}

static int by_address(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct evm_addr)); /* the first member of both kinds */
}

void fee_sums_sort(struct fee_sums *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->room; i++)
        if (s->cells[i].used)
            s->cells[n++] = s->cells[i];
    if (n)
        qsort(s->cells, n, sizeof *s->cells, by_address);
}

void fee_sums_fini(struct fee_sums *s)
{
    mem_free(s->cells);
    *s = (struct fee_sums){0};
}

/* ---- tables ---- */

const struct fee_entry *fee_table_find(const struct fee_table *t, const struct evm_addr *addr)
{
    return t && t->count ? bsearch(addr, t->entries, t->count, sizeof *t->entries, by_address)
                         : NULL;
}

static uint32_t merge(struct fee_table *t, const struct fee_table *old, const struct fee_sums *sums,
                      bool (*step)(const void *self, struct fee_entry *e,
                                   const struct fee_sum *used),
                      const void *self)
{
    uint32_t n = 0, a = 0, b = 0, olds = old ? old->count : 0;
    while (a < olds || b < sums->count) {
        int side = a == olds          ? 1
                   : b == sums->count ? -1
                                      : by_address(&old->entries[a], &sums->cells[b]);
        struct fee_sum none = {.used = false}, used = side < 0 ? none : sums->cells[b];
        struct fee_entry fresh = {.addr = used.addr};
        t->entries[n] = side > 0 ? fresh : old->entries[a];
        a += side <= 0;
        b += side >= 0;
        n += step(self, &t->entries[n], &used);
    }
    return n;
}

struct fee_table *fee_table_make(const struct fee_table *old, struct fee_sums *sums, uint32_t most,
                                 bool (*step)(const void *self, struct fee_entry *e,
                                              const struct fee_sum *used),
                                 int (*order)(const void *a, const void *b), const void *self)
{
    size_t all = (size_t)(old ? old->count : 0) + sums->count;
    struct fee_table *t = mem_zalloc(1, sizeof *t + all * sizeof *t->entries);
    if (!t)
        return NULL;
    t->refs = 1;
    fee_sums_sort(sums);
    t->count = merge(t, old, sums, step, self);
    if (t->count > most) {
        qsort(t->entries, t->count, sizeof *t->entries, order);
        t->count = most;
        qsort(t->entries, t->count, sizeof *t->entries, by_address);
    }
    struct fee_table *tight = mem_resize(t, 1, sizeof *t + t->count * sizeof *t->entries);
    return tight ? tight : t;
}
