/* weft bench evm: how fast the interpreter is on state tests made for that. */
#include "evm/core/program.h"
#include "evm/core/u256.h"
#include "evm/core/vm.h"
#include "evm/io/accounts.h"
#include "evm/io/file.h"
#include "evm/io/statetest.h"
#include "sim/cli/cli.h"
#include "sim/cli/files.h"
#include "sim/cli/text.h"
#include "sim/cli/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *only, *tier_name;
    uint64_t iterations;
    bool metered, json;
    enum evm_vm_tier tier;
};

#define MAX_ITERATIONS 100000
#define MAX_COLD       20 /* cold runs a case: each has a world of its own */

static const struct cli_option option_rows[] = {
    {.name = "case",
     .type = CLI_STRING,
     .offset = offsetof(struct options, only),
     .value = "NAME",
     .doc = "only the cases whose name (test/label) holds this text"},
    {.name = "iterations",
     .letter = 'n',
     .type = CLI_U64,
     .offset = offsetof(struct options, iterations),
     .value = "N",
     .doc = "timed runs of each case (default: about half a second's worth)",
     .max = MAX_ITERATIONS},
    {.name = "tier",
     .type = CLI_STRING,
     .offset = offsetof(struct options, tier_name),
     .value = "NAME",
     .doc = "auto, plain (nothing is translated) or translated (everything is, at once)"},
    {.name = "metered",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, metered),
     .doc = "time the loop that counts cost classes"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, json),
     .doc = "one JSON object a case"},
};

/* Everything one fixture needs; the case is data[index] of its transaction. */
struct fixture {
    struct evm_buf text;
    struct evm_json *doc;
    struct evm_codes *codes;
    struct evm_state *world;
    struct evm_journal *journal;
    struct evm_vm *vm;
    const struct evm_rules *rules;
    struct evm_block_env block;
    struct evm_tx_env tx;
    struct evm_msg msg;
};

struct figures {
    uint64_t iterations;
    int64_t gas;
    struct cli_times cold, warm; /* ms */
    double translate_us;         /* the called code; 0 if it was not translated */
    struct evm_program_size size;
    enum evm_halt halt;
    bool checked, agrees; /* with the state test's root and logs hash */
};

/* ---- fixtures -------------------------------------------------------------------------------- */

static bool load_fixture(struct fixture *x, struct evm_jval test, struct evm_err *err)
{
    struct evm_jval env = evm_json_get(test, "env"), tx = evm_json_get(test, "transaction");
    struct evm_jval post = evm_json_get(test, "post");
    void *iter = NULL;
    const char *fork = NULL;
    struct evm_jval unused;
    enum evm_fork id;
    bool ok = evm_json_next(post, &iter, &fork, &unused) && evm_fork_from_name(fork, &id) &&
              evm_json_u64(evm_json_get(env, "currentNumber"), &x->block.number) &&
              evm_json_u64(evm_json_get(env, "currentTimestamp"), &x->block.timestamp) &&
              evm_json_u64(evm_json_get(env, "currentGasLimit"), &x->block.gas_limit) &&
              evm_json_addr(evm_json_get(env, "currentCoinbase"), &x->block.coinbase) &&
              evm_json_addr(evm_json_get(tx, "sender"), &x->msg.caller) &&
              evm_json_addr(evm_json_get(tx, "to"), &x->msg.to);
    if (!ok) {
        evm_fail(err, EVM_ERR_INPUT, "not a state test with a call and its sender");
        return false;
    }
    evm_json_u256(evm_json_get(env, "currentBaseFee"), &x->block.base_fee);
    evm_json_u256(evm_json_get(env, "currentDifficulty"), &x->block.difficulty);
    evm_json_u256(evm_json_get(tx, "gasPrice"), &x->tx.gas_price);
    x->block.chain_id = 1;
    x->tx.origin = x->msg.caller;
    x->msg.kind = EVM_CALL;
    x->rules = evm_rules_of(id);
    x->codes = evm_codes_create();
    x->journal = evm_journal_create(x->codes);
    x->vm = evm_vm_create();
    x->world = x->codes ? evm_state_create(x->codes) : NULL;
    if (!x->codes || !x->journal || !x->vm || !x->world) {
        evm_fail(err, EVM_ERR_MEMORY, "memory is out");
        return false;
    }
    return evm_accounts_load(x->doc, evm_json_get(test, "pre"), x->world, err) == EVM_OK;
}

