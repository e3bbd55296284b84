/* Proof of work against closed forms, in a network of nothing but a delay: no execution, no links.
 * What a whole world makes of it is tests/property/test_pow_world.c's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/consensus/pow.h"
#include "sim/base/mem.h"
#include "sim/engine/engine.h"

extern const struct consensus_ops consensus_pow;

/* ---- a network of a delay ---- */

enum { NODES_MAX = 64 };

struct mini {
    struct sim *sim;
    struct pow_cfg cfg;
    uint32_t count;
    sim_time delay;
    sim_handler_id on_timer, on_message, on_built;
    node_id nodes[NODES_MAX];
    uint64_t weights[NODES_MAX], upto[NODES_MAX];
    struct validators validators;
    struct consensus_env envs[NODES_MAX];
    struct pow states[NODES_MAX];
    struct sim_stream streams[NODES_MAX];
    struct block *heads[NODES_MAX], *finals[NODES_MAX];
    bool down[NODES_MAX];
    struct block *genesis;
    struct vec blocks; /* struct block *: all, as they were built */
    uint64_t limit;    /* blocks, then the run ends */
    uint32_t reverted; /* commits taken back */
};

static struct mini *mini_of(struct consensus_env *env)
{
    return env->world;
}

static sim_time host_now(struct consensus_env *env)
{
    return sim_now(mini_of(env)->sim);
}

static void host_broadcast(struct consensus_env *env, struct message *m)
{
    struct mini *w = mini_of(env);
    m->origin = env->node;
    for (node_id n = 0; n < w->count; n++)
        if (n != env->node)
            sim_schedule(w->sim, sim_now(w->sim) + w->delay, SIM_CLASS_NETWORK, env->node,
                         w->on_message, n, sim_arg(message_ref(m)));
    message_unref(m);
}

static struct sim_timer host_timer(struct consensus_env *env, sim_time delay, uint32_t kind,
                                   uint64_t value)
{
    struct mini *w = mini_of(env);
    struct sim_timer t = {0};
    sim_schedule_timer(w->sim, &t, sim_now(w->sim) + delay, SIM_CLASS_TIMER, env->node, w->on_timer,
                       env->node, (uint64_t)kind << 56 | value);
    return t;
}

static void host_cancel(struct consensus_env *env, struct sim_timer *timer)
{
    sim_cancel(mini_of(env)->sim, timer);
}

static struct block *make_block(struct mini *w, node_id proposer, struct block *parent,
                                uint64_t difficulty, sim_time created)
{
    struct block *b = mem_zalloc(1, sizeof *b);
    b->refs = 1;
    b->proposer = proposer;
    b->difficulty = difficulty;
    b->created = created;
    if (parent) {
        b->parent = block_ref(parent);
        b->height = parent->height + 1;
        b->total_difficulty = parent->total_difficulty + difficulty;
    }
    vec_push(&w->blocks, &b);
    return b;
}

static void name_uncle(struct block *b, struct block *u)
{
    if (!b->uncles)
        b->uncles = mem_alloc(BUILD_UNCLES_MAX, sizeof(struct block *));
    b->uncles[b->uncle_count++] = block_ref(u);
}

static void host_build(struct consensus_env *env, const struct build_request *r)
{
    struct mini *w = mini_of(env);
    struct block *b = make_block(w, env->node, r->parent, r->difficulty, sim_now(w->sim));
    for (uint32_t i = 0; i < r->uncle_count; i++)
        name_uncle(b, r->uncles[i]);
    sim_schedule(w->sim, sim_now(w->sim), SIM_CLASS_EXECUTION, env->node, w->on_built, env->node,
                 sim_arg(b));
    if (w->blocks.len > w->limit)
        sim_stop(w->sim);
}

static void host_check(struct consensus_env *env, struct block *b, uint64_t tag)
{
    consensus_pow.checked(&mini_of(env)->states[env->node], b, true, tag);
}

static void host_adopt(struct consensus_env *env, struct block *b)
{
    mini_of(env)->heads[env->node] = b;
}

static void host_commit(struct consensus_env *env, struct block *b, const uint32_t *signers,
                        uint32_t count)
{
    struct mini *w = mini_of(env);
    struct block **final = &w->finals[env->node];
    assert_null(signers);
    assert_int_equal(count, 0);
    if (b->height > (*final)->height) {
        w->reverted += block_ancestor(b, (*final)->height) != *final;
        *final = b;
    } else {
        w->reverted += block_ancestor(*final, b->height) != b;
    }
}

