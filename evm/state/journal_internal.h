/* evm/state/journal_internal.h - the journal's insides, for its own two files.
 *
 * Entries live in chunked pools, so they never move; open-addressing tables find them by full key.
 * A table cell is valid only if its generation is the journal's, so begin() forgets everything by
 * counting the generation up.
 *
 * Storage that restarts empty (CREATE) gives the account a new storage id: lookups no longer meet
 * the entries of the old one, and a revert brings them back as they were, at no cost. */
#ifndef EVM_STATE_JOURNAL_INTERNAL_H
#define EVM_STATE_JOURNAL_INTERNAL_H

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
    bool clears_empty; /* EIP-161 */
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

/* Loads `missing` fields; PENDING leaves the entry as it was. */
enum evm_read evm_journal_load(struct evm_journal *j, struct account_entry *a, unsigned missing);

#endif
