/* A block like Ethereum's of today, without a recording: shares of kinds, skew, repeated senders
 * and gas a transaction as measured on mainnet blocks of the Cancun era (quantiles of gas: half
 * below 41,000, a tenth above 164,000, a hundredth above 544,000; 42 % exactly 21,000). */
#include <math.h>

#include "evm/core/code.h"
#include "models/workload/recipes_internal.h"
#include "models/workload/skew.h"

enum { TOKENS = 64, POOLS = 32, WORKERS = 64 };

#define GWEI UINT64_C(1000000000)
#define HELD UINT64_C(1000000000000000)

/* Anything else. A round reads a slot that nobody writes and computes for 7,800 gas (mainnet's
 * large transactions read a slot for every 10,000 gas or so); then it counts the caller's calls in
 * a slot of his own and reads slot 0, which all callers share. */
static const uint8_t worker_code[] =
    "\x5f\x5f\x35"                                 /* x: 0; n: CALLDATALOAD(0) */
    "\x5b\x80\x19\x54\x50\x60\xa3"                 /* 3: SLOAD(NOT n), POP; k: 163 */
    "\x5b\x82\x82\x02\x60\x07\x01\x92\x50"         /* 10: x = x * n + 7 */
    "\x60\x01\x90\x03\x80\x60\x0a\x57"             /* k - 1; if not 0, to 10 */
    "\x50\x60\x01\x90\x03\x80\x60\x03\x57"         /* n - 1; if not 0, to 3 */
    "\x50\x50\x33\x54\x60\x01\x01\x33\x55"         /* SSTORE(caller, SLOAD(caller) + 1) */
    "\x5f\x54\x50\x00";                            /* SLOAD(0) */
enum { WORKER_ROUND = 9963, WORKER_BASE = 28300 }; /* gas of a round, of all else */

struct street {
    struct recipe_build *b;
    struct skew tokens, pools, workers, recipients;
    struct evm_addr pool[POOLS], worker[WORKERS];
    uint32_t senders; /* that have sent so far */
};

/* rng is not the transactions' own, which thereby are the same for every size of the block. */
static enum err_code open_street(struct street *s, struct recipe_build *b, struct sim_stream *rng)
{
    const struct field_skew zipf = {1.0};
    enum err_code code = skew_init(&s->tokens, &zipf, TOKENS, rng, NULL);
    s->b = b;
    if (code == ERR_OK)
        code = skew_init(&s->pools, &zipf, POOLS, rng, NULL);
    if (code == ERR_OK)
        code = skew_init(&s->workers, &zipf, WORKERS, rng, NULL);
    return code == ERR_OK ? skew_init(&s->recipients, &zipf, b->n, rng, NULL) : code;
}

static void close_street(struct street *s)
{
    skew_fini(&s->tokens);
    skew_fini(&s->pools);
    skew_fini(&s->workers);
    skew_fini(&s->recipients);
}

