/* weft bench parallel: synthetic blocks, serial against block-stm, on host threads and on simulated
 * cores. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evm/core/keccak.h"
#include "evm/core/u256.h"
#include "evm/parallel/executor.h"
#include "models/workload/artifacts.h"
#include "sim/cli/cli.h"

struct options {
    uint64_t txs, repeat, seed;
    const char *profile, *load, *setting;
    bool json;
};

/* One synthetic block: transaction i is from account i (or from the recipient before it). */
struct load {
    const char *name, *doc;
    bool token;   /* ERC-20 transfers, else plain ones */
    unsigned hot; /* percent of recipients that are one account */
    bool chain;   /* each sender is the recipient of the transaction before */
};
static const struct load loads[] = {
    {"transfers", "plain transfers between distinct accounts", false, 0, false},
    {"erc20", "transfers of one token between distinct accounts", true, 0, false},
    {"erc20-hot", "the same, 30 % of them to one recipient", true, 30, false},
    {"erc20-chain", "the same, each spending what the one before sent", true, 0, true},
};
enum { LOADS = sizeof loads / sizeof loads[0] };

static const struct setting {
    const char *executor;
    enum evm_driver driver;
    uint32_t cores;
} settings[] = {
    {"serial", EVM_DRIVER_THREADS, 1},     {"block-stm", EVM_DRIVER_THREADS, 1},
    {"block-stm", EVM_DRIVER_THREADS, 2},  {"serial", EVM_DRIVER_VIRTUAL, 1},
    {"block-stm", EVM_DRIVER_VIRTUAL, 1},  {"block-stm", EVM_DRIVER_VIRTUAL, 2},
    {"block-stm", EVM_DRIVER_VIRTUAL, 8},  {"block-stm", EVM_DRIVER_VIRTUAL, 16},
    {"block-stm", EVM_DRIVER_VIRTUAL, 64},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

struct bench {
    const struct cli_command *self;
    struct options o;
    uint32_t n;
    struct evm_codes *codes;
    struct evm_exec_pool *pool;
    struct evm_state *pre;
    struct evm_tx *txs;
    const struct evm_tx **list;
    uint8_t (*inputs)[68];
    struct evm_block_env env;
};

/* ---- the world ------------------------------------------------------------------------------- */

static const struct evm_addr token = {{0xff, 1}};

static struct evm_addr account(uint32_t i)
{
    struct evm_hash h;
    struct evm_addr a;
    evm_keccak256(&h, (struct evm_bytes){(const uint8_t *)&i, sizeof i});
    memcpy(a.b, h.b, sizeof a.b);
    a.b[0] &= 0x7f; /* below the token's */
    return a;
}

static struct evm_u256 balance_slot(const struct evm_addr *who)
{
    uint8_t key[64] = {0};
    struct evm_hash h;
    struct evm_u256 slot;
    memcpy(key + 12, who->b, 20);
    key[63] = TOKEN_SLOT_BALANCES;
    evm_keccak256(&h, (struct evm_bytes){key, sizeof key});
    evm_u256_load_be(&slot, h.b);
    return slot;
}

static int account_order(const void *x, const void *y)
{
    const struct evm_account_change *a = x, *b = y;
    return memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
}

static int slot_order(const void *x, const void *y)
{
    const struct evm_slot_change *a = x, *b = y;
    return evm_u256_cmp(&a->key, &b->key);
}

/* 2n + 1 accounts: senders, recipients, the hot one; the senders own tokens. */
static enum evm_status fill_world(const struct bench *b, struct evm_changes *c)
{
    struct workload_artifact code;
    uint32_t people = 2 * b->n + 1;
    enum evm_status st = evm_changes_reserve(c, people + 1, people);
    if (st != EVM_OK || !workload_artifact_find("Token", &code))
        return st == EVM_OK ? EVM_ERR_INPUT : st;
    for (uint32_t i = 0; i < people; i++) {
        c->accounts[i] = (struct evm_account_change){.addr = account(i),
                                                     .wrote = EVM_WROTE_BALANCE | EVM_WROTE_CREATED,
                                                     .balance = evm_u256_of(1000000000000000000)};
        c->slots[i] =
            (struct evm_slot_change){balance_slot(&c->accounts[i].addr), evm_u256_of(1000000)};
    }
    c->account_count = people + 1;
    c->slot_count = people;
    qsort(c->accounts, people, sizeof *c->accounts, account_order);
    qsort(c->slots, people, sizeof *c->slots, slot_order);
    c->accounts[people] =
        (struct evm_account_change){.addr = token,
                                    .wrote = EVM_WROTE_NONCE | EVM_WROTE_CODE | EVM_WROTE_CREATED,
                                    .nonce = 1,
                                    .code = evm_codes_add(b->codes, code.runtime),
                                    .slot_count = people};
    return c->accounts[people].code ? EVM_OK : EVM_ERR_MEMORY;
}

static enum evm_status make_world(struct bench *b)
{
    struct evm_changes c;
    evm_changes_init(&c);
    enum evm_status st = fill_world(b, &c);
    b->pre = st == EVM_OK ? evm_state_create(b->codes) : NULL;
    if (st == EVM_OK)
        st = b->pre ? evm_state_apply(b->pre, &c) : EVM_ERR_MEMORY;
    if (st == EVM_OK)
        evm_state_seal(b->pre);
    evm_changes_fini(&c);
    return st;
}

/* ---- the block ------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t *rng)
{
    uint64_t z = (*rng += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void make_block(struct bench *b, const struct load *load)
{
    uint64_t rng = b->o.seed;
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t from = i, to = load->chain ? i + 1 : b->n + i;
        if (draw(&rng) % 100 < load->hot)
            to = 2 * b->n;
        struct evm_addr recipient = account(to);
        uint8_t *input = b->inputs[i];
        memset(input, 0, sizeof b->inputs[i]);
        memcpy(input, "\xa9\x05\x9c\xbb", 4); /* transfer(address,uint256) */
        memcpy(input + 16, recipient.b, 20);
        input[67] = (uint8_t)(1 + draw(&rng) % 200);
        b->txs[i] = (struct evm_tx){.type = EVM_TX_DYNAMIC_FEE,
                                    .has_sender = true,
                                    .chain_id = 1,
                                    .has_chain_id = true,
                                    .sender = account(from),
                                    .gas_limit = load->token ? 100000 : 21000,
                                    .max_fee = evm_u256_of(20000000000),
                                    .max_priority_fee = evm_u256_of(1000000000),
                                    .to = load->token ? token : recipient};
        if (load->token)
            b->txs[i].input = (struct evm_bytes){input, sizeof b->inputs[i]};
        else
            b->txs[i].value = evm_u256_of(1 + draw(&rng) % 1000);
        b->list[i] = &b->txs[i];
    }
}

