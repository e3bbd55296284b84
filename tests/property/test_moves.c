/* Accounts that move while crossings queue for them: they leave in their turn, and none is stuck.
 */
#include "tests/property/world_fixture.h"

/* Half of the load is of two communities at a time, so that the account which most are paid to is
 * locked by one crossing after the other when the policy orders it away. */
static const char town[] =
    "duration: 48s\ndrain: 12s\nsignatures: modelled\n"
    "network: {latency: {kind: constant, delay: 20ms}, topology: full-mesh}\n"
    "layers: [{name: shard, count: 4, nodes: 2, consensus: {kind: tendermint, block_interval: "
    "500ms}}]\n"
    "routing: {policy: oracle, epoch: 5s}\n"
    "workload: [{kind: transfer, rate: 200/s, accounts: 400, pairs: {kind: communities, count: 16, "
    "inside: 95%, hot: {count: 2, share: 50%, period: 20s}}}]\n";

static void test_moves_end(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        char set[32];
        const char *sets[] = {set};
        snprintf(set, sizeof set, "seed=%u", seed);
        struct fixture f = fixture_make(town, sets, 1, 2, NULL);
        fixture_run(&f);
        const struct world *w = f.world;
        assert_true(w->desk->moves_begun > 100);
        if (w->desk->moves_begun != w->desk->moves_done + w->desk->moves_refused)
            fail_msg("seed %u: %llu moves begun, %llu done, %llu refused", seed,
                     (unsigned long long)w->desk->moves_begun,
                     (unsigned long long)w->desk->moves_done,
                     (unsigned long long)w->desk->moves_refused);
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_moves_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
