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

static void run_all(struct toy_kept kept[2], const struct toy_block *b, const uint32_t *cores,
                    size_t core_count, uint64_t seeds)
{
    for (size_t c = 0; c < core_count; c++)
        for (uint64_t seed = 0; seed < seeds; seed++) {
            struct toy_setup setup = {&evm_executor_block_stm, EVM_DRIVER_VIRTUAL, cores[c], seed,
                                      false};
            struct evm_block_result out;
            check_block(&kept[0], &setup, b, &out);
            evm_block_result_fini(&out);
        }
    struct toy_setup serial = {&evm_executor_serial, EVM_DRIVER_VIRTUAL, 1, 0, false};
    struct evm_block_result out;
    check_block(&kept[1], &serial, b, &out);
    assert_int_equal(out.aborts, 0);
    evm_block_result_fini(&out);
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
    struct toy_kept kept[2] = {0};
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
        run_all(kept, &b, cores, 4, 2);
    }
    toy_fini(&kept[0]);
    toy_fini(&kept[1]);
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
    struct toy_kept kept[2] = {0};
    struct toy_tx txs[60];
    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed += SHARE) {
        struct toy_block b;
        uint64_t rng = seed;
        random_block(&b, txs, 60, &rng);
        run_all(kept, &b, cores, 5, 2);
    }
    toy_fini(&kept[0]);
    toy_fini(&kept[1]);
}

static void random_blocks_threads(void **state)
{
    struct toy_kept kept = {0};
    struct toy_tx txs[200];
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct toy_block b;
        uint64_t rng = seed * 77;
        random_block(&b, txs, 200, &rng);
        struct toy_setup setup = {&evm_executor_block_stm, EVM_DRIVER_THREADS,
                                  1 + (uint32_t)(seed % 4), seed, seed % 8 == 0};
        struct evm_block_result out;
        check_block(&kept, &setup, &b, &out);
        evm_block_result_fini(&out);
    }
    toy_fini(&kept);
}

/* Same input, cores and seed: the same schedule to the nanosecond. Another seed: another one, the
 * same world. */
static void virtual_time_is_deterministic(void **state)
{
    struct toy_kept kept[2] = {0};
    struct toy_tx txs[100];
    struct toy_block b;
    uint64_t rng = 4711;
    bool seed_matters = false;
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct evm_block_result a, c, d;
        random_block(&b, txs, 100, &rng);
        b.policy = EVM_INVALID_IS_SKIPPED;
        struct toy_setup setup = {&evm_executor_block_stm, EVM_DRIVER_VIRTUAL, 7, 5, true};
        check_block(&kept[0], &setup, &b, &a);
        check_block(&kept[1], &setup, &b, &c);
        assert_int_equal(a.makespan_ns, c.makespan_ns);
        assert_int_equal(a.aborts, c.aborts);
        assert_int_equal(a.slice_count, c.slice_count);
        for (size_t i = 0; i < a.slice_count; i++) {
            assert_int_equal(a.slices[i].start, c.slices[i].start);
            assert_int_equal(a.slices[i].core, c.slices[i].core);
            assert_int_equal(a.slices[i].tx, c.slices[i].tx);
        }
        setup.seed = 6;
        check_block(&kept[0], &setup, &b, &d);
        seed_matters |= d.makespan_ns != a.makespan_ns || d.aborts != a.aborts;
        evm_block_result_fini(&a);
        evm_block_result_fini(&c);
        evm_block_result_fini(&d);
    }
    assert_true(seed_matters);
    toy_fini(&kept[0]);
    toy_fini(&kept[1]);
}

/* Bounds that hold for any schedule: no core does two things at once, the longest chain
 * is no more than the work, one core's is the serial time plus what scheduling costs. */
