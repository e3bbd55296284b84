#include "models/faults/twins.h"
#include "sim/base/mem.h"

#include <math.h>

static bool is_twin(const struct fault_twins *t, node_id node)
{
    for (uint32_t i = 0; i < t->strike.count; i++)
        if (t->strike.nodes[i] == node)
            return true;
    return false;
}

/* Parts the nodes of a layer that vote, or those that do not. */
static void part(struct fault_twins *t, layer_id layer, bool votes)
{
    struct fault_env *env = t->strike.env;
    uint32_t count = 0;
    for (node_id n = env->layer_first[layer]; n < env->layer_first[layer + 1]; n++)
        if (env->validator(env, n) == votes && !is_twin(t, n))
            t->order[count++] = n;
    sim_stream_shuffle(env->rng, t->order, count);
    uint32_t first = (uint32_t)ceil(t->side * count - 1e-9);
    for (uint32_t i = 0; i < count; i++)
        t->hear[t->order[i]] = i >= first;
}

static void draw(struct fault_twins *t)
{
    for (layer_id l = 0; l < t->strike.env->layer_count; l++) {
        part(t, l, true);
        part(t, l, false);
    }
}

enum err_code fault_twins_init(struct fault_twins *t, const struct fault_strike_ops *ops,
                               struct fault_env *env, struct fault_who who, struct fault_when when,
                               double side, sim_time resplit, struct err *err)
{
    t->side = side;
    t->resplit = resplit;
    enum err_code e = fault_strike_init(&t->strike, ops, t, env, who, when, err);
    if (e != ERR_OK)
        return e;
    t->hear = mem_zalloc(env->node_count, 1);
    t->order = mem_alloc(env->node_count, sizeof *t->order);
    if (!t->hear || !t->order)
        return err_set(err, ERR_MEMORY, "no memory for the sides of %u nodes", env->node_count);
    for (uint32_t i = 0; e == ERR_OK && i < t->strike.count; i++)
        e = env->host->twin(env, t->strike.nodes[i], err);
    if (e == ERR_OK)
        draw(t);
    return e;
}

void fault_twins_begin(void *self, node_id node)
{
    struct fault_twins *t = self;
    struct fault_env *env = t->strike.env;
    env->host->voice(env, node, true);
    if (t->resplit > 0 && !t->drawing) {
        t->drawing = true;
        env->host->at(env, env->host->now(env) + t->resplit, FAULT_KIND, 0);
    }
}

void fault_twins_end(void *self, node_id node)
{
    struct fault_twins *t = self;
    t->strike.env->host->voice(t->strike.env, node, false);
}

void fault_twins_fire(void *state, uint32_t kind, uint64_t value)
{
    struct fault_twins *t = state;
    struct fault_env *env = t->strike.env;
    if (kind != FAULT_KIND) {
        fault_strike_fire(&t->strike, kind, value);
        return;
    }
    t->drawing = t->strike.open != NULL;
    if (!t->drawing)
        return;
    draw(t);
    env->host->at(env, env->host->now(env) + t->resplit, FAULT_KIND, 0);
}

void fault_twins_fini(void *state)
{
    struct fault_twins *t = state;
    mem_free(t->hear);
    mem_free(t->order);
    fault_strike_fini(&t->strike);
}
