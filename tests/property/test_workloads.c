/* Every workload in a small world of one layer: all that was offered is committed, nothing reverts
 * that should not, and threads change nothing. */
#include "tests/property/world_fixture.h"

#include "models/world/desk.h"

#include <math.h>

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

/* The same over two layers: contracts that call one another across them, all carried through. */
static void test_recorded_layers(void **state)
{
    static const char *const sets[] = {
        "chain_id=31337", "drain=300s", "routing.policy=hash",
        "layers=[{count: 2, nodes: 1, consensus: {kind: poa, block_interval: 250ms}}]",
        "workload[0]={kind: recorded, source: scenarios/recorded, blocks: 2, rate: 100/s}"};
    struct world_summary s;
    (void)state;
    struct fixture f = fixture_make(NETWORK "workload: [transfer]\n", sets, 5, 2, NULL);
    fixture_run(&f);
    world_summarise(f.world, &s);
    assert_int_equal(s.offered, 98);
    assert_int_equal(s.committed, s.offered);
    assert_true(f.world->desk->crossings_begun > 20);
    fixture_free(&f);
}

/* The dial, in a network of four layers: the share of crossings is that of the setting, whether
 * payments are in ether or in tokens of the layers, and all is committed. */
static void test_dial(void **state)
{
    static const struct {
        const char *workload;
        double share;
    } cases[] = {
        {"{kind: transfer, rate: 150/s, accounts: 500, pairs: {kind: layers, cross: 35%}}", 0.35},
        {"{kind: transfer, rate: 150/s, accounts: 500, pairs: {kind: layers, cross: 0%}}", 0},
        {"{kind: transfer, rate: 150/s, accounts: 5k}", 0.75}, /* 1 - 1/k */
        {"{kind: erc20, rate: 150/s, accounts: 500, tokens: 64, token_by: group, pairs: {kind: "
         "layers, cross: 10%}}",
         0.1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        struct world_summary s;
        snprintf(
            text, sizeof text,
            "seed: 5\nduration: 4s\ndrain: 40s\nsignatures: modelled\nrouting: {policy: "
            "hash}\nnetwork: {latency: {kind: constant, delay: 5ms}}\nlayers: [{count: 4, "
            "nodes: 1, consensus: {kind: tendermint, block_interval: 250ms}}]\nworkload: [%s]\n",
            cases[i].workload);
        struct fixture f = fixture_make(text, NULL, 0, 2, NULL);
        fixture_run(&f);
        world_summarise(f.world, &s);
        double n = (double)s.offered, p = cases[i].share;
        double off = (double)f.world->desk->crossings_begun - n * p;
        if (fabs(off) > 3.3 * sqrt(n * p * (1 - p)))
            fail_msg("%s: %llu of %g cross", cases[i].workload,
                     (unsigned long long)f.world->desk->crossings_begun, n);
        assert_true(n > 400);
        assert_int_equal(s.committed, s.offered);
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_recorded_layers),
        cmocka_unit_test(test_dial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
