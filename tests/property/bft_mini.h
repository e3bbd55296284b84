/* Protocols with finality in a network of nothing but delays: no links, no execution, so that
 * thousands of seeds run in seconds. Messages overtake one another, get lost and cut off; nodes
 * crash and come back; Byzantine nodes have two lives that hear everything and speak to a part of
 * the others each. What honest nodes commit and certify is compared at once. */
#ifndef TESTS_PROPERTY_BFT_MINI_H
#define TESTS_PROPERTY_BFT_MINI_H

#include "models/world/config.h"
#include "sim/base/vec.h"
#include "sim/engine/engine.h"
#include "tests/property/world_fixture.h"

enum { MINI_NODES = 16, MINI_LIVES = 32, MINI_HEIGHTS = 1 << 14, MINI_TYPES = 16 };

struct mini_life {
    struct consensus_env env;
    void *state;
    node_id node;
    bool down;
    uint8_t epoch;
    struct block *head, *final;
    struct vec orphans; /* struct parcel of ours: message, from */
    sim_time asked;
    uint64_t build_serial;
    uint32_t speaks_to; /* a bit a node */
};

struct mini_claim {
    const char *what;
    uint64_t height, round;
    const struct block *block;
};

struct mini_rules {
    sim_time least, most; /* delay of a message */
    double late, lost;    /* shares: ten times as late; never arrives. Both until `stable` */
    sim_time stable;
    uint64_t cut; /* nodes, as bits, that reach only one another from `cut_from` to `cut_to` */
    sim_time cut_from, cut_to;
    uint32_t byzantine; /* the last so many nodes have two lives */
};

struct mini {
    struct sim *sim;
    struct scenario *scenario;
    const struct consensus_ops *ops;
    const void *cfg;
    struct mini_rules rules;
    uint64_t seed;
    const char *name;
    uint32_t count, lives;
    struct mini_life life[MINI_LIVES];
    node_id nodes[MINI_NODES];
    uint64_t weights[MINI_NODES], upto[MINI_NODES];
    struct validators validators;
    struct sim_stream rng;
    sim_handler_id on_timer, on_message, on_built, on_checked, on_sync, on_fault;
    struct block *genesis;
    struct vec blocks;
    struct block *chain[MINI_HEIGHTS]; /* what is final at some honest node */
    struct vec claims;
    uint64_t sent[MINI_TYPES];
    uint64_t height_before[MINI_NODES]; /* scratch of tests */
    sim_time first_commit, last_commit; /* of height `timed` */
    uint64_t timed;
};

struct mini_mail {
    struct message *m;
    uint32_t life, from;
    uint8_t epoch;
};
struct mini_call {
    struct block *b;
    uint64_t tag, serial;
    uint32_t life;
    uint8_t epoch;
};

static inline struct mini *mini_of(struct consensus_env *env)
{
    return env->world;
}

static inline struct mini_life *mini_life(struct consensus_env *env)
{
    return (struct mini_life *)env; /* its first member */
}

static inline bool mini_honest(const struct mini *w, node_id node)
{
    return node < w->count - w->rules.byzantine;
}

static inline void mini_fail(const struct mini *w, const char *what, uint64_t height)
{
    fail_msg("%s, seed %llu, %u nodes: %s at height %llu", w->name, (unsigned long long)w->seed,
             w->count, what, (unsigned long long)height);
}

/* ---- time and messages ---- */

static inline sim_time mini_now(struct consensus_env *env)
{
    return sim_now(mini_of(env)->sim);
}

static inline sim_time mini_delay(struct mini *w)
{
    const struct mini_rules *r = &w->rules;
    sim_time d = r->least + (sim_time)sim_stream_below(&w->rng, (uint64_t)(r->most - r->least) + 1);
    bool late = sim_now(w->sim) < r->stable && sim_stream_double(&w->rng) < r->late;
    return late ? 10 * d : d;
}

static inline bool mini_reaches(struct mini *w, node_id from, node_id to)
{
    const struct mini_rules *r = &w->rules;
    sim_time now = sim_now(w->sim);
    if (now >= r->cut_from && now < r->cut_to && (r->cut >> from & 1) != (r->cut >> to & 1))
        return false;
    return now >= r->stable || sim_stream_double(&w->rng) >= r->lost;
}

