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
    for (uint32_t i = 0; i < f.world->finding_count; i++)
        print_message("%s\n", f.world->findings[i].text);
    assert_int_equal(f.world->violations, 0);
    rig_once(f.world);
    rig_value_is_kept(f.world, &genesis);
    return f;
}

static void quiet_after(int protocol, int storm, int seed, const char *routing)
{
    char kind[64], draw[32];
    snprintf(kind, sizeof kind, "crosslayer=%s", protocols[protocol]);
    snprintf(draw, sizeof draw, "seed=%d", seed);
    const char *sets[] = {kind, draw, weather[storm], routing};
    print_message("%s, %s, %s, %s\n", kind, draw, weather[storm], routing);
    struct fixture f = play(sets, 4, 1);
    rig_all_is_quiet(f.world);
    const struct world *w = f.world;
    uint64_t committed = 0, crossed = 0;
    for (layer_id i = 0; i < w->layer_count; i++) {
        committed += w->layers[i].committed_txs;
        crossed += w->layers[i].crossings;
    }
    assert_int_equal(committed, w->tx_count);
    assert_true(crossed > w->tx_count / 8);
    fixture_free(&f);
}

static const char by_hash[] = "routing={policy: hash}";
/* Accounts move, or are shared by all, while crossings go on. */
static const char *const restless[] = {
    "routing={policy: clpa, epoch: 2s, report_interval: 500ms}",
    "routing={policy: {kind: broker, brokers: 8}, epoch: 2s, report_interval: 500ms}",
    "routing={policy: least-loaded, epoch: 1s, report_interval: 500ms}",
};
enum { RESTLESS = sizeof restless / sizeof *restless };

static void in_any_weather(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++)
        for (int k = 0; k < WEATHERS; k++)
            quiet_after(p, k, 1 + p * WEATHERS + k, by_hash);
}

static void while_accounts_move(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++)
        for (int k = 0; k < RESTLESS; k++)
            quiet_after(p, (p + k) % WEATHERS, 100 + p * RESTLESS + k, restless[k]);
}

/* WEFT_CROSSING_SEEDS=N: so many more runs of everything. */
static void many_seeds(void **state)
{
    (void)state;
    const char *wanted = getenv("WEFT_CROSSING_SEEDS");
    int seeds = wanted ? atoi(wanted) : 0;
    for (int seed = 1000; seed < 1000 + seeds; seed++)
        for (int p = 0; p < PROTOCOLS; p++)
            for (int k = 0; k < WEATHERS; k++)
                quiet_after(p, k, seed,
                            seed % (RESTLESS + 1) ? restless[seed % RESTLESS] : by_hash);
}

/* Deadlines that pass all the time: while locks are waited for, and while it is on its way into a
 * block, where it is taken back through the chain. */