static void time_adds_up(void **state)
{
    struct toy_kept kept = {0};
    struct toy_tx txs[200];
    struct toy_block b;
    uint64_t rng = 99;
    (void)state;
    for (int round = 0; round < 60; round++) {
        random_block(&b, txs, 200, &rng);
        b.policy = EVM_INVALID_IS_SKIPPED;
        uint32_t cores = 1 + (uint32_t)(toy_draw(&rng) % 16);
        struct toy_setup setup = {&evm_executor_block_stm, EVM_DRIVER_VIRTUAL, cores, 1, true};
        struct evm_block_result r;
        int64_t free_at[16] = {0}, busy = 0;
        check_block(&kept, &setup, &b, &r);
        for (size_t i = 0; i < r.slice_count; i++) { /* of one core: in the order of time */
            const struct evm_slice *s = &r.slices[i];
            assert_true(s->start >= free_at[s->core] && s->end >= s->start);
            free_at[s->core] = s->end;
            busy += s->end - s->start;
        }
        assert_int_equal(busy, r.busy_ns);
        assert_true(r.busy_ns <= r.makespan_ns * cores + 1000 * cores * 8);
        assert_true(r.critical_path_ns <= r.busy_ns && r.ladder_ns <= r.busy_ns);
        assert_true(r.executions >= b.tx_count);
        evm_block_result_fini(&r);
        setup = (struct toy_setup){&evm_executor_serial, EVM_DRIVER_VIRTUAL, cores, 1, false};
        check_block(&kept, &setup, &b, &r);
        assert_int_equal(r.executions, b.tx_count);
        /* One rounding for each transaction and each commit. */
        assert_true(llabs(r.makespan_ns - r.serial_ns) <= 2 * (int64_t)b.tx_count + 4);
        evm_block_result_fini(&r);
    }
    toy_fini(&kept);
}

/* Independent transactions get faster with cores; a chain does not get much slower. */
static void independent_and_chained(void **state)
{
    enum { N = 400 };
    static struct toy_tx txs[N];
    struct toy_kept kept = {0};
    struct toy_block b = {.txs = txs, .tx_count = N, .gas_limit = 1u << 30};
    int64_t makespan[2][3];
    (void)state;
    for (int chain = 0; chain < 2; chain++) {
        for (int i = 0; i < N; i++) {
            txs[i] = (struct toy_tx){.count = 2, .gas_limit = 10, .gas = 10};
            txs[i].code[0] = (struct toy_instr){TOY_LOAD, 2, 1, 1, 2000};
            txs[i].code[1] = (struct toy_instr){chain ? TOY_UPDATE : TOY_LOAD, 1, 1, 1, 2000};
        }
        static const uint32_t cores[] = {1, 4, 16};
        for (int c = 0; c < 3; c++) {
            struct toy_setup setup = {&evm_executor_block_stm, EVM_DRIVER_VIRTUAL, cores[c], 3,
                                      false};
            struct evm_block_result r;
            check_block(&kept, &setup, &b, &r);
            makespan[chain][c] = r.makespan_ns;
            if (!chain) {
                assert_int_equal(r.aborts, 0);
                assert_int_equal(r.executions, N);
                assert_int_equal(r.validations, 0);
            } else if (c == 0) {
                assert_int_equal(r.aborts, 0);
            }
            evm_block_result_fini(&r);
        }
    }
    assert_true(makespan[0][1] * 7 < makespan[0][0] * 2);   /* 3.5x of 4 */
    assert_true(makespan[0][2] * 10 < makespan[0][0]);      /* 10x of 16 */
    assert_true(makespan[1][2] * 10 < makespan[1][0] * 12); /* 1.2x */
    toy_fini(&kept);
}

/* ---- executors of other kinds behind the same interface ----------------------------------------
 */

/* Optimistic, by snapshots: everything runs once against what is committed, commits in order, what
 * fails runs again at the head. Single-threaded use only. */
struct occ {
    uint32_t n, started, head;
    uint8_t status[64]; /* 0 new, 1 out, 2 executed, 3 to run again */
    uint32_t incarnation[64];
    bool ended, waits_turn[64];
};

static void *occ_create(void)
{
    return calloc(1, sizeof(struct occ));
}

static enum evm_status occ_begin(void *state, const struct evm_sched_env *env)
{
    struct occ *s = state;
    *s = (struct occ){.n = env->tx_count};
    return EVM_OK;
}

