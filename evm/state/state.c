#include "evm/state/state.h"

#include "evm/core/alloc.h"
#include "evm/state/state_internal.h"

/* ---- tables ---------------------------------------------------------------------------------- */

struct account_record *state_find_account(const struct evm_state *s, const struct evm_addr *addr,
                                          uint32_t hash)
{
    const struct index *x = &s->account_index;
    if (!x->capacity)
        return NULL;
    for (uint32_t i = hash & (x->capacity - 1);; i = (i + 1) & (x->capacity - 1)) {
        const struct index_cell *c = &x->cells[i];
        if (!c->item)
            return NULL;
        if (c->hash == hash && evm_addr_eq(&s->accounts[c->item - 1].addr, addr))
            return &s->accounts[c->item - 1];
    }
}

struct slot_record *state_find_slot(const struct evm_state *s, const struct account_record *r,
                                    const struct evm_u256 *key, uint32_t hash)
{
    const struct index *x = &s->slot_index;
    if (!x->capacity)
        return NULL;
    uint32_t account = (uint32_t)(r - s->accounts);
    for (uint32_t i = hash & (x->capacity - 1);; i = (i + 1) & (x->capacity - 1)) {
        const struct index_cell *c = &x->cells[i];
        if (!c->item)
            return NULL;
        if (c->hash != hash)
            continue;
        struct slot_record *slot = &s->slots[c->item - 1];
        if (slot->account == account && slot->incarnation == r->incarnation &&
            evm_u256_eq(&slot->key, key))
            return slot;
    }
}

void state_index_put(struct index *index, uint32_t hash, uint32_t item)
{
    uint32_t i = hash & (index->capacity - 1);
    while (index->cells[i].item)
        i = (i + 1) & (index->capacity - 1);
    index->cells[i] = (struct index_cell){hash, item};
}

/* Room for `want` items at a load of at most two thirds. */
static enum evm_status index_reserve(struct index *index, uint64_t want)
{
    uint64_t capacity = index->capacity ? index->capacity : 16;
    while (capacity * 2 < want * 3)
        capacity *= 2;
    if (capacity == index->capacity)
        return EVM_OK;
    if (capacity > (uint64_t)1 << 31)
        return EVM_ERR_MEMORY;
    struct index grown = {evm_calloc(capacity, sizeof *grown.cells), (uint32_t)capacity};
    if (!grown.cells)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < index->capacity; i++)
        if (index->cells[i].item)
            state_index_put(&grown, index->cells[i].hash, index->cells[i].item);
    free(index->cells);
    *index = grown;
    return EVM_OK;
}

/* *items gets room for `want` items of that size; amortised O(1) an item. */
static enum evm_status array_reserve(void *items, uint32_t *capacity, size_t size, uint64_t want)
{
    if (want <= *capacity)
        return EVM_OK;
    uint64_t room = *capacity ? (uint64_t)*capacity * 2 : 8;
    if (room < want)
        room = want;
    if (room > UINT32_MAX)
        return EVM_ERR_MEMORY;
    void *old, *grown;
    memcpy(&old, items, sizeof old);
    grown = evm_realloc(old, room * size);
    if (!grown)
        return EVM_ERR_MEMORY;
    memcpy(items, &grown, sizeof grown);
    *capacity = (uint32_t)room;
    return EVM_OK;
}

enum evm_status state_reserve(struct evm_state *s, uint64_t accounts, uint64_t slots)
{
    accounts += s->account_count;
    slots += s->slot_count;
    enum evm_status st =
        array_reserve(&s->accounts, &s->account_capacity, sizeof *s->accounts, accounts);
    if (st == EVM_OK)
        st = array_reserve(&s->dirty_accounts, &s->dirty_account_capacity, sizeof(uint32_t),
                           accounts);
    if (st == EVM_OK)
        st = index_reserve(&s->account_index, accounts);
    if (st == EVM_OK && slots > 0)
        st = array_reserve(&s->slots, &s->slot_capacity, sizeof *s->slots, slots);
    if (st == EVM_OK && slots > 0)
        st = array_reserve(&s->dirty_slots, &s->dirty_slot_capacity, sizeof(uint32_t), slots);
    if (st == EVM_OK && slots > 0)
        st = index_reserve(&s->slot_index, slots);
    return st;
}

