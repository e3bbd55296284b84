/* Nodes in regions: by shares, by name; times of wires. */
#include "models/network/place.h"
#include "sim/base/mem.h"
#include "sim/base/nearest.h"

#include <math.h>
#include <string.h>

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

uint32_t net_region_index(const char *const *regions, uint32_t count, const char *name)
{
    for (uint32_t r = 0; r < count; r++)
        if (!strcmp(regions[r], name))
            return r;
    return UINT32_MAX;
}

void net_check_region(const char *const *regions, uint32_t count, const char *name,
                      const char *whose, const char *field, struct field_report *report)
{
    if (net_region_index(regions, count, name) != UINT32_MAX)
        return;
    const char *near = nearest_name(name, regions, count);
    field_complain(report, field, "%s is no region of %s%s%s", name, whose,
                   near ? "; did you mean " : "", near ? near : "");
}

static enum err_code unknown_region(const struct net_places *p, const char *name,
                                    const char *region, struct err *err)
{
    const char *near = nearest_name(region, p->regions, p->count);
    return err_set(err, ERR_INPUT, "%s: %s is no region%s%s", name, region,
                   near ? "; did you mean " : "", near ? near : "");
}

/* Shares by region, summing to 1. */
static enum err_code shares_of(const struct net_places *p, const char *name, double *shares,
                               struct err *err)
{
    double sum = 0;
    for (uint32_t r = 0; r < p->count; r++)
        shares[r] = p->nodes->count ? 0 : p->share ? p->share[r] : 1;
    for (size_t i = 0; i < p->nodes->count; i++) {
        uint32_t r = net_region_index(p->regions, p->count, p->nodes->names[i]);
        if (r == UINT32_MAX)
            return unknown_region(p, name, p->nodes->names[i], err);
        shares[r] += p->nodes->shares[i];
    }
    for (uint32_t r = 0; r < p->count; r++)
        sum += shares[r];
    for (uint32_t r = 0; r < p->count; r++)
        shares[r] /= sum;
    return ERR_OK;
}

enum err_code net_place_nodes(uint32_t *place, uint32_t nodes, const struct net_places *p,
                              const char *name, struct sim_stream *rng, struct err *err)
{
    uint32_t first = (uint32_t)p->first->count;
    if (p->first->count > nodes)
        return err_set(err, ERR_INPUT, "%s: first says where %zu nodes stand, there are %u", name,
                       p->first->count, nodes);
    for (uint32_t n = 0; n < first; n++) {
        place[n] = net_region_index(p->regions, p->count, p->first->items[n]);
        if (place[n] == UINT32_MAX)
            return unknown_region(p, name, p->first->items[n], err);
    }
    double *shares = mem_alloc(p->count, sizeof *shares);
    if (!shares)
        return err_set(err, ERR_MEMORY, "%s: no memory for %u regions", name, p->count);
    enum err_code e = shares_of(p, name, shares, err);
    if (!e)
        net_place(place + first, nodes - first, shares, p->count, rng);
    mem_free(shares);
    return e;
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
