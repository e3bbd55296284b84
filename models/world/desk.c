/* The desk: what transactions touch, which of them cross, and what becomes of those. */
#include "models/world/desk.h"
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

#include "evm/core/u256.h"
#include "sim/base/check.h"

#include <stdlib.h>
#include <string.h>

enum {
    TOUCHED_MAX = UINT16_MAX, /* accounts of a transaction that are remembered */
    HOLD_TRIES = 1 << 20,     /* tries that a hold's number tells apart */
};
#define FEE_PATIENCE     (500 * SIM_MS) /* before another look at what its layer charges */
#define MOVING_PATIENCE  (500 * SIM_MS) /* before another look at an account that is on its way */
#define POVERTY_PATIENCE SIM_SEC        /* ... at a sender who has too little */

/* ---- crossings ---- */

uint64_t desk_hold(const struct desk_crossing *c)
{
    return c->pub.id * HOLD_TRIES + c->pub.tries % HOLD_TRIES;
}

struct desk_crossing *desk_find(const struct world *w, uint64_t hold)
{
    uint64_t at;
    if (!hold || !map_get(&w->desk->crossings, hold / HOLD_TRIES, &at))
        return NULL;
    return (struct desk_crossing *)(uintptr_t)at;
}

/* The crossing, if hold is that of its present try. */
struct desk_crossing *desk_current(const struct world *w, uint64_t hold)
{
    struct desk_crossing *c = desk_find(w, hold);
    return c && desk_hold(c) == hold ? c : NULL;
}

void desk_drop_parties(struct desk_crossing *c)
{
    for (uint32_t i = 0; i < c->pub.party_count; i++) {
        mem_free(c->pub.parties[i].accounts);
        evm_changes_fini(&c->pub.parties[i].values);
        op_unref(c->parties[i].asked);
    }
    mem_free(c->pub.parties);
    mem_free(c->parties);
    c->pub.parties = NULL;
    c->parties = NULL;
    c->pub.party_count = 0;
}

static void free_crossing(struct world *w, struct desk_crossing *c)
{
    struct desk *d = w->desk;
    sim_cancel(w->sim, &c->timer);
    desk_drop_parties(c);
    op_unref(c->running);
    op_unref(c->backing_out);
    for (uint32_t i = 0; i < c->pub.tx_count; i++)
        tx_unref(c->pub.txs[i]);
    mem_free(c->pub.txs);
    *(c->previous ? &c->previous->next : &d->open) = c->next;
    *(c->next ? &c->next->previous : &d->open_last) = c->previous;
    map_del(&d->crossings, c->pub.id);
    mem_free(c);
}

/* It waits in its sender's list no more. */
static void stop_waiting(struct world *w, struct desk_crossing *c)
{
    struct desk *d = w->desk;
    uint64_t at;
    account_id sender = c->pub.txs[0]->touched[0];
    if (!c->is_waiting || !map_get(&d->waiting, sender, &at))
        return;
    struct desk_crossing *first = (struct desk_crossing *)(uintptr_t)at;
    if (first == c) {
        if (c->next_waiting)
            map_put(&d->waiting, sender, (uintptr_t)c->next_waiting);
        else
            map_del(&d->waiting, sender);
    } else {
        while (first->next_waiting != c)
            first = first->next_waiting;
        first->next_waiting = c->next_waiting;
    }
    c->is_waiting = false;
    c->next_waiting = NULL;
}

/* Nothing more will come of it, and nobody waits for it. Its transactions, if they are open still,
 * are the pools'. */
void desk_close(struct world *w, struct desk_crossing *c)
{
    stop_waiting(w, c);
    book_crossing(w, c);
    for (uint32_t i = 0; i < c->pub.tx_count; i++)
        c->pub.txs[i]->crossing = NULL;
    free_crossing(w, c);
}

