/* evm/block/bloom.h - the filter of 2048 bits over the addresses and topics of logs (Yellow Paper,
 * equations 31 to 33). */
#ifndef EVM_BLOCK_BLOOM_H
#define EVM_BLOCK_BLOOM_H

#include "evm/core/types.h"

struct evm_bloom {
    uint8_t b[256];
};

void evm_bloom_or(struct evm_bloom *into, const struct evm_bloom *from);

/* Items go in through a batch, which sets three bits for each: four hashes are taken side by side,
 * and what came before recently (a contract's address, the signature of an event) is not hashed
 * again. Zeroed memory is an empty batch. A filter is complete only after the next flush. */
struct evm_bloom_batch {
    struct evm_bloom_item {
        struct evm_bloom *to;
        const uint8_t *data;
        uint32_t size;
    } waiting[4];
    uint32_t count;
    struct evm_bloom_known {
        uint8_t size; /* 0: nothing here */
        uint8_t data[32];
        uint16_t bits[3];
    } known[64];
};
/* At most 32 bytes, which stay where they are until the flush. */
void evm_bloom_batch_add(struct evm_bloom_batch *batch, struct evm_bloom *to, const uint8_t *data,
                         uint32_t size);
void evm_bloom_batch_flush(struct evm_bloom_batch *batch);

#endif
