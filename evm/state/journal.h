/* evm/state/journal.h - the state as one transaction is changing it.
 *
 * In front of a view: every account and slot is read from the view at most once, then lives here
 * with its original and its current value, its warmth (EIP-2929) and its transient slots
 * (EIP-1153). Every mutation is undone exactly by reverting to a snapshot. finish() turns what is
 * left into evm_changes and empties the journal for the next transaction, keeping its memory.
 *
 * Entries (struct evm_jaccount, evm_jslot) keep their address until the next begin(), so frames may
 * hold them. One thread at a time. A function that returns evm_read has had no effect when it
 * returns EVM_READ_PENDING.
 *
 * Memory: when an allocation fails the journal is marked failed (evm_journal_failed), functions
 * return harmless values (a scratch entry), and the transaction run reports EVM_ERR_MEMORY at its
 * next step. */
#ifndef EVM_STATE_JOURNAL_H
#define EVM_STATE_JOURNAL_H

#include "evm/core/buf.h"
#include "evm/core/code.h"
#include "evm/core/fork.h"
#include "evm/core/u256.h"
#include "evm/state/changes.h"
#include "evm/state/view.h"

struct evm_journal;

/* How a balance was looked at; an executor with commutative balance deltas validates a predicate
 * instead of a value when the value itself was never observed. */
struct evm_jaccount {
    struct evm_addr addr;
    uint8_t loaded;  /* enum evm_need: which fields hold a value */
    bool warm;       /* EIP-2929 accessed_addresses */
    bool touched;    /* EIP-161 */
    bool created;    /* made by CREATE/CREATE2 in this transaction (EIP-6780) */
    bool destructed; /* SELFDESTRUCT takes effect at the end of the transaction */
    bool wiped;      /* storage restarted empty in this transaction */
    bool exists;     /* before, or touched since; EIP-161 forks ask evm_journal_empty instead */
    bool has_storage;
    bool accessed; /* looked at although nothing of it is loaded: a precompile that was called, the
                      heir of nothing (EIP-7928 lists them) */
    bool balance_observed; /* by BALANCE, SELFBALANCE or the like: only equality validates it */
    struct evm_u256
        balance_needed; /* else: largest amount the value at transaction start had to reach */
    struct evm_u256 balance;
    uint64_t nonce;
    const struct evm_code *code; /* resolved when EVM_NEED_CODE is loaded */
    struct evm_account before;   /* the loaded fields as the view gave them */
};

struct evm_jslot {
    struct evm_u256 key;
    struct evm_u256 current;
    struct evm_u256 original; /* at transaction start (EIP-2200) */
    bool loaded;
    bool warm;
};

/* A log, in emission order. topics and data belong to the journal until the next begin(). */
struct evm_log {
    struct evm_addr addr;
    uint32_t topic_count; /* 0..4 */
    struct evm_hash topics[4];
    struct evm_bytes data;
};

struct evm_journal *evm_journal_create(struct evm_codes *codes);
void evm_journal_destroy(struct evm_journal *j);

/* Starts a transaction over *view (copied); forgets everything from the one before. */
void evm_journal_begin(struct evm_journal *j, const struct evm_rules *rules, struct evm_view view);
/* After begin(): the account counts as accessed from the start (EIP-3651: the coinbase). */
void evm_journal_warm_always(struct evm_journal *j, const struct evm_addr *addr);
bool evm_journal_failed(const struct evm_journal *j);
/* The store given to create: where newly deployed code goes. */
struct evm_codes *evm_journal_codes(const struct evm_journal *j);

/* The entry of an account, made if absent, with at least `need` loaded. need = 0 never waits. O(1).
 */
enum evm_read evm_journal_account(struct evm_journal *j, const struct evm_addr *addr, unsigned need,
                                  struct evm_jaccount **out);
/* Loads what is missing of `need` into an entry of this journal. */
enum evm_read evm_journal_load(struct evm_journal *j, struct evm_jaccount *acc, unsigned need);
/* The entry of an account that was asked for before, or NULL. */
const struct evm_jaccount *evm_journal_find(const struct evm_journal *j,
                                            const struct evm_addr *addr);
/* The entry of a slot with its value loaded (load = false: only the entry, never waits). O(1). */
enum evm_read evm_journal_slot(struct evm_journal *j, struct evm_jaccount *acc,
                               const struct evm_u256 *key, bool load, struct evm_jslot **out);

/* Mark accessed; true if it was cold until now (undone by revert). Precompiles are warm from the
 * start (EIP-2929), so nobody needs to mark them. */
bool evm_journal_warm_account(struct evm_journal *j, struct evm_jaccount *acc);
bool evm_journal_warm_slot(struct evm_journal *j, struct evm_jaccount *acc, struct evm_jslot *slot);

/* Is the account empty in the sense of EIP-161? Loads as little as it takes to know. Where the
 * balance decides, it is recorded as a requirement of at least 1 or, at 0, as an observation. */
enum evm_read evm_journal_empty(struct evm_journal *j, struct evm_jaccount *acc, bool *empty);

/* Mutations; the fields concerned must be loaded (checked in debug builds). All touch the account.
 */
void evm_journal_touch(struct evm_journal *j, struct evm_jaccount *acc);
void evm_journal_set_slot(struct evm_journal *j, struct evm_jaccount *acc, struct evm_jslot *slot,
                          const struct evm_u256 *value);
void evm_journal_set_nonce(struct evm_journal *j, struct evm_jaccount *acc, uint64_t nonce);
void evm_journal_set_code(struct evm_journal *j, struct evm_jaccount *acc,
                          const struct evm_code *code);
