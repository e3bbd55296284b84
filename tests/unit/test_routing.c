/* Routing policies: where accounts go first, and how loads are evened out. */
#include "tests/unit/routing_rig.h"

#include <math.h>

#include "sim/base/mem.h"

static void count_homes(const struct routing_rig *r, uint32_t *out)
{
    memset(out, 0, r->env.layer_count * sizeof *out);
    for (account_id i = 0; i < r->homes.len; i++)
        out[rig_home(&r->env, i)]++;
}

/* ---- placement ---- */

/* Uniform pairs under a placement that knows nothing of them cross with a chance of 1 - 1/k. */
static void test_uniform_pairs_cross(void **state)
{
    static const char *const policies[] = {"hash", "range", "round-robin", "least-loaded",
                                           "power-of-two"};
    static const layer_id layers[] = {2, 4, 16};
    (void)state;
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++)
        for (size_t k = 0; k < 3; k++) {
            struct routing_rig r;
            struct sim_stream pairs;
            rig_open(&r, policies[p], layers[k], 11 + k);
            rig_accounts(&r, 20000, false);
            sim_stream_init(&pairs, 5, 0, sim_purpose("test.pairs"));
            for (uint32_t i = 0; i < 40000; i++) {
                account_id pair[2] = {(account_id)sim_stream_below(&pairs, 20000),
                                      (account_id)sim_stream_below(&pairs, 19999)};
                pair[1] += pair[1] >= pair[0];
                rig_send(&r, pair, 2, 21000);
            }
            double share = rig_report(&r), expected = 1 - 1.0 / layers[k];
            /* Four standard deviations of 40,000 pairs, and of 20,000 accounts' own spread. */
            if (fabs(share - expected) > 0.011)
                fail_msg("%s, %u layers: %g, not %g", policies[p], layers[k], share, expected);
            rig_close(&r);
        }
}

static void test_hash_by_last_digits(void **state)
{
    struct evm_addr addr = {
        {0xff, [15] = 0xff, [16] = 0x12, [17] = 0x34, [18] = 0x56, [19] = 0x7b}};
    (void)state;
    assert_int_equal(route_by_hash(&addr, 7), 0x1234567b % 7);
    assert_int_equal(route_by_hash(&addr, 1024), 0x67b & 1023);
    assert_int_equal(route_by_hash(&addr, 1), 0);
}

static void test_range_cuts_evenly(void **state)
{
    struct routing_rig r;
    (void)state;
    rig_open(&r, "range", 3, 1);
    assert_int_equal(rig_account(&r, &(struct evm_addr){{0x55, 0x55, 0x55, 0x55}}, false), 0);
    assert_int_equal(rig_account(&r, &(struct evm_addr){{0x55, 0x55, 0x55, 0x56}}, false), 1);
    assert_int_equal(rig_account(&r, &(struct evm_addr){{0xaa, 0xaa, 0xaa, 0xab}}, false), 2);
    assert_int_equal(rig_account(&r, &(struct evm_addr){{0xff, 0xff, 0xff, 0xff}}, false), 2);
    assert_int_equal(rig_account(&r, &(struct evm_addr){{0}}, false), 0);
    rig_close(&r);
}

static void test_in_turn(void **state)
{
    struct routing_rig r;
    (void)state;
    rig_open(&r, "round-robin", 5, 1);
    for (uint32_t i = 0; i < 23; i++)
        assert_int_equal(rig_account(&r, &(struct evm_addr){{9}}, i % 2), i % 5);
    rig_close(&r);
}

/* Layers of unlike capacity are filled in proportion to it, to within one account. */
static void test_filled_by_capacity(void **state)
{
    static const struct {
        const char *policy;
        double share[4];
    } cases[] = {{"least-loaded", {0.4, 0.1, 0.3, 0.2}}, {"capacity", {0.125, 0.5, 0.25, 0.125}}};
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        struct routing_rig r;
        uint32_t count[4];
        rig_prepare(&r, cases[c].policy, 4, 3);
        for (layer_id l = 0; l < 4; l++) {
            r.layers[l].gas_limit = (uint64_t[]){40, 10, 30, 20}[l] * 1000000;
            r.layers[l].speed = (double[]){2, 8, 4, 2}[l];
        }
        rig_start(&r);
        for (uint32_t n = 1; n <= 2000; n++) {
            rig_accounts(&r, 1, false);
            if (n % 500)
                continue;
            count_homes(&r, count);
            for (layer_id l = 0; l < 4; l++)
                assert_true(fabs(count[l] - n * cases[c].share[l]) <= 1);
        }
        rig_close(&r);
    }
}

/* The fullest of 64 layers, of 6,400 accounts: two draws keep it within a few of the mean, where
 * one draw (hash) leaves it tens above. Mitzenmacher 2001: log log n / log 2 + O(1) above. */
