/* Ops and notes: as they come to a layer, into its blocks, and what follows once these are
 * committed. */
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <string.h>

enum { OPS_BYTES_MAX = 4 << 20 }; /* of a block's ops */

void desk_post(struct world *w, struct op *op)
{
    if (w->takeover && takeover_reroutes(w, op)) {
        op_unref(op);
        return;
    }
    op->serial = w->desk->serial++;
    op->item.hear = desk_hear;
    if (w->verify)
        verify_posted(w, op);
    mail_post(w, &op->item, NODE_NONE);
    op_unref(op);
}

static void settle(struct world *w, struct op *op)
{
    op->settled = true;
    mail_done(w, &op->item);
}

/* ---- notes ---- */

static struct crossing_party *party_asked(struct desk_crossing *c, layer_id layer)
{
    for (uint32_t i = 0; i < c->pub.party_count; i++)
        if (c->pub.parties[i].layer == layer && c->pub.parties[i].phase == PARTY_ASKED)
            return &c->pub.parties[i];
    return NULL;
}

/* Tells the crossing's layer. values: taken over, may be NULL. */
static void note(struct world *w, enum op_kind kind, layer_id from, uint64_t hold,
                 enum op_outcome outcome, struct evm_changes *values)
{
    struct desk_crossing *c = desk_find(w, hold);
    struct op *op = op_create(kind, from, c ? c->pub.at : from, hold);
    if (!op) {
        if (values)
            evm_changes_fini(values);
        world_out_of_memory(w);
        return;
    }
    op->outcome = (uint8_t)outcome;
    if (values)
        op->values = *values;
    op_sized(op);
    if (c && c->pub.at != from)
        c->pub.bytes += op->item.size;
    desk_post(w, op);
}

static void release_now(struct world *w, layer_id from, layer_id to, uint64_t hold)
{
    struct op *op = op_create(OP_RELEASE, from, to, hold);
    if (!op) {
        world_out_of_memory(w);
        return;
    }
    op_sized(op);
    desk_post(w, op);
}

static const char *why(enum op_outcome outcome)
{
    return outcome == OP_REFUSED_GONE     ? "gone"
           : outcome == OP_REFUSED_LOCKED ? "locked"
                                          : "changed";
}

/* A party's answer has come to the crossing's layer. `from`: the party. */
static void hear_note(struct world *w, struct op *op)
{
    struct desk_crossing *c = desk_current(w, op->crossing);
    bool waits = c && c->pub.phase == CROSSING_GATHERS && !c->backing_out;
    void *state;
    if (op->kind == NOTE_SENT) {
        if (waits)
            desk_protocol(w, c, &state)->came(state, &c->pub);
        return;
    }
    layer_id from = op->kind == NOTE_HELD && op->other != LAYER_NONE ? op->other : op->item.from;
    struct crossing_party *p = waits ? party_asked(c, from) : NULL;
    if (!p) /* what it asked for was taken back; RELEASE is on its way */
        return;
    const struct crosslayer_ops *protocol = desk_protocol(w, c, &state);
    if (op->kind == NOTE_REFUSED) {
        p->phase = PARTY_IDLE;
        protocol->refused(state, &c->pub, p, why((enum op_outcome)op->outcome));
        return;
    }
    evm_changes_fini(&p->values);
    if (evm_changes_copy(&p->values, &op->values) != EVM_OK) {
        world_out_of_memory(w);
        return;
    }
    p->phase = op->kind == NOTE_SEEN ? PARTY_IDLE : PARTY_HELD;
    if (op->kind == NOTE_SEEN)
        protocol->read(state, &c->pub, p);
    else
        protocol->held(state, &c->pub, p);
}

/* What the accounts and slots of `like` hold now in a state. */
static bool read_values(const struct world *w, const struct evm_state *s,
                        const struct evm_changes *like, struct evm_changes *out)
{
    evm_changes_init(out);
    if (evm_changes_copy(out, like) != EVM_OK)
        return false;
    for (uint32_t i = 0; i < out->account_count; i++) {
        struct evm_account_change *a = &out->accounts[i];
        struct evm_account have;
        evm_state_account(s, &a->addr, &have);
        a->wrote =
            have.exists ? EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE : EVM_WROTE_DELETED;
        a->balance = have.balance;
        a->nonce = have.nonce;
        a->code = have.exists ? evm_codes_find(w->codes, &have.code_hash) : NULL;
        for (uint32_t k = 0; k < a->slot_count; k++)
            evm_state_slot(s, &a->addr, &out->slots[a->first_slot + k].key,
                           &out->slots[a->first_slot + k].value);
    }
    return true;
}

