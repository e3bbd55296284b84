/* weft trace: which messages went in a window of time. The run is done again, which gives the same
 * to the last event; nothing of it is stored in a results file but how to do so. */
#include "models/world/trace.h"
#include "models/world/layers.h"

#include "analysis/h5in.h"
#include "analysis/report.h"
#include "models/world/world.h"
#include "sim/cli/cli.h"
#include "sim/record/record.h"
#include "sim/scenario/value.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETS_MAX = 8, GRACE_S = 60 }; /* after the window, for messages that are on their way */

struct options {
    const char *from, *to, *nodes, *report;
    struct cli_list sets;
    uint64_t seed, limit, threads;
    bool all, verify;
};

#define NO_SEED UINT64_MAX

static const struct cli_option options[] = {
    {.name = "from",
     .type = CLI_STRING,
     .offset = offsetof(struct options, from),
     .value = "TIME",
     .doc = "the window begins, as in 12.5s (default: 0s)"},
    {.name = "to",
     .type = CLI_STRING,
     .offset = offsetof(struct options, to),
     .value = "TIME",
     .doc = "the window ends (default: a second later)"},
    {.name = "nodes",
     .type = CLI_STRING,
     .offset = offsetof(struct options, nodes),
     .value = "N,N-N",
     .doc = "only what these nodes send, hear and do, as in 0,4-6"},
    {.name = "all",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, all),
     .doc = "transactions and fetched blocks too"},
    {.name = "report",
     .type = CLI_STRING,
     .offset = offsetof(struct options, report),
     .value = "PAGE.html",
     .doc = "write the report page of the run up to there, with the messages drawn"},
    {.name = "limit",
     .type = CLI_U64,
     .offset = offsetof(struct options, limit),
     .value = "N",
     .doc = "lines at most (default: 100000)",
     .min = 1,
     .max = 10000000},
    {.name = "seed",
     .type = CLI_U64,
     .offset = offsetof(struct options, seed),
     .value = "N",
     .doc = "another seed than the scenario's",
     .max = INT64_MAX},
    {.name = "set",
     .type = CLI_LIST,
     .offset = offsetof(struct options, sets),
     .value = "PATH=VALUE",
     .doc = "change a setting of the scenario; may be given again"},
    {.name = "verify",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, verify),
     .doc = "run all of a results file's run again first: status 1 if its digest is another"},
    {.name = "threads",
     .type = CLI_U64,
     .offset = offsetof(struct options, threads),
     .value = "N",
     .doc = "host threads (default: all processors)",
     .min = 1,
     .max = 1024},
};

struct job {
    const struct cli_command *self;
    const struct options *options;
    const char *path;
    struct h5in *in; /* NULL: the path is a scenario's */
    struct world *world;
    sim_time from, to;
    char window[3][96], seed[40];
    char *plugins;          /* "plugins=[...]" of a results file, or NULL */
    char results[PATH_MAX]; /* a temporary file, for the report */
    volatile sig_atomic_t stop;
    uint8_t *chosen; /* by node; NULL: all */
};

/* ---- what is asked for ---- */

static int parse_time(const struct job *j, const char *name, const char *text, sim_time *out)
{
    struct value v;
    char why[VALUE_WHY];
    if (!value_scan(FIELD_DURATION, false, text, &v, why))
        return cli_complain(j->self, "--%s: '%s': %s", name, text, why);
    *out = (sim_time)v.big.w[0];
    return -1;
}

static int parse_window(struct job *j)
{
    const struct options *o = j->options;
    int status = o->from ? parse_time(j, "from", o->from, &j->from) : -1;
    j->to = j->from + SIM_SEC;
    if (status < 0 && o->to)
        status = parse_time(j, "to", o->to, &j->to);
    if (status < 0 && j->to <= j->from)
        status = cli_complain(j->self, "--to must be later than --from");
    snprintf(j->window[0], sizeof j->window[0], "record.trace={from: %lldns, to: %lldns}",
             (long long)j->from, (long long)j->to);
    snprintf(j->window[1], sizeof j->window[1], "record.trace.limit=%llu",
             (unsigned long long)o->limit);
    snprintf(j->window[2], sizeof j->window[2], "record.trace.transactions=%s",
             o->all ? "true" : "false");
    snprintf(j->seed, sizeof j->seed, "seed=%llu", (unsigned long long)o->seed);
    return status;
}

