/* Fault models without a world: whom they strike and when, and what they do to single messages. */
#include "models/consensus/consensus.h"
#include "models/faults/faults.h"
#include "sim/scenario/scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NODES = 60, MOMENTS = 4096 };
static const node_id layer_first[] = {0, 20, 60}; /* 15 of 20, and 30 of 40, vote */

struct root {
    struct field_choices faults;
};
static const struct field rows[] = {{.name = "faults",
                                     .type = FIELD_MODELS,
                                     .registry = "faults",
                                     .def = "",
                                     .doc = "Faults alone.",
                                     .offset = offsetof(struct root, faults),
                                     .size = sizeof(struct field_choices)}};
static const struct field_table root_table = {"root", "Faults alone.",     rows,
                                              1,      sizeof(struct root), NULL};
static const struct field_registry *const registries[] = {&faults_registry};
static const struct scenario_spec spec = {&root_table, registries, 1, NULL};

struct rig {
    const struct fault_ops *ops;
    void *state;
    struct scenario *scenario;
    struct fault_env env;
    struct sim_stream rng;
    sim_time now;
    struct {
        sim_time when;
        uint32_t kind;
        uint64_t value;
        bool done;
    } moment[MOMENTS];
    unsigned moments;
    int watched[NODES], twins[NODES], voices[NODES], byzantine[NODES], down[NODES];
    int lapses[LAPSE_COUNT][NODES], misbehaves[NODES];
    int unsettled, reconnected;
    bool same_side;        /* somebody was to ask one that it could reach all along */
    unsigned begun, ended; /* rows */
    char detail[96];
};

static sim_time now(struct fault_env *env)
{
    return ((struct rig *)env->world)->now;
}

static void at(struct fault_env *env, sim_time when, uint32_t kind, uint64_t value)
{
    struct rig *r = env->world;
    assert_true(r->moments < MOMENTS && when >= r->now);
    r->moment[r->moments].when = when;
    r->moment[r->moments].kind = kind;
    r->moment[r->moments].value = value;
    r->moment[r->moments++].done = false;
}

static void crash(struct fault_env *env, node_id node)
{
    ((struct rig *)env->world)->down[node] = 1;
}

static void recover(struct fault_env *env, node_id node)
{
    ((struct rig *)env->world)->down[node] = 0;
}

static void watch(struct fault_env *env, node_id node, bool on)
{
    ((struct rig *)env->world)->watched[node] += on ? 1 : -1;
}

static enum err_code twin(struct fault_env *env, node_id node, struct err *err)
{
    (void)err;
    ((struct rig *)env->world)->twins[node]++;
    return ERR_OK;
}

static void voice(struct fault_env *env, node_id node, bool on)
{
    ((struct rig *)env->world)->voices[node] += on ? 1 : -1;
}

static void mark(struct fault_env *env, node_id node)
{
    ((struct rig *)env->world)->byzantine[node]++;
}

static const struct consensus_ops *protocol(struct fault_env *env, node_id node)
{
    static const struct consensus_ops plain = {.model = {"plain", "", NULL}};
    static const struct consensus_ops dag = {.model = {"dag", "", NULL},
                                             .traits = {.batches = true}};
    (void)env;
    return node < 20 ? &plain : &dag;
}

static bool misbehave(struct fault_env *env, node_id node, const char *how, bool on)
{
    struct rig *r = env->world;
    assert_string_equal(how, "selfish-mining");
    r->misbehaves[node] = on;
    return node < 20;
}

static void lapse(struct fault_env *env, node_id node, enum fault_lapse what, bool on)
{
    ((struct rig *)env->world)->lapses[what][node] += on ? 1 : -1;
}

/* Groups of the test `partitions`: 0-9 and 20; 30-39; the others. */
static int side(node_id n)
{
    return n <= 9 || n == 20 ? 0 : n >= 30 && n <= 39 ? 1 : 2;
}