void evm_journal_add_balance(struct evm_journal *j, struct evm_jaccount *acc,
                             const struct evm_u256 *amount);
/* False, with nothing changed, if the balance is smaller; records the requirement either way. */
bool evm_journal_sub_balance(struct evm_journal *j, struct evm_jaccount *acc,
                             const struct evm_u256 *amount);
/* True if balance >= amount; records the requirement (or its failure as an observation). */
bool evm_journal_balance_reaches(struct evm_journal *j, struct evm_jaccount *acc,
                                 const struct evm_u256 *amount);
bool evm_jaccount_balance_reaches(struct evm_jaccount *acc, const struct evm_u256 *amount);
/* In [bound, 3 * 2^254)? A balance below that and a gain below 2^254 never wrap. */
static inline bool evm_balance_within(const struct evm_u256 *balance, const struct evm_u256 *bound)
{
    return balance->w[3] >> 62 != 3 && !evm_u256_lt(balance, bound);
}
/* After finish(). True if the outcome is the same for every balance at the start that is within
 * *bound (evm_balance_within), the end's differing by as much as the start's; false if it was
 * looked at, or was or grew so large that sums might wrap. */
bool evm_jaccount_balance_bound(const struct evm_jaccount *acc, struct evm_u256 *bound);
/* CREATE: marks created, wipes storage, nonce 1 from EIP-161 on (else 0); the balance stays. */
void evm_journal_create_contract(struct evm_journal *j, struct evm_jaccount *acc);
/* SELFDESTRUCT bookkeeping only (EIP-6780 and balances are the caller's). False if already marked.
 */
bool evm_journal_mark_destructed(struct evm_journal *j, struct evm_jaccount *acc);

/* Transient storage, EIP-1153. */
void evm_journal_transient_get(struct evm_journal *j, const struct evm_jaccount *acc,
                               const struct evm_u256 *key, struct evm_u256 *out);
void evm_journal_transient_set(struct evm_journal *j, const struct evm_jaccount *acc,
                               const struct evm_u256 *key, const struct evm_u256 *value);

/* Copies topics and data. */
void evm_journal_log(struct evm_journal *j, const struct evm_addr *addr, uint32_t topic_count,
                     const struct evm_hash *topics, struct evm_bytes data);
uint32_t evm_journal_log_count(const struct evm_journal *j);
const struct evm_log *evm_journal_logs(const struct evm_journal *j);

/* The refund counter; may pass below zero inside a frame, never at the end. */
int64_t evm_journal_refund(const struct evm_journal *j);
void evm_journal_add_refund(struct evm_journal *j, int64_t delta);

/* Hash of ancestor block `number`, from the view. */
void evm_journal_block_hash(struct evm_journal *j, uint64_t number, struct evm_hash *out);

/* Snapshots nest; revert undoes everything since (warmth, logs, refund and transient slots
 * included) except the fact that values were read. */
typedef uint32_t evm_snapshot;
evm_snapshot evm_journal_snapshot(const struct evm_journal *j);
void evm_journal_revert(struct evm_journal *j, evm_snapshot to);

/* A copy of a journal between two reads. Zeroed is empty; fini gives the memory back. */
struct evm_journal_saved {
    struct evm_buf accounts, slots, transients, logs, undo;
    uint32_t account_count, slot_count, transient_count, log_count, undo_count, chunk_now;
    size_t chunk_fill;
    int64_t refund;
};
/* Keeps the state of the transaction as it is now: unlike a snapshot, with what has been read so
 * far, and whatever is reverted later. False if the journal has failed or memory is out. O(entries
 * and changes). */
bool evm_journal_save(const struct evm_journal *j, struct evm_journal_saved *out);
size_t evm_journal_saved_size(const struct evm_journal_saved *saved); /* bytes copied */
/* Back to a state saved in this transaction, after finish() too: what was read since is forgotten
 * and will be read again. Snapshots taken before the saving stay valid. Entries made since keep
 * their address and count as never asked for. */
void evm_journal_restore(struct evm_journal *j, const struct evm_journal_saved *from);
void evm_journal_saved_fini(struct evm_journal_saved *saved);

/* Reads from the view what finish() must know to tell touched accounts that are empty (EIP-161) or
 * new, and no more than that. A run over a view that may answer PENDING repeats it until OK before
 * finish(); over any other view finish() does it itself. */
enum evm_read evm_journal_settle(struct evm_journal *j);

/* Ends the transaction: deletes self-destructed and (EIP-161) touched empty accounts, appends the
 * difference to the view into *out (cleared first). Logs stay readable until begin(). */
enum evm_status evm_journal_finish(struct evm_journal *j, struct evm_changes *out);

/* What was read from the view, for read sets: every account with loaded != 0, then every slot that
 * was read (its value then is slot->original). The callback gets slot = NULL for the account
 * itself. Each kind in the order of first access (those that a restore made it forget included).
 * Valid until the next begin(), after finish() too. */
void evm_journal_each_read(const struct evm_journal *j,
                           void (*visit)(void *self, const struct evm_jaccount *acc,
                                         const struct evm_jslot *slot),
                           void *self);

/* What the transaction accessed, for block access lists (EIP-7928): as each_read, and also accounts
 * of which nothing had to be read, and slots of storage that it had emptied itself; reverted frames
 * included, what an access list (EIP-2930) only warmed left out. */
void evm_journal_each_access(const struct evm_journal *j,
                             void (*visit)(void *self, const struct evm_jaccount *acc,
                                           const struct evm_jslot *slot),
                             void *self);

#endif
