/* Whole runs over seeds, protocols, couplings and faults: what must hold in each of them. */
#include "tests/property/world_checks.h"

#include <unistd.h>

static const char crash_two[] = "faults=[{kind: crash, at: 1s, nodes: 2, recover_after: 1500ms}]";
static const char crash_three[] = "faults=[{kind: crash, at: 1s, nodes: 3, recover_after: 2s}]";

/* ---- sums ---- */

struct sum {
    struct evm_u256 total;
    bool overflow;
};

static void add_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct sum *s = self;
    (void)addr;
    s->overflow |= evm_u256_add(&s->total, &s->total, &acc->balance);
}

static void no_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                    const struct evm_u256 *value)
{
    (void)self, (void)addr, (void)key, (void)value;
}

static struct evm_u256 balances(const struct block *b)
{
    struct sum s = {0};
    const struct execution_result *r = execution_wait(b->execution);
    assert_non_null(r->state);
    assert_int_equal(evm_state_each(r->state, add_account, no_slot, &s), EVM_OK);
    assert_false(s.overflow);
    return s.total;
}

/* ---- what must hold ---- */

static void value_is_conserved(const struct layer *l, const struct evm_u256 *before)
{
    struct block *top = fixture_block(l, l->chain->settled - 1);
    struct evm_u256 sum = balances(top);
    for (uint64_t h = 1; h < l->chain->settled; h++)
        evm_u256_add(&sum, &sum, &execution_wait(fixture_block(l, h)->execution)->burnt);
    if (!evm_u256_eq(&sum, before))
        fail_msg("genesis held %.0f wei, now %.0f wei with what was burnt", wei_double(before),
                 wei_double(&sum));
}

/* Another world of the same genesis executes the chain serially: same roots, gas, receipts. */
static void serial_execution_agrees(const char *text, const char *const *sets, size_t count,
                                    const struct layer *l)
{
    const char *more[8];
    for (size_t i = 0; i < count; i++)
        more[i] = sets[i];
    more[count] = "layers.main.execution.kind=serial";
    struct fixture other = fixture_make(text, more, count + 1, 1, NULL);
    struct layer *serial = &other.world->layers[0];
    assert_memory_equal(&serial->genesis->state_root, &l->genesis->state_root, 32);
    struct execution *before = execution_ref(serial->genesis->execution);
    for (uint64_t h = 1; h < l->chain->settled; h++) {
        struct block *b = fixture_block(l, h);
        uint64_t numbers[256];
        struct evm_hash hashes[256];
        size_t known = 0;
        for (struct block *p = b->parent; p && known < 256; p = p->parent, known++) {
            numbers[known] = p->height;
            hashes[known] = p->hash;
        }
        struct evm_block_hashes ancestors = {numbers, hashes, known};
        struct execution_input in = {.env = &b->env,
                                     .txs = b->txs,
                                     .tx_count = b->tx_count,
                                     .hashes = &ancestors,
                                     .policy = EVM_INVALID_IS_SKIPPED};
        struct execution *e = execution_start(serial->service, before, &in);
        assert_non_null(e);
        const struct execution_result *r = execution_wait(e), *was = execution_wait(b->execution);
        assert_true(r->valid);
        assert_memory_equal(&r->state_root, &was->state_root, 32);
        assert_memory_equal(&r->receipts_root, &was->receipts_root, 32);
        assert_int_equal(r->gas_used, was->gas_used);
        execution_unref(before);
        before = e;
    }
    execution_unref(before);
    fixture_free(&other);
}

/* Headers carry the roots of the block that the coupling says. */
static void headers_carry_roots(const struct layer *l)
{
    uint64_t delay = l->after_order ? l->execution_cfg->root_delay : 0;
    for (uint64_t h = 1; h < l->chain->settled; h++) {
        struct block *b = fixture_block(l, h);
        struct block *root = fixture_block(l, h > delay ? h - delay : 0);
        assert_int_equal(b->root_height, root->height);
        assert_memory_equal(&b->state_root, &execution_wait(root->execution)->state_root, 32);
    }
}

struct seen {
    uint64_t committed, offered, height, stale, rounds, digest_head;
    sim_time stall;
    char digest[RECORD_DIGEST_SIZE];
};

