/* weft compare: variants of a scenario, each run, side by side in one table. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/world/figures.h"
#include "sim/cli/cli.h"

struct options {
    struct cli_list sets, varies, figures;
    uint64_t seeds, threads;
};

static const struct cli_option options[] = {
    {.name = "vary",
     .type = CLI_LIST,
     .offset = offsetof(struct options, varies),
     .value = "PATH=A,B,...",
     .doc = "a setting and its values, a row each; given again: every combination"},
    {.name = "set",
     .type = CLI_LIST,
     .offset = offsetof(struct options, sets),
     .value = "PATH=VALUE",
     .doc = "change a setting of all variants; may be given again"},
    {.name = "figure",
     .type = CLI_LIST,
     .offset = offsetof(struct options, figures),
     .value = "NAME",
     .doc = "one more column, by its name in weft run --json (a.b for b in a); may be given again"},
    {.name = "seeds",
     .type = CLI_U64,
     .offset = offsetof(struct options, seeds),
     .value = "N",
     .doc = "runs of each variant, with seeds from the scenario's on; figures are means (default: "
            "1)",
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

enum { MAX_VARIES = 8, MAX_VALUES = 64, MAX_VARIANTS = 1000, MAX_SETS = 64, NAME_SIZE = 160 };

/* One --vary: "PATH=VALUE" for each of its values. */
struct vary {
    char *sets[MAX_VALUES];
    size_t path; /* characters of "PATH=" */
    size_t count;
};

struct job {
    const struct cli_command *self;
    const struct options *options;
    struct cli_operands files;
    struct vary varies[MAX_VARIES];
    size_t vary_count, variants; /* of one file */
    int width;                   /* of the first column */
    int status;                  /* the worst so far */
};

/* Sums over a variant's seeds, by figure; where a run cannot tell, it does not count. */
struct sums {
    double *sum;
    uint64_t *runs;
    enum world_limit limit; /* of the first seed */
};

/* ---- what is varied ---- */

/* The end of the value at s: a comma outside brackets and quotes, or the text's end. */
static const char *value_end(const char *s)
{
    int depth = 0;
    char quote = 0;
    for (; *s && !(*s == ',' && depth == 0 && !quote); s++) {
        if (quote)
            quote = *s == quote ? 0 : quote;
        else if (*s == '\'' || *s == '"')
            quote = *s;
        else
            depth += (strchr("{[(", *s) != NULL) - (strchr("}])", *s) != NULL);
    }
    return s;
}

/* -1, or a status. */
static int read_vary(struct job *j, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return cli_complain(j->self, "--vary: '%s' is not PATH=A,B,...", text);
    if (j->vary_count == MAX_VARIES)
        return cli_complain(j->self, "more than %d times --vary", MAX_VARIES);
    struct vary *v = &j->varies[j->vary_count++];
    v->path = (size_t)(equals - text) + 1;
    for (const char *s = equals + 1, *end;; s = end + 1) {
        end = value_end(s);
        size_t from = strspn(s, " "), size = (size_t)(end - s);
        while (size > from && s[size - 1] == ' ')
            size--;
        if (size <= from)
            return cli_complain(j->self, "--vary: an empty value in '%s'", text);
        if (v->count == MAX_VALUES)
            return cli_complain(j->self, "--vary: more than %d values", MAX_VALUES);
        char *set = malloc(v->path + size - from + 1);
        if (!set)
            return cli_complain(j->self, "no memory left");
        snprintf(set, v->path + size - from + 1, "%.*s%.*s", (int)v->path, text, (int)(size - from),
                 s + from);
        v->sets[v->count++] = set;
        if (!*end)
            break;
    }
    j->variants *= v->count;
    return j->variants <= MAX_VARIANTS
               ? -1
               : cli_complain(j->self, "more than %d variants", MAX_VARIANTS);
}

/* The value of --vary v in variant i: the last --vary changes fastest. */
static const char *value_of(const struct job *j, size_t i, size_t v)
{
    for (size_t later = j->vary_count; later-- > v + 1;)
        i /= j->varies[later].count;
    return j->varies[v].sets[i % j->varies[v].count];
}

static void name_variant(const struct job *j, int file, size_t i, char out[NAME_SIZE])
{
    size_t used = 0;
    out[0] = 0;
    if (j->files.count > 1 || j->vary_count == 0) {
        const char *path = j->files.items[file], *slash = strrchr(path, '/');
        snprintf(out, NAME_SIZE, "%s", slash ? slash + 1 : path);
        used = strlen(out);
    }
    for (size_t v = 0; v < j->vary_count && used < NAME_SIZE - 1; v++) {
        snprintf(out + used, NAME_SIZE - used, "%s%s", used ? ", " : "",
                 value_of(j, i, v) + j->varies[v].path);
        used = strlen(out);
    }
}

