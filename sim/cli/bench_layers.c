/* weft bench layers: real token payments on networks of more and more layers. */
#include "models/world/world.h"
#include "sim/cli/cli.h"
#include "sim/cli/text.h"
#include "sim/cli/timing.h"
#include "sim/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* As in scenarios/scale/layers-32.yaml. */
enum { NODES = 16, RATE = 1000 /* payments a second and layer */ };
static const char head[] = "drain: 3s\n"
                           "signatures: modelled\n"
                           "network:\n"
                           "  latency: {kind: constant, delay: 20ms}\n"
                           "  topology: {kind: random-regular, degree: 8}\n"
                           "  link: {up: 1Gbit/s, down: 1Gbit/s}\n"
                           "record: {interval: 1s, transactions: none}\n";

static const uint32_t sizes[] = {1, 2, 4, 8, 16, 32};

struct options {
    uint64_t layers, transactions, threads;
    bool gossip, json;
};

struct figures {
    double setup, wall, cpu, peak_mb; /* s; of the run alone */
    uint64_t committed, events;
};

static void write_scenario(struct cli_text *t, const struct options *o, uint32_t layers)
{
    cli_text_add(t, "%s", head);
    cli_text_add(t, "duration: %lluns\n",
                 (unsigned long long)(o->transactions * 1000000000 / RATE));
    cli_text_add(t,
                 "layers:\n"
                 "  - name: shard\n"
                 "    count: %u\n"
                 "    nodes: %d\n"
                 "    consensus: {kind: tendermint, block_interval: 1s}\n"
                 "    execution: {kind: ladder, cores: 8}\n"
                 "    fees: {kind: eip1559, gas_limit: 120Mgas}\n"
                 "workload:\n",
                 layers, NODES);
    for (uint32_t i = 0; i < layers; i++) {
        char at[16] = "";
        if (layers > 1)
            snprintf(at, sizeof at, "-%u", i);
        cli_text_add(t, "  - {kind: erc20, layer: shard%s, rate: %d/s, accounts: 10k}\n", at, RATE);
    }
}

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum err_code measure(const struct options *o, uint32_t layers, struct figures *f,
                             struct err *err)
{
    struct cli_text text = {0};
    struct scenario *scenario = NULL;
    struct scenario_problems problems = {0};
    struct world *w = NULL;
    const struct world_options options = {.threads = (uint32_t)o->threads};
    const char *sets[] = {"network.transactions=arrivals"};
    write_scenario(&text, o, layers);
    double begin = cli_now();
    enum err_code code = text.failed
                             ? ERR_MEMORY
                             : scenario_parse(&scenario, &world_spec, "bench layers", text.text,
                                              text.size, sets, o->gossip ? 0 : 1, &problems);
    if (code != ERR_OK)
        err_set(err, code, "%s", problems.text ? problems.text : "no memory");
    else
        code = world_create(&w, scenario, &options, err);
    double wall = cli_now(), cpu = cpu_now();
    if (code == ERR_OK)
        code = world_run(w, err);
    if (code == ERR_OK) {
        struct rusage usage;
        struct world_summary s;
        *f = (struct figures){.setup = (wall - begin) * 1e-9,
                              .wall = (cli_now() - wall) * 1e-9,
                              .cpu = cpu_now() - cpu};
        getrusage(RUSAGE_SELF, &usage);
        f->peak_mb = (double)usage.ru_maxrss / 1024;
        world_summarise(w, &s);
        f->committed = s.committed;
        f->events = s.events;
    }
    world_destroy(w);
    scenario_destroy(scenario);
    scenario_problems_fini(&problems);
    cli_text_fini(&text);
    return code;
}

static void print_row(const struct options *o, uint32_t layers, const struct figures *f, bool first)
{
    double txs = (double)f->committed, each = f->cpu / txs * 1e6;
    if (o->json) {
        printf("%s\n  {\"layers\": %u, \"nodes\": %u, \"transactions\": %.0f, \"setup_s\": %.3f, "
               "\"wall_s\": %.3f, \"cpu_s\": %.3f, \"us_per_transaction\": %.3f, "
               "\"events\": %.0f, \"peak_rss_mb\": %.1f}",
               first ? "[" : ",", layers, layers * NODES, txs, f->setup, f->wall, f->cpu, each,
               (double)f->events, f->peak_mb);
    } else {
        if (first)
            printf("%6s %6s %12s %8s %8s %8s %11s %10s %9s\n", "layers", "nodes", "transactions",
                   "set up s", "run s", "CPU s", "CPU us a tx", "events", "peak MB");
        printf("%6u %6u %12.0f %8.2f %8.2f %8.2f %11.1f %8.1f M %9.0f\n", layers, layers * NODES,
               txs, f->setup, f->wall, f->cpu, each, (double)f->events / 1e6, f->peak_mb);
    }
    fflush(stdout);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {.transactions = 31250, .threads = cli_processors()};
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, &o, &operands);
    if (status >= 0)
        return status;
    const uint32_t one = (uint32_t)o.layers;
    const uint32_t *all = one ? &one : sizes;
    size_t count = one ? 1 : sizeof sizes / sizeof sizes[0];
    for (size_t i = 0; i < count; i++) {
        struct figures f = {0};
        struct err err = {0};
        if (measure(&o, all[i], &f, &err) != ERR_OK)
            return cli_complain(self, "%s", err.text);
        print_row(&o, all[i], &f, i == 0);
    }
    if (o.json)
        printf("\n]\n");
    return cli_finish(self, CLI_DONE);
}

static const struct cli_option option_rows[] = {
    {"layers", 0, CLI_U64, offsetof(struct options, layers), "N",
     "this number of layers alone (default: 1, 2, 4, 8, 16, 32)", 1, 1024, NULL},
    {"transactions", 0, CLI_U64, offsetof(struct options, transactions), "N",
     "about so many for each layer (31250: a million on 32)", 100, 100000000, NULL},
    {"threads", 0, CLI_U64, offsetof(struct options, threads), "N",
     "host threads (default: all processors)", 1, 1024, NULL},
    {"gossip", 0, CLI_FLAG, offsetof(struct options, gossip), NULL,
     "transactions spread by messages, three for each hop, not by times of arrival", 0, 0, NULL},
    {"json", 0, CLI_FLAG, offsetof(struct options, json), NULL, "one JSON array on stdout", 0, 0,
     NULL},
};

const struct cli_command cli_bench_layers = {
    .name = "bench layers",
    .operands = "",
    .summary = "whole scenarios of token payments, by number of layers",
    .details =
        "Layers of 16 nodes side by side, each with a state, Tendermint's blocks of a second and\n"
        "1,000 payments a second through the bytecode of an ERC-20 token, in all nodes' pools;\n"
        "scenarios/scale/layers-32.yaml is the last row. Prints what setting up took, and the run\n"
        "(host time, and processor time of all threads: in all and for each transaction).",
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};
