#include "evm/core/buf.h"

#include "evm/core/alloc.h"

uint8_t *evm_buf_extend(struct evm_buf *b, size_t n)
{
    if (b->failed || n > SIZE_MAX / 2 - b->size) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->size + n;
    if (need > b->capacity || !b->data) {
        size_t capacity = b->capacity ? b->capacity : 64;
        while (capacity < need)
            capacity *= 2;
        uint8_t *data = evm_realloc(b->data, capacity);
        if (!data) {
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->capacity = capacity;
    }
    uint8_t *at = b->data + b->size;
    b->size = need;
    return at;
}

void evm_buf_append(struct evm_buf *b, struct evm_bytes bytes)
{
    uint8_t *at = evm_buf_extend(b, bytes.size);
    if (at && bytes.size)
        memcpy(at, bytes.data, bytes.size);
}

void evm_buf_clear(struct evm_buf *b)
{
    b->size = 0;
    b->failed = false;
}

void evm_buf_fini(struct evm_buf *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}
