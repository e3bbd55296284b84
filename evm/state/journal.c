#include "evm/state/journal.h"

#include "evm/core/alloc.h"
#include "evm/state/journal_internal.h"

/* ---- pools and tables ------------------------------------------------------------------------ */

void *journal_pool_grow(struct pool *p, size_t size)
{
    if (p->chunk_count == p->chunk_capacity) {
        uint32_t room = p->chunk_capacity ? p->chunk_capacity * 2 : 8;
        void **grown = evm_realloc(p->chunks, room * sizeof *grown);
        if (!grown)
            return NULL;
        p->chunks = grown;
        p->chunk_capacity = room;
    }
    void *fresh = evm_malloc(POOL_CHUNK * size);
    if (!fresh)
        return NULL;
    p->chunks[p->chunk_count++] = fresh;
    return pool_at(p, p->used++, size);
}

static void pool_fini(struct pool *p)
{
    for (uint32_t i = 0; i < p->chunk_count; i++)
        free(p->chunks[i]);
    free(p->chunks);
}

bool journal_table_grow(struct table *t, uint32_t generation)
{
    uint32_t capacity = t->capacity ? t->capacity * 2 : 128;
    struct cell *cells = evm_calloc(capacity, sizeof *cells);
    if (!cells)
        return false;
    for (uint32_t i = 0; i < t->capacity; i++)
        if (t->cells[i].generation == generation)
            cell_put(cells, capacity, &t->cells[i]);
    free(t->cells);
    t->cells = cells;
    t->capacity = capacity;
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct evm_journal *evm_journal_create(struct evm_codes *codes)
{
    struct evm_journal *j = evm_calloc(1, sizeof *j);
    if (j) {
        j->codes = codes;
        j->generation = 1;
    }
    return j;
}

void evm_journal_destroy(struct evm_journal *j)
{
    if (!j)
        return;
    pool_fini(&j->accounts);
    pool_fini(&j->slots);
    pool_fini(&j->transients);
    free(j->account_table.cells);
    free(j->slot_table.cells);
    free(j->transient_table.cells);
    free(j->undo);
    free(j->logs);
    for (uint32_t i = 0; i < j->chunk_count; i++)
        free(j->chunks[i].bytes);
    free(j->chunks);
    free(j->order);
    free(j);
}

static void table_clear(struct table *t, bool really)
{
    t->used = 0;
    if (really && t->capacity)
        memset(t->cells, 0, t->capacity * sizeof *t->cells);
}

void evm_journal_begin(struct evm_journal *j, const struct evm_rules *rules, struct evm_view view)
{
    j->rules = rules;
    j->view = view;
    j->clears_empty = rules->state_clearing;
    j->failed = j->settled = j->has_always_warm = false;
    bool wrapped = ++j->generation == 0;
    if (wrapped)
        j->generation = 1;
    table_clear(&j->account_table, wrapped);
    table_clear(&j->slot_table, wrapped);
    table_clear(&j->transient_table, wrapped);
    j->accounts.used = j->slots.used = j->transients.used = 0;
    j->next_storage_id = 0;
    j->undo_count = j->log_count = 0;
    j->chunk_now = 0;
    j->chunk_fill = 0;
    j->refund = 0;
}

void evm_journal_warm_always(struct evm_journal *j, const struct evm_addr *addr)
{
    j->always_warm = *addr;
    j->has_always_warm = true;
}

bool evm_journal_failed(const struct evm_journal *j)
{
    return j->failed;
}

struct evm_codes *evm_journal_codes(const struct evm_journal *j)
{
    return j->codes;
}

/* ---- undo ------------------------------------------------------------------------------------ */

struct undo *journal_undo_grow(struct evm_journal *j)
{
    uint32_t room = j->undo_capacity ? j->undo_capacity * 2 : 256;
    struct undo *grown =
        room > j->undo_capacity ? evm_realloc(j->undo, room * sizeof *grown) : NULL;
    if (!grown) {
        j->failed = true;
        return NULL;
    }
    j->undo = grown;
    j->undo_capacity = room;
    return &j->undo[j->undo_count++];
}

evm_snapshot evm_journal_snapshot(const struct evm_journal *j)
{
    return j->undo_count;
}

/* Precompile 3 stays touched although its call failed: at block 2,675,119 of the main network every
 * client deleted the empty account 0x...03 in a transaction that ran out of gas. */
static bool is_ripemd(const struct evm_addr *a)
{
    static const struct evm_addr ripemd = {{[19] = 3}};
    return evm_addr_eq(a, &ripemd);
}

static void undo_one(struct evm_journal *j, const struct undo *u)
{
    struct account_entry *a = u->entry;
    struct slot_entry *s = u->entry;
    switch ((enum undo_kind)u->kind) {
    case UNDO_WARM_ACCOUNT: a->pub.warm = false; break;
    case UNDO_WARM_SLOT: s->pub.warm = false; break;
    case UNDO_TOUCH:
        if (j->clears_empty && is_ripemd(&a->pub.addr))
            break;
        a->pub.touched = false;
        a->pub.exists = (a->pub.loaded & EVM_NEED_EXISTS) && a->pub.before.exists;
        break;
    case UNDO_SLOT: s->pub.current = u->old.word; break;
    case UNDO_NONCE: a->pub.nonce = u->old.nonce; break;
    case UNDO_CODE: a->pub.code = u->old.code; break;
    case UNDO_BALANCE: a->pub.balance = u->old.word; break;
    case UNDO_CREATE:
        a->storage_id = u->storage_id;
        a->pub.created = u->old.create.created;
        a->pub.wiped = u->old.create.wiped;
        a->pub.has_storage = u->old.create.has_storage;
        break;
    case UNDO_DESTRUCT: a->pub.destructed = false; break;
    case UNDO_TRANSIENT: ((struct transient_entry *)u->entry)->value = u->old.word; break;
    case UNDO_LOG: j->log_count--; break;
    case UNDO_REFUND: j->refund = u->old.refund; break;
    }
}

void evm_journal_revert(struct evm_journal *j, evm_snapshot to)
{
    EVM_DCHECK(to <= j->undo_count, "snapshot %u of %u", to, j->undo_count);
    while (j->undo_count > to)
        undo_one(j, &j->undo[--j->undo_count]);
}

/* ---- accounts -------------------------------------------------------------------------------- */

static struct account_entry *account_find(const struct evm_journal *j, const struct evm_addr *addr,
                                          uint32_t hash)
{
    const struct table *t = &j->account_table;
    if (!t->capacity)
        return NULL;
    for (uint32_t i = hash & (t->capacity - 1);; i = (i + 1) & (t->capacity - 1)) {
        const struct cell *c = &t->cells[i];
        if (c->generation != j->generation)
            return NULL;
        if (c->hash == hash) {
            struct account_entry *a = c->entry;
            if (evm_addr_eq(&a->pub.addr, addr))
                return a;
        }
    }
}

static struct account_entry *scratch_account(struct evm_journal *j)
{
    j->failed = true;
    j->scratch_account = (struct account_entry){0};
    j->scratch_account.pub.loaded = EVM_NEED_ALL;
    j->scratch_account.pub.code = evm_code_empty();
    return &j->scratch_account;
}

/* Warm from the start by EIP-2929; saves every transaction the marking of some ten addresses. */
static bool is_precompile(const struct evm_rules *rules, const struct evm_addr *a)
{
    static const uint8_t zero[18];
    if (a->b[0] != 0 || memcmp(a->b, zero, sizeof zero) != 0)
        return false;
    unsigned n = (unsigned)a->b[18] << 8 | a->b[19];
    return (n >= 1 && n <= rules->precompiles) || (n == 0x100 && rules->p256verify);
}

static bool is_warm_always(const struct evm_journal *j, const struct evm_addr *addr)
{
    return (j->rules->access_lists && is_precompile(j->rules, addr)) ||
           (j->has_always_warm && evm_addr_eq(addr, &j->always_warm));
}

void journal_account_fresh(const struct evm_journal *j, struct evm_jaccount *acc,
                           const struct evm_addr *addr)
{
    *acc = (struct evm_jaccount){.addr = *addr, .warm = is_warm_always(j, addr)};
}

static struct account_entry *account_add(struct evm_journal *j, const struct evm_addr *addr,
                                         uint32_t hash)
{
    uint32_t index = j->accounts.used;
    struct account_entry *a = NULL;
    if (table_reserve(&j->account_table, j->generation))
        a = pool_take(&j->accounts, sizeof *a);
    if (!a)
        return scratch_account(j);
    memset(a, 0, sizeof *a);
    journal_account_fresh(j, &a->pub, addr);
    a->index = index;
    a->storage_id = j->next_storage_id++;
    table_put(&j->account_table, j->generation, hash, a);
    return a;
}

static const struct evm_code *code_of(struct evm_journal *j, const struct evm_hash *hash)
{
    const struct evm_code **c = &j->code_cache[hash->b[0] % CODE_CACHE];
    if (!*c || !evm_hash_eq(&(*c)->hash, hash)) {
        const struct evm_code *found = evm_codes_find(j->codes, hash);
        EVM_CHECK(found, "an account's code is not in the code store (hash %02x%02x%02x%02x...)",
                  hash->b[0], hash->b[1], hash->b[2], hash->b[3]);
        *c = found;
    }
    return *c;
}

enum evm_read evm_journal_load(struct evm_journal *j, struct evm_jaccount *acc, unsigned need)
{
    struct evm_account got;
    unsigned missing = need & ~(unsigned)acc->loaded;
    if (!missing)
        return EVM_READ_OK;
    if (j->view.ops->account(j->view.self, &acc->addr, missing, &got) != EVM_READ_OK)
        return EVM_READ_PENDING;
    if (missing & EVM_NEED_BALANCE)
        acc->balance = acc->before.balance = got.balance;
    if (missing & EVM_NEED_NONCE)
        acc->nonce = acc->before.nonce = got.nonce;
    if (missing & EVM_NEED_CODE) {
        acc->before.code_hash = got.code_hash;
        acc->code = code_of(j, &got.code_hash);
    }
    if (missing & EVM_NEED_EXISTS) {
        acc->before.exists = got.exists;
        acc->exists = got.exists || acc->touched;
    }
    if (missing & EVM_NEED_STORAGE) {
        acc->before.has_storage = got.has_storage;
        acc->has_storage = got.has_storage && !acc->wiped;
    }
    acc->loaded = (uint8_t)(acc->loaded | missing);
    return EVM_READ_OK;
}

enum evm_read evm_journal_account(struct evm_journal *j, const struct evm_addr *addr, unsigned need,
                                  struct evm_jaccount **out)
{
    uint32_t hash = (uint32_t)evm_hash_addr(addr);
    struct account_entry *a = account_find(j, addr, hash);
    if (!a)
        a = account_add(j, addr, hash);
    if (evm_journal_load(j, &a->pub, need) != EVM_READ_OK)
        return EVM_READ_PENDING;
    *out = &a->pub;
    return EVM_READ_OK;
}

const struct evm_jaccount *evm_journal_find(const struct evm_journal *j,
                                            const struct evm_addr *addr)
{
    const struct account_entry *a = account_find(j, addr, (uint32_t)evm_hash_addr(addr));
    return a ? &a->pub : NULL;
}

bool evm_journal_warm_account(struct evm_journal *j, struct evm_jaccount *acc)
{
    if (acc->warm)
        return false;
    undo_push(j, UNDO_WARM_ACCOUNT, acc);
    acc->warm = true;
    return true;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static struct slot_entry *slot_find(const struct evm_journal *j, uint32_t id,
                                    const struct evm_u256 *key, uint32_t hash)
{
    const struct table *t = &j->slot_table;
    if (!t->capacity)
        return NULL;
    for (uint32_t i = hash & (t->capacity - 1);; i = (i + 1) & (t->capacity - 1)) {
        const struct cell *c = &t->cells[i];
        if (c->generation != j->generation)
            return NULL;
        if (c->hash == hash) {
            struct slot_entry *s = c->entry;
            if (s->storage_id == id && evm_u256_eq(&s->pub.key, key))
                return s;
        }
    }
}

struct slot_entry *journal_slot_add(struct evm_journal *j, struct account_entry *a,
                                    const struct evm_u256 *key, uint32_t hash)
{
    struct slot_entry *s = NULL;
    if (table_reserve(&j->slot_table, j->generation))
        s = pool_take(&j->slots, sizeof *s);
    if (!s) {
        j->failed = true;
        j->scratch_slot = (struct slot_entry){.pub = {.loaded = true}};
        return &j->scratch_slot;
    }
    *s = (struct slot_entry){.pub.key = *key, .storage_id = a->storage_id, .account = a};
    s->next = a->slots;
    a->slots = s;
    table_put(&j->slot_table, j->generation, hash, s);
    return s;
}

enum evm_read evm_journal_slot(struct evm_journal *j, struct evm_jaccount *acc,
                               const struct evm_u256 *key, bool load, struct evm_jslot **out)
{
    struct account_entry *a = (struct account_entry *)acc;
    uint32_t hash = (uint32_t)evm_hash_slot(a->storage_id, key);
    struct slot_entry *s = slot_find(j, a->storage_id, key, hash);
    if (!s)
        s = journal_slot_add(j, a, key, hash);
    if (load && !s->pub.loaded) {
        /* Storage that restarted empty reads as 0 and asks nobody. */
        if (!acc->wiped) {
            if (j->view.ops->slot(j->view.self, &acc->addr, key, &s->pub.original) != EVM_READ_OK)
                return EVM_READ_PENDING;
            s->pub.current = s->pub.original;
            s->read = true;
        }
        s->pub.loaded = true;
    }
    *out = &s->pub;
    return EVM_READ_OK;
}

bool evm_journal_warm_slot(struct evm_journal *j, struct evm_jaccount *acc, struct evm_jslot *slot)
{
    (void)acc;
    if (slot->warm)
        return false;
    undo_push(j, UNDO_WARM_SLOT, slot);
    slot->warm = true;
    return true;
}
