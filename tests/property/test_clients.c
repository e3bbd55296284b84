/* The closed loop: who waits for what, how long, and how many are under way. */
#include <math.h>

#include "tests/property/world_fixture.h"

static const char text[] = "duration: 10s\n"
                           "drain: 2s\n"
                           "signatures: modelled\n"
                           "network: {latency: {kind: constant, delay: 20ms}, topology: {kind: "
                           "full-mesh}, blocks: direct,\n"
                           "  link: {up: 10Gbit/s, down: 10Gbit/s}}\n"
                           "layers:\n"
                           "  - name: main\n"
                           "    nodes: 4\n"
                           "    consensus: {kind: pbft, block_interval: 0s, idle: 1s}\n"
                           "    execution: {kind: serial, cores: 4}\n"
                           "workload:\n"
                           "  - {kind: clients, clients: 1, outstanding: 1, link: 7ms}\n";

static struct world_summary run(const char *const *sets, size_t count, uint32_t threads)
{
    struct fixture f = fixture_make(text, sets, count, threads, NULL);
    fixture_run(&f);
    struct world_summary s;
    world_summarise(f.world, &s);
    assert_int_equal(s.dropped, 0);
    assert_int_equal(s.safety_violations, 0);
    fixture_free(&f);
    return s;
}

static void near(const char *what, double got, double want, double tolerance)
{
    if (fabs(got - want) > tolerance)
        fail_msg("%s is %.5f, not %.5f +- %.5f", what, got, want, tolerance);
}

/* A hop to the replicas, three among them, a hop back; the next request goes out at once. */
static void one_request_at_a_time(void **state)
{
    (void)state;
    struct world_summary s = run(NULL, 0, 1);
    near("median latency", s.latency_s.p50, 0.007 + 3 * 0.020 + 0.007, 0.001);
    near("requests", (double)s.committed, 10 / s.latency_s.mean, 2);
}

/* Little's law: what is under way is rate times latency. */
static void many_requests(void **state)
{
    (void)state;
    const char *sets[] = {"workload[0].clients=5", "workload[0].outstanding=8", "warm_up=1s",
                          "workload[0].payload=333B"};
    struct world_summary s = run(sets, 4, 1), again = run(sets, 4, 3);
    near("requests under way", s.achieved_rate * s.latency_s.mean, 40, 0.5);
    assert_true(s.offered - s.committed <= 40);
    assert_int_equal(again.committed, s.committed);
    assert_true(again.latency_s.mean >= s.latency_s.mean &&
                again.latency_s.mean <= s.latency_s.mean);
}

/* With a replica far away, two answers come from near, four do not. */
static void answers_that_count(void **state)
{
    (void)state;
    const char *sets[] = {"network.latency={kind: regions, matrix: aws-2025, first: [eu-west-1, "
                          "eu-west-1, eu-west-1, ap-southeast-2]}",
                          "workload[0].region=eu-west-1", "workload[0].answers=0"};
    struct world_summary two = run(sets, 3, 1);
    sets[2] = "workload[0].answers=4";
    struct world_summary four = run(sets, 3, 1);
    /* Ireland and Sydney are 255.6 ms apart there and back */
    assert_true(two.latency_s.p50 < 0.05);
    assert_true(four.latency_s.p50 > 0.2556 && four.latency_s.p50 < 0.2556 + 0.02);
}

/* At a byte a microsecond: four copies of 110 bytes leave; two answers of 1,000 bytes, at the same
 * time, are in one after the other. */
static void a_machine_s_link(void **state)
{
    (void)state;
    const char *sets[] = {"workload[0].machines=1", "workload[0].machine_link=8Mbit/s",
                          "workload[0].answer=1000B"};
    struct world_summary free = run(NULL, 0, 1), linked = run(sets, 3, 1);
    near("median latency", linked.latency_s.p50 - free.latency_s.p50, 0.00044 + 0.002, 0.0001);
}

/* Requests of 443 bytes to four replicas: a machine sends 564 a second; each has half of them. */
static void machines_that_are_busy(void **state)
{
    (void)state;
    const char *sets[] = {"workload[0].clients=10",   "workload[0].outstanding=20",
                          "workload[0].payload=333B", "workload[0].machine_link=8Mbit/s",
                          "workload[0].machines=1",   "warm_up=1s"};
    double one = 1e6 / (4 * 443);
    struct world_summary s = run(sets, 6, 1);
    near("rate of one machine", s.achieved_rate, one, one / 50);
    sets[4] = "workload[0].machines=2";
    s = run(sets, 6, 1);
    near("rate of two machines", s.achieved_rate, 2 * one, one / 25);
    near("requests under way", s.achieved_rate * s.latency_s.mean, 200, 4);
    sets[0] = "workload[0].answer=2000B"; /* 100 under way now: answers take longer than requests */
    sets[4] = "workload[0].machines=1";
    sets[1] = "workload[0].outstanding=100";
    s = run(sets, 6, 1);
    near("rate of answers", s.achieved_rate, 1e6 / (4 * 2000), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_request_at_a_time),  cmocka_unit_test(many_requests),
        cmocka_unit_test(answers_that_count),     cmocka_unit_test(a_machine_s_link),
        cmocka_unit_test(machines_that_are_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