static void test_two_draws_fill_evenly(void **state)
{
    uint32_t worst[2] = {0}, count[64];
    (void)state;
    for (int p = 0; p < 2; p++) {
        struct routing_rig r;
        rig_open(&r, p ? "power-of-two" : "hash", 64, 17);
        rig_accounts(&r, 6400, false);
        count_homes(&r, count);
        for (int l = 0; l < 64; l++)
            worst[p] = count[l] > worst[p] ? count[l] : worst[p];
        rig_close(&r);
    }
    assert_true(worst[1] <= 104);
    assert_true(worst[0] >= 115);
}

/* ---- evening out ---- */

/* Senders of a heavy tail, each to a neighbour: one epoch's load. */
static void send_skewed(struct routing_rig *r, uint32_t accounts)
{
    for (account_id i = 0; i < accounts; i++)
        for (uint32_t n = 0; n < 1 + 400 / (i + 1); n++)
            rig_send(r, (account_id[]){i, (i + 1) % accounts}, 2, 21000 + 1000 * (i % 7));
}

static double worst_of(const struct routing_rig *r, const double *capacity)
{
    double gas[RIG_LAYERS], all = 0, room = 0, worst = 0;
    rig_gas(r, gas);
    for (layer_id l = 0; l < r->env.layer_count; l++) {
        all += gas[l];
        room += capacity[l];
    }
    for (layer_id l = 0; l < r->env.layer_count; l++)
        worst = fmax(worst, gas[l] / capacity[l] / (all / room));
    return worst;
}

/* Loads end within the tolerance, and then nothing moves any more. */
static void even_out(const char *policy, const double *capacity, double tolerance)
{
    struct routing_rig r;
    rig_prepare(&r, policy, 4, 23);
    for (layer_id l = 0; l < 4; l++)
        r.layers[l].speed = capacity[l];
    rig_start(&r);
    rig_accounts(&r, 3000, false);
    for (account_id i = 0; i < 3000; i++) /* as it is after all have come to live at one layer */
        *(layer_id *)vec_at(&r.homes, i) = i % 3 ? 2 : rig_home(&r.env, i);
    send_skewed(&r, 3000);
    double before = worst_of(&r, capacity);
    for (int epoch = 0; epoch < 6; epoch++) {
        rig_report(&r);
        uint32_t moves = rig_epoch(&r, 1000);
        assert_true(epoch > 0 || moves > 0);
        assert_true(epoch < 5 || moves == 0);
        send_skewed(&r, 3000);
    }
    assert_true(before > 1.5);
    double after = worst_of(&r, capacity);
    if (after > 1 + tolerance + 0.001)
        fail_msg("%s: %g of the mean", policy, after);
    rig_close(&r);
}

static void test_loads_are_evened_out(void **state)
{
    static const double alike[] = {4, 4, 4, 4}, unlike[] = {2, 8, 4, 2};
    (void)state;
    even_out("{kind: least-loaded, tolerance: 5%}", alike, 0.05);
    even_out("{kind: power-of-two, tolerance: 15%}", alike, 0.15);
    even_out("{kind: capacity, tolerance: 5%}", unlike, 0.05);
}

/* An account that is a layer's whole load stays: moving it would only move the trouble. */
static void test_one_hot_account_stays(void **state)
{
    struct routing_rig r;
    (void)state;
    rig_open(&r, "least-loaded", 4, 1);
    rig_accounts(&r, 8, false);
    for (int i = 0; i < 100; i++)
        rig_send(&r, (account_id[]){6}, 1, 50000);
    rig_report(&r);
    assert_int_equal(rig_epoch(&r, 100), 0);
    rig_close(&r);
}

/* Who receives does not execute: the hot recipient stays, its senders go. */
static void test_senders_are_the_load(void **state)
{
    struct routing_rig r;
    (void)state;
    rig_open(&r, "least-loaded", 2, 1);
    rig_accounts(&r, 42, false);
    for (account_id i = 0; i < 42; i++)
        *(layer_id *)vec_at(&r.homes, i) = 1;
    for (account_id i = 1; i < 41; i++)
        rig_send(&r, (account_id[]){i, 0}, 2, 21000);
    rig_report(&r);
    assert_true(rig_epoch(&r, 100) >= 18);
    assert_int_equal(rig_home(&r.env, 0), 1);
    rig_close(&r);
}

/* What waits in a layer's pool counts, though its full blocks tell nothing of it. */
static void test_waiting_counts(void **state)
{
    struct routing_rig r;
    (void)state;
    rig_open(&r, "least-loaded", 2, 1);
    rig_accounts(&r, 40, false);
    for (account_id i = 0; i < 40; i++)
        rig_send(&r, &i, 1, 21000);
    r.pending[1] = 200;
    rig_report(&r);
    assert_true(rig_epoch(&r, 100) > 0);
    for (account_id i = 0; i < 40; i += 2) /* those of the idle one stay */
        assert_int_equal(rig_home(&r.env, i), 0);
    rig_close(&r);
}

/* ---- every policy ---- */

