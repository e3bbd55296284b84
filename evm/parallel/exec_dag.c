/* Executors `access-list` and `locks`: who waits for whom is known before the block begins, from
 * what its transactions are known to touch (env->sets; dag.h).
 *
 *   access-list  A transaction is handed out when those whose writes it will read have executed.
 *                With complete sets nothing is ever thrown away. With the values written, too (a
 * block access list), nobody waits: each is in place as a prediction before the block begins. locks
 * A transaction is handed out when it holds its account locks, as in Solana's runtime: shared to
 * read, exclusive to write, first in, first out. They are released when its execution ends, not
 * when it commits. Solana refuses an access that was not declared; Ethereum's rules do not, so here
 * the ladder finds it and the transaction runs again, without locks.
 *
 * Sets may be incomplete. The ladder checks every transaction; one found invalid runs again at
 * once, everything below being committed then; and what it changes makes executed readers validate.
 * If the sets are declared ones, first executions do so too, since they will often be wrong. */
#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/parallel/dag.h"
#include "evm/parallel/flow.h"
#include "evm/parallel/mvmemory.h"

struct known {
    struct evm_flow flow;
    struct evm_dag dag;
    uint64_t *cost, *level; /* of nodes */
    uint32_t capacity;
};

static void *create(void)
{
    return evm_calloc(1, sizeof(struct known));
}

static void destroy(void *state)
{
    struct known *s = state;
    if (!s)
        return;
    evm_flow_fini(&s->flow);
    evm_dag_fini(&s->dag);
    free(s->cost);
    free(s->level);
    free(s);
}

/* ---- the graph counts down ------------------------------------------------------------------- */

struct releasing {
    struct evm_flow *flow;
    struct evm_wake *out;
};

static void release(void *self, uint32_t tx)
{
    struct releasing *r = self;
    evm_flow_release(r->flow, tx, r->out);
}

static void executed(void *self, uint32_t tx, struct evm_wake *out)
{
    struct known *s = self;
    struct releasing r = {&s->flow, out};
    evm_dag_finish(&s->dag, tx, release, &r);
}

/* ---- begin ----------------------------------------------------------------------------------- */

static uint64_t cost_of(const struct evm_sched_env *env, const struct evm_access_sets *sets,
                        uint32_t tx)
{
    if (sets->cost_ns && sets->cost_ns[tx] > 0)
        return (uint64_t)sets->cost_ns[tx];
    if (sets->gas_used && sets->gas_used[tx])
        return sets->gas_used[tx];
    return env->txs ? env->txs[tx]->gas_limit : 1;
}

/* The head of the longest chain first: "highest level first with estimated times" (HLFET; Adam,
 * Chandy and Dickson, CACM 17(12), 1974). Without edges that is the biggest first. */
static enum evm_status rank_chains(struct known *s, const struct evm_sched_env *env,
                                   const struct evm_access_sets *sets)
{
    uint32_t n = s->dag.node_count;
    if (n > s->capacity) {
        free(s->cost);
        free(s->level);
        s->capacity = 0;
        s->cost = evm_calloc(n, sizeof *s->cost);
        s->level = evm_calloc(n, sizeof *s->level);
        if (!s->cost || !s->level)
            return EVM_ERR_MEMORY;
        s->capacity = n;
    }
    for (uint32_t i = 0; i < env->tx_count; i++)
        s->cost[i] = cost_of(env, sets, i);
    evm_dag_levels(&s->dag, s->cost, s->level);
    evm_flow_rank(&s->flow, s->level, 0);
    return EVM_OK;
}

/* Is every value known that somebody may read? Of an amount only the sum would help. */
static bool tells_values(const struct evm_access_sets *sets)
{
    for (uint32_t i = 0; i < sets->count; i++) {
        unsigned how = sets->list[i].how;
        if ((how & EVM_ACCESS_DELTA) || ((how & EVM_ACCESS_WRITE) && !(how & EVM_ACCESS_VALUE)))
            return false;
    }
    return true;
}

