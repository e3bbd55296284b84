/* Ops out of committed blocks: what follows from each. */
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <string.h>

static void settle_lock(struct world *w, struct layer *l, struct op *op, enum op_outcome outcome,
                        const struct execution_result *r)
{
    struct evm_changes values;
    if (outcome != OP_DONE) {
        desk_note(w, NOTE_REFUSED, l->id, op->crossing, outcome, NULL);
        return;
    }
    /* The party's slots are those that were asked for. */
    struct desk_crossing *c = desk_current(w, op->crossing);
    const struct crossing_party *p = c ? desk_party_asked(c, l->id) : NULL;
    if (!p) /* RELEASE is on its way, or on it */
        return;
    if (desk_read_values(w, r->state, &p->values, &values))
        desk_note(w, NOTE_HELD, l->id, op->crossing, OP_DONE, &values);
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
        a->ordered = false;
        if (outcome == OP_DONE) { /* else it may have left before, and not be there yet */
            a->moving = true;
            a->from = l->id;
            a->home = takeover_home(w, op->other, &a->addr);
            a->moves++;
        } else if (!op->crossing) {
            d->moves_refused++;
        }
    }
    if (outcome != OP_DONE) {
        if (op->crossing)
            desk_note(w, NOTE_REFUSED, l->id, op->crossing, outcome, NULL);
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
        desk_release(w, l->id, l->id, op->crossing);
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
    uint32_t i = tx->position;
    if (i >= b->tx_count || b->txs[i] != tx)
        return false;
    /* Receipts are in order, one for each that took effect: at its own place, or before. */
    for (uint32_t k = i < r->receipt_count ? i + 1 : r->receipt_count; k-- > 0;)
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
    for (uint32_t i = 0; b->op_count && i < b->tx_count; i++)
        if (b->txs[i]->phase != TX_COMMITTED)
            b->txs[i]->position = i;
    for (uint32_t i = 0; i < b->op_count; i++) {
        struct op *op = b->ops[i];
        enum op_outcome outcome = (enum op_outcome)r->ops.outcomes[i];
        desk_op_ends(w, op->origin ? op->origin : op);
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
            desk_op_ends(w, op->cancels);
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