static int parse_nodes(struct job *j, size_t count)
{
    const char *p = j->options->nodes;
    if (!p)
        return -1;
    j->chosen = calloc(count, 1);
    if (!j->chosen)
        return cli_complain(j->self, "out of memory");
    for (;;) {
        uint64_t a, b;
        bool ok = cli_digits(&p, &a);
        b = a;
        if (ok && *p == '-')
            ok = p++ && cli_digits(&p, &b);
        if (!ok || a > b || (*p && *p != ','))
            return cli_complain(j->self, "--nodes: '%s' is no list of nodes, as 0,4-6",
                                j->options->nodes);
        if (b >= count)
            return cli_complain(j->self, "--nodes: there is no node %llu; the last is %zu",
                                (unsigned long long)b, count - 1);
        memset(j->chosen + a, 1, (size_t)(b - a) + 1);
        if (!*p)
            return -1;
        p++;
    }
}

/* ---- the scenario ---- */

static bool is_results(const char *path)
{
    char head[8] = {0};
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return n == sizeof head && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

/* "plugins=[...]" with the files that the run had: its scenario names them relative to a folder
 * that the results file does not know. NULL: no memory. */
static char *recorded_plugins(const char *text)
{
    char *out = malloc(2 * strlen(text) + 32);
    if (!out)
        return NULL;
    size_t n = (size_t)sprintf(out, "plugins=[");
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\n");
        const char *path = strchr(line, ' '); /* name keccak256:HASH path */
        path = path ? strchr(path + 1, ' ') : NULL;
        if (path && path < line + size)
            n += (size_t)sprintf(out + n, "%s\"%.*s\"", out[n - 1] == '[' ? "" : ", ",
                                 (int)(line + size - path - 1), path + 1);
        line += size + (line[size] == '\n');
    }
    sprintf(out + n, "]");
    return out;
}

/* What the digest stands for besides the scenario: another program, another plug-in. */
static void warn(const struct job *j, const struct scenario *s)
{
    const char *version = h5in_text(j->in, "program_version");
    const struct scenario_plugins *p = scenario_plugins(s);
    const char *plugins = h5in_text(j->in, "plugins");
    if (strcmp(version, WEFT_VERSION) != 0)
        fprintf(stderr,
                "weft trace: the run was made by weft %s, this is %s: what follows may differ "
                "from it; --verify tells\n",
                version, WEFT_VERSION);
    for (size_t i = 0; i < p->count; i++)
        if (!strstr(plugins, p->items[i].hash))
            fprintf(stderr,
                    "weft trace: %s was built anew since the run: what follows may differ from "
                    "it; --verify tells\n",
                    p->items[i].path);
}

/* with_trace: the window's rows are wanted. */
static int load(struct job *j, bool with_trace, struct scenario **out)
{
    const struct options *o = j->options;
    const char **sets = malloc((o->sets.count + SETS_MAX) * sizeof *sets);
    struct scenario_problems problems = {0};
    size_t count = 0;
    if (!sets)
        return cli_complain(j->self, "out of memory");
    for (; count < o->sets.count; count++)
        sets[count] = o->sets.items[count];
    if (j->plugins)
        sets[count++] = j->plugins;
    if (o->seed != NO_SEED)
        sets[count++] = j->seed;
    for (int i = 0; i < 3 && with_trace; i++)
        sets[count++] = j->window[i];
    const char *text = j->in ? h5in_text(j->in, "scenario_resolved") : NULL;
    enum err_code code = text ? scenario_parse(out, &world_spec, "scenario.yaml", text,
                                               strlen(text), sets, count, &problems)
                              : scenario_load(out, &world_spec, j->path, sets, count, &problems);
    free(sets);
    if (code != ERR_OK)
        fputs(problems.text ? problems.text : "weft trace: out of memory\n", stderr);
    scenario_problems_fini(&problems);
    return code == ERR_OK ? -1 : CLI_BAD_INPUT;
}

