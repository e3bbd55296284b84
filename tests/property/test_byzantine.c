/* What theory says of faults, on small networks: fewer than a third of Byzantine weight does not
 * break Tendermint, a third may and is seen; what is lost or held back comes in the end. */
#include "tests/property/world_checks.h"

#include <stdlib.h>

static const char four[] = "layers.main.nodes=4";

static struct fixture play(const char *text, const char *const *sets, size_t count)
{
    struct fixture f = fixture_make(text, sets, count, 1, NULL);
    fixture_run(&f);
    return f;
}

static uint64_t top(const struct fixture *f)
{
    return f->world->chains[0].committed.len - 1;
}

static void is_safe(const struct fixture *f, const char *what)
{
    for (uint32_t i = 0; i < f->world->finding_count; i++)
        fail_msg("%s: %s: %s", what, f->world->findings[i].judge, f->world->findings[i].text);
}

/* All that was offered is in the chain, and honest nodes have the same one. */
static void is_live(const struct fixture *f, const char *what)
{
    const struct world *w = f->world;
    const struct layer *l = &w->layers[0];
    if (l->committed_txs != l->offered || l->offered == 0)
        fail_msg("%s: %llu of %llu committed", what, (unsigned long long)l->committed_txs,
                 (unsigned long long)l->offered);
    for (node_id n = 0; n < w->node_count; n++)
        if (!w->nodes[n].byzantine && w->nodes[n].final->height + 8 < top(f))
            fail_msg("%s: node %u is at %llu of %llu", what, n,
                     (unsigned long long)w->nodes[n].final->height, (unsigned long long)top(f));
}

/* ---- fewer than a third ---- */

static const char *const ways[] = {
    "{kind: equivocation, chosen: [%s]}",
    "{kind: equivocation, chosen: [%s], resplit: 700ms}",
    "{kind: conflicting-votes, chosen: [%s]}",
    "{kind: silent-leader, chosen: [%s]}",
    "{kind: withheld, chosen: [%s], hold: 1s, first: 40%%}",
    "{kind: invalid-root, chosen: [%s]}",
    "{kind: credulous, chosen: [%s]}",
};

static void up_to_f(void **state)
{
    (void)state;
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++)
        for (int seed = 1; seed <= 8; seed++) {
            char sets[3][192], entry[128], what[200];
            bool small = seed % 2;
            snprintf(entry, sizeof entry, ways[way], small ? "2" : "1, 5");
            snprintf(sets[0], sizeof sets[0], "seed=%d", seed);
            snprintf(sets[1], sizeof sets[1], "faults=[%s]", entry);
            snprintf(sets[2], sizeof sets[2], "layers.main.nodes=%d", small ? 4 : 7);
            const char *all[] = {sets[0],
                                 sets[1],
                                 sets[2],
                                 seed % 4 < 2 ? "network.blocks=direct" : "network.blocks=push",
                                 seed % 8 < 4 ? after_order : "layers.main.execution.cores=2",
                                 "drain=20s"};
            struct fixture f = play(tendermint, all, 6);
            snprintf(what, sizeof what, "seed %d, %s", seed, entry);
            is_safe(&f, what);
            is_live(&f, what);
            for (uint64_t h = 1; way == 5 && h <= top(&f); h++) {
                node_id by = fixture_block(&f.world->layers[0], h)->proposer;
                assert_false(f.world->nodes[by].byzantine);
            }
            fixture_free(&f);
        }
}

/* ---- a third and more ---- */

/* Two of four live twice: whenever one of them leads, each honest node hears another block and two
 * thirds of votes for it. Seed 1 is kept; others break too. */
