/* Translating what stays in its block: constants are folded or go into the instruction. */
#include "evm/core/program_make.h"

/* ---- families of opcodes --------------------------------------------------------------------- */

static void result(struct maker *m, union program_word *w, int place)
{
    w[1].at[0] = at(place);
    places_push(&m->s, place);
}

static void nullary(struct maker *m, unsigned op)
{
    int d = places_free(&m->s, m->s.height, VALUE_CONST, VALUE_CONST);
    result(m, emit(m, op, 2), d);
}

static void unary(struct maker *m, unsigned op)
{
    value a = emit_place(m, 1);
    places_pop(&m->s);
    union program_word *w = emit(m, op, 2);
    w[1].at[1] = at(a);
    result(m, w, places_free(&m->s, m->s.height, a, VALUE_CONST));
}

static void binary(struct maker *m, unsigned op)
{
    value a = emit_place(m, 1), b = emit_place(m, 2);
    places_pop(&m->s);
    places_pop(&m->s);
    union program_word *w = emit(m, op, 2);
    w[1].at[1] = at(a);
    w[1].at[2] = at(b);
    result(m, w, places_free(&m->s, m->s.height, a, b));
}

static void ternary(struct maker *m, unsigned op)
{
    value a = emit_place(m, 1), b = emit_place(m, 2), c = emit_place(m, 3);
    for (int i = 0; i < 3; i++)
        places_pop(&m->s);
    union program_word *w = emit(m, op, 2);
    w[1].at[1] = at(a);
    w[1].at[2] = at(b);
    w[1].at[3] = at(c);
    result(m, w, places_free(&m->s, m->s.height, a, b));
}

static void take(struct maker *m, unsigned op, int n)
{
    value v[3] = {0};
    for (int i = 0; i < n; i++)
        v[i] = emit_place(m, i + 1);
    for (int i = 0; i < n; i++)
        places_pop(&m->s);
    union program_word *w = emit(m, op, 2);
    for (int i = 0; i < n; i++)
        w[1].at[1 + i] = at(v[i]);
}

/* An operation of the word b and a number known now; both operands leave the stack. */
static void by_number(struct maker *m, unsigned op, value b, uint64_t number)
{
    places_pop(&m->s);
    places_pop(&m->s);
    int d = places_free(&m->s, m->s.height, b, VALUE_CONST);
    union program_word *w = emit(m, op == P_ADD_SMALL && d == b ? P_ADD_SMALL_TO : op, 3);
    w[1].at[1] = at(b);
    w[2].number = number;
    result(m, w, d);
}

static bool shift_by(struct maker *m, unsigned op_0, value x, const struct evm_u256 *n)
{
    if (evm_u256_clamp64(n) > 255 || n->w[0] % 64 == 0)
        return false;
    by_number(m, op_0 + (unsigned)(n->w[0] / 64), x, n->w[0] % 64);
    return true;
}

static void push_const(struct maker *m, const struct evm_u256 *word)
{
    places_push(&m->s, places_const(&m->s, word));
}

/* *n so that x is 2^n; false if there is none. */
static bool log2_of(struct evm_u256 *n, const struct evm_u256 *x)
{
    unsigned bits = evm_u256_bits(x);
    struct evm_u256 power = {{0}};
    if (bits == 0)
        return false;
    power.w[(bits - 1) / 64] = (uint64_t)1 << (bits - 1) % 64;
    *n = evm_u256_of(bits - 1);
    return evm_u256_eq(x, &power);
}

/* Opcodes that a constant operand makes simpler. True if that was done. */
static bool simplify(struct maker *m, uint8_t op, value a, value b)
{
    const struct evm_u256 *ka = value_is_const(a) ? value_const(&m->s, a) : NULL;
    const struct evm_u256 *kb = value_is_const(b) ? value_const(&m->s, b) : NULL;
    const struct evm_u256 *k = ka ? ka : kb;
    value other = ka ? b : a;
    struct evm_u256 n;
    if (!k)
        return false;
    switch (op) {
    case EVM_OP_ADD:
        if (evm_u256_fits64(k))
            by_number(m, P_ADD_SMALL, other, k->w[0]);
        return evm_u256_fits64(k);
    case EVM_OP_SHL: return ka && shift_by(m, P_SHL_BY_0, b, ka);
    case EVM_OP_SHR: return ka && shift_by(m, P_SHR_BY_0, b, ka);
    case EVM_OP_DIV: return kb && log2_of(&n, kb) && shift_by(m, P_SHR_BY_0, a, &n);
    case EVM_OP_MUL: return log2_of(&n, k) && shift_by(m, P_SHL_BY_0, other, &n);
    default: return false;
    }
}

/* A pure operation of two words; constants go into the instruction. `ka` is 0 if the operands may
 * change sides, else the handler for a constant a. */
static void pure2(struct maker *m, uint8_t op, unsigned plain, unsigned ka, unsigned kb)
{
    value a = places_peek(&m->s, 1), b = places_peek(&m->s, 2);
    if (value_is_const(a) && value_is_const(b)) {
        struct evm_u256 word;
        program_fold(op, &word, value_const(&m->s, a), value_const(&m->s, b));
        places_pop(&m->s);
        places_pop(&m->s);
        push_const(m, &word);
        return;
    }
    if (simplify(m, op, a, b))
        return;
    places_pop(&m->s);
    places_pop(&m->s);
    if (value_is_const(a) && !ka) {
        value t = a;
        a = b;
        b = t;
    }
    union program_word *w;
    if (value_is_const(a)) {
        w = emit(m, ka, 6);
        w[1].at[2] = at(b);
        emit_constant(w + 2, value_const(&m->s, a));
    } else if (value_is_const(b)) {
        w = emit(m, kb, 6);
        w[1].at[1] = at(a);
        emit_constant(w + 2, value_const(&m->s, b));
    } else {
        w = emit(m, plain, 2);
        w[1].at[1] = at(a);
        w[1].at[2] = at(b);
    }
    result(m, w, places_free(&m->s, m->s.height, a, b));
}

