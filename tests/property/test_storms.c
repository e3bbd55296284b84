/* Crashes of all nodes, forks and lost packets: the chain goes on, and no transaction is forgotten,
 * counted twice or ordered twice. */
#include "tests/property/storms.h"

/* Forks, crashes of all nodes and lost packets: no transaction is forgotten or counted twice. */
static void test_storm(void **state)
{
    uint64_t crashes = 0, stale = 0, committed = 0;
    (void)state;
    for (int seed = 1; seed <= 25; seed++) {
        char sets[3][160];
        snprintf(sets[0], sizeof sets[0], "seed=%d", seed);
        snprintf(sets[1], sizeof sets[1], "network.link={loss: %d%%}", seed % 3 * 4);
        snprintf(sets[2], sizeof sets[2],
                 "faults=[{kind: crash, at: %dms, nodes: %d, recover_after: 300ms}, "
                 "{kind: crash, at: %dms, nodes: 5, recover_after: 200ms}]",
                 700 + 53 * seed, 1 + seed % 4, 1100 + 31 * seed);
        const char *all[] = {sets[0],
                             sets[1],
                             sets[2],
                             "duration=4s",
                             "layers.main.consensus.wiggle=1ms",
                             seed % 2 ? "layers.main.mempool={capacity: 12, per_sender: 12}"
                                      : "seed=77",
                             seed % 4 < 2 ? after_order : "drain=6s",
                             "layers.main.execution.root_delay=5"};
        struct fixture f = fixture_make(poa, all, 8, 1, NULL);
        fixture_run(&f);
        chain_is_sound(f.world, &f.world->layers[0]);
        nonces_are_contiguous(&f.world->layers[0]);
        pools_are_counted(f.world);
        crashes += f.world->crashes;
        stale += f.world->layers[0].stale;
        committed += f.world->layers[0].committed_txs;
        fixture_free(&f);
    }
    assert_true(crashes > 100 && stale > 25 && committed > 1000);
}

/* All lose their pools, some of them twice before anybody looks: users offer it all again. */
static void test_lost_twice(void **state)
{
    (void)state;
    const char *sets[] = {
        "faults=[{kind: crash, at: 1.3s, chosen: [1, 2, 3, 4, 5, 6], recover_after: 100ms},"
        "{kind: crash, at: 1.35s, chosen: [0], recover_after: 100ms},"
        "{kind: crash, at: 1425ms, nodes: 7, recover_after: 500ms}]",
        "layers.main.consensus.block_interval=1s", "drain=12s"};
    struct fixture f = fixture_make(tendermint, sets, 3, 1, NULL);
    fixture_run(&f);
    assert_int_equal(f.world->layers[0].committed_txs, f.world->layers[0].offered);
    pools_are_counted(f.world);
    fixture_free(&f);
}

/* ---- everybody crashes within seconds ---- */

/* Among them: signers that each stand on a block of their own, heavier chains that only one has,
 * transactions of blocks that lost while every pool was gone. Enough confirmations that the storm
 * is over before anything is final. */
static void test_all_crash_poa(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 100; seed++) {
        struct storm s = make_storm(seed, 5);
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {s.faults,
                              number,
                              s.loss,
                              s.wiggle,
                              "drain=20s",
                              "layers.main.consensus.confirmations=6",
                              "layers.main.execution.root_delay=12",
                              seed % 2 ? after_order : "duration=6s"};
        weather(poa, sets, 8, seed);
    }
}

/* Order first: fetched blocks come in their order, however long each is hashed. */
static void test_all_crash_tendermint(void **state)
{
    (void)state;
    static const int seeds[] = {4, 27, 33, 48, 56, 70, 77, 94, 101, 102, 103};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        struct storm s = make_storm(seeds[i], 7);
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seeds[i]);
        const char *sets[] = {
            s.faults,      number,     s.loss, "drain=20s", "layers.main.execution.root_delay=5",
            "duration=6s", after_order};
        weather(tendermint, sets, 7, seeds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_lost_twice),
        cmocka_unit_test(test_all_crash_poa),
        cmocka_unit_test(test_all_crash_tendermint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
