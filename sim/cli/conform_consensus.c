/* weft conform consensus: puts a protocol through its cases and says what holds. */
#include "sim/cli/conform.h"

#include "models/world/layers.h"
#include "sim/base/nearest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNIT_DEFAULT_S = 3 };

static const struct cli_option options[] = {
    {.name = "seeds",
     .type = CLI_U64,
     .offset = offsetof(struct conform_options, seeds),
     .value = "N",
     .doc = "seeds of each case and number of nodes, from 1 on (default: 20)",
     .min = 1,
     .max = 1000000},
    {.name = "seed",
     .type = CLI_U64,
     .offset = offsetof(struct conform_options, seed),
     .value = "S",
     .doc = "this seed alone",
     .max = INT64_MAX},
    {.name = "case",
     .type = CLI_LIST,
     .offset = offsetof(struct conform_options, cases),
     .value = "NAME",
     .doc = "this case alone; may be given again"},
    {.name = "nodes",
     .type = CLI_STRING,
     .offset = offsetof(struct conform_options, nodes),
     .value = "N,N",
     .doc = "numbers of nodes (default: 4,7)"},
    {.name = "jobs",
     .type = CLI_U64,
     .offset = offsetof(struct conform_options, jobs),
     .value = "N",
     .doc = "processes at a time (default: all processors)",
     .min = 1,
     .max = 256},
    {.name = "patience",
     .type = CLI_U64,
     .offset = offsetof(struct conform_options, patience),
     .value = "N",
     .doc = "time-outs of the protocol until a block must be final again (default: 40)",
     .min = 2,
     .max = 10000},
    {.name = "set",
     .type = CLI_LIST,
     .offset = offsetof(struct conform_options, sets),
     .value = "PATH=VALUE",
     .doc = "change a setting of every run, as in layers.main.consensus.epoch=300ms"},
    {.name = "all",
     .type = CLI_FLAG,
     .offset = offsetof(struct conform_options, all),
     .doc = "tell of a failure in each case, and not of the first alone"},
    {.name = "keep",
     .type = CLI_STRING,
     .offset = offsetof(struct conform_options, keep),
     .value = "DIR",
     .doc = "write the scenario of each failure there, for weft run and weft trace"},
};

/* ---- what is asked for ---- */

static int parse_sizes(struct conform *k)
{
    const char *p = k->options->nodes ? k->options->nodes : "4,7";
    for (;;) {
        uint64_t n;
        if (!cli_digits(&p, &n) || n < 1 || n > CONFORM_NODES_MAX)
            return cli_complain(k->self,
                                "--nodes: '%s' is no list of numbers from 1 to 200, as "
                                "4,7",
                                k->options->nodes);
        if (k->size_count == CONFORM_SIZES_MAX)
            return cli_complain(k->self, "--nodes: at most %d numbers", CONFORM_SIZES_MAX);
        k->sizes[k->size_count++] = (uint32_t)n;
        if (!*p)
            return -1;
        if (*p++ != ',')
            return cli_complain(k->self, "--nodes: '%s' is no list of numbers, as 4,7",
                                k->options->nodes);
    }
}

static int find_named(struct conform *k, const char *name)
{
    const char *names[CONFORM_CASES_MAX];
    size_t n = 0;
    for (const struct field_registry *r = &consensus_registry;
         n < r->count && n < CONFORM_CASES_MAX; n++) {
        names[n] = r->entries[n]->name;
        if (strcmp(names[n], name) == 0)
            k->subject.ops = (const struct consensus_ops *)r->entries[n];
    }
    if (k->subject.ops)
        return -1;
    const char *near = nearest_name(name, names, n);
    return cli_complain(k->self,
                        near ? "no protocol is called '%s'; did you mean %s?"
                             : "no protocol is called '%s'; 'weft models consensus' lists them",
                        name, near);
}

