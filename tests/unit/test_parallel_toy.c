/* The parallel machinery on toy transactions: whatever executor, driver, cores and seed, the world
 * afterwards is the plain loop's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/parallel_toy.h"

/* Sanitizers are slow, and what they look for needs no exhaustion. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SHARE = 20 };
#else
enum { SHARE = 1 };
#endif

static void check_block(struct toy_kept *kept, const struct toy_setup *setup,
                        const struct toy_block *b, struct evm_block_result *out)
{
    struct toy_world want, got;
    enum evm_tx_invalid why;
    uint64_t gas;
    uint32_t which = 0;
    bool accepted = toy_reference(b, &want, &gas, &why, &which);
    assert_int_equal(toy_execute(kept, setup, b, out), EVM_OK);
    if (out->invalid != why || (!accepted && out->invalid_tx != which))
        fail_msg("%s, %u cores, seed %llu: invalid %d at %u, want %d at %u", setup->executor->name,
                 setup->cores, (unsigned long long)setup->seed, (int)out->invalid, out->invalid_tx,
                 (int)why, which);
    if (!accepted)
        want = b->before;
    else
        assert_int_equal(out->gas_used, gas);
    assert_true(toy_apply(&b->before, &out->changes, &got));
    if (!toy_same(&want, &got))
        fail_msg("%s, driver %d, %u cores, seed %llu: another world", setup->executor->name,
                 (int)setup->driver, setup->cores, (unsigned long long)setup->seed);
}

enum { EXECUTORS_MOST = 16 };

/* One set of memory for each executor, as a pool would keep it. */
struct kept_by_all {
    struct toy_kept of[EXECUTORS_MOST];
};

static void fini_all(struct kept_by_all *all)
{
    for (size_t e = 0; e < EXECUTORS_MOST; e++)
        toy_fini(&all->of[e]);
}

/* Row e of the registry; NULL past the end. */
static const struct evm_executor_ops *executor(size_t e)
{
    assert_true(e < EXECUTORS_MOST);
    return evm_executor_at(e);
}

static void run_all(struct kept_by_all *kept, const struct toy_block *b, const uint32_t *cores,
                    size_t core_count, uint64_t seeds)
{
    const struct evm_executor_ops *ops;
    for (size_t e = 0; (ops = executor(e)) != NULL; e++)
        for (size_t c = 0; c < core_count; c++)
            for (uint64_t seed = 0; seed < seeds; seed++) {
                struct toy_setup setup = {ops, EVM_DRIVER_VIRTUAL, cores[c], seed, false};
                struct evm_block_result out;
                if (ops->max_workers == 1 && c + seed > 0)
                    continue;
                check_block(&kept->of[e], &setup, b, &out);
                if (ops == &evm_executor_serial)
                    assert_int_equal(out.aborts, 0);
                evm_block_result_fini(&out);
            }
}

/* Every block of three transactions of two operations on two locations. That is every conflict
 * graph of three transactions in every order, each edge in each direction and kind. */
static void every_small_block(void **state)
{
    static const struct toy_instr ops[] = {
        {TOY_LOAD, 1, 0, 3, 30},   {TOY_STORE, 1, 0, 7, 30},   {TOY_UPDATE, 1, 0, 5, 700},
        {TOY_LOAD, 2, 0, 11, 700}, {TOY_UPDATE, 2, 0, 13, 30},
    };
    enum { OPS = sizeof ops / sizeof ops[0], PROGRAMS = OPS * OPS };
    static const uint32_t cores[] = {1, 2, 3, 8};
    struct kept_by_all kept = {0};
    struct toy_tx txs[3];
    struct toy_block b = {.txs = txs, .tx_count = 3, .gas_limit = 1000};
    uint64_t rng = 20;
    (void)state;
    toy_draw_world(&b.before, &rng);
    for (int p = 0; p < PROGRAMS * PROGRAMS * PROGRAMS; p += SHARE) {
        int program[3] = {p % PROGRAMS, p / PROGRAMS % PROGRAMS, p / PROGRAMS / PROGRAMS};
        for (int t = 0; t < 3; t++) {
            txs[t] =
                (struct toy_tx){.count = 2, .gas_limit = 100, .gas = 60 + (uint64_t)t, .fee = 9};
            txs[t].code[0] = ops[program[t] % OPS];
            txs[t].code[1] = ops[program[t] / OPS];
        }
        run_all(&kept, &b, cores, 4, 2);
    }
    fini_all(&kept);
}

