/* What single executors do, asked task by task: without a driver, in an order chosen here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/parallel_toy.h"

struct bench {
    const struct evm_executor_ops *ops;
    void *sched;
    struct evm_mv *mv;
    struct evm_exec_params params;
    struct toy_world world;
    uint32_t workers;
};

static void begin(struct bench *b, const struct evm_executor_ops *ops, uint32_t txs,
                  uint32_t workers, const struct evm_tx *const *list)
{
    b->ops = ops;
    b->workers = workers;
    b->sched = ops->create();
    b->mv = evm_mv_create();
    assert_non_null(b->sched);
    assert_non_null(b->mv);
    const struct evm_view base = {&toy_view_ops, &b->world};
    assert_int_equal(evm_mv_begin(b->mv, base, txs, NULL, false, false), EVM_OK);
    const struct evm_sched_env env = {
        .tx_count = txs, .workers = workers, .txs = list, .mv = b->mv, .params = &b->params};
    assert_int_equal(ops->begin(b->sched, &env), EVM_OK);
}

static void end(struct bench *b)
{
    b->ops->destroy(b->sched);
    evm_mv_destroy(b->mv);
}

/* The worker's next task is this one. */
static void expect(struct bench *b, uint32_t worker, enum evm_task_kind kind, uint32_t tx,
                   uint32_t incarnation)
{
    struct evm_task t = b->ops->next(b->sched, worker);
    if (t.kind != kind || t.tx != tx || t.incarnation != incarnation)
        fail_msg("worker %u got task %d of %u.%u, not %d of %u.%u", worker, t.kind, t.tx,
                 t.incarnation, (int)kind, tx, incarnation);
}

static void nothing(struct bench *b, uint32_t worker, enum evm_task_kind kind)
{
    assert_int_equal(b->ops->next(b->sched, worker).kind, kind);
}

/* ... and ended so. How many tasks the others may find. */
static uint32_t report(struct bench *b, uint32_t worker, enum evm_task_kind kind, uint32_t tx,
                       uint32_t incarnation, struct evm_task_result result)
{
    struct evm_wake wake = {0};
    struct evm_task task = {(uint8_t)kind, tx, incarnation};
    b->ops->done(b->sched, worker, task, &result, &wake);
    return wake.count;
}

static const struct evm_task_result wrote = {
    .what = EVM_RAN_FINISHED, .changed = true, .added = true, .readers = UINT64_MAX, .writes = 1};
static const struct evm_task_result as_before = {
    .what = EVM_RAN_FINISHED, .changed = true, .writes = 1};
static const struct evm_task_result valid = {.what = EVM_RAN_VALID};
static const struct evm_task_result invalid = {.what = EVM_RAN_INVALID, .blocker = EVM_NO_TX};
static const struct evm_task_result committed = {.what = EVM_RAN_COMMITTED};
static const struct evm_task_result its_turn = {.what = EVM_RAN_BLOCKED, .blocker = EVM_TURN};

static void commit(struct bench *b, uint32_t worker, uint32_t tx, uint32_t incarnation)
{
    expect(b, worker, EVM_TASK_COMMIT, tx, incarnation);
    report(b, worker, EVM_TASK_COMMIT, tx, incarnation, committed);
}

/* ---- block-stm ------------------------------------------------------------------------------- */

static void validate(struct bench *b, uint32_t worker, uint32_t tx, uint32_t incarnation)
{
    expect(b, worker, EVM_TASK_VALIDATE, tx, incarnation);
    report(b, worker, EVM_TASK_VALIDATE, tx, incarnation, valid);
}

/* Validations before executions, a wave after an abort, the aborter runs the next incarnation and
 * validates it itself. */
