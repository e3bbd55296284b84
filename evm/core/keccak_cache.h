/* evm/core/keccak_cache.h - Keccak-256 of short inputs that come again and again: keys of mappings
 * (64 bytes), slots of arrays (32), addresses (20).
 *
 * The hash of the same bytes is the same, so a remembered one changes nothing that can be seen:
 * neither results nor what is metered. Each thread remembers its own (EVM_KECCAK_CACHE_ENTRIES
 * inputs, 128 bytes each), found by a mix of all their words and compared in full; two inputs that
 * want the same place take turns. No locks, no heap, no end of life. A hit costs about a fiftieth
 * of a permutation, a miss that much more than evm_keccak256. */
#ifndef EVM_CORE_KECCAK_CACHE_H
#define EVM_CORE_KECCAK_CACHE_H

#include "evm/core/types.h"

#define EVM_KECCAK_CACHE_ENTRIES 512 /* a power of two */

/* As evm_keccak256, for any size; sizes other than 20, 32 and 64 are never remembered. */
void evm_keccak256_cached(struct evm_hash *out, struct evm_bytes in);

/* Whether this thread remembers anything from now on; at first it does. Without,
 * evm_keccak256_cached is evm_keccak256. */
void evm_keccak_cache_use(bool on);

/* Remembers the hashes of n inputs of 64 bytes, one behind the other; those that are lacking hashed
 * four at a time (four cost 1.2 times what one does). Not all have to be there afterwards: a lone
 * one is left out, and of several that want the same place one stays. */
void evm_keccak_cache_fill(const uint8_t *in, size_t n);

/* Whether the hash of these 64 bytes is remembered. */
bool evm_keccak_cache_has(const uint8_t in[64]);

#endif
