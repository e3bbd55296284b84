/* evm/core/vm_loop.h - the interpreter's loop, included by vm_fast.c and vm_metered.c.
 *
 * The includer defines VM_LOOP (the function's name), VM_LABELS (the vm's label table) and
 * VM_METERED (0 or 1). Dispatch is one indirect jump at the end of every opcode. Prices and stack
 * needs of opcodes that never changed are compile-time constants from opcodes.def; those that did,
 * and those that touch the state, are functions outside.
 *
 * Each opcode's own price and stack check stand at its start, in ENTER; a later version can charge
 * them once a basic block instead, since EVM_OPF_JUMP, _END and _GAS say where blocks end and which
 * opcodes look at the gas. */
#include "evm/core/keccak.h"
#include "evm/core/keccak_cache.h"
#include "evm/core/vm_internal.h"

#pragma GCC diagnostic ignored "-Wpedantic" /* labels as values */

enum {
#define OP(byte, name, pops, pushes, gas, since, flags, cost, doc)                                 \
    GAS_##name = gas, POPS_##name = pops, PUSHES_##name = pushes,
#define OP_GAS(name, fork, gas)
#include "evm/core/opcodes.def"
#undef OP
#undef OP_GAS
};

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

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
#else
#define NEXT()      goto * vm->VM_LABELS[*ip]
#define COUNT(c, n) ((void)0)
#endif

/* ---- checks ---------------------------------------------------------------------------------- */

#define CHECK_STACK(pops, pushes)                                                                  \
    do {                                                                                           \
        if ((pops) > 0 && UNLIKELY(sp < bottom + (pops)))                                          \
            goto underflow;                                                                        \
        if ((pushes) > (pops) && UNLIKELY(sp > bottom + (VM_STACK_WORDS + (pops) - (pushes))))     \
            goto overflow;                                                                         \
    } while (0)

