/* One replica of a protocol with finality, fed proposals and certificates made by hand. */
#ifndef TESTS_UNIT_LOCKS_RIG_H
#define TESTS_UNIT_LOCKS_RIG_H

#include <stdio.h>

#include "models/world/config.h"
#include "tests/unit/fake_consensus.h"

/* Views 1 to 29 have leaders of their own, none of them this replica. */
enum { REPLICAS = 31, ME = 30, QUORUM = 21, MADE = 32 };

struct rig {
    struct fake f;
    struct scenario *scenario;
    const struct consensus_ops *ops;
    void *state;
    struct block *made[MADE];
    unsigned made_count;
};

/* Of every certificate here: the first QUORUM replicas. */
static uint32_t signers[QUORUM];

static inline struct rig *rig_make(const char *consensus)
{
    struct rig *r = mem_zalloc(1, sizeof *r);
    struct scenario_problems problems = {0};
    char text[256];
    assert_non_null(r);
    for (uint32_t i = 0; i < QUORUM; i++)
        signers[i] = i;
    snprintf(text, sizeof text, "layers: [{nodes: %d, consensus: {%s}}]", REPLICAS, consensus);
    if (scenario_parse(&r->scenario, &world_spec, "locks.yaml", text, strlen(text), NULL, 0,
                       &problems) != ERR_OK)
        fail_msg("%s", problems.text ? problems.text : "no memory");
    scenario_problems_fini(&problems);
    const struct world_cfg *cfg = scenario_root(r->scenario);
    const struct world_layer *layer = cfg->layers.items;
    r->ops = (const struct consensus_ops *)layer->consensus.model;
    fake_init(&r->f, REPLICAS, 1, ME);
    r->state = mem_zalloc(1, r->ops->state_size);
    assert_non_null(r->state);
    assert_int_equal(r->ops->init(r->state, layer->consensus.cfg, &r->f.env, NULL), ERR_OK);
    r->ops->start(r->state);
    return r;
}

static inline void rig_free(struct rig *r)
{
    r->ops->fini(r->state);
    mem_free(r->state);
    while (r->made_count > 0)
        block_unref(r->made[--r->made_count]);
    fake_fini(&r->f);
    scenario_destroy(r->scenario);
    mem_free(r);
}

static inline struct block *make(struct rig *r, struct block *parent, uint64_t round,
                                 node_id proposer)
{
    assert_true(r->made_count < MADE);
    return r->made[r->made_count++] = fake_block(parent, proposer, round, NULL);
}

/* Every block that is being judged is found valid. */
static inline void judge_all(struct rig *r)
{
    while (r->f.check_count > 0) {
        struct block *b = r->f.checks[0].block;
        uint64_t tag = r->f.checks[0].tag;
        memmove(r->f.checks, r->f.checks + 1, --r->f.check_count * sizeof r->f.checks[0]);
        r->ops->checked(r->state, b, true, tag);
        block_unref(b);
    }
}

static inline void hear(struct rig *r, struct message *m, node_id from)
{
    m->origin = from;
    r->ops->message(r->state, from, m);
    message_unref(m);
}

/* The last timer of this kind goes off, whatever the time is. */
static inline void fire(struct rig *r, uint32_t kind)
{
    for (uint32_t i = r->f.timer_count; i-- > 0;) {
        if (r->f.timers[i].kind != kind)
            continue;
        uint64_t value = r->f.timers[i].value;
        r->f.timers[i] = r->f.timers[--r->f.timer_count];
        r->ops->timer(r->state, kind, value);
        return;
    }
    fail_msg("no timer of kind %u", kind);
}

#endif
