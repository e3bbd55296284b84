#include "evm/parallel/direct.h"
#include "evm/core/hash.h"

#include <stdlib.h>
#include <time.h>

#include "evm/core/alloc.h"
#include "evm/core/keccak_cache.h"
#include "evm/core/keccak_hints.h"
#include "evm/core/u256.h"
#include "evm/parallel/txbody.h"

/* An account as it is now and as it was before the block. */
struct direct_account {
    struct evm_addr addr;
    uint32_t epoch; /* grows when its storage goes: slots of an older one read 0 */
    uint32_t depth; /* longest chain that ends with who paid it last; 0: nobody */
    bool written;
    bool wiped;
    struct evm_account now;      /* has_storage apart: see has_storage() */
    const struct evm_code *code; /* NULL: as before the block */
    int64_t set_slots; /* not 0, of those written; right where the block began without storage */
    struct evm_account before;
    uint32_t first_slot, slot_count; /* the end: of its written slots in the order */
};

struct direct_slot {
    uint32_t account, epoch, depth;
    bool written;
    struct evm_u256 key, now, before;
};

/* ---- tables ---------------------------------------------------------------------------------- */

static void index_put(struct direct_index *x, uint32_t hash, uint32_t item)
{
    uint32_t i = hash & (x->capacity - 1);
    while (x->cells[i].item)
        i = (i + 1) & (x->capacity - 1);
    x->cells[i] = (struct direct_cell){hash, item};
}

/* Room for one more than `used`, at a load of at most one half. */
static bool index_reserve(struct direct_index *x, uint32_t used)
{
    if (used < x->capacity / 2)
        return true;
    struct direct_index grown = {NULL, x->capacity ? x->capacity * 2 : 256};
    grown.cells = evm_calloc(grown.capacity, sizeof *grown.cells);
    if (!grown.cells)
        return false;
    for (uint32_t i = 0; i < x->capacity; i++)
        if (x->cells[i].item)
            index_put(&grown, x->cells[i].hash, x->cells[i].item);
    free(x->cells);
    *x = grown;
    return true;
}

static bool account_reserve(struct evm_direct *d)
{
    if (!index_reserve(&d->account_index, d->account_count))
        return false;
    if (d->account_count < d->account_capacity)
        return true;
    uint32_t room = d->account_capacity ? d->account_capacity * 2 : 128;
    struct direct_account *grown = evm_realloc(d->accounts, room * sizeof *grown);
    if (!grown)
        return false;
    d->accounts = grown;
    d->account_capacity = room;
    return true;
}

static bool slot_reserve(struct evm_direct *d)
{
    if (!index_reserve(&d->slot_index, d->slot_count))
        return false;
    if (d->slot_count < d->slot_capacity)
        return true;
    uint32_t room = d->slot_capacity ? d->slot_capacity * 2 : 128;
    struct direct_slot *grown = evm_realloc(d->slots, room * sizeof *grown);
    if (!grown)
        return false;
    d->slots = grown;
    d->slot_capacity = room;
    return true;
}

/* The base of a block never waits. */
static void check_answer(enum evm_read r)
{
    EVM_CHECK(r == EVM_READ_OK, "the state before a block answered %d", r);
}

/* The account, read from the base at the first call; NULL when memory is out. Stays where it is
 * until the next one is added. */
static struct direct_account *account_at(struct evm_direct *d, const struct evm_addr *addr)
{
    if (d->last && evm_addr_eq(&d->accounts[d->last - 1].addr, addr))
        return &d->accounts[d->last - 1];
    uint32_t hash = (uint32_t)evm_hash_addr(addr), capacity = d->account_index.capacity;
    for (uint32_t i = hash & (capacity - 1); capacity; i = (i + 1) & (capacity - 1)) {
        const struct direct_cell *c = &d->account_index.cells[i];
        if (!c->item)
            break;
        if (c->hash != hash || !evm_addr_eq(&d->accounts[c->item - 1].addr, addr))
            continue;
        d->last = c->item;
        return &d->accounts[c->item - 1];
    }
    if (!account_reserve(d))
        return NULL;
    struct direct_account *a = &d->accounts[d->account_count++];
    a->addr = *addr;
    a->epoch = 0;
    a->written = a->wiped = false;
    a->depth = 0;
    a->code = NULL;
    a->set_slots = 0;
    check_answer(d->base.ops->account(d->base.self, addr, EVM_NEED_ALL, &a->before));
    a->now = a->before;
    d->last = d->account_count;
    index_put(&d->account_index, hash, d->account_count);
    return a;
}

