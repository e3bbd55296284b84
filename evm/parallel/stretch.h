/* evm/parallel/stretch.h - transactions at the head of a block executed one after another, without
 * versions, while speculation does not pay (EVM_TASK_STRETCH). Internal to evm/parallel.
 *
 * What they write stays in the tables of an evm_direct until the stretch is closed: then it is
 * published as one version, that of its last transaction. While it is open nothing else may commit.
 * What is still open at the end of a block goes to the block's changes without a detour, but for
 * accounts and slots that the multi-version memory knows as well. One thread at a time. */
#ifndef EVM_PARALLEL_STRETCH_H
#define EVM_PARALLEL_STRETCH_H

#include "evm/parallel/direct.h"

void evm_stretch_fini(struct evm_stretch *s);

/* EVM_TASK_STRETCH and _END: executes and commits task.tx and those behind it, task.incarnation in
 * all. Needs everything below committed, and that nobody else has a task on one of them. */
void evm_stretch_run(struct evm_blockrun *b, struct evm_task task, uint32_t core,
                     struct evm_task_result *result);
/* The end of a block: what is open goes to *out, beside what evm_mv_collect gives. */
enum evm_status evm_stretch_collect(struct evm_blockrun *b, struct evm_changes *out);

#endif
