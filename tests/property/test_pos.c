/* Gasper in whole runs: finality on time, messages to the letter, a third that is away, partitions
 * that heal, storms. */
#include "tests/property/storms.h"

#include "models/consensus/pos.h"

static const char pos[] =
    "duration: 20s\n"
    "drain: 9s\n"
    "network: {latency: {kind: constant, delay: 30ms}, transactions: direct}\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 16\n"
    "    consensus: {kind: pos, block_interval: 500ms, slots_per_epoch: 4}\n"
    "    execution: {kind: serial, cores: 1}\n"
    "workload:\n"
    "  - {kind: transfer, rate: 20/s, accounts: 25}\n";

enum { SLOT_MS = 500, EPOCH = 4 };

/* A checkpoint is final two epochs after its epoch began (rule 4), at once for all of the chain
 * below it; so a block waits two to three epochs. */
static void test_good_case(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 8; seed++) {
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {number};
        struct fixture f = fixture_make(pos, sets, 1, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        chain_is_sound(f.world, l);
        nonces_are_contiguous(l);
        pools_are_counted(f.world);
        assert_int_equal(l->committed_txs, l->offered);
        assert_int_equal(l->stale, 0);
        /* The last slot began at 29 s: epochs up to 12 are final. */
        assert_true(l->chain->committed.len - 1 >= 12 * EPOCH);
        for (uint64_t h = 1; h < l->chain->committed.len; h++) {
            const struct block *b = fixture_block(l, h);
            assert_int_equal(b->round, h);                        /* no slot is empty */
            uint64_t checkpoint = (b->round + EPOCH - 1) / EPOCH; /* that holds it */
            sim_time final =
                (sim_time)(checkpoint < 2 ? 4 : checkpoint + 2) * EPOCH * SLOT_MS * SIM_MS;
            sim_time late = b->track->committed - final;
            if (late < 0 || late > 200 * SIM_MS)
                fail_msg("slot %llu final at %.3f s, not %.3f s", (unsigned long long)b->round,
                         (double)b->track->committed / 1e9, (double) final / 1e9);
        }
        fixture_free(&f);
    }
}

/* With direct sends a slot costs, for a committee of k with a = min(16, k) aggregators, a (k - 1)
 * attestations, a (n - 1) aggregates and n - 1 blocks; over an epoch the committees are all n. */
static void count_messages(uint64_t n, uint64_t spe, uint64_t aggregators)
{
    char nodes[32], epoch[64], most[64];
    snprintf(nodes, sizeof nodes, "layers.main.nodes=%u", (unsigned)n);
    snprintf(epoch, sizeof epoch, "layers.main.consensus.slots_per_epoch=%u", (unsigned)spe);
    snprintf(most, sizeof most, "layers.main.consensus.aggregators=%u", (unsigned)aggregators);
    char duration[32];
    enum { EPOCHS = 3 };
    snprintf(duration, sizeof duration, "duration=%ums", (unsigned)(EPOCHS * spe * SLOT_MS - 10));
    const char *sets[] = {nodes,         epoch,    most,      "network.blocks=direct",
                          "workload=[]", duration, "drain=0s"};
    struct fixture f = fixture_make(pos, sets, 7, 1, NULL);
    fixture_run(&f);
    uint64_t expected = (EPOCHS * spe - 1) * (n - 1); /* blocks; slot 0 has none */
    for (uint64_t slot = 0; slot < spe; slot++) {
        uint64_t k = n * (slot + 1) / spe - n * slot / spe;
        uint64_t a = k < aggregators ? k : aggregators;
        expected += EPOCHS * (k ? a * (k - 1) + a * (n - 1) : 0);
    }
    struct world_summary s;
    world_summarise(f.world, &s);
    assert_int_equal(s.messages, expected);
    fixture_free(&f);
}

static void test_messages(void **state)
{
    (void)state;
    count_messages(16, 4, 16);
    count_messages(16, 4, 2);
    count_messages(37, 5, 3);
    count_messages(5, 8, 16); /* slots without a committee */
}

/* Less than a third away: finality goes on. A third or more: blocks go on, finality does not, and
 * catches up when they are back. */
