/* weft replay: executes recorded blocks again and compares what comes out with their headers. */
#include <stdio.h>
#include <string.h>

#include "evm/io/recorded.h"
#include "evm/parallel/history.h"
#include "evm/parallel/transition.h"
#include "sim/cli/cli.h"
#include "sim/cli/executors.h"
#include "sim/cli/files.h"
#include "sim/cli/machine.h"
#include "sim/cli/text.h"

struct settings {
    const char *executor, *driver;
    struct cli_machine machine;
    struct cli_list params;
    uint64_t cores, seed;
    bool json;
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
     .type = CLI_U64,
     .offset = offsetof(struct settings, cores),
     .value = "N",
     .doc = "threads or simulated cores (default: the number of processors)",
     .min = 1,
     .max = 1024},
    {.name = "seed",
     .type = CLI_U64,
     .offset = offsetof(struct settings, seed),
     .value = "S",
     .doc = "virtual driver: breaks ties between cores (default: 1)"},
    CLI_MACHINE_OPTIONS(struct settings, machine),
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct settings, json),
     .doc = "one JSON object a block, one for the totals"},
};

/* ---- comparing --------------------------------------------------------------------------------
 */

/* What a block gave, beside what its header says. */
struct comparison {
    const struct evm_recorded *recorded;
    const struct evm_block_result *result;
    struct evm_hash receipts_root, requests_hash;
    struct evm_bloom bloom;
    bool judges_receipts; /* before Byzantium receipts hold state roots, which need the whole world
                           */
    bool gas, receipts, logs_bloom, blob_gas, requests, valid;
};

static bool matches(const struct comparison *c)
{
    return c->valid && c->gas && c->logs_bloom && c->blob_gas && c->requests &&
           (c->receipts || !c->judges_receipts);
}

static enum evm_status compare(struct comparison *c, const struct evm_recorded *recorded,
                               const struct evm_block_result *result)
{
    const struct evm_header *h = &recorded->block.header;
    enum evm_fork fork = evm_chain_fork(&recorded->chain, h->number, h->timestamp);
    *c = (struct comparison){.recorded = recorded, .result = result};
    c->judges_receipts = evm_rules_of(fork)->receipt_status;
    c->valid = result->invalid == EVM_TX_VALID && result->fault == EVM_BLOCK_FINE;
    enum evm_status status =
        evm_receipts_root(result->receipts, result->receipt_count, &c->receipts_root);
    if (status == EVM_OK)
        status = evm_requests_hash(&result->requests, &c->requests_hash);
    evm_receipts_bloom(result->receipts, result->receipt_count, &c->bloom);
    c->gas = result->gas_used == h->gas_used;
    c->blob_gas = result->blob_gas_used == h->blob_gas_used;
    c->requests = !h->has_requests_hash || evm_hash_eq(&c->requests_hash, &h->requests_hash);
    c->receipts = evm_hash_eq(&c->receipts_root, &h->receipts_root);
    c->logs_bloom = !memcmp(&c->bloom, &h->bloom, sizeof c->bloom);
    return status;
}

/* ---- printing ---------------------------------------------------------------------------------
 */

static void add_hash(struct cli_text *t, const struct evm_hash *h)
{
    cli_text_add(t, "0x");
    for (size_t i = 0; i < sizeof h->b; i++)
        cli_text_add(t, "%02x", h->b[i]);
}

static const char *fork_name(const struct evm_recorded *r)
{
    const struct evm_header *h = &r->block.header;
    return evm_rules_of(evm_chain_fork(&r->chain, h->number, h->timestamp))->name;
}

static void add_differences(struct cli_text *t, const struct comparison *c)
{
    const struct evm_header *h = &c->recorded->block.header;
    if (c->result->fault != EVM_BLOCK_FINE) {
        cli_text_add(t, "; %s", evm_block_fault_name(c->result->fault));
        return;
    }
    if (!c->valid) {
        cli_text_add(t, "; transaction %u: %s", c->result->invalid_tx,
                     evm_tx_invalid_name(c->result->invalid));
        return;
    }
    if (!c->gas)
        cli_text_add(t, "; gas used %llu, header %llu", (unsigned long long)c->result->gas_used,
                     (unsigned long long)h->gas_used);
    if (!c->blob_gas)
        cli_text_add(t, "; blob gas used %llu, header %llu",
                     (unsigned long long)c->result->blob_gas_used,
                     (unsigned long long)h->blob_gas_used);
    if (c->judges_receipts && !c->receipts) {
        cli_text_add(t, "; receipts root ");
        add_hash(t, &c->receipts_root);
        cli_text_add(t, ", header ");
        add_hash(t, &h->receipts_root);
    }
    if (!c->logs_bloom)
        cli_text_add(t, "; the logs bloom differs");
    if (!c->requests)
        cli_text_add(t, "; the requests differ");
}