static void reconnect(struct fault_env *env, node_id node, node_id peer)
{
    struct rig *r = env->world;
    r->reconnected++;
    r->same_side |= side(node) == side(peer);
}

static void unsettle(struct fault_env *env, bool on)
{
    ((struct rig *)env->world)->unsettled += on ? 1 : -1;
}

static void note(struct fault_env *env, const char *what, node_id node, const char *detail)
{
    struct rig *r = env->world;
    (void)node;
    *(strcmp(what, "recover") ? &r->begun : &r->ended) += 1;
    if (strcmp(what, "recover"))
        snprintf(r->detail, sizeof r->detail, "%s", detail);
}

static const char *region(const struct fault_env *env, node_id node)
{
    static const char *const names[] = {"eu-west-1", "eu-north-1", "us-east-1"};
    (void)env;
    return names[node % 3];
}

static bool validator(const struct fault_env *env, node_id node)
{
    (void)env;
    return node < 15 || (node >= 20 && node < 50);
}

static layer_id layer(const struct fault_env *env, const char *name)
{
    (void)env;
    return !strcmp(name, "first") ? 0 : !strcmp(name, "second") ? 1 : LAYER_NONE;
}

static enum err_code set_up(struct rig *r, const char *text, uint64_t seed, struct err *err)
{
    static const struct fault_host host = {.now = now,
                                           .at = at,
                                           .crash = crash,
                                           .recover = recover,
                                           .watch = watch,
                                           .twin = twin,
                                           .voice = voice,
                                           .byzantine = mark,
                                           .protocol = protocol,
                                           .misbehave = misbehave,
                                           .lapse = lapse,
                                           .unsettle = unsettle,
                                           .reconnect = reconnect,
                                           .note = note};
    struct scenario_problems problems = {0};
    memset(r, 0, sizeof *r);
    sim_stream_init(&r->rng, seed, 0, 1);
    r->env = (struct fault_env){.host = &host,
                                .world = r,
                                .rng = &r->rng,
                                .node_count = NODES,
                                .layer_count = 2,
                                .layer_first = layer_first,
                                .region = region,
                                .validator = validator,
                                .layer = layer};
    if (scenario_parse(&r->scenario, &spec, "test", text, strlen(text), NULL, 0, &problems)) {
        err_set(err, ERR_INPUT, "%s", problems.text);
        scenario_problems_fini(&problems);
        return ERR_INPUT;
    }
    const struct root *root = scenario_root(r->scenario);
    r->ops = (const struct fault_ops *)root->faults.items[0].model;
    r->state = calloc(1, r->ops->state_size);
    return r->ops->init(r->state, root->faults.items[0].cfg, &r->env, err);
}

static void make(struct rig *r, const char *text, uint64_t seed)
{
    struct err err = {0};
    if (set_up(r, text, seed, &err) != ERR_OK)
        fail_msg("%s: %s", text, err.text);
}

static void take_down(struct rig *r)
{
    if (r->ops && r->ops->fini)
        r->ops->fini(r->state);
    free(r->state);
    scenario_destroy(r->scenario);
}

/* Everything that is due up to `until`, in order. */
static void play(struct rig *r, sim_time until)
{
    for (;;) {
        unsigned next = MOMENTS;
        for (unsigned i = 0; i < r->moments; i++)
            if (!r->moment[i].done && r->moment[i].when <= until &&
                (next == MOMENTS || r->moment[i].when < r->moment[next].when))
                next = i;
        if (next == MOMENTS)
            break;
        r->now = r->moment[next].when;
        r->moment[next].done = true;
        r->ops->fire(r->state, r->moment[next].kind, r->moment[next].value);
    }
    r->now = until;
}

static unsigned sum(const int *counts)
{
    unsigned total = 0;
    for (node_id n = 0; n < NODES; n++)
        total += (unsigned)counts[n];
    return total;
}

