/* Multi-dimensional gas: execution, storage and mail between layers, each with a target, a limit
 * and a price of its own.
 *
 * After EIP-7706 (resources with prices of their own, each by the rule of EIP-1559) and EIP-8011
 * (gas metered by resource). Execution is gas, and its price the base fee. Storage is bytes: 64 for
 * each slot that a transaction writes (what EIP-8037 counts for a new one; here a slot that is
 * written again counts too) and the code that it creates. Cross is bytes of mail that it causes
 * between layers. What is left out of EIP-7706: transactions state no maximum for each resource;
 * gas keeps its meaning, so that the EVM is the real one, storage's gas included.
 *
 * The price of a transaction's bytes is divided by its gas, and its tip must be no less: paid as
 * priority fee, to the proposer, not burnt; it counts where proposers put better tips first. How
 * many bytes it will need is known for sure only afterwards. A builder takes what the transaction's
 * last execution in a block gave; or else what others to the same recipient needed a gas, as the
 * blocks before tell; or else two slots for a call, the init code for a creation, nothing for a
 * plain payment. By that the limits hold; a block that passes them all the same counts as full.
 * Where execution follows ordering, prices follow from such estimates too. */
#include "evm/core/u256.h"
#include "models/fees/common.h"
#include "sim/base/mem.h"

enum { SLOT_BYTES = 64 };

#define FEES_MULTIDIMENSIONAL_FIELDS(F, S)                                                         \
    FEES_BASE_FIELDS(F, S)                                                                         \
    F(S, SIZE, storage_target, "32KB", "64B", "1GB",                                               \
      "Bytes that a block writes to storage at an unchanged price; the limit is elasticity times " \
      "this.")                                                                                     \
    F(S, WEI, storage_fee, "10gwei", "1wei", NULL, "Price of such a byte after genesis.")          \
    F(S, SIZE, cross_target, "64KB", "64B", "1GB", "Likewise of mail between layers.")             \
    F(S, WEI, cross_fee, "10gwei", "1wei", NULL, "Price of such a byte after genesis.")            \
    F(S, WEI, min_byte_fee, "1gwei", "0wei", NULL, "Neither price falls below this.")              \
    F(S, COUNT, recipients, "1k", "1", "1M",                                                       \
      "Recipients of whom blocks remember how much storage a gas they need: those with most gas.")
FIELD_DECLARE(fees_multidimensional_cfg, FEES_MULTIDIMENSIONAL_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fees_multidimensional_cfg *c = cfg;
    struct fees_base base = FEES_BASE(c);
    fees_base_check(&base, report);
    struct evm_u256 least = fees_wei(&c->min_byte_fee), storage = fees_wei(&c->storage_fee),
                    cross = fees_wei(&c->cross_fee);
    if (evm_u256_lt(&storage, &least))
        field_complain(report, "storage_fee", "must not be below min_byte_fee");
    if (evm_u256_lt(&cross, &least))
        field_complain(report, "cross_fee", "must not be below min_byte_fee");
}
FIELD_DEFINE(fees_multidimensional_cfg, FEES_MULTIDIMENSIONAL_FIELDS,
             "Settings of multidimensional.", check);

struct multi {
    struct fees_base base;
    uint64_t target[FEE_BYTES];
    struct evm_u256 first[FEE_BYTES], least;
    uint32_t recipients;
};

static enum err_code init(void *state, const void *cfg, struct err *err)
{
    struct multi *m = state;
    const struct fees_multidimensional_cfg *c = cfg;
    (void)err;
    m->base = FEES_BASE(c);
    m->target[FEE_STORAGE] = c->storage_target;
    m->target[FEE_CROSS] = c->cross_target;
    m->first[FEE_STORAGE] = fees_wei(&c->storage_fee);
    m->first[FEE_CROSS] = fees_wei(&c->cross_fee);
    m->least = fees_wei(&c->min_byte_fee);
    m->recipients = (uint32_t)c->recipients;
    return ERR_OK;
}

/* ---- what a transaction will need ---- */

/* By what it is, and by what others to the same recipient needed. */
static struct fees_use by_kind(const struct fee_table *t, const struct evm_tx *tx)
{
    struct fees_use use = {.gas = tx->gas_limit};
    const struct fee_entry *e = tx->is_create ? NULL : fee_table_find(t, &tx->to);
    if (tx->is_create)
        use.storage = tx->input.size;
    else if (e && e->gas)
        use.storage = (uint64_t)((double)e->storage / (double)e->gas * (double)tx->gas_limit);
    else if (tx->input.size)
        use.storage = 2 * SLOT_BYTES;
    return use;
}

static struct fees_use expected(const struct fee_table *t, const struct tx *tx)
{
    return tx->seen.gas ? tx->seen : by_kind(t, &tx->evm);
}

/* ---- the next block's prices ---- */

