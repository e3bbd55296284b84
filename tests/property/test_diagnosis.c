/* What limits a network of several layers, each limit provoked by a small scenario; and what the
 * summary counts of crossings, locks and moves. */
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
    const char *relay[] = {"crosslayer=relay"}; /* which holds nothing */
    struct world_summary by_relay =
        run(HEAD FOUR LOAD("{kind: transfer, rate: 250/s, accounts: 40}"), relay, 1);
    expect(&by_relay, WORLD_LIMIT_ORDER,
           (const char *const[]){"Senders' order", "More senders", NULL});
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_little_load), cmocka_unit_test(test_locks),
        cmocka_unit_test(test_hot_account), cmocka_unit_test(test_imbalance),
        cmocka_unit_test(test_mail),        cmocka_unit_test(test_block_space),
        cmocka_unit_test(test_ladder),      cmocka_unit_test(test_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
