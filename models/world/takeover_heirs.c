/* What becomes of a layer that is given up: its accounts, its mail, its crossings (takeover.h). */
#include "models/world/takeover_internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PART_ACCOUNTS = 200, /* of an OP_IMPORT at most, ... */
    PART_SLOTS = 2000,   /* ... and no more once it has so many slots */
};

static struct taken *taken_of(const struct world *w, layer_id dead)
{
    uint32_t n = w->takeover ? w->takeover->retired[dead] : 0;
    return n ? &w->takeover->taken[n - 1] : NULL;
}

static uint32_t index_of(const struct world *w, const struct taken *k)
{
    return (uint32_t)(k - w->takeover->taken);
}

struct evm_state *takeover_rest(const struct world *w, layer_id layer)
{
    return taken_of(w, layer)->rest;
}

layer_id takeover_home(const struct world *w, layer_id layer, const struct evm_addr *addr)
{
    const struct taken *k = layer == LAYER_ALL ? NULL : taken_of(w, layer);
    for (; k; k = taken_of(w, layer))
        layer = succession_heir(&w->desk->directory.placement.successions[index_of(w, k)], addr);
    return layer;
}

layer_id takeover_seat(const struct world *w, layer_id layer)
{
    for (const struct taken *k; (k = taken_of(w, layer)) && k->seat != LAYER_NONE;)
        layer = k->seat;
    return layer;
}

/* ---- the state goes to the heirs ---- */

struct leaving {
    struct world *world;
    struct taken *taken;
    layer_id heir;
    struct evm_changes all;    /* what the heir gets */
    struct evm_changes pieces; /* what stands there of accounts of others, to the first heir */
    bool mine, failed;
};

/* Where the lost layer's own chain has the account. */
static layer_id had(const struct leaving *g, const struct evm_addr *addr)
{
    return holdings_home(g->taken->held, addr);
}

static void leave_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct leaving *g = self;
    const struct succession *s =
        &g->world->desk->directory.placement.successions[index_of(g->world, g->taken)];
    bool own = had(g, addr) == g->taken->dead;
    bool piece = !own && g->heir == s->heirs[0] && !evm_u256_is_zero(&acc->balance);
    g->mine = own && succession_heir(s, addr) == g->heir;
    struct evm_changes *to = g->mine ? &g->all : &g->pieces;
    if (g->failed || (!g->mine && !piece))
        return;
    if (evm_changes_reserve(to, 1, 0) != EVM_OK) {
        g->failed = true;
        return;
    }
    to->accounts[to->account_count++] = (struct evm_account_change){
        .addr = *addr,
        .wrote = own ? EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE : EVM_WROTE_BALANCE,
        .balance = acc->balance,
        .nonce = acc->nonce,
        .code = own ? evm_codes_find(g->world->codes, &acc->code_hash) : NULL,
        .first_slot = to->slot_count};
}

static void leave_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                       const struct evm_u256 *value)
{
    struct leaving *g = self;
    (void)addr;
    if (g->failed || !g->mine)
        return;
    if (evm_changes_reserve(&g->all, 0, 1) != EVM_OK) {
        g->failed = true;
        return;
    }
    g->all.slots[g->all.slot_count++] = (struct evm_slot_change){*key, *value};
    g->all.accounts[g->all.account_count - 1].slot_count++;
}

/* From what is left: the accounts, and of the pieces the money. */
static bool cut_out(struct leaving *g)
{
    struct evm_state *rest = evm_state_fork(g->taken->rest);
    bool ok = rest && op_leave(rest, &g->all) == EVM_OK;
    for (uint32_t i = 0; ok && i < g->pieces.account_count; i++) {
        struct evm_account_change none = {.addr = g->pieces.accounts[i].addr,
                                          .wrote = EVM_WROTE_BALANCE};
        struct evm_changes c = {.accounts = &none, .account_count = 1};
        ok = evm_state_apply(rest, &c) == EVM_OK;
    }
    if (!ok) {
        evm_state_unref(rest);
        return false;
    }
    evm_state_seal(rest);
    evm_state_unref(g->taken->rest);
    g->taken->rest = rest;
    g->world->desk->serial_settled++;
    return true;
}

