/* evm/parallel/recover.h - senders of many transactions at once. */
#ifndef EVM_PARALLEL_RECOVER_H
#define EVM_PARALLEL_RECOVER_H

#include <stddef.h>

#include "evm/block/tx.h"

/* evm_tx_recover for n transactions on `threads` threads of the host (0: as many as OpenMP gives).
 * Returns the index of the first that recovers to nothing, or n. The result does not depend on the
 * threads. */
size_t evm_txs_recover(struct evm_tx *txs, size_t n, bool require_low_s, uint32_t threads);

#endif
