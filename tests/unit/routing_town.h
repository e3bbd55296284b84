/* Transfers of a town, for tests of routing: communities of unlike size, senders of a heavy tail,
 * nine of ten recipients from the sender's own community, the others anybody. */
#ifndef TESTS_UNIT_ROUTING_TOWN_H
#define TESTS_UNIT_ROUTING_TOWN_H

#include "tests/unit/routing_rig.h"

#include <math.h>

enum { TOWN_ACCOUNTS = 20000, TOWN_COMMUNITIES = 250 };

struct town {
    account_id *member; /* by community, the busiest first */
    uint32_t first[TOWN_COMMUNITIES + 1];
    uint32_t community[TOWN_ACCOUNTS];
    double *upto; /* cumulative activity of accounts */
};

RIG_UNUSED static void town_init(struct town *t, uint64_t seed)
{
    struct sim_stream s;
    sim_stream_init(&s, seed, 0, sim_purpose("test.town"));
    t->member = calloc(TOWN_ACCOUNTS, sizeof *t->member);
    t->upto = calloc(TOWN_ACCOUNTS + 1, sizeof *t->upto);
    assert_true(t->member && t->upto);
    memset(t->first, 0, sizeof t->first);
    for (account_id i = 0; i < TOWN_ACCOUNTS; i++) {
        double u = sim_stream_double(&s);
        t->community[i] = (uint32_t)(TOWN_COMMUNITIES * u * sqrt(u));
        t->first[t->community[i] + 1]++;
        t->upto[i + 1] = t->upto[i] + pow(1 + sim_stream_double(&s) * 2000, -0.9);
    }
    for (int c = 0; c < TOWN_COMMUNITIES; c++)
        t->first[c + 1] += t->first[c];
    uint32_t at[TOWN_COMMUNITIES];
    memcpy(at, t->first, sizeof at);
    for (account_id i = 0; i < TOWN_ACCOUNTS; i++)
        t->member[at[t->community[i]]++] = i;
}

RIG_UNUSED static void town_fini(struct town *t)
{
    free(t->member);
    free(t->upto);
}

static account_id town_anybody(const struct town *t, struct sim_stream *s)
{
    double x = sim_stream_double(s) * t->upto[TOWN_ACCOUNTS];
    uint32_t low = 0, high = TOWN_ACCOUNTS - 1;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (t->upto[mid + 1] > x)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

RIG_UNUSED static void town_send(const struct town *t, struct routing_rig *r, struct sim_stream *s,
                                 uint32_t transfers)
{
    for (uint32_t n = 0; n < transfers; n++) {
        account_id pair[2] = {town_anybody(t, s)};
        uint32_t c = t->community[pair[0]], size = t->first[c + 1] - t->first[c];
        double u = sim_stream_double(s);
        pair[1] = sim_stream_below(s, 10) ? t->member[t->first[c] + (uint32_t)(u * u * size)]
                                          : town_anybody(t, s);
        rig_send(r, pair, pair[0] == pair[1] ? 1 : 2, 21000);
    }
}

#endif
