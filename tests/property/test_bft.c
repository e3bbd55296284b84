/* pbft, hotstuff, hotstuff2 (and tendermint, as far as it has the same promises): safety and
 * progress over many seeds, messages and hops against closed forms. WEFT_BFT_SEEDS=5000 for the
 * long sweep. */
#include "tests/property/bft_mini.h"

#define MS(x) ((sim_time)(x)*SIM_MS)

struct variant {
    const char *name, *settings;
};

static const struct variant variants[] = {
    {"pbft",
     "block_interval: 40ms, idle: 0s, view_timeout: 300ms, resend: 500ms, longest_timeout: 1s"},
    {"pbft", "block_interval: 10ms, idle: 0s, view_timeout: 300ms, resend: 500ms, longest_timeout: "
             "1s, depth: 4, "
             "checkpoint: 4, window: 9"},
    {"hotstuff",
     "block_interval: 30ms, idle: 0s, view_timeout: 300ms, resend: 500ms, longest_timeout: 1s"},
    {"hotstuff",
     "idle: 0s, view_timeout: 300ms, resend: 500ms, longest_timeout: 1s, pacemaker: quadratic, "
     "leader_views: 6, certificates: bls"},
    {"hotstuff2",
     "block_interval: 30ms, idle: 0s, view_timeout: 300ms, resend: 500ms, longest_timeout: 1s, "
     "delta: 40ms"},
    {"hotstuff2",
     "idle: 0s, view_timeout: 300ms, resend: 500ms, longest_timeout: 1s, view_change: certificate, "
     "pacemaker: quadratic"},
    {"hotstuff2",
     "idle: 0s, view_timeout: 300ms, resend: 500ms, longest_timeout: 1s, view_change: certificate, "
     "leader_views: 1000"},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

/* splitmix64: what goes wrong in a seed, apart from the network's own draws. */
static uint64_t draw(uint64_t *x, uint64_t below)
{
    *x += 0x9e3779b97f4a7c15u;
    uint64_t z = *x;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % below;
}

static uint64_t seeds(uint64_t usual)
{
    const char *text = getenv("WEFT_BFT_SEEDS");
    return text ? strtoull(text, NULL, 10) : usual;
}

/* ---- safety, and progress once the network is calm ---- */

static struct mini_rules storm_rules(uint64_t *x, uint32_t n)
{
    struct mini_rules r = {.least = MS(1), .most = MS(5 + draw(x, 40)), .stable = MS(4000)};
    r.late = (double)draw(x, 3) * 0.1;
    r.lost = (double)draw(x, 3) * 0.05;
    r.byzantine = draw(x, 2) ? (n - 1) / 3 : 0;
    r.cut = draw(x, UINT64_C(1) << n);
    r.cut_from = MS(draw(x, 2500));
    r.cut_to = r.cut_from + MS(draw(x, 1500));
    return r;
}

/* Any number may be down for a while, at most f are for good; none of them beside Byzantine ones.
 */
static void storm_crashes(struct mini *w, uint64_t *x)
{
    for (uint64_t i = draw(x, 2 * w->count); i > 0; i--) {
        sim_time at = MS(draw(x, 3500));
        mini_crash(w, (node_id)draw(x, w->count), at, at + MS(1 + draw(x, 500)));
    }
    uint32_t gone = w->rules.byzantine ? 0 : (uint32_t)draw(x, (w->count - 1) / 3 + 1);
    for (uint32_t i = 0; i < gone; i++)
        mini_crash(w, (node_id)(draw(x, 2) ? i : w->count - 1 - i), MS(4000 + draw(x, 100)), 0);
}

static void expect_growth(struct mini *w, uint64_t least)
{
    for (node_id n = 0; n < w->count; n++)
        if (mini_honest(w, n) && !w->life[n].down &&
            w->life[n].final->height < w->height_before[n] + least)
            fail_msg("%s, seed %llu: node %u of %u (%u Byzantine) is still at height %llu", w->name,
                     (unsigned long long)w->seed, n, w->count, w->rules.byzantine,
                     (unsigned long long)w->life[n].final->height);
}

static void remember_heights(struct mini *w)
{
    for (node_id n = 0; n < w->count; n++)
        w->height_before[n] = w->life[n].final->height;
}

static uint64_t storm(const struct variant *v, uint64_t seed)
{
    static const uint32_t sizes[] = {4, 5, 7, 10};
    uint64_t x = seed * 7919;
    uint32_t n = sizes[draw(&x, 4)];
    struct mini_rules r = storm_rules(&x, n);
    struct mini *w = mini_make(v->name, v->settings, n, NULL, &r, seed);
    storm_crashes(w, &x);
    mini_run(w, MS(4200));
    remember_heights(w);
    w->rules.most = MS(20);
    mini_run(w, MS(20000));
    expect_growth(w, 3);
    uint64_t height = w->life[0].final->height;
    mini_free(w);
    return height;
}

static void test_storms(void **state)
{
    (void)state;
    for (int i = 0; i < VARIANTS; i++) {
        uint64_t sum = 0, count = seeds(40);
        for (uint64_t seed = 1; seed <= count; seed++)
            sum += storm(&variants[i], seed);
        print_message("%s {%s}: height %llu on average\n", variants[i].name, variants[i].settings,
                      (unsigned long long)(sum / count));
    }
}

/* ---- weights ---- */

/* One validator has more than a third of the weight: nothing is final without it, and with it and
 * more than a third of the rest everything is. */
static void test_weights(void **state)
{
    static const uint64_t weights[] = {40, 15, 15, 15, 15};
    static const struct mini_rules calm = {.least = MS(5), .most = MS(15)};
    (void)state;
    for (int i = 0; i < VARIANTS; i++) {
        for (int heavy = 0; heavy < 2; heavy++) {
            struct mini *w =
                mini_make(variants[i].name, variants[i].settings, 5, weights, &calm, 77);
            mini_run(w, MS(1000));
            remember_heights(w);
            mini_crash(w, heavy ? 0 : 3, MS(1000), 0);
            if (!heavy)
                mini_crash(w, 4, MS(1000), 0);
            mini_run(w, MS(12000));
            if (heavy) /* what was under way may still come through */
                assert_true(w->life[1].final->height <= w->height_before[1] + 4);
            else
                expect_growth(w, 5);
            mini_free(w);
        }
    }
}

/* ---- closed forms: messages ---- */

static struct mini *calm_run(const char *name, const char *settings, uint32_t n, sim_time delay,
                             uint64_t timed, sim_time until)
{
    struct mini_rules calm = {.least = delay, .most = delay};
    struct mini *w = mini_make(name, settings, n, NULL, &calm, 5);
    w->timed = timed;
    mini_run(w, until);
    return w;
}

static void equals(const struct mini *w, const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        fail_msg("%s of %u nodes sends %llu %s, not %llu", w->name, w->count,
                 (unsigned long long)got, what, (unsigned long long)want);
}

/* A block: n - 1 pre-prepares, (n - 1)^2 prepares, n (n - 1) commits; 2 n (n - 1) in all. A
 * checkpoint: n (n - 1). */
static void test_pbft_messages(void **state)
{
    static const uint32_t sizes[] = {4, 7, 13, 16};
    (void)state;
    for (int i = 0; i < 4; i++) {
        uint32_t n = sizes[i];
        struct mini *w =
            calm_run("pbft", "block_interval: 1s, idle: 0s, checkpoint: 4", n, MS(10), 0, MS(9500));
        uint64_t h = w->life[0].final->height;
        assert_int_equal(h, 9); /* at 1, 2, ..., 9 s */
        equals(w, "pre-prepares", w->sent[1], h * (n - 1));
        equals(w, "prepares", w->sent[2], h * (n - 1) * (n - 1));
        equals(w, "commits", w->sent[3], h * n * (n - 1));
        equals(w, "checkpoints", w->sent[4], h / 4 * n * (n - 1));
        equals(w, "view-changes", w->sent[5] + w->sent[6] + w->sent[7], 0);
        mini_free(w);
    }
}

/* A view: n - 1 proposals, n - 1 votes: the collector's own vote does not travel. */
static void test_chained_messages(void **state)
{
    static const uint32_t sizes[] = {4, 7, 13, 16};
    static const char *const names[] = {"hotstuff", "hotstuff2"};
    (void)state;
    for (int i = 0; i < 8; i++) {
        uint32_t n = sizes[i / 2];
        struct mini *w = calm_run(names[i % 2], "block_interval: 1s, idle: 0s, leader_views: 1", n,
                                  MS(10), 0, MS(9500));
        equals(w, "proposals", w->sent[1], 9 * (n - 1));
        equals(w, "votes", w->sent[2], 9 * (n - 1));
        equals(w, "time-outs", w->sent[3] + w->sent[4], 0);
        mini_free(w);
    }
}

/* The primary or leader is down: PBFT's view change is n - 1 view-changes of each that is up and
 * one new-view to everybody; HotStuff's is one message of each to the next leader, or, quadratic,
 * to everybody. */
static void test_view_change_messages(void **state)
{
    static const struct {
        const char *name, *settings;
        uint64_t squares; /* time-outs: of n - 1 nodes to so many each, or 1 */
    } runs[] = {
        {"pbft", "block_interval: 100ms, idle: 0s", 1},
        {"hotstuff", "idle: 0s, leader_views: 1000", 0},
        {"hotstuff", "idle: 0s, leader_views: 1000, pacemaker: quadratic", 1},
        {"hotstuff2", "idle: 0s, leader_views: 1000", 0},
        {"hotstuff2", "idle: 0s, leader_views: 1000, pacemaker: quadratic", 1},
    };
    const uint32_t n = 7;
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct mini_rules calm = {.least = MS(10), .most = MS(10)};
        struct mini *w = mini_make(runs[i].name, runs[i].settings, n, NULL, &calm, 5);
        mini_crash(w, 0, MS(405), 0);
        mini_run(w, MS(400));
        remember_heights(w);
        mini_run(w, MS(4500));
        expect_growth(w, 5);
        bool pbft = i == 0;
        uint64_t timeouts = w->sent[pbft ? 5 : 3];
        /* the next leader's own does not travel when it goes to it alone */
        equals(w, "time-outs", timeouts, runs[i].squares ? (n - 1) * (n - 1) : n - 2);
        if (pbft)
            equals(w, "new-views", w->sent[6], n - 1);
        mini_free(w);
    }
}

