/* Filling a block: a heap of the senders' next transactions, best tip on top. */
#include "models/mempool/fee_ordered.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

struct fee_ready {
    struct evm_u256 tip;
    const struct fee_item *item;
    uint32_t place;
};

/* Better tip first, then who came first. */
static bool before(const struct fee_ready *a, const struct fee_ready *b)
{
    int order = evm_u256_cmp(&b->tip, &a->tip);
    const struct fee_item *x = a->item, *y = b->item;
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
static bool load(const struct fee_pool *p, const struct pool_request *request, uint32_t place,
                 struct fee_ready *out)
{
    struct fee_sender *s = &p->senders[place];
    const struct fee_progress *at = &p->progress[place];
    if (at->item >= s->count)
        return false;
    out->item = &fee_items(s)[at->item];
    out->place = place;
    const struct tx *tx = out->item->tx;
    if (tx->evm.nonce != at->nonce || !tip_of(request, tx, &out->tip))
        return false;
    return !request->refuses || !request->refuses(request->refuses_self, tx);
}

static void start(struct fee_pool *p, const struct fee_sender *s, uint64_t nonce)
{
    p->progress[s - p->senders] = (struct fee_progress){nonce, fee_sender_find(s, nonce), true};
}

/* Transactions of blocks between this node's chain and the parent (proposed, not joined yet) are
 * taken already. */
static void skip_block(struct fee_pool *p, const struct block *b)
{
    for (uint32_t i = 0; i < b->tx_count; i++) {
        const struct evm_tx *tx = &b->txs[i]->evm;
        const struct fee_sender *s = fee_sender_get(p, &tx->sender);
        const struct fee_progress *at = s ? &p->progress[s - p->senders] : NULL;
        if (s && tx->nonce + 1 > (at->begun ? at->nonce : s->nonce))
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

/* Nobody has been offered yet. */
static bool begin(struct fee_pool *p)
{
    if (p->ready_capacity < p->sender_count) {
        struct fee_ready *ready = mem_resize(p->ready, p->sender_capacity, sizeof *ready);
        p->ready = ready ? ready : p->ready;
        struct fee_progress *progress =
            mem_resize(p->progress, p->sender_capacity, sizeof *progress);
        p->progress = progress ? progress : p->progress;
        if (!ready || !progress)
            return false;
        p->ready_capacity = p->sender_capacity;
    }
    if (p->sender_count)
        memset(p->progress, 0, p->sender_count * sizeof *p->progress);
    return p->sender_count > 0;
}

/* Of a sender whose first transaction is not its next: in a partitioned network its account may
 * have sent others from another layer meanwhile. */
static void look_again(struct fee_pool *p, struct fee_sender *s)
{
    uint64_t nonce;
    struct evm_u256 balance;
    if (!s->count || fee_tx(s, 0)->evm.nonce <= s->nonce)
        return;
    p->env->host->account(p->env, &s->addr, &nonce, &balance);
    if (nonce > s->nonce && nonce <= fee_tx(s, 0)->evm.nonce)
        s->nonce = nonce;
}

static uint32_t gather(struct fee_pool *p, const struct pool_request *request)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->sender_count; i++) {
        struct fee_sender *s = &p->senders[i];
        look_again(p, s);
        if (!in_share(request, &s->addr))
            continue;
        if (!p->progress[i].begun)
            start(p, s, s->nonce);
        n += load(p, request, i, &p->ready[n]);
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
    if (!begin(p))
        return 0;
    skip_pending_blocks(p, request);
    uint32_t n = gather(p, request);
    while (n && taken < request->count && gas >= 21000) {
        uint32_t place = p->ready[0].place;
        struct tx *tx = p->ready[0].item->tx;
        bool more = false;
        if (tx->evm.gas_limit <= gas && tx->size <= bytes &&
            (!request->fits || request->fits(request->choice, tx))) {
            out[taken++] = tx;
            gas -= tx->evm.gas_limit;
            bytes -= tx->size;
            p->progress[place].item++;
            p->progress[place].nonce++;
            more = load(p, request, place, &p->ready[0]);
        } /* else: none of this sender's later ones may go before it */
        if (!more)
            p->ready[0] = p->ready[--n];
        if (n)
            sink(p->ready, n, 0);
    }
    return taken;
}
