/* Filling a block: a heap of the senders' next transactions, best tip on top. */
#include "models/mempool/fee_ordered.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

struct fee_ready {
    struct evm_u256 tip;
    struct fee_sender *sender;
};

/* Better tip first, then who came first. */
static bool before(const struct fee_ready *a, const struct fee_ready *b)
{
    int order = evm_u256_cmp(&b->tip, &a->tip);
    const struct fee_item *x = &a->sender->items[a->sender->next_item];
    const struct fee_item *y = &b->sender->items[b->sender->next_item];
    if (order)
        return order < 0;
    return x->added != y->added ? x->added < y->added : x->tx->id < y->tx->id;
}

static void sink(struct fee_ready *heap, uint32_t count, uint32_t i)
{
    for (;;) {
        uint32_t best = i, child = 2 * i + 1;
        if (child < count && before(&heap[child], &heap[best]))
            best = child;
        if (child + 1 < count && before(&heap[child + 1], &heap[best]))
            best = child + 1;
        if (best == i)
            return;
        struct fee_ready r = heap[i];
        heap[i] = heap[best];
        heap[best] = r;
        i = best;
    }
}

static bool tip_of(const struct pool_request *request, const struct tx *tx, struct evm_u256 *out)
{
    if (request->tip)
        return request->tip(request->choice, tx, out);
    if (evm_u256_sub(out, &tx->evm.max_fee, &request->fees->base_fee))
        return false;
    if (evm_u256_lt(&tx->evm.max_priority_fee, out))
        *out = tx->evm.max_priority_fee;
    return true;
}

/* Points the sender's entry at its next transaction; false if it has none that can be taken. */
static bool load(const struct pool_request *request, struct fee_sender *s, struct fee_ready *out)
{
    if (s->next_item >= s->count)
        return false;
    const struct tx *tx = s->items[s->next_item].tx;
    if (tx->evm.nonce != s->next_nonce || !tip_of(request, tx, &out->tip))
        return false;
    out->sender = s;
    return !request->refuses || !request->refuses(request->refuses_self, tx);
}

static void start(struct fee_pool *p, struct fee_sender *s, uint64_t nonce)
{
    s->pick_mark = p->pick_mark;
    s->next_nonce = nonce;
    s->next_item = fee_sender_find(s, nonce);
}

/* Transactions of blocks between this node's chain and the parent (proposed, not joined yet) are
 * taken already. */
static void skip_block(struct fee_pool *p, const struct block *b)
{
    for (uint32_t i = 0; i < b->tx_count; i++) {
        const struct evm_tx *tx = &b->txs[i]->evm;
        struct fee_sender *s = fee_sender_get(p, &tx->sender);
        uint64_t from = s && s->pick_mark == p->pick_mark ? s->next_nonce : s ? s->nonce : 0;
        if (s && tx->nonce + 1 > from)
            start(p, s, tx->nonce + 1);
    }
}

static void skip_pending_blocks(struct fee_pool *p, const struct pool_request *request)
{
    for (const struct block *b = request->parent; b && b->height > p->head_height; b = b->parent)
        skip_block(p, b);
    for (uint32_t i = 0; i < request->taken_count; i++)
        skip_block(p, request->taken[i]);
}

static bool in_share(const struct pool_request *request, const struct evm_addr *sender)
{
    return !request->shares || pool_sender_number(sender) % request->shares == request->share;
}

static uint32_t gather(struct fee_pool *p, const struct pool_request *request)
{
    uint32_t n = 0;
    if (p->ready_capacity < p->sender_count) {
        struct fee_ready *ready = mem_resize(p->ready, p->sender_capacity, sizeof *ready);
        if (!ready)
            return 0;
        p->ready = ready;
        p->ready_capacity = p->sender_capacity;
    }
    for (uint32_t i = 0; i < p->sender_count; i++) {
        struct fee_sender *s = p->senders[i];
        if (!in_share(request, &s->addr))
            continue;
        if (s->pick_mark != p->pick_mark)
            start(p, s, s->nonce);
        n += load(request, s, &p->ready[n]);
    }
    for (uint32_t i = n / 2; i-- > 0;)
        sink(p->ready, n, i);
    return n;
}

uint32_t fee_pool_pick(void *state, const struct pool_request *request, struct tx **out)
{
    struct fee_pool *p = state;
    uint64_t gas = request->gas;
    uint32_t bytes = request->bytes, taken = 0;
    p->pick_mark++;
    skip_pending_blocks(p, request);
    uint32_t n = gather(p, request);
    while (n && taken < request->count && gas >= 21000) {
        struct fee_sender *s = p->ready[0].sender;
        struct tx *tx = s->items[s->next_item].tx;
        bool more = false;
        if (tx->evm.gas_limit <= gas && tx->size <= bytes &&
            (!request->fits || request->fits(request->choice, tx))) {
            out[taken++] = tx;
            gas -= tx->evm.gas_limit;
            bytes -= tx->size;
            s->next_item++;
            s->next_nonce++;
            more = load(request, s, &p->ready[0]);
        } /* else: none of this sender's later ones may go before it */
        if (!more)
            p->ready[0] = p->ready[--n];
        if (n)
            sink(p->ready, n, 0);
    }
    return taken;
}
