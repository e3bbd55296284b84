#include "evm/block/validate.h"

#include "evm/core/keccak.h"
#include "evm/core/rlp.h"
#include "evm/core/u256.h"

#define LEAST_GAS_LIMIT  5000
#define EXTRA_MAX        32
#define DAO_EXTRA_BLOCKS 10
#define FIRST_BASE_FEE   1000000000

static const char *const names[EVM_BLOCK_FAULT_COUNT] = {
    [EVM_BLOCK_FINE] = "fine",
    [EVM_BLOCK_FIELDS] = "not the header fields of its fork",
    [EVM_BLOCK_EXTRA_SIZE] = "extra data too long",
    [EVM_BLOCK_DAO_EXTRA] = "not the extra data of the DAO fork",
    [EVM_BLOCK_GAS_LIMIT_LOW] = "gas limit below 5000",
    [EVM_BLOCK_GAS_LIMIT_HIGH] = "gas limit above 2^63 - 1",
    [EVM_BLOCK_GAS_ABOVE_LIMIT] = "gas used above the gas limit",
    [EVM_BLOCK_BLOB_GAS] = "blob gas used is not possible",
    [EVM_BLOCK_NOT_STAKED] = "difficulty, nonce or uncles after Paris",
    [EVM_BLOCK_PARENT_HASH] = "unknown parent",
    [EVM_BLOCK_NUMBER] = "number does not follow the parent's",
    [EVM_BLOCK_TIMESTAMP] = "timestamp not after the parent's",
    [EVM_BLOCK_GAS_LIMIT_STEP] = "gas limit too far from the parent's",
    [EVM_BLOCK_DIFFICULTY] = "wrong difficulty",
    [EVM_BLOCK_BASE_FEE] = "wrong base fee",
    [EVM_BLOCK_EXCESS_BLOB_GAS] = "wrong excess blob gas",
    [EVM_BLOCK_SIZE] = "block too large",
    [EVM_BLOCK_TRANSACTIONS_ROOT] = "wrong transactions root",
    [EVM_BLOCK_WITHDRAWALS_ROOT] = "wrong withdrawals root",
    [EVM_BLOCK_UNCLES_HASH] = "wrong uncles hash",
    [EVM_BLOCK_UNCLES] = "uncles that may not be",
    [EVM_BLOCK_DEPOSIT_LAYOUT] = "malformed deposit event",
    [EVM_BLOCK_NO_CONTRACT] = "no system contract for requests",
    [EVM_BLOCK_CONTRACT_FAILED] = "system call failed",
    [EVM_BLOCK_GAS_USED] = "wrong gas used",
    [EVM_BLOCK_BLOB_GAS_USED] = "wrong blob gas used",
    [EVM_BLOCK_RECEIPTS_ROOT] = "wrong receipts root",
    [EVM_BLOCK_BLOOM] = "wrong logs bloom",
    [EVM_BLOCK_REQUESTS_HASH] = "wrong requests hash",
    [EVM_BLOCK_STATE_ROOT] = "wrong state root",
};

const char *evm_block_fault_name(enum evm_block_fault fault)
{
    return (unsigned)fault < EVM_BLOCK_FAULT_COUNT ? names[fault] : "?";
}

static const struct evm_rules *rules_of(const struct evm_chain_config *chain,
                                        const struct evm_header *h)
{
    return evm_rules_of(evm_chain_fork(chain, h->number, h->timestamp));
}

/* ---- the header by itself -------------------------------------------------------------------- */

static bool bad_dao_extra(const struct evm_chain_config *chain, const struct evm_header *h)
{
    static const char extra[] = "dao-hard-fork";
    if (!chain->dao_block || h->number < chain->dao_block ||
        h->number >= chain->dao_block + DAO_EXTRA_BLOCKS)
        return false;
    return h->extra.size != sizeof extra - 1 || memcmp(h->extra.data, extra, sizeof extra - 1) != 0;
}

static bool bad_blob_gas(const struct evm_chain_config *chain, const struct evm_header *h)
{
    uint64_t most = evm_chain_blobs(chain, h->number, h->timestamp).max * EVM_GAS_PER_BLOB;
    return h->has_blob_gas && (h->blob_gas_used > most || h->blob_gas_used % EVM_GAS_PER_BLOB != 0);
}