static struct direct_slot *slot_at(struct evm_direct *d, const struct direct_account *a,
                                   const struct evm_u256 *key)
{
    uint32_t account = (uint32_t)(a - d->accounts), capacity = d->slot_index.capacity;
    uint32_t hash = (uint32_t)evm_hash_slot(account, key);
    for (uint32_t i = hash & (capacity - 1); capacity; i = (i + 1) & (capacity - 1)) {
        const struct direct_cell *c = &d->slot_index.cells[i];
        if (!c->item)
            break;
        struct direct_slot *s = &d->slots[c->item - 1];
        if (c->hash == hash && s->account == account && evm_u256_eq(&s->key, key))
            return s;
    }
    if (!slot_reserve(d))
        return NULL;
    struct direct_slot *s = &d->slots[d->slot_count++];
    s->account = account;
    s->epoch = 0;
    s->written = false;
    s->depth = 0;
    s->key = *key;
    check_answer(d->base.ops->slot(d->base.self, &a->addr, key, &s->before));
    s->now = s->before;
    index_put(&d->slot_index, hash, d->slot_count);
    return s;
}

static bool slot_counts(const struct direct_account *a, const struct direct_slot *s)
{
    return s->epoch == a->epoch;
}

/* EIP-7610. What was there before the block counts until it is wiped as a whole. */
static bool has_storage(const struct direct_account *a)
{
    return (a->before.has_storage && !a->wiped) || a->set_slots > 0;
}

/* ---- the view of the transaction that runs --------------------------------------------------- */

static enum evm_read view_account(void *self, const struct evm_addr *addr, unsigned need,
                                  struct evm_account *out)
{
    struct evm_direct *d = self;
    const struct direct_account *a = account_at(d, addr);
    d->failed |= !a;
    if (!a)
        return EVM_READ_PENDING;
    *out = a->now;
    if ((need & EVM_NEED_NONCE) && a->depth > d->credited) /* the sender: see run_one */
        d->credited = a->depth;
    if (need & EVM_NEED_STORAGE)
        out->has_storage = has_storage(a);
    return EVM_READ_OK;
}

static enum evm_read view_slot(void *self, const struct evm_addr *addr, const struct evm_u256 *key,
                               struct evm_u256 *out)
{
    struct evm_direct *d = self;
    const struct direct_account *a = account_at(d, addr);
    const struct direct_slot *s = a ? slot_at(d, a, key) : NULL;
    d->failed |= !s;
    if (!s)
        return EVM_READ_PENDING;
    *out = slot_counts(a, s) ? s->now : (struct evm_u256){{0}};
    if (s->depth > d->depth)
        d->depth = s->depth;
    return EVM_READ_OK;
}

static void view_block_hash(void *self, uint64_t number, struct evm_hash *out)
{
    struct evm_direct *d = self;
    d->base.ops->block_hash(d->base.self, number, out);
}

static const struct evm_view_ops view_ops = {view_account, view_slot, view_block_hash};

/* ---- what a transaction leaves --------------------------------------------------------------- */

static void wipe(struct direct_account *a)
{
    a->epoch++;
    a->wiped = true;
    a->set_slots = 0;
}

static void remove_account(struct direct_account *a)
{
    wipe(a);
    a->now = (struct evm_account){.code_hash = evm_code_empty()->hash};
    a->code = evm_code_empty();
    a->written = true;
}

static bool write_slot(struct evm_direct *d, struct direct_account *a,
                       const struct evm_slot_change *c)
{
    struct direct_slot *s = slot_at(d, a, &c->key);
    if (!s)
        return false;
    bool was = slot_counts(a, s) && !evm_u256_is_zero(&s->now);
    a->set_slots += !evm_u256_is_zero(&c->value) - was;
    s->epoch = a->epoch;
    s->now = c->value;
    s->depth = d->depth + 1;
    s->written = true;
    return true;
}

static bool write_account(struct evm_direct *d, const struct evm_account_change *c,
                          const struct evm_slot_change *slots)
{
    struct direct_account *a = account_at(d, &c->addr);
    if (!a)
        return false;
    if (c->wrote & EVM_WROTE_DELETED) {
        remove_account(a);
        return true;
    }
    a->written = true;
    if (!evm_addr_eq(&c->addr, &d->in->txs[d->tx]->sender))
        a->depth = d->depth + 1;
    a->now.exists = true;
    if (c->wrote & EVM_WROTE_WIPE)
        wipe(a);
    if (c->wrote & EVM_WROTE_BALANCE)
        a->now.balance = c->balance;
    if (c->wrote & EVM_WROTE_NONCE)
        a->now.nonce = c->nonce;
    if (c->wrote & EVM_WROTE_CODE) {
        a->now.code_hash = c->code->hash;
        a->code = c->code;
    }
    for (uint32_t i = 0; i < c->slot_count; i++)
        if (!write_slot(d, a, &slots[c->first_slot + i]))
            return false;
    return true;
}

