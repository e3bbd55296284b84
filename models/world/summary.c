/* Figures of a run, and what limited it, in plain words. */
#include "models/world/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nearest rank, on a sorted copy. */
static struct world_percentiles percentiles(const struct vec *values)
{
    struct world_percentiles p = {0};
    size_t n = values->len;
    double *sorted = n ? mem_alloc(n, sizeof *sorted) : NULL;
    if (!sorted)
        return p;
    memcpy(sorted, values->data, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t i = 0; i < n; i++)
        p.mean += sorted[i] / (double)n;
    p.p50 = sorted[(n - 1) / 2];
    p.p90 = sorted[(n * 9 + 9) / 10 - 1];
    p.p99 = sorted[(n * 99 + 99) / 100 - 1];
    mem_free(sorted);
    return p;
}

static void scale(struct world_percentiles *p, double by)
{
    p->p50 *= by;
    p->p90 *= by;
    p->p99 *= by;
    p->mean *= by;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void sum_layers(const struct world *w, struct world_summary *out)
{
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        out->stale_blocks += l->stale;
        out->failed_rounds += l->rounds;
    }
}

static void sum_nodes(const struct world *w, struct world_summary *out)
{
    double busy = 0, room = 0, span = (double)sim_now(w->sim);
    for (node_id i = 0; i < w->node_count; i++) {
        struct net_node_stats net;
        net_stats(w->net, i, &net);
        busy += (double)cores_busy(w, i);
        room += span * w->layers[w->nodes[i].layer].classes[w->nodes[i].class].cores;
        out->messages += net.messages_out;
        out->bytes += net.bytes_out;
        double up = ratio((double)net.up_busy, span);
        out->link_utilisation = up > out->link_utilisation ? up : out->link_utilisation;
    }
    out->core_utilisation = ratio(busy, room);
}

/* Share of the time between blocks that the slowest hardware spends executing. */
static double execution_share(const struct world *w, const struct world_summary *s)
{
    double most = 0;
    (void)s;
    for (node_id i = 0; i < w->node_count; i++) {
        double share = ratio((double)w->nodes[i].execution_time, (double)sim_now(w->sim));
        most = share > most ? share : most;
    }
    return most;
}

const char *world_limit_name(enum world_limit limit)
{
    static const char *const names[] = {
        [WORLD_LIMIT_UNSAFE] = "safety",
        [WORLD_LIMIT_STOPPED] = "stopped",
        [WORLD_LIMIT_HALTED] = "halted",
        [WORLD_LIMIT_LOAD] = "load",
        [WORLD_LIMIT_GAS] = "gas",
        [WORLD_LIMIT_CONFLICTS] = "conflicts",
        [WORLD_LIMIT_EXECUTION] = "execution",
        [WORLD_LIMIT_NETWORK] = "network",
        [WORLD_LIMIT_CONSENSUS] = "consensus",
        [WORLD_LIMIT_POOL] = "pool",
    };
    return names[limit];
}

static void say(struct world_summary *s, enum world_limit limit, const char *text)
{
    s->limit = limit;
    snprintf(s->limit_text, sizeof s->limit_text, "%s", text);
}

static sim_time longest_stall(const struct world *w)
{
    sim_time most = 0;
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        sim_time last = sim_now(w->sim) - l->last_progress;
        most = l->longest_stall > most ? l->longest_stall : most;
        most = last > most ? last : most;
    }
    return most;
}

static void explain_full(const struct world *w, struct world_summary *s)
{
    double share = execution_share(w, s);
    bool conflicts = s->speed_up_bound > 0 && s->speed_up_bound < 2;
    if (s->block_fill > 0.9)
        say(s, WORLD_LIMIT_GAS,
            "Block space: blocks are full. A higher gas limit or shorter block interval would "
            "carry "
            "more, as long as execution keeps up.");
    else if (share > 0.7 && conflicts)
        say(s, WORLD_LIMIT_CONFLICTS,
            "Conflicts: execution takes most of the time, and transactions touch the same state, "
            "so "
            "more cores cannot help. Spread the load over more accounts or contracts.");
    else if (share > 0.7)
        say(s, WORLD_LIMIT_EXECUTION,
            "Execution: the slowest nodes are busy executing most of the time. More or faster "
            "cores, "
            "or execute-after-order, would help.");
    else if (s->link_utilisation > 0.7)
        say(s, WORLD_LIMIT_NETWORK,
            "Links: the busiest uplink is nearly always sending. More bandwidth, fewer neighbours "
            "or "
            "announcing instead of pushing would help.");
    else if (w->drops_full > 0)
        say(s, WORLD_LIMIT_POOL,
            "Pools: they were full and refused transactions while blocks had room. Larger pools or "
            "shorter block intervals would help.");
    else
        say(s, WORLD_LIMIT_CONSENSUS,
            "Consensus: blocks have room and cores are idle, but agreement takes its time. A "
            "shorter "
            "block interval, shorter time-outs or closer nodes would help.");
}

