/* Bullshark: the graph of certified vertices, and the order that follows from it without a further
 * message (Spiegelman et al., "Bullshark: the partially synchronous version", arXiv 2209.05633,
 * its algorithm of anchors; CCS'22, arXiv 2201.05677, the commit rule of steady-state leaders). */
#include "models/consensus/bullshark.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <string.h>

enum { ROUNDS_AHEAD = 10000 }; /* a vertex further ahead than this is not kept */

uint64_t bs_weight(const struct bullshark *t, const uint64_t *set)
{
    uint64_t weight = 0;
    for (uint32_t i = 0; i < t->n; i++)
        if (bs_has(set, i))
            weight += t->env->validators->weights[i];
    return weight;
}

uint32_t bs_size(const struct bullshark *t, const uint64_t *set)
{
    uint32_t size = 0;
    for (uint32_t w = 0; w < t->words; w++)
        size += (uint32_t)__builtin_popcountll(set[w]);
    return size;
}

/* ---- rounds ---- */

static void free_round(const struct bullshark *t, struct bs_round *r)
{
    for (uint32_t i = 0; r && i < t->n; i++) {
        message_unref(r->slots[i].vertex);
        message_unref(r->slots[i].certificate);
    }
    mem_free(r);
}

struct bs_round *bs_find(const struct bullshark *t, uint64_t round)
{
    return round >= t->first && round - t->first < t->count ? t->rounds[round - t->first] : NULL;
}

static struct bs_round *new_round(const struct bullshark *t)
{
    struct bs_round *r =
        mem_zalloc(1, sizeof *r + t->n * sizeof(struct bs_slot) + t->words * sizeof(uint64_t));
    if (!r)
        return NULL;
    r->slots = (struct bs_slot *)(r + 1);
    r->accepted = (uint64_t *)(r->slots + t->n);
    return r;
}

struct bs_round *bs_get(struct bullshark *t, uint64_t round)
{
    if (round < t->first || round - t->first >= ROUNDS_AHEAD)
        return NULL;
    uint32_t at = (uint32_t)(round - t->first);
    if (at >= t->room) {
        uint32_t room = at + 16;
        struct bs_round **rounds = mem_resize(t->rounds, room, sizeof *rounds);
        if (!rounds)
            return NULL;
        memset(rounds + t->room, 0, (room - t->room) * sizeof *rounds);
        t->rounds = rounds;
        t->room = room;
    }
    if (at >= t->count)
        t->count = at + 1;
    if (!t->rounds[at])
        t->rounds[at] = new_round(t);
    return t->rounds[at];
}

void bs_drop_below(struct bullshark *t, uint64_t round)
{
    if (round <= t->first)
        return;
    uint64_t drop = round - t->first;
    uint32_t gone = drop < t->count ? (uint32_t)drop : t->count;
    for (uint32_t i = 0; i < gone; i++)
        free_round(t, t->rounds[i]);
    if (t->room) {
        memmove(t->rounds, t->rounds + gone, (t->room - gone) * sizeof *t->rounds);
        memset(t->rounds + (t->room - gone), 0, gone * sizeof *t->rounds);
    }
    t->count -= gone;
    t->first = round;
}

uint64_t bs_last(const struct bullshark *t)
{
    return t->first + t->count - 1;
}

uint64_t bs_top(const struct bullshark *t)
{
    for (uint32_t i = t->count; i-- > 0;)
        if (t->rounds[i] && validators_quorum(t->env->validators, t->rounds[i]->accepted_weight))
            return t->first + i;
    return 0;
}

bool bs_past_is_here(const struct bullshark *t, const struct bs_vertex *v)
{
    if (v->round <= t->first) /* before it lies nothing that counts */
        return true;
    const struct bs_round *before = bs_find(t, v->round - 1);
    for (uint32_t w = 0; w < t->words; w++)
        if (v->refs[w] & ~(before ? before->accepted[w] : 0))
            return false;
    return true;
}

/* ---- what is reached ---- */

bool bs_reach(const struct bullshark *t, uint64_t high, const uint64_t *from, uint64_t low,
              struct bs_past *out)
{
    if (low < t->first)
        low = t->first;
    if (low > high)
        low = high;
    *out = (struct bs_past){.low = low, .high = high};
    out->sets = mem_zalloc((high - low + 1) * t->words, sizeof(uint64_t));
    if (!out->sets)
        return false;
    memcpy(bs_past_at(t, out, high), from, t->words * sizeof *from);
    for (uint64_t round = high; round >= low && round > 0; round--) {
        uint64_t *set = bs_past_at(t, out, round);
        const struct bs_round *r = bs_find(t, round);
        for (uint32_t i = 0; i < t->n; i++) {
            if (!bs_has(set, i))
                continue;
            const struct bs_slot *s = r ? &r->slots[i] : NULL;
            if (!s || !s->accepted || s->ordered) /* what it stands on was ordered with it */
                set[i / 64] &= ~(UINT64_C(1) << (i % 64));
            else if (round > low)
                for (uint32_t w = 0; w < t->words; w++)
                    bs_past_at(t, out, round - 1)[w] |= bs_vertex_of(s)->refs[w];
        }
    }
    return true;
}

/* ---- leaders, votes, order ---- */

/* Odd rounds have a leader, even ones vote. */
uint32_t bs_leader(const struct bullshark *t, uint64_t round)
{
    return validators_turn(t->env->validators, round / 2);
}

