/* A network of layers in a few hundred lines, to see what routing policies are worth: transactions
 * of a made-up shape queue at their senders' layers, cross, are late; reports arrive an interval
 * after their window; accounts that move are locked meanwhile.
 *
 * Time goes in steps of 2 s (a report), an epoch is 5. In a step a layer serves its queue in turn,
 * as much as its capacity holds: a transaction at its sender's home first, from the next step on at
 * each other layer that it touches, its gas in each place, before new ones (as relay's second
 * half); it is done when the last is. Nothing here is of models/world: no blocks, no consensus,
 * no conflicts inside a layer. */
#ifndef TESTS_UNIT_ROUTING_SIM_H
#define TESTS_UNIT_ROUTING_SIM_H

#include "models/routing/oracle.h"
#include "tests/unit/routing_rig.h"

#include <math.h>

enum sim_shape {
    SIM_CYCLE,  /* hot groups in turns, in a row that starts over; the load passes on slowly */
    SIM_RANDOM, /* hot groups in turns, nobody knows whose is next */
    SIM_WAVES,  /* every group has a wave of its own phase */
    SIM_STATIC, /* groups of Zipf's sizes; nothing changes */
    SIM_PAIRS,  /* anybody to anybody */
    SIM_CROWD,  /* one group's load rises tenfold in the middle of the run */
    SIM_SHAPES
};
static const char *const sim_shape_names[] = {"cycle",  "random", "waves",
                                              "static", "pairs",  "crowd"};

#define SIM_STEP  (2 * SIM_SEC)
#define SIM_EPOCH 5

struct sim_setup {
    enum sim_shape shape;
    layer_id layers;
    uint32_t groups, followers; /* accounts: groups hot ones, then each group's followers */
    double load;                /* offered gas for the capacity of all layers */
    double inside;              /* share of a group's transactions that use its hot account */
    uint32_t epochs;
    uint64_t seed;
};

struct sim_result {
    double latency;    /* s, mean over all offered; those not done are as old as they are */
    double done;       /* share of what was offered */
    double crossings;  /* share of what was done */
    double regret;     /* mean over epochs, in each the placement at its middle */
    double cost, best; /* s of the slowest layer, mean over epochs; of the oracle beside */
    double bound;      /* s that none beats, mean over epochs */
    double error;      /* of predicted gas by layer, mean of |predicted - came| / mean gas */
    uint32_t moves;
};

struct sim_tx {
    uint32_t left; /* layers that are to serve their part still */
    uint32_t done; /* step, or UINT32_MAX */
    bool executed, crossed;
};

struct sim {
    struct sim_setup setup;
    struct routing_rig rig;
    struct vec txs, who; /* struct route_future, account_id: the future */
    struct sim_tx *tx;
    struct vec fresh[RIG_LAYERS], parts[RIG_LAYERS]; /* queues of numbers of transactions */
    struct vec edges[2][RIG_LAYERS];
    struct route_report reports[2][RIG_LAYERS]; /* of this step, and of the last */
    bool *locked;                               /* by account, until the next step */
    double moving[RIG_LAYERS];                  /* gas of moves that this step has to serve */
    double served[RIG_LAYERS], capacity;        /* gas a step */
    double latency_sum[RIG_LAYERS];
};

#define SIM_GAS   50000
#define SIM_MOVE  50000
#define SIM_CORES 1

/* ---- the load ---- */

static double sim_wave(const struct sim *s, uint32_t g, double epoch)
{
    double x = epoch / 12 + (double)(g * 7 % s->setup.groups) / s->setup.groups;
    return 1 + 0.95 * sin(2 * acos(-1) * x);
}

/* Weight of a group's load at a time, in epochs. */
static double sim_weight(const struct sim *s, uint32_t g, double epoch, const uint32_t *turns)
{
    const struct sim_setup *c = &s->setup;
    uint32_t hot = c->layers / 2 ? c->layers / 2 : 1, periods = (uint32_t)(epoch / 3);
    double into = epoch / 3 - periods, rest = 1.0 / c->groups, now = 0, next = 0;
    switch (c->shape) {
    case SIM_WAVES: return sim_wave(s, g, epoch);
    case SIM_STATIC: return 1.0 / (1 + g);
    case SIM_PAIRS: return 1;
    case SIM_CROWD: {
        double at = epoch / c->epochs, up = (at - 0.4) / 0.15;
        double rise = at > 0.8 ? 0 : up < 0 ? 0 : up > 1 ? 1 : up;
        return g == 3 ? 1 + 9 * rise : 1;
    }
    default: break;
    }
    uint32_t steps = c->groups / hot;
    for (uint32_t i = 0; i < hot; i++) {
        now += turns[(c->shape == SIM_CYCLE ? periods % steps : periods) * hot + i] == g;
        next += turns[(c->shape == SIM_CYCLE ? (periods + 1) % steps : periods + 1) * hot + i] == g;
    }
    double passed = into > 0.5 ? (into - 0.5) / 0.5 : 0;
    return 0.6 * ((1 - passed) * now + passed * next) / hot + 0.4 * rest;
}

