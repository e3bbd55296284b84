#include "evm/io/recorded.h"

#include "evm/block/validate.h"
#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/io/accounts.h"
#include "evm/io/file.h"
#include "evm/io/json.h"
#include "evm/parallel/recover.h"

/* Reads fields one after another; remembers the name of the first that was wrong. */
struct reader {
    struct evm_json *doc;
    struct evm_jval in;
    const char *bad;
    bool memory; /* it was memory that failed */
};

static void judge(struct reader *r, bool ok, const char *field)
{
    if (!ok && !r->bad)
        r->bad = field;
}

static bool has(const struct reader *r, const char *field)
{
    return evm_json_present(evm_json_get(r->in, field));
}

static uint64_t get_u64(struct reader *r, const char *field)
{
    uint64_t v = 0;
    judge(r, evm_json_u64(evm_json_get(r->in, field), &v), field);
    return v;
}

static struct evm_u256 get_u256(struct reader *r, const char *field)
{
    struct evm_u256 v = {{0}};
    judge(r, evm_json_u256(evm_json_get(r->in, field), &v), field);
    return v;
}

static void get_hash(struct reader *r, const char *field, struct evm_hash *out)
{
    judge(r, evm_json_hash(evm_json_get(r->in, field), out), field);
}

static void get_addr(struct reader *r, const char *field, struct evm_addr *out)
{
    judge(r, evm_json_addr(evm_json_get(r->in, field), out), field);
}

static void get_fixed(struct reader *r, const char *field, uint8_t *out, size_t size)
{
    const char *text = evm_json_string(evm_json_get(r->in, field));
    judge(r, text && evm_hex_fixed(text, out, size), field);
}

static struct evm_bytes get_bytes(struct reader *r, const char *field)
{
    struct evm_bytes v = {0};
    judge(r, evm_json_bytes(r->doc, evm_json_get(r->in, field), &v), field);
    return v;
}

