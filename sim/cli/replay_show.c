/* What `weft replay` prints. */
#include "sim/cli/replay.h"

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

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

static bool simulated(const struct replay_case *c)
{
    return c->config->driver == EVM_DRIVER_VIRTUAL;
}

/* ---- a block ---- */

static void add_differences(struct cli_text *t, const struct replay_case *c)
{
    const struct evm_header *h = &c->recorded->block.header;
    const struct replay_comparison *m = &c->compared;
    if (c->result->fault != EVM_BLOCK_FINE) {
        cli_text_add(t, "; %s", evm_block_fault_name(c->result->fault));
        return;
    }
    if (!m->valid) {
        cli_text_add(t, "; transaction %u: %s", c->result->invalid_tx,
                     evm_tx_invalid_name(c->result->invalid));
        return;
    }
    if (!m->gas)
        cli_text_add(t, "; gas used %llu, header %llu", (unsigned long long)c->result->gas_used,
                     (unsigned long long)h->gas_used);
    if (!m->blob_gas)
        cli_text_add(t, "; blob gas used %llu, header %llu",
                     (unsigned long long)c->result->blob_gas_used,
                     (unsigned long long)h->blob_gas_used);
    if (m->judges_receipts && !m->receipts) {
        cli_text_add(t, "; receipts root ");
        add_hash(t, &m->receipts_root);
        cli_text_add(t, ", header ");
        add_hash(t, &h->receipts_root);
    }
    if (!m->logs_bloom)
        cli_text_add(t, "; the logs bloom differs");
    if (!m->requests)
        cli_text_add(t, "; the requests differ");
}

static void add_ahead(struct cli_text *t, uint64_t hits, uint64_t misses, int64_t ns)
{
    if (hits + misses == 0)
        return;
    cli_text_add(t, ", %llu of %llu taken over", (unsigned long long)hits,
                 (unsigned long long)(hits + misses));
    if (ns > 0)
        cli_text_add(t, " (%.3f ms beforehand)", (double)ns / 1e6);
}

void replay_add_block(struct cli_text *t, const struct replay_case *c, bool figures)
{
    const struct evm_block *b = &c->recorded->block;
    const struct evm_block_result *r = c->result;
    bool matches = replay_matches(&c->compared);
    cli_text_add(t, "block %llu %s, %u transactions, %llu gas: %s",
                 (unsigned long long)b->header.number, fork_name(c->recorded), b->tx_count,
                 (unsigned long long)r->gas_used, matches ? "ok" : "MISMATCH");
    if (!matches)
        add_differences(t, c);
    else if (!c->compared.judges_receipts)
        cli_text_add(t, " (gas and bloom; receipts hold state roots before Byzantium)");
    if (figures)
        cli_text_add(t, "; %.3f ms %s, %llu executions, %llu aborts", (double)r->makespan_ns / 1e6,
                     simulated(c) ? "simulated" : "on this machine",
                     (unsigned long long)r->executions, (unsigned long long)r->aborts);
    if (figures && !simulated(c))
        add_ahead(t, r->ahead_hits, r->ahead_misses, 0);
    cli_text_add(t, "\n");
}

void replay_add_figures(struct cli_text *t, const struct replay_case *c)
{
    const struct evm_block_result *r = c->result;
    double cores = c->config->cores;
    cli_text_add(t,
                 "  %4u cores %9.3f ms %6.2fx, oracle %6.2fx (%3.0f %% reached), longest chain "
                 "%.3f ms, %3.0f %% busy, %llu executed again, %.1f %% of gas wasted",
                 c->config->cores, (double)r->makespan_ns / 1e6,
                 ratio((double)r->serial_ns, (double)r->makespan_ns),
                 ratio((double)r->serial_ns, (double)r->oracle_ns),
                 100 * ratio((double)r->oracle_ns, (double)r->makespan_ns),
                 (double)r->critical_path_ns / 1e6,
                 100 * ratio((double)r->busy_ns, cores * (double)r->makespan_ns),
                 (unsigned long long)(r->executions + r->ahead_hits - c->recorded->block.tx_count),
                 100 * ratio((double)r->wasted_gas, (double)(r->gas_used + r->wasted_gas)));
    add_ahead(t, r->ahead_hits, r->ahead_misses, r->ahead_ns);
    cli_text_add(t, "\n");
}

