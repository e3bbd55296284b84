/* The pools of all nodes: what is offered to them, what falls out of the last one. */
#include "models/world/internal.h"

#include "sim/base/check.h"

static sim_time host_now(struct mempool_env *env)
{
    const struct world *w = env->world;
    return sim_now(w->sim);
}

/* What gave the newest state that the node has executed on its chain; a node that lags behind what
 * has been folded away reads the folded state. */
static struct execution *known(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    const struct layer *l = &w->layers[n->layer];
    struct block *b = l->after_order ? n->executed : n->head;
    for (; b && b->height > l->flattened->height; b = chain_before(w, b)) {
        if (!track_get(l->chain, b, TRACK_EXECUTED, node))
            continue; /* a head that others certified */
        if (b->execution && execution_wait(b->execution)->state)
            return b->execution;
    }
    return l->flattened->execution;
}

static void host_account(struct mempool_env *env, const struct evm_addr *addr, uint64_t *nonce,
                         struct evm_u256 *balance)
{
    struct evm_account account;
    const struct world *w = env->world;
    evm_state_account(execution_wait(known(w, env->node))->state, addr, &account);
    /* An account that came here with a block that this node has yet to execute. */
    if (w->desk && !account.exists)
        evm_state_account(desk_state(w, w->nodes[env->node].layer), addr, &account);
    *nonce = account.nonce;
    *balance = account.balance;
}

/* The nodes of a layer ask for one transaction shortly after each other, mostly of one state. */
static void host_sender(struct mempool_env *env, struct tx *tx, uint64_t *nonce,
                        struct evm_u256 *balance)
{
    const struct world *w = env->world;
    struct execution *e = known(w, env->node);
    uint64_t at = ((uint64_t)w->nodes[env->node].layer << 48) + execution_number(e);
    if (tx->account.at != at) {
        struct evm_account account;
        evm_state_account(execution_wait(e)->state, &tx->evm.sender, &account);
        if (w->desk && !account.exists) {
            host_account(env, &tx->evm.sender, nonce, balance);
            return;
        }
        tx->account = (struct tx_account){at, account.nonce, account.balance};
    }
    *nonce = tx->account.nonce;
    *balance = tx->account.balance;
}

/* No pool holds it: its fate is looked at once messages and blocks that have it have had their
 * chance. It stands in the list once, with the first reason that it fell for, unless a crash takes
 * it later. */
static void fell(struct world *w, struct tx *tx, enum pool_verdict why)
{
    bool lost = why == POOL_INCLUDED || why == POOL_CRASHED || why == POOL_MOVED;
    if (tx->pools > 0 || tx->phase != TX_PENDING)
        return;
    if (tx->fallen) {
        tx->lost |= lost;
        return;
    }
    tx->verdict = (uint8_t)why;
    tx->lost = lost;
    if (vec_push(&w->fallen, &tx) != ERR_OK) {
        world_out_of_memory(w);
        return;
    }
    tx->fallen = true;
    tx_ref(tx);
}

static void host_joined(struct mempool_env *env, struct tx *tx)
{
    struct world *w = env->world;
    w->pooled++;
    tx->pools++;
}

static void host_left(struct mempool_env *env, struct tx *tx, enum pool_verdict why)
{
    CHECK(tx->pools > 0, "transaction %u leaves a pool that never had it", tx->id);
    struct world *w = env->world;
    w->pooled--;
    tx->pools--;
    fell(w, tx, why);
}

static bool host_tip(struct mempool_env *env, const struct tx *tx, struct evm_u256 *out,
                     bool *known)
{
    struct world *w = env->world;
    const struct layer *l = layer_of(w, env->node);
    *known = l->fees->tables;
    if (!*known)
        return false;
    const struct block *head = chain_latest(l, w->nodes[env->node].head);
    return l->fees->tip(l->fees_state, &head->track->next, tx, out);
}

const struct mempool_host pools_host = {host_now,  host_account, host_joined,
                                        host_left, host_tip,     host_sender};

/* Whether a block of the node's chain that may still lose holds tx. */
static bool in_open_block(const struct world *w, node_id node, const struct tx *tx)
{
    const struct node *n = &w->nodes[node];
    for (const struct block *b = n->head; b && b->height > n->final->height; b = b->parent)
        for (uint32_t i = 0; i < b->tx_count; i++)
            if (b->txs[i] == tx)
                return true;
    return false;
}

/* Whether its sender's account has left, as the node sees it. */
static bool is_away(const struct world *w, node_id node, const struct tx *tx)
{
    const struct holdings *held = execution_holdings(known(w, node));
    return held && !holdings_has(held, &tx->evm.sender);
}

bool pools_offer(struct world *w, node_id node, struct tx *tx, bool local)
{
    struct layer *l = layer_of(w, node);
    struct node *n = &w->nodes[node];
    const struct hardware_class *class = &l->classes[n->class];
    sim_time now = sim_now(w->sim);
    if (w->desk && tx->pool_layer != l->id) /* gossip about one that has moved on */
        return false;
    if (n->recover_free < now)
        n->recover_free = now;
    n->recover_free += (sim_time)(class->profile->signature / class->cores);
    enum pool_verdict verdict = l->mempool->add(mempool_state(l, node), tx, local);
    if (verdict == POOL_ADDED || verdict == POOL_REPLACED) {
        if (tx->pooled == RECORD_NEVER)
            tx->pooled = now;
        return true;
    }
    if (verdict == POOL_FULL)
        w->drops_full++;
    if (w->desk && is_away(w, node, tx))
        verdict = POOL_MOVED;
    if (verdict == POOL_NONCE_TOO_LOW && tx->pools == 0 && in_open_block(w, node, tx))
        verdict = POOL_INCLUDED;
    if (verdict != POOL_KNOWN && tx->pools == 0)
        fell(w, tx, verdict);
    return false;
}