static uint32_t sim_pick(const double *sum, uint32_t count, struct sim_stream *rng)
{
    double x = sim_stream_double(rng) * sum[count - 1];
    uint32_t i = 0;
    while (i + 1 < count && sum[i] <= x)
        i++;
    return i;
}

static void sim_emit(struct sim *s, sim_time at, const double *sum, struct sim_stream *rng)
{
    const struct sim_setup *c = &s->setup;
    uint32_t first = (uint32_t)s->who.len, g = sim_pick(sum, c->groups, rng), count = 2;
    account_id members = c->groups + g * c->followers;
    account_id who[3] = {(account_id)(members + sim_stream_below(rng, c->followers)), g, 0};
    if (c->shape == SIM_PAIRS || sim_stream_double(rng) >= c->inside)
        who[1] = (account_id)(c->groups + sim_stream_below(rng, c->groups * c->followers));
    else if (sim_stream_below(rng, 4) == 0) /* pays another member, by way of the contract */
        who[count++] = (account_id)(members + sim_stream_below(rng, c->followers));
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(vec_push(&s->who, &who[i]), ERR_OK);
    struct route_future tx = {at, first, count, SIM_GAS};
    assert_int_equal(vec_push(&s->txs, &tx), ERR_OK);
}

static void sim_load(struct sim *s)
{
    const struct sim_setup *c = &s->setup;
    struct sim_stream rng;
    uint32_t hot = c->layers / 2 ? c->layers / 2 : 1, periods = c->epochs / 3 + 4;
    uint32_t *turns = calloc((size_t)periods * hot + c->groups, sizeof *turns);
    double *sum = calloc(c->groups, sizeof *sum);
    assert_true(turns && sum);
    sim_stream_init(&rng, c->seed, 0, sim_purpose("test.load"));
    for (uint32_t at = 0; at < periods * hot; at += c->groups) {
        uint32_t *deck = calloc(c->groups, sizeof *deck);
        for (uint32_t i = 0; i < c->groups; i++)
            deck[i] = i;
        sim_stream_shuffle(&rng, deck, c->groups);
        for (uint32_t i = 0; i < c->groups && at + i < periods * hot; i++)
            turns[at + i] = deck[i];
        free(deck);
    }
    double gap = SIM_GAS / (c->load * c->layers * s->capacity / 2e9); /* ns a transaction */
    sim_time end = (sim_time)c->epochs * SIM_EPOCH * SIM_STEP, slice = SIM_SEC / 2;
    for (sim_time at = 0; at < end; at += slice) {
        double epoch = (double)at / (double)(SIM_EPOCH * SIM_STEP), due = 0, total = 0;
        for (uint32_t g = 0; g < c->groups; g++)
            sum[g] = total += sim_weight(s, g, epoch, turns);
        if (c->shape == SIM_CROWD) /* on top of the rest */
            due = (double)slice / gap * total / c->groups;
        else
            due = (double)slice / gap;
        double t = -log(sim_stream_positive(&rng));
        for (; t < due; t += -log(sim_stream_positive(&rng)))
            sim_emit(s, at + (sim_time)(t / due * (double)slice), sum, &rng);
    }
    free(turns);
    free(sum);
}

/* ---- a step ---- */

static bool sim_waits(const struct sim *s, const struct route_future *tx)
{
    for (uint32_t i = 0; i < tx->count; i++) {
        if (s->locked[*(account_id *)vec_at(&s->who, tx->first + i)])
            return true;
    }
    return false;
}

static layer_id sim_at(const struct sim *s, const struct route_future *tx, uint32_t i)
{
    return rig_home(&s->rig.env, *(account_id *)vec_at(&s->who, tx->first + i));
}

