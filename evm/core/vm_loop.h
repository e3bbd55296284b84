/* evm/core/vm_loop.h - the interpreter's loop, included by vm_fast.c and vm_metered.c.
 *
 * The includer defines VM_LOOP (the function's name), VM_LABELS (the vm's label table) and
 * VM_METERED (0 or 1). Dispatch is one indirect jump at the end of every opcode. Prices and stack
 * needs of opcodes that never changed are compile-time constants from opcodes.def; those that did,
 * and those that touch the state, are functions outside.
 *
 * This is the plain loop: one byte of code after the other, each opcode's own price and stack check
 * at its start, in ENTER. It runs what is cold, initcode and whatever is traced, and is what the
 * loop for translated programs (vm_program.c) is compared with. */
#include "evm/core/vm_bodies.h"

#pragma GCC diagnostic ignored "-Wpedantic" /* labels as values */

enum {
#define OP(byte, name, pops, pushes, gas, since, flags, cost, doc)                                 \
    GAS_##name = gas, POPS_##name = pops, PUSHES_##name = pushes,
#define OP_GAS(name, fork, gas)
#include "evm/core/opcodes.def"
#undef OP
#undef OP_GAS
};

/* ---- registers ------------------------------------------------------------------------------- */

#define SAVE() (f->ip = ip, f->sp = sp, f->gas = gas)

#define LOAD()                                                                                     \
    do {                                                                                           \
        f = vm->top;                                                                               \
        ip = f->ip;                                                                                \
        sp = f->sp;                                                                                \
        gas = f->gas;                                                                              \
        bottom = f->stack;                                                                         \
        mem = vm_memory(vm, f);                                                                    \
    } while (0)

#if VM_METERED
#define NEXT()      goto metered
#define COUNT(c, n) (vm->meter->count[EVM_COST_##c] += (n))
#define RISE()      ((void)0)
#else
#define NEXT()      goto * vm->VM_LABELS[*ip]
#define COUNT(c, n) ((void)0)
#define RISE()                                                                                     \
    do {                                                                                           \
        if (UNLIKELY(f->patience < 0))                                                             \
            goto hot;                                                                              \
    } while (0)
#endif

/* A jump, which leaves `pops` words less. Code that has run much is translated here. */
#define GO_TO(target, pops)                                                                        \
    do {                                                                                           \
        const uint8_t *to_ = (target);                                                             \
        f->patience -= ip - f->since;                                                              \
        f->since = ip = to_;                                                                       \
        sp -= (pops);                                                                              \
        RISE();                                                                                    \
        NEXT();                                                                                    \
    } while (0)

/* ---- checks ---------------------------------------------------------------------------------- */

#define CHECK_STACK(pops, pushes)                                                                  \
    do {                                                                                           \
        if ((pops) > 0 && UNLIKELY(sp < bottom + (pops)))                                          \
            goto underflow;                                                                        \
        if ((pushes) > (pops) && UNLIKELY(sp > bottom + (VM_STACK_WORDS + (pops) - (pushes))))     \
            goto overflow;                                                                         \
    } while (0)

