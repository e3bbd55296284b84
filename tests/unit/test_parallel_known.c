/* Executors that schedule by what is known beforehand: the graph's edges, the locks' schedule, what
 * is learned from blocks, and what that saves on recorded blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evm/core/u256.h"
#include "evm/io/recorded.h"
#include "evm/parallel/access_internal.h"
#include "evm/parallel/dag.h"
#include "evm/parallel/history.h"
#include "evm/parallel/transition.h"
#include "tests/unit/parallel_world.h"

/* ---- sets by hand ---------------------------------------------------------------------------- */

enum { R = EVM_ACCESS_READ, W = EVM_ACCESS_WRITE, D = EVM_ACCESS_DELTA, P = EVM_ACCESS_PREDICATE };

struct row {
    uint32_t tx; /* ascending */
    uint8_t account, kind, key;
    unsigned how;
    uint32_t from; /* transaction + 1, or 0 */
};

static struct evm_addr address(unsigned n)
{
    struct evm_addr a = {{0x71, 0, 0x2a}};
    a.b[12] = (uint8_t)(n >> 8);
    a.b[13] = (uint8_t)n; /* beyond the first 64 bits, so that sorting has to look further */
    return a;
}

static void make_sets(struct evm_access_sets *s, const struct row *rows, size_t count, uint32_t txs)
{
    size_t i = 0;
    assert_int_equal(evm_access_sets_begin(s, txs), EVM_OK);
    for (uint32_t tx = 0; tx < txs; tx++) {
        for (; i < count && rows[i].tx == tx; i++) {
            struct evm_access *a = evm_access_sets_add(s);
            assert_non_null(a);
            a->addr = address(rows[i].account);
            a->kind = rows[i].kind;
            a->key.w[1] = rows[i].key;
            a->how = (uint8_t)rows[i].how;
            a->from = rows[i].from ? rows[i].from - 1 : EVM_NO_TX;
        }
        evm_access_sets_end_tx(s, tx);
    }
    assert_int_equal(i, count);
}

/* "0>2 1>j3 ...": edges in the order of their source; joins are written j. */
static void edges_are(const struct evm_dag *g, const char *want)
{
    char text[512] = "";
    size_t used = 0;
    for (uint32_t v = 0; v < g->node_count; v++)
        for (uint32_t i = g->first[v]; i < g->first[v + 1]; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%u>%s%u",
                                     used ? " " : "", v < g->tx_count ? "" : "j", v,
                                     g->next[i] < g->tx_count ? "" : "j", g->next[i]);
    assert_string_equal(text, want);
}

static void graph_is(struct evm_dag *g, const struct row *rows, size_t count, uint32_t txs,
                     enum evm_dag_rule rule, const char *want)
{
    struct evm_access_sets s;
    make_sets(&s, rows, count, txs);
    assert_int_equal(evm_dag_build(g, &s, rule), EVM_OK);
    edges_are(g, want);
    for (uint32_t v = 0, waits = 0; v < g->node_count; v++, waits = 0) {
        for (uint32_t i = 0; i < g->edge_count; i++)
            waits += g->next[i] == v;
        assert_int_equal(waits, g->waits[v]);
    }
    evm_access_sets_fini(&s);
}

#define GRAPH(g, rows, txs, rule, want)                                                            \
    graph_is(g, rows, sizeof rows / sizeof rows[0], txs, rule, want)