static void sim_note_edges(struct sim *s, layer_id l, const struct route_future *tx)
{
    struct rig_tx as = {.count = tx->count, .gas = tx->gas};
    for (uint32_t i = 0; i < tx->count; i++)
        as.touched[i] = *(account_id *)vec_at(&s->who, tx->first + i);
    rig_edges(&s->edges[0][l], &as);
}

static void sim_done(struct sim *s, uint32_t n, uint32_t step, layer_id l)
{
    const struct route_future *tx = vec_at(&s->txs, n);
    struct route_report *report = &s->reports[0][l];
    s->tx[n].done = step;
    report->txs++;
    report->crossings += s->tx[n].crossed;
    report->latency_s += ((double)(step + 1) * 2e9 - (double)tx->at) / 1e9;
    sim_note_edges(s, l, tx);
}

/* Serves a layer's part of what crossed, then its own; what it may not yet stays in turn. */
static void sim_serve(struct sim *s, layer_id l, uint32_t step, struct vec *next)
{
    double room = s->capacity - s->moving[l];
    struct vec *parts = &s->parts[l], *fresh = &s->fresh[l];
    uint32_t *q = parts->data;
    size_t kept = 0;
    for (size_t i = 0; i < parts->len; i++) {
        if (room < SIM_GAS) {
            q[kept++] = q[i];
            continue;
        }
        room -= SIM_GAS;
        s->served[l] += SIM_GAS;
        if (--s->tx[q[i]].left == 0)
            sim_done(s, q[i], step, sim_at(s, vec_at(&s->txs, q[i]), 0));
    }
    parts->len = kept;
    q = fresh->data;
    kept = 0;
    for (size_t i = 0; i < fresh->len; i++) {
        const struct route_future *tx = vec_at(&s->txs, q[i]);
        if (room < SIM_GAS || sim_waits(s, tx)) {
            q[kept++] = q[i];
            continue;
        }
        room -= SIM_GAS;
        s->served[l] += SIM_GAS;
        s->reports[0][l].gas_used += SIM_GAS;
        bool seen[RIG_LAYERS] = {false};
        seen[l] = true;
        for (uint32_t k = 1; k < tx->count; k++) {
            layer_id at = sim_at(s, tx, k);
            if (seen[at])
                continue;
            seen[at] = true;
            s->tx[q[i]].left++;
            s->tx[q[i]].crossed = true;
            assert_int_equal(vec_push(&next[at], &q[i]), ERR_OK);
        }
        if (!s->tx[q[i]].left)
            sim_done(s, q[i], step, l);
    }
    fresh->len = kept;
}

/* Those whose sender moved queue where it lives now, in order of their times. */
static int sim_by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void sim_requeue(struct sim *s)
{
    struct vec all;
    vec_init(&all, sizeof(uint32_t));
    for (layer_id l = 0; l < s->setup.layers; l++) {
        for (size_t i = 0; i < s->fresh[l].len; i++)
            assert_int_equal(vec_push(&all, vec_at(&s->fresh[l], i)), ERR_OK);
        s->fresh[l].len = 0;
    }
    if (all.len)
        qsort(all.data, all.len, sizeof(uint32_t), sim_by_number);
    for (size_t i = 0; i < all.len; i++) {
        const struct route_future *tx = vec_at(&s->txs, *(uint32_t *)vec_at(&all, i));
        assert_int_equal(vec_push(&s->fresh[sim_at(s, tx, 0)], vec_at(&all, i)), ERR_OK);
    }
    vec_fini(&all);
}

static uint32_t sim_move(struct sim *s, sim_time now)
{
    struct routing_rig *r = &s->rig;
    uint32_t room = (uint32_t)r->homes.len;
    layer_id *before = malloc(room * sizeof *before);
    assert_non_null(before);
    memcpy(before, r->homes.data, room * sizeof *before);
    r->now = now;
    uint32_t moves = rig_epoch(r, room);
    for (uint32_t a = 0; a < room; a++) {
        layer_id home = rig_home(&r->env, a);
        s->locked[a] = home != before[a];
        if (!s->locked[a])
            continue;
        s->moving[home] += SIM_MOVE;
        s->moving[before[a]] += SIM_MOVE;
    }
    free(before);
    if (moves)
        sim_requeue(s);
    return moves;
}

