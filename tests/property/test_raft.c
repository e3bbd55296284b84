/* Raft in whole runs: messages to the letter, elections, crashes of a minority and a majority,
 * partitions, storms. What single steps must keep: tests/unit/test_raft.c. */
#include "tests/property/storms.h"

#include "models/consensus/raft.h"

static const char raft[] = "duration: 8s\n"
                           "drain: 6s\n"
                           "network: {latency: {kind: constant, delay: 10ms}, blocks: direct}\n"
                           "layers:\n"
                           "  - name: main\n"
                           "    nodes: 5\n"
                           "    consensus: {kind: raft, block_interval: 100ms,\n"
                           "      election_timeout: 400ms, heartbeat: 100ms}\n"
                           "    execution: {kind: serial, cores: 1}\n"
                           "workload:\n"
                           "  - {kind: transfer, rate: 40/s, accounts: 150}\n";

static struct raft *node_of(struct fixture *f, node_id node)
{
    return life_state(f->world, node, 0);
}

static struct raft *leader_of(struct fixture *f)
{
    struct raft *found = NULL;
    for (node_id i = 0; i < f->world->node_count; i++)
        if (f->world->nodes[i].up && node_of(f, i)->role == ROLE_LEADER &&
            (!found || node_of(f, i)->term > found->term))
            found = node_of(f, i);
    return found;
}

/* An election costs a request and an answer a voter, an entry and a heartbeat likewise. */
static void count_messages(unsigned nodes, bool pre_vote)
{
    char count[32];
    enum { END_MS = 5777, BEAT_MS = 700 };
    snprintf(count, sizeof count, "layers.main.nodes=%u", nodes);
    const char *sets[] = {count,
                          "layers.main.consensus={kind: raft, block_interval: 250ms, "
                          "election_timeout: 800ms, heartbeat: 700ms, depth: 1}",
                          pre_vote ? "layers.main.consensus.pre_vote=true" : "seed=1",
                          "workload=[]",
                          "duration=5777ms",
                          "drain=0s",
                          "seed=3"}; /* one time-out is the first by more than a round trip */
    struct fixture f = fixture_make(raft, sets, 7, 1, NULL);
    fixture_run(&f);
    struct raft *leader = leader_of(&f);
    assert_non_null(leader);
    assert_int_equal(leader->term, 1); /* one candidate, who won */
    struct block *first = block_ancestor(leader->tip, 1);
    uint64_t beats = 1 + (uint64_t)((END_MS * SIM_MS - first->created) / (BEAT_MS * SIM_MS));
    uint64_t entries = leader->tip->height;
    assert_true(entries > 12 && beats > 4);
    struct world_summary s;
    world_summarise(f.world, &s);
    assert_int_equal(s.messages, 2 * (nodes - 1) * (1 + pre_vote + entries + beats));
    fixture_free(&f);
}

static void test_messages(void **state)
{
    (void)state;
    count_messages(3, false);
    count_messages(8, false);
    count_messages(5, true);
}

