/* Which loop a frame runs in: plainly at first, translated once its code has run enough.
 *
 * A code may run as many bytes plainly as its patience, over all frames of all threads; then it is
 * translated, in mid-run at the next jump if need be. Only where a run is metered (or translation
 * is asked for) does every frame start translated. */
#include "evm/core/program_internal.h"

/* A frame costs patience even if it does next to nothing. */
#define PATIENCE_PER_FRAME 64

void vm_tier_start(struct evm_vm *vm, struct frame *f)
{
    struct evm_code_runs *runs = f->code->runs;
    f->tip = NULL;
    f->since = f->ip;
    f->patience = INT64_MAX;
    if (!runs || vm->tracer || vm->tier == EVM_TIER_PLAIN)
        return;
    bool at_once = vm->meter || vm->tier == EVM_TIER_TRANSLATED;
    const struct evm_program *p = evm_program_find(f->code, vm->rules);
    if (!p) {
        f->patience = atomic_load_explicit(&runs->patience, memory_order_relaxed);
        if (f->patience != INT64_MAX)
            f->patience -= PATIENCE_PER_FRAME;
        if (at_once || f->patience < 0)
            p = evm_program_get(f->code, vm->rules);
    }
    f->program = p;
    if (p)
        f->tip = p->entries[0].enter;
    else if (at_once || f->patience < 0)
        f->patience = INT64_MAX;
}

bool vm_tier_rise(struct evm_vm *vm, struct frame *f)
{
    const struct evm_program *p =
        vm->meter || vm->tracer ? NULL : evm_program_get(f->code, vm->rules);
    f->patience = INT64_MAX;
    if (!p)
        return false;
    f->program = p;
    f->tip = p->entries[p->entry_at[f->ip - f->code->bytes]].enter;
    return true;
}

void vm_tier_leave(struct frame *f)
{
    if (f->tip || !f->code->runs || f->patience > INT64_MAX / 2)
        return;
    atomic_store_explicit(&f->code->runs->patience, f->patience - (f->ip - f->since),
                          memory_order_relaxed);
}
