/* weft bench network: blocks spread by gossip, nothing else simulated. */
#include "models/network/network.h"
#include "sim/base/mem.h"
#include "sim/cli/cli.h"
#include "sim/scenario/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Six regions; rates between those of the regions' uplinks. Jitter of the link, or SimBlock's. */
#define WORLD                                                                                      \
    "latency: {kind: regions, matrix: six-regions-2019}\n"                                         \
    "link: {up: 20Mbit/s, down: 40Mbit/s, jitter: lognormal(0ms, 20%)}\n"                          \
    "topology: {kind: random-regular, degree: 8}\n"
static const struct setting {
    const char *name, *network;
} settings[] = {
    {"inv", WORLD "blocks: {kind: inv, timeout: 60s}\n"},
    {"push", WORLD "blocks: push\n"},
    {"gossipsub", "latency: {kind: regions, matrix: six-regions-2019}\n"
                  "link: {up: 25Mbit/s, down: 50Mbit/s, jitter: lognormal(0ms, 20%)}\n"
                  "topology: {kind: random-regular, degree: 50}\nblocks: gossipsub\n"},
    /* As it is shipped: settings/NetworkConfiguration.java, SimulationConfiguration.java. */
    {"simblock", "latency: {kind: regions, matrix: six-regions-2019, shares: bitcoin-2019}\n"
                 "jitter: simblock\nlink: {kind: serial, rates: simblock-2019}\n"
                 "topology: {kind: outbound, degrees: bitcoin-2015}\nblocks: compact\n"},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

struct options {
    uint64_t blocks, size, nodes;
    const char *setting;
    bool json;
};

struct bench {
    const struct options *options;
    struct sim *sim;
    struct net *net;
    node_id nodes;
    sim_handler_id mine;
    uint64_t mined;
    struct sim_stream rng;
    double *delays;  /* of every delivery, ms; a block's are over before the next one */
    uint64_t *begun; /* by block: deliveries before it */
    uint64_t delivered;
};

struct figures {
    node_id nodes;
    const char *gossip;
    double seconds;
    uint64_t events, delivered;
    double p50_ms, p90_ms, last_ms, engine_bytes, peak_mb;
};

static bool deliver(void *self, node_id to, node_id from, struct message *m)
{
    struct bench *b = self;
    sim_time made;
    (void)to, (void)from;
    memcpy(&made, m->payload, sizeof made);
    b->delays[b->delivered++] = (double)(sim_now(b->sim) - made) / (double)SIM_MS;
    return true;
}

static bool up(void *self, node_id node)
{
    (void)self, (void)node;
    return true;
}

static void mine(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct bench *b = self;
    sim_time now = ev->time;
    struct message *m = message_create(CHANNEL_BLOCK, 0, sizeof now);
    if (!m) {
        sim_fail(sim, ERR_MEMORY);
        return;
    }
    memcpy(m->payload, &now, sizeof now);
    m->size = (uint32_t)b->options->size;
    m->origin = (node_id)sim_stream_below(&b->rng, b->nodes);
    b->begun[b->mined] = b->delivered;
    net_publish(b->net, 0, m->origin, m);
    if (++b->mined < b->options->blocks)
        sim_schedule(sim, now + 600 * SIM_SEC, SIM_CLASS_WORKLOAD, b->nodes, b->mine, 0, 0);
}

static int ascending(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(struct bench *b, double began, struct figures *f)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    f->seconds = seconds() - began;
    f->events = sim_events(b->sim);
    f->delivered = b->delivered;
    f->engine_bytes = (double)sim_bytes(b->sim) / b->nodes;
    f->peak_mb = (double)usage.ru_maxrss / 1024;
    for (uint64_t i = 0; i < b->mined; i++) {
        uint64_t end = i + 1 < b->mined ? b->begun[i + 1] : b->delivered, n = end - b->begun[i];
        double *of = b->delays + b->begun[i];
        if (n == 0)
            continue;
        qsort(of, n, sizeof *of, ascending);
        f->p50_ms += of[n / 2] / (double)b->mined;
        f->p90_ms += of[n * 9 / 10] / (double)b->mined;
        f->last_ms += of[n - 1] / (double)b->mined;
    }
}

static enum err_code run_bench(struct bench *b, const struct net_cfg *cfg, struct figures *f,
                               struct err *err)
{
    const node_id first[] = {0, b->nodes};
    const struct net_host host = {.self = b, .deliver = deliver, .up = up};
    double began = seconds();
    b->delays = mem_alloc(b->nodes * b->options->blocks, sizeof *b->delays);
    b->begun = mem_alloc(b->options->blocks, sizeof *b->begun);
    enum err_code code = b->delays && b->begun ? sim_create(&b->sim, 1) : ERR_MEMORY;
    if (code == ERR_OK)
        code = net_create(&b->net, cfg, b->sim, 1, first, &host, err);
    if (code == ERR_OK)
        code = sim_add_handler(b->sim, &b->mine, "mine", mine, b);
    if (code == ERR_OK) {
        sim_stream_init(&b->rng, 1, 0, sim_purpose("bench.miner"));
        code = sim_schedule(b->sim, 0, SIM_CLASS_WORKLOAD, b->nodes, b->mine, 0, 0);
    }
    if (code == ERR_OK)
        code = sim_run(b->sim, SIM_TIME_NEVER);
    if (code == ERR_OK)
        measure(b, began, f);
    net_destroy(b->net);
    sim_destroy(b->sim);
    mem_free(b->delays);
    mem_free(b->begun);
    return code;
}

static void print_row(const struct options *o, const struct figures *f, bool is_first)
{
    double rate = (double)f->events / f->seconds;
    if (o->json)
        printf("%s\n  {\"gossip\": \"%s\", \"nodes\": %u, \"blocks\": %" PRIu64
               ", \"seconds\": %.3f, \"events\": %" PRIu64 ", \"events_per_s\": %.0f, "
               "\"delivered\": %" PRIu64 ", \"p50_ms\": %.1f, \"p90_ms\": %.1f, "
               "\"last_ms\": %.1f, \"engine_bytes_per_node\": %.0f, \"peak_rss_mb\": %.1f}",
               is_first ? "[" : ",", f->gossip, f->nodes, o->blocks, f->seconds, f->events, rate,
               f->delivered, f->p50_ms, f->p90_ms, f->last_ms, f->engine_bytes, f->peak_mb);
    else
        printf("%-9s %7u %8.2f %10.2f %8.2f M/s %9.0f %9.0f %9.0f %9.0f B %7.0f MB\n", f->gossip,
               f->nodes, f->seconds, (double)f->events / 1e6, rate / 1e6, f->p50_ms, f->p90_ms,
               f->last_ms, f->engine_bytes, f->peak_mb);
    fflush(stdout);
}

static int run_one(const struct cli_command *self, const struct options *o,
                   const struct setting *setting, node_id nodes, bool is_first)
{
    const struct field_registry *registries[8];
    size_t count = 0;
    while (net_registry_at(count)) {
        registries[count] = net_registry_at(count);
        count++;
    }
    const struct scenario_spec spec = {&net_cfg_table, registries, count, NULL};
    struct figures f = {.nodes = nodes, .gossip = setting->name};
    struct bench b = {.options = o, .nodes = nodes};
    struct scenario_problems problems = {0};
    struct scenario *s = NULL;
    struct err err = {0};
    enum err_code code = scenario_parse(&s, &spec, "bench", setting->network,
                                        strlen(setting->network), NULL, 0, &problems);
    if (code == ERR_OK)
        code = run_bench(&b, scenario_root(s), &f, &err);
    int status = code == ERR_OK ? CLI_DONE
                                : cli_complain(self, "%s",
                                               err.text[0]     ? err.text
                                               : problems.text ? problems.text
                                                               : "out of memory");
    scenario_problems_fini(&problems);
    scenario_destroy(s);
    if (status == CLI_DONE)
        print_row(o, &f, is_first);
    return status;
}

static int run_all(const struct cli_command *self, const struct options *o)
{
    static const node_id sizes[] = {1000, 10000};
    if (!o->json)
        printf("%-9s %7s %8s %10s %12s %9s %9s %9s %11s %10s\n", "setting", "nodes", "seconds",
               "M events", "events/s", "p50 ms", "p90 ms", "last ms", "engine/node", "peak RSS");
    bool is_first = true;
    for (int k = 0; k < 2 * SETTINGS; k++) {
        const struct setting *setting = &settings[k % SETTINGS];
        if ((o->nodes && k >= SETTINGS) || (o->setting && strcmp(o->setting, setting->name) != 0))
            continue;
        node_id nodes = o->nodes ? (node_id)o->nodes : sizes[k / SETTINGS];
        int status = run_one(self, o, setting, nodes, is_first);
        if (status != CLI_DONE)
            return status;
        is_first = false;
    }
    if (o->json)
        printf("\n]\n");
    return cli_finish(self, CLI_DONE);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options options = {.blocks = 100, .size = 535000};
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, &options, &operands);
    return status >= 0 ? status : run_all(self, &options);
}

