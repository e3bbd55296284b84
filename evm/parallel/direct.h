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
    uint32_t tx;       /* that runs */
    uint32_t depth;    /* of those whose writes it has read, the longest chain */
    uint32_t deepest;  /* since the beginning */
    uint32_t credited; /* its sender got money from others: their longest chain */
    uint32_t last;     /* the account that was asked for last: 1 + its number, or 0 */
    uint32_t payee;    /* the beneficiary likewise, once it was paid */

    const struct evm_block_input *in;
    struct evm_ladder own;     /* of a whole block */
    struct evm_ladder *ladder; /* &own, or that of the block whose stretch this is */
    struct evm_order *order;   /* the end: sorting */
    size_t order_capacity;
};

void evm_direct_fini(struct evm_direct *d);
/* Forgets the transaction run, which belongs to a code store. */
void evm_direct_forget(struct evm_direct *d);

/* ---- a stretch of a block (stretch.c) ---------------------------------------------------------
 */

/* Begins over the state that `base` shows: what transactions before left. *ladder counts. */
enum evm_status evm_direct_open(struct evm_direct *d, const struct evm_block_input *in,
                                struct evm_view base, struct evm_codes *codes,
                                struct evm_ladder *ladder);
/* Executes transactions [from, to) one after another; receipts and stats go to *r. r->invalid is
 * set where the block is rejected, and the rest is left. d->deepest is the longest chain since
 * open() of transactions of which each read a slot that the one before wrote, or spent money it got
 * there. */
enum evm_status evm_direct_run(struct evm_direct *d, const struct evm_block_rules *rules,
                               uint32_t from, uint32_t to, bool hashes_ahead,
                               struct evm_block_result *r);
/* What was written, against what was there at the beginning: added to *out, which is empty. */
enum evm_status evm_direct_collect(struct evm_direct *d, struct evm_changes *out);
/* The beneficiary as it is now; false if nobody has looked at it. */
bool evm_direct_payee(const struct evm_direct *d, const struct evm_addr *payee, bool *exists,
                      struct evm_u256 *balance);

/* ---- a block ----------------------------------------------------------------------------------
 */

/* Executes in->txs under *rules (no `committed`: nobody is told of single transactions) into
 * *result, whose arrays are allocated here. EVM_ERR_INPUT where a sum of wei passes 2^256
 * (d->ladder.overflow); EVM_ERR_MEMORY. */
enum evm_status evm_direct_execute(struct evm_direct *d, const struct evm_block_rules *rules,
                                   const struct evm_block_input *in, struct evm_view base,
                                   struct evm_codes *codes, const struct evm_exec_caches *caches,
                                   struct evm_block_result *result);

#endif
