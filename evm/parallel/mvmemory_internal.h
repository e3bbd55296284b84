/* evm/parallel/mvmemory_internal.h - the multi-version memory's parts, shared by its files and its
 * white-box tests: interned locations (mvtable.c), versions (mvmemory.c), the end (mvcollect.c). */
#ifndef EVM_PARALLEL_MVMEMORY_INTERNAL_H
#define EVM_PARALLEL_MVMEMORY_INTERNAL_H

#include <stdatomic.h>

#include "evm/core/order.h"
#include "evm/parallel/mvmemory.h"
#include "evm/parallel/spin.h"

enum {
    MV_SHARDS = 64,     /* table locks; a power of two */
    MV_CHUNK = 32,      /* objects allocated at once */
    MV_NEAR_CORES = 32, /* cores that remember locations */
    MV_NEAR = 64,       /* how many of each sort; a power of two */
    MV_PARTS = 8,       /* threads that collect, at most ... */
#ifdef WEFT_TINY
    MV_PART_LEAST = 2, /* ... and accounts for which another one is worth it */
#else
    MV_PART_LEAST = 512, /* ... and accounts for which another one is worth it */
#endif
    MV_NOBODY = 0xffff,  /* no core wrote here yet */
    MV_BASE = UINT32_MAX /* the version before the block */
};

enum mv_state {
    MV_VALUE,    /* a finished incarnation's */
    MV_ESTIMATE, /* an invalid incarnation's: likely to be written again */
    MV_EXPECTED, /* nobody's yet: predicted, the value is meaningless */
    MV_GUESS,    /* predicted, or an invalid incarnation's, and likely to be right: may be read */
};

struct mv_version {
    uint32_t tx, incarnation;
    uint8_t state; /* enum mv_state */
    bool delta;    /* value is to be added to what is below, modulo 2^256 */
    bool steady;   /* an invalid incarnation's is a guess, not an estimate */
    struct evm_u256 value;
};

/* The versions of one location, ascending by tx. `count` is read without the lock to see that there
 * are none: a location that nobody writes costs no lock. */
struct mv_cell {
    struct mv_version *versions;
    _Atomic uint32_t count;
    uint32_t capacity;
    _Atomic uint64_t readers; /* bit tx % 64 of whoever looked; a hint whom a change concerns */
    _Atomic uint16_t writer;  /* core */
    atomic_bool contested;    /* somebody was invalid because of it */
    atomic_uchar lock;
};

/* An account and its state before the block; immutable but for the cells. A plain transfer needs
 * what stands first. */
struct mv_account {
    struct evm_addr addr;
    bool apart;
    uint64_t hash; /* of addr */
    struct mv_cell cells[EVM_MV_FIELDS];
    struct evm_account base;
    _Atomic(struct mv_slot *) slots; /* all interned ones; grows at the front only */
};

struct mv_slot {
    struct mv_account *account;
    struct mv_slot *next;
    struct evm_u256 key, base;
    struct mv_cell cell;
};

/* What was read: the location, the version that decided, the value. */
struct evm_mv_read {
    void *where; /* struct mv_slot for EVM_MV_SLOT, else struct mv_account */
    uint8_t kind;
    bool bounded; /* any value within `bound` would do (evm_balance_within) */
    bool guessed; /* nobody had written it when it was read */
    uint32_t tx, incarnation;
    struct evm_u256 value, bound;
};

struct mv_entry {
    uint64_t hash;
    void *object; /* NULL: free */
};

/* Open addressing over objects that live in chunks. Objects keep their version arrays from block to
 * block. */
struct mv_table {
    struct mv_entry *entries;
    uint32_t mask, used; /* capacity - 1 */
    char **chunks;
    uint32_t chunk_count, chunk_capacity;
};

struct mv_shard {
    atomic_uchar lock;
    struct mv_table accounts, slots;
} __attribute__((aligned(64)));

/* Locations that a core met, by the low bits of their hashes: found again without the table and
 * its lock. They stay where they are until the next begin. Of one thread at a time. */
struct mv_near {
    bool used;
    struct mv_account *last; /* whose slot was asked for last */
    struct mv_account *accounts[MV_NEAR];
    struct mv_slot *slots[MV_NEAR];
} __attribute__((aligned(64)));

/* The locations a transaction holds versions in. */
struct mv_writes {
    struct mv_cell **cells;
    uint32_t count, capacity;
};

/* mvcollect.c: what one thread works with. */
struct mv_part {
    struct evm_order *order, *slots;
    size_t order_capacity, slot_capacity;
    uint32_t count; /* accounts in the order */
    enum evm_status status;
    struct evm_changes changes;
} __attribute__((aligned(64)));

struct evm_mv {
    struct evm_view base;
    struct evm_addr apart;
    bool has_apart, threaded, by_version;
    uint32_t tx_count, tx_capacity;
    _Atomic uint32_t boundary;
    _Atomic uint64_t stamp;
    struct mv_writes *writes; /* tx_capacity */
    struct mv_shard shards[MV_SHARDS];
    struct mv_near near[MV_NEAR_CORES];
    struct mv_part parts[MV_PARTS];
};

/* ---- mvtable.c ------------------------------------------------------------------------------- */

/* The account or slot with that key, interned (and read from the base) at the first call. NULL when
 * memory is out. *fresh: this call read the base. */
struct mv_account *mv_account_at(struct evm_mv *mv, const struct evm_addr *addr, bool *fresh);
/* The interned account, or NULL; is a slot of it interned? */
struct mv_account *mv_account_known(struct evm_mv *mv, const struct evm_addr *addr);
bool mv_slot_known(struct evm_mv *mv, const struct mv_account *account, const struct evm_u256 *key);
struct mv_slot *mv_slot_at(struct evm_mv *mv, struct mv_account *account,
                           const struct evm_u256 *key, bool *fresh);
/* Likewise, where `core` calls, which no other thread does meanwhile. */
struct mv_account *mv_account_near(struct evm_mv *mv, const struct evm_addr *addr, uint32_t core,
                                   bool *fresh);
struct mv_slot *mv_slot_near(struct evm_mv *mv, struct mv_account *account,
                             const struct evm_u256 *key, uint32_t core, bool *fresh);
/* The account of a slot that is about to be asked for. */
struct mv_account *mv_owner_near(struct evm_mv *mv, const struct evm_addr *addr, uint32_t core,
                                 bool *fresh);
void mv_tables_clear(struct evm_mv *mv);
void mv_tables_free(struct evm_mv *mv);
struct mv_account *mv_account_nth(const struct mv_table *t, uint32_t i);
struct mv_slot *mv_slot_nth(const struct mv_table *t, uint32_t i);

#endif
