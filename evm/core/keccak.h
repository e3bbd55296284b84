/* evm/core/keccak.h - Keccak-256 with the original padding (0x01), as Ethereum uses it.
 * Source: the Keccak reference, version 3.0; rate 1088, capacity 512. Pure; safe from any thread.
 */
#ifndef EVM_CORE_KECCAK_H
#define EVM_CORE_KECCAK_H

#include "evm/core/types.h"

#define EVM_KECCAK_RATE 136

/* One-shot. Cost: size / 136 + 1 permutations of about 0.3 us. */
void evm_keccak256(struct evm_hash *out, struct evm_bytes in);

/* Four hashes at once, each of its own input: for inputs of equal numbers of blocks, with AVX2,
 * about the time of one and a half. The results do not depend on what stands beside them. */
void evm_keccak256_x4(struct evm_hash out[4], const struct evm_bytes in[4]);

/* Incremental: init, any number of updates, final. A plain value; copying it forks the hash. */
struct evm_keccak {
    uint64_t state[25];
    size_t fill; /* bytes absorbed into the current block, below EVM_KECCAK_RATE */
};
void evm_keccak_init(struct evm_keccak *k);
void evm_keccak_update(struct evm_keccak *k, struct evm_bytes in);
/* Uses up *k. */
void evm_keccak_final(struct evm_keccak *k, struct evm_hash *out);

#endif
