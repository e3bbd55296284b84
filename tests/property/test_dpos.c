/* Delegated proof of stake: elections by stake, turns, irreversibility at two thirds, and what
 * crashes and partitions do to it. */
#include "tests/property/storms.h"

#include "models/consensus/dpos.h"

static const char dpos[] =
    "duration: 20s\n"
    "drain: 12s\n"
    "network: {latency: {kind: constant, delay: 30ms}, transactions: direct}\n"
    "layers:\n"
    "  - name: main\n"
    "    nodes: 24\n"
    "    consensus: {kind: dpos, block_interval: 300ms, delegates: 9}\n"
    "    execution: {kind: serial, cores: 1}\n"
    "workload:\n"
    "  - {kind: transfer, rate: 20/s, accounts: 25}\n";
enum { NODES = 24, DELEGATES = 9, SLOT_MS = 300 };

/* ---- elections ---- */

struct voters {
    uint64_t weights[100], upto[100];
    node_id nodes[100];
    struct validators v;
};

static void make_voters(struct voters *s, uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        s->nodes[i] = i;
        total += s->weights[i];
        s->upto[i] = total;
    }
    s->v = (struct validators){s->nodes, s->weights, s->upto, count, total, false};
}

/* Each voter names one candidate: the favourites of the richest are elected, richest first. */
static void test_stake_decides(void **state)
{
    (void)state;
    struct dpos_cfg one = {.delegates = 1, .repeat = 1, .approvals = 1, .election_rounds = 1};
    uint32_t favourite[100], out[100];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (uint32_t rich = 0; rich < 100; rich++) {
            struct voters s;
            for (uint32_t i = 0; i < 100; i++)
                s.weights[i] = i == rich ? 1000 : 1;
            make_voters(&s, 100);
            assert_int_equal(dpos_elect(&one, &s.v, seed, 0, out), 1);
            favourite[rich] = out[0];
        }
        struct voters s;
        for (uint32_t i = 0; i < 100; i++)
            s.weights[i] = i < 5 ? UINT64_C(1000000) << (2 * i) : 1;
        make_voters(&s, 100);
        one.delegates = 5;
        assert_int_equal(dpos_elect(&one, &s.v, seed, 0, out), 5);
        uint32_t at = 0;
        for (uint32_t i = 5; i-- > 0;) {
            bool named = false; /* by a richer one */
            for (uint32_t j = i + 1; j < 5; j++)
                named |= favourite[j] == favourite[i];
            if (!named)
                assert_int_equal(out[at++], favourite[i]);
        }
        one.delegates = 1;
    }
}

static void test_drift(void **state)
{
    (void)state;
    struct dpos_cfg cfg = {.delegates = 10, .repeat = 1, .approvals = 5, .election_rounds = 1};
    uint32_t first[10], later[10], changes = 0;
    struct voters s;
    for (uint32_t i = 0; i < 100; i++)
        s.weights[i] = 1 + i % 7;
    make_voters(&s, 100);
    dpos_elect(&cfg, &s.v, 4, 0, first);
    dpos_elect(&cfg, &s.v, 4, 9, later);
    assert_memory_equal(first, later, sizeof first); /* no drift, no change */
    cfg.drift = 0.3;
    for (uint64_t e = 1; e <= 20; e++) {
        assert_int_equal(dpos_elect(&cfg, &s.v, 4, e, later), 10);
        for (uint32_t i = 0; i < 10; i++) {
            bool held = false;
            for (uint32_t j = 0; j < 10; j++) {
                held |= later[i] == first[j];
                assert_true(i == j || later[i] != later[j]);
            }
            changes += !held;
        }
    }
    assert_true(changes > 5 && changes < 150); /* some come and go, most stay */
}

/* ---- runs ---- */

