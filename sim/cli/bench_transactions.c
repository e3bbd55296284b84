/* weft bench transactions: what a transaction costs, one after another on one core, from its check
 * to its receipt and its place in the state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/parallel/executor.h"
#include "models/workload/artifacts.h"
#include "sim/cli/cli.h"
#include "sim/cli/timing.h"

struct options {
    uint64_t txs, repeat;
    const char *only;
    bool json;
};

enum kind { RAW, ERC20, SWAP, KINDS };

static const struct load {
    const char *name;
    uint64_t gas_limit;
} loads[KINDS] = {{"transfer", 21000}, {"erc20", 100000}, {"swap", 300000}};

enum { POOLS = 8, INPUT_MAX = 4 + 4 * 32 };

#define WEI    UINT64_C(1000000000000000000) /* everybody's balance */
#define TOKENS UINT64_C(1000000000)          /* everybody's tokens */
#define DEPTH  UINT64_C(1000000000000)       /* of each pool, of either token */

struct bench {
    const struct cli_command *self;
    struct options o;
    uint32_t n;
    struct evm_codes *codes;
    struct evm_exec_pool *pool;
    struct evm_state *pre;
    struct evm_tx *txs;
    const struct evm_tx **list;
    uint8_t (*inputs)[INPUT_MAX];
    struct evm_addr *people; /* n senders, n recipients */
    struct evm_addr pairs[POOLS];
    struct evm_block_env env;
    double *times;
};

static const struct evm_addr tokens[2] = {{{0xff, 1}}, {{0xff, 2}}};
static const struct evm_addr deployer = {{0xff, 3}};

/* ---- the world ------------------------------------------------------------------------------- */

static void put_word(uint8_t word[32], const struct evm_addr *addr)
{
    memset(word, 0, 32);
    memcpy(word + 12, addr->b, sizeof addr->b);
}

/* keccak256(who || seed): where Solidity puts mapping[who] if the mapping is at seed. */
static struct evm_u256 mapping_slot(const struct evm_addr *who, const struct evm_u256 *seed)
{
    uint8_t key[64];
    struct evm_hash h;
    struct evm_u256 slot;
    put_word(key, who);
    evm_u256_store_be(key + 32, seed);
    evm_keccak256(&h, (struct evm_bytes){key, sizeof key});
    evm_u256_load_be(&slot, h.b);
    return slot;
}

static struct evm_u256 balance_slot(const struct evm_addr *who)
{
    struct evm_u256 seed = evm_u256_of(TOKEN_SLOT_BALANCES);
    return mapping_slot(who, &seed);
}

static struct evm_u256 allowance_slot(const struct evm_addr *owner, const struct evm_addr *spender)
{
    struct evm_u256 seed = evm_u256_of(TOKEN_SLOT_ALLOWANCES);
    seed = mapping_slot(owner, &seed);
    return mapping_slot(spender, &seed);
}

static bool put_account(struct bench *b, const struct evm_addr *addr, const struct evm_code *code)
{
    struct evm_account_change c = {
        .addr = *addr, .wrote = EVM_WROTE_BALANCE | EVM_WROTE_CREATED, .balance = evm_u256_of(WEI)};
    if (code) {
        c.wrote |= EVM_WROTE_CODE | EVM_WROTE_NONCE;
        c.code = code;
        c.nonce = 1;
    }
    struct evm_changes all = {.accounts = &c, .account_count = 1};
    return evm_state_apply(b->pre, &all) == EVM_OK;
}

static bool put_slot(struct bench *b, const struct evm_addr *addr, const struct evm_u256 *key,
                     const struct evm_u256 *value)
{
    struct evm_slot_change slot = {*key, *value};
    struct evm_account_change c = {.addr = *addr, .slot_count = 1};
    struct evm_changes all = {.accounts = &c, .account_count = 1, .slots = &slot, .slot_count = 1};
    return evm_state_apply(b->pre, &all) == EVM_OK;
}

