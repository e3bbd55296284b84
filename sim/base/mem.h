/* sim/base/mem.h - memory: checked allocation, arenas and pools.
 *
 * Every allocation of the engine and the models goes through here, so that MODE=tiny can make the
 * n-th one fail. Nothing here aborts: a failed allocation is NULL and the caller reports
 * ERR_MEMORY. An arena or a pool is used by one thread at a time. */
#ifndef SIM_BASE_MEM_H
#define SIM_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* mem_alloc returns count * size bytes of undefined content, mem_zalloc zeroed ones; NULL when out
 * of memory or when the product overflows. A size of 0 gives a pointer that may be freed. */
void *mem_alloc(size_t count, size_t size);
void *mem_zalloc(size_t count, size_t size);

/* mem_resize grows or shrinks a block to count * size bytes and keeps its content. On failure it
 * returns NULL and the old block stays valid. old may be NULL. */
void *mem_resize(void *old, size_t count, size_t size);

/* mem_alloc_lines is mem_alloc aligned to a cache line of 64 bytes; from 4 MiB on it asks for huge
 * pages, which halves the cost of random access to a large table. */
void *mem_alloc_lines(size_t count, size_t size);

/* mem_free accepts NULL. */
void mem_free(void *block);

/* mem_fail_after arms the allocation-failure hook of this thread: the next n allocations succeed
 * and every one after them fails, until mem_fail_never. Only MODE=tiny honours it; elsewhere both
 * do nothing and mem_fail_supported is 0. */
void mem_fail_after(long n);
void mem_fail_never(void);
int mem_fail_supported(void);

/* An arena hands out memory that is released all at once. Zeroed means empty. */
struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t block_size;          /* bytes asked for at a time; 0 means 64 KiB */
    size_t bytes;               /* held from the allocator, headers included */
};

void arena_init(struct arena *a, size_t block_size);

/* arena_alloc returns size bytes aligned to 16, NULL when out of memory. O(1). A size larger than
 * the block gets a block of its own. */
void *arena_alloc(struct arena *a, size_t size);

/* arena_reset takes back everything handed out and keeps one block; arena_fini keeps none. */
void arena_reset(struct arena *a);
void arena_fini(struct arena *a);

/* A pool hands out objects of one size and takes them back one by one. Addresses stay valid until
 * the object is put back. Objects are reused last in, first out, so order never depends on where
 * the allocator put them. */
struct pool {
    struct arena arena;
    void *free; /* list through the first word of each free object */
    size_t size;
    size_t live; /* objects handed out now */
};

void pool_init(struct pool *p, size_t object_size);

/* pool_get returns an object of undefined content, NULL when out of memory. O(1). */
void *pool_get(struct pool *p);

/* pool_put takes back an object of this pool. O(1). */
void pool_put(struct pool *p, void *object);
void pool_fini(struct pool *p);

#endif
