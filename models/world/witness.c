#include "models/world/witness.h"

#include "evm/core/u256.h"
#include "sim/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double witness_hashes(double n, double k)
{
    enum { NIBBLES = 64 };
    double sum = 0, children = 1;
    if (k <= 0 || n <= k)
        return 0;
    for (int d = 0; d < NIBBLES; d++) {
        children *= 16;
        double p = 1 / children;
        double others = -expm1((n - k) * log1p(-p));
        double none = exp(k * log1p(-p)), none_beside = d ? exp(k * log1p(-16 * p)) : 0;
        double term = children * others * (none - none_beside);
        sum += term;
        if (children > n && term < 1e-3)
            break;
    }
    return sum;
}

/* By address, then kind; slots by key. */
static int by_place(const void *a, const void *b)
{
    const struct evm_access *x = *(const struct evm_access *const *)a;
    const struct evm_access *y = *(const struct evm_access *const *)b;
    int order = memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
    if (order || x->kind != y->kind)
        return order ? order : (int)x->kind - (int)y->kind;
    return evm_u256_lt(&x->key, &y->key) ? -1 : !evm_u256_eq(&x->key, &y->key);
}

static size_t code_size(const struct evm_state *pre, const struct evm_addr *addr)
{
    struct evm_account account;
    evm_state_account(pre, addr, &account);
    const struct evm_code *code = evm_codes_find(evm_state_codes(pre), &account.code_hash);
    return code ? code->size : 0;
}

/* The accesses of one account, sorted by kind and key. */
static void add_account(struct witness *out, const struct witness_state *of,
                        const struct evm_access *const *at, size_t count,
                        const struct evm_state *pre)
{
    bool code = false;
    uint32_t slots = 0;
    for (size_t i = 0; i < count; i++) {
        code = code || (at[i]->kind == EVM_MV_CODE && at[i]->how & EVM_ACCESS_READ);
        bool again = i > 0 && by_place(&at[i], &at[i - 1]) == 0;
        slots += at[i]->kind == EVM_MV_SLOT && !again;
    }
    out->accounts++;
    out->slots += slots;
    out->contracts += slots > 0;
    if (of->accounts > 0)
        out->hashes += witness_hashes(of->slots, slots);
    if (code && of->code)
        out->code_bytes += code_size(pre, &at[0]->addr);
}

enum evm_status witness_make(struct witness *out, const struct witness_state *of,
                             const struct evm_access_sets *sets, const struct evm_state *pre,
                             uint32_t more)
{
    *out = (struct witness){.accounts = 0};
    const struct evm_access **at = mem_alloc(sets->count + 1, sizeof *at);
    if (!at)
        return EVM_ERR_MEMORY;
    for (uint32_t i = 0; i < sets->count; i++)
        at[i] = &sets->list[i];
    qsort(at, sets->count, sizeof *at, by_place);
    for (size_t i = 0, end; i < sets->count; i = end) {
        for (end = i + 1; end < sets->count && evm_addr_eq(&at[end]->addr, &at[i]->addr);)
            end++;
        add_account(out, of, at + i, end - i, pre);
    }
    mem_free(at);
    out->accounts += 1 + more; /* the beneficiary's too, whose fees are no access */
    out->hashes += witness_hashes(of->accounts, out->accounts);
    out->bytes = (uint64_t)out->accounts * WITNESS_ACCOUNT + (uint64_t)out->slots * WITNESS_SLOT +
                 out->code_bytes + (uint64_t)(out->hashes * WITNESS_HASH);
    return EVM_OK;
}
