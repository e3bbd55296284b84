/* What cross-layer protocols ask of the desk. */
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <stdlib.h>
#include <string.h>

/* A lock is not granted in the last part, one in so many, of its asker's patience: in a queue as
 * long as that, each would get it when it is too late. */
enum { UNUSED = 4 };

static struct world *world_of(const struct cross_env *env)
{
    return env->world;
}

static struct desk_crossing *mine(struct crossing *c)
{
    return (struct desk_crossing *)c; /* its first member */
}

static struct desk_party *desk_party_of(struct desk_crossing *c, const struct crossing_party *p)
{
    return &c->parties[p - c->pub.parties];
}

bool desk_op_accounts(struct op *op, const struct evm_addr *accounts, uint32_t count)
{
    op->accounts = mem_alloc(count, sizeof *op->accounts);
    if (!op->accounts)
        return false;
    memcpy(op->accounts, accounts, count * sizeof *accounts);
    op->account_count = count;
    return true;
}

/* Appends the accounts of `from` to `to`, with their slots. */
static bool append(struct evm_changes *to, const struct evm_changes *from)
{
    if (evm_changes_reserve(to, from->account_count, from->slot_count) != EVM_OK)
        return false;
    for (uint32_t i = 0; i < from->account_count; i++) {
        struct evm_account_change a = from->accounts[i];
        if (a.slot_count)
            memcpy(to->slots + to->slot_count, from->slots + a.first_slot,
                   a.slot_count * sizeof *from->slots);
        a.first_slot = to->slot_count;
        to->slot_count += a.slot_count;
        to->accounts[to->account_count++] = a;
    }
    return true;
}

static void send(struct world *w, struct desk_crossing *c, struct op *op)
{
    op_sized(op);
    c->pub.bytes += op->item.from == op->item.to ? 0 : op->item.size;
    desk_post(w, op);
}

static void release_at(struct world *w, struct desk_crossing *c, layer_id layer, struct op *cancels)
{
    struct op *op = op_create(OP_RELEASE, c->pub.at, layer, desk_hold(c));
    if (!op) {
        world_out_of_memory(w);
        return;
    }
    if (cancels) {
        mail_ref(&cancels->item);
        op->cancels = cancels;
    }
    send(w, c, op);
}

/* Everything that it holds or has asked for is let go of. */
static void release_all(struct world *w, struct desk_crossing *c)
{
    for (uint32_t i = 0; i < c->pub.party_count; i++) {
        struct crossing_party *p = &c->pub.parties[i];
        struct op *asked = c->parties[i].asked;
        if (p->phase == PARTY_IDLE || !asked || asked->kind == NOTE_LOOK)
            continue;
        /* What came to stay is locked where it is now. */
        bool came = asked->kind == OP_EXPORT && asked->settled;
        release_at(w, c, came ? c->pub.at : p->layer, asked->settled ? NULL : asked);
    }
    desk_drop_parties(c);
}

void desk_back_out(struct world *w, struct desk_crossing *c, bool drop, sim_time delay)
{
    c->dropping = drop;
    c->wait = delay;
    if (!c->running) {
        desk_backed_out(w, c);
        return;
    }
    struct op *op = op_create(OP_RELEASE, c->pub.at, c->pub.at, desk_hold(c));
    if (!op) {
        world_out_of_memory(w);
        return;
    }
    mail_ref(&c->running->item);
    op->cancels = c->running;
    mail_ref(&op->item);
    c->backing_out = op;
    send(w, c, op);
}

void desk_backed_out(struct world *w, struct desk_crossing *c)
{
    op_unref(c->running);
    op_unref(c->backing_out);
    c->running = c->backing_out = NULL;
    void *state;
    const struct crosslayer_ops *protocol = desk_protocol(w, c, &state);
    if (c->pub.phase != CROSSING_WAITS && protocol->ended)
        protocol->ended(state, &c->pub);
    release_all(w, c);
    if (c->dropping)
        desk_give_up(w, c);
    else if (c->pub.tx_count > 1)
        desk_split(w, c);
    else
        desk_retry(w, c, c->wait);
}