static void test_turns(void **state)
{
    (void)state;
    const char *sets[] = {"network.blocks=direct", "workload=[]", "duration=18890ms", "drain=0s",
                          "layers.main.consensus.repeat=2"};
    struct fixture f = fixture_make(dpos, sets, 5, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    uint64_t slots = 18890 / SLOT_MS;
    assert_int_equal(f.world->violations, 0);
    assert_int_equal(l->chain->head_height, slots);
    /* Each delegate twice in a row in each round of 18, in an order of the round's own. */
    struct block *top = f.world->nodes[0].head;
    uint32_t changed = 0;
    for (uint64_t round = 0; round + 1 < slots / 18; round++) {
        uint8_t turns[NODES] = {0};
        for (uint64_t i = round ? 0 : 2; i < 18; i += 2) {
            node_id a = block_ancestor(top, round * 18 + i)->proposer;
            assert_int_equal(a, block_ancestor(top, round * 18 + i + 1)->proposer);
            assert_int_equal(turns[a]++, 0);
            changed += round && i < 16 && block_ancestor(top, round * 18 + i + 18)->proposer != a;
        }
    }
    assert_true(changed > 0);
    struct world_summary s;
    world_summarise(f.world, &s);
    assert_int_equal(s.messages, slots * (NODES - 1)); /* a block is one message a node */
    fixture_free(&f);
}

/* The height at which seven of the nine delegates have built, from h on, h included. */
static uint64_t met_by(struct block *top, uint64_t h)
{
    uint64_t seen = 0, met = 0;
    for (;; h++) {
        uint64_t bit = UINT64_C(1) << block_ancestor(top, h)->proposer;
        met += !(seen & bit);
        seen |= bit;
        if (met == 7)
            return h;
    }
}

/* A block is proposed when more than two thirds of the delegates have built on it, and final when
 * as many have built since: not before. */
static void test_irreversible(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 8; seed++) {
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {number};
        struct fixture f = fixture_make(dpos, sets, 1, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        chain_is_sound(f.world, l);
        nonces_are_contiguous(l);
        pools_are_counted(f.world);
        assert_int_equal(l->committed_txs, l->offered);
        assert_int_equal(l->stale, 0);
        struct block *top = f.world->nodes[0].head;
        for (node_id i = 1; i < NODES; i++)
            if (f.world->nodes[i].head->height > top->height)
                top = f.world->nodes[i].head;
        for (uint64_t h = 1; h < l->chain->committed.len; h++) {
            uint64_t last = met_by(top, met_by(top, h));
            struct block *proof = block_ancestor(top, last);
            sim_time wait = fixture_block(l, h)->track->committed - proof->created;
            if (wait < 0 || wait > 100 * SIM_MS)
                fail_msg("block %llu is final %.3f s after %llu", (unsigned long long)h,
                         (double)wait / 1e9, (unsigned long long)proof->height);
        }
        fixture_free(&f);
    }
}

/* The delegates of a run without drift. */
static void delegates_of(uint32_t *out)
{
    struct fixture f = fixture_make(dpos, NULL, 0, 1, NULL);
    struct dpos_cfg cfg = {.delegates = DELEGATES, .repeat = 1, .approvals = 30};
    assert_int_equal(dpos_elect(&cfg, &f.world->layers[0].chain->validators, 1, 0, out), DELEGATES);
    fixture_free(&f);
}

static struct fixture crashed(const uint32_t *delegates, uint32_t count, const char *more)
{
    static char faults[200];
    int at = snprintf(faults, sizeof faults, "faults=[{kind: crash, at: 5s, chosen: [");
    for (uint32_t i = 0; i < count; i++)
        at +=
            snprintf(faults + at, sizeof faults - (size_t)at, "%s%u", i ? ", " : "", delegates[i]);
    snprintf(faults + at, sizeof faults - (size_t)at, "]%s}]", more);
    const char *sets[] = {faults};
    struct fixture f = fixture_make(dpos, sets, 1, 1, NULL);
    fixture_run(&f);
    assert_int_equal(f.world->violations, 0);
    return f;
}

/* Missed slots are skipped; with a third of the delegates away blocks go on and none is final. */
static void test_third_away(void **state)
{
    (void)state;
    uint32_t delegates[DELEGATES];
    delegates_of(delegates);
    struct fixture f = crashed(delegates, 2, "");
    chain_is_sound(f.world, &f.world->layers[0]);
    uint64_t head = f.world->layers[0].chain->head_height;
    assert_true(head >= 16 + 90 * 7 / 9 - 2 && head <= 16 + 90 * 7 / 9 + 2);
    assert_true(f.world->layers[0].chain->committed.len - 1 + 2 * DELEGATES >= head);
    fixture_free(&f);
    f = crashed(delegates, 3, "");
    assert_true(f.world->layers[0].chain->committed.len - 1 <= 16);
    assert_true(f.world->layers[0].chain->head_height > 65);
    fixture_free(&f);
    f = crashed(delegates, 3, ", recover_after: 8s");
    assert_true(f.world->layers[0].chain->committed.len - 1 + 2 * DELEGATES >=
                f.world->layers[0].chain->head_height);
    assert_int_equal(f.world->layers[0].committed_txs, f.world->layers[0].offered);
    fixture_free(&f);
}

static void test_partition(void **state)
{
    (void)state;
    uint64_t stale = 0;
    for (int seed = 1; seed <= 8; seed++) {
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {number, "faults=[{kind: partition, at: 6s, lasts: 6s}]",
                              "layers.main.consensus.drift=10%"};
        struct fixture f = fixture_make(dpos, sets, 3, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        chain_is_sound(f.world, l);
        stale += l->stale;
        assert_int_equal(l->committed_txs, l->offered);
        for (node_id i = 0; i < l->count; i++) {
            assert_true(f.world->nodes[i].head->height + 1 >= l->chain->head_height);
            assert_true(f.world->nodes[i].final->height + DELEGATES >= l->chain->committed.len);
        }
        fixture_free(&f);
    }
    assert_true(stale > 16);
}

/* Splits that come and go all the time: branches of all sorts, and never two that are final. */
static void test_splits(void **state)
{
    (void)state;
    uint64_t stale = 0, final = 0;
    for (int seed = 1; seed <= 40; seed++) {
        char number[20], nodes[40], delegates[48];
        snprintf(number, sizeof number, "seed=%d", seed);
        snprintf(nodes, sizeof nodes, "layers.main.nodes=%d", 4 + seed % 4);
        snprintf(delegates, sizeof delegates, "layers.main.consensus.delegates=%d", 4 + seed % 4);
        const char *sets[] = {number, nodes, delegates, "workload=[]",
                              "faults=[{kind: partition, rate: 1/s, lasts: exponential(1s)}, "
                              "{kind: delay, share: 50%, sort: blocks, adds: exponential(1s)}]"};
        struct fixture f = fixture_make(dpos, sets, 5, 1, NULL);
        fixture_run(&f);
        assert_int_equal(f.world->violations, 0);
        stale += f.world->layers[0].stale;
        final += f.world->layers[0].chain->committed.len - 1;
        fixture_free(&f);
    }
    print_message("%llu final blocks, %llu stale\n", (unsigned long long) final,
                  (unsigned long long)stale);
    assert_true(final > 200 && stale > 200);
}

static void test_storms(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 60; seed++) {
        struct storm s = make_storm(seed, 7);
        char number[20];
        snprintf(number, sizeof number, "seed=%d", seed);
        const char *sets[] = {s.faults,
                              number,
                              s.loss,
                              "layers.main.nodes=7",
                              "layers.main.consensus.delegates=7",
                              seed % 2 ? after_order : "duration=5s",
                              "duration=6s",
                              "layers.main.execution.root_delay=29"};
        weather(dpos, sets, 8, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stake_decides), cmocka_unit_test(test_drift),
        cmocka_unit_test(test_turns),         cmocka_unit_test(test_irreversible),
        cmocka_unit_test(test_third_away),    cmocka_unit_test(test_partition),
        cmocka_unit_test(test_splits),        cmocka_unit_test(test_storms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
