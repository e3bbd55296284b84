#include "models/world/trace.h"

#include "models/consensus/consensus.h"
#include "models/world/audit.h"
#include "models/world/layers.h"
#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"
#include "sim/record/record.h"

#include <stdio.h>
#include <string.h>

struct trace {
    const struct world_trace *cfg;
    const struct world_cfg *world;
    struct world_watch watch;
    struct vec entries;
    struct map open; /* flight -> entry + 1 */
    uint64_t left_out;
    bool failed;
};

static bool in_window(const struct trace *t, sim_time now)
{
    return now >= t->cfg->from && now <= t->cfg->to;
}

/* NULL: no room, or memory is out. */
static struct trace_entry *add(struct trace *t, sim_time now, node_id from, node_id to)
{
    struct trace_entry e = {.sent = now, .arrived = now, .from = from, .to = to};
    if (t->entries.len >= t->cfg->limit) {
        t->left_out++;
        return NULL;
    }
    if (vec_push(&t->entries, &e) != ERR_OK) {
        t->failed = true;
        return NULL;
    }
    return vec_at(&t->entries, t->entries.len - 1);
}

/* ---- messages ---- */

static const struct consensus_ops *protocol_of(const struct trace *t, layer_id layer)
{
    const struct world_layer *l = world_layer_at(t->world, layer, NULL);
    if (!l)
        l = world_layer_at(t->world, 0, NULL);
    return (const struct consensus_ops *)l->consensus.model;
}

static void name_of(const struct trace *t, const struct message *m, char *out, size_t size)
{
    const struct consensus_ops *ops = protocol_of(t, m->layer);
    const char *name = NULL;
    switch (m->channel) {
    case CHANNEL_TX: name = "transaction"; break;
    case CHANNEL_SYNC: name = m->type == 1 ? "fetch" : "fetched"; break;
    case CHANNEL_CONTROL: name = "control"; break;
    case CHANNEL_LAYER:
        name = audits_message_name(m);
        name = name ? name : "between layers";
        break;
    default: name = ops->message_name ? ops->message_name(m->type) : NULL; break;
    }
    if (name)
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "%s %u", m->block ? "block" : "message", m->type);
}

static void describe(const struct trace *t, const struct message *m, char *out, size_t size)
{
    const struct consensus_ops *ops = protocol_of(t, m->layer);
    bool own = m->channel == CHANNEL_BLOCK || m->channel == CHANNEL_CONSENSUS;
    out[0] = 0;
    if (own && ops->describe)
        ops->describe(m, out, size);
    else if (m->block)
        snprintf(out, size, "height %llu, round %llu", (unsigned long long)m->block->height,
                 (unsigned long long)m->block->round);
    else if (m->tx)
        snprintf(out, size, "number %u", m->tx->id);
}

/* Transactions and what nodes fetch drown what a protocol says. */
static bool wanted(const struct trace *t, const struct message *m)
{
    return t->cfg->transactions || m->channel == CHANNEL_BLOCK || m->channel == CHANNEL_CONSENSUS ||
           m->channel == CHANNEL_LAYER;
}

static void on_sent(void *self, const struct watch_flight *f)
{
    struct trace *t = self;
    if (!in_window(t, f->now) || !wanted(t, f->message))
        return;
    struct trace_entry *e = add(t, f->now, f->from, f->to);
    if (!e)
        return;
    char name[sizeof e->kind - 4];
    name_of(t, f->message, name, sizeof name);
    snprintf(e->kind, sizeof e->kind, "%s%s", f->control ? "of " : "", name);
    describe(t, f->message, e->says, sizeof e->says);
    if (f->message->origin != f->from && f->message->origin != NODE_NONE) {
        size_t n = strlen(e->says);
        snprintf(e->says + n, sizeof e->says - n, "%sof node %u", n ? ", " : "",
                 f->message->origin);
    }
    e->bytes = f->size;
    e->arrived = RECORD_NEVER;
    e->lost = f->lost;
    if (!f->lost && map_put(&t->open, (uint64_t)(uintptr_t)f->id, t->entries.len) != ERR_OK)
        t->failed = true;
}

