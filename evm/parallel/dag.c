#include "evm/parallel/dag.h"

#include <stdlib.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/access_internal.h"

static const uint32_t NONE = EVM_NO_TX;

void evm_dag_fini(struct evm_dag *g)
{
    if (!g)
        return;
    free(g->first);
    free(g->next);
    free((void *)g->waits);
    free(g->edges);
    free(g->into);
    free(g->from);
    free(g->mark);
    free(g->pending);
    free(g->row_tx);
    free(g->fired);
    free(g->rows);
    *g = (struct evm_dag){0};
}

/* member: the address of a pointer to any type. */
static bool grow(void *member, uint32_t count, size_t size)
{
    void *array;
    memcpy(&array, member, sizeof array);
    array = evm_realloc(array, (count ? count : 1) * size);
    if (array)
        memcpy(member, &array, sizeof array);
    return array != NULL;
}

/* ---- rows in the order of locations ---------------------------------------------------------- */

/* Rows of one location in the order of the block: a transaction's rows stand before the next's. */
static int row_order(const void *x, const void *y)
{
    const struct evm_access *a = ((const struct evm_order *)x)->object;
    const struct evm_access *b = ((const struct evm_order *)y)->object;
    int order = evm_access_order(a, b);
    return order ? order : (a > b) - (a < b);
}

static bool sort_rows(struct evm_dag *g, const struct evm_access_sets *sets)
{
    if (sets->count > g->row_capacity) {
        if (!grow(&g->rows, sets->count, 2 * sizeof *g->rows) ||
            !grow(&g->row_tx, sets->count, sizeof *g->row_tx))
            return false;
        g->row_capacity = sets->count;
    }
    for (uint32_t tx = 0; tx < sets->tx_count; tx++)
        for (uint32_t i = sets->first[tx]; i < sets->first[tx + 1]; i++) {
            g->row_tx[i] = tx;
            g->rows[i] = (struct evm_order){evm_load_be64(sets->list[i].addr.b), &sets->list[i]};
        }
    if (sets->count)
        evm_order_sort(g->rows, sets->count, row_order);
    return true;
}

/* ---- building -------------------------------------------------------------------------------- */

/* One location, or account, on the way through its rows. */
struct pass {
    struct evm_dag *g;
    const struct evm_access_sets *sets;
    uint32_t cover;   /* the node after which everything before `pending` has finished, or NONE */
    uint32_t pending; /* how many of g->pending count beside it: adders, or readers with a lock */
    bool failed;
};

static const struct evm_access *row_at(const struct pass *p, uint32_t i)
{
    return p->g->rows[i].object;
}

static uint32_t tx_at(const struct pass *p, uint32_t i)
{
    return p->g->row_tx[row_at(p, i) - p->sets->list];
}

static void edge(struct pass *p, uint32_t from, uint32_t to)
{
    struct evm_dag *g = p->g;
    if (from == NONE || from == to || p->failed)
        return;
    if (g->edge_count == g->edge_capacity) {
        uint32_t capacity = g->edge_capacity ? g->edge_capacity * 2 : 256;
        if (!grow(&g->edges, capacity, sizeof *g->edges)) {
            p->failed = true;
            return;
        }
        g->edge_capacity = capacity;
    }
    g->edges[g->edge_count++] = (struct evm_dag_edge){from, to};
}

/* Everything so far behind one node: an adder alone is its own. */
static void join(struct pass *p)
{
    struct evm_dag *g = p->g;
    if (p->pending == 0)
        return;
    if (p->pending == 1 && p->cover == NONE) {
        p->cover = g->pending[0];
    } else {
        uint32_t node = g->node_count++;
        edge(p, p->cover, node);
        for (uint32_t i = 0; i < p->pending; i++)
            edge(p, g->pending[i], node);
        p->cover = node;
    }
    p->pending = 0;
}

/* The last transaction below tx among rows [*at, to), which it moves up to; or NONE. */
static uint32_t last_below(const struct pass *p, uint32_t *at, uint32_t to, uint32_t tx)
{
    while (*at + 1 < to && tx_at(p, *at + 1) < tx)
        ++*at;
    return *at < to && tx_at(p, *at) < tx ? tx_at(p, *at) : NONE;
}

