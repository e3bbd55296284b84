/* What limits a network of several layers, each limit provoked by a small scenario; and what the
 * summary counts of crossings, locks and moves. */
#include "models/world/figures.h"
#include "tests/property/world_fixture.h"

#include <math.h>

#define HEAD                                                                                       \
    "duration: 12s\ndrain: 3s\nsignatures: modelled\n"                                             \
    "network: {latency: {kind: constant, delay: 10ms}, topology: full-mesh}\n"                     \
    "routing: {policy: hash, epoch: 3s}\n"
#define FOUR                                                                                       \
    "layers: [{name: shard, count: 4, nodes: 2, consensus: {kind: tendermint, block_interval: "    \
    "500ms}}]\n"
#define LOAD(what) "workload: [" what "]\n"

static struct world_summary run(const char *text, const char *const *sets, size_t count)
{
    struct world_summary s;
    struct fixture f = fixture_make(text, sets, count, 2, NULL);
    fixture_run(&f);
    world_summarise(f.world, &s);
    fixture_free(&f);
    return s;
}

static double figure(const struct world_summary *s, const char *name)
{
    size_t at = figure_find(name);
    assert_true(at != SIZE_MAX);
    return figure_value(at, s);
}

static void expect(const struct world_summary *s, enum world_limit limit, const char *const *parts)
{
    if (s->limit != limit)
        fail_msg("%s instead of %s: %s", world_limit_name(s->limit), world_limit_name(limit),
                 s->limit_text);
    for (; *parts; parts++)
        if (!strstr(s->limit_text, *parts))
            fail_msg("'%s' is not in: %s", *parts, s->limit_text);
}

static void test_little_load(void **state)
{
    (void)state;
    struct world_summary s =
        run(HEAD FOUR LOAD("{kind: transfer, rate: 60/s, accounts: 2000}"), NULL, 0);
    expect(&s, WORLD_LIMIT_LOAD, (const char *const[]){"everything that was offered", NULL});
    assert_non_null(strstr(s.warning, "4 layers for "));
    assert_non_null(strstr(s.warning, "1 such layer would carry this load"));
    assert_non_null(strstr(s.warning, "more than the others' median"));
    assert_non_null(strstr(s.warning, "or offer more"));
    /* Closed form: 1 - 1/k of payments between accounts that hash spreads, within 3.3 deviations.
     */
    const struct world_partition *p = &s.partition;
    double n = (double)s.committed;
    assert_true(n > 500);
    assert_true(fabs(p->cross_share - 0.75) < 3.3 * sqrt(0.75 * 0.25 / n));
    assert_int_equal(p->crossings, (uint64_t)(p->cross_share * n + 0.5));
    /* A lock stands from one block of its layer to another: the outcome comes a block of the
     * sender's layer later. */
    assert_true(p->locked_s.p50 > 0.5 && p->locked_s.p50 < 1.5);
    assert_true(p->cross_latency_s.p50 > p->local_latency_s.p50);
    assert_true(p->imbalance >= 1 && p->imbalance_whole >= 1 && p->tries >= 1);
    assert_true(p->regret >= 0);
    assert_true(isnan(p->prediction_error)); /* hash predicts nothing */
    assert_int_equal(p->moves, 0);

    /* One layer that has room for it alone, and no word of several. */
    const char *one[] = {"layers[0].count=1"};
    s = run(HEAD FOUR LOAD("{kind: transfer, rate: 60/s, accounts: 2000}"), one, 1);
    assert_string_equal(s.warning, "");
    assert_int_equal(s.partition.crossings, 0);
}

