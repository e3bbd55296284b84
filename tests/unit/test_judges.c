/* Judges against made-up observations: each is tripped by what it is for, once, and says nothing of
 * what is in order. No world, no protocol. */
#include "models/judges/judge.h"
#include "sim/scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VALIDATORS = 7, BLOCKS = 400 };

struct bench {
    const struct judge_ops *ops;
    void *state;
    struct judge_env env;
    struct scenario *scenario;
    sim_time now, calm_since;
    bool calm;
    bool byzantine[VALIDATORS];
    unsigned safety, liveness;
    struct judge_violation last;
    char text[256];
    struct block *blocks[BLOCKS];
    unsigned block_count;
};

struct root {
    struct field_choices judges;
};
static const struct field rows[] = {{.name = "judges",
                                     .type = FIELD_MODELS,
                                     .registry = "judges",
                                     .def = "",
                                     .doc = "Judges alone.",
                                     .offset = offsetof(struct root, judges),
                                     .size = sizeof(struct field_choices)}};
static const struct field_table root_table = {"root", "Judges alone.",     rows,
                                              1,      sizeof(struct root), NULL};
static const struct field_registry *const registries[] = {&judges_registry};
static const struct scenario_spec spec = {&root_table, registries, 1, NULL};

static const node_id nodes[VALIDATORS] = {0, 1, 2, 3, 4, 5, 6};
static const uint64_t weights[VALIDATORS] = {1, 1, 1, 1, 1, 1, 1};
static const uint64_t upto[VALIDATORS] = {1, 2, 3, 4, 5, 6, 7};
static const struct validators validators = {nodes, weights, upto, VALIDATORS, VALIDATORS, true};

static sim_time now(struct judge_env *env)
{
    return ((struct bench *)env->world)->now;
}

static bool honest(struct judge_env *env, node_id node)
{
    return !((struct bench *)env->world)->byzantine[node];
}

static bool calm(struct judge_env *env, sim_time *since)
{
    struct bench *b = env->world;
    *since = b->calm_since;
    return b->calm;
}

static void violation(struct judge_env *env, const struct judge_violation *v)
{
    struct bench *b = env->world;
    *(v->liveness ? &b->liveness : &b->safety) += 1;
    b->last = *v;
    assert_true(strlen(v->text) < 200);
    snprintf(b->text, sizeof b->text, "%s", v->text);
}

static const struct judge_host host = {now, honest, calm, violation};

static void seat(struct bench *b, const char *yaml)
{
    struct scenario_problems problems = {0};
    struct err err = {0};
    memset(b, 0, sizeof *b);
    if (scenario_parse(&b->scenario, &spec, "test", yaml, strlen(yaml), NULL, 0, &problems))
        fail_msg("%s", problems.text);
    scenario_problems_fini(&problems);
    const struct root *root = scenario_root(b->scenario);
    b->ops = (const struct judge_ops *)root->judges.items[0].model;
    b->calm = true;
    b->env = (struct judge_env){
        .host = &host,
        .world = b,
        .validators = &validators,
        .traits = {.final = true, .quorum = QUORUM_TWO_THIRDS, .fault_share = 3, .crash_share = 3},
        .timeout = 2 * SIM_SEC};
    b->state = calloc(1, b->ops->state_size);
    assert_int_equal(b->ops->init(b->state, root->judges.items[0].cfg, &b->env, &err), ERR_OK);
}

static void leave(struct bench *b)
{
    if (b->ops->fini)
        b->ops->fini(b->state);
    free(b->state);
    while (b->block_count > 0)
        free(b->blocks[--b->block_count]);
    scenario_destroy(b->scenario);
}

/* A block on `parent` whose hash begins with `name`. */
static struct block *block(struct bench *b, struct block *parent, uint8_t name)
{
    assert_true(b->block_count < BLOCKS);
    struct block *x = b->blocks[b->block_count++] = calloc(1, sizeof *x);
    x->refs = 1;
    x->parent = parent;
    x->hash.b[0] = name;
    x->hash.b[1] = (uint8_t)b->block_count;
    x->hash.b[2] = (uint8_t)(b->block_count >> 8);
    if (parent) {
        x->height = parent->height + 1;
        x->parent_hash = parent->hash;
    }
    return x;
}

static void commit(struct bench *b, node_id node, struct block *x, struct block *before)
{
    struct judge_commit c = {node, x, before, NULL, 0};
    b->ops->commit(b->state, &c);
}

