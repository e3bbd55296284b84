/* evm/parallel/storage.h - the storage device of a simulated machine, in virtual time.
 *
 * The state before the block lies on it. The first read of a location is answered by the page cache
 * (at once) or by the device: profile->device_depth requests at a time, each device_latency long,
 * in the order in which they were made. Whether the cache holds a location is a draw from
 * (location, seed), so the same reads miss under every executor, number of cores and schedule. Who
 * needs a location that is under way waits for the same request.
 *
 * Locations are told apart by 64 bits of hash: two that share them would cost one read less. */
#ifndef EVM_PARALLEL_STORAGE_H
#define EVM_PARALLEL_STORAGE_H

#include "evm/core/error.h"
#include "evm/core/types.h"
#include "evm/parallel/profile.h"

struct evm_storage {
    int64_t latency;
    uint64_t seed, cached; /* of 2^32 */
    struct evm_storage_place {
        uint64_t hash; /* 0: free */
        int64_t ready;
    } * places; /* open addressing */
    uint32_t capacity, used;
    int64_t *device; /* heap: when each of the `depth` becomes free */
    uint32_t depth;
    uint64_t misses;
    bool failed; /* memory was out */
};

/* EVM_ERR_MEMORY leaves nothing to be given back. */
enum evm_status evm_storage_init(struct evm_storage *s, const struct evm_profile *profile,
                                 uint64_t seed);
void evm_storage_fini(struct evm_storage *s);

/* The account, or its slot if key is not NULL, is wanted at `now` (never earlier than at the call
 * before). Returns when it is there: `now` if it is already. O(log depth). */
int64_t evm_storage_read(struct evm_storage *s, const struct evm_addr *addr,
                         const struct evm_u256 *key, int64_t now);

/* What a single thread that waits for each would have waited for the reads so far. */
int64_t evm_storage_serial(const struct evm_storage *s);

#endif
