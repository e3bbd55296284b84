/* evm/parallel/oracle.h - what a block's conflicts allow: who depends on whom, the longest chain,
 * and the makespan of a scheduler that knows all of it beforehand.
 *
 * Computed from recorded sets (access.h), so it is about the final execution, not about how an
 * executor got there. The oracle starts transaction i at max(earliest free core, finish of those
 * that i depends on), taking transactions in the block's order: an in-order list schedule. It pays
 * nothing for validation, scheduling and commits. It is a yardstick and not a strict bound: it
 * counts transactions whole, while an executor may start a reader before its writer has finished
 * and wait at the read alone.
 *
 * Thread rule: functions of their arguments; nothing shared. */
#ifndef EVM_PARALLEL_ORACLE_H
#define EVM_PARALLEL_ORACLE_H

#include "evm/parallel/access.h"

/* What counts as a dependency. The beneficiary's account never does: fees are added in order. */
enum evm_oracle_model {
    EVM_ORACLE_FIELD_NONCE,  /* fields and slots; amounts added and bounds that held make none, nor
                                does a sender's next nonce, which is known: what `ladder` can do */
    EVM_ORACLE_FIELD,        /* the same, but a sender's transactions follow one another */
    EVM_ORACLE_ACCOUNT_LAZY, /* whole accounts and slots; plain transfers (21,000 gas) read neither
                                of their accounts, as in pevm */
    EVM_ORACLE_ACCOUNT,      /* whole accounts and slots */
    EVM_ORACLE_MODELS
};
const char *evm_oracle_name(enum evm_oracle_model model); /* "field+nonce", ... */

/* A block whose sets were recorded. Borrowed. */
struct evm_oracle_input {
    const struct evm_access_sets *sets;
    const struct evm_tx *const *txs;    /* for senders; NULL: no two have the same */
    const struct evm_addr *beneficiary; /* NULL: none */
};

/* Transaction i depends on the lower ones on[first[i]] up to on[first[i + 1]], none twice, in no
 * particular order. Zeroed is empty; fini gives the memory back. */
struct evm_oracle {
    uint32_t *first; /* tx_count + 1 */
    uint32_t *on;
    uint32_t tx_count, count, capacity;
};
void evm_oracle_fini(struct evm_oracle *o);

/* Needs sets as access.h describes them. EVM_ERR_MEMORY leaves *out empty. O(rows), for the account
 * models O(rows log rows). */
enum evm_status evm_oracle_init(struct evm_oracle *out, const struct evm_oracle_input *in,
                                enum evm_oracle_model model);

/* Whether row a of transaction tx is a dependency on a->from under FIELD_NONCE. */
bool evm_oracle_is_edge(const struct evm_oracle_input *in, uint32_t tx, const struct evm_access *a);

/* Both take what each transaction takes (ns, gas: tx_count of them, not negative; NULL: 1 each).
 * The longest chain of transactions that depend on one another; ... */
enum evm_status evm_oracle_chain(const struct evm_oracle *o, const int64_t *weights, int64_t *out);
/* ... and the oracle's makespan on so many cores (at least 1). O(transactions * log cores). */
enum evm_status evm_oracle_makespan(const struct evm_oracle *o, const int64_t *weights,
                                    uint32_t cores, int64_t *out);

/* The oracle's makespan, FIELD_NONCE, on so many cores, of a block whose serial time is serial_ns:
 * each transaction's share of that is its share of the costs in the sets (of gas, where no cost is
 * known). So serial_ns / *out is the oracle's speed-up, and on one core *out is serial_ns, up to
 * rounding. 0 for an empty block. */
enum evm_status evm_oracle_block(const struct evm_oracle_input *in, int64_t serial_ns,
                                 uint32_t cores, int64_t *out);

#endif