static void drop_fixture(struct fixture *x)
{
    evm_vm_destroy(x->vm);
    evm_journal_destroy(x->journal);
    evm_state_unref(x->world);
    evm_codes_destroy(x->codes);
}

static bool choose_case(struct fixture *x, struct evm_jval test, size_t index)
{
    struct evm_jval tx = evm_json_get(test, "transaction");
    uint64_t gas;
    if (!evm_json_bytes(x->doc, evm_json_at(evm_json_get(tx, "data"), index), &x->msg.input) ||
        !evm_json_u64(evm_json_at(evm_json_get(tx, "gasLimit"), 0), &gas) ||
        !evm_json_u256(evm_json_at(evm_json_get(tx, "value"), 0), &x->msg.value))
        return false;
    x->msg.gas = (int64_t)gas;
    return true;
}

/* ---- timing ---------------------------------------------------------------------------------- */

/* One message call from a fresh journal. False if memory is out. */
static inline bool run_once(struct fixture *x, const struct options *o, double *ms,
                            struct evm_vm_result *result)
{
    static const struct evm_block_hashes no_hashes;
    struct evm_state_view view = {x->world, &no_hashes};
    struct evm_meter meter = {0};
    double start = cli_cpu_now();
    evm_journal_begin(x->journal, x->rules, evm_state_view(&view));
    evm_vm_begin(x->vm, x->rules, &x->block, &x->tx, x->journal, &x->msg);
    while (evm_vm_step(x->vm, o->metered ? &meter : NULL, 0) != EVM_STEP_DONE)
        ;
    *ms = (cli_cpu_now() - start) / 1e6;
    return evm_vm_result(x->vm, result) == EVM_OK;
}

/* Two names for one thing, so that a profiler can tell the first run from the later ones. */
bool bench_evm_cold(struct fixture *x, const struct options *o, double *ms,
                    struct evm_vm_result *result);
bool bench_evm_warm(struct fixture *x, const struct options *o, double *ms,
                    struct evm_vm_result *result);

__attribute__((noinline)) bool bench_evm_cold(struct fixture *x, const struct options *o,
                                              double *ms, struct evm_vm_result *result)
{
    /* The called code is in the store already; what it took to get ready for the store counts. */
    double start = cli_cpu_now();
    struct evm_account acc;
    evm_state_account(x->world, &x->msg.to, &acc);
    const struct evm_code *code = evm_codes_find(x->codes, &acc.code_hash);
    struct evm_code *again =
        code ? evm_code_make(&code->hash, (struct evm_bytes){code->bytes, code->size}) : NULL;
    double analysis = (cli_cpu_now() - start) / 1e6;
    bool ok = (again || !code) && run_once(x, o, ms, result);
    *ms += analysis;
    free(again);
    return ok;
}

__attribute__((noinline)) bool bench_evm_warm(struct fixture *x, const struct options *o,
                                              double *ms, struct evm_vm_result *result)
{
    return run_once(x, o, ms, result);
}

/* First runs of a code that no one has run or translated, in a store of its own. */
static bool measure_cold(struct evm_json *doc, struct evm_jval test, size_t index,
                         const struct options *o, struct figures *f)
{
    double times[MAX_COLD];
    uint64_t n = o->iterations && o->iterations < MAX_COLD ? o->iterations : MAX_COLD;
    bool ok = true;
    for (uint64_t i = 0; i < n && ok; i++) {
        struct fixture x = {.doc = doc};
        struct evm_err err = {0};
        struct evm_vm_result result;
        ok = load_fixture(&x, test, &err) && choose_case(&x, test, index);
        if (ok) {
            evm_vm_set_tier(x.vm, o->tier);
            /* The code is new, the vm is not: it has met these rules. */
            evm_vm_begin(x.vm, x.rules, &x.block, &x.tx, x.journal, &x.msg);
            ok = bench_evm_cold(&x, o, &times[i], &result);
            f->gas = x.msg.gas - result.gas_left;
            f->halt = result.halt;
        }
        drop_fixture(&x);
    }
    if (ok)
        f->cold = cli_times_of(times, n);
    return ok;
}

