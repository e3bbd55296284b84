/* The blocks of grevm's benchmark (benches/gigagas.rs), with our contracts in the place of its
 * tokens and pools. Senders and recipients are drawn independently from 100,000 accounts: with
 * probability h one of the last tenth, else one of the others, so a transaction touches a hot one
 * with probability 1 - (1 - h)^2. */
#include "models/workload/recipes_internal.h"

static const struct evm_u256 rich = {{0, 0, 1, 0}}; /* 2^128 wei */
#define TOKENS UINT64_C(1000000000000000000)

static uint32_t draw(struct recipe_build *b)
{
    uint32_t hot = b->crowd / 10, cold = b->crowd - hot;
    if (b->params->hot == 0)
        return (uint32_t)sim_stream_below(&b->rng, b->crowd);
    if (hot && sim_stream_below(&b->rng, 100) < b->params->hot)
        return cold + (uint32_t)sim_stream_below(&b->rng, hot);
    return (uint32_t)sim_stream_below(&b->rng, cold);
}

static void raw_hot(struct recipe_build *b)
{
    recipe_people(b, b->crowd, &rich);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t from = draw(b);
        recipe_raw(b, from, draw(b), 1);
    }
}

static void holders(struct recipe_build *b, uint32_t n, uint32_t tokens, uint64_t amount)
{
    recipe_people(b, n, &rich);
    for (uint32_t t = 0; t < tokens; t++)
        recipe_make_token(b, t);
    for (uint32_t i = 0; i < n; i++) {
        struct evm_addr who = recipe_person(i);
        for (uint32_t t = 0; t < tokens; t++)
            recipe_mint(b, t, &who, amount);
    }
}

static void erc20_hot(struct recipe_build *b)
{
    holders(b, b->crowd, 1, TOKENS);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t from = draw(b);
        recipe_transfer(b, 0, from, draw(b), 900);
    }
}

/* Everybody may pay in both pools: tokens 0 and 1, and 1 and 2. */
static void make_pools(struct recipe_build *b, uint32_t people, struct evm_addr pools[2])
{
    for (uint32_t p = 0; p < 2; p++) {
        recipe_make_pool(b, p, p + 1, &pools[p]);
        for (uint32_t i = 0; i < people; i++) {
            struct evm_addr who = recipe_person(i);
            recipe_approve(b, p, &who, &pools[p]);
            recipe_approve(b, p + 1, &who, &pools[p]);
        }
    }
}

/* 60 % of the gas to plain transfers, 20 % to transfers of three tokens, 20 % to swaps in two
 * pools, drawn one by one. */
static void hybrid(struct recipe_build *b)
{
    const double raws = 0.6 / RECIPE_RAW_GAS, tokens = 0.2 / RECIPE_TOKEN_GAS;
    const double all = raws + tokens + 0.2 / RECIPE_SWAP_GAS;
    struct evm_addr pools[2] = {{{0}}};
    holders(b, b->crowd, 3, TOKENS);
    make_pools(b, b->crowd, pools);
    for (uint32_t i = 0; i < b->n; i++) {
        double kind = sim_stream_double(&b->rng) * all;
        uint32_t from = draw(b), to = draw(b);
        uint32_t which = (uint32_t)sim_stream_below(&b->rng, 6);
        if (kind < raws)
            recipe_raw(b, from, to, 1);
        else if (kind < raws + tokens)
            recipe_transfer(b, which % 3, from, to, 900);
        else
            recipe_swap(b, &pools[which / 3], from, to, which & 1, 1000);
    }
}

/* ---- chains ---------------------------------------------------------------------------------- */

/* Nobody but person `first` has enough to pay on: each waits for the one before. */
enum { PASSED_ON = 1000000 };

static void chain_erc20(struct recipe_build *b)
{
    const struct evm_addr first = recipe_person(0);
    holders(b, b->n + 1, 1, 1);
    recipe_mint(b, 0, &first, PASSED_ON + 1);
    for (uint32_t i = 0; i < b->n; i++)
        recipe_transfer(b, 0, i, i + 1, PASSED_ON);
}

static void chain_swap(struct recipe_build *b)
{
    struct evm_addr pool = {{0}};
    holders(b, b->n, 2, TOKENS);
    recipe_make_pool(b, 0, 1, &pool);
    for (uint32_t i = 0; i < b->n; i++) {
        struct evm_addr who = recipe_person(i);
        recipe_approve(b, i % 2, &who, &pool);
        recipe_swap(b, &pool, i, i, i % 2 == 0, 1000 + i % 1000);
    }
}

/* Every second token transfer is a link of one chain, the others are between distinct accounts. */
static void half_chain(struct recipe_build *b)
{
    const struct evm_addr first = recipe_person(0);
    uint32_t links = b->n / 2 + 2, alone = links;
    holders(b, links + 2 * (b->n / 2 + 1), 1, 1000);
    recipe_mint(b, 0, &first, PASSED_ON + 1000);
    for (uint32_t i = 0; i < b->n; i++) {
        if (i % 2 == 0) {
            recipe_transfer(b, 0, i / 2, i / 2 + 1, PASSED_ON);
        } else {
            recipe_transfer(b, 0, alone, alone + 1, 1);
            alone += 2;
        }
    }
}

/* One plain transfer in ten spends what the one eight before it sent: its sender has less than the
 * value before, so the dependence is real however balances are kept. */
static void dependency(struct recipe_build *b)
{
    enum { DISTANCE = 8, SENT = 1000000 };
    const struct evm_u256 poor = evm_u256_of(RECIPE_RAW_GAS); /* the gas of one transfer */
    recipe_people(b, 2 * b->n, &rich);
    for (uint32_t i = 0; i < b->n; i++) {
        bool depends = i >= DISTANCE && sim_stream_below(&b->rng, 10) == 0;
        uint32_t from = depends ? b->n + i - DISTANCE : i;
        if (depends) {
            struct evm_addr who = recipe_person(from);
            recipe_fund(b, &who, 1, &poor);
        }
        recipe_raw(b, from, b->n + i, SENT);
    }
}

const struct recipe recipes_grevm[] = {
    {"raw-hot", "plain transfers within a crowd, some of it hot (grevm)", 47620, 100000, raw_hot},
    {"erc20-hot", "transfers of one token within such a crowd (grevm)", 33628, 100000, erc20_hot},
    {"hybrid", "60 % of gas plain, 20 % three tokens, 20 % two pools, in such a crowd (grevm)",
     36580, 100000, hybrid},
    {"chain-erc20", "token transfers, each of what the one before sent (grevm)", 33628, 0,
     chain_erc20},
    {"chain-swap", "swaps in one pool (grevm)", 6414, 0, chain_swap},
    {"half-chain", "every second token transfer spends what the one two before sent (grevm)", 33628,
     0, half_chain},
    {"dependency", "one plain transfer in ten spends what the one eight before sent (grevm)", 47620,
     0, dependency},
};
const size_t recipes_grevm_count = sizeof recipes_grevm / sizeof recipes_grevm[0];
