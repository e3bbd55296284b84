/* Work on a node's simulated cores: one block at a time, first come first served, on all of them:
 * the senders that only the block showed are recovered, then it is executed. In between they
 * recover the senders of transactions that come alone (post.c).
 * What a block does is computed once for everybody (execution.h); how long it takes is the node's
 * own hardware class. */
#include "models/world/internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES_MAX = 8 << 20 }; /* of transactions; Ethereum's gossip limit is 10 MiB */

static struct task *new_task(struct world *w, node_id node, uint8_t instance, enum task_kind kind,
                             struct block *b, uint64_t tag)
{
    struct task *t = pool_get(&w->tasks);
    if (!t) {
        world_out_of_memory(w);
        return NULL;
    }
    *t = (struct task){.block = block_ref(b),
                       .tag = tag,
                       .kind = (uint8_t)kind,
                       .instance = instance,
                       .epoch = w->nodes[node].epoch,
                       .from = NODE_NONE};
    return t;
}

static void free_task(struct world *w, struct task *t)
{
    block_unref(t->block);
    audit_unref(t->audit);
    pool_put(&w->tasks, t);
}

static void free_list(struct world *w, struct task **list)
{
    while (*list) {
        struct task *t = *list;
        *list = t->next;
        free_task(w, t);
    }
}

/* ---- the queue ---- */

/* At least this long, whatever the block does: the engine need not wait for the host before. */
static sim_time least_time(const struct hardware_class *class, const struct block *b)
{
    return (sim_time)(0.5 * class->profile->tx_base * b->tx_count / class->cores);
}

static sim_time recovery_time(const struct world *w, node_id node, uint32_t count)
{
    const struct node *n = &w->nodes[node];
    const struct hardware_class *class = &w->layers[n->layer].classes[n->class];
    return (sim_time)(class->profile->signature * count / class->cores);
}

static void finish(struct world *w, node_id node, bool possible);

static uint64_t *build_serial(struct world *w, node_id node, uint8_t instance)
{
    struct node *n = &w->nodes[node];
    return instance && n->twin ? &n->twin->build_serial : &n->build_serial;
}

static bool outdated(struct world *w, node_id node, const struct task *t)
{
    return t->kind == TASK_BUILD && t->serial != *build_serial(w, node, t->instance);
}

static void begin(struct world *w, node_id node)
{
    struct node *n = &w->nodes[node];
    struct layer *l = layer_of(w, node);
    while (n->queue && !n->running) {
        struct task *t = n->queue;
        bool stale = outdated(w, node, t);
        post_rest(w, node);
        n->run_busy = 0;
        n->stolen = 0;
        n->run_start = n->run_end = sim_now(w->sim);
        if (t->kind == TASK_RECOVER) {
            n->run_end += recovery_time(w, node, t->count);
            sim_schedule_timer(w->sim, &n->execute, n->run_end, SIM_CLASS_EXECUTION, node,
                               w->handlers[EVENT_EXECUTE], node, 0);
            return;
        }
        if (t->kind == TASK_AUDIT) {
            sim_time duration = 0;
            if (!audits_begin(w, node, t, &duration, &n->run_busy)) {
                finish(w, node, false);
                continue;
            }
            t->collected = true;
            n->run_end += duration;
            sim_schedule_timer(w->sim, &n->execute, n->run_end, SIM_CLASS_EXECUTION, node,
                               w->handlers[EVENT_EXECUTE], node, 0);
            return;
        }
        if (stale || track_get(l->chain, t->block, TRACK_EXECUTED, node)) {
            finish(w, node, !stale);
            continue;
        }
        if (!chain_execute(w, l, t->block)) {
            finish(w, node, false);
            continue;
        }
        sim_time at = n->run_start + least_time(&l->classes[n->class], t->block);
        if (sim_schedule_timer(w->sim, &n->execute, at, SIM_CLASS_EXECUTION, node,
                               w->handlers[EVENT_EXECUTE], node, 0) != ERR_OK)
            return;
    }
}