static struct sim_stream *host_random(struct consensus_env *env)
{
    return &mini_of(env)->streams[env->node];
}

static void host_note(struct consensus_env *env, const char *what, uint64_t height, uint64_t round)
{
    (void)env, (void)what, (void)height, (void)round;
}

static const struct consensus_host host = {
    .now = host_now,
    .broadcast = host_broadcast,
    .timer = host_timer,
    .cancel = host_cancel,
    .build = host_build,
    .check = host_check,
    .adopt = host_adopt,
    .commit = host_commit,
    .random = host_random,
    .note = host_note,
};

static void on_timer(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    (void)sim;
    if (!w->down[ev->target])
        consensus_pow.timer(&w->states[ev->target], (uint32_t)(ev->arg >> 56), 0);
}

static void on_message(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    struct message *m = sim_arg_pointer(ev);
    (void)sim;
    consensus_pow.message(&w->states[ev->target], m->origin, m);
    message_unref(m);
}

static void on_built(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    (void)sim;
    consensus_pow.built(&w->states[ev->target], sim_arg_pointer(ev), 0);
}

static struct pow_cfg settings(void)
{
    return (struct pow_cfg){.block_interval = 600 * SIM_SEC, .confirmations = 6, .retarget = 2016};
}

/* weights[0 .. miners - 1]; the other nodes only follow. */
static struct mini *make(const struct pow_cfg *cfg, uint32_t count, uint32_t miners, sim_time delay,
                         uint64_t first_weight, uint64_t seed)
{
    struct mini *w = mem_zalloc(1, sizeof *w);
    struct err err = {0};
    assert_int_equal(sim_create(&w->sim, seed), ERR_OK);
    w->cfg = *cfg;
    w->count = count;
    w->delay = delay;
    w->limit = UINT64_MAX;
    vec_init(&w->blocks, sizeof(struct block *));
    sim_add_handler(w->sim, &w->on_timer, "timer", on_timer, w);
    sim_add_handler(w->sim, &w->on_message, "message", on_message, w);
    sim_add_handler(w->sim, &w->on_built, "built", on_built, w);
    w->genesis = make_block(w, NODE_NONE, NULL, 1, 0);
    w->validators = (struct validators){w->nodes, w->weights, w->upto, miners, 0, false};
    for (uint32_t i = 0; i < miners; i++) {
        w->nodes[i] = i;
        w->weights[i] = i ? 100 : first_weight;
        w->upto[i] = w->validators.total += w->weights[i];
    }
    for (node_id n = 0; n < count; n++) {
        w->envs[n] = (struct consensus_env){.host = &host,
                                            .world = w,
                                            .node = n,
                                            .me = validators_index(&w->validators, n),
                                            .validators = &w->validators,
                                            .genesis = w->genesis};
        w->heads[n] = w->finals[n] = w->genesis;
        sim_stream_init(&w->streams[n], seed, n, sim_purpose("test"));
        assert_int_equal(consensus_pow.init(&w->states[n], &w->cfg, &w->envs[n], &err), ERR_OK);
    }
    return w;
}

static void start(struct mini *w)
{
    for (node_id n = 0; n < w->count; n++)
        consensus_pow.start(&w->states[n]);
}

static void run_blocks(struct mini *w, uint64_t blocks)
{
    w->limit = w->blocks.len + blocks;
    assert_int_equal(sim_run(w->sim, SIM_TIME_NEVER), ERR_OK);
}

static void drop(void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    if (ev->handler == w->on_message)
        message_unref(sim_arg_pointer(ev));
}

static void destroy(struct mini *w)
{
    sim_drain(w->sim, drop, w);
    for (node_id n = 0; n < w->count; n++)
        consensus_pow.fini(&w->states[n]);
    for (size_t i = w->blocks.len; i > 0; i--)
        block_unref(*(struct block **)vec_at(&w->blocks, i - 1));
    vec_fini(&w->blocks);
    sim_destroy(w->sim);
    mem_free(w);
}

/* Blocks on the chain of node 1, and how many of them node 0 made. */
static uint64_t on_chain(struct mini *w, uint64_t *of_first)
{
    uint64_t count = 0;
    *of_first = 0;
    for (struct block *b = w->states[w->count - 1].head; b->height > 0; b = b->parent) {
        count++;
        *of_first += b->proposer == 0;
    }
    return count;
}