static void in_a_hurry(void **state)
{
    (void)state;
    static const char *const kinds[] = {"two-phase-commit", "migrate", "sequential-lane",
                                        "optimistic"};
    uint64_t tries = 0, crossings = 0;
    for (int p = 0; p < 4; p++)
        for (int k = 1; k < WEATHERS; k++) {
            char kind[96];
            snprintf(kind, sizeof kind, "crosslayer={kind: %s, timeout: %dms, tries: 100k}",
                     kinds[p], p == 2 ? 2000 : 1100);
            const char *sets[] = {kind, weather[k], "drain=90s"};
            print_message("%s, %s\n", kind, weather[k]);
            struct fixture f = play(sets, 3, 1);
            rig_all_is_quiet(f.world);
            tries += f.world->desk->tries;
            crossings += f.world->desk->crossings_done;
            fixture_free(&f);
        }
    assert_true(tries > 2 * crossings);
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

/* ---- what is wrong at the end is found ---- */

/* Of an account that nobody uses the directory says something that no layer knows of, or a layer
 * has a lock on it from a crossing that there is not. */
static void broken_ends_are_found(void **state)
{
    (void)state;
    static const char *const says[] = {"unlike the directory", "unlike the directory",
                                       "locks that nothing frees", "unlike the directory"};
    static const uint32_t times[] = {2, 3, 1, 0};
    for (int how = 0; how < 4; how++) {
        const char *sets[] = {"duration=2s", "drain=20s"};
        const struct evm_addr nobody = {{0x77, 0x12, [19] = 0x5c}};
        uint32_t found = 0;
        struct fixture f = fixture_make(town, sets, 2, 1, NULL);
        struct world *w = f.world;
        account_id n = directory_number(&w->desk->directory, &nobody);
        struct directory_account *a = directory_at(&w->desk->directory, n);
        layer_id other = (layer_id)((a->home + 1) % w->layer_count);
        if (how == 2) {
            struct addr_table *locks =
                execution_holdings(fixture_block(&w->layers[other], 0)->execution)->locks;
            assert_true(addr_table_put(locks, &nobody, UINT64_C(987654321) << 20 | 1));
        } else {
            a->home = how == 1 ? LAYER_ALL : other;
            a->moving = how == 3; /* on its way: nobody has it, but who has not heard yet */
        }
        fixture_run(&f);
        for (uint32_t i = 0; i < w->finding_count; i++)
            found += strstr(w->findings[i].text, says[how]) != NULL;
        assert_int_equal(found, times[how]);
        assert_int_equal(w->violations, found);
        fixture_free(&f);
    }
}

/* ---- closed forms ---- */

static const char plain_town[] = "duration: 12s\n"
                                 "warm_up: 4s\n"
                                 "drain: 0s\n"
                                 "signatures: modelled\n"
                                 "routing: {policy: hash}\n"
                                 "network: {latency: {kind: constant, delay: 10ms}}\n"
                                 "layers:\n"
                                 "  - count: 4\n"
                                 "    nodes: 4\n"
                                 "    consensus: {kind: tendermint, block_interval: 500ms}\n"
                                 "    fees: {kind: fixed, gas_limit: 1050kgas}\n"
                                 "workload:\n"
                                 "  - {kind: transfer, rate: 700/s, accounts: 4000}\n";

/* Recipients uniform over k layers: 1 - 1/k of the payments leave the sender's. */
static void share_that_crosses(void **state)
{
    (void)state;
    for (unsigned k = 2; k <= 8; k *= 2) {
        char count[32];
        snprintf(count, sizeof count, "layers[0].count=%u", k);
        const char *sets[] = {count, "workload[0].rate=300/s", "crosslayer=relay"};
        struct fixture f = fixture_make(plain_town, sets, 3, 1, NULL);
        fixture_run(&f);
        const struct world *w = f.world;
        uint64_t crossed = 0;
        for (layer_id i = 0; i < w->layer_count; i++)
            crossed += w->layers[i].crossings;
        double share = (double)crossed / w->tx_count, want = 1 - 1.0 / k;
        if (share < want - 0.03 || share > want + 0.03) /* 3600 draws: 3.6 deviations or more */
            fail_msg("%u layers: %.4f of %u cross, not %.4f", k, share, w->tx_count, want);
        fixture_free(&f);
    }
}

static double committed_per_second(const char *cross, const char *deposit)
{
    char pairs[64], relay[64];
    snprintf(pairs, sizeof pairs, "workload[0].pairs={kind: layers, cross: %s}", cross);
    snprintf(relay, sizeof relay, "crosslayer={kind: relay, deposit_gas: %s}", deposit);
    const char *sets[] = {pairs, relay};
    struct fixture f = fixture_make(plain_town, sets, 2, 1, NULL);
    fixture_run(&f);
    double rate = (double)f.world->tally.committed / 8;
    fixture_free(&f);
    return rate;
}

/* A payment that crosses takes room twice, where it leaves and where it arrives (Monoxide, section
 * 5): with x of the load crossing, blocks that are full carry 1 / (1 + x) of what they would. */
static void relay_halves_capacity(void **state)
{
    (void)state;
    double none = committed_per_second("0%", "21kgas");
    double half = committed_per_second("50%", "21kgas"),
           all = committed_per_second("100%", "21kgas");
    double gratis = committed_per_second("100%", "0gas");
    print_message("committed a second: %.1f local, %.1f half, %.1f all, %.1f all gratis\n", none,
                  half, all, gratis);
    assert_true(none > 370); /* 4 layers, 50 payments a block, 500 ms */
    assert_true(half > none / 1.5 * 0.95 && half < none / 1.5 * 1.05);
    assert_true(all > none / 2 * 0.95 && all < none / 2 * 1.05);
    assert_true(gratis > none * 0.95 && gratis < none * 1.05);
}

/* ---- brokers ---- */

static void broker_runs_dry(void **state)
{
    (void)state;
    static const char *const brokers[] = {
        "crosslayer={kind: broker, brokers: 2, liquidity: 1000ether, share: 30%}",
        "crosslayer={kind: broker, brokers: 1, liquidity: 1gwei, wait: 300ms}",
        "crosslayer={kind: broker, brokers: 3, liquidity: 0wei, wait: 1s}",
    };
    for (int i = 0; i < 3; i++) {
        const char *sets[] = {brokers[i], "seed=5", "drain=30s"};
        struct fixture f = play(sets, 3, 1);
        rig_all_is_quiet(f.world);
        uint64_t dry = f.world->desk->unbrokered;
        print_message("%s: %llu without\n", brokers[i], (unsigned long long)dry);
        if (i == 0)
            assert_int_equal(dry, 0);
        else
            assert_true(dry > 0);
        fixture_free(&f);
    }
}

/* ---- one contract that everybody uses ---- */

static const char hot_town[] = "duration: 20s\n"
                               "drain: 10s\n"
                               "signatures: modelled\n"
                               "verify: serialisable\n"
                               "routing: {policy: hash}\n"
                               "network: {latency: {kind: constant, delay: 20ms}}\n"
                               "layers:\n"
                               "  - count: 4\n"
                               "    nodes: 4\n"
                               "    consensus: {kind: tendermint, block_interval: 500ms}\n"
                               "workload:\n"
                               "  - {kind: erc20, rate: 20/s, accounts: 2000, tokens: 1}\n";

/* Its home's own users get their turn between crossings, and crossings do not all give up in the
 * queue: one holds it from a block to the next but one, so about one a second is carried through;
 * the lane takes all that waits at once. */
static void queue_moves_on(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        "crosslayer={kind: two-phase-commit, timeout: 8s}", "crosslayer={kind: optimistic}",
        "crosslayer={kind: migrate}", "crosslayer={kind: sequential-lane}"};
    static const uint64_t least[] = {15, 10, 8, 250};
    for (int i = 0; i < 4; i++) {
        const char *sets[] = {kinds[i]};
        struct fixture f = fixture_make(hot_town, sets, 1, 1, NULL);
        struct evm_u256 genesis = rig_held(f.world);
        fixture_run(&f);
        const struct world *w = f.world;
        uint64_t committed = 0, local;
        for (layer_id k = 0; k < w->layer_count; k++)
            committed += w->layers[k].committed_txs;
        local = committed - w->desk->cross_txs;
        print_message("%s: %llu crossed, %llu did not\n", kinds[i],
                      (unsigned long long)w->desk->cross_txs, (unsigned long long)local);
        assert_int_equal(w->violations, 0);
        rig_value_is_kept(w, &genesis);
        if (w->desk->cross_txs < least[i] || local < 40)
            fail_msg("%llu and %llu are too few", (unsigned long long)w->desk->cross_txs,
                     (unsigned long long)local);
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_any_weather),
        cmocka_unit_test(while_accounts_move),
        cmocka_unit_test(in_a_hurry),
        cmocka_unit_test(many_seeds),
        cmocka_unit_test(in_flight),
        cmocka_unit_test(same_for_any_threads),
        cmocka_unit_test(share_that_crosses),
        cmocka_unit_test(relay_halves_capacity),
        cmocka_unit_test(broken_ends_are_found),
        cmocka_unit_test(broker_runs_dry),
        cmocka_unit_test(queue_moves_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
