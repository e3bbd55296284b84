#include "evm/parallel/txbody.h"

#include "evm/core/keccak_hints.h"

/* ---- keys of mappings ------------------------------------------------------------------------ */

/* False for a creation and for what names no function. */
static bool call_of(const struct evm_tx *tx, struct evm_keccak_call *call)
{
    if (tx->is_create || tx->input.size < 4)
        return false;
    *call = (struct evm_keccak_call){&tx->to, &tx->sender, tx->input};
    return true;
}

void evm_txbody_hash_ahead(const struct evm_block_input *in, uint32_t first, uint32_t n)
{
    struct evm_keccak_call call;
    for (uint32_t k = first; k < first + n; k++)
        if (call_of(in->txs[k], &call))
            evm_keccak_hints_expect(&call);
    evm_keccak_hints_hash();
}

void evm_txbody_hash_for(const struct evm_block_input *in, uint32_t tx)
{
    struct evm_keccak_call call;
    evm_keccak_hints_run(call_of(in->txs[tx], &call) ? &call : NULL);
}

/* Who works alone takes the next transactions too, so their keys fill the places that this one's
 * leave. Of several workers each has its own memory of hashes and cannot tell what it will get. */
static void prepare_keys(struct evm_txbody *t, uint32_t tx)
{
    uint32_t left = t->in->tx_count - tx;
    uint32_t n = left < EVM_KECCAK_HINT_AHEAD ? left : EVM_KECCAK_HINT_AHEAD;
    if (t->workers > 1) {
        evm_txbody_hash_ahead(t->in, tx, 1);
    } else if (tx >= t->hashed) {
        evm_txbody_hash_ahead(t->in, tx, n);
        t->hashed = tx + n;
    }
    evm_txbody_hash_for(t->in, tx);
}

/* ---- a transaction --------------------------------------------------------------------------- */

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
    if (t->hashes_ahead)
        prepare_keys(t, tx);
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

static uint64_t progress(const void *body)
{
    return evm_txrun_progress(body);
}

static size_t save(void *body, uint32_t k)
{
    return evm_txrun_save(body, k);
}

static size_t restore(void *body, uint32_t k)
{
    return evm_txrun_restore(body, k);
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
    .progress = progress,
    .save = save,
    .restore = restore,
};
