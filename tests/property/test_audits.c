/* Layers that watch one another, in whole runs: frauds are found as often as the closed form says,
 * and only frauds; stakes are conserved; what comes late, or from nobody, has no consequences; the
 * work is done on the members' own cores. */
#include "tests/property/world_fixture.h"

#include "models/world/audit_internal.h"

#include <math.h>

/* Layer 0 lies in three blocks of four, and its one other validator, whom judges would believe,
 * looks at nothing. Of the twelve nodes of the others two look away (5, 6) and two are down from
 * the start (9, 14). */
static const char crooked[] = "duration: 24s\n"
                              "drain: 12s\n"
                              "network: {latency: {kind: constant, delay: 5ms}, blocks: direct}\n"
                              "layers:\n"
                              "  - name: crooked\n"
                              "    nodes: 4\n"
                              "    consensus: {kind: tendermint, block_interval: 100ms}\n"
                              "    execution: {kind: serial, cores: 2}\n"
                              "  - name: others\n"
                              "    count: 3\n"
                              "    nodes: 4\n"
                              "    consensus: {kind: tendermint, block_interval: 5s}\n"
                              "    execution: {kind: block-stm, cores: 4}\n"
                              "workload:\n"
                              "  - {kind: erc20, rate: 20/s, accounts: 40}\n"
                              "faults:\n"
                              "  - {kind: credulous, chosen: [0], honest: true}\n"
                              "  - {kind: credulous, chosen: ['1-3']}\n"
                              "  - {kind: invalid-root, chosen: ['1-3']}\n"
                              "  - {kind: credulous, chosen: ['5-6']}\n"
                              "  - {kind: crash, chosen: [9, 14], at: 0s}\n"
                              "judges: [agreement]\n"
                              "validation: {committee: 2, window: 10s, slash: 1%, reward: 37%}\n";

static struct fixture play(const char *const *sets, size_t count, uint32_t threads)
{
    struct fixture f = fixture_make(crooked, sets, count, threads, NULL);
    fixture_run(&f);
    return f;
}

/* To the gwei: what validators had is what they have, what challengers earned and what is burnt. */
static void is_conserved(const struct fixture *f)
{
    const struct audits *au = f->world->audits;
    uint64_t stake = 0, lost = 0, earned = 0;
    for (node_id i = 0; i < f->world->node_count; i++) {
        stake += au->desks[i].stake;
        lost += au->desks[i].lost;
        earned += au->desks[i].earned;
    }
    assert_int_equal(stake + lost, au->staked);
    assert_int_equal(earned, au->rewarded);
    assert_int_equal(lost, au->rewarded + au->burnt);
}

/* ---- detection ---- */

struct sum {
    double chance;
    uint64_t frauds, detected;
};

static void add_run(struct sum *sum, int seed, const char *const *sets, size_t count)
{
    char number[32];
    const char *all[8] = {number};
    snprintf(number, sizeof number, "seed=%d", seed);
    for (size_t i = 0; i < count; i++)
        all[i + 1] = sets[i];
    struct fixture f = play(all, count + 1, 1);
    const struct audits *au = f.world->audits;
    is_conserved(&f);
    assert_int_equal(au->unknown, 0);
    assert_int_equal(au->late, 0);
    assert_int_equal(au->found, au->detected); /* who finds one proves it in time */
    assert_true(au->frauds > 100);
    sum->frauds += au->frauds;
    sum->detected += au->detected;
    sum->chance += au->chances;
    fixture_free(&f);
}

/* The closed form by hand: four of the twelve say nothing. */
static double by_hand(int m, double sample)
{
    double none = 1;
    for (int i = 0; i < m; i++)
        none *= (4.0 - i) / (12.0 - i);
    return sample * (1 - (none > 0 ? none : 0));
}

static void test_rate(void **state)
{
    (void)state;
    static const struct {
        int committee;
        const char *sets[2];
        double sample;
        int seeds;
    } cases[] = {
        {1, {"validation.committee=1", "validation.sample=100%"}, 1, 10},
        {2, {"validation.committee=2", "validation.sample=100%"}, 1, 10},
        {3, {"validation.committee=3", "validation.sample=60%"}, 0.6, 10},
        {5, {"validation.committee=5", "validation.sample=100%"}, 1, 1},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct sum sum = {0};
        for (int seed = 1; seed <= cases[c].seeds; seed++)
            add_run(&sum, seed, cases[c].sets, 2);
        double n = (double)sum.frauds, p = by_hand(cases[c].committee, cases[c].sample);
        double rate = (double)sum.detected / n, error = sqrt(p * (1 - p) / n);
        assert_true(fabs(sum.chance / n - p) < 1e-9);
        if (fabs(rate - p) > 3.3 * error + 1e-12) /* one in a thousand, were it by chance */
            fail_msg("committees of %d: %llu of %llu found, %.4f; closed form %.4f +- %.4f",
                     cases[c].committee, (unsigned long long)sum.detected,
                     (unsigned long long)sum.frauds, rate, p, error);
    }
}

