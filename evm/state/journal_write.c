/* What a transaction does to the journal: values, transient slots, logs, the refund. Reading and
 * undoing are in journal.c. */
#include "evm/core/alloc.h"
#include "evm/state/journal_internal.h"

/* ---- mutations ------------------------------------------------------------------------------- */

void evm_journal_touch(struct evm_journal *j, struct evm_jaccount *acc)
{
    if (acc->touched)
        return;
    undo_push(j, UNDO_TOUCH, acc);
    acc->touched = true;
    acc->exists = true;
}

void evm_journal_set_slot(struct evm_journal *j, struct evm_jaccount *acc, struct evm_jslot *slot,
                          const struct evm_u256 *value)
{
    EVM_DCHECK(slot->loaded, "slot set before it is loaded (%d)", slot->loaded);
    evm_journal_touch(j, acc);
    struct undo *u = undo_push(j, UNDO_SLOT, slot);
    if (u)
        u->old.word = slot->current;
    slot->current = *value;
}

void evm_journal_set_nonce(struct evm_journal *j, struct evm_jaccount *acc, uint64_t nonce)
{
    EVM_DCHECK(acc->loaded & EVM_NEED_NONCE, "nonce set before it is loaded (%x)", acc->loaded);
    evm_journal_touch(j, acc);
    struct undo *u = undo_push(j, UNDO_NONCE, acc);
    if (u)
        u->old.nonce = acc->nonce;
    acc->nonce = nonce;
}

void evm_journal_set_code(struct evm_journal *j, struct evm_jaccount *acc,
                          const struct evm_code *code)
{
    EVM_DCHECK(acc->loaded & EVM_NEED_CODE, "code set before it is loaded (%x)", acc->loaded);
    evm_journal_touch(j, acc);
    struct undo *u = undo_push(j, UNDO_CODE, acc);
    if (u)
        u->old.code = acc->code;
    acc->code = code;
}

static void set_balance(struct evm_journal *j, struct evm_jaccount *acc,
                        const struct evm_u256 *balance)
{
    struct undo *u = undo_push(j, UNDO_BALANCE, acc);
    if (u)
        u->old.word = acc->balance;
    acc->balance = *balance;
}

void evm_journal_add_balance(struct evm_journal *j, struct evm_jaccount *acc,
                             const struct evm_u256 *amount)
{
    EVM_DCHECK(acc->loaded & EVM_NEED_BALANCE, "balance not loaded (%x)", acc->loaded);
    evm_journal_touch(j, acc);
    if (evm_u256_is_zero(amount))
        return;
    /* It is the gain so far that must stay small, not the sum (evm_balance_within). */
    struct evm_u256 sum, gain;
    bool wraps = evm_u256_add(&sum, &acc->balance, amount);
    bool gains = !evm_u256_sub(&gain, &sum, &acc->before.balance);
    acc->balance_observed |= wraps || (gains && gain.w[3] >> 62);
    set_balance(j, acc, &sum);
}

bool evm_jaccount_balance_reaches(struct evm_jaccount *acc, const struct evm_u256 *amount)
{
    EVM_DCHECK(acc->loaded & EVM_NEED_BALANCE, "balance not loaded (%x)", acc->loaded);
    struct evm_u256 rest, need;
    if (evm_u256_sub(&rest, &acc->balance, amount)) {
        acc->balance_observed = true;
        return false;
    }
    /* balance = before + gain, so balance >= amount asks of `before` that it reaches amount - gain,
     * which is before - rest. */
    if (!evm_u256_sub(&need, &acc->before.balance, &rest) &&
        evm_u256_lt(&acc->balance_needed, &need))
        acc->balance_needed = need;
    return true;
}

bool evm_jaccount_balance_bound(const struct evm_jaccount *acc, struct evm_u256 *bound)
{
    *bound = acc->balance_needed;
    return !acc->balance_observed && evm_balance_within(&acc->before.balance, bound);
}

bool evm_journal_balance_reaches(struct evm_journal *j, struct evm_jaccount *acc,
                                 const struct evm_u256 *amount)
{
    (void)j;
    return evm_jaccount_balance_reaches(acc, amount);
}

bool evm_journal_sub_balance(struct evm_journal *j, struct evm_jaccount *acc,
                             const struct evm_u256 *amount)
{
    if (!evm_jaccount_balance_reaches(acc, amount))
        return false;
    evm_journal_touch(j, acc);
    if (evm_u256_is_zero(amount))
        return true;
    struct evm_u256 rest;
    evm_u256_sub(&rest, &acc->balance, amount);
    set_balance(j, acc, &rest);
    return true;
}

void evm_journal_create_contract(struct evm_journal *j, struct evm_jaccount *acc)
{
    struct account_entry *a = (struct account_entry *)acc;
    evm_journal_set_nonce(j, acc, j->clears_empty ? 1 : 0);
    struct undo *u = undo_push(j, UNDO_CREATE, acc);
    if (u) {
        u->storage_id = a->storage_id;
        u->old.create.created = acc->created;
        u->old.create.wiped = acc->wiped;
        u->old.create.has_storage = acc->has_storage;
    }
    uint32_t old_id = a->storage_id;
    a->storage_id = j->next_storage_id++;
    acc->created = true;
    acc->wiped = true;
    acc->has_storage = false;
    /* An access list may have warmed slots of the address before there was a contract. */
    for (struct slot_entry *s = a->slots; s; s = s->next) {
        if (s->storage_id != old_id || !s->pub.warm)
            continue;
        struct slot_entry *fresh = journal_slot_add(
            j, a, &s->pub.key, (uint32_t)evm_hash_slot(a->storage_id, &s->pub.key));
        fresh->pub.warm = true;
    }
}