static inline void mini_post(struct mini_life *l, node_id to, struct message *m)
{
    struct mini *w = mini_of(&l->env);
    if (m->type < MINI_TYPES)
        w->sent[m->type]++;
    for (uint32_t i = 0; i < w->lives; i++) {
        struct mini_life *at = &w->life[i];
        if (at->node != to || at == l)
            continue;
        if (!(l->speaks_to >> to & 1) || !mini_reaches(w, l->node, to))
            continue;
        struct mini_mail *mail = mem_alloc(1, sizeof *mail);
        *mail = (struct mini_mail){message_ref(m), i, (uint32_t)(l - w->life), at->epoch};
        sim_schedule(w->sim, sim_now(w->sim) + mini_delay(w), SIM_CLASS_NETWORK, l->node,
                     w->on_message, to, sim_arg(mail));
    }
}

static inline void mini_send(struct consensus_env *env, node_id to, struct message *m)
{
    if (m->origin == NODE_NONE)
        m->origin = env->node;
    mini_post(mini_life(env), to, m);
    message_unref(m);
}

static inline void mini_broadcast(struct consensus_env *env, struct message *m)
{
    struct mini *w = mini_of(env);
    if (m->origin == NODE_NONE)
        m->origin = env->node;
    for (node_id n = 0; n < w->count; n++)
        if (n != env->node)
            mini_post(mini_life(env), n, m);
    message_unref(m);
}

static inline struct sim_timer mini_timer(struct consensus_env *env, sim_time delay, uint32_t kind,
                                          uint64_t value)
{
    struct mini *w = mini_of(env);
    struct mini_life *l = mini_life(env);
    struct sim_timer t = {0};
    uint64_t arg = (uint64_t)(l - w->life) << 59 | (uint64_t)(kind & 7) << 56 |
                   (uint64_t)l->epoch << 48 | value;
    sim_schedule_timer(w->sim, &t, sim_now(w->sim) + delay, SIM_CLASS_TIMER, env->node, w->on_timer,
                       env->node, arg);
    return t;
}

static inline void mini_cancel(struct consensus_env *env, struct sim_timer *timer)
{
    sim_cancel(mini_of(env)->sim, timer);
}

/* ---- blocks ---- */

/* Who has a block: a bit a life, in a field that nobody here uses otherwise. */
static inline bool mini_has(struct consensus_env *env, const struct block *b)
{
    return b->header_gas_used >> (mini_life(env) - mini_of(env)->life) & 1;
}

static inline struct block *mini_block(struct mini *w, node_id proposer, struct block *parent,
                                       uint64_t round)
{
    struct block *b = mem_zalloc(1, sizeof *b);
    uint64_t number = w->blocks.len + 1;
    b->refs = 1;
    b->proposer = proposer;
    b->round = round;
    b->created = sim_now(w->sim);
    memcpy(b->hash.b, &number, sizeof number);
    if (parent) {
        b->parent = block_ref(parent);
        b->height = parent->height + 1;
    }
    vec_push(&w->blocks, &b);
    return b;
}

static inline void mini_call(struct mini_life *l, sim_handler_id handler, struct block *b,
                             uint64_t tag, sim_time delay)
{
    struct mini *w = mini_of(&l->env);
    struct mini_call *c = mem_alloc(1, sizeof *c);
    *c = (struct mini_call){b, tag, l->build_serial, (uint32_t)(l - w->life), l->epoch};
    sim_schedule(w->sim, sim_now(w->sim) + delay, SIM_CLASS_EXECUTION, l->node, handler, l->node,
                 sim_arg(c));
}

static inline void mini_build(struct consensus_env *env, const struct build_request *r)
{
    struct mini *w = mini_of(env);
    struct mini_life *l = mini_life(env);
    struct block *b = mini_block(w, env->node, r->parent, r->round);
    b->header_gas_used = UINT64_C(1) << (l - w->life);
    l->build_serial++;
    mini_call(l, w->on_built, b, r->tag, (sim_time)sim_stream_below(&w->rng, 2000000));
}

static inline void mini_check(struct consensus_env *env, struct block *b, uint64_t tag)
{
    struct mini *w = mini_of(env);
    if (!mini_has(env, b))
        mini_fail(w, "a check of a block that is not there", b->height);
    mini_call(mini_life(env), w->on_checked, b, tag, (sim_time)sim_stream_below(&w->rng, 2000000));
}

static inline void mini_await(struct consensus_env *env)
{
    (void)env;
}

static inline void mini_adopt(struct consensus_env *env, struct block *b)
{
    mini_life(env)->head = b;
}

/* ---- what is claimed ---- */

static inline void mini_quorum(const struct mini *w, const uint32_t *signers, uint32_t count,
                               uint64_t height)
{
    uint64_t weight = 0;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (seen >> signers[i] & 1)
            mini_fail(w, "a signer twice", height);
        seen |= UINT32_C(1) << signers[i];
        weight += w->weights[signers[i]];
    }
    if (!validators_quorum(&w->validators, weight))
        mini_fail(w, "no quorum", height);
}