/* Even a fee of 0 touches the account: before EIP-161 that makes it, from then on it removes one
 * that is empty. */
static enum evm_status pay(struct evm_direct *d, const struct evm_block_rules *rules,
                           const struct evm_tx_outcome *o)
{
    if (!o->pays_beneficiary)
        return EVM_OK;
    struct direct_account *a =
        d->payee ? &d->accounts[d->payee - 1] : account_at(d, &rules->beneficiary);
    if (!a)
        return EVM_ERR_MEMORY;
    d->payee = (uint32_t)(a - d->accounts) + 1;
    d->ladder->overflow |= evm_u256_add(&a->now.balance, &a->now.balance, &o->fee);
    a->written = true;
    if (!evm_u256_is_zero(&a->now.balance) || !rules->clears_empty)
        a->now.exists = true;
    else if (a->now.nonce == 0 && evm_hash_eq(&a->now.code_hash, &evm_empty_code_hash))
        remove_account(a);
    return d->ladder->overflow ? EVM_ERR_INPUT : EVM_OK;
}

static enum evm_status take(struct evm_direct *d, const struct evm_block_rules *rules, uint32_t tx,
                            const struct evm_tx *from, const struct evm_tx_outcome *o,
                            struct evm_block_result *r)
{
    const struct evm_changes *c = o->changes;
    for (uint32_t i = 0; i < c->account_count; i++)
        if (!write_account(d, &c->accounts[i], c->slots))
            return EVM_ERR_MEMORY;
    enum evm_status st = pay(d, rules, o);
    if (st != EVM_OK)
        return st;
    struct evm_receipt *to = &r->receipts[d->ladder->receipt_count];
    st = evm_receipt_make(to, tx, from, o, d->ladder->gas_used);
    if (st != EVM_OK)
        return st;
    d->ladder->receipt_count++;
    return evm_ladder_add(d->ladder, o);
}

/* ---- the end of the block -------------------------------------------------------------------- */

static int account_order(const void *x, const void *y)
{
    const struct evm_order *a = x, *b = y;
    const struct direct_account *p = a->object, *q = b->object;
    return memcmp(p->addr.b, q->addr.b, sizeof p->addr.b);
}

static int slot_order(const void *x, const void *y)
{
    const struct evm_order *a = x, *b = y;
    const struct direct_slot *p = a->object, *q = b->object;
    return evm_u256_cmp(&p->key, &q->key);
}

static struct evm_account_change change_of(const struct direct_account *a)
{
    struct evm_account_change c = {
        .addr = a->addr, .balance = a->now.balance, .nonce = a->now.nonce};
    if (!a->now.exists) {
        c.wrote = a->before.exists ? EVM_WROTE_DELETED | EVM_WROTE_WIPE : 0;
        return c;
    }
    c.code = a->code;
    if (!evm_u256_eq(&a->now.balance, &a->before.balance))
        c.wrote |= EVM_WROTE_BALANCE;
    if (a->now.nonce != a->before.nonce)
        c.wrote |= EVM_WROTE_NONCE;
    if (!evm_hash_eq(&a->now.code_hash, &a->before.code_hash))
        c.wrote |= EVM_WROTE_CODE;
    if (a->wiped && a->before.has_storage)
        c.wrote |= EVM_WROTE_WIPE;
    if (!a->before.exists)
        c.wrote |= EVM_WROTE_CREATED;
    return c;
}

/* The account's n slots at `slots`, sorted in `scratch` (room for 2n). */
static void put_slots(const struct direct_account *a, const struct evm_order *slots, uint32_t n,
                      struct evm_order *scratch, struct evm_changes *out)
{
    memcpy(scratch, slots, n * sizeof *slots);
    evm_order_sort(scratch, n, slot_order);
    for (uint32_t i = 0; i < n; i++) {
        const struct direct_slot *s = scratch[i].object;
        struct evm_u256 value = slot_counts(a, s) ? s->now : (struct evm_u256){{0}};
        bool wiped = a->wiped && a->before.has_storage;
        if (wiped ? !evm_u256_is_zero(&value) : !evm_u256_eq(&value, &s->before))
            out->slots[out->slot_count++] = (struct evm_slot_change){s->key, value};
    }
}

