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

static void mark(struct world *w, node_id node)
{
    const struct node *n = &w->nodes[node];
    w->marks[node] = (uint8_t)((n->up ? 0 : NODE_DOWN) | (n->watched ? NODE_WATCHED : 0));
}

static void host_crash(struct fault_env *env, node_id node)
{
    struct world *w = env->world;
    struct node *n = &w->nodes[node];
    if (!n->up)
        return;
    n->up = false;
    mark(w, node);
    n->epoch++;
    n->down_since = sim_now(w->sim);
    w->crashes++;
    cores_crash(w, node);
    post_crash(w, node);
    sync_crash(w, node);
    net_crash(w->net, node);
    pools_crash(w, node);
    chain_crashed(w, chain_of(w, node));
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
        if (!b || b->layer != n->layer)
            continue;
        cores_recover(w, node, b);
        cores_run(w, node, 0, b);
    }
    /* Of the second life nothing says how far it got; what is executed already costs nothing. */
    struct block *last = n->twin ? n->twin->final : NULL, *done = last;
    while (done && !track_get(chain_of(w, node), done, TRACK_EXECUTED, node))
        done = done->parent;
    for (uint64_t h = done ? done->height + 1 : UINT64_MAX; last && h <= last->height; h++) {
        struct block *b = block_ancestor(last, h);
        if (b->layer == n->layer)
            cores_run(w, node, 1, b);
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
    mark(w, node);
    n->crashed_time += sim_now(w->sim) - n->down_since;
    rows_fault(w, "recover", node, "");
    net_recover(w->net, node);
    resume_execution(w, node);
    node_id peer;
    if (sync_neighbour(w, node, &peer))
        refill_ask(w, node, peer);
    sync_random(w, node);
    for (uint8_t i = 0; i < lives(w, node); i++)
        l->chain->consensus->recovered(life_state(w, node, i));
}

static bool host_up(struct fault_env *env, node_id node)
{
    const struct world *w = env->world;
    return w->nodes[node].up;
}

static void host_watch(struct fault_env *env, node_id node, bool on)
{
    struct world *w = env->world;
    CHECK(on || w->nodes[node].watched, "node %u is watched by nobody", node);
    w->nodes[node].watched = (uint16_t)(w->nodes[node].watched + (on ? 1 : -1));
    mark(w, node);
}

static void host_lapse(struct fault_env *env, node_id node, enum fault_lapse what, bool on)
{
    uint16_t *count = &((struct world *)env->world)->nodes[node].lapses[what];
    CHECK(on || *count, "lapse %d of node %u ends before it begins", what, node);
    *count = (uint16_t)(*count + (on ? 1 : -1));
}

static void host_reconnect(struct fault_env *env, node_id node, node_id peer)
{
    refill_ask(env->world, node, peer);
}

static void host_unsettle(struct fault_env *env, bool on)
{
    struct world *w = env->world;
    CHECK(on || w->unsettled, "the network settles twice");
    w->unsettled += on ? 1 : UINT32_MAX;
    if (!w->unsettled)
        w->settled = sim_now(w->sim);
}

static void host_note(struct fault_env *env, const char *what, node_id node, const char *detail)
{
    rows_fault(env->world, what, node == NODE_NONE ? -1 : (int64_t)node, detail);
}

static enum err_code host_twin(struct fault_env *env, node_id node, struct err *err)
{
    struct world *w = env->world;
    struct node *n = &w->nodes[node];
    struct layer *l = layer_of(w, node);
    w->nodes[node].byzantine = true;
    if (n->twin || !l->chain->consensus_states) /* world_check: nodes have no lives */
        return ERR_OK;
    struct twin *twin = mem_zalloc(1, sizeof *twin + l->chain->consensus_stride);
    if (!twin)
        return err_set(err, ERR_MEMORY, "no memory for a twin of node %u", node);
    n->twin = twin;
    twin->env = l->chain->consensus_envs[node - l->chain->first];
    twin->env.instance = 1;
    twin->final = block_ref(l->chain->genesis);
    sim_stream_init(&twin->random, w->cfg->seed, node, sim_purpose("world.twin"));
    return l->chain->consensus->init(twin->state, l->chain->consensus_cfg, &twin->env, err);
}

