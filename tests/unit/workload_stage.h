/* A workload on a stage: its section from text, its genesis in a state of its own, its transactions
 * signed, recovered and executed one by one. */
#ifndef TESTS_UNIT_WORKLOAD_STAGE_H
#define TESTS_UNIT_WORKLOAD_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "evm/block/txrun.h"
#include "evm/core/u256.h"
#include "evm/state/state.h"
#include "models/routing/routing.h"
#include "models/workload/pairs.h"
#include "models/workload/workload.h"
#include "models/world/internal.h"
#include "sim/base/mem.h"
#include "sim/scenario/scenario.h"

#define ONE_FIELDS(F, S) F(S, MODELS(workload), workload, NULL, "1", NULL, "One entry.")
FIELD_DECLARE(one, ONE_FIELDS);
FIELD_DEFINE(one, ONE_FIELDS, "A list of workloads.", NULL);

struct stage {
    struct workload_env env;
    struct scenario *scenario;
    const struct workload_ops *ops;
    void *state;
    struct evm_codes *codes;
    struct evm_state *world;
    struct evm_txrun *run;
};

/* Layers by hash of a network that the stage makes out; 0: no account has a home. */
static layer_id stage_layers;

static inline layer_id stage_home(const struct workload_env *env, const struct evm_addr *addr)
{
    return route_by_hash(addr, env->layers);
}

static inline void stage_init(struct stage *s, const char *entry, uint64_t seed, uint64_t instance,
                              uint64_t chain_id)
{
    static const struct field_registry *const registries[] = {&workload_registry, &pairs_registry};
    struct scenario_spec spec = {&one_table, registries, 2, NULL};
    struct scenario_problems problems = {0};
    struct err err = {0};
    struct genesis *g;
    *s = (struct stage){0};
    if (scenario_parse(&s->scenario, &spec, "x", entry, strlen(entry), NULL, 0, &problems))
        fail_msg("%s", problems.text);
    const struct one *cfg = scenario_root(s->scenario);
    s->ops = (const struct workload_ops *)cfg->workload.items[0].model;
    s->state = mem_zalloc(1, s->ops->state_size);
    s->env = (struct workload_env){.chain_id = chain_id,
                                   .start = SIM_SEC,
                                   .end = 1000 * SIM_SEC,
                                   .instance = instance,
                                   .seed = seed,
                                   .layers = stage_layers,
                                   .home = stage_layers ? stage_home : NULL};
    if (s->ops->init(s->state, cfg->workload.items[0].cfg, &s->env, &err) != ERR_OK)
        fail_msg("%s", err.text);
    s->codes = evm_codes_create();
    assert_int_equal(genesis_create(&g, s->codes, evm_rules_of(EVM_CANCUN), chain_id, &err),
                     ERR_OK);
    if (s->ops->genesis(s->state, g, &err) || genesis_finish(g, &s->world, &err))
        fail_msg("%s", err.text);
    genesis_destroy(g);
    s->run = evm_txrun_create(s->codes);
    assert_non_null(s->run);
}

static inline void stage_fini(struct stage *s)
{
    s->ops->fini(s->state);
    mem_free(s->state);
    scenario_destroy(s->scenario);
    evm_txrun_destroy(s->run);
    evm_state_unref(s->world);
    evm_codes_destroy(s->codes);
}

/* The next transaction, signed and recovered as the world does it. */
static inline bool stage_next(struct stage *s, struct workload_tx *w)
{
    memset(w, 0, sizeof *w);
    w->tx.chain_id = 1337;
    if (!s->ops->next(s->state, w))
        return false;
    struct evm_err err;
    struct evm_tx decoded;
    assert_int_equal(evm_tx_sign(&w->tx, w->secret, &err), EVM_OK);
    assert_memory_equal(w->tx.sender.b, w->from.b, 20);
    assert_int_equal(evm_tx_decode(&decoded, w->tx.raw, &err), EVM_OK);
    assert_int_equal(evm_tx_recover(&decoded, true, &err), EVM_OK);
    assert_memory_equal(decoded.sender.b, w->from.b, 20);
    assert_memory_equal(decoded.hash.b, w->tx.hash.b, 32);
    evm_tx_fini(&decoded);
    return true;
}

static inline const struct evm_tx_outcome *stage_run_in(struct stage *s, const struct evm_tx *tx,
                                                        const struct evm_block_env *env)
{
    static const struct evm_block_hashes none;
    struct evm_state_view view = {.state = s->world, .hashes = &none};
    struct evm_state *after = evm_state_fork(s->world);
    evm_txrun_begin(s->run, evm_rules_of(EVM_CANCUN), env, tx, evm_state_view(&view), 0);
    while (evm_txrun_step(s->run, NULL, 0) != EVM_STEP_DONE)
        ;
    const struct evm_tx_outcome *o = evm_txrun_outcome(s->run);
    assert_int_equal(o->invalid, EVM_TX_VALID);
    assert_int_equal(evm_state_apply(after, o->changes), EVM_OK);
    evm_state_seal(after);
    evm_state_unref(s->world);
    s->world = after;
    assert_int_equal(evm_state_flatten(after), EVM_OK);
    return o;
}

static inline const struct evm_tx_outcome *stage_run(struct stage *s, const struct evm_tx *tx)
{
    struct evm_block_env env = {
        .gas_limit = 30000000, .chain_id = 1337, .base_fee = {{1000000000}}};
    return stage_run_in(s, tx, &env);
}

#endif
