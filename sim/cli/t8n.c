/* weft t8n: one block for other projects' generators, with the arguments of their transition tool.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "evm/core/u256.h"
#include "evm/io/t8n.h"
#include "evm/io/trace.h"
#include "sim/cli/cli.h"

struct settings {
    const char *alloc, *env, *txs;
    const char *fork, *reward, *tier;
    uint64_t chain_id;
    const char *basedir, *out_alloc, *out_result, *out_body;
    bool trace, trace_memory, trace_no_memory, trace_no_stack;
    bool trace_return_data, trace_no_return_data;
    uint64_t verbosity; /* for drivers that give it */
};

#define TEXT(flag, field, shown, about)                                                            \
    {                                                                                              \
        .name = flag, .type = CLI_STRING, .offset = offsetof(struct settings, field),              \
        .value = shown, .doc = about                                                               \
    }

#define FLAG(flag, field, about)                                                                   \
    {                                                                                              \
        .name = flag, .type = CLI_FLAG, .offset = offsetof(struct settings, field), .doc = about   \
    }

static const char *const tiers[] = {"auto", "plain", "translated", NULL};

static const struct cli_option options[] = {
    TEXT("input.alloc", alloc, "FILE", "accounts before the block (default: alloc.json)"),
    TEXT("input.env", env, "FILE", "the block's environment (default: env.json)"),
    TEXT("input.txs", txs, "FILE", "transactions, JSON or RLP (default: txs.json)"),
    TEXT("state.fork", fork, "NAME", "rules (default: GrayGlacier)"),
    {.name = "state.chainid",
     .type = CLI_U64,
     .offset = offsetof(struct settings, chain_id),
     .value = "N",
     .doc = "chain id (default: 1)"},
    TEXT("state.reward", reward, "WEI", "to the beneficiary at the end; -1: none (default: 0)"),
    TEXT("output.basedir", basedir, "DIR", "where output files go (default: here); made if absent"),
    TEXT("output.alloc", out_alloc, "FILE", "accounts after it (default: alloc.json)"),
    TEXT("output.result", out_result, "FILE", "the summary (default: result.json)"),
    TEXT("output.body", out_body, "FILE", "included transactions as RLP (default: not written)"),
    {.name = "tier",
     .type = CLI_CHOICE,
     .offset = offsetof(struct settings, tier),
     .value = "HOW",
     .doc = "how code runs: auto (default), plain, or translated, at once",
     .choices = tiers},
    FLAG("trace", trace, "EIP-3155: trace-INDEX-HASH.jsonl for each transaction"),
    FLAG("trace.memory", trace_memory, "with the memory in each line"),
    FLAG("trace.nomemory", trace_no_memory, "the default; =false is --trace.memory"),
    FLAG("trace.nostack", trace_no_stack, "without the stack"),
    FLAG("trace.returndata", trace_return_data, "with the return data in each line"),
    FLAG("trace.noreturndata", trace_no_return_data, "the default; =false is --trace.returndata"),
    {.name = "verbosity",
     .type = CLI_U64,
     .offset = offsetof(struct settings, verbosity),
     .value = "N",
     .doc = "taken, without effect: complaints are all there is to say"},
};

/* ---- output ---------------------------------------------------------------------------------- */

enum { ALLOC, RESULT, BODY, PARTS };
static const char *const part_names[PARTS] = {"alloc", "result", "body"};

/* What goes where: a file, or a member of the object on a standard stream. */
struct part {
    const char *target;
    struct evm_buf text;
    char *path, *beside;
};

static bool is_stream(const struct part *p)
{
    return !strcmp(p->target, "stdout") || !strcmp(p->target, "stderr");
}

static int io_failure(const struct cli_command *self, const char *path)
{
    cli_complain(self, "%s: %s", path, strerror(errno));
    return EVM_T8N_IO;
}

/* dir/name, to be freed; NULL when memory is out. */
static char *path_in(const char *dir, const char *name, const char *suffix)
{
    bool rooted = name[0] == '/' || !dir || !dir[0];
    size_t size = (dir ? strlen(dir) : 0) + strlen(name) + strlen(suffix) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s%s%s", rooted ? "" : dir, rooted ? "" : "/", name, suffix);
    return path;
}

/* What is no regular file is written to as it is: a device, a pipe. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Writes the text beside its place, so that no file is ever half of one; p->path and p->beside are
 * set when it stands there. */
static int write_beside(const struct cli_command *self, const char *dir, struct part *p)
{
    char *path = path_in(dir, p->target, ""), *beside = path_in(dir, p->target, ".part");
    int status = EVM_T8N_OK;
    if (!path || !beside) {
        cli_complain(self, "out of memory");
        status = EVM_T8N_EVM;
        goto out;
    }
    bool special = is_special(path);
    FILE *f = fopen(special ? path : beside, "wb");
    bool ok = f && fwrite(p->text.data, 1, p->text.size, f) == p->text.size;
    ok = ok && fputc('\n', f) != EOF;
    if (f)
        ok = fclose(f) == 0 && ok;
    if (!ok) {
        status = io_failure(self, path);
        if (f && !special)
            remove(beside);
    } else if (!special) {
        p->path = path;
        p->beside = beside;
        return status;
    }
out:
    free(path);
    free(beside);
    return status;
}

