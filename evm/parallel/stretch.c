#include "evm/parallel/stretch.h"

#include <string.h>

#include "evm/core/keccak_cache.h"
#include "evm/core/keccak_hints.h"
#include "evm/core/u256.h"
#include "evm/parallel/mvmemory_internal.h"

void evm_stretch_fini(struct evm_stretch *s)
{
    evm_changes_fini(&s->changes);
    evm_changes_fini(&s->scratch);
}

/* ---- the state that a stretch begins with -----------------------------------------------------
 * What the multi-version memory knows is asked of it; what it does not know is as before the block,
 * and is not made known to it. */

static enum evm_read first_account(void *self, const struct evm_addr *addr, unsigned need,
                                   struct evm_account *out)
{
    struct evm_blockrun *b = self;
    if (!mv_account_known(b->mv, addr))
        return b->base.ops->account(b->base.self, addr, need, out);
    struct evm_mv_cost cost = {0};
    uint32_t blocker;
    enum evm_mv_answer a =
        evm_mv_account(b->mv, b->stretch.next, addr, EVM_NEED_ALL, out, NULL, &blocker, 0, &cost);
    EVM_CHECK(a == EVM_MV_OK, "an account that is final reads %d", a);
    if (evm_addr_eq(addr, &b->rules.beneficiary)) {
        out->balance = b->ladder.beneficiary.balance;
        out->exists = b->ladder.beneficiary.exists;
    }
    return EVM_READ_OK;
}

/* Has the memory anything to say of the slot that the state before the block has not? */
static bool slot_matters(struct evm_blockrun *b, const struct mv_account *a,
                         const struct evm_u256 *key)
{
    const struct mv_cell *wipe = &a->cells[EVM_MV_WIPE];
    return atomic_load_explicit(&wipe->count, memory_order_acquire) > 0 ||
           mv_slot_known(b->mv, a, key);
}

static enum evm_read first_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                                struct evm_u256 *out)
{
    struct evm_blockrun *b = self;
    const struct mv_account *a = mv_account_known(b->mv, addr);
    if (!a || !slot_matters(b, a, key))
        return b->base.ops->slot(b->base.self, addr, key, out);
    struct evm_mv_cost cost = {0};
    uint32_t blocker;
    enum evm_mv_answer answer =
        evm_mv_slot(b->mv, b->stretch.next, addr, key, out, NULL, &blocker, 0, &cost);
    if (answer == EVM_MV_NO_MEMORY)
        return EVM_READ_PENDING;
    EVM_CHECK(answer == EVM_MV_OK, "a slot that is final reads %d", answer);
    return EVM_READ_OK;
}

static void first_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct evm_blockrun *b = self;
    b->base.ops->block_hash(b->base.self, number, out);
}

static const struct evm_view_ops first_ops = {first_account, first_slot, first_hash};

/* ---- opening and closing ----------------------------------------------------------------------
 */

static enum evm_status open_stretch(struct evm_blockrun *b, uint32_t tx)
{
    struct evm_stretch *s = &b->stretch;
    s->next = tx;
    /* The beneficiary is known to the memory, or its balance would not be the ladder's. */
    enum evm_status st =
        evm_direct_open(s->direct, s->in, (struct evm_view){&first_ops, b}, s->codes, &b->ladder);
    s->open = st == EVM_OK;
    if (s->open)
        evm_txrun_set_tier(s->direct->run, b->caches.no_code ? EVM_TIER_PLAIN : EVM_TIER_AUTO);
    return st;
}

/* What transactions that ran ahead had published, and what was foreseen of them, goes. */
static enum evm_status withdraw(struct evm_blockrun *b, uint32_t tx, uint32_t core)
{
    struct evm_tx_record *r = &b->records[tx];
    struct evm_mv_published p = {0};
    if (!r->run && b->mv->writes[tx].count == 0) { /* most: it never ran */
        r->incarnation = b->result->stats[tx].incarnations - 1;
        return EVM_OK;
    }
    evm_run_forget(b, tx);
    r->incarnation = b->result->stats[tx].incarnations - 1;
    enum evm_status st = evm_mv_publish(b->mv, tx, r->incarnation, NULL, core, &p);
    if (p.changed && p.stamp > b->ladder.max_change)
        b->ladder.max_change = p.stamp;
    return st;
}