static struct fault_verdict sent(struct rig *r, node_id from, node_id to, enum channel channel,
                                 uint8_t instance, struct block *b)
{
    struct fault_verdict v = {0};
    struct message *m = message_create(channel, 1, 0);
    m->origin = from;
    m->instance = instance;
    m->block = b;
    r->ops->filter(r->state, from, to, m, &v);
    m->block = NULL;
    message_unref(m);
    return v;
}

/* ---- whom ---- */

static void shares_and_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *who;
        unsigned count, first, last; /* all between these */
    } cases[] = {
        {"share: 10%", 6, 0, 59},
        {"share: 10%, layer: first", 2, 0, 19},
        {"share: 33.4%, layer: second, of: validators", 10, 20, 49},
        {"nodes: 5, of: followers, layer: first", 5, 15, 19},
        {"share: 100%, of: followers", 15, 15, 59},
        {"nodes: 40, region: eu", 40, 0, 59},
        {"nodes: 20, region: us-east-1", 20, 0, 59},
        {"chosen: [3-5, 59]", 4, 3, 59},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig r;
        char text[160];
        snprintf(text, sizeof text, "faults: [{kind: omission, %s}]", cases[i].who);
        make(&r, text, i + 5);
        play(&r, SIM_SEC);
        if (sum(r.lapses[LAPSE_IMPAIRED]) != cases[i].count)
            fail_msg("%s: %u", text, sum(r.lapses[LAPSE_IMPAIRED]));
        assert_memory_equal(r.watched, r.lapses[LAPSE_IMPAIRED], sizeof r.watched);
        assert_int_equal(r.begun, cases[i].count);
        for (node_id n = 0; n < NODES; n++)
            assert_true(!r.watched[n] || (n >= cases[i].first && n <= cases[i].last));
        take_down(&r);
    }
}

static void bad_sections(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"kind: omission, share: 1%, layer: first", "less than half a node"},
        {"kind: omission, chosen: [1], of: validators", "leave out"},
        {"kind: omission, chosen: [1], share: 10%", "of what?"},
        {"kind: omission, region: eu-we", "only 0 qualify"},
        {"kind: omission, at: never", "at"},
        {"kind: delay", "adds"},
        {"kind: partition, groups: [0-3, 3 4]", "node 3 is named twice"},
        {"kind: partition, groups: [0-60]", "there is no node 60"},
        {"kind: partition, groups: [0-59]", "nothing parts them"},
        {"kind: partition, regions: [ap]", "no node is in 'ap'"},
        {"kind: partition, shares: [70%, 40%]", "more than 100%"},
        {"kind: partition, shares: [half]", "'half' is no share"},
        {"kind: partition, shares: [50%], regions: [eu]", "exclude each other"},
        {"kind: asynchrony, at: 5s, until: 5s", "later than at"},
        {"kind: censorship", "say what is censored"},
        {"kind: censorship, workload: [x]", "'x' is no entry"},
        {"kind: invalid-root, chosen: [3, 30]", "dag orders batches"},
        {"kind: selfish-mining, chosen: [25]", "dag has no selfish miners"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig r;
        struct err err = {0};
        char text[160];
        snprintf(text, sizeof text, "faults: [{%s}]", cases[i].text);
        assert_int_equal(set_up(&r, text, 1, &err), ERR_INPUT);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: '%s' lacks '%s'", text, err.text, cases[i].says);
        take_down(&r);
    }
}

/* ---- when ---- */