/* Every file stands beside its place before the first goes to it. */
static int write_files(const struct cli_command *self, const char *dir, struct part *parts)
{
    int status = EVM_T8N_OK;
    for (int i = 0; i < PARTS && !status; i++)
        if (parts[i].target[0] && !is_stream(&parts[i]))
            status = write_beside(self, dir, &parts[i]);
    for (int i = 0; i < PARTS; i++) {
        struct part *p = &parts[i];
        if (p->beside && (status || rename(p->beside, p->path) != 0)) {
            if (!status)
                status = io_failure(self, p->path);
            remove(p->beside);
        }
        free(p->path);
        free(p->beside);
    }
    return status;
}

static int write_stream(const struct cli_command *self, const struct part *parts, const char *name,
                        FILE *stream)
{
    bool any = false;
    for (int i = 0; i < PARTS; i++) {
        const struct part *p = &parts[i];
        if (strcmp(p->target, name) != 0)
            continue;
        fprintf(stream, "%s\n  \"%s\": ", any ? "," : "{", part_names[i]);
        fwrite(p->text.data, 1, p->text.size, stream);
        any = true;
    }
    if (any)
        fputs("\n}\n", stream);
    if (fflush(stream) != 0 || ferror(stream))
        return io_failure(self, name);
    return EVM_T8N_OK;
}

static int write_all(const struct cli_command *self, const struct settings *set, struct part *parts)
{
    int status = write_files(self, set->basedir, parts);
    if (!status)
        status = write_stream(self, parts, "stdout", stdout);
    if (!status)
        status = write_stream(self, parts, "stderr", stderr);
    return status;
}

static enum evm_t8n_status make_part(const struct evm_t8n *t, int i, struct part *p,
                                     struct evm_err *err)
{
    unsigned indent = is_stream(p) ? 2 : 0;
    if (!p->target[0])
        return EVM_T8N_OK;
    if (i == ALLOC)
        return evm_t8n_put_alloc(t, indent, &p->text, err);
    if (i == RESULT)
        return evm_t8n_put_result(t, indent, &p->text, err);
    return evm_t8n_put_body(t, &p->text, err);
}

/* ---- traces ---------------------------------------------------------------------------------- */

struct tracing {
    const struct settings *set;
    struct evm_trace trace;
    FILE *file; /* of the transaction at hand */
    char **paths;
    size_t count, room;
    bool failed;
};

static const struct evm_tracer *begin_trace(void *self, uint32_t index, const struct evm_tx *tx)
{
    struct tracing *g = self;
    const struct settings *set = g->set;
    char name[112];
    int at = snprintf(name, sizeof name, "trace-%u-0x", index);
    for (size_t i = 0; i < sizeof tx->hash.b; i++)
        at += snprintf(name + at, sizeof name - (size_t)at, "%02x", tx->hash.b[i]);
    char *path = path_in(set->basedir, name, ".jsonl");
    if (g->count == g->room) {
        size_t room = g->room ? 2 * g->room : 16;
        char **paths = realloc(g->paths, room * sizeof *paths);
        g->paths = paths ? paths : g->paths;
        g->room = paths ? room : g->room;
    }
    g->file = path && g->count < g->room ? fopen(path, "wb") : NULL;
    if (!g->file) {
        g->failed = true;
        free(path);
        return NULL;
    }
    g->paths[g->count++] = path;
    evm_trace_init(
        &g->trace, g->file,
        (set->trace_memory || !set->trace_no_memory ? EVM_TRACE_MEMORY : 0u) |
            (set->trace_no_stack ? EVM_TRACE_NO_STACK : 0u) |
            (set->trace_return_data || !set->trace_no_return_data ? 0u : EVM_TRACE_NO_RETURN_DATA));
    return &g->trace.tracer;
}

static void drop_trace(struct tracing *g)
{
    remove(g->paths[--g->count]);
    free(g->paths[g->count]);
}

static void end_trace(void *self, uint32_t index, const struct evm_tx_outcome *o)
{
    struct tracing *g = self;
    (void)index;
    if (!g->file)
        return;
    const struct evm_trace_summary summary = {
        .pass = o->invalid == EVM_TX_VALID && o->success,
        .output = o->output,
        .gas_used = o->gas_used,
        .error = o->success ? NULL : evm_halt_name(o->halt),
    };
    evm_trace_summary(&g->trace, &summary);
    if (!evm_trace_fini(&g->trace))
        g->failed = true;
    if (fclose(g->file) != 0)
        g->failed = true;
    g->file = NULL;
    if (o->error != EVM_OK || o->invalid != EVM_TX_VALID)
        drop_trace(g);
}

