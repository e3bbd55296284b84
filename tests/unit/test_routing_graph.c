/* Routing policies by graph: what each promises, and how much they save on a town's transfers. */
#include "tests/unit/routing_town.h"

#include "models/routing/graph_igraph.h"
#include "models/routing/graphed.h"
#include "models/routing/kway.h"
#include "models/routing/pull.h"

static void set_home(struct routing_rig *r, account_id account, layer_id home)
{
    *(layer_id *)vec_at(&r->homes, account) = home;
}

static void use_together(struct routing_rig *r, account_id a, account_id b, uint32_t times)
{
    while (times--)
        rig_send(r, (account_id[]){a, b}, 2, 21000);
}

/* Every two accounts from `first` on, `size` of them. */
static void clique(struct routing_rig *r, account_id first, uint32_t size)
{
    for (account_id a = first; a < first + size; a++)
        for (account_id b = first; b < first + size; b++)
            if (a != b)
                use_together(r, a, b, 1);
}

/* ---- the graph ---- */

static void test_graph_of_reports(void **state)
{
    struct routing_rig r;
    struct route_graph g;
    const struct route_edge first[] = {{.a = 1, .b = 1, .weight = 4, .sent_a = 4, .gas = 84000},
                                       {.a = 1, .b = 6, .weight = 2, .sent_a = 2, .gas = 60000},
                                       {.a = 3, .b = 5, .weight = 3, .sent_b = 3, .gas = 90000}};
    const struct route_edge second[] = {{.a = 3, .b = 5, .weight = 1, .sent_a = 1, .gas = 30000},
                                        {.a = 5, .b = 6, .weight = 2, .sent_b = 2, .gas = 40000}};
    (void)state;
    rig_open(&r, "hash", 3, 1);
    rig_accounts(&r, 8, false);
    set_home(&r, 6, 2);
    route_graph_init(&g, &r.env);
    route_graph_observe(
        &g, &(struct route_report){.gas_used = 234000, .edges = first, .edge_count = 3});
    /* Half the gas of its pairs was executed: each stands for half. */
    route_graph_observe(
        &g, &(struct route_report){.gas_used = 35000, .edges = second, .edge_count = 2});
    assert_true(route_graph_build(&g));
    assert_int_equal(g.count, 4); /* 1, 3, 5, 6 */
    assert_int_equal(g.account[2], 5);
    assert_int_equal(g.home[3], 2);
    assert_true(g.load[0] == 144000 && g.load[1] == 15000 && g.load[2] == 90000 &&
                g.load[3] == 20000);
    assert_true(g.alone[0] == 4 && g.alone[3] == 0);
    assert_int_equal(g.first[3] - g.first[2], 2); /* 5: 3 and 6 */
    assert_int_equal(g.other[g.first[2]], 1);
    assert_true(g.weight[g.first[2]] == 4 && g.gas[g.first[2]] == 120000);
    assert_true(route_graph_degree(&g, 3) == 4);
    /* 1 | 3 5 | 6: pairs 1-6 (2) and 5-6 (2) of 8. */
    assert_true(route_graph_cut(&g, (layer_id[]){0, 1, 1, 2}) == 0.5);

    set_home(&r, 6, LAYER_ALL); /* ties nobody to a layer any more */
    route_graph_age(&g, 0.5, 0.5);
    assert_true(route_graph_build(&g));
    assert_int_equal(g.count, 3);
    assert_true(g.alone[0] == 3 && g.alone[2] == 1 && g.weight[g.first[2]] == 2);
    route_graph_age(&g, 0.02, 0.02); /* 0.04 of a transaction, and less: forgotten */
    assert_true(route_graph_build(&g));
    assert_int_equal(g.count, 0);
    route_graph_fini(&g);
    rig_close(&r);
}

