/* Delegated proof of stake: Larimer, "Delegated Proof-of-Stake (DPOS)" (BitShares, 2014), and the
 * rules that BitShares' Graphene and EOSIO made of it ("EOS.IO Technical White Paper v2", section
 * "Consensus Algorithm").
 *
 * Kept: stakeholders approve of candidates, and the `delegates` with most stake behind them produce
 * (Graphene: update_active_witnesses); slots of equal length by the clock, in a round each delegate
 * `repeat` of them in a row, in an order shuffled anew each round (update_witness_schedule); who
 * misses its slot is skipped; the longest chain wins, the first seen of two alike. Irreversibility
 * is EOSIO's (block_header_state): a block vouches for its ancestors down to where its producer
 * last built on another branch (`confirmed`); what more than two thirds of the delegates vouch for
 * is proposed as irreversible, and irreversible once as many have built a block that knew so.
 *
 * One thing is stricter than in EOSIO: of two branches the one that proposed more wins, and length
 * decides only between equals. Then two thirds that built on a proposed block do not leave it for a
 * branch that has proposed less, and no two conflicting blocks become irreversible while less than
 * a third of the delegates lies, however late messages are: of the two thirds behind each, one
 * honest delegate is in both; it cannot have vouched for the one before building on the other (its
 * base forbids), nor after (the fork choice does).
 *
 * Left out: changes of votes by transactions. Who approves of whom is drawn, popular candidates
 * more often, and stays; the stake behind a vote may drift (`drift`), by which delegates come and
 * go at elections. Two thirds of one set and of the next need not meet, so the argument above holds
 * between elections that change few. There are no certificates for judges: votes are the blocks.
 *
 * Every validator of the layer is a stakeholder and a candidate; its weight is its stake. */
#include "models/consensus/dpos.h"

#include "evm/core/keccak.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FIELD_DEFINE(dpos_cfg, DPOS_FIELDS, "Elections and slots of delegated proof of stake.", NULL);

enum { DPOS_BLOCK = 1 };
enum dpos_timer { TIMER_ROUND = 1, TIMER_SLOT };
enum { MISSED_MAX = 64 };
enum { SEAL_BYTES = 2 }; /* EOSIO's `confirmed`; the rest follows from the chain */

/* ---- elections ---- */

/* A cheap generator for ballots (splitmix64): an election draws validators * approvals numbers. */
static uint64_t next_u64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A voter's stake at an election: within `drift` of its weight, drawn anew each time. In
 * thousandths, so that small weights drift too. */
static uint64_t stake_of(const struct dpos_cfg *cfg, const struct validators *v, uint64_t seed,
                         uint64_t election, uint32_t voter)
{
    struct sim_stream s;
    if (cfg->drift == 0)
        return v->weights[voter] * 1000;
    sim_stream_init(&s, seed ^ election << 32, voter, sim_purpose("dpos.drift"));
    double factor = 1 + cfg->drift * (2 * sim_stream_double(&s) - 1);
    return (uint64_t)((double)v->weights[voter] * 1000 * factor);
}

/* The voter's ballot: `approvals` candidates, drawn as the square of a uniform number, so that the
 * first ones of a common ranking are named more often (a density that falls as one over the root of
 * the rank); one named twice counts once. */
static void cast(uint64_t *tally, const uint32_t *ranking, uint32_t n, uint64_t approvals,
                 uint64_t stake, uint64_t seed, uint32_t voter, uint32_t *named)
{
    uint64_t state =
        seed ^ (uint64_t)(voter + 1) << 20 ^ (uint64_t)sim_purpose("dpos.ballot") << 32;
    for (uint64_t i = 0; i < approvals; i++) {
        uint64_t u = next_u64(&state) >> 32, square = u * u >> 32;
        uint32_t c = ranking[square * n >> 32];
        if (named[c] == voter + 1)
            continue;
        named[c] = voter + 1;
        tally[c] += stake;
    }
}

struct standing {
    uint64_t votes;
    uint32_t candidate;
};

static int by_votes(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;
    if (x->votes != y->votes)
        return x->votes < y->votes ? 1 : -1;
    return (x->candidate > y->candidate) - (x->candidate < y->candidate);
}

