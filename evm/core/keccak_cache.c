#include "evm/core/keccak_cache.h"

#include "evm/core/keccak.h"
#include "evm/core/keccak_hints.h"
#include "evm/core/u256.h"

/* Sizes that no input kept here has. */
enum { UNUSED = 0, CLAIMED = 1 /* while four hashes are made */ };

/* Two cache lines. */
struct entry {
    uint64_t key[8]; /* the input, zeros behind it */
    struct evm_hash hash;
    uint64_t size;
} __attribute__((aligned(128)));

static _Thread_local struct entry entries[EVM_KECCAK_CACHE_ENTRIES];
static _Thread_local bool off;

void evm_keccak_cache_use(bool on)
{
    off = !on;
}

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
        if (words == 8)
            evm_keccak_hints_missed(in.data);
    }
    *out = e->hash;
}

void evm_keccak256_cached(struct evm_hash *out, struct evm_bytes in)
{
    uint64_t key[8];
    switch (off ? 0 : in.size) {
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

static inline bool holds(const struct entry *e, const uint64_t key[8])
{
    return e->size == 64 && memcmp(e->key, key, 64) == 0;
}

bool evm_keccak_cache_has(const uint8_t in[64])
{
    uint64_t key[8];
    memcpy(key, in, sizeof key);
    return holds(place(key, 8), key);
}

/* Hashes the inputs of n <= 4 claimed entries. */
static void settle(struct entry *const claimed[4], struct evm_bytes in[4], unsigned n)
{
    struct evm_hash hashes[4];
    for (unsigned i = n; i < 4; i++)
        in[i] = in[0];
    evm_keccak256_x4(hashes, in);
    for (unsigned i = 0; i < n; i++) {
        claimed[i]->hash = hashes[i];
        claimed[i]->size = in[i].size;
    }
}

void evm_keccak_cache_fill(const uint8_t *in, size_t n)
{
    struct entry *claimed[4];
    struct evm_bytes input[4];
    unsigned count = 0;
    for (; n > 0; n--, in += 64) {
        uint64_t key[8];
        memcpy(key, in, sizeof key);
        struct entry *e = place(key, 8);
        if (e->size == CLAIMED || holds(e, key))
            continue;
        memcpy(e->key, key, sizeof key);
        e->size = CLAIMED;
        claimed[count] = e;
        input[count++] = (struct evm_bytes){in, 64};
        if (count == 4) {
            settle(claimed, input, 4);
            count = 0;
        }
    }
    if (count >= 2)
        settle(claimed, input, count);
    else if (count == 1)
        claimed[0]->size = UNUSED;
}
