#include "evm/block/bal.h"

#include <stdio.h>
#include <stdlib.h>

#include "evm/block/bal_internal.h"
#include "evm/core/alloc.h"
#include "evm/core/u256.h"

void evm_bal_fini(struct evm_bal *bal)
{
    if (!bal)
        return;
    free(bal->accounts);
    free(bal->slots);
    free(bal->reads);
    free(bal->values);
    free(bal->codes);
    evm_buf_fini(&bal->bytes);
    *bal = (struct evm_bal){0};
}

/* ---- growing --------------------------------------------------------------------------------- */

/* Room for one more of `size` bytes; the array, or NULL. */
static void *grow(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    uint32_t more = *capacity ? *capacity * 2 : 64;
    void *grown = more > count ? evm_realloc(array, more * size) : NULL;
    if (grown)
        *capacity = more;
    return grown;
}

#define ADD(bal, what, how_many, room)                                                             \
    do {                                                                                           \
        void *grown = grow((bal)->what, (bal)->how_many, &(bal)->room, sizeof *(bal)->what);       \
        if (!grown)                                                                                \
            return NULL;                                                                           \
        (bal)->what = grown;                                                                       \
    } while (0)

struct evm_bal_account *bal_add_account(struct evm_bal *bal, const struct evm_addr *addr)
{
    ADD(bal, accounts, account_count, account_capacity);
    struct evm_bal_account *a = &bal->accounts[bal->account_count++];
    *a = (struct evm_bal_account){.addr = *addr,
                                  .first_slot = bal->slot_count,
                                  .first_read = bal->read_count,
                                  .first_balance = bal->value_count,
                                  .first_nonce = bal->value_count,
                                  .first_code = bal->code_count};
    return a;
}

struct evm_bal_slot *bal_add_slot(struct evm_bal *bal, const struct evm_u256 *key)
{
    ADD(bal, slots, slot_count, slot_capacity);
    struct evm_bal_slot *s = &bal->slots[bal->slot_count++];
    *s = (struct evm_bal_slot){*key, bal->value_count, 0};
    return s;
}

struct evm_u256 *bal_add_read(struct evm_bal *bal, const struct evm_u256 *key)
{
    ADD(bal, reads, read_count, read_capacity);
    bal->reads[bal->read_count] = *key;
    return &bal->reads[bal->read_count++];
}

struct evm_bal_value *bal_add_value(struct evm_bal *bal, uint32_t index,
                                    const struct evm_u256 *value)
{
    ADD(bal, values, value_count, value_capacity);
    struct evm_bal_value *v = &bal->values[bal->value_count++];
    *v = (struct evm_bal_value){index, *value};
    return v;
}

struct evm_bal_code *bal_add_code(struct evm_bal *bal, uint32_t index, struct evm_bytes code)
{
    ADD(bal, codes, code_count, code_capacity);
    struct evm_bal_code *c = &bal->codes[bal->code_count];
    *c = (struct evm_bal_code){index, bal->bytes.size, code.size};
    evm_buf_append(&bal->bytes, code);
    if (bal->bytes.failed)
        return NULL;
    bal->code_count++;
    return c;
}

/* ---- looking --------------------------------------------------------------------------------- */

uint64_t evm_bal_items(const struct evm_bal *bal)
{
    return (uint64_t)bal->account_count + bal->slot_count + bal->read_count;
}

uint32_t evm_bal_last_index(const struct evm_bal *bal)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < bal->value_count; i++)
        if (bal->values[i].index > last)
            last = bal->values[i].index;
    for (uint32_t i = 0; i < bal->code_count; i++)
        if (bal->codes[i].index > last)
            last = bal->codes[i].index;
    return last;
}