#define CHARGE(n)                                                                                  \
    do {                                                                                           \
        if (UNLIKELY((gas -= (int64_t)(n)) < 0))                                                   \
            goto out_of_gas;                                                                       \
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

/* Makes memory reach over [*offset, *offset + *size); afterwards both fit, or size is 0. */
#define REACH(offset, size)                                                                        \
    do {                                                                                           \
        gas = vm_grow(vm, f, (offset), (size), gas);                                               \
        if (UNLIKELY(gas < 0))                                                                     \
            goto out_of_gas;                                                                       \
        mem = vm_memory(vm, f);                                                                    \
    } while (0)

/* The same for one word or byte, with the usual case inline. */
#define REACH_CONST(offset, bound, n)                                                              \
    do {                                                                                           \
        if (UNLIKELY(!evm_u256_fits64(offset) || (offset)->w[0] >= f->bound)) {                    \
            struct evm_u256 size_ = {{(n), 0, 0, 0}};                                              \
            REACH(offset, &size_);                                                                 \
        }                                                                                          \
    } while (0)

/* ---- families of opcodes --------------------------------------------------------------------- */

#define BINARY(name, expr)                                                                         \
    ENTER(name);                                                                                   \
    {                                                                                              \
        const struct evm_u256 *a = &sp[-1];                                                        \
        struct evm_u256 *b = &sp[-2];                                                              \
        expr;                                                                                      \
    }                                                                                              \
    DONE(name)

#define COMPARE(name, expr) BINARY(name, *b = evm_u256_of(expr))

#define BITWISE(name, op) BINARY(name, for (int i = 0; i < 4; i++) b->w[i] = a->w[i] op b->w[i])

#define SHIFT(name, function, beyond)                                                              \
    BINARY(name,                                                                                   \
           if (LIKELY(evm_u256_fits64(a) && a->w[0] < 256)) function(b, b, (unsigned)a->w[0]);     \
           else beyond)

#define TERNARY(name, function)                                                                    \
    ENTER(name);                                                                                   \
    function(&sp[-3], &sp[-1], &sp[-2], &sp[-3]);                                                  \
    DONE(name)

/* Pushes what `fill` writes into *out. */
#define PUSH_WORD(name, fill)                                                                      \
    ENTER(name);                                                                                   \
    {                                                                                              \
        struct evm_u256 *out = sp;                                                                 \
        fill;                                                                                      \
    }                                                                                              \
    DONE(name)

#define PUSH_NUMBER(name, value)  PUSH_WORD(name, *out = evm_u256_of(value))
#define PUSH_ADDRESS(name, value) PUSH_WORD(name, evm_u256_from_addr(out, value))

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

/* One word of memory per `gas` more gas: the copies. */
#define COPY_FROM(name, source)                                                                    \
    ENTER(name);                                                                                   \
    REACH(&sp[-1], &sp[-3]);                                                                       \
    {                                                                                              \
        uint64_t n = sp[-3].w[0];                                                                  \
        CHARGE(3 * vm_words(n));                                                                   \
        if (n)                                                                                     \
            vm_copy_padded(mem + sp[-1].w[0], source, &sp[-2], (size_t)n);                         \
        COUNT(COPY, vm_words(n));                                                                  \
    }                                                                                              \
    DONE(name)

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

    /* ---- arithmetic -------------------------------------------------------------------------- */

    BINARY(ADD, evm_u256_add(b, a, b));
    BINARY(MUL, evm_u256_mul(b, a, b));
    BINARY(SUB, evm_u256_sub(b, a, b));
    BINARY(DIV, evm_u256_div(b, a, b));
    BINARY(SDIV, evm_u256_sdiv(b, a, b));
    BINARY(MOD, evm_u256_mod(b, a, b));
    BINARY(SMOD, evm_u256_smod(b, a, b));
    TERNARY(ADDMOD, evm_u256_addmod);
    TERNARY(MULMOD, evm_u256_mulmod);
    BINARY(SIGNEXTEND, evm_u256_signextend(b, a, b));

    ENTER(EXP);
    {
        uint64_t bytes = (evm_u256_bits(&sp[-2]) + 7) / 8;
        CHARGE(bytes * vm->rules->exp_byte_gas);
        evm_u256_exp(&sp[-2], &sp[-1], &sp[-2]);
        COUNT(EXP, bytes);
    }
    DONE(EXP);

    /* ---- comparison and bits ------------------------------------------------------------------
     */

    COMPARE(LT, evm_u256_lt(a, b));
    COMPARE(GT, evm_u256_lt(b, a));
    COMPARE(SLT, evm_u256_slt(a, b));
    COMPARE(SGT, evm_u256_slt(b, a));
    COMPARE(EQ, evm_u256_eq(a, b));

    ENTER(ISZERO);
    sp[-1] = evm_u256_of(evm_u256_is_zero(&sp[-1]));
    DONE(ISZERO);

    BITWISE(AND, &);
    BITWISE(OR, |);
    BITWISE(XOR, ^);

    ENTER(NOT);
    for (int i = 0; i < 4; i++)
        sp[-1].w[i] = ~sp[-1].w[i];
    DONE(NOT);

    COMPARE(BYTE,
            evm_u256_fits64(a) && a->w[0] < 32 ? evm_u256_byte(b, (unsigned)a->w[0]) : (uint64_t)0);
    SHIFT(SHL, evm_u256_shl, *b = evm_u256_of(0));
    SHIFT(SHR, evm_u256_shr, *b = evm_u256_of(0));
    SHIFT(SAR, evm_u256_sar, evm_u256_sar(b, b, 255));

    ENTER(CLZ);
    sp[-1] = evm_u256_of(256 - evm_u256_bits(&sp[-1]));
    DONE(CLZ);

    ENTER(KECCAK256);
    REACH(&sp[-1], &sp[-2]);
    {
        uint64_t n = sp[-2].w[0];
        struct evm_hash hash;
        CHARGE(vm->rules->keccak_word_gas * vm_words(n));
        evm_keccak256_cached(&hash, (struct evm_bytes){n ? mem + sp[-1].w[0] : mem, (size_t)n});
        evm_u256_load_be(&sp[-2], hash.b);
        COUNT(KECCAK, n / EVM_KECCAK_RATE);
    }
    DONE(KECCAK256);

    /* ---- the call and the block ----------------------------------------------------------------
     */

    PUSH_ADDRESS(ADDRESS, &f->self->addr);
    PUSH_ADDRESS(ORIGIN, &vm->tx->origin);
    PUSH_ADDRESS(CALLER, &f->caller);
    PUSH_WORD(CALLVALUE, *out = f->value);

    ENTER(CALLDATALOAD);
    if (LIKELY(evm_u256_fits64(&sp[-1]) && f->input.size >= 32 &&
               sp[-1].w[0] <= f->input.size - 32)) {
        evm_u256_load_be(&sp[-1], f->input.data + sp[-1].w[0]);
    } else {
        uint8_t word[32];
        vm_copy_padded(word, f->input, &sp[-1], sizeof word);
        evm_u256_load_be(&sp[-1], word);
    }
    DONE(CALLDATALOAD);

    PUSH_NUMBER(CALLDATASIZE, f->input.size);
    COPY_FROM(CALLDATACOPY, f->input);
    PUSH_NUMBER(CODESIZE, f->code->size);
    COPY_FROM(CODECOPY, ((struct evm_bytes){f->code->bytes, f->code->size}));
    PUSH_WORD(GASPRICE, *out = vm->tx->gas_price);
    PUSH_NUMBER(RETURNDATASIZE, vm->returndata.size);

    ENTER(RETURNDATACOPY);
    {
        /* Past the end is a failure here, not zeros (EIP-211), even for a size of 0. */
        uint64_t from = evm_u256_clamp64(&sp[-2]), n = evm_u256_clamp64(&sp[-3]);
        if (UNLIKELY(from > vm->returndata.size || n > vm->returndata.size - from)) {
            halt = EVM_HALT_RETURN_DATA_BOUNDS;
            goto failed;
        }
        REACH(&sp[-1], &sp[-3]);
        CHARGE(3 * vm_words(n));
        if (n)
            memcpy(mem + sp[-1].w[0], vm->returndata.data + from, (size_t)n);
        COUNT(COPY, vm_words(n));
    }
    DONE(RETURNDATACOPY);

    PUSH_ADDRESS(COINBASE, &vm->block->coinbase);
    PUSH_NUMBER(TIMESTAMP, vm->block->timestamp);
    PUSH_NUMBER(NUMBER, vm->block->number);
    PUSH_WORD(PREVRANDAO,
              if (vm->rules->prev_randao) evm_u256_load_be(out, vm->block->prev_randao.b);
              else *out = vm->block->difficulty);
    PUSH_NUMBER(GASLIMIT, vm->block->gas_limit);
    PUSH_NUMBER(CHAINID, vm->block->chain_id);
    PUSH_WORD(BASEFEE, *out = vm->block->base_fee);
    PUSH_WORD(BLOBBASEFEE, *out = vm->block->blob_base_fee);

    ENTER(BLOBHASH);
    if (evm_u256_clamp64(&sp[-1]) < vm->tx->blob_count)
        evm_u256_load_be(&sp[-1], vm->tx->blob_hashes[sp[-1].w[0]].b);
    else
        sp[-1] = evm_u256_of(0);
    DONE(BLOBHASH);

    /* ---- stack and memory ----------------------------------------------------------------------
     */

    ENTER(POP);
    DONE(POP);

    ENTER(MLOAD);
    REACH_CONST(&sp[-1], word_limit, 32);
    evm_u256_load_be(&sp[-1], mem + sp[-1].w[0]);
    DONE(MLOAD);

    ENTER(MSTORE);
    REACH_CONST(&sp[-1], word_limit, 32);
    evm_u256_store_be(mem + sp[-1].w[0], &sp[-2]);
    DONE(MSTORE);

    ENTER(MSTORE8);
    REACH_CONST(&sp[-1], memory_size, 1);
    mem[sp[-1].w[0]] = (uint8_t)sp[-2].w[0];
    DONE(MSTORE8);

    ENTER(MCOPY);
    {
        const struct evm_u256 *far = evm_u256_lt(&sp[-1], &sp[-2]) ? &sp[-2] : &sp[-1];
        REACH(far, &sp[-3]);
        uint64_t n = sp[-3].w[0];
        CHARGE(3 * vm_words(n));
        if (n)
            memmove(mem + sp[-1].w[0], mem + sp[-2].w[0], (size_t)n);
        COUNT(COPY, vm_words(n));
    }
    DONE(MCOPY);

    PUSH_NUMBER(MSIZE, f->memory_size);
    PUSH_NUMBER(PC, (uint64_t)(ip - f->code->bytes));
    PUSH_NUMBER(GAS, (uint64_t)gas);

    PUSH_NUMBER(PUSH0, 0);
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
    ip = f->code->bytes + sp[-1].w[0];
    sp--;
    NEXT();

    ENTER(JUMPI);
    if (evm_u256_is_zero(&sp[-2])) {
        ip++;
    } else {
        if (UNLIKELY(!is_jumpdest(f->code, &sp[-1])))
            goto bad_jump;
        ip = f->code->bytes + sp[-1].w[0];
    }
    sp -= 2;
    NEXT();

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
    LOAD();
    NEXT();
}
