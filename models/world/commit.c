/* Heads and commits of every node, what becomes of committed blocks and their transactions, and
 * what finality lets go of. */
#include "models/world/internal.h"

#include "sim/base/check.h"

#include <stdlib.h>
#include <string.h>

enum {
    FLATTEN_EVERY = 8,  /* heights between two foldings of final state into the base */
    FLATTEN_DEPTH = 16, /* final blocks whose own state versions stay */
    CUT_DEPTH = 300,    /* final blocks that stay after every node has them (BLOCKHASH: 256) */
};

/* ---- heads ---- */

uint32_t chain_validators_up(const struct world *w, const struct chain *c)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < c->validators.count; i++)
        up += w->nodes[c->validators.nodes[i]].up;
    return up;
}

void chain_crashed(struct world *w, struct chain *c)
{
    uint32_t up = chain_validators_up(w, c);
    if (up < c->stall.fewest)
        c->stall.fewest = up;
}

/* The stall that lasts, as it is if it ends now. */
static struct stall stall_now(const struct world *w, const struct chain *c)
{
    struct stall s = c->stall;
    s.length = sim_now(w->sim) - s.since;
    s.rounds = c->rounds - s.rounds;
    if (s.fewest > c->validators.count)
        s.fewest = c->validators.count;
    return s;
}

struct stall chain_longest_stall(const struct world *w, const struct chain *c)
{
    struct stall s = stall_now(w, c);
    return s.length > c->longest.length ? s : c->longest;
}

static void head_grew(struct world *w, struct chain *c, const struct block *b)
{
    if (b->height <= c->head_height)
        return;
    c->head_height = b->height;
    c->longest = chain_longest_stall(w, c);
    c->stall = (struct stall){
        .since = sim_now(w->sim), .rounds = c->rounds, .fewest = chain_validators_up(w, c)};
}

void chain_adopt(struct world *w, node_id node, struct block *b)
{
    struct layer *l = layer_of(w, node);
    struct node *n = &w->nodes[node];
    if (n->head == b)
        return;
    struct block *old = n->head, *common = b, *back = old;
    while (common && back && common != back) {
        if (common->height > back->height) {
            common = common->parent;
        } else {
            if (back->layer == l->id)
                pools_reverted(w, node, back);
            back = back->parent;
        }
    }
    /* Upwards from the common ancestor, by walking down once for each: branches are short. */
    uint64_t from = common && back ? common->height : b->height - 1;
    for (uint64_t h = from + 1; h <= b->height; h++) {
        struct block *on = block_ancestor(b, h);
        if (on && on->layer == l->id)
            pools_included(w, node, on);
    }
    n->head = block_ref(b);
    block_unref(old);
    if (!n->byzantine)
        head_grew(w, l->chain, b);
}

/* ---- commit ---- */

/* The first commit of a height anywhere in the layer. */
static void commit_first(struct world *w, struct chain *c, struct block *b)
{
    struct committed entry = {b, b->hash};
    if (vec_push(&c->committed, &entry) != ERR_OK) {
        world_out_of_memory(w);
        return;
    }
    block_ref(b);
    b->track->committed = sim_now(w->sim);
    chain_decide(w, b, RECORD_BLOCK_STATUS_CANONICAL);
    if (b->proposer != NODE_NONE)
        w->nodes[b->proposer].accepted++;
    for (size_t i = 0; i < c->open.len; i++) {
        struct block *other = *(struct block **)vec_at(&c->open, i);
        if (other->height == b->height && other != b)
            chain_decide(w, other, RECORD_BLOCK_STATUS_STALE);
    }
}