static void settle_payee(struct evm_blockrun *b)
{
    struct evm_mv_apart *to = &b->ladder.beneficiary;
    evm_direct_payee(b->stretch.direct, &b->rules.beneficiary, &to->exists, &to->balance);
}

/* All that was written becomes the version of the stretch's last transaction. */
static enum evm_status close_stretch(struct evm_blockrun *b, uint32_t core,
                                     struct evm_task_result *result)
{
    struct evm_stretch *s = &b->stretch;
    uint32_t last = s->next - 1;
    struct evm_mv_published p = {0};
    evm_changes_clear(&s->changes);
    enum evm_status st = evm_direct_collect(s->direct, &s->changes);
    if (st == EVM_OK)
        st = evm_mv_publish(b->mv, last, b->records[last].incarnation, &s->changes, core, &p);
    settle_payee(b);
    s->open = false;
    if (p.changed && p.stamp > b->ladder.max_change)
        b->ladder.max_change = p.stamp;
    result->changed = p.changed;
    result->readers = UINT64_MAX; /* of all that was withdrawn as well */
    return st;
}

/* Finished ones that came before. */
static uint32_t executions_of(const struct evm_tx_record *r)
{
    return r->published ? r->incarnation + 1 : 0;
}

/* ---- running ----------------------------------------------------------------------------------
 */

static enum evm_status run(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                           struct evm_task_result *result)
{
    struct evm_stretch *s = &b->stretch;
    uint32_t end = task.tx + task.incarnation;
    enum evm_status st = s->open ? EVM_OK : open_stretch(b, task.tx);
    EVM_CHECK(st != EVM_OK || s->next == task.tx, "a stretch goes on at %u, not %u", task.tx,
              s->next);
    for (uint32_t i = task.tx; i < end; i++)
        b->result->stats[i].incarnations = executions_of(&b->records[i]);
    if (st == EVM_OK)
        st = evm_direct_run(s->direct, &b->rules, task.tx, end, s->hashes_ahead, b->result);
    evm_keccak_hints_run(NULL);
    result->depth = s->direct->deepest;
    if (st != EVM_OK || b->result->invalid != EVM_TX_VALID)
        return st;
    for (uint32_t i = task.tx; i < end && st == EVM_OK; i++)
        st = withdraw(b, i, core);
    b->counts[core].executions += task.incarnation;
    s->next = end;
    return st == EVM_OK && task.kind == EVM_TASK_STRETCH_END ? close_stretch(b, core, result) : st;
}

void evm_stretch_run(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                     struct evm_task_result *result)
{
    *result = (struct evm_task_result){.what = EVM_RAN_COMMITTED, .blocker = EVM_NO_TX};
    enum evm_status st = run(b, task, core, result);
    if (st != EVM_OK)
        evm_blockrun_fail(b, st);
    if (st != EVM_OK || b->result->invalid != EVM_TX_VALID) {
        result->what = EVM_RAN_ENDED;
        return;
    }
    evm_mv_settle(b->mv, task.tx + task.incarnation);
    /* Who sees it sees the ladder as it is now; nobody writes and then waits for it to move. */
    atomic_store_explicit(&b->boundary, task.tx + task.incarnation, memory_order_release);
}

/* ---- the end of a block ------------------------------------------------------------------------
 */

static enum evm_status put(struct evm_changes *to, const struct evm_account_change *a,
                           const struct evm_slot_change *slots)
{
    enum evm_status st = evm_changes_reserve(to, 1, a->slot_count);
    if (st != EVM_OK)
        return st;
    struct evm_account_change *row = &to->accounts[to->account_count++];
    *row = *a;
    row->first_slot = to->slot_count;
    if (a->slot_count)
        memcpy(to->slots + to->slot_count, slots + a->first_slot, a->slot_count * sizeof *slots);
    to->slot_count += a->slot_count;
    return EVM_OK;
}

/* The account's row goes to the memory, with those of its slots that the memory has something to
 * say of; the others stay behind, as a row without fields. */