static void pure1(struct maker *m, uint8_t op, unsigned plain)
{
    value a = places_peek(&m->s, 1);
    if (!value_is_const(a)) {
        unary(m, plain);
        return;
    }
    struct evm_u256 word;
    program_fold(op, &word, value_const(&m->s, a), NULL);
    places_pop(&m->s);
    push_const(m, &word);
}

/* Memory or input at a constant offset. */
static bool at_number(struct maker *m, uint8_t op)
{
    value a = places_peek(&m->s, 1);
    if (!value_is_const(a) || evm_u256_clamp64(value_const(&m->s, a)) > UINT32_MAX)
        return false;
    uint64_t number = value_const(&m->s, a)->w[0];
    union program_word *w;
    if (op == EVM_OP_MSTORE) {
        value v = emit_place(m, 2);
        places_pop(&m->s);
        places_pop(&m->s);
        w = emit(m, P_MSTORE_AT, 3);
        w[1].at[2] = at(v);
    } else {
        places_pop(&m->s);
        w = emit(m, op == EVM_OP_MLOAD ? P_MLOAD_AT : P_CALLDATALOAD_AT, 3);
        result(m, w, places_free(&m->s, m->s.height, VALUE_CONST, VALUE_CONST));
    }
    w[2].number = number;
    return true;
}

static void row(struct maker *m, uint8_t op)
{
    switch (op) {
#define NULLARY(name, ...)                                                                         \
    case EVM_OP_##name:                                                                            \
        nullary(m, P_##name);                                                                      \
        break;
#define PURE1(name, ...)                                                                           \
    case EVM_OP_##name:                                                                            \
        pure1(m, op, P_##name);                                                                    \
        break;
#define PURE2(name, ...)                                                                           \
    case EVM_OP_##name:                                                                            \
        pure2(m, op, P_##name, P_##name##_KA, P_##name##_KB);                                      \
        break;
#define PURE2C(name, ...)                                                                          \
    case EVM_OP_##name:                                                                            \
        pure2(m, op, P_##name, 0, P_##name##_KB);                                                  \
        break;
#define PURE3(name, ...)                                                                           \
    case EVM_OP_##name:                                                                            \
        ternary(m, P_##name);                                                                      \
        break;
#define COMPARE  PURE2
#define COMPAREC PURE2C
#define UNARY(name, ...)                                                                           \
    case EVM_OP_##name:                                                                            \
        unary(m, P_##name);                                                                        \
        break;
#define BINARY(name, ...)                                                                          \
    case EVM_OP_##name:                                                                            \
        binary(m, P_##name);                                                                       \
        break;
#define TAKE2(name, ...)                                                                           \
    case EVM_OP_##name:                                                                            \
        take(m, P_##name, 2);                                                                      \
        break;
#define TAKE3(name, ...)                                                                           \
    case EVM_OP_##name:                                                                            \
        take(m, P_##name, 3);                                                                      \
        break;
#include "evm/core/vm_bodies.def"
    case EVM_OP_JUMPDEST: break;
    case EVM_OP_POP: places_pop(&m->s); break;
    case EVM_OP_PUSH0:
    case EVM_OP_PC: {
        struct evm_u256 word = evm_u256_of(op == EVM_OP_PC ? m->pc : 0);
        push_const(m, &word);
        break;
    }
    case EVM_OP_GAS:
        nullary(m, P_GAS);
        make_next_block(m, m->pc + 1);
        break;
    case EVM_OP_JUMP: make_jump(m); break;
    case EVM_OP_JUMPI: make_jumpi(m); break;
    case EVM_OP_STOP: make_ending(m, P_STOP); break;
    case EVM_OP_RETURN:
        take(m, P_RETURN, 2);
        make_block_end(m);
        break;
    case EVM_OP_REVERT:
        take(m, P_REVERT, 2);
        make_block_end(m);
        break;
    case EVM_OP_INVALID: make_ending(m, P_INVALID); break;
    default: EVM_CHECK(false, "opcode %u has no translation", (unsigned)op);
    }
}

void make_translate_op(struct maker *m, uint8_t op)
{
    if (op >= EVM_OP_PUSH1 && op <= EVM_OP_PUSH32) {
        struct evm_u256 word;
        unsigned n = op - EVM_OP_PUSH1 + 1u;
        evm_u256_load_be_n(&word, m->code->bytes + m->pc + 1, n);
        push_const(m, &word);
        m->pc += n;
        return;
    }
    if (op >= EVM_OP_DUP1 && op <= EVM_OP_DUP16) {
        places_push(&m->s, places_peek(&m->s, op - EVM_OP_DUP1 + 1));
        return;
    }
    if (op >= EVM_OP_SWAP1 && op <= EVM_OP_SWAP16) {
        places_swap(&m->s, op - EVM_OP_SWAP1 + 2);
        return;
    }
    if (op == EVM_OP_ISZERO && make_iszero_and_jump(m))
        return;
    if (op >= EVM_OP_LT && op <= EVM_OP_EQ && make_compare_and_jump(m, op))
        return;
    if ((op == EVM_OP_MLOAD || op == EVM_OP_MSTORE || op == EVM_OP_CALLDATALOAD) &&
        at_number(m, op))
        return;
    row(m, op);
}