static int find_plugin(struct conform *k, const char *path)
{
    const struct scenario_plugin *p = NULL;
    struct err err = {0};
    if (!realpath(path, k->plugin))
        return cli_complain(k->self, "%s: %s", path, strerror(errno));
    if (scenario_plugins_add(&k->plugins, k->plugin, &p, &err) != ERR_OK)
        return cli_complain(k->self, "%s: %s", path, err.text);
    if (strcmp(p->kind, "consensus") != 0)
        return cli_complain(k->self, "%s: it holds a %s model, not a protocol", path, p->kind);
    k->subject.ops = (const struct consensus_ops *)p->model;
    k->subject.plugin = k->plugin;
    return -1;
}

static int find_subject(struct conform *k, const char *given)
{
    size_t n = strlen(given);
    bool file = strchr(given, '/') || (n > 3 && strcmp(given + n - 3, ".so") == 0);
    int status = file ? find_plugin(k, given) : find_named(k, given);
    k->subject.given = given;
    k->subject.kind = status < 0 ? k->subject.ops->model.name : NULL;
    return status;
}

static int no_case(const struct conform *k, const char *name, const char *const *names, size_t all)
{
    struct cli_text list = {0};
    for (size_t i = 0; i < all; i++)
        cli_text_add(&list, "%s%s", i ? ", " : "", names[i]);
    int status = cli_complain(k->self, "no case is called '%s'; valid are: %s", name,
                              list.failed ? "" : list.text);
    cli_text_fini(&list);
    return status;
}

static int find_cases(struct conform *k)
{
    const struct cli_list *wanted = &k->options->cases;
    const char *names[CONFORM_CASES_MAX];
    size_t all = 0;
    for (const struct conform_case *c; (c = conform_case_at(all)); all++)
        names[all] = c->name;
    for (size_t i = 0; i < (wanted->count ? wanted->count : all); i++) {
        const char *name = wanted->count ? wanted->items[i] : names[i];
        size_t at = 0;
        while (at < all && strcmp(names[at], name) != 0)
            at++;
        if (at == all) {
            const char *near = nearest_name(name, names, all);
            return near ? cli_complain(k->self, "no case is called '%s'; did you mean %s?", name,
                                       near)
                        : no_case(k, name, names, all);
        }
        if (k->case_count < CONFORM_CASES_MAX)
            k->cases[k->case_count++] = conform_case_at(at);
    }
    return -1;
}

/* A setting of the protocol that is a duration, 0 if it has none of that name. */
static sim_time setting(const struct consensus_ops *ops, const void *cfg, const char *name)
{
    const struct field_table *t = ops->model.table;
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].name, name) == 0 && t->rows[i].type == FIELD_DURATION)
            return *(const sim_time *)((const char *)cfg + t->rows[i].offset);
    return 0;
}

/* A case decides some settings itself, and its judge counts on them. */
static int refuse_sets(const struct conform *k, const struct world_cfg *cfg,
                       const struct conform_item *item)
{
    const struct world_layer *layer = cfg->layers.items;
    if (world_layer_total(cfg) != 1)
        return cli_complain(k->self, "--set: a case has one layer");
    if (layer->nodes != item->nodes || (layer->validators && layer->validators != item->nodes))
        return cli_complain(k->self, "--set: numbers of nodes are given by --nodes");
    if (cfg->seed != item->seed)
        return cli_complain(k->self, "--set: seeds are given by --seeds and --seed");
    if (cfg->duration != conform_end(item))
        return cli_complain(k->self, "--set: how long a run lasts follows from --patience");
    return -1;
}

/* The item's clock, from the protocol's own settings and the item's number of nodes alone, so that
 * a run is the same whatever else is asked for. Reads the item's scenario for that. */
