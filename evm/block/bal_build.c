/* Making a block access list from what happened: everything is put down as an event, sorted once
 * at the end, and walked location by location with the value before the block at its head, so that
 * what changes nothing is seen to change nothing. */
#include <stdlib.h>

#include "evm/block/bal_internal.h"
#include "evm/core/alloc.h"
#include "evm/core/u256.h"

/* In the order in which an account's events are walked. */
enum kind {
    KIND_TOUCH,
    KIND_WIPE, /* every slot that the index does not name is 0 from it on */
    KIND_SLOT, /* read or written */
    KIND_BALANCE,
    KIND_NONCE,
    KIND_CODE,
};

struct evm_bal_event {
    struct evm_addr addr;
    uint8_t kind; /* enum kind */
    bool write;   /* SLOT */
    uint32_t index;
    size_t seq; /* of two values at one index the later one counts */
    struct evm_u256 key;
    union {
        struct evm_u256 value;
        const struct evm_code *code;
    };
};

void evm_bal_reset(struct evm_bal_builder *b)
{
    b->count = 0;
    b->failed = false;
}

void evm_bal_builder_fini(struct evm_bal_builder *b)
{
    if (!b)
        return;
    free(b->events);
    *b = (struct evm_bal_builder){0};
}

/* ---- putting --------------------------------------------------------------------------------- */

static void put(struct evm_bal_builder *b, const struct evm_bal_event *e)
{
    if (b->failed)
        return;
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? b->capacity * 2 : 256;
        struct evm_bal_event *events = evm_realloc(b->events, capacity * sizeof *events);
        if (!events) {
            b->failed = true;
            return;
        }
        b->events = events;
        b->capacity = capacity;
    }
    b->events[b->count] = *e;
    b->events[b->count].seq = b->count;
    b->count++;
}

void evm_bal_put_account(struct evm_bal_builder *b, const struct evm_addr *addr)
{
    put(b, &(struct evm_bal_event){.addr = *addr, .kind = KIND_TOUCH});
}

void evm_bal_put_read(struct evm_bal_builder *b, const struct evm_addr *addr,
                      const struct evm_u256 *key)
{
    put(b, &(struct evm_bal_event){.addr = *addr, .kind = KIND_SLOT, .key = *key});
}

static void put_value(struct evm_bal_builder *b, uint32_t index, const struct evm_addr *addr,
                      enum kind kind, const struct evm_u256 *value)
{
    put(b, &(struct evm_bal_event){
               .addr = *addr, .kind = (uint8_t)kind, .index = index, .value = *value});
}

static void put_code(struct evm_bal_builder *b, uint32_t index, const struct evm_addr *addr,
                     const struct evm_code *code)
{
    put(b, &(struct evm_bal_event){.addr = *addr, .kind = KIND_CODE, .index = index, .code = code});
}

void evm_bal_put_balance(struct evm_bal_builder *b, uint32_t index, const struct evm_addr *addr,
                         const struct evm_u256 *balance)
{
    put_value(b, index, addr, KIND_BALANCE, balance);
}

static void put_account_changes(struct evm_bal_builder *b, uint32_t index,
                                const struct evm_account_change *a,
                                const struct evm_slot_change *slots)
{
    const struct evm_u256 zero = evm_u256_of(0), nonce = evm_u256_of(a->nonce);
    bool gone = (a->wrote & EVM_WROTE_DELETED) != 0;
    evm_bal_put_account(b, &a->addr);
    if (gone || (a->wrote & EVM_WROTE_BALANCE))
        put_value(b, index, &a->addr, KIND_BALANCE, gone ? &zero : &a->balance);
    if (gone || (a->wrote & EVM_WROTE_NONCE))
        put_value(b, index, &a->addr, KIND_NONCE, gone ? &zero : &nonce);
    if (gone || (a->wrote & EVM_WROTE_CODE))
        put_code(b, index, &a->addr, gone ? evm_code_empty() : a->code);
    if (gone || (a->wrote & EVM_WROTE_WIPE))
        put(b, &(struct evm_bal_event){.addr = a->addr, .kind = KIND_WIPE, .index = index});
    for (uint32_t i = 0; i < a->slot_count; i++)
        put(b, &(struct evm_bal_event){.addr = a->addr,
                                       .kind = KIND_SLOT,
                                       .write = true,
                                       .index = index,
                                       .key = slots[i].key,
                                       .value = slots[i].value});
}

void evm_bal_put_changes(struct evm_bal_builder *b, uint32_t index,
                         const struct evm_changes *changes)
{
    for (uint32_t i = 0; i < changes->account_count; i++) {
        const struct evm_account_change *a = &changes->accounts[i];
        put_account_changes(b, index, a, changes->slots + a->first_slot);
    }
}

/* ---- the list -------------------------------------------------------------------------------- */

