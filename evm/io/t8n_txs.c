/* The transition tool's transactions: JSON objects, signed or with a secret key, or RLP. */
#include <stdio.h>

#include "evm/core/alloc.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"
#include "evm/io/t8n_internal.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

static void get_access_list(struct evm_t8n_reader *r, struct evm_jval list, struct evm_tx *tx)
{
    struct evm_access_entry *entries = NULL;
    tx->access_count = evm_t8n_list(r, "accessList", list, sizeof *entries, &entries);
    tx->access_list = entries;
    for (size_t i = 0; i < tx->access_count && !r->status; i++) {
        struct evm_t8n_reader e = evm_t8n_item(r, "accessList", list, i);
        struct evm_jval slots = evm_json_get(e.in, "storageKeys");
        struct evm_u256 *keys = NULL;
        evm_t8n_addr(&e, "address", true, &entries[i].addr);
        entries[i].key_count = evm_t8n_list(&e, "storageKeys", slots, sizeof *keys, &keys);
        entries[i].keys = keys;
        for (size_t k = 0; k < entries[i].key_count && !e.status; k++)
            if (!evm_json_u256(evm_json_at(slots, k), &keys[k]))
                evm_t8n_bad(&e, "storageKeys", "holds something that is not 32 bytes");
        evm_t8n_leave(r, &e);
    }
}

static void get_authorizations(struct evm_t8n_reader *r, struct evm_tx *tx)
{
    struct evm_jval list = evm_json_get(r->in, "authorizationList");
    tx->authorization_count =
        evm_t8n_list(r, "authorizationList", list, sizeof *tx->authorizations, &tx->authorizations);
    for (size_t i = 0; i < tx->authorization_count && !r->status; i++) {
        struct evm_t8n_reader e = evm_t8n_item(r, "authorizationList", list, i);
        struct evm_authorization *a = &tx->authorizations[i];
        evm_t8n_u256(&e, "chainId", true, &a->chain_id);
        evm_t8n_addr(&e, "address", true, &a->addr);
        evm_t8n_u64(&e, "nonce", true, &a->nonce);
        evm_t8n_u256(&e, evm_t8n_has(&e, "yParity") ? "yParity" : "v", true, &a->y_parity);
        evm_t8n_u256(&e, "r", true, &a->r);
        evm_t8n_u256(&e, "s", true, &a->s);
        evm_t8n_leave(r, &e);
    }
}

static void get_blobs(struct evm_t8n_reader *r, struct evm_tx *tx)
{
    struct evm_jval list = evm_json_get(r->in, "blobVersionedHashes");
    struct evm_hash *hashes = NULL;
    tx->blob_count = evm_t8n_list(r, "blobVersionedHashes", list, sizeof *hashes, &hashes);
    tx->blob_hashes = hashes;
    for (size_t i = 0; i < tx->blob_count && !r->status; i++)
        if (!evm_json_hash(evm_json_at(list, i), &hashes[i]))
            evm_t8n_bad(r, "blobVersionedHashes", "holds something that is not 32 bytes");
    evm_t8n_u256(r, "maxFeePerBlobGas", true, &tx->max_blob_fee);
}

/* `to` of a creation is missing, null or empty. */
void evm_t8n_tx_to(struct evm_t8n_reader *r, struct evm_tx *tx)
{
    const char *text = evm_json_string(evm_json_get(r->in, "to"));
    tx->is_create = !evm_t8n_has(r, "to") || (text && (!text[0] || !strcmp(text, "0x")));
    if (!tx->is_create)
        evm_t8n_addr(r, "to", true, &tx->to);
}

void evm_t8n_tx_of_type(struct evm_t8n_reader *r, struct evm_jval access_list, struct evm_tx *tx)
{
    if (tx->type >= EVM_TX_DYNAMIC_FEE) {
        evm_t8n_u256(r, "maxFeePerGas", true, &tx->max_fee);
        evm_t8n_u256(r, "maxPriorityFeePerGas", true, &tx->max_priority_fee);
    } else {
        evm_t8n_u256(r, "gasPrice", true, &tx->max_fee);
        tx->max_priority_fee = tx->max_fee;
    }
    if (tx->type != EVM_TX_LEGACY)
        get_access_list(r, access_list, tx);
    if (tx->type == EVM_TX_BLOB)
        get_blobs(r, tx);
    if (tx->type == EVM_TX_SET_CODE)
        get_authorizations(r, tx);
}