/* Rows [from, to) of one location. wipes: rows that wipe all slots of the account. */
static void pass_reads(struct pass *p, uint32_t from, uint32_t to, const uint32_t wipes[2])
{
    uint32_t wipe_at = wipes[0];
    p->cover = NONE;
    p->pending = 0;
    for (uint32_t i = from; i < to; i++) {
        const struct evm_access *a = row_at(p, i);
        uint32_t tx = tx_at(p, i);
        if (a->how & EVM_ACCESS_READ) {
            join(p);
            edge(p, p->cover, tx);
            if (a->kind == EVM_MV_SLOT)
                edge(p, last_below(p, &wipe_at, wipes[1], tx), tx);
            if (a->from < tx) /* what decided may have been another location: a revival */
                edge(p, a->from, tx);
        }
        if (a->how & EVM_ACCESS_WRITE) { /* whatever was there, this replaces it */
            p->cover = tx;
            p->pending = 0;
        } else if (a->how & EVM_ACCESS_DELTA) {
            p->g->pending[p->pending++] = tx;
        }
    }
}

static bool locks_to_write(const struct evm_access *a)
{
    return (a->how & (EVM_ACCESS_WRITE | EVM_ACCESS_DELTA)) != 0;
}

/* The rows of one account in the order of the block; key is the transaction. */
static void pass_locks(struct pass *p, const struct evm_order *accounts, uint32_t count)
{
    p->cover = NONE;
    p->pending = 0;
    for (uint32_t i = 0; i < count;) {
        uint32_t tx = (uint32_t)accounts[i].key;
        bool writes = false;
        for (; i < count && accounts[i].key == tx; i++)
            writes |= locks_to_write(accounts[i].object);
        if (!writes) {
            edge(p, p->cover, tx);
            p->g->pending[p->pending++] = tx;
            continue;
        }
        for (uint32_t k = 0; k < p->pending; k++)
            edge(p, p->g->pending[k], tx);
        if (p->pending == 0)
            edge(p, p->cover, tx);
        p->cover = tx;
        p->pending = 0;
    }
}

static bool same_account(const struct pass *p, uint32_t i, uint32_t k)
{
    return evm_addr_eq(&row_at(p, i)->addr, &row_at(p, k)->addr);
}

static bool same_location(const struct pass *p, uint32_t i, uint32_t k)
{
    return evm_access_order(row_at(p, i), row_at(p, k)) == 0;
}

static void account_reads(struct pass *p, uint32_t from, uint32_t to)
{
    uint32_t wipes[2] = {from, from}; /* WIPE is below SLOT in the order of kinds */
    for (uint32_t i = from, end; i < to && !p->failed; i = end) {
        for (end = i + 1; end < to && same_location(p, i, end);)
            end++;
        if (row_at(p, i)->kind == EVM_MV_WIPE) {
            /* Readers of WIPE count as wipers to those of slots: rare, and never wrong. */
            wipes[0] = i;
            wipes[1] = end;
        }
        const uint32_t none[2] = {end, end};
        pass_reads(p, i, end, wipes[1] > wipes[0] ? wipes : none);
    }
}

static int block_order(const void *x, const void *y)
{
    const struct evm_access *a = ((const struct evm_order *)x)->object;
    const struct evm_access *b = ((const struct evm_order *)y)->object;
    return (a > b) - (a < b);
}

/* The rows of one account in the order of the block. They are not needed any more afterwards, and
 * as scratch there is the other half of the array. */
static void account_locks(struct pass *p, uint32_t from, uint32_t to)
{
    struct evm_order *part = p->g->rows + from;
    for (uint32_t i = from; i < to; i++)
        p->g->rows[i].key = tx_at(p, i);
    if (to - from > 1) {
        struct evm_order *scratch = p->g->rows + p->sets->count;
        memcpy(scratch, part, (to - from) * sizeof *part);
        qsort(scratch, to - from, sizeof *scratch, block_order);
        part = scratch;
    }
    pass_locks(p, part, to - from);
}

/* ---- edges to arrays ------------------------------------------------------------------------- */

static bool reserve_nodes(struct evm_dag *g, uint32_t nodes)
{
    if (nodes <= g->node_capacity && g->first)
        return true;
    if (!grow(&g->first, nodes + 1, sizeof *g->first) ||
        !grow(&g->into, nodes + 1, sizeof *g->into) || !grow(&g->mark, nodes, sizeof *g->mark) ||
        !grow(&g->fired, nodes, sizeof *g->fired) || !grow(&g->waits, nodes, sizeof *g->waits))
        return false;
    g->node_capacity = nodes;
    return true;
}