static void block_stm_aborts(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, &evm_executor_block_stm, 3, 3, NULL);
    for (uint32_t i = 0; i < 3; i++)
        expect(&b, i, EVM_TASK_EXECUTE, i, 0);
    report(&b, 2, EVM_TASK_EXECUTE, 2, 0, wrote);
    validate(&b, 2, 2, 0);
    nothing(&b, 2, EVM_TASK_IDLE);
    report(&b, 1, EVM_TASK_EXECUTE, 1, 0, wrote);
    expect(&b, 1, EVM_TASK_VALIDATE, 1, 0);
    validate(&b, 2, 2, 0); /* above a new write */
    assert_true(report(&b, 1, EVM_TASK_VALIDATE, 1, 0, invalid) > 1);
    expect(&b, 1, EVM_TASK_EXECUTE, 1, 1);
    validate(&b, 2, 2, 0); /* above an abort */
    report(&b, 1, EVM_TASK_EXECUTE, 1, 1, as_before);
    nothing(&b, 2, EVM_TASK_IDLE); /* nothing new is written: its own validation suffices */
    validate(&b, 1, 1, 1);
    nothing(&b, 1, EVM_TASK_IDLE); /* no commit before 0 */
    report(&b, 0, EVM_TASK_EXECUTE, 0, 0, as_before);
    validate(&b, 0, 0, 0);
    commit(&b, 0, 0, 0);
    commit(&b, 2, 1, 1);
    commit(&b, 1, 2, 0);
    nothing(&b, 0, EVM_TASK_DONE);
    end(&b);
}

/* Who reads an estimate starts again, as the next incarnation, when its writer has finished; at
 * once, and as the same, if that was so before it could wait. */
static void block_stm_dependents(void **state)
{
    struct bench b = {0};
    const struct evm_task_result waits_for_0 = {.what = EVM_RAN_BLOCKED, .blocker = 0};
    (void)state;
    begin(&b, &evm_executor_block_stm, 3, 3, NULL);
    for (uint32_t i = 0; i < 3; i++)
        expect(&b, i, EVM_TASK_EXECUTE, i, 0);
    report(&b, 1, EVM_TASK_EXECUTE, 1, 0, waits_for_0);
    nothing(&b, 1, EVM_TASK_IDLE);
    assert_true(report(&b, 0, EVM_TASK_EXECUTE, 0, 0, as_before) > 1);
    validate(&b, 0, 0, 0);
    commit(&b, 0, 0, 0);
    report(&b, 2, EVM_TASK_EXECUTE, 2, 0, waits_for_0);
    expect(&b, 2, EVM_TASK_EXECUTE, 2, 0);
    expect(&b, 1, EVM_TASK_EXECUTE, 1, 1);
    report(&b, 1, EVM_TASK_EXECUTE, 1, 1, as_before);
    report(&b, 2, EVM_TASK_EXECUTE, 2, 0, its_turn);
    nothing(&b, 2, EVM_TASK_IDLE);
    validate(&b, 1, 1, 1);
    commit(&b, 1, 1, 1);
    expect(&b, 2, EVM_TASK_EXECUTE, 2, 1);
    report(&b, 2, EVM_TASK_EXECUTE, 2, 1, as_before);
    validate(&b, 2, 2, 1);
    commit(&b, 0, 2, 1);
    nothing(&b, 1, EVM_TASK_DONE);
    end(&b);
}

/* A wave that passes while a validation is under way is not lost: another one follows. */
static void block_stm_validates_again(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, &evm_executor_block_stm, 2, 3, NULL);
    expect(&b, 0, EVM_TASK_EXECUTE, 0, 0);
    expect(&b, 1, EVM_TASK_EXECUTE, 1, 0);
    report(&b, 1, EVM_TASK_EXECUTE, 1, 0, wrote);
    expect(&b, 1, EVM_TASK_VALIDATE, 1, 0);
    report(&b, 0, EVM_TASK_EXECUTE, 0, 0, wrote);
    validate(&b, 0, 0, 0);
    commit(&b, 0, 0, 0);
    nothing(&b, 0, EVM_TASK_IDLE); /* has passed by 1, which is being validated */
    report(&b, 1, EVM_TASK_VALIDATE, 1, 0, valid);
    nothing(&b, 2, EVM_TASK_IDLE);
    validate(&b, 1, 1, 0);
    commit(&b, 1, 1, 0);
    end(&b);
}