/* Delayed roots lie about an ancestor; where one chain orders all layers, others have the block. */
static void test_couplings(void **state)
{
    (void)state;
    static const char *const ways[][4] = {
        {"layers.crooked.execution.coupling=execute-after-order", "ordering=per-layer"},
        {"layers.crooked.execution.coupling=propose-with-list", "ordering=per-layer"},
        {"layers.crooked.execution.coupling=execute-after-order", "ordering=global",
         "layers.others.execution.coupling=execute-on-proposal", "duration=60s"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *sets[5] = {"validation.committee=5"};
        size_t count = 1;
        for (size_t k = 0; k < 4 && ways[i][k]; k++)
            sets[count++] = ways[i][k];
        struct fixture f = play(sets, count, 1);
        const struct audits *au = f.world->audits;
        assert_true(au->frauds > 15);
        assert_int_equal(au->detected, au->frauds);
        is_conserved(&f);
        fixture_free(&f);
    }
}

/* One state over several layers: ops of other layers are part of what is executed again. */
static void test_partitioned(void **state)
{
    (void)state;
    static const char text[] = "duration: 8s\n"
                               "drain: 8s\n"
                               "network: {latency: {kind: constant, delay: 5ms}, blocks: direct}\n"
                               "layers:\n"
                               "  - name: l\n"
                               "    count: 4\n"
                               "    nodes: 4\n"
                               "    consensus: {kind: tendermint, block_interval: 250ms}\n"
                               "    execution: {kind: block-stm, cores: 4}\n"
                               "routing: {policy: {kind: hash}}\n"
                               "workload: [{kind: transfer, rate: 60/s, accounts: 300}]\n"
                               "judges: [agreement]\n"
                               "validation: {committee: 3, window: 5s}\n";
    static const char lies[] = "faults=[{kind: credulous, chosen: [0, 2, 3], honest: true}, "
                               "{kind: credulous, chosen: [1]}, {kind: invalid-root, chosen: [1]}]";
    for (int lie = 0; lie < 2; lie++) {
        const char *sets[] = {lie ? lies : "faults=[]"};
        struct fixture f = fixture_make(text, sets, 1, 1, NULL);
        fixture_run(&f);
        const struct audits *au = f.world->audits;
        assert_true(au->audited > 60 && au->unknown == 0);
        assert_true(f.world->layers[3].committed_txs > 0);
        if (lie)
            assert_true(au->frauds > 3 && au->found > 0 && au->detected == au->found);
        else
            assert_true(au->frauds == 0 && au->executed == au->asked);
        is_conserved(&f);
        fixture_free(&f);
    }
}

/* Nobody lies: nobody is blamed, though two nodes look away. */
static void test_sound(void **state)
{
    (void)state;
    const char *sets[] = {"faults=[{kind: credulous, chosen: [5, 6]}]"};
    struct fixture f = play(sets, 1, 1);
    const struct audits *au = f.world->audits;
    struct world_summary s;
    world_summarise(f.world, &s);
    assert_true(au->audited > 100);
    assert_int_equal(au->frauds + au->found + au->burnt + au->rewarded + au->checked, 0);
    assert_true(isnan(s.audits.detected_share) && s.audits.income_ether == 0);
    assert_true(au->executed > au->asked * 8 / 10 && au->executed < au->asked * 85 / 100);
    fixture_free(&f);
}

/* ---- too late, or nobody ---- */

/* A request takes 5 ms and a proof as long again: found within the window, proven after it, and of
 * no consequence. */
static void test_late(void **state)
{
    (void)state;
    const char *sets[] = {"validation.window=9ms", "validation.committee=5"};
    struct fixture f = play(sets, 2, 1);
    const struct audits *au = f.world->audits;
    assert_true(au->found > 100 && au->late > 100);
    assert_int_equal(au->detected, 0);
    assert_int_equal(au->burnt + au->rewarded, 0);
    is_conserved(&f);
    fixture_free(&f);
}

static void test_nobody(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "faults[4].chosen=['4-15']",                                   /* all others are down */
        "faults[3]={kind: credulous, chosen: ['4-15'], honest: true}", /* they look away */
        "validation.on_fraud=stay-silent", /* they keep it for themselves */
        "faults[4]={kind: omission, chosen: ['4-15'], drop: 100%}", /* they hear nothing */
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *sets[] = {ways[i], "validation.committee=6"};
        struct fixture f = play(sets, 2, 1);
        const struct audits *au = f.world->audits;
        struct world_summary s;
        assert_true(au->frauds > 100);
        assert_int_equal(au->detected + au->burnt + au->rewarded + au->checked, 0);
        assert_true(i == 2 ? au->found == au->frauds : au->executed == 0);
        world_summarise(f.world, &s);
        assert_true(i == 3 || strncmp(s.audits.text, "Cheating pays", 13) == 0);
        fixture_free(&f);
    }
}

