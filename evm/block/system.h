/* evm/block/system.h - what a block does to the state beside its transactions: money from the
 * protocol, and the calls that the system makes.
 *
 * All of them read and write an unsealed version of the state that is the caller's alone; they are
 * barriers before and after the transactions. Sources: Yellow Paper 11.3; EIP-2935, 4788,
 * 4895, 6110, 7002, 7251, 7685; EIP-779 for the DAO. */
#ifndef EVM_BLOCK_SYSTEM_H
#define EVM_BLOCK_SYSTEM_H

#include "evm/block/bal.h"
#include "evm/block/block.h"
#include "evm/block/requests.h"
#include "evm/state/state.h"

/* Adds wei to a balance. Before EIP-161 this makes the account, even with 0; from then on an
 * account that is empty afterwards is deleted. */
enum evm_status evm_credit(struct evm_state *s, const struct evm_rules *rules,
                           const struct evm_addr *addr, const struct evm_u256 *wei);

/* The vm and journal that system calls run in; reused. create returns NULL when memory is out. */
struct evm_system;
struct evm_system *evm_system_create(struct evm_codes *codes);
void evm_system_destroy(struct evm_system *sys);

/* From now on calls, and the money that open and close give, are put into *bal at that index
 * (EIP-7928: 0 before the transactions, their number + 1 after them). bal NULL: nowhere. */
void evm_system_record(struct evm_system *sys, struct evm_bal_builder *bal, uint32_t index);

/* Calls `to` as the system address with 30 million gas and without value, outside the block's gas.
 * A call that fails leaves no trace; if `to` has no code nothing is done. */
struct evm_system_result {
    bool no_code, failed;
    struct evm_bytes output; /* valid until the next call */
};
enum evm_status evm_system_call(struct evm_system *sys, const struct evm_rules *rules,
                                const struct evm_block_env *env, struct evm_state *s,
                                const struct evm_block_hashes *hashes, const struct evm_addr *to,
                                struct evm_bytes input, struct evm_system_result *result);

/* The DAO fork's accounts (false past the last of the 116), where their ether goes, and the move
 * itself: whatever they own at that block. */
bool evm_dao_account(size_t i, struct evm_addr *out);
void evm_dao_refund(struct evm_addr *out);
enum evm_status evm_dao_apply(const struct evm_rules *rules, struct evm_state *s);

/* Before the transactions: the DAO fork's irregular change (EIP-779), the beacon root (EIP-4788),
 * the parent's hash (EIP-2935; a parent_hash of zeros says that there is no parent). */
enum evm_status evm_block_open(struct evm_system *sys, const struct evm_chain_config *chain,
                               const struct evm_block *block, const struct evm_block_hashes *hashes,
                               struct evm_state *s);

/* After them, in this order. Withdrawals, EIP-4895: */
enum evm_status evm_pay_withdrawals(const struct evm_block *block, const struct evm_rules *rules,
                                    struct evm_state *s);
/* the requests, from Prague on (*out grows; the calls also tidy up the contracts' queues): */
enum evm_status evm_collect_requests(struct evm_system *sys, const struct evm_chain_config *chain,
                                     const struct evm_block *block,
                                     const struct evm_block_hashes *hashes,
                                     const struct evm_receipt *receipts, uint32_t receipt_count,
                                     struct evm_state *s, struct evm_requests *out,
                                     enum evm_block_fault *fault);
/* the rewards of proof of work: `reward` wei to the beneficiary and a 32nd of it for each uncle,
 * and an eighth less for each block that it is late to an uncle's (Yellow Paper 11.3). */
enum evm_status evm_pay_rewards(const struct evm_block *block, const struct evm_rules *rules,
                                const struct evm_u256 *reward, struct evm_state *s);

/* All three, with the fork's own reward. *requests (initialised) and *fault say what came out; a
 * block with a fault is invalid, and its state is of no use. */
enum evm_status evm_block_close(struct evm_system *sys, const struct evm_chain_config *chain,
                                const struct evm_block *block,
                                const struct evm_block_hashes *hashes,
                                const struct evm_receipt *receipts, uint32_t receipt_count,
                                struct evm_state *s, struct evm_requests *requests,
                                enum evm_block_fault *fault);

#endif
