/* What must hold of a partitioned network when all is quiet: value, locks, nothing left over. */
#ifndef TESTS_PROPERTY_CROSSING_RIG_H
#define TESTS_PROPERTY_CROSSING_RIG_H

#include "models/world/desk_internal.h"
#include "models/world/mail_internal.h"
#include "tests/property/world_fixture.h"

/* ---- value ---- */

struct sum {
    struct evm_u256 wei;
};

static inline void add_wei(struct evm_u256 *to, const struct evm_u256 *more)
{
    assert_false(evm_u256_add(to, to, more));
}

static inline void add_account(void *self, const struct evm_addr *addr,
                               const struct evm_account *acc)
{
    struct sum *s = self;
    (void)addr;
    add_wei(&s->wei, &acc->balance);
}

static inline void no_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                           const struct evm_u256 *value)
{
    (void)self, (void)addr, (void)key, (void)value;
}

static inline struct evm_u256 rig_held(const struct world *w)
{
    struct sum s = {0};
    for (layer_id i = 0; i < w->layer_count; i++)
        assert_int_equal(evm_state_each(desk_state(w, i), add_account, no_slot, &s), EVM_OK);
    return s.wei;
}

static inline struct evm_u256 rig_burnt(const struct world *w)
{
    struct evm_u256 sum = {{0}};
    for (layer_id i = 0; i < w->layer_count; i++)
        for (uint64_t h = 1; h < w->layers[i].chain->settled; h++) {
            struct block *b = fixture_block(&w->layers[i], h);
            assert_non_null(b); /* short runs: none has been let go */
            add_wei(&sum, &execution_wait(b->execution)->burnt);
        }
    return sum;
}

/* Ops that are in no committed block yet: what layers post to others waits in the mail, what they
 * post to themselves at the desk. */
struct rig_flight {
    const struct op *ops[4096];
    size_t count;
};

static inline void rig_add(struct rig_flight *f, const struct op *op)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->ops[i] == op)
            return;
    assert_true(f->count < sizeof f->ops / sizeof f->ops[0]);
    f->ops[f->count++] = op;
}

static inline void rig_gather(const struct world *w, struct rig_flight *f)
{
    f->count = 0;
    for (size_t i = 0; i < w->mail->boxes.len; i++) {
        struct mail_box *box = *(struct mail_box **)vec_at(&w->mail->boxes, i);
        struct mail_list lists[2] = {box->fresh, box->sent};
        for (int k = 0; k < 2 && box->holder == NODE_NONE; k++)
            for (struct mail_item *item = lists[k].first; item; item = item->next)
                if (item->hear == desk_hear)
                    rig_add(f, op_of(item));
    }
    for (layer_id i = 0; i < w->layer_count; i++)
        for (size_t k = 0; k < w->desk->layers[i].inbox.len; k++) {
            const struct op *op = *(struct op **)vec_at(&w->desk->layers[i].inbox, k);
            if (op->item.from == op->item.to && !op->settled)
                rig_add(f, op);
        }
}

/* What the account will hold at the op's layer when all imports have come. */
static inline void rig_before(const struct world *w, const struct rig_flight *f,
                              const struct op *op, const struct evm_addr *addr,
                              struct evm_u256 *sum)
{
    struct evm_account have;
    evm_state_account(desk_state(w, takeover_still(w, op)), addr, &have);
    add_wei(sum, &have.balance);
    for (size_t i = 0; i < f->count; i++) {
        const struct evm_account_change *a =
            f->ops[i]->kind == OP_IMPORT && f->ops[i]->item.to == op->item.to
                ? evm_changes_find(&f->ops[i]->values, addr, NULL)
                : NULL;
        if (a)
            add_wei(sum, &a->balance);
    }
}

/* What an op will add to its layer: an account on its way, or a payment for which the money is in
 * neither. Of OP_APPLY, the difference that it will make. */
