/* What was on its way to or from a layer that was given up, and crossings that were open there
 * (takeover.h). */
#include "models/world/takeover_internal.h"

/* ---- what was on its way ---- */

static bool has_sender(const struct evm_changes *values, const struct tx *tx)
{
    return evm_changes_find(values, &tx->evm.sender, NULL) != NULL;
}

/* op, for the part of it that the heir has. */
static struct op *part_of(struct world *w, const struct op *op, layer_id by, layer_id heir,
                          const struct taken *k)
{
    const struct succession *s = takeover_line(w, k);
    struct op *part = op_create((enum op_kind)op->kind, by, heir, op->crossing);
    if (!part)
        return NULL;
    bool ok = true;
    part->txs = op->tx_count ? mem_alloc(op->tx_count, sizeof *part->txs) : NULL;
    ok = !op->tx_count || part->txs;
    for (uint32_t i = 0; ok && i < op->values.account_count; i++)
        if (succession_heir(s, &op->values.accounts[i].addr) == heir)
            ok = takeover_copy(part, &op->values, i);
    for (uint32_t i = 0; ok && i < op->tx_count; i++)
        if (has_sender(&part->values, op->txs[i]))
            part->txs[part->tx_count++] = tx_ref(op->txs[i]);
    if (!ok) {
        op_unref(part);
        return NULL;
    }
    part->other = op->other;
    part->gas = op->gas;
    part->has_payer = op->has_payer;
    part->kept = op->kept;
    part->payer = op->payer;
    part->until = op->until;
    part->inherited = op->inherited;
    part->heard = op->heard;
    part->moved = op->moved ? addr_table_ref(op->moved) : NULL;
    bool own_part = op->succession && (op->kind == OP_IMPORT || op->kind == OP_INHERIT);
    part->succession = own_part                ? op->succession
                       : op->kind == OP_IMPORT ? 0
                                               : (uint8_t)(takeover_index(w, k) + 1);
    return part;
}

/* Parts of an earlier succession change hands. */
void takeover_part(struct world *w, const struct op *op, layer_id to, int by)
{
    if (!op->succession || (op->kind != OP_IMPORT && op->kind != OP_INHERIT))
        return;
    struct taken *k = &w->takeover->taken[op->succession - 1];
    (op->kind == OP_IMPORT ? k->parts : k->ends)[to] += (uint32_t)by;
}

static bool goes_on(const struct op *op)
{
    return op->kind == OP_APPLY || op->kind == OP_RELEASE || op->kind == OP_IMPORT ||
           op->kind == OP_CREDIT || op->kind == OP_INHERIT || op->kind == NOTE_WANT;
}

/* Orders of the policy come to nothing. */
static void forget_order(struct world *w, const struct op *op)
{
    for (uint32_t i = 0; !op->crossing && i < op->account_count; i++) {
        account_id n = directory_number(&w->desk->directory, &op->accounts[i]);
        if (n == ACCOUNT_NONE)
            continue;
        struct directory_account *a = directory_at(&w->desk->directory, n);
        if (op->kind == OP_EXPORT) {
            a->ordered = false;
            w->desk->moves_refused++;
        } else if (op->kind == OP_SHARE && a->shares && --a->shares == 0) {
            a->ordered = false;
            a->home = LAYER_ALL;
            if (vec_push(&w->desk->landed, &n) != ERR_OK)
                world_out_of_memory(w);
        }
    }
}

/* op was for the lost layer: what of it is still to happen goes to the heirs, from `by`. */
void takeover_reroute(struct world *w, struct op *op, layer_id by, const struct taken *k)
{
    if (op->settled)
        return;
    if (op->cancels && !op->cancels->settled)
        takeover_drop(w, op->cancels);
    takeover_part(w, op, op->item.to, -1);
    for (uint32_t i = 0; goes_on(op) && i < k->heir_count; i++) {
        struct op *part = part_of(w, op, by, k->heirs[i], k);
        if (!part) {
            world_out_of_memory(w);
            return;
        }
        if (part->kind == OP_APPLY && !part->values.account_count)
            part->kind = OP_RELEASE;
        bool empty =
            !part->values.account_count && (part->kind == OP_IMPORT || part->kind == OP_CREDIT);
        if (empty || (part->kind == NOTE_WANT && i > 0)) {
            op_unref(part);
            continue;
        }
        takeover_part(w, part, part->item.to, 1);
        op_sized(part);
        desk_post(w, part);
    }
    forget_order(w, op);
    takeover_drop(w, op);
}

bool takeover_reroutes(struct world *w, struct op *op)
{
    const struct taken *k = takeover_taken(w, op->item.to);
    layer_id from = op->item.from;
    bool own = op->kind == NOTE_WANT && op->other == op->item.to;
    if (!k || own || from == op->item.to)
        return false;
    /* A lost layer that sends what it had knows of who asked for it. */
    bool known = takeover_retired(w, from) ? k->seat != LAYER_NONE
                                           : w->takeover->layers[from].of[k->dead].gone;
    if (!known)
        return false;
    takeover_reroute(w, op, op->item.from, k);
    return true;
}