/* Zeroed memory of the document's. Never NULL to its users: a failure is judged. */
static void *get_array(struct reader *r, size_t count, size_t item)
{
    void *p = evm_json_alloc(r->doc, count ? count * item : 1);
    if (!p)
        r->memory = true;
    judge(r, p != NULL, "out of memory");
    return p;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void get_access_list(struct reader *r, struct evm_tx *tx)
{
    struct evm_jval list = evm_json_get(r->in, "accessList");
    tx->access_count = evm_json_count(list);
    struct evm_access_entry *entries = get_array(r, tx->access_count, sizeof *entries);
    tx->access_list = entries;
    for (size_t i = 0; i < tx->access_count && !r->bad; i++) {
        struct reader e = {.doc = r->doc, .in = evm_json_at(list, i)};
        struct evm_jval slots = evm_json_get(e.in, "storageKeys");
        get_addr(&e, "address", &entries[i].addr);
        entries[i].key_count = evm_json_count(slots);
        struct evm_u256 *keys = get_array(&e, entries[i].key_count, sizeof *keys);
        entries[i].keys = keys;
        for (size_t k = 0; k < entries[i].key_count && !e.bad; k++)
            judge(&e, evm_json_u256(evm_json_at(slots, k), &keys[k]), "storageKeys");
        r->memory |= e.memory;
        judge(r, !e.bad, "accessList");
    }
}

static void get_authorizations(struct reader *r, struct evm_tx *tx)
{
    struct evm_jval list = evm_json_get(r->in, "authorizationList");
    tx->authorization_count = evm_json_count(list);
    tx->authorizations = get_array(r, tx->authorization_count, sizeof *tx->authorizations);
    for (size_t i = 0; i < tx->authorization_count && !r->bad; i++) {
        struct reader e = {.doc = r->doc, .in = evm_json_at(list, i)};
        struct evm_authorization *a = &tx->authorizations[i];
        *a = (struct evm_authorization){.chain_id = get_u256(&e, "chainId"),
                                        .nonce = get_u64(&e, "nonce"),
                                        .y_parity =
                                            get_u256(&e, has(&e, "yParity") ? "yParity" : "v"),
                                        .r = get_u256(&e, "r"),
                                        .s = get_u256(&e, "s")};
        get_addr(&e, "address", &a->addr);
        judge(r, !e.bad, "authorizationList");
    }
}

static void get_blobs(struct reader *r, struct evm_tx *tx)
{
    struct evm_jval list = evm_json_get(r->in, "blobVersionedHashes");
    tx->blob_count = evm_json_count(list);
    struct evm_hash *hashes = get_array(r, tx->blob_count, sizeof *hashes);
    tx->blob_hashes = hashes;
    for (size_t i = 0; i < tx->blob_count && !r->bad; i++)
        judge(r, evm_json_hash(evm_json_at(list, i), &hashes[i]), "blobVersionedHashes");
    tx->max_blob_fee = get_u256(r, "maxFeePerBlobGas");
}

/* v of a legacy transaction says the parity and, from EIP-155 on, the chain. */
static void get_legacy_v(struct reader *r, struct evm_tx *tx)
{
    uint64_t v = get_u64(r, "v");
    tx->has_chain_id = v >= 35;
    tx->chain_id = v >= 35 ? (v - 35) / 2 : 0;
    tx->y_parity = evm_u256_of(v >= 35 ? (v - 35) % 2 : v - 27);
    judge(r, v >= 35 || v == 27 || v == 28, "v");
}

static void get_tx(struct reader *r, struct evm_tx *tx)
{
    uint64_t type = has(r, "type") ? get_u64(r, "type") : 0;
    judge(r, type <= EVM_TX_SET_CODE, "type");
    *tx = (struct evm_tx){.type = (enum evm_tx_type)type,
                          .nonce = get_u64(r, "nonce"),
                          .gas_limit = get_u64(r, "gas"),
                          .value = get_u256(r, "value"),
                          .input = get_bytes(r, "input"),
                          .r = get_u256(r, "r"),
                          .s = get_u256(r, "s")};
    tx->is_create = !has(r, "to");
    if (!tx->is_create)
        get_addr(r, "to", &tx->to);
    if (type >= EVM_TX_DYNAMIC_FEE) {
        tx->max_fee = get_u256(r, "maxFeePerGas");
        tx->max_priority_fee = get_u256(r, "maxPriorityFeePerGas");
    } else {
        tx->max_fee = tx->max_priority_fee = get_u256(r, "gasPrice");
    }
    if (type == EVM_TX_LEGACY) {
        get_legacy_v(r, tx);
        return;
    }
    tx->has_chain_id = true;
    tx->chain_id = get_u64(r, "chainId");
    tx->y_parity = get_u256(r, has(r, "yParity") ? "yParity" : "v");
    get_access_list(r, tx);
    if (type == EVM_TX_BLOB)
        get_blobs(r, tx);
    if (type == EVM_TX_SET_CODE)
        get_authorizations(r, tx);
}

/* Rebuilds transaction i and checks that it is the one that was recorded. */
static enum evm_status load_tx(struct reader *r, struct evm_tx *tx, size_t i, struct evm_err *err)
{
    struct evm_hash hash;
    struct evm_err inner = {0};
    get_hash(r, "hash", &hash);
    get_tx(r, tx);
    if (r->memory)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    if (r->bad)
        return evm_fail(err, EVM_ERR_INPUT, "transaction %zu: missing or bad '%s'", i, r->bad);
    enum evm_status status = evm_tx_encode(tx, &inner);
    if (status != EVM_OK)
        return evm_fail(err, status, "transaction %zu: %.120s", i, inner.text);
    if (!evm_hash_eq(&tx->hash, &hash))
        return evm_fail(err, EVM_ERR_INPUT, "transaction %zu: its fields do not give its hash", i);
    return EVM_OK;
}

/* Recovers all senders and compares them with what was recorded. */
static enum evm_status load_senders(struct evm_recorded *out, struct evm_jval list, bool low_s,
                                    struct evm_err *err)
{
    size_t count = out->block.tx_count;
    size_t bad = evm_txs_recover(out->txs, count, low_s, 0);
    for (size_t i = 0; i < bad; i++) {
        struct reader r = {.doc = out->doc, .in = evm_json_at(list, i)};
        struct evm_addr from;
        get_addr(&r, "from", &from);
        if (r.bad)
            return evm_fail(err, EVM_ERR_INPUT, "transaction %zu: missing or bad '%s'", i, r.bad);
        if (!evm_addr_eq(&out->txs[i].sender, &from))
            bad = i;
    }
    if (bad < count)
        return evm_fail(err, EVM_ERR_INPUT, "transaction %zu: 'from' did not sign it", bad);
    return EVM_OK;
}

static enum evm_status load_txs(struct evm_recorded *out, struct evm_jval list, struct evm_err *err)
{
    const struct evm_header *h = &out->block.header;
    const struct evm_rules *rules =
        evm_rules_of(evm_chain_fork(&out->chain, h->number, h->timestamp));
    size_t count = evm_json_count(list);
    if (!evm_json_is_array(list))
        return evm_fail(err, EVM_ERR_INPUT, "block: missing or bad 'transactions'");
    out->txs = evm_calloc(count + 1, sizeof *out->txs);
    out->tx_list = evm_calloc(count + 1, sizeof *out->tx_list);
    if (!out->txs || !out->tx_list)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    out->block.txs = out->tx_list;
    for (size_t i = 0; i < count; i++) {
        struct reader r = {.doc = out->doc, .in = evm_json_at(list, i)};
        enum evm_status status = load_tx(&r, &out->txs[i], i, err);
        if (status != EVM_OK)
            return status;
        out->tx_list[i] = &out->txs[i];
        out->block.tx_count++;
    }
    return load_senders(out, list, rules->low_s_required, err);
}

/* ---- the header and what hangs on it --------------------------------------------------------- */

static void get_header(struct reader *r, struct evm_header *h)
{
    get_hash(r, "parentHash", &h->parent_hash);
    get_hash(r, "sha3Uncles", &h->uncles_hash);
    get_addr(r, "miner", &h->coinbase);
    get_hash(r, "stateRoot", &h->state_root);
    get_hash(r, "transactionsRoot", &h->transactions_root);
    get_hash(r, "receiptsRoot", &h->receipts_root);
    get_fixed(r, "logsBloom", h->bloom.b, sizeof h->bloom.b);
    h->difficulty = get_u256(r, "difficulty");
    h->number = get_u64(r, "number");
    h->gas_limit = get_u64(r, "gasLimit");
    h->gas_used = get_u64(r, "gasUsed");
    h->timestamp = get_u64(r, "timestamp");
    h->extra = get_bytes(r, "extraData");
    get_hash(r, "mixHash", &h->mix_hash);
    get_fixed(r, "nonce", h->nonce, sizeof h->nonce);
    h->has_base_fee = has(r, "baseFeePerGas");
    if (h->has_base_fee)
        h->base_fee = get_u256(r, "baseFeePerGas");
    h->has_withdrawals_root = has(r, "withdrawalsRoot");
    if (h->has_withdrawals_root)
        get_hash(r, "withdrawalsRoot", &h->withdrawals_root);
    h->has_blob_gas = has(r, "blobGasUsed");
    if (h->has_blob_gas) {
        h->blob_gas_used = get_u64(r, "blobGasUsed");
        h->excess_blob_gas = get_u64(r, "excessBlobGas");
        get_hash(r, "parentBeaconBlockRoot", &h->parent_beacon_root);
    }
    h->has_requests_hash = has(r, "requestsHash");
    if (h->has_requests_hash)
        get_hash(r, "requestsHash", &h->requests_hash);
}

static void get_withdrawals(struct reader *r, struct evm_block *block)
{
    struct evm_jval list = evm_json_get(r->in, "withdrawals");
    block->has_withdrawals = evm_json_present(list);
    block->withdrawal_count = (uint32_t)evm_json_count(list);
    struct evm_withdrawal *w = get_array(r, block->withdrawal_count, sizeof *w);
    block->withdrawals = w;
    for (size_t i = 0; i < block->withdrawal_count && !r->bad; i++) {
        struct reader e = {.doc = r->doc, .in = evm_json_at(list, i)};
        w[i] = (struct evm_withdrawal){.index = get_u64(&e, "index"),
                                       .validator = get_u64(&e, "validatorIndex"),
                                       .amount = get_u64(&e, "amount")};
        get_addr(&e, "address", &w[i].addr);
        judge(r, !e.bad, "withdrawals");
    }
}

/* "blockHashes" and the parent's hash, which the header has anyway. */
static void get_ancestors(struct reader *r, struct evm_recorded *out)
{
    struct evm_jval map = evm_json_get(r->in, "blockHashes"), value;
    const struct evm_header *h = &out->block.header;
    size_t room = evm_json_count(map) + 1, n = 0;
    uint64_t *numbers = get_array(r, room, sizeof *numbers);
    struct evm_hash *hashes = get_array(r, room, sizeof *hashes);
    void *iter = NULL;
    const char *key;
    judge(r, !map.node || evm_json_is_object(map), "blockHashes");
    while (!r->bad && evm_json_next(map, &iter, &key, &value)) {
        struct evm_u256 number;
        judge(r,
              evm_hex_u256(key, &number) && evm_u256_fits64(&number) &&
                  evm_json_hash(value, &hashes[n]),
              "blockHashes");
        numbers[n++] = number.w[0];
    }
    if (!r->bad && h->number > 0) {
        numbers[n] = h->number - 1;
        hashes[n++] = h->parent_hash;
    }
    out->hashes = (struct evm_block_hashes){numbers, hashes, n};
}

/* The chain id in the first transaction that has one; 1 if none has. */
static uint64_t chain_id_of(struct evm_jval txs)
{
    for (size_t i = 0; i < evm_json_count(txs); i++) {
        uint64_t id, v;
        struct evm_jval tx = evm_json_at(txs, i);
        if (evm_json_u64(evm_json_get(tx, "chainId"), &id))
            return id;
        if (evm_json_u64(evm_json_get(tx, "v"), &v) && v >= 35)
            return (v - 35) / 2;
    }
    return 1;
}

/* A development chain has had one fork since its first block: the one that its header's fields
 * show. */
static const char *fork_of_header(const struct evm_header *h)
{
    if (h->has_requests_hash)
        return "prague";
    if (h->has_blob_gas)
        return "cancun";
    if (h->has_withdrawals_root)
        return "shanghai";
    if (!h->has_base_fee)
        return "berlin";
    return evm_u256_is_zero(&h->difficulty) ? "paris" : "london";
}

static enum evm_status load_chain(struct reader *r, struct evm_recorded *out, struct evm_err *err)
{
    uint64_t first_id = chain_id_of(evm_json_get(evm_json_get(r->in, "block"), "transactions"));
    struct evm_jval chain = evm_json_get(r->in, "chain"), named = evm_json_get(chain, "name");
    const char *name = evm_json_string(named);
    if ((chain.node && !evm_json_is_object(chain)) || (named.node && !name))
        return evm_fail(err, EVM_ERR_INPUT, "chain: not an object with a 'name'");
    const struct evm_chain_config *found =
        evm_chain_find(name            ? name
                       : first_id == 1 ? "mainnet"
                                       : fork_of_header(&out->block.header));
    if (!found)
        return evm_fail(err, EVM_ERR_INPUT, "chain: none is called '%.40s'", name);
    out->chain = *found;
    out->chain.chain_id = first_id;
    struct evm_jval id = evm_json_get(chain, "chainId");
    if (evm_json_present(id) && !evm_json_u64(id, &out->chain.chain_id))
        return evm_fail(err, EVM_ERR_INPUT, "chain: bad 'chainId'");
    return EVM_OK;
}

/* Do the parts give what the header says of them? */
static enum evm_status check_roots(const struct evm_recorded *r, struct evm_err *err)
{
    const struct evm_block *b = &r->block;
    struct evm_hash hash, txs, withdrawals = b->header.withdrawals_root;
    enum evm_status status = evm_header_hash(&b->header, &hash);
    if (status == EVM_OK)
        status = evm_transactions_root(b->txs, b->tx_count, &txs);
    if (status == EVM_OK && b->header.has_withdrawals_root)
        status = evm_withdrawals_root(b->withdrawals, b->withdrawal_count, &withdrawals);
    if (status != EVM_OK)
        return evm_fail(err, status, "out of memory");
    /* A private chain may have rules of its own for what its seals put into a header. */
    enum evm_block_fault fault = evm_check_header(&r->chain, &b->header);
    if (r->chain.fork_count > 1 && fault != EVM_BLOCK_FINE)
        return evm_fail(err, EVM_ERR_INPUT, "block: header: %s", evm_block_fault_name(fault));
    if (!evm_hash_eq(&hash, &r->hash))
        return evm_fail(err, EVM_ERR_INPUT, "block: the header's fields do not give its hash");
    if (!evm_hash_eq(&txs, &b->header.transactions_root))
        return evm_fail(err, EVM_ERR_INPUT, "block: not the header's transactions");
    if (!evm_hash_eq(&withdrawals, &b->header.withdrawals_root))
        return evm_fail(err, EVM_ERR_INPUT, "block: not the header's withdrawals");
    return EVM_OK;
}

/* A tracer leaves out what is zero or empty, but says the balance of every account: where that is
 * missing, a part of the file is. */
static enum evm_status load_prestate(struct evm_recorded *out, struct evm_jval accounts,
                                     struct evm_codes *codes, struct evm_err *err)
{
    struct evm_err inner = {0};
    struct evm_jval account;
    void *iter = NULL;
    const char *name;
    out->pre = evm_state_create(codes);
    if (!out->pre)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    enum evm_status status = evm_accounts_load(out->doc, accounts, out->pre, &inner);
    evm_state_seal(out->pre);
    if (status != EVM_OK)
        return evm_fail(err, status, "prestate: %.120s", inner.text);
    while (evm_json_next(accounts, &iter, &name, &account))
        if (!evm_json_get(account, "balance").node)
            return evm_fail(err, EVM_ERR_INPUT, "prestate: account %s: no balance", name);
    return EVM_OK;
}

static enum evm_status load(struct evm_recorded *out, struct evm_codes *codes, struct evm_err *err)
{
    struct reader top = {.doc = out->doc, .in = evm_json_root(out->doc)};
    struct reader block = {.doc = out->doc, .in = evm_json_get(top.in, "block")};
    if (!evm_json_is_object(block.in))
        return evm_fail(err, EVM_ERR_INPUT, "no 'block' in it: not a recorded block");
    get_header(&block, &out->block.header);
    get_hash(&block, "hash", &out->hash);
    get_withdrawals(&block, &out->block);
    struct evm_jval uncles = evm_json_get(block.in, "uncles");
    judge(&block, !evm_json_present(uncles) || evm_json_is_array(uncles), "uncles");
    out->uncle_hashes = (uint32_t)evm_json_count(uncles);
    if (has(&block, "size"))
        out->size = get_u64(&block, "size");
    if (!block.bad)
        get_ancestors(&top, out);
    if (block.memory || top.memory)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    if (block.bad || top.bad)
        return evm_fail(err, EVM_ERR_INPUT, "block: missing or bad '%s'",
                        block.bad ? block.bad : top.bad);
    enum evm_status status = load_chain(&top, out, err);
    if (status == EVM_OK)
        status = load_txs(out, evm_json_get(block.in, "transactions"), err);
    if (status == EVM_OK)
        status = check_roots(out, err);
    return status == EVM_OK ? load_prestate(out, evm_json_get(top.in, "prestate"), codes, err)
                            : status;
}

enum evm_status evm_recorded_load(const char *path, struct evm_codes *codes,
                                  struct evm_recorded *out, struct evm_err *err)
{
    struct evm_buf text = {0};
    struct evm_err inner = {0};
    *out = (struct evm_recorded){0};
    enum evm_status status = evm_file_read(path, &text, err);
    if (status == EVM_OK)
        status = evm_json_parse(&out->doc, (const char *)text.data, text.size, path, err);
    evm_buf_fini(&text);
    if (status != EVM_OK)
        return status;
    status = load(out, codes, &inner);
    return status == EVM_OK ? status : evm_fail(err, status, "%.120s: %.130s", path, inner.text);
}

void evm_recorded_fini(struct evm_recorded *r)
{
    for (uint32_t i = 0; r->txs && i <= r->block.tx_count; i++)
        evm_tx_fini(&r->txs[i]);
    free(r->txs);
    free(r->tx_list);
    evm_state_unref(r->pre);
    evm_json_destroy(r->doc);
    *r = (struct evm_recorded){0};
}
