/* CALL and its kin, CREATE and CREATE2, SELFDESTRUCT. */
#include "evm/core/address.h"
#include "evm/core/vm_internal.h"

/* ---- calls ----------------------------------------------------------------------------------- */

/* The operands of a call opcode, and what is found out about them. */
struct call_op {
    const struct evm_u256 *gas, *in_offset, *in_size, *out_offset, *out_size;
    struct evm_u256 value;
    bool pays;
    unsigned pops;
    struct evm_jaccount *callee, *delegate;
    const struct evm_precompile *precompile;
    int64_t rest; /* gas left after everything that is not handed on */
};

static const enum evm_opcode call_opcode[] = {
    [EVM_CALL] = EVM_OP_CALL,
    [EVM_CALLCODE] = EVM_OP_CALLCODE,
    [EVM_DELEGATECALL] = EVM_OP_DELEGATECALL,
    [EVM_STATICCALL] = EVM_OP_STATICCALL,
};

static void read_operands(struct evm_vm *vm, const struct frame *f, enum evm_call_kind kind,
                          struct call_op *c)
{
    const struct evm_u256 *sp = f->sp;
    struct evm_addr addr;
    bool has_value = kind == EVM_CALL || kind == EVM_CALLCODE;
    c->gas = &sp[-1];
    evm_u256_to_addr(&addr, &sp[-2]);
    c->value = has_value ? sp[-3] : evm_u256_of(0);
    c->pays = !evm_u256_is_zero(&c->value);
    sp -= has_value ? 3 : 2;
    c->in_offset = &sp[-1];
    c->in_size = &sp[-2];
    c->out_offset = &sp[-3];
    c->out_size = &sp[-4];
    c->pops = has_value ? 7 : 6;
    c->callee = vm_entry(vm, &addr);
    c->delegate = NULL;
    c->precompile = evm_precompile_find(vm->rules, &addr);
}

/* Takes `cost` from what is left; false if it is not there. */
static inline bool pay(struct call_op *c, uint64_t cost)
{
    c->rest -= (int64_t)cost;
    return c->rest >= 0;
}

/* The price of sending value and, before EIP-161, of calling what is not there. VM_NEXT if paid. */
static enum vm_next pay_value(struct evm_vm *vm, enum evm_call_kind kind, struct call_op *c)
{
    const struct evm_rules *r = vm->rules;
    bool is_new = false;
    if (c->pays && !pay(c, r->call_value_gas))
        return vm_halt(vm, EVM_HALT_OUT_OF_GAS);
    if (kind != EVM_CALL)
        return VM_NEXT;
    if (!r->state_clearing) {
        if (vm_load(vm, c->callee, EVM_NEED_EXISTS) != EVM_READ_OK)
            return VM_PENDING;
        is_new = !c->callee->exists;
    } else if (c->pays) {
        if (evm_journal_empty(vm->journal, c->callee, &is_new) != EVM_READ_OK)
            return VM_PENDING;
    }
    if (is_new && !pay(c, r->call_new_account_gas))
        return vm_halt(vm, EVM_HALT_OUT_OF_GAS);
    return VM_NEXT;
}

/* Loads what the call will run, and pays for the access to a delegate (EIP-7702). */
static enum vm_next find_code(struct evm_vm *vm, struct call_op *c)
{
    if (c->precompile) {
        c->callee->accessed = true;
        return VM_NEXT;
    }
    if (vm_load(vm, c->callee, EVM_NEED_CODE) != EVM_READ_OK)
        return VM_PENDING;
    if (!vm->rules->delegation || !c->callee->code->is_delegation)
        return VM_NEXT;
    c->delegate = vm_entry(vm, &c->callee->code->delegate);
    uint64_t price = (uint64_t)(vm_base_gas(vm, EVM_OP_CALL) + vm_cold_account(vm, c->delegate));
    /* A callee that delegates to itself was warmed by this very call. */
    if (c->delegate == c->callee)
        price = (uint64_t)vm_base_gas(vm, EVM_OP_CALL);
    if (!pay(c, price))
        return vm_halt(vm, EVM_HALT_OUT_OF_GAS);
    return vm_load(vm, c->delegate, EVM_NEED_CODE) == EVM_READ_OK ? VM_NEXT : VM_PENDING;
}

