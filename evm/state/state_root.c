/* The Merkle-Patricia root of a version, from its parent's nodes and its dirty lists. */
#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/state/state_internal.h"

/* A dirty slot on its way into its account's trie: by account, then by hashed key. */
struct dirty_slot {
    uint32_t account;
    uint8_t value_size;
    uint8_t value[33]; /* RLP of the integer; none if 0 */
    struct evm_hash key;
};

struct dirty_account {
    struct account_record *record;
    uint8_t value_size;
    uint8_t value[112]; /* RLP of the account; none if it is gone */
};

/* Everything one computation needs, so that there is one place to release it. */
struct root_work {
    struct dirty_slot *slots;
    struct dirty_account *accounts;
    struct evm_trie_item *items;
    uint32_t slot_count;
};

static int slot_order(const void *x, const void *y)
{
    const struct dirty_slot *a = x, *b = y;
    if (a->account != b->account)
        return a->account < b->account ? -1 : 1;
    return memcmp(a->key.b, b->key.b, sizeof a->key.b);
}

static int account_order(const void *x, const void *y)
{
    const struct dirty_account *a = x, *b = y;
    return memcmp(a->record->key.b, b->record->key.b, sizeof a->record->key.b);
}

/* RLP of an integer at p; returns its size, 1 to 33. */
static size_t put_u256(uint8_t *p, const struct evm_u256 *x)
{
    uint8_t be[32];
    evm_u256_store_be(be, x);
    size_t skip = 0;
    while (skip < 32 && be[skip] == 0)
        skip++;
    size_t size = 32 - skip;
    if (size == 1 && be[31] < 0x80) {
        *p = be[31];
        return 1;
    }
    *p = (uint8_t)(0x80 + size);
    memcpy(p + 1, be + skip, size);
    return size + 1;
}

static size_t put_hash(uint8_t *p, const struct evm_hash *h)
{
    *p = 0xa0;
    memcpy(p + 1, h->b, sizeof h->b);
    return 1 + sizeof h->b;
}

/* rlp([nonce, balance, storage root, code hash]) at p, at most 110 bytes. */
static size_t put_account(uint8_t *p, const struct account_record *r)
{
    uint8_t *q = p + 2;
    struct evm_hash storage;
    struct evm_u256 nonce = evm_u256_of(r->nonce);
    evm_trie_root(r->storage, &storage);
    q += put_u256(q, &nonce);
    q += put_u256(q, &r->balance);
    q += put_hash(q, &storage);
    q += put_hash(q, &r->code->hash);
    p[0] = 0xf8; /* the two hashes alone pass 55 bytes */
    p[1] = (uint8_t)(q - p - 2);
    return (size_t)(q - p);
}

/* The keys become their hashes, four at a time. */
static void hash_slot_keys(struct dirty_slot *slots, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        struct evm_hash out[4];
        struct evm_bytes in[4];
        for (size_t k = 0; k < 4; k++)
            in[k] = (struct evm_bytes){slots[i + k < n ? i + k : i].key.b, 32};
        evm_keccak256_x4(out, in);
        for (size_t k = 0; k < 4 && i + k < n; k++)
            slots[i + k].key = out[k];
    }
}

/* The same for the addresses of the dirty accounts that have not been hashed before. */
static void hash_addresses(struct evm_state *s)
{
    struct account_record *r[4];
    for (uint32_t i = 0, n = 0; i < s->dirty_account_count; i++) {
        r[n] = &s->accounts[s->dirty_accounts[i]];
        if (!atomic_load_explicit(&r[n]->has_key, memory_order_relaxed))
            n++;
        if (n == 0 || (n < 4 && i + 1 < s->dirty_account_count))
            continue;
        struct evm_hash out[4];
        struct evm_bytes in[4];
        for (uint32_t k = 0; k < 4; k++)
            in[k] = (struct evm_bytes){r[k < n ? k : 0]->addr.b, sizeof r[0]->addr.b};
        evm_keccak256_x4(out, in);
        for (uint32_t k = 0; k < n; k++) {
            r[k]->key = out[k];
            atomic_store_explicit(&r[k]->has_key, true, memory_order_release);
        }
        s->trie_cost.permutations += n;
        n = 0;
    }
}

static void collect_slots(struct evm_state *s, struct root_work *w)
{
    for (uint32_t i = 0; i < s->dirty_slot_count; i++) {
        const struct slot_record *slot = &s->slots[s->dirty_slots[i]];
        if (slot->incarnation != s->accounts[slot->account].incarnation)
            continue; /* hidden by a wipe after it was written */
        struct dirty_slot *d = &w->slots[w->slot_count++];
        evm_u256_store_be(d->key.b, &slot->key);
        d->account = slot->account;
        d->value_size =
            evm_u256_is_zero(&slot->value) ? 0 : (uint8_t)put_u256(d->value, &slot->value);
    }
    hash_slot_keys(w->slots, w->slot_count);
    s->trie_cost.permutations += w->slot_count;
    if (w->slot_count)
        qsort(w->slots, w->slot_count, sizeof *w->slots, slot_order);
}

/* The storage trie that the dirty slots of record i change. */
static struct evm_trie_node *storage_below(const struct evm_state *s,
                                           const struct account_record *r)
{
    if (r->wiped || !s->parent)
        return s->parent ? NULL : r->storage;
    uint32_t hash = (uint32_t)state_hash_addr(&r->addr);
    for (const struct evm_state *p = s->parent; p; p = p->parent) {
        const struct account_record *below = state_find_account(p, &r->addr, hash);
        if (below)
            return below->storage;
    }
    return NULL;
}

