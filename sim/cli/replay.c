/* weft replay: executes recorded blocks again and compares what comes out with their headers. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evm/parallel/history.h"
#include "sim/cli/cli.h"
#include "sim/cli/executors.h"
#include "sim/cli/files.h"
#include "sim/cli/machine.h"
#include "sim/cli/outfile.h"
#include "sim/cli/replay.h"
#include "sim/cli/replay_bal.h"

struct settings {
    const char *executor, *driver, *cores, *graph, *page;
    struct cli_machine machine;
    struct cli_list params;
    struct replay_bal bal;
    uint64_t seed, top, least_txs;
    bool json, oracle, precompute;
};

static const char *const drivers[] = {"threads", "virtual", NULL};

static const struct cli_option options[] = {
    {.name = "executor",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, executor),
     .value = "NAME",
     .doc = "the algorithm that runs a block (default: serial)"},
    {.name = "param",
     .type = CLI_LIST,
     .offset = offsetof(struct settings, params),
     .value = CLI_PARAM_VALUE,
     .doc = CLI_PARAM_DOC},
    {.name = "driver",
     .type = CLI_CHOICE,
     .offset = offsetof(struct settings, driver),
     .value = "NAME",
     .doc = "threads, or virtual: simulated cores (default: threads)",
     .choices = drivers},
    {.name = "cores",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, cores),
     .value = "LIST",
     .doc = "threads or simulated cores; 2,4,8 gives a table (default: processors)"},
    {.name = "seed",
     .type = CLI_U64,
     .offset = offsetof(struct settings, seed),
     .value = "S",
     .doc = "virtual driver: breaks ties between cores (default: 1)"},
    CLI_MACHINE_OPTIONS(struct settings, machine),
    {.name = "precompute",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, precompute),
     .doc = "take over results of an execution on the parent's state, one by one, where they hold"},
    {.name = "top",
     .type = CLI_U64,
     .offset = offsetof(struct settings, top),
     .value = "K",
     .doc = "hottest keys a block, 0 to 100 (default: 3 with virtual, else 0)",
     .max = REPLAY_TOP},
    {.name = "oracle",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, oracle),
     .doc = "what the blocks' conflicts allow, by model of conflict"},
    {.name = "min-txs",
     .type = CLI_U64,
     .offset = offsetof(struct settings, least_txs),
     .value = "N",
     .doc = "leave out blocks of fewer transactions"},
    {.name = "graph",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, graph),
     .value = "FILE",
     .doc = "write the graph of conflicts: GraphML, or DOT to a name ending in .dot or .gv"},
    {.name = "report",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, page),
     .value = "PAGE.html",
     .doc = "draw the blocks on simulated cores: one page that needs no network"},
    {.name = "bal",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, bal.write),
     .value = "FILE",
     .doc = "of one block: write its access list (EIP-7928, RLP)"},
    {.name = "verify-bal",
     .type = CLI_STRING,
     .offset = offsetof(struct settings, bal.verify),
     .value = "FILE",
     .doc = "of one block: compare its access list with this one, and let --param sets=bal use it"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, json),
     .doc = "one JSON object a block and number of cores, then the totals"},
};

/* ---- running ---- */

enum { TOP_DEFAULT = UINT32_MAX };

/* Everything that lives as long as the call. */
struct session {
    const struct cli_command *self;
    struct settings *set;
    struct evm_exec_config config;
    struct evm_exec_params params;
    uint32_t cores[REPLAY_CORES];
    size_t cores_count;
    struct evm_codes *codes;
    struct replay_sums sums[REPLAY_CORES];
    struct evm_history *history; /* of the blocks so far; NULL: the executor does not learn */
    struct replay_oracle *oracle;
    struct cli_outfile graph;
    struct replay_page *page;
    size_t blocks, mismatches, broken;
};

static bool learns(const struct session *s)
{
    return (s->config.executor->traits & EVM_TRAIT_LEARNS) != 0;
}

static bool is_virtual(const struct session *s)
{
    return s->config.driver == EVM_DRIVER_VIRTUAL;
}

static uint32_t top_of(const struct session *s)
{
    if (s->set->top != TOP_DEFAULT)
        return (uint32_t)s->set->top;
    return s->page ? 12 : is_virtual(s) ? 3 : 0;
}

