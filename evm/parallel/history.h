/* evm/parallel/history.h - which accounts the transactions of recent blocks met at.
 *
 * A value of its own, made from recorded access sets only, so it is the same whatever executor,
 * driver and number of cores ran those blocks. Owned by the caller, one thread at a time; for
 * different branches of a chain it is copied. */
#ifndef EVM_PARALLEL_HISTORY_H
#define EVM_PARALLEL_HISTORY_H

#include "evm/parallel/access.h"

enum {
    EVM_HISTORY_MAX = 1024, /* accounts kept: the hottest */
    EVM_HISTORY_ONE = 256,  /* heat of one transaction of the last block; each block halves it */
};

/* A transaction has met another at an account if it read a slot, the code, or the wiping of its
 * storage there as another transaction of the same block had left it. Balances do not count:
 * amounts commute. */
struct evm_heat {
    struct evm_addr addr;
    uint32_t met;  /* transactions that met another there, fading, in 1/EVM_HISTORY_ONE */
    uint32_t seen; /* all that read or wrote a slot there, likewise */
};

struct evm_history; /* sorted by address */

struct evm_history *evm_history_create(void);                      /* NULL when memory is out */
void evm_history_destroy(struct evm_history *h);                   /* accepts NULL */
struct evm_history *evm_history_copy(const struct evm_history *h); /* NULL when memory is out */

/* Takes in a block that followed those before. Accounts that only one transaction used are not
 * remembered; of more than EVM_HISTORY_MAX the coldest (met, then seen, then the higher address)
 * go. EVM_ERR_MEMORY changes nothing. O((a + h) log a) of a accesses and h accounts. */
enum evm_status evm_history_learn(struct evm_history *h, const struct evm_access_sets *sets);

/* NULL if the account is not known. O(log h). */
const struct evm_heat *evm_history_find(const struct evm_history *h, const struct evm_addr *addr);
/* Its `met`; 0 if it is not known, or h is NULL. */
uint32_t evm_history_heat(const struct evm_history *h, const struct evm_addr *addr);
size_t evm_history_count(const struct evm_history *h);

#endif
