/* Exploration of schedules: what is wrong is found, found again by its seed, and made small; what
 * is right stays right; who never ends is told so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "evm/parallel/explore.h"
#include "tests/unit/parallel_toy.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SHARE = 10 };
#else
enum { SHARE = 1 };
#endif

enum { TXS = 40 };

/* ---- a body that is wrong: what a transaction once read in slot 1 of account 1 it never asks for
 * again, not even when it runs once more, so the ladder is not told that it depends on it ---------
 */

struct subject {
    struct toy_block block; /* first: what the bodies get as `self` */
    struct toy_tx txs[TXS], kept_txs[TXS];
    struct toy_kept kept;
    bool broken;
    struct {
        bool known;
        struct evm_u256 value;
    } cache[TXS];
    /* The worlds after each transaction, in serial order, for who looks at commits. */
    struct toy_world after[TXS + 1], now;
    struct evm_exec_chaos *chaos;
    struct evm_explored_run *out;
};

struct broken_run {
    struct toy_run run; /* first */
    struct subject *subject;
    struct evm_view inner;
    uint32_t tx;
};

static enum evm_read broken_account(void *self, const struct evm_addr *addr, unsigned need,
                                    struct evm_account *out)
{
    const struct broken_run *r = self;
    return r->inner.ops->account(r->inner.self, addr, need, out);
}

static enum evm_read broken_slot(void *self, const struct evm_addr *addr,
                                 const struct evm_u256 *key, struct evm_u256 *out)
{
    const struct broken_run *r = self;
    bool remembered = toy_account_of(addr) == 1 && key->w[0] == 1;
    if (remembered && r->subject->cache[r->tx].known) {
        *out = r->subject->cache[r->tx].value;
        return EVM_READ_OK;
    }
    enum evm_read got = r->inner.ops->slot(r->inner.self, addr, key, out);
    if (remembered && got == EVM_READ_OK) {
        r->subject->cache[r->tx].known = true;
        r->subject->cache[r->tx].value = *out;
    }
    return got;
}

static const struct evm_view_ops broken_view = {broken_account, broken_slot, toy_view_hash};

static void *broken_create(void *self)
{
    struct broken_run *r = calloc(1, sizeof *r);
    if (r) {
        r->subject = self;
        evm_changes_init(&r->run.changes);
    }
    return r;
}

static void broken_begin(void *self, void *body, uint32_t tx, struct evm_view view)
{
    struct broken_run *r = body;
    r->inner = view;
    r->tx = tx;
    toy_begin(self, &r->run, tx, (struct evm_view){&broken_view, r});
}

static const struct evm_body_ops broken_body = {.create = broken_create,
                                                .destroy = toy_destroy,
                                                .begin = broken_begin,
                                                .step = toy_step,
                                                .outcome = toy_outcome};

/* ---- the subject ------------------------------------------------------------------------------
 */

/* The first transaction after which the world is another one, and the step. */
static enum evm_status committed(void *self, uint32_t tx, const struct evm_changes *changes)
{
    struct subject *s = self;
    struct toy_world before = s->now;
    struct evm_changes told;
    evm_changes_init(&told);
    assert_int_equal(evm_changes_copy(&told, changes), EVM_OK);
    for (uint32_t i = 0; i < told.account_count; i++) { /* nobody has to say who is new */
        struct evm_account_change *c = &told.accounts[i];
        bool is_new = !before.accounts[toy_account_of(&c->addr)].exists;
        c->wrote &= ~(unsigned)EVM_WROTE_CREATED;
        if (is_new && !(c->wrote & EVM_WROTE_DELETED))
            c->wrote |= EVM_WROTE_CREATED;
    }
    bool fine = toy_apply(&before, &told, &s->now) && toy_same(&s->now, &s->after[tx + 1]);
    evm_changes_fini(&told);
    if (!fine && s->out->tx == EVM_NO_TX) {
        s->out->tx = tx;
        s->out->step = s->chaos->step;
    }
    return EVM_OK;
}

static void run_serial(struct subject *s)
{
    const struct toy_block *b = &s->block;
    s->after[0] = b->before;
    for (uint32_t i = 0; i < b->tx_count; i++) {
        s->after[i + 1] = s->after[i];
        struct toy_world trial = s->after[i];
        if (toy_tx_plain(&trial, &b->txs[i]))
            s->after[i + 1] = trial;
    }
}

