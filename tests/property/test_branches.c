/* Branches that outlive the folding of states: the two sides of a long partition both go on, and
 * the one that loses must be able to follow the other. */
#include "tests/property/world_fixture.h"

static void both_sides_of_a_long_partition_meet(void **state)
{
    static const char text[] =
        "duration: 200s\n"
        "drain: 30s\n"
        "network: {latency: {kind: constant, delay: 20ms}}\n"
        "layers:\n"
        "  - name: main\n"
        "    nodes: 5\n"
        "    consensus: {kind: pow, block_interval: 1s, confirmations: 4}\n"
        "workload: [{kind: transfer, rate: 3/s, accounts: 40}]\n"
        "signatures: modelled\n"
        "expect: {unsafe: true}\n"
        "faults: [{kind: partition, at: 20s, lasts: 90s, groups: [\"0-1\", \"2-4\"]}]\n";
    (void)state;
    for (int seed = 1; seed <= 6; seed++) {
        char set[24];
        snprintf(set, sizeof set, "seed=%d", seed);
        const char *sets[] = {set};
        struct fixture f = fixture_make(text, sets, 1, 1, NULL);
        fixture_run(&f);
        struct world *w = f.world;
        const struct layer *l = &w->layers[0];
        uint64_t least = UINT64_MAX;
        for (node_id n = 0; n < 5; n++)
            if (w->nodes[n].head->height < least)
                least = w->nodes[n].head->height;
        assert_true(least > 100);
        /* One chain for all but the last few blocks, executed on and on. */
        struct block *common = block_ancestor(w->nodes[0].head, least - 6);
        for (node_id n = 1; n < 5; n++)
            assert_ptr_equal(block_ancestor(w->nodes[n].head, least - 6), common);
        assert_true(common->track->executed == 5);
        assert_true(l->chain->flattened > 100);
        assert_true(l->stale > 16); /* the losing side was longer than what stays unfolded */
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_of_a_long_partition_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