/* ---- closed forms: hops ---- */

/* One-way delays from the moment when a block is ready to its commit at the first and at the last
 * node. Blocks that nothing hurries: the next one follows at once. */
static void test_hops(void **state)
{
    static const struct {
        const char *name, *settings;
        double first, last;
    } runs[] = {
        {"pbft", "block_interval: 0s, idle: 0s", 3, 3},
        {"tendermint", "block_interval: 0s", 3, 3},
        {"hotstuff", "idle: 0s, view_timeout: 9s, leader_views: 1000", 6, 7},
        {"hotstuff", "idle: 0s, view_timeout: 9s, leader_views: 1", 6, 7},
        {"hotstuff2", "idle: 0s, view_timeout: 9s, leader_views: 1000", 4, 5},
        {"hotstuff2", "idle: 0s, view_timeout: 9s, leader_views: 1", 4, 5},
    };
    (void)state;
    for (int i = 0; i < 6; i++) {
        const sim_time hop = MS(1000);
        struct mini *w = calm_run(runs[i].name, runs[i].settings, 7, hop, 3, MS(60000));
        sim_time sent = w->chain[3]->created;
        double first = (double)(w->first_commit - sent) / (double)hop;
        double last = (double)(w->last_commit - sent) / (double)hop;
        /* building and checking take up to 2 ms each */
        if (first < runs[i].first || first > runs[i].first + 0.05 || last < runs[i].last ||
            last > runs[i].last + 0.05)
            fail_msg("%s {%s}: %.2f to %.2f hops, not %.0f to %.0f", runs[i].name, runs[i].settings,
                     first, last, runs[i].first, runs[i].last);
        mini_free(w);
    }
}

