/* evm/parallel/mvmemory.h - the multi-version memory: what each transaction of a block wrote, and
 * what a transaction may therefore read.
 *
 * In front of the state before the block. Each location holds one version per transaction that
 * wrote it; transaction i reads the highest version below i. Locations are the fields of accounts
 * and the slots, told apart by their full keys, so two transactions that touch different fields of
 * one account do not conflict:
 *     BALANCE, NONCE, CODE, EXISTS  of an account
 *     WIPE    every slot below this version is gone (creation over old storage, self-destruction);
 *             each slot read depends on it too, absence included
 *     SLOT    one slot
 *     STORED  whether the account has any slot set (EIP-7610); has no versions of its own. Storage
 *             that is there before the block counts until it is wiped as a whole
 * The values of one account that is kept apart (the beneficiary: its BALANCE and EXISTS) are not
 * here but on the commit ladder.
 *
 * A version carries the incarnation that wrote it, and is an estimate after that incarnation was
 * found invalid: a reader then waits for the transaction instead of guessing. Nonces and balance
 * differences, which nearly always come out the same again, stay readable as guesses.
 *
 * A balance's version may be a difference (EVM_WROTE_DELTA): a reader gets the sum down to the
 * highest version that is a value. Who did not look at a balance, but only needed it to suffice,
 * has its read turned into a bound (evm_mv_log_bound) and is valid while the bound holds.
 *
 * Change stamps: every publication that can change what others read gets the next number of one
 * counter. What was read or validated under stamp s is still good against every transaction whose
 * last change is not above s; the ladder uses that to skip re-validation.
 *
 * Threads: with begin(threaded = true) all functions but begin, collect and destroy may be called
 * at once, each transaction's own data (its writes, its log) by one thread at a time. Locks are
 * per location or table shard, a few instructions long, never two at once. A core that reads with a
 * log, or publishes, is one thread at a time: it remembers the locations that it met last. */
#ifndef EVM_PARALLEL_MVMEMORY_H
#define EVM_PARALLEL_MVMEMORY_H

#include "evm/core/error.h"
#include "evm/state/changes.h"
#include "evm/state/view.h"

enum evm_mv_kind {
    EVM_MV_BALANCE,
    EVM_MV_NONCE,
    EVM_MV_CODE,
    EVM_MV_EXISTS,
    EVM_MV_WIPE,
    EVM_MV_FIELDS, /* the kinds above have versions in the account itself */
    EVM_MV_SLOT = EVM_MV_FIELDS,
    EVM_MV_STORED, /* read only: follows from WIPE and the slots */
};

struct evm_mv;

/* What an access did, for the cost table. Added to, never cleared. */
struct evm_mv_cost {
    uint32_t lookups;   /* accounts and slots looked up, log entries checked */
    uint32_t accounts;  /* accounts read from the state before the block */
    uint32_t slots;     /* slots likewise */
    uint32_t contended; /* looked up where another core wrote last */
    uint32_t copied;    /* words of 32 bytes, for states to go back to (blockrun.h) */
};

/* The reads of one incarnation: location, version and value. Owned by the caller, zeroed at first;
 * fini gives the memory back, clear keeps it. */
struct evm_mv_read;
struct evm_mv_log {
    struct evm_mv_read *reads;
    uint32_t count, capacity;
    uint32_t broken; /* of the last validation that failed: the first read that does not hold */
    bool guarded;    /* reads answer EVM_MV_GUARDED where a conflict is likely */
};
void evm_mv_log_clear(struct evm_mv_log *log);
void evm_mv_log_fini(struct evm_mv_log *log);
/* Calls visit with the transaction that wrote what read k saw (EVM_NO_TX: nobody in this block), in
 * the order of reading. */
void evm_mv_log_writers(const struct evm_mv_log *log, void (*visit)(void *self, uint32_t tx),
                        void *self);

/* Forgets all reads from number `count` on, and the bounds of those before it: the run goes back to
 * where it had read so much. True if there were bounds. */
bool evm_mv_log_cut(struct evm_mv_log *log, uint32_t count);

/* After a run: for each balance read, `ask` says whether any amount from *bound up would have done
 * as well as the one that was read. */
void evm_mv_log_bound(struct evm_mv_log *log,
                      bool (*ask)(void *self, const struct evm_addr *addr,
                                  const struct evm_u256 *read, struct evm_u256 *bound),
                      void *self);

/* Adds a row for each read to the transaction that *out is being filled with; false when memory is
 * out. */
struct evm_access_sets;
bool evm_mv_log_accesses(const struct evm_mv_log *log, struct evm_access_sets *out);

struct evm_mv *evm_mv_create(void); /* NULL when memory is out */
void evm_mv_destroy(struct evm_mv *mv);

