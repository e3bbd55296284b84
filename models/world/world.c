#include "models/world/internal.h"

#include "sim/base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- failures inside handlers ---- */

void world_fail(struct world *w, enum err_code code, const char *format, ...)
{
    if (w->failed != ERR_OK)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(w->failure.text, sizeof w->failure.text, format, args);
    va_end(args);
    w->failure.code = w->failed = code;
    sim_fail(w->sim, code);
}

void world_out_of_memory(struct world *w)
{
    world_fail(w, ERR_MEMORY, "out of memory at %.3f s of virtual time",
               (double)sim_now(w->sim) / 1e9);
}

/* The engine remembers a lack of memory itself. */
void world_schedule(struct world *w, sim_time at, uint32_t class, uint32_t source,
                    enum world_event event, uint32_t target, uint64_t arg)
{
    sim_schedule(w->sim, at, class, source, w->handlers[event], target, arg);
}

/* Setting up a large world takes a while; ERR_LIMIT if it is to end. */
static enum err_code keep_going(const struct world *w, struct err *err)
{
    return w->options.stop && *w->options.stop
               ? err_set(err, ERR_LIMIT, "stopped before the simulation began")
               : ERR_OK;
}

/* ---- layers ---- */

static size_t stride_of(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

/* Class 0 is the layer's own hardware; others are those of the `hardware` list. Nodes of the list
 * are counted from the last one, in its order. */
static enum err_code create_classes(struct world *w, struct layer *l, struct err *err)
{
    const struct field_list *list = &l->execution_cfg->hardware;
    const struct execution_hardware *items = list->items;
    const struct evm_executor_ops *executor = evm_executor_find(l->execution->model.name);
    node_id left = l->count;
    l->class_count = (uint32_t)list->count + 1;
    l->classes = mem_zalloc(l->class_count, sizeof *l->classes);
    l->profiles = mem_zalloc(l->class_count, sizeof *l->profiles);
    if (!l->classes || !l->profiles)
        return err_set(err, ERR_MEMORY, "no memory for hardware classes");
    CHECK(executor, "no executor is called %s", l->execution->model.name);
    for (uint32_t c = 0; c < l->class_count; c++) {
        const struct execution_hardware *h = c ? &items[c - 1] : NULL;
        uint64_t cores = h && h->cores ? h->cores : l->execution_cfg->cores;
        if (l->cfg->kind == WORLD_LAYER_SEQUENTIAL)
            cores = 1;
        struct evm_err why = {0};
        if (!execution_profile(&l->profiles[c], l->execution_cfg, h ? h->profile : NULL,
                               l->execution_cfg->slowdown * (h ? h->slowdown : 1), &why))
            return err_set(err, ERR_INPUT, "%s", why.text);
        l->classes[c] = (struct hardware_class){executor, &l->execution_params, (uint32_t)cores,
                                                &l->profiles[c]};
        for (uint64_t i = 0; h && i < h->nodes && left > 0; i++)
            w->nodes[l->first + --left].class = (uint8_t)c;
    }
    return ERR_OK;
}

/* A layer's own, appended to v. */
static enum err_code draw_validators(struct world *w, const struct layer *l, struct validators *v,
                                     node_id *nodes, uint64_t *weights, uint64_t *upto,
                                     struct err *err)
{
    struct sim_stream rng;
    uint32_t count = l->cfg->validators ? (uint32_t)l->cfg->validators : l->count;
    sim_stream_init(&rng, w->cfg->seed, l->id, sim_purpose("world.weights"));
    for (uint32_t i = 0; i < count; i++) {
        enum err_code code = keep_going(w, err);
        if (code != ERR_OK)
            return code;
        double weight = sim_dist_sample(&l->cfg->weights, &rng);
        uint32_t at = v->count++;
        nodes[at] = l->first + i;
        weights[at] = weight < 1 ? 1 : weight > 1e12 ? WORLD_WEIGHT_MAX : (uint64_t)weight;
        if (i < l->cfg->first_weights.count)
            world_weight(l->cfg->first_weights.items[i], &weights[at]);
        v->equal = v->equal && weights[at] == 1;
        v->total += weights[at];
        upto[at] = v->total;
    }
    return ERR_OK;
}

static enum err_code create_validators(struct world *w, struct chain *c, struct err *err)
{
    struct validators *v = &c->validators;
    node_id *nodes = mem_alloc(c->count, sizeof *nodes);
    uint64_t *weights = mem_alloc(c->count, sizeof *weights);
    uint64_t *upto = mem_alloc(c->count, sizeof *upto);
    v->nodes = nodes;
    v->weights = weights;
    v->upto = upto;
    if (!nodes || !weights || !upto)
        return err_set(err, ERR_MEMORY, "no memory for validators");
    v->equal = true;
    enum err_code code = ERR_OK;
    for (layer_id i = 0; code == ERR_OK && i < c->layer_count; i++)
        code = draw_validators(w, &w->layers[c->first_layer + i], v, nodes, weights, upto, err);
    return code;
}

static enum err_code create_service(struct world *w, struct layer *l, struct err *err)
{
    struct execution_config config = {
        .rules = w->rules,
        .codes = w->codes,
        .caches = {.prefetch = l->execution_cfg->prefetch,
                   .no_keccak = !l->execution_cfg->keccak_cache,
                   .no_code = !l->execution_cfg->code_cache},
        .precompute = l->execution_cfg->precompute,
        .lists = l->with_list,
        .storage = l->fees->tables,
        .partitioned = w->desk != NULL,
        .real_root = l->execution_cfg->state_root == EXECUTION_ROOT_MPT,
        .seed = w->cfg->seed,
        .classes = l->classes,
        .class_count = l->class_count,
    };
    if (w->audits)
        audits_execution(w, l, &config);
    return execution_service_create(&l->service, w->workers, &config, err);
}

/* What the workloads of a layer, or LAYER_NONE for all, put into the first state. */
static enum err_code first_state(struct world *w, layer_id layer, struct evm_state **out,
                                 struct err *err)
{
    struct genesis *g = NULL;
    enum err_code code = genesis_create(&g, w->codes, w->rules, w->cfg->chain_id, err);
    if (code == ERR_OK)
        genesis_heed(g, w->options.stop);
    if (code == ERR_OK)
        code = sources_genesis(w, layer, g, err);
    if (code == ERR_OK && layer == LAYER_NONE)
        code = partition_pieces(w, g, err);
    if (code == ERR_OK)
        code = genesis_finish(g, out, err);
    genesis_destroy(g);
    return code;
}

static enum err_code create_genesis(struct world *w, struct layer *l, struct err *err)
{
    struct evm_state *state = NULL;
    enum err_code code = first_state(w, l->id, &state, err);
    if (code == ERR_OK && w->audits && (code = audits_state(w, l, state, err)) != ERR_OK)
        evm_state_unref(state);
    return code == ERR_OK ? chain_genesis(w, l, state, NULL, err) : code;
}

/* One state for all layers, cut up as the policy says. */
static enum err_code create_partition(struct world *w, struct err *err)
{
    struct evm_state *whole = NULL;
    enum err_code code = first_state(w, LAYER_NONE, &whole, err);
    if (code == ERR_OK)
        code = partition_number(w, whole, err);
    if (code == ERR_OK)
        code = routes_create(w, whole, err);
    if (code == ERR_OK)
        code = partition_genesis(w, whole, err);
    if (code == ERR_OK && w->cfg->verify == WORLD_VERIFY_SERIALISABLE)
        code = verify_create(w, whole, err);
    evm_state_unref(whole);
    return code;
}

static enum err_code failed_init(struct world *w, const struct layer *l, const char *section,
                                 enum err_code code, const struct err *inner, struct err *err)
{
    char path[64];
    size_t entry;
    if (code != ERR_INPUT)
        return err_set(err, code, "%s", inner->text);
    world_layer_at(w->cfg, l->id, &entry);
    snprintf(path, sizeof path, "layers[%zu].%s", entry, section);
    return scenario_fail(w->scenario, err, path, "%s", inner->text);
}

/* A sequential layer keeps what its execution says of everything but the executor. */
static void choose_executor(struct layer *l)
{
    const struct execution_ops *chosen = (const struct execution_ops *)l->cfg->execution.model;
    l->execution_cfg = chosen->common(l->cfg->execution.cfg);
    l->execution_params = evm_exec_params_default();
    l->execution = l->cfg->kind == WORLD_LAYER_SEQUENTIAL ? &execution_serial : chosen;
    if (l->execution == chosen)
        chosen->params(l->cfg->execution.cfg, &l->execution_params);
}

bool world_has_mail(const struct world *w)
{
    bool reports = false;
    for (layer_id i = 0; i < w->layer_count; i++)
        reports |= ((const struct fees_ops *)w->layers[i].cfg->fees.model)->reports;
    return w->cfg->routing.policy.model || (reports && w->layer_count > 1);
}

static enum err_code prepare_layer(struct world *w, layer_id id, struct err *err)
{
    struct layer *l = &w->layers[id];
    choose_executor(l);
    return create_classes(w, l, err);
}

static enum err_code create_layer(struct world *w, layer_id id, struct err *err)
{
    struct layer *l = &w->layers[id];
    const struct world_layer *cfg = l->cfg;
    struct err inner = {0};
    l->fees = (const struct fees_ops *)cfg->fees.model;
    l->mempool = (const struct mempool_ops *)cfg->mempool.model;
    l->after_order = execution_follows(l->execution_cfg->coupling);
    l->on_proposal = l->execution_cfg->coupling == EXECUTE_ON_PROPOSAL;
    l->with_list = l->execution_cfg->coupling == EXECUTE_WITH_LIST;
    order_layer_init(l);
    sim_stream_init(&l->sizes, w->cfg->seed, id, sim_purpose("world.block_size"));
    l->fees_state = mem_zalloc(1, l->fees->state_size);
    if (!l->fees_state)
        return err_set(err, ERR_MEMORY, "no memory for a layer");
    enum err_code code = l->fees->init(l->fees_state, cfg->fees.cfg, &inner);
    if (code != ERR_OK)
        return failed_init(w, l, "fees", code, &inner, err);
    code = create_service(w, l, err);
    return code == ERR_OK && !w->desk ? create_genesis(w, l, err) : code;
}

/* ---- nodes ---- */

static enum err_code allocate_pools(struct layer *l, struct err *err)
{
    l->mempool_stride = stride_of(l->mempool->state_size);
    l->mempool_states = mem_zalloc(l->count, l->mempool_stride);
    l->mempool_envs = mem_zalloc(l->count, sizeof *l->mempool_envs);
    if (l->mempool_states && l->mempool_envs)
        return ERR_OK;
    return err_set(err, ERR_MEMORY, "no memory for the pools of %u nodes", l->count);
}

static enum err_code allocate_states(struct chain *c, struct err *err)
{
    c->consensus_stride = stride_of(c->consensus->state_size);
    c->consensus_states = mem_zalloc(c->count, c->consensus_stride);
    c->consensus_envs = mem_zalloc(c->count, sizeof *c->consensus_envs);
    if (c->consensus_states && c->consensus_envs)
        return ERR_OK;
    return err_set(err, ERR_MEMORY, "no memory for the consensus of %u nodes", c->count);
}

static enum err_code create_node(struct world *w, struct layer *l, node_id id, struct err *err)
{
    struct node *n = &w->nodes[id];
    struct chain *c = l->chain;
    struct err inner = {0};
    n->layer = l->id;
    n->up = true;
    n->head = block_ref(c->genesis);
    n->final = block_ref(c->genesis);
    n->executed = block_ref(l->genesis);
    sim_stream_init(&n->random, w->cfg->seed, id, sim_purpose("world.node"));
    l->mempool_envs[id - l->first] = (struct mempool_env){&pools_host, w, id};
    c->consensus_envs[id - c->first] = (struct consensus_env){
        .host = &post_consensus_host,
        .world = w,
        .node = id,
        .me = validators_index(&c->validators, id),
        .layer = c->first_layer,
        .seed = w->cfg->seed,
        .validators = &c->validators,
        .genesis = c->genesis,
    };
    enum err_code code = l->mempool->init(mempool_state(l, id), l->cfg->mempool.cfg,
                                          &l->mempool_envs[id - l->first], &inner);
    if (code != ERR_OK)
        return failed_init(w, l, "mempool", code, &inner, err);
    code = c->consensus->init(consensus_state(c, id), c->consensus_cfg,
                              &c->consensus_envs[id - c->first], &inner);
    return code == ERR_OK ? ERR_OK : failed_init(w, l, "consensus", code, &inner, err);
}

static enum err_code create_nodes(struct world *w, struct err *err)
{
    enum err_code code = ERR_OK;
    for (layer_id i = 0; i < w->chain_count && code == ERR_OK; i++)
        if ((code = create_validators(w, &w->chains[i], err)) == ERR_OK)
            code = allocate_states(&w->chains[i], err);
    for (layer_id i = 0; i < w->layer_count && code == ERR_OK; i++) {
        struct layer *l = &w->layers[i];
        code = allocate_pools(l, err);
        for (node_id n = l->first; n < l->first + l->count && code == ERR_OK; n++)
            if ((code = keep_going(w, err)) == ERR_OK)
                code = create_node(w, l, n, err);
    }
    return code;
}

/* ---- the whole ---- */

static const struct {
    const char *name;
    sim_handler_fn *run;
} handlers[EVENT_COUNT] = {
    [EVENT_TIMER] = {"consensus timer", post_on_timer},
    [EVENT_INBOX] = {"message checked", post_on_inbox},
    [EVENT_OUTBOX] = {"message signed", post_on_outbox},
    [EVENT_EXECUTE] = {"block executed", cores_on_execute},
    [EVENT_CALL] = {"block judged", cores_on_call},
    [EVENT_EMIT] = {"transaction", sources_on_emit},
    [EVENT_WAKE] = {"closed loop", sources_on_wake},
    [EVENT_RESUBMIT] = {"transaction again", sources_on_resubmit},
    [EVENT_FAULT] = {"fault", trouble_on_fault},
    [EVENT_SYNC] = {"fetch timeout", sync_on_timeout},
    [EVENT_REFILL] = {"pool asked for again", refill_on_again},
    [EVENT_POOLS] = {"pool tick", pools_on_tick},
    [EVENT_MAIL] = {"mail between layers", mail_on_event},
    [EVENT_AUDIT] = {"audit", audits_on_event},
    [EVENT_DESK] = {"crossing", desk_on_event},
    [EVENT_ROUTE] = {"routing", routes_on_event},
    [EVENT_SAMPLE] = {"sample", rows_on_sample},
};

/* Who orders blocks with whom: each layer for itself, or all of them together. */
static enum err_code create_chains(struct world *w, struct err *err)
{
    bool global = w->cfg->ordering == WORLD_ORDER_GLOBAL;
    w->chain_count = global ? 1 : w->layer_count;
    w->chains = mem_zalloc(w->chain_count, sizeof *w->chains);
    w->chain_first = mem_zalloc((size_t)w->chain_count + 1, sizeof *w->chain_first);
    if (!w->chains || !w->chain_first)
        return err_set(err, ERR_MEMORY, "no memory for %u chains", w->chain_count);
    for (layer_id i = 0; i < w->layer_count; i++) {
        struct layer *l = &w->layers[i];
        l->first = w->layer_first[i];
        l->count = w->layer_first[i + 1] - l->first;
        l->chain = &w->chains[global ? 0 : i];
        if (l->chain->layer_count++ == 0) {
            l->chain->first_layer = i;
            l->chain->first = l->first;
            l->chain->consensus = (const struct consensus_ops *)l->cfg->consensus.model;
            l->chain->consensus_cfg = l->cfg->consensus.cfg;
            vec_init(&l->chain->committed, sizeof(struct committed));
            vec_init(&l->chain->open, sizeof(struct block *));
            order_init(l->chain);
            vec_init(&l->chain->hidden, sizeof(struct block *));
        }
        l->chain->count += l->count;
        w->chain_first[chain_index(w, l->chain) + 1] = l->first + l->count;
    }
    return ERR_OK;
}

/* Sizes, arrays and the engine: what everything else stands on. */
static enum err_code create_frame(struct world *w, struct err *err)
{
    enum evm_fork fork = EVM_CANCUN;
    evm_fork_from_name(w->cfg->fork, &fork);
    w->rules = evm_rules_of(fork);
    w->layer_count = (layer_id)world_layer_total(w->cfg);
    w->layer_first = mem_zalloc((size_t)w->layer_count + 1, sizeof *w->layer_first);
    w->layers = mem_zalloc(w->layer_count, sizeof *w->layers);
    if (!w->layer_first || !w->layers)
        return err_set(err, ERR_MEMORY, "no memory for %u layers", w->layer_count);
    for (layer_id i = 0; i < w->layer_count; i++) {
        struct layer *l = &w->layers[i];
        l->id = i;
        l->cfg = world_layer_at(w->cfg, i, NULL);
        w->layer_first[i + 1] = w->layer_first[i] + (node_id)l->cfg->nodes;
        world_layer_name(w->cfg, i, l->name, sizeof l->name);
    }
    w->node_count = w->layer_first[w->layer_count];
    enum err_code code = create_chains(w, err);
    if (code != ERR_OK)
        return code;
    w->nodes = mem_zalloc(w->node_count, sizeof *w->nodes);
    w->marks = mem_zalloc(w->node_count, 1);
    w->sample_busy = mem_zalloc(w->node_count, sizeof *w->sample_busy);
    w->sample_up = mem_zalloc(w->node_count, sizeof *w->sample_up);
    w->sample_down = mem_zalloc(w->node_count, sizeof *w->sample_down);
    w->sample_out = mem_zalloc(w->node_count, sizeof *w->sample_out);
    w->codes = evm_codes_create();
    if (!w->nodes || !w->marks || !w->sample_busy || !w->sample_up || !w->sample_down ||
        !w->sample_out || !w->codes)
        return err_set(err, ERR_MEMORY, "no memory for %u nodes", w->node_count);
    code = workers_create(&w->workers, w->options.threads - 1, err);
    if (code == ERR_OK && (code = sim_create(&w->sim, w->cfg->seed)) != ERR_OK)
        err_set(err, code, "no memory for the engine");
    for (int i = 0; i < EVENT_COUNT && code == ERR_OK; i++)
        code = sim_add_handler(w->sim, &w->handlers[i], handlers[i].name, handlers[i].run, w);
    return code;
}

/* What world_destroy can take back, and no more. NULL without memory. */
static struct world *make(const struct scenario *scenario, const struct world_options *options)
{
    struct world *w = mem_zalloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->scenario = scenario;
    w->cfg = scenario_root(scenario);
    w->options = *options;
    w->load_end = w->cfg->duration;
    w->end = w->cfg->duration + w->cfg->drain;
    pool_init(&w->parcels, sizeof(struct parcel));
    pool_init(&w->tasks, sizeof(struct task));
    vec_init(&w->fallen, sizeof(struct tx *));
    vec_init(&w->tally.latency, sizeof(double));
    vec_init(&w->tally.half, sizeof(double));
    vec_init(&w->tally.after_first[0], sizeof(double));
    vec_init(&w->tally.after_first[1], sizeof(double));
    vec_init(&w->tally.speculative, sizeof(double));
    for (int i = 0; i < 3; i++)
        vec_init(&w->tally.final[i], sizeof(double));
    vec_init(&w->tally.most, sizeof(double));
    vec_init(&w->tally.all, sizeof(double));
    vec_init(&w->tally.tip, sizeof(double));
    vec_init(&w->tally.fee, sizeof(double));
    if (w->cfg->record.trace.to > 0 && !w->options.watch) {
        w->trace = trace_create(&w->cfg->record.trace, w->cfg);
        if (!w->trace) {
            mem_free(w);
            return NULL;
        }
        w->options.watch = trace_watch(w->trace);
    }
    sim_stream_init(&w->entry_random, w->cfg->seed, 0, sim_purpose("world.entry"));
    return w;
}

enum err_code world_check(const struct scenario *scenario, struct err *err)
{
    struct world_options options = {.threads = 1};
    struct world *w = make(scenario, &options);
    if (!w)
        return err_set(err, ERR_MEMORY, "no memory for a world");
    enum err_code code = create_frame(w, err);
    if (code == ERR_OK)
        code = sources_create(w, err);
    if (code == ERR_OK)
        code = net_create_places(&w->net, &w->cfg->network, w->sim, w->node_count, err);
    if (code == ERR_OK)
        code = net_check_topology(w->net, w->layer_count, w->layer_first, err);
    if (code == ERR_OK)
        code = trouble_create(w, err);
    if (code == ERR_OK && world_has_mail(w))
        code = mail_check(w, err);
    if (code == ERR_OK && w->cfg->routing.policy.model)
        code = desk_create(w, err);
    world_destroy(w);
    return code;
}

enum err_code world_create(struct world **out, const struct scenario *scenario,
                           const struct world_options *options, struct err *err)
{
    *out = NULL;
    CHECK(options->threads > 0, "a world without a thread");
    struct world *w = make(scenario, options);
    if (!w)
        return err_set(err, ERR_MEMORY, "no memory for a world");
    enum err_code code = create_frame(w, err);
    if (code == ERR_OK)
        code = rows_open(w, err);
    if (code == ERR_OK)
        code = sources_create(w, err);
    for (layer_id i = 0; i < w->layer_count && code == ERR_OK; i++)
        code = prepare_layer(w, i, err);
    if (code == ERR_OK)
        code = audits_create(w, err);
    if (code == ERR_OK && w->cfg->routing.policy.model)
        code = desk_create(w, err);
    for (layer_id i = 0; i < w->layer_count && code == ERR_OK; i++)
        if ((code = keep_going(w, err)) == ERR_OK)
            code = create_layer(w, i, err);
    if (code == ERR_OK && w->desk)
        code = create_partition(w, err);
    if (code == ERR_OK)
        code = create_nodes(w, err);
    if (code == ERR_OK)
        code = audits_stakes(w, err);
    if (code == ERR_OK)
        code = keep_going(w, err);
    struct net_host host = post_net_host(w);
    if (code == ERR_OK)
        code = net_create(&w->net, &w->cfg->network, w->sim, w->chain_count, w->chain_first, &host,
                          err);
    if (code == ERR_OK && world_has_mail(w))
        code = mail_create(w, err);
    if (code == ERR_OK && w->cfg->takeover.after != SIM_TIME_NEVER)
        code = takeover_create(w, err);
    if (code == ERR_OK && !fees_begin(w))
        code = err_set(err, ERR_MEMORY, "no memory for what layers hear of fees");
    if (code == ERR_OK)
        code = court_create(w, err);
    if (code == ERR_OK)
        code = trouble_create(w, err);
    if (code == ERR_OK)
        code = keep_going(w, err);
    if (code != ERR_OK) {
        if (w->record)
            record_discard(w->record);
        world_destroy(w);
        return code;
    }
    *out = w;
    return ERR_OK;
}

static void start_models(struct world *w)
{
    for (layer_id i = 0; i < w->layer_count; i++) {
        struct layer *l = &w->layers[i];
        for (node_id n = l->first; n < l->first + l->count; n++)
            for (uint8_t life = 0; life < lives(w, n); life++)
                l->chain->consensus->start(life_state(w, n, life));
    }
    sources_start(w);
    if (w->routes)
        routes_start(w);
    world_schedule(w, SIM_SEC, SIM_CLASS_TIMER, world_source(w, SOURCE_POOLS), EVENT_POOLS, 0, 0);
    sim_time first = w->cfg->record.interval < w->end ? w->cfg->record.interval : w->end;
    world_schedule(w, first, SIM_CLASS_RECORD, world_source(w, SOURCE_RECORD), EVENT_SAMPLE, 0, 1);
}

enum err_code world_run(struct world *w, struct err *err)
{
    CHECK(!w->started, "a world runs once");
    w->started = true;
    rows_start(w);
    start_models(w);
    enum err_code code = sim_run(w->sim, w->end);
    if (w->failed != ERR_OK)
        return err_set(err, w->failed, "%s", w->failure.text);
    if (code != ERR_OK)
        return err_set(err, code, "out of memory at %.3f s of virtual time",
                       (double)sim_now(w->sim) / 1e9);
    if (w->verify)
        verify_end(w);
    if (w->failed != ERR_OK)
        return err_set(err, w->failed, "%s", w->failure.text);
    code = rows_finish(w, err);
    w->finished = code == ERR_OK;
    return code;
}

static void destroy_layer(struct world *w, struct layer *l)
{
    for (node_id i = 0; i < l->count; i++) {
        struct node *n = &w->nodes[l->first + i];
        if (!n->head) /* set-up ended here */
            break;
        cores_crash(w, l->first + i);
        post_crash(w, l->first + i);
        sync_fini(n);
        if (n->orphans)
            vec_fini(n->orphans);
        mem_free(n->orphans);
        if (l->chain->consensus_states && l->chain->consensus->fini)
            l->chain->consensus->fini(consensus_state(l->chain, l->first + i));
        trouble_fini_node(w, l->first + i);
        if (l->mempool_states && l->mempool->fini)
            l->mempool->fini(mempool_state(l, l->first + i));
        block_unref(n->head);
        block_unref(n->final);
        block_unref(n->executed);
    }
}

/* The last blocks: on one chain those of a layer stand on those of another. */
static void drop_blocks(struct layer *l)
{
    block_unref(l->genesis);
    block_unref(l->base);
    block_unref(l->flattened);
    order_layer_fini(l);
}

/* When no chain holds blocks any more. */
static void destroy_execution(struct layer *l)
{
    execution_service_destroy(l->service);
    fees_fini(l);
    mem_free(l->classes);
    mem_free(l->profiles);
    mem_free(l->mempool_states);
    mem_free(l->mempool_envs);
}

static void destroy_chain(struct chain *c)
{
    chain_fini(c);
    mem_free((void *)(uintptr_t)c->validators.nodes);
    mem_free((void *)(uintptr_t)c->validators.weights);
    mem_free((void *)(uintptr_t)c->validators.upto);
    mem_free(c->consensus_states);
    mem_free(c->consensus_envs);
}

/* Messages, tasks and transactions that pending events hold. */
static void drop_event(void *self, const struct sim_event *ev)
{
    struct world *w = self;
    if (ev->handler == w->handlers[EVENT_INBOX] || ev->handler == w->handlers[EVENT_OUTBOX])
        message_unref(((struct parcel *)sim_arg_pointer(ev))->message);
    else if (ev->handler == w->handlers[EVENT_CALL])
        block_unref(((struct task *)sim_arg_pointer(ev))->block);
    else if (ev->handler == w->handlers[EVENT_AUDIT])
        audit_unref(sim_arg_pointer(ev));
    else if (ev->handler == w->handlers[EVENT_RESUBMIT])
        tx_unref(sim_arg_pointer(ev));
}

void world_destroy(struct world *w)
{
    if (!w)
        return;
    trouble_destroy(w);
    court_destroy(w);
    net_destroy(w->net);
    if (w->sim)
        sim_drain(w->sim, drop_event, w);
    /* Blocks that still execute look at where accounts are. */
    for (layer_id i = 0; w->desk && w->layers && i < w->layer_count; i++)
        execution_rest(w->layers[i].service);
    verify_destroy(w);
    takeover_destroy(w);
    desk_destroy(w);
    book_destroy(w);
    mail_destroy(w);
    routes_destroy(w);
    for (layer_id i = 0; w->layers && i < w->layer_count; i++)
        if (w->layers[i].cfg)
            destroy_layer(w, &w->layers[i]);
    audits_destroy(w);
    for (layer_id i = 0; w->chains && i < w->chain_count; i++)
        destroy_chain(&w->chains[i]);
    for (layer_id i = 0; w->layers && i < w->layer_count; i++)
        drop_blocks(&w->layers[i]);
    for (layer_id i = 0; w->layers && i < w->layer_count; i++)
        destroy_execution(&w->layers[i]);
    sources_destroy(w);
    while (w->open_txs)
        chain_close_tx(w, w->open_txs);
    for (size_t i = 0; i < w->fallen.len; i++)
        tx_unref(*(struct tx **)vec_at(&w->fallen, i));
    vec_fini(&w->fallen);
    vec_fini(&w->tally.latency);
    vec_fini(&w->tally.half);
    vec_fini(&w->tally.after_first[0]);
    vec_fini(&w->tally.after_first[1]);
    vec_fini(&w->tally.speculative);
    for (int i = 0; i < 3; i++)
        vec_fini(&w->tally.final[i]);
    vec_fini(&w->tally.most);
    vec_fini(&w->tally.all);
    vec_fini(&w->tally.tip);
    vec_fini(&w->tally.fee);
    record_destroy(w->record);
    trace_destroy(w->trace);
    sim_destroy(w->sim);
    workers_destroy(w->workers);
    evm_codes_destroy(w->codes);
    pool_fini(&w->parcels);
    pool_fini(&w->tasks);
    mem_free(w->pick);
    mem_free(w->layers);
    mem_free(w->layer_first);
    mem_free(w->chains);
    mem_free(w->chain_first);
    mem_free(w->nodes);
    mem_free(w->marks);
    mem_free(w->sample_busy);
    mem_free(w->sample_up);
    mem_free(w->sample_down);
    mem_free(w->sample_out);
    mem_free(w);
}

const struct trace *world_trace(const struct world *w)
{
    return w->trace;
}
