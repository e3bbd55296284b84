/* Figures of a run, and what limited it, in plain words. */
#include "models/world/summary.h"
#include "models/world/verify.h"

#include "evm/core/u256.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* On a sorted copy. */
struct world_percentiles summary_percentiles(const struct vec *values)
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

static void sum_layers(const struct world *w, struct world_summary *out)
{
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        out->stale_blocks += l->stale;
    }
    for (layer_id i = 0; i < w->chain_count; i++)
        out->failed_rounds += w->chains[i].rounds;
}

static void sum_nodes(const struct world *w, struct world_summary *out)
{
    double busy = 0, signatures = 0, room = 0, span = (double)sim_now(w->sim);
    for (node_id i = 0; i < w->node_count; i++) {
        struct net_node_stats net;
        net_stats(w->net, i, &net);
        busy += (double)cores_busy(w, i);
        signatures += (double)post_signature_time(w, i);
        out->shed += w->nodes[i].shed;
        room += span * w->layers[w->nodes[i].layer].classes[w->nodes[i].class].cores;
        out->messages += net.messages_out;
        out->bytes += net.bytes_out;
        double up = summary_ratio((double)net.up_busy, span);
        out->link_utilisation = up > out->link_utilisation ? up : out->link_utilisation;
    }
    out->core_utilisation = summary_ratio(busy, room);
    out->signature_utilisation = summary_ratio(signatures, room);
}

static struct world_traffic sent(const struct world *w, enum channel channel)
{
    struct net_traffic t = net_traffic(w->net, channel);
    return (struct world_traffic){t.messages, t.bytes};
}

static void sum_traffic(const struct world *w, struct world_summary *out)
{
    out->blocks_sent = sent(w, CHANNEL_BLOCK);
    out->votes_sent = sent(w, CHANNEL_CONSENSUS);
    out->txs_sent = sent(w, CHANNEL_TX);
    out->sync_sent = sent(w, CHANNEL_SYNC);
    out->control_sent = sent(w, CHANNEL_CONTROL);
    out->layers_sent = sent(w, CHANNEL_LAYER);
    const struct mail_totals mail = mail_totals(w, LAYER_NONE, LAYER_NONE);
    out->mail = (struct world_mail){
        .items = mail.posted,
        .arrived = mail.arrived,
        .repeated = mail.repeated,
        .messages = mail.messages,
        .bytes = mail.bytes,
        .delay_s = mail.arrived ? (double)mail.delay / (double)mail.arrived * 1e-9 : NAN,
    };
    for (layer_id i = 0; i < w->chain_count; i++)
        out->committed_blocks += w->chains[i].committed.len - 1; /* but for genesis */
}

static void sum_behind(const struct world *w, struct world_summary *out)
{
    for (node_id i = 0; i < w->node_count; i++) {
        const struct layer *l = &w->layers[w->nodes[i].layer];
        uint64_t behind = chain_behind(w, i);
        if (!w->nodes[i].up || behind <= (l->after_order ? l->execution_cfg->root_delay : 2))
            continue;
        out->nodes_behind++;
        if (behind > out->most_behind) {
            out->most_behind = behind;
            out->furthest = i;
        }
    }
}

static struct occupation occupation_of(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    double span = (double)sim_now(w->sim), cores = w->layers[n->layer].classes[n->class].cores;
    double messages = (double)post_message_time(w, node);
    return (struct occupation){
        .execution = summary_ratio((double)n->execution_time, span),
        .senders = summary_ratio((double)post_signature_time(w, node) - messages, span * cores),
        .messages = summary_ratio(messages, span * cores),
    };
}

struct occupation summary_busiest(const struct world *w, layer_id first, layer_id count)
{
    struct occupation most = {0};
    for (layer_id i = first; i < first + count; i++)
        for (node_id n = w->layers[i].first; n < w->layers[i].first + w->layers[i].count; n++) {
            struct occupation o = occupation_of(w, n);
            if (o.execution + o.senders > most.execution + most.senders)
                most = o;
        }
    return most;
}