static inline void mini_commit(struct consensus_env *env, struct block *b, const uint32_t *signers,
                               uint32_t count)
{
    struct mini *w = mini_of(env);
    struct mini_life *l = mini_life(env);
    if (signers)
        mini_quorum(w, signers, count, b->height);
    if (b->height >= MINI_HEIGHTS)
        mini_fail(w, "too many blocks", b->height);
    for (struct block *x = b; x->height > l->final->height; x = x->parent) {
        if (mini_honest(w, l->node) && w->chain[x->height] && w->chain[x->height] != x)
            mini_fail(w, "two commits", x->height);
        if (mini_honest(w, l->node))
            w->chain[x->height] = x;
        if (x->height == w->timed && mini_honest(w, l->node)) {
            w->last_commit = sim_now(w->sim);
            if (!w->first_commit)
                w->first_commit = w->last_commit;
        }
    }
    if (block_ancestor(b, l->final->height) != l->final && mini_honest(w, l->node))
        mini_fail(w, "a commit taken back", b->height);
    l->final = b;
    if (l->head->height < b->height || block_ancestor(l->head, b->height) != b)
        l->head = b;
}

static inline void mini_certify(struct consensus_env *env, const char *what, const struct block *b,
                                uint64_t round, const uint32_t *signers, uint32_t count)
{
    struct mini *w = mini_of(env);
    uint64_t height = b ? b->height : 0;
    if (!mini_honest(w, env->node))
        return;
    mini_quorum(w, signers, count, height);
    /* whoever has a certificate of commits may act on it: it is as good as a commit */
    for (const struct block *x = strcmp(what, "commit") ? NULL : b; x; x = x->parent)
        if (x->height < MINI_HEIGHTS && w->chain[x->height] && w->chain[x->height] != x)
            mini_fail(w, "a commit certificate against what is final", x->height);
    for (size_t i = w->claims.len; b && i > 0 && i + 256 > w->claims.len; i--) {
        const struct mini_claim *c = vec_at(&w->claims, i - 1);
        if (c->height != height || c->round != round || strcmp(c->what, what) != 0)
            continue;
        if (c->block != b)
            mini_fail(w, "two certificates of one round", height);
        return;
    }
    struct mini_claim claim = {what, height, round, b};
    if (b)
        vec_push(&w->claims, &claim);
}

/* ---- catching up ---- */

/* tag: the peer's life. One request at a time, as the world does it. */
static inline void mini_behind(struct consensus_env *env, node_id from, uint64_t height)
{
    struct mini *w = mini_of(env);
    struct mini_life *l = mini_life(env);
    (void)height;
    if (from == env->node || l->asked > sim_now(w->sim) || !mini_reaches(w, env->node, from))
        return;
    sim_time delay = 2 * mini_delay(w);
    l->asked = sim_now(w->sim) + delay;
    mini_call(l, w->on_sync, NULL, from, delay);
}

static inline struct sim_stream *mini_random(struct consensus_env *env)
{
    return &mini_of(env)->rng;
}

static inline void mini_note(struct consensus_env *env, const char *what, uint64_t height,
                             uint64_t round)
{
    (void)env, (void)what, (void)height, (void)round;
}

static const struct consensus_host mini_host = {
    .now = mini_now,
    .send = mini_send,
    .broadcast = mini_broadcast,
    .timer = mini_timer,
    .cancel = mini_cancel,
    .build = mini_build,
    .check = mini_check,
    .await = mini_await,
    .has = mini_has,
    .adopt = mini_adopt,
    .commit = mini_commit,
    .certify = mini_certify,
    .behind = mini_behind,
    .random = mini_random,
    .note = mini_note,
};

/* ---- events ---- */

static inline void mini_on_timer(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    struct mini_life *l = &w->life[ev->arg >> 59];
    (void)sim;
    if (!l->down && (uint8_t)(ev->arg >> 48) == l->epoch)
        w->ops->timer(l->state, (uint32_t)(ev->arg >> 56 & 7), ev->arg & ((UINT64_C(1) << 48) - 1));
}

static inline bool mini_connect(struct mini *w, struct mini_life *l, struct block *b)
{
    uint64_t bit = UINT64_C(1) << (l - w->life);
    if (!(b->header_gas_used & bit) && !(b->parent->header_gas_used & bit))
        return false;
    b->header_gas_used |= bit;
    return true;
}

