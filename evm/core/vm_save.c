/* Going back to where a run was. The frames up to the running one, the words on their stacks, their
 * memories and the return data are all that a later step depends on. */
#include "evm/core/program_internal.h"

uint64_t evm_vm_progress(const struct evm_vm *vm)
{
    int64_t left = 0;
    if (vm->phase != VM_RUN || vm->no_memory || vm->tracer)
        return 0;
    for (const struct frame *f = vm->frames; f <= vm->top; f++) {
        if (f->initcode) /* owned by its frame, which may end before we come back */
            return 0;
        left += f->gas;
    }
    return left < vm->msg.gas ? (uint64_t)(vm->msg.gas - left) : 0; /* stipends are extra */
}

/* Where a translated program waits for a read, sp is its block's stack pointer; the stack ends
 * where the instruction that waits says. */
static size_t stack_bytes(const struct evm_vm *vm, const struct frame *f)
{
    int64_t size = (f->sp - f->stack) * (int64_t)sizeof *f->sp;
    if (f == vm->top && f->tip)
        size += f->tip[1].at[0];
    return (size_t)size;
}

static void put(struct evm_buf *b, const void *data, size_t size)
{
    if (size)
        evm_buf_append(b, (struct evm_bytes){data, size});
}

bool evm_vm_save(const struct evm_vm *vm, size_t most, struct evm_vm_saved *out)
{
    if (evm_vm_progress(vm) == 0)
        return false;
    out->depth = (uint32_t)(vm->top - vm->frames) + 1;
    out->memory = vm->top->memory_offset + vm->top->memory_size;
    out->returned = vm->returndata.size;
    out->arena = vm->arena;
    out->arena_size = vm->arena_size;
    size_t size = out->depth * sizeof *vm->frames + out->memory + out->returned;
    for (const struct frame *f = vm->frames; f <= vm->top; f++)
        size += stack_bytes(vm, f);
    evm_buf_clear(&out->bytes);
    if (size > most)
        return false;
    put(&out->bytes, vm->frames, out->depth * sizeof *vm->frames);
    for (const struct frame *f = vm->frames; f <= vm->top; f++)
        put(&out->bytes, f->stack, stack_bytes(vm, f));
    put(&out->bytes, vm->arena, out->memory);
    put(&out->bytes, vm->returndata.data, out->returned);
    return !out->bytes.failed;
}

/* An input that lay in the memory of a frame below lies at the same place of the arena. */
static void rebase_input(struct evm_vm *vm, struct frame *f, const struct evm_vm_saved *from)
{
    uintptr_t at = (uintptr_t)f->input.data, arena = (uintptr_t)from->arena;
    if (f->input.size && at >= arena && at < arena + from->arena_size)
        f->input.data = vm->arena + (at - arena);
}

void evm_vm_restore(struct evm_vm *vm, const struct evm_vm_saved *from)
{
    const uint8_t *at = from->bytes.data;
    vm_drop_frames(vm);
    memcpy(vm->frames, at, from->depth * sizeof *vm->frames); /* they keep their stacks */
    at += from->depth * sizeof *vm->frames;
    vm->top = vm->frames + from->depth - 1;
    for (struct frame *f = vm->frames; f <= vm->top; f++) {
        memcpy(f->stack, at, stack_bytes(vm, f));
        at += stack_bytes(vm, f);
        rebase_input(vm, f, from);
    }
    if (from->memory)
        memcpy(vm->arena, at, from->memory);
    evm_buf_clear(&vm->returndata);
    put(&vm->returndata, at + from->memory, from->returned);
    vm->phase = VM_RUN;
    vm->retrying = true;
    vm->no_memory = vm->returndata.failed;
}

void evm_vm_saved_fini(struct evm_vm_saved *saved)
{
    evm_buf_fini(&saved->bytes);
}
