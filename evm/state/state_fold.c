/* Whole-table work on versions: folding overlays into the base, walking everything, measuring. */
#include "evm/core/alloc.h"
#include "evm/state/state_internal.h"

/* ---- flatten --------------------------------------------------------------------------------- */

/* The base's record of *from, made if absent (room is reserved), with from's content. */
static void fold_account(struct evm_state *base, const struct evm_state *v,
                         struct account_record *from)
{
    uint32_t hash = (uint32_t)evm_hash_addr(&from->addr);
    struct account_record *r = state_find_account(base, &from->addr, hash);
    if (!r)
        r = state_add_account(base, &from->addr, hash);
    if (from->wiped)
        state_wipe(base, r);
    r->balance = from->balance;
    r->nonce = from->nonce;
    r->code = from->code;
    r->exists = from->exists;
    r->slot_count = from->slot_count;
    if (atomic_load_explicit(&from->has_key, memory_order_relaxed)) {
        r->key = from->key;
        atomic_store_explicit(&r->has_key, true, memory_order_relaxed);
    }
    if (v->rooted) {
        base->trie_cost.bytes -= evm_trie_unref(r->storage);
        r->storage = from->storage;
        from->storage = NULL;
    } else {
        state_mark_account(base, r);
    }
    from->moved_to = (uint32_t)(r - base->accounts);
}

static void fold_slot(struct evm_state *base, const struct evm_state *v,
                      const struct slot_record *from)
{
    const struct account_record *owner = &v->accounts[from->account];
    if (from->incarnation != owner->incarnation)
        return;
    const struct account_record *r = &base->accounts[owner->moved_to];
    uint32_t hash = (uint32_t)evm_hash_slot(evm_hash_addr(&owner->addr), &from->key);
    struct slot_record *slot = state_find_slot(base, r, &from->key, hash);
    if (!slot) {
        if (evm_u256_is_zero(&from->value) && v->rooted)
            return; /* nothing there to hide in a base, and no trie to change */
        slot = state_add_slot(base, r, &from->key, hash);
    }
    slot->value = from->value;
    base->dead_slots += evm_u256_is_zero(&from->value);
    if (!v->rooted)
        state_mark_slot(base, slot);
}

static void fold(struct evm_state *base, struct evm_state *v)
{
    for (uint32_t i = 0; i < v->account_count; i++)
        fold_account(base, v, &v->accounts[i]);
    for (uint32_t i = 0; i < v->slot_count; i++)
        fold_slot(base, v, &v->slots[i]);
    if (v->rooted) {
        base->trie_cost.bytes += v->trie_cost.bytes;
        base->trie_cost.bytes -= evm_trie_unref(base->trie);
        base->trie = v->trie;
        v->trie = NULL;
    }
    base->rooted = v->rooted;
}

/* Drops slot records that hold 0 or are hidden by a wipe; the array keeps its order. Needs no
 * memory: the index is refilled in place. */
static void compact_slots(struct evm_state *base)
{
    uint32_t kept = 0;
    base->dirty_slot_count = 0;
    memset(base->slot_index.cells, 0, base->slot_index.capacity * sizeof *base->slot_index.cells);
    for (uint32_t i = 0; i < base->slot_count; i++) {
        struct slot_record slot = base->slots[i];
        const struct account_record *r = &base->accounts[slot.account];
        bool visible = slot.incarnation == r->incarnation;
        if (!visible || (evm_u256_is_zero(&slot.value) && !slot.dirty))
            continue;
        if (slot.dirty)
            base->dirty_slots[base->dirty_slot_count++] = kept;
        base->slots[kept++] = slot;
        state_index_put(&base->slot_index,
                        (uint32_t)evm_hash_slot(evm_hash_addr(&r->addr), &slot.key), kept);
    }
    base->slot_count = kept;
    base->dead_slots = 0;
}

