#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/blockrun.h"

bool evm_schedule_put(struct evm_schedule *s, uint32_t core, struct evm_task task, int64_t start,
                      int64_t end)
{
    static const uint8_t kinds[] = {
        [EVM_TASK_EXECUTE] = EVM_SLICE_EXECUTE, [EVM_TASK_ALONE] = EVM_SLICE_EXECUTE,
        [EVM_TASK_RESUME] = EVM_SLICE_EXECUTE,  [EVM_TASK_VALIDATE] = EVM_SLICE_VALIDATE,
        [EVM_TASK_COMMIT] = EVM_SLICE_COMMIT,   [EVM_TASK_COMMITS] = EVM_SLICE_COMMIT,
    };
    if (!s->on)
        return true;
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 256;
        struct evm_slice *slices = evm_realloc(s->slices, capacity * sizeof *slices);
        if (!slices)
            return false;
        s->slices = slices;
        s->capacity = capacity;
    }
    s->slices[s->count++] = (struct evm_slice){.core = core,
                                               .tx = task.tx,
                                               .incarnation = task.incarnation,
                                               .kind = kinds[task.kind],
                                               .start = start,
                                               .end = end};
    return true;
}
