#include "evm/parallel/balsets.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/access_internal.h"

/* A row and whose it is: the list goes by accounts, sets go by transactions. */
struct entry {
    uint32_t tx;
    struct evm_access row;
};

struct entries {
    struct entry *list;
    size_t count, capacity;
    uint32_t tx_count;
};

static bool put(struct entries *e, uint32_t index, const struct evm_addr *addr, uint8_t kind,
                const struct evm_u256 *key, const struct evm_u256 *value)
{
    if (index == 0 || index > e->tx_count)
        return true;
    if (e->count == e->capacity) {
        size_t capacity = e->capacity ? e->capacity * 2 : 256;
        struct entry *grown = evm_realloc(e->list, capacity * sizeof *grown);
        if (!grown)
            return false;
        e->list = grown;
        e->capacity = capacity;
    }
    struct entry *to = &e->list[e->count++];
    *to = (struct entry){.tx = index - 1,
                         .row = {.addr = *addr,
                                 .kind = kind,
                                 .how = EVM_ACCESS_WRITE | EVM_ACCESS_VALUE,
                                 .from = EVM_NO_TX,
                                 .value = *value}};
    if (key)
        to->row.key = *key;
    return true;
}

static bool put_values(struct entries *e, const struct evm_bal *bal,
                       const struct evm_bal_account *a, uint8_t kind, const struct evm_u256 *key,
                       uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (!put(e, bal->values[i].index, &a->addr, kind, key, &bal->values[i].value))
            return false;
    return true;
}

static bool put_account(struct entries *e, const struct evm_bal *bal,
                        const struct evm_bal_account *a, bool apart, struct evm_codes *codes)
{
    bool ok = true;
    for (uint32_t i = a->first_slot; ok && i < a->first_slot + a->slot_count; i++)
        ok = put_values(e, bal, a, EVM_MV_SLOT, &bal->slots[i].key, bal->slots[i].first,
                        bal->slots[i].count);
    if (!apart)
        ok = ok && put_values(e, bal, a, EVM_MV_BALANCE, NULL, a->first_balance, a->balance_count);
    ok = ok && put_values(e, bal, a, EVM_MV_NONCE, NULL, a->first_nonce, a->nonce_count);
    for (uint32_t i = a->first_code; ok && i < a->first_code + a->code_count; i++) {
        const struct evm_bal_code *c = &bal->codes[i];
        const struct evm_code *code =
            evm_codes_add(codes, (struct evm_bytes){bal->bytes.data + c->first, c->size});
        const struct evm_u256 pointer = evm_u256_of((uint64_t)(uintptr_t)code);
        ok = code && put(e, c->index, &a->addr, EVM_MV_CODE, NULL, &pointer);
    }
    return ok;
}

static int entry_order(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    if (a->tx != b->tx)
        return a->tx < b->tx ? -1 : 1;
    return evm_access_order(&a->row, &b->row);
}

static enum evm_status fill(struct evm_access_sets *out, struct entries *e)
{
    enum evm_status st = evm_access_sets_begin(out, e->tx_count);
    if (e->count)
        qsort(e->list, e->count, sizeof *e->list, entry_order);
    for (size_t i = 0, tx = 0; st == EVM_OK && tx < e->tx_count; tx++) {
        for (; st == EVM_OK && i < e->count && e->list[i].tx == tx; i++) {
            struct evm_access *row = evm_access_sets_add(out);
            if (row)
                *row = e->list[i].row;
            else
                st = EVM_ERR_MEMORY;
        }
        evm_access_sets_end_tx(out, (uint32_t)tx);
    }
    if (st != EVM_OK)
        evm_access_sets_fini(out);
    return st;
}

enum evm_status evm_bal_sets(const struct evm_bal *bal, uint32_t tx_count,
                             const struct evm_addr *beneficiary, struct evm_codes *codes,
                             struct evm_access_sets *out)
{
    struct entries e = {.tx_count = tx_count};
    enum evm_status st = EVM_OK;
    *out = (struct evm_access_sets){0};
    if (evm_bal_last_index(bal) > (uint64_t)tx_count + 1)
        return EVM_ERR_INPUT;
    for (uint32_t i = 0; st == EVM_OK && i < bal->account_count; i++) {
        const struct evm_bal_account *a = &bal->accounts[i];
        bool apart = beneficiary && evm_addr_eq(&a->addr, beneficiary);
        st = put_account(&e, bal, a, apart, codes) ? EVM_OK : EVM_ERR_MEMORY;
    }
    if (st == EVM_OK)
        st = fill(out, &e);
    free(e.list);
    return st;
}
