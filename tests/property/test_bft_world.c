/* pbft, hotstuff and hotstuff2 in whole worlds: real blocks, execution, links, catch-up. */
#include "tests/property/world_checks.h"

static const char *const protocols[] = {
    "{kind: pbft, block_interval: 250ms, view_timeout: 600ms, resend: 1s}",
    "{kind: pbft, block_interval: 100ms, depth: 3, view_timeout: 600ms, resend: 1s, "
    "authentication: macs}",
    "{kind: hotstuff, view_timeout: 600ms, resend: 1s}",
    "{kind: hotstuff, block_interval: 100ms, view_timeout: 600ms, resend: 1s, certificates: bls}",
    "{kind: hotstuff2, view_timeout: 600ms, resend: 1s, delta: 100ms}",
    "{kind: hotstuff2, view_timeout: 600ms, resend: 1s, view_change: certificate, "
    "pacemaker: quadratic}",
};
enum { PROTOCOLS = sizeof protocols / sizeof protocols[0] };

static const char *const weathers[] = {
    "faults=[]",
    "faults=[{kind: crash, at: 1s, nodes: 2, recover_after: 1500ms}]",
    "faults=[{kind: crash, at: 1s, chosen: [0], recover_after: 2s}, "
    "{kind: crash, at: 1200ms, chosen: [1]}]",
    /* everybody, not at one time */
    "faults=[{kind: crash, at: 800ms, chosen: [0, 2, 4], recover_after: 700ms}, "
    "{kind: crash, at: 1100ms, chosen: [1, 3], recover_after: 900ms}, "
    "{kind: crash, at: 1300ms, chosen: [5, 6], recover_after: 500ms}]",
};
enum { WEATHERS = sizeof weathers / sizeof weathers[0] };

static struct fixture run(int protocol, int weather, int seed, const char *more)
{
    char consensus[256], number[32];
    snprintf(consensus, sizeof consensus, "layers.main.consensus=%s", protocols[protocol]);
    snprintf(number, sizeof number, "seed=%d", seed);
    const char *sets[] = {consensus, weathers[weather], number, "signatures=modelled", "drain=20s",
                          more};
    struct fixture f = fixture_make(tendermint, sets, more ? 6 : 5, 1, NULL);
    fixture_run(&f);
    chain_is_sound(f.world, &f.world->layers[0]);
    nonces_are_contiguous(&f.world->layers[0]);
    pools_are_counted(f.world);
    return f;
}

static void expect_all(const struct fixture *f, int protocol, int weather, int seed)
{
    const struct layer *l = &f->world->layers[0];
    /* A primary that stays orders what its own pool got: what came to others while it was down, and
     * the nonces after it, stay in theirs. */
    bool stays = strncmp(protocols[protocol], "{kind: pbft", 11) == 0 && weather == 3;
    if (l->committed_txs < (stays ? l->offered * 3 / 4 : l->offered))
        fail_msg("%s, weather %d, seed %d: %llu of %llu committed", protocols[protocol], weather,
                 seed, (unsigned long long)l->committed_txs, (unsigned long long)l->offered);
    for (node_id i = 0; i < l->count; i++)
        if (f->world->nodes[i].up && f->world->nodes[i].final->height + 12 < l->chain->head_height)
            fail_msg("%s, weather %d, seed %d: node %u stands at %llu of %llu", protocols[protocol],
                     weather, seed, i, (unsigned long long)f->world->nodes[i].final->height,
                     (unsigned long long)l->chain->head_height);
}

static void test_everything_is_committed(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++)
        for (int weather = 0; weather < WEATHERS; weather++)
            for (int seed = 1; seed <= 2; seed++) {
                struct fixture f = run(p, weather, seed, NULL);
                expect_all(&f, p, weather, seed);
                fixture_free(&f);
            }
}

/* Order first: headers carry roots of blocks that are final and executed by then. */
static void test_after_order(void **state)
{
    static const char *const couplings[] = {
        "layers.main.execution={kind: serial, coupling: execute-after-order, root_delay: 4}",
        "layers.main.execution={kind: serial, coupling: execute-on-proposal, root_delay: 4}",
    };
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++)
        for (int c = 0; c < 2; c++)
            for (int weather = 0; weather < 3; weather++) {
                struct fixture f = run(p, weather, 3, couplings[c]);
                expect_all(&f, p, weather, 3);
                fixture_free(&f);
            }
}

/* Time passes for nothing where there is nothing to order. */
static void test_idle(void **state)
{
    (void)state;
    for (int p = 0; p < PROTOCOLS; p++) {
        char consensus[256];
        snprintf(consensus, sizeof consensus, "layers.main.consensus=%s", protocols[p]);
        const char *sets[] = {consensus, "workload=[]", "duration=20s", "drain=0s"};
        struct fixture f = fixture_make(tendermint, sets, 4, 1, NULL);
        fixture_run(&f);
        const struct layer *l = &f.world->layers[0];
        /* idle: 500ms, and block_interval on top where it is set */
        assert_true(l->chain->head_height >= 20 && l->chain->head_height <= 41);
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_committed),
        cmocka_unit_test(test_after_order),
        cmocka_unit_test(test_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