static int open_results(struct job *j)
{
    struct err err = {0};
    if (!is_results(j->path))
        return j->options->verify
                   ? cli_complain(j->self, "--verify: '%s' is no results file", j->path)
                   : -1;
    if (j->options->sets.count || j->options->seed != NO_SEED)
        return cli_complain(j->self, "a results file is run again as it was: leave out --set and "
                                     "--seed, or give the scenario");
    if (h5in_open(&j->in, j->path, &err) != ERR_OK)
        return cli_complain(j->self, "%s", err.text);
    if (!h5in_text(j->in, "scenario_resolved")[0] || !strcmp(h5in_text(j->in, "kind"), "replay"))
        return cli_complain(j->self, "'%s' is not the results of a run of a scenario", j->path);
    if (h5in_text(j->in, "plugins")[0] &&
        !(j->plugins = recorded_plugins(h5in_text(j->in, "plugins"))))
        return cli_complain(j->self, "out of memory");
    return -1;
}

/* ---- the run ---- */

static void on_progress(void *self, sim_time now, sim_time end, uint64_t committed, uint64_t height)
{
    struct job *j = self;
    (void)end, (void)committed, (void)height;
    const struct trace *t = j->world ? world_trace(j->world) : NULL;
    if (t && now > j->to && (trace_open(t) == 0 || now > j->to + GRACE_S * SIM_SEC))
        j->stop = 1;
}

static int simulate(struct job *j, const struct scenario *s, struct world **out)
{
    struct err err = {0};
    struct world_options world = {
        .threads = (uint32_t)j->options->threads,
        .out = j->results[0] ? j->results : NULL,
        .program_version = WEFT_VERSION,
        .stop = &j->stop,
        .progress = on_progress,
        .progress_self = j,
    };
    if (world_create(out, s, &world, &err) == ERR_OK && world_run(*out, &err) == ERR_OK)
        return -1;
    return cli_complain(j->self, "%s", err.text);
}

static int verify(struct job *j)
{
    struct scenario *s = NULL;
    struct world *w = NULL;
    struct world_summary summary;
    const char *was = h5in_text(j->in, "digest");
    if (!was[0])
        return cli_complain(j->self, "--verify: the run did not end, so it has no digest");
    int status = load(j, false, &s);
    if (status < 0)
        status = simulate(j, s, &w);
    if (status < 0) {
        world_summarise(w, &summary);
        if (strcmp(summary.digest, was) != 0) {
            fprintf(stderr, "weft trace: the run's digest is %.16s..., done again it is %.16s...\n",
                    was, summary.digest);
            status = CLI_FAILED;
        }
    }
    world_destroy(w);
    scenario_destroy(s);
    return status;
}

/* ---- printing ---- */

static bool shown(const struct job *j, const struct trace_entry *e)
{
    return !j->chosen || (e->from != NODE_NONE && j->chosen[e->from]) ||
           (e->to != NODE_NONE && j->chosen[e->to]);
}

static void print_entry(const struct trace_entry *e)
{
    char who[32], when[64] = "", bytes[24] = "";
    if (e->to != NODE_NONE) {
        snprintf(who, sizeof who, "%5u -> %u", e->from, e->to);
        snprintf(bytes, sizeof bytes, "%u B", e->bytes);
        if (e->arrived == RECORD_NEVER)
            snprintf(when, sizeof when, "%s",
                     e->lost    ? "never arrives: a fault or the link drops it"
                     : e->ended ? "never arrives: its receiver is down or cut off"
                                : "still on its way at the end");
        else
            snprintf(when, sizeof when, "at %.6f, after %.3f ms", (double)e->arrived / 1e9,
                     (double)(e->arrived - e->sent) / 1e6);
    } else if (e->from != NODE_NONE) {
        snprintf(who, sizeof who, "%5u", e->from);
    } else {
        snprintf(who, sizeof who, "    -");
    }
    char line[320];
    int n = snprintf(line, sizeof line, "%13.6f  %-15s %-14s %-34s %9s  %s", (double)e->sent / 1e9,
                     who, e->kind, e->says, bytes, when);
    n = n < (int)sizeof line ? n : (int)sizeof line - 1;
    while (n > 0 && line[n - 1] == ' ')
        n--;
    printf("%.*s\n", n, line);
}

