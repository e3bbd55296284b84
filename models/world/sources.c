/* Workloads: their transactions are asked for ahead of time, signed and recovered on host threads,
 * and handed to their entry nodes when their moment comes. */
#include "models/world/internal.h"
#include "models/world/sources_internal.h"

#include "evm/core/keccak.h"
#include "evm/core/sig.h"
#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 32,        /* transactions a signing job */
    BATCHES_AHEAD = 8, /* jobs under way for a workload */
};

struct item {
    struct tx *tx; /* a reference; NULL once emitted */
    sim_time at;
    node_id entry;
    bool everywhere, recorded;
    sim_time wished; /* -1, or when it was counted as offered */
    uint8_t secret[32];
    struct evm_addr from;
};

struct batch {
    struct job job; /* first member */
    struct batch *next;
    bool modelled;
    enum evm_status status;
    struct err failure;
    uint32_t count, used;
    struct item items[BATCH];
};

const char *sources_name(const struct world *w, uint16_t workload)
{
    return w->sources[workload].name;
}

/* ---- signing, on a host thread ---- */

/* Four at a time, which costs little more than one. */
static void hash_all(struct evm_hash *out, const struct evm_bytes *in, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 4) {
        struct evm_bytes four[4];
        struct evm_hash got[4];
        for (uint32_t k = 0; k < 4; k++)
            four[k] = in[i + k < count ? i + k : i];
        evm_keccak256_x4(got, four);
        for (uint32_t k = 0; k < 4 && i + k < count; k++)
            out[i + k] = got[k];
    }
}

/* Signatures' places filled without the work: as long as real ones, r and s hashes of what would be
 * signed and of who signs. */
static enum evm_status model_signatures(struct item **items, uint32_t count, struct evm_err *err)
{
    struct evm_bytes in[BATCH] = {{0}};
    struct evm_hash r[BATCH], s[BATCH];
    for (uint32_t i = 0; i < count; i++)
        in[i] = items[i]->tx->evm.raw;
    hash_all(s, in, count);
    for (uint32_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof items[i]->from.b; k++) /* two senders may say the same */
            s[i].b[k] ^= items[i]->from.b[k];
        in[i] = (struct evm_bytes){s[i].b, sizeof s[i].b};
    }
    hash_all(r, in, count);
    for (uint32_t i = 0; i < count; i++)
        in[i] = (struct evm_bytes){r[i].b, sizeof r[i].b};
    hash_all(s, in, count);
    for (uint32_t i = 0; i < count; i++) {
        struct evm_tx *tx = &items[i]->tx->evm;
        evm_u256_load_be(&tx->r, r[i].b);
        evm_u256_load_be(&tx->s, s[i].b);
        tx->y_parity = evm_u256_of(r[i].b[0] & 1);
        tx->sender = items[i]->from;
        tx->has_sender = true;
        enum evm_status status = evm_tx_encode_unhashed(tx, err);
        if (status != EVM_OK)
            return status;
        in[i] = tx->raw;
    }
    hash_all(r, in, count);
    for (uint32_t i = 0; i < count; i++)
        items[i]->tx->evm.hash = r[i];
    return EVM_OK;
}

static enum evm_status sign_item(const struct item *item, struct evm_err *err)
{
    struct evm_tx *tx = &item->tx->evm;
    struct evm_hash digest;
    uint8_t r[32], s[32];
    int parity;
    evm_tx_signing_hash(tx, &digest);
    if (!evm_sig_sign(&digest, item->secret, r, s, &parity))
        return evm_fail(err, EVM_ERR_INPUT, "a workload gives an impossible secret key");
    tx->y_parity = evm_u256_of((uint64_t)parity);
    evm_u256_load_be(&tx->r, r);
    evm_u256_load_be(&tx->s, s);
    enum evm_status status = evm_tx_encode(tx, err);
    if (status == EVM_OK)
        status = evm_tx_recover(tx, true, err);
    if (status == EVM_OK && !evm_addr_eq(&tx->sender, &item->from))
        status = evm_fail(err, EVM_ERR_INPUT, "a workload's secret key is not that of its sender");
    return status;
}

