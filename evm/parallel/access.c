#include "evm/parallel/access.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/access_internal.h"

void evm_access_sets_fini(struct evm_access_sets *s)
{
    if (!s)
        return;
    free(s->list);
    free(s->first);
    free(s->cost_ns);
    free(s->gas_used);
    *s = (struct evm_access_sets){0};
}

enum evm_status evm_access_sets_begin(struct evm_access_sets *s, uint32_t tx_count)
{
    *s = (struct evm_access_sets){.tx_count = tx_count};
    s->first = evm_calloc((size_t)tx_count + 1, sizeof *s->first);
    return s->first ? EVM_OK : EVM_ERR_MEMORY;
}

struct evm_access *evm_access_sets_add(struct evm_access_sets *s)
{
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity ? s->capacity * 2 : 256;
        struct evm_access *list = evm_realloc(s->list, capacity * sizeof *list);
        if (!list)
            return NULL;
        s->list = list;
        s->capacity = capacity;
    }
    struct evm_access *a = &s->list[s->count++];
    *a = (struct evm_access){.from = EVM_NO_TX};
    return a;
}

int evm_access_order(const void *x, const void *y)
{
    const struct evm_access *a = x, *b = y;
    int addr = memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
    if (addr != 0)
        return addr;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return evm_u256_cmp(&a->key, &b->key);
}

/* Two rows of one location become one. */
static void merge(struct evm_access *into, const struct evm_access *a)
{
    into->how |= a->how;
    if (into->from == EVM_NO_TX)
        into->from = a->from;
    if (a->how & EVM_ACCESS_VALUE)
        into->value = a->value;
}

void evm_access_sets_end_tx(struct evm_access_sets *s, uint32_t tx)
{
    uint32_t first = s->first[tx], to = first;
    if (s->count > first)
        qsort(s->list + first, s->count - first, sizeof *s->list, evm_access_order);
    for (uint32_t i = first; i < s->count; i++) {
        if (to > first && evm_access_order(&s->list[to - 1], &s->list[i]) == 0)
            merge(&s->list[to - 1], &s->list[i]);
        else
            s->list[to++] = s->list[i];
    }
    s->count = s->first[tx + 1] = to;
}

/* ---- declared -------------------------------------------------------------------------------- */

static bool put(struct evm_access_sets *s, const struct evm_addr *addr, uint8_t kind, unsigned how,
                const struct evm_u256 *key)
{
    struct evm_access *a = evm_access_sets_add(s);
    if (!a)
        return false;
    a->addr = *addr;
    a->kind = kind;
    a->how = (uint8_t)how;
    if (key)
        a->key = *key;
    return true;
}

static bool declare(struct evm_access_sets *s, const struct evm_tx *tx)
{
    const unsigned update = EVM_ACCESS_READ | EVM_ACCESS_WRITE;
    const unsigned add = EVM_ACCESS_PREDICATE | EVM_ACCESS_DELTA;
    bool ok = put(s, &tx->sender, EVM_MV_NONCE, update, NULL) &&
              put(s, &tx->sender, EVM_MV_BALANCE, add, NULL);
    if (ok && !tx->is_create)
        ok = put(s, &tx->to, EVM_MV_CODE, EVM_ACCESS_READ, NULL) &&
             (evm_u256_is_zero(&tx->value) || put(s, &tx->to, EVM_MV_BALANCE, add, NULL));
    for (size_t i = 0; ok && i < tx->access_count; i++)
        for (size_t k = 0; ok && k < tx->access_list[i].key_count; k++)
            ok = put(s, &tx->access_list[i].addr, EVM_MV_SLOT, update, &tx->access_list[i].keys[k]);
    for (size_t i = 0; ok && i < tx->authorization_count; i++)
        ok = put(s, &tx->authorizations[i].authority, EVM_MV_NONCE, update, NULL) &&
             put(s, &tx->authorizations[i].authority, EVM_MV_CODE, update, NULL);
    return ok;
}

enum evm_status evm_access_sets_declared(struct evm_access_sets *out,
                                         const struct evm_tx *const *txs, uint32_t tx_count)
{
    enum evm_status st = evm_access_sets_begin(out, tx_count);
    for (uint32_t i = 0; st == EVM_OK && i < tx_count; i++) {
        st = declare(out, txs[i]) ? EVM_OK : EVM_ERR_MEMORY;
        evm_access_sets_end_tx(out, i);
    }
    if (st != EVM_OK)
        evm_access_sets_fini(out);
    return st;
}