static void test_names_keep_accounts_in_place(void **state)
{
    struct routing_rig r;
    struct route_graph g;
    layer_id part[6] = {1, 1, 1, 0, 0, 2};
    (void)state;
    rig_open(&r, "hash", 3, 1);
    rig_accounts(&r, 6, false);
    for (account_id i = 0; i < 6; i++) {
        set_home(&r, i, (layer_id[]){2, 2, 0, 0, 1, 1}[i]);
        rig_send(&r, &i, 1, 21000);
    }
    route_graph_init(&g, &r.env);
    struct vec edges;
    vec_init(&edges, sizeof(struct route_edge));
    for (size_t i = 0; i < r.sent.len; i++)
        rig_edges(&edges, vec_at(&r.sent, i));
    route_graph_observe(
        &g, &(struct route_report){.gas_used = 126000, .edges = edges.data, .edge_count = 6});
    assert_true(route_graph_build(&g));
    assert_true(route_relabel(&g, part));
    /* Part 1 has two of layer 2; part 0 one of layer 0 and one of layer 1, the lower first. */
    for (int v = 0; v < 6; v++)
        assert_int_equal(part[v], ((layer_id[]){2, 2, 2, 0, 0, 1})[v]);
    vec_fini(&edges);
    route_graph_fini(&g);
    rig_close(&r);
}

/* ---- co-access ---- */

static void test_co_access_brings_together(void **state)
{
    struct routing_rig r;
    (void)state;
    rig_open(&r, "{kind: co-access, imbalance: 20%}", 2, 1);
    rig_accounts(&r, 20, false);
    for (account_id i = 0; i < 20; i++) /* seven of ten at one layer */
        set_home(&r, i, (layer_id)(i % 10 < 7 ? i / 10 : 1 - i / 10));
    clique(&r, 0, 10), clique(&r, 10, 10);
    rig_report(&r);
    assert_int_equal(rig_epoch(&r, 100), 6);
    for (account_id i = 0; i < 20; i++)
        assert_int_equal(rig_home(&r.env, i), i / 10);
    clique(&r, 0, 10), clique(&r, 10, 10);
    assert_true(rig_report(&r) == 0);
    assert_int_equal(rig_epoch(&r, 100), 0);
    rig_close(&r);
}

/* All would go to one layer, but for the bound on its load. */
static void test_co_access_keeps_loads_in_bounds(void **state)
{
    struct routing_rig r;
    double gas[2];
    (void)state;
    rig_open(&r, "{kind: co-access, imbalance: 30%}", 2, 1);
    rig_accounts(&r, 40, false);
    for (account_id i = 0; i < 40; i++)
        set_home(&r, i, i % 2);
    for (int e = 0; e < 4; e++) {
        clique(&r, 0, 40);
        rig_report(&r);
        rig_epoch(&r, 100);
    }
    clique(&r, 0, 40);
    rig_gas(&r, gas);
    assert_true(fabs(gas[0] - gas[1]) <= 0.3 * (gas[0] + gas[1]) + 1);
    rig_close(&r);
}

/* An account follows what it is used with now, once the past has faded; not for a small gain. */
static void test_co_access_follows(void **state)
{
    struct routing_rig r;
    int epochs = 0;
    (void)state;
    rig_open(&r, "{kind: co-access, memory: 50%, threshold: 30%, imbalance: 1000%}", 2, 1);
    rig_accounts(&r, 5, false);
    for (account_id i = 0; i < 5; i++)
        set_home(&r, i, i >= 3);
    use_together(&r, 0, 1, 80), use_together(&r, 0, 2, 80); /* at home */
    use_together(&r, 1, 2, 400), use_together(&r, 3, 4, 400);
    rig_report(&r);
    assert_int_equal(rig_epoch(&r, 10), 0);
    while (rig_home(&r.env, 0) == 0 && epochs < 9) {
        use_together(&r, 0, 3, 50), use_together(&r, 0, 4, 50);
        rig_report(&r);
        rig_epoch(&r, 10);
        epochs++;
    }
    /* Home 160 / 2^n; away 100, 150, 175: after one epoch 80 to 100, saves 20 of 100; after two
     * 40 to 150. */
    assert_int_equal(epochs, 2);
    use_together(&r, 3, 4, 400), use_together(&r, 1, 2, 400);
    rig_report(&r);
    assert_int_equal(rig_epoch(&r, 10), 0);
    rig_close(&r);
}

/* ---- nearest ---- */

/* Layers on a line, 10 ms apart: 0 - 1 - 2 - 3 - 4. */
static void line_open(struct routing_rig *r, const char *policy)
{
    rig_prepare(r, policy, 5, 1);
    for (layer_id a = 0; a < 5; a++)
        for (layer_id b = 0; b < 5; b++)
            r->delays[a][b] = (a > b ? a - b : b - a) * 10 * SIM_MS;
    rig_start(r);
}

