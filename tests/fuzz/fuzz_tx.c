/* Transactions of every type. Bytes that decode encode to the same bytes and hash; fields that
 * encode decode to the same fields, and a signature recovers to its signer; and whatever the
 * transaction, running it by any fork's rules ends with a named verdict, and moves and burns
 * exactly the wei that it says. */
#include <stdlib.h>

#include "evm/block/txrun.h"
#include "evm/core/u256.h"
#include "evm/state/state.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_plan fuzz_plan = {.runs = 2000, .max_size = 800};

/* ---- encoding -----------------------------------------------------------------------------------
 */

static bool same_bytes(struct evm_bytes a, struct evm_bytes b)
{
    return a.size == b.size && (!a.size || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_access(const struct evm_tx *a, const struct evm_tx *b)
{
    if (a->access_count != b->access_count)
        return false;
    for (size_t i = 0; i < a->access_count; i++) {
        const struct evm_access_entry *x = &a->access_list[i], *y = &b->access_list[i];
        if (!evm_addr_eq(&x->addr, &y->addr) || x->key_count != y->key_count)
            return false;
        for (size_t k = 0; k < x->key_count; k++)
            if (!evm_u256_eq(&x->keys[k], &y->keys[k]))
                return false;
    }
    return true;
}

static bool same_authorizations(const struct evm_tx *a, const struct evm_tx *b)
{
    if (a->authorization_count != b->authorization_count)
        return false;
    for (size_t i = 0; i < a->authorization_count; i++) {
        const struct evm_authorization *x = &a->authorizations[i], *y = &b->authorizations[i];
        if (!evm_u256_eq(&x->chain_id, &y->chain_id) || !evm_addr_eq(&x->addr, &y->addr) ||
            x->nonce != y->nonce || !evm_u256_eq(&x->y_parity, &y->y_parity) ||
            !evm_u256_eq(&x->r, &y->r) || !evm_u256_eq(&x->s, &y->s))
            return false;
    }
    return true;
}

static void same_tx(const struct evm_tx *a, const struct evm_tx *b)
{
    EVM_CHECK(a->type == b->type && a->is_create == b->is_create, "type %d, %d", a->type, b->type);
    EVM_CHECK(a->has_chain_id == b->has_chain_id && a->chain_id == b->chain_id, "chain %lu, %lu",
              (unsigned long)a->chain_id, (unsigned long)b->chain_id);
    EVM_CHECK(a->nonce == b->nonce && a->gas_limit == b->gas_limit, "gas %lu, %lu",
              (unsigned long)a->gas_limit, (unsigned long)b->gas_limit);
    EVM_CHECK(evm_u256_eq(&a->max_fee, &b->max_fee) &&
                  evm_u256_eq(&a->max_priority_fee, &b->max_priority_fee) &&
                  evm_u256_eq(&a->max_blob_fee, &b->max_blob_fee) &&
                  evm_u256_eq(&a->value, &b->value),
              "type %d: an amount differs", a->type);
    EVM_CHECK(a->is_create || evm_addr_eq(&a->to, &b->to), "type %d: `to` differs", a->type);
    EVM_CHECK(same_bytes(a->input, b->input), "input of %zu, %zu", a->input.size, b->input.size);
    EVM_CHECK(same_access(a, b), "access lists of %zu, %zu", a->access_count, b->access_count);
    EVM_CHECK(same_authorizations(a, b), "authorizations: %zu, %zu", a->authorization_count,
              b->authorization_count);
    EVM_CHECK(
        a->blob_count == b->blob_count &&
            (!a->blob_count || memcmp(a->blob_hashes, b->blob_hashes, 32 * a->blob_count) == 0),
        "blobs: %zu, %zu", a->blob_count, b->blob_count);
    EVM_CHECK(evm_u256_eq(&a->y_parity, &b->y_parity) && evm_u256_eq(&a->r, &b->r) &&
                  evm_u256_eq(&a->s, &b->s),
              "type %d: the signature differs", a->type);
    EVM_CHECK(evm_hash_eq(&a->hash, &b->hash), "type %d: the hash differs", a->type);
}

/* Decodes; if that works, encodes it anew and compares. The transaction is the caller's to end. */
static bool decode(struct evm_tx *tx, struct evm_bytes raw)
{
    struct evm_err err = {0};
    if (evm_tx_decode(tx, raw, &err) != EVM_OK) {
        EVM_CHECK(err.text[0], "%zu bytes are refused without a word", raw.size);
        return false;
    }
    EVM_CHECK(same_bytes(tx->raw, raw), "%zu bytes are kept as %zu", raw.size, tx->raw.size);
    struct evm_tx again = *tx;
    again.storage = NULL;                      /* borrowed from *tx: encode copies it all */
    if (evm_u256_clamp64(&tx->y_parity) > 1) { /* decodes, but is not to be made (tx.h) */
        EVM_CHECK(evm_tx_encode(&again, &err) == EVM_ERR_INPUT, "type %d", (int)tx->type);
        return true;
    }
    EVM_CHECK(evm_tx_encode(&again, &err) == EVM_OK, "decodes, but: %s", err.text);
    EVM_CHECK(same_bytes(again.raw, raw), "%zu bytes encode to %zu others", raw.size,
              again.raw.size);
    same_tx(tx, &again);
    evm_tx_fini(&again);
    return true;
}

/* ---- transactions from the input's fields
 * --------------------------------------------------------- */

struct parts {
    struct evm_access_entry access[3];
    struct evm_u256 keys[3][4];
    struct evm_hash blobs[8];
    struct evm_authorization authorizations[3];
};

static struct evm_u256 amount(struct fuzz_in *in)
{
    struct evm_u256 x;
    uint8_t bytes[32], n = fuzz_u8(in);
    unsigned size = n < 0x80 ? n % 4u : n % 33u;
    fuzz_fill(in, bytes, size);
    evm_u256_load_be_n(&x, bytes, size);
    return x;
}

static uint64_t number(struct fuzz_in *in)
{
    uint8_t n = fuzz_u8(in);
    return fuzz_uint(in, n < 0xe0 ? n % 4u : n % 9u);
}

static void fill_lists(struct evm_tx *tx, struct parts *p, struct fuzz_in *in)
{
    uint8_t counts = fuzz_u8(in);
    tx->access_count = tx->type >= EVM_TX_ACCESS_LIST ? counts % 4 : 0;
    for (size_t i = 0; i < tx->access_count; i++) {
        fuzz_fill(in, p->access[i].addr.b, 20);
        p->access[i].key_count = fuzz_u8(in) % 5;
        p->access[i].keys = p->keys[i];
        for (size_t k = 0; k < p->access[i].key_count; k++)
            p->keys[i][k] = amount(in);
    }
    tx->access_list = p->access;
    tx->blob_count = tx->type == EVM_TX_BLOB ? counts >> 2 & 7 : 0;
    for (size_t i = 0; i < tx->blob_count; i++)
        p->blobs[i].b[0] = fuzz_u8(in) % 16 ? 1 : 2, p->blobs[i].b[31] = fuzz_u8(in);
    tx->blob_hashes = p->blobs;
    tx->authorization_count = tx->type == EVM_TX_SET_CODE ? counts >> 5 & 3 : 0;
    for (size_t i = 0; i < tx->authorization_count; i++) {
        struct evm_authorization *a = &p->authorizations[i];
        uint8_t secret[32] = {[0] = 1, [31] = fuzz_u8(in)};
        a->chain_id = evm_u256_of(fuzz_u8(in) % 3);
        fuzz_fill(in, a->addr.b, 20);
        a->nonce = number(in);
        if (!evm_authorization_sign(a, secret) || secret[31] % 8 == 0)
            a->s = amount(in);
    }
    tx->authorizations = p->authorizations;
}

static void fill(struct evm_tx *tx, struct parts *p, struct fuzz_in *in)
{
    uint8_t k = fuzz_u8(in);
    *tx = (struct evm_tx){.type = (enum evm_tx_type)(k % 5)};
    tx->has_chain_id = tx->type != EVM_TX_LEGACY || k & 0x40;
    tx->is_create = (k & 0x80) && tx->type < EVM_TX_BLOB;
    tx->chain_id = tx->has_chain_id ? (k & 0x20 ? number(in) >> 2 : 1) : 0;
    tx->nonce = k & 0x10 ? number(in) : 0;
    tx->gas_limit = number(in);
    tx->max_fee = amount(in);
    tx->max_priority_fee = tx->type >= EVM_TX_DYNAMIC_FEE ? amount(in) : tx->max_fee;
    tx->max_blob_fee = tx->type == EVM_TX_BLOB ? amount(in) : evm_u256_of(0);
    tx->value = amount(in);
    if (!tx->is_create)
        fuzz_fill(in, tx->to.b, 20);
    fill_lists(tx, p, in);
    tx->input = fuzz_take(in, fuzz_u8(in));
}

/* ---- validity and money
 * --------------------------------------------------------------------------- */

static void add_balance(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    (void)addr;
    evm_u256_add(self, self, &acc->balance);
}

static void no_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                    const struct evm_u256 *value)
{
    (void)self, (void)addr, (void)key, (void)value;
}

static struct evm_u256 wealth(const struct evm_state *s)
{
    struct evm_u256 sum = {{0}};
    EVM_CHECK(evm_state_each(s, add_balance, no_slot, &sum) == EVM_OK, "no memory%s", "");
    return sum;
}

static struct evm_state *make_world(struct evm_codes *codes, const struct evm_tx *tx, uint8_t how)
{
    struct evm_account_change sender = {
        .addr = tx->sender,
        .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CREATED,
        .nonce = how & 1 ? tx->nonce : 0,
        .balance = {{how & 2 ? 0 : 1000000, how & 4 ? 0 : 1u << 30, 0, how & 8 ? 1 : 0}},
    };
    struct evm_changes changes = {.accounts = &sender, .account_count = 1};
    struct evm_state *world = evm_state_create(codes);
    EVM_CHECK(world && evm_state_apply(world, &changes) == EVM_OK, "no memory%s", "");
    evm_state_seal(world);
    return world;
}

static void run(const struct evm_tx *tx, uint8_t fork, uint8_t how)
{
    struct evm_codes *codes = evm_codes_create();
    struct evm_state *world = make_world(codes, tx, how), *after = evm_state_fork(world);
    struct evm_txrun *run = evm_txrun_create(codes);
    struct evm_block_hashes none = {0};
    struct evm_state_view view = {world, &none};
    const struct evm_rules *rules = evm_rules_of((enum evm_fork)(fork % EVM_FORK_COUNT));
    struct evm_block_env env = {
        .number = 5,
        .gas_limit = 30000000,
        .chain_id = 1,
        .coinbase = {{0xcb}},
        .base_fee = evm_u256_of(rules->base_fee ? how >> 5 : 0),
        .blob_base_fee = evm_u256_of(1 + (how >> 6)),
    };
    uint64_t floor, intrinsic = evm_tx_intrinsic_gas(rules, tx, &floor);
    evm_txrun_begin(run, rules, &env, tx, evm_state_view(&view), 0);
    EVM_CHECK(evm_txrun_step(run, NULL, 0) == EVM_STEP_DONE, "no end (%d)", (int)rules->fork);
    const struct evm_tx_outcome *o = evm_txrun_outcome(run);
    EVM_CHECK(o->error == EVM_OK, "error %d", (int)o->error);
    EVM_CHECK(evm_tx_invalid_name(o->invalid)[0], "no name for %d", (int)o->invalid);
    EVM_CHECK(evm_state_apply(after, o->changes) == EVM_OK, "no memory%s", "");
    evm_state_seal(after);

    struct evm_u256 before_sum = wealth(world), sum = wealth(after), lost, burnt, blob;
    evm_u256_sub(&lost, &before_sum, &sum);
    if (o->invalid != EVM_TX_VALID) {
        EVM_CHECK(o->changes->account_count == 0, "%s, but it writes",
                  evm_tx_invalid_name(o->invalid));
    } else {
        EVM_CHECK(o->gas_used <= tx->gas_limit && o->gas_used >= floor, "gas %lu of %lu, floor %lu",
                  (unsigned long)o->gas_used, (unsigned long)tx->gas_limit, (unsigned long)floor);
        EVM_CHECK(o->gas_used + o->gas_refunded >= intrinsic, "gas %lu, intrinsic %lu",
                  (unsigned long)o->gas_used, (unsigned long)intrinsic);
        struct evm_u256 gas = evm_u256_of(o->gas_used), blob_gas = evm_u256_of(o->blob_gas_used);
        evm_u256_mul(&burnt, &gas, &env.base_fee);
        evm_u256_mul(&blob, &blob_gas, &env.blob_base_fee);
        evm_u256_add(&burnt, &burnt, &blob);
        evm_u256_add(&burnt, &burnt, &o->fee);
        /* Initcode may give its contract's wei to itself and end it: then they are gone too. */
        evm_u256_sub(&lost, &lost, &burnt);
        struct evm_u256 most = tx->is_create ? tx->value : evm_u256_of(0);
        EVM_CHECK(!evm_u256_lt(&most, &lost), "wei are missing: %lu beyond what was paid",
                  (unsigned long)lost.w[0]);
    }
    evm_txrun_destroy(run);
    evm_state_unref(after);
    evm_state_unref(world);
    evm_codes_destroy(codes);
}

/* ---- the target
 * ----------------------------------------------------------------------------------- */

static void any_bytes(struct fuzz_in *in, uint8_t fork, uint8_t how)
{
    struct evm_tx tx = {0};
    if (!decode(&tx, (struct evm_bytes){in->data, in->size}))
        return;
    struct evm_err err = {0};
    struct evm_hash signing;
    evm_tx_signing_hash(&tx, &signing);
    if (evm_tx_recover(&tx, how & 0x10, &err) != EVM_OK)
        EVM_CHECK(err.text[0], "no recovery, and no word about it (%d)", (int)tx.type);
    if (evm_tx_recover(&tx, false, &err) == EVM_OK)
        run(&tx, fork, how);
    evm_tx_fini(&tx);
}

/* Encodes, signs, decodes; then spoils one byte of it and decodes again. */
static void from_fields(struct fuzz_in *in, uint8_t fork, uint8_t how)
{
    struct parts parts = {0};
    struct evm_tx tx, read = {0};
    struct evm_err err = {0};
    struct evm_addr signer;
    uint8_t secret[32] = {[0] = how, [31] = 1};
    uint8_t at = fuzz_u8(in), by = fuzz_u8(in);
    fill(&tx, &parts, in);
    EVM_CHECK(evm_tx_sign(&tx, secret, &err) == EVM_OK, "does not sign: %s", err.text);
    EVM_CHECK(evm_address_of_secret(secret, &signer), "a secret of %d", how);
    EVM_CHECK(decode(&read, tx.raw), "type %d does not decode", (int)tx.type);
    same_tx(&tx, &read);
    EVM_CHECK(evm_tx_recover(&read, true, &err) == EVM_OK, "does not recover: %s", err.text);
    EVM_CHECK(evm_addr_eq(&read.sender, &signer), "another signer (%d)", (int)tx.type);
    run(&read, fork, how);
    evm_tx_fini(&read);

    uint8_t *spoilt = malloc(tx.raw.size);
    EVM_CHECK(spoilt, "no memory%s", "");
    memcpy(spoilt, tx.raw.data, tx.raw.size);
    spoilt[at % tx.raw.size] ^= by;
    struct fuzz_in bad = {spoilt, tx.raw.size};
    any_bytes(&bad, fork, how);
    free(spoilt);
    evm_tx_fini(&tx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    uint8_t head = fuzz_u8(&in), how = fuzz_u8(&in);
    if (head & 0x80)
        any_bytes(&in, head, how);
    else
        from_fields(&in, head, how);
    return 0;
}
