#include "models/network/place.h"

#include <math.h>

/* The region that is furthest below its share when `given` nodes have been placed. */
static uint32_t most_wanting(const uint32_t *have, const double *shares, uint32_t regions,
                             uint32_t given)
{
    uint32_t best = 0;
    double most = -INFINITY;
    for (uint32_t r = 0; r < regions; r++) {
        double lack = shares[r] * (given + 1.0) - have[r];
        if (shares[r] > 0 && lack > most) {
            most = lack;
            best = r;
        }
    }
    return best;
}

void net_place(uint32_t *place, uint32_t count, const double *shares, uint32_t regions,
               struct sim_stream *rng)
{
    enum { AT_MOST = 256 };
    uint32_t have[AT_MOST] = {0};
    uint32_t given = 0;
    /* Whole shares at once, the remainders one by one. */
    for (uint32_t r = 0; r < regions && r < AT_MOST; r++) {
        uint32_t whole = (uint32_t)(shares[r] * count);
        for (uint32_t i = 0; i < whole && given < count; i++)
            place[given++] = r;
        have[r] = whole;
    }
    while (given < count) {
        uint32_t r = most_wanting(have, shares, regions, count - 1);
        have[r]++;
        place[given++] = r;
    }
    sim_stream_shuffle(rng, place, count);
}

struct sim_stream net_pair_stream(uint64_t seed, node_id a, node_id b)
{
    struct sim_stream s;
    sim_stream_init(&s, seed, a < b ? a : b, sim_purpose("network.pair"));
    /* Far enough apart that no pair draws into the next one's blocks. */
    s.block = (uint64_t)(a < b ? b : a) << 32;
    return s;
}

sim_time net_wire_time(double ns)
{
    const double most = (double)SIM_SEC * 3600;
    return ns < 0.5 ? 0 : ns < most ? llround(ns) : (sim_time)most;
}
