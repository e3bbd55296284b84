#include "models/workload/hot.h"

#include <string.h>

#include "sim/base/mem.h"

FIELD_ENUM_DEFINE(hot_order, HOT_ORDER);
FIELD_DEFINE(workload_hot, WORKLOAD_HOT_FIELDS, "What is hot, and when others are.", NULL);

/* Fills `set` with the hot ones of a step. Steps are asked for in order. */
static void draw(struct hot *h, uint64_t step, uint32_t *set)
{
    if (h->cfg->order == HOT_CYCLE) {
        for (uint32_t i = 0; i < h->count; i++)
            set[i] = h->turns[(step % h->among * h->count + i) % h->among];
        return;
    }
    /* The last ones stand first. Others are drawn to stand behind them, then both change places. */
    uint32_t rest = h->among >= 2 * h->count && step > 0 ? h->count : 0;
    for (uint32_t i = 0; i < h->count; i++) {
        uint32_t left = h->among - rest - i;
        uint32_t at = rest + i + (uint32_t)sim_stream_below(&h->rng, left);
        uint32_t drawn = h->turns[at];
        h->turns[at] = h->turns[rest + i];
        h->turns[rest + i] = drawn;
    }
    for (uint32_t i = 0; i < h->count; i++) {
        uint32_t drawn = h->turns[rest + i];
        h->turns[rest + i] = h->turns[i];
        h->turns[i] = set[i] = drawn;
    }
}

enum err_code hot_init(struct hot *h, const struct workload_hot *cfg, uint32_t groups,
                       const struct workload_env *env, struct err *err)
{
    struct sim_stream shuffle;
    uint32_t entity = (uint32_t)env->instance;
    *h = (struct hot){.cfg = cfg, .start = env->start, .count = (uint32_t)cfg->count};
    if (!cfg->count)
        return ERR_OK;
    if (cfg->among > groups || cfg->count > (cfg->among ? cfg->among : groups))
        return err_set(err, ERR_INPUT,
                       "hot: count is %llu, among is %llu%s, and there are %u groups; "
                       "count <= among <= groups",
                       (unsigned long long)cfg->count, (unsigned long long)cfg->among,
                       cfg->among ? "" : " (all)", groups);
    h->among = cfg->among ? (uint32_t)cfg->among : groups;
    h->turns = mem_alloc(groups, sizeof *h->turns);
    h->now = mem_alloc(h->count, sizeof *h->now);
    h->next = mem_alloc(h->count, sizeof *h->next);
    if (!h->turns || !h->now || !h->next)
        return err_set(err, ERR_MEMORY, "out of memory for %u hot groups", h->count);
    for (uint32_t i = 0; i < groups; i++)
        h->turns[i] = i;
    sim_stream_init(&shuffle, env->seed, entity, sim_purpose("workload.hot-turns"));
    sim_stream_init(&h->rng, env->seed, entity, sim_purpose("workload.hot-next"));
    sim_stream_shuffle(&shuffle, h->turns, groups);
    draw(h, 0, h->now);
    draw(h, 1, h->next);
    return ERR_OK;
}

void hot_fini(struct hot *h)
{
    mem_free(h->turns);
    mem_free(h->now);
    mem_free(h->next);
    *h = (struct hot){0};
}

bool hot_pick(struct hot *h, sim_time at, struct sim_stream *rng, uint32_t *group)
{
    if (!h->count)
        return false;
    uint64_t step = (uint64_t)(at - h->start) / (uint64_t)h->cfg->period;
    for (; h->step < step; h->step++) {
        memcpy(h->now, h->next, h->count * sizeof *h->now);
        draw(h, h->step + 2, h->next);
    }
    if (sim_stream_double(rng) >= h->cfg->share)
        return false;
    double over =
        (double)((uint64_t)(at - h->start) % (uint64_t)h->cfg->period) / (double)h->cfg->period;
    double passed = over - (1 - h->cfg->overlap);
    bool next = passed > 0 && sim_stream_double(rng) < passed / h->cfg->overlap;
    *group = (next ? h->next : h->now)[sim_stream_below(rng, h->count)];
    return true;
}
