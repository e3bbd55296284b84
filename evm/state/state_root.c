/* The Merkle-Patricia root of a version, from its parent's nodes and its dirty lists. */
#include "evm/core/alloc.h"
#include "evm/core/keccak.h"
#include "evm/core/order.h"
#include "evm/state/state_internal.h"

/* A dirty slot on its way into its account's trie. */
struct dirty_slot {
    uint32_t account;
    uint8_t value_size;
    uint8_t value[33]; /* RLP of the integer; none if 0 */
    struct evm_hash key;
};

#define ACCOUNT_MAX 112 /* bytes of an account's RLP */

/* Everything one computation needs, so that there is one place to release it. */
struct root_work {
    struct dirty_slot *slots;
    struct dirty_slot **sorted;       /* by account, then by hashed key */
    uint8_t (*accounts)[ACCOUNT_MAX]; /* RLP, in the order of the items */
    struct evm_order *order;          /* room for twice the slots or accounts */
    uint32_t *first;                  /* of each account of the version, in sorted */
    struct evm_trie_item *items;
    uint32_t slot_count;
};

static int slot_order(const void *x, const void *y)
{
    const struct evm_order *a = x, *b = y;
    const struct dirty_slot *p = a->object, *q = b->object;
    return memcmp(p->key.b, q->key.b, sizeof p->key.b);
}

static int account_order(const void *x, const void *y)
{
    const struct evm_order *a = x, *b = y;
    const struct account_record *p = a->object, *q = b->object;
    return memcmp(p->key.b, q->key.b, sizeof p->key.b);
}

/* RLP of an integer at p; returns its size, 1 to 33. */
static size_t put_u256(uint8_t *p, const struct evm_u256 *x)
{
    uint8_t be[32];
    size_t size = (evm_u256_bits(x) + 7) / 8;
    evm_u256_store_be(be, x);
    if (size == 1 && be[31] < 0x80) {
        *p = be[31];
        return 1;
    }
    *p = (uint8_t)(0x80 + size);
    memcpy(p + 1, be + 32 - size, size);
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
}

/* All slots by key, then dealt out to their accounts, which keeps that order in each. */
static void sort_slots(const struct evm_state *s, struct root_work *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct dirty_slot *d = &w->slots[i];
        w->order[i] = (struct evm_order){evm_load_be64(d->key.b), d};
        w->first[d->account + 1]++;
    }
    evm_order_sort(w->order, w->slot_count, slot_order);
    for (uint32_t i = 0; i < s->account_count; i++)
        w->first[i + 1] += w->first[i];
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct dirty_slot *d = w->order[i].object;
        w->sorted[w->first[d->account]++] = d;
    }
}

/* The storage trie that the dirty slots of record i change. */
static struct evm_trie_node *storage_below(const struct evm_state *s,
                                           const struct account_record *r)
{
    if (r->wiped || !s->parent)
        return s->parent ? NULL : r->storage;
    uint32_t hash = (uint32_t)evm_hash_addr(&r->addr);
    for (const struct evm_state *p = s->parent; p; p = p->parent) {
        const struct account_record *below = state_find_account(p, &r->addr, hash);
        if (below)
            return below->storage;
    }
    return NULL;
}

/* Writes the n slots (sorted) into the account's trie. */
static enum evm_status update_storage(struct evm_state *s, struct account_record *r,
                                      struct dirty_slot *const *slots, size_t n,
                                      struct evm_trie_item *items)
{
    for (size_t i = 0; i < n; i++) {
        items[i].key = slots[i]->key;
        items[i].value = (struct evm_bytes){slots[i]->value, slots[i]->value_size};
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
    uint32_t n = s->dirty_account_count;
    for (uint32_t i = 0; i < n; i++) {
        struct account_record *r = &s->accounts[s->dirty_accounts[i]];
        w->order[i] = (struct evm_order){evm_load_be64(r->key.b), r};
    }
    evm_order_sort(w->order, n, account_order);
    for (uint32_t i = 0; i < n; i++) {
        const struct account_record *r = w->order[i].object;
        size_t size = r->exists ? put_account(w->accounts[i], r) : 0;
        w->items[i].key = r->key;
        w->items[i].value = (struct evm_bytes){w->accounts[i], size};
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
    size_t most = (accounts > slots ? accounts : slots) + 1;
    w->slots = evm_malloc((slots + 1) * sizeof *w->slots);
    w->sorted = evm_malloc((slots + 1) * sizeof(struct dirty_slot *));
    w->accounts = evm_malloc((accounts + 1) * sizeof *w->accounts);
    w->order = evm_malloc(2 * most * sizeof *w->order);
    w->first = evm_calloc((size_t)s->account_count + 1, sizeof *w->first);
    w->items = evm_malloc(most * sizeof *w->items);
    if (!w->slots || !w->sorted || !w->accounts || !w->order || !w->first || !w->items)
        return EVM_ERR_MEMORY;
    s->trie_cost.permutations = 0;
    collect_slots(s, w);
    sort_slots(s, w);
    /* Accounts without dirty slots have a storage trie too: the one below, or none after a wipe. */
    enum evm_status st = EVM_OK;
    for (uint32_t i = 0; i < accounts && s->parent; i++) {
        struct account_record *r = &s->accounts[s->dirty_accounts[i]];
        struct evm_trie_node *below = evm_trie_ref(storage_below(s, r));
        s->trie_cost.bytes -= evm_trie_unref(r->storage);
        r->storage = below;
    }
    for (uint32_t i = 0, end; i < w->slot_count && st == EVM_OK; i = end) {
        uint32_t account = w->sorted[i]->account;
        for (end = i + 1; end < w->slot_count && w->sorted[end]->account == account;)
            end++;
        st = update_storage(s, &s->accounts[account], w->sorted + i, end - i, w->items);
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
        free(w.sorted);
        free(w.accounts);
        free(w.order);
        free(w.first);
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