static bool give_tokens(struct bench *b, int which, const struct evm_addr *who, uint64_t amount)
{
    struct evm_u256 key = balance_slot(who), value = evm_u256_of(amount);
    return put_slot(b, &tokens[which], &key, &value);
}

/* Runs Pair's creation code, because its tokens are immutables in the code it leaves. */
static bool deploy_pair(struct bench *b, struct evm_bytes create, uint64_t nonce)
{
    uint8_t *input = malloc(create.size + 64);
    struct evm_txrun *run = evm_txrun_create(b->codes);
    struct evm_tx tx = {.has_sender = true,
                        .sender = deployer,
                        .nonce = nonce,
                        .is_create = true,
                        .gas_limit = 5000000,
                        .max_fee = b->env.base_fee,
                        .max_priority_fee = b->env.base_fee};
    bool ok = input && run;
    if (ok) {
        struct evm_state_view state = {b->pre, NULL};
        memcpy(input, create.data, create.size);
        put_word(input + create.size, &tokens[0]);
        put_word(input + create.size + 32, &tokens[1]);
        tx.input = (struct evm_bytes){input, create.size + 64};
        evm_txrun_begin(run, evm_rules_of(EVM_CANCUN), &b->env, &tx, evm_state_view(&state), 0);
        while (evm_txrun_step(run, NULL, 0) != EVM_STEP_DONE)
            ;
        const struct evm_tx_outcome *o = evm_txrun_outcome(run);
        ok = o->error == EVM_OK && o->invalid == EVM_TX_VALID && o->success &&
             evm_state_apply(b->pre, o->changes) == EVM_OK;
        b->pairs[nonce] = o->created;
    }
    evm_txrun_destroy(run);
    free(input);
    return ok;
}

/* The pool's reserves, as uint112 pairs in slot 0 (scenarios/contracts/build/Pair.json). */
static struct evm_u256 pack_reserves(uint64_t r0, uint64_t r1)
{
    return (struct evm_u256){{r0, r1 << 48, r1 >> 16, 0}};
}

static bool make_pools(struct bench *b, struct evm_bytes create)
{
    const struct evm_u256 zero = {{0}}, full = pack_reserves(DEPTH, DEPTH);
    bool ok = put_account(b, &deployer, NULL);
    for (uint32_t p = 0; p < POOLS && ok; p++)
        ok = deploy_pair(b, create, p) && put_slot(b, &b->pairs[p], &zero, &full) &&
             give_tokens(b, 0, &b->pairs[p], DEPTH) && give_tokens(b, 1, &b->pairs[p], DEPTH);
    return ok;
}

static bool make_person(struct bench *b, uint32_t i)
{
    struct evm_hash h;
    uint64_t name = i;
    evm_keccak256(&h, (struct evm_bytes){(const uint8_t *)&name, sizeof name});
    memcpy(b->people[i].b, h.b, sizeof b->people[i].b);
    b->people[i].b[0] &= 0x7f; /* below the contracts' */
    const struct evm_addr *who = &b->people[i];
    const struct evm_u256 forever = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    bool ok = put_account(b, who, NULL);
    for (int t = 0; t < 2 && ok; t++) {
        struct evm_u256 key = allowance_slot(who, &b->pairs[i % POOLS]);
        ok = give_tokens(b, t, who, TOKENS) && put_slot(b, &tokens[t], &key, &forever);
    }
    return ok;
}

static bool make_world(struct bench *b)
{
    struct workload_artifact token, pair;
    if (!workload_artifact_find("Token", &token) || !workload_artifact_find("Pair", &pair))
        return false;
    b->pre = evm_state_create(b->codes);
    const struct evm_code *code = evm_codes_add(b->codes, token.runtime);
    bool ok = b->pre && code && put_account(b, &tokens[0], code) &&
              put_account(b, &tokens[1], code) && make_pools(b, pair.create);
    for (uint32_t i = 0; i < 2 * b->n && ok; i++)
        ok = make_person(b, i);
    if (ok)
        evm_state_seal(b->pre);
    return ok;
}

