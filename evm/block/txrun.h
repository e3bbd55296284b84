/* evm/block/txrun.h - one transaction from validation to its writes, as a resumable state machine.
 *
 *     evm_txrun_begin(run, rules, env, tx, view, flags);
 *     while ((s = evm_txrun_step(run, meter, budget)) != EVM_STEP_DONE) ...;
 *     const struct evm_tx_outcome *o = evm_txrun_outcome(run);
 *
 * The fee of the block's beneficiary is never part of the writes: it stands in outcome->fee and
 * whoever orders the transactions adds it (so that fees make no conflicts). A read of the
 * beneficiary's balance inside the run goes to the view, which must then answer with all earlier
 * fees included. */
#ifndef EVM_BLOCK_TXRUN_H
#define EVM_BLOCK_TXRUN_H

#include "evm/block/tx.h"
#include "evm/core/vm.h"

/* Why a transaction cannot be in a block: each rule has its own name (a simulated outcome, not an
 * error). */
enum evm_tx_invalid {
    EVM_TX_VALID = 0,
    EVM_TX_NONCE_TOO_LOW,
    EVM_TX_NONCE_TOO_HIGH,
    EVM_TX_NONCE_OVERFLOW,
    EVM_TX_INSUFFICIENT_FUNDS,
    EVM_TX_INTRINSIC_GAS,
    EVM_TX_FLOOR_GAS,               /* EIP-7623 */
    EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK, /* with the gas used before it; judged by the block, not the run
                                     */
    EVM_TX_GAS_LIMIT_TOO_HIGH,      /* EIP-7825 */
    EVM_TX_FEE_BELOW_BASE_FEE,
    EVM_TX_PRIORITY_ABOVE_MAX_FEE,
    EVM_TX_SENDER_NOT_EOA, /* EIP-3607 */
    EVM_TX_INITCODE_SIZE,  /* EIP-3860 */
    EVM_TX_TYPE_NOT_SUPPORTED,
    EVM_TX_WRONG_CHAIN_ID,
    EVM_TX_BAD_SIGNATURE,
    EVM_TX_BLOB_NONE,
    EVM_TX_BLOB_TOO_MANY,
    EVM_TX_BLOB_BAD_VERSION,
    EVM_TX_BLOB_FEE_TOO_LOW,
    EVM_TX_BLOB_CREATE,
    EVM_TX_SET_CODE_CREATE,
    EVM_TX_SET_CODE_EMPTY,
    EVM_TX_COST_OVERFLOW,
    EVM_TX_MALFORMED, /* the bytes hold no transaction; said by whoever decodes, not by the run */
    EVM_TX_INVALID_COUNT
};
const char *evm_tx_invalid_name(enum evm_tx_invalid why); /* "nonce too low" */

struct evm_tx_outcome {
    enum evm_status error;       /* EVM_ERR_MEMORY: nothing below means anything */
    enum evm_tx_invalid invalid; /* not VALID: no writes, no fee */
    bool success;
    enum evm_halt halt;
    uint64_t gas_used; /* after refunds and the floor */
    uint64_t gas_refunded;
    uint64_t blob_gas_used;
    struct evm_u256 fee;        /* to the beneficiary */
    bool pays_beneficiary;      /* the fee, even of 0, touches the beneficiary (before EIP-161 that
                                   makes the account); false for an invalid transaction, or if the
                                   beneficiary self-destructed in this one: then the fee would have
                                   vanished with it and counts as burnt */
    struct evm_u256 burnt;      /* base fee and blob fee */
    struct evm_addr created;    /* if is_create and success */
    struct evm_bytes output;    /* valid until the next begin() */
    const struct evm_log *logs; /* valid until the next begin() */
    uint32_t log_count;
    struct evm_changes *changes; /* valid until the next begin(); take its content by swapping */
};

enum evm_txrun_flags {
    EVM_TXRUN_SKIP_NONCE = 1u << 0, /* the order keeper verifies it (predicted nonces) */
    EVM_TXRUN_SKIP_FUNDS = 1u << 1,
};

struct evm_txrun;
struct evm_txrun *evm_txrun_create(struct evm_codes *codes); /* NULL when memory is out */
void evm_txrun_destroy(struct evm_txrun *run);
void evm_txrun_begin(struct evm_txrun *run, const struct evm_rules *rules,
                     const struct evm_block_env *env, const struct evm_tx *tx, struct evm_view view,
                     unsigned flags);
enum evm_step evm_txrun_step(struct evm_txrun *run, struct evm_meter *meter, uint64_t budget);
const struct evm_tx_outcome *evm_txrun_outcome(const struct evm_txrun *run);
/* What it accessed, once it is done (evm_journal_each_access). */
void evm_txrun_each_access(const struct evm_txrun *run,
                           void (*visit)(void *self, const struct evm_jaccount *acc,
                                         const struct evm_jslot *slot),
                           void *self);
/* At the end: is the outcome the same for every balance of that account at the start from *bound up
 * (evm_jaccount_balance_bound)? False also for an account that was not looked at. */
bool evm_txrun_balance_bound(const struct evm_txrun *run, const struct evm_addr *addr,
                             struct evm_u256 *bound);
/* Going back: a run keeps up to EVM_TXRUN_SAVES states, each at a read that waited inside the call,
 * and can go on from any of them while no other run has begun, after its end too. progress is the
 * gas of the call so far, 0 where there is nothing to save. save and restore say how many bytes
 * they copied; save says 0 if it kept nothing (a creation under way, too much memory in use). */
enum { EVM_TXRUN_SAVES = 4 };
uint64_t evm_txrun_progress(const struct evm_txrun *run);
size_t evm_txrun_save(struct evm_txrun *run, uint32_t k);
size_t evm_txrun_restore(struct evm_txrun *run, uint32_t k);
void evm_txrun_trace(struct evm_txrun *run, const struct evm_tracer *tracer);
/* For the runs that begin after this (evm/core/vm.h). */
void evm_txrun_set_tier(struct evm_txrun *run, enum evm_vm_tier tier);

/* Decodes a transaction and recovers its sender, in the order of a node's checks: type, encoding
 * (*err says what is wrong with it, also where the type is not supported), chain id, signature.
 * *why is the first that fails; what is left is the run's to judge. *out is to be given back in any
 * case. The status is EVM_ERR_MEMORY or OK.
 */
enum evm_status evm_tx_read(struct evm_tx *out, enum evm_tx_invalid *why, struct evm_bytes raw,
                            const struct evm_rules *rules, uint64_t chain_id, struct evm_err *err);

/* What the sender must own: gas_limit * max_fee + value + blob gas * max_blob_fee; false on
 * overflow. */
bool evm_tx_max_cost(const struct evm_tx *tx, struct evm_u256 *out);
/* Intrinsic gas (and the EIP-7623 floor, 0 where there is none). */
uint64_t evm_tx_intrinsic_gas(const struct evm_rules *rules, const struct evm_tx *tx,
                              uint64_t *floor);

#endif
