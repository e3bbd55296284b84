/* sample_run OUT.h5 [--seconds N] [--seed N] [--rate N] [--layers N] [--host-ms N] [--flush 0|1]
 * [--pause-us N]
 *
 * --flush 1 flushes with every sample, --pause-us sleeps after each.
 *
 * Writes a results file of an invented run through sim/record: random numbers in the shape of real
 * ones, for tests of the writer and of the report. Nothing is simulated here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/record/record.h"

enum { NODES = 8, CORES = 8, MAX_LAYERS = 4 };

struct run {
    struct record *r;
    struct err err;
    uint64_t random;
    uint32_t layers, rate, seconds, pause_us, flush;
    double base_fee[MAX_LAYERS];
    uint64_t pending[MAX_LAYERS], height[MAX_LAYERS], block_txs[MAX_LAYERS], block_gas[MAX_LAYERS];
    uint8_t head[MAX_LAYERS][32];
    double busy[NODES];
    uint64_t next_tx;
    struct record_nodes_row nodes[NODES];
    struct record_layers_row layer_rows[MAX_LAYERS];
};

static uint64_t draw(struct run *s)
{
    uint64_t x = s->random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double unit(struct run *s)
{
    return ((double)(draw(s) >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct run *s)
{
    return sqrt(-2 * log(unit(s))) * cos(6.283185307179586 * unit(s));
}

static double lognormal(struct run *s, double median, double sigma)
{
    return median * exp(sigma * normal(s));
}

static void hash(struct run *s, uint8_t *to)
{
    for (size_t i = 0; i < 32; i += 8) {
        uint64_t v = draw(s);
        memcpy(to + i, &v, 8);
    }
}

static void check(struct run *s, enum err_code code)
{
    if (code == ERR_OK)
        return;
    fprintf(stderr, "sample_run: %s\n", s->err.text);
    record_destroy(s->r);
    exit(2);
}

/* The cores of one block: list scheduling of random costs, some thrown away and done again. */
static void schedule(struct run *s, struct record_blocks_row *b, bool keep)
{
    double free_at[CORES] = {0}, busy = 0, wasted = 0;
    for (uint32_t tx = 0; tx < b->txs; tx++) {
        uint32_t tries = unit(s) < 0.12 ? 2 : 1;
        double after = 0;
        for (uint32_t k = 0; k < tries; k++) {
            uint32_t core = 0;
            for (uint32_t c = 1; c < CORES; c++)
                if (free_at[c] < free_at[core])
                    core = c;
            double cost = lognormal(s, 9000, 0.5), start = fmax(free_at[core], after);
            struct record_schedule_row row = {.layer = b->layer,
                                              .height = b->height,
                                              .node = b->proposer,
                                              .core = core,
                                              .tx = tx,
                                              .incarnation = k,
                                              .kind = RECORD_SLICE_KIND_EXECUTE,
                                              .aborted = k + 1 < tries,
                                              .start = (sim_time)start,
                                              .end = (sim_time)(start + cost)};
            memcpy(row.block, b->hash, 32);
            if (keep)
                check(s, record_append(s->r, RECORD_T_schedule, &row, &s->err));
            row.start = row.end;
            row.end += row.aborted ? 900 : 1400;
            row.kind = row.aborted ? RECORD_SLICE_KIND_VALIDATE : RECORD_SLICE_KIND_COMMIT;
            if (keep)
                check(s, record_append(s->r, RECORD_T_schedule, &row, &s->err));
            free_at[core] = (double)row.end;
            after = (double)row.end;
            busy += cost + (double)(row.end - row.start);
            wasted += row.aborted ? cost : 0;
        }
        b->executions += tries;
        b->aborts += tries - 1;
    }
    for (uint32_t c = 0; c < CORES; c++)
        b->makespan = free_at[c] > (double)b->makespan ? (sim_time)free_at[c] : b->makespan;
    b->busy = (sim_time)busy;
    b->serial = (sim_time)(busy - wasted);
    b->critical_path = b->makespan * 7 / 10;
    b->oracle = b->makespan * 8 / 10;
    b->utilisation = b->makespan > 0 ? busy / (double)b->makespan / CORES : 0;
    b->reexecutions = b->executions - b->txs;
    b->wasted_gas = (uint64_t)(wasted * 4);
}