/* The node whose cores have the least time left, for blocks and senders or for messages. */
static struct occupation busiest(const struct world *w, bool messages)
{
    struct occupation most = {0};
    for (node_id i = 0; i < w->node_count; i++) {
        struct occupation o = occupation_of(w, i);
        if (messages ? o.messages > most.messages
                     : o.execution + o.senders > most.execution + most.senders)
            most = o;
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
        [WORLD_LIMIT_SIGNATURES] = "signatures",
        [WORLD_LIMIT_NETWORK] = "network",
        [WORLD_LIMIT_CONSENSUS] = "consensus",
        [WORLD_LIMIT_POOL] = "pool",
        [WORLD_LIMIT_LADDER] = "ladder",
        [WORLD_LIMIT_MAIL] = "mail",
        [WORLD_LIMIT_HOT] = "hot-account",
        [WORLD_LIMIT_IMBALANCE] = "imbalance",
        [WORLD_LIMIT_LOCKS] = "locks",
    };
    return names[limit];
}

static void say(struct world_summary *s, enum world_limit limit, const char *text)
{
    s->limit = limit;
    snprintf(s->limit_text, sizeof s->limit_text, "%s", text);
}

/* Of the layer that stood longest. */
static struct stall longest_stall(const struct world *w, const struct layer **where)
{
    struct stall most = {0};
    *where = &w->layers[0];
    for (layer_id i = 0; i < w->layer_count; i++) {
        struct stall s = chain_longest_stall(w, w->layers[i].chain);
        if (s.length <= most.length || takeover_retired(w, i)) /* others have its accounts */
            continue;
        most = s;
        *where = &w->layers[i];
    }
    return most;
}

static void explain_invalid(const struct world *w, struct world_summary *s)
{
    s->limit = WORLD_LIMIT_LOAD;
    snprintf(
        s->limit_text, sizeof s->limit_text,
        "The offered load itself: %llu of %llu transactions were invalid, for want of funds or "
        "because of their nonce; %llu were pending at the end, as those behind a missing nonce "
        "are. Accounts with a higher balance would carry on.",
        (unsigned long long)w->tally.invalid, (unsigned long long)s->offered,
        (unsigned long long)s->pending);
}

/* Whether the cores are busy with signatures most of the time. */
static bool explain_signatures(const struct world *w, struct world_summary *s)
{
    struct occupation cores = busiest(w, false), messages = busiest(w, true);
    if (cores.execution + cores.senders > 0.7 && cores.senders > cores.execution) {
        s->limit = WORLD_LIMIT_SIGNATURES;
        snprintf(
            s->limit_text, sizeof s->limit_text,
            "Signatures: the cores of the busiest node recover senders %.0f %% of the time and "
            "execute %.0f %%; nodes let go of others' transactions %llu times. More or faster "
            "cores would help, another executor would not.",
            cores.senders * 100, cores.execution * 100, (unsigned long long)s->shed);
        return true;
    }
    if (messages.messages <= 0.7)
        return false;
    s->limit = WORLD_LIMIT_SIGNATURES;
    snprintf(
        s->limit_text, sizeof s->limit_text,
        "Signatures: the cores of the busiest node sign and check messages %.0f %% of the time. "
        "Fewer validators, longer block intervals, more or faster cores would help.",
        messages.messages * 100);
    return true;
}

/* Rounds that failed although nothing else did: the time-out is shorter than a block takes. */
static bool explain_rounds(const struct world *w, struct world_summary *s)
{
    const struct chain *c = &w->chains[0];
    if (w->fault_count || s->failed_rounds < 3 || s->failed_rounds * 10 < s->blocks ||
        !c->consensus->timeout)
        return false;
    s->limit = WORLD_LIMIT_CONSENSUS;
    snprintf(s->limit_text, sizeof s->limit_text,
             "Consensus: %llu rounds failed with all validators up; a block takes %.2g s to reach "
             "nine in ten nodes, and %s gives up after %.2g s. Longer time-outs, smaller blocks or "
             "more bandwidth would help.",
             (unsigned long long)s->failed_rounds, s->propagation_p90_s.mean,
             c->consensus->model.name,
             (double)c->consensus->timeout(c->consensus_cfg, c->validators.count) / 1e9);
    return true;
}

/* Blocks take their time because transactions become final one after the other. */
static void explain_ladder(const struct world *w, struct world_summary *s, double share)
{
    s->limit = WORLD_LIMIT_LADDER;
    snprintf(
        s->limit_text, sizeof s->limit_text,
        "The commit ladder: the busiest node executes %.0f %% of the time, and %.0f %% of that "
        "makes transactions final in their order, one after the other, which more cores do not "
        "shorten. Larger transactions, faster cores or more layers would help.",
        share * 100,
        fmin(100, 100 * summary_ratio((double)w->tally.ladder, (double)w->tally.makespan)));
}