static inline void mini_hand_over(struct mini *w, struct mini_mail *mail)
{
    w->ops->message(w->life[mail->life].state, w->life[mail->from].node, mail->m);
    message_unref(mail->m);
    mem_free(mail);
}

/* What waited for blocks that are here now. */
static inline void mini_release(struct mini *w, struct mini_life *l)
{
    for (size_t i = 0; i < l->orphans.len;) {
        struct mini_mail **all = l->orphans.data, *mail = all[i];
        if (!mini_connect(w, l, mail->m->block)) {
            i++;
            continue;
        }
        for (size_t j = i + 1; j < l->orphans.len; j++)
            all[j - 1] = all[j];
        l->orphans.len--;
        mini_hand_over(w, mail);
        i = 0;
    }
}

static inline void mini_on_message(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    struct mini_mail *mail = sim_arg_pointer(ev);
    struct mini_life *l = &w->life[mail->life];
    (void)sim;
    if (l->down || mail->epoch != l->epoch) {
        message_unref(mail->m);
        mem_free(mail);
    } else if (mail->m->block && !mini_connect(w, l, mail->m->block)) {
        vec_push(&l->orphans, &mail);
        mini_behind(&l->env, w->life[mail->from].node, mail->m->block->height - 1);
    } else {
        bool block = mail->m->block;
        mini_hand_over(w, mail);
        if (block)
            mini_release(w, l);
    }
}

static inline void mini_on_built(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    struct mini_call c = *(struct mini_call *)sim_arg_pointer(ev);
    struct mini_life *l = &w->life[c.life];
    mem_free(sim_arg_pointer(ev));
    (void)sim;
    if (!l->down && c.epoch == l->epoch && c.serial == l->build_serial)
        w->ops->built(l->state, c.b, c.tag);
}

static inline void mini_on_checked(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    struct mini_call c = *(struct mini_call *)sim_arg_pointer(ev);
    struct mini_life *l = &w->life[c.life];
    mem_free(sim_arg_pointer(ev));
    (void)sim;
    if (!l->down && c.epoch == l->epoch)
        w->ops->checked(l->state, c.b, true, c.tag);
}

/* The peer's chain above where it parts from this life's. */
static inline void mini_on_sync(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    struct mini_call c = *(struct mini_call *)sim_arg_pointer(ev);
    struct mini_life *l = &w->life[c.life], *peer = NULL;
    mem_free(sim_arg_pointer(ev));
    (void)sim;
    for (uint32_t i = 0; i < w->lives && !peer; i++)
        if (w->life[i].node == (node_id)c.tag)
            peer = &w->life[i];
    l->asked = 0;
    if (l->down || c.epoch != l->epoch || peer->down)
        return;
    struct block *top = peer->head->height > peer->final->height ? peer->head : peer->final;
    uint64_t final = peer->final->height, common = top->height;
    while (block_ancestor(l->head, common) != block_ancestor(top, common))
        common--;
    for (uint64_t h = common + 1; h <= top->height; h++) {
        struct block *b = block_ancestor(top, h);
        mini_connect(w, l, b);
        w->ops->block(l->state, b, peer->node, b->height <= final);
        mini_release(w, l);
    }
}

/* arg: the node, and whether it comes back. */
static inline void mini_on_fault(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    (void)sim;
    for (uint32_t i = 0; i < w->lives; i++) {
        struct mini_life *l = &w->life[i];
        if (l->node != ev->target || l->down == !ev->arg)
            continue;
        l->down = !ev->arg;
        if (l->down) {
            l->epoch++;
            for (size_t j = 0; j < l->orphans.len; j++) {
                struct mini_mail *mail = *(struct mini_mail **)vec_at(&l->orphans, j);
                message_unref(mail->m);
                mem_free(mail);
            }
            l->orphans.len = 0;
            l->asked = 0;
        } else {
            w->ops->recovered(l->state);
        }
    }
}

static inline void mini_crash(struct mini *w, node_id node, sim_time at, sim_time back)
{
    sim_schedule(w->sim, at, SIM_CLASS_FAULT, w->count, w->on_fault, node, 0);
    if (back > at)
        sim_schedule(w->sim, back, SIM_CLASS_FAULT, w->count, w->on_fault, node, 1);
}

/* ---- making ---- */