static void get_fields(struct evm_t8n_reader *r, struct evm_tx *tx)
{
    uint64_t type = 0;
    evm_t8n_u64(r, "type", false, &type);
    if (type > EVM_TX_SET_CODE)
        evm_t8n_bad(r, "type", "is not one of 0 to 4");
    *tx = (struct evm_tx){.type = r->status ? EVM_TX_LEGACY : (enum evm_tx_type)type};
    evm_t8n_u64(r, "nonce", true, &tx->nonce);
    evm_t8n_u64(r, evm_t8n_has(r, "gasLimit") ? "gasLimit" : "gas", true, &tx->gas_limit);
    evm_t8n_u256(r, "value", false, &tx->value);
    evm_t8n_bytes(r, evm_t8n_has(r, "data") ? "data" : "input", &tx->input);
    evm_t8n_tx_to(r, tx);
    evm_t8n_tx_of_type(r, evm_json_get(r->in, "accessList"), tx);
}

/* v of a legacy transaction says the parity and, from EIP-155 on, the chain. False: it says
 * neither. */
static bool read_legacy_v(struct evm_tx *tx, const struct evm_u256 *v)
{
    if (!evm_u256_fits64(v) || (v->w[0] != 27 && v->w[0] != 28 && v->w[0] < 35))
        return false;
    tx->has_chain_id = v->w[0] >= 35;
    tx->chain_id = tx->has_chain_id ? (v->w[0] - 35) / 2 : 0;
    tx->y_parity = evm_u256_of(tx->has_chain_id ? (v->w[0] - 35) % 2 : v->w[0] - 27);
    return true;
}

static void reject(struct evm_t8n_tx *tx, const char *why)
{
    snprintf(tx->rejected, sizeof tx->rejected, "%s", why);
}

/* Encodes it and finds out who signed it. What has no valid signature is rejected. */
static void finish(struct evm_t8n_tx *out, const struct evm_rules *rules, struct evm_t8n_reader *r)
{
    struct evm_err inner = {0};
    enum evm_status status = out->tx.raw.size ? EVM_OK : evm_tx_encode(&out->tx, &inner);
    if (status == EVM_OK && !out->tx.has_sender)
        status = evm_tx_recover(&out->tx, rules->low_s_required, &inner);
    if (status == EVM_ERR_MEMORY && !r->status) {
        r->status = EVM_T8N_EVM;
        evm_fail(r->err, status, "out of memory");
    }
    if (status != EVM_OK)
        reject(out, "invalid transaction v, r, s values");
}

static void sign(struct evm_t8n *t, struct evm_t8n_reader *r, struct evm_t8n_tx *out,
                 const struct evm_hash *secret)
{
    struct evm_err inner = {0};
    bool protect = true;
    struct evm_jval wish = evm_json_get(r->in, "protected");
    if (evm_json_present(wish) && !evm_json_bool(wish, &protect))
        evm_t8n_bad(r, "protected", "is neither true nor false");
    if (out->tx.type == EVM_TX_LEGACY) {
        out->tx.has_chain_id = protect && t->rules->replay_protection;
        out->tx.chain_id = out->tx.has_chain_id ? t->chain.config.chain_id : 0;
    }
    if (!r->status && evm_tx_sign(&out->tx, secret->b, &inner) != EVM_OK)
        evm_t8n_bad(r, "secretKey", "is not a secret key");
    for (size_t i = 0; i < out->tx.authorization_count && !r->status; i++)
        evm_authorization_recover(&out->tx.authorizations[i]);
}

static void get_tx(struct evm_t8n *t, struct evm_t8n_reader *r, struct evm_t8n_tx *out)
{
    struct evm_u256 v = {{0}};
    struct evm_hash secret;
    struct evm_tx *tx = &out->tx;
    get_fields(r, tx);
    bool keyed = evm_t8n_hash(r, "secretKey", false, &secret);
    const char *v_name = tx->type != EVM_TX_LEGACY && evm_t8n_has(r, "yParity") ? "yParity" : "v";
    evm_t8n_u256(r, v_name, !keyed, &v);
    evm_t8n_u256(r, "r", !keyed, &tx->r);
    evm_t8n_u256(r, "s", !keyed, &tx->s);
    if (tx->type != EVM_TX_LEGACY) {
        tx->has_chain_id = true;
        tx->chain_id = t->chain.config.chain_id;
        if (evm_t8n_has(r, "chainId"))
            evm_t8n_u64(r, "chainId", true, &tx->chain_id);
    }
    if (r->status)
        return;
    bool unsigned_yet =
        evm_u256_is_zero(&v) && evm_u256_is_zero(&tx->r) && evm_u256_is_zero(&tx->s);
    if (keyed && unsigned_yet) {
        sign(t, r, out, &secret);
        return;
    }
    tx->y_parity = v;
    if (tx->type == EVM_TX_LEGACY && !read_legacy_v(tx, &v))
        reject(out, "invalid transaction v, r, s values");
    else
        finish(out, t->rules, r);
}