uint32_t dpos_elect(const struct dpos_cfg *cfg, const struct validators *v, uint64_t seed,
                    uint64_t election, uint32_t *out)
{
    uint32_t n = v->count, count = dpos_delegate_count(cfg, n);
    uint64_t *tally = mem_zalloc(n, sizeof *tally);
    uint32_t *ranking = mem_alloc(n, sizeof *ranking), *named = mem_zalloc(n, sizeof *named);
    struct standing *all = mem_alloc(n, sizeof *all);
    struct sim_stream s;
    if (!tally || !ranking || !named || !all)
        count = 0;
    for (uint32_t i = 0; count && i < n; i++)
        ranking[i] = i;
    if (count) {
        sim_stream_init(&s, seed, 0, sim_purpose("dpos.ranking"));
        sim_stream_shuffle(&s, ranking, n);
    }
    for (uint32_t i = 0; count && i < n; i++)
        cast(tally, ranking, n, cfg->approvals, stake_of(cfg, v, seed, election, i), seed, i,
             named);
    for (uint32_t i = 0; count && i < n; i++)
        all[i] = (struct standing){tally[i], i};
    if (count)
        qsort(all, n, sizeof *all, by_votes);
    for (uint32_t i = 0; i < count; i++)
        out[i] = all[i].candidate;
    mem_free(tally);
    mem_free(ranking);
    mem_free(named);
    mem_free(all);
    return count;
}

/* ---- rounds and slots ---- */

uint64_t dpos_round_slots(const struct dpos_cfg *cfg, uint32_t validators)
{
    return dpos_delegate_count(cfg, validators) * cfg->repeat;
}

/* The delegates of the round that a slot is in. False when memory is out. */
static bool know_round(struct dpos *d, uint64_t round)
{
    uint64_t election = d->cfg->drift > 0 ? round / d->cfg->election_rounds : 0;
    uint32_t n = d->env->validators->count;
    if (!d->delegates) {
        uint32_t count = dpos_delegate_count(d->cfg, n);
        d->delegates = mem_alloc(2 * (size_t)count, sizeof *d->delegates);
        if (!d->delegates)
            return false;
        d->election = UINT64_MAX;
    }
    if (d->election != election) {
        d->count = dpos_elect(d->cfg, d->env->validators, d->env->seed, election, d->delegates);
        if (!d->count)
            return false;
        d->election = election;
        d->round = UINT64_MAX;
    }
    if (d->round != round) {
        struct sim_stream s;
        uint32_t *order = d->delegates + d->count;
        memcpy(order, d->delegates, d->count * sizeof *order);
        sim_stream_init(&s, d->env->seed ^ round << 32, (uint32_t)round, sim_purpose("dpos.order"));
        sim_stream_shuffle(&s, order, d->count);
        d->round = round;
    }
    return true;
}

/* Slot 0 is genesis'. */
static uint32_t producer_of(struct dpos *d, uint64_t slot)
{
    uint64_t slots = dpos_round_slots(d->cfg, d->env->validators->count);
    if (!know_round(d, slot / slots))
        return VALIDATOR_NONE;
    return d->delegates[d->count + slot % slots / d->cfg->repeat];
}

static bool is_delegate(const struct dpos *d, uint32_t validator)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->delegates[i] == validator)
            return true;
    return false;
}

static void timer_at(struct dpos *d, uint64_t slot, enum dpos_timer kind)
{
    sim_time at = (sim_time)slot * d->cfg->block_interval, now = env_now(d->env);
    if (at >= now)
        env_timer(d->env, at - now, kind, slot);
}

/* This validator's slots in the round of `slot`, and when the next one may bring some. Without
 * drift, who is no delegate never is. */
static void plan(struct dpos *d, uint64_t slot)
{
    uint64_t slots = dpos_round_slots(d->cfg, d->env->validators->count);
    uint64_t first = slot / slots * slots;
    if (d->env->me == VALIDATOR_NONE || !know_round(d, slot / slots))
        return;
    for (uint64_t s = first > slot ? first : slot; s < first + slots; s++)
        if (s > 0 && producer_of(d, s) == d->env->me)
            timer_at(d, s, TIMER_SLOT);
    if (d->cfg->drift > 0 || is_delegate(d, d->env->me))
        timer_at(d, first + slots, TIMER_ROUND);
}

/* ---- irreversibility ---- */

static const struct dpos_seal genesis_seal;

static const struct dpos_seal *seal_of(const struct block *b)
{
    return b->seal ? (const struct dpos_seal *)b->seal->payload : &genesis_seal;
}

/* A block above the parent's irreversible one, the new one first. */
struct vouching {
    uint32_t delegate; /* place in the list */
    uint64_t height, base, proposed;
};

/* Delegates of whom some block supports `height`: stands at it or higher, or, for the second stage,
 * knew it as proposed; and did not come from another branch since. */
