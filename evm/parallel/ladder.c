/* The commit ladder: transactions become final here, strictly in order, and nowhere else. Errors of
 * a speculative run (nonce, funds), the block's gas limit and the beneficiary's balance are judged
 * and changed only here, so they are the same whatever ran before. */
#include "evm/core/u256.h"
#include "evm/parallel/blockrun.h"

/* ---- what the block allows ------------------------------------------------------------------- */

enum evm_tx_invalid evm_ladder_judge(const struct evm_ladder *l,
                                     const struct evm_block_rules *rules, uint32_t tx,
                                     const struct evm_tx_outcome *o)
{
    if (o->invalid != EVM_TX_VALID)
        return o->invalid;
    uint64_t limit = rules->tx_gas_limits ? rules->tx_gas_limits[tx] : 0;
    if (limit > rules->gas_limit - l->gas_used)
        return EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK;
    if (o->blob_gas_used > rules->blob_gas_limit - l->blob_gas_used)
        return EVM_TX_BLOB_TOO_MANY;
    return EVM_TX_VALID;
}

enum evm_status evm_ladder_add(struct evm_ladder *l, const struct evm_tx_outcome *o)
{
    l->gas_used += o->gas_used;
    l->blob_gas_used += o->blob_gas_used;
    bool over = o->pays_beneficiary && evm_u256_add(&l->fees, &l->fees, &o->fee);
    over |= evm_u256_add(&l->burnt, &l->burnt, &o->burnt);
    l->overflow |= over;
    return over ? EVM_ERR_INPUT : EVM_OK;
}

/* ---- the beneficiary --------------------------------------------------------------------------
 */

/* Nonce 0 and no code, after transaction tx; everything up to it is final. */
static bool is_bare(struct evm_blockrun *b, uint32_t tx)
{
    struct evm_account acc;
    struct evm_mv_cost cost = {0};
    uint32_t blocker;
    enum evm_mv_answer a =
        evm_mv_account(b->mv, tx + 1, &b->rules.beneficiary, EVM_NEED_NONCE | EVM_NEED_CODE, &acc,
                       NULL, &blocker, 0, &cost);
    EVM_CHECK(a == EVM_MV_OK, "the beneficiary is known but reads %d", a);
    return acc.nonce == 0 && evm_hash_eq(&acc.code_hash, &evm_empty_code_hash);
}

/* A fee of zero still touches the account: before EIP-161 that makes an empty one, from it on it
 * removes one that is empty. EVM_ERR_INPUT if the balance would pass 2^256: more wei than any chain
 * has, so the state before the block was wrong. */
static enum evm_status fold_fee(struct evm_blockrun *b, uint32_t tx)
{
    const struct evm_tx_record *r = &b->records[tx];
    struct evm_mv_apart *to = &b->ladder.beneficiary;
    const struct evm_account_change *c = evm_changes_find(&r->changes, &b->rules.beneficiary, NULL);
    if (c && (c->wrote & EVM_WROTE_DELETED))
        *to = (struct evm_mv_apart){false, evm_u256_of(0)};
    else if (c) {
        to->exists = true;
        if (c->wrote & EVM_WROTE_DELTA)
            evm_u256_add(&to->balance, &to->balance, &c->balance);
        else if (c->wrote & EVM_WROTE_BALANCE)
            to->balance = c->balance;
    }
    if (!r->outcome.pays_beneficiary)
        return EVM_OK;
    if (evm_u256_add(&to->balance, &to->balance, &r->outcome.fee))
        return EVM_ERR_INPUT;
    if (!evm_u256_is_zero(&to->balance) || !b->rules.clears_empty)
        to->exists = true;
    else if (to->exists && is_bare(b, tx))
        to->exists = false;
    return EVM_OK;
}

/* ---- telling the caller -----------------------------------------------------------------------
 */

/* Makes room for one account at position `at`. */
static enum evm_status insert_account(struct evm_changes *c, uint32_t at,
                                      const struct evm_addr *addr)
{
    enum evm_status st = evm_changes_reserve(c, 1, 0);
    if (st != EVM_OK)
        return st;
    memmove(c->accounts + at + 1, c->accounts + at, (c->account_count - at) * sizeof *c->accounts);
    c->account_count++;
    c->accounts[at] = (struct evm_account_change){.addr = *addr};
    return EVM_OK;
}