/* ---- progress ---- */

/* Four views in a row of honest leaders make a commit: with a leader a view and one of four down
 * there never are; with four views a leader there are. HotStuff-2 needs three. */
static void test_rotation_starves(void **state)
{
    static const struct {
        const char *name;
        unsigned views;
        bool lives;
    } runs[] = {
        {"hotstuff", 1, false},
        {"hotstuff", 4, true},
        {"hotstuff2", 1, true},
        {"hotstuff2", 3, true},
    };
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct mini_rules calm = {.least = MS(10), .most = MS(10)};
        char settings[96];
        snprintf(settings, sizeof settings, "idle: 0s, leader_views: %u, view_timeout: 200ms",
                 runs[i].views);
        struct mini *w = mini_make(runs[i].name, settings, 4, NULL, &calm, 5);
        mini_crash(w, 1, 0, 0);
        mini_run(w, MS(2000));
        remember_heights(w);
        mini_run(w, MS(20000));
        if (runs[i].lives)
            expect_growth(w, 5);
        else
            assert_int_equal(w->life[0].final->height, w->height_before[0]);
        mini_free(w);
    }
}

/* Waits grow with views that fail in a row, and only with those: with two leaders of seven down the
 * second twenty seconds bring as many blocks as the first. */
static void test_waits_shrink(void **state)
{
    static const struct variant runs[] = {
        {"pbft", "block_interval: 40ms, idle: 0s, view_timeout: 300ms"},
        {"hotstuff", "idle: 0s, view_timeout: 300ms"},
        {"hotstuff2", "idle: 0s, view_timeout: 300ms"},
        {"hotstuff2", "idle: 0s, view_timeout: 300ms, pacemaker: quadratic"},
    };
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct mini_rules calm = {.least = MS(10), .most = MS(10)};
        struct mini *w = mini_make(runs[i].name, runs[i].settings, 7, NULL, &calm, 5);
        mini_crash(w, 0, 0, 0);
        mini_crash(w, 1, 0, 0);
        mini_run(w, MS(20000));
        uint64_t first = w->life[3].final->height;
        mini_run(w, MS(40000));
        uint64_t second = w->life[3].final->height - first;
        if (first < 20 || second * 10 < first * 9)
            fail_msg("%s {%s}: %llu blocks, then %llu", runs[i].name, runs[i].settings,
                     (unsigned long long)first, (unsigned long long)second);
        mini_free(w);
    }
}

/* A half that reaches nobody else decides nothing; after the cut everybody is at one height. */
static void test_partition(void **state)
{
    (void)state;
    for (int i = 0; i < VARIANTS; i++) {
        struct mini_rules r = {.least = MS(5),
                               .most = MS(15),
                               .stable = MS(6000),
                               .cut = 0x7,
                               .cut_from = MS(1000),
                               .cut_to = MS(6000)};
        struct mini *w = mini_make(variants[i].name, variants[i].settings, 6, NULL, &r, 3);
        mini_run(w, MS(1100));
        remember_heights(w);
        mini_run(w, MS(5990));
        for (uint32_t n = 0; n < 6; n++)
            assert_true(w->life[n].final->height <= w->height_before[n] + 2);
        mini_run(w, MS(12000));
        expect_growth(w, 10);
        mini_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storms),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_pbft_messages),
        cmocka_unit_test(test_chained_messages),
        cmocka_unit_test(test_view_change_messages),
        cmocka_unit_test(test_hops),
        cmocka_unit_test(test_rotation_starves),
        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_waits_shrink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