static void on_ended(void *self, const struct watch_flight *f, bool arrived)
{
    struct trace *t = self;
    uint64_t entry, key = (uint64_t)(uintptr_t)f->id;
    if (!t->open.len || !map_get(&t->open, key, &entry))
        return;
    map_del(&t->open, key);
    struct trace_entry *e = vec_at(&t->entries, entry - 1);
    e->ended = true;
    if (arrived)
        e->arrived = f->now;
}

/* ---- what nodes do ---- */

static void on_timer(void *self, sim_time now, node_id node, uint32_t kind, uint64_t value)
{
    struct trace *t = self;
    struct trace_entry *e = in_window(t, now) ? add(t, now, node, NODE_NONE) : NULL;
    if (!e)
        return;
    snprintf(e->kind, sizeof e->kind, "timer");
    snprintf(e->says, sizeof e->says, "kind %u, value %llu", kind, (unsigned long long)value);
}

static void on_head(void *self, sim_time now, node_id node, const struct block *b)
{
    struct trace *t = self;
    struct trace_entry *e = in_window(t, now) ? add(t, now, node, NODE_NONE) : NULL;
    if (!e)
        return;
    snprintf(e->kind, sizeof e->kind, "head");
    snprintf(e->says, sizeof e->says, "height %llu, round %llu, of node %d",
             (unsigned long long)b->height, (unsigned long long)b->round, (int)b->proposer);
}

static void on_claim(void *self, const struct watch_claim *c)
{
    struct trace *t = self;
    struct trace_entry *e = in_window(t, c->now) ? add(t, c->now, c->node, NODE_NONE) : NULL;
    if (!e)
        return;
    snprintf(e->kind, sizeof e->kind, "%s", c->what ? c->what : "commit");
    int n = c->block ? snprintf(e->says, sizeof e->says, "height %llu, round %llu",
                                (unsigned long long)c->block->height,
                                (unsigned long long)c->block->round)
                     : snprintf(e->says, sizeof e->says, "no block, round %llu",
                                (unsigned long long)c->round);
    if (c->signers && n > 0)
        snprintf(e->says + n, sizeof e->says - (size_t)n, ", %u votes", c->signer_count);
}

static void on_event(void *self, sim_time now, unsigned level, const char *kind, int64_t node,
                     const char *detail)
{
    struct trace *t = self;
    node_id who = node < 0 ? NODE_NONE : (node_id)node;
    struct trace_entry *e = in_window(t, now) ? add(t, now, who, NODE_NONE) : NULL;
    (void)level;
    if (!e)
        return;
    snprintf(e->kind, sizeof e->kind, "%s", kind);
    snprintf(e->says, sizeof e->says, "%s", detail);
}

/* ---- life ---- */

struct trace *trace_create(const struct world_trace *cfg, const struct world_cfg *world)
{
    struct trace *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->cfg = cfg;
    t->world = world;
    t->watch = (struct world_watch){.self = t,
                                    .sent = on_sent,
                                    .ended = on_ended,
                                    .timer = on_timer,
                                    .head = on_head,
                                    .commit = on_claim,
                                    .certificate = on_claim,
                                    .event = on_event};
    vec_init(&t->entries, sizeof(struct trace_entry));
    map_init(&t->open);
    return t;
}

void trace_destroy(struct trace *t)
{
    if (!t)
        return;
    vec_fini(&t->entries);
    map_fini(&t->open);
    mem_free(t);
}

const struct world_watch *trace_watch(const struct trace *t)
{
    return &t->watch;
}

size_t trace_count(const struct trace *t)
{
    return t->entries.len;
}

const struct trace_entry *trace_at(const struct trace *t, size_t i)
{
    return vec_at(&t->entries, i);
}

uint64_t trace_left_out(const struct trace *t)
{
    return t->left_out;
}

size_t trace_open(const struct trace *t)
{
    return t->open.len;
}

bool trace_failed(const struct trace *t)
{
    return t->failed;
}
