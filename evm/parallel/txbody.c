#include "evm/parallel/txbody.h"

static void *create(void *self)
{
    struct evm_txbody *t = self;
    return evm_txrun_create(t->codes);
}

static void destroy(void *body)
{
    evm_txrun_destroy(body);
}

static void begin(void *self, void *body, uint32_t tx, struct evm_view view)
{
    struct evm_txbody *t = self;
    evm_txrun_set_tier(body, t->plain ? EVM_TIER_PLAIN : EVM_TIER_AUTO);
    evm_txrun_begin(body, t->in->rules, t->in->env, t->in->txs[tx], view, 0);
}

static enum evm_step step(void *body, struct evm_meter *meter, uint64_t budget)
{
    return evm_txrun_step(body, meter, budget);
}

static const struct evm_tx_outcome *outcome(void *body)
{
    return evm_txrun_outcome(body);
}

/* The gas before it is known on the ladder only. */
static enum evm_status receipt(void *self, uint32_t tx, const struct evm_tx_outcome *o,
                               struct evm_receipt *out)
{
    struct evm_txbody *t = self;
    return evm_receipt_make(out, tx, t->in->txs[tx], o, 0);
}

static bool balance_bound(void *body, const struct evm_addr *addr, struct evm_u256 *bound)
{
    return evm_txrun_balance_bound(body, addr, bound);
}

static void each_access(const void *body,
                        void (*visit)(void *self, const struct evm_jaccount *acc,
                                      const struct evm_jslot *slot),
                        void *self)
{
    evm_txrun_each_access(body, visit, self);
}

const struct evm_body_ops evm_txbody_ops = {
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .step = step,
    .outcome = outcome,
    .receipt = receipt,
    .balance_bound = balance_bound,
    .each_access = each_access,
};