/* 1 in 10 s for 1,000 s: 100 occurrences, sd 10; each lasts 2 s on average and strikes 3 of 60. */
static void poisson(void **state)
{
    (void)state;
    struct rig r;
    unsigned begun = 0, struck[NODES] = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make(&r,
             "faults: [{kind: crash, at: 100s, rate: 6/min, nodes: 3, "
             "recover_after: exponential(2s)}]",
             seed);
        for (sim_time t = 0; t < 1100 * SIM_SEC; t += SIM_SEC) {
            play(&r, t);
            assert_true(t >= 100 * SIM_SEC || sum(r.down) == 0);
            for (node_id n = 0; n < NODES; n++)
                struck[n] += (unsigned)r.down[n];
        }
        for (unsigned i = 0; i < r.moments; i++)
            begun += r.moment[i].kind == 0 && r.moment[i].done;
        take_down(&r);
    }
    assert_in_range(begun, 2000 - 4 * 45, 2000 + 4 * 45);
    unsigned total = 0;
    for (node_id n = 0; n < NODES; n++)
        total += struck[n];
    /* 2,000 occurrences of 3 nodes for 2 s; overlaps are few */
    assert_in_range(total, 10500, 13000);
}

/* A node that two occurrences strike comes back with the last of them. */
static void overlaps(void **state)
{
    (void)state;
    struct rig r;
    make(&r, "faults: [{kind: omission, chosen: [4], at: 1s, rate: 5/s, lasts: 3s, drop: 100%}]",
         3);
    bool was = false;
    unsigned ended = 0;
    for (sim_time t = 0; t < 60 * SIM_SEC; t += 100 * SIM_MS) {
        play(&r, t);
        assert_in_range(r.watched[4], 0, 1);
        ended += was && !r.watched[4];
        was = r.watched[4];
    }
    assert_true(was && ended == 0); /* fifteen at a time on average */
    assert_int_equal(r.begun, 1);
    take_down(&r);
}

/* ---- what they do to messages ---- */

static void omission_drops(void **state)
{
    (void)state;
    struct rig r;
    make(&r, "faults: [{kind: omission, chosen: [7], drop: 30%, way: out, sort: votes}]", 9);
    play(&r, 0);
    unsigned lost = 0;
    for (int i = 0; i < 10000; i++) {
        lost += sent(&r, 7, 1, CHANNEL_CONSENSUS, 0, NULL).drop;
        assert_false(sent(&r, 1, 7, CHANNEL_CONSENSUS, 0, NULL).drop);
        assert_false(sent(&r, 7, 1, CHANNEL_BLOCK, 0, NULL).drop);
    }
    assert_in_range(lost, 3000 - 4 * 46, 3000 + 4 * 46);
    take_down(&r);
    make(&r, "faults: [{kind: omission, chosen: [7], way: in}]", 9);
    play(&r, 0);
    assert_true(sent(&r, 1, 7, CHANNEL_SYNC, 0, NULL).drop);
    assert_false(sent(&r, 7, 1, CHANNEL_SYNC, 0, NULL).drop);
    take_down(&r);
}

static void delay_adds(void **state)
{
    (void)state;
    struct rig r;
    make(&r, "faults: [{kind: delay, chosen: [7], at: 2s, lasts: 3s, adds: uniform(1s, 3s)}]", 9);
    double mean = 0;
    assert_int_equal(sent(&r, 7, 1, CHANNEL_TX, 0, NULL).delay, 0);
    play(&r, 4 * SIM_SEC);
    for (int i = 0; i < 2000; i++) {
        sim_time d = sent(&r, 7, 1, CHANNEL_TX, 0, NULL).delay;
        assert_in_range(d, SIM_SEC, 3 * SIM_SEC);
        mean += (double)d / 2000 / 1e9;
    }
    assert_true(fabs(mean - 2) < 0.06); /* sd of the mean: 0.013 */
    assert_int_equal(r.unsettled, 0);
    play(&r, 6 * SIM_SEC);
    assert_int_equal(sent(&r, 7, 1, CHANNEL_TX, 0, NULL).delay, 0);
    assert_int_equal(sum(r.lapses[LAPSE_IMPAIRED]) + sum(r.watched), 0);
    take_down(&r);
}

static bool passes(struct rig *r, node_id from, node_id to)
{
    return !sent(r, from, to, CHANNEL_TX, 0, NULL).drop;
}