static struct desk_crossing *open_crossing(struct world *w, struct tx *tx)
{
    struct desk *d = w->desk;
    struct desk_crossing *c = mem_zalloc(1, sizeof *c);
    if (c)
        c->pub.txs = mem_alloc(1, sizeof *c->pub.txs);
    if (!c || !c->pub.txs || map_put(&d->crossings, d->next_id, (uintptr_t)c) != ERR_OK) {
        if (c)
            mem_free(c->pub.txs);
        mem_free(c);
        world_out_of_memory(w);
        return NULL;
    }
    c->pub.id = d->next_id++;
    c->pub.txs[0] = tx_ref(tx);
    c->pub.tx_count = 1;
    c->pub.at = tx->layer;
    c->pub.born = sim_now(w->sim);
    c->pub.started = c->pub.ready = c->pub.done = RECORD_NEVER;
    c->previous = d->open_last;
    *(d->open_last ? &d->open_last->next : &d->open) = c;
    d->open_last = c;
    tx->crossing = &c->pub;
    if (!tx->crosses)
        w->layers[tx->layer].crossings++;
    tx->crosses = true;
    d->crossings_begun++;
    return c;
}

/* ---- looking at a transaction ---- */

/* It is no longer among those that touch its accounts. */
void desk_closed(struct world *w, struct tx *tx)
{
    for (uint32_t i = 0; tx->uses && i < tx->touched_count; i++) {
        struct tx_user *u = &tx->uses[i], **first;
        first = &directory_at(&w->desk->directory, tx->touched[i])->users;
        *(u->previous ? &u->previous->next : first) = u->next;
        if (u->next)
            u->next->previous = u->previous;
    }
    mem_free(tx->uses);
    tx->uses = NULL;
}

static bool enlist(struct world *w, struct tx *tx)
{
    tx->uses = mem_alloc(tx->touched_count, sizeof *tx->uses);
    for (uint32_t i = 0; tx->uses && i < tx->touched_count; i++) {
        struct tx_user **first = &directory_at(&w->desk->directory, tx->touched[i])->users;
        tx->uses[i] = (struct tx_user){.tx = tx, .next = *first};
        if (*first)
            (*first)->previous = &tx->uses[i];
        *first = &tx->uses[i];
    }
    return tx->uses != NULL;
}

/* The accounts that it touches, its sender first, and where it is executed. */
static bool remember(struct world *w, struct tx *tx)
{
    struct desk *d = w->desk;
    const struct discovery *f = &d->found;
    size_t count = f->accounts.len < TOUCHED_MAX ? f->accounts.len : TOUCHED_MAX;
    uint32_t *touched = mem_alloc(count, sizeof *touched);
    if (!touched)
        return false;
    uint32_t filled = 1;
    touched[0] = directory_number(&d->directory, &tx->evm.sender); /* it is among them */
    for (size_t i = 0; i < f->accounts.len && filled < count; i++) {
        account_id account = *(account_id *)vec_at(&f->accounts, i);
        if (account != touched[0])
            touched[filled++] = account;
    }
    desk_closed(w, tx);
    mem_free(tx->touched);
    tx->touched = touched;
    tx->touched_count = (uint16_t)filled;
    return enlist(w, tx);
}

static layer_id seat(const struct directory_account *a)
{
    return a->home == LAYER_ALL ? a->from : a->home;
}

/* Whether it touches accounts of other layers than the one where it is executed. */
static bool crosses(const struct world *w, const struct tx *tx)
{
    for (uint32_t i = 0; i < tx->touched_count; i++) {
        layer_id home = directory_at(&w->desk->directory, tx->touched[i])->home;
        if (home != tx->layer && home != LAYER_ALL)
            return true;
    }
    return false;
}

/* What it touches is found and remembered; once while nothing changes. */
static bool look(struct world *w, struct tx *tx)
{
    struct desk *d = w->desk;
    if (d->found_for == tx->id && d->found_at == d->serial_settled)
        return true;
    d->found_for = tx->id;
    d->found_at = d->serial_settled;
    if (!discover(w, tx, &w->desk->found) || !remember(w, tx)) {
        world_out_of_memory(w);
        return false;
    }
    return true;
}

