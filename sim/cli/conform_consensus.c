/* weft conform consensus: puts a protocol through its cases and says what holds. */
#include "sim/cli/conform.h"

#include "sim/base/nearest.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZES_MAX = 16, CASES_MAX = 64, UNIT_DEFAULT_S = 3, PATIENCE = 40 };

struct options {
    struct cli_list sets, cases;
    const char *nodes, *keep;
    uint64_t seeds, seed, jobs, patience;
};

#define NO_SEED UINT64_MAX

static const struct cli_option options[] = {
    {.name = "seeds",
     .type = CLI_U64,
     .offset = offsetof(struct options, seeds),
     .value = "N",
     .doc = "seeds of each case and number of nodes, from 1 on (default: 20)",
     .min = 1,
     .max = 1000000},
    {.name = "seed",
     .type = CLI_U64,
     .offset = offsetof(struct options, seed),
     .value = "S",
     .doc = "this seed alone",
     .max = INT64_MAX},
    {.name = "case",
     .type = CLI_LIST,
     .offset = offsetof(struct options, cases),
     .value = "NAME",
     .doc = "this case alone; may be given again"},
    {.name = "nodes",
     .type = CLI_STRING,
     .offset = offsetof(struct options, nodes),
     .value = "N,N",
     .doc = "numbers of nodes (default: 4,7)"},
    {.name = "jobs",
     .type = CLI_U64,
     .offset = offsetof(struct options, jobs),
     .value = "N",
     .doc = "processes at a time (default: all processors)",
     .min = 1,
     .max = 256},
    {.name = "patience",
     .type = CLI_U64,
     .offset = offsetof(struct options, patience),
     .value = "N",
     .doc = "time-outs of the protocol until a block must be final again (default: 40)",
     .min = 2,
     .max = 10000},
    {.name = "set",
     .type = CLI_LIST,
     .offset = offsetof(struct options, sets),
     .value = "PATH=VALUE",
     .doc = "change a setting of every run, as in layers.main.consensus.epoch=300ms"},
    {.name = "keep",
     .type = CLI_STRING,
     .offset = offsetof(struct options, keep),
     .value = "DIR",
     .doc = "write the scenario of each failure there, for weft run and weft trace"},
};

struct conform {
    const struct cli_command *self;
    const struct options *options;
    struct conform_subject subject;
    struct scenario_plugins plugins; /* holds the protocol open */
    char plugin[PATH_MAX];
    uint32_t sizes[SIZES_MAX];
    size_t size_count;
    const struct conform_case *cases[CASES_MAX];
    size_t case_count;
    struct conform_item *items;
    struct conform_outcome *outcomes;
    size_t count, measured; /* items; those before the ones that only measure */
    sim_time delay;         /* of the first run that measures latency; the second's is twice that */
};

/* ---- what is asked for ---- */

