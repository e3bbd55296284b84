/* Who pays whom: shares, sizes, hot sets and drift of the models of pairs, and contracts chosen by
 * group. Seeds are fixed; bounds are those of a chance of 1 in 1000 or wider. */
#include "tests/unit/workload_stage.h"

#include <math.h>
#include <stdlib.h>

#include "models/workload/accounts.h"
#include "models/workload/groups.h"

/* --- a model of pairs alone ------------------------------------------------------------------- */

#define CHOICE_FIELDS(F, S) F(S, MODEL(pairs), pairs, NULL, NULL, NULL, "One.")
FIELD_DECLARE(choice, CHOICE_FIELDS);
FIELD_DEFINE(choice, CHOICE_FIELDS, "A model of pairs.", NULL);

struct rig {
    struct scenario *scenario;
    const struct pairs_ops *ops;
    void *state;
    struct accounts accounts;
    struct workload_env env;
    struct sim_stream from, to;
    enum err_code code;
    struct err err;
};

static void rig_init(struct rig *r, const char *text, uint32_t users, double zipf, uint64_t seed)
{
    static const struct field_registry *const registries[] = {&pairs_registry};
    struct scenario_spec spec = {&choice_table, registries, 1, NULL};
    struct scenario_problems problems = {0};
    *r = (struct rig){.env = {.start = SIM_SEC,
                              .end = 1000 * SIM_SEC,
                              .seed = seed,
                              .layers = stage_layers,
                              .home = stage_layers ? stage_home : NULL}};
    if (scenario_parse(&r->scenario, &spec, "x", text, strlen(text), NULL, 0, &problems))
        fail_msg("%s", problems.text);
    const struct choice *cfg = scenario_root(r->scenario);
    r->ops = (const struct pairs_ops *)cfg->pairs.model;
    r->state = mem_zalloc(1, r->ops->state_size);
    assert_int_equal(accounts_init(&r->accounts, seed, 0, "users", users, NULL), ERR_OK);
    struct pairs_env env = {users, r->accounts.addrs, {zipf}, {zipf}, &r->env};
    r->code = r->ops->init(r->state, cfg->pairs.cfg, &env, &r->err);
    if (r->code == ERR_OK && r->ops->start)
        assert_int_equal(r->ops->start(r->state), ERR_OK);
    sim_stream_init(&r->from, seed, 0, 1);
    sim_stream_init(&r->to, seed, 0, 2);
}

static void rig_fini(struct rig *r)
{
    r->ops->fini(r->state);
    mem_free(r->state);
    accounts_fini(&r->accounts);
    scenario_destroy(r->scenario);
}

static void rig_next(struct rig *r, sim_time at, struct pick *from, struct pick *to)
{
    *from = r->ops->sender(r->state, at, &r->from);
    *to = r->ops->recipient(r->state, *from, &r->to);
    assert_true(from->user != to->user);
}

/* Whether `seen` of `count` draws is what probability p gives, within 3.3 standard deviations. */
static void check_share(const char *what, double seen, double count, double p)
{
    double off = seen - count * p, bound = 3.3 * sqrt(count * p * (1 - p)) + 1e-9;
    if (fabs(off) > bound)
        fail_msg("%s: %g of %g, not %g +- %g", what, seen, count, count * p, bound);
}

/* --- communities ------------------------------------------------------------------------------ */

static void test_communities(void **state)
{
    enum { GROUPS = 12, USERS = 3000, DRAWS = 60000 };
    static uint32_t group_of[USERS];
    uint32_t sizes[GROUPS] = {0}, sent[GROUPS] = {0}, inside = 0, members = 0;
    struct rig r;
    struct pick from, to;
    (void)state;
    rig_init(&r, "pairs: {kind: communities, count: 12, sizes: zipf(0.8), inside: 85%}", USERS, 0,
             9);
    assert_int_equal(r.code, ERR_OK);
    memset(group_of, 0xff, sizeof group_of);
    for (int i = 0; i < DRAWS; i++) {
        rig_next(&r, SIM_SEC, &from, &to);
        for (int k = 0; k < 2; k++) { /* nobody is in two */
            struct pick p = k ? to : from;
            if (group_of[p.user] == UINT32_MAX) {
                sizes[p.group]++;
                members++;
            } else
                assert_int_equal(group_of[p.user], p.group);
            group_of[p.user] = p.group;
        }
        inside += from.group == to.group;
        sent[from.group]++;
    }
    assert_int_equal(members, USERS); /* 40 draws each: everybody was seen */
    check_share("inside", inside, DRAWS, 0.85);
    double all = 0;
    for (int g = 0; g < GROUPS; g++)
        all += pow(g + 1, -0.8);
    for (int g = 0; g < GROUPS; g++) {
        double size = 2 + (USERS - 2 * GROUPS) * pow(g + 1, -0.8) / all;
        assert_true(fabs(sizes[g] - size) <= 1.5);
        check_share("sent", sent[g], DRAWS, (double)sizes[g] / USERS);
    }
    rig_fini(&r);
    rig_init(&r, "pairs: {kind: communities, count: 12}", 23, 0, 9);
    assert_int_equal(r.code, ERR_INPUT);
    assert_string_equal(r.err.text, "23 accounts are not two for each of 12 communities");
    rig_fini(&r);
}

