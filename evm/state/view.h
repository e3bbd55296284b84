/* evm/state/view.h - how an executing transaction reads the world.
 *
 * A view is the state as one transaction may see it: a persistent state (serial execution), or a
 * multi-version memory in front of one (parallel execution). The journal (evm/state/journal.h) asks
 * it once per item and keeps the answer, so a transaction sees one consistent value for each item
 * (opacity).
 *
 * A read may be PENDING: the driver wants to decide when, in virtual time, this read happens, or
 * the value belongs to a transaction that has not finished. The interpreter then stops before the
 * opcode, with no side effect, and its step returns EVM_STEP_READ; the next step asks again. */
#ifndef EVM_STATE_VIEW_H
#define EVM_STATE_VIEW_H

#include "evm/core/types.h"

enum evm_read {
    EVM_READ_OK = 0,
    EVM_READ_PENDING, /* nothing was read; ask again after the driver resumed the transaction */
};

/* Which parts of an account a reader depends on; the fields it gets are exactly those (others are
 * undefined), so an executor with field-level keys records no dependency that does not exist. */
enum evm_need {
    EVM_NEED_BALANCE = 1u << 0,
    EVM_NEED_NONCE = 1u << 1,
    EVM_NEED_CODE = 1u << 2,    /* the code hash */
    EVM_NEED_EXISTS = 1u << 3,  /* in the trie at all (pre-EIP-161 forks tell empty from absent) */
    EVM_NEED_STORAGE = 1u << 4, /* whether any slot is set (EIP-7610 collision rule) */
    EVM_NEED_ALL = (1u << 5) - 1
};

struct evm_account {
    struct evm_u256 balance;
    uint64_t nonce;
    struct evm_hash code_hash; /* keccak256("") for an account without code, absent ones included */
    bool exists;
    bool has_storage;
};

struct evm_view_ops {
    /* Fills the needed fields of *out; an absent account reads as empty with exists = false. */
    enum evm_read (*account)(void *self, const struct evm_addr *addr, unsigned need,
                             struct evm_account *out);
    /* An unset slot, or one of an absent account, reads as 0. */
    enum evm_read (*slot)(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                          struct evm_u256 *out);
    /* Hash of an ancestor; the caller has checked that number is one of the 256 before this block.
     */
    void (*block_hash)(void *self, uint64_t number, struct evm_hash *out);
};

/* Borrowed pair; copied by value. */
struct evm_view {
    const struct evm_view_ops *ops;
    void *self;
};

#endif