/* No pool holds it any more. */
static void take_from_pools(struct world *w, struct tx *tx)
{
    struct layer *l = tx->pool_layer == LAYER_NONE ? NULL : &w->layers[tx->pool_layer];
    for (node_id n = 0; l && tx->pools > 0 && n < l->count; n++)
        l->mempool->forget(mempool_state(l, l->first + n), tx, POOL_MOVED);
}

/* It is executed by layer `to`, whose pools are to have it. */
static void relocate(struct world *w, struct tx *tx, layer_id to)
{
    tx->layer = to;
    if (tx->pool_layer == LAYER_NONE || (tx->pool_layer == to && tx->pools > 0))
        return;
    take_from_pools(w, tx);
    sources_enter(w, tx);
}

static void try_start(struct world *w, struct desk_crossing *c);

static void needs_crossing(struct world *w, struct tx *tx)
{
    struct desk_crossing *c = tx->crossing ? NULL : open_crossing(w, tx);
    if (c)
        try_start(w, c);
}

/* To where its sender lives, unless that is on its way: then it follows; and it crosses, if it
 * needs to. */
static void place(struct world *w, struct tx *tx)
{
    const struct directory_account *sender = directory_at(&w->desk->directory, tx->touched[0]);
    if (sender->moving)
        return;
    relocate(w, tx, seat(sender));
    if (crosses(w, tx))
        needs_crossing(w, tx);
}

void desk_offer(struct world *w, struct tx *tx)
{
    if (!look(w, tx))
        return;
    const struct directory_account *sender = directory_at(&w->desk->directory, tx->touched[0]);
    tx->layer = seat(sender);
    if (!sender->moving && crosses(w, tx)) /* else it does when the sender has come */
        needs_crossing(w, tx);
}

bool desk_seat(struct world *w, struct tx *tx, layer_id *at)
{
    if (!tx->touched_count)
        return true; /* memory was out */
    const struct directory_account *sender = directory_at(&w->desk->directory, tx->touched[0]);
    if (sender->moving) {
        if (vec_push(&w->desk->parked, &tx) != ERR_OK)
            world_out_of_memory(w);
        else
            tx_ref(tx);
        return false;
    }
    *at = seat(sender);
    if (!tx->crossing)
        tx->layer = *at;
    return true;
}

/* A crossing that holds nothing: it has its turn with its sender's other transactions, once its own
 * layer knows of it. */
static bool runs_blindly(const struct world *w, const struct holdings *held, const struct tx *tx)
{
    const struct desk_crossing *c = (const struct desk_crossing *)tx->crossing;
    const struct op *op = c->running;
    if (!op || !op->blind || op->settled || op->withdrawn || c->backing_out)
        return false;
    for (uint32_t i = 0; i < tx->touched_count; i++) {
        const struct evm_addr *addr = &directory_at(&w->desk->directory, tx->touched[i])->addr;
        if (holdings_has(held, addr) ? holdings_lock(held, addr) != 0
                                     : !evm_changes_find(&op->values, addr, NULL))
            return false;
    }
    return true;
}

bool desk_refuses(const struct world *w, const struct holdings *held, const struct tx *tx)
{
    if (tx->crossing)
        return !runs_blindly(w, held, tx);
    if (!addr_table_count(held->locks) && !addr_table_count(held->homes))
        return false;
    for (uint32_t i = 0; i < tx->touched_count; i++) {
        const struct evm_addr *addr = &directory_at(&w->desk->directory, tx->touched[i])->addr;
        if (holdings_lock(held, addr) || !holdings_has(held, addr))
            return true;
    }
    return false;
}