static void explain_full(const struct world *w, struct world_summary *s)
{
    s->limit = WORLD_LIMIT_CONSENSUS;
    struct occupation cores = busiest(w, false);
    double share = cores.execution;
    bool conflicts = s->speed_up_bound > 0 && s->speed_up_bound < 2;
    const bool links = s->link_utilisation > 0.9; /* then blocks are full because they are late */
    if (!links && explain_space(w, s))
        return;
    else if (explain_patience(s))
        return;
    else if (w->tally.invalid > (s->offered - s->committed) / 2)
        explain_invalid(w, s);
    else if (explain_signatures(w, s))
        return;
    else if (share > 0.7 && conflicts)
        say(s, WORLD_LIMIT_CONFLICTS,
            "Conflicts: execution takes most of the time, and transactions touch the same state, "
            "so more cores cannot help. Spread the load over more accounts or contracts.");
    else if (share > 0.7 && w->tally.ladder > w->tally.makespan / 2)
        explain_ladder(w, s, share);
    else if (share > 0.7)
        say(s, WORLD_LIMIT_EXECUTION,
            "Execution: the slowest nodes are busy executing most of the time. More or faster "
            "cores, or execute-after-order, would help.");
    else if (s->link_utilisation > 0.7)
        say(s, WORLD_LIMIT_NETWORK,
            "Links: the busiest uplink is nearly always sending. More bandwidth, fewer neighbours "
            "or announcing instead of pushing would help.");
    else if (explain_rounds(w, s))
        return;
    else if (w->drops_full > 0)
        say(s, WORLD_LIMIT_POOL,
            "Pools: they were full and refused transactions while blocks had room. Larger pools or "
            "shorter block intervals would help.");
    else
        snprintf(s->limit_text, sizeof s->limit_text,
                 "Consensus: blocks are %.0f %% full and the busiest node executes %.0f %% of the "
                 "time; %llu transactions were dropped and %llu pending at the end. A shorter "
                 "block interval, shorter time-outs or closer nodes may help.",
                 s->block_packed * 100, share * 100, (unsigned long long)s->dropped,
                 (unsigned long long)s->pending);
}

/* ", of which 5 must agree" where fewer were up than a certificate takes; equal weights only. */
static void needed(const struct chain *c, uint32_t up, char *text, size_t size)
{
    uint32_t n = c->validators.count;
    uint32_t quorum = c->consensus->traits.quorum == QUORUM_TWO_THIRDS ? n * 2 / 3 + 1
                      : c->consensus->traits.quorum == QUORUM_MAJORITY ? n / 2 + 1
                                                                       : 0;
    text[0] = 0;
    if (c->validators.equal && up < quorum)
        snprintf(text, size, ", and %u must agree", quorum);
}

static void add_text(struct world_summary *s, const char *text)
{
    size_t used = strlen(s->limit_text);
    snprintf(s->limit_text + used, sizeof s->limit_text - used, "%s", text);
}

static void explain_halt(const struct world *w, struct world_summary *s)
{
    const struct layer *l;
    struct stall stall = longest_stall(w, &l);
    char quorum[40];
    needed(l->chain, stall.fewest, quorum, sizeof quorum);
    s->limit = WORLD_LIMIT_HALTED;
    snprintf(
        s->limit_text, sizeof s->limit_text,
        "%s no node's chain grew for %.1f s, from %.1f s on; at the worst moment of it %u of "
        "%u validators of layer %s were up%s; %llu rounds failed in it. At the end heads reach "
        "height %llu, commits %llu. The events and faults tables tell more.",
        s->blocks ? "Consensus stood still:"
                  : "Nothing of the measured part was committed. At the longest,",
        (double)stall.length / 1e9, (double)stall.since / 1e9, stall.fewest,
        l->chain->validators.count, l->name, quorum, (unsigned long long)stall.rounds,
        (unsigned long long)l->chain->head_height, (unsigned long long)l->chain->committed.len - 1);
    if (w->desk && !w->takeover && w->layer_count > 2)
        add_text(s, " With takeover.after, other layers would take its accounts over.");
}

