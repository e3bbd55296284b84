/* evm/core/buf.h - a growing array of bytes.
 * Owned by the holder; zeroed means empty. When memory is out the buffer is marked failed, keeps
 * what it had, and ignores further writes: check `failed` once, at the end. */
#ifndef EVM_CORE_BUF_H
#define EVM_CORE_BUF_H

#include "evm/core/types.h"

struct evm_buf {
    uint8_t *data;
    size_t size, capacity;
    bool failed;
};

/* Makes room for n more bytes and returns where they go (NULL when memory is out). Amortised O(n).
 */
uint8_t *evm_buf_extend(struct evm_buf *b, size_t n);
void evm_buf_append(struct evm_buf *b, struct evm_bytes bytes);
/* Keeps the capacity; clears `failed`. */
void evm_buf_clear(struct evm_buf *b);
void evm_buf_fini(struct evm_buf *b);

static inline struct evm_bytes evm_buf_bytes(const struct evm_buf *b)
{
    return (struct evm_bytes){b->data, b->size};
}

#endif