static struct seen check_run(const char *text, const char *const *sets, size_t count,
                             uint32_t threads, bool serial)
{
    struct fixture f = fixture_make(text, sets, count, threads, NULL);
    struct layer *l = &f.world->layers[0];
    struct evm_u256 before = balances(l->genesis);
    fixture_run(&f);
    chain_is_sound(f.world, l);
    value_is_conserved(l, &before);
    nonces_are_contiguous(l);
    headers_carry_roots(l);
    if (serial)
        serial_execution_agrees(text, sets, count, l);
    struct seen seen = {.committed = l->committed_txs,
                        .offered = l->offered,
                        .height = l->chain->committed.len - 1,
                        .stale = l->stale,
                        .rounds = l->chain->rounds,
                        .stall = chain_longest_stall(f.world, l->chain).length};
    memcpy(seen.digest, f.world->digest, sizeof seen.digest);
    fixture_free(&f);
    return seen;
}

/* ---- the tests ---- */

static void test_seeds(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 6; seed++) {
        char set[32];
        snprintf(set, sizeof set, "seed=%d", seed);
        const char *sets[] = {set, crash_two, after_order};
        print_message("seed %d\n", seed);
        struct seen plain = check_run(tendermint, sets, 1, 1, seed == 1);
        assert_int_equal(plain.committed, plain.offered);
        assert_int_equal(plain.rounds, 0);
        struct seen crashed = check_run(tendermint, sets, 2, 1, false);
        assert_int_equal(crashed.committed, crashed.offered);
        struct seen ordered = check_run(tendermint, sets, 3, 1, seed == 2);
        assert_int_equal(ordered.committed, ordered.offered);
        struct seen authority = check_run(poa, sets, 2, 1, seed == 3);
        assert_int_equal(authority.committed, authority.offered);
    }
}

static void test_determinism(void **state)
{
    (void)state;
    const char *sets[] = {crash_two, "seed=99"};
    struct seen first = check_run(tendermint, sets, 2, 1, false);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct seen again = check_run(tendermint, sets, 2, threads, false);
        assert_string_equal(again.digest, first.digest);
    }
    char path[] = "/tmp/weft_test_world.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct fixture f = fixture_make(tendermint, sets, 2, 2, path);
    fixture_run(&f);
    assert_string_equal(f.world->digest, first.digest);
    fixture_free(&f);
    remove(path);
    struct seen other = check_run(tendermint, sets, 1, 1, false);
    assert_string_not_equal(other.digest, first.digest);
}

/* Seven validators of equal weight: two may be down, with three down nothing is decided. */
static void test_tendermint_threshold(void **state)
{
    (void)state;
    const char *live[] = {"faults=[{kind: crash, at: 1s, nodes: 2}]"};
    struct seen two = check_run(tendermint, live, 1, 1, false);
    assert_true(two.height >= 8);
    assert_true(two.rounds > 0);
    const char *dead[] = {"faults=[{kind: crash, at: 1s, nodes: 3}]"};
    struct seen three = check_run(tendermint, dead, 1, 1, false);
    assert_true(three.height >= 2 && three.height <= 4);
    const char *back[] = {crash_three};
    struct seen again = check_run(tendermint, back, 1, 1, false);
    assert_true(again.stall >= 2 * SIM_SEC);
    assert_true(again.height > three.height + 3);
    assert_int_equal(again.committed, again.offered);
}

/* One of four goes down for a moment, another for good about when a round is decided: some may be
 * locked on a value whose prevotes another missed. Three of four are up: blocks go on. */
static void test_tendermint_locked(void **state)
{
    (void)state;
    static const char four[] =
        "duration: 14s\n"
        "drain: 4s\n"
        "network:\n"
        "  latency: {kind: regions, matrix: aws-2025,\n"
        "    nodes: {us-east-1: 40%, eu-central-1: 40%, ap-northeast-1: 20%}}\n"
        "  topology: {kind: random-regular, degree: 3}\n"
        "layers:\n"
        "  - name: main\n"
        "    nodes: 4\n"
        "    consensus: {kind: tendermint, block_interval: 1s, propose_timeout: 1s}\n"
        "    execution: {kind: serial, cores: 1}\n"
        "workload:\n"
        "  - {kind: transfer, rate: 5/s, accounts: 100}\n";
    for (int first = 0; first < 4; first++)
        for (int second = 0; second < 4; second++)
            for (int ms = 2000; ms <= 2450 && first != second; ms += 50) {
                char faults[160];
                snprintf(faults, sizeof faults,
                         "faults=[{kind: crash, at: 2s, chosen: [%d], recover_after: 500ms}, "
                         "{kind: crash, at: %dms, chosen: [%d]}]",
                         first, ms, second);
                const char *sets[] = {faults};
                struct seen seen = check_run(four, sets, 1, 1, false);
                if (seen.height < 6 || seen.stall > 9 * SIM_SEC)
                    fail_msg("%s: height %llu, %.1f s without a block", faults,
                             (unsigned long long)seen.height, (double)seen.stall / 1e9);
            }
}

