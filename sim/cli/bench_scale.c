/* weft bench scale: whole scenarios of proof of work without transactions, by number of nodes. */
#include "models/world/world.h"
#include "sim/cli/cli.h"
#include "sim/scenario/scenario.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* SimBlock as it is shipped, and as scenarios/validation/simblock-2019-10000-compact.yaml has it.
 */
static const char base[] =
    "name: scale\n"
    "duration: 1s\n"
    "drain: 600s\n"
    "network:\n"
    "  latency: {kind: regions, matrix: six-regions-2019, shares: bitcoin-2019}\n"
    "  jitter: simblock\n"
    "  link: {kind: serial, rates: simblock-2019}\n"
    "  topology: {kind: outbound, degrees: bitcoin-2015}\n"
    "  blocks: {kind: compact, timeout: 1h}\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 1\n"
    "    weights: normal(400000, 100000, 1)\n"
    "    block_size: 535000B\n"
    "    consensus: {kind: pow, block_interval: 10min, empty: true}\n"
    "    execution: {kind: serial, cores: 1, state_root: none}\n"
    "record: {interval: 600s, transactions: none}\n";

static const struct row {
    const char *name;
    unsigned nodes, seconds;
} rows[] = {
    {"100 blocks", 1000, 60000},
    {"a day of Bitcoin", 8000, 86400},
    {"100 blocks", 10000, 60000},
    {"10 blocks", 100000, 6000},
};

struct options {
    uint64_t nodes, seconds;
    bool json;
};

struct figures {
    double wall, cpu, idle, after, peak_mb;
    struct world_summary s;
};

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return (double)m.uordblks + (double)m.hblkhd;
}

static enum err_code measure(const struct row *row, struct figures *f, struct err *err)
{
    char nodes[48], duration[48];
    struct scenario *scenario = NULL;
    struct scenario_problems problems = {0};
    struct world *w = NULL;
    const struct world_options options = {.threads = 1};
    const char *sets[] = {nodes, duration};
    snprintf(nodes, sizeof nodes, "layers.main.nodes=%u", row->nodes);
    snprintf(duration, sizeof duration, "duration=%us", row->seconds);
    double before = heap(), wall = seconds_of(CLOCK_MONOTONIC);
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    enum err_code code =
        scenario_parse(&scenario, &world_spec, "bench scale", base, sizeof base - 1, sets,
                       sizeof sets / sizeof sets[0], &problems);
    if (code != ERR_OK)
        err_set(err, code, "%s", problems.text ? problems.text : "no memory");
    else
        code = world_create(&w, scenario, &options, err);
    if (code == ERR_OK) {
        f->idle = (heap() - before) / row->nodes;
        code = world_run(w, err);
    }
    if (code == ERR_OK) {
        struct rusage usage;
        f->after = (heap() - before) / row->nodes;
        f->wall = seconds_of(CLOCK_MONOTONIC) - wall;
        f->cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        getrusage(RUSAGE_SELF, &usage);
        f->peak_mb = (double)usage.ru_maxrss / 1024;
        world_summarise(w, &f->s);
    }
    world_destroy(w);
    scenario_destroy(scenario);
    scenario_problems_fini(&problems);
    return code;
}

static void print_row(const struct options *o, const struct row *row, const struct figures *f,
                      bool first)
{
    double blocks = (double)(f->s.blocks + f->s.stale_blocks), events = (double)f->s.events;
    double each = f->cpu / events * 1e9, spread = f->cpu / (blocks * row->nodes) * 1e6;
    if (o->json) {
        printf(
            "%s\n  {\"what\": \"%s\", \"nodes\": %u, \"blocks\": %.0f, \"cpu_s\": %.3f, "
            "\"wall_s\": %.3f, \"events\": %.0f, \"events_per_s\": %.0f, \"ns_per_event\": %.1f, "
            "\"us_per_node_and_block\": %.3f, \"idle_bytes_per_node\": %.0f, "
            "\"end_bytes_per_node\": %.0f, \"peak_rss_mb\": %.1f}",
            first ? "[" : ",", row->name, row->nodes, blocks, f->cpu, f->wall, events,
            events / f->cpu, each, spread, f->idle, f->after, f->peak_mb);
    } else {
        if (first)
            printf("%-17s %7s %7s %8s %8s %9s %9s %7s %9s %9s %8s\n", "what", "nodes", "blocks",
                   "CPU s", "events", "a second", "an event", "us", "idle", "at end", "peak");
        printf("%-17s %7u %7.0f %8.2f %6.1f M %7.2f M %6.0f ns %7.2f %7.0f B %7.0f B %5.0f MB\n",
               row->name, row->nodes, blocks, f->cpu, events / 1e6, events / f->cpu / 1e6, each,
               spread, f->idle, f->after, f->peak_mb);
    }
    fflush(stdout);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status >= 0)
        return status;
    const struct row one = {"chosen", (unsigned)o.nodes, (unsigned)(o.seconds ? o.seconds : 60000)};
    const struct row *all = o.nodes ? &one : rows;
    size_t count = o.nodes ? 1 : sizeof rows / sizeof rows[0];
    for (size_t i = 0; i < count; i++) {
        struct figures f = {0};
        struct err err = {0};
        if (measure(&all[i], &f, &err) != ERR_OK)
            return cli_complain(self, "%s", err.text);
        print_row(&o, &all[i], &f, i == 0);
    }
    if (o.json)
        printf("\n]\n");
    return cli_finish(self, CLI_DONE);
}

static const struct cli_option option_rows[] = {
    {"nodes", 0, CLI_U64, offsetof(struct options, nodes), "N", "this number of nodes alone", 1,
     10000000, NULL},
    {"seconds", 0, CLI_U64, offsetof(struct options, seconds), "S",
     "with --nodes: of virtual time, a block every 600 (60000)", 1, 100000000, NULL},
    {"json", 0, CLI_FLAG, offsetof(struct options, json), NULL, "one JSON array on stdout", 0, 0,
     NULL},
};

const struct cli_command cli_bench_scale = {
    .name = "bench scale",
    .operands = "",
    .summary = "whole scenarios of proof of work, by number of nodes",
    .details =
        "Nodes that all mine, SimBlock's shipped settings, blocks of 535 kB without transactions,\n"
        "one every 600 s: everything that weft run does but the results file. Prints CPU time and\n"
        "events; CPU time an event, and a node and block (us); heap a node as soon as the nodes\n"
        "stand (idle: models, links, topology, pools) and at the end (pending events, buffered\n"
        "rows too); the peak memory of the process so far. One host thread.",
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};