static void partitions(void **state)
{
    (void)state;
    struct rig r;
    make(&r, "faults: [{kind: partition, at: 1s, lasts: 2s, groups: ['0-9 20', 30-39]}]", 1);
    play(&r, 0);
    assert_true(passes(&r, 0, 30));
    play(&r, 2 * SIM_SEC);
    assert_string_equal(r.detail, "11 | 10 | 39");
    assert_int_equal(r.unsettled, 1);
    assert_true(passes(&r, 0, 20) && passes(&r, 35, 36) && passes(&r, 10, 59));
    assert_false(passes(&r, 0, 30) || passes(&r, 30, 20) || passes(&r, 11, 9));
    play(&r, 3 * SIM_SEC);
    assert_true(passes(&r, 0, 30) && r.unsettled == 0 && sum(r.watched) == 0);
    assert_int_equal(r.reconnected, 60);
    assert_false(r.same_side);
    take_down(&r);
    make(&r, "faults: [{kind: partition, regions: [eu-west-1 us, eu-north-1]}]", 1);
    play(&r, 0);
    assert_true(passes(&r, 0, 2) && passes(&r, 1, 4) && !passes(&r, 0, 1));
    take_down(&r);
    make(&r, "faults: [{kind: partition, shares: [25%, 25%], rate: 1/s, lasts: 500ms}]", 1);
    char before[96] = "";
    play(&r, 100 * SIM_SEC);
    assert_in_range(r.begun, 60, 140);
    snprintf(before, sizeof before, "%s", r.detail);
    assert_string_equal(before, "15 | 15 | 30");
    take_down(&r);
}

/* Until GST anything up to the bound, out of order; what is under way then goes on within delta. */
static void asynchrony(void **state)
{
    (void)state;
    struct rig r;
    make(&r, "faults: [{kind: asynchrony, at: 1s, until: 10s, bound: 4s, delta: 500ms}]", 8);
    play(&r, 0);
    assert_int_equal(sent(&r, 1, 2, CHANNEL_TX, 0, NULL).delay, 0);
    sim_time last = 0, longest = 0;
    unsigned overtaken = 0;
    for (sim_time t = SIM_SEC; t < 10 * SIM_SEC; t += 10 * SIM_MS) {
        play(&r, t);
        assert_int_equal(r.unsettled, 1);
        struct fault_verdict v = sent(&r, 1, 2, CHANNEL_CONSENSUS, 0, NULL);
        assert_false(v.drop);
        assert_true(v.delay <= 4 * SIM_SEC && t + v.delay <= 10500 * SIM_MS);
        overtaken += t + v.delay < last;
        last = t + v.delay;
        longest = v.delay > longest ? v.delay : longest;
    }
    assert_true(overtaken > 300 && longest > 3500 * SIM_MS);
    play(&r, 10 * SIM_SEC);
    assert_int_equal(sent(&r, 1, 2, CHANNEL_TX, 0, NULL).delay, 0);
    assert_int_equal(r.unsettled, 0);
    take_down(&r);
}

