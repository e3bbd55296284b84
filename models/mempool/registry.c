/* Every pool: one row. */
#include "models/mempool/mempool.h"

#include "sim/base/check.h"

extern const struct mempool_ops mempool_fee_ordered;

static const struct field_model *const entries[] = {
    &mempool_fee_ordered.model,
};

const struct field_registry mempool_registry = {
    "mempool", "What a node keeps of pending transactions, and which go first.", entries,
    sizeof entries / sizeof entries[0]};

const char *pool_verdict_name(enum pool_verdict v)
{
    static const char *const names[POOL_VERDICT_COUNT] = {
        [POOL_ADDED] = "added",
        [POOL_REPLACED] = "replaced",
        [POOL_KNOWN] = "already known",
        [POOL_NONCE_TOO_LOW] = "nonce too low",
        [POOL_NONCE_GAP] = "nonce gap",
        [POOL_UNDERPRICED] = "underpriced",
        [POOL_REPLACEMENT_UNDERPRICED] = "replacement underpriced",
        [POOL_SENDER_LIMIT] = "sender limit",
        [POOL_FULL] = "pool full",
        [POOL_FUNDS] = "insufficient funds",
        [POOL_EXPIRED] = "expired",
        [POOL_INCLUDED] = "included",
        [POOL_CRASHED] = "crashed",
        [POOL_MOVED] = "moved",
    };
    CHECK((unsigned)v < POOL_VERDICT_COUNT, "pool verdict %d", (int)v);
    return names[v];
}

uint32_t pool_sender_number(const struct evm_addr *addr)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < sizeof addr->b; i++)
        h = (h ^ addr->b[i]) * 16777619u;
    return h ^ h >> 16;
}
