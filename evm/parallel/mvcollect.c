/* The end of a block: the newest versions against the state before it, in the order of evm_changes.
 */
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/mvmemory_internal.h"

/* ---- order ---- */

static int account_order(const void *x, const void *y)
{
    const struct evm_order *a = x, *b = y;
    const struct mv_account *p = a->object, *q = b->object;
    return memcmp(p->addr.b, q->addr.b, sizeof p->addr.b);
}

static int slot_order(const void *x, const void *y)
{
    const struct evm_order *a = x, *b = y;
    const struct mv_slot *p = a->object, *q = b->object;
    return evm_u256_cmp(&p->key, &q->key);
}

static bool order_reserve(struct evm_mv *mv, size_t n)
{
    if (n <= mv->order_capacity)
        return true;
    struct evm_order *grown = evm_realloc(mv->order, n * sizeof *grown);
    if (!grown)
        return false;
    mv->order = grown;
    mv->order_capacity = n;
    return true;
}

/* ---- the newest versions --------------------------------------------------------------------- */

static const struct mv_version *newest(const struct mv_cell *c)
{
    uint32_t count = atomic_load_explicit(&c->count, memory_order_relaxed);
    if (count == 0)
        return NULL;
    const struct mv_version *v = &c->versions[count - 1];
    EVM_CHECK(v->state == MV_VALUE, "the block ends with an estimate of transaction %u", v->tx);
    return v;
}

/* Differences on top of the newest value, or of what was there before the block. */
static struct evm_u256 final_balance(const struct mv_account *a)
{
    const struct mv_cell *c = &a->cells[EVM_MV_BALANCE];
    uint32_t at = newest(c) ? atomic_load_explicit(&c->count, memory_order_relaxed) : 0;
    struct evm_u256 sum = {{0}};
    while (at-- > 0) {
        evm_u256_add(&sum, &sum, &c->versions[at].value);
        if (!c->versions[at].delta)
            return sum;
    }
    evm_u256_add(&sum, &sum, &a->base.balance);
    return sum;
}

static struct evm_u256 final_slot(const struct mv_slot *s)
{
    const struct mv_version *v = newest(&s->cell);
    const struct mv_version *wipe = newest(&s->account->cells[EVM_MV_WIPE]);
    if (wipe && (!v || wipe->tx > v->tx))
        return evm_u256_of(0);
    return v ? v->value : s->base;
}

static bool final_exists(const struct mv_account *a, const struct evm_mv_apart *apart)
{
    if (a->apart)
        return apart->exists;
    const struct mv_version *v = newest(&a->cells[EVM_MV_EXISTS]);
    if (!v || v->value.w[0])
        return v || a->base.exists;
    for (int k = EVM_MV_BALANCE; k <= EVM_MV_CODE; k++) { /* see_revival */
        const struct mv_version *later = newest(&a->cells[k]);
        if (later && later->tx > v->tx)
            return true;
    }
    for (const struct mv_slot *s = atomic_load(&a->slots); s; s = s->next) {
        const struct mv_version *later = newest(&s->cell);
        if (later && later->tx > v->tx)
            return true;
    }
    return false;
}

static bool wipes(const struct mv_account *a)
{
    return newest(&a->cells[EVM_MV_WIPE]) && a->base.has_storage;
}

/* ---- one account ----------------------------------------------------------------------------- */

static void put_fields(const struct mv_account *a, const struct evm_mv_apart *apart,
                       struct evm_account_change *c)
{
    const struct mv_version *nonce = newest(&a->cells[EVM_MV_NONCE]);
    const struct mv_version *code = newest(&a->cells[EVM_MV_CODE]);
    c->balance = a->apart ? apart->balance : final_balance(a);
    c->nonce = nonce ? nonce->value.w[0] : a->base.nonce;
    if (code)
        c->code = (const void *)(uintptr_t)code->value.w[0];
    if (!evm_u256_eq(&c->balance, &a->base.balance))
        c->wrote |= EVM_WROTE_BALANCE;
    if (c->nonce != a->base.nonce)
        c->wrote |= EVM_WROTE_NONCE;
    if (code && !evm_hash_eq(&c->code->hash, &a->base.code_hash))
        c->wrote |= EVM_WROTE_CODE;
    if (wipes(a))
        c->wrote |= EVM_WROTE_WIPE;
    if (!a->base.exists)
        c->wrote |= EVM_WROTE_CREATED;
}

/* The account's slots stand at order[first_slot ...], with room to sort after them. */
static void put_slots(const struct mv_account *a, struct evm_order *slots,
                      struct evm_order *scratch, struct evm_changes *out)
{
    bool wiped = wipes(a);
    memcpy(scratch, slots, a->slot_count * sizeof *slots);
    evm_order_sort(scratch, a->slot_count, slot_order);
    for (uint32_t i = 0; i < a->slot_count; i++) {
        const struct mv_slot *s = scratch[i].object;
        struct evm_u256 value = final_slot(s);
        if (wiped ? !evm_u256_is_zero(&value) : !evm_u256_eq(&value, &s->base))
            out->slots[out->slot_count++] = (struct evm_slot_change){s->key, value};
    }
}

