#include "evm/parallel/compare.h"

#include "evm/core/u256.h"

static enum evm_status differ(struct evm_err *err, const char *what, unsigned long long a,
                              unsigned long long b)
{
    return evm_fail(err, EVM_ERR_INPUT, "%s: %llu, not %llu", what, b, a);
}

static bool same_account(const struct evm_account_change *a, const struct evm_account_change *b)
{
    return evm_addr_eq(&a->addr, &b->addr) && a->wrote == b->wrote &&
           a->slot_count == b->slot_count &&
           (!(a->wrote & EVM_WROTE_BALANCE) || evm_u256_eq(&a->balance, &b->balance)) &&
           (!(a->wrote & EVM_WROTE_NONCE) || a->nonce == b->nonce) &&
           (!(a->wrote & EVM_WROTE_CODE) || evm_hash_eq(&a->code->hash, &b->code->hash));
}

static enum evm_status compare_changes(const struct evm_changes *a, const struct evm_changes *b,
                                       struct evm_err *err)
{
    if (a->account_count != b->account_count)
        return differ(err, "accounts changed", a->account_count, b->account_count);
    for (uint32_t i = 0; i < a->account_count; i++) {
        const struct evm_account_change *x = &a->accounts[i], *y = &b->accounts[i];
        if (!same_account(x, y))
            return evm_fail(err, EVM_ERR_INPUT, "changed account %u differs", i);
        for (uint32_t k = 0; k < x->slot_count; k++) {
            const struct evm_slot_change *s = &a->slots[x->first_slot + k];
            const struct evm_slot_change *t = &b->slots[y->first_slot + k];
            if (!evm_u256_eq(&s->key, &t->key) || !evm_u256_eq(&s->value, &t->value))
                return evm_fail(err, EVM_ERR_INPUT, "slot %u of changed account %u differs", k, i);
        }
    }
    return EVM_OK;
}

/* The encoding holds status, gas, filter and logs; index and created address stand beside it. */
static enum evm_status compare_receipts(const struct evm_block_result *a,
                                        const struct evm_block_result *b, struct evm_err *err)
{
    struct evm_buf x = {0}, y = {0};
    enum evm_status st = EVM_OK;
    for (uint32_t i = 0; i < a->receipt_count && st == EVM_OK; i++) {
        const struct evm_receipt *p = &a->receipts[i], *q = &b->receipts[i];
        evm_buf_clear(&x);
        evm_buf_clear(&y);
        evm_receipt_encode(&x, p);
        evm_receipt_encode(&y, q);
        if (x.failed || y.failed)
            st = EVM_ERR_MEMORY;
        else if (p->tx_index != q->tx_index || p->gas_used != q->gas_used ||
                 !evm_addr_eq(&p->created, &q->created) || x.size != y.size ||
                 memcmp(x.data, y.data, x.size) != 0)
            st = evm_fail(err, EVM_ERR_INPUT, "the receipt of transaction %u differs", p->tx_index);
    }
    evm_buf_fini(&x);
    evm_buf_fini(&y);
    return st;
}

enum evm_status evm_block_result_compare(const struct evm_block_result *a,
                                         const struct evm_block_result *b, struct evm_err *err)
{
    if (a->invalid != b->invalid)
        return differ(err, "verdict", a->invalid, b->invalid);
    if (a->invalid != EVM_TX_VALID && a->invalid_tx != b->invalid_tx)
        return differ(err, "first invalid transaction", a->invalid_tx, b->invalid_tx);
    if (a->receipt_count != b->receipt_count)
        return differ(err, "receipts", a->receipt_count, b->receipt_count);
    if (a->gas_used != b->gas_used)
        return differ(err, "gas", a->gas_used, b->gas_used);
    if (a->blob_gas_used != b->blob_gas_used)
        return differ(err, "blob gas", a->blob_gas_used, b->blob_gas_used);
    if (!evm_u256_eq(&a->fees, &b->fees) || !evm_u256_eq(&a->burnt, &b->burnt))
        return evm_fail(err, EVM_ERR_INPUT, "fees paid or burnt differ");
    enum evm_status st = compare_receipts(a, b, err);
    if (st == EVM_OK)
        st = compare_changes(&a->changes, &b->changes, err);
    bool listed = a->bal.account_count && b->bal.account_count;
    if (st == EVM_OK && listed && !evm_bal_same(&b->bal, &a->bal, err))
        st = EVM_ERR_INPUT;
    return st;
}