/* Everything up to the point of no return: gas and reads. */
static enum vm_next prepare_call(struct evm_vm *vm, struct frame *f, enum evm_call_kind kind,
                                 struct call_op *c)
{
    if (kind == EVM_CALL && c->pays && f->is_static)
        return vm_halt(vm, EVM_HALT_STATIC_VIOLATION);
    c->rest = vm_grow(vm, f, c->in_offset, c->in_size, f->gas);
    if (c->rest >= 0)
        c->rest = vm_grow(vm, f, c->out_offset, c->out_size, c->rest);
    int64_t base = vm_base_gas(vm, call_opcode[kind]) + vm_cold_account(vm, c->callee);
    if (c->rest < 0 || !pay(c, (uint64_t)base))
        return vm_halt(vm, EVM_HALT_OUT_OF_GAS);
    enum vm_next next = pay_value(vm, kind, c);
    if (next == VM_NEXT)
        next = find_code(vm, c);
    if (next != VM_NEXT)
        return next;
    if (c->pays && vm_load(vm, f->self, EVM_NEED_BALANCE) != EVM_READ_OK)
        return VM_PENDING;
    if (kind == EVM_CALL && c->pays && vm_load(vm, c->callee, EVM_NEED_BALANCE) != EVM_READ_OK)
        return VM_PENDING;
    return VM_NEXT;
}

/* How much of c->rest the call gets; -1 if it asks for more than there is (before EIP-150). */
static int64_t gas_for_call(const struct evm_rules *r, const struct call_op *c)
{
    uint64_t wanted = evm_u256_clamp64(c->gas);
    uint64_t most = (uint64_t)c->rest;
    if (r->gas_cap_63_64)
        most -= most / 64;
    else if (wanted > most)
        return -1;
    return (int64_t)(wanted < most ? wanted : most);
}

static void fill_call(struct evm_vm *vm, struct frame *f, enum evm_call_kind kind,
                      const struct call_op *c, struct vm_call *call)
{
    bool own = kind == EVM_CALL || kind == EVM_STATICCALL;
    *call = (struct vm_call){
        .kind = kind,
        .self = own ? c->callee : f->self,
        .callee = c->callee,
        .payer = f->self,
        .caller = kind == EVM_DELEGATECALL ? f->caller : f->self->addr,
        .value = kind == EVM_DELEGATECALL ? f->value : c->value,
        .is_static = f->is_static || kind == EVM_STATICCALL,
        .precompile = c->precompile,
        .input = {NULL, (size_t)c->in_size->w[0]},
        .out_offset = (size_t)c->out_offset->w[0],
        .out_size = (size_t)c->out_size->w[0],
    };
    if (call->input.size)
        call->input.data = vm_memory(vm, f) + c->in_offset->w[0];
    if (c->precompile)
        return;
    call->code = c->delegate ? c->delegate->code : c->callee->code;
    /* A delegation to a precompile runs nothing. */
    if (c->delegate && evm_precompile_find(vm->rules, &c->delegate->addr))
        call->code = evm_code_empty();
}

enum vm_next vm_op_call(struct evm_vm *vm, struct frame *f, enum evm_call_kind kind)
{
    struct call_op c;
    size_t before = f->memory_size;
    read_operands(vm, f, kind, &c);
    enum vm_next next = prepare_call(vm, f, kind, &c);
    if (next == VM_PENDING)
        return vm_wait(vm, f, before);
    vm->trace_asked = f->gas - c.rest; /* of use if the call fails here */
    if (next != VM_NEXT)
        return next;
    int64_t gas = gas_for_call(vm->rules, &c);
    if (gas < 0)
        return vm_halt(vm, EVM_HALT_OUT_OF_GAS);