void desk_left_out(struct world *w, layer_id layer, struct tx *tx, enum guard_verdict verdict,
                   enum evm_tx_invalid invalid)
{
    struct desk *d = w->desk;
    struct desk_crossing *c = (struct desk_crossing *)tx->crossing;
    d->foreign += verdict == GUARD_FOREIGN;
    d->locked += verdict == GUARD_LOCKED;
    if (tx->layer != layer || tx->phase != TX_PENDING)
        return;
    if (c) { /* of several together, the others run: desk_refill_ops */
        if (c->running && !c->backing_out && c->pub.tx_count == 1 &&
            (verdict == GUARD_FOREIGN || invalid == EVM_TX_NONCE_TOO_LOW ||
             invalid == EVM_TX_INSUFFICIENT_FUNDS))
            desk_back_out(w, c, invalid == EVM_TX_NONCE_TOO_LOW,
                          invalid == EVM_TX_INSUFFICIENT_FUNDS ? POVERTY_PATIENCE : 0);
    } else if (verdict != GUARD_FINE && look(w, tx)) {
        place(w, tx);
    }
}

/* ---- from waiting to its protocol ---- */

static uint64_t next_nonce(const struct world *w, const struct tx *tx)
{
    struct evm_account account;
    evm_state_account(desk_state(w, desk_sends_from(w, &tx->evm.sender)), &tx->evm.sender,
                      &account);
    return account.nonce;
}

static void wait_for_nonce(struct world *w, struct desk_crossing *c)
{
    struct desk *d = w->desk;
    account_id sender = c->pub.txs[0]->touched[0];
    uint64_t at = 0;
    if (c->is_waiting)
        return;
    map_get(&d->waiting, sender, &at);
    c->next_waiting = (struct desk_crossing *)(uintptr_t)at;
    c->is_waiting = true;
    if (map_put(&d->waiting, sender, (uintptr_t)c) != ERR_OK)
        world_out_of_memory(w);
}

void desk_retry(struct world *w, struct desk_crossing *c, sim_time delay)
{
    c->pub.phase = CROSSING_WAITS;
    c->retrying = true;
    sim_cancel(w->sim, &c->timer);
    sim_schedule_timer(w->sim, &c->timer, sim_now(w->sim) + delay, SIM_CLASS_WORKLOAD,
                       world_source(w, SOURCE_DESK), w->handlers[EVENT_DESK], 0, c->pub.id);
}

static struct crossing_party *party_of(struct desk_crossing *c, layer_id layer)
{
    for (uint32_t i = 0; i < c->pub.party_count; i++)
        if (c->pub.parties[i].layer == layer)
            return &c->pub.parties[i];
    return NULL;
}

/* The parties by what was found, ascending, with their accounts and what these held. */
static bool seat_parties(struct world *w, struct desk_crossing *c)
{
    const struct discovery *f = &w->desk->found;
    size_t most = f->accounts.len;
    desk_drop_parties(c);
    c->pub.parties = mem_zalloc(most, sizeof *c->pub.parties);
    c->parties = mem_zalloc(most, sizeof *c->parties);
    if (!c->pub.parties || !c->parties)
        return false;
    for (layer_id last = LAYER_ALL;;) { /* the next higher layer, each in its turn */
        layer_id next = LAYER_ALL;
        for (size_t i = 0; i < most; i++) {
            layer_id home =
                directory_at(&w->desk->directory, *(account_id *)vec_at(&f->accounts, i))->home;
            if (home != LAYER_ALL && (last == LAYER_ALL || home > last) && home < next)
                next = home;
        }
        if (next == LAYER_ALL)
            break;
        last = next;
        c->pub.parties[c->pub.party_count++].layer = next;
    }
    for (size_t i = 0; i < most; i++) {
        const struct evm_account_change *a = &f->seen.accounts[i];
        struct crossing_party *p = party_of(
            c, directory_at(&w->desk->directory, *(account_id *)vec_at(&f->accounts, i))->home);
        if (!p)
            continue;
        struct evm_addr *grown = mem_resize(p->accounts, p->count + 1, sizeof *grown);
        if (!grown || evm_changes_reserve(&p->values, 1, a->slot_count) != EVM_OK)
            return false;
        p->accounts = grown;
        p->accounts[p->count++] = a->addr;
        p->values.accounts[p->values.account_count] = *a;
        p->values.accounts[p->values.account_count++].first_slot = p->values.slot_count;
        if (a->slot_count)
            memcpy(p->values.slots + p->values.slot_count, f->seen.slots + a->first_slot,
                   a->slot_count * sizeof *f->seen.slots);
        p->values.slot_count += a->slot_count;
    }
    return true;
}

