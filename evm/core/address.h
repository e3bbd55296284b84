/* evm/core/address.h - where new contracts go. Pure. */
#ifndef EVM_CORE_ADDRESS_H
#define EVM_CORE_ADDRESS_H

#include "evm/core/types.h"

/* keccak256(rlp([sender, nonce]))[12:] (Yellow Paper, section 7). */
void evm_create_address(const struct evm_addr *sender, uint64_t nonce, struct evm_addr *out);

/* keccak256(0xff || sender || salt || keccak256(initcode))[12:] (EIP-1014). */
void evm_create2_address(const struct evm_addr *sender, const struct evm_u256 *salt,
                         struct evm_bytes initcode, struct evm_addr *out);

#endif
