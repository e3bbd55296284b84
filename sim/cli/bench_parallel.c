/* weft bench parallel: generated blocks through executors, on host threads and on simulated cores,
 * each result compared with serial's. */
#include <stdio.h>
#include <time.h>

#include "evm/parallel/compare.h"
#include "evm/parallel/oracle.h"
#include "sim/cli/bench_parallel.h"
#include "sim/cli/executors.h"
#include "sim/cli/timing.h"

struct bench {
    const struct cli_command *self;
    struct bench_options o;
    struct evm_exec_caches caches;
    struct bench_choice c;
    /* The block at hand. */
    struct recipe_block block;
    struct evm_exec_pool *pool;
    struct evm_block_result serial; /* what all others are compared with ... */
    struct evm_block_result known;  /* ... and the ladder on a simulated core: its sets and costs */
    double root_ns;
    bool first_row;
};

/* Of one executor, driver and number of cores: the fastest repetition. */
struct row {
    double host_ns; /* of the host, for the whole call */
    double span_ns; /* makespan: measured with threads, simulated with virtual cores */
    double busy;    /* cores */
    double oracle;  /* speed-up of who knows all conflicts beforehand, on these cores */
    uint64_t executions, aborts, validations;
};

/* ---- measuring ------------------------------------------------------------------------------- */

static double process_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* What a run says for its row. */
static struct row row_of(enum evm_driver driver, double host_ns, double cpu_ns,
                         const struct evm_block_result *r)
{
    struct row row = {.host_ns = host_ns,
                      .span_ns = (double)r->makespan_ns,
                      .executions = r->executions,
                      .aborts = r->aborts,
                      .validations = r->validations};
    if (driver == EVM_DRIVER_THREADS) {
        row.busy = cpu_ns / host_ns;
        return row;
    }
    row.busy = (double)r->busy_ns / (double)(r->makespan_ns ? r->makespan_ns : 1);
    return row;
}

static int once(struct bench *b, const struct contestant *c, enum evm_driver driver, uint32_t cores,
                struct row *row, struct evm_block_result *keep)
{
    const struct evm_exec_config config = {.executor = c->ops,
                                           .driver = driver,
                                           .cores = cores,
                                           .seed = b->o.seed,
                                           .profile = &b->o.machine.profile,
                                           .params = &c->params,
                                           .caches = b->caches,
                                           .keep_sets = keep == &b->known,
                                           .pool = b->pool};
    const struct evm_block_input in = recipe_input(&b->block);
    struct evm_block_result r;
    struct evm_err err = {0};
    double start = cli_now(), cpu = process_cpu();
    enum evm_status st = evm_execute(&config, &in, &r, &err);
    double host_ns = cli_now() - start;
    *row = row_of(driver, host_ns, process_cpu() - cpu, &r);
    int status = CLI_DONE;
    if (st == EVM_OK && keep != &b->serial)
        st = evm_block_result_compare(&b->serial, &r, &err);
    if (st != EVM_OK) {
        cli_complain(b->self, "%s, %u cores: %s", evm_executor_name(c->ops), cores, err.text);
        status = CLI_FAILED;
    }
    if (keep && status == CLI_DONE)
        *keep = r;
    else
        evm_block_result_fini(&r);
    return status;
}

/* 0 when memory is out. */
static double oracle_speedup(const struct bench *b, uint32_t cores)
{
    const struct evm_oracle_input in = {&b->known.sets, b->block.list, &b->block.env.coinbase};
    int64_t span = 0;
    if (evm_oracle_block(&in, b->known.serial_ns, cores, &span) != EVM_OK || span <= 0)
        return 0;
    return (double)b->known.serial_ns / (double)span;
}

static int measure(struct bench *b, const struct contestant *c, enum evm_driver driver,
                   uint32_t cores, struct row *best)
{
    int status = CLI_DONE;
    for (uint64_t k = 0; k < b->o.repeat && status == CLI_DONE; k++) {
        struct row row;
        status = once(b, c, driver, cores, &row, NULL);
        if (k == 0 || row.host_ns < best->host_ns)
            *best = row;
    }
    best->oracle = oracle_speedup(b, cores);
    return status;
}

