/* evm/state/journal_internal.h - the journal's insides, for its own files: journal.c (entries,
 * undo), journal_write.c (what a transaction does), journal_finish.c (what it leaves),
 * journal_save.c (going back to where it was).
 *
 * Entries live in chunked pools, so they never move; open-addressing tables find them by full key.
 * A table cell is valid only if its generation is the journal's, so begin() forgets everything by
 * counting the generation up.
 *
 * Storage that restarts empty (CREATE) gives the account a new storage id: lookups no longer meet
 * the entries of the old one, and a revert brings them back as they were, at no cost. */
#ifndef EVM_STATE_JOURNAL_INTERNAL_H
#define EVM_STATE_JOURNAL_INTERNAL_H

#include "evm/core/hash.h"
#include "evm/core/u256.h"
#include "evm/state/journal.h"

struct slot_entry;

struct account_entry {
    struct evm_jaccount pub; /* first, so that the caller's pointer is ours */
    uint32_t index;          /* in the pool */
    uint32_t storage_id;
    struct slot_entry *slots; /* of every storage id, newest first */
};

struct slot_entry {
    struct evm_jslot pub; /* first */
    uint32_t storage_id;
    bool read; /* the view was asked */
    struct account_entry *account;
    struct slot_entry *next;
};

struct transient_entry {
    uint32_t account;
    struct evm_u256 key, value;
};

#define POOL_CHUNK 64u

struct pool {
    void **chunks;
    uint32_t chunk_count, chunk_capacity, used;
};

struct cell {
    uint32_t generation, hash;
    void *entry;
};

struct table {
    struct cell *cells;
    uint32_t capacity, used; /* capacity is 0 or a power of two */
};

enum undo_kind {
    UNDO_WARM_ACCOUNT,
    UNDO_WARM_SLOT,
    UNDO_TOUCH,
    UNDO_SLOT,
    UNDO_NONCE,
    UNDO_CODE,
    UNDO_BALANCE,
    UNDO_CREATE,
    UNDO_DESTRUCT,
    UNDO_TRANSIENT,
    UNDO_LOG,
    UNDO_REFUND,
};

struct undo {
    uint32_t kind;
    uint32_t storage_id; /* UNDO_CREATE */
    void *entry;
    union {
        struct evm_u256 word;
        uint64_t nonce;
        const struct evm_code *code;
        int64_t refund;
        struct {
            bool created, wiped, has_storage;
        } create;
    } old;
};

/* Log data: chunks that stay, filled one after another. */
struct log_chunk {
    uint8_t *bytes;
    size_t size;
};

#define CODE_CACHE 64u

struct evm_journal {
    const struct evm_rules *rules;
    struct evm_view view;
    bool failed;
    bool settled;      /* evm_journal_settle was done, and nothing was changed since */
    bool clears_empty; /* EIP-161 */
    bool has_always_warm;
    struct evm_addr always_warm;
    uint32_t generation;
    uint32_t next_storage_id;
    int64_t refund;

    struct pool accounts, slots, transients;
    struct table account_table, slot_table, transient_table;

    struct undo *undo;
    uint32_t undo_count, undo_capacity;

    struct evm_log *logs;
    uint32_t log_count, log_capacity;
    struct log_chunk *chunks;
    uint32_t chunk_count, chunk_capacity, chunk_now;
    size_t chunk_fill;

    struct evm_codes *codes;
    const struct evm_code *code_cache[CODE_CACHE]; /* by the hash's first byte */

    void **order; /* finish() sorts here */
    uint32_t order_capacity;

    /* Handed out when memory is gone. */
    struct account_entry scratch_account;
    struct slot_entry scratch_slot;
};

static inline void *pool_at(const struct pool *p, uint32_t i, size_t size)
{
    return (char *)p->chunks[i / POOL_CHUNK] + (size_t)(i % POOL_CHUNK) * size;
}

static inline struct account_entry *account_at(const struct evm_journal *j, uint32_t i)
{
    return pool_at(&j->accounts, i, sizeof(struct account_entry));
}

static inline struct slot_entry *slot_at(const struct evm_journal *j, uint32_t i)
{
    return pool_at(&j->slots, i, sizeof(struct slot_entry));
}

/* ---- journal.c, for journal_write.c and journal_save.c ----------------------------------------
 */

/* The public part of an account nobody has looked at. */
void journal_account_fresh(const struct evm_journal *j, struct evm_jaccount *acc,
                           const struct evm_addr *addr);

/* Slow paths; NULL or false when memory is out. journal_undo_grow marks the journal failed then. */
void *journal_pool_grow(struct pool *p, size_t size);
bool journal_table_grow(struct table *t, uint32_t generation);
struct undo *journal_undo_grow(struct evm_journal *j);

struct slot_entry *journal_slot_add(struct evm_journal *j, struct account_entry *a,
                                    const struct evm_u256 *key, uint32_t hash);

static inline void *pool_take(struct pool *p, size_t size)
{
    if (p->used == p->chunk_count * POOL_CHUNK)
        return journal_pool_grow(p, size);
    return pool_at(p, p->used++, size);
}

static inline void cell_put(struct cell *cells, uint32_t capacity, const struct cell *c)
{
    uint32_t i = c->hash & (capacity - 1);
    while (cells[i].generation == c->generation)
        i = (i + 1) & (capacity - 1);
    cells[i] = *c;
}

/* Room for one more at a load of at most one half; false when memory is out. */
static inline bool table_reserve(struct table *t, uint32_t generation)
{
    return t->used * 2 < t->capacity || journal_table_grow(t, generation);
}

static inline void table_put(struct table *t, uint32_t generation, uint32_t hash, void *entry)
{
    struct cell c = {generation, hash, entry};
    cell_put(t->cells, t->capacity, &c);
    t->used++;
}

/* The record of a mutation about to happen, or NULL when memory is out (the journal is then marked
 * failed and its content means nothing). */
static inline struct undo *undo_push(struct evm_journal *j, enum undo_kind kind, void *entry)
{
    struct undo *u = __builtin_expect(j->undo_count < j->undo_capacity, 1)
                         ? &j->undo[j->undo_count++]
                         : journal_undo_grow(j);
    j->settled = false;
    if (u) {
        u->kind = kind;
        u->entry = entry;
    }
    return u;
}

#endif