static void answer_look(struct world *w, const struct op *op)
{
    struct evm_changes values;
    if (read_values(w, desk_state(w, op->item.to), &op->values, &values))
        note(w, NOTE_SEEN, op->item.to, op->crossing, OP_DONE, &values);
    else
        world_out_of_memory(w);
}

/* ---- an item has come to its layer ---- */

/* An op that is taken back before any block has it never stands in one. */
static void take_back(struct op *op)
{
    struct op *other = op->cancels;
    if (!other || other->settled || other->kind == OP_EXECUTE)
        return;
    other->withdrawn = true;
}

void desk_hear(struct world *w, struct mail_item *item, node_id node)
{
    struct op *op = op_of(item);
    (void)node;
    if (takeover_hears(w, op))
        return;
    if (op->kind < NOTE_HELD) {
        if (op->kind == OP_RELEASE)
            take_back(op);
        if (vec_push(&w->desk->layers[item->to].inbox, &op) != ERR_OK)
            world_out_of_memory(w);
        else
            mail_ref(item);
        return;
    }
    mail_ref(item);
    settle(w, op);
    if (op->kind == NOTE_LOOK)
        answer_look(w, op);
    else
        hear_note(w, op);
    mail_unref(item);
}

/* ---- into a block ---- */

struct filling {
    struct world *world;
    struct layer *layer;
    node_id node;
    struct block *block;
    struct holdings_draft draft;
    struct fees_choice *choice;
    struct holdings *held;             /* the block before left it; borrowed */
    struct block *before;              /* that block; borrowed */
    struct holdings *during;           /* with the ops that come before transactions; a reference */
    struct evm_state *state;           /* the block before left it; borrowed */
    struct vec charges;                /* struct charge */
    struct vec kept;                   /* struct op *: borrowed; exports that waited for a lock */
    uint64_t mark, *gas, bytes, taken; /* taken: gas, by ops */
    struct vec ops;                    /* struct op *: borrowed */
    struct vec runs;                   /* struct tx *: borrowed; that they run, in their order */
    bool partly;                       /* some op runs a part of its own */
};

/* What stands in blocks that are not committed yet, or would be undone by one of them. */
static void mark_below(struct filling *f, const struct block *parent)
{
    const struct chain *c = f->layer->chain;
    for (const struct block *p = parent; p && p->height >= c->settled; p = p->parent)
        for (uint32_t i = 0; p->layer == f->layer->id && i < p->op_count; i++) {
            struct op *op = p->ops[i];
            (op->origin ? op->origin : op)->mark = f->mark;
            if (op->cancels)
                op->cancels->mark = f->mark;
        }
}

static bool known(const struct filling *f, const struct op *op)
{
    return !op->settled && op->mark != f->mark && mail_heard(f->world, &op->item, f->node) &&
           (!op->succession || takeover_lets(f->world, op));
}

static bool add(struct filling *f, struct op *op)
{
    op->mark = f->mark;
    f->taken += op->gas;
    f->bytes += op->item.size;
    return vec_push(&f->ops, &op) == ERR_OK;
}

/* What payers give in this block. */
struct charge {
    struct evm_addr payer;
    struct evm_u256 left;
};

/* Whether the payer has too little now, and there is time to wait. */
static bool payer_short(struct filling *f, const struct op *op)
{
    struct charge *c = NULL;
    struct evm_u256 left;
    for (size_t i = 0; i < f->charges.len && !c; i++) {
        struct charge *at = vec_at(&f->charges, i);
        c = evm_addr_eq(&at->payer, &op->payer) ? at : NULL;
    }
    if (!c) {
        struct charge fresh = {.payer = op->payer};
        struct evm_account have;
        evm_state_account(f->state, &op->payer, &have);
        fresh.left = have.balance;
        if (vec_push(&f->charges, &fresh) != ERR_OK) {
            world_out_of_memory(f->world);
            return true;
        }
        c = vec_at(&f->charges, f->charges.len - 1);
    }
    if (evm_u256_sub(&left, &c->left, &op->values.accounts[0].balance))
        return sim_now(f->world->sim) < op->until;
    c->left = left;
    return false;
}

/* Whether this block can hold it: it can pay, and what it touches is here, or brought, and held by
 * nobody else. */
