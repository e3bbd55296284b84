/* However a run is cut up, its outcome is the same: over random programs on random worlds, at every
 * fork, a run whose every read is PENDING at first, a metered run, and a metered run in slices of a
 * few opcodes give the halt, gas, output, logs, refund and writes of the plain run, and the metered
 * ones count the same. */
#include "tests/property/vm_programs.h"

#define RUNS 4000

/* What the runs met, so that the test cannot pass by doing nothing. */
struct tally {
    uint64_t stops, reads, slices, frames, creates, writes;
};

static void one_seed(uint64_t at, struct tally *t)
{
    seed = at;
    struct evm_codes *codes = evm_codes_create();
    struct setting set = {
        .fork = (enum evm_fork)(rnd() % EVM_FORK_COUNT),
        .gas = (int64_t)(rnd() % 8 ? 200000 + rnd() % 2000000 : rnd() % 100000),
        .value = {{rnd() % 3 ? 0 : rnd() % 6000}},
        .create = rnd() % 16 == 0,
    };
    struct evm_state *world = make_world(codes, set.fork);
    struct outcome plain, other, counted;
    outcome_init(&plain, codes);
    outcome_init(&other, codes);
    outcome_init(&counted, codes);
    run(&plain, world, &set, false, false, 0);
    run(&other, world, &set, true, false, 0);
    same(at, "reads pending", &plain, &other);
    t->reads += other.reads;
    run(&counted, world, &set, false, true, 0);
    same(at, "metered", &plain, &counted);
    run(&other, world, &set, true, true, 1 + rnd() % 9);
    same(at, "metered, sliced, reads pending", &plain, &other);
    same_counts(at, "sliced", &counted, &other);
    t->stops += plain.result.halt == EVM_HALT_STOP;
    t->slices += other.slices;
    t->frames += counted.meter.count[EVM_COST_CALL];
    t->creates += counted.meter.count[EVM_COST_CREATE];
    t->writes += plain.changes.slot_count;
    outcome_fini(&plain);
    outcome_fini(&other);
    outcome_fini(&counted);
    evm_state_unref(world);
    evm_codes_destroy(codes);
}

static void cut_up_runs_agree(void **state)
{
    (void)state;
    struct tally t = {0};
    for (uint64_t i = 0; i < RUNS; i++)
        one_seed(i * 7919 + 1, &t);
    printf("stops %lu, reads %lu, slices %lu, frames %lu, creations %lu, slots written %lu\n",
           (unsigned long)t.stops, (unsigned long)t.reads, (unsigned long)t.slices,
           (unsigned long)t.frames, (unsigned long)t.creates, (unsigned long)t.writes);
    assert_true(t.stops > RUNS / 20);
    assert_true(t.reads > 4 * RUNS);
    assert_true(t.frames > 5 * RUNS);
    assert_true(t.creates > RUNS / 10);
    assert_true(t.writes > RUNS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_up_runs_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