/* Nobody's fault: no block was due yet, as by proof of work within seconds. */
static void explain_no_block(const struct chain *c, struct world_summary *s, uint64_t depth)
{
    s->limit = WORLD_LIMIT_HALTED;
    snprintf(s->limit_text, sizeof s->limit_text,
             "Too short: no block came within %.4g s, and %s makes one final when up to %llu stand "
             "on it. A much longer duration or a shorter interval would show some that are.",
             (double)s->end / 1e9, c->consensus->model.name, (unsigned long long)depth);
}

/* Whether the run ended before the protocol could make anything final: a chain that grows, shorter
 * than what has to stand on a final block. */
static bool explain_depth(const struct world *w, struct world_summary *s)
{
    const struct chain *c = &w->chains[0];
    if (s->blocks || !c->consensus->depth || (!c->head_height && w->cfg->faults.count))
        return false;
    uint64_t depth = c->consensus->depth(c->consensus_cfg, c->validators.count);
    if (!c->head_height) {
        explain_no_block(c, s, depth);
        return true;
    }
    if (c->head_height > 2 * depth)
        return false;
    double interval = (double)sim_now(w->sim) / 1e9 / (double)c->head_height;
    s->limit = WORLD_LIMIT_HALTED;
    snprintf(
        s->limit_text, sizeof s->limit_text,
        "Too short: %s makes a block final when up to %llu stand on it, and heads reach height "
        "%llu at the end, a block every %.1f s. A duration of %.0f s or more, or a shorter "
        "interval, would show some that are.",
        c->consensus->model.name, (unsigned long long)depth, (unsigned long long)c->head_height,
        interval, ceil(interval * (double)(depth + 1) * 1.5 / 10) * 10);
    return true;
}

static void explain_load(struct world_summary *s, double got)
{
    s->limit = WORLD_LIMIT_LOAD;
    if (s->committed == s->offered)
        say(s, WORLD_LIMIT_LOAD,
            "The offered load: everything that was offered was committed. Offer more to find the "
            "limit.");
    else
        snprintf(s->limit_text, sizeof s->limit_text,
                 "The offered load: %.1f %% of what was offered was committed; %llu were pending "
                 "at the end and %llu dropped. Offer more to find the limit.",
                 got * 100, (unsigned long long)s->pending, (unsigned long long)s->dropped);
}

static void explain_unsafe(struct world_summary *s)
{
    const char *what = "";
    for (uint32_t i = s->finding_count; i-- > 0;)
        if (!s->findings[i].liveness)
            what = s->findings[i].text;
    s->limit = WORLD_LIMIT_UNSAFE;
    snprintf(s->limit_text, sizeof s->limit_text,
             "Safety broke. What was seen first: %s. The violations table has the rest; other "
             "figures mean little.",
             what);
}

/* Whether what is committed late waits ever longer: the mean of the last quarter (in order of
 * commit) against the first's. A load that is carried by the end of the drain was not carried. */
static bool fell_behind(const struct world *w)
{
    const struct vec *v = &w->tally.latency;
    const double *all = v->data;
    size_t part = v->len / 4;
    double first = 0, last = 0;
    if (part < 20)
        return false;
    for (size_t i = 0; i < part; i++) {
        first += all[i] / (double)part;
        last += all[v->len - 1 - i] / (double)part;
    }
    return last > 1.6 * first && last > first + 0.5;
}

/* How many transactions wait for what must stand on their block, where finality is a matter of
 * depth. */
static bool explain_waiting(const struct world *w, struct world_summary *s)
{
    const struct chain *c = &w->chains[0];
    if (!c->consensus->depth || !s->blocks || fell_behind(w))
        return false;
    uint64_t depth = c->consensus->depth(c->consensus_cfg, c->validators.count);
    double waiting = s->offered_rate * (double)(depth + 2) * s->block_interval_s;
    if ((double)s->pending > waiting || s->dropped > s->offered / 50)
        return false;
    s->limit = WORLD_LIMIT_LOAD;
    snprintf(s->limit_text, sizeof s->limit_text,
             "The offered load: blocks took it, but %llu transactions were not final at the end. "
             "With %s a block is final when up to %llu stand on it; a longer drain would show it.",
             (unsigned long long)s->pending, c->consensus->model.name, (unsigned long long)depth);
    return true;
}