static enum evm_status run(void *self, const struct evm_explore_at *at,
                           struct evm_exec_chaos *chaos, const uint32_t *items, uint32_t count,
                           struct evm_explored_run *out)
{
    struct subject *s = self;
    struct evm_block_result r;
    struct toy_world got;
    *out = (struct evm_explored_run){.tx = EVM_NO_TX};
    for (uint32_t i = 0; i < count; i++)
        s->kept_txs[i] = s->txs[items[i]];
    s->block.txs = s->kept_txs;
    s->block.tx_count = count;
    s->chaos = chaos;
    s->out = out;
    s->now = s->block.before;
    memset(s->cache, 0, sizeof s->cache);
    run_serial(s);
    const struct toy_setup setup = {.executor = at->executor,
                                    .driver = EVM_DRIVER_VIRTUAL,
                                    .cores = at->cores,
                                    .seed = at->seed};
    const struct toy_extras extras = {.chaos = chaos,
                                      .body = s->broken ? &broken_body : NULL,
                                      .committed = committed,
                                      .committed_self = s};
    enum evm_status st = toy_execute_with(&s->kept, &setup, &extras, &s->block, &r);
    if (st == EVM_ERR_LIMIT)
        out->verdict = EVM_EXPLORED_STALLED;
    else if (st == EVM_OK &&
             !(toy_apply(&s->block.before, &r.changes, &got) && toy_same(&got, &s->after[count])))
        out->verdict = EVM_EXPLORED_DIFFERS;
    if (out->tx == EVM_NO_TX)
        out->step = chaos->step;
    evm_block_result_fini(&r);
    return st == EVM_ERR_LIMIT ? EVM_OK : st;
}

static struct subject *make(uint64_t seed, bool broken)
{
    struct subject *s = calloc(1, sizeof *s);
    assert_non_null(s);
    toy_draw_world(&s->block.before, &seed);
    s->block.gas_limit = 1u << 30;
    s->block.policy = EVM_INVALID_IS_SKIPPED;
    s->broken = broken;
    for (uint32_t i = 0; i < TXS; i++)
        toy_draw_tx(&s->txs[i], &seed, 40);
    return s;
}

