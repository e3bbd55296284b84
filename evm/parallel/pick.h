/* evm/parallel/pick.h - which ready transaction a core takes, and whose (params pick, split,
 * reserve_core). Internal to evm/parallel.
 *
 * Threads: put and take from all of them at once; no call blocks or allocates but begin. */
#ifndef EVM_PARALLEL_PICK_H
#define EVM_PARALLEL_PICK_H

#include "evm/parallel/scheduler.h"
#include "evm/parallel/txset.h"

struct evm_pick_queue {
    const struct evm_sched_env *env;
    struct evm_txset low; /* by number in the block */
    /* EVM_PICK_BIG: the big transactions, biggest first; `big` holds numbers of this list. */
    struct evm_txset big;
    uint32_t *list, *rank; /* by number; by transaction: its number + 1, or 0 */
    uint32_t big_count, capacity;
};
/* Zeroed memory is a valid object. */
void evm_pick_fini(struct evm_pick_queue *q);

/* A block begins; all its transactions are ready. *env stays until the next begin. EVM_ERR_MEMORY.
 */
enum evm_status evm_pick_begin(struct evm_pick_queue *q, const struct evm_sched_env *env);
void evm_pick_put(struct evm_pick_queue *q, uint32_t tx);
/* A transaction below `limit` (big ones are few and long: they start however far ahead they are),
 * or EVM_NO_TX: there is none for this worker. */
uint32_t evm_pick_take(struct evm_pick_queue *q, uint32_t worker, uint32_t limit);
/* Not every worker takes every transaction: who waits must be asked by name (evm_wake.all). */
bool evm_pick_is_choosy(const struct evm_pick_queue *q);

#endif
