/* Bullshark: what its paper says of latency and messages, and what must hold whatever happens. */
#include "tests/property/storms.h"

#include "models/consensus/bullshark.h"

static const char calm[] = "duration: 4s\n"
                           "drain: 3s\n"
                           "network: {latency: {kind: constant, delay: 50ms},\n"
                           "  topology: {kind: full-mesh}, blocks: direct, transactions: direct}\n"
                           "layers:\n"
                           "  - name: main\n"
                           "    nodes: 7\n"
                           "    consensus: {kind: bullshark, min_delay: 0ms, max_delay: 1ms}\n"
                           "    execution: {kind: serial, cores: 4,\n"
                           "      coupling: execute-after-order}\n";

static const char loaded[] =
    "duration: 4s\n"
    "drain: 8s\n"
    "network: {latency: {kind: constant, delay: 30ms}}\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 7\n"
    "    consensus: {kind: bullshark, min_delay: 50ms, max_delay: 200ms, leader_timeout: 400ms,\n"
    "      resend: 700ms}\n"
    "    execution: {kind: block-stm, cores: 4, coupling: execute-after-order}\n"
    "workload:\n"
    "  - {kind: erc20, rate: 60/s, accounts: 20}\n"
    "  - {kind: transfer, rate: 40/s, accounts: 30}\n";

/* A leader's vertex is final at every node when it, its votes and its certificate, and those of the
 * round above have travelled: 6 hops, one block every 6 hops. */
static void test_hops(void **state)
{
    (void)state;
    struct fixture f = fixture_make(calm, NULL, 0, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    chain_is_sound(f.world, l);
    assert_in_range(l->chain->committed.len, 7000 / 300 - 1, 7000 / 300 + 1);
    for (uint64_t h = 1; h < l->chain->committed.len; h++) {
        const struct block *b = fixture_block(l, h);
        assert_int_equal(b->round, 2 * h - 1);
        assert_in_range(b->track->committed - b->created, 300 * SIM_MS, 303 * SIM_MS);
    }
    fixture_free(&f);
}

/* A round is n vertices, n votes on each and n certificates, each to or from n - 1 others. */
static void test_messages(void **state)
{
    (void)state;
    for (uint64_t n = 4; n <= 13; n += 3) {
        char nodes[40];
        snprintf(nodes, sizeof nodes, "layers.main.nodes=%u", (unsigned)n);
        const char *sets[] = {nodes};
        struct fixture f = fixture_make(calm, sets, 1, 1, NULL);
        fixture_run(&f);
        struct world_summary s;
        world_summarise(f.world, &s);
        const struct bullshark *b = consensus_state(f.world->layers[0].chain, 0);
        uint64_t a_round = 3 * n * (n - 1);
        /* The last round is under way. */
        assert_in_range(s.messages, (b->round - 1) * a_round, b->round * a_round);
        assert_true(b->round > 40);
        fixture_free(&f);
    }
}

static void all_committed(const char *const *sets, size_t count)
{
    struct fixture f = fixture_make(loaded, sets, count, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    chain_is_sound(f.world, l);
    nonces_are_contiguous(l);
    pools_are_counted(f.world);
    if (l->committed_txs != l->offered)
        fail_msg("%llu of %llu committed, %llu dropped", (unsigned long long)l->committed_txs,
                 (unsigned long long)l->offered, (unsigned long long)l->dropped);
    fixture_free(&f);
}

/* All messages take equally long, so the same third of the vertices always comes too late for the
 * next round: senders must not wait while their share passes through those validators. */
static void test_shares(void **state)
{
    (void)state;
    const char *sets[] = {"layers.main.nodes=61", "layers.main.consensus.max_delay=100ms",
                          "workload=[{kind: transfer, rate: 100/s, accounts: 50}]", "drain=2s"};
    struct fixture f = fixture_make(calm, sets, 4, 1, NULL);
    fixture_run(&f);
    struct world_summary s;
    world_summarise(f.world, &s);
    assert_int_equal(s.committed, s.offered);
    assert_true(s.latency_s.p99 < 1.2); /* 12 hops to be ordered, 9 for three rounds, and waits */
    fixture_free(&f);
}

/* f of 3f + 1 are gone for good, jitter reorders, packets are lost: nothing is lost or twice. */
static void test_crashed(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 12; seed++) {
        char number[20], faults[100];
        snprintf(number, sizeof number, "seed=%d", seed);
        snprintf(faults, sizeof faults, "faults=[{kind: crash, at: %dms, nodes: 2}]", 211 * seed);
        const char *sets[] = {number, faults, "network.jitter={kind: lognormal, sd: 60%}",
                              seed % 2 ? "network.link={loss: 2%}" : "network.link={loss: 0%}"};
        all_committed(sets, 4);
    }
}

/* Weights decide quorums and leaders. */
static void test_weights(void **state)
{
    (void)state;
    const char *sets[] = {"layers.main.first_weights=['5', '1', '1', '3', '2', '1', '1']",
                          "faults=[{kind: crash, at: 900ms, chosen: [1, 2, 5, 6]}]",
                          "network.topology.kind=full-mesh"}; /* what is left stays connected */
    all_committed(sets, 3);
}

/* Blocks that hold less than is ordered: what does not fit comes later, each sender's in turn. */
static void test_small_blocks(void **state)
{
    (void)state;
    const char *sets[] = {"layers.main.fees.gas_limit=500kgas",
                          "layers.main.consensus.batch_gas=400kgas", "drain=30s",
                          "layers.main.fees.kind=fixed"};
    all_committed(sets, 4);
}

static void test_storms(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 40; seed++) {
        struct storm s = make_storm(seed, 7);
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {s.faults,
                              number,
                              s.loss,
                              "drain=20s",
                              "layers.main.execution.root_delay=5",
                              seed % 3 ? "layers.main.consensus.gc_depth=50"
                                       : "layers.main.consensus.gc_depth=6"};
        weather(loaded, sets, 6, seed);
    }
}

static void test_lies(void **state)
{
    (void)state;
    lies(loaded, NULL, 0, 2, 2);
}

static void test_quarrels(void **state)
{
    (void)state;
    quarrels(loaded, NULL, 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hops),     cmocka_unit_test(test_messages),
        cmocka_unit_test(test_shares),   cmocka_unit_test(test_crashed),
        cmocka_unit_test(test_weights),  cmocka_unit_test(test_small_blocks),
        cmocka_unit_test(test_storms),   cmocka_unit_test(test_lies),
        cmocka_unit_test(test_quarrels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