static void test_nearest_to_what_it_is_used_with(void **state)
{
    struct routing_rig r;
    (void)state;
    line_open(&r, "{kind: nearest, imbalance: 1000%}");
    rig_accounts(&r, 1, true);
    assert_int_equal(rig_home(&r.env, 0), 2); /* best connected */
    rig_accounts(&r, 9, false);
    set_home(&r, 1, 0), set_home(&r, 2, 2), set_home(&r, 3, 3), set_home(&r, 4, 4);
    for (account_id i = 5; i < 10; i++) /* each keeps one of these in place */
        set_home(&r, i, (layer_id)(i - 5));
    for (account_id i = 2; i < 5; i++) {
        rig_send(&r, (account_id[]){i, i + 5}, 2, 10000000);
        rig_send(&r, (account_id[]){1, i}, 2, (uint64_t[]){300000, 200000, 200000}[i - 2]);
    }
    /* From layer 0: 2 x 300 + 3 x 200 + 4 x 200; the median is layer 3: 300 + 200 = 500 (layer 2:
     * 200 + 400 = 600). */
    rig_report(&r);
    assert_int_equal(rig_epoch(&r, 10), 1);
    assert_int_equal(rig_home(&r.env, 1), 3);
    rig_close(&r);
}

/* Processing power draws the centre: most comes from layers 3 and 4. */
static void test_centre_by_power(void **state)
{
    struct routing_rig r;
    (void)state;
    rig_prepare(&r, "nearest", 5, 1);
    for (layer_id a = 0; a < 5; a++) {
        r.layers[a].speed = a < 3 ? 1 : 8;
        for (layer_id b = 0; b < 5; b++)
            r.delays[a][b] = (a > b ? a - b : b - a) * 10 * SIM_MS;
    }
    rig_start(&r);
    rig_accounts(&r, 1, true);
    assert_int_equal(rig_home(&r.env, 0), 3);
    rig_close(&r);
}

/* ---- communities and partitions ---- */

enum { GROUPS = 24, GROUP = 50 };

/* Account i belongs to group i % 24; nine of ten pairs are within one. */
static void planted(struct routing_rig *r, struct sim_stream *s)
{
    for (uint32_t n = 0; n < GROUPS * GROUP * 10; n++) {
        account_id a = (account_id)sim_stream_below(s, GROUPS * GROUP);
        account_id b = (account_id)sim_stream_below(s, GROUPS * GROUP);
        if (sim_stream_below(s, 10))
            b = (account_id)(b / GROUPS * GROUPS + a % GROUPS);
        if (a != b)
            use_together(r, a, b, 1);
    }
}

static void graph_of(struct routing_rig *r, struct route_graph *g)
{
    struct vec edges;
    vec_init(&edges, sizeof(struct route_edge));
    for (size_t i = 0; i < r->sent.len; i++)
        rig_edges(&edges, vec_at(&r->sent, i));
    struct route_report report = {.gas_used = UINT64_MAX, .edge_count = rig_gather(&edges)};
    report.edges = edges.data;
    route_graph_init(g, &r->env);
    route_graph_observe(g, &report);
    vec_fini(&edges);
    assert_true(route_graph_build(g));
}

static void test_leiden_finds_planted_communities(void **state)
{
    struct routing_rig r;
    struct route_graph g;
    struct sim_stream s;
    uint32_t count, *community = calloc(GROUPS * GROUP, sizeof *community);
    (void)state;
    rig_open(&r, "leiden", 4, 1);
    rig_accounts(&r, GROUPS * GROUP, false);
    sim_stream_init(&s, 2, 0, sim_purpose("test.planted"));
    planted(&r, &s);
    graph_of(&r, &g);
    assert_int_equal(g.count, GROUPS * GROUP);
    assert_int_equal(route_leiden(&g, 1, 10, &r.rng, community, &count), ERR_OK);
    assert_int_equal(count, GROUPS);
    for (uint32_t v = 0; v < g.count; v++)
        assert_int_equal(community[v], v % GROUPS); /* numbered by their lowest vertex */
    route_graph_fini(&g);
    free(community);
    rig_close(&r);
}

