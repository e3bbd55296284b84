/* What a layer holds: locks taken and freed at random, version after version, against a plain list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/world/holdings.h"
#include "sim/engine/random.h"

enum { ACCOUNTS = 600, CROSSINGS = 90, VERSIONS = 400, CHANGES = 12 };

static struct evm_addr account(uint32_t i)
{
    struct evm_addr a = {{0xac, (uint8_t)i, (uint8_t)(i >> 8)}};
    a.b[19] = (uint8_t)(i * 7);
    return a;
}

static void compare(const struct holdings *h, const uint64_t *want, const struct placement *p)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct evm_addr a = account(i);
        assert_int_equal(holdings_lock(h, &a), want[i]);
        assert_int_equal(holdings_home(h, &a), route_by_hash(&a, p->layers));
        held += want[i] != 0;
    }
    assert_int_equal(addr_table_count(h->locks), held);
}

/* Draws as the layers do: takes what is free, frees all of a crossing, one that has none too. */
static void change(struct holdings_draft *d, uint64_t *want, struct sim_stream *rng)
{
    uint64_t crossing = 1 + sim_stream_below(rng, CROSSINGS);
    if (sim_stream_below(rng, 5) == 0) {
        holdings_free(d, crossing);
        for (uint32_t i = 0; i < ACCOUNTS; i++)
            want[i] = want[i] == crossing ? 0 : want[i];
        return;
    }
    uint32_t at = (uint32_t)sim_stream_below(rng, ACCOUNTS);
    struct evm_addr a = account(at);
    holdings_take(d, &a, crossing); /* again, and from another, too */
    want[at] = crossing;
}

static void test_locks(void **state)
{
    struct placement p = {.layers = 3, .homes = addr_table_create()};
    struct holdings *h = holdings_create(1, &p);
    struct sim_stream rng;
    uint64_t want[ACCOUNTS] = {0};
    (void)state;
    assert_non_null(p.homes);
    assert_non_null(h);
    sim_stream_init(&rng, 20261127, 0, sim_purpose("test.holdings"));
    for (uint32_t v = 0; v < VERSIONS; v++) {
        struct holdings_draft d;
        uint64_t before[ACCOUNTS], after[ACCOUNTS];
        bool given_up = sim_stream_below(&rng, 4) == 0;
        memcpy(before, want, sizeof before);
        memcpy(after, want, sizeof after);
        holdings_begin(&d, h);
        for (uint32_t i = 0; i < CHANGES; i++)
            change(&d, after, &rng);
        compare(&d.now, after, &p);
        compare(h, before, &p); /* the version below stays as it was */
        if (given_up) {
            holdings_drop(&d);
            continue;
        }
        struct holdings *next = holdings_end(&d, h);
        assert_non_null(next);
        holdings_unref(h);
        h = next;
        memcpy(want, after, sizeof want);
        compare(h, want, &p);
    }
    holdings_unref(h);
    addr_table_unref(p.homes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_locks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
