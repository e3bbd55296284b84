/* Which accounts a transaction touches: it is run once, by the real EVM, over the last committed
 * states of all layers, each account read where it lives. A wallet or its node does that before it
 * sends (as for eth_createAccessList); no simulated core is charged for it. */
#include "models/world/desk.h"
#include "models/world/internal.h"

#include "evm/core/u256.h"

#include <stdlib.h>
#include <string.h>

struct evm_state *desk_state(const struct world *w, layer_id layer)
{
    const struct layer *l = &w->layers[layer];
    const struct chain *c = l->chain;
    if (takeover_retired(w, layer))
        return takeover_rest(w, layer);
    struct block *top = ((struct committed *)vec_at(&c->committed, c->settled - 1))->block;
    struct block *last = chain_latest(l, top);
    struct evm_state *state = last->execution ? execution_wait(last->execution)->state : NULL;
    return state ? state : execution_wait(l->flattened->execution)->state;
}

layer_id desk_home(const struct world *w, const struct evm_addr *addr)
{
    const struct directory *d = &w->desk->directory;
    uint64_t value;
    if (addr_table_get(d->numbers, addr, &value))
        return directory_at(d, (account_id)value)->home;
    struct holdings none = {
        .homes = d->placement.homes, .placement = &d->placement, .heard = d->heard};
    return holdings_home(&none, addr);
}

layer_id desk_sends_from(const struct world *w, const struct evm_addr *addr)
{
    const struct directory *d = &w->desk->directory;
    layer_id home = desk_home(w, addr);
    uint64_t value;
    if (home != LAYER_ALL)
        return home;
    return addr_table_get(d->numbers, addr, &value) ? directory_at(d, (account_id)value)->from : 0;
}

/* ---- all layers as one state ---- */

struct whole {
    const struct world *world;
    layer_id at;                    /* holds what every layer has a piece of */
    const struct block *last;       /* of that layer; NULL: none yet */
    const struct evm_state *before; /* the first state, before it is cut up; or NULL */
};

static const struct evm_state *state_of(const struct whole *v, const struct evm_addr *addr)
{
    if (v->before)
        return v->before;
    layer_id home = desk_home(v->world, addr);
    return desk_state(v->world, home == LAYER_ALL ? v->at : home);
}

static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    (void)need;
    evm_state_account(state_of(self, addr), addr, out);
    return EVM_READ_OK;
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    evm_state_slot(state_of(self, addr), addr, key, out);
    return EVM_READ_OK;
}

static void view_hash(void *self, uint64_t number, struct evm_hash *out)
{
    const struct whole *v = self;
    *out = (struct evm_hash){{0}};
    for (const struct block *b = v->last; b; b = b->parent)
        if (b->height == number)
            *out = b->hash;
}

static const struct evm_view_ops whole_ops = {view_account, view_slot, view_hash};

/* ---- what was touched ---- */

struct touch {
    struct evm_addr addr;
    bool slot;
    struct evm_u256 key;
};

struct touches {
    struct vec list;
    struct evm_addr coinbase;
    const struct evm_state
        *copies; /* where code of other layers' contracts stands; NULL: nowhere */
    bool failed;
};

/* Reading code needs no account where the layer has a copy of it. */
static bool is_copied(const struct touches *t, const struct evm_jaccount *acc)
{
    struct evm_account copy;
    if (!t->copies || !acc->code || acc->code->size == 0 || acc->code->is_delegation)
        return false;
    evm_state_account(t->copies, &acc->addr, &copy);
    return evm_hash_eq(&copy.code_hash, &acc->code->hash);
}

static void visit(void *self, const struct evm_jaccount *acc, const struct evm_jslot *slot)
{
    struct touches *t = self;
    struct touch touch = {.addr = acc->addr, .slot = slot != NULL};
    if (evm_addr_eq(&acc->addr, &t->coinbase))
        return;
    if (!slot && (!acc->loaded || (acc->loaded == EVM_NEED_CODE && is_copied(t, acc))))
        return;
    if (slot)
        touch.key = slot->key;
    if (vec_push(&t->list, &touch) != ERR_OK)
        t->failed = true;
}

static int by_place(const void *a, const void *b)
{
    const struct touch *x = a, *y = b;
    int order = memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
    if (order)
        return order;
    if (x->slot != y->slot)
        return x->slot ? 1 : -1;
    return evm_u256_cmp(&x->key, &y->key);
}

static bool note_account(struct world *w, struct whole *v, const struct evm_addr *addr,
                         struct discovery *out)
{
    struct evm_account have;
    account_id number = directory_number(&w->desk->directory, addr);
    if (number == ACCOUNT_NONE || vec_push(&out->accounts, &number) != ERR_OK ||
        evm_changes_reserve(&out->seen, 1, 0) != EVM_OK)
        return false;
    out->moving |= directory_at(&w->desk->directory, number)->moving;
    const struct evm_state *state = state_of(v, addr);
    evm_state_account(state, addr, &have);
    out->seen.accounts[out->seen.account_count++] = (struct evm_account_change){
        .addr = *addr,
        .wrote =
            have.exists ? EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE : EVM_WROTE_DELETED,
        .balance = have.balance,
        .nonce = have.nonce,
        .code = have.exists ? evm_codes_find(w->codes, &have.code_hash) : NULL,
        .first_slot = out->seen.slot_count};
    return true;
}