static uint32_t supporters(const struct dpos *d, const struct vouching *v, uint32_t count,
                           uint64_t height, bool second, uint8_t *seen)
{
    uint32_t met = 0;
    memset(seen, 0, d->count);
    for (uint32_t i = 0; i < count; i++)
        if ((second ? v[i].proposed : v[i].height) >= height && v[i].base < height &&
            !seen[v[i].delegate]) {
            seen[v[i].delegate] = 1;
            met++;
        }
    return met;
}

static uint32_t place_of(const struct dpos *d, node_id node)
{
    uint32_t producer = validators_index(d->env->validators, node), i = 0;
    while (i < d->count && d->delegates[i] != producer)
        i++;
    return i;
}

/* The blocks of this round's delegates above `floor`, the new one first (what it proposes is still
 * open). */
static uint32_t collect(const struct dpos *d, struct vouching *out, const struct block *parent,
                        const struct dpos_seal *own, uint64_t floor)
{
    uint32_t count = 1;
    CHECK(place_of(d, d->env->node) < d->count, "node %u produces and is no delegate",
          d->env->node);
    out[0] = (struct vouching){place_of(d, d->env->node), parent->height + 1, own->base, 0};
    for (const struct block *b = parent; b && b->height > floor; b = b->parent) {
        uint32_t place = place_of(d, b->proposer);
        if (place < d->count)
            out[count++] =
                (struct vouching){place, b->height, seal_of(b)->base, seal_of(b)->proposed};
    }
    return count;
}

/* What a block of this node on `parent` says. Heights are tried downwards from the new one. */
static bool judge(struct dpos *d, struct block *parent, struct dpos_seal *s)
{
    const struct dpos_seal *before = seal_of(parent);
    uint32_t needed = d->count * 2 / 3 + 1;
    uint64_t floor = before->irreversible;
    struct vouching *v = mem_alloc(parent->height + 1 - floor, sizeof *v);
    uint8_t *seen = mem_alloc(d->count, 1);
    if (v && seen) {
        uint32_t count = collect(d, v, parent, s, floor);
        s->proposed = before->proposed;
        for (uint64_t h = parent->height + 1; h > s->proposed; h--)
            if (supporters(d, v, count, h, false, seen) >= needed)
                s->proposed = h;
        v[0].proposed = s->proposed;
        s->irreversible = floor;
        for (uint64_t h = s->proposed; h > s->irreversible; h--)
            if (supporters(d, v, count, h, true, seen) >= needed)
                s->irreversible = h;
    }
    bool done = v && seen;
    mem_free(v);
    mem_free(seen);
    return done;
}

/* The seal of a block on `parent`, which this node vouches for from now on. NULL: no memory. */
static struct block_seal *make_seal(struct dpos *d, struct block *parent, uint64_t round)
{
    struct dpos_seal s = {.base = d->base};
    if (d->made && block_ancestor(parent, d->made->height) != d->made && d->made->height > s.base)
        s.base = d->made->height;
    struct block_seal *out =
        know_round(d, round) && judge(d, parent, &s) ? block_seal_create(sizeof s) : NULL;
    if (!out)
        return NULL;
    memcpy(out->payload, &s, sizeof s);
    out->size = SEAL_BYTES;
    evm_keccak256(&out->hash, (struct evm_bytes){out->payload, sizeof s});
    return out;
}

/* ---- the chain ---- */

static void make_final(struct dpos *d, struct block *b)
{
    struct block *old = d->final;
    d->final = block_ref(b);
    d->final_height = b->height;
    block_unref(old);
    env_commit(d->env, b, NULL, 0);
}

/* Follows b if its chain has proposed more than the head's, or is longer, and holds what is
 * irreversible. */
static void consider(struct dpos *d, struct block *b)
{
    uint64_t theirs = seal_of(b)->proposed, ours = seal_of(d->head)->proposed;
    if (theirs < ours || (theirs == ours && b->height <= d->head->height) ||
        block_ancestor(b, d->final_height) != d->final)
        return;
    if (b->parent != d->head)
        env_note(d->env, "reorg", b->height, b->round);
    uint64_t before = b->parent ? b->parent->round : b->round;
    for (uint64_t slot = before + 1; slot < b->round && slot <= before + MISSED_MAX; slot++)
        env_note(d->env, "round", b->height, slot);
    struct block *old = d->head;
    d->head = block_ref(b);
    env_adopt(d->env, b);
    block_unref(old);
    struct block *final = block_ancestor(b, seal_of(b)->irreversible);
    if (final && final->height > d->final_height)
        make_final(d, final);
}

static bool header_fits(struct dpos *d, const struct block *b)
{
    if (!b->seal || !b->parent || b->round <= b->parent->round ||
        (sim_time)b->round * d->cfg->block_interval > env_now(d->env))
        return false;
    uint32_t producer = producer_of(d, b->round);
    return producer != VALIDATOR_NONE && d->env->validators->nodes[producer] == b->proposer;
}