static int parse_sizes(struct conform *k)
{
    const char *p = k->options->nodes ? k->options->nodes : "4,7";
    for (;;) {
        uint64_t n;
        if (!cli_digits(&p, &n) || n < 1 || n > 200)
            return cli_complain(k->self,
                                "--nodes: '%s' is no list of numbers from 1 to 200, as "
                                "4,7",
                                k->options->nodes);
        if (k->size_count == SIZES_MAX)
            return cli_complain(k->self, "--nodes: at most %d numbers", SIZES_MAX);
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
    const char *names[CASES_MAX];
    size_t n = 0;
    for (const struct field_registry *r = &consensus_registry; n < r->count && n < CASES_MAX; n++) {
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

static int find_cases(struct conform *k)
{
    const struct cli_list *wanted = &k->options->cases;
    const char *names[CASES_MAX];
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
            return cli_complain(k->self, "no case is called '%s'%s%s", name,
                                near ? "; did you mean " : "; without --case, all of them run",
                                near ? near : "");
        }
        if (k->case_count < CASES_MAX)
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

/* The unit of time, from the protocol's own settings: reads the first scenario for that. */
static int find_unit(struct conform *k)
{
    struct conform_subject *s = &k->subject;
    struct scenario *scenario = NULL;
    struct err err = {0};
    struct conform_item first = {
        .c = conform_case_at(0), .nodes = k->sizes[k->size_count - 1], .seed = 1};
    s->unit = UNIT_DEFAULT_S * SIM_SEC;
    if (conform_load(s, &first, &scenario, &err) != ERR_OK)
        return cli_complain(k->self, "%s", err.text);
    const struct world_cfg *cfg = scenario_root(scenario);
    const struct world_layer *layer = cfg->layers.items;
    const void *own = layer->consensus.cfg;
    sim_time interval = setting(s->ops, own, "block_interval");
    if (!interval)
        interval = setting(s->ops, own, "slot");
    sim_time wait = s->ops->timeout ? s->ops->timeout(own, first.nodes) : s->unit;
    s->unit = wait > interval ? wait : interval;
    if (s->unit < 10 * SIM_MS)
        s->unit = 10 * SIM_MS;
    uint64_t depth = conform_depth(s, own, first.nodes);
    s->tail = s->patience / 2;
    s->patience += (uint64_t)((sim_time)depth * (interval ? interval : s->unit) / s->unit);
    if (depth)
        s->tail += s->patience / 2;
    scenario_destroy(scenario);
    return -1;
}

/* Why a case is left out with n nodes; NULL: it is not. */
static const char *left_out(const struct conform_subject *s, const struct conform_case *c,
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

static const uint32_t ladder[] = {4, 7, 10, 16, 32};
enum { LADDER = sizeof ladder / sizeof ladder[0] };

static bool whole(const struct conform *k) /* and not one case or seed alone */
{
    return !k->options->cases.count && k->options->seed == NO_SEED;
}

static int make_items(struct conform *k)
{
    uint64_t seeds = k->options->seed == NO_SEED ? k->options->seeds : 1;
    size_t room = k->case_count * k->size_count * (size_t)seeds + LADDER + 2;
    k->items = calloc(room, sizeof *k->items);
    k->outcomes = conform_pool_memory(room);
    if (!k->items || !k->outcomes)
        return cli_complain(k->self, "no memory for %zu runs", room);
    for (size_t c = 0; c < k->case_count; c++)
        for (size_t n = 0; n < k->size_count; n++)
            for (uint64_t i = 0; i < seeds && !left_out(&k->subject, k->cases[c], k->sizes[n]); i++)
                k->items[k->count++] = (struct conform_item){
                    .c = k->cases[c],
                    .nodes = k->sizes[n],
                    .seed = k->options->seed == NO_SEED ? i + 1 : k->options->seed,
                    .twice = i == 0,
                };
    k->measured = k->count;
    /* Transactions wait for a batch besides: only long hops show beside that. */
    k->delay = k->subject.ops->traits.batches
                   ? k->subject.unit / 10
                   : conform_delay(&k->subject, &(struct conform_item){0});
    struct conform_item healthy = {.c = conform_case_at(0), .seed = 1};
    for (size_t i = 0; i < LADDER && whole(k); i++) {
        healthy.nodes = ladder[i];
        k->items[k->count++] = healthy;
    }
    for (int i = 1; i <= 2 && whole(k); i++) {
        healthy.nodes = k->sizes[0];
        healthy.delay = i * k->delay;
        k->items[k->count++] = healthy;
    }
    return -1;
}

/* ---- what came out ---- */

struct row {
    uint32_t runs, died, failed[CONFORM_PROPERTIES];
    const char *refused; /* why the case is none for this protocol, or NULL */
    sim_time recovery;   /* the longest */
};

static struct row row_of(const struct conform *k, const struct conform_case *c)
{
    struct row r = {.recovery = -1};
    for (size_t i = 0; i < k->measured; i++) {
        const struct conform_outcome *o = &k->outcomes[i];
        if (k->items[i].c != c)
            continue;
        if (o->state == CONFORM_REFUSED)
            r.refused = o->text[0];
        r.runs += o->state != CONFORM_REFUSED;
        r.died += o->state == CONFORM_DIED;
        for (int p = 0; p < CONFORM_PROPERTIES && o->state == CONFORM_DONE; p++)
            r.failed[p] += o->failed >> p & 1;
        if (o->state == CONFORM_DONE && o->recovery > r.recovery)
            r.recovery = o->recovery;
    }
    return r;
}

static bool promised(const struct conform_subject *s, const struct conform_case *c, int p)
{
    const struct consensus_traits *t = &s->ops->traits;
    bool agrees = t->final || c->needs & CONFORM_MILD;
    return p == CONFORM_AGREEMENT      ? agrees
           : p == CONFORM_CERTIFICATES ? t->quorum != QUORUM_NONE
           : p == CONFORM_VALIDITY     ? !t->batches
                                       : true;
}

static bool print_row(const struct conform *k, const struct conform_case *c)
{
    struct row r = row_of(k, c);
    bool good = r.died == 0;
    if (!r.runs) {
        const char *why =
            r.refused ? r.refused : left_out(&k->subject, c, k->sizes[k->size_count - 1]);
        printf("  %-22s left out: %s\n", c->name, why ? why : "");
        return true;
    }
    printf("  %-22s %5u", c->name, r.runs);
    for (int p = 0; p < CONFORM_PROPERTIES; p++) {
        char cell[24];
        if (r.failed[p])
            snprintf(cell, sizeof cell, "FAILS %u", r.failed[p]);
        else
            snprintf(cell, sizeof cell, "%s", promised(&k->subject, c, p) ? "holds" : "-");
        printf("  %-12s", cell);
        good &= !r.failed[p];
    }
    if (r.died)
        printf(" %u died", r.died);
    else if (r.recovery >= 0)
        printf(" %.2f s", (double)r.recovery / 1e9);
    printf("\n");
    return good;
}

/* The scenario of a failure, for others to run. */
static void keep(const struct conform *k, const struct conform_item *item)
{
    struct scenario *s = NULL;
    struct err err = {0};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s-%s-%u-%llu.yaml", k->options->keep, k->subject.kind,
             item->c->name, item->nodes, (unsigned long long)item->seed);
    if (conform_load(&k->subject, item, &s, &err) != ERR_OK)
        return;
    FILE *f = fopen(path, "w");
    if (f && fputs(scenario_resolved(s), f) >= 0)
        printf("    scenario: %s\n", path);
    if (!f || fclose(f) != 0)
        cli_complain(k->self, "%s: %s", path, strerror(errno));
    scenario_destroy(s);
}

static void print_failure(const struct conform *k, size_t i, const char *what, const char *text)
{
    const struct conform_item *item = &k->items[i];
    printf("\n%s FAILS in %s, %u nodes, seed %llu:\n    %s\n", what, item->c->name, item->nodes,
           (unsigned long long)item->seed, text);
    printf("    replay: weft conform consensus %s --case %s --nodes %u --seed %llu",
           k->subject.given, item->c->name, item->nodes, (unsigned long long)item->seed);
    if (k->options->patience != PATIENCE)
        printf(" --patience %llu", (unsigned long long)k->options->patience);
    for (size_t s = 0; s < k->options->sets.count; s++)
        printf(" --set '%s'", k->options->sets.items[s]);
    printf("\n");
    if (k->options->keep)
        keep(k, item);
}

/* The first failure of each kind in each case. */
static void print_failures(const struct conform *k)
{
    for (size_t c = 0; c < k->case_count; c++)
        for (int p = 0; p <= CONFORM_PROPERTIES; p++)
            for (size_t i = 0; i < k->measured; i++) {
                const struct conform_outcome *o = &k->outcomes[i];
                char text[120];
                if (k->items[i].c != k->cases[c])
                    continue;
                if (p < CONFORM_PROPERTIES && o->state == CONFORM_DONE && o->failed >> p & 1) {
                    print_failure(k, i, conform_property_name((enum conform_property)p),
                                  o->text[p]);
                    break;
                }
                if (p == CONFORM_PROPERTIES && o->state == CONFORM_DIED) {
                    snprintf(text, sizeof text,
                             o->signal ? "the program stopped with signal %d"
                                       : "the run did not end",
                             o->signal);
                    print_failure(k, i, "the protocol", text);
                    break;
                }
            }
}

/* Messages a block by number of nodes, and the power of n that they grow with between the largest
 * two: there, what is linear beside a square no longer shows much. */
static void print_messages(const struct conform *k)
{
    double before = 0, last = 0;
    uint32_t n_before = 0, n_last = 0;
    printf("\nmessages a block ");
    for (size_t i = 0; i < LADDER; i++) {
        const struct conform_outcome *o = &k->outcomes[k->measured + i];
        if (o->state != CONFORM_DONE || !o->settled || !o->messages)
            continue;
        before = last, n_before = n_last;
        last = (double)o->messages / (double)o->settled, n_last = ladder[i];
        printf(" %u nodes: %.1f ", n_last, last);
    }
    if (n_before)
        printf(" grows as n^%.2f", log(last / before) / log((double)n_last / n_before));
    printf("\n");
}

/* What of a block's latency are hops, and what is waiting, from two networks. */
static void print_latency(const struct conform *k)
{
    const struct conform_outcome *a = &k->outcomes[k->measured + LADDER], *b = a + 1;
    if (a->state != CONFORM_DONE || b->state != CONFORM_DONE || a->latency < 0 || b->latency < 0)
        return;
    double delay = (double)k->delay, hops = (double)(b->latency - a->latency) / delay;
    printf("from %s to being final: %.2f hops + %.3f s (%u nodes; %.3f s with %g ms one way, "
           "%.3f s with %g ms)\n",
           k->subject.ops->traits.batches ? "a transaction's submission" : "a block's making", hops,
           ((double)a->latency - hops * delay) / 1e9, k->sizes[0], (double)a->latency / 1e9,
           delay / 1e6, (double)b->latency / 1e9, 2 * delay / 1e6);
}

static void print_head(const struct conform *k)
{
    const struct consensus_traits *t = &k->subject.ops->traits;
    printf("%s: %s\n", k->subject.kind, k->subject.ops->model.doc);
    printf("It promises: %s%s; ", t->final ? "commits are final" : "no finality",
           t->quorum == QUORUM_TWO_THIRDS ? ", certificates of more than two thirds"
           : t->quorum == QUORUM_MAJORITY ? ", certificates of more than half"
                                          : "");
    if (t->fault_share)
        printf("fewer than 1/%u Byzantine, ", t->fault_share);
    if (t->crash_share > 1)
        printf("fewer than 1/%u crashed.\n", t->crash_share);
    else
        printf("%s crashed.\n", t->crash_share ? "all but one" : "none");
    printf("Its unit of time here is %.3g s; a block must be final within %llu of them.\n\n",
           (double)k->subject.unit / 1e9, (unsigned long long)k->subject.patience);
    printf("  %-22s %5s", "case", "runs");
    for (int p = 0; p < CONFORM_PROPERTIES; p++)
        printf("  %-12s", conform_property_name((enum conform_property)p));
    printf(" slowest recovery\n");
}

static int report(const struct conform *k)
{
    bool good = true;
    for (size_t i = 0; i < k->count; i++)
        if (k->outcomes[i].state == CONFORM_REFUSED && k->items[i].c == conform_case_at(0))
            return cli_complain(k->self, "case %s with %u nodes: %s", k->items[i].c->name,
                                k->items[i].nodes, k->outcomes[i].text[0]);
    print_head(k);
    for (size_t c = 0; c < k->case_count; c++)
        good &= print_row(k, k->cases[c]);
    print_failures(k);
    if (whole(k)) {
        print_messages(k);
        print_latency(k);
    }
    printf("\n%s\n",
           good ? "Everything holds that it promises." : "It does not keep its promises.");
    return good ? CLI_DONE : CLI_FAILED;
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
    if (status < 0)
        status = find_unit(k);
    if (status < 0 && k->options->keep && mkdir(k->options->keep, 0777) != 0 && errno != EEXIST)
        status = cli_complain(k->self, "--keep %s: %s", k->options->keep, strerror(errno));
    if (status < 0)
        status = make_items(k);
    if (status < 0 &&
        conform_pool(&k->subject, k->items, k->outcomes, k->count, (uint32_t)k->options->jobs,
                     isatty(STDERR_FILENO) ? show_progress : NULL, &err) != ERR_OK)
        status = cli_complain(k->self, "%s", err.text);
    return status < 0 ? report(k) : status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = {
        .seeds = 20, .seed = NO_SEED, .jobs = cli_processors(), .patience = PATIENCE};
    struct cli_operands operands;
    int status = cli_parse(self, argc, argv, &o, &operands);
    struct conform *k = status < 0 ? calloc(1, sizeof *k) : NULL;
    if (status < 0 && !k)
        status = cli_complain(self, "out of memory");
    if (k) {
        k->self = self;
        k->options = &o;
        k->subject.sets = &o.sets;
        k->subject.patience = o.patience;
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

const struct cli_command cli_conform_consensus = {
    .name = "conform consensus",
    .operands = "NAME|./mine.so",
    .summary = "put a consensus protocol through faults and judge it",
    .details =
        "Runs the protocol through cases (no faults, crashes, Byzantine nodes of each kind, a\n"
        "partition that heals, asynchrony until the network stabilises, reordering, loss), each "
        "over\n"
        "many seeds and numbers of nodes, with as many faulty nodes as it says that it tolerates. "
        "A\n"
        "judge outside the protocol looks at every commit and certificate:\n"
        "  agreement     honest nodes commit the same block at a height, and take none back\n"
        "  validity      the execution of a committed block gives the root that it states\n"
        "  certificates  the votes behind a commit are a quorum, and no two blocks have one\n"
        "  liveness      blocks become final again within --patience time-outs after the trouble\n"
        "  catch-up      every node that is up gets what is final\n"
        "  determinism   the same run twice, and on two threads, gives the same digest\n"
        "A protocol without finality promises agreement only where nothing but crashes happens.\n"
        "Then come messages a block for 4 to 32 nodes and the latency of a block in hops. A "
        "failure\n"
        "is shown with its seed, and with the command that runs it again.",
    .statuses = "0 all properties hold, 1 one does not, 2 bad input or environment",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