    /* From here on the call happens, or fails with its gas given back. */
    struct vm_call call;
    fill_call(vm, f, kind, &c, &call);
    call.gas = gas + (c.pays ? (int64_t)vm->rules->call_stipend : 0);
    vm_warm_account(vm, c.callee);
    if (c.delegate)
        vm_warm_account(vm, c.delegate);
    f->gas = c.rest - gas;
    if (vm->trace_open)
        vm_trace_charge(vm, f->gas, EVM_HALT_STOP);
    f->ip++;
    f->sp -= c.pops;
    bool deep = f - vm->frames >= VM_MAX_DEPTH;
    if (deep || (c.pays && !evm_journal_balance_reaches(vm->journal, f->self, &c.value))) {
        vm_deliver(vm, &call, deep ? EVM_HALT_CALL_DEPTH : EVM_HALT_INSUFFICIENT_BALANCE, call.gas);
        return VM_SWITCH;
    }
    return vm_enter_call(vm, &call);
}

/* ---- creations ------------------------------------------------------------------------------- */

/* Gas left after the opcode's own price, memory and the initcode; below 0 if it is not there. */
static int64_t pay_create(struct evm_vm *vm, struct frame *f, enum evm_call_kind kind)
{
    const struct evm_rules *r = vm->rules;
    const struct evm_u256 *offset = &f->sp[-2], *size = &f->sp[-3];
    int64_t gas = vm_grow(vm, f, offset, size, f->gas - vm_base_gas(vm, EVM_OP_CREATE));
    if (gas < 0)
        return gas;
    uint64_t word = r->initcode_word_gas + (kind == EVM_CREATE2 ? r->keccak_word_gas : 0);
    return gas - (int64_t)(vm_words(size->w[0]) * word);
}

/* A creation that fails before it begins: 0 on the stack, its gas stays with the caller. */
static enum vm_next decline(struct evm_vm *vm, struct frame *f, unsigned pops)
{
    evm_buf_clear(&vm->returndata);
    f->sp -= pops;
    *f->sp++ = evm_u256_of(0);
    return VM_NEXT;
}

enum vm_next vm_op_create(struct evm_vm *vm, struct frame *f, enum evm_call_kind kind)
{
    const struct evm_rules *r = vm->rules;
    struct evm_u256 value = f->sp[-1];
    const struct evm_u256 *offset = &f->sp[-2], *size = &f->sp[-3];
    unsigned pops = kind == EVM_CREATE2 ? 4 : 3;
    bool pays = !evm_u256_is_zero(&value);
    if (f->is_static)
        return vm_halt(vm, EVM_HALT_STATIC_VIOLATION);
    if (r->max_initcode_size && evm_u256_clamp64(size) > r->max_initcode_size)
        return vm_halt(vm, EVM_HALT_INITCODE_SIZE);
    size_t before = f->memory_size;
    int64_t gas = pay_create(vm, f, kind);
    if (gas < 0)
        return vm_short(vm, f->gas - gas);

    struct evm_jaccount *self = f->self;
    if (vm_load(vm, self, EVM_NEED_NONCE | (pays ? EVM_NEED_BALANCE : 0)) != EVM_READ_OK)
        return vm_wait(vm, f, before);
    if (f - vm->frames >= VM_MAX_DEPTH || self->nonce == UINT64_MAX ||
        (pays && !evm_journal_balance_reaches(vm->journal, self, &value))) {
        f->gas = gas;
        return decline(vm, f, pops);
    }
    struct evm_bytes initcode = {NULL, (size_t)size->w[0]};
    struct evm_addr addr;
    if (initcode.size)
        initcode.data = vm_memory(vm, f) + offset->w[0];
    if (kind == EVM_CREATE2)
        evm_create2_address(&self->addr, &f->sp[-4], initcode, &addr);
    else
        evm_create_address(&self->addr, self->nonce, &addr);
    struct evm_jaccount *made = vm_entry(vm, &addr);
    const unsigned need = EVM_NEED_NONCE | EVM_NEED_CODE | EVM_NEED_STORAGE;
    if (vm_load(vm, made, need | (pays ? EVM_NEED_BALANCE : 0)) != EVM_READ_OK)
        return vm_wait(vm, f, before);

