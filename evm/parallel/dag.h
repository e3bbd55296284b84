/* evm/parallel/dag.h - which transactions of a block have to wait for which, from what they are
 * known to touch.
 *
 * A graph over the transactions and some joins: a join stands for "all of these have finished", so
 * that k who add to a balance and m who read it need k + m edges, not k times m. Every edge leads
 * from a lower transaction to a higher one. Built once a block, in O(a log a) of a accesses; then
 * finished transactions are counted down by any thread at any time.
 *
 * Two rules:
 *   READS  field by field, read after write only: over a multi-version memory a later write
 * disturbs nobody. An amount added to a balance (DELTA) waits for nobody and is waited for by who
 *          reads the balance; a bound on a balance (PREDICATE) waits for nobody.
 *   LOCKS  account by account, read or write locks, granted first in, first out in the order of the
 *          block: a reader waits for the writer before it, a writer for the readers since the
 * writer before it, or for that writer. These are the address queues of Solana's unified scheduler
 *          (anza-xyz/agave, unified-scheduler-logic/src/lib.rs, "Algorithm"): a queue's order never
 *          changes once the block is known, so what it would let wait is known too. */
#ifndef EVM_PARALLEL_DAG_H
#define EVM_PARALLEL_DAG_H

#include <stdatomic.h>

#include "evm/core/order.h"
#include "evm/parallel/access.h"

enum evm_dag_rule { EVM_DAG_READS, EVM_DAG_LOCKS };

/* Zeroed memory is a graph without transactions; fini gives the memory back. Nodes 0..tx_count-1
 * are the transactions, those above are joins. */
struct evm_dag {
    uint32_t tx_count, node_count, edge_count;
    uint32_t *first; /* node_count + 1: the successors of v are next[first[v]] up to first[v + 1] */
    uint32_t *next;
    _Atomic uint32_t *waits; /* of each node: predecessors that have not finished */
    /* Private: memory of building and counting. */
    struct evm_dag_edge {
        uint32_t from, to;
    } * edges;
    uint32_t *into, *from, *mark, *pending, *row_tx, *fired;
    struct evm_order *rows;
    uint32_t node_capacity, edge_capacity, next_capacity, row_capacity;
};
void evm_dag_fini(struct evm_dag *g);

/* Replaces *g by the graph of *sets; no edge is there twice. The memory of the graph before is
 * kept. EVM_ERR_MEMORY leaves *g fit for build and fini only. */
enum evm_status evm_dag_build(struct evm_dag *g, const struct evm_access_sets *sets,
                              enum evm_dag_rule rule);

/* Transaction tx has finished for the first time: calls release for each transaction that waited
 * for nothing else. Any thread; never allocates. */
void evm_dag_finish(struct evm_dag *g, uint32_t tx, void (*release)(void *self, uint32_t tx),
                    void *self);

static inline bool evm_dag_is_free(const struct evm_dag *g, uint32_t tx)
{
    return atomic_load_explicit(&g->waits[tx], memory_order_relaxed) == 0;
}

/* level[i] of each transaction: the cost of the most expensive chain that begins with it. level has
 * room for node_count. Before the first finish(). O(nodes + edges); uses no memory of the heap. */
void evm_dag_levels(struct evm_dag *g, const uint64_t *cost, uint64_t *level);

#endif