/* Signers out of turn step in at once: forks at nearly every height, none of them final. */
static void test_poa_forks(void **state)
{
    (void)state;
    const char *sets[] = {"layers.main.consensus.wiggle=1ms", crash_two};
    struct seen forks = check_run(poa, sets, 1, 2, true);
    assert_true(forks.stale > forks.height / 2);
    assert_int_equal(forks.committed, forks.offered);
    struct seen crashed = check_run(poa, sets, 2, 2, false);
    assert_true(crashed.stale > 0);
}

/* Order first, with finality by depth: roots are final before a header needs them, and blocks go
 * on.
 */
static void test_poa_after_order(void **state)
{
    (void)state;
    const char *sets[] = {after_order, "layers.main.execution.root_delay=4"};
    struct seen seen = check_run(poa, sets, 2, 1, true);
    assert_true(seen.height > 15);
    assert_int_equal(seen.committed, seen.offered);
}

/* Results of executions in the pool are taken over, also by blocks of forks that lose and after old
 * states were let go; the chain is as sound as without them. */
static void test_precompute(void **state)
{
    (void)state;
    static const char *const worlds[] = {tendermint, poa};
    const char *sets[] = {"layers.main.execution.precompute=true", "layers.main.execution.cores=4",
                          "layers.main.execution.kind=ladder"};
    for (int i = 0; i < 2; i++) {
        struct seen one = check_run(worlds[i], sets, 3, 1, true);
        struct seen two = check_run(worlds[i], sets, 3, 2, false);
        assert_memory_equal(one.digest, two.digest, sizeof one.digest);
        struct fixture f = fixture_make(worlds[i], sets, 3, 1, NULL);
        const struct layer *l = &f.world->layers[0];
        uint64_t hits = 0, misses = 0, txs = 0;
        fixture_run(&f);
        for (uint64_t h = 1; h < l->chain->settled; h++) {
            const struct block *b = fixture_block(l, h);
            const struct execution_timing *t = &b->track->timing;
            hits += t->ahead_hits;
            misses += t->ahead_misses;
            txs += b->tx_count;
            assert_true(t->ahead_hits + t->ahead_misses <= b->tx_count);
            assert_true(t->executions + t->ahead_hits >= b->tx_count);
            assert_true((t->ahead_ns > 0) == (t->ahead_hits + t->ahead_misses > 0));
        }
        print_message("%llu of %llu transactions taken over, %llu not\n", (unsigned long long)hits,
                      (unsigned long long)txs, (unsigned long long)misses);
        assert_true(hits > txs / 3);
        fixture_free(&f);
    }
}

/* Accounts that spend twice what they own before the first spending is executed: the chain orders
 * it, and execution leaves it out. */
