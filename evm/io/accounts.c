#include "evm/io/accounts.h"

#include "evm/core/alloc.h"
#include "evm/core/u256.h"

struct named {
    struct evm_addr addr;
    const char *name;
    struct evm_jval value;
};

static int by_addr(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
}

static int by_key(const void *a, const void *b)
{
    const struct evm_slot_change *x = a, *y = b;
    return evm_u256_cmp(&x->key, &y->key);
}

static enum evm_status load_storage(struct evm_jval storage, const char *name,
                                    struct evm_account_change *acc, struct evm_changes *c,
                                    struct evm_err *err)
{
    void *iter = NULL;
    const char *key;
    struct evm_jval value;
    acc->first_slot = c->slot_count;
    if (storage.node && !evm_json_is_object(storage))
        return evm_fail(err, EVM_ERR_INPUT, "account %s: its storage is not an object", name);
    while (evm_json_next(storage, &iter, &key, &value)) {
        struct evm_slot_change *slot = &c->slots[c->slot_count];
        if (!evm_hex_u256(key, &slot->key) || !evm_json_u256(value, &slot->value))
            return evm_fail(err, EVM_ERR_INPUT, "account %s: bad storage slot %.80s", name, key);
        c->slot_count += !evm_u256_is_zero(&slot->value);
    }
    acc->slot_count = c->slot_count - acc->first_slot;
    if (acc->slot_count > 1)
        qsort(&c->slots[acc->first_slot], acc->slot_count, sizeof *c->slots, by_key);
    for (uint32_t i = 1; i < acc->slot_count; i++) {
        const struct evm_slot_change *s = &c->slots[acc->first_slot + i];
        if (evm_u256_eq(&s[-1].key, &s->key))
            return evm_fail(err, EVM_ERR_INPUT, "account %s: a storage slot stands twice", name);
    }
    return EVM_OK;
}

static enum evm_status load_account(struct evm_json *doc, const struct named *n,
                                    struct evm_codes *codes, struct evm_changes *c,
                                    struct evm_err *err)
{
    struct evm_account_change *acc = &c->accounts[c->account_count++];
    struct evm_jval balance = evm_json_get(n->value, "balance");
    struct evm_jval nonce = evm_json_get(n->value, "nonce");
    struct evm_jval code = evm_json_get(n->value, "code");
    struct evm_bytes bytes = {0};
    *acc = (struct evm_account_change){.addr = n->addr,
                                       .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE |
                                                EVM_WROTE_CODE | EVM_WROTE_CREATED};
    /* What is missing is zero or empty; null stands for nothing that a chain has. */
    if (balance.node && !evm_json_u256(balance, &acc->balance))
        return evm_fail(err, EVM_ERR_INPUT, "account %s: bad balance", n->name);
    if (nonce.node && !evm_json_u64(nonce, &acc->nonce))
        return evm_fail(err, EVM_ERR_INPUT, "account %s: bad nonce", n->name);
    if (code.node && !evm_json_bytes(doc, code, &bytes))
        return evm_fail(err, EVM_ERR_INPUT, "account %s: bad code", n->name);
    acc->code = bytes.size ? evm_codes_add(codes, bytes) : evm_code_empty();
    if (!acc->code)
        return evm_fail(err, EVM_ERR_MEMORY, "out of memory");
    return load_storage(evm_json_get(n->value, "storage"), n->name, acc, c, err);
}

/* The accounts in ascending order of address, and how many slots they have together. */
static enum evm_status sort_accounts(struct evm_jval accounts, struct named *list, size_t *slots,
                                     struct evm_err *err)
{
    void *iter = NULL;
    size_t n = 0;
    *slots = 0;
    while (evm_json_next(accounts, &iter, &list[n].name, &list[n].value)) {
        if (!evm_hex_fixed(list[n].name, list[n].addr.b, sizeof list[n].addr.b))
            return evm_fail(err, EVM_ERR_INPUT, "account '%.80s': not an address", list[n].name);
        if (!evm_json_is_object(list[n].value))
            return evm_fail(err, EVM_ERR_INPUT, "account %s: not an object", list[n].name);
        *slots += evm_json_count(evm_json_get(list[n].value, "storage"));
        n++;
    }
    qsort(list, n, sizeof *list, by_addr);
    for (size_t i = 1; i < n; i++)
        if (evm_addr_eq(&list[i - 1].addr, &list[i].addr))
            return evm_fail(err, EVM_ERR_INPUT, "account %s stands twice", list[i].name);
    return EVM_OK;
}

enum evm_status evm_accounts_load(struct evm_json *doc, struct evm_jval accounts,
                                  struct evm_state *s, struct evm_err *err)
{
    size_t count = evm_json_count(accounts), slots = 0;
    if (!evm_json_is_object(accounts))
        return evm_fail(err, EVM_ERR_INPUT, "the accounts are not an object");
    /* One more of each, for the walk writes ahead of its count. */
    struct named *list = evm_calloc(count + 1, sizeof *list);
    struct evm_changes c;
    evm_changes_init(&c);
    enum evm_status status = EVM_ERR_MEMORY;
    if (!list)
        goto out;
    status = sort_accounts(accounts, list, &slots, err);
    if (status != EVM_OK)
        goto out;
    status = EVM_ERR_MEMORY;
    c.accounts = evm_calloc(count + 1, sizeof *c.accounts);
    c.slots = evm_calloc(slots + 1, sizeof *c.slots);
    c.account_capacity = (uint32_t)count + 1;
    c.slot_capacity = (uint32_t)slots + 1;
    if (!c.accounts || !c.slots)
        goto out;
    status = EVM_OK;
    for (size_t i = 0; i < count && status == EVM_OK; i++)
        status = load_account(doc, &list[i], evm_state_codes(s), &c, err);
    if (status == EVM_OK)
        status = evm_state_apply(s, &c);
out:
    if (status == EVM_ERR_MEMORY)
        evm_fail(err, status, "out of memory");
    evm_changes_fini(&c);
    free(list);
    return status;
}