/* With skews, each community has a favourite of its own: the share of rank 1 in its size. */
static void test_hubs(void **state)
{
    enum { GROUPS = 4, USERS = 400, DRAWS = 40000 };
    static uint32_t sent[USERS], group_of[USERS];
    uint32_t of_group[GROUPS] = {0};
    struct rig r;
    struct pick from, to;
    (void)state;
    rig_init(&r, "pairs: {kind: communities, count: 4, sizes: uniform, inside: 100%}", USERS, 1, 4);
    for (int i = 0; i < DRAWS; i++) {
        rig_next(&r, SIM_SEC, &from, &to);
        assert_int_equal(from.group, to.group);
        sent[from.user]++;
        group_of[from.user] = from.group;
        of_group[from.group]++;
    }
    double all = 0;
    for (int k = 1; k <= USERS / GROUPS; k++)
        all += 1.0 / k;
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint32_t most = 0;
        for (int u = 0; u < USERS; u++)
            if (sent[u] && group_of[u] == g && sent[u] > most)
                most = sent[u];
        check_share("hub", most, of_group[g], 1 / all);
    }
    rig_fini(&r);
}

static void test_drift(void **state)
{
    enum { GROUPS = 10, USERS = 1000 };
    struct rig r;
    struct pick from, to;
    static uint32_t before[USERS], after[USERS];
    uint32_t sizes[2][GROUPS] = {{0}}, moved = 0;
    (void)state;
    rig_init(&r, "pairs: {kind: communities, count: 10, inside: 100%, drift: 4/s}", USERS, 0, 4);
    /* 100 draws a user and side: each is seen. A moment is no time to move in. */
    for (int i = 0; i < 50000; i++) {
        rig_next(&r, SIM_SEC, &from, &to);
        before[from.user] = from.group;
        before[to.user] = to.group;
    }
    for (int i = 0; i < 50000; i++) { /* 25 s later 100 have moved, some of them twice or back */
        rig_next(&r, 26 * SIM_SEC, &from, &to);
        after[from.user] = from.group;
        after[to.user] = to.group;
    }
    for (int u = 0; u < USERS; u++) {
        moved += before[u] != after[u];
        sizes[0][before[u]]++;
        sizes[1][after[u]]++;
    }
    assert_memory_equal(sizes[0], sizes[1], sizeof sizes[0]);
    assert_in_range(moved, 85, 100);
    rig_fini(&r);
}

/* --- hot spots -------------------------------------------------------------------------------- */

/* Of the transactions of one period, those sent by each community. */
static void hot_period(struct rig *r, int period, uint32_t *sent, int groups, int draws)
{
    memset(sent, 0, sizeof *sent * (size_t)groups);
    for (int i = 0; i < draws; i++) {
        struct pick from, to;
        rig_next(r, SIM_SEC + (sim_time)period * 10 * SIM_SEC + i * (10 * SIM_SEC / draws), &from,
                 &to);
        sent[from.group]++;
    }
}