static double worst_load(const struct route_graph *g, const layer_id *part, layer_id k)
{
    double loads[RIG_LAYERS], all = 0, worst = 0;
    route_loads_of(g, part, loads);
    for (layer_id l = 0; l < k; l++) {
        all += loads[l];
        worst = fmax(worst, loads[l]);
    }
    return worst / (all / k);
}

/* 24 planted groups, cut into 2 to 16 parts: about the tenth of pairs that lead out of groups is
 * cut where groups come out even, where hash cuts 1 - 1/k; loads are within the bound. */
static void test_kway_finds_planted_partitions(void **state)
{
    static const layer_id parts[] = {2, 4, 8, 16};
    (void)state;
    for (int i = 0; i < 4; i++) {
        layer_id k = parts[i], *part = calloc(GROUPS * GROUP, sizeof *part);
        double share[16];
        struct routing_rig r;
        struct route_graph g;
        struct sim_stream s;
        rig_open(&r, "metis", k, 1);
        rig_accounts(&r, GROUPS * GROUP, false);
        sim_stream_init(&s, 2, 0, sim_purpose("test.planted"));
        planted(&r, &s);
        graph_of(&r, &g);
        route_shares(&r.env, share);
        assert_true(kway_partition(
            &(struct kway_graph){g.count, g.first, g.other, g.weight, g.load},
            &(struct kway_rules){
                .parts = k, .share = share, .imbalance = 0.05, .tries = 4, .passes = 10},
            &r.rng, part));
        double cut = route_graph_cut(&g, part), hash = route_graph_cut(&g, g.home);
        double worst = worst_load(&g, part, k);
        print_message("%2u parts: cut %.3f (hash %.3f), most loaded %.3f\n", k, cut, hash, worst);
        assert_true(worst <= 1.05);
        assert_true(k == 16 ? cut < 0.35 : cut < 0.105);
        assert_true(fabs(hash - 1 + 1.0 / k) < 0.03);
        route_graph_fini(&g);
        free(part);
        rig_close(&r);
    }
}

/* Stars with a hub each do not shrink by their edges; parts of unlike share are met. */
static void test_kway_stars_and_shares(void **state)
{
    enum { STARS = 40, POINTS = 101 };
    struct routing_rig r;
    struct route_graph g;
    double share[3] = {0.5, 0.3, 0.2}, loads[3] = {0}, all = 0;
    layer_id *part = calloc(STARS * POINTS, sizeof *part);
    (void)state;
    rig_open(&r, "metis", 3, 1);
    rig_accounts(&r, STARS * POINTS, false);
    for (account_id i = 0; i < STARS * POINTS; i++)
        if (i % POINTS)
            use_together(&r, i, i / POINTS * POINTS, 1 + i % 3);
    graph_of(&r, &g);
    assert_true(
        kway_partition(&(struct kway_graph){g.count, g.first, g.other, g.weight, g.load},
                       &(struct kway_rules){
                           .parts = 3, .share = share, .imbalance = 0.05, .tries = 4, .passes = 10},
                       &r.rng, part));
    for (uint32_t v = 0; v < g.count; v++) {
        loads[part[v]] += g.load[v];
        all += g.load[v];
    }
    for (int p = 0; p < 3; p++)
        assert_true(loads[p] <= 1.051 * share[p] * all);
    double cut = route_graph_cut(&g, part);
    print_message("stars: cut %.4f\n", cut);
    assert_true(cut < 0.02);
    route_graph_fini(&g);
    free(part);
    rig_close(&r);
}

/* Where a move has to save more than it can, parts are not drawn anew: leiden leaves all where they
 * are, metis makes the placement there is better, one account at a time. */
