#include "evm/parallel/storage.h"

#include <math.h>
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/hash.h"

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

enum evm_status evm_storage_init(struct evm_storage *s, const struct evm_profile *profile,
                                 uint64_t seed)
{
    *s = (struct evm_storage){.latency = llround(profile->device_latency),
                              .seed = seed,
                              .cached = (uint64_t)llround(profile->cached * 4294967296.0),
                              .depth = (uint32_t)fmax(1, profile->device_depth),
                              .capacity = 1024};
    s->places = evm_calloc(s->capacity, sizeof *s->places);
    s->device = evm_calloc(s->depth, sizeof *s->device);
    if (s->places && s->device)
        return EVM_OK;
    evm_storage_fini(s);
    return EVM_ERR_MEMORY;
}

void evm_storage_fini(struct evm_storage *s)
{
    free(s->places);
    free(s->device);
    *s = (struct evm_storage){0};
}

static struct evm_storage_place *find(struct evm_storage_place *places, uint32_t capacity,
                                      uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 1) & (capacity - 1);
    while (places[at].hash && places[at].hash != hash)
        at = (at + 1) & (capacity - 1);
    return &places[at];
}

static bool grow(struct evm_storage *s)
{
    uint32_t capacity = s->capacity * 2;
    struct evm_storage_place *places = evm_calloc(capacity, sizeof *places);
    if (!places)
        return false;
    for (uint32_t i = 0; i < s->capacity; i++)
        if (s->places[i].hash)
            *find(places, capacity, s->places[i].hash) = s->places[i];
    free(s->places);
    s->places = places;
    s->capacity = capacity;
    return true;
}

/* The first of the device's places to become free takes the request. */
static int64_t request(struct evm_storage *s, int64_t now)
{
    int64_t *heap = s->device;
    int64_t start = heap[0] > now ? heap[0] : now, end = start + s->latency;
    uint32_t at = 0, child;
    while ((child = 2 * at + 1) < s->depth) {
        if (child + 1 < s->depth && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= end)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = end;
    s->misses++;
    return end;
}

int64_t evm_storage_read(struct evm_storage *s, const struct evm_addr *addr,
                         const struct evm_u256 *key, int64_t now)
{
    uint64_t hash = evm_hash_addr(addr);
    hash = (key ? evm_hash_slot(hash, key) : hash) | 1;
    struct evm_storage_place *p = find(s->places, s->capacity, hash);
    if (p->hash)
        return p->ready > now ? p->ready : now;
    if (s->used >= s->capacity / 2) {
        if (!grow(s)) {
            s->failed = true;
            return now;
        }
        p = find(s->places, s->capacity, hash);
    }
    s->used++;
    bool cached = mix(hash ^ mix(s->seed)) >> 32 < s->cached;
    *p = (struct evm_storage_place){hash, cached ? now : request(s, now)};
    return p->ready;
}

int64_t evm_storage_serial(const struct evm_storage *s)
{
    return (int64_t)s->misses * s->latency;
}
