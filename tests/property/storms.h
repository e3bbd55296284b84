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

/* What some of the nodes do to the others, each under a few seeds: safe, and nearly all that was
 * offered is final in the end. `nodes`: as many as may lie. */
static inline void lies(const char *text, const char *const *sets, size_t count, int seeds,
                        unsigned nodes)
{
    static const char *const kinds[] = {
        "kind: equivocation, nodes: %u",
        "kind: equivocation, resplit: 400ms, nodes: %u",
        "kind: conflicting-votes, nodes: %u",
        "kind: silent-leader, nodes: %u",
        "kind: withheld, hold: 700ms, first: 20%%, nodes: %u",
        "kind: withheld, hold: 3s, first: 60%%, nodes: %u",
        "kind: omission, drop: 40%%, lasts: 2s, nodes: %u",
        "kind: delay, adds: 300ms, lasts: 3s, nodes: %u",
    };
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (int seed = 1; seed <= seeds; seed++) {
            char kind[80], faults[120], number[20];
            snprintf(kind, sizeof kind, kinds[k], nodes);
            snprintf(faults, sizeof faults, "faults=[{%s}]", kind);
            snprintf(number, sizeof number, "seed=%d", seed);
            const char *all[8] = {faults, number};
            for (size_t i = 0; i < count; i++)
                all[2 + i] = sets[i];
            struct fixture f = fixture_make(text, all, 2 + count, 1, NULL);
            fixture_run(&f);
            const struct layer *l = &f.world->layers[0];
            if (f.world->violations || l->committed_txs * 10 < l->offered * 9)
                fail_msg("%s, seed %d: %llu violations, %llu of %llu committed", kind, seed,
                         (unsigned long long)f.world->violations,
                         (unsigned long long)l->committed_txs, (unsigned long long)l->offered);
            nonces_are_contiguous(l);
            fixture_free(&f);
        }
}

/* A partition that heals, and a network that keeps no promise until it stabilises: whatever is
 * decided meanwhile is one chain, and all is final soon afterwards. */
static inline void quarrels(const char *text, const char *const *sets, size_t count, int seeds)
{
    static const char *const faults[] = {
        "faults=[{kind: partition, at: 700ms, lasts: 2s, shares: [50%, 50%]}]",
        "faults=[{kind: partition, at: 700ms, lasts: 2s, shares: [30%, 70%]}]",
        "faults=[{kind: asynchrony, until: 3s, bound: 1s}]",
    };
    for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++)
        for (int seed = 1; seed <= seeds; seed++) {
            char number[20];
            snprintf(number, sizeof number, "seed=%d", seed);
            const char *all[8] = {faults[k], number};
            for (size_t i = 0; i < count; i++)
                all[2 + i] = sets[i];
            weather(text, all, 2 + count, seed);
        }
}

#endif