static double tip_at(const double *sorted, uint32_t count, double share)
{
    return count ? sorted[(uint32_t)(share * (count - 1) + 0.5)] : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Wei that tx pays the proposer for each gas, and in all. */
static void price_of(const struct block *b, const struct evm_tx *tx, uint64_t gas, double *tip,
                     double *fee)
{
    double base = wei_double(&b->fees.base_fee), most = wei_double(&tx->max_fee);
    double priority = wei_double(&tx->max_priority_fee);
    *tip = most - base < priority ? most - base : priority;
    if (*tip < 0)
        *tip = 0;
    *fee = (base + *tip) * (double)gas;
}

static void tally_tx(struct world *w, const struct tx *tx, double tip, double fee)
{
    struct tally *t = &w->tally;
    sim_time now = sim_now(w->sim);
    if (now >= w->cfg->warm_up && now < w->load_end)
        t->committed++;
    if (tx->emitted < w->cfg->warm_up)
        return;
    double seconds = (double)(tx->committed - tx->emitted) / 1e9;
    t->reverted += tx->failed;
    bool told = sources_answer(w, tx->workload);
    if ((!told && vec_push(&t->latency, &seconds) != ERR_OK) || vec_push(&t->tip, &tip) != ERR_OK ||
        vec_push(&t->fee, &fee) != ERR_OK)
        world_out_of_memory(w);
}

void chain_close_tx(struct world *w, struct tx *tx)
{
    *(tx->previous ? &tx->previous->next : &w->open_txs) = tx->next;
    *(tx->next ? &tx->next->previous : &w->open_last) = tx->previous;
    tx->next = tx->previous = NULL;
    if (w->desk)
        desk_closed(w, tx);
    tx_unref(tx);
}

static void count_committed(struct world *w, struct layer *l, struct block *b, struct tx *tx,
                            double fee)
{
    tx->committed = sim_now(w->sim);
    l->committed_txs++;
    l->sample_committed++;
    l->reverted += tx->failed;
    b->track->reverted += tx->failed;
    l->fees_paid += fee;
}

/* Ordered, but when its turn came it was not valid: it paid nothing and did nothing. */
static void count_skipped(struct world *w, struct layer *l, const struct tx *tx)
{
    l->dropped++;
    if (tx->emitted < w->cfg->warm_up)
        return;
    w->tally.dropped++;
    w->tally.invalid++;
    w->tally.skipped++;
}

/* What became of the transactions of a committed block that somebody has executed. */
static void settle_txs(struct world *w, struct layer *l, struct block *b,
                       const struct execution_result *r)
{
    double *tips = mem_alloc(b->tx_count, sizeof *tips);
    uint32_t receipt = 0;
    uint32_t priced = 0;
    for (uint32_t i = 0; i < b->tx_count; i++) {
        struct tx *tx = b->txs[i];
        bool took = receipt < r->receipt_count && r->receipts[receipt].tx_index == i;
        const struct evm_receipt *got = took ? &r->receipts[receipt++] : NULL;
        double tip = 0, fee = 0;
        uint64_t gas = got ? got->gas_used : 0;
        price_of(b, &tx->evm, gas, &tip, &fee);
        if (tips && got)
            tips[priced++] = tip;
        if (tx->phase == TX_COMMITTED || tx->layer != l->id)
            continue;
        bool open = tx->phase != TX_DROPPED;
        tx->phase = TX_COMMITTED;
        tx->failed = !got || !got->success;
        tx->included = b->created;
        tx->height = b->height;
        tx->position = i;
        tx->gas_used = gas;
        tx->skipped = !got;
        if (got)
            count_committed(w, l, b, tx, fee);
        else if (open)
            count_skipped(w, l, tx);
        if (!open)
            continue;
        if (got)
            tally_tx(w, tx, tip, fee);
        tx->row_due = true;
        tx->executions = r->stats ? r->stats[i].incarnations : 1;
        sources_observe(w, tx);
        chain_close_tx(w, tx);
    }
    if (tips) {
        qsort(tips, priced, sizeof *tips, by_value);
        b->track->tips[0] = (uint64_t)tip_at(tips, priced, 0.1);
        b->track->tips[1] = (uint64_t)tip_at(tips, priced, 0.5);
        b->track->tips[2] = (uint64_t)tip_at(tips, priced, 0.9);
    }
    mem_free(tips);
}

bool chain_is_full(const struct block *b)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < b->tx_count; i++)
        if (b->txs[i]->evm.gas_limit > largest)
            largest = b->txs[i]->evm.gas_limit;
    return b->header_gas_used + largest > b->fees.gas_limit;
}