static void test_hot_cycle(void **state)
{
    enum { GROUPS = 20, DRAWS = 20000, PERIODS = 9 };
    uint32_t sent[PERIODS][GROUPS];
    bool hot[PERIODS][GROUPS];
    struct rig r;
    (void)state;
    rig_init(&r,
             "pairs: {kind: communities, count: 20, sizes: uniform, hot: {count: 3, share: 60%, "
             "period: 10s, among: 12}}",
             2000, 0, 21);
    assert_int_equal(r.code, ERR_OK);
    for (int p = 0; p < PERIODS; p++) {
        int count = 0;
        hot_period(&r, p, sent[p], GROUPS, DRAWS);
        for (int g = 0; g < GROUPS; g++) {
            hot[p][g] = sent[p][g] > DRAWS / 10;
            count += hot[p][g];
            check_share(hot[p][g] ? "hot" : "not hot", sent[p][g], DRAWS,
                        hot[p][g] ? 0.6 / 3 + 0.4 / GROUPS : 0.4 / GROUPS);
        }
        assert_int_equal(count, 3);
        /* Four turns of three among twelve: all others before it is its turn again. */
        for (int q = p > 3 ? p - 3 : 0; q < p; q++)
            for (int g = 0; g < GROUPS; g++)
                assert_false(hot[p][g] && hot[q][g]);
        if (p >= 4)
            assert_memory_equal(hot[p], hot[p - 4], sizeof hot[p]);
    }
    rig_fini(&r);
}

/* The load passes from one to the next in the last half of a period: a quarter of it in all. */
static void test_hot_overlap(void **state)
{
    enum { GROUPS = 8, DRAWS = 20000 };
    uint32_t sent[GROUPS], first = GROUPS;
    struct rig r;
    (void)state;
    rig_init(&r,
             "pairs: {kind: communities, count: 8, sizes: uniform, hot: {count: 1, share: 80%, "
             "period: 10s, overlap: 50%}}",
             2000, 0, 22);
    for (int p = 0; p < 10; p++) {
        uint32_t now = 0, next = 0;
        hot_period(&r, p, sent, GROUPS, DRAWS);
        for (uint32_t g = 0; g < GROUPS; g++)
            now = sent[g] > sent[now] ? g : now;
        check_share("now", sent[now], DRAWS, 0.8 * 0.75 + 0.2 / GROUPS);
        sent[now] = 0;
        for (uint32_t g = 0; g < GROUPS; g++)
            next = sent[g] > sent[next] ? g : next;
        check_share("next", sent[next], DRAWS, 0.8 * 0.25 + 0.2 / GROUPS);
        assert_true(first == GROUPS || first == now);
        first = next;
    }
    rig_fini(&r);
}

static void test_hot_random(void **state)
{
    enum { GROUPS = 9, DRAWS = 3000, PERIODS = 60 };
    uint32_t sent[GROUPS], turns[GROUPS] = {0};
    bool hot[PERIODS][GROUPS];
    int returns = 0;
    struct rig r;
    (void)state;
    rig_init(&r,
             "pairs: {kind: communities, count: 9, sizes: uniform, hot: {count: 2, share: 70%, "
             "period: 10s, order: random}}",
             900, 0, 23);
    for (int p = 0; p < PERIODS; p++) {
        hot_period(&r, p, sent, GROUPS, DRAWS);
        for (int g = 0; g < GROUPS; g++) {
            hot[p][g] = sent[g] > DRAWS / 5;
            turns[g] += hot[p][g];
            assert_false(p > 0 && hot[p][g] && hot[p - 1][g]);
        }
        returns += p >= 4 && memcmp(hot[p], hot[p - 4], sizeof hot[p]) == 0;
    }
    assert_true(returns < 15); /* no cycle; by chance 1 in 21 */
    for (int g = 0; g < GROUPS; g++)
        assert_in_range(turns[g], 4, 25); /* 13.3 on the mean */
    rig_fini(&r);
    rig_init(&r, "pairs: {kind: communities, count: 9, hot: {count: 3, among: 2}}", 900, 0, 23);
    assert_int_equal(r.code, ERR_INPUT);
    rig_fini(&r);
}

/* --- layers ----------------------------------------------------------------------------------- */

static void test_layers(void **state)
{
    enum { DRAWS = 40000, LAYERS = 5 };
    struct rig r;
    struct pick from, to;
    uint32_t cross = 0, by_layer[LAYERS] = {0};
    (void)state;
    stage_layers = LAYERS;
    rig_init(&r, "pairs: {kind: layers, cross: 22%}", 700, 0.5, 3);
    assert_int_equal(r.code, ERR_OK);
    for (int i = 0; i < DRAWS; i++) {
        rig_next(&r, SIM_SEC, &from, &to);
        layer_id a = route_by_hash(&r.accounts.addrs[from.user], LAYERS);
        layer_id b = route_by_hash(&r.accounts.addrs[to.user], LAYERS);
        assert_true(a == from.group && b == to.group);
        cross += a != b;
        by_layer[b]++;
    }
    check_share("cross", cross, DRAWS, 0.22);
    for (int l = 0; l < LAYERS; l++)
        assert_in_range(by_layer[l], DRAWS / LAYERS / 2, DRAWS / LAYERS * 2);
    rig_fini(&r);
    /* Nobody at home to pay: across after all. */
    stage_layers = 4096;
    rig_init(&r, "pairs: {kind: layers, cross: 0%}", 3, 0, 3);
    rig_next(&r, SIM_SEC, &from, &to);
    assert_true(from.group != to.group);
    rig_fini(&r);
    stage_layers = 0;
    rig_init(&r, "pairs: layers", 10, 0, 3);
    assert_int_equal(r.code, ERR_INPUT);
    assert_string_equal(r.err.text,
                        "pairs: layers needs accounts that have a home: set routing.policy");
    rig_fini(&r);
}