static void test_locks(void **state)
{
    (void)state;
    struct world_summary s =
        run(HEAD FOUR LOAD("{kind: transfer, rate: 250/s, accounts: 40}"), NULL, 0);
    expect(&s, WORLD_LIMIT_LOCKS,
           (const char *const[]){"two-phase-commit", "holds accounts for", "block interval", NULL});
    assert_non_null(strstr(s.warning, "Use fewer layers."));
    assert_true(s.partition.locks > 0 && s.partition.held > 0 && s.partition.held_s > 0.4);
    const char *relay[] = {"crosslayer=relay"}; /* which holds nothing */
    struct world_summary by_relay =
        run(HEAD FOUR LOAD("{kind: transfer, rate: 250/s, accounts: 40}"), relay, 1);
    assert_true(by_relay.limit != WORLD_LIMIT_LOCKS);
    assert_int_equal(by_relay.partition.locks + by_relay.partition.held, 0);
    assert_true(isnan(figure(&by_relay, "crossings.locked_mean_s")));
    assert_true(by_relay.committed > 2 * s.committed);
    assert_null(strstr(s.warning, "or offer more"));
}

static void test_hot_account(void **state)
{
    (void)state;
    struct world_summary s =
        run(HEAD FOUR LOAD("{kind: erc20, rate: 150/s, accounts: 1000, tokens: 1}"), NULL, 0);
    expect(&s, WORLD_LIMIT_HOT,
           (const char *const[]){"contract 0x", "100 % of the gas", "more layers cannot help",
                                 "each crossing holds it", NULL});
    assert_true(s.partition.hottest_share > 0.99);

    /* An account that is paid by nearly everybody. */
    s = run(HEAD FOUR LOAD("{kind: transfer, rate: 150/s, accounts: 1000, recipients: zipf(4)}"),
            NULL, 0);
    expect(&s, WORLD_LIMIT_HOT,
           (const char *const[]){"One hot account: account 0x", "several accounts", NULL});
    assert_true(s.partition.hottest_share > 0.5 && s.partition.hottest_share < 1);
}

static void test_imbalance(void **state)
{
    (void)state;
    const char *layers =
        HEAD "layers: [{name: small, nodes: 2, consensus: {kind: tendermint, block_interval: "
             "500ms}, fees: {kind: eip1559, gas_limit: 400kgas}}, {name: large, count: 3, nodes: "
             "2, consensus: {kind: tendermint, block_interval: 500ms}}]\n" LOAD(
                 "{kind: transfer, rate: 400/s, accounts: 2000, pairs: {kind: layers, cross: 0%}}");
    struct world_summary s = run(layers, NULL, 0);
    expect(&s, WORLD_LIMIT_IMBALANCE,
           (const char *const[]){"One overloaded layer: small uses", "least-loaded", NULL});
}

static void test_mail(void **state)
{
    (void)state;
    const char *slow[] = {"interlayer.batch=4s"};
    const char *text = HEAD FOUR LOAD("{kind: transfer, rate: 100/s, accounts: 2000}");
    struct world_summary s = run(text, slow, 1);
    expect(&s, WORLD_LIMIT_MAIL,
           (const char *const[]){"Mail between layers", "interlayer.batch", NULL});
}

static void test_links(void **state)
{
    (void)state;
    const char *slow[] = {"network.link={kind: access, up: 1Mbit/s, down: 1Mbit/s}",
                          "layers[0].nodes=4"};
    const char *text = HEAD FOUR LOAD("{kind: transfer, rate: 300/s, accounts: 4000}");
    struct world_summary s = run(text, slow, 2);
    expect(&s, WORLD_LIMIT_NETWORK, (const char *const[]){"Links", NULL});
    assert_string_equal(s.warning, ""); /* the links of one layer would not carry it */
}

static void test_block_space(void **state)
{
    (void)state;
    const char *tight[] = {"layers[0].fees.gas_limit=1Mgas"};
    struct world_summary s =
        run(HEAD FOUR LOAD("{kind: transfer, rate: 600/s, accounts: 5000}"), tight, 1);
    expect(&s, WORLD_LIMIT_GAS, (const char *const[]){"Block space", NULL});
    assert_string_equal(s.warning, "");
}

/* No profile there is makes the ladder the limit before signatures are (85 ns a transaction against
 * 50 us over the cores), so the world is told that it was. */