static void test_moves_have_to_pay(void **state)
{
    static const char *const policies[] = {"leiden", "{kind: leiden, saving: 1000}", "metis",
                                           "{kind: metis, saving: 1000}"};
    uint32_t moves[4];
    double share[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct routing_rig r;
        struct sim_stream s;
        rig_open(&r, policies[i], 2, 1);
        for (account_id a = 0; a < GROUPS * GROUP; a++) { /* two of three with their group's half */
            layer_id home = (layer_id)((a % GROUPS + (a / GROUPS % 3 == 0)) % 2);
            rig_account(&r, &(struct evm_addr){{[19] = (uint8_t)home}}, false);
        }
        sim_stream_init(&s, 2, 0, sim_purpose("test.planted"));
        planted(&r, &s);
        rig_report(&r);
        moves[i] = rig_epoch(&r, GROUPS * GROUP);
        planted(&r, &s);
        share[i] = rig_report(&r);
        rig_close(&r);
    }
    print_message("leiden moves %u or %u, metis %u or %u: crossing %.3f, %.3f, %.3f, %.3f\n",
                  moves[0], moves[1], moves[2], moves[3], share[0], share[1], share[2], share[3]);
    assert_true(moves[0] > 300 && moves[1] == 0 && moves[2] > 300 && moves[3] > 300);
    assert_true(share[0] < 0.1 && share[1] > 0.4 && share[2] < 0.1 && share[3] < 0.1);
}

/* ---- brokers ---- */

static void test_brokers(void **state)
{
    struct routing_rig r;
    uint32_t brokers = 0;
    (void)state;
    rig_open(&r, "{kind: broker, brokers: 3}", 4, 1);
    rig_accounts(&r, 2, true);
    rig_accounts(&r, 98, false);
    for (account_id i = 10; i < 100; i++) {
        use_together(&r, i, i % 2, 9);     /* contracts: used most, and no brokers */
        use_together(&r, i, 2 + i % 3, 3); /* accounts 2, 3 and 4 */
        use_together(&r, i, 5 + i % 5, 1);
    }
    rig_report(&r);
    assert_int_equal(rig_epoch(&r, 2), 2); /* no room for the third ... */
    for (account_id i = 10; i < 100; i++)
        use_together(&r, i, 2 + i % 3, 3);
    rig_report(&r);
    assert_int_equal(rig_epoch(&r, 2), 1); /* ... which comes next */
    for (account_id i = 0; i < 100; i++)
        brokers += rig_home(&r.env, i) == LAYER_ALL;
    assert_int_equal(brokers, 3);
    for (account_id i = 2; i < 5; i++)
        assert_int_equal(rig_home(&r.env, i), LAYER_ALL);
    for (account_id i = 10; i < 100; i++)
        use_together(&r, i, 2 + i % 3, 3);
    assert_true(rig_report(&r) == 0); /* nobody crosses to a broker */
    assert_int_equal(rig_epoch(&r, 100), 0);
    rig_close(&r);
}

/* ---- all of them in a town ---- */

struct course {
    double first, last,
        worst;      /* shares of crossings; most loaded layer over the mean, at the end */
    uint32_t moves; /* in the last epoch */
};

static struct course live(const char *policy, layer_id layers)
{
    struct routing_rig r;
    struct town t;
    struct sim_stream s;
    struct course c = {0};
    double gas[RIG_LAYERS], all = 0;
    rig_open(&r, policy, layers, 3);
    rig_accounts(&r, TOWN_ACCOUNTS, false);
    town_init(&t, 9);
    sim_stream_init(&s, 4, 0, sim_purpose("test.transfers"));
    for (int e = 0; e < 5; e++) {
        town_send(&t, &r, &s, 40000);
        rig_gas(&r, gas);
        c.last = rig_report(&r);
        c.first = e ? c.first : c.last;
        c.moves = rig_epoch(&r, TOWN_ACCOUNTS);
    }
    for (layer_id l = 0; l < layers; l++) {
        c.worst = fmax(c.worst, gas[l]);
        all += gas[l] / layers;
    }
    c.worst /= all;
    town_fini(&t);
    rig_close(&r);
    return c;
}