static void within(const char *what, double got, double want, double tolerance)
{
    if (fabs(got - want) > tolerance)
        fail_msg("%s is %.5f, not %.5f +- %.5f", what, got, want, tolerance);
}

/* ---- the race ---- */

static void intervals_are_exponential(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    struct mini *w = make(&cfg, 12, 10, 0, 300, 7);
    start(w);
    run_blocks(w, 20000);
    uint64_t mine, count = on_chain(w, &mine);
    double sum = 0, squares = 0;
    for (struct block *b = w->states[3].head; b->height > 0; b = b->parent) {
        double x = (double)(b->created - b->parent->created) / 600e9;
        sum += x;
        squares += x * x;
    }
    double mean = sum / (double)count, variance = squares / (double)count - mean * mean;
    within("mean interval", mean, 1, 3 / sqrt(20000));
    within("variance of the interval", variance, 1, 3 * sqrt(8.0 / 20000));
    within("share of the strongest", (double)mine / (double)count, 0.25,
           3 * sqrt(0.25 * 0.75 / 20000));
    assert_int_equal(w->reverted, 0);
    assert_int_equal(w->finals[5]->height + 6, w->states[5].head->height);
    destroy(w);
}

/* With many miners a delay D lets the chain grow at 1 / (T + D): Sompolinsky and Zohar, lemma 5.
 * For D well below T that leaves 1 - exp(-D / T) of the blocks stale. */
static void stale_rate_follows_the_delay(void **state)
{
    (void)state;
    const double shares[] = {0.02, 0.1, 0.5};
    for (int i = 0; i < 3; i++) {
        struct pow_cfg cfg = settings();
        struct mini *w = make(&cfg, 50, 50, (sim_time)(shares[i] * 600e9), 100, 11);
        start(w);
        run_blocks(w, 8000);
        uint64_t mine, count = on_chain(w, &mine);
        /* A miner's own blocks reach it at once: 49 in 50 are late. */
        double x = shares[i] * 49 / 50, want = x / (1 + x);
        double stale = 1 - (double)count / (double)(w->blocks.len - 1);
        within("stale rate", stale, want, 3 * sqrt(want / 8000) + 0.001);
        if (i == 0)
            within("stale rate by the exponential", stale, 1 - exp(-x), 0.006);
        destroy(w);
    }
}

/* ---- difficulty ---- */

/* Half of the miners leave after `before` blocks; the mean interval of the last `last` of `after`.
 */
static double interval_after_a_step(struct pow_cfg *cfg, uint64_t before, uint64_t after,
                                    uint64_t last, double *at_once)
{
    struct mini *w = make(cfg, 20, 20, SIM_MS, 100, 3);
    start(w);
    run_blocks(w, before);
    for (node_id n = 0; n < 10; n++)
        w->down[n] = true;
    sim_time then = sim_now(w->sim);
    run_blocks(w, cfg->retarget < 100 ? cfg->retarget - before % cfg->retarget - 1 : 40);
    uint64_t first = w->blocks.len - before - 1;
    *at_once = (double)(sim_now(w->sim) - then) / (double)first / 600e9;
    run_blocks(w, after - last);
    then = sim_now(w->sim);
    run_blocks(w, last);
    double interval = (double)(sim_now(w->sim) - then) / (double)last / 600e9;
    uint64_t mine;
    on_chain(w, &mine);
    destroy(w);
    return interval;
}

static void bitcoin_difficulty_converges(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    double at_once;
    cfg.difficulty = POW_BITCOIN;
    cfg.retarget = 50;
    double settled = interval_after_a_step(&cfg, 2010, 4000, 3000, &at_once);
    within("interval at once", at_once, 2, 1);
    /* 50 blocks should take 50 intervals, 49 are counted; and 1 / mean of a sample is biased up. */
    within("interval in the end", settled, 1, 0.08);
}

static void ethereum_difficulty_converges(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    double at_once;
    cfg.difficulty = POW_ETHEREUM;
    double settled = interval_after_a_step(&cfg, 5000, 20000, 10000, &at_once);
    within("interval at once", at_once, 2, 0.9);
    within("interval in the end", settled, 1, 0.05);
}