static void test_skipped(void **state)
{
    (void)state;
    const char *sets[] = {after_order,
                          "workload=[{kind: transfer, rate: 60/s, accounts: 20, balance: 1ether, "
                          "value: 0.4ether}]",
                          "layers.main.execution.slowdown=100", "warm_up=500ms"};
    struct fixture f = fixture_make(tendermint, sets, 4, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    struct world_summary s;
    uint64_t skipped = 0, executed = 0;
    for (uint64_t h = 1; h < l->chain->settled; h++)
        for (uint32_t i = 0; i < fixture_block(l, h)->tx_count; i++) {
            const struct tx *tx = fixture_block(l, h)->txs[i];
            skipped += tx->skipped;
            executed += !tx->skipped;
            assert_true(tx->skipped == (tx->committed == RECORD_NEVER));
        }
    assert_true(skipped > 0);
    assert_int_equal(l->committed_txs, executed);
    assert_int_equal(l->reverted, 0);
    pools_are_counted(f.world);
    world_summarise(f.world, &s);
    assert_true(s.skipped > 0 && s.skipped <= skipped && s.skipped <= s.dropped);
    assert_int_equal(s.limit, WORLD_LIMIT_LOAD);
    assert_non_null(strstr(s.limit_text, "invalid"));
    fixture_free(&f);
}

/* What the summary names as the limit is so. */
static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sets[5];
        size_t count;
        enum world_limit limit;
        const char *says;
    } runs[] = {
        {tendermint, {""}, 0, WORLD_LIMIT_LOAD, "everything"},
        {tendermint, {"drain=0s", "duration=30s"}, 2, WORLD_LIMIT_LOAD, "pending"},
        /* final only after 22 s, but never idle */
        {poa,
         {"layers.main.consensus={kind: poa, block_interval: 1s, confirmations: 22}",
          "duration=60s", "drain=30s"},
         3,
         WORLD_LIMIT_LOAD,
         "everything"},
        {poa,
         {"layers.main.fees={gas_limit: 210kgas}",
          "workload=[{kind: transfer, rate: 200/s, accounts: 5000}]",
          "layers.main.mempool={capacity: 60, per_sender: 60}"},
         3,
         WORLD_LIMIT_GAS,
         "had no room"},
        {tendermint,
         {"layers.main.execution={kind: serial, cores: 1, slowdown: 100}", "workload[1].rate=800/s",
          "drain=0s"},
         3,
         WORLD_LIMIT_SIGNATURES,
         "recover senders"},
        {tendermint,
         {"layers.main.execution={kind: serial, cores: 1, slowdown: 900}", "workload[0].rate=5/s",
          "workload[1].rate=5/s", "duration=9s", "drain=0s"},
         5,
         WORLD_LIMIT_SIGNATURES,
         "sign and check messages"},
        {tendermint,
         {"faults=[{kind: crash, at: 3s, nodes: 3}]", "duration=30s"},
         2,
         WORLD_LIMIT_HALTED,
         "4 of 7 validators"},
    };
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct fixture f = fixture_make(runs[i].text, runs[i].sets, runs[i].count, 1, NULL);
        struct world_summary s;
        fixture_run(&f);
        world_summarise(f.world, &s);
        if (s.limit != runs[i].limit || !strstr(s.limit_text, runs[i].says))
            fail_msg("run %zu: %s: %s", i, world_limit_name(s.limit), s.limit_text);
        assert_int_equal(s.offered, s.committed + s.dropped + s.pending);
        assert_true(s.base_fee_min_gwei <= s.base_fee_last_gwei &&
                    s.base_fee_first_gwei <= s.base_fee_max_gwei);
        fixture_free(&f);
    }
}

/* Core time that recovering the senders of all that the node executed takes. */
static int64_t senders_of_executed(const struct layer *l, const struct node *n)
{
    double one = l->classes[n->class].profile->signature;
    uint64_t txs = 0;
    for (const struct block *b = n->executed; b; b = b->parent)
        txs += b->tx_count;
    return (int64_t)(one * (double)txs);
}

/* A node whose cores are too slow lags in execution, not in ordering; the others do not wait. What
 * it cannot recover of the gossip it recovers before it executes the block: no sender is free. */
static void test_slow_node_lags(void **state)
{
    (void)state;
    const char *sets[] = {after_order, "layers.main.execution.root_delay=60",
                          "layers.main.execution.hardware=[{nodes: 1, cores: 1, slowdown: 100}]",
                          "workload[1].rate=800/s"};
    struct fixture f = fixture_make(tendermint, sets, 4, 2, NULL);
    fixture_run(&f);
    struct world *w = f.world;
    const struct layer *l = &w->layers[0];
    const struct node *slow = &w->nodes[6], *fast = &w->nodes[1];
    assert_int_equal(w->violations, 0);
    assert_true(fast->final->height > 20);
    assert_true(fast->executed->height + 1 >= fast->final->height);
    assert_true(slow->final->height + 1 >= fast->final->height);
    assert_true(slow->executed->height + 5 < slow->final->height);
    assert_true(slow->execution_time > 10 * fast->execution_time);
    assert_true(slow->shed > 0 && fast->shed == 0);
    assert_true(cores_recovery(w, 6) > 0);
    for (node_id i = 0; i < l->count; i++)
        assert_true(w->nodes[i].recovered + cores_recovery(w, i) >=
                    senders_of_executed(l, &w->nodes[i]));
    /* One core cannot do more than the time that there was. */
    assert_true(cores_recovery(w, 6) + cores_busy(w, 6) <= sim_now(w->sim));
    fixture_free(&f);
}

