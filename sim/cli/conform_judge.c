/* One run under the eyes of a judge that is no part of any protocol: it sees commits, certificates,
 * messages and crashes, and believes no Byzantine node. */
#include "sim/cli/conform.h"

#include "models/world/execution.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/record/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first commit of a height by an honest node. */
struct height {
    struct evm_hash hash;
    node_id node;
    uint32_t nodes; /* honest ones that have it */
    sim_time created, first, half;
};

struct honest {
    uint64_t final;
    struct evm_hash hash; /* of it */
    uint32_t faults;      /* that it is under now: down, impaired, Byzantine */
    bool byzantine;
};

/* What is known of a transaction. */
enum heard { DUE = 1, FINAL = 2 };

struct judge {
    const struct conform_subject *subject;
    const struct conform_item *item;
    struct conform_outcome *out;
    const struct world_layer *layer;
    sim_time calm, end;
    struct vec heights; /* struct height, from 1 on */
    struct honest *nodes;
    struct map certificates; /* by kind, height and round: what for */
    struct map offered;      /* transactions by id: bits of enum heard */
    uint32_t due, due_final;
    bool memory;
    bool agrees;          /* promised here */
    bool after_order;     /* blocks state no result of their own */
    struct vec latencies; /* sim_time */
    sim_time tx_latency;
};

