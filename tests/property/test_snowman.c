/* Snowman: how long and how many messages a decision takes, what beta buys, and any weather. */
#include "tests/property/storms.h"

#include "models/consensus/snowman.h"

#define HOP (50 * SIM_MS)

static const char calm[] = "duration: 6s\n"
                           "drain: 3s\n"
                           "network: {latency: {kind: constant, delay: 50ms},\n"
                           "  topology: {kind: full-mesh}, blocks: direct, transactions: direct}\n"
                           "layers:\n"
                           "  - name: main\n"
                           "    nodes: 20\n"
                           "    consensus: {kind: snowman, block_interval: 1500ms}\n"
                           "    execution: {kind: serial, cores: 4}\n";

static const char loaded[] =
    "duration: 4s\n"
    "drain: 10s\n"
    "network: {latency: {kind: constant, delay: 30ms}}\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 7\n"
    "    consensus: {kind: snowman, block_interval: 300ms, proposer_window: 500ms, k: 10,\n"
    "      alpha_preference: 6, alpha_confidence: 7, beta: 12, query_timeout: 200ms,\n"
    "      frontier: 500ms}\n"
    "    execution: {kind: block-stm, cores: 4}\n"
    "workload:\n"
    "  - {kind: erc20, rate: 60/s, accounts: 20}\n"
    "  - {kind: transfer, rate: 40/s, accounts: 30}\n";

/* beta polls in a row, concurrent_polls of them at a time, 2 hops each; before that the block comes
 * to those who are asked. */
