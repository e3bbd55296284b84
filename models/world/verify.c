#include "models/world/verify.h"
#include "models/world/desk_internal.h"
#include "models/world/internal.h"

#include "evm/core/u256.h"

#include <stdio.h>
#include <string.h>

enum {
    SEAL_EVERY = 64, /* blocks between two foldings */
    TOLD_MAX = 20,   /* differences that are reported */
};

struct verify {
    struct evm_state *state; /* sealed */
    struct evm_exec_pool *pool;
    struct vec posted; /* struct op *: references; of those under way what brings values or frees */
    uint64_t kept, blocks, txs, told;
};

enum err_code verify_create(struct world *w, struct evm_state *whole, struct err *err)
{
    struct verify *v = w->verify = mem_zalloc(1, sizeof *v);
    if (!v || !(v->pool = evm_exec_pool_create()))
        return err_set(err, ERR_MEMORY, "no memory to verify the run");
    vec_init(&v->posted, sizeof(struct op *));
    v->state = evm_state_ref(whole);
    return ERR_OK;
}

void verify_destroy(struct world *w)
{
    struct verify *v = w->verify;
    if (!v)
        return;
    for (size_t i = 0; i < v->posted.len; i++)
        op_unref(*(struct op **)vec_at(&v->posted, i));
    vec_fini(&v->posted);
    evm_state_unref(v->state);
    evm_exec_pool_destroy(v->pool);
    mem_free(v);
    w->verify = NULL;
}

static void tell(struct world *w, layer_id layer, uint64_t height, const char *text)
{
    if (w->verify->told++ < TOLD_MAX)
        court_finding(w, "serialisable", layer, height, text);
}

/* ---- block by block ---- */

static void compare(struct world *w, const struct layer *l, const struct block *b,
                    const struct execution_result *r, const struct evm_block_result *alone)
{
    char text[160];
    struct evm_hash root;
    if (alone->invalid != EVM_TX_VALID) {
        snprintf(text, sizeof text,
                 "transaction %u of block %llu of layer %s is invalid (%s) alone",
                 b->txs[alone->invalid_tx]->id, (unsigned long long)b->height, l->name,
                 evm_tx_invalid_name(alone->invalid));
        tell(w, l->id, b->height, text);
        return;
    }
    if (evm_receipts_root(alone->receipts, alone->receipt_count, &root) != EVM_OK) {
        world_out_of_memory(w);
        return;
    }
    if (evm_hash_eq(&root, &r->receipts_root))
        return;
    uint32_t i = 0;
    while (i < alone->receipt_count && i < r->receipt_count &&
           alone->receipts[i].success == r->receipts[i].success &&
           alone->receipts[i].gas_used == r->receipts[i].gas_used)
        i++;
    snprintf(text, sizeof text, "block %llu of layer %s: receipt %u differs from that of one state",
             (unsigned long long)b->height, l->name, i);
    tell(w, l->id, b->height, text);
}

static enum evm_status keep(struct verify *v, const struct evm_changes *changes)
{
    struct evm_state *next = evm_state_fork(v->state);
    enum evm_status st = next ? evm_state_apply(next, changes) : EVM_ERR_MEMORY;
    if (st != EVM_OK) {
        evm_state_unref(next);
        return st;
    }
    evm_state_seal(next);
    evm_state_unref(v->state);
    v->state = next;
    if (++v->kept % SEAL_EVERY == 0 && evm_state_foldable(v->state))
        st = evm_state_flatten(v->state);
    return st;
}

