/* weft statetest: runs the shared state tests and says which fail, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/io/statetest.h"
#include "sim/cli/cli.h"
#include "sim/cli/files.h"
#include "sim/cli/text.h"

struct settings {
    const char *fork;
    uint64_t jobs;
    bool json;
};

static const struct cli_option options[] = {
    {.name = "fork",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, fork),
     .value = "NAME",
     .doc = "only the cases of this fork (default: every fork in the files)"},
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
     .doc = "one JSON object a case that did not pass, one for the totals"},
};

/* ---- running ----------------------------------------------------------------------------------
 */

/* What one file gave; its lines are printed in the order of the files, whoever ran them. */
struct result {
    struct cli_text lines;
    size_t passed, failed, skipped;
    bool broken; /* the file could not be read */
    bool done;
    struct evm_err err;
    const char *path;
    bool json;
};

static void report(void *self, const struct evm_statetest_case *c)
{
    struct result *r = self;
    if (c->reason == EVM_STATETEST_PASSED) {
        r->passed++;
        return;
    }
    bool skipped = c->reason == EVM_STATETEST_SKIPPED;
    *(skipped ? &r->skipped : &r->failed) += 1;
    const char *reason = evm_statetest_reason_name(c->reason);
    if (!r->json) {
        if (!skipped)
            cli_text_add(
                &r->lines, "FAILED %s: %s: %s[%zu] (data %llu, gas %llu, value %llu): %s: %s\n",
                r->path, c->test, c->fork, c->index, (unsigned long long)c->data,
                (unsigned long long)c->gas, (unsigned long long)c->value, reason, c->detail);
        return;
    }
    cli_text_add(&r->lines, "{\"file\": ");
    cli_text_json(&r->lines, r->path);
    cli_text_add(&r->lines, ", \"test\": ");
    cli_text_json(&r->lines, c->test);
    cli_text_add(&r->lines, ", \"fork\": ");
    cli_text_json(&r->lines, c->fork);
    cli_text_add(&r->lines, ", \"index\": %zu, \"reason\": ", c->index);
    cli_text_json(&r->lines, reason);
    cli_text_add(&r->lines, ", \"detail\": ");
    cli_text_json(&r->lines, c->detail);
    cli_text_add(&r->lines, "}\n");
}

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
        failed += results[i].failed;
        skipped += results[i].skipped;
        broken |= results[i].broken;
    }
    printf(set->json ? "{\"passed\": %zu, \"failed\": %zu, \"skipped\": %zu}\n"
                     : "%zu passed, %zu failed, %zu skipped\n",
           passed, failed, skipped);
    if (!broken && passed + failed + skipped == 0) {
        fflush(stdout);
        return cli_complain(self, "no state test found there");
    }
    return cli_finish(self, broken ? CLI_BAD_INPUT : failed ? CLI_FAILED : CLI_DONE);
}

static int run_files(const struct cli_command *self, const struct settings *set,
                     const struct cli_files *files)
{
    struct result *results = calloc(files->count ? files->count : 1, sizeof *results);
    if (!results)
        return cli_complain(self, "out of memory");
    int jobs = set->jobs ? (int)set->jobs : (int)cli_processors();
    size_t printed = 0;
#pragma omp parallel for schedule(dynamic) num_threads(jobs)
    for (size_t i = 0; i < files->count; i++) {
        struct result *r = &results[i];
        r->path = files->paths[i];
        r->json = set->json;
        r->broken = evm_statetest_file(r->path, set->fork, report, r, &r->err) != EVM_OK;
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

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct settings set = {0};
    struct cli_operands paths;
    struct cli_files files = {0};
    int status = cli_parse(self, argc, argv, &set, &paths);
    if (status >= 0)
        return status;
    enum evm_fork fork;
    if (set.fork && !evm_fork_from_name(set.fork, &fork))
        return cli_complain(self, "--fork: no fork is called '%s'", set.fork);
    for (int i = 0; i < paths.count && status < 0; i++)
        status = cli_files_add(self, &files, paths.items[i]);
    if (status < 0)
        status = run_files(self, &set, &files);
    cli_files_fini(&files);
    return status;
}

const struct cli_command cli_statetest = {
    .name = "statetest",
    .operands = "PATH…",
    .summary = "run shared state tests (ethereum/tests, execution-spec-tests)",
    .details =
        "PATH is a JSON file, or a directory that is searched for them. Each failing case is a "
        "line:\n"
        "file, test, fork and its index, and the reason: root mismatch, logs mismatch, exception\n"
        "expected, malformed. The last line counts: N passed, N failed, N skipped (a case of a "
        "fork\n"
        "that this program does not know is skipped). Status 1 if a case failed.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
