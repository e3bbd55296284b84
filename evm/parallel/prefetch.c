/* Locations that are known beforehand, brought into the multi-version memory before anybody waits
 * for them. */
#include "evm/parallel/access.h"
#include "evm/parallel/blockrun.h"

void evm_prefetch(struct evm_blockrun *b, uint32_t k, uint32_t n, struct evm_mv_cost *cost,
                  const struct evm_prefetch_visit *visit)
{
    const struct evm_access_sets *sets = b->prefetch;
    for (uint32_t tx = k; sets && tx < sets->tx_count; tx += n)
        for (uint32_t i = sets->first[tx]; i < sets->first[tx + 1]; i++) {
            const struct evm_access *a = &sets->list[i];
            bool slot = a->kind == EVM_MV_SLOT && !(a->how & EVM_ACCESS_ANY);
            struct evm_account account;
            struct evm_u256 value;
            uint32_t blocker;
            /* Nothing is logged, so an estimate that would make a reader wait does not matter. */
            enum evm_mv_answer got =
                slot ? evm_mv_slot(b->mv, tx, &a->addr, &a->key, &value, NULL, &blocker, k, cost)
                     : evm_mv_account(b->mv, tx, &a->addr, 0, &account, NULL, &blocker, k, cost);
            if (got == EVM_MV_NO_MEMORY) {
                evm_blockrun_fail(b, EVM_ERR_MEMORY);
                return;
            }
            if (visit)
                visit->at(visit->self, &a->addr, slot ? &a->key : NULL);
        }
}