void verify_block(struct world *w, const struct layer *l, const struct block *b,
                  const struct execution_result *r)
{
    struct verify *v = w->verify;
    uint64_t numbers[256];
    struct evm_hash hashes[256];
    struct evm_block_hashes known = {numbers, hashes, chain_hashes(b, numbers, hashes)};
    const struct evm_tx **txs = mem_alloc(b->tx_count, sizeof *txs);
    struct evm_exec_config config = {.executor = evm_executor_find("serial"),
                                     .driver = EVM_DRIVER_THREADS,
                                     .cores = 1,
                                     .pool = v->pool};
    struct evm_block_result alone = {0};
    for (uint32_t i = 0; txs && i < b->tx_count; i++)
        txs[i] = &b->txs[i]->evm;
    struct evm_block_input in = {.rules = w->rules,
                                 .env = &b->env,
                                 .txs = txs,
                                 .tx_count = b->tx_count,
                                 .pre = v->state,
                                 .hashes = &known,
                                 .invalid_policy = EVM_INVALID_REJECTS_BLOCK};
    struct evm_err why = {0};
    enum evm_status st = txs ? evm_execute(&config, &in, &alone, &why) : EVM_ERR_MEMORY;
    if (st == EVM_OK) {
        compare(w, l, b, r, &alone);
        v->blocks++;
        v->txs += b->tx_count;
        if (w->failed == ERR_OK)
            st = keep(v, &alone.changes);
    }
    if (st != EVM_OK)
        world_out_of_memory(w);
    evm_block_result_fini(&alone);
    mem_free(txs);
}

/* ---- what is under way ---- */

void verify_posted(struct world *w, struct op *op)
{
    struct verify *v = w->verify;
    struct op **all = v->posted.data;
    if (op->kind != OP_APPLY && op->kind != OP_IMPORT && op->kind != OP_CREDIT &&
        op->kind != OP_RELEASE)
        return;
    if (v->posted.len % 1024 == 1023) { /* those that arrived are no longer under way */
        size_t kept = 0;
        for (size_t i = 0; i < v->posted.len; i++)
            if (all[i]->settled)
                op_unref(all[i]);
            else
                all[kept++] = all[i];
        v->posted.len = kept;
    }
    if (vec_push(&v->posted, &op) != ERR_OK)
        world_out_of_memory(w);
    else
        mail_ref(&op->item);
}

/* Between accounts that have pieces: one state, where nobody carries anything, does it here. */
void verify_pieces(struct world *w, const struct op *op)
{
    struct verify *v = w->verify;
    const struct evm_account_change *to = &op->values.accounts[0];
    struct evm_account payer, payee;
    struct evm_changes c;
    evm_state_account(v->state, &op->payer, &payer);
    evm_state_account(v->state, &to->addr, &payee);
    evm_changes_init(&c);
    enum evm_status st = evm_changes_reserve(&c, 2, 0);
    if (st == EVM_OK) {
        bool first = memcmp(op->payer.b, to->addr.b, sizeof to->addr.b) < 0;
        struct evm_account_change less = {.addr = op->payer, .wrote = EVM_WROTE_BALANCE};
        struct evm_account_change more = {.addr = to->addr, .wrote = EVM_WROTE_BALANCE};
        evm_u256_sub(&less.balance, &payer.balance, &to->balance);
        evm_u256_add(&more.balance, &payee.balance, &to->balance);
        c.accounts[first ? 0 : 1] = less;
        c.accounts[first ? 1 : 0] = more;
        c.account_count = 2;
        st = keep(v, &c);
    }
    evm_changes_fini(&c);
    if (st != EVM_OK)
        world_out_of_memory(w);
}

static enum evm_status put(struct evm_state *s, const struct op *op)
{
    struct evm_changes sum;
    evm_changes_init(&sum);
    enum evm_status st = evm_changes_copy(&sum, &op->values);
    for (uint32_t k = 0; st == EVM_OK && op->kind == OP_CREDIT && k < sum.account_count; k++) {
        struct evm_account have;
        evm_state_account(s, &sum.accounts[k].addr, &have);
        evm_u256_add(&sum.accounts[k].balance, &sum.accounts[k].balance, &have.balance);
    }
    if (st == EVM_OK)
        st = op->kind == OP_IMPORT ? op_bring_in(s, &sum) : evm_state_apply(s, &sum);
    evm_changes_fini(&sum);
    return st;
}

/* The layer's last settled state, with what is under way to it: accounts first, then what they
 * become. */
