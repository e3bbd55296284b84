#include "evm/io/exceptions.h"

#include <stdio.h>
#include <string.h>

/* A name, a reason that it means, and for malformed ones a word that the decoder's text must hold
 * (NULL: any). A name with several meanings has several rows. */
static const struct {
    const char *name;
    enum evm_tx_invalid why;
    const char *word;
} rows[] = {
    /* ethereum/tests before 2024: the names of its filler. */
    {"TR_NoFunds", EVM_TX_INSUFFICIENT_FUNDS, NULL},
    {"TR_NoFundsX", EVM_TX_INSUFFICIENT_FUNDS, NULL},
    {"TR_NoFundsX", EVM_TX_COST_OVERFLOW, NULL}, /* nobody has what 256 bits do not hold */
    {"TR_NoFundsOrGas", EVM_TX_INSUFFICIENT_FUNDS, NULL},
    {"TR_NoFundsOrGas", EVM_TX_INTRINSIC_GAS, NULL},
    {"TR_IntrinsicGas", EVM_TX_INTRINSIC_GAS, NULL},
    {"IntrinsicGas", EVM_TX_INTRINSIC_GAS, NULL},
    {"TR_TypeNotSupported", EVM_TX_TYPE_NOT_SUPPORTED, NULL},
    {"TR_TypeNotSupportedBlob", EVM_TX_TYPE_NOT_SUPPORTED, NULL},
    {"TR_NonceHasMaxValue", EVM_TX_NONCE_OVERFLOW, NULL},
    {"TR_NonceTooLow", EVM_TX_NONCE_TOO_LOW, NULL},
    {"TR_NonceTooHigh", EVM_TX_NONCE_TOO_HIGH, NULL},
    {"TR_GasLimitReached", EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK, NULL},
    {"TR_FeeCapLessThanBlocks", EVM_TX_FEE_BELOW_BASE_FEE, NULL},
    {"TR_TipGtFeeCap", EVM_TX_PRIORITY_ABOVE_MAX_FEE, NULL},
    {"TR_InitCodeLimitExceeded", EVM_TX_INITCODE_SIZE, NULL},
    {"SenderNotEOA", EVM_TX_SENDER_NOT_EOA, NULL},
    {"TR_RLP_WRONGVALUE", EVM_TX_MALFORMED, NULL},
    {"TR_BLOBVERSION_INVALID", EVM_TX_BLOB_BAD_VERSION, NULL},
    {"TR_BLOBLIST_OVERSIZE", EVM_TX_BLOB_TOO_MANY, NULL},
    {"TR_BLOBCREATE", EVM_TX_BLOB_CREATE, NULL},
    {"TR_EMPTYBLOB", EVM_TX_BLOB_NONE, NULL},

    /* execution-spec-tests: TransactionException. */
    {"TYPE_NOT_SUPPORTED", EVM_TX_TYPE_NOT_SUPPORTED, NULL},
    {"TYPE_1_TX_PRE_FORK", EVM_TX_TYPE_NOT_SUPPORTED, NULL},
    {"TYPE_2_TX_PRE_FORK", EVM_TX_TYPE_NOT_SUPPORTED, NULL},
    {"TYPE_3_TX_PRE_FORK", EVM_TX_TYPE_NOT_SUPPORTED, NULL},
    {"TYPE_3_TX_ZERO_BLOBS_PRE_FORK", EVM_TX_TYPE_NOT_SUPPORTED, NULL},
    {"TYPE_4_TX_PRE_FORK", EVM_TX_TYPE_NOT_SUPPORTED, NULL},
    {"SENDER_NOT_EOA", EVM_TX_SENDER_NOT_EOA, NULL},
    {"NONCE_MISMATCH_TOO_LOW", EVM_TX_NONCE_TOO_LOW, NULL},
    {"NONCE_MISMATCH_TOO_HIGH", EVM_TX_NONCE_TOO_HIGH, NULL},
    {"NONCE_IS_MAX", EVM_TX_NONCE_OVERFLOW, NULL},
    {"NONCE_TOO_BIG", EVM_TX_NONCE_OVERFLOW, NULL},
    {"NONCE_OVERFLOW", EVM_TX_MALFORMED, "nonce"},
    {"INSUFFICIENT_ACCOUNT_FUNDS", EVM_TX_INSUFFICIENT_FUNDS, NULL},
    {"INSUFFICIENT_MAX_FEE_PER_GAS", EVM_TX_FEE_BELOW_BASE_FEE, NULL},
    {"INSUFFICIENT_MAX_FEE_PER_BLOB_GAS", EVM_TX_BLOB_FEE_TOO_LOW, NULL},
    {"PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS", EVM_TX_PRIORITY_ABOVE_MAX_FEE, NULL},
    {"PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS_2", EVM_TX_PRIORITY_ABOVE_MAX_FEE, NULL},
    {"PRIORITY_OVERFLOW", EVM_TX_MALFORMED, "max priority fee"},
    {"GASPRICE_OVERFLOW", EVM_TX_MALFORMED, "gas price"},
    {"GASPRICE_OVERFLOW", EVM_TX_MALFORMED, "max fee"},
    {"GASLIMIT_OVERFLOW", EVM_TX_MALFORMED, "gas limit"},
    {"VALUE_OVERFLOW", EVM_TX_MALFORMED, "value"},
    {"GASLIMIT_PRICE_PRODUCT_OVERFLOW", EVM_TX_COST_OVERFLOW, NULL},
    {"INTRINSIC_GAS_TOO_LOW", EVM_TX_INTRINSIC_GAS, NULL},
    {"INTRINSIC_GAS_BELOW_FLOOR_GAS_COST", EVM_TX_FLOOR_GAS, NULL},
    {"INITCODE_SIZE_EXCEEDED", EVM_TX_INITCODE_SIZE, NULL},
    {"GAS_ALLOWANCE_EXCEEDED", EVM_TX_GAS_LIMIT_EXCEEDS_BLOCK, NULL},
    {"GAS_LIMIT_EXCEEDS_MAXIMUM", EVM_TX_GAS_LIMIT_TOO_HIGH, NULL},
    {"INVALID_CHAINID", EVM_TX_WRONG_CHAIN_ID, NULL},
    /* v of a legacy transaction holds the chain id; one that holds none is called either. */
    {"INVALID_CHAINID", EVM_TX_MALFORMED, "bad v"},
    {"INVALID_SIGNATURE_VRS", EVM_TX_MALFORMED, "bad v"},
    {"INVALID_SIGNATURE_VRS", EVM_TX_MALFORMED, "bad r"},
    {"INVALID_SIGNATURE_VRS", EVM_TX_MALFORMED, "bad s"},
    {"INVALID_SIGNATURE_VRS", EVM_TX_BAD_SIGNATURE, NULL},
    {"EC_RECOVERY_FAIL", EVM_TX_BAD_SIGNATURE, NULL},
    {"TYPE_3_TX_ZERO_BLOBS", EVM_TX_BLOB_NONE, NULL},
    {"TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH", EVM_TX_BLOB_BAD_VERSION, NULL},
    {"TYPE_3_TX_BLOB_COUNT_EXCEEDED", EVM_TX_BLOB_TOO_MANY, NULL},
    {"TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED", EVM_TX_BLOB_TOO_MANY, NULL},
    {"TYPE_3_TX_CONTRACT_CREATION", EVM_TX_BLOB_CREATE, NULL},
    {"TYPE_3_TX_WITH_FULL_BLOBS", EVM_TX_MALFORMED, NULL},
    {"TYPE_4_EMPTY_AUTHORIZATION_LIST", EVM_TX_SET_CODE_EMPTY, NULL},
    {"TYPE_4_TX_CONTRACT_CREATION", EVM_TX_SET_CODE_CREATE, NULL},
    {"TYPE_4_INVALID_AUTHORIZATION_FORMAT", EVM_TX_MALFORMED, "authorization"},
    {"TYPE_4_INVALID_AUTHORITY_SIGNATURE", EVM_TX_MALFORMED, "authorization"},
    {"ADDRESS_TOO_SHORT", EVM_TX_MALFORMED, "bad to"},
    {"ADDRESS_TOO_LONG", EVM_TX_MALFORMED, "bad to"},
    {"RLP_ERROR_EOF", EVM_TX_MALFORMED, NULL},
    {"RLP_ERROR_SIZE", EVM_TX_MALFORMED, NULL},
    {"RLP_INVALID_DATA", EVM_TX_MALFORMED, NULL},
    {"RLP_INVALID_HEADER", EVM_TX_MALFORMED, NULL},
    {"RLP_TOO_FEW_ELEMENTS", EVM_TX_MALFORMED, NULL},
    {"RLP_TOO_MANY_ELEMENTS", EVM_TX_MALFORMED, NULL},
    {"RLP_INVALID_NONCE", EVM_TX_MALFORMED, "nonce"},
    {"RLP_INVALID_GASLIMIT", EVM_TX_MALFORMED, "gas limit"},
    {"RLP_INVALID_TO", EVM_TX_MALFORMED, "bad to"},
    {"RLP_INVALID_VALUE", EVM_TX_MALFORMED, "value"},
    {"RLP_INVALID_SIGNATURE_R", EVM_TX_MALFORMED, "bad r"},
    {"RLP_INVALID_SIGNATURE_S", EVM_TX_MALFORMED, "bad s"},
    {"RLP_INVALID_ACCESS_LIST_ADDRESS_TOO_LONG", EVM_TX_MALFORMED, "access list"},
    {"RLP_INVALID_ACCESS_LIST_ADDRESS_TOO_SHORT", EVM_TX_MALFORMED, "access list"},
    {"RLP_INVALID_ACCESS_LIST_STORAGE_TOO_LONG", EVM_TX_MALFORMED, "access list key"},
    {"RLP_INVALID_ACCESS_LIST_STORAGE_TOO_SHORT", EVM_TX_MALFORMED, "access list key"},
    {"RLP_LEADING_ZEROS_NONCE", EVM_TX_MALFORMED, "nonce"},
    {"RLP_LEADING_ZEROS_NONCE_SIZE", EVM_TX_MALFORMED, "nonce"},
    {"RLP_LEADING_ZEROS_GASLIMIT", EVM_TX_MALFORMED, "gas limit"},
    {"RLP_LEADING_ZEROS_GASPRICE", EVM_TX_MALFORMED, "gas price"},
    {"RLP_LEADING_ZEROS_BASEFEE", EVM_TX_MALFORMED, "max fee"},
    {"RLP_LEADING_ZEROS_PRIORITY_FEE", EVM_TX_MALFORMED, "max priority fee"},
    {"RLP_LEADING_ZEROS_VALUE", EVM_TX_MALFORMED, "value"},
    {"RLP_LEADING_ZEROS_DATA_SIZE", EVM_TX_MALFORMED, "input"},
    {"RLP_LEADING_ZEROS_V", EVM_TX_MALFORMED, "bad v"},
    {"RLP_LEADING_ZEROS_R", EVM_TX_MALFORMED, "bad r"},
    {"RLP_LEADING_ZEROS_S", EVM_TX_MALFORMED, "bad s"},
};

enum evm_exception_verdict evm_exception_check(const char *expected, enum evm_tx_invalid why,
                                               const char *text, char unknown[64])
{
    static const char prefix[] = "TransactionException.";
    bool all_known = true, both = why == EVM_TX_TYPE_NOT_SUPPORTED && text && text[0];
    for (const char *name = expected; *name; name += *name == '|') {
        size_t size = strcspn(name, "|");
        const char *end = name + size;
        bool known = false;
        if (size > strlen(prefix) && !strncmp(name, prefix, strlen(prefix)))
            name += strlen(prefix);
        size = (size_t)(end - name);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (strlen(rows[i].name) != size || memcmp(rows[i].name, name, size) != 0)
                continue;
            known = true;
            bool fits = !rows[i].word || (text && strstr(text, rows[i].word));
            bool same = rows[i].why == why || (both && rows[i].why == EVM_TX_MALFORMED);
            if (same && fits)
                return EVM_EXCEPTION_SAME;
        }
        if (!known && all_known)
            snprintf(unknown, 64, "%.*s", (int)(size < 63 ? size : 63), name);
        all_known &= known;
        name = end;
    }
    return all_known ? EVM_EXCEPTION_WRONG : EVM_EXCEPTION_UNKNOWN;
}