/* ---- the block ------------------------------------------------------------------------------- */

static uint64_t amount_of(uint32_t i)
{
    return 1000 + (uint64_t)i * 7919 % 100000;
}

static void fill_input(struct bench *b, enum kind kind, uint32_t i, struct evm_tx *tx)
{
    uint8_t *in = b->inputs[i];
    struct evm_u256 amount = evm_u256_of(amount_of(i));
    memset(in, 0, INPUT_MAX);
    if (kind == ERC20) {
        memcpy(in, "\xa9\x05\x9c\xbb", 4); /* transfer(address,uint256) */
        put_word(in + 4, &b->people[b->n + i]);
        evm_u256_store_be(in + 36, &amount);
        tx->to = tokens[0];
        tx->input = (struct evm_bytes){in, 68};
    } else {
        memcpy(in, "\xf9\x36\x64\x46", 4); /* swap(bool,uint256,uint256,address) */
        in[35] = (uint8_t)(i / POOLS % 2);
        evm_u256_store_be(in + 36, &amount);
        put_word(in + 100, &b->people[b->n + i]);
        tx->to = b->pairs[i % POOLS];
        tx->input = (struct evm_bytes){in, INPUT_MAX};
    }
}

/* Transaction i is from person i to person n + i. */
static void make_block(struct bench *b, enum kind kind)
{
    for (uint32_t i = 0; i < b->n; i++) {
        b->txs[i] = (struct evm_tx){.type = EVM_TX_DYNAMIC_FEE,
                                    .has_sender = true,
                                    .chain_id = 1,
                                    .has_chain_id = true,
                                    .sender = b->people[i],
                                    .gas_limit = loads[kind].gas_limit,
                                    .max_fee = evm_u256_of(20000000000),
                                    .max_priority_fee = evm_u256_of(1000000000),
                                    .to = b->people[b->n + i]};
        if (kind == RAW)
            b->txs[i].value = evm_u256_of(amount_of(i));
        else
            fill_input(b, kind, i, &b->txs[i]);
        b->list[i] = &b->txs[i];
    }
}

/* ---- is it right? ---------------------------------------------------------------------------- */

static bool holds(const struct evm_state *s, int which, const struct evm_addr *who, uint64_t amount)
{
    struct evm_u256 key = balance_slot(who), value, want = evm_u256_of(amount);
    evm_state_slot(s, &tokens[which], &key, &value);
    return evm_u256_eq(&value, &want);
}

/* Every payer has paid what it owed: value and gas. */
static bool senders_right(const struct bench *b, enum kind kind, const struct evm_state *post,
                          const struct evm_block_result *r)
{
    for (uint32_t i = 0; i < b->n; i++) {
        struct evm_account acc;
        uint64_t price = b->env.base_fee.w[0] + b->txs[i].max_priority_fee.w[0];
        uint64_t spent = r->receipts[i].gas_used * price + (kind == RAW ? amount_of(i) : 0);
        evm_state_account(post, &b->people[i], &acc);
        if (!r->receipts[i].success || acc.nonce != 1 || acc.balance.w[0] != WEI - spent)
            return false;
    }
    return true;
}

static bool swaps_right(const struct bench *b, const struct evm_state *post)
{
    uint64_t reserve[POOLS][2];
    for (uint32_t p = 0; p < POOLS; p++)
        reserve[p][0] = reserve[p][1] = DEPTH;
    for (uint32_t i = 0; i < b->n; i++) {
        int in = i / POOLS % 2 ? 0 : 1; /* zeroForOne pays token 0 */
        uint64_t *pool = reserve[i % POOLS], paid = amount_of(i);
        evm_u128 fee = (evm_u128)paid * 997;
        uint64_t got = (uint64_t)(fee * pool[1 - in] / ((evm_u128)pool[in] * 1000 + fee));
        pool[in] += paid;
        pool[1 - in] -= got;
        if (!holds(post, in, &b->people[i], TOKENS - paid) ||
            !holds(post, 1 - in, &b->people[b->n + i], TOKENS + got))
            return false;
    }
    for (uint32_t p = 0; p < POOLS; p++) {
        struct evm_u256 slot, zero = {{0}}, want = pack_reserves(reserve[p][0], reserve[p][1]);
        evm_state_slot(post, &b->pairs[p], &zero, &slot);
        if (!evm_u256_eq(&slot, &want))
            return false;
    }
    return true;
}