/* ---- hottest keys ---- */

static uint32_t hottest(const struct replay_case *c, struct evm_hot_key keys[REPLAY_TOP],
                        uint32_t top)
{
    const struct evm_oracle_input in = replay_known(c);
    uint32_t count = 0;
    if (top > REPLAY_TOP)
        top = REPLAY_TOP;
    if (top == 0 || evm_insight_hottest(&in, keys, top, &count) != EVM_OK)
        return 0;
    return count;
}

void replay_add_hottest(struct cli_text *t, const struct replay_case *c, uint32_t top)
{
    const struct evm_oracle_input in = replay_known(c);
    struct evm_hot_key keys[REPLAY_TOP];
    uint32_t count = hottest(c, keys, top);
    for (uint32_t i = 0; i < count; i++) {
        char name[EVM_INSIGHT_NAME];
        evm_insight_key_name(&in, &keys[i], name);
        cli_text_add(t, "  %-10s %4u conflicts, %9llu gas: %s\n", i ? "" : "hottest",
                     keys[i].conflicts, (unsigned long long)keys[i].gas, name);
    }
}

/* ---- JSON ---- */

static void add_json_keys(struct cli_text *t, const struct replay_case *c, uint32_t top)
{
    const struct evm_oracle_input in = replay_known(c);
    struct evm_hot_key keys[REPLAY_TOP];
    uint32_t count = hottest(c, keys, top);
    cli_text_add(t, ", \"hottest\": [");
    for (uint32_t i = 0; i < count; i++) {
        char name[EVM_INSIGHT_NAME];
        evm_insight_key_name(&in, &keys[i], name);
        cli_text_add(t, "%s{\"key\": ", i ? ", " : "");
        cli_text_json(t, name);
        cli_text_add(t,
                     ", \"conflicts\": %u, \"readers\": %u, \"writers\": %u"
                     ", \"gas\": %llu, \"address\": \"0x",
                     keys[i].conflicts, keys[i].readers, keys[i].writers,
                     (unsigned long long)keys[i].gas);
        for (size_t k = 0; k < sizeof keys[i].addr.b; k++)
            cli_text_add(t, "%02x", keys[i].addr.b[k]);
        cli_text_add(t, "\"}");
    }
    cli_text_add(t, "]");
}

void replay_add_json(struct cli_text *t, const struct replay_case *c, uint32_t top)
{
    const struct evm_block *b = &c->recorded->block;
    const struct evm_block_result *r = c->result;
    const struct replay_comparison *m = &c->compared;
    cli_text_add(t, "{\"file\": ");
    cli_text_json(t, c->path);
    cli_text_add(t, ", \"number\": %llu, \"fork\": ", (unsigned long long)b->header.number);
    cli_text_json(t, fork_name(c->recorded));
    cli_text_add(t, ", \"transactions\": %u, \"gas_used\": %llu, \"match\": %s", b->tx_count,
                 (unsigned long long)r->gas_used, replay_matches(m) ? "true" : "false");
    cli_text_add(t, ", \"gas_match\": %s, \"bloom_match\": %s, \"receipts_match\": %s",
                 m->gas ? "true" : "false", m->logs_bloom ? "true" : "false",
                 m->judges_receipts ? m->receipts ? "true" : "false" : "null");
    cli_text_add(t, ", \"invalid\": ");
    cli_text_json(t, m->valid                     ? ""
                     : r->fault != EVM_BLOCK_FINE ? evm_block_fault_name(r->fault)
                                                  : evm_tx_invalid_name(r->invalid));
    cli_text_add(t,
                 ", \"cores\": %u, \"makespan_ns\": %lld, \"busy_ns\": %lld, \"serial_ns\": %lld"
                 ", \"critical_path_ns\": %lld, \"oracle_ns\": %lld",
                 c->config->cores, (long long)r->makespan_ns, (long long)r->busy_ns,
                 (long long)r->serial_ns, (long long)r->critical_path_ns, (long long)r->oracle_ns);
    cli_text_add(t,
                 ", \"utilisation\": %.4f, \"executions\": %llu, \"aborts\": %llu"
                 ", \"validations\": %llu, \"wasted_gas\": %llu"
                 ", \"returns\": %llu, \"kept_gas\": %llu"
                 ", \"device_reads\": %llu, \"device_ns\": %lld"
                 ", \"ahead_hits\": %u, \"ahead_misses\": %u, \"ahead_ns\": %lld",
                 ratio((double)r->busy_ns, (double)r->makespan_ns * c->config->cores),
                 (unsigned long long)r->executions, (unsigned long long)r->aborts,
                 (unsigned long long)r->validations, (unsigned long long)r->wasted_gas,
                 (unsigned long long)r->returns, (unsigned long long)r->kept_gas,
                 (unsigned long long)r->device_reads, (long long)r->device_ns, r->ahead_hits,
                 r->ahead_misses, (long long)r->ahead_ns);
    if (r->sets.tx_count)
        add_json_keys(t, c, top);
    cli_text_add(t, "}\n");
}