/* What a block gave at the last number of cores, with its sets. */
static enum evm_status look_closer(struct session *s, const struct replay_case *c,
                                   const int64_t *makespans, struct evm_err *err)
{
    enum evm_status st = EVM_OK;
    struct err trouble = {0};
    if (s->oracle)
        st = replay_oracle_add(s->oracle, c);
    if (st == EVM_OK && s->graph.file)
        st = replay_graph_add(s->graph.file, replay_graph_is_dot(s->set->graph), c);
    if (st == EVM_OK && s->page &&
        replay_page_add(s->page, c, top_of(s), s->cores, makespans, (uint32_t)s->cores_count,
                        &trouble) != ERR_OK)
        return evm_fail(err, EVM_ERR_INPUT, "%s", trouble.text);
    return st;
}

/* As if every transaction had waited in the pool while the parent's state was the newest, and the
 * block's header had been foreseen. */
static enum evm_status precompute(struct session *s, const struct evm_recorded *recorded,
                                  struct evm_ahead *out)
{
    const struct evm_header *h = &recorded->block.header;
    struct evm_block_env env;
    evm_block_env_of(&recorded->chain, h, &env);
    const struct evm_precompute_input in = {
        .rules = evm_rules_of(evm_chain_fork(&recorded->chain, h->number, h->timestamp)),
        .env = &env,
        .pre = recorded->pre,
        .hashes = &recorded->hashes,
        .metered = is_virtual(s)};
    *out = (struct evm_ahead){0};
    if (!s->set->precompute)
        return EVM_OK;
    return evm_precompute_all(out, &in, recorded->block.txs, recorded->block.tx_count);
}

static enum evm_status execute(struct session *s, const struct evm_recorded *recorded,
                               const struct evm_ahead *ahead, struct evm_block_result *result,
                               struct evm_err *err)
{
    struct evm_access_sets known = {0};
    struct evm_transition_input in = {.chain = &recorded->chain,
                                      .block = &recorded->block,
                                      .parent = recorded->pre,
                                      .hashes = &recorded->hashes,
                                      .history = s->history,
                                      .ahead = ahead->txs};
    struct evm_state *post = NULL;
    enum evm_status st = EVM_OK;
    if (s->params.sets == EVM_SETS_BAL)
        st = replay_bal_sets(&s->set->bal, &recorded->block, s->codes, &known);
    in.sets = known.first ? &known : NULL;
    if (st == EVM_OK)
        st = evm_block_transition(&s->config, &in, result, &post, err);
    evm_access_sets_fini(&known);
    evm_state_unref(post);
    return st;
}

static void add_text(const struct session *s, struct cli_text *t, const struct replay_case *c,
                     uint32_t k)
{
    bool one = s->cores_count == 1, last = k + 1 == s->cores_count;
    if (s->set->json) {
        replay_add_json(t, c, top_of(s));
        return;
    }
    if (k == 0)
        replay_add_block(t, c, one);
    if (is_virtual(s))
        replay_add_figures(t, c);
    else if (!one)
        cli_text_add(t, "  %4u threads %9.3f ms on this machine\n", c->config->cores,
                     (double)c->result->makespan_ns / 1e6);
    if (last)
        replay_add_hottest(t, c, top_of(s));
}

/* One block at every number of cores. */
static enum evm_status replay_at(struct session *s, const struct evm_recorded *recorded,
                                 const char *path, struct cli_text *t, struct evm_err *err)
{
    int64_t makespans[REPLAY_CORES];
    struct evm_ahead ahead;
    enum evm_status st = precompute(s, recorded, &ahead);
    bool good = true;
    for (uint32_t k = 0; st == EVM_OK && k < s->cores_count; k++) {
        struct evm_block_result result = {0};
        struct replay_case c = {path, recorded, &s->config, &result, {.valid = false}};
        s->config.cores = s->cores[k];
        st = execute(s, recorded, &ahead, &result, err);
        if (st == EVM_OK)
            st = replay_compare(&c.compared, recorded, &result);
        /* Whatever the number of cores, a block sees the ones before it. */
        if (st == EVM_OK && s->history && k + 1 == s->cores_count)
            st = evm_history_learn(s->history, &result.sets);
        if (st == EVM_OK) {
            bool same = replay_matches(&c.compared);
            makespans[k] = result.makespan_ns;
            add_text(s, t, &c, k);
            if (!same && k > 0 && good && !s->set->json)
                replay_add_block(t, &c, false);
            bool differs = false;
            if (c.compared.valid && replay_bal_asked(&s->set->bal))
                st = replay_bal_judge(&s->set->bal, &result.bal, s->set->json, t, &differs, err);
            good = good && same && !differs;
            if (same)
                replay_sum(&s->sums[k], &c);
            if (st == EVM_OK && same && k + 1 == s->cores_count && result.sets.tx_count)
                st = look_closer(s, &c, makespans, err);
        }
        evm_block_result_fini(&result);
    }
    evm_ahead_fini(&ahead);
    s->blocks += st == EVM_OK;
    s->mismatches += st == EVM_OK && !good;
    return st;
}