static void add_line(struct cli_text *t, const struct comparison *c, bool simulated)
{
    const struct evm_block *b = &c->recorded->block;
    const struct evm_block_result *r = c->result;
    cli_text_add(t, "block %llu %s, %u transactions, %llu gas: %s",
                 (unsigned long long)b->header.number, fork_name(c->recorded), b->tx_count,
                 (unsigned long long)r->gas_used, matches(c) ? "ok" : "MISMATCH");
    if (!matches(c))
        add_differences(t, c);
    else if (!c->judges_receipts)
        cli_text_add(t, " (gas and bloom; receipts hold state roots before Byzantium)");
    cli_text_add(t, "; %.3f ms %s, %llu executions, %llu aborts\n", (double)r->makespan_ns / 1e6,
                 simulated ? "simulated" : "on this machine", (unsigned long long)r->executions,
                 (unsigned long long)r->aborts);
}

static void add_json(struct cli_text *t, const char *path, const struct comparison *c)
{
    const struct evm_block *b = &c->recorded->block;
    const struct evm_block_result *r = c->result;
    cli_text_add(t, "{\"file\": ");
    cli_text_json(t, path);
    cli_text_add(t, ", \"number\": %llu, \"fork\": ", (unsigned long long)b->header.number);
    cli_text_json(t, fork_name(c->recorded));
    cli_text_add(t, ", \"transactions\": %u, \"gas_used\": %llu, \"match\": %s", b->tx_count,
                 (unsigned long long)r->gas_used, matches(c) ? "true" : "false");
    cli_text_add(t, ", \"gas_match\": %s, \"bloom_match\": %s, \"receipts_match\": %s",
                 c->gas ? "true" : "false", c->logs_bloom ? "true" : "false",
                 c->judges_receipts ? c->receipts ? "true" : "false" : "null");
    cli_text_add(t, ", \"invalid\": ");
    cli_text_json(t, c->valid                     ? ""
                     : r->fault != EVM_BLOCK_FINE ? evm_block_fault_name(r->fault)
                                                  : evm_tx_invalid_name(r->invalid));
    cli_text_add(t,
                 ", \"makespan_ns\": %lld, \"busy_ns\": %lld, \"serial_ns\": %lld"
                 ", \"critical_path_ns\": %lld",
                 (long long)r->makespan_ns, (long long)r->busy_ns, (long long)r->serial_ns,
                 (long long)r->critical_path_ns);
    cli_text_add(t,
                 ", \"executions\": %llu, \"aborts\": %llu, \"validations\": %llu"
                 ", \"wasted_gas\": %llu, \"device_reads\": %llu, \"device_ns\": %lld}\n",
                 (unsigned long long)r->executions, (unsigned long long)r->aborts,
                 (unsigned long long)r->validations, (unsigned long long)r->wasted_gas,
                 (unsigned long long)r->device_reads, (long long)r->device_ns);
}

/* ---- running ----------------------------------------------------------------------------------
 */

struct totals {
    size_t blocks, mismatches, broken;
    struct evm_history *history; /* of the blocks so far; NULL: the executor does not learn */
};

static enum evm_status replay(const struct evm_exec_config *config, const struct settings *set,
                              struct evm_codes *codes, const char *path, struct totals *totals,
                              struct evm_err *err)
{
    struct evm_recorded recorded = {0};
    struct evm_block_result result = {0};
    struct evm_state *post = NULL;
    struct comparison c;
    struct cli_text line = {0};
    enum evm_status status = evm_recorded_load(path, codes, &recorded, err);
    if (status != EVM_OK)
        goto out;
    const struct evm_transition_input in = {.chain = &recorded.chain,
                                            .block = &recorded.block,
                                            .parent = recorded.pre,
                                            .hashes = &recorded.hashes,
                                            .history = totals->history};
    status = evm_block_transition(config, &in, &result, &post, err);
    if (status != EVM_OK) {
        const struct evm_err inner = *err;
        evm_fail(err, status, "%s: %s", path, inner.text);
        goto out;
    }
    status = compare(&c, &recorded, &result);
    if (status == EVM_OK && totals->history)
        status = evm_history_learn(totals->history, &result.sets);
    if (status != EVM_OK)
        goto out;
    totals->blocks++;
    totals->mismatches += !matches(&c);
    if (set->json)
        add_json(&line, path, &c);
    else
        add_line(&line, &c, config->driver == EVM_DRIVER_VIRTUAL);
    if (line.text)
        fputs(line.text, stdout);
out:
    cli_text_fini(&line);
    evm_block_result_fini(&result);
    evm_state_unref(post);
    evm_recorded_fini(&recorded);
    return status;
}