/* Last step's reports arrive now; this step's wait for the next. */
static void sim_report(struct sim *s, uint32_t step)
{
    struct routing_rig *r = &s->rig;
    sim_time now = (sim_time)(step + 1) * SIM_STEP;
    for (layer_id l = 0; l < s->setup.layers; l++) {
        struct route_report *late = &s->reports[1][l], *report = &s->reports[0][l];
        late->arrived = now;
        if (step && r->ops->observe)
            r->ops->observe(r->state, late);
        struct vec edges = s->edges[1][l];
        edges.len = 0;
        report->layer = l;
        report->from = now - SIM_STEP;
        report->to = now;
        report->gas_room = (uint64_t)s->capacity;
        report->busy = fmin(1, s->served[l] / s->capacity);
        report->latency_s = report->txs ? report->latency_s / report->txs : 0;
        report->pending = (uint32_t)(s->fresh[l].len + s->parts[l].len);
        report->edge_count = rig_gather(&s->edges[0][l]);
        report->edges = s->edges[0][l].data;
        *late = *report;
        s->edges[1][l] = s->edges[0][l];
        s->edges[0][l] = edges;
        *report = (struct route_report){0};
    }
}

/* ---- a run ---- */

struct sim_eye {
    struct regret regret;
    double gas[RIG_LAYERS], error; /* gas that layers executed since the last epoch */
    uint32_t windows, guesses;
};

static void sim_look(struct sim *s, struct sim_eye *eye, uint32_t epoch, struct sim_result *out)
{
    const struct route_future *txs = s->txs.data;
    sim_time from = (sim_time)epoch * SIM_EPOCH * SIM_STEP, to = from + SIM_EPOCH * SIM_STEP;
    uint32_t first = 0, end;
    struct regret_window w;
    while (first < s->txs.len && txs[first].at < from)
        first++;
    for (end = first; end < s->txs.len && txs[end].at < to; end++)
        ;
    struct cost_batch batch = {txs + first, end - first, s->who.data};
    assert_int_equal(
        regret_add(&eye->regret, &batch, (uint32_t)s->rig.homes.len, s->rig.homes.data, &w),
        ERR_OK);
    assert_true(w.regret >= 0 && w.policy.time >= w.bound * (1 - 1e-9));
    out->regret += w.regret;
    out->cost += w.policy.time;
    out->best += fmin(w.policy.time, w.oracle.time);
    out->bound += w.bound;
    eye->windows++;
}

/* How far what was predicted for the epoch that ended is from the gas that layers executed. */
static void sim_guess(struct sim *s, struct sim_eye *eye)
{
    double guess[RIG_LAYERS], off = 0, sum = 0;
    const struct routing_rig *r = &s->rig;
    if (r->ops->predicted && r->ops->predicted(r->state, guess)) {
        for (layer_id l = 0; l < s->setup.layers; l++) {
            off += fabs(guess[l] - eye->gas[l]);
            sum += eye->gas[l];
        }
        eye->error += sum > 0 ? off / sum : 0;
        eye->guesses++;
    }
    memset(eye->gas, 0, sizeof eye->gas);
}

static void sim_step(struct sim *s, uint32_t step, size_t *arrived, struct sim_eye *eye)
{
    static struct vec next[RIG_LAYERS];
    sim_time end = (sim_time)(step + 1) * SIM_STEP;
    layer_id k = s->setup.layers;
    for (layer_id l = 0; l < k; l++)
        vec_init(&next[l], sizeof(uint32_t));
    for (; *arrived < s->txs.len; (*arrived)++) {
        const struct route_future *tx = vec_at(&s->txs, *arrived);
        uint32_t n = (uint32_t)*arrived;
        if (tx->at >= end)
            break;
        assert_int_equal(vec_push(&s->fresh[sim_at(s, tx, 0)], &n), ERR_OK);
    }
    for (layer_id l = 0; l < k; l++) {
        s->served[l] = 0;
        sim_serve(s, l, step, next);
        eye->gas[l] += (double)s->reports[0][l].gas_used;
        s->moving[l] = 0;
    }
    for (layer_id l = 0; l < k; l++) {
        for (size_t i = 0; i < next[l].len; i++)
            assert_int_equal(vec_push(&s->parts[l], vec_at(&next[l], i)), ERR_OK);
        vec_fini(&next[l]);
    }
    memset(s->locked, 0, s->rig.homes.len);
    sim_report(s, step);
}

