/* From the decision to give a layer up until its heirs have all that was its (takeover.h). */
#include "models/world/takeover_internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct evm_state *takeover_rest(const struct world *w, layer_id layer)
{
    return takeover_taken(w, layer)->rest;
}

layer_id takeover_home(const struct world *w, layer_id layer, const struct evm_addr *addr)
{
    const struct taken *k = layer == LAYER_ALL ? NULL : takeover_taken(w, layer);
    for (; k; k = takeover_taken(w, layer))
        layer = succession_heir(takeover_line(w, k), addr);
    return layer;
}

layer_id takeover_seat(const struct world *w, layer_id layer)
{
    for (const struct taken *k; (k = takeover_taken(w, layer)) && k->seat != LAYER_NONE;)
        layer = k->seat;
    return layer;
}

/* ---- the decision ---- */

static void choose_heirs(struct world *w, layer_id by, struct taken *k)
{
    struct takeover *t = w->takeover;
    const struct outlook *o = &t->layers[by];
    layer_id best = LAYER_NONE;
    for (layer_id i = 1; i < w->layer_count; i++) {
        layer_id at = (layer_id)((k->dead + i) % w->layer_count);
        if (t->retired[at] || o->of[at].silent)
            continue;
        double fill = at == by ? o->fill : o->of[at].fill;
        if (t->cfg->by == WORLD_HEIRS_SPREAD)
            k->heirs[k->heir_count++] = at;
        else if (best == LAYER_NONE || (t->cfg->by == WORLD_HEIRS_LEAST_LOADED &&
                                        fill < (best == by ? o->fill : o->of[best].fill)))
            best = at;
    }
    if (best != LAYER_NONE)
        k->heirs[k->heir_count++] = best;
    CHECK(k->heir_count, "nobody is left to take over layer %u", k->dead);
}

/* Who has the state: the heir itself, if its archive reaches far enough; or who said it has the
 * certificate; without archives, a node of the lost layer. */
static layer_id source_for(const struct world *w, layer_id by, const struct taken *k, layer_id heir)
{
    const struct takeover *t = w->takeover;
    const struct outlook *o = &t->layers[by];
    if (!t->cfg->archive)
        return k->dead;
    if (t->layers[heir].of[k->dead].height >= k->height)
        return heir;
    for (size_t i = 0; i < o->votes.len; i++) {
        const struct vote *v = vec_at(&o->votes, i);
        if (v->of == k->dead && v->height >= k->height && !t->retired[v->by])
            return v->by;
    }
    return k->dead;
}

/* All accounts that lived there are on their way; what has no state yet, until it is over. */
static void orphan(struct world *w, struct taken *k)
{
    struct directory *d = &w->desk->directory;
    const struct succession *s = takeover_line(w, k);
    for (size_t i = 0; i < d->accounts.len; i++) {
        struct directory_account *a = directory_at(d, (account_id)i);
        if (a->home == LAYER_ALL && a->from == k->dead)
            a->from = k->heirs[0];
        if (a->home != k->dead)
            continue;
        struct evm_account have;
        evm_state_account(k->rest, &a->addr, &have);
        a->home = succession_heir(s, &a->addr);
        if (a->moving)
            continue;
        a->from = k->dead;
        a->adopted = a->moving = true;
        a->orphan = !have.exists;
    }
}

static void tell_all(struct world *w, layer_id by, const struct taken *k)
{
    for (layer_id i = 0; i < w->layer_count; i++) {
        struct op *op = takeover_retired(w, i) ? NULL : op_create(OP_ADOPT, by, i, 0);
        if (!op)
            continue;
        op->other = k->dead;
        op_sized(op);
        desk_post(w, op);
    }
}

/* Transactions of its blocks from a height on. */
static uint64_t txs_from(const struct chain *c, uint64_t from, uint64_t to)
{
    uint64_t txs = 0;
    for (uint64_t h = from; h < to; h++) {
        const struct block *b = ((struct committed *)vec_at(&c->committed, h))->block;
        txs += b ? b->tx_count : 0;
    }
    return txs;
}

