/* Interning of locations: a key is compared in full, its hash only finds the place. */
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/hash.h"
#include "evm/core/u256.h"
#include "evm/parallel/mvmemory_internal.h"

/* ---- objects in chunks ----------------------------------------------------------------------- */

static void *nth(const struct mv_table *t, uint32_t i, size_t size)
{
    return t->chunks[i / MV_CHUNK] + (size_t)(i % MV_CHUNK) * size;
}

struct mv_account *mv_account_nth(const struct mv_table *t, uint32_t i)
{
    return nth(t, i, sizeof(struct mv_account));
}

struct mv_slot *mv_slot_nth(const struct mv_table *t, uint32_t i)
{
    return nth(t, i, sizeof(struct mv_slot));
}

/* The next unused object; its cells are empty, with or without an array. NULL when memory is out.
 * It counts as used only after the caller's place(). */
static void *spare(struct mv_table *t, size_t size)
{
    if (t->used / MV_CHUNK < t->chunk_count)
        return nth(t, t->used, size);
    if (t->chunk_count == t->chunk_capacity) {
        uint32_t capacity = t->chunk_capacity ? t->chunk_capacity * 2 : 4;
        char **chunks = evm_realloc(t->chunks, capacity * sizeof *chunks);
        if (!chunks)
            return NULL;
        t->chunks = chunks;
        t->chunk_capacity = capacity;
    }
    char *chunk = evm_calloc(MV_CHUNK, size);
    if (!chunk)
        return NULL;
    t->chunks[t->chunk_count++] = chunk;
    return chunk;
}

/* Keeps the load at or below one half. */
static bool make_room(struct mv_table *t)
{
    if (t->entries && (t->used + 1) * 2 <= t->mask + 1)
        return true;
    uint32_t capacity = t->entries ? (t->mask + 1) * 2 : 32;
    struct mv_entry *entries = evm_calloc(capacity, sizeof *entries);
    if (!entries)
        return false;
    for (uint32_t i = 0; t->entries && i <= t->mask; i++) {
        if (!t->entries[i].object)
            continue;
        uint32_t at = (uint32_t)t->entries[i].hash & (capacity - 1);
        while (entries[at].object)
            at = (at + 1) & (capacity - 1);
        entries[at] = t->entries[i];
    }
    free(t->entries);
    t->entries = entries;
    t->mask = capacity - 1;
    return true;
}

static void place(struct mv_table *t, uint64_t hash, void *object)
{
    uint32_t at = (uint32_t)hash & t->mask;
    while (t->entries[at].object)
        at = (at + 1) & t->mask;
    t->entries[at] = (struct mv_entry){hash, object};
    t->used++;
}

static void reset_cell(struct mv_cell *c)
{
    atomic_store_explicit(&c->count, 0, memory_order_relaxed);
    atomic_store_explicit(&c->readers, 0, memory_order_relaxed);
    atomic_store_explicit(&c->writer, MV_NOBODY, memory_order_relaxed);
    atomic_store_explicit(&c->contested, false, memory_order_relaxed);
}

/* ---- accounts -------------------------------------------------------------------------------- */

static struct mv_account *find_account(const struct mv_table *t, uint64_t hash,
                                       const struct evm_addr *addr)
{
    if (!t->entries)
        return NULL;
    for (uint32_t at = (uint32_t)hash & t->mask; t->entries[at].object; at = (at + 1) & t->mask) {
        struct mv_account *a = t->entries[at].object;
        if (t->entries[at].hash == hash && evm_addr_eq(&a->addr, addr))
            return a;
    }
    return NULL;
}

static struct mv_account *add_account(struct evm_mv *mv, struct mv_table *t, uint64_t hash,
                                      const struct evm_addr *addr)
{
    struct mv_account *a = make_room(t) ? spare(t, sizeof *a) : NULL;
    if (!a)
        return NULL;
    a->addr = *addr;
    a->hash = hash;
    a->apart = mv->has_apart && evm_addr_eq(addr, &mv->apart);
    atomic_store_explicit(&a->slots, NULL, memory_order_relaxed);
    for (int k = 0; k < EVM_MV_FIELDS; k++)
        reset_cell(&a->cells[k]);
    enum evm_read r = mv->base.ops->account(mv->base.self, addr, EVM_NEED_ALL, &a->base);
    EVM_CHECK(r == EVM_READ_OK, "the base of a multi-version memory answered %d", r);
    place(t, hash, a);
    return a;
}

static struct mv_account *account_by_hash(struct evm_mv *mv, const struct evm_addr *addr,
                                          uint64_t hash, bool *fresh)
{
    struct mv_shard *s = &mv->shards[hash >> 58];
    evm_spin_lock(mv->threaded, &s->lock);
    struct mv_account *a = find_account(&s->accounts, hash, addr);
    *fresh = !a;
    if (!a)
        a = add_account(mv, &s->accounts, hash, addr);
    evm_spin_unlock(mv->threaded, &s->lock);
    return a;
}

struct mv_account *mv_account_known(struct evm_mv *mv, const struct evm_addr *addr)
{
    uint64_t hash = evm_hash_addr(addr);
    struct mv_shard *s = &mv->shards[hash >> 58];
    evm_spin_lock(mv->threaded, &s->lock);
    struct mv_account *a = find_account(&s->accounts, hash, addr);
    evm_spin_unlock(mv->threaded, &s->lock);
    return a;
}

struct mv_account *mv_account_at(struct evm_mv *mv, const struct evm_addr *addr, bool *fresh)
{
    return account_by_hash(mv, addr, evm_hash_addr(addr), fresh);
}