static inline void add_op(const struct world *w, const struct rig_flight *f, const struct op *op,
                          struct evm_u256 *plus, struct evm_u256 *minus)
{
    for (uint32_t i = 0; i < op->values.account_count; i++) {
        const struct evm_account_change *a = &op->values.accounts[i];
        bool in_flight =
            op->kind == OP_IMPORT || (op->kind == OP_CREDIT && (!op->has_payer || op->kept));
        if (in_flight || (op->kind == OP_APPLY && a->wrote & EVM_WROTE_BALANCE))
            add_wei(plus, &a->balance);
        if (op->kind == OP_APPLY && a->wrote & EVM_WROTE_BALANCE)
            rig_before(w, f, op, &a->addr, minus);
    }
}

static inline void rig_in_flight(const struct world *w, struct evm_u256 *plus,
                                 struct evm_u256 *minus)
{
    static struct rig_flight f;
    *plus = *minus = (struct evm_u256){{0}};
    rig_gather(w, &f);
    for (size_t i = 0; i < f.count; i++)
        add_op(w, &f, f.ops[i], plus, minus);
}

static inline void rig_value_is_kept(const struct world *w, const struct evm_u256 *genesis)
{
    struct evm_u256 now = rig_held(w), burnt = rig_burnt(w), plus, minus;
    rig_in_flight(w, &plus, &minus);
    add_wei(&now, &burnt);
    add_wei(&now, &plus);
    assert_false(evm_u256_sub(&now, &now, &minus));
    if (!evm_u256_eq(&now, genesis))
        fail_msg("%.18g wei at first, %.18g now, %.6g of it in flight", wei_double(genesis),
                 wei_double(&now), wei_double(&plus));
}

/* ---- quiet ---- */

/* Each transaction is in one committed block, or it was dropped. */
static inline void rig_once(const struct world *w)
{
    uint8_t *seen = calloc(w->tx_count + 1, 1);
    for (layer_id i = 0; i < w->layer_count; i++)
        for (uint64_t h = 1; h < w->layers[i].chain->settled; h++) {
            const struct block *b = fixture_block(&w->layers[i], h);
            for (uint32_t k = 0; k < b->tx_count; k++) {
                if (seen[b->txs[k]->id]++)
                    fail_msg("transaction %u is committed twice", b->txs[k]->id);
                assert_int_equal(b->txs[k]->phase, TX_COMMITTED);
            }
        }
    free(seen);
}

static inline void rig_all_is_quiet(const struct world *w)
{
    const struct desk *d = w->desk;
    uint64_t open = 0;
    for (const struct desk_crossing *c = d->open; c; c = c->next, open++)
        print_message("crossing %llu at %u: phase %u, %u tries, %u parties, tx %u phase %u\n",
                      (unsigned long long)c->pub.id, c->pub.at, c->pub.phase, c->pub.tries,
                      c->pub.party_count, c->pub.txs[0]->id, c->pub.txs[0]->phase);
    for (const struct tx *tx = w->open_txs; tx; tx = tx->next)
        print_message("tx %u: layer %u entered %u pools %u touched %u crossing %p\n", tx->id,
                      tx->layer, tx->pool_layer, tx->pools, tx->touched_count,
                      (void *)tx->crossing);
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        if (takeover_retired(w, i))
            continue;
        struct block *last = fixture_block(l, l->chain->settled - 1);
        uint32_t locks = addr_table_count(execution_holdings(last->execution)->locks);
        struct addr_table *lt = execution_holdings(last->execution)->locks;
        struct evm_addr la;
        uint64_t hold;
        for (uint32_t n = 0; n < addr_table_room(lt); n++)
            if (addr_table_row(lt, n, &la, &hold))
                print_message("layer %u: account %u is held by crossing %llu, try %llu\n", i,
                              directory_number(&w->desk->directory, &la),
                              (unsigned long long)hold >> 20,
                              (unsigned long long)hold & ((1u << 20) - 1));
        if (locks || d->layers[i].inbox.len)
            fail_msg("layer %u has %u locks and %zu ops left", i, locks, d->layers[i].inbox.len);
    }
    assert_int_equal(open, 0);
    assert_null(w->open_txs);
    for (size_t i = 0; i < d->directory.accounts.len; i++)
        assert_false(directory_at(&d->directory, (account_id)i)->moving);
}

#endif
