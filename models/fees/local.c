/* Local fee markets: a price for each recipient of its own, on top of the base fee.
 *
 * As on Solana, where a program that everybody wants makes itself dear and nobody else: there a
 * writable account takes at most so many compute units of a block, and what wants in pays for its
 * place among those that want the same. Here EIP-1559's rule sets that price: a recipient has a
 * share of the block's gas target and of its limit; its surcharge rises by up to 1/denominator (at
 * elasticity 2) after a block in which it used more than its part of the target, and falls
 * otherwise. A transaction goes into a block only if its tip, beyond the base fee, is no less than
 * its recipient's surcharge, and only while the recipient has room. What is left out of Solana's:
 * prices go by a transaction's recipient, not by all accounts that it writes.
 *
 * The surcharge is paid as priority fee: to the proposer, not burnt, and it also counts where
 * proposers put better tips first. Validators do not look whether a proposer kept to it. Where
 * execution follows ordering, gas limits stand for the gas used, and a batch, not a block, is what
 * a recipient has its share of when it is built. */
#include "evm/core/u256.h"
#include "models/fees/common.h"
#include "sim/base/mem.h"

#define FEES_LOCAL_FIELDS(F, S)                                                                    \
    FEES_BASE_FIELDS(F, S)                                                                         \
    F(S, FRACTION, share, "25%", "0.1%", "100%",                                                   \
      "Part of the gas target, and of the limit, that transactions to one recipient may use.")     \
    F(S, WEI, first_surcharge, "0.1gwei", "1wei", NULL,                                            \
      "What a recipient costs a gas at first when it has used more than its part of the target; "  \
      "a surcharge that falls below is gone.")                                                     \
    F(S, COUNT, recipients, "1k", "1", "1M", "Surcharges that a block holds: the highest.")
FIELD_DECLARE(fees_local_cfg, FEES_LOCAL_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fees_local_cfg *c = cfg;
    struct fees_base base = FEES_BASE(c);
    fees_base_check(&base, report);
    if ((double)(c->gas_limit / c->elasticity) * c->share < 1)
        field_complain(report, "share", "leaves a recipient no gas");
}
FIELD_DEFINE(fees_local_cfg, FEES_LOCAL_FIELDS, "Settings of local.", check);

struct local {
    struct fees_base base;
    double share;
    uint64_t target, limit; /* of a recipient, gas */
    struct evm_u256 first;
    uint32_t recipients;
};

static enum err_code init(void *state, const void *cfg, struct err *err)
{
    struct local *l = state;
    const struct fees_local_cfg *c = cfg;
    (void)err;
    l->base = FEES_BASE(c);
    l->share = c->share;
    l->target = (uint64_t)((double)(c->gas_limit / c->elasticity) * c->share);
    l->limit = l->target * c->elasticity;
    l->first = fees_wei(&c->first_surcharge);
    l->recipients = (uint32_t)c->recipients;
    return ERR_OK;
}

/* A transaction goes in whole, so a block may pass a recipient's limit a little: that counts as the
 * limit, so that no step is larger than the rule's. */
static bool step(const void *self, struct fee_entry *e, const struct fee_sum *used)
{
    const struct local *l = self;
    static const struct evm_u256 nothing = {{0}};
    uint64_t gas = used->gas < l->limit ? used->gas : l->limit;
    if (evm_u256_is_zero(&e->surcharge)) {
        e->surcharge = l->first;
        return gas > l->target;
    }
    e->surcharge = fees_step(&e->surcharge, gas, l->target, l->base.denominator, &nothing);
    return !evm_u256_lt(&e->surcharge, &l->first);
}

static int by_surcharge(const void *a, const void *b)
{
    const struct fee_entry *x = a, *y = b;
    int order = evm_u256_cmp(&y->surcharge, &x->surcharge);
    return order ? order : memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
}

static void next(const void *state, const struct fees_parent *parent, struct block_fees *out)
{
    const struct local *l = state;
    struct fee_sums sums = {0};
    *out = fees_base_next(&l->base, parent);
    if (!parent->block)
        return;
    for (uint32_t i = 0; i < parent->block->tx_count; i++) {
        const struct evm_tx *tx = &parent->block->txs[i]->evm;
        struct fee_sum *s = tx->is_create ? NULL : fee_sums_at(&sums, &tx->to);
        if (s)
            s->gas += parent->uses ? parent->uses[i].gas : tx->gas_limit;
    }
    if (sums.count || parent->fees->table)
        out->table =
            fee_table_make(parent->fees->table, &sums, l->recipients, step, by_surcharge, l);
    out->failed = sums.failed || (!out->table && (sums.count || parent->fees->table));
    fee_sums_fini(&sums);
    if (out->table && !out->table->count) {
        fee_table_unref(out->table);
        out->table = NULL;
    }
}

static void owed(const void *state, const struct block_fees *fees, const struct tx *tx,
                 struct evm_u256 *out)
{
    const struct fee_entry *e = tx->evm.is_create ? NULL : fee_table_find(fees->table, &tx->evm.to);
    (void)state;
    *out = e ? e->surcharge : evm_u256_of(0);
}

static bool tip(const void *state, const struct block_fees *fees, const struct tx *tx,
                struct evm_u256 *out)
{
    struct evm_u256 least;
    owed(state, fees, tx, &least);
    return fees_tip(state, fees, tx, out) && !evm_u256_lt(out, &least);
}

/* ---- filling a block ---- */

struct local_room {
    uint64_t gas; /* of limits, that one recipient may have */
    struct fee_sums sums;
};

static void *room(const void *state, const struct block_fees *fees, uint64_t gas)
{
    const struct local *l = state;
    struct local_room *r = mem_zalloc(1, sizeof *r);
    (void)fees;
    if (r)
        r->gas = (uint64_t)((double)gas * l->share);
    return r;
}

/* The first one of a recipient goes in whatever it is, or it never would. */
static bool fits(void *room_of, const struct tx *tx)
{
    struct local_room *r = room_of;
    if (tx->evm.is_create)
        return true;
    struct fee_sum *s = fee_sums_at(&r->sums, &tx->evm.to);
    if (!s || (s->gas && s->gas + tx->evm.gas_limit > r->gas))
        return false;
    s->gas += tx->evm.gas_limit;
    return true;
}

static void room_free(void *room_of)
{
    struct local_room *r = room_of;
    fee_sums_fini(&r->sums);
    mem_free(r);
}

const struct fees_ops fees_local = {
    .model = {"local",
              "A base fee (EIP-1559), and a surcharge for each recipient that uses more than its "
              "share.",
              &fees_local_cfg_table},
    .state_size = sizeof(struct local),
    .tables = true,
    .init = init,
    .next = next,
    .tip = tip,
    .owed = owed,
    .room = room,
    .fits = fits,
    .room_free = room_free,
};
