/* models/mempool/mempool.h - a node's pool of pending transactions.
 *
 * One state a node, and it stands in 8 to 100,000 nodes: hold pointers to the shared struct tx (one
 * reference each), not copies. The pool decides what it takes, what it throws out, and in which
 * order a proposer sees what is left. */
#ifndef MODELS_MEMPOOL_MEMPOOL_H
#define MODELS_MEMPOOL_MEMPOOL_H

#include "models/world/types.h"
#include "sim/base/err.h"
#include "sim/scenario/field.h"

/* What became of a transaction that was offered to the pool: simulated outcomes. */
enum pool_verdict {
    POOL_ADDED,    /* ready or waiting for an earlier nonce */
    POOL_REPLACED, /* added; another of the same sender and nonce went */
    POOL_KNOWN,
    POOL_NONCE_TOO_LOW,
    POOL_NONCE_GAP, /* too far ahead of the account */
    POOL_UNDERPRICED,
    POOL_REPLACEMENT_UNDERPRICED,
    POOL_SENDER_LIMIT,
    POOL_FULL,
    POOL_FUNDS,
    POOL_EXPIRED,  /* left by age */
    POOL_INCLUDED, /* left because a block of the node's chain has it */
    POOL_CRASHED,  /* left with everything else: clear() */
    POOL_MOVED,    /* left because its sender's account lives in another layer now */
    POOL_VERDICT_COUNT
};
const char *pool_verdict_name(enum pool_verdict v); /* "replacement underpriced" */

/* A number that stays with a sender: equal at every node, spread evenly (FNV-1a of the address). */
uint32_t pool_sender_number(const struct evm_addr *addr);

struct mempool_env;
struct mempool_host {
    sim_time (*now)(struct mempool_env *env);
    /* The account at the head of this node's chain, as far as the node has executed it. */
    void (*account)(struct mempool_env *env, const struct evm_addr *addr, uint64_t *nonce,
                    struct evm_u256 *balance);
    /* The pool keeps tx from now on (add() or reverted()), or does so no longer: each join is
     * followed by one leave, but at fini(). A replaced, evicted or expired transaction leaves as
     * POOL_REPLACED, POOL_FULL, POOL_EXPIRED; one whose nonce a block took as POOL_NONCE_TOO_LOW.
     * Call left() while the pool's reference is still there. */
    void (*joined)(struct mempool_env *env, struct tx *tx);
    void (*left)(struct mempool_env *env, struct tx *tx, enum pool_verdict why);
    /* Whether tx pays the next block's fees at this node, and its tip a gas. Answers change only by
     * included() and reverted(). Returns false with *known false where a block's base fee, which
     * included() tells, is all there is to pay. NULL: always so. */
    bool (*tip)(struct mempool_env *env, const struct tx *tx, struct evm_u256 *out, bool *known);
    /* account() of tx's sender, which is cheaper by way of the transaction. NULL: ask account(). */
    void (*sender)(struct mempool_env *env, struct tx *tx, uint64_t *nonce,
                   struct evm_u256 *balance);
};
struct mempool_env {
    const struct mempool_host *host;
    void *world;
    node_id node;
};

/* What a proposer wants. */
struct pool_request {
    const struct block_fees *fees; /* of the block to be filled */
    uint64_t gas;                  /* sum of the gas limits taken, at most */
    uint32_t bytes;                /* sum of sizes, at most */
    uint32_t count;                /* room in `out` */
    const struct block *parent;    /* the block will stand on it */
    struct block *const *taken;    /* further blocks whose transactions are spoken for */
    uint32_t taken_count;
    uint32_t share, shares; /* shares > 0: only senders whose number is share modulo shares */
    /* What the proposer will not include, and with it what its sender sent after it; NULL: nothing.
     */
    bool (*refuses)(void *self, const struct tx *tx);
    void *refuses_self;
    /* Tip a gas of a transaction, false if it cannot pay the block's fees; NULL: by the base fee.
     * fits: whether the block still has room for what is limited beside gas and bytes, asked of
     * each transaction that is about to be taken, once; a sender's later ones wait for it. NULL:
     * nothing else is limited. */
    bool (*tip)(void *self, const struct tx *tx, struct evm_u256 *out);
    bool (*fits)(void *self, const struct tx *tx);
    void *choice; /* self of these two */
};

struct mempool_ops {
    struct field_model model;
    size_t state_size; /* bytes a node, zeroed and 16-aligned before init */
    enum err_code (*init)(void *state, const void *cfg, struct mempool_env *env, struct err *err);
    /* Offers tx (borrowed; keep a reference if it stays). local: a user gave it to this node. */
    enum pool_verdict (*add)(void *state, struct tx *tx, bool local);
    /* tx is about to be offered: fetches into the host's caches what that needs. May be NULL. */
    void (*expect)(const void *state, const struct tx *tx);
    /* A block joined, or left, this node's chain: its transactions go, or come back, and nonces of
     * their senders move. In chain order, reverted ones from the top. fees: what the next block
     * will charge. */
    void (*included)(void *state, const struct block *b, const struct block_fees *fees);
    void (*reverted)(void *state, const struct block *b);
    /* Whether tx is held now. */
    bool (*has)(const void *state, const struct tx *tx);
    /* Fills out with at most request->count transactions in the order they should execute: nonces
     * of a sender without gaps from the account's, each able to pay the base fee. Keeps them until
     * included(). Borrowed; returns how many. */
    uint32_t (*pick)(void *state, const struct pool_request *request, struct tx **out);
    /* tx, if it is held, leaves, as `why`; what its sender sent after it stays. */
    void (*forget)(void *state, struct tx *tx, enum pool_verdict why);
    /* Throws out what is too old. Called about once a second while the node is up. May be NULL. */
    void (*expire)(void *state);
    /* Held now: transactions, and bytes of them. */
    void (*size)(const void *state, uint32_t *count, uint64_t *bytes);
    /* Calls visit for every transaction held, in a fixed order. */
    void (*each)(const void *state, void (*visit)(void *self, struct tx *tx), void *self);
    /* A crash: everything held leaves as POOL_CRASHED, the state is as after init. Then included()
     * tells again of the chain's blocks that account() does not show yet, and of its head. */
    void (*clear)(void *state);
    void (*fini)(void *state);
};

extern const struct field_registry mempool_registry;

#endif