/* ---- all blocks ---- */

void replay_add_totals(struct cli_text *t, const struct replay_sums *sums, size_t count, bool json)
{
    if (!json)
        cli_text_add(t,
                     "\n%zu blocks together\n  cores   serial ms  makespan ms  speed-up  oracle  "
                     "reached  busy  executed again  aborts  gas wasted\n",
                     sums[0].blocks);
    for (size_t i = 0; i < count; i++) {
        const struct replay_sums *s = &sums[i];
        double serial = (double)s->serial_ns, span = (double)s->makespan_ns;
        double oracle = (double)s->oracle_ns;
        if (json)
            cli_text_add(t,
                         "{\"cores\": %u, \"blocks\": %zu, \"transactions\": %llu, \"serial_ns\": "
                         "%lld, \"makespan_ns\": %lld, \"oracle_ns\": %lld, \"speedup\": %.4f, "
                         "\"oracle_speedup\": %.4f, \"utilisation\": %.4f, \"executions\": %llu, "
                         "\"aborts\": %llu, \"validations\": %llu, \"gas_used\": %llu, "
                         "\"wasted_gas\": %llu, \"ahead_hits\": %llu, \"ahead_misses\": %llu, "
                         "\"ahead_ns\": %lld}\n",
                         s->cores, s->blocks, (unsigned long long)s->txs, (long long)s->serial_ns,
                         (long long)s->makespan_ns, (long long)s->oracle_ns, ratio(serial, span),
                         ratio(serial, oracle), ratio((double)s->busy_ns, (double)s->core_ns),
                         (unsigned long long)s->executions, (unsigned long long)s->aborts,
                         (unsigned long long)s->validations, (unsigned long long)s->useful_gas,
                         (unsigned long long)s->wasted_gas, (unsigned long long)s->ahead_hits,
                         (unsigned long long)s->ahead_misses, (long long)s->ahead_ns);
        else
            cli_text_add(
                t,
                "  %5u  %10.3f  %11.3f  %7.2fx %6.2fx  %5.0f %% %3.0f %%  %14llu  %6llu  %8.1f "
                "%%\n",
                s->cores, serial / 1e6, span / 1e6, ratio(serial, span), ratio(serial, oracle),
                100 * ratio(oracle, span), 100 * ratio((double)s->busy_ns, (double)s->core_ns),
                (unsigned long long)(s->executions + s->ahead_hits - s->txs),
                (unsigned long long)s->aborts,
                100 * ratio((double)s->wasted_gas, (double)(s->useful_gas + s->wasted_gas)));
    }
    if (!json && count > 0 && sums[0].ahead_hits + sums[0].ahead_misses > 0) {
        const struct replay_sums *s = &sums[count - 1];
        cli_text_add(t, "  at %u cores", s->cores);
        add_ahead(t, s->ahead_hits, s->ahead_misses, s->ahead_ns);
        cli_text_add(t, "\n");
    }
}