static bool make(struct world *w, struct taken *k)
{
    k->heirs = mem_zalloc(w->layer_count, sizeof *k->heirs);
    k->answered = mem_zalloc(w->layer_count, sizeof *k->answered);
    k->parts = mem_zalloc(w->layer_count, sizeof *k->parts);
    k->ends = mem_zalloc(w->layer_count, sizeof *k->ends);
    k->sources = mem_zalloc(w->layer_count, sizeof *k->sources);
    return k->heirs && k->answered && k->parts && k->ends && k->sources;
}

void takeover_begin(struct world *w, layer_id by, layer_id dead)
{
    struct takeover *t = w->takeover;
    struct outlook *o = &t->layers[by];
    struct chain *c = w->layers[dead].chain;
    if (t->retired[dead])
        return;
    uint64_t height = 0, before = c->settled;
    for (size_t i = 0; i < o->votes.len; i++) {
        const struct vote *v = vec_at(&o->votes, i);
        if (v->of == dead && !o->of[v->by].gone && v->height > height)
            height = v->height;
    }
    if (t->layers[dead].final < height) { /* final, although the lost layer does not know */
        t->layers[dead].final = height;
        chain_settle(w, c);
    }
    struct taken *k = &t->taken[t->count];
    *k = (struct taken){
        .dead = dead, .height = c->settled - 1, .first = -1, .done = -1, .seat = LAYER_NONE};
    struct committed *top = vec_at(&c->committed, c->settled - 1);
    k->rest = evm_state_ref(desk_state(w, dead));
    k->held =
        holdings_ref(execution_holdings(chain_latest(&w->layers[dead], top->block)->execution));
    k->decided = sim_now(w->sim);
    k->silent = top->block->track->committed;
    k->lost = before > height + 1 ? txs_from(c, height + 1, before) : 0;
    k->undone = txs_from(c, c->settled, c->committed.len);
    k->fill_before = t->room > 0 ? t->gas / t->room : NAN;
    if (!make(w, k)) {
        world_out_of_memory(w);
        return;
    }
    choose_heirs(w, by, k);
    w->desk->directory.placement.successions[t->count] =
        (struct succession){dead, (layer_id)k->heir_count, k->heirs};
    w->desk->directory.heard |= UINT64_C(1) << t->count;
    w->desk->directory.open |= UINT64_C(1) << t->count;
    t->retired[dead] = ++t->count;
    for (uint32_t i = 0; i < k->heir_count; i++)
        k->sources[k->heirs[i]] = source_for(w, by, k, k->heirs[i]);
    orphan(w, k);
    w->desk->serial_settled++; /* looks at accounts are old */
    rows_event(w, RECORD_EVENT_LEVEL_WARNING, "layer-given-up", -1, dead,
               "layer %s is given up at height %llu; %u heirs, the first is %s",
               w->layers[dead].name, (unsigned long long)k->height, k->heir_count,
               w->layers[k->heirs[0]].name);
    tell_all(w, by, k);
}

/* ---- a layer hears of it ---- */

static bool is_heir(const struct taken *k, layer_id layer)
{
    for (uint32_t i = 0; i < k->heir_count; i++)
        if (k->heirs[i] == layer)
            return true;
    return false;
}

/* Its part of what was lost before, if it had not asked for it. */
static void want_for(struct world *w, const struct taken *k, layer_id by)
{
    for (uint32_t i = 0; i < w->takeover->count; i++) {
        struct taken *old = &w->takeover->taken[i];
        if (old != k && is_heir(old, k->dead) && !old->answered[k->dead])
            takeover_want(w, old, k->dead, by);
    }
}

