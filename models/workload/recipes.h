/* models/workload/recipes.h - whole blocks, generated: the loads that engines are compared on.
 *
 * A recipe makes a pre-state and the transactions of one block over it, unsigned, senders given.
 * Same recipe, parameters and seed: same block, byte for byte. All transactions of all recipes
 * succeed, in serial order, under the rules of Cancun. Sources of the shapes: pevm's and grevm's
 * benchmarks (benches/gigagas.rs of either, and pevm's tests), and statistics of mainnet blocks;
 * the contracts are ours (scenarios/contracts), so gas a transaction, and with it the number of
 * transactions of a block of 1 Ggas, is not theirs. */
#ifndef MODELS_WORKLOAD_RECIPES_H
#define MODELS_WORKLOAD_RECIPES_H

#include "evm/core/fork.h"
#include "evm/core/vm.h"
#include "evm/parallel/executor.h"
#include "sim/base/err.h"

enum { RECIPE_MOST = 10 * 1000 * 1000 }; /* transactions of a block */

struct recipe_params {
    uint32_t txs;      /* of the block; 0: as many as `gas` takes */
    uint64_t gas;      /* used by the block, within 0.4 % or one transaction; where txs is 0 */
    uint64_t seed;     /* of amounts, choices and order */
    uint32_t accounts; /* of the recipes that draw from a crowd; 0: in their published ratio to the
                          transactions */
    uint32_t hot;      /* percent of the draws from that crowd that take one of its last tenth */
};

/* 2,000 transactions, seed 1, 30 % hot. */
struct recipe_params recipe_params_default(void);

/* One block. Everything is the block's own but the codes. */
struct recipe_block {
    struct evm_state *pre; /* sealed */
    const struct evm_rules *rules;
    struct evm_block_env env;
    struct evm_tx *txs;
    const struct evm_tx **list; /* pointers to them */
    uint8_t *inputs;
    uint32_t tx_count;
};

struct recipe;
const char *recipe_name(const struct recipe *r);
const char *recipe_doc(const struct recipe *r);
/* NULL for an unknown name; row i, or NULL past the end. */
const struct recipe *recipe_find(const char *name);
const struct recipe *recipe_at(size_t i);

/* Makes the block; codes go into the store, which must outlive it. With a gas target it is made
 * and executed a few times on the way. *out is to be given back in any case. ERR_MEMORY; ERR_INPUT
 * for neither transactions nor gas, for a share above 100 %, and for more than 10 million
 * transactions. About 1 us an account or slot. */
enum err_code recipe_make(const struct recipe *r, const struct recipe_params *params,
                          struct evm_codes *codes, struct recipe_block *out, struct err *err);
void recipe_block_fini(struct recipe_block *b); /* accepts zeroed */

/* The block as evm_execute takes it; borrows *b. */
struct evm_block_input recipe_input(const struct recipe_block *b);

#endif
