/* evm/core/keccak_memo.h - which hashes a simulated core would remember, and what code it ran
 * lately.
 *
 * Stands for keccak_cache.h where many cores are simulated on one thread of the host, whose own
 * cache knows what it knows by the history of the process. A metered run tells the memo of every
 * hash of 20, 32 or 64 bytes; the memo says whether the core that runs it would have had it, and
 * keeps the list of them by run, so that another order can be played through afterwards. */
#ifndef EVM_CORE_KECCAK_MEMO_H
#define EVM_CORE_KECCAK_MEMO_H

#include "evm/core/types.h"

#include <string.h>

/* One core's: direct-mapped by the hash. */
struct evm_keccak_kept {
    uint64_t *tags;    /* capacity of them; 0 is free */
    uint32_t capacity; /* 0: it remembers nothing; else a power of two */
};
/* Whether it is there; it is afterwards. */
static inline bool evm_keccak_kept_meet(struct evm_keccak_kept *k, uint64_t tag)
{
    if (k->capacity == 0)
        return false;
    uint64_t *at = &k->tags[(tag >> 16) & (k->capacity - 1)];
    bool had = *at == tag;
    *at = tag;
    return had;
}

#define EVM_KECCAK_MET_NONE UINT32_MAX

/* A hash that a run made. */
struct evm_keccak_met {
    uint64_t tag; /* of the hash; the lowest bit: its input follows from the call's (such keys can
                     be hashed beforehand, keccak_hints.h) */
    uint32_t before; /* the one that the same run made before, or EVM_KECCAK_MET_NONE */
};

/* A basic block of code, by its code's hash and place. */
static inline uint64_t evm_code_block_tag(const struct evm_hash *code, uint32_t pc)
{
    uint64_t x;
    memcpy(&x, code->b, sizeof x);
    x = (x ^ (pc + 1) * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
    return (x ^ x >> 32) | 2;
}

/* Of all cores of one block. Zeroed is empty; fini gives the memory back. */
struct evm_keccak_memo {
    struct evm_keccak_kept *core; /* where the run is now */
    struct evm_keccak_kept *code; /* basic blocks that this core ran lately, ... */
    struct evm_keccak_kept all;   /* ... and that any did; those that ... */
    uint64_t first_blocks;        /* ... nobody had run before */
    uint32_t *last;               /* the run's newest in `met` */
    struct evm_keccak_met *met;
    uint32_t count, capacity;
};
void evm_keccak_memo_fini(struct evm_keccak_memo *m);

enum evm_keccak_known {
    EVM_KECCAK_NEW,
    EVM_KECCAK_FOLLOWS, /* not remembered, but the call says that it will be wanted */
    EVM_KECCAK_KEPT,
};

/* Adds what evm_keccak_memo_meet would have, of a run whose tags are known. */
void evm_keccak_memo_add(struct evm_keccak_memo *m, uint64_t tag);

/* A run that was begun with that caller and input hashed `in`, and this is what the core knew. When
 * memory is out the list lacks it. */
enum evm_keccak_known evm_keccak_memo_meet(struct evm_keccak_memo *m, const struct evm_addr *caller,
                                           struct evm_bytes input, struct evm_bytes in,
                                           const struct evm_hash *hash);

#endif