static void print(const struct job *j, const struct trace *t)
{
    size_t lines = 0;
    printf("%13s  %-15s %-14s %-34s %9s  %s\n", "time", " from -> to", "what", "says", "size",
           "arrives");
    for (size_t i = 0; i < trace_count(t); i++)
        if (shown(j, trace_at(t, i))) {
            print_entry(trace_at(t, i));
            lines++;
        }
    if (lines == 0)
        printf("(nothing happened from %.6f s to %.6f s)\n", (double)j->from / 1e9,
               (double)j->to / 1e9);
    if (trace_left_out(t))
        printf("and %llu more; --limit shows more, --nodes fewer\n",
               (unsigned long long)trace_left_out(t));
}

static int write_report(struct job *j)
{
    struct err err = {0};
    world_destroy(j->world); /* closes the file */
    j->world = NULL;
    if (report_write(j->results, j->options->report, NULL, &err) != ERR_OK)
        return cli_complain(j->self, "%s", err.text);
    printf("Report: %s\n", j->options->report);
    return -1;
}

static int temporary(struct job *j)
{
    const char *folder = getenv("TMPDIR");
    snprintf(j->results, sizeof j->results, "%s/weft-trace-%ld.h5", folder ? folder : "/tmp",
             (long)getpid());
    return -1;
}

static int trace(struct job *j)
{
    struct scenario *s = NULL;
    int status = parse_window(j);
    if (status < 0)
        status = open_results(j);
    if (status < 0 && j->options->verify)
        status = verify(j);
    if (status < 0)
        status = load(j, true, &s);
    if (status < 0 && j->in)
        warn(j, s);
    if (status < 0 && j->options->report)
        status = temporary(j);
    if (status < 0) {
        const struct world_cfg *cfg = scenario_root(s);
        status = parse_nodes(j, world_layer_nodes(cfg));
    }
    if (status < 0)
        status = simulate(j, s, &j->world);
    if (status < 0)
        print(j, world_trace(j->world));
    if (status < 0 && j->options->report)
        status = write_report(j);
    world_destroy(j->world);
    scenario_destroy(s);
    if (j->results[0])
        unlink(j->results);
    return status < 0 ? CLI_DONE : status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {.seed = NO_SEED, .limit = 100000, .threads = cli_processors()};
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status < 0) {
        struct job j = {.self = self, .options = &o, .path = operands.items[0]};
        status = trace(&j);
        h5in_close(j.in);
        free(j.plugins);
        free(j.chosen);
    }
    cli_list_fini(&o.sets);
    return cli_finish(self, status);
}

const struct cli_command cli_trace = {
    .name = "trace",
    .operands = "RUN",
    .summary = "show the messages of a window of time",
    .details =
        "RUN is a results file or a scenario. The run is done again up to the end of the window,\n"
        "which gives the same to the last event, and what happened in the window is printed: "
        "messages\n"
        "with sender, receiver, what they say, size and arrival; commits, certificates, heads, "
        "timers\n"
        "and faults of nodes. What a results file's run depended on and is another now (the "
        "program's\n"
        "version, a plug-in) is told on stderr.\n\n"
        "With `record: {trace: {from: 1s, to: 2s}}` in a scenario, or weft run --trace 1s..2s, "
        "the\n"
        "results file holds these rows in its table /messages, and the report draws them.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
