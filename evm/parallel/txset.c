#include "evm/parallel/txset.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/alloc.h"

static uint32_t words(uint32_t n)
{
    return n / 64 + 1;
}

bool evm_txset_begin(struct evm_txset *s, uint32_t n)
{
    if (n > s->capacity || !s->low) {
        _Atomic uint64_t *low = evm_calloc(words(n), sizeof *low);
        _Atomic uint64_t *high = evm_calloc(words(words(n)), sizeof *high);
        if (!low || !high) {
            free((void *)low);
            free((void *)high);
            return false;
        }
        evm_txset_fini(s);
        *s = (struct evm_txset){low, high, n};
        return true;
    }
    for (uint32_t w = 0; w < words(n); w++)
        atomic_store_explicit(&s->low[w], 0, memory_order_relaxed);
    for (uint32_t w = 0; w < words(words(n)); w++)
        atomic_store_explicit(&s->high[w], 0, memory_order_relaxed);
    return true;
}

void evm_txset_fini(struct evm_txset *s)
{
    free((void *)s->low);
    free((void *)s->high);
    *s = (struct evm_txset){0};
}

static void put_bits(struct evm_txset *s, uint32_t w, uint64_t bits)
{
    if (bits == 0)
        return;
    atomic_fetch_or(&s->low[w], bits);
    uint64_t mark = (uint64_t)1 << (w % 64);
    if (!(atomic_load(&s->high[w / 64]) & mark))
        atomic_fetch_or(&s->high[w / 64], mark);
}

void evm_txset_put(struct evm_txset *s, uint32_t i)
{
    put_bits(s, i / 64, (uint64_t)1 << (i % 64));
}

static uint64_t bits_below(uint32_t n) /* n <= 64 */
{
    return n >= 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

void evm_txset_put_range(struct evm_txset *s, uint32_t from, uint32_t to, uint64_t which)
{
    for (uint32_t w = from / 64; from < to; w++, from = w * 64)
        put_bits(s, w, bits_below(to - w * 64) & ~bits_below(from - w * 64) & which);
}

/* The mark is removed first and put back if a number came in meanwhile, so that none is lost. */
static void unmark(struct evm_txset *s, uint32_t w)
{
    uint64_t mark = (uint64_t)1 << (w % 64);
    atomic_fetch_and(&s->high[w / 64], ~mark);
    if (atomic_load(&s->low[w]))
        atomic_fetch_or(&s->high[w / 64], mark);
}

/* The lowest bit of word w in [from, limit), taken; UINT32_MAX if there is none. */
static uint32_t take_word(struct evm_txset *s, uint32_t w, uint32_t from, uint32_t limit)
{
    uint64_t mask = bits_below(limit - w * 64);
    if (from > w * 64)
        mask &= ~bits_below(from - w * 64);
    uint64_t have = atomic_load(&s->low[w]);
    while (have & mask) {
        uint64_t bit = have & mask & -(have & mask);
        if (atomic_compare_exchange_weak(&s->low[w], &have, have & ~bit)) {
            if (have == bit)
                unmark(s, w);
            return w * 64 + (uint32_t)__builtin_ctzll(bit);
        }
    }
    if (have == 0)
        unmark(s, w);
    return UINT32_MAX;
}

uint32_t evm_txset_take_from(struct evm_txset *s, uint32_t from, uint32_t limit)
{
    if (from >= limit)
        return UINT32_MAX;
    uint32_t first = from / 64, last = (limit - 1) / 64;
    for (uint32_t h = first / 64; h <= last / 64; h++) {
        uint64_t marks = atomic_load(&s->high[h]);
        if (h == first / 64)
            marks &= ~bits_below(first % 64);
        for (; marks; marks &= marks - 1) {
            uint32_t w = h * 64 + (uint32_t)__builtin_ctzll(marks);
            if (w > last)
                return UINT32_MAX;
            uint32_t i = take_word(s, w, from, limit);
            if (i != UINT32_MAX)
                return i;
        }
    }
    return UINT32_MAX;
}

uint32_t evm_txset_take(struct evm_txset *s, uint32_t limit)
{
    return evm_txset_take_from(s, 0, limit);
}