/* What stands in an op as the transactions of a block would. */
static struct block as_block(const struct block *b, const struct op *op)
{
    struct block of = *b;
    of.txs = op->txs;
    of.tx_count = op->tx_count;
    return of;
}

void pools_included(struct world *w, node_id node, const struct block *b)
{
    struct layer *l = layer_of(w, node);
    void *pool = mempool_state(l, node);
    for (uint32_t i = 0; i < b->op_count; i++)
        if (b->ops[i]->kind == OP_APPLY && b->ops[i]->tx_count) {
            struct block ran = as_block(b, b->ops[i]);
            l->mempool->included(pool, &ran, &b->track->next);
        }
    l->mempool->included(pool, b, &b->track->next);
}

void pools_reverted(struct world *w, node_id node, const struct block *b)
{
    struct layer *l = layer_of(w, node);
    void *pool = mempool_state(l, node);
    l->mempool->reverted(pool, b);
    for (uint32_t i = b->op_count; i-- > 0;)
        if (b->ops[i]->kind == OP_APPLY && b->ops[i]->tx_count) {
            struct block ran = as_block(b, b->ops[i]);
            l->mempool->reverted(pool, &ran);
        }
}

/* The chain is on disk, the pool was not: the new one hears of the head, and of what the chain has
 * ordered while the node's accounts do not show it yet. */
void pools_crash(struct world *w, node_id node)
{
    struct layer *l = layer_of(w, node);
    struct node *n = &w->nodes[node];
    void *pool = mempool_state(l, node);
    l->mempool->clear(pool);
    uint64_t from = n->head->height;
    if (l->after_order && n->executed->height < from)
        from = n->executed->height + 1;
    /* A head that others certified need not be executed here yet. */
    const struct block *b = l->after_order ? NULL : n->head;
    for (; b && !track_get(l->chain, b, TRACK_EXECUTED, node); b = chain_before(w, b))
        from = b->height;
    for (uint64_t h = from; h <= n->head->height; h++) {
        struct block *on = block_ancestor(n->head, h);
        if (on && on->layer == l->id)
            pools_included(w, node, on);
    }
}

void pools_on_tick(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    for (node_id i = 0; w->pooled && i < w->node_count; i++) {
        struct layer *l = layer_of(w, i);
        if (w->nodes[i].up && l->mempool->expire)
            l->mempool->expire(mempool_state(l, i));
    }
    pools_settle_fallen(w, false);
    if (sim_now(sim) + SIM_SEC <= w->end)
        world_schedule(w, ev->time + SIM_SEC, SIM_CLASS_TIMER, world_source(w, SOURCE_POOLS),
                       EVENT_POOLS, 0, 0);
}

void pools_drop(struct world *w, struct tx *tx, unsigned status)
{
    struct layer *l = &w->layers[tx->layer];
    tx->phase = TX_DROPPED;
    l->dropped++;
    if (tx->emitted >= w->cfg->warm_up) {
        w->tally.dropped++;
        w->tally.invalid += status == RECORD_TX_STATUS_INVALID;
    }
    rows_transaction(w, tx, status, NULL);
    sources_observe(w, tx);
    if (w->desk)
        desk_dropped(w, tx);
    chain_close_tx(w, tx);
}

static unsigned status_of(enum pool_verdict why)
{
    switch (why) {
    case POOL_REPLACED: return RECORD_TX_STATUS_REPLACED;
    case POOL_EXPIRED: return RECORD_TX_STATUS_EXPIRED;
    case POOL_NONCE_TOO_LOW:
    case POOL_NONCE_GAP:
    case POOL_FUNDS: return RECORD_TX_STATUS_INVALID;
    default: return RECORD_TX_STATUS_DROPPED;
    }
}

/* Whether something may still bring it back: a message, or a block that has not lost, besides the
 * open list and the list of the fallen. */
static bool travels(const struct tx *tx)
{
    return tx->refs > 2 + tx->dead;
}

void pools_settle_fallen(struct world *w, bool last)
{
    struct tx **all = w->fallen.data;
    size_t kept = 0;
    for (size_t i = 0; i < w->fallen.len; i++) {
        struct tx *tx = all[i];
        bool back = tx->pools > 0 || tx->phase != TX_PENDING;
        /* A batch that a crashed node alone holds may never be ordered; one that is ordered all the
         * same does no harm: who offers the transaction again finds it held. */
        bool again = tx->lost && w->layers[tx->layer].chain->consensus->traits.batches;
        bool now = false;
        if (!back && !last && w->desk && desk_fallen(w, tx, &now)) {
            if (!now) {
                all[kept++] = tx;
                continue;
            }
            tx->lost = true; /* a crash or a move took it: below */
        }
        if (!back && !last && !again && !now && travels(tx)) {
            all[kept++] = tx;
            continue;
        }
        if (!back && tx->lost && !last) {
            tx->fallen = tx->lost = false;
            world_schedule(w, sim_now(w->sim), SIM_CLASS_WORKLOAD, world_source(w, SOURCE_POOLS),
                           EVENT_RESUBMIT, 0, sim_arg(tx)); /* with this reference */
            continue;
        }
        if (!back && !travels(tx) && !tx->lost)
            pools_drop(w, tx, status_of((enum pool_verdict)tx->verdict));
        tx->fallen = tx->lost = false;
        tx_unref(tx);
    }
    w->fallen.len = kept;
}
