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

static bool order_reserve(struct evm_order **order, size_t *capacity, size_t n)
{
    if (n <= *capacity)
        return true;
    size_t room = n + n / 2;
    struct evm_order *grown = evm_realloc(*order, room * sizeof *grown);
    if (!grown)
        return false;
    *order = grown;
    *capacity = room;
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

static bool slot_written(const struct mv_slot *s)
{
    return atomic_load_explicit(&s->cell.count, memory_order_relaxed) > 0;
}

/* The account's written slots into p->slots, in order. False when memory is out. */
static bool order_slots(struct mv_part *p, const struct mv_account *a, uint32_t *count)
{
    uint32_t n = 0;
    for (struct mv_slot *s = atomic_load_explicit(&a->slots, memory_order_relaxed); s;
         s = s->next) {
        if (!slot_written(s))
            continue;
        if (!order_reserve(&p->slots, &p->slot_capacity, (size_t)n * 2 + 2))
            return false;
        p->slots[n++] = (struct evm_order){s->key.w[3], s};
    }
    if (n > 1)
        evm_order_sort(p->slots, n, slot_order);
    *count = n;
    return true;
}

static enum evm_status put_slots(struct mv_part *p, const struct mv_account *a,
                                 struct evm_changes *out)
{
    uint32_t n;
    bool wiped = wipes(a);
    if (!order_slots(p, a, &n))
        return EVM_ERR_MEMORY;
    enum evm_status st = n ? evm_changes_reserve(out, 0, n) : EVM_OK;
    for (uint32_t i = 0; i < n && st == EVM_OK; i++) {
        const struct mv_slot *s = p->slots[i].object;
        struct evm_u256 value = final_slot(s);
        if (wiped ? !evm_u256_is_zero(&value) : !evm_u256_eq(&value, &s->base))
            out->slots[out->slot_count++] = (struct evm_slot_change){s->key, value};
    }
    return st;
}

/* There is room for the account. */
static enum evm_status put_account(struct mv_part *p, const struct mv_account *a,
                                   const struct evm_mv_apart *apart, struct evm_changes *out)
{
    enum evm_status st = EVM_OK;
    struct evm_account_change c = {.addr = a->addr, .first_slot = out->slot_count};
    if (final_exists(a, apart)) {
        put_fields(a, apart, &c);
        if (atomic_load_explicit(&a->slots, memory_order_relaxed))
            st = put_slots(p, a, out);
        c.slot_count = out->slot_count - c.first_slot;
    } else if (a->base.exists) {
        c.wrote = EVM_WROTE_DELETED | EVM_WROTE_WIPE;
    }
    if (c.wrote || c.slot_count)
        out->accounts[out->account_count++] = c;
    return st;
}

/* ---- all -------------------------------------------------------------------------------------
 *
 * In parts that threads work on at once: each sorts the accounts of some shards, then each makes
 * the changes of one range of addresses, then each copies them to their place. The result does not
 * depend on the number of parts. */

static bool written(const struct mv_account *a)
{
    if (a->apart || atomic_load_explicit(&a->slots, memory_order_relaxed))
        return true;
    for (int k = 0; k < EVM_MV_FIELDS; k++)
        if (atomic_load_explicit(&a->cells[k].count, memory_order_relaxed))
            return true;
    return false;
}

static uint64_t addr_prefix(const struct evm_addr *a)
{
    return evm_load_be64(a->b);
}

/* The accounts of the k-th of n parts of the shards, in order. */
static void sort_shards(struct evm_mv *mv, uint32_t k, uint32_t n)
{
    struct mv_part *p = &mv->parts[k];
    uint32_t from = MV_SHARDS * k / n, to = MV_SHARDS * (k + 1) / n;
    size_t total = 0;
    for (uint32_t i = from; i < to; i++)
        total += mv->shards[i].accounts.used;
    p->count = 0;
    p->status = order_reserve(&p->order, &p->order_capacity, total * 2) ? EVM_OK : EVM_ERR_MEMORY;
    if (p->status != EVM_OK)
        return;
    for (uint32_t i = from; i < to; i++)
        for (uint32_t x = 0; x < mv->shards[i].accounts.used; x++) {
            struct mv_account *a = mv_account_nth(&mv->shards[i].accounts, x);
            if (written(a))
                p->order[p->count++] = (struct evm_order){addr_prefix(&a->addr), a};
        }
    evm_order_sort(p->order, p->count, account_order);
}

/* How many accounts of the part are below the k-th of n equal ranges of addresses. */
static uint32_t range_start(const struct mv_part *p, uint32_t k, uint32_t n)
{
    uint32_t lo = 0, hi = p->count;
    uint64_t bound = k < n ? k * (UINT64_MAX / n) : UINT64_MAX;
    if (k == 0 || k == n)
        return k ? hi : 0;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (p->order[mid].key < bound)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_before(const struct evm_order *a, const struct evm_order *b)
{
    return a->key != b->key ? a->key < b->key : account_order(a, b) < 0;
}

/* The changes of the k-th range, from the parts in which its accounts are in order. */
static void merge_range(struct evm_mv *mv, uint32_t k, uint32_t n, const struct evm_mv_apart *apart,
                        struct evm_changes *out)
{
    struct mv_part *p = &mv->parts[k];
    uint32_t at[MV_PARTS], end[MV_PARTS], total = 0;
    for (uint32_t i = 0; i < n; i++) {
        at[i] = range_start(&mv->parts[i], k, n);
        end[i] = range_start(&mv->parts[i], k + 1, n);
        total += end[i] - at[i];
    }
    evm_changes_clear(out);
    enum evm_status st = evm_changes_reserve(out, total, 0);
    while (total-- > 0 && st == EVM_OK) {
        uint32_t first = n;
        for (uint32_t i = 0; i < n; i++)
            if (at[i] < end[i] && (first == n || is_before(&mv->parts[i].order[at[i]],
                                                           &mv->parts[first].order[at[first]])))
                first = i;
        st = put_account(p, mv->parts[first].order[at[first]++].object, apart, out);
    }
    p->status = st;
}

/* Where the part's changes go. */
static void place(const struct mv_part *p, uint32_t accounts, uint32_t slots,
                  struct evm_changes *out)
{
    if (p->changes.slot_count)
        memcpy(out->slots + slots, p->changes.slots, p->changes.slot_count * sizeof *out->slots);
    for (uint32_t i = 0; i < p->changes.account_count; i++) {
        out->accounts[accounts + i] = p->changes.accounts[i];
        out->accounts[accounts + i].first_slot += slots;
    }
}

static enum evm_status failure(const struct evm_mv *mv, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        if (mv->parts[k].status != EVM_OK)
            return mv->parts[k].status;
    return EVM_OK;
}

#ifdef __SANITIZE_THREAD__ /* libgomp is not instrumented */
#define EACH_PART(n)
#else
#define PRAGMA(x) _Pragma(#x)
#define EACH_PART(n) PRAGMA(omp parallel for num_threads((int)(n)) schedule(static, 1))
#endif

static enum evm_status collect_parts(struct evm_mv *mv, uint32_t n,
                                     const struct evm_mv_apart *apart, struct evm_changes *out)
{
    uint32_t accounts[MV_PARTS + 1] = {0}, slots[MV_PARTS + 1] = {0};
    EACH_PART(n)
    for (uint32_t k = 0; k < n; k++)
        sort_shards(mv, k, n);
    enum evm_status st = failure(mv, n);
    if (st != EVM_OK)
        return st;
    EACH_PART(n)
    for (uint32_t k = 0; k < n; k++)
        merge_range(mv, k, n, apart, &mv->parts[k].changes);
    st = failure(mv, n);
    for (uint32_t k = 0; k < n; k++) {
        accounts[k + 1] = accounts[k] + mv->parts[k].changes.account_count;
        slots[k + 1] = slots[k] + mv->parts[k].changes.slot_count;
    }
    if (st == EVM_OK)
        st = evm_changes_reserve(out, accounts[n], slots[n]);
    if (st != EVM_OK)
        return st;
    EACH_PART(n)
    for (uint32_t k = 0; k < n; k++)
        place(&mv->parts[k], accounts[k], slots[k], out);
    out->account_count = accounts[n];
    out->slot_count = slots[n];
    return EVM_OK;
}

enum evm_status evm_mv_collect(struct evm_mv *mv, const struct evm_mv_apart *apart,
                               uint32_t threads, struct evm_changes *out)
{
    bool fresh;
    uint64_t accounts, slots;
    EVM_CHECK(mv->has_apart == (apart != NULL), "an account is kept apart (%d) by one side only",
              mv->has_apart);
    evm_changes_clear(out);
    if (apart && !mv_account_at(mv, &mv->apart, &fresh))
        return EVM_ERR_MEMORY;
    evm_mv_touched(mv, &accounts, &slots);
    uint64_t worth = accounts / MV_PART_LEAST;
    uint32_t n = threads < MV_PARTS ? threads : MV_PARTS;
    if (n > worth)
        n = (uint32_t)worth;
    if (n > 1)
        return collect_parts(mv, n, apart, out);
    sort_shards(mv, 0, 1);
    if (mv->parts[0].status == EVM_OK)
        merge_range(mv, 0, 1, apart, out);
    return mv->parts[0].status;
}
