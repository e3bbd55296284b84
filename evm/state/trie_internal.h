/* evm/state/trie_internal.h - encoding shared by the two kinds of trie. */
#ifndef EVM_STATE_TRIE_INTERNAL_H
#define EVM_STATE_TRIE_INTERNAL_H

#include "evm/state/trie.h"

/* How a parent names a node: its RLP if that is shorter than 32 bytes, else its hash. */
struct trie_ref {
    uint8_t size; /* 0: no node */
    uint8_t bytes[32];
};

static inline unsigned trie_nibble(const uint8_t *key, size_t i)
{
    return i & 1 ? key[i / 2] & 15u : key[i / 2] >> 4;
}

/* RLP prefix of a string or list payload (offset 0x80 or 0xc0) at p; returns its size. */
size_t trie_put_prefix(uint8_t *p, unsigned offset, size_t size);
/* The hex-prefix encoding of nibbles [from, to) of the key, as an RLP string, at p (room for
 * (to - from) / 2 + 10 bytes); returns its size. */
size_t trie_put_path(uint8_t *p, const uint8_t *key, size_t from, size_t to, bool leaf);
/* A reference as it stands in the parent, at p (room for 33 bytes); returns its size. */
size_t trie_put_ref(uint8_t *p, const struct trie_ref *ref);
/* The reference of a node from its RLP. */
void trie_make_ref(struct trie_ref *out, const uint8_t *rlp, size_t size);

#endif
