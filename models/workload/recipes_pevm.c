/* The blocks of pevm's benchmark (benches/gigagas.rs) and of its tests for correctness, with our
 * contracts in the place of its ERC-20 token and of Uniswap V3. Gas price 1, base fee 0, the
 * beneficiary is address 0, and no signature is checked, as there. */
#include "models/workload/recipes_internal.h"
#include "sim/base/mem.h"

static const struct evm_u256 half = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX >> 1}};
#define TOKENS UINT64_C(1000000000000000000)

static uint32_t at_least(uint32_t x, uint32_t least)
{
    return x < least ? least : x;
}

/* 1 to 255, where pevm draws a byte: an amount of 0 would use less gas. */
static uint64_t byte(struct recipe_build *b)
{
    return 1 + sim_stream_below(&b->rng, 255);
}

static void raw(struct recipe_build *b)
{
    recipe_people(b, b->n, &half);
    for (uint32_t i = 0; i < b->n; i++)
        recipe_raw(b, i, i, 1);
}

static void raw_distinct(struct recipe_build *b)
{
    recipe_people(b, 2 * b->n, &half);
    for (uint32_t i = 0; i < b->n; i++)
        recipe_raw(b, i, b->n + i, 1);
}

/* ---- one token ------------------------------------------------------------------------------- */

/* n people who have ether and tokens 0..tokens-1. */
static void holders(struct recipe_build *b, uint32_t n, uint32_t tokens)
{
    recipe_people(b, n, &half);
    for (uint32_t t = 0; t < tokens; t++)
        recipe_make_token(b, t);
    for (uint32_t i = 0; i < n; i++) {
        struct evm_addr who = recipe_person(i);
        for (uint32_t t = 0; t < tokens; t++)
            recipe_mint(b, t, &who, TOKENS);
    }
}

static void erc20(struct recipe_build *b)
{
    holders(b, b->n, 1);
    for (uint32_t i = 0; i < b->n; i++)
        recipe_transfer(b, 0, i, i, byte(b));
}

static void erc20_distinct(struct recipe_build *b)
{
    holders(b, 2 * b->n, 1);
    for (uint32_t i = 0; i < b->n; i++)
        recipe_transfer(b, 0, i, b->n + i, byte(b));
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* Person i may swap either way in `pool` of tokens t0 and t1. */
static void trader(struct recipe_build *b, uint32_t i, const struct evm_addr *pool, uint32_t t0,
                   uint32_t t1)
{
    struct evm_addr who = recipe_person(i);
    recipe_mint(b, t0, &who, TOKENS);
    recipe_mint(b, t1, &who, TOKENS);
    recipe_approve(b, t0, &who, pool);
    recipe_approve(b, t1, &who, pool);
}

static void swap(struct recipe_build *b)
{
    recipe_people(b, b->n, &half);
    for (uint32_t i = 0; i < b->n; i++) {
        struct evm_addr pool = {{0}};
        recipe_make_token(b, 2 * i);
        recipe_make_token(b, 2 * i + 1);
        recipe_make_pool(b, 2 * i, 2 * i + 1, &pool);
        trader(b, i, &pool, 2 * i, 2 * i + 1);
        recipe_swap(b, &pool, i, i, true, 2000);
    }
}

/* ---- families -------------------------------------------------------------------------------- */

/* pevm: 10 clusters of 15 families of 15 persons who send 15 transfers each, within the family; a
 * token a cluster. Here as many families as the number of transactions asks for. */
static void erc20_clusters(struct recipe_build *b)
{
    enum { FAMILY = 15, CLUSTER = 15 * FAMILY, ROUNDS = 15 };
    uint32_t people = at_least(b->n / ROUNDS / FAMILY, 1) * FAMILY;
    recipe_people(b, people, &half);
    for (uint32_t i = 0; i < people; i++) {
        struct evm_addr who = recipe_person(i);
        if (i % CLUSTER == 0)
            recipe_make_token(b, i / CLUSTER);
        recipe_mint(b, i / CLUSTER, &who, TOKENS);
    }
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t from = i % people;
        uint32_t to = from / FAMILY * FAMILY + (uint32_t)sim_stream_below(&b->rng, FAMILY);
        recipe_transfer(b, from / CLUSTER, from, to, byte(b));
    }
}

/* pevm: 20 clusters of 20 persons who swap 20 times each, the function changing with the nonce; a
 * pool a cluster. Here direction and recipient change with it. */
static void swap_clusters(struct recipe_build *b)
{
    enum { CLUSTER = 20, ROUNDS = 20 };
    uint32_t clusters = at_least(b->n / ROUNDS / CLUSTER, 1), people = clusters * CLUSTER;
    struct evm_addr *pools = mem_alloc(clusters, sizeof *pools);
    if (!pools) {
        b->status = ERR_MEMORY;
        return;
    }
    recipe_people(b, people, &half);
    for (uint32_t c = 0; c < clusters; c++) {
        recipe_make_token(b, 2 * c);
        recipe_make_token(b, 2 * c + 1);
        recipe_make_pool(b, 2 * c, 2 * c + 1, &pools[c]);
        for (uint32_t i = 0; i < CLUSTER; i++)
            trader(b, c * CLUSTER + i, &pools[c], 2 * c, 2 * c + 1);
    }
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t from = i % people, cluster = from / CLUSTER, nonce = i / people;
        uint32_t to = nonce & 2 ? cluster * CLUSTER + (from + 1) % CLUSTER : from;
        recipe_swap(b, &pools[cluster], from, to, nonce & 1, 2000);
    }
    mem_free(pools);
}

