/* The book of a partitioned network: what desk and routes tell, summed up. */
#include "models/world/book.h"
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the oracle that a policy is measured against charges; routing.policy may have its own. */
static const struct cost_rules usual = {
    .crossing = 1, .moving = 50 * 1000, .core_rate = 100 * 1000 * 1000};

static bool measured(const struct world *w, sim_time at)
{
    return at >= w->cfg->warm_up && at < w->load_end;
}

static void push(struct world *w, struct vec *v, const void *element)
{
    if (vec_push(v, element) != ERR_OK)
        world_out_of_memory(w);
}

static void text_of(const struct evm_addr *addr, char *out)
{
    out += sprintf(out, "0x");
    for (size_t i = 0; i < sizeof addr->b; i++)
        out += sprintf(out, "%02x", addr->b[i]);
}

/* ---- crossings ---- */

static void crossing_row(struct world *w, const struct desk_crossing *c, const struct tx *tx,
                         unsigned outcome)
{
    void *state;
    struct record_crossings_row row = {
        .layer = c->pub.at,
        .outcome = (uint8_t)outcome,
        .parties = c->pub.party_count,
        .tries = c->pub.tries,
        .together = c->pub.tx_count,
        .opened = c->pub.born,
        .started = c->pub.started,
        .ready = c->pub.ready,
        .proposed = outcome == RECORD_CROSSING_DONE ? c->proposed : RECORD_NEVER,
        .done = c->pub.done,
        .bytes = c->pub.bytes,
    };
    memcpy(row.hash, tx->evm.hash.b, sizeof row.hash);
    snprintf(row.protocol, sizeof row.protocol, "%s", desk_protocol(w, c, &state)->model.name);
    record_append(w->record, w->book->crossings_table, &row, NULL);
}

void book_crossing(struct world *w, const struct desk_crossing *c)
{
    struct book *k = w->book;
    bool ran = c->pub.phase == CROSSING_DONE, dropped = false;
    if (k->closed)
        return;
    for (uint32_t i = 0; i < c->pub.tx_count; i++) {
        const struct tx *tx = c->pub.txs[i];
        unsigned outcome = ran                       ? RECORD_CROSSING_DONE
                           : tx->phase == TX_DROPPED ? RECORD_CROSSING_DROPPED
                                                     : RECORD_CROSSING_LOCAL;
        dropped |= outcome == RECORD_CROSSING_DROPPED;
        if (rows_recorded(w, tx))
            crossing_row(w, c, tx, outcome);
    }
    k->dropped += dropped;
    if (!ran)
        return;
    k->ended++;
    k->tries += c->pub.tries;
    k->carried += c->pub.tx_count;
    void *state;
    if (desk_protocol(w, c, &state) != w->desk->protocol)
        k->calls += c->pub.tx_count;
    k->layers[c->pub.at].crossings += c->pub.tx_count;
}

/* ---- locks ---- */

void book_op(struct world *w, layer_id layer, const struct op *op, enum op_outcome outcome)
{
    struct book_layer *l = &w->book->layers[layer];
    sim_time now = sim_now(w->sim);
    uint64_t since;
    if (!op->crossing || outcome != OP_DONE)
        return;
    if (op->kind == OP_LOCK || op->kind == OP_IMPORT) {
        if (!map_get(&l->held, op->crossing, NULL) &&
            map_put(&l->held, op->crossing, (uint64_t)now + 1) != ERR_OK)
            world_out_of_memory(w);
        return;
    }
    if ((op->kind != OP_RELEASE && op->kind != OP_APPLY && op->kind != OP_EXECUTE) ||
        !map_get(&l->held, op->crossing, &since))
        return;
    map_del(&l->held, op->crossing);
    sim_time span = now - (sim_time)(since - 1);
    double seconds = (double)span / 1e9;
    l->locked += span;
    if (measured(w, now))
        push(w, &w->book->locks, &seconds);
}

/* ---- moves ---- */

static uint64_t key_of(account_id account, bool left)
{
    return (uint64_t)account << 1 | left;
}

static struct book_move *move_find(const struct book *k, account_id account, bool left)
{
    uint64_t at;
    if (!map_get(&k->moving, key_of(account, left), &at))
        return NULL;
    return (struct book_move *)(uintptr_t)at;
}

static struct book_move *move_create(struct world *w, account_id account, bool left)
{
    struct book *k = w->book;
    struct book_move *m = mem_zalloc(1, sizeof *m);
    if (!m || map_put(&k->moving, key_of(account, left), (uintptr_t)m) != ERR_OK) {
        mem_free(m);
        world_out_of_memory(w);
        return NULL;
    }
    m->account = account;
    m->left = RECORD_NEVER;
    m->previous = k->last_move;
    *(k->last_move ? &k->last_move->next : &k->moves) = m;
    k->last_move = m;
    return m;
}