static struct op *part_create(struct leaving *g, layer_id from, enum op_kind kind, uint64_t hold)
{
    struct op *op = op_create(kind, from, g->heir, hold);
    if (!op) {
        g->failed = true;
        return NULL;
    }
    op->other = g->taken->dead;
    op->succession = (uint8_t)(index_of(g->world, g->taken) + 1);
    op->inherited = hold != 0;
    return op;
}

static void part_send(struct leaving *g, struct op *op)
{
    op_sized(op);
    g->taken->bytes += op->item.from == op->item.to ? 0 : op->item.size;
    g->taken->accounts += op->kind == OP_IMPORT ? op->values.account_count : 0;
    (op->kind == OP_IMPORT ? g->taken->parts : g->taken->ends)[g->heir]++;
    desk_post(g->world, op);
}

static bool copy_account(struct op *op, const struct evm_changes *from, uint32_t i)
{
    struct evm_account_change a = from->accounts[i];
    struct evm_changes *to = &op->values;
    if (evm_changes_reserve(to, 1, a.slot_count) != EVM_OK)
        return false;
    for (uint32_t k = 0; k < a.slot_count; k++)
        to->slots[to->slot_count + k] = from->slots[a.first_slot + k];
    a.first_slot = to->slot_count;
    to->slot_count += a.slot_count;
    to->accounts[to->account_count++] = a;
    return true;
}

/* Accounts that a crossing holds go one by one, each with its lock. */
static void send_accounts(struct leaving *g, layer_id from)
{
    struct op *open = NULL;
    for (uint32_t i = 0; i < g->all.account_count && !g->failed; i++) {
        uint64_t hold = holdings_lock(g->taken->held, &g->all.accounts[i].addr);
        struct op *op = hold ? part_create(g, from, OP_IMPORT, hold) : open;
        if (!op && !(op = open = part_create(g, from, OP_IMPORT, 0)))
            break;
        g->failed |= !copy_account(op, &g->all, i);
        if (hold)
            part_send(g, op);
        else if (op->values.account_count >= PART_ACCOUNTS || op->values.slot_count >= PART_SLOTS) {
            part_send(g, op);
            open = NULL;
        }
    }
    if (open)
        part_send(g, open);
}

/* Fees that stood in the lost layer under an address of another one go home. */
static void send_pieces(struct leaving *g, layer_id from)
{
    for (uint32_t i = 0; i < g->pieces.account_count && !g->failed; i++) {
        const struct evm_addr *addr = &g->pieces.accounts[i].addr;
        layer_id home = desk_home(g->world, addr);
        struct op *op = op_create(OP_CREDIT, from, home == LAYER_ALL ? g->heir : home, 0);
        if (!op || !copy_account(op, &g->pieces, i)) {
            op_unref(op);
            g->failed = true;
            return;
        }
        op_sized(op);
        g->taken->bytes += op->item.from == op->item.to ? 0 : op->item.size;
        desk_post(g->world, op);
    }
}

/* The end: where accounts are that had left the lost layer, those apart that had come back. */
static void send_end(struct leaving *g, layer_id from)
{
    struct evm_addr addr;
    uint64_t home;
    struct op *op = part_create(g, from, OP_INHERIT, 0);
    const struct addr_table *homes = g->taken->held->homes;
    if (!op)
        return;
    op->heard = g->taken->held->heard | UINT64_C(1) << index_of(g->world, g->taken);
    op->moved = addr_table_create();
    bool ok = op->moved != NULL;
    for (uint32_t i = 0; ok && i < addr_table_room(homes); i++)
        if (addr_table_row(homes, i, &addr, &home) && home != g->taken->dead)
            ok = addr_table_put(op->moved, &addr, home);
    if (!ok) {
        op_unref(op);
        g->failed = true;
        return;
    }
    part_send(g, op);
}