static void agreement(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [agreement]");
    struct block *g = block(&b, NULL, 0), *one = block(&b, g, 1), *two = block(&b, one, 2),
                 *three = block(&b, two, 3);
    commit(&b, 0, one, g);
    commit(&b, 0, three, one);
    commit(&b, 1, three, g); /* with all its ancestors */
    assert_int_equal(b.safety, 0);
    struct block *fork = block(&b, one, 0xf2), *on = block(&b, fork, 0xf3);
    commit(&b, 2, one, g);
    commit(&b, 2, on, one);
    assert_int_equal(b.safety, 1); /* where it begins, not what stands on it */
    assert_int_equal(b.last.height, 2);
    assert_int_equal(b.last.node, 2);
    assert_non_null(strstr(b.text, "node 0 committed 02"));
    commit(&b, 3, on, g); /* a second node on the same fork tells nothing new */
    assert_int_equal(b.safety, 1);
    commit(&b, 4, block(&b, two, 0xe3), g); /* another fork does */
    assert_int_equal(b.safety, 2);
    assert_int_equal(b.last.height, 3);
    leave(&b);
}

/* Nodes hundreds of heights apart are still compared. */
static void agreement_far_apart(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [agreement]");
    struct block *chain[301] = {block(&b, NULL, 0)};
    for (unsigned i = 1; i <= 300; i++) {
        chain[i] = block(&b, chain[i - 1], 7);
        commit(&b, 0, chain[i], chain[i - 1]);
        if (i > 100)
            commit(&b, 1, chain[i - 100], chain[i - 101]);
    }
    assert_int_equal(b.safety, 0);
    commit(&b, 1, block(&b, chain[200], 8), chain[200]);
    assert_int_equal(b.safety, 1);
    assert_int_equal(b.last.height, 201);
    leave(&b);
}

static void finality(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [finality]");
    struct block *g = block(&b, NULL, 0), *one = block(&b, g, 1), *two = block(&b, one, 2),
                 *beside = block(&b, one, 9), *above = block(&b, beside, 10);
    commit(&b, 0, two, one);
    commit(&b, 0, one, two); /* said again */
    assert_int_equal(b.safety, 0);
    commit(&b, 0, beside, two);
    assert_int_equal(b.safety, 1);
    assert_int_equal(b.last.height, 2);
    commit(&b, 0, above, two);
    assert_int_equal(b.safety, 2);
    assert_non_null(strstr(b.text, "beside the chain"));
    leave(&b);
}

static void certify(struct bench *b, node_id node, const char *what, uint64_t round,
                    const struct block *x, const char *signers)
{
    uint32_t list[16], count = 0;
    for (; *signers; signers++)
        list[count++] = (uint32_t)(*signers - '0');
    struct judge_certificate c = {node, what, round, x, list, count};
    b->ops->certificate(b->state, &c);
}

static void quorum(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [quorum]");
    struct block *g = block(&b, NULL, 0), *one = block(&b, g, 1);
    const uint32_t five[] = {6, 0, 2, 3, 5}, four[] = {6, 0, 2, 3}, twice[] = {6, 0, 2, 3, 3};
    struct judge_commit c = {0, one, g, five, 5};
    b.ops->commit(b.state, &c);
    commit(&b, 0, one, g); /* from a peer: no signers */
    certify(&b, 1, "prepare", 1, one, "01234");
    assert_int_equal(b.safety, 0);
    c.signers = four;
    c.signer_count = 4;
    b.ops->commit(b.state, &c);
    assert_int_equal(b.safety, 1);
    assert_non_null(strstr(b.text, "weight 4 of 7"));
    c.signers = twice;
    c.signer_count = 5;
    b.ops->commit(b.state, &c);
    assert_int_equal(b.safety, 2);
    certify(&b, 1, "prepare", 2, NULL, "012344"); /* enough, but one is named twice */
    assert_int_equal(b.safety, 3);
    certify(&b, 1, "prepare", 3, NULL, "012349"); /* enough, but one is no validator */
    assert_int_equal(b.safety, 4);
    leave(&b);
    seat(&b, "judges: [quorum]");
    b.env.traits.quorum = QUORUM_MAJORITY;
    certify(&b, 1, "append", 1, NULL, "0123");
    assert_int_equal(b.safety, 0);
    certify(&b, 1, "append", 1, NULL, "012");
    assert_int_equal(b.safety, 1);
    b.env.traits.quorum = QUORUM_NONE;
    certify(&b, 1, "append", 1, NULL, "0");
    assert_int_equal(b.safety, 1);
    leave(&b);
}