void cores_on_execute(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    node_id node = ev->target;
    struct node *n = &w->nodes[node];
    struct task *t = n->queue;
    CHECK(t && n->running, "node %u finishes an execution that it did not begin", node);
    if (t->collected || t->kind == TASK_RECOVER) {
        if (n->run_end > sim_now(sim)) { /* signatures took their time */
            sim_schedule_timer(sim, &n->execute, n->run_end, SIM_CLASS_EXECUTION, node,
                               w->handlers[EVENT_EXECUTE], node, 0);
            return;
        }
    } else {
        const struct execution_timing *timing =
            execution_wait_timing(t->block->execution, n->class);
        if (execution_wait(t->block->execution)->status != EVM_OK) {
            world_fail(w, ERR_MEMORY, "out of memory while executing block %llu of layer %u",
                       (unsigned long long)t->block->height, n->layer);
            return;
        }
        t->collected = true;
        bool listed = layer_of(w, node)->with_list && t->kind != TASK_BUILD;
        n->run_end =
            n->run_start + n->stolen + (listed ? timing->listed_duration_ns : timing->duration_ns);
        n->run_busy = listed ? timing->listed_busy_ns : timing->busy_ns;
        if (n->run_end > sim_now(sim)) {
            sim_schedule_timer(sim, &n->execute, n->run_end, SIM_CLASS_EXECUTION, node,
                               w->handlers[EVENT_EXECUTE], node, 0);
            return;
        }
    }
    finish(w, node, true);
    begin(w, node);
}

static void push(struct world *w, node_id node, struct task *t)
{
    struct node *n = &w->nodes[node];
    struct task **at = n->queue ? &n->queue_last->next : &n->queue;
    if (t->kind != TASK_AUDIT && n->queue && n->queue_last->kind == TASK_AUDIT) {
        /* Its own layer's work goes before audits that have not begun. */
        at = n->running ? &n->queue->next : &n->queue;
        while (*at && (*at)->kind != TASK_AUDIT)
            at = &(*at)->next;
    }
    t->next = *at;
    *at = t;
    if (!t->next)
        n->queue_last = t;
}

static bool queued(const struct node *n, const struct block *b)
{
    for (const struct task *t = n->queue; t; t = t->next)
        if (t->block == b && t->kind != TASK_RECOVER && t->kind != TASK_AUDIT)
            return true;
    return false;
}

/* A block is executed after its ancestors: those that nobody asked for come first. */
static void push_ancestors(struct world *w, node_id node, struct block *b)
{
    const struct chain *c = chain_of(w, node);
    struct node *n = &w->nodes[node];
    for (;;) {
        struct block *oldest = NULL;
        for (struct block *p = chain_before(w, b);
             p && !track_get(c, p, TRACK_EXECUTED, node) && !queued(n, p); p = chain_before(w, p))
            oldest = p;
        if (!oldest)
            return;
        struct task *t = new_task(w, node, 0, TASK_RUN, oldest, 0);
        if (!t)
            return;
        push(w, node, t);
    }
}

/* ---- what comes of it ---- */

void cores_yield(struct world *w, node_id node, sim_time work)
{
    struct node *n = &w->nodes[node];
    sim_time share = work / layer_of(w, node)->classes[n->class].cores;
    if (!n->running) {
        if (n->recover_free > sim_now(w->sim))
            n->recover_free += share;
        return;
    }
    n->stolen += share;
    if (n->queue->collected || n->queue->kind == TASK_RECOVER)
        n->run_end += share; /* cores_on_execute waits on */
}

/* A root that no execution gives. */
static void misstate(const struct world *w, node_id node, struct block *b)
{
    if (w->nodes[node].lapses[LAPSE_WRONG_ROOT] && !b->batch)
        for (size_t i = 0; i < sizeof b->state_root.b; i++)
            b->state_root.b[i] = (uint8_t)~b->state_root.b[i];
}

static bool hash_is(const struct evm_hash *a, const struct evm_hash *b)
{
    return evm_hash_eq(a, b);
}

/* The ancestor whose results the header of a block carries. */
struct block *cores_rooted(const struct world *w, struct block *b)
{
    const struct layer *l = &w->layers[b->layer];
    if (!l->after_order)
        return b;
    uint64_t delay = l->execution_cfg->root_delay;
    struct block *below = block_ancestor(b, b->height > delay ? b->height - delay : 0);
    return below ? chain_latest(l, below) : NULL;
}

static bool limits_hold(const struct block *b)
{
    uint64_t gas = 0;
    for (uint32_t i = 0; i < b->tx_count; i++)
        gas += b->txs[i]->evm.gas_limit;
    return gas == b->header_gas_used && gas <= b->fees.gas_limit;
}

