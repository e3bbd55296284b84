/* Going back to where a transaction was at an earlier read. Undoing does not lead there: it knows
 * nothing of reads, and frames that revert afterwards may undo what was done before. So everything
 * is copied. Entries do not move, and those made since stay in the tables as if nobody had looked
 * at them yet. */
#include "evm/core/alloc.h"
#include "evm/state/journal_internal.h"

struct saved_account {
    struct evm_jaccount pub;
    uint32_t storage_id;
};

struct saved_slot {
    struct evm_jslot pub;
    bool read;
};

/* Room for n objects; NULL when memory is out. */
static void *room(struct evm_buf *b, uint32_t n, size_t size)
{
    evm_buf_clear(b);
    return evm_buf_extend(b, n * size);
}

static struct transient_entry *transient_at(const struct evm_journal *j, uint32_t i)
{
    return pool_at(&j->transients, i, sizeof(struct transient_entry));
}

static bool save_entries(const struct evm_journal *j, struct evm_journal_saved *out)
{
    out->account_count = j->accounts.used;
    out->slot_count = j->slots.used;
    out->transient_count = j->transients.used;
    struct saved_account *accounts = room(&out->accounts, out->account_count, sizeof *accounts);
    struct saved_slot *slots = room(&out->slots, out->slot_count, sizeof *slots);
    struct evm_u256 *values = room(&out->transients, out->transient_count, sizeof *values);
    if (!accounts || !slots || !values)
        return false;
    for (uint32_t i = 0; i < out->account_count; i++)
        accounts[i] = (struct saved_account){account_at(j, i)->pub, account_at(j, i)->storage_id};
    for (uint32_t i = 0; i < out->slot_count; i++)
        slots[i] = (struct saved_slot){slot_at(j, i)->pub, slot_at(j, i)->read};
    for (uint32_t i = 0; i < out->transient_count; i++)
        values[i] = transient_at(j, i)->value;
    return true;
}

bool evm_journal_save(const struct evm_journal *j, struct evm_journal_saved *out)
{
    out->undo_count = j->undo_count;
    out->log_count = j->log_count;
    out->chunk_now = j->chunk_now;
    out->chunk_fill = j->chunk_fill;
    out->refund = j->refund;
    struct evm_log *logs = room(&out->logs, j->log_count, sizeof *logs);
    struct undo *undo = room(&out->undo, j->undo_count, sizeof *undo);
    if (j->failed || !logs || !undo || !save_entries(j, out))
        return false;
    if (j->log_count)
        memcpy(logs, j->logs, j->log_count * sizeof *logs);
    if (j->undo_count)
        memcpy(undo, j->undo, j->undo_count * sizeof *undo);
    return true;
}

static void restore_accounts(struct evm_journal *j, const struct evm_journal_saved *from)
{
    const struct saved_account *saved = (const void *)from->accounts.data;
    for (uint32_t i = 0; i < j->accounts.used; i++) {
        struct account_entry *a = account_at(j, i);
        const struct evm_addr addr = a->pub.addr;
        if (i < from->account_count) {
            a->pub = saved[i].pub;
            a->storage_id = saved[i].storage_id;
        } else {
            journal_account_fresh(j, &a->pub, &addr);
            a->storage_id = j->next_storage_id++;
        }
    }
}

static void restore_slots(struct evm_journal *j, const struct evm_journal_saved *from)
{
    const struct saved_slot *saved = (const void *)from->slots.data;
    for (uint32_t i = 0; i < j->slots.used; i++) {
        struct slot_entry *s = slot_at(j, i);
        const struct saved_slot fresh = {.pub.key = s->pub.key};
        const struct saved_slot *now = i < from->slot_count ? &saved[i] : &fresh;
        s->pub = now->pub;
        s->read = now->read;
    }
}

void evm_journal_restore(struct evm_journal *j, const struct evm_journal_saved *from)
{
    const struct evm_u256 *values = (const void *)from->transients.data;
    restore_accounts(j, from);
    restore_slots(j, from);
    for (uint32_t i = 0; i < j->transients.used; i++)
        transient_at(j, i)->value = i < from->transient_count ? values[i] : (struct evm_u256){{0}};
    if (from->log_count)
        memcpy(j->logs, from->logs.data, from->logs.size);
    if (from->undo_count)
        memcpy(j->undo, from->undo.data, from->undo.size);
    j->log_count = from->log_count;
    j->undo_count = from->undo_count;
    j->chunk_now = from->chunk_now;
    j->chunk_fill = from->chunk_fill;
    j->refund = from->refund;
    j->settled = false;
}

size_t evm_journal_saved_size(const struct evm_journal_saved *saved)
{
    return saved->accounts.size + saved->slots.size + saved->transients.size + saved->logs.size +
           saved->undo.size;
}

void evm_journal_saved_fini(struct evm_journal_saved *saved)
{
    evm_buf_fini(&saved->accounts);
    evm_buf_fini(&saved->slots);
    evm_buf_fini(&saved->transients);
    evm_buf_fini(&saved->logs);
    evm_buf_fini(&saved->undo);
}