static bool not_staked(const struct evm_header *h)
{
    static const uint8_t nonce[8];
    return !evm_u256_is_zero(&h->difficulty) || memcmp(h->nonce, nonce, sizeof nonce) != 0 ||
           !evm_hash_eq(&h->uncles_hash, &evm_no_uncles_hash);
}

enum evm_block_fault evm_check_header(const struct evm_chain_config *chain,
                                      const struct evm_header *h)
{
    const struct evm_rules *rules = rules_of(chain, h);
    if (h->has_base_fee != rules->base_fee || h->has_withdrawals_root != rules->withdrawals ||
        h->has_blob_gas != rules->beacon_root || h->has_requests_hash != rules->requests)
        return EVM_BLOCK_FIELDS;
    if (h->extra.size > EXTRA_MAX)
        return EVM_BLOCK_EXTRA_SIZE;
    if (bad_dao_extra(chain, h))
        return EVM_BLOCK_DAO_EXTRA;
    if (h->gas_limit < LEAST_GAS_LIMIT)
        return EVM_BLOCK_GAS_LIMIT_LOW;
    if (h->gas_limit > INT64_MAX)
        return EVM_BLOCK_GAS_LIMIT_HIGH;
    if (h->gas_used > h->gas_limit)
        return EVM_BLOCK_GAS_ABOVE_LIMIT;
    if (bad_blob_gas(chain, h))
        return EVM_BLOCK_BLOB_GAS;
    if (rules->prev_randao && not_staked(h))
        return EVM_BLOCK_NOT_STAKED;
    return EVM_BLOCK_FINE;
}

/* ---- after its parent ------------------------------------------------------------------------ */

/* At London the limit doubles, so that the target is what the limit was (EIP-1559). */
static bool bad_gas_limit(const struct evm_rules *rules, const struct evm_rules *before,
                          const struct evm_header *parent, const struct evm_header *h)
{
    uint64_t from = parent->gas_limit;
    if (rules->base_fee && !before->base_fee)
        from *= 2;
    uint64_t step = h->gas_limit > from ? h->gas_limit - from : from - h->gas_limit;
    return step >= from / 1024;
}

static bool bad_base_fee(const struct evm_rules *before, const struct evm_header *parent,
                         const struct evm_header *h)
{
    struct evm_u256 fee = evm_u256_of(FIRST_BASE_FEE);
    if (before->base_fee)
        evm_next_base_fee(&parent->base_fee, parent->gas_used, parent->gas_limit, &fee);
    return !evm_u256_eq(&fee, &h->base_fee);
}

enum evm_block_fault evm_check_child(const struct evm_chain_config *chain,
                                     const struct evm_header *parent,
                                     const struct evm_hash *parent_hash, const struct evm_header *h)
{
    const struct evm_rules *rules = rules_of(chain, h), *before = rules_of(chain, parent);
    struct evm_u256 difficulty = evm_u256_of(0);
    enum evm_block_fault fault = evm_check_header(chain, h);
    if (fault != EVM_BLOCK_FINE)
        return fault;
    if (!evm_hash_eq(&h->parent_hash, parent_hash))
        return EVM_BLOCK_PARENT_HASH;
    if (h->number != parent->number + 1)
        return EVM_BLOCK_NUMBER;
    if (h->timestamp <= parent->timestamp)
        return EVM_BLOCK_TIMESTAMP;
    if (bad_gas_limit(rules, before, parent, h))
        return EVM_BLOCK_GAS_LIMIT_STEP;
    if (!rules->prev_randao)
        evm_next_difficulty(chain, parent, h->timestamp, &difficulty);
    if (!evm_u256_eq(&h->difficulty, &difficulty))
        return EVM_BLOCK_DIFFICULTY;
    if (rules->base_fee && bad_base_fee(before, parent, h))
        return EVM_BLOCK_BASE_FEE;
    if (rules->beacon_root &&
        h->excess_blob_gas != evm_next_excess_blob_gas(chain, parent, h->timestamp))
        return EVM_BLOCK_EXCESS_BLOB_GAS;
    return EVM_BLOCK_FINE;
}

/* ---- with its body --------------------------------------------------------------------------- */