static bool can_run(const struct filling *f, const struct op *op, const struct tx *tx)
{
    /* More than the base fee was asked before it began to hold accounts. */
    if (tx->phase != TX_PENDING || evm_u256_lt(&tx->evm.max_fee, &f->block->fees.base_fee))
        return false;
    for (uint32_t i = 0; i < tx->touched_count; i++) {
        const struct evm_addr *addr =
            &directory_at(&f->world->desk->directory, tx->touched[i])->addr;
        uint64_t holder = holdings_lock(&f->draft.now, addr);
        bool here = holdings_has(&f->draft.now, addr);
        bool lent = evm_changes_find(&op->values, addr, NULL) != NULL;
        if (here ? (lent && !op->blind) || (holder && holder != op->crossing) : !lent)
            return false; /* lent and here: blindly, it has come meanwhile, and is paid here */
    }
    return true;
}

/* Whether some of its transactions can run, and there is room for them; takes them. */
static bool may_run(struct filling *f, const struct op *op)
{
    uint64_t gas = 0;
    size_t first = f->runs.len;
    for (uint32_t t = 0; t < op->tx_count; t++)
        if (can_run(f, op, op->txs[t]) && (!f->choice->room || fees_takes(f->choice, op->txs[t]))) {
            gas += op->txs[t]->evm.gas_limit;
            if (vec_push(&f->runs, &op->txs[t]) != ERR_OK)
                world_out_of_memory(f->world);
        }
    size_t count = f->runs.len - first;
    if (!count || gas > *f->gas) {
        f->runs.len = first;
        return false;
    }
    *f->gas -= gas;
    f->partly |= count < op->tx_count;
    return true;
}

/* When an op has its turn: what frees and brings; what may wait for that; what takes at once; what
 * runs; what takes at the end. */
enum turn { TURN_FREE, TURN_COME, TURN_TAKE, TURN_RUN, TURN_LAST, TURNS };

static enum turn turn_of(const struct op *op)
{
    if (op_is_last(op))
        return TURN_LAST;
    return op->kind == OP_EXECUTE                          ? TURN_RUN
           : op->kind == OP_LOCK || op->kind == OP_EXPORT  ? TURN_TAKE
           : op->kind == OP_CREDIT || op->kind == OP_SHARE ? TURN_COME
                                                           : TURN_FREE;
}

/* Whether an account that the lock wants is to leave, by an export that came before it: where
 * crossings queue for the account it would never go. */
static bool comes_after(const struct filling *f, const struct op *lock)
{
    for (size_t i = 0; i < f->kept.len; i++) {
        const struct op *op = *(struct op **)vec_at(&f->kept, i);
        for (uint32_t k = 0; op->serial < lock->serial && k < op->account_count; k++)
            for (uint32_t n = 0; n < lock->account_count; n++)
                if (evm_addr_eq(&op->accounts[k], &lock->accounts[n]))
                    return true;
    }
    return false;
}

/* It stays out of this block. */
static bool keep(struct filling *f, struct op *op)
{
    return op->kind != OP_EXPORT || vec_push(&f->kept, &op) == ERR_OK;
}

/* Whether a crossing that ran in the block before held the account until its end. */
static bool held_before(const struct filling *f, const struct evm_addr *addr)
{
    struct block *older = chain_before(f->world, f->before);
    struct holdings *then = older && older->execution ? execution_holdings(older->execution) : NULL;
    uint64_t holder = then ? holdings_lock(then, addr) : 0;
    for (uint32_t i = 0; holder && i < f->before->op_count; i++)
        if (f->before->ops[i]->kind == OP_EXECUTE && f->before->ops[i]->crossing == holder)
            return true;
    return false;
}

/* What a crossing has just let go of is the layer's own users' for this block: an op that takes it
 * before they run would leave them nothing for ever, where crossings queue for it. */
static bool has_turn_yet(const struct filling *f, const struct op *op)
{
    for (uint32_t i = 0; i < op->account_count; i++) {
        const struct evm_addr *addr = &op->accounts[i];
        bool locked = holdings_lock(&f->draft.now, addr) != 0;
        if (!locked && (holdings_lock(f->held, addr) || held_before(f, addr)))
            return false;
    }
    return true;
}

