/* The order of execution against consensus: what each coupling promises, on one workload. */
#include "tests/property/world_fixture.h"

static const char text[] =
    "duration: 8s\n"
    "drain: 4s\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 4\n"
    "    consensus: {kind: tendermint, block_interval: 500ms}\n"
    "    execution: {kind: ladder, cores: 4, slowdown: 400, root_delay: 3, ingress_wait: 10s}\n"
    "    fees: {kind: eip1559, gas_limit: 10Mgas}\n"
    "workload: [{kind: erc20, rate: 60/s, accounts: 300, recipients: zipf(0.8)}]\n"
    "signatures: modelled\n"
    "record: {transactions: none}\n";

static struct world_summary run_with(const char *coupling, const char *more, struct fixture *f)
{
    char set[96];
    snprintf(set, sizeof set, "layers.main.execution.coupling=%s", coupling);
    const char *sets[] = {set, more};
    *f = fixture_make(text, sets, more ? 2 : 1, 1, NULL);
    fixture_run(f);
    struct world_summary s;
    world_summarise(f->world, &s);
    assert_int_equal(s.safety_violations, 0);
    return s;
}

static void every_transaction_is_committed(void **state)
{
    static const char *const couplings[] = {"execute-before-vote", "execute-after-order",
                                            "execute-on-proposal", "propose-with-list"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        struct world_summary s = run_with(couplings[i], NULL, &f);
        assert_true(s.offered > 300);
        if (s.committed != s.offered)
            fail_msg("%s: %llu of %llu committed", couplings[i], (unsigned long long)s.committed,
                     (unsigned long long)s.offered);
        assert_int_equal(s.nodes_behind, 0);
        fixture_free(&f);
    }
}

/* Starting early can only help: the same order of blocks, results sooner. */
static void execution_on_proposal_is_earlier(void **state)
{
    struct fixture after, early;
    (void)state;
    struct world_summary a = run_with("execute-after-order", NULL, &after);
    struct world_summary e = run_with("execute-on-proposal", NULL, &early);
    if (!(e.latency_s.p50 < a.latency_s.p50 * 0.99))
        fail_msg("median %.4f s on proposal, %.4f s after order", e.latency_s.p50, a.latency_s.p50);
    fixture_free(&after);
    fixture_free(&early);
}

/* Nobody waits for anybody by the list, so a block of one payee is as fast as any. */
static void a_list_takes_conflicts_away(void **state)
{
    static const char one_payee[] = "workload[0].recipients=zipf(4)";
    struct fixture plain, listed;
    (void)state;
    struct world_summary p = run_with("execute-before-vote", one_payee, &plain);
    struct world_summary l = run_with("propose-with-list", one_payee, &listed);
    const struct layer *layer = &listed.world->layers[0];
    uint32_t seen = 0;
    for (uint64_t h = layer->chain->cut; h < layer->chain->settled; h++) {
        struct block *b = fixture_block(layer, h);
        if (!b || b->tx_count < 8)
            continue;
        const struct execution_timing *t = execution_wait_timing(b->execution, 0);
        const struct execution_result *r = execution_wait(b->execution);
        assert_true(r->list_size > 100 && b->size > r->list_size);
        assert_true(t->listed_duration_ns < t->duration_ns);
        seen++;
    }
    assert_true(seen > 3);
    if (!(l.latency_s.p50 < p.latency_s.p50))
        fail_msg("median %.4f s with lists, %.4f s without", l.latency_s.p50, p.latency_s.p50);
    fixture_free(&plain);
    fixture_free(&listed);
}

/* A validator whose cores cannot keep up is outvoted, falls behind, and the summary names it. */
static void a_slow_validator_falls_behind(void **state)
{
    struct fixture f;
    (void)state;
    struct world_summary s = run_with(
        "execute-after-order", "layers.main.execution.hardware=[{nodes: 1, slowdown: 60}]", &f);
    assert_int_equal(s.nodes_behind, 1);
    assert_int_equal(s.furthest, 3);
    assert_true(s.most_behind > 3);
    assert_true(s.committed > s.offered / 2); /* three are a quorum */
    fixture_free(&f);
}

