/* Who is given up: beats, receipts, votes (takeover.h). */
#include "models/world/takeover_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BEAT_BYTES = 200, /* header, and a quorum's aggregate signature with who is in it */
    ENTRY_BYTES = 9,  /* a layer: a height, and whether it is silent */
};
#define FILL_WEIGHT 0.2 /* of a block, in the mean that is told */

struct beat_entry {
    uint64_t height;
    bool silent;
};

struct beat {
    struct mail_item item; /* first member */
    uint64_t height, heeded;
    double fill;
    uint32_t changes; /* of size: what goes to archives */
    struct beat_entry of[];
};

/* ---- who goes on, as a layer knows ---- */

static uint32_t members(const struct world *w, const struct outlook *o)
{
    return w->layer_count - o->gone;
}

bool takeover_retired(const struct world *w, layer_id layer)
{
    return w->takeover && w->takeover->retired[layer];
}

bool takeover_final(const struct world *w, const struct block *b)
{
    return !w->takeover || b->height <= w->takeover->layers[b->layer].final;
}

/* ---- receipts ---- */

static int highest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

void takeover_recount(struct world *w, layer_id layer)
{
    struct outlook *o = &w->takeover->layers[layer];
    uint32_t need = takeover_receipts(members(w, o)), count = 0;
    uint64_t *echoes = mem_alloc(w->layer_count, sizeof *echoes);
    if (!echoes) {
        world_out_of_memory(w);
        return;
    }
    for (layer_id k = 0; k < w->layer_count; k++)
        if (k != layer && !o->of[k].gone)
            echoes[count++] = o->of[k].echo;
    qsort(echoes, count, sizeof *echoes, highest_first);
    bool more = need <= count && need > 0 && echoes[need - 1] > o->final;
    if (more)
        o->final = echoes[need - 1];
    mem_free(echoes);
    if (more)
        chain_settle(w, w->layers[layer].chain);
}

/* ---- votes ---- */

static void add_vote(struct world *w, struct outlook *o, struct vote vote)
{
    for (size_t i = 0; i < o->votes.len; i++) {
        const struct vote *v = vec_at(&o->votes, i);
        if (v->by == vote.by && v->of == vote.of)
            return;
    }
    if (vec_push(&o->votes, &vote) != ERR_OK)
        world_out_of_memory(w);
}

static bool given_up(const struct world *w, const struct outlook *o, layer_id layer)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < o->votes.len; i++) {
        const struct vote *v = vec_at(&o->votes, i);
        votes += v->of == layer && !o->of[v->by].gone;
    }
    return votes >= takeover_votes(members(w, o));
}

/* Whether all that came before, as far as it knows, is over at its heirs, those apart that are
 * silent themselves. */
static bool free_to(const struct world *w, const struct outlook *o, layer_id self)
{
    const struct takeover *t = w->takeover;
    for (uint32_t i = 0; i < t->count; i++)
        for (uint32_t k = 0; o->of[t->taken[i].dead].gone && k < t->taken[i].heir_count; k++) {
            layer_id heir = t->taken[i].heirs[k];
            uint64_t heeded = heir == self ? o->heeded : o->of[heir].heeded;
            if (!o->of[heir].gone && !(heeded >> i & 1) && !given_up(w, o, heir))
                return false;
        }
    return t->count < SUCCESSIONS_MAX;
}

/* The first that is not silent proposes to give up who is. */
static void consider(struct world *w, layer_id layer)
{
    struct outlook *o = &w->takeover->layers[layer];
    bool first = true;
    layer_id silent = LAYER_NONE;
    if (!o->votes.len || o->proposed != LAYER_NONE || members(w, o) < 3 ||
        takeover_retired(w, layer))
        return;
    for (layer_id k = 0; k < w->layer_count; k++) {
        if (k == layer || o->of[k].gone)
            continue;
        bool lost = given_up(w, o, k);
        if (lost && silent == LAYER_NONE)
            silent = k;
        first &= lost || k > layer;
    }
    if (!first || silent == LAYER_NONE || !free_to(w, o, layer))
        return;
    struct op *op = op_create(OP_RETIRE, layer, layer, 0);
    if (!op) {
        world_out_of_memory(w);
        return;
    }
    op->other = silent;
    op_sized(op);
    o->proposed = silent;
    rows_event(w, RECORD_EVENT_LEVEL_WARNING, "layer-frozen", -1, silent,
               "layer %s is silent to half of the layers; %s proposes to give it up",
               w->layers[silent].name, w->layers[layer].name);
    desk_post(w, op);
}

/* ---- beats ---- */

static void hear_beat(struct world *w, struct mail_item *item, node_id node)
{
    struct beat *b = (struct beat *)item;
    layer_id at = item->to, from = item->from;
    struct outlook *o = &w->takeover->layers[at];
    struct look *look = &o->of[from];
    (void)node;
    mail_done(w, item);
    if (look->gone)
        return;
    look->heard = sim_now(w->sim);
    look->missed = 0;
    look->fill = b->fill;
    look->heeded |= b->heeded;
    if (!look->silent && b->height > look->height)
        look->height = b->height;
    if (b->of[at].height > look->echo)
        look->echo = b->of[at].height;
    for (layer_id k = 0; k < w->layer_count; k++)
        if (b->of[k].silent && k != at)
            add_vote(w, o, (struct vote){from, k, b->of[k].height});
    if (!takeover_retired(w, at))
        takeover_recount(w, at);
    consider(w, at);
}