static struct evm_state *final_state(struct world *w, layer_id layer)
{
    struct verify *v = w->verify;
    struct evm_state *s = evm_state_fork(desk_state(w, layer));
    for (int imports = 1; imports >= 0; imports--)
        for (size_t i = 0; s && i < v->posted.len; i++) {
            const struct op *op = *(struct op **)vec_at(&v->posted, i);
            if (op->settled || op->kind == OP_RELEASE || (op->kind == OP_IMPORT) != imports ||
                takeover_still(w, op) != layer || op_moves_pieces(op))
                continue;
            if (put(s, op) != EVM_OK) {
                evm_state_unref(s);
                return NULL;
            }
        }
    if (s)
        evm_state_seal(s);
    return s;
}

/* ---- at the end ---- */

struct ending {
    struct world *world;
    struct evm_state **layers;
    layer_id at; /* whose accounts are looked at */
};

static void name_account(const struct evm_addr *addr, char out[43])
{
    snprintf(out, 3, "0x");
    for (int i = 0; i < 20; i++)
        snprintf(out + 2 + 2 * i, 3, "%02x", addr->b[i]);
}

static void differs(struct ending *e, const struct evm_addr *addr, const char *what)
{
    char name[43], text[160];
    layer_id home = desk_home(e->world, addr);
    name_account(addr, name);
    snprintf(text, sizeof text, "at the end the %s of account %s is not that of one state", what,
             name);
    tell(e->world, home == LAYER_ALL ? 0 : home, 0, text);
}

/* Balances add up over layers: brokers and beneficiaries have a piece in several. */
static void end_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct ending *e = self;
    struct evm_u256 sum = {{0}};
    uint64_t nonce = 0;
    for (layer_id i = 0; i < e->world->layer_count; i++) {
        struct evm_account have;
        evm_state_account(e->layers[i], addr, &have);
        evm_u256_add(&sum, &sum, &have.balance);
        nonce = have.nonce > nonce ? have.nonce : nonce;
    }
    if (!evm_u256_eq(&sum, &acc->balance))
        differs(e, addr, "balance");
    if (nonce != acc->nonce)
        differs(e, addr, "nonce");
}

static void end_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                     const struct evm_u256 *value)
{
    struct ending *e = self;
    layer_id home = desk_home(e->world, addr);
    struct evm_u256 have;
    if (home == LAYER_ALL)
        return;
    evm_state_slot(e->layers[home], addr, key, &have);
    for (layer_id i = 0; i < e->world->layer_count && !evm_u256_eq(&have, value); i++)
        if (takeover_retired(e->world, i)) /* its heir has not asked for it yet */
            evm_state_slot(e->layers[i], addr, key, &have);
    if (!evm_u256_eq(&have, value))
        differs(e, addr, "storage");
}

/* What a contract leaves where it lived: nobody looks at it, where it may be destroyed elsewhere.
 */
static bool is_left_behind(const struct ending *e, const struct evm_addr *addr,
                           const struct evm_account *acc)
{
    layer_id home = desk_home(e->world, addr);
    const struct evm_code *code =
        evm_codes_find(evm_state_codes(e->layers[e->at]), &acc->code_hash);
    return home != e->at && home != LAYER_ALL && evm_u256_is_zero(&acc->balance) && code &&
           code->size > 0 && !code_lasts(e->world->rules);
}

/* Nothing in a layer that one state does not have, and no storage but at home. */
static void extra_account(void *self, const struct evm_addr *addr, const struct evm_account *acc)
{
    struct ending *e = self;
    struct evm_account one;
    evm_state_account(e->world->verify->state, addr, &one);
    if (!one.exists && (!evm_u256_is_zero(&acc->balance) || acc->nonce) &&
        !is_left_behind(e, addr, acc))
        differs(e, addr, "existence");
}

static void extra_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                       const struct evm_u256 *value)
{
    struct ending *e = self;
    struct evm_u256 one;
    evm_state_slot(e->world->verify->state, addr, key, &one);
    if (!evm_u256_eq(&one, value))
        differs(e, addr, "storage");
}

/* ---- who has what ---- */