/* s takes over everything the base holds. */
static void become(struct evm_state *s, struct evm_state *base)
{
    state_release(s);
    s->accounts = base->accounts;
    s->slots = base->slots;
    s->dirty_accounts = base->dirty_accounts;
    s->dirty_slots = base->dirty_slots;
    s->account_count = base->account_count;
    s->account_capacity = base->account_capacity;
    s->slot_count = base->slot_count;
    s->slot_capacity = base->slot_capacity;
    s->dirty_account_count = base->dirty_account_count;
    s->dirty_account_capacity = base->dirty_account_capacity;
    s->dirty_slot_count = base->dirty_slot_count;
    s->dirty_slot_capacity = base->dirty_slot_capacity;
    s->account_index = base->account_index;
    s->slot_index = base->slot_index;
    s->dead_slots = base->dead_slots;
    s->rooted = base->rooted;
    s->trie = base->trie;
    s->trie_cost.bytes = base->trie_cost.bytes;
    pthread_mutex_destroy(&base->lock);
    free(base);
}

bool evm_state_foldable(const struct evm_state *s)
{
    for (; s->parent; s = s->parent)
        if (atomic_load(&s->parent->refs) != 1)
            return false;
    return true;
}

enum evm_status evm_state_flatten(struct evm_state *s)
{
    EVM_CHECK(s->sealed, "flatten of a version that is not sealed (%u accounts)", s->account_count);
    uint64_t accounts = 0, slots = 0;
    size_t depth = 0;
    struct evm_state *base = s, *p;
    for (; base->parent; base = base->parent) {
        accounts += base->account_count;
        slots += base->slot_count;
        depth++;
        uint32_t refs = atomic_load(&base->parent->refs);
        EVM_CHECK(refs == 1, "flatten while somebody else holds a version below (%u references)",
                  refs);
    }
    if (depth == 0)
        return EVM_OK;
    struct evm_state **chain = evm_malloc(depth * sizeof(struct evm_state *));
    if (!chain)
        return EVM_ERR_MEMORY;
    if (base->dead_slots * 2 > base->slot_count && base->slot_index.capacity)
        compact_slots(base);
    enum evm_status st = state_reserve(base, accounts, slots);
    if (st != EVM_OK) {
        free(chain);
        return st;
    }
    p = s;
    for (size_t i = depth; i-- > 0; p = p->parent)
        chain[i] = p;
    for (size_t i = 0; i < depth; i++)
        fold(base, chain[i]);
    for (size_t i = 0; i + 1 < depth; i++) {
        state_release(chain[i]);
        pthread_mutex_destroy(&chain[i]->lock);
        free(chain[i]);
    }
    free(chain);
    become(s, base);
    s->parent = NULL;
    return EVM_OK;
}

/* ---- each ------------------------------------------------------------------------------------ */

struct seen_slot {
    const struct evm_addr *addr;
    const struct slot_record *slot;
};

static int account_order(const void *x, const void *y)
{
    const struct account_record *const *a = x, *const *b = y;
    return memcmp((*a)->addr.b, (*b)->addr.b, sizeof(*a)->addr.b);
}

static int slot_order(const void *x, const void *y)
{
    const struct seen_slot *a = x, *b = y;
    int order = memcmp(a->addr->b, b->addr->b, sizeof a->addr->b);
    return order ? order : evm_u256_cmp(&a->slot->key, &b->slot->key);
}

/* Is there a version between s (inclusive) and v (exclusive) that hides the account of v? */
static bool account_hidden(const struct evm_state *s, const struct evm_state *v,
                           const struct evm_addr *addr)
{
    uint32_t hash = (uint32_t)evm_hash_addr(addr);
    for (; s != v; s = s->parent)
        if (state_find_account(s, addr, hash))
            return true;
    return false;
}

static bool slot_hidden(const struct evm_state *s, const struct evm_state *v,
                        const struct evm_addr *addr, const struct evm_u256 *key)
{
    uint64_t ah = evm_hash_addr(addr);
    uint32_t sh = (uint32_t)evm_hash_slot(ah, key);
    for (; s != v; s = s->parent) {
        const struct account_record *r = state_find_account(s, addr, (uint32_t)ah);
        if (r && (r->wiped || state_find_slot(s, r, key, sh)))
            return true;
    }
    return false;
}

struct walk {
    const struct account_record **accounts;
    struct seen_slot *slots;
    size_t account_count, slot_count;
};

