/* weft statetest: runs the shared state tests and says which fail, and why. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "evm/io/statetest.h"
#include "evm/io/trace.h"
#include "sim/cli/cli.h"
#include "sim/cli/files.h"
#include "sim/cli/statetest_blocks.h"
#include "sim/cli/text.h"

struct settings {
    struct cli_list forks, rules;
    const char *test, *which, *trace_dir;
    uint64_t jobs, seeds;
    bool json, trace, trace_memory, as_blocks;
    bool several;                     /* files */
    struct evm_statetest_options run; /* what the cases get of it */
};

static const struct cli_option options[] = {
    {.name = "fork",
     .type = CLI_LIST,
     .offset = offsetof(struct settings, forks),
     .value = "NAME",
     .doc = "only the cases of this fork; may be given several times (default: all)"},
    {.name = "test",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, test),
     .value = "TEXT",
     .doc = "only tests whose name holds this text"},
    {.name = "case",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, which),
     .value = "WHICH",
     .doc = "only the case at a place in its fork's list (3), or with these data, gas and value "
            "(2/0/1, or 2/*/*)"},
    {.name = "rules",
     .type = CLI_LIST,
     .offset = offsetof(struct settings, rules),
     .value = "FORK=NAME",
     .doc = "run the cases labelled FORK by the rule set NAME, e.g. Prague=Prague-2537-draft"},
    {.name = "jobs",
     .letter = 'j',
     .type = CLI_U64,
     .offset = offsetof(struct settings, jobs),
     .value = "N",
     .doc = "files run at once (default: the number of processors)",
     .min = 1,
     .max = 1024},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, json),
     .doc = "one JSON object a case, one for the totals"},
    {.name = "trace",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, trace),
     .doc = "EIP-3155 trace of every case to stderr, one file after the other"},
    {.name = "trace-dir",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, trace_dir),
     .value = "DIR",
     .doc = "traces into DIR, a file TEST.FORK.INDEX.jsonl a case (TEST~MARK where there are "
            "several files); none may be there before"},
    {.name = "trace-memory",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, trace_memory),
     .doc = "traces show the memory as well"},
    {.name = "as-blocks",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, as_blocks),
     .doc = "the cases of each test and fork become blocks of 6 to 48 transactions, which every "
            "executor runs; --jobs is 1"},
    {.name = "seeds",
     .type = CLI_U64,
     .offset = offsetof(struct settings, seeds),
     .value = "N",
     .doc = "--as-blocks: schedules of simulated cores for each block, executor and number of "
            "cores (default: 2)",
     .min = 1},
};

/* ---- what one file gives ----------------------------------------------------------------------
 */

/* Its lines are printed in the order of the files, whoever ran them. */
struct result {
    struct cli_text lines;
    size_t passed, failed, skipped;
    bool broken; /* the file could not be read, or a trace not be written */
    bool done;
    struct evm_err err;
    const char *path;
    const struct settings *set;
};

static void add_field(struct cli_text *t, const char *name, const char *value)
{
    cli_text_add(t, ", \"%s\": ", name);
    cli_text_json(t, value);
}

static void add_hash(struct cli_text *t, const char *name, const struct evm_hash *h)
{
    cli_text_add(t, ", \"%s\": \"0x", name);
    for (size_t i = 0; i < sizeof h->b; i++)
        cli_text_add(t, "%02x", h->b[i]);
    cli_text_add(t, "\"");
}

static void report_json(struct result *r, const struct evm_statetest_case *c)
{
    cli_text_add(&r->lines, "{\"file\": ");
    cli_text_json(&r->lines, r->path);
    add_field(&r->lines, "name", c->test);
    add_field(&r->lines, "fork", c->fork);
    cli_text_add(
        &r->lines, ", \"index\": %zu, \"data\": %llu, \"gas\": %llu, \"value\": %llu, \"pass\": %s",
        c->index, (unsigned long long)c->data, (unsigned long long)c->gas,
        (unsigned long long)c->value, c->reason == EVM_STATETEST_PASSED ? "true" : "false");
    if (c->executed) {
        add_hash(&r->lines, "stateRoot", &c->state_root);
        add_hash(&r->lines, "logsHash", &c->logs_hash);
        cli_text_add(&r->lines, ", \"gasUsed\": %llu", (unsigned long long)c->gas_used);
    }
    if (c->error[0])
        add_field(&r->lines, "error", c->error);
    if (c->reason != EVM_STATETEST_PASSED) {
        add_field(&r->lines, "reason", evm_statetest_reason_name(c->reason));
        add_field(&r->lines, "detail", c->detail);
    }
    cli_text_add(&r->lines, "}\n");
}