static enum evm_t8n_status load_json(struct evm_t8n *t, struct evm_t8n_reader *r)
{
    for (uint32_t i = 0; i < t->tx_count && !r->status; i++) {
        struct evm_t8n_reader e = {
            .doc = r->doc, .in = evm_json_at(r->in, i), .file = r->file, .err = r->err};
        snprintf(e.where, sizeof e.where, "transaction %u", i);
        if (!evm_json_is_object(e.in)) {
            e.status = EVM_T8N_JSON;
            evm_fail(e.err, EVM_ERR_INPUT, "%s: %s is not an object", e.file, e.where);
        } else
            get_tx(t, &e, &t->txs[i]);
        evm_t8n_leave(r, &e);
    }
    return r->status;
}

/* ---- RLP ------------------------------------------------------------------------------------- */

static enum evm_t8n_status load_rlp(struct evm_t8n *t, struct evm_t8n_reader *r,
                                    struct evm_bytes items)
{
    struct evm_rlp_item item;
    for (uint32_t i = 0; i < t->tx_count && !r->status; i++) {
        struct evm_t8n_tx *out = &t->txs[i];
        struct evm_err inner = {0};
        evm_rlp_next(&items, &item);
        enum evm_status status =
            evm_tx_decode(&out->tx, item.is_list ? item.raw : item.payload, &inner);
        if (status == EVM_OK)
            finish(out, t->rules, r);
        else
            snprintf(out->rejected, sizeof out->rejected, "%.180s", inner.text);
    }
    return r->status;
}

/* Counts the items; false if they are not well formed. */
static bool count_items(struct evm_bytes items, uint32_t *count)
{
    struct evm_rlp_item item;
    for (*count = 0; items.size > 0; ++*count)
        if (!evm_rlp_next(&items, &item))
            return false;
    return true;
}

enum evm_t8n_status evm_t8n_load_txs(struct evm_t8n *t, struct evm_json *doc, struct evm_jval in,
                                     const char *file, struct evm_err *err)
{
    struct evm_t8n_reader r = {.doc = doc, .in = in, .file = file, .err = err};
    struct evm_bytes body = {0}, items = {0};
    bool rlp = evm_json_string(in) != NULL;
    if (!rlp && evm_json_present(in) && !evm_json_is_array(in)) {
        evm_fail(err, EVM_ERR_INPUT, "%s: the transactions are neither an array nor a string",
                 file);
        return EVM_T8N_JSON;
    }
    t->tx_count = (uint32_t)evm_json_count(in);
    if (rlp && !evm_json_bytes(doc, in, &body)) {
        evm_fail(err, EVM_ERR_INPUT, "%s: the transactions are not hexadecimal", file);
        return EVM_T8N_JSON;
    }
    if (body.size > 0 &&
        (!evm_rlp_next_list(&body, &items) || body.size > 0 || !count_items(items, &t->tx_count))) {
        evm_fail(err, EVM_ERR_INPUT, "%s: the transactions are not one RLP list", file);
        return EVM_T8N_RLP;
    }
    t->txs = evm_calloc(t->tx_count + 1, sizeof *t->txs);
    t->included = evm_calloc(t->tx_count + 1, sizeof *t->included);
    t->receipts = evm_calloc(t->tx_count + 1, sizeof *t->receipts);
    t->prices = evm_calloc(t->tx_count + 1, sizeof *t->prices);
    if (!t->txs || !t->included || !t->receipts || !t->prices) {
        evm_fail(err, EVM_ERR_MEMORY, "out of memory");
        return EVM_T8N_EVM;
    }
    t->block.txs = t->included;
    return rlp ? load_rlp(t, &r, items) : load_json(t, &r);
}
