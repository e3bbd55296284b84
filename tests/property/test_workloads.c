/* Every workload in a small world of one layer: all that was offered is committed, nothing reverts
 * that should not, and threads change nothing. */
#include "tests/property/world_fixture.h"

#define NETWORK                                                                                    \
    "seed: 11\nduration: 4s\ndrain: 6s\nsignatures: modelled\n"                                    \
    "network: {latency: {kind: constant, delay: 5ms}}\n"                                           \
    "layers: [{nodes: 4, consensus: {kind: tendermint, block_interval: 250ms}}]\n"

static const char *const workloads[] = {
    "{kind: transfer, rate: 120/s, wave: {amplitude: 90%, period: 2s}}",
    "{kind: transfer, rate: 40/s, crowds: [{at: 1s, rise: 200ms, length: 1s, fall: 300ms, factor: "
    "8}]}",
    "{kind: transfer, rate: 100/s, accounts: 200, senders: zipf(0.6), pairs: {kind: communities, "
    "count: 8, drift: 20/s}}",
    "{kind: erc20, rate: 100/s, accounts: 100, tokens: 8, token_by: group, pairs: {kind: "
    "communities, count: 8, hot: {count: 2, share: 70%, period: 1s, overlap: 30%}}}",
    "{kind: counter, rate: 100/s, accounts: 100, contracts: 6, contract_by: group, pairs: {kind: "
    "communities, count: 6, hot: {count: 1, share: 90%, period: 500ms, order: random}}}",
    "{kind: counter, rate: 100/s, accounts: 100, arrivals: constant, contracts: 3, contract_skew: "
    "zipf(1.3)}",
};

static void run_one(const char *text, uint32_t threads, struct world_summary *out)
{
    struct fixture f = fixture_make(text, NULL, 0, threads, NULL);
    fixture_run(&f);
    world_summarise(f.world, out);
    fixture_free(&f);
}

static void test_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        char text[1024];
        struct world_summary one, two;
        snprintf(text, sizeof text, "%sworkload: [%s]\n", NETWORK, workloads[i]);
        run_one(text, 1, &one);
        run_one(text, 2, &two);
        assert_true(one.offered > 200);
        assert_int_equal(one.committed, one.offered);
        assert_int_equal(one.reverted, 0);
        assert_string_equal(one.digest, two.digest);
    }
}

/* A recorded folder under a wave: the blocks' order holds, whatever its pace. */
static void test_recorded(void **state)
{
    static const char *const sets[] = {
        "chain_id=31337",
        "workload[0]={kind: recorded, source: scenarios/recorded, blocks: 4, rate: 150/s, wave: "
        "{amplitude: 80%, period: 1s}}"};
    struct world_summary s;
    (void)state;
    struct fixture f = fixture_make(NETWORK "workload: [transfer]\n", sets, 2, 2, NULL);
    fixture_run(&f);
    world_summarise(f.world, &s);
    assert_true(s.offered > 150);
    assert_int_equal(s.committed, s.offered);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
