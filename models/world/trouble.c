/* Faults: the env of fault models, crash and recovery of a node. */
#include "models/world/internal.h"

#include "sim/base/check.h"

#include <stdio.h>
#include <string.h>

static sim_time host_now(struct fault_env *env)
{
    const struct world *w = env->world;
    return sim_now(w->sim);
}

static void host_at(struct fault_env *env, sim_time when, uint32_t kind, uint64_t value)
{
    struct world *w = env->world;
    CHECK(kind < 256 && value >> 56 == 0, "fault kind %u, value %llu", kind,
          (unsigned long long)value);
    if (when < sim_now(w->sim))
        when = sim_now(w->sim);
    if (when <= w->end)
        world_schedule(w, when, SIM_CLASS_FAULT,
                       world_source(w, SOURCE_ENTRIES + w->source_count + env->index), EVENT_FAULT,
                       env->index, (uint64_t)kind << 56 | value);
}

void trouble_on_fault(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct fault *f = &w->faults[ev->target];
    (void)sim;
    f->ops->fire(f->state, (uint32_t)(ev->arg >> 56), ev->arg & ((UINT64_C(1) << 56) - 1));
}

static void host_crash(struct fault_env *env, node_id node)
{
    struct world *w = env->world;
    struct node *n = &w->nodes[node];
    if (!n->up)
        return;
    n->up = false;
    n->epoch++;
    n->down_since = sim_now(w->sim);
    w->crashes++;
    cores_crash(w, node);
    post_crash(w, node);
    sync_crash(w, node);
    net_crash(w->net, node);
    pools_crash(w, node);
    chain_crashed(w, layer_of(w, node));
    rows_fault(w, "crash", node, "");
}

/* What was committed but not executed when the node went down. */
static void resume_execution(struct world *w, node_id node)
{
    struct node *n = &w->nodes[node];
    if (!layer_of(w, node)->after_order)
        return;
    for (uint64_t h = n->executed->height + 1; h <= n->final->height; h++) {
        struct block *b = block_ancestor(n->final, h);
        if (!b)
            continue;
        cores_recover(w, node, b);
        cores_run(w, node, b);
    }
}

static void host_recover(struct fault_env *env, node_id node)
{
    struct world *w = env->world;
    struct node *n = &w->nodes[node];
    struct layer *l = layer_of(w, node);
    if (n->up)
        return;
    n->up = true;
    n->crashed_time += sim_now(w->sim) - n->down_since;
    rows_fault(w, "recover", node, "");
    resume_execution(w, node);
    sync_random(w, node);
    l->consensus->recovered(consensus_state(l, node));
}

static bool host_up(struct fault_env *env, node_id node)
{
    const struct world *w = env->world;
    return w->nodes[node].up;
}

static void host_watch(struct fault_env *env, node_id node, bool on)
{
    struct world *w = env->world;
    w->nodes[node].watched = on;
}

static void host_note(struct fault_env *env, const char *what, node_id node, double value)
{
    char detail[64];
    snprintf(detail, sizeof detail, "%g", value);
    rows_fault(env->world, what, node == NODE_NONE ? -1 : (int64_t)node, detail);
}

static const struct fault_host host = {host_now, host_at,    host_crash, host_recover,
                                       host_up,  host_watch, host_note};

bool trouble_filter(struct world *w, node_id from, node_id to, const struct message *m,
                    sim_time *delay, struct message **replace)
{
    for (uint32_t i = 0; i < w->fault_count; i++) {
        struct fault *f = &w->faults[i];
        struct fault_verdict verdict = {0};
        if (!f->ops->filter)
            continue;
        f->ops->filter(f->state, from, to, m, &verdict);
        *delay += verdict.delay;
        if (verdict.replace) {
            message_unref(*replace);
            *replace = verdict.replace;
            m = *replace;
        }
        if (verdict.drop)
            return false;
    }
    return true;
}

static const char *region_of(const struct fault_env *env, node_id node)
{
    const struct world *w = env->world;
    return net_region(w->net, node);
}

static layer_id layer_by_name(const struct fault_env *env, const char *name)
{
    const struct world *w = env->world;
    for (layer_id i = 0; i < w->layer_count; i++)
        if (strcmp(w->layers[i].name, name) == 0)
            return i;
    return LAYER_NONE;
}

enum err_code trouble_create(struct world *w, struct err *err)
{
    const struct field_choices *list = &w->cfg->faults;
    w->faults = mem_zalloc(list->count, sizeof *w->faults);
    if (!w->faults)
        return err_set(err, ERR_MEMORY, "no memory for faults");
    for (size_t i = 0; i < list->count; i++) {
        struct fault *f = &w->faults[i];
        f->ops = (const struct fault_ops *)list->items[i].model;
        f->state = mem_zalloc(1, f->ops->state_size);
        struct sim_stream *rng = mem_zalloc(1, sizeof *rng);
        if (rng)
            sim_stream_init(rng, w->cfg->seed, (uint32_t)i, sim_purpose("world.fault"));
        f->env = (struct fault_env){
            .host = &host,
            .world = w,
            .index = (uint32_t)i,
            .rng = rng,
            .end = w->end,
            .node_count = w->node_count,
            .layer_count = w->layer_count,
            .layer_first = w->layer_first,
            .region = region_of,
            .layer = layer_by_name,
        };
        w->fault_count = (uint32_t)i + 1;
        if (!f->state || !rng)
            return err_set(err, ERR_MEMORY, "no memory for faults");
        struct err inner = {0};
        enum err_code code = f->ops->init(f->state, list->items[i].cfg, &f->env, &inner);
        if (code == ERR_INPUT) {
            char path[32];
            snprintf(path, sizeof path, "faults[%zu]", i);
            return scenario_fail(w->scenario, err, path, "%s", inner.text);
        }
        if (code != ERR_OK)
            return err_set(err, code, "%s", inner.text);
    }
    return ERR_OK;
}

void trouble_destroy(struct world *w)
{
    for (uint32_t i = 0; i < w->fault_count; i++) {
        if (w->faults[i].state && w->faults[i].ops->fini)
            w->faults[i].ops->fini(w->faults[i].state);
        mem_free(w->faults[i].state);
        mem_free(w->faults[i].env.rng);
    }
    mem_free(w->faults);
    w->faults = NULL;
    w->fault_count = 0;
}
