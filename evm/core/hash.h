/* evm/core/hash.h - places in hash tables for addresses and slots. Not cryptographic; the same in
 * every process.
 *
 * Keys are chosen by whoever writes a contract, so no value of one word may take the others out of
 * the result: each word is multiplied by an odd constant of its own, and only sums are mixed. The
 * constants are public; a contract written against this very function can still make long chains.
 * Tables compare keys in full, and no result may depend on their order. */
#ifndef EVM_CORE_HASH_H
#define EVM_CORE_HASH_H

#include "evm/core/types.h"

#include <string.h>

/* Both halves of x times k, k odd: 0 for x = 0 only. */
static inline uint64_t evm_hash_fold(uint64_t x, uint64_t k)
{
    __extension__ unsigned __int128 m = (unsigned __int128)x * k;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* 64 good bits; tables may cut them to 32. */
static inline uint64_t evm_hash_addr(const struct evm_addr *addr)
{
    uint64_t a, b;
    uint32_t c;
    memcpy(&a, addr->b, 8);
    memcpy(&b, addr->b + 8, 8);
    memcpy(&c, addr->b + 16, 4);
    uint64_t x = evm_hash_fold(a ^ 0x9e3779b97f4a7c15u, 0xa0761d6478bd642fu);
    uint64_t y = evm_hash_fold(b ^ 0xd1b54a32d192ed03u, 0xe7037ed1a0b428dbu);
    return evm_hash_fold(x + y + c, 0x8ebc6af09c88c6e3u);
}

/* `owner` tells the accounts apart: a number of the account, or its hash. */
static inline uint64_t evm_hash_slot(uint64_t owner, const struct evm_u256 *key)
{
    uint64_t a = evm_hash_fold(key->w[0] ^ 0x9e3779b97f4a7c15u, 0xa0761d6478bd642fu);
    uint64_t b = evm_hash_fold(key->w[1] ^ 0xd1b54a32d192ed03u, 0xe7037ed1a0b428dbu);
    uint64_t c = evm_hash_fold(key->w[2] ^ 0x8cb92ba72f3d8dd7u, 0x8ebc6af09c88c6e3u);
    uint64_t d = evm_hash_fold(key->w[3] ^ 0xaef17502108ef2d9u, 0x589965cc75374cc3u);
    return evm_hash_fold(a + b + c + d + owner, 0x1d8e4e27c47d124fu);
}

#endif
