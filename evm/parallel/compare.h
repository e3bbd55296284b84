/* evm/parallel/compare.h - are two results of one block the same result?
 *
 * Compared is what serial order fixes: verdict, changes, receipts with their logs and filters, gas,
 * fees, access lists where both have one. Not compared is how it was reached: times, aborts,
 * schedules. */
#ifndef EVM_PARALLEL_COMPARE_H
#define EVM_PARALLEL_COMPARE_H

#include "evm/parallel/executor.h"

/* EVM_ERR_INPUT if they differ, and *err says in what first; EVM_ERR_MEMORY. O(size of both). */
enum evm_status evm_block_result_compare(const struct evm_block_result *a,
                                         const struct evm_block_result *b, struct evm_err *err);

#endif
