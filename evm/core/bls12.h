/* evm/core/bls12.h - the curve BLS12-381 behind precompiles 0x0b to 0x11 (EIP-2537) and behind KZG
 * commitments: y^2 = x^3 + 4 over a field of 381 bits, its twist, and its pairing.
 *
 * Encodings are EIP-2537's: a field element is 64 big-endian bytes, below the modulus; an element
 * of the quadratic extension has its real part first; a point is x then y, all zeros at infinity.
 * Each function returns false, with *out unspecified, for input that the EIP refuses. Only sums
 * take points outside the subgroup of order r. Pure; safe from any thread; no heap; not
 * constant-time. */
#ifndef EVM_CORE_BLS12_H
#define EVM_CORE_BLS12_H

#include "evm/core/types.h"

#define EVM_BLS12_G1_SIZE 128
#define EVM_BLS12_G2_SIZE 256

/* Sum of two points. About 25 us. */
bool evm_bls12_g1_add(const uint8_t in[256], uint8_t out[128]);
bool evm_bls12_g2_add(const uint8_t in[512], uint8_t out[256]);

/* Sum of n points times 256-bit numbers: 160 (288) bytes a term. */
bool evm_bls12_g1_msm(const uint8_t *in, size_t n, uint8_t out[128]);
bool evm_bls12_g2_msm(const uint8_t *in, size_t n, uint8_t out[256]);

/* *one: is the product of the pairings of `pairs` pairs (384 bytes each) equal to one? */
bool evm_bls12_pairing(const uint8_t *in, size_t pairs, bool *one);

/* A field element to a point of the subgroup: simplified SWU, isogeny, cofactor (RFC 9380). */
bool evm_bls12_map_fp_to_g1(const uint8_t in[64], uint8_t out[128]);
bool evm_bls12_map_fp2_to_g2(const uint8_t in[128], uint8_t out[256]);

#endif
