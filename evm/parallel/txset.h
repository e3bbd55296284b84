/* evm/parallel/txset.h - an ordered set of transaction numbers: add, take the lowest. Safe from any
 * thread, never blocks. Two levels of bits; a set bit above may outlive its word's last bit for a
 * moment, the reverse only while somebody is inside put. */
#ifndef EVM_PARALLEL_TXSET_H
#define EVM_PARALLEL_TXSET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct evm_txset {
    _Atomic uint64_t *low;  /* bit i % 64 of word i / 64: i is in the set */
    _Atomic uint64_t *high; /* bit w % 64 of word w / 64: word w is not empty */
    uint32_t capacity;
};

/* Makes it empty, for numbers below n. False when memory is out. Zeroed memory is a valid set. */
bool evm_txset_begin(struct evm_txset *s, uint32_t n);
void evm_txset_fini(struct evm_txset *s);

void evm_txset_put(struct evm_txset *s, uint32_t i);
/* Those of [from, to) whose number modulo 64 is a bit of `which`. */
void evm_txset_put_range(struct evm_txset *s, uint32_t from, uint32_t to, uint64_t which);
/* Takes out and returns the lowest number below `limit`, or UINT32_MAX. */
uint32_t evm_txset_take(struct evm_txset *s, uint32_t limit);
/* The same of [from, limit). */
uint32_t evm_txset_take_from(struct evm_txset *s, uint32_t from, uint32_t limit);

#endif