struct mv_account *mv_account_near(struct evm_mv *mv, const struct evm_addr *addr, uint32_t core,
                                   bool *fresh)
{
    uint64_t hash = evm_hash_addr(addr);
    if (core >= MV_NEAR_CORES)
        return account_by_hash(mv, addr, hash, fresh);
    struct mv_account **near = &mv->near[core].accounts[hash % MV_NEAR];
    *fresh = false;
    if (*near && evm_addr_eq(&(*near)->addr, addr))
        return *near;
    mv->near[core].used = true;
    struct mv_account *a = account_by_hash(mv, addr, hash, fresh);
    if (a)
        *near = a;
    return a;
}

struct mv_account *mv_owner_near(struct evm_mv *mv, const struct evm_addr *addr, uint32_t core,
                                 bool *fresh)
{
    struct mv_account *last = core < MV_NEAR_CORES ? mv->near[core].last : NULL;
    *fresh = false;
    if (last && evm_addr_eq(&last->addr, addr))
        return last;
    struct mv_account *a = mv_account_near(mv, addr, core, fresh);
    if (a && core < MV_NEAR_CORES)
        mv->near[core].last = a;
    return a;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static struct mv_slot *find_slot(const struct mv_table *t, uint64_t hash,
                                 const struct mv_account *account, const struct evm_u256 *key)
{
    if (!t->entries)
        return NULL;
    for (uint32_t at = (uint32_t)hash & t->mask; t->entries[at].object; at = (at + 1) & t->mask) {
        struct mv_slot *s = t->entries[at].object;
        if (t->entries[at].hash == hash && s->account == account && evm_u256_eq(&s->key, key))
            return s;
    }
    return NULL;
}

bool mv_slot_known(struct evm_mv *mv, const struct mv_account *account, const struct evm_u256 *key)
{
    uint64_t hash = evm_hash_slot(account->hash, key);
    struct mv_shard *shard = &mv->shards[hash >> 58];
    evm_spin_lock(mv->threaded, &shard->lock);
    bool known = find_slot(&shard->slots, hash, account, key) != NULL;
    evm_spin_unlock(mv->threaded, &shard->lock);
    return known;
}

static struct mv_slot *add_slot(struct evm_mv *mv, struct mv_table *t, uint64_t hash,
                                struct mv_account *account, const struct evm_u256 *key)
{
    struct mv_slot *s = make_room(t) ? spare(t, sizeof *s) : NULL;
    if (!s)
        return NULL;
    s->account = account;
    s->key = *key;
    reset_cell(&s->cell);
    enum evm_read r = mv->base.ops->slot(mv->base.self, &account->addr, key, &s->base);
    EVM_CHECK(r == EVM_READ_OK, "the base of a multi-version memory answered %d", r);
    place(t, hash, s);
    s->next = atomic_load_explicit(&account->slots, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&account->slots, &s->next, s,
                                                  memory_order_release, memory_order_relaxed))
        ;
    return s;
}

static struct mv_slot *slot_by_hash(struct evm_mv *mv, struct mv_account *account,
                                    const struct evm_u256 *key, uint64_t hash, bool *fresh)
{
    struct mv_shard *shard = &mv->shards[hash >> 58];
    evm_spin_lock(mv->threaded, &shard->lock);
    struct mv_slot *s = find_slot(&shard->slots, hash, account, key);
    *fresh = !s;
    if (!s)
        s = add_slot(mv, &shard->slots, hash, account, key);
    evm_spin_unlock(mv->threaded, &shard->lock);
    return s;
}

struct mv_slot *mv_slot_at(struct evm_mv *mv, struct mv_account *account,
                           const struct evm_u256 *key, bool *fresh)
{
    return slot_by_hash(mv, account, key, evm_hash_slot(account->hash, key), fresh);
}

struct mv_slot *mv_slot_near(struct evm_mv *mv, struct mv_account *account,
                             const struct evm_u256 *key, uint32_t core, bool *fresh)
{
    uint64_t hash = evm_hash_slot(account->hash, key);
    if (core >= MV_NEAR_CORES)
        return slot_by_hash(mv, account, key, hash, fresh);
    struct mv_slot **near = &mv->near[core].slots[hash % MV_NEAR];
    *fresh = false;
    if (*near && (*near)->account == account && evm_u256_eq(&(*near)->key, key))
        return *near;
    mv->near[core].used = true;
    struct mv_slot *s = slot_by_hash(mv, account, key, hash, fresh);
    if (s)
        *near = s;
    return s;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void clear_table(struct mv_table *t)
{
    if (t->used)
        memset(t->entries, 0, ((size_t)t->mask + 1) * sizeof *t->entries);
    t->used = 0;
}

void mv_tables_clear(struct evm_mv *mv)
{
    for (int i = 0; i < MV_SHARDS; i++) {
        clear_table(&mv->shards[i].accounts);
        clear_table(&mv->shards[i].slots);
    }
    for (int i = 0; i < MV_NEAR_CORES; i++)
        if (mv->near[i].used)
            mv->near[i] = (struct mv_near){0};
}

static void free_chunks(struct mv_table *t)
{
    for (uint32_t i = 0; i < t->chunk_count; i++)
        free(t->chunks[i]);
    free(t->chunks);
    free(t->entries);
}

void mv_tables_free(struct evm_mv *mv)
{
    for (int i = 0; i < MV_SHARDS; i++) {
        struct mv_shard *s = &mv->shards[i];
        for (uint32_t k = 0; k < s->accounts.chunk_count * MV_CHUNK; k++)
            for (int f = 0; f < EVM_MV_FIELDS; f++)
                free(mv_account_nth(&s->accounts, k)->cells[f].versions);
        for (uint32_t k = 0; k < s->slots.chunk_count * MV_CHUNK; k++)
            free(mv_slot_nth(&s->slots, k)->cell.versions);
        free_chunks(&s->accounts);
        free_chunks(&s->slots);
    }
}
