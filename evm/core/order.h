/* evm/core/order.h - sorting by hashes and addresses: what a block changed, into the order of
 * evm_changes; what is dirty, into the order of a trie. */
#ifndef EVM_CORE_ORDER_H
#define EVM_CORE_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* The key is the first 64 bits (big-endian) of what objects are ordered by: for addresses and
 * hashed keys that settles nearly all. */
struct evm_order {
    uint64_t key;
    void *object;
};

/* Ascending; `full` (on two struct evm_order) decides between equal keys. v has room for 2n, the
 * second half of which is scratch. Never allocates beyond what qsort does. */
void evm_order_sort(struct evm_order *v, size_t n, int (*full)(const void *, const void *));

#endif
