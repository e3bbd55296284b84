/* The state a layer starts from: accounts, slots and code as workloads ask for them, contracts by
 * running their constructors in the real EVM. Settings are collected, sorted and written at once;
 * what runs code sees all of them. */
#include "models/world/internal.h"

#include "evm/core/u256.h"

#include <stdlib.h>
#include <string.h>

enum entry_kind { ENTRY_FUND, ENTRY_NONCE, ENTRY_CODE, ENTRY_SLOT };

struct entry {
    struct evm_addr addr;
    uint32_t kind;
    uint64_t order; /* of arrival: the last one of a kind counts */
    struct evm_u256 key, value;
    const struct evm_code *code;
};

struct genesis {
    struct evm_codes *codes;
    const struct evm_rules *rules;
    uint64_t chain_id;
    struct evm_state *state; /* unsealed */
    struct evm_txrun *run;   /* made when first needed */
    struct vec entries;
    const volatile sig_atomic_t *stop; /* may be NULL */
};

enum err_code genesis_create(struct genesis **out, struct evm_codes *codes,
                             const struct evm_rules *rules, uint64_t chain_id, struct err *err)
{
    *out = NULL;
    struct genesis *g = mem_zalloc(1, sizeof *g);
    if (!g)
        return err_set(err, ERR_MEMORY, "no memory for a genesis state");
    *g = (struct genesis){.codes = codes, .rules = rules, .chain_id = chain_id};
    vec_init(&g->entries, sizeof(struct entry));
    g->state = evm_state_create(codes);
    if (!g->state) {
        genesis_destroy(g);
        return err_set(err, ERR_MEMORY, "no memory for a genesis state");
    }
    *out = g;
    return ERR_OK;
}

void genesis_destroy(struct genesis *g)
{
    if (!g)
        return;
    evm_txrun_destroy(g->run);
    evm_state_unref(g->state);
    vec_fini(&g->entries);
    mem_free(g);
}

void genesis_heed(struct genesis *g, const volatile sig_atomic_t *stop)
{
    g->stop = stop;
}

static enum err_code keep_going(const struct genesis *g, struct err *err)
{
    return g->stop && *g->stop ? err_set(err, ERR_LIMIT, "stopped while making the first state")
                               : ERR_OK;
}

uint64_t genesis_chain_id(const struct genesis *g)
{
    return g->chain_id;
}

static enum err_code add(struct genesis *g, struct entry entry, struct err *err)
{
    enum err_code code = keep_going(g, err);
    if (code != ERR_OK)
        return code;
    entry.order = g->entries.len;
    return vec_push(&g->entries, &entry) == ERR_OK
               ? ERR_OK
               : err_set(err, ERR_MEMORY, "no memory for a genesis state of %zu entries",
                         g->entries.len);
}

enum err_code genesis_fund(struct genesis *g, const struct evm_addr *addr,
                           const struct evm_u256 *wei, struct err *err)
{
    return add(g, (struct entry){.addr = *addr, .kind = ENTRY_FUND, .value = *wei}, err);
}

enum err_code genesis_nonce(struct genesis *g, const struct evm_addr *addr, uint64_t nonce,
                            struct err *err)
{
    return add(g, (struct entry){.addr = *addr, .kind = ENTRY_NONCE, .value = {{nonce}}}, err);
}

enum err_code genesis_store(struct genesis *g, const struct evm_addr *addr,
                            const struct evm_u256 *key, const struct evm_u256 *value,
                            struct err *err)
{
    return add(g, (struct entry){.addr = *addr, .kind = ENTRY_SLOT, .key = *key, .value = *value},
               err);
}

enum err_code genesis_code(struct genesis *g, const struct evm_addr *addr, struct evm_bytes code,
                           struct err *err)
{
    const struct evm_code *kept = evm_codes_add(g->codes, code);
    if (!kept)
        return err_set(err, ERR_MEMORY, "no memory for code");
    return add(g, (struct entry){.addr = *addr, .kind = ENTRY_CODE, .code = kept}, err);
}

/* ---- writing what was collected ---- */

static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
    if (order)
        return order;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    for (int i = 3; i >= 0; i--)
        if (x->key.w[i] != y->key.w[i])
            return x->key.w[i] < y->key.w[i] ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static void put_slot(struct evm_changes *c, struct evm_account_change *a, const struct entry *e)
{
    if (a->slot_count && evm_u256_eq(&c->slots[c->slot_count - 1].key, &e->key)) {
        c->slots[c->slot_count - 1].value = e->value;
        return;
    }
    c->slots[c->slot_count++] = (struct evm_slot_change){e->key, e->value};
    a->slot_count++;
}