/* Order: [accounts][their scratch][slots, by account][slots' scratch, twice]. */
static bool gather(struct evm_direct *d, uint32_t *accounts, uint32_t *slots)
{
    size_t most = (size_t)d->account_count * 2 + (size_t)d->slot_count * 3;
    if (most > d->order_capacity) {
        struct evm_order *grown = evm_realloc(d->order, most * sizeof *grown);
        if (!grown)
            return false;
        d->order = grown;
        d->order_capacity = most;
    }
    *accounts = *slots = 0;
    for (uint32_t i = 0; i < d->account_count; i++) {
        struct direct_account *a = &d->accounts[i];
        a->slot_count = 0;
        if (a->written)
            d->order[(*accounts)++] = (struct evm_order){evm_load_be64(a->addr.b), a};
    }
    evm_order_sort(d->order, *accounts, account_order);
    for (uint32_t i = 0; i < d->slot_count; i++)
        d->accounts[d->slots[i].account].slot_count += d->slots[i].written;
    for (uint32_t i = 0; i < *accounts; i++) {
        struct direct_account *a = d->order[i].object;
        a->first_slot = *slots;
        *slots += a->slot_count;
        a->slot_count = 0;
    }
    struct evm_order *by_account = d->order + (size_t)*accounts * 2;
    for (uint32_t i = 0; i < d->slot_count; i++) {
        struct direct_slot *s = &d->slots[i];
        struct direct_account *a = &d->accounts[s->account];
        if (s->written)
            by_account[a->first_slot + a->slot_count++] = (struct evm_order){s->key.w[3], s};
    }
    return true;
}

enum evm_status evm_direct_collect(struct evm_direct *d, struct evm_changes *out)
{
    uint32_t accounts, slots;
    if (!gather(d, &accounts, &slots))
        return EVM_ERR_MEMORY;
    enum evm_status st = evm_changes_reserve(out, accounts, slots);
    struct evm_order *by_account = d->order ? d->order + (size_t)accounts * 2 : NULL;
    for (uint32_t i = 0; i < accounts && st == EVM_OK; i++) {
        const struct direct_account *a = d->order[i].object;
        struct evm_account_change c = change_of(a);
        c.first_slot = out->slot_count;
        if (a->now.exists && a->slot_count)
            put_slots(a, by_account + a->first_slot, a->slot_count, by_account + slots, out);
        c.slot_count = out->slot_count - c.first_slot;
        if (c.wrote || c.slot_count)
            out->accounts[out->account_count++] = c;
    }
    return st;
}

/* ---- a block --------------------------------------------------------------------------------- */

void evm_direct_forget(struct evm_direct *d)
{
    evm_txrun_destroy(d->run);
    d->run = NULL;
}

void evm_direct_fini(struct evm_direct *d)
{
    evm_direct_forget(d);
    free(d->accounts);
    free(d->slots);
    free(d->account_index.cells);
    free(d->slot_index.cells);
    free(d->order);
    *d = (struct evm_direct){0};
}

static void clear_index(struct direct_index *x)
{
    if (x->capacity)
        memset(x->cells, 0, x->capacity * sizeof *x->cells);
}

enum evm_status evm_direct_open(struct evm_direct *d, const struct evm_block_input *in,
                                struct evm_view base, struct evm_codes *codes,
                                struct evm_ladder *ladder)
{
    if (d->codes != codes)
        evm_direct_forget(d);
    d->codes = codes;
    if (!d->run)
        d->run = evm_txrun_create(codes);
    if (!d->run)
        return EVM_ERR_MEMORY;
    d->base = base;
    d->failed = false;
    if (d->account_count)
        clear_index(&d->account_index);
    if (d->slot_count)
        clear_index(&d->slot_index);
    d->account_count = d->slot_count = d->last = d->payee = 0;
    d->deepest = 0;
    d->in = in;
    d->ladder = ladder;
    return EVM_OK;
}

bool evm_direct_payee(const struct evm_direct *d, const struct evm_addr *payee, bool *exists,
                      struct evm_u256 *balance)
{
    for (uint32_t i = 0; i < d->account_count; i++) {
        const struct direct_account *a = &d->accounts[d->payee ? d->payee - 1 : i];
        if (!evm_addr_eq(&a->addr, payee))
            continue;
        *exists = a->now.exists;
        *balance = a->now.balance;
        return true;
    }
    return false;
}

