/* Transactions that gossip could not bring: after a partition or a crash nodes ask each other's
 * pools, so a leader that stays learns of what users gave to the others meanwhile. */
#include "tests/property/world_fixture.h"

static const char text[] =
    "duration: 20s\n"
    "drain: 12s\n"
    "network: {latency: {kind: constant, delay: 20ms}}\n"
    "layers: [{name: main, nodes: 5, consensus: {kind: raft, block_interval: 500ms}}]\n"
    "workload: [{kind: transfer, rate: 40/s, accounts: 400}]\n"
    "signatures: modelled\n";

static void all_is_committed(const char *fault, const char *consensus)
{
    char kind[96];
    snprintf(kind, sizeof kind, "layers.main.consensus.kind=%s", consensus);
    for (int seed = 1; seed <= 8; seed++) {
        char set[24];
        snprintf(set, sizeof set, "seed=%d", seed);
        const char *sets[] = {kind, fault, set};
        struct fixture f = fixture_make(text, sets, 3, 1, NULL);
        fixture_run(&f);
        struct world_summary s;
        world_summarise(f.world, &s);
        if (s.committed != s.offered)
            fail_msg("%s, seed %d: %llu of %llu committed, %llu pending", consensus, seed,
                     (unsigned long long)s.committed, (unsigned long long)s.offered,
                     (unsigned long long)s.pending);
        assert_int_equal(s.safety_violations, 0);
        fixture_free(&f);
    }
}

static void after_a_partition(void **state)
{
    (void)state;
    all_is_committed("faults=[{kind: partition, at: 4s, lasts: 5s, groups: [\"0-1\", \"2-4\"]}]",
                     "raft");
    all_is_committed("faults=[{kind: partition, at: 4s, lasts: 5s, groups: [\"0\", \"1-4\"]}]",
                     "pbft");
}

static void after_a_crash(void **state)
{
    (void)state;
    all_is_committed("faults=[{kind: crash, at: 4s, nodes: 2, recover_after: 4s}]", "raft");
    all_is_committed("faults=[{kind: crash, at: 4s, nodes: 1, recover_after: 4s}]", "pbft");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_partition),
        cmocka_unit_test(after_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