/* What its transactions met at, invented like the rest. */
static void conflicts(struct run *s, const struct record_blocks_row *b)
{
    enum { KEYS = 3 };
    struct record_conflicts_row key[KEYS] = {{.conflicts = 0}};
    for (uint32_t tx = 1; tx < b->txs; tx += 1 + (uint32_t)(draw(s) % 9)) {
        struct record_dependencies_row d = {.layer = b->layer, .height = b->height, .reader = tx};
        d.writer = (uint32_t)(draw(s) % tx);
        d.key = (int32_t)(draw(s) % (KEYS + 1)) - 1;
        memcpy(d.block, b->hash, 32);
        check(s, record_append(s->r, RECORD_T_dependencies, &d, &s->err));
        if (d.key >= 0) {
            key[d.key].conflicts++;
            key[d.key].gas += 33900;
        }
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        key[k].layer = b->layer;
        key[k].height = b->height;
        key[k].rank = k;
        key[k].readers = key[k].conflicts + 1;
        key[k].writers = key[k].conflicts;
        memcpy(key[k].block, b->hash, 32);
        snprintf(key[k].name, sizeof key[k].name, "<invented>.balances[0x%02u..00]", k);
        check(s, record_append(s->r, RECORD_T_conflicts, &key[k], &s->err));
    }
    for (uint32_t cores = 1; cores <= 64; cores *= 2) {
        struct record_speedups_row p = {
            .layer = b->layer, .height = b->height, .cores = cores, .makespan = RECORD_NEVER};
        p.oracle = b->serial / (cores < 10 ? cores : 10);
        if (cores == CORES)
            p.makespan = b->makespan;
        memcpy(p.block, b->hash, 32);
        check(s, record_append(s->r, RECORD_T_speedups, &p, &s->err));
    }
}

static void transactions(struct run *s, const struct record_blocks_row *b)
{
    for (uint32_t i = 0; i < b->txs; i++) {
        double waited =
            lognormal(s, 0.9e9, 0.5) + (s->pending[b->layer] > 3000 ? 3e9 * unit(s) : 0);
        sim_time submitted = b->proposed - (sim_time)fmin(waited, 0.9 * (double)b->proposed);
        bool raw = unit(s) < 0.2;
        struct record_transactions_row t = {.layer = b->layer,
                                            .phase = b->phase,
                                            .sender = draw(s) % 50000,
                                            .status = unit(s) < 0.02 ? RECORD_TX_STATUS_REVERTED
                                                                     : RECORD_TX_STATUS_SUCCEEDED,
                                            .recipient = (uint64_t)(50000 * pow(unit(s), 4)),
                                            .entry_node = (uint32_t)(draw(s) % NODES),
                                            .submitted = submitted,
                                            .pooled = submitted + (sim_time)lognormal(s, 4e6, 0.4),
                                            .included = b->proposed,
                                            .committed = b->committed,
                                            .latency = b->committed - submitted,
                                            .height = (int64_t)b->height,
                                            .position = i,
                                            .gas_used = raw ? 21000 : 34520 + draw(s) % 17000,
                                            .tip = (uint64_t)lognormal(s, 1.5e9, 0.4),
                                            .executions = 1 + (unit(s) < 0.12)};
        hash(s, t.hash);
        snprintf(t.kind, sizeof t.kind, raw ? "transfer" : "erc20");
        t.fee = (double)t.gas_used * ((double)t.tip + (double)b->base_fee);
        check(s, record_append(s->r, RECORD_T_transactions, &t, &s->err));
    }
}

static unsigned phase_at(const struct run *s, sim_time t)
{
    sim_time end = (sim_time)s->seconds * SIM_SEC;
    return t < end / 15 ? RECORD_PHASE_WARM_UP
           : t <= end   ? RECORD_PHASE_MEASURE
                        : RECORD_PHASE_DRAIN;
}

