/* The heap of senders by their last transaction, cheapest on top. It exists only while the pool is
 * under pressure: every function does nothing while heap_valid is false. */
#include "models/mempool/fee_ordered.h"
#include "sim/base/mem.h"

/* What a transaction pays the proposer; false when it cannot pay the next block's fees. */
static bool tip_of(const struct fee_pool *p, const struct tx *tx, struct evm_u256 *out)
{
    bool known = p->env->host->tip != NULL;
    bool pays = known && p->env->host->tip(p->env, tx, out, &known);
    if (known)
        return pays;
    if (evm_u256_sub(out, &tx->evm.max_fee, &p->base_fee))
        return false;
    if (evm_u256_lt(&tx->evm.max_priority_fee, out))
        *out = tx->evm.max_priority_fee;
    return true;
}

bool fee_cheaper(const struct fee_pool *p, const struct tx *a, const struct tx *b)
{
    struct evm_u256 x, y;
    bool pays_a = tip_of(p, a, &x), pays_b = tip_of(p, b, &y);
    if (pays_a != pays_b)
        return pays_b;
    int order = pays_a ? evm_u256_cmp(&x, &y) : 0;
    if (!order)
        order = evm_u256_cmp(&a->evm.max_fee, &b->evm.max_fee);
    return order ? order < 0 : a->id > b->id;
}

static const struct tx *last_of(const struct fee_sender *s)
{
    return fee_tx(s, s->count - 1);
}

static bool before(const struct fee_pool *p, uint32_t a, uint32_t b)
{
    return fee_cheaper(p, last_of(&p->senders[p->heap[a]]), last_of(&p->senders[p->heap[b]]));
}

static void swap(struct fee_pool *p, uint32_t a, uint32_t b)
{
    uint32_t place = p->heap[a];
    p->heap[a] = p->heap[b];
    p->heap[b] = place;
    p->senders[p->heap[a]].heap_at = a;
    p->senders[p->heap[b]].heap_at = b;
}

static void sink(struct fee_pool *p, uint32_t i)
{
    for (;;) {
        uint32_t least = i, child = 2 * i + 1;
        if (child < p->heap_count && before(p, child, least))
            least = child;
        if (child + 1 < p->heap_count && before(p, child + 1, least))
            least = child + 1;
        if (least == i)
            return;
        swap(p, i, least);
        i = least;
    }
}

static void rise(struct fee_pool *p, uint32_t i)
{
    for (; i && before(p, i, (i - 1) / 2); i = (i - 1) / 2)
        swap(p, i, (i - 1) / 2);
}

static bool reserve(struct fee_pool *p, uint32_t count)
{
    if (count <= p->heap_capacity)
        return true;
    uint32_t capacity = count < 32 ? 64 : 2 * count;
    uint32_t *heap = mem_resize(p->heap, capacity, sizeof *heap);
    if (!heap)
        return false;
    p->heap = heap;
    p->heap_capacity = capacity;
    return true;
}

struct fee_sender *fee_heap_cheapest(struct fee_pool *p)
{
    if (!p->heap_valid) {
        if (!reserve(p, p->sender_count))
            return NULL;
        p->heap_count = 0;
        for (uint32_t i = 0; i < p->sender_count; i++)
            if (p->senders[i].count) {
                p->senders[i].heap_at = p->heap_count;
                p->heap[p->heap_count++] = i;
            }
        for (uint32_t i = p->heap_count / 2; i-- > 0;)
            sink(p, i);
        p->heap_valid = true;
    }
    return p->heap_count ? &p->senders[p->heap[0]] : NULL;
}

void fee_heap_fix(struct fee_pool *p, struct fee_sender *s)
{
    if (!p->heap_valid)
        return;
    rise(p, s->heap_at);
    sink(p, s->heap_at);
}

void fee_heap_join(struct fee_pool *p, struct fee_sender *s)
{
    if (!p->heap_valid)
        return;
    if (!reserve(p, p->heap_count + 1)) {
        p->heap_valid = false; /* made again when it is needed */
        return;
    }
    s->heap_at = p->heap_count;
    p->heap[p->heap_count++] = (uint32_t)(s - p->senders);
    rise(p, s->heap_at);
}

void fee_heap_leave(struct fee_pool *p, struct fee_sender *s)
{
    if (!p->heap_valid)
        return;
    uint32_t hole = s->heap_at, last = --p->heap_count;
    if (hole == last)
        return;
    p->heap[hole] = p->heap[last];
    struct fee_sender *moved = &p->senders[p->heap[hole]];
    moved->heap_at = hole;
    rise(p, hole);
    sink(p, moved->heap_at);
}

void fee_heap_move(struct fee_pool *p, struct fee_sender *s)
{
    if (p->heap_valid && s->count)
        p->heap[s->heap_at] = (uint32_t)(s - p->senders);
}
