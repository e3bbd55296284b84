/* evm/core/types.h - the words of the EVM: addresses, hashes, borrowed bytes.
 * Plain values, copied freely; no ownership, no allocation. */
#ifndef EVM_CORE_TYPES_H
#define EVM_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A 256-bit word, least significant limb first (arithmetic in evm/core/u256.h). */
struct evm_u256 {
    uint64_t w[4];
};

struct evm_addr {
    uint8_t b[20];
};

struct evm_hash {
    uint8_t b[32];
};

/* Bytes that somebody else owns; data may be NULL when size is 0. */
struct evm_bytes {
    const uint8_t *data;
    size_t size;
};

static inline bool evm_addr_eq(const struct evm_addr *a, const struct evm_addr *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline bool evm_hash_eq(const struct evm_hash *a, const struct evm_hash *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

#endif