static void beyond_f(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 5; seed++) {
        char text[32];
        snprintf(text, sizeof text, "seed=%d", seed);
        const char *sets[] = {text, four, "network.blocks=direct",
                              "faults=[{kind: equivocation, chosen: [1, 2]}]"};
        struct fixture f = play(tendermint, sets, 4);
        bool agreement = false, certificates = false;
        for (uint32_t i = 0; i < f.world->finding_count; i++) {
            const struct world_finding *found = &f.world->findings[i];
            assert_false(found->liveness);
            assert_true(found->node == 0 || found->node == 3); /* the honest ones */
            agreement |= !strcmp(found->judge, "agreement");
            if (!strcmp(found->judge, "certificates")) {
                certificates = true;
                assert_non_null(
                    strstr(found->text, "2 validators signed both, 0 of them honest: 1, 2"));
            }
        }
        assert_true(agreement && certificates && f.world->violations >= 2);
        assert_false(evm_hash_eq(&f.world->nodes[0].final->hash, &f.world->nodes[3].final->hash));
        fixture_free(&f);
    }
}

/* Before they begin, twins are as quiet as if there were none. */
static void quiet_before(void **state)
{
    (void)state;
    const char *sets[] = {four, "faults=[{kind: equivocation, chosen: [1, 2], at: 100s}]"};
    struct fixture f = play(tendermint, sets, 2);
    is_safe(&f, "not yet");
    is_live(&f, "not yet");
    assert_int_equal(f.world->layers[0].stale, 0);
    fixture_free(&f);
}

static void lazy_majority(void **state)
{
    (void)state;
    const char *sets[] = {four, "faults=[{kind: invalid-root, chosen: [1]}, "
                                "{kind: credulous, chosen: [0, 2], honest: true}]"};
    struct fixture f = play(tendermint, sets, 2);
    assert_true(f.world->violations > 0);
    for (uint32_t i = 0; i < f.world->finding_count; i++) {
        assert_string_equal(f.world->findings[i].judge, "validity");
        assert_int_equal(f.world->findings[i].node, 1);
    }
    fixture_free(&f);
}

/* A block on an invalid one is invalid, though it tells the truth about itself: with a fork choice
 * nobody else would look. */
static void no_ground(void **state)
{
    (void)state;
    uint64_t stale = 0;
    for (int seed = 1; seed <= 12; seed++) {
        char text[32];
        snprintf(text, sizeof text, "seed=%d", seed);
        const char *sets[] = {text,
                              "faults=[{kind: invalid-root, chosen: [1]}, "
                              "{kind: credulous, chosen: [3]}]",
                              seed % 2 ? "drain=9s" : after_order,
                              "layers.main.execution.root_delay=5"};
        struct fixture f = play(poa, sets, 4);
        is_safe(&f, text);
        stale += f.world->layers[0].stale;
        assert_true(top(&f) > 10);
        for (node_id n = 0; n < 5; n++)
            for (struct block *b = f.world->nodes[n].head; b && n != 1 && n != 3; b = b->parent)
                assert_int_not_equal(b->proposer, 1);
        fixture_free(&f);
    }
    assert_true(stale > 20);
}

/* ---- who waits ---- */

static void count_by_workload(const struct fixture *f, uint64_t out[2])
{
    const struct layer *l = &f->world->layers[0];
    out[0] = out[1] = 0;
    for (uint64_t h = 1; h <= top(f); h++)
        for (uint32_t i = 0; i < fixture_block(l, h)->tx_count; i++)
            out[fixture_block(l, h)->txs[i]->workload]++;
}

static void censored(void **state)
{
    (void)state;
    uint64_t all[2], none[2], one[2];
    const char *honest[] = {"seed=3"};
    struct fixture f = play(tendermint, honest, 1);
    count_by_workload(&f, all);
    fixture_free(&f);
    const char *everybody[] = {"seed=3", "faults=[{kind: censorship, share: 100%, workload: [1]}]"};
    f = play(tendermint, everybody, 2);
    count_by_workload(&f, none);
    assert_true(none[1] == 0 && none[0] == all[0] && all[1] > 100);
    is_safe(&f, "censors");
    fixture_free(&f);
    /* One honest proposer of seven takes them all, in its own blocks alone. */
    const char *but_one[] = {"seed=3", "drain=8s",
                             "faults=[{kind: censorship, chosen: [0-3, 5-6], workload: [1]}]"};
    f = play(tendermint, but_one, 3);
    count_by_workload(&f, one);
    assert_int_equal(one[1], all[1]);
    const struct layer *l = &f.world->layers[0];
    for (uint64_t h = 1; h <= top(&f); h++)
        for (uint32_t i = 0; i < fixture_block(l, h)->tx_count; i++)
            assert_true(fixture_block(l, h)->txs[i]->workload == 0 ||
                        fixture_block(l, h)->proposer == 4);
    fixture_free(&f);
}

