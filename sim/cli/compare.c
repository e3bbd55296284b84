/* weft compare: variants of a scenario, each run, side by side in one table. */
#include <errno.h>
#include <string.h>

#include "sim/cli/compare.h"
#include "sim/cli/outfile.h"

static const struct cli_option options[] = {
    {.name = "vary",
     .type = CLI_LIST,
     .offset = offsetof(struct compare_options, varies),
     .value = "PATH=A,B,...",
     .doc = "a setting and its values, a row each; given again: every combination (default: the "
            "scenario's sweep)"},
    {.name = "set",
     .type = CLI_LIST,
     .offset = offsetof(struct compare_options, sets),
     .value = "PATH=VALUE",
     .doc = "change a setting of all variants; may be given again"},
    {.name = "figure",
     .type = CLI_LIST,
     .offset = offsetof(struct compare_options, figures),
     .value = "NAME",
     .doc = "one more column, by its name in weft run --json (a.b for b in a); may be given again"},
    {.name = "across",
     .type = CLI_FLAG,
     .offset = offsetof(struct compare_options, across),
     .doc = "instead, a table for each --figure: the values of the last setting across"},
    {.name = "seeds",
     .type = CLI_U64,
     .offset = offsetof(struct compare_options, seeds),
     .value = "N",
     .doc = "runs of each variant, with seeds from the scenario's on (default: its sweep's "
            "replications, or 1)",
     .min = 1,
     .max = 1000},
    {.name = "threads",
     .type = CLI_U64,
     .offset = offsetof(struct compare_options, threads),
     .value = "N",
     .doc = "runs at a time, each a process; the results do not depend on it (default: as many as "
            "processors)",
     .min = 1,
     .max = 1024},
    {.name = "csv",
     .type = CLI_STRING,
     .offset = offsetof(struct compare_options, csv),
     .value = "FILE",
     .doc = "all figures of all variants, with their intervals, into a file too"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct compare_options, json),
     .doc = "print JSON, with the figures of every single run, instead of the table"},
};

static void nothing(const struct compare *c, const struct compare_variant *v)
{
    (void)c;
    (void)v;
}

/* Then there is no table: what is wrong has been said. */
static bool none_can_run(const struct compare *c)
{
    for (size_t i = 0; i < c->variant_count; i++)
        if (!c->variants[i].failed)
            return false;
    return true;
}

static int compare(struct compare *c)
{
    const struct compare_options *o = c->options;
    if (o->csv && !cli_outfile_possible(o->csv))
        return cli_complain(c->self, "%s: %s", o->csv, strerror(errno));
    if (none_can_run(c))
        return c->status;
    bool rows = !o->json && !c->across;
    if (rows)
        compare_print_head(c);
    int status = compare_run(c, rows ? compare_print_row : nothing);
    if (status >= 0)
        return status;
    if (o->json)
        compare_print_json(c);
    if (c->across)
        compare_print_across(c);
    if (!o->json)
        compare_print_notes(c);
    if (o->csv && !compare_write_csv(c, o->csv))
        return cli_complain(c->self, "%s: %s", o->csv, strerror(errno));
    return c->status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct compare_options o = {.threads = cli_processors()};
    struct compare c = {.self = self, .options = &o, .status = CLI_DONE};
    struct cli_operands files;
    int status = cli_parse(self, argc, argv, &o, &files);
    if (status >= 0)
        return status;
    status = compare_plan(&c, files.items, (size_t)files.count);
    if (status < 0)
        status = compare(&c);
    compare_fini(&c);
    cli_list_fini(&o.sets);
    cli_list_fini(&o.varies);
    cli_list_fini(&o.figures);
    return cli_finish(self, status);
}

const struct cli_command cli_compare = {
    .name = "compare",
    .operands = "FILE...",
    .summary = "run variants of scenarios, one table",
    .details =
        "Runs each file, with every combination of what --vary says, and prints a row for each:\n"
        "\n"
        "  weft compare scenarios/compare.yaml \\\n"
        "    --vary layers.main.consensus.kind=tendermint,pbft,hotstuff\n"
        "\n"
        "  committed    of what was offered, by the end of the run; * less than 95 %: latencies\n"
        "               are of what was committed, and what is left would make them longer\n"
        "  p50 p90 p99  seconds from a user's sending a transaction to its commit\n"
        "  block every  seconds between committed blocks, on average\n"
        "  rounds       (views, slots) beyond a height's first: what leaders that fail cost\n"
        "  stale        blocks that lost\n"
        "  messages kB  of the protocol, on links, for each committed block: what carries blocks,\n"
        "               votes and the like; transactions that spread on their own are left out\n"
        "  limit        what limited it (the first of several runs), as weft run says in words\n"
        "\n"
        "Lines below the table name the rows of which weft run would warn: layers that nothing is\n"
        "sent to, or more of them than the load needs; calls that crosslayer does not take.\n"
        "\n"
        "With several runs of each, a figure is their mean and, behind \u00b1, half the width of "
        "its\n"
        "95 % confidence interval (Student's t).\n"
        "\n"
        "A scenario may say all this itself, for weft compare FILE alone; other commands run it as "
        "it\n"
        "stands:\n"
        "\n"
        "  sweep:\n"
        "    vary: ['layers[0].count=1,2,4,8', 'workload[0].rate=100/s,1000/s']\n"
        "    replications: 5\n"
        "    figures: [achieved_per_s, fee_gwei.p50]\n"
        "\n"
        "A value may be a map: --vary 'layers.main.consensus={kind: pbft},{kind: hotstuff2,\n"
        "view_timeout: 5s}', and have a name: --vary 'workload=quiet: [{rate: 10/s}],busy:\n"
        "[{rate: 1000/s}]'. With --across (across: true in a sweep) there is a table for each\n"
        "--figure instead, with the values of the last setting as its columns. Settings that a\n"
        "variant's model does not have are dropped, and a line on stderr says so. No results files "
        "are written; weft run with the same settings does.\n"
        "\n"
        "Status 2 when a variant cannot run (the others do), 3 when one broke safety and the\n"
        "scenario does not expect it.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