const struct crosslayer_ops *desk_protocol(const struct world *w, const struct desk_crossing *c,
                                           void **state)
{
    struct desk *d = w->desk;
    bool other = d->protocol->plain_only && !c->pub.plain;
    *state = other ? d->otherwise_state : d->protocol_state;
    return other ? d->otherwise : d->protocol;
}

/* Everything is there: what it touches is looked at afresh, and its protocol begins. */
static void try_start(struct world *w, struct desk_crossing *c)
{
    struct desk *d = w->desk;
    struct tx *tx = c->pub.txs[0];
    if (c->pub.phase != CROSSING_WAITS || c->retrying)
        return;
    if (tx->phase != TX_PENDING) {
        desk_close(w, c);
        return;
    }
    if (!look(w, tx))
        return;
    const struct directory_account *sender = directory_at(&d->directory, tx->touched[0]);
    uint64_t nonce = next_nonce(w, tx);
    if (d->found.moving || sender->moving) {
        desk_retry(w, c, MOVING_PATIENCE);
        return;
    }
    bool blind = d->protocol->plain_only && d->found.plain;
    if (nonce < tx->evm.nonce && !blind) {
        wait_for_nonce(w, c);
        return;
    }
    if (nonce > tx->evm.nonce) { /* another took its place */
        desk_close(w, c);
        return;
    }
    relocate(w, tx, seat(sender));
    c->pub.at = tx->layer;
    if (!crosses(w, tx)) { /* not any more: it is in the pools, where it waits for its turn */
        desk_close(w, c);
        return;
    }
    if (!blind && !fees_crosses(w, tx)) { /* it would hold locks for nothing */
        desk_retry(w, c, FEE_PATIENCE);
        return;
    }
    stop_waiting(w, c);
    c->pub.plain = d->found.plain;
    c->pub.rooted = sender->home == LAYER_ALL;
    c->pub.tries++;
    c->pub.note = 0;
    c->pub.phase = CROSSING_GATHERS;
    c->pub.started = sim_now(w->sim);
    d->tries++;
    if (!seat_parties(w, c)) {
        world_out_of_memory(w);
        return;
    }
    void *state;
    desk_protocol(w, c, &state)->start(state, &c->pub);
}

void desk_on_event(struct sim *sim, void *self, const struct sim_event *ev)
{
    struct world *w = self;
    uint64_t at;
    (void)sim;
    if (!map_get(&w->desk->crossings, ev->arg, &at))
        return;
    struct desk_crossing *c = (struct desk_crossing *)(uintptr_t)at;
    if (c->retrying) {
        c->retrying = false;
        try_start(w, c);
        return;
    }
    void *state;
    const struct crosslayer_ops *protocol = desk_protocol(w, c, &state);
    if (c->pub.phase < CROSSING_DONE && !c->backing_out && protocol->late)
        protocol->late(state, &c->pub);
}

/* ---- what committed blocks change ---- */