/* A leader has an entry committed after two one-way delays, followers learn with the next one. */
static void test_latency(void **state)
{
    (void)state;
    struct fixture f = fixture_make(raft, NULL, 0, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    chain_is_sound(f.world, l);
    nonces_are_contiguous(l);
    pools_are_counted(f.world);
    assert_int_equal(l->committed_txs, l->offered);
    assert_int_equal(l->stale, 0);
    for (uint64_t h = 1; h < l->chain->committed.len; h++) {
        const struct block *b = fixture_block(l, h);
        sim_time took = b->track->committed - b->created;
        assert_true(took >= 20 * SIM_MS && took < 30 * SIM_MS);
    }
    for (node_id i = 0; i < l->count; i++)
        assert_true(f.world->nodes[i].final->height + 2 >= l->chain->committed.len - 1);
    fixture_free(&f);
}

/* One node alone, and followers without a vote. */
static void test_sizes(void **state)
{
    (void)state;
    static const char *const sets[][2] = {{"layers.main.nodes=1", "seed=1"},
                                          {"layers.main.validators=3", "network.blocks=push"},
                                          {"layers.main.nodes=2", "seed=2"}};
    for (int i = 0; i < 3; i++) {
        struct fixture f = fixture_make(raft, sets[i], 2, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        chain_is_sound(f.world, l);
        assert_int_equal(l->committed_txs, l->offered);
        for (node_id n = 0; n < l->count; n++)
            assert_true(f.world->nodes[n].final->height + 4 >= l->chain->committed.len);
        fixture_free(&f);
    }
}

/* A minority down does not matter, whoever is in it; a majority down stops everything, until one of
 * them is back. */
static void test_majority(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 8; seed++) {
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *two[] = {number, "faults=[{kind: crash, at: 3s, nodes: 2}]"};
        struct fixture f = fixture_make(raft, two, 2, 1, NULL);
        fixture_run(&f);
        chain_is_sound(f.world, &f.world->layers[0]);
        uint64_t height = f.world->layers[0].chain->committed.len;
        assert_true(height > 90);
        fixture_free(&f);
        const char *three[] = {number, "faults=[{kind: crash, at: 3s, nodes: 3}]"};
        f = fixture_make(raft, three, 2, 1, NULL);
        fixture_run(&f);
        chain_is_sound(f.world, &f.world->layers[0]);
        assert_true(f.world->layers[0].chain->committed.len < 35);
        fixture_free(&f);
        const char *back[] = {number, "faults=[{kind: crash, at: 3s, nodes: 3}, {kind: crash, at: "
                                      "5s, nodes: 5, recover_after: 2s}]"};
        f = fixture_make(raft, back, 2, 1, NULL);
        fixture_run(&f);
        chain_is_sound(f.world, &f.world->layers[0]);
        fixture_free(&f);
    }
}

/* The leader is cut off with one other: it goes on alone and commits nothing; the majority elects
 * another. Healed, what the old one had built is replaced, and its transactions are not lost. */
static void test_partition(void **state)
{
    (void)state;
    uint64_t stale = 0;
    for (int seed = 1; seed <= 8; seed++) {
        char number[20], faults[100];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *probe[] = {number, "duration=3s", "drain=0s"};
        struct fixture f = fixture_make(raft, probe, 3, 1, NULL);
        fixture_run(&f);
        node_id old = leader_of(&f)->env->me;
        fixture_free(&f);
        snprintf(faults, sizeof faults,
                 "faults=[{kind: partition, at: 3s, lasts: 3s, groups: [%u %u]}]", old,
                 (old + 1) % 5);
        const char *sets[] = {number, faults,
                              seed % 2 ? "layers.main.consensus.pre_vote=true" : "duration=8s"};
        f = fixture_make(raft, sets, 3, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        chain_is_sound(f.world, l);
        stale += l->stale;
        pools_are_counted(f.world);
        /* What users gave to the minority meanwhile lies in its pools, where no leader sees it. */
        assert_true(l->committed_txs > l->offered / 2);
        assert_true(l->chain->committed.len > 95);
        for (node_id i = 0; i < l->count; i++)
            assert_true(f.world->nodes[i].final->height + 4 >= l->chain->committed.len);
        fixture_free(&f);
    }
    assert_true(stale >= 8); /* up to `depth` an old leader */
}

/* A node that was cut off comes back with a higher term and unseats the leader, unless it has to
 * ask first. */
static void test_pre_vote(void **state)
{
    (void)state;
    uint64_t terms[2] = {0};
    for (int seed = 1; seed <= 6; seed++)
        for (int pre = 0; pre < 2; pre++) {
            char number[20], faults[100];
            snprintf(number, sizeof number, "seed=%d", seed);
            const char *probe[] = {number, "duration=3s", "drain=0s"};
            struct fixture f = fixture_make(raft, probe, 3, 1, NULL);
            fixture_run(&f);
            node_id other = (leader_of(&f)->env->me + 1) % 5;
            fixture_free(&f);
            snprintf(faults, sizeof faults,
                     "faults=[{kind: partition, at: 3s, lasts: 3s, groups: [%u]}]", other);
            const char *sets[] = {number, faults,
                                  pre ? "layers.main.consensus.pre_vote=true" : "duration=8s"};
            f = fixture_make(raft, sets, 3, 1, NULL);
            fixture_run(&f);
            chain_is_sound(f.world, &f.world->layers[0]);
            terms[pre] += leader_of(&f)->term;
            fixture_free(&f);
        }
    print_message("mean term %.1f, with pre-vote %.1f\n", (double)terms[0] / 6,
                  (double)terms[1] / 6);
    assert_true(terms[0] > terms[1] + 12);
}

/* As weather() in storms.h, but for what gossip lost: a transaction that the leader never hears of
 * is never proposed. */
static void squall(const char *const *sets, size_t count, int seed)
{
    struct fixture f = fixture_make(raft, sets, count, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    sim_time stall = chain_longest_stall(f.world, l->chain).length;
    chain_is_sound(f.world, l);
    nonces_are_contiguous(l);
    pools_are_counted(f.world);
    if (l->committed_txs < l->offered / 2 || stall > 6 * SIM_SEC)
        fail_msg("storm %d: %llu of %llu committed, %.1f s without a block", seed,
                 (unsigned long long)l->committed_txs, (unsigned long long)l->offered,
                 (double)stall / 1e9);
    for (node_id i = 0; i < l->count; i++)
        if (f.world->nodes[i].final->height + 9 < l->chain->committed.len)
            fail_msg("storm %d: node %u is at %llu of %zu", seed, i,
                     (unsigned long long)f.world->nodes[i].final->height, l->chain->committed.len);
    fixture_free(&f);
}

static void test_storms(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 80; seed++) {
        int nodes = 3 + seed % 3;
        struct storm s = make_storm(seed, nodes);
        char number[20], count[40];
        snprintf(number, sizeof number, "seed=%d", seed);
        snprintf(count, sizeof count, "layers.main.nodes=%d", nodes);
        const char *sets[] = {s.faults,
                              number,
                              s.loss,
                              count,
                              seed % 2 ? "network.blocks=push" : "network.blocks=direct",
                              seed % 3 ? "layers.main.consensus.pre_vote=true" : after_order,
                              "layers.main.execution.root_delay=9"};
        squall(sets, 7, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),  cmocka_unit_test(test_latency),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_majority),
        cmocka_unit_test(test_partition), cmocka_unit_test(test_pre_vote),
        cmocka_unit_test(test_storms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
