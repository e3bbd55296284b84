/* The executors as scenarios and --param name them: rows against evm/parallel/params.h and against
 * its registry, and that every setting reaches the member it is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "models/execution/execution.h"

static void same_params(const struct evm_exec_params *a, const struct evm_exec_params *b)
{
    assert_int_equal(a->pick, b->pick);
    assert_int_equal(a->split, b->split);
    assert_int_equal(a->reserve_core, b->reserve_core);
    assert_int_equal(a->window, b->window);
    assert_int_equal(a->deltas, b->deltas);
    assert_int_equal(a->predict_nonces, b->predict_nonces);
    assert_int_equal(a->partial, b->partial);
    assert_int_equal(a->rounds, b->rounds);
    assert_int_equal(a->sets, b->sets);
    assert_int_equal(a->hot, b->hot);
    assert_int_equal(a->partitions, b->partitions);
}

static const struct execution_ops *const all[] = {
    &execution_serial,      &execution_ladder, &execution_block_stm, &execution_occ,
    &execution_access_list, &execution_locks,  &execution_hybrid,    &execution_partitioned};

/* Without any text, and with every member spoilt beforehand: what the rows say is what the executor
 * would have had anyway. */
static void test_defaults(void **state)
{
    (void)state;
    const struct evm_exec_params defaults = evm_exec_params_default();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct scenario_problems problems = {0};
        struct evm_exec_params out;
        memset(&out, 0x7f, sizeof out);
        assert_int_equal(execution_params(all[i], NULL, 0, &out, &problems), ERR_OK);
        same_params(&out, &defaults);
        assert_null(problems.text);
    }
}

static void test_every_setting(void **state)
{
    (void)state;
    static const struct {
        const struct execution_ops *ops;
        const char *texts[7];
        size_t count;
        struct evm_exec_params want;
    } cases[] = {
        {&execution_ladder,
         {"pick=big", "split=steal", "reserve_core=true", "window=67", "deltas=false",
          "predict_nonces=false", "partial_reexecution=false"},
         7,
         {.pick = EVM_PICK_BIG,
          .split = EVM_SPLIT_STEAL,
          .reserve_core = true,
          .window = 67,
          .rounds = 10,
          .hot = 4}},
        {&execution_occ,
         {"rounds=23"},
         1,
         {.deltas = true, .predict_nonces = true, .partial = true, .rounds = 23, .hot = 4}},
        {&execution_access_list,
         {"sets=bal", "pick=big"},
         2,
         {.deltas = true,
          .predict_nonces = true,
          .partial = true,
          .rounds = 10,
          .hot = 4,
          .sets = EVM_SETS_BAL,
          .pick = EVM_PICK_BIG}},
        {&execution_locks,
         {"sets=declared"},
         1,
         {.deltas = true,
          .predict_nonces = true,
          .partial = true,
          .rounds = 10,
          .hot = 4,
          .sets = EVM_SETS_DECLARED}},
        {&execution_hybrid,
         {"hot=9", "pick=big", "deltas=false", "predict_nonces=false"},
         4,
         {.pick = EVM_PICK_BIG, .partial = true, .rounds = 10, .hot = 9}},
        {&execution_partitioned,
         {"partitions=1024"},
         1,
         {.deltas = true,
          .predict_nonces = true,
          .partial = true,
          .rounds = 10,
          .hot = 4,
          .partitions = 1024}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario_problems problems = {0};
        struct evm_exec_params out;
        assert_int_equal(
            execution_params(cases[i].ops, cases[i].texts, cases[i].count, &out, &problems),
            ERR_OK);
        same_params(&out, &cases[i].want);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const struct execution_ops *ops;
        const char *text, *says;
    } cases[] = {
        {&execution_ladder, "windw=3", "is no setting here; valid: window, pick, "},
        {&execution_ladder, "windw=3", "did you mean window?"},
        {&execution_ladder, "window=-1", "is negative"},
        {&execution_ladder, "window=2M", "out of range; valid: 0 to 1M"},
        {&execution_ladder, "cores=8", "is no setting here"}, /* a common one */
        {&execution_occ, "rounds=0", "out of range; valid: 1 to 1M"},
        {&execution_locks, "sets=ball", "valid: previous, declared, bal; did you mean bal?"},
        {&execution_serial, "window=3", "valid: none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario_problems problems = {0};
        struct evm_exec_params out;
        assert_int_equal(execution_params(cases[i].ops, &cases[i].text, 1, &out, &problems),
                         ERR_INPUT);
        assert_int_equal(problems.count, 1);
        assert_non_null(strstr(problems.text, cases[i].says));
        scenario_problems_fini(&problems);
    }
}

/* Whatever a scenario can name can run, and the other way round. */
static void test_registries(void **state)
{
    (void)state;
    for (size_t i = 0; i < execution_registry.count; i++)
        if (!evm_executor_find(execution_registry.entries[i]->name))
            fail_msg("no executor is called %s", execution_registry.entries[i]->name);
    for (size_t i = 0; evm_executor_at(i); i++)
        if (!execution_find(evm_executor_name(evm_executor_at(i))))
            fail_msg("models/execution/registry.c has no row for %s",
                     evm_executor_name(evm_executor_at(i)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_setting),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_registries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
