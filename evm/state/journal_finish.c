/* The end of a transaction: what it read, and what it leaves behind. */
#include "evm/core/alloc.h"
#include "evm/state/journal_internal.h"

/* ---- what is known of an account ------------------------------------------------------------- */

/* Was it in the trie before, as far as the loaded fields tell? */
static bool known_present(const struct evm_jaccount *acc)
{
    if ((acc->loaded & EVM_NEED_EXISTS) && acc->before.exists)
        return true;
    if ((acc->loaded & EVM_NEED_NONCE) && acc->before.nonce != 0)
        return true;
    if ((acc->loaded & EVM_NEED_CODE) &&
        !evm_hash_eq(&acc->before.code_hash, &evm_code_empty()->hash))
        return true;
    return (acc->loaded & EVM_NEED_BALANCE) && !evm_u256_is_zero(&acc->before.balance);
}

/* Not empty, as far as the loaded fields tell. Here a balance of 0 decides nothing, so it is no
 * observation. */
static bool known_filled(struct evm_jaccount *acc)
{
    const struct evm_u256 one = {{1}};
    return ((acc->loaded & EVM_NEED_CODE) && acc->code->size != 0) ||
           ((acc->loaded & EVM_NEED_NONCE) && acc->nonce != 0) ||
           ((acc->loaded & EVM_NEED_BALANCE) && !evm_u256_is_zero(&acc->balance) &&
            evm_jaccount_balance_reaches(acc, &one));
}

/* What is loaded comes first, then the code. A balance that is there only has to be there, while a
 * nonce matters by its value; so the nonce is asked for only where the balance is 0. */
enum evm_read evm_journal_empty(struct evm_journal *j, struct evm_jaccount *acc, bool *empty)
{
    const struct evm_u256 one = {{1}};
    *empty = false;
    if (known_filled(acc))
        return EVM_READ_OK;
    if (evm_journal_load(j, acc, EVM_NEED_CODE) != EVM_READ_OK)
        return EVM_READ_PENDING;
    if (acc->code->size != 0)
        return EVM_READ_OK;
    if (evm_journal_load(j, acc, EVM_NEED_BALANCE) != EVM_READ_OK)
        return EVM_READ_PENDING;
    if (known_filled(acc))
        return EVM_READ_OK;
    if (evm_journal_load(j, acc, EVM_NEED_NONCE) != EVM_READ_OK)
        return EVM_READ_PENDING;
    *empty = acc->nonce == 0 && !evm_jaccount_balance_reaches(acc, &one);
    return EVM_READ_OK;
}

/* Makes sure that disappears() and the created bit can be told from what is loaded of an account
 * that was touched. */
static enum evm_read settle(struct evm_journal *j, struct evm_jaccount *acc)
{
    bool empty = false;
    if (!j->clears_empty && (acc->loaded & EVM_NEED_EXISTS))
        return EVM_READ_OK;
    if (j->clears_empty && !acc->destructed) {
        if (evm_journal_empty(j, acc, &empty) != EVM_READ_OK)
            return EVM_READ_PENDING;
        if (!empty)
            return EVM_READ_OK;
    }
    return known_present(acc) ? EVM_READ_OK : evm_journal_load(j, acc, EVM_NEED_EXISTS);
}

enum evm_read evm_journal_settle(struct evm_journal *j)
{
    if (j->failed || j->settled)
        return EVM_READ_OK;
    for (uint32_t i = 0; i < j->accounts.used; i++) {
        struct evm_jaccount *acc = &account_at(j, i)->pub;
        if (acc->touched && settle(j, acc) != EVM_READ_OK)
            return EVM_READ_PENDING;
    }
    j->settled = true;
    return EVM_READ_OK;
}

/* After settle(). */
static bool disappears(const struct evm_journal *j, const struct evm_jaccount *acc)
{
    const unsigned fields = EVM_NEED_BALANCE | EVM_NEED_NONCE | EVM_NEED_CODE;
    if (acc->destructed)
        return true;
    return j->clears_empty && (acc->loaded & fields) == fields && acc->nonce == 0 &&
           acc->code->size == 0 && evm_u256_is_zero(&acc->balance);
}

/* ---- sorting --------------------------------------------------------------------------------- */

static int account_order(const void *x, const void *y)
{
    const struct account_entry *a = x, *b = y;
    uint64_t p = evm_load_be64(a->pub.addr.b), q = evm_load_be64(b->pub.addr.b);
    if (p != q)
        return p < q ? -1 : 1;
    return memcmp(a->pub.addr.b, b->pub.addr.b, sizeof a->pub.addr.b);
}

static int slot_order(const void *x, const void *y)
{
    const struct slot_entry *a = x, *b = y;
    return evm_u256_cmp(&a->pub.key, &b->pub.key);
}

typedef int compare(const void *, const void *);

static void sift(void **v, size_t root, size_t n, compare *order)
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && order(v[child], v[child + 1]) < 0)
            child++;
        if (order(v[root], v[child]) >= 0)
            return;
        void *t = v[root];
        v[root] = v[child];
        v[child] = t;
    }
}

/* In place and without recursion: insertion for the usual handful, a heap beyond. Keys are unique,
 * so the result is too. */