static void test_ladder(void **state)
{
    (void)state;
    struct world_summary s;
    struct fixture f = fixture_make(
        "duration: 3s\ndrain: 0s\nsignatures: modelled\nnetwork: {latency: {kind: constant, delay: "
        "10ms}}\nlayers: [{nodes: 2, consensus: {kind: tendermint, block_interval: 500ms}}]\n"
        "workload: [{kind: transfer, rate: 100/s, accounts: 2000}]\n",
        NULL, 0, 2, NULL);
    fixture_run(&f);
    struct world *w = f.world;
    assert_true(w->tally.ladder > 0 && w->tally.ladder < w->tally.makespan);
    w->tally.offered *= 2;
    w->tally.critical_path = w->tally.serial / 10;
    w->nodes[1].execution_time = sim_now(w->sim) * 9 / 10;
    w->tally.ladder = w->tally.makespan * 2 / 5;
    world_summarise(w, &s);
    expect(&s, WORLD_LIMIT_EXECUTION, (const char *const[]){"Execution", NULL});
    w->tally.ladder = w->tally.makespan * 4 / 5;
    world_summarise(w, &s);
    expect(&s, WORLD_LIMIT_LADDER, (const char *const[]){"commit ladder", "80 % of that", NULL});
    fixture_free(&f);
}

/* Calls do not go by relay: neither the figures nor the diagnosis are its. */
static void test_calls(void **state)
{
    (void)state;
    const char *relay[] = {"crosslayer=relay"};
    const char *text = HEAD FOUR LOAD("{kind: transfer, rate: 20/s, accounts: 500}, "
                                      "{kind: erc20, rate: 150/s, accounts: 60, tokens: 8}");
    struct world_summary s = run(text, relay, 1);
    expect(&s, WORLD_LIMIT_LOCKS, (const char *const[]){"By two-phase-commit", NULL});
    assert_null(strstr(s.limit_text, "relay"));
    assert_string_equal(s.partition.calls_by, "two-phase-commit");
    assert_true(s.partition.calls > 0 && s.partition.carried > s.partition.calls);
    s = run(text, NULL, 0); /* takes all */
    assert_null(s.partition.calls_by);
    assert_true(figure(&s, "crossings.calls") == 0);
}

/* Nobody has let go of anything yet: that is no time of 0 s. */
static void test_locks_held(void **state)
{
    (void)state;
    const char *slow[] = {"layers[0].consensus.block_interval=4s", "duration=10s", "drain=0s"};
    struct world_summary s =
        run(HEAD FOUR LOAD("{kind: transfer, rate: 60/s, accounts: 400}"), slow, 3);
    assert_int_equal(s.partition.locks, 0);
    assert_true(isnan(figure(&s, "crossings.locked_mean_s")));
    assert_true(figure(&s, "crossings.locked_open") > 0);
    expect(&s, WORLD_LIMIT_LOCKS, (const char *const[]){"no crossing has let go", NULL});
    assert_null(strstr(s.limit_text, " 0 s"));
}

/* Crossings that do not pay what blocks ask wait for that, and not for locks. */
static void test_priced_out(void **state)
{
    (void)state;
    const char *dear[] = {"layers[0].fees={kind: eip1559, initial_base_fee: 50gwei, "
                          "min_base_fee: 20gwei}"};
    struct world_summary s =
        run(HEAD FOUR LOAD("{kind: transfer, rate: 30/s, accounts: 500}, {kind: transfer, "
                           "rate: 60/s, accounts: 500, max_fee: 10gwei}"),
            dear, 1);
    expect(&s, WORLD_LIMIT_GAS, (const char *const[]){"Block space", "offer less", NULL});
    assert_true(s.partition.locks > 0);
}