/* Writes the n slots (sorted) into the account's trie. */
static enum evm_status update_storage(struct evm_state *s, struct account_record *r,
                                      const struct dirty_slot *slots, size_t n,
                                      struct evm_trie_item *items)
{
    for (size_t i = 0; i < n; i++) {
        items[i].key = slots[i].key;
        items[i].value = (struct evm_bytes){slots[i].value, slots[i].value_size};
    }
    struct evm_trie_node *fresh;
    enum evm_status st = evm_trie_update(storage_below(s, r), items, n, &fresh, &s->trie_cost);
    if (st != EVM_OK)
        return st;
    s->trie_cost.bytes -= evm_trie_unref(r->storage);
    r->storage = fresh;
    return EVM_OK;
}

static enum evm_status update_accounts(struct evm_state *s, struct root_work *w)
{
    hash_addresses(s);
    for (uint32_t i = 0; i < s->dirty_account_count; i++) {
        struct account_record *r = &s->accounts[s->dirty_accounts[i]];
        struct dirty_account *d = &w->accounts[i];
        d->record = r;
        d->value_size = r->exists ? (uint8_t)put_account(d->value, r) : 0;
    }
    uint32_t n = s->dirty_account_count;
    if (n)
        qsort(w->accounts, n, sizeof *w->accounts, account_order);
    for (uint32_t i = 0; i < n; i++) {
        w->items[i].key = w->accounts[i].record->key;
        w->items[i].value = (struct evm_bytes){w->accounts[i].value, w->accounts[i].value_size};
    }
    struct evm_trie_node *fresh;
    struct evm_trie_node *old = s->parent ? s->parent->trie : s->trie;
    enum evm_status st = evm_trie_update(old, w->items, n, &fresh, &s->trie_cost);
    if (st != EVM_OK)
        return st;
    s->trie_cost.bytes -= evm_trie_unref(s->trie);
    s->trie = fresh;
    return EVM_OK;
}

/* Runs twice without harm: what a failed first run has put into a storage trie is what the second
 * puts there again. */
static enum evm_status compute(struct evm_state *s, struct root_work *w)
{
    size_t accounts = s->dirty_account_count, slots = s->dirty_slot_count;
    w->slots = evm_malloc((slots + 1) * sizeof *w->slots);
    w->accounts = evm_malloc((accounts + 1) * sizeof *w->accounts);
    w->items = evm_malloc(((accounts > slots ? accounts : slots) + 1) * sizeof *w->items);
    if (!w->slots || !w->accounts || !w->items)
        return EVM_ERR_MEMORY;
    s->trie_cost.permutations = 0;
    collect_slots(s, w);
    /* Accounts without dirty slots have a storage trie too: the one below, or none after a wipe. */
    enum evm_status st = EVM_OK;
    for (uint32_t i = 0; i < accounts && s->parent; i++) {
        struct account_record *r = &s->accounts[s->dirty_accounts[i]];
        struct evm_trie_node *below = evm_trie_ref(storage_below(s, r));
        s->trie_cost.bytes -= evm_trie_unref(r->storage);
        r->storage = below;
    }
    for (uint32_t i = 0, end; i < w->slot_count && st == EVM_OK; i = end) {
        for (end = i + 1; end < w->slot_count && w->slots[end].account == w->slots[i].account;)
            end++;
        st = update_storage(s, &s->accounts[w->slots[i].account], w->slots + i, end - i, w->items);
    }
    if (st == EVM_OK)
        st = update_accounts(s, w);
    if (st != EVM_OK)
        return st;
    for (uint32_t i = 0; i < s->dirty_account_count; i++)
        s->accounts[s->dirty_accounts[i]].dirty = false;
    for (uint32_t i = 0; i < s->dirty_slot_count; i++)
        s->slots[s->dirty_slots[i]].dirty = false;
    s->dirty_account_count = s->dirty_slot_count = 0;
    s->rooted = true;
    return EVM_OK;
}

/* Makes one version rooted; its parent is. */
static enum evm_status root_one(struct evm_state *s)
{
    enum evm_status st = EVM_OK;
    pthread_mutex_lock(&s->lock);
    if (!s->rooted) {
        struct root_work w = {0};
        st = compute(s, &w);
        free(w.slots);
        free(w.accounts);
        free(w.items);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

static bool is_rooted(struct evm_state *s)
{
    pthread_mutex_lock(&s->lock);
    bool rooted = s->rooted;
    pthread_mutex_unlock(&s->lock);
    return rooted;
}

enum evm_status evm_state_root(struct evm_state *s, struct evm_hash *out)
{
    EVM_CHECK(s->sealed, "root of a version that is not sealed (%u accounts)", s->account_count);
    /* From the oldest version without a root down to s; a list, because the chain may be long. */
    size_t depth = 0;
    struct evm_state *p;
    for (p = s; p && !is_rooted(p); p = p->parent)
        depth++;
    struct evm_state **chain = evm_malloc((depth + 1) * sizeof(struct evm_state *));
    if (!chain)
        return EVM_ERR_MEMORY;
    p = s;
    for (size_t i = 0; i < depth; i++, p = p->parent)
        chain[i] = p;
    enum evm_status st = EVM_OK;
    for (size_t i = depth; i-- > 0 && st == EVM_OK;)
        st = root_one(chain[i]);
    free(chain);
    if (st == EVM_OK)
        evm_trie_root(s->trie, out);
    return st;
}

uint64_t evm_state_root_permutations(struct evm_state *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t n = s->trie_cost.permutations;
    pthread_mutex_unlock(&s->lock);
    return n;
}
