/* What the transition tool gives back, as JSON. */
#include <stdarg.h>
#include <stdio.h>

#include "evm/core/address.h"
#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"
#include "evm/io/t8n.h"

/* ---- JSON text ------------------------------------------------------------------------------- */

struct writer {
    struct evm_buf *out;
    unsigned indent; /* of the line at hand */
    bool first;      /* no item of this object or array was written yet */
};

static void put_text(struct writer *w, const char *text)
{
    evm_buf_append(w->out, (struct evm_bytes){(const uint8_t *)text, strlen(text)});
}

static void put_hex(struct writer *w, struct evm_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    put_text(w, "\"0x");
    uint8_t *at = evm_buf_extend(w->out, 2 * bytes.size);
    for (size_t i = 0; at && i < bytes.size; i++) {
        *at++ = (uint8_t)digits[bytes.data[i] >> 4];
        *at++ = (uint8_t)digits[bytes.data[i] & 15];
    }
    put_text(w, "\"");
}

static void put_string(struct writer *w, const char *text)
{
    char escaped[8];
    put_text(w, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20)
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*text);
        else
            snprintf(escaped, sizeof escaped, "%c", *text);
        put_text(w, escaped);
    }
    put_text(w, "\"");
}

static void put_line(struct writer *w)
{
    put_text(w, w->first ? "\n" : ",\n");
    w->first = false;
    for (unsigned i = 0; i < w->indent; i++)
        put_text(w, " ");
}

static void put_open(struct writer *w, const char *bracket)
{
    put_text(w, bracket);
    w->indent += 2;
    w->first = true;
}

/* An object or array that held nothing stays on its line. */
static void put_close(struct writer *w, const char *bracket)
{
    w->indent -= 2;
    if (!w->first) {
        w->first = true;
        put_line(w);
    }
    put_text(w, bracket);
    w->first = false;
}

static void put_key(struct writer *w, const char *key)
{
    put_line(w);
    put_string(w, key);
    put_text(w, ": ");
}

static void put_hash(struct writer *w, const char *key, const struct evm_hash *h)
{
    put_key(w, key);
    put_hex(w, (struct evm_bytes){h->b, sizeof h->b});
}

static void put_addr(struct writer *w, const char *key, const struct evm_addr *a)
{
    put_key(w, key);
    put_hex(w, (struct evm_bytes){a->b, sizeof a->b});
}

static void put_u256(struct writer *w, const char *key, const struct evm_u256 *v)
{
    char text[80];
    evm_u256_format(text, v);
    put_key(w, key);
    put_string(w, text);
}

static void put_u64(struct writer *w, const char *key, uint64_t v)
{
    struct evm_u256 wide = evm_u256_of(v);
    put_u256(w, key, &wide);
}

/* NULL: the empty one. */
static void put_bloom(struct writer *w, const struct evm_bloom *bloom)
{
    static const struct evm_bloom empty;
    put_key(w, "logsBloom");
    put_hex(w, (struct evm_bytes){bloom ? bloom->b : empty.b, sizeof empty.b});
}

/* ---- accounts -------------------------------------------------------------------------------- */

struct dump {
    struct writer w;
    const struct evm_codes *codes;
    bool in_account, in_storage;
};

static void close_account(struct dump *d)
{
    if (d->in_storage)
        put_close(&d->w, "}");
    if (d->in_account)
        put_close(&d->w, "}");
    d->in_account = d->in_storage = false;
}

static void dump_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct dump *d = self;
    close_account(d);
    const struct evm_code *code = evm_codes_find(d->codes, &acc->code_hash);
    put_line(&d->w);
    put_hex(&d->w, (struct evm_bytes){addr->b, sizeof addr->b});
    put_text(&d->w, ": ");
    put_open(&d->w, "{");
    d->in_account = true;
    if (code && code->size > 0) {
        put_key(&d->w, "code");
        put_hex(&d->w, (struct evm_bytes){code->bytes, code->size});
    }
    put_u256(&d->w, "balance", &acc->balance);
    if (acc->nonce > 0)
        put_u64(&d->w, "nonce", acc->nonce);
}

static void dump_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                      const struct evm_u256 *value)
{
    struct dump *d = self;
    struct evm_hash k, v;
    (void)addr;
    if (!d->in_storage) {
        put_key(&d->w, "storage");
        put_open(&d->w, "{");
    }
    d->in_storage = true;
    evm_u256_store_be(k.b, key);
    evm_u256_store_be(v.b, value);
    put_line(&d->w);
    put_hex(&d->w, (struct evm_bytes){k.b, sizeof k.b});
    put_text(&d->w, ": ");
    put_hex(&d->w, (struct evm_bytes){v.b, sizeof v.b});
}