static void certificates(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [certificates]");
    struct block *g = block(&b, NULL, 0), *one = block(&b, g, 1), *other = block(&b, g, 2);
    b.byzantine[1] = b.byzantine[2] = true;
    certify(&b, 0, "prepare", 10, one, "01234");
    certify(&b, 3, "prepare", 10, one, "12345");
    certify(&b, 3, "commit", 10, other, "12345"); /* another kind */
    certify(&b, 3, "prepare", 11, other, "12345");
    assert_int_equal(b.safety, 0);
    certify(&b, 4, "prepare", 11, one, "12056");
    assert_int_equal(b.safety, 1);
    assert_int_equal(b.last.round, 11);
    assert_non_null(strstr(b.text, "3 validators signed both, 1 of them honest: 1, 2, 5"));
    certify(&b, 5, "prepare", 11, one, "12056"); /* told already */
    assert_int_equal(b.safety, 1);
    certify(&b, 5, "prepare", 12, NULL, "12345");
    certify(&b, 6, "prepare", 12, one, "01256"); /* none, and a block */
    assert_int_equal(b.safety, 2);
    certify(&b, 6, "prepare", 2, other, "0"); /* long past is kept no longer, or is alone */
    assert_int_equal(b.safety, 2);
    leave(&b);
}

static void intersection(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [certificates]");
    b.byzantine[2] = true;
    certify(&b, 0, "prepare", 1, NULL, "012");
    certify(&b, 1, "prepare", 2, NULL, "0123"); /* 0 and 1 are honest */
    assert_int_equal(b.safety, 0);
    certify(&b, 2, "prepare", 3, NULL, "2456"); /* in common: 2 alone */
    assert_int_equal(b.safety, 1);
    assert_non_null(strstr(b.text, "rounds 2 and 3 have no honest signer in common"));
    certify(&b, 2, "prepare", 4, NULL, "01"); /* once a kind */
    assert_int_equal(b.safety, 1);
    leave(&b);
}

static void progress(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [{kind: progress, patience: 5}]"); /* of 2 s */
    struct block *g = block(&b, NULL, 0), *one = block(&b, g, 1), *two = block(&b, one, 2);
    b.now = 9 * SIM_SEC;
    b.ops->tick(b.state);
    commit(&b, 0, one, g);
    b.now = 19 * SIM_SEC;
    b.ops->tick(b.state);
    assert_int_equal(b.liveness, 0);
    b.now = 19100 * SIM_MS;
    commit(&b, 1, one, g); /* no news */
    b.ops->tick(b.state);
    b.ops->tick(b.state);
    assert_int_equal(b.liveness, 1); /* once */
    assert_int_equal(b.safety, 0);
    assert_int_equal(b.last.height, 1);
    b.now = 30 * SIM_SEC;
    commit(&b, 0, two, one);
    b.calm = false; /* something stands in the way */
    b.now = 100 * SIM_SEC;
    b.ops->tick(b.state);
    assert_int_equal(b.liveness, 1);
    b.calm = true;
    b.calm_since = 95 * SIM_SEC;
    b.ops->tick(b.state);
    b.now = 105 * SIM_SEC;
    b.ops->tick(b.state);
    assert_int_equal(b.liveness, 1);
    b.now = 106 * SIM_SEC;
    b.ops->tick(b.state);
    assert_int_equal(b.liveness, 2);
    leave(&b);
}

static void validity(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [validity]");
    struct block *one = block(&b, block(&b, NULL, 0), 1);
    one->proposer = 5;
    b.ops->executed(b.state, one, true);
    assert_int_equal(b.safety, 0);
    b.ops->executed(b.state, one, false);
    assert_int_equal(b.safety, 1);
    assert_int_equal(b.last.node, 5);
    leave(&b);
}

static void once(void **state)
{
    (void)state;
    struct bench b;
    seat(&b, "judges: [once]");
    static struct tx txs[300];
    struct tx *first[] = {&txs[7], &txs[3]}, *second[] = {&txs[299], &txs[8], &txs[3]};
    for (uint32_t i = 0; i < 300; i++)
        txs[i].id = i * 31;
    struct block *one = block(&b, block(&b, NULL, 0), 1), *two = block(&b, one, 2);
    one->txs = first;
    one->tx_count = 2;
    two->txs = second;
    two->tx_count = 2;
    b.ops->executed(b.state, one, true);
    b.ops->executed(b.state, two, true);
    assert_int_equal(b.safety, 0);
    struct block *three = block(&b, two, 3);
    three->txs = second + 2;
    three->tx_count = 1;
    b.ops->executed(b.state, three, true);
    assert_int_equal(b.safety, 1);
    assert_int_equal(b.last.height, 3);
    struct block *beside = block(&b, two, 4); /* another chain: nothing is known of it */
    beside->txs = second;
    beside->tx_count = 2;
    b.ops->executed(b.state, beside, true);
    assert_int_equal(b.safety, 1);
    leave(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreement),    cmocka_unit_test(agreement_far_apart),
        cmocka_unit_test(finality),     cmocka_unit_test(quorum),
        cmocka_unit_test(certificates), cmocka_unit_test(intersection),
        cmocka_unit_test(progress),     cmocka_unit_test(validity),
        cmocka_unit_test(once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
