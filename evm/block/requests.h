/* evm/block/requests.h - what a block asks of the consensus layer (EIP-7685): deposits read from
 * logs (EIP-6110), withdrawals (EIP-7002) and consolidations (EIP-7251) that contracts hand over at
 * the block's end. */
#ifndef EVM_BLOCK_REQUESTS_H
#define EVM_BLOCK_REQUESTS_H

#include "evm/block/fault.h"
#include "evm/block/receipt.h"
#include "evm/core/buf.h"

enum evm_request_type {
    EVM_REQUEST_DEPOSIT,       /* 192 bytes each */
    EVM_REQUEST_WITHDRAWAL,    /* 76 bytes each */
    EVM_REQUEST_CONSOLIDATION, /* 116 bytes each */
    EVM_REQUEST_COUNT
};

/* The requests of one block, those of a type one after another without the type byte. Owned by the
 * holder; zeroed means none. A type without data is no part of the block. */
struct evm_requests {
    struct evm_buf of[EVM_REQUEST_COUNT];
};
void evm_requests_fini(struct evm_requests *r);

/* Appends the deposits in the logs of the deposit contract, in order. False if one of its deposit
 * events has another layout than EIP-6110 fixes: that makes the block invalid. Other events of
 * that contract are passed over. */
bool evm_requests_add_deposits(struct evm_requests *r, const struct evm_addr *contract,
                               const struct evm_log *logs, uint32_t count);

/* sha256 over the sha256 of type byte and data of each type that has data. */
enum evm_status evm_requests_hash(const struct evm_requests *r, struct evm_hash *out);

#endif