/* What a validator compares before it votes. One of another layer, which does not execute the
 * block, must believe its roots. */
static bool header_holds(const struct world *w, node_id node, struct block *b)
{
    if (b->batch)
        return true; /* it says nothing of results, and who orders it leaves out what is too much */
    if (b->layer != w->nodes[node].layer)
        return limits_hold(b);
    struct block *root = cores_rooted(w, b);
    if (!root || !root->execution)
        return false;
    const struct execution_result *r = execution_wait(root->execution);
    if (!r->valid || !hash_is(&r->state_root, &b->state_root) ||
        !hash_is(&r->receipts_root, &b->receipts_root))
        return false;
    return w->layers[b->layer].after_order ? limits_hold(b) : r->gas_used == b->header_gas_used;
}

bool cores_truthful(const struct world *w, struct block *b)
{
    return header_holds(w, w->layers[b->layer].first, b);
}

/* Whether the node could look whether b tells the truth: it executes b's layer, and what b states
 * has been executed. */
static bool can_tell(const struct world *w, node_id node, struct block *b)
{
    struct block *root = b->layer == w->nodes[node].layer ? cores_rooted(w, b) : NULL;
    return root && root->execution;
}

/* What stands on a block that does not hold does not hold either. Looks at those above the node's
 * last final block; what was found out is kept, but where nodes of several layers see it
 * differently. */
static bool ground_holds(const struct world *w, node_id node, struct block *b)
{
    uint64_t final = w->nodes[node].final->height;
    bool keep = w->layers[b->layer].chain->layer_count == 1, broken = false;
    struct block *p = b->parent;
    for (; p && p->height > final && !broken; p = p->parent) {
        if (keep && p->track->truth == TRUTH_HOLDS)
            break;
        broken = (keep && p->track->truth == TRUTH_BROKEN) ||
                 (can_tell(w, node, p) && !cores_truthful(w, p));
    }
    for (struct block *q = b->parent; keep && q && q != p; q = q->parent)
        if (broken || (q->height > final && can_tell(w, node, q)))
            q->track->truth = broken ? TRUTH_BROKEN : TRUTH_HOLDS;
    return !broken;
}

/* The node's verdict on a block that was executed, or could not be. */
static bool judged(const struct world *w, node_id node, struct block *b, bool ran)
{
    const struct node *n = &w->nodes[node];
    bool own_lie = n->lapses[LAPSE_WRONG_ROOT] && b->proposer == node;
    return n->lapses[LAPSE_CREDULOUS] || own_lie ||
           (ran && header_holds(w, node, b) && ground_holds(w, node, b));
}

/* A fetched block of which is known, without executing anything, that it does not hold. */
static bool seen_through(const struct world *w, node_id node, struct block *b)
{
    return can_tell(w, node, b) && !judged(w, node, b, true);
}

static void seal_and_hand_over(struct world *w, node_id node, struct block *b,
                               const struct execution_result *bloom_of, const struct task *t)
{
    struct layer *l = layer_of(w, node);
    misstate(w, node, b);
    if (chain_seal(w, l, b, bloom_of) != EVM_OK) {
        world_out_of_memory(w);
        return;
    }
    chain_built(w, b);
    cores_speculate(w, node, b);
    l->chain->consensus->built(life_state(w, node, t->instance), b, t->tag);
}

/* The block's transactions are those that took effect; the execution is shared where none was left
 * out. */
/* What was invalid, or touched what it must not, leaves the block, and with it what ran it. False:
 * memory is out. */
static bool leave_out(struct world *w, struct block *b, const struct execution_result *r)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->tx_count; i++) {
        enum guard_verdict verdict = r->guarded ? (enum guard_verdict)r->guarded[i] : GUARD_FINE;
        enum evm_tx_invalid invalid = r->stats[i].invalid;
        if (verdict == GUARD_FINE && invalid == EVM_TX_VALID) {
            b->txs[kept++] = b->txs[i];
            continue;
        }
        if (w->desk)
            desk_left_out(w, b->layer, b->txs[i], verdict, invalid);
        tx_unref(b->txs[i]);
    }
    b->tx_count = kept;
    return desk_refill_ops(w, b);
}

