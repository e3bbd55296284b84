/* evm/core/fork.h - the protocol versions of Ethereum's execution layer and what each one changes.
 * The rows are in forks.def (only what differs from the fork before); this module expands them once
 * into one complete struct evm_rules per fork. Const after start-up, shared by all threads. */
#ifndef EVM_CORE_FORK_H
#define EVM_CORE_FORK_H

#include "evm/core/types.h"

enum evm_fork {
    EVM_FRONTIER,
    EVM_HOMESTEAD,
    EVM_TANGERINE_WHISTLE, /* EIP-150 */
    EVM_SPURIOUS_DRAGON,   /* EIP-155, 158, 160, 161, 170 */
    EVM_BYZANTIUM,
    EVM_CONSTANTINOPLE,
    EVM_PETERSBURG,
    EVM_ISTANBUL,
    EVM_BERLIN,
    EVM_LONDON,
    EVM_PARIS,
    EVM_SHANGHAI,
    EVM_CANCUN,
    EVM_PRAGUE,
    EVM_OSAKA,
    EVM_FORK_COUNT
};

/* Everything that depends on the fork, outside the opcode table. The owner of forks.def adds
 * fields; readers test fields, never `fork >= X`, wherever a field says it better. */
struct evm_rules {
    enum evm_fork fork;
    const char *name; /* "Cancun" */
    const struct evm_op_info
        *ops; /* 256 rows: gas, stack needs, defined or not (evm/core/opcodes.h) */
};

/* Never fails for a valid enum value (checked). */
const struct evm_rules *evm_rules_of(enum evm_fork fork);

/* Accepts the names used by the state tests ("EIP150", "EIP158", "ConstantinopleFix", "Merge", ...)
 * and plain names in any case ("cancun"). Returns false for an unknown name. */
bool evm_fork_from_name(const char *name, enum evm_fork *out);

#endif