const struct evm_bal_account *evm_bal_find(const struct evm_bal *bal, const struct evm_addr *addr)
{
    uint32_t lo = 0, hi = bal->account_count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = memcmp(bal->accounts[mid].addr.b, addr->b, sizeof addr->b);
        if (order == 0)
            return &bal->accounts[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* ---- comparing ------------------------------------------------------------------------------- */

struct pair {
    const struct evm_bal *got, *want;
    const struct evm_addr *addr;
    struct evm_err *err;
};

enum { ADDR_TEXT = 43, WORD_TEXT = 67 };

static const char *addr_text(char out[ADDR_TEXT], const struct evm_addr *a)
{
    snprintf(out, ADDR_TEXT, "0x");
    for (size_t i = 0; i < sizeof a->b; i++)
        snprintf(out + 2 + 2 * i, 3, "%02x", a->b[i]);
    return out;
}

/* "account 0x..: WHAT", where what names the place and both values. */
static bool differ(const struct pair *p, const char *what)
{
    char addr[ADDR_TEXT];
    evm_fail(p->err, EVM_ERR_INPUT, "account %s: %s", addr_text(addr, p->addr), what);
    return false;
}

static bool lone_account(const struct pair *p, const struct evm_addr *addr, bool is_got)
{
    char text[ADDR_TEXT];
    evm_fail(p->err, EVM_ERR_INPUT,
             is_got ? "account %s was accessed but is not in the list"
                    : "account %s is in the list but was not accessed",
             addr_text(text, addr));
    return false;
}

/* Two runs of values of what `name` calls "balance" or "slot 0x3". */
static bool same_values(const struct pair *p, const char *name, uint32_t first, uint32_t count,
                        uint32_t want_first, uint32_t want_count)
{
    for (uint32_t i = 0; i < count || i < want_count; i++) {
        const struct evm_bal_value *a = i < count ? &p->got->values[first + i] : NULL;
        const struct evm_bal_value *b = i < want_count ? &p->want->values[want_first + i] : NULL;
        char what[224], x[WORD_TEXT], y[WORD_TEXT];
        if (a && b && a->index == b->index && evm_u256_eq(&a->value, &b->value))
            continue;
        if (a)
            evm_u256_format(x, &a->value);
        if (b)
            evm_u256_format(y, &b->value);
        if (a && b && a->index == b->index)
            snprintf(what, sizeof what, "%s at index %u became %s, the list has %s", name, a->index,
                     x, y);
        else if (a && (!b || a->index < b->index))
            snprintf(what, sizeof what, "%s became %s at index %u, which the list lacks", name, x,
                     a->index);
        else
            snprintf(what, sizeof what, "%s did not change at index %u, the list has %s", name,
                     b->index, y);
        return differ(p, what);
    }
    return true;
}

static bool same_slots(const struct pair *p, const struct evm_bal_account *a,
                       const struct evm_bal_account *b)
{
    for (uint32_t i = 0; i < a->slot_count || i < b->slot_count; i++) {
        const struct evm_bal_slot *x = i < a->slot_count ? &p->got->slots[a->first_slot + i] : NULL;
        const struct evm_bal_slot *y =
            i < b->slot_count ? &p->want->slots[b->first_slot + i] : NULL;
        int order = !x ? 1 : !y ? -1 : evm_u256_cmp(&x->key, &y->key);
        char key[WORD_TEXT], name[128];
        evm_u256_format(key, order <= 0 ? &x->key : &y->key);
        snprintf(name, sizeof name,
                 order < 0   ? "slot %s changed, which the list lacks"
                 : order > 0 ? "slot %s did not change, as the list says"
                             : "slot %s",
                 key);
        if (order != 0)
            return differ(p, name);
        if (!same_values(p, name, x->first, x->count, y->first, y->count))
            return false;
    }
    return true;
}

static bool same_reads(const struct pair *p, const struct evm_bal_account *a,
                       const struct evm_bal_account *b)
{
    for (uint32_t i = 0; i < a->read_count || i < b->read_count; i++) {
        const struct evm_u256 *x = i < a->read_count ? &p->got->reads[a->first_read + i] : NULL;
        const struct evm_u256 *y = i < b->read_count ? &p->want->reads[b->first_read + i] : NULL;
        int order = !x ? 1 : !y ? -1 : evm_u256_cmp(x, y);
        char key[WORD_TEXT], what[128];
        if (order == 0)
            continue;
        evm_u256_format(key, order < 0 ? x : y);
        snprintf(what, sizeof what,
                 order < 0 ? "slot %s was read, which the list lacks"
                           : "slot %s was not read, as the list says",
                 key);
        return differ(p, what);
    }
    return true;
}

static bool same_codes(const struct pair *p, const struct evm_bal_account *a,
                       const struct evm_bal_account *b)
{
    for (uint32_t i = 0; i < a->code_count || i < b->code_count; i++) {
        const struct evm_bal_code *x = i < a->code_count ? &p->got->codes[a->first_code + i] : NULL;
        const struct evm_bal_code *y =
            i < b->code_count ? &p->want->codes[b->first_code + i] : NULL;
        char what[128];
        if (x && y && x->index == y->index && x->size == y->size &&
            (x->size == 0 ||
             memcmp(p->got->bytes.data + x->first, p->want->bytes.data + y->first, x->size) == 0))
            continue;
        if (x && y && x->index == y->index)
            snprintf(what, sizeof what, "code of %zu bytes at index %u, the list has %zu others",
                     x->size, x->index, y->size);
        else if (x && (!y || x->index < y->index))
            snprintf(what, sizeof what, "code of %zu bytes at index %u, which the list lacks",
                     x->size, x->index);
        else
            snprintf(what, sizeof what, "code did not change at index %u, as the list says",
                     y->index);
        return differ(p, what);
    }
    return true;
}

bool evm_bal_same(const struct evm_bal *got, const struct evm_bal *want, struct evm_err *err)
{
    struct pair p = {got, want, NULL, err};
    for (uint32_t i = 0; i < got->account_count || i < want->account_count; i++) {
        const struct evm_bal_account *a = i < got->account_count ? &got->accounts[i] : NULL;
        const struct evm_bal_account *b = i < want->account_count ? &want->accounts[i] : NULL;
        int order = !a ? 1 : !b ? -1 : memcmp(a->addr.b, b->addr.b, sizeof a->addr.b);
        if (order != 0)
            return lone_account(&p, order < 0 ? &a->addr : &b->addr, order < 0);
        p.addr = &a->addr;
        if (!same_slots(&p, a, b) || !same_reads(&p, a, b) ||
            !same_values(&p, "balance", a->first_balance, a->balance_count, b->first_balance,
                         b->balance_count) ||
            !same_values(&p, "nonce", a->first_nonce, a->nonce_count, b->first_nonce,
                         b->nonce_count) ||
            !same_codes(&p, a, b))
            return false;
    }
    return true;
}
