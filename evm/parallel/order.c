#include "evm/parallel/order.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/error.h"

/* What the passes sort by; for n hashed keys some 2 log2(n) bits tell nearly all apart. */
#define SORTED_BITS 33
#define DIGIT_BITS  11
#define SORTED(key) ((key) >> (64 - SORTED_BITS))

/* Radix sort by the upper bits of the key, the least significant digit first. */
static void sort_by_key(struct evm_order *v, struct evm_order *scratch, size_t n)
{
    for (int shift = 64 - SORTED_BITS; shift < 64; shift += DIGIT_BITS) {
        enum { DIGITS = 1 << DIGIT_BITS };
        uint32_t at[DIGITS + 1] = {0};
        for (size_t i = 0; i < n; i++)
            at[(v[i].key >> shift) % DIGITS + 1]++;
        if (at[(v[0].key >> shift) % DIGITS + 1] == n)
            continue; /* all alike in this digit */
        for (int d = 0; d < DIGITS; d++)
            at[d + 1] += at[d];
        for (size_t i = 0; i < n; i++)
            scratch[at[(v[i].key >> shift) % DIGITS]++] = v[i];
        memcpy(v, scratch, n * sizeof *v);
    }
}

enum { FEW = 128 }; /* that many are compared with each other sooner than counted */

void evm_order_sort(struct evm_order *v, size_t n, int (*full)(const void *, const void *))
{
    if (n < 2)
        return;
    if (n <= FEW) {
        qsort(v, n, sizeof *v, full);
        return;
    }
    EVM_DCHECK(n <= UINT32_MAX, "%zu objects to sort", n);
    sort_by_key(v, v + n, n);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && SORTED(v[end].key) == SORTED(v[i].key); end++)
            ;
        if (end - i > 1)
            qsort(v + i, end - i, sizeof *v, full);
    }
}
