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
 * fields; readers test fields, never `fork >= X`, wherever a field says it better. A number of 0
 * means that the rule does not exist yet, unless said otherwise. */
struct evm_rules {
    enum evm_fork fork;
    const char *name; /* "Cancun" */
    const struct evm_op_info
        *ops; /* 256 rows: gas, stack needs, defined or not (evm/core/opcodes.h) */

    /* Transactions: gas charged before execution, refunds, bounds. */
    uint64_t tx_base_gas;             /* 21,000 */
    uint64_t tx_create_gas;           /* on top of it for a creation, EIP-2 */
    uint64_t tx_data_zero_gas;        /* per zero byte of input */
    uint64_t tx_data_nonzero_gas;     /* per other byte, EIP-2028 */
    uint64_t tx_access_address_gas;   /* EIP-2930 */
    uint64_t tx_access_slot_gas;      /* EIP-2930 */
    uint64_t tx_floor_token_gas;      /* EIP-7623; a zero byte is 1 token, another byte is 4 */
    uint64_t tx_auth_gas;             /* per authorization tuple, EIP-7702 */
    uint64_t tx_auth_existing_refund; /* back if the authority is in the trie, EIP-7702 */
    uint64_t tx_max_gas;              /* EIP-7825 */
    uint64_t initcode_word_gas;       /* per 32 bytes of initcode, EIP-3860 */
    uint64_t refund_quotient;         /* refunds are at most gas used / this: 2, or 5 (EIP-3529) */
    uint32_t max_tx_type;             /* highest EIP-2718 type allowed (enum evm_tx_type) */

    /* Code. */
    uint32_t max_code_size;     /* EIP-170 */
    uint32_t max_initcode_size; /* EIP-3860 */
    uint64_t code_byte_gas;     /* per byte of deployed code */
    bool reject_ef_code;        /* EIP-3541 */
    bool deposit_must_be_paid;  /* EIP-2: a creation that cannot pay for its code fails */

    /* Storage. */
    uint64_t sstore_set_gas;      /* 0 -> x */
    uint64_t sstore_reset_gas;    /* any other change */
    uint64_t sstore_clear_refund; /* x -> 0 */
    uint64_t sstore_noop_gas;     /* net metering: nothing changes, or the slot is dirty already */
    uint64_t sstore_sentry_gas;   /* SSTORE needs more gas left than this, EIP-2200 */
    bool sstore_net;              /* net gas metering: EIP-1283, EIP-2200 */

    /* Access (EIP-2929): what a cold access costs more than the opcode's own price. */
    bool access_lists; /* warm and cold are told apart */
    uint64_t cold_account_extra_gas;
    uint64_t cold_slot_extra_gas; /* SLOAD */
    uint64_t cold_slot_gas;       /* SSTORE */
    bool warm_coinbase;           /* EIP-3651 */

    /* Calls. */
    uint64_t call_value_gas;
    uint64_t call_stipend;
    uint64_t call_new_account_gas;
    bool gas_cap_63_64;           /* EIP-150 */
    uint64_t exp_byte_gas;        /* EIP-160 */
    uint64_t keccak_word_gas;     /* also what CREATE2 pays to hash its initcode */
    uint64_t selfdestruct_refund; /* gone with EIP-3529 */
    uint64_t selfdestruct_new_account_gas;
    bool selfdestruct_only_new; /* EIP-6780 */

    /* Accounts. */
    bool state_clearing;    /* EIP-161: empty accounts are not kept, new contracts have nonce 1 */
    bool delegation;        /* EIP-7702 */
    bool replay_protection; /* EIP-155 */
    bool low_s_required;    /* EIP-2 */

    /* Precompiles: addresses 1..precompiles, and P256VERIFY at 0x100 (EIP-7951). */
    uint32_t precompiles;
    bool p256verify;
    bool bls12_draft; /* EIP-2537 of April 2024: addresses and prices; no chain's rules */
    bool modexp_eip2565, modexp_eip7883; /* pricing; 7883 also caps the operands (EIP-7823) */
    bool bn254_eip1108;                  /* pricing */

    /* Blocks. */
    uint64_t block_reward; /* wei */
    uint64_t bomb_delay;   /* blocks that the difficulty bomb looks back, EIP-649, 1234, 2384, 3554;
                              what delays it between two forks stands in the chain's configuration */
    bool receipt_status;   /* EIP-658; else the intermediate state root */
    bool base_fee;         /* EIP-1559 */
    bool prev_randao;      /* EIP-4399: no proof of work, no ommers */
    bool withdrawals;      /* EIP-4895 */
    bool beacon_root;      /* EIP-4788 */
    bool history_contract; /* EIP-2935 */
    bool requests;         /* EIP-7685: 6110, 7002, 7251 */
    uint32_t blob_target;  /* blobs a block, EIP-4844 and EIP-7691 */
    uint32_t blob_max;
    uint32_t blob_max_per_tx; /* EIP-7594; before it the block's bound is the only one */
    uint64_t gas_per_blob;
    uint64_t blob_fee_fraction;  /* BLOB_BASE_FEE_UPDATE_FRACTION */
    bool blob_reserve_price;     /* EIP-7918 */
    uint32_t max_block_rlp_size; /* EIP-7934 */
};

/* Never fails for a valid enum value (checked). */
const struct evm_rules *evm_rules_of(enum evm_fork fork);

/* Accepts the names used by the state tests ("EIP150", "EIP158", "ConstantinopleFix", "Merge", ...)
 * and plain names in any case ("cancun"). Returns false for an unknown name. */
bool evm_fork_from_name(const char *name, enum evm_fork *out);

/* The rules of a fork, by the same names, or one of the rule sets that no chain has (VARIANT rows
 * of forks.def, "Prague-2537-draft"), whose `fork` is the one they start from. NULL for an unknown
 * name. */
const struct evm_rules *evm_rules_from_name(const char *name);
/* All of them, forks first in their order; NULL past the end. */
const struct evm_rules *evm_rules_at(size_t i);

#endif
