#include "evm/parallel/insight.h"

#include <stdlib.h>
#include <string.h>

#include "evm/core/alloc.h"
#include "evm/core/u256.h"
#include "evm/parallel/access_internal.h"

/* ---- hottest keys ---- */

/* A row and whose it is, sorted by location and then transaction. */
struct touch {
    const struct evm_access *at;
    uint32_t tx;
};

static int by_location(const void *x, const void *y)
{
    const struct touch *a = x, *b = y;
    int order = evm_access_order(a->at, b->at);
    return order ? order : (a->tx > b->tx) - (a->tx < b->tx);
}

static int by_heat(const void *x, const void *y)
{
    const struct evm_hot_key *a = x, *b = y;
    if (a->conflicts != b->conflicts)
        return a->conflicts > b->conflicts ? -1 : 1;
    if (a->gas != b->gas)
        return a->gas > b->gas ? -1 : 1;
    int addr = memcmp(&a->addr, &b->addr, sizeof a->addr);
    if (addr)
        return addr;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return evm_u256_cmp(&a->key, &b->key);
}

static struct evm_hot_key sum_up(const struct evm_oracle_input *in, const struct touch *t,
                                 uint32_t count)
{
    const struct evm_access *at = t[0].at;
    struct evm_hot_key k = {.addr = at->addr, .kind = at->kind, .first_tx = t[0].tx};
    if (at->kind == EVM_MV_SLOT)
        k.key = at->key;
    for (uint32_t i = 0; i < count; i++) {
        unsigned how = t[i].at->how;
        k.readers += (how & (EVM_ACCESS_READ | EVM_ACCESS_PREDICATE)) != 0;
        k.writers += (how & (EVM_ACCESS_WRITE | EVM_ACCESS_DELTA)) != 0;
        if (evm_oracle_is_edge(in, t[i].tx, t[i].at)) {
            k.conflicts++;
            k.gas += in->sets->gas_used ? in->sets->gas_used[t[i].tx] : 0;
        }
    }
    return k;
}

enum evm_status evm_insight_hottest(const struct evm_oracle_input *in, struct evm_hot_key *out,
                                    uint32_t most, uint32_t *count)
{
    const struct evm_access_sets *s = in->sets;
    struct touch *rows = evm_malloc(((size_t)s->count + 1) * sizeof *rows);
    struct evm_hot_key *keys = evm_malloc(((size_t)s->count + 1) * sizeof *keys);
    enum evm_status st = rows && keys ? EVM_OK : EVM_ERR_MEMORY;
    uint32_t n = 0, hot = 0;
    for (uint32_t i = 0; st == EVM_OK && i < s->tx_count; i++)
        for (uint32_t k = s->first[i]; k < s->first[i + 1]; k++)
            rows[n++] = (struct touch){&s->list[k], i};
    if (n > 0)
        qsort(rows, n, sizeof *rows, by_location);
    for (uint32_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && evm_access_order(rows[i].at, rows[end].at) == 0)
            end++;
        keys[hot] = sum_up(in, rows + i, end - i);
        hot += keys[hot].conflicts > 0;
    }
    if (hot > 0)
        qsort(keys, hot, sizeof *keys, by_heat);
    *count = hot < most ? hot : most;
    for (uint32_t i = 0; i < *count; i++)
        out[i] = keys[i];
    free(rows);
    free(keys);
    return st;
}

uint32_t evm_insight_place(const struct evm_hot_key *keys, uint32_t count,
                           const struct evm_access *a)
{
    for (uint32_t i = 0; i < count; i++)
        if (keys[i].kind == a->kind && evm_addr_eq(&keys[i].addr, &a->addr) &&
            (a->kind != EVM_MV_SLOT || evm_u256_cmp(&keys[i].key, &a->key) == 0))
            return i;
    return EVM_NO_TX;
}

/* ---- the graph ---- */

enum evm_status evm_insight_graph(const struct evm_oracle_input *in, struct evm_conflict **out,
                                  uint32_t *count)
{
    const struct evm_access_sets *s = in->sets;
    uint32_t n = 0;
    *out = NULL;
    *count = 0;
    for (int fill = 0; fill < 2; fill++) {
        n = 0;
        for (uint32_t i = 0; i < s->tx_count; i++)
            for (uint32_t k = s->first[i]; k < s->first[i + 1]; k++) {
                const struct evm_access *a = &s->list[k];
                if (!evm_oracle_is_edge(in, i, a))
                    continue;
                if (fill)
                    (*out)[n] = (struct evm_conflict){i, a->from, a};
                n++;
            }
        if (n == 0)
            return EVM_OK;
        if (!fill && !(*out = evm_malloc(n * sizeof **out)))
            return EVM_ERR_MEMORY;
    }
    *count = n;
    return EVM_OK;
}