/* The state root, which no executor's time holds: hashing what the block changed. */
static bool measure_root(struct bench *b)
{
    struct evm_hash root;
    bool ok = evm_state_root(b->block.pre, &root) == EVM_OK;
    struct evm_state *post = ok ? evm_state_fork(b->block.pre) : NULL;
    double start = cli_now();
    ok = post && evm_state_apply(post, &b->serial.changes) == EVM_OK;
    if (ok) {
        evm_state_seal(post);
        ok = evm_state_root(post, &root) == EVM_OK;
    }
    b->root_ns = cli_now() - start;
    evm_state_unref(post);
    return ok;
}

/* ---- printing -------------------------------------------------------------------------------- */

/* A speed-up that nothing was measured for is a dash. */
static const char *ratio(char text[16], double of, double by)
{
    if (of > 0 && by > 0)
        snprintf(text, 16, "%.2f", of / by);
    else
        snprintf(text, 16, "-");
    return text;
}

/* What speed-ups compare: with threads all of the call, with virtual cores what is simulated. */
static double time_of(enum evm_driver driver, const struct row *r)
{
    return driver == EVM_DRIVER_THREADS ? r->host_ns : r->span_ns;
}

struct line {
    const struct contestant *who;
    enum evm_driver driver;
    uint32_t cores;
    const struct row *row;
    double serial_ns, alone_ns; /* of serial, of this executor on one core; 0: not known */
};

static void print_json(struct bench *b, const struct recipe *r, const struct line *l)
{
    double n = b->block.tx_count, time = time_of(l->driver, l->row);
    printf(
        "%s\n    {\"recipe\": \"%s\", \"transactions\": %u, \"gas\": %llu, \"executor\": \"%s\", "
        "\"driver\": \"%s\", \"cores\": %u, \"host_ns_per_tx\": %.1f, "
        "\"makespan_ns_per_tx\": %.1f, \"ggas_per_s\": %.4f, \"speedup\": %.4f",
        b->first_row ? "" : ",", recipe_name(r), b->block.tx_count,
        (unsigned long long)b->serial.gas_used, evm_executor_name(l->who->ops),
        l->driver == EVM_DRIVER_THREADS ? "threads" : "virtual", l->cores, l->row->host_ns / n,
        l->row->span_ns / n, (double)b->serial.gas_used / time, l->serial_ns / time);
    if (l->alone_ns > 0)
        printf(", \"speedup_over_one_core\": %.4f", l->alone_ns / time);
    if (l->row->oracle > 0)
        printf(", \"oracle_speedup\": %.3f", l->row->oracle);
    printf(", \"busy_cores\": %.3f, \"executions\": %llu, \"aborts\": %llu, \"validations\": %llu, "
           "\"root_ns_per_tx\": %.1f}",
           l->row->busy, (unsigned long long)l->row->executions, (unsigned long long)l->row->aborts,
           (unsigned long long)l->row->validations, b->root_ns / n);
}

static void print_line(struct bench *b, const struct recipe *r, const struct line *l)
{
    char alone[16], oracle[16];
    double n = b->block.tx_count, time = time_of(l->driver, l->row);
    if (b->o.json) {
        print_json(b, r, l);
    } else {
        printf("%-18s %-12s %-8s %5u %9.0f %9.0f %7.2f %9.2f %7s %6s %6.2f %8llu\n", recipe_name(r),
               evm_executor_name(l->who->ops),
               l->driver == EVM_DRIVER_THREADS ? "threads" : "virtual", l->cores,
               l->row->host_ns / n, l->row->span_ns / n, (double)b->serial.gas_used / time,
               l->serial_ns / time, ratio(alone, l->alone_ns, time),
               ratio(oracle, l->row->oracle, 1), l->row->busy, (unsigned long long)l->row->aborts);
    }
    b->first_row = false;
    fflush(stdout);
}

static void print_block(const struct bench *b, const struct recipe *r)
{
    if (!b->o.json)
        printf("\n%s: %s\n%u transactions, %.1f Mgas; state root apart: %.0f ns a transaction\n",
               recipe_name(r), recipe_doc(r), b->block.tx_count, (double)b->serial.gas_used / 1e6,
               b->root_ns / b->block.tx_count);
}

/* ---- a block --------------------------------------------------------------------------------- */

