/* evm/core/kzg.h - opening proofs of KZG commitments (EIP-4844; Kate, Zaverucha, Goldberg 2010). */
#ifndef EVM_CORE_KZG_H
#define EVM_CORE_KZG_H

#include "evm/core/types.h"

/* Is `proof` a proof that the polynomial behind `commitment` has the value y at z, under the
 * trusted setup of EIP-4844? Points are 48 bytes compressed, z and y 32 bytes big-endian below the
 * order of the group; anything malformed or outside the subgroup is no proof. Pure; safe from any
 * thread; about 2 ms. */
bool evm_kzg_verify(const uint8_t commitment[48], const uint8_t z[32], const uint8_t y[32],
                    const uint8_t proof[48]);

#endif