static void block(struct run *s, uint32_t layer, sim_time at, bool stale)
{
    struct record_layers_row *l = &s->layer_rows[layer];
    struct record_blocks_row b = {.layer = layer,
                                  .height = s->height[layer] + 1,
                                  .status = stale ? RECORD_BLOCK_STATUS_STALE
                                                  : RECORD_BLOCK_STATUS_CANONICAL,
                                  .phase = (uint8_t)phase_at(s, at),
                                  .gas_limit = 30000000,
                                  .base_fee = (uint64_t)s->base_fee[layer],
                                  .cores = CORES,
                                  .receivers = NODES - 1,
                                  .proposed = at};
    uint64_t most = b.gas_limit / 34000;
    b.proposer = (uint32_t)((b.height * s->layers + layer + stale) % NODES);
    b.view = b.height + l->view_changes;
    hash(s, b.hash);
    hash(s, b.state_root);
    hash(s, b.receipts_root);
    memcpy(b.parent, s->head[layer], 32);
    b.txs = (uint32_t)(s->pending[layer] < most ? s->pending[layer] : most);
    b.reverted = b.txs / 50;
    b.gas_used = (uint64_t)b.txs * 33900;
    b.bytes = 600 + (uint64_t)b.txs * 170;
    b.first_received = at + (sim_time)lognormal(s, 40e6, 0.2);
    b.median_received = b.first_received + (sim_time)lognormal(s, 70e6, 0.2);
    b.last_received = b.median_received + (sim_time)lognormal(s, 120e6, 0.3);
    b.most_received = (b.median_received + b.last_received) / 2;
    bool keep = !stale && b.height % 5 == 0 && b.txs > 0;
    schedule(s, &b, keep);
    if (keep)
        conflicts(s, &b);
    b.executed = b.median_received + b.makespan;
    b.committed = stale ? RECORD_NEVER : b.executed + (sim_time)lognormal(s, 160e6, 0.2);
    b.tip_low = (uint64_t)lognormal(s, 0.9e9, 0.05);
    b.tip_median = (uint64_t)lognormal(s, 1.5e9, 0.05);
    b.tip_high = (uint64_t)lognormal(s, 2.5e9, 0.05);
    b.burnt = (double)b.gas_used * s->base_fee[layer];
    b.fees = b.burnt + (double)b.gas_used * 1.6e9;
    check(s, record_append(s->r, RECORD_T_blocks, &b, &s->err));
    for (uint32_t n = 0; n < NODES; n++) {
        s->busy[n] += (double)b.busy;
        s->nodes[n].busy += b.busy;
        s->nodes[n].execution_time += b.makespan;
        s->nodes[n].executed++;
        s->nodes[n].height = b.height;
    }
    s->nodes[b.proposer].proposed++;
    if (stale) {
        l->stale_blocks++;
        return;
    }
    transactions(s, &b);
    memcpy(s->head[layer], b.hash, 32);
    s->nodes[b.proposer].accepted++;
    s->height[layer]++;
    s->pending[layer] -= b.txs;
    s->block_txs[layer] += b.txs;
    s->block_gas[layer] += b.gas_used;
    l->blocks++;
    l->txs_committed += b.txs;
    l->txs_reverted += b.reverted;
    l->gas_used += b.gas_used;
    l->fees_paid += b.fees;
    l->fees_burnt += b.burnt;
    l->executions += b.executions;
    l->aborts += b.aborts;
    double fill = (double)b.gas_used / (double)b.gas_limit;
    s->base_fee[layer] = fmax(1e8, s->base_fee[layer] * (1 + (fill - 0.5) / 4));
}