/* ---- the table ---- */

static const struct column {
    const char *head, *figure; /* figure NULL: the share of what was offered */
    double scale;
    int width, digits;
} columns[] = {
    {"committed", NULL, 100, 10, 2},
    {"p50 s", "latency_s.p50", 1, 7, 2},
    {"p90 s", "latency_s.p90", 1, 7, 2},
    {"p99 s", "latency_s.p99", 1, 7, 2},
    {"block every", "block_interval_s", 1, 12, 2},
    {"rounds", "further_rounds", 1, 7, 0},
    {"stale", "stale_blocks", 1, 6, 0},
    {"messages", "per_block.messages", 1, 9, 0},
    {"kB", "per_block.bytes", 1e-3, 7, 0},
};

static double mean(const struct sums *s, const char *figure)
{
    size_t f = figure_find(figure);
    return s->runs[f] ? s->sum[f] / (double)s->runs[f] : NAN;
}

static void print_cell(int width, int digits, double value, const char *unit)
{
    char text[64];
    if (isfinite(value))
        snprintf(text, sizeof text, digits < 0 ? "%.*g%s" : "%.*f%s", digits < 0 ? -digits : digits,
                 value, unit);
    else
        snprintf(text, sizeof text, "-");
    printf(" %*s", width, text);
}

static void print_head(const struct job *j)
{
    const struct cli_list *more = &j->options->figures;
    printf("%-*s", j->width, "variant");
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        printf(" %*s", columns[i].width, columns[i].head);
    for (size_t i = 0; i < more->count; i++)
        printf(" %*s", (int)strlen(more->items[i]) < 8 ? 8 : (int)strlen(more->items[i]),
               more->items[i]);
    printf("  limit\n");
}

static void print_row(const struct job *j, const char *name, const struct sums *s)
{
    const struct cli_list *more = &j->options->figures;
    bool none = !(mean(s, "committed") > 0);
    printf("%-*s", j->width, name);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        const struct column *c = &columns[i];
        double value = c->figure ? mean(s, c->figure) : mean(s, "committed") / mean(s, "offered");
        bool empty =
            none && c->figure &&
            (strncmp(c->figure, "latency", 7) == 0 || strncmp(c->figure, "block_", 6) == 0);
        print_cell(c->width, c->digits, empty ? NAN : value * c->scale, c->figure ? "" : " %");
    }
    for (size_t i = 0; i < more->count; i++)
        print_cell((int)strlen(more->items[i]) < 8 ? 8 : (int)strlen(more->items[i]), -4,
                   mean(s, more->items[i]), "");
    printf("  %s\n", world_limit_name(s->limit));
    fflush(stdout);
}

/* ---- the runs ---- */

/* One run; its figures are added to *sums. -1, or a status. */
static int run_once(struct job *j, const char *path, const char *name, const char **sets,
                    size_t count, uint64_t add, struct sums *sums)
{
    struct scenario *s = NULL;
    struct scenario_problems problems = {0};
    struct world *w = NULL;
    struct world_summary summary;
    struct err err = {0};
    const struct world_options world = {.threads = (uint32_t)j->options->threads};
    char seed[32];
    int status = -1;
    enum err_code code = scenario_load(&s, &world_spec, path, sets, count, &problems);
    if (code == ERR_OK && add) {
        const struct world_cfg *cfg = scenario_root(s);
        snprintf(seed, sizeof seed, "seed=%llu", (unsigned long long)(cfg->seed + add));
        sets[count] = seed;
        scenario_destroy(s);
        code = scenario_load(&s, &world_spec, path, sets, count + 1, &problems);
    }
    if (code == ERR_OK && !add)
        fputs(scenario_notes(s), stderr);
    if (code == ERR_OK && (code = world_create(&w, s, &world, &err)) == ERR_OK)
        code = world_run(w, &err);
    if (code == ERR_OK) {
        world_summarise(w, &summary);
        for (size_t f = 0; figure_at(f); f++) {
            double value = figure_value(f, &summary);
            sums->sum[f] += isfinite(value) ? value : 0;
            sums->runs[f] += isfinite(value);
        }
        if (!add)
            sums->limit = summary.limit;
        const struct world_cfg *cfg = scenario_root(s);
        if (summary.safety_violations && !cfg->expect.unsafe && j->status == CLI_DONE)
            j->status = CLI_UNSAFE;
    } else if (problems.text) {
        fprintf(stderr, "weft compare: %s:\n%s", name, problems.text);
        status = CLI_BAD_INPUT;
    } else
        status = cli_complain(j->self, "%s: %s", name, err.text[0] ? err.text : "no memory left");
    world_destroy(w);
    scenario_destroy(s);
    scenario_problems_fini(&problems);
    return status;
}