static void own_blocks(void **state)
{
    (void)state;
    struct rig r;
    struct block own = {.refs = 1, .proposer = 7, .hash = {{1, 2, 3}}};
    struct block own2 = {.refs = 1, .proposer = 7, .hash = {{1, 2, 4}}};
    struct block other = {.refs = 1, .proposer = 8};
    make(&r, "faults: [{kind: silent-leader, chosen: [7]}]", 1);
    play(&r, 0);
    assert_true(sent(&r, 7, 1, CHANNEL_BLOCK, 0, &own).drop && r.byzantine[7] == 1);
    assert_false(sent(&r, 7, 1, CHANNEL_BLOCK, 0, &other).drop);
    assert_false(sent(&r, 7, 1, CHANNEL_CONSENSUS, 0, NULL).drop);
    assert_false(sent(&r, 8, 7, CHANNEL_BLOCK, 0, &other).drop);
    take_down(&r);
    make(&r, "faults: [{kind: withheld, chosen: [7, 9], hold: 2s, first: 25%}]", 1);
    play(&r, SIM_SEC);
    unsigned at_once = 0;
    for (node_id to = 10; to < 60; to++) {
        sim_time d = sent(&r, 7, to, CHANNEL_BLOCK, 0, &own).delay;
        assert_true(d == 0 || d == 2 * SIM_SEC);
        at_once += d == 0;
    }
    assert_in_range(at_once, 4, 23); /* 12.5, sd 3.1 */
    play(&r, 2 * SIM_SEC);
    unsigned again = 0;
    for (node_id to = 10; to < 60; to++) {
        sim_time d = sent(&r, 7, to, CHANNEL_BLOCK, 0, &own).delay;
        assert_true(d == 0 || d == SIM_SEC); /* released at the same moment */
        again += d == 0;
    }
    assert_int_equal(again, at_once);
    play(&r, 3 * SIM_SEC);
    for (node_id to = 10; to < 60; to++)
        assert_int_equal(sent(&r, 7, to, CHANNEL_BLOCK, 0, &own).delay, 0);
    assert_int_equal(sent(&r, 7, 10, CHANNEL_BLOCK, 0, &other).delay, 0);
    sent(&r, 7, 10, CHANNEL_BLOCK, 0, &own2);
    take_down(&r);
}

/* Each half of the others hears one life, and votes and blocks alike; twins hear both. */
static void twins_sides(void **state)
{
    (void)state;
    struct rig r;
    struct block own = {.refs = 1, .proposer = 7};
    make(&r, "faults: [{kind: equivocation, chosen: [7, 9], at: 1s, side: 40%}]", 4);
    assert_true(r.twins[7] && r.twins[9] && sum(r.twins) == 2 && sum(r.voices) == 0);
    play(&r, SIM_SEC);
    assert_true(r.voices[7] == 1 && r.watched[9] == 1);
    unsigned first[2] = {0}; /* followers, validators */
    for (node_id to = 0; to < 20; to++) {
        bool zero = !sent(&r, 7, to, CHANNEL_CONSENSUS, 0, NULL).drop;
        bool one = !sent(&r, 7, to, CHANNEL_BLOCK, 1, &own).drop;
        if (to == 7)
            continue;
        assert_true(to == 9 ? zero && one : zero != one);
        assert_int_equal(zero, !sent(&r, 9, to, CHANNEL_BLOCK, 0, NULL).drop);
        first[to < 15] += zero && to != 9;
    }
    assert_int_equal(first[1], 6); /* 40 % of 13, and of 5, upwards */
    assert_int_equal(first[0], 2);
    assert_false(sent(&r, 7, 1, CHANNEL_SYNC, 0, NULL).drop); /* no part of the protocol */
    assert_false(sent(&r, 1, 2, CHANNEL_CONSENSUS, 0, NULL).drop);
    take_down(&r);
    make(&r, "faults: [{kind: conflicting-votes, chosen: [7], lasts: 2s}]", 4);
    play(&r, 0);
    for (node_id to = 20; to < 60; to++) {
        assert_false(sent(&r, 7, to, CHANNEL_BLOCK, 0, &own).drop);
        assert_true(sent(&r, 7, to, CHANNEL_BLOCK, 1, &own).drop);
        assert_true(sent(&r, 7, to, CHANNEL_CONSENSUS, 0, NULL).drop !=
                    sent(&r, 7, to, CHANNEL_CONSENSUS, 1, NULL).drop);
    }
    struct message *m = message_create(CHANNEL_BLOCK, 1, 0);
    m->block = &own;
    assert_true(r.ops->hears(r.state, 7, 0, m) && !r.ops->hears(r.state, 7, 1, m));
    assert_true(r.ops->hears(r.state, 8, 1, m));
    play(&r, 2 * SIM_SEC);
    assert_true(r.ops->hears(r.state, 7, 1, m) && r.voices[7] == 0);
    m->block = NULL;
    message_unref(m);
    take_down(&r);
}