static void tally_layer(struct layer_tally *t, const struct block *b)
{
    t->blocks++;
    t->full += chain_is_full(b);
    t->packed += b->header_gas_used;
    t->gas_limit += b->fees.gas_limit;
    t->base_fee += wei_double(&b->fees.base_fee);
}

static void tally_block(struct world *w, struct layer *l, const struct block *b)
{
    struct tally *t = &w->tally;
    const struct execution_timing *e = &b->track->timing;
    if (b->created < w->cfg->warm_up || b->created >= w->load_end)
        return;
    tally_layer(&l->tally, b);
    if (!t->blocks) {
        t->first_base_fee = wei_double(&b->fees.base_fee);
        t->first_block = b->created;
    }
    t->last_base_fee = wei_double(&b->fees.base_fee);
    if (!t->blocks || t->last_base_fee < t->least_base_fee)
        t->least_base_fee = t->last_base_fee;
    if (t->last_base_fee > t->most_base_fee)
        t->most_base_fee = t->last_base_fee;
    t->last_block = b->created;
    t->blocks++;
    t->txs += b->tx_count;
    t->gas += b->track->gas_used;
    t->packed += b->header_gas_used;
    t->full += chain_is_full(b);
    t->gas_limit += b->fees.gas_limit;
    t->executions += e->executions;
    t->aborts += e->aborts;
    t->serial += e->serial_ns;
    t->ladder += e->ladder_ns;
    t->makespan += e->makespan_ns;
    t->duration += e->duration_ns;
    t->critical_path += e->critical_path_ns;
    (void)l;
}

static void settle_block(struct world *w, struct layer *l, struct block *b)
{
    const struct execution_result *r = execution_wait(b->execution);
    struct block_track *t = b->track;
    t->timing = *execution_wait_timing(b->execution, w->nodes[b->proposer].class);
    t->gas_used = r->gas_used;
    t->fees = wei_double(&r->fees) + wei_double(&r->burnt);
    t->burnt = wei_double(&r->burnt);
    if (w->verify)
        verify_block(w, l, b, r);
    if (w->desk)
        desk_settle(w, l, b, r);
    settle_txs(w, l, b, r);
    l->blocks++;
    l->gas_used += r->gas_used;
    l->sample_gas += r->gas_used;
    l->fees_burnt += t->burnt;
    l->executions += t->timing.executions;
    l->aborts += t->timing.aborts;
    tally_block(w, l, b);
    bool keep = t->keep_schedule && l->schedules_kept < w->cfg->record.schedules;
    if (keep) {
        rows_schedule(w, b, r);
        l->schedules_kept++;
    }
    rows_insight(w, b, r, keep);
    l->chain->settled++;
    if (w->desk) { /* who looks at accounts sees them as b left them */
        routes_settled(w, l, b);
        desk_settled(w, l, b);
    }
    court_executed(w, b, cores_truthful(w, b));
    execution_trim(b->execution);
    t->settled = true;
}

static bool descends(struct block *b, const struct block *from)
{
    return b->height >= from->height && block_ancestor(b, from->height) == from;
}

static struct block *committed_at(const struct chain *c, uint64_t height)
{
    return ((struct committed *)vec_at(&c->committed, height))->block;
}

/* b stands beside the final chain, which is folded away up to `top`. */
static void drop_beside(const struct layer *l, struct block *b, const struct block *top)
{
    if (b->layer == l->id && b != l->flattened && b->execution && !descends(b, top))
        execution_drop_state(b->execution);
}

/* The layer's state of its last block up to height `to` becomes the base. Executions of others up
 * to there, also those under way on blocks that lost, give up theirs first. */