/* Those of the sender that wait for their turn. */
static void wake(struct world *w, account_id sender)
{
    uint64_t at;
    if (!map_get(&w->desk->waiting, sender, &at))
        return;
    for (struct desk_crossing *c = (struct desk_crossing *)(uintptr_t)at, *next; c; c = next) {
        next = c->next_waiting;
        if (c->pub.txs[0]->evm.nonce <= next_nonce(w, c->pub.txs[0])) {
            stop_waiting(w, c);
            try_start(w, c);
            wake(w, sender); /* the list has changed; each time it is shorter */
            return;
        }
    }
}

/* An account that it uses at its own layer, where it need not lock it yet, lives elsewhere now; or
 * one of another layer is everybody's. */
static bool is_lost(const struct world *w, const struct crossing *c)
{
    for (uint32_t i = 0; i < c->party_count; i++) {
        const struct crossing_party *p = &c->parties[i];
        for (uint32_t k = 0; k < p->count; k++) {
            layer_id home = desk_home(w, &p->accounts[k]);
            if (p->layer == c->at ? home != c->at : home == LAYER_ALL)
                return true;
        }
    }
    return false;
}

static void lost_ground(struct world *w, struct desk_crossing *c)
{
    bool under_way = c->pub.phase == CROSSING_GATHERS || c->pub.phase == CROSSING_RUNS;
    if (under_way && !c->backing_out && is_lost(w, &c->pub))
        desk_back_out(w, c, false, 0);
}

static int by_id(const void *a, const void *b)
{
    const struct tx *x = *(struct tx *const *)a, *y = *(struct tx *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The open transactions that touch what has landed, in the order in which they were sent, each as
 * often as it touches some: references. */
static bool list_followers(struct world *w, struct vec *out)
{
    struct desk *d = w->desk;
    for (size_t i = 0; i < d->landed.len; i++) {
        account_id account = *(account_id *)vec_at(&d->landed, i);
        for (struct tx_user *u = directory_at(&d->directory, account)->users; u; u = u->next) {
            if (vec_push(out, &u->tx) != ERR_OK)
                return false;
            tx_ref(u->tx);
        }
    }
    if (out->len)
        qsort(out->data, out->len, sizeof(struct tx *), by_id);
    return true;
}

/* Some accounts came to another layer: what is pending and touches one of them may be executed
 * somewhere else now, or cross. */
static void follow(struct world *w)
{
    struct desk *d = w->desk;
    struct vec followers;
    vec_init(&followers, sizeof(struct tx *));
    if (!list_followers(w, &followers))
        world_out_of_memory(w);
    struct tx **all = followers.data, *last = NULL;
    for (size_t i = 0; i < followers.len; i++) {
        if (all[i] != last && all[i]->phase == TX_PENDING) {
            if (all[i]->crossing)
                lost_ground(w, (struct desk_crossing *)all[i]->crossing);
            else
                place(w, all[i]);
        }
        last = all[i];
    }
    for (size_t i = 0; i < followers.len; i++)
        tx_unref(all[i]);
    vec_fini(&followers);
    for (size_t i = 0; i < d->landed.len; i++)
        wake(w, *(account_id *)vec_at(&d->landed, i));
    d->landed.len = 0;
}

/* Transactions whose senders have come. */
static void unpark(struct world *w)
{
    struct desk *d = w->desk;
    struct tx **all = d->parked.data;
    size_t kept = 0, count = d->parked.len;
    for (size_t i = 0; i < count; i++) {
        const struct directory_account *a = directory_at(&d->directory, all[i]->touched[0]);
        if (a->moving) {
            all[kept++] = all[i];
            continue;
        }
        if (all[i]->phase == TX_PENDING) {
            sources_enter(w, all[i]);
            place(w, all[i]);
        }
        tx_unref(all[i]);
    }
    d->parked.len = kept;
}

void desk_settled(struct world *w, struct layer *l, struct block *b)
{
    w->desk->serial_settled++;
    if (w->takeover)
        takeover_came(w, l, b);
    if (w->desk->landed.len) {
        unpark(w);
        follow(w);
    }
    for (uint32_t i = 0; i < b->tx_count; i++)
        if (b->txs[i]->touched_count)
            wake(w, b->txs[i]->touched[0]);
    for (uint32_t i = 0; i < b->op_count; i++) /* senders whose transactions ran elsewhere */
        for (uint32_t k = 0; b->ops[i]->kind == OP_APPLY && k < b->ops[i]->values.account_count;
             k++)
            wake(w, directory_number(&w->desk->directory, &b->ops[i]->values.accounts[k].addr));
    desk_ops_settled(w, l, b);
    if (w->takeover)
        takeover_settled(w, l, b);
}

/* Users see it as dropped. */
static void drop_tx(struct world *w, struct tx *tx)
{
    take_from_pools(w, tx);
    pools_drop(w, tx, RECORD_TX_STATUS_DROPPED);
}

void desk_give_up(struct world *w, struct desk_crossing *c)
{
    w->desk->crossings_dropped++;
    for (uint32_t i = 0; i < c->pub.tx_count; i++)
        c->pub.txs[i]->crossing = NULL;
    for (uint32_t i = 0; i < c->pub.tx_count; i++)
        if (c->pub.txs[i]->phase == TX_PENDING)
            drop_tx(w, c->pub.txs[i]);
    desk_close(w, c);
}

void desk_dropped(struct world *w, struct tx *tx)
{
    struct desk_crossing *c = (struct desk_crossing *)tx->crossing;
    if (!c || c->pub.tx_count > 1 || c->pub.phase >= CROSSING_DONE) /* of several it is left out */
        return;
    if (c->backing_out)
        c->dropping = true;
    else
        desk_back_out(w, c, true, 0);
}

void desk_leave_behind(struct world *w, struct desk_crossing *c, const struct op *ran)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->pub.tx_count; i++) {
        struct tx *tx = c->pub.txs[i];
        bool done = false;
        for (uint32_t k = 0; k < ran->tx_count; k++)
            done |= ran->txs[k] == tx;
        if (done) {
            c->pub.txs[kept++] = tx;
            continue;
        }
        tx->crossing = NULL;
        if (tx->phase == TX_PENDING && look(w, tx))
            place(w, tx);
        tx_unref(tx);
    }
    c->pub.tx_count = kept;
}

