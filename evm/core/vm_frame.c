/* Entering and leaving calls and creations: snapshots, value, code deposit, results. */
#include "evm/core/alloc.h"
#include "evm/core/vm_internal.h"

/* ---- results --------------------------------------------------------------------------------- */

/* The caller's side of a call that ended. vm->returndata holds the output. */
static void resume_caller(struct evm_vm *vm, struct frame *f, bool is_create, enum evm_halt halt,
                          int64_t gas, const struct evm_addr *created, size_t out_offset,
                          size_t out_size)
{
    f->gas += gas;
    if (is_create) {
        if (halt == EVM_HALT_STOP)
            evm_u256_from_addr(f->sp, created);
        else
            *f->sp = evm_u256_of(0);
    } else {
        size_t n = vm->returndata.size < out_size ? vm->returndata.size : out_size;
        if (n) {
            memcpy(vm_memory(vm, f) + out_offset, vm->returndata.data, n);
            vm_count(vm, EVM_COST_COPY, vm_words(n));
        }
        *f->sp = evm_u256_of(halt == EVM_HALT_STOP);
    }
    f->sp++;
}

static void finish(struct evm_vm *vm, enum evm_halt halt, int64_t gas)
{
    vm->result = (struct evm_vm_result){halt, gas, evm_buf_bytes(&vm->returndata)};
    vm->phase = VM_DONE;
    vm->top = NULL;
}

void vm_deliver(struct evm_vm *vm, const struct vm_call *c, enum evm_halt halt, int64_t gas)
{
    bool is_create = c->kind == EVM_CREATE || c->kind == EVM_CREATE2;
    if (halt != EVM_HALT_STOP && halt != EVM_HALT_REVERT)
        vm->returndata.size = 0;
    if (vm->top)
        resume_caller(vm, vm->top, is_create, halt, gas, &c->self->addr, c->out_offset,
                      c->out_size);
    else
        finish(vm, halt, gas);
}

/* Stores what the initcode returned. Says how the creation ends, and changes *gas and *size. */
static enum evm_halt deposit_code(struct evm_vm *vm, struct frame *f, const uint8_t *code,
                                  size_t *size, int64_t *gas)
{
    const struct evm_rules *rules = vm->rules;
    if (rules->max_code_size && *size > rules->max_code_size)
        return EVM_HALT_CODE_SIZE;
    if (rules->reject_ef_code && *size && code[0] == 0xef)
        return EVM_HALT_BAD_CODE_PREFIX;
    int64_t cost = (int64_t)(*size * rules->code_byte_gas);
    if (*gas < cost) {
        /* In Frontier the contract then exists without code, and the gas is not lost. */
        *size = 0;
        return rules->deposit_must_be_paid ? EVM_HALT_OUT_OF_GAS : EVM_HALT_STOP;
    }
    *gas -= cost;
    if (*size) {
        struct evm_bytes bytes = {code, *size};
        const struct evm_code *stored = evm_codes_add(evm_journal_codes(vm->journal), bytes);
        if (stored)
            evm_journal_set_code(vm->journal, f->self, stored);
        else
            vm->no_memory = true;
        vm_count(vm, EVM_COST_KECCAK, *size / 136 + 1);
        vm_count(vm, EVM_COST_COPY, vm_words(*size));
    }
    return EVM_HALT_STOP;
}

void vm_leave(struct evm_vm *vm, enum evm_halt halt, const uint8_t *output, size_t size)
{
    struct frame *f = vm->top;
    bool is_create = f->kind == EVM_CREATE || f->kind == EVM_CREATE2;
    int64_t gas = f->gas;
    if (vm->trace_open)
        vm_trace_charge(vm, gas, halt);
    vm_tier_leave(f);
    if (is_create && halt == EVM_HALT_STOP)
        halt = deposit_code(vm, f, output, &size, &gas);
    if (halt != EVM_HALT_STOP) {
        evm_journal_revert(vm->journal, f->snapshot);
        if (halt != EVM_HALT_REVERT) {
            gas = 0;
            size = 0;
        }
    }
    struct frame *caller = f == vm->frames ? NULL : f - 1;
    evm_buf_clear(&vm->returndata);
    /* A creation that went well leaves no return data (EIP-211); at top level its code is shown. */
    if (!(is_create && halt == EVM_HALT_STOP && caller) && size)
        evm_buf_append(&vm->returndata, (struct evm_bytes){output, size});
    free(f->initcode);
    f->initcode = NULL;
    vm->top = caller;
    if (caller)
        resume_caller(vm, caller, is_create, halt, gas, &f->self->addr, f->out_offset, f->out_size);
    else
        finish(vm, halt, gas);
}

