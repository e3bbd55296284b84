/* What limits a partitioned network, in plain words, and what to try.
 *
 * Evidence is what is still waiting at the end, and for what: crossings that are open, transactions
 * that need one account, one layer's. Where blocks are full or cores busy all over, none of this is
 * the cause, and summary.c goes on as for one layer. */
#include "models/world/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What waits at the end. */
struct waiting {
    uint64_t all, crossing, hot; /* hot: for the account in most of the gas */
    uint64_t calls;              /* of those that cross: more than a plain payment */
    uint64_t most;               /* those of the layer that has most */
    layer_id layer;
};

static bool touches(const struct tx *tx, uint32_t account)
{
    for (uint32_t i = 0; i < tx->touched_count; i++)
        if (tx->touched[i] == account)
            return true;
    return false;
}

static struct waiting waiting(const struct world *w, const struct world_partition *p)
{
    struct waiting out = {0};
    uint64_t *by_layer = mem_zalloc(w->layer_count, sizeof *by_layer);
    for (const struct tx *tx = w->open_txs; tx && by_layer; tx = tx->next) {
        if (tx->emitted < w->cfg->warm_up)
            continue;
        out.all++;
        out.crossing += tx->crossing != NULL;
        out.calls += tx->crossing && (tx->evm.input.size || tx->evm.is_create);
        out.hot += touches(tx, p->hottest);
        by_layer[tx->layer]++;
    }
    for (layer_id i = 0; by_layer && i < w->layer_count; i++)
        if (by_layer[i] > out.most) {
            out.most = by_layer[i];
            out.layer = i;
        }
    mem_free(by_layer);
    return out;
}

static double fill_of(const struct book_layer *l)
{
    return summary_ratio((double)l->gas, (double)l->gas_room);
}

/* Whether a layer has no room left: in its blocks, or on the cores of its nodes. */
static bool is_full(const struct world *w, layer_id layer)
{
    const struct book_layer *l = &w->book->layers[layer];
    return summary_ratio((double)l->full, (double)l->blocks) > 0.5 || fill_of(l) > 0.9 ||
           summary_busiest(w, layer, 1).execution > 0.7;
}

static double full_share(const struct world *w)
{
    double count = 0;
    for (layer_id i = 0; i < w->layer_count; i++)
        count += is_full(w, i);
    return count / w->layer_count;
}

/* Seconds from posted to arrived, of what one layer told another: what a layer tells itself needs
 * no way. NAN: nothing came. */
static double mail_delay(const struct world *w)
{
    struct mail_totals all = mail_totals(w, LAYER_NONE, LAYER_NONE);
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct mail_totals own = mail_totals(w, i, i);
        all.arrived -= own.arrived;
        all.delay -= own.delay;
    }
    return all.arrived ? (double)all.delay / (double)all.arrived * 1e-9 : NAN;
}

/* Mail that takes longer than a block does, although links have room. */
static bool explain_mail(const struct world *w, struct world_summary *s, const struct waiting *at)
{
    double delay = mail_delay(w);
    if (at->crossing < at->all / 2 || !(delay > 1.5 * s->block_interval_s))
        return false;
    s->limit = WORLD_LIMIT_MAIL;
    snprintf(
        s->limit_text, sizeof s->limit_text,
        "Mail between layers: what one tells another takes %.2g s to come, and blocks come "
        "every %.2g s; %llu of the %llu transactions pending at the end cross layers and wait "
        "for it. A shorter interlayer.batch, a mesh, closer layers or faster links would help.",
        delay, s->block_interval_s, (unsigned long long)at->crossing, (unsigned long long)at->all);
    return true;
}

/* One account in so much of the gas that its layer has more than its share by it alone. */
static bool explain_hot(const struct world *w, struct world_summary *s, const struct waiting *at)
{
    const struct world_partition *p = &s->partition;
    double fair = 1.0 / w->layer_count;
    if (p->hottest == ACCOUNT_NONE || p->hottest_share < fmax(0.2, 1.3 * fair) ||
        at->hot < at->all / 2)
        return false;
    const struct directory_account *a = directory_at(&w->desk->directory, p->hottest);
    char addr[2 * sizeof a->addr.b + 1], locks[80] = "";
    for (size_t i = 0; i < sizeof a->addr.b; i++)
        snprintf(addr + 2 * i, 3, "%02x", a->addr.b[i]);
    if (at->crossing > at->all / 2 && p->locks)
        snprintf(locks, sizeof locks, ", and each crossing holds it for %.2g s", p->locked_s.mean);
    s->limit = WORLD_LIMIT_HOT;
    snprintf(s->limit_text, sizeof s->limit_text,
             "One hot account: %s 0x%s of %s is in %.0f %% of the gas, and %llu of the %llu "
             "transactions pending at the end need it. One layer holds it%s: more layers cannot "
             "help. Split it into several %s, or execute more at once in its layer.",
             a->contract ? "contract" : "account", addr,
             w->layers[a->home == LAYER_ALL ? a->from : a->home].name, p->hottest_share * 100,
             (unsigned long long)at->hot, (unsigned long long)at->all, locks,
             a->contract ? "contracts" : "accounts");
    return true;
}

