/* One protocol state without a world: a host that writes down what it is told, and blocks and
 * validators by hand. */
#ifndef TESTS_UNIT_FAKE_CONSENSUS_H
#define TESTS_UNIT_FAKE_CONSENSUS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evm/core/keccak.h"
#include "models/consensus/consensus.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

enum { FAKE_SENT = 4096, FAKE_VALIDATORS = 256, FAKE_TIMERS = 256 };

struct fake {
    struct consensus_env env; /* first member: the host finds the rest by it */
    sim_time now;
    struct validators validators;
    node_id nodes[FAKE_VALIDATORS];
    uint64_t weights[FAKE_VALIDATORS], upto[FAKE_VALIDATORS];
    struct sim_stream random;
    struct block *genesis;
    struct block *head, *final; /* borrowed: what was adopted and committed last */
    uint32_t final_signers;
    struct message *sent[FAKE_SENT];
    node_id to[FAKE_SENT];
    uint32_t sent_count;
    struct {
        sim_time at;
        uint32_t kind;
        uint64_t value, order;
    } timers[FAKE_TIMERS];
    uint32_t timer_count;
    uint64_t timers_set;
    struct {
        struct block *block; /* a reference */
        uint64_t tag;
    } checks[FAKE_TIMERS];
    uint32_t check_count;
    struct build_request built; /* the last one; seal is a reference */
    uint32_t builds, certificates, adoptions;
};

static inline struct fake *fake_of(struct consensus_env *env)
{
    return (struct fake *)env;
}
static inline sim_time fake_now(struct consensus_env *env)
{
    return fake_of(env)->now;
}
static inline void fake_send(struct consensus_env *env, node_id to, struct message *m)
{
    struct fake *f = fake_of(env);
    assert_true(f->sent_count < FAKE_SENT);
    if (m->origin == NODE_NONE)
        m->origin = env->node;
    f->to[f->sent_count] = to;
    f->sent[f->sent_count++] = m;
}
static inline void fake_broadcast(struct consensus_env *env, struct message *m)
{
    fake_send(env, NODE_NONE, m);
}
static inline struct sim_timer fake_timer(struct consensus_env *env, sim_time delay, uint32_t kind,
                                          uint64_t value)
{
    struct fake *f = fake_of(env);
    assert_true(f->timer_count < FAKE_TIMERS && delay >= 0);
    f->timers[f->timer_count].at = f->now + delay;
    f->timers[f->timer_count].kind = kind;
    f->timers[f->timer_count].value = value;
    f->timers[f->timer_count++].order = ++f->timers_set;
    return (struct sim_timer){.order = f->timers_set};
}
static inline void fake_cancel(struct consensus_env *env, struct sim_timer *timer)
{
    struct fake *f = fake_of(env);
    for (uint32_t i = 0; timer->order && i < f->timer_count; i++)
        if (f->timers[i].order == timer->order)
            f->timers[i] = f->timers[--f->timer_count];
    memset(timer, 0, sizeof *timer);
}
static inline void fake_build(struct consensus_env *env, const struct build_request *request)
{
    struct fake *f = fake_of(env);
    block_seal_unref(f->built.seal);
    f->built = *request;
    if (f->built.seal)
        block_seal_ref(f->built.seal);
    f->builds++;
}
static inline void fake_check(struct consensus_env *env, struct block *b, uint64_t tag)
{
    struct fake *f = fake_of(env);
    assert_true(f->check_count < FAKE_TIMERS);
    f->checks[f->check_count].block = block_ref(b);
    f->checks[f->check_count++].tag = tag;
}
static inline bool fake_has(struct consensus_env *env, const struct block *b)
{
    (void)env, (void)b;
    return true;
}
static inline void fake_adopt(struct consensus_env *env, struct block *b)
{
    fake_of(env)->head = b;
    fake_of(env)->adoptions++;
}
static inline void fake_commit(struct consensus_env *env, struct block *b, const uint32_t *signers,
                               uint32_t signer_count)
{
    (void)signers;
    fake_of(env)->final = b;
    fake_of(env)->final_signers = signer_count;
}
static inline void fake_speculate(struct consensus_env *env, struct block *b)
{
    (void)env, (void)b;
}
static inline void fake_certify(struct consensus_env *env, const char *what, const struct block *b,
                                uint64_t round, const uint32_t *signers, uint32_t signer_count)
{
    (void)what, (void)b, (void)round, (void)signers, (void)signer_count;
    fake_of(env)->certificates++;
}
static inline void fake_behind(struct consensus_env *env, node_id from, uint64_t height)
{
    (void)env, (void)from, (void)height;
}
static inline struct sim_stream *fake_random(struct consensus_env *env)
{
    return &fake_of(env)->random;
}
static inline void fake_note(struct consensus_env *env, const char *what, uint64_t height,
                             uint64_t round)
{
    (void)env, (void)what, (void)height, (void)round;
}

static const struct consensus_host fake_host = {
    .now = fake_now,
    .send = fake_send,
    .broadcast = fake_broadcast,
    .timer = fake_timer,
    .cancel = fake_cancel,
    .build = fake_build,
    .check = fake_check,
    .has = fake_has,
    .adopt = fake_adopt,
    .commit = fake_commit,
    .speculate = fake_speculate,
    .certify = fake_certify,
    .behind = fake_behind,
    .random = fake_random,
    .note = fake_note,
};

/* A block with a hash of its own; one reference for the caller. */
static inline struct block *fake_block(struct block *parent, node_id proposer, uint64_t round,
                                       struct block_seal *seal)
{
    struct block *b = mem_zalloc(1, sizeof *b);
    assert_non_null(b);
    b->refs = 1;
    b->proposer = proposer;
    b->round = round;
    b->seal = seal;
    if (parent) {
        b->parent = block_ref(parent);
        b->height = parent->height + 1;
        b->parent_hash = parent->hash;
    }
    struct {
        struct evm_hash parent;
        uint64_t round, proposer;
    } named = {b->parent_hash, round, proposer};
    evm_keccak256(&b->hash, (struct evm_bytes){(const uint8_t *)&named, sizeof named});
    return b;
}

static inline void fake_init(struct fake *f, uint32_t count, uint64_t weight, uint32_t me)
{
    memset(f, 0, sizeof *f);
    for (uint32_t i = 0; i < count; i++) {
        f->nodes[i] = i;
        f->weights[i] = weight;
        f->upto[i] = weight * (i + 1);
    }
    f->validators =
        (struct validators){f->nodes, f->weights, f->upto, count, weight * count, weight == 1};
    sim_stream_init(&f->random, 7, me, sim_purpose("test.fake"));
    f->genesis = fake_block(NULL, NODE_NONE, 0, NULL);
    f->env = (struct consensus_env){.host = &fake_host,
                                    .node = me == VALIDATOR_NONE ? count : me,
                                    .me = me,
                                    .seed = 7,
                                    .validators = &f->validators,
                                    .genesis = f->genesis};
}

static inline void fake_forget(struct fake *f)
{
    for (uint32_t i = 0; i < f->sent_count; i++)
        message_unref(f->sent[i]);
    for (uint32_t i = 0; i < f->check_count; i++)
        block_unref(f->checks[i].block);
    f->sent_count = f->timer_count = f->check_count = 0;
}

static inline void fake_fini(struct fake *f)
{
    fake_forget(f);
    block_seal_unref(f->built.seal);
    block_unref(f->genesis);
}

#endif