static enum evm_status divide(struct evm_blockrun *b, const struct mv_account *known,
                              const struct evm_account_change *a,
                              const struct evm_slot_change *slots, struct evm_changes *memorys,
                              struct evm_changes *rest)
{
    enum evm_status st = evm_changes_reserve(memorys, 1, a->slot_count);
    if (st == EVM_OK)
        st = evm_changes_reserve(rest, 1, a->slot_count);
    if (st != EVM_OK)
        return st;
    bool whole = (a->wrote & (EVM_WROTE_WIPE | EVM_WROTE_DELETED)) != 0;
    struct evm_account_change to = *a, left = {.addr = a->addr, .first_slot = rest->slot_count};
    to.first_slot = memorys->slot_count;
    for (uint32_t i = a->first_slot; i < a->first_slot + a->slot_count; i++)
        if (whole || slot_matters(b, known, &slots[i].key))
            memorys->slots[memorys->slot_count++] = slots[i];
        else
            rest->slots[rest->slot_count++] = slots[i];
    to.slot_count = memorys->slot_count - to.first_slot;
    left.slot_count = rest->slot_count - left.first_slot;
    if (to.wrote || to.slot_count)
        memorys->accounts[memorys->account_count++] = to;
    if (left.slot_count)
        rest->accounts[rest->account_count++] = left;
    return EVM_OK;
}

/* What both know goes through the memory, which knows what was there before the block. */
static enum evm_status split(struct evm_blockrun *b)
{
    struct evm_stretch *s = &b->stretch;
    struct evm_changes known;
    struct evm_mv_published p = {0};
    evm_changes_init(&known);
    evm_changes_clear(&s->changes);
    evm_changes_clear(&s->scratch);
    enum evm_status st = evm_direct_collect(s->direct, &s->scratch);
    for (uint32_t i = 0; st == EVM_OK && i < s->scratch.account_count; i++) {
        const struct evm_account_change *a = &s->scratch.accounts[i];
        const struct mv_account *in = mv_account_known(b->mv, &a->addr);
        st = in ? divide(b, in, a, s->scratch.slots, &known, &s->changes)
                : put(&s->changes, a, s->scratch.slots);
    }
    if (st == EVM_OK)
        st = evm_mv_publish(b->mv, s->next - 1, b->records[s->next - 1].incarnation, &known, 0, &p);
    evm_changes_fini(&known);
    return st;
}

/* One account's row from the memory, and slots of it that the memory does not know. Room is
 * reserved. */
static void put_both(struct evm_changes *out, const struct evm_changes *a,
                     const struct evm_account_change *x, const struct evm_changes *b,
                     const struct evm_account_change *y)
{
    struct evm_account_change *row = &out->accounts[out->account_count++];
    uint32_t i = x->first_slot, k = y->first_slot;
    const uint32_t end = i + x->slot_count, stop = k + y->slot_count;
    *row = *x;
    row->first_slot = out->slot_count;
    while (i < end || k < stop) {
        bool first = k == stop || (i < end && evm_u256_lt(&a->slots[i].key, &b->slots[k].key));
        out->slots[out->slot_count++] = first ? a->slots[i++] : b->slots[k++];
    }
    row->slot_count = out->slot_count - row->first_slot;
}

/* Two lists without a slot in common become one; b's rows of accounts that a has are slots only. */
static enum evm_status merge(struct evm_changes *out, const struct evm_changes *a,
                             const struct evm_changes *b)
{
    uint32_t i = 0, k = 0;
    enum evm_status st = evm_changes_reserve(out, a->account_count + b->account_count,
                                             a->slot_count + b->slot_count);
    while (st == EVM_OK && (i < a->account_count || k < b->account_count)) {
        int order = i == a->account_count   ? 1
                    : k == b->account_count ? -1
                                            : memcmp(a->accounts[i].addr.b, b->accounts[k].addr.b,
                                                     sizeof a->accounts[i].addr.b);
        if (order == 0)
            put_both(out, a, &a->accounts[i++], b, &b->accounts[k++]);
        else
            st = order < 0 ? put(out, &a->accounts[i++], a->slots)
                           : put(out, &b->accounts[k++], b->slots);
    }
    return st;
}

enum evm_status evm_stretch_collect(struct evm_blockrun *b, struct evm_changes *out)
{
    struct evm_stretch *s = &b->stretch;
    if (!s->open)
        return evm_mv_collect(b->mv, &b->ladder.beneficiary, b->threaded ? b->workers : 1, out);
    settle_payee(b);
    enum evm_status st = split(b);
    s->open = false;
    if (st != EVM_OK)
        return st;
    evm_changes_clear(&s->scratch);
    st = evm_mv_collect(b->mv, &b->ladder.beneficiary, b->threaded ? b->workers : 1, &s->scratch);
    return st == EVM_OK ? merge(out, &s->scratch, &s->changes) : st;
}