static void silent_leads(void **state)
{
    (void)state;
    const char *sets[] = {"faults=[{kind: silent-leader, chosen: [2]}]", "drain=8s"};
    struct fixture f = play(tendermint, sets, 2);
    is_safe(&f, "silent");
    is_live(&f, "silent");
    /* Its turn comes at each seventh height, and costs a round. */
    assert_in_range(f.world->chains[0].rounds, top(&f) / 7, top(&f) / 7 + 2);
    assert_int_equal(f.world->nodes[2].accepted, 0);
    fixture_free(&f);
}

/* ---- partitions and asynchrony ---- */

static uint64_t committed_between(const struct fixture *f, sim_time from, sim_time to)
{
    uint64_t count = 0;
    for (uint64_t h = 1; h <= top(f); h++) {
        sim_time at = fixture_block(&f->world->layers[0], h)->track->committed;
        count += at > from && at < to;
    }
    return count;
}

static void heals(void **state)
{
    (void)state;
    /* Three and four of seven: neither has five. */
    const char *no_quorum[] = {"duration=8s", "drain=12s",
                               "faults=[{kind: partition, at: 2s, lasts: 4s, groups: [0-2]}]"};
    struct fixture f = play(tendermint, no_quorum, 3);
    assert_int_equal(committed_between(&f, 2100 * SIM_MS, 6 * SIM_SEC), 0);
    assert_true(committed_between(&f, 6 * SIM_SEC, 12 * SIM_SEC) >= 8);
    is_safe(&f, "no quorum");
    is_live(&f, "no quorum");
    fixture_free(&f);
    /* Five go on, two fetch what they missed. */
    const char *quorum[] = {"duration=8s", "drain=12s",
                            "faults=[{kind: partition, at: 2s, lasts: 4s, groups: ['1 5']}]"};
    f = play(tendermint, quorum, 3);
    assert_true(committed_between(&f, 2100 * SIM_MS, 6 * SIM_SEC) >= 4);
    is_safe(&f, "quorum");
    is_live(&f, "quorum");
    struct net_node_stats stats;
    net_stats(f.world->net, 1, &stats);
    assert_true(stats.messages_in > 0);
    fixture_free(&f);
}

static void stabilises(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 10; seed++) {
        char text[32];
        snprintf(text, sizeof text, "seed=%d", seed);
        const char *sets[] = {text, "duration=6s", "drain=14s",
                              "faults=[{kind: asynchrony, until: 6s, bound: 5s, delta: 200ms}]"};
        struct fixture f = play(tendermint, sets, 4);
        is_safe(&f, text);
        is_live(&f, text);
        fixture_free(&f);
    }
}

/* In list order, all at once; with fewer than a third Byzantine nothing breaks, and when it is over
 * the chain goes on. */
