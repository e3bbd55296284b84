/* evm/core/code.h - contract code, analysed once per code hash and shared by everybody.
 *
 * A code store holds every code that any account of any state, node or fork has had, keyed by its
 * hash. It only grows, and its entries live as long as the store, so a `const struct evm_code *` is
 * valid until evm_codes_destroy. Lookups and insertions are safe from any thread. */
#ifndef EVM_CORE_CODE_H
#define EVM_CORE_CODE_H

#include <stdatomic.h>

#include "evm/core/error.h"
#include "evm/core/types.h"

struct evm_program;

/* What is learnt about a code by running it, the one part of it that changes. Any thread. */
struct evm_code_runs {
    /* Translations, one per rules at most (evm/core/program.h). Only grows. */
    _Atomic(struct evm_program *) programs;
    /* Bytes of code that may still be run before it is worth translating; a guess, shared by
     * threads that may overwrite each other's. */
    _Atomic(int64_t) patience;
};

/* Immutable. `bytes` is followed by at least 33 zero bytes, so PUSH operands and running off the
 * end need no bounds check. */
struct evm_code {
    struct evm_hash hash;
    const uint8_t *bytes;
    size_t size;
    const uint64_t *jumpdests;  /* bit i: byte i is a JUMPDEST that is not push data */
    struct evm_addr delegate;   /* target, if is_delegation */
    bool is_delegation;         /* 0xef0100 || address, EIP-7702 */
    struct evm_code_runs *runs; /* NULL outside a store: such code is never translated */
};

struct evm_codes;

/* Returns NULL when memory is out. destroy accepts NULL. */
struct evm_codes *evm_codes_create(void);
void evm_codes_destroy(struct evm_codes *codes);

/* The code with that hash, or NULL if the store has never seen it. The empty hash gives the empty
 * code. */
const struct evm_code *evm_codes_find(const struct evm_codes *codes, const struct evm_hash *hash);

/* Adds (or finds) the code; copies the bytes, hashes and analyses them. NULL when memory is out. */
const struct evm_code *evm_codes_add(struct evm_codes *codes, struct evm_bytes bytes);

/* The code of no bytes, without a store. */
const struct evm_code *evm_code_empty(void);

/* A code outside any store (initcode), in one block to be given back with free(). Copies the bytes
 * and analyses them; hash may be NULL. NULL when memory is out. */
struct evm_code *evm_code_make(const struct evm_hash *hash, struct evm_bytes bytes);

/* Words of 64 bits a jumpdest bitmap of `size` bytes of code takes: one bit more than there are
 * bytes. */
static inline size_t evm_jumpdest_words(size_t size)
{
    return size / 64 + 1;
}

/* Writes the bits of the jumpdests, (size + 63) / 64 words. O(size): a few instructions for each 64
 * bytes and each PUSH. */
void evm_jumpdest_scan(uint64_t *bitmap, struct evm_bytes code);

/* keccak256(""), keccak256(rlp("")). */
extern const struct evm_hash evm_empty_code_hash, evm_empty_trie_root;

#endif