bool evm_journal_mark_destructed(struct evm_journal *j, struct evm_jaccount *acc)
{
    if (acc->destructed)
        return false;
    evm_journal_touch(j, acc);
    undo_push(j, UNDO_DESTRUCT, acc);
    acc->destructed = true;
    return true;
}

/* ---- transient storage ----------------------------------------------------------------------- */

static struct transient_entry *transient_find(const struct evm_journal *j, uint32_t account,
                                              const struct evm_u256 *key, uint32_t hash)
{
    const struct table *t = &j->transient_table;
    if (!t->capacity)
        return NULL;
    for (uint32_t i = hash & (t->capacity - 1);; i = (i + 1) & (t->capacity - 1)) {
        const struct cell *c = &t->cells[i];
        if (c->generation != j->generation)
            return NULL;
        if (c->hash == hash) {
            struct transient_entry *e = c->entry;
            if (e->account == account && evm_u256_eq(&e->key, key))
                return e;
        }
    }
}

void evm_journal_transient_get(struct evm_journal *j, const struct evm_jaccount *acc,
                               const struct evm_u256 *key, struct evm_u256 *out)
{
    uint32_t account = ((const struct account_entry *)acc)->index;
    const struct transient_entry *e =
        transient_find(j, account, key, (uint32_t)evm_hash_slot(account, key));
    *out = e ? e->value : (struct evm_u256){{0}};
}

void evm_journal_transient_set(struct evm_journal *j, const struct evm_jaccount *acc,
                               const struct evm_u256 *key, const struct evm_u256 *value)
{
    uint32_t account = ((const struct account_entry *)acc)->index;
    uint32_t hash = (uint32_t)evm_hash_slot(account, key);
    struct transient_entry *e = transient_find(j, account, key, hash);
    if (!e) {
        if (table_reserve(&j->transient_table, j->generation))
            e = pool_take(&j->transients, sizeof *e);
        if (!e) {
            j->failed = true;
            return;
        }
        *e = (struct transient_entry){.account = account, .key = *key};
        table_put(&j->transient_table, j->generation, hash, e);
    }
    struct undo *u = undo_push(j, UNDO_TRANSIENT, e);
    if (u)
        u->old.word = e->value;
    e->value = *value;
}

/* ---- logs, refund, block hashes -------------------------------------------------------------- */

#define LOG_CHUNK ((size_t)16384)

/* `size` bytes that stay put until the next begin(); NULL when memory is out. */
static uint8_t *log_bytes(struct evm_journal *j, size_t size)
{
    for (; j->chunk_now < j->chunk_count; j->chunk_now++, j->chunk_fill = 0) {
        struct log_chunk *c = &j->chunks[j->chunk_now];
        if (c->size - j->chunk_fill >= size) {
            uint8_t *p = c->bytes + j->chunk_fill;
            j->chunk_fill += size;
            return p;
        }
    }
    if (j->chunk_count == j->chunk_capacity) {
        uint32_t room = j->chunk_capacity ? j->chunk_capacity * 2 : 8;
        struct log_chunk *grown = evm_realloc(j->chunks, room * sizeof *grown);
        if (!grown)
            return NULL;
        j->chunks = grown;
        j->chunk_capacity = room;
    }
    struct log_chunk c = {.size = size > LOG_CHUNK ? size : LOG_CHUNK};
    c.bytes = evm_malloc(c.size);
    if (!c.bytes)
        return NULL;
    j->chunks[j->chunk_count++] = c;
    j->chunk_fill = size;
    return c.bytes;
}

void evm_journal_log(struct evm_journal *j, const struct evm_addr *addr, uint32_t topic_count,
                     const struct evm_hash *topics, struct evm_bytes data)
{
    EVM_DCHECK(topic_count <= 4, "%u topics", topic_count);
    if (j->log_count == j->log_capacity) {
        uint32_t room = j->log_capacity ? j->log_capacity * 2 : 32;
        struct evm_log *grown = evm_realloc(j->logs, room * sizeof *grown);
        if (!grown) {
            j->failed = true;
            return;
        }
        j->logs = grown;
        j->log_capacity = room;
    }
    uint8_t *bytes = data.size ? log_bytes(j, data.size) : NULL;
    if ((data.size && !bytes) || !undo_push(j, UNDO_LOG, NULL)) {
        j->failed = true;
        return;
    }
    struct evm_log *log = &j->logs[j->log_count++];
    log->addr = *addr;
    log->topic_count = topic_count;
    for (uint32_t i = 0; i < topic_count; i++)
        log->topics[i] = topics[i];
    if (data.size)
        memcpy(bytes, data.data, data.size);
    log->data = (struct evm_bytes){bytes, data.size};
}

uint32_t evm_journal_log_count(const struct evm_journal *j)
{
    return j->log_count;
}

const struct evm_log *evm_journal_logs(const struct evm_journal *j)
{
    return j->logs;
}

int64_t evm_journal_refund(const struct evm_journal *j)
{
    return j->refund;
}

void evm_journal_add_refund(struct evm_journal *j, int64_t delta)
{
    struct undo *u = undo_push(j, UNDO_REFUND, NULL);
    if (u)
        u->old.refund = j->refund;
    j->refund += delta;
}

void evm_journal_block_hash(struct evm_journal *j, uint64_t number, struct evm_hash *out)
{
    j->view.ops->block_hash(j->view.self, number, out);
}