static void move_end(struct world *w, struct book_move *m, sim_time came, unsigned outcome)
{
    struct book *k = w->book;
    struct record_moves_row row = {
        .from = m->from,
        .to = m->to == LAYER_ALL ? -1 : (int32_t)m->to,
        .ordered = m->ordered,
        .left = m->left,
        .came = came,
        .bytes = m->bytes,
        .outcome = (uint8_t)outcome,
    };
    text_of(&directory_at(&w->desk->directory, m->account)->addr, row.account);
    snprintf(row.by, sizeof row.by, "%s", m->by);
    record_append(w->record, k->moves_table, &row, NULL);
    *(m->previous ? &m->previous->next : &k->moves) = m->next;
    *(m->next ? &m->next->previous : &k->last_move) = m->previous;
    map_del(&k->moving, key_of(m->account, m->left != RECORD_NEVER));
    mem_free(m);
}

void book_ordered(struct world *w, account_id account, layer_id from, layer_id to, const char *by)
{
    struct book_move *m = move_create(w, account, false);
    if (!m)
        return;
    m->from = from;
    m->to = to;
    m->ordered = sim_now(w->sim);
    m->by = by;
}

/* It leaves for a crossing: that asked for it when it posted the op. */
static struct book_move *move_of_crossing(struct world *w, account_id account, const struct op *op)
{
    const struct desk_crossing *c = desk_find(w, op->crossing);
    struct book_move *m = move_create(w, account, true);
    void *state;
    if (!m)
        return NULL;
    m->to = op->other;
    m->ordered = op->item.posted;
    m->by = c ? desk_protocol(w, c, &state)->model.name : w->desk->protocol->model.name;
    return m;
}

void book_left(struct world *w, account_id account, layer_id from, const struct op *op,
               enum op_outcome outcome)
{
    struct book *k = w->book;
    struct book_move *m = op->crossing ? NULL : move_find(k, account, false);
    if (outcome != OP_DONE) {
        k->moves_refused += m != NULL;
        if (m)
            move_end(w, m, RECORD_NEVER, RECORD_MOVE_REFUSED);
        return;
    }
    if (!m)
        m = move_of_crossing(w, account, op);
    else {
        map_del(&k->moving, key_of(account, false));
        if (map_put(&k->moving, key_of(account, true), (uintptr_t)m) != ERR_OK)
            world_out_of_memory(w);
    }
    if (!m)
        return;
    m->from = from;
    m->left = sim_now(w->sim);
    k->layers[from].moves_out++;
}

void book_came(struct world *w, account_id account, layer_id to, uint64_t bytes)
{
    struct book *k = w->book;
    struct book_move *m = move_find(k, account, to != LAYER_ALL);
    if (!m)
        return;
    m->bytes = bytes;
    k->move_bytes += bytes;
    k->moves_done++;
    k->arrived++;
    if (to != LAYER_ALL)
        k->layers[to].moves_in++;
    move_end(w, m, sim_now(w->sim), RECORD_MOVE_DONE);
}

/* ---- blocks ---- */

/* Every second one of the sample goes, and only every second as before comes from now on. */
static void thin_out(struct book *k)
{
    size_t kept = 0, filled = 0;
    for (size_t i = 0; i < k->sample.len; i += 2) {
        struct route_future f = *(struct route_future *)vec_at(&k->sample, i);
        memmove(vec_at(&k->touched, filled), vec_at(&k->touched, f.first),
                f.count * sizeof(account_id));
        f.first = (uint32_t)filled;
        filled += f.count;
        *(struct route_future *)vec_at(&k->sample, kept++) = f;
    }
    k->sample.len = kept;
    k->touched.len = filled;
    k->stride *= 2;
}

static void sample_tx(struct world *w, const struct tx *tx)
{
    struct book *k = w->book;
    struct route_future f = {
        .at = tx->committed, .first = (uint32_t)k->touched.len, .gas = tx->gas_used};
    if (!w->cfg->routing.regret_sample || !tx->touched_count || k->seen++ % k->stride)
        return;
    if (k->sample.len >= w->cfg->routing.regret_sample) {
        thin_out(k);
        f.first = (uint32_t)k->touched.len;
        if ((k->seen - 1) % k->stride)
            return;
    }
    for (uint32_t i = 0; i < tx->touched_count; i++, f.count++)
        push(w, &k->touched, &tx->touched[i]);
    push(w, &k->sample, &f);
}

