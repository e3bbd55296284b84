/* Senders by address: an array in a deterministic order and an index into it. */
#include <string.h>

#include "models/mempool/fee_ordered.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

/* Addresses are hashes, but recorded ones need not be: mix all of it. */
static uint64_t addr_hash(const struct evm_addr *a)
{
    uint64_t x, y;
    uint32_t z;
    memcpy(&x, a->b, 8);
    memcpy(&y, a->b + 8, 8);
    memcpy(&z, a->b + 16, 4);
    x = (x ^ (y * 0x9e3779b97f4a7c15u) ^ ((uint64_t)z << 16)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

/* An entry of the index: place + 1 below, and above half of the hash, so that of the senders that a
 * probe passes only the one it looks for is touched: with many pools, each is out of the cache. */
static uint64_t entry_of(uint64_t hash, uint32_t place)
{
    return (hash & ~(uint64_t)UINT32_MAX) | (place + UINT64_C(1));
}

static uint32_t place_of(uint64_t entry)
{
    return (uint32_t)entry - 1;
}

static uint32_t probe_hash(const struct fee_pool *p, const struct evm_addr *addr, uint64_t hash)
{
    uint32_t mask = p->index_size - 1, i = (uint32_t)hash & mask;
    while (p->index[i] && ((p->index[i] ^ hash) >> 32 ||
                           !evm_addr_eq(&p->senders[place_of(p->index[i])]->addr, addr)))
        i = (i + 1) & mask;
    return i;
}

static uint32_t probe(const struct fee_pool *p, const struct evm_addr *addr)
{
    return probe_hash(p, addr, addr_hash(addr));
}

static void put(struct fee_pool *p, const struct fee_sender *s)
{
    uint64_t hash = addr_hash(&s->addr);
    p->index[probe_hash(p, &s->addr, hash)] = entry_of(hash, s->place);
}

struct fee_sender *fee_sender_get(const struct fee_pool *p, const struct evm_addr *addr)
{
    if (!p->index_size)
        return NULL;
    uint64_t at = p->index[probe(p, addr)];
    return at ? p->senders[place_of(at)] : NULL;
}

static bool grow(struct fee_pool *p)
{
    if (p->sender_count < p->sender_capacity)
        return true;
    uint32_t capacity = p->sender_capacity ? 2 * p->sender_capacity : 64;
    struct fee_sender **senders = mem_resize(p->senders, capacity, sizeof(struct fee_sender *));
    if (!senders)
        return false;
    p->senders = senders;
    uint64_t *index = mem_zalloc(2 * (size_t)capacity, sizeof *index);
    if (!index)
        return false;
    mem_free(p->index);
    p->index = index;
    p->index_size = 2 * capacity;
    p->sender_capacity = capacity;
    for (uint32_t i = 0; i < p->sender_count; i++)
        put(p, p->senders[i]);
    return true;
}

struct fee_sender *fee_sender_add(struct fee_pool *p, const struct evm_addr *addr, uint64_t nonce)
{
    struct fee_sender *s = grow(p) ? mem_zalloc(1, sizeof *s) : NULL;
    if (!s)
        return NULL;
    s->addr = *addr;
    s->nonce = nonce;
    s->place = p->sender_count;
    p->senders[p->sender_count++] = s;
    put(p, s);
    return s;
}

/* Takes the entry out of the index and moves those behind it up, so that no probe breaks off. */
static void index_remove(struct fee_pool *p, uint32_t hole)
{
    uint32_t mask = p->index_size - 1;
    p->index[hole] = 0;
    for (uint32_t i = (hole + 1) & mask; p->index[i]; i = (i + 1) & mask) {
        uint64_t entry = p->index[i];
        p->index[i] = 0;
        put(p, p->senders[place_of(entry)]);
    }
}

void fee_sender_drop(struct fee_pool *p, struct fee_sender *s)
{
    DCHECK(s->count == 0, "a sender with %u transactions is dropped", s->count);
    uint32_t place = s->place, last = p->sender_count - 1;
    index_remove(p, probe(p, &s->addr));
    if (place != last) {
        struct fee_sender *moved = p->senders[last];
        p->index[probe(p, &moved->addr)] = entry_of(addr_hash(&moved->addr), place);
        p->senders[place] = moved;
        moved->place = place;
    }
    p->sender_count--;
    mem_free(s->items);
    mem_free(s);
}

uint32_t fee_sender_find(const struct fee_sender *s, uint64_t nonce)
{
    uint32_t low = 0, high = s->count;
    if (high && s->items[high - 1].tx->evm.nonce < nonce) /* the usual case: one more */
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->items[middle].tx->evm.nonce < nonce)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool fee_sender_insert(struct fee_pool *p, struct fee_sender *s, uint32_t at, struct tx *tx)
{
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity ? 2 * s->capacity : 2;
        struct fee_item *items = mem_resize(s->items, capacity, sizeof *items);
        if (!items)
            return false;
        s->items = items;
        s->capacity = capacity;
    }
    memmove(s->items + at + 1, s->items + at, (s->count - at) * sizeof *s->items);
    s->items[at] = (struct fee_item){tx_ref(tx), p->env->host->now(p->env)};
    s->count++;
    p->count++;
    p->bytes += tx->size;
    if (s->count == 1)
        fee_heap_join(p, s);
    else
        fee_heap_fix(p, s);
    return true;
}

void fee_sender_remove(struct fee_pool *p, struct fee_sender *s, uint32_t at)
{
    DCHECK(at < s->count, "item %u of %u", at, s->count);
    if (s->count == 1)
        fee_heap_leave(p, s);
    p->count--;
    p->bytes -= s->items[at].tx->size;
    s->count--;
    memmove(s->items + at, s->items + at + 1, (s->count - at) * sizeof *s->items);
    if (s->count)
        fee_heap_fix(p, s);
}