void desk_joined(struct world *w, struct desk_crossing *c)
{
    free_crossing(w, c);
}

void desk_split(struct world *w, struct desk_crossing *c)
{
    struct tx **txs = c->pub.txs;
    uint32_t count = c->pub.tx_count;
    c->pub.txs = NULL;
    c->pub.tx_count = 0;
    free_crossing(w, c);
    for (uint32_t i = 0; i < count; i++) {
        txs[i]->crossing = NULL;
        if (txs[i]->phase == TX_PENDING && look(w, txs[i]))
            place(w, txs[i]);
        tx_unref(txs[i]);
    }
    mem_free(txs);
}

/* Pools that asked for the account while it was on its way thought that it has nothing. */
bool desk_fallen(struct world *w, struct tx *tx, bool *again)
{
    if (!tx->touched_count || tx->phase != TX_PENDING)
        return false;
    const struct directory_account *sender = directory_at(&w->desk->directory, tx->touched[0]);
    struct evm_account have;
    struct evm_u256 cost;
    if (sender->moving) {
        *again = false;
        return true;
    }
    evm_state_account(desk_state(w, seat(sender)), &sender->addr, &have);
    *again = tx->verdict == POOL_MOVED || (tx->crossing && tx->crossing->blind) ||
             tx->pool_layer != seat(sender) ||
             (tx->verdict == POOL_FUNDS && sender->moves && evm_tx_max_cost(&tx->evm, &cost) &&
              !evm_u256_lt(&have.balance, &cost) && have.nonce == tx->evm.nonce);
    if (*again)
        tx->layer = seat(sender);
    return *again;
}

/* ---- life ---- */