/* What the layer holds after the last block that counts. */
static const struct holdings *last_holdings(const struct world *w, layer_id layer)
{
    const struct layer *l = &w->layers[layer];
    const struct chain *c = l->chain;
    struct block *last =
        chain_latest(l, ((struct committed *)vec_at(&c->committed, c->settled - 1))->block);
    return execution_holdings(last->execution ? last->execution : l->flattened->execution);
}

/* The directory against what the layers know of themselves. An account that is on its way is
 * nowhere, and one whose layer was given up is wherever its heirs are with asking. */
static void check_directory(struct world *w)
{
    const struct directory *d = &w->desk->directory;
    for (layer_id i = 0; i < w->layer_count; i++) {
        const struct holdings *held = takeover_retired(w, i) ? NULL : last_holdings(w, i);
        for (size_t n = 0; held && !d->open && n < d->accounts.len; n++) {
            const struct directory_account *a = directory_at(d, (account_id)n);
            bool should = a->home == i || a->home == LAYER_ALL;
            if (a->moving || a->orphan || a->adopted || holdings_has(held, &a->addr) == should)
                continue;
            char name[43], text[160];
            name_account(&a->addr, name);
            snprintf(text, sizeof text, "at the end layer %s %s account %s, unlike the directory",
                     w->layers[i].name, should ? "lacks" : "has", name);
            tell(w, i, 0, text);
        }
    }
}

/* Whether something will still free it: its crossing, if this is the try that it is at, or an op on
 * its way. */
static bool will_be_free(const struct world *w, layer_id layer, uint64_t hold)
{
    const struct vec *posted = &w->verify->posted;
    if (desk_current(w, hold))
        return true;
    for (size_t i = 0; i < posted->len; i++) {
        const struct op *op = *(struct op **)vec_at(posted, i);
        if (!op->settled && op->crossing == hold && takeover_still(w, op) == layer)
            return true;
    }
    return false;
}

/* Of a layer's locks that nothing will free, tells of the lowest account. */
static void check_locks(struct world *w, layer_id layer)
{
    const struct addr_table *locks = last_holdings(w, layer)->locks;
    struct evm_addr addr, lowest = {{0}};
    uint64_t hold, stuck = 0;
    for (uint32_t n = 0; n < addr_table_room(locks); n++) {
        if (!addr_table_row(locks, n, &addr, &hold) || will_be_free(w, layer, hold))
            continue;
        if (!stuck++ || memcmp(addr.b, lowest.b, sizeof addr.b) < 0)
            lowest = addr;
    }
    if (!stuck)
        return;
    char name[43], text[160];
    name_account(&lowest, name);
    snprintf(text, sizeof text, "at the end layer %s has %llu locks that nothing frees, one of %s",
             w->layers[layer].name, (unsigned long long)stuck, name);
    tell(w, layer, 0, text);
}

void verify_end(struct world *w)
{
    struct ending e = {.world = w};
    check_directory(w);
    for (layer_id i = 0; i < w->layer_count; i++)
        if (!takeover_retired(w, i))
            check_locks(w, i);
    bool ok = true;
    e.layers = mem_zalloc(w->layer_count, sizeof *e.layers);
    for (layer_id i = 0; e.layers && i < w->layer_count && ok; i++)
        ok = (e.layers[i] = final_state(w, i)) != NULL;
    ok = ok && e.layers && evm_state_each(w->verify->state, end_account, end_slot, &e) == EVM_OK;
    for (e.at = 0; ok && e.at < w->layer_count; e.at++)
        ok = evm_state_each(e.layers[e.at], extra_account, extra_slot, &e) == EVM_OK;
    for (layer_id i = 0; e.layers && i < w->layer_count; i++)
        evm_state_unref(e.layers[i]);
    mem_free(e.layers);
    if (!ok)
        world_out_of_memory(w);
}

void verify_summarise(const struct world *w, struct world_verified *out)
{
    const struct verify *v = w->verify;
    *out = (struct world_verified){0};
    if (v)
        *out = (struct world_verified){
            .on = true, .txs = v->txs, .blocks = v->blocks, .differences = v->told};
}
