/* models/execution/execution.h - how a layer's nodes execute blocks: which executor, on what
 * machine, and when in relation to consensus.
 *
 * The executors themselves are evm/parallel's; an entry here gives one its scenario section. The
 * coupling says when a node executes:
 *   execute-before-vote   a proposer executes before it proposes, a validator before it votes; the
 *                         header carries the block's own roots (Ethereum)
 *   execute-after-order   consensus votes on the order alone; a committed block is executed
 *                         afterwards, one after another, and the header carries the roots of the
 *                         block `root_delay` heights below (asynchronous execution; Monad):
 * consensus may be so far ahead of execution, and no further execute-on-proposal   as
 * execute-after-order, but a node begins with a block as soon as it has it, in the hope that it
 * will be ordered; what loses was for nothing propose-with-list     as execute-before-vote, and the
 * block carries its access list (EIP-7928): a validator knows every value beforehand, so no
 * transaction waits for another, and it computes the state root from the list meanwhile */
#ifndef MODELS_EXECUTION_EXECUTION_H
#define MODELS_EXECUTION_EXECUTION_H

#include "evm/parallel/executor.h"
#include "sim/base/err.h"
#include "sim/scenario/scenario.h"

#define EXECUTION_COUPLING(E, S)                                                                   \
    E(S, EXECUTE_BEFORE_VOTE, "execute-before-vote",                                               \
      "Proposers execute before they propose, validators before they vote.")                       \
    E(S, EXECUTE_AFTER_ORDER, "execute-after-order",                                               \
      "Consensus orders blocks, nodes execute them after commit.")                                 \
    E(S, EXECUTE_ON_PROPOSAL, "execute-on-proposal",                                               \
      "Consensus orders blocks, nodes execute them as soon as they come, before the order is "     \
      "known.")                                                                                    \
    E(S, EXECUTE_WITH_LIST, "propose-with-list",                                                   \
      "As execute-before-vote; blocks carry their access list (EIP-7928), by which validators "    \
      "execute.")
FIELD_ENUM_DECLARE(execution_coupling, EXECUTION_COUPLING);

#define EXECUTION_ROOT(E, S)                                                                       \
    E(S, EXECUTION_ROOT_MPT, "mpt", "The real Merkle-Patricia root, computed by every node.")      \
    E(S, EXECUTION_ROOT_NONE, "none", "No root: headers carry a digest of the block's writes.")
FIELD_ENUM_DECLARE(execution_root, EXECUTION_ROOT);

/* Some nodes of a layer on other hardware than the rest. */
#define EXECUTION_HARDWARE_FIELDS(F, S)                                                            \
    F(S, COUNT, nodes, "1", "1", "100k", "How many of the layer's nodes, counted from the last.")  \
    F(S, COUNT, cores, "0", "0", "1024", "Cores of each; 0 is as many as the rest have.")          \
    F(S, STRING, profile, "", NULL, NULL, "Their cost profile; empty is the one of the rest.")     \
    F(S, REAL, slowdown, "1", "0.001", "1000000", "Everything takes this many times as long.")
FIELD_DECLARE(execution_hardware, EXECUTION_HARDWARE_FIELDS);

#define EXECUTION_STORAGE(E, S)                                                                    \
    E(S, EXECUTION_STORAGE_PROFILE, "profile", "As the cost profile says.")                        \
    E(S, EXECUTION_STORAGE_MEMORY, "memory", "All of the state is in memory.")                     \
    E(S, EXECUTION_STORAGE_NVME, "nvme", "On a device, behind a page cache.")
FIELD_ENUM_DECLARE(execution_storage_kind, EXECUTION_STORAGE);

/* Where the state before a block is, in place of what the profile says. */
#define EXECUTION_STORAGE_FIELDS(F, S)                                                             \
    F(S, ENUM(execution_storage_kind), kind, "profile", NULL, NULL, "Where the state is.")         \
    F(S, DURATION, latency, "80us", "1us", "1s", "nvme: one read of the device.")                  \
    F(S, COUNT, depth, "64", "1", "65536", "nvme: reads that the device does at once.")            \
    F(S, FRACTION, cached, "90%", "0%", "100%",                                                    \
      "nvme: accounts and slots that the page cache holds, drawn by location and seed.")