static void count_block(struct book_layer *l, const struct block *b)
{
    l->gas += b->track->gas_used;
    l->gas_room += b->fees.gas_limit;
    l->blocks++;
    l->full += chain_is_full(b);
    l->makespan += b->track->timing.makespan_ns;
}

/* Whose gas it is: that of every account that it touches. */
static void count_use(struct world *w, const struct tx *tx)
{
    struct book *k = w->book;
    const double none = 0;
    k->gas += (double)tx->gas_used;
    for (uint32_t i = 0; i < tx->touched_count; i++) {
        while (k->used.len <= tx->touched[i] && !w->failed)
            push(w, &k->used, &none);
        if (tx->touched[i] < k->used.len)
            *(double *)vec_at(&k->used, tx->touched[i]) += (double)tx->gas_used;
    }
}

void book_settled(struct world *w, struct layer *l, const struct block *b)
{
    struct book *k = w->book;
    k->layers[l->id].epoch_gas += b->track->gas_used;
    if (measured(w, b->created))
        count_block(&k->layers[l->id], b);
    for (uint32_t i = 0; i < b->tx_count; i++) {
        const struct tx *tx = b->txs[i];
        if (tx->phase != TX_COMMITTED || tx->layer != l->id || tx->height != b->height ||
            tx->skipped)
            continue;
        double seconds = (double)(tx->committed - tx->emitted) / 1e9;
        k->txs++;
        k->crossings += tx->crosses;
        if (tx->emitted >= w->cfg->warm_up) {
            count_use(w, tx);
            push(w, tx->crosses ? &k->cross : &k->local, &seconds);
        }
        sample_tx(w, tx);
    }
}

void book_count_open(struct world *w)
{
    for (layer_id i = 0; i < w->layer_count; i++)
        w->book->layers[i].open = 0;
    for (const struct tx *tx = w->open_txs; tx; tx = tx->next)
        w->book->layers[tx->layer].open++;
}

/* ---- epochs ---- */

static double prediction_error(const struct world *w)
{
    const struct book *k = w->book;
    double off = 0, all = 0;
    for (layer_id i = 0; i < w->layer_count; i++) {
        double gas = (double)k->layers[i].epoch_gas;
        off += fabs(k->predicted[i] - gas);
        all += gas;
    }
    return all > 0 ? off / all : NAN;
}

static bool fill_homes(struct world *w)
{
    struct book *k = w->book;
    const struct directory *d = &w->desk->directory;
    uint32_t count = (uint32_t)d->accounts.len;
    if (count > k->homes_room) {
        layer_id *grown = mem_resize(k->homes, count, sizeof *grown);
        if (!grown)
            return false;
        k->homes = grown;
        k->homes_room = count;
    }
    for (uint32_t i = 0; i < count; i++)
        k->homes[i] = directory_at(d, i)->home;
    return true;
}

static void judge(struct world *w, const struct route_layer *layers)
{
    struct book *k = w->book;
    struct cost_batch batch = {k->sample.data, (uint32_t)k->sample.len, k->touched.data};
    k->judged = (struct regret_window){.regret = NAN};
    if (!batch.count)
        return;
    for (uint32_t i = 0; i < batch.count; i++) /* each stands for those left out */
        ((struct route_future *)vec_at(&k->sample, i))->gas *= k->stride;
    bool ok = k->judging || regret_init(&k->regret, &usual, w->layer_count, layers) == ERR_OK;
    k->judging |= ok;
    if (!ok || !fill_homes(w) ||
        regret_add(&k->regret, &batch, (uint32_t)w->desk->directory.accounts.len, k->homes,
                   &k->judged) != ERR_OK)
        world_out_of_memory(w);
}

void book_epoch_ends(struct world *w, const struct router_ops *ops, const void *state,
                     const struct route_layer *layers)
{
    struct book *k = w->book;
    k->foretold = k->epoch && ops->predicted && ops->predicted(state, k->predicted);
    k->error = k->foretold ? prediction_error(w) : NAN;
    judge(w, layers);
}

static void tally_epoch(struct world *w, double imbalance)
{
    struct book *k = w->book;
    if (!measured(w, k->since))
        return;
    if (!isnan(k->error)) {
        k->error_sum += k->error;
        k->errors++;
    }
    if (!isnan(k->judged.regret)) {
        k->regret_sum += k->judged.regret;
        k->regrets++;
    }
    if (!isnan(imbalance)) {
        k->imbalance_sum += imbalance;
        k->imbalances++;
    }
}