/* The start of an opcode whose price is a constant. */
#define ENTER(name)                                                                                \
    op_##name : CHECK_STACK(POPS_##name, PUSHES_##name);                                           \
    CHARGE(GAS_##name)

#define DONE(name)                                                                                 \
    do {                                                                                           \
        sp += PUSHES_##name - POPS_##name;                                                         \
        ip++;                                                                                      \
        NEXT();                                                                                    \
    } while (0)

/* An opcode outside: stack check here, everything else there. */
#define OUTSIDE(name, call)                                                                        \
    op_##name : CHECK_STACK(POPS_##name, PUSHES_##name);                                           \
    SAVE();                                                                                        \
    next = (call);                                                                                 \
    goto after_outside

/* ---- families of opcodes --------------------------------------------------------------------- */

/* The rows of vm_bodies.def; `d` is where the result lies when the operands are gone. */
#define ROW(name, ...)                                                                             \
    ENTER(name);                                                                                   \
    {                                                                                              \
        struct evm_u256 *d = &sp[-POPS_##name];                                                    \
        const struct evm_u256 *a = &sp[-1], *b = &sp[-2], *c = &sp[-3];                            \
        (void)a, (void)b, (void)c, (void)d;                                                        \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    DONE(name);
#define NULLARY             ROW
#define PURE1               ROW
#define PURE2               ROW
#define PURE2C              ROW
#define PURE3               ROW
#define COMPARE(name, expr) ROW(name, *d = evm_u256_of(expr))
#define COMPAREC            COMPARE
#define UNARY               ROW
#define BINARY              ROW
#define TAKE2               ROW
#define TAKE3               ROW

/* The n bytes after the opcode; codes are padded, so reading past their end is reading zeros. */
#define PUSH_BYTES(n)                                                                              \
    ENTER(PUSH##n);                                                                                \
    load_push(sp, ip + 1, n);                                                                      \
    sp++;                                                                                          \
    ip += 1 + n;                                                                                   \
    NEXT()

#define DUP(n)                                                                                     \
    ENTER(DUP##n);                                                                                 \
    *sp = sp[-(n)];                                                                                \
    DONE(DUP##n)

#define SWAP(n)                                                                                    \
    ENTER(SWAP##n);                                                                                \
    {                                                                                              \
        struct evm_u256 top = sp[-1];                                                              \
        sp[-1] = sp[-1 - (n)];                                                                     \
        sp[-1 - (n)] = top;                                                                        \
    }                                                                                              \
    DONE(SWAP##n)

#define LOG(n) OUTSIDE(LOG##n, vm_op_log(vm, f, n))

static inline void load_push(struct evm_u256 *out, const uint8_t *p, unsigned n)
{
    uint64_t w[4] = {0};
    unsigned full = n / 8, part = n % 8;
    for (unsigned i = 0; i < full; i++)
        w[i] = evm_load_be64(p + n - 8 * (i + 1));
    if (part)
        w[full] = evm_load_be64(p) >> (64 - 8 * part);
    *out = (struct evm_u256){{w[0], w[1], w[2], w[3]}};
}

static inline bool is_jumpdest(const struct evm_code *code, const struct evm_u256 *to)
{
    return evm_u256_fits64(to) && to->w[0] < code->size &&
           (code->jumpdests[to->w[0] / 64] >> (to->w[0] % 64) & 1);
}

#if VM_METERED
static void trace(struct evm_vm *vm, const struct frame *f)
{
    struct evm_trace_step s = {
        .pc = (uint64_t)(f->ip - f->code->bytes),
        .op = *f->ip,
        .name = vm->rules->ops[*f->ip].name,
        .gas = f->gas,
        .depth = (uint32_t)(f - vm->frames) + 1,
        .memory = {vm_memory(vm, f), f->memory_size},
        .stack = f->stack,
        .stack_size = (size_t)(f->sp - f->stack),
        .return_data = evm_buf_bytes(&vm->returndata),
        .refund = evm_journal_refund(vm->journal),
    };
    if (vm->trace_open)
        vm_trace_charge(vm, f->gas, EVM_HALT_STOP);
    vm->trace_open = true;
    vm->trace_op = s.op;
    vm->trace_gas = s.gas;
    vm->trace_asked = 0;
    if (vm->tracer->step)
        vm->tracer->step(vm->tracer->self, &s);
}
#endif

enum evm_step VM_LOOP(struct evm_vm *vm, const void *const **labels)
{
    static const void *const all[257] = {
#define OP(byte, name, pops, pushes, gas, since, flags, cost, doc) [byte] = &&op_##name,
#define OP_GAS(name, fork, gas)
#include "evm/core/opcodes.def"
#undef OP
#undef OP_GAS
        [256] = &&op_undefined,
    };
    if (labels) {
        *labels = all;
        return EVM_STEP_DONE;
    }

    struct frame *f;
    const uint8_t *ip;
    struct evm_u256 *sp, *bottom;
    uint8_t *mem;
    int64_t gas;
    enum vm_next next;
    enum evm_halt halt;
    LOAD();
    NEXT();

#if VM_METERED
metered:
    if (UNLIKELY(vm->budget == 0)) {
        SAVE();
        return EVM_STEP_SLICE;
    }
    vm->budget--;
    if (vm->tracer && !vm->retrying) {
        SAVE();
        trace(vm, f);
    }
    vm->retrying = false;
    vm->meter->count[vm->rules->ops[*ip].cost]++;
    goto * vm->VM_LABELS[*ip];
#endif

#include "evm/core/vm_bodies.def"

    /* ---- the stack -------------------------------------------------------------------------- */

    ENTER(POP);
    DONE(POP);

    ROW(PC, *d = evm_u256_of((uint64_t)(ip - f->code->bytes)))
    ROW(GAS, *d = evm_u256_of((uint64_t)gas))

    ROW(PUSH0, *d = evm_u256_of(0))
    PUSH_BYTES(1);
    PUSH_BYTES(2);
    PUSH_BYTES(3);
    PUSH_BYTES(4);
    PUSH_BYTES(5);
    PUSH_BYTES(6);
    PUSH_BYTES(7);
    PUSH_BYTES(8);
    PUSH_BYTES(9);
    PUSH_BYTES(10);
    PUSH_BYTES(11);
    PUSH_BYTES(12);
    PUSH_BYTES(13);
    PUSH_BYTES(14);
    PUSH_BYTES(15);
    PUSH_BYTES(16);
    PUSH_BYTES(17);
    PUSH_BYTES(18);
    PUSH_BYTES(19);
    PUSH_BYTES(20);
    PUSH_BYTES(21);
    PUSH_BYTES(22);
    PUSH_BYTES(23);
    PUSH_BYTES(24);
    PUSH_BYTES(25);
    PUSH_BYTES(26);
    PUSH_BYTES(27);
    PUSH_BYTES(28);
    PUSH_BYTES(29);
    PUSH_BYTES(30);
    PUSH_BYTES(31);
    PUSH_BYTES(32);

    DUP(1);
    DUP(2);
    DUP(3);
    DUP(4);
    DUP(5);
    DUP(6);
    DUP(7);
    DUP(8);
    DUP(9);
    DUP(10);
    DUP(11);
    DUP(12);
    DUP(13);
    DUP(14);
    DUP(15);
    DUP(16);

    SWAP(1);
    SWAP(2);
    SWAP(3);
    SWAP(4);
    SWAP(5);
    SWAP(6);
    SWAP(7);
    SWAP(8);
    SWAP(9);
    SWAP(10);
    SWAP(11);
    SWAP(12);
    SWAP(13);
    SWAP(14);
    SWAP(15);
    SWAP(16);

    /* ---- control -------------------------------------------------------------------------------
     */

    ENTER(JUMP);
    if (UNLIKELY(!is_jumpdest(f->code, &sp[-1])))
        goto bad_jump;
    GO_TO(f->code->bytes + sp[-1].w[0], 1);

    ENTER(JUMPI);
    if (evm_u256_is_zero(&sp[-2])) {
        ip++;
        sp -= 2;
        NEXT();
    }
    if (UNLIKELY(!is_jumpdest(f->code, &sp[-1])))
        goto bad_jump;
    GO_TO(f->code->bytes + sp[-1].w[0], 2);

    ENTER(JUMPDEST);
    ip++;
    NEXT();

op_STOP:
    SAVE();
    vm_leave(vm, EVM_HALT_STOP, NULL, 0);
    goto switched;

    ENTER(RETURN);
    REACH(&sp[-1], &sp[-2]);
    SAVE();
    vm_leave(vm, EVM_HALT_STOP, sp[-2].w[0] ? mem + sp[-1].w[0] : NULL, (size_t)sp[-2].w[0]);
    goto switched;

    ENTER(REVERT);
    REACH(&sp[-1], &sp[-2]);
    SAVE();
    vm_leave(vm, EVM_HALT_REVERT, sp[-2].w[0] ? mem + sp[-1].w[0] : NULL, (size_t)sp[-2].w[0]);
    goto switched;

    /* ---- the state: outside --------------------------------------------------------------------
     */

    OUTSIDE(BALANCE, vm_op_balance(vm, f));
    OUTSIDE(SELFBALANCE, vm_op_selfbalance(vm, f));
    OUTSIDE(EXTCODESIZE, vm_op_extcodesize(vm, f));
    OUTSIDE(EXTCODECOPY, vm_op_extcodecopy(vm, f));
    OUTSIDE(EXTCODEHASH, vm_op_extcodehash(vm, f));
    OUTSIDE(BLOCKHASH, vm_op_blockhash(vm, f));
    OUTSIDE(SLOAD, vm_op_sload(vm, f));
    OUTSIDE(SSTORE, vm_op_sstore(vm, f));
    OUTSIDE(TLOAD, vm_op_tload(vm, f));
    OUTSIDE(TSTORE, vm_op_tstore(vm, f));
    LOG(0);
    LOG(1);
    LOG(2);
    LOG(3);
    LOG(4);
    OUTSIDE(CALL, vm_op_call(vm, f, EVM_CALL));
    OUTSIDE(CALLCODE, vm_op_call(vm, f, EVM_CALLCODE));
    OUTSIDE(DELEGATECALL, vm_op_call(vm, f, EVM_DELEGATECALL));
    OUTSIDE(STATICCALL, vm_op_call(vm, f, EVM_STATICCALL));
    OUTSIDE(CREATE, vm_op_create(vm, f, EVM_CREATE));
    OUTSIDE(CREATE2, vm_op_create(vm, f, EVM_CREATE2));
    OUTSIDE(SELFDESTRUCT, vm_op_selfdestruct(vm, f));

after_outside:
    if (LIKELY(next == VM_NEXT)) {
        sp = f->sp;
        gas = f->gas;
        mem = vm_memory(vm, f);
        ip++;
        NEXT();
    }
    if (next == VM_SWITCH)
        goto switched;
    if (next == VM_PENDING) {
#if VM_METERED
        vm->meter->count[vm->rules->ops[*ip].cost]--;
#endif
        vm->retrying = true;
        return EVM_STEP_READ;
    }
    halt = vm->halt;
    goto failed;

    /* ---- ends ----------------------------------------------------------------------------------
     */

op_undefined:
op_INVALID:
    halt = EVM_HALT_INVALID_OPCODE;
    goto failed;
underflow:
    halt = EVM_HALT_STACK_UNDERFLOW;
    goto failed;
overflow:
    halt = EVM_HALT_STACK_OVERFLOW;
    goto failed;
bad_jump:
    halt = EVM_HALT_BAD_JUMP;
    goto failed;
out_of_gas:
    halt = EVM_HALT_OUT_OF_GAS;
failed:
    SAVE();
    vm_leave(vm, halt, NULL, 0);
switched:
    if (vm->phase == VM_DONE)
        return EVM_STEP_DONE;
    if (vm->top->tip) {
        vm->crossing = true;
        return EVM_STEP_SLICE;
    }
    LOAD();
    NEXT();

#if !VM_METERED
hot:
    SAVE();
    if (vm_tier_rise(vm, f))
        goto switched;
    NEXT();
#endif
}
