#include "evm/block/receipt.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"
#include "evm/state/trie.h"

void evm_receipts_filter(struct evm_receipt *receipts, size_t count)
{
    struct evm_bloom_batch batch = {0};
    for (size_t i = 0; i < count; i++) {
        const struct evm_receipt *r = &receipts[i];
        for (uint32_t k = 0; k < r->log_count; k++) {
            const struct evm_log *log = &r->logs[k];
            evm_bloom_batch_add(&batch, r->bloom, log->addr.b, sizeof log->addr.b);
            for (uint32_t t = 0; t < log->topic_count; t++)
                evm_bloom_batch_add(&batch, r->bloom, log->topics[t].b, sizeof log->topics[t].b);
        }
    }
    evm_bloom_batch_flush(&batch);
}

void evm_receipts_bloom(const struct evm_receipt *receipts, size_t count, struct evm_bloom *out)
{
    *out = (struct evm_bloom){{0}};
    for (size_t i = 0; i < count; i++)
        if (receipts[i].bloom)
            evm_bloom_or(out, receipts[i].bloom);
}

static enum evm_status copy_logs(struct evm_receipt *out, const struct evm_log *logs,
                                 uint32_t count)
{
    size_t data = 0;
    if (count == 0)
        return EVM_OK;
    for (uint32_t i = 0; i < count; i++)
        data += logs[i].data.size;
    out->storage = evm_malloc(count * sizeof *logs + sizeof *out->bloom + data);
    if (!out->storage)
        return EVM_ERR_MEMORY;
    out->logs = out->storage;
    out->log_count = count;
    out->bloom = (struct evm_bloom *)(out->logs + count);
    memset(out->bloom, 0, sizeof *out->bloom);
    uint8_t *at = out->bloom->b + sizeof *out->bloom;
    for (uint32_t i = 0; i < count; i++) {
        out->logs[i] = logs[i];
        out->logs[i].data.data = at;
        if (logs[i].data.size > 0)
            memcpy(at, logs[i].data.data, logs[i].data.size);
        at += logs[i].data.size;
    }
    return EVM_OK;
}

enum evm_status evm_receipt_make(struct evm_receipt *out, uint32_t tx_index,
                                 const struct evm_tx *tx, const struct evm_tx_outcome *outcome,
                                 uint64_t gas_before)
{
    *out = (struct evm_receipt){.tx_index = tx_index,
                                .type = tx->type,
                                .success = outcome->success,
                                .gas_used = outcome->gas_used,
                                .cumulative_gas = gas_before + outcome->gas_used,
                                .created = outcome->created};
    return copy_logs(out, outcome->logs, outcome->log_count);
}

void evm_receipt_fini(struct evm_receipt *r)
{
    free(r->storage);
    *r = (struct evm_receipt){0};
}

/* ---- encoding -------------------------------------------------------------------------------- */

void evm_logs_encode(struct evm_buf *b, const struct evm_log *logs, uint32_t count)
{
    size_t list = evm_rlp_open(b);
    for (uint32_t i = 0; i < count; i++) {
        size_t log = evm_rlp_open(b);
        evm_rlp_put_addr(b, &logs[i].addr);
        size_t topics = evm_rlp_open(b);
        for (uint32_t t = 0; t < logs[i].topic_count; t++)
            evm_rlp_put_hash(b, &logs[i].topics[t]);
        evm_rlp_close(b, topics);
        evm_rlp_put_string(b, logs[i].data);
        evm_rlp_close(b, log);
    }
    evm_rlp_close(b, list);
}

void evm_receipt_encode(struct evm_buf *b, const struct evm_receipt *r)
{
    if (r->type != EVM_TX_LEGACY) {
        uint8_t type = (uint8_t)r->type;
        evm_buf_append(b, (struct evm_bytes){&type, 1});
    }
    size_t list = evm_rlp_open(b);
    if (r->has_state_root)
        evm_rlp_put_hash(b, &r->state_root);
    else
        evm_rlp_put_u64(b, r->success);
    evm_rlp_put_u64(b, r->cumulative_gas);
    static const struct evm_bloom none;
    const struct evm_bloom *bloom = r->bloom ? r->bloom : &none;
    evm_rlp_put_string(b, (struct evm_bytes){bloom->b, sizeof bloom->b});
    evm_logs_encode(b, r->logs, r->log_count);
    evm_rlp_close(b, list);
}

enum evm_status evm_receipts_root(const struct evm_receipt *receipts, size_t count,
                                  struct evm_hash *out)
{
    struct evm_buf b = {0};
    enum evm_status status = EVM_ERR_MEMORY;
    struct evm_bytes *items = evm_calloc(count ? count : 1, sizeof *items);
    if (!items)
        return EVM_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        size_t start = b.size;
        evm_receipt_encode(&b, &receipts[i]);
        items[i].size = b.size - start;
    }
    if (!b.failed) {
        for (size_t i = 0, at = 0; i < count; at += items[i++].size)
            items[i].data = b.data + at; /* the buffer moves no more */
        status = evm_trie_root_of_list(items, count, out);
    }
    evm_buf_fini(&b);
    free(items);
    return status;
}

enum evm_status evm_transactions_root(const struct evm_tx *const *txs, size_t count,
                                      struct evm_hash *out)
{
    struct evm_bytes *items = evm_calloc(count ? count : 1, sizeof *items);
    if (!items)
        return EVM_ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        items[i] = txs[i]->raw;
    enum evm_status status = evm_trie_root_of_list(items, count, out);
    free(items);
    return status;
}
