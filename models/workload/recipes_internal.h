/* models/workload/recipes_internal.h - what recipes are written with: accounts, contracts and
 * transactions of a block under construction.
 *
 * Errors stick: after the first one the functions do nothing, and recipe_make returns it. */
#ifndef MODELS_WORKLOAD_RECIPES_INTERNAL_H
#define MODELS_WORKLOAD_RECIPES_INTERNAL_H

#include "evm/core/u256.h"
#include "models/workload/recipes.h"
#include "sim/engine/random.h"

struct recipe_build {
    const struct recipe_params *params;
    uint32_t n;     /* transactions to make */
    uint64_t gas;   /* that the block is meant to use, if known; 0 */
    uint32_t crowd; /* accounts to draw from, for recipes that do */
    struct sim_stream rng;
    struct recipe_block *out;
    struct evm_codes *codes;
    const struct evm_code *token_code;
    struct evm_txrun *run; /* of constructors */
    uint64_t deployed;     /* contracts so far, and the deployer's nonce */
    uint64_t *nonces;      /* of each person: its next transaction's */
    uint32_t people;
    enum err_code status;
};

struct recipe {
    const char *name, *doc;
    uint32_t published;          /* transactions of the published block; 0: none was */
    uint32_t published_accounts; /* that it draws from; 0: it does not draw */
    void (*make)(struct recipe_build *b);
};

/* Defined in recipes_pevm.c, recipes_grevm.c, recipes_mainnet.c. */
extern const struct recipe recipes_pevm[], recipes_grevm[], recipes_mainnet[];
extern const size_t recipes_pevm_count, recipes_grevm_count, recipes_mainnet_count;

/* ---- the world: people are numbered from 0, tokens from 0, pools in the order of deployment ----
 */

struct evm_addr recipe_person(uint32_t i);
struct evm_addr recipe_token(uint32_t t);

/* Makes people 0..n-1, of nonce 1. Before any transaction. */
void recipe_people(struct recipe_build *b, uint32_t n, const struct evm_u256 *balance);
void recipe_fund(struct recipe_build *b, const struct evm_addr *who, uint64_t nonce,
                 const struct evm_u256 *balance);
void recipe_code(struct recipe_build *b, const struct evm_addr *where, const struct evm_code *code);
void recipe_slot(struct recipe_build *b, const struct evm_addr *where, const struct evm_u256 *key,
                 const struct evm_u256 *value);
void recipe_make_token(struct recipe_build *b, uint32_t t);
void recipe_mint(struct recipe_build *b, uint32_t t, const struct evm_addr *who, uint64_t amount);
/* A pool of tokens t0 and t1, deployed by its constructor, with 10^15 of either. */
void recipe_make_pool(struct recipe_build *b, uint32_t t0, uint32_t t1, struct evm_addr *out);
/* Without bound. */
void recipe_approve(struct recipe_build *b, uint32_t t, const struct evm_addr *owner,
                    const struct evm_addr *spender);

/* ---- transactions, one after another; the nonce is the sender's next ---- */

enum { RECIPE_RAW_GAS = 21000, RECIPE_TOKEN_LIMIT = 60000, RECIPE_SWAP_LIMIT = 200000 };
/* What a transfer of Token.sol and a swap of Pair.sol use when nobody's balance was or becomes 0;
 * for the shares of mixed blocks. test_recipes.c holds them against execution. */
enum { RECIPE_TOKEN_GAS = 34170, RECIPE_SWAP_GAS = 66650 };

/* The next transaction, from person `from`; NULL after an error. Fees as in pevm's blocks: gas
 * price 1, base fee 0. */
struct evm_tx *recipe_tx(struct recipe_build *b, uint32_t from, const struct evm_addr *to,
                         uint64_t gas_limit);
void recipe_raw(struct recipe_build *b, uint32_t from, uint32_t to, uint64_t wei);
void recipe_transfer(struct recipe_build *b, uint32_t t, uint32_t from, uint32_t to,
                     uint64_t amount);
void recipe_swap(struct recipe_build *b, const struct evm_addr *pool, uint32_t from, uint32_t to,
                 bool zero_for_one, uint64_t amount);
/* Room for calldata of the transaction made last, zeroed: RECIPE_INPUT bytes. */
enum { RECIPE_INPUT = 4 + 4 * 32 };
uint8_t *recipe_calldata(struct recipe_build *b, struct evm_tx *tx, size_t size);

/* The effective number of transactions so far. */
uint32_t recipe_made(const struct recipe_build *b);

#endif