/* An op that its proposer knows: in, or not now. False when memory is out. */
static bool consider(struct filling *f, struct op *op)
{
    enum turn turn = turn_of(op);
    /* What runs blindly holds nothing: the pool has it, in its sender's order. */
    if (op->withdrawn || (turn == TURN_RUN && (op->blind || !may_run(f, op))))
        return true;
    if (turn <= TURN_COME && ((f->taken && f->taken + op->gas > f->block->fees.gas_limit) ||
                              (op->has_payer && payer_short(f, op))))
        return true;
    if (turn == TURN_TAKE && !has_turn_yet(f, op))
        return keep(f, op);
    if (turn == TURN_LAST && op->waits && comes_after(f, op))
        return true;
    bool waits = turn <= TURN_COME || op->waits;
    if (turn > TURN_COME && op->waits && op->crossing && sim_now(f->world->sim) > op->until)
        return true;
    if (op_try(&f->draft, op) == OP_REFUSED_LOCKED && waits)
        return keep(f, op);
    if (op->cancels) /* not in this block any more */
        op->cancels->mark = f->mark;
    return add(f, op);
}

/* What holds while the block's transactions run is kept; then what ran is free. */
static bool begin_last(struct filling *f)
{
    f->during = holdings_end(&f->draft, f->held);
    if (!f->during)
        return false;
    holdings_begin(&f->draft, f->during);
    for (size_t i = 0; i < f->ops.len; i++) {
        const struct op *op = *(struct op **)vec_at(&f->ops, i);
        if (op->kind == OP_EXECUTE)
            holdings_free(&f->draft, op->crossing);
    }
    return true;
}

static bool collect(struct filling *f)
{
    const struct vec *inbox = &f->world->desk->layers[f->layer->id].inbox;
    for (int turn = 0; turn < TURNS; turn++) {
        if (turn == TURN_LAST && !begin_last(f))
            return false;
        for (size_t i = 0; i < inbox->len && f->bytes < OPS_BYTES_MAX; i++) {
            struct op *op = *(struct op **)vec_at(inbox, i);
            if ((int)turn_of(op) == turn && known(f, op) && !consider(f, op))
                return false;
        }
    }
    return !f->draft.failed;
}

static bool put_in(struct filling *f)
{
    struct block *b = f->block;
    if (!f->ops.len)
        return true;
    b->ops = mem_alloc(f->ops.len, sizeof(struct op *));
    b->txs = mem_alloc(f->runs.len, sizeof(struct tx *));
    if (!b->ops || !b->txs)
        return false;
    for (size_t i = 0; i < f->ops.len; i++) {
        struct op *op = *(struct op **)vec_at(&f->ops, i);
        mail_ref(&op->item);
        b->ops[b->op_count++] = op;
    }
    for (size_t i = 0; i < f->runs.len; i++)
        b->txs[b->tx_count++] = tx_ref(*(struct tx **)vec_at(&f->runs, i));
    return !f->partly || desk_refill_ops(f->world, b);
}

struct holdings *desk_fill(struct world *w, struct layer *l, node_id node, struct block *b,
                           struct block *parent, struct fees_choice *choice, uint64_t *gas)
{
    struct block *before = chain_latest(l, parent);
    struct holdings *held = before->execution ? execution_holdings(before->execution) : NULL;
    CHECK(held, "layer %u builds on a block that was not executed", l->id);
    if (!w->desk->layers[l->id].inbox.len)
        return holdings_ref(held);
    struct filling f = {.world = w,
                        .layer = l,
                        .node = node,
                        .block = b,
                        .held = held,
                        .choice = choice,
                        .before = before,
                        .gas = gas};
    f.mark = w->desk->serial++;
    f.state = execution_wait(before->execution)->state;
    vec_init(&f.ops, sizeof(struct op *));
    vec_init(&f.runs, sizeof(struct tx *));
    vec_init(&f.charges, sizeof(struct charge));
    vec_init(&f.kept, sizeof(struct op *));
    holdings_begin(&f.draft, held);
    mark_below(&f, parent);
    bool ok = collect(&f) && put_in(&f);
    holdings_drop(&f.draft);
    vec_fini(&f.ops);
    vec_fini(&f.runs);
    vec_fini(&f.charges);
    vec_fini(&f.kept);
    if (ok)
        return f.during;
    holdings_unref(f.during);
    return NULL;
}