/* ---- the calls ---- */

/* Two rounds a stage: rounds are shuffled, a delegate may be first in one and last in the next. */
static uint64_t depth(const void *cfg, uint64_t validators)
{
    const struct dpos_cfg *c = cfg;
    uint64_t most = validators < c->delegates ? validators : c->delegates;
    return 4 * most * c->repeat;
}

static sim_time timeout(const void *cfg, uint64_t validators)
{
    const struct dpos_cfg *c = cfg;
    uint64_t most = validators < c->delegates ? validators : c->delegates;
    return (sim_time)(most * c->repeat) * c->block_interval;
}

static enum err_code init(void *state, const void *cfg, struct consensus_env *env, struct err *err)
{
    struct dpos *d = state;
    (void)err;
    d->env = env;
    d->cfg = cfg;
    d->head = block_ref(env->genesis);
    d->final = block_ref(env->genesis);
    return ERR_OK;
}

static void start(void *state)
{
    plan(state, 0);
}

static void message(void *state, node_id from, const struct message *m)
{
    struct dpos *d = state;
    (void)from;
    if (m->block && header_fits(d, m->block))
        env_check(d->env, m->block, 0);
}

static void timer(void *state, uint32_t kind, uint64_t value)
{
    struct dpos *d = state;
    if (kind == TIMER_ROUND) {
        plan(d, value);
        return;
    }
    if (d->head->round >= value)
        return;
    uint64_t slots = dpos_round_slots(d->cfg, d->env->validators->count);
    struct block_seal *seal = make_seal(d, d->head, value / slots);
    if (!seal)
        return;
    struct build_request request = {
        .parent = d->head, .round = value, .difficulty = 1, .tag = value, .seal = seal};
    env_build(d->env, &request);
    block_seal_unref(seal);
}

/* Another block may have become the head while this one was being built: it is a fork then, and
 * goes out all the same, as its slot is this delegate's. */
static void built(void *state, struct block *b, uint64_t tag)
{
    struct dpos *d = state;
    (void)tag;
    struct message *m = message_create(CHANNEL_BLOCK, DPOS_BLOCK, 0);
    if (!m)
        return;
    struct block *old = d->made;
    d->made = block_ref(b);
    d->base = seal_of(b)->base;
    block_unref(old);
    message_set_block(m, b);
    m->signs = m->verifies = 1; /* the signature's bytes are the header's */
    env_broadcast(d->env, m);
    consider(d, b);
}

static void checked(void *state, struct block *b, bool valid, uint64_t tag)
{
    struct dpos *d = state;
    (void)tag;
    if (valid)
        consider(d, b);
}

static void fetched(void *state, struct block *b, node_id from, bool committed)
{
    struct dpos *d = state;
    (void)from;
    if (!header_fits(d, b))
        return;
    consider(d, b);
    if (committed && b->height > d->final_height &&
        block_ancestor(b, d->final_height) == d->final) {
        if (block_ancestor(d->head, b->height) !=
            b) { /* what is final counts, not what is longer */
            struct block *old = d->head;
            d->head = block_ref(b);
            env_adopt(d->env, b);
            block_unref(old);
        }
        make_final(d, b);
    }
}

static void recovered(void *state)
{
    struct dpos *d = state;
    uint64_t slot = (uint64_t)(env_now(d->env) / d->cfg->block_interval);
    plan(d, slot + 1);
}

static const char *message_name(uint8_t type)
{
    (void)type;
    return "block";
}

static void describe(const struct message *m, char *out, size_t size)
{
    snprintf(out, size, "height %llu, slot %llu", (unsigned long long)m->block->height,
             (unsigned long long)m->block->round);
}

static void fini(void *state)
{
    struct dpos *d = state;
    block_unref(d->head);
    block_unref(d->final);
    block_unref(d->made);
    mem_free(d->delegates);
    memset(d, 0, sizeof *d);
}

const struct consensus_ops consensus_dpos = {
    .model =
        {"dpos",
         "Delegates elected by stake take turns; irreversible when two thirds have built twice.",
         &dpos_cfg_table},
    .state_size = sizeof(struct dpos),
    .traits = {.final = true, .follows = true, .fault_share = 3, .crash_share = 3},
    .depth = depth,
    .timeout = timeout,
    .init = init,
    .start = start,
    .message = message,
    .timer = timer,
    .built = built,
    .checked = checked,
    .block = fetched,
    .recovered = recovered,
    .fini = fini,
    .message_name = message_name,
    .describe = describe,
};
