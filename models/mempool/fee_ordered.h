/* models/mempool/fee_ordered.h - the parts of the fee-ordered pool; only its own files include it.
 */
#ifndef MODELS_MEMPOOL_FEE_ORDERED_H
#define MODELS_MEMPOOL_FEE_ORDERED_H

#include "evm/core/u256.h"
#include "models/mempool/mempool.h"

#define POOL_FIELDS(F, S)                                                                          \
    F(S, COUNT, capacity, "20k", "1", "16M", "Transactions held; then the cheapest goes.")         \
    F(S, SIZE, capacity_bytes, "64MiB", "1KB", "64GiB", "Bytes of them held; likewise.")           \
    F(S, COUNT, per_sender, "1k", "1", "1M", "Transactions held of one sender.")                   \
    F(S, COUNT, max_gap, "1k", "0", "1M", "How far a nonce may be ahead of the account's.")        \
    F(S, FRACTION, replacement, "10%", "0%", "1000%",                                              \
      "By how much fee and tip must beat those of the transaction they replace.")                  \
    F(S, WEI, min_tip, "0wei", "0wei", NULL, "A lower tip is refused, but from the node's users.") \
    F(S, DURATION, lifetime, "3h", "1s", "never", "What waits longer is thrown out.")
FIELD_DECLARE(pool_cfg, POOL_FIELDS);

struct fee_item {
    struct tx *tx; /* one reference */
    sim_time added;
};

/* A cache line: with the pools of many nodes, each is out of the cache when it is looked at. Most
 * senders have one transaction, which stands here itself. */
struct fee_sender {
    struct evm_addr addr;
    uint32_t count;
    uint64_t nonce;        /* the account's next, after the blocks of the chain */
    struct fee_item one;   /* the only item, while capacity is 0 */
    struct fee_item *more; /* ascending nonces, each once */
    uint32_t capacity;     /* of `more` */
    uint32_t heap_at;      /* in fee_pool.heap; valid with heap_valid and count > 0 */
};
_Static_assert(sizeof(struct fee_sender) == 64, "a sender is a cache line");

/* pick: where a sender stands. */
struct fee_progress {
    uint64_t nonce; /* to be offered next */
    uint32_t item;
    bool begun;
};

struct fee_pool {
    const struct pool_cfg *cfg;
    struct mempool_env *env;
    struct fee_sender *senders; /* by place */
    uint32_t sender_count, sender_capacity;
    uint32_t empty; /* senders without a transaction */
    uint32_t count;
    uint64_t *index; /* open addressing, by address; 0 is empty; twice sender_capacity */
    uint64_t bytes;
    sim_time oldest;          /* no transaction was added before */
    struct evm_u256 base_fee; /* of the next block, as the chain last said */
    uint64_t head_height;
    uint32_t *heap; /* places: cheapest last transaction on top */
    uint32_t heap_count, heap_capacity;
    bool heap_valid;
    struct fee_ready *ready;       /* pick's own heap, kept for its memory ... */
    struct fee_progress *progress; /* ... as this is, by place */
    uint32_t ready_capacity;
};

/* Its transactions, by nonce. */
static inline struct fee_item *fee_items(struct fee_sender *s)
{
    return s->capacity ? s->more : &s->one;
}
static inline struct tx *fee_tx(const struct fee_sender *s, uint32_t at)
{
    return s->capacity ? s->more[at].tx : s->one.tx;
}

/* --- senders (fee_senders.c) --- */

struct fee_sender *fee_sender_get(const struct fee_pool *p, const struct evm_addr *addr);
/* NULL when memory is out. addr is new. Other senders may move. */
struct fee_sender *fee_sender_add(struct fee_pool *p, const struct evm_addr *addr, uint64_t nonce);
/* It is empty. The last sender takes its place. */
void fee_sender_drop(struct fee_pool *p, struct fee_sender *s);
/* Fetches into the host's caches where the index tells of the sender; then what it tells of. */
void fee_sender_prefetch(const struct fee_pool *p, const struct evm_addr *addr);
void fee_sender_prefetch_own(const struct fee_pool *p, const struct evm_addr *addr);
/* The first item whose nonce is not below. O(log). */
uint32_t fee_sender_find(const struct fee_sender *s, uint64_t nonce);
/* Takes a reference; false when memory is out. */
bool fee_sender_insert(struct fee_pool *p, struct fee_sender *s, uint32_t at, struct tx *tx);
/* Leaves the item's reference to the caller. */
void fee_sender_remove(struct fee_pool *p, struct fee_sender *s, uint32_t at);

/* --- the order of eviction (fee_heap.c) --- */

/* a is worth less than b to the next block: by effective tip, then fee; of equals the later. */
bool fee_cheaper(const struct fee_pool *p, const struct tx *a, const struct tx *b);
/* NULL when the pool is empty or memory is out. */
struct fee_sender *fee_heap_cheapest(struct fee_pool *p);
void fee_heap_fix(struct fee_pool *p, struct fee_sender *s);  /* its last item changed */
void fee_heap_join(struct fee_pool *p, struct fee_sender *s); /* it has its first item */
void fee_heap_leave(struct fee_pool *p, struct fee_sender *s);
void fee_heap_move(struct fee_pool *p, struct fee_sender *s); /* it has a new place */

/* --- filling a block (fee_pick.c) --- */

uint32_t fee_pool_pick(void *state, const struct pool_request *request, struct tx **out);

#endif
