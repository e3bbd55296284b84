/* Small worlds for tests: a scenario from text, run in memory, looked at from inside. */
#ifndef TESTS_PROPERTY_WORLD_FIXTURE_H
#define TESTS_PROPERTY_WORLD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evm/core/u256.h"
#include "models/world/internal.h"

struct fixture {
    struct scenario *scenario;
    struct world *world;
};

static inline struct fixture fixture_make(const char *text, const char *const *sets, size_t count,
                                          uint32_t threads, const char *out)
{
    struct fixture f = {0};
    struct scenario_problems problems = {0};
    struct err err = {0};
    if (scenario_parse(&f.scenario, &world_spec, "test.yaml", text, strlen(text), sets, count,
                       &problems) != ERR_OK)
        fail_msg("%s", problems.text ? problems.text : "no memory");
    scenario_problems_fini(&problems);
    struct world_options options = {.threads = threads, .program_version = "test", .out = out};
    if (world_create(&f.world, f.scenario, &options, &err) != ERR_OK)
        fail_msg("%s", err.text);
    return f;
}

static inline void fixture_run(struct fixture *f)
{
    struct err err = {0};
    if (world_run(f->world, &err) != ERR_OK)
        fail_msg("%s", err.text);
}

static inline void fixture_free(struct fixture *f)
{
    world_destroy(f->world);
    scenario_destroy(f->scenario);
}

static inline struct block *fixture_block(const struct layer *l, uint64_t height)
{
    return ((struct committed *)vec_at(&l->chain->committed, height))->block;
}

#endif
