/* Protocols of crossings in small worlds, under faults: value is kept over all layers and the mail
 * between them, nothing is committed twice or half, no lock outlives its transaction, and when the
 * faults are over everything is done. The same seed gives the same run, for any number of threads.
 */
#include "tests/property/crossing_rig.h"

static const char town[] = "duration: 6s\n"
                           "drain: 60s\n"
                           "verify: serialisable\n"
                           "routing: {policy: hash}\n"
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

/* What goes wrong; over by 8 s. */
static const char *const weather[] = {
    "faults=[]",
    "faults=[{kind: crash, at: 1500ms, chosen: ['0-3'], recover_after: 3s}]",
    "faults=[{kind: crash, at: 2s, chosen: ['4-7', 9], recover_after: 2500ms}]",
    "faults=[{kind: omission, share: 30%, drop: 30%, at: 1s, lasts: 5s}]",
    "faults=[{kind: partition, at: 1500ms, lasts: 4s, groups: ['0-7', '8-15']}]",
};
enum { WEATHERS = sizeof weather / sizeof *weather };

static struct fixture play(const char *const *sets, size_t count, uint32_t threads)
{
    struct fixture f = fixture_make(town, sets, count, threads, NULL);
    struct evm_u256 genesis = rig_held(f.world);
    fixture_run(&f);
    assert_int_equal(f.world->violations, 0);
    rig_once(f.world);
    rig_value_is_kept(f.world, &genesis);
    return f;
}

static void quiet_after(int protocol, int storm, int seed)
{
    char kind[64], draw[32];
    snprintf(kind, sizeof kind, "crosslayer=%s", protocols[protocol]);
    snprintf(draw, sizeof draw, "seed=%d", seed);
    const char *sets[] = {kind, draw, weather[storm]};
    print_message("%s, %s, %s\n", kind, draw, weather[storm]);
    struct fixture f = play(sets, 3, 1);
    rig_all_is_quiet(f.world);
    const struct world *w = f.world;
    uint64_t committed = 0, crossed = 0;
    for (layer_id i = 0; i < w->layer_count; i++) {
        committed += w->layers[i].committed_txs;
        crossed += w->layers[i].crossings;
    }
    assert_int_equal(committed, w->tx_count);
    assert_true(crossed > w->tx_count / 4);
    fixture_free(&f);
}

static void in_any_weather(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++)
        for (int k = 0; k < WEATHERS; k++)
            quiet_after(p, k, 1 + p * WEATHERS + k);
}

/* Cut off in the middle: nothing is lost on its way. */
static void in_flight(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++)
        for (int at = 0; at < 4; at++) {
            char kind[64], end[32];
            snprintf(kind, sizeof kind, "crosslayer=%s", protocols[p]);
            snprintf(end, sizeof end, "duration=%dms", 1700 + 370 * at);
            const char *sets[] = {kind, end, "drain=0s"};
            struct fixture f = play(sets, 3, 1);
            fixture_free(&f);
        }
}

static void same_for_any_threads(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++) {
        char kind[64], digest[2][RECORD_DIGEST_SIZE];
        snprintf(kind, sizeof kind, "crosslayer=%s", protocols[p]);
        const char *sets[] = {kind, weather[2], "drain=10s", "seed=77"};
        for (int i = 0; i < 2; i++) {
            struct fixture f = play(sets, 4, i ? 4 : 1);
            memcpy(digest[i], f.world->digest, sizeof digest[i]);
            fixture_free(&f);
        }
        assert_string_equal(digest[0], digest[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_any_weather),
        cmocka_unit_test(in_flight),
        cmocka_unit_test(same_for_any_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
