/* evm/core/alloc.h - the EVM library's way to the heap, so that tests can make it fail.
 *
 * In every build but `tiny` these are malloc, calloc and realloc. Under WEFT_TINY a test asks for
 * failures with evm_alloc_fail_after, which is the one piece of mutable global state in the library
 * and exists in that build alone. Memory is given back with free(). */
#ifndef EVM_CORE_ALLOC_H
#define EVM_CORE_ALLOC_H

#include <stdint.h>
#include <stdlib.h>

#ifdef WEFT_TINY

/* The next n allocations succeed and the one after them fails; then the count starts again, so that
 * every (n + 1)-th allocation fails until the next call. A negative n ends it. Counts the
 * allocations of all threads. */
void evm_alloc_fail_after(int64_t n);

void *evm_malloc(size_t size);
void *evm_calloc(size_t count, size_t size);
void *evm_realloc(void *old, size_t size);

#else

static inline void *evm_malloc(size_t size)
{
    return malloc(size);
}

static inline void *evm_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

static inline void *evm_realloc(void *old, size_t size)
{
    return realloc(old, size);
}

#endif

/* size bytes at a multiple of alignment (a power of two), for types that ask for more than malloc
 * gives. Uninitialised. */
static inline void *evm_malloc_aligned(size_t alignment, size_t size)
{
#ifdef WEFT_TINY
    void *probe = evm_malloc(1); /* may fail, as every other allocation */
    if (!probe)
        return NULL;
    free(probe);
#endif
    return aligned_alloc(alignment, (size + alignment - 1) & ~(alignment - 1));
}

#endif
