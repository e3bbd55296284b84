#include "evm/core/code.h"

#include <pthread.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/opcodes.h"
#include "evm/core/program.h"

/* PUSH32 as the last byte reads 32 zeros, and the opcode after it is a STOP. */
#define CODE_PADDING 40u

const struct evm_hash evm_empty_code_hash = {{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c,
                                              0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0,
                                              0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b,
                                              0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};
const struct evm_hash evm_empty_trie_root = {{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6,
                                              0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e,
                                              0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0,
                                              0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};

static const uint8_t no_bytes[CODE_PADDING];
static const uint64_t no_jumpdests[1];
static const struct evm_code empty_code = {
    .hash = {{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d,
              0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82,
              0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}},
    .bytes = no_bytes,
    .jumpdests = no_jumpdests,
};

const struct evm_code *evm_code_empty(void)
{
    return &empty_code;
}

/* Of 64 bytes, the PUSH1 to PUSH32 and the JUMPDESTs, a bit each. As signed numbers the pushes are
 * the only bytes above 0x5f. */
struct marks {
    uint64_t push, jumpdest;
};

static inline struct marks mark64(const uint8_t *p)
{
    struct marks m = {0, 0};
#ifdef __SSE2__
    const __m128i below = _mm_set1_epi8((char)(EVM_OP_PUSH1 - 1)),
                  dest = _mm_set1_epi8(EVM_OP_JUMPDEST);
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        m.push |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpgt_epi8(x, below)) << i;
        m.jumpdest |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, dest)) << i;
    }
#else
    for (unsigned i = 0; i < 64; i++) {
        m.push |= (uint64_t)(p[i] >= EVM_OP_PUSH1 && p[i] <= EVM_OP_PUSH32) << i;
        m.jumpdest |= (uint64_t)(p[i] == EVM_OP_JUMPDEST) << i;
    }
#endif
    return m;
}

void evm_jumpdest_scan(uint64_t *bitmap, struct evm_bytes code)
{
    unsigned skip = 0; /* bytes at the start of the next 64 that are push data: at most 32 */
    for (size_t at = 0; at < code.size; at += 64) {
        uint8_t tail[64] = {0};
        const uint8_t *p = code.data + at;
        if (code.size - at < sizeof tail)
            p = memcpy(tail, p, code.size - at);
        struct marks m = mark64(p);
        uint64_t data = ~(UINT64_MAX << skip);
        uint64_t push = m.push & ~data;
        skip = 0;
        while (push) {
            unsigned i = (unsigned)__builtin_ctzll(push);
            unsigned n = (unsigned)(p[i] - EVM_OP_PUSH1 + 1), next = i + 1 + n;
            data |= (((uint64_t)1 << n) - 1) << i << 1;
            if (next >= 64) {
                skip = next - 64;
                break;
            }
            push &= UINT64_MAX << next;
        }
        bitmap[at / 64] = m.jumpdest & ~data;
    }
}

/* Header, what runs teach, bitmap and padded bytes in one block. */
struct evm_code *evm_code_make(const struct evm_hash *hash, struct evm_bytes bytes)
{
    size_t words = evm_jumpdest_words(bytes.size);
    size_t front = sizeof(struct evm_code) + sizeof(struct evm_code_runs);
    size_t head = front + words * sizeof(uint64_t);
    if (bytes.size > SIZE_MAX / 2)
        return NULL;
    struct evm_code *c = evm_malloc(head + bytes.size + CODE_PADDING);
    if (!c)
        return NULL;
    memset(c, 0, front);
    uint64_t *bitmap = (uint64_t *)(void *)((uint8_t *)c + front);
    uint8_t *copy = (uint8_t *)c + head;
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    memset(copy + bytes.size, 0, CODE_PADDING);
    bitmap[words - 1] = 0; /* the scan writes every other word, and this one if it has bytes */
    evm_jumpdest_scan(bitmap, bytes);
    if (hash)
        c->hash = *hash;
    c->bytes = copy;
    c->size = bytes.size;
    c->jumpdests = bitmap;
    c->is_delegation = bytes.size == 23 && copy[0] == 0xef && copy[1] == 0x01 && copy[2] == 0x00;
    if (c->is_delegation)
        memcpy(c->delegate.b, copy + 3, sizeof c->delegate.b);
    return c;
}

/* ---- the store: an open-addressing table that readers walk without a lock ---------------------
 */