/* A third each of raw transfers, token transfers and swaps, all of them between people of one
 * crowd, so that every kind conflicts with every other. */
static void mixed(struct recipe_build *b)
{
    enum { TOKENS_HERE = 4, POOLS = 4 };
    uint32_t people = at_least(b->n / 4, 8);
    struct evm_addr pools[POOLS] = {{{0}}};
    holders(b, people, TOKENS_HERE);
    for (uint32_t p = 0; p < POOLS; p++)
        recipe_make_pool(b, p, (p + 1) % TOKENS_HERE, &pools[p]);
    for (uint32_t i = 0; i < people; i++)
        for (uint32_t t = 0; t < TOKENS_HERE; t++) {
            struct evm_addr who = recipe_person(i);
            recipe_approve(b, t, &who, &pools[t]);
            recipe_approve(b, t, &who, &pools[(t + POOLS - 1) % POOLS]);
        }
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t from = (uint32_t)sim_stream_below(&b->rng, people);
        uint32_t to = (uint32_t)sim_stream_below(&b->rng, people);
        uint32_t which = (uint32_t)sim_stream_below(&b->rng, 4);
        switch (sim_stream_below(&b->rng, 3)) {
        case 0: recipe_raw(b, from, to, byte(b)); break;
        case 1: recipe_transfer(b, which, from, to, byte(b)); break;
        default: recipe_swap(b, &pools[which], from, to, which & 1, 1000 + byte(b));
        }
    }
}

/* ---- senders and beneficiaries --------------------------------------------------------------- */

static bool one_in_256(struct recipe_build *b)
{
    return sim_stream_below(&b->rng, 256) == 0;
}

static void same_sender(struct recipe_build *b)
{
    recipe_people(b, b->n + 1, &half);
    for (uint32_t i = 0; i < b->n; i++)
        recipe_raw(b, one_in_256(b) ? i + 1 : 0, i + 1, 1);
}

/* Person 0 is the beneficiary and has nothing but the fees of the block. */
static void poor_beneficiary(struct recipe_build *b)
{
    const struct evm_addr who = recipe_person(0);
    const struct evm_u256 none = {{0}};
    recipe_people(b, b->n + 2, &half);
    recipe_fund(b, &who, 1, &none);
    b->out->env.coinbase = who;
}

/* It pays for the gas of transactions of its own with fees it has just earned. */
static void beneficiary_spends(struct recipe_build *b)
{
    poor_beneficiary(b);
    for (uint32_t i = 0; i < b->n; i++)
        recipe_raw(b, i >= 2 && one_in_256(b) ? 0 : i + 2, i + 1, 1);
}

/* In the last transaction it sends away, to the wei, what all others paid. */
static void beneficiary_last(struct recipe_build *b)
{
    poor_beneficiary(b);
    for (uint32_t i = 0; i + 1 < b->n; i++)
        recipe_raw(b, i + 2, i + 1, 1);
    if (b->n > 1)
        recipe_raw(b, 0, 1, (uint64_t)(b->n - 2) * RECIPE_RAW_GAS);
    else
        recipe_raw(b, 1, 1, 1);
}

const struct recipe recipes_pevm[] = {
    {"raw", "plain transfers of everybody to himself (pevm)", 47620, 0, raw},
    {"raw-distinct", "plain transfers between distinct accounts", 47620, 0, raw_distinct},
    {"erc20", "transfers of one token, of everybody to himself (pevm)", 37123, 0, erc20},
    {"erc20-distinct", "transfers of one token between distinct accounts", 37123, 0,
     erc20_distinct},
    {"swap", "swaps, each in a pool and two tokens of its own (pevm)", 6413, 0, swap},
    {"erc20-clusters", "15 token transfers of everybody within a family of 15 (pevm)", 33750, 0,
     erc20_clusters},
    {"swap-clusters", "20 swaps of everybody, 20 people a pool (pevm)", 8000, 0, swap_clusters},
    {"mixed", "transfers, token transfers and swaps within one crowd (pevm)", 100000, 0, mixed},
    {"same-sender", "transfers of one sender, one in 256 by somebody else (pevm)", 5000, 0,
     same_sender},
    {"beneficiary-spends", "one in 256 transfers spends fees of the block (pevm)", 100000, 0,
     beneficiary_spends},
    {"beneficiary-last", "the last transfer spends all fees of the block (pevm)", 100000, 0,
     beneficiary_last},
};
const size_t recipes_pevm_count = sizeof recipes_pevm / sizeof recipes_pevm[0];