/* ---- asking ---- */

static void ask_by(struct world *w, struct desk_crossing *c, struct crossing_party *p,
                   struct op *op)
{
    struct desk_party *mine_of = desk_party_of(c, p);
    if (!op || !desk_op_accounts(op, p->accounts, p->count)) {
        op_unref(op);
        world_out_of_memory(w);
        return;
    }
    CHECK(p->phase == PARTY_IDLE, "crossing %llu asks layer %u twice",
          (unsigned long long)c->pub.id, p->layer);
    op->until = c->late - c->patience / UNUSED;
    op_unref(mine_of->asked);
    mail_ref(&op->item);
    mine_of->asked = op;
    p->phase = PARTY_ASKED;
    send(w, c, op);
}

static void host_ask(struct cross_env *env, struct crossing *pub, struct crossing_party *p,
                     bool waits, bool checks)
{
    struct world *w = world_of(env);
    struct desk_crossing *c = mine(pub);
    struct op *op = op_create(OP_LOCK, pub->at, p->layer, desk_hold(c));
    if (op) {
        op->waits = waits;
        op->checks = checks;
        if (evm_changes_copy(&op->values, &p->values) != EVM_OK) {
            op_unref(op);
            op = NULL;
        }
    }
    ask_by(w, c, p, op);
}

static void host_bring(struct cross_env *env, struct crossing *pub, struct crossing_party *p)
{
    struct desk_crossing *c = mine(pub);
    struct op *op = op_create(OP_EXPORT, pub->at, p->layer, desk_hold(c));
    CHECK(p->layer != pub->at, "crossing %llu brings what is there", (unsigned long long)pub->id);
    if (op) {
        op->waits = true;
        op->other = pub->at;
    }
    ask_by(world_of(env), c, p, op);
}

static void host_look(struct cross_env *env, struct crossing *pub, struct crossing_party *p)
{
    struct desk_crossing *c = mine(pub);
    struct op *op = op_create(NOTE_LOOK, pub->at, p->layer, desk_hold(c));
    if (op && evm_changes_copy(&op->values, &p->values) != EVM_OK) {
        op_unref(op);
        op = NULL;
    }
    ask_by(world_of(env), c, p, op);
}

/* ---- running ---- */

static int by_address(const void *a, const void *b)
{
    const struct evm_account_change *x = a, *y = b;
    return memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
}

/* What it needs of other layers: as they said, or, blind, nothing of anybody. */
static bool bring_values(const struct desk_crossing *c, struct op *op, bool blind)
{
    for (uint32_t i = 0; i < c->pub.party_count; i++) {
        const struct crossing_party *p = &c->pub.parties[i];
        bool came = c->parties[i].asked && c->parties[i].asked->kind == OP_EXPORT;
        if (p->layer != c->pub.at && !came && !append(&op->values, &p->values))
            return false;
    }
    for (uint32_t i = 0; blind && i < op->values.account_count; i++)
        op->values.accounts[i] = (struct evm_account_change){.addr = op->values.accounts[i].addr,
                                                             .wrote = EVM_WROTE_DELETED};
    if (op->values.account_count)
        qsort(op->values.accounts, op->values.account_count, sizeof *op->values.accounts,
              by_address);
    return true;
}

static void host_run(struct cross_env *env, struct crossing *pub, bool blind)
{
    struct world *w = world_of(env);
    struct desk_crossing *c = mine(pub);
    struct op *op = op_create(OP_EXECUTE, pub->at, pub->at, desk_hold(c));
    if (op)
        op->txs = mem_alloc(pub->tx_count, sizeof *op->txs);
    if (!op || !op->txs || !bring_values(c, op, blind)) {
        op_unref(op);
        world_out_of_memory(w);
        return;
    }
    for (uint32_t i = 0; i < pub->tx_count; i++)
        op->txs[op->tx_count++] = tx_ref(pub->txs[i]);
    op->blind = pub->blind = blind;
    pub->phase = CROSSING_RUNS;
    pub->ready = sim_now(w->sim);
    op_unref(c->running);
    mail_ref(&op->item);
    c->running = op;
    send(w, c, op);
}