static void reads_wait_for_the_last_write(void **state)
{
    struct evm_dag g = {0};
    const struct row fields[] = {
        {0, 1, EVM_MV_SLOT, 7, R | W, 0}, {0, 1, EVM_MV_NONCE, 0, W, 0},
        {1, 1, EVM_MV_SLOT, 7, R, 1},  /* after 0 */
        {2, 1, EVM_MV_SLOT, 7, W, 0},  /* blind: after nobody */
        {3, 1, EVM_MV_SLOT, 7, R, 3},  /* after 2 only */
        {3, 1, EVM_MV_SLOT, 8, R, 0},  /* nobody wrote it */
        {4, 1, EVM_MV_NONCE, 0, R, 1}, /* another field of the account: after 0 */
        {4, 2, EVM_MV_SLOT, 7, R, 0},  /* another account */
        {5, 1, EVM_MV_SLOT, 7, R | W, 3}, {5, 1, EVM_MV_NONCE, 0, R, 1},
        {6, 1, EVM_MV_SLOT, 7, R, 6},
    };
    const struct row twice[] = {/* two locations, one edge */
                                {0, 1, EVM_MV_SLOT, 1, W, 0},
                                {0, 1, EVM_MV_SLOT, 2, W, 0},
                                {2, 1, EVM_MV_SLOT, 1, R, 1},
                                {2, 1, EVM_MV_SLOT, 2, R, 1}};
    const struct row wiped[] = {
        {0, 1, EVM_MV_SLOT, 3, W, 0}, {1, 1, EVM_MV_WIPE, 0, W, 0}, {2, 1, EVM_MV_SLOT, 3, R, 2},
        {3, 1, EVM_MV_SLOT, 4, R, 2}, {3, 2, EVM_MV_SLOT, 4, R, 0},
    };
    const struct row revived[] = {/* existence followed from a balance: `from` says so */
                                  {0, 1, EVM_MV_EXISTS, 0, W, 0},
                                  {1, 1, EVM_MV_BALANCE, 0, W, 0},
                                  {2, 1, EVM_MV_EXISTS, 0, R, 2}};
    (void)state;
    GRAPH(&g, fields, 7, EVM_DAG_READS, "0>1 0>4 0>5 2>3 2>5 5>6");
    GRAPH(&g, twice, 3, EVM_DAG_READS, "0>2");
    GRAPH(&g, wiped, 4, EVM_DAG_READS, "0>2 1>2 1>3");
    GRAPH(&g, revived, 3, EVM_DAG_READS, "0>2 1>2");
    graph_is(&g, NULL, 0, 4, EVM_DAG_READS, "");
    graph_is(&g, NULL, 0, 0, EVM_DAG_READS, "");
    evm_dag_fini(&g);
}

static void amounts_commute(void **state)
{
    struct evm_dag g = {0};
    const struct row rows[] = {
        {0, 1, EVM_MV_BALANCE, 0, D, 0},     {1, 1, EVM_MV_BALANCE, 0, P | D, 0},
        {2, 1, EVM_MV_BALANCE, 0, R, 2},     {3, 1, EVM_MV_BALANCE, 0, R, 2},
        {4, 1, EVM_MV_BALANCE, 0, D, 0},     {5, 1, EVM_MV_BALANCE, 0, P, 5},
        {6, 1, EVM_MV_BALANCE, 0, R | W, 5}, {7, 1, EVM_MV_BALANCE, 0, R, 7},
    };
    const struct row one[] = {/* a single adder needs no join */
                              {1, 1, EVM_MV_BALANCE, 0, D, 0},
                              {2, 1, EVM_MV_BALANCE, 0, R, 2},
                              {3, 1, EVM_MV_BALANCE, 0, R | D, 2},
                              {4, 1, EVM_MV_BALANCE, 0, R, 4}};
    (void)state;
    GRAPH(&g, rows, 8, EVM_DAG_READS, "0>j8 1>2 1>3 1>j8 4>6 4>j9 6>7 j8>2 j8>3 j8>j9 j9>6");
    GRAPH(&g, one, 5, EVM_DAG_READS, "1>2 1>3 1>j5 3>4 3>j5 j5>4");
    evm_dag_fini(&g);
}

static void locks_are_of_accounts(void **state)
{
    struct evm_dag g = {0};
    const struct row rows[] = {
        {0, 1, EVM_MV_SLOT, 7, R, 0},    {1, 1, EVM_MV_CODE, 0, R, 0},
        {2, 1, EVM_MV_SLOT, 9, W, 0},    {3, 1, EVM_MV_CODE, 0, R, 0},
        {4, 1, EVM_MV_SLOT, 7, R, 0},    {5, 1, EVM_MV_BALANCE, 0, D, 0},
        {6, 1, EVM_MV_BALANCE, 0, D, 0}, {7, 2, EVM_MV_SLOT, 7, W, 0},
        {8, 1, EVM_MV_NONCE, 0, P, 0},   {8, 1, EVM_MV_SLOT, 2, R, 0},
        {8, 2, EVM_MV_SLOT, 1, R, 0},
    };
    (void)state;
    GRAPH(&g, rows, 9, EVM_DAG_LOCKS, "0>2 1>2 2>3 2>4 3>5 4>5 5>6 6>8 7>8");
    evm_dag_fini(&g);
}

