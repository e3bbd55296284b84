/* The reference's world, messages and creations, and the end of a transaction. */
#include "tests/fuzz/reference.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/precompile.h"
#include "tests/fuzz/reference_internal.h"

void *ref_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        abort();
    return p;
}

static void *grow(void *old, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return old;
    *room = *room ? *room * 2 : 16;
    void *p = realloc(old, *room * size);
    if (!p)
        abort();
    return p;
}

/* ---- the world ------------------------------------------------------------------------------- */

static struct ref_account *find_account(const struct ref_world *w, const struct ref_addr *addr)
{
    for (size_t i = 0; i < w->account_count; i++)
        if (memcmp(w->accounts[i].addr.b, addr->b, 20) == 0)
            return &w->accounts[i];
    return NULL;
}

struct ref_account *ref_account_at(struct ref_world *w, const struct ref_addr *addr)
{
    struct ref_account *a = find_account(w, addr);
    if (a)
        return a;
    w->accounts = grow(w->accounts, &w->account_room, w->account_count, sizeof *w->accounts);
    a = &w->accounts[w->account_count++];
    *a = (struct ref_account){.addr = *addr};
    return a;
}

struct ref_slot *ref_slot_at(struct ref_world *w, const struct ref_addr *addr,
                             const struct ref_word *key)
{
    for (size_t i = 0; i < w->slot_count; i++)
        if (memcmp(w->slots[i].key.b, key->b, 32) == 0 &&
            memcmp(w->slots[i].addr.b, addr->b, 20) == 0)
            return &w->slots[i];
    w->slots = grow(w->slots, &w->slot_room, w->slot_count, sizeof *w->slots);
    struct ref_slot *s = &w->slots[w->slot_count++];
    *s = (struct ref_slot){.addr = *addr, .key = *key};
    return s;
}

static struct ref_world copy_world(const struct ref_world *w)
{
    struct ref_world c = *w;
    c.account_room = c.account_count;
    c.slot_room = c.slot_count;
    c.accounts = ref_alloc(c.account_room * sizeof *c.accounts);
    c.slots = ref_alloc(c.slot_room * sizeof *c.slots);
    if (c.account_count)
        memcpy(c.accounts, w->accounts, c.account_count * sizeof *c.accounts);
    if (c.slot_count)
        memcpy(c.slots, w->slots, c.slot_count * sizeof *c.slots);
    return c;
}

static void free_world(struct ref_world *w)
{
    free(w->accounts);
    free(w->slots);
}

/* After a message: the copy made before it is thrown away, or becomes the world again. */
static void settle(struct ref *r, struct ref_world *before, enum ref_status status)
{
    if (status == REF_OK) {
        free_world(before);
        return;
    }
    for (size_t i = before->log_count; i < r->world.log_count; i++)
        free(r->logs[i].data);
    free_world(&r->world);
    r->world = *before;
}

bool ref_is_empty(struct ref *r, const struct ref_addr *addr)
{
    const struct ref_account *a = ref_account_at(&r->world, addr);
    return a->nonce == 0 && ref_zero(&a->balance) && a->code.size == 0;
}

struct ref_bytes ref_code_of(struct ref *r, const struct ref_addr *addr)
{
    return ref_account_at(&r->world, addr)->code;
}

struct ref_word ref_balance_of(struct ref *r, const struct ref_addr *addr)
{
    return ref_account_at(&r->world, addr)->balance;
}

void ref_touch(struct ref *r, const struct ref_addr *addr)
{
    struct ref_account *a = ref_account_at(&r->world, addr);
    a->touched = true;
    a->exists = true;
}

void ref_transfer(struct ref *r, const struct ref_addr *from, const struct ref_addr *to,
                  const struct ref_word *value)
{
    if (ref_zero(value)) {
        ref_touch(r, to);
        return;
    }
    ref_touch(r, from);
    ref_touch(r, to);
    ref_sub(r->words, &ref_account_at(&r->world, from)->balance, value);
    ref_add(r->words, &ref_account_at(&r->world, to)->balance, value);
}