bool desk_picked(struct block *b, const struct tx *tx)
{
    struct op *op = tx->crossing ? ((struct desk_crossing *)tx->crossing)->running : NULL;
    if (!op)
        return true;
    struct op **ops = mem_resize(b->ops, b->op_count + 1, sizeof(struct op *));
    if (!ops)
        return false;
    b->ops = ops;
    mail_ref(&op->item);
    b->ops[b->op_count++] = op;
    return true;
}

/* The same op with those of its transactions that b holds, from index *at on. */
static struct op *part_of(struct op *op, const struct block *b, uint32_t *at)
{
    struct op *part = op_create(OP_EXECUTE, op->item.from, op->item.to, op->crossing);
    if (!part)
        return NULL;
    part->txs = mem_alloc(op->tx_count, sizeof *part->txs);
    if (!part->txs || evm_changes_copy(&part->values, &op->values) != EVM_OK) {
        op_unref(part);
        return NULL;
    }
    for (uint32_t t = 0; t < op->tx_count; t++) {
        uint32_t i = *at; /* between them stand those that no op runs */
        while (i < b->tx_count && b->txs[i] != op->txs[t])
            i++;
        if (i == b->tx_count)
            continue;
        part->txs[part->tx_count++] = tx_ref(op->txs[t]);
        *at = i + 1;
    }
    part->blind = op->blind;
    part->serial = op->serial;
    part->item.size = op->item.size;
    part->origin = op->origin ? op->origin : op;
    mail_ref(&part->origin->item);
    return part;
}

/* None of its transactions could run: the crossing begins again. */
static void nothing_ran(struct world *w, const struct op *op)
{
    struct desk_crossing *c = desk_current(w, op->crossing);
    if (c && c->running && !c->backing_out && c->pub.tx_count > 1)
        desk_back_out(w, c, false, 0);
}

bool desk_refill_ops(struct world *w, struct block *b)
{
    uint32_t at = 0, kept = 0;
    for (uint32_t i = 0; i < b->op_count; i++) {
        struct op *op = b->ops[i];
        if (op->kind != OP_EXECUTE) {
            b->ops[kept++] = op;
            continue;
        }
        struct op *part = part_of(op, b, &at);
        if (!part)
            return false;
        if (part->tx_count == op->tx_count) {
            op_unref(part);
            b->ops[kept++] = op;
            continue;
        }
        if (part->tx_count) {
            b->ops[kept++] = part;
        } else {
            op_unref(part);
            nothing_ran(w, op->origin ? op->origin : op);
        }
        op_unref(op);
    }
    b->op_count = kept;
    return true;
}

/* ---- out of a committed block ---- */

static void settle_lock(struct world *w, struct layer *l, struct op *op, enum op_outcome outcome,
                        const struct execution_result *r)
{
    struct evm_changes values;
    if (outcome != OP_DONE) {
        note(w, NOTE_REFUSED, l->id, op->crossing, outcome, NULL);
        return;
    }
    /* The party's slots are those that were asked for. */
    struct desk_crossing *c = desk_current(w, op->crossing);
    const struct crossing_party *p = c ? party_asked(c, l->id) : NULL;
    if (!p) /* RELEASE is on its way, or on it */
        return;
    if (read_values(w, r->state, &p->values, &values))
        note(w, NOTE_HELD, l->id, op->crossing, OP_DONE, &values);
    else
        world_out_of_memory(w);
}

static account_id number_of(struct world *w, const struct evm_addr *addr)
{
    account_id n = directory_number(&w->desk->directory, addr);
    if (n == ACCOUNT_NONE)
        world_out_of_memory(w);
    return n;
}

static void settle_export(struct world *w, struct layer *l, struct op *op, enum op_outcome outcome,
                          struct evm_changes *out)
{
    struct desk *d = w->desk;
    for (uint32_t i = 0; i < op->account_count; i++) {
        account_id n = number_of(w, &op->accounts[i]);
        struct directory_account *a = n == ACCOUNT_NONE ? NULL : directory_at(&d->directory, n);
        if (!a)
            return;
        book_left(w, n, l->id, op, outcome);
        a->moving = outcome == OP_DONE;
        a->ordered = false;
        if (outcome == OP_DONE) {
            a->from = l->id;
            a->home = takeover_home(w, op->other, &a->addr);
            a->moves++;
        } else if (!op->crossing) {
            d->moves_refused++;
        }
    }
    if (outcome != OP_DONE) {
        if (op->crossing)
            note(w, NOTE_REFUSED, l->id, op->crossing, outcome, NULL);
        return;
    }
    struct op *in = op_create(OP_IMPORT, l->id, op->other, op->crossing);
    if (!in) {
        world_out_of_memory(w);
        return;
    }
    in->values = *out;
    evm_changes_init(out);
    in->other = l->id;
    op_sized(in);
    d->state_bytes += in->item.size;
    desk_post(w, in);
}