static void test_time(void **state)
{
    (void)state;
    static const unsigned at_once[] = {1, 2, 4};
    for (size_t i = 0; i < 3; i++) {
        char polls[60];
        snprintf(polls, sizeof polls, "layers.main.consensus.concurrent_polls=%u", at_once[i]);
        const char *sets[] = {polls, "layers.main.consensus.beta=8", "duration=4s"};
        struct fixture f = fixture_make(calm, sets, 3, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        chain_is_sound(f.world, l);
        assert_true(l->chain->committed.len > 3);
        for (uint64_t h = 1; h < l->chain->committed.len; h++) {
            const struct block *b = fixture_block(l, h);
            sim_time polling = 8 / at_once[i] * 2 * HOP;
            assert_in_range(b->track->committed - b->created, polling, polling + 6 * HOP);
        }
        fixture_free(&f);
    }
}

/* Polls that one node makes for a block, and messages that come of it. */
static double messages_a_node(unsigned nodes, double *polls)
{
    char number[40];
    snprintf(number, sizeof number, "layers.main.nodes=%u", nodes);
    const char *sets[] = {number, "layers.main.consensus.frontier=1h"};
    struct fixture f = fixture_make(calm, sets, 2, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    struct world_summary s;
    world_summarise(f.world, &s);
    uint64_t made = 0, blocks = l->chain->committed.len - 1;
    for (node_id i = 0; i < l->count; i++)
        made += ((const struct snowman *)consensus_state(l->chain, i))->poll_id;
    chain_is_sound(f.world, l);
    assert_true(blocks > 2);
    *polls = (double)made / nodes / (double)blocks;
    /* A poll is a question and an answer for each of at most k; a block is fetched once. */
    assert_true(s.messages <= made * 2 * 20 + 2 * nodes * (blocks + 2));
    fixture_free(&f);
    return (double)s.messages / nodes / (double)blocks;
}

/* What a node sends does not grow with the network. */
static void test_messages(void **state)
{
    (void)state;
    double polls[2], few = messages_a_node(40, &polls[0]), many = messages_a_node(160, &polls[1]);
    assert_true(polls[0] >= 20 && polls[0] < 40 && polls[1] >= 20 && polls[1] < 40);
    if (many > few * 1.35)
        fail_msg("%.0f messages a node and block with 40 nodes, %.0f with 160", few, many);
}

/* Everybody may propose at every height at once. */
static uint64_t conflicts(unsigned beta, int seeds, uint64_t *stale, uint64_t *blocks)
{
    uint64_t violations = 0;
    *stale = *blocks = 0;
    for (int seed = 1; seed <= seeds; seed++) {
        char number[20], sets_beta[160];
        snprintf(number, sizeof number, "seed=%d", seed);
        snprintf(sets_beta, sizeof sets_beta,
                 "layers.main.consensus={beta: %u, concurrent_polls: 1, "
                 "proposer_windows: 0, k: 4, alpha_preference: 3, alpha_confidence: 3}",
                 beta);
        const char *sets[] = {number, sets_beta, "layers.main.nodes=12",
                              "network.jitter={kind: lognormal, sd: 60%}"};
        struct fixture f = fixture_make(loaded, sets, 4, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        violations += f.world->violations > 0;
        *stale += l->stale;
        *blocks += l->chain->committed.len - 1;
        fixture_free(&f);
    }
    return violations;
}

/* Certainty is a matter of beta: one lucky poll is not enough, a dozen in a row are. */
static void test_beta(void **state)
{
    uint64_t stale, blocks;
    (void)state;
    assert_true(conflicts(1, 8, &stale, &blocks) > 0);
    assert_int_equal(conflicts(12, 12, &stale, &blocks), 0);
    assert_true(blocks > 12 * 10 && stale > blocks); /* there was something to decide */
}

/* Heavier validators are asked, and propose, more often. */
static void test_weights(void **state)
{
    (void)state;
    const char *sets[] = {"layers.main.first_weights=['30', '30', '30', '1', '1', '1', '1']",
                          "faults=[{kind: crash, at: 900ms, chosen: [3, 4, 5, 6]}]",
                          "network.topology.kind=full-mesh", "duration=8s"};
    struct fixture f = fixture_make(loaded, sets, 4, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    chain_is_sound(f.world, l);
    assert_int_equal(l->committed_txs, l->offered);
    uint64_t heavy = 0;
    for (uint64_t h = 1; h < l->chain->committed.len; h++)
        heavy += fixture_block(l, h)->proposer < 3;
    assert_true(heavy * 10 > (l->chain->committed.len - 1) * 8);
    fixture_free(&f);
}

static void test_crashed(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 10; seed++) {
        char number[20], faults[100];
        snprintf(number, sizeof number, "seed=%d", seed);
        snprintf(faults, sizeof faults, "faults=[{kind: crash, at: %dms, nodes: 1}]", 211 * seed);
        const char *sets[] = {number,
                              faults,
                              "network.jitter={kind: lognormal, sd: 60%}",
                              seed % 2 ? "network.link={loss: 2%}" : "network.link={loss: 0%}",
                              seed % 4 < 2 ? after_order : "drain=9s",
                              "layers.main.execution.root_delay=8"};
        struct fixture f = fixture_make(loaded, sets, 6, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        chain_is_sound(f.world, l);
        nonces_are_contiguous(l);
        pools_are_counted(f.world);
        if (l->committed_txs != l->offered)
            fail_msg("seed %d: %llu of %llu committed", seed, (unsigned long long)l->committed_txs,
                     (unsigned long long)l->offered);
        fixture_free(&f);
    }
}

static void test_storms(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 25; seed++) {
        struct storm s = make_storm(seed, 7);
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {s.faults, number, s.loss, "drain=20s"};
        weather(loaded, sets, 4, seed);
    }
}

static void test_quarrels(void **state)
{
    (void)state;
    /* A transaction that did not cross the partition waits until it is a holder's turn. */
    static const char *const sets[] = {"drain=60s"};
    quarrels(loaded, sets, 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),     cmocka_unit_test(test_messages),
        cmocka_unit_test(test_beta),     cmocka_unit_test(test_weights),
        cmocka_unit_test(test_crashed),  cmocka_unit_test(test_storms),
        cmocka_unit_test(test_quarrels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