static void levels_are_the_longest_chains(void **state)
{
    struct evm_dag g = {0};
    struct evm_access_sets s;
    const struct row rows[] = {
        {0, 1, EVM_MV_BALANCE, 0, D, 0}, {1, 1, EVM_MV_BALANCE, 0, D, 0},
        {2, 1, EVM_MV_BALANCE, 0, R, 2}, {2, 2, EVM_MV_SLOT, 1, W, 0},
        {3, 1, EVM_MV_BALANCE, 0, R, 2}, {4, 2, EVM_MV_SLOT, 1, R, 3},
    };
    const uint64_t cost[] = {3, 11, 100, 250, 40, 77};
    const uint64_t want[] = {253, 261, 140, 250, 40, 77};
    uint64_t level[7];
    (void)state;
    make_sets(&s, rows, sizeof rows / sizeof rows[0], 6);
    assert_int_equal(evm_dag_build(&g, &s, EVM_DAG_READS), EVM_OK);
    assert_int_equal(g.node_count, 7);
    evm_dag_levels(&g, cost, level);
    assert_memory_equal(level, want, sizeof want);
    evm_access_sets_fini(&s);
    evm_dag_fini(&g);
}

/* Random sets: in whatever order transactions finish, each is released once, and exactly when the
 * last one that its rows make it wait for has finished. */
struct released {
    uint32_t times[24];
};

static void count_release(void *self, uint32_t tx)
{
    ((struct released *)self)->times[tx]++;
}

static uint64_t draw(uint64_t *rng)
{
    uint64_t x = *rng += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 27;
}

/* By definition, pair by pair. */
static bool must_wait(const struct row *rows, uint32_t count, uint32_t writer, uint32_t reader,
                      enum evm_dag_rule rule)
{
    bool waits = false;
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = 0; b < count; b++) {
            const struct row *x = &rows[a], *y = &rows[b];
            if (x->tx != writer || y->tx != reader || x->account != y->account)
                continue;
            waits |= rule == EVM_DAG_LOCKS && ((x->how | y->how) & (W | D));
            if (rule == EVM_DAG_LOCKS || x->kind != y->kind || x->key != y->key || !(y->how & R))
                continue;
            bool hidden = false; /* by a later write below the reader */
            for (uint32_t c = 0; c < count; c++)
                hidden |= rows[c].tx > writer && rows[c].tx < reader &&
                          rows[c].account == x->account && rows[c].kind == x->kind &&
                          rows[c].key == x->key && (rows[c].how & W);
            waits |= !hidden && (x->how & (W | D));
        }
    return waits;
}

static uint32_t draw_rows(struct row *rows, uint64_t *rng)
{
    static const unsigned hows[] = {R, R, W, R | W, D, R | D};
    uint32_t count = 0;
    for (uint32_t tx = 0; tx < 24; tx++)
        for (uint32_t k = (uint32_t)(draw(rng) % 4); k > 0; k--) {
            uint64_t x = draw(rng);
            struct row r = {tx, (uint8_t)(x % 3),   x & 8 ? EVM_MV_SLOT : EVM_MV_BALANCE,
                            0,  hows[(x >> 8) % 6], 0};
            r.key = r.kind == EVM_MV_SLOT ? (uint8_t)(x >> 16 & 1) : 0;
            if (r.kind == EVM_MV_SLOT)
                r.how = r.how & D ? R : r.how;
            bool there = false;
            for (uint32_t i = 0; i < count; i++)
                there |= rows[i].tx == tx && rows[i].account == r.account &&
                         rows[i].kind == r.kind && rows[i].key == r.key;
            if (!there)
                rows[count++] = r;
        }
    return count;
}