/* In a partitioned network: until none touched what it must not. */
static bool heed_guard(struct world *w, struct layer *l, struct block *b)
{
    while (execution_wait(b->execution)->guarded) {
        struct execution *tried = b->execution;
        b->execution = NULL;
        bool ok = leave_out(w, b, execution_wait(tried));
        execution_unref(tried);
        if (!ok || !chain_execute(w, l, b))
            return false;
    }
    return true;
}

static void finish_build(struct world *w, node_id node, struct task *t)
{
    struct layer *l = layer_of(w, node);
    struct block *b = t->block;
    if (!heed_guard(w, l, b)) {
        world_out_of_memory(w);
        return;
    }
    struct execution *tried = execution_ref(b->execution);
    const struct execution_result *r = execution_wait(tried);
    b->state_root = r->state_root;
    b->receipts_root = r->receipts_root;
    b->root_height = b->height;
    b->header_gas_used = r->gas_used;
    if (r->receipt_count < b->tx_count) {
        if (!leave_out(w, b, r))
            world_out_of_memory(w);
        execution_unref(b->execution);
        b->execution = NULL;
        b->track->built = true; /* from now on an invalid transaction makes the block invalid */
        chain_execute(w, l, b);
    }
    chain_executed(w, node, b);
    if (l->with_list) /* indices in the list are those of what is left */
        r = execution_wait(b->execution);
    seal_and_hand_over(w, node, b, r, t);
    execution_unref(tried);
}

static void release_waiting(struct world *w, node_id node);

/* The node has executed a block. What is not ordered yet counts when it is. */
static void caught_up(struct world *w, node_id node, const struct task *t)
{
    struct node *n = &w->nodes[node];
    struct layer *l = layer_of(w, node);
    struct block *b = t->block;
    bool next = chain_before(w, b) == n->executed && block_ancestor(n->final, b->height) == b;
    if (!t->instance && next) {
        struct block *old = n->executed;
        n->executed = block_ref(b);
        block_unref(old);
    }
    release_waiting(w, node);
    if (l->chain->consensus->executed && (t->instance || next))
        l->chain->consensus->executed(life_state(w, node, t->instance), b);
}

void cores_ahead(struct world *w, node_id node, struct block *b)
{
    struct layer *l = layer_of(w, node);
    struct node *n = &w->nodes[node];
    if (!l->after_order || b->batch || b->layer != l->id ||
        track_get(l->chain, b, TRACK_EXECUTED, node) || queued(n, b))
        return;
    push_ancestors(w, node, b);
    cores_run(w, node, 0, b);
}

void cores_speculate(struct world *w, node_id node, struct block *b)
{
    if (layer_of(w, node)->on_proposal)
        cores_ahead(w, node, b);
}

static void hand_over_fetched(struct world *w, node_id node, const struct task *t)
{
    for (uint8_t i = t->instance; i < lives(w, node); i++)
        chain_of(w, node)->consensus->block(life_state(w, node, i), t->block, t->from,
                                            t->committed);
}

static void finish(struct world *w, node_id node, bool possible)
{
    struct node *n = &w->nodes[node];
    struct layer *l = layer_of(w, node);
    struct task *t = n->queue;
    void *state = life_state(w, node, t->instance);
    n->queue = t->next;
    post_resume(w, node);
    if (t->kind == TASK_RECOVER) {
        n->block_recovery += (n->run_end - n->run_start) * l->classes[n->class].cores;
        free_task(w, t);
        return;
    }
    if (t->collected) {
        n->busy += n->run_busy;
        n->execution_time += n->run_end - n->run_start;
    }
    if (t->kind == TASK_AUDIT) {
        if (possible)
            audits_done(w, node, t, n->run_busy);
        free_task(w, t);
        return;
    }
    const struct execution_result *r =
        possible && t->block->execution ? execution_wait(t->block->execution) : NULL;
    bool ran = r && (r->valid || (t->kind == TASK_BUILD && r->guarded));
    if (ran && t->kind != TASK_BUILD)
        chain_executed(w, node, t->block);
    switch ((enum task_kind)t->kind) {
    case TASK_BUILD:
        if (ran)
            finish_build(w, node, t);
        break;
    case TASK_CHECK:
        l->chain->consensus->checked(state, t->block, judged(w, node, t->block, ran), t->tag);
        break;
    case TASK_RUN:
        if (ran && l->after_order)
            caught_up(w, node, t);
        break;
    case TASK_FETCHED:
        if (judged(w, node, t->block, ran))
            hand_over_fetched(w, node, t);
        break;
    case TASK_RECOVER:
    case TASK_AUDIT: break;
    }
    free_task(w, t);
}

