/* A block access list as bytes: [[address, [[slot, [[index, value]...]]...], [slot...],
 * [[index, balance]...], [[index, nonce]...], [[index, code]...]]...], EIP-7928. */
#include "evm/block/bal_internal.h"
#include "evm/core/keccak.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"

/* ---- encoding -------------------------------------------------------------------------------- */

/* nonce: 64 bits, which are encoded as the same bytes. */
static void put_values(struct evm_buf *out, const struct evm_bal *bal, uint32_t first,
                       uint32_t count)
{
    size_t list = evm_rlp_open(out);
    for (uint32_t i = first; i < first + count; i++) {
        size_t pair = evm_rlp_open(out);
        evm_rlp_put_u64(out, bal->values[i].index);
        evm_rlp_put_u256(out, &bal->values[i].value);
        evm_rlp_close(out, pair);
    }
    evm_rlp_close(out, list);
}

static void put_account(struct evm_buf *out, const struct evm_bal *bal,
                        const struct evm_bal_account *a)
{
    size_t whole = evm_rlp_open(out);
    evm_rlp_put_addr(out, &a->addr);
    size_t list = evm_rlp_open(out);
    for (uint32_t i = a->first_slot; i < a->first_slot + a->slot_count; i++) {
        size_t slot = evm_rlp_open(out);
        evm_rlp_put_u256(out, &bal->slots[i].key);
        put_values(out, bal, bal->slots[i].first, bal->slots[i].count);
        evm_rlp_close(out, slot);
    }
    evm_rlp_close(out, list);
    list = evm_rlp_open(out);
    for (uint32_t i = a->first_read; i < a->first_read + a->read_count; i++)
        evm_rlp_put_u256(out, &bal->reads[i]);
    evm_rlp_close(out, list);
    put_values(out, bal, a->first_balance, a->balance_count);
    put_values(out, bal, a->first_nonce, a->nonce_count);
    list = evm_rlp_open(out);
    for (uint32_t i = a->first_code; i < a->first_code + a->code_count; i++) {
        const struct evm_bal_code *c = &bal->codes[i];
        size_t pair = evm_rlp_open(out);
        evm_rlp_put_u64(out, c->index);
        evm_rlp_put_string(out, (struct evm_bytes){bal->bytes.data + c->first, c->size});
        evm_rlp_close(out, pair);
    }
    evm_rlp_close(out, list);
    evm_rlp_close(out, whole);
}

void evm_bal_encode(struct evm_buf *out, const struct evm_bal *bal)
{
    size_t list = evm_rlp_open(out);
    for (uint32_t i = 0; i < bal->account_count; i++)
        put_account(out, bal, &bal->accounts[i]);
    evm_rlp_close(out, list);
}

enum evm_status evm_bal_hash(const struct evm_bal *bal, struct evm_hash *out)
{
    struct evm_buf bytes = {0};
    evm_bal_encode(&bytes, bal);
    bool failed = bytes.failed;
    if (!failed)
        evm_keccak256(out, evm_buf_bytes(&bytes));
    evm_buf_fini(&bytes);
    return failed ? EVM_ERR_MEMORY : EVM_OK;
}

/* ---- decoding -------------------------------------------------------------------------------- */

struct decoder {
    struct evm_bal *bal;
    uint32_t account; /* which one, for messages */
    struct evm_err *err;
};

static enum evm_status bad(const struct decoder *d, const char *what)
{
    return evm_fail(d->err, EVM_ERR_INPUT, "block access list, account %u: %s", d->account, what);
}

static enum evm_status no_memory(const struct decoder *d)
{
    return evm_fail(d->err, EVM_ERR_MEMORY, "out of memory for a block access list");
}

/* [index, ...]: what follows the index is left in *rest. *last is the index before, or -1. */
static bool next_index(struct evm_bytes *in, struct evm_bytes *rest, int64_t *last, uint32_t *index)
{
    uint64_t wide;
    if (!evm_rlp_next_list(in, rest) || !evm_rlp_next_u64(rest, &wide) || wide > UINT32_MAX ||
        (int64_t)wide <= *last)
        return false;
    *last = (int64_t)wide;
    *index = (uint32_t)wide;
    return true;
}

/* A list of [index, value], ascending; narrow: values of 64 bits. */
static enum evm_status read_values(struct decoder *d, struct evm_bytes *in, bool narrow,
                                   const char *what, uint32_t *count)
{
    struct evm_bytes list, pair;
    int64_t last = -1;
    if (!evm_rlp_next_list(in, &list))
        return bad(d, what);
    while (list.size) {
        uint32_t index;
        struct evm_u256 value;
        if (!next_index(&list, &pair, &last, &index) || !evm_rlp_next_u256(&pair, &value) ||
            pair.size || (narrow && !evm_u256_fits64(&value)))
            return bad(d, what);
        if (!bal_add_value(d->bal, index, &value))
            return no_memory(d);
        ++*count;
    }
    return EVM_OK;
}

