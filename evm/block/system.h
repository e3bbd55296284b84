/* evm/block/system.h - what a block does to the state beside its transactions: money from the
 * protocol, and the calls that the system makes.
 *
 * All of them read and write an unsealed version of the state that is the caller's alone; they are
 * barriers before and after the transactions. Sources: Yellow Paper 11.3; EIP-2935, 4788,
 * 4895, 7002, 7251. */
#ifndef EVM_BLOCK_SYSTEM_H
#define EVM_BLOCK_SYSTEM_H

#include "evm/block/block.h"
#include "evm/state/state.h"

/* Adds wei to a balance. Before EIP-161 this makes the account, even with 0; from then on an
 * account that is empty afterwards is deleted. */
enum evm_status evm_credit(struct evm_state *s, const struct evm_rules *rules,
                           const struct evm_addr *addr, const struct evm_u256 *wei);

/* The vm and journal that system calls run in; reused. create returns NULL when memory is out. */
struct evm_system;
struct evm_system *evm_system_create(struct evm_codes *codes);
void evm_system_destroy(struct evm_system *sys);

/* Calls `to` as the system address with 30 million gas and without value, outside the block's gas.
 * Does nothing if `to` has no code. *output (may be NULL) is valid until the next call. A call that
 * fails leaves no trace. */
enum evm_status evm_system_call(struct evm_system *sys, const struct evm_rules *rules,
                                const struct evm_block_env *env, struct evm_state *s,
                                const struct evm_block_hashes *hashes, const struct evm_addr *to,
                                struct evm_bytes input, struct evm_bytes *output);

/* Before the transactions: the DAO fork's irregular change, the beacon root (EIP-4788), the
 * parent's hash (EIP-2935). */
enum evm_status evm_block_open(struct evm_system *sys, const struct evm_chain_config *chain,
                               const struct evm_block *block, const struct evm_block_hashes *hashes,
                               struct evm_state *s);

/* After them: withdrawals (EIP-4895), the requests of EIP-7002 and EIP-7251 (whose calls also tidy
 * up the queues), the rewards of proof of work. */
enum evm_status evm_block_close(struct evm_system *sys, const struct evm_chain_config *chain,
                                const struct evm_block *block,
                                const struct evm_block_hashes *hashes, struct evm_state *s);

#endif