/* ---- answers that need no execution of their own ---- */

/* Hashing the transactions, or the list of their hashes that the block is: the only work left where
 * execution follows ordering. */
static sim_time hashing(const struct world *w, node_id node, const struct block *b)
{
    const struct layer *l = &w->layers[w->nodes[node].layer];
    const struct evm_profile *p = l->classes[w->nodes[node].class].profile;
    uint32_t listed = net_listed(w->net, chain_index(w, l->chain));
    uint64_t bytes = 600;
    for (uint32_t i = 0; i < b->tx_count; i++)
        bytes += listed ? listed : b->txs[i]->size;
    return (sim_time)((double)bytes / 136.0 * p->op[EVM_COST_KECCAK]);
}

static void call_after(struct world *w, node_id node, struct task *t, sim_time delay)
{
    t->epoch = w->nodes[node].epoch;
    world_schedule(w, sim_now(w->sim) + delay, SIM_CLASS_EXECUTION, node, EVENT_CALL, node,
                   sim_arg(t));
}

static bool root_known(struct world *w, node_id node, struct task *t)
{
    if (t->block->batch || t->block->layer != w->nodes[node].layer)
        return true;
    struct block *root = cores_rooted(w, t->block);
    return !root || track_get(chain_of(w, node), root, TRACK_EXECUTED, node);
}

static void wait_or_call(struct world *w, node_id node, struct task *t)
{
    struct node *n = &w->nodes[node];
    if (root_known(w, node, t)) {
        call_after(w, node, t, hashing(w, node, t->block));
        return;
    }
    /* After failed views a chain may be longer than root_delay before its first block is final, and
     * what makes it final is blocks that carry that one's root. */
    struct block *root = cores_rooted(w, t->block);
    if (root->height > n->final->height)
        cores_ahead(w, node, root);
    struct task **end = &n->waiting;
    while (*end)
        end = &(*end)->next;
    t->next = NULL;
    *end = t;
}

static void release_waiting(struct world *w, node_id node)
{
    struct task **at = &w->nodes[node].waiting;
    while (*at) {
        struct task *t = *at;
        if (!root_known(w, node, t)) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        call_after(w, node, t, hashing(w, node, t->block));
    }
}

const struct execution_result *cores_root(struct world *w, struct block *b)
{
    struct block *root = cores_rooted(w, b);
    if (!root || !root->execution)
        return NULL;
    const struct execution_result *r = execution_wait(root->execution);
    b->state_root = r->state_root;
    b->receipts_root = r->receipts_root;
    b->root_height = root->height;
    b->header_gas_used = 0;
    for (uint32_t i = 0; i < b->tx_count; i++)
        b->header_gas_used += b->txs[i]->evm.gas_limit;
    return r;
}

static void finish_ordered_build(struct world *w, node_id node, struct task *t)
{
    struct layer *l = layer_of(w, node);
    struct block *b = t->block;
    const struct execution_result *r = b->batch ? NULL : cores_root(w, b);
    if (!r && !b->batch)
        return;
    b->track->built = true;
    if (!b->batch)
        chain_execute(w, l, b); /* on the host already, in the hope that it is ordered */
    seal_and_hand_over(w, node, b, r, t);
}

void cores_on_call(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct task *t = sim_arg_pointer(ev);
    node_id node = ev->target;
    struct node *n = &w->nodes[node];
    struct layer *l = layer_of(w, node);
    void *state = life_state(w, node, t->instance);
    (void)sim;
    if (n->up && t->epoch == n->epoch) {
        if (t->kind == TASK_CHECK)
            l->chain->consensus->checked(state, t->block, judged(w, node, t->block, true), t->tag);
        else if (t->kind == TASK_FETCHED && (t->committed || !seen_through(w, node, t->block)))
            hand_over_fetched(w, node, t);
        else if (t->kind == TASK_BUILD && !outdated(w, node, t))
            finish_ordered_build(w, node, t);
    }
    free_task(w, t);
}

/* ---- what is asked of the cores ---- */

/* How much gas limit a builder tries. What does not fit is left out after execution, so it should
 * try as much as will be used up, whatever its users' limits are: the limits of the last block with
 * transactions tell how much of them is used. A tenth more, since the mix varies. */
