/* The loop that runs translated programs (program_internal.h says what they are).
 *
 * Nothing is checked between one entry and the next but what depends on operands: memory and the
 * opcodes' variable gas. A run that cannot pay for a block or whose stack does not fit it goes back
 * to the plain loop at the block's start, which then finds the very opcode it fails at. */
#include "evm/core/keccak_memo.h"
#include "evm/core/program_internal.h"
#include "evm/core/vm_bodies.h"

#pragma GCC diagnostic ignored "-Wpedantic" /* labels as values */
#pragma GCC diagnostic ignored "-Wpsabi"    /* vectors are arguments of inline functions only */

#define COUNT(c, n) vm_count(vm, EVM_COST_##c, (n))

/* Operand i, and a constant that begins at word i. */
#define AT(i)       ((struct evm_u256 *)(void *)((uint8_t *)sp + ip[1].at[i]))
#define CONSTANT(i) ((const struct evm_u256 *)(const void *)(ip + (i)))

#define NEXT(words)                                                                                \
    do {                                                                                           \
        ip += (words);                                                                             \
        goto * ip->op;                                                                             \
    } while (0)

/* Leaves the block with the stack pointer where the stack ends. */
#define LEAVE() (sp = AT(0))

/* Enters at `e`; sp is the end of the stack. */
#define ENTER(to_)                                                                                 \
    do {                                                                                           \
        e = (to_);                                                                                 \
        if (UNLIKELY((uint64_t)((uint8_t *)sp - (uint8_t *)bottom) - e->need > e->range))          \
            goto refused;                                                                          \
        if (UNLIKELY((gas -= e->gas) < 0))                                                         \
            goto unpaid;                                                                           \
        if (UNLIKELY(vm->meter != NULL))                                                           \
            goto metered;                                                                          \
        ip = e->body;                                                                              \
        sp = (struct evm_u256 *)(void *)((uint8_t *)sp - e->height);                               \
        goto * ip->op;                                                                             \
    } while (0)

#define LOAD()                                                                                     \
    do {                                                                                           \
        f = vm->top;                                                                               \
        ip = f->tip;                                                                               \
        sp = f->sp;                                                                                \
        gas = f->gas;                                                                              \
        bottom = f->stack;                                                                         \
        mem = vm_memory(vm, f);                                                                    \
    } while (0)