/* from[] by target, each predecessor once; the number of edges left. */
static uint32_t by_target(struct evm_dag *g)
{
    uint32_t n = g->node_count, left = 0;
    memset(g->into, 0, (n + 1) * sizeof *g->into);
    for (uint32_t e = 0; e < g->edge_count; e++)
        g->into[g->edges[e].to + 1]++;
    for (uint32_t v = 0; v < n; v++) {
        g->into[v + 1] += g->into[v];
        g->fired[v] = g->into[v]; /* where the next one goes */
        g->mark[v] = NONE;
    }
    for (uint32_t e = 0; e < g->edge_count; e++)
        g->from[g->fired[g->edges[e].to]++] = g->edges[e].from;
    for (uint32_t v = 0, i = 0; v < n; v++) {
        uint32_t end = g->into[v + 1], begin = left;
        for (; i < end; i++) {
            if (g->mark[g->from[i]] == v)
                continue;
            g->mark[g->from[i]] = v;
            g->from[left++] = g->from[i];
        }
        g->into[v] = begin;
        atomic_init(&g->waits[v], left - begin);
    }
    g->into[n] = left;
    return left;
}

static bool finish_arrays(struct evm_dag *g)
{
    uint32_t n = g->node_count;
    if (g->edge_count > g->next_capacity) {
        if (!grow(&g->next, g->edge_count, sizeof *g->next) ||
            !grow(&g->from, g->edge_count, sizeof *g->from))
            return false;
        g->next_capacity = g->edge_count;
    }
    if (!reserve_nodes(g, n))
        return false;
    g->edge_count = by_target(g);
    memset(g->first, 0, (n + 1) * sizeof *g->first);
    for (uint32_t i = 0; i < g->edge_count; i++)
        g->first[g->from[i] + 1]++;
    for (uint32_t v = 0; v < n; v++) {
        g->first[v + 1] += g->first[v];
        g->fired[v] = g->first[v];
    }
    for (uint32_t v = 0; v < n; v++)
        for (uint32_t i = g->into[v]; i < g->into[v + 1]; i++)
            g->next[g->fired[g->from[i]]++] = v;
    return true;
}

enum evm_status evm_dag_build(struct evm_dag *g, const struct evm_access_sets *sets,
                              enum evm_dag_rule rule)
{
    struct pass p = {.g = g, .sets = sets};
    g->tx_count = g->node_count = sets->tx_count;
    g->edge_count = 0;
    if (!sort_rows(g, sets) || !grow(&g->pending, sets->tx_count, sizeof *g->pending))
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0, end; i < sets->count && !p.failed; i = end) {
        for (end = i + 1; end < sets->count && same_account(&p, i, end);)
            end++;
        if (rule == EVM_DAG_LOCKS)
            account_locks(&p, i, end);
        else
            account_reads(&p, i, end);
    }
    return !p.failed && finish_arrays(g) ? EVM_OK : EVM_ERR_MEMORY;
}

/* ---- counting down --------------------------------------------------------------------------- */

/* Joins that fire are kept in a list through `fired`, as a chain of them may be as long as the
 * block. */
void evm_dag_finish(struct evm_dag *g, uint32_t tx, void (*release)(void *self, uint32_t tx),
                    void *self)
{
    uint32_t joins = NONE, v = tx;
    for (;;) {
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++) {
            uint32_t to = g->next[i];
            if (atomic_fetch_sub(&g->waits[to], 1) != 1)
                continue;
            if (to < g->tx_count) {
                release(self, to);
            } else {
                g->fired[to] = joins;
                joins = to;
            }
        }
        if (joins == NONE)
            return;
        v = joins;
        joins = g->fired[v];
    }
}

/* Nodes in an order in which all edges lead forward (Kahn), then back along it. */
void evm_dag_levels(struct evm_dag *g, const uint64_t *cost, uint64_t *level)
{
    uint32_t *order = g->mark, *waits = g->fired, count = 0, n = g->node_count;
    for (uint32_t v = 0; v < n; v++) {
        waits[v] = atomic_load_explicit(&g->waits[v], memory_order_relaxed);
        if (waits[v] == 0)
            order[count++] = v;
    }
    for (uint32_t k = 0; k < count; k++)
        for (uint32_t i = g->first[order[k]]; i < g->first[order[k] + 1]; i++)
            if (--waits[g->next[i]] == 0)
                order[count++] = g->next[i];
    EVM_CHECK(count == n, "the graph has a cycle: %u of %u nodes", count, n);
    while (count-- > 0) {
        uint32_t v = order[count];
        uint64_t longest = 0;
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
            longest = level[g->next[i]] > longest ? level[g->next[i]] : longest;
        level[v] = longest + (v < g->tx_count ? cost[v] : 0);
    }
}