/* ---- measuring ------------------------------------------------------------------------------- */

struct row {
    double host_ns; /* a transaction, best of the repetitions */
    double time_ns; /* makespan a transaction: host or simulated */
    double cpu;     /* busy cores */
    double bound;   /* most that any schedule could gain, by the longest chain */
    uint64_t executions, aborts;
    bool ok;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool measure(struct bench *b, const struct setting *s, struct row *row)
{
    struct evm_exec_config config = {.executor = evm_executor_find(s->executor),
                                     .driver = s->driver,
                                     .cores = s->cores,
                                     .seed = b->o.seed,
                                     .profile = evm_profile_find(b->o.profile),
                                     .pool = b->pool};
    struct evm_block_input in = {.rules = evm_rules_of(EVM_CANCUN),
                                 .env = &b->env,
                                 .txs = b->list,
                                 .tx_count = b->n,
                                 .pre = b->pre};
    *row = (struct row){.ok = true};
    for (uint64_t k = 0; k < b->o.repeat && row->ok; k++) {
        struct evm_block_result r;
        struct evm_err err = {0};
        double start = now();
        if (evm_execute(&config, &in, &r, &err) != EVM_OK || r.invalid != EVM_TX_VALID ||
            r.receipt_count != b->n || !r.receipts[b->n - 1].success) {
            cli_complain(b->self, "%s: %s", s->executor,
                         err.code ? err.text : "the block was not executed as it should");
            row->ok = false;
        } else if (k == 0 || now() - start < row->host_ns * b->n) {
            row->host_ns = (now() - start) / b->n;
            row->time_ns = (double)r.makespan_ns / b->n;
            row->cpu = (double)r.busy_ns / (double)(r.makespan_ns ? r.makespan_ns : 1);
            row->bound = r.critical_path_ns ? (double)r.serial_ns / (double)r.critical_path_ns : 0;
            row->executions = r.executions;
            row->aborts = r.aborts;
        }
        evm_block_result_fini(&r);
    }
    return row->ok;
}

static const char *driver_name(enum evm_driver driver)
{
    return driver == EVM_DRIVER_THREADS ? "threads" : "virtual";
}

static void print_row(const struct bench *b, const struct load *load, const struct setting *s,
                      const struct row *r, double serial, bool first)
{
    const char *driver = driver_name(s->driver);
    if (b->o.json) {
        printf(
            "%s\n    {\"load\": \"%s\", \"executor\": \"%s\", \"driver\": \"%s\", \"cores\": %u, "
            "\"host_ns_per_tx\": %.1f, \"makespan_ns_per_tx\": %.1f, \"speedup\": %.3f, "
            "\"busy_cores\": %.2f, \"executions\": %llu, \"aborts\": %llu",
            first ? "" : ",", load->name, s->executor, driver, s->cores, r->host_ns, r->time_ns,
            serial / r->time_ns, r->cpu, (unsigned long long)r->executions,
            (unsigned long long)r->aborts);
        if (r->bound > 0)
            printf(", \"speedup_bound\": %.2f", r->bound);
        printf("}");
        return;
    }
    printf("%-12s %-10s %-8s %5u %11.0f %11.0f %8.2f %6.2f %8llu\n", load->name, s->executor,
           driver, s->cores, r->host_ns, r->time_ns, serial / r->time_ns, r->cpu,
           (unsigned long long)r->aborts);
}

/* "block-stm/virtual/16" */
static bool is_setting(const struct setting *s, const char *text)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%s/%u", s->executor, driver_name(s->driver), s->cores);
    return strcmp(name, text) == 0;
}

