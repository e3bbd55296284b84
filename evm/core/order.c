#include "evm/core/order.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/error.h"

#define DIGIT_BITS 11
#define DIGITS     ((size_t)1 << DIGIT_BITS)

/* Radix sort by the upper bits of the key, the least significant digit first. */
static void sort_by_key(struct evm_order *v, struct evm_order *scratch, size_t n, int bits)
{
    for (int shift = 64 - bits; shift < 64; shift += DIGIT_BITS) {
        uint32_t at[DIGITS + 1] = {0};
        for (size_t i = 0; i < n; i++)
            at[(v[i].key >> shift) % DIGITS + 1]++;
        if (at[(v[0].key >> shift) % DIGITS + 1] == n)
            continue; /* all alike in this digit */
        for (size_t d = 0; d < DIGITS; d++)
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
    /* Hashed keys that differ, differ nearly always in their first 2 log2(n) bits. */
    int bits = (n <= 2 * DIGITS ? 2 : 3) * DIGIT_BITS;
    sort_by_key(v, v + n, n, bits);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && (v[end].key ^ v[i].key) >> (64 - bits) == 0; end++)
            ;
        if (end - i > 1)
            qsort(v + i, end - i, sizeof *v, full);
    }
}