struct account_record *state_add_account(struct evm_state *s, const struct evm_addr *addr,
                                         uint32_t hash)
{
    struct account_record *r = &s->accounts[s->account_count++];
    memset(r, 0, sizeof *r);
    r->addr = *addr;
    r->code = evm_code_empty();
    state_index_put(&s->account_index, hash, s->account_count);
    return r;
}

struct slot_record *state_add_slot(struct evm_state *s, const struct account_record *r,
                                   const struct evm_u256 *key, uint32_t hash)
{
    struct slot_record *slot = &s->slots[s->slot_count++];
    *slot = (struct slot_record){
        .account = (uint32_t)(r - s->accounts), .incarnation = r->incarnation, .key = *key};
    state_index_put(&s->slot_index, hash, s->slot_count);
    return slot;
}

void state_mark_account(struct evm_state *s, struct account_record *r)
{
    if (!r->dirty)
        s->dirty_accounts[s->dirty_account_count++] = (uint32_t)(r - s->accounts);
    r->dirty = true;
}

void state_mark_slot(struct evm_state *s, struct slot_record *slot)
{
    if (!slot->dirty)
        s->dirty_slots[s->dirty_slot_count++] = (uint32_t)(slot - s->slots);
    slot->dirty = true;
}

void state_wipe(struct evm_state *s, struct account_record *r)
{
    s->dead_slots += r->slot_count;
    r->incarnation++;
    r->wiped = true;
    r->slot_count = 0;
    s->trie_cost.bytes -= evm_trie_unref(r->storage);
    r->storage = NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct evm_state *evm_state_create(struct evm_codes *codes)
{
    struct evm_state *s = evm_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return NULL;
    }
    atomic_init(&s->refs, 1);
    s->codes = codes;
    return s;
}

struct evm_state *evm_state_fork(struct evm_state *parent)
{
    EVM_CHECK(parent->sealed, "fork from a version that is not sealed (%u accounts)",
              parent->account_count);
    struct evm_state *s = evm_state_create(parent->codes);
    if (s)
        s->parent = evm_state_ref(parent);
    return s;
}

struct evm_state *evm_state_ref(struct evm_state *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void state_release(struct evm_state *s)
{
    for (uint32_t i = 0; i < s->account_count; i++)
        evm_trie_unref(s->accounts[i].storage);
    evm_trie_unref(s->trie);
    free(s->accounts);
    free(s->slots);
    free(s->dirty_accounts);
    free(s->dirty_slots);
    free(s->account_index.cells);
    free(s->slot_index.cells);
}

void evm_state_unref(struct evm_state *s)
{
    /* A loop, because a chain of versions may be long. */
    while (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        struct evm_state *parent = s->parent;
        state_release(s);
        pthread_mutex_destroy(&s->lock);
        free(s);
        s = parent;
    }
}

struct evm_codes *evm_state_codes(const struct evm_state *s)
{
    return s->codes;
}

void evm_state_seal(struct evm_state *s)
{
    s->sealed = true;
}

/* ---- reads ----------------------------------------------------------------------------------- */

void evm_state_account(const struct evm_state *s, const struct evm_addr *addr,
                       struct evm_account *out)
{
    uint32_t hash = (uint32_t)evm_hash_addr(addr);
    for (; s; s = s->parent) {
        const struct account_record *r = state_find_account(s, addr, hash);
        if (!r)
            continue;
        out->balance = r->balance;
        out->nonce = r->nonce;
        out->code_hash = r->code->hash;
        out->exists = r->exists;
        out->has_storage = r->slot_count != 0;
        return;
    }
    *out = (struct evm_account){.code_hash = evm_code_empty()->hash};
}

void evm_state_slot(const struct evm_state *s, const struct evm_addr *addr,
                    const struct evm_u256 *key, struct evm_u256 *out)
{
    uint64_t ah = evm_hash_addr(addr);
    uint32_t sh = (uint32_t)evm_hash_slot(ah, key);
    for (; s; s = s->parent) {
        const struct account_record *r = state_find_account(s, addr, (uint32_t)ah);
        if (!r)
            continue;
        const struct slot_record *slot = state_find_slot(s, r, key, sh);
        if (slot) {
            *out = slot->value;
            return;
        }
        if (r->wiped)
            break;
    }
    *out = (struct evm_u256){{0}};
}

static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    (void)need;
    const struct evm_state_view *v = self;
    evm_state_account(v->state, addr, out);
    return EVM_READ_OK;
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    const struct evm_state_view *v = self;
    evm_state_slot(v->state, addr, key, out);
    return EVM_READ_OK;
}

