/* evm/block/listroot.h - Merkle-Patricia root of a list: item i under the key rlp(i).
 * Transactions, receipts and withdrawals of a block are committed to in this way (Yellow Paper
 * 4.3.1, appendix D). */
#ifndef EVM_BLOCK_LISTROOT_H
#define EVM_BLOCK_LISTROOT_H

#include "evm/core/error.h"
#include "evm/core/types.h"

/* Items are borrowed encodings; none may be empty. The empty list has the root of the empty trie.
 * O(total size). */
enum evm_status evm_list_root(const struct evm_bytes *items, size_t count, struct evm_hash *out);

#endif