/* The clamp of four, either way. */
static void bitcoin_difficulty_is_bounded(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    cfg.difficulty = POW_BITCOIN;
    cfg.retarget = 4;
    struct mini *w = make(&cfg, 2, 1, 0, 100, 1);
    struct block *b = w->genesis;
    struct pow *p = &w->states[1];
    for (int i = 1; i <= 3; i++)
        b = make_block(w, 0, b, POW_INITIAL, i * SIM_SEC);
    assert_int_equal(pow_difficulty(p, b->parent, 0), POW_INITIAL);
    assert_int_equal(pow_difficulty(p, b, 0), POW_INITIAL * 4);
    b->created = 100 * cfg.block_interval;
    assert_int_equal(pow_difficulty(p, b, 0), POW_INITIAL / 4);
    b->created = 2 * cfg.block_interval;
    assert_int_equal(pow_difficulty(p, b, 0), POW_INITIAL * 2);
    destroy(w);
}

/* Values of EIP-2 by hand. */
static void ethereum_difficulty_steps(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    cfg.difficulty = POW_ETHEREUM;
    struct mini *w = make(&cfg, 2, 1, 0, 100, 1);
    struct pow *p = &w->states[1];
    struct block *b = make_block(w, 0, w->genesis, 2048000, SIM_SEC);
    sim_time step = (sim_time)(600e9 * log(2));
    assert_int_equal(pow_difficulty(p, b, SIM_SEC + step - SIM_SEC), 2048000 + 1000);
    assert_int_equal(pow_difficulty(p, b, SIM_SEC + step + SIM_SEC), 2048000);
    assert_int_equal(pow_difficulty(p, b, SIM_SEC + 4 * step + SIM_SEC), 2048000 - 3000);
    assert_int_equal(pow_difficulty(p, b, SIM_SEC + 500 * step), 2048000 - 99000);
    b->difficulty = 131072;
    assert_int_equal(pow_difficulty(p, b, SIM_SEC + 500 * step), 131072);
    destroy(w);
}

/* ---- which branch ---- */

static struct block *give(struct mini *w, struct block *parent, node_id proposer)
{
    struct block *b = make_block(w, proposer, parent, POW_INITIAL,
                                 parent->created + (sim_time)(w->blocks.len) * SIM_SEC);
    consensus_pow.checked(&w->states[1], b, true, 0);
    return b;
}

/* Figure 3 of the GHOST paper in small: a long thin branch against a short bushy one.
 *      g - a - a2 - a3 - a4          longest
 *        \ b - b2, b3, b4, - b5 on b4   five blocks in b's subtree */
static void ghost_weighs_subtrees(void **state)
{
    (void)state;
    for (int ghost = 0; ghost < 2; ghost++) {
        struct pow_cfg cfg = settings();
        cfg.fork_choice = ghost ? POW_GHOST : POW_LONGEST;
        struct mini *w = make(&cfg, 2, 1, 0, 100, 1);
        struct block *a = give(w, w->genesis, 0), *b = give(w, w->genesis, 0);
        struct pow *p = &w->states[1];
        assert_ptr_equal(p->head, a); /* first seen */
        struct block *a2 = give(w, a, 0), *a3 = give(w, a2, 0), *a4 = give(w, a3, 0);
        give(w, b, 0);
        give(w, b, 0);
        struct block *b4 = give(w, b, 0);
        assert_ptr_equal(p->head, a4); /* four against four */
        struct block *b5 = give(w, b4, 0);
        assert_ptr_equal(p->head, ghost ? b5 : a4);
        /* The other branch gains by a block that is not at its tip, too. */
        give(w, a, 0);
        assert_ptr_equal(p->head, ghost ? b5 : a4);
        struct block *a2c = give(w, a2, 0);
        assert_ptr_equal(p->head, a4);
        assert_ptr_equal(w->heads[1], p->head);
        assert_true(a2c->height == 3);
        destroy(w);
    }
}

/* On random trees the node's choice is what a walk over the whole tree gives. */
static uint64_t subtree(const struct mini *w, struct block *root)
{
    uint64_t count = 0;
    for (size_t i = 1; i < w->blocks.len; i++)
        count += block_ancestor(*(struct block **)vec_at(&w->blocks, i), root->height) == root;
    return count;
}