static uint64_t run_digest(const char *policy)
{
    struct routing_rig r;
    uint64_t digest = 1469598103934665603u;
    char why[200] = "";
    rig_open(&r, policy, 8, 77);
    rig_accounts(&r, 12, true);
    rig_accounts(&r, 988, false);
    for (int epoch = 0; epoch < 3; epoch++) {
        for (uint32_t i = 0; i < 4000; i++) {
            account_id from = (account_id)sim_stream_below(&r.addresses, 1000);
            account_id to = (account_id)(from / 50 * 50 + sim_stream_below(&r.addresses, 50));
            account_id contract = (account_id)sim_stream_below(&r.addresses, 12);
            rig_send(&r, (account_id[]){from, contract, to}, from == to ? 1 : 2 + i % 2, 40000);
        }
        rig_report(&r);
        rig_epoch(&r, 60);
        for (account_id i = 0; i < 1000; i++)
            digest = (digest ^ rig_home(&r.env, i)) * 1099511628211u;
    }
    if (r.ops->reason)
        r.ops->reason(r.state, why, sizeof why);
    assert_true(!r.ops->reason || why[0]);
    rig_close(&r);
    return digest;
}

/* Every policy keeps to its room (the rig looks), and does the same when run again. */
static void test_same_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < router_registry.count; i++) {
        const char *name = router_registry.entries[i]->name;
        if (((const struct router_ops *)router_registry.entries[i])->foresees)
            continue;
        if (run_digest(name) != run_digest(name))
            fail_msg("%s: two runs differ", name);
    }
}

/* One layer, no accounts, no transactions: nothing to do, and nothing breaks. */
static void test_nothing_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < router_registry.count; i++) {
        struct routing_rig r;
        if (((const struct router_ops *)router_registry.entries[i])->foresees)
            continue;
        rig_open(&r, router_registry.entries[i]->name, 1, 1);
        assert_int_equal(rig_epoch(&r, 10), 0);
        rig_accounts(&r, 3, false);
        rig_report(&r);
        rig_epoch(&r, 0);
        rig_send(&r, (account_id[]){2, 0}, 2, 21000);
        rig_report(&r);
        for (uint32_t n = 0; n < 2; n++)
            rig_epoch(&r, 10);
        for (account_id a = 0; a < 3; a++)
            assert_true(rig_home(&r.env, a) == 0 || rig_home(&r.env, a) == LAYER_ALL);
        rig_close(&r);
    }
}

/* Memory that runs out at the n-th allocation of a policy: it says so, and nothing breaks. */
static bool starve(const char *policy, long n)
{
    struct routing_rig r;
    struct vec edges;
    struct route_move moves[64];
    struct err err = {0};
    rig_prepare(&r, policy, 4, 5);
    const struct rig_cfg *cfg = scenario_root(r.scenario);
    const struct router_ops *ops = (const struct router_ops *)cfg->policy.model;
    r.state = calloc(1, ops->state_size);
    vec_init(&edges, sizeof(struct route_edge));
    for (account_id i = 0; i < 40; i++) {
        struct evm_addr addr = {{(uint8_t)i, [19] = (uint8_t)i}};
        layer_id home = (layer_id)(i % 3);
        struct rig_tx tx = {{i, (i * 7 + 1) % 40}, 2, 21000 + i};
        assert_int_equal(vec_push(&r.named, &addr), ERR_OK);
        assert_int_equal(vec_push(&r.homes, &home), ERR_OK);
        rig_edges(&edges, &tx);
    }
    struct route_report report = {.to = SIM_SEC, .txs = 40, .gas_used = 900000};
    report.edge_count = rig_gather(&edges);
    report.edges = edges.data;
    mem_fail_after(n);
    bool failed = ops->init(r.state, cfg->policy.cfg, &r.env, &err) == ERR_MEMORY;
    if (!failed) {
        for (account_id i = 0; i < 40; i++)
            ops->place(r.state, i, vec_at(&r.named, i), i < 4);
        for (int e = 0; e < 2 && !r.failed; e++) {
            if (ops->observe)
                ops->observe(r.state, &report);
            if (ops->epoch && !r.failed)
                ops->epoch(r.state, SIM_SEC, moves, 64);
        }
    }
    mem_fail_never();
    if (ops->fini)
        ops->fini(r.state);
    failed = failed || r.failed;
    r.failed = false;
    vec_fini(&edges);
    rig_close(&r);
    return failed;
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    if (!mem_fail_supported())
        skip();
    for (size_t i = 0; i < router_registry.count; i++) {
        if (((const struct router_ops *)router_registry.entries[i])->foresees)
            continue;
        long n = 0;
        while (n < 3000 && starve(router_registry.entries[i]->name, n))
            n++;
        assert_true(n < 3000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform_pairs_cross),  cmocka_unit_test(test_hash_by_last_digits),
        cmocka_unit_test(test_range_cuts_evenly),    cmocka_unit_test(test_in_turn),
        cmocka_unit_test(test_filled_by_capacity),   cmocka_unit_test(test_two_draws_fill_evenly),
        cmocka_unit_test(test_loads_are_evened_out), cmocka_unit_test(test_one_hot_account_stays),
        cmocka_unit_test(test_senders_are_the_load), cmocka_unit_test(test_waiting_counts),
        cmocka_unit_test(test_same_again),           cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
