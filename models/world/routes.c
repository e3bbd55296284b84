#include "models/world/routes.h"
#include "evm/state/trie.h"
#include "models/world/desk.h"
#include "models/world/internal.h"

#include "sim/base/check.h"

#include <stdlib.h>
#include <string.h>

enum { REPORT_BYTES = 96, EDGE_BYTES = 24 };

/* ---- what a layer sums up ---- */

struct window {
    sim_time from;
    uint32_t txs, crossings, executions, aborts;
    uint64_t gas_used, gas_room;
    double latency;   /* summed, seconds */
    struct vec edges; /* struct route_edge */
    struct map at;    /* a, b: place there, plus 1 */
};

struct routes {
    const struct router_ops *ops;
    void *state;
    struct route_env env;
    struct route_layer *layers;
    struct window *windows;
    sim_time *executed; /* a node: what it had executed at the last report */
    struct sim_stream rng;
    struct net *places; /* where nodes are, until the network itself is there */
    struct route_move *moves;
    uint32_t epochs;
    struct vec future;          /* struct route_future; where the policy foresees */
    struct vec future_accounts; /* account_id */
};

/* A report on its way. */
struct report_item {
    struct mail_item item; /* first member */
    struct route_report report;
    struct route_edge edges[];
};

static void add_edge(struct world *w, struct window *v, account_id sender, account_id other,
                     uint64_t gas)
{
    account_id a = sender < other ? sender : other, b = sender < other ? other : sender;
    uint64_t key = (uint64_t)a << 32 | b, at;
    if (!map_get(&v->at, key, &at)) {
        struct route_edge fresh = {.a = a, .b = b};
        if (vec_push(&v->edges, &fresh) != ERR_OK || map_put(&v->at, key, v->edges.len) != ERR_OK) {
            world_out_of_memory(w);
            return;
        }
        at = v->edges.len;
    }
    struct route_edge *e = vec_at(&v->edges, at - 1);
    e->weight++;
    e->gas += gas;
    e->sent_a += sender == a;
    e->sent_b += sender == b && a != b;
}

void routes_settled(struct world *w, struct layer *l, const struct block *b)
{
    book_settled(w, l, b);
    struct window *v = &w->routes->windows[l->id];
    for (uint32_t i = 0; i < b->tx_count; i++) {
        const struct tx *tx = b->txs[i];
        if (tx->phase != TX_COMMITTED || tx->layer != l->id || tx->skipped)
            continue;
        v->txs++;
        v->crossings += tx->crosses;
        v->latency += (double)(tx->committed - tx->emitted) / 1e9;
        if (tx->touched_count == 1)
            add_edge(w, v, tx->touched[0], tx->touched[0], tx->gas_used);
        for (uint32_t k = 1; k < tx->touched_count; k++)
            add_edge(w, v, tx->touched[0], tx->touched[k], tx->gas_used);
    }
    v->gas_used += b->track->gas_used;
    v->gas_room += b->fees.gas_limit;
    v->executions += (uint32_t)b->track->timing.executions;
    v->aborts += (uint32_t)b->track->timing.aborts;
}

/* ---- reports ---- */

static int heaviest_first(const void *a, const void *b)
{
    const struct route_edge *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->a != y->a ? (x->a < y->a ? -1 : 1) : (x->b > y->b) - (x->b < y->b);
}

static int by_pair(const void *a, const void *b)
{
    const struct route_edge *x = a, *y = b;
    return x->a != y->a ? (x->a < y->a ? -1 : 1) : (x->b > y->b) - (x->b < y->b);
}

/* Share of the busiest node's time since the last report that executed blocks. */
static double busy_since(struct world *w, const struct layer *l, sim_time span)
{
    sim_time most = 0;
    for (node_id n = l->first; n < l->first + l->count; n++) {
        sim_time now = w->nodes[n].execution_time, *before = &w->routes->executed[n];
        if (now - *before > most)
            most = now - *before;
        *before = now;
    }
    return span > 0 ? (double)most / (double)span : 0;
}