static int bench_executor(struct bench *b, const struct recipe *r, const struct contestant *c,
                          enum evm_driver driver, double *serial_ns)
{
    bool serial = c == &b->c.contestants[0];
    double alone = 0;
    int status = CLI_DONE;
    for (size_t k = 0; k < b->c.core_count[driver] && status == CLI_DONE; k++) {
        uint32_t cores = serial ? 1 : b->c.cores[driver][k];
        struct row row = {0};
        status = measure(b, c, driver, cores, &row);
        if (status != CLI_DONE)
            break;
        if (serial)
            *serial_ns = time_of(driver, &row);
        if (cores == 1)
            alone = time_of(driver, &row);
        print_line(b, r, &(struct line){c, driver, cores, &row, *serial_ns, alone});
        if (serial)
            break;
    }
    return status;
}

static int bench_block(struct bench *b, const struct recipe *r)
{
    struct row unused;
    /* The ladder's sets tell amounts added and bounds from balances that were looked at. */
    const struct contestant ladder = {evm_executor_find("ladder"), evm_exec_params_default()};
    int status = once(b, &b->c.contestants[0], EVM_DRIVER_THREADS, 1, &unused, &b->serial);
    if (status == CLI_DONE)
        status = once(b, &ladder, EVM_DRIVER_VIRTUAL, 1, &unused, &b->known);
    if (status != CLI_DONE) {
        ;
    } else if (b->serial.receipt_count != b->block.tx_count) {
        cli_complain(b->self, "%s: not all transactions are valid", recipe_name(r));
        status = CLI_FAILED;
    } else if (!measure_root(b)) {
        status = cli_complain(b->self, "out of memory");
    } else {
        print_block(b, r);
    }
    for (int d = 0; d < 2 && status == CLI_DONE; d++) {
        double serial_ns = 0;
        for (size_t i = 0; i < b->c.contestant_count && status == CLI_DONE; i++)
            status = bench_executor(b, r, &b->c.contestants[i], (enum evm_driver)d, &serial_ns);
    }
    evm_block_result_fini(&b->serial);
    evm_block_result_fini(&b->known);
    return status;
}

/* Codes and pool are the block's: some recipes deploy thousands of contracts. */
static int bench_recipe(struct bench *b, const struct recipe *r)
{
    struct err err = {0};
    struct evm_codes *codes = evm_codes_create();
    int status = CLI_BAD_INPUT;
    b->pool = evm_exec_pool_create();
    if (!codes || !b->pool)
        cli_complain(b->self, "out of memory");
    else if (recipe_make(r, &b->c.params, codes, &b->block, &err) != ERR_OK)
        cli_complain(b->self, "%s: %s", recipe_name(r), err.text);
    else
        status = bench_block(b, r);
    recipe_block_fini(&b->block);
    evm_exec_pool_destroy(b->pool);
    evm_codes_destroy(codes);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct cli_option options[] = {
    {.name = "list",
     .type = CLI_FLAG,
     .offset = offsetof(struct bench_options, list),
     .doc = "print the recipes and what they are"},
    {.name = "recipe",
     .type = CLI_LIST,
     .offset = offsetof(struct bench_options, recipes),
     .value = "NAME,…",
     .doc = "these blocks, or all (default raw, erc20, swap, hybrid, chain-erc20, mainnet-like)"},
    {.name = "txs",
     .type = CLI_U64,
     .offset = offsetof(struct bench_options, txs),
     .value = "N",
     .doc = "transactions a block (default 2000)",
     .min = 1,
     .max = RECIPE_MOST},
    {.name = "gas",
     .type = CLI_STRING,
     .offset = offsetof(struct bench_options, gas),
     .value = "AMOUNT",
     .doc = "as many transactions as use this much instead, as in 1G"},
    {.name = "accounts",
     .type = CLI_U64,
     .offset = offsetof(struct bench_options, accounts),
     .value = "N",
     .doc = "accounts of the hot and hybrid blocks (default 100,000 a block of 1 Ggas)",
     .min = 1,
     .max = 10000000},
    {.name = "hot",
     .type = CLI_U64,
     .offset = offsetof(struct bench_options, hot),
     .value = "PERCENT",
     .doc = "of their senders and recipients that are of the last tenth (default 30)",
     .max = 100},
    {.name = "executor",
     .type = CLI_LIST,
     .offset = offsetof(struct bench_options, executors),
     .value = "NAME,…",
     .doc = "these beside serial, or all (default block-stm, ladder)"},
    {.name = "param",
     .type = CLI_LIST,
     .offset = offsetof(struct bench_options, params),
     .value = CLI_PARAM_VALUE,
     .doc = CLI_PARAM_DOC},
    {.name = "driver",
     .type = CLI_CHOICE,
     .offset = offsetof(struct bench_options, driver),
     .value = "NAME",
     .doc = "threads or virtual (default both)",
     .choices = (const char *const[]){"threads", "virtual", NULL}},
    {.name = "cores",
     .type = CLI_LIST,
     .offset = offsetof(struct bench_options, cores),
     .value = "N,…",
     .doc = "threads and simulated cores (default 1,2 and 1,2,8,32)"},
    CLI_MACHINE_OPTIONS(struct bench_options, machine),
    {.name = "seed",
     .type = CLI_U64,
     .offset = offsetof(struct bench_options, seed),
     .value = "S",
     .doc = "seed of the blocks and of the virtual driver (default 1)"},
    {.name = "repeat",
     .type = CLI_U64,
     .offset = offsetof(struct bench_options, repeat),
     .value = "N",
     .doc = "repetitions; the fastest counts (default 3)",
     .min = 1,
     .max = 1000},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct bench_options, json),
     .doc = "print JSON"},
};

