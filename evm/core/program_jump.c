/* Translating what ends a block. */
#include "evm/core/program_make.h"

void make_jump(struct maker *m)
{
    value v = places_pop(&m->s);
    union program_word *w;
    if (value_is_const(v)) {
        struct program_entry *to = make_target(m, value_const(&m->s, v));
        emit_settle(m);
        w = emit(m, P_JUMP, 3);
        w[2].to = to;
    } else {
        int to, from;
        if (!emit_settle_around(m, v, &to, &from)) {
            places_push(&m->s, v);
            emit_settle(m);
            v = places_pop(&m->s);
            to = from = 0;
        }
        w = emit(m, to == from ? P_JUMP_TO : P_JUMP_MOVE, 2);
        w[1].at[1] = at(v);
        w[1].at[2] = at(to);
        w[1].at[3] = at(from);
    }
    w[1].at[0] = at(m->s.height);
    make_block_end(m);
}

/* Settles with n words (places) on top that an instruction at the block's end will read and that
 * need no place of their own unless they are in the way. v[0] is the top. */
static void settle_below(struct maker *m, int n, value *v)
{
    int to, from;
    for (int i = 0; i < n; i++) {
        v[i] = places_pop(&m->s);
        ++*place_refs(&m->s, v[i]);
    }
    /* Pinned, all of them; what cannot go is seen from `away`. */
    emit_settle_around(m, v[0], &to, &from);
    for (int i = 0; i < n; i++)
        --*place_refs(&m->s, v[i]);
    if (m->s.away == 0 && to == from)
        return;
    EVM_CHECK(to == from, "a pinned place was given away (%d)", to);
    for (int i = n; i-- > 0;)
        places_push(&m->s, v[i]);
    emit_settle(m);
    for (int i = 0; i < n; i++)
        v[i] = places_pop(&m->s);
}

struct comparison {
    unsigned plain, ka, kb; /* handlers that jump if it holds */
    unsigned not_plain, not_ka, not_kb;
};