static uint32_t fullest_pool(struct layer *l)
{
    uint32_t most = 0;
    for (node_id n = l->first; n < l->first + l->count; n++) {
        uint32_t count;
        uint64_t bytes;
        l->mempool->size(mempool_state(l, n), &count, &bytes);
        most = count > most ? count : most;
    }
    return most;
}

static void hear_report(struct world *w, struct mail_item *item, node_id node)
{
    struct report_item *r = (struct report_item *)item;
    struct routes *s = w->routes;
    (void)node;
    r->report.arrived = sim_now(w->sim);
    if (s->ops->observe)
        s->ops->observe(s->state, &r->report);
    mail_done(w, item);
}

static void close_window(struct window *v, sim_time now)
{
    v->edges.len = 0;
    map_clear(&v->at);
    v->txs = v->crossings = v->executions = v->aborts = 0;
    v->gas_used = v->gas_room = 0;
    v->latency = 0;
    v->from = now;
}

static void report(struct world *w, struct layer *l)
{
    struct window *v = &w->routes->windows[l->id];
    sim_time now = sim_now(w->sim);
    size_t most = w->cfg->routing.report_edges, edges = v->edges.len < most ? v->edges.len : most;
    struct report_item *r = mem_zalloc(1, sizeof *r + edges * sizeof *r->edges);
    if (!r) {
        world_out_of_memory(w);
        return;
    }
    if (edges < v->edges.len)
        qsort(v->edges.data, v->edges.len, sizeof *r->edges, heaviest_first);
    if (edges) {
        memcpy(r->edges, v->edges.data, edges * sizeof *r->edges);
        qsort(r->edges, edges, sizeof *r->edges, by_pair);
    }
    const struct committed *top = vec_at(&l->chain->committed, l->chain->committed.len - 1);
    r->report = (struct route_report){
        .layer = l->id,
        .from = v->from,
        .to = now,
        .txs = v->txs,
        .crossings = v->crossings,
        .pending = fullest_pool(l),
        .gas_used = v->gas_used,
        .gas_room = v->gas_room,
        .busy = busy_since(w, l, now - v->from),
        .conflicts = v->txs ? (double)v->aborts / v->txs : 0,
        .latency_s = v->txs ? v->latency / v->txs : 0,
        .base_fee_gwei = wei_double(&chain_latest(l, top->block)->track->next.base_fee) / 1e9,
        .edges = r->edges,
        .edge_count = (uint32_t)edges,
    };
    r->item = (struct mail_item){.refs = 1,
                                 .size = REPORT_BYTES + (uint32_t)edges * EDGE_BYTES,
                                 .from = l->id,
                                 .to = takeover_seat(w, 0),
                                 .hear = hear_report};
    mail_post(w, &r->item, NODE_NONE);
    mail_unref(&r->item);
    close_window(v, now);
}

/* ---- one root ---- */

bool routes_root(const struct world *w, struct evm_hash *out)
{
    struct evm_bytes *roots = mem_alloc(w->layer_count, sizeof *roots);
    *out = evm_empty_trie_root;
    if (!roots)
        return false;
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        const struct committed *top = vec_at(&l->chain->committed, l->chain->committed.len - 1);
        const struct block *b = chain_latest(l, top->block);
        roots[i] = (struct evm_bytes){b->state_root.b, sizeof b->state_root.b};
    }
    enum evm_status st = evm_trie_root_of_list(roots, w->layer_count, out);
    mem_free(roots);
    return st == EVM_OK;
}

/* ---- epochs ---- */

