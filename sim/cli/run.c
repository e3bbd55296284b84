/* weft run: a scenario from YAML to a results file and a summary. */
#include "models/world/figures.h"
#include "models/world/layers.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "analysis/report.h"
#include "sim/cli/cli.h"
#include "sim/cli/text.h"

struct options {
    const char *output, *report;
    struct cli_list sets;
    uint64_t seed, threads;
    const char *trace;
    bool quiet, json;
};

#define NO_SEED UINT64_MAX

static const struct cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_STRING,
     .offset = offsetof(struct options, output),
     .value = "OUT.h5",
     .doc = "the results file (default: results/NAME.h5); none: no file"},
    {.name = "report",
     .type = CLI_STRING,
     .offset = offsetof(struct options, report),
     .value = "PAGE.html",
     .doc = "write the report page too"},
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
     .doc = "change a setting; may be given again"},
    {.name = "threads",
     .type = CLI_U64,
     .offset = offsetof(struct options, threads),
     .value = "N",
     .doc = "host threads; the results do not depend on it (default: all processors)",
     .min = 1,
     .max = 1024},
    {.name = "trace",
     .type = CLI_STRING,
     .offset = offsetof(struct options, trace),
     .value = "FROM..TO",
     .doc = "keep the messages of this window, as in 1s..2s; the report draws them"},
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, quiet),
     .doc = "no progress and no summary"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, json),
     .doc = "the summary as JSON"},
};

/* ---- interruption and progress ---- */

static volatile sig_atomic_t interrupted;