static void ghost_agrees_with_the_whole_tree(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    cfg.fork_choice = POW_GHOST;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct mini *w = make(&cfg, 2, 1, 0, 100, seed);
        struct sim_stream rng;
        sim_stream_init(&rng, seed, 0, sim_purpose("tree"));
        for (int i = 0; i < 40; i++) {
            size_t reach = w->blocks.len < 8 ? w->blocks.len : 8;
            size_t at = w->blocks.len - 1 - sim_stream_below(&rng, reach);
            give(w, *(struct block **)vec_at(&w->blocks, at), 0);
            /* Each step of the head's chain is to a child that none outweighs. */
            for (struct block *b = w->states[1].head; b->height > 0; b = b->parent)
                for (size_t k = 1; k < w->blocks.len; k++) {
                    struct block *other = *(struct block **)vec_at(&w->blocks, k);
                    if (other->parent == b->parent && subtree(w, other) > subtree(w, b))
                        fail_msg("seed %llu, block %d: a heavier subtree is left",
                                 (unsigned long long)seed, i);
                    assert_true(other->parent != w->states[1].head);
                }
        }
        destroy(w);
    }
}

static void ties_switch_as_often_as_asked(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    cfg.tie_switch = 0.3;
    int switched = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct mini *w = make(&cfg, 2, 1, 0, 100, seed);
        give(w, w->genesis, 0);
        switched += give(w, w->genesis, 0) == w->states[1].head;
        destroy(w);
    }
    within("switches", switched / 1000.0, 0.3, 0.045);
}

/* ---- uncles ---- */

static void uncles_are_named_once_and_within_six(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    cfg.uncles = 2;
    struct mini *w = make(&cfg, 2, 1, 0, 100, 1);
    struct pow *p = &w->states[1];
    struct block *found[BUILD_UNCLES_MAX], *top = give(w, w->genesis, 0);
    struct block *u = give(w, w->genesis, 0), *v = give(w, w->genesis, 0);
    assert_int_equal(pow_uncles(p, found), 2);
    assert_ptr_equal(found[0], u);
    assert_ptr_equal(found[1], v);
    /* One that names u: v alone is left, and u may not be named again. */
    struct block *namer = make_block(w, 0, top, POW_INITIAL, top->created + SIM_SEC);
    name_uncle(namer, u);
    assert_true(pow_uncles_fit(p, namer));
    consensus_pow.checked(p, namer, true, 0);
    assert_ptr_equal(p->head, namer);
    assert_int_equal(pow_uncles(p, found), 1);
    assert_ptr_equal(found[0], v);
    struct block *again = make_block(w, 0, namer, POW_INITIAL, namer->created);
    name_uncle(again, u);
    assert_false(pow_uncles_fit(p, again));
    /* v, of height 1, fits up to a block of height 7. */
    for (top = namer; top->height < 6;)
        top = give(w, top, 0);
    assert_int_equal(pow_uncles(p, found), 1);
    give(w, top, 0);
    assert_int_equal(pow_uncles(p, found), 0);
    /* An ancestor is no uncle, nor is a nephew of a stranger, nor twice the same. */
    struct block *bad = make_block(w, 0, top, POW_INITIAL, top->created);
    name_uncle(bad, top->parent);
    assert_false(pow_uncles_fit(p, bad));
    struct block *side = give(w, top->parent->parent, 0), *on_side = give(w, side, 0);
    struct block *nephew = make_block(w, 0, top, POW_INITIAL, top->created);
    name_uncle(nephew, on_side);
    assert_false(pow_uncles_fit(p, nephew));
    struct block *twice = make_block(w, 0, top, POW_INITIAL, top->created);
    name_uncle(twice, side);
    assert_true(pow_uncles_fit(p, twice));
    name_uncle(twice, side);
    assert_false(pow_uncles_fit(p, twice));
    destroy(w);
}

/* With uncles, stale blocks end up named: nearly all, as few come in threes. */
static void stale_blocks_become_uncles(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    cfg.uncles = 2;
    struct mini *w = make(&cfg, 20, 20, 60 * SIM_SEC, 100, 5);
    start(w);
    run_blocks(w, 4000);
    uint64_t mine, count = on_chain(w, &mine), named = 0;
    for (struct block *b = w->states[4].head; b->height > 0; b = b->parent)
        named += b->uncle_count;
    uint64_t stale = w->blocks.len - 1 - count;
    assert_true(stale > 200);
    /* Second blocks of a stale branch cannot be: their parent is no ancestor. */
    within("named stale blocks", (double)named / (double)stale, 0.96, 0.04);
    destroy(w);
}

/* ---- lies ---- */