static void counting_down_is_waiting(void **state)
{
    struct evm_dag g = {0};
    uint64_t rng = 31;
    uint32_t waited = 0, joins = 0;
    (void)state;
    for (int round = 0; round < 300; round++) {
        enum evm_dag_rule rule = round % 2 ? EVM_DAG_LOCKS : EVM_DAG_READS;
        struct row rows[24 * 4];
        struct evm_access_sets s;
        struct released released = {{0}};
        bool finished[24] = {false};
        uint32_t count = draw_rows(rows, &rng);
        make_sets(&s, rows, count, 24);
        assert_int_equal(evm_dag_build(&g, &s, rule), EVM_OK);
        joins += g.node_count - 24;
        for (uint32_t tx = 0; tx < 24; tx++)
            if (evm_dag_is_free(&g, tx))
                released.times[tx]++;
        for (uint32_t left = 24; left > 0; left--) {
            uint32_t pick;
            for (uint32_t tx = 0; tx < 24; tx++) {
                bool waits = false;
                for (uint32_t w = 0; w < tx; w++)
                    waits |= !finished[w] && must_wait(rows, count, w, tx, rule);
                assert_int_equal(released.times[tx], !waits);
                waited += waits;
            }
            do
                pick = (uint32_t)(draw(&rng) % 24);
            while (finished[pick] || !released.times[pick]);
            finished[pick] = true;
            evm_dag_finish(&g, pick, count_release, &released);
        }
        evm_access_sets_fini(&s);
    }
    assert_true(waited > 1000 && joins > 100);
    evm_dag_fini(&g);
}

/* ---- the executors, asked directly ----------------------------------------------------------- */

static void takes(const struct evm_executor_ops *ops, void *s, uint32_t worker,
                  enum evm_task_kind kind, uint32_t tx)
{
    struct evm_task task = ops->next(s, worker);
    if (task.kind != kind || (kind != EVM_TASK_IDLE && task.tx != tx))
        fail_msg("worker %u got task %u of transaction %u, not %u of %u", worker, task.kind,
                 task.tx, kind, tx);
}

static void finishes(const struct evm_executor_ops *ops, void *s, uint32_t worker, uint32_t tx)
{
    struct evm_wake wake;
    struct evm_task task = {EVM_TASK_EXECUTE, tx, 0};
    struct evm_task_result r = {.what = EVM_RAN_FINISHED, .blocker = EVM_NO_TX};
    ops->done(s, worker, task, &r, &wake);
}

/* Transactions 0 and 3 write account 1, 1 and 2 read it, 4 writes account 2, 5 both: the queues are
 * account 1: 0 | 1 2 | 3 | 5, account 2: 4 | 5. */
static void locks_are_first_in_first_out(void **state)
{
    const struct row rows[] = {
        {0, 1, EVM_MV_SLOT, 1, W, 0}, {1, 1, EVM_MV_SLOT, 2, R, 0}, {2, 1, EVM_MV_CODE, 0, R, 0},
        {3, 1, EVM_MV_SLOT, 3, W, 0}, {4, 2, EVM_MV_SLOT, 1, W, 0}, {5, 1, EVM_MV_SLOT, 9, R, 0},
        {5, 2, EVM_MV_SLOT, 9, W, 0},
    };
    const struct evm_executor_ops *ops = evm_executor_find("locks");
    const struct evm_exec_params params = evm_exec_params_default();
    struct evm_access_sets sets;
    (void)state;
    make_sets(&sets, rows, sizeof rows / sizeof rows[0], 6);
    void *s = ops->create();
    struct evm_sched_env env = {.tx_count = 6, .workers = 4, .params = &params, .sets = &sets};
    assert_int_equal(ops->begin(s, &env), EVM_OK);
    takes(ops, s, 0, EVM_TASK_EXECUTE, 0);
    takes(ops, s, 1, EVM_TASK_EXECUTE, 4);
    takes(ops, s, 2, EVM_TASK_IDLE, 0);
    finishes(ops, s, 1, 4); /* 5 still lacks account 1 */
    takes(ops, s, 1, EVM_TASK_IDLE, 0);
    finishes(ops, s, 0, 0);
    takes(ops, s, 0, EVM_TASK_COMMIT, 0);
    takes(ops, s, 1, EVM_TASK_EXECUTE, 1); /* readers share */
    takes(ops, s, 2, EVM_TASK_EXECUTE, 2);
    takes(ops, s, 3, EVM_TASK_IDLE, 0);
    finishes(ops, s, 2, 2);
    takes(ops, s, 2, EVM_TASK_IDLE, 0); /* 3 waits for the other reader */
    finishes(ops, s, 1, 1);
    takes(ops, s, 1, EVM_TASK_EXECUTE, 3);
    takes(ops, s, 2, EVM_TASK_IDLE, 0); /* a reader that came later than the writer does not pass */
    finishes(ops, s, 1, 3);
    takes(ops, s, 1, EVM_TASK_EXECUTE, 5);
    ops->destroy(s);
    evm_access_sets_fini(&sets);
}