static void answer_want(struct world *w, struct op *want)
{
    layer_id dead = want->other, heir = (layer_id)want->heard;
    struct leaving g = {.world = w, .taken = taken_of(w, dead), .heir = heir};
    if (g.taken->answered[heir])
        return;
    g.taken->answered[heir] = true;
    evm_changes_init(&g.all);
    evm_changes_init(&g.pieces);
    if (evm_state_each(g.taken->rest, leave_account, leave_slot, &g) != EVM_OK || g.failed ||
        !cut_out(&g)) {
        world_out_of_memory(w);
    } else {
        send_accounts(&g, want->item.to);
        send_pieces(&g, want->item.to);
        send_end(&g, want->item.to);
        if (g.failed)
            world_out_of_memory(w);
    }
    evm_changes_fini(&g.all);
    evm_changes_fini(&g.pieces);
}

static void want(struct world *w, struct taken *k, layer_id heir, layer_id by)
{
    struct op *op = op_create(NOTE_WANT, by, k->sources[heir], 0);
    if (!op) {
        world_out_of_memory(w);
        return;
    }
    op->other = k->dead;
    op->heard = heir;
    op_sized(op);
    desk_post(w, op);
}

/* ---- what was on its way ---- */

static void settle(struct world *w, struct op *op)
{
    op->settled = true;
    mail_done(w, &op->item);
}

static bool has_sender(const struct evm_changes *values, const struct tx *tx)
{
    return evm_changes_find(values, &tx->evm.sender, NULL) != NULL;
}

/* op, for the part of it that the heir has. */
static struct op *part_of(struct world *w, const struct op *op, layer_id by, layer_id heir,
                          const struct taken *k)
{
    const struct succession *s = &w->desk->directory.placement.successions[index_of(w, k)];
    struct op *part = op_create((enum op_kind)op->kind, by, heir, op->crossing);
    if (!part)
        return NULL;
    bool ok = true;
    part->txs = op->tx_count ? mem_alloc(op->tx_count, sizeof *part->txs) : NULL;
    ok = !op->tx_count || part->txs;
    for (uint32_t i = 0; ok && i < op->values.account_count; i++)
        if (succession_heir(s, &op->values.accounts[i].addr) == heir)
            ok = copy_account(part, &op->values, i);
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
                                               : (uint8_t)(index_of(w, k) + 1);
    return part;
}

/* Parts of an earlier succession change hands. */
static void recount_part(struct world *w, const struct op *op, layer_id to, int by)
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
static void reroute(struct world *w, struct op *op, layer_id by, const struct taken *k)
{
    if (op->settled)
        return;
    if (op->cancels && !op->cancels->settled)
        settle(w, op->cancels);
    recount_part(w, op, op->item.to, -1);
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
        recount_part(w, part, part->item.to, 1);
        op_sized(part);
        desk_post(w, part);
    }
    forget_order(w, op);
    settle(w, op);
}

