#include "models/faults/select.h"
#include "sim/base/check.h"
#include "sim/base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

FIELD_ENUM_DEFINE(fault_of, FAULT_OF);

/* ---- settings ---- */

static enum err_code settings_fit(const struct fault_who *who, const struct fault_when *when,
                                  struct err *err)
{
    if (when->at == SIM_TIME_NEVER)
        return err_set(err, ERR_INPUT, "at: must be given: when does it begin?");
    if (who->chosen->count && (who->layer[0] || who->region[0] || who->of != FAULT_OF_ANY))
        return err_set(err, ERR_INPUT, "chosen: names nodes, so leave out layer, region and of");
    if (who->chosen->count && who->share > 0)
        return err_set(err, ERR_INPUT, "share: of what? `chosen` names the nodes");
    return ERR_OK;
}

sim_time fault_time(const struct sim_dist *d, struct sim_stream *rng)
{
    const double most = 24 * 3600 * 1e9;
    double x = sim_dist_sample(d, rng);
    return x < 0 ? 0 : (sim_time)(x < most ? x : most);
}

bool fault_parse_range(const char *text, node_id *first, node_id *last)
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

bool fault_in_region(const char *region, const char *wanted)
{
    size_t length = strlen(wanted);
    return region && strncmp(region, wanted, length) == 0 &&
           (region[length] == 0 || region[length] == '-');
}

/* ---- who ---- */

static enum err_code choose(struct fault_strike *s, struct err *err)
{
    const struct field_strings *chosen = s->who.chosen;
    for (size_t i = 0; i < chosen->count; i++) {
        const char *text = chosen->items[i];
        node_id first, last;
        if (!fault_parse_range(text, &first, &last))
            return err_set(err, ERR_INPUT, "chosen: '%s' is no node; try 3 or 4-6", text);
        if (last >= s->env->node_count)
            return err_set(err, ERR_INPUT, "chosen: there is no node %u; the last is %u", last,
                           s->env->node_count - 1);
        memset(s->take + first, 1, (size_t)last - first + 1);
    }
    return ERR_OK;
}

static bool matches(const struct fault_strike *s, layer_id layer, node_id node)
{
    const struct fault_env *env = s->env;
    if (layer != LAYER_NONE &&
        (node < env->layer_first[layer] || node >= env->layer_first[layer + 1]))
        return false;
    if (s->who.of != FAULT_OF_ANY &&
        env->validator(env, node) != (s->who.of == FAULT_OF_VALIDATORS))
        return false;
    return !s->who.region[0] ||
           fault_in_region(env->region ? env->region(env, node) : NULL, s->who.region);
}

static enum err_code how_many(const struct fault_strike *s, uint64_t left, uint64_t *wanted,
                              struct err *err)
{
    *wanted = s->who.nodes;
    if (s->who.share > 0) {
        *wanted = (uint64_t)floor(s->who.share * (double)left + 0.5);
        if (*wanted == 0)
            return err_set(err, ERR_INPUT, "share: %g%% of %llu nodes is less than half a node",
                           s->who.share * 100, (unsigned long long)left);
    }
    if (*wanted > left)
        return err_set(err, ERR_INPUT, "nodes: %llu are to be struck, but only %llu qualify",
                       (unsigned long long)*wanted, (unsigned long long)left);
    return ERR_OK;
}

/* Marks as many as are wanted of those that the settings leave, every set of them alike. */
static enum err_code draw(struct fault_strike *s, struct err *err)
{
    layer_id layer = LAYER_NONE;
    if (s->who.layer[0]) {
        layer = s->env->layer(s->env, s->who.layer);
        if (layer == LAYER_NONE)
            return err_set(err, ERR_INPUT, "layer: no layer is called '%s'", s->who.layer);
    }
    uint64_t left = 0, wanted;
    for (node_id n = 0; n < s->env->node_count; n++)
        left += matches(s, layer, n);
    enum err_code e = how_many(s, left, &wanted, err);
    if (e != ERR_OK)
        return e;
    /* Selection sampling (Knuth, volume 2, 3.4.2, algorithm S). */
    for (node_id n = 0; n < s->env->node_count && wanted > 0; n++) {
        if (!matches(s, layer, n))
            continue;
        if (sim_stream_below(s->env->rng, left) < wanted) {
            s->take[n] = 1;
            wanted--;
        }
        left--;
    }
    return ERR_OK;
}

static enum err_code select_nodes(struct fault_strike *s, struct err *err)
{
    memset(s->take, 0, s->env->node_count);
    return s->who.chosen->count ? choose(s, err) : draw(s, err);
}

/* ---- when ---- */

