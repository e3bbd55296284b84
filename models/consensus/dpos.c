/* Delegated proof of stake: Larimer, "Delegated Proof-of-Stake (DPOS)" (BitShares, 2014), and the
 * rules that BitShares' Graphene and EOSIO made of it ("EOS.IO Technical White Paper v2", section
 * "Consensus Algorithm").
 *
 * Kept: stakeholders approve of candidates, and the `delegates` with most stake behind them produce
 * (Graphene: update_active_witnesses); slots of equal length by the clock, in a round each delegate
 * `repeat` of them in a row, in an order shuffled anew each round (update_witness_schedule); who
 * misses its slot is skipped; the longest chain wins, the first seen of two alike; a block is
 * irreversible once more than two thirds of the delegates have built on it or made it
 * (update_last_irreversible_block), and no node leaves a chain below its last irreversible block.
 *
 * Left out: changes of votes by transactions. Who approves of whom is drawn, popular candidates
 * more often, and stays; the stake behind a vote may drift (`drift`), by which delegates come and
 * go at elections. Delegates do not say which other branches they have confirmed (EOSIO's
 * `confirmed`), so finality is as safe as the network is quick: a branch of a minority that takes
 * over when a partition heals after two thirds built elsewhere cannot be, but asynchrony can break
 * it (that is what EOSIO's later BFT finality mends). There are no certificates for judges: votes
 * are the blocks themselves.
 *
 * Every validator of the layer is a stakeholder and a candidate; its weight is its stake. */
#include "models/consensus/dpos.h"
#include "sim/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FIELD_DEFINE(dpos_cfg, DPOS_FIELDS, "Elections and slots of delegated proof of stake.", NULL);

enum { DPOS_BLOCK = 1 };
enum dpos_timer { TIMER_ROUND = 1, TIMER_SLOT };
enum { MISSED_MAX = 64 };

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

/* ---- the chain ---- */

/* The highest block that more than two thirds of the delegates made or built on: walking down from
 * the head, the first one at which so many different ones were met. */
static struct block *irreversible(struct dpos *d, struct block *head)
{
    uint64_t slots = dpos_round_slots(d->cfg, d->env->validators->count);
    uint32_t needed = d->count * 2 / 3 + 1, met = 0;
    if (!know_round(d, head->round / slots))
        return NULL;
    uint8_t *seen = mem_zalloc(d->count, 1);
    struct block *b = seen ? head : NULL;
    for (; b && b->height > d->final_height; b = b->parent) {
        uint32_t producer = validators_index(d->env->validators, b->proposer);
        for (uint32_t i = 0; i < d->count; i++)
            if (d->delegates[i] == producer && !seen[i]) {
                seen[i] = 1;
                met++;
            }
        if (met >= needed)
            break;
    }
    mem_free(seen);
    return b && b->height > d->final_height ? b : NULL;
}

static void make_final(struct dpos *d, struct block *b)
{
    struct block *old = d->final;
    d->final = block_ref(b);
    d->final_height = b->height;
    block_unref(old);
    env_commit(d->env, b, NULL, 0);
}

/* Follows b if its chain is longer than the head's and holds what is irreversible. */
static void consider(struct dpos *d, struct block *b)
{
    if (b->height <= d->head->height || block_ancestor(b, d->final_height) != d->final)
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
    struct block *final = irreversible(d, b);
    if (final)
        make_final(d, final);
}

static bool header_fits(struct dpos *d, const struct block *b)
{
    if (!b->parent || b->round <= b->parent->round ||
        (sim_time)b->round * d->cfg->block_interval > env_now(d->env))
        return false;
    uint32_t producer = producer_of(d, b->round);
    return producer != VALIDATOR_NONE && d->env->validators->nodes[producer] == b->proposer;
}

/* ---- the calls ---- */

/* With repeat 1, in a full round: that many other delegates' blocks. */
static uint64_t depth(const void *cfg, uint64_t validators)
{
    const struct dpos_cfg *c = cfg;
    uint64_t most = validators < c->delegates ? validators : c->delegates;
    return 2 * most *
           c->repeat; /* shuffled rounds: a delegate may be first in one, last in the next */
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
    struct build_request request = {
        .parent = d->head, .round = value, .difficulty = 1, .tag = value};
    env_build(d->env, &request);
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
    mem_free(d->delegates);
    memset(d, 0, sizeof *d);
}

const struct consensus_ops consensus_dpos = {
    .model = {"dpos", "Delegates elected by stake take turns; irreversible at two thirds of them.",
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
