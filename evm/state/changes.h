/* evm/state/changes.h - what a transaction (or a block) writes: the final values, not the
 * operations.
 *
 * Accounts in ascending address order, slots of an account in ascending key order; only values that
 * differ from what was there before. Owned by the holder; arrays grow and are reused (clear keeps
 * capacity). */
#ifndef EVM_STATE_CHANGES_H
#define EVM_STATE_CHANGES_H

#include "evm/core/code.h"
#include "evm/core/error.h"
#include "evm/core/types.h"

enum evm_wrote {
    EVM_WROTE_BALANCE = 1u << 0,
    EVM_WROTE_NONCE = 1u << 1,
    EVM_WROTE_CODE = 1u << 2,
    EVM_WROTE_WIPE =
        1u << 3, /* every slot not listed here is now 0 (CREATE over, or SELFDESTRUCT) */
    EVM_WROTE_DELETED = 1u << 4, /* the account is no longer in the trie; implies WIPE */
    EVM_WROTE_CREATED = 1u << 5, /* the account is known not to have been in the trie before, and is
                                    now; absent where nobody had to look (the state finds out) */
    EVM_WROTE_DELTA = 1u << 6,   /* with BALANCE: `balance` is an amount to add, modulo 2^256. Only
                                    between a run of evm/parallel and its ladder */
};

struct evm_slot_change {
    struct evm_u256 key, value;
};

struct evm_account_change {
    struct evm_addr addr;
    unsigned wrote; /* enum evm_wrote */
    uint64_t nonce; /* the value, where the bit is set; undefined elsewhere */
    struct evm_u256 balance;
    const struct evm_code *code;     /* borrowed from the code store */
    uint32_t first_slot, slot_count; /* a run of changes->slots */
};

struct evm_changes {
    struct evm_account_change *accounts;
    struct evm_slot_change *slots;
    uint32_t account_count, account_capacity;
    uint32_t slot_count, slot_capacity;
};

void evm_changes_init(struct evm_changes *c);
void evm_changes_clear(struct evm_changes *c);
void evm_changes_fini(struct evm_changes *c);

/* Makes room for that many more. EVM_ERR_MEMORY (or EVM_ERR_LIMIT beyond 2^32) changes nothing. */
enum evm_status evm_changes_reserve(struct evm_changes *c, uint32_t accounts, uint32_t slots);
/* The account's row, or NULL. O(log accounts). *at, if not NULL: where it is or would be. */
struct evm_account_change *evm_changes_find(const struct evm_changes *c,
                                            const struct evm_addr *addr, uint32_t *at);
/* *out (initialised) becomes equal to *from; on an error it is empty. */
enum evm_status evm_changes_copy(struct evm_changes *out, const struct evm_changes *from);

#endif