/* Random blocks with everything: the beneficiary as payer, payee and deleted, wipes, deletions,
 * revivals, invalid transactions, a full block. */
static void random_block(struct toy_block *b, struct toy_tx *txs, uint32_t most, uint64_t *rng)
{
    toy_draw_world(&b->before, rng);
    b->txs = txs;
    b->tx_count = (uint32_t)(toy_draw(rng) % (most + 1));
    b->policy = toy_draw(rng) % 3 ? EVM_INVALID_IS_SKIPPED : EVM_INVALID_REJECTS_BLOCK;
    b->gas_limit = toy_draw(rng) % 2 ? 1u << 30 : 1000 * (uint64_t)b->tx_count + 500;
    unsigned hot = toy_draw(rng) % 2 ? 0 : 200;
    for (uint32_t i = 0; i < b->tx_count; i++)
        toy_draw_tx(&txs[i], rng, hot);
}

static void random_blocks_virtual(void **state)
{
    static const uint32_t cores[] = {1, 2, 3, 8, 64};
    struct kept_by_all kept = {0};
    struct toy_tx txs[60];
    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed += SHARE) {
        struct toy_block b;
        uint64_t rng = seed;
        random_block(&b, txs, 60, &rng);
        run_all(&kept, &b, cores, 5, 2);
    }
    fini_all(&kept);
}

static void random_blocks_threads(void **state)
{
    struct kept_by_all kept = {0};
    struct toy_tx txs[200];
    const struct evm_executor_ops *ops;
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct toy_block b;
        uint64_t rng = seed * 77;
        random_block(&b, txs, 200, &rng);
        for (size_t e = 0; (ops = executor(e)) != NULL; e++) {
            struct toy_setup setup = {ops, EVM_DRIVER_THREADS, 1 + (uint32_t)(seed % 4), seed,
                                      seed % 8 == 0};
            struct evm_block_result out;
            check_block(&kept.of[e], &setup, &b, &out);
            evm_block_result_fini(&out);
        }
    }
    fini_all(&kept);
}

static void same_schedule(const struct evm_block_result *a, const struct evm_block_result *b)
{
    assert_int_equal(a->makespan_ns, b->makespan_ns);
    assert_int_equal(a->aborts, b->aborts);
    assert_int_equal(a->validations, b->validations);
    assert_int_equal(a->slice_count, b->slice_count);
    for (size_t i = 0; i < a->slice_count; i++) {
        assert_int_equal(a->slices[i].start, b->slices[i].start);
        assert_int_equal(a->slices[i].core, b->slices[i].core);
        assert_int_equal(a->slices[i].tx, b->slices[i].tx);
    }
}

/* Same input, cores and seed: the same schedule to the nanosecond, whatever the memory was used for
 * before. Another seed: another one, the same world. */
static void virtual_time_is_deterministic(void **state)
{
    struct toy_kept kept[2] = {0};
    struct toy_tx txs[100];
    struct toy_block b;
    const struct evm_executor_ops *ops;
    (void)state;
    for (size_t e = 0; (ops = executor(e)) != NULL; e++) {
        bool seed_matters = false;
        uint64_t rng = 4711;
        for (int round = 0; round < 20; round++) {
            struct evm_block_result a, c, d;
            random_block(&b, txs, 100, &rng);
            b.policy = EVM_INVALID_IS_SKIPPED;
            struct toy_setup setup = {ops, EVM_DRIVER_VIRTUAL, 7, 5, true};
            check_block(&kept[0], &setup, &b, &a);
            check_block(&kept[1], &setup, &b, &c);
            same_schedule(&a, &c);
            setup.seed = 6;
            check_block(&kept[0], &setup, &b, &d);
            seed_matters |= d.makespan_ns != a.makespan_ns || d.aborts != a.aborts;
            evm_block_result_fini(&a);
            evm_block_result_fini(&c);
            evm_block_result_fini(&d);
        }
        assert_true(seed_matters || ops->max_workers == 1);
    }
    toy_fini(&kept[0]);
    toy_fini(&kept[1]);
}

