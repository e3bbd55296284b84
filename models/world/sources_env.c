/* What workloads see of the world, and ask of it: fees, places, homes, moments. */
#include "models/world/internal.h"
#include "models/world/sources_internal.h"

#include "evm/core/u256.h"

#include <stdlib.h>
#include <string.h>

/* The layer that the account is at home in: in a partitioned network it may be any. */
static struct layer *layer_at(struct world *w, const struct source *s, const struct evm_addr *from)
{
    layer_id home = s->env.home ? s->env.home(&s->env, from) : s->layer;
    return &w->layers[home < w->layer_count ? home : 0];
}

void sources_add_owed(struct world *w, const struct source *s, struct workload_tx *out)
{
    struct layer *l = layer_at(w, s, &out->from);
    struct evm_u256 owed, *tip = &out->tx.max_priority_fee;
    struct tx probe = {.evm = out->tx};
    if (!l->fees->owed)
        return;
    if (w->desk && !out->tx.is_create && &w->layers[desk_home(w, &out->tx.to)] != l)
        probe.cross_bytes = fees_usual_mail(w);
    const struct block *head = chain_latest(l, w->nodes[l->first].head);
    l->fees->owed(l->fees_state, &head->track->next, &probe, &owed);
    struct evm_u256 percent = evm_u256_of((uint64_t)(out->bids * 100 + 0.5));
    evm_u256_mul(&owed, &owed, &percent);
    percent = evm_u256_of(100);
    evm_u256_div(&owed, &owed, &percent);
    if (evm_u256_add(tip, tip, &owed) || evm_u256_lt(&out->tx.max_fee, tip))
        *tip = out->tx.max_fee;
}

static void see_layer_fee(const struct workload_env *env, layer_id layer, struct evm_u256 *out)
{
    const struct world *w = env->world;
    const struct layer *l = &w->layers[layer];
    *out = chain_latest(l, w->nodes[l->first].head)->track->next.base_fee;
}

static void see_base_fee(const struct workload_env *env, struct evm_u256 *out)
{
    struct world *w = env->world;
    const struct layer *l = &w->layers[env->layer == LAYER_NONE ? 0 : env->layer];
    *out = w->nodes[l->first].head->track->next.base_fee;
}

static node_id place(const struct workload_env *env, const char *region)
{
    struct world *w = env->world;
    const struct layer *l = &w->layers[env->layer == LAYER_NONE ? 0 : env->layer];
    for (node_id n = l->first; n < l->first + l->count; n++)
        if (strcmp(net_region(w->net, n), region) == 0)
            return n;
    world_fail(w, ERR_INPUT, "workload %s: region: no node of layer %s is in '%s'",
               w->sources[env->instance].name, l->name, region);
    return NODE_NONE;
}

static layer_id home_of(const struct workload_env *env, const struct evm_addr *addr)
{
    return desk_home(env->world, addr);
}

static bool ask_move(const struct workload_env *env, const struct evm_addr *addr, layer_id to)
{
    struct world *w = env->world;
    account_id account = directory_number(&w->desk->directory, addr);
    if (account == ACCOUNT_NONE) {
        world_out_of_memory(w);
        return false;
    }
    const struct directory_account *a = directory_at(&w->desk->directory, account);
    if (a->ordered || a->moving || a->home == to || a->home == LAYER_ALL)
        return false;
    desk_move(w, account, to);
    return true;
}

static sim_time delay(const struct workload_env *env, node_id from, node_id to)
{
    return net_latency(((const struct world *)env->world)->net, from, to);
}

static void wake(const struct workload_env *env, sim_time at)
{
    struct world *w = env->world;
    uint32_t index = (uint32_t)env->instance;
    w->sources[index].wakes++;
    world_schedule(w, at, SIM_CLASS_WORKLOAD, world_source(w, SOURCE_ENTRIES + index), EVENT_WAKE,
                   index, 0);
}

