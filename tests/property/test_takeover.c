/* A layer that stands still is given up and taken over, at many moments, with crossings of every
 * protocol under way: value is kept, nothing is committed twice, nothing that was final is lost, no
 * lock is kept, all that was offered is committed in the end, and the layers together are one
 * state.
 */
#include "models/world/takeover_internal.h"
#include "tests/property/crossing_rig.h"

static const char town[] = "duration: 8s\n"
                           "drain: 60s\n"
                           "verify: serialisable\n"
                           "routing: {policy: hash}\n"
                           "takeover: {after: 3s}\n"
                           "network: {latency: {kind: constant, delay: 20ms}}\n"
                           "layers:\n"
                           "  - count: 4\n"
                           "    nodes: 4\n"
                           "    consensus: {kind: tendermint, block_interval: 500ms,\n"
                           "      propose_timeout: 600ms, prevote_timeout: 300ms,\n"
                           "      precommit_timeout: 300ms, resend: 1s}\n"
                           "    execution: {kind: block-stm, cores: 4}\n"
                           "workload:\n"
                           "  - {kind: transfer, rate: 20/s, accounts: 60}\n"
                           "  - {kind: erc20, rate: 8/s, accounts: 40, tokens: 6}\n";

static const char *const protocols[] = {"two-phase-commit", "relay",           "migrate",
                                        "broker",           "sequential-lane", "optimistic"};
enum { PROTOCOLS = sizeof protocols / sizeof *protocols };

static struct fixture play(const char *const *sets, size_t count, uint32_t threads)
{
    struct fixture f = fixture_make(town, sets, count, threads, NULL);
    struct evm_u256 genesis = rig_held(f.world);
    fixture_run(&f);
    for (uint32_t i = 0; i < f.world->finding_count && i < WORLD_FINDINGS; i++)
        print_message("%s: %s\n", f.world->findings[i].judge, f.world->findings[i].text);
    assert_int_equal(f.world->violations, 0);
    rig_once(f.world);
    rig_value_is_kept(f.world, &genesis);
    return f;
}

static uint64_t committed(const struct world *w)
{
    uint64_t sum = 0;
    for (layer_id i = 0; i < w->layer_count; i++)
        sum += w->layers[i].committed_txs;
    return sum;
}

/* What goes wrong with layer `dead`, at a moment in ms. */
static void strike(char *out, size_t room, int how, unsigned dead, unsigned at)
{
    unsigned a = dead * 4;
    switch (how) {
    case 0: /* all its nodes, for good */
        snprintf(out, room, "faults=[{kind: crash, at: %ums, chosen: ['%u-%u']}]", at, a, a + 3);
        break;
    case 1: /* a third and more; the others stay up */
        snprintf(out, room, "faults=[{kind: crash, at: %ums, chosen: ['%u-%u']}]", at, a, a + 1);
        break;
    case 2: /* they come back when it is too late */
        snprintf(out, room,
                 "faults=[{kind: crash, at: %ums, chosen: ['%u-%u'], recover_after: 9s}]", at, a,
                 a + 3);
        break;
    default: /* they are cut off, and go on among themselves */
        snprintf(out, room, "faults=[{kind: partition, at: %ums, lasts: 9s, groups: ['%u-%u']}]",
                 at, a, a + 3);
        break;
    }
}
enum { STRIKES = 4 };

static void survives(int protocol, int how, unsigned dead, unsigned at, const char *by, int seed)
{
    char kind[64], draw[32], fault[128], heirs[64];
    snprintf(kind, sizeof kind, "crosslayer=%s", protocols[protocol]);
    snprintf(draw, sizeof draw, "seed=%d", seed);
    snprintf(heirs, sizeof heirs, "takeover.by=%s", by);
    strike(fault, sizeof fault, how, dead, at);
    const char *sets[] = {kind, draw, fault, heirs};
    print_message("%s, %s, %s, %s\n", kind, draw, fault, heirs);
    struct fixture f = play(sets, 4, 1);
    const struct world *w = f.world;
    assert_int_equal(w->takeover->count, 1);
    assert_true(takeover_retired(w, (layer_id)dead));
    assert_true(w->takeover->taken[0].over);
    assert_int_equal(w->takeover->taken[0].lost, 0);
    rig_all_is_quiet(w);
    assert_int_equal(committed(w), w->tx_count);
    fixture_free(&f);
}