static void check_times(const struct evm_block_result *r, uint32_t cores, uint32_t tx_count)
{
    int64_t free_at[16] = {0}, busy = 0;
    for (size_t i = 0; i < r->slice_count; i++) { /* of one core: in the order of time */
        const struct evm_slice *s = &r->slices[i];
        assert_true(s->start >= free_at[s->core] && s->end >= s->start);
        free_at[s->core] = s->end;
        busy += s->end - s->start;
    }
    assert_int_equal(busy, r->busy_ns);
    assert_true(r->busy_ns <= r->makespan_ns * cores + 1000 * cores * 8);
    assert_true(r->critical_path_ns <= r->busy_ns && r->ladder_ns <= r->busy_ns);
    assert_true(r->executions >= tx_count);
}

/* Bounds that hold for any schedule: no core does two things at once, the longest chain
 * is no more than the work, one core's is the serial time plus what scheduling costs. */
static void time_adds_up(void **state)
{
    struct kept_by_all kept = {0};
    struct toy_tx txs[200];
    struct toy_block b;
    const struct evm_executor_ops *ops;
    uint64_t rng = 99;
    (void)state;
    for (int round = 0; round < 60; round++) {
        random_block(&b, txs, 200, &rng);
        b.policy = EVM_INVALID_IS_SKIPPED;
        uint32_t cores = 1 + (uint32_t)(toy_draw(&rng) % 16);
        for (size_t e = 0; (ops = executor(e)) != NULL; e++) {
            struct toy_setup setup = {ops, EVM_DRIVER_VIRTUAL, cores, 1, true};
            struct evm_block_result r;
            check_block(&kept.of[e], &setup, &b, &r);
            check_times(&r, cores, b.tx_count);
            if (ops == &evm_executor_serial) {
                assert_int_equal(r.executions, b.tx_count);
                /* One rounding for each transaction and each commit. */
                assert_true(llabs(r.makespan_ns - r.serial_ns) <= 2 * (int64_t)b.tx_count + 4);
            }
            evm_block_result_fini(&r);
        }
    }
    fini_all(&kept);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

enum { SHAPE_TXS = 400 };

/* Two operations a transaction, the second on a slot that all share. Nothing is written, or all of
 * them are one chain through that slot. */
static void shape_block(struct toy_block *b, struct toy_tx *txs, bool chain)
{
    *b = (struct toy_block){.txs = txs, .tx_count = SHAPE_TXS, .gas_limit = 1u << 30};
    for (int i = 0; i < SHAPE_TXS; i++) {
        txs[i] = (struct toy_tx){.count = 2, .gas_limit = 10, .gas = 10};
        txs[i].code[0] = (struct toy_instr){TOY_LOAD, 2, 1, 1, 2000};
        txs[i].code[1] = (struct toy_instr){chain ? TOY_UPDATE : TOY_LOAD, 1, 1, 1, 2000};
    }
}

static void run_shape(struct toy_kept *kept, const struct evm_executor_ops *ops, uint32_t cores,
                      const struct toy_block *b, struct evm_block_result *r)
{
    struct toy_setup setup = {ops, EVM_DRIVER_VIRTUAL, cores, 3, false};
    check_block(kept, &setup, b, r);
    print_message("%-12s %2u cores: %8lld ns, serial %8lld, %llu executions, %llu aborts\n",
                  ops->name, cores, (long long)r->makespan_ns, (long long)r->serial_ns,
                  (unsigned long long)r->executions, (unsigned long long)r->aborts);
}

/* Nobody's independent transactions are executed twice, and what is parallel gets faster with
 * cores. */
static void independent(void **state)
{
    static struct toy_tx txs[SHAPE_TXS];
    struct kept_by_all kept = {0};
    struct toy_block b;
    const struct evm_executor_ops *ops;
    (void)state;
    shape_block(&b, txs, false);
    for (size_t e = 0; (ops = executor(e)) != NULL; e++) {
        static const uint32_t cores[] = {1, 4, 16};
        int64_t makespan[3];
        for (int c = 0; c < 3; c++) {
            struct evm_block_result r;
            run_shape(&kept.of[e], ops, cores[c], &b, &r);
            makespan[c] = r.makespan_ns;
            assert_int_equal(r.aborts, 0);
            assert_int_equal(r.executions, SHAPE_TXS);
            assert_int_equal(r.validations, 0);
            evm_block_result_fini(&r);
        }
        if (ops->max_workers == 1)
            continue;
        assert_true(makespan[1] * 7 < makespan[0] * 2); /* 3.5x of 4 */
        assert_true(makespan[2] * 10 < makespan[0]);    /* 10x of 16 */
    }
    fini_all(&kept);
}

/* A chain is serial, so it can only lose: the ladder a fifth, the published algorithm at most the
 * 30 % that its authors report (section 4: sequential workloads). */
static void chained(void **state)
{
    static struct toy_tx txs[SHAPE_TXS];
    struct kept_by_all kept = {0};
    struct toy_block b;
    const struct evm_executor_ops *ops;
    (void)state;
    shape_block(&b, txs, true);
    for (size_t e = 0; (ops = executor(e)) != NULL; e++) {
        struct evm_block_result one, many;
        run_shape(&kept.of[e], ops, 1, &b, &one);
        run_shape(&kept.of[e], ops, 16, &b, &many);
        if (ops == &evm_executor_ladder) {
            assert_int_equal(one.aborts, 0);
            assert_true(many.makespan_ns * 10 < one.makespan_ns * 12);
        }
        if (ops == &evm_executor_block_stm)
            assert_true(many.makespan_ns * 10 < many.serial_ns * 13);
        evm_block_result_fini(&one);
        evm_block_result_fini(&many);
    }
    fini_all(&kept);
}

/* All meet at one slot, and only after long work: who was invalid does not repeat that work. Where
 * nobody may go back, the same block takes longer. */
static void late_meeting(void **state)
{
    static struct toy_tx txs[SHAPE_TXS];
    struct toy_kept kept = {0};
    struct evm_exec_params params = evm_exec_params_default();
    struct toy_block b = {.txs = txs, .tx_count = SHAPE_TXS, .gas_limit = 1u << 30};
    struct evm_block_result r[2];
    const struct toy_setup setup = {&evm_executor_ladder, EVM_DRIVER_VIRTUAL, 16, 3, false};
    (void)state;
    for (int i = 0; i < SHAPE_TXS; i++) {
        txs[i] = (struct toy_tx){.count = 3, .gas_limit = 10, .gas = 1000000};
        txs[i].code[0] = (struct toy_instr){TOY_LOAD, 2, 1, 1, 30000};
        txs[i].code[1] = (struct toy_instr){TOY_UPDATE, 1, 1, 1, 10};
        txs[i].code[2] = (struct toy_instr){TOY_LOAD, 2, 2, 1, 100};
    }
    for (int partial = 0; partial < 2; partial++) {
        const struct toy_extras extras = {.params = &params};
        params.partial = partial != 0;
        assert_int_equal(toy_execute_with(&kept, &setup, &extras, &b, &r[partial]), EVM_OK);
        print_message("partial %d: %lld ns, %llu aborts, %llu returns, wasted %llu, kept %llu\n",
                      partial, (long long)r[partial].makespan_ns,
                      (unsigned long long)r[partial].aborts, (unsigned long long)r[partial].returns,
                      (unsigned long long)r[partial].wasted_gas,
                      (unsigned long long)r[partial].kept_gas);
        struct toy_world want, got;
        uint64_t gas;
        enum evm_tx_invalid why;
        uint32_t which;
        assert_true(toy_reference(&b, &want, &gas, &why, &which));
        assert_true(toy_apply(&b.before, &r[partial].changes, &got) && toy_same(&want, &got));
    }
    assert_int_equal(r[0].returns, 0);
    assert_true(r[0].aborts > 0 && r[1].returns > 0 && r[1].kept_gas > 0);
    assert_true(r[1].makespan_ns < r[0].makespan_ns && r[1].busy_ns < r[0].busy_ns);
    evm_block_result_fini(&r[0]);
    evm_block_result_fini(&r[1]);
    toy_fini(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_block),
        cmocka_unit_test(random_blocks_virtual),
        cmocka_unit_test(random_blocks_threads),
        cmocka_unit_test(virtual_time_is_deterministic),
        cmocka_unit_test(time_adds_up),
        cmocka_unit_test(independent),
        cmocka_unit_test(chained),
        cmocka_unit_test(late_meeting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