static uint64_t gas_to_try(const struct layer *l, const struct block *b)
{
    enum { BACK = 16, AT_MOST = 32 };
    uint64_t limit = b->fees.gas_limit;
    if (l->after_order)
        return limit; /* nobody knows what is used: limits are what counts */
    uint64_t declared = 0, used = 0;
    const struct block *p = b->parent;
    for (int i = 0; p && !used && i < BACK; i++, p = p->parent) {
        if (!p->tx_count || !p->execution)
            continue;
        used = execution_wait(p->execution)->gas_used - ops_gas(p->ops, p->op_count);
        for (uint32_t t = 0; t < p->tx_count; t++)
            declared += p->txs[t]->evm.gas_limit;
    }
    double share = used ? 1.1 * (double)declared / (double)used : 1.25;
    return (uint64_t)((double)limit * (share > AT_MOST ? AT_MOST : share));
}

struct censor {
    struct world *world;
    node_id node;
    const struct holdings *held; /* what the layer holds where the block begins, or NULL */
};

static bool refuses(void *self, const struct tx *tx)
{
    const struct censor *c = self;
    return (c->held && desk_refuses(c->world, c->held, tx)) ||
           (c->world->nodes[c->node].lapses[LAPSE_CENSORS] &&
            trouble_refuses(c->world, c->node, tx));
}

static bool append_picked(struct world *w, struct block *b, uint32_t count)
{
    struct tx **txs = mem_resize(b->txs, b->tx_count + count, sizeof(struct tx *));
    if (!txs)
        return false;
    b->txs = txs;
    for (uint32_t i = 0; i < count; i++) {
        b->txs[b->tx_count++] = tx_ref(w->pick[i]);
        if (w->desk && !desk_picked(b, w->pick[i]))
            return false;
    }
    return true;
}

static bool more_picks(struct world *w, uint64_t most)
{
    if (most <= w->pick_room)
        return true;
    struct tx **room = mem_resize(w->pick, most, sizeof(struct tx *));
    if (!room)
        return false;
    w->pick = room;
    w->pick_room = (uint32_t)most;
    return true;
}

static bool fill(struct world *w, node_id node, struct block *b, const struct build_request *asked)
{
    struct layer *l = layer_of(w, node);
    struct fees_choice choice = {.layer = l, .fees = &b->fees};
    if (!more_picks(w, b->fees.gas_limit / 21000 + 1))
        return false;
    struct pool_request request = {
        .fees = &b->fees,
        .gas = asked->gas ? asked->gas : gas_to_try(l, b),
        .bytes = BLOCK_BYTES_MAX,
        .count = w->pick_room,
        .parent = asked->parent,
        .taken = asked->taken,
        .taken_count = asked->taken_count,
        .share = asked->share,
        .shares = asked->shares,
        .tip = fees_offers,
        .fits = l->fees->room ? fees_takes : NULL,
        .choice = &choice,
    };
    if (l->fees->room && !(choice.room = l->fees->room(l->fees_state, &b->fees, request.gas)))
        return false;
    struct holdings *held = NULL;
    struct censor censor = {w, node, NULL};
    if (w->desk) {
        double share = (double)request.gas / (double)b->fees.gas_limit;
        held = desk_fill(w, l, node, b, asked->parent, &choice, &request.gas);
        censor.held = held;
        uint64_t taken = (uint64_t)(share * (double)ops_gas(b->ops, b->op_count));
        request.gas -= taken < request.gas ? taken : request.gas;
    }
    bool ok = !w->desk || held;
    if (w->desk || w->nodes[node].lapses[LAPSE_CENSORS]) {
        request.refuses = refuses;
        request.refuses_self = &censor;
    }
    uint32_t count = ok ? l->mempool->pick(mempool_state(l, node), &request, w->pick) : 0;
    holdings_unref(held);
    if (choice.room)
        l->fees->room_free(choice.room);
    return ok && append_picked(w, b, count);
}

