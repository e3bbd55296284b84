/* evm/core/program_make.h - the translator's state, shared by its files:
 *   program_make.c   blocks, entries, one opcode after the other
 *   program_op.c     opcodes that stay in their block
 *   program_jump.c   opcodes that end it
 *   program_emit.c   instructions, and bringing words to their places */
#ifndef EVM_CORE_PROGRAM_MAKE_H
#define EVM_CORE_PROGRAM_MAKE_H

#include "evm/core/program_stack.h"

/* The stretch from one entry of a block to the next. Heights as in struct places. */
struct segment {
    struct program_entry *entry;
    int height, low, high; /* at its start; the least that is needed, the most there is */
    int64_t gas;
    uint32_t ops;
    uint16_t count[PROGRAM_CLASSES];
};

struct maker {
    const struct evm_code *code;
    const struct evm_rules *rules;
    const void *const *handlers;
    struct evm_program *p;
    union program_word *words;
    size_t used, room;
    bool no_memory;
    uint32_t pc;                /* of the opcode being translated */
    bool open;                  /* in a block */
    struct program_entry *next; /* already made for the block that begins now, or NULL */
    size_t entries;             /* given out so far */
    struct segment *segments;   /* of the block */
    size_t segment_count;
    struct segment *now; /* the last one */
    struct places s;
};

/* ---- program_make.c -------------------------------------------------------------------------- */

static inline bool op_is_push(uint8_t op)
{
    return op >= EVM_OP_PUSH1 && op <= EVM_OP_PUSH32;
}

/* The opcode's fixed part on the account of the segment. */
static inline void make_count(struct maker *m, uint8_t op)
{
    const struct evm_op_info *info = &m->rules->ops[op];
    struct segment *g = m->now;
    g->gas += info->gas;
    g->ops++;
    g->count[info->cost]++;
}

/* The entry at that pc, a JUMPDEST's own or a new one. */
struct program_entry *make_entry_at(struct maker *m, uint32_t pc);
/* Where a constant target leads. */
struct program_entry *make_target(struct maker *m, const struct evm_u256 *to);
/* The block's last instruction is emitted: what its entries cost is known. */
void make_block_end(struct maker *m);

/* ---- program_op.c ---------------------------------------------------------------------------- */

/* The opcode at m->pc, which is left at its last byte. */
void make_translate_op(struct maker *m, uint8_t op);

/* ---- program_jump.c -------------------------------------------------------------------------- */

void make_jump(struct maker *m);
void make_jumpi(struct maker *m);
/* If JUMPI follows (with ISZEROs and a constant target between) all of it is one instruction, and
 * m->pc is the JUMPI's; else nothing happens and the result is false. */
bool make_compare_and_jump(struct maker *m, uint8_t op);
bool make_iszero_and_jump(struct maker *m);
/* Falls into a new block at pc. */
void make_next_block(struct maker *m, uint32_t pc);
/* Opcodes that leave the loop, and their handlers: they charge and count for themselves. */
extern const uint16_t make_outside_ops[256];
static inline bool make_is_outside(uint8_t op)
{
    return make_outside_ops[op] != 0;
}
void make_outside(struct maker *m, uint8_t op);
/* STOP and what fails. */
void make_ending(struct maker *m, unsigned handler);

/* ---- program_emit.c -------------------------------------------------------------------------- */

/* An instruction with `words` words in all; operands follow by at(). Never NULL: without memory it
 * is a place to scribble on. */
union program_word *emit(struct maker *m, unsigned op, unsigned words);

static inline int16_t at(int place)
{
    return (int16_t)(place * (int)sizeof(struct evm_u256));
}

static inline void emit_constant(union program_word *at, const struct evm_u256 *word)
{
    memcpy(at, word, sizeof *word);
}

/* The word at that depth (1 is the top) lies in some place afterwards, not in a constant. */
value emit_place(struct maker *m, int depth);
/* Every word to its place. */
void emit_settle(struct maker *m);
/* As many words to their places as can go without overwriting `kept`. If just one is left, which
 * wants to go exactly there, *to is its place and *from where it lies; false if more are left. */
bool emit_settle_around(struct maker *m, value kept, int *to, int *from);

#endif