static void flatten_layer(struct world *w, struct layer *l, uint64_t to)
{
    const struct chain *c = l->chain;
    /* Of the chain that goes on: after a reorganisation of what was taken as final, not of the one
     * that was committed first. */
    struct block *top = block_ancestor(committed_at(c, c->settled - 1), to);
    struct block *base = top ? chain_latest(l, top) : NULL;
    if (!base || !base->execution || base->height <= l->flattened->height)
        return;
    /* Those that were committed first, which need not be base's ancestors where safety broke. */
    for (uint64_t h = l->flattened->height; h < to; h++) {
        struct block *b = committed_at(c, h);
        if (b && b->layer == l->id && b != base && b->execution)
            execution_drop_state(b->execution);
    }
    execution_drop_state(l->flattened->execution);
    block_unref(l->flattened);
    l->flattened = block_ref(base);
    for (size_t i = 0; i < c->open.len; i++)
        drop_beside(l, *(struct block **)vec_at(&c->open, i), top);
    for (size_t i = 0; i < c->hidden.len; i++)
        drop_beside(l, *(struct block **)vec_at(&c->hidden, i), top);
    for (uint64_t h = to + 1; h < c->committed.len; h++)
        drop_beside(l, committed_at(c, h), top);
    for (node_id i = l->first; i < l->first + l->count; i++)
        for (struct task *t = w->nodes[i].queue; t; t = t->next)
            drop_beside(l, t->block, top);
    if (execution_flatten(base->execution) != EVM_OK)
        world_out_of_memory(w);
}

/* Blocks that their builder may still hold for itself; not those that were published by now, or can
 * no longer be. */
static void forget_hidden(struct chain *c, const struct block *top)
{
    struct block **all = c->hidden.data;
    size_t kept = 0;
    for (size_t i = 0; i < c->hidden.len; i++) {
        struct block *b = all[i];
        if (b->track->published || !descends(b, top))
            block_unref(b);
        else
            all[kept++] = b;
    }
    c->hidden.len = kept;
}

/* Whether every node that works is on one line with `top`, or below what is folded already. Where
 * finality is a matter of depth, branches may outlive it: a partition's two sides still need the
 * states that they stand on. */
static bool all_follow(const struct world *w, const struct chain *c, struct block *top)
{
    for (node_id i = c->first; i < c->first + c->count; i++) {
        const struct node *n = &w->nodes[i];
        struct block *head = n->head;
        if (!n->up || n->byzantine || head->height <= c->flattened)
            continue;
        if (head->height >= top->height ? block_ancestor(head, top->height) != top
                                        : block_ancestor(top, head->height) != head)
            return false;
    }
    return true;
}

/* Folds the state that is final for long into the base. Nodes further behind read newer nonces
 * than they should know; that is the one place where lagging far changes what a pool takes. */
static void flatten(struct world *w, struct chain *c)
{
    if (c->settled < c->flattened + FLATTEN_EVERY + FLATTEN_DEPTH + 1)
        return;
    uint64_t to = c->settled - 1 - FLATTEN_DEPTH;
    if (!all_follow(w, c, committed_at(c, to)))
        return;
    c->flattened = to;
    for (layer_id i = 0; i < c->layer_count; i++)
        flatten_layer(w, &w->layers[c->first_layer + i], c->flattened);
    struct block *top = block_ancestor(committed_at(c, c->settled - 1), c->flattened);
    if (top)
        forget_hidden(c, top);
}

/* Lets go of blocks that every node is well past and whose states are folded; a layer keeps the
 * last one of its own. */
static void cut(struct world *w, struct chain *c)
{
    while (c->cut + CUT_DEPTH < c->settled && c->cut < c->flattened) {
        struct committed *lowest = vec_at(&c->committed, c->cut);
        struct block *next = committed_at(c, c->cut + 1);
        if (next->track->finals < c->count || !next->track->written)
            return;
        block_unref(next->parent);
        next->parent = NULL;
        struct layer *l = &w->layers[lowest->block->layer];
        block_unref(l->base);
        l->base = lowest->block;
        lowest->block = NULL;
        c->cut++;
    }
}

void chain_settle(struct world *w, struct chain *c)
{
    while (c->settled < c->committed.len) {
        struct block *b = committed_at(c, c->settled);
        if (b->track->executed == 0 || !takeover_final(w, b))
            return;
        settle_block(w, &w->layers[b->layer], b);
        flatten(w, c);
        cut(w, c);
    }
}

/* Execution follows ordering: the nodes of the block's layer execute it. */
static void run_ordered(struct world *w, node_id node, uint8_t instance, struct block *b)
{
    const struct layer *l = layer_of(w, node);
    if (l->after_order && b->layer == l->id)
        cores_run(w, node, instance, b);
}