static void explain(const struct world *w, struct world_summary *s)
{
    double got = summary_ratio((double)s->committed, (double)s->offered);
    const struct layer *where;
    sim_time stall = longest_stall(w, &where).length;
    if (s->safety_violations > 0)
        explain_unsafe(s);
    else if (w->stopped)
        say(s, WORLD_LIMIT_STOPPED,
            "The run was stopped before its end, so what would have limited it is not known.");
    else if (explain_depth(w, s))
        return;
    else if (s->blocks == 0 || (stall > sim_now(w->sim) / 4 && stall > 10 * SIM_SEC))
        explain_halt(w, s);
    else if (s->offered == 0)
        say(s, WORLD_LIMIT_LOAD,
            w->cfg->workload.count
                ? "Nothing was offered: the workloads' rates, start and stop leave nothing."
                : "Nothing was offered: the scenario has no workload.");
    else if (got > 0.98 && !(fell_behind(w) && s->link_utilisation > 0.7))
        explain_load(s, got);
    else if (!explain_waiting(w, s) && !explain_layers(w, s))
        explain_full(w, s);
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
    out->skipped = t->skipped;
    out->gave_up = t->gave_up;
    out->pending = out->offered - out->committed - out->dropped;
    sum_behind(w, out);
    out->offered_rate = summary_ratio((double)t->offered, seconds);
    out->achieved_rate = summary_ratio((double)t->committed, seconds);
    out->gas_rate = summary_ratio((double)t->gas, seconds);
    out->latency_s = summary_percentiles(&t->latency);
    out->tip_gwei = summary_percentiles(&t->tip);
    out->fee_gwei = summary_percentiles(&t->fee);
    out->speculative_s = summary_percentiles(&t->speculative);
    out->finality_first_s = summary_percentiles(&t->final[0]);
    out->finality_quorum_s = summary_percentiles(&t->final[1]);
    out->finality_last_s = summary_percentiles(&t->final[2]);
    out->propagation_p50_s = summary_percentiles(&t->half);
    out->dispersion_p50_s = summary_percentiles(&t->after_first[0]);
    out->dispersion_p99_s = summary_percentiles(&t->after_first[1]);
    out->propagation_p90_s = summary_percentiles(&t->most);
    out->propagation_last_s = summary_percentiles(&t->all);
    out->stale_rate = summary_ratio((double)t->lost, (double)(t->won + t->lost));
    out->uncle_rate = summary_ratio((double)t->uncles, (double)t->won);
    scale(&out->tip_gwei, 1e-9);
    scale(&out->fee_gwei, 1e-9);
    out->base_fee_first_gwei = t->first_base_fee * 1e-9;
    out->base_fee_last_gwei = t->last_base_fee * 1e-9;
    out->blocks = t->blocks;
    if (t->blocks > 1)
        out->block_interval_s = (double)(t->last_block - t->first_block) / 1e9 /
                                (double)(t->blocks - 1) * w->layer_count;
    out->base_fee_min_gwei = t->least_base_fee * 1e-9;
    out->base_fee_max_gwei = t->most_base_fee * 1e-9;
    out->block_fill = summary_ratio((double)t->gas, (double)t->gas_limit);
    out->block_packed = summary_ratio((double)t->packed, (double)t->gas_limit);
    out->full_blocks = summary_ratio((double)t->full, (double)t->blocks);
    out->block_txs = summary_ratio((double)t->txs, (double)t->blocks);
    out->executions = t->executions;
    out->aborts = t->aborts;
    out->speed_up = summary_ratio((double)t->serial, (double)t->makespan);
    out->speed_up_bound = summary_ratio((double)t->serial, (double)t->critical_path);
    out->safety_violations = w->violations;
    out->liveness_violations = w->stalls;
    out->finding_count = w->finding_count;
    memcpy(out->findings, w->findings, sizeof out->findings);
    out->fault_kinds = w->struck_kinds;
    memcpy(out->faults, w->struck, sizeof out->faults);
    out->judges = w->seat_count;
    out->crashes = w->crashes;
    out->events = sim_events(w->sim);
    sum_layers(w, out);
    sum_nodes(w, out);
    sum_traffic(w, out);
    audits_summarise(w, &out->audits);
    summarise_layers(w, out);
    verify_summarise(w, &out->verified);
    takeover_summarise(w, &out->takeover);
    explain(w, out);
    explain_takeover(w, out);
    warn_layers(w, out);
}