static bool is_right(const struct bench *b, enum kind kind, const struct evm_state *post,
                     const struct evm_block_result *r)
{
    if (r->receipt_count != b->n || !senders_right(b, kind, post, r))
        return false;
    for (uint32_t i = 0; i < b->n && kind != SWAP; i++) {
        struct evm_account acc;
        evm_state_account(post, &b->people[b->n + i], &acc);
        if (kind == RAW ? acc.balance.w[0] != WEI + amount_of(i)
                        : !holds(post, 0, &b->people[i], TOKENS - amount_of(i)) ||
                              !holds(post, 0, &b->people[b->n + i], TOKENS + amount_of(i)))
            return false;
    }
    return kind != SWAP || swaps_right(b, post);
}

/* ---- measuring ------------------------------------------------------------------------------- */

struct row {
    double best, median, fold; /* ns a transaction */
    uint64_t gas;              /* of the block */
};

/* One block over the same state; its time goes to *ns, that of folding its changes to *fold. */
static bool once(struct bench *b, enum kind kind, bool check, struct row *row, double *ns,
                 double *fold)
{
    const struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                           .driver = EVM_DRIVER_THREADS,
                                           .cores = 1,
                                           .pool = b->pool};
    const struct evm_block_input in = {.rules = evm_rules_of(EVM_CANCUN),
                                       .env = &b->env,
                                       .txs = b->list,
                                       .tx_count = b->n,
                                       .pre = b->pre};
    struct evm_block_result r;
    struct evm_err err = {0};
    struct evm_state *post = evm_state_fork(b->pre);
    double start = cli_cpu_now();
    bool ok = post && evm_execute(&config, &in, &r, &err) == EVM_OK;
    double executed = cli_cpu_now();
    ok = ok && r.invalid == EVM_TX_VALID && evm_state_apply(post, &r.changes) == EVM_OK;
    *ns = executed - start;
    *fold = cli_cpu_now() - executed;
    if (!ok)
        cli_complain(b->self, "%s: %s", loads[kind].name, err.code ? err.text : "not executed");
    else if (check && !is_right(b, kind, post, &r)) {
        cli_complain(b->self, "%s: the block does not leave what it should", loads[kind].name);
        ok = false;
    }
    row->gas = r.gas_used;
    evm_block_result_fini(&r);
    evm_state_unref(post);
    return ok;
}

static bool measure(struct bench *b, enum kind kind, struct row *row)
{
    size_t n = b->o.repeat;
    *row = (struct row){0};
    for (size_t k = 0; k < n; k++) {
        double fold;
        if (!once(b, kind, k == 0, row, &b->times[k], &fold))
            return false;
        if (k == 0 || fold < row->fold)
            row->fold = fold;
    }
    struct cli_times times = cli_times_of(b->times, n);
    row->best = times.best / b->n;
    row->median = times.median / b->n;
    row->fold /= b->n;
    return true;
}

