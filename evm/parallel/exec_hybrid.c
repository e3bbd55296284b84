/* Executor `hybrid`: transactions that are predicted to conflict go through a lane, one at a time
 * and in order, on whichever core is free; all others run beside it, optimistically, over the same
 * multi-version memory. A prediction costs or saves time only: the ladder checks everything.
 *
 * Each hot recipient has a lane of its own, since those who meet at one have no reason to wait for
 * those who meet at another. Predicted are the transactions to a recipient
 *   - that recent blocks knew (env->history): if three quarters of those who used its storage met
 *     another transaction there, and there are, with those remembered, `hot` of them. Fewer meet in
 *     many places rather than in one: a token whose holders pay each other is no chain;
 *   - that is not known: if this block has `hot` transactions to it, and it is a contract (between
 *     plain accounts only amounts move, which commute).
 * Splitting a block into a speculative part and a sequential one is Saraph and Herlihy's ("An
 * Empirical Study of Speculative Concurrency in Ethereum Smart Contracts", arXiv 1901.01376);
 * theirs runs the sequential part afterwards and learns what it is from the failures of the same
 * block.
 *
 * The next of a lane is held back until the one before has executed for the first time; who has to
 * run again does so at once. So the head of the block never waits for a lane. */
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/flow.h"
#include "evm/parallel/history.h"
#include "evm/parallel/mvmemory.h"
#include "evm/parallel/senders.h"

enum { CHUNK = 64 }; /* big ones first within so many transactions: the ladder must not starve */

struct hybrid {
    struct evm_flow flow;
    struct evm_senders senders;
    uint32_t *behind;   /* of each transaction: the next of its lane, or EVM_NO_TX */
    bool *held;         /* begin(): another of its lane is before it */
    uint32_t *by_party; /* begin(): transactions by recipient */
    uint64_t *weight;
    uint32_t capacity;
};

static void *create(void)
{
    return evm_calloc(1, sizeof(struct hybrid));
}

static void destroy(void *state)
{
    struct hybrid *s = state;
    if (!s)
        return;
    evm_flow_fini(&s->flow);
    evm_senders_fini(&s->senders);
    free(s->behind);
    free(s->held);
    free(s->by_party);
    free(s->weight);
    free(s);
}

/* ---- prediction ------------------------------------------------------------------------------ */

static const struct evm_addr *party(const struct hybrid *s, uint32_t tx)
{
    return &s->flow.env.txs[tx]->to;
}

static bool party_after(const struct hybrid *s, uint32_t a, uint32_t b)
{
    int order = memcmp(party(s, a)->b, party(s, b)->b, sizeof(struct evm_addr));
    return order ? order > 0 : a > b;
}

/* by_party[0, n): by address, equal ones in the order of the block. Heap sort: nothing is allocated
 * and the block needs no global. */
static void sort_by_party(struct hybrid *s, uint32_t n)
{
    uint32_t *v = s->by_party;
    for (uint32_t i = n / 2, last = n; last > 1;) {
        uint32_t item, at, child;
        if (i > 0) {
            item = v[at = --i];
        } else {
            item = v[--last];
            v[last] = v[0];
            at = 0;
        }
        while ((child = 2 * at + 1) < last) {
            if (child + 1 < last && party_after(s, v[child + 1], v[child]))
                child++;
            if (!party_after(s, v[child], item))
                break;
            v[at] = v[child];
            at = child;
        }
        v[at] = item;
    }
}

/* End of the group of equal addresses that begins at i. */
static uint32_t group_end(const struct hybrid *s, uint32_t i, uint32_t n)
{
    const struct evm_addr *addr = party(s, s->by_party[i]);
    while (i < n && evm_addr_eq(party(s, s->by_party[i]), addr))
        i++;
    return i;
}

/* *out: has it code before the block? */
static enum evm_status is_contract(struct hybrid *s, const struct evm_addr *addr, bool *out)
{
    struct evm_account acc;
    struct evm_mv_cost cost = {0};
    uint32_t blocker;
    if (evm_mv_account(s->flow.env.mv, 0, addr, EVM_NEED_CODE, &acc, NULL, &blocker, 0, &cost) !=
        EVM_MV_OK)
        return EVM_ERR_MEMORY;
    *out = !evm_hash_eq(&acc.code_hash, &evm_code_empty()->hash);
    return EVM_OK;
}