static void settle_import(struct world *w, struct layer *l, struct op *op)
{
    struct desk *d = w->desk;
    struct desk_crossing *c = desk_current(w, op->crossing);
    for (uint32_t i = 0; i < op->values.account_count; i++) {
        account_id n = number_of(w, &op->values.accounts[i].addr);
        if (n == ACCOUNT_NONE)
            return;
        struct directory_account *a = directory_at(&d->directory, n);
        a->home = a->from = l->id;
        a->moving = false;
        a->orphan = false;
        if (vec_push(&d->landed, &n) != ERR_OK)
            world_out_of_memory(w);
        if (op->succession)
            continue;
        d->moves_done++;
        book_came(w, n, l->id, op->item.size / op->values.account_count);
    }
    if (!op->crossing || op->inherited)
        return;
    if (!c || c->pub.phase != CROSSING_GATHERS || c->backing_out || c->pub.at != l->id) {
        release_now(w, l->id, l->id, op->crossing);
        return;
    }
    struct op *told = op_create(NOTE_HELD, l->id, l->id, op->crossing);
    if (!told) {
        world_out_of_memory(w);
        return;
    }
    told->other = op->other; /* the party that it came from */
    op_sized(told);
    desk_post(w, told);
}

static void settle_share(struct world *w, struct layer *l, struct op *op, enum op_outcome outcome)
{
    struct desk *d = w->desk;
    for (uint32_t i = 0; i < op->account_count; i++) {
        account_id n = number_of(w, &op->accounts[i]);
        if (n == ACCOUNT_NONE)
            return;
        struct directory_account *a = directory_at(&d->directory, n);
        if (outcome != OP_DONE) {
            a->ordered = false;
            d->moves_refused++;
            continue;
        }
        if (a->shares == w->layer_count && l->id == op->other) {
            a->moving = true;
            desk_share_on(w, n);
        }
        if (a->shares && --a->shares == 0) {
            a->ordered = a->moving = false;
            a->home = LAYER_ALL; /* and `from` executes what it sends */
            d->moves_done++;
            book_came(w, n, LAYER_ALL, (uint64_t)op->item.size * w->layer_count);
            if (vec_push(&d->landed, &n) != ERR_OK)
                world_out_of_memory(w);
        }
    }
}

/* A payment of `amount` to `to`, as `like` has it but for these; NULL: memory is out. */
static struct op *credit(struct world *w, layer_id from, layer_id at, const struct evm_addr *to,
                         const struct evm_u256 *amount, uint64_t hold, uint32_t gas)
{
    struct op *op = op_create(OP_CREDIT, from, at, hold);
    if (!op || evm_changes_reserve(&op->values, 1, 0) != EVM_OK) {
        op_unref(op);
        world_out_of_memory(w);
        return NULL;
    }
    op->values.accounts[op->values.account_count++] =
        (struct evm_account_change){.addr = *to, .wrote = EVM_WROTE_BALANCE, .balance = *amount};
    op->gas = gas;
    return op;
}

static layer_id where_is(struct world *w, const struct evm_addr *addr, layer_id here)
{
    account_id n = number_of(w, addr);
    layer_id home = n == ACCOUNT_NONE ? here : directory_at(&w->desk->directory, n)->home;
    return home == LAYER_ALL ? here : home;
}

static void settle_credit(struct world *w, struct layer *l, const struct op *op,
                          enum op_outcome outcome)
{
    const struct evm_account_change *paid = &op->values.accounts[0];
    struct op *more = NULL;
    if (outcome == OP_DONE) { /* what was kept for who paid here is there for it now */
        if (op->has_payer && op->kept)
            more = credit(w, l->id, op->other, &op->payer, &paid->balance, op->crossing, op->gas);
    } else if (outcome == OP_REFUSED_GONE || outcome == OP_REFUSED_LOCKED) {
        more = credit(w, l->id, where_is(w, &paid->addr, l->id), &paid->addr, &paid->balance,
                      op->crossing, op->gas);
        if (more) {
            more->has_payer = op->has_payer;
            more->kept = op->kept;
            more->payer = op->payer;
            more->other = op->other;
            more->until = op->until;
            more->since = op->since;
        }
    }
    if (w->verify && outcome == OP_DONE && op_moves_pieces(op))
        verify_pieces(w, op);
    w->desk->unbrokered += outcome == OP_DONE_SHORT;
    if (op->since >= 0 && (outcome == OP_DONE || outcome == OP_DONE_SHORT))
        book_paid(w, op->since);
    if (more) {
        op_sized(more);
        desk_post(w, more);
    }
}