static void end_epoch(struct world *w)
{
    struct routes *s = w->routes;
    uint32_t room = (uint32_t)w->cfg->routing.moves;
    s->epochs++;
    book_epoch_ends(w, s->ops, s->state, s->layers);
    uint32_t count = s->ops->epoch ? s->ops->epoch(s->state, sim_now(w->sim), s->moves, room) : 0;
    CHECK(count <= room, "%s moves %u accounts of at most %u", s->ops->model.name, count, room);
    for (uint32_t i = 0; i < count; i++)
        desk_move(w, s->moves[i].account, s->moves[i].to);
    book_epoch(w, s->ops, s->state, count);
}

static void schedule(struct world *w, sim_time at, uint32_t target)
{
    if (at <= w->end)
        world_schedule(w, at, SIM_CLASS_WORKLOAD, world_source(w, SOURCE_DESK), EVENT_ROUTE, target,
                       0);
}

void routes_on_event(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    if (ev->target == LAYER_NONE) {
        end_epoch(w);
        schedule(w, sim_now(sim) + w->cfg->routing.epoch, LAYER_NONE);
        return;
    }
    if (!takeover_retired(w, (layer_id)ev->target))
        report(w, &w->layers[ev->target]);
    schedule(w, sim_now(sim) + w->cfg->routing.report_interval, ev->target);
}

void routes_start(struct world *w)
{
    net_destroy(w->routes->places);
    w->routes->places = NULL;
    for (layer_id i = 0; i < w->layer_count; i++)
        schedule(w, w->cfg->routing.report_interval, i);
    schedule(w, w->cfg->routing.epoch, LAYER_NONE);
}

layer_id routes_place(struct world *w, account_id account, const struct evm_addr *addr,
                      bool contract)
{
    struct routes *s = w->routes;
    layer_id home = s->ops->place(s->state, account, addr, contract);
    CHECK(home < w->layer_count, "%s places account %u in layer %u", s->ops->model.name, account,
          home);
    return home;
}

/* ---- life ---- */

static sim_time env_delay(const struct route_env *env, layer_id a, layer_id b)
{
    enum { PAIRS = 4 }; /* of nodes that are looked at */
    struct world *w = env->world;
    const struct layer *x = &w->layers[a], *y = &w->layers[b];
    const struct net *net = w->net ? w->net : w->routes->places;
    sim_time sum = 0;
    if (a == b)
        return 0;
    for (uint32_t i = 0; i < PAIRS; i++)
        sum += net_latency(net, x->first + i * x->count / PAIRS % x->count,
                           y->first + i * y->count / PAIRS % y->count);
    return sum / PAIRS;
}

static layer_id env_home(const struct route_env *env, account_id account)
{
    const struct world *w = env->world;
    return directory_at(&w->desk->directory, account)->home;
}

static uint32_t env_accounts(const struct route_env *env)
{
    const struct world *w = env->world;
    return (uint32_t)w->desk->directory.accounts.len;
}

static void env_address(const struct route_env *env, account_id account, struct evm_addr *out)
{
    const struct world *w = env->world;
    *out = directory_at(&w->desk->directory, account)->addr;
}

static void env_fail(const struct route_env *env)
{
    world_out_of_memory(env->world);
}

static void describe_layers(struct world *w)
{
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct layer *l = &w->layers[i];
        struct block_fees fees = l->genesis ? l->genesis->fees : (struct block_fees){0};
        bool sequential = l->cfg->kind == WORLD_LAYER_SEQUENTIAL;
        uint32_t cores = sequential ? 1 : l->classes[0].cores;
        w->routes->layers[i] = (struct route_layer){
            .nodes = l->count,
            .cores = cores,
            .speed = cores / l->execution_cfg->slowdown,
            .sequential = sequential,
            .gas_limit = fees.gas_limit,
            .interval = rows_interval(l),
        };
    }
}

/* ---- the future ---- */