static void sign_batch(struct job *job)
{
    struct batch *b = (struct batch *)job; /* its first member */
    struct item *modelled[BATCH];
    uint32_t count = 0;
    struct evm_err why = {0};
    for (uint32_t i = 0; i < b->count && b->status == EVM_OK; i++) {
        struct item *item = &b->items[i];
        struct evm_tx *tx = &item->tx->evm;
        /* A recorded transaction has its signature, and perhaps its sender, already. */
        if (item->recorded)
            b->status = tx->has_sender ? EVM_OK : evm_tx_recover(tx, false, &why);
        else if (b->modelled)
            modelled[count++] = item;
        else
            b->status = sign_item(item, &why);
    }
    if (b->status == EVM_OK)
        b->status = model_signatures(modelled, count, &why);
    for (uint32_t i = 0; i < b->count; i++)
        b->items[i].tx->size = (uint32_t)b->items[i].tx->evm.raw.size;
    if (b->status != EVM_OK)
        err_set(&b->failure, b->status == EVM_ERR_MEMORY ? ERR_MEMORY : ERR_INPUT, "%s", why.text);
}

/* ---- asking a workload ---- */

static struct tx *make_tx(struct world *w, const struct source *s, struct workload_tx *from)
{
    struct tx *t = mem_zalloc(1, sizeof *t);
    struct evm_err why = {0};
    if (!t) {
        world_out_of_memory(w);
        return NULL;
    }
    t->refs = 1;
    t->workload = (uint16_t)(s - w->sources);
    t->layer = s->layer;
    t->pool_layer = LAYER_NONE;
    t->sender = from->sender;
    t->recipient = from->recipient;
    t->pooled = t->included = t->committed = RECORD_NEVER;
    t->evm = from->tx;
    t->evm.storage = NULL; /* evm_tx_encode copies all that the scratch space holds */
    enum evm_status status = from->tx.raw.size > 0 ? evm_tx_decode(&t->evm, from->tx.raw, &why)
                                                   : evm_tx_encode_unhashed(&t->evm, &why);
    if (status == EVM_OK)
        return t;
    mem_free(t);
    world_fail(w, status == EVM_ERR_MEMORY ? ERR_MEMORY : ERR_INPUT, "workload %s: %s", s->name,
               why.text);
    return NULL;
}

/* One more transaction into the batch; false when there is none. */
static bool ask(struct world *w, struct source *s, struct batch *b)
{
    struct workload_tx *out = s->scratch;
    struct item *item = &b->items[b->count];
    *out = (struct workload_tx){.entry = NODE_NONE, .recipient = UINT32_MAX, .wished = -1};
    out->tx.chain_id = s->env.chain_id;
    out->tx.has_chain_id = true;
    if (!s->ops->next(s->state, out) || out->at >= s->env.end) {
        s->exhausted = (!s->ops->closed && !s->wakes) || out->at >= s->env.end;
        return false;
    }
    CHECK(out->at >= s->latest, "workload %s goes back from %lld to %lld ns", s->name,
          (long long)s->latest, (long long)out->at);
    s->latest = out->at;
    *item = (struct item){.at = out->at,
                          .entry = out->entry,
                          .everywhere = out->everywhere,
                          .recorded = out->tx.raw.size > 0,
                          .wished = out->wished,
                          .from = out->from};
    if (out->bids > 0)
        sources_add_owed(w, s, out);
    memcpy(item->secret, out->secret, sizeof item->secret);
    item->tx = make_tx(w, s, out);
    if (!item->tx) {
        s->exhausted = true;
        return false;
    }
    b->count++;
    return true;
}

/* Keeps enough batches under way; a reactive model is asked for one transaction at a time. */
static void refill(struct world *w, struct source *s)
{
    uint32_t ahead = s->reactive ? 1 : BATCHES_AHEAD, size = s->reactive ? 1 : BATCH;
    while (!s->exhausted && s->batches < ahead) {
        struct batch *b = mem_zalloc(1, sizeof *b);
        if (!b) {
            world_out_of_memory(w);
            return;
        }
        b->job.run = sign_batch;
        b->modelled = w->cfg->signatures == WORLD_SIGNATURES_MODELLED;
        while (b->count < size && ask(w, s, b))
            ;
        if (b->count == 0) {
            mem_free(b);
            return;
        }
        *(s->last ? &s->last->next : &s->first) = b;
        s->last = b;
        s->batches++;
        workers_submit(w->workers, &b->job);
    }
}

static void schedule_next(struct world *w, uint32_t index)
{
    struct source *s = &w->sources[index];
    refill(w, s);
    if (!s->first)
        return;
    sim_time at = s->first->items[s->first->used].at;
    if (at < sim_now(w->sim))
        at = sim_now(w->sim);
    world_schedule(w, at, SIM_CLASS_WORKLOAD, world_source(w, SOURCE_ENTRIES + index), EVENT_EMIT,
                   index, 0);
}

/* ---- handing them out ---- */

