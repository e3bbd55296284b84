/* Senders by address: an array in a deterministic order and an index into it. */
#include <string.h>

#include "models/mempool/fee_ordered.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

/* Addresses are hashes, but recorded ones need not be: mix all of it. The upper half is used. */
static uint64_t addr_hash(const struct evm_addr *a)
{
    uint64_t x, y;
    uint32_t z;
    memcpy(&x, a->b, 8);
    memcpy(&y, a->b + 8, 8);
    memcpy(&z, a->b + 16, 4);
    return (x ^ (y * 0x9e3779b97f4a7c15u) ^ ((uint64_t)z << 16)) * 0xd6e8feb86659fd93u;
}

/* An entry of the index: place + 1 below, and above half of the hash, which tells where it belongs:
 * of the senders that a probe passes only the one it looks for is touched. */
static uint64_t entry_of(uint64_t hash, uint32_t place)
{
    return (hash & ~(uint64_t)UINT32_MAX) | (place + UINT64_C(1));
}

static uint32_t place_of(uint64_t entry)
{
    return (uint32_t)entry - 1;
}

static uint32_t mask_of(const struct fee_pool *p)
{
    return 2 * p->sender_capacity - 1;
}

/* Where a hash or an entry belongs. */
static uint32_t home_of(const struct fee_pool *p, uint64_t hash)
{
    return (uint32_t)(hash >> 32) & mask_of(p);
}

static uint32_t place_in_array(const struct fee_pool *p, const struct fee_sender *s)
{
    return (uint32_t)(s - p->senders);
}

struct fee_sender *fee_sender_get(const struct fee_pool *p, const struct evm_addr *addr)
{
    if (!p->sender_capacity)
        return NULL;
    uint64_t hash = addr_hash(addr);
    for (uint32_t i = home_of(p, hash); p->index[i]; i = (i + 1) & mask_of(p)) {
        struct fee_sender *s = &p->senders[place_of(p->index[i])];
        if ((p->index[i] ^ hash) >> 32 == 0 && evm_addr_eq(&s->addr, addr))
            return s;
    }
    return NULL;
}

void fee_sender_prefetch(const struct fee_pool *p, const struct evm_addr *addr)
{
    if (p->sender_capacity)
        __builtin_prefetch(&p->index[home_of(p, addr_hash(addr))]);
}

void fee_sender_prefetch_own(const struct fee_pool *p, const struct evm_addr *addr)
{
    uint64_t hash = addr_hash(addr), entry = 0;
    if (p->sender_capacity)
        entry = p->index[home_of(p, hash)];
    if (entry && (entry ^ hash) >> 32 == 0)
        __builtin_prefetch(&p->senders[place_of(entry)], 1);
}

static void put(struct fee_pool *p, uint64_t entry)
{
    uint32_t i = home_of(p, entry);
    while (p->index[i])
        i = (i + 1) & mask_of(p);
    p->index[i] = entry;
}

/* The index's cell of the sender in that place, which is in it. */
static uint32_t cell_of(const struct fee_pool *p, uint32_t place)
{
    uint64_t entry = entry_of(addr_hash(&p->senders[place].addr), place);
    uint32_t i = home_of(p, entry);
    while (p->index[i] != entry)
        i = (i + 1) & mask_of(p);
    return i;
}

static bool grow(struct fee_pool *p)
{
    if (p->sender_count < p->sender_capacity)
        return true;
    uint32_t capacity = p->sender_capacity ? 2 * p->sender_capacity : 16;
    struct fee_sender *senders = mem_alloc_lines(capacity, sizeof *senders);
    uint64_t *index = mem_zalloc(2 * (size_t)capacity, sizeof *index);
    if (!senders || !index) {
        mem_free(senders);
        mem_free(index);
        return false;
    }
    if (p->sender_count)
        memcpy(senders, p->senders, p->sender_count * sizeof *senders);
    mem_free(p->senders);
    mem_free(p->index);
    p->senders = senders;
    p->index = index;
    p->sender_capacity = capacity;
    for (uint32_t i = 0; i < p->sender_count; i++)
        put(p, entry_of(addr_hash(&senders[i].addr), i));
    return true;
}

struct fee_sender *fee_sender_add(struct fee_pool *p, const struct evm_addr *addr, uint64_t nonce)
{
    if (!grow(p))
        return NULL;
    struct fee_sender *s = &p->senders[p->sender_count];
    *s = (struct fee_sender){.addr = *addr, .nonce = nonce};
    put(p, entry_of(addr_hash(addr), p->sender_count++));
    p->empty++;
    return s;
}

/* Empties a cell of the index; entries behind it move up, so that no probe breaks off. */
static void index_remove(struct fee_pool *p, uint32_t hole)
{
    uint32_t mask = mask_of(p);
    for (uint32_t i = (hole + 1) & mask; p->index[i]; i = (i + 1) & mask) {
        uint32_t home = home_of(p, p->index[i]);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* its home is behind the hole */
        p->index[hole] = p->index[i];
        hole = i;
    }
    p->index[hole] = 0;
}

void fee_sender_drop(struct fee_pool *p, struct fee_sender *s)
{
    DCHECK(s->count == 0, "a sender with %u transactions is dropped", s->count);
    uint32_t place = place_in_array(p, s), last = p->sender_count - 1;
    index_remove(p, cell_of(p, place));
    mem_free(s->more);
    if (place != last) {
        uint32_t cell = cell_of(p, last);
        p->index[cell] = entry_of(p->index[cell], place);
        *s = p->senders[last];
        fee_heap_move(p, s);
    }
    p->sender_count--;
    p->empty--;
}

uint32_t fee_sender_find(const struct fee_sender *s, uint64_t nonce)
{
    uint32_t low = 0, high = s->count;
    if (high && fee_tx(s, high - 1)->evm.nonce < nonce) /* the usual case: one more */
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (fee_tx(s, middle)->evm.nonce < nonce)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Room for one more item, the second one at least. */
static bool more_items(struct fee_sender *s)
{
    uint32_t capacity = s->capacity ? 2 * s->capacity : 2;
    struct fee_item *items = mem_resize(s->more, capacity, sizeof *items);
    if (!items)
        return false;
    if (!s->capacity)
        items[0] = s->one;
    s->more = items;
    s->capacity = capacity;
    return true;
}

bool fee_sender_insert(struct fee_pool *p, struct fee_sender *s, uint32_t at, struct tx *tx)
{
    if (s->count == (s->capacity ? s->capacity : 1) && !more_items(s))
        return false;
    struct fee_item *items = fee_items(s);
    sim_time now = p->env->host->now(p->env);
    memmove(items + at + 1, items + at, (s->count - at) * sizeof *items);
    items[at] = (struct fee_item){tx_ref(tx), now};
    if (!p->count || now < p->oldest)
        p->oldest = now;
    p->empty -= s->count == 0;
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
    struct fee_item *items = fee_items(s);
    if (s->count == 1)
        fee_heap_leave(p, s);
    p->count--;
    p->bytes -= items[at].tx->size;
    s->count--;
    p->empty += s->count == 0;
    memmove(items + at, items + at + 1, (s->count - at) * sizeof *items);
    if (s->count)
        fee_heap_fix(p, s);
}