static bool note_slot(struct whole *v, const struct touch *t, struct discovery *out)
{
    struct evm_u256 value;
    if (evm_changes_reserve(&out->seen, 0, 1) != EVM_OK)
        return false;
    evm_state_slot(state_of(v, &t->addr), &t->addr, &t->key, &value);
    out->seen.slots[out->seen.slot_count++] = (struct evm_slot_change){t->key, value};
    out->seen.accounts[out->seen.account_count - 1].slot_count++;
    return true;
}

/* Sorted, each once, with what is there now. */
static bool take_down(struct world *w, struct whole *v, struct touches *t, struct discovery *out)
{
    const struct touch *all = t->list.data;
    if (t->failed)
        return false;
    qsort(t->list.data, t->list.len, sizeof(struct touch), by_place);
    for (size_t i = 0; i < t->list.len; i++) {
        if (i && by_place(&all[i - 1], &all[i]) == 0)
            continue;
        if ((i == 0 || !evm_addr_eq(&all[i - 1].addr, &all[i].addr)) &&
            !note_account(w, v, &all[i].addr, out))
            return false;
        if (all[i].slot && !note_slot(v, &all[i], out))
            return false;
    }
    return true;
}

static bool touch_account(struct touches *t, const struct evm_addr *addr)
{
    struct touch touch = {.addr = *addr};
    return vec_push(&t->list, &touch) == ERR_OK;
}

/* A payment of ether to somebody without code touches both, and nothing runs. */
static bool is_plain(const struct whole *v, const struct evm_tx *tx)
{
    struct evm_account to;
    if (tx->is_create || tx->input.size || tx->type > EVM_TX_DYNAMIC_FEE || tx->access_count)
        return false;
    evm_state_account(state_of(v, &tx->to), &tx->to, &to);
    return evm_hash_eq(&to.code_hash, &evm_empty_code_hash);
}

static bool run(struct world *w, struct whole *v, const struct evm_tx *tx, struct touches *t,
                struct discovery *out)
{
    struct desk *d = w->desk;
    struct evm_block_env env = {.gas_limit = UINT64_MAX / 2, .chain_id = w->cfg->chain_id};
    if (v->last)
        env = v->last->env;
    env.number++;
    env.base_fee = (struct evm_u256){{0}};
    t->coinbase = env.coinbase;
    if (!d->run && !(d->run = evm_txrun_create(w->codes)))
        return false;
    evm_txrun_begin(d->run, w->rules, &env, tx, (struct evm_view){&whole_ops, v},
                    EVM_TXRUN_SKIP_NONCE | EVM_TXRUN_SKIP_FUNDS);
    while (evm_txrun_step(d->run, NULL, 0) != EVM_STEP_DONE)
        ;
    const struct evm_tx_outcome *o = evm_txrun_outcome(d->run);
    if (o->error != EVM_OK)
        return false;
    out->gas = o->gas_used;
    evm_txrun_each_access(d->run, visit, t);
    return touch_account(t, &tx->sender) &&
           (tx->is_create || o->invalid == EVM_TX_VALID || touch_account(t, &tx->to));
}

static bool look(struct world *w, struct whole *v, const struct evm_tx *tx, struct discovery *out)
{
    struct touches t = {.copies = !code_lasts(w->rules) ? NULL
                                  : v->before           ? v->before
                                                        : desk_state(w, v->at)};
    evm_changes_clear(&out->seen);
    out->accounts.len = 0;
    out->moving = false;
    out->plain = is_plain(v, tx);
    out->gas = tx->gas_limit;
    vec_init(&t.list, sizeof(struct touch));
    bool ok = out->plain ? touch_account(&t, &tx->sender) && touch_account(&t, &tx->to)
                         : run(w, v, tx, &t, out);
    ok = ok && take_down(w, v, &t, out);
    vec_fini(&t.list);
    return ok;
}

bool discover(struct world *w, const struct tx *tx, struct discovery *out)
{
    struct whole v = {.world = w, .at = desk_sends_from(w, &tx->evm.sender)};
    const struct layer *l = &w->layers[v.at];
    v.last = chain_latest(
        l, ((struct committed *)vec_at(&l->chain->committed, l->chain->settled - 1))->block);
    return look(w, &v, &tx->evm, out);
}

bool discover_before(struct world *w, const struct evm_state *first, const struct evm_tx *tx,
                     struct discovery *out)
{
    struct whole v = {.world = w, .before = first};
    return look(w, &v, tx, out);
}

void discovery_fini(struct discovery *d)
{
    evm_changes_fini(&d->seen);
    vec_fini(&d->accounts);
}