static void wrong_headers_are_not_followed(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    struct mini *w = make(&cfg, 3, 2, 0, 100, 1);
    struct pow *p = &w->states[2];
    struct block *heavy = make_block(w, 0, w->genesis, POW_INITIAL * 9, SIM_SEC);
    struct block *child = make_block(w, 1, heavy, POW_INITIAL, 2 * SIM_SEC);
    struct block *stranger = make_block(w, 2, w->genesis, POW_INITIAL, SIM_SEC);
    struct block *good = make_block(w, 1, w->genesis, POW_INITIAL, SIM_SEC);
    struct block *early = make_block(w, 1, good, POW_INITIAL, 0);
    struct block *all[] = {heavy, child, stranger, good, early};
    for (int i = 0; i < 5; i++) {
        struct message *m = message_create(CHANNEL_BLOCK, 1, 0);
        message_set_block(m, all[i]);
        consensus_pow.message(p, 0, m);
        message_unref(m);
        assert_ptr_equal(p->head, i < 3 ? w->genesis : good);
    }
    destroy(w);
}

/* Eyal and Sirer 2014, equation 8: the pool's share of the chain. */
static double revenue(double a, double gamma)
{
    return (a * (1 - a) * (1 - a) * (4 * a + gamma * (1 - 2 * a)) - a * a * a) /
           (1 - a * (1 + (2 - a) * a));
}

static double measured_revenue(double alpha, double gamma, uint64_t blocks)
{
    struct pow_cfg cfg = settings();
    cfg.tie_switch = gamma;
    cfg.confirmations = 40;
    /* 29 others of weight 100 each */
    uint64_t weight = (uint64_t)(2900 * alpha / (1 - alpha));
    struct mini *w = make(&cfg, 30, 30, SIM_MS, weight, 17);
    assert_true(consensus_pow.misbehave(&w->states[0], "selfish-mining", true));
    start(w);
    run_blocks(w, blocks);
    uint64_t mine, count = on_chain(w, &mine);
    destroy(w);
    return (double)mine / (double)count;
}

static void selfish_mining_earns_what_the_paper_says(void **state)
{
    (void)state;
    const double cases[][2] = {{0.1, 0},  {0.25, 0},   {1.0 / 3, 0},
                               {0.42, 0}, {0.25, 0.5}, {0.35, 0.5}};
    for (int i = 0; i < 6; i++) {
        double a = cases[i][0], gamma = cases[i][1];
        char what[64];
        snprintf(what, sizeof what, "revenue at alpha %.3f, gamma %.1f", a, gamma);
        within(what, measured_revenue(a, gamma, 20000), revenue(a, gamma), 0.013);
    }
    /* The threshold of one third: below it does not pay, above it does. */
    assert_true(measured_revenue(0.25, 0, 20000) < 0.25);
    assert_true(measured_revenue(0.42, 0, 20000) > 0.45);
}

/* Honest again, the pool shows what it holds. */
static void a_selfish_pool_can_turn_honest(void **state)
{
    (void)state;
    struct pow_cfg cfg = settings();
    cfg.confirmations = 40;
    struct mini *w = make(&cfg, 10, 10, SIM_MS, 2000, 23);
    assert_true(consensus_pow.misbehave(&w->states[0], "selfish-mining", true));
    assert_false(consensus_pow.misbehave(&w->states[0], "equivocation", true));
    start(w);
    run_blocks(w, 300);
    assert_true(consensus_pow.misbehave(&w->states[0], "selfish-mining", false));
    assert_null(w->states[0].selfish);
    run_blocks(w, 300);
    sim_run(w->sim, sim_now(w->sim) + SIM_SEC);
    for (node_id n = 1; n < 10; n++)
        assert_ptr_equal(block_ancestor(w->states[n].head, 590 - 300),
                         block_ancestor(w->states[0].head, 590 - 300));
    destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_exponential),
        cmocka_unit_test(stale_rate_follows_the_delay),
        cmocka_unit_test(bitcoin_difficulty_converges),
        cmocka_unit_test(ethereum_difficulty_converges),
        cmocka_unit_test(bitcoin_difficulty_is_bounded),
        cmocka_unit_test(ethereum_difficulty_steps),
        cmocka_unit_test(ghost_weighs_subtrees),
        cmocka_unit_test(ghost_agrees_with_the_whole_tree),
        cmocka_unit_test(ties_switch_as_often_as_asked),
        cmocka_unit_test(uncles_are_named_once_and_within_six),
        cmocka_unit_test(stale_blocks_become_uncles),
        cmocka_unit_test(wrong_headers_are_not_followed),
        cmocka_unit_test(selfish_mining_earns_what_the_paper_says),
        cmocka_unit_test(a_selfish_pool_can_turn_honest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