static int configure(const struct cli_command *self, struct settings *set,
                     struct evm_exec_config *config, struct evm_exec_params *params)
{
    *config = (struct evm_exec_config){
        .driver = strcmp(set->driver, "virtual") ? EVM_DRIVER_THREADS : EVM_DRIVER_VIRTUAL,
        .cores = set->cores ? (uint32_t)set->cores : cli_processors(),
        .seed = set->seed,
        .params = params};
    int status = cli_executor(self, set->executor, &set->params, &config->executor, params);
    if (status >= 0)
        return status;
    config->keep_sets = (config->executor->traits & EVM_TRAIT_LEARNS) != 0;
    return cli_machine_configure(self, &set->machine, config);
}

static int run_files(const struct cli_command *self, const struct settings *set,
                     const struct evm_exec_config *config, struct evm_codes *codes,
                     const struct cli_files *files)
{
    struct totals totals = {0};
    bool learns = (config->executor->traits & EVM_TRAIT_LEARNS) != 0;
    if (learns && !(totals.history = evm_history_create())) {
        cli_complain(self, "out of memory");
        return CLI_BAD_INPUT;
    }
    for (size_t i = 0; i < files->count; i++) {
        struct evm_err err = {0};
        if (replay(config, set, codes, files->paths[i], &totals, &err) != EVM_OK) {
            fflush(stdout);
            cli_complain(self, "%s", err.text);
            totals.broken++;
        }
    }
    evm_history_destroy(totals.history);
    size_t matched = totals.blocks - totals.mismatches;
    printf(set->json ? "{\"matched\": %zu, \"mismatched\": %zu, \"unreadable\": %zu}\n"
                     : "%zu blocks match, %zu do not, %zu files unreadable\n",
           matched, totals.mismatches, totals.broken);
    if (totals.broken)
        return cli_finish(self, CLI_BAD_INPUT);
    return cli_finish(self, totals.mismatches ? CLI_FAILED : CLI_DONE);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct settings set = {
        .executor = "serial", .driver = "threads", .machine = CLI_MACHINE_DEFAULTS, .seed = 1};
    struct evm_exec_config config;
    struct evm_exec_params params;
    struct cli_operands paths;
    struct cli_files files = {0};
    int status = cli_parse(self, argc, argv, &set, &paths);
    if (status < 0)
        status = configure(self, &set, &config, &params);
    if (status >= 0) {
        cli_list_fini(&set.params);
        return status;
    }
    /* One code store for all files: what the pool keeps between blocks points into it. */
    struct evm_codes *codes = evm_codes_create();
    config.pool = evm_exec_pool_create();
    if (!codes || !config.pool)
        status = cli_complain(self, "out of memory");
    for (int i = 0; i < paths.count && status < 0; i++)
        status = cli_files_add(self, &files, paths.items[i]);
    if (status < 0 && files.count == 0)
        status = cli_complain(self, "no recorded block found there");
    if (status < 0)
        status = run_files(self, &set, &config, codes, &files);
    cli_files_fini(&files);
    evm_exec_pool_destroy(config.pool);
    evm_codes_destroy(codes);
    cli_list_fini(&set.params);
    return status;
}

const struct cli_command cli_replay = {
    .name = "replay",
    .operands = "FILE…",
    .summary = "execute recorded blocks again and compare them with their headers",
    .details = "FILE is a recorded block (JSON, gzip or plain), or a directory of them. Gas used, "
               "blob gas,\n"
               "receipts root, logs bloom and requests are compared with the header, whatever the "
               "executor,\n"
               "driver and number of cores: a line a block, with the time it took: of this machine "
               "(threads)\n"
               "or of simulated cores (virtual). Before Byzantium receipts hold state roots, which "
               "cannot be\n"
               "computed from a part of the world; there gas and bloom are compared.\n"
               "Status 1 if a block differs from its header.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