static enum evm_status replay(struct session *s, const char *path, struct evm_err *err)
{
    struct evm_recorded recorded = {0};
    struct cli_text line = {0};
    enum evm_status st = evm_recorded_load(path, s->codes, &recorded, err);
    if (st == EVM_OK && recorded.block.tx_count >= s->set->least_txs) {
        st = replay_at(s, &recorded, path, &line, err);
        if (st != EVM_OK) {
            const struct evm_err inner = *err;
            evm_fail(err, st, "%s: %s", path, *inner.text ? inner.text : "out of memory");
        }
    }
    if (line.text && st == EVM_OK)
        fputs(line.text, stdout);
    cli_text_fini(&line);
    evm_recorded_fini(&recorded);
    return st;
}

/* ---- settings ---- */

static int read_cores(struct session *s)
{
    if (s->set->cores)
        return cli_cores(s->self, s->set->cores, s->cores, &s->cores_count, REPLAY_CORES);
    s->cores[s->cores_count++] = cli_processors();
    return -1;
}

static int configure(struct session *s)
{
    struct settings *set = s->set;
    s->config = (struct evm_exec_config){
        .driver = strcmp(set->driver, "virtual") ? EVM_DRIVER_THREADS : EVM_DRIVER_VIRTUAL,
        .seed = set->seed,
        .params = &s->params};
    int status =
        cli_executor(s->self, set->executor, &set->params, &s->config.executor, &s->params);
    if (status < 0)
        status = read_cores(s);
    if (status < 0)
        status = cli_machine_configure(s->self, &set->machine, &s->config);
    if (status >= 0)
        return status;
    if (set->machine.storage && !is_virtual(s))
        return cli_complain(s->self, "--storage is of simulated cores: give --driver virtual");
    if (set->page && !is_virtual(s))
        return cli_complain(s->self, "--report draws simulated cores: give --driver virtual");
    s->config.cores = s->cores[s->cores_count - 1];
    s->config.keep_bal = replay_bal_asked(&set->bal);
    s->config.keep_schedule = set->page != NULL;
    s->config.keep_sets = is_virtual(s) || learns(s) || set->oracle || set->graph ||
                          (set->top != TOP_DEFAULT && set->top > 0);
    return -1;
}

/* One code store for all files: what the pool keeps between blocks points into it. */
static int open_all(struct session *s)
{
    struct err err = {0};
    s->codes = evm_codes_create();
    s->config.pool = evm_exec_pool_create();
    if (s->set->oracle)
        s->oracle = replay_oracle_create();
    if (learns(s))
        s->history = evm_history_create();
    if (!s->codes || !s->config.pool || (s->set->oracle && !s->oracle) ||
        (learns(s) && !s->history))
        return cli_complain(s->self, "out of memory");
    if (s->set->graph && !cli_outfile_open(&s->graph, s->set->graph))
        return cli_complain(s->self, "cannot write '%s': %s", s->set->graph, strerror(errno));
    if (s->graph.file)
        replay_graph_begin(s->graph.file, replay_graph_is_dot(s->set->graph));
    if (s->set->page && replay_page_open(&s->page, s->set->page, &s->config, &err) != ERR_OK)
        return cli_complain(s->self, "%s", err.text);
    return -1;
}

/* Set to the signal: the block at hand is the last one. The third kills, as without us: timeout(1)
 * sends two at once, to the process and to its group. */
static volatile sig_atomic_t interrupted, signals;

static void on_signal(int number)
{
    interrupted = number;
    if (++signals == 2)
        signal(number, SIG_DFL);
}