static const char *const setting_names[] = {"inv", "push", "gossipsub", "simblock", NULL};

static const struct cli_option option_rows[] = {
    {"nodes", 0, CLI_U64, offsetof(struct options, nodes), "N", "nodes (1000, then 10000)", 1,
     1000000, NULL},
    {"setting", 0, CLI_CHOICE, offsetof(struct options, setting), "NAME",
     "this one alone: inv, push, gossipsub, simblock", 0, 0, setting_names},
    {"blocks", 0, CLI_U64, offsetof(struct options, blocks), "N", "blocks to spread (100)", 1,
     10000, NULL},
    {"size", 0, CLI_U64, offsetof(struct options, size), "BYTES", "of a block (535000)", 1,
     100000000, NULL},
    {"json", 0, CLI_FLAG, offsetof(struct options, json), NULL, "one JSON array on stdout", 0, 0,
     NULL},
};

const struct cli_command cli_bench_network = {
    .name = "bench network",
    .operands = "",
    .summary = "blocks spread by gossip over 1,000 and 10,000 nodes",
    .details =
        "Blocks of one size, one every 600 s, from random nodes; nothing is executed. inv and\n"
        "push: over eight neighbours each, six regions, 20 Mbit/s up and 40 Mbit/s down;\n"
        "gossipsub: over fifty, 25 and 50 Mbit/s; simblock: that simulator's own settings.\n"
        "Prints CPU time and events, the delays until half, nine in ten and the last of the\n"
        "nodes have a block (means over blocks), engine memory a node, and the peak memory of\n"
        "the process so far.",
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};