/* The first signal ends the run at its next sample; a second one kills, as without us. */
static void on_signal(int number)
{
    interrupted = 1;
    signal(number, SIG_DFL);
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct progress {
    double shown, began;
};

static void show_progress(void *self, sim_time now, sim_time end, uint64_t committed,
                          uint64_t height)
{
    struct progress *p = self;
    double wall = seconds_now();
    if (wall - p->shown < 0.1)
        return;
    p->shown = wall;
    fprintf(stderr, "\r\033[K%5.1f of %.1f s simulated, height %llu, %llu transactions, %.1f s",
            (double)now / 1e9, (double)end / 1e9, (unsigned long long)height,
            (unsigned long long)committed, wall - p->began);
    fflush(stderr);
}

/* ---- the summary ---- */

static void print_percentiles(const char *name, const char *unit, const struct world_percentiles *p)
{
    printf("  %-24s p50 %.4g   p90 %.4g   p99 %.4g %s\n", name, p->p50, p->p90, p->p99, unit);
}

/* In gwei, or in ether where that would be a long number. */
static void print_fees(const struct world_percentiles *gwei)
{
    bool ether = gwei->p50 >= 1e5 || gwei->p99 >= 1e6;
    double k = ether ? 1e-9 : 1;
    int digits = ether ? 6 : gwei->p50 < 100 ? 3 : 0;
    printf("  %-24s p50 %.*f   p90 %.*f   p99 %.*f %s\n", "fee of a transaction", digits,
           gwei->p50 * k, digits, gwei->p90 * k, digits, gwei->p99 * k, ether ? "ether" : "gwei");
}

static void print_spread(const struct world_summary *s)
{
    printf("  %-24s half in %.4g s", "blocks reach nodes", s->propagation_p50_s.mean);
    if (s->propagation_p90_s.mean > 0)
        printf(", nine in ten in %.4g s, the last in %.4g s", s->propagation_p90_s.mean,
               s->propagation_last_s.mean);
    printf("; %.2f %% of blocks stale\n", s->stale_rate * 100);
}

static void print_sent(const char *what, const struct world_traffic *t)
{
    if (t->messages)
        printf(", %s %llu (%.3g MB)", what, (unsigned long long)t->messages,
               (double)t->bytes / 1e6);
}

/* What the protocol itself costs, beside the rest. */
static void print_traffic(const struct world_summary *s)
{
    printf("  %-24s %llu messages, %.1f MB, %llu events\n", "traffic",
           (unsigned long long)s->messages, (double)s->bytes / 1e6, (unsigned long long)s->events);
    if (!s->messages)
        return;
    printf("  %-24s blocks %llu (%.3g MB)", "", (unsigned long long)s->blocks_sent.messages,
           (double)s->blocks_sent.bytes / 1e6);
    print_sent("votes and the like", &s->votes_sent);
    print_sent("transactions", &s->txs_sent);
    print_sent("announcements and requests", &s->control_sent);
    print_sent("catch-up", &s->sync_sent);
    print_sent("between layers", &s->layers_sent);
    printf("\n");
    if (s->committed_blocks)
        printf("  %-24s %.4g messages, %.4g kB (blocks, votes and the like)\n",
               "protocol, a final block",
               (double)(s->blocks_sent.messages + s->votes_sent.messages) /
                   (double)s->committed_blocks,
               (double)(s->blocks_sent.bytes + s->votes_sent.bytes) / 1e3 /
                   (double)s->committed_blocks);
}

/* "equivocation of nodes 1, 4 from 20 s to 40 s" */
static void print_fault(const struct world_fault *f)
{
    printf("%s", f->kind);
    for (uint32_t i = 0; i < f->node_count; i++)
        printf("%s%u", i ? ", " : f->node_count > 1 ? " of nodes " : " of node ", f->nodes[i]);
    if (f->more)
        printf(" and others");
    if (f->begins > 1 && (f->begins > f->node_count || f->node_count == 0))
        printf(", %llu times,", (unsigned long long)f->begins);
    printf(" from %.4g s", (double)f->first / 1e9);
    if (f->ends >= f->begins)
        printf(" to %.4g s", (double)f->last / 1e9);
    else
        printf(" on");
}

static void print_faults(const struct world_summary *s)
{
    for (uint32_t i = 0; i < s->fault_kinds; i++) {
        printf("  %-24s ", i ? "" : "faults");
        print_fault(&s->faults[i]);
        printf("\n");
    }
    if (s->judges && !s->safety_violations && !s->liveness_violations)
        printf("  %-24s %u looked on, and found nothing\n", "judges", s->judges);
}

static void print_audits(const struct world_audits *a)
{
    printf(
        "  %-24s %llu of %llu blocks; %llu members executed, %.3g s of a core each, %.3g %% of all "
        "cores' time\n",
        "audits", (unsigned long long)a->audited, (unsigned long long)a->blocks,
        (unsigned long long)a->executed, a->executed ? a->core_s : 0, a->core_share * 100);
    if (a->frauds)
        printf("  %-24s %llu false blocks, %llu proven in time (%.1f %%; closed form %.1f %%)", "",
               (unsigned long long)a->frauds, (unsigned long long)a->detected,
               a->detected_share * 100, a->expected_share * 100);
    if (a->detected)
        printf(", %.3g s after commit; %.4g ether slashed, %.4g of them burnt", a->delay_s,
               a->slashed_ether, a->burnt_ether);
    if (a->late)
        printf("; %llu proven too late", (unsigned long long)a->late);
    if (a->frauds)
        printf("\n");
    if (a->executed)
        printf("  %-24s mean income of who executed: %.4g ether in the whole run\n", "",
               a->income_ether);
    printf("  %-24s %s\n", "", a->text);
}

/* Whose crossings these are: some protocols take plain payments only, calls go by another. */
static void print_carriers(const struct world_partition *p)
{
    unsigned long long calls = p->calls, others = p->carried - p->calls;
    if (!p->calls_by || !calls)
        printf("%s", p->protocol);
    else if (!others)
        printf("%s (all are calls; %s takes plain payments only)", p->calls_by, p->protocol);
    else
        printf("%s (%llu) and, for calls, %s (%llu)", p->protocol, others, p->calls_by, calls);
}

static void print_partition(const struct world_partition *p)
{
    printf("  %-24s %.1f %% of the committed (%llu), by ", "crossings", p->cross_share * 100,
           (unsigned long long)p->crossings);
    print_carriers(p);
    if (!isnan(p->tries))
        printf("; %.3g tries", p->tries);
    printf("; %llu given up\n", (unsigned long long)p->dropped);
    if (p->crossings) {
        print_percentiles("  their latency", "s", &p->cross_latency_s);
        if (p->cross_share < 1)
            print_percentiles("  that of others", "s", &p->local_latency_s);
        if (p->paid) {
            print_percentiles("    until the money came", "s", &p->paid_s);
            if (p->paying)
                printf("  %-24s %llu payments, whose money had left and not come\n",
                       "  under way at the end", (unsigned long long)p->paying);
        }
    }
    if (p->locks)
        print_percentiles("  accounts locked for", "s", &p->locked_s);
    if (p->held)
        printf("  %-24s by %llu at the end, the first for %.3g s so far\n", "  and still locked",
               (unsigned long long)p->held, p->held_s);
    if (p->left_out_foreign + p->left_out_locked)
        printf("  %-24s %llu times a block was built without one that touched another layer's "
               "account, %llu times a locked one\n",
               "left out", (unsigned long long)p->left_out_foreign,
               (unsigned long long)p->left_out_locked);
    printf("  %-24s by %s", "routing", p->policy);
    if (!isnan(p->imbalance))
        printf(": the busiest layer has %.3g times the mean load", p->imbalance);
    if (!isnan(p->regret))
        printf("; with crossings, %.3g %% more to do than by the best placement found",
               p->regret * 100);
    if (!isnan(p->prediction_error))
        printf("; predictions %.3g %% off", p->prediction_error * 100);
    if (p->epochs > 1) {
        printf("\n  %-24s", "crossings by epoch");
        for (uint32_t i = 0; i < p->epochs; i++)
            printf(" %.3g", isnan(p->epoch_share[i]) ? 0 : p->epoch_share[i] * 100);
        printf(" %%");
    }
    printf("\n  %-24s %llu accounts (%.3g MB), %llu refused\n", "moved",
           (unsigned long long)p->moves, (double)p->move_bytes / 1e6,
           (unsigned long long)p->moves_refused);
    if (p->cheapest[0])
        printf("  %-24s mean of a layer's blocks: least %.4g (%s)   most %.4g gwei/gas (%s)\n",
               "base fees of layers", p->base_fee_least_gwei, p->cheapest, p->base_fee_most_gwei,
               p->dearest);
}

static void print_takeover(const struct world_takeovers *t)
{
    printf("  %-24s %llu", "layers given up", (unsigned long long)t->count);
    if (t->count)
        printf("; %.3g s after the last final block", t->detect_s);
    if (!isnan(t->move_s))
        printf(", its accounts came %.3g s later", t->move_s);
    if (!isnan(t->recovery_s))
        printf(", its users' first commit %.3g s after the last", t->recovery_s);
    printf("; %.3g kB told of each block\n", t->beat_bytes / 1e3);
    if (!t->count)
        return;
    printf("  %-24s %llu accounts (%.3g MB), %llu transactions not final ran again, %llu final "
           "ones lost; other layers' blocks %.1f %% full before, %.1f %% after\n",
           "  taken over", (unsigned long long)t->accounts, (double)t->bytes / 1e6,
           (unsigned long long)t->undone, (unsigned long long)t->lost, t->fill_before * 100,
           t->fill_after * 100);
}

static void print_verified(const struct world_verified *v)
{
    printf("  %-24s %llu transactions in %llu blocks executed once more, on one state: ",
           "verified", (unsigned long long)v->txs, (unsigned long long)v->blocks);
    if (v->differences)
        printf("%llu differences\n", (unsigned long long)v->differences);
    else
        printf("the same\n");
}

static void print_summary(const struct world_summary *s, const char *name, uint32_t layers,
                          double wall)
{
    printf("%s: %.1f s simulated in %.1f s%s\n\n", name, (double)s->end / 1e9, wall,
           s->stopped ? " (stopped early)" : "");
    if (layers > 1)
        printf("  Figures are over all %u layers; the results file's table layers has each.\n\n",
               layers);
    printf("  %-24s %.1f/s, %llu in all\n", "transactions offered", s->offered_rate,
           (unsigned long long)s->offered);
    printf("  %-24s %llu by the end, %.1f/s within the measured %.4g s", "transactions committed",
           (unsigned long long)s->committed, s->achieved_rate, (double)s->measured / 1e9);
    printf("; %llu reverted, %llu dropped", (unsigned long long)s->reverted,
           (unsigned long long)s->dropped);
    if (s->skipped)
        printf(" (%llu ordered, but skipped as invalid)", (unsigned long long)s->skipped);
    if (s->gave_up)
        printf(" (%llu given up, waiting for a lower fee)", (unsigned long long)s->gave_up);
    printf(", %llu pending\n", (unsigned long long)s->pending);
    print_percentiles("latency", "s", &s->latency_s);
    print_fees(&s->fee_gwei);
    print_percentiles("tip", "gwei/gas", &s->tip_gwei);
    printf("  %-24s first %.4g   last %.4g", "base fee", s->base_fee_first_gwei,
           s->base_fee_last_gwei);
    if (s->base_fee_min_gwei < s->base_fee_max_gwei)
        printf("   least %.4g   most %.4g", s->base_fee_min_gwei, s->base_fee_max_gwei);
    printf(" gwei/gas\n");
    printf("  %-24s %.2f Mgas/s\n", "gas", s->gas_rate / 1e6);
    printf("  %-24s %llu, one every %.3f s, %.0f transactions, %.1f %% full", "blocks",
           (unsigned long long)s->blocks, s->block_interval_s, s->block_txs, s->block_packed * 100);
    if (fabs(s->block_packed - s->block_fill) > 0.0005)
        printf(" by what they reserve, %.1f %% by the gas they used", s->block_fill * 100);
    printf("\n");
    if (s->speculative_s.mean > 0)
        printf("  %-24s p50 %.4g   p90 %.4g   mean %.4g s after a block's proposal\n",
               "final unless one lies", s->speculative_s.p50, s->speculative_s.p90,
               s->speculative_s.mean);
    if (s->propagation_p50_s.mean > 0)
        print_spread(s);
    printf("  %-24s %llu stale blocks, %llu further rounds, %llu crashes (whole run)\n", "trouble",
           (unsigned long long)s->stale_blocks, (unsigned long long)s->failed_rounds,
           (unsigned long long)s->crashes);
    print_faults(s);
    printf("  %-24s %llu executions, %llu aborted; speed-up %.2f (by the longest chain of "
           "conflicts alone, a guide: %.2f)\n",
           "execution", (unsigned long long)s->executions, (unsigned long long)s->aborts,
           s->speed_up, s->speed_up_bound);
    printf("  %-24s cores %.2f %%, signatures %.2f %%, busiest uplink %.2f %% (of the whole run)\n",
           "utilisation", s->core_utilisation * 100, s->signature_utilisation * 100,
           s->link_utilisation * 100);
    print_traffic(s);
    if (s->partition.on)
        print_partition(&s->partition);
    if (s->verified.on)
        print_verified(&s->verified);
    if (s->takeover.on)
        print_takeover(&s->takeover);
    if (s->audits.on)
        print_audits(&s->audits);
    if (s->nodes_behind)
        printf("  %-24s %llu nodes at the end; node %u by %llu blocks\n", "fallen behind",
               (unsigned long long)s->nodes_behind, s->furthest,
               (unsigned long long)s->most_behind);
    if (s->liveness_violations)
        printf("  %-24s %llu violations\n", "LIVENESS", (unsigned long long)s->liveness_violations);
    if (s->safety_violations)
        printf("  %-24s %llu violations\n", "SAFETY", (unsigned long long)s->safety_violations);
    printf("\nWhat limited it: %s\n", s->limit_text);
    if (s->warning[0])
        printf("\nWarning: %s\n", s->warning);
}

static void add_number(struct cli_text *t, const char *name, double x, bool last)
{
    cli_text_json(t, name);
    if (isfinite(x))
        cli_text_add(t, ": %.17g%s", x, last ? "" : ", ");
    else
        cli_text_add(t, ": null%s", last ? "" : ", ");
}

/* "latency_s.p50" and its kind become one object. */
static void add_figures(struct cli_text *t, const struct world_summary *s)
{
    const struct figure *f;
    char open[64] = "";
    for (size_t i = 0; (f = figure_at(i)); i++) {
        const char *dot = strchr(f->name, '.');
        size_t size = dot ? (size_t)(dot - f->name) : 0;
        if (dot && (strlen(open) != size || memcmp(open, f->name, size) != 0)) {
            snprintf(open, sizeof open, "%.*s", (int)size, f->name);
            cli_text_json(t, open);
            cli_text_add(t, ": {");
        }
        const struct figure *next = figure_at(i + 1);
        bool last = dot && !(next && strncmp(next->name, f->name, size + 1) == 0);
        add_number(t, dot ? dot + 1 : f->name, figure_value(i, s), last);
        if (last)
            cli_text_add(t, "}, ");
    }
}

/* What struck whom, as in the summary: to_s is null where it lasted to the end. */
static void add_faults(struct cli_text *t, const struct world_summary *s)
{
    cli_text_add(t, "\"faults\": [");
    for (uint32_t i = 0; i < s->fault_kinds; i++) {
        const struct world_fault *f = &s->faults[i];
        cli_text_add(t, "%s{\"kind\": ", i ? ", " : "");
        cli_text_json(t, f->kind);
        cli_text_add(t, ", \"times\": %llu, ", (unsigned long long)f->begins);
        add_number(t, "from_s", (double)f->first / 1e9, false);
        add_number(t, "to_s", f->ends >= f->begins ? (double)f->last / 1e9 : NAN, false);
        cli_text_add(t, "\"nodes\": [");
        for (uint32_t n = 0; n < f->node_count; n++)
            cli_text_add(t, "%s%u", n ? ", " : "", f->nodes[n]);
        cli_text_add(t, "], \"and_others\": %s}", f->more ? "true" : "false");
    }
    cli_text_add(t, "], \"judges\": %u, ", s->judges);
}

static int print_json(const struct cli_command *self, const struct world_summary *s,
                      const char *name, const char *out, double wall)
{
    struct cli_text t = {0};
    cli_text_add(&t, "{\"scenario\": ");
    cli_text_json(&t, name);
    cli_text_add(&t, ", \"results\": ");
    cli_text_json(&t, out);
    cli_text_add(&t, ", \"digest\": ");
    cli_text_json(&t, s->digest);
    cli_text_add(&t, ", \"completed\": %s, ", s->stopped ? "false" : "true");
    add_number(&t, "wall_s", wall, false);
    add_figures(&t, s);
    add_faults(&t, s);
    cli_text_add(&t, "\"limit\": ");
    cli_text_json(&t, world_limit_name(s->limit));
    cli_text_add(&t, ", \"limit_text\": ");
    cli_text_json(&t, s->limit_text);
    cli_text_add(&t, ", \"warning\": ");
    cli_text_json(&t, s->warning);
    cli_text_add(&t, "}\n");
    int status = t.failed ? cli_complain(self, "no memory left") : CLI_DONE;
    if (!t.failed)
        fputs(t.text, stdout);
    cli_text_fini(&t);
    return status;
}

/* ---- names and places ---- */

/* The scenario's name, or its file's without folder and .yaml; only letters that a file name
 * bears. */
static void run_name(const struct scenario *scenario, char *out, size_t size)
{
    const struct world_cfg *cfg = scenario_root(scenario);
    const char *path = scenario_path(scenario), *slash = strrchr(path, '/');
    snprintf(out, size, "%s", cfg->name[0] ? cfg->name : slash ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (!cfg->name[0] && dot && dot != out)
        *dot = 0;
    for (char *c = out; *c; c++)
        if (*c == '/' || (unsigned char)*c < ' ')
            *c = '-';
    if (out[0] == '.')
        out[0] = '-';
}

static void host_name(char *out, size_t size)
{
    struct utsname u;
    if (uname(&u) != 0) {
        snprintf(out, size, "unknown");
        return;
    }
    snprintf(out, size, "%s %s, %u processors", u.sysname, u.machine, cli_processors());
}

/* ---- the run ---- */

struct job {
    const char *path; /* of the scenario */
    const struct cli_command *self;
    const struct options *options;
    struct scenario *scenario;
    struct world *world;
    char name[128], out[4096];
    double began;
};

static int load(struct job *j, const char *path)
{
    const struct options *o = j->options;
    const char **sets = malloc((o->sets.count + 2) * sizeof *sets);
    char seed[32], window[160];
    size_t count = o->sets.count;
    struct scenario_problems problems = {0};
    if (!sets)
        return cli_complain(j->self, "no memory left");
    for (size_t i = 0; i < count; i++)
        sets[i] = o->sets.items[i];
    if (o->seed != NO_SEED) {
        snprintf(seed, sizeof seed, "seed=%llu", (unsigned long long)o->seed);
        sets[count++] = seed;
    }
    if (o->trace) {
        const char *dots = strstr(o->trace, "..");
        int size = dots ? (int)(dots - o->trace) : 0;
        if (!dots || size == 0 || size > 60 || !dots[2] || strlen(dots) > 60) {
            free(sets);
            return cli_complain(j->self, "--trace: '%s' is no window of time, as 1s..2s", o->trace);
        }
        snprintf(window, sizeof window, "record.trace={from: %.*s, to: %s}", size, o->trace,
                 dots + 2);
        sets[count++] = window;
    }
    enum err_code code = scenario_load(&j->scenario, &world_spec, path, sets, count, &problems);
    free(sets);
    if (code != ERR_OK) {
        fputs(problems.text ? problems.text : "weft run: no memory left\n", stderr);
        scenario_problems_fini(&problems);
        return CLI_BAD_INPUT;
    }
    scenario_problems_fini(&problems);
    if (!o->quiet)
        fputs(scenario_notes(j->scenario), stderr);
    return -1;
}

static int place_output(struct job *j)
{
    run_name(j->scenario, j->name, sizeof j->name);
    bool nowhere = j->options->output && strcmp(j->options->output, "none") == 0;
    if (nowhere && j->options->report)
        return cli_complain(j->self, "--report draws a results file: give one with -o");
    if (nowhere)
        return -1;
    if (j->options->output) {
        snprintf(j->out, sizeof j->out, "%s", j->options->output);
        return -1;
    }
    if (mkdir("results", 0777) != 0 && errno != EEXIST)
        return cli_complain(j->self, "cannot make the folder results: %s; give a file with -o",
                            strerror(errno));
    snprintf(j->out, sizeof j->out, "results/%s.h5", j->name);
    return -1;
}

static int simulate(struct job *j)
{
    struct progress progress = {.began = j->began};
    struct err err = {0};
    char host[192], start[32];
    time_t now = time(NULL);
    struct tm utc;
    bool terminal = isatty(STDERR_FILENO) && !j->options->quiet;
    host_name(host, sizeof host);
    strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    struct world_options world = {
        .threads = (uint32_t)j->options->threads,
        .out = j->out[0] ? j->out : NULL,
        .program_version = WEFT_VERSION,
        .host = host,
        .start = start,
        .stop = &interrupted,
        .progress = terminal ? show_progress : NULL,
        .progress_self = &progress,
    };
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    enum err_code code = world_create(&j->world, j->scenario, &world, &err);
    if (code == ERR_OK)
        code = world_run(j->world, &err);
    if (terminal)
        fputs("\r\033[K", stderr);
    if (code == ERR_OK)
        return -1;
    fprintf(stderr, "weft run: %s\n", err.text);
    return interrupted && !j->world ? CLI_FAILED : CLI_BAD_INPUT;
}

/* Whether every figure that the scenario expects holds, or is explained. */
static bool as_expected(const struct world_cfg *cfg, const struct world_summary *s)
{
    const struct world_figure *all = cfg->expect.figures.items;
    double deviation;
    for (size_t i = 0; i < cfg->expect.figures.count; i++)
        if (figure_judge(&all[i], figure_value(figure_find(all[i].figure), s), &deviation) ==
            FIGURE_OFF)
            return false;
    return true;
}

static void print_expectations(const struct world_cfg *cfg, const struct world_summary *s)
{
    const struct world_figure *all = cfg->expect.figures.items;
    for (size_t i = 0; i < cfg->expect.figures.count; i++) {
        size_t f = figure_find(all[i].figure);
        double value = figure_value(f, s), deviation;
        enum figure_verdict v = figure_judge(&all[i], value, &deviation);
        printf("%s%s is %.4g, %s %.4g expected (%+.1f %%): %s%s\n", i ? "" : "\n", all[i].figure,
               value, world_bound_names.names[all[i].bound], all[i].target, deviation * 100,
               v == FIGURE_HOLDS       ? "holds"
               : v == FIGURE_EXPLAINED ? "off, because "
                                       : "OFF",
               v == FIGURE_EXPLAINED ? all[i].because : "");
    }
}

/* What judges found, and the command that shows it again. */
static void print_findings(const struct job *j, const struct world_summary *s)
{
    const struct world_cfg *cfg = scenario_root(j->scenario);
    const struct options *o = j->options;
    for (uint32_t i = 0; i < s->finding_count; i++) {
        const struct world_finding *f = &s->findings[i];
        printf("%s%s at %.3f s (%s): %s\n", i ? "" : "\n", f->liveness ? "Liveness" : "Safety",
               (double)f->time / 1e9, f->judge, f->text);
    }
    uint64_t more = s->safety_violations + s->liveness_violations - s->finding_count;
    if (more)
        printf("... and %llu more in the table /violations\n", (unsigned long long)more);
    if (!s->finding_count)
        return;
    printf("Replay: weft run %s --seed %llu", j->path, (unsigned long long)cfg->seed);
    for (size_t i = 0; i < o->sets.count; i++)
        printf(" --set '%s'", o->sets.items[i]);
    printf("\n");
}

static int verdict(const struct job *j, const struct world_summary *s)
{
    const struct world_cfg *cfg = scenario_root(j->scenario);
    if (s->safety_violations > 0 && !cfg->expect.unsafe)
        return CLI_UNSAFE;
    if (!as_expected(cfg, s))
        return CLI_FAILED;
    if (s->stopped || (s->safety_violations == 0 && cfg->expect.unsafe))
        return CLI_FAILED;
    return CLI_DONE;
}

static int conclude(struct job *j)
{
    struct world_summary s;
    const struct options *o = j->options;
    world_summarise(j->world, &s);
    double wall = seconds_now() - j->began;
    world_destroy(j->world); /* closes the results file, before anybody reads it */
    j->world = NULL;
    int status = verdict(j, &s);
    struct err err = {0};
    bool page = o->report && report_write(j->out, o->report, NULL, &err) == ERR_OK;
    if (o->json) {
        int printed = print_json(j->self, &s, j->name, j->out, wall);
        status = printed == CLI_DONE ? status : printed;
    } else if (!o->quiet) {
        const struct world_cfg *cfg = scenario_root(j->scenario);
        print_summary(&s, j->name, world_layer_total(cfg), wall);
        print_findings(j, &s);
        print_expectations(cfg, &s);
        printf("\nResults: %s%s\n", j->out[0] ? j->out : "kept nowhere",
               s.stopped ? " (incomplete)" : "");
        if (!s.stopped)
            printf("Digest:  %s\n", s.digest);
        if (page)
            printf("Report:  %s\n", o->report);
        else if (j->out[0])
            printf("Look at it: weft report %s\n", j->out);
    }
    if (o->report && !page)
        return cli_complain(j->self, "%s", err.text);
    return status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {.seed = NO_SEED};
    struct cli_operands operands;
    o.threads = cli_processors();
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status >= 0)
        return status;
    struct job j = {.self = self, .options = &o, .began = seconds_now()};
    j.path = operands.items[0];
    status = load(&j, j.path);
    if (status < 0)
        status = place_output(&j);
    if (status < 0)
        status = simulate(&j);
    if (status < 0)
        status = conclude(&j);
    world_destroy(j.world);
    scenario_destroy(j.scenario);
    cli_list_fini(&o.sets);
    return cli_finish(self, status);
}

const struct cli_command cli_run = {
    .name = "run",
    .operands = "FILE",
    .summary = "run a scenario",
    .details =
        "Reads the scenario, simulates it, writes the results file and prints a summary of the\n"
        "measured part: offered and achieved load, latency, fees, blocks, parallel execution and\n"
        "what limited the run. The same scenario and seed give the same results, whatever the\n"
        "number of threads.\n\n"
        "In the summary, of the whole run: stale blocks are those that lost against others; "
        "further\n"
        "rounds are rounds, views or slots beyond a height's first, as when a leader fails; the\n"
        "protocol's messages for a final block are those that carry blocks, votes and the like,\n"
        "whatever spreads transactions left out.\n\n"
        "--set changes one setting of the file, as in layers.main.nodes=16 or\n"
        "'workload[0].rate=50/s'. With .kind=NAME (layers.main.fees.kind=fixed) the settings that\n"
        "the model NAME has too are kept and those of the old model alone are dropped; a line on\n"
        "stderr says which.\n\n"
        "Ctrl-C ends the run early: the results file holds what happened so far and is marked as\n"
        "incomplete (status 1). A figure that is not what expect.figures wants is status 1 as "
        "well.\n"
        "Broken safety, where the scenario does not expect it, is status 3.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