/* Explores until something is found; false if nothing is in `seeds` schedules. */
static bool explore(struct subject *s, struct evm_explore_at *at, uint64_t seeds, uint64_t *horizon,
                    struct evm_explored_run *found)
{
    struct evm_explore_subject subject = {s, run};
    uint32_t items[TXS];
    for (uint32_t i = 0; i < TXS; i++)
        items[i] = i;
    assert_int_equal(evm_explore_horizon(&subject, at, items, TXS, horizon), EVM_OK);
    assert_true(*horizon > TXS);
    for (at->seed = 1; at->seed <= seeds; at->seed++) {
        struct evm_exec_chaos chaos = evm_explore_schedule(at, *horizon);
        assert_int_equal(run(s, at, &chaos, items, TXS, found), EVM_OK);
        if (found->verdict != EVM_EXPLORED_SAME)
            return true;
    }
    return false;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void sound_ones_pass(void **state)
{
    (void)state;
    for (size_t e = 0; evm_executor_at(e); e++)
        for (uint64_t block = 0; block < 4; block++) {
            struct subject *s = make(block, false);
            struct evm_explore_at at = {evm_executor_at(e), 2 + (uint32_t)block * 3, 0,
                                        (uint32_t)block};
            struct evm_explored_run found;
            uint64_t horizon;
            if (explore(s, &at, 150 / SHARE, &horizon, &found))
                fail_msg("%s, block %llu, %u cores, seed %llu, depth %u: %d at step %llu",
                         at.executor->name, (unsigned long long)block, at.cores,
                         (unsigned long long)at.seed, at.depth, (int)found.verdict,
                         (unsigned long long)found.step);
            toy_fini(&s->kept);
            free(s);
        }
}

/* No single transaction of the small block can be missed. */
static void is_minimal(struct subject *s, struct evm_explore_at at, const uint32_t *items,
                       uint32_t count)
{
    struct evm_explore_subject subject = {s, run};
    for (uint32_t without = 0; without < count && count > 1; without++) {
        uint32_t rest[TXS], n = 0;
        uint64_t horizon;
        for (uint32_t i = 0; i < count; i++)
            if (i != without)
                rest[n++] = items[i];
        assert_int_equal(evm_explore_horizon(&subject, &at, rest, n, &horizon), EVM_OK);
        struct evm_explored_run r;
        struct evm_exec_chaos chaos = evm_explore_schedule(&at, horizon);
        assert_int_equal(run(s, &at, &chaos, rest, n, &r), EVM_OK);
        assert_int_equal(r.verdict, EVM_EXPLORED_SAME);
    }
}

static void broken_one_is_found_and_shrunk(void **state)
{
    static const char *const names[] = {"ladder", "block-stm"};
    (void)state;
    for (int e = 0; e < 2; e++) {
        struct subject *s = make(77, true);
        struct evm_explore_at at = {evm_executor_find(names[e]), 4, 0, 3};
        struct evm_explore_subject subject = {s, run};
        struct evm_explored_run found, again;
        uint32_t items[TXS], count = TXS;
        uint64_t horizon;
        assert_true(explore(s, &at, 400, &horizon, &found));
        assert_int_equal(found.verdict, EVM_EXPLORED_DIFFERS);
        for (uint32_t i = 0; i < TXS; i++)
            items[i] = i;
        struct evm_exec_chaos chaos = evm_explore_schedule(&at, horizon);
        assert_int_equal(run(s, &at, &chaos, items, TXS, &again), EVM_OK);
        assert_int_equal(again.tx, found.tx);
        assert_int_equal(again.step, found.step);
        assert_int_equal(evm_explore_shrink(&subject, &at, items, &count, &found), EVM_OK);
        print_message("%s: seed %llu, transaction %u at step %llu; %u transactions are left\n",
                      names[e], (unsigned long long)at.seed, found.tx,
                      (unsigned long long)found.step, count);
        assert_int_equal(count, 2); /* who writes the slot, and who reads it too early */
        assert_true(found.tx < count);
        is_minimal(s, at, items, count);
        struct evm_explore_at fresh = at; /* as who reads the case from a file begins */
        fresh.seed = 0;
        assert_int_equal(evm_explore_horizon(&subject, &fresh, items, count, &horizon), EVM_OK);
        chaos = evm_explore_schedule(&at, horizon);
        assert_int_equal(run(s, &at, &chaos, items, count, &again), EVM_OK);
        assert_int_equal(again.verdict, EVM_EXPLORED_DIFFERS);
        assert_int_equal(again.step, found.step);
        toy_fini(&s->kept);
        free(s);
    }
}

/* ---- executors that never end -----------------------------------------------------------------
 */

static void *nothing_create(void)
{
    return calloc(1, 1);
}

static enum evm_status nothing_begin(void *state, const struct evm_sched_env *env)
{
    (void)state, (void)env;
    return EVM_OK;
}

static struct evm_task lazy_next(void *state, uint32_t worker)
{
    (void)state, (void)worker;
    return (struct evm_task){.kind = EVM_TASK_IDLE};
}

static struct evm_task restless_next(void *state, uint32_t worker)
{
    (void)state;
    return (struct evm_task){EVM_TASK_EXECUTE, worker, 0};
}

static void nothing_done(void *state, uint32_t worker, struct evm_task task,
                         const struct evm_task_result *result, struct evm_wake *out)
{
    (void)state, (void)worker, (void)task, (void)result;
    out->count = 1;
}

static void endless_ones_are_told(void **state)
{
    const struct evm_executor_ops lazy = {.name = "lazy",
                                          .create = nothing_create,
                                          .destroy = free,
                                          .begin = nothing_begin,
                                          .next = lazy_next,
                                          .done = nothing_done};
    struct evm_executor_ops restless = lazy;
    restless.next = restless_next;
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct subject *s = make(5, false);
        struct evm_explore_at at = {k ? &restless : &lazy, 3, 0, 0};
        struct evm_exec_chaos calm = {0};
        struct evm_explored_run r;
        uint32_t items[] = {0, 1, 2, 3};
        assert_int_equal(run(s, &at, &calm, items, 4, &r), EVM_OK);
        assert_int_equal(r.verdict, EVM_EXPLORED_STALLED);
        assert_int_equal(s->kept.run.stalled, k ? EVM_STALL_NO_COMMIT : EVM_STALL_NO_WORK);
        toy_fini(&s->kept);
        free(s);
    }
}

/* ---- shrinking lists --------------------------------------------------------------------------
 */

struct culprits {
    uint32_t which[3], questions;
};

static bool has_all(void *self, const uint32_t *items, uint32_t count)
{
    struct culprits *c = self;
    uint32_t have = 0;
    c->questions++;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || items[i] > items[i - 1]);
        for (int k = 0; k < 3; k++)
            have += items[i] == c->which[k];
    }
    return have == 3;
}

static void lists_shrink(void **state)
{
    enum { N = 500 };
    uint64_t rng = 3;
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct culprits c = {0};
        uint32_t items[N], count = N;
        c.which[0] = (uint32_t)(toy_draw(&rng) % (N / 3));
        c.which[1] = N / 3 + (uint32_t)(toy_draw(&rng) % (N / 3));
        c.which[2] = 2 * (N / 3) + (uint32_t)(toy_draw(&rng) % (N / 3));
        for (uint32_t i = 0; i < N; i++)
            items[i] = i;
        assert_int_equal(evm_shrink(items, &count, has_all, &c), EVM_OK);
        assert_int_equal(count, 3);
        assert_memory_equal(items, c.which, sizeof c.which);
        assert_true(c.questions < 120);
    }
    uint32_t one = 7, count = 1;
    assert_int_equal(evm_shrink(&one, &count, has_all, NULL), EVM_OK);
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_ones_pass),
        cmocka_unit_test(broken_one_is_found_and_shrunk),
        cmocka_unit_test(endless_ones_are_told),
        cmocka_unit_test(lists_shrink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