enum evm_status evm_uncles_hash(const struct evm_block *block, struct evm_hash *out)
{
    struct evm_buf b = {0};
    size_t list = evm_rlp_open(&b);
    for (uint32_t i = 0; i < block->uncle_count; i++)
        evm_header_encode(&b, &block->uncles[i]);
    evm_rlp_close(&b, list);
    evm_keccak256(out, evm_buf_bytes(&b));
    enum evm_status status = b.failed ? EVM_ERR_MEMORY : EVM_OK;
    evm_buf_fini(&b);
    return status;
}

static bool bad_uncles(const struct evm_block *block)
{
    uint64_t number = block->header.number;
    for (uint32_t i = 0; i < block->uncle_count; i++)
        if (block->uncles[i].number >= number || number - block->uncles[i].number > 6)
            return true;
    return block->uncle_count > 2;
}

enum evm_status evm_check_body(const struct evm_chain_config *chain, const struct evm_block *block,
                               enum evm_block_fault *fault)
{
    const struct evm_header *h = &block->header;
    const struct evm_rules *rules = rules_of(chain, h);
    struct evm_hash txs, uncles, withdrawals = h->withdrawals_root;
    enum evm_status status = evm_transactions_root(block->txs, block->tx_count, &txs);
    if (status == EVM_OK)
        status = evm_uncles_hash(block, &uncles);
    if (status == EVM_OK && h->has_withdrawals_root)
        status = evm_withdrawals_root(block->withdrawals, block->withdrawal_count, &withdrawals);
    if (status != EVM_OK)
        return status;
    *fault = EVM_BLOCK_FINE;
    if (rules->max_block_rlp_size && evm_block_size(block) > rules->max_block_rlp_size)
        *fault = EVM_BLOCK_SIZE;
    else if (!evm_hash_eq(&txs, &h->transactions_root))
        *fault = EVM_BLOCK_TRANSACTIONS_ROOT;
    else if (!evm_hash_eq(&withdrawals, &h->withdrawals_root) ||
             block->has_withdrawals != h->has_withdrawals_root)
        *fault = EVM_BLOCK_WITHDRAWALS_ROOT;
    else if (!evm_hash_eq(&uncles, &h->uncles_hash))
        *fault = EVM_BLOCK_UNCLES_HASH;
    else if (bad_uncles(block))
        *fault = EVM_BLOCK_UNCLES;
    return EVM_OK;
}

/* ---- after executing it ---------------------------------------------------------------------- */

enum evm_status evm_check_outcome(const struct evm_chain_config *chain, const struct evm_header *h,
                                  const struct evm_receipt *receipts, uint32_t receipt_count,
                                  uint64_t blob_gas_used, const struct evm_requests *requests,
                                  const struct evm_hash *state_root, enum evm_block_fault *fault)
{
    uint64_t gas = receipt_count ? receipts[receipt_count - 1].cumulative_gas : 0;
    struct evm_hash root, asked = h->requests_hash;
    struct evm_bloom bloom;
    enum evm_status status = evm_receipts_root(receipts, receipt_count, &root);
    if (status == EVM_OK && h->has_requests_hash)
        status = evm_requests_hash(requests, &asked);
    if (status != EVM_OK)
        return status;
    evm_receipts_bloom(receipts, receipt_count, &bloom);
    bool receipts_judged = state_root || rules_of(chain, h)->receipt_status;
    *fault = EVM_BLOCK_FINE;
    if (gas != h->gas_used)
        *fault = EVM_BLOCK_GAS_USED;
    else if (h->has_blob_gas && blob_gas_used != h->blob_gas_used)
        *fault = EVM_BLOCK_BLOB_GAS_USED;
    else if (receipts_judged && !evm_hash_eq(&root, &h->receipts_root))
        *fault = EVM_BLOCK_RECEIPTS_ROOT;
    else if (memcmp(&bloom, &h->bloom, sizeof bloom) != 0)
        *fault = EVM_BLOCK_BLOOM;
    else if (!evm_hash_eq(&asked, &h->requests_hash))
        *fault = EVM_BLOCK_REQUESTS_HASH;
    else if (state_root && !evm_hash_eq(state_root, &h->state_root))
        *fault = EVM_BLOCK_STATE_ROOT;
    return EVM_OK;
}