/* Speed-up is against serial under the same driver. */
static bool bench_load(struct bench *b, const struct load *load, bool *first)
{
    double serial[2] = {0};
    if (b->o.load && strcmp(b->o.load, load->name) != 0)
        return true;
    make_block(b, load);
    for (int i = 0; i < SETTINGS; i++) {
        struct row row;
        if (b->o.setting && !is_setting(&settings[i], b->o.setting))
            continue;
        if (!measure(b, &settings[i], &row))
            return false;
        if (strcmp(settings[i].executor, "serial") == 0)
            serial[settings[i].driver] = row.time_ns;
        print_row(b, load, &settings[i], &row, serial[settings[i].driver], *first);
        *first = false;
    }
    return true;
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
    b->env = (struct evm_block_env){.number = 1,
                                    .timestamp = 1700000000,
                                    .gas_limit = UINT64_C(1) << 50,
                                    .chain_id = 1,
                                    .coinbase = {{0xfe}},
                                    .base_fee = evm_u256_of(1000000000)};
    return b->codes && b->pool && b->txs && b->list && b->inputs && make_world(b) == EVM_OK;
}

static void release(struct bench *b)
{
    evm_state_unref(b->pre);
    evm_exec_pool_destroy(b->pool);
    evm_codes_destroy(b->codes);
    free(b->txs);
    free(b->list);
    free(b->inputs);
}

static const struct cli_option options[] = {
    {.name = "txs",
     .type = CLI_U64,
     .offset = offsetof(struct options, txs),
     .value = "N",
     .doc = "transactions a block (default 2000)",
     .min = 1,
     .max = 1000000},
    {.name = "repeat",
     .type = CLI_U64,
     .offset = offsetof(struct options, repeat),
     .value = "N",
     .doc = "repetitions; the fastest counts (default 7)",
     .min = 1,
     .max = 1000},
    {.name = "seed",
     .type = CLI_U64,
     .offset = offsetof(struct options, seed),
     .value = "S",
     .doc = "seed of the blocks and of the virtual driver (default 1)"},
    {.name = "profile",
     .type = CLI_STRING,
     .offset = offsetof(struct options, profile),
     .value = "NAME",
     .doc = "cost profile of the virtual driver (default validator-2025)"},
    {.name = "load",
     .type = CLI_STRING,
     .offset = offsetof(struct options, load),
     .value = "NAME",
     .doc = "this load only"},
    {.name = "setting",
     .type = CLI_STRING,
     .offset = offsetof(struct options, setting),
     .value = "NAME",
     .doc = "this setting only, like block-stm/virtual/16 (then without speed-up)"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, json),
     .doc = "print JSON"},
};

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct cli_operands operands;
    struct bench b = {.self = self,
                      .o = {.txs = 2000, .repeat = 7, .seed = 1, .profile = "validator-2025"}};
    int status = cli_parse(self, argc, argv, &b.o, &operands);
    if (status >= 0)
        return status;
    if (!evm_profile_find(b.o.profile))
        return cli_complain(self, "no cost profile \"%s\"", b.o.profile);
    bool ok = prepare(&b), first = true;
    if (!ok)
        cli_complain(self, "out of memory");
    if (b.o.json)
        printf("{\"transactions\": %u, \"profile\": \"%s\", \"rows\": [", b.n, b.o.profile);
    else
        printf("%-12s %-10s %-8s %5s %11s %11s %8s %6s %8s\n", "load", "executor", "driver",
               "cores", "host ns/tx", "time ns/tx", "speed-up", "busy", "aborts");
    for (int i = 0; i < LOADS && ok; i++)
        ok = bench_load(&b, &loads[i], &first);
    if (b.o.json)
        printf("\n]}\n");
    release(&b);
    return cli_finish(self, ok ? CLI_DONE : CLI_BAD_INPUT);
}

const struct cli_command cli_bench_parallel = {
    .name = "bench parallel",
    .operands = "",
    .summary = "time synthetic blocks on one and more cores, real and simulated",
    .details =
        "Loads: transfers (between distinct accounts), erc20 (one token, distinct accounts),\n"
        "erc20-hot (30 % to one recipient), erc20-chain (each spends what the one before sent).\n"
        "Signatures and the state root are left out. host ns/tx is what executing the block takes\n"
        "here; time ns/tx is the block's duration: measured with threads, simulated with virtual\n"
        "cores. Speed-up is against serial under the same driver.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
