/* evm/parallel/insight.h - what a block's transactions met at: the hottest keys, with names, and
 * the graph of conflicts.
 *
 * Computed from recorded sets (access.h). A conflict is a transaction that read what another one of
 * the block wrote, at one location; what counts is the oracle's model field+nonce (oracle.h):
 * adding to a balance is none, nor is a sender's next nonce. Functions of their arguments; nothing
 * shared. */
#ifndef EVM_PARALLEL_INSIGHT_H
#define EVM_PARALLEL_INSIGHT_H

#include "evm/parallel/oracle.h"

/* One location and what happened there. */
struct evm_hot_key {
    struct evm_addr addr;
    struct evm_u256 key;       /* SLOT only */
    uint8_t kind;              /* enum evm_mv_kind */
    uint32_t conflicts;        /* transactions that read another's write here */
    uint32_t readers, writers; /* transactions that read it, that wrote it or added to it */
    uint64_t gas;              /* of the transactions in `conflicts` */
    uint32_t first_tx;         /* the lowest that touched it */
};

/* The hottest `most` locations with at least one conflict, most conflicts first, then more gas,
 * then by (addr, kind, key). out has room for `most`; *count says how many there are. O(rows log
 * rows). */
enum evm_status evm_insight_hottest(const struct evm_oracle_input *in, struct evm_hot_key *out,
                                    uint32_t most, uint32_t *count);

/* The place among keys[0..count) of the location of row a, or EVM_NO_TX. O(count). */
uint32_t evm_insight_place(const struct evm_hot_key *keys, uint32_t count,
                           const struct evm_access *a);

/* ---- names ---- */

enum { EVM_INSIGHT_NAME = 128 }; /* always long enough */

/* "USDT", "precompile 0x04" or "0x123456..cdef". False if the address has no name of its own. */
bool evm_insight_account_name(const struct evm_addr *addr, char out[EVM_INSIGHT_NAME]);

/* "USDT.balances[0x1234..cdef]", "0x1234..cdef.slot 8", "0x1234..cdef.balance". The owner in a
 * mapping is looked for among the addresses that the first transactions which touch the location
 * name (sender, recipient, accounts touched, words of the input): keccak256(owner, slot) for the
 * first slots is compared, as Solidity lays mappings out ("Layout of State Variables in Storage").
 * It is called balances where the contract's layout is known (insight_names.def), or one of those
 * transactions asked the contract for a token transfer; else map N, N being the slot. */
void evm_insight_key_name(const struct evm_oracle_input *in, const struct evm_hot_key *key,
                          char out[EVM_INSIGHT_NAME]);

/* Row i of the known addresses, or false past the end: for tests and listings. */
bool evm_insight_known(size_t i, const char **address, const char **name, int *balances);

/* ---- the graph ---- */

/* One conflict: `reader` read at the location of *at what `writer` wrote. */
struct evm_conflict {
    uint32_t reader, writer;
    const struct evm_access *at; /* borrowed from the sets */
};

/* All of them, by (reader, location). *out is the caller's to free; NULL if there are none. */
enum evm_status evm_insight_graph(const struct evm_oracle_input *in, struct evm_conflict **out,
                                  uint32_t *count);

#endif
