/* Weather: every node crashes one to three times within seconds, packets are lost; and what must
 * hold when it is over. */
#ifndef TESTS_PROPERTY_STORMS_H
#define TESTS_PROPERTY_STORMS_H

#include "tests/property/world_checks.h"

/* xorshift64 (Marsaglia 2003): the moments of a seed's crashes. */
static inline uint64_t draw(uint64_t *x, uint64_t below)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return (*x >> 11) % below;
}

struct storm {
    char faults[2000], loss[40], wiggle[40];
};

/* Each node goes down and comes back one to three times, all of them within 2.5 s each time. */
static inline struct storm make_storm(int seed, int nodes)
{
    struct storm s;
    uint64_t x = (uint64_t)seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < 10; i++)
        draw(&x, 2);
    int at = snprintf(s.faults, sizeof s.faults, "faults=[");
    int waves = 1 + (int)draw(&x, 3);
    for (int wave = 0; wave < waves; wave++) {
        int first = 300 + (int)draw(&x, 3000);
        uint64_t span = 50 + draw(&x, 2500);
        for (int n = 0; n < nodes; n++) {
            int crash = first + (int)draw(&x, span);
            at += snprintf(s.faults + at, sizeof s.faults - (size_t)at,
                           "%s{kind: crash, at: %dms, chosen: [%d], recover_after: %dms}",
                           wave + n ? ", " : "", crash, n, 50 + (int)draw(&x, 1500));
        }
    }
    snprintf(s.faults + at, sizeof s.faults - (size_t)at, "]");
    snprintf(s.loss, sizeof s.loss, "network.link={loss: %d%%}", (int)draw(&x, 3) * 4);
    snprintf(s.wiggle, sizeof s.wiggle, "layers.main.consensus.wiggle=%dms", draw(&x, 2) ? 1 : 20);
    return s;
}

static inline void weather(const char *text, const char *const *sets, size_t count, int seed)
{
    struct fixture f = fixture_make(text, sets, count, 1, NULL);
    fixture_run(&f);
    const struct layer *l = &f.world->layers[0];
    sim_time stall = chain_longest_stall(f.world, l->chain).length;
    chain_is_sound(f.world, l);
    nonces_are_contiguous(l);
    pools_are_counted(f.world);
    if (l->committed_txs != l->offered || stall > 8 * SIM_SEC)
        fail_msg("storm %d: %llu of %llu committed, %llu dropped, %.1f s without a block", seed,
                 (unsigned long long)l->committed_txs, (unsigned long long)l->offered,
                 (unsigned long long)l->dropped, (double)stall / 1e9);
    for (node_id i = 0; i < l->count; i++)
        assert_true(f.world->nodes[i].head->height + 3 > l->chain->head_height);
    fixture_free(&f);
}

#endif