FIELD_DECLARE(execution_storage, EXECUTION_STORAGE_FIELDS);

/* What every executor's section has. */
#define EXECUTION_FIELDS(F, S)                                                                     \
    F(S, COUNT, cores, "8", "1", "1024", "Simulated cores that execute blocks, a node.")           \
    F(S, STRING, profile, "validator-2025", NULL, NULL,                                            \
      "Cost profile: what an operation takes on one core. A shipped one, or the path of a file "   \
      "that weft calibrate wrote.")                                                                \
    F(S, STRUCT(execution_storage), storage, "", NULL, NULL, "Where the state is.")                \
    F(S, BOOL, prefetch, "false", NULL, NULL,                                                      \
      "What transactions declare to touch is read before the block's first one runs.")             \
    F(S, BOOL, precompute, "false", NULL, NULL,                                                    \
      "Transactions were executed while they waited in the pool, on the state that the block's "   \
      "parent was executed on and as if its header were known; where what they read still "        \
      "holds, the block takes the result over. The work beforehand is not charged to the cores.")  \
    F(S, BOOL, keccak_cache, "true", NULL, NULL, "Cores remember hashes of mappings' keys.")       \
    F(S, BOOL, code_cache, "true", NULL, NULL, "Contracts run translated.")                        \
    F(S, REAL, slowdown, "1", "0.001", "1000000", "Everything takes this many times as long.")     \
    F(S, ENUM(execution_coupling), coupling, "execute-before-vote", NULL, NULL,                    \
      "Order of execution against consensus.")                                                     \
    F(S, COUNT, root_delay, "3", "1", "256",                                                       \
      "execute-after-order, -on-proposal: headers carry the roots of the block this far below, "   \
      "final by then; consensus waits for nodes that are further behind.")                         \
    F(S, DURATION, ingress_wait, "1s", "0s", "1h",                                                 \
      "Transactions of other nodes are dropped when recovering their senders would take longer; "  \
      "blocks go first on the cores.")                                                             \
    F(S, ENUM(execution_root), state_root, "mpt", NULL, NULL, "What the state root is.")           \
    F(S, LIST(execution_hardware), hardware, "", "0", "64", "Nodes on other hardware.")
FIELD_DECLARE(execution_cfg, EXECUTION_FIELDS);

/* Whether consensus orders blocks before anybody need have executed them. */
static inline bool execution_follows(enum execution_coupling coupling)
{
    return coupling == EXECUTE_AFTER_ORDER || coupling == EXECUTE_ON_PROPOSAL;
}

/* The profile a layer's nodes have: *name, or *cfg's, with *cfg's storage, `by` times as slow.
 * False with a text if there is none. */
bool execution_profile(struct evm_profile *out, const struct execution_cfg *cfg, const char *name,
                       double by, struct evm_err *err);

/* One executor as a scenario names it. Its cfg begins with a struct execution_cfg; the rows of its
 * table are those of execution_cfg_table, then its own. */
struct execution_ops {
    struct field_model model; /* name: evm_executor_find's */
    /* The common part of cfg. */
    const struct execution_cfg *(*common)(const void *cfg);
    /* Writes its own settings into *out, which holds the defaults; the others' stay. */
    void (*params)(const void *cfg, struct evm_exec_params *out);
};

/* The executors' vtables, one each (executors.c). */
extern const struct execution_ops execution_serial, execution_ladder, execution_block_stm,
    execution_occ, execution_access_list, execution_locks, execution_hybrid, execution_partitioned;

extern const struct field_registry execution_registry;

/* NULL for a name that no row has. */
const struct execution_ops *execution_find(const char *name);

/* Reads an executor's own settings from texts "name=value", as `weft replay --param` takes them:
 * the rows, ranges and messages of a scenario, common settings left out. *out is complete, also
 * without any text. ERR_INPUT with a line for each problem, ERR_MEMORY perhaps without. */
enum err_code execution_params(const struct execution_ops *ops, const char *const *texts,
                               size_t count, struct evm_exec_params *out,
                               struct scenario_problems *problems);

#endif
