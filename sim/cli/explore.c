/* weft explore: looks for schedules under which a block comes out otherwise than in serial order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/cli.h"
#include "sim/cli/executors.h"
#include "sim/cli/explore_block.h"
#include "sim/cli/files.h"
#include "sim/cli/text.h"

enum { MOST = 32 }; /* executors, and numbers of cores */

struct settings {
    const char *executor, *out;
    struct cli_list params, core_lists;
    uint64_t seeds, seed, first, depth;
    /* What is explored. */
    const struct evm_executor_ops *executors[MOST];
    struct evm_exec_params of[MOST];
    size_t executor_count, core_count;
    uint32_t cores[MOST];
};

static const struct cli_option options[] = {
    {.name = "executor",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, executor),
     .value = "NAME",
     .doc = "the algorithm that runs a block, or all of them (default: all)"},
    {.name = "param",
     .type = CLI_LIST,
     .offset = offsetof(struct settings, params),
     .value = CLI_PARAM_VALUE,
     .doc = CLI_PARAM_DOC},
    {.name = "cores",
     .type = CLI_LIST,
     .offset = offsetof(struct settings, core_lists),
     .value = "N,N",
     .doc = "numbers of simulated cores (default: 2,3,8)"},
    {.name = "seeds",
     .type = CLI_U64,
     .offset = offsetof(struct settings, seeds),
     .value = "N",
     .doc = "schedules for each block, executor and number of cores (default: 100)",
     .min = 1},
    {.name = "first",
     .type = CLI_U64,
     .offset = offsetof(struct settings, first),
     .value = "S",
     .doc = "the seed to begin with (default: 1)",
     .min = 1},
    {.name = "seed",
     .type = CLI_U64,
     .offset = offsetof(struct settings, seed),
     .value = "S",
     .doc = "this one schedule only",
     .min = 1},
    {.name = "depth",
     .type = CLI_U64,
     .offset = offsetof(struct settings, depth),
     .value = "D",
     .doc = "points at which the order of the cores changes (default: 3)",
     .max = EVM_CHAOS_DEPTH},
    {.name = "out",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, out),
     .value = "DIR",
     .doc = "where the cut down blocks go (default: the current directory)"},
};

/* ---- what was found ---------------------------------------------------------------------------
 */

struct totals {
    uint64_t schedules, findings, broken;
};

/* explore-BLOCK-EXECUTOR-CORES.json; of the block's name the last part, without what a file's name
 * should not hold. */
static void case_path(char *out, size_t size, const struct settings *set, const char *block,
                      const struct evm_explore_at *at)
{
    const char *slash = strrchr(block, '/');
    char name[64];
    snprintf(name, sizeof name, "%.60s", slash ? slash + 1 : block);
    for (char *c = name; *c; c++)
        if (*c == ':' || *c == '.')
            *c = '-';
    snprintf(out, size, "%s/explore-%s-%s-%u.json", set->out ? set->out : ".", name,
             evm_executor_name(at->executor), at->cores);
}

static void print_run(const struct evm_explore_at *at, const struct evm_explored_run *r)
{
    printf("%s, %u cores, seed %llu, depth %u: %s", evm_executor_name(at->executor), at->cores,
           (unsigned long long)at->seed, at->depth, r->text);
    if (r->tx != EVM_NO_TX)
        printf("; first at the commit of transaction %u", r->tx);
    printf(", step %llu\n", (unsigned long long)r->step);
}

/* Prints the finding and how to see it again; cuts the block down, prints and writes what is left.
 */
static void report(const struct cli_command *self, const struct settings *set,
                   struct explore_block *b, struct evm_explore_at at, struct evm_explored_run found,
                   const uint32_t *all, uint32_t count)
{
    struct evm_explore_subject subject = explore_block_subject(b);
    struct evm_err err = {0};
    char path[1024];
    uint32_t left = count, *items = calloc(count + 1u, sizeof *items);
    printf("MISMATCH %s: ", b->name);
    print_run(&at, &found);
    printf("  again: weft explore %s --executor %s --cores %u --seed %llu --depth %u\n", b->name,
           evm_executor_name(at.executor), at.cores, (unsigned long long)at.seed, at.depth);
    fflush(stdout);
    if (!items) {
        cli_complain(self, "out of memory");
        return;
    }
    memcpy(items, all, count * sizeof *items);
    if (evm_explore_shrink(&subject, &at, items, &left, &found) != EVM_OK)
        cli_complain(self, "%s: out of memory while cutting it down", b->name);
    printf("  %u of %u transactions are enough:", left, count);
    for (uint32_t i = 0; i < left; i++)
        printf(" %u", items[i]);
    printf("\n  there: ");
    print_run(&at, &found);
    struct explore_case c = {.block = (char *)(uintptr_t)b->name,
                             .executor = (char *)(uintptr_t)evm_executor_name(at.executor),
                             .items = items,
                             .count = left,
                             .cores = at.cores,
                             .depth = at.depth,
                             .seed = at.seed,
                             .params = (char **)(uintptr_t)set->params.items,
                             .param_count = (uint32_t)set->params.count};
    case_path(path, sizeof path, set, b->name, &at);
    if (explore_case_write(path, &c, &err) == EVM_OK)
        printf("  kept: weft explore %s\n", path);
    else
        cli_complain(self, "%s", err.text);
    free(items);
}

