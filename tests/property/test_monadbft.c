/* MonadBFT: latency in hops, messages a view, tails that stay, and what must hold in any weather.
 */
#include "tests/property/storms.h"

#include "models/consensus/monadbft.h"

#define HOP (50 * SIM_MS)

static const char calm[] =
    "duration: 4s\n"
    "drain: 1s\n"
    "network: {latency: {kind: constant, delay: 50ms},\n"
    "  topology: {kind: full-mesh}, blocks: direct, transactions: direct}\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 7\n"
    "    consensus: {kind: monadbft, block_interval: 0ms, view_timeout: 1s}\n"
    "    execution: {kind: serial, cores: 4}\n";

static const char loaded[] =
    "duration: 4s\n"
    "drain: 8s\n"
    "network: {latency: {kind: constant, delay: 30ms}}\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 7\n"
    "    consensus: {kind: monadbft, block_interval: 150ms, view_timeout: 250ms,\n"
    "      timeout_delta: 100ms}\n"
    "    execution: {kind: block-stm, cores: 4}\n"
    "workload:\n"
    "  - {kind: erc20, rate: 60/s, accounts: 20}\n"
    "  - {kind: transfer, rate: 40/s, accounts: 30}\n";

/* A block every 2 hops. The leaders who count votes know it certified after 2 hops, everyone after
 * 3; final is 2 hops later each. */