static void test_third_away(void **state)
{
    (void)state;
    const char *few[] = {"faults=[{kind: crash, at: 5s, nodes: 5}]"};
    struct fixture f = fixture_make(pos, few, 1, 1, NULL);
    fixture_run(&f);
    chain_is_sound(f.world, &f.world->layers[0]);
    uint64_t final = f.world->layers[0].chain->committed.len - 1;
    uint64_t head = f.world->layers[0].chain->head_height;
    assert_true(final + 6 * EPOCH > head && head > 30);
    fixture_free(&f);

    const char *many[] = {"faults=[{kind: crash, at: 5s, nodes: 6}]"};
    f = fixture_make(pos, many, 1, 1, NULL);
    fixture_run(&f);
    chain_is_sound(f.world, &f.world->layers[0]);
    final = f.world->layers[0].chain->committed.len - 1;
    assert_true(final <= 8 && f.world->layers[0].chain->head_height > 25);
    fixture_free(&f);

    const char *back[] = {"faults=[{kind: crash, at: 5s, nodes: 6, recover_after: 10s}]"};
    f = fixture_make(pos, back, 1, 1, NULL);
    fixture_run(&f);
    chain_is_sound(f.world, &f.world->layers[0]);
    assert_true(f.world->layers[0].chain->committed.len - 1 + 4 * EPOCH >
                f.world->layers[0].chain->head_height);
    assert_int_equal(f.world->layers[0].committed_txs, f.world->layers[0].offered);
    fixture_free(&f);
}

/* Both halves build on, nothing becomes final; healed, one branch wins and finality goes on. */
static void test_partition(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 8; seed++) {
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {number, "faults=[{kind: partition, at: 6s, lasts: 8s}]",
                              "duration=24s"};
        struct fixture f = fixture_make(pos, sets, 3, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        chain_is_sound(f.world, l);
        for (uint64_t h = 1; h < l->chain->committed.len; h++) {
            sim_time at = fixture_block(l, h)->track->committed;
            assert_true(at < 8500 * SIM_MS || at > 14 * SIM_SEC);
        }
        assert_true(l->stale >= 3);
        assert_true(l->chain->committed.len - 1 > 30);
        assert_int_equal(l->committed_txs, l->offered);
        for (node_id i = 0; i < l->count; i++)
            assert_true(f.world->nodes[i].final->height + 1 >= l->chain->committed.len);
        fixture_free(&f);
    }
}

/* Weights: a validator's share of proposals, and of quorums, follows its stake. */
static void test_weights(void **state)
{
    (void)state;
    const char *heavy[] = {"layers.main.first_weights=[8]",
                           "faults=[{kind: crash, at: 3s, chosen: [0]}]"};
    struct fixture f = fixture_make(pos, heavy, 2, 1, NULL);
    fixture_run(&f);
    assert_int_equal(f.world->violations, 0);
    assert_true(f.world->layers[0].chain->committed.len - 1 <= 6); /* 8 of 23 are away */
    fixture_free(&f);
    f = fixture_make(pos, heavy, 1, 1, NULL);
    fixture_run(&f);
    chain_is_sound(f.world, &f.world->layers[0]);
    assert_true(f.world->nodes[0].proposed >
                10); /* of 57 slots a third is its own: 20 on average */
    fixture_free(&f);
}

/* Everybody crashes, some twice, and packets are lost. */
static void test_storms(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 60; seed++) {
        struct storm s = make_storm(seed, 7);
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {s.faults,
                              number,
                              s.loss,
                              "layers.main.nodes=7",
                              "layers.main.consensus.block_interval=300ms",
                              "layers.main.consensus.proposer_reorg=true",
                              "duration=6s",
                              "drain=14s"};
        weather(pos, sets, 8, seed);
    }
}

/* Order first, results later: roots are final before a header needs them. */
static void test_after_order(void **state)
{
    (void)state;
    const char *sets[] = {after_order, "layers.main.execution.root_delay=17",
                          "faults=[{kind: crash, at: 5s, nodes: 3, recover_after: 3s}]"};
    struct fixture f = fixture_make(pos, sets, 3, 1, NULL);
    fixture_run(&f);
    chain_is_sound(f.world, &f.world->layers[0]);
    nonces_are_contiguous(&f.world->layers[0]);
    assert_int_equal(f.world->layers[0].committed_txs, f.world->layers[0].offered);
    fixture_free(&f);
}

/* What an idle node's protocol takes: its state, and no tree or votes before the first block. */
static void test_memory(void **state)
{
    (void)state;
    assert_true(sizeof(struct pos) <= 512);
    struct fixture f = fixture_make(pos, NULL, 0, 1, NULL);
    for (node_id i = 0; i < 16; i++) {
        const struct pos *p = life_state(f.world, i, 0);
        assert_true(!p->tree && !p->latest && !p->pool);
    }
    fixture_run(&f);
    for (node_id i = 0; i < 16; i++) { /* finality prunes: three epochs, not fourteen */
        const struct pos *p = life_state(f.world, i, 0);
        assert_true(p->tree_count <= 3 * EPOCH + 1 && p->pool_count <= 3 * EPOCH);
    }
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_case),   cmocka_unit_test(test_messages),
        cmocka_unit_test(test_third_away),  cmocka_unit_test(test_partition),
        cmocka_unit_test(test_weights),     cmocka_unit_test(test_storms),
        cmocka_unit_test(test_after_order), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