/* The keys of mappings that the next transactions, from the i-th on, are likely to hash. */
static void hash_ahead(const struct evm_block_input *in, uint32_t i)
{
    uint32_t left = in->tx_count - i;
    evm_txbody_hash_ahead(in, i, left < EVM_KECCAK_HINT_AHEAD ? left : EVM_KECCAK_HINT_AHEAD);
}

/* Could the sender not have paid with what it had at the beginning? */
static bool spends_gifts(struct evm_direct *d, uint32_t i)
{
    const struct direct_account *a = account_at(d, &d->in->txs[i]->sender);
    struct evm_u256 cost;
    return a && evm_tx_max_cost(d->in->txs[i], &cost) && evm_u256_lt(&a->before.balance, &cost);
}

static enum evm_status run_one(struct evm_direct *d, uint32_t i)
{
    const struct evm_block_input *in = d->in;
    d->tx = i;
    d->depth = d->credited = 0;
    evm_txbody_hash_for(in, i);
    evm_txrun_begin(d->run, in->rules, in->env, in->txs[i], (struct evm_view){&view_ops, d}, 0);
    while (evm_txrun_step(d->run, NULL, 0) != EVM_STEP_DONE)
        if (d->failed)
            return EVM_ERR_MEMORY;
    if (d->credited > d->depth && spends_gifts(d, i))
        d->depth = d->credited;
    if (d->depth >= d->deepest)
        d->deepest = d->depth + 1;
    return evm_txrun_outcome(d->run)->error;
}

enum evm_status evm_direct_run(struct evm_direct *d, const struct evm_block_rules *rules,
                               uint32_t from, uint32_t to, bool hashes_ahead,
                               struct evm_block_result *r)
{
    for (uint32_t i = from; i < to; i++) {
        if (hashes_ahead && (i - from) % EVM_KECCAK_HINT_AHEAD == 0)
            hash_ahead(d->in, i);
        enum evm_status st = run_one(d, i);
        if (st != EVM_OK)
            return st;
        const struct evm_tx_outcome *o = evm_txrun_outcome(d->run);
        r->stats[i].incarnations++;
        r->stats[i].invalid = evm_ladder_judge(d->ladder, rules, i, o);
        if (r->stats[i].invalid == EVM_TX_VALID) {
            st = take(d, rules, i, d->in->txs[i], o, r);
            if (st != EVM_OK)
                return st;
        } else if (rules->policy == EVM_INVALID_REJECTS_BLOCK) {
            r->invalid = r->stats[i].invalid;
            r->invalid_tx = i;
            return EVM_OK;
        }
    }
    return EVM_OK;
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

enum evm_status evm_direct_execute(struct evm_direct *d, const struct evm_block_rules *rules,
                                   const struct evm_block_input *in, struct evm_view base,
                                   struct evm_codes *codes, const struct evm_exec_caches *caches,
                                   struct evm_block_result *r)
{
    uint32_t n = in->tx_count;
    d->own = (struct evm_ladder){0};
    r->receipts = n ? evm_malloc(n * sizeof *r->receipts) : NULL;
    r->stats = n ? evm_calloc(n, sizeof *r->stats) : NULL;
    enum evm_status st = n && (!r->receipts || !r->stats) ? EVM_ERR_MEMORY : EVM_OK;
    if (st == EVM_OK)
        st = evm_direct_open(d, in, base, codes, &d->own);
    int64_t start = now();
    evm_keccak_cache_use(!caches->no_keccak);
    if (st == EVM_OK) {
        evm_txrun_set_tier(d->run, caches->no_code ? EVM_TIER_PLAIN : EVM_TIER_AUTO);
        st = evm_direct_run(d, rules, 0, n, !caches->no_keccak, r);
    }
    evm_keccak_hints_run(NULL);
    evm_keccak_cache_use(true);
    r->makespan_ns = r->busy_ns = now() - start;
    r->receipt_count = d->own.receipt_count;
    for (uint32_t i = 0; r->stats && i < n; i++)
        r->executions += r->stats[i].incarnations;
    if (st == EVM_OK && r->invalid == EVM_TX_VALID) {
        r->gas_used = d->own.gas_used;
        r->blob_gas_used = d->own.blob_gas_used;
        r->fees = d->own.fees;
        r->burnt = d->own.burnt;
        return evm_direct_collect(d, &r->changes);
    }
    for (uint32_t i = 0; i < r->receipt_count; i++)
        evm_receipt_fini(&r->receipts[i]);
    r->receipt_count = 0;
    return st;
}