/* ---- a crossing has run ---- */

static bool took(const struct block *b, const struct execution_result *r, const struct tx *tx,
                 bool *success, uint64_t *gas)
{
    uint32_t i = 0;
    while (i < b->tx_count && b->txs[i] != tx)
        i++;
    for (uint32_t k = 0; k < r->receipt_count; k++)
        if (r->receipts[k].tx_index == i) {
            *success = r->receipts[k].success;
            *gas = r->receipts[k].gas_used;
            return true;
        }
    return false;
}

/* Of the transactions that ran, those whose senders' accounts go home with op. */
static bool name_senders(struct op *op, const struct op *ran)
{
    op->txs = mem_alloc(ran->tx_count, sizeof *op->txs);
    for (uint32_t i = 0; op->txs && i < ran->tx_count; i++)
        if (evm_changes_find(&op->values, &ran->txs[i]->evm.sender, NULL))
            op->txs[op->tx_count++] = tx_ref(ran->txs[i]);
    return op->txs != NULL;
}

/* What its accounts became goes back to the party; nothing, where they are as they were. */
static void send_home(struct world *w, struct desk_crossing *c, const struct crossing_party *p,
                      const struct op *ran, const struct evm_changes *away)
{
    struct op *op = op_create(OP_APPLY, c->pub.at, p->layer, desk_hold(c));
    bool ok = op != NULL;
    for (uint32_t i = 0; ok && i < p->count; i++) {
        const struct evm_account_change *a = evm_changes_find(away, &p->accounts[i], NULL);
        if (!a)
            continue;
        ok = evm_changes_reserve(&op->values, 1, a->slot_count) == EVM_OK;
        if (!ok)
            break;
        struct evm_account_change copy = *a;
        copy.first_slot = op->values.slot_count;
        if (a->slot_count)
            memcpy(op->values.slots + copy.first_slot, away->slots + a->first_slot,
                   a->slot_count * sizeof *away->slots);
        op->values.slot_count += a->slot_count;
        op->values.accounts[op->values.account_count++] = copy;
    }
    if (ok && !name_senders(op, ran))
        ok = false;
    if (!ok) {
        op_unref(op);
        world_out_of_memory(w);
        return;
    }
    if (!op->values.account_count)
        op->kind = OP_RELEASE;
    op_sized(op);
    c->pub.bytes += op->item.size;
    desk_post(w, op);
}

/* The broker's share of what the proposer got for the transaction. */
static void share_tip(struct world *w, struct layer *l, const struct desk_crossing *c,
                      const struct block *b, const struct evm_tx *tx, uint64_t gas)
{
    struct evm_u256 tip, units = evm_u256_of(gas), parts = evm_u256_of(1000000), share;
    share = evm_u256_of((uint64_t)(c->pub.broker_share * 1e6 + 0.5));
    fees_tip_of(&b->fees, tx, &tip);
    evm_u256_mul(&tip, &tip, &units);
    evm_u256_mul(&tip, &tip, &share);
    evm_u256_div(&tip, &tip, &parts);
    if (evm_u256_is_zero(&tip))
        return;
    struct op *op = credit(w, l->id, l->id, c->pub.broker, &tip, desk_hold(c), c->pub.credit_gas);
    if (!op)
        return;
    op->has_payer = true;
    op->payer = b->env.coinbase;
    op_sized(op);
    desk_post(w, op);
}