/* ---- occ ------------------------------------------------------------------------------------- */

/* Phases: run, commit, validate, and again. */
static void occ_rounds(void **state)
{
    struct bench b = {.params = {.rounds = 2}};
    (void)state;
    begin(&b, &evm_executor_occ, 4, 2, NULL);
    for (uint32_t i = 0; i < 4; i++)
        expect(&b, i % 2, EVM_TASK_EXECUTE, i, 0);
    nothing(&b, 0, EVM_TASK_IDLE);
    for (uint32_t i = 4; i-- > 1;)
        assert_int_equal(report(&b, 0, EVM_TASK_EXECUTE, i, 0, as_before), 0);
    nothing(&b, 1, EVM_TASK_IDLE); /* the round waits for its last one */
    report(&b, 0, EVM_TASK_EXECUTE, 0, 0, as_before);
    commit(&b, 0, 0, 0);
    expect(&b, 0, EVM_TASK_COMMIT, 1, 0);
    assert_int_equal(report(&b, 0, EVM_TASK_COMMIT, 1, 0, invalid), 2);
    expect(&b, 0, EVM_TASK_VALIDATE, 2, 0);
    expect(&b, 1, EVM_TASK_VALIDATE, 3, 0);
    report(&b, 1, EVM_TASK_VALIDATE, 3, 0, invalid);
    assert_int_equal(report(&b, 0, EVM_TASK_VALIDATE, 2, 0, valid), 2);
    expect(&b, 0, EVM_TASK_EXECUTE, 1, 1); /* the second round */
    expect(&b, 1, EVM_TASK_EXECUTE, 3, 1);
    report(&b, 0, EVM_TASK_EXECUTE, 1, 1, as_before);
    report(&b, 1, EVM_TASK_EXECUTE, 3, 1, as_before);
    commit(&b, 0, 1, 1);
    expect(&b, 0, EVM_TASK_COMMIT, 2, 0);
    report(&b, 0, EVM_TASK_COMMIT, 2, 0, invalid); /* and no third one: at the head */
    expect(&b, 1, EVM_TASK_EXECUTE, 2, 1);
    nothing(&b, 0, EVM_TASK_IDLE);
    report(&b, 1, EVM_TASK_EXECUTE, 2, 1, as_before);
    commit(&b, 1, 2, 1);
    commit(&b, 0, 3, 1);
    nothing(&b, 1, EVM_TASK_DONE);
    end(&b);
}

static void occ_waits_for_its_turn(void **state)
{
    struct bench b = {.params = {.rounds = 10}};
    (void)state;
    begin(&b, &evm_executor_occ, 2, 2, NULL);
    expect(&b, 0, EVM_TASK_EXECUTE, 0, 0);
    expect(&b, 1, EVM_TASK_EXECUTE, 1, 0);
    report(&b, 1, EVM_TASK_EXECUTE, 1, 0, its_turn);
    nothing(&b, 1, EVM_TASK_IDLE);
    report(&b, 0, EVM_TASK_EXECUTE, 0, 0, as_before);
    commit(&b, 0, 0, 0);
    expect(&b, 0, EVM_TASK_EXECUTE, 1, 0);
    report(&b, 0, EVM_TASK_EXECUTE, 1, 0, as_before);
    commit(&b, 0, 1, 0);
    end(&b);
}

/* ---- partitioned ----------------------------------------------------------------------------- */