/* *out: will `count` transactions to that recipient meet? */
static enum evm_status predict(struct hybrid *s, const struct evm_addr *to, uint32_t count,
                               bool *out)
{
    const struct evm_heat *heat = evm_history_find(s->flow.env.history, to);
    uint64_t hot = s->flow.env.params->hot;
    *out = false;
    if (count < 2)
        return EVM_OK;
    if (heat) {
        /* The first to come has nobody to meet, so it does not count against the others. */
        *out = heat->met > 0 &&
               4 * ((uint64_t)heat->met + EVM_HISTORY_ONE) >= 3 * (uint64_t)heat->seen &&
               (uint64_t)count * EVM_HISTORY_ONE + heat->met >= hot * EVM_HISTORY_ONE;
        return EVM_OK;
    }
    return count >= hot ? is_contract(s, to, out) : EVM_OK;
}

static enum evm_status fill_lanes(struct hybrid *s)
{
    const struct evm_tx *const *txs = s->flow.env.txs;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->flow.env.tx_count; i++)
        if (!txs[i]->is_create)
            s->by_party[n++] = i;
    sort_by_party(s, n);
    for (uint32_t i = 0, end; i < n; i = end) {
        bool hot;
        end = group_end(s, i, n);
        enum evm_status st = predict(s, &txs[s->by_party[i]]->to, end - i, &hot);
        if (st != EVM_OK)
            return st;
        for (uint32_t k = i + 1; hot && k < end; k++) {
            s->behind[s->by_party[k - 1]] = s->by_party[k];
            s->held[s->by_party[k]] = true;
        }
    }
    return EVM_OK;
}

/* ---- begin ----------------------------------------------------------------------------------- */

static bool reserve(struct hybrid *s, uint32_t n)
{
    if (n <= s->capacity)
        return true;
    free(s->behind);
    free(s->held);
    free(s->by_party);
    free(s->weight);
    s->capacity = 0;
    s->behind = evm_calloc(n, sizeof *s->behind);
    s->held = evm_calloc(n, sizeof *s->held);
    s->by_party = evm_calloc(n, sizeof *s->by_party);
    s->weight = evm_calloc(n, sizeof *s->weight);
    if (!s->behind || !s->held || !s->by_party || !s->weight)
        return false;
    s->capacity = n;
    return true;
}

static void executed(void *self, uint32_t tx, struct evm_wake *out)
{
    struct hybrid *s = self;
    if (s->behind[tx] != EVM_NO_TX)
        evm_flow_release(&s->flow, s->behind[tx], out);
}

static enum evm_status begin(void *state, const struct evm_sched_env *env)
{
    struct hybrid *s = state;
    uint32_t n = env->tx_count;
    enum evm_status st = evm_flow_begin(&s->flow, env, executed, s);
    if (st != EVM_OK || !reserve(s, n))
        return EVM_ERR_MEMORY;
    s->flow.eager = s->flow.windowed = true;
    for (uint32_t i = 0; i < n; i++) {
        s->behind[i] = EVM_NO_TX;
        s->held[i] = false;
    }
    if (env->txs && env->workers > 1) {
        st = fill_lanes(s);
        if (st == EVM_OK)
            st = evm_senders_foresee(&s->senders, env);
    }
    if (env->txs && env->params->pick == EVM_PICK_BIG) {
        for (uint32_t i = 0; i < n; i++)
            s->weight[i] = env->txs[i]->gas_limit;
        evm_flow_rank(&s->flow, s->weight, CHUNK);
    }
    struct evm_wake nobody_sleeps = {0};
    for (uint32_t i = 0; st == EVM_OK && i < n; i++)
        if (!s->held[i])
            evm_flow_release(&s->flow, i, &nobody_sleeps);
    return st;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static struct evm_task next(void *state, uint32_t worker)
{
    struct hybrid *s = state;
    struct evm_task task;
    (void)worker;
    evm_flow_next(&s->flow, &task);
    return task;
}

static void done(void *state, uint32_t worker, struct evm_task task,
                 const struct evm_task_result *result, struct evm_wake *out)
{
    struct hybrid *s = state;
    (void)worker;
    evm_flow_done(&s->flow, task, result, out);
}

const struct evm_executor_ops evm_executor_hybrid = {
    .name = "hybrid",
    .doc = "Predicted conflicts in sequential lanes, everything else optimistically beside them.",
    .visibility = EVM_VISIBLE_FINISHED,
    .traits = EVM_TRAIT_DELTAS | EVM_TRAIT_PARKS | EVM_TRAIT_LEARNS,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .next = next,
    .done = done,
};