/* ---- ending and waiting ---- */

static void let_go(struct cross_env *env, struct crossing *pub, bool drop, sim_time delay)
{
    struct desk_crossing *c = mine(pub);
    if (pub->phase < CROSSING_DONE && !c->backing_out)
        desk_back_out(world_of(env), c, drop, delay);
}

static void host_again(struct cross_env *env, struct crossing *c, sim_time delay)
{
    let_go(env, c, false, delay);
}

static void host_drop(struct cross_env *env, struct crossing *c)
{
    let_go(env, c, true, 0);
}

static void host_timer(struct cross_env *env, struct crossing *pub, sim_time delay)
{
    struct world *w = world_of(env);
    struct desk_crossing *c = mine(pub);
    c->retrying = false;
    c->late = sim_now(w->sim) + delay;
    c->patience = delay;
    sim_cancel(w->sim, &c->timer);
    sim_schedule_timer(w->sim, &c->timer, sim_now(w->sim) + delay, SIM_CLASS_WORKLOAD,
                       world_source(w, SOURCE_DESK), w->handlers[EVENT_DESK], 0, pub->id);
}

static void host_send_to(struct cross_env *env, struct crossing *pub, layer_id layer)
{
    struct world *w = world_of(env);
    layer = takeover_seat(w, layer);
    struct op *op = op_create(NOTE_SENT, pub->at, layer, desk_hold(mine(pub)));
    if (op)
        op->txs = mem_alloc(pub->tx_count, sizeof *op->txs);
    if (!op || !op->txs) {
        op_unref(op);
        world_out_of_memory(w);
        return;
    }
    pub->at = layer;
    for (uint32_t i = 0; i < pub->tx_count; i++) {
        pub->txs[i]->layer = layer;
        op->txs[op->tx_count++] = tx_ref(pub->txs[i]);
    }
    send(w, mine(pub), op);
}

/* The slots of both, ascending, each once, appended to out. */
static bool unite_slots(struct evm_changes *out, const struct evm_changes *x,
                        const struct evm_account_change *a, const struct evm_changes *y,
                        const struct evm_account_change *b)
{
    uint32_t i = 0, k = 0, na = a ? a->slot_count : 0, nb = b ? b->slot_count : 0;
    if (evm_changes_reserve(out, 0, na + nb) != EVM_OK)
        return false;
    while (i < na || k < nb) {
        const struct evm_slot_change *p = i < na ? &x->slots[a->first_slot + i] : NULL;
        const struct evm_slot_change *q = k < nb ? &y->slots[b->first_slot + k] : NULL;
        int order = !p ? 1 : !q ? -1 : evm_u256_cmp(&p->key, &q->key);
        out->slots[out->slot_count++] = order <= 0 ? *p : *q;
        i += order <= 0;
        k += order >= 0;
    }
    return true;
}

/* What `more` touches joins what p does. */
static bool unite_values(struct crossing_party *p, const struct crossing_party *more)
{
    const struct evm_changes *x = &p->values, *y = &more->values;
    struct evm_changes out;
    evm_changes_init(&out);
    bool ok = evm_changes_reserve(&out, x->account_count + y->account_count, 0) == EVM_OK;
    for (uint32_t i = 0, k = 0; ok && (i < x->account_count || k < y->account_count);) {
        const struct evm_account_change *a = i < x->account_count ? &x->accounts[i] : NULL;
        const struct evm_account_change *b = k < y->account_count ? &y->accounts[k] : NULL;
        int order = !a ? 1 : !b ? -1 : by_address(a, b);
        a = order <= 0 ? a : NULL;
        b = order >= 0 ? b : NULL;
        struct evm_account_change both = a ? *a : *b;
        both.first_slot = out.slot_count;
        ok = unite_slots(&out, x, a, y, b);
        both.slot_count = out.slot_count - both.first_slot;
        out.accounts[out.account_count++] = both;
        i += a != NULL;
        k += b != NULL;
    }
    struct evm_addr *accounts =
        ok ? mem_resize(p->accounts, out.account_count, sizeof *accounts) : NULL;
    if (!accounts) {
        evm_changes_fini(&out);
        return false;
    }
    for (uint32_t i = 0; i < out.account_count; i++)
        accounts[i] = out.accounts[i].addr;
    evm_changes_fini(&p->values);
    p->accounts = accounts;
    p->count = out.account_count;
    p->values = out;
    return true;
}