static void put_account(const struct mv_account *a, const struct evm_mv_apart *apart,
                        struct evm_order *slots, struct evm_order *scratch, struct evm_changes *out)
{
    struct evm_account_change c = {.addr = a->addr, .first_slot = out->slot_count};
    if (final_exists(a, apart)) {
        put_fields(a, apart, &c);
        if (a->slot_count)
            put_slots(a, slots + a->first_slot, scratch, out);
        c.slot_count = out->slot_count - c.first_slot;
    } else if (a->base.exists) {
        c.wrote = EVM_WROTE_DELETED | EVM_WROTE_WIPE;
    }
    if (c.wrote || c.slot_count)
        out->accounts[out->account_count++] = c;
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool written(const struct mv_account *a)
{
    if (a->apart || a->slot_count)
        return true;
    for (int k = 0; k < EVM_MV_FIELDS; k++)
        if (atomic_load_explicit(&a->cells[k].count, memory_order_relaxed))
            return true;
    return false;
}

static bool slot_written(const struct mv_slot *s)
{
    return atomic_load_explicit(&s->cell.count, memory_order_relaxed) > 0;
}

static uint64_t addr_prefix(const struct evm_addr *a)
{
    return evm_load_be64(a->b);
}

/* Counts the written slots of each account; the total. */
static uint32_t count_slots(struct evm_mv *mv)
{
    uint32_t slots = 0;
    for (int i = 0; i < MV_SHARDS; i++)
        for (uint32_t k = 0; k < mv->shards[i].accounts.used; k++)
            mv_account_nth(&mv->shards[i].accounts, k)->slot_count = 0;
    for (int i = 0; i < MV_SHARDS; i++)
        for (uint32_t k = 0; k < mv->shards[i].slots.used; k++) {
            struct mv_slot *s = mv_slot_nth(&mv->shards[i].slots, k);
            if (slot_written(s)) {
                s->account->slot_count++;
                slots++;
            }
        }
    return slots;
}

/* Order: [accounts][accounts' scratch][slots, by account][slots' scratch, twice]. */
static bool gather(struct evm_mv *mv, uint32_t *accounts, uint32_t *slots)
{
    *slots = count_slots(mv);
    *accounts = 0;
    uint32_t total = 0;
    for (int i = 0; i < MV_SHARDS; i++)
        total += mv->shards[i].accounts.used;
    if (!order_reserve(mv, (size_t)total * 2 + (size_t)*slots * 3))
        return false;
    for (int i = 0; i < MV_SHARDS; i++)
        for (uint32_t k = 0; k < mv->shards[i].accounts.used; k++) {
            struct mv_account *a = mv_account_nth(&mv->shards[i].accounts, k);
            if (written(a))
                mv->order[(*accounts)++] = (struct evm_order){addr_prefix(&a->addr), a};
        }
    evm_order_sort(mv->order, *accounts, account_order);
    struct evm_order *by_account = mv->order + (size_t)*accounts * 2;
    uint32_t first = 0;
    for (uint32_t i = 0; i < *accounts; i++) {
        struct mv_account *a = mv->order[i].object;
        a->first_slot = first;
        first += a->slot_count;
        a->slot_count = 0;
    }
    for (int i = 0; i < MV_SHARDS; i++)
        for (uint32_t k = 0; k < mv->shards[i].slots.used; k++) {
            struct mv_slot *s = mv_slot_nth(&mv->shards[i].slots, k);
            if (slot_written(s))
                by_account[s->account->first_slot + s->account->slot_count++] =
                    (struct evm_order){s->key.w[3], s};
        }
    return true;
}

enum evm_status evm_mv_collect(struct evm_mv *mv, const struct evm_mv_apart *apart,
                               struct evm_changes *out)
{
    bool fresh;
    uint32_t accounts, slots;
    EVM_CHECK(mv->has_apart == (apart != NULL), "an account is kept apart (%d) by one side only",
              mv->has_apart);
    evm_changes_clear(out);
    if ((apart && !mv_account_at(mv, &mv->apart, &fresh)) || !gather(mv, &accounts, &slots))
        return EVM_ERR_MEMORY;
    enum evm_status st = evm_changes_reserve(out, accounts, slots);
    if (st != EVM_OK)
        return st;
    struct evm_order *by_account = mv->order + (size_t)accounts * 2;
    for (uint32_t i = 0; i < accounts; i++)
        put_account(mv->order[i].object, apart, by_account, by_account + slots, out);
    return EVM_OK;
}