static enum err_code foresee_tx(void *self, const struct evm_state *first, sim_time at,
                                const struct evm_tx *tx)
{
    struct world *w = self;
    struct routes *s = w->routes;
    struct discovery *found = &w->desk->found;
    struct route_future row = {.at = at, .first = (uint32_t)s->future_accounts.len};
    if (!discover_before(w, first, tx, found) || found->accounts.len == 0)
        return ERR_MEMORY;
    account_id sender = directory_number(&w->desk->directory, &tx->sender);
    if (vec_push(&s->future_accounts, &sender) != ERR_OK)
        return ERR_MEMORY;
    for (size_t i = 0; i < found->accounts.len; i++) {
        const account_id *a = vec_at(&found->accounts, i);
        if (*a != sender && vec_push(&s->future_accounts, a) != ERR_OK)
            return ERR_MEMORY;
    }
    row.count = (uint32_t)s->future_accounts.len - row.first;
    row.gas = found->gas;
    return vec_push(&s->future, &row);
}

static enum err_code foresee(struct world *w, const struct evm_state *first, struct err *err)
{
    struct routes *s = w->routes;
    enum err_code code = sources_foresee(w, first, foresee_tx, w, err);
    s->env.future = s->future.data;
    s->env.future_accounts = s->future_accounts.data;
    s->env.future_count = (uint32_t)s->future.len;
    return code;
}

enum err_code routes_create(struct world *w, const struct evm_state *first, struct err *err)
{
    const struct field_choice *choice = &w->cfg->routing.policy;
    struct routes *s = w->routes = mem_zalloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_MEMORY, "no memory for routing");
    s->ops = (const struct router_ops *)choice->model;
    s->state = mem_zalloc(1, s->ops->state_size);
    s->layers = mem_zalloc(w->layer_count, sizeof *s->layers);
    s->windows = mem_zalloc(w->layer_count, sizeof *s->windows);
    s->executed = mem_zalloc(w->node_count, sizeof *s->executed);
    s->moves = mem_zalloc(w->cfg->routing.moves, sizeof *s->moves);
    if (!s->state || !s->layers || !s->windows || !s->executed || !s->moves)
        return err_set(err, ERR_MEMORY, "no memory for routing");
    for (layer_id i = 0; i < w->layer_count; i++)
        vec_init(&s->windows[i].edges, sizeof(struct route_edge));
    sim_stream_init(&s->rng, w->cfg->seed, 0, sim_purpose("world.routing"));
    describe_layers(w);
    s->env = (struct route_env){
        .layer_count = w->layer_count,
        .layers = s->layers,
        .seed = w->cfg->seed,
        .rng = &s->rng,
        .epoch = w->cfg->routing.epoch,
        .delay = env_delay,
        .home = env_home,
        .accounts = env_accounts,
        .address = env_address,
        .fail = env_fail,
        .world = w,
    };
    struct err inner = {0};
    vec_init(&s->future, sizeof(struct route_future));
    vec_init(&s->future_accounts, sizeof(account_id));
    enum err_code code =
        net_create_places(&s->places, &w->cfg->network, w->sim, w->node_count, err);
    if (code == ERR_OK && s->ops->foresees)
        code = foresee(w, first, err);
    if (code != ERR_OK)
        return code;
    code = s->ops->init(s->state, choice->cfg, &s->env, &inner);
    return code == ERR_OK      ? ERR_OK
           : code == ERR_INPUT ? scenario_fail(w->scenario, err, "routing.policy", "%s", inner.text)
                               : err_set(err, code, "%s", inner.text);
}

void routes_destroy(struct world *w)
{
    struct routes *s = w->routes;
    if (!s)
        return;
    net_destroy(s->places);
    if (s->state && s->ops->fini)
        s->ops->fini(s->state);
    for (layer_id i = 0; s->windows && i < w->layer_count; i++) {
        vec_fini(&s->windows[i].edges);
        map_fini(&s->windows[i].at);
    }
    mem_free(s->state);
    mem_free(s->layers);
    mem_free(s->windows);
    mem_free(s->executed);
    mem_free(s->moves);
    vec_fini(&s->future);
    vec_fini(&s->future_accounts);
    mem_free(s);
    w->routes = NULL;
}
