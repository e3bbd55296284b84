/* Costs of placements by hand; the lower bound and the search against every placement of tiny
 * worlds; communities that the oracle must find; what moves cost; regret. */
#include "models/routing/oracle.h"
#include "models/routing/search_internal.h"
#include "tests/unit/routing_rig.h"

#include <math.h>

#define assert_near(a, b, by)                                                                      \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (!(fabs(a_ - b_) <= (by)))                                                              \
            fail_msg("%.12g is not %.12g", a_, b_);                                                \
    } while (0)

static const struct cost_rules rules = {1, 50000, 100000000};

static const struct route_layer *alike(layer_id layers)
{
    static struct route_layer of[RIG_LAYERS];
    for (layer_id l = 0; l < layers; l++)
        of[l] = (struct route_layer){.speed = 4, .gas_limit = 2000000, .interval = 2 * SIM_SEC};
    return of;
}

static void test_by_hand(void **state)
{
    (void)state;
    struct cost_meter m;
    struct cost c;
    double bound = 0;
    account_id who[] = {0, 1, 2, 3, 0, 0, 1, 2, 4};
    struct route_future txs[] = {{0, 0, 2, 100000}, /* 0, 1: home */
                                 {0, 2, 2, 50000},  /* 2, 3: crosses */
                                 {0, 4, 2, 30000},  /* 0 twice */
                                 {0, 6, 3, 10000}}; /* 1, 2, 4: 4 is everywhere */
    layer_id home[] = {0, 0, 1, 2, LAYER_ALL};
    struct cost_batch batch = {txs, 4, who};
    struct cost_rules dear = {1.5, 0, 100000000};
    assert_int_equal(cost_meter_init(&m, &rules, 3, alike(3)), ERR_OK);
    cost_measure(&m, &batch, home, &c);
    assert_near(m.work[0], 140000, 1e-6);
    assert_near(m.work[1], 60000, 1e-6);
    assert_near(m.work[2], 50000, 1e-6);
    assert_near(c.time, 0.14, 1e-12); /* 1 Mgas a second each */
    assert_int_equal(c.slowest, 0);
    assert_int_equal(c.crossing, 2);
    assert_near(c.crossings, 0.5, 0);
    assert_near(c.gas, 190000, 0);
    assert_near(c.work, 250000, 1e-6);
    assert_int_equal(cost_bound(&m, &batch, 5, &bound), ERR_OK);
    assert_near(bound, 0.13, 1e-12); /* account 0 */
    cost_meter_fini(&m);
    assert_int_equal(cost_meter_init(&m, &dear, 3, alike(3)), ERR_OK);
    cost_measure(&m, &batch, home, &c);
    assert_near(m.work[1], 90000, 1e-6);
    cost_meter_fini(&m);
    cost_meter_fini(&m);
    struct route_layer weak = {.speed = 0.5, .gas_limit = 30000000};
    assert_near(cost_capacity(&rules, &weak), 5e7, 1e-3);
    weak.interval = SIM_SEC;
    assert_near(cost_capacity(&rules, &weak), 3e7, 1e-3);
}

/* Relay: with nothing but crossings between two layers, half of the capacity is left. */
static void test_half_capacity(void **state)
{
    (void)state;
    struct cost_meter m;
    struct cost apart, together;
    account_id who[200];
    struct route_future txs[100];
    layer_id home[200], one[200];
    for (uint32_t i = 0; i < 100; i++) {
        txs[i] = (struct route_future){0, 2 * i, 2, 21000};
        who[2 * i] = 2 * i;
        who[2 * i + 1] = 2 * i + 1;
        home[2 * i] = i % 2;
        home[2 * i + 1] = !(i % 2);
        one[2 * i] = one[2 * i + 1] = i % 2;
    }
    struct cost_batch batch = {txs, 100, who};
    assert_int_equal(cost_meter_init(&m, &rules, 2, alike(2)), ERR_OK);
    cost_measure(&m, &batch, home, &apart);
    cost_measure(&m, &batch, one, &together);
    assert_near(apart.time / together.time, 2, 1e-12);
    assert_near(apart.crossings, 1, 0);
    cost_meter_fini(&m);
}

/* ---- a batch made up ---- */

#define MOST 20000
struct made {
    struct route_future txs[MOST];
    account_id who[3 * MOST];
    struct cost_batch batch;
    struct sim_stream rng;
};

static void made_init(struct made *m, uint64_t seed)
{
    m->batch = (struct cost_batch){m->txs, 0, m->who};
    sim_stream_init(&m->rng, seed, 0, sim_purpose("test.batch"));
}

static void made_add(struct made *m, const account_id *who, uint32_t count, uint64_t gas)
{
    uint32_t i = m->batch.count++;
    m->txs[i] = (struct route_future){0, 3 * i, count, gas};
    memcpy(&m->who[3 * i], who, count * sizeof *who);
}