static void answered(const struct workload_env *env, sim_time sent)
{
    struct world *w = env->world;
    double seconds = (double)(sim_now(w->sim) - sent) / 1e9;
    if (sent >= w->cfg->warm_up && vec_push(&w->tally.latency, &seconds) != ERR_OK)
        world_out_of_memory(w);
}

/* ---- what wallets ask ---- */

static void react(const struct workload_env *env)
{
    ((struct world *)env->world)->sources[env->instance].reactive = true;
}

static sim_time now(const struct workload_env *env)
{
    return sim_now(((const struct world *)env->world)->sim);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* As of the layer's block b. */
static void read_tips(struct world *w, struct tips *t, const struct block *b)
{
    enum { BACK = 20 };
    uint32_t full = 0, count = 0;
    t->head = b->hash;
    t->all.len = 0;
    for (; b && b->height > 0 && count < BACK; b = chain_before(w, b), count++) {
        full += chain_is_full(b);
        for (uint32_t i = 0; i < b->tx_count; i++) {
            struct evm_u256 tip = {{0}};
            fees_tip_of(&b->fees, &b->txs[i]->evm, &tip);
            uint64_t wei = evm_u256_clamp64(&tip);
            if (vec_push(&t->all, &wei) != ERR_OK)
                world_out_of_memory(w);
        }
    }
    t->full = count ? (double)full / count : 0;
    if (t->all.len)
        qsort(t->all.data, t->all.len, sizeof(uint64_t), by_size);
}

static double tips(const struct workload_env *env, layer_id layer, double quantile,
                   struct evm_u256 *out)
{
    struct world *w = env->world;
    struct source *s = &w->sources[env->instance];
    const struct layer *l = &w->layers[layer < w->layer_count ? layer : s->layer];
    const struct block *head = chain_latest(l, w->nodes[l->first].head);
    if (!evm_hash_eq(&head->hash, &s->tips.head))
        read_tips(w, &s->tips, head);
    size_t count = s->tips.all.len;
    *out = evm_u256_of(0);
    if (count)
        *out = evm_u256_of(
            *(uint64_t *)vec_at(&s->tips.all, (size_t)(quantile * (double)(count - 1) + 0.5)));
    return s->tips.full;
}

static void wished(const struct workload_env *env, const struct evm_addr *from)
{
    struct world *w = env->world;
    struct layer *l = layer_at(w, &w->sources[env->instance], from);
    l->offered++;
    l->sample_offered++;
    if (sim_now(w->sim) < w->cfg->warm_up)
        return;
    w->tally.offered++;
    w->tally.waiting++;
}

static void gave_up(const struct workload_env *env, const struct evm_addr *from, sim_time since)
{
    struct world *w = env->world;
    layer_at(w, &w->sources[env->instance], from)->dropped++;
    if (since < w->cfg->warm_up)
        return;
    w->tally.dropped++;
    w->tally.gave_up++;
    w->tally.waiting--;
}

static void no_memory(const struct workload_env *env)
{
    world_out_of_memory(env->world);
}

struct workload_env sources_env(struct world *w, struct source *s, size_t index)
{
    bool routed = w->cfg->routing.policy.model != NULL;
    return (struct workload_env){
        .layer = routed ? LAYER_NONE : s->layer,
        .layers = routed ? w->layer_count : 0,
        .home = routed ? home_of : NULL,
        .chain_id = w->cfg->chain_id,
        .instance = index,
        .seed = w->cfg->seed,
        .rng = &s->rng,
        .base_fee = see_base_fee,
        .place = place,
        .delay = delay,
        .wake = wake,
        .answered = answered,
        .fail = no_memory,
        .react = react,
        .now = now,
        .tips = tips,
        .layer_fee = see_layer_fee,
        .move = routed ? ask_move : NULL,
        .wished = wished,
        .gave_up = gave_up,
        .world = w,
    };
}