/* The node itself, or the next one of the layer that is up; NODE_NONE if all are down. */
static node_id first_up(struct world *w, const struct layer *l, node_id node)
{
    for (node_id i = 0; i < l->count; i++) {
        node_id at = l->first + (node - l->first + i) % l->count;
        if (w->nodes[at].up)
            return at;
    }
    return NODE_NONE;
}

static void enter(struct world *w, struct tx *tx, node_id wanted)
{
    layer_id at = tx->layer;
    if (w->desk && !desk_seat(w, tx, &at))
        return;
    struct layer *l = &w->layers[at];
    tx->pool_layer = l->id;
    if (wanted < l->first || wanted >= l->first + l->count)
        wanted = l->first + (node_id)sim_stream_below(&w->entry_random, l->count);
    node_id node = first_up(w, l, wanted);
    if (node == NODE_NONE) { /* a user who reaches nobody tries again */
        world_schedule(w, sim_now(w->sim) + SIM_SEC, SIM_CLASS_WORKLOAD,
                       world_source(w, SOURCE_POOLS), EVENT_RESUBMIT, wanted, sim_arg(tx_ref(tx)));
        return;
    }
    tx->entry = node;
    if (!post_offer(w, node, tx, true))
        return;
    struct message *m = message_create(CHANNEL_TX, 0, 0);
    if (!m) {
        world_out_of_memory(w);
        return;
    }
    message_set_tx(m, tx);
    m->layer = l->id;
    m->origin = node;
    net_publish(w->net, chain_index(w, l->chain), node, m);
}

void sources_enter(struct world *w, struct tx *tx)
{
    enter(w, tx, NODE_NONE);
}

/* To every node that is up. */
static void enter_everywhere(struct world *w, struct tx *tx)
{
    layer_id at = tx->layer;
    if (w->desk && !desk_seat(w, tx, &at))
        return;
    struct layer *l = &w->layers[at];
    tx->pool_layer = l->id;
    tx->entry = NODE_NONE;
    for (node_id node = l->first; node < l->first + l->count; node++) {
        if (!w->nodes[node].up)
            continue;
        if (tx->entry == NODE_NONE)
            tx->entry = node;
        post_offer(w, node, tx, true);
    }
    if (tx->entry == NODE_NONE)
        enter(w, tx, NODE_NONE);
}

void sources_on_emit(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct source *s = &w->sources[ev->target];
    struct batch *b = s->first;
    workers_help(w->workers, &b->job);
    if (b->status != EVM_OK) {
        world_fail(w, b->failure.code, "workload %s: %s", s->name, b->failure.text);
        return;
    }
    struct item *item = &b->items[b->used++];
    struct tx *tx = item->tx;
    item->tx = NULL;
    if (b->used == b->count) {
        s->first = b->next;
        if (!s->first)
            s->last = NULL;
        s->batches--;
    }
    tx->id = w->tx_count++;
    tx->emitted = sim_now(sim);
    tx->previous = w->open_last;
    *(w->open_last ? &w->open_last->next : &w->open_txs) = tx;
    w->open_last = tx;
    if (w->desk)
        desk_offer(w, tx);
    struct layer *l = &w->layers[tx->layer];
    if (item->wished < 0) {
        l->offered++;
        l->sample_offered++;
    }
    if (tx->emitted >= w->cfg->warm_up && item->wished < w->cfg->warm_up)
        w->tally.offered++;
    if (item->wished >= w->cfg->warm_up)
        w->tally.waiting--;
    if (item->everywhere)
        enter_everywhere(w, tx);
    else
        enter(w, tx, item->entry);
    if (b->used == b->count)
        mem_free(b);
    schedule_next(w, ev->target);
}

void sources_on_resubmit(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct tx *tx = sim_arg_pointer(ev);
    (void)sim;
    if (tx->phase == TX_PENDING)
        enter(w, tx, NODE_NONE);
    tx_unref(tx);
}

void sources_on_wake(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    struct source *s = &w->sources[ev->target];
    s->wakes--;
    if (s->ops->woken)
        s->ops->woken(s->state, sim_now(sim));
    if (!s->first)
        schedule_next(w, ev->target);
}

void sources_executed(struct world *w, node_id node, const struct block *b)
{
    const struct layer *l = &w->layers[b->layer];
    for (uint32_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        if (s->ops->executed && s->layer == b->layer &&
            validators_index(&l->chain->validators, node) != VALIDATOR_NONE)
            s->ops->executed(s->state, b, node, sim_now(w->sim));
    }
}

bool sources_answer(const struct world *w, uint16_t workload)
{
    return w->sources[workload].ops->closed;
}

void sources_observe(struct world *w, const struct tx *tx)
{
    const struct source *s = &w->sources[tx->workload];
    if (s->ops->observe)
        s->ops->observe(s->state, tx);
}