static enum err_code create_protocol(struct world *w, const char *path,
                                     const struct field_choice *choice,
                                     const struct crosslayer_ops **ops, void **state,
                                     struct err *err)
{
    struct err inner = {0};
    *ops = (const struct crosslayer_ops *)choice->model;
    *state = mem_zalloc(1, (*ops)->state_size);
    if (!*state)
        return err_set(err, ERR_MEMORY, "no memory for a cross-layer protocol");
    enum err_code code = (*ops)->init(*state, choice->cfg, &w->desk->env, &inner);
    return code == ERR_INPUT ? scenario_fail(w->scenario, err, path, "%s", inner.text) : code;
}

/* Proposers' fees are credited where their blocks are: every layer has a piece of such an account.
 */
static enum err_code share_beneficiaries(struct world *w, struct err *err)
{
    struct addr_table *homes = w->desk->directory.placement.homes;
    for (node_id n = 0; n < w->node_count; n++) {
        struct evm_addr addr;
        chain_beneficiary(n, &addr);
        if (!addr_table_put(homes, &addr, LAYER_ALL))
            return err_set(err, ERR_MEMORY, "no memory for %u proposers", w->node_count);
    }
    return ERR_OK;
}

enum err_code desk_create(struct world *w, struct err *err)
{
    struct desk *d = w->desk = mem_zalloc(1, sizeof *d);
    if (!d || !(d->layers = mem_zalloc(w->layer_count, sizeof *d->layers)))
        return err_set(err, ERR_MEMORY, "no memory for %u layers", w->layer_count);
    for (layer_id i = 0; i < w->layer_count; i++)
        vec_init(&d->layers[i].inbox, sizeof(struct op *));
    vec_init(&d->parked, sizeof(struct tx *));
    vec_init(&d->landed, sizeof(account_id));
    vec_init(&d->found.accounts, sizeof(account_id));
    d->next_id = d->serial = d->serial_settled = 1;
    sim_stream_init(&d->rng, w->cfg->seed, 0, sim_purpose("world.crosslayer"));
    d->env = (struct cross_env){
        .host = &desk_cross_host, .world = w, .layers = w->layer_count, .rng = &d->rng};
    enum err_code code = directory_create(&d->directory, w->layer_count, err);
    if (code == ERR_OK)
        code = share_beneficiaries(w, err);
    if (code == ERR_OK)
        code = create_protocol(w, "crosslayer", &w->cfg->crosslayer, &d->protocol,
                               &d->protocol_state, err);
    if (code == ERR_OK && d->protocol->plain_only)
        code = create_protocol(w, "crosslayer_calls", &w->cfg->crosslayer_calls, &d->otherwise,
                               &d->otherwise_state, err);
    return code;
}

void desk_destroy(struct world *w)
{
    struct desk *d = w->desk;
    if (!d)
        return;
    while (d->open)
        desk_close(w, d->open);
    for (layer_id i = 0; d->layers && i < w->layer_count; i++) {
        struct vec *inbox = &d->layers[i].inbox;
        for (size_t k = 0; k < inbox->len; k++)
            op_unref(*(struct op **)vec_at(inbox, k));
        vec_fini(inbox);
    }
    mem_free(d->layers);
    for (size_t i = 0; i < d->parked.len; i++)
        tx_unref(*(struct tx **)vec_at(&d->parked, i));
    if (d->protocol_state && d->protocol->fini)
        d->protocol->fini(d->protocol_state);
    if (d->otherwise_state && d->otherwise->fini)
        d->otherwise->fini(d->otherwise_state);
    mem_free(d->protocol_state);
    mem_free(d->otherwise_state);
    vec_fini(&d->parked);
    vec_fini(&d->landed);
    discovery_fini(&d->found);
    map_fini(&d->crossings);
    map_fini(&d->waiting);
    evm_txrun_destroy(d->run);
    directory_fini(&d->directory);
    mem_free(d);
    w->desk = NULL;
}