static int find_clock(struct conform *k, struct conform_item *item)
{
    struct conform_subject *s = &k->subject;
    struct conform_clock *c = &k->clocks[item->nodes];
    struct scenario *scenario = NULL;
    struct err err = {0};
    item->clock = (struct conform_clock){UNIT_DEFAULT_S * SIM_SEC, k->options->patience, 1};
    if (c->unit) {
        item->clock = *c;
        return -1;
    }
    if (conform_load(s, item, &scenario, &err) != ERR_OK)
        return cli_complain(k->self, "case %s with %u nodes: %s", item->c->name, item->nodes,
                            err.text);
    const struct world_cfg *cfg = scenario_root(scenario);
    const struct world_layer *layer = cfg->layers.items;
    const void *own = layer->consensus.cfg;
    int status = refuse_sets(k, cfg, item);
    if (status < 0) {
        sim_time interval = setting(s->ops, own, "block_interval");
        if (!interval)
            interval = setting(s->ops, own, "slot");
        sim_time wait = s->ops->timeout ? s->ops->timeout(own, item->nodes) : item->clock.unit;
        c->unit = wait > interval ? wait : interval;
        if (c->unit < 10 * SIM_MS)
            c->unit = 10 * SIM_MS;
        uint64_t depth = conform_depth(s, own, item->nodes);
        c->tail = k->options->patience / 2;
        c->patience = k->options->patience +
                      (uint64_t)((sim_time)depth * (interval ? interval : c->unit) / c->unit);
        if (depth)
            c->tail += c->patience / 2;
        item->clock = *c;
    }
    scenario_destroy(scenario);
    return status;
}

const uint32_t conform_ladder[CONFORM_LADDER] = {4, 7, 10, 16, 32};

bool conform_whole(const struct conform *k)
{
    return !k->options->cases.count && k->options->seed == CONFORM_NO_SEED;
}

const char *conform_left_out(const struct conform_subject *s, const struct conform_case *c,
                             uint32_t n)
{
    for (size_t i = 0; i < 3 && c->models[i]; i++) {
        bool known = false;
        for (size_t r = 0; r < world_spec.registry_count; r++)
            for (size_t m = 0; m < world_spec.registries[r]->count; m++)
                known |= strcmp(world_spec.registries[r]->kind, "faults") == 0 &&
                         strcmp(world_spec.registries[r]->entries[m]->name, c->models[i]) == 0;
        if (!known)
            return "there is no such fault model";
    }
    if (c->needs & CONFORM_NEEDS_CRASH && !conform_crashed(s, n))
        return "so few nodes tolerate no crash";
    if (c->needs & CONFORM_NEEDS_FAULTY && !conform_faulty(s, n))
        return s->ops->traits.fault_share ? "so few nodes tolerate no Byzantine one"
                                          : "it tolerates no Byzantine node";
    return NULL;
}

/* Every case, number of nodes and seed. */
static int make_judged(struct conform *k, uint64_t seeds)
{
    int status = -1;
    for (size_t c = 0; c < k->case_count; c++)
        for (size_t n = 0; n < k->size_count; n++)
            for (uint64_t i = 0;
                 i < seeds && !conform_left_out(&k->subject, k->cases[c], k->sizes[n]) &&
                 status < 0;
                 i++) {
                struct conform_item *item = &k->items[k->count++];
                *item = (struct conform_item){
                    .c = k->cases[c],
                    .nodes = k->sizes[n],
                    .seed = k->options->seed == CONFORM_NO_SEED ? i + 1 : k->options->seed,
                    .twice = i == 0,
                };
                status = find_clock(k, item);
            }
    return status;
}

static int make_measured(struct conform *k, uint32_t nodes, sim_time delay)
{
    struct conform_item *item = &k->items[k->count++];
    *item =
        (struct conform_item){.c = conform_case_at(0), .nodes = nodes, .seed = 1, .delay = delay};
    return find_clock(k, item);
}

static int make_items(struct conform *k)
{
    uint64_t seeds = k->options->seed == CONFORM_NO_SEED ? k->options->seeds : 1;
    size_t room = k->case_count * k->size_count * (size_t)seeds + CONFORM_LADDER + 2;
    k->items = calloc(room, sizeof *k->items);
    k->outcomes = conform_pool_memory(room);
    if (!k->items || !k->outcomes)
        return cli_complain(k->self, "no memory for %zu runs", room);
    int status = make_judged(k, seeds);
    k->measured = k->count;
    for (size_t i = 0; i < CONFORM_LADDER && conform_whole(k) && status < 0; i++)
        status = make_measured(k, conform_ladder[i], 0);
    struct conform_item first = {.c = conform_case_at(0), .nodes = k->sizes[0], .seed = 1};
    if (status < 0)
        status = find_clock(k, &first);
    /* Transactions wait for a batch besides: only long hops show beside that. */
    k->delay = k->subject.ops->traits.batches ? first.clock.unit / 10 : conform_delay(&first);
    for (int i = 1; i <= 2 && conform_whole(k) && status < 0; i++)
        status = make_measured(k, k->sizes[0], i * k->delay);
    return status;
}