/* Who goes on. */
static layer_id first_heir(const struct world *w, const struct taken *k)
{
    layer_id heir = k->heirs[0];
    while (takeover_retired(w, heir))
        heir = takeover_taken(w, heir)->heirs[0];
    return heir;
}

static void adopt(struct world *w, layer_id at, const struct op *op)
{
    struct taken *k = takeover_taken(w, op->other);
    struct outlook *o = &w->takeover->layers[at];
    if (o->of[k->dead].gone)
        return;
    o->of[k->dead].gone = true;
    o->gone++;
    if (o->proposed == k->dead)
        o->proposed = LAYER_NONE;
    if (o->told[k->dead])
        mail_done(w, (struct mail_item *)o->told[k->dead]);
    takeover_reroute_mail(w, at, at, k);
    takeover_begin_anew(w, at, k);
    if (at == k->heirs[0])
        want_for(w, k, at);
    for (uint32_t i = 0; i < w->takeover->count; i++) /* also of one whose heir was lost at once */
        if (w->takeover->taken[i].seat == LAYER_NONE && first_heir(w, &w->takeover->taken[i]) == at)
            takeover_carry_on(w, at, &w->takeover->taken[i]);
    if (is_heir(k, at))
        takeover_want(w, k, at, at);
}

bool takeover_hears(struct world *w, struct op *op)
{
    if (op->kind == NOTE_WANT) {
        mail_ref(&op->item);
        takeover_drop(w, op);
        takeover_answer(w, op);
        op_unref(op);
        return true;
    }
    const struct taken *k = takeover_taken(w, op->item.to);
    if (!k || op->item.from != k->dead || op->kind >= NOTE_HELD)
        return k != NULL;
    /* To itself, of its last final block: the first heir finds it, now or in the inbox. */
    if (k->seat == LAYER_NONE)
        return false;
    mail_ref(&op->item);
    takeover_reroute(w, op, k->seat, k);
    op_unref(op);
    return true;
}

/* ---- until all has come ---- */

static bool is_over(const struct world *w, const struct taken *k)
{
    bool over = true;
    for (uint32_t i = 0; i < k->heir_count; i++)
        over &= k->answered[k->heirs[i]];
    for (layer_id i = 0; over && i < w->layer_count; i++)
        over = !k->parts[i] && !k->ends[i];
    return over;
}

bool takeover_lets(const struct world *w, const struct op *op)
{
    const struct takeover *t = w->takeover;
    if (op->kind == OP_IMPORT)
        return true;
    if (op->kind == OP_INHERIT)
        return !t->taken[op->succession - 1].parts[op->item.to];
    for (uint32_t i = 0; i < op->succession; i++)
        if (!t->taken[i].over)
            return false;
    return true;
}

layer_id takeover_still(const struct world *w, const struct op *op)
{
    const struct taken *k = NULL;
    if (op->kind == OP_APPLY && op->succession)
        k = &w->takeover->taken[op->succession - 1];
    return k && !k->answered[op->item.to] ? k->dead : op->item.to;
}

/* Accounts without a state: they may be made at their heir now. LAYER_NONE: of all. */
static void land(struct world *w, layer_id heir)
{
    struct directory *d = &w->desk->directory;
    for (size_t i = 0; i < d->accounts.len; i++) {
        struct directory_account *a = directory_at(d, (account_id)i);
        account_id n = (account_id)i;
        if (!a->orphan || (heir != LAYER_NONE && a->home != heir))
            continue;
        a->orphan = a->moving = false;
        a->from = a->home;
        if (vec_push(&w->desk->landed, &n) != ERR_OK)
            world_out_of_memory(w);
    }
}