static enum evm_t8n_status finish(const struct evm_buf *out, enum evm_status status,
                                  struct evm_err *err)
{
    if (status == EVM_OK && !out->failed)
        return EVM_T8N_OK;
    evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    return EVM_T8N_EVM;
}

enum evm_t8n_status evm_t8n_put_alloc(const struct evm_t8n *t, unsigned indent, struct evm_buf *out,
                                      struct evm_err *err)
{
    struct dump d = {.w = {.out = out, .indent = indent}, .codes = t->codes};
    put_open(&d.w, "{");
    enum evm_status status = evm_state_each(t->state, dump_account, dump_slot, &d);
    close_account(&d);
    put_close(&d.w, "}");
    return finish(out, status, err);
}

/* ---- receipts -------------------------------------------------------------------------------- */

static void put_log(struct writer *w, const struct evm_t8n *t, const struct evm_receipt *r,
                    uint32_t i, uint64_t log_index)
{
    static const struct evm_hash none;
    const struct evm_log *log = &r->logs[i];
    put_line(w);
    put_open(w, "{");
    put_addr(w, "address", &log->addr);
    put_key(w, "topics");
    put_open(w, "[");
    for (uint32_t k = 0; k < log->topic_count; k++) {
        put_line(w);
        put_hex(w, (struct evm_bytes){log->topics[k].b, sizeof log->topics[k].b});
    }
    put_close(w, "]");
    put_key(w, "data");
    put_hex(w, log->data);
    put_u64(w, "blockNumber", t->block.header.number);
    put_hash(w, "transactionHash", &t->included[r->tx_index]->hash);
    put_u64(w, "transactionIndex", r->tx_index);
    put_hash(w, "blockHash", &none);
    put_u64(w, "logIndex", log_index);
    put_key(w, "removed");
    put_text(w, "false");
    put_close(w, "}");
}

static void put_created(struct writer *w, const struct evm_tx *tx)
{
    struct evm_addr created = {{0}};
    if (tx->is_create)
        evm_create_address(&tx->sender, tx->nonce, &created);
    put_addr(w, "contractAddress", &created);
}

static void put_receipt(struct writer *w, const struct evm_t8n *t, uint32_t i, uint64_t first_log)
{
    static const struct evm_hash none;
    const struct evm_receipt *r = &t->receipts[i];
    const struct evm_tx *tx = t->included[i];
    put_line(w);
    put_open(w, "{");
    if (r->type != EVM_TX_LEGACY)
        put_u64(w, "type", r->type);
    put_key(w, "root");
    put_hex(w, (struct evm_bytes){r->state_root.b, r->has_state_root ? 32 : 0});
    put_u64(w, "status", r->success);
    put_u64(w, "cumulativeGasUsed", r->cumulative_gas);
    put_bloom(w, r->bloom);
    put_key(w, "logs");
    put_open(w, "[");
    for (uint32_t k = 0; k < r->log_count; k++)
        put_log(w, t, r, k, first_log + k);
    put_close(w, "]");
    put_hash(w, "transactionHash", &tx->hash);
    put_created(w, tx);
    put_u64(w, "gasUsed", r->gas_used);
    put_u256(w, "effectiveGasPrice", &t->prices[i]);
    if (r->type == EVM_TX_BLOB) {
        put_u64(w, "blobGasUsed", (uint64_t)tx->blob_count * EVM_GAS_PER_BLOB);
        put_u256(w, "blobGasPrice", &t->blob_base_fee);
    }
    put_hash(w, "blockHash", &none); /* the block has no hash: nobody has sealed it */
    put_u64(w, "blockNumber", t->block.header.number);
    put_u64(w, "transactionIndex", i);
    put_close(w, "}");
}

/* ---- the summary ----------------------------------------------------------------------------- */

struct roots {
    struct evm_hash state, txs, receipts, logs, withdrawals, requests;
    struct evm_bloom bloom;
};

/* keccak256 of the RLP list of all logs of the block. */
static enum evm_status hash_logs(const struct evm_t8n *t, struct evm_hash *out)
{
    struct evm_buf b = {0}, one = {0};
    size_t list = evm_rlp_open(&b);
    for (uint32_t i = 0; i < t->block.tx_count; i++) {
        struct evm_bytes items, in;
        evm_buf_clear(&one);
        evm_logs_encode(&one, t->receipts[i].logs, t->receipts[i].log_count);
        in = evm_buf_bytes(&one);
        if (!one.failed && evm_rlp_next_list(&in, &items))
            evm_buf_append(&b, items);
        b.failed |= one.failed;
    }
    evm_rlp_close(&b, list);
    evm_keccak256(out, evm_buf_bytes(&b));
    enum evm_status status = b.failed ? EVM_ERR_MEMORY : EVM_OK;
    evm_buf_fini(&one);
    evm_buf_fini(&b);
    return status;
}

