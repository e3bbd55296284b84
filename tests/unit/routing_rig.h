/* A routing policy on its own: layers, accounts and transactions made up, homes kept as the world
 * would keep them (moves happen at once), reports made of the transactions sent since the last.
 *
 *     struct routing_rig r;
 *     rig_open(&r, "{kind: capacity, tolerance: 5%}", 4, seed);
 *     rig_accounts(&r, 1000, false);          // placed by the policy
 *     rig_send(&r, (account_id[]){3, 8}, 2, 21000);
 *     double crossing = rig_report(&r);       // share of those sent since the last report
 *     uint32_t moves = rig_epoch(&r, 100);    // checked, and done
 *     rig_close(&r);
 */
#ifndef TESTS_UNIT_ROUTING_RIG_H
#define TESTS_UNIT_ROUTING_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/routing/routing.h"
#include "sim/base/vec.h"
#include "sim/scenario/scenario.h"

#define RIG_UNUSED  __attribute__((unused))
#define RIG_LAYERS  64
#define RIG_TOUCHED 4

#define RIG_FIELDS(F, S) F(S, MODEL(routing), policy, NULL, NULL, NULL, "The policy.")
FIELD_DECLARE(rig_cfg, RIG_FIELDS);
FIELD_DEFINE(rig_cfg, RIG_FIELDS, "A policy.", NULL);

struct rig_tx {
    account_id touched[RIG_TOUCHED]; /* the sender first */
    uint32_t count;
    uint64_t gas;
};

struct routing_rig {
    struct scenario *scenario;
    const struct router_ops *ops;
    void *state;
    struct route_env env;
    struct route_layer layers[RIG_LAYERS];
    sim_time delays[RIG_LAYERS][RIG_LAYERS];
    uint32_t pending[RIG_LAYERS]; /* what the next reports say */
    struct sim_stream rng;        /* the policy's */
    struct sim_stream addresses;
    struct vec homes, named, sent; /* layer_id, struct evm_addr, struct rig_tx */
    sim_time now, reported;
    bool failed;
};

static sim_time rig_delay(const struct route_env *env, layer_id a, layer_id b)
{
    const struct routing_rig *r = env->world;
    return r->delays[a][b];
}

static layer_id rig_home(const struct route_env *env, account_id account)
{
    const struct routing_rig *r = env->world;
    return *(layer_id *)vec_at(&r->homes, account);
}

static uint32_t rig_known(const struct route_env *env)
{
    const struct routing_rig *r = env->world;
    return (uint32_t)r->homes.len;
}

static void rig_address(const struct route_env *env, account_id account, struct evm_addr *out)
{
    const struct routing_rig *r = env->world;
    *out = *(struct evm_addr *)vec_at(&r->named, account);
}

static void rig_fail(const struct route_env *env)
{
    struct routing_rig *r = env->world;
    r->failed = true;
}

/* Layers are alike: 4 cores, 30 Mgas a second, 50 ms from one another. Change r->layers and
 * r->delays between rig_prepare and rig_start; rig_open is both. */
static void rig_prepare(struct routing_rig *r, const char *policy, layer_id layers, uint64_t seed)
{
    static const struct field_registry *const registries[] = {&router_registry};
    const struct scenario_spec spec = {
        .root = &rig_cfg_table, .registries = registries, .registry_count = 1};
    struct scenario_problems problems = {0};
    char text[512];
    memset(r, 0, sizeof *r);
    assert_true(layers <= RIG_LAYERS);
    snprintf(text, sizeof text, "policy: %s\n", policy);
    if (scenario_parse(&r->scenario, &spec, "test", text, strlen(text), NULL, 0, &problems))
        fail_msg("%s", problems.text);
    for (layer_id a = 0; a < layers; a++) {
        r->layers[a] = (struct route_layer){
            .nodes = 4, .cores = 4, .speed = 4, .gas_limit = 30000000, .interval = SIM_SEC};
        for (layer_id b = 0; b < layers; b++)
            r->delays[a][b] = a == b ? 0 : 50 * SIM_MS;
    }
    sim_stream_init(&r->rng, seed, 0, sim_purpose("test.policy"));
    sim_stream_init(&r->addresses, seed, 0, sim_purpose("test.addresses"));
    vec_init(&r->homes, sizeof(layer_id));
    vec_init(&r->named, sizeof(struct evm_addr));
    vec_init(&r->sent, sizeof(struct rig_tx));
    r->env = (struct route_env){.layer_count = layers,
                                .layers = r->layers,
                                .seed = seed,
                                .rng = &r->rng,
                                .epoch = 10 * SIM_SEC,
                                .delay = rig_delay,
                                .home = rig_home,
                                .accounts = rig_known,
                                .address = rig_address,
                                .fail = rig_fail,
                                .world = r};
}