bool ref_delegation(const struct ref *r, struct ref_bytes code, struct ref_addr *target)
{
    static const uint8_t designator[3] = {0xef, 0x01, 0x00};
    if (r->env.fork < REF_PRAGUE || code.size != 23 || memcmp(code.data, designator, 3) != 0)
        return false;
    memcpy(target->b, code.data + 3, 20);
    return true;
}

void ref_log_add(struct ref *r, const struct ref_log *log)
{
    r->logs = grow(r->logs, &r->log_room, r->world.log_count, sizeof *r->logs);
    r->logs[r->world.log_count++] = *log;
}

/* ---- precompiles: which addresses, and the functions of evm/core/precompile.h ------------------
 */

static unsigned highest_precompile(enum ref_fork fork)
{
    if (fork >= REF_PRAGUE)
        return 0x11;
    if (fork >= REF_CANCUN)
        return 0x0a;
    if (fork >= REF_ISTANBUL)
        return 0x09;
    return fork >= REF_BYZANTIUM ? 0x08 : 0x04;
}

bool ref_is_precompile(const struct ref *r, const struct ref_addr *addr)
{
    for (int i = 0; i < 18; i++)
        if (addr->b[i])
            return false;
    unsigned n = addr->b[18] * 256u + addr->b[19];
    return (n >= 1 && n <= highest_precompile(r->env.fork)) ||
           (n == 0x100 && r->env.fork >= REF_OSAKA);
}

static struct ref_result run_precompile(struct ref *r, const struct ref_call *c,
                                        const struct ref_addr *at)
{
    struct ref_result fail = {.status = REF_FAIL};
    const struct evm_rules *rules = evm_rules_of((enum evm_fork)r->env.fork);
    struct evm_addr addr;
    memcpy(addr.b, at->b, 20);
    const struct evm_precompile *p = evm_precompile_find(rules, &addr);
    if (!p)
        abort();
    struct evm_bytes in = {c->input.data, c->input.size};
    uint64_t price = p->gas(rules, in);
    if (price > (uint64_t)c->gas)
        return fail;
    struct evm_buf out = {0};
    if (!p->run(rules, in, &out)) {
        evm_buf_fini(&out);
        return fail;
    }
    struct ref_result ok = {.status = REF_OK, .gas = c->gas - (int64_t)price, .size = out.size};
    ok.output = ref_alloc(out.size);
    if (out.size)
        memcpy(ok.output, out.data, out.size);
    evm_buf_fini(&out);
    return ok;
}

/* ---- messages -------------------------------------------------------------------------------- */

struct ref_result ref_message_call(struct ref *r, const struct ref_call *c,
                                   const struct ref_addr *at, bool transfer, bool touch)
{
    struct ref_world before = copy_world(&r->world);
    if (transfer)
        ref_transfer(r, &c->caller, &c->self, &c->value);
    else if (touch)
        ref_touch(r, &c->self);
    struct ref_result result =
        ref_is_precompile(r, at) ? run_precompile(r, c, at) : ref_execute(r, c);
    settle(r, &before, result.status);
    return result;
}

/* Yellow Paper, section 7: what becomes of the initcode's output. */
static void deposit(struct ref *r, const struct ref_call *c, struct ref_result *result)
{
    enum ref_fork fork = r->env.fork;
    int64_t price = 200 * (int64_t)result->size;
    bool fails = (fork >= REF_SPURIOUS_DRAGON && result->size > 24576) ||             /* EIP-170 */
                 (fork >= REF_LONDON && result->size && result->output[0] == 0xef) || /* EIP-3541 */
                 (fork >= REF_HOMESTEAD && price > result->gas);                      /* EIP-2 */
    if (fails) {
        free(result->output);
        *result = (struct ref_result){.status = REF_FAIL};
        return;
    }
    if (price > result->gas) { /* Frontier: the contract stays without code */
        result->size = 0;
        return;
    }
    result->gas -= price;
    if (!result->size)
        return;
    uint8_t *code = ref_alloc(result->size);
    memcpy(code, result->output, result->size);
    r->codes = grow(r->codes, &r->code_room, r->code_count, sizeof *r->codes);
    r->codes[r->code_count++] = code;
    ref_account_at(&r->world, &c->self)->code = (struct ref_bytes){code, result->size};
}