/* ---- set-up ---- */

/* A setting that every workload's table has. */
static const void *setting(const struct field_choice *choice, const char *name)
{
    const struct field_table *table = choice->model->table;
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return (const char *)choice->cfg + table->rows[i].offset;
    CHECK(false, "workload %s has no setting '%s'", choice->model->name, name);
    return NULL;
}

static enum err_code find_layer(const struct world *w, size_t index, const char *name,
                                layer_id *out, struct err *err)
{
    *out = 0;
    if (name[0] && w->cfg->routing.policy.model) {
        char here[48];
        snprintf(here, sizeof here, "workload[%zu].layer", index);
        return scenario_fail(w->scenario, err, here,
                             "with routing.policy, a transaction goes to its sender's layer: leave "
                             "`layer` out");
    }
    for (layer_id i = 0; name[0] && i < w->layer_count; i++)
        if (strcmp(w->layers[i].name, name) == 0) {
            *out = i;
            return ERR_OK;
        }
    if (!name[0])
        return ERR_OK;
    char path[48];
    snprintf(path, sizeof path, "workload[%zu].layer", index);
    return scenario_fail(w->scenario, err, path, "no layer is called '%s'; the first is %s", name,
                         w->layers[0].name);
}

static enum err_code create_source(struct world *w, size_t index, struct err *err)
{
    const struct field_choice *choice = &w->cfg->workload.items[index];
    struct source *s = &w->sources[index];
    const char *name = *(const char *const *)setting(choice, "name");
    sim_time start = *(const sim_time *)setting(choice, "start");
    sim_time stop = *(const sim_time *)setting(choice, "stop");
    s->ops = (const struct workload_ops *)choice->model;
    snprintf(s->name, sizeof s->name, "%s", name[0] ? name : choice->model->name);
    enum err_code code =
        find_layer(w, index, *(const char *const *)setting(choice, "layer"), &s->layer, err);
    if (code != ERR_OK)
        return code;
    s->unplaced = !(*(const char *const *)setting(choice, "layer"))[0];
    sim_stream_init(&s->rng, w->cfg->seed, (uint32_t)index, sim_purpose("world.workload"));
    s->env = sources_env(w, s, index);
    s->env.start = start;
    s->env.end = stop < w->cfg->duration ? stop : w->cfg->duration;
    s->reactive = s->ops->reactive;
    vec_init(&s->tips.all, sizeof(uint64_t));
    s->state = mem_zalloc(1, s->ops->state_size);
    s->scratch = mem_zalloc(1, sizeof *s->scratch);
    w->source_count = (uint32_t)index + 1;
    if (!s->state || !s->scratch)
        return err_set(err, ERR_MEMORY, "no memory for a workload");
    struct err inner = {0};
    code = s->ops->init(s->state, choice->cfg, &s->env, &inner);
    if (code == ERR_OK)
        return ERR_OK;
    char path[32];
    snprintf(path, sizeof path, "workload[%zu]", index);
    return code == ERR_INPUT ? scenario_fail(w->scenario, err, path, "%s", inner.text)
                             : err_set(err, code, "%s", inner.text);
}

enum err_code sources_create(struct world *w, struct err *err)
{
    w->sources = mem_zalloc(w->cfg->workload.count, sizeof *w->sources);
    if (!w->sources)
        return err_set(err, ERR_MEMORY, "no memory for workloads");
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < w->cfg->workload.count && code == ERR_OK; i++)
        code = create_source(w, i, err);
    return code;
}

enum err_code sources_genesis(struct world *w, layer_id layer, struct genesis *g, struct err *err)
{
    for (uint32_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        struct err inner = {0};
        if ((layer != LAYER_NONE && s->layer != layer) || !s->ops->genesis)
            continue;
        enum err_code code = s->ops->genesis(s->state, g, &inner);
        if (code != ERR_OK) {
            char path[32];
            snprintf(path, sizeof path, "workload[%u]", i);
            return code == ERR_INPUT ? scenario_fail(w->scenario, err, path, "%s", inner.text)
                                     : err_set(err, code, "%s", inner.text);
        }
    }
    return ERR_OK;
}

/* ---- the future, for a policy that is told it ---- */

/* The next transaction of one entry, or that there is none. */
struct coming {
    struct workload_tx *tx;
    bool some;
};