/* ---- entering -------------------------------------------------------------------------------- */

static enum vm_next run_precompile(struct evm_vm *vm, const struct vm_call *c,
                                   evm_snapshot snapshot)
{
    uint64_t price = c->precompile->gas(vm->rules, c->input);
    enum evm_halt halt = EVM_HALT_STOP;
    int64_t gas = c->gas;
    evm_buf_clear(&vm->returndata);
    if (price > (uint64_t)gas) {
        halt = EVM_HALT_OUT_OF_GAS;
    } else {
        gas -= (int64_t)price;
        if (c->precompile->address == 1)
            vm_count(vm, EVM_COST_ECRECOVER, 1);
        else
            vm_count(vm, EVM_COST_PRECOMPILE, price);
        if (!c->precompile->run(vm->rules, c->input, &vm->returndata))
            halt = EVM_HALT_PRECOMPILE_FAILURE;
    }
    if (vm->returndata.failed)
        vm->no_memory = true;
    if (halt != EVM_HALT_STOP) {
        evm_journal_revert(vm->journal, snapshot);
        gas = 0;
    }
    vm_deliver(vm, c, halt, gas);
    return VM_SWITCH;
}

static enum vm_next push_code(struct evm_vm *vm, const struct vm_call *c, evm_snapshot snapshot)
{
    struct frame *f = vm_push_frame(vm);
    if (!f) {
        evm_journal_revert(vm->journal, snapshot);
        vm_deliver(vm, c, EVM_HALT_OUT_OF_GAS, 0);
        return VM_SWITCH;
    }
    f->ip = c->code->bytes;
    f->code = c->code;
    vm_tier_start(vm, f);
    f->gas = c->gas;
    f->input = c->input;
    f->self = c->self;
    f->caller = c->caller;
    f->kind = c->kind;
    f->value = c->value;
    f->is_static = c->is_static;
    f->snapshot = snapshot;
    f->out_offset = c->out_offset;
    f->out_size = c->out_size;
    evm_buf_clear(&vm->returndata);
    vm_count(vm, EVM_COST_CALL, 1);
    return VM_SWITCH;
}

enum vm_next vm_enter_call(struct evm_vm *vm, const struct vm_call *c)
{
    evm_snapshot snapshot = evm_journal_snapshot(vm->journal);
    if (c->kind == EVM_CALL && !evm_u256_is_zero(&c->value)) {
        bool paid = evm_journal_sub_balance(vm->journal, c->payer, &c->value);
        EVM_CHECK(paid, "value moved without being there (%d)", paid);
        evm_journal_add_balance(vm->journal, c->self, &c->value);
    } else if (c->kind == EVM_CALL || c->kind == EVM_STATICCALL) {
        evm_journal_touch(vm->journal, c->self);
    }
    if (c->precompile)
        return run_precompile(vm, c, snapshot);
    if (c->code->size == 0) {
        evm_buf_clear(&vm->returndata);
        vm_deliver(vm, c, EVM_HALT_STOP, c->gas);
        return VM_SWITCH;
    }
    return push_code(vm, c, snapshot);
}

enum vm_next vm_enter_create(struct evm_vm *vm, const struct vm_call *c)
{
    struct evm_jaccount *self = c->self;
    evm_buf_clear(&vm->returndata);
    /* EIP-684, and EIP-7610 for storage left behind. */
    if (self->nonce != 0 || self->code->size != 0 || self->has_storage) {
        vm_deliver(vm, c, EVM_HALT_ADDRESS_COLLISION, 0);
        return VM_SWITCH;
    }
    evm_snapshot snapshot = evm_journal_snapshot(vm->journal);
    evm_journal_create_contract(vm->journal, self);
    if (!evm_u256_is_zero(&c->value)) {
        bool paid = evm_journal_sub_balance(vm->journal, c->payer, &c->value);
        EVM_CHECK(paid, "value moved without being there (%d)", paid);
        evm_journal_add_balance(vm->journal, self, &c->value);
    }
    struct vm_call run = *c;
    struct evm_code *initcode = evm_code_make(NULL, c->input);
    if (!initcode)
        vm->no_memory = true;
    run.code = initcode ? initcode : evm_code_empty();
    run.input = (struct evm_bytes){NULL, 0};
    vm_count(vm, EVM_COST_COPY, vm_words(c->input.size));
    enum vm_next next = push_code(vm, &run, snapshot);
    if (vm->top && vm->top->code == initcode)
        vm->top->initcode = initcode;
    else
        free(initcode);
    return next;
}