/* The parties of both, ascending, each account once. */
static bool unite(struct desk_crossing *c, struct desk_crossing *from)
{
    for (uint32_t i = 0; i < from->pub.party_count; i++) {
        struct crossing_party *p = &from->pub.parties[i];
        uint32_t at = 0;
        while (at < c->pub.party_count && c->pub.parties[at].layer < p->layer)
            at++;
        if (at == c->pub.party_count || c->pub.parties[at].layer != p->layer) {
            uint32_t n = c->pub.party_count + 1;
            struct crossing_party *pub = mem_resize(c->pub.parties, n, sizeof *pub);
            if (!pub)
                return false;
            c->pub.parties = pub;
            struct desk_party *own = mem_resize(c->parties, n, sizeof *own);
            if (!own)
                return false;
            c->parties = own;
            memmove(pub + at + 1, pub + at, (c->pub.party_count - at) * sizeof *pub);
            memmove(own + at + 1, own + at, (c->pub.party_count - at) * sizeof *own);
            pub[at] = *p;
            own[at] = (struct desk_party){0};
            c->pub.party_count = n;
            *p = (struct crossing_party){.layer = p->layer};
            continue;
        }
        if (!unite_values(&c->pub.parties[at], p))
            return false;
    }
    return true;
}

static void host_join(struct cross_env *env, struct crossing *pub, struct crossing *from)
{
    struct world *w = world_of(env);
    struct desk_crossing *c = mine(pub), *gone = mine(from);
    uint32_t count = pub->tx_count + from->tx_count;
    struct tx **txs = mem_resize(pub->txs, count, sizeof *txs);
    if (!txs || !unite(c, gone)) {
        world_out_of_memory(w);
        return;
    }
    pub->txs = txs;
    pub->plain = pub->plain && from->plain;
    for (uint32_t i = 0; i < from->tx_count; i++) {
        from->txs[i]->crossing = pub;
        pub->txs[pub->tx_count++] = from->txs[i];
    }
    pub->bytes += from->bytes;
    from->tx_count = 0;
    desk_joined(w, gone);
}

static uint64_t host_gas_limit(struct cross_env *env, layer_id layer)
{
    const struct world *w = world_of(env);
    const struct layer *l = &w->layers[layer];
    const struct committed *top = vec_at(&l->chain->committed, l->chain->committed.len - 1);
    return chain_latest(l, top->block)->track->next.gas_limit;
}

static uint64_t host_gas(const struct crossing *c)
{
    uint64_t gas = 0;
    for (uint32_t i = 0; i < c->tx_count; i++)
        gas += c->txs[i]->evm.gas_limit;
    return gas;
}

static void host_fail(struct cross_env *env)
{
    world_out_of_memory(world_of(env));
}

static sim_time host_now(struct cross_env *env)
{
    return sim_now(world_of(env)->sim);
}

const struct cross_host desk_cross_host = {
    .now = host_now,
    .ask = host_ask,
    .bring = host_bring,
    .look = host_look,
    .run = host_run,
    .again = host_again,
    .drop = host_drop,
    .timer = host_timer,
    .send_to = host_send_to,
    .join = host_join,
    .gas_limit = host_gas_limit,
    .gas = host_gas,
    .fail = host_fail,
};
