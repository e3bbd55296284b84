/* weft validate: scenarios that expect figures, run and compared with them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/world/figures.h"
#include "sim/cli/cli.h"
#include "sim/cli/files.h"

struct options {
    struct cli_list sets;
    uint64_t seeds, threads;
};

static const struct cli_option options[] = {
    {.name = "set",
     .type = CLI_LIST,
     .offset = offsetof(struct options, sets),
     .value = "PATH=VALUE",
     .doc = "change a setting of every scenario; may be given again"},
    {.name = "seeds",
     .type = CLI_U64,
     .offset = offsetof(struct options, seeds),
     .value = "N",
     .doc = "runs of each scenario, with seeds that follow its own (default: its expect.seeds)",
     .min = 1,
     .max = 1000},
    {.name = "threads",
     .type = CLI_U64,
     .offset = offsetof(struct options, threads),
     .value = "N",
     .doc = "host threads; the results do not depend on it (default: all processors)",
     .min = 1,
     .max = 1024},
};

struct counts {
    uint64_t held, explained, off, without;
};

/* Mean and standard deviation of each expected figure over the runs. */
struct sums {
    double *sum, *squares;
    uint64_t runs;
};

/* One run with the scenario's seed plus `add`. -1 to go on, or a status. */
static int run_once(const struct cli_command *self, const char *path, const struct options *o,
                    uint64_t seed, struct sums *sums)
{
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    struct world_summary summary;
    struct world *w = NULL;
    struct err err = {0};
    char text[32];
    const char **sets = malloc((o->sets.count + 1) * sizeof *sets);
    if (!sets)
        return cli_complain(self, "no memory left");
    memcpy(sets, o->sets.items, o->sets.count * sizeof *sets);
    snprintf(text, sizeof text, "seed=%llu", (unsigned long long)seed);
    sets[o->sets.count] = text;
    enum err_code code = scenario_load(&s, &world_spec, path, sets, o->sets.count + 1, &problems);
    free(sets);
    const struct world_options world = {.threads = (uint32_t)o->threads};
    if (code == ERR_OK && (code = world_create(&w, s, &world, &err)) == ERR_OK)
        code = world_run(w, &err);
    if (code == ERR_OK) {
        world_summarise(w, &summary);
        const struct world_cfg *cfg = scenario_root(s);
        const struct world_figure *all = cfg->expect.figures.items;
        for (size_t i = 0; i < cfg->expect.figures.count; i++) {
            double value = figure_value(figure_find(all[i].figure), &summary);
            sums->sum[i] += value;
            sums->squares[i] += value * value;
        }
        sums->runs++;
    }
    world_destroy(w);
    scenario_destroy(s);
    int status = -1;
    if (code != ERR_OK && problems.text) {
        fputs(problems.text, stderr);
        status = CLI_BAD_INPUT;
    } else if (code != ERR_OK) {
        status = cli_complain(self, "%s: %s", path, err.text[0] ? err.text : "no memory left");
    }
    scenario_problems_fini(&problems);
    return status;
}

static void print_rows(const struct world_cfg *cfg, const char *path, const struct sums *sums,
                       struct counts *counts)
{
    const struct world_figure *all = cfg->expect.figures.items;
    double n = (double)sums->runs;
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < cfg->expect.figures.count; i++) {
        double mean = sums->sum[i] / n, deviation;
        double spread = n > 1 ? sqrt(fmax(sums->squares[i] - n * mean * mean, 0) / (n - 1)) : 0;
        enum figure_verdict v = figure_judge(&all[i], mean, &deviation);
        char allowed[32];
        if (all[i].bound == WORLD_BOUND_NEAR)
            snprintf(allowed, sizeof allowed, "+-%.3g %%", all[i].within * 100);
        else
            snprintf(allowed, sizeof allowed, "%s", world_bound_names.names[all[i].bound]);
        printf("%-34s %-20s %10.4g %10.4g %8.2g %+8.1f %% %9s  %s%s%s\n",
               i       ? ""
               : slash ? slash + 1
                       : path,
               all[i].figure, all[i].target, mean, spread, deviation * 100, allowed,
               v == FIGURE_HOLDS       ? "holds"
               : v == FIGURE_EXPLAINED ? "off, explained"
                                       : "OFF",
               all[i].source[0] ? " | " : "", all[i].source);
        if (v == FIGURE_EXPLAINED)
            printf("%-34s   because %s\n", "", all[i].because);
        counts->held += v == FIGURE_HOLDS;
        counts->explained += v == FIGURE_EXPLAINED;
        counts->off += v == FIGURE_OFF;
    }
    fflush(stdout);
}

static int validate_file(const struct cli_command *self, const char *path, const struct options *o,
                         struct counts *counts)
{
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    enum err_code code =
        scenario_load(&s, &world_spec, path, o->sets.items, o->sets.count, &problems);
    if (code != ERR_OK) {
        fputs(problems.text ? problems.text : "weft validate: no memory left\n", stderr);
        scenario_problems_fini(&problems);
        return CLI_BAD_INPUT;
    }
    scenario_problems_fini(&problems);
    const struct world_cfg *cfg = scenario_root(s);
    size_t count = cfg->expect.figures.count;
    struct sums sums = {calloc(count + 1, sizeof(double)), calloc(count + 1, sizeof(double)), 0};
    uint64_t runs = count == 0 ? 0 : o->seeds ? o->seeds : cfg->expect.seeds;
    int status = sums.sum && sums.squares ? -1 : cli_complain(self, "no memory left");
    for (uint64_t i = 0; status < 0 && i < runs; i++)
        status = run_once(self, path, o, cfg->seed + i, &sums);
    if (status < 0 && count)
        print_rows(cfg, path, &sums, counts);
    counts->without += count == 0;
    free(sums.sum);
    free(sums.squares);
    scenario_destroy(s);
    return status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {.threads = cli_processors()};
    struct cli_operands operands;
    struct cli_files files = {.yaml = true};
    struct counts counts = {0};
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status >= 0)
        return status;
    for (int i = 0; i < operands.count && status < 0; i++)
        status = cli_files_add(self, &files, operands.items[i]);
    if (status < 0 && files.count == 0)
        status = cli_complain(self, "no scenario found there");
    if (status < 0)
        printf("%-34s %-20s %10s %10s %8s %10s %9s  %s\n", "scenario", "figure", "target", "result",
               "sd", "deviation", "allowed", "verdict | source");
    for (size_t i = 0; i < files.count && status < 0; i++)
        status = validate_file(self, files.paths[i], &o, &counts);
    if (status < 0) {
        printf("\n%llu figures hold, %llu are off and explained, %llu are off",
               (unsigned long long)counts.held, (unsigned long long)counts.explained,
               (unsigned long long)counts.off);
        if (counts.without)
            printf("; %llu scenarios expect none", (unsigned long long)counts.without);
        printf("\n");
        status = counts.off ? CLI_FAILED : CLI_DONE;
    }
    cli_files_fini(&files);
    cli_list_fini(&o.sets);
    return cli_finish(self, status);
}

const struct cli_command cli_validate = {
    .name = "validate",
    .operands = "PATH...",
    .summary = "run scenarios that expect figures, and compare",
    .details =
        "Runs each scenario (of a directory, every *.yaml below it), as often as its expect.seeds\n"
        "says, and prints what expect.figures wants of it: target, the mean over the runs with "
        "its\n"
        "standard deviation, how far it is off, and a verdict. No results files are written.\n\n"
        "Status 1 when a figure is off and the scenario does not say why (`because`).",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
