/* evm/parallel/balsets.h - what a block access list says of each transaction, as access sets. */
#ifndef EVM_PARALLEL_BALSETS_H
#define EVM_PARALLEL_BALSETS_H

#include "evm/block/bal.h"
#include "evm/parallel/access.h"

/* Rows WRITE and VALUE for what the list says that transaction i (index i + 1) changed; what the
 * system did at index 0 is in the state before, what it does afterwards concerns nobody. A list
 * does not say who read what: with the values written, nobody has to wait for anybody. Left out is
 * the balance of `beneficiary`, which the ladder keeps (NULL: nothing is). Codes are put into the
 * store. EVM_ERR_INPUT if the list speaks of more than tx_count transactions, EVM_ERR_MEMORY; both
 * leave *out empty. */
enum evm_status evm_bal_sets(const struct evm_bal *bal, uint32_t tx_count,
                             const struct evm_addr *beneficiary, struct evm_codes *codes,
                             struct evm_access_sets *out);

#endif