static bool explain_imbalance(const struct world *w, struct world_summary *s,
                              const struct waiting *at)
{
    const struct book *k = w->book;
    double sum = 0, least = 1;
    for (layer_id i = 0; i < w->layer_count; i++) {
        sum += fill_of(&k->layers[i]);
        least = fmin(least, fill_of(&k->layers[i]));
    }
    double times = summary_ratio(fill_of(&k->layers[at->layer]) * w->layer_count, sum);
    if (at->most < at->all / 2 || times < 1.3 || !is_full(w, at->layer) || full_share(w) > 0.5)
        return false;
    bool moves = s->partition.moves > 0;
    s->limit = WORLD_LIMIT_IMBALANCE;
    snprintf(
        s->limit_text, sizeof s->limit_text,
        "One overloaded layer: %s uses %.0f %% of its block space, %.1f times the mean, and has "
        "%llu of the %llu transactions pending at the end; the least loaded one uses %.0f %%. "
        "%s would help.",
        w->layers[at->layer].name, fill_of(&k->layers[at->layer]) * 100, times,
        (unsigned long long)at->most, (unsigned long long)at->all, least * 100,
        moves ? "A shorter routing.epoch, more routing.moves or a policy that sees load come "
                "(predictive)"
              : "A routing.policy that moves load (least-loaded, predictive)");
    return true;
}

/* Who holds what calls need, where the protocol takes plain payments only: that one holds nothing.
 */
static const char *holder(const struct world_partition *p)
{
    return p->calls_by ? p->calls_by : p->protocol;
}

static bool explain_locks(const struct world *w, struct world_summary *s, const struct waiting *at)
{
    const struct world_partition *p = &s->partition;
    uint64_t held_up = p->calls_by ? at->calls : at->crossing;
    if (held_up * 5 < at->all * 2 || full_share(w) > 0.5 || !(p->locks || p->held))
        return false;
    char again[40] = "", spans[80];
    if (p->tries > 1.05)
        snprintf(again, sizeof again, " and takes %.2g tries", p->tries);
    if (p->locks)
        snprintf(spans, sizeof spans, "a crossing holds accounts for %.2g s (1 in 100 for %.2g s)",
                 p->locked_s.mean, p->locked_s.p99);
    else
        snprintf(spans, sizeof spans, "no crossing has let go of accounts yet, the first in %.2g s",
                 p->held_s);
    s->limit = WORLD_LIMIT_LOCKS;
    snprintf(s->limit_text, sizeof s->limit_text,
             "Locks across layers: %llu of the %llu transactions pending at the end cross layers. "
             "By %s %s%s, others wait; blocks are %.0f %% full. %s, another crosslayer protocol or "
             "a shorter block interval would help.",
             (unsigned long long)at->crossing, (unsigned long long)at->all, holder(p), spans, again,
             s->block_packed * 100,
             p->moves ? "Fewer crossings (another routing.policy, a shorter routing.epoch)"
                      : "A policy that brings together what is used together (co-access, clpa)");
    return true;
}

bool explain_layers(const struct world *w, struct world_summary *s)
{
    if (!w->book || w->layer_count < 2)
        return false;
    struct waiting at = waiting(w, &s->partition);
    if (at.all < (s->offered - s->committed) / 2 || !at.all || s->link_utilisation > 0.7)
        return false;
    if (summary_priced_out(w) > s->pending / 2) /* then only a full layer is to blame, not locks */
        return explain_imbalance(w, s, &at);
    return explain_mail(w, s, &at) || explain_hot(w, s, &at) || explain_imbalance(w, s, &at) ||
           explain_locks(w, s, &at);
}

/* The shares of what one of the layers can do that the whole load asks for. What was not committed
 * is taken to be as what was. */
struct demand {
    double space, time, links; /* of its blocks, of its nodes' time, of their busiest uplink */
};

