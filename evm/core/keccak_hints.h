/* evm/core/keccak_hints.h - keys of mappings hashed before a transaction asks for them.
 *
 * A contract hashes the same kind of key at every call of a function: keccak256(word ‖ slot), where
 * the word is the caller or an argument and the slot a constant. Which ones is learned from what
 * evm_keccak256_cached did not know while a transaction ran, for each contract and first four bytes
 * of input; met in a second transaction, such a key is predicted. An executor that knows the next
 * transactions announces them, and the keys that are not remembered are hashed four at a time
 * (evm_keccak256_x4) into the cache, which is keyed by the whole input: a wrong guess costs time
 * and changes nothing that can be seen, neither results nor what is metered.
 *
 * Each thread has its own tables, of EVM_KECCAK_HINT_ROWS contracts and functions; two that want
 * the same row take turns. What was learned is forgotten after EVM_KECCAK_HINT_LIFE announcements,
 * so that keys which a contract no longer makes do not stay. No locks, no heap, no end of life. */
#ifndef EVM_CORE_KECCAK_HINTS_H
#define EVM_CORE_KECCAK_HINTS_H

#include "evm/core/types.h"

#ifdef WEFT_TINY
#define EVM_KECCAK_HINT_ROWS 2
#define EVM_KECCAK_HINT_LIFE 20
#else
#define EVM_KECCAK_HINT_ROWS 64 /* a power of two */
#define EVM_KECCAK_HINT_LIFE 1000
#endif
#define EVM_KECCAK_HINT_KEYS  4 /* kinds of keys learned of a function */
#define EVM_KECCAK_HINT_AHEAD 8 /* transactions worth announcing at once */

/* The call a transaction makes; pointers are borrowed. Calls with fewer than four bytes of input
 * are neither learned from nor predicted. */
struct evm_keccak_call {
    const struct evm_addr *to, *caller;
    struct evm_bytes input;
};

/* The call will come soon: collects its keys. */
void evm_keccak_hints_expect(const struct evm_keccak_call *call);
/* Hashes what was collected. A lone key that is lacking is left to the transaction. */
void evm_keccak_hints_hash(void);

/* What is hashed on this thread from now on belongs to the call, whose pointers must hold until the
 * next one; NULL: to no call. */
void evm_keccak_hints_run(const struct evm_keccak_call *call);

/* For the cache: 64 bytes were hashed that it did not know. */
void evm_keccak_hints_missed(const uint8_t in[64]);

#endif