static void sides_anew(void **state)
{
    (void)state;
    struct rig r;
    make(&r, "faults: [{kind: equivocation, chosen: [7], resplit: 1s, lasts: 30s}]", 4);
    unsigned changes = 0;
    bool before[20] = {0};
    for (sim_time t = 0; t < 20 * SIM_SEC; t += SIM_SEC) {
        play(&r, t);
        for (node_id to = 0; to < 20; to++) {
            bool zero = !sent(&r, 7, to, CHANNEL_CONSENSUS, 0, NULL).drop;
            changes += t > 0 && zero != before[to];
            before[to] = zero;
        }
    }
    assert_in_range(changes, 120, 260); /* 19 times 19 nodes, half of them: 180 */
    play(&r, 100 * SIM_SEC);
    assert_true(r.moments < 40); /* no more draws when it is over */
    take_down(&r);
}

static void lapses(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        enum fault_lapse what;
        int byzantine;
    } cases[] = {{"invalid-root", LAPSE_WRONG_ROOT, 1},
                 {"credulous", LAPSE_CREDULOUS, 1},
                 {"credulous, honest: true", LAPSE_CREDULOUS, 0},
                 {"censorship, senders: 20%", LAPSE_CENSORS, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig r;
        char text[128];
        snprintf(text, sizeof text, "faults: [{at: 1s, lasts: 2s, chosen: [3, 5], kind: %s}]",
                 cases[i].kind);
        make(&r, text, 1);
        assert_int_equal(sum(r.byzantine), 2 * cases[i].byzantine);
        play(&r, 2 * SIM_SEC);
        assert_int_equal(sum(r.lapses[cases[i].what]), 2);
        play(&r, 3 * SIM_SEC);
        assert_int_equal(sum(r.lapses[cases[i].what]), 0);
        assert_true(r.begun == 2 && r.ended == 2);
        take_down(&r);
    }
    struct rig r;
    make(&r, "faults: [{kind: selfish-mining, at: 1s, lasts: 2s, chosen: [3]}]", 1);
    play(&r, 2 * SIM_SEC);
    assert_true(r.misbehaves[3] && r.byzantine[3]);
    play(&r, 3 * SIM_SEC);
    assert_false(r.misbehaves[3]);
    take_down(&r);
}

static void censors(void **state)
{
    (void)state;
    struct rig r;
    make(&r, "faults: [{kind: censorship, chosen: [3], workload: [0, 2-3], senders: 20%}]", 1);
    play(&r, 0);
    unsigned refused = 0;
    struct tx tx = {.workload = 1};
    for (unsigned i = 0; i < 5000; i++) {
        tx.evm.sender.b[3] = (uint8_t)i;
        tx.evm.sender.b[11] = (uint8_t)(i >> 8);
        refused += r.ops->refuses(r.state, 3, &tx);
        assert_false(r.ops->refuses(r.state, 4, &tx));
    }
    assert_in_range(refused, 1000 - 4 * 29, 1000 + 4 * 29);
    for (uint16_t i = 0; i < 5; i++) {
        memset(&tx.evm.sender, 0xff, sizeof tx.evm.sender);
        tx.workload = i;
        assert_int_equal(r.ops->refuses(r.state, 3, &tx), i != 1 && i != 4);
    }
    take_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_and_kinds), cmocka_unit_test(bad_sections),
        cmocka_unit_test(poisson),          cmocka_unit_test(overlaps),
        cmocka_unit_test(omission_drops),   cmocka_unit_test(delay_adds),
        cmocka_unit_test(partitions),       cmocka_unit_test(asynchrony),
        cmocka_unit_test(own_blocks),       cmocka_unit_test(twins_sides),
        cmocka_unit_test(sides_anew),       cmocka_unit_test(lapses),
        cmocka_unit_test(censors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
