/* Crash faults: who is chosen, when they go and come back, what a bad section is told. */
#include "models/faults/faults.h"
#include "sim/scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct root {
    struct field_choices faults;
};
static const struct field rows[] = {
    {.name = "faults",
     .type = FIELD_MODELS,
     .registry = "faults",
     .def = "",
     .doc = "What goes wrong.",
     .offset = offsetof(struct root, faults),
     .size = sizeof(struct field_choices)},
};
static const struct field_table root_table = {"root", "Faults alone.",     rows,
                                              1,      sizeof(struct root), NULL};
static const struct field_registry *const registries[] = {&faults_registry};
static const struct scenario_spec spec = {&root_table, registries, 1, NULL};

enum { NODES = 40, MOMENTS = 8 };
static const node_id layer_first[] = {0, 10, 40};

struct world {
    struct fault_env env;
    struct sim_stream rng;
    sim_time now;
    struct {
        sim_time when;
        uint32_t kind;
        uint64_t value;
    } moment[MOMENTS];
    unsigned moments;
    int crashes[NODES], recoveries[NODES];
    sim_time crashed_at[NODES], back_at[NODES];
};

static sim_time now(struct fault_env *env)
{
    return ((struct world *)env->world)->now;
}

static void at(struct fault_env *env, sim_time when, uint32_t kind, uint64_t value)
{
    struct world *w = env->world;
    assert_true(w->moments < MOMENTS);
    w->moment[w->moments].when = when;
    w->moment[w->moments].kind = kind;
    w->moment[w->moments++].value = value;
}

static void crash(struct fault_env *env, node_id node)
{
    struct world *w = env->world;
    w->crashes[node]++;
    w->crashed_at[node] = w->now;
}

static void recover(struct fault_env *env, node_id node)
{
    struct world *w = env->world;
    w->recoveries[node]++;
    w->back_at[node] = w->now;
}

static bool validator(const struct fault_env *env, node_id node)
{
    (void)env;
    return node % 10 < 7;
}

static const char *region(const struct fault_env *env, node_id node)
{
    (void)env;
    return node % 3 ? "eu-west-1" : "us-east-1";
}

static layer_id layer(const struct fault_env *env, const char *name)
{
    (void)env;
    return !strcmp(name, "first") ? 0 : !strcmp(name, "second") ? 1 : LAYER_NONE;
}

/* Runs the fault of a YAML text to its end. */
static enum err_code play(struct world *w, const char *text, uint64_t seed, struct err *err)
{
    static const struct fault_host host = {
        .now = now, .at = at, .crash = crash, .recover = recover};
    struct scenario *s;
    struct scenario_problems problems = {0};
    memset(w, 0, sizeof *w);
    sim_stream_init(&w->rng, seed, 0, 1);
    w->env = (struct fault_env){.host = &host,
                                .world = w,
                                .rng = &w->rng,
                                .node_count = NODES,
                                .layer_count = 2,
                                .layer_first = layer_first,
                                .region = region,
                                .validator = validator,
                                .layer = layer};
    if (scenario_parse(&s, &spec, "test", text, strlen(text), NULL, 0, &problems) != ERR_OK) {
        err_set(err, ERR_INPUT, "%s", problems.text);
        scenario_problems_fini(&problems);
        return ERR_INPUT;
    }
    const struct root *root = scenario_root(s);
    const struct fault_ops *ops = (const struct fault_ops *)root->faults.items[0].model;
    void *state = calloc(1, ops->state_size);
    enum err_code code = ops->init(state, root->faults.items[0].cfg, &w->env, err);
    for (unsigned i = 0; code == ERR_OK && i < w->moments; i++) {
        assert_true(w->moment[i].when >= w->now);
        w->now = w->moment[i].when;
        ops->fire(state, w->moment[i].kind, w->moment[i].value);
    }
    ops->fini(state);
    free(state);
    scenario_destroy(s);
    return code;
}

static unsigned total(const int *counts)
{
    unsigned sum = 0;
    for (node_id n = 0; n < NODES; n++)
        sum += (unsigned)counts[n];
    return sum;
}

static void chosen_nodes(void **state)
{
    (void)state;
    struct world w;
    struct err err = {0};
    const char text[] = "faults: [{kind: crash, at: 12s, chosen: [3, 7-9], recover_after: 6s}]";
    if (play(&w, text, 1, &err) != ERR_OK)
        fail_msg("%s", err.text);
    for (node_id n = 0; n < NODES; n++) {
        int hit = n == 3 || (n >= 7 && n <= 9);
        assert_int_equal(w.crashes[n], hit);
        assert_int_equal(w.recoveries[n], hit);
        assert_int_equal(w.crashed_at[n], hit ? 12 * SIM_SEC : 0);
        assert_int_equal(w.back_at[n], hit ? 18 * SIM_SEC : 0);
    }
    assert_int_equal(play(&w, "faults: [{kind: crash, at: 1ms, chosen: [39]}]", 1, &err), ERR_OK);
    assert_int_equal(w.crashes[39], 1);
    assert_int_equal(total(w.recoveries), 0);
}

static void drawn_nodes(void **state)
{
    (void)state;
    struct world a, b;
    struct err err = {0};
    const char text[] = "faults: [{kind: crash, at: 1s, nodes: 5}]";
    int hits[NODES] = {0};
    for (uint64_t seed = 0; seed < 400; seed++) {
        assert_int_equal(play(&a, text, seed, &err), ERR_OK);
        assert_int_equal(total(a.crashes), 5);
        for (node_id n = 0; n < NODES; n++)
            hits[n] += a.crashes[n];
        assert_int_equal(play(&b, text, seed, &err), ERR_OK);
        assert_memory_equal(a.crashes, b.crashes, sizeof a.crashes);
    }
    /* Each is drawn in an eighth of the runs: 50, sd 6.6. */
    for (node_id n = 0; n < NODES; n++)
        assert_in_range(hits[n], 17, 83);
    const char narrow[] =
        "faults: [{kind: crash, at: 1s, nodes: 4, layer: first, region: us-east-1}]";
    assert_int_equal(play(&a, narrow, 3, &err), ERR_OK);
    for (node_id n = 0; n < NODES; n++)
        assert_int_equal(a.crashes[n], n < 10 && n % 3 == 0);
}

static void bad_sections(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"faults: [{kind: crash}]", "at"},
        {"faults: [{kind: crash, at: 1s, nodes: 41}]", "41 are to be struck, but only 40"},
        {"faults: [{kind: crash, at: 1s, nodes: 11, layer: first}]", "only 10"},
        {"faults: [{kind: crash, at: 1s, layer: third}]", "no layer is called 'third'"},
        {"faults: [{kind: crash, at: 1s, chosen: [40]}]", "no node 40; the last is 39"},
        {"faults: [{kind: crash, at: 1s, chosen: [9-4]}]", "'9-4' is no node"},
        {"faults: [{kind: crash, at: 1s, chosen: [x]}]", "'x' is no node"},
        {"faults: [{kind: crash, at: 1s, chosen: [1], layer: first}]", "leave out layer"},
        {"faults: [{kind: crahs, at: 1s}]", "crash"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w;
        struct err err = {0};
        assert_int_equal(play(&w, cases[i].text, 1, &err), ERR_INPUT);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: '%s' lacks '%s'", cases[i].text, err.text, cases[i].says);
        assert_int_equal(w.moments, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_nodes),
        cmocka_unit_test(drawn_nodes),
        cmocka_unit_test(bad_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
