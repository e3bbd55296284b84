/* Layers by number: counts, names, and what a scenario may not say of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "models/world/layers.h"

static struct scenario *parse(const char *layers, struct scenario_problems *problems)
{
    struct scenario *s = NULL;
    char text[512];
    int size = snprintf(text, sizeof text, "layers: [%s]\n", layers);
    assert_true(size < (int)sizeof text);
    *problems = (struct scenario_problems){0};
    scenario_parse(&s, &world_spec, "layers.yaml", text, (size_t)size, NULL, 0, problems);
    return s;
}

static void numbers_go_through_the_entries(void **state)
{
    static const struct {
        const char *name;
        size_t entry;
        uint64_t nodes;
    } want[] = {{"shard-0", 0, 3}, {"shard-1", 0, 3}, {"shard-2", 0, 3}, {"main", 1, 7},
                {"layer-4", 2, 4}, {"layer-5", 2, 4}, {"hub", 3, 1}};
    const uint32_t count = sizeof want / sizeof want[0];
    struct scenario_problems problems;
    struct scenario *s = parse("{name: shard, count: 3, nodes: 3}, {name: main, nodes: 7},"
                               "{count: 2, nodes: 4}, {name: hub, nodes: 1}",
                               &problems);
    (void)state;
    assert_non_null(s);
    const struct world_cfg *cfg = scenario_root(s);
    assert_int_equal(world_layer_total(cfg), count);
    assert_int_equal(world_layer_nodes(cfg), 3 * 3 + 7 + 2 * 4 + 1);
    for (uint32_t i = 0; i < count; i++) {
        char name[WORLD_LAYER_NAME];
        size_t entry = 99;
        const struct world_layer *l = world_layer_at(cfg, i, &entry);
        assert_non_null(l);
        assert_int_equal(entry, want[i].entry);
        assert_int_equal(l->nodes, want[i].nodes);
        assert_ptr_equal(l, world_layer_at(cfg, i, NULL));
        world_layer_name(cfg, i, name, sizeof name);
        assert_string_equal(name, want[i].name);
    }
    assert_null(world_layer_at(cfg, count, NULL));
    scenario_problems_fini(&problems);
    scenario_destroy(s);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *layers, *says;
    } cases[] = {
        {"{count: 1000, nodes: 1}, {count: 25, nodes: 1}", "1025 in all; at most 1024"},
        {"{name: a, count: 2, nodes: 1}, {name: a-1, nodes: 1}", "two are called 'a-1'"},
        {"{name: layer-1, nodes: 1}, {nodes: 1}", "two are called 'layer-1'"},
        {"{name: x, count: 2, nodes: 1}, {name: x, count: 3, nodes: 1}", "two are called 'x-0'"},
        {"{count: 1024, nodes: 17000}", "17408000 nodes are more"},
        {"{nodes: 1}, {name: abcdefghijklmnopqrstuvwxyz-1234, count: 11, nodes: 1}",
         "the name of layers[1] has 31 characters; 28 fit"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scenario_problems problems;
        struct scenario *s = parse(cases[i].layers, &problems);
        assert_null(s);
        assert_non_null(problems.text);
        if (!strstr(problems.text, cases[i].says))
            fail_msg("'%s' is not said in: %s", cases[i].says, problems.text);
        scenario_problems_fini(&problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_go_through_the_entries),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