static void fails(struct judge *j, enum conform_property p, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fails(struct judge *j, enum conform_property p, const char *format, ...)
{
    if (j->out->failed >> p & 1)
        return; /* the first one is told */
    j->out->failed |= (uint8_t)(1u << p);
    va_list args;
    va_start(args, format);
    vsnprintf(j->out->text[p], sizeof j->out->text[p], format, args);
    va_end(args);
}

/* Until when what became known must be final at the end. */
static sim_time due_by(const struct judge *j)
{
    return j->end - (sim_time)j->item->clock.tail * j->item->clock.unit / 2;
}

/* Kept where it outlives the run: what was going on when a run stopped or was stopped. */
static void doing(struct judge *j, sim_time now, uint32_t node, const char *what, const char *which)
{
    struct conform_outcome *o = j->out;
    o->at = now;
    o->node = node;
    snprintf(o->doing, sizeof o->doing, "%s%s%s", what, which[0] ? " " : "", which);
}

static struct height *height_at(const struct judge *j, uint64_t height)
{
    return height >= 1 && height <= j->heights.len ? vec_at(&j->heights, height - 1) : NULL;
}

static double seconds(sim_time t)
{
    return (double)t / 1e9;
}

/* ---- commits ---- */

static void judge_validity(struct judge *j, const struct watch_claim *c, const struct block *b)
{
    if (j->after_order || !b->execution)
        return;
    const struct execution_result *r = execution_wait(b->execution);
    if (!r->valid || !evm_hash_eq(&r->state_root, &b->state_root))
        fails(j, CONFORM_VALIDITY,
              "node %u commits at %.3f s a block of height %llu whose execution does not give the "
              "root that it states",
              c->node, seconds(c->now), (unsigned long long)b->height);
}

static void note(struct judge *j, const struct tx *t, uint64_t what)
{
    uint64_t before = 0, after;
    map_get(&j->offered, t->id, &before);
    after = before | what;
    if (after != before && map_put(&j->offered, t->id, after) != ERR_OK)
        j->memory = true;
    j->due += (after & DUE) && !(before & DUE);
    j->due_final += after == (DUE | FINAL) && before != after;
}

static void note_transactions(struct judge *j, const struct block *b)
{
    for (uint32_t i = 0; i < b->tx_count; i++)
        note(j, b->txs[i], FINAL);
}

/* Half of the nodes have it: how long did that take? */
static void note_half(struct judge *j, struct height *h, sim_time now)
{
    sim_time latency = now - h->created;
    h->half = now;
    if (h->created >= j->calm && vec_push(&j->latencies, &latency) != ERR_OK)
        j->memory = true;
}

static void one_height(struct judge *j, const struct watch_claim *c, const struct block *b)
{
    struct height *known = height_at(j, b->height);
    if (!known) {
        struct height h = {b->hash, c->node, 0, b->created, c->now, -1};
        if (b->height != j->heights.len + 1)
            return; /* cannot be: heights are walked upwards */
        if (vec_push(&j->heights, &h) != ERR_OK) {
            j->memory = true;
            return;
        }
        known = height_at(j, b->height);
        judge_validity(j, c, b);
        note_transactions(j, b);
        if (c->now > j->calm) {
            j->out->settled++;
            if (j->out->recovery < 0)
                j->out->recovery = c->now - j->calm;
        }
    } else if (!evm_hash_eq(&known->hash, &b->hash)) {
        if (j->agrees)
            fails(j, CONFORM_AGREEMENT,
                  "node %u commits at %.3f s another block of height %llu than node %u did before",
                  c->node, seconds(c->now), (unsigned long long)b->height, known->node);
        note_transactions(j, b);
        return;
    }
    if (++known->nodes == (j->item->nodes + 1) / 2)
        note_half(j, known, c->now);
}

static void judge_quorum(struct judge *j, const struct watch_claim *c)
{
    const struct consensus_traits *t = &j->subject->ops->traits;
    uint32_t n = j->item->nodes, need = t->quorum == QUORUM_MAJORITY ? n / 2 + 1 : 2 * n / 3 + 1;
    uint32_t count = 0;
    uint8_t seen[256] = {0};
    if (t->quorum == QUORUM_NONE || !c->signers)
        return;
    for (uint32_t i = 0; i < c->signer_count; i++)
        if (c->signers[i] < n && c->signers[i] < sizeof seen && !seen[c->signers[i]]++)
            count++;
    if (count < need)
        fails(j, CONFORM_CERTIFICATES,
              "node %u at %.3f s: '%s' of height %llu stands on the votes of %u of %u nodes; a "
              "quorum "
              "is %u",
              c->node, seconds(c->now), c->what ? c->what : "commit",
              c->block ? (unsigned long long)c->block->height : 0ULL, count, n, need);
}

static void on_commit(void *self, const struct watch_claim *c)
{
    struct judge *j = self;
    struct honest *n = &j->nodes[c->node];
    const struct block *b = c->block;
    n->byzantine = c->byzantine;
    if (c->byzantine)
        return;
    judge_quorum(j, c);
    if (b->height <= n->final) {
        struct block *there = block_ancestor((struct block *)(uintptr_t)b, b->height);
        const struct height *known = height_at(j, b->height);
        if (j->agrees && there && known && !evm_hash_eq(&known->hash, &b->hash))
            fails(j, CONFORM_AGREEMENT, "node %u takes back at %.3f s the block of height %llu",
                  c->node, seconds(c->now), (unsigned long long)b->height);
        return;
    }
    for (uint64_t h = n->final + 1; h <= b->height; h++) {
        struct block *on = block_ancestor((struct block *)(uintptr_t)b, h);
        if (on)
            one_height(j, c, on);
    }
    n->final = b->height;
    n->hash = b->hash;
}

/* FNV-1a over what tells one certificate from another. */
static uint64_t key_of(const struct watch_claim *c)
{
    uint64_t h = UINT64_C(14695981039346656037), words[2] = {c->block->height, c->round};
    for (const char *p = c->what; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    for (int i = 0; i < 16; i++)
        h = (h ^ ((words[i / 8] >> (i % 8 * 8)) & 0xff)) * UINT64_C(1099511628211);
    return h;
}

static void on_certificate(void *self, const struct watch_claim *c)
{
    struct judge *j = self;
    uint64_t mine, known;
    if (c->byzantine)
        return;
    judge_quorum(j, c);
    if (!c->block || j->subject->ops->traits.quorum == QUORUM_NONE || !j->agrees)
        return;
    memcpy(&mine, c->block->hash.b, sizeof mine);
    if (!map_get(&j->certificates, key_of(c), &known)) {
        if (map_put(&j->certificates, key_of(c), mine) != ERR_OK)
            j->memory = true;
    } else if (known != mine) {
        fails(j, CONFORM_CERTIFICATES,
              "node %u holds at %.3f s a second '%s' of height %llu and round %llu, for another "
              "block",
              c->node, seconds(c->now), c->what, (unsigned long long)c->block->height,
              (unsigned long long)c->round);
    }
}

/* ---- the rest ---- */

static void on_sent(void *self, const struct watch_flight *f)
{
    struct judge *j = self;
    uint8_t channel = f->message->channel;
    if (f->now >= j->calm && (channel == CHANNEL_BLOCK || channel == CHANNEL_CONSENSUS))
        j->out->messages++;
}

static void on_ended(void *self, const struct watch_flight *f, bool arrived)
{
    struct judge *j = self;
    const struct message *m = f->message;
    const char *(*name)(uint8_t) = j->subject->ops->message_name;
    if (!arrived || f->to >= j->item->nodes)
        return;
    if (m->channel == CHANNEL_CONSENSUS || m->channel == CHANNEL_BLOCK)
        doing(j, f->now, f->to, "message", name && name(m->type) ? name(m->type) : "");
    if (m->tx && !f->control && !j->nodes[f->to].faults && m->tx->emitted >= j->calm &&
        f->now <= due_by(j))
        note(j, m->tx, DUE);
}

static void on_timer(void *self, sim_time now, node_id node, uint32_t kind, uint64_t value)
{
    (void)kind, (void)value;
    doing(self, now, node, "timer", "");
}

/* The run's own judges (models/judges) look closer at some things than is done here. */
static void heed(struct judge *j, sim_time now, const char *judge, const char *text)
{
    static const struct {
        const char *judge;
        enum conform_property p;
        bool needs_agreement; /* where forks are allowed, they see what is allowed */
    } rows[] = {
        {"agreement", CONFORM_AGREEMENT, true},       {"finality", CONFORM_AGREEMENT, true},
        {"certificates", CONFORM_CERTIFICATES, true}, {"quorum", CONFORM_CERTIFICATES, false},
        {"validity", CONFORM_VALIDITY, false},        {"once", CONFORM_VALIDITY, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].judge, judge) == 0 && (j->agrees || !rows[i].needs_agreement))
            fails(j, rows[i].p, "%.210s, at %.3f s", text, seconds(now));
}

static void on_event(void *self, sim_time now, unsigned level, const char *kind, int64_t node,
                     const char *detail)
{
    struct judge *j = self;
    if (level == RECORD_EVENT_LEVEL_SAFETY)
        heed(j, now, kind, detail);
    if (level != RECORD_EVENT_LEVEL_COUNT || node < 0 || node >= j->item->nodes)
        return;
    struct honest *n = &j->nodes[node];
    if (strcmp(kind, "recover") != 0)
        n->faults++;
    else if (n->faults > 0)
        n->faults--;
}

static void judge_liveness(struct judge *j)
{
    sim_time patience = (sim_time)j->item->clock.patience * j->item->clock.unit, last = -1;
    uint64_t late = 0; /* heights that became final in the time that is left then */
    for (uint64_t h = 1; h <= j->heights.len; h++) {
        const struct height *at = height_at(j, h);
        last = at->first > last ? at->first : last;
        late += at->first > j->calm + patience;
    }
    if (j->out->recovery < 0 || j->out->recovery > patience)
        fails(
            j, CONFORM_LIVENESS,
            "no block became final in the %.0f s after %.0f s, %s (the last one before: at %.3f s)",
            seconds(patience), seconds(j->calm),
            j->item->c->calm ? "when the trouble was over" : "though enough nodes are honest",
            last < 0 ? 0 : seconds(last));
    else if (late == 0)
        fails(j, CONFORM_LIVENESS, "no block became final after %.3f s; the run ended at %.0f s",
              seconds(last), seconds(j->end));
}

/* What was final anywhere half of the tail before the end is final at every node that is up. */
static void judge_catch_up(struct judge *j)
{
    sim_time by = due_by(j);
    uint64_t must = 0;
    for (uint64_t h = 1; h <= j->heights.len; h++)
        must = height_at(j, h)->first <= by ? h : must;
    for (node_id n = 0; n < j->item->nodes; n++)
        if (!j->nodes[n].faults && !j->nodes[n].byzantine && j->nodes[n].final < must)
            fails(j, CONFORM_CATCH_UP,
                  "node %u is at height %llu at the end, but %llu was final %.0f s before", n,
                  (unsigned long long)j->nodes[n].final, (unsigned long long)must,
                  seconds(j->end - by));
}

/* Whether messages are lost that nobody says again, transactions among them: those that the same
 * account sends later wait for them, so that few may be enough. */
static bool lossy(const struct conform_case *c)
{
    bool found = false;
    for (size_t i = 0; i < sizeof c->models / sizeof c->models[0] && c->models[i]; i++)
        found |= strcmp(c->models[i], "omission") == 0;
    return found;
}

/* Blocks alone are no progress: what honest nodes hear from users must be in them. */
static void judge_transactions(struct judge *j)
{
    uint32_t need = lossy(j->item->c) ? 1 : j->due / 2;
    if (j->due > 0 && j->due_final < need)
        fails(j, CONFORM_LIVENESS,
              "%u of %u transactions became final that users offered after %.0f s and honest nodes "
              "heard of before %.0f s; the run ended at %.0f s, with %zu blocks final",
              j->due_final, j->due, seconds(j->calm), seconds(due_by(j)), seconds(j->end),
              j->heights.len);
}

static int by_time(const void *a, const void *b)
{
    const sim_time *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void conclude(struct judge *j)
{
    judge_liveness(j);
    judge_transactions(j);
    judge_catch_up(j);
    j->out->heights = j->heights.len;
    j->out->latency = -1;
    if (j->subject->ops->traits.batches) {
        j->out->latency = j->tx_latency;
    } else if (j->latencies.len) {
        qsort(j->latencies.data, j->latencies.len, sizeof(sim_time), by_time);
        j->out->latency = *(sim_time *)vec_at(&j->latencies, j->latencies.len / 2);
    }
}

/* ---- the run ---- */

static void refuse(struct conform_outcome *out, const struct err *err)
{
    out->state = CONFORM_REFUSED;
    snprintf(out->text[0], sizeof out->text[0], "%.199s", err->text);
}

/* j NULL: only the digest is wanted. False: *out says why. */
static bool simulate(const struct scenario *scenario, uint32_t threads, struct judge *j,
                     struct conform_outcome *out, char digest[65])
{
    struct world_watch watch = {.self = j,
                                .sent = on_sent,
                                .ended = on_ended,
                                .timer = on_timer,
                                .commit = on_commit,
                                .certificate = on_certificate,
                                .event = on_event};
    struct world_options options = {
        .threads = threads, .program_version = WEFT_VERSION, .watch = j ? &watch : NULL};
    struct world_summary summary;
    struct world *w = NULL;
    struct err err = {0};
    bool ok = world_create(&w, scenario, &options, &err) == ERR_OK && world_run(w, &err) == ERR_OK;
    if (ok) {
        world_summarise(w, &summary);
        memcpy(digest, summary.digest, 65);
        if (j)
            j->tx_latency = (sim_time)(summary.latency_s.p50 * 1e9);
    } else {
        refuse(out, &err);
    }
    world_destroy(w);
    return ok;
}

static bool judged(struct judge *j, const struct scenario *scenario)
{
    char digest[65], other[65];
    if (!simulate(scenario, 1, j, j->out, digest))
        return false;
    conclude(j);
    for (uint32_t threads = 1; threads <= 2 && j->item->twice; threads++) {
        if (!simulate(scenario, threads, NULL, j->out, other))
            return false;
        if (strcmp(digest, other) != 0)
            fails(j, CONFORM_DETERMINISM,
                  "two runs with %u and %u threads have the digests %.12s "
                  "and %.12s",
                  1, threads, digest, other);
    }
    return true;
}

void conform_judge(const struct conform_subject *s, const struct conform_item *item,
                   struct conform_outcome *out)
{
    struct scenario *scenario = NULL;
    struct err err = {0};
    if (conform_load(s, item, &scenario, &err) != ERR_OK) {
        refuse(out, &err);
        return;
    }
    const struct world_cfg *cfg = scenario_root(scenario);
    struct judge j = {.subject = s, .item = item, .out = out, .layer = cfg->layers.items};
    j.calm = conform_calm(item);
    j.end = conform_end(item);
    j.agrees = s->ops->traits.final || item->c->needs & CONFORM_MILD;
    j.after_order = s->ops->traits.batches;
    j.nodes = mem_zalloc(item->nodes, sizeof *j.nodes);
    vec_init(&j.heights, sizeof(struct height));
    vec_init(&j.latencies, sizeof(sim_time));
    map_init(&j.certificates);
    map_init(&j.offered);
    out->recovery = -1;
    if (!j.nodes || !judged(&j, scenario) || j.memory) {
        out->state = CONFORM_REFUSED;
        if (!out->text[0][0])
            snprintf(out->text[0], sizeof out->text[0], "out of memory");
    } else {
        out->state = CONFORM_DONE;
    }
    map_fini(&j.certificates);
    map_fini(&j.offered);
    vec_fini(&j.latencies);
    vec_fini(&j.heights);
    mem_free(j.nodes);
    scenario_destroy(scenario);
}