struct slots {
    size_t capacity; /* a power of two; at most half full, so a probe always ends */
    struct slots *older;
    _Atomic(const struct evm_code *) at[];
};

/* Writers hold the lock. A table that grew is kept until the end: a reader may still be in it, and
 * all of them together take no more room than the last one. */
struct evm_codes {
    _Atomic(struct slots *) slots;
    size_t used;
    pthread_mutex_t lock;
};

static struct slots *slots_create(size_t capacity)
{
    struct slots *s = evm_calloc(1, sizeof *s + capacity * sizeof s->at[0]);
    if (s)
        s->capacity = capacity;
    return s;
}

struct evm_codes *evm_codes_create(void)
{
    struct evm_codes *codes = evm_calloc(1, sizeof *codes);
    struct slots *first = slots_create(64);
    if (!codes || !first || pthread_mutex_init(&codes->lock, NULL) != 0) {
        free(first);
        free(codes);
        return NULL;
    }
    atomic_init(&codes->slots, first);
    return codes;
}

void evm_codes_destroy(struct evm_codes *codes)
{
    if (!codes)
        return;
    struct slots *s = atomic_load(&codes->slots);
    for (size_t i = 0; i < s->capacity; i++) {
        const struct evm_code *c = atomic_load(&s->at[i]);
        if (c)
            evm_programs_destroy(c);
        free((void *)(uintptr_t)c);
    }
    while (s) {
        struct slots *older = s->older;
        free(s);
        s = older;
    }
    pthread_mutex_destroy(&codes->lock);
    free(codes);
}

/* The slot that holds the hash, or the free one where it would go. */
static size_t probe(const struct slots *s, const struct evm_hash *hash)
{
    uint64_t start;
    memcpy(&start, hash->b, sizeof start);
    for (size_t i = (size_t)start & (s->capacity - 1);; i = (i + 1) & (s->capacity - 1)) {
        const struct evm_code *c = atomic_load_explicit(&s->at[i], memory_order_acquire);
        if (!c || evm_hash_eq(&c->hash, hash))
            return i;
    }
}

const struct evm_code *evm_codes_find(const struct evm_codes *codes, const struct evm_hash *hash)
{
    if (evm_hash_eq(hash, &evm_empty_code_hash))
        return &empty_code;
    const struct slots *s = atomic_load_explicit(&codes->slots, memory_order_acquire);
    return atomic_load_explicit(&s->at[probe(s, hash)], memory_order_acquire);
}

/* Under the lock: the table with room for one more, or NULL when memory is out. */
static struct slots *slots_reserve(struct evm_codes *codes)
{
    struct slots *s = atomic_load(&codes->slots);
    if ((codes->used + 1) * 2 <= s->capacity)
        return s;
    struct slots *grown = slots_create(s->capacity * 2);
    if (!grown)
        return NULL;
    for (size_t i = 0; i < s->capacity; i++) {
        const struct evm_code *c = atomic_load_explicit(&s->at[i], memory_order_relaxed);
        if (c)
            atomic_store_explicit(&grown->at[probe(grown, &c->hash)], c, memory_order_relaxed);
    }
    grown->older = s;
    atomic_store_explicit(&codes->slots, grown, memory_order_release);
    return grown;
}

const struct evm_code *evm_codes_add(struct evm_codes *codes, struct evm_bytes bytes)
{
    if (bytes.size == 0)
        return &empty_code;
    struct evm_hash hash;
    evm_keccak256(&hash, bytes);
    const struct evm_code *found = evm_codes_find(codes, &hash);
    if (found)
        return found;
    struct evm_code *made = evm_code_make(&hash, bytes);
    if (!made)
        return NULL;
    made->runs = (struct evm_code_runs *)(void *)(made + 1);
    atomic_init(&made->runs->programs, NULL);
    atomic_init(&made->runs->patience, evm_program_patience(made));
    pthread_mutex_lock(&codes->lock);
    struct slots *s = slots_reserve(codes);
    if (!s) {
        pthread_mutex_unlock(&codes->lock);
        free(made);
        return NULL;
    }
    size_t i = probe(s, &hash);
    found = atomic_load_explicit(&s->at[i], memory_order_relaxed);
    if (!found) {
        found = made;
        made = NULL;
        codes->used++;
        atomic_store_explicit(&s->at[i], found, memory_order_release);
    }
    pthread_mutex_unlock(&codes->lock);
    free(made); /* another thread was first */
    return found;
}
