#include "evm/parallel/pick.h"

#include <stdlib.h>

#include "evm/core/alloc.h"

enum { BIG = 4 /* times the mean gas limit: worth starting early */ };

void evm_pick_fini(struct evm_pick_queue *q)
{
    evm_txset_fini(&q->low);
    evm_txset_fini(&q->big);
    free(q->list);
    free(q->rank);
    *q = (struct evm_pick_queue){0};
}

/* Numbers of big_list in descending order of gas limits; ties by the order in the block. */
static bool bigger(const struct evm_pick_queue *q, uint32_t a, uint32_t b)
{
    uint64_t x = q->env->txs[a]->gas_limit, y = q->env->txs[b]->gas_limit;
    return x != y ? x > y : a < b;
}

/* Few are big, so they are inserted one by one. */
static enum evm_status list_big(struct evm_pick_queue *q)
{
    uint32_t n = q->env->tx_count;
    uint64_t mean = 0;
    q->big_count = 0;
    if (q->env->params->pick != EVM_PICK_BIG || !q->env->txs)
        return EVM_OK;
    if (n > q->capacity) {
        free(q->list);
        free(q->rank);
        q->list = evm_malloc(n * sizeof *q->list);
        q->rank = evm_malloc(n * sizeof *q->rank);
        q->capacity = q->list && q->rank ? n : 0;
        if (!q->capacity)
            return EVM_ERR_MEMORY;
    }
    for (uint32_t i = 0; i < n; i++)
        mean += q->env->txs[i]->gas_limit / n;
    for (uint32_t i = 0; i < n; i++) {
        q->rank[i] = 0;
        if (q->env->txs[i]->gas_limit / BIG < mean)
            continue;
        uint32_t at = q->big_count++;
        for (; at > 0 && bigger(q, i, q->list[at - 1]); at--)
            q->list[at] = q->list[at - 1];
        q->list[at] = i;
    }
    for (uint32_t k = 0; k < q->big_count; k++)
        q->rank[q->list[k]] = k + 1;
    return evm_txset_begin(&q->big, q->big_count) ? EVM_OK : EVM_ERR_MEMORY;
}

/* From three cores on one may be kept for commits and validations. */
static bool is_reserved(const struct evm_pick_queue *q, uint32_t worker)
{
    return worker == 0 && q->env->params->reserve_core && q->env->workers > 2;
}

/* Where its core's run of the block begins. */
static uint32_t share_start(const struct evm_pick_queue *q, uint32_t worker)
{
    uint32_t reserved = is_reserved(q, 0);
    return (uint32_t)((uint64_t)q->env->tx_count * (worker - reserved) /
                      (q->env->workers - reserved));
}

void evm_pick_put(struct evm_pick_queue *q, uint32_t i)
{
    if (q->big_count && q->rank[i])
        evm_txset_put(&q->big, q->rank[i] - 1);
    else
        evm_txset_put(&q->low, i);
}

uint32_t evm_pick_take(struct evm_pick_queue *q, uint32_t worker, uint32_t limit)
{
    if (is_reserved(q, worker))
        return EVM_NO_TX;
    const enum evm_split split = q->env->params->split;
    uint32_t i = q->big_count ? evm_txset_take(&q->big, q->big_count) : EVM_NO_TX;
    if (i != EVM_NO_TX)
        return q->list[i];
    if (split != EVM_SPLIT_SHARED) {
        uint32_t from = share_start(q, worker), to = share_start(q, worker + 1);
        i = evm_txset_take_from(&q->low, from, to < limit ? to : limit);
        if (i != EVM_NO_TX || split == EVM_SPLIT_STATIC)
            return i;
    }
    return evm_txset_take(&q->low, limit);
}

bool evm_pick_is_choosy(const struct evm_pick_queue *q)
{
    return q->env->params->split == EVM_SPLIT_STATIC || is_reserved(q, 0);
}

enum evm_status evm_pick_begin(struct evm_pick_queue *q, const struct evm_sched_env *env)
{
    q->env = env;
    enum evm_status st = list_big(q);
    if (st != EVM_OK || !evm_txset_begin(&q->low, env->tx_count))
        return EVM_ERR_MEMORY;
    if (!q->big_count)
        evm_txset_put_range(&q->low, 0, env->tx_count, UINT64_MAX);
    for (uint32_t i = 0; q->big_count && i < env->tx_count; i++)
        evm_pick_put(q, i);
    return EVM_OK;
}