/* Four free transactions, and one behind the second: that chain is the longest, whatever the order.
 */
static void the_longest_chain_goes_first(void **state)
{
    const struct row rows[] = {{1, 1, EVM_MV_SLOT, 1, W, 0}, {4, 1, EVM_MV_SLOT, 1, R, 2}};
    const struct evm_executor_ops *ops = evm_executor_find("access-list");
    struct evm_exec_params params = evm_exec_params_default();
    uint64_t gas[] = {21000, 30000, 90000, 45000, 70000};
    struct evm_access_sets sets;
    (void)state;
    params.pick = EVM_PICK_BIG;
    make_sets(&sets, rows, 2, 5);
    sets.gas_used = gas;
    void *s = ops->create();
    struct evm_sched_env env = {.tx_count = 5, .workers = 5, .params = &params, .sets = &sets};
    assert_int_equal(ops->begin(s, &env), EVM_OK);
    takes(ops, s, 0, EVM_TASK_EXECUTE, 0); /* the ladder's next never waits for a longer one */
    takes(ops, s, 1, EVM_TASK_EXECUTE, 1); /* 30000 + 70000 */
    takes(ops, s, 2, EVM_TASK_EXECUTE, 2);
    takes(ops, s, 3, EVM_TASK_EXECUTE, 3);
    takes(ops, s, 4, EVM_TASK_IDLE, 0);
    finishes(ops, s, 1, 1);
    takes(ops, s, 4, EVM_TASK_EXECUTE, 4);
    ops->destroy(s);
    sets.gas_used = NULL;
    evm_access_sets_fini(&sets);
}

/* ---- history --------------------------------------------------------------------------------- */

static void learn(struct evm_history *h, const struct row *rows, size_t count, uint32_t txs)
{
    struct evm_access_sets s;
    make_sets(&s, rows, count, txs);
    assert_int_equal(evm_history_learn(h, &s), EVM_OK);
    evm_access_sets_fini(&s);
}

static void heat_fades(void **state)
{
    const struct row block[] = {
        {0, 1, EVM_MV_SLOT, 1, R | W, 0}, {0, 3, EVM_MV_BALANCE, 0, R | W, 0},
        {0, 5, EVM_MV_SLOT, 1, R, 0},     {0, 6, EVM_MV_SLOT, 1, W, 0},
        {1, 1, EVM_MV_SLOT, 1, R | W, 1}, {1, 3, EVM_MV_BALANCE, 0, R | W, 1},
        {1, 6, EVM_MV_SLOT, 2, W, 0},     {2, 1, EVM_MV_SLOT, 1, R, 2},
        {2, 1, EVM_MV_SLOT, 5, R, 1}, /* twice at one account is once */
    };
    const struct evm_addr hot = address(1), money = address(3), alone = address(5),
                          apart = address(6);
    struct evm_history *h = evm_history_create(), *branch;
    (void)state;
    assert_int_equal(evm_history_heat(NULL, &hot), 0);
    assert_int_equal(evm_history_heat(h, &hot), 0);
    learn(h, block, sizeof block / sizeof block[0], 3);
    assert_int_equal(evm_history_count(h), 2);
    assert_int_equal(evm_history_heat(h, &hot), 2 * EVM_HISTORY_ONE);
    assert_int_equal(evm_history_find(h, &hot)->seen, 3 * EVM_HISTORY_ONE);
    assert_null(evm_history_find(h, &money)); /* amounts commute */
    assert_null(evm_history_find(h, &alone));
    assert_int_equal(evm_history_heat(h, &apart), 0); /* two there, who did not meet */
    assert_int_equal(evm_history_find(h, &apart)->seen, 2 * EVM_HISTORY_ONE);
    branch = evm_history_copy(h);
    learn(h, NULL, 0, 0);
    assert_int_equal(evm_history_heat(h, &hot), EVM_HISTORY_ONE);
    learn(h, block, sizeof block / sizeof block[0], 3);
    assert_int_equal(evm_history_heat(h, &hot), 2 * EVM_HISTORY_ONE + EVM_HISTORY_ONE / 2);
    assert_int_equal(evm_history_heat(branch, &hot), 2 * EVM_HISTORY_ONE);
    for (int i = 0; i < 8; i++)
        learn(branch, NULL, 0, 0);
    assert_int_equal(evm_history_count(branch), 2);
    learn(branch, NULL, 0, 0);
    assert_int_equal(evm_history_count(branch), 0);
    evm_history_destroy(h);
    evm_history_destroy(branch);
}

