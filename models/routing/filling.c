#include "models/routing/filling.h"

#include "sim/base/mem.h"

void route_capacity_blocks(const struct route_env *env, double *out)
{
    bool timed = true;
    for (layer_id l = 0; l < env->layer_count; l++)
        timed = timed && env->layers[l].interval > 0;
    for (layer_id l = 0; l < env->layer_count; l++) {
        double gas = (double)env->layers[l].gas_limit;
        if (timed)
            gas /= (double)env->layers[l].interval / (double)SIM_SEC;
        out[l] = gas > 0 ? gas : 1;
    }
}

void route_capacity_power(const struct route_env *env, double *out)
{
    for (layer_id l = 0; l < env->layer_count; l++)
        out[l] = env->layers[l].speed > 0 ? env->layers[l].speed : 1;
}

static bool before(const struct route_filling *f, layer_id a, layer_id b)
{
    double x = (double)(f->count[a] + 1) / f->capacity[a];
    double y = (double)(f->count[b] + 1) / f->capacity[b];
    return x < y || (!(y < x) && a < b);
}

static void sift_down(struct route_filling *f, uint32_t at)
{
    layer_id moved = f->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= f->layers)
            break;
        if (child + 1 < f->layers && before(f, f->heap[child + 1], f->heap[child]))
            child++;
        if (!before(f, f->heap[child], moved))
            break;
        f->heap[at] = f->heap[child];
        at = child;
    }
    f->heap[at] = moved;
}

enum err_code route_filling_init(struct route_filling *f, const struct route_env *env,
                                 void (*of)(const struct route_env *, double *), struct err *err)
{
    layer_id k = env->layer_count;
    *f = (struct route_filling){.layers = k,
                                .capacity = mem_alloc(k, sizeof *f->capacity),
                                .count = mem_zalloc(k, sizeof *f->count),
                                .heap = mem_alloc(k, sizeof *f->heap)};
    if (!f->capacity || !f->count || !f->heap) {
        route_filling_fini(f);
        return err_set(err, ERR_MEMORY, "out of memory for %u layers", k);
    }
    of(env, f->capacity);
    for (layer_id l = 0; l < k; l++)
        f->heap[l] = l;
    for (uint32_t i = k / 2u; i-- > 0;)
        sift_down(f, i);
    return ERR_OK;
}

void route_filling_fini(struct route_filling *f)
{
    mem_free(f->capacity);
    mem_free(f->count);
    mem_free(f->heap);
    *f = (struct route_filling){0};
}

layer_id route_filling_next(struct route_filling *f)
{
    layer_id l = f->heap[0];
    f->count[l]++;
    sift_down(f, 0);
    return l;
}

layer_id route_filling_better(struct route_filling *f, layer_id a, layer_id b)
{
    layer_id l = before(f, b, a) ? b : a;
    f->count[l]++;
    return l;
}
