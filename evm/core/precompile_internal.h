/* evm/core/precompile_internal.h - the functions behind the rows of precompile.c, each in the file
 * that owns its library: hashes.c and p256.c (libcrypto), modexp.c (GMP), blake2f.c (none),
 * ecrecover.c (evm/core/sig.h), curves.c (bn254.h, bls12.h, kzg.h). Contracts as in struct
 * evm_precompile. */
#ifndef EVM_CORE_PRECOMPILE_INTERNAL_H
#define EVM_CORE_PRECOMPILE_INTERNAL_H

#include "evm/core/precompile.h"

bool evm_pre_ecrecover(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
bool evm_pre_sha256(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
bool evm_pre_ripemd160(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_modexp_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_modexp(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_blake2f_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_blake2f(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
bool evm_pre_p256verify(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);

uint64_t evm_pre_bn254_add_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bn254_add(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bn254_mul_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bn254_mul(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bn254_pairing_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bn254_pairing(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_kzg_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_kzg(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bls12_g1_add_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bls12_g1_add(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bls12_g1_msm_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bls12_g1_msm(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bls12_g2_add_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bls12_g2_add(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bls12_g2_msm_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bls12_g2_msm(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bls12_pairing_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bls12_pairing(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bls12_map_g1_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bls12_map_g1(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);
uint64_t evm_pre_bls12_map_g2_gas(const struct evm_rules *rules, struct evm_bytes in);
bool evm_pre_bls12_map_g2(const struct evm_rules *rules, struct evm_bytes in, struct evm_buf *out);

/* bls12_draft.c: the row of a draft's address, or NULL. */
const struct evm_precompile *evm_bls12_draft_at(unsigned address);

#endif
