/* evm/parallel/access.h - what each transaction of a block read and wrote, as a value of its own.
 *
 * Recorded from an execution (config->keep_sets), or made from what is declared before one
 * (evm_access_sets_declared), or read from a block access list (EIP-7928). Executors that schedule
 * by known sets take them from the input; insight (oracle, hottest keys, conflict graph) is
 * computed from recorded ones. A set that is wrong or incomplete costs time, never the result. */
#ifndef EVM_PARALLEL_ACCESS_H
#define EVM_PARALLEL_ACCESS_H

#include "evm/block/tx.h"
#include "evm/core/error.h"
#include "evm/parallel/mvmemory.h"
#include "evm/parallel/scheduler.h"

enum evm_access_how {
    EVM_ACCESS_READ = 1u << 0,      /* the value mattered */
    EVM_ACCESS_PREDICATE = 1u << 1, /* only a bound on it did (a balance that must suffice) */
    EVM_ACCESS_WRITE = 1u << 2,     /* a new value */
    EVM_ACCESS_DELTA = 1u << 3,     /* an amount added, whatever was there */
    EVM_ACCESS_VALUE = 1u << 4,     /* `value` is what the location holds afterwards */
    EVM_ACCESS_ANY = 1u << 5,       /* of an account declared as a whole: kind means nothing */
};

struct evm_access {
    struct evm_addr addr;
    uint8_t kind;          /* enum evm_mv_kind; never STORED */
    uint8_t how;           /* enum evm_access_how */
    uint32_t from;         /* READ, PREDICATE: the transaction whose write decided, or EVM_NO_TX */
    struct evm_u256 key;   /* SLOT only */
    struct evm_u256 value; /* if VALUE. Of CODE: w[0] is the pointer to the evm_code */
};

/* The accesses of transaction i are list[first[i]] up to list[first[i + 1]], one a location, in
 * ascending order of (addr, kind, key). Zeroed is the empty set of a block without transactions;
 * fini gives the memory back. */
struct evm_access_sets {
    struct evm_access *list;
    uint32_t *first;    /* tx_count + 1 */
    int64_t *cost_ns;   /* tx_count: of the final execution; NULL: unknown */
    uint64_t *gas_used; /* tx_count; NULL: unknown */
    uint32_t tx_count, count, capacity;
};
void evm_access_sets_fini(struct evm_access_sets *s);

/* What is known without executing: sender (nonce read and written, balance changed), recipient (its
 * balance if value is sent; a contract's code read), EIP-2930 lists (read; written too, as nothing
 * says that they are not). EVM_ERR_MEMORY leaves *out empty. */
enum evm_status evm_access_sets_declared(struct evm_access_sets *out,
                                         const struct evm_tx *const *txs, uint32_t tx_count);

#endif