    struct vm_call call = {
        .kind = kind,
        .self = made,
        .callee = made,
        .payer = self,
        .caller = self->addr,
        .value = value,
        .input = initcode,
        .gas = r->gas_cap_63_64 ? gas - gas / 64 : gas,
    };
    if (kind == EVM_CREATE2)
        vm_count(vm, EVM_COST_KECCAK, initcode.size / 136 + 2);
    else
        vm_count(vm, EVM_COST_KECCAK, 1);
    if (vm->trace_open)
        vm_trace_charge(vm, gas, EVM_HALT_STOP);
    f->gas = gas - call.gas;
    f->ip++;
    f->sp -= pops;
    evm_journal_set_nonce(vm->journal, self, self->nonce + 1);
    vm_warm_account(vm, made);
    return vm_enter_create(vm, &call);
}

/* ---- the end of an account ------------------------------------------------------------------- */

enum vm_next vm_op_selfdestruct(struct evm_vm *vm, struct frame *f)
{
    const struct evm_rules *r = vm->rules;
    struct evm_jaccount *self = f->self;
    struct evm_addr addr;
    if (f->is_static)
        return vm_halt(vm, EVM_HALT_STATIC_VIOLATION);
    evm_u256_to_addr(&addr, &f->sp[-1]);
    struct evm_jaccount *heir = vm_entry(vm, &addr);
    int64_t cost = vm_base_gas(vm, EVM_OP_SELFDESTRUCT);
    /* The full price of a cold access; a warm one is free here (EIP-2929). */
    if (r->access_lists && !heir->warm)
        cost += (int64_t)r->cold_account_extra_gas + vm_base_gas(vm, EVM_OP_BALANCE);
    if (f->gas < cost)
        return vm_short(vm, cost);

    if (vm_load(vm, self, EVM_NEED_BALANCE) != EVM_READ_OK)
        return VM_PENDING;
    struct evm_u256 all = self->balance;
    bool pays = !evm_u256_is_zero(&all), is_new = false;
    self->balance_observed = true;
    heir->accessed = true;
    if (r->state_clearing && pays) {
        if (vm_load(vm, heir, EVM_NEED_BALANCE) != EVM_READ_OK ||
            evm_journal_empty(vm->journal, heir, &is_new) != EVM_READ_OK)
            return VM_PENDING;
        is_new = is_new && r->selfdestruct_new_account_gas;
    } else {
        unsigned need = r->state_clearing ? 0 : EVM_NEED_EXISTS;
        if (vm_load(vm, heir, need | (pays ? EVM_NEED_BALANCE : 0)) != EVM_READ_OK)
            return VM_PENDING;
        is_new = !r->state_clearing && !heir->exists;
    }
    if (is_new)
        cost += (int64_t)r->selfdestruct_new_account_gas;
    if (f->gas < cost)
        return vm_short(vm, cost);

    f->gas -= cost;
    vm_warm_account(vm, heir);
    bool dies = !r->selfdestruct_only_new || self->created;
    if (heir != self) {
        evm_journal_sub_balance(vm->journal, self, &all);
        if (pays)
            evm_journal_add_balance(vm->journal, heir, &all);
        else
            evm_journal_touch(vm->journal, heir);
    } else if (dies) {
        evm_journal_sub_balance(vm->journal, self, &all); /* to itself, and gone with it */
    }
    if (dies && evm_journal_mark_destructed(vm->journal, self))
        evm_journal_add_refund(vm->journal, (int64_t)r->selfdestruct_refund);
    vm_leave(vm, EVM_HALT_STOP, NULL, 0);
    return VM_SWITCH;
}