static const struct comparison comparisons[256] = {
#define NULLARY(name, ...)
#define PURE1(name, ...)
#define PURE2(name, ...)
#define PURE2C(name, ...)
#define PURE3(name, ...)
#define COMPARE(name, ...)                                                                         \
    [EVM_OP_##name] = {P_J_##name,  P_J_##name##_KA,  P_J_##name##_KB,                             \
                       P_JN_##name, P_JN_##name##_KA, P_JN_##name##_KB},
#define COMPAREC(name, ...)                                                                        \
    [EVM_OP_##name] = {P_J_##name,  P_J_##name##_KB,  P_J_##name##_KB,                             \
                       P_JN_##name, P_JN_##name##_KB, P_JN_##name##_KB},
#define UNARY(name, ...)
#define BINARY(name, ...)
#define TAKE2(name, ...)
#define TAKE3(name, ...)
#include "evm/core/vm_bodies.def"
};

/* JUMPI at m->pc, the condition being a place on top (the target is gone). */
static void jumpi_on(struct maker *m, bool negated, struct program_entry *to)
{
    value v;
    settle_below(m, 1, &v);
    union program_word *w = emit(m, negated ? P_JUMPI_NOT : P_JUMPI, 4);
    w[1].at[0] = at(m->s.height);
    w[1].at[1] = at(v);
    w[2].to = to;
    make_block_end(m);
    w[3].to = m->next = make_entry_at(m, m->pc + 1);
}

void make_jumpi(struct maker *m)
{
    value to = places_peek(&m->s, 1);
    if (value_is_const(to) && !value_is_const(places_peek(&m->s, 2))) {
        places_pop(&m->s);
        jumpi_on(m, false, make_target(m, value_const(&m->s, to)));
        return;
    }
    emit_place(m, 1);
    emit_place(m, 2);
    value v[2];
    settle_below(m, 2, v);
    union program_word *w = emit(m, P_JUMPI_TO, 4);
    w[1].at[0] = at(m->s.height);
    w[1].at[1] = at(v[0]);
    w[1].at[2] = at(v[1]);
    make_block_end(m);
    w[3].to = m->next = make_entry_at(m, m->pc + 1);
}

/* What follows a comparison: any number of ISZERO, PUSH, JUMPI. Returns the pc of the JUMPI, and
 * how often the result is negated; 0 if it is something else. */
static uint32_t jumpi_follows(const struct maker *m, uint32_t pc, unsigned *negations,
                              struct evm_u256 *to)
{
    const uint8_t *code = m->code->bytes;
    *negations = 0;
    for (; pc < m->code->size && code[pc] == EVM_OP_ISZERO; pc++)
        ++*negations;
    if (code[pc] < EVM_OP_PUSH1 || code[pc] > EVM_OP_PUSH4 || pc >= m->code->size)
        return 0;
    unsigned n = code[pc] - EVM_OP_PUSH1 + 1u;
    evm_u256_load_be_n(to, code + pc + 1, n);
    pc += n + 1;
    return pc < m->code->size && code[pc] == EVM_OP_JUMPI ? pc : 0;
}

/* The opcodes behind the one at m->pc, up to the JUMPI at `end`. */
static void count_chain(struct maker *m, uint32_t end)
{
    for (m->pc++; m->code->bytes[m->pc] == EVM_OP_ISZERO; m->pc++)
        make_count(m, EVM_OP_ISZERO);
    make_count(m, m->code->bytes[m->pc]);
    m->pc = end;
    make_count(m, EVM_OP_JUMPI);
}

/* A comparison whose result only decides a jump. */
bool make_compare_and_jump(struct maker *m, uint8_t op)
{
    const struct comparison *k = &comparisons[op];
    unsigned negations;
    struct evm_u256 to;
    value a = places_peek(&m->s, 1), b = places_peek(&m->s, 2);
    uint32_t end = k->plain ? jumpi_follows(m, m->pc + 1, &negations, &to) : 0;
    if (!end || (value_is_const(a) && value_is_const(b)))
        return false;
    count_chain(m, end);
    bool negated = negations % 2;
    union program_word *w;
    value v[2];
    struct evm_u256 word;
    unsigned words = 4;
    if (value_is_const(a) || value_is_const(b)) {
        bool top = value_is_const(a);
        word = *value_const(&m->s, top ? a : b);
        if (top)
            places_pop(&m->s);
        else {
            places_swap(&m->s, 2);
            places_pop(&m->s);
        }
        settle_below(m, 1, v);
        words = 8;
        bool left = top && k->ka != k->kb;
        w = emit(m, negated ? (left ? k->not_ka : k->not_kb) : (left ? k->ka : k->kb), words);
        w[1].at[left ? 2 : 1] = at(v[0]);
        emit_constant(w + 4, &word);
    } else {
        settle_below(m, 2, v);
        w = emit(m, negated ? k->not_plain : k->plain, words);
        w[1].at[1] = at(v[0]);
        w[1].at[2] = at(v[1]);
    }
    w[1].at[0] = at(m->s.height);
    w[2].to = make_target(m, &to);
    make_block_end(m);
    w[3].to = m->next = make_entry_at(m, m->pc + 1);
    return true;
}

/* ISZERO … PUSH JUMPI. */
bool make_iszero_and_jump(struct maker *m)
{
    unsigned negations;
    struct evm_u256 to;
    uint32_t end = jumpi_follows(m, m->pc + 1, &negations, &to);
    if (!end || value_is_const(places_peek(&m->s, 1)))
        return false;
    count_chain(m, end);
    if (m->now->high < m->s.height + 1) /* the target, on top of the condition */
        m->now->high = m->s.height + 1;
    jumpi_on(m, negations % 2 == 0, make_target(m, &to));
    return true;
}

void make_next_block(struct maker *m, uint32_t pc)
{
    emit_settle(m);
    union program_word *w = emit(m, P_NEXT, 3);
    w[1].at[0] = at(m->s.height);
    make_block_end(m);
    w[2].to = m->next = make_entry_at(m, pc);
}

#define OUT(name) [EVM_OP_##name] = P_##name
const uint16_t make_outside_ops[256] = {
    OUT(BALANCE),   OUT(SELFBALANCE),  OUT(EXTCODESIZE),  OUT(EXTCODECOPY), OUT(EXTCODEHASH),
    OUT(BLOCKHASH), OUT(SLOAD),        OUT(SSTORE),       OUT(TLOAD),       OUT(TSTORE),
    OUT(LOG0),      OUT(LOG1),         OUT(LOG2),         OUT(LOG3),        OUT(LOG4),
    OUT(CALL),      OUT(CALLCODE),     OUT(DELEGATECALL), OUT(STATICCALL),  OUT(CREATE),
    OUT(CREATE2),   OUT(SELFDESTRUCT),
};

void make_outside(struct maker *m, uint8_t op)
{
    emit_settle(m);
    union program_word *w = emit(m, make_outside_ops[op], 4);
    w[1].at[0] = at(m->s.height);
    w[2].number = m->pc;
    make_block_end(m);
    w[3].to = m->next = make_entry_at(m, m->pc + 1);
}

void make_ending(struct maker *m, unsigned op)
{
    emit(m, op, 2);
    make_block_end(m);
}
