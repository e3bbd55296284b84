/* Executor `serial`: one transaction after the other, on one worker. The reference that every other
 * executor must equal, through the same memory and the same ladder. */
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/scheduler.h"

struct serial {
    uint32_t n, tx, incarnation;
    uint8_t next; /* enum evm_task_kind of worker 0's next task */
    bool out;     /* the task is handed out */
};

static void *create(void)
{
    return evm_calloc(1, sizeof(struct serial));
}

static enum evm_status begin(void *state, const struct evm_sched_env *env)
{
    struct serial *s = state;
    *s = (struct serial){.n = env->tx_count, .next = EVM_TASK_EXECUTE};
    return EVM_OK;
}

/* Only worker 0 is ever asked (max_workers). */
static struct evm_task next(void *state, uint32_t worker)
{
    struct serial *s = state;
    EVM_DCHECK(worker == 0 && !s->out, "worker %u asks while a task is out (%d)", worker, s->out);
    (void)worker;
    if (s->tx == s->n)
        return (struct evm_task){.kind = EVM_TASK_DONE};
    s->out = true;
    return (struct evm_task){s->next, s->tx, s->incarnation};
}

/* Everything lower is committed whenever a transaction runs, so it never blocks and its reads are
 * final. */
static void done(void *state, uint32_t worker, struct evm_task task,
                 const struct evm_task_result *result, struct evm_wake *out)
{
    struct serial *s = state;
    (void)worker;
    s->out = false;
    out->count = 1;
    switch (result->what) {
    case EVM_RAN_FINISHED: s->next = EVM_TASK_COMMIT; return;
    case EVM_RAN_COMMITTED:
        s->next = EVM_TASK_EXECUTE;
        s->tx++;
        return;
    case EVM_RAN_ENDED: s->tx = s->n; return;
    default:
        EVM_CHECK(0, "transaction %u, task %u ended with %u", task.tx, task.kind, result->what);
    }
}

const struct evm_executor_ops evm_executor_serial = {
    .name = "serial",
    .doc = "One transaction after the other on one core.",
    .max_workers = 1,
    .visibility = EVM_VISIBLE_FINISHED,
    .create = create,
    .destroy = free,
    .begin = begin,
    .next = next,
    .done = done,
};