/* Differences become what they come to: everything up to tx is final. They stay marked. */
static void resolve(struct evm_blockrun *b, uint32_t tx, struct evm_changes *changes)
{
    for (uint32_t i = 0; i < changes->account_count; i++) {
        struct evm_account_change *c = &changes->accounts[i];
        struct evm_account acc;
        struct evm_mv_cost cost = {0};
        uint32_t blocker;
        if (!(c->wrote & EVM_WROTE_DELTA))
            continue;
        enum evm_mv_answer a = evm_mv_account(b->mv, tx + 1, &c->addr, EVM_NEED_BALANCE, &acc, NULL,
                                              &blocker, 0, &cost);
        EVM_CHECK(a == EVM_MV_OK, "a balance that was written reads %d", a);
        bool apart = evm_addr_eq(&c->addr, &b->rules.beneficiary);
        c->balance = apart ? b->ladder.beneficiary.balance : acc.balance;
    }
}

/* For the access list: what it accessed, the beneficiary included (EIP-7928: also for a fee of 0),
 * and what it changed. */
static void list_accesses(struct evm_blockrun *b, uint32_t tx, const struct evm_changes *all)
{
    evm_touched_put(&b->records[tx].touched, b->bal);
    evm_bal_put_account(b->bal, &b->rules.beneficiary);
    evm_bal_put_changes(b->bal, tx + 1, all);
}

static enum evm_status tell(struct evm_blockrun *b, uint32_t tx, const struct evm_mv_apart *before)
{
    struct evm_changes *all = &b->ladder.scratch;
    const struct evm_mv_apart *after = &b->ladder.beneficiary;
    uint32_t at;
    if (!b->rules.committed && !b->bal)
        return EVM_OK;
    enum evm_status st = evm_changes_copy(all, &b->records[tx].changes);
    if (st != EVM_OK)
        return st;
    for (uint32_t i = 0; i < all->account_count; i++)
        all->accounts[i].wrote &= ~(unsigned)EVM_WROTE_DELTA;
    bool balance = !evm_u256_eq(&before->balance, &after->balance);
    bool differs = balance || before->exists != after->exists;
    if (!evm_changes_find(all, &b->rules.beneficiary, &at) && differs) {
        st = insert_account(all, at, &b->rules.beneficiary);
        if (st != EVM_OK)
            return st;
    }
    if (at < all->account_count && evm_addr_eq(&all->accounts[at].addr, &b->rules.beneficiary)) {
        struct evm_account_change *c = &all->accounts[at];
        c->wrote &= ~(unsigned)(EVM_WROTE_BALANCE | EVM_WROTE_CREATED | EVM_WROTE_DELETED);
        c->balance = after->balance;
        if (before->exists && !after->exists)
            c->wrote = EVM_WROTE_DELETED | EVM_WROTE_WIPE;
        else if (balance)
            c->wrote |= EVM_WROTE_BALANCE;
        if (!before->exists && after->exists)
            c->wrote |= EVM_WROTE_CREATED;
    }
    if (b->bal)
        list_accesses(b, tx, all);
    return b->rules.committed ? b->rules.committed(b->rules.committed_self, tx, all) : EVM_OK;
}

static void put_receipt(struct evm_blockrun *b, uint32_t tx)
{
    struct evm_tx_record *r = &b->records[tx];
    if (!r->has_receipt)
        return;
    struct evm_receipt *out = &b->result->receipts[b->ladder.receipt_count++];
    *out = r->receipt;
    out->cumulative_gas = b->ladder.gas_used;
    r->has_receipt = false;
}

/* ---- the longest chain of readers --------------------------------------------------------------
 */

struct chain {
    const struct evm_tx_record *records;
    int64_t longest;
};

static void follow(void *self, uint32_t writer)
{
    struct chain *c = self;
    if (writer != EVM_NO_TX && c->records[writer].path_ns > c->longest)
        c->longest = c->records[writer].path_ns;
}

static void extend_path(struct evm_blockrun *b, uint32_t tx)
{
    struct evm_tx_record *r = &b->records[tx];
    struct chain chain = {b->records, r->took_turn ? b->ladder.longest_path : 0};
    if (!r->took_turn)
        evm_mv_log_writers(&r->log, follow, &chain);
    r->path_ns = chain.longest + r->total_ns;
    if (r->path_ns > b->ladder.longest_path)
        b->ladder.longest_path = r->path_ns;
}

/* ---- commit ------------------------------------------------------------------------------------
 */

static void put_stat(struct evm_blockrun *b, struct evm_task task, enum evm_tx_invalid invalid)
{
    struct evm_tx_stat *s = &b->result->stats[task.tx];
    s->incarnations = task.incarnation + 1;
    s->invalid = invalid;
    s->cost_ns = b->records[task.tx].total_ns;
}

