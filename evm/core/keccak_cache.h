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

#endif