/* Starts a block of tx_count transactions over `base`, which never answers PENDING and stays
 * readable, from all threads at once, until the next begin. *apart is copied; NULL: no account is
 * kept apart. by_version: validation asks for the same versions, not for the same values. Keeps the
 * memory of the block before. */
enum evm_status evm_mv_begin(struct evm_mv *mv, struct evm_view base, uint32_t tx_count,
                             const struct evm_addr *apart, bool threaded, bool by_version);

/* ---- reading --------------------------------------------------------------------------------- */

enum evm_mv_answer {
    EVM_MV_OK,
    EVM_MV_WAIT,      /* *blocker's version is an estimate; nothing was logged */
    EVM_MV_NO_MEMORY, /* nothing was logged */
    EVM_MV_GUARDED,   /* asked for by log->guarded: a read of this location was invalid before, or
                         it is a slot that several transactions wrote; nothing was logged */
};

/* What transaction tx sees; log may be NULL (then nothing is recorded). Of the account kept apart
 * the balance and the existence are those before the block, and not logged. core is who asks
 * (contention), cost is added to. O(log versions). */
enum evm_mv_answer evm_mv_account(struct evm_mv *mv, uint32_t tx, const struct evm_addr *addr,
                                  unsigned need, struct evm_account *out, struct evm_mv_log *log,
                                  uint32_t *blocker, uint32_t core, struct evm_mv_cost *cost);
enum evm_mv_answer evm_mv_slot(struct evm_mv *mv, uint32_t tx, const struct evm_addr *addr,
                               const struct evm_u256 *key, struct evm_u256 *out,
                               struct evm_mv_log *log, uint32_t *blocker, uint32_t core,
                               struct evm_mv_cost *cost);

/* Would every read of the log give the same value now? An estimate gives none. Versions are brought
 * up to date where only they differ. *culprit: who wrote the first value that differs, at read
 * log->broken; its location counts as contested from then on. */
bool evm_mv_validate(struct evm_mv *mv, uint32_t tx, struct evm_mv_log *log, uint32_t *culprit,
                     uint32_t core, struct evm_mv_cost *cost);

/* The number of changes so far. */
uint64_t evm_mv_stamp(const struct evm_mv *mv);

/* ---- writing --------------------------------------------------------------------------------- */

struct evm_mv_published {
    bool changed;     /* somebody may have read something else before */
    bool added;       /* a location that tx did not hold before */
    uint32_t writes;  /* locations now held by tx */
    uint64_t readers; /* bit i % 64 is set if transaction i may have read what changed */
    uint64_t stamp;   /* of the change; as before if nothing changed */
};

/* Replaces all versions of tx by *changes under the given incarnation. On EVM_ERR_MEMORY what is
 * visible is undefined and the block must be given up. */
enum evm_status evm_mv_publish(struct evm_mv *mv, uint32_t tx, uint32_t incarnation,
                               const struct evm_changes *changes, uint32_t core,
                               struct evm_mv_published *out);

/* Turns the versions of that incarnation of tx into estimates (nonces and amounts: guesses); those
 * of any other stay. Whoever read them is invalid from now on; returned is whom that may concern,
 * as evm_mv_published.readers. */
uint64_t evm_mv_estimate(struct evm_mv *mv, uint32_t tx, uint32_t incarnation);

/* Before the first execution: says that tx is expected to write there, as an estimate that its
 * publication replaces or removes. */
enum evm_status evm_mv_expect(struct evm_mv *mv, uint32_t tx, enum evm_mv_kind kind,
                              const struct evm_addr *addr, const struct evm_u256 *key);

/* Before the first execution: says what tx will write there; whoever is above reads that until the
 * publication replaces or removes it. For CODE, value->w[0] is the pointer to the evm_code. */
enum evm_status evm_mv_predict(struct evm_mv *mv, uint32_t tx, enum evm_mv_kind kind,
                               const struct evm_addr *addr, const struct evm_u256 *key,
                               const struct evm_u256 *value);

/* Everything below `boundary` is committed: versions that nobody can read any more may go. */
void evm_mv_settle(struct evm_mv *mv, uint32_t boundary);

/* ---- the end --------------------------------------------------------------------------------- */

/* The account kept apart as the ladder left it. */
struct evm_mv_apart {
    bool exists;
    struct evm_u256 balance;
};

/* The difference between the newest versions and the state before the block, in the order and with
 * the bits that evm_changes asks for. apart is NULL if there was none. Needs that nobody reads or
 * writes meanwhile and that no estimate is left. As many OpenMP threads work on it as are given and
 * worth it. */
enum evm_status evm_mv_collect(struct evm_mv *mv, const struct evm_mv_apart *apart,
                               uint32_t threads, struct evm_changes *out);

/* Accounts and slots looked up in the state before the block, so far. */
void evm_mv_touched(const struct evm_mv *mv, uint64_t *accounts, uint64_t *slots);

#endif