/* --- contracts by group ----------------------------------------------------------------------- */

/* Real calls: increments of a counter are those that its slot says, whoever called. */
static void test_counter(void **state)
{
    struct stage s;
    struct workload_tx w;
    struct evm_addr contracts[3] = {{{0}}};
    uint64_t calls[3] = {0};
    (void)state;
    stage_init(&s, "workload: [{kind: counter, accounts: 9, contracts: 3}]", 7, 0, 1337);
    for (int i = 0; i < 90; i++) {
        int k = 0;
        assert_true(stage_next(&s, &w));
        assert_int_equal(w.recipient, UINT32_MAX);
        while (calls[k] && !evm_addr_eq(&w.tx.to, &contracts[k]))
            assert_true(++k < 3);
        contracts[k] = w.tx.to;
        calls[k]++;
        const struct evm_tx_outcome *o = stage_run(&s, &w.tx);
        assert_true(o->success);
        assert_in_range(o->gas_used, 26000, 45000);
        evm_tx_fini(&w.tx);
        struct evm_u256 slot = evm_u256_of(0), value;
        evm_state_slot(s.world, &contracts[k], &slot, &value);
        assert_int_equal(value.w[0], calls[k]);
    }
    assert_true(calls[0] && calls[1] && calls[2]);
    stage_fini(&s);
}

/* A community's token, whoever pays in it: payments succeed, the share of the payee's group. */
static void test_tokens_of_communities(void **state)
{
    struct stage s;
    struct workload_tx w;
    struct evm_addr token_of[60] = {{{0}}}, seen[6];
    bool known[60] = {false};
    int tokens = 0;
    (void)state;
    stage_init(&s,
               "workload: [{kind: erc20, accounts: 60, tokens: 6, token_by: group, pairs: {kind: "
               "communities, count: 6, inside: 70%}}]",
               7, 0, 1337);
    for (int i = 0; i < 300; i++) {
        assert_true(stage_next(&s, &w));
        if (known[w.recipient])
            assert_memory_equal(token_of[w.recipient].b, w.tx.to.b, 20);
        known[w.recipient] = true;
        token_of[w.recipient] = w.tx.to;
        int k = 0;
        while (k < tokens && !evm_addr_eq(&seen[k], &w.tx.to))
            k++;
        assert_true(k < 6);
        seen[k] = w.tx.to;
        tokens = k == tokens ? tokens + 1 : tokens;
        assert_true(stage_run(&s, &w.tx)->success);
        evm_tx_fini(&w.tx);
    }
    assert_int_equal(tokens, 6);
    stage_fini(&s);
}

/* The dial of cross-layer payments with tokens: of the sender's layer or not, by where they live.
 */
static void test_tokens_of_layers(void **state)
{
    struct stage s;
    struct workload_tx w;
    int cross = 0;
    (void)state;
    stage_layers = 4;
    stage_init(&s,
               "workload: [{kind: erc20, accounts: 80, tokens: 40, token_by: group, pairs: {kind: "
               "layers, cross: 40%}}]",
               7, 0, 1337);
    for (int i = 0; i < 2000; i++) {
        w = (struct workload_tx){0};
        assert_true(s.ops->next(s.state, &w));
        cross += route_by_hash(&w.from, 4) != route_by_hash(&w.tx.to, 4);
    }
    check_share("cross", cross, 2000, 0.4);
    stage_layers = 0;
    stage_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_communities),
        cmocka_unit_test(test_hubs),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_hot_cycle),
        cmocka_unit_test(test_hot_overlap),
        cmocka_unit_test(test_hot_random),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_tokens_of_communities),
        cmocka_unit_test(test_tokens_of_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