/* ---- all of it ---- */

static void show_progress(size_t done, size_t count)
{
    fprintf(stderr, "\r\033[K%zu of %zu runs", done, count);
    if (done == count)
        fputs("\r\033[K", stderr);
    fflush(stderr);
}

static int conform(struct conform *k, const char *given)
{
    struct err err = {0};
    int status = parse_sizes(k);
    if (status < 0)
        status = find_subject(k, given);
    if (status < 0)
        status = find_cases(k);
    if (status < 0 && k->options->keep && mkdir(k->options->keep, 0777) != 0 && errno != EEXIST)
        status = cli_complain(k->self, "--keep %s: %s", k->options->keep, strerror(errno));
    if (status < 0)
        status = make_items(k);
    if (status < 0 &&
        conform_pool(&k->subject, k->items, k->outcomes, k->count, (uint32_t)k->options->jobs,
                     isatty(STDERR_FILENO) ? show_progress : NULL, &err) != ERR_OK)
        status = cli_complain(k->self, "%s", err.text);
    return status < 0 ? conform_report(k) : status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct conform_options o = {.seeds = 20,
                                .seed = CONFORM_NO_SEED,
                                .jobs = cli_processors(),
                                .patience = CONFORM_PATIENCE};
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, &o, &operands);
    struct conform *k = status < 0 ? calloc(1, sizeof *k) : NULL;
    if (status < 0 && !k)
        status = cli_complain(self, "out of memory");
    if (k) {
        k->self = self;
        k->options = &o;
        k->subject.sets = &o.sets;
        scenario_plugins_init(&k->plugins, &world_spec);
        status = conform(k, operands.items[0]);
        scenario_plugins_fini(&k->plugins);
        free(k->items);
        free(k);
    }
    cli_list_fini(&o.sets);
    cli_list_fini(&o.cases);
    return cli_finish(self, status);
}

static void print_cases(void)
{
    const struct conform_case *c;
    printf("\ncases, each with as many faulty nodes as the protocol says that it tolerates:\n");
    for (size_t i = 0; (c = conform_case_at(i)); i++)
        printf("  %-22s %s\n", c->name, c->doc);
}

const struct cli_command cli_conform_consensus = {
    .name = "conform consensus",
    .operands = "NAME|./mine.so",
    .summary = "put a consensus protocol through faults and judge it",
    .details =
        "Runs the protocol through cases (below), each over many seeds and numbers of nodes. "
        "Blocks\n"
        "go from their maker to all (network.blocks: direct) where the case does not say "
        "otherwise.\n"
        "A judge outside the protocol looks at every commit and certificate:\n"
        "  agreement     honest nodes commit the same block at a height, and take none back\n"
        "  validity      the execution of a committed block gives the root that it states\n"
        "  certificates  the votes behind a commit are a quorum, and no two blocks have one\n"
        "  liveness      blocks become final again within --patience time-outs after the trouble,\n"
        "                and so do transactions offered after it: half of them at least, or, "
        "where\n"
        "                messages are lost for good, one\n"
        "  catch-up      every node that is up gets what is final\n"
        "  determinism   the same run twice, and on two threads, gives the same digest\n"
        "A protocol without finality promises agreement only where nothing but crashes happens.\n"
        "What is not promised, and what no run lived to show, is a '-'.\n"
        "Then come messages a block for 4 to 32 nodes and the latency of a block in hops. Of each\n"
        "property the first failure is shown, with its seed and the command that runs it again.",
    .more = print_cases,
    .statuses = "0 all properties hold, 1 one does not, 2 bad input or environment",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