static struct demand of_one(const struct world *w, const struct world_summary *s)
{
    const struct tally *t = &w->tally;
    double seconds = (double)s->measured / 1e9;
    double limit = summary_ratio((double)t->gas_limit, (double)t->blocks);
    double room = s->block_interval_s > 0 ? limit / s->block_interval_s * seconds : INFINITY;
    double more = fmax(1, summary_ratio((double)s->offered, (double)t->txs));
    double own = 1 - summary_ratio((double)s->layers_sent.bytes, (double)s->bytes);
    return (struct demand){
        .space = summary_ratio((double)t->gas * more, room),
        .time = fmax(summary_ratio((double)t->makespan * more, (double)s->measured),
                     s->signature_utilisation * w->layer_count),
        .links = s->link_utilisation * own * w->layer_count, /* mail falls away */
    };
}

void explain_takeover(const struct world *w, struct world_summary *s)
{
    const struct world_takeovers *t = &s->takeover;
    char end[240];
    size_t used = strlen(s->limit_text);
    if (!t->count || s->stopped)
        return;
    if (isnan(t->move_s))
        snprintf(end, sizeof end, "its accounts are frozen still%s.",
                 w->cfg->takeover.archive
                     ? ""
                     : ": without takeover.archive they need a node of it that is up");
    else if (isnan(t->recovery_s))
        snprintf(end, sizeof end, "%.3g s later others had its accounts.", t->move_s);
    else
        snprintf(end, sizeof end,
                 "%.3g s later others had its accounts; for %.3g s its users committed nothing. A "
                 "shorter takeover.after, or shorter blocks, would shorten that.",
                 t->move_s, t->recovery_s);
    snprintf(s->limit_text + used, sizeof s->limit_text - used,
             " %llu of %u layers stood still: %.3g s after the last commit it was given up, %s",
             (unsigned long long)t->count, w->layer_count, t->detect_s, end);
}

/* Whether one layer may stand for each: the same hardware, and blocks as large and as frequent. */
static bool alike(const struct world *w)
{
    const struct layer *a = &w->layers[0];
    for (layer_id i = 1; i < w->layer_count; i++) {
        const struct layer *b = &w->layers[i];
        if (a->cfg == b->cfg)
            continue;
        double room = summary_ratio((double)b->tally.gas_limit, (double)a->tally.gas_limit);
        if (room < 0.8 || room > 1.25 || a->count != b->count || a->execution != b->execution ||
            a->classes[0].cores != b->classes[0].cores ||
            a->execution_cfg->slowdown != b->execution_cfg->slowdown)
            return false;
    }
    return true;
}

/* Layers that nothing is sent to: others' figures hide what limits those that do get something. */
static bool warn_idle(const struct world *w, struct world_summary *s)
{
    s->idle_layers = sources_idle(w);
    if (s->idle_layers)
        snprintf(
            s->warning, sizeof s->warning,
            "Nothing is sent to %u of %u layers: without routing.policy, a workload that names "
            "no layer goes to the first, %s. Set routing.policy, or layer in each workload.",
            s->idle_layers, w->layer_count, w->layers[0].name);
    return s->idle_layers > 0;
}

void warn_layers(const struct world *w, struct world_summary *s)
{
    enum { FEW_BLOCKS = 10 };
    const struct world_partition *p = &s->partition;
    if (w->layer_count < 2 || warn_idle(w, s) || !w->book || s->stopped || s->blocks < FEW_BLOCKS ||
        !s->committed || !alike(w))
        return;
    const struct demand d = of_one(w, s);
    double needed = fmax(1, ceil(fmax(fmax(d.space, d.time), d.links) * 2)); /* half used */
    if (needed > 1 && needed * 4 > w->layer_count)
        return;
    s->enough_layers = (uint32_t)needed;
    const char *advice =
        s->limit == WORLD_LIMIT_LOAD ? "Use fewer layers, or offer more." : "Use fewer layers.";
    double more = p->cross_latency_s.p50 - p->local_latency_s.p50;
    char compared[60] = "";
    if (p->cross_share < 1 && more > 0)
        snprintf(compared, sizeof compared, ", %.2g s more than the others' median", more);
    int used = snprintf(s->warning, sizeof s->warning,
                        "%u layers for %.4g tx/s: %.0f such layer%s would carry this load (%.0f %% "
                        "of the block space, %.0f %% of the nodes' time, %.0f %% of the links).",
                        w->layer_count, s->offered_rate, needed, needed > 1 ? "s" : "",
                        d.space / needed * 100, d.time / needed * 100, d.links / needed * 100);
    if (p->crossings && used > 0 && (size_t)used < sizeof s->warning)
        snprintf(s->warning + used, sizeof s->warning - (size_t)used,
                 " %.0f %% of the transactions cross layers, and half of these take %.2g s%s. %s",
                 p->cross_share * 100, p->cross_latency_s.p50, compared, advice);
}
