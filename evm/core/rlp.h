/* evm/core/rlp.h - recursive length prefix (Yellow Paper, appendix B).
 *
 * The decoder borrows: items point into the input. It is strict: a length that is not minimal, a
 * single byte below 0x80 wrapped in a string, or an item longer than its input is refused. It never
 * recurses, so the depth of the input costs nothing.
 *
 *     struct evm_rlp_item tx; struct evm_bytes in = raw, fields;
 *     ok = evm_rlp_next(&in, &tx) && in.size == 0 && tx.is_list;
 *     fields = tx.payload;
 *     ok = ok && evm_rlp_next_u64(&fields, &nonce) && ... && fields.size == 0;
 */
#ifndef EVM_CORE_RLP_H
#define EVM_CORE_RLP_H

#include "evm/core/buf.h"

struct evm_rlp_item {
    bool is_list;
    struct evm_bytes payload; /* a string's bytes, or a list's encoded items */
    struct evm_bytes raw;     /* with the prefix */
};

/* ---- decoding: each takes one item off the front of *in, or returns false, *in unchanged ------
 */

bool evm_rlp_next(struct evm_bytes *in, struct evm_rlp_item *out);
bool evm_rlp_next_list(struct evm_bytes *in, struct evm_bytes *items);
bool evm_rlp_next_string(struct evm_bytes *in, struct evm_bytes *bytes);
/* Integers: no leading zero byte, and not larger than the type. */
bool evm_rlp_next_u64(struct evm_bytes *in, uint64_t *out);
bool evm_rlp_next_u256(struct evm_bytes *in, struct evm_u256 *out);
/* A string of exactly n bytes, copied. */
bool evm_rlp_next_fixed(struct evm_bytes *in, uint8_t *out, size_t n);
/* True if the whole input is one item whose lists, at any depth, hold well-formed items. O(size).
 */
bool evm_rlp_valid(struct evm_bytes in);

/* ---- encoding: appends to a buffer (check its `failed` at the end) ----------------------------
 */

void evm_rlp_put_string(struct evm_buf *b, struct evm_bytes bytes);
void evm_rlp_put_u64(struct evm_buf *b, uint64_t x);
void evm_rlp_put_u256(struct evm_buf *b, const struct evm_u256 *x);
static inline void evm_rlp_put_addr(struct evm_buf *b, const struct evm_addr *a)
{
    evm_rlp_put_string(b, (struct evm_bytes){a->b, sizeof a->b});
}
static inline void evm_rlp_put_hash(struct evm_buf *b, const struct evm_hash *h)
{
    evm_rlp_put_string(b, (struct evm_bytes){h->b, sizeof h->b});
}
/* A list is what was appended between open and close; lists nest. close moves the payload to make
 * room for the prefix. */
size_t evm_rlp_open(const struct evm_buf *b);
void evm_rlp_close(struct evm_buf *b, size_t open);
/* Bytes the prefix of a payload of `size` takes (a string of one byte below 0x80 has none). */
size_t evm_rlp_prefix_size(size_t size);

#endif
