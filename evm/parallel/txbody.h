/* evm/parallel/txbody.h - real transactions as what the drivers execute. Internal to evm/parallel.
 */
#ifndef EVM_PARALLEL_TXBODY_H
#define EVM_PARALLEL_TXBODY_H

#include "evm/parallel/blockrun.h"

/* The self of evm_txbody_ops. Borrowed. */
struct evm_txbody {
    const struct evm_block_input *in;
    struct evm_codes *codes;
    bool plain; /* code is not translated */
};
extern const struct evm_body_ops evm_txbody_ops;

#endif