void cores_build(struct world *w, node_id node, uint8_t instance,
                 const struct build_request *request)
{
    struct layer *l = layer_of(w, node);
    uint64_t serial = ++*build_serial(w, node, instance);
    CHECK(!request->batch || l->after_order, "%s builds a batch that would be executed first",
          l->chain->consensus->model.name);
    struct block *b =
        chain_block(w, l, node, request, &chain_latest(l, request->parent)->track->next);
    bool empty = request->empty || takeover_retired(w, l->id);
    if (!b || (!empty && !fill(w, node, b, request))) {
        block_unref(b);
        world_out_of_memory(w);
        return;
    }
    b->instance = instance;
    struct task *t = new_task(w, node, instance, TASK_BUILD, b, request->tag);
    block_unref(b);
    if (!t)
        return;
    t->serial = serial;
    if (l->after_order) {
        wait_or_call(w, node, t);
        return;
    }
    push_ancestors(w, node, b);
    push(w, node, t);
    begin(w, node);
}

void cores_check(struct world *w, node_id node, uint8_t instance, struct block *b, uint64_t tag)
{
    struct layer *l = layer_of(w, node);
    struct task *t = new_task(w, node, instance, TASK_CHECK, b, tag);
    if (!t)
        return;
    if (l->after_order) {
        wait_or_call(w, node, t);
    } else if (track_get(l->chain, b, TRACK_EXECUTED, node)) {
        call_after(w, node, t, 0);
    } else {
        push_ancestors(w, node, b);
        push(w, node, t);
        begin(w, node);
    }
}

void cores_run(struct world *w, node_id node, uint8_t instance, struct block *b)
{
    struct task *t = new_task(w, node, instance, TASK_RUN, b, 0);
    if (!t)
        return;
    push(w, node, t);
    begin(w, node);
}

void cores_fetched(struct world *w, node_id node, uint8_t instance, struct block *b, node_id from,
                   bool committed)
{
    struct layer *l = layer_of(w, node);
    struct task *t = new_task(w, node, instance, TASK_FETCHED, b, 0);
    if (!t)
        return;
    t->from = from;
    t->committed = committed;
    if (l->after_order) { /* one after the other: protocols take them in order */
        struct node *n = &w->nodes[node];
        sim_time now = sim_now(w->sim);
        if (n->fetch_free < now)
            n->fetch_free = now;
        n->fetch_free += hashing(w, node, b);
        call_after(w, node, t, n->fetch_free - now);
        return;
    }
    push_ancestors(w, node, b);
    push(w, node, t);
    begin(w, node);
}

void cores_recover(struct world *w, node_id node, struct block *b)
{
    struct layer *l = layer_of(w, node);
    const void *pool = mempool_state(l, node);
    uint32_t count = 0;
    for (uint32_t i = 0; b->layer == l->id && i < b->tx_count; i++)
        count += b->txs[i]->pools < l->count && !l->mempool->has(pool, b->txs[i]);
    struct task *t = count ? new_task(w, node, 0, TASK_RECOVER, b, 0) : NULL;
    if (!t)
        return;
    t->count = count;
    push(w, node, t);
    begin(w, node);
}

void cores_audit(struct world *w, node_id node, struct block *b, struct audit *a, uint64_t tag)
{
    struct task *t = new_task(w, node, 0, TASK_AUDIT, b, tag);
    if (!t)
        return;
    t->audit = audit_ref(a);
    push(w, node, t);
    begin(w, node);
}

/* Of the task under way, if it is one of recovery. */
static int64_t recovery_under_way(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    if (!n->running || !n->queue || n->queue->kind != TASK_RECOVER)
        return 0;
    return (sim_now(w->sim) - n->run_start) * w->layers[n->layer].classes[n->class].cores;
}

int64_t cores_recovery(const struct world *w, node_id node)
{
    return w->nodes[node].block_recovery + recovery_under_way(w, node);
}

void cores_crash(struct world *w, node_id node)
{
    struct node *n = &w->nodes[node];
    n->block_recovery += recovery_under_way(w, node);
    sim_cancel(w->sim, &n->execute);
    if (n->running)
        post_resume(w, node);
    free_list(w, &n->queue);
    free_list(w, &n->waiting);
    n->build_serial++;
    if (n->twin)
        n->twin->build_serial++;
    n->fetch_free = 0;
    /* Committed blocks that were waiting for the cores are executed after recovery. */
}

int64_t cores_busy(const struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    sim_time now = sim_now(w->sim);
    if (!n->running || n->run_end <= n->run_start || now <= n->run_start)
        return n->busy;
    double part = (double)(now - n->run_start) / (double)(n->run_end - n->run_start);
    return n->busy + (int64_t)(part * (double)n->run_busy);
}