bool takeover_reroutes(struct world *w, struct op *op)
{
    const struct taken *k = taken_of(w, op->item.to);
    const struct takeover *t = w->takeover;
    bool own = op->kind == NOTE_WANT && op->other == op->item.to;
    if (!k || own || op->item.from == op->item.to || !t->layers[op->item.from].of[k->dead].gone)
        return false;
    reroute(w, op, op->item.from, k);
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
static void reroute_mail(struct world *w, layer_id from, layer_id by, const struct taken *k)
{
    struct gathered g = {.world = w};
    vec_init(&g.items, sizeof(struct op *));
    mail_each(w, from, k->dead, gather, &g);
    for (size_t i = 0; i < g.items.len; i++) {
        struct op *op = *(struct op **)vec_at(&g.items, i);
        if (op->kind != NOTE_WANT || op->other != k->dead)
            reroute(w, op, by, k);
    }
    release(&g);
}

static bool is_part(const struct op *op)
{
    return op->succession && (op->kind == OP_IMPORT || op->kind == OP_INHERIT);
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
            if (!is_part(op))
                mail_readdress(w, &op->item, heir);
        }
        release(&g);
    }
    /* To itself: of its own chain, or not handed out. Payments alone are final. */
    reroute_mail(w, k->dead, heir, k);
    struct vec *inbox = &w->desk->layers[k->dead].inbox;
    for (size_t i = 0; i < inbox->len; i++) {
        struct op *op = *(struct op **)vec_at(inbox, i);
        if (op->item.from == k->dead)
            reroute(w, op, heir, k);
    }
    for (layer_id i = 0; i < w->layer_count; i++) /* who was lost before has its parts to send */
        if (i != k->dead && takeover_retired(w, i))
            reroute_mail(w, i, i, k);
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
        settle(w, c->running);
    if (c->backing_out)
        settle(w, c->backing_out);
    desk_backed_out(w, c);
}

/* Each change may end any of them: from the start again until there is none left to do. */
static void begin_anew(struct world *w, layer_id at, const struct taken *k)
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
static void carry_on(struct world *w, layer_id heir, struct taken *k)
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
    const struct succession *s = &d->placement.successions[index_of(w, k)];
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
    const struct block *last =
        ((struct committed *)vec_at(&c->committed, c->committed.len - 1))->block;
    k->silent = last->track->committed;
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
            want(w, old, k->dead, by);
    }
}

/* Who goes on. */
static layer_id first_heir(const struct world *w, const struct taken *k)
{
    layer_id heir = k->heirs[0];
    while (takeover_retired(w, heir))
        heir = taken_of(w, heir)->heirs[0];
    return heir;
}

static void adopt(struct world *w, layer_id at, const struct op *op)
{
    struct taken *k = taken_of(w, op->other);
    struct outlook *o = &w->takeover->layers[at];
    if (o->of[k->dead].gone)
        return;
    o->of[k->dead].gone = true;
    o->gone++;
    if (o->proposed == k->dead)
        o->proposed = LAYER_NONE;
    if (o->told[k->dead])
        mail_done(w, (struct mail_item *)o->told[k->dead]);
    reroute_mail(w, at, at, k);
    begin_anew(w, at, k);
    if (at == k->heirs[0])
        want_for(w, k, at);
    for (uint32_t i = 0; i < w->takeover->count; i++) /* also of one whose heir was lost at once */
        if (w->takeover->taken[i].seat == LAYER_NONE && first_heir(w, &w->takeover->taken[i]) == at)
            carry_on(w, at, &w->takeover->taken[i]);
    if (is_heir(k, at))
        want(w, k, at, at);
}

bool takeover_hears(struct world *w, struct op *op)
{
    if (op->kind == NOTE_WANT) {
        mail_ref(&op->item);
        settle(w, op);
        answer_want(w, op);
        op_unref(op);
        return true;
    }
    const struct taken *k = taken_of(w, op->item.to);
    if (!k || op->item.from != k->dead || op->kind >= NOTE_HELD)
        return k != NULL;
    /* To itself, of its last final block: the first heir finds it, now or in the inbox. */
    if (k->seat == LAYER_NONE)
        return false;
    mail_ref(&op->item);
    reroute(w, op, k->seat, k);
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
    w->desk->directory.open &= ~(UINT64_C(1) << index_of(w, k));
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
        if (!is_part(op))
            continue;
        struct taken *k = &t->taken[op->succession - 1];
        recount_part(w, op, l->id, -1);
        if (op->kind == OP_INHERIT) {
            land(w, l->id);
            t->layers[l->id].heeded |= UINT64_C(1) << index_of(w, k);
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
