/* A layer as a queue: with Poisson load and blocks of one transaction, waiting times are those of
 * textbooks (Kleinrock, Queueing Systems I, 1975: 3.2 M/M/1; 5.6 M/G/1, Pollaczek and Khinchine).
 *
 * One server: PBFT that begins a block as soon as the one before it is committed and there is a
 * transaction (block_interval 0, idle long), and a gas limit that one payment fills. Its service is
 * what a block takes. In executor[] that is a sequential executor's time, the same for each
 * payment: M/D/1. In link[] blocks have sizes drawn from an exponential distribution, and sending
 * one takes nearly all of the time: M/M/1. What else a block takes there, votes and signatures, is
 * 1 ms. */
#include "analysis/interval.h"
#include "tests/property/world_checks.h"

#include <math.h>

#define PBFT                                                                                       \
    "{kind: pbft, block_interval: 0s, idle: 1h, view_timeout: 1h, longest_timeout: 24h, "          \
    "resend: 1h}\n"

static const char executor[] =
    "duration: 8s\n"
    "warm_up: 500ms\n"
    "drain: 10s\n"
    "signatures: modelled\n"
    "network: {latency: {kind: constant, delay: 1ms}, topology: full-mesh}\n"
    "layers:\n"
    "  - name: queue\n"
    "    kind: sequential\n"
    "    nodes: 1\n"
    "    consensus: " PBFT "    execution: {slowdown: 1000, ingress_wait: 1h}\n"
    "    fees: {kind: fixed, gas_limit: 21000gas}\n"
    "workload: [{kind: transfer, rate: 1/s, accounts: 500}]\n"
    "record: {interval: 100s, transactions: none}\n";

static const char link[] =
    "duration: 300s\n"
    "warm_up: 20s\n"
    "drain: 60s\n"
    "signatures: modelled\n"
    "network: {latency: {kind: constant, delay: 0ms}, topology: full-mesh, blocks: direct,\n"
    "  link: {up: 10Mbit/s, down: 10Gbit/s}}\n"
    "layers:\n"
    "  - name: queue\n"
    "    kind: sequential\n"
    "    nodes: 2\n"
    "    block_size: exponential(125kB)\n"
    "    consensus: " PBFT "    execution: {ingress_wait: 1h}\n"
    "    fees: {kind: fixed, gas_limit: 21000gas}\n"
    "workload: [{kind: transfer, rate: 1/s, accounts: 500}]\n"
    "record: {interval: 1000s, transactions: none}\n";

/* Mean time from a user's sending to the commit, in seconds. */
static double sojourn(const char *text, double rate, uint64_t seed)
{
    char set[64], number[32];
    const char *sets[] = {set, number};
    snprintf(set, sizeof set, "workload[0].rate=%.6f/s", rate);
    snprintf(number, sizeof number, "seed=%llu", (unsigned long long)seed);
    struct fixture f = fixture_make(text, sets, 2, 1, NULL);
    struct world_summary s;
    fixture_run(&f);
    world_summarise(f.world, &s);
    assert_int_equal(s.pending, 0);
    assert_int_equal(s.dropped, 0);
    fixture_free(&f);
    return s.latency_s.mean;
}

/* The mean over seeds is `want` as far as its 95 % interval tells, which is to be narrow. */
static void check(const char *text, const char *queue, double rate, double want)
{
    enum { SEEDS = 5 };
    double values[SEEDS];
    for (uint64_t i = 0; i < SEEDS; i++)
        values[i] = sojourn(text, rate, i + 1);
    struct interval x = interval_of(values, SEEDS);
    if (fabs(x.mean - want) > x.half || x.half > 0.25 * want)
        fail_msg("%s at %.3f/s: %.6f +- %.6f s measured, %.6f s by the closed form", queue, rate,
                 x.mean, x.half, want);
}

static void one_executor_is_m_d_1(void **state)
{
    (void)state;
    /* Nobody waits for anybody at one a second: the service time. */
    double service = sojourn(executor, 0.5, 1);
    assert_true(service > 1e-3 && service < 2e-3);
    const double loads[] = {0.5, 0.8};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        double wait = loads[i] * service / (2 * (1 - loads[i]));
        check(executor, "M/D/1", loads[i] / service, service + wait);
    }
}

static void exponential_blocks_are_m_m_1(void **state)
{
    (void)state;
    /* 125 kB and a header at 10 Mbit/s, and 1 ms beside. Pollaczek-Khinchine with that millisecond:
     * 1 ms of what is served adds to the mean, and nothing to the variance. */
    const double send = 0.1, beside = 1.4e-3, service = send + beside;
    const double loads[] = {0.3, 0.6};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        double rate = loads[i] / service, square = send * send + service * service;
        check(link, "M/M/1", rate, service + rate * square / (2 * (1 - loads[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_executor_is_m_d_1),
        cmocka_unit_test(exponential_blocks_are_m_m_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
