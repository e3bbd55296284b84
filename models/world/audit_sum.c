/* What audits came to: rows, figures, and whether cheating pays. */
#include "models/world/audit_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double audit_chance(uint64_t n, uint64_t bad, uint64_t m)
{
    double none = 1;
    for (uint64_t i = 0; i < m; i++) {
        if (i >= bad)
            return 1;
        none *= (double)(bad - i) / (double)(n - i);
    }
    return 1 - none;
}

/* A proposer expects (1 - p) gain - p loss. */
uint64_t audit_committee(uint64_t n, uint64_t bad, double sample, double gain, double loss)
{
    double needed = gain > 0 ? gain / (gain + loss) : 0, none = 1;
    for (uint64_t m = 1; m <= n; m++) {
        none *= m > bad ? 0 : (double)(bad - m + 1) / (double)(n - m + 1);
        if (sample * (1 - none) >= needed)
            return m;
    }
    return 0;
}

/* ---- rows ---- */

static void row_of(struct world *w, const struct audit *a, unsigned outcome)
{
    const struct block *b = a->block;
    struct record_audits_row row = {
        .layer = b->layer,
        .height = b->height,
        .outcome = (uint8_t)outcome,
        .proposer = b->proposer == NODE_NONE ? -1 : (int32_t)b->proposer,
        .committed = a->committed,
        .committee = a->count,
        .executed = a->executed,
        .sound = a->sound,
        .fraud = a->frauds,
        .found = a->found,
        .proven = a->proven,
        .challenger = a->challenger == NODE_NONE ? -1 : (int32_t)a->challenger,
        .proofs = a->proof_count,
        .bytes = a->size.request,
        .core_time = a->core_time,
        .slashed = a->slashed,
        .culprits = a->slashed ? a->culprit_count : 0,
    };
    memcpy(row.block, b->hash.b, sizeof row.block);
    record_append(w->record, w->audits_table, &row, NULL);
}

static void take_off(struct audits *au, struct audit *a)
{
    *(a->previous ? &a->previous->next : &au->open) = a->next;
    *(a->next ? &a->next->previous : &au->open_last) = a->previous;
    a->next = a->previous = NULL;
}

/* What is proven later has no consequences. */
void audit_close(struct world *w, struct audit *a)
{
    struct audits *au = w->audits;
    a->closed = true;
    if (a->fraud) {
        au->frauds++;
        au->found += a->found != RECORD_NEVER;
        au->detected += a->decided;
        au->chances += a->chance;
        if (a->decided)
            au->delay += (double)(a->proven - a->committed) / 1e9;
    }
    row_of(w, a,
           !a->fraud    ? RECORD_AUDIT_OUTCOME_SOUND
           : a->decided ? RECORD_AUDIT_OUTCOME_PROVEN
                        : RECORD_AUDIT_OUTCOME_STANDS);
    take_off(au, a);
    audit_unref(a);
}

void audits_finish(struct world *w)
{
    for (const struct audit *a = w->audits ? w->audits->open : NULL; a; a = a->next)
        row_of(w, a, RECORD_AUDIT_OUTCOME_OPEN);
}

/* ---- the summary ---- */

/* The layer whose proposers are the least likely to be found out, as nodes are now. */
struct weakest {
    const struct layer *layer;
    uint64_t n, bad; /* nodes of other layers; those that say nothing */
    double chance;   /* that a false block is proven */
};

static struct weakest weakest_layer(const struct world *w)
{
    const struct world_validation *cfg = w->audits->cfg;
    struct weakest least = {.chance = 2};
    for (layer_id i = 0; i < w->layer_count; i++) {
        struct weakest at = {.layer = &w->layers[i]};
        audit_others(w, at.layer, &at.n, &at.bad);
        at.chance = cfg->sample * audit_chance(at.n, at.bad, cfg->committee);
        if (at.chance < least.chance)
            least = at;
    }
    return least;
}

