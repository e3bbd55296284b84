/* Ops into blocks: which of those that a proposer knows its block takes, in which order, and what
 * they run. */
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <string.h>

enum { OPS_BYTES_MAX = 4 << 20 }; /* of a block's ops */

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
