/* The end of a block: what each transaction read and wrote, as access sets. */
#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/access_internal.h"
#include "evm/parallel/blockrun.h"

static bool add_write(struct evm_access_sets *out, const struct evm_addr *addr, uint8_t kind,
                      const struct evm_u256 *key, unsigned how, struct evm_u256 value)
{
    struct evm_access *row = evm_access_sets_add(out);
    if (!row)
        return false;
    row->addr = *addr;
    row->kind = kind;
    row->how = (uint8_t)(how | EVM_ACCESS_VALUE);
    row->value = value;
    if (key)
        row->key = *key;
    return true;
}

/* What evm_mv_publish makes of a deletion. */
static const struct evm_account_change *as_deleted(const struct evm_account_change *a,
                                                   struct evm_account_change *scratch)
{
    if (!(a->wrote & EVM_WROTE_DELETED))
        return a;
    *scratch =
        (struct evm_account_change){.addr = a->addr,
                                    .wrote = EVM_WROTE_BALANCE | EVM_WROTE_NONCE | EVM_WROTE_CODE |
                                             EVM_WROTE_WIPE | EVM_WROTE_DELETED,
                                    .code = evm_code_empty()};
    return scratch;
}

static bool add_fields(const struct evm_account_change *a, struct evm_access_sets *out)
{
    const struct {
        unsigned wrote;
        uint8_t kind;
        struct evm_u256 value;
    } fields[] = {
        {EVM_WROTE_BALANCE, EVM_MV_BALANCE, a->balance},
        {EVM_WROTE_NONCE, EVM_MV_NONCE, evm_u256_of(a->nonce)},
        {EVM_WROTE_CODE, EVM_MV_CODE, evm_u256_of((uintptr_t)a->code)},
        {EVM_WROTE_WIPE, EVM_MV_WIPE, evm_u256_of(1)},
        {EVM_WROTE_DELETED, EVM_MV_EXISTS, evm_u256_of(0)},
        {EVM_WROTE_CREATED, EVM_MV_EXISTS, evm_u256_of(1)},
    };
    for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++)
        if ((a->wrote & fields[k].wrote) &&
            !add_write(out, &a->addr, fields[k].kind, NULL,
                       fields[k].kind == EVM_MV_BALANCE && (a->wrote & EVM_WROTE_DELTA)
                           ? EVM_ACCESS_DELTA
                           : EVM_ACCESS_WRITE,
                       fields[k].value))
            return false;
    return true;
}

static bool add_writes(const struct evm_changes *c, struct evm_access_sets *out)
{
    for (uint32_t i = 0; i < c->account_count; i++) {
        struct evm_account_change scratch;
        const struct evm_account_change *a = &c->accounts[i];
        if (!add_fields(as_deleted(a, &scratch), out))
            return false;
        for (uint32_t k = 0; k < a->slot_count; k++) {
            const struct evm_slot_change *sc = &c->slots[a->first_slot + k];
            if (!add_write(out, &a->addr, EVM_MV_SLOT, &sc->key, EVM_ACCESS_WRITE, sc->value))
                return false;
        }
    }
    return true;
}

enum evm_status evm_blockrun_keep_sets(const struct evm_blockrun *b, struct evm_access_sets *out)
{
    uint32_t n = b->rules.tx_count;
    enum evm_status st = evm_access_sets_begin(out, n);
    if (st == EVM_OK) {
        out->cost_ns = evm_calloc((size_t)n + 1, sizeof *out->cost_ns);
        out->gas_used = evm_calloc((size_t)n + 1, sizeof *out->gas_used);
        st = out->cost_ns && out->gas_used ? EVM_OK : EVM_ERR_MEMORY;
    }
    for (uint32_t i = 0; st == EVM_OK && i < n; i++) {
        const struct evm_tx_record *r = &b->records[i];
        bool took_effect = b->result->stats[i].invalid == EVM_TX_VALID;
        if (!evm_mv_log_accesses(&r->log, out) || (took_effect && !add_writes(&r->changes, out)))
            st = EVM_ERR_MEMORY;
        out->cost_ns[i] = r->total_ns;
        out->gas_used[i] = took_effect ? r->outcome.gas_used : 0;
        evm_access_sets_end_tx(out, i);
    }
    return st;
}
