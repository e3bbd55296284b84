/* evm/block/bal_internal.h - growing a list, for those who make one (bal_build.c, bal_rlp.c). Each
 * returns a zeroed new element at the end of its array, or NULL when memory is out. */
#ifndef EVM_BLOCK_BAL_INTERNAL_H
#define EVM_BLOCK_BAL_INTERNAL_H

#include "evm/block/bal.h"

/* The new account's runs start where the arrays end now. */
struct evm_bal_account *bal_add_account(struct evm_bal *bal, const struct evm_addr *addr);
struct evm_bal_slot *bal_add_slot(struct evm_bal *bal, const struct evm_u256 *key);
struct evm_u256 *bal_add_read(struct evm_bal *bal, const struct evm_u256 *key);
struct evm_bal_value *bal_add_value(struct evm_bal *bal, uint32_t index,
                                    const struct evm_u256 *value);
struct evm_bal_code *bal_add_code(struct evm_bal *bal, uint32_t index, struct evm_bytes code);

#endif
