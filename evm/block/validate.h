/* evm/block/validate.h - the rules of a block around its transactions (Yellow Paper 4.3.4 and 11;
 * EIP-779, 1559, 3675, 4844, 4895, 7685, 7934). The first rule that is broken is named; a block
 * that keeps all of them is EVM_BLOCK_FINE. Seals (proof of work, signatures) are not judged. */
#ifndef EVM_BLOCK_VALIDATE_H
#define EVM_BLOCK_VALIDATE_H

#include "evm/block/block.h"
#include "evm/block/fault.h"
#include "evm/block/requests.h"

/* What a header says by itself. */
enum evm_block_fault evm_check_header(const struct evm_chain_config *chain,
                                      const struct evm_header *h);

/* That and what it must be after its parent, whose hash is parent_hash. */
enum evm_block_fault evm_check_child(const struct evm_chain_config *chain,
                                     const struct evm_header *parent,
                                     const struct evm_hash *parent_hash,
                                     const struct evm_header *h);

/* Is this the body that the header stands for? EVM_ERR_MEMORY leaves *fault undefined. */
enum evm_status evm_check_body(const struct evm_chain_config *chain, const struct evm_block *block,
                               enum evm_block_fault *fault);

/* Did executing it give what the header says? state_root may be NULL: it is not judged then, and
 * nor are receipts that hold state roots. */
enum evm_status evm_check_outcome(const struct evm_chain_config *chain, const struct evm_header *h,
                                  const struct evm_receipt *receipts, uint32_t receipt_count,
                                  uint64_t blob_gas_used, const struct evm_requests *requests,
                                  const struct evm_hash *state_root, enum evm_block_fault *fault);

#endif
