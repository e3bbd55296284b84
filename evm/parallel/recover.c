#include "evm/parallel/recover.h"

#ifndef __SANITIZE_THREAD__ /* libgomp is not instrumented */
#include <omp.h>
#endif

size_t evm_txs_recover(struct evm_tx *txs, size_t n, bool require_low_s, uint32_t threads)
{
    size_t bad = n;
#ifdef __SANITIZE_THREAD__
    (void)threads;
#else
    int team = threads ? (int)threads : omp_get_max_threads();
    /* In small portions, because a transaction with authorizations is as much work as several. */
#pragma omp parallel for num_threads(team) schedule(dynamic, 16) reduction(min : bad) if (team > 1)
#endif
    for (size_t i = 0; i < n; i++)
        if (evm_tx_recover(&txs[i], require_low_s, NULL) != EVM_OK)
            bad = i < bad ? i : bad;
    return bad;
}
