/* The end of a run: balances that it did not look at become differences, and their reads bounds. */
#include "evm/core/u256.h"
#include "evm/parallel/blockrun.h"

/* The account's change becomes a difference to what was read. */
static void make_delta(struct evm_changes *c, const struct evm_addr *addr,
                       const struct evm_u256 *read)
{
    struct evm_account_change *a = evm_changes_find(c, addr, NULL);
    if (!a || !(a->wrote & EVM_WROTE_BALANCE) || (a->wrote & EVM_WROTE_DELTA))
        return;
    evm_u256_sub(&a->balance, &a->balance, read);
    a->wrote |= EVM_WROTE_DELTA;
}

static bool bound_of(void *self, const struct evm_addr *addr, const struct evm_u256 *read,
                     struct evm_u256 *bound)
{
    struct evm_run *run = self;
    struct evm_tx_record *r = &run->block->records[run->tx];
    if (!run->block->body_ops->balance_bound(run->body, addr, bound))
        return false;
    make_delta(&r->changes, addr, read);
    return true;
}

bool evm_run_settle_balances(struct evm_run *run)
{
    struct evm_blockrun *b = run->block;
    struct evm_tx_record *r = &b->records[run->tx];
    r->has_bound = false;
    if (!(b->traits & EVM_TRAIT_DELTAS) || !b->body_ops->balance_bound)
        return true;
    if (run->guessed) {
        const struct evm_addr *payee = &b->rules.beneficiary;
        if (!b->body_ops->balance_bound(run->body, payee, &r->bound))
            return false;
        make_delta(&r->changes, payee, &b->payee_before);
        r->has_bound = true;
    }
    evm_mv_log_bound(&r->log, bound_of, run);
    return true;
}
