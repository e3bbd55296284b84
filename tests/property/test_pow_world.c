/* Proof of work in whole worlds: what delay does to it, over many seeds; transactions through
 * forks, crashes and GHOST; the closed forms that need no network are tests/unit/test_pow.c's. */
#include "tests/property/world_checks.h"

#include <math.h>

/* Everybody sends to everybody, so a block is everywhere after the delay. */
static const char miners[] = "duration: 3000s\n"
                             "drain: 100s\n"
                             "network: {latency: {kind: constant, delay: 1s}, blocks: direct,\n"
                             "  link: {up: 100Gbit/s, down: 100Gbit/s}, topology: full-mesh}\n"
                             "layers:\n"
                             "  - name: main\n"
                             "    nodes: 16\n"
                             "    consensus: {kind: pow, block_interval: 10s, empty: true,\n"
                             "      confirmations: 40}\n"
                             "    execution: {kind: serial, cores: 1, state_root: none}\n"
                             "record: {interval: 1000s, transactions: none}\n";

/* Stale share of all blocks whose height is decided. */
static double stale_rate(const char *delay, uint64_t seed, uint64_t *blocks)
{
    char set[64], number[32];
    const char *sets[] = {set, number};
    snprintf(set, sizeof set, "network.latency.delay=%s", delay);
    snprintf(number, sizeof number, "seed=%llu", (unsigned long long)seed);
    struct fixture f = fixture_make(miners, sets, 2, 1, NULL);
    fixture_run(&f);
    struct world_summary s;
    world_summarise(f.world, &s);
    assert_int_equal(s.safety_violations, 0);
    *blocks += s.blocks + s.stale_blocks;
    double rate = s.stale_rate;
    /* All but the last confirmations are decided, and everybody heard of every block that won. */
    assert_true(s.propagation_last_s.p50 >= s.propagation_p50_s.p50);
    fixture_free(&f);
    return rate;
}

/* Monotone in delay over interval, and near D / (T + D) with 15 of 16 miners late. */
static void stale_rate_grows_with_the_delay(void **state)
{
    (void)state;
    const struct {
        const char *delay;
        double share;
    } cases[] = {{"0.1s", 0.01}, {"0.5s", 0.05}, {"1s", 0.1}, {"2s", 0.2}, {"5s", 0.5}, {"10s", 1}};
    double before = -1;
    for (int i = 0; i < 6; i++) {
        double sum = 0;
        uint64_t blocks = 0;
        enum { SEEDS = 12 };
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            sum += stale_rate(cases[i].delay, seed, &blocks) / SEEDS;
        double x = cases[i].share * 15 / 16, want = x / (1 + x);
        if (sum <= before)
            fail_msg("with a delay of %s %.4f are stale, with less %.4f", cases[i].delay, sum,
                     before);
        if (fabs(sum - want) > 4 * sqrt(want / (double)blocks) + 0.003)
            fail_msg("with a delay of %s %.4f of the blocks are stale, not %.4f", cases[i].delay,
                     sum, want);
        before = sum;
    }
}

static const char loaded[] = "duration: 40s\n"
                             "drain: 80s\n"
                             "network: {latency: {kind: constant, delay: 100ms}}\n"
                             "layers:\n"
                             "  - name: main\n"
                             "    nodes: 9\n"
                             "    consensus: {kind: pow, block_interval: 1s, confirmations: 25}\n"
                             "    execution: {kind: block-stm, cores: 2}\n"
                             "workload:\n"
                             "  - {kind: transfer, rate: 20/s, accounts: 40}\n";

/* Forks take transactions back and bring them again; none is lost or doubled. */
static void transactions_survive_forks(void **state)
{
    (void)state;
    const char *const variants[] = {
        "name=longest",
        "layers.main.consensus.fork_choice=ghost",
        "layers.main.consensus.difficulty=ethereum",
        "layers.main.consensus.tie_switch=50%",
        "layers.main.execution={kind: ladder, cores: 2, coupling: execute-after-order, "
        "root_delay: 26}",
        "faults=[{kind: crash, at: 10s, nodes: 4, recover_after: 15s}]",
    };
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            char number[32];
            const char *sets[] = {variants[v], number, "layers.main.consensus.uncles=2"};
            snprintf(number, sizeof number, "seed=%llu", (unsigned long long)seed);
            struct fixture f = fixture_make(loaded, sets, 3, 1, NULL);
            fixture_run(&f);
            const struct chain *c = f.world->layers[0].chain;
            struct world_summary s;
            world_summarise(f.world, &s);
            if (s.safety_violations || s.committed == 0 || c->committed.len < 30)
                fail_msg("%s, seed %llu: %llu violations, %llu of %llu committed", variants[v],
                         (unsigned long long)seed, (unsigned long long)s.safety_violations,
                         (unsigned long long)s.committed, (unsigned long long)s.offered);
            chain_is_sound(f.world, &f.world->layers[0]);
            nonces_are_contiguous(&f.world->layers[0]);
            pools_are_counted(f.world);
            fixture_free(&f);
        }
}

/* Uncles travel in their nephews and count in their size. */
static void uncles_make_blocks_larger(void **state)
{
    (void)state;
    const char *const sets[] = {"layers.main.consensus.uncles=2"};
    struct fixture f = fixture_make(miners, sets, 1, 1, NULL);
    fixture_run(&f);
    const struct chain *c = f.world->layers[0].chain;
    uint32_t plain = 0, named = 0;
    for (uint64_t h = 1; h < c->committed.len; h++) {
        const struct block *b = ((struct committed *)vec_at(&c->committed, h))->block;
        if (!b->uncle_count)
            plain = b->size;
    }
    for (uint64_t h = 1; h < c->committed.len; h++) {
        const struct block *b = ((struct committed *)vec_at(&c->committed, h))->block;
        named += b->uncle_count;
        if (b->uncle_count)
            assert_true(b->size > plain + 400 * b->uncle_count);
    }
    assert_true(named > 0);
    fixture_free(&f);
}

/* Host threads change nothing, nor does looking at the file. */
static void same_seed_same_digest(void **state)
{
    (void)state;
    char digests[2][RECORD_DIGEST_SIZE];
    for (uint32_t i = 0; i < 2; i++) {
        struct fixture f = fixture_make(loaded, NULL, 0, 1 + 2 * i, NULL);
        fixture_run(&f);
        memcpy(digests[i], f.world->digest, sizeof digests[i]);
        fixture_free(&f);
    }
    assert_string_equal(digests[0], digests[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stale_rate_grows_with_the_delay),
        cmocka_unit_test(transactions_survive_forks),
        cmocka_unit_test(uncles_make_blocks_larger),
        cmocka_unit_test(same_seed_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