/* Shares of crossings of the fifth epoch, by placements made of the four before. */
static void test_town(void **state)
{
    static const struct {
        const char *policy;
        double most, worst; /* of hash's share; load */
        uint32_t moves;
    } cases[] = {
        {"hash", 1.01, 1.3, 0},
        {"{kind: co-access}", 0.2, 1.25, 1000},
        {"{kind: nearest}", 0.2, 1.35, 1000},
        {"{kind: clpa}", 0.25, 1.3, 4000},
        {"{kind: leiden}", 0.15, 1.25, 1000},
        {"{kind: metis}", 0.15, 1.2, 1000},
        {"{kind: broker, brokers: 200}", 0.75, 1.3, 0},
        {"{kind: broker, brokers: 200, others: clpa}", 0.2, 1.3, 4000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct course c = live(cases[i].policy, 8);
        print_message("%-45s crossing %.3f to %.3f, most loaded %.2f, moves %u\n", cases[i].policy,
                      c.first, c.last, c.worst, c.moves);
        assert_true(c.last <= cases[i].most * 0.875);
        assert_true(c.worst <= cases[i].worst);
        assert_true(c.moves <= cases[i].moves);
    }
}

/* Few may move at a time: those go first that bring most together, so that each epoch is better
 * than the one before, and no layer is flooded meanwhile. */
static void test_little_room(void **state)
{
    static const char *const policies[] = {"co-access", "clpa", "leiden", "metis"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct routing_rig r;
        struct town t;
        struct sim_stream s;
        double before = 1, gas[RIG_LAYERS];
        rig_open(&r, policies[i], 8, 3);
        rig_accounts(&r, TOWN_ACCOUNTS, false);
        town_init(&t, 9);
        sim_stream_init(&s, 4, 0, sim_purpose("test.transfers"));
        for (int e = 0; e < 4; e++) {
            double worst = 0, all = 0;
            town_send(&t, &r, &s, 20000);
            rig_gas(&r, gas);
            for (int l = 0; l < 8; l++) {
                worst = fmax(worst, gas[l]);
                all += gas[l] / 8;
            }
            double share = rig_report(&r);
            print_message("%s%.3f", e ? " " : "", share);
            assert_true(share < before - (e ? 0.04 : 0.1));
            assert_true(e == 0 || worst / all < 1.2);
            before = share;
            assert_int_equal(rig_epoch(&r, 1000), 1000);
        }
        print_message("  %s\n", policies[i]);
        town_fini(&t);
        rig_close(&r);
    }
}

/* ---- plans put to the test ---- */

/* Transfers of a town that lives where it should, one for two accounts an epoch: too few to see its
 * communities by, enough for chance to make some up. Returns the share of crossings at the end. */
static double good_town(const char *policy, uint32_t *moves)
{
    struct routing_rig r;
    struct town t;
    struct sim_stream s;
    double share = 0;
    rig_open(&r, policy, 8, 3);
    rig_accounts(&r, TOWN_ACCOUNTS, false);
    town_init(&t, 9);
    sim_stream_init(&s, 4, 0, sim_purpose("test.transfers"));
    for (account_id a = 0; a < TOWN_ACCOUNTS; a++)
        set_home(&r, a, (layer_id)(t.community[a] % 8));
    *moves = 0;
    for (int e = 0; e < 6; e++) {
        town_send(&t, &r, &s, TOWN_ACCOUNTS / 2);
        share = rig_report(&r);
        *moves += rig_epoch(&r, TOWN_ACCOUNTS);
    }
    town_fini(&t);
    rig_close(&r);
    return share;
}

static void test_good_placements_stay(void **state)
{
    static const char *const policies[] = {"{kind: leiden}",    "{kind: metis}",
                                           "{kind: co-access}", "{kind: clpa, proof: true}",
                                           "{kind: clpa}",      "{kind: leiden, proof: false}"};
    (void)state;
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        uint32_t moves;
        double share = good_town(policies[i], &moves);
        print_message("%-30s crossing %.3f, moved %u\n", policies[i], share, moves);
        assert_true(i < 4 ? share < 0.125 : share > 0.15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_of_reports),
        cmocka_unit_test(test_names_keep_accounts_in_place),
        cmocka_unit_test(test_co_access_brings_together),
        cmocka_unit_test(test_co_access_keeps_loads_in_bounds),
        cmocka_unit_test(test_co_access_follows),
        cmocka_unit_test(test_nearest_to_what_it_is_used_with),
        cmocka_unit_test(test_centre_by_power),
        cmocka_unit_test(test_leiden_finds_planted_communities),
        cmocka_unit_test(test_kway_finds_planted_partitions),
        cmocka_unit_test(test_kway_stars_and_shares),
        cmocka_unit_test(test_moves_have_to_pay),
        cmocka_unit_test(test_brokers),
        cmocka_unit_test(test_town),
        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_good_placements_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
