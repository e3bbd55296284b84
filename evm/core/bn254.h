/* evm/core/bn254.h - the curve of precompiles 6, 7 and 8 (EIP-196, EIP-197): y^2 = x^3 + 3 over a
 * field of 254 bits, with its pairing ("alt_bn128").
 *
 * Coordinates are 32 big-endian bytes and must be below the modulus; (0, 0) is the point at
 * infinity; elements of the quadratic extension come imaginary part first. Each function returns
 * false, with *out unspecified, for input that the EIPs refuse: a coordinate out of range, or a
 * point that is not on its curve (for the second group: not in the subgroup). Pure; safe from any
 * thread; not constant-time. */
#ifndef EVM_CORE_BN254_H
#define EVM_CORE_BN254_H

#include "evm/core/types.h"

/* Sum of two points. About 10 us. */
bool evm_bn254_add(const uint8_t in[128], uint8_t out[64]);
/* Point times any 256-bit number. About 0.1 ms. */
bool evm_bn254_mul(const uint8_t in[96], uint8_t out[64]);
/* *one: is the product of the pairings of `pairs` pairs (192 bytes each: a point of the first
 * group, one of the second) equal to one? True for no pairs. About 0.4 ms a pair and 0.5 ms once.
 */
bool evm_bn254_pairing(const uint8_t *in, size_t pairs, bool *one);

#endif
