/* evm/core/sig.h - ECDSA over secp256k1 with public-key recovery: the only door to libsecp256k1.
 * All functions are safe from any thread. Numbers are big-endian bytes. Source: SEC 1; Yellow Paper
 * appendix F. */
#ifndef EVM_CORE_SIG_H
#define EVM_CORE_SIG_H

#include "evm/core/types.h"

/* The public key (x then y) that made the signature over *digest; recovery_id is 0..3 (Ethereum's
 * own are 0 and 1: the parity of y). High s is accepted. False if r or s is 0 or not below the
 * group order, or no such key exists. Some 40 to 60 us. */
bool evm_sig_recover(const struct evm_hash *digest, const uint8_t r[32], const uint8_t s[32],
                     int recovery_id, uint8_t public_key[64]);

/* Signs with RFC 6979 nonces, so equal inputs give equal signatures; s is low. False if the secret
 * is 0 or not below the group order. About as much. */
bool evm_sig_sign(const struct evm_hash *digest, const uint8_t secret[32], uint8_t r[32],
                  uint8_t s[32], int *recovery_id);

/* False if the secret is 0 or not below the group order. */
bool evm_sig_public_key(const uint8_t secret[32], uint8_t public_key[64]);

/* Turns the public key of some secret into that of secret + 1. A tenth of evm_sig_public_key's
 * cost: for rows of deterministic test accounts. False if it is no key, or secret + 1 is the order.
 */
bool evm_sig_next_public_key(uint8_t public_key[64]);

/* Is 2s above the group order (EIP-2 refuses it)? */
bool evm_sig_high_s(const uint8_t s[32]);

#endif