static void explain(const struct world *w, struct world_summary *s)
{
    double got = ratio((double)s->committed, (double)s->offered);
    sim_time stall = longest_stall(w);
    if (s->safety_violations > 0) {
        say(s, WORLD_LIMIT_UNSAFE,
            "Safety broke: nodes committed different blocks at one height, or took a commit back. "
            "The events table tells where; other figures mean little.");
    } else if (w->stopped) {
        say(s, WORLD_LIMIT_STOPPED,
            "The run was stopped before its end, so what would have limited it is not known.");
    } else if (s->blocks == 0 || (stall > sim_now(w->sim) / 4 && stall > 10 * SIM_SEC)) {
        snprintf(
            s->limit_text, sizeof s->limit_text,
            "Consensus stood still for %.1f s: too few validators were up, or messages were too "
            "late for its time-outs. The events and faults tables tell when.",
            (double)stall / 1e9);
        s->limit = WORLD_LIMIT_HALTED;
    } else if (s->offered == 0) {
        say(s, WORLD_LIMIT_LOAD, "Nothing was offered: the scenario has no workload.");
    } else if (got > 0.98) {
        say(s, WORLD_LIMIT_LOAD,
            "The offered load: everything that was offered was committed. Offer more to find the "
            "limit.");
    } else {
        explain_full(w, s);
    }
}

void world_summarise(const struct world *w, struct world_summary *out)
{
    const struct tally *t = &w->tally;
    *out = (struct world_summary){.stopped = w->stopped};
    memcpy(out->digest, w->digest, sizeof out->digest);
    sim_time end = sim_now(w->sim) < w->load_end ? sim_now(w->sim) : w->load_end;
    out->measured = end > w->cfg->warm_up ? end - w->cfg->warm_up : 0;
    out->end = sim_now(w->sim);
    double seconds = (double)out->measured / 1e9;
    out->offered = t->offered;
    out->committed = t->latency.len;
    out->reverted = t->reverted;
    out->dropped = t->dropped;
    out->pending = out->offered - out->committed - out->dropped;
    out->offered_rate = ratio((double)t->offered, seconds);
    out->achieved_rate = ratio((double)t->committed, seconds);
    out->gas_rate = ratio((double)t->gas, seconds);
    out->latency_s = percentiles(&t->latency);
    out->tip_gwei = percentiles(&t->tip);
    out->fee_gwei = percentiles(&t->fee);
    scale(&out->tip_gwei, 1e-9);
    scale(&out->fee_gwei, 1e-9);
    out->base_fee_first_gwei = t->first_base_fee * 1e-9;
    out->base_fee_last_gwei = t->last_base_fee * 1e-9;
    out->blocks = t->blocks;
    if (t->blocks > 1)
        out->block_interval_s = (double)(t->last_block - t->first_block) / 1e9 /
                                (double)(t->blocks - 1) * w->layer_count;
    out->block_fill = ratio((double)t->gas, (double)t->gas_limit);
    out->block_txs = ratio((double)t->txs, (double)t->blocks);
    out->executions = t->executions;
    out->aborts = t->aborts;
    out->speed_up = ratio((double)t->serial, (double)t->makespan);
    out->speed_up_bound = ratio((double)t->serial, (double)t->critical_path);
    out->safety_violations = w->violations;
    out->crashes = w->crashes;
    out->events = sim_events(w->sim);
    sum_layers(w, out);
    sum_nodes(w, out);
    explain(w, out);
}