static enum evm_status predict_all(const struct evm_sched_env *env,
                                   const struct evm_access_sets *sets)
{
    enum evm_status st = EVM_OK;
    for (uint32_t tx = 0; tx < sets->tx_count; tx++)
        for (uint32_t i = sets->first[tx]; st == EVM_OK && i < sets->first[tx + 1]; i++) {
            const struct evm_access *a = &sets->list[i];
            if (a->how & EVM_ACCESS_WRITE)
                st = evm_mv_predict(env->mv, tx, (enum evm_mv_kind)a->kind, &a->addr,
                                    a->kind == EVM_MV_SLOT ? &a->key : NULL, &a->value);
        }
    return st;
}

static enum evm_status begin_known(struct known *s, const struct evm_sched_env *env,
                                   const struct evm_access_sets *sets, enum evm_dag_rule rule)
{
    EVM_CHECK(sets->tx_count == env->tx_count, "sets of %u transactions, the block has %u",
              sets->tx_count, env->tx_count);
    enum evm_status st = evm_flow_begin(&s->flow, env, executed, s);
    if (st == EVM_OK)
        st = evm_dag_build(&s->dag, sets, rule);
    if (st == EVM_OK && rule == EVM_DAG_READS && env->params->pick == EVM_PICK_BIG)
        st = rank_chains(s, env, sets);
    struct evm_wake nobody_sleeps = {0};
    for (uint32_t i = 0; st == EVM_OK && i < env->tx_count; i++)
        if (evm_dag_is_free(&s->dag, i))
            evm_flow_release(&s->flow, i, &nobody_sleeps);
    return st;
}

/* Without sets: what is declared; without transactions: nothing is known, nobody waits. */
static enum evm_status begin(struct known *s, const struct evm_sched_env *env,
                             enum evm_dag_rule rule)
{
    struct evm_access_sets own = {0};
    uint32_t *none = NULL;
    bool by_value = false;
    const struct evm_access_sets *sets = env->sets;
    enum evm_status st = EVM_OK;
    if (!sets && env->txs) {
        st = evm_access_sets_declared(&own, env->txs, env->tx_count);
        sets = &own;
    }
    if (st == EVM_OK && rule == EVM_DAG_READS && env->params->sets == EVM_SETS_BAL && env->sets &&
        tells_values(env->sets)) {
        st = predict_all(env, env->sets);
        by_value = true;
    }
    if (st == EVM_OK && (by_value || !sets)) {
        none = evm_calloc((size_t)env->tx_count + 1, sizeof *none);
        st = none ? EVM_OK : EVM_ERR_MEMORY;
        own = (struct evm_access_sets){.first = none, .tx_count = env->tx_count};
        sets = &own;
    }
    if (st == EVM_OK)
        st = begin_known(s, env, sets, rule);
    s->flow.eager = !env->sets || env->params->sets == EVM_SETS_DECLARED;
    evm_access_sets_fini(&own);
    return st;
}

static enum evm_status begin_access_list(void *state, const struct evm_sched_env *env)
{
    return begin(state, env, EVM_DAG_READS);
}

static enum evm_status begin_locks(void *state, const struct evm_sched_env *env)
{
    return begin(state, env, EVM_DAG_LOCKS);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static struct evm_task next(void *state, uint32_t worker)
{
    struct known *s = state;
    struct evm_task task;
    (void)worker;
    evm_flow_next(&s->flow, &task);
    return task;
}

static void done(void *state, uint32_t worker, struct evm_task task,
                 const struct evm_task_result *result, struct evm_wake *out)
{
    struct known *s = state;
    (void)worker;
    evm_flow_done(&s->flow, task, result, out);
}

const struct evm_executor_ops evm_executor_access_list = {
    .name = "access-list",
    .doc = "A dependency graph from known access sets: who waits for whose writes is known "
           "beforehand.",
    .visibility = EVM_VISIBLE_FINISHED,
    .traits = EVM_TRAIT_NEEDS_SETS | EVM_TRAIT_DELTAS | EVM_TRAIT_PARKS,
    .create = create,
    .destroy = destroy,
    .begin = begin_access_list,
    .next = next,
    .done = done,
};

const struct evm_executor_ops evm_executor_locks = {
    .name = "locks",
    .doc = "Account locks to read and to write, first in, first out, as in Solana's unified "
           "scheduler.",
    .visibility = EVM_VISIBLE_FINISHED,
    .traits = EVM_TRAIT_NEEDS_SETS | EVM_TRAIT_DELTAS | EVM_TRAIT_PARKS,
    .create = create,
    .destroy = destroy,
    .begin = begin_locks,
    .next = next,
    .done = done,
};