/* One that has not come for long need not be sent again: what it says, the next one does too. */
static uint32_t supersede(struct world *w, struct beat **last)
{
    uint32_t changes = 0;
    if (!*last)
        return 0;
    if (!(*last)->item.done &&
        sim_now(w->sim) - (*last)->item.posted > w->takeover->cfg->after / 2) {
        changes = (*last)->changes;
        mail_done(w, &(*last)->item);
    }
    mail_unref(&(*last)->item);
    *last = NULL;
    return changes;
}

static void tell(struct world *w, layer_id from, layer_id to, const struct block *b)
{
    struct takeover *t = w->takeover;
    struct outlook *o = &t->layers[from];
    struct beat *beat = mem_zalloc(1, sizeof *beat + w->layer_count * sizeof beat->of[0]);
    if (!beat) {
        world_out_of_memory(w);
        return;
    }
    beat->height = b->height;
    beat->heeded = o->heeded;
    beat->fill = o->fill;
    for (layer_id k = 0; k < w->layer_count; k++)
        beat->of[k] = (struct beat_entry){o->of[k].height, o->of[k].silent};
    beat->changes = supersede(w, &o->told[to]);
    if (t->cfg->archive && b->execution)
        beat->changes += execution_wait(b->execution)->change_bytes;
    beat->item = (struct mail_item){.refs = 1,
                                    .size = BEAT_BYTES + ENTRY_BYTES * (uint32_t)w->layer_count +
                                            beat->changes,
                                    .from = from,
                                    .to = to,
                                    .hear = hear_beat};
    t->beats++;
    t->beat_bytes += beat->item.size;
    mail_post(w, &beat->item, NODE_NONE);
    o->told[to] = beat;
}

/* Who is silent now. Time in which the layer itself stood still does not count: of each of its own
 * blocks a quarter of `after` at most. */
static void listen(struct world *w, layer_id layer)
{
    struct outlook *o = &w->takeover->layers[layer];
    sim_time now = sim_now(w->sim), after = w->takeover->cfg->after;
    sim_time step = now - o->last < after / 4 ? now - o->last : after / 4;
    o->last = now;
    for (layer_id k = 0; k < w->layer_count; k++) {
        struct look *look = &o->of[k];
        if (k == layer || look->gone || look->silent)
            continue;
        look->missed += step;
        if (look->missed <= after)
            continue;
        look->silent = true;
        add_vote(w, o, (struct vote){layer, k, look->height});
        rows_event(w, RECORD_EVENT_LEVEL_WARNING, "layer-silent", -1, k,
                   "layer %s has heard nothing of layer %s for %.3g s, since height %llu",
                   w->layers[layer].name, w->layers[k].name, (double)(now - look->heard) * 1e-9,
                   (unsigned long long)look->height);
    }
}

void takeover_committed(struct world *w, const struct block *b)
{
    struct outlook *o = &w->takeover->layers[b->layer];
    if (takeover_retired(w, b->layer))
        return;
    double fill = b->fees.gas_limit ? (double)b->header_gas_used / (double)b->fees.gas_limit : 0;
    o->fill += FILL_WEIGHT * (fill - o->fill);
    listen(w, b->layer);
    for (layer_id k = 0; k < w->layer_count; k++)
        if (k != b->layer && !o->of[k].gone)
            tell(w, b->layer, k, b);
    consider(w, b->layer);
}

/* ---- life ---- */

enum err_code takeover_create(struct world *w, struct err *err)
{
    struct takeover *t = w->takeover = mem_zalloc(1, sizeof *t);
    if (t) {
        t->cfg = &w->cfg->takeover;
        t->layers = mem_zalloc(w->layer_count, sizeof *t->layers);
        t->retired = mem_zalloc(w->layer_count, sizeof *t->retired);
    }
    bool ok = t && t->layers && t->retired;
    for (layer_id i = 0; ok && i < w->layer_count; i++) {
        struct outlook *o = &t->layers[i];
        vec_init(&o->votes, sizeof(struct vote));
        o->proposed = LAYER_NONE;
        o->of = mem_zalloc(w->layer_count, sizeof *o->of);
        o->told = mem_zalloc(w->layer_count, sizeof(struct beat *));
        ok = o->of && o->told;
    }
    return ok ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for what layers hear of one another");
}

void takeover_destroy(struct world *w)
{
    struct takeover *t = w->takeover;
    if (!t)
        return;
    for (layer_id i = 0; t->layers && i < w->layer_count; i++) {
        struct outlook *o = &t->layers[i];
        for (layer_id k = 0; o->told && k < w->layer_count; k++)
            if (o->told[k])
                mail_unref(&o->told[k]->item);
        mem_free(o->told);
        mem_free(o->of);
        vec_fini(&o->votes);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        struct taken *k = &t->taken[i];
        evm_state_unref(k->rest);
        holdings_unref(k->held);
        mem_free(k->heirs);
        mem_free(k->answered);
        mem_free(k->parts);
        mem_free(k->ends);
        mem_free(k->sources);
    }
    mem_free(t->layers);
    mem_free(t->retired);
    mem_free(t);
    w->takeover = NULL;
}