/* ": from committees of 3 on it would not" */
static void say_enough(char *out, size_t size, uint64_t enough, uint64_t now, bool pays)
{
    if (pays && enough)
        snprintf(out, size, "; from committees of %llu on it would not",
                 (unsigned long long)enough);
    else if (pays)
        snprintf(out, size, "; no committee of these nodes would change that");
    else if (enough < now)
        snprintf(out, size, "; a committee of %llu would do", (unsigned long long)enough);
    else
        out[0] = 0;
}

/* Whether a proposer who thinks of nothing but money cheats: (1 - p) gain - p loss. */
static void say_whether_it_pays(const struct world *w, struct world_audits *out)
{
    const struct world_validation *cfg = w->audits->cfg;
    if (cfg->on_fraud != WORLD_ON_FRAUD_PROVE) {
        snprintf(out->text, sizeof out->text,
                 "Cheating pays: whoever finds a false block stays silent.");
        return;
    }
    struct weakest at = weakest_layer(w);
    double gain = (double)audit_gwei(&cfg->gain) / 1e9, loss = (double)w->audits->slash / 1e9;
    bool pays = (1 - at.chance) * gain > at.chance * loss;
    char enough[80], worth[120];
    out->chance = at.chance;
    out->enough = audit_committee(at.n, at.bad, cfg->sample, gain, loss);
    say_enough(enough, sizeof enough, out->enough, cfg->committee, pays);
    if (at.chance < 1)
        snprintf(worth, sizeof worth,
                 "Cheating pays when a false block that stands is worth over %.4g ether",
                 at.chance / (1 - at.chance) * loss);
    else
        snprintf(worth, sizeof worth, "Cheating never pays");
    snprintf(out->text, sizeof out->text,
             "%s: in layer %s, the easiest, its proposer is found out with a chance "
             "of %.2f %% (committee of %llu; of %llu nodes %llu say nothing) and loses %.4g ether. "
             "At %.4g ether it %s%s.",
             worth, at.layer->name, at.chance * 100, (unsigned long long)cfg->committee,
             (unsigned long long)at.n, (unsigned long long)at.bad, loss, gain,
             pays ? "pays" : "does not", enough);
}

void audits_summarise(const struct world *w, struct world_audits *out)
{
    const struct audits *au = w->audits;
    *out = (struct world_audits){.on = au != NULL};
    if (!au)
        return;
    double room = 0, core = 0, honest = 0, earned = 0;
    for (node_id i = 0; i < w->node_count; i++) {
        const struct audit_desk *d = &au->desks[i];
        const struct node *n = &w->nodes[i];
        room += (double)sim_now(w->sim) * w->layers[n->layer].classes[n->class].cores;
        core += (double)d->core_time;
        honest += d->executed > 0;
        earned += (double)d->earned / 1e9;
    }
    out->blocks = au->blocks;
    out->audited = au->audited;
    out->asked = au->asked;
    out->executed = au->executed;
    out->checked = au->checked;
    out->frauds = au->frauds;
    out->found = au->found;
    out->detected = au->detected;
    out->late = au->late;
    out->detected_share = au->frauds ? (double)au->detected / (double)au->frauds : NAN;
    out->expected_share = au->frauds ? au->chances / (double)au->frauds : NAN;
    out->delay_s = au->detected ? au->delay / (double)au->detected : NAN;
    out->core_share = room > 0 ? core / room : 0;
    uint64_t executions = au->executed + au->checked;
    out->core_s = executions ? core / 1e9 / (double)executions : NAN;
    out->request_bytes = au->asked ? (double)au->request_bytes / (double)au->asked : NAN;
    out->witness_bytes = au->audited ? (double)au->witness_bytes / (double)au->audited : NAN;
    out->slashed_ether = (double)(au->rewarded + au->burnt) / 1e9;
    out->burnt_ether = (double)au->burnt / 1e9;
    out->income_ether = honest > 0 ? earned / honest : NAN;
    say_whether_it_pays(w, out);
}
