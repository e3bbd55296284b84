#include "models/workload/targets.h"

#include "sim/base/mem.h"

FIELD_ENUM_DEFINE(targets_by, TARGETS_BY);

enum err_code targets_init(struct targets *t, uint32_t count, const struct field_skew *skew,
                           enum targets_by by, const struct users *users,
                           const struct workload_env *env, struct err *err)
{
    struct sim_stream shuffle;
    uint32_t entity = (uint32_t)env->instance;
    *t = (struct targets){.count = count, .by = by, .env = env};
    t->by_layer = by == TARGETS_BY_GROUP && users->pairs->by_layer;
    sim_stream_init(&shuffle, env->seed, entity, sim_purpose("workload.favourite-tokens"));
    sim_stream_init(&t->rng, env->seed, entity, sim_purpose("workload.token"));
    enum err_code code = skew_init(&t->skew, skew, count, &shuffle, err);
    if (code != ERR_OK)
        return code;
    t->addrs = mem_zalloc(count, sizeof *t->addrs);
    if (t->by_layer) {
        t->first = mem_zalloc((size_t)env->layers + 2, sizeof *t->first);
        t->item = mem_alloc(count, sizeof *t->item);
    }
    if (!t->addrs || (t->by_layer && (!t->first || !t->item)))
        return err_set(err, ERR_MEMORY, "out of memory for %u contracts", count);
    return ERR_OK;
}

void targets_fini(struct targets *t)
{
    skew_fini(&t->skew);
    mem_free(t->addrs);
    mem_free(t->first);
    mem_free(t->item);
    *t = (struct targets){0};
}

enum err_code targets_deploy(struct targets *t, uint32_t i, struct genesis *g,
                             const struct evm_addr *deployer, struct evm_bytes initcode,
                             struct err *err)
{
    return genesis_deploy(g, deployer, initcode, &t->addrs[i], err);
}

/* Those of a layer side by side, by a sort that counts. Homes are known once the run starts. */
static void sort_by_layer(struct targets *t)
{
    const struct workload_env *env = t->env;
    uint32_t layers = env->layers, at = 0;
    for (uint32_t layer = 0; layer <= layers; layer++) {
        t->first[layer] = at;
        for (uint32_t i = 0; i < t->count; i++) {
            layer_id home = env->home(env, &t->addrs[i]);
            if ((home < layers ? home : layers) == layer)
                t->item[at++] = i;
        }
    }
    t->first[layers + 1] = at;
    t->started = true;
}

const struct evm_addr *targets_pick(struct targets *t, uint32_t group)
{
    if (t->by == TARGETS_BY_GROUP && !t->by_layer)
        return &t->addrs[group % t->count];
    if (t->by_layer) {
        if (!t->started)
            sort_by_layer(t);
        uint32_t first = t->first[group], size = t->first[group + 1] - first;
        if (size > 0)
            return &t->addrs[t->item[first + sim_stream_below(&t->rng, size)]];
    }
    return &t->addrs[skew_pick(&t->skew, &t->rng)];
}
