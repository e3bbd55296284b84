/* Transactions as they come from outside, judged in the order of a node's checks. */
#include "evm/block/txrun.h"

#define LIST_MIN 0xc0 /* EIP-2718: from this first byte on it is a legacy list, below it a type */

/* Before EIP-155 v says nothing of a chain, and one that is not 27 or 28 belongs to no signature.
 */
static enum evm_tx_invalid check_chain(const struct evm_tx *tx, const struct evm_rules *rules,
                                       uint64_t chain_id)
{
    if (!tx->has_chain_id)
        return EVM_TX_VALID;
    if (tx->type == EVM_TX_LEGACY && !rules->replay_protection)
        return EVM_TX_BAD_SIGNATURE;
    return tx->chain_id == chain_id ? EVM_TX_VALID : EVM_TX_WRONG_CHAIN_ID;
}

enum evm_status evm_tx_read(struct evm_tx *out, enum evm_tx_invalid *why, struct evm_bytes raw,
                            const struct evm_rules *rules, uint64_t chain_id, struct evm_err *err)
{
    *out = (struct evm_tx){0};
    enum evm_status status = evm_tx_decode(out, raw, err);
    if (status == EVM_ERR_MEMORY)
        return status;
    *why = status == EVM_OK ? EVM_TX_VALID : EVM_TX_MALFORMED;
    if (raw.size && raw.data[0] < LIST_MIN && raw.data[0] > rules->max_tx_type)
        *why = EVM_TX_TYPE_NOT_SUPPORTED;
    if (*why != EVM_TX_VALID)
        return EVM_OK;
    *why = check_chain(out, rules, chain_id);
    if (*why != EVM_TX_VALID)
        return EVM_OK;
    status = evm_tx_recover(out, rules->low_s_required, err);
    if (status == EVM_ERR_INPUT)
        *why = EVM_TX_BAD_SIGNATURE;
    return status == EVM_ERR_INPUT ? EVM_OK : status;
}
