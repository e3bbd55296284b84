#include "sim/base/mem.h"

#include "sim/base/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef WEFT_TINY
/* Test hook of the hostile build only; per thread, so tests do not disturb each other. */
static _Thread_local long fail_left = -1;

static int fail_now(void)
{
    if (fail_left < 0)
        return 0;
    if (fail_left == 0)
        return 1;
    fail_left--;
    return 0;
}

void mem_fail_after(long n)
{
    fail_left = n < 0 ? 0 : n;
}

void mem_fail_never(void)
{
    fail_left = -1;
}

int mem_fail_supported(void)
{
    return 1;
}
#else
static int fail_now(void)
{
    return 0;
}

void mem_fail_after(long n)
{
    (void)n;
}

void mem_fail_never(void)
{
}

int mem_fail_supported(void)
{
    return 0;
}
#endif

/* The product of count and size, at least 1; 0 when it overflows. */
static size_t product(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return 0;
    return bytes ? bytes : 1;
}

void *mem_alloc(size_t count, size_t size)
{
    size_t bytes = product(count, size);
    return bytes && !fail_now() ? malloc(bytes) : NULL;
}

void *mem_zalloc(size_t count, size_t size)
{
    size_t bytes = product(count, size);
    return bytes && !fail_now() ? calloc(1, bytes) : NULL;
}

void *mem_resize(void *old, size_t count, size_t size)
{
    size_t bytes = product(count, size);
    return bytes && !fail_now() ? realloc(old, bytes) : NULL;
}

void *mem_alloc_lines(size_t count, size_t size)
{
    const size_t huge = (size_t)2 << 20;
    size_t bytes = product(count, size);
    void *block;
    if (!bytes || fail_now() || posix_memalign(&block, bytes < 2 * huge ? 64 : huge, bytes))
        return NULL;
    if (bytes >= 2 * huge)
        (void)madvise(block, bytes, MADV_HUGEPAGE); /* a wish; refused it only costs time */
    return block;
}

void mem_free(void *block)
{
    free(block);
}

struct arena_block {
    struct arena_block *next;
    size_t used, size; /* of bytes, header not counted */
    _Alignas(16) unsigned char bytes[];
};

#ifdef WEFT_TINY
enum { ARENA_DEFAULT = 256 };
#else
enum { ARENA_DEFAULT = 64 * 1024 };
#endif

void arena_init(struct arena *a, size_t block_size)
{
    *a = (struct arena){.block_size = block_size};
}

static struct arena_block *arena_grow(struct arena *a, size_t size)
{
    size_t want = a->block_size ? a->block_size : ARENA_DEFAULT;
    if (want < size)
        want = size;
    if (want > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    struct arena_block *b = mem_alloc(1, sizeof *b + want);
    if (!b)
        return NULL;
    *b = (struct arena_block){.next = a->blocks, .size = want};
    a->blocks = b;
    a->bytes += sizeof *b + want;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX - 15)
        return NULL;
    size = size ? (size + 15) & ~(size_t)15 : 16;
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < size)
        b = arena_grow(a, size);
    if (!b)
        return NULL;
    void *p = b->bytes + b->used;
    b->used += size;
    return p;
}

void arena_reset(struct arena *a)
{
    while (a->blocks && a->blocks->next) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        a->bytes -= sizeof *b + b->size;
        mem_free(b);
    }
    if (a->blocks)
        a->blocks->used = 0;
}

void arena_fini(struct arena *a)
{
    arena_reset(a);
    mem_free(a->blocks);
    *a = (struct arena){.block_size = a->block_size};
}

void pool_init(struct pool *p, size_t object_size)
{
    size_t size = object_size < sizeof(void *) ? sizeof(void *) : object_size;
    *p = (struct pool){.size = size};
}

void *pool_get(struct pool *p)
{
    void *object = p->free;
    if (object)
        memcpy(&p->free, object, sizeof p->free);
    else
        object = arena_alloc(&p->arena, p->size);
    if (object)
        p->live++;
    return object;
}

void pool_put(struct pool *p, void *object)
{
    CHECK(p->live > 0, "pool_put: nothing is handed out");
    memcpy(object, &p->free, sizeof p->free);
    p->free = object;
    p->live--;
}

void pool_fini(struct pool *p)
{
    arena_fini(&p->arena);
    p->free = NULL;
    p->live = 0;
}