/* Without transactions to look at, the number decides: worker w has w, w + 2, ... in order. */
static void partitions_keep_their_order(void **state)
{
    struct bench b = {0};
    (void)state;
    begin(&b, &evm_executor_partitioned, 5, 2, NULL);
    expect(&b, 1, EVM_TASK_EXECUTE, 1, 0);
    report(&b, 1, EVM_TASK_EXECUTE, 1, 0, as_before);
    expect(&b, 1, EVM_TASK_EXECUTE, 3, 0);
    report(&b, 1, EVM_TASK_EXECUTE, 3, 0, its_turn);
    nothing(&b, 1, EVM_TASK_IDLE); /* 0, 2 and 4 are the other's */
    expect(&b, 0, EVM_TASK_EXECUTE, 0, 0);
    report(&b, 0, EVM_TASK_EXECUTE, 0, 0, as_before);
    commit(&b, 1, 0, 0);
    expect(&b, 1, EVM_TASK_COMMIT, 1, 0);
    report(&b, 1, EVM_TASK_COMMIT, 1, 0, invalid);
    expect(&b, 1, EVM_TASK_EXECUTE, 1, 1); /* at the head, wherever */
    expect(&b, 0, EVM_TASK_EXECUTE, 2, 0);
    report(&b, 1, EVM_TASK_EXECUTE, 1, 1, as_before);
    commit(&b, 1, 1, 1);
    report(&b, 0, EVM_TASK_EXECUTE, 2, 0, as_before);
    commit(&b, 0, 2, 0);
    expect(&b, 1, EVM_TASK_EXECUTE, 3, 0); /* its turn */
    report(&b, 1, EVM_TASK_EXECUTE, 3, 0, as_before);
    commit(&b, 1, 3, 0);
    expect(&b, 0, EVM_TASK_EXECUTE, 4, 0);
    report(&b, 0, EVM_TASK_EXECUTE, 4, 0, as_before);
    commit(&b, 0, 4, 0);
    nothing(&b, 0, EVM_TASK_DONE);
    end(&b);
}

/* Drives the block on one thread, each worker in turn; *order gets the executions as they come. */
static void drive(struct bench *b, uint32_t txs, uint32_t *order, uint32_t *by)
{
    uint32_t executions = 0, left = txs;
    for (uint32_t w = 0; left > 0; w = (w + 1) % b->workers) {
        struct evm_task t = b->ops->next(b->sched, w);
        if (t.kind == EVM_TASK_IDLE)
            continue;
        bool commits = t.kind == EVM_TASK_COMMIT;
        if (!commits) {
            assert_true(executions < txs);
            by[executions] = w;
            order[executions++] = t.tx;
        }
        left -= commits;
        report(b, w, (enum evm_task_kind)t.kind, t.tx, t.incarnation,
               commits ? committed : as_before);
    }
    assert_int_equal(executions, txs);
}

/* Within a partition on one core, in order; what crosses comes last, in order; one sender's
 * creations and payments to itself never cross; an even share does. */
static void partitions_of_accounts(void **state)
{
    enum { N = 400, WORKERS = 4 };
    static struct evm_tx txs[N];
    static const struct evm_tx *list[N];
    uint32_t order[N], by[N], last[WORKERS] = {0}, crossing = 0, last_crossing = 0;
    struct bench b = {0};
    uint64_t rng = 17;
    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        txs[i].sender.b[18] = (uint8_t)toy_draw(&rng); /* few bits differ, as in made accounts */
        txs[i].to = txs[i].sender;
        txs[i].is_create = i % 4 == 0;
        if (i % 4 < 2)
            txs[i].to.b[17] = (uint8_t)toy_draw(&rng);
        list[i] = &txs[i];
    }
    begin(&b, &evm_executor_partitioned, N, WORKERS, list);
    drive(&b, N, order, by);
    uint32_t used = 0;
    for (uint32_t e = 0; e < N; e++) {
        uint32_t i = order[e];
        bool may_cross = i % 4 == 1;
        if (crossing == 0 && (!may_cross || i >= last[by[e]])) {
            assert_true(i >= last[by[e]]);
            last[by[e]] = i;
            used |= 1u << by[e];
            continue;
        }
        assert_true(may_cross && i > last_crossing);
        last_crossing = i;
        crossing++;
    }
    assert_int_equal(used, 15);
    assert_in_range(crossing, 55, 90); /* 3 of 4 of a quarter: 75 */
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_stm_aborts),          cmocka_unit_test(block_stm_dependents),
        cmocka_unit_test(block_stm_validates_again), cmocka_unit_test(occ_rounds),
        cmocka_unit_test(occ_waits_for_its_turn),    cmocka_unit_test(partitions_keep_their_order),
        cmocka_unit_test(partitions_of_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