static bool has_storage(const struct ref *r, const struct ref_addr *addr)
{
    for (size_t i = 0; i < r->world.slot_count; i++)
        if (memcmp(r->world.slots[i].addr.b, addr->b, 20) == 0 &&
            !ref_zero(&r->world.slots[i].value))
            return true;
    return false;
}

struct ref_result ref_creation(struct ref *r, const struct ref_call *c)
{
    struct ref_account *a = ref_account_at(&r->world, &c->self);
    if (a->nonce || a->code.size || has_storage(r, &c->self)) /* EIP-684, EIP-7610 */
        return (struct ref_result){.status = REF_FAIL};
    struct ref_world before = copy_world(&r->world);
    a->nonce = r->env.fork >= REF_SPURIOUS_DRAGON ? 1 : 0; /* EIP-161 */
    a->created = true;
    ref_touch(r, &c->self);
    ref_transfer(r, &c->caller, &c->self, &c->value);
    struct ref_result result = ref_execute(r, c);
    if (result.status == REF_OK)
        deposit(r, c, &result);
    settle(r, &before, result.status);
    return result;
}

/* ---- the transaction --------------------------------------------------------------------------
 */

/* Self-destructed accounts go, and from EIP-161 on touched ones that are empty. */
static void end_transaction(struct ref *r)
{
    for (size_t i = 0; i < r->world.account_count; i++) {
        struct ref_account *a = &r->world.accounts[i];
        bool empty = a->nonce == 0 && ref_zero(&a->balance) && a->code.size == 0;
        bool clear = r->env.fork >= REF_SPURIOUS_DRAGON && a->touched && empty;
        if (!a->destructed && !clear)
            continue;
        struct ref_addr addr = a->addr;
        *a = (struct ref_account){.addr = addr};
        for (size_t k = 0; k < r->world.slot_count; k++)
            if (memcmp(r->world.slots[k].addr.b, addr.b, 20) == 0)
                r->world.slots[k].value = ref_of(0);
    }
}

void ref_run(struct ref *r, const struct ref_message *m)
{
    r->words = ref_words_create();
    struct ref_call c = {
        .self = m->to,
        .caller = m->caller,
        .value = m->value,
        .input = m->input,
        .gas = m->gas,
    };
    struct ref_result result = {.status = REF_FAIL};
    struct ref_word funds = ref_balance_of(r, &m->caller);
    ref_account_at(&r->world, &m->to)->warm = true;
    if (ref_compare(&funds, &m->value) < 0) {
        result.gas = m->gas; /* cannot be paid: nothing happens, the gas is kept */
    } else if (m->create) {
        c.code = m->input;
        c.input = (struct ref_bytes){NULL, 0};
        result = ref_creation(r, &c);
    } else {
        struct ref_addr target;
        c.code = ref_code_of(r, &m->to);
        if (ref_delegation(r, c.code, &target)) {
            ref_account_at(&r->world, &target)->warm = true;
            c.code = ref_is_precompile(r, &target) ? (struct ref_bytes){NULL, 0}
                                                   : ref_code_of(r, &target);
        }
        result = ref_message_call(r, &c, &m->to, true, false);
    }
    r->status = result.status;
    r->gas = result.gas;
    r->output = result.output;
    r->output_size = result.size;
    end_transaction(r);
}

void ref_fini(struct ref *r)
{
    for (size_t i = 0; i < r->world.log_count; i++)
        free(r->logs[i].data);
    for (size_t i = 0; i < r->code_count; i++)
        free(r->codes[i]);
    free_world(&r->world);
    free(r->logs);
    free(r->codes);
    free(r->output);
    ref_words_destroy(r->words);
}