static void sim_open(struct sim *s, const struct sim_setup *setup, const char *policy)
{
    memset(s, 0, sizeof *s);
    s->setup = *setup;
    s->capacity = 2e6;
    vec_init(&s->txs, sizeof(struct route_future));
    vec_init(&s->who, sizeof(account_id));
    for (layer_id l = 0; l < setup->layers; l++) {
        vec_init(&s->fresh[l], sizeof(uint32_t));
        vec_init(&s->parts[l], sizeof(uint32_t));
        vec_init(&s->edges[0][l], sizeof(struct route_edge));
        vec_init(&s->edges[1][l], sizeof(struct route_edge));
    }
    sim_load(s);
    rig_prepare(&s->rig, policy, setup->layers, setup->seed);
    for (layer_id l = 0; l < setup->layers; l++)
        s->rig.layers[l] = (struct route_layer){
            .nodes = 4, .cores = 4, .speed = 4, .gas_limit = 1000000, .interval = SIM_SEC};
    s->rig.env.epoch = SIM_EPOCH * SIM_STEP;
    s->rig.env.future = s->txs.data;
    s->rig.env.future_accounts = s->who.data;
    s->rig.env.future_count = (uint32_t)s->txs.len;
    rig_start(&s->rig);
    if (!s->rig.ops->foresees)
        s->rig.env.future_count = 0;
    rig_accounts(&s->rig, setup->groups * (setup->followers + 1), false);
    s->tx = calloc(s->txs.len, sizeof *s->tx);
    s->locked = calloc(s->rig.homes.len, sizeof *s->locked);
    assert_true(s->tx && s->locked);
    for (size_t i = 0; i < s->txs.len; i++)
        s->tx[i].done = UINT32_MAX;
}

static void sim_close(struct sim *s)
{
    for (layer_id l = 0; l < s->setup.layers; l++) {
        vec_fini(&s->fresh[l]);
        vec_fini(&s->parts[l]);
        vec_fini(&s->edges[0][l]);
        vec_fini(&s->edges[1][l]);
    }
    vec_fini(&s->txs);
    vec_fini(&s->who);
    free(s->tx);
    free(s->locked);
    rig_close(&s->rig);
}

/* Runs a policy; regret and error are of all epochs from `warm` on. */
RIG_UNUSED static void sim_run(const struct sim_setup *setup, const char *policy, uint32_t warm,
                               struct sim_result *out)
{
    static const struct cost_rules rules = {1, SIM_MOVE, 100000000};
    static struct sim s;
    struct sim_eye eye = {0};
    size_t arrived = 0, done = 0, crossed = 0;
    uint32_t steps = setup->epochs * SIM_EPOCH;
    *out = (struct sim_result){0};
    sim_open(&s, setup, policy);
    struct cost_batch all = {s.txs.data, (uint32_t)s.txs.len, s.who.data};
    assert_int_equal(regret_init(&eye.regret, &rules, setup->layers, s.rig.layers), ERR_OK);
    if (warm < setup->epochs)
        assert_int_equal(
            regret_start(&eye.regret, &all, (uint32_t)s.rig.homes.len, s.rig.homes.data), ERR_OK);
    for (uint32_t step = 0; step < steps; step++) {
        sim_step(&s, step, &arrived, &eye);
        if ((step + 1) % SIM_EPOCH)
            continue;
        uint32_t epoch = (step + 1) / SIM_EPOCH;
        sim_guess(&s, &eye);
        if (epoch == warm)
            eye.error = eye.guesses = 0;
        out->moves += sim_move(&s, (sim_time)(step + 1) * SIM_STEP);
        if (epoch >= warm && epoch < setup->epochs)
            sim_look(&s, &eye, epoch, out);
    }
    for (size_t i = 0; i < s.txs.len; i++) {
        const struct route_future *tx = vec_at(&s.txs, i);
        bool is = s.tx[i].done != UINT32_MAX;
        double end = is ? (s.tx[i].done + 1.0) * 2e9 : steps * 2e9;
        done += is;
        crossed += is && s.tx[i].crossed;
        out->latency += (end - (double)tx->at) / 1e9 / (double)s.txs.len;
    }
    out->done = (double)done / (double)s.txs.len;
    out->crossings = done ? (double)crossed / (double)done : 0;
    out->regret /= eye.windows;
    out->cost /= eye.windows;
    out->best /= eye.windows;
    out->bound /= eye.windows;
    out->error = eye.guesses ? eye.error / eye.guesses : NAN;
    regret_fini(&eye.regret);
    sim_close(&s);
}

#endif
