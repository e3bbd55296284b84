/* evm/core/opcodes.h - the opcodes, from the rows of opcodes.def, and their table for each fork. */
#ifndef EVM_CORE_OPCODES_H
#define EVM_CORE_OPCODES_H

#include "evm/core/fork.h"

enum evm_opcode {
#define OP(byte, name, pops, pushes, gas, since, flags, cost, doc) EVM_OP_##name = byte,
#define OP_GAS(name, fork, gas)
#include "evm/core/opcodes.def"
#undef OP
#undef OP_GAS
};

enum evm_op_flag {
    EVM_OPF_END = 1u << 0,   /* control never goes to the next opcode */
    EVM_OPF_JUMP = 1u << 1,  /* control may go elsewhere: ends a basic block */
    EVM_OPF_GAS = 1u << 2,   /* what it does depends on the gas left */
    EVM_OPF_READ = 1u << 3,  /* may wait for a read of the state */
    EVM_OPF_WRITE = 1u << 4, /* refused in a static call (CALL only when it sends value) */
};

/* One row. For an opcode the fork does not have, defined is false and gas is 0. */
struct evm_op_info {
    const char *name; /* "ADD"; "UNDEFINED" if the fork has none */
    const char *doc;
    uint16_t gas; /* charged before anything else; what depends on operands comes on top */
    uint8_t pops; /* words it needs on the stack */
    uint8_t pushes;
    uint8_t flags; /* enum evm_op_flag */
    uint8_t cost;  /* enum evm_cost_class: what its fixed part counts as */
    uint8_t since; /* enum evm_fork */
    bool defined;
};

/* The 256 rows of a fork: what rules->ops points to. Const after start-up. */
const struct evm_op_info *evm_ops_of(enum evm_fork fork);

#endif