static void make_contracts(struct street *s)
{
    struct recipe_build *b = s->b;
    const struct evm_u256 zero = {{0}}, one = evm_u256_of(1);
    const struct evm_code *code =
        evm_codes_add(b->codes, (struct evm_bytes){worker_code, sizeof worker_code - 1});
    for (uint32_t t = 0; t < TOKENS; t++)
        recipe_make_token(b, t);
    for (uint32_t p = 0; p < POOLS; p++)
        recipe_make_pool(b, p, p + 1, &s->pool[p]);
    for (uint32_t w = 0; w < WORKERS; w++) {
        s->worker[w] = (struct evm_addr){{0xf1, (uint8_t)w}};
        recipe_code(b, &s->worker[w], code);
        recipe_slot(b, &s->worker[w], &zero, &one);
    }
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* Person `from` gets, before the block, what the transaction needs. */
static void transfer(struct street *s, uint32_t from, uint32_t to)
{
    uint32_t t = skew_pick(&s->tokens, &s->b->rng);
    struct evm_addr payer = recipe_person(from), payee = recipe_person(to);
    recipe_mint(s->b, t, &payer, HELD);
    recipe_mint(s->b, t, &payee, HELD);
    recipe_transfer(s->b, t, from, to, 1 + sim_stream_below(&s->b->rng, 1000000));
}

static void swap(struct street *s, uint32_t from)
{
    uint32_t p = skew_pick(&s->pools, &s->b->rng);
    bool zero_for_one = sim_stream_below(&s->b->rng, 2);
    struct evm_addr who = recipe_person(from);
    recipe_mint(s->b, p, &who, HELD);
    recipe_mint(s->b, p + 1, &who, HELD);
    recipe_approve(s->b, zero_for_one ? p : p + 1, &who, &s->pool[p]);
    recipe_swap(s->b, &s->pool[p], from, from, zero_for_one,
                1000 + sim_stream_below(&s->b->rng, 1000000));
}

static void work(struct street *s, uint32_t from, double gas)
{
    struct recipe_build *b = s->b;
    const struct evm_addr *where = &s->worker[skew_pick(&s->workers, &b->rng)];
    struct evm_addr who = recipe_person(from);
    struct evm_u256 key, one = evm_u256_of(1), rounds = evm_u256_of(1);
    if (gas > WORKER_BASE + WORKER_ROUND)
        rounds = evm_u256_of((uint64_t)((gas - WORKER_BASE) / WORKER_ROUND + 0.5));
    evm_u256_from_addr(&key, &who);
    recipe_slot(b, where, &key, &one);
    struct evm_tx *tx = recipe_tx(b, from, where, (uint64_t)(gas * 1.25) + 2 * WORKER_BASE);
    if (tx)
        evm_u256_store_be(recipe_calldata(b, tx, 32), &rounds);
}

/* The tenth of the transactions that use most: from the 90th to the last percentile. */
static double large_gas(struct recipe_build *b)
{
    return 164000 * pow(544.0 / 164.0, sim_stream_double(&b->rng) / 0.9);
}

/* 12 % of the transactions are by somebody who has sent one before. */
static uint32_t sender(struct street *s)
{
    if (s->senders && sim_stream_below(&s->b->rng, 100) < 12)
        return (uint32_t)sim_stream_below(&s->b->rng, s->senders);
    return s->senders++;
}

static void one(struct street *s)
{
    uint32_t from = sender(s), to = skew_pick(&s->recipients, &s->b->rng);
    uint64_t kind = sim_stream_below(&s->b->rng, 100);
    if (kind < 40)
        recipe_raw(s->b, from, to, 1 + sim_stream_below(&s->b->rng, GWEI));
    else if (kind < 78)
        transfer(s, from, to);
    else if (kind < 90)
        swap(s, from);
    else
        work(s, from, large_gas(s->b));
}

/* One block in five holds a transaction of 5 to 25 % of its gas. */
static double giant_gas(const struct recipe_build *b, struct sim_stream *rng)
{
    enum { MEAN = 66000 }; /* of the others */
    double share = 0.05 + 0.2 * sim_stream_double(rng);
    if (b->params->seed % 5 != 1)
        return 0;
    return b->gas ? share * (double)b->gas : share / (1 - share) * MEAN * b->n;
}

static void dynamic_fees(struct recipe_build *b)
{
    b->out->env.base_fee = evm_u256_of(GWEI);
    b->out->env.coinbase = (struct evm_addr){{0xbe, 0xef}};
    for (uint32_t i = 0; i < b->out->tx_count; i++) {
        struct evm_tx *tx = &b->out->txs[i];
        tx->type = EVM_TX_DYNAMIC_FEE;
        tx->has_chain_id = true;
        tx->chain_id = b->out->env.chain_id;
        tx->max_fee = evm_u256_of(20 * GWEI);
        tx->max_priority_fee = evm_u256_of(1 + sim_stream_below(&b->rng, 2 * GWEI));
    }
}

static void mainnet_like(struct recipe_build *b)
{
    struct street s = {0};
    const struct evm_u256 rich = {{0, 0, 1, 0}};
    struct sim_stream rng;
    sim_stream_init(&rng, b->params->seed, 1, sim_purpose("mainnet-like"));
    double giant = giant_gas(b, &rng);
    uint32_t where = (uint32_t)(sim_stream_double(&rng) * b->n);
    b->status = open_street(&s, b, &rng);
    if (b->status == ERR_OK) {
        recipe_people(b, b->n, &rich);
        make_contracts(&s);
    }
    for (uint32_t i = 0; i < b->n && b->status == ERR_OK; i++)
        if (giant > 0 && i == where)
            work(&s, sender(&s), giant);
        else
            one(&s);
    dynamic_fees(b);
    close_street(&s);
}

const struct recipe recipes_mainnet[] = {
    {"mainnet-like", "40 % plain, 38 % tokens, 12 % pools, the rest large; contracts by Zipf's law",
     0, 0, mainnet_like},
};
const size_t recipes_mainnet_count = sizeof recipes_mainnet / sizeof recipes_mainnet[0];