/* The traces of a block that was not made go as well. */
static void close_traces(struct tracing *g, bool keep)
{
    while (g->count > 0 && !keep)
        drop_trace(g);
    for (size_t i = 0; i < g->count; i++)
        free(g->paths[i]);
    free(g->paths);
}

/* The folder, and those above it that are not there. */
static bool make_folder(const char *path)
{
    char *text = strdup(path);
    if (!text)
        return false;
    for (char *p = strchr(text + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        mkdir(text, 0777);
        *p = '/';
    }
    bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
    free(text);
    return made;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int transition(const struct cli_command *self, const struct settings *set,
                      const struct evm_t8n_options *how)
{
    struct evm_t8n t;
    struct evm_err err = {0};
    struct part parts[PARTS] = {
        {.target = set->out_alloc}, {.target = set->out_result}, {.target = set->out_body}};
    struct tracing g = {.set = set};
    const struct evm_t8n_tracing tracing = {begin_trace, end_trace, &g};
    int status = evm_t8n_load(&t, how, &err);
    if (!status)
        status = evm_t8n_run(&t, set->trace ? &tracing : NULL, &err);
    if (!status && g.failed) {
        evm_fail(&err, EVM_ERR_IO, "a trace cannot be written to '%.160s'",
                 set->basedir ? set->basedir : ".");
        status = EVM_T8N_IO;
    }
    for (int i = 0; i < PARTS && !status; i++)
        status = make_part(&t, i, &parts[i], &err);
    if (status)
        cli_complain(self, "%s", err.text);
    else
        status = write_all(self, set, parts);
    close_traces(&g, status == EVM_T8N_OK);
    for (int i = 0; i < PARTS; i++)
        evm_buf_fini(&parts[i].text);
    evm_t8n_fini(&t);
    return status;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct settings set = {.alloc = "alloc.json",
                           .env = "env.json",
                           .txs = "txs.json",
                           .fork = "GrayGlacier",
                           .reward = "0",
                           .tier = "auto",
                           .chain_id = 1,
                           .trace_no_memory = true,
                           .trace_no_return_data = true,
                           .out_alloc = "alloc.json",
                           .out_result = "result.json",
                           .out_body = ""};
    struct cli_operands none;
    int status = cli_parse(self, argc, argv, &set, &none);
    if (status >= 0)
        return status;
    struct evm_t8n_options how = {.alloc = set.alloc,
                                  .env = set.env,
                                  .txs = set.txs,
                                  .fork = set.fork,
                                  .chain_id = set.chain_id,
                                  .has_reward = strcmp(set.reward, "-1") != 0,
                                  .tier = !strcmp(set.tier, "plain")        ? EVM_TIER_PLAIN
                                          : !strcmp(set.tier, "translated") ? EVM_TIER_TRANSLATED
                                                                            : EVM_TIER_AUTO};
    if (how.has_reward && !evm_u256_parse(&how.reward, set.reward))
        return cli_complain(self, "--state.reward: '%s' is neither a number of wei nor -1",
                            set.reward);
    if (set.basedir && set.basedir[0] && !make_folder(set.basedir))
        return io_failure(self, set.basedir);
    return transition(self, &set, &how);
}

const struct cli_command cli_t8n = {
    .name = "t8n",
    .operands = "",
    .summary = "execute one block given as JSON, for other projects' test generators",
    .details =
        "Takes accounts, an environment and transactions, and gives the accounts after the block, "
        "a\n"
        "summary with roots and receipts, and the included transactions: the transition tool's\n"
        "arguments, fields and formats. FILE may be stdin for an input (one object with alloc, "
        "env\n"
        "and txs, for all inputs that say so) and stdout or stderr for an output. Invalid\n"
        "transactions are listed as rejected and left out.\n"
        "Forks: Frontier, Homestead, EIP150, EIP158, Byzantium, Constantinople, "
        "ConstantinopleFix,\n"
        "Istanbul, MuirGlacier, Berlin, London, ArrowGlacier, GrayGlacier, Merge, Shanghai, "
        "Cancun,\n"
        "Prague, Osaka, BPO1, BPO2, their other names (TangerineWhistle, SpuriousDragon,\n"
        "Petersburg, Paris), and passages such as BerlinToLondonAt5, CancunToPragueAtTime15k or\n"
        "HomesteadToDaoAt5.",
    .statuses =
        "0 done, 2 the block is invalid, or bad arguments, 3 the environment lacks what the "
        "fork\nneeds, or an unknown fork, 4 a block hash is missing, 10 bad JSON, 11 a file "
        "cannot be read or\nwritten, 12 bad RLP",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};