/* Of one account, or (only is NULL) of all; sorted. */
static void collect_slots(const struct evm_state *s, const struct evm_addr *only, struct walk *w)
{
    for (const struct evm_state *v = s; v; v = v->parent)
        for (uint32_t i = 0; i < v->slot_count; i++) {
            const struct slot_record *slot = &v->slots[i];
            const struct account_record *r = &v->accounts[slot->account];
            if (slot->incarnation == r->incarnation && !evm_u256_is_zero(&slot->value) &&
                (!only || evm_addr_eq(only, &r->addr)) && !slot_hidden(s, v, &r->addr, &slot->key))
                w->slots[w->slot_count++] = (struct seen_slot){&r->addr, slot};
        }
    if (w->slot_count)
        qsort(w->slots, w->slot_count, sizeof *w->slots, slot_order);
}

static void collect(const struct evm_state *s, struct walk *w)
{
    for (const struct evm_state *v = s; v; v = v->parent)
        for (uint32_t i = 0; i < v->account_count; i++) {
            const struct account_record *r = &v->accounts[i];
            if (r->exists && !account_hidden(s, v, &r->addr))
                w->accounts[w->account_count++] = r;
        }
    if (w->account_count)
        qsort(w->accounts, w->account_count, sizeof *w->accounts, account_order);
    collect_slots(s, NULL, w);
}

enum evm_status evm_state_each(const struct evm_state *s,
                               void (*account)(void *self, const struct evm_addr *addr,
                                               const struct evm_account *acc),
                               void (*slot)(void *self, const struct evm_addr *addr,
                                            const struct evm_u256 *key,
                                            const struct evm_u256 *value),
                               void *self)
{
    size_t accounts = 1, slots = 1;
    for (const struct evm_state *v = s; v; v = v->parent) {
        accounts += v->account_count;
        slots += v->slot_count;
    }
    struct walk w = {.accounts = evm_malloc(accounts * sizeof(struct account_record *)),
                     .slots = evm_malloc(slots * sizeof *w.slots)};
    if (!w.accounts || !w.slots) {
        free(w.accounts);
        free(w.slots);
        return EVM_ERR_MEMORY;
    }
    collect(s, &w);
    size_t next = 0;
    for (size_t i = 0; i < w.account_count; i++) {
        const struct account_record *r = w.accounts[i];
        struct evm_account acc = {.balance = r->balance,
                                  .nonce = r->nonce,
                                  .code_hash = r->code->hash,
                                  .exists = true,
                                  .has_storage = r->slot_count != 0};
        if (account)
            account(self, &r->addr, &acc);
        for (; next < w.slot_count && evm_addr_eq(w.slots[next].addr, &r->addr); next++)
            if (slot)
                slot(self, &r->addr, &w.slots[next].slot->key, &w.slots[next].slot->value);
    }
    free(w.accounts);
    free(w.slots);
    return EVM_OK;
}

enum evm_status evm_state_slots(const struct evm_state *s, const struct evm_addr *addr,
                                void (*slot)(void *self, const struct evm_addr *addr,
                                             const struct evm_u256 *key,
                                             const struct evm_u256 *value),
                                void *self)
{
    size_t slots = 1;
    for (const struct evm_state *v = s; v; v = v->parent)
        slots += v->slot_count;
    struct walk w = {.slots = evm_malloc(slots * sizeof *w.slots)};
    if (!w.slots)
        return EVM_ERR_MEMORY;
    collect_slots(s, addr, &w);
    for (size_t i = 0; i < w.slot_count; i++)
        slot(self, addr, &w.slots[i].slot->key, &w.slots[i].slot->value);
    free(w.slots);
    return EVM_OK;
}

size_t evm_state_bytes(const struct evm_state *s)
{
    return sizeof *s + s->account_capacity * sizeof *s->accounts +
           s->slot_capacity * sizeof *s->slots +
           ((size_t)s->dirty_account_capacity + s->dirty_slot_capacity) * sizeof(uint32_t) +
           ((size_t)s->account_index.capacity + s->slot_index.capacity) *
               sizeof(struct index_cell) +
           s->trie_cost.bytes;
}