struct gathered {
    struct vec items; /* struct op *: references */
    struct world *world;
};

static void gather(void *self, struct mail_item *item)
{
    struct gathered *g = self;
    struct op *op = op_of(item);
    if (item->hear != desk_hear || item->done)
        return;
    if (vec_push(&g->items, &op) != ERR_OK)
        world_out_of_memory(g->world);
    else
        mail_ref(item);
}

static void release(struct gathered *g)
{
    for (size_t i = 0; i < g->items.len; i++)
        op_unref(*(struct op **)vec_at(&g->items, i));
    vec_fini(&g->items);
}

/* What `from` had for the lost layer. */
void takeover_reroute_mail(struct world *w, layer_id from, layer_id by, const struct taken *k)
{
    struct gathered g = {.world = w};
    vec_init(&g.items, sizeof(struct op *));
    mail_each(w, from, k->dead, gather, &g);
    for (size_t i = 0; i < g.items.len; i++) {
        struct op *op = *(struct op **)vec_at(&g.items, i);
        if (op->kind != NOTE_WANT || op->other != k->dead)
            takeover_reroute(w, op, by, k);
    }
    release(&g);
}

/* What the lost layer had to say, its first heir says. */
static void carry_on_mail(struct world *w, layer_id heir, const struct taken *k)
{
    for (layer_id to = 0; to < w->layer_count; to++) {
        struct gathered g = {.world = w};
        vec_init(&g.items, sizeof(struct op *));
        if (to != k->dead)
            mail_each(w, k->dead, to, gather, &g);
        for (size_t i = 0; i < g.items.len; i++) {
            struct op *op = *(struct op **)vec_at(&g.items, i);
            if (!takeover_is_part(op))
                mail_readdress(w, &op->item, heir);
        }
        release(&g);
    }
    /* To itself: of its own chain, or not handed out. Payments alone are final. */
    takeover_reroute_mail(w, k->dead, heir, k);
    struct vec *inbox = &w->desk->layers[k->dead].inbox;
    for (size_t i = 0; i < inbox->len; i++) {
        struct op *op = *(struct op **)vec_at(inbox, i);
        if (op->item.from == k->dead)
            takeover_reroute(w, op, heir, k);
    }
    for (layer_id i = 0; i < w->layer_count; i++) {
        if (i == k->dead || !takeover_retired(w, i))
            continue;
        takeover_reroute_mail(w, i, i, k);        /* who was lost before has its parts to send */
        if (w->takeover->layers[heir].of[i].gone) /* it had not heard of that one's end */
            takeover_reroute_mail(w, heir, heir, takeover_taken(w, i));
    }
}

/* ---- crossings ---- */

static bool is_party(const struct desk_crossing *c, layer_id layer)
{
    for (uint32_t i = 0; i < c->pub.party_count; i++)
        if (c->pub.parties[i].layer == layer)
            return true;
    return false;
}

/* What it held in the lost layer itself, wherever that is now. */
static void free_at(struct world *w, const struct desk_crossing *c, layer_id from, layer_id dead)
{
    struct op *op = op_create(OP_RELEASE, from, dead, desk_hold(c));
    if (!op) {
        world_out_of_memory(w);
        return;
    }
    op_sized(op);
    desk_post(w, op);
}

/* That the lost layer carried through: none has run. The heir lets go of all it held. */
static void reclaim(struct world *w, struct desk_crossing *c, layer_id heir)
{
    bool waits = c->pub.phase == CROSSING_WAITS && !c->backing_out;
    layer_id dead = c->pub.at;
    c->pub.at = heir;
    if (waits)
        return;
    free_at(w, c, heir, dead);
    if (!c->backing_out) {
        c->dropping = false;
        c->wait = 0;
    }
    if (c->running)
        takeover_drop(w, c->running);
    if (c->backing_out)
        takeover_drop(w, c->backing_out);
    desk_backed_out(w, c);
}

/* Each change may end any of them: from the start again until there is none left to do. */
void takeover_begin_anew(struct world *w, layer_id at, const struct taken *k)
{
    for (struct desk_crossing *c = w->desk->open; c;) {
        bool gathers = c->pub.phase == CROSSING_GATHERS && !c->backing_out;
        bool hit = c->pub.at == at && gathers && is_party(c, k->dead);
        if (hit)
            desk_back_out(w, c, false, 0);
        c = hit ? w->desk->open : c->next;
    }
}

/* The first heir takes the lost layer's seat. */
void takeover_carry_on(struct world *w, layer_id heir, struct taken *k)
{
    k->seat = heir;
    for (struct desk_crossing *c = w->desk->open; c;) {
        bool hit = c->pub.at == k->dead;
        if (hit)
            reclaim(w, c, heir);
        c = hit ? w->desk->open : c->next;
    }
    carry_on_mail(w, heir, k);
}