static void print_row(const struct bench *b, enum kind kind, const struct row *r, bool first)
{
    double gas = (double)r->gas / b->n;
    if (b->o.json)
        printf("%s\n    {\"load\": \"%s\", \"gas_per_tx\": %.0f, \"best_ns\": %.1f, "
               "\"median_ns\": %.1f, \"gas_per_s\": %.0f, \"fold_ns\": %.1f}",
               first ? "" : ",", loads[kind].name, gas, r->best, r->median, gas / r->best * 1e9,
               r->fold);
    else
        printf("%-10s %9.0f %12.0f %12.0f %10.2f %12.0f\n", loads[kind].name, gas, r->best,
               r->median, gas / r->best, r->fold);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool prepare(struct bench *b)
{
    b->n = (uint32_t)b->o.txs;
    b->codes = evm_codes_create();
    b->pool = evm_exec_pool_create();
    b->txs = calloc(b->n, sizeof *b->txs);
    b->list = calloc(b->n, sizeof(*b->list));
    b->inputs = calloc(b->n, sizeof *b->inputs);
    b->people = calloc(2 * (size_t)b->n, sizeof *b->people);
    b->times = calloc(b->o.repeat, sizeof *b->times);
    b->env = (struct evm_block_env){.number = 1,
                                    .timestamp = 1700000000,
                                    .gas_limit = UINT64_C(1) << 50,
                                    .chain_id = 1,
                                    .coinbase = {{0xfe}},
                                    .base_fee = evm_u256_of(1000000000)};
    return b->codes && b->pool && b->txs && b->list && b->inputs && b->people && b->times &&
           make_world(b);
}

static void release(struct bench *b)
{
    evm_state_unref(b->pre);
    evm_exec_pool_destroy(b->pool);
    evm_codes_destroy(b->codes);
    free(b->txs);
    free(b->list);
    free(b->inputs);
    free(b->people);
    free(b->times);
}

static const char *const names[] = {"transfer", "erc20", "swap", NULL};

static const struct cli_option options[] = {
    {.name = "txs",
     .type = CLI_U64,
     .offset = offsetof(struct options, txs),
     .value = "N",
     .doc = "transactions a block, each of another sender (default 1000)",
     .min = 1,
     .max = 100000},
    {.name = "repeat",
     .type = CLI_U64,
     .offset = offsetof(struct options, repeat),
     .value = "N",
     .doc = "repetitions (default 5)",
     .min = 1,
     .max = 1000},
    {.name = "load",
     .type = CLI_CHOICE,
     .offset = offsetof(struct options, only),
     .value = "NAME",
     .doc = "this load only: transfer, erc20 or swap",
     .choices = names},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, json),
     .doc = "print JSON"},
};

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct cli_operands operands;
    struct bench b = {.self = self, .o = {.txs = 1000, .repeat = 5}};
    int status = cli_parse(self, argc, argv, &b.o, &operands);
    if (status >= 0)
        return status;
    bool ok = prepare(&b), first = true;
    if (!ok)
        cli_complain(self, "out of memory");
    if (b.o.json)
        printf("{\"transactions\": %u, \"rows\": [", b.n);
    else
        printf("%-10s %9s %12s %12s %10s %12s\n", "load", "gas/tx", "best ns/tx", "median ns/tx",
               "Ggas/s", "fold ns/tx");
    for (enum kind k = RAW; k < KINDS && ok; k++) {
        struct row row;
        if (b.o.only && strcmp(b.o.only, loads[k].name) != 0)
            continue;
        make_block(&b, k);
        ok = measure(&b, k, &row);
        if (ok)
            print_row(&b, k, &row, first);
        first = false;
    }
    if (b.o.json)
        printf("\n]}\n");
    release(&b);
    return cli_finish(self, ok ? CLI_DONE : CLI_FAILED);
}

const struct cli_command cli_bench_transactions = {
    .name = "bench transactions",
    .operands = "",
    .summary = "time transfers, ERC-20 transfers and swaps, one after another",
    .details =
        "A block of transactions of distinct senders to distinct recipients is executed by the\n"
        "serial executor over a state in memory: receipts included, signatures and state root\n"
        "left out. Times are of the processor. fold is what it takes besides to write the block's\n"
        "changes into a new version of the state. Swaps go to 8 constant-product pools of two\n"
        "tokens. After the first repetition every receipt, balance and reserve is checked; if one\n"
        "is wrong the exit status is 1.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