/* It counts: fee, receipt, totals. */
static enum evm_status take(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                            struct evm_task_result *result)
{
    struct evm_tx_record *r = &b->records[task.tx];
    struct evm_ladder *l = &b->ladder;
    if (!r->published) { /* executors whose writes wait for the commit */
        struct evm_mv_published p = {0};
        enum evm_status st =
            evm_mv_publish(b->mv, task.tx, task.incarnation, &r->changes, core, &p);
        if (st != EVM_OK)
            return st;
        result->changed = p.changed;
        result->readers = p.readers;
        if (p.changed)
            r->change_stamp = p.stamp;
    }
    struct evm_mv_apart before = l->beneficiary;
    enum evm_status st = fold_fee(b, task.tx);
    if (st == EVM_OK)
        st = evm_ladder_add(l, &r->outcome);
    if (st != EVM_OK) {
        l->overflow = true;
        return st;
    }
    put_receipt(b, task.tx);
    if (b->keep_sets || b->rules.committed || b->bal)
        resolve(b, task.tx, &r->changes);
    return tell(b, task.tx, &before);
}

/* It has no effect: whatever it published goes. */
static enum evm_status skip(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                            struct evm_task_result *result)
{
    struct evm_tx_record *r = &b->records[task.tx];
    struct evm_mv_published p = {0};
    enum evm_status st = evm_mv_publish(b->mv, task.tx, task.incarnation, NULL, core, &p);
    if (st == EVM_OK && p.changed)
        r->change_stamp = p.stamp;
    result->changed = p.changed;
    result->readers = p.readers;
    return st;
}

/* True if the reads of the transaction give now, with all lower ones final, what they gave. */
static bool still_valid(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                        struct evm_task_result *result, struct evm_mv_cost *cost)
{
    struct evm_tx_record *r = &b->records[task.tx];
    bool holds = !r->has_bound || evm_balance_within(&b->ladder.beneficiary.balance, &r->bound);
    if (holds && r->read_stamp >= b->ladder.max_change)
        return true;
    b->counts[core].validations++;
    r->wants_turn |= !holds;
    if (holds && evm_mv_validate(b->mv, task.tx, &r->log, &result->blocker, core, cost))
        return true;
    b->counts[core].aborts += !r->skipped;
    b->counts[core].wasted_gas += r->skipped ? 0 : r->outcome.gas_used;
    return false;
}

void evm_ladder_commit(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                       struct evm_task_result *result, struct evm_mv_cost *cost)
{
    struct evm_tx_record *r = &b->records[task.tx];
    struct evm_ladder *l = &b->ladder;
    uint32_t boundary = atomic_load(&b->boundary);
    EVM_CHECK(task.tx == boundary, "commit of transaction %u, the ladder is at %u", task.tx,
              boundary);
    *result = (struct evm_task_result){.what = EVM_RAN_INVALID, .blocker = EVM_NO_TX};
    if (!still_valid(b, task, core, result, cost))
        return;
    enum evm_tx_invalid invalid = evm_ladder_judge(l, &b->rules, task.tx, &r->outcome);
    put_stat(b, task, invalid);
    if (invalid != EVM_TX_VALID && b->rules.policy == EVM_INVALID_REJECTS_BLOCK) {
        b->result->invalid = invalid;
        b->result->invalid_tx = task.tx;
        result->what = EVM_RAN_ENDED;
        return;
    }
    enum evm_status st =
        invalid == EVM_TX_VALID ? take(b, task, core, result) : skip(b, task, core, result);
    if (st != EVM_OK) {
        evm_blockrun_fail(b, st);
        result->what = EVM_RAN_ENDED;
        return;
    }
    if (r->change_stamp > l->max_change)
        l->max_change = r->change_stamp;
    if (b->timed)
        extend_path(b, task.tx);
    result->what = EVM_RAN_COMMITTED;
    evm_run_forget(b, task.tx);
    evm_mv_settle(b->mv, task.tx + 1);
    /* Who sees it sees the ladder as it is now; nobody writes and then waits for it to move. */
    atomic_store_explicit(&b->boundary, task.tx + 1, memory_order_release);
}

void evm_ladder_carry_out(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                          struct evm_task_result *result, struct evm_mv_cost *cost)
{
    struct evm_task_result all = {.what = EVM_RAN_COMMITTED};
    if (task.kind == EVM_TASK_COMMIT) {
        evm_ladder_commit(b, task, core, result, cost);
        return;
    }
    for (uint32_t tx = task.tx; all.what == EVM_RAN_COMMITTED && tx < task.tx + task.incarnation;
         tx++) {
        const struct evm_task one = {EVM_TASK_COMMIT, tx, b->records[tx].incarnation};
        evm_ladder_commit(b, one, core, result, cost);
        all.changed |= result->changed;
        all.readers |= result->readers;
        all.commits += result->what == EVM_RAN_COMMITTED;
        all.what = result->what;
    }
    all.blocker = result->blocker;
    *result = all;
}
