#include "evm/state/changes.h"

#include "evm/core/alloc.h"
#include "evm/core/u256.h"

void evm_changes_init(struct evm_changes *c)
{
    *c = (struct evm_changes){0};
}

void evm_changes_clear(struct evm_changes *c)
{
    c->account_count = 0;
    c->slot_count = 0;
}

void evm_changes_fini(struct evm_changes *c)
{
    free(c->accounts);
    free(c->slots);
    *c = (struct evm_changes){0};
}

/* Doubles *capacity until `want` items fit; UINT32_MAX items are the documented end. */
static enum evm_status grow(void **items, uint32_t *capacity, size_t item, uint32_t have,
                            uint32_t more)
{
    uint64_t want = (uint64_t)have + more, room = *capacity ? *capacity : 16;
    if (want <= *capacity)
        return EVM_OK;
    if (want > UINT32_MAX)
        return EVM_ERR_LIMIT;
    while (room < want)
        room *= 2;
    if (room > UINT32_MAX)
        room = UINT32_MAX;
    void *p = evm_realloc(*items, (size_t)room * item);
    if (!p)
        return EVM_ERR_MEMORY;
    *items = p;
    *capacity = (uint32_t)room;
    return EVM_OK;
}

enum evm_status evm_changes_reserve(struct evm_changes *c, uint32_t accounts, uint32_t slots)
{
    void *p = c->accounts;
    enum evm_status st =
        grow(&p, &c->account_capacity, sizeof *c->accounts, c->account_count, accounts);
    c->accounts = p;
    if (st != EVM_OK)
        return st;
    p = c->slots;
    st = grow(&p, &c->slot_capacity, sizeof *c->slots, c->slot_count, slots);
    c->slots = p;
    return st;
}

enum evm_status evm_changes_copy(struct evm_changes *out, const struct evm_changes *from)
{
    evm_changes_clear(out);
    enum evm_status st = evm_changes_reserve(out, from->account_count, from->slot_count);
    if (st != EVM_OK)
        return st;
    if (from->account_count)
        memcpy(out->accounts, from->accounts, from->account_count * sizeof *out->accounts);
    if (from->slot_count)
        memcpy(out->slots, from->slots, from->slot_count * sizeof *out->slots);
    out->account_count = from->account_count;
    out->slot_count = from->slot_count;
    return EVM_OK;
}

static bool is_below(const struct evm_addr *a, const struct evm_addr *b)
{
    uint64_t p = evm_load_be64(a->b), q = evm_load_be64(b->b);
    return p != q ? p < q : memcmp(a->b + 8, b->b + 8, sizeof a->b - 8) < 0;
}

struct evm_account_change *evm_changes_find(const struct evm_changes *c,
                                            const struct evm_addr *addr, uint32_t *at)
{
    uint32_t lo = 0, hi = c->account_count;
    if (!at && hi <= 4) { /* most transactions */
        while (lo < hi && !evm_addr_eq(&c->accounts[lo].addr, addr))
            lo++;
        return lo < hi ? &c->accounts[lo] : NULL;
    }
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (is_below(&c->accounts[mid].addr, addr))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (at)
        *at = lo;
    bool found = lo < c->account_count && evm_addr_eq(&c->accounts[lo].addr, addr);
    return found ? &c->accounts[lo] : NULL;
}
