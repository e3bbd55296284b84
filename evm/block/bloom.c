#include "evm/block/bloom.h"

#include "evm/core/keccak.h"

/* Each bit is picked by the low 11 bits of a pair of bytes of the hash. */
static void pick(const struct evm_hash *h, uint16_t bits[3])
{
    for (int i = 0; i < 3; i++)
        bits[i] = (uint16_t)(((unsigned)h->b[2 * i] << 8 | h->b[2 * i + 1]) & 2047);
}

/* Bit 0 is the last of the last byte. */
static void set(struct evm_bloom *bloom, const uint16_t bits[3])
{
    for (int i = 0; i < 3; i++)
        bloom->b[255 - bits[i] / 8] |= (uint8_t)(1u << (bits[i] % 8));
}

void evm_bloom_or(struct evm_bloom *into, const struct evm_bloom *from)
{
    for (size_t i = 0; i < sizeof into->b; i++)
        into->b[i] |= from->b[i];
}

/* ---- batches --------------------------------------------------------------------------------- */

/* The place where an item is remembered. The last bytes: those of a topic that holds an address or
 * a small number are the ones that differ. */
static struct evm_bloom_known *place(struct evm_bloom_batch *batch, const uint8_t *data,
                                     uint32_t size)
{
    uint64_t last = 0;
    if (size)
        memcpy(&last, data + (size < 8 ? 0 : size - 8), size < 8 ? size : 8);
    uint64_t mixed = (last ^ size) * 0x9e3779b97f4a7c15u;
    return &batch->known[mixed >> 58];
}

void evm_bloom_batch_flush(struct evm_bloom_batch *batch)
{
    struct evm_bytes in[4];
    struct evm_hash out[4];
    uint32_t n = batch->count;
    for (uint32_t i = 0; i < 4 && n; i++) {
        const struct evm_bloom_item *item = &batch->waiting[i < n ? i : 0];
        in[i] = (struct evm_bytes){item->data, item->size};
    }
    if (n == 1)
        evm_keccak256(out, in[0]);
    else if (n)
        evm_keccak256_x4(out, in);
    for (uint32_t i = 0; i < n; i++) {
        const struct evm_bloom_item *item = &batch->waiting[i];
        struct evm_bloom_known *known = place(batch, item->data, item->size);
        if (item->size)
            memcpy(known->data, item->data, item->size);
        known->size = (uint8_t)item->size;
        pick(&out[i], known->bits);
        set(item->to, known->bits);
    }
    batch->count = 0;
}

void evm_bloom_batch_add(struct evm_bloom_batch *batch, struct evm_bloom *to, const uint8_t *data,
                         uint32_t size)
{
    const struct evm_bloom_known *known = place(batch, data, size);
    if (size && known->size == size && memcmp(known->data, data, size) == 0) {
        set(to, known->bits);
        return;
    }
    batch->waiting[batch->count++] = (struct evm_bloom_item){to, data, size};
    if (batch->count == 4)
        evm_bloom_batch_flush(batch);
}