/* settings: of the protocol's section, "block_interval: 50ms". weights: NULL is one each. */
static inline struct mini *mini_make(const char *name, const char *settings, uint32_t count,
                                     const uint64_t *weights, const struct mini_rules *rules,
                                     uint64_t seed)
{
    struct mini *w = mem_zalloc(1, sizeof *w);
    struct scenario_problems problems = {0};
    struct err err = {0};
    char text[512];
    snprintf(text, sizeof text, "layers: [{nodes: %u, consensus: {kind: %s, %s}}]", count, name,
             settings);
    if (scenario_parse(&w->scenario, &world_spec, "mini.yaml", text, strlen(text), NULL, 0,
                       &problems) != ERR_OK)
        fail_msg("%s", problems.text ? problems.text : "no memory");
    scenario_problems_fini(&problems);
    const struct world_cfg *cfg = scenario_root(w->scenario);
    const struct world_layer *layer = cfg->layers.items;
    w->ops = (const struct consensus_ops *)layer->consensus.model;
    w->cfg = layer->consensus.cfg;
    w->name = name;
    w->count = count;
    w->rules = *rules;
    w->seed = seed;
    assert_int_equal(sim_create(&w->sim, seed), ERR_OK);
    sim_add_handler(w->sim, &w->on_timer, "timer", mini_on_timer, w);
    sim_add_handler(w->sim, &w->on_message, "message", mini_on_message, w);
    sim_add_handler(w->sim, &w->on_built, "built", mini_on_built, w);
    sim_add_handler(w->sim, &w->on_checked, "checked", mini_on_checked, w);
    sim_add_handler(w->sim, &w->on_sync, "sync", mini_on_sync, w);
    sim_add_handler(w->sim, &w->on_fault, "fault", mini_on_fault, w);
    sim_stream_init(&w->rng, seed, 0, sim_purpose("test"));
    vec_init(&w->blocks, sizeof(struct block *));
    vec_init(&w->claims, sizeof(struct mini_claim));
    w->genesis = mini_block(w, NODE_NONE, NULL, 0);
    w->genesis->header_gas_used = UINT64_MAX;
    w->chain[0] = w->genesis;
    w->validators = (struct validators){w->nodes, w->weights, w->upto, count, 0, !weights};
    for (uint32_t i = 0; i < count; i++) {
        w->nodes[i] = i;
        w->weights[i] = weights ? weights[i] : 1;
        w->upto[i] = w->validators.total += w->weights[i];
    }
    w->lives = count + rules->byzantine;
    for (uint32_t i = 0; i < w->lives; i++) {
        struct mini_life *l = &w->life[i];
        node_id node = i < count ? i : count - rules->byzantine + (i - count);
        l->node = node;
        l->env = (struct consensus_env){.host = &mini_host,
                                        .world = w,
                                        .node = node,
                                        .me = node,
                                        .instance = i >= count,
                                        .validators = &w->validators,
                                        .genesis = w->genesis};
        l->head = l->final = w->genesis;
        l->speaks_to =
            mini_honest(w, node) ? UINT32_MAX : (uint32_t)sim_stream_below(&w->rng, 1 << count);
        vec_init(&l->orphans, sizeof(struct mini_mail *));
        l->state = mem_zalloc(1, w->ops->state_size);
        if (w->ops->init(l->state, w->cfg, &l->env, &err) != ERR_OK)
            fail_msg("%s", err.text);
    }
    for (uint32_t i = 0; i < w->lives; i++)
        w->ops->start(w->life[i].state);
    return w;
}

static inline void mini_run(struct mini *w, sim_time until)
{
    assert_int_equal(sim_run(w->sim, until), ERR_OK);
}

static inline void mini_drop(void *self, const struct sim_event *ev)
{
    struct mini *w = self;
    if (ev->handler == w->on_message) {
        struct mini_mail *mail = sim_arg_pointer(ev);
        message_unref(mail->m);
        mem_free(mail);
    } else if (ev->handler == w->on_built || ev->handler == w->on_checked ||
               ev->handler == w->on_sync) {
        mem_free(sim_arg_pointer(ev));
    }
}

static inline void mini_free(struct mini *w)
{
    sim_drain(w->sim, mini_drop, w);
    for (uint32_t i = 0; i < w->lives; i++) {
        struct mini_life *l = &w->life[i];
        for (size_t j = 0; j < l->orphans.len; j++) {
            struct mini_mail *mail = *(struct mini_mail **)vec_at(&l->orphans, j);
            message_unref(mail->m);
            mem_free(mail);
        }
        vec_fini(&l->orphans);
        w->ops->fini(l->state);
        mem_free(l->state);
    }
    for (size_t i = w->blocks.len; i > 0; i--)
        block_unref(*(struct block **)vec_at(&w->blocks, i - 1));
    vec_fini(&w->blocks);
    vec_fini(&w->claims);
    sim_destroy(w->sim);
    scenario_destroy(w->scenario);
    mem_free(w);
}

#endif