/* ---- exploring --------------------------------------------------------------------------------
 */

/* All seeds with one executor on so many cores; ends at the first finding. False after an error. */
static bool explore_cores(const struct cli_command *self, const struct settings *set,
                          struct explore_block *b, struct evm_explore_at at, const uint32_t *items,
                          uint32_t count, struct totals *totals)
{
    struct evm_explore_subject subject = explore_block_subject(b);
    uint64_t horizon, first = set->seed ? set->seed : set->first;
    uint64_t seeds = set->seed ? 1 : set->seeds;
    if (seeds - 1 > UINT64_MAX - first) {
        cli_complain(self, "--seeds: %llu from %llu on go beyond 64 bits",
                     (unsigned long long)seeds, (unsigned long long)first);
        return false;
    }
    enum evm_status st = evm_explore_horizon(&subject, &at, items, count, &horizon);
    for (uint64_t k = 0; k < seeds && st == EVM_OK; k++) {
        struct evm_explored_run found;
        at.seed = first + k;
        struct evm_exec_chaos chaos = evm_explore_schedule(&at, horizon);
        st = subject.run(subject.self, &at, &chaos, items, count, &found);
        totals->schedules += st == EVM_OK;
        if (st != EVM_OK || found.verdict == EVM_EXPLORED_SAME)
            continue;
        totals->findings++;
        report(self, set, b, at, found, items, count);
        break;
    }
    if (st != EVM_OK)
        cli_complain(self, "%s: %s on %u cores: %s", b->name, evm_executor_name(at.executor),
                     at.cores, st == EVM_ERR_MEMORY ? "out of memory" : "cannot be executed");
    return st == EVM_OK;
}

static bool explore_block(const struct cli_command *self, const struct settings *set,
                          struct explore_block *b, const uint32_t *items, uint32_t count,
                          struct totals *totals)
{
    for (size_t e = 0; e < set->executor_count; e++) {
        uint64_t aborts = b->aborts, runs = b->runs, findings = totals->findings;
        b->params = &set->of[e];
        for (size_t c = 0; c < set->core_count; c++) {
            struct evm_explore_at at = {set->executors[e], set->cores[c], 0, (uint32_t)set->depth};
            if (!explore_cores(self, set, b, at, items, count, totals))
                return false;
        }
        printf("%s, %u transactions, %s: %llu schedules, %llu aborts: %s\n", b->name, count,
               evm_executor_name(set->executors[e]), (unsigned long long)(b->runs - runs),
               (unsigned long long)(b->aborts - aborts),
               totals->findings == findings ? "ok" : "MISMATCH");
        fflush(stdout);
    }
    return true;
}

/* The whole block. */
static bool explore_name(const struct cli_command *self, const struct settings *set,
                         const char *name, const struct explore_case *part, struct totals *totals)
{
    struct explore_block b;
    struct evm_err err = {0};
    bool fine = false;
    uint32_t *items = NULL;
    if (explore_block_load(&b, name, &err) != EVM_OK) {
        cli_complain(self, "%s", err.text);
        goto out;
    }
    uint32_t count = part ? part->count : b.input.tx_count;
    items = calloc(count + 1u, sizeof *items);
    if (!items) {
        cli_complain(self, "out of memory");
        goto out;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i] = part ? part->items[i] : i;
        if (items[i] >= b.input.tx_count) {
            cli_complain(self, "%s has no transaction %u", name, items[i]);
            goto out;
        }
    }
    fine = explore_block(self, set, &b, items, count, totals);
out:
    explore_block_fini(&b);
    free(items);
    return fine;
}

/* ---- options ----------------------------------------------------------------------------------
 */

static int read_executors(const struct cli_command *self, struct settings *set)
{
    bool all = !strcmp(set->executor, "all");
    if (all && set->params.count)
        return cli_complain(self, "--param needs --executor: settings are one executor's");
    set->executor_count = 0;
    for (size_t i = 0; all ? i < MOST && evm_executor_at(i) != NULL : i < 1; i++) {
        const char *name = all ? evm_executor_name(evm_executor_at(i)) : set->executor;
        int status = cli_executor(self, name, &set->params, &set->executors[i], &set->of[i]);
        if (status >= 0)
            return status;
        set->executor_count++;
    }
    return -1;
}