static const char *const heirs[] = {"next", "least-loaded", "spread"};

static void at_any_moment(void **state)
{
    (void)state;
    int seed = 1;
    for (int p = 0; p < PROTOCOLS; p++)
        for (int how = 0; how < STRIKES; how++, seed++)
            survives(p, how, (unsigned)(seed % 4), 1500 + (unsigned)seed * 613 % 4000,
                     heirs[seed % 3], seed);
}

/* Without archives a node of the lost layer must give its state: one that is up, or comes back. */
static void without_archives(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++) {
        char kind[64], fault[128];
        snprintf(kind, sizeof kind, "crosslayer=%s", protocols[p]);
        strike(fault, sizeof fault, p % 2 ? 1 : 2, 2, 1900 + 311 * (unsigned)p);
        const char *sets[] = {kind, fault, "takeover.archive=false", heirs[p % 3], "seed=9"};
        char by[64];
        snprintf(by, sizeof by, "takeover.by=%s", heirs[p % 3]);
        sets[3] = by;
        struct fixture f = play(sets, 5, 1);
        const struct world *w = f.world;
        assert_int_equal(w->takeover->count, 1);
        assert_true(w->takeover->taken[0].bytes > 0);
        rig_all_is_quiet(w);
        assert_int_equal(committed(w), w->tx_count);
        fixture_free(&f);
    }
}

/* The heir is lost too, soon after, or the one who proposes; whole, or by half. */
static void one_after_the_other(void **state)
{
    (void)state;
    static const char *const who[] = {"0-3", "8-11", "0-1", "8-9"};
    for (int p = 0; p < PROTOCOLS; p++)
        for (int second = 0; second < 4; second++) {
            char kind[64], fault[256], by[64];
            int later = 2500 + 1900 * (p % 3) + 700 * (second % 2);
            snprintf(kind, sizeof kind, "crosslayer=%s", protocols[p]);
            snprintf(by, sizeof by, "takeover.by=%s", heirs[(p + second / 2) % 3]);
            snprintf(fault, sizeof fault,
                     "faults=[{kind: crash, at: 1800ms, chosen: ['%s']}, "
                     "{kind: crash, at: %dms, chosen: ['%s']}]",
                     second < 2 ? "4-7" : "4-5", later, who[second]);
            const char *sets[] = {
                kind,         fault,   by, "layers[0].count=5", "workload[0].rate=60/s",
                "drain=120s", "seed=5"};
            print_message("%s, %s, %s\n", kind, fault, by);
            struct fixture f = play(sets, 7, 1);
            const struct world *w = f.world;
            assert_int_equal(w->takeover->count, 2);
            assert_true(w->takeover->taken[0].over && w->takeover->taken[1].over);
            rig_all_is_quiet(w);
            assert_int_equal(committed(w), w->tx_count);
            fixture_free(&f);
        }
}

/* Who decided is lost before anybody heard; an heir is lost that would have had its part from the
 * lost layer's own nodes. */