static void report(void *self, const struct evm_statetest_case *c)
{
    struct result *r = self;
    bool passed = c->reason == EVM_STATETEST_PASSED, skipped = c->reason == EVM_STATETEST_SKIPPED;
    *(passed ? &r->passed : skipped ? &r->skipped : &r->failed) += 1;
    if (r->set->json)
        report_json(r, c);
    else if (!passed && !skipped)
        cli_text_add(&r->lines,
                     "FAILED %s: %s: %s[%zu] (data %llu, gas %llu, value %llu): %s: %s\n", r->path,
                     c->test, c->fork, c->index, (unsigned long long)c->data,
                     (unsigned long long)c->gas, (unsigned long long)c->value,
                     evm_statetest_reason_name(c->reason), c->detail);
}

/* ---- traces ---------------------------------------------------------------------------------- */

static void trace_failed(struct result *r, const char *path, const char *why)
{
    if (!r->broken)
        evm_fail(&r->err, EVM_ERR_IO, "cannot write the trace %.120s: %.80s", path, why);
    r->broken = true;
}

static uint32_t fnv(uint32_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

/* DIR/TEST.FORK.INDEX.jsonl. What a file's name should not hold becomes '_'. Tests of several files
 * may have one name, and a name may be too long: then a number made of path and name (FNV-1a)
 * stands behind it. */
static void trace_path(char *out, size_t size, const struct result *r,
                       const struct evm_statetest_case *c)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    enum { LONGEST = 160 };
    char name[LONGEST + 1], mark[16] = "";
    size_t n = strlen(c->test);
    if (n > LONGEST || r->set->several)
        snprintf(mark, sizeof mark, "~%08x", fnv(fnv(2166136261u, r->path), c->test));
    n = n > LONGEST ? LONGEST : n;
    for (size_t i = 0; i < n; i++)
        name[i] = c->test[i];
    for (size_t i = 0; i < n; i++)
        if (!strchr(fine, name[i]))
            name[i] = '_';
    name[n] = 0;
    snprintf(out, size, "%s/%s%s.%.40s.%zu.jsonl", r->set->trace_dir, name, mark, c->fork,
             c->index);
}

static FILE *trace_open(void *self, const struct evm_statetest_case *c)
{
    struct result *r = self;
    char path[1024];
    if (r->set->trace)
        return stderr;
    trace_path(path, sizeof path, r, c);
    FILE *f = fopen(path, "wx");
    if (!f)
        trace_failed(r, path, strerror(errno));
    return f;
}

static void trace_close(void *self, FILE *f, bool lost)
{
    struct result *r = self;
    if (f != stderr)
        lost |= fclose(f) != 0;
    if (lost)
        trace_failed(r, r->set->trace ? "to stderr" : r->set->trace_dir, strerror(errno));
}

/* ---- running ----------------------------------------------------------------------------------
 */

/* Prints what one file gave and frees it. */
static void print_result(const struct cli_command *self, struct result *r)
{
    if (r->lines.text)
        fputs(r->lines.text, stdout);
    if (r->broken || r->lines.failed) {
        fflush(stdout);
        cli_complain(self, "%s", r->broken ? r->err.text : "out of memory");
    }
    cli_text_fini(&r->lines);
}

static int total(const struct cli_command *self, const struct settings *set,
                 const struct result *results, size_t count)
{
    size_t passed = 0, failed = 0, skipped = 0;
    bool broken = false;
    for (size_t i = 0; i < count; i++) {
        passed += results[i].passed;
        failed += results[i].failed + results[i].broken;
        skipped += results[i].skipped;
        broken |= results[i].broken;
    }
    printf(set->json ? "{\"passed\": %zu, \"failed\": %zu, \"skipped\": %zu}\n"
                     : "%zu passed, %zu failed, %zu skipped\n",
           passed, failed, skipped);
    if (!broken && passed + failed + skipped == 0) {
        bool filtered = set->forks.count || set->test || set->which;
        fflush(stdout);
        return cli_complain(self, filtered ? "no state test found there that the options name"
                                           : "no state test found there");
    }
    return cli_finish(self, broken ? CLI_BAD_INPUT : failed ? CLI_FAILED : CLI_DONE);
}

