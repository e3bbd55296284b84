#include "evm/core/keccak_cache.h"

#include "evm/core/keccak.h"
#include "evm/core/u256.h"

/* Two cache lines. Size 0, which no input kept here has, marks an unused entry. */
struct entry {
    uint64_t key[8]; /* the input, zeros behind it */
    struct evm_hash hash;
    uint64_t size;
} __attribute__((aligned(128)));

static _Thread_local struct entry entries[EVM_KECCAK_CACHE_ENTRIES];

/* Half of a product depends on all bits of both factors. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    evm_u128 p = (evm_u128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline struct entry *place(const uint64_t *key, unsigned words)
{
    /* The additions keep zero words, of which keys are full, from making the product zero. */
    uint64_t h = fold(key[0] + key[2] * 3 + 0x9e3779b97f4a7c15, key[1] ^ 0xbf58476d1ce4e5b9);
    if (words > 3)
        h = fold(h ^ key[3], 0x94d049bb133111eb);
    if (words > 4)
        h ^= fold(key[4] + key[6] * 3 + 0xd6e8feb86659fd93, key[5] ^ key[7] ^ 0xa0761d6478bd642f);
    h = fold(h, 0xe7037ed1a0b428db);
    return &entries[h % EVM_KECCAK_CACHE_ENTRIES];
}

/* `words` 64-bit words of input, size bytes of which count. */
static inline __attribute__((always_inline)) void lookup(struct evm_hash *out, const uint64_t *key,
                                                         unsigned words, struct evm_bytes in)
{
    struct entry *e = place(key, words);
    uint64_t differ = e->size ^ in.size;
    for (unsigned i = 0; i < words; i++)
        differ |= e->key[i] ^ key[i];
    if (differ) {
        evm_keccak256(&e->hash, in);
        memcpy(e->key, key, words * sizeof key[0]);
        e->size = in.size;
    }
    *out = e->hash;
}

void evm_keccak256_cached(struct evm_hash *out, struct evm_bytes in)
{
    uint64_t key[8];
    switch (in.size) {
    case 20:
        key[2] = 0;
        memcpy(key, in.data, 20);
        lookup(out, key, 3, in);
        return;
    case 32:
        memcpy(key, in.data, 32);
        lookup(out, key, 4, in);
        return;
    case 64:
        memcpy(key, in.data, 64);
        lookup(out, key, 8, in);
        return;
    default: evm_keccak256(out, in); return;
    }
}