static struct evm_task occ_next(void *state, uint32_t worker)
{
    struct occ *s = state;
    (void)worker;
    if (s->ended || s->head == s->n)
        return (struct evm_task){.kind = EVM_TASK_DONE};
    uint32_t h = s->head;
    if (s->status[h] == 2 || s->status[h] == 3) {
        uint8_t kind = s->waits_turn[h]    ? EVM_TASK_RESUME
                       : s->status[h] == 2 ? EVM_TASK_COMMIT
                                           : EVM_TASK_EXECUTE;
        s->waits_turn[h] = false;
        s->status[h] = 1;
        return (struct evm_task){kind, h, s->incarnation[h]};
    }
    if (s->started == s->n)
        return (struct evm_task){.kind = EVM_TASK_IDLE};
    s->status[s->started] = 1;
    return (struct evm_task){EVM_TASK_EXECUTE, s->started++, 0};
}

static void occ_done(void *state, uint32_t worker, struct evm_task t,
                     const struct evm_task_result *r, struct evm_wake *out)
{
    struct occ *s = state;
    (void)worker;
    out->count = 2;
    switch (r->what) {
    case EVM_RAN_FINISHED: s->status[t.tx] = 2; break;
    case EVM_RAN_BLOCKED:
        assert_int_equal(r->blocker, EVM_TURN);
        s->waits_turn[t.tx] = true;
        s->status[t.tx] = 3;
        break;
    case EVM_RAN_COMMITTED: s->head++; break;
    case EVM_RAN_ENDED: s->ended = true; break;
    default: s->status[t.tx] = 3; s->incarnation[t.tx]++;
    }
    if (s->ended || s->head == s->n)
        out->count = 64;
}

static const struct evm_executor_ops occ_ops = {.name = "occ",
                                                .visibility = EVM_VISIBLE_COMMITTED,
                                                .create = occ_create,
                                                .destroy = free,
                                                .begin = occ_begin,
                                                .next = occ_next,
                                                .done = occ_done};

/* Pessimistic: the slots of account 1 are one lock, granted in block order: who is not the lowest
 * uncommitted transaction waits for its turn before it reads there. */
static bool lock_admit(void *state, uint32_t tx, const struct evm_location *at, uint32_t *blocker)
{
    const struct occ *s = state;
    *blocker = EVM_TURN;
    return at->kind != EVM_MV_SLOT || toy_account_of(at->addr) != 1 || s->head == tx;
}

static const struct evm_executor_ops lock_ops = {.name = "locks",
                                                 .visibility = EVM_VISIBLE_COMMITTED,
                                                 .create = occ_create,
                                                 .destroy = free,
                                                 .begin = occ_begin,
                                                 .next = occ_next,
                                                 .done = occ_done,
                                                 .admit = lock_admit};

static void other_executors(void **state)
{
    static const struct evm_executor_ops *const all[] = {&occ_ops, &lock_ops};
    struct toy_kept kept[2] = {0};
    struct toy_tx txs[60];
    uint64_t aborts[2] = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= 600; seed += SHARE) {
        struct toy_block b;
        uint64_t rng = seed * 1013;
        random_block(&b, txs, 60, &rng);
        for (int e = 0; e < 2; e++) {
            struct toy_setup setup = {all[e], EVM_DRIVER_VIRTUAL, 1 + (uint32_t)(seed % 9), seed,
                                      false};
            struct evm_block_result out;
            check_block(&kept[e], &setup, &b, &out);
            aborts[e] += out.aborts;
            evm_block_result_fini(&out);
        }
    }
    assert_true(aborts[0] > 100 / SHARE && aborts[1] < aborts[0]);
    toy_fini(&kept[0]);
    toy_fini(&kept[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_block),     cmocka_unit_test(random_blocks_virtual),
        cmocka_unit_test(random_blocks_threads), cmocka_unit_test(virtual_time_is_deterministic),
        cmocka_unit_test(time_adds_up),          cmocka_unit_test(independent_and_chained),
        cmocka_unit_test(other_executors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