static enum evm_status read_slots(struct decoder *d, struct evm_bytes *in,
                                  struct evm_bal_account *a)
{
    struct evm_bytes list, one;
    if (!evm_rlp_next_list(in, &list))
        return bad(d, "its storage changes are no list");
    while (list.size) {
        struct evm_u256 key;
        if (!evm_rlp_next_list(&list, &one) || !evm_rlp_next_u256(&one, &key))
            return bad(d, "a storage change is no [slot, changes]");
        if (a->slot_count && evm_u256_cmp(&d->bal->slots[d->bal->slot_count - 1].key, &key) >= 0)
            return bad(d, "its changed slots are not in ascending order");
        struct evm_bal_slot *s = bal_add_slot(d->bal, &key);
        if (!s)
            return no_memory(d);
        enum evm_status st = read_values(
            d, &one, false, "a slot's changes are no ascending list of [index, value]", &s->count);
        if (st != EVM_OK)
            return st;
        if (one.size)
            return bad(d, "a storage change is no [slot, changes]");
        if (s->count == 0)
            return bad(d, "a changed slot has no changes");
        a->slot_count++;
    }
    return EVM_OK;
}

static enum evm_status read_reads(struct decoder *d, struct evm_bytes *in,
                                  struct evm_bal_account *a)
{
    struct evm_bytes list;
    uint32_t changed = a->first_slot, end = a->first_slot + a->slot_count;
    if (!evm_rlp_next_list(in, &list))
        return bad(d, "its storage reads are no list");
    while (list.size) {
        struct evm_u256 key;
        if (!evm_rlp_next_u256(&list, &key))
            return bad(d, "a storage read is no slot");
        if (a->read_count && evm_u256_cmp(&d->bal->reads[d->bal->read_count - 1], &key) >= 0)
            return bad(d, "its storage reads are not in ascending order");
        while (changed < end && evm_u256_cmp(&d->bal->slots[changed].key, &key) < 0)
            changed++;
        if (changed < end && evm_u256_eq(&d->bal->slots[changed].key, &key))
            return bad(d, "a slot is among the changed and the read ones");
        if (!bal_add_read(d->bal, &key))
            return no_memory(d);
        a->read_count++;
    }
    return EVM_OK;
}

static enum evm_status read_codes(struct decoder *d, struct evm_bytes *in,
                                  struct evm_bal_account *a)
{
    struct evm_bytes list, pair, code;
    int64_t last = -1;
    if (!evm_rlp_next_list(in, &list))
        return bad(d, "its code changes are no list");
    while (list.size) {
        uint32_t index;
        if (!next_index(&list, &pair, &last, &index) || !evm_rlp_next_string(&pair, &code) ||
            pair.size)
            return bad(d, "its code changes are no ascending list of [index, code]");
        if (!bal_add_code(d->bal, index, code))
            return no_memory(d);
        a->code_count++;
    }
    return EVM_OK;
}

static enum evm_status read_account(struct decoder *d, struct evm_bytes in)
{
    struct evm_addr addr;
    const struct evm_bal *bal = d->bal;
    if (!evm_rlp_next_fixed(&in, addr.b, sizeof addr.b))
        return bad(d, "it has no address of 20 bytes");
    if (bal->account_count &&
        memcmp(bal->accounts[bal->account_count - 1].addr.b, addr.b, sizeof addr.b) >= 0)
        return bad(d, "the addresses are not in ascending order");
    struct evm_bal_account *a = bal_add_account(d->bal, &addr);
    if (!a)
        return no_memory(d);
    enum evm_status st = read_slots(d, &in, a);
    if (st == EVM_OK)
        st = read_reads(d, &in, a);
    a->first_balance = bal->value_count;
    if (st == EVM_OK)
        st = read_values(d, &in, false,
                         "its balance changes are no ascending list of [index, balance]",
                         &a->balance_count);
    a->first_nonce = bal->value_count;
    if (st == EVM_OK)
        st = read_values(d, &in, true, "its nonce changes are no ascending list of [index, nonce]",
                         &a->nonce_count);
    if (st == EVM_OK)
        st = read_codes(d, &in, a);
    if (st == EVM_OK && in.size)
        st = bad(d, "it has more than six parts");
    return st;
}

enum evm_status evm_bal_decode(struct evm_bal *out, struct evm_bytes raw, struct evm_err *err)
{
    struct decoder d = {out, 0, err};
    struct evm_bytes list, account;
    enum evm_status st = EVM_OK;
    *out = (struct evm_bal){0};
    if (!evm_rlp_next_list(&raw, &list) || raw.size)
        return evm_fail(err, EVM_ERR_INPUT, "a block access list is one RLP list; this is not");
    for (; list.size && st == EVM_OK; d.account++)
        st = evm_rlp_next_list(&list, &account) ? read_account(&d, account)
                                                : bad(&d, "it is no list");
    if (st != EVM_OK)
        evm_bal_fini(out);
    return st;
}