static void rig_start(struct routing_rig *r)
{
    const struct rig_cfg *cfg = scenario_root(r->scenario);
    struct err err = {0};
    r->ops = (const struct router_ops *)cfg->policy.model;
    r->state = calloc(1, r->ops->state_size);
    assert_non_null(r->state);
    if (r->ops->init(r->state, cfg->policy.cfg, &r->env, &err))
        fail_msg("%s", err.text);
}

RIG_UNUSED static void rig_open(struct routing_rig *r, const char *policy, layer_id layers,
                                uint64_t seed)
{
    rig_prepare(r, policy, layers, seed);
    rig_start(r);
}

static void rig_close(struct routing_rig *r)
{
    assert_false(r->failed);
    if (r->ops && r->ops->fini)
        r->ops->fini(r->state);
    free(r->state);
    vec_fini(&r->homes);
    vec_fini(&r->named);
    vec_fini(&r->sent);
    scenario_destroy(r->scenario);
}

/* One account of the first state at this address; returns its home. */
static layer_id rig_account(struct routing_rig *r, const struct evm_addr *addr, bool contract)
{
    layer_id home = LAYER_NONE;
    account_id account = (account_id)r->homes.len;
    assert_int_equal(vec_push(&r->named, addr), ERR_OK);
    assert_int_equal(vec_push(&r->homes, &home), ERR_OK);
    home = r->ops->place(r->state, account, addr, contract);
    assert_true(home < r->env.layer_count || home == LAYER_ALL);
    *(layer_id *)vec_at(&r->homes, account) = home;
    return home;
}

RIG_UNUSED static void rig_accounts(struct routing_rig *r, uint32_t count, bool contract)
{
    while (count--) {
        struct evm_addr addr;
        for (int i = 0; i < 20; i++)
            addr.b[i] = (uint8_t)sim_stream_u32(&r->addresses);
        rig_account(r, &addr, contract);
    }
}

RIG_UNUSED static void rig_send(struct routing_rig *r, const account_id *touched, uint32_t count,
                                uint64_t gas)
{
    struct rig_tx tx = {.count = count, .gas = gas};
    assert_true(count > 0 && count <= RIG_TOUCHED);
    memcpy(tx.touched, touched, count * sizeof *touched);
    assert_int_equal(vec_push(&r->sent, &tx), ERR_OK);
}

/* Which layer executes it, and whether it touches what another one holds. */
static layer_id rig_layer(const struct routing_rig *r, const struct rig_tx *tx, bool *crosses)
{
    layer_id home = rig_home(&r->env, tx->touched[0]);
    *crosses = false;
    for (uint32_t i = 0; i < tx->count; i++) {
        layer_id other = rig_home(&r->env, tx->touched[i]);
        if (home == LAYER_ALL)
            home = other;
        *crosses = *crosses || (other != home && other != LAYER_ALL);
    }
    return home == LAYER_ALL ? 0 : home;
}

static int rig_by_pair(const void *x, const void *y)
{
    const struct route_edge *a = x, *b = y;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return (a->b > b->b) - (a->b < b->b);
}

