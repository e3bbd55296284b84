#include "evm/core/alloc.h"

#ifdef WEFT_TINY

#include <stdatomic.h>
#include <stdbool.h>

static _Atomic int64_t period = -1, left;

void evm_alloc_fail_after(int64_t n)
{
    atomic_store(&left, n);
    atomic_store(&period, n);
}

static bool fails(void)
{
    int64_t n = atomic_load(&period);
    if (n < 0 || atomic_fetch_sub(&left, 1) > 0)
        return false;
    atomic_store(&left, n);
    return true;
}

void *evm_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

void *evm_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

void *evm_realloc(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

#else
/* ISO C wants one declaration in a translation unit. */
typedef int evm_alloc_is_the_heap;
#endif