static inline void sort(void **v, size_t n, compare *order)
{
    if (n <= 16) {
        for (size_t i = 1; i < n; i++) {
            void *x = v[i];
            size_t k = i;
            for (; k > 0 && order(v[k - 1], x) > 0; k--)
                v[k] = v[k - 1];
            v[k] = x;
        }
        return;
    }
    for (size_t i = n / 2; i-- > 0;)
        sift(v, i, n, order);
    for (size_t end = n - 1; end > 0; end--) {
        void *t = v[0];
        v[0] = v[end];
        v[end] = t;
        sift(v, 0, end, order);
    }
}

/* ---- finish ---------------------------------------------------------------------------------- */

static void put_slots(const struct account_entry *a, void **order,
                      struct evm_account_change *change, struct evm_changes *out)
{
    uint32_t n = 0;
    for (struct slot_entry *s = a->slots; s; s = s->next)
        if (s->storage_id == a->storage_id && s->pub.loaded &&
            !evm_u256_eq(&s->pub.current, &s->pub.original))
            order[n++] = s;
    change->first_slot = out->slot_count;
    change->slot_count = n;
    sort(order, n, slot_order);
    for (uint32_t i = 0; i < n; i++) {
        const struct slot_entry *s = order[i];
        out->slots[out->slot_count++] = (struct evm_slot_change){s->pub.key, s->pub.current};
    }
}

static unsigned fields_written(const struct evm_jaccount *acc)
{
    unsigned wrote = 0;
    if ((acc->loaded & EVM_NEED_BALANCE) && !evm_u256_eq(&acc->balance, &acc->before.balance))
        wrote |= EVM_WROTE_BALANCE;
    if ((acc->loaded & EVM_NEED_NONCE) && acc->nonce != acc->before.nonce)
        wrote |= EVM_WROTE_NONCE;
    if ((acc->loaded & EVM_NEED_CODE) && !evm_hash_eq(&acc->code->hash, &acc->before.code_hash))
        wrote |= EVM_WROTE_CODE;
    if (acc->wiped && (!(acc->loaded & EVM_NEED_STORAGE) || acc->before.has_storage))
        wrote |= EVM_WROTE_WIPE;
    if ((acc->loaded & EVM_NEED_EXISTS) && !acc->before.exists)
        wrote |= EVM_WROTE_CREATED;
    return wrote;
}

/* Room for the account and its slots is reserved. */
static void put_account(const struct evm_journal *j, const struct account_entry *a, void **order,
                        struct evm_changes *out)
{
    struct evm_account_change *change = &out->accounts[out->account_count];
    change->addr = a->pub.addr;
    change->nonce = a->pub.nonce;
    change->balance = a->pub.balance;
    change->code = a->pub.code;
    change->first_slot = out->slot_count;
    change->slot_count = 0;
    if (disappears(j, &a->pub)) {
        if (!known_present(&a->pub))
            return;
        change->wrote = EVM_WROTE_DELETED | EVM_WROTE_WIPE;
    } else {
        change->wrote = fields_written(&a->pub);
        if (a->slots)
            put_slots(a, order, change, out);
        if (change->wrote == 0 && change->slot_count == 0)
            return;
    }
    out->account_count++;
}

enum evm_status evm_journal_finish(struct evm_journal *j, struct evm_changes *out)
{
    evm_changes_clear(out);
    if (j->failed)
        return EVM_ERR_MEMORY;
    enum evm_read settled = evm_journal_settle(j);
    EVM_CHECK(settled == EVM_READ_OK, "finish before evm_journal_settle was done (%d)", settled);

    uint32_t most = j->accounts.used + j->slots.used;
    if (most > j->order_capacity) {
        void **grown = evm_realloc(j->order, (size_t)most * 2 * sizeof *grown);
        if (!grown)
            return EVM_ERR_MEMORY;
        j->order = grown;
        j->order_capacity = most * 2;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->accounts.used; i++)
        if (account_at(j, i)->pub.touched)
            j->order[n++] = account_at(j, i);
    enum evm_status st = evm_changes_reserve(out, n, j->slots.used);
    if (st != EVM_OK)
        return st;
    sort(j->order, n, account_order);
    for (uint32_t i = 0; i < n; i++)
        put_account(j, j->order[i], j->order + n, out);
    return EVM_OK;
}

void evm_journal_each_read(const struct evm_journal *j,
                           void (*visit)(void *self, const struct evm_jaccount *acc,
                                         const struct evm_jslot *slot),
                           void *self)
{
    for (uint32_t i = 0; i < j->accounts.used; i++)
        if (account_at(j, i)->pub.loaded)
            visit(self, &account_at(j, i)->pub, NULL);
    for (uint32_t i = 0; i < j->slots.used; i++)
        if (slot_at(j, i)->read)
            visit(self, &slot_at(j, i)->account->pub, &slot_at(j, i)->pub);
}

void evm_journal_each_access(const struct evm_journal *j,
                             void (*visit)(void *self, const struct evm_jaccount *acc,
                                           const struct evm_jslot *slot),
                             void *self)
{
    for (uint32_t i = 0; i < j->accounts.used; i++) {
        const struct evm_jaccount *acc = &account_at(j, i)->pub;
        if (acc->loaded || acc->accessed)
            visit(self, acc, NULL);
    }
    for (uint32_t i = 0; i < j->slots.used; i++)
        if (slot_at(j, i)->pub.loaded)
            visit(self, &slot_at(j, i)->account->pub, &slot_at(j, i)->pub);
}