/* All entries of one account, which start at e[0]; how many there are. */
static size_t put_account(struct genesis *g, struct evm_changes *c, const struct entry *e,
                          size_t count)
{
    struct evm_account before;
    struct evm_account_change *a = &c->accounts[c->account_count++];
    *a = (struct evm_account_change){.addr = e->addr, .first_slot = c->slot_count};
    evm_state_account(g->state, &e->addr, &before);
    a->balance = before.balance;
    size_t i = 0;
    for (; i < count && evm_addr_eq(&e[i].addr, &e->addr); i++) {
        switch ((enum entry_kind)e[i].kind) {
        case ENTRY_FUND:
            evm_u256_add(&a->balance, &a->balance, &e[i].value);
            a->wrote |= EVM_WROTE_BALANCE;
            break;
        case ENTRY_NONCE:
            a->nonce = e[i].value.w[0];
            a->wrote |= EVM_WROTE_NONCE;
            break;
        case ENTRY_CODE:
            a->code = e[i].code;
            a->wrote |= EVM_WROTE_CODE;
            break;
        case ENTRY_SLOT: put_slot(c, a, &e[i]); break;
        }
    }
    return i;
}

static enum err_code flush(struct genesis *g, struct err *err)
{
    struct entry *all = g->entries.data;
    size_t count = g->entries.len;
    enum err_code code = keep_going(g, err);
    if (count == 0 || code != ERR_OK)
        return code;
    if (count > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "a genesis state of %zu entries", count);
    qsort(all, count, sizeof *all, by_place);
    struct evm_changes changes;
    evm_changes_init(&changes);
    enum evm_status status = evm_changes_reserve(&changes, (uint32_t)count, (uint32_t)count);
    if (status == EVM_OK) {
        for (size_t i = 0; i < count;)
            i += put_account(g, &changes, all + i, count - i);
        status = evm_state_apply(g->state, &changes);
    }
    evm_changes_fini(&changes);
    g->entries.len = 0;
    return status == EVM_OK ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for a genesis state");
}

/* ---- running code ---- */

static enum err_code run(struct genesis *g, struct evm_tx *tx, struct evm_addr *created,
                         struct err *err)
{
    enum err_code code = flush(g, err);
    if (code != ERR_OK)
        return code;
    if (!g->run)
        g->run = evm_txrun_create(g->codes);
    if (!g->run)
        return err_set(err, ERR_MEMORY, "no memory to run a constructor");
    struct evm_account sender;
    evm_state_account(g->state, &tx->sender, &sender);
    tx->nonce = sender.nonce;
    tx->gas_limit = g->rules->fork >= EVM_OSAKA ? 1u << 24 : 1000000000;
    tx->has_sender = true;
    struct evm_block_env env = {.gas_limit = 1000000000, .chain_id = g->chain_id};
    struct evm_state_view view = {.state = g->state};
    static const struct evm_block_hashes none = {0};
    view.hashes = &none;
    evm_txrun_begin(g->run, g->rules, &env, tx, evm_state_view(&view), 0);
    while (evm_txrun_step(g->run, NULL, 0) != EVM_STEP_DONE)
        ;
    const struct evm_tx_outcome *o = evm_txrun_outcome(g->run);
    if (o->error != EVM_OK)
        return err_set(err, ERR_MEMORY, "no memory to run a constructor");
    if (o->invalid != EVM_TX_VALID)
        return err_set(err, ERR_INPUT, "genesis transaction: %s", evm_tx_invalid_name(o->invalid));
    if (!o->success)
        return err_set(err, ERR_INPUT, "genesis transaction: %s", evm_halt_name(o->halt));
    if (created)
        *created = o->created;
    return evm_state_apply(g->state, o->changes) == EVM_OK
               ? ERR_OK
               : err_set(err, ERR_MEMORY, "no memory for a genesis state");
}

enum err_code genesis_deploy(struct genesis *g, const struct evm_addr *deployer,
                             struct evm_bytes initcode, struct evm_addr *out, struct err *err)
{
    struct evm_tx tx = {.is_create = true, .sender = *deployer, .input = initcode};
    return run(g, &tx, out, err);
}

enum err_code genesis_call(struct genesis *g, const struct evm_addr *from,
                           const struct evm_addr *to, struct evm_bytes input, struct err *err)
{
    struct evm_tx tx = {.sender = *from, .to = *to, .input = input};
    return run(g, &tx, NULL, err);
}

enum err_code genesis_finish(struct genesis *g, struct evm_state **out, struct err *err)
{
    enum err_code code = flush(g, err);
    if (code != ERR_OK)
        return code;
    evm_state_seal(g->state);
    *out = g->state;
    g->state = NULL;
    return ERR_OK;
}