/* One order for two layers: every transaction is executed by its own layer's nodes and by nobody
 * else, the two chains of states are those of their own blocks, and a crash in one layer is a crash
 * for both. */
static const char two[] =
    "duration: 10s\n"
    "drain: 6s\n"
    "ordering: global\n"
    "network: {latency: {kind: constant, delay: 20ms}}\n"
    "layers:\n"
    "  - {name: a, nodes: 4, consensus: {kind: tendermint, block_interval: 500ms},\n"
    "     execution: {kind: ladder, cores: 4, coupling: execute-after-order}}\n"
    "  - {name: b, nodes: 3, consensus: tendermint,\n"
    "     execution: {kind: serial, cores: 1, coupling: execute-on-proposal}}\n"
    "workload: [{kind: erc20, rate: 50/s, accounts: 300, layer: a},\n"
    "           {kind: transfer, rate: 50/s, accounts: 300, layer: b}]\n"
    "signatures: modelled\n"
    "faults: [{kind: crash, at: 3s, nodes: 1, layer: b, recover_after: 2s}]\n";

static void one_order_for_all_layers(void **state)
{
    (void)state;
    struct fixture f = fixture_make(two, NULL, 0, 1, NULL);
    fixture_run(&f);
    struct world_summary s;
    world_summarise(f.world, &s);
    const struct layer *a = &f.world->layers[0], *b = &f.world->layers[1];
    assert_ptr_equal(a->chain, b->chain);
    assert_int_equal(a->chain->validators.count, 7);
    assert_int_equal(s.safety_violations, 0);
    assert_int_equal(s.nodes_behind, 0);
    assert_int_equal(s.committed, s.offered);
    assert_true(a->committed_txs > 300 && b->committed_txs > 300);
    uint64_t of_b = 0;
    for (uint64_t h = 1; h < a->chain->settled; h++) {
        struct block *block = fixture_block(a, h);
        assert_non_null(block);
        of_b += block->layer == b->id;
        for (uint32_t i = 0; i < block->tx_count; i++)
            assert_int_equal(block->txs[i]->layer, block->layer);
        for (node_id n = 0; n < 7; n++)
            if (f.world->nodes[n].layer != block->layer)
                assert_false(track_get(a->chain, block, TRACK_EXECUTED, n));
    }
    assert_true(of_b > 3 && of_b < a->chain->settled - 3);
    fixture_free(&f);
}

/* Protocols whose proposers rotate or are drawn serve every layer. */
static void every_layer_has_its_turn(void **state)
{
    static const char *const kinds[] = {"poa",      "hotstuff", "hotstuff2",
                                        "monadbft", "snowman",  "pow"};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char a[64], b[64];
        snprintf(a, sizeof a, "layers.a.consensus={kind: %s, block_interval: 500ms}", kinds[i]);
        snprintf(b, sizeof b, "layers.b.consensus={kind: %s, block_interval: 500ms}", kinds[i]);
        const char *sets[] = {a,
                              b,
                              "faults=[]",
                              "layers.a.execution.root_delay=40",
                              "layers.b.execution.root_delay=40",
                              "drain=15s"};
        struct fixture f = fixture_make(two, sets, 6, 1, NULL);
        fixture_run(&f);
        struct world_summary s;
        world_summarise(f.world, &s);
        if (s.committed != s.offered || s.safety_violations)
            fail_msg("%s: %llu of %llu committed, %llu violations", kinds[i],
                     (unsigned long long)s.committed, (unsigned long long)s.offered,
                     (unsigned long long)s.safety_violations);
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_transaction_is_committed),
        cmocka_unit_test(execution_on_proposal_is_earlier),
        cmocka_unit_test(a_list_takes_conflicts_away),
        cmocka_unit_test(a_slow_validator_falls_behind),
        cmocka_unit_test(one_order_for_all_layers),
        cmocka_unit_test(every_layer_has_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