static int close_all(struct session *s, bool done)
{
    struct err err = {0};
    int status = -1;
    done = done && s->blocks > 0 && !interrupted;
    if (s->graph.file)
        replay_graph_end(s->graph.file, replay_graph_is_dot(s->set->graph));
    if (!cli_outfile_close(&s->graph, done))
        status = cli_complain(s->self, "cannot write '%s': %s", s->set->graph, strerror(errno));
    if (replay_page_close(s->page, done, &err) != ERR_OK)
        status = cli_complain(s->self, "%s", err.text);
    replay_oracle_destroy(s->oracle);
    evm_history_destroy(s->history);
    evm_exec_pool_destroy(s->config.pool);
    evm_codes_destroy(s->codes);
    return status;
}

/* ---- all files ---- */

static void show_totals(const struct session *s)
{
    struct cli_text t = {0};
    size_t matched = s->blocks - s->mismatches;
    if (is_virtual(s) && (s->blocks > 1 || s->set->json) && s->sums[0].blocks > 0)
        replay_add_totals(&t, s->sums, s->cores_count, s->set->json);
    if (s->oracle)
        replay_oracle_show(s->oracle, &t, s->set->json);
    cli_text_add(&t,
                 s->set->json ? "{\"matched\": %zu, \"mismatched\": %zu, \"unreadable\": %zu}\n"
                              : "%zu blocks match, %zu do not, %zu files unreadable\n",
                 matched, s->mismatches, s->broken);
    if (t.text)
        fputs(t.text, stdout);
    cli_text_fini(&t);
}

static int run_files(struct session *s, const struct cli_files *files)
{
    for (size_t i = 0; i < files->count && !interrupted; i++) {
        struct evm_err err = {0};
        if (replay(s, files->paths[i], &err) != EVM_OK) {
            fflush(stdout);
            cli_complain(s->self, "%s", err.text);
            s->broken++;
        }
    }
    show_totals(s);
    return s->broken ? CLI_BAD_INPUT : s->mismatches ? CLI_FAILED : CLI_DONE;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct settings set = {.executor = "serial",
                           .driver = "threads",
                           .machine = CLI_MACHINE_DEFAULTS,
                           .seed = 1,
                           .top = TOP_DEFAULT};
    struct session s = {.self = self, .set = &set};
    struct cli_operands paths;
    struct cli_files files = {0};
    int status = cli_parse(self, argc, argv, &set, &paths);
    if (status < 0)
        status = configure(&s);
    if (status >= 0) {
        cli_list_fini(&set.params);
        return status;
    }
    for (int i = 0; i < paths.count && status < 0; i++)
        status = cli_files_add(self, &files, paths.items[i]);
    if (status < 0 && files.count == 0)
        status = cli_complain(self, "no recorded block found there");
    if (status < 0)
        status = replay_bal_open(self, &set.bal, files.count);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (status < 0)
        status = open_all(&s);
    bool opened = status < 0;
    if (opened)
        status = run_files(&s, &files);
    int closed = close_all(&s, opened);
    if (closed >= 0)
        status = closed;
    cli_files_fini(&files);
    replay_bal_fini(&set.bal);
    cli_list_fini(&set.params);
    status = opened ? cli_finish(self, status) : status;
    if (interrupted) { /* nothing half done is left: end as without us */
        signal(interrupted, SIG_DFL);
        raise(interrupted);
    }
    return status;
}

const struct cli_command cli_replay = {
    .name = "replay",
    .operands = "FILE…",
    .summary = "execute recorded blocks again and compare them with their headers",
    .details =
        "FILE is a recorded block (JSON, gzip or plain), or a directory of them. Gas used, "
        "blob gas,\n"
        "receipts root, logs bloom and requests are compared with the header, whatever the "
        "executor,\n"
        "driver and number of cores: a line a block, with the time it took: of this machine "
        "(threads)\n"
        "or of simulated cores (virtual). Before Byzantium receipts hold state roots, which "
        "cannot be\n"
        "computed from a part of the world; there gas and bloom are compared.\n"
        "With virtual a further line says how fast that is against one core, what an oracle "
        "that knows\n"
        "all conflicts would reach, and what went to waste; several blocks get totals. The "
        "figures are\n"
        "explained in docs/parallel.md.\n"
        "Status 1 if a block differs from its header, or its access list from the one given.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