static enum evm_status find_roots(const struct evm_t8n *t, struct roots *r)
{
    uint32_t n = t->block.tx_count;
    enum evm_status status = evm_state_root(t->state, &r->state);
    if (status == EVM_OK)
        status = evm_transactions_root(t->included, n, &r->txs);
    if (status == EVM_OK)
        status = evm_receipts_root(t->receipts, n, &r->receipts);
    if (status == EVM_OK)
        status = hash_logs(t, &r->logs);
    if (status == EVM_OK)
        status =
            evm_withdrawals_root(t->block.withdrawals, t->block.withdrawal_count, &r->withdrawals);
    if (status == EVM_OK)
        status = evm_requests_hash(&t->requests, &r->requests);
    evm_receipts_bloom(t->receipts, n, &r->bloom);
    return status;
}

static void put_rejected(struct writer *w, const struct evm_t8n *t)
{
    if (t->block.tx_count == t->tx_count)
        return;
    put_key(w, "rejected");
    put_open(w, "[");
    for (uint32_t i = 0; i < t->tx_count; i++) {
        char index[16];
        if (!t->txs[i].rejected[0])
            continue;
        put_line(w);
        put_open(w, "{");
        put_key(w, "index");
        snprintf(index, sizeof index, "%u", i);
        put_text(w, index);
        put_key(w, "error");
        put_string(w, t->txs[i].rejected);
        put_close(w, "}");
    }
    put_close(w, "]");
}

static void put_requests(struct writer *w, const struct evm_t8n *t, const struct roots *roots)
{
    struct evm_buf item = {0};
    if (!t->rules->requests)
        return;
    put_hash(w, "requestsHash", &roots->requests);
    put_key(w, "requests");
    put_open(w, "[");
    for (uint8_t type = 0; type < EVM_REQUEST_COUNT; type++) {
        if (t->requests.of[type].size == 0)
            continue;
        evm_buf_clear(&item);
        evm_buf_append(&item, (struct evm_bytes){&type, 1});
        evm_buf_append(&item, evm_buf_bytes(&t->requests.of[type]));
        put_line(w);
        put_hex(w, evm_buf_bytes(&item));
        w->out->failed |= item.failed;
    }
    put_close(w, "]");
    evm_buf_fini(&item);
}

enum evm_t8n_status evm_t8n_put_result(const struct evm_t8n *t, unsigned indent,
                                       struct evm_buf *out, struct evm_err *err)
{
    const struct evm_header *h = &t->block.header;
    struct writer w = {.out = out, .indent = indent};
    struct roots roots;
    enum evm_status status = find_roots(t, &roots);
    if (status != EVM_OK)
        return finish(out, status, err);
    put_open(&w, "{");
    put_hash(&w, "stateRoot", &roots.state);
    put_hash(&w, "txRoot", &roots.txs);
    put_hash(&w, "receiptsRoot", &roots.receipts);
    put_hash(&w, "logsHash", &roots.logs);
    put_bloom(&w, &roots.bloom);
    put_key(&w, "receipts");
    put_open(&w, "[");
    uint64_t logs = 0;
    for (uint32_t i = 0; i < t->block.tx_count; logs += t->receipts[i++].log_count)
        put_receipt(&w, t, i, logs);
    put_close(&w, "]");
    put_rejected(&w, t);
    if (t->has_difficulty) {
        put_u256(&w, "currentDifficulty", &h->difficulty);
    } else {
        put_key(&w, "currentDifficulty");
        put_text(&w, "null");
    }
    put_u64(&w, "gasUsed", h->gas_used);
    if (h->has_base_fee)
        put_u256(&w, "currentBaseFee", &h->base_fee);
    if (h->has_withdrawals_root)
        put_hash(&w, "withdrawalsRoot", &roots.withdrawals);
    if (t->has_excess) {
        put_u64(&w, "currentExcessBlobGas", h->excess_blob_gas);
        put_u64(&w, "blobGasUsed", h->blob_gas_used);
    }
    put_requests(&w, t, &roots);
    put_close(&w, "}");
    return finish(out, status, err);
}

enum evm_t8n_status evm_t8n_put_body(const struct evm_t8n *t, struct evm_buf *out,
                                     struct evm_err *err)
{
    struct evm_buf rlp = {0};
    struct writer w = {.out = out};
    size_t list = evm_rlp_open(&rlp);
    for (uint32_t i = 0; i < t->block.tx_count; i++) {
        const struct evm_tx *tx = t->included[i];
        if (tx->type == EVM_TX_LEGACY)
            evm_buf_append(&rlp, tx->raw);
        else
            evm_rlp_put_string(&rlp, tx->raw);
    }
    evm_rlp_close(&rlp, list);
    put_hex(&w, evm_buf_bytes(&rlp));
    enum evm_status status = rlp.failed ? EVM_ERR_MEMORY : EVM_OK;
    evm_buf_fini(&rlp);
    return finish(out, status, err);
}