static void view_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    const struct evm_state_view *v = self;
    *out = (struct evm_hash){{0}};
    for (size_t i = 0; v->hashes && i < v->hashes->count; i++)
        if (v->hashes->numbers[i] == number)
            *out = v->hashes->hashes[i];
}

struct evm_view evm_state_view(struct evm_state_view *v)
{
    static const struct evm_view_ops ops = {view_account, view_slot, view_block_hash};
    return (struct evm_view){&ops, v};
}

/* ---- writes ---------------------------------------------------------------------------------- */

/* The version's own record; made complete from the versions below at the first write. The room is
 * reserved. */
static struct account_record *own_record(struct evm_state *s, const struct evm_addr *addr,
                                         uint32_t hash)
{
    struct account_record *r = state_find_account(s, addr, hash);
    if (r)
        return r;
    const struct account_record *below = NULL;
    for (const struct evm_state *p = s->parent; p && !below; p = p->parent)
        below = state_find_account(p, addr, hash);
    r = state_add_account(s, addr, hash);
    if (below) {
        r->balance = below->balance;
        r->nonce = below->nonce;
        r->code = below->code;
        r->slot_count = below->slot_count;
        r->exists = below->exists;
        if (atomic_load_explicit(&below->has_key, memory_order_acquire)) {
            r->key = below->key;
            atomic_init(&r->has_key, true);
        }
    }
    return r;
}

static void write_slot(struct evm_state *s, struct account_record *r, uint64_t addr_hash,
                       const struct evm_slot_change *c)
{
    uint32_t hash = (uint32_t)evm_hash_slot(addr_hash, &c->key);
    struct slot_record *slot = state_find_slot(s, r, &c->key, hash);
    struct evm_u256 old = {{0}};
    if (slot)
        old = slot->value;
    else if (!r->wiped && s->parent)
        evm_state_slot(s->parent, &r->addr, &c->key, &old);
    if (!slot)
        slot = state_add_slot(s, r, &c->key, hash);
    bool was = !evm_u256_is_zero(&old), is = !evm_u256_is_zero(&c->value);
    r->slot_count = r->slot_count + is - was;
    s->dead_slots += !is;
    slot->value = c->value;
    state_mark_slot(s, slot);
}

static void write_account(struct evm_state *s, const struct evm_account_change *c,
                          const struct evm_slot_change *slots)
{
    uint64_t hash = evm_hash_addr(&c->addr);
    struct account_record *r = own_record(s, &c->addr, (uint32_t)hash);
    state_mark_account(s, r);
    r->exists = !(c->wrote & EVM_WROTE_DELETED);
    if (c->wrote & (EVM_WROTE_DELETED | EVM_WROTE_WIPE))
        state_wipe(s, r);
    if (c->wrote & EVM_WROTE_DELETED) {
        r->balance = (struct evm_u256){{0}};
        r->nonce = 0;
        r->code = evm_code_empty();
        return;
    }
    if (c->wrote & EVM_WROTE_BALANCE)
        r->balance = c->balance;
    if (c->wrote & EVM_WROTE_NONCE)
        r->nonce = c->nonce;
    if (c->wrote & EVM_WROTE_CODE)
        r->code = c->code;
    for (uint32_t i = 0; i < c->slot_count; i++)
        write_slot(s, r, hash, &slots[c->first_slot + i]);
}

enum evm_status evm_state_apply(struct evm_state *s, const struct evm_changes *c)
{
    EVM_CHECK(!s->sealed, "write to a sealed version (%u accounts changed)", c->account_count);
    enum evm_status st = state_reserve(s, c->account_count, c->slot_count);
    for (uint32_t i = 0; i < c->account_count && st == EVM_OK; i++)
        write_account(s, &c->accounts[i], c->slots);
    return st;
}