void book_epoch(struct world *w, const struct router_ops *ops, const void *state, uint32_t moves)
{
    struct book *k = w->book;
    struct record_routing_row row = {
        .epoch = k->epoch,
        .time = sim_now(w->sim),
        .moves = moves,
        .arrived = k->arrived,
        .txs = k->txs,
        .crossings = k->crossings,
        .load_least = NAN,
        .error = k->error,
        .regret = k->judged.regret,
        .best_time = k->judged.regret >= 0 ? k->judged.oracle.time : NAN,
        .policy_time = k->judged.regret >= 0 ? k->judged.policy.time : NAN,
    };
    for (layer_id i = 0; i < w->layer_count; i++) {
        double gas = (double)k->layers[i].epoch_gas;
        row.load_mean += gas / w->layer_count;
        row.load_least = fmin(row.load_least, gas);
        if (gas > row.load_most) {
            row.load_most = gas;
            row.busiest = i;
        }
        k->layers[i].epoch_gas = 0;
    }
    struct evm_hash root;
    if (!routes_root(w, &root))
        world_out_of_memory(w);
    memcpy(row.root, root.b, sizeof row.root);
    row.imbalance = row.load_mean > 0 ? row.load_most / row.load_mean : NAN;
    snprintf(row.policy, sizeof row.policy, "%s", ops->model.name);
    if (ops->reason)
        ops->reason(state, row.reason, sizeof row.reason);
    record_append(w->record, k->routing_table, &row, NULL);
    tally_epoch(w, row.imbalance);
    if (k->epoch < WORLD_EPOCHS)
        k->shares[k->epoch] = k->txs ? (double)k->crossings / (double)k->txs : NAN;
    k->epoch++;
    k->since = row.time;
    k->txs = k->crossings = k->arrived = k->seen = 0;
    k->stride = 1;
    k->sample.len = k->touched.len = 0;
}

void book_pays(struct world *w)
{
    w->book->paying++;
}

void book_paid(struct world *w, sim_time since)
{
    struct book *k = w->book;
    double seconds = (double)(sim_now(w->sim) - since) / 1e9;
    k->paying--;
    if (measured(w, since) && vec_push(&k->paid, &seconds) != ERR_OK)
        world_out_of_memory(w);
}

/* ---- life ---- */

enum err_code book_create(struct world *w, struct err *err)
{
    struct book *k = w->book = mem_zalloc(1, sizeof *k);
    layer_id layers = w->layer_count;
    if (!k || !(k->layers = mem_zalloc(layers, sizeof *k->layers)) ||
        !(k->predicted = mem_zalloc(layers, sizeof *k->predicted)))
        return err_set(err, ERR_MEMORY, "no memory for what layers do to one another");
    vec_init(&k->sample, sizeof(struct route_future));
    vec_init(&k->touched, sizeof(account_id));
    vec_init(&k->local, sizeof(double));
    vec_init(&k->used, sizeof(double));
    vec_init(&k->cross, sizeof(double));
    vec_init(&k->paid, sizeof(double));
    vec_init(&k->locks, sizeof(double));
    k->stride = 1;
    k->judged.regret = NAN;
    const struct {
        uint32_t *id;
        enum record_optional_id table;
    } tables[] = {{&k->crossings_table, RECORD_O_crossings},
                  {&k->moves_table, RECORD_O_moves},
                  {&k->routing_table, RECORD_O_routing}};
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && code == ERR_OK; i++)
        code = record_add_table(w->record, tables[i].id, &record_optional_tables[tables[i].table],
                                err);
    return code;
}

void book_finish(struct world *w)
{
    struct book *k = w->book;
    for (const struct desk_crossing *c = w->desk->open; c; c = c->next)
        for (uint32_t i = 0; i < c->pub.tx_count; i++)
            if (rows_recorded(w, c->pub.txs[i]))
                crossing_row(w, c, c->pub.txs[i], RECORD_CROSSING_OPEN);
    while (k->moves)
        move_end(w, k->moves, RECORD_NEVER, RECORD_MOVE_OPEN);
    k->closed = true;
}

void book_destroy(struct world *w)
{
    struct book *k = w->book;
    if (!k)
        return;
    while (k->moves) {
        struct book_move *m = k->moves;
        k->moves = m->next;
        mem_free(m);
    }
    for (layer_id i = 0; k->layers && i < w->layer_count; i++)
        map_fini(&k->layers[i].held);
    map_fini(&k->moving);
    vec_fini(&k->sample);
    vec_fini(&k->touched);
    vec_fini(&k->local);
    vec_fini(&k->used);
    vec_fini(&k->cross);
    vec_fini(&k->paid);
    vec_fini(&k->locks);
    if (k->judging)
        regret_fini(&k->regret);
    mem_free(k->layers);
    mem_free(k->predicted);
    mem_free(k->homes);
    mem_free(k);
    w->book = NULL;
}
