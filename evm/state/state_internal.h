/* evm/state/state_internal.h - the inside of a version, for the files state*.c.
 *
 * A version holds dense arrays of records and an open-addressing index into each. An account's
 * record in an overlay is complete (all fields, copied from below at the first write), so a read
 * ends at the first version that has one. Slots are found by (record, incarnation, key): a wipe
 * counts the incarnation up, which hides every older slot of this version at once, and the mark
 * `wiped` stops the search from going below.
 *
 * Dirty lists name what changed since the trie nodes of this version were last right: everything in
 * an overlay, and in a base what versions without a computed root have left in it. */
#ifndef EVM_STATE_STATE_INTERNAL_H
#define EVM_STATE_STATE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "evm/core/hash.h"
#include "evm/core/u256.h"
#include "evm/state/state.h"
#include "evm/state/trie.h"

struct account_record {
    struct evm_addr addr;
    uint32_t incarnation;
    struct evm_u256 balance;
    uint64_t nonce;
    const struct evm_code *code;
    uint64_t slot_count; /* slots that are not 0 */
    bool exists;
    bool wiped; /* in this version; nothing below counts */
    bool dirty;
    _Atomic bool has_key;          /* released after key is written: by root(), while others read */
    struct evm_hash key;           /* keccak256(addr) */
    uint32_t moved_to;             /* while a flatten folds this record: its place in the base */
    struct evm_trie_node *storage; /* a reference; right where the version is rooted */
};

struct slot_record {
    uint32_t account, incarnation;
    bool dirty;
    struct evm_u256 key, value;
};

/* hash == 0 and item == 0 is free; item counts from 1. */
struct index_cell {
    uint32_t hash, item;
};

struct index {
    struct index_cell *cells;
    uint32_t capacity; /* 0 or a power of two */
};

struct evm_state {
    _Atomic uint32_t refs;
    bool sealed;
    struct evm_state *parent; /* NULL: this is the base */
    struct evm_codes *codes;

    struct account_record *accounts;
    struct slot_record *slots;
    uint32_t *dirty_accounts, *dirty_slots;
    uint32_t account_count, account_capacity;
    uint32_t slot_count, slot_capacity;
    uint32_t dirty_account_count, dirty_account_capacity;
    uint32_t dirty_slot_count, dirty_slot_capacity;
    struct index account_index, slot_index;
    uint64_t dead_slots; /* about how many slot records of a base hold 0 or are hidden */

    pthread_mutex_t lock; /* of what follows and of account_record.storage, once sealed */
    bool rooted;
    struct evm_trie_node *trie;
    struct evm_trie_cost trie_cost; /* permutations: of the last root only */
};

/* The record, or NULL. hash is evm_hash_addr's, cut to 32 bits. */
struct account_record *state_find_account(const struct evm_state *s, const struct evm_addr *addr,
                                          uint32_t hash);
struct slot_record *state_find_slot(const struct evm_state *s, const struct account_record *r,
                                    const struct evm_u256 *key, uint32_t hash);

/* Room for that many more records (and dirty marks), so that the add functions cannot fail. */
enum evm_status state_reserve(struct evm_state *s, uint64_t accounts, uint64_t slots);
/* A zeroed record with its key set, entered in the index. */
struct account_record *state_add_account(struct evm_state *s, const struct evm_addr *addr,
                                         uint32_t hash);
struct slot_record *state_add_slot(struct evm_state *s, const struct account_record *r,
                                   const struct evm_u256 *key, uint32_t hash);
void state_mark_account(struct evm_state *s, struct account_record *r);
void state_mark_slot(struct evm_state *s, struct slot_record *slot);
void state_wipe(struct evm_state *s, struct account_record *r);

void state_index_put(struct index *index, uint32_t hash, uint32_t item);
/* Frees what the version holds, not the version. */
void state_release(struct evm_state *s);

#endif
