#include "evm/block/tx.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/rlp.h"
#include "evm/core/sig.h"
#include "evm/core/u256.h"

#define TYPED_MAX 0x7f /* EIP-2718: a first byte up to this is a type, from 0xc0 on a list */

void evm_tx_fini(struct evm_tx *tx)
{
    free(tx->storage);
    *tx = (struct evm_tx){0};
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* Reads fields one after another; remembers the first that was wrong, and everything after it reads
 * as 0. */
struct reader {
    struct evm_bytes in;
    const char *bad;
};

static void judge(struct reader *r, bool ok, const char *field)
{
    if (!ok && !r->bad)
        r->bad = field;
}

static uint64_t get_u64(struct reader *r, const char *field)
{
    uint64_t v = 0;
    judge(r, !r->bad && evm_rlp_next_u64(&r->in, &v), field);
    return v;
}

static struct evm_u256 get_u256(struct reader *r, const char *field)
{
    struct evm_u256 v = {{0}};
    judge(r, !r->bad && evm_rlp_next_u256(&r->in, &v), field);
    return v;
}

static struct evm_bytes get_string(struct reader *r, const char *field)
{
    struct evm_bytes v = {0};
    judge(r, !r->bad && evm_rlp_next_string(&r->in, &v), field);
    return v;
}

static struct evm_bytes get_list(struct reader *r, const char *field)
{
    struct evm_bytes v = {0};
    judge(r, !r->bad && evm_rlp_next_list(&r->in, &v), field);
    return v;
}

static void get_to(struct reader *r, struct evm_tx *tx)
{
    struct evm_bytes to = get_string(r, "to");
    tx->is_create = to.size == 0;
    if (to.size == sizeof tx->to.b)
        memcpy(tx->to.b, to.data, to.size);
    else
        judge(r, tx->is_create, "to");
}

static size_t count_items(struct evm_bytes list, struct reader *r, const char *field)
{
    struct evm_rlp_item item;
    size_t n = 0;
    while (list.size > 0 && !r->bad) {
        judge(r, evm_rlp_next(&list, &item), field);
        n++;
    }
    return n;
}

/* The variable parts, found on the first pass so that one block can hold them all. */
struct parts {
    struct evm_bytes access, blobs, authorizations;
    size_t access_count, key_count, blob_count, authorization_count;
};

/* v of a legacy transaction: 27 + parity, or 35 + 2 chain_id + parity (EIP-155). */
static void legacy_v(struct reader *r, struct evm_tx *tx)
{
    struct evm_u256 v = get_u256(r, "v"), base = evm_u256_of(35);
    if (v.w[0] == 27 || v.w[0] == 28) {
        judge(r, evm_u256_fits64(&v), "v");
        tx->y_parity = evm_u256_of(v.w[0] - 27);
        return;
    }
    judge(r, !evm_u256_sub(&v, &v, &base), "v");
    tx->has_chain_id = true;
    tx->y_parity = evm_u256_of(v.w[0] & 1);
    evm_u256_shr(&v, &v, 1);
    judge(r, evm_u256_fits64(&v), "v");
    tx->chain_id = v.w[0];
}

static void get_fees(struct reader *r, struct evm_tx *tx)
{
    if (tx->type >= EVM_TX_DYNAMIC_FEE) {
        tx->max_priority_fee = get_u256(r, "max priority fee");
        tx->max_fee = get_u256(r, "max fee");
    } else {
        tx->max_fee = tx->max_priority_fee = get_u256(r, "gas price");
    }
}

/* Every field up to the signature, in the order of the type's EIP. */
static void get_fields(struct reader *r, struct evm_tx *tx, struct parts *p)
{
    if (tx->type != EVM_TX_LEGACY) {
        tx->has_chain_id = true;
        tx->chain_id = get_u64(r, "chain id");
    }
    tx->nonce = get_u64(r, "nonce");
    get_fees(r, tx);
    tx->gas_limit = get_u64(r, "gas limit");
    get_to(r, tx);
    tx->value = get_u256(r, "value");
    tx->input = get_string(r, "input");
    if (tx->type != EVM_TX_LEGACY)
        p->access = get_list(r, "access list");
    if (tx->type == EVM_TX_BLOB) {
        tx->max_blob_fee = get_u256(r, "max blob fee");
        p->blobs = get_list(r, "blob hashes");
    }
    if (tx->type == EVM_TX_SET_CODE)
        p->authorizations = get_list(r, "authorizations");
    if (tx->type == EVM_TX_LEGACY)
        legacy_v(r, tx);
    else
        tx->y_parity = get_u256(r, "y parity");
    tx->r = get_u256(r, "r");
    tx->s = get_u256(r, "s");
    judge(r, r->in.size == 0, "the end: there are bytes after the last field");
}

static void count_parts(struct reader *r, struct parts *p)
{
    p->access_count = count_items(p->access, r, "access list");
    p->blob_count = count_items(p->blobs, r, "blob hashes");
    p->authorization_count = count_items(p->authorizations, r, "authorizations");
    struct reader list = {.in = p->access, .bad = r->bad};
    while (list.in.size > 0 && !list.bad) {
        struct reader entry = {.in = get_list(&list, "access list"), .bad = list.bad};
        get_string(&entry, "access list");
        p->key_count += count_items(get_list(&entry, "access list"), &entry, "access list");
        judge(&entry, entry.in.size == 0, "access list");
        judge(&list, !entry.bad, entry.bad);
    }
    judge(r, !list.bad, list.bad);
}

static void fill_access(struct reader *r, struct evm_bytes list, struct evm_access_entry *entries,
                        struct evm_u256 *keys)
{
    struct reader all = {.in = list, .bad = r->bad};
    for (size_t i = 0; all.in.size > 0 && !all.bad; i++) {
        struct evm_bytes entry = get_list(&all, "access list"), slots = {0};
        judge(&all, evm_rlp_next_fixed(&entry, entries[i].addr.b, 20), "access list address");
        judge(&all, evm_rlp_next_list(&entry, &slots), "access list");
        entries[i].keys = keys;
        while (slots.size > 0 && !all.bad) {
            uint8_t key[32];
            judge(&all, evm_rlp_next_fixed(&slots, key, sizeof key), "access list key");
            if (!all.bad)
                evm_u256_load_be(keys++, key);
        }
        entries[i].key_count = (size_t)(keys - entries[i].keys);
    }
    judge(r, !all.bad, all.bad);
}

static void fill_authorizations(struct reader *r, struct evm_bytes list,
                                struct evm_authorization *out)
{
    struct reader all = {.in = list, .bad = r->bad};
    for (size_t i = 0; all.in.size > 0 && !all.bad; i++) {
        struct reader a = {.in = get_list(&all, "authorization"), .bad = all.bad};
        out[i] = (struct evm_authorization){.chain_id = get_u256(&a, "authorization chain id")};
        judge(&a, evm_rlp_next_fixed(&a.in, out[i].addr.b, 20), "authorization address");
        out[i].nonce = get_u64(&a, "authorization nonce");
        out[i].y_parity = get_u256(&a, "authorization y parity");
        out[i].r = get_u256(&a, "authorization r");
        out[i].s = get_u256(&a, "authorization s");
        judge(&a, a.in.size == 0 && evm_u256_clamp64(&out[i].y_parity) < 256, "authorization");
        judge(&all, !a.bad, a.bad);
    }
    judge(r, !all.bad, all.bad);
}

/* Second pass: fills the arrays in tx's own block. */
static void fill_parts(struct reader *r, struct evm_tx *tx, const struct parts *p)
{
    /* Widest alignment first; every struct here is a multiple of 8 bytes but the hashes, which need
     * none. */
    struct evm_access_entry *entries = tx->storage;
    struct evm_u256 *keys = (struct evm_u256 *)(entries + p->access_count);
    struct evm_authorization *auths = (struct evm_authorization *)(keys + p->key_count);
    struct evm_hash *blobs = (struct evm_hash *)(auths + p->authorization_count);
    fill_access(r, p->access, entries, keys);
    fill_authorizations(r, p->authorizations, auths);
    struct evm_bytes in = p->blobs;
    for (size_t i = 0; i < p->blob_count; i++)
        judge(r, evm_rlp_next_fixed(&in, blobs[i].b, 32), "blob hash");
    tx->access_list = p->access_count ? entries : NULL;
    tx->access_count = p->access_count;
    tx->authorizations = p->authorization_count ? auths : NULL;
    tx->authorization_count = p->authorization_count;
    tx->blob_hashes = p->blob_count ? blobs : NULL;
    tx->blob_count = p->blob_count;
}

/* raw with its type byte taken off gives the list's fields in r->in. */
static void open_envelope(struct reader *r, struct evm_tx *tx, struct evm_bytes raw)
{
    struct evm_bytes body = raw;
    if (raw.size > 0 && raw.data[0] <= TYPED_MAX) {
        judge(r, raw.data[0] >= EVM_TX_ACCESS_LIST && raw.data[0] <= EVM_TX_SET_CODE, "type");
        tx->type = (enum evm_tx_type)(r->bad ? 0 : raw.data[0]);
        body = (struct evm_bytes){raw.data + 1, raw.size - 1};
    }
    struct evm_bytes fields = {0};
    judge(r, evm_rlp_next_list(&body, &fields) && body.size == 0, "the envelope's list");
    r->in = fields;
}

enum evm_status evm_tx_decode(struct evm_tx *out, struct evm_bytes raw, struct evm_err *err)
{
    struct evm_tx tx = {0};
    struct parts p = {0};
    struct reader r = {0};
    *out = tx;
    open_envelope(&r, &tx, raw);
    get_fields(&r, &tx, &p);
    count_parts(&r, &p);
    if (r.bad)
        return evm_fail(err, EVM_ERR_INPUT, "transaction: bad %s", r.bad);
    size_t fixed = p.access_count * sizeof(struct evm_access_entry) +
                   p.key_count * sizeof(struct evm_u256) +
                   p.authorization_count * sizeof(struct evm_authorization) +
                   p.blob_count * sizeof(struct evm_hash);
    uint8_t *block = evm_malloc(fixed + raw.size);
    if (!block)
        return evm_fail(err, EVM_ERR_MEMORY, "transaction: out of memory");
    tx.storage = block;
    memcpy(block + fixed, raw.data, raw.size);
    tx.raw = (struct evm_bytes){block + fixed, raw.size};
    if (tx.input.size > 0)
        tx.input.data = tx.raw.data + (tx.input.data - raw.data);
    fill_parts(&r, &tx, &p);
    if (r.bad) {
        free(block);
        return evm_fail(err, EVM_ERR_INPUT, "transaction: bad %s", r.bad);
    }
    evm_keccak256(&tx.hash, tx.raw);
    *out = tx;
    return EVM_OK;
}

/* ---- encoding -------------------------------------------------------------------------------- */

static void put_access_list(struct evm_buf *b, const struct evm_tx *tx)
{
    size_t list = evm_rlp_open(b);
    for (size_t i = 0; i < tx->access_count; i++) {
        const struct evm_access_entry *e = &tx->access_list[i];
        size_t entry = evm_rlp_open(b);
        evm_rlp_put_addr(b, &e->addr);
        size_t keys = evm_rlp_open(b);
        for (size_t k = 0; k < e->key_count; k++) {
            struct evm_hash key;
            evm_u256_store_be(key.b, &e->keys[k]);
            evm_rlp_put_hash(b, &key);
        }
        evm_rlp_close(b, keys);
        evm_rlp_close(b, entry);
    }
    evm_rlp_close(b, list);
}

static void put_authorizations(struct evm_buf *b, const struct evm_tx *tx)
{
    size_t list = evm_rlp_open(b);
    for (size_t i = 0; i < tx->authorization_count; i++) {
        const struct evm_authorization *a = &tx->authorizations[i];
        size_t entry = evm_rlp_open(b);
        evm_rlp_put_u256(b, &a->chain_id);
        evm_rlp_put_addr(b, &a->addr);
        evm_rlp_put_u64(b, a->nonce);
        evm_rlp_put_u256(b, &a->y_parity);
        evm_rlp_put_u256(b, &a->r);
        evm_rlp_put_u256(b, &a->s);
        evm_rlp_close(b, entry);
    }
    evm_rlp_close(b, list);
}

static void put_type_parts(struct evm_buf *b, const struct evm_tx *tx)
{
    if (tx->type != EVM_TX_LEGACY)
        put_access_list(b, tx);
    if (tx->type == EVM_TX_BLOB) {
        evm_rlp_put_u256(b, &tx->max_blob_fee);
        size_t list = evm_rlp_open(b);
        for (size_t i = 0; i < tx->blob_count; i++)
            evm_rlp_put_hash(b, &tx->blob_hashes[i]);
        evm_rlp_close(b, list);
    }
    if (tx->type == EVM_TX_SET_CODE)
        put_authorizations(b, tx);
}

static void put_signature(struct evm_buf *b, const struct evm_tx *tx)
{
    struct evm_u256 v = tx->y_parity, base = evm_u256_of(tx->has_chain_id ? 35 : 27);
    if (tx->type == EVM_TX_LEGACY) {
        evm_u256_add(&v, &v, &base);
        if (tx->has_chain_id) {
            struct evm_u256 id = evm_u256_of(tx->chain_id);
            evm_u256_add(&v, &v, &id);
            evm_u256_add(&v, &v, &id);
        }
    }
    evm_rlp_put_u256(b, &v);
    evm_rlp_put_u256(b, &tx->r);
    evm_rlp_put_u256(b, &tx->s);
}

/* Into an empty buffer; returns where the input ends. */
static size_t put_tx(struct evm_buf *b, const struct evm_tx *tx)
{
    if (tx->type != EVM_TX_LEGACY) {
        uint8_t type = (uint8_t)tx->type;
        evm_buf_append(b, (struct evm_bytes){&type, 1});
    }
    size_t list = evm_rlp_open(b);
    if (tx->type != EVM_TX_LEGACY)
        evm_rlp_put_u64(b, tx->chain_id);
    evm_rlp_put_u64(b, tx->nonce);
    if (tx->type >= EVM_TX_DYNAMIC_FEE)
        evm_rlp_put_u256(b, &tx->max_priority_fee);
    evm_rlp_put_u256(b, &tx->max_fee);
    evm_rlp_put_u64(b, tx->gas_limit);
    evm_rlp_put_string(b, (struct evm_bytes){tx->to.b, tx->is_create ? 0 : sizeof tx->to.b});
    evm_rlp_put_u256(b, &tx->value);
    evm_rlp_put_string(b, tx->input);
    size_t input_end = b->size;
    put_type_parts(b, tx);
    put_signature(b, tx);
    size_t before = b->size;
    evm_rlp_close(b, list);
    return input_end + (b->size - before);
}

/* What the encoding does not hold. */
static void keep_recovered(struct evm_tx *to, const struct evm_tx *from)
{
    to->has_sender = from->has_sender;
    to->sender = from->sender;
    for (size_t i = 0; i < to->authorization_count; i++) {
        to->authorizations[i].authority = from->authorizations[i].authority;
        to->authorizations[i].authority_valid = from->authorizations[i].authority_valid;
    }
}

/* Most transactions: nothing in them but fields, and an input that fits a buffer on the stack. */
enum { PLAIN_INPUT = 1024, PLAIN_ENCODING = PLAIN_INPUT + 384 };

static bool is_plain(const struct evm_tx *tx)
{
    return tx->type == EVM_TX_DYNAMIC_FEE && !tx->access_count && !tx->blob_count &&
           !tx->authorization_count && tx->input.size <= PLAIN_INPUT;
}

/* Leaves what evm_tx_decode would, without reading it all again. */
static enum evm_status encode_plain(struct evm_tx *tx, struct evm_err *err)
{
    uint8_t space[PLAIN_ENCODING];
    struct evm_buf b = {.data = space, .capacity = sizeof space};
    size_t input_end = put_tx(&b, tx);
    EVM_CHECK(b.data == space && !b.failed, "a plain transaction of %zu bytes", b.size);
    uint8_t *block = evm_malloc(b.size);
    if (!block)
        return evm_fail(err, EVM_ERR_MEMORY, "transaction: out of memory");
    memcpy(block, b.data, b.size);
    free(tx->storage);
    tx->storage = block;
    tx->raw = (struct evm_bytes){block, b.size};
    tx->input.data = tx->input.size ? block + input_end - tx->input.size : NULL;
    tx->has_chain_id = true;
    tx->max_blob_fee = (struct evm_u256){{0}};
    if (tx->is_create)
        tx->to = (struct evm_addr){{0}};
    tx->access_list = NULL;
    tx->blob_hashes = NULL;
    tx->authorizations = NULL;
    return EVM_OK;
}

static enum evm_status check_parity(const struct evm_tx *tx, struct evm_err *err)
{
    if (evm_u256_clamp64(&tx->y_parity) > 1)
        return evm_fail(err, EVM_ERR_INPUT, "transaction: y parity is neither 0 nor 1");
    return EVM_OK;
}

enum evm_status evm_tx_encode(struct evm_tx *tx, struct evm_err *err)
{
    struct evm_buf b = {0};
    struct evm_tx made;
    enum evm_status status = check_parity(tx, err);
    if (status != EVM_OK)
        return status;
    if (is_plain(tx)) {
        status = encode_plain(tx, err);
        if (status == EVM_OK)
            evm_keccak256(&tx->hash, tx->raw);
        return status;
    }
    put_tx(&b, tx);
    status = b.failed ? evm_fail(err, EVM_ERR_MEMORY, "transaction: out of memory")
                      : evm_tx_decode(&made, evm_buf_bytes(&b), err);
    evm_buf_fini(&b);
    if (status != EVM_OK)
        return status;
    keep_recovered(&made, tx);
    evm_tx_fini(tx);
    *tx = made;
    return EVM_OK;
}

enum evm_status evm_tx_encode_unhashed(struct evm_tx *tx, struct evm_err *err)
{
    enum evm_status status = check_parity(tx, err);
    if (status != EVM_OK)
        return status;
    return is_plain(tx) ? encode_plain(tx, err) : evm_tx_encode(tx, err);
}

/* ---- signatures ------------------------------------------------------------------------------ */

/* A list's prefix, into at most 9 bytes. */
static size_t list_prefix(uint8_t out[9], size_t size)
{
    if (size < 56) {
        out[0] = (uint8_t)(0xc0 + size);
        return 1;
    }
    size_t bytes = evm_rlp_prefix_size(size) - 1;
    out[0] = (uint8_t)(0xf7 + bytes);
    for (size_t i = 0; i < bytes; i++)
        out[1 + i] = (uint8_t)(size >> (8 * (bytes - 1 - i)));
    return 1 + bytes;
}

void evm_tx_signing_hash(const struct evm_tx *tx, struct evm_hash *out)
{
    /* The signed fields are a prefix of the encoded ones, so the encoding is hashed in place with
     * another list length. */
    struct reader r = {0};
    struct evm_tx copy = {0};
    struct evm_rlp_item item;
    open_envelope(&r, &copy, tx->raw);
    EVM_CHECK(!r.bad, "signing hash of a transaction without an encoding (%zu bytes)",
              tx->raw.size);
    static const int signed_fields[] = {6, 8, 9, 11, 10}; /* by type */
    struct evm_bytes body = r.in;
    for (int i = 0; i < signed_fields[tx->type]; i++)
        evm_rlp_next(&r.in, &item);
    body.size -= r.in.size;

    uint8_t tail[16]; /* chain_id, 0, 0: at most 9 + 1 + 1 bytes */
    size_t tail_size = 0;
    if (tx->type == EVM_TX_LEGACY && tx->has_chain_id) {
        uint8_t id[8];
        size_t zeros = 0;
        evm_store_be64(id, tx->chain_id);
        while (zeros < 8 && id[zeros] == 0)
            zeros++;
        if (zeros == 8 || zeros < 7 || id[7] > TYPED_MAX)
            tail[tail_size++] = (uint8_t)(0x80 + 8 - zeros);
        memcpy(tail + tail_size, id + zeros, 8 - zeros);
        tail_size += 8 - zeros;
        tail[tail_size++] = 0x80;
        tail[tail_size++] = 0x80;
    }
    uint8_t prefix[10];
    size_t prefix_size = 0;
    if (tx->type != EVM_TX_LEGACY)
        prefix[prefix_size++] = (uint8_t)tx->type;
    prefix_size += list_prefix(prefix + prefix_size, body.size + tail_size);
    struct evm_keccak k;
    evm_keccak_init(&k);
    evm_keccak_update(&k, (struct evm_bytes){prefix, prefix_size});
    evm_keccak_update(&k, body);
    evm_keccak_update(&k, (struct evm_bytes){tail, tail_size});
    evm_keccak_final(&k, out);
}

static void address_of_key(const uint8_t public_key[64], struct evm_addr *out)
{
    struct evm_hash h;
    evm_keccak256(&h, (struct evm_bytes){public_key, 64});
    memcpy(out->b, h.b + 12, sizeof out->b);
}

static bool recover_address(const struct evm_hash *digest, const struct evm_u256 *y_parity,
                            const struct evm_u256 *r, const struct evm_u256 *s, bool low_s,
                            struct evm_addr *out)
{
    uint8_t r_bytes[32], s_bytes[32], key[64];
    evm_u256_store_be(r_bytes, r);
    evm_u256_store_be(s_bytes, s);
    if (evm_u256_clamp64(y_parity) > 1 || (low_s && evm_sig_high_s(s_bytes)) ||
        !evm_sig_recover(digest, r_bytes, s_bytes, (int)y_parity->w[0], key))
        return false;
    address_of_key(key, out);
    return true;
}

static bool sign_digest(const struct evm_hash *digest, const uint8_t secret[32],
                        struct evm_u256 *y_parity, struct evm_u256 *r, struct evm_u256 *s)
{
    uint8_t r_bytes[32], s_bytes[32];
    int id;
    if (!evm_sig_sign(digest, secret, r_bytes, s_bytes, &id))
        return false;
    *y_parity = evm_u256_of((uint64_t)id);
    evm_u256_load_be(r, r_bytes);
    evm_u256_load_be(s, s_bytes);
    return true;
}

/* keccak256(0x05 || rlp([chain_id, address, nonce])), EIP-7702. */
static void authorization_hash(const struct evm_authorization *a, struct evm_hash *out)
{
    uint8_t bytes[80] = {0x05}; /* 1 + at most 1 + 33 + 21 + 9 */
    uint8_t body[64], number[32];
    size_t size = 0;
    struct evm_u256 nonce = evm_u256_of(a->nonce);
    const struct evm_u256 *numbers[2] = {&a->chain_id, &nonce};
    for (int i = 0; i < 2; i++) {
        size_t width = (evm_u256_bits(numbers[i]) + 7) / 8;
        evm_u256_store_be(number, numbers[i]);
        if (width != 1 || number[31] > TYPED_MAX)
            body[size++] = (uint8_t)(0x80 + width);
        memcpy(body + size, number + 32 - width, width);
        size += width;
        if (i == 0) {
            body[size++] = 0x80 + 20;
            memcpy(body + size, a->addr.b, 20);
            size += 20;
        }
    }
    size_t at = 1 + list_prefix(bytes + 1, size);
    memcpy(bytes + at, body, size);
    evm_keccak256(out, (struct evm_bytes){bytes, at + size});
}

void evm_authorization_recover(struct evm_authorization *a)
{
    struct evm_hash digest;
    authorization_hash(a, &digest);
    a->authority_valid = recover_address(&digest, &a->y_parity, &a->r, &a->s, true, &a->authority);
}

bool evm_authorization_sign(struct evm_authorization *a, const uint8_t secret[32])
{
    struct evm_hash digest;
    authorization_hash(a, &digest);
    a->authority_valid = sign_digest(&digest, secret, &a->y_parity, &a->r, &a->s) &&
                         evm_address_of_secret(secret, &a->authority);
    return a->authority_valid;
}

enum evm_status evm_tx_sign(struct evm_tx *tx, const uint8_t secret[32], struct evm_err *err)
{
    struct evm_hash digest;
    struct evm_addr sender;
    if (!evm_address_of_secret(secret, &sender))
        return evm_fail(err, EVM_ERR_INPUT, "transaction: not a secret key");
    tx->y_parity = tx->r = tx->s = evm_u256_of(0);
    enum evm_status status = evm_tx_encode(tx, err);
    if (status != EVM_OK)
        return status;
    evm_tx_signing_hash(tx, &digest);
    if (!sign_digest(&digest, secret, &tx->y_parity, &tx->r, &tx->s))
        return evm_fail(err, EVM_ERR_MEMORY, "transaction: no signing context");
    tx->sender = sender;
    tx->has_sender = true;
    return evm_tx_encode(tx, err);
}

enum evm_status evm_tx_recover(struct evm_tx *tx, bool require_low_s, struct evm_err *err)
{
    struct evm_hash digest;
    evm_tx_signing_hash(tx, &digest);
    tx->has_sender = recover_address(&digest, &tx->y_parity, &tx->r, &tx->s,
                                     require_low_s || tx->type != EVM_TX_LEGACY, &tx->sender);
    if (!tx->has_sender)
        return evm_fail(err, EVM_ERR_INPUT, "transaction: the signature recovers to no address");
    for (size_t i = 0; i < tx->authorization_count; i++)
        evm_authorization_recover(&tx->authorizations[i]);
    return EVM_OK;
}

bool evm_address_of_secret(const uint8_t secret[32], struct evm_addr *out)
{
    uint8_t key[64];
    if (!evm_sig_public_key(secret, key))
        return false;
    address_of_key(key, out);
    return true;
}