static uint64_t lowest_ordered_with(const struct bullshark *t, uint64_t anchor)
{
    return anchor > t->cfg->gc_depth ? anchor - t->cfg->gc_depth + 1 : 1;
}

static bool leader_past(const struct bullshark *t, uint64_t round, uint64_t low,
                        struct bs_past *out)
{
    uint64_t *one = mem_zalloc(t->words, sizeof *one);
    if (!one)
        return false;
    bs_add(one, bs_leader(t, round));
    bool ok = bs_reach(t, round, one, low, out);
    mem_free(one);
    return ok;
}

static bool leader_is_here(const struct bullshark *t, uint64_t round)
{
    const struct bs_round *r = bs_find(t, round);
    return r && r->slots[bs_leader(t, round)].accepted;
}

/* More than f of the next round stand on the leader's vertex: in every quorum of the rounds above,
 * somebody reaches it. */
static bool leader_is_decided(const struct bullshark *t, uint64_t round)
{
    const struct bs_round *votes = bs_find(t, round + 1);
    uint32_t leader = bs_leader(t, round);
    uint64_t weight = 0;
    if (!votes || !leader_is_here(t, round))
        return false;
    for (uint32_t i = 0; i < t->n; i++)
        if (votes->slots[i].accepted && bs_has(bs_vertex_of(&votes->slots[i])->refs, leader))
            weight += t->env->validators->weights[i];
    return validators_third(t->env->validators, weight);
}

/* The vertices reached from the leader that are not ordered yet, by round and author. */
static struct block **collect(const struct bullshark *t, const struct bs_past *past,
                              uint32_t *count)
{
    *count = 0;
    for (uint64_t round = past->low; round <= past->high; round++)
        *count += bs_size(t, bs_past_at(t, past, round));
    struct block **batches = mem_alloc(*count, sizeof(struct block *));
    uint32_t k = 0;
    for (uint64_t round = past->low; batches && round <= past->high; round++) {
        struct bs_round *r = bs_find(t, round);
        for (uint32_t i = 0; i < t->n; i++)
            if (bs_has(bs_past_at(t, past, round), i))
                batches[k++] = r->slots[i].vertex->block;
    }
    return batches;
}

static void mark_ordered(struct bullshark *t, const struct bs_past *past)
{
    for (uint64_t round = past->low; round <= past->high; round++) {
        struct bs_round *r = bs_find(t, round);
        for (uint32_t i = 0; i < t->n; i++)
            if (bs_has(bs_past_at(t, past, round), i))
                r->slots[i].ordered = true;
    }
}

/* The block that follows from a leader whose predecessors are all ordered. */
static bool order_one(struct bullshark *t, uint64_t round)
{
    struct consensus_env *env = t->env;
    struct bs_past past;
    uint32_t count;
    if (!leader_past(t, round, lowest_ordered_with(t, round), &past))
        return false;
    struct block **batches = collect(t, &past, &count);
    struct block *b = batches ? env_order(env, t->final, batches, count, round,
                                          env->validators->nodes[bs_leader(t, round)])
                              : NULL;
    mem_free(batches);
    if (b) {
        mark_ordered(t, &past);
        block_hold(&t->final, b);
        t->anchor = round;
        env_commit(env, b, NULL, 0);
        bs_drop_below(t, lowest_ordered_with(t, round));
    }
    mem_free(past.sets);
    return b != NULL;
}

/* A decided leader brings along the earlier ones that nobody was sure of, if they are in its past:
 * then they are in the past of every later leader, and in no one's otherwise. */
static void order_up_to(struct bullshark *t, uint64_t round)
{
    uint64_t *chain = mem_alloc((round - t->anchor) / 2 + 1, sizeof *chain);
    uint32_t count = 0;
    struct bs_past past;
    if (!chain || !leader_past(t, round, t->anchor + 1, &past)) {
        mem_free(chain);
        return;
    }
    chain[count++] = round;
    for (uint64_t r = round - 1; r > t->anchor && r >= past.low; r--) {
        if (r % 2 == 0 || !bs_has(bs_past_at(t, &past, r), bs_leader(t, r)))
            continue;
        mem_free(past.sets);
        if (!leader_past(t, r, t->anchor + 1, &past)) {
            mem_free(chain);
            return;
        }
        chain[count++] = r;
    }
    mem_free(past.sets);
    while (count > 0 && order_one(t, chain[--count]))
        ;
    mem_free(chain);
}

/* After a catch-up: the last leader's past was ordered by others. */
static void mark_past(struct bullshark *t)
{
    struct bs_past past;
    if (t->marked || !leader_is_here(t, t->anchor))
        return;
    if (!leader_past(t, t->anchor, t->first, &past))
        return;
    mark_ordered(t, &past);
    mem_free(past.sets);
    t->marked = true;
}

void bs_order(struct bullshark *t)
{
    mark_past(t);
    if (!t->marked)
        return;
    for (uint64_t round = t->anchor ? t->anchor + 2 : 1; round < bs_last(t); round += 2)
        if (leader_is_decided(t, round))
            order_up_to(t, round);
}

void bs_adopt_final(struct bullshark *t, struct block *b)
{
    block_hold(&t->final, b);
    t->anchor = b->round;
    t->marked = false;
    bs_drop_below(t, lowest_ordered_with(t, b->round));
    bs_order(t);
}
