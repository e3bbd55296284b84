/* Opcodes whose operands are constants, done while translating. */
#include "evm/core/program_internal.h"
#include "evm/core/vm_bodies.h"

void program_fold(uint8_t op, struct evm_u256 *d, const struct evm_u256 *a,
                  const struct evm_u256 *b)
{
    switch (op) {
#define NULLARY(name, ...)
#define PURE1(name, ...)                                                                           \
    case EVM_OP_##name:                                                                            \
        __VA_ARGS__;                                                                               \
        break;
#define PURE2  PURE1
#define PURE2C PURE1
#define PURE3(name, ...)
#define COMPARE(name, expr)                                                                        \
    case EVM_OP_##name:                                                                            \
        *d = evm_u256_of(expr);                                                                    \
        break;
#define COMPAREC COMPARE
#define UNARY(name, ...)
#define BINARY(name, ...)
#define TAKE2(name, ...)
#define TAKE3(name, ...)
#include "evm/core/vm_bodies.def"
    default: EVM_CHECK(false, "opcode %u cannot be folded", (unsigned)op);
    }
}