static int run_all(struct bench *b)
{
    int status = CLI_DONE;
    b->first_row = true;
    if (b->o.json)
        printf("{\"profile\": \"%s\", \"seed\": %llu, \"repeat\": %llu, \"processors\": %u, "
               "\"rows\": [",
               b->o.machine.profile.name, (unsigned long long)b->o.seed,
               (unsigned long long)b->o.repeat, cli_processors());
    else
        printf("%-18s %-12s %-8s %5s %9s %9s %7s %9s %7s %6s %6s %8s\n", "recipe", "executor",
               "driver", "cores", "host", "makespan", "Ggas/s", "vs serial", "vs one", "oracle",
               "busy", "aborts");
    for (size_t i = 0; i < b->c.recipe_count && status == CLI_DONE; i++)
        status = bench_recipe(b, b->c.recipes[i]);
    if (b->o.json)
        printf("\n]}\n");
    return status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct cli_operands operands;
    struct bench b = {
        .self = self,
        .o = {.txs = 2000, .hot = 30, .seed = 1, .repeat = 3, .machine = CLI_MACHINE_DEFAULTS}};
    struct evm_exec_config machine = {0};
    int status = cli_parse(self, argc, argv, &b.o, &operands);
    if (status < 0 && b.o.list) {
        for (size_t i = 0; recipe_at(i); i++)
            printf("%-18s %s\n", recipe_name(recipe_at(i)), recipe_doc(recipe_at(i)));
        status = cli_finish(self, CLI_DONE);
    }
    if (status < 0)
        status = bench_choose(&b.c, self, &b.o);
    if (status < 0)
        status = cli_machine_configure(self, &b.o.machine, &machine);
    b.caches = machine.caches;
    if (status < 0)
        status = cli_finish(self, run_all(&b));
    cli_list_fini(&b.o.recipes);
    cli_list_fini(&b.o.executors);
    cli_list_fini(&b.o.params);
    cli_list_fini(&b.o.cores);
    return status;
}

const struct cli_command cli_bench_parallel = {
    .name = "bench parallel",
    .operands = "",
    .summary = "time generated blocks on one and more cores, real and simulated",
    .details =
        "Each block is made by a recipe (--list), executed serially, and then by every executor\n"
        "under both drivers; a result that is not serial's ends the command with status 1.\n"
        "\n"
        "host      ns a transaction that the call takes here: multi-version memory set up,\n"
        "          execution, validation, commits, receipts, their filters, and the block's "
        "changes\n"
        "          in order. Signatures and the state root are apart.\n"
        "makespan  ns a transaction from the block's start to its last commit: measured with\n"
        "          threads, simulated with virtual cores.\n"
        "Ggas/s    gas used (after refunds) over the time that counts: with threads host, with\n"
        "          virtual cores makespan. Speed-ups compare the same.\n"
        "vs serial over serial under the same driver; vs one: over this executor on one core.\n"
        "oracle    speed-up of a scheduler that knows all conflicts beforehand and costs nothing.\n"
        "busy      cores: processor time of the whole program over host, or simulated.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run,
};