static int run_files(const struct cli_command *self, const struct settings *set,
                     const struct cli_files *files)
{
    struct result *results = calloc(files->count ? files->count : 1, sizeof *results);
    if (!results)
        return cli_complain(self, "out of memory");
    int jobs = set->trace ? 1 : set->jobs ? (int)set->jobs : (int)cli_processors();
    size_t printed = 0;
#pragma omp parallel for schedule(dynamic) num_threads(jobs)
    for (size_t i = 0; i < files->count; i++) {
        struct result *r = &results[i];
        r->path = files->paths[i];
        r->set = set;
        struct evm_err err = {0};
        if (evm_statetest_file(r->path, &set->run, report, r, &err) != EVM_OK) {
            r->err = err;
            r->broken = true;
        }
#pragma omp critical
        {
            r->done = true;
            for (; printed < files->count && results[printed].done; printed++)
                print_result(self, &results[printed]);
        }
    }
    int status = total(self, set, results, files->count);
    free(results);
    return status;
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static enum evm_status offer(void *self, const struct evm_statetest_offer *o)
{
    return statetest_blocks_add(self, o);
}

/* Cases that cannot be run make no block. */
static void report_nothing(void *self, const struct evm_statetest_case *c)
{
    (void)self, (void)c;
}

static int total_blocks(const struct cli_command *self, const struct statetest_blocks *sum,
                        size_t broken)
{
    printf("%llu blocks of %llu transactions, %llu of them valid; %llu executions of blocks, %llu "
           "aborts, %llu mismatches; %llu cases too big\n",
           (unsigned long long)sum->blocks, (unsigned long long)sum->transactions,
           (unsigned long long)sum->effective, (unsigned long long)sum->runs,
           (unsigned long long)sum->aborts, (unsigned long long)sum->mismatches,
           (unsigned long long)sum->left_out);
    if (!broken && !sum->blocks) {
        fflush(stdout);
        return cli_complain(self, "no state test found there that makes a block");
    }
    return cli_finish(self, broken ? CLI_BAD_INPUT : sum->mismatches ? CLI_FAILED : CLI_DONE);
}

/* One file after the other, so that the threads are the executors'. */
static int run_blocks(const struct cli_command *self, struct settings *set,
                      const struct cli_files *files)
{
    struct statetest_blocks sum = {0};
    size_t broken = 0;
    set->run.offer = offer;
    for (size_t i = 0; i < files->count; i++) {
        struct statetest_blocks one = {.path = files->paths[i],
                                       .seeds = set->seeds ? set->seeds : 2};
        struct evm_err err = {0};
        enum evm_status st =
            evm_statetest_file(files->paths[i], &set->run, report_nothing, &one, &err);
        if (one.lines.text)
            fputs(one.lines.text, stdout);
        fflush(stdout);
        if (st != EVM_OK || one.lines.failed) {
            cli_complain(self, "%s", st != EVM_OK ? err.text : "out of memory");
            broken++;
        }
        sum.blocks += one.blocks;
        sum.transactions += one.transactions;
        sum.effective += one.effective;
        sum.runs += one.runs;
        sum.aborts += one.aborts;
        sum.mismatches += one.mismatches;
        sum.left_out += one.left_out;
        statetest_blocks_fini(&one);
    }
    return total_blocks(self, &sum, broken);
}

/* ---- options ----------------------------------------------------------------------------------
 */

/* One of the three parts of --case: a number or '*'. Moves *text behind it. */
static bool read_part(const char **text, bool *has, uint64_t *out)
{
    if (**text == '*') {
        (*text)++;
        return true;
    }
    char *end;
    errno = 0;
    *has = true;
    *out = strtoull(*text, &end, 10);
    bool fine = **text >= '0' && **text <= '9' && !errno;
    *text = end;
    return fine;
}

static int read_case(const struct cli_command *self, struct settings *set)
{
    struct evm_statetest_options *o = &set->run;
    const char *at = set->which;
    uint64_t index = 0;
    bool fine;
    if (!strchr(at, '/')) {
        fine = read_part(&at, &o->has_index, &index) && o->has_index;
        o->index = (size_t)index;
    } else {
        fine = read_part(&at, &o->has_data, &o->data) && *at++ == '/' &&
               read_part(&at, &o->has_gas, &o->gas) && *at++ == '/' &&
               read_part(&at, &o->has_value, &o->value);
    }
    if (fine && !*at)
        return -1;
    return cli_complain(self,
                        "--case: '%s' is neither a place in the list (3) nor data/gas/value "
                        "(2/0/1, with * for any)",
                        set->which);
}

/* FORK=NAME, each into a row of *aliases. */
static int read_rules(const struct cli_command *self, struct settings *set,
                      struct evm_statetest_alias *aliases)
{
    for (size_t i = 0; i < set->rules.count; i++) {
        const char *text = set->rules.items[i], *equals = strchr(text, '=');
        const struct evm_rules *rules = equals ? evm_rules_from_name(equals + 1) : NULL;
        if (!equals || equals == text)
            return cli_complain(self, "--rules: '%s' is not FORK=NAME", text);
        if (!rules)
            return cli_complain(self, "--rules: no rule set is called '%s'", equals + 1);
        char *label = strdup(text);
        if (!label)
            return cli_complain(self, "out of memory");
        label[equals - text] = 0;
        aliases[i] = (struct evm_statetest_alias){label, rules};
        set->run.alias_count++;
    }
    set->run.aliases = aliases;
    return -1;
}

static int prepare(const struct cli_command *self, struct settings *set)
{
    struct evm_statetest_options *o = &set->run;
    for (size_t i = 0; i < set->forks.count; i++)
        if (!evm_rules_from_name(set->forks.items[i]))
            return cli_complain(self, "--fork: no fork is called '%s'", set->forks.items[i]);
    o->forks = set->forks.items;
    o->fork_count = set->forks.count;
    o->test = set->test;
    o->trace_flags = set->trace_memory ? EVM_TRACE_MEMORY : 0;
    if (set->trace && set->trace_dir)
        return cli_complain(self, "--trace and --trace-dir exclude each other");
    if (set->trace_memory && !set->trace && !set->trace_dir)
        return cli_complain(self, "--trace-memory needs --trace or --trace-dir");
    if (set->trace_dir && mkdir(set->trace_dir, 0777) != 0 && errno != EEXIST)
        return cli_complain(self, "--trace-dir: %s: %s", set->trace_dir, strerror(errno));
    if (set->trace || set->trace_dir) {
        o->trace_open = trace_open;
        o->trace_close = trace_close;
    }
    if (set->as_blocks && (set->json || set->trace || set->trace_dir || set->jobs > 1))
        return cli_complain(self, "--as-blocks goes with neither --json, traces nor --jobs");
    if (set->seeds && !set->as_blocks)
        return cli_complain(self, "--seeds needs --as-blocks");
    return set->which ? read_case(self, set) : -1;
}

/* "-": names from the standard input, one a line. */
static int add_listed(const struct cli_command *self, struct cli_files *files)
{
    char *line = NULL;
    size_t capacity = 0;
    int status = -1;
    while (status < 0 && getline(&line, &capacity, stdin) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0])
            status = cli_files_add(self, files, line);
    }
    free(line);
    return status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct settings set = {0};
    struct cli_operands paths;
    struct cli_files files = {0};
    struct evm_statetest_alias *aliases = NULL;
    int status = cli_parse(self, argc, argv, &set, &paths);
    if (status < 0)
        status = prepare(self, &set);
    if (status < 0 && set.rules.count) {
        aliases = calloc(set.rules.count, sizeof *aliases);
        status = aliases ? read_rules(self, &set, aliases) : cli_complain(self, "out of memory");
    }
    for (int i = 0; status < 0 && i < paths.count; i++)
        status = strcmp(paths.items[i], "-") ? cli_files_add(self, &files, paths.items[i])
                                             : add_listed(self, &files);
    set.several = files.count > 1;
    if (status < 0)
        status = set.as_blocks ? run_blocks(self, &set, &files) : run_files(self, &set, &files);
    for (size_t i = 0; i < set.run.alias_count; i++)
        free((char *)aliases[i].label);
    free(aliases);
    cli_files_fini(&files);
    cli_list_fini(&set.forks);
    cli_list_fini(&set.rules);
    return status;
}