/* Whether b may be the next committed block. After a fork that never should have been, the chain of
 * who committed first goes on, not a mixture of both; where finality is a matter of depth all nodes
 * may have left that chain, and heights go on with the other. */
static bool continues(const struct chain *c, const struct block *b)
{
    if (!c->consensus->traits.final)
        return true;
    const struct committed *top = vec_at(&c->committed, c->committed.len - 1);
    return evm_hash_eq(&top->hash, &b->parent_hash);
}

static void commit_newly(struct world *w, node_id node, struct block *b)
{
    commit_first(w, chain_of(w, node), b);
    fees_committed(w, b, node);
    if (w->takeover)
        takeover_committed(w, b);
    if (w->audits)
        audits_committed(w, node, b);
}

/* The blocks from a height on, up to b, in order. */
static void commit_path(struct world *w, node_id node, uint64_t from, struct block *b)
{
    struct chain *c = chain_of(w, node);
    for (uint64_t h = from; h <= b->height; h++) {
        struct block *on = block_ancestor(b, h);
        if (!on)
            continue;
        if (h >= c->committed.len && !w->nodes[node].byzantine && continues(c, on))
            commit_newly(w, node, on);
        on->track->finals++;
        if (on->track->finals == c->count * 2 / 3 + 1)
            on->track->final_quorum = sim_now(w->sim);
        if (on->track->finals == c->count)
            on->track->final_last = sim_now(w->sim);
        run_ordered(w, node, 0, on);
        if (track_get(c, on, TRACK_EXECUTED, node))
            sources_executed(w, node, on);
    }
}

void chain_commit(struct world *w, node_id node, struct block *b)
{
    struct node *n = &w->nodes[node];
    if (b->height <= n->final->height)
        return;
    struct block *old = n->final;
    n->final = block_ref(b); /* first: what is executed already is counted in commit_path */
    commit_path(w, node, old->height + 1, b);
    block_unref(old);
    if (n->head != b && !descends(n->head, b))
        chain_adopt(w, node, b);
    chain_settle(w, chain_of(w, node));
}

void chain_commit_twin(struct world *w, node_id node, struct block *b)
{
    struct twin *twin = w->nodes[node].twin;
    if (b->height <= twin->final->height)
        return;
    for (uint64_t h = twin->final->height + 1; h <= b->height; h++) {
        struct block *on = block_ancestor(b, h);
        if (on)
            run_ordered(w, node, 1, on);
    }
    struct block *old = twin->final;
    twin->final = block_ref(b);
    block_unref(old);
}

void chain_executed(struct world *w, node_id node, struct block *b)
{
    struct layer *l = layer_of(w, node);
    if (!track_set(l->chain, b, TRACK_EXECUTED, node))
        return;
    struct block_track *t = b->track;
    t->executed++;
    if (t->executed == (l->count + 1) / 2)
        t->median_executed = sim_now(w->sim);
    struct block *final = w->nodes[node].final;
    w->nodes[node].executed_blocks++;
    chain_settle(w, l->chain);
    if (final->height >= b->height && block_ancestor(final, b->height) == b)
        sources_executed(w, node, b);
}

uint64_t chain_behind(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    const struct layer *l = &w->layers[n->layer];
    uint64_t has = (l->after_order ? n->executed : n->final)->height, behind = 0;
    if (l->chain->layer_count == 1)
        return l->chain->committed.len - 1 - has;
    for (uint64_t h = l->chain->committed.len - 1; h > has; h--) {
        const struct block *b = committed_at(l->chain, h);
        behind += b && b->layer == l->id;
    }
    return behind;
}

void chain_fini(struct chain *c)
{
    for (size_t i = 0; i < c->open.len; i++)
        block_unref(*(struct block **)vec_at(&c->open, i));
    vec_fini(&c->open);
    for (size_t i = 0; i < c->hidden.len; i++)
        block_unref(*(struct block **)vec_at(&c->hidden, i));
    vec_fini(&c->hidden);
    order_fini(c);
    for (size_t i = 0; i < c->committed.len; i++)
        block_unref(((struct committed *)vec_at(&c->committed, i))->block);
    vec_fini(&c->committed);
    block_unref(c->genesis);
    c->genesis = NULL;
}