static int read_cores(const struct cli_command *self, struct settings *set)
{
    static const uint32_t usual[] = {2, 3, 8};
    set->core_count = 0;
    for (size_t i = 0; i < set->core_lists.count; i++) {
        int status = cli_cores(self, set->core_lists.items[i], set->cores, &set->core_count, MOST);
        if (status >= 0)
            return status;
    }
    if (set->core_count == 0) {
        memcpy(set->cores, usual, sizeof usual);
        set->core_count = sizeof usual / sizeof usual[0];
    }
    return -1;
}

/* A case names its executor and schedule; what is given on the command line goes before it. */
static bool explore_case(const struct cli_command *self, const struct settings *given,
                         struct explore_case *c, struct totals *totals)
{
    struct settings set = *given;
    char text[16];
    const char *list[] = {text};
    snprintf(text, sizeof text, "%u", c->cores);
    if (!strcmp(set.executor, "all")) {
        set.executor = c->executor;
        if (!set.params.count)
            set.params = (struct cli_list){(const char **)c->params, c->param_count};
    }
    if (!set.core_lists.count)
        set.core_lists = (struct cli_list){list, 1};
    if (!set.seed && !set.seeds)
        set.seed = c->seed;
    set.depth = given->depth == UINT64_MAX ? c->depth : given->depth;
    set.seeds = set.seeds ? set.seeds : 1;
    return read_executors(self, &set) < 0 && read_cores(self, &set) < 0 &&
           explore_name(self, &set, c->block, c, totals);
}

static bool explore_operand(const struct cli_command *self, const struct settings *given,
                            const char *name, struct totals *totals)
{
    struct settings set = *given;
    struct explore_case c = {0};
    struct evm_err err = {0};
    bool is_case = false, recipe = !strncmp(name, "recipe:", 7);
    if (!recipe && explore_case_read(name, &c, &is_case, &err) != EVM_OK) {
        explore_case_fini(&c);
        cli_complain(self, "%s", err.text);
        return false;
    }
    bool fine;
    if (is_case) {
        fine = explore_case(self, given, &c, totals);
    } else {
        set.seeds = set.seeds ? set.seeds : 100;
        set.depth = set.depth == UINT64_MAX ? 3 : set.depth;
        fine = explore_name(self, &set, name, NULL, totals);
    }
    explore_case_fini(&c);
    return fine;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct settings set = {.executor = "all", .first = 1, .depth = UINT64_MAX};
    struct cli_operands operands;
    struct totals totals = {0};
    int status = cli_parse(self, argc, argv, &set, &operands);
    if (status < 0)
        status = read_executors(self, &set);
    if (status < 0)
        status = read_cores(self, &set);
    for (int i = 0; i < operands.count && status < 0; i++) {
        struct cli_files some = {0};
        bool recipe = !strncmp(operands.items[i], "recipe:", 7);
        if (!recipe)
            status = cli_files_add(self, &some, operands.items[i]);
        if (!recipe && status < 0 && some.count == 0)
            status = cli_complain(self, "%s: no recorded block found there", operands.items[i]);
        if (recipe)
            totals.broken += !explore_operand(self, &set, operands.items[i], &totals);
        for (size_t k = 0; k < some.count && status < 0; k++)
            totals.broken += !explore_operand(self, &set, some.paths[k], &totals);
        cli_files_fini(&some);
    }
    cli_list_fini(&set.params);
    cli_list_fini(&set.core_lists);
    if (status >= 0)
        return status;
    printf("%llu schedules explored, %llu findings\n", (unsigned long long)totals.schedules,
           (unsigned long long)totals.findings);
    if (totals.broken)
        return cli_finish(self, CLI_BAD_INPUT);
    return cli_finish(self, totals.findings ? CLI_FAILED : CLI_DONE);
}

const struct cli_command cli_explore = {
    .name = "explore",
    .operands = "BLOCK…",
    .summary = "look for schedules under which a block comes out wrong",
    .details =
        "BLOCK is a recorded block, a directory of them, recipe:NAME:TRANSACTIONS:SEED (a "
        "generated one,\n"
        "as in weft bench parallel), or a file that this command wrote. Each seed is a "
        "schedule of the\n"
        "virtual driver: for two of three the cores have drawn places in a row, of those with "
        "work to do\n"
        "the first one does a step, and at D drawn steps it goes to the end of the row "
        "(probabilistic\n"
        "concurrency testing, Burckhardt et al., ASPLOS 2010); for one of three the clocks "
        "decide, with\n"
        "costs that jitter. Receipts, logs, gas, fees and all changes must be those of serial "
        "order, and\n"
        "the block must end. What does not hold is printed with its seed and step, the same "
        "seed shows it\n"
        "again, the transactions are cut down to those it takes, and a file keeps the case.\n"
        "Status 1 if something was found.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