/* 1,500 contracts with two users each, who meet at every third: the coldest and highest go. */
static void history_is_bounded(void **state)
{
    enum { CONTRACTS = 1500, MET = CONTRACTS / 3 };
    struct evm_history *h = evm_history_create();
    struct evm_access_sets s;
    (void)state;
    assert_int_equal(evm_access_sets_begin(&s, 2), EVM_OK);
    for (uint32_t tx = 0; tx < 2; tx++) {
        for (unsigned i = 0; i < CONTRACTS; i++) {
            struct evm_access *a = evm_access_sets_add(&s);
            a->addr = address(i);
            a->kind = EVM_MV_SLOT;
            a->how = R | W;
            a->from = tx == 1 && i % 3 == 0 ? 0 : EVM_NO_TX;
        }
        evm_access_sets_end_tx(&s, tx);
    }
    assert_int_equal(evm_history_learn(h, &s), EVM_OK);
    assert_int_equal(evm_history_count(h), EVM_HISTORY_MAX);
    unsigned cold = 0;
    for (unsigned i = 0; i < CONTRACTS; i++) {
        struct evm_addr a = address(i);
        const struct evm_heat *heat = evm_history_find(h, &a);
        bool kept = i % 3 == 0 || cold++ < EVM_HISTORY_MAX - MET;
        assert_int_equal(heat != NULL, kept);
        assert_int_equal(evm_history_heat(h, &a), i % 3 == 0 ? EVM_HISTORY_ONE : 0);
    }
    evm_access_sets_fini(&s);
    evm_history_destroy(h);
}

/* ---- hybrid ---------------------------------------------------------------------------------- */

static void run_block(struct world *w, uint32_t cores, const struct evm_history *history,
                      struct evm_history *learns, struct evm_block_result *r)
{
    const struct evm_exec_config config = {.executor = evm_executor_find("hybrid"),
                                           .driver = EVM_DRIVER_VIRTUAL,
                                           .cores = cores,
                                           .seed = 3,
                                           .profile = evm_profile_find("validator-2025"),
                                           .keep_sets = true};
    const struct evm_block_input in = {.rules = evm_rules_of(w->fork),
                                       .env = &w->env,
                                       .txs = w->list,
                                       .tx_count = w->tx_count,
                                       .pre = w->pre,
                                       .history = history};
    assert_int_equal(evm_execute(&config, &in, r, NULL), EVM_OK);
    assert_int_equal(r->invalid, EVM_TX_VALID);
    if (learns)
        assert_int_equal(evm_history_learn(learns, &r->sets), EVM_OK);
}

/* Eighteen contracts with three users each, who meet: too few to be suspected in the first block,
 * known in the second. */