/* Runs cut short at any moment give everything back (seen by the address sanitizer) and no digest.
 */
static void test_early_end(void **state)
{
    (void)state;
    volatile sig_atomic_t stop = 1;
    struct fixture f = fixture_make(tendermint, NULL, 0, 2, NULL);
    f.world->options.stop = &stop;
    fixture_run(&f);
    assert_true(f.world->stopped);
    assert_int_equal(f.world->digest[0], 0);
    fixture_free(&f);
    f = fixture_make(poa, NULL, 0, 2, NULL);
    fixture_free(&f);
}

/* Every allocation that fails, in set-up or in the run, is an error and nothing worse. */
static void test_out_of_memory(void **state)
{
    (void)state;
    if (!mem_fail_supported())
        skip();
    const char *sets[] = {"duration=600ms", "drain=500ms", crash_two};
    for (long n = 0; n < 4000; n = n * 5 / 4 + 1) {
        struct scenario *scenario = NULL;
        struct scenario_problems problems = {0};
        struct world *w = NULL;
        struct err err = {0};
        assert_int_equal(scenario_parse(&scenario, &world_spec, "test.yaml", tendermint,
                                        strlen(tendermint), sets, 3, &problems),
                         ERR_OK);
        struct world_options options = {.threads = 1, .program_version = "test"};
        mem_fail_after(n);
        enum err_code code = world_create(&w, scenario, &options, &err);
        if (code == ERR_OK)
            code = world_run(w, &err);
        mem_fail_never();
        if (code != ERR_OK) {
            assert_int_equal(code, ERR_MEMORY);
            assert_true(err.text[0]);
        }
        world_destroy(w);
        scenario_destroy(scenario);
    }
}

static void test_weights(void **state)
{
    (void)state;
    node_id nodes[] = {3, 4, 8, 9};
    uint64_t weights[] = {1, 10, 5, 3}, upto[] = {1, 11, 16, 19};
    struct validators v = {nodes, weights, upto, 4, 19, false};
    for (uint64_t start = 0; start < 40; start += 7) {
        uint32_t turns[4] = {0};
        for (uint64_t i = 0; i < v.total; i++)
            turns[validators_turn(&v, start + i)]++;
        for (int i = 0; i < 4; i++)
            assert_int_equal(turns[i], weights[i]);
    }
    assert_int_equal(validators_index(&v, 8), 2);
    assert_int_equal(validators_index(&v, 5), VALIDATOR_NONE);
    assert_false(validators_quorum(&v, 12)); /* 36 of 38 */
    assert_true(validators_quorum(&v, 13));
    assert_false(validators_third(&v, 6));
    assert_true(validators_third(&v, 7));
    const char *sets[] = {"layers.main.weights=uniform(1, 9)", crash_two};
    struct seen seen = check_run(tendermint, sets, 1, 1, false);
    assert_int_equal(seen.committed, seen.offered);
}

static void test_two_layers(void **state)
{
    (void)state;
    const char *sets[] = {
        "layers=[{name: a, nodes: 4, consensus: {kind: tendermint, block_interval: 300ms}}, "
        "{name: b, nodes: 3, validators: 2, consensus: {kind: poa, block_interval: 500ms}}]",
        "workload=[{kind: transfer, rate: 40/s, accounts: 20, layer: b}, "
        "{kind: erc20, rate: 30/s, accounts: 20, layer: a}]"};
    struct fixture f = fixture_make(tendermint, sets, 2, 2, NULL);
    fixture_run(&f);
    for (layer_id i = 0; i < 2; i++) {
        const struct layer *l = &f.world->layers[i];
        chain_is_sound(f.world, l);
        nonces_are_contiguous(l);
        assert_true(l->offered > 50);
        assert_int_equal(l->committed_txs, l->offered);
    }
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_tendermint_threshold),
        cmocka_unit_test(test_tendermint_locked),
        cmocka_unit_test(test_poa_forks),
        cmocka_unit_test(test_poa_after_order),
        cmocka_unit_test(test_precompute),
        cmocka_unit_test(test_skipped),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_slow_node_lags),
        cmocka_unit_test(test_early_end),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_two_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