static int event_order(const void *x, const void *y)
{
    const struct evm_bal_event *a = x, *b = y;
    int addr = memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
    if (addr != 0)
        return addr;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int key = evm_u256_cmp(&a->key, &b->key);
    if (key != 0)
        return key;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* A run of events: those of one account, one kind, or one slot. */
struct run {
    const struct evm_bal_event *at, *end;
};

/* Cuts the events of `kind` off the front of the account's. */
static struct run take_kind(struct run *rest, enum kind kind)
{
    struct run r = {rest->at, rest->at};
    while (r.end < rest->end && r.end->kind == kind)
        r.end++;
    rest->at = r.end;
    return r;
}

static struct run take_slot(struct run *rest)
{
    struct run r = {rest->at, rest->at};
    while (r.end < rest->end && evm_u256_eq(&r.end->key, &r.at->key))
        r.end++;
    rest->at = r.end;
    return r;
}

static bool add_values(struct evm_bal *out, struct run r, struct evm_u256 now, uint32_t *count)
{
    for (const struct evm_bal_event *e = r.at; e < r.end; e++) {
        if (e + 1 < r.end && e[1].index == e->index)
            continue;
        if (evm_u256_eq(&e->value, &now))
            continue;
        if (!bal_add_value(out, e->index, &e->value))
            return false;
        now = e->value;
        ++*count;
    }
    return true;
}

static bool add_codes(struct evm_bal *out, struct run r, struct evm_hash now, uint32_t *count)
{
    for (const struct evm_bal_event *e = r.at; e < r.end; e++) {
        if (e + 1 < r.end && e[1].index == e->index)
            continue;
        if (evm_hash_eq(&e->code->hash, &now))
            continue;
        if (!bal_add_code(out, e->index, (struct evm_bytes){e->code->bytes, e->code->size}))
            return false;
        now = e->code->hash;
        ++*count;
    }
    return true;
}

/* The slot's events and the account's wipes, both by index; a write of the same index comes after
 * the wipe and counts. */
static bool add_slot_values(struct evm_bal *out, struct run r, struct run wipes,
                            struct evm_u256 now, uint32_t *count)
{
    const struct evm_bal_event *w = wipes.at;
    for (const struct evm_bal_event *e = r.at; e < r.end || w < wipes.end;) {
        if (e < r.end && (!e->write || (e + 1 < r.end && e[1].index == e->index))) {
            e++;
            continue;
        }
        bool wiped = w < wipes.end && (e == r.end || w->index < e->index);
        uint32_t index = wiped ? w->index : e->index;
        struct evm_u256 value = wiped ? evm_u256_of(0) : e->value;
        while (w < wipes.end && w->index <= index)
            w++;
        if (!wiped)
            e++;
        if (evm_u256_eq(&value, &now))
            continue;
        if (!bal_add_value(out, index, &value))
            return false;
        now = value;
        ++*count;
    }
    return true;
}

static bool add_slots(struct evm_bal *out, struct evm_bal_account *a, struct run slots,
                      struct run wipes, struct evm_view before)
{
    while (slots.at < slots.end) {
        struct run one = take_slot(&slots);
        struct evm_u256 now;
        enum evm_read read = before.ops->slot(before.self, &a->addr, &one.at->key, &now);
        EVM_CHECK(read == EVM_READ_OK, "the state before the block has no answer (%d)", read);
        struct evm_bal_slot *s = bal_add_slot(out, &one.at->key);
        if (!s || !add_slot_values(out, one, wipes, now, &s->count))
            return false;
        if (s->count) {
            a->slot_count++;
            continue;
        }
        out->slot_count--;
        if (!bal_add_read(out, &one.at->key))
            return false;
        a->read_count++;
    }
    return true;
}

static bool add_account(struct evm_bal *out, struct run events, struct evm_view before)
{
    struct evm_bal_account *a = bal_add_account(out, &events.at->addr);
    if (!a)
        return false;
    take_kind(&events, KIND_TOUCH);
    struct run wipes = take_kind(&events, KIND_WIPE);
    if (!add_slots(out, a, take_kind(&events, KIND_SLOT), wipes, before))
        return false;
    a->first_balance = a->first_nonce = out->value_count;
    if (events.at == events.end)
        return true;
    struct evm_account acc;
    enum evm_read read = before.ops->account(
        before.self, &a->addr, EVM_NEED_BALANCE | EVM_NEED_NONCE | EVM_NEED_CODE, &acc);
    EVM_CHECK(read == EVM_READ_OK, "the state before the block has no answer (%d)", read);
    const struct evm_u256 nonce = evm_u256_of(acc.nonce);
    if (!add_values(out, take_kind(&events, KIND_BALANCE), acc.balance, &a->balance_count))
        return false;
    a->first_nonce = out->value_count;
    return add_values(out, take_kind(&events, KIND_NONCE), nonce, &a->nonce_count) &&
           add_codes(out, take_kind(&events, KIND_CODE), acc.code_hash, &a->code_count);
}

enum evm_status evm_bal_finish(struct evm_bal_builder *b, struct evm_view before,
                               struct evm_bal *out)
{
    *out = (struct evm_bal){0};
    if (b->failed)
        return EVM_ERR_MEMORY;
    if (b->count)
        qsort(b->events, b->count, sizeof *b->events, event_order);
    for (size_t i = 0, n; i < b->count; i += n) {
        for (n = 1; i + n < b->count && evm_addr_eq(&b->events[i].addr, &b->events[i + n].addr);)
            n++;
        if (!add_account(out, (struct run){b->events + i, b->events + i + n}, before)) {
            evm_bal_fini(out);
            return EVM_ERR_MEMORY;
        }
    }
    return EVM_OK;
}