static void lost_in_between(void **state)
{
    (void)state;
    static const char *const cases[][5] = {
        {"crosslayer=relay",
         "faults=[{kind: crash, at: 6154ms, chosen: ['0-3']}, "
         "{kind: crash, at: 2165ms, chosen: ['8-11']}]",
         "takeover.by=least-loaded", "layers[0].count=6", "takeover.archive=true"},
        {"crosslayer=optimistic",
         "faults=[{kind: crash, at: 4279ms, chosen: ['16-17']}, "
         "{kind: crash, at: 5807ms, chosen: ['12-13'], recover_after: 12s}]",
         "takeover.by=spread", "layers[0].count=5", "takeover.archive=false"},
    };
    for (int i = 0; i < 2; i++) {
        const char *const *c = cases[i];
        const char *sets[] = {c[0],
                              c[1],
                              c[2],
                              c[3],
                              c[4],
                              i ? "seed=1067" : "seed=1303",
                              "workload[0].rate=40/s",
                              "drain=120s"};
        struct fixture f = play(sets, 8, 1);
        const struct world *w = f.world;
        assert_int_equal(w->takeover->count, 2);
        assert_true(w->takeover->taken[0].over && w->takeover->taken[1].over);
        rig_all_is_quiet(w);
        assert_int_equal(committed(w), w->tx_count);
        fixture_free(&f);
    }
}

/* A layer that stands still for less than that, or is slow, is not given up. */
static void not_too_soon(void **state)
{
    (void)state;
    const char *const weather[] = {
        "faults=[{kind: crash, at: 1500ms, chosen: ['0-3'], recover_after: 2s}]",
        "faults=[{kind: omission, share: 30%, drop: 20%, at: 1s, lasts: 4s}]",
        "faults=[{kind: partition, at: 1500ms, lasts: 2s, groups: ['0-7', '8-15']}]",
    };
    for (int i = 0; i < 3; i++) {
        const char *sets[] = {weather[i]};
        struct fixture f = play(sets, 1, 1);
        assert_int_equal(f.world->takeover->count, 0);
        rig_all_is_quiet(f.world);
        assert_int_equal(committed(f.world), f.world->tx_count);
        fixture_free(&f);
    }
}

/* No half of the layers can give up the other. */
static void no_split(void **state)
{
    (void)state;
    const char *sets[] = {"faults=[{kind: partition, at: 2s, lasts: 12s, groups: ['0-7', '8-15']}]",
                          "drain=90s"};
    struct fixture f = play(sets, 2, 1);
    assert_int_equal(f.world->takeover->count, 0);
    fixture_free(&f);
}

/* The run ends in the middle of it: nothing is lost on its way. */
static void in_the_middle(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++)
        for (int at = 0; at < 6; at++) {
            char kind[64], end[32], by[64];
            snprintf(kind, sizeof kind, "crosslayer=%s", protocols[p]);
            snprintf(by, sizeof by, "takeover.by=%s", heirs[(p + at) % 3]);
            snprintf(end, sizeof end, "duration=%dms", 4900 + 230 * at + 37 * p);
            const char *sets[] = {kind, end, by, "drain=0s",
                                  "faults=[{kind: crash, at: 1500ms, chosen: ['4-7']}]"};
            struct fixture f = play(sets, 5, 1);
            fixture_free(&f);
        }
}

static void same_for_any_threads(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p += 2) {
        char kind[64], digest[2][RECORD_DIGEST_SIZE];
        snprintf(kind, sizeof kind, "crosslayer=%s", protocols[p]);
        const char *sets[] = {kind, "faults=[{kind: crash, at: 2s, chosen: ['8-11']}]", "drain=8s",
                              "takeover.by=spread"};
        for (int i = 0; i < 2; i++) {
            struct fixture f = play(sets, 4, i ? 4 : 1);
            assert_int_equal(f.world->takeover->count, 1);
            memcpy(digest[i], f.world->digest, sizeof digest[i]);
            fixture_free(&f);
        }
        assert_string_equal(digest[0], digest[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_any_moment),       cmocka_unit_test(without_archives),
        cmocka_unit_test(one_after_the_other), cmocka_unit_test(lost_in_between),
        cmocka_unit_test(not_too_soon),        cmocka_unit_test(no_split),
        cmocka_unit_test(in_the_middle),       cmocka_unit_test(same_for_any_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
