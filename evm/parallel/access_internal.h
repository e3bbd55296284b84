/* evm/parallel/access_internal.h - filling access sets, for those who record or read them. */
#ifndef EVM_PARALLEL_ACCESS_INTERNAL_H
#define EVM_PARALLEL_ACCESS_INTERNAL_H

#include "evm/parallel/access.h"

/* Transactions come in order: any number of add()s, then end_tx(). begin() takes *s as garbage;
 * after an error fini() gives back what there is. add() returns a zeroed row (from = EVM_NO_TX), or
 * NULL when memory is out. */
enum evm_status evm_access_sets_begin(struct evm_access_sets *s, uint32_t tx_count);
struct evm_access *evm_access_sets_add(struct evm_access_sets *s);
/* Sorts the transaction's rows; those of one location become one. */
void evm_access_sets_end_tx(struct evm_access_sets *s, uint32_t tx);

/* Order of (addr, kind, key), for qsort. */
int evm_access_order(const void *x, const void *y);

#endif
