#include "evm/core/rlp.h"

#include "evm/core/u256.h"

/* Reads the `n` bytes of a long length; false unless minimal and over 55. */
static bool long_length(struct evm_bytes in, size_t n, size_t *out)
{
    if (in.size < 1 + n || in.data[1] == 0)
        return false;
    uint64_t length = 0;
    for (size_t i = 0; i < n; i++)
        length = length << 8 | in.data[1 + i];
    *out = (size_t)length;
    return length > 55;
}

bool evm_rlp_next(struct evm_bytes *in, struct evm_rlp_item *out)
{
    if (in->size == 0)
        return false;
    uint8_t first = in->data[0];
    size_t prefix = 1, length;
    if (first < 0x80) {
        prefix = 0;
        length = 1;
    } else {
        uint8_t base = first < 0xc0 ? 0x80 : 0xc0;
        if (first - base <= 55) {
            length = (size_t)(first - base);
        } else {
            size_t n = (size_t)(first - base - 55);
            if (!long_length(*in, n, &length))
                return false;
            prefix = 1 + n;
        }
    }
    if (length > in->size - prefix)
        return false;
    if (first == 0x81 && in->data[1] < 0x80)
        return false;
    out->is_list = first >= 0xc0;
    out->payload = (struct evm_bytes){in->data + prefix, length};
    out->raw = (struct evm_bytes){in->data, prefix + length};
    in->data += prefix + length;
    in->size -= prefix + length;
    return true;
}

static bool next_of_kind(struct evm_bytes *in, bool list, struct evm_bytes *out)
{
    struct evm_bytes rest = *in;
    struct evm_rlp_item item;
    if (!evm_rlp_next(&rest, &item) || item.is_list != list)
        return false;
    *out = item.payload;
    *in = rest;
    return true;
}

bool evm_rlp_next_list(struct evm_bytes *in, struct evm_bytes *items)
{
    return next_of_kind(in, true, items);
}

bool evm_rlp_next_string(struct evm_bytes *in, struct evm_bytes *bytes)
{
    return next_of_kind(in, false, bytes);
}

bool evm_rlp_next_u256(struct evm_bytes *in, struct evm_u256 *out)
{
    struct evm_bytes rest = *in, s;
    if (!next_of_kind(&rest, false, &s) || s.size > 32 || (s.size && s.data[0] == 0))
        return false;
    evm_u256_load_be_n(out, s.data, s.size);
    *in = rest;
    return true;
}

bool evm_rlp_next_u64(struct evm_bytes *in, uint64_t *out)
{
    struct evm_bytes rest = *in;
    struct evm_u256 x;
    if (!evm_rlp_next_u256(&rest, &x) || !evm_u256_fits64(&x))
        return false;
    *out = x.w[0];
    *in = rest;
    return true;
}

bool evm_rlp_next_fixed(struct evm_bytes *in, uint8_t *out, size_t n)
{
    struct evm_bytes rest = *in, s;
    if (!next_of_kind(&rest, false, &s) || s.size != n)
        return false;
    if (n)
        memcpy(out, s.data, n);
    *in = rest;
    return true;
}

bool evm_rlp_valid(struct evm_bytes in)
{
    struct evm_rlp_item item;
    struct evm_bytes rest = in;
    if (!evm_rlp_next(&rest, &item) || rest.size != 0)
        return false;
    /* Walks the items in order and steps into every list. An item checked against the end of the
     * whole input could still cross the end of its own list, so each list also checks that its
     * items fill it: the ends met on the way down are found again by re-reading the prefix. */
    const uint8_t *end = in.data + in.size;
    const uint8_t *at = in.data;
    while (at < end) {
        struct evm_bytes here = {at, (size_t)(end - at)};
        if (!evm_rlp_next(&here, &item))
            return false;
        if (!item.is_list) {
            at = here.data;
            continue;
        }
        struct evm_bytes inside = item.payload;
        struct evm_rlp_item child;
        while (inside.size)
            if (!evm_rlp_next(&inside, &child))
                return false;
        at = item.payload.data;
    }
    return true;
}

/* ---- encoding -------------------------------------------------------------------------------- */

static size_t length_bytes(size_t size)
{
    size_t n = 0;
    for (; size; size >>= 8)
        n++;
    return n;
}

size_t evm_rlp_prefix_size(size_t size)
{
    return size <= 55 ? 1 : 1 + length_bytes(size);
}

static void write_prefix(uint8_t *at, uint8_t base, size_t size)
{
    if (size <= 55) {
        at[0] = (uint8_t)(base + size);
        return;
    }
    size_t n = length_bytes(size);
    at[0] = (uint8_t)(base + 55 + n);
    for (size_t i = n; i > 0; i--, size >>= 8)
        at[i] = (uint8_t)size;
}

void evm_rlp_put_string(struct evm_buf *b, struct evm_bytes bytes)
{
    if (bytes.size > 1 && bytes.size <= 55) { /* most of them, in one step */
        uint8_t *at = evm_buf_extend(b, 1 + bytes.size);
        if (at) {
            at[0] = (uint8_t)(0x80 + bytes.size);
            memcpy(at + 1, bytes.data, bytes.size);
        }
        return;
    }
    if (bytes.size != 1 || bytes.data[0] >= 0x80) {
        uint8_t *at = evm_buf_extend(b, evm_rlp_prefix_size(bytes.size));
        if (at)
            write_prefix(at, 0x80, bytes.size);
    }
    evm_buf_append(b, bytes);
}

void evm_rlp_put_u256(struct evm_buf *b, const struct evm_u256 *x)
{
    uint8_t full[32];
    if (!(x->w[1] | x->w[2] | x->w[3])) {
        evm_rlp_put_u64(b, x->w[0]);
        return;
    }
    evm_u256_store_be(full, x);
    size_t n = (evm_u256_bits(x) + 7) / 8;
    evm_rlp_put_string(b, (struct evm_bytes){full + 32 - n, n});
}

void evm_rlp_put_u64(struct evm_buf *b, uint64_t x)
{
    uint8_t full[8];
    size_t n = 8;
    evm_store_be64(full, x);
    while (n > 0 && full[8 - n] == 0)
        n--;
    evm_rlp_put_string(b, (struct evm_bytes){full + 8 - n, n});
}

size_t evm_rlp_open(const struct evm_buf *b)
{
    return b->size;
}

void evm_rlp_close(struct evm_buf *b, size_t open)
{
    size_t size = b->size - open, prefix = evm_rlp_prefix_size(size);
    if (!evm_buf_extend(b, prefix))
        return;
    uint8_t *at = b->data + open;
    memmove(at + prefix, at, size);
    write_prefix(at, 0xc0, size);
}
