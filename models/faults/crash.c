/* Crash faults: nodes stop at a set time and, where the scenario says so, come back. */
#include "models/faults/faults.h"
#include "sim/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_CRASH_FIELDS(F, S)                                                                   \
    F(S, DURATION, at, NULL, "0s", NULL, "When they crash.")                                       \
    F(S, COUNT, nodes, "1", "1", NULL, "How many, drawn from those that layer and region leave.")  \
    F(S, STRINGS, chosen, "", NULL, NULL, "These nodes instead, by number: [0, 4-6].")             \
    F(S, STRING, layer, "", NULL, NULL, "Only nodes of this layer; empty is any.")                 \
    F(S, STRING, region, "", NULL, NULL, "Only nodes in this region; empty is any.")               \
    F(S, DURATION, recover_after, "never", "1ns", "never", "Time until they come back.")
FIELD_DECLARE(fault_crash, FAULT_CRASH_FIELDS);

static void check(const void *cfg, struct field_report *report)
{
    const struct fault_crash *c = cfg;
    if (c->chosen.count && (c->layer[0] || c->region[0]))
        field_complain(report, "chosen", "names nodes, so leave out layer and region");
}

FIELD_DEFINE(fault_crash, FAULT_CRASH_FIELDS, "Nodes crash at a set time and may recover.", check);

enum { CRASH, RECOVER };

struct crash_state {
    const struct fault_crash *cfg;
    struct fault_env *env;
    node_id *nodes;
    uint32_t count;
};

/* "7" or "4-6": nodes first .. *last. */
static bool parse_range(const char *text, node_id *first, node_id *last)
{
    char *end;
    errno = 0;
    unsigned long a = strtoul(text, &end, 10), b = a;
    if (end == text || text[0] < '0' || text[0] > '9')
        return false;
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        b = strtoul(end + 1, &end, 10);
    if (*end || errno || a > b || b >= NODE_NONE)
        return false;
    *first = (node_id)a;
    *last = (node_id)b;
    return true;
}

static enum err_code choose(struct crash_state *s, uint8_t *take, struct err *err)
{
    for (size_t i = 0; i < s->cfg->chosen.count; i++) {
        const char *text = s->cfg->chosen.items[i];
        node_id first, last;
        if (!parse_range(text, &first, &last))
            return err_set(err, ERR_INPUT, "chosen: '%s' is no node; try 3 or 4-6", text);
        if (last >= s->env->node_count)
            return err_set(err, ERR_INPUT, "chosen: there is no node %u; the last is %u", last,
                           s->env->node_count - 1);
        memset(take + first, 1, (size_t)last - first + 1);
    }
    return ERR_OK;
}

static bool matches(const struct crash_state *s, layer_id layer, node_id node)
{
    const struct fault_env *env = s->env;
    if (layer != LAYER_NONE &&
        (node < env->layer_first[layer] || node >= env->layer_first[layer + 1]))
        return false;
    const char *region = env->region ? env->region(env, node) : NULL;
    return !s->cfg->region[0] || (region && strcmp(region, s->cfg->region) == 0);
}

/* Marks cfg->nodes of those that layer and region leave, every set of them alike. */
static enum err_code draw(struct crash_state *s, uint8_t *take, struct err *err)
{
    layer_id layer = LAYER_NONE;
    if (s->cfg->layer[0]) {
        layer = s->env->layer(s->env, s->cfg->layer);
        if (layer == LAYER_NONE)
            return err_set(err, ERR_INPUT, "layer: no layer is called '%s'", s->cfg->layer);
    }
    uint64_t left = 0, wanted = s->cfg->nodes;
    for (node_id n = 0; n < s->env->node_count; n++)
        left += matches(s, layer, n);
    if (wanted > left)
        return err_set(err, ERR_INPUT, "nodes: %llu are to crash, but only %llu qualify",
                       (unsigned long long)wanted, (unsigned long long)left);
    /* Selection sampling (Knuth, volume 2, 3.4.2, algorithm S). */
    for (node_id n = 0; n < s->env->node_count && wanted > 0; n++) {
        if (!matches(s, layer, n))
            continue;
        if (sim_stream_below(s->env->rng, left) < wanted) {
            take[n] = 1;
            wanted--;
        }
        left--;
    }
    return ERR_OK;
}

static enum err_code crash_init(void *state, const void *cfg, struct fault_env *env,
                                struct err *err)
{
    struct crash_state *s = state;
    s->cfg = cfg;
    s->env = env;
    uint8_t *take = mem_zalloc(env->node_count, 1);
    s->nodes = mem_alloc(env->node_count, sizeof *s->nodes);
    enum err_code e;
    if (!take || !s->nodes)
        e = err_set(err, ERR_MEMORY, "no memory for the faults of %u nodes", env->node_count);
    else
        e = s->cfg->chosen.count ? choose(s, take, err) : draw(s, take, err);
    for (node_id n = 0; !e && n < env->node_count; n++)
        if (take[n])
            s->nodes[s->count++] = n;
    mem_free(take);
    if (!e)
        env->host->at(env, s->cfg->at, CRASH, 0);
    return e;
}

static void crash_fire(void *state, uint32_t kind, uint64_t value)
{
    struct crash_state *s = state;
    (void)value;
    for (uint32_t i = 0; i < s->count; i++) {
        if (kind == CRASH)
            s->env->host->crash(s->env, s->nodes[i]);
        else
            s->env->host->recover(s->env, s->nodes[i]);
    }
    if (kind == CRASH && s->cfg->recover_after != SIM_TIME_NEVER)
        s->env->host->at(s->env, s->env->host->now(s->env) + s->cfg->recover_after, RECOVER, 0);
}

static void crash_fini(void *state)
{
    struct crash_state *s = state;
    mem_free(s->nodes);
}

const struct fault_ops fault_crash_model = {
    .model = {"crash", "Nodes stop at a set time and may come back.", &fault_crash_table},
    .state_size = sizeof(struct crash_state),
    .init = crash_init,
    .fire = crash_fire,
    .fini = crash_fini,
};
