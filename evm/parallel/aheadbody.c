#include "evm/parallel/aheadbody.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/precompute_internal.h"

/* What a kept read gives now. */
struct fresh {
    struct evm_account account;
    struct evm_u256 value;
};

struct body {
    void *inner; /* evm_txbody_ops' */
    struct evm_aheadbody *self;
    uint32_t tx;
    struct evm_view view;               /* the run's */
    const struct evm_precomputed *kept; /* NULL: nothing that could be taken over */
    bool comparing, taken, failed;
    uint32_t compared; /* reads */
    uint32_t answered; /* of them, those that the inner body has asked for again */
    struct fresh *fresh;
    uint32_t capacity;
    struct evm_tx_outcome outcome; /* if taken */
    struct evm_changes changes;
};

/* ---- the inner body's view -------------------------------------------------------------------
 */

/* The next read that was compared, if it is this one. Once it is not, none is. */
static const struct fresh *known(struct body *b, const struct evm_addr *addr, unsigned need,
                                 const struct evm_u256 *key)
{
    if (b->answered == b->compared)
        return NULL;
    const struct evm_kept_read *r = &b->kept->reads[b->answered];
    if (r->need != need || !evm_addr_eq(&r->addr, addr) || (key && !evm_u256_eq(&r->key, key))) {
        b->answered = b->compared;
        return NULL;
    }
    return &b->fresh[b->answered++];
}

static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    struct body *b = self;
    const struct fresh *f = known(b, addr, need, NULL);
    if (!f)
        return b->view.ops->account(b->view.self, addr, need, out);
    *out = f->account;
    return EVM_READ_OK;
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    struct body *b = self;
    const struct fresh *f = known(b, addr, 0, key);
    if (!f)
        return b->view.ops->slot(b->view.self, addr, key, out);
    *out = f->value;
    return EVM_READ_OK;
}

static void view_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct body *b = self;
    b->view.ops->block_hash(b->view.self, number, out);
}

static const struct evm_view_ops view_ops = {view_account, view_slot, view_block_hash};

/* ---- life ------------------------------------------------------------------------------------ */

static void destroy(void *body)
{
    struct body *b = body;
    if (!b)
        return;
    evm_txbody_ops.destroy(b->inner);
    evm_changes_fini(&b->changes);
    free(b->fresh);
    free(b);
}

static void *create(void *self)
{
    struct body *b = evm_calloc(1, sizeof *b);
    if (!b)
        return NULL;
    evm_changes_init(&b->changes);
    b->inner = evm_txbody_ops.create(self);
    if (b->inner)
        return b;
    destroy(b);
    return NULL;
}

/* The rest is as without anything kept. */
static void run_it(struct body *b)
{
    b->comparing = false;
    b->answered = 0;
    evm_txbody_ops.begin(b->self, b->inner, b->tx, (struct evm_view){&view_ops, b});
}

static bool same_ancestors(const struct body *b)
{
    for (uint32_t i = 0; i < b->kept->hash_count; i++) {
        struct evm_hash now;
        b->view.ops->block_hash(b->view.self, b->kept->hashes[i].number, &now);
        if (!evm_hash_eq(&now, &b->kept->hashes[i].hash))
            return false;
    }
    return true;
}

static bool reserve(struct body *b, uint32_t n)
{
    if (n <= b->capacity)
        return true;
    struct fresh *grown = evm_realloc(b->fresh, n * sizeof *grown);
    if (!grown)
        return false;
    b->fresh = grown;
    b->capacity = n;
    return true;
}

static void begin(void *self, void *body, uint32_t tx, struct evm_view view)
{
    struct evm_aheadbody *s = self;
    struct body *b = body;
    const struct evm_block_input *in = s->inner.in;
    b->self = s;
    b->tx = tx;
    b->view = view;
    b->kept = s->ahead[tx];
    b->compared = b->answered = 0;
    b->taken = b->failed = s->taken[tx] = false;
    b->comparing =
        b->kept && evm_precomputed_fits(b->kept, in->rules, in->env) && same_ancestors(b);
    if (!b->comparing) {
        run_it(b);
        return;
    }
    b->failed = !reserve(b, b->kept->read_count);
}

/* ---- taking over ----------------------------------------------------------------------------- */