static void sample(struct run *s, sim_time at, sim_time interval, const double *offered,
                   bool crashed)
{
    double seconds = (double)interval / 1e9;
    check(s, record_sample(s->r, at, phase_at(s, at), &s->err));
    for (uint32_t l = 0; l < s->layers; l++) {
        record_value(s->r, RECORD_S_OFFERED, l, offered[l] / seconds);
        record_value(s->r, RECORD_S_ACHIEVED, l, (double)s->block_txs[l] / seconds);
        record_value(s->r, RECORD_S_GAS, l, (double)s->block_gas[l] / seconds);
        record_value(s->r, RECORD_S_PENDING, l, (double)s->pending[l]);
        record_value(s->r, RECORD_S_BASE_FEE, l, s->base_fee[l]);
        record_value(s->r, RECORD_S_HEIGHT, l, (double)s->height[l]);
        record_value(s->r, RECORD_S_NODES_UP, l, NODES - crashed);
        s->block_txs[l] = s->block_gas[l] = 0;
    }
    for (uint32_t n = 0; n < NODES; n++) {
        bool down = crashed && n == 3;
        record_value(s->r, RECORD_S_UTILISATION, n,
                     down ? 0 : fmin(1, s->busy[n] / (double)interval / CORES));
        record_value(s->r, RECORD_S_UPLINK, n, down ? 0 : 0.1 + 0.3 * unit(s));
        record_value(s->r, RECORD_S_DOWNLINK, n, down ? 0 : 0.1 + 0.2 * unit(s));
        record_value(s->r, RECORD_S_BYTES_OUT, n, down ? 0 : 2e6 * (1 + unit(s)));
        s->busy[n] = 0;
        check(s, record_put(s->r, RECORD_T_nodes, n, &s->nodes[n], &s->err));
    }
    for (uint32_t l = 0; l < s->layers; l++) {
        s->layer_rows[l].txs_pending = s->pending[l];
        check(s, record_put(s->r, RECORD_T_layers, l, &s->layer_rows[l], &s->err));
    }
}

static void tell(struct run *s, sim_time at, const char *kind, const char *detail, bool fault)
{
    if (fault) {
        struct record_faults_row f = {.time = at, .node = 3, .layer = -1};
        snprintf(f.kind, sizeof f.kind, "%s", kind);
        snprintf(f.detail, sizeof f.detail, "%s", detail);
        check(s, record_append(s->r, RECORD_T_faults, &f, &s->err));
        return;
    }
    struct record_events_row e = {
        .time = at, .node = -1, .layer = 0, .level = RECORD_EVENT_LEVEL_WARNING};
    snprintf(e.kind, sizeof e.kind, "%s", kind);
    snprintf(e.detail, sizeof e.detail, "%s", detail);
    check(s, record_append(s->r, RECORD_T_events, &e, &s->err));
}

static void set_up(struct run *s)
{
    static const char *const regions[] = {"us-east-1", "eu-central-1", "ap-northeast-1"};
    for (uint32_t n = 0; n < NODES; n++) {
        struct record_nodes_row *row = &s->nodes[n];
        *row = (struct record_nodes_row){
            .id = n, .layer = n % s->layers, .cores = CORES, .uplink = 1e8, .downlink = 1e8};
        snprintf(row->name, sizeof row->name, "validator-%u", n);
        snprintf(row->region, sizeof row->region, "%s", regions[n % 3]);
        snprintf(row->profile, sizeof row->profile, "validator-2025");
    }
    for (uint32_t l = 0; l < s->layers; l++) {
        struct record_layers_row *row = &s->layer_rows[l];
        *row = (struct record_layers_row){
            .id = l, .nodes = NODES / s->layers, .gas_limit = 30000000, .block_interval = SIM_SEC};
        snprintf(row->name, sizeof row->name, l ? "layer-%u" : "main", l);
        snprintf(row->consensus, sizeof row->consensus, "tendermint");
        snprintf(row->executor, sizeof row->executor, "block-stm");
        snprintf(row->coupling, sizeof row->coupling, "execute-before-vote");
        snprintf(row->fees, sizeof row->fees, "eip1559");
        snprintf(row->mempool, sizeof row->mempool, "fee-ordered");
        s->base_fee[l] = 1e9;
    }
}

