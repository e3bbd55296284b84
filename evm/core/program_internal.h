/* evm/core/program_internal.h - what a translated program is made of: for the translator
 * (program*.c) and the loop that runs it (vm_program.c).
 *
 * An instruction is two words or more: where its handler's code is; four operands, each the offset
 * in bytes of a stack word from the block's stack pointer; and, by handler, constants and entries.
 * The stack pointer stands still from one entry to the next jump: operands are found where they
 * lie, so DUP, SWAP, POP and most PUSHes need no instruction.
 *
 * A block is charged when it is entered: the gas of all its opcodes, and one check that the stack
 * is deep enough and has room. It ends with a jump, with an opcode that sees the gas or the state,
 * or with the end of the call. A JUMPDEST in its middle is one more entry to the same block. At an
 * entry and at a block's end every word lies in its place (the state is canonical). */
#ifndef EVM_CORE_PROGRAM_INTERNAL_H
#define EVM_CORE_PROGRAM_INTERNAL_H

#include "evm/core/program.h"
#include "evm/core/vm_internal.h"

union program_word {
    const void *op;
    int16_t at[4];
    uint64_t number;
    const struct program_entry *to;
};

/* Classes that fixed prices of opcodes inside a block can have: the first ones of evm_cost_class.
 */
#define PROGRAM_CLASSES 8

/* A place where a run may enter, and what entering costs up to the block's end. */
struct program_entry {
    union program_word enter[2]; /* an instruction that enters here */
    const union program_word *body;
    int64_t gas;
    uint64_t need;  /* bytes of stack that must be there */
    uint64_t range; /* bytes that may be there beyond `need` */
    int64_t height; /* bytes by which the stack is higher here than the block's stack pointer */
    uint32_t pc;
    uint32_t ops; /* opcodes */
    uint16_t count[PROGRAM_CLASSES];
};

struct evm_program {
    struct evm_program *next;
    const struct evm_rules *rules;
    union program_word *words;
    size_t word_count, entry_count, code_size;
    uint16_t *entry_at;             /* by pc; 0 where there is no JUMPDEST */
    struct program_entry entries[]; /* the first one is the start; then JUMPDESTs; then the rest */
};

/* Handlers: the rows of program_ops.def. */
enum program_op {
#define OP(name) P_##name,
#include "evm/core/program_ops.def"
#undef OP
    P_COUNT
};

/* Where the handlers are; P_COUNT of them. */
const void *const *vm_program_handlers(void);

/* program_make.c: the translation. NULL when memory is out. */
struct evm_program *program_make(const struct evm_code *code, const struct evm_rules *rules);

/* program_fold.c: *d = the opcode's result, for the pure rows of vm_bodies.def. */
void program_fold(uint8_t op, struct evm_u256 *d, const struct evm_u256 *a,
                  const struct evm_u256 *b);

#endif
