/* Pools that missed transactions: a node that was down, or cut off, asks a peer what its pool
 * holds, as peers of Ethereum's wire protocol tell each other when they connect (EIP-2464): ids
 * first, then the bodies of those that it lacks. What comes is not announced again; whoever else
 * was cut off asks for itself. */
#include "models/world/internal.h"

#define AGAIN (2 * SIM_SEC)

enum {
    ASK_BYTES = 32,
    HEAD_BYTES = 16,
    ID_BYTES = 37,      /* hash 32, size 4, type 1 (EIP-5793) */
    HASH_BYTES = 33,    /* with its RLP prefix */
    IDS = 4096,         /* of one message, as go-ethereum sends them */
    BODIES = 256 << 10, /* bytes of one answer, likewise in order of magnitude */
};

struct some_txs {
    uint32_t count;
    struct tx *txs[]; /* references */
};

static void release(struct message *m)
{
    struct some_txs *some = (struct some_txs *)m->payload;
    for (uint32_t i = 0; i < some->count; i++)
        tx_unref(some->txs[i]);
}

static struct message *message_of(struct world *w, node_id node, uint8_t type, uint32_t room)
{
    struct message *m =
        message_create(CHANNEL_SYNC, type, sizeof(struct some_txs) + room * sizeof(struct tx *));
    if (!m) {
        world_out_of_memory(w);
        return NULL;
    }
    m->layer = w->nodes[node].layer;
    m->origin = node;
    m->release = release;
    m->size = HEAD_BYTES;
    return m;
}

static void ask(struct world *w, node_id node, node_id peer)
{
    struct message *m = message_of(w, node, SYNC_POOL, 0);
    if (!m)
        return;
    m->size = ASK_BYTES;
    net_send(w->net, node, peer, m);
}

void refill_ask(struct world *w, node_id node, node_id peer)
{
    const struct node *n = &w->nodes[node];
    if (!n->up || peer == node || w->nodes[peer].layer != n->layer)
        return;
    ask(w, node, peer);
    world_schedule(w, sim_now(w->sim) + AGAIN, SIM_CLASS_TIMER, node, EVENT_REFILL, node,
                   (uint64_t)n->epoch << 32 | peer);
}

void refill_on_again(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    const struct node *n = &w->nodes[ev->target];
    (void)sim;
    if (n->up && n->epoch == ev->arg >> 32)
        ask(w, ev->target, (node_id)ev->arg);
}

/* ---- what a pool holds ---- */

struct telling {
    struct world *w;
    node_id node, to;
    struct message *m; /* being filled, or NULL */
};

static void flush(struct telling *t)
{
    if (t->m)
        net_send(t->w->net, t->node, t->to, t->m);
    t->m = NULL;
}

static void tell(void *self, struct tx *tx)
{
    struct telling *t = self;
    if (!t->m)
        t->m = message_of(t->w, t->node, SYNC_POOL_IDS, IDS);
    if (!t->m)
        return;
    struct some_txs *some = (struct some_txs *)t->m->payload;
    some->txs[some->count++] = tx_ref(tx);
    t->m->size += ID_BYTES;
    if (some->count == IDS)
        flush(t);
}

static void tell_pool(struct world *w, node_id node, node_id to)
{
    const struct layer *l = layer_of(w, node);
    struct telling t = {w, node, to, NULL};
    l->mempool->each(mempool_state(layer_of(w, node), node), tell, &t);
    flush(&t);
}

/* ---- what the other lacks ---- */

static void ask_for(struct world *w, node_id node, node_id peer, const struct some_txs *told)
{
    const struct layer *l = layer_of(w, node);
    const void *pool = mempool_state(layer_of(w, node), node);
    struct message *m = message_of(w, node, SYNC_POOL_WANT, told->count);
    if (!m)
        return;
    struct some_txs *want = (struct some_txs *)m->payload;
    for (uint32_t i = 0; i < told->count; i++)
        if (!l->mempool->has(pool, told->txs[i])) {
            want->txs[want->count++] = tx_ref(told->txs[i]);
            m->size += HASH_BYTES;
        }
    if (want->count)
        net_send(w->net, node, peer, m);
    else
        message_unref(m);
}

static void send_bodies(struct world *w, node_id node, node_id to, const struct some_txs *wanted)
{
    for (uint32_t i = 0; i < wanted->count;) {
        struct message *m = message_of(w, node, SYNC_POOL_BODIES, wanted->count - i);
        if (!m)
            return;
        struct some_txs *some = (struct some_txs *)m->payload;
        for (; i < wanted->count && m->size < BODIES; i++) {
            some->txs[some->count++] = tx_ref(wanted->txs[i]);
            m->size += wanted->txs[i]->size;
        }
        net_send(w->net, node, to, m);
    }
}

void refill_message(struct world *w, node_id node, node_id from, struct message *m)
{
    const struct some_txs *some = (const struct some_txs *)m->payload;
    if (m->type == SYNC_POOL)
        tell_pool(w, node, from);
    else if (m->type == SYNC_POOL_IDS)
        ask_for(w, node, from, some);
    else if (m->type == SYNC_POOL_WANT)
        send_bodies(w, node, from, some);
    else
        for (uint32_t i = 0; i < some->count; i++)
            if (some->txs[i]->phase < TX_COMMITTED)
                post_offer(w, node, some->txs[i], false);
}