static void test_hops(void **state)
{
    (void)state;
    struct fixture f = fixture_make(calm, NULL, 0, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    chain_is_sound(f.world, l);
    size_t top = l->chain->committed.len - 1;
    sim_time view = 2 * HOP + 4 * SIM_MS; /* signatures, aggregates */
    assert_in_range(top, (size_t)(5 * SIM_SEC / view) - 2, 5 * SIM_SEC / (2 * HOP));
    for (uint64_t h = 1; h <= top; h++) {
        const struct block *b = fixture_block(l, h);
        assert_int_equal(b->round, h);
        assert_in_range(b->track->speculated - b->created, 2 * HOP, view);
        assert_in_range(b->track->committed - b->created, 4 * HOP, 2 * view);
    }
    /* Whoever counts no votes is a hop behind those who do. */
    for (node_id i = 0; i < l->count; i++)
        assert_in_range(f.world->nodes[i].final->height, top - 1, top);
    assert_int_equal(l->chain->rounds, 0);
    fixture_free(&f);
}

/* Linear: a proposal to each, a vote from each; with backup certificates, once more of both. */
static void test_messages(void **state)
{
    (void)state;
    for (uint64_t n = 4; n <= 25; n += 7) {
        for (uint64_t backup = 0; backup < 2; backup++) {
            char nodes[40], twice[60];
            snprintf(nodes, sizeof nodes, "layers.main.nodes=%u", (unsigned)n);
            snprintf(twice, sizeof twice, "layers.main.consensus.backup_qc=%s",
                     backup ? "true" : "false");
            const char *sets[] = {nodes, twice};
            struct fixture f = fixture_make(calm, sets, 2, 1, NULL);
            fixture_run(&f);
            struct world_summary s;
            world_summarise(f.world, &s);
            const struct monadbft *m = consensus_state(f.world->layers[0].chain, 0);
            uint64_t a_view = (backup ? 4 : 2) * (n - 1);
            /* The last views are under way. */
            assert_in_range(s.messages, (m->view - 2) * a_view, (m->view + 1) * a_view);
            assert_true(m->view > 40);
            fixture_free(&f);
        }
    }
}

/* The leader of view 11 crashes while the votes on block 10 are on their way to it. */
static void lose_votes(const char *reproposals, const char *backup, bool *kept,
                       uint64_t *failed_views)
{
    (void)failed_views;
    const char *sets[] = {reproposals, backup,
                          "faults=[{kind: crash, at: 0s, chosen: [4], recover_after: 3600s}]"};
    struct fixture f = fixture_make(calm, sets, 2, 1, NULL);
    struct fixture g;
    /* When block 10 was made is known from a run without the crash. */
    fixture_run(&f);
    sim_time made = fixture_block(&f.world->layers[0], 10)->created;
    fixture_free(&f);
    char crash[80];
    snprintf(crash, sizeof crash, "faults=[{kind: crash, at: %lldus, chosen: [4]}]",
             (long long)((made + HOP + HOP / 2) / SIM_US));
    sets[2] = crash;
    g = fixture_make(calm, sets, 3, 1, NULL);
    fixture_run(&g);
    const struct layer *l = &g.world->layers[0];
    chain_is_sound(g.world, l);
    const struct block *tenth = fixture_block(l, 10);
    *kept = tenth->round == 10;
    *failed_views = l->chain->rounds;
    assert_int_equal(l->stale, *kept ? 0 : 1);
    assert_true(l->chain->committed.len > 12);
    fixture_free(&g);
}

/* A block that a quorum voted for stays, whether by timeouts that are votes for it or by its own
 * leader's certificate; without either, as in HotStuff, the next leader forks it away. */
static void test_tail(void **state)
{
    static const char yes[] = "layers.main.consensus.reproposals=true",
                      no[] = "layers.main.consensus.reproposals=false",
                      with[] = "layers.main.consensus.backup_qc=true",
                      without[] = "layers.main.consensus.backup_qc=false";
    bool kept;
    uint64_t failed;
    (void)state;
    lose_votes(yes, without, &kept, &failed);
    assert_true(kept);
    lose_votes(no, with, &kept, &failed);
    assert_true(kept);
    lose_votes(yes, with, &kept, &failed);
    assert_true(kept);
    lose_votes(no, without, &kept, &failed);
    assert_false(kept);
}

/* One failed leader costs one timeout: of 7 views, one fails. */
static void test_isolation(void **state)
{
    (void)state;
    const char *sets[] = {"faults=[{kind: crash, at: 0s, chosen: [3]}]"};
    struct fixture f = fixture_make(calm, sets, 1, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    const struct monadbft *m = consensus_state(l->chain, 0);
    chain_is_sound(f.world, l);
    assert_in_range(l->chain->rounds, m->view / 7, m->view / 7 + 1);
    assert_int_equal(l->stale, 0);
    fixture_free(&f);
}

/* Blocks take so long from their leader's link to the last nodes that these hear of the certificate
 * first, the next leader among them: no view fails for that. */
static void test_late_blocks(void **state)
{
    (void)state;
    const char *sets[] = {"layers.main.block_size=100kB", "network.link={up: 20Mbit/s}",
                          "layers.main.nodes=20", "duration=25s"};
    struct fixture f = fixture_make(calm, sets, 4, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    chain_is_sound(f.world, l);
    assert_int_equal(l->chain->rounds, 0);
    assert_true(l->chain->committed.len > 25); /* all have led */
    fixture_free(&f);
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
        fail_msg("%llu of %llu committed", (unsigned long long)l->committed_txs,
                 (unsigned long long)l->offered);
    fixture_free(&f);
}

static void test_crashed(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 12; seed++) {
        char number[20], faults[100];
        snprintf(number, sizeof number, "seed=%d", seed);
        snprintf(faults, sizeof faults, "faults=[{kind: crash, at: %dms, nodes: 2}]", 211 * seed);
        const char *sets[] = {number,
                              faults,
                              "network.jitter={kind: lognormal, sd: 60%}",
                              seed % 2 ? "network.link={loss: 2%}" : "network.link={loss: 0%}",
                              seed % 4 < 2 ? after_order : "drain=9s",
                              "layers.main.execution.root_delay=3"};
        all_committed(sets, 6);
    }
}

static void test_weights(void **state)
{
    (void)state;
    const char *sets[] = {"layers.main.first_weights=['5', '1', '1', '3', '2', '1', '1']",
                          "faults=[{kind: crash, at: 900ms, chosen: [1, 2, 5, 6]}]",
                          "network.topology.kind=full-mesh"};
    all_committed(sets, 3);
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
                              seed % 2 ? "layers.main.consensus.backup_qc=false" : after_order};
        weather(loaded, sets, 6, seed);
    }
}

static void test_lies(void **state)
{
    (void)state;
    lies(loaded, NULL, 0, 2, 2);
}

/* Blocks that no honest node votes for are a liar's tips: no-endorsement certificates get past
 * them.
 */
static void test_invalid_tips(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 3; seed++) {
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {number, "faults=[{kind: invalid-root, nodes: 2}]", "drain=15s"};
        struct fixture f = fixture_make(loaded, sets, 3, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        assert_int_equal(f.world->violations, 0);
        if (l->committed_txs != l->offered)
            fail_msg("seed %d: %llu of %llu committed", seed, (unsigned long long)l->committed_txs,
                     (unsigned long long)l->offered);
        fixture_free(&f);
    }
}

static void test_quarrels(void **state)
{
    (void)state;
    quarrels(loaded, NULL, 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hops),        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_tail),        cmocka_unit_test(test_isolation),
        cmocka_unit_test(test_late_blocks), cmocka_unit_test(test_crashed),
        cmocka_unit_test(test_weights),     cmocka_unit_test(test_storms),
        cmocka_unit_test(test_lies),        cmocka_unit_test(test_invalid_tips),
        cmocka_unit_test(test_quarrels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