static void pay_out(struct world *w, struct layer *l, struct desk_crossing *c, const struct op *op,
                    const struct block *b, const struct execution_result *r)
{
    for (uint32_t t = 0; t < op->tx_count; t++) {
        const struct evm_tx *tx = &op->txs[t]->evm;
        uint64_t gas = 0;
        bool success = false;
        if (!took(b, r, op->txs[t], &success, &gas) || !success)
            continue;
        /* Who is paid has come to live here meanwhile, and has it; or gets it with what another
         * crossing of this block sends home. */
        if (!evm_u256_is_zero(&tx->value) &&
            (!evm_changes_find(&r->away, &tx->to, NULL) || ops_bring(b->ops, b->op_count, &tx->to)))
            continue;
        if (c->pub.broker && c->pub.broker_share > 0)
            share_tip(w, l, c, b, tx, gas);
        if (evm_u256_is_zero(&tx->value))
            continue;
        struct op *pays = credit(w, l->id, where_is(w, &tx->to, l->id), &tx->to, &tx->value,
                                 op->crossing, c->pub.credit_gas);
        if (!pays)
            return;
        pays->since = op->txs[t]->emitted;
        book_pays(w);
        if (c->pub.broker) {
            pays->has_payer = pays->kept = true;
            pays->payer = *c->pub.broker;
            pays->other = l->id;
            pays->until = sim_now(w->sim) + c->pub.broker_wait;
        }
        op_sized(pays);
        c->pub.bytes += pays->item.size;
        desk_post(w, pays);
    }
}

static void settle_run(struct world *w, struct layer *l, struct op *op, const struct block *b,
                       const struct execution_result *r)
{
    struct desk_crossing *c = desk_current(w, op->crossing);
    CHECK(c && c->pub.phase == CROSSING_RUNS, "crossing %llu ran twice, or was taken back",
          (unsigned long long)op->crossing);
    if (op->blind)
        pay_out(w, l, c, op, b, r);
    for (uint32_t i = 0; !op->blind && i < c->pub.party_count; i++) {
        const struct op *asked = c->parties[i].asked;
        bool came = asked && asked->kind == OP_EXPORT;
        if (c->pub.parties[i].layer != l->id && !came)
            send_home(w, c, &c->pub.parties[i], op, &r->away);
    }
    c->pub.phase = CROSSING_DONE;
    c->pub.done = sim_now(w->sim);
    c->proposed = b->created;
    w->desk->crossings_done++;
    w->desk->cross_txs += c->pub.tx_count;
    w->desk->cross_bytes += c->pub.bytes;
    void *state;
    const struct crosslayer_ops *protocol = desk_protocol(w, c, &state);
    if (protocol->done)
        protocol->done(state, &c->pub);
    if (op->origin && c->pub.tx_count > op->tx_count) /* the others try for themselves */
        desk_leave_behind(w, c, op);
    desk_close(w, c);
}

void desk_settle(struct world *w, struct layer *l, struct block *b,
                 const struct execution_result *r)
{
    w->desk->serial_settled++;
    for (uint32_t i = 0; i < b->op_count; i++) {
        struct op *op = b->ops[i];
        enum op_outcome outcome = (enum op_outcome)r->ops.outcomes[i];
        settle(w, op->origin ? op->origin : op);
        op->settled = true;
        w->desk->layers[l->id].ops[op->kind]++;
        w->desk->layers[l->id].refused += outcome != OP_DONE;
        book_op(w, l->id, op, outcome);
        switch ((enum op_kind)op->kind) {
        case OP_LOCK: settle_lock(w, l, op, outcome, r); break;
        case OP_EXPORT:
            settle_export(w, l, op, outcome, (struct evm_changes *)&r->ops.out[i]);
            break;
        case OP_IMPORT: settle_import(w, l, op); break;
        case OP_SHARE: settle_share(w, l, op, outcome); break;
        case OP_CREDIT: settle_credit(w, l, op, outcome); break;
        case OP_EXECUTE: settle_run(w, l, op, b, r); break;
        default: break;
        }
    }
}

/* Ops that are done with leave the inbox; a crossing that was taken back goes on. */
void desk_ops_settled(struct world *w, struct layer *l, struct block *b)
{
    struct vec *inbox = &w->desk->layers[l->id].inbox;
    struct op **all = inbox->data;
    size_t kept = 0;
    for (uint32_t i = 0; i < b->op_count; i++) {
        struct op *op = b->ops[i];
        if (op->kind != OP_RELEASE || !op->cancels)
            continue;
        if (!op->cancels->settled)
            settle(w, op->cancels);
        struct desk_crossing *c = desk_current(w, op->crossing);
        if (c && c->backing_out == op)
            desk_backed_out(w, c);
    }
    for (size_t i = 0; i < inbox->len; i++) {
        all = inbox->data;
        if (!all[i]->settled)
            all[kept++] = all[i];
        else
            op_unref(all[i]);
    }
    inbox->len = kept;
}