static void made_random(struct made *m, uint32_t txs, uint32_t accounts)
{
    while (txs--) {
        account_id who[3];
        uint32_t count = 1 + (uint32_t)sim_stream_below(&m->rng, 3);
        for (uint32_t k = 0; k < count; k++)
            who[k] = (account_id)sim_stream_below(&m->rng, accounts);
        made_add(m, who, count, 21000 + sim_stream_below(&m->rng, 200000));
    }
}

/* All placements of 6 accounts on 3 layers of different speeds. */
static void test_exhaustive(void **state)
{
    (void)state;
    static struct made made;
    double worst = 0, sum = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct oracle o;
        struct cost c;
        struct route_layer of[3];
        struct cost_rules r = {seed % 3 ? 1 : 0.7, 0, 100000000};
        double best = INFINITY, bound = 0;
        layer_id home[6];
        memcpy(of, alike(3), sizeof of);
        of[seed % 3].gas_limit *= 2;
        made_init(&made, seed);
        made_random(&made, 12, 6);
        assert_int_equal(oracle_init(&o, &r, 3, of, 2, 1), ERR_OK);
        for (uint32_t n = 0; n < 729; n++) {
            for (uint32_t a = 0, rest = n; a < 6; a++, rest /= 3)
                home[a] = (layer_id)(rest % 3);
            cost_measure(&o.meter, &made.batch, home, &c);
            best = fmin(best, c.time);
        }
        assert_int_equal(cost_bound(&o.meter, &made.batch, 6, &bound), ERR_OK);
        if (bound > best * (1 + 1e-12))
            fail_msg("seed %d: bound %.9f above the best %.9f", (int)seed, bound, best);
        for (uint32_t a = 0; a < 6; a++)
            home[a] = (layer_id)(a % 3);
        assert_int_equal(oracle_plan(&o, &made.batch, 6, 0, home), ERR_OK);
        cost_measure(&o.meter, &made.batch, home, &c);
        assert_true(c.time >= best * (1 - 1e-12));
        worst = fmax(worst, c.time / best);
        sum += c.time / best;
        oracle_fini(&o);
    }
    if (worst > 1.2 || sum / 60 > 1.02)
        fail_msg("worst %.3f of the best, mean %.4f", worst, sum / 60);
}

/* What moves change bit by bit is what counting anew gives. */
static void test_increments(void **state)
{
    (void)state;
    static struct made made;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct search_builder b;
        struct search_level s;
        layer_id home[40], *after;
        double capacity[5], base[5];
        made_init(&made, seed);
        made_random(&made, 300, 40);
        for (uint32_t a = 0; a < 40; a++)
            home[a] = a % 7 == 6 ? LAYER_ALL : (layer_id)sim_stream_below(&made.rng, 5);
        for (int l = 0; l < 5; l++) {
            capacity[l] = 4e6 + 1e6 * sim_stream_double(&made.rng);
            base[l] = 3e6 * sim_stream_double(&made.rng);
        }
        search_builder_init(&b);
        assert_int_equal(search_builder_reset(&b, 40), ERR_OK);
        for (uint32_t i = 0; i < made.batch.count; i++)
            assert_int_equal(search_builder_add(&b, &made.who[made.txs[i].first], made.txs[i].count,
                                                (double)made.txs[i].gas, home),
                             ERR_OK);
        struct search_problem p = {
            .layers = 5, .capacity = capacity, .base = base, .crossing = 0.8, .apart = 0.5};
        search_builder_get(&b, 30000, 0.1, &p);
        after = calloc(p.node_count, sizeof *after);
        for (uint32_t n = 0; n < p.node_count; n++)
            after[n] = p.shares[n].layer;
        assert_int_equal(search_level_init(&s, &p), ERR_OK);
        search_level_place(&s, after);
        double before = search_level_value(&s);
        search_level_improve(&s);
        double stepped = search_level_value(&s);
        memcpy(after, s.home, p.node_count * sizeof *after);
        assert_true(stepped < before);
        assert_near(stepped / search_value(&p, after), 1, 1e-9);
        search_level_fini(&s);
        free(after);
        search_builder_fini(&b);
    }
}

/* Hot accounts with followers, spread at random; one community a layer would cross nothing. */
static void communities(struct made *made, uint32_t groups, uint32_t txs)
{
    while (txs--) {
        uint32_t g = (uint32_t)sim_stream_below(&made->rng, groups);
        account_id who[] = {(account_id)(100 + g * 25 + sim_stream_below(&made->rng, 25)), g};
        made_add(made, who, 2, 50000);
    }
}

static void gathered(uint64_t seed, layer_id layers, uint32_t groups, double near, double apart)
{
    static struct made made;
    struct oracle o;
    struct cost before, after;
    static layer_id home[2700];
    double bound = 0;
    made_init(&made, seed);
    communities(&made, groups, groups * 180);
    for (uint32_t a = 0; a < 2700; a++)
        home[a] = (layer_id)sim_stream_below(&made.rng, layers);
    assert_int_equal(oracle_init(&o, &rules, layers, alike(layers), 2, 1), ERR_OK);
    cost_measure(&o.meter, &made.batch, home, &before);
    assert_int_equal(oracle_plan(&o, &made.batch, 2700, 0, home), ERR_OK);
    cost_measure(&o.meter, &made.batch, home, &after);
    assert_int_equal(cost_bound(&o.meter, &made.batch, 2700, &bound), ERR_OK);
    if (after.time > near * bound || after.crossings > apart)
        fail_msg("seed %d: %.3f s before, %.3f after (%.1f %% cross), bound %.3f", (int)seed,
                 before.time, after.time, 100 * after.crossings, bound);
    oracle_fini(&o);
}