static void rig_edges(struct vec *edges, const struct rig_tx *tx)
{
    for (uint32_t i = 0; i < tx->count; i++)
        for (uint32_t j = i + (tx->count > 1); j < tx->count; j++) {
            account_id a = tx->touched[i], b = tx->touched[j];
            struct route_edge e = {.a = a < b ? a : b,
                                   .b = a < b ? b : a,
                                   .weight = 1,
                                   .sent_a = i == 0 && a <= b,
                                   .sent_b = i == 0 && a > b,
                                   .gas = tx->gas};
            assert_int_equal(vec_push(edges, &e), ERR_OK);
        }
}

/* Sorts, and adds up what is of one pair. */
static uint32_t rig_gather(struct vec *edges)
{
    struct route_edge *e = edges->data;
    uint32_t count = 0;
    if (!edges->len)
        return 0;
    qsort(e, edges->len, sizeof *e, rig_by_pair);
    for (size_t i = 0; i < edges->len; i++) {
        if (count && !rig_by_pair(&e[count - 1], &e[i])) {
            e[count - 1].weight += e[i].weight;
            e[count - 1].sent_a += e[i].sent_a;
            e[count - 1].sent_b += e[i].sent_b;
            e[count - 1].gas += e[i].gas;
        } else
            e[count++] = e[i];
    }
    return count;
}

/* One second passes; each layer reports what it executed of what was sent. Returns the share of
 * crossings among them. */
RIG_UNUSED static double rig_report(struct routing_rig *r)
{
    uint32_t crossings = 0;
    bool crosses;
    r->now += SIM_SEC;
    for (layer_id l = 0; l < r->env.layer_count; l++) {
        struct route_report report = {.layer = l,
                                      .from = r->reported,
                                      .to = r->now,
                                      .arrived = r->now,
                                      .pending = r->pending[l],
                                      .gas_room = r->layers[l].gas_limit};
        struct vec edges;
        vec_init(&edges, sizeof(struct route_edge));
        for (size_t i = 0; i < r->sent.len; i++) {
            const struct rig_tx *tx = vec_at(&r->sent, i);
            if (rig_layer(r, tx, &crosses) != l)
                continue;
            rig_edges(&edges, tx);
            report.txs++;
            report.crossings += crosses;
            report.gas_used += tx->gas;
        }
        report.edge_count = rig_gather(&edges);
        report.edges = edges.data;
        crossings += report.crossings;
        if (r->ops->observe)
            r->ops->observe(r->state, &report);
        vec_fini(&edges);
    }
    size_t sent = r->sent.len;
    r->reported = r->now;
    r->sent.len = 0;
    return sent ? crossings / (double)sent : 0;
}

/* Gas that each layer would execute of what was sent since the last report. */
RIG_UNUSED static void rig_gas(const struct routing_rig *r, double *out)
{
    bool crosses;
    memset(out, 0, r->env.layer_count * sizeof *out);
    for (size_t i = 0; i < r->sent.len; i++) {
        const struct rig_tx *tx = vec_at(&r->sent, i);
        out[rig_layer(r, tx, &crosses)] += (double)tx->gas;
    }
}

/* An epoch ends: its moves are looked at, and done. Returns how many. */
RIG_UNUSED static uint32_t rig_epoch(struct routing_rig *r, uint32_t room)
{
    if (!r->ops->epoch)
        return 0;
    struct route_move *moves = calloc(room + 1, sizeof *moves);
    bool *seen = calloc(r->homes.len + 1, 1);
    assert_true(moves && seen);
    uint32_t count = r->ops->epoch(r->state, r->now, moves, room);
    assert_true(count <= room);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(moves[i].account < r->homes.len);
        assert_true(moves[i].to < r->env.layer_count || moves[i].to == LAYER_ALL);
        assert_false(seen[moves[i].account]);
        seen[moves[i].account] = true;
        layer_id *home = vec_at(&r->homes, moves[i].account);
        assert_int_not_equal(*home, moves[i].to);
        *home = moves[i].to;
    }
    free(moves);
    free(seen);
    return count;
}

#endif