static void hybrid_learns_where_they_meet(void **state)
{
    struct world *w = w_create(EVM_PRAGUE);
    struct evm_history *h = evm_history_create();
    struct evm_block_result first, second, again;
    (void)state;
    w_senders(w, 54, 10000000000);
    for (unsigned i = 0; i < 18; i++)
        w_contract(w, W_CONTRACT(i), 0, "0 SLOAD 1 ADD 0 SSTORE");
    for (unsigned i = 0; i < 54; i++)
        w_tx(w, i, W_CONTRACT(i % 18));
    w_seal(w);
    run_block(w, 54, NULL, h, &first);
    assert_int_equal(evm_history_heat(h, &w->txs[0].to), 2 * EVM_HISTORY_ONE);
    run_block(w, 54, h, NULL, &second);
    run_block(w, 54, NULL, NULL, &again); /* the block is the same, what was learned is not */
    assert_int_equal(again.aborts, first.aborts);
    assert_true(first.aborts >= 18);
    assert_int_equal(second.aborts, 0);
    assert_true(second.wasted_gas < first.wasted_gas);
    evm_block_result_fini(&first);
    evm_block_result_fini(&second);
    evm_block_result_fini(&again);
    evm_history_destroy(h);
    w_destroy(w);
}

/* One contract with forty users, who touch a slot each: suspected in the first block, acquitted in
 * the second. */
static void hybrid_learns_where_they_do_not(void **state)
{
    struct world *w = w_create(EVM_PRAGUE);
    struct evm_history *h = evm_history_create();
    struct evm_block_result first, second;
    (void)state;
    w_senders(w, 40, 10000000000);
    w_contract(w, W_CONTRACT(0), 0, "CALLER SLOAD 1 ADD CALLER SSTORE");
    for (unsigned i = 0; i < 40; i++)
        w_tx(w, i, W_CONTRACT(0));
    w_seal(w);
    run_block(w, 20, NULL, h, &first);
    run_block(w, 20, h, NULL, &second);
    assert_int_equal(first.aborts + second.aborts, 0);
    assert_true(second.makespan_ns * 4 < first.makespan_ns);
    evm_block_result_fini(&first);
    evm_block_result_fini(&second);
    evm_history_destroy(h);
    w_destroy(w);
}

/* ---- a block access list --------------------------------------------------------------------- */

/* A chain of twenty at one counter, whose values are known: nobody waits. Wrong ones cost aborts,
 * and change nothing. */
static void values_replace_waiting(void **state)
{
    struct world *w = w_create(EVM_PRAGUE);
    struct evm_exec_params params = evm_exec_params_default();
    const struct evm_profile *profile = evm_profile_find("validator-2025");
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .driver = EVM_DRIVER_VIRTUAL,
                                     .cores = 20,
                                     .profile = profile,
                                     .keep_sets = true};
    struct evm_block_result serial, waits, knows, misled;
    struct evm_err err = {0};
    (void)state;
    w_senders(w, 20, 10000000000);
    w_contract(w, W_CONTRACT(0), 0, "0 SLOAD 1 ADD 0 SSTORE");
    for (unsigned i = 0; i < 20; i++)
        w_tx(w, i, W_CONTRACT(0));
    w_seal(w);
    struct evm_block_input in = {.rules = evm_rules_of(w->fork),
                                 .env = &w->env,
                                 .txs = w->list,
                                 .tx_count = w->tx_count,
                                 .pre = w->pre};
    assert_int_equal(evm_execute(&config, &in, &serial, &err), EVM_OK);
    in.sets = &serial.sets;
    config.executor = evm_executor_find("access-list");
    config.params = &params;
    assert_int_equal(evm_execute(&config, &in, &waits, &err), EVM_OK);
    params.sets = EVM_SETS_BAL;
    assert_int_equal(evm_execute(&config, &in, &knows, &err), EVM_OK);
    assert_int_equal(waits.aborts + knows.aborts, 0);
    if (knows.makespan_ns * 2 >= waits.makespan_ns)
        fail_msg("%lld ns, %lld with waiting", (long long)knows.makespan_ns,
                 (long long)waits.makespan_ns);
    for (uint32_t i = 0; i < serial.sets.count; i++)
        if (serial.sets.list[i].kind == EVM_MV_SLOT)
            serial.sets.list[i].value.w[0] += 3;
    assert_int_equal(evm_execute(&config, &in, &misled, &err), EVM_OK);
    assert_true(misled.aborts >= 19);
    const struct evm_block_result *all[] = {&waits, &knows, &misled};
    for (int i = 0; i < 3; i++)
        if (evm_block_result_compare(&serial, all[i], &err) != EVM_OK)
            fail_msg("%d: %s", i, err.text);
    evm_block_result_fini(&serial);
    evm_block_result_fini(&waits);
    evm_block_result_fini(&knows);
    evm_block_result_fini(&misled);
    w_destroy(w);
}