static void schedule(struct fault_strike *s, sim_time from)
{
    struct fault_env *env = s->env;
    if (s->when.rate > 0) {
        double wait = -log(sim_stream_positive(env->rng)) / s->when.rate * 1e9;
        if (wait >= (double)(SIM_TIME_NEVER - from))
            return;
        from += (sim_time)wait;
    }
    if (s->when.rate > 0 && from > s->when.no_more)
        return;
    if (from != SIM_TIME_NEVER)
        env->host->at(env, from, FAULT_STRIKE_BEGIN, 0);
}

static uint32_t marked(const struct fault_strike *s)
{
    uint32_t count = 0;
    for (node_id n = 0; n < s->env->node_count; n++)
        count += s->take[n];
    return count;
}

static void list(const struct fault_strike *s, node_id *out)
{
    for (node_id n = 0; n < s->env->node_count; n++)
        if (s->take[n])
            *out++ = n;
}

enum err_code fault_strike_init(struct fault_strike *s, const struct fault_strike_ops *ops,
                                void *self, struct fault_env *env, struct fault_who who,
                                struct fault_when when, struct err *err)
{
    *s = (struct fault_strike){.ops = ops, .self = self, .env = env, .who = who, .when = when};
    s->take = mem_zalloc(env->node_count, 1);
    s->depth = mem_zalloc(env->node_count, sizeof *s->depth);
    if (!s->take || !s->depth)
        return err_set(err, ERR_MEMORY, "no memory for the faults of %u nodes", env->node_count);
    enum err_code e = settings_fit(&who, &when, err);
    if (e == ERR_OK)
        e = select_nodes(s, err); /* also where it is only tried */
    if (e != ERR_OK)
        return e;
    if (ops->fixed || when.rate <= 0) {
        s->count = marked(s);
        s->nodes = mem_alloc(s->count, sizeof *s->nodes);
        if (!s->nodes)
            return err_set(err, ERR_MEMORY, "no memory for the faults of %u nodes", s->count);
        list(s, s->nodes);
    }
    schedule(s, when.at);
    return ERR_OK;
}

static void strike(struct fault_strike *s, node_id node)
{
    struct fault_env *env = s->env;
    if (s->depth[node]++ > 0)
        return;
    if (s->ops->watch)
        env->host->watch(env, node, true);
    if (!s->ops->quiet)
        env->host->note(env, s->ops->name, node, "");
    if (s->ops->begin)
        s->ops->begin(s->self, node);
}

static void release(struct fault_strike *s, node_id node)
{
    struct fault_env *env = s->env;
    if (--s->depth[node] > 0)
        return;
    if (s->ops->watch)
        env->host->watch(env, node, false);
    if (!s->ops->quiet)
        env->host->note(env, "recover", node, s->ops->name);
    if (s->ops->end)
        s->ops->end(s->self, node);
}

/* Without memory the occurrence does not happen: what the host notices itself. */
static void begin(struct fault_strike *s)
{
    struct fault_env *env = s->env;
    struct err ignored = {0};
    if (!s->nodes && select_nodes(s, &ignored) != ERR_OK) /* as it was at init: never */
        return;
    uint32_t count = s->nodes ? s->count : marked(s);
    struct fault_occurrence *o = mem_alloc(1, sizeof *o + count * sizeof *o->nodes);
    if (!o)
        return;
    o->id = s->occurrences++;
    o->count = count;
    if (s->nodes)
        memcpy(o->nodes, s->nodes, count * sizeof *o->nodes);
    else
        list(s, o->nodes);
    for (uint32_t i = 0; i < count; i++)
        strike(s, o->nodes[i]);
    o->next = s->open;
    s->open = o;
    sim_time now = env->host->now(env);
    sim_time lasts = fault_time(s->when.lasts, env->rng);
    if (lasts > 0)
        env->host->at(env, now + lasts, FAULT_STRIKE_END, o->id);
    if (s->when.rate > 0)
        schedule(s, now);
}

void fault_strike_fire(struct fault_strike *s, uint32_t kind, uint64_t value)
{
    if (kind == FAULT_STRIKE_BEGIN) {
        begin(s);
        return;
    }
    struct fault_occurrence **at = &s->open;
    while (*at && (*at)->id != value)
        at = &(*at)->next;
    struct fault_occurrence *o = *at;
    CHECK(o, "occurrence %llu of %s ends twice", (unsigned long long)value, s->ops->name);
    *at = o->next;
    for (uint32_t i = 0; i < o->count; i++)
        release(s, o->nodes[i]);
    mem_free(o);
}

void fault_strike_fini(struct fault_strike *s)
{
    while (s->open) {
        struct fault_occurrence *o = s->open;
        s->open = o->next;
        mem_free(o);
    }
    mem_free(s->nodes);
    mem_free(s->depth);
    mem_free(s->take);
}

void fault_strike_on_fire(void *state, uint32_t kind, uint64_t value)
{
    struct fault_strike *s = state;
    fault_strike_fire(s, kind, value);
}

void fault_strike_on_fini(void *state)
{
    struct fault_strike *s = state;
    fault_strike_fini(s);
}
