/* evm/state/trie.h - Merkle-Patricia tries (Yellow Paper, appendix D).
 *
 * The persistent trie has keys of 32 bytes (the hashed keys of the world state and of storage). Its
 * nodes are immutable and counted by reference, so that any number of versions share what they have
 * in common; an update of n keys makes the nodes on n paths anew and hashes each of them once. NULL
 * is the empty trie. Nodes may be read, updated from and unreferenced by any number of threads.
 *
 * Roots of plain keys and values (transactions, receipts, withdrawals) are computed without nodes.
 */
#ifndef EVM_STATE_TRIE_H
#define EVM_STATE_TRIE_H

#include "evm/core/error.h"
#include "evm/core/types.h"

struct evm_trie_node;

/* A key and its new value, borrowed; a value of no bytes deletes the key. At most 255 bytes. */
struct evm_trie_item {
    struct evm_hash key;
    struct evm_bytes value;
};

/* What updates cost; added to. */
struct evm_trie_cost {
    size_t bytes;          /* of the nodes made, less those freed again */
    uint64_t permutations; /* of Keccak, for the nodes' hashes */
};

/* The trie *old (borrowed, NULL: empty) with the items written, which must ascend strictly by key.
 * *out gets a new reference (NULL: nothing is left). *cost (may be NULL) grows. EVM_ERR_MEMORY
 * leaves *out NULL and nothing behind. Cost: O(n * depth) nodes. */
enum evm_status evm_trie_update(struct evm_trie_node *old, const struct evm_trie_item *items,
                                size_t n, struct evm_trie_node **out, struct evm_trie_cost *cost);

/* The root hash; that of the empty trie for NULL. O(1). */
void evm_trie_root(const struct evm_trie_node *root, struct evm_hash *out);

/* Both accept NULL. unref returns the bytes that were freed. */
struct evm_trie_node *evm_trie_ref(struct evm_trie_node *node);
size_t evm_trie_unref(struct evm_trie_node *node);

/* Root of a trie over plain keys of any length; the keys must differ, their order does not matter,
 * and a pair with an empty value counts as absent. */
struct evm_trie_pair {
    struct evm_bytes key, value;
};
enum evm_status evm_trie_root_of_pairs(const struct evm_trie_pair *pairs, size_t n,
                                       struct evm_hash *out);

/* The same with keys rlp(0), rlp(1), ...: the roots in a block header. */
enum evm_status evm_trie_root_of_list(const struct evm_bytes *values, size_t n,
                                      struct evm_hash *out);

#endif