/* Members that crash while blocks are on their way or wait execute less, and do no harm. */
static void test_crashes(void **state)
{
    (void)state;
    const char *sets[] = {"faults[4]={kind: crash, nodes: 5, layer: '', at: 1s, rate: 1/s, "
                          "recover_after: 700ms}",
                          "validation.committee=4", "validation.retry=50ms"};
    struct fixture f = play(sets, 3, 1);
    const struct audits *au = f.world->audits;
    assert_true(f.world->crashes > 20);
    assert_true(au->executed > 0 && au->executed < au->asked);
    assert_true(au->detected > 0 && au->detected <= au->found);
    is_conserved(&f);
    fixture_free(&f);
}

/* A stake that is gone is not taken twice. */
static void test_poor(void **state)
{
    (void)state;
    const char *sets[] = {"validation.slash=40%", "validation.stake=7.000000003ether"};
    struct fixture f = play(sets, 2, 1);
    const struct audits *au = f.world->audits;
    is_conserved(&f);
    for (node_id i = 1; i < 4; i++)
        assert_int_equal(au->desks[i].stake, 0);
    assert_true(au->rewarded > 0 && au->burnt > au->rewarded);
    fixture_free(&f);
}

/* ---- whose work it is ---- */

/* Everybody looks at every block: one layer's nodes are ten times as slow, and take ten times as
 * long for the same work; it shows in what their cores did. */
static void test_cores(void **state)
{
    (void)state;
    const char *sets[] = {"faults=[]", "validation.committee=12",
                          "layers.others.execution.hardware=[{nodes: 1, slowdown: 10}]"};
    struct fixture f = play(sets, 3, 1);
    const struct world *w = f.world;
    const struct audits *au = w->audits;
    assert_int_equal(au->executed, au->asked);
    assert_int_equal(au->class_counts[0], 3);
    for (layer_id i = 1; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        const struct audit_desk *fast = &au->desks[l->first];
        const struct audit_desk *slow = &au->desks[l->first + l->count - 1];
        double ratio =
            (double)slow->core_time / slow->executed * fast->executed / (double)fast->core_time;
        assert_true(fast->executed == slow->executed);
        if (ratio < 9.99 || ratio > 10.01)
            fail_msg("ten times as slow took %.4f times as long", ratio);
        assert_true(w->nodes[l->first].busy >= fast->core_time && fast->core_time > 0);
    }
    fixture_free(&f);
}

/* More audits than their cores can do: they wait, and a layer's own blocks do not wait for them. */
static void test_own_first(void **state)
{
    (void)state;
    uint64_t heights[2], left[2];
    for (int busy = 0; busy < 2; busy++) {
        const char *sets[] = {"faults=[]",
                              "validation.committee=12",
                              busy ? "validation.sample=100%" : "validation.sample=0%",
                              "validation.window=60s",
                              "layers.others.execution.slowdown=6000",
                              "layers.others.consensus.block_interval=1s",
                              "layers.others.consensus.propose_timeout=20s",
                              "interlayer.signatures=0"};
        struct fixture f = play(sets, 8, 1);
        heights[busy] = f.world->layers[1].chain->committed.len;
        left[busy] = f.world->audits->asked - f.world->audits->executed;
        fixture_free(&f);
    }
    assert_int_equal(left[0], 0);
    assert_true(left[1] > 500);
    if (heights[1] * 4 < heights[0] * 3)
        fail_msg("%llu blocks, %llu while audits wait", (unsigned long long)heights[0],
                 (unsigned long long)heights[1]);
}

static void test_threads(void **state)
{
    (void)state;
    char digests[2][RECORD_DIGEST_SIZE];
    for (uint32_t i = 0; i < 2; i++) {
        const char *sets[] = {"duration=6s", "layers.others.execution.slowdown=3"};
        struct fixture f = play(sets, 2, i ? 3 : 1);
        memcpy(digests[i], f.world->digest, RECORD_DIGEST_SIZE);
        fixture_free(&f);
    }
    assert_string_equal(digests[0], digests[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),        cmocka_unit_test(test_couplings),
        cmocka_unit_test(test_sound),       cmocka_unit_test(test_late),
        cmocka_unit_test(test_nobody),      cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_poor),        cmocka_unit_test(test_cores),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_own_first),
        cmocka_unit_test(test_partitioned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