/* A variant that cannot run is told of and left out; the others go on. */
static void run_variant(struct job *j, int file, size_t i, const char *name)
{
    const struct cli_list *common = &j->options->sets;
    const char *sets[MAX_SETS + MAX_VARIES + 1];
    size_t count = common->count, figures = 0;
    while (figure_at(figures))
        figures++;
    struct sums sums = {calloc(figures, sizeof(double)), calloc(figures, sizeof(uint64_t)),
                        WORLD_LIMIT_LOAD};
    int status = sums.sum && sums.runs ? -1 : cli_complain(j->self, "no memory left");
    if (count)
        memcpy(sets, common->items, count * sizeof *sets);
    for (size_t v = 0; v < j->vary_count; v++)
        sets[count++] = value_of(j, i, v);
    for (uint64_t seed = 0; seed < j->options->seeds && status < 0; seed++)
        status = run_once(j, j->files.items[file], name, sets, count, seed, &sums);
    if (status < 0)
        print_row(j, name, &sums);
    else
        j->status = status;
    free(sums.sum);
    free(sums.runs);
}

static int prepare(struct job *j)
{
    const struct options *o = j->options;
    int status = -1;
    if (o->sets.count > MAX_SETS)
        return cli_complain(j->self, "more than %d times --set", MAX_SETS);
    for (size_t i = 0; i < o->figures.count; i++)
        if (figure_find(o->figures.items[i]) == SIZE_MAX)
            return cli_complain(j->self,
                                "--figure: no figure is called '%s'; weft run --json "
                                "has them all",
                                o->figures.items[i]);
    for (size_t i = 0; i < o->varies.count && status < 0; i++)
        status = read_vary(j, o->varies.items[i]);
    return status;
}

static void compare(struct job *j)
{
    char name[NAME_SIZE];
    j->width = 7;
    for (int file = 0; file < j->files.count; file++)
        for (size_t i = 0; i < j->variants; i++) {
            name_variant(j, file, i, name);
            int size = (int)strlen(name);
            j->width = size > j->width ? size : j->width;
        }
    print_head(j);
    fflush(stdout);
    for (int file = 0; file < j->files.count; file++)
        for (size_t i = 0; i < j->variants; i++) {
            name_variant(j, file, i, name);
            run_variant(j, file, i, name);
        }
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {.seeds = 1, .threads = cli_processors()};
    struct job j = {.self = self, .options = &o, .variants = 1, .status = CLI_DONE};
    int status = cli_parse(self, argc, argv, &o, &j.files);
    if (status >= 0)
        return status;
    status = prepare(&j);
    if (status < 0)
        compare(&j);
    for (size_t v = 0; v < j.vary_count; v++)
        for (size_t i = 0; i < j.varies[v].count; i++)
            free(j.varies[v].sets[i]);
    cli_list_fini(&o.sets);
    cli_list_fini(&o.varies);
    cli_list_fini(&o.figures);
    return cli_finish(self, status < 0 ? j.status : status);
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
        "  committed    of what was offered, by the end of the run\n"
        "  p50 p90 p99  seconds from a user's sending a transaction to its commit\n"
        "  block every  seconds between committed blocks, on average\n"
        "  rounds       (views, slots) beyond a height's first: what leaders that fail cost\n"
        "  stale        blocks that lost\n"
        "  messages kB  of the protocol, on links, for each committed block: what carries blocks,\n"
        "               votes and the like; transactions that spread on their own are left out\n"
        "  limit        what limited it, as weft run says in words\n"
        "\n"
        "A value may be a map: --vary 'layers.main.consensus={kind: pbft},{kind: hotstuff2,\n"
        "view_timeout: 5s}'. Settings that a variant's model does not have are dropped, and a "
        "line\n"
        "on stderr says so. No results files are written; weft run with the same settings does.\n"
        "\n"
        "Status 2 when a variant cannot run (the others do), 3 when one broke safety and the\n"
        "scenario does not expect it.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