static void finish(struct world *w, struct taken *k)
{
    k->over = true;
    k->done = sim_now(w->sim);
    w->desk->directory.open &= ~(UINT64_C(1) << takeover_index(w, k));
    if (!w->desk->directory.open) {
        land(w, LAYER_NONE);
        w->takeover->gas = w->takeover->room = 0;
    }
    rows_event(w, RECORD_EVENT_LEVEL_INFO, "layer-taken-over", -1, k->dead,
               "%llu accounts of layer %s are with their heirs, %.3g s after its last commit",
               (unsigned long long)k->accounts, w->layers[k->dead].name,
               (double)(k->done - k->silent) * 1e-9);
}

/* The first transaction of one of the lost layer's users that another layer commits. */
static void note_recovery(struct world *w, const struct block *b)
{
    struct takeover *t = w->takeover;
    for (uint32_t i = 0; i < t->count; i++) {
        struct taken *k = &t->taken[i];
        const struct succession *s = &w->desk->directory.placement.successions[i];
        for (uint32_t x = 0; k->first < 0 && x < b->tx_count; x++) {
            const struct tx *tx = b->txs[x];
            const struct directory_account *a =
                tx->touched_count ? directory_at(&w->desk->directory, tx->touched[0]) : NULL;
            if (a && a->adopted && holdings_home(k->held, &a->addr) == k->dead &&
                succession_heir(s, &a->addr) == b->layer)
                k->first = sim_now(w->sim);
        }
    }
}

void takeover_came(struct world *w, struct layer *l, const struct block *b)
{
    struct takeover *t = w->takeover;
    if (!t->retired[l->id]) {
        t->gas += (double)b->track->gas_used;
        t->room += (double)b->fees.gas_limit;
    }
    for (uint32_t i = 0; i < b->op_count; i++) {
        const struct op *op = b->ops[i];
        if (!takeover_is_part(op))
            continue;
        struct taken *k = &t->taken[op->succession - 1];
        takeover_part(w, op, l->id, -1);
        if (op->kind == OP_INHERIT) {
            land(w, l->id);
            t->layers[l->id].heeded |= UINT64_C(1) << takeover_index(w, k);
        }
        if (!k->over && is_over(w, k))
            finish(w, k);
    }
    note_recovery(w, b);
}

void takeover_settled(struct world *w, struct layer *l, const struct block *b)
{
    for (uint32_t i = 0; i < b->op_count; i++) {
        const struct op *op = b->ops[i];
        if (op->kind == OP_RETIRE)
            takeover_begin(w, l->id, op->other);
        else if (op->kind == OP_ADOPT)
            adopt(w, l->id, op);
    }
}

/* ---- told of it ---- */

void takeover_summarise(const struct world *w, struct world_takeovers *out)
{
    const struct takeover *t = w->takeover;
    uint64_t moved = 0, recovered = 0;
    double detect = 0, move = 0, recovery = 0;
    *out = (struct world_takeovers){.on = t != NULL,
                                    .detect_s = NAN,
                                    .move_s = NAN,
                                    .recovery_s = NAN,
                                    .fill_before = NAN,
                                    .fill_after = NAN};
    if (!t)
        return;
    out->beat_bytes = t->beats ? (double)t->beat_bytes / (double)t->beats : 0;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct taken *k = &t->taken[i];
        out->accounts += k->accounts;
        out->bytes += k->bytes;
        out->undone += k->undone;
        out->lost += k->lost;
        detect += (double)(k->decided - k->silent) * 1e-9;
        moved += k->done >= 0;
        move += k->done >= 0 ? (double)(k->done - k->decided) * 1e-9 : 0;
        recovered += k->first >= 0;
        recovery += k->first >= 0 ? (double)(k->first - k->silent) * 1e-9 : 0;
    }
    out->count = t->count;
    if (!t->count)
        return;
    out->fill_before = t->taken[0].fill_before;
    out->detect_s = detect / (double)t->count;
    out->move_s = moved ? move / (double)moved : NAN;
    out->recovery_s = recovered ? recovery / (double)recovered : NAN;
    out->fill_after = t->taken[t->count - 1].over && t->room > 0 ? t->gas / t->room : NAN;
}