static void composed(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 8; seed++) {
        char text[32];
        snprintf(text, sizeof text, "seed=%d", seed);
        const char *sets[] = {
            text, "duration=10s", "drain=26s",
            "faults=[{kind: equivocation, chosen: [3]}, {kind: silent-leader, chosen: [4]}, "
            "{kind: partition, at: 1s, rate: 12/min, no_more: 12s, lasts: exponential(500ms)}, "
            "{kind: crash, at: 1s, rate: 20/min, no_more: 12s, nodes: 2, "
            "recover_after: exponential(600ms)}, "
            "{kind: omission, at: 2s, lasts: 3s, chosen: [5], drop: 30%, sort: votes}, "
            "{kind: delay, share: 30%, adds: exponential(100ms), lasts: 8s}, "
            "{kind: asynchrony, at: 4s, until: 6s, bound: 2s}]",
            seed % 2 ? after_order : "layers.main.execution.cores=2"};
        struct fixture f = play(tendermint, sets, 5);
        is_safe(&f, text);
        for (node_id n = 0; n < 7; n++)
            if (!f.world->nodes[n].byzantine && f.world->nodes[n].final->height + 8 < top(&f))
                fail_msg("%s: node %u is at %llu of %llu", text, n,
                         (unsigned long long)f.world->nodes[n].final->height,
                         (unsigned long long)top(&f));
        uint64_t late = committed_between(&f, 20 * SIM_SEC, 36 * SIM_SEC);
        if (late < 8)
            fail_msg("%s: %llu blocks", text, (unsigned long long)late);
        fixture_free(&f);
    }
}

/* ---- the same whatever the host does ---- */

static void same_digest(void **state)
{
    (void)state;
    const char *sets[] = {"faults=[{kind: equivocation, nodes: 2, resplit: 500ms}, "
                          "{kind: withheld, nodes: 1, first: 50%, hold: exponential(1s)}, "
                          "{kind: crash, rate: 30/min, recover_after: 400ms, at: 0s}]"};
    char first[RECORD_DIGEST_SIZE] = "";
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        struct fixture f = fixture_make(tendermint, sets, 1, threads, NULL);
        fixture_run(&f);
        if (threads == 1)
            memcpy(first, f.world->digest, sizeof first);
        else
            assert_memory_equal(first, f.world->digest, sizeof first);
        fixture_free(&f);
    }
}

/* ---- progress ---- */

static void no_progress(void **state)
{
    (void)state;
    /* Two silent leaders in a row, and a judge without patience: seen, and no breach of safety. */
    const char *impatient[] = {"faults=[{kind: silent-leader, chosen: [2, 3]}]",
                               "judges=[{kind: progress, patience: 1}]", "duration=8s"};
    struct fixture f = play(tendermint, impatient, 3);
    assert_true(f.world->stalls > 0 && f.world->violations == 0);
    assert_string_equal(f.world->findings[0].judge, "progress");
    fixture_free(&f);
    /* More than the protocol tolerates are down: nobody is to blame. */
    const char *excused[] = {"faults=[{kind: crash, at: 1s, nodes: 3}]", "duration=30s"};
    f = play(tendermint, excused, 2);
    assert_true(f.world->stalls == 0 && committed_between(&f, 2 * SIM_SEC, 40 * SIM_SEC) == 0);
    fixture_free(&f);
    /* Time-outs that never end: two of seven are tolerated, and yet nothing moves. */
    const char *stuck[] = {
        "faults=[{kind: crash, at: 1s, nodes: 2}]",  "duration=60s",
        "judges=[{kind: progress, patience: 1}]",    "layers.main.consensus.propose_timeout=50ms",
        "layers.main.consensus.prevote_timeout=1ms", "layers.main.consensus.precommit_timeout=1ms",
        "layers.main.consensus.propose_delta=0s",    "layers.main.consensus.prevote_delta=0s",
        "layers.main.consensus.precommit_delta=0s",  "network.latency.delay=200ms"};
    f = play(tendermint, stuck, 10);
    assert_true(f.world->stalls > 0);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_to_f),      cmocka_unit_test(beyond_f),
        cmocka_unit_test(quiet_before), cmocka_unit_test(lazy_majority),
        cmocka_unit_test(no_ground),    cmocka_unit_test(censored),
        cmocka_unit_test(silent_leads), cmocka_unit_test(heals),
        cmocka_unit_test(stabilises),   cmocka_unit_test(composed),
        cmocka_unit_test(same_digest),  cmocka_unit_test(no_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