/* ---- recorded blocks ------------------------------------------------------------------------- */

static void replay(const struct evm_recorded *block, const char *executor, uint32_t cores,
                   const struct evm_exec_params *params, struct evm_block_result *out)
{
    const struct evm_exec_config config = {.executor = evm_executor_find(executor),
                                           .driver = EVM_DRIVER_VIRTUAL,
                                           .cores = cores,
                                           .seed = 7,
                                           .params = params,
                                           .profile = evm_profile_find("validator-2025")};
    const struct evm_transition_input in = {.chain = &block->chain,
                                            .block = &block->block,
                                            .parent = block->pre,
                                            .hashes = &block->hashes};
    struct evm_state *post;
    struct evm_err err = {0};
    if (evm_block_transition(&config, &in, out, &post, &err) != EVM_OK)
        fail_msg("%s", err.text);
    assert_int_equal(out->invalid, EVM_TX_VALID);
    assert_int_equal(out->gas_used, block->block.header.gas_used);
    evm_state_unref(post);
}

/* Who knows everything throws nothing away and checks nothing twice; who knows what is declared
 * does. Fields and versions wait less than accounts and locks. */
static void complete_sets_abort_nothing(void **state)
{
    static const uint32_t cores[] = {2, 16};
    struct evm_codes *codes = evm_codes_create();
    struct evm_exec_params declared = evm_exec_params_default(), values = declared;
    uint64_t declared_aborts = 0;
    int64_t known_ns = 0, locks_ns = 0, values_ns = 0;
    (void)state;
    declared.sets = EVM_SETS_DECLARED;
    values.sets = EVM_SETS_BAL;
    for (int i = 1; i <= 15; i++) {
        struct evm_recorded block;
        struct evm_block_result r;
        struct evm_err err = {0};
        char path[64];
        snprintf(path, sizeof path, "scenarios/recorded/%d.json.gz", i);
        if (evm_recorded_load(path, codes, &block, &err) != EVM_OK)
            fail_msg("%s", err.text);
        for (int c = 0; c < 2; c++) {
            replay(&block, "access-list", cores[c], NULL, &r);
            assert_int_equal(r.aborts, 0);
            assert_int_equal(r.executions, block.block.tx_count);
            known_ns += r.makespan_ns;
            evm_block_result_fini(&r);
            replay(&block, "locks", cores[c], NULL, &r);
            assert_int_equal(r.aborts, 0);
            locks_ns += r.makespan_ns;
            evm_block_result_fini(&r);
            replay(&block, "access-list", cores[c], &values, &r);
            assert_int_equal(r.aborts, 0);
            values_ns += r.makespan_ns;
            evm_block_result_fini(&r);
            replay(&block, "access-list", cores[c], &declared, &r);
            declared_aborts += r.aborts;
            evm_block_result_fini(&r);
        }
        evm_recorded_fini(&block);
    }
    print_message("access-list %.3f ms, with values %.3f ms, locks %.3f ms, %llu aborts with "
                  "declared sets\n",
                  (double)known_ns / 1e6, (double)values_ns / 1e6, (double)locks_ns / 1e6,
                  (unsigned long long)declared_aborts);
    assert_true(declared_aborts > 0);
    assert_true(known_ns < locks_ns && values_ns < known_ns);
    evm_codes_destroy(codes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_wait_for_the_last_write),
        cmocka_unit_test(amounts_commute),
        cmocka_unit_test(locks_are_of_accounts),
        cmocka_unit_test(levels_are_the_longest_chains),
        cmocka_unit_test(counting_down_is_waiting),
        cmocka_unit_test(locks_are_first_in_first_out),
        cmocka_unit_test(the_longest_chain_goes_first),
        cmocka_unit_test(heat_fades),
        cmocka_unit_test(history_is_bounded),
        cmocka_unit_test(hybrid_learns_where_they_meet),
        cmocka_unit_test(hybrid_learns_where_they_do_not),
        cmocka_unit_test(values_replace_waiting),
        cmocka_unit_test(complete_sets_abort_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