/* Sums in which a block counts 7/8 of the one after it. */
static bool step(const void *self, struct fee_entry *e, const struct fee_sum *used)
{
    (void)self;
    e->gas = e->gas - e->gas / 8 + used->gas;
    e->storage = e->storage - e->storage / 8 + used->storage;
    return e->gas >= 21000;
}

static int by_gas(const void *a, const void *b)
{
    const struct fee_entry *x = a, *y = b;
    return x->gas != y->gas ? (x->gas < y->gas) - (x->gas > y->gas)
                            : memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
}

static void add_up(const struct fees_parent *p, struct fee_sums *sums, uint64_t bytes[FEE_BYTES])
{
    for (uint32_t i = 0; p->block && i < p->block->tx_count; i++) {
        const struct tx *tx = p->block->txs[i];
        struct fees_use use = p->uses ? p->uses[i] : by_kind(p->fees->table, &tx->evm);
        struct fee_sum *s = tx->evm.is_create ? NULL : fee_sums_at(sums, &tx->evm.to);
        if (s) {
            s->gas += use.gas;
            s->storage += use.storage;
        }
        bytes[FEE_STORAGE] += use.storage;
        bytes[FEE_CROSS] += tx->cross_bytes;
    }
}

static void next(const void *state, const struct fees_parent *parent, struct block_fees *out)
{
    const struct multi *m = state;
    const struct fee_table *old = parent->block ? parent->fees->table : NULL;
    struct fee_sums sums = {0};
    uint64_t bytes[FEE_BYTES] = {0};
    *out = fees_base_next(&m->base, parent);
    add_up(parent, &sums, bytes);
    out->table = fee_table_make(old, &sums, m->recipients, step, by_gas, m);
    out->failed = sums.failed || !out->table;
    fee_sums_fini(&sums);
    for (int i = 0; out->table && i < FEE_BYTES; i++) {
        uint64_t most = m->target[i] * m->base.elasticity;
        out->table->price[i] = old ? fees_step(&old->price[i], bytes[i] < most ? bytes[i] : most,
                                               m->target[i], m->base.denominator, &m->least)
                                   : m->first[i];
    }
}

/* ---- building ---- */

/* Price of its bytes over its gas, rounded up. */
static void owed(const void *state, const struct block_fees *fees, const struct tx *tx,
                 struct evm_u256 *out)
{
    (void)state;
    struct fees_use use = expected(fees->table, tx);
    struct evm_u256 storage = evm_u256_of(use.storage), cross = evm_u256_of(tx->cross_bytes);
    struct evm_u256 gas = evm_u256_of(use.gas ? use.gas : 1), round;
    evm_u256_sub_u64(&round, &gas, 1);
    evm_u256_mul(&storage, &storage, &fees->table->price[FEE_STORAGE]);
    evm_u256_mul(&cross, &cross, &fees->table->price[FEE_CROSS]);
    evm_u256_add(out, &storage, &cross);
    evm_u256_add(out, out, &round);
    evm_u256_div(out, out, &gas);
}

static bool tip(const void *state, const struct block_fees *fees, const struct tx *tx,
                struct evm_u256 *out)
{
    struct evm_u256 least;
    owed(state, fees, tx, &least);
    return fees_tip(state, fees, tx, out) && !evm_u256_lt(out, &least);
}

struct multi_room {
    const struct fee_table *table; /* borrowed from the block's fees */
    uint64_t limit[FEE_BYTES], taken[FEE_BYTES];
};

static void *room(const void *state, const struct block_fees *fees, uint64_t gas)
{
    const struct multi *m = state;
    struct multi_room *r = mem_zalloc(1, sizeof *r);
    (void)gas;
    if (!r)
        return NULL;
    r->table = fees->table;
    for (int i = 0; i < FEE_BYTES; i++)
        r->limit[i] = m->target[i] * m->base.elasticity;
    return r;
}

/* The first one that needs any goes in whatever it needs, or it never would. */
static bool fits(void *room_of, const struct tx *tx)
{
    struct multi_room *r = room_of;
    uint64_t need[FEE_BYTES] = {
        [FEE_STORAGE] = expected(r->table, tx).storage, [FEE_CROSS] = tx->cross_bytes};
    for (int i = 0; i < FEE_BYTES; i++)
        if (r->taken[i] && r->taken[i] + need[i] > r->limit[i])
            return false;
    for (int i = 0; i < FEE_BYTES; i++)
        r->taken[i] += need[i];
    return true;
}

const struct fees_ops fees_multidimensional = {
    .model = {"multidimensional",
              "Gas, bytes of storage and bytes between layers, each with a price (EIP-7706).",
              &fees_multidimensional_cfg_table},
    .state_size = sizeof(struct multi),
    .tables = true,
    .init = init,
    .next = next,
    .tip = tip,
    .owed = owed,
    .room = room,
    .fits = fits,
    .room_free = mem_free,
};