const struct cli_command cli_statetest = {
    .name = "statetest",
    .operands = "PATH…",
    .summary = "run shared state tests (ethereum/tests, execution-spec-tests)",
    .details = "PATH is a JSON file, or a directory that is searched for them, or - for a list of "
               "paths on\n"
               "the standard input, one a line. Each failing case is a line: file, test, fork and "
               "its place\n"
               "in the fork's list, and the reason: root mismatch, logs mismatch, exception "
               "expected, wrong\n"
               "exception (invalid for another reason than the test names), unexpected exception, "
               "unknown\n"
               "exception, malformed. The last line counts: N passed, N failed, N skipped (a case "
               "of a fork\n"
               "that this program does not know is skipped; a file that cannot be read counts as "
               "failed).\n"
               "Status 1 if a case failed, 2 if a file could not be read.\n\n"
               "With --as-blocks nothing is judged by the file: a test's cases become the "
               "transactions of\n"
               "blocks, from different senders, and receipts, logs, gas and changes must be those "
               "of serial\n"
               "order with every executor, on threads and on 1 to 64 simulated cores; a line each "
               "that is not.\n\n"
               "examples:\n"
               "  weft statetest tests/GeneralStateTests --fork Cancun --fork Prague --jobs 8\n"
               "  weft statetest add11.json --case 0/0/0 --trace 2>trace.jsonl\n"
               "  weft statetest stSStoreTest --test sstore_0to --json\n"
               "  weft statetest stEIP2537 --rules Prague=Prague-2537-draft",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