/* Translates the called code; everything it calls is translated by a run. */
static bool translate(struct fixture *x, const struct options *o, struct figures *f)
{
    struct evm_account acc;
    struct evm_vm_result result;
    double ms;
    evm_vm_set_tier(x->vm, o->tier);
    if (o->tier == EVM_TIER_PLAIN)
        return true;
    evm_state_account(x->world, &x->msg.to, &acc);
    const struct evm_code *code = evm_codes_find(x->codes, &acc.code_hash);
    bool first = code && !evm_program_find(code, x->rules);
    double start = cli_cpu_now();
    const struct evm_program *p = code ? evm_program_get(code, x->rules) : NULL;
    if (p && first)
        f->translate_us = (cli_cpu_now() - start) / 1e3;
    if (p)
        f->size = evm_program_size(p);
    evm_vm_set_tier(x->vm, EVM_TIER_TRANSLATED);
    bool ok = run_once(x, o, &ms, &result);
    evm_vm_set_tier(x->vm, o->tier);
    return ok;
}

static bool measure_warm(struct fixture *x, const struct options *o, struct figures *f)
{
    struct evm_vm_result result = {0};
    f->iterations = o->iterations;
    if (!f->iterations) {
        double ms = f->cold.best;
        f->iterations = ms > 100 ? 5 : ms < 0.05 ? 10000 : (uint64_t)(500 / ms);
    }
    double *times = malloc(f->iterations * sizeof *times);
    bool ok = times != NULL && translate(x, o, f);
    for (uint64_t i = 0; ok && i < f->iterations; i++)
        ok = bench_evm_warm(x, o, &times[i], &result);
    if (ok)
        f->warm = cli_times_of(times, f->iterations);
    free(times);
    return ok && f->gas == x->msg.gas - result.gas_left && f->halt == result.halt;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void print_header(void)
{
    printf("%-32s %11s %7s %10s %10s %10s %10s %8s %7s %7s\n", "case", "gas", "runs", "cold min",
           "median ms", "warm min", "median ms", "Ggas/s", "transl.", "words");
}

static void print_case(const struct options *o, const char *name, const struct figures *f)
{
    double rate = (double)f->gas / f->warm.best / 1e6;
    const char *check = !f->checked ? "unchecked" : f->agrees ? "ok" : "WRONG";
    if (o->json) {
        struct cli_text t = {0};
        cli_text_json(&t, name);
        printf("{\"case\": %s, \"gas\": %lld, \"iterations\": %llu, \"cold_min_ms\": %.6f, "
               "\"cold_median_ms\": %.6f, \"warm_min_ms\": %.6f, \"warm_median_ms\": %.6f, "
               "\"ggas_per_s\": %.4f, \"translate_us\": %.1f, \"words\": %zu, "
               "\"entries\": %zu, \"halt\": \"%s\", \"check\": \"%s\"}\n",
               t.failed ? "null" : t.text, (long long)f->gas, (unsigned long long)f->iterations,
               f->cold.best, f->cold.median, f->warm.best, f->warm.median, rate, f->translate_us,
               f->size.words, f->size.entries, evm_halt_name(f->halt), check);
        cli_text_fini(&t);
        return;
    }
    printf("%-32s %11lld %7llu %10.4f %10.4f %10.4f %10.4f %8.3f %7.0f %7zu  %s\n", name,
           (long long)f->gas, (unsigned long long)f->iterations, f->cold.best, f->cold.median,
           f->warm.best, f->warm.median, rate, f->translate_us, f->size.words, check);
    fflush(stdout);
}

/* The whole state test, transaction and root, says whether the code computes what it should. */
struct check {
    const char *test;
    uint64_t data;
    bool seen, agrees;
};

static void check_case(void *self, const struct evm_statetest_case *c)
{
    struct check *k = self;
    if (strcmp(c->test, k->test) != 0 || c->data != k->data)
        return;
    k->agrees = (!k->seen || k->agrees) && c->reason == EVM_STATETEST_PASSED;
    k->seen = true;
}

/* Over all files: cases printed, and whether one's root or logs were wrong. */
struct tally {
    uint64_t cases;
    bool wrong;
};

static int bench_test(const struct cli_command *self, const struct options *o, const char *path,
                      struct evm_json *doc, const char *test, struct evm_jval v,
                      struct tally *tally)
{
    struct fixture x = {.doc = doc};
    struct evm_err err = {0};
    int status = -1;
    struct evm_jval labels = evm_json_get(evm_json_get(v, "_info"), "labels");
    size_t count = evm_json_count(evm_json_get(evm_json_get(v, "transaction"), "data"));
    if (!load_fixture(&x, v, &err))
        status = cli_complain(self, "%s: %s: %s", path, test, err.text);
    for (size_t i = 0; i < count && status < 0; i++) {
        char name[160], index[24];
        snprintf(index, sizeof index, "%zu", i);
        const char *label = evm_json_string(evm_json_get(labels, index));
        snprintf(name, sizeof name, "%s/%s", test, label ? label : index);
        if (o->only && !strstr(name, o->only))
            continue;
        struct figures f = {0};
        struct check k = {.test = test, .data = i};
        if (!choose_case(&x, v, i))
            status = cli_complain(self, "%s: %s: malformed transaction", path, name);
        else if (!measure_cold(doc, v, i, o, &f) || !measure_warm(&x, o, &f))
            status = cli_complain(self, "%s: memory is out, or two runs differ", name);
        else if (evm_statetest_file(path, NULL, check_case, &k, &err) != EVM_OK)
            status = cli_complain(self, "%s", err.text);
        if (status >= 0)
            break;
        f.checked = k.seen;
        f.agrees = k.agrees;
        tally->wrong |= !k.agrees;
        if (!tally->cases++ && !o->json)
            print_header();
        print_case(o, name, &f);
    }
    drop_fixture(&x);
    return status;
}

static int bench_file(const struct cli_command *self, const struct options *o, const char *path,
                      struct tally *tally)
{
    struct evm_buf text = {0};
    struct evm_err err = {0};
    struct evm_json *doc = NULL;
    int status = -1;
    if (evm_file_read(path, &text, &err) != EVM_OK ||
        evm_json_parse(&doc, (const char *)text.data, text.size, path, &err) != EVM_OK)
        status = cli_complain(self, "%s", err.text);
    void *iter = NULL;
    const char *test;
    struct evm_jval v;
    while (status < 0 && evm_json_next(evm_json_root(doc), &iter, &test, &v))
        status = bench_test(self, o, path, doc, test, v, tally);
    evm_json_destroy(doc);
    evm_buf_fini(&text);
    return status;
}

static bool parse_tier(struct options *o)
{
    static const char *const names[] = {"auto", "plain", "translated"};
    for (int i = 0; i < 3 && o->tier_name; i++)
        if (strcmp(o->tier_name, names[i]) == 0) {
            o->tier = (enum evm_vm_tier)i;
            return true;
        }
    return !o->tier_name;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct cli_operands operands;
    struct cli_files files = {0};
    struct tally tally = {0};
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status >= 0)
        return status;
    if (!parse_tier(&o))
        return cli_complain(self, "--tier: '%s' is not auto, plain or translated", o.tier_name);
    const char *fixtures = getenv("WEFT_FIXTURES");
    char beside[4096];
    snprintf(beside, sizeof beside, "%s/conformance/evm-benchmarks",
             fixtures ? fixtures : "../shared");
    if (operands.count == 0)
        status = cli_files_add(self, &files, beside);
    for (int i = 0; i < operands.count && status < 0; i++)
        status = cli_files_add(self, &files, operands.items[i]);
    for (size_t i = 0; i < files.count && status < 0; i++)
        status = bench_file(self, &o, files.paths[i], &tally);
    cli_files_fini(&files);
    if (status < 0 && o.only && !tally.cases)
        return cli_complain(self, "no case's name holds '%s'", o.only);
    return cli_finish(self, status >= 0 ? status : tally.wrong ? CLI_FAILED : CLI_DONE);
}

const struct cli_command cli_bench_evm = {
    .name = "bench evm",
    .operands = "[PATH…]",
    .summary = "speed of the interpreter on state tests",
    .details =
        "PATH is a state test, or a directory of them (default: evm-benchmarks beside the\n"
        "project). Each case runs as one message call with the transaction's whole gas limit,\n"
        "from a fresh journal over the test's pre-state in memory. Cold is the first run of a\n"
        "code, with its analysis and what translation it decides on; warm are runs of translated\n"
        "code. transl. is what translating the called code takes, in microseconds, and words how\n"
        "long it is then. The last column says whether the whole state test gives the root and\n"
        "logs it should; if one does not, the exit status is 1.\n"
        "\n"
        "Instructions of one run: --iterations 1 under valgrind --tool=callgrind\n"
        "--toggle-collect=bench_evm_cold (or bench_evm_warm).",
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .max_operands = -1,
    .run = run,
};