static void run(struct run *s)
{
    sim_time interval = 100 * SIM_MS, load_end = (sim_time)s->seconds * SIM_SEC;
    sim_time crash = load_end * 2 / 5, recover = load_end * 3 / 5;
    for (sim_time at = interval; at <= load_end + 4 * SIM_SEC; at += interval) {
        double offered[MAX_LAYERS] = {0};
        bool crashed = at >= crash && at < recover;
        if (at == crash)
            tell(s, at, "crash", "stopped, memory lost", true);
        if (at == recover)
            tell(s, at, "recover", "restarted, catching up", true);
        for (uint32_t l = 0; l < s->layers; l++) {
            double mean = at <= load_end ? s->rate * 0.1 / s->layers : 0;
            offered[l] = floor(fmax(0, mean + sqrt(mean) * normal(s)) + 0.5);
            s->pending[l] += (uint64_t)offered[l];
            s->layer_rows[l].txs_offered += (uint64_t)offered[l];
            if (at / interval % 10 != (sim_time)l)
                continue;
            if (crashed && at / interval % 40 < 10) { /* the crashed node's turn */
                s->layer_rows[l].view_changes++;
                tell(s, at, "view-change", "no proposal in time, the next proposer takes over",
                     false);
                continue;
            }
            if (at / interval % 170 == (sim_time)l)
                block(s, l, at - 30 * SIM_MS, true);
            block(s, l, at, false);
        }
        sample(s, at, interval, offered, crashed);
        if (s->flush)
            check(s, record_flush(s->r, &s->err));
        if (s->pause_us)
            usleep(s->pause_us);
    }
}

static uint32_t option(int argc, char **argv, const char *name, uint32_t otherwise)
{
    for (int i = 2; i + 1 < argc; i += 2)
        if (!strcmp(argv[i], name))
            return (uint32_t)strtoul(argv[i + 1], NULL, 10);
    return otherwise;
}

int main(int argc, char **argv)
{
    char digest[RECORD_DIGEST_SIZE];
    struct run s = {0};
    if (argc < 2 || argc % 2) {
        fprintf(stderr, "usage: sample_run OUT.h5 [--NAME NUMBER]...\n");
        return 2;
    }
    s.seconds = option(argc, argv, "--seconds", 60);
    s.rate = option(argc, argv, "--rate", 700);
    s.layers = option(argc, argv, "--layers", 1);
    s.layers = s.layers > MAX_LAYERS ? MAX_LAYERS : s.layers;
    s.pause_us = option(argc, argv, "--pause-us", 0);
    s.flush = option(argc, argv, "--flush", 0);
    s.random = option(argc, argv, "--seed", 1);
    set_up(&s);
    struct record_info info = {.scenario_name = "sample",
                               .scenario = "name: sample # invented\n",
                               .scenario_resolved = "name: sample\n",
                               .program_version = "0",
                               .cost_profile = "validator-2025",
                               .host = "a machine",
                               .start = "2026-01-01T00:00:00Z",
                               .transactions = "all",
                               .seed = s.random,
                               .interval = 100 * SIM_MS,
                               .layers = s.layers,
                               .nodes = NODES,
                               .load_end = (sim_time)s.seconds * SIM_SEC,
                               .warm_up_end = (sim_time)s.seconds * SIM_SEC / 15};
    struct record_policy policy = {.host_ms = option(argc, argv, "--host-ms", 0)};
    check(&s, record_create(&s.r, &s.err));
    check(&s, record_start(s.r, argv[1], &info, &policy, &s.err));
    run(&s);
    check(&s, record_set_text(s.r, "limit", "load", &s.err));
    check(&s,
          record_set_text(s.r, "verdict", "The offered load, says this <invented> run.", &s.err));
    check(&s, record_finish(s.r, digest, (sim_time)(s.seconds + 4) * SIM_SEC,
                            "2026-01-01T00:00:09Z", &s.err));
    record_destroy(s.r);
    printf("%s\n", digest);
    return 0;
}