static void test_communities(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        gathered(seed, 4, 16, 1.03, 0.03);
}

/* So many layers that not all are weighed for each move; two groups a layer. */
static void test_many_layers(void **state)
{
    (void)state;
    gathered(6, 40, 80, 1.1, 0.1);
}

/* Where moving costs more than there is to gain, all stay; where it costs little, few move. */
static void test_moving(void **state)
{
    (void)state;
    static struct made made;
    double moved[3];
    const double price[] = {0, 200000, 1e9};
    for (int i = 0; i < 3; i++) {
        struct oracle o;
        layer_id home[600], start[600];
        made_init(&made, 11);
        communities(&made, 16, 3000);
        for (uint32_t a = 0; a < 600; a++)
            start[a] = home[a] = (layer_id)sim_stream_below(&made.rng, 4);
        assert_int_equal(oracle_init(&o, &rules, 4, alike(4), 2, 1), ERR_OK);
        assert_int_equal(oracle_plan(&o, &made.batch, 600, price[i], home), ERR_OK);
        moved[i] = 0;
        for (uint32_t a = 0; a < 600; a++)
            moved[i] += home[a] != start[a];
        oracle_fini(&o);
    }
    assert_true(moved[0] > 250 && moved[1] < moved[0] && moved[1] > 0);
    assert_near(moved[2], 0, 0);
}

static void test_regret(void **state)
{
    (void)state;
    static struct made made;
    struct regret r;
    struct regret_window w;
    layer_id home[600];
    assert_int_equal(regret_init(&r, &rules, 4, alike(4)), ERR_OK);
    for (uint32_t a = 0; a < 600; a++)
        home[a] = (layer_id)(a * 2654435761u >> 8) % 4;
    for (uint64_t window = 1; window <= 6; window++) {
        made_init(&made, window);
        communities(&made, 16, 1000);
        assert_int_equal(regret_add(&r, &made.batch, 600, home, &w), ERR_OK);
        assert_true(w.oracle.time >= w.bound * (1 - 1e-12));
        assert_near(w.regret, w.policy.time / fmin(w.oracle.time, w.policy.time) - 1, 1e-12);
        assert_true(window < 3 || w.regret > 0.4); /* three of four cross */
    }
    /* Who places as the oracle does regrets nothing. */
    memcpy(home, r.home, sizeof home);
    assert_int_equal(regret_add(&r, &made.batch, 600, home, &w), ERR_OK);
    assert_true(w.regret < 0.03);
    made.batch.count = 0;
    assert_int_equal(regret_add(&r, &made.batch, 600, home, &w), ERR_OK);
    assert_near(w.regret, 0, 0);
    regret_fini(&r);
}

/* The policy: the first state is placed for what comes, an epoch moves what changes. */
static void test_policy(void **state)
{
    (void)state;
    static struct made made;
    struct routing_rig r;
    double gas[4] = {0}, sum = 0;
    char why[200];
    uint32_t crossings = 0;
    made_init(&made, 5);
    communities(&made, 16, 3000);
    for (uint32_t i = 0; i < 3000; i++)
        made.txs[i].at = (sim_time)i * 10 * SIM_MS;
    rig_prepare(&r, "{kind: oracle}", 4, 7);
    r.env.future = made.txs;
    r.env.future_count = 3000;
    r.env.future_accounts = made.who;
    rig_start(&r);
    rig_accounts(&r, 600, false);
    for (uint32_t i = 0; i < 3000; i++)
        crossings += rig_home(&r.env, made.who[3 * i]) != rig_home(&r.env, made.who[3 * i + 1]);
    assert_true(crossings < 100);
    for (uint32_t a = 0; a < 16; a++) /* somebody scatters the hot ones */
        *(layer_id *)vec_at(&r.homes, a) = (layer_id)(a % 4);
    assert_true(rig_epoch(&r, 1000) > 0);
    assert_true(r.ops->predicted(r.state, gas));
    for (int l = 0; l < 4; l++)
        sum += gas[l];
    assert_near(sum / (1000 * 50000.0), 1, 0.05);
    r.ops->reason(r.state, why, sizeof why);
    assert_non_null(strstr(why, "accounts"));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),     cmocka_unit_test(test_half_capacity),
        cmocka_unit_test(test_exhaustive),  cmocka_unit_test(test_increments),
        cmocka_unit_test(test_communities), cmocka_unit_test(test_many_layers),
        cmocka_unit_test(test_moving),      cmocka_unit_test(test_regret),
        cmocka_unit_test(test_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