static void host_voice(struct fault_env *env, node_id node, bool on)
{
    struct twin *twin = ((struct world *)env->world)->nodes[node].twin;
    CHECK(twin && (on || twin->voices), "node %u has no twin to speak or to be still", node);
    twin->voices = (uint16_t)(twin->voices + (on ? 1 : -1));
}

static void host_byzantine(struct fault_env *env, node_id node)
{
    ((struct world *)env->world)->nodes[node].byzantine = true;
}

static const struct consensus_ops *protocol_of(const struct world *w, node_id node)
{
    layer_id layer = 0;
    while (node >= w->layer_first[layer + 1])
        layer++;
    return w->layers[layer].chain->consensus;
}

static const struct consensus_ops *host_protocol(struct fault_env *env, node_id node)
{
    return protocol_of(env->world, node);
}

static bool host_misbehave(struct fault_env *env, node_id node, const char *how, bool on)
{
    struct world *w = env->world;
    const struct consensus_ops *ops = protocol_of(w, node);
    if (!ops->misbehave)
        return false;
    struct layer *l = layer_of(w, node);
    return !l->chain->consensus_states || ops->misbehave(consensus_state(l->chain, node), how, on);
}

void trouble_fini_node(struct world *w, node_id node)
{
    struct twin *twin = w->nodes[node].twin;
    if (!twin)
        return;
    if (chain_of(w, node)->consensus->fini)
        chain_of(w, node)->consensus->fini(twin->state);
    block_unref(twin->final);
    mem_free(twin);
    w->nodes[node].twin = NULL;
}

static const struct fault_host host = {
    .now = host_now,
    .at = host_at,
    .crash = host_crash,
    .recover = host_recover,
    .up = host_up,
    .watch = host_watch,
    .twin = host_twin,
    .voice = host_voice,
    .byzantine = host_byzantine,
    .protocol = host_protocol,
    .misbehave = host_misbehave,
    .lapse = host_lapse,
    .unsettle = host_unsettle,
    .reconnect = host_reconnect,
    .note = host_note,
};

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

bool trouble_hears(struct world *w, node_id node, uint8_t instance, const struct message *m)
{
    for (uint32_t i = 0; i < w->fault_count; i++)
        if (w->faults[i].ops->hears &&
            !w->faults[i].ops->hears(w->faults[i].state, node, instance, m))
            return false;
    return true;
}

bool trouble_refuses(struct world *w, node_id node, const struct tx *tx)
{
    for (uint32_t i = 0; i < w->fault_count; i++)
        if (w->faults[i].ops->refuses && w->faults[i].ops->refuses(w->faults[i].state, node, tx))
            return true;
    return false;
}

static bool is_validator(const struct fault_env *env, node_id node)
{
    const struct world *w = env->world;
    layer_id layer = 0;
    while (node >= w->layer_first[layer + 1])
        layer++;
    const struct world_layer *l = world_layer_at(w->cfg, layer, NULL);
    return !l->validators || node - w->layer_first[layer] < l->validators;
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

/* Judges and the committed chain go by honest nodes: each layer needs one. */
static enum err_code someone_honest(const struct world *w, struct err *err)
{
    for (layer_id i = 0; i < w->layer_count; i++) {
        bool honest = false;
        for (node_id n = w->layer_first[i]; n < w->layer_first[i + 1] && !honest; n++)
            honest = !w->nodes[n].byzantine;
        if (!honest)
            return scenario_fail(w->scenario, err, "faults",
                                 "every node of layer '%s' is Byzantine; leave one of its %llu",
                                 w->layers[i].name, (unsigned long long)w->layers[i].count);
    }
    return ERR_OK;
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
            .validator = is_validator,
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
    return someone_honest(w, err);
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
