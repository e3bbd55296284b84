/* evm/block/bal.h - block access lists: every account and slot that a block touched, and each value
 * that it changed, with who changed it.
 *
 * Source: EIP-7928 (draft with RLP lists, `block_access_index` and storage keys as integers; text
 * of 2026-02, which execution-specs' amsterdam fork follows). Indices: 0 is what the system does
 * before the transactions, 1 to n the transactions, n + 1 what it does after them. The rules:
 *   - an account is listed if anything of it was looked at or changed, reverted frames included;
 *     without changes its lists are empty. What an EIP-2930 list only declares is not listed;
 *   - a change is a value at the end of an index that differs from the one before that index: what
 *     is written and put back is none;
 *   - a slot that was accessed and never changed is a read; one that changed is no read.
 * The EIP is for forks with EIP-6780. Before it a whole storage could go at once: then the slots
 * that the block touched are listed as changed to 0, the others, which nobody named, are not. */
#ifndef EVM_BLOCK_BAL_H
#define EVM_BLOCK_BAL_H

#include "evm/core/buf.h"
#include "evm/core/code.h"
#include "evm/core/error.h"
#include "evm/state/changes.h"
#include "evm/state/view.h"

/* A value from an index on: a slot's, a balance, or (in w[0]) a nonce. */
struct evm_bal_value {
    uint32_t index;
    struct evm_u256 value;
};

struct evm_bal_code {
    uint32_t index;
    size_t first, size; /* bytes of bal->bytes */
};

/* first is where a run of bal->values begins; ascending by index, never empty. */
struct evm_bal_slot {
    struct evm_u256 key;
    uint32_t first, count;
};

/* Runs of bal->slots (ascending by key), bal->reads (likewise), bal->values, bal->codes (ascending
 * by index). */
struct evm_bal_account {
    struct evm_addr addr;
    uint32_t first_slot, slot_count;
    uint32_t first_read, read_count;
    uint32_t first_balance, balance_count;
    uint32_t first_nonce, nonce_count;
    uint32_t first_code, code_count;
};

/* A list: accounts in ascending order of their addresses. Owns all it points at; zeroed is the
 * empty list. */
struct evm_bal {
    struct evm_bal_account *accounts;
    struct evm_bal_slot *slots;
    struct evm_u256 *reads;
    struct evm_bal_value *values;
    struct evm_bal_code *codes;
    struct evm_buf bytes;
    uint32_t account_count, account_capacity;
    uint32_t slot_count, slot_capacity;
    uint32_t read_count, read_capacity;
    uint32_t value_count, value_capacity;
    uint32_t code_count, code_capacity;
};
void evm_bal_fini(struct evm_bal *bal);

/* Accounts and slots of the list: what the EIP bounds by the block's gas limit. */
uint64_t evm_bal_items(const struct evm_bal *bal);

/* The highest index in the list; 0 for none. A block of n transactions has none above n + 1. */
uint32_t evm_bal_last_index(const struct evm_bal *bal);

/* NULL if the account is not listed. O(log n). */
const struct evm_bal_account *evm_bal_find(const struct evm_bal *bal, const struct evm_addr *addr);

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Appends the list's RLP; look at out->failed. */
void evm_bal_encode(struct evm_buf *out, const struct evm_bal *bal);

/* Reads all of `raw`. EVM_ERR_INPUT and a text for what is no list: malformed RLP, an order that is
 * not strictly ascending, a slot without changes, a slot both changed and read. *out is
 * initialised by the call; empty after an error. */
enum evm_status evm_bal_decode(struct evm_bal *out, struct evm_bytes raw, struct evm_err *err);

/* keccak256 of the RLP, as the header holds it. EVM_ERR_MEMORY or EVM_OK. */
enum evm_status evm_bal_hash(const struct evm_bal *bal, struct evm_hash *out);

/* True if both are the same list; else *err says where they first differ, in order of addresses,
 * and what each says there: `got` is what an execution gave, `want` what was declared. */
bool evm_bal_same(const struct evm_bal *got, const struct evm_bal *want, struct evm_err *err);

/* ---- making one ------------------------------------------------------------------------------ */

/* Takes what happened in any number of puts, index by index (ascending), and makes the list at the
 * end. Zeroed is an empty builder; reset keeps its memory, fini gives it back. When memory is out
 * the puts do nothing, and finish says so. One thread at a time. */
struct evm_bal_event;
struct evm_bal_builder {
    struct evm_bal_event *events;
    size_t count, capacity;
    bool failed;
};
void evm_bal_reset(struct evm_bal_builder *b);
void evm_bal_builder_fini(struct evm_bal_builder *b);

/* The account was accessed; the slot of it was. */
void evm_bal_put_account(struct evm_bal_builder *b, const struct evm_addr *addr);
void evm_bal_put_read(struct evm_bal_builder *b, const struct evm_addr *addr,
                      const struct evm_u256 *key);
/* What index changed, as its final values; values that are as before are dropped at the end. */
void evm_bal_put_changes(struct evm_bal_builder *b, uint32_t index,
                         const struct evm_changes *changes);
void evm_bal_put_balance(struct evm_bal_builder *b, uint32_t index, const struct evm_addr *addr,
                         const struct evm_u256 *balance);

/* Makes the list. `before` is the state before index 0, or before the first index that was put: it
 * never answers PENDING. *out is initialised by
 * the call. The builder is in no order afterwards: reset it. EVM_ERR_MEMORY or EVM_OK.
 * O(n log n) of the puts. */
enum evm_status evm_bal_finish(struct evm_bal_builder *b, struct evm_view before,
                               struct evm_bal *out);

#endif