static enum err_code reveal(struct world *w, uint32_t index, struct coming *c, struct err *err)
{
    struct source *s = &w->sources[index];
    *c->tx = (struct workload_tx){.entry = NODE_NONE, .recipient = UINT32_MAX};
    c->tx->tx.chain_id = s->env.chain_id;
    c->some = s->ops->next(s->state, c->tx) && c->tx->at < s->env.end;
    struct evm_tx *tx = &c->tx->tx;
    if (!c->some || tx->raw.size == 0) {
        tx->sender = c->tx->from;
        tx->has_sender = true;
        return ERR_OK;
    }
    struct evm_tx whole; /* recorded: it is in its bytes */
    struct evm_err why = {0};
    enum evm_status st = evm_tx_decode(&whole, tx->raw, &why);
    if (st == EVM_OK)
        st = evm_tx_recover(&whole, false, &why);
    if (st != EVM_OK)
        return err_set(err, st == EVM_ERR_MEMORY ? ERR_MEMORY : ERR_INPUT, "%s", why.text);
    evm_tx_fini(tx);
    *tx = whole;
    return ERR_OK;
}

static enum err_code reveal_all(struct world *w, const struct evm_state *first,
                                sources_coming_fn *each, void *self, struct err *err)
{
    struct coming *next = mem_zalloc(w->source_count, sizeof *next);
    enum err_code code = next ? ERR_OK : ERR_MEMORY;
    for (uint32_t i = 0; i < w->source_count && code == ERR_OK; i++) {
        next[i].tx = w->sources[i].scratch;
        code = reveal(w, i, &next[i], err);
    }
    while (code == ERR_OK) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < w->source_count; i++)
            if (next[i].some && (best == UINT32_MAX || next[i].tx->at < next[best].tx->at))
                best = i;
        if (best == UINT32_MAX)
            break;
        code = each(self, first, next[best].tx->at, &next[best].tx->tx);
        if (next[best].tx->tx.storage) /* decoded here */
            evm_tx_fini(&next[best].tx->tx);
        if (code == ERR_OK)
            code = reveal(w, best, &next[best], err);
    }
    mem_free(next);
    return code == ERR_MEMORY ? err_set(err, ERR_MEMORY, "no memory for the future") : code;
}

/* The entries once more, from the start, with streams of their own that give the same. */
enum err_code sources_foresee(struct world *w, const struct evm_state *first,
                              sources_coming_fn *each, void *self, struct err *err)
{
    struct source *kept = w->sources;
    uint32_t count = w->source_count;
    for (uint32_t i = 0; i < count; i++)
        if (kept[i].reactive)
            return scenario_fail(w->scenario, err, "routing.policy",
                                 "%s asks what is to come, and workload %s depends on how the run "
                                 "goes",
                                 w->cfg->routing.policy.model->name, kept[i].name);
    struct genesis *g = NULL;
    w->sources = NULL;
    w->source_count = 0;
    enum err_code code = sources_create(w, err);
    if (code == ERR_OK)
        code = genesis_create(&g, w->codes, w->rules, w->cfg->chain_id, err);
    if (code == ERR_OK) /* workloads learn there where their contracts are */
        code = sources_genesis(w, LAYER_NONE, g, err);
    if (code == ERR_OK)
        code = reveal_all(w, first, each, self, err);
    genesis_destroy(g);
    sources_destroy(w);
    w->sources = kept;
    w->source_count = count;
    return code;
}

void sources_start(struct world *w)
{
    for (uint32_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        s->env.replicas = w->layers[s->layer].chain->validators.count;
        schedule_next(w, i);
    }
}

void sources_destroy(struct world *w)
{
    for (uint32_t i = 0; i < w->source_count; i++) {
        struct source *s = &w->sources[i];
        while (s->first) {
            struct batch *b = s->first;
            s->first = b->next;
            workers_cancel(w->workers, &b->job);
            for (uint32_t j = b->used; j < b->count; j++)
                tx_unref(b->items[j].tx);
            mem_free(b);
        }
        if (s->state && s->ops->fini)
            s->ops->fini(s->state);
        mem_free(s->state);
        mem_free(s->scratch);
        vec_fini(&s->tips.all);
    }
    mem_free(w->sources);
    w->sources = NULL;
    w->source_count = 0;
}

uint32_t sources_idle(const struct world *w)
{
    bool unplaced = false;
    uint32_t idle = 0;
    if (w->cfg->routing.policy.model || w->cfg->validation.committee || w->layer_count < 2)
        return 0;
    for (layer_id i = 0; i < w->layer_count; i++) {
        bool used = false;
        for (uint32_t k = 0; k < w->source_count; k++) {
            used |= w->sources[k].layer == i;
            unplaced |= w->sources[k].unplaced;
        }
        idle += !used;
    }
    return unplaced ? idle : 0;
}
