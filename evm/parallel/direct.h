/* evm/parallel/direct.h - a block without speculation: one transaction after another, over one
 * version of everything.
 *
 * What executor `serial` does under the threads driver. It shares the transaction, the rules of the
 * ladder and the form of the result with the executors over the multi-version memory, and nothing
 * else, so that each is a check of the other. Internal to evm/parallel. */
#ifndef EVM_PARALLEL_DIRECT_H
#define EVM_PARALLEL_DIRECT_H

#include "evm/core/order.h"
#include "evm/parallel/blockrun.h"

/* Memory that stays between blocks. Zeroed memory is a valid object; fini gives everything back. */
struct evm_direct {
    struct evm_txrun *run;
    struct evm_codes *codes; /* the run's */
    struct evm_view base;
    bool failed; /* memory was out while a transaction read */

    struct direct_account *accounts;
    struct direct_slot *slots;
    uint32_t account_count, account_capacity;
    uint32_t slot_count, slot_capacity;
    struct direct_index {
        struct direct_cell {
            uint32_t hash, item; /* item counts from 1; 0 is free */
        } * cells;
        uint32_t capacity; /* 0 or a power of two */
    } account_index, slot_index;
    uint32_t last;  /* the account that was asked for last: 1 + its number, or 0 */
    uint32_t payee; /* the beneficiary likewise, once it was paid */

    struct evm_ladder ladder;
    struct evm_order *order; /* the end: sorting */
    size_t order_capacity;
};

void evm_direct_fini(struct evm_direct *d);
/* Forgets the transaction run, which belongs to a code store. */
void evm_direct_forget(struct evm_direct *d);

/* Executes in->txs under *rules (no `committed`: nobody is told of single transactions) into
 * *result, whose arrays are allocated here. EVM_ERR_INPUT where a sum of wei passes 2^256
 * (d->ladder.overflow); EVM_ERR_MEMORY. */
enum evm_status evm_direct_execute(struct evm_direct *d, const struct evm_block_rules *rules,
                                   const struct evm_block_input *in, struct evm_view base,
                                   struct evm_codes *codes, const struct evm_exec_caches *caches,
                                   struct evm_block_result *result);

#endif