/* An opcode outside the loop. Its block has ended: gas and stack are exact. */
#define OUTSIDE(name, call)                                                                        \
    p_##name : f->sp = AT(0);                                                                      \
    f->gas = gas;                                                                                  \
    f->ip = f->code->bytes + ip[2].number;                                                         \
    f->tip = ip[3].to->enter;                                                                      \
    if (vm->meter)                                                                                 \
        count_outside(vm, EVM_OP_##name);                                                          \
    next = (call);                                                                                 \
    goto after_outside

static void count_outside(struct evm_vm *vm, enum evm_opcode op)
{
    vm->meter->count[vm->rules->ops[op].cost]++;
    if (vm->budget)
        vm->budget--;
}

static void count_block(struct evm_vm *vm, const struct program_entry *e)
{
    for (int c = 0; c < PROGRAM_CLASSES; c++)
        vm->meter->count[c] += e->count[c];
    struct evm_keccak_memo *memo = vm->meter->memo;
    if (memo && memo->code) {
        uint64_t tag = evm_code_block_tag(&vm->top->code->hash, e->pc);
        vm->meter->cold_blocks += !evm_keccak_kept_meet(memo->code, tag);
        memo->first_blocks += !evm_keccak_kept_meet(&memo->all, tag);
    }
    vm->budget -= e->ops < vm->budget ? e->ops : vm->budget;
}

/* A jump's target, or NULL. */
static inline const struct program_entry *find_entry(const struct evm_program *p,
                                                     const struct evm_u256 *to)
{
    if (UNLIKELY(!evm_u256_fits64(to) || to->w[0] >= p->code_size))
        return NULL;
    uint16_t i = p->entry_at[to->w[0]];
    return i ? &p->entries[i] : NULL;
}

/* Four limbs at once, at any address. */
typedef uint64_t limbs __attribute__((vector_size(32), aligned(8), may_alias));

static inline limbs limbs_of(const struct evm_u256 *x)
{
    return *(const limbs *)(const void *)x;
}

static inline void limbs_to(struct evm_u256 *d, limbs x)
{
    *(limbs *)(void *)d = x;
}

/* x << (64 i + n) and x >> (64 i + n), 0 < n < 64; i is a constant. */
static inline limbs limbs_up(limbs x, int i)
{
    const limbs zero = {0};
    switch (i) {
    case 0: return x;
    case 1: return (limbs)__builtin_shufflevector(x, zero, 4, 0, 1, 2);
    case 2: return (limbs)__builtin_shufflevector(x, zero, 4, 4, 0, 1);
    case 3: return (limbs)__builtin_shufflevector(x, zero, 4, 4, 4, 0);
    default: return zero;
    }
}

static inline limbs limbs_down(limbs x, int i)
{
    const limbs zero = {0};
    switch (i) {
    case 0: return x;
    case 1: return (limbs)__builtin_shufflevector(x, zero, 1, 2, 3, 4);
    case 2: return (limbs)__builtin_shufflevector(x, zero, 2, 3, 4, 4);
    case 3: return (limbs)__builtin_shufflevector(x, zero, 3, 4, 4, 4);
    default: return zero;
    }
}

static inline void shift_left(struct evm_u256 *d, const struct evm_u256 *a, int i, uint64_t n)
{
    limbs x = limbs_of(a);
    limbs_to(d, limbs_up(x, i) << n | limbs_up(x, i + 1) >> (64 - n));
}

static inline void shift_right(struct evm_u256 *d, const struct evm_u256 *a, int i, uint64_t n)
{
    limbs x = limbs_of(a);
    limbs_to(d, limbs_down(x, i) >> n | limbs_down(x, i + 1) << (64 - n));
}

const void *const *vm_program_handlers(void)
{
    const void *const *handlers;
    vm_run_program(NULL, &handlers);
    return handlers;
}

enum evm_step vm_run_program(struct evm_vm *vm, const void *const **handlers)
{
    static const void *const all[P_COUNT] = {
#define OP(name) [P_##name] = &&p_##name,
#include "evm/core/program_ops.def"
#undef OP
    };
    if (handlers) {
        *handlers = all;
        return EVM_STEP_DONE;
    }

    struct frame *f;
    const union program_word *ip;
    const struct program_entry *e;
    struct evm_u256 *sp, *bottom;
    uint8_t *mem;
    int64_t gas;
    enum vm_next next;
    enum evm_halt halt;
    LOAD();
    NEXT(0);

metered:
    if (UNLIKELY(vm->budget == 0)) {
        f->gas = gas + e->gas;
        f->sp = sp;
        f->tip = e->enter;
        return EVM_STEP_SLICE;
    }
    count_block(vm, e);
    ip = e->body;
    sp = (struct evm_u256 *)(void *)((uint8_t *)sp - e->height);
    NEXT(0);

unpaid:
    gas += e->gas;
refused:
    f->ip = f->since = f->code->bytes + e->pc;
    f->sp = sp;
    f->gas = gas;
    f->tip = NULL;
    f->patience = INT64_MAX;
    vm->crossing = true;
    return EVM_STEP_SLICE;

    /* ---- rows of vm_bodies.def
     * --------------------------------------------------------------------
     */

#define RUN(label, words, at_a, at_b, at_c, ...)                                                   \
    label : {                                                                                      \
        struct evm_u256 *d = AT(0);                                                                \
        const struct evm_u256 *a = at_a, *b = at_b, *c = at_c;                                     \
        (void)a, (void)b, (void)c, (void)d;                                                        \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    NEXT(words);

#define NULLARY(name, ...) RUN(p_##name, 2, NULL, NULL, NULL, __VA_ARGS__)
#define PURE1(name, ...)   RUN(p_##name, 2, AT(1), NULL, NULL, __VA_ARGS__)
#define PURE2C(name, ...)                                                                          \
    RUN(p_##name, 2, AT(1), AT(2), NULL, __VA_ARGS__)                                              \
    RUN(p_##name##_KB, 6, AT(1), CONSTANT(2), NULL, __VA_ARGS__)
#define PURE2(name, ...)                                                                           \
    PURE2C(name, __VA_ARGS__)                                                                      \
    RUN(p_##name##_KA, 6, CONSTANT(2), AT(2), NULL, __VA_ARGS__)
#define PURE3(name, ...)  RUN(p_##name, 2, AT(1), AT(2), AT(3), __VA_ARGS__)
#define UNARY             PURE1
#define BINARY(name, ...) RUN(p_##name, 2, AT(1), AT(2), NULL, __VA_ARGS__)
#define TAKE2             BINARY
#define TAKE3             PURE3

/* JUMPI on an expression, or on its opposite. */
#define BRANCH(label, at_a, at_b, holds)                                                           \
    label : {                                                                                      \
        const struct evm_u256 *a = at_a, *b = at_b;                                                \
        (void)b;                                                                                   \
        bool holds_ = (holds);                                                                     \
        LEAVE();                                                                                   \
        if (holds_)                                                                                \
            ENTER(ip[2].to);                                                                       \
        ENTER(ip[3].to);                                                                           \
    }

#define COMPAREC(name, expr)                                                                       \
    PURE2C(name, *d = evm_u256_of(expr))                                                           \
    BRANCH(p_J_##name, AT(1), AT(2), expr)                                                         \
    BRANCH(p_J_##name##_KB, AT(1), CONSTANT(4), expr)                                              \
    BRANCH(p_JN_##name, AT(1), AT(2), !(expr))                                                     \
    BRANCH(p_JN_##name##_KB, AT(1), CONSTANT(4), !(expr))
#define COMPARE(name, expr)                                                                        \
    COMPAREC(name, expr)                                                                           \
    RUN(p_##name##_KA, 6, CONSTANT(2), AT(2), NULL, *d = evm_u256_of(expr))                        \
    BRANCH(p_J_##name##_KA, CONSTANT(4), AT(2), expr)                                              \
    BRANCH(p_JN_##name##_KA, CONSTANT(4), AT(2), !(expr))

#include "evm/core/vm_bodies.def"

    /* ---- moves, and operations with a number ---------------------------------------------------
     */

    RUN(p_MOVE, 2, AT(1), NULL, NULL, limbs_to(d, limbs_of(a)))
    RUN(p_SWAP, 2, NULL, NULL, NULL, {
        struct evm_u256 *other = AT(1), word = *d;
        *d = *other;
        *other = word;
    })
    RUN(p_CONST, 6, CONSTANT(2), NULL, NULL, limbs_to(d, limbs_of(a)))
    RUN(p_CONST64, 3, NULL, NULL, NULL, limbs_to(d, (limbs){ip[2].number}))
    RUN(p_SHL_BY_0, 3, AT(1), NULL, NULL, shift_left(d, a, 0, ip[2].number))
    RUN(p_SHL_BY_1, 3, AT(1), NULL, NULL, shift_left(d, a, 1, ip[2].number))
    RUN(p_SHL_BY_2, 3, AT(1), NULL, NULL, shift_left(d, a, 2, ip[2].number))
    RUN(p_SHL_BY_3, 3, AT(1), NULL, NULL, shift_left(d, a, 3, ip[2].number))
    RUN(p_SHR_BY_0, 3, AT(1), NULL, NULL, shift_right(d, a, 0, ip[2].number))
    RUN(p_SHR_BY_1, 3, AT(1), NULL, NULL, shift_right(d, a, 1, ip[2].number))
    RUN(p_SHR_BY_2, 3, AT(1), NULL, NULL, shift_right(d, a, 2, ip[2].number))
    RUN(p_SHR_BY_3, 3, AT(1), NULL, NULL, shift_right(d, a, 3, ip[2].number))
    RUN(p_ADD_SMALL, 3, AT(1), NULL, NULL, {
        uint64_t low;
        if (LIKELY(!__builtin_add_overflow(a->w[0], ip[2].number, &low))) {
            uint64_t w1 = a->w[1];
            uint64_t w2 = a->w[2];
            uint64_t w3 = a->w[3];
            *d = (struct evm_u256){{low, w1, w2, w3}};
        } else {
            struct evm_u256 n = evm_u256_of(ip[2].number);
            evm_u256_add(d, a, &n);
        }
    })
    RUN(p_ADD_SMALL_TO, 3, NULL, NULL, NULL, {
        if (UNLIKELY(__builtin_add_overflow(d->w[0], ip[2].number, &d->w[0])))
            for (int i = 1; i < 4 && ++d->w[i] == 0; i++)
                ;
    })

    RUN(p_MLOAD_AT, 3, NULL, NULL, NULL, {
        uint64_t offset = ip[2].number;
        if (UNLIKELY(offset >= f->word_limit)) {
            struct evm_u256 from = evm_u256_of(offset);
            REACH_CONST(&from, word_limit, 32);
        }
        evm_u256_load_be(d, mem + offset);
    })
    RUN(p_MSTORE_AT, 3, NULL, AT(2), NULL, {
        uint64_t offset = ip[2].number;
        if (UNLIKELY(offset >= f->word_limit)) {
            struct evm_u256 from = evm_u256_of(offset);
            REACH_CONST(&from, word_limit, 32);
        }
        evm_u256_store_be(mem + offset, b);
    })
    RUN(p_CALLDATALOAD_AT, 3, NULL, NULL, NULL, {
        uint64_t offset = ip[2].number;
        if (LIKELY(offset + 32 <= f->input.size)) {
            evm_u256_load_be(d, f->input.data + offset);
        } else {
            uint8_t word[32];
            struct evm_u256 from = evm_u256_of(offset);
            vm_copy_padded(word, f->input, &from, sizeof word);
            evm_u256_load_be(d, word);
        }
    })

    /* ---- control ------------------------------------------------------------------------------
     */

p_ENTER:
    ENTER(ip[1].to);

p_NEXT:
p_JUMP:
    LEAVE();
    ENTER(ip[2].to);

p_JUMP_TO:
    e = find_entry(f->program, AT(1));
    if (UNLIKELY(!e))
        goto bad_jump;
    LEAVE();
    ENTER(e);

p_JUMP_MOVE:
    e = find_entry(f->program, AT(1));
    if (UNLIKELY(!e))
        goto bad_jump;
    limbs_to(AT(2), limbs_of(AT(3)));
    LEAVE();
    ENTER(e);

    BRANCH(p_JUMPI, AT(1), NULL, !evm_u256_is_zero(a))
    BRANCH(p_JUMPI_NOT, AT(1), NULL, evm_u256_is_zero(a))

p_JUMPI_TO:
    e = ip[3].to;
    if (!evm_u256_is_zero(AT(2))) {
        e = find_entry(f->program, AT(1));
        if (UNLIKELY(!e))
            goto bad_jump;
    }
    LEAVE();
    ENTER(e);

    RUN(p_GAS, 2, NULL, NULL, NULL, *d = evm_u256_of((uint64_t)gas))

p_STOP:
    f->gas = gas;
    vm_leave(vm, EVM_HALT_STOP, NULL, 0);
    goto switched;

p_RETURN : {
    const struct evm_u256 *a = AT(1), *b = AT(2);
    REACH(a, b);
    f->gas = gas;
    vm_leave(vm, EVM_HALT_STOP, b->w[0] ? mem + a->w[0] : NULL, (size_t)b->w[0]);
    goto switched;
}

p_REVERT : {
    const struct evm_u256 *a = AT(1), *b = AT(2);
    REACH(a, b);
    f->gas = gas;
    vm_leave(vm, EVM_HALT_REVERT, b->w[0] ? mem + a->w[0] : NULL, (size_t)b->w[0]);
    goto switched;
}

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
    OUTSIDE(LOG0, vm_op_log(vm, f, 0));
    OUTSIDE(LOG1, vm_op_log(vm, f, 1));
    OUTSIDE(LOG2, vm_op_log(vm, f, 2));
    OUTSIDE(LOG3, vm_op_log(vm, f, 3));
    OUTSIDE(LOG4, vm_op_log(vm, f, 4));
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
        ENTER(ip[3].to);
    }
    if (next == VM_SWITCH)
        goto switched;
    if (next == VM_PENDING) {
        /* The same instruction again: it works from the block's stack pointer. */
        if (vm->meter)
            vm->meter->count[vm->rules->ops[*f->ip].cost]--;
        f->sp = sp;
        f->tip = ip;
        return EVM_STEP_READ;
    }
    halt = vm->halt;
    goto failed;

    /* ---- ends ----------------------------------------------------------------------------------
     */

p_INVALID:
    halt = EVM_HALT_INVALID_OPCODE;
    goto failed;
p_BAD_JUMP:
bad_jump:
    halt = EVM_HALT_BAD_JUMP;
    goto failed;
out_of_gas:
    halt = EVM_HALT_OUT_OF_GAS;
failed:
    f->gas = gas;
    vm_leave(vm, halt, NULL, 0);
switched:
    if (vm->phase == VM_DONE)
        return EVM_STEP_DONE;
    if (!vm->top->tip) {
        vm->crossing = true;
        return EVM_STEP_SLICE;
    }
    LOAD();
    NEXT(0);
}