/* Without a policy all goes to the first layer; the others' empty blocks hide it from the mean. */
static void test_idle(void **state)
{
    (void)state;
    const char *sets[] = {"routing.policy=none", "layers[0].fees.gas_limit=1Mgas"};
    struct world_summary s =
        run(HEAD FOUR LOAD("{kind: transfer, rate: 200/s, accounts: 2000}"), sets, 2);
    assert_true(s.full_blocks < 0.5);
    expect(&s, WORLD_LIMIT_GAS,
           (const char *const[]){"Block space of one layer", "of shard-0 had no room", NULL});
    assert_non_null(strstr(s.warning, "Nothing is sent to 3 of 4 layers"));
    assert_int_equal(s.idle_layers, 3);
    sets[1] = "workload[0].layer=shard-1"; /* the scenario says so itself */
    s = run(HEAD FOUR LOAD("{kind: transfer, rate: 200/s, accounts: 2000}"), sets, 2);
    assert_int_equal(s.idle_layers, 0);
    assert_string_equal(s.warning, "");
}

/* "1 such layer" needs layers that are alike, in one entry or in several. */
static void test_unlike(void **state)
{
    (void)state;
    const char *text =
        HEAD "layers: [{name: a, nodes: 2, consensus: {kind: tendermint, block_interval: 500ms}}, "
             "{name: b, nodes: 2, consensus: {kind: tendermint, block_interval: 500ms}}]\n" LOAD(
                 "{kind: transfer, rate: 60/s, accounts: 2000}");
    struct world_summary s = run(text, NULL, 0);
    assert_non_null(strstr(s.warning, "1 such layer would carry this load"));
    assert_int_equal(s.enough_layers, 1);
    const char *unlike[][1] = {{"layers.a.fees.gas_limit=2Mgas"},
                               {"layers.a.consensus.block_interval=1s"},
                               {"layers.b.nodes=4"},
                               {"layers.b.execution.slowdown=3"}};
    for (size_t i = 0; i < sizeof unlike / sizeof *unlike; i++) {
        s = run(text, unlike[i], 1);
        assert_string_equal(s.warning, "");
        assert_int_equal(s.enough_layers, 0);
    }
}

/* The mean base fee of a layer lies among its blocks', and the small layer is the dear one. */
static void test_base_fees(void **state)
{
    (void)state;
    const char *text = HEAD
        "layers: [{name: small, nodes: 2, consensus: {kind: tendermint, block_interval: 500ms}, "
        "fees: {kind: eip1559, gas_limit: 400kgas}}, {name: large, nodes: 2, consensus: {kind: "
        "tendermint, block_interval: 500ms}}]\n" LOAD(
            "{kind: transfer, rate: 60/s, accounts: 400}");
    struct world_summary s = run(text, NULL, 0);
    const struct world_partition *p = &s.partition;
    assert_string_equal(p->cheapest, "large");
    assert_string_equal(p->dearest, "small");
    assert_true(s.base_fee_min_gwei <= p->base_fee_least_gwei);
    assert_true(p->base_fee_least_gwei < p->base_fee_most_gwei);
    assert_true(p->base_fee_most_gwei <= s.base_fee_max_gwei);
}

static void test_verified(void **state)
{
    (void)state;
    const char *sets[] = {"verify=serialisable"};
    const char *text = HEAD FOUR LOAD("{kind: transfer, rate: 60/s, accounts: 2000}");
    struct world_summary s = run(text, sets, 1);
    assert_true(s.verified.on && s.verified.blocks > 0);
    assert_int_equal(s.verified.txs, s.committed);
    assert_int_equal(s.verified.differences, 0);
    s = run(text, NULL, 0);
    assert_false(s.verified.on);
    assert_true(isnan(figure(&s, "verified.transactions")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_little_load), cmocka_unit_test(test_locks),
        cmocka_unit_test(test_hot_account), cmocka_unit_test(test_imbalance),
        cmocka_unit_test(test_mail),        cmocka_unit_test(test_block_space),
        cmocka_unit_test(test_ladder),      cmocka_unit_test(test_links),
        cmocka_unit_test(test_calls),       cmocka_unit_test(test_locks_held),
        cmocka_unit_test(test_priced_out),  cmocka_unit_test(test_idle),
        cmocka_unit_test(test_unlike),      cmocka_unit_test(test_base_fees),
        cmocka_unit_test(test_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