/* The kept writes, with amounts added to what the balances are now. */
static bool take_changes(struct body *b)
{
    const struct evm_precomputed *p = b->kept;
    if (evm_changes_copy(&b->changes, &p->changes) != EVM_OK)
        return false;
    for (uint32_t i = 0; i < p->read_count; i++) {
        if (!p->reads[i].bounded)
            continue;
        struct evm_account_change *a = evm_changes_find(&b->changes, &p->reads[i].addr, NULL);
        if (!a || !(a->wrote & EVM_WROTE_DELTA))
            continue;
        evm_u256_add(&a->balance, &a->balance, &b->fresh[i].account.balance);
        a->wrote &= ~(unsigned)EVM_WROTE_DELTA;
    }
    return true;
}

static void take_over(struct body *b)
{
    b->outcome = b->kept->outcome;
    b->outcome.logs = b->kept->receipt.logs;
    b->outcome.log_count = b->kept->receipt.log_count;
    b->outcome.changes = &b->changes;
    b->taken = b->self->taken[b->tx] = true;
    b->failed = b->failed || !take_changes(b);
    if (b->failed)
        b->outcome.error = EVM_ERR_MEMORY;
}

/* Reads the next kept location. PENDING: it has to be asked for again. */
static enum evm_read compare(struct body *b, bool *holds)
{
    const struct evm_kept_read *r = &b->kept->reads[b->compared];
    struct fresh *f = &b->fresh[b->compared];
    enum evm_read answer = r->need
                               ? b->view.ops->account(b->view.self, &r->addr, r->need, &f->account)
                               : b->view.ops->slot(b->view.self, &r->addr, &r->key, &f->value);
    if (answer == EVM_READ_OK) {
        b->compared++;
        *holds = evm_kept_read_holds(r, &f->account, &f->value);
    }
    return answer;
}

static enum evm_step step(void *body, struct evm_meter *meter, uint64_t budget)
{
    struct body *b = body;
    bool holds = true;
    if (b->taken)
        return EVM_STEP_DONE;
    if (b->comparing) {
        while (!b->failed && holds && b->compared < b->kept->read_count)
            if (compare(b, &holds) != EVM_READ_OK)
                return EVM_STEP_READ;
        if (holds) {
            take_over(b);
            return EVM_STEP_DONE;
        }
        run_it(b);
    }
    return evm_txbody_ops.step(b->inner, meter, budget);
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static const struct evm_tx_outcome *outcome(void *body)
{
    struct body *b = body;
    return b->taken ? &b->outcome : evm_txbody_ops.outcome(b->inner);
}

static enum evm_status receipt(void *self, uint32_t tx, const struct evm_tx_outcome *o,
                               struct evm_receipt *out)
{
    return evm_txbody_ops.receipt(self, tx, o, out);
}

static bool balance_bound(void *body, const struct evm_addr *addr, struct evm_u256 *bound)
{
    struct body *b = body;
    if (!b->taken)
        return evm_txbody_ops.balance_bound(b->inner, addr, bound);
    for (uint32_t i = 0; i < b->kept->read_count; i++) {
        const struct evm_kept_read *r = &b->kept->reads[i];
        if (!r->bounded || !evm_addr_eq(&r->addr, addr))
            continue;
        *bound = r->account.balance;
        return true;
    }
    return false;
}

static void each_access(const void *body,
                        void (*visit)(void *self, const struct evm_jaccount *acc,
                                      const struct evm_jslot *slot),
                        void *self)
{
    const struct body *b = body;
    if (!b->taken) {
        evm_txbody_ops.each_access(b->inner, visit, self);
        return;
    }
    for (uint32_t i = 0; i < b->kept->touched.count; i++) {
        const struct evm_touch *t = &b->kept->touched.items[i];
        const struct evm_jaccount acc = {.addr = t->addr};
        const struct evm_jslot slot = {.key = t->key};
        visit(self, &acc, t->is_slot ? &slot : NULL);
    }
}

/* While reads are compared there is nothing worth saving, and nothing that could be. */
static uint64_t progress(const void *body)
{
    const struct body *b = body;
    return b->comparing ? 0 : evm_txbody_ops.progress(b->inner);
}

static size_t save(void *body, uint32_t k)
{
    struct body *b = body;
    return b->comparing ? 0 : evm_txbody_ops.save(b->inner, k);
}

static size_t restore(void *body, uint32_t k)
{
    struct body *b = body;
    return evm_txbody_ops.restore(b->inner, k);
}

static void ahead(const void *body, struct evm_body_ahead *out)
{
    const struct body *b = body;
    *out = (struct evm_body_ahead){.skipped = b->comparing, .compared = b->compared};
    out->taken = b->taken ? b->kept : NULL;
}

const struct evm_body_ops evm_aheadbody_ops = {
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
    .ahead = ahead,
};
